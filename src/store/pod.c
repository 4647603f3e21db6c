/*
 * Pods: entered with name and leased address, found, renamed, removed; the clones of their apps.
 *
 * As for images, a directory is renamed inside the transaction that changes its rows. Everything a
 * pod claims (uuid, name, address) is a UNIQUE column, so that two commands at once can never get
 * the same, and the record in its directory says it once more for the day the database is lost.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appc/id.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/time.h"
#include "store/driver/dataset.h"
#include "store/internal.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/lock.h"

#define MAX_NAMED  8 /* in the text about an ambiguous word */
#define OWNER_FILE "owner"

/* ---- making ------------------------------------------------------------------------------------
 */

static int check_image(struct jp_store *store, const char *id, struct jp_error *err)
{
    int r = jp_rows_has_image(store->db, id, err);
    if (r < 0)
        return -1;
    if (r == 0 || !jp_store_exists(store->images_fd, id))
        return jp_fail(err, JP_ENOTFOUND, 0, "there is no image %.19s", id);
    return 0;
}

static int check_claims(struct jp_store *store, const struct jp_store_pod *pod,
                        struct jp_error *err)
{
    int64_t key;
    int r =
        jp_db_number(store->db, err, &key, "SELECT pod FROM pods WHERE name = ?", "s", pod->name);
    if (r != 0)
        return r < 0 ? -1
                     : jp_fail(err, JP_EEXISTS, 0, "there is a pod called '%s' already", pod->name);
    r = jp_db_number(store->db, err, &key, "SELECT pod FROM pods WHERE uuid = ?", "s", pod->uuid);
    if (r < 0)
        return -1;
    if (r > 0 || jp_store_exists(store->pods_fd, pod->uuid))
        return jp_fail(err, JP_EEXISTS, 0, "there is a pod %s already", pod->uuid);
    for (size_t i = 0; i < pod->n_apps; i++) {
        if (check_image(store, pod->apps[i].image_id, err) < 0)
            return jp_wrap(err, "app '%s'", pod->apps[i].name);
    }
    for (size_t i = 0; i < pod->pins.count; i++) {
        if (check_image(store, pod->pins.items[i], err) < 0)
            return -1;
    }
    return 0;
}

/* Fills the directory that becomes the pod's. */
static int write_pod(int dir_fd, struct jp_store_pod_request *request, struct jp_error *err)
{
    static const char *const parts[] = {"apps", "volumes", "logs"};
    for (size_t i = 0; i < JP_LEN(parts); i++) {
        if (jp_sys.mkdirat(dir_fd, parts[i], 0700) < 0)
            return jp_fail_sys(err, "make directory '%s'", parts[i]);
    }
    const struct jp_store_pod *pod = request->pod;
    JP_AUTO_FREE char *manifest = request->manifest(request->context, pod->address, err);
    if (!manifest)
        return -1;
    bool durable = !request->is_volatile;
    if (request->is_owned) {
        request->owner_fd = jp_lock_take(dir_fd, OWNER_FILE, JP_LOCK_LIFE, false, err);
        if (request->owner_fd < 0)
            return -1;
    }
    if (jp_store_write_new(dir_fd, "manifest", manifest, strlen(manifest), durable, err) < 0)
        return -1;
    return jp_record_write_pod(dir_fd, pod, durable, err);
}

/* Inside the transaction. *ret_renamed tells whether the directory is in place. */
static int enter_pod(struct jp_store *store, const char *tmp_name, int tmp_fd,
                     struct jp_store_pod_request *request, bool *ret_renamed, struct jp_error *err)
{
    struct jp_store_pod *pod = request->pod;
    if (check_claims(store, pod, err) < 0)
        return -1;
    if (request->wants_address) {
        uint32_t address;
        char text[16];
        if (jp_lease_choose(store, request, &address, err) < 0)
            return -1;
        jp_quad_format(address, text);
        pod->address = jp_strdup(text);
        if (!pod->address)
            return jp_oom(err);
    }
    if (jp_rows_add_pod(store->db, pod, err) < 0 || write_pod(tmp_fd, request, err) < 0)
        return -1;
    if (jp_sys.renameat(store->tmp_fd, tmp_name, store->pods_fd, pod->uuid) < 0)
        return jp_fail_sys(err, "move the pod into place");
    *ret_renamed = true;
    if (!request->is_volatile && jp_sys.fsync(store->pods_fd) < 0)
        return jp_fail_sys(err, "sync 'pods'");
    return 0;
}

