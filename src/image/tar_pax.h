/*
 * Pax records ("27 mtime=1350244992.023960108\n"): which keys count, which are refused.
 *
 * Known keys that change what an entry is may stand once in a header, and not in a global one.
 * Keys of known vendors that we do not understand are refused (they could change the meaning, or be
 * attributes that would get lost); other unknown keys are ignored as POSIX asks. Row 36.
 */
#ifndef JP_IMAGE_TAR_PAX_H
#define JP_IMAGE_TAR_PAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "image/tar.h"

struct jp_tar_pax {
    uint64_t seen; /* bit i: known key i was there */
    char *path;
    char *link;
    char *flags;
    char *acl_access;
    char *acl_default;
    bool has_size, has_uid, has_gid, has_mtime, has_atime;
    uint64_t size, uid, gid;
    struct timespec mtime, atime;
    struct jp_tar_xattr *xattrs;
    size_t n_xattrs, xattrs_capacity;

    /* GNU sparse files, formats 0.0 (offset, numbytes), 0.1 (map) and 1.0 (map in the content) */
    bool is_sparse, has_realsize, has_offset, seen_blocks;
    uint64_t sparse_major, sparse_minor, realsize, n_blocks, pending_offset;
    char *sparse_name;
    struct jp_tar_extent *extents;
    size_t n_extents, extents_capacity;
};

/* Adds the records of one header. JP_EINVALID names the key. */
int jp_tar_pax_parse(struct jp_tar_pax *pax, const char *text, size_t len, bool is_global,
                     struct jp_error *err);
void jp_tar_pax_clear(struct jp_tar_pax *pax);

/* Adds an attribute after the list of allowed names was asked; a second, equal one is fine. */
int jp_tar_pax_add_xattr(struct jp_tar_pax *pax, const char *name, const void *value, size_t len,
                         struct jp_error *err);

/*
 * Walks records: 1 and the next key and value (not NUL-terminated), 0 at the end, -1 malformed.
 * *at starts at 0.
 */
struct jp_tar_record {
    const char *start; /* of the whole record */
    size_t total;
    const char *key;
    size_t key_len;
    const char *value;
    size_t value_len;
};
int jp_tar_pax_walk(const char *text, size_t len, size_t *at, struct jp_tar_record *ret);

#endif
