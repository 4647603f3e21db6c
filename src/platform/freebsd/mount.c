/*
 * Mounts and unmounts.
 *
 * The kernel takes paths, and a path below an app's root belongs to somebody else. So a child makes
 * the target its working directory and mounts on ".": that is the directory that was opened and
 * checked, whoever renames what meanwhile (CVE-2021-30465). Of a source the kernel only takes the
 * path; what got mounted is therefore compared with what was opened, before any process can reach
 * it. Mounts are undone by their file system id, never by a path.
 */
#include <sys/param.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "platform/freebsd/freebsd.h"
#include "platform/freebsd/options.h"
#include "sys/fd.h"

#define UNMOUNT_TRIES 200 /* of 10 ms: a process of the pod may still be ending */
#define SPARE_MOUNTS  64  /* that may appear while we look */
#define UUID_LEN      36

struct job {
    const struct jp_freebsd_mount *mount;
    int target_fd;
};

/* Splits "name=value name2" in place. */
static void add_options(struct jp_options *options, char *text)
{
    char *rest = NULL;
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(word, '=');
        if (value)
            *value++ = '\0';
        if (value)
            jp_options_text(options, word, value);
        else
            jp_options_add(options, word, NULL, 0);
    }
}

/* In a child. */
static int mount_here(void *context, struct jp_error *err)
{
    const struct job *job = context;
    const struct jp_freebsd_mount *m = job->mount;
    struct jp_options options = JP_OPTIONS_INIT;
    char words[256];
    if (fchdir(job->target_fd) < 0)
        return jp_fail_sys(err, "enter a mount point");
    jp_options_text(&options, "fstype", m->type);
    jp_options_text(&options, "fspath", ".");
    /* nullfs has its own word, which newer kernels still take. */
    jp_options_text(&options, m->source ? "target" : "from", m->source ? m->source : m->type);
    if (m->options) {
        (void)snprintf(words, sizeof(words), "%s", m->options);
        add_options(&options, words);
    }
    return jp_options_mount(&options, m->flags, err);
}

int jp_freebsd_mount(const struct jp_freebsd_mount *mount, int target_fd, struct jp_error *err)
{
    struct job job = {mount, target_fd};
    return jp_freebsd_in_child(mount_here, &job, err);
}

/* nullfs shows everything of the directory below but the device it lies on. */
static bool is_same_directory(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_gen == b->st_gen &&
           a->st_birthtim.tv_sec == b->st_birthtim.tv_sec &&
           a->st_birthtim.tv_nsec == b->st_birthtim.tv_nsec;
}

int jp_freebsd_check_mounted(int mounted_fd, int source_fd, struct jp_error *err)
{
    struct statfs fs;
    struct stat a, b;
    if (fstatfs(mounted_fd, &fs) < 0 || fstat(mounted_fd, &a) < 0 || fstat(source_fd, &b) < 0)
        return jp_fail_sys(err, "look at a mount");
    if (strcmp(fs.f_fstypename, "nullfs") != 0 || !is_same_directory(&a, &b))
        return jp_fail(err, JP_EINVALID, 0, "its source or its target was exchanged meanwhile");
    return 0;
}

/* Every mount of the host; NULL with JP_ENOMEM. *ret_count. */
static struct statfs *all_mounts(size_t *ret_count, struct jp_error *err)
{
    int count = getfsstat(NULL, 0, MNT_NOWAIT);
    size_t room = (size_t)(count < 0 ? 0 : count) + SPARE_MOUNTS;
    struct statfs *all = jp_calloc(room, sizeof(*all));
    if (all)
        count = getfsstat(all, (long)(room * sizeof(*all)), MNT_NOWAIT);
    if (!all || count < 0) {
        free(all);
        jp_oom(err);
        return NULL;
    }
    *ret_count = (size_t)count;
    return all;
}

