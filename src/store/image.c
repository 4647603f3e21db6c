/*
 * Images: looking them up, making them (drafts), removing them.
 *
 * Making and removing rename the directory inside the transaction that changes the row. So a row
 * and its directory differ only when a process died between the two, and gc, which looks inside a
 * transaction of its own, never mistakes work in progress for wreckage (row 60 of SECURITY.md).
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appc/id.h"
#include "appc/imagename.h"
#include "base/mem.h"
#include "base/time.h"
#include "store/driver/dataset.h"
#include "store/internal.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/filesystem.h"

#define MAX_USERS_NAMED 8 /* in the refusal to destroy an image */

/* ---- looking up --------------------------------------------------------------------------------
 */

static bool fits(const struct jp_store_image *image, const struct jp_store_image_query *query)
{
    if (query->name && strcmp(query->name, image->name) != 0)
        return false;
    if (query->labels && !jp_store_image_has_labels(image, query->labels))
        return false;
    for (size_t i = 0; query->tags && i < query->tags->count; i++) {
        if (!jp_strv_contains(&image->tags, query->tags->items[i]))
            return false;
    }
    return true;
}

int jp_store_image_list(struct jp_store *store, const struct jp_store_image_query *query,
                        struct jp_store_images *ret, struct jp_error *err)
{
    static const struct jp_store_image_query any = {0};
    struct jp_store_images images = {0};
    query = query ? query : &any;
    if (query->id_prefix && !jp_image_id_prefix_valid(query->id_prefix))
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not the beginning of an image id",
                       query->id_prefix);
    if (jp_rows_read_images(store, query->id_prefix, query->name, &images, err) < 0)
        return -1;
    size_t kept = 0;
    for (size_t i = 0; i < images.count; i++) {
        if (fits(&images.items[i], query))
            images.items[kept++] = images.items[i];
        else
            jp_store_image_clear(&images.items[i]);
    }
    images.count = kept;
    *ret = images;
    return 0;
}

int jp_store_image_open(struct jp_store *store, const char *id, int *ret_dir_fd,
                        struct jp_error *err)
{
    if (jp_image_id_check(id, err) < 0)
        return -1;
    int fd = jp_fd_open_dir(store->images_fd, id, NULL);
    if (fd < 0)
        return errno == ENOENT ? jp_fail(err, JP_ENOTFOUND, 0, "no image %s", id)
                               : jp_fail_sys(err, "open image %s", id);
    if (jp_dataset_mount(fd, "rootfs", err) < 0) {
        jp_fd_close(&fd);
        return jp_wrap(err, "image %.19s", id);
    }
    *ret_dir_fd = fd;
    return 0;
}

int jp_store_image_manifest(struct jp_store *store, const char *id, char **ret, size_t *ret_len,
                            struct jp_error *err)
{
    JP_AUTO_FD int fd = -1;
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (jp_store_image_open(store, id, &fd, err) < 0)
        return -1;
    if (jp_file_read(fd, "manifest", JP_STORE_MANIFEST_MAX, &text, err) < 0)
        return jp_wrap(err, "image %s", id);
    size_t len = text.len;
    char *bytes = len ? jp_buf_steal(&text) : jp_strdup("");
    if (!bytes)
        return jp_oom(err);
    *ret = bytes;
    *ret_len = len;
    return 0;
}

/* ---- drafts ------------------------------------------------------------------------------------
 */

int jp_store_draft_begin(struct jp_store *store, struct jp_store_draft *ret, struct jp_error *err)
{
    const struct jp_driver_ops *driver = jp_store_driver(store, NULL, err);
    if (!driver)
        return -1;
    struct jp_store_draft draft = JP_STORE_DRAFT_INIT;
    _Static_assert(sizeof(draft.name) == JP_TMP_NAME_SIZE, "the header states the size");
    struct jp_driver_context ctx = jp_store_driver_context(store);
    draft.lock_fd = jp_tmp_make(store->tmp_fd, draft.name, err);
    if (draft.lock_fd < 0)
        return -1;
    draft.path = jp_format("%s/tmp/%s", store->root, draft.name);
    draft.dir_fd = draft.path ? jp_fd_open_dir(store->tmp_fd, draft.name, err) : jp_oom(err);
    if (draft.dir_fd >= 0 && driver->image_create(&ctx, draft.dir_fd, err) == 0)
        draft.rootfs_fd = jp_fd_open_dir(draft.dir_fd, "rootfs", err);
    if (draft.rootfs_fd < 0) {
        jp_store_draft_abort(store, &draft);
        return jp_wrap(err, "begin an image");
    }
    *ret = draft;
    return 0;
}

static void forget_draft(struct jp_store_draft *draft)
{
    jp_fd_close(&draft->dir_fd);
    jp_fd_close(&draft->rootfs_fd);
    jp_fd_close(&draft->lock_fd);
    free(draft->path);
    *draft = (struct jp_store_draft)JP_STORE_DRAFT_INIT;
}

