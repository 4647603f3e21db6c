/*
 * Rows and directories made to agree.
 *
 * The directories are the truth. A directory without a row is a finished object whose maker died
 * before the commit (or whose row was lost with the tail of the log): it is entered. A row without
 * a directory is an object whose removal was interrupted: the row goes, and with it the lease.
 * Nothing that describes itself is ever removed here; what cannot be read is reported and left.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appc/id.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/time.h"
#include "store/internal.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/lock.h"

#define MAX_RENAMES 1000 /* "NAME-2" to "NAME-999" for a pod whose name was given to another */

void jp_reconcile_say(const struct jp_reconcile *job, const char *kind, const char *what,
                      const char *done)
{
    if (job->report && job->report->say)
        job->report->say(job->report->context, kind, what, done);
}

/* Something that stays as it is. Always 0: the walk goes on. */
static int problem(struct jp_reconcile *job, const char *kind, const char *what, const char *text)
{
    job->problems++;
    jp_reconcile_say(job, kind, what, text);
    return 0;
}

/*
 * One kind of object. `rows` holds the keys in the database, sorted; `names` the directories,
 * sorted.
 */
struct kind {
    const char *name;
    const char *rows_sql;
    int (*enter)(struct jp_reconcile *job, int dir_fd, const char *key, struct jp_error *err);
    int (*remove)(struct jp_db *db, const char *key, struct jp_error *err);
    int (*compare)(struct jp_reconcile *job, int dir_fd, const char *key, struct jp_error *err);
    int (*has_row)(struct jp_db *db, const char *key, struct jp_error *err); /* 1, 0, -1 */
};

/* ---- images ------------------------------------------------------------------------------------
 */

static int enter_image(struct jp_reconcile *job, int dir_fd, const char *id, struct jp_error *err)
{
    JP_AUTO(jp_store_image) image = {0};
    if (jp_record_read_image(dir_fd, id, &image, err) < 0)
        return -1;
    return jp_rows_add_image(job->db, &image, err);
}

static bool same_strings(const struct jp_strv *a, const struct jp_strv *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!jp_strv_contains(b, a->items[i]))
            return false;
    }
    return true;
}

static bool same_images(const struct jp_store_image *a, const struct jp_store_image *b)
{
    if (strcmp(a->name, b->name) != 0 || a->n_labels != b->n_labels ||
        a->created_ns != b->created_ns || a->imported_ns != b->imported_ns ||
        a->size_bytes != b->size_bytes || a->disk_bytes != b->disk_bytes)
        return false;
    for (size_t i = 0; i < a->n_labels; i++) {
        if (strcmp(a->labels[i].name, b->labels[i].name) != 0 ||
            strcmp(a->labels[i].value, b->labels[i].value) != 0)
            return false;
    }
    return same_strings(&a->dependencies, &b->dependencies) && same_strings(&a->tags, &b->tags);
}

/* 1 the row says what the record says, 0 not (or the record cannot be read: -1). */
static int compare_image(struct jp_reconcile *job, int dir_fd, const char *id, struct jp_error *err)
{
    JP_AUTO(jp_store_image) image = {0};
    JP_AUTO(jp_store_images) rows = {0};
    if (jp_record_read_image(dir_fd, id, &image, err) < 0)
        return -1;
    if (!jp_store_exists(dir_fd, "manifest"))
        (void)problem(job, "image", id, "has no manifest");
    if (!jp_store_exists(dir_fd, "rootfs"))
        (void)problem(job, "image", id, "has no rootfs");
    if (jp_rows_read_images(job->store, id, NULL, &rows, err) < 0)
        return -1;
    return rows.count == 1 && same_images(&image, &rows.items[0]);
}

/* ---- pods --------------------------------------------------------------------------------------
 */

static int is_taken(struct jp_db *db, const char *name, struct jp_error *err)
{
    int64_t key;
    return jp_db_number(db, err, &key, "SELECT pod FROM pods WHERE name = ?", "s", name);
}

