/*
 * The skeleton: what is needed, beside the unpacked tree, to make the very same tar again.
 *
 * File `skeleton` in the image's directory: the line "jetpack skeleton 1\n", then one zstd frame
 * (with checksum) of records, integers little-endian:
 *
 *   'R' u32 length, bytes    the stream's bytes that are not content: headers, padding, sparse
 * maps, the end; runs are cut anywhere 'C' u64 length, 32 bytes content of the file whose headers
 * came last: that many bytes, which are the extents of the file on disk, and their SHA-256 'E' u64
 * length, 64 bytes the end: bytes of the whole tar and their SHA-512, the image id
 *
 * The records in order give the tar. The reader of tar.c, fed with the 'R' bytes, knows for each
 * 'C' which file and which extents it stands for: paths and metadata are stored once, in the tar's
 * own headers, and every rule of the import is applied again whenever a skeleton is read.
 */
#ifndef JP_IMAGE_SKELETON_H
#define JP_IMAGE_SKELETON_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "image/hash.h"
#include "image/tar.h"

#define JP_SKELETON_FILE "skeleton"

struct jp_skeleton_writer;

/* Makes the file in dir_fd (0600). */
int jp_skeleton_writer_open(int dir_fd, struct jp_skeleton_writer **ret, struct jp_error *err);
void jp_skeleton_writer_free(struct jp_skeleton_writer *writer);
JP_DEFINE_AUTO_PTR(jp_skeleton_writer);
/* Has the shape of a tap: struct jp_tar_tap.raw. */
int jp_skeleton_raw(void *writer, const unsigned char *bytes, size_t len, struct jp_error *err);
int jp_skeleton_content(struct jp_skeleton_writer *writer, uint64_t len,
                        const unsigned char digest[JP_HASH_SHA256_SIZE], struct jp_error *err);
int jp_skeleton_finish(struct jp_skeleton_writer *writer, uint64_t total,
                       const unsigned char id[JP_HASH_SHA512_SIZE], struct jp_error *err);
struct jp_skeleton_reader;

/* JP_ECORRUPT for a file that is not one. */
int jp_skeleton_reader_open(int dir_fd, struct jp_skeleton_reader **ret, struct jp_error *err);
void jp_skeleton_reader_free(struct jp_skeleton_reader *reader);
JP_DEFINE_AUTO_PTR(jp_skeleton_reader);
/* Has the shape of an input: struct jp_tar_input.next. Stops at a content record. */
int jp_skeleton_next(void *reader, const unsigned char **ret, size_t *ret_len,
                     struct jp_error *err);
/* The content record that must come now, `len` bytes long. */
int jp_skeleton_take_content(struct jp_skeleton_reader *reader, uint64_t len,
                             unsigned char digest[JP_HASH_SHA256_SIZE], struct jp_error *err);
/* The last record, after jp_skeleton_next() said 0. */
int jp_skeleton_end(struct jp_skeleton_reader *reader, uint64_t *ret_total,
                    unsigned char id[JP_HASH_SHA512_SIZE], struct jp_error *err);

#endif
