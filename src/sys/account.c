#include "sys/account.h"

#include <sys/wait.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/fd.h"
#include "sys/process.h"
#include "sys/userdb.h"

#define MAX_WORDS 12

/* Tried in order until one is there. "NAME" is replaced. */
#ifdef __FreeBSD__
static const char *const makers[][MAX_WORDS] = {
    {"pw", "useradd", "NAME", "-d", "/nonexistent", "-s", "/usr/sbin/nologin", "-c",
     "Jetpack metadata service", NULL},
};
#else
static const char *const makers[][MAX_WORDS] = {
    {"useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
     "--shell", "/usr/sbin/nologin", "NAME", NULL},
    {"adduser", "-S", "-D", "-H", "-h", "/nonexistent", "-s", "/sbin/nologin", "NAME", NULL},
};
#endif

int jp_account_find(const char *name, uint32_t *ret_uid, uint32_t *ret_gid, struct jp_error *err)
{
    JP_AUTO_FD int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct jp_user user = {.uid = 0};
    if (root_fd < 0)
        return jp_fail_sys(err, "open '/'");
    if (jp_userdb_user(root_fd, name, &user, err) < 0)
        return -1;
    *ret_uid = user.uid;
    *ret_gid = user.gid;
    jp_user_clear(&user);
    return 0;
}

static int run_maker(const char *const *words, const char *name, struct jp_error *err)
{
    char *argv[MAX_WORDS];
    const int stdio[3] = {-1, -1, -1};
    int status = 0;
    size_t n = 0;
    for (; words[n]; n++)
        argv[n] = (char *)(uintptr_t)(strcmp(words[n], "NAME") == 0 ? name : words[n]);
    argv[n] = NULL;
    if (jp_process_run(argv, stdio, &status, err) < 0)
        return -1;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return jp_fail(err, JP_ESYS, 0, "make user '%s': %s failed (status %d)", name, argv[0],
                       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 0;
}

static int make(const char *name, struct jp_error *err)
{
    for (size_t i = 0; i < JP_LEN(makers); i++) {
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        if (run_maker(makers[i], name, &why) == 0)
            return 0;
        if (why.code != JP_ENOPROGRAM || i + 1 == JP_LEN(makers)) {
            jp_error_move(err, &why);
            return -1;
        }
    }
    return 0;
}

int jp_account_ensure(const char *name, uint32_t *ret_uid, uint32_t *ret_gid, bool *ret_made,
                      struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (ret_made)
        *ret_made = false;
    if (jp_account_find(name, ret_uid, ret_gid, &why) == 0)
        return 0;
    if (why.code != JP_ENOTFOUND || make(name, err) < 0) {
        if (why.code != JP_ENOTFOUND)
            jp_error_move(err, &why);
        return -1;
    }
    if (ret_made)
        *ret_made = true;
    return jp_account_find(name, ret_uid, ret_gid, err);
}

int jp_account_group_name(uint32_t gid, char **ret, struct jp_error *err)
{
    JP_AUTO_FD int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return jp_fail_sys(err, "open '/'");
    return jp_userdb_group_name(root_fd, gid, ret, err);
}
