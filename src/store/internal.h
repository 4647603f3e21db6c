/* What the files of this room share; nobody else includes it. */
#ifndef JP_STORE_INTERNAL_H
#define JP_STORE_INTERNAL_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/subnet.h"
#include "store/db.h"
#include "store/driver/driver.h"
#include "store/driver/list.h"
#include "store/driver/trash.h"
#include "store/store.h"

#define JP_STORE_MAX_OBJECTS  1000000U
#define JP_STORE_RECORD_MAX   (4U << 20)  /* bytes of a record file */
#define JP_STORE_MANIFEST_MAX (64U << 20) /* the importer's own limit is lower */

struct jp_store {
    char *root;
    char *driver_name; /* as asked for: "auto" or a name */
    char *subnet;      /* where addresses come from when a request names no other */
    int root_fd;
    int images_fd;
    int pods_fd;
    int tmp_fd;
    int views_fd;                       /* -1, or with a lock that keeps views (views.h) */
    int lock_fd;                        /* shared lock, while the database is open */
    pid_t pid;                          /* who opened it: the database never crosses a fork */
    struct jp_db *db;                   /* NULL until somebody asks */
    const struct jp_driver_ops *driver; /* NULL until somebody asks */
    char *driver_why;
    bool has_spent_reserve; /* to be filled again */
    const struct jp_driver_zfs *zfs;
};

/* ---- open.c ---------------------------------------------------------------------------------- */

/* The database, opened on first use. JP_EINVALID in a child of the process that opened the store.
 */
struct jp_db *jp_store_db(struct jp_store *store, struct jp_error *err);

struct jp_driver_context jp_store_driver_context(const struct jp_store *store);

/* ---- reserve.c -------------------------------------------------------------------------------
 */

/* Makes the reserve whole as far as the disk has room. Costs one fstatat(2) when it is whole. */
void jp_reserve_fill(int root_fd);

/* ---- removal.c -------------------------------------------------------------------------------
 */

/* An object on its way out. */
struct jp_removal {
    struct jp_store *store; /* its database is open */
    const char *kind;       /* "image", "pod": for errors */
    const char *key;        /* id or uuid, checked by the caller */
    int parent_fd;          /* where the object's directory lies */
    /* Deletes the row, or refuses. Inside the transaction; perhaps called twice. */
    int (*remove_row)(struct jp_store *store, const char *key, struct jp_error *err);
    char trashed[JP_TMP_NAME_SIZE]; /* where its directory is then; "" when there was none */
    int fd;                         /* the caller's: keeps gc away from it; -1 when there is none */
};

/*
 * Removes the row and moves the directory to tmp/, both or neither. Gives the reserve up when the
 * disk is full. JP_ENOTFOUND when there is neither row nor directory.
 */
int jp_removal_run(struct jp_removal *removal, struct jp_error *err);

/* ---- record.c ---------------------------------------------------------------------------------
 */

/* Writes dir_fd/record, replacing it in one step. */
int jp_record_write_image(int dir_fd, const struct jp_store_image *image, bool durable,
                          struct jp_error *err);
int jp_record_write_pod(int dir_fd, const struct jp_store_pod *pod, bool durable,
                        struct jp_error *err);
/* Reads and checks a record; it must be about `id` (`uuid`). JP_ECORRUPT, JP_ENOTFOUND. */
int jp_record_read_image(int dir_fd, const char *id, struct jp_store_image *ret,
                         struct jp_error *err);
int jp_record_read_pod(int dir_fd, const char *uuid, struct jp_store_pod *ret,
                       struct jp_error *err);

/* Human names of pods: [A-Za-z0-9][A-Za-z0-9_.-]*, at most 64, not in the form of a UUID. */
bool jp_pod_name_valid(const char *name);
int jp_store_image_check(const struct jp_store_image *image, struct jp_error *err);
int jp_store_pod_check(const struct jp_store_pod *pod, struct jp_error *err);

/* ---- rows: all inside a transaction of the caller ----------------------------------------------
 */

