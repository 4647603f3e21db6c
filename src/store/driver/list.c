#include "store/driver/list.h"

#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "sys/calls.h"
#include "sys/fd.h"

#define MAX_NAMES 1000000U /* objects in a directory: beyond every use; more is refused */

static int read_names(DIR *dir, bool (*wanted)(const char *name), struct jp_strv *ret,
                      struct jp_error *err)
{
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (!entry)
            return errno ? jp_fail_sys(err, "read a directory") : 0;
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || (wanted && !wanted(name)))
            continue;
        if (ret->count >= MAX_NAMES)
            return jp_fail(err, JP_ELIMIT, 0, "more than %u entries in a directory", MAX_NAMES);
        if (jp_strv_add(ret, name) < 0)
            return jp_oom(err);
    }
}

int jp_store_write_new(int dir_fd, const char *name, const void *bytes, size_t len, bool durable,
                       struct jp_error *err)
{
    JP_AUTO_FD int fd = jp_fd_open(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600, err);
    if (fd < 0 || jp_fd_write_all(fd, bytes, len, name, err) < 0)
        return -1;
    return durable && jp_sys.fsync(fd) < 0 ? jp_fail_sys(err, "sync '%s'", name) : 0;
}

bool jp_store_exists(int dir_fd, const char *name)
{
    struct stat st;
    return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int jp_store_list_dir(int dir_fd, bool (*wanted)(const char *name), struct jp_strv *ret,
                      struct jp_error *err)
{
    JP_AUTO_FD int fd = jp_fd_open_dir(dir_fd, ".", err);
    if (fd < 0)
        return -1;
    DIR *dir = fdopendir(fd);
    if (!dir)
        return jp_fail_sys(err, "read a directory");
    fd = -1; /* closedir has it now */
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    int r = read_names(dir, wanted, &names, err);
    (void)closedir(dir);
    if (r < 0)
        return -1;
    jp_strv_sort(&names);
    *ret = names;
    names = (struct jp_strv)JP_STRV_INIT;
    return 0;
}
