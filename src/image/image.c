/* The public calls: the pipeline, the manifest's word and the store brought together. */
#include "image/image.h"

#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>

#include "appc/id.h"
#include "appc/image_manifest.h"
#include "appc/imagename.h"
#include "appc/timestamp.h"
#include "base/mem.h"
#include "base/time.h"
#include "image/export.h"
#include "image/import.h"
#include "image/kept.h"
#include "sys/fd.h"

#define ORIGIN_FILE "origin"

void jp_image_imported_clear(struct jp_image_imported *imported)
{
    free(imported->id);
    free(imported->name);
    jp_strv_clear(&imported->missing);
    *imported = (struct jp_image_imported){.id = NULL};
}

/* ---- what the manifest says ------------------------------------------------------------------ */

/* Row 40: what was asked for is what came. */
static int check_expected(const struct jp_image_import_options *o, const char *id,
                          const struct jp_image_manifest *m, struct jp_error *err)
{
    if (o->expected_id && strcmp(o->expected_id, id) != 0)
        return jp_fail(err, JP_EINVALID, 0, "the image id is %.19s..., expected %.19s...", id,
                       o->expected_id);
    if (o->expected_name && strcmp(o->expected_name, m->name) != 0)
        return jp_fail(err, JP_EINVALID, 0, "the image is called '%s', expected '%s'", m->name,
                       o->expected_name);
    for (size_t i = 0; i < o->n_expected_labels; i++) {
        const struct jp_store_label *want = &o->expected_labels[i];
        const char *have = jp_image_manifest_label(m, want->name);
        if (!have || strcmp(have, want->value) != 0)
            return jp_fail(err, JP_EINVALID, 0, "the label '%s' is '%s', expected '%s'", want->name,
                           have ? have : "", want->value);
    }
    return 0;
}

static int64_t created_time(const struct jp_image_manifest *m, int64_t otherwise)
{
    static const char *const names[] = {"created", "timestamp"};
    for (size_t i = 0; i < JP_LEN(names); i++) {
        int64_t ns = 0;
        const char *text = jp_image_manifest_annotation(m, names[i]);
        if (text && jp_timestamp_parse(text, &ns, NULL) == 0)
            return ns;
    }
    return otherwise;
}

static int copy_labels(const struct jp_image_manifest *m, struct jp_store_image *image,
                       struct jp_error *err)
{
    image->labels = jp_calloc(m->labels.count + 1, sizeof(*image->labels));
    if (!image->labels)
        return jp_oom(err);
    for (size_t i = 0; i < m->labels.count; i++) {
        struct jp_store_label *label = &image->labels[image->n_labels++];
        label->name = jp_strdup(m->labels.items[i].name);
        label->value = jp_strdup(m->labels.items[i].value);
        if (!label->name || !label->value)
            return jp_oom(err);
    }
    return 0;
}

/* As the store keeps them: an id, else name and labels as a word. */
static int copy_dependencies(const struct jp_image_manifest *m, struct jp_store_image *image,
                             struct jp_error *err)
{
    for (size_t i = 0; i < m->dependencies.count; i++) {
        const struct jp_dependency *d = &m->dependencies.items[i];
        struct jp_image_name name = {.name = d->image_name, .labels = d->labels};
        char *word = d->image_id ? jp_strdup(d->image_id) : jp_image_name_print(&name);
        if (jp_strv_add_owned(&image->dependencies, word) != 0)
            return jp_oom(err);
    }
    return 0;
}

int jp_image_is_here(struct jp_store *store, const struct jp_dependency *d, struct jp_error *err)
{
    JP_AUTO(jp_store_images) found = {NULL, 0};
    struct jp_store_image_query query = {
        .id_prefix = d->image_id,
        .name = d->image_name,
        .labels = &d->labels,
    };
    return jp_store_image_list(store, &query, &found, err) < 0 ? -1 : found.count > 0;
}

