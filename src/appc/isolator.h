/*
 * Isolators (types.md "Isolator Type", ace.md "Isolators"): a name and a JSON value. Those of the
 * specification are read into typed fields; unknown ones are kept as they are. The JSON value is
 * what is printed, so a typed field is never changed in place: put a new isolator instead.
 */
#ifndef JP_APPC_ISOLATOR_H
#define JP_APPC_ISOLATOR_H

#include <stdbool.h>
#include <stddef.h>

#include "appc/pairs.h"
#include "appc/quantity.h"
#include "base/error.h"
#include "base/strv.h"

enum jp_isolator_kind {
    JP_ISOLATOR_UNKNOWN = 0,
    JP_ISOLATOR_BLOCK_BANDWIDTH,   /* resource/block-bandwidth: resource */
    JP_ISOLATOR_BLOCK_IOPS,        /* resource/block-iops: resource */
    JP_ISOLATOR_CPU,               /* resource/cpu: resource, cores */
    JP_ISOLATOR_MEMORY,            /* resource/memory: resource, bytes */
    JP_ISOLATOR_NETWORK_BANDWIDTH, /* resource/network-bandwidth: resource */
    JP_ISOLATOR_CAPS_RETAIN,       /* os/linux/capabilities-retain-set: set */
    JP_ISOLATOR_CAPS_REMOVE,       /* os/linux/capabilities-remove-set: set */
    JP_ISOLATOR_SECCOMP_RETAIN,    /* os/linux/seccomp-retain-set: set, errno_name */
    JP_ISOLATOR_SECCOMP_REMOVE,    /* os/linux/seccomp-remove-set: set, errno_name */
    JP_ISOLATOR_NO_NEW_PRIVILEGES, /* os/linux/no-new-privileges: flag */
    JP_ISOLATOR_SELINUX,           /* os/linux/selinux-context: selinux */
    JP_ISOLATOR_APPARMOR,          /* os/linux/apparmor-profile: profile */
    JP_ISOLATOR_SYSCTL,            /* os/unix/sysctl: sysctls */
    JP_ISOLATOR_CPU_SHARES,        /* os/linux/cpu-shares (the Go schema's): number */
    JP_ISOLATOR_OOM_SCORE_ADJ,     /* os/linux/oom-score-adj (the Go schema's): number */
    JP_ISOLATOR_KIND_MAX,
};

#define JP_CPU_SHARES_MIN 2
#define JP_CPU_SHARES_MAX 262144

struct jp_isolator {
    char *name; /* AC Identifier */
    enum jp_isolator_kind kind;
    struct json_t *value; /* as it came */
    struct json_t *extra; /* unknown fields beside name and value */

    /* resource/...; a request that was not given equals the limit (ace.md). */
    bool has_limit;
    bool has_request; /* given in the text */
    struct jp_quantity limit;
    struct jp_quantity request;

    struct jp_strv set; /* capabilities ("CAP_CHOWN") or system calls ("read", "@appc.io/all") */
    char *errno_name;   /* "EPERM"; NULL: the process is killed */
    bool flag;          /* no-new-privileges */
    struct {
        char *user, *role, *type, *level;
    } selinux;
    char *profile;
    struct jp_pairs sysctls;
    long long number;
};

struct jp_isolators {
    struct jp_isolator *items;
    size_t count;
    size_t capacity;
};

#define JP_ISOLATOR_INIT                                                                           \
    {                                                                                              \
        .name = NULL                                                                               \
    }
#define JP_ISOLATORS_INIT                                                                          \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

/* The name of a kind, and back (JP_ISOLATOR_UNKNOWN for others). */
const char *jp_isolator_kind_name(enum jp_isolator_kind kind);
enum jp_isolator_kind jp_isolator_kind_from_name(const char *name);

/* Reads one from its name and the text of its JSON value: `--isolator NAME=JSON`. */
int jp_isolator_parse(const char *name, const char *json, struct jp_isolator *ret,
                      struct jp_error *err);

/* The value as compact JSON; new memory, NULL without memory. */
char *jp_isolator_value_text(const struct jp_isolator *isolator);

/* The first of a kind or of a name; NULL when there is none. */
const struct jp_isolator *jp_isolators_find(const struct jp_isolators *list,
                                            enum jp_isolator_kind kind);
const struct jp_isolator *jp_isolators_find_name(const struct jp_isolators *list, const char *name);

/* Replaces the isolators of that name or appends; takes over *isolator. -1 with JP_ENOMEM. */
int jp_isolators_put(struct jp_isolators *list, struct jp_isolator *isolator, struct jp_error *err);

/*
 * The rules between isolators (ace.md): at most one seccomp, SELinux, AppArmor and sysctl isolator,
 * no retain set beside a remove set. Several of the others are allowed by the text.
 */
int jp_isolators_check(const struct jp_isolators *list, struct jp_error *err);

int jp_isolators_copy(struct jp_isolators *to, const struct jp_isolators *from,
                      struct jp_error *err);
void jp_isolator_clear(struct jp_isolator *isolator);
void jp_isolators_clear(struct jp_isolators *list);

#endif
