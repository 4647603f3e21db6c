/*
 * Roots that an app has left because it is started again: unmounted at once, or when the last
 * process in them has ended. A process is in the root that the kernel lists as its own; an open
 * file alone does not keep one mounted.
 */
#include <sys/param.h>
#include <sys/sysctl.h>
#include <sys/user.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/freebsd/freebsd.h"
#include "sys/calls.h"
#include "sys/fd.h"

/* What sysctl(3) tells of a process or of all; NULL when it cannot. */
static void *tell(const int *name, unsigned count, size_t *ret_len)
{
    size_t len = 0;
    if (sysctl(name, count, NULL, &len, NULL, 0) < 0)
        return NULL;
    len += len / 4;
    void *all = malloc(len);
    if (all && sysctl(name, count, all, &len, NULL, 0) < 0) {
        free(all);
        return NULL;
    }
    *ret_len = len;
    return all;
}

/* Its root directory is the one at `path`, as the host sees it. */
static bool is_in(pid_t pid, const char *path)
{
    const int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_FILEDESC, pid};
    size_t len = 0;
    JP_AUTO_FREE char *all = tell(name, JP_LEN(name), &len);
    for (size_t at = 0; all && at < len;) {
        struct kinfo_file file;
        size_t left = len - at;
        memset(&file, 0, sizeof(file));
        memcpy(&file, all + at, left < sizeof(file) ? left : sizeof(file));
        if (file.kf_structsize <= 0 || (size_t)file.kf_structsize > left)
            return false;
        if (file.kf_fd == KF_FD_TYPE_ROOT)
            return strcmp(file.kf_path, path) == 0;
        at += (size_t)file.kf_structsize;
    }
    return false;
}

static bool has_processes(const struct jp_isolation *pod, const char *place)
{
    const int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PROC};
    size_t len = 0;
    JP_AUTO_FREE char *real = realpath(pod->world, NULL);
    JP_AUTO_FREE char *path = real ? jp_format("%s/%s", real, place) : NULL;
    JP_AUTO_FREE struct kinfo_proc *all = path ? tell(name, JP_LEN(name), &len) : NULL;
    for (size_t i = 0; all && i < len / sizeof(*all); i++) {
        if (all[i].ki_jid == pod->jid && all[i].ki_stat != SZOMB && is_in(all[i].ki_pid, path))
            return true;
    }
    return false;
}

void jp_freebsd_remove_place(const struct jp_isolation *pod, const char *place)
{
    JP_AUTO_FREE char *path = jp_format("%s/%s", pod->world, place);
    if (!path)
        return;
    (void)jp_freebsd_unmount_below(path, NULL);
    (void)jp_sys.unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

void jp_freebsd_leave(struct jp_isolation *pod, size_t index, uint64_t *ret_number)
{
    struct jp_freebsd_app *app = &pod->apps[index];
    *ret_number = 0;
    jp_fd_close(&app->root_fd);
    bool is_kept = has_processes(pod, app->place) &&
                   jp_grow(&pod->left, &pod->left_capacity, pod->n_left, sizeof(*pod->left)) == 0;
    if (is_kept) {
        struct jp_freebsd_left *left = &pod->left[pod->n_left++];
        left->number = *ret_number = ++pod->last_left;
        memcpy(left->place, app->place, sizeof(left->place));
    } else {
        jp_freebsd_remove_place(pod, app->place);
    }
    (void)snprintf(app->place, sizeof(app->place), "%zu.%u", index, ++app->renewals);
}

bool jp_freebsd_is_left(struct jp_isolation *pod, uint64_t number)
{
    for (size_t i = 0; i < pod->n_left; i++) {
        struct jp_freebsd_left *left = &pod->left[i];
        if (left->number != number)
            continue;
        if (has_processes(pod, left->place))
            return true;
        jp_freebsd_remove_place(pod, left->place);
        *left = pod->left[--pod->n_left];
        return false;
    }
    return false;
}
