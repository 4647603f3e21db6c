/*
 * The archive as a stream of plain bytes, whatever it is compressed with: nothing, gzip, bzip2, xz
 * or zstd, told apart by content. Everything else is refused by name, and so is a compressed stream
 * inside a compressed stream (row 35).
 *
 * The compressed stream's own checks are made here and nowhere trusted to anybody else: CRC and
 * length of every gzip member, and what follows the end. Several streams one after the other make
 * one; zeros may follow the last gzip member, anything else may not (row 37). Windows and
 * dictionaries are limited: 128 MiB for zstd, JP_STREAM_XZ_MEMORY for xz.
 */
#ifndef JP_IMAGE_STREAM_H
#define JP_IMAGE_STREAM_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "image/image.h"

/* A 64 MiB dictionary (xz -9) fits, the format's 4 GiB do not. */
#define JP_STREAM_XZ_MEMORY (UINT64_C(96) << 20)
/* Decoding blocks in parallel is given up for decoding them in turn beyond this. */
#define JP_STREAM_XZ_THREADS_MEMORY (UINT64_C(128) << 20)

struct jp_stream;

struct jp_stream_source {
    int fd; /* read from its current offset; stays the caller's */
    uint64_t
        size; /* how many bytes of it are the archive, all of which must come; 0: up to its end */
    const void *head; /* of the archive, read of fd before: as in struct jp_image_import_options */
    size_t head_len;
    const volatile sig_atomic_t *cancel; /* as in struct jp_image_watch */
};

/*
 * Looks at the start of the content. JP_EINVALID when it is not a tar in one of these compressions.
 */
int jp_stream_open(const struct jp_stream_source *source, struct jp_stream **ret,
                   struct jp_error *err);
void jp_stream_free(struct jp_stream *stream);
JP_DEFINE_AUTO_PTR(jp_stream);

/*
 * From here on every byte of fd is written to out_fd too, beginning with those that were read
 * already; out_fd stays the caller's. Once, before the first jp_stream_read().
 */
int jp_stream_keep(struct jp_stream *stream, int out_fd, struct jp_error *err);

/* The same for a function instead of a file; -1 of it ends the reading. */
int jp_stream_watch(struct jp_stream *stream,
                    int (*raw)(void *context, const void *bytes, size_t len, struct jp_error *err),
                    void *context, struct jp_error *err);

/*
 * Fills `out`: *ret_len is less than len only at the end, which is reported only after every check
 * has been made. JP_ECORRUPT, JP_ELIMIT, JP_EINTERRUPTED, JP_ESYS.
 */
int jp_stream_read(struct jp_stream *stream, unsigned char *out, size_t len, size_t *ret_len,
                   struct jp_error *err);

/* Bytes read from fd so far; may be asked from another thread. */
uint64_t jp_stream_position(const struct jp_stream *stream);

#endif
