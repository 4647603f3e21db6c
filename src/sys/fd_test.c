/*
 * Descriptors; and what happens when calls fail: each operation of sys/ that changes something is
 * repeated with the first, second, ... call failing, and with the first, second, ... allocation
 * failing, until it goes through. The table of calls is the real seam, so this works in every
 * build.
 */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <dirent.h>
#include <limits.h>
#include <signal.h>

#include "base/mem.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/lock.h"
#include "sys/path.h"
#include "sys/scratch_test.h"
#include "sys/userdb.h"
#include "tap.h"

static int dir;

static bool content_is(const char *name, const char *text)
{
    JP_AUTO(jp_buf) got = JP_BUF_INIT;
    return jp_file_read(dir, name, 1000000, &got, NULL) == 0 &&
           strcmp(jp_buf_text(&got), text) == 0;
}

static unsigned count_names(int at)
{
    unsigned count = 0;
    DIR *list = fdopendir(openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!list)
        scratch_bail("opendir");
    while (readdir(list))
        count++;
    (void)closedir(list);
    return count - 2;
}

/* The n-th call of a kind from now fails with EIO. */
static unsigned fail_at;
static unsigned calls;

static bool is_due(void)
{
    calls++;
    if (fail_at == 0 || --fail_at > 0)
        return false;
    errno = EIO;
    return true;
}

static struct jp_sys_calls real;

static ssize_t my_write(int fd, const void *p, size_t n)
{
    /* Half of it, as a signal or a full pipe would do. */
    return is_due() ? -1 : real.write(fd, p, n > 1 ? n / 2 : n);
}

static ssize_t my_pwrite(int fd, const void *p, size_t n, off_t at)
{
    return is_due() ? -1 : real.pwrite(fd, p, n > 1 ? n / 2 : n, at);
}

static int my_fsync(int fd)
{
    return is_due() ? -1 : real.fsync(fd);
}

static int my_fchmod(int fd, mode_t mode)
{
    return is_due() ? -1 : real.fchmod(fd, mode);
}

static int my_fchown(int fd, uid_t uid, gid_t gid)
{
    return is_due() ? -1 : real.fchown(fd, uid, gid);
}

static int my_mkdirat(int at, const char *path, mode_t mode)
{
    return is_due() ? -1 : real.mkdirat(at, path, mode);
}

static int my_symlinkat(const char *target, int at, const char *path)
{
    return is_due() ? -1 : real.symlinkat(target, at, path);
}

static int my_linkat(int from, const char *a, int to, const char *b, int flags)
{
    return is_due() ? -1 : real.linkat(from, a, to, b, flags);
}

static int my_unlinkat(int at, const char *path, int flags)
{
    return is_due() ? -1 : real.unlinkat(at, path, flags);
}

static int my_renameat(int from, const char *a, int to, const char *b)
{
    return is_due() ? -1 : real.renameat(from, a, to, b);
}

static int my_ftruncate(int fd, off_t len)
{
    return is_due() ? -1 : real.ftruncate(fd, len);
}

static int my_futimens(int fd, const struct timespec times[2])
{
    return is_due() ? -1 : real.futimens(fd, times);
}

static void arm(void)
{
    real = jp_sys;
    jp_sys.write = my_write;
    jp_sys.pwrite = my_pwrite;
    jp_sys.fsync = my_fsync;
    jp_sys.fchmod = my_fchmod;
    jp_sys.fchown = my_fchown;
    jp_sys.mkdirat = my_mkdirat;
    jp_sys.symlinkat = my_symlinkat;
    jp_sys.linkat = my_linkat;
    jp_sys.unlinkat = my_unlinkat;
    jp_sys.renameat = my_renameat;
    jp_sys.ftruncate = my_ftruncate;
    jp_sys.futimens = my_futimens;
}

/* What is swept. Each gives 0 or -1 with the error set. */
static int op_replace(struct jp_error *err)
{
    return jp_file_replace(dir, "file", "new content", 11, 0640, true, err);
}

