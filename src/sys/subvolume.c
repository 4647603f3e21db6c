#include "sys/subvolume.h"

#include <errno.h>

#ifdef __linux__

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/btrfs.h>
#include <linux/magic.h>
#include <stdint.h>
#include <string.h>

#include "sys/fd.h"

#define TOP_INODE 256U /* BTRFS_FIRST_FREE_OBJECTID: the top directory of every subvolume */

bool jp_subvolume_is_possible(int dir_fd)
{
    struct statfs fs;
    return fstatfs(dir_fd, &fs) == 0 && (uint64_t)fs.f_type == BTRFS_SUPER_MAGIC;
}

bool jp_subvolume_is(int dir_fd)
{
    struct stat st;
    return fstat(dir_fd, &st) == 0 && S_ISDIR(st.st_mode) && st.st_ino == TOP_INODE &&
           jp_subvolume_is_possible(dir_fd);
}

/* A name of one component, as the kernel's structures hold it. */
static int copy_name(char *to, size_t size, const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len >= size || strchr(name, '/')) {
        errno = EINVAL;
        return -1;
    }
    memcpy(to, name, len + 1);
    return 0;
}

int jp_subvolume_create(int dir_fd, const char *name)
{
    struct btrfs_ioctl_vol_args args = {0};
    if (copy_name(args.name, sizeof(args.name), name) < 0)
        return -1;
    return ioctl(dir_fd, BTRFS_IOC_SUBVOL_CREATE, &args) < 0 ? -1 : 0;
}

int jp_subvolume_snapshot(int from_fd, int dir_fd, const char *name)
{
    struct btrfs_ioctl_vol_args_v2 args = {.fd = from_fd};
    if (copy_name(args.name, sizeof(args.name), name) < 0)
        return -1;
    return ioctl(dir_fd, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0 ? -1 : 0;
}

int jp_subvolume_set_read_only(int subvolume_fd, bool is_read_only)
{
    uint64_t flags = 0;
    if (ioctl(subvolume_fd, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) < 0)
        return -1;
    uint64_t wanted =
        is_read_only ? flags | BTRFS_SUBVOL_RDONLY : flags & ~(uint64_t)BTRFS_SUBVOL_RDONLY;
    return wanted == flags || ioctl(subvolume_fd, BTRFS_IOC_SUBVOL_SETFLAGS, &wanted) == 0 ? 0 : -1;
}

int jp_subvolume_delete(int dir_fd, const char *name)
{
    struct btrfs_ioctl_vol_args args = {0};
    JP_AUTO_FD int fd = jp_fd_open_dir(dir_fd, name, NULL);
    if (fd < 0 || !jp_subvolume_is(fd))
        return 0;
    if (copy_name(args.name, sizeof(args.name), name) < 0)
        return -1;
    if (ioctl(dir_fd, BTRFS_IOC_SNAP_DESTROY, &args) == 0)
        return 1;
    if (errno == ENOENT)
        return 0;
    if (errno != ENOTEMPTY)
        return -1;
    return jp_subvolume_set_read_only(fd, false);
}

#else

bool jp_subvolume_is_possible(int dir_fd)
{
    (void)dir_fd;
    return false;
}

bool jp_subvolume_is(int dir_fd)
{
    return jp_subvolume_is_possible(dir_fd);
}

int jp_subvolume_create(int dir_fd, const char *name)
{
    (void)dir_fd;
    (void)name;
    errno = ENOTSUP;
    return -1;
}

int jp_subvolume_snapshot(int from_fd, int dir_fd, const char *name)
{
    (void)from_fd;
    return jp_subvolume_create(dir_fd, name);
}

int jp_subvolume_set_read_only(int subvolume_fd, bool is_read_only)
{
    (void)subvolume_fd;
    (void)is_read_only;
    errno = ENOTSUP;
    return -1;
}

int jp_subvolume_delete(int dir_fd, const char *name)
{
    (void)dir_fd;
    (void)name;
    return 0;
}

#endif
