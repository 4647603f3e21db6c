/*
 * What is ZFS's alone: what others made survives, a forged mark leads nowhere, who keeps a dataset
 * busy is told, volumes are datasets, and what is not mounted any more is mounted again. Works
 * below the dataset JETPACK_TEST_DATASET, of a pool made for tests; what every driver promises is
 * asked by conformance_test.c.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <signal.h>

#include "store/driver/conformance.h"
#include "store/driver/dataset.h"
#include "store/driver/zfs_core.h"
#include "store/store_testing.h"
#include "sys/dataset.h"
#include "tap.h"

static struct jp_driver_zfs zfs;
static struct jp_store_options options;

/* The dataset that a mark names. */
static void read_mark(const char *dir, const char *mark, char dataset[364])
{
    char path[500];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, mark);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, dataset, 300);
    dataset[len > 0 ? len : 0] = '\0';
    dataset[strcspn(dataset, "\n")] = '\0';
    jp_fd_close(&fd);
}

static int make_foreign(const char *name, const char *origin, struct jp_error *err)
{
    static const struct jp_strv none = JP_STRV_INIT;
    return jp_zfs_make(name, origin, &none, err);
}

/* Runs a channel program on a dataset; what it returned, for nvlist_free(), or NULL. */
static nvlist_t *run_program(const char *program, const char *dataset)
{
    nvlist_t *list = NULL, *ret = NULL;
    char pool[64];
    (void)snprintf(pool, sizeof(pool), "%.*s", (int)strcspn(dataset, "/"), dataset);
    int failure = nvlist_alloc(&list, NV_UNIQUE_NAMES, 0);
    failure = failure ? failure : nvlist_add_string(list, "dataset", dataset);
    failure = failure ? failure : lzc_channel_program(pool, program, 100000, 1U << 20, list, &ret);
    nvlist_free(list);
    if (failure)
        printf("# dataset %s: %d\n", dataset, failure);
    return ret;
}

/* Ours never destroys it: it has no mark of ours. */
static void destroy_foreign(const char *name)
{
    nvlist_free(run_program("zfs.sync.destroy((...)['dataset'])\n", name));
    if (jp_zfs_exists(name))
        printf("# cannot destroy %s\n", name);
}

/* Its property readonly, and where that comes from: "on" or "off", then a comma and a name. */
static void read_readonly(const char *dataset, char answer[400])
{
    nvlist_t *ret = run_program("value, source = zfs.get_prop((...)['dataset'], 'readonly')\n"
                                "return value .. ',' .. (source or '')\n",
                                dataset);
    char *text = NULL;
    if (ret && nvlist_lookup_string(ret, "return", &text) == 0)
        (void)snprintf(answer, 400, "%s", text);
    nvlist_free(ret);
}

static int clone_pod(struct jp_store *store, const char *name, struct jp_store_pod *pod,
                     struct jp_error *err)
{
    JP_AUTO(jp_strv) layers = JP_STRV_INIT;
    struct jp_plan_root root = {0};
    char id[136];
    testing_id(1, id);
    if (jp_strv_add(&layers, id) < 0 || testing_pod(store, name, 1, false, pod, err) < 0)
        return -1;
    int r = jp_store_pod_clone(store, pod, &layers, &root, err);
    free(root.dir);
    return r;
}

static void app_path(const struct jp_store_pod *pod, char path[400])
{
    (void)snprintf(path, 400, "%s/pods/%s/apps/main", options.root, pod->uuid);
}

