/*
 * The builder of the apps' roots: PID 1, and for one that is started again renew.c.
 *
 * Each app gets a mount namespace copied from the supervisor's, made private, in which its root is
 * mounted, filled and turned into "/" (seal.c); what it was copied from is let go of. Nothing is
 * ever mounted in the host's namespace, so a killed pod leaves no mount.
 *
 * The root belongs to the image, hence to somebody else: every path in it is resolved in it by
 * sys/path.h, and mounts go to descriptors, never to paths (CVE-2021-30465, CVE-2024-45310).
 * Files are written before volumes are mounted, so that none can land in a volume, and by
 * replacing the name, so that no link of the image leads them elsewhere (CVE-2025-24965).
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/linux/kernel.h"
#include "platform/linux/linux.h"
#include "platform/place.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/mounts.h"
#include "sys/path.h"

#define PROC_FD     "/proc/self/fd/" /* short, so that no option passes fsconfig's 255 bytes */
#define OPTION_PAGE 4096             /* mount(2) takes options of one page */

int jp_linux_tell(int socket, uint32_t kind, size_t app, const int *fds, size_t n_fds)
{
    struct jp_linux_message m = {.kind = kind, .app = (uint32_t)app};
    size_t len = offsetof(struct jp_linux_message, text) + 1;
    return jp_fd_send(socket, &m, len, fds, n_fds, 0) < 0 ? -1 : 0;
}

void jp_linux_tell_failure(int socket, const struct jp_error *err)
{
    struct jp_linux_message m = {
        .kind = JP_LINUX_FAILED, .code = (int32_t)err->code, .sys = (int32_t)err->sys};
    (void)snprintf(m.text, sizeof(m.text), "%s", jp_error_text(err));
    (void)jp_fd_send(socket, &m, offsetof(struct jp_linux_message, text) + strlen(m.text) + 1, NULL,
                     0, 0);
}

void jp_linux_warn(const struct jp_linux_builder *b, const char *fmt, ...)
{
    struct jp_linux_message m = {.kind = JP_LINUX_WARNING};
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(m.text, sizeof(m.text), fmt, ap);
    va_end(ap);
    (void)jp_fd_send(b->socket, &m, offsetof(struct jp_linux_message, text) + strlen(m.text) + 1,
                     NULL, 0, 0);
}

static int open_host_dir(const char *path, struct jp_error *err)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return jp_fail(err, errno == ENOENT ? JP_ENOTFOUND : JP_ESYS, errno, "open '%s'", path);
    return fd;
}

/* Before Linux 6.5 overlay took every option unread and refused it only when mounted. */
static bool reads_options_late(void)
{
    JP_AUTO_FD int fs_fd = fsopen("overlay", FSOPEN_CLOEXEC);
    return fs_fd >= 0 && fsconfig(fs_fd, FSCONFIG_SET_FLAG, "lowerdir+", NULL, 0) == 0;
}

/* Layers one by one, which kernels from 6.8 on can. 0, 1 when this one cannot, -1. */
static int add_layers(int fs_fd, const int *fds, size_t count, struct jp_error *err)
{
    if (reads_options_late())
        return 1;
    for (size_t i = 0; i < count; i++) {
        char path[sizeof(PROC_FD) + 12];
        (void)snprintf(path, sizeof(path), PROC_FD "%d", fds[i]);
        if (fsconfig(fs_fd, FSCONFIG_SET_STRING, "lowerdir+", path, 0) == 0)
            continue;
        if (i == 0 && errno == EINVAL)
            return 1;
        return jp_fail_sys(err, "stack layer %zu", i);
    }
    return 0;
}

/*
 * Whatever the host prefers: the upper directory shall hold what was written as it is, whole files
 * under their names, since it is read without the kernel's help (diff, commit).
 */
static const char *const plain_upper[] = {"redirect_dir", "metacopy", "index"};

