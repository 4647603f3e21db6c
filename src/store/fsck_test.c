/*
 * Wreckage of every kind that a crash, a disk or an administrator can leave: what gc mends, what
 * fsck finds, what --repair does about it, and what neither may touch.
 */
#include <sys/file.h>

#include <sqlite3.h>

#include "store/internal.h"
#include "store/store_testing.h"
#include "sys/lock.h"
#include "tap.h"

#define MEMORY_TRIES 40 /* about as many as importing and listing make */

static struct jp_store_options options;
static int root_fd = -1;
static int has_keys = 1; /* whether sql() minds foreign keys */

static struct jp_store *open_store(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_store *store = NULL;
    if (jp_store_open(&options, &store, &err) < 0) {
        printf("Bail out! open: %s\n", jp_error_text(&err));
        exit(1);
    }
    return store;
}

/* Straight into the database, behind the store's back. */
static void sql(const char *text)
{
    char path[300];
    sqlite3 *db = NULL;
    int ignored;
    (void)snprintf(path, sizeof(path), "%s/db", testing_root);
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, has_keys, &ignored) != SQLITE_OK ||
        sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        printf("# sql: %s\n", sqlite3_errmsg(db));
    (void)sqlite3_close(db);
}

static size_t count_images(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_PTR(jp_store) store = open_store();
    JP_AUTO(jp_store_images) images = {0};
    return jp_store_image_list(store, NULL, &images, &err) < 0 ? 9999 : images.count;
}

static int gc(void)
{
    JP_AUTO_PTR(jp_store) store = open_store();
    return testing_gc(store);
}

static void test_orphans(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {0};
    char path[300];
    sql("DELETE FROM images WHERE name = 'example.com/one'");
    CHECK(testing_fsck(&options, false) >= 1, "a directory without a row is found");
    CHECK(gc() == 1 && count_images() == 2, "and entered by gc");
    CHECK(gc() == 0 && testing_fsck(&options, false) == 0, "once");

    JP_AUTO_PTR(jp_store) store = open_store();
    CHECK(testing_pod(store, "doomed", 1, true, &pod, &err) == 0, "a pod");
    (void)snprintf(path, sizeof(path), "pods/%s", pod.uuid);
    CHECK(renameat(root_fd, path, root_fd, "tmp/doomed") == 0, "its directory is taken away");
    CHECK(testing_fsck(&options, false) == 2, "a row without a directory is found, and the rest");
    CHECK(testing_gc(store) == 2, "gc removes both");
    jp_store_pod_clear(&pod);
    CHECK(jp_store_pod_find(store, "doomed", &pod, &err) < 0 && err.code == JP_ENOTFOUND,
          "the pod is gone, and its lease with it");
    CHECK(testing_fsck(&options, false) == 0, "clean");
}

static void test_differences(void)
{
    sql("UPDATE images SET name = 'example.com/else' WHERE name = 'example.com/one'");
    CHECK(testing_fsck(&options, false) == 1, "a row that contradicts its record is found");
    CHECK(testing_fsck(&options, true) == 0 && testing_fsck(&options, false) == 0,
          "the record wins");
    sql("DELETE FROM image_labels");
    CHECK(testing_fsck(&options, false) == 2, "lost labels are found");
    CHECK(testing_fsck(&options, true) == 0 && testing_fsck(&options, false) == 0, "and come back");
}

/* Rows of tables whose owner is gone would be in the way of the next owner with that number. */
static void test_dangling_rows(void)
{
    has_keys = 0;
    sql("DELETE FROM images WHERE name = 'example.com/one'");
    has_keys = 1;
    CHECK(testing_fsck(&options, false) == 2, "labels without an image are found");
    CHECK(testing_fsck(&options, true) == 0 && testing_fsck(&options, false) == 0, "and removed");
}

