/* What the tests of this room share: a store in a directory of its own, with images made by hand.
 */
#ifndef JP_POD_FIXTURE_TEST_H
#define JP_POD_FIXTURE_TEST_H

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "pod/internal.h"
#include "store/driver/driver.h"
#include "sys/fd.h"
#include "sys/tree.h"
#include "tap.h"

struct fixture {
    char dir[64];
    struct jp_store *store;
    struct jp_pod_context ctx;
    char said[4096]; /* messages for the user, a line each */
};

__attribute__((__unused__)) static void fixture_die(const char *what, const struct jp_error *err)
{
    printf("Bail out! %s: %s\n", what, err ? jp_error_text(err) : "?");
    exit(1);
}

__attribute__((__unused__)) static void fixture_tell(void *context, enum jp_pod_tell kind,
                                                     const char *text)
{
    struct fixture *f = context;
    size_t used = strlen(f->said);
    (void)snprintf(f->said + used, sizeof(f->said) - used, "%s%s\n",
                   kind == JP_POD_WARNING ? "warning: " : "", text);
}

__attribute__((__unused__)) static void fixture_open(struct fixture *f)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    memset(f, 0, sizeof(*f));
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/jetpack-pod-test.XXXXXX");
    if (!mkdtemp(f->dir))
        fixture_die("mkdtemp", NULL);
    JP_AUTO_FREE char *root = jp_format("%s/root", f->dir);
    struct jp_store_options options = {.root = root, .driver = "copy", .subnet = "172.23.0.0/16"};
    if (jp_store_open(&options, &f->store, &err) < 0)
        fixture_die("open store", &err);
    f->ctx = (struct jp_pod_context){.store = f->store, .tell = fixture_tell, .tell_context = f};
}

__attribute__((__unused__)) static void fixture_close(struct fixture *f)
{
    jp_store_free(f->store);
    JP_AUTO_FD int above = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (above < 0 || jp_tree_remove(above, strrchr(f->dir, '/') + 1, &err) < 0)
        printf("# '%s' is left behind: %s\n", f->dir, jp_error_text(&err));
}

/* An image whose id is 128 times `digit`. */
__attribute__((__unused__)) static void fixture_image(struct fixture *f, char digit,
                                                      const char *json)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    struct jp_store_draft draft = JP_STORE_DRAFT_INIT;
    if (jp_image_manifest_parse(json, strlen(json), &m, &err) < 0)
        fixture_die("image manifest", &err);
    if (jp_store_draft_begin(f->store, &draft, &err) < 0 ||
        jp_file_replace(draft.dir_fd, "manifest", json, strlen(json), 0600, false, &err) < 0 ||
        jp_file_replace(draft.rootfs_fd, "hello", "hello\n", 6, 0644, false, &err) < 0)
        fixture_die("draft", &err);
    char id[136] = "sha512-";
    memset(id + 7, digit, 128);
    struct jp_store_label labels[8];
    struct jp_store_image image = {
        .id = id, .name = m.name, .labels = labels, .created_ns = digit, .imported_ns = digit};
    for (size_t i = 0; i < m.labels.count && i < JP_LEN(labels); i++)
        labels[image.n_labels++] =
            (struct jp_store_label){m.labels.items[i].name, m.labels.items[i].value};
    if (jp_store_draft_commit(f->store, &draft, &image, &err) < 0)
        fixture_die("commit", &err);
}

/* A manifest of this host's kind; `rest` is what stands beside name and labels. */
__attribute__((__unused__)) static void fixture_named_image(struct fixture *f, char digit,
                                                            const char *name, const char *version,
                                                            const char *rest)
{
    JP_AUTO_FREE char *json = jp_format(
        "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"%s\",\"labels\":["
        "{\"name\":\"version\",\"value\":\"%s\"},{\"name\":\"os\",\"value\":\"%s\"},"
        "{\"name\":\"arch\",\"value\":\"%s\"}]%s%s}",
        name, version, jp_pod_host_os(), jp_pod_host_arch(), rest[0] ? "," : "", rest);
    fixture_image(f, digit, json);
}

#endif
