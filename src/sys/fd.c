#include "sys/fd.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/random.h"
#include "sys/calls.h"

#define READ_CHUNK  8192   /* on the stack: a supervisor keeps the pages that it touched once */
#define MAX_FDS     16     /* more descriptors than any message of ours carries */
#define SOCKET_ROOM 262144 /* bytes that a socket takes at once: more than any message of ours */

void jp_fd_close(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
    errno = saved;
}

void jp_fd_auto_close(int *fd)
{
    jp_fd_close(fd);
}

int jp_fd_take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

/* Moves a descriptor out of the standard streams' way. */
static int above_stdio(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    jp_fd_close(&fd);
    return moved;
}

int jp_fd_open(int dir_fd, const char *path, int flags, mode_t mode, struct jp_error *err)
{
    int fd = above_stdio(jp_sys.openat(dir_fd, path, flags | O_CLOEXEC | O_NOFOLLOW, mode));
    if (fd < 0 && errno == EMLINK)
        errno = ELOOP; /* FreeBSD's word for a link, which others keep for that */
    if (fd < 0)
        return jp_fail(err, errno == ENOENT ? JP_ENOTFOUND : JP_ESYS, errno, "open '%s'", path);
    return fd;
}

int jp_fd_open_dir(int dir_fd, const char *path, struct jp_error *err)
{
    return jp_fd_open(dir_fd, path, O_RDONLY | O_DIRECTORY, 0, err);
}

int jp_fd_make_dir(int dir_fd, const char *path, mode_t mode, struct jp_error *err)
{
    bool made = jp_sys.mkdirat(dir_fd, path, mode) == 0;
    if (!made && errno != EEXIST)
        return jp_fail_sys(err, "make directory '%s'", path);
    int fd = jp_fd_open_dir(dir_fd, path, err);
    if (fd >= 0 && made && jp_sys.fchmod(fd, mode) < 0) {
        jp_fail_sys(err, "set mode of '%s'", path);
        jp_fd_close(&fd);
    }
    return fd;
}

bool jp_fd_is_empty_dir(int dir_fd)
{
    int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir) {
        jp_fd_close(&copy);
        return false;
    }
    size_t entries = 0;
    while (entries <= 2 && readdir(dir))
        entries++;
    (void)closedir(dir);
    return entries <= 2;
}

int jp_fd_write_all(int fd, const void *bytes, size_t len, const char *what, struct jp_error *err)
{
    const char *p = bytes;
    while (len > 0) {
        ssize_t n = jp_sys.write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return jp_fail_sys(err, "write '%s'", what);
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int jp_fd_read_all(int fd, size_t max, const char *what, struct jp_buf *out, struct jp_error *err)
{
    char chunk[READ_CHUNK];
    size_t total = 0;
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return jp_fail_sys(err, "read '%s'", what);
        if (n == 0)
            break;
        total += (size_t)n;
        if (total > max)
            return jp_fail(err, JP_ELIMIT, 0, "'%s' is larger than %zu bytes", what, max);
        jp_buf_add(out, chunk, (size_t)n);
    }
    return jp_buf_failed(out) ? jp_oom(err) : 0;
}

int jp_file_read(int dir_fd, const char *path, size_t max, struct jp_buf *out, struct jp_error *err)
{
    /* O_NONBLOCK: a FIFO put there by somebody else must not make us wait. */
    JP_AUTO_FD int fd = jp_fd_open(dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, err);
    if (fd < 0)
        return -1;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return jp_fail_sys(err, "stat '%s'", path);
    if (!S_ISREG(st.st_mode))
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not a regular file", path);
    return jp_fd_read_all(fd, max, path, out, err);
}

int jp_fd_unnamed(int dir_fd, struct jp_error *err)
{
    unsigned char salt[8];
    char name[32];
    if (jp_random_bytes(salt, sizeof(salt), err) < 0)
        return -1;
    (void)snprintf(name, sizeof(name), ".unnamed.");
    jp_hex_encode(salt, sizeof(salt), name + strlen(name));
    JP_AUTO_FD int fd = jp_fd_open(dir_fd, name, O_RDWR | O_CREAT | O_EXCL, 0600, err);
    if (fd < 0)
        return -1;
    if (jp_sys.unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
        return jp_fail_sys(err, "remove '%s'", name);
    return jp_fd_take(&fd);
}

int jp_file_replace(int dir_fd, const char *path, const void *bytes, size_t len, mode_t mode,
                    bool durable, struct jp_error *err)
{
    unsigned char salt[4];
    if (jp_random_bytes(salt, sizeof(salt), err) < 0)
        return -1;
    char beside[NAME_MAX + 1];
    int n = snprintf(beside, sizeof(beside), ".%s.%02x%02x%02x%02x", path, salt[0], salt[1],
                     salt[2], salt[3]);
    if (n < 0 || (size_t)n >= sizeof(beside) || strchr(path, '/'))
        return jp_fail(err, JP_EINVALID, 0, "bad file name '%s'", path);
    JP_AUTO_FD int fd = jp_fd_open(dir_fd, beside, O_WRONLY | O_CREAT | O_EXCL, mode, err);
    if (fd < 0)
        return -1;
    int r = jp_fd_write_all(fd, bytes, len, path, err);
    if (r == 0 && jp_sys.fchmod(fd, mode) < 0)
        r = jp_fail_sys(err, "set mode of '%s'", path);
    if (r == 0 && durable && jp_sys.fsync(fd) < 0)
        r = jp_fail_sys(err, "sync '%s'", path);
    if (r == 0 && jp_sys.renameat(dir_fd, beside, dir_fd, path) < 0)
        r = jp_fail_sys(err, "rename to '%s'", path);
    if (r < 0)
        (void)jp_sys.unlinkat(dir_fd, beside, 0);
    else if (durable && jp_sys.fsync(dir_fd) < 0)
        r = jp_fail_sys(err, "sync the directory of '%s'", path);
    return r;
}

/* 0, or -1 with errno. */
static int write_over(int dir_fd, const char *path, const void *bytes, size_t len)
{
    struct stat st;
    JP_AUTO_FD int fd = jp_fd_open(dir_fd, path, O_WRONLY | O_NONBLOCK | O_NOCTTY, 0, NULL);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    /* st_blocks counts 512 bytes each. */
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_blocks * 512 < len) {
        errno = ENOSPC;
        return -1;
    }
    ssize_t n = jp_sys.pwrite(fd, bytes, len, 0);
    if (n >= 0 && (size_t)n < len)
        errno = ENOSPC;
    return n == (ssize_t)len ? jp_sys.ftruncate(fd, (off_t)len) : -1;
}

int jp_file_update(int dir_fd, const char *path, const void *bytes, size_t len, mode_t mode,
                   struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (jp_file_replace(dir_fd, path, bytes, len, mode, /* durable= */ false, &why) == 0)
        return 0;
    bool is_full = why.sys == ENOSPC || why.sys == EDQUOT;
    if (is_full && write_over(dir_fd, path, bytes, len) == 0)
        return 0;
    jp_error_move(err, &why);
    return -1;
}

int jp_file_put(const char *path, const char *text, struct jp_error *err)
{
    JP_AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        return jp_fail_sys(err, "set '%s' to %s", path, text);
    return 0;
}

int jp_fd_sane_stdio(struct jp_error *err)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        if (open("/dev/null", O_RDWR) != fd)
            return jp_fail(err, JP_ESYS, errno, "open '/dev/null'");
    }
    return 0;
}

