/*
 * Row 60: a process that dies, or a call that fails, at any point of an operation. For every n the
 * n-th changing system call of the operation (ours through the seam, SQLite's writes through its
 * own) is made to fail, then to be the end of the process. Afterwards gc and fsck say clean and a
 * second gc finds nothing to do.
 */
#include <sys/wait.h>

#include <sqlite3.h>

#include "store/store_testing.h"
#include "sys/calls.h"
#include "tap.h"

#define KILLED    99
#define MAX_CALLS 400 /* more than any of the operations makes */

enum mode { MODE_FAIL, MODE_KILL };

static struct jp_sys_calls real;
static bool is_armed;
static enum mode mode;
static unsigned long countdown;

static bool strikes(void)
{
    if (!is_armed || --countdown > 0)
        return false;
    if (mode == MODE_KILL)
        _exit(KILLED);
    is_armed = false; /* once */
    errno = EIO;
    return true;
}

static int seam_openat(int dir_fd, const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    mode_t bits = (flags & O_CREAT) ? (mode_t)va_arg(ap, unsigned) : 0;
    va_end(ap);
    return (flags & O_CREAT) && strikes() ? -1 : real.openat(dir_fd, path, flags, bits);
}
static ssize_t seam_write(int fd, const void *bytes, size_t len)
{
    return strikes() ? -1 : real.write(fd, bytes, len);
}
static int seam_fsync(int fd)
{
    return strikes() ? -1 : real.fsync(fd);
}
static int seam_mkdirat(int dir_fd, const char *path, mode_t bits)
{
    return strikes() ? -1 : real.mkdirat(dir_fd, path, bits);
}
static int seam_unlinkat(int dir_fd, const char *path, int flags)
{
    return strikes() ? -1 : real.unlinkat(dir_fd, path, flags);
}
static int seam_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return strikes() ? -1 : real.renameat(from_fd, from, to_fd, to);
}
static int seam_fchmod(int fd, mode_t bits)
{
    return strikes() ? -1 : real.fchmod(fd, bits);
}
static int seam_fchown(int fd, uid_t uid, gid_t gid)
{
    return strikes() ? -1 : real.fchown(fd, uid, gid);
}
static int seam_futimens(int fd, const struct timespec times[2])
{
    return strikes() ? -1 : real.futimens(fd, times);
}

/* SQLite's own writes, by the table that it keeps for the same purpose. */
static ssize_t (*sqlite_pwrite)(int fd, const void *bytes, size_t len, off_t offset);

static ssize_t seam_sqlite_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    return strikes() ? -1 : sqlite_pwrite(fd, bytes, len, offset);
}

static void put_seam(void)
{
    static const char *const names[] = {"pwrite64", "pwrite"};
    real = jp_sys;
    jp_sys.openat = seam_openat;
    jp_sys.write = seam_write;
    jp_sys.fsync = seam_fsync;
    jp_sys.mkdirat = seam_mkdirat;
    jp_sys.unlinkat = seam_unlinkat;
    jp_sys.renameat = seam_renameat;
    jp_sys.fchmod = seam_fchmod;
    jp_sys.fchown = seam_fchown;
    jp_sys.futimens = seam_futimens;
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    for (size_t i = 0; i < JP_LEN(names); i++) {
        sqlite3_syscall_ptr call = vfs->xGetSystemCall(vfs, names[i]);
        if (!call)
            continue;
        memcpy(&sqlite_pwrite, &call, sizeof(call));
        (void)vfs->xSetSystemCall(vfs, names[i], (sqlite3_syscall_ptr)seam_sqlite_pwrite);
        break;
    }
}

/* ---- the operations ----------------------------------------------------------------------------
 */

static int do_commit(struct jp_store *store, struct jp_error *err)
{
    return testing_image(store, 1, "example.com/swept", "1", NULL, err);
}

static int do_destroy_image(struct jp_store *store, struct jp_error *err)
{
    char id[136];
    testing_id(1, id);
    return jp_store_image_destroy(store, id, err);
}

