#include "sys/filesystem.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/sysmacros.h>
#endif

#include "base/mem.h"

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

int jp_file_flags_set(int dir_fd, const char *name, const char *flags)
{
#ifdef __FreeBSD__
    JP_AUTO_FREE char *words = jp_strdup(flags);
    if (!words) {
        errno = ENOMEM;
        return -1;
    }
    unsigned long set = 0;
    unsigned long clear = 0;
    char *rest = words;
    if (strtofflags(&rest, &set, &clear) != 0) {
        errno = EINVAL;
        return -1;
    }
    return chflagsat(dir_fd, name, set, AT_SYMLINK_NOFOLLOW) == 0 ? 1 : -1;
#else
    (void)dir_fd;
    (void)name;
    (void)flags;
    return 0;
#endif
}
