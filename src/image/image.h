/*
 * Images in and out: import, export, verify.
 *
 * An image (ACI) is a tar archive from a stranger, plain or compressed, with two names at the top:
 * `manifest` and `rootfs`. Import is one pass: the stream is decompressed, hashed (the image id is
 * the SHA-512 of the uncompressed tar) and unpacked at the same time by three threads; beside the
 * tree stays a skeleton (image/skeleton.h), all bytes of the tar but the content of files. With it
 * export gives back the same tar bit for bit, and verify proves that nothing on disk has changed.
 *
 * What an archive may contain is decided in image/tar.c (headers) and image/unpack.c (the tree);
 * see SECURITY.md for the rows. Whether an unsigned image is acceptable is the caller's decision.
 */
#ifndef JP_IMAGE_IMAGE_H
#define JP_IMAGE_IMAGE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"
#include "store/store.h"

/* What an archive may cost. 0 stands for the default. */
struct jp_image_limits {
    uint64_t manifest_bytes; /* default 4 MiB */
    uint64_t entries;        /* default 5,000,000 */
    uint64_t unpacked_bytes; /* default 100 GiB; never more than is free, whatever this says */
};

#define JP_IMAGE_LIMIT_MANIFEST (UINT64_C(4) << 20)
#define JP_IMAGE_LIMIT_ENTRIES  UINT64_C(5000000)
#define JP_IMAGE_LIMIT_UNPACKED (UINT64_C(100) << 30)

/* How a caller follows and stops a long operation. Any member may be NULL. */
struct jp_image_watch {
    /*
     * Called from the calling thread, a few times a second. `total` is 0 when it is not known (a
     * pipe). Import counts bytes of the source, export and verify bytes of the tar.
     */
    void (*progress)(void *context, uint64_t done, uint64_t total);
    /* Something that was accepted but should be known, e.g. file flags that this system lacks. */
    void (*warn)(void *context, const char *text);
    /* Set non-zero (by a signal handler) to stop: the operation fails with JP_EINTERRUPTED. */
    const volatile sig_atomic_t *cancel;
    void *context;
};

/*
 * What an archive is made of when none is there: paths of trees on this host. Either the difference
 * between a clone and its image (commit, build), of which what was added or changed is packed; or a
 * whole root file system (a flat export).
 */
struct jp_image_parts;

/* The trees stay the caller's; with a difference the first one is the clone's own. */
struct jp_image_parts *jp_image_parts_new(const int *tree_fds, size_t n_trees, bool is_whole);
void jp_image_parts_free(struct jp_image_parts *parts);
JP_DEFINE_AUTO_PTR(jp_image_parts);

/*
 * Adds a path and what became of it (the letters of struct jp_driver_change); '=' ones, too: they
 * are needed for hard links and for the list of what is left. A directory comes before what is in
 * it. Returns 0, or 1 when it is nothing that an image can hold (a socket): then it is left out.
 */
int jp_image_parts_add(struct jp_image_parts *parts, char what, const char *path, size_t tree,
                       struct jp_error *err);

/* When all are there: a hard link to a file that did not change takes that file along. */
int jp_image_parts_join(struct jp_image_parts *parts, struct jp_error *err);

/* How many paths were added, changed or deleted. */
size_t jp_image_parts_changes(const struct jp_image_parts *parts);

/* More bytes of paths than this are not listed in a manifest, which has a limit, too. */
#define JP_IMAGE_WHITELIST_MAX (1U << 20)

/*
 * When something was deleted, the manifest says so: by a pathWhitelist of everything that is left,
 * or, where that would be long, by the list of what is gone (appc/removed.h). JP_EUNSUPPORTED for a
 * name that JSON cannot hold (not UTF-8) in the former.
 */
struct jp_image_manifest;
int jp_image_parts_tell_deleted(const struct jp_image_parts *parts, struct jp_image_manifest *m,
                                struct jp_error *err);

/* Later modification times than this one (seconds) become this one. */
void jp_image_parts_clamp(struct jp_image_parts *parts, int64_t latest);

