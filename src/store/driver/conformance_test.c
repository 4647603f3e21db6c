/*
 * What every storage driver promises, asked of each in the same words: images made and sealed, a
 * clone for each app, what has changed in it, what it uses, removal that is complete, that can be
 * done twice and that touches nobody else's; and that a command killed at any moment leaves
 * nothing that gc does not find. Drivers that cannot work here say why and are skipped.
 *
 *   conformance_test [DRIVER...]    those drivers only
 *
 * Where an emulated processor makes that too slow, JETPACK_TEST_STRIDE=N kills before every N-th
 * call only. The zfs driver works below the dataset JETPACK_TEST_DATASET, of a pool made for tests.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <signal.h>

#include "base/parse.h"
#include "store/driver/conformance.h"
#include "store/driver/list.h"
#include "store/store_testing.h"
#include "store/views.h"
#include "sys/attribute.h"
#include "sys/calls.h"
#include "sys/dataset.h"
#include "sys/subvolume.h"
#include "tap.h"

#define ROOT_TIME 1234567890
#define BIG       (4U << 20)   /* bytes of a file of the image */
#define WRITTEN   (1U << 20)   /* bytes that an app writes */
#define SLACK     (512U << 10) /* metadata, directories, what is rounded up */
#define MAX_STEPS 400          /* more than any of the operations has */

/* What may differ between drivers. */
struct traits {
    const char *name;
    bool seals;  /* nobody can write to an image, not even root */
    bool shares; /* a clone does not take what its image takes */
};

static const struct traits drivers[] = {
    {.name = "zfs", .seals = true, .shares = true},
    {.name = "overlay", .shares = true},
    {.name = "btrfs", .seals = true, .shares = true},
    {.name = "copy"},
};

static char lower_id[136], upper_id[136];
static const struct traits *driver;
static struct jp_store_options options;
static struct jp_driver_zfs zfs;

/* ---- tools -------------------------------------------------------------------------------------
 */

static void fill_file(int dir_fd, const char *name, size_t size)
{
    static unsigned char block[4096];
    JP_AUTO_FD int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    for (size_t done = 0; fd >= 0 && done < size; done += sizeof(block)) {
        (void)jp_random_bytes(block, sizeof(block), NULL); /* nothing to be compressed */
        if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
            printf("# cannot fill %s\n", name);
    }
    (void)fsync(fd);
}

/* Its group is that of the directory on some systems, that of the process on others: set. */
static void make_dir(int dir_fd, const char *name, mode_t mode)
{
    if (mkdirat(dir_fd, name, mode) < 0 || fchownat(dir_fd, name, 0, 0, 0) < 0)
        printf("# cannot make directory %s\n", name);
}

/* rootfs/{same,both,gone,big,quiet,dir/{a,b,inner/x},turned/{c,d}} in the lower, rootfs/{both,top}
 * in the upper layer. */
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
        make_dir(root, "dir", 0755);
        testing_write(root, "dir/a", "a");
        testing_write(root, "dir/b", "b");
        make_dir(root, "dir/inner", 0755);
        testing_write(root, "dir/inner/x", "x");
        make_dir(root, "turned", 0755);
        testing_write(root, "turned/c", "c");
        testing_write(root, "turned/d", "d");
        testing_write(root, "quiet", "before");
        fill_file(root, "big", BIG);
    }
    const struct timespec times[2] = {{.tv_sec = ROOT_TIME}, {.tv_sec = ROOT_TIME}};
    if (fchown(root, is_upper ? 5 : 7, 6) < 0)
        return jp_fail_sys(err, "chown");
    (void)fchmod(root, is_upper ? 01775 : 0700);
    /* Copies lie on the file system of the objects, which may have no attributes. */
    if (jp_xattr_set(draft.dir_fd, "user.color", "blue", 4) == 0)
        (void)jp_xattr_set(root, "user.color", "blue", 4);
    (void)futimens(root, times);
    return jp_store_draft_commit(store, &draft, &image, err);
}