void jp_store_draft_abort(struct jp_store *store, struct jp_store_draft *draft)
{
    jp_fd_close(&draft->rootfs_fd); /* what is open cannot be unmounted */
    if (draft->name[0])
        (void)jp_trash_empty(store->tmp_fd, draft->name, NULL);
    forget_draft(draft);
}

/* Everything that can be done before anybody else could see it. */
static int finish_draft(struct jp_store *store, struct jp_store_draft *draft,
                        const struct jp_store_image *image, struct jp_error *err)
{
    const struct jp_driver_ops *driver = jp_store_driver(store, NULL, err);
    struct jp_driver_context ctx = jp_store_driver_context(store);
    /* A tree that is in use cannot be sealed. */
    jp_fd_close(&draft->rootfs_fd);
    if (!driver || jp_store_image_check(image, err) < 0 ||
        jp_record_write_image(draft->dir_fd, image, /* durable= */ false, err) < 0 ||
        driver->image_seal(&ctx, draft->dir_fd, err) < 0)
        return -1;
    return jp_filesystem_sync(draft->dir_fd) < 0 ? jp_fail_sys(err, "sync the image") : 0;
}

/*
 * The image is there but its row is not: a process died in between. The row is entered from what
 * lies there, in the caller's transaction.
 */
static int adopt_image(struct jp_store *store, struct jp_db *db, const char *id,
                       struct jp_error *err)
{
    JP_AUTO_FD int fd = -1;
    JP_AUTO(jp_store_image) found = {0};
    if (jp_store_image_open(store, id, &fd, err) < 0 ||
        jp_record_read_image(fd, id, &found, err) < 0)
        return -1;
    return jp_rows_add_image(db, &found, err);
}

/* Inside the transaction. *ret_is_new tells whether the draft became the image. */
static int enter_draft(struct jp_store *store, struct jp_store_draft *draft,
                       const struct jp_store_image *image, bool *ret_is_new, struct jp_error *err)
{
    struct jp_db *db = store->db;
    int r = jp_rows_has_image(db, image->id, err);
    if (r != 0)
        return r < 0 ? -1 : 0;
    if (jp_store_exists(store->images_fd, image->id))
        return adopt_image(store, db, image->id, err);
    if (jp_rows_add_image(db, image, err) < 0)
        return -1;
    if (jp_sys.renameat(store->tmp_fd, draft->name, store->images_fd, image->id) < 0)
        return jp_fail_sys(err, "move the image into place");
    *ret_is_new = true;
    return jp_sys.fsync(store->images_fd) < 0 ? jp_fail_sys(err, "sync 'images'") : 0;
}

int jp_store_draft_commit(struct jp_store *store, struct jp_store_draft *draft,
                          const struct jp_store_image *image, struct jp_error *err)
{
    bool is_new = false;
    struct jp_db *db = jp_store_db(store, err);
    struct jp_store_image complete = *image;
    if (complete.imported_ns == 0)
        complete.imported_ns = jp_time_now_ns();
    int r = db ? finish_draft(store, draft, &complete, err) : -1;
    if (r == 0)
        r = jp_db_begin(db, err);
    if (r == 0)
        r = jp_db_end(db, enter_draft(store, draft, &complete, &is_new, err), err);
    if (r == 0 && is_new) {
        forget_draft(draft);
        jp_db_trim(db);
        jp_reserve_fill(store->root_fd);
        return 0;
    }
    /* Renamed, but not entered: back to where the abort finds it. */
    if (is_new)
        (void)jp_sys.renameat(store->images_fd, image->id, store->tmp_fd, draft->name);
    jp_store_draft_abort(store, draft);
    return r < 0 ? jp_wrap(err, "enter image %.19s", image->id ? image->id : "")
                 : jp_fail(err, JP_EEXISTS, 0, "image %s is here already", image->id);
}

/* ---- removing ----------------------------------------------------------------------------------
 */

/* Who uses an image, for the refusal to destroy it. */
struct users {
    struct jp_buf text; /* "image 'NAME' (sha512-0123...), pod 'NAME' (UUID)" */
    unsigned count;
};

static void add_user(struct users *users, const char *kind, const char *name, const char *id)
{
    if (users->count++ < MAX_USERS_NAMED)
        jp_buf_printf(&users->text, "%s%s '%s' (%s)", users->text.len ? ", " : "", kind, name, id);
}

/* Pods that run it, and images that depend on it by its id. */
static int find_users(struct jp_db *db, const char *id, struct users *users, struct jp_error *err)
{
    struct sqlite3_stmt *row = jp_db_query(
        db, err,
        "SELECT DISTINCT 'pod', p.name, substr(p.uuid, 1, 8) FROM pod_apps AS a"
        " JOIN pods AS p USING (pod) WHERE a.image_id = ?1"
        " UNION ALL SELECT DISTINCT 'image', i.name, substr(i.id, 1, 19)"
        " FROM image_dependencies AS d JOIN images AS i USING (image) WHERE d.dependency_id = ?1"
        " UNION SELECT 'pod', p.name, substr(p.uuid, 1, 8) FROM pod_pins AS n"
        " JOIN pods AS p USING (pod) WHERE n.image_id = ?1",
        "s", id);
    if (!row)
        return -1;
    int r;
    while ((r = jp_db_step(db, row, err)) > 0)
        add_user(users, jp_db_text(row, 0), jp_db_text(row, 1), jp_db_text(row, 2));
    return r;
}

