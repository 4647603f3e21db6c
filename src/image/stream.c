#include "image/stream.h"

#include <sys/stat.h>

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "image/decoder.h"
#include "image/tar.h"
#include "image/tar_header.h"
#include "sys/fd.h"

#define INPUT_SIZE 262144U
#define IDLE_MAX   8   /* rounds without progress before a decoder counts as stuck */
#define POLL_MS    200 /* how long a wait for a pipe may hide a cancellation */

struct jp_stream {
    int fd;
    bool is_regular;
    bool has_copy; /* every byte goes to copy_fd, too */
    int copy_fd;
    bool has_size;
    uint64_t left; /* bytes that must still come, when has_size */
    int (*raw)(void *context, const void *bytes, size_t len, struct jp_error *err); /* or NULL */
    void *raw_context;
    const volatile sig_atomic_t *cancel;
    const struct jp_decoder *decoder; /* NULL: not compressed */
    void *state;
    bool is_checked; /* the first block of the plain stream was looked at */
    bool is_done;
    bool in_ended;
    size_t in_at;
    size_t in_len;
    _Atomic uint64_t position;
    unsigned char in[INPUT_SIZE];
};

int jp_decode_truncated(const char *name, struct jp_error *err)
{
    return jp_fail(err, JP_ECORRUPT, 0, "the %s stream is truncated", name);
}

int jp_decode_damaged(const char *name, const char *why, struct jp_error *err)
{
    return jp_fail(err, JP_ECORRUPT, 0, "the %s stream is damaged: %s", name, why);
}

uint64_t jp_stream_position(const struct jp_stream *stream)
{
    return atomic_load_explicit(&stream->position, memory_order_relaxed);
}

/* ---- input ----------------------------------------------------------------------------------- */

/* Waits for a pipe or terminal in short steps, so that a cancellation is noticed. */
static int wait_readable(struct jp_stream *s, struct jp_error *err)
{
    for (;;) {
        if (s->cancel && *s->cancel)
            return jp_fail(err, JP_EINTERRUPTED, 0, "interrupted");
        if (s->is_regular)
            return 0;
        struct pollfd p = {.fd = s->fd, .events = POLLIN};
        int r = poll(&p, 1, POLL_MS);
        if (r > 0)
            return 0;
        if (r < 0 && errno != EINTR)
            return jp_fail_sys(err, "wait for the archive");
    }
}

/* Whoever wants the bytes as they came. */
static int pass_on(struct jp_stream *s, const unsigned char *bytes, size_t len,
                   struct jp_error *err)
{
    if (s->has_copy && jp_fd_write_all(s->copy_fd, bytes, len, "the archive", err) != 0)
        return -1;
    return s->raw ? s->raw(s->raw_context, bytes, len, err) : 0;
}

static int read_some(struct jp_stream *s, unsigned char *out, size_t len, size_t *ret_len,
                     struct jp_error *err)
{
    ssize_t n;
    if (s->has_size && len > s->left)
        len = (size_t)s->left;
    do {
        if (wait_readable(s, err) != 0)
            return -1;
        n = len > 0 ? read(s->fd, out, len) : 0;
    } while (n < 0 && (errno == EINTR || errno == EAGAIN));
    if (n < 0)
        return jp_fail_sys(err, "read the archive");
    if (n == 0 && s->has_size && s->left > 0)
        return jp_fail(err, JP_ECORRUPT, 0, "the archive ends %llu bytes too early",
                       (unsigned long long)s->left);
    if (n == 0)
        s->in_ended = true;
    s->left -= s->has_size ? (uint64_t)n : 0;
    if (pass_on(s, out, (size_t)n, err) != 0)
        return -1;
    atomic_fetch_add_explicit(&s->position, (uint64_t)n, memory_order_relaxed);
    *ret_len = (size_t)n;
    return 0;
}

