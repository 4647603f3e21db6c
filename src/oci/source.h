/*
 * Where OCI content lies: a directory, or a tar archive that is read where it stands (compressed
 * ones and pipes are unpacked to an unnamed file first). Names come from JSON documents of
 * strangers: they are digests in their strict form, or, in archives of `docker save`, compared with
 * the names that the archive has. Nothing here ever opens a path that a document says (row 39).
 */
#ifndef JP_OCI_SOURCE_H
#define JP_OCI_SOURCE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/macros.h"
#include "oci/document.h"

struct jp_oci_source;

struct jp_oci_blob {
    int fd;        /* at its first byte; the caller's, to be closed */
    uint64_t size; /* bytes of fd that belong to it */
};

/* A directory with an OCI layout. */
int jp_oci_source_open_dir(const char *path, struct jp_oci_source **ret, struct jp_error *err);

/*
 * An archive: an OCI layout, or `docker save`. fd stays the caller's and must stay open. When it is
 * compressed or a pipe, it is unpacked to a file in tmp_fd first, at most `max` bytes. JP_EINVALID
 * for anything that is neither.
 */
struct jp_oci_archive {
    int fd;
    int tmp_fd; /* ROOT/tmp */
    uint64_t max;
    const volatile sig_atomic_t *cancel;
};
int jp_oci_source_open_archive(const struct jp_oci_archive *archive, struct jp_oci_source **ret,
                               struct jp_error *err);

/* Content that is somewhere else: `open` gives a blob; the context must outlive the source. */
struct jp_oci_remote {
    int (*open)(void *context, const struct jp_oci_descriptor *descriptor, struct jp_oci_blob *ret,
                struct jp_error *err);
    void *context;
};
int jp_oci_source_open_remote(struct jp_oci_remote remote, struct jp_oci_source **ret,
                              struct jp_error *err);

void jp_oci_source_free(struct jp_oci_source *source);
JP_DEFINE_AUTO_PTR(jp_oci_source);

/* True when it has a file of that name at its top: "index.json", "manifest.json". */
bool jp_oci_source_has(const struct jp_oci_source *source, const char *name);

/*
 * Opens a file by its name in the archive or the layout. Links are followed inside an archive, once
 * and by name. JP_ENOTFOUND.
 */
int jp_oci_source_open(struct jp_oci_source *source, const char *name, struct jp_oci_blob *ret,
                       struct jp_error *err);

/* Opens a blob; its size must be the descriptor's (JP_ECORRUPT). */
int jp_oci_source_blob(struct jp_oci_source *source, const struct jp_oci_descriptor *descriptor,
                       struct jp_oci_blob *ret, struct jp_error *err);

/* Reads a whole small file. JP_ELIMIT beyond JP_OCI_DOCUMENT_MAX. */
int jp_oci_source_read(struct jp_oci_source *source, const char *name, struct jp_buf *ret,
                       struct jp_error *err);

/* Reads a document and checks its digest. */
int jp_oci_source_document(struct jp_oci_source *source, const struct jp_oci_descriptor *descriptor,
                           struct jp_buf *ret, struct jp_error *err);

/* A file in the directory (ROOT/tmp) that has no name any more, to be written and read; -1. */
int jp_oci_unnamed_file(int dir_fd, struct jp_error *err);

#endif
