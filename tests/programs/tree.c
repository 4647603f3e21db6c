/*
 * A whole tree as lines, to be compared with another: static, for use inside images.
 *
 *   tree list DIR                   type, mode, owner, time, size, content, device, target, hard
 *                                   links and attributes of everything below DIR, in order
 *   tree attribute FILE NAME VALUE  sets an extended attribute
 *   tree node PATH socket|whiteout  makes one of these
 *   tree flag FILE WORD             sets a file flag: nodump, schg, sappnd; 77: there is none here
 *   tree deep DIR NUMBER            makes so many directories in each other, and a file at the end
 *
 * Left out, as not the image's: what is in /dev, /proc and /sys, /etc/resolv.conf, /etc/hosts, and
 * the times of / and /etc, which every start of a pod changes.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/ioctl.h>

#include <linux/fs.h>
#endif

#include "sys/attribute.h"
#include "sys/fileflags.h"

#define MAX_LINKED 1000

static struct {
    dev_t device;
    ino_t inode;
    char *path;
} linked[MAX_LINKED];
static size_t n_linked;

static void print_name(const char *name)
{
    for (const char *c = name; *c; c++)
        if (*c > ' ' && *c < 127 && *c != '\\')
            (void)putchar(*c);
        else
            (void)printf("\\%03o", (unsigned char)*c);
}

static void print_content(int dir_fd, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325U;
    char bytes[65536];
    ssize_t n;
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    while (fd >= 0 && (n = read(fd, bytes, sizeof(bytes))) > 0)
        for (ssize_t i = 0; i < n; i++)
            hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3U;
    (void)printf(" content=%016llx", (unsigned long long)hash);
    if (fd >= 0)
        (void)close(fd);
}

/* The first name under which a file was seen. */
static const char *first_name(const struct stat *st, const char *path)
{
    for (size_t i = 0; i < n_linked; i++)
        if (linked[i].device == st->st_dev && linked[i].inode == st->st_ino)
            return linked[i].path;
    if (n_linked < MAX_LINKED) {
        linked[n_linked].device = st->st_dev;
        linked[n_linked].inode = st->st_ino;
        linked[n_linked++].path = strdup(path);
    }
    return path;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void print_attributes(int dir_fd, const char *name)
{
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    JP_AUTO(jp_buf) value = JP_BUF_INIT;
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || jp_xattr_list(fd, &names) < 0)
        names.count = 0;
    jp_strv_sort(&names);
    for (size_t i = 0; i < names.count; i++) {
        if (jp_xattr_is_systems_own(names.items[i]) || jp_xattr_get(fd, names.items[i], &value) < 0)
            continue;
        (void)printf(" %s=", names.items[i]);
        for (size_t k = 0; k < value.len; k++)
            (void)printf("%02x", (unsigned char)value.data[k]);
    }
    if (fd >= 0)
        (void)close(fd);
}

static int set_attribute(const char *path, const char *name, const char *value)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 || jp_xattr_set(fd, name, value, strlen(value)) < 0;
}

static int is_one_of(const char *path, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(path, *list) == 0)
            return 1;
    return 0;
}

static const char *const foreign[] = {"/dev", "/proc", "/sys", NULL};
static const char *const given[] = {"/etc/resolv.conf", "/etc/hosts", NULL};
static const char *const touched[] = {"", "/etc", NULL};

static void print_entry(int dir_fd, const char *name, const char *path, const struct stat *st)
{
    char target[4096];
    (void)printf("%06o %u:%u ", (unsigned)st->st_mode, (unsigned)st->st_uid, (unsigned)st->st_gid);
    print_name(*path ? path : "/");
    if (!is_one_of(path, touched))
        (void)printf(" time=%lld.%09ld", (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
    if (S_ISREG(st->st_mode)) {
        (void)printf(" size=%lld", (long long)st->st_size);
        print_content(dir_fd, name);
        const char *first = first_name(st, path);
        if (strcmp(first, path) != 0) {
            (void)printf(" is=");
            print_name(first);
        }
    }
    if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
        (void)printf(" device=%llx", (unsigned long long)st->st_rdev);
    if (S_ISLNK(st->st_mode)) {
        ssize_t n = readlinkat(dir_fd, name, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = '\0';
        (void)printf(" to=");
        print_name(target);
    }
    if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode))
        print_attributes(dir_fd, name);
    (void)putchar('\n');
}

static int list(int dir_fd, const char *path)
{
    int count = 0, failed = 0;
    DIR *dir = fdopendir(dir_fd);
    char **sorted = NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        sorted = realloc(sorted, sizeof(*sorted) * (size_t)(count + 1));
        sorted[count++] = strdup(e->d_name);
    }
    if (count > 0)
        qsort(sorted, (size_t)count, sizeof(*sorted), by_name);
    for (int i = 0; i < count; i++) {
        struct stat st;
        size_t size = strlen(path) + strlen(sorted[i]) + 2;
        char *below = malloc(size);
        (void)snprintf(below, size, "%s/%s", path, sorted[i]);
        if (is_one_of(below, given)) {
            ;
        } else if (fstatat(dir_fd, sorted[i], &st, AT_SYMLINK_NOFOLLOW) < 0) {
            (void)fprintf(stderr, "%s: %s\n", below, strerror(errno));
            failed = 1;
        } else {
            if (!is_one_of(below, foreign))
                print_entry(dir_fd, sorted[i], below, &st);
            if (S_ISDIR(st.st_mode) && !is_one_of(below, foreign)) {
                int fd = openat(dir_fd, sorted[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                failed |= fd < 0 || list(fd, below);
            }
        }
        free(below);
        free(sorted[i]);
    }
    free(sorted);
    if (dir)
        (void)closedir(dir);
    return failed || !dir;
}

static int deep(const char *dir, int count)
{
    if (chdir(dir) < 0)
        return 1;
    for (int i = 0; i < count; i++)
        if (mkdir("d", 0755) < 0 || chdir("d") < 0)
            return 1;
    int fd = open("end", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    return fd < 0 || write(fd, "end\n", 4) != 4;
}

/* By bind(2): mknod(2) makes sockets on Linux only. */
static int node(const char *path, const char *kind)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strcmp(kind, "socket") != 0)
        return mknod(path, S_IFCHR | 0600, 0) < 0;
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0;
}

/* To the file's other flags on Linux, in the place of them on FreeBSD. */
#ifdef __linux__
static int set_flag(const char *path, const char *word)
{
    int flags = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int flag = strcmp(word, "nodump") == 0 ? FS_NODUMP_FL
               : strcmp(word, "schg") == 0 ? FS_IMMUTABLE_FL
                                           : FS_APPEND_FL;
    if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
        return 77;
    flags |= flag;
    return ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0 ? 77 : 0;
}
#else
static int set_flag(const char *path, const char *word)
{
    return jp_file_flags_set(AT_FDCWD, path, word) == 1 ? 0 : 77;
}
#endif

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    struct stat st;
    if (strcmp(what, "attribute") == 0 && argc == 5)
        return set_attribute(argv[2], argv[3], argv[4]);
    if (strcmp(what, "node") == 0 && argc == 4)
        return node(argv[2], argv[3]);
    if (strcmp(what, "flag") == 0 && argc == 4)
        return set_flag(argv[2], argv[3]);
    if (strcmp(what, "deep") == 0 && argc == 4)
        return deep(argv[2], atoi(argv[3]));
    int fd = strcmp(what, "list") == 0 ? open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &st) < 0)
        return 2;
    print_entry(fd, ".", "", &st);
    return list(fd, "");
}
