/*
 * The store: images and pods on disk, and the database that indexes them.
 *
 * Truth is the object directories; the database (SQLite, WAL) is an index that can be rebuilt from
 * them (fsck). Layout below the root directory (0711, everything inside 0700 or less):
 *
 *   version             format of this directory, one line
 *   db                  the database
 *   lock                flock'ed shared by users of the database, exclusive by who makes it, and by
 *                       everybody when the disk is nearly full
 *   driver              the storage driver that "auto" chose, and why
 *   reserve             room that is given up when the disk is full, so that removing works
 *   tmp/NAME/           objects in the making, trees to be removed; the maker holds an flock on the
 *                       directory itself, so that gc knows which are abandoned
 *   images/sha512-HEX/  manifest (exact bytes), record (JSON), rootfs/, skeleton, perhaps
 *                       archive (as it came)
 *   pods/UUID/          manifest (reified), record (JSON: name, created, leases, images), lock
 * (held by the supervisor), state (JSON, stage 1's), control, logs/, apps/APP/ (the driver's
 * clone), volumes/NAME/ keys/               trusted keys mds/                what the metadata
 * service may read
 *
 * One commit point per operation: an object is made in tmp/, made durable, renamed into place,
 * then entered in the database, the last two inside one transaction that keeps other writers out.
 * A crash between them leaves a directory without a row (or, for removals, a row without a
 * directory); the next gc makes the rows agree with the directories. A deleted database is made
 * anew from them by whichever command comes next.
 *
 * A store is used by one thread of the process that opened it; after fork(2) only
 * jp_store_free() may be called in the child. The database is opened by the first call that needs
 * it. Whoever waits long (a foreground run) calls jp_store_rest() before.
 */
#ifndef JP_STORE_STORE_H
#define JP_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appc/pairs.h"
#include "base/error.h"
#include "base/strv.h"
#include "plan/plan.h"

struct jp_store;
struct jp_driver_changes;
struct jp_driver_ops;
struct jp_driver_volume;
struct jp_driver_zfs;
struct jp_driver_context;

#define JP_STORE_SUBNET "172.23.0.0/16" /* unless options say otherwise */

struct jp_store_options {
    const char *root;                /* absolute path of the root directory */
    const char *driver;              /* "auto", "overlay", "copy", ... */
    const char *subnet;              /* address pool, CIDR; NULL: JP_STORE_SUBNET */
    const struct jp_driver_zfs *zfs; /* stays the caller's, as long as the store; may be NULL */
};

/*
 * Makes the root directory with everything in it when it is not there yet. *ret_created tells.
 * Idempotent. A data directory of the Go prototype is refused with JP_EEXISTS, naming it.
 */
int jp_store_init(const struct jp_store_options *options, bool *ret_created, struct jp_error *err);

/* Opens a root directory; missing: it is made (no first run fails for a forgotten init). */
int jp_store_open(const struct jp_store_options *options, struct jp_store **ret,
                  struct jp_error *err);
void jp_store_free(struct jp_store *store);
JP_DEFINE_AUTO_PTR(jp_store);

/* The driver in use and why it was chosen; valid as long as the store. */
const struct jp_driver_ops *jp_store_driver(struct jp_store *store, const char **ret_why,
                                            struct jp_error *err);
/* Closes the database and gives locks back until the next call that needs them. */
void jp_store_rest(struct jp_store *store);

const char *jp_store_root(const struct jp_store *store);
int jp_store_root_fd(const struct jp_store *store);

/* ---- images ---------------------------------------------------------------------------------- */

struct jp_store_label {
    char *name;
    char *value;
};

struct jp_store_image {
    char *id;                      /* sha512- and 128 hexadecimal digits */
    char *name;                    /* AC Identifier */
    struct jp_store_label *labels; /* version, os, arch and the others, in manifest order */
    size_t n_labels;
    int64_t created_ns; /* annotation "created" or "timestamp", else the time of import */
    int64_t imported_ns;
    uint64_t size_bytes;         /* of the uncompressed tar */
    uint64_t disk_bytes;         /* what its files take */
    struct jp_strv dependencies; /* images that it stands on: an id, or a name with labels */
    struct jp_strv tags;
};