void jp_fd_allow(size_t count)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)count;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* FreeBSD's sockets take messages of 8 KiB at most unless they are told. */
static bool grow_once(int socket, bool *has_grown)
{
    const int room = SOCKET_ROOM;
    if (*has_grown || setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) < 0)
        return false;
    *has_grown = true;
    return true;
}

ssize_t jp_fd_send(int socket, const void *bytes, size_t len, const int *fds, size_t count,
                   int flags)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(MAX_FDS * sizeof(int))];
    } control;
    if (count > MAX_FDS) {
        errno = EINVAL;
        return -1;
    }
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    if (count > 0) {
        memset(&control, 0, sizeof(control));
        message.msg_control = control.space;
        message.msg_controllen = (socklen_t)CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = (socklen_t)CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    }
    ssize_t n;
    bool has_grown = false;
    do {
        n = sendmsg(socket, &message, flags | MSG_NOSIGNAL);
    } while (n < 0 && (errno == EINTR || (errno == EMSGSIZE && grow_once(socket, &has_grown))));
    return n;
}

/* Copies out the descriptors of a message; those that do not fit are closed. */
static bool collect_fds(struct msghdr *message, int *fds, size_t max, size_t *ret_count)
{
    bool fits = true;
    *ret_count = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h; h = CMSG_NXTHDR(message, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(fd));
            (void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* FreeBSD 12.1 takes the flag and forgets it */
            if (*ret_count < max) {
                fds[(*ret_count)++] = fd;
            } else {
                jp_fd_close(&fd);
                fits = false;
            }
        }
    }
    return fits;
}

ssize_t jp_fd_receive(int socket, void *bytes, size_t len, int *fds, size_t max, size_t *ret_count,
                      int flags)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(MAX_FDS * sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = bytes, .iov_len = len};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof(control.space)};
    ssize_t n;
    bool was_reset = false;
    for (;;) {
        n = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
        bool is_reset = n < 0 && errno == ECONNRESET && !was_reset;
        if (!is_reset && (n >= 0 || errno != EINTR))
            break;
        was_reset |= is_reset;
    }
    *ret_count = 0;
    if (n < 0)
        return n;
    bool fits = collect_fds(&message, fds, max, ret_count);
    if (!fits || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        for (size_t i = 0; i < *ret_count; i++)
            jp_fd_close(&fds[i]);
        *ret_count = 0;
        errno = EMSGSIZE;
        return -1;
    }
    return n;
}

int jp_fd_peer_uid(int socket, uid_t *ret_uid)
{
#ifdef SO_PEERCRED
    struct ucred peer;
    socklen_t len = sizeof(peer);
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return -1;
    *ret_uid = peer.uid;
    return 0;
#else
    gid_t gid;
    return getpeereid(socket, ret_uid, &gid);
#endif
}