/* The dataset of an image has readonly=on of its own; those of its clones can be written to. */
static void test_readonly(struct jp_store *store)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {0};
    char id[136], path[400], dataset[364], expected[400], answer[400] = "";
    testing_id(1, id);
    (void)snprintf(path, sizeof(path), "%s/images/%s", options.root, id);
    read_mark(path, "rootfs.zfs", dataset);
    read_readonly(dataset, answer);
    (void)snprintf(expected, sizeof(expected), "on,%s", dataset);
    TAP_STR(answer, expected, "an image's dataset is read-only, and says so itself");

    CHECK(clone_pod(store, "writer", &pod, &err) == 0, "pod: %s", jp_error_text(&err));
    app_path(&pod, path);
    read_mark(path, "rootfs.zfs", dataset);
    read_readonly(dataset, answer);
    CHECK(strncmp(answer, "off,", 4) == 0, "its clone's is not: %s", answer);
    JP_AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    testing_write(fd, "rootfs/written", "by an app");
    testing_read(path, "rootfs/written", answer);
    TAP_STR(answer, "by an app", "an app writes into it");
    CHECK(jp_store_pod_destroy(store, pod.uuid, &err) == 0, "destroy: %s", jp_error_text(&err));
}

/* An import that fails. */
static void test_aborted(struct jp_store *store)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_store_draft draft = JP_STORE_DRAFT_INIT;
    char path[400], dataset[364];
    CHECK(jp_store_draft_begin(store, &draft, &err) == 0, "an image is begun: %s",
          jp_error_text(&err));
    testing_write(draft.rootfs_fd, "file", "half of it");
    (void)snprintf(path, sizeof(path), "%s/tmp/%s", options.root, draft.name);
    read_mark(path, "rootfs.zfs", dataset);
    CHECK(jp_zfs_exists(dataset), "it has a dataset");
    jp_store_draft_abort(store, &draft);
    CHECK(!jp_zfs_exists(dataset) && access(path, F_OK) < 0, "given up, it leaves nothing");
}

/* A dataset below a clone, a snapshot of it, a clone of an image: none goes along. */
static void test_foreign(struct jp_store *store)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {0};
    char path[400], dataset[364], child[400], seal[400], image[400], id[136];
    CHECK(clone_pod(store, "parent", &pod, &err) == 0, "pod: %s", jp_error_text(&err));
    app_path(&pod, path);
    read_mark(path, "rootfs.zfs", dataset);
    (void)snprintf(child, sizeof(child), "%s/child", dataset);
    CHECK(make_foreign(child, NULL, &err) == 0, "a child of its dataset: %s", jp_error_text(&err));
    jp_error_clear(&err);
    CHECK(jp_store_pod_destroy(store, pod.uuid, &err) < 0 && err.code == JP_EBUSY &&
              strstr(jp_error_text(&err), child),
          "destroy names it: %s", jp_error_text(&err));
    CHECK(jp_zfs_exists(child), "it is whole");
    jp_error_clear(&err);
    CHECK(jp_store_gc(store, NULL, &err) < 0 && err.code == JP_EBUSY, "gc leaves it, too: %s",
          jp_error_text(&err));
    CHECK(jp_zfs_exists(child), "... whole");
    destroy_foreign(child);
    CHECK(testing_gc(store) == 1 && !jp_zfs_exists(dataset), "gc finishes when it is gone");

    testing_id(1, id);
    (void)snprintf(image, sizeof(image), "%s/images/%s", options.root, id);
    read_mark(image, "rootfs.zfs", dataset);
    (void)snprintf(seal, sizeof(seal), "%s@seal", dataset);
    (void)snprintf(child, sizeof(child), "%s/copy", zfs.dataset);
    CHECK(make_foreign(child, seal, &err) == 0, "a clone of an image: %s", jp_error_text(&err));
    jp_error_clear(&err);
    CHECK(jp_store_image_destroy(store, id, &err) < 0 && err.code == JP_EBUSY &&
              strstr(jp_error_text(&err), child),
          "destroying the image names it: %s", jp_error_text(&err));
    CHECK(jp_zfs_exists(child) && jp_zfs_exists(seal), "it is whole");
    destroy_foreign(child);
    (void)snprintf(child, sizeof(child), "%s@backup", dataset);
    CHECK(jp_zfs_snapshot(child, &err) == 0, "a snapshot: %s", jp_error_text(&err));
    jp_error_clear(&err);
    CHECK(jp_store_gc(store, NULL, &err) < 0 && err.code == JP_EBUSY &&
              strstr(jp_error_text(&err), child) && jp_zfs_exists(child),
          "that is kept, too: %s", jp_error_text(&err));
    destroy_foreign(child);
    CHECK(testing_gc(store) == 1 && !jp_zfs_exists(dataset), "gc finishes when it is gone");
}