struct jp_store_images {
    struct jp_store_image *items;
    size_t count;
};

void jp_store_image_clear(struct jp_store_image *image);
void jp_store_images_clear(struct jp_store_images *images);
/* The value of a label, NULL without; valid as long as the image. */
const char *jp_store_image_label(const struct jp_store_image *image, const char *name);
/* Has it all of these, with these values? */
bool jp_store_image_has_labels(const struct jp_store_image *image, const struct jp_pairs *labels);

/* What to look for; NULL and 0 mean "any". */
struct jp_store_image_query {
    const char *id_prefix;         /* "sha512-..." with at least one digit, any length */
    const char *name;              /* exact */
    const struct jp_pairs *labels; /* all must be equal */
    const struct jp_strv *tags;    /* all must be there */
};

/* All images that fit, ordered by name, newest version first. */
int jp_store_image_list(struct jp_store *store, const struct jp_store_image_query *query,
                        struct jp_store_images *ret, struct jp_error *err);

/* An image in the making. */
struct jp_store_draft {
    int dir_fd;    /* tmp/NAME: write manifest, skeleton here */
    int rootfs_fd; /* the tree to fill */
    char *path;    /* absolute path of the directory */
    int lock_fd;   /* keeps gc away; the store's business */
    char name[48]; /* NAME; the store's business */
};

#define JP_STORE_DRAFT_INIT                                                                        \
    {                                                                                              \
        .dir_fd = -1, .rootfs_fd = -1, .path = NULL, .lock_fd = -1, .name = ""                     \
    }

int jp_store_draft_begin(struct jp_store *store, struct jp_store_draft *ret, struct jp_error *err);

/*
 * Makes the draft durable and enters it as an image. `image` describes it (id, name, labels, sizes,
 * times); the record file is written from it. imported_ns 0 means now. Dependencies may be absent.
 * JP_EEXISTS when that id is already here: the draft is removed and the existing image untouched.
 */
int jp_store_draft_commit(struct jp_store *store, struct jp_store_draft *draft,
                          const struct jp_store_image *image, struct jp_error *err);
/* Removes an unfinished draft; a cleared or committed one is fine. */
void jp_store_draft_abort(struct jp_store *store, struct jp_store_draft *draft);

/* Opens the directory of an image for reading. JP_ENOTFOUND. */
int jp_store_image_open(struct jp_store *store, const char *id, int *ret_dir_fd,
                        struct jp_error *err);
/* The manifest's exact bytes with a NUL after them; *ret is the caller's. */
int jp_store_image_manifest(struct jp_store *store, const char *id, char **ret, size_t *ret_len,
                            struct jp_error *err);
/*
 * JP_EBUSY while a pod or another image uses it; the text names them. An image that depends on it
 * by name uses it as long as no other image here fits.
 */
int jp_store_image_destroy(struct jp_store *store, const char *id, struct jp_error *err);

struct jp_store_tagging {
    const char *id;               /* full id */
    const struct jp_strv *add;    /* AC Identifiers that it has afterwards; may be NULL */
    const struct jp_strv *remove; /* that it has not afterwards; may be NULL */
    bool is_unique;               /* what is added is taken from other images of the same name */
};

/*
 * Changes the tags of an image, durably: all or nothing, but for a crash, after which the next gc
 * may leave a unique tag at two images. JP_EINVALID: no tag; JP_ENOTFOUND: no such image, or it has
 * not what is to be removed. What it has already, it is given silently.
 */
int jp_store_image_tag(struct jp_store *store, const struct jp_store_tagging *tagging,
                       struct jp_error *err);

/* ---- pods ------------------------------------------------------------------------------------ */

struct jp_store_pod_app {
    char *name;
    char *image_id;
};