int jp_store_pod_create(struct jp_store *store, struct jp_store_pod_request *request,
                        struct jp_error *err)
{
    struct jp_store_pod *pod = request->pod;
    char name[JP_TMP_NAME_SIZE] = "";
    bool renamed = false;
    struct jp_db *db = jp_store_db(store, err);
    if (!db)
        return -1;
    request->owner_fd = -1;
    free(jp_take(&pod->address));
    if (pod->created_ns == 0)
        pod->created_ns = jp_time_now_ns();
    if (jp_store_pod_check(pod, err) < 0)
        return -1;
    JP_AUTO_FD int fd = jp_tmp_make(store->tmp_fd, name, err);
    if (fd < 0)
        return -1;
    int r = jp_db_begin(db, err);
    if (r == 0)
        r = jp_db_end(db, enter_pod(store, name, fd, request, &renamed, err), err);
    if (r == 0)
        return 0;
    if (request->is_owned)
        jp_fd_close(&request->owner_fd);
    if (renamed)
        (void)jp_sys.renameat(store->pods_fd, pod->uuid, store->tmp_fd, name);
    (void)jp_trash_empty(store->tmp_fd, name, NULL);
    free(jp_take(&pod->address));
    return jp_wrap(err, "make pod '%s'", pod->name);
}

bool jp_store_pod_is_orphan(int pod_fd)
{
    return jp_store_exists(pod_fd, OWNER_FILE) && jp_lock_is_held(pod_fd, OWNER_FILE, NULL) == 0;
}

int jp_store_pod_disown(int pod_fd, struct jp_error *err)
{
    if (jp_sys.unlinkat(pod_fd, OWNER_FILE, 0) < 0 && errno != ENOENT)
        return jp_fail_sys(err, "remove '%s'", OWNER_FILE);
    return 0;
}

/* ---- finding -----------------------------------------------------------------------------------
 */

int jp_store_pod_list(struct jp_store *store, struct jp_store_pods *ret, struct jp_error *err)
{
    struct jp_db *db = jp_store_db(store, err);
    return db ? jp_rows_read_pods(db, JP_ROWS_ALL, NULL, ret, err) : -1;
}

/* Exactly one of several pods. */
static int take_only(struct jp_store_pods *pods, const char *word, struct jp_store_pod *ret,
                     struct jp_error *err)
{
    if (pods->count == 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "there is no pod '%s'", word);
    if (pods->count == 1) {
        *ret = pods->items[0];
        pods->count = 0;
        return 0;
    }
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    for (size_t i = 0; i < pods->count && i < MAX_NAMED; i++)
        jp_buf_printf(&text, "%s%s (%s)", i ? ", " : "", pods->items[i].uuid, pods->items[i].name);
    if (pods->count > MAX_NAMED)
        jp_buf_printf(&text, " and %zu more", pods->count - MAX_NAMED);
    return jp_fail(err, JP_EAMBIGUOUS, 0, "'%s' may mean %s", word, jp_buf_text(&text));
}

/*
 * A directory without a row whose record cannot be read (a power cut took what was never synced):
 * known by its UUID alone, so that it can be destroyed.
 */
static int find_wreck(struct jp_store *store, const char *uuid, struct jp_store_pod *ret,
                      struct jp_error *err)
{
    JP_AUTO_FD int fd = -1;
    struct jp_store_pod pod = {0};
    if (jp_store_pod_open(store, uuid, &fd, err) < 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "there is no pod '%s'", uuid);
    if (jp_record_read_pod(fd, uuid, &pod, NULL) < 0) {
        pod.uuid = jp_strdup(uuid);
        pod.name = jp_strdup(uuid);
        if (!pod.uuid || !pod.name) {
            jp_store_pod_clear(&pod);
            return jp_oom(err);
        }
    }
    *ret = pod;
    return 0;
}

int jp_store_pod_find(struct jp_store *store, const char *word, struct jp_store_pod *ret,
                      struct jp_error *err)
{
    struct jp_db *db = jp_store_db(store, err);
    if (!db)
        return -1;
    enum jp_rows_pods which = jp_uuid_valid(word) ? JP_ROWS_BY_UUID : JP_ROWS_BY_NAME;
    JP_AUTO(jp_store_pods) pods = {0};
    if (jp_rows_read_pods(db, which, word, &pods, err) < 0)
        return -1;
    /* A name that is there wins over the beginning of a UUID. */
    size_t len = strlen(word);
    bool may_begin = len > 0 && len < JP_UUID_SIZE && strspn(word, "0123456789abcdef-") == len;
    if (pods.count == 0 && which == JP_ROWS_BY_NAME && may_begin &&
        jp_rows_read_pods(db, JP_ROWS_BY_PREFIX, word, &pods, err) < 0)
        return -1;
    if (pods.count == 0 && which == JP_ROWS_BY_UUID)
        return find_wreck(store, word, ret, err);
    return take_only(&pods, word, ret, err);
}

