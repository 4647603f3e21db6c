/*
 * Jail parameters: from the words of a configuration to what jail_set(2) takes. The kernel says of
 * each what type it has (sysctl security.jail.param).
 */
#ifndef JP_PLATFORM_FREEBSD_PARAMETER_H
#define JP_PLATFORM_FREEBSD_PARAMETER_H

#include <stddef.h>

#include "base/error.h"
#include "base/strv.h"

#define JP_FREEBSD_PARAMETERS_MAX 92 /* what fits in a list of options */

struct jp_freebsd_parameter {
    char *name;  /* "allow.mount"; "allow.nomount" when it is taken away */
    void *value; /* NULL: by its name alone */
    size_t len;
};

struct jp_freebsd_parameters {
    struct jp_freebsd_parameter items[JP_FREEBSD_PARAMETERS_MAX];
    size_t count;
    struct jp_strv *warnings; /* told of what weakens a jail; the caller's */
};

/* Takes away every allow.* that this kernel knows. */
int jp_freebsd_parameters_deny_all(struct jp_freebsd_parameters *ps, struct jp_error *err);
/*
 * Sets one; an earlier value of it is replaced. JP_EINVALID when the kernel knows no such parameter
 * or the value does not fit its type or its length (FreeBSD-SA-20:08: strings that were not ended).
 */
int jp_freebsd_parameters_set(struct jp_freebsd_parameters *ps, const char *name, const char *value,
                              struct jp_error *err);
/* The same for what a configuration or a pod asks for ("NAME=VALUE"): not for what is ours. */
int jp_freebsd_parameters_ask(struct jp_freebsd_parameters *ps, const char *assignment,
                              struct jp_error *err);
void jp_freebsd_parameters_clear(struct jp_freebsd_parameters *ps);

#endif
