#include "sys/filesystem.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <linux/fiemap.h>
#include <linux/fs.h>
#else
#include <sys/mount.h>
#endif

#include "base/mem.h"

#define LINUX_ZFS_MAGIC 0x2fc12fc1

int jp_filesystem_sync(int fd)
{
#ifdef __linux__
    return syncfs(fd);
#else
    sync();
    return fsync(fd);
#endif
}

int jp_filesystem_free(int fd, uint64_t *ret_bytes)
{
    struct statvfs fs;
    if (fstatvfs(fd, &fs) != 0)
        return -1;
    uint64_t unit = fs.f_frsize ? fs.f_frsize : fs.f_bsize;
    uint64_t blocks = (uint64_t)fs.f_bavail;
    *ret_bytes = unit && blocks > UINT64_MAX / unit ? UINT64_MAX : blocks * unit;
    return 0;
}

bool jp_filesystem_has_silent_attributes(int fd)
{
    struct statfs fs;
    if (fstatfs(fd, &fs) != 0)
        return false;
#ifdef __linux__
    return fs.f_type == LINUX_ZFS_MAGIC;
#else
    return strcmp(fs.f_fstypename, "zfs") == 0;
#endif
}

#ifdef __linux__

#define EXTENTS_AT_ONCE 32

int jp_file_own_bytes(int fd, uint64_t *ret_bytes)
{
    union {
        struct fiemap map;
        unsigned char space[sizeof(struct fiemap) + EXTENTS_AT_ONCE * sizeof(struct fiemap_extent)];
    } ask;
    const struct fiemap_extent *last = NULL;
    uint64_t own = 0;
    memset(&ask, 0, sizeof(ask));
    do {
        ask.map.fm_start = last ? last->fe_logical + last->fe_length : 0;
        ask.map.fm_length = FIEMAP_MAX_OFFSET - ask.map.fm_start;
        ask.map.fm_flags = FIEMAP_FLAG_SYNC;
        ask.map.fm_extent_count = EXTENTS_AT_ONCE;
        if (ioctl(fd, FS_IOC_FIEMAP, &ask.map) < 0) {
            errno = ENOTSUP;
            return -1;
        }
        for (uint32_t i = 0; i < ask.map.fm_mapped_extents && i < EXTENTS_AT_ONCE; i++) {
            last = &ask.map.fm_extents[i];
            if (!(last->fe_flags & (FIEMAP_EXTENT_SHARED | FIEMAP_EXTENT_DATA_INLINE)))
                own += last->fe_length;
        }
    } while (ask.map.fm_mapped_extents > 0 && !(last->fe_flags & FIEMAP_EXTENT_LAST));
    *ret_bytes = own;
    return 0;
}

#else

int jp_file_own_bytes(int fd, uint64_t *ret_bytes)
{
    (void)fd;
    (void)ret_bytes;
    errno = ENOTSUP;
    return -1;
}

#endif

bool jp_device_make(uint64_t major_number, uint64_t minor_number, dev_t *ret)
{
    if (major_number > UINT32_MAX || minor_number > UINT32_MAX)
        return false;
    dev_t device = makedev((unsigned)major_number, (unsigned)minor_number);
    uint64_t a = 0;
    uint64_t b = 0;
    jp_device_split(device, &a, &b);
    if (a != major_number || b != minor_number)
        return false;
    *ret = device;
    return true;
}

void jp_device_split(dev_t device, uint64_t *ret_major, uint64_t *ret_minor)
{
    *ret_major = (uint64_t)major(device);
    *ret_minor = (uint64_t)minor(device);
}