/* The name was given to another pod while this one had no row: it gets a number. */
static int find_free_name(struct jp_reconcile *job, int dir_fd, struct jp_store_pod *pod,
                          struct jp_error *err)
{
    int taken = is_taken(job->db, pod->name, err);
    if (taken <= 0)
        return taken;
    for (int n = 2; n < MAX_RENAMES; n++) {
        JP_AUTO_FREE char *name = jp_format("%.56s-%d", pod->name, n);
        if (!name)
            return jp_oom(err);
        taken = is_taken(job->db, name, err);
        if (taken < 0)
            return -1;
        if (taken > 0)
            continue;
        free(pod->name);
        pod->name = jp_take(&name);
        jp_reconcile_say(job, "pod", pod->uuid, "renamed: its name was given to another pod");
        return jp_record_write_pod(dir_fd, pod, true, err);
    }
    return jp_fail(err, JP_ELIMIT, 0, "no free name like '%s'", pod->name);
}

static int enter_pod(struct jp_reconcile *job, int dir_fd, const char *uuid, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {0};
    int64_t other = 0;
    uint32_t address = 0;
    if (jp_record_read_pod(dir_fd, uuid, &pod, err) < 0)
        return -1;
    if (pod.address && jp_quad_parse(pod.address, &address)) {
        int r = jp_db_number(job->db, err, &other, "SELECT pod FROM leases WHERE address = ?", "i",
                             (int64_t)address);
        if (r < 0)
            return -1;
        /* Its manifest names the address, so it cannot simply get another. */
        if (r > 0)
            return jp_fail(err, JP_ECORRUPT, 0,
                           "its address %s was leased to another pod: destroy one of them",
                           pod.address);
    }
    if (find_free_name(job, dir_fd, &pod, err) < 0)
        return -1;
    return jp_rows_add_pod(job->db, &pod, err);
}

static bool same_pods(const struct jp_store_pod *a, const struct jp_store_pod *b)
{
    if (strcmp(a->name, b->name) != 0 || a->created_ns != b->created_ns || a->n_apps != b->n_apps)
        return false;
    if (!a->address != !b->address || (a->address && strcmp(a->address, b->address) != 0))
        return false;
    for (size_t i = 0; i < a->n_apps; i++) {
        if (strcmp(a->apps[i].name, b->apps[i].name) != 0 ||
            strcmp(a->apps[i].image_id, b->apps[i].image_id) != 0)
            return false;
    }
    for (size_t i = 0; i < a->pins.count && a->pins.count == b->pins.count; i++) {
        if (strcmp(a->pins.items[i], b->pins.items[i]) != 0)
            return false;
    }
    return a->pins.count == b->pins.count;
}

static int compare_pod(struct jp_reconcile *job, int dir_fd, const char *uuid, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {0};
    JP_AUTO(jp_store_pods) rows = {0};
    if (jp_record_read_pod(dir_fd, uuid, &pod, err) < 0)
        return -1;
    if (!jp_store_exists(dir_fd, "manifest"))
        (void)problem(job, "pod", uuid, "has no manifest");
    for (size_t i = 0; i < pod.n_apps; i++) {
        if (!jp_store_exists(job->store->images_fd, pod.apps[i].image_id))
            (void)problem(job, "pod", uuid, "uses an image that is not here");
    }
    for (size_t i = 0; i < pod.pins.count; i++) {
        if (!jp_store_exists(job->store->images_fd, pod.pins.items[i]))
            (void)problem(job, "pod", uuid, "depends on an image that is not here");
    }
    if (jp_rows_read_pods(job->db, JP_ROWS_BY_UUID, uuid, &rows, err) < 0 ||
        (rows.count == 1 && jp_rows_read_pins(job->db, uuid, &rows.items[0].pins, err) < 0))
        return -1;
    return rows.count == 1 && same_pods(&pod, &rows.items[0]);
}

static int has_pod(struct jp_db *db, const char *uuid, struct jp_error *err)
{
    int64_t key;
    return jp_db_number(db, err, &key, "SELECT pod FROM pods WHERE uuid = ?", "s", uuid);
}

/* ---- the walk ----------------------------------------------------------------------------------
 */

static const struct kind image_kind = {
    .name = "image",
    .rows_sql = "SELECT id FROM images ORDER BY id",
    .enter = enter_image,
    .remove = jp_rows_remove_image,
    .compare = compare_image,
    .has_row = jp_rows_has_image,
};
static const struct kind pod_kind = {
    .name = "pod",
    .rows_sql = "SELECT uuid FROM pods ORDER BY uuid",
    .enter = enter_pod,
    .remove = jp_rows_remove_pod,
    .compare = compare_pod,
    .has_row = has_pod,
};