/* Marks where we would look for ours, naming what is somebody else's. */
static void test_forged(struct jp_store *store)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {0};
    char path[400], victim[300], text[310];
    (void)snprintf(victim, sizeof(victim), "%s/0123456789abcdef01234567", zfs.dataset);
    CHECK(make_foreign(victim, NULL, &err) == 0 &&
              testing_pod(store, "forger", 1, false, &pod, &err) == 0,
          "a dataset with a name like ours: %s", jp_error_text(&err));
    (void)snprintf(path, sizeof(path), "%s/pods/%s/volumes", options.root, pod.uuid);
    JP_AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)snprintf(text, sizeof(text), "%s\n", victim);
    testing_write(fd, "forged.zfs", text);
    CHECK(jp_dataset_release(fd, "forged", &err) < 0 && err.code == JP_EUNTRUSTED,
          "a mark is not enough: %s", jp_error_text(&err));
    CHECK(jp_zfs_exists(victim), "the dataset is whole");
    static const char *const bad[] = {"tank\n", "/0123456789abcdef01234567\n",
                                      "tank/data@0123456789abcdef01234567\n", "tank/../x\n"};
    for (size_t i = 0; i < JP_LEN(bad); i++) {
        testing_write(fd, "forged.zfs", bad[i]);
        jp_error_clear(&err);
        CHECK(jp_dataset_release(fd, "forged", &err) < 0 && err.code == JP_ECORRUPT,
              "no name of ours: %s", jp_error_text(&err));
    }
    (void)unlinkat(fd, "forged.zfs", 0);
    CHECK(jp_store_pod_destroy(store, pod.uuid, &err) == 0, "destroy: %s", jp_error_text(&err));
    destroy_foreign(victim);
}

static void test_busy(struct jp_store *store)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {0};
    char path[400], who[40];
    CHECK(clone_pod(store, "busy", &pod, &err) == 0, "pod: %s", jp_error_text(&err));
    app_path(&pod, path);
    (void)fflush(stdout);
    int ready[2];
    CHECK(pipe(ready) == 0, "pipe");
    pid_t pid = fork();
    if (pid == 0) {
        if (chdir(path) < 0 || chdir("rootfs") < 0 || write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    char byte;
    CHECK(read(ready[0], &byte, 1) == 1, "a process sits in the root");
    (void)snprintf(who, sizeof(who), "(%ld)", (long)pid);
    jp_error_clear(&err);
    CHECK(jp_store_pod_destroy(store, pod.uuid, &err) < 0 && err.code == JP_EBUSY &&
              strstr(jp_error_text(&err), who),
          "busy, and by whom: %s", jp_error_text(&err));
    tap_kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    CHECK(testing_gc(store) == 1, "gc finishes when it is gone");
    jp_fd_close(&ready[0]);
    jp_fd_close(&ready[1]);
}

static void test_volume(struct jp_store *store)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {0};
    struct jp_driver_volume wanted = {.uid = 5, .gid = 6, .mode = 01770};
    struct stat st = {0};
    char path[400], above[400], text[64], dataset[364];
    CHECK(testing_pod(store, "volumes", 1, false, &pod, &err) == 0, "pod: %s", jp_error_text(&err));
    (void)snprintf(path, sizeof(path), "%s/pods/%s/volumes", options.root, pod.uuid);
    JP_AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(jp_store_volume_make(store, fd, "data", &wanted, &err) == 0, "volume: %s",
          jp_error_text(&err));
    CHECK(jp_dataset_is(fd, "data") && jp_dataset_is_mounted(fd, "data"), "it is a dataset");
    CHECK(fstatat(fd, "data", &st, 0) == 0 && st.st_uid == 5 && st.st_gid == 6 &&
              (st.st_mode & 07777) == 01770,
          "owner and mode");
    testing_write(fd, "data/file", "kept");
    read_mark(path, "data.zfs", dataset);
    CHECK(jp_dataset_unmount_at(fd, "data") == 0, "not mounted, as after a start of the host");
    CHECK(jp_store_volume_make(store, fd, "data", &wanted, &err) == 0, "asked for again: %s",
          jp_error_text(&err));
    testing_read(path, "data/file", text);
    TAP_STR(text, "kept", "mounted again, with its content");
    CHECK(jp_dataset_unmount_at(fd, "data") == 0, "not mounted again");
    (void)snprintf(above, sizeof(above), "%s/pods/%s", options.root, pod.uuid);
    JP_AUTO_FD int pod_fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(jp_store_pod_mount(pod_fd, &err) == 0 && jp_dataset_is_mounted(fd, "data"),
          "the whole pod is made accessible: %s", jp_error_text(&err));
    CHECK(jp_store_pod_destroy(store, pod.uuid, &err) == 0 && !jp_zfs_exists(dataset),
          "it goes with its pod: %s", jp_error_text(&err));
}

