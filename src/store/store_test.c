/* The life of a store: made, images and pods in and out, what is refused and why. */
#include <sys/wait.h>

#include "store/store_testing.h"
#include "tap.h"

static void test_init(struct jp_store_options *options)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    bool created = false;
    struct stat st;
    CHECK(jp_store_init(options, &created, &err) == 0 && created, "init makes the root: %s",
          jp_error_text(&err));
    CHECK(jp_store_init(options, &created, &err) == 0 && !created, "init again says so");
    CHECK(stat(options->root, &st) == 0 && (st.st_mode & 07777) == 0711, "root is 0711");
    JP_AUTO_FD int fd = open(options->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    static const char *const parts[] = {"images", "pods", "tmp", "keys", "mds", "net"};
    for (size_t i = 0; i < JP_LEN(parts); i++)
        CHECK(fstatat(fd, parts[i], &st, 0) == 0 && (st.st_mode & 07777) == 0700, "%s is 0700",
              parts[i]);
    CHECK(fstatat(fd, "db", &st, 0) == 0 && (st.st_mode & 07777) == 0600, "db is 0600");
    JP_AUTO_PTR(jp_store) store = NULL;
    const char *why = NULL;
    CHECK(jp_store_open(options, &store, &err) == 0, "open");
    const struct jp_driver_ops *driver = jp_store_driver(store, &why, &err);
    CHECK(driver && why, "driver %s: %s", driver ? driver->name : "none", why ? why : "");
    CHECK(testing_fsck(options, false) == 0, "a new store is clean");
}

