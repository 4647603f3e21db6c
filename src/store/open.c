/*
 * The root directory: made, recognised, opened; the database behind it, opened on demand.
 *
 * Opening must cost next to nothing (every command does it): a handful of openat(2) and a check of
 * the version line. The database, its lock, and the storage driver wait until they are asked for.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "appc/id.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/driver/dataset.h"
#include "store/internal.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/filesystem.h"
#include "sys/lock.h"

#define ROOT_MODE      0711 /* mds/ below must be reachable for the metadata service */
#define VERSION_FORMAT "jetpack-store 1\n"
#define SMALL_FILE_MAX 4096
#define NEARLY_FULL    (256 << 10) /* bytes; several times what is shared */

/* What a root directory of ours may hold; `version` comes last, so that it marks completeness. */
static const char *const directories[] = {"tmp", "images", "pods", "keys", "mds", "net"};
static const char *const files[] = {"version", "driver",     "db",   "db-wal",
                                    "db-shm",  "db-journal", "lock", "reserve"};

static bool is_ours(const char *name)
{
    for (size_t i = 0; i < JP_LEN(directories); i++) {
        if (strcmp(name, directories[i]) == 0)
            return true;
    }
    for (size_t i = 0; i < JP_LEN(files); i++) {
        if (strcmp(name, files[i]) == 0)
            return true;
    }
    /* Left by an interrupted jp_file_replace(). */
    return strncmp(name, ".version.", 9) == 0 || strncmp(name, ".driver.", 8) == 0;
}

static bool is_foreign(const char *name)
{
    return !is_ours(name);
}

/*
 * The Go prototype kept images/UUID (with a file "metadata") beside links images/sha512-... to
 * them, and pods/UUID/jail.conf. Ours are images/sha512-... directories, so a UUID is enough.
 */
static int refuse_prototype(int root_fd, const char *root, struct jp_error *err)
{
    static const char *const kinds[][2] = {{"images", "metadata"}, {"pods", "jail.conf"}};
    for (size_t i = 0; i < JP_LEN(kinds); i++) {
        JP_AUTO_FD int fd = jp_fd_open_dir(root_fd, kinds[i][0], NULL);
        JP_AUTO(jp_strv) uuids = JP_STRV_INIT;
        if (fd < 0 || jp_store_list_dir(fd, jp_uuid_valid, &uuids, NULL) < 0)
            continue;
        for (size_t n = 0; n < uuids.count; n++) {
            JP_AUTO_FD int object = jp_fd_open_dir(fd, uuids.items[n], NULL);
            if (object < 0 || !jp_store_exists(object, kinds[i][1]))
                continue;
            return jp_fail(err, JP_EEXISTS, 0,
                           "'%s' holds data of the Go prototype of Jetpack (%s/%s/%s), which this "
                           "Jetpack cannot read: move it away or choose another root.dir",
                           root, kinds[i][0], uuids.items[n], kinds[i][1]);
        }
    }
    return 0;
}

/* Makes every missing directory on the way to the root directory, as mkdir -p. */
static int make_root(const char *root, struct jp_error *err)
{
    char path[PATH_MAX];
    size_t len = strlen(root);
    if (root[0] != '/' || len >= sizeof(path))
        return jp_fail(err, JP_EINVALID, 0, "root directory '%s' is not an absolute path", root);
    memcpy(path, root, len + 1);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (jp_sys.mkdirat(AT_FDCWD, path, 0755) < 0 && errno != EEXIST)
            return jp_fail_sys(err, "make directory '%s'", path);
        *slash = '/';
    }
    /* Not jp_fd_make_dir: the last component may be a link that the administrator made. */
    bool made = jp_sys.mkdirat(AT_FDCWD, path, ROOT_MODE) == 0;
    if (!made && errno != EEXIST)
        return jp_fail_sys(err, "make directory '%s'", path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return jp_fail_sys(err, "open '%s'", path);
    if (made && jp_sys.fchmod(fd, ROOT_MODE) < 0) {
        jp_fail_sys(err, "set mode of '%s'", path);
        jp_fd_close(&fd);
    }
    return fd;
}

