/*
 * The apps' roots: mounted, filled with files and volumes, completed (seal.c). No process of the
 * pod runs before all of it is done.
 */
#include <sys/param.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/freebsd/freebsd.h"
#include "platform/place.h"
#include "sys/fd.h"
#include "sys/path.h"

/* ---- places for volumes ---- */

struct target {
    struct jp_isolation *pod;
    size_t app;
    const struct jp_plan_mount *mount;
    int root_fd;
    bool is_early; /* the place is made; what it hides will be told when it is used */
};

static bool is_of_root(const void *context, int dir_fd)
{
    const struct target *t = context;
    struct statfs a, b;
    return fstatfs(dir_fd, &a) == 0 && fstatfs(t->root_fd, &b) == 0 &&
           memcmp(&a.f_fsid, &b.f_fsid, sizeof(a.f_fsid)) == 0;
}

static void warn_of(const void *context, const char *verb)
{
    const struct target *t = context;
    const struct jp_plan *plan = t->pod->plan;
    if (t->is_early && strncmp(verb, "hides", 5) == 0)
        return;
    jp_freebsd_warn(t->pod, "app '%s': volume '%s' %s '%s' of the image", plan->apps[t->app].name,
                    plan->volumes[t->mount->volume].name, verb, t->mount->path);
}

static int open_target(const struct target *t, struct jp_error *err)
{
    struct jp_place place = {t->root_fd, t->mount->path, is_of_root, warn_of, t};
    return jp_place_directory(&place, err);
}

/* ---- the root ---- */

/*
 * nullfs cannot become read-only later: what we put into such a root is put into the directory
 * below it. A volume in a volume has its place there, or none.
 */
static int prepare(struct jp_isolation *pod, size_t index, int source, struct jp_error *err)
{
    const struct jp_plan_app *app = &pod->plan->apps[index];
    if (jp_place_write_files(app, source, err) < 0)
        return -1;
    if (!app->root.is_read_only)
        return 0;
    for (size_t i = 0; i < app->n_mounts; i++) {
        struct target t = {pod, index, &app->mounts[i], source, true};
        JP_AUTO_FD int fd = open_target(&t, err);
        if (fd < 0)
            return -1;
    }
    return jp_freebsd_make_tops(app, source, err);
}

/*
 * Without new privileges no file that the app sees gives any. (PROC_NO_NEW_PRIVS_CTL of procctl(2)
 * says the same to a process, but only newer kernels have it.)
 */
static int mount_flags(const struct jp_plan_app *app, bool is_read_only)
{
    return (is_read_only ? MNT_RDONLY : 0) | (app->confine.no_new_privileges ? MNT_NOSUID : 0);
}

static int mount_root(struct jp_isolation *pod, size_t index, struct jp_error *err)
{
    const struct jp_plan_app *app = &pod->plan->apps[index];
    const struct jp_plan_root *root = &app->root;
    if (root->kind == JP_ROOT_OVERLAY || !root->dir)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "this system has no overlay file system");
    struct jp_freebsd_mount m = {
        .type = "nullfs", .source = root->dir, .flags = mount_flags(app, root->is_read_only)};
    const char *name = pod->apps[index].place;
    JP_AUTO_FD int source = jp_fd_open_dir(AT_FDCWD, root->dir, err);
    if (source < 0 || prepare(pod, index, source, err) < 0)
        return -1;
    JP_AUTO_FD int target = jp_fd_make_dir(pod->world_fd, name, 0755, err);
    if (target < 0 || jp_freebsd_mount(&m, target, err) < 0)
        return -1;
    JP_AUTO_FD int fd = jp_fd_open_dir(pod->world_fd, name, err);
    if (fd < 0 || jp_freebsd_check_mounted(fd, source, err) < 0)
        return -1;
    return jp_fd_take(&fd);
}

static int check_app(const struct jp_isolation *pod, size_t app, struct jp_error *err)
{
    return app < pod->plan->n_apps ? 0 : jp_fail(err, JP_EINVALID, 0, "there is no app %zu", app);
}

