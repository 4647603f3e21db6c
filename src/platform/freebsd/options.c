#include "platform/freebsd/options.h"

#include <sys/param.h>
#include <sys/jail.h>
#include <sys/mount.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>

void jp_options_add(struct jp_options *options, const char *name, const void *value, size_t len)
{
    if (options->count + 4 > JP_OPTIONS_MAX) { /* two, and two for the message */
        options->is_full = true;
        return;
    }
    options->items[options->count++] =
        (struct iovec){.iov_base = (void *)(uintptr_t)name, .iov_len = strlen(name) + 1};
    options->items[options->count++] =
        (struct iovec){.iov_base = (void *)(uintptr_t)value, .iov_len = value ? len : 0};
}

void jp_options_text(struct jp_options *options, const char *name, const char *value)
{
    jp_options_add(options, name, value, strlen(value) + 1);
}

/* The message is the last option; 0, or -1 with errno when something did not fit. */
static int complete(struct jp_options *options)
{
    static char errmsg[] = "errmsg";
    if (options->is_full) {
        errno = E2BIG;
        return -1;
    }
    options->message[0] = '\0';
    options->items[options->count] = (struct iovec){errmsg, sizeof(errmsg)};
    options->items[options->count + 1] = (struct iovec){options->message, sizeof(options->message)};
    return 0;
}

int jp_options_mount(struct jp_options *options, int flags, struct jp_error *err)
{
    int r = complete(options);
    if (r == 0)
        r = nmount(options->items, options->count + 2, flags);
    if (r == 0)
        return 0;
    const char *type = options->items[1].iov_base;
    if (errno == ENODEV)
        return jp_fail(err, JP_EUNSUPPORTED, 0,
                       "this kernel has no file system '%s': load its module (kldload %s)", type,
                       type);
    if (options->message[0] != '\0')
        return jp_fail(err, JP_ESYS, errno, "mount %s: %s", type, options->message);
    return jp_fail_sys(err, "mount %s", type);
}

int jp_options_jail_set(struct jp_options *options, int flags)
{
    return complete(options) < 0 ? -1 : jail_set(options->items, options->count + 2, flags);
}

int jp_options_jail_get(struct jp_options *options, int flags)
{
    return complete(options) < 0 ? -1 : jail_get(options->items, options->count + 2, flags);
}
