/* An image that was found becomes images of the store: its layers, then what names them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "image/aci.h"
#include "image/tar_write.h"
#include "oci/layer.h"
#include "oci/oci.h"
#include "sys/fd.h"

struct job {
    struct jp_store *store;
    struct jp_oci_source *source;
    const struct jp_oci_image *image;
    const struct jp_oci_import *options;
    struct jp_oci_chain chain;
};

static struct jp_image_import_options import_options(const struct job *job)
{
    return (struct jp_image_import_options){
        .fd = -1,
        .limits = job->options->limits,
        .not_durable = job->options->not_durable,
        .watch = job->options->watch,
    };
}

/* ---- layers ---------------------------------------------------------------------------------- */

static int open_layer(const struct job *job, size_t i, struct jp_oci_blob *ret,
                      struct jp_error *err)
{
    if (i < job->image->layers.count)
        return jp_oci_source_blob(job->source, &job->image->layers.items[i], ret, err);
    return jp_oci_source_open(job->source, job->image->layer_files.items[i], ret, err);
}

static int add_layer(struct job *job, size_t i, struct jp_error *err)
{
    const struct jp_strv *diff_ids = &job->image->config.rootfs.diff_ids;
    struct jp_oci_blob blob;
    int r = jp_oci_chain_find(job->store, diff_ids->items[i], &job->chain, err);
    if (r != 0)
        return r < 0 ? -1 : 0;
    if (job->options->layer)
        job->options->layer(job->options->watch.context, i + 1, diff_ids->count);
    JP_AUTO_FREE char *name = jp_format("layer %zu of %zu", i + 1, diff_ids->count);
    if (!name)
        return jp_oom(err);
    if (open_layer(job, i, &blob, err) < 0)
        return jp_wrap(err, "%s", name);
    struct jp_oci_layer_source source = {
        .fd = blob.fd,
        .size = blob.size,
        .digest = i < job->image->layers.count ? job->image->layers.items[i].digest : NULL,
        .diff_id = diff_ids->items[i],
        .name = name,
    };
    struct jp_image_import_options options = import_options(job);
    r = jp_oci_chain_add(job->store, &source, &options, &job->chain, err);
    jp_fd_close(&blob.fd);
    return r;
}

/* ---- the image on top ------------------------------------------------------------------------ */

static int add_file(struct jp_buf *out, const char *path, const char *content, struct jp_error *err)
{
    static const char zeros[JP_TAR_BLOCK];
    size_t size = strlen(content);
    if (jp_tar_write_own(out, JP_TAR_FILE, path, 0644, size, err) < 0)
        return -1;
    jp_buf_add(out, content, size);
    jp_buf_add(out, zeros, (size_t)(-size % JP_TAR_BLOCK));
    return 0;
}

/* The root directory is what the topmost layer made of it. */
static int add_top(const struct job *job, const int *dir_fds, struct jp_buf *out,
                   struct jp_error *err)
{
    struct jp_aci_reader reader = JP_ACI_READER_INIT;
    const struct jp_tar_entry *top = NULL;
    size_t count = job->chain.image_ids.count;
    if (count == 0)
        return jp_tar_write_own(out, JP_TAR_DIR, JP_ACI_ROOTFS, 0755, 0, err);
    int r = jp_oci_layer_top(dir_fds[count - 1], &reader, &top, err);
    if (r == 0)
        r = jp_tar_write_entry(out, top, err);
    jp_aci_reader_clear(&reader);
    return r;
}

static int make_archive(const struct job *job, const int *dir_fds, const char *manifest,
                        struct jp_buf *out, struct jp_error *err)
{
    static const char end[2 * JP_TAR_BLOCK];
    if (add_file(out, JP_ACI_MANIFEST, manifest, err) < 0 || add_top(job, dir_fds, out, err) < 0)
        return -1;
    jp_buf_add(out, end, sizeof(end));
    return jp_buf_failed(out) ? jp_oom(err) : 0;
}

/* An image's own manifest is a megabyte at most: it waits in a file without a name. */
static int import_archive(struct job *job, const struct jp_buf *archive,
                          struct jp_image_imported *ret, struct jp_error *err)
{
    struct jp_image_import_options options = import_options(job);
    JP_AUTO_FD int tmp_fd = jp_fd_open_dir(jp_store_root_fd(job->store), "tmp", err);
    JP_AUTO_FD int fd = tmp_fd < 0 ? -1 : jp_oci_unnamed_file(tmp_fd, err);
    if (fd < 0 || jp_fd_write_all(fd, jp_buf_text(archive), archive->len, "the image", err) < 0)
        return -1;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return jp_fail_sys(err, "rewind the image");
    options.fd = fd;
    options.source_name = job->options->identity.name;
    options.watch.progress = NULL;
    return jp_image_import(job->store, &options, ret, err);
}

static int make_manifest(struct job *job, const int *dir_fds, char **ret, struct jp_error *err)
{
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    struct jp_oci_conversion conversion = {
        .config = &job->image->config,
        .identity = job->options->identity,
        .roots = {dir_fds, job->chain.image_ids.count},
        .warn = job->options->watch.warn,
        .context = job->options->watch.context,
    };
    conversion.identity.config_digest = job->image->config_digest;
    conversion.identity.manifest_digest = job->image->manifest_digest;
    if (jp_oci_convert(&conversion, &m, err) < 0 || jp_oci_chain_depend(&job->chain, &m, err) < 0 ||
        jp_image_manifest_check(&m, err) < 0)
        return jp_wrap(err, "the configuration");
    return jp_image_manifest_print(&m, /* pretty= */ false, ret, err);
}

static int add_named(struct job *job, struct jp_image_imported *ret, struct jp_error *err)
{
    int *dir_fds = NULL;
    JP_AUTO_FREE char *manifest = NULL;
    JP_AUTO(jp_buf) archive = JP_BUF_INIT;
    if (jp_oci_chain_open(job->store, &job->chain, &dir_fds, err) < 0)
        return -1;
    int r = make_manifest(job, dir_fds, &manifest, err);
    if (r == 0)
        r = make_archive(job, dir_fds, manifest, &archive, err);
    jp_oci_chain_close(dir_fds, job->chain.image_ids.count);
    return r == 0 ? import_archive(job, &archive, ret, err) : -1;
}

int jp_oci_import(struct jp_store *store, struct jp_oci_source *source,
                  const struct jp_oci_image *image, const struct jp_oci_import *options,
                  struct jp_image_imported *ret, struct jp_error *err)
{
    struct job job = {store, source, image, options, JP_OCI_CHAIN_INIT};
    int r = 0;
    for (size_t i = 0; r == 0 && i < image->config.rootfs.diff_ids.count; i++)
        r = add_layer(&job, i, err);
    if (r == 0)
        r = add_named(&job, ret, err);
    jp_oci_chain_clear(&job.chain);
    return r;
}