static int open_app(const struct jp_store_pod *pod, size_t app)
{
    char path[400];
    (void)snprintf(path, sizeof(path), "%s/pods/%s/apps/%s", options.root, pod->uuid,
                   pod->apps[app].name);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool is_in_app(const struct jp_store_pod *pod, const char *name)
{
    JP_AUTO_FD int fd = open_app(pod, 0);
    return jp_store_exists(fd, name);
}

static int add_layers(struct jp_strv *layers, bool both)
{
    return (both && jp_strv_add(layers, upper_id) < 0) || jp_strv_add(layers, lower_id) < 0 ? -1
                                                                                            : 0;
}

/* A pod of `n_apps` apps, "main" and "side", of image 2. */
static int make_pod(struct jp_store *store, const char *name, size_t n_apps,
                    struct jp_store_pod *ret, struct jp_error *err)
{
    char uuid[JP_UUID_SIZE];
    if (jp_uuid_new(uuid, err) < 0)
        return -1;
    struct jp_store_pod pod = {.uuid = jp_strdup(uuid), .name = jp_strdup(name), .n_apps = n_apps};
    pod.apps = jp_calloc(n_apps, sizeof(*pod.apps));
    for (size_t i = 0; i < n_apps; i++) {
        pod.apps[i].name = jp_strdup(i ? "side" : "main");
        pod.apps[i].image_id = jp_strdup(upper_id);
    }
    struct jp_store_pod_request request = {
        .pod = &pod, .is_volatile = true, .manifest = testing_manifest};
    int r = jp_store_pod_create(store, &request, err);
    if (r == 0)
        *ret = pod;
    else
        jp_store_pod_clear(&pod);
    return r;
}

/* ---- clones ------------------------------------------------------------------------------------
 */

static void check_root_metadata(const struct jp_plan_root *root)
{
    struct stat st = {0};
    JP_AUTO(jp_buf) value = JP_BUF_INIT;
    const char *path = root->kind == JP_ROOT_OVERLAY ? root->upper : root->dir;
    CHECK(stat(path, &st) == 0 && st.st_uid == 5 && st.st_gid == 6 &&
              (st.st_mode & 07777) == 01775 && st.st_mtime == ROOT_TIME,
          "%s: the root is as in the topmost image (%u:%u %o)", driver->name, (unsigned)st.st_uid,
          (unsigned)st.st_gid, (unsigned)st.st_mode & 07777U);
    JP_AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (jp_xattr_get(fd, "user.color", &value) < 0 && (errno == ENOTSUP || errno == JP_NO_XATTR))
        tap_skip("xattr of the root", "not here: no user xattrs on this file system");
    else
        TAP_STR(jp_buf_text(&value), "blue", "%s: its xattrs, too", driver->name);
}

/* As `install -p` does: size and time tell nothing. `same` is written, and has what it had. */
static void change_quietly(int dir_fd, const char *name, const char *text)
{
    struct stat st = {0};
    (void)fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    testing_write(dir_fd, name, text);
    if (utimensat(dir_fd, name, times, 0) < 0)
        printf("# cannot set times of %s\n", name);
}

/* What an app might do. */
static void change(const char *path)
{
    JP_AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    change_quietly(fd, "quiet", "after!");
    change_quietly(fd, "same", "s");
    (void)unlinkat(fd, "turned/c", 0);
    (void)unlinkat(fd, "turned/d", 0);
    (void)unlinkat(fd, "turned", AT_REMOVEDIR);
    testing_write(fd, "turned", "a file now");
    (void)unlinkat(fd, "dir/inner/x", 0);
    (void)unlinkat(fd, "dir/inner", AT_REMOVEDIR);
    testing_write(fd, "both", "changed by the app, longer");
    testing_write(fd, "new", "n");
    (void)unlinkat(fd, "gone", 0);
    (void)unlinkat(fd, "dir/a", 0);
    (void)unlinkat(fd, "dir/b", 0);
    (void)unlinkat(fd, "dir", AT_REMOVEDIR);
    make_dir(fd, "dir", 0755);       /* opaque in an overlay */
    make_dir(fd, "dir/inner", 0755); /* ... and so it hides what was below this one */
    testing_write(fd, "dir/b", "another b");
    (void)mkdirat(fd, "sub", 0700);
    testing_write(fd, "sub/deep", "d");
    fill_file(fd, "written", WRITTEN);
}

static int note_change(void *context, const struct jp_driver_change *change)
{
    struct jp_buf *text = context;
    jp_buf_printf(text, "%s%c %s", text->len ? ", " : "", change->what, change->path);
    return 0;
}

static void check_changes(struct jp_store *store, const struct jp_store_pod *pod, size_t app,
                          const char *expected, const char *text)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_buf) changes = JP_BUF_INIT;
    struct jp_driver_context ctx = {.root_fd = jp_store_root_fd(store),
                                    .root_path = jp_store_root(store)};
    const struct jp_driver_changes wanted = {.each = note_change, .context = &changes};
    JP_AUTO_FD int fd = open_app(pod, app);
    CHECK(jp_clone_changes(&ctx, fd, &wanted, &err) == 0, "%s: %s: %s", driver->name, text,
          jp_error_text(&err));
    TAP_STR(jp_buf_text(&changes), expected, "%s: %s", driver->name, text);
}

