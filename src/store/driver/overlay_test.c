/*
 * Clones: what overlay and copy leave on disk, whether it is clean each time, what they say has
 * changed; and that removal stops at mounts and links (row 61). Runs in a mount namespace of its
 * own, as root.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <sched.h>

#include "store/driver/list.h"
#include "store/store_testing.h"
#include "tap.h"

#define ROOT_TIME 1234567890

static char lower_id[136], upper_id[136];

/* rootfs/{same,both,gone,dir/{a,b}} in the lower, rootfs/{both,top} in the upper layer. */
static int make_image(struct jp_store *store, const char *id, bool is_upper, struct jp_error *err)
{
    struct jp_store_draft draft = JP_STORE_DRAFT_INIT;
    struct jp_store_image image = {
        .id = (char *)(uintptr_t)id,
        .name = (char *)(uintptr_t)(is_upper ? "example.com/upper" : "example.com/lower")};
    if (jp_store_draft_begin(store, &draft, err) < 0)
        return -1;
    testing_write(draft.dir_fd, "manifest", "{}");
    int root = draft.rootfs_fd;
    testing_write(root, "both", is_upper ? "from the upper layer" : "from the lower");
    if (is_upper) {
        testing_write(root, "top", "t");
    } else {
        testing_write(root, "same", "s");
        testing_write(root, "gone", "g");
        (void)mkdirat(root, "dir", 0755);
        testing_write(root, "dir/a", "a");
        testing_write(root, "dir/b", "b");
    }
    const struct timespec times[2] = {{.tv_sec = ROOT_TIME}, {.tv_sec = ROOT_TIME}};
    if (fchown(root, is_upper ? 5 : 7, 6) < 0)
        return jp_fail_sys(err, "chown");
    (void)fchmod(root, is_upper ? 01775 : 0700);
    (void)fsetxattr(root, "user.color", "blue", 4, 0);
    (void)futimens(root, times);
    return jp_store_draft_commit(store, &draft, &image, err);
}

static void root_clear(struct jp_plan_root *root)
{
    free(root->dir);
    free(root->upper);
    free(root->work);
    jp_strv_clear(&root->layers);
    *root = (struct jp_plan_root){0};
}

static void check_root_metadata(const char *path, const char *driver)
{
    struct stat st = {0};
    char value[8] = "";
    CHECK(stat(path, &st) == 0 && st.st_uid == 5 && st.st_gid == 6 &&
              (st.st_mode & 07777) == 01775 && st.st_mtime == ROOT_TIME,
          "%s: the root is as in the topmost image (%u:%u %o)", driver, (unsigned)st.st_uid,
          (unsigned)st.st_gid, (unsigned)st.st_mode & 07777U);
    ssize_t len = getxattr(path, "user.color", value, sizeof(value));
    if (len < 0 && errno == ENOTSUP)
        tap_skip("xattr of the root", "no user xattrs on this file system");
    else
        CHECK(len == 4 && memcmp(value, "blue", 4) == 0, "%s: its xattrs, too", driver);
}

/* Mounts or names the root so that the test can work in it; the path is TOP/merged or dir. */
static int enter_root(const struct jp_plan_root *root, char path[300])
{
    if (root->kind == JP_ROOT_DIRECTORY) {
        (void)snprintf(path, 300, "%s", root->dir);
        return 0;
    }
    char options[4000], merged[64];
    (void)snprintf(merged, sizeof(merged), "%s/merged", testing_top);
    (void)mkdir(merged, 0755);
    (void)snprintf(path, 300, "%s", merged);
    (void)snprintf(options, sizeof(options), "lowerdir=%s:%s,upperdir=%s,workdir=%s",
                   root->layers.items[0], root->layers.items[1], root->upper, root->work);
    return mount("overlay", merged, "overlay", 0, options);
}

static void leave_root(const struct jp_plan_root *root, const char *path)
{
    if (root->kind == JP_ROOT_OVERLAY)
        (void)umount2(path, MNT_DETACH);
}

static void read_file(const char *dir, const char *name, char text[64])
{
    char path[400];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, 63);
    text[len > 0 ? len : 0] = '\0';
    jp_fd_close(&fd);
}

/* What an app might do. */
static void change(const char *path)
{
    JP_AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    testing_write(fd, "both", "changed by the app, longer");
    testing_write(fd, "new", "n");
    (void)unlinkat(fd, "gone", 0);
    (void)unlinkat(fd, "dir/a", 0);
    (void)unlinkat(fd, "dir/b", 0);
    (void)unlinkat(fd, "dir", AT_REMOVEDIR);
    (void)mkdirat(fd, "dir", 0755); /* opaque in an overlay */
    testing_write(fd, "dir/b", "another b");
    (void)mkdirat(fd, "sub", 0700);
    testing_write(fd, "sub/deep", "d");
}

static int note_change(void *context, char what, const char *path)
{
    struct jp_buf *text = context;
    jp_buf_printf(text, "%s%c %s", text->len ? ", " : "", what, path);
    return 0;
}