int jp_store_pod_pins(struct jp_store *store, const char *uuid, struct jp_strv *ret,
                      struct jp_error *err)
{
    struct jp_db *db = jp_store_db(store, err);
    return db ? jp_rows_read_pins(db, uuid, ret, err) : -1;
}

int jp_store_pod_open(struct jp_store *store, const char *uuid, int *ret_dir_fd,
                      struct jp_error *err)
{
    if (!jp_uuid_valid(uuid))
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not a UUID", uuid);
    int fd = jp_fd_open_dir(store->pods_fd, uuid, NULL);
    if (fd < 0)
        return errno == ENOENT ? jp_fail(err, JP_ENOTFOUND, 0, "no pod %s", uuid)
                               : jp_fail_sys(err, "open pod %s", uuid);
    *ret_dir_fd = fd;
    return 0;
}

/* ---- renaming ----------------------------------------------------------------------------------
 */

/* Inside the transaction. */
static int rename_inside(struct jp_store *store, const char *uuid, const char *name,
                         struct jp_error *err)
{
    JP_AUTO(jp_store_pods) pods = {0};
    JP_AUTO(jp_store_pod) pod = {0};
    JP_AUTO_FD int fd = -1;
    int64_t taken = 0;
    int r = jp_db_number(store->db, err, &taken, "SELECT 1 FROM pods WHERE name = ? AND uuid <> ?",
                         "ss", name, uuid);
    if (r != 0)
        return r < 0 ? -1 : jp_fail(err, JP_EEXISTS, 0, "there is a pod called '%s' already", name);
    if (jp_rows_read_pods(store->db, JP_ROWS_BY_UUID, uuid, &pods, err) < 0 ||
        take_only(&pods, uuid, &pod, err) < 0 || jp_store_pod_open(store, uuid, &fd, err) < 0 ||
        jp_rows_read_pins(store->db, uuid, &pod.pins, err) < 0)
        return -1;
    if (jp_mark_set(store, uuid, err) < 0 ||
        jp_db_run(store->db, err, "UPDATE pods SET name = ? WHERE uuid = ?", "ss", name, uuid) < 0)
        return -1;
    free(pod.name);
    pod.name = jp_strdup(name);
    if (!pod.name)
        return jp_oom(err);
    if (jp_record_write_pod(fd, &pod, true, err) == 0)
        return 0;
    /* Replaced or not? gc lets the record win; one that was not touched needs no mark. */
    JP_AUTO(jp_store_pod) recorded = {0};
    if (jp_record_read_pod(fd, uuid, &recorded, NULL) == 0 && strcmp(recorded.name, name) != 0)
        jp_mark_drop(store, uuid);
    return -1;
}

int jp_store_pod_rename(struct jp_store *store, const char *uuid, const char *name,
                        struct jp_error *err)
{
    if (!jp_uuid_valid(uuid) || !jp_pod_name_valid(name))
        return jp_fail(err, JP_EINVALID, 0, "bad pod name '%s'", name);
    struct jp_db *db = jp_store_db(store, err);
    if (!db || jp_db_begin(db, err) < 0)
        return -1;
    /* When this fails after the record was replaced, the mark stays: gc lets the record win. */
    if (jp_db_end(db, rename_inside(store, uuid, name, err), err) < 0)
        return jp_wrap(err, "rename pod %s", uuid);
    jp_mark_drop(store, uuid);
    return 0;
}

/* ---- clones ------------------------------------------------------------------------------------
 */

static int clone_app(struct jp_store *store, const struct jp_store_pod *pod, size_t index,
                     int apps_fd, const struct jp_strv *layers, struct jp_plan_root *ret,
                     struct jp_error *err)
{
    const char *name = pod->apps[index].name;
    struct jp_driver_context ctx = jp_store_driver_context(store);
    JP_AUTO_FREE char *path = jp_format("%s/pods/%s/apps/%s", store->root, pod->uuid, name);
    if (!path)
        return jp_oom(err);
    JP_AUTO_FD int fd = jp_fd_make_dir(apps_fd, name, 0700, err);
    if (fd < 0)
        return -1;
    if (layers->count == 0)
        return jp_fail(err, JP_EINVALID, 0, "no layers");
    return store->driver->clone(&ctx, fd, path, layers, ret, err);
}

static int open_apps(struct jp_store *store, const struct jp_store_pod *pod, struct jp_error *err)
{
    JP_AUTO_FD int fd = -1;
    if (jp_store_pod_check(pod, err) < 0 || !jp_store_driver(store, NULL, err) ||
        jp_store_pod_open(store, pod->uuid, &fd, err) < 0)
        return -1;
    return jp_fd_make_dir(fd, "apps", 0700, err);
}