static int op_copy(struct jp_error *err)
{
    JP_AUTO_FD int from = openat(dir, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    JP_AUTO_FD int to = openat(dir, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return jp_tree_copy(from, to, NULL, err);
}

static int op_usage(struct jp_error *err)
{
    uint64_t bytes;
    JP_AUTO_FD int from = openat(dir, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return jp_tree_usage(from, &bytes, err);
}

static int op_remove(struct jp_error *err)
{
    return jp_tree_remove(dir, "to", err);
}

static int op_make_dirs(struct jp_error *err)
{
    JP_AUTO_FD int fd = jp_path_make_dirs(dir, "from/link/x/y/../z", 0750, err);
    return fd < 0 ? -1 : 0;
}

static int op_walk(struct jp_error *err)
{
    jp_path_force_walker(true);
    JP_AUTO_FD int fd = jp_path_open(dir, "from/link/../sub/file", O_RDONLY, err);
    jp_path_force_walker(false);
    return fd < 0 ? -1 : 0;
}

static int op_user(struct jp_error *err)
{
    JP_AUTO(jp_user) user = {.uid = 7};
    uint32_t *groups = NULL;
    size_t count;
    int r = jp_userdb_user(dir, "ann", &user, err);
    if (r == 0)
        r = jp_userdb_groups_of(dir, "ann", &groups, &count, err);
    free(groups);
    return r;
}

static int op_lock(struct jp_error *err)
{
    JP_AUTO_FD int fd = jp_lock_take(dir, "lock", JP_LOCK_EXCLUSIVE, false, err);
    return fd < 0 ? -1 : 0;
}

static const struct {
    const char *name;
    int (*run)(struct jp_error *err);
    unsigned min_calls, min_allocations; /* that it makes, or the sweep proves nothing */
} operations[] = {
    {"replace", op_replace, 6, 0}, {"copy", op_copy, 15, 10},
    {"usage", op_usage, 0, 4},     {"make directories", op_make_dirs, 2, 3},
    {"walk", op_walk, 0, 3},       {"user", op_user, 0, 6},
    {"lock", op_lock, 0, 0},       {"remove", op_remove, 5, 5},
};

#define MAX_SWEEP 500

static void sweep_calls(size_t i)
{
    unsigned n = 1, silent = 0;
    for (; n < MAX_SWEEP; n++) {
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        fail_at = n;
        int r = operations[i].run(&err);
        bool was_due = fail_at == 0;
        fail_at = 0;
        if (r == 0 && !was_due)
            break;
        silent += r == 0 || err.code == JP_OK;
    }
    TAP_OK(silent == 0 && n > operations[i].min_calls && n < MAX_SWEEP,
           "%s: each of %u calls may fail, and it is told", operations[i].name, n - 1);
}

static void sweep_allocations(size_t i)
{
    unsigned n = 1, silent = 0;
    for (; n < MAX_SWEEP; n++) {
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        jp_mem_fail_after(n);
        int r = operations[i].run(&err);
        jp_mem_fail_after(0);
        if (r == 0)
            break;
        silent += err.code == JP_OK;
    }
    TAP_OK(silent == 0 && n > operations[i].min_allocations && n < MAX_SWEEP,
           "%s: each of %u allocations may fail", operations[i].name, n - 1);
}

static void make_swept(void)
{
    int from = scratch_dir(dir, "from");
    int sub = scratch_dir(from, "sub");
    scratch_file(sub, "file", "some content");
    scratch_file(dir, "file", "old");
    (void)!linkat(sub, "file", from, "hard", 0);
    scratch_link(from, "link", "/from/sub");
    int etc = scratch_dir(dir, "etc");
    scratch_file(etc, "passwd", "root:x:0:0::/:/bin/sh\nann:x:5:6::/:/bin/sh\n");
    scratch_file(etc, "group", "a:x:1:ann\nb:x:2:x,ann\n");
    int to = scratch_dir(dir, "to");
    jp_fd_close(&from);
    jp_fd_close(&sub);
    jp_fd_close(&etc);
    jp_fd_close(&to);
}

static void sweep(void)
{
    make_swept();
    arm();
    for (size_t i = 0; i < JP_LEN(operations); i++) {
        if (operations[i].run == op_remove) {
            (void)op_copy(NULL);
            sweep_allocations(i);
            (void)mkdirat(dir, "to", 0755);
            (void)op_copy(NULL);
            sweep_calls(i);
            continue;
        }
        sweep_calls(i);
        sweep_allocations(i);
    }
    jp_sys = real;
}

/* Old or new, nothing in between, nothing beside. */
static void try_replace(void)
{
    scratch_file(dir, "file", "old");
    real = jp_sys;
    arm();
    unsigned wrong = 0, n = 1;
    for (; n < MAX_SWEEP; n++) {
        unsigned before = count_names(dir);
        fail_at = n;
        int r = op_replace(NULL);
        bool was_due = fail_at == 0;
        fail_at = 0;
        wrong += count_names(dir) != before;
        wrong += !content_is("file", "old") && !content_is("file", "new content");
        if (r == 0 && !was_due)
            break;
        if (content_is("file", "new content"))
            scratch_file(dir, "file", "old");
    }
    jp_sys = real;
    struct stat st;
    TAP_OK(wrong == 0 && n > 5, "replace: old or new after each of %u failures", n - 1);
    TAP_OK(fstatat(dir, "file", &st, 0) == 0 && (st.st_mode & 07777) == 0640, "replace: mode");
    TAP_OK(jp_file_replace(dir, "a/b", "", 0, 0600, false, NULL) < 0, "replace: one name only");
    scratch_link(dir, "evil", "file");
    TAP_OK(jp_file_replace(dir, "evil", "x", 1, 0600, false, NULL) == 0 &&
               content_is("file", "new content") && content_is("evil", "x"),
           "replace: a link is replaced, not followed");
}

/* A disk without room for another file. */
static int openat_when_full(int dir_fd, const char *path, int flags, ...)
{
    if (flags & O_CREAT) {
        errno = ENOSPC;
        return -1;
    }
    return openat(dir_fd, path, flags);
}

static void try_update(void)
{
    char large[8192];
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    memset(large, 'l', sizeof(large));
    TAP_OK(jp_file_update(dir, "up", "some content", 12, 0600, NULL) == 0 &&
               content_is("up", "some content"),
           "update: makes");
    TAP_OK(jp_file_update(dir, "up", "other", 5, 0600, NULL) == 0 && content_is("up", "other"),
           "update: replaces");
    struct jp_sys_calls before = jp_sys;
    jp_sys.openat = openat_when_full;
    TAP_OK(jp_file_update(dir, "up", "longer than before", 18, 0600, NULL) == 0 &&
               content_is("up", "longer than before"),
           "update: in place when the disk is full");
    TAP_OK(jp_file_update(dir, "up", "short", 5, 0600, NULL) == 0 && content_is("up", "short"),
           "update: in place, shorter");
    TAP_OK(jp_file_update(dir, "up", large, sizeof(large), 0600, &err) < 0 && err.sys == ENOSPC &&
               content_is("up", "short"),
           "update: what needs more room fails and leaves the file alone");
    TAP_OK(jp_file_update(dir, "absent", "x", 1, 0600, NULL) < 0, "update: what is not there");
    jp_sys = before;
}

static void try_read(void)
{
    JP_AUTO(jp_buf) got = JP_BUF_INIT;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    scratch_file(dir, "ten", "0123456789");
    TAP_OK(jp_file_read(dir, "ten", 10, &got, NULL) == 0 && got.len == 10, "read: at the limit");
    TAP_OK(jp_file_read(dir, "ten", 9, &got, &err) < 0 && err.code == JP_ELIMIT, "read: above it");
    TAP_OK(jp_file_read(dir, "none", 9, &got, &err) < 0 && err.code == JP_ENOTFOUND,
           "read: missing");
    (void)mkfifoat(dir, "fifo", 0600);
    scratch_link(dir, "ln", "ten");
    TAP_OK(jp_file_read(dir, "fifo", 9, &got, &err) < 0, "read: a FIFO does not make us wait");
    TAP_OK(jp_file_read(dir, "ln", 99, &got, &err) < 0, "read: a link is not followed");
    TAP_OK(jp_file_read(dir, ".", 99, &got, &err) < 0, "read: a directory");
    mode_t before = umask(077);
    JP_AUTO_FD int made = jp_fd_make_dir(dir, "made", 0711, NULL);
    JP_AUTO_FD int again = jp_fd_make_dir(dir, "made", 0700, NULL);
    (void)umask(before);
    struct stat st;
    TAP_OK(made >= 0 && again >= 0 && fstat(again, &st) == 0 && (st.st_mode & 07777) == 0711,
           "make directory: mode exact, an old one is left as it is");
    TAP_OK(jp_fd_make_dir(dir, "ln", 0700, NULL) < 0, "make directory: a link is in the way");
}

static void try_messages(void)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0)
        scratch_bail("socketpair");
    int many[20], got[4];
    for (size_t i = 0; i < JP_LEN(many); i++)
        many[i] = dir;
    size_t count = 9;
    char text[8];
    struct stat st, expected;
    (void)fstat(dir, &expected);
    ssize_t sent = jp_fd_send(ends[0], "hello", 5, many, 2, 0);
    ssize_t n = jp_fd_receive(ends[1], text, sizeof(text), got, 4, &count, 0);
    TAP_OK(sent == 5 && n == 5 && count == 2 && fstat(got[1], &st) == 0 &&
               st.st_ino == expected.st_ino && (fcntl(got[0], F_GETFD) & FD_CLOEXEC),
           "two descriptors, close-on-exec");
    int lowest = dup(dir);
    (void)close(lowest);
    (void)jp_fd_send(ends[0], "hello", 5, many, 6, 0);
    n = jp_fd_receive(ends[1], text, sizeof(text), got, 4, &count, 0);
    TAP_OK(n < 0 && errno == EMSGSIZE && count == 0, "too many descriptors are refused");
    (void)jp_fd_send(ends[0], "hello, world", 12, many, 1, 0);
    n = jp_fd_receive(ends[1], text, sizeof(text), got, 4, &count, 0);
    TAP_OK(n < 0 && errno == EMSGSIZE && count == 0, "a message that is cut is refused");
    int after = dup(dir);
    TAP_OK(after == lowest, "and what came with them is closed");
    TAP_OK(jp_fd_send(ends[0], "x", 1, many, 20, 0) < 0, "more than 16 are not sent");
    (void)close(ends[0]);
    TAP_OK(jp_fd_receive(ends[1], text, sizeof(text), got, 4, &count, 0) == 0, "end");
    (void)signal(SIGPIPE, SIG_DFL);
    TAP_OK(jp_fd_send(ends[1], "x", 1, NULL, 0, 0) < 0 && errno == EPIPE, "no SIGPIPE");
    (void)close(ends[1]);
    (void)close(after);
}

/* A peer that leaves with something unread: what it had said comes before its end. */
static void try_last_words(void)
{
    int ends[2];
    char text[8];
    size_t count;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0)
        scratch_bail("socketpair");
    (void)jp_fd_send(ends[0], "unread", 6, NULL, 0, 0);
    (void)jp_fd_send(ends[1], "bye", 3, NULL, 0, 0);
    (void)close(ends[1]);
    ssize_t n = jp_fd_receive(ends[0], text, sizeof(text), NULL, 0, &count, 0);
    TAP_OK(n == 3 && memcmp(text, "bye", 3) == 0, "last words are heard");
    TAP_OK(jp_fd_receive(ends[0], text, sizeof(text), NULL, 0, &count, 0) == 0, "then the end");
    (void)close(ends[0]);
}