static uint64_t usage(struct jp_store *store, const struct jp_store_pod *pod)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_driver_context ctx = {.root_fd = jp_store_root_fd(store),
                                    .root_path = jp_store_root(store)};
    const struct jp_driver_ops *ops = jp_store_driver(store, NULL, &err);
    JP_AUTO_FD int fd = open_app(pod, 0);
    uint64_t bytes = 0;
    if (!ops || ops->clone_usage(&ctx, fd, &bytes, &err) < 0)
        printf("# usage: %s\n", jp_error_text(&err));
    return bytes;
}

static void check_usage(uint64_t clean, uint64_t used)
{
    CHECK(driver->shares ? clean < SLACK : clean >= BIG, "%s: a clean clone uses %llu bytes",
          driver->name, (unsigned long long)clean);
    /* Small files are removed, too. */
    CHECK(used + SLACK >= clean + WRITTEN && used <= clean + WRITTEN + SLACK,
          "%s: what was written is counted: %llu bytes", driver->name, (unsigned long long)used);
}

/* Enters a root, changes it, looks at it from inside. */
static void use_root(const struct jp_plan_root *root)
{
    char path[300] = "", text[64];
    CHECK(conformance_enter(testing_top, root, path) == 0, "%s: the root can be entered",
          driver->name);
    testing_read(path, "both", text);
    TAP_STR(text, "from the upper layer", "%s: the upper layer hides the lower", driver->name);
    testing_read(path, "dir/a", text);
    TAP_STR(text, "a", "%s: what only the lower has is there", driver->name);
    change(path);
    conformance_leave(root, path);
}

static void test_clones(struct jp_store *store)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {0};
    struct jp_strv layers[2] = {JP_STRV_INIT, JP_STRV_INIT};
    struct jp_plan_root roots[2] = {{.is_volatile = true}, {.is_volatile = true}};
    const char *name = driver->name;
    char text[64], path[300];
    CHECK(make_pod(store, "clones", 2, &pod, &err) == 0, "%s: pod of two apps: %s", name,
          jp_error_text(&err));
    for (size_t i = 0; i < 2; i++)
        (void)add_layers(&layers[i], true);
    CHECK(jp_store_pod_clone(store, &pod, layers, roots, &err) == 0, "%s: clone: %s", name,
          jp_error_text(&err));
    CHECK(roots[0].is_volatile, "%s: what is the caller's stays", name);
    check_root_metadata(&roots[0]);
    check_changes(store, &pod, 0, "", "a new clone is clean");
    uint64_t clean = usage(store, &pod);
    use_root(&roots[0]);
    check_usage(clean, usage(store, &pod));
    check_changes(
        store, &pod, 0,
        "T ., M both, T dir, D dir/a, M dir/b, T dir/inner, D dir/inner/x, D gone, A new, "
        "M quiet, A sub, A sub/deep, M turned, D turned/c, D turned/d, A written",
        "changes");
    check_changes(store, &pod, 1, "", "the other app has a clone of its own");
    (void)snprintf(path, sizeof(path), "%s/images/%s/rootfs", options.root, lower_id);
    testing_read(path, "dir/a", text);
    TAP_STR(text, "a", "%s: the image is as it was", name);
    for (size_t i = 0; i < 2; i++)
        jp_plan_root_clear(&roots[i]);
    CHECK(jp_store_pod_clone(store, &pod, layers, roots, &err) == 0, "%s: clone again: %s", name,
          jp_error_text(&err));
    check_changes(store, &pod, 0, "", "the clone for the next run is clean");
    CHECK(jp_store_pod_unclone(store, &pod, &err) == 0, "%s: unclone: %s", name,
          jp_error_text(&err));
    CHECK(!is_in_app(&pod, "rootfs") && !is_in_app(&pod, "upper"), "%s: gone", name);
    CHECK(jp_store_pod_unclone(store, &pod, &err) == 0, "%s: unclone of nothing", name);
    for (size_t i = 0; i < 2; i++) {
        jp_plan_root_clear(&roots[i]);
        jp_strv_clear(&layers[i]);
    }
    CHECK(jp_store_pod_destroy(store, pod.uuid, &err) == 0, "%s: destroy: %s", name,
          jp_error_text(&err));
    CHECK(jp_store_pod_destroy(store, pod.uuid, &err) < 0 && err.code == JP_ENOTFOUND,
          "%s: destroy of nothing", name);
    CHECK(testing_gc(store) == 0, "%s: nothing left", name);
}