static void test_mounted_again(struct jp_store *store)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_FD int fd = -1;
    char id[136], path[400], text[64];
    testing_id(1, id);
    (void)snprintf(path, sizeof(path), "%s/images/%s", options.root, id);
    JP_AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(jp_dataset_is_mounted(dir, "rootfs") && jp_dataset_unmount_at(dir, "rootfs") == 0,
          "an image is not mounted any more");
    testing_read(path, "rootfs/file", text);
    TAP_STR(text, "", "it looks empty");
    CHECK(jp_store_image_open(store, id, &fd, &err) == 0, "opened: %s", jp_error_text(&err));
    testing_read(path, "rootfs/file", text);
    CHECK(text[0] != '\0', "it has its files again");
}

static void test_properties(void)
{
    static const char *const good[] = {
        "compression=lz4",      "atime=off",  "quota=10G", "recordsize=128k",
        "org.example:note=a=b", "compress=on"};
    static const char *const bad[] = {"compression=best",   "atime=maybe",
                                      "quota=ten",          "quota=1X",
                                      "no-such-property=1", "quota=99999999999E"};
    nvlist_t *list = NULL;
    if (nvlist_alloc(&list, NV_UNIQUE_NAMES, 0))
        return;
    for (size_t i = 0; i < JP_LEN(good); i++)
        CHECK(jp_zfs_property_add(list, good[i], NULL) == 0, "property %s", good[i]);
    for (size_t i = 0; i < JP_LEN(bad); i++) {
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        CHECK(jp_zfs_property_add(list, bad[i], &err) < 0 && err.code == JP_EINVALID, "%s",
              jp_error_text(&err));
    }
    nvlist_free(list);
}

int main(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_PTR(jp_store) store = NULL;
    test_properties();
    const char *why = conformance_begin();
    zfs.dataset = getenv("JETPACK_TEST_DATASET");
    if (!why && !zfs.dataset)
        why = "not here: no dataset is given in JETPACK_TEST_DATASET";
    if (why) {
        tap_skip("datasets", why);
        return tap_done();
    }
    options = testing_begin("zfs");
    /* Exists before: so it is not mounted as the root directory. */
    if (jp_zfs_open(&err) == 0 && !jp_zfs_exists(zfs.dataset))
        (void)make_foreign(zfs.dataset, NULL, &err);
    options.zfs = &zfs;
    CHECK(jp_store_open(&options, &store, &err) == 0 &&
              testing_image(store, 1, "example.com/image", "1", NULL, &err) == 0,
          "an image: %s", jp_error_text(&err));
    test_mounted_again(store);
    test_readonly(store);
    test_aborted(store);
    test_volume(store);
    test_forged(store);
    test_busy(store);
    test_foreign(store);
    CHECK(testing_fsck(&options, false) == 0, "clean");
    return tap_done();
}
