/* What the tests of this room share. Include once, after tap.h. */
#ifndef JP_STORE_STORE_TESTING_H
#define JP_STORE_STORE_TESTING_H

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "store/driver/driver.h"
#include "store/store.h"
#include "sys/fd.h"
#include "sys/tree.h"

/* Evaluates the condition before the text: errors are told as they are afterwards. */
#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        bool check_ok_ = (condition);                                                              \
        TAP_OK(check_ok_, __VA_ARGS__);                                                            \
    } while (0)

static char testing_top[] = "/tmp/jetpack-store-test.XXXXXX";
static char testing_root[sizeof(testing_top) + 8];

JP_UNUSED static void testing_cleanup(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_FD int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || jp_tree_remove(fd, testing_top + strlen("/tmp/"), &err) < 0)
        printf("# cannot clean up: %s\n", jp_error_text(&err));
}

static pid_t testing_owner;

JP_UNUSED static void testing_at_exit(void)
{
    if (getpid() == testing_owner)
        testing_cleanup();
}

/* A directory of its own for this test; the root directory will be TOP/root. */
JP_UNUSED static struct jp_store_options testing_begin(const char *driver)
{
    if (!mkdtemp(testing_top)) {
        printf("Bail out! mkdtemp\n");
        exit(1);
    }
    testing_owner = getpid();
    (void)atexit(testing_at_exit);
    (void)snprintf(testing_root, sizeof(testing_root), "%s/root", testing_top);
    return (struct jp_store_options){
        .root = testing_root, .driver = driver, .subnet = "10.99.0.0/24"};
}

/* "sha512-" and 128 digits made of a number. */
JP_UNUSED static void testing_id(unsigned n, char out[136])
{
    (void)snprintf(out, 136, "sha512-%08x%0120d", n * 2654435761U, 0);
}

JP_UNUSED static void testing_write(int dir_fd, const char *name, const char *text)
{
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        printf("# cannot write %s\n", name);
    jp_fd_close(&fd);
}

/* The beginning of a file; "" when it cannot be read. */
JP_UNUSED static void testing_read(const char *dir, const char *name, char text[64])
{
    char path[400];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, 63);
    text[len > 0 ? len : 0] = '\0';
    jp_fd_close(&fd);
}

/* An image of one file with three labels; `dependency` may be NULL. 0 or -1. */
JP_UNUSED static int testing_image(struct jp_store *store, unsigned n, const char *name,
                                   const char *version, const char *dependency,
                                   struct jp_error *err)
{
    char id[136];
    struct jp_store_label labels[] = {{(char *)(uintptr_t) "version", (char *)(uintptr_t)version},
                                      {(char *)(uintptr_t) "os", (char *)(uintptr_t) "linux"},
                                      {(char *)(uintptr_t) "arch", (char *)(uintptr_t) "amd64"}};
    struct jp_store_draft draft = JP_STORE_DRAFT_INIT;
    testing_id(n, id);
    struct jp_store_image image = {.id = id,
                                   .name = (char *)(uintptr_t)name,
                                   .labels = labels,
                                   .n_labels = 3,
                                   .created_ns = 1000 + n,
                                   .size_bytes = 10240,
                                   .disk_bytes = 4096};
    JP_AUTO(jp_strv) dependencies = JP_STRV_INIT;
    if (dependency && jp_strv_add(&dependencies, dependency) < 0)
        return -1;
    image.dependencies = dependencies;
    if (jp_store_draft_begin(store, &draft, err) < 0)
        return -1;
    testing_write(draft.dir_fd, "manifest", "{\"acKind\": \"ImageManifest\"}");
    testing_write(draft.rootfs_fd, "file", id);
    return jp_store_draft_commit(store, &draft, &image, err);
}

JP_UNUSED static char *testing_manifest(void *context, const char *address, struct jp_error *err)
{
    (void)context;
    (void)err;
    return jp_format("{\"ip-address\": \"%s\"}", address ? address : "none");
}

/* A pod of one app "main" of image number n. uuid and address are handed out when not NULL. */
JP_UNUSED static int testing_pod(struct jp_store *store, const char *name, unsigned n,
                                 bool wants_address, struct jp_store_pod *ret, struct jp_error *err)
{
    char id[136], uuid[JP_UUID_SIZE];
    testing_id(n, id);
    if (jp_uuid_new(uuid, err) < 0)
        return -1;
    struct jp_store_pod pod = {.uuid = jp_strdup(uuid), .name = jp_strdup(name), .n_apps = 1};
    pod.apps = jp_calloc(1, sizeof(*pod.apps));
    pod.apps[0].name = jp_strdup("main");
    pod.apps[0].image_id = jp_strdup(id);
    struct jp_store_pod_request request = {.pod = &pod,
                                           .wants_address = wants_address,
                                           .is_volatile = true,
                                           .manifest = testing_manifest};
    int r = jp_store_pod_create(store, &request, err);
    if (r == 0 && ret)
        *ret = pod;
    else
        jp_store_pod_clear(&pod);
    return r;
}

struct testing_said {
    unsigned count;
    char last[512];
};

JP_UNUSED static void testing_say(void *context, const char *kind, const char *what,
                                  const char *done)
{
    struct testing_said *said = context;
    said->count++;
    (void)snprintf(said->last, sizeof(said->last), "%s %s %s", kind, what, done);
}

/* What fsck finds; -1 when it fails. The last finding is printed as a comment. */
JP_UNUSED static int testing_fsck(const struct jp_store_options *options, bool repair)
{
    struct testing_said said = {0};
    struct jp_store_report report = {testing_say, &said};
    unsigned problems = 0;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (jp_store_fsck(options, repair, &report, &problems, &err) < 0) {
        printf("# fsck: %s\n", jp_error_text(&err));
        return -1;
    }
    if (problems)
        printf("# fsck: %s\n", said.last);
    return (int)problems;
}

/* How many things gc did; -1 when it fails. */
JP_UNUSED static int testing_gc(struct jp_store *store)
{
    struct testing_said said = {0};
    struct jp_store_report report = {testing_say, &said};
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (jp_store_gc(store, &report, &err) < 0) {
        printf("# gc: %s\n", jp_error_text(&err));
        return -1;
    }
    return (int)said.count;
}

#endif