/* What is left of the lower image when the upper one takes something away. */
static void look_at_left(const struct jp_plan_root *root)
{
    static const struct {
        const char *path;
        bool is_there;
    } wanted[] = {{"gone", false},  {"dir/a", false},    {"dir/inner", false}, {"dir/b", true},
                  {"turned", true}, {"turned/c", false}, {"both", true},       {"same", true}};
    char path[300] = "";
    CHECK(conformance_enter(testing_top, root, path) == 0, "%s: the root can be entered",
          driver->name);
    for (size_t i = 0; i < JP_LEN(wanted); i++) {
        JP_AUTO_FREE char *full = jp_format("%s/%s", path, wanted[i].path);
        CHECK((access(full, F_OK) == 0) == wanted[i].is_there, "%s: '%s' is %s", driver->name,
              wanted[i].path, wanted[i].is_there ? "left" : "taken away");
    }
    conformance_leave(root, path);
}

static int stack_up(struct jp_store *store, struct jp_strv *layers, struct jp_error *err)
{
    static const char *const paths[] = {"dir/a", "dir/inner", "gone", "never", "turned/"};
    JP_AUTO(jp_store_stack) stack = JP_STORE_STACK_INIT;
    JP_AUTO(jp_strv) removed = JP_STRV_INIT;
    const struct jp_filter all = JP_FILTER_INIT;
    for (size_t i = 0; i < JP_LEN(paths); i++) {
        if (jp_strv_add(&removed, paths[i]) < 0)
            return jp_oom(err);
    }
    if (jp_store_stack_add(&stack, upper_id, &all, &removed, err) < 0 ||
        jp_store_stack_add(&stack, lower_id, &all, &(const struct jp_strv)JP_STRV_INIT, err) < 0)
        return -1;
    return jp_store_stack_layers(store, &stack, layers, err);
}

static void test_removed(struct jp_store *store)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {0};
    JP_AUTO(jp_strv) layers = JP_STRV_INIT;
    struct jp_plan_root root = {.is_volatile = true};
    CHECK(make_pod(store, "removed", 1, &pod, &err) == 0 && stack_up(store, &layers, &err) == 0 &&
              jp_store_pod_clone(store, &pod, &layers, &root, &err) == 0,
          "%s: a stack that takes something away: %s", driver->name, jp_error_text(&err));
    look_at_left(&root);
    check_changes(store, &pod, 0, "", "a clone without it is clean");
    jp_plan_root_clear(&root);
    CHECK(jp_store_pod_destroy(store, pod.uuid, &err) == 0, "%s: destroy: %s", driver->name,
          jp_error_text(&err));
    jp_store_rest(store);
    CHECK(testing_gc(store) == 2, "%s: gc removes two views that nobody needs", driver->name);
    CHECK(testing_gc(store) == 0, "%s: nothing left", driver->name);
}

static void test_seal(void)
{
    char path[400];
    (void)snprintf(path, sizeof(path), "%s/images/%s/rootfs/intruder", options.root, lower_id);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd < 0 && errno == EROFS, "%s: a sealed image cannot be written to", driver->name);
    jp_fd_close(&fd);
}

/* ---- what others made --------------------------------------------------------------------------
 */