int jp_store_pod_clone(struct jp_store *store, const struct jp_store_pod *pod,
                       const struct jp_strv *layers, struct jp_plan_root *roots,
                       struct jp_error *err)
{
    JP_AUTO_FD int apps_fd = open_apps(store, pod, err);
    if (apps_fd < 0)
        return -1;
    for (size_t i = 0; i < pod->n_apps; i++) {
        if (clone_app(store, pod, i, apps_fd, &layers[i], &roots[i], err) < 0)
            return jp_wrap(err, "root file system of app '%s'", pod->apps[i].name);
    }
    return 0;
}

/* Out of the way; what nobody uses makes room for the next one. */
static int set_aside(struct jp_store *store, int apps_fd, const char *name, struct jp_error *err)
{
    char trashed[JP_TMP_NAME_SIZE];
    JP_AUTO_FD int fd = -1;
    JP_AUTO_FD int held = -1;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (jp_trash_take(store->tmp_fd, apps_fd, name, JP_TRASH_OBJECT, trashed, &fd, &why) < 0) {
        if (why.code == JP_ENOTFOUND)
            return 0;
        jp_error_move(err, &why);
        return -1;
    }
    jp_fd_close(&fd); /* if it was ours, it is so again now */
    if (!jp_trash_is_abandoned(store->tmp_fd, trashed, &held))
        return 0;
    return jp_trash_empty(store->tmp_fd, trashed, err);
}

int jp_store_pod_reclone(struct jp_store *store, const struct jp_store_pod *pod,
                         const struct jp_strv *layers, struct jp_plan_root *root,
                         struct jp_error *err)
{
    JP_AUTO_FD int apps_fd = open_apps(store, pod, err);
    if (apps_fd < 0)
        return -1;
    if (set_aside(store, apps_fd, pod->apps[0].name, err) < 0 ||
        clone_app(store, pod, 0, apps_fd, layers, root, err) < 0)
        return jp_wrap(err, "root file system of app '%s'", pod->apps[0].name);
    return 0;
}

int jp_store_pod_mount(int pod_fd, struct jp_error *err)
{
    return jp_dataset_mount_object(pod_fd, err);
}

int jp_store_volume_make(struct jp_store *store, int volumes_fd, const char *name,
                         const struct jp_driver_volume *volume, struct jp_error *err)
{
    struct jp_driver_context ctx = jp_store_driver_context(store);
    const struct jp_driver_ops *driver = jp_store_driver(store, NULL, err);
    if (!driver || jp_dataset_mount(volumes_fd, name, err) < 0)
        return -1;
    if (jp_store_exists(volumes_fd, name))
        return 0;
    return driver->volume(&ctx, volumes_fd, name, volume, err);
}

int jp_store_pod_unclone(struct jp_store *store, const struct jp_store_pod *pod,
                         struct jp_error *err)
{
    JP_AUTO_FD int apps_fd = open_apps(store, pod, err);
    if (apps_fd < 0)
        return -1;
    struct jp_driver_context ctx = jp_store_driver_context(store);
    for (size_t i = 0; i < pod->n_apps; i++) {
        JP_AUTO_FD int fd = jp_fd_open_dir(apps_fd, pod->apps[i].name, NULL);
        if (fd < 0 && errno == ENOENT)
            continue;
        if (fd < 0)
            return jp_fail_sys(err, "open the directory of app '%s'", pod->apps[i].name);
        if (jp_clone_remove(&ctx, fd, err) < 0)
            return jp_wrap(err, "root file system of app '%s'", pod->apps[i].name);
    }
    return 0;
}

/* ---- removing ----------------------------------------------------------------------------------
 */

static int remove_pod_row(struct jp_store *store, const char *uuid, struct jp_error *err)
{
    return jp_rows_remove_pod(store->db, uuid, err);
}

int jp_store_pod_destroy(struct jp_store *store, const char *uuid, struct jp_error *err)
{
    struct jp_removal removal = {.store = store,
                                 .kind = "pod",
                                 .key = uuid,
                                 .parent_fd = store->pods_fd,
                                 .remove_row = remove_pod_row};
    if (!jp_uuid_valid(uuid))
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not a UUID", uuid);
    if (!jp_store_db(store, err))
        return -1;
    int r = jp_removal_run(&removal, err);
    JP_UNUSED JP_AUTO_FD int fd = jp_fd_take(&removal.fd);
    if (r == 0 && removal.trashed[0])
        r = jp_trash_empty(store->tmp_fd, removal.trashed, err);
    return r < 0 ? jp_wrap(err, "destroy pod %s", uuid) : 0;
}
