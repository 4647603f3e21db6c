/*
 * Lists of names and values as nmount(2), jail_set(2) and jail_get(2) take them, with room for what
 * the kernel says when it refuses. Values stay separate all the way down: none is ever joined into
 * a string that the kernel would take apart again.
 */
#ifndef JP_PLATFORM_FREEBSD_OPTIONS_H
#define JP_PLATFORM_FREEBSD_OPTIONS_H

#include <sys/types.h>
#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define JP_OPTIONS_MAX     192 /* names and values */
#define JP_OPTIONS_MESSAGE 256 /* what the kernel says */

/* Names and values are the caller's and must outlive the use. */
struct jp_options {
    struct iovec items[JP_OPTIONS_MAX];
    unsigned count;
    bool is_full; /* something did not fit: every use fails */
    char message[JP_OPTIONS_MESSAGE];
};

#define JP_OPTIONS_INIT                                                                            \
    {                                                                                              \
        .count = 0                                                                                 \
    }

/* value NULL: an option without value. Its bytes are taken as they are. */
void jp_options_add(struct jp_options *options, const char *name, const void *value, size_t len);
void jp_options_text(struct jp_options *options, const char *name, const char *value);

/* Mounts (flags as mount(2)). -1 with JP_EUNSUPPORTED when this kernel lacks the file system. */
int jp_options_mount(struct jp_options *options, int flags, struct jp_error *err);

/* jail_set(2) and jail_get(2): the jail's id, or -1 with errno; *message may say more. */
int jp_options_jail_set(struct jp_options *options, int flags);
int jp_options_jail_get(struct jp_options *options, int flags);

#endif