/* A clone of this driver is replaced by one of another, and the other way round. */
static void test_change_of_driver(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {0};
    JP_AUTO(jp_strv) layers = JP_STRV_INIT;
    const char *const names[] = {driver->name, "copy", driver->name};
    (void)add_layers(&layers, true);
    for (size_t i = 0; i < JP_LEN(names); i++) {
        JP_AUTO_PTR(jp_store) store = NULL;
        JP_AUTO(jp_plan_root) root = {0};
        struct jp_store_options now = options;
        now.driver = names[i];
        CHECK(jp_store_open(&now, &store, &err) == 0 &&
                  (i > 0 || make_pod(store, "moved", 1, &pod, &err) == 0) &&
                  jp_store_pod_clone(store, &pod, &layers, &root, &err) == 0,
              "%s: clone by %s: %s", driver->name, names[i], jp_error_text(&err));
        check_changes(store, &pod, 0, "", "a clone of what another driver left");
        CHECK(is_in_app(&pod, "upper") == (root.kind == JP_ROOT_OVERLAY) &&
                  is_in_app(&pod, "rootfs") == (root.kind != JP_ROOT_OVERLAY),
              "%s: nothing of the other's is left", driver->name);
        if (i == 1)
            CHECK(jp_store_pod_unclone(store, &pod, &err) == 0, "%s: unclone: %s", driver->name,
                  jp_error_text(&err));
        if (i == 2)
            CHECK(jp_store_pod_destroy(store, pod.uuid, &err) == 0, "%s: destroy: %s", driver->name,
                  jp_error_text(&err));
    }
}

/* Names by which a driver finds what is more than a directory, where an object has them. */
static void plant_marks(int dir_fd)
{
    static const char *const dirs[] = {"apps", "apps/main", "apps/main/rootfs", "rootfs",
                                       "volumes"};
    static const char *const marks[] = {"rootfs.zfs",       "dataset", "apps/main/rootfs.zfs",
                                        "volumes/data.zfs", "driver",  "layers"};
    for (size_t i = 0; i < JP_LEN(dirs); i++)
        (void)mkdirat(dir_fd, dirs[i], 0755);
    for (size_t i = 0; i < JP_LEN(marks); i++)
        testing_write(dir_fd, marks[i], "jetpack-testing/canary\n");
}

/* Where a file system has subvolumes an app can make some, empty, filled, and unchangeable ones. */
static void make_subvolumes(int dir_fd)
{
    JP_AUTO_FD int fd = -1;
    if (!jp_subvolume_is_possible(dir_fd))
        return;
    CHECK(jp_subvolume_create(dir_fd, "empty") == 0 && jp_subvolume_create(dir_fd, "filled") == 0 &&
              (fd = jp_fd_open_dir(dir_fd, "filled", NULL)) >= 0 &&
              jp_subvolume_create(fd, "inner") == 0,
          "%s: the app makes subvolumes", driver->name);
    testing_write(dir_fd, "filled/file", "f");
    testing_write(dir_fd, "filled/inner/file", "f");
    CHECK(jp_subvolume_set_read_only(fd, true) == 0, "%s: and seals one", driver->name);
}

/* The only entry of tmp/ of a kind: "gone-", "tree-". */
static bool find_trash(const char *prefix, char path[500])
{
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    (void)snprintf(path, 500, "%s/tmp", options.root);
    JP_AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || jp_store_list_dir(fd, NULL, &names, NULL) < 0)
        return false;
    for (size_t i = 0; i < names.count; i++) {
        if (strncmp(names.items[i], prefix, strlen(prefix)) == 0) {
            (void)snprintf(path, 500, "%s/tmp/%s", options.root, names.items[i]);
            return true;
        }
    }
    return false;
}

/* In a child that dies before the n-th changing call of `operation`. Its status, or -1. */
static int run_killed(int (*operation)(struct jp_store *store, struct jp_error *err), int n)
{
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        char fault[40];
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        JP_AUTO_PTR(jp_store) store = NULL;
        if (jp_store_open(&options, &store, &err) < 0)
            _exit(2);
        (void)snprintf(fault, sizeof(fault), "*:%d:KILL", n);
        (void)setenv("JETPACK_FAULT", fault, 1);
        jp_sys_arm();
        int r = operation(store, &err);
        if (r < 0)
            printf("# %s\n", jp_error_text(&err));
        (void)fflush(stdout);
        _exit(r < 0 ? 1 : 0);
    }
    int status = -1;
    (void)waitpid(pid, &status, 0);
    return status;
}

/* The pod that run_killed() works on. */
static struct jp_store_pod subject;