struct jp_tar_entry;

/*
 * A root file system's archive that somebody else knows how to read as an image: a layer of an OCI
 * image. Every function is called from one thread, which is not the caller's, and returns -1 to
 * refuse the archive.
 */
struct jp_image_layer {
    void *context;
    /* The bytes of the archive as they lie in fd; and the plain tar. For digests. */
    int (*raw)(void *context, const void *bytes, size_t len, struct jp_error *err);
    int (*plain)(void *context, const void *bytes, size_t len, struct jp_error *err);
    /* Before each entry of the root file system: 1 to take it, 0 to leave it out. */
    int (*entry)(void *context, const struct jp_tar_entry *entry, struct jp_error *err);
    /* After the last byte: the manifest, which comes last in the image. *ret is the layer's. */
    int (*finish)(void *context, const char **ret, size_t *ret_len, struct jp_error *err);
    /* What `rootfs` is when the archive does not begin with "./"; NULL: root's, 0755. */
    const struct jp_tar_entry *top;
    /*
     * It stands on nothing, where an image must name its directories: those that the archive leaves
     * out become root's, 0755.
     */
    bool is_alone;
};

/* Files in the directory of an image that was signed. */
#define JP_IMAGE_SIGNATURE_FILE "signature" /* as it came */
#define JP_IMAGE_SIGNED_FILE    "signed"    /* who made it, JSON */
#define JP_IMAGE_SIGNED_MAX     65536       /* bytes */
#define JP_IMAGE_DIGEST_SIZE    64          /* SHA-512 */

/* What somebody has found out about the archive before it is unpacked. */
struct jp_image_signature {
    const void *bytes; /* the signature, and who made it: kept beside the image */
    size_t len;
    const char *record;
    /*
     * What the signature was checked over. The import fails with JP_ECORRUPT when it reads anything
     * else: the file may be somebody's who writes to it meanwhile (row 42).
     */
    uint64_t size_bytes;
    unsigned char digest[JP_IMAGE_DIGEST_SIZE];
    /* It was made over something that the archive came in (encrypted): the caller compares. */
    bool is_of_envelope;
};

#define JP_IMAGE_HEAD_MAX 512

struct jp_image_import_options {
    int fd;                  /* the archive; read to its end from the current offset, not closed */
    uint64_t size_bytes;     /* how much of fd is the archive; 0: everything to its end */
    const void *head;        /* its first bytes, where they were read of fd before */
    size_t head_len;         /* at most JP_IMAGE_HEAD_MAX; 0: nothing was. Not with size_bytes */
    const char *source_name; /* what errors call it */
    /*
     * NULL: the archive is an ACI. Otherwise the archive is a root file system, and these bytes are
     * the manifest of the ACI that is made of it: the same two inputs always give the same id.
     */
    const char *manifest;
    size_t manifest_len;
    /* Not NULL: the ACI is made of these files and `manifest`; `fd` is not read. */
    const struct jp_image_parts *parts;
    const struct jp_image_layer *layer; /* instead of a manifest; NULL */
    const char *origin; /* kept beside the image (jp_image_origin()): where it came from; NULL */
    /* What the manifest must say, where the caller asked for something by name. NULL, 0: anything.
     */
    const char *expected_name;
    const struct jp_store_label *expected_labels;
    size_t n_expected_labels;
    const char *expected_id; /* full id, or NULL */
    /* NULL: there is none, which the caller accepts. Neither with `parts` nor with `layer`. */
    const struct jp_image_signature *signature;
    struct jp_image_limits limits;
    bool
        keeps_archive; /* also as it came: export gives it back. An ACI only, not with `manifest` */
    bool not_durable;  /* leave out syncfs(2): for tests and for caches that may be lost */
    struct jp_image_watch watch;
    /*
     * Asked when all of fd was read and checked, with the name that the manifest says, before the
     * image counts: 0, or -1 and nothing of it is left. May be NULL.
     */
    int (*accept)(void *context, const char *name, struct jp_error *err);
    void *accept_context;
};