static int fill_root(int root_fd, const char *root, struct jp_error *err)
{
    JP_AUTO(jp_strv) foreign = JP_STRV_INIT;
    if (refuse_prototype(root_fd, root, err) < 0 ||
        jp_store_list_dir(root_fd, is_foreign, &foreign, err) < 0)
        return -1;
    if (foreign.count > 0)
        return jp_fail(err, JP_EEXISTS, 0,
                       "'%s' is neither empty nor a root directory of Jetpack: it holds '%s'", root,
                       foreign.items[0]);
    for (size_t i = 0; i < JP_LEN(directories); i++) {
        JP_AUTO_FD int fd = jp_fd_make_dir(root_fd, directories[i], 0700, err);
        if (fd < 0)
            return -1;
    }
    jp_reserve_fill(root_fd);
    return jp_file_replace(root_fd, "version", VERSION_FORMAT, strlen(VERSION_FORMAT), 0644, true,
                           err);
}

/* 1 it is a root directory that we understand, 0 it has no version yet, -1 error. */
static int check_version(int root_fd, const char *root, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (jp_file_read(root_fd, "version", SMALL_FILE_MAX, &text, &why) < 0) {
        if (why.code == JP_ENOTFOUND)
            return 0;
        if (err)
            jp_error_move(err, &why);
        return -1;
    }
    if (strcmp(jp_buf_text(&text), VERSION_FORMAT) == 0)
        return 1;
    return jp_fail(err, JP_EUNSUPPORTED, 0,
                   "'%s' has a format that this Jetpack does not know (file 'version')", root);
}

/* Who can make entries in it can put links in the place of ours, and databases and images. */
static int check_owner(int root_fd, const char *root, struct jp_error *err)
{
    struct stat st;
    if (fstat(root_fd, &st) < 0)
        return jp_fail_sys(err, "stat '%s'", root);
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return jp_fail(err, JP_EINVALID, 0, "root directory '%s' belongs to another user (%u)",
                       root, st.st_uid);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return jp_fail(err, JP_EINVALID, 0,
                       "root directory '%s' can be written to by other users: chmod go-w", root);
    return 0;
}

/* A root directory that is a dataset is made, or mounted, before anything is put into it. */
static int prepare_dataset(const struct jp_store_options *options, struct jp_error *err)
{
    bool may_be = !options->driver || strcmp(options->driver, "auto") == 0 ||
                  strcmp(options->driver, "zfs") == 0;
    return may_be && options->zfs ? jp_dataset_prepare_root(options->zfs, options->root, err) : 0;
}

static int open_root(const struct jp_store_options *options, bool *ret_created,
                     struct jp_error *err)
{
    const char *root = options->root;
    JP_AUTO_FD int fd = root[0] == '/' ? open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0 && check_owner(fd, root, err) < 0)
        return -1;
    int known = fd < 0 ? 0 : check_version(fd, root, err);
    if (known < 0)
        return -1;
    if (known == 0) {
        jp_fd_close(&fd);
        if (prepare_dataset(options, err) < 0)
            return -1;
        fd = make_root(root, err);
        if (fd >= 0)
            known = check_version(fd, root, err);
        if (fd < 0 || known < 0 || (known == 0 && fill_root(fd, root, err) < 0))
            return -1;
    }
    *ret_created = known == 0;
    return jp_fd_take(&fd);
}

int jp_store_init(const struct jp_store_options *options, bool *ret_created, struct jp_error *err)
{
    bool created;
    JP_AUTO_FD int fd = open_root(options, &created, err);
    if (fd < 0)
        return -1;
    /* What the first import would find out is found out now: database and driver. */
    JP_AUTO_PTR(jp_store) store = NULL;
    if (jp_store_open(options, &store, err) < 0 || !jp_store_db(store, err) ||
        !jp_store_driver(store, NULL, err))
        return -1;
    *ret_created = created;
    return 0;
}

static int open_parts(struct jp_store *store, const struct jp_store_options *options,
                      struct jp_error *err)
{
    bool created;
    store->root = jp_strdup(options->root);
    store->driver_name = jp_strdup(options->driver ? options->driver : "auto");
    store->zfs = options->zfs;
    store->subnet = jp_strdup(options->subnet ? options->subnet : JP_STORE_SUBNET);
    if (!store->root || !store->driver_name || !store->subnet)
        return jp_oom(err);
    struct jp_subnet subnet;
    if (jp_lease_subnet(store->subnet, &subnet, err) < 0)
        return -1;
    store->root_fd = open_root(options, &created, err);
    if (store->root_fd < 0)
        return -1;
    store->images_fd = jp_fd_open_dir(store->root_fd, "images", err);
    store->pods_fd = store->images_fd < 0 ? -1 : jp_fd_open_dir(store->root_fd, "pods", err);
    store->tmp_fd = store->pods_fd < 0 ? -1 : jp_fd_open_dir(store->root_fd, "tmp", err);
    return store->tmp_fd < 0 ? -1 : 0;
}

