/* A bundle as an OCI image layout: a directory, or its tar. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appc/json.h"
#include "base/mem.h"
#include "image/tar_write.h"
#include "oci/bundle.h"
#include "oci/document.h"
#include "sys/fd.h"

#define CHUNK 65536U

static const char version_text[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

/* Where files go. */
struct target {
    int dir_fd; /* of a directory; -1 */
    int tar_fd;
};

static int make_index(const struct jp_oci_bundle *bundle, const char *reference, struct jp_buf *ret,
                      struct jp_error *err)
{
    json_t *platform = json_pack("{s:s, s:s}", "architecture", bundle->arch, "os", bundle->os);
    if (bundle->variant)
        (void)json_object_set_new(platform, "variant", json_string(bundle->variant));
    json_t *root = json_pack("{s:i, s:s, s:[{s:s, s:s, s:I, s:o, s:{s:s}}]}", "schemaVersion", 2,
                             "mediaType", "application/vnd.oci.image.index.v1+json", "manifests",
                             "mediaType", JP_OCI_MANIFEST_TYPE, "digest", bundle->manifest_digest,
                             "size", (json_int_t)bundle->manifest.len, "platform", platform,
                             "annotations", JP_OCI_REF_NAME, reference);
    if (!root)
        return jp_oom(err);
    jp_json_dump(root, false, ret);
    json_decref(root);
    return jp_buf_failed(ret) ? jp_oom(err) : 0;
}

/* ---- directories and files ------------------------------------------------------------------- */

static int put_dir(const struct target *to, const char *path, struct jp_error *err)
{
    JP_AUTO(jp_buf) header = JP_BUF_INIT;
    if (to->dir_fd >= 0) {
        if (mkdirat(to->dir_fd, path, 0755) < 0 && errno != EEXIST)
            return jp_fail_sys(err, "make '%s'", path);
        return 0;
    }
    if (jp_tar_write_own(&header, JP_TAR_DIR, path, 0755, 0, err) < 0)
        return -1;
    return jp_fd_write_all(to->tar_fd, jp_buf_text(&header), header.len, "the layout", err);
}

/* The beginning of a file: a descriptor to write its content to; the caller closes it. */
static int begin_file(const struct target *to, const char *path, uint64_t size,
                      struct jp_error *err)
{
    JP_AUTO(jp_buf) header = JP_BUF_INIT;
    if (to->dir_fd >= 0) {
        int fd =
            openat(to->dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
        return fd < 0 ? jp_fail_sys(err, "make '%s'", path) : fd;
    }
    if (jp_tar_write_own(&header, JP_TAR_FILE, path, 0644, size, err) < 0 ||
        jp_fd_write_all(to->tar_fd, jp_buf_text(&header), header.len, "the layout", err) < 0)
        return -1;
    int fd = fcntl(to->tar_fd, F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? jp_fail_sys(err, "keep the layout open") : fd;
}

static int end_file(const struct target *to, uint64_t size, struct jp_error *err)
{
    static const char zeros[JP_TAR_BLOCK];
    if (to->dir_fd >= 0)
        return 0;
    return jp_fd_write_all(to->tar_fd, zeros, (size_t)(-size % JP_TAR_BLOCK), "the layout", err);
}

static int put_text(const struct target *to, const char *path, const char *text, size_t len,
                    struct jp_error *err)
{
    JP_AUTO_FD int fd = begin_file(to, path, len, err);
    if (fd < 0 || jp_fd_write_all(fd, text, len, path, err) < 0)
        return -1;
    return end_file(to, len, err);
}

static char *blob_path(const char *digest)
{
    return jp_format("blobs/%.6s/%s", digest, digest + 7);
}

static int put_piece(const struct target *to, const struct jp_oci_piece *piece,
                     struct jp_error *err)
{
    JP_AUTO_FREE char *path = blob_path(piece->digest);
    JP_AUTO_FREE char *bytes = jp_alloc(CHUNK);
    if (!path || !bytes)
        return jp_oom(err);
    JP_AUTO_FD int fd = begin_file(to, path, piece->size, err);
    if (fd < 0)
        return -1;
    for (uint64_t at = 0; at < piece->size;) {
        ssize_t n = pread(piece->fd, bytes, CHUNK, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return jp_fail_sys(err, "read '%s'", path);
        if (jp_fd_write_all(fd, bytes, (size_t)n, path, err) < 0)
            return -1;
        at += (uint64_t)n;
    }
    return end_file(to, piece->size, err);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Two layers may be the same: a tar must not have the file twice. */
static bool was_put(const struct jp_oci_bundle *bundle, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (strcmp(bundle->layers[k].digest, bundle->layers[i].digest) == 0)
            return true;
    }
    return false;
}

static int put_blobs(const struct jp_oci_bundle *bundle, const struct target *to,
                     struct jp_error *err)
{
    JP_AUTO_FREE char *path = blob_path(bundle->manifest_digest);
    if (!path)
        return jp_oom(err);
    if (put_dir(to, "blobs", err) < 0 || put_dir(to, "blobs/sha256", err) < 0)
        return -1;
    for (size_t i = 0; i < bundle->n_layers; i++) {
        if (!was_put(bundle, i) && put_piece(to, &bundle->layers[i], err) < 0)
            return -1;
    }
    if (put_piece(to, &bundle->config, err) < 0)
        return -1;
    return put_text(to, path, jp_buf_text(&bundle->manifest), bundle->manifest.len, err);
}

/* The index comes last: what is cut short is no layout. */
static int put_all(const struct jp_oci_bundle *bundle, const char *reference,
                   const struct target *to, struct jp_error *err)
{
    JP_AUTO(jp_buf) index = JP_BUF_INIT;
    if (make_index(bundle, reference, &index, err) < 0 ||
        put_text(to, "oci-layout", version_text, strlen(version_text), err) < 0 ||
        put_blobs(bundle, to, err) < 0)
        return -1;
    return put_text(to, "index.json", jp_buf_text(&index), index.len, err);
}

int jp_oci_layout_write_dir(const struct jp_oci_bundle *bundle, const char *reference,
                            const char *path, struct jp_error *err)
{
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return jp_fail_sys(err, "make '%s'", path);
    JP_AUTO_FD int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return jp_fail_sys(err, "open '%s'", path);
    if (!jp_fd_is_empty_dir(dir_fd))
        return jp_fail(err, JP_EEXISTS, 0, "'%s' is not empty", path);
    const struct target to = {.dir_fd = dir_fd, .tar_fd = -1};
    return put_all(bundle, reference, &to, err);
}

int jp_oci_layout_write_tar(const struct jp_oci_bundle *bundle, const char *reference, int fd,
                            struct jp_error *err)
{
    static const char end[2 * JP_TAR_BLOCK];
    const struct target to = {.dir_fd = -1, .tar_fd = fd};
    if (put_all(bundle, reference, &to, err) < 0)
        return -1;
    return jp_fd_write_all(fd, end, sizeof(end), "the layout", err);
}
