/* What a process of ours has left when it has given up its rights, as the kernel tells it. */
#include "config.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sys/drop.h"
#include "tap.h"

#define USER  65534U
#define GROUP 65533U

/* Bits, so that the parent can tell what was wrong. */
enum {
    NOT_DROPPED = 1,
    WRONG_IDS = 2,
    WRONG_CAPABILITIES = 4,
    WRONG_BOUNDS = 8,
    TRACEABLE = 16,
    PRIVILEGES = 32,
    WRONG_DEATH = 64,
};

/* A number of /proc/self/status, in that base; -1. */
static long long status_of(const char *name, int base)
{
    char line[256];
    long long value = -1;
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtoll(line + strlen(name), NULL, base);
    if (file)
        (void)fclose(file);
    return value;
}

static int look(const struct jp_drop *drop)
{
    uid_t uids[3];
    gid_t gids[3], group = 0;
    int death = -1;
    long long kept = drop->keeps_raw_sockets ? 1LL << 13 /* CAP_NET_RAW */ : 0;
    int wrong = 0;
    if (getresuid(&uids[0], &uids[1], &uids[2]) < 0 || getresgid(&gids[0], &gids[1], &gids[2]) < 0)
        return WRONG_IDS;
    for (int i = 0; i < 3; i++)
        wrong |= uids[i] != drop->uid || gids[i] != drop->gid ? WRONG_IDS : 0;
    wrong |= getgroups(1, &group) != 1 || group != drop->gid ? WRONG_IDS : 0;
    wrong |= setuid(0) == 0 || setgid(0) == 0 ? WRONG_IDS : 0;
    wrong |= status_of("CapPrm:", 16) != kept || status_of("CapEff:", 16) != kept ||
                     status_of("CapInh:", 16) != 0 || status_of("CapAmb:", 16) != 0
                 ? WRONG_CAPABILITIES
                 : 0;
    wrong |= status_of("CapBnd:", 16) != 0 ? WRONG_BOUNDS : 0;
    wrong |= prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != JP_SANITIZED ? TRACEABLE : 0;
    wrong |= prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ? PRIVILEGES : 0;
    (void)prctl(PR_GET_PDEATHSIG, &death, 0, 0, 0);
    wrong |= death != (drop->outlives_parent ? 0 : SIGKILL) ? WRONG_DEATH : 0;
    return wrong;
}

/* What is wrong, in a child that drops; before it does so, with everything that root has. */
static int after(const struct jp_drop *drop)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(jp_drop_rights(drop, NULL) < 0 ? NOT_DROPPED : look(drop));
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(void)
{
    const struct jp_drop nothing = {.uid = USER, .gid = GROUP};
    const struct jp_drop raw = {.uid = USER, .gid = GROUP, .keeps_raw_sockets = true};
    const struct jp_drop service = {.uid = USER, .gid = GROUP, .outlives_parent = true};
    const struct jp_drop root = {.uid = 0, .gid = GROUP};
    if (geteuid() != 0 || status_of("CapBnd:", 16) < 0) {
        tap_skip("dropping", geteuid() != 0 ? "needs root" : "not here: no /proc");
        return tap_done();
    }
    int wrong = after(&nothing);
    TAP_OK(wrong == 0, "nothing is left (%d)", wrong);
    wrong = after(&raw);
    TAP_OK(wrong == 0, "but one capability (%d)", wrong);
    wrong = after(&service);
    TAP_OK(wrong == 0, "a service outlives who started it (%d)", wrong);
    TAP_OK(after(&root) == NOT_DROPPED, "root is no user for it");
    return tap_done();
}