int jp_store_open(const struct jp_store_options *options, struct jp_store **ret,
                  struct jp_error *err)
{
    struct jp_store *store = jp_calloc(1, sizeof(*store));
    if (!store)
        return jp_oom(err);
    store->root_fd = store->images_fd = store->pods_fd = store->tmp_fd = store->lock_fd = -1;
    store->views_fd = -1;
    store->pid = getpid();
    if (open_parts(store, options, err) < 0) {
        jp_store_free(store);
        return jp_wrap(err, "store");
    }
    *ret = store;
    return 0;
}

void jp_store_rest(struct jp_store *store)
{
    /* A child must not close SQLite's descriptors by SQLite: it would believe its locks. */
    if (store->pid == getpid())
        jp_db_free(store->db);
    else
        jp_db_abandon(store->db);
    store->db = NULL;
    jp_fd_close(&store->lock_fd);
    jp_fd_close(&store->views_fd);
}

void jp_store_free(struct jp_store *store)
{
    if (!store)
        return;
    jp_store_rest(store);
    if (store->has_spent_reserve && store->pid == getpid())
        jp_reserve_fill(store->root_fd);
    jp_fd_close(&store->root_fd);
    jp_fd_close(&store->images_fd);
    jp_fd_close(&store->pods_fd);
    jp_fd_close(&store->tmp_fd);
    free(store->root);
    free(store->driver_name);
    free(store->subnet);
    free(store->driver_why);
    free(store);
}

const char *jp_store_root(const struct jp_store *store)
{
    return store->root;
}

int jp_store_root_fd(const struct jp_store *store)
{
    return store->root_fd;
}

/* ---- the database ------------------------------------------------------------------------------
 */

/* Enters what lies on disk when the database was made from nothing. */
static int enter_everything(void *context, struct jp_error *err)
{
    struct jp_store *store = context;
    struct jp_reconcile job = {.store = store, .db = store->db, .repair = true};
    int r = jp_reconcile(&job, err);
    jp_strv_clear(&job.marks); /* left for a gc: this may be rolled back */
    return r;
}

