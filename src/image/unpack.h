/*
 * From the entries of a tar to the tree of an image: the rules that concern the tree.
 *
 * The tree starts empty, in a directory that nobody else can enter, and only this import writes to
 * it; so the file system itself is the list of what the archive has brought, whatever its size:
 * every file is made with O_EXCL (a second one of that name is refused), every directory on the way
 * is opened without following links (an entry below anything but a directory of this archive is
 * refused; an image with dependencies may leave directories unnamed, which are then made and
 * listed, see doc/decisions/0007-unnamed-directories.md), and a hard link finds nothing but what is
 * already here. Rows 29 to 34, 38.
 *
 * Directories get owner, mode, times, attributes and flags only in jp_unpack_finish(), by a second
 * walk over the skeleton: making their entries would change their times, and a default ACL would
 * change their entries. Memory does not grow with the archive.
 */
#ifndef JP_IMAGE_UNPACK_H
#define JP_IMAGE_UNPACK_H

#include "base/buf.h"
#include "base/error.h"
#include "image/image.h"
#include "image/skeleton.h"
#include "image/tar.h"

/* Directories that stand twice in an archive, as concatenating tools make them. */
#define JP_UNPACK_DUPLICATES_MAX 100000U

struct jp_unpack_target {
    int dir_fd;                    /* gets the skeleton */
    int rootfs_fd;                 /* gets the tree; empty */
    struct jp_image_limits limits; /* no zeros */
    struct jp_image_watch watch;
};

struct jp_unpack;

int jp_unpack_open(const struct jp_unpack_target *target, struct jp_unpack **ret,
                   struct jp_error *err);
void jp_unpack_free(struct jp_unpack *unpack);
JP_DEFINE_AUTO_PTR(jp_unpack);

/* Unpacks the stream to its end. */
int jp_unpack_run(struct jp_unpack *unpack, struct jp_tar_input input, struct jp_error *err);

/* The manifest, after jp_unpack_run(): the bytes that were hashed are the bytes that are parsed. */
const struct jp_buf *jp_unpack_manifest(const struct jp_unpack *unpack);
uint64_t jp_unpack_entries(const struct jp_unpack *unpack);
/* What the tree takes on disk, about. */
uint64_t jp_unpack_disk_bytes(const struct jp_unpack *unpack);

/* Ends the skeleton and finishes directories and file flags. */
int jp_unpack_finish(struct jp_unpack *unpack, uint64_t total,
                     const unsigned char id[JP_HASH_SHA512_SIZE], struct jp_error *err);

#endif
