/*
 * Runs a command on an overlay mounted for it, in a mount namespace of its own: gives runtimes that
 * expect a ready root file system the same work as those that mount it themselves.
 *
 *   overlaid LOWER UPPER WORK MERGED COMMAND ARGS...
 */
#define _GNU_SOURCE
#include <sys/mount.h>
#include <sys/wait.h>

#include <err.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 6)
        errx(2, "usage: overlaid LOWER UPPER WORK MERGED COMMAND...");
    char options[4096];
    (void)snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s,volatile", argv[1],
                   argv[2], argv[3]);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("overlay", argv[4], "overlay", 0, options) < 0)
        err(1, "overlay");
    /* crun refuses hosts that mount cgroup v2 beside v1: hide it from the peers. */
    (void)umount2("/sys/fs/cgroup/unified", MNT_DETACH);
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[5], argv + 5);
        err(127, "%s", argv[5]);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        err(1, "wait");
    (void)umount(argv[4]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
