#include "sys/dataset.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sys/fd.h"

#define MAX_NAMED 5 /* users of a file system that are told */

bool jp_dataset_is_mounted(int dir_fd, const char *name)
{
    struct stat above, st;
    return fstat(dir_fd, &above) == 0 && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(st.st_mode) && st.st_dev != above.st_dev;
}

static void name_user(struct jp_buf *ret, unsigned *count, const char *name, long pid)
{
    if (*count < MAX_NAMED)
        jp_buf_printf(ret, "%s%s (%ld)", *count ? ", " : "", name, pid);
    else if (*count == MAX_NAMED)
        jp_buf_puts(ret, " and others");
    (*count)++;
}

#ifdef __linux__

#include <sys/sysmacros.h>

#include <dirent.h>

#include "base/parse.h"

#define MAX_TABLE (16U << 20) /* bytes of a mount table: the kernel limits mounts to 100,000 */

/* Through the descriptor, so that no name is looked up but the last. */
static int path_at(int dir_fd, const char *name, char path[300])
{
    int len = snprintf(path, 300, "/proc/self/fd/%d/%s", dir_fd, name);
    if (len > 0 && len < 300)
        return 0;
    errno = ENAMETOOLONG;
    return -1;
}

int jp_dataset_mount_at(const char *dataset, int dir_fd, const char *name, bool is_read_only)
{
    char path[300];
    if (path_at(dir_fd, name, path) < 0)
        return -1;
    return mount(dataset, path, "zfs", MS_NODEV | (is_read_only ? MS_RDONLY : 0UL),
                 is_read_only ? "ro" : "rw");
}

int jp_dataset_unmount_at(int dir_fd, const char *name)
{
    char path[300];
    return path_at(dir_fd, name, path) < 0 ? -1 : umount2(path, UMOUNT_NOFOLLOW);
}

/* The device of a file system of ZFS is its own: "ID PARENT MAJOR:MINOR ... - zfs NAME OPTIONS". */
int jp_dataset_below(int dir_fd, char *ret, size_t size)
{
    struct stat st;
    JP_AUTO(jp_buf) table = JP_BUF_INIT;
    JP_AUTO_FD int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(dir_fd, &st) < 0 ||
        jp_fd_read_all(fd, MAX_TABLE, "mountinfo", &table, NULL) < 0)
        return -1;
    JP_AUTO_FREE char *device = jp_format(" %u:%u ", major(st.st_dev), minor(st.st_dev));
    for (char *line = device ? table.data : NULL, *end; line && (end = strchr(line, '\n'));
         line = end + 1) {
        *end = '\0';
        char *name = strstr(line, " - zfs ");
        if (!name || !strstr(line, device))
            continue;
        name += strlen(" - zfs ");
        size_t len = strcspn(name, " @");
        if (len >= size)
            return -1;
        memcpy(ret, name, len);
        ret[len] = '\0';
        return 0;
    }
    return -1;
}

static bool link_is_on(int pid_fd, const char *name, dev_t device)
{
    struct stat st;
    return fstatat(pid_fd, name, &st, 0) == 0 && st.st_dev == device;
}

static bool has_open_files(int pid_fd, dev_t device)
{
    static const char *const links[] = {"cwd", "root", "exe"};
    for (size_t i = 0; i < JP_LEN(links); i++) {
        if (link_is_on(pid_fd, links[i], device))
            return true;
    }
    int fd = jp_fd_open_dir(pid_fd, "fd", NULL);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        jp_fd_close(&fd);
        return false;
    }
    bool found = false;
    for (struct dirent *entry; !found && (entry = readdir(dir));)
        found = entry->d_name[0] != '.' && link_is_on(dirfd(dir), entry->d_name, device);
    (void)closedir(dir);
    return found;
}

/* A line of mountinfo ends with " - zfs DATASET OPTIONS"; a snapshot's name goes on with "@". */
static bool sees_mounted(int pid_fd, const char *dataset)
{
    JP_AUTO(jp_buf) table = JP_BUF_INIT;
    JP_AUTO_FREE char *wanted = jp_format(" - zfs %s", dataset);
    JP_AUTO_FD int fd = jp_fd_open(pid_fd, "mountinfo", O_RDONLY, 0, NULL);
    if (!wanted || fd < 0 || jp_fd_read_all(fd, MAX_TABLE, "mountinfo", &table, NULL) < 0)
        return false;
    for (const char *at = jp_buf_text(&table); (at = strstr(at, wanted)); at++) {
        char next = at[strlen(wanted)];
        if (next == ' ' || next == '@')
            return true;
    }
    return false;
}

static void read_name(int pid_fd, char name[20])
{
    JP_AUTO_FD int fd = jp_fd_open(pid_fd, "comm", O_RDONLY, 0, NULL);
    ssize_t len = fd < 0 ? 0 : read(fd, name, 19);
    name[len > 0 ? len : 0] = '\0';
    name[strcspn(name, "\n")] = '\0';
}