static int do_create_pod(struct jp_store *store, struct jp_error *err)
{
    return testing_pod(store, "swept", 0, true, NULL, err);
}

static int with_pod(struct jp_store *store, struct jp_error *err,
                    int (*act)(struct jp_store *, const struct jp_store_pod *, struct jp_error *))
{
    JP_AUTO(jp_store_pod) pod = {0};
    if (jp_store_pod_find(store, "swept", &pod, err) < 0 &&
        jp_store_pod_find(store, "swept-along", &pod, err) < 0)
        return -1;
    return act(store, &pod, err);
}

static int destroy(struct jp_store *store, const struct jp_store_pod *pod, struct jp_error *err)
{
    return jp_store_pod_destroy(store, pod->uuid, err);
}

static int do_destroy_pod(struct jp_store *store, struct jp_error *err)
{
    return with_pod(store, err, destroy);
}

static int clone_pod(struct jp_store *store, const struct jp_store_pod *pod, struct jp_error *err)
{
    JP_AUTO(jp_strv) layers = JP_STRV_INIT;
    struct jp_plan_root root = {0};
    if (jp_strv_add(&layers, pod->apps[0].image_id) < 0)
        return -1;
    int r = jp_store_pod_clone(store, pod, &layers, &root, err);
    free(root.dir);
    free(root.upper);
    free(root.work);
    jp_strv_clear(&root.layers);
    return r;
}

static int do_clone(struct jp_store *store, struct jp_error *err)
{
    return with_pod(store, err, clone_pod);
}

static int rename_pod(struct jp_store *store, const struct jp_store_pod *pod, struct jp_error *err)
{
    return jp_store_pod_rename(store, pod->uuid, "swept-along", err);
}

static int rename_back(struct jp_store *store, const struct jp_store_pod *pod, struct jp_error *err)
{
    return jp_store_pod_rename(store, pod->uuid, "swept", err);
}

static int do_rename(struct jp_store *store, struct jp_error *err)
{
    return with_pod(store, err, rename_pod);
}

static int tag(struct jp_store *store, bool is_unique, bool has_it, struct jp_error *err)
{
    char id[136];
    JP_AUTO(jp_strv) tags = JP_STRV_INIT;
    testing_id(is_unique ? 3 : 1, id);
    struct jp_store_tagging tagging = {.id = id, .is_unique = is_unique};
    if (jp_strv_add(&tags, "swept") < 0)
        return -1;
    *(has_it ? &tagging.add : &tagging.remove) = &tags;
    return jp_store_image_tag(store, &tagging, err);
}

static int do_tag(struct jp_store *store, struct jp_error *err)
{
    return tag(store, false, true, err);
}

/* Two images are changed. */
static int do_move_tag(struct jp_store *store, struct jp_error *err)
{
    return tag(store, true, true, err);
}

/* What must be there before: made when it is not, without faults. */
static int need_image(struct jp_store *store, struct jp_error *err)
{
    return do_commit(store, err) == 0 || err->code == JP_EEXISTS ? 0 : -1;
}

static int need_no_tag(struct jp_store *store, struct jp_error *err)
{
    if (need_image(store, err) < 0)
        return -1;
    return tag(store, false, false, err) == 0 || err->code == JP_ENOTFOUND ? 0 : -1;
}

static int need_tag_elsewhere(struct jp_store *store, struct jp_error *err)
{
    if (need_image(store, err) < 0 || do_tag(store, err) < 0)
        return -1;
    if (testing_image(store, 3, "example.com/swept", "3", NULL, err) < 0 && err->code != JP_EEXISTS)
        return -1;
    return tag(store, true, false, err) == 0 || err->code == JP_ENOTFOUND ? 0 : -1;
}

static int need_no_image(struct jp_store *store, struct jp_error *err)
{
    return do_destroy_image(store, err) == 0 || err->code == JP_ENOTFOUND ? 0 : -1;
}

static int need_pod(struct jp_store *store, struct jp_error *err)
{
    return do_create_pod(store, err) == 0 || err->code == JP_EEXISTS ? 0 : -1;
}