static int root(struct jp_isolation *pod, size_t app, int *ret_root_fd, struct jp_error *err)
{
    if (check_app(pod, app, err) < 0)
        return -1;
    jp_fd_close(&pod->apps[app].root_fd);
    pod->apps[app].root_fd = mount_root(pod, app, err);
    if (pod->apps[app].root_fd < 0)
        return -1;
    int fd = fcntl(pod->apps[app].root_fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return jp_fail_sys(err, "duplicate a descriptor");
    *ret_root_fd = fd;
    return 0;
}

/* ---- volumes ---- */

/* The directory, and its true path: what the kernel will be asked for. */
static int open_source(const struct jp_plan_volume *volume, char **ret_path, struct jp_error *err)
{
    JP_AUTO_FREE char *path = volume->is_host && !volume->allow_links
                                  ? jp_strdup(volume->source)
                                  : realpath(volume->source, NULL);
    if (!path)
        return jp_fail(err, errno == ENOENT ? JP_ENOTFOUND : JP_ESYS, errno, "open '%s'",
                       volume->source);
    JP_AUTO_FD int fd = jp_path_open_strict(path, JP_PATH_PLACE, err);
    struct stat st;
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
        return jp_fail(err, JP_EUNSUPPORTED, 0,
                       "'%s' is a file: on this system a volume is a directory", volume->source);
    *ret_path = path;
    path = NULL;
    return jp_fd_take(&fd);
}

static int mount_volume(struct target *t, struct jp_error *err)
{
    struct jp_isolation *pod = t->pod;
    const struct jp_plan_volume *volume = &pod->plan->volumes[t->mount->volume];
    bool is_read_only = volume->is_read_only || t->mount->is_read_only;
    JP_AUTO_FREE char *path = NULL;
    JP_AUTO_FD int source = open_source(volume, &path, err);
    JP_AUTO_FD int target = source < 0 ? -1 : open_target(t, err);
    if (target < 0)
        return -1;
    struct jp_freebsd_mount m = {.type = "nullfs",
                                 .source = path,
                                 .flags = mount_flags(&pod->plan->apps[t->app], is_read_only)};
    if (jp_freebsd_mount(&m, target, err) < 0)
        return -1;
    /* A failure takes the pod down with the mount; nobody has seen it. */
    JP_AUTO_FD int mounted =
        jp_path_open(t->root_fd, t->mount->path, JP_PATH_PLACE | O_DIRECTORY, err);
    if (mounted < 0 || jp_freebsd_check_mounted(mounted, source, err) < 0)
        return -1;
    if (volume->is_recursive && jp_freebsd_has_mount_below(path))
        jp_freebsd_warn(pod, "volume '%s': what is mounted below '%s' is not in it: nullfs cannot",
                        volume->name, volume->source);
    if (pod->plan->may_share_volumes)
        return 0;
    return jp_freebsd_check_sharing(pod->plan->dir, path, source, is_read_only, err);
}

static int volume(struct jp_isolation *pod, size_t app, size_t mount, struct jp_error *err)
{
    if (check_app(pod, app, err) < 0)
        return -1;
    const struct jp_plan_app *a = &pod->plan->apps[app];
    if (mount >= a->n_mounts || a->mounts[mount].volume >= pod->plan->n_volumes)
        return jp_fail(err, JP_EINVALID, 0, "the app has no mount %zu", mount);
    struct target t = {pod, app, &a->mounts[mount], pod->apps[app].root_fd, false};
    return mount_volume(&t, err);
}

/* ---- terminals ---- */

struct terminal {
    int socket;
};

/* In the jail: the terminal is then the jail's, and its programs may open it by its name. */
static int open_master(void *context, struct jp_error *err)
{
    const struct terminal *t = context;
    JP_AUTO_FD int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
        return jp_fail_sys(err, "open a terminal");
    if (jp_fd_send(t->socket, "t", 1, &master, 1, 0) < 0)
        return jp_fail_sys(err, "hand over a terminal");
    return 0;
}

static int receive_master(int socket, struct jp_error *err)
{
    char byte;
    int fd = -1;
    size_t count = 0;
    if (jp_fd_receive(socket, &byte, 1, &fd, 1, &count, MSG_DONTWAIT) != 1 || count != 1)
        return jp_fail(err, JP_ESYS, 0, "the jail gave no terminal");
    return fd;
}

static int terminal(struct jp_isolation *pod, size_t app, int *ret_master, int *ret_slave,
                    struct jp_error *err)
{
    if (check_app(pod, app, err) < 0)
        return -1;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return jp_fail_sys(err, "make a socket pair");
    struct terminal t = {.socket = ends[1]};
    JP_AUTO_FD int master = -1;
    if (jp_freebsd_in_jail(pod->jid, open_master, &t, err) == 0)
        master = receive_master(ends[0], err);
    jp_fd_close(&ends[0]);
    jp_fd_close(&ends[1]);
    if (master < 0)
        return -1;
    const char *name = ptsname(master); /* of the host's /dev, which no pod can change */
    int slave = name ? open(name, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
    if (slave < 0)
        return jp_fail_sys(err, "open the terminal's other end");
    *ret_master = jp_fd_take(&master);
    *ret_slave = slave;
    return 0;
}

/* A jail's /dev has no console, and the terminal is there by its own name. */
static int console(JP_UNUSED struct jp_isolation *pod, JP_UNUSED size_t app, JP_UNUSED int slave,
                   JP_UNUSED struct jp_error *err)
{
    return 0;
}

static int seal(struct jp_isolation *pod, size_t app, struct jp_error *err)
{
    return check_app(pod, app, err) < 0 ? -1 : jp_freebsd_seal(pod, app, err);
}

/* Nothing here speaks sd_notify(3). */
static int notify(JP_UNUSED struct jp_isolation *pod, JP_UNUSED size_t app, int *ret_fd,
                  JP_UNUSED char path[JP_NOTIFY_PATH_SIZE], JP_UNUSED struct jp_error *err)
{
    *ret_fd = -1;
    return 0;
}

const struct jp_mount_ops jp_freebsd_mounts = {.root = root,
                                               .volume = volume,
                                               .seal = seal,
                                               .leave = jp_freebsd_leave,
                                               .is_left = jp_freebsd_is_left,
                                               .terminal = terminal,
                                               .console = console,
                                               .notify = notify};