/* At least `want` bytes in the input buffer, unless the archive ends before. */
static int fill(struct jp_stream *s, size_t want, struct jp_error *err)
{
    if (s->in_at == s->in_len)
        s->in_at = s->in_len = 0;
    while (s->in_len - s->in_at < want && !s->in_ended) {
        size_t n = 0;
        if (read_some(s, s->in + s->in_len, INPUT_SIZE - s->in_len, &n, err) != 0)
            return -1;
        s->in_len += n;
    }
    return 0;
}

/* ---- what it is ------------------------------------------------------------------------------ */

struct magic {
    const char *bytes;
    size_t len;
    const char *name;
    const struct jp_decoder *decoder; /* NULL: not for us */
};

static const struct magic magics[] = {
    {"\x1f\x8b", 2, "gzip", &jp_decoder_gzip},
    {"BZh", 3, "bzip2", &jp_decoder_bzip2},
    {"\xfd"
     "7zXZ\0",
     6, "xz", &jp_decoder_xz},
    {"\x28\xb5\x2f\xfd", 4, "zstd", &jp_decoder_zstd},
    {"PK\x03\x04", 4, "zip", NULL},
    {"PK\x05\x06", 4, "zip", NULL},
    {"7z\xbc\xaf\x27\x1c", 6, "7-zip", NULL},
    {"Rar!", 4, "rar", NULL},
    {"07070", 5, "cpio", NULL},
    {"\xc7\x71", 2, "cpio", NULL},
    {"\x71\xc7", 2, "cpio", NULL},
    {"!<arch>\n", 8, "ar", NULL},
    {"#mtree", 6, "mtree", NULL},
    {"xar!", 4, "xar", NULL},
    {"MSCF", 4, "cabinet", NULL},
    {"LZIP", 4, "lzip", NULL},
    {"LRZI", 4, "lrzip", NULL},
    {"\x04\x22\x4d\x18", 4, "lz4", NULL},
    {"\x1f\x9d", 2, "compress", NULL},
    {"\x5d\x00\x00", 3, "lzma", NULL},
    {"\x89LZO", 4, "lzop", NULL},
    {"-----BEGIN PGP", 14, "PGP", NULL},
};

static const struct magic *find_magic(const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < JP_LEN(magics); i++) {
        if (len >= magics[i].len && memcmp(bytes, magics[i].bytes, magics[i].len) == 0)
            return &magics[i];
    }
    return NULL;
}

/* A tar begins with a header whose checksum is right (or, empty, with zeros). */
static bool is_tar(const unsigned char *bytes, size_t len)
{
    return len >= JP_TAR_BLOCK &&
           (jp_tar_is_zero(bytes, JP_TAR_BLOCK) || jp_tar_checksum_ok(bytes));
}

static int not_tar(const unsigned char *bytes, size_t len, struct jp_error *err)
{
    const struct magic *magic = find_magic(bytes, len);
    if (len == 0)
        return jp_fail(err, JP_EINVALID, 0, "the archive is empty");
    if (magic)
        return jp_fail(err, JP_EINVALID, 0, "not a tar archive but %s", magic->name);
    return jp_fail(err, JP_EINVALID, 0, "not a tar archive");
}

static int detect(struct jp_stream *s, struct jp_error *err)
{
    if (fill(s, JP_TAR_BLOCK, err) != 0)
        return -1;
    const unsigned char *start = s->in + s->in_at;
    size_t len = s->in_len - s->in_at;
    s->is_checked = is_tar(start, len);
    if (s->is_checked)
        return 0;
    const struct magic *magic = find_magic(start, len);
    if (!magic || !magic->decoder)
        return not_tar(start, len, err);
    s->decoder = magic->decoder;
    s->state = s->decoder->open(err);
    return s->state ? 0 : -1;
}

/* The first bytes that came out of a decompressor. */
static int check_inside(struct jp_stream *s, const unsigned char *bytes, size_t len,
                        struct jp_error *err)
{
    if (s->is_checked)
        return 0;
    s->is_checked = true;
    if (is_tar(bytes, len))
        return 0;
    const struct magic *magic = find_magic(bytes, len);
    if (magic && magic->decoder)
        return jp_fail(err, JP_EINVALID, 0, "a %s stream inside a %s stream", magic->name,
                       s->decoder->name);
    return not_tar(bytes, len, err);
}