/* Makes the file first: SQLite would make it readable for everybody. */
static int make_db_file(struct jp_store *store, struct jp_error *err)
{
    JP_AUTO_FD int fd =
        jp_sys.openat(store->root_fd, "db", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    /* Closing it cannot drop a lock of SQLite's: nobody has it open yet. */
    if (fd < 0 && errno != EEXIST)
        return jp_fail_sys(err, "make the database");
    return 0;
}

/* No room for what commands that use the database together share: see jp_db_open(). */
static bool is_nearly_full(const struct jp_store *store)
{
    uint64_t room;
    return jp_filesystem_free(store->root_fd, &room) == 0 && room < NEARLY_FULL;
}

/* One way in: opens the file under the lock that is held; *ret_version 0 means it must be made. */
static int open_db(struct jp_store *store, bool exclusive, int *ret_version, struct jp_error *err)
{
    JP_AUTO_FREE char *path = jp_format("%s/db", store->root);
    if (!path)
        return jp_oom(err);
    bool alone = exclusive || is_nearly_full(store);
    store->lock_fd =
        jp_lock_take(store->root_fd, "lock", alone ? JP_LOCK_EXCLUSIVE : JP_LOCK_SHARED, true, err);
    if (store->lock_fd < 0)
        return jp_wrap(err, "%s", store->root);
    if (!jp_store_exists(store->root_fd, "db")) {
        *ret_version = 0;
        if (!exclusive)
            return 0;
        if (make_db_file(store, err) < 0)
            return -1;
    }
    return jp_db_open(path, alone, &store->db, ret_version, err);
}

static int prepare_db(struct jp_store *store, struct jp_error *err)
{
    int version;
    if (open_db(store, false, &version, err) < 0)
        return -1;
    if (version == 0) {
        /* Making it is one process's work; the others wait here and find it made. */
        jp_store_rest(store);
        if (open_db(store, true, &version, err) < 0)
            return -1;
        if (jp_db_migrate(store->db, enter_everything, store, err) < 0)
            return -1;
        jp_store_rest(store);
        return open_db(store, false, &version, err);
    }
    /* Does nothing when the schema is current. */
    return jp_db_migrate(store->db, NULL, NULL, err);
}

struct jp_db *jp_store_db(struct jp_store *store, struct jp_error *err)
{
    if (store->pid != getpid()) {
        jp_fail(err, JP_EINVALID, 0, "the store was opened by another process");
        return NULL;
    }
    if (!store->db && prepare_db(store, err) < 0) {
        jp_store_rest(store);
        return NULL;
    }
    return store->db;
}

/* ---- the driver --------------------------------------------------------------------------------
 */

struct jp_driver_context jp_store_driver_context(const struct jp_store *store)
{
    return (struct jp_driver_context){
        .root_fd = store->root_fd, .root_path = store->root, .zfs = store->zfs};
}

static const struct jp_driver_ops *driver_by_name(const char *name, size_t len)
{
    for (size_t i = 0; jp_drivers[i]; i++) {
        if (strlen(jp_drivers[i]->name) == len && strncmp(jp_drivers[i]->name, name, len) == 0)
            return jp_drivers[i];
    }
    return NULL;
}

static int use_driver(struct jp_store *store, const struct jp_driver_ops *driver, const char *why,
                      struct jp_error *err)
{
    store->driver_why = jp_strdup(why);
    if (!store->driver_why)
        return jp_oom(err);
    store->driver = driver;
    return 0;
}

#define WHY_SET "set by storage.driver"

/*
 * The choice of an earlier command: "NAME\nREASON\n". 1 used, 0 there is none (or it answered
 * another question). So a driver is probed once, not by every command.
 */
static int recall_driver(struct jp_store *store, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (jp_file_read(store->root_fd, "driver", SMALL_FILE_MAX, &text, NULL) < 0)
        return 0;
    const char *line = jp_buf_text(&text);
    size_t len = strcspn(line, "\n");
    const struct jp_driver_ops *driver = driver_by_name(line, len);
    if (!driver || line[len] != '\n')
        return 0;
    JP_AUTO_FREE char *why = jp_memdup0(line + len + 1, strcspn(line + len + 1, "\n"));
    if (!why)
        return jp_oom(err);
    bool was_set = strcmp(why, WHY_SET) == 0;
    bool is_wanted = strcmp(store->driver_name, "auto") == 0
                         ? !was_set
                         : was_set && strcmp(store->driver_name, driver->name) == 0;
    if (!is_wanted)
        return 0;
    return use_driver(store, driver, why, err) < 0 ? -1 : 1;
}

static int remember_driver(struct jp_store *store, struct jp_error *err)
{
    JP_AUTO_FREE char *text = jp_format("%s\n%s\n", store->driver->name, store->driver_why);
    if (!text)
        return jp_oom(err);
    return jp_file_replace(store->root_fd, "driver", text, strlen(text), 0600, false, err);
}

/* Tries drivers in order; the reason tells what those before could not. */
static int choose_driver(struct jp_store *store, struct jp_error *err)
{
    struct jp_driver_context ctx = jp_store_driver_context(store);
    JP_AUTO(jp_buf) reasons = JP_BUF_INIT;
    for (size_t i = 0; jp_drivers[i]; i++) {
        char why[160] = "";
        int r = jp_drivers[i]->probe(&ctx, why);
        if (r == 1) {
            jp_buf_printf(&reasons, "%s", reasons.len ? "" : "the first choice works here");
            return use_driver(store, jp_drivers[i], jp_buf_text(&reasons), err);
        }
        jp_buf_printf(&reasons, "%s%s: %s", reasons.len ? "; " : "", jp_drivers[i]->name, why);
    }
    return jp_fail(err, JP_EUNSUPPORTED, 0, "no storage driver works here: %s",
                   jp_buf_text(&reasons));
}

static int find_driver(struct jp_store *store, struct jp_error *err)
{
    int r = recall_driver(store, err);
    if (r != 0)
        return r < 0 ? -1 : 0;
    if (strcmp(store->driver_name, "auto") == 0)
        return choose_driver(store, err) < 0 ? -1 : remember_driver(store, err);
    const struct jp_driver_ops *driver =
        driver_by_name(store->driver_name, strlen(store->driver_name));
    if (!driver)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "this build has no storage driver '%s'",
                       store->driver_name);
    struct jp_driver_context ctx = jp_store_driver_context(store);
    char why[160] = "";
    if (driver->probe(&ctx, why) != 1)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "storage driver '%s' does not work here: %s",
                       driver->name, why);
    return use_driver(store, driver, WHY_SET, err) < 0 ? -1 : remember_driver(store, err);
}

const struct jp_driver_ops *jp_store_driver(struct jp_store *store, const char **ret_why,
                                            struct jp_error *err)
{
    if (!store->driver && find_driver(store, err) < 0)
        return NULL;
    if (ret_why)
        *ret_why = store->driver_why;
    return store->driver;
}