static void test_lost_pod_rows(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_PTR(jp_store) store = open_store();
    JP_AUTO(jp_store_pod) one = {0};
    JP_AUTO(jp_store_pod) two = {0};
    JP_AUTO(jp_store_pod) found = {0};
    CHECK(testing_pod(store, "lost", 1, true, &one, &err) == 0, "a pod with an address");
    sql("DELETE FROM pods WHERE name = 'lost'");
    CHECK(testing_pod(store, "lost", 1, true, &two, &err) == 0, "another gets its name");
    CHECK(testing_gc(store) == 2, "gc enters the first under a new name");
    CHECK(jp_store_pod_find(store, "lost-2", &found, &err) == 0 &&
              strcmp(found.uuid, one.uuid) == 0 && strcmp(found.address, one.address) == 0,
          "with its own address");
    CHECK(testing_fsck(&options, false) == 0, "record and row agree");
    sql("DELETE FROM pods WHERE name = 'lost-2'");
    sql("UPDATE leases SET address = (SELECT min(address) FROM leases) - 1");
    CHECK(testing_fsck(&options, true) == 0, "leases are mended from the records");
    sql("UPDATE leases SET address = (SELECT sum(address) FROM leases) + 100000 - address");
    sql("UPDATE leases SET address = address - 100000");
    CHECK(testing_fsck(&options, false) == 2 && testing_fsck(&options, true) == 0 &&
              testing_fsck(&options, false) == 0,
          "even when two were swapped");
    sql("DELETE FROM pods WHERE name = 'lost-2'");
    char text[200];
    uint32_t address = 0;
    (void)jp_quad_parse(one.address, &address);
    (void)snprintf(text, sizeof(text), "UPDATE leases SET address = %u", address);
    sql(text);
    CHECK(testing_gc(store) == 1 && testing_fsck(&options, false) >= 1,
          "an address that two claim is reported, nothing removed");
    CHECK(jp_store_pod_destroy(store, one.uuid, &err) == 0, "such a pod can be destroyed: %s",
          jp_error_text(&err));
    CHECK(testing_fsck(&options, true) == 0 && jp_store_pod_destroy(store, two.uuid, &err) == 0,
          "and the other put right");
}

