/* The seam counts, fails and kills as told, in a test build; a release build has nothing of it. */
#include "config.h"

#include <sys/wait.h>

#include <signal.h>

#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/scratch_test.h"
#include "tap.h"

#ifdef JP_TEST_BUILD
#define IS_ARMED true
#else
#define IS_ARMED false
#endif

/* Four calls in a child: its exit status is a bit for each one that failed as expected. */
static int four(int dir, const char *fault, int failure)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)setenv("JETPACK_FAULT", fault, 1);
        (void)close(STDERR_FILENO); /* abort() on bad text is told there */
        jp_sys_arm();
        int failed = 0;
        failed |= jp_sys.mkdirat(dir, "a", 0755) < 0 && errno == failure ? 1 : 0;
        failed |= jp_sys.mkdirat(dir, "b", 0755) < 0 && errno == failure ? 2 : 0;
        failed |= jp_sys.renameat(dir, "a", dir, "c") < 0 && errno == failure ? 4 : 0;
        int fd = jp_sys.openat(dir, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
        struct stat st;
        failed |= fd < 0 && errno == failure ? 8 : 0;
        if (fd >= 0 && (fstat(fd, &st) < 0 || (st.st_mode & 0777) != 0640))
            failed |= 16;
        _exit(failed);
    }
    int status = -1;
    (void)waitpid(pid, &status, 0);
    static const char *const names[] = {"a", "b", "c", "file"};
    for (size_t i = 0; i < JP_LEN(names); i++)
        (void)jp_tree_remove(dir, names[i], NULL);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int main(void)
{
    static const struct {
        const char *fault;
        int failure, armed;
    } list[] = {
        {"mkdirat:1:ENOSPC", ENOSPC, 1},   {"mkdirat:2:EIO", EIO, 2},
        {"mkdirat:3:EIO", EIO, 0},         {"renameat:1:EDQUOT", EDQUOT, 4},
        {"*:3:ENOSPC", ENOSPC, 4},         {"*:4:EMFILE", EMFILE, 8},
        {"openat:1:EROFS", EROFS, 8},      {"*:1:KILL", 0, -SIGKILL},
        {"renameat:1:KILL", 0, -SIGKILL},  {"renameat:2:KILL", 0, 0},
        {"renameat", 0, -SIGABRT},         {"renameat:0:EIO", 0, -SIGABRT},
        {"renameat:1:EWHAT", 0, -SIGABRT},
    };
    int dir = scratch_make();
    (void)umask(022);
    for (size_t i = 0; i < JP_LEN(list); i++) {
        int expected = IS_ARMED ? list[i].armed : 0;
        int got = four(dir, list[i].fault, list[i].failure);
        TAP_OK(got == expected, "%s: %d", list[i].fault, got);
    }
    return tap_done();
}