/* Which images: the first of these that is set decides what the database is asked for. */
int jp_rows_read_images(struct jp_store *store, const char *id_prefix, const char *name,
                        struct jp_store_images *ret, struct jp_error *err);
int jp_rows_add_image(struct jp_db *db, const struct jp_store_image *image, struct jp_error *err);
int jp_rows_remove_image(struct jp_db *db, const char *id, struct jp_error *err);
/* 1 there, 0 not, -1 error. */
int jp_rows_has_image(struct jp_db *db, const char *id, struct jp_error *err);

enum jp_rows_pods {
    JP_ROWS_ALL,
    JP_ROWS_BY_UUID,   /* exact */
    JP_ROWS_BY_NAME,   /* exact */
    JP_ROWS_BY_PREFIX, /* of the uuid */
};
int jp_rows_read_pods(struct jp_db *db, enum jp_rows_pods which, const char *word,
                      struct jp_store_pods *ret, struct jp_error *err);
/* With the lease of pod->address when it is set. */
int jp_rows_add_pod(struct jp_db *db, const struct jp_store_pod *pod, struct jp_error *err);
/* Adds the images that the pod pins, sorted; none when there is no such pod. */
int jp_rows_read_pins(struct jp_db *db, const char *uuid, struct jp_strv *ret,
                      struct jp_error *err);
int jp_rows_remove_pod(struct jp_db *db, const char *uuid, struct jp_error *err);

/* Reads "172.23.0.0/16". JP_EINVALID. */
int jp_lease_subnet(const char *text, struct jp_subnet *ret, struct jp_error *err);
/*
 * The address that the request wants (JP_EINVALID outside of its subnet, JP_EEXISTS when leased),
 * or the lowest free one after the one leased last, around the end once. JP_ELIMIT.
 */
int jp_lease_choose(struct jp_store *store, const struct jp_store_pod_request *request,
                    uint32_t *ret, struct jp_error *err);

/* ---- views.c ---------------------------------------------------------------------------------
 */

/* The names of all layers that clones stand on, sorted; some may come several times. */
int jp_views_used(struct jp_store *store, struct jp_strv *ret, struct jp_error *err);
/* Removes views that no clone stands on, unless somebody is just making clones. */
int jp_views_sweep(struct jp_store *store, const struct jp_store_report *report,
                   struct jp_error *err);

/* ---- reconcile.c, upkeep.c
 * ---------------------------------------------------------------------------------
 */

/* What reconciling looks at and does. */
struct jp_reconcile {
    struct jp_store *store;
    struct jp_db *db;
    const struct jp_store_report *report; /* may be NULL */
    bool repair;                          /* make rows agree with directories */
    bool deep;                            /* read every record, not only names */
    unsigned problems;                    /* found and not mended */
    struct jp_strv marks; /* of interrupted renamings; jp_reconcile_done() releases */
};

/* Compares rows and directories inside a transaction of the caller. */
int jp_reconcile(struct jp_reconcile *job, struct jp_error *err);
/* After the commit: removes the marks that were dealt with. */
void jp_reconcile_done(struct jp_reconcile *job);
void jp_reconcile_say(const struct jp_reconcile *job, const char *kind, const char *what,
                      const char *done);

/* ---- mark.c ---------------------------------------------------------------------------------- */

/*
 * tmp/changing-KEY: the record and the row of a pod (its UUID) or an image (its id) are being
 * changed one after the other. Made inside the transaction, removed after it; what a killed process
 * leaves tells gc to let the record win.
 */
int jp_mark_set(struct jp_store *store, const char *key, struct jp_error *err);
void jp_mark_drop(struct jp_store *store, const char *key);
bool jp_mark_is(const char *name);
/* The KEY in a name in tmp/; NULL when it is no mark. */
const char *jp_mark_key(const char *name);

/*
 * Removes every entry of tmp/ that nobody holds; with `count_only` they are only counted and said.
 * *ret_count tells how many were found. Goes on after a failure, which it returns at the end.
 */
int jp_trash_sweep(struct jp_store *store, bool count_only, const struct jp_store_report *report,
                   unsigned *ret_count, struct jp_error *err);

#endif