struct jp_store_pod {
    char *uuid;
    char *name;    /* human name, unique */
    char *address; /* leased, dotted quad; NULL without */
    int64_t created_ns;
    struct jp_store_pod_app *apps;
    size_t n_apps;
    struct jp_strv pins; /* further images, which its apps' images depend on; kept from being */
                         /* destroyed. Not filled in by list and find: jp_store_pod_pins() */
};

struct jp_store_pods {
    struct jp_store_pod *items;
    size_t count;
};

void jp_store_pod_clear(struct jp_store_pod *pod);
void jp_store_pods_clear(struct jp_store_pods *pods);

/*
 * Enters a new pod: claims uuid and name (JP_EEXISTS when taken), checks that the images are here
 * (JP_ENOTFOUND) and keeps them from being destroyed, leases an address when `wants_address`
 * (JP_ELIMIT when the pool is used up; one asked for: JP_EINVALID when it is no pod's, JP_EEXISTS
 * when it is leased, naming the pod) and hands it back in pod->address, makes the directory with
 * `manifest` in it, and commits. `manifest` is a function because the reified manifest contains
 * the leased address: it is called once with the address and returns the text (the store frees it).
 */
struct jp_store_pod_request {
    struct jp_store_pod *pod; /* uuid, name, apps set by the caller; created_ns 0 means now */
    bool is_volatile;         /* thrown away after its run: not synced to disk */
    bool is_owned;            /* it is worth nothing without the process that makes it */
    int owner_fd;             /* set by the call when is_owned: as long as it is open, that lives */
    bool wants_address;
    const char *subnet;  /* where from; NULL: the store's own */
    uint32_t host;       /* the host's address in it, never leased; 0: the first one */
    const char *address; /* this one, dotted quad; NULL: the next free one */
    char *(*manifest)(void *context, const char *address, struct jp_error *err);
    void *context;
};
int jp_store_pod_create(struct jp_store *store, struct jp_store_pod_request *request,
                        struct jp_error *err);

/* True for an owned pod whose process is gone: garbage. False also when it cannot be told. */
bool jp_store_pod_is_orphan(int pod_fd);
/* From now on the pod is as any other. The descriptor is closed by the caller. */
int jp_store_pod_disown(int pod_fd, struct jp_error *err);

/* Adds the ids of the images that were pinned when the pod was made, sorted. */
int jp_store_pod_pins(struct jp_store *store, const char *uuid, struct jp_strv *ret,
                      struct jp_error *err);

/*
 * By full uuid, name, or unique prefix of a uuid, in this order. JP_ENOTFOUND, JP_EAMBIGUOUS (lists
 * them). A full uuid also finds a directory that is not in the database; when its record cannot be
 * read, the name is the uuid and there are no apps: it can only be destroyed.
 */
int jp_store_pod_find(struct jp_store *store, const char *word, struct jp_store_pod *ret,
                      struct jp_error *err);
int jp_store_pod_list(struct jp_store *store, struct jp_store_pods *ret, struct jp_error *err);
int jp_store_pod_open(struct jp_store *store, const char *uuid, int *ret_dir_fd,
                      struct jp_error *err);
int jp_store_pod_rename(struct jp_store *store, const char *uuid, const char *name,
                        struct jp_error *err);
/*
 * A clean clone for every app, as the driver makes it; roots[i] belongs to pod->apps[i]. `layers`
 * (one list per app, topmost first) come from jp_store_stack_layers().
 */
int jp_store_pod_clone(struct jp_store *store, const struct jp_store_pod *pod,
                       const struct jp_strv *layers, struct jp_plan_root *roots,
                       struct jp_error *err);
/*
 * Another clean clone for the only app of `pod`, which runs. The one of before goes to tmp/ as it
 * is while somebody holds an flock on its directory (plan/renewal.h), else it is removed first.
 */
int jp_store_pod_reclone(struct jp_store *store, const struct jp_store_pod *pod,
                         const struct jp_strv *layers, struct jp_plan_root *root,
                         struct jp_error *err);