static int do_clone(struct jp_store *store, struct jp_error *err)
{
    JP_AUTO(jp_strv) layers = JP_STRV_INIT;
    JP_AUTO(jp_plan_root) root = {0};
    return add_layers(&layers, true) < 0 ? jp_oom(err)
                                         : jp_store_pod_clone(store, &subject, &layers, &root, err);
}

static int do_unclone(struct jp_store *store, struct jp_error *err)
{
    return jp_store_pod_unclone(store, &subject, err);
}

static int do_destroy(struct jp_store *store, struct jp_error *err)
{
    return jp_store_pod_destroy(store, subject.uuid, err);
}

static int do_image(struct jp_store *store, struct jp_error *err)
{
    return testing_image(store, 3, "example.com/killed", "1", NULL, err);
}

static int do_destroy_image(struct jp_store *store, struct jp_error *err)
{
    char id[136];
    testing_id(3, id);
    return jp_store_image_destroy(store, id, err);
}

/*
 * Files of an app that are named like marks of ours, in a tree that is removed by gc because the
 * command that should have done it was killed: gc removes the files and follows none.
 */
static void test_forged_marks(struct jp_store *store)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_strv) layers = JP_STRV_INIT;
    JP_AUTO(jp_plan_root) root = {0};
    char path[300] = "", trash[500] = "";
    (void)add_layers(&layers, false);
    CHECK(make_pod(store, "forger", 1, &subject, &err) == 0 &&
              jp_store_pod_clone(store, &subject, &layers, &root, &err) == 0 &&
              conformance_enter(testing_top, &root, path) == 0,
          "%s: a pod for forged marks: %s", driver->name, jp_error_text(&err));
    JP_AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    plant_marks(fd);
    make_subvolumes(fd);
    jp_fd_close(&fd);
    conformance_leave(&root, path);
    int status = 0, n = 1;
    while (n < MAX_STEPS && !find_trash("tree-", trash)) {
        status = run_killed(do_unclone, n++);
        if (WIFEXITED(status))
            break;
    }
    CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "%s: killed while removing (%s)",
          driver->name, trash);
    CHECK(testing_gc(store) >= 0 && testing_gc(store) == 0, "%s: gc is not led astray",
          driver->name);
    CHECK(!find_trash("tree-", trash), "%s: it removes the tree", driver->name);
    CHECK(jp_store_pod_destroy(store, subject.uuid, &err) == 0, "%s: destroy: %s", driver->name,
          jp_error_text(&err));
    jp_store_pod_clear(&subject);
    subject = (struct jp_store_pod){0};
}

/* ---- killed ------------------------------------------------------------------------------------
 */

static int before_pod(struct jp_store *store, struct jp_error *err)
{
    return subject.uuid ? 0 : make_pod(store, "killed", 1, &subject, err);
}

static int before_clone(struct jp_store *store, struct jp_error *err)
{
    return before_pod(store, err) < 0 ? -1 : do_clone(store, err);
}

static int before_destroy(struct jp_store *store, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) there = {0};
    if (subject.uuid && jp_store_pod_find(store, subject.uuid, &there, NULL) < 0) {
        jp_store_pod_clear(&subject);
        subject = (struct jp_store_pod){0};
    }
    return before_clone(store, err);
}

static int before_image(struct jp_store *store, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (do_destroy_image(store, &why) == 0 || why.code == JP_ENOTFOUND)
        return 0;
    jp_error_move(err, &why);
    return -1;
}

static int before_destroy_image(struct jp_store *store, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (do_image(store, &why) == 0 || why.code == JP_EEXISTS)
        return 0;
    jp_error_move(err, &why);
    return -1;
}

static const struct operation {
    const char *name;
    int (*before)(struct jp_store *store, struct jp_error *err);
    int (*act)(struct jp_store *store, struct jp_error *err);
} operations[] = {
    {"make an image", before_image, do_image},
    {"destroy an image", before_destroy_image, do_destroy_image},
    {"clone", before_pod, do_clone},
    {"unclone", before_clone, do_unclone},
    {"destroy a pod", before_destroy, do_destroy},
};