/* Is the image the only one here that a dependency by name can mean? */
static bool is_only_choice(const struct jp_store_images *namesakes, const char *id,
                           const char *word)
{
    JP_AUTO(jp_image_name) want = JP_IMAGE_NAME_INIT;
    bool fits_this = false, fits_other = false;
    if (jp_image_name_parse(word, &want, NULL) < 0)
        return false;
    for (size_t i = 0; i < namesakes->count; i++) {
        const struct jp_store_image *image = &namesakes->items[i];
        bool fits = jp_store_image_has_labels(image, &want.labels);
        if (strcmp(image->id, id) == 0)
            fits_this = fits;
        else
            fits_other = fits_other || fits;
    }
    return fits_this && !fits_other;
}

/* Images that depend on it by its name; *ret_any tells whether any names it at all. */
static int find_users_by_name(struct jp_store *store, const char *id,
                              const struct jp_store_images *namesakes, struct users *users,
                              bool *ret_any, struct jp_error *err)
{
    /* "name", "name:version" and "name,label=value" */
    struct sqlite3_stmt *row =
        jp_db_query(store->db, err,
                    "SELECT d.dependency_id, i.name, substr(i.id, 1, 19)"
                    " FROM image_dependencies AS d JOIN images AS i USING (image)"
                    " WHERE d.dependency_id = ?1"
                    " OR substr(d.dependency_id, 1, length(?1) + 1) IN (?1 || ':', ?1 || ',')",
                    "s", namesakes->items[0].name);
    int r = row ? 1 : -1;
    while (r > 0 && (r = jp_db_step(store->db, row, err)) > 0) {
        *ret_any = true;
        if (is_only_choice(namesakes, id, jp_db_text(row, 0)))
            add_user(users, "image", jp_db_text(row, 1), jp_db_text(row, 2));
    }
    return r;
}

/* A dependency by name may mean a newer image by now: clones still stand on what it meant then. */
static int check_clones(struct jp_store *store, const char *id, struct jp_error *err)
{
    JP_AUTO(jp_strv) used = JP_STRV_INIT;
    if (jp_views_used(store, &used, err) < 0)
        return -1;
    if (!jp_strv_contains(&used, id))
        return 0;
    return jp_fail(err, JP_EBUSY, 0, "the root file system of a pod's last run stands on it");
}

static int check_unused(struct jp_store *store, const char *id, struct jp_error *err)
{
    JP_AUTO(jp_store_images) image = {0};
    JP_AUTO(jp_store_images) namesakes = {0};
    struct users users = {.count = 0};
    bool is_named = false;
    int r = find_users(store->db, id, &users, err);
    if (r == 0)
        r = jp_rows_read_images(store, id, NULL, &image, err);
    if (r == 0 && image.count > 0)
        r = jp_rows_read_images(store, NULL, image.items[0].name, &namesakes, err);
    if (r == 0 && namesakes.count > 0)
        r = find_users_by_name(store, id, &namesakes, &users, &is_named, err);
    if (r == 0 && users.count > MAX_USERS_NAMED)
        jp_buf_printf(&users.text, " and %u more", users.count - MAX_USERS_NAMED);
    if (r == 0 && users.count > 0)
        r = jp_fail(err, JP_EBUSY, 0, "it is used by %s", jp_buf_text(&users.text));
    if (r == 0 && is_named)
        r = check_clones(store, id, err);
    jp_buf_clear(&users.text);
    return r;
}

static int remove_image_row(struct jp_store *store, const char *id, struct jp_error *err)
{
    if (check_unused(store, id, err) < 0)
        return -1;
    return jp_rows_remove_image(store->db, id, err);
}

int jp_store_image_destroy(struct jp_store *store, const char *id, struct jp_error *err)
{
    struct jp_removal removal = {.store = store,
                                 .kind = "image",
                                 .key = id,
                                 .parent_fd = store->images_fd,
                                 .remove_row = remove_image_row};
    if (jp_image_id_check(id, err) < 0 || !jp_store_db(store, err))
        return -1;
    if (jp_removal_run(&removal, err) < 0)
        return jp_wrap(err, "destroy image %.19s", id);
    JP_UNUSED JP_AUTO_FD int fd = jp_fd_take(&removal.fd);
    jp_db_trim(store->db);
    if (!removal.trashed[0])
        return 0;
    return jp_trash_empty(store->tmp_fd, removal.trashed, err);
}