/*
 * The empty volume volumes_fd/name: made as the driver makes it when it is not there, else made
 * accessible (a dataset is mounted).
 */
int jp_store_volume_make(struct jp_store *store, int volumes_fd, const char *name,
                         const struct jp_driver_volume *volume, struct jp_error *err);
/*
 * Makes accessible what there is of the pod's roots and volumes (datasets are mounted), for whoever
 * looks into a pod that is not running.
 */
int jp_store_pod_mount(int pod_fd, struct jp_error *err);
/*
 * The root file system that an app of a pod has now, or that was kept of its last run: what was
 * written is in `fd`, its own tree; the layers are the images'.
 */
struct jp_store_clone {
    int pod_fd;
    int app_fd;
    int fd;
    char *path; /* of its own tree, below the pod's directory */
};

#define JP_STORE_CLONE_INIT                                                                        \
    {                                                                                              \
        .pod_fd = -1, .app_fd = -1, .fd = -1                                                       \
    }

/* JP_ENOTFOUND: the app has no root now. */
int jp_store_clone_open(struct jp_store *store, const struct jp_store_pod *pod, const char *app,
                        struct jp_store_clone *ret, struct jp_error *err);
void jp_store_clone_clear(struct jp_store_clone *clone);
/* Tells what differs from the layers (store/driver/driver.h). */
int jp_store_clone_changes(struct jp_store *store, const struct jp_store_clone *clone,
                           const struct jp_driver_changes *changes, struct jp_error *err);
/*
 * After something was read there: JP_EBUSY when the root was removed or replaced by a clean one
 * meanwhile (the pod ended, an app was started again); what was read may then be half of it.
 */
int jp_store_clone_check(const struct jp_store_clone *clone, struct jp_error *err);
/*
 * A stack without a clone: opens the trees of `layers` (names, topmost first;
 * jp_store_stack_layers()) into fds[], and tells every path of them laid over each other ('=',
 * tree: index in fds).
 */
int jp_store_layers_open(struct jp_store *store, const struct jp_strv *layers, int *fds,
                         struct jp_error *err);
int jp_store_layers_list(struct jp_store *store, const struct jp_strv *layers,
                         const struct jp_driver_changes *changes, struct jp_error *err);
/* Adds the paths that a layer takes away from those below it; most take nothing away. */
int jp_store_layer_removed(struct jp_store *store, const char *layer, struct jp_strv *ret,
                           struct jp_error *err);
/* Removes the clones; volumes, logs and manifest stay. */
int jp_store_pod_unclone(struct jp_store *store, const struct jp_store_pod *pod,
                         struct jp_error *err);
/* Removes the pod: row, lease, directory. Its lock must be held by the caller or nobody. */
int jp_store_pod_destroy(struct jp_store *store, const char *uuid, struct jp_error *err);

/* ---- upkeep ---------------------------------------------------------------------------------- */

struct jp_store_report {
    void (*say)(void *context, const char *kind, const char *what, const char *done);
    void *context;
};

/*
 * For what makes room and has failed: true when `why` says that the disk is full (ENOSPC, EDQUOT)
 * and the reserve could be given up. The error is cleared then, and what failed worth another try.
 */
bool jp_store_make_room(struct jp_store *store, struct jp_error *why);

/* Removes what nobody holds below tmp/. */
int jp_store_sweep(struct jp_store *store, struct jp_error *err);

/* Removes what interrupted commands left below tmp/, and leases and rows without a directory. */
int jp_store_gc(struct jp_store *store, const struct jp_store_report *report, struct jp_error *err);

/*
 * Compares directories and database. With `repair`, the database is made to agree (a deleted one is
 * rebuilt). *ret_problems counts what was found and not mended.
 */
int jp_store_fsck(const struct jp_store_options *options, bool repair,
                  const struct jp_store_report *report, unsigned *ret_problems,
                  struct jp_error *err);

#endif