static int find_missing(struct jp_store *store, const struct jp_buf *manifest,
                        struct jp_strv *missing, struct jp_error *err)
{
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    if (jp_image_manifest_parse(jp_buf_text(manifest), manifest->len, &m, err) != 0)
        return -1;
    for (size_t i = 0; i < m.dependencies.count; i++) {
        int r = jp_image_is_here(store, &m.dependencies.items[i], err);
        if (r < 0)
            return -1;
        if (r == 0 && jp_strv_add(missing, m.dependencies.items[i].image_name) < 0)
            return jp_oom(err);
    }
    return 0;
}

static int describe(const struct jp_image_import_options *o, const struct jp_import_result *result,
                    struct jp_store_image *image, struct jp_image_imported *imported,
                    struct jp_error *err)
{
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    if (jp_image_manifest_parse(jp_buf_text(&result->manifest), result->manifest.len, &m, err) != 0)
        return jp_wrap(err, "manifest");
    if (check_expected(o, result->id, &m, err) != 0)
        return -1;
    image->id = jp_strdup(result->id);
    image->name = jp_strdup(m.name);
    imported->id = jp_strdup(result->id);
    imported->name = jp_strdup(m.name);
    if (!image->id || !image->name || !imported->id || !imported->name)
        return jp_oom(err);
    image->imported_ns = jp_time_now_ns();
    image->created_ns = created_time(&m, image->imported_ns);
    image->size_bytes = result->size_bytes;
    image->disk_bytes = result->disk_bytes;
    imported->entries = result->entries;
    imported->size_bytes = result->size_bytes;
    if (copy_labels(&m, image, err) != 0)
        return -1;
    return copy_dependencies(&m, image, err);
}

/* ---- signatures ------------------------------------------------------------------------------ */

static int keep_signature(const struct jp_image_signature *signature, int dir_fd,
                          struct jp_error *err)
{
    if (!signature)
        return 0;
    return jp_file_replace(dir_fd, JP_IMAGE_SIGNATURE_FILE, signature->bytes, signature->len, 0600,
                           true, err) != 0 ||
                   jp_file_replace(dir_fd, JP_IMAGE_SIGNED_FILE, signature->record,
                                   strlen(signature->record), 0600, true, err) != 0
               ? -1
               : 0;
}

/* An image that was here without a signature, or with another, has this one from now on. */
static int keep_signature_of(struct jp_store *store, const char *id,
                             const struct jp_image_signature *signature, struct jp_error *err)
{
    JP_AUTO_FD int dir_fd = -1;
    if (!signature)
        return 0;
    if (jp_store_image_open(store, id, &dir_fd, err) != 0)
        return -1;
    return keep_signature(signature, dir_fd, err);
}

/* ---- import ---------------------------------------------------------------------------------- */

/* The store syncs the file system of the draft at commit: ours is for a tree on another one. */
static bool store_syncs(const struct jp_store_draft *draft)
{
    struct stat dir;
    struct stat rootfs;
    return fstat(draft->dir_fd, &dir) == 0 && fstat(draft->rootfs_fd, &rootfs) == 0 &&
           dir.st_dev == rootfs.st_dev;
}

/* The manifest of `import ROOTFS.tar MANIFEST` can be checked before anything is read. */
static int check_given_manifest(const struct jp_image_import_options *o, struct jp_error *err)
{
    if (!o->manifest)
        return 0;
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    if (jp_image_manifest_parse(o->manifest, o->manifest_len, &m, err) != 0)
        return jp_wrap(err, "manifest");
    return 0;
}

static int fill(struct jp_store *store, struct jp_store_draft *draft,
                const struct jp_image_import_options *options, struct jp_image_imported *ret,
                struct jp_error *err)
{
    JP_AUTO(jp_import_result) result = {.entries = 0};
    JP_AUTO(jp_store_image) image = {.id = NULL};
    struct jp_import_target target = {.dir_fd = draft->dir_fd, .rootfs_fd = draft->rootfs_fd};
    struct jp_image_import_options o = *options;
    struct jp_error own = JP_ERROR_INIT;
    o.not_durable |= store_syncs(draft);
    if (jp_import_run(&target, &o, &result, err) != 0 ||
        describe(&o, &result, &image, ret, err) != 0 ||
        find_missing(store, &result.manifest, &ret->missing, err) != 0 ||
        (o.accept && o.accept(o.accept_context, image.name, err) != 0) ||
        (o.origin && jp_file_replace(draft->dir_fd, ORIGIN_FILE, o.origin, strlen(o.origin), 0600,
                                     false, err) != 0) ||
        keep_signature(o.signature, draft->dir_fd, err) != 0)
        return -1;
    if (jp_store_draft_commit(store, draft, &image, &own) == 0)
        return 0;
    if (own.code != JP_EEXISTS) {
        if (err)
            jp_error_move(err, &own);
        jp_error_clear(&own);
        return -1;
    }
    jp_error_clear(&own);
    ret->was_here = true;
    return keep_signature_of(store, image.id, o.signature, err);
}

