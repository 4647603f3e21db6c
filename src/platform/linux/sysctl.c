/*
 * Kernel parameters of a pod (ace.md "os/unix/sysctl"): those of its namespaces and no others.
 *
 * A list says which may be asked for. What the kernel calls net.* is not all of the namespace's
 * own, and differs between versions; so the host's value is looked at before and after, and put
 * back when it changed. Parameters of the network show in /proc/sys according to who looks.
 */
#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "platform/linux/linux.h"
#include "platform/linux/settle.h"
#include "sys/calls.h"
#include "sys/fd.h"

#define MAX_VALUE 4096 /* bytes of a parameter */

static const char *const ipc_keys[] = {
    "kernel.msgmax", "kernel.msgmnb",          "kernel.msgmni",
    "kernel.sem",    "kernel.shmall",          "kernel.shmmax",
    "kernel.shmmni", "kernel.shm_rmid_forced", "kernel.domainname", /* of the UTS namespace */
};

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* NULL, or why it is not for a pod to set. */
static const char *why_refused(const struct jp_plan *plan, const char *key)
{
    if (begins_with(key, "net."))
        return plan->net.mode == JP_NET_HOST ? "the pod has the host's network" : NULL;
    if (begins_with(key, "fs.mqueue."))
        return NULL;
    for (size_t i = 0; i < JP_LEN(ipc_keys); i++) {
        if (strcmp(key, ipc_keys[i]) == 0)
            return NULL;
    }
    return "it belongs to the host";
}

/*
 * "net.ipv4.conf.eth0/1.forwarding" is net/ipv4/conf/eth0.1/forwarding: sysctl(8)'s way. False for
 * anything that could lead elsewhere.
 */
static bool path_of(const char *key, char path[PATH_MAX])
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-:./";
    size_t len = strlen(key);
    if (len == 0 || len > 512 || strspn(key, allowed) != len || key[len - 1] == '.')
        return false;
    for (const char *p = key; *p; p++) {
        bool is_start = p == key || p[-1] == '.';
        if (is_start &&
            (*p == '.' || *p == '/')) /* an empty part, or one that becomes "." or ".." */
            return false;
    }
    for (size_t i = 0; i < len; i++)
        path[i] = (char)(key[i] == '.' ? '/' : key[i] == '/' ? '.' : key[i]);
    path[len] = '\0';
    return true;
}

/* The kernel's own, not a directory that looks like it (CVE-2019-16884). */
static int open_all(void)
{
    struct statfs fs;
    JP_AUTO_FD int dir = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || fstatfs(dir, &fs) < 0)
        return -1;
    if (fs.f_type != PROC_SUPER_MAGIC) {
        errno = ENOTSUP;
        return -1;
    }
    return jp_fd_take(&dir);
}

static int read_parameter(const char *path, struct jp_buf *ret)
{
    JP_AUTO_FD int dir = open_all();
    return dir < 0 ? -1 : jp_file_read(dir, path, MAX_VALUE, ret, NULL);
}

static int write_parameter(const char *path, const char *value)
{
    JP_AUTO_FD int dir = open_all();
    JP_AUTO_FD int fd = dir < 0 ? -1 : openat(dir, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -1;
    return jp_sys.write(fd, value, strlen(value)) < 0 ? -1 : 0;
}

/* Numbers that the kernel prints with tabs are the same with blanks. */
static bool are_equal(const char *a, const char *b)
{
    static const char blanks[] = " \t\n";
    for (;;) {
        a += strspn(a, blanks);
        b += strspn(b, blanks);
        size_t len = strcspn(a, blanks);
        if (len != strcspn(b, blanks) || strncmp(a, b, len) != 0)
            return false;
        if (len == 0)
            return true;
        a += len;
        b += len;
    }
}

struct parameter {
    const char *path;
    const char *value;
};

static int set_inside(void *context, struct jp_error *err)
{
    const struct parameter *p = context;
    JP_AUTO(jp_buf) now = JP_BUF_INIT;
    if (write_parameter(p->path, p->value) < 0)
        return errno == ENOENT ? jp_fail(err, JP_ENOTFOUND, 0, "pods have no such parameter")
                               : jp_fail(err, JP_ESYS, 0, "%s", strerror(errno));
    if (read_parameter(p->path, &now) < 0)
        return jp_fail(err, JP_ESYS, 0, "it cannot be read back");
    if (!are_equal(jp_buf_text(&now), p->value))
        return jp_fail(err, JP_ESYS, 0, "the kernel made '%.*s' of it",
                       (int)strcspn(jp_buf_text(&now), "\n"), jp_buf_text(&now));
    return 0;
}

static int set_parameter(struct jp_isolation *pod, const char *key, const char *value,
                         struct jp_error *err)
{
    char path[PATH_MAX];
    struct parameter p = {path, value};
    JP_AUTO(jp_buf) before = JP_BUF_INIT;
    JP_AUTO(jp_buf) after = JP_BUF_INIT;
    const char *why = why_refused(pod->plan, key);
    if (why)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "%s", why);
    if (!path_of(key, path))
        return jp_fail(err, JP_EINVALID, 0, "it is not the name of a parameter");
    bool is_hosts = read_parameter(path, &before) == 0;
    int r = jp_linux_inside(pod, set_inside, &p, err);
    if (!is_hosts || read_parameter(path, &after) < 0 ||
        are_equal(jp_buf_text(&before), jp_buf_text(&after)))
        return r;
    (void)write_parameter(path, jp_buf_text(&before));
    return r < 0 ? -1 : jp_fail(err, JP_EUNSUPPORTED, 0, "it belongs to the host");
}

void jp_linux_set_sysctls(struct jp_isolation *pod, struct jp_limit_report *ret)
{
    const struct jp_strv *all = &pod->plan->sysctls;
    size_t used = 0;
    ret->verdict = JP_VERDICT_ENFORCED;
    for (size_t i = 0; i < all->count; i++) {
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        JP_AUTO_FREE char *key = jp_strdup(all->items[i]);
        char *value = key ? strchr(key, '=') : NULL;
        if (value)
            *value++ = '\0';
        if (value && set_parameter(pod, key, value, &why) == 0)
            continue;
        ret->verdict = JP_VERDICT_IGNORED;
        int n = snprintf(ret->reason + used, sizeof(ret->reason) - used, "%s%s: %s",
                         used ? "; " : "", key ? key : "?", jp_error_text(&why));
        used += n > 0 && (size_t)n < sizeof(ret->reason) - used ? (size_t)n : 0;
    }
}
