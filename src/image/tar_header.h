/* One header block of 512 bytes, taken apart. Pure: no memory, no I/O. */
#ifndef JP_IMAGE_TAR_HEADER_H
#define JP_IMAGE_TAR_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "image/tar.h"

enum jp_tar_format {
    JP_TAR_V7,    /* no magic */
    JP_TAR_USTAR, /* "ustar\0": POSIX, the prefix field counts */
    JP_TAR_GNU,   /* "ustar  \0": fields of its own where ustar has the prefix */
};

struct jp_tar_header {
    enum jp_tar_format format;
    char type;          /* the type flag; '\0' is turned into '0' */
    char name[256 + 1]; /* prefix and name joined */
    char link[100 + 1];
    uint64_t size;
    uint64_t uid;
    uint64_t gid;
    mode_t mode;
    int64_t mtime;
    uint64_t major;
    uint64_t minor;
};

/* Offsets that others need: the sparse map of an old GNU header, and the name of a rewritten one.
 */
enum {
    JP_TAR_AT_NAME = 0,
    JP_TAR_AT_MODE = 100,
    JP_TAR_AT_UID = 108,
    JP_TAR_AT_GID = 116,
    JP_TAR_AT_SIZE = 124,
    JP_TAR_AT_MTIME = 136,
    JP_TAR_AT_CHECKSUM = 148,
    JP_TAR_AT_TYPE = 156,
    JP_TAR_AT_LINK = 157,
    JP_TAR_AT_MAGIC = 257,
    JP_TAR_AT_MAJOR = 329,
    JP_TAR_AT_MINOR = 337,
    JP_TAR_AT_PREFIX = 345,
    JP_TAR_AT_GNU_SPARSE = 386,
    JP_TAR_AT_GNU_EXTENDED = 482,
    JP_TAR_AT_GNU_REALSIZE = 483,
    JP_TAR_AT_STAR_MAGIC = 508,
};

/* True for a block of nothing but zeros. */
bool jp_tar_is_zero(const unsigned char *bytes, size_t len);

/*
 * Reads a numeric field: octal digits, or base 256 (GNU; negative only when `may_be_negative`).
 * False for anything else and for what does not fit. An empty field is 0.
 */
bool jp_tar_number(const unsigned char *field, size_t len, bool may_be_negative, int64_t *ret);

/* True when the checksum is right, summed as unsigned or (old writers) as signed bytes. */
bool jp_tar_checksum_ok(const unsigned char *block);

/* Checks and takes apart one block. JP_EINVALID says which field is wrong. */
int jp_tar_header_parse(const unsigned char *block, struct jp_tar_header *ret,
                        struct jp_error *err);

#endif