static int open_app(const struct jp_store_pod *pod)
{
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/pods/%s/apps/main", testing_root, pod->uuid);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void check_changes(struct jp_store *store, const struct jp_store_pod *pod,
                          const char *expected, const char *text)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_buf) changes = JP_BUF_INIT;
    uint64_t bytes = 0;
    struct jp_driver_context ctx = {jp_store_root_fd(store), jp_store_root(store)};
    const struct jp_driver_ops *driver = jp_store_driver(store, NULL, &err);
    JP_AUTO_FD int fd = open_app(pod);
    CHECK(driver->clone_changes(&ctx, fd, note_change, &changes, &err) == 0, "%s: %s: %s",
          driver->name, text, jp_error_text(&err));
    TAP_STR(jp_buf_text(&changes), expected, "%s: %s", driver->name, text);
    CHECK(driver->clone_usage(&ctx, fd, &bytes, &err) == 0 && bytes > 0, "%s: uses %llu bytes",
          driver->name, (unsigned long long)bytes);
}

static void test_driver(const struct jp_store_options *options)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_PTR(jp_store) store = NULL;
    JP_AUTO(jp_store_pod) pod = {0};
    JP_AUTO(jp_strv) layers = JP_STRV_INIT;
    struct jp_plan_root root = {.is_volatile = true};
    char path[300] = "", text[64];
    const char *name = options->driver;
    CHECK(jp_store_open(options, &store, &err) == 0 &&
              testing_pod(store, name, 2, false, &pod, &err) == 0,
          "%s: pod: %s", name, jp_error_text(&err));
    if (jp_strv_add(&layers, upper_id) < 0 || jp_strv_add(&layers, lower_id) < 0)
        return;
    CHECK(jp_store_pod_clone(store, &pod, &layers, &root, &err) == 0, "%s: clone: %s", name,
          jp_error_text(&err));
    CHECK(root.is_volatile, "%s: what is the caller's stays", name);
    check_root_metadata(root.kind == JP_ROOT_OVERLAY ? root.upper : root.dir, name);
    CHECK(enter_root(&root, path) == 0, "%s: the root can be entered", name);
    read_file(path, "both", text);
    TAP_STR(text, "from the upper layer", "%s: the upper layer hides the lower", name);
    read_file(path, "dir/a", text);
    TAP_STR(text, "a", "%s: what only the lower has is there", name);
    change(path);
    leave_root(&root, path);
    check_changes(store, &pod, "M both, D dir/a, M dir/b, D gone, A new, A sub, A sub/deep",
                  "changes");
    root_clear(&root);
    CHECK(jp_store_pod_clone(store, &pod, &layers, &root, &err) == 0, "%s: clone again", name);
    check_changes(store, &pod, "", "the new clone is clean");
    CHECK(enter_root(&root, path) == 0, "%s: and can be entered", name);
    read_file(path, "both", text);
    TAP_STR(text, "from the upper layer", "%s: it has the image's files", name);
    leave_root(&root, path);
    root_clear(&root);
    CHECK(jp_store_pod_unclone(store, &pod, &err) == 0, "%s: unclone", name);
    JP_AUTO_FD int fd = open_app(&pod);
    struct stat st;
    CHECK(fstatat(fd, "upper", &st, 0) < 0 && fstatat(fd, "rootfs", &st, 0) < 0, "%s: gone", name);
    CHECK(jp_store_pod_unclone(store, &pod, &err) == 0, "%s: unclone of nothing", name);
    CHECK(testing_gc(store) == 0, "%s: nothing left", name);
}

/* A clone of one driver is replaced by one of the other. */
static void test_change_of_driver(struct jp_store_options options)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {0};
    JP_AUTO(jp_strv) layers = JP_STRV_INIT;
    struct jp_plan_root root = {0};
    struct stat st;
    if (jp_strv_add(&layers, upper_id) < 0)
        return;
    static const char *const drivers[] = {"overlay", "copy"};
    for (size_t i = 0; i < JP_LEN(drivers); i++) {
        JP_AUTO_PTR(jp_store) store = NULL;
        options.driver = drivers[i];
        CHECK(jp_store_open(&options, &store, &err) == 0 &&
                  (i > 0 || testing_pod(store, "moved", 2, false, &pod, &err) == 0) &&
                  jp_store_pod_clone(store, &pod, &layers, &root, &err) == 0,
              "clone by %s: %s", drivers[i], jp_error_text(&err));
        root_clear(&root);
    }
    JP_AUTO_FD int fd = open_app(&pod);
    CHECK(fstatat(fd, "upper", &st, 0) < 0 && fstatat(fd, "rootfs", &st, 0) == 0,
          "nothing of the first is left");
}