static bool kill_at(const struct operation *operation, int n, bool *ret_finished)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_PTR(jp_store) store = NULL;
    if (jp_store_open(&options, &store, &err) < 0 || operation->before(store, &err) < 0) {
        printf("# before step %d: %s\n", n, jp_error_text(&err));
        return false;
    }
    jp_store_rest(store);
    int status = run_killed(operation->act, n);
    *ret_finished = WIFEXITED(status);
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        return false;
    int first = testing_gc(store), second = testing_gc(store),
        wrong = testing_fsck(&options, false);
    if (first >= 0 && second == 0 && wrong == 0)
        return true;
    printf("# killed at step %d: gc %d, gc again %d, fsck %d\n", n, first, second, wrong);
    return false;
}

static void test_kills(void)
{
    const char *text = getenv("JETPACK_TEST_STRIDE");
    uint64_t stride = 1;
    if (text && !jp_parse_u64(text, 10, 1, MAX_STEPS, &stride))
        printf("# JETPACK_TEST_STRIDE=%s is no number\n", text);
    for (size_t i = 0; i < JP_LEN(operations); i++) {
        bool finished = false, is_fine = true;
        int n = 1;
        for (; is_fine && !finished && n < MAX_STEPS; n += (int)stride)
            is_fine = kill_at(&operations[i], n, &finished);
        CHECK(is_fine && finished, "%s: killed at each step (%d), in strides of %d: %s",
              driver->name, n - 1 - (int)stride, (int)stride, operations[i].name);
    }
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_PTR(jp_store) store = NULL;
    CHECK(jp_store_open(&options, &store, &err) == 0 && before_image(store, &err) == 0,
          "%s: the image of this test goes: %s", driver->name, jp_error_text(&err));
    jp_store_pod_clear(&subject);
    subject = (struct jp_store_pod){0};
}

/* ---- one driver --------------------------------------------------------------------------------
 */

static void test_driver(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_PTR(jp_store) store = NULL;
    options.driver = driver->name;
    CHECK(jp_store_open(&options, &store, &err) == 0 && jp_store_driver(store, NULL, &err) &&
              make_image(store, lower_id, false, &err) == 0 &&
              make_image(store, upper_id, true, &err) == 0,
          "%s: two images: %s", driver->name, jp_error_text(&err));
    if (driver->seals)
        test_seal();
    test_clones(store);
    test_removed(store);
    test_forged_marks(store);
    jp_store_rest(store);
    test_change_of_driver();
    test_kills();
    CHECK(jp_store_image_destroy(store, lower_id, &err) == 0 &&
              jp_store_image_destroy(store, upper_id, &err) == 0,
          "%s: the images can be destroyed: %s", driver->name, jp_error_text(&err));
    CHECK(testing_gc(store) == 0, "%s: gc has nothing to do", driver->name);
    CHECK(testing_fsck(&options, false) == 0, "%s: nothing wrong", driver->name);
}

/* A root directory that was made as a dataset. */
static void unmount_root(void)
{
    char above[300];
    (void)snprintf(above, sizeof(above), "%.*s", (int)(strlen(options.root) - strlen("/root")),
                   options.root);
    JP_AUTO_FD int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && jp_dataset_is_mounted(fd, "root") && jp_dataset_unmount_at(fd, "root") < 0)
        printf("# cannot unmount %s\n", options.root);
}

static bool is_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return true;
    }
    return argc < 2;
}

static bool is_built(const char *name)
{
    for (size_t i = 0; jp_drivers[i]; i++) {
        if (strcmp(jp_drivers[i]->name, name) == 0)
            return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    const char *why = conformance_begin();
    if (why) {
        printf("1..0 # SKIP %s\n", why);
        return 0;
    }
    static char root[300];
    options = testing_begin("auto");
    options.root = root;
    zfs.dataset = getenv("JETPACK_TEST_DATASET");
    options.zfs = &zfs;
    testing_id(1, lower_id);
    testing_id(2, upper_id);
    for (size_t i = 0; i < JP_LEN(drivers); i++) {
        driver = &drivers[i];
        if (!is_wanted(driver->name, argc, argv) || !is_built(driver->name))
            continue;
        why = strcmp(driver->name, "zfs") == 0 && !zfs.dataset
                  ? "not here: no dataset is given in JETPACK_TEST_DATASET"
                  : NULL;
        if (!why)
            why = conformance_place(testing_top, driver->name, root);
        if (why)
            tap_skip(driver->name, why);
        else
            test_driver();
        unmount_root();
        conformance_leave_place(testing_top, driver->name);
    }
    return tap_done();
}