static int read_keys(struct jp_db *db, const char *sql, struct jp_strv *ret, struct jp_error *err)
{
    struct sqlite3_stmt *row = jp_db_query(db, err, sql, "");
    int r = row ? 1 : -1;
    while (r > 0 && (r = jp_db_step(db, row, err)) > 0) {
        if (jp_strv_add_owned(ret, jp_db_copy(row, 0)) < 0) {
            jp_db_finish(row);
            return jp_oom(err);
        }
    }
    return r;
}

/* A failure about one object is its problem, not the end of the walk; out of memory is. */
static int absorb(struct jp_reconcile *job, const struct kind *kind, const char *key,
                  struct jp_error *why, struct jp_error *err)
{
    if (why->code == JP_ENOMEM || why->code == JP_ESYS) {
        if (err)
            jp_error_move(err, why);
        return -1;
    }
    return problem(job, kind->name, key, jp_error_text(why));
}

/* Enters one object completely or not at all. */
static int enter_guarded(struct jp_reconcile *job, const struct kind *kind, int dir_fd,
                         const char *key, struct jp_error *why)
{
    if (jp_db_run(job->db, why, "SAVEPOINT object", "") < 0)
        return -1;
    int r = kind->enter(job, dir_fd, key, why);
    if (r < 0 && jp_db_run(job->db, NULL, "ROLLBACK TO object", "") < 0)
        return -1;
    if (jp_db_run(job->db, r < 0 ? NULL : why, "RELEASE object", "") < 0)
        return -1;
    return r;
}

static int handle_orphan_dir(struct jp_reconcile *job, const struct kind *kind, int parent_fd,
                             const char *key, struct jp_error *err)
{
    if (!job->repair)
        return problem(job, kind->name, key, "is not in the database");
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    JP_AUTO_FD int fd = jp_fd_open_dir(parent_fd, key, &why);
    /* ENOTDIR, ELOOP: something that is none of ours. */
    if (fd < 0)
        return problem(job, kind->name, key, jp_error_text(&why));
    if (enter_guarded(job, kind, fd, key, &why) < 0)
        return absorb(job, kind, key, &why, err);
    jp_reconcile_say(job, kind->name, key, "entered in the database");
    return 0;
}

static int handle_orphan_row(struct jp_reconcile *job, const struct kind *kind, const char *key,
                             struct jp_error *err)
{
    if (!job->repair)
        return problem(job, kind->name, key, "is in the database only");
    if (kind->remove(job->db, key, err) < 0)
        return -1;
    jp_reconcile_say(job, kind->name, key, "removed from the database: its directory is gone");
    return 0;
}

/* A renaming was interrupted, or somebody wants to know: what does the record say? */
static int handle_both(struct jp_reconcile *job, const struct kind *kind, int parent_fd,
                       const char *key, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    JP_AUTO_FD int fd = jp_fd_open_dir(parent_fd, key, &why);
    if (fd < 0)
        return problem(job, kind->name, key, jp_error_text(&why));
    int same = kind->compare(job, fd, key, &why);
    if (same < 0)
        return absorb(job, kind, key, &why, err);
    if (same)
        return 0;
    if (!job->repair)
        return problem(job, kind->name, key, "differs between record and database");
    /* Entered anew with the orphans, when nothing that was wrong is in its way any more. */
    return kind->remove(job->db, key, err);
}

/* What a walk looks at: objects that have both row and directory, or those that lack one. */
enum pass {
    PASS_PAIRS,
    PASS_ORPHANS,
};

