/*
 * Entries of tmp/: objects in the making and trees on their way out.
 *
 * Whoever works on one holds an flock on the directory itself (flock(2) takes any descriptor), so
 * there is no lock file to clean up and the lock vanishes with its holder however it dies. An entry
 * that can be locked has no owner any more. Removal never follows a link and never crosses into
 * another mount (row 61 of SECURITY.md): that is sys/tree's promise.
 */
#include "store/driver/trash.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/random.h"
#include "store/driver/dataset.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/tree.h"

#define MAX_TRIES 16 /* names are random: a second try is already unlikely */

static int random_name(const char *kind, char name[JP_TMP_NAME_SIZE], struct jp_error *err)
{
    unsigned char salt[12];
    char digits[2 * sizeof(salt) + 1];
    if (jp_random_bytes(salt, sizeof(salt), err) < 0)
        return -1;
    jp_hex_encode(salt, sizeof(salt), digits);
    (void)snprintf(name, JP_TMP_NAME_SIZE, "%s-%s", kind, digits);
    return 0;
}

static int flock_now(int fd)
{
    int r;
    do {
        r = flock(fd, LOCK_EX | LOCK_NB);
    } while (r < 0 && errno == EINTR);
    return r;
}

/* False when the name means something else by now: a sweep was faster than our lock. */
static bool is_still(int tmp_fd, const char *name, int fd)
{
    struct stat by_fd, by_name;
    return fstat(fd, &by_fd) == 0 && fstatat(tmp_fd, name, &by_name, AT_SYMLINK_NOFOLLOW) == 0 &&
           by_fd.st_dev == by_name.st_dev && by_fd.st_ino == by_name.st_ino;
}

int jp_tmp_make(int tmp_fd, char name[JP_TMP_NAME_SIZE], struct jp_error *err)
{
    for (int i = 0; i < MAX_TRIES; i++) {
        if (random_name("new", name, err) < 0)
            return -1;
        if (jp_sys.mkdirat(tmp_fd, name, 0700) < 0) {
            if (errno == EEXIST)
                continue;
            return jp_fail_sys(err, "make directory 'tmp/%s'", name);
        }
        JP_AUTO_FD int fd = jp_fd_open_dir(tmp_fd, name, NULL);
        if (fd >= 0 && flock_now(fd) == 0 && is_still(tmp_fd, name, fd))
            return jp_fd_take(&fd);
    }
    return jp_fail(err, JP_ESYS, 0, "cannot make a temporary directory");
}

int jp_trash_take(int tmp_fd, int dir_fd, const char *name, enum jp_trash kind,
                  char trashed[JP_TMP_NAME_SIZE], int *ret_fd, struct jp_error *err)
{
    if (random_name(kind == JP_TRASH_TREE ? "tree" : "gone", trashed, err) < 0)
        return -1;
    /* Locked before it is renamed, so that a sweep never finds it without an owner. */
    JP_AUTO_FD int fd = jp_fd_open_dir(dir_fd, name, NULL);
    if (fd >= 0)
        (void)flock_now(fd);
    if (jp_sys.renameat(dir_fd, name, tmp_fd, trashed) < 0)
        return jp_fail(err, errno == ENOENT ? JP_ENOTFOUND : JP_ESYS, errno, "move '%s' to tmp",
                       name);
    *ret_fd = jp_fd_take(&fd);
    return 0;
}

int jp_trash_empty(int tmp_fd, const char *trashed, struct jp_error *err)
{
    bool is_tree = strncmp(trashed, "tree-", strlen("tree-")) == 0;
    JP_AUTO_FD int fd = is_tree ? -1 : jp_fd_open_dir(tmp_fd, trashed, NULL);
    if (fd >= 0 && jp_dataset_release_object(fd, err) < 0)
        return jp_wrap(err, "remove 'tmp/%s'", trashed);
    if (jp_tree_remove(tmp_fd, trashed, err) < 0)
        return jp_wrap(err, "remove 'tmp/%s'", trashed);
    return 0;
}

int jp_trash_remove(int tmp_fd, int dir_fd, const char *name, struct jp_error *err)
{
    char trashed[JP_TMP_NAME_SIZE];
    JP_AUTO_FD int fd = -1;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (jp_trash_take(tmp_fd, dir_fd, name, JP_TRASH_TREE, trashed, &fd, &why) < 0) {
        if (why.code == JP_ENOTFOUND)
            return 0;
        if (err)
            jp_error_move(err, &why);
        return -1;
    }
    return jp_trash_empty(tmp_fd, trashed, err);
}

int jp_trash_is_abandoned(int tmp_fd, const char *name, int *ret_fd)
{
    struct stat st;
    if (fstatat(tmp_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    /* Links, sockets and the like are not ours and cannot be locked. */
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return 1;
    JP_AUTO_FD int fd = jp_fd_open(tmp_fd, name, O_RDONLY | O_NONBLOCK, 0, NULL);
    if (fd < 0 || flock_now(fd) < 0 || !is_still(tmp_fd, name, fd))
        return 0;
    *ret_fd = jp_fd_take(&fd);
    return 1;
}