void jp_dataset_users(const char *dataset, dev_t device, struct jp_buf *ret)
{
    unsigned count = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        uint64_t pid;
        if (!jp_parse_u64(entry->d_name, 10, 1, INT32_MAX, &pid))
            continue;
        JP_AUTO_FD int fd = jp_fd_open_dir(dirfd(proc), entry->d_name, NULL);
        if (fd < 0 || !(device ? has_open_files(fd, device) : sees_mounted(fd, dataset)))
            continue;
        char name[20];
        read_name(fd, name);
        name_user(ret, &count, name, (long)pid);
    }
    if (proc)
        (void)closedir(proc);
}

#endif

#ifdef __FreeBSD__

#include <sys/param.h>
#include <sys/sysctl.h>
#include <sys/uio.h>
#include <sys/user.h>

#include <stdlib.h>
#include <unistd.h>

static struct iovec text_part(const char *text)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text) + 1};
}

/* nmount(2) looks paths up from the working directory and keeps the absolute one itself. */
int jp_dataset_mount_at(const char *dataset, int dir_fd, const char *name, bool is_read_only)
{
    struct iovec parts[] = {text_part("fstype"),
                            text_part("zfs"),
                            text_part("fspath"),
                            text_part(name),
                            text_part("from"),
                            text_part(dataset),
                            text_part(is_read_only ? "ro" : "rw"),
                            {.iov_base = NULL, .iov_len = 0}};
    JP_AUTO_FD int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (before < 0 || fchdir(dir_fd) < 0)
        return -1;
    int r = nmount(parts, JP_LEN(parts), is_read_only ? MNT_RDONLY : 0);
    int failure = errno;
    if (fchdir(before) < 0)
        return -1;
    errno = failure;
    return r;
}

/* By its id: the path that the kernel remembers is wrong once a directory above was renamed. */
int jp_dataset_unmount_at(int dir_fd, const char *name)
{
    struct statfs fs;
    char id[64];
    JP_AUTO_FD int fd = jp_fd_open_dir(dir_fd, name, NULL);
    if (fd < 0 || fstatfs(fd, &fs) < 0)
        return -1;
    jp_fd_close(&fd);
    (void)snprintf(id, sizeof(id), "FSID:%d:%d", fs.f_fsid.val[0], fs.f_fsid.val[1]);
    return unmount(id, MNT_BYFSID);
}

int jp_dataset_below(int dir_fd, char *ret, size_t size)
{
    struct statfs fs;
    if (fstatfs(dir_fd, &fs) < 0 || strcmp(fs.f_fstypename, "zfs") != 0)
        return -1;
    size_t len = strcspn(fs.f_mntfromname, "@");
    if (len >= size)
        return -1;
    memcpy(ret, fs.f_mntfromname, len);
    ret[len] = '\0';
    return 0;
}

/* What a sysctl tells; the caller's, or NULL. */
static void *read_sysctl(const int *mib, unsigned n, size_t *ret_len)
{
    size_t len = 0;
    if (sysctl(mib, n, NULL, &len, NULL, 0) < 0)
        return NULL;
    len += len / 4; /* it may have grown by the second call */
    void *bytes = malloc(len ? len : 1);
    if (bytes && sysctl(mib, n, bytes, &len, NULL, 0) < 0) {
        free(bytes);
        return NULL;
    }
    *ret_len = len;
    return bytes;
}

static bool has_open_files(pid_t pid, dev_t device)
{
    size_t len = 0;
    bool found = false;
    const int mib[] = {CTL_KERN, KERN_PROC, KERN_PROC_FILEDESC, pid};
    JP_AUTO_FREE char *files = read_sysctl(mib, 4, &len);
    for (size_t at = 0; files && !found && at + sizeof(int) <= len;) {
        /* Entries are cut off behind their last used byte. */
        struct kinfo_file file = {0};
        int size;
        memcpy(&size, files + at, sizeof(size));
        if (size <= 0 || (size_t)size > len - at)
            break;
        memcpy(&file, files + at, (size_t)size < sizeof(file) ? (size_t)size : sizeof(file));
        found = file.kf_type == KF_TYPE_VNODE && file.kf_un.kf_file.kf_file_fsid == device;
        at += (size_t)size;
    }
    return found;
}

void jp_dataset_users(const char *dataset, dev_t device, struct jp_buf *ret)
{
    (void)dataset;
    unsigned count = 0;
    size_t len = 0;
    const int mib[] = {CTL_KERN, KERN_PROC, KERN_PROC_PROC};
    JP_AUTO_FREE char *processes = device ? read_sysctl(mib, 3, &len) : NULL;
    for (size_t at = 0; processes && at + sizeof(struct kinfo_proc) <= len;) {
        struct kinfo_proc process;
        memcpy(&process, processes + at, sizeof(process));
        if (process.ki_structsize != (int)sizeof(process))
            break;
        at += sizeof(process);
        if (has_open_files(process.ki_pid, device))
            name_user(ret, &count, process.ki_comm, (long)process.ki_pid);
    }
}

#endif
