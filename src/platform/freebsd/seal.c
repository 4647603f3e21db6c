/*
 * The last part of an app's root: /dev with a ruleset, /dev/fd, and what a Linux program needs.
 *
 * Without a ruleset devfs shows every device of the host (FreeBSD-SA-14:07): a ruleset that is
 * missing or empty stops the start. What is in the place of our mounts is replaced or covered,
 * never followed.
 */
#include <sys/param.h>
#include <sys/ioctl.h>
#include <sys/linker.h>
#include <sys/module.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysctl.h>

#include <errno.h>
#include <fcntl.h>
#include <fs/devfs/devfs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "platform/freebsd/freebsd.h"
#include "sys/calls.h"
#include "sys/fd.h"

static int check_ruleset(uint32_t ruleset, struct jp_error *err)
{
    struct devfs_rule rule = {.dr_magic = DEVFS_MAGIC};
    if (ruleset == 0 || ruleset > UINT16_MAX)
        return jp_fail(err, JP_EINVALID, 0, "%u is no devfs ruleset: it would show every device",
                       ruleset);
    rule.dr_id = (devfs_rid)ruleset << 16; /* mkrid(ruleset, 0) */
    JP_AUTO_FD int dev = jp_fd_open_dir(AT_FDCWD, "/dev", err);
    if (dev < 0)
        return -1;
    if (ioctl(dev, DEVFSIO_RGETNEXT, &rule) == 0)
        return 0;
    if (errno == ENOENT || errno == ESRCH)
        return jp_fail(err, JP_ENOTFOUND, 0,
                       "devfs ruleset %u is missing or empty, and the pod would see every device: "
                       "service devfs restart (devfs.rules(5)), or jetpack/devfs-ruleset=N",
                       ruleset);
    return jp_fail_sys(err, "look at devfs ruleset %u", ruleset);
}

/* NAME of a directory of ours or of the root, which becomes a directory whatever it was. */
static int open_top(int dir_fd, const char *name, struct jp_error *err)
{
    struct stat st;
    bool is_there = fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_there && !S_ISDIR(st.st_mode)) {
        if (jp_sys.unlinkat(dir_fd, name, 0) < 0)
            return jp_fail_sys(err, "replace '%s'", name);
        is_there = false;
    }
    if (!is_there && jp_sys.mkdirat(dir_fd, name, 0755) < 0)
        return jp_fail_sys(err, "make '%s'", name);
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? jp_fail_sys(err, "open '%s'", name) : fd;
}

/* Mounts a file system of the kernel's on NAME; the descriptor of its root. */
static int mount_top(int dir_fd, const char *name, const char *type, const char *options,
                     struct jp_error *err)
{
    struct jp_freebsd_mount m = {.type = type, .options = options, .flags = MNT_NOSUID};
    struct statfs fs;
    JP_AUTO_FD int target = open_top(dir_fd, name, err);
    if (target < 0 || jp_freebsd_mount(&m, target, err) < 0)
        return -1;
    JP_AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstatfs(fd, &fs) < 0)
        return jp_fail_sys(err, "open '%s'", name);
    if (strcmp(fs.f_fstypename, type) != 0)
        return jp_fail(err, JP_EINVALID, 0, "'%s' was exchanged while %s was mounted", name, type);
    return jp_fd_take(&fd);
}

static int mount_dev(const struct jp_plan_app *app, int root_fd, struct jp_error *err)
{
    char options[32];
    if (check_ruleset(app->devfs_ruleset, err) < 0)
        return -1;
    (void)snprintf(options, sizeof(options), "ruleset=%u", app->devfs_ruleset);
    JP_AUTO_FD int dev = mount_top(root_fd, "dev", "devfs", options, err);
    if (dev < 0)
        return -1;
    /* devfs has "fd" where the ruleset shows it; elsewhere a program has /dev/stdin and so on. */
    JP_AUTO_FD int there = openat(dev, "fd", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (there < 0)
        return 0;
    JP_AUTO_FD int fd = mount_top(dev, "fd", "fdescfs", app->is_linux ? "linrdlnk" : NULL, err);
    return fd < 0 ? -1 : 0;
}

/* ---- Linux programs ---- */

static bool has_linux_abi(void)
{
    /* The modules' names: 64 bit, and the 32 bit one of a kernel that has it built in. */
    return modfind("linux64elf") >= 0 || modfind("linuxelf") >= 0;
}

static int mount_linux(int root_fd, struct jp_error *err)
{
    if (!has_linux_abi())
        return jp_fail(err, JP_EUNSUPPORTED, 0,
                       "the image is for Linux, and this kernel does not run Linux programs: "
                       "kldload linux64 linprocfs linsysfs (or service linux onestart)");
    JP_AUTO_FD int proc = mount_top(root_fd, "proc", "linprocfs", NULL, err);
    JP_AUTO_FD int sys = proc < 0 ? -1 : mount_top(root_fd, "sys", "linsysfs", NULL, err);
    if (sys < 0)
        return -1;
    JP_AUTO_FD int dev = jp_fd_open_dir(root_fd, "dev", err);
    JP_AUTO_FD int shm = -1;
    if (dev < 0)
        return -1;
    /* A directory cannot be made in a devfs; where the ruleset has none, /dev/shm is not there. */
    if (faccessat(dev, "shm", F_OK, 0) == 0) {
        shm = mount_top(dev, "shm", "tmpfs", "mode=1777", err);
        return shm < 0 ? -1 : 0;
    }
    return 0;
}

int jp_freebsd_make_tops(const struct jp_plan_app *app, int root_fd, struct jp_error *err)
{
    static const char *const tops[] = {"dev", "proc", "sys"};
    for (size_t i = 0; i < (app->is_linux ? JP_LEN(tops) : 1); i++) {
        JP_AUTO_FD int fd = open_top(root_fd, tops[i], err);
        if (fd < 0)
            return -1;
    }
    return 0;
}

int jp_freebsd_seal(struct jp_isolation *pod, size_t app, struct jp_error *err)
{
    const struct jp_plan_app *plan = &pod->plan->apps[app];
    int root_fd = pod->apps[app].root_fd;
    if (mount_dev(plan, root_fd, err) < 0)
        return jp_wrap(err, "app '%s': complete its root", plan->name);
    if (plan->is_linux && mount_linux(root_fd, err) < 0)
        return jp_wrap(err, "app '%s'", plan->name);
    return 0;
}