static void test_refused_roots(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    bool created = false;
    char path[200], inner[300];
    struct jp_store_options options = {.root = path, .driver = "copy", .subnet = "10.0.0.0/24"};

    (void)snprintf(path, sizeof(path), "%s/prototype", testing_top);
    (void)mkdir(path, 0755);
    (void)snprintf(inner, sizeof(inner), "%s/images", path);
    (void)mkdir(inner, 0755);
    (void)snprintf(inner, sizeof(inner), "%s/images/1c25ed71-4a2d-4d68-bb0e-0c2f4f9b2a10", path);
    (void)mkdir(inner, 0755);
    JP_AUTO_FD int fd = open(inner, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    testing_write(fd, "metadata", "{}");
    CHECK(jp_store_init(&options, &created, &err) < 0 && err.code == JP_EEXISTS &&
              strstr(jp_error_text(&err), "Go prototype"),
          "data of the Go prototype is named: %s", jp_error_text(&err));

    (void)snprintf(path, sizeof(path), "%s/foreign", testing_top);
    (void)mkdir(path, 0755);
    (void)snprintf(inner, sizeof(inner), "%s/home", path);
    (void)mkdir(inner, 0755);
    CHECK(jp_store_init(&options, &created, &err) < 0 && err.code == JP_EEXISTS &&
              strstr(jp_error_text(&err), "'home'"),
          "somebody else's directory is refused: %s", jp_error_text(&err));

    (void)snprintf(path, sizeof(path), "%s/shared", testing_top);
    (void)mkdir(path, 0755);
    (void)chmod(path, 01777);
    CHECK(jp_store_init(&options, &created, &err) < 0 && err.code == JP_EINVALID &&
              strstr(jp_error_text(&err), "other users"),
          "a directory that others can write to is refused: %s", jp_error_text(&err));
    (void)chmod(path, 0755);
    if (chown(path, 12345, 0) == 0)
        CHECK(jp_store_init(&options, &created, &err) < 0 && err.code == JP_EINVALID &&
                  strstr(jp_error_text(&err), "another user"),
              "another user's directory is refused: %s", jp_error_text(&err));

    options.root = "relative";
    CHECK(jp_store_init(&options, &created, &err) < 0 && err.code == JP_EINVALID,
          "a relative path is refused");
    (void)snprintf(path, sizeof(path), "%s/subnet", testing_top);
    options.root = path;
    static const char *const bad[] = {"10.0.0.0",    "10.0.0.0/33", "10.0.0.1/24",
                                      "10.0.0.0/30", "x/24",        "10.0.0.0/"};
    for (size_t i = 0; i < JP_LEN(bad); i++) {
        options.subnet = bad[i];
        CHECK(jp_store_init(&options, &created, &err) < 0 && err.code == JP_EINVALID,
              "subnet %s is refused", bad[i]);
    }
}

static void test_images(struct jp_store *store)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_images) images = {0};
    char id[136], base[136];
    size_t len = 0;
    testing_id(1, base);
    CHECK(testing_image(store, 1, "example.com/base", "1.9", NULL, &err) == 0, "image: %s",
          jp_error_text(&err));
    CHECK(testing_image(store, 2, "example.com/base", "1.10", NULL, &err) == 0, "newer image");
    CHECK(testing_image(store, 3, "example.com/app", "2", base, &err) == 0, "depending image: %s",
          jp_error_text(&err));
    CHECK(testing_image(store, 2, "example.com/base", "1.10", NULL, &err) < 0 &&
              err.code == JP_EEXISTS,
          "the same again: %s", jp_error_text(&err));
    CHECK(testing_image(store, 4, "example.com/lost", "1", "Not A Name", &err) < 0 &&
              err.code == JP_EINVALID,
          "a dependency that is neither id nor name: %s", jp_error_text(&err));
    CHECK(testing_image(store, 5, "../etc", "1", NULL, &err) < 0 && err.code == JP_EINVALID,
          "bad name: %s", jp_error_text(&err));

    CHECK(jp_store_image_list(store, NULL, &images, &err) == 0 && images.count == 3, "three");
    TAP_STR(images.count == 3 ? images.items[0].name : "", "example.com/app", "ordered by name");
    TAP_STR(images.count == 3 ? jp_store_image_label(&images.items[1], "version") : "", "1.10",
            "newest version first");
    CHECK(images.count == 3 && images.items[0].dependencies.count == 1 &&
              strcmp(images.items[0].dependencies.items[0], base) == 0,
          "dependencies come back");
    CHECK(images.count == 3 && images.items[0].n_labels == 3 && images.items[0].imported_ns > 0,
          "labels and times come back");
    jp_store_images_clear(&images);

    struct jp_pair version = {.name = (char *)(uintptr_t) "version",
                              .value = (char *)(uintptr_t) "1.9"};
    struct jp_pairs wanted = {&version, 1, 1};
    struct jp_store_image_query query = {.name = "example.com/base", .labels = &wanted};
    CHECK(jp_store_image_list(store, &query, &images, &err) == 0 && images.count == 1 &&
              strcmp(images.items[0].id, base) == 0,
          "by name and label");
    jp_store_images_clear(&images);
    char prefix[12];
    (void)snprintf(prefix, sizeof(prefix), "%.11s", base);
    query = (struct jp_store_image_query){.id_prefix = prefix};
    CHECK(jp_store_image_list(store, &query, &images, &err) == 0 && images.count == 1,
          "by prefix of the id");
    jp_store_images_clear(&images);
    query.id_prefix = "sha512-../";
    CHECK(jp_store_image_list(store, &query, &images, &err) < 0 && err.code == JP_EINVALID,
          "no prefix of an id");

    JP_AUTO_FREE char *manifest = NULL;
    CHECK(jp_store_image_manifest(store, base, &manifest, &len, &err) == 0 && len == 27,
          "manifest: %s", manifest ? manifest : jp_error_text(&err));
    CHECK(jp_store_image_manifest(store, "../../etc", &manifest, &len, &err) < 0 &&
              err.code == JP_EINVALID,
          "an id is checked before it becomes a path");
    CHECK(jp_store_image_destroy(store, base, &err) < 0 && err.code == JP_EBUSY &&
              strstr(jp_error_text(&err), "image 'example.com/app' (sha512-"),
          "used by an image: %s", jp_error_text(&err));
    testing_id(98, id);
    CHECK(jp_store_image_destroy(store, id, &err) < 0 && err.code == JP_ENOTFOUND, "no such: %s",
          jp_error_text(&err));
    CHECK(testing_gc(store) == 0, "nothing is left by what was refused");
}