/* mount(2) from the directory of our descriptors, so that their numbers are short names of them. */
static int mount_from_fds(const char *target, const char *options, struct jp_error *err)
{
    JP_AUTO_FD int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (before < 0 || chdir(PROC_FD) < 0)
        return jp_fail_sys(err, "enter '" PROC_FD "'");
    int r = mount("overlay", target, "overlay", MS_NODEV, options);
    int failure = errno;
    if (fchdir(before) < 0)
        return jp_fail_sys(err, "leave '" PROC_FD "'");
    errno = failure;
    return r < 0 ? jp_fail_sys(err, "mount overlay") : 0;
}

/* All layers in one string of mount(2), for older kernels. */
static int mount_overlay_page(const struct jp_plan_root *root, const int *fds, int at_fd,
                              const int dirs[2], struct jp_error *err)
{
    JP_AUTO(jp_buf) options = JP_BUF_INIT;
    for (size_t i = 0; i < root->layers.count; i++)
        jp_buf_printf(&options, "%s%d", i == 0 ? "lowerdir=" : ":", fds[i]);
    jp_buf_printf(&options, ",upperdir=%d,workdir=%d%s", dirs[0], dirs[1],
                  root->is_volatile ? ",volatile" : "");
    for (size_t i = 0; i < JP_LEN(plain_upper); i++)
        jp_buf_printf(&options, ",%s=off", plain_upper[i]);
    if (jp_buf_failed(&options))
        return jp_oom(err);
    if (options.len >= OPTION_PAGE)
        return jp_fail(err, JP_ELIMIT, 0, "%zu layers are more than this kernel can stack",
                       root->layers.count);
    char target[sizeof(PROC_FD) + 12];
    (void)snprintf(target, sizeof(target), PROC_FD "%d", at_fd);
    if (mount_from_fds(target, jp_buf_text(&options), err) < 0)
        return -1;
    /* By path, and without O_NOFOLLOW on the link: at_fd itself lies below the new mount. */
    int fd = open(root->upper, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return jp_fail_sys(err, "open '%s'", root->upper);
    return fd;
}

static int configure_overlay(int fs_fd, const struct jp_plan_root *root, const int dirs[2],
                             struct jp_error *err)
{
    char path[sizeof(PROC_FD) + 12];
    (void)snprintf(path, sizeof(path), PROC_FD "%d", dirs[0]);
    if (jp_linux_fs_set(fs_fd, "upperdir", path, err) < 0)
        return -1;
    (void)snprintf(path, sizeof(path), PROC_FD "%d", dirs[1]);
    if (jp_linux_fs_set(fs_fd, "workdir", path, err) < 0)
        return -1;
    for (size_t i = 0; i < JP_LEN(plain_upper); i++)
        if (jp_linux_fs_set(fs_fd, plain_upper[i], "off", err) < 0)
            return -1;
    return root->is_volatile ? jp_linux_fs_set(fs_fd, "volatile", NULL, err) : 0;
}

static int mount_overlay_layers(const struct jp_plan_root *root, const int *fds,
                                struct jp_error *err)
{
    JP_AUTO_FD int upper = open_host_dir(root->upper, err);
    JP_AUTO_FD int work = upper < 0 ? -1 : open_host_dir(root->work, err);
    JP_AUTO_FD int fs_fd = work < 0 ? -1 : jp_linux_fs_open("overlay", err);
    if (fs_fd < 0)
        return -1;
    int dirs[2] = {upper, work};
    int r = add_layers(fs_fd, fds, root->layers.count, err);
    if (r > 0)
        return mount_overlay_page(root, fds, upper, dirs, err);
    if (r < 0 || jp_linux_fs_set(fs_fd, "source", "overlay", err) < 0 ||
        configure_overlay(fs_fd, root, dirs, err) < 0)
        return -1;
    JP_AUTO_FD int fd = jp_linux_fs_mount(fs_fd, "overlay", MOUNT_ATTR_NODEV, err);
    if (fd < 0 || jp_linux_attach(fd, upper, "", err) < 0)
        return -1;
    return jp_fd_take(&fd);
}

static int mount_overlay(const struct jp_plan_root *root, struct jp_error *err)
{
    size_t count = root->layers.count;
    JP_AUTO_FREE int *fds = jp_calloc(count + 1, sizeof(*fds));
    if (!fds)
        return jp_oom(err);
    size_t opened = 0;
    int fd = -1;
    while (opened < count && (fds[opened] = open_host_dir(root->layers.items[opened], err)) >= 0)
        opened++;
    if (opened == count)
        fd = mount_overlay_layers(root, fds, err);
    while (opened > 0)
        jp_fd_close(&fds[--opened]);
    return fd;
}

static int mount_directory(const struct jp_plan_root *root, struct jp_error *err)
{
    JP_AUTO_FD int dir = open_host_dir(root->dir, err);
    JP_AUTO_FD int fd = dir < 0 ? -1 : jp_linux_clone_mount(dir, "", false, err);
    if (fd < 0 || jp_linux_set_attributes(fd, MOUNT_ATTR_NODEV, MOUNT_ATTR_RDONLY, false, err) < 0)
        return -1;
    if (jp_linux_attach(fd, dir, "", err) < 0)
        return -1;
    return jp_fd_take(&fd);
}

/*
 * The app's root, attached over a directory of ours that exists and that nothing is looked up
 * below; writable, nodev but not nosuid: set-uid programs in it are its own.
 */
static int mount_root(const struct jp_plan_root *root, struct jp_error *err)
{
    bool is_overlay = root->kind == JP_ROOT_OVERLAY;
    if (is_overlay ? !root->upper || !root->work || root->layers.count == 0 : !root->dir)
        return jp_fail(err, JP_EINVALID, 0, "the plan names no directory");
    return is_overlay ? mount_overlay(root, err) : mount_directory(root, err);
}

static int open_source(const struct jp_plan_volume *volume, struct jp_error *err)
{
    if (volume->is_host && !volume->allow_links)
        return jp_path_open_strict(volume->source, O_PATH, err);
    int fd = open(volume->source, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return jp_fail(err, errno == ENOENT ? JP_ENOTFOUND : JP_ESYS, errno, "open '%s'",
                       volume->source);
    return fd;
}

/* Where a volume goes. */
struct place {
    const struct jp_linux_builder *b;
    const struct jp_plan_app *app;
    const struct jp_plan_mount *mount;
    int root_fd;
};

static void warn_of(const void *context, const char *verb)
{
    const struct place *p = context;
    jp_linux_warn(p->b, "app '%s': volume '%s' %s '%s' of the image", p->app->name,
                  p->b->plan->volumes[p->mount->volume].name, verb, p->mount->path);
}

static bool is_of_root(const void *context, int dir_fd)
{
    const struct place *p = context;
    return jp_linux_mount_id(dir_fd) == jp_linux_mount_id(p->root_fd);
}

static int mount_volume(const struct place *p, struct jp_error *err)
{
    const struct jp_plan_mount *mount = p->mount;
    const struct jp_plan_volume *volume = &p->b->plan->volumes[mount->volume];
    JP_AUTO_FD int source = -1;
    if ((source = open_source(volume, err)) < 0)
        return -1;
    struct stat st;
    if (fstat(source, &st) < 0)
        return jp_fail_sys(err, "stat '%s'", volume->source);
    JP_AUTO_FD int tree = jp_linux_clone_mount(source, "", volume->is_recursive, err);
    if (tree < 0)
        return -1;
    uint64_t set = MOUNT_ATTR_NODEV;
    if (volume->is_read_only || mount->is_read_only)
        set |= MOUNT_ATTR_RDONLY;
    if (jp_linux_set_attributes(tree, set, 0, true, err) < 0)
        return -1;
    struct jp_place place = {p->root_fd, mount->path, is_of_root, warn_of, p};
    JP_AUTO_FD int target =
        S_ISDIR(st.st_mode) ? jp_place_directory(&place, err) : jp_place_file(&place, err);
    if (target < 0)
        return -1;
    return jp_linux_attach(tree, target, "", err);
}

static int mount_volumes(const struct jp_linux_builder *b, const struct jp_plan_app *app,
                         int root_fd, struct jp_error *err)
{
    for (size_t i = 0; i < app->n_mounts; i++) {
        const struct jp_plan_mount *mount = &app->mounts[i];
        if (mount->volume >= b->plan->n_volumes)
            return jp_fail(err, JP_EINVALID, 0, "app '%s': no volume %u", app->name, mount->volume);
        struct place place = {.b = b, .app = app, .mount = mount, .root_fd = root_fd};
        if (mount_volume(&place, err) < 0)
            return jp_wrap(err, "app '%s': mount volume '%s' on '%s'", app->name,
                           b->plan->volumes[mount->volume].name, mount->path);
    }
    return 0;
}

static int open_own_namespace(struct jp_error *err)
{
    int fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return jp_fail_sys(err, "open '/proc/self/ns/mnt'");
    return fd;
}

int jp_linux_build_app(struct jp_linux_builder *b, size_t index, struct jp_error *err)
{
    const struct jp_plan_app *app = &b->plan->apps[index];
    if (unshare(CLONE_NEWNS) < 0)
        return jp_fail_sys(err, "make a mount namespace");
    JP_AUTO_FD int ns_fd = open_own_namespace(err);
    if (ns_fd < 0)
        return -1;
    JP_AUTO_FD int root_fd = mount_root(&app->root, err);
    if (root_fd < 0)
        return jp_wrap(err, "app '%s': mount its root", app->name);
    if (jp_linux_tell(b->socket, JP_LINUX_ROOT, index, &root_fd, 1) < 0)
        return jp_fail_sys(err, "tell the supervisor");
    if (jp_place_write_files(app, root_fd, err) < 0)
        return -1;
    /* Until then the supervisor looks up users in the clean root, not in a volume. */
    if (app->n_mounts > 0 && jp_linux_await_go(b, index, err) < 0)
        return -1;
    if (mount_volumes(b, app, root_fd, err) < 0)
        return -1;
    JP_AUTO_FD int pts_fd = -1;
    if (jp_linux_seal(b, index, root_fd, &pts_fd, err) < 0)
        return jp_wrap(err, "app '%s': complete its root", app->name);
    if (jp_linux_switch_root(root_fd, ns_fd, err) < 0)
        return jp_wrap(err, "app '%s': enter its root", app->name);
    const int fds[] = {ns_fd, pts_fd};
    if (jp_linux_tell(b->socket, JP_LINUX_SEALED, index, fds, JP_LEN(fds)) < 0)
        return jp_fail_sys(err, "tell the supervisor");
    return jp_linux_return_to_base(b, err);
}

int jp_linux_return_to_base(const struct jp_linux_builder *b, struct jp_error *err)
{
    /* chroot(2) for the case that we were started in one: setns(2) leads out of it. */
    if (setns(b->base_fd, CLONE_NEWNS) < 0 || fchdir(b->root_fd) < 0 || chroot(".") < 0)
        return jp_fail_sys(err, "leave a mount namespace");
    return 0;
}

int jp_linux_build_base(struct jp_linux_builder *b, struct jp_error *err)
{
    b->base_fd = open_own_namespace(err);
    b->root_fd = b->base_fd < 0 ? -1 : open_host_dir("/", err);
    if (b->root_fd < 0)
        return -1;
    return jp_mounts_make_private() < 0 ? jp_fail_sys(err, "make the mounts private") : 0;
}
