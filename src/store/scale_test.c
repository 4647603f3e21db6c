/*
 * Ten thousand images and a thousand pods: lists are whole and ordered, and a database that was
 * deleted comes back from the directories. The write-ahead log, which every command reads, stays
 * short. Nothing is timed.
 */
#include "store/internal.h"
#include "store/store_testing.h"
#include "tap.h"

#define IMAGES 10000
#define PODS   1000

/* Straight to rows and directories: importing for real would sync ten thousand times. */
static int put_image(struct jp_store *store, struct jp_db *db, unsigned n, struct jp_error *err)
{
    char id[136], name[64], version[16];
    struct jp_store_label labels[] = {{(char *)(uintptr_t) "version", version},
                                      {(char *)(uintptr_t) "os", (char *)(uintptr_t) "linux"},
                                      {(char *)(uintptr_t) "arch", (char *)(uintptr_t) "amd64"}};
    testing_id(n, id);
    (void)snprintf(name, sizeof(name), "example.com/image-%u", n / 10);
    (void)snprintf(version, sizeof(version), "1.%u", n % 10 * 3);
    struct jp_store_image image = {
        .id = id, .name = name, .labels = labels, .n_labels = 3, .imported_ns = n + 1};
    JP_AUTO_FD int fd = jp_fd_make_dir(store->images_fd, id, 0700, err);
    if (fd < 0 || jp_record_write_image(fd, &image, false, err) < 0)
        return -1;
    testing_write(fd, "manifest", "{}");
    return mkdirat(fd, "rootfs", 0755) < 0 ? -1 : jp_rows_add_image(db, &image, err);
}

static int put_images(struct jp_store *store, struct jp_error *err)
{
    struct jp_db *db = jp_store_db(store, err);
    if (!db || jp_db_begin(db, err) < 0)
        return -1;
    int r = 0;
    for (unsigned n = 0; r == 0 && n < IMAGES; n++)
        r = put_image(store, db, n, err);
    return jp_db_end(db, r, err);
}

static int put_pods(struct jp_store *store, struct jp_error *err)
{
    char name[32];
    for (unsigned n = 0; n < PODS; n++) {
        (void)snprintf(name, sizeof(name), "pod-%u", n);
        if (testing_pod(store, name, n, true, NULL, err) < 0)
            return -1;
    }
    return 0;
}

static void check_lists(struct jp_store *store)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_images) images = {0};
    JP_AUTO(jp_store_pods) pods = {0};
    CHECK(jp_store_image_list(store, NULL, &images, &err) == 0 && images.count == IMAGES,
          "%d images", IMAGES);
    bool is_whole = images.count == IMAGES;
    for (size_t i = 0; is_whole && i < images.count; i++)
        is_whole = images.items[i].n_labels == 3;
    CHECK(is_whole, "with their labels");
    CHECK(images.count > 1 && strcmp(images.items[0].name, "example.com/image-0") == 0 &&
              strcmp(jp_store_image_label(&images.items[0], "version"), "1.27") == 0,
          "in order, newest first");
    jp_store_images_clear(&images);
    struct jp_store_image_query query = {.name = "example.com/image-777"};
    CHECK(jp_store_image_list(store, &query, &images, &err) == 0 && images.count == 10,
          "ten of one name");
    CHECK(jp_store_pod_list(store, &pods, &err) == 0 && pods.count == PODS, "%d pods", PODS);
    CHECK(pods.count == PODS && pods.items[PODS - 1].address &&
              strcmp(pods.items[PODS - 1].address, "10.96.3.233") == 0,
          "each with its address");
}

static off_t log_bytes(struct jp_store *store)
{
    struct stat st;
    return fstatat(store->root_fd, "db-wal", &st, 0) == 0 ? st.st_size : 0;
}

/* As commands do it: each opens the database alone, commits once or twice, and is gone. */
static void check_log(struct jp_store *store)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    off_t longest = 0, longest_after_image = 0;
    bool is_done = true;
    for (unsigned n = 0; is_done && n < 300; n++) {
        JP_AUTO(jp_store_pod) pod = {0};
        is_done = testing_pod(store, "logged", n, true, &pod, &err) == 0 &&
                  jp_store_pod_destroy(store, pod.uuid, &err) == 0;
        longest = log_bytes(store) > longest ? log_bytes(store) : longest;
        jp_store_rest(store);
    }
    CHECK(is_done && longest > 0 && longest < 750000, "pods: the log has at most %lld bytes",
          (long long)longest);
    for (unsigned n = IMAGES; is_done && n < IMAGES + 30; n++) {
        is_done = testing_image(store, n, "example.com/logged", "1", NULL, &err) == 0;
        longest_after_image =
            log_bytes(store) > longest_after_image ? log_bytes(store) : longest_after_image;
        jp_store_rest(store);
    }
    CHECK(is_done && longest_after_image < 250000, "images: the log has at most %lld bytes",
          (long long)longest_after_image);
    if (!is_done)
        printf("# %s\n", jp_error_text(&err));
}

int main(void)
{
    struct jp_store_options options = testing_begin("copy");
    options.subnet = "10.96.0.0/16";
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_PTR(jp_store) store = NULL;
    CHECK(jp_store_open(&options, &store, &err) == 0, "open");
    CHECK(put_images(store, &err) == 0, "put images: %s", jp_error_text(&err));
    CHECK(put_pods(store, &err) == 0, "make pods: %s", jp_error_text(&err));
    check_lists(store);
    CHECK(testing_gc(store) == 0, "nothing for gc to do");
    CHECK(testing_fsck(&options, false) == 0, "fsck finds it clean");
    jp_store_rest(store);
    CHECK(unlinkat(store->root_fd, "db", 0) == 0 && unlinkat(store->root_fd, "db-wal", 0) == 0,
          "delete the database");
    (void)unlinkat(store->root_fd, "db-shm", 0);
    CHECK(testing_fsck(&options, false) == 1, "fsck misses it");
    check_lists(store);
    CHECK(testing_fsck(&options, false) == 0, "it came back by itself");
    check_log(store);
    return tap_done();
}