static bool is_below(const char *path, const char *dir)
{
    size_t len = strlen(dir);
    if (len == 1 && dir[0] == '/')
        return true;
    return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static int unmount_one(const struct statfs *fs, struct jp_error *err)
{
    char id[64];
    (void)snprintf(id, sizeof(id), "FSID:%d:%d", fs->f_fsid.val[0], fs->f_fsid.val[1]);
    for (int i = 0;; i++) {
        /* By force: the jail is gone, and who looks at it from the host must not keep it. */
        if (unmount(id, MNT_BYFSID | MNT_FORCE) == 0 || errno == EINVAL || errno == ENOENT)
            return 0;
        if (errno != EBUSY || i >= UNMOUNT_TRIES)
            return jp_fail(err, JP_EBUSY, errno, "unmount '%s'", fs->f_mntonname);
        (void)poll(NULL, 0, 10);
    }
}

int jp_freebsd_unmount_below(const char *dir, struct jp_error *err)
{
    /* The kernel lists true paths: ours must be one. */
    JP_AUTO_FREE char *real = realpath(dir, NULL);
    if (!real)
        return errno == ENOENT ? 0 : jp_fail_sys(err, "find '%s'", dir);
    size_t count = 0;
    JP_AUTO_FREE struct statfs *all = all_mounts(&count, err);
    if (!all)
        return -1;
    int r = 0;
    while (count-- > 0) { /* the newest is the last one */
        if (is_below(all[count].f_mntonname, real) && unmount_one(&all[count], err) < 0)
            r = -1;
    }
    return r;
}

bool jp_freebsd_has_mount_below(const char *path)
{
    size_t count = 0;
    JP_AUTO_FREE struct statfs *all = all_mounts(&count, NULL);
    for (size_t i = 0; all && i < count; i++) {
        if (is_below(all[i].f_mntonname, path) && strcmp(all[i].f_mntonname, path) != 0)
            return true;
    }
    return false;
}

/* ".../UUID/world/..." is a mount of some pod. */
static bool is_of_a_pod(const char *path)
{
    static const char part[] = "/" JP_FREEBSD_WORLD "/";
    char uuid[UUID_LEN + 1] = "";
    const char *at = strstr(path, part);
    if (!at || at - path <= UUID_LEN)
        return false;
    memcpy(uuid, at - UUID_LEN, UUID_LEN);
    return jp_uuid_valid(uuid);
}

static bool is_alias(const struct statfs *fs, const struct stat *source)
{
    struct stat st;
    JP_AUTO_FD int fd = open(fs->f_mntonname, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct statfs there;
    return fd >= 0 && fstatfs(fd, &there) == 0 &&
           memcmp(&there.f_fsid, &fs->f_fsid, sizeof(fs->f_fsid)) == 0 && fstat(fd, &st) == 0 &&
           is_same_directory(&st, source);
}

int jp_freebsd_check_sharing(const char *dir, const char *source, int source_fd, bool is_read_only,
                             struct jp_error *err)
{
    JP_AUTO_FREE char *real = realpath(dir, NULL);
    size_t count = 0;
    JP_AUTO_FREE struct statfs *all = real ? all_mounts(&count, err) : NULL;
    struct stat st;
    if (!real || fstat(source_fd, &st) < 0)
        return jp_fail_sys(err, "find '%s'", dir);
    if (!all)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct statfs *fs = &all[i];
        if (strcmp(fs->f_fstypename, "nullfs") != 0 || !is_of_a_pod(fs->f_mntonname) ||
            is_below(fs->f_mntonname, real) || (is_read_only && (fs->f_flags & MNT_RDONLY)))
            continue;
        if (is_below(fs->f_mntfromname, source) || is_below(source, fs->f_mntfromname) ||
            is_alias(fs, &st))
            return jp_fail(err, JP_EBUSY, 0,
                           "'%s' is in use by another pod (at '%s'), and on this system a shared "
                           "volume leads out of a jail: let both have it read-only, or say "
                           "jetpack/share-volumes=on",
                           source, fs->f_mntonname);
    }
    return 0;
}
