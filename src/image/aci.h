/* What makes a tar an App Container Image: the two names at the top; the second walk of an import.
 */
#ifndef JP_IMAGE_ACI_H
#define JP_IMAGE_ACI_H

#include <sys/types.h>

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/strv.h"
#include "image/dirs.h"
#include "image/image.h"
#include "image/skeleton.h"
#include "image/tar.h"

#define JP_ACI_MANIFEST "manifest"
#define JP_ACI_ROOTFS   "rootfs"

/* The part of a path behind "rootfs/", or NULL for every other path. */
const char *jp_aci_inside(const char *path);

/*
 * Directories that an archive does not name. Only an image that depends on others may leave some
 * unnamed: owner, mode and times are then those of the same directory below (store/views.h).
 */
struct jp_aci_implicit {
    struct jp_buf paths; /* inside the root, a NUL after each */
    uint64_t count;
};

/* What they are made with while the archive is unpacked: named ones are 0700 until the end. */
#define JP_ACI_IMPLICIT_MARK ((mode_t)01700)
#define JP_ACI_IMPLICIT_MODE ((mode_t)0755)

/* Notes that a directory stands in the archive again. JP_ELIMIT. */
int jp_aci_add_duplicate(struct jp_strv *duplicates, const char *path, struct jp_error *err);

struct jp_aci_finish {
    int dir_fd;
    int rootfs_fd;
    struct jp_dirs *dirs;
    struct jp_strv *duplicates; /* gets sorted */
    struct jp_aci_implicit *implicit;
    bool has_flags; /* some entry has file flags */
    struct jp_image_watch watch;
};

/*
 * Owner, mode, attributes and times of all directories, file flags of all entries, from the
 * finished skeleton; the list of unnamed directories, which get 0755 root:root and no time.
 * Directories that stand twice must be identical: else JP_EINVALID.
 */
int jp_aci_finish_tree(const struct jp_aci_finish *finish, struct jp_error *err);

/* Reads the entries of a skeleton, for the second walk, export and verify. */
struct jp_aci_reader {
    struct jp_skeleton_reader *skeleton;
    struct jp_tar *tar;
};

#define JP_ACI_READER_INIT                                                                         \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }

/* `tap` gets the raw bytes of the tar (may be empty). */
int jp_aci_reader_open(int dir_fd, struct jp_tar_tap tap, struct jp_aci_reader *ret,
                       struct jp_error *err);
void jp_aci_reader_clear(struct jp_aci_reader *reader);

/*
 * 1 and the next entry, 0, -1. When it has content, `digest` gets its SHA-256, and the tar goes on
 * behind the content.
 */
int jp_aci_reader_next(struct jp_aci_reader *reader, const struct jp_tar_entry **ret,
                       unsigned char digest[JP_HASH_SHA256_SIZE], struct jp_error *err);

#endif
