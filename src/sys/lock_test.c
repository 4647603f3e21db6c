#include <sys/wait.h>

#include <poll.h>
#include <signal.h>

#include "sys/fd.h"
#include "sys/lock.h"
#include "sys/scratch_test.h"
#include "tap.h"

static int dir;

/* A child that takes the lock, tells, and holds it until its standard input (a pipe) closes. */
static pid_t hold(enum jp_lock_mode mode, int *ret_release)
{
    int ready[2], release[2];
    if (pipe(ready) < 0 || pipe(release) < 0)
        scratch_bail("pipe");
    pid_t pid = fork();
    if (pid == 0) {
        char c = 0;
        (void)close(release[1]);
        int fd = jp_lock_take(dir, "lock", mode, true, NULL);
        (void)!write(ready[1], &c, 1);
        (void)!read(release[0], &c, 1);
        _exit(fd < 0);
    }
    char c;
    (void)close(ready[1]);
    (void)close(release[0]);
    (void)!read(ready[0], &c, 1);
    (void)close(ready[0]);
    *ret_release = release[1];
    return pid;
}

static void let_go(pid_t pid, int release)
{
    (void)close(release);
    (void)waitpid(pid, NULL, 0);
}

static enum jp_code try_take(enum jp_lock_mode mode)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_FD int fd = jp_lock_take(dir, "lock", mode, false, &err);
    return fd >= 0 ? JP_OK : err.code;
}

static void try_modes(void)
{
    int release;
    TAP_OK(jp_lock_is_held(dir, "lock", NULL) == 0, "a lock that was never taken is not held");
    TAP_OK(faccessat(dir, "lock", F_OK, 0) < 0, "asking makes no file");
    pid_t pid = hold(JP_LOCK_EXCLUSIVE, &release);
    TAP_OK(jp_lock_is_held(dir, "lock", NULL) == 1, "held exclusively by another process");
    JP_AUTO_FD int open_fd = openat(dir, "lock", O_RDONLY | O_CLOEXEC);
    TAP_OK(jp_lock_fd_is_held(open_fd, NULL) == 1, "... as an open file says");
    TAP_OK(try_take(JP_LOCK_EXCLUSIVE) == JP_EBUSY, "exclusive against exclusive is JP_EBUSY");
    TAP_OK(try_take(JP_LOCK_LIFE) == JP_EBUSY, "that of a life, too");
    TAP_OK(try_take(JP_LOCK_SHARED) == JP_EBUSY, "shared against exclusive is JP_EBUSY");
    let_go(pid, release);
    TAP_OK(jp_lock_is_held(dir, "lock", NULL) == 0, "free when the holder has ended");
    TAP_OK(jp_lock_fd_is_held(open_fd, NULL) == 0 && try_take(JP_LOCK_EXCLUSIVE) == JP_OK,
           "... which an open file says, and does not hold it");
    pid = hold(JP_LOCK_SHARED, &release);
    TAP_OK(jp_lock_is_held(dir, "lock", NULL) == 0, "a shared holder does not count as held");
    TAP_OK(try_take(JP_LOCK_SHARED) == JP_OK, "shared against shared");
    TAP_OK(try_take(JP_LOCK_EXCLUSIVE) == JP_EBUSY, "exclusive against shared is JP_EBUSY");
    let_go(pid, release);
    struct stat st;
    TAP_OK(fstatat(dir, "lock", &st, 0) == 0 && (st.st_mode & 07777) == 0600, "mode 0600");
}

/*
 * Who asks whether the lock is held has it for a moment, and may lose the processor in that moment:
 * nobody else may take that for a life.
 */
static void try_probe(void)
{
    int release;
    pid_t prober = hold(JP_LOCK_SHARED, &release);
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(release);
        _exit((int)try_take(JP_LOCK_LIFE));
    }
    int status = 0;
    bool has_ended = false;
    for (int i = 0; i < 100 && !has_ended; i++) {
        (void)poll(NULL, 0, 10);
        has_ended = waitpid(pid, &status, WNOHANG) == pid;
    }
    TAP_OK(!has_ended, "a probe that takes long is waited for");
    let_go(prober, release);
    if (!has_ended)
        (void)waitpid(pid, &status, 0);
    TAP_OK(WEXITSTATUS(status) == JP_OK, "... and the lock is taken then");
}

static void try_kill(void)
{
    int release;
    pid_t pid = hold(JP_LOCK_EXCLUSIVE, &release);
    tap_kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    (void)close(release);
    TAP_OK(jp_lock_is_held(dir, "lock", NULL) == 0, "free when the holder was killed");
}

/* The holder removes the file while somebody waits: the waiter must not end with the old one. */
static void try_replaced(bool by_rename)
{
    int release;
    pid_t holder = hold(JP_LOCK_EXCLUSIVE, &release);
    pid_t waiter = fork();
    if (waiter == 0) {
        (void)close(release); /* or the holder would wait for us */
        int fd = jp_lock_take(dir, "lock", JP_LOCK_EXCLUSIVE, true, NULL);
        struct stat held, named;
        bool good = fd >= 0 && fstat(fd, &held) == 0 && fstatat(dir, "lock", &named, 0) == 0 &&
                    held.st_ino == named.st_ino && held.st_nlink == 1;
        _exit(good ? 0 : 1);
    }
    (void)usleep(50000); /* most likely it waits now; the answer must be right in any case */
    if (by_rename)
        (void)renameat(dir, "lock", dir, "lock.old");
    else
        (void)unlinkat(dir, "lock", 0);
    scratch_file(dir, "lock", "");
    let_go(holder, release);
    int status = -1;
    (void)waitpid(waiter, &status, 0);
    TAP_OK(status == 0, "a lock file that was %s is noticed after waiting",
           by_rename ? "renamed" : "removed");
}

static void try_strange(void)
{
    scratch_link(dir, "link", "lock");
    int sub = scratch_dir(dir, "sub");
    jp_fd_close(&sub);
    (void)mkfifoat(dir, "fifo", 0600);
    static const char *const names[] = {"link", "sub", "fifo", "nowhere/lock"};
    for (size_t i = 0; i < JP_LEN(names); i++) {
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        int r = jp_lock_take(dir, names[i], JP_LOCK_EXCLUSIVE, true, &err);
        TAP_OK(r < 0, "'%s': %s", names[i], jp_error_text(&err));
    }
}

/* Those who only ask must not make those who take fail. */
static void try_askers(void)
{
    pid_t asker = fork();
    if (asker == 0) {
        for (;;)
            (void)jp_lock_is_held(dir, "lock", NULL);
    }
    unsigned busy = 0;
    for (int i = 0; i < 3000; i++)
        busy += try_take(JP_LOCK_LIFE) != JP_OK;
    tap_kill(asker, SIGKILL);
    (void)waitpid(asker, NULL, 0);
    TAP_OK(busy == 0, "3000 takings beside somebody who asks all the time: %u refused", busy);
}

int main(void)
{
    dir = scratch_make();
    try_modes();
    try_probe();
    try_kill();
    try_replaced(false);
    try_replaced(true);
    try_strange();
    try_askers();
    return tap_done();
}
