/*
 * A strict reader of tar streams: ustar and v7, pax (with global headers), GNU long names, GNU
 * sparse files in all four forms. doc/decisions/0001-own-tar-reader.md says why it is our own.
 *
 * It promises that an entry which it returns means the same to every careful reader: whatever two
 * readers could understand differently is refused, and so is whatever an image must not contain
 * regardless of where it is unpacked (names that are not normal, data on directories, unknown
 * types, device 0:0, attributes off the list, numbers that do not fit). It sees no file system and
 * writes nothing: the tree's own rules are in unpack.c. Security rows 28, 31 to 37.
 *
 * Every byte of the stream but the content of files is handed to the `raw` tap as it is consumed;
 * this is how the skeleton comes to be. The same reader works on a skeleton, where the content is
 * absent: see jp_tar_omit_content().
 */
#ifndef JP_IMAGE_TAR_H
#define JP_IMAGE_TAR_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"

#define JP_TAR_BLOCK 512U
/* Bytes of one pax header: room for several xattr values of 64 KiB each and a sparse map. */
#define JP_TAR_PAX_MAX (8U << 20)
/* Longest path and longest component that Linux and FreeBSD take. */
#define JP_TAR_PATH_MAX      4095U
#define JP_TAR_COMPONENT_MAX 255U
#define JP_TAR_XATTRS_MAX    512U
/* Pieces of one sparse file; 16 bytes each in memory. */
#define JP_TAR_EXTENTS_MAX (1U << 20)
/* Zeros after the end: GNU tar's largest usual blocking factor makes 1 MiB. */
#define JP_TAR_PADDING_MAX (64U << 20)

enum jp_tar_type {
    JP_TAR_FILE,
    JP_TAR_DIR,
    JP_TAR_SYMLINK,
    JP_TAR_HARDLINK,
    JP_TAR_CHAR,
    JP_TAR_BLOCK_DEVICE,
    JP_TAR_FIFO,
};

struct jp_tar_extent {
    uint64_t offset;
    uint64_t len;
};

struct jp_tar_xattr {
    char *name;
    unsigned char *value;
    size_t len;
};

struct jp_tar_entry {
    enum jp_tar_type type;
    char *path; /* normal: no "./" before, no "/" behind; "" is the top directory itself */
    char *link; /* target of a symbolic link as it is, of a hard link normal; else NULL */
    uint32_t uid;
    uint32_t gid;
    mode_t mode; /* permission bits with set-id and sticky */
    struct timespec mtime;
    struct timespec atime; /* tv_nsec UTIME_OMIT when the archive has none */
    uint64_t major;        /* of devices */
    uint64_t minor;
    uint64_t size;   /* of the file */
    uint64_t stored; /* bytes of content in the stream: less than size for a sparse file */
    bool is_sparse;
    struct jp_tar_extent *extents; /* ascending, only when is_sparse; lengths add up to stored */
    size_t n_extents;
    struct jp_tar_xattr *xattrs; /* names on the list only, each once */
    size_t n_xattrs;
    char *flags; /* chflags(1) words, or NULL */
};

/*
 * Where the stream comes from: next() gives the following bytes (valid until the next call) and
 * returns 1, 0 at the end, -1 with an error.
 */
struct jp_tar_input {
    int (*next)(void *context, const unsigned char **ret, size_t *ret_len, struct jp_error *err);
    void *context;
};

/* Who gets the bytes that are not content; may be NULL. Returns 0, or -1 to stop the reader. */
struct jp_tar_tap {
    int (*raw)(void *context, const unsigned char *bytes, size_t len, struct jp_error *err);
    void *context;
};

struct jp_tar;

struct jp_tar *jp_tar_new(struct jp_tar_input input, struct jp_tar_tap tap, uint64_t max_entries);
void jp_tar_free(struct jp_tar *tar);
/*
 * The end of the stream is an end of the archive as well: for who knows by other means, the digest
 * of a layer for instance, that nothing is missing. (umoci insert writes no blocks of zeros.)
 */
void jp_tar_end_with_stream(struct jp_tar *tar);
JP_DEFINE_AUTO_PTR(jp_tar);

/*
 * Goes to the next entry, over what is left of the current one's content. 1 and *ret (the reader's,
 * until the next call), 0 after a proper end (two zero blocks, then nothing but zeros; but see
 * jp_tar_end_with_stream()), -1:
 * JP_EINVALID for what is refused, JP_ECORRUPT for a stream that ends early, JP_ELIMIT.
 */
int jp_tar_next(struct jp_tar *tar, const struct jp_tar_entry **ret, struct jp_error *err);

/* The next bytes of the content: 1, 0 when it is complete, -1. Content is contiguous extents. */
int jp_tar_content(struct jp_tar *tar, const unsigned char **ret, size_t *ret_len,
                   struct jp_error *err);

/* Says that the content of the current entry is not in this stream (it is a skeleton). */
void jp_tar_omit_content(struct jp_tar *tar);

#endif
