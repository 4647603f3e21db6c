#include "image/kept.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>

#include "appc/id.h"
#include "base/mem.h"
#include "image/hash.h"
#include "image/stream.h"
#include "sys/fd.h"

#define CHUNK 262144U

int jp_kept_open(int dir_fd, struct jp_error *err)
{
    return jp_fd_open(dir_fd, JP_KEPT_FILE, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, err);
}

static uint64_t size_of(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static int hash_stream(struct jp_stream *stream, struct jp_hash *hash, uint64_t total,
                       const struct jp_image_watch *watch, struct jp_error *err)
{
    JP_AUTO_FREE unsigned char *chunk = jp_alloc(CHUNK);
    size_t len = CHUNK;
    if (!chunk)
        return jp_oom(err);
    while (len == CHUNK) {
        if (watch->cancel && *watch->cancel)
            return jp_fail(err, JP_EINTERRUPTED, 0, "interrupted");
        if (jp_stream_read(stream, chunk, CHUNK, &len, err) != 0 ||
            jp_hash_add(hash, chunk, len, err) != 0)
            return -1;
        if (watch->progress)
            watch->progress(watch->context, jp_stream_position(stream), total);
    }
    return 0;
}

int jp_kept_copy(int fd, int out_fd, const char *id, const struct jp_image_watch *watch,
                 struct jp_error *err)
{
    unsigned char digest[JP_HASH_SHA512_SIZE];
    char found[JP_IMAGE_ID_SIZE];
    JP_AUTO_PTR(jp_stream) stream = NULL;
    JP_AUTO_PTR(jp_hash) hash = jp_hash_new(JP_HASH_SHA512);
    if (!hash)
        return jp_oom(err);
    struct jp_stream_source source = {.fd = fd, .cancel = watch->cancel};
    if (jp_stream_open(&source, &stream, err) != 0 ||
        (out_fd >= 0 && jp_stream_keep(stream, out_fd, err) != 0) ||
        hash_stream(stream, hash, size_of(fd), watch, err) != 0 ||
        jp_hash_finish(hash, digest, err) != 0)
        return -1;
    jp_image_id_format(digest, found);
    if (strcmp(found, id) != 0)
        return jp_fail(err, JP_ECORRUPT, 0, "the archive that was kept is another image's");
    return 0;
}