/* The pod was moved to tmp/gone-..., the mount with it. */
static void unmount_trashed(void)
{
    char path[500];
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    (void)snprintf(path, sizeof(path), "%s/tmp", testing_root);
    JP_AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (jp_store_list_dir(fd, NULL, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.count; i++) {
        (void)snprintf(path, sizeof(path), "%s/tmp/%s/volumes/mount", testing_root, names.items[i]);
        (void)umount2(path, MNT_DETACH);
    }
}

static void test_canary(const struct jp_store_options *options)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_PTR(jp_store) store = NULL;
    JP_AUTO(jp_store_pod) pod = {0};
    char canary[64], inside[300], text[64];
    (void)snprintf(canary, sizeof(canary), "%s/canary", testing_top);
    (void)mkdir(canary, 0755);
    JP_AUTO_FD int fd = open(canary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    testing_write(fd, "song", "chirp");
    CHECK(jp_store_open(options, &store, &err) == 0 &&
              testing_pod(store, "canary", 2, false, &pod, &err) == 0,
          "pod");
    (void)snprintf(inside, sizeof(inside), "%s/pods/%s/volumes/link", testing_root, pod.uuid);
    CHECK(symlink(canary, inside) == 0, "a link was left in the pod");
    (void)snprintf(inside, sizeof(inside), "%s/pods/%s/volumes/mount", testing_root, pod.uuid);
    (void)mkdir(inside, 0755);
    CHECK(mount(canary, inside, NULL, MS_BIND, NULL) == 0, "a mount was left in the pod");
    CHECK(jp_store_pod_destroy(store, pod.uuid, &err) < 0 && err.code == JP_EBUSY,
          "destroy stops at it: %s", jp_error_text(&err));
    read_file(canary, "song", text);
    TAP_STR(text, "chirp", "the canary sings");
    CHECK(jp_store_gc(store, NULL, &err) < 0 && err.code == JP_EBUSY, "so does gc: %s",
          jp_error_text(&err));
    read_file(canary, "song", text);
    TAP_STR(text, "chirp", "the canary still sings");
    unmount_trashed();
    CHECK(testing_gc(store) == 1, "gc finishes when the mount is gone");
    read_file(canary, "song", text);
    TAP_STR(text, "chirp", "the canary sings on");
    CHECK(testing_fsck(options, false) == 0, "clean");
}

/* Row 26: users of the host reach no program of an image. */
static void test_other_users(void)
{
    char path[400];
    struct stat st;
    (void)chmod(testing_top, 0755);
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        if (setgid(65534) < 0 || setuid(65534) < 0)
            _exit(1);
        (void)snprintf(path, sizeof(path), "%s/version", testing_root);
        if (stat(path, &st) < 0)
            _exit(2); /* the control: this one is for everybody */
        (void)snprintf(path, sizeof(path), "%s/images/%s/rootfs/both", testing_root, lower_id);
        if (stat(path, &st) == 0 || errno != EACCES)
            _exit(3);
        static const char *const closed[] = {"images", "pods", "tmp", "keys", "db"};
        for (size_t i = 0; i < JP_LEN(closed); i++) {
            (void)snprintf(path, sizeof(path), "%s/%s", testing_root, closed[i]);
            if (open(path, O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES)
                _exit(4);
        }
        _exit(0);
    }
    int status = -1;
    (void)waitpid(pid, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "other users see no image (%d)", status);
}

int main(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (geteuid() != 0) {
        printf("1..0 # SKIP needs root\n");
        return 0;
    }
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        printf("1..0 # SKIP no mount namespace\n");
        return 0;
    }
    struct jp_store_options options = testing_begin("auto");
    testing_id(1, lower_id);
    testing_id(2, upper_id);
    {
        JP_AUTO_PTR(jp_store) store = NULL;
        CHECK(jp_store_open(&options, &store, &err) == 0 &&
                  make_image(store, lower_id, false, &err) == 0 &&
                  make_image(store, upper_id, true, &err) == 0,
              "two images: %s", jp_error_text(&err));
        CHECK(strcmp(jp_store_driver(store, NULL, &err)->name, "overlay") == 0,
              "auto means overlay");
    }
    options.driver = "overlay";
    test_driver(&options);
    options.driver = "copy";
    test_driver(&options);
    test_change_of_driver(options);
    test_canary(&options);
    test_other_users();
    {
        const char *why = NULL;
        options.driver = "auto";
        JP_AUTO_PTR(jp_store) again = NULL;
        CHECK(jp_store_open(&options, &again, &err) == 0 && jp_store_driver(again, &why, &err) &&
                  strcmp(why, "the first choice works here") == 0,
              "auto chooses anew after a choice was set: %s", why ? why : "");
    }
    options.driver = "zfs9";
    JP_AUTO_PTR(jp_store) store = NULL;
    CHECK(jp_store_open(&options, &store, &err) == 0 && !jp_store_driver(store, NULL, &err) &&
              err.code == JP_EUNSUPPORTED,
          "no such driver: %s", jp_error_text(&err));
    return tap_done();
}