static void test_pods(struct jp_store *store)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) one = {0};
    JP_AUTO(jp_store_pod) two = {0};
    JP_AUTO(jp_store_pod) found = {0};
    JP_AUTO(jp_store_pods) pods = {0};
    char id[136], prefix[10];
    CHECK(testing_pod(store, "one", 3, true, &one, &err) == 0, "pod: %s", jp_error_text(&err));
    TAP_STR(one.address, "10.99.0.2", "the first address after the gateway");
    CHECK(testing_pod(store, "two", 2, false, &two, &err) == 0 && !two.address,
          "pod without address");
    CHECK(testing_pod(store, "one", 3, true, NULL, &err) < 0 && err.code == JP_EEXISTS,
          "taken name: %s", jp_error_text(&err));
    CHECK(testing_pod(store, "other", 77, true, NULL, &err) < 0 && err.code == JP_ENOTFOUND,
          "missing image: %s", jp_error_text(&err));
    static const char *const bad[] = {"",    "..",  "a/b", "-R",
                                      "a b", "a:b", ".x",  "1c25ed71-4a2d-4d68-bb0e-0c2f4f9b2a10"};
    for (size_t i = 0; i < JP_LEN(bad); i++)
        CHECK(testing_pod(store, bad[i], 3, true, NULL, &err) < 0 && err.code == JP_EINVALID,
              "pod name '%s' is refused", bad[i]);

    CHECK(jp_store_pod_list(store, &pods, &err) == 0 && pods.count == 2, "two pods");
    TAP_STR(pods.count == 2 ? pods.items[0].name : "", "one", "oldest first");
    CHECK(pods.count == 2 && pods.items[0].n_apps == 1, "with its app");
    CHECK(jp_store_pod_find(store, "one", &found, &err) == 0 && strcmp(found.uuid, one.uuid) == 0,
          "by name");
    jp_store_pod_clear(&found);
    CHECK(jp_store_pod_find(store, two.uuid, &found, &err) == 0, "by uuid");
    jp_store_pod_clear(&found);
    (void)snprintf(prefix, sizeof(prefix), "%.9s", two.uuid);
    CHECK(jp_store_pod_find(store, prefix, &found, &err) == 0 && strcmp(found.uuid, two.uuid) == 0,
          "by prefix");
    jp_store_pod_clear(&found);
    CHECK(jp_store_pod_find(store, "three", &found, &err) < 0 && err.code == JP_ENOTFOUND,
          "unknown: %s", jp_error_text(&err));
    CHECK(jp_store_pod_find(store, "", &found, &err) < 0 && err.code == JP_ENOTFOUND, "empty");

    testing_id(3, id);
    CHECK(jp_store_image_destroy(store, id, &err) < 0 && err.code == JP_EBUSY &&
              strstr(jp_error_text(&err), "pod 'one' ("),
          "image used by a pod: %s", jp_error_text(&err));
    CHECK(jp_store_pod_rename(store, one.uuid, "two", &err) < 0 && err.code == JP_EEXISTS,
          "rename to a taken name: %s", jp_error_text(&err));
    CHECK(jp_store_pod_rename(store, one.uuid, "uno", &err) == 0 &&
              jp_store_pod_find(store, "uno", &found, &err) == 0,
          "rename");
    CHECK(jp_store_pod_destroy(store, one.uuid, &err) == 0, "destroy: %s", jp_error_text(&err));
    CHECK(jp_store_pod_destroy(store, one.uuid, &err) < 0 && err.code == JP_ENOTFOUND,
          "destroyed already");
    CHECK(jp_store_image_destroy(store, id, &err) == 0, "its image can go now: %s",
          jp_error_text(&err));
    CHECK(testing_gc(store) == 0, "nothing left for gc");
}