static void try_stdio(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(0);
        (void)close(2);
        int fd = jp_fd_open(dir, "ten", O_RDONLY, 0, NULL);
        if (fd <= STDERR_FILENO)
            _exit(1);
        if (jp_fd_sane_stdio(NULL) < 0 || fcntl(0, F_GETFD) < 0 || fcntl(2, F_GETFD) < 0)
            _exit(2);
        _exit(0);
    }
    int status = -1;
    (void)waitpid(pid, &status, 0);
    TAP_OK(status == 0, "files of ours are never 0 to 2; missing streams are made");
}

/* The soft limit after jp_fd_allow(count) in a process that begins with these. */
static int allowed(rlim_t soft, rlim_t hard, size_t count)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit limit = {soft, hard};
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
            _exit(1);
        jp_fd_allow(count);
        _exit(getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 1 : (int)limit.rlim_cur);
    }
    int status = -1;
    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void try_allow(void)
{
    TAP_OK(allowed(50, 200, 100) == 100, "allow: more open files");
    TAP_OK(allowed(50, 80, 100) == 80, "allow: not beyond the hard limit");
    TAP_OK(allowed(120, 200, 100) == 120, "allow: never fewer");
}

int main(void)
{
    dir = scratch_make();
    try_update();
    try_read();
    try_replace();
    try_messages();
    try_last_words();
    try_stdio();
    try_allow();
    (void)jp_tree_remove(dir, "file", NULL);
    sweep();
    return tap_done();
}