static void test_damaged_objects(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    char id[136], path[300];
    testing_id(1, id);
    (void)snprintf(path, sizeof(path), "images/%s/manifest", id);
    CHECK(renameat(root_fd, path, root_fd, "tmp/manifest") == 0, "a manifest is lost");
    CHECK(testing_fsck(&options, true) == 1, "that cannot be repaired");
    CHECK(renameat(root_fd, "tmp/manifest", root_fd, path) < 0, "(the sweep took what was in tmp)");
    JP_AUTO_FD int fd = openat(root_fd, "images", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    JP_AUTO_FD int image = openat(fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    testing_write(image, "manifest", "{}");
    testing_write(image, "record", "{\"format\": 1, \"kind\": \"image\", \"id\": ");
    CHECK(testing_fsck(&options, true) == 1, "a record that is cut off is a problem");
    CHECK(count_images() == 2, "its row stays");
    testing_write(image, "record", "{\"format\": 99, \"kind\": \"image\"}");
    CHECK(testing_fsck(&options, true) == 1, "a record from the future, too");
    sql("DELETE FROM images WHERE name = 'example.com/one'");
    CHECK(gc() == 1 && count_images() == 1, "without a row it is reported and left alone");
    JP_AUTO_PTR(jp_store) store = open_store();
    CHECK(jp_store_image_destroy(store, id, &err) == 0, "it can be destroyed: %s",
          jp_error_text(&err));
    CHECK(testing_image(store, 1, "example.com/one", "1", NULL, &err) == 0, "and imported anew");
    testing_write(fd, "stray", "not ours");
    CHECK(testing_gc(store) == 1 && testing_fsck(&options, false) == 1, "a stray file is reported");
    CHECK(unlinkat(fd, "stray", 0) == 0 && testing_fsck(&options, false) == 0, "and was left");
}

static void test_database(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    unsigned problems = 0;
    (void)unlinkat(root_fd, "db-wal", 0);
    (void)unlinkat(root_fd, "db-shm", 0);
    testing_write(root_fd, "db", "This is no database, whatever its name may be. ");
    JP_AUTO(jp_store_images) images = {0};
    JP_AUTO_PTR(jp_store) store = open_store();
    CHECK(jp_store_image_list(store, NULL, &images, &err) < 0 && err.code == JP_ECORRUPT &&
              strstr(jp_error_text(&err), "fsck --repair"),
          "garbage: %s", jp_error_text(&err));
    CHECK(testing_fsck(&options, false) == 1, "fsck finds it");
    JP_AUTO_FD int other = jp_lock_take(root_fd, "lock", JP_LOCK_SHARED, true, &err);
    CHECK(jp_store_fsck(&options, true, NULL, &problems, &err) < 0 && err.code == JP_EBUSY,
          "repair waits for others: %s", jp_error_text(&err));
    jp_fd_close(&other);
    CHECK(testing_fsck(&options, true) == 0, "repair");
    CHECK(count_images() == 2 && testing_fsck(&options, false) == 0, "all images are back");
    sql("PRAGMA user_version = 99");
    CHECK(jp_store_image_list(store, NULL, &images, &err) < 0 && err.code == JP_EUNSUPPORTED,
          "from the future: %s", jp_error_text(&err));
    sql("PRAGMA user_version = 2");
    testing_write(root_fd, "version", "jetpack-store 2\n");
    CHECK(jp_store_fsck(&options, true, NULL, &problems, &err) < 0 && err.code == JP_EUNSUPPORTED,
          "a directory from the future is not repaired: %s", jp_error_text(&err));
    testing_write(root_fd, "version", "jetpack-store 1\n");
}

/* A power cut: the tail of the log is lost, and what a volatile pod never synced. */
static void test_power_cut(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {0};
    JP_AUTO(jp_store_pod) wreck = {0};
    JP_AUTO(jp_store_pod) found = {0};
    JP_AUTO_PTR(jp_store) store = open_store();
    sql("PRAGMA wal_checkpoint(TRUNCATE)");
    CHECK(testing_pod(store, "late", 1, true, &pod, &err) == 0 &&
              testing_pod(store, "wreck", 1, false, &wreck, &err) == 0,
          "pods just before the cut");
    jp_store_rest(store);
    CHECK(unlinkat(root_fd, "db-wal", 0) == 0 && unlinkat(root_fd, "db-shm", 0) == 0, "cut");
    char path[100];
    (void)snprintf(path, sizeof(path), "pods/%s/record", wreck.uuid);
    testing_write(root_fd, path, "");
    CHECK(jp_store_pod_find(store, "late", &found, &err) < 0, "the row is lost");
    CHECK(testing_gc(store) == 2 && jp_store_pod_find(store, "late", &found, &err) == 0 &&
              strcmp(found.address, pod.address) == 0,
          "gc brings it back with its address");
    CHECK(testing_fsck(&options, true) == 1, "the wreck is reported and left");
    jp_store_pod_clear(&found);
    CHECK(jp_store_pod_find(store, wreck.uuid, &found, &err) == 0 && found.n_apps == 0,
          "it is found by its uuid");
    CHECK(jp_store_pod_destroy(store, wreck.uuid, &err) == 0 &&
              jp_store_pod_destroy(store, pod.uuid, &err) == 0 &&
              testing_fsck(&options, false) == 0,
          "and can be destroyed: %s", jp_error_text(&err));
}

static void test_drafts(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_PTR(jp_store) store = open_store();
    struct jp_store_draft draft = JP_STORE_DRAFT_INIT;
    CHECK(jp_store_draft_begin(store, &draft, &err) == 0, "a draft: %s", jp_error_text(&err));
    CHECK(gc() == 0 && testing_fsck(&options, true) == 0, "its maker lives: gc leaves it");
    testing_write(draft.rootfs_fd, "file", "f");
    CHECK(flock(draft.lock_fd, LOCK_UN) == 0 && gc() == 1, "its maker is gone: gc takes it");
    jp_store_draft_abort(store, &draft);
    jp_store_draft_abort(store, &draft);
    CHECK(jp_store_draft_begin(store, &draft, &err) == 0, "another");
    jp_store_draft_abort(store, &draft);
    CHECK(gc() == 0, "an aborted draft leaves nothing");
    CHECK(mkfifoat(root_fd, "tmp/fifo", 0600) == 0 && symlinkat("/etc", root_fd, "tmp/link") == 0,
          "strange things in tmp");
    CHECK(gc() == 2 && access("/etc/passwd", R_OK) == 0, "go, links not followed");
}

/* An allocation that fails is told, or done without; the store stays whole. */
static void test_memory(void)
{
    char id[136];
    unsigned bad = 0, told = 0;
    testing_id(7, id);
    for (unsigned long n = 1; n <= MEMORY_TRIES; n++) {
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        JP_AUTO_PTR(jp_store) store = open_store();
        JP_AUTO(jp_store_images) images = {0};
        jp_mem_fail_after(n);
        int r = testing_image(store, 7, "example.com/oom", "1", NULL, &err);
        if (r == 0)
            r = jp_store_image_list(store, NULL, &images, &err);
        jp_mem_fail_after(0);
        told += r < 0;
        /* Without memory there may be none for the text either: JP_OK. */
        if (r < 0 && err.code != JP_ENOMEM && err.code != JP_OK) {
            printf("# allocation %lu: %s\n", n, jp_error_text(&err));
            bad++;
        }
        (void)jp_store_image_destroy(store, id, NULL);
    }
    CHECK(bad == 0 && told > MEMORY_TRIES / 2, "no memory at each of %d allocations, %u told",
          MEMORY_TRIES, told);
    CHECK(gc() == 0 && testing_fsck(&options, false) == 0, "clean");
}

int main(void)
{
    options = testing_begin("copy");
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    {
        JP_AUTO_PTR(jp_store) store = open_store();
        CHECK(testing_image(store, 1, "example.com/one", "1", NULL, &err) == 0 &&
                  testing_image(store, 2, "example.com/two", "1", NULL, &err) == 0,
              "two images");
    }
    root_fd = open(testing_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    test_orphans();
    test_differences();
    test_dangling_rows();
    test_lost_pod_rows();
    test_damaged_objects();
    test_database();
    test_power_cut();
    test_drafts();
    test_memory();
    return tap_done();
}