static void test_leases(struct jp_store_options options)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_PTR(jp_store) store = NULL;
    JP_AUTO(jp_store_pod) first = {0};
    char name[20];
    options.subnet = "10.98.0.0/29"; /* .2 to .6 */
    CHECK(jp_store_open(&options, &store, &err) == 0, "open with a small subnet");
    CHECK(testing_pod(store, "lease0", 2, true, &first, &err) == 0, "pod");
    TAP_STR(first.address, "10.98.0.2", "first");
    unsigned made = 1;
    for (; made < 20; made++) {
        (void)snprintf(name, sizeof(name), "lease%u", made);
        if (testing_pod(store, name, 2, true, NULL, &err) < 0)
            break;
    }
    CHECK(made == 5, "five addresses: neither network, gateway nor broadcast");
    CHECK(err.code == JP_ELIMIT, "used up: %s", jp_error_text(&err));
    CHECK(jp_store_pod_destroy(store, first.uuid, &err) == 0, "free one");
    jp_store_pod_clear(&first);
    CHECK(testing_pod(store, "again", 2, true, &first, &err) == 0, "lease again");
    TAP_STR(first.address, "10.98.0.2", "around the end");
}

/* Four pods of a network where the host has the third address: .2, then .4 to .6. */
static void test_lease_host(struct jp_store *store)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    char got[64] = "", id[136];
    testing_id(2, id);
    for (int i = 0; i < 6; i++) {
        char uuid[JP_UUID_SIZE], name[20];
        (void)snprintf(name, sizeof(name), "neighbour%d", i);
        struct jp_store_pod_app app = {.name = (char *)(uintptr_t) "main", .image_id = id};
        struct jp_store_pod pod = {.uuid = uuid, .name = name, .apps = &app, .n_apps = 1};
        struct jp_store_pod_request request = {.pod = &pod,
                                               .wants_address = true,
                                               .is_volatile = true,
                                               .subnet = "10.95.0.0/29",
                                               .host = 0x0a5f0003,
                                               .address = i == 4 ? "10.95.0.3" : NULL,
                                               .manifest = testing_manifest};
        jp_error_clear(&err);
        if (jp_uuid_new(uuid, &err) == 0 && jp_store_pod_create(store, &request, &err) == 0)
            (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ", pod.address + 8);
        else if (i == 4)
            CHECK(strstr(jp_error_text(&err), "it is the host's"), "the host's own: %s",
                  jp_error_text(&err));
        free(pod.address);
    }
    TAP_STR(got, "2 4 5 6 ", "the host's own address is not leased");
    CHECK(err.code == JP_ELIMIT, "then there is none left");
}

static void test_lease_order(struct jp_store *store)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) one = {0};
    JP_AUTO(jp_store_pod) two = {0};
    CHECK(testing_pod(store, "order1", 2, true, &one, &err) == 0 &&
              jp_store_pod_destroy(store, one.uuid, &err) == 0 &&
              testing_pod(store, "order2", 2, true, &two, &err) == 0,
          "lease, free, lease");
    CHECK(one.address && two.address && strcmp(one.address, two.address) != 0,
          "an address rests before it is used again: %s, %s", one.address, two.address);
}

static void test_fork(struct jp_store *store)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pods) pods = {0};
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int refused = jp_store_pod_list(store, &pods, &err) < 0 && err.code == JP_EINVALID;
        jp_store_free(store);
        _exit(refused ? 0 : 1);
    }
    int status = -1;
    (void)waitpid(pid, &status, 0);
    CHECK(status == 0, "the database does not cross a fork");
    CHECK(jp_store_pod_list(store, &pods, &err) == 0, "and still works in the parent");
}

int main(void)
{
    struct jp_store_options options = testing_begin("auto");
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    (void)umask(0);
    test_init(&options);
    test_refused_roots();
    JP_AUTO_PTR(jp_store) store = NULL;
    CHECK(jp_store_open(&options, &store, &err) == 0, "open");
    test_images(store);
    test_pods(store);
    test_lease_host(store);
    test_lease_order(store);
    test_fork(store);
    test_leases(options);
    CHECK(testing_fsck(&options, false) == 0, "clean at the end");
    return tap_done();
}
