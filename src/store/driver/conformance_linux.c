/* The conformance suite on Linux: a mount namespace, overlays, btrfs in a file. */
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "store/driver/conformance.h"
#include "sys/fd.h"
#include "sys/mounts.h"

#define BTRFS_SIZE (256LL << 20) /* sparse; mkfs.btrfs wants 109 MiB */
#define LOOP_TRIES 64            /* others take loop devices at the same time */

const char *conformance_begin(void)
{
    if (geteuid() != 0)
        return "needs root";
    if (unshare(CLONE_NEWNS) < 0 || jp_mounts_make_private() < 0)
        return "not here: no mount namespace";
    return NULL;
}

/* mkfs.btrfs on a new file. NULL, or why not. */
static const char *make_btrfs(const char *path)
{
    JP_AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, BTRFS_SIZE) < 0)
        return "cannot make a file for a file system";
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        (void)execlp("mkfs.btrfs", "mkfs.btrfs", "-q", path, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    (void)waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return "there is no mkfs.btrfs";
    return status == 0 ? NULL : "mkfs.btrfs failed";
}

/* A loop device that goes when nobody uses it any more; its path in `device`. */
static int take_loop(const char *path, char device[32])
{
    JP_AUTO_FD int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    JP_AUTO_FD int file = open(path, O_RDWR | O_CLOEXEC);
    for (int i = 0; control >= 0 && file >= 0 && i < LOOP_TRIES; i++) {
        int n = ioctl(control, LOOP_CTL_GET_FREE);
        (void)snprintf(device, 32, "/dev/loop%d", n);
        JP_AUTO_FD int fd = n < 0 ? -1 : open(device, O_RDWR | O_CLOEXEC);
        if (fd < 0)
            return -1;
        if (ioctl(fd, LOOP_SET_FD, file) < 0) {
            if (errno == EBUSY)
                continue;
            return -1;
        }
        struct loop_info64 info = {.lo_flags = LO_FLAGS_AUTOCLEAR};
        if (ioctl(fd, LOOP_SET_STATUS64, &info) < 0) {
            (void)ioctl(fd, LOOP_CLR_FD, 0);
            return -1;
        }
        return jp_fd_take(&fd);
    }
    return -1;
}

static const char *mount_btrfs(const char *top)
{
    char file[300], dir[300], device[32];
    (void)snprintf(file, sizeof(file), "%s/btrfs.image", top);
    (void)snprintf(dir, sizeof(dir), "%s/btrfs", top);
    const char *why = make_btrfs(file);
    if (why)
        return why;
    JP_AUTO_FD int loop = take_loop(file, device);
    if (loop < 0)
        return "not here: no loop devices";
    if (mkdir(dir, 0755) < 0)
        return "cannot make a directory";
    if (mount(device, dir, "btrfs", 0, NULL) < 0)
        return errno == ENODEV ? "not here: the kernel has no btrfs" : "btrfs cannot be mounted";
    return NULL;
}

const char *conformance_place(const char *top, const char *driver, char root[300])
{
    bool is_btrfs = strcmp(driver, "btrfs") == 0;
    const char *why = is_btrfs ? mount_btrfs(top) : NULL;
    (void)snprintf(root, 300, "%s/%s/root", top, is_btrfs ? "btrfs" : driver);
    return why;
}

void conformance_leave_place(const char *top, const char *driver)
{
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/btrfs", top);
    if (strcmp(driver, "btrfs") == 0 && umount2(path, 0) < 0 && errno != EINVAL && errno != ENOENT)
        printf("# cannot unmount %s: %s\n", path, strerror(errno));
}

int conformance_enter(const char *top, const struct jp_plan_root *root, char path[300])
{
    if (root->kind != JP_ROOT_OVERLAY) {
        (void)snprintf(path, 300, "%s", root->dir);
        return 0;
    }
    JP_AUTO(jp_buf) options = JP_BUF_INIT;
    (void)snprintf(path, 300, "%s/merged", top);
    (void)mkdir(path, 0755);
    jp_buf_puts(&options, "lowerdir=");
    for (size_t i = 0; i < root->layers.count; i++)
        jp_buf_printf(&options, "%s%s", i ? ":" : "", root->layers.items[i]);
    jp_buf_printf(&options, ",upperdir=%s,workdir=%s", root->upper, root->work);
    return mount("overlay", path, "overlay", 0, jp_buf_text(&options));
}

void conformance_leave(const struct jp_plan_root *root, const char *path)
{
    if (root->kind == JP_ROOT_OVERLAY)
        (void)umount2(path, MNT_DETACH);
}