static int need_old_name(struct jp_store *store, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {0};
    if (jp_store_pod_find(store, "swept-along", &pod, err) == 0)
        return rename_back(store, &pod, err);
    return need_pod(store, err);
}

static int need_no_pod(struct jp_store *store, struct jp_error *err)
{
    return do_destroy_pod(store, err) == 0 || err->code == JP_ENOTFOUND ? 0 : -1;
}

/* ---- the sweep ---------------------------------------------------------------------------------
 */

struct operation {
    const char *name;
    int (*before)(struct jp_store *store, struct jp_error *err);
    int (*run)(struct jp_store *store, struct jp_error *err);
};

static const struct operation operations[] = {
    {"draft commit", need_no_image, do_commit},
    {"image destroy", need_image, do_destroy_image},
    {"tag", need_no_tag, do_tag},
    {"tag moved", need_tag_elsewhere, do_move_tag},
    {"pod create", need_no_pod, do_create_pod},
    {"clone", need_pod, do_clone},
    {"pod rename", need_old_name, do_rename},
    {"pod destroy", need_pod, do_destroy_pod},
};

static int set_stage(const struct jp_store_options *options, const struct operation *operation)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_PTR(jp_store) store = NULL;
    if (jp_store_open(options, &store, &err) < 0 || operation->before(store, &err) < 0) {
        printf("# before: %s\n", jp_error_text(&err));
        return -1;
    }
    return 0;
}

/* The operation with its n-th call struck. 0 done, 1 failed, KILLED, 2 no call was struck. */
static int run_struck(const struct jp_store_options *options, const struct operation *operation,
                      unsigned long n)
{
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct jp_store *store = NULL;
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        if (jp_store_open(options, &store, &err) < 0)
            _exit(3);
        countdown = n;
        is_armed = true;
        int r = operation->run(store, &err);
        bool was_struck = mode == MODE_FAIL ? !is_armed : false;
        is_armed = false;
        _exit(was_struck ? (r < 0 ? 1 : 0) : (r == 0 ? 2 : 4));
    }
    int status = -1;
    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* True when the store is clean after one gc, and a second one has nothing to do. */
static bool heals(const struct jp_store_options *options)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_PTR(jp_store) store = NULL;
    if (jp_store_open(options, &store, &err) < 0 || testing_gc(store) < 0) {
        printf("# %s\n", jp_error_text(&err));
        return false;
    }
    int again = testing_gc(store);
    jp_store_rest(store);
    return again == 0 && testing_fsck(options, false) == 0;
}

static void sweep(const struct jp_store_options *options, const struct operation *operation)
{
    unsigned long n = 1;
    unsigned failed = 0, bad = 0;
    int outcome = 0;
    for (; n < MAX_CALLS && outcome != 2; n++) {
        if (set_stage(options, operation) < 0)
            break;
        outcome = run_struck(options, operation, n);
        bool is_told =
            outcome == 2 || (mode == MODE_KILL ? outcome == KILLED : outcome == 0 || outcome == 1);
        failed += outcome == 1;
        if (!is_told || !heals(options)) {
            printf("# call %lu: outcome %d\n", n, outcome);
            bad++;
        }
    }
    CHECK(bad == 0 && outcome == 2 && n > 5, "%s: %s at each of %lu calls (%u told)",
          operation->name, mode == MODE_KILL ? "killed" : "failing", n - 2, failed);
}

int main(void)
{
    struct jp_store_options options = testing_begin("copy");
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    put_seam();
    {
        JP_AUTO_PTR(jp_store) store = NULL;
        CHECK(jp_store_open(&options, &store, &err) == 0 &&
                  testing_image(store, 0, "example.com/base", "1", NULL, &err) == 0,
              "an image to run: %s", jp_error_text(&err));
    }
    for (size_t i = 0; i < JP_LEN(operations); i++) {
        mode = MODE_KILL;
        sweep(&options, &operations[i]);
        mode = MODE_FAIL;
        sweep(&options, &operations[i]);
    }
    return tap_done();
}