struct jp_image_imported {
    char *id;
    char *name;
    bool was_here;          /* the store had it already; nothing was changed */
    uint64_t entries;       /* of the archive */
    uint64_t size_bytes;    /* of the uncompressed tar */
    struct jp_strv missing; /* names of dependencies for which no image is here yet */
};

void jp_image_imported_clear(struct jp_image_imported *imported);

/*
 * Imports one archive. On failure nothing of it is left in the store.
 *
 * JP_EINVALID: not an image, or an archive that the policy refuses (one line names the entry);
 * JP_ECORRUPT: truncated or damaged stream; JP_ELIMIT: larger than the limits or than the free
 * space; JP_EINTERRUPTED; JP_ESYS. Starts two threads, with all signals blocked, and joins them.
 * *ret must be cleared by the caller.
 */
int jp_image_import(struct jp_store *store, const struct jp_image_import_options *options,
                    struct jp_image_imported *ret, struct jp_error *err);

/* Is there an image that the dependency could mean? 1, 0, -1. */
struct jp_dependency;
int jp_image_is_here(struct jp_store *store, const struct jp_dependency *dependency,
                     struct jp_error *err);

/* Bytes of an image's origin, at most. */
#define JP_IMAGE_ORIGIN_MAX 4096U

/*
 * What jp_image_import_options.origin said when the image came: the importer's word, which no
 * archive can forge. *ret is the caller's, NULL when nothing was said.
 */
int jp_image_origin(struct jp_store *store, const char *id, char **ret, struct jp_error *err);

enum jp_compression {
    JP_COMPRESSION_NONE,
    JP_COMPRESSION_GZIP,
    JP_COMPRESSION_BZIP2,
    JP_COMPRESSION_XZ,
    JP_COMPRESSION_ZSTD,
    JP_COMPRESSION_MAX,
};

/* "none", "gzip", "bzip2", "xz", "zstd": true and *ret set, or false. And back. */
bool jp_compression_parse(const char *word, enum jp_compression *ret);
const char *jp_compression_name(enum jp_compression compression);

struct jp_image_export_options {
    const char *id; /* full id */
    enum jp_compression compression;
    /* When the archive was kept at its import, its very bytes, whatever `compression` says. */
    bool as_it_came;
    /*
     * With `path`: written to a new file beside it and renamed over it when whole (mode 0644 less
     * the umask). Without: written to `fd`, where a failure leaves what came before it.
     */
    const char *path;
    int fd;
    struct jp_image_watch watch;
};

/*
 * Writes the archive as it was imported; its uncompressed bytes are hashed on the way and must give
 * the id, else JP_ECORRUPT (and no file). JP_ENOTFOUND, JP_ESYS, JP_EINTERRUPTED.
 */
int jp_image_export(struct jp_store *store, const struct jp_image_export_options *options,
                    struct jp_error *err);

/*
 * Writes an archive that is made of `parts` and the manifest, in the same way; options->id and
 * as_it_came do not count. *ret_id gets the image id that it has.
 */
int jp_image_pack(const struct jp_image_parts *parts, const char *manifest, size_t manifest_len,
                  const struct jp_image_export_options *options, char ret_id[7 + 128 + 1],
                  struct jp_error *err);

struct jp_image_verify_options {
    const char *id;
    /*
     * Called for each difference: `path` inside the image ("rootfs/etc/passwd", as it is: print it
     * escaped) and what is wrong with it ("content differs", "mode is 0644, was 0755", ...).
     */
    void (*difference)(void *context, const char *path, const char *what);
    struct jp_image_watch watch;
};

/*
 * Compares what is on disk with what was imported: content, type, owner, mode, modification time,
 * links, devices, xattrs, missing and extra files, and recomputes the id. 0 and *ret_differences
 * (0: unchanged); -1 when it could not be found out. Changes nothing, access times included where
 * the system allows it.
 */
int jp_image_verify(struct jp_store *store, const struct jp_image_verify_options *options,
                    uint64_t *ret_differences, struct jp_error *err);

#endif
