#include "platform/place.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/path.h"

/* Copies the directory part of an absolute path; "/" for what lies directly below. */
static int directory_of(const char *path, char out[PATH_MAX], struct jp_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (path[0] != '/' || len >= PATH_MAX - 1)
        return jp_fail(err, JP_EINVALID, 0, "bad path '%s'", path);
    memcpy(out, path, len);
    out[len] = '\0';
    if (len == 0)
        memcpy(out, "/", 2);
    return 0;
}

static int write_file(int root_fd, const struct jp_plan_file *file, struct jp_error *err)
{
    if (file->only_if_missing) {
        JP_AUTO_FD int there = jp_path_open(root_fd, file->path, JP_PATH_PLACE, NULL);
        if (there >= 0)
            return 0;
    }
    char name[PATH_MAX];
    if (directory_of(file->path, name, err) < 0)
        return -1;
    JP_AUTO_FD int made = jp_path_make_dirs(root_fd, name, 0755, err);
    if (made < 0)
        return -1;
    JP_AUTO_FD int dir = jp_path_open_parent(root_fd, file->path, name, err);
    if (dir < 0)
        return -1;
    if (jp_sys.unlinkat(dir, name, 0) < 0 && errno != ENOENT)
        return jp_fail_sys(err, "replace '%s'", file->path);
    JP_AUTO_FD int fd = jp_fd_open(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0644, err);
    if (fd < 0)
        return -1;
    return jp_fd_write_all(fd, file->content, strlen(file->content), file->path, err);
}

int jp_place_write_files(const struct jp_plan_app *app, int root_fd, struct jp_error *err)
{
    for (size_t i = 0; i < app->n_files; i++) {
        if (write_file(root_fd, &app->files[i], err) < 0)
            return jp_wrap(err, "app '%s': write '%s'", app->name, app->files[i].path);
    }
    return 0;
}

static bool ask(void *context, int dir_fd)
{
    const struct jp_place *p = context;
    return p->is_of_root(p->context, dir_fd);
}

static int check_creation(const struct jp_place *p, int dir_fd, struct jp_error *err)
{
    if (p->is_of_root(p->context, dir_fd))
        return 0;
    return jp_fail(err, JP_EINVALID, 0, "'%s' would be made inside another volume", p->path);
}

static int make_dirs(const struct jp_place *p, const char *path, struct jp_error *err)
{
    struct jp_path_making how = {.mode = 0755, .may_make = ask, .context = (void *)(uintptr_t)p};
    return jp_path_make_dirs_where(p->root_fd, path, &how, err);
}

/* Removes what is in the way of a mount point, which ace.md asks for with a warning. */
static int remove_obstacle(const struct jp_place *p, struct jp_error *err)
{
    const char *path = p->path;
    char name[NAME_MAX + 1];
    JP_AUTO_FD int dir = jp_path_open_parent(p->root_fd, path, name, err);
    if (dir < 0 || check_creation(p, dir, err) < 0)
        return -1;
    if (jp_sys.unlinkat(dir, name, 0) < 0)
        return errno == ENOENT ? 0 : jp_fail_sys(err, "replace '%s'", path);
    p->warn(p->context, "replaces");
    return 0;
}

static int open_directory(const struct jp_place *p, struct jp_error *err)
{
    const char *path = p->path;
    int fd = jp_path_open(p->root_fd, path, JP_PATH_PLACE | O_DIRECTORY, NULL);
    if (fd >= 0) {
        if (!jp_fd_is_empty_dir(fd))
            p->warn(p->context, "hides what is in");
        return fd;
    }
    JP_AUTO(jp_error) first = JP_ERROR_INIT;
    fd = make_dirs(p, path, &first);
    if (fd >= 0)
        return fd;
    if (remove_obstacle(p, err) < 0)
        return -1;
    return make_dirs(p, path, err);
}

static int open_file(const struct jp_place *p, struct jp_error *err)
{
    const char *path = p->path;
    struct stat st;
    int fd = jp_path_open(p->root_fd, path, JP_PATH_PLACE, NULL);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        p->warn(p->context, "hides");
        return fd;
    }
    jp_fd_close(&fd);
    char name[PATH_MAX];
    if (directory_of(path, name, err) < 0)
        return -1;
    JP_AUTO_FD int made = make_dirs(p, name, err);
    if (made < 0 || remove_obstacle(p, err) < 0)
        return -1;
    JP_AUTO_FD int dir = jp_path_open_parent(p->root_fd, path, name, err);
    if (dir < 0 || check_creation(p, dir, err) < 0)
        return -1;
    return jp_fd_open(dir, name, O_RDONLY | O_CREAT | O_EXCL, 0644, err);
}

/* The file systems of the system are nobody's volume (CVE-2019-19921: a fake /proc). */
static int check_target(const char *path, struct jp_error *err)
{
    static const char *const ours[] = {"/proc", "/sys", "/dev"};
    for (size_t i = 0; i < JP_LEN(ours); i++) {
        size_t len = strlen(ours[i]);
        if (strncmp(path, ours[i], len) == 0 && (path[len] == '/' || path[len] == '\0'))
            return jp_fail(err, JP_EINVALID, 0, "'%s' belongs to the system", path);
    }
    return 0;
}

static int check_not_root(int target, int root_fd, struct jp_error *err)
{
    struct stat a, b;
    if (fstat(target, &a) < 0 || fstat(root_fd, &b) < 0)
        return jp_fail_sys(err, "stat a mount point");
    if (a.st_dev == b.st_dev && a.st_ino == b.st_ino)
        return jp_fail(err, JP_EINVALID, 0, "a volume cannot be the root");
    return 0;
}

static int open_place(const struct jp_place *p, bool is_directory, struct jp_error *err)
{
    if (check_target(p->path, err) < 0)
        return -1;
    JP_AUTO_FD int fd = is_directory ? open_directory(p, err) : open_file(p, err);
    if (fd < 0 || check_not_root(fd, p->root_fd, err) < 0)
        return -1;
    return jp_fd_take(&fd);
}

int jp_place_directory(const struct jp_place *place, struct jp_error *err)
{
    return open_place(place, true, err);
}

int jp_place_file(const struct jp_place *place, struct jp_error *err)
{
    return open_place(place, false, err);
}