static int walk(struct jp_reconcile *job, const struct kind *kind, enum pass pass, int parent_fd,
                struct jp_error *err)
{
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    JP_AUTO(jp_strv) rows = JP_STRV_INIT;
    if (jp_store_list_dir(parent_fd, NULL, &names, err) < 0 ||
        read_keys(job->db, kind->rows_sql, &rows, err) < 0)
        return -1;
    size_t n = 0, r = 0;
    while (n < names.count || r < rows.count) {
        int order = n == names.count  ? 1
                    : r == rows.count ? -1
                                      : strcmp(names.items[n], rows.items[r]);
        const char *key = order > 0 ? rows.items[r] : names.items[n];
        int done = 0;
        if (order == 0 && pass == PASS_PAIRS)
            done = handle_both(job, kind, parent_fd, key, err);
        else if (order < 0 && pass == PASS_ORPHANS)
            done = handle_orphan_dir(job, kind, parent_fd, key, err);
        else if (order > 0 && pass == PASS_ORPHANS)
            done = handle_orphan_row(job, kind, key, err);
        n += order <= 0;
        r += order >= 0;
        if (done < 0)
            return -1;
    }
    return 0;
}

/* The object of a mark, when it has both row and directory. */
static int handle_marked(struct jp_reconcile *job, const char *key, struct jp_error *err)
{
    bool is_image = jp_image_id_valid(key);
    const struct kind *kind = is_image ? &image_kind : &pod_kind;
    int parent_fd = is_image ? job->store->images_fd : job->store->pods_fd;
    int r = kind->has_row(job->db, key, err);
    if (r <= 0 || !jp_store_exists(parent_fd, key))
        return r < 0 ? -1 : 0;
    return handle_both(job, kind, parent_fd, key, err);
}

/*
 * What was being changed when its command was killed left a mark in tmp/. Nobody writes while this
 * transaction is open, so a mark means a dead process or one that has committed already: both are
 * fine to redo.
 */
static int walk_marks(struct jp_reconcile *job, struct jp_error *err)
{
    if (jp_store_list_dir(job->store->tmp_fd, jp_mark_is, &job->marks, err) < 0)
        return -1;
    for (size_t i = 0; i < job->marks.count && !job->deep; i++) {
        if (handle_marked(job, jp_mark_key(job->marks.items[i]), err) < 0)
            return -1;
    }
    return 0;
}

/*
 * Rows that belong to nobody: foreign keys keep them from arising, other hands may not have minded
 * them.
 */
static int walk_children(struct jp_reconcile *job, struct jp_error *err)
{
    static const struct {
        const char *table;
        const char *count;
        const char *remove;
    } children[] = {
#define CHILD(table, owner, owners)                                                                \
    {table,                                                                                        \
     "SELECT count(*) FROM " table " WHERE " owner " NOT IN (SELECT " owner " FROM " owners        \
     ") HAVING count(*) > 0",                                                                      \
     "DELETE FROM " table " WHERE " owner " NOT IN (SELECT " owner " FROM " owners ")"}
        CHILD("image_labels", "image", "images"),
        CHILD("image_tags", "image", "images"),
        CHILD("image_dependencies", "image", "images"),
        CHILD("pod_apps", "pod", "pods"),
        CHILD("pod_pins", "pod", "pods"),
        CHILD("leases", "pod", "pods"),
#undef CHILD
    };
    for (size_t i = 0; i < JP_LEN(children); i++) {
        int64_t count;
        int r = jp_db_number(job->db, err, &count, children[i].count, "");
        if (r < 0)
            return -1;
        if (r == 0)
            continue;
        if (!job->repair)
            (void)problem(job, "table", children[i].table, "has rows that belong to nothing");
        else if (jp_db_run(job->db, err, children[i].remove, "") < 0)
            return -1;
        else
            jp_reconcile_say(job, "table", children[i].table, "rid of rows that belong to nothing");
    }
    return 0;
}

int jp_reconcile(struct jp_reconcile *job, struct jp_error *err)
{
    int images = job->store->images_fd, pods = job->store->pods_fd;
    if (job->deep &&
        (walk_children(job, err) < 0 || walk(job, &image_kind, PASS_PAIRS, images, err) < 0 ||
         walk(job, &pod_kind, PASS_PAIRS, pods, err) < 0))
        return -1;
    if (walk_marks(job, err) < 0)
        return -1;
    if (walk(job, &image_kind, PASS_ORPHANS, images, err) < 0)
        return -1;
    return walk(job, &pod_kind, PASS_ORPHANS, pods, err);
}

void jp_reconcile_done(struct jp_reconcile *job)
{
    for (size_t i = 0; job->repair && i < job->marks.count; i++)
        (void)jp_sys.unlinkat(job->store->tmp_fd, job->marks.items[i], 0);
    jp_strv_clear(&job->marks);
}
