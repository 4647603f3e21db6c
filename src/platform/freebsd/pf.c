#include "platform/freebsd/pf.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/process.h"

#define MAX_ARGUMENTS 8
#define MAX_OUTPUT    (1U << 20) /* bytes of a listing that are looked at */

static int wait_for(pid_t pid, int *ret_status, struct jp_error *err)
{
    while (waitpid(pid, ret_status, 0) < 0) {
        if (errno != EINTR)
            return jp_fail_sys(err, "wait for pfctl");
    }
    return 0;
}

/* Runs pfctl with these words (NULL at the end); what it says on a stream of its own is kept. */
static int run(const char *const words[], int stream, struct jp_buf *out, struct jp_error *err)
{
    char *argv[MAX_ARGUMENTS + 2] = {(char *)(uintptr_t) "/sbin/pfctl"};
    int ends[2];
    for (size_t i = 0; i < MAX_ARGUMENTS && words[i]; i++)
        argv[i + 1] = (char *)(uintptr_t)words[i];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return jp_fail_sys(err, "make a pipe");
    JP_AUTO_FD int reading = ends[0];
    int stdio[3] = {-1, -1, -1};
    stdio[stream] = ends[1];
    pid_t pid = -1;
    int status = 0;
    int r = jp_process_start(argv, stdio, &pid, err);
    jp_fd_close(&ends[1]);
    if (r < 0)
        return -1;
    r = jp_fd_read_all(reading, MAX_OUTPUT, "pfctl", out, err);
    jp_fd_close(&reading);
    if (wait_for(pid, &status, r < 0 ? NULL : err) < 0 || r < 0)
        return -1;
    if (status == 0)
        return 0;
    const char *said = stream == STDERR_FILENO && out->len ? jp_buf_text(out) : "it failed";
    return jp_fail(err, JP_ESYS, 0, "pfctl: %.*s", (int)strcspn(said, "\n"), said);
}

/* For what it does, not what it tells. */
static int order(const char *const words[], struct jp_error *err)
{
    JP_AUTO(jp_buf) complaint = JP_BUF_INIT;
    return run(words, STDERR_FILENO, &complaint, err);
}

static char *anchor_of(const char *name)
{
    return jp_format("jetpack/%s", name);
}

int jp_pf_tell(const char *what, const char *name, const char *interface, struct jp_buf *out,
               struct jp_error *err)
{
    JP_AUTO_FREE char *anchor = name ? anchor_of(name) : NULL;
    const char *words[MAX_ARGUMENTS] = {"-s", what};
    if (access("/dev/pf", F_OK) < 0)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "there is no pf: kldload pf");
    if (name && !anchor)
        return jp_oom(err);
    if (anchor) {
        words[2] = "-a";
        words[3] = anchor;
    } else if (interface) {
        words[2] = "-v";
        words[3] = "-i";
        words[4] = interface;
    }
    return run(words, STDOUT_FILENO, out, err);
}

int jp_pf_check(struct jp_error *err)
{
    JP_AUTO(jp_buf) info = JP_BUF_INIT;
    if (jp_pf_tell("info", NULL, NULL, &info, err) < 0)
        return -1;
    return strstr(jp_buf_text(&info), "Status: Enabled")
               ? 0
               : jp_fail(err, JP_EUNSUPPORTED, 0,
                         "pf is not enabled: sysrc pf_enable=YES; service pf start");
}

int jp_pf_load(const char *name, const char *dir, const struct jp_buf *rules, struct jp_error *err)
{
    JP_AUTO_FREE char *anchor = anchor_of(name);
    JP_AUTO_FREE char *path = jp_format("%s/" JP_PF_RULES, dir);
    JP_AUTO_FD int fd = jp_fd_open_dir(AT_FDCWD, dir, err);
    if (!anchor || !path || jp_buf_failed(rules))
        return jp_oom(err);
    if (fd < 0 ||
        jp_file_replace(fd, JP_PF_RULES, jp_buf_text(rules), rules->len, 0600, false, err) < 0)
        return -1;
    const char *const words[] = {"-q", "-a", anchor, "-f", path, NULL};
    return order(words, err);
}

int jp_pf_unload(const char *name, const char *dir, struct jp_error *err)
{
    JP_AUTO_FREE char *anchor = anchor_of(name);
    JP_AUTO_FREE char *path = jp_format("%s/" JP_PF_RULES, dir);
    if (!anchor || !path)
        return jp_oom(err);
    if (access(path, F_OK) < 0)
        return 0;
    const char *const words[] = {"-q", "-a", anchor, "-F", "all", NULL};
    if (access("/dev/pf", F_OK) == 0 && order(words, err) < 0)
        return -1;
    return jp_sys.unlinkat(AT_FDCWD, path, 0) < 0 ? jp_fail_sys(err, "remove '%s'", path) : 0;
}