int jp_image_import(struct jp_store *store, const struct jp_image_import_options *options,
                    struct jp_image_imported *ret, struct jp_error *err)
{
    const char *source = options->source_name ? options->source_name : "archive";
    struct jp_store_draft draft = JP_STORE_DRAFT_INIT;
    JP_AUTO(jp_image_imported) imported = {.id = NULL};
    if (check_given_manifest(options, err) != 0 || jp_store_draft_begin(store, &draft, err) != 0)
        return jp_wrap(err, "import %s", source);
    int r = fill(store, &draft, options, &imported, err);
    jp_store_draft_abort(store, &draft);
    if (r != 0)
        return jp_wrap(err, "import %s", source);
    *ret = imported;
    imported = (struct jp_image_imported){.id = NULL};
    return 0;
}

int jp_image_origin(struct jp_store *store, const char *id, char **ret, struct jp_error *err)
{
    JP_AUTO_FD int dir_fd = -1;
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    struct jp_error own = JP_ERROR_INIT;
    if (jp_store_image_open(store, id, &dir_fd, err) != 0)
        return -1;
    if (jp_file_read(dir_fd, ORIGIN_FILE, JP_IMAGE_ORIGIN_MAX, &text, &own) == 0) {
        *ret = jp_strdup(jp_buf_text(&text));
        return *ret ? 0 : jp_oom(err);
    }
    bool is_absent = own.code == JP_ENOTFOUND;
    *ret = NULL;
    if (is_absent)
        jp_error_clear(&own);
    else
        jp_error_move(err, &own);
    return is_absent ? 0 : -1;
}

/* ---- export and verify ----------------------------------------------------------------------- */

int jp_image_export(struct jp_store *store, const struct jp_image_export_options *options,
                    struct jp_error *err)
{
    JP_AUTO_FD int dir_fd = -1;
    if (jp_store_image_open(store, options->id, &dir_fd, err) != 0)
        return -1;
    jp_store_rest(store);
    if (jp_export_run(dir_fd, options, err) != 0)
        return jp_wrap(err, "export %.19s", options->id);
    return 0;
}

/* The archive that was kept, beside what was made of it. */
static int verify_kept(int dir_fd, const struct jp_image_verify_options *options,
                       uint64_t *differences, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    JP_AUTO_FD int fd = jp_kept_open(dir_fd, &why);
    if (fd >= 0 && jp_kept_copy(fd, -1, options->id, &options->watch, &why) == 0)
        return 0;
    if (why.code == JP_ENOTFOUND)
        return 0;
    if (why.code != JP_ECORRUPT && why.code != JP_EINVALID && why.code != JP_ELIMIT) {
        jp_error_move(err, &why);
        return -1;
    }
    options->difference(options->watch.context, JP_KEPT_FILE, "content differs");
    (*differences)++;
    return 0;
}

int jp_image_verify(struct jp_store *store, const struct jp_image_verify_options *options,
                    uint64_t *ret_differences, struct jp_error *err)
{
    JP_AUTO_FD int dir_fd = -1;
    if (jp_store_image_open(store, options->id, &dir_fd, err) != 0)
        return -1;
    jp_store_rest(store);
    if (jp_verify_run(dir_fd, options, ret_differences, err) != 0 ||
        verify_kept(dir_fd, options, ret_differences, err) != 0)
        return jp_wrap(err, "verify %.19s", options->id);
    return 0;
}