/* ---- the stream ------------------------------------------------------------------------------ */

int jp_stream_open(const struct jp_stream_source *source, struct jp_stream **ret,
                   struct jp_error *err)
{
    struct stat st;
    if (fstat(source->fd, &st) != 0)
        return jp_fail_sys(err, "read the archive");
    if (source->head_len > JP_IMAGE_HEAD_MAX)
        return jp_fail(err, JP_EINVALID, 0, "the beginning of the archive is too long");
    if (S_ISDIR(st.st_mode))
        return jp_fail(err, JP_EINVALID, EISDIR, "read the archive");
    JP_AUTO_PTR(jp_stream) s = jp_calloc(1, sizeof(*s));
    if (!s)
        return jp_oom(err);
    s->fd = source->fd;
    s->has_size = source->size > 0;
    s->left = source->size;
    s->is_regular = S_ISREG(st.st_mode);
    s->cancel = source->cancel;
    if (source->head_len > 0)
        memcpy(s->in, source->head, source->head_len);
    s->in_len = source->head_len;
    s->position = source->head_len;
    if (detect(s, err) != 0)
        return -1;
    *ret = jp_take(&s);
    return 0;
}

int jp_stream_keep(struct jp_stream *s, int out_fd, struct jp_error *err)
{
    s->has_copy = true;
    s->copy_fd = out_fd;
    return jp_fd_write_all(out_fd, s->in, s->in_len, "the archive", err);
}

int jp_stream_watch(struct jp_stream *s,
                    int (*raw)(void *context, const void *bytes, size_t len, struct jp_error *err),
                    void *context, struct jp_error *err)
{
    s->raw = raw;
    s->raw_context = context;
    return raw(context, s->in, s->in_len, err);
}

void jp_stream_free(struct jp_stream *stream)
{
    if (!stream)
        return;
    if (stream->decoder)
        stream->decoder->close(stream->state);
    free(stream);
}

static int read_plain(struct jp_stream *s, unsigned char *out, size_t len, size_t *ret_len,
                      struct jp_error *err)
{
    size_t have = s->in_len - s->in_at < len ? s->in_len - s->in_at : len;
    memcpy(out, s->in + s->in_at, have);
    s->in_at += have;
    while (have < len && !s->in_ended) {
        size_t n = 0;
        if (read_some(s, out + have, len - have, &n, err) != 0)
            return -1;
        have += n;
    }
    *ret_len = have;
    return 0;
}

/* One round of the decoder; *ret_used is how much of the input it took. */
static int decode(struct jp_stream *s, struct jp_decode *io, size_t *ret_used, struct jp_error *err)
{
    if (fill(s, 1, err) != 0)
        return -1;
    io->in = s->in + s->in_at;
    io->in_len = s->in_len - s->in_at;
    io->in_ended = s->in_ended;
    int r = s->decoder->run(s->state, io, err);
    *ret_used = s->in_len - s->in_at - io->in_len;
    s->in_at = s->in_len - io->in_len;
    return r;
}

int jp_stream_read(struct jp_stream *s, unsigned char *out, size_t len, size_t *ret_len,
                   struct jp_error *err)
{
    if (!s->decoder)
        return read_plain(s, out, len, ret_len, err);
    struct jp_decode io = {.out = out, .out_len = len};
    unsigned idle = 0;
    while (!s->is_done && io.out_len > 0) {
        size_t used = 0;
        size_t out_before = io.out_len;
        int r = decode(s, &io, &used, err);
        if (r < 0)
            return -1;
        s->is_done = r > 0;
        idle = used == 0 && io.out_len == out_before ? idle + 1 : 0;
        if (idle > IDLE_MAX)
            return jp_decode_damaged(s->decoder->name, "its data are invalid", err);
    }
    size_t have = len - io.out_len;
    if (check_inside(s, out, have, err) != 0)
        return -1;
    *ret_len = have;
    return 0;
}
