#include "store/db.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define BUSY_TIMEOUT_MS 30000
#define MAX_STATEMENTS  64 /* more than the store has SQL literals */
/*
 * Every process that opens the database alone reads the whole log once and cannot know how much of
 * it a checkpoint has brought home: SQLite would never start it again from its beginning, it would
 * only grow. So it is cut. That costs fsyncs: slow commands pay early, a pod's start late.
 */
#define TRIM_PAGES  128 /* jp_db_trim() cuts a longer log */
#define LONGEST_LOG 512 /* whoever commits cuts a longer log */
/*
 * Our rows are short and few change at a time: of a page of the usual 4 KiB most would be logged,
 * summed and read again for nothing.
 */
#define SET_PAGE_SIZE "PRAGMA page_size = 1024"
/*
 * Lists read all of a database, page by page: mapped, that costs no call for each. Only reads go
 * through the map, of a file that never shrinks.
 */
#define SETTINGS "PRAGMA synchronous = NORMAL; PRAGMA mmap_size = 268435456"

struct jp_db {
    sqlite3 *handle;
    struct {
        const char *sql;
        sqlite3_stmt *statement;
    } cache[MAX_STATEMENTS];
    size_t n_cached;
    int log_pages; /* in the write-ahead log after the last commit, of anybody as far as known */
};

/*
 * migrations[n] leads from version n to n + 1. Never edit an entry that was released: add one.
 * References between objects are text without foreign keys on purpose: a pod whose image was
 * deleted by hand must still fit in. The rules are kept by the operations, inside transactions.
 */
static const char *const migrations[] = {
    "CREATE TABLE images ("
    "  image INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,"
    "  created_ns INTEGER NOT NULL, imported_ns INTEGER NOT NULL,"
    "  size_bytes INTEGER NOT NULL, disk_bytes INTEGER NOT NULL) STRICT;"
    "CREATE INDEX images_by_name ON images (name);"
    "CREATE TABLE image_labels ("
    "  image INTEGER NOT NULL REFERENCES images ON DELETE CASCADE,"
    "  position INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,"
    "  PRIMARY KEY (image, position), UNIQUE (image, name)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE image_tags ("
    "  image INTEGER NOT NULL REFERENCES images ON DELETE CASCADE,"
    "  tag TEXT NOT NULL, PRIMARY KEY (image, tag)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE image_dependencies ("
    "  image INTEGER NOT NULL REFERENCES images ON DELETE CASCADE,"
    "  position INTEGER NOT NULL, dependency_id TEXT NOT NULL,"
    "  PRIMARY KEY (image, position)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX image_dependencies_by_id ON image_dependencies (dependency_id);"
    "CREATE TABLE pods ("
    "  pod INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,"
    "  created_ns INTEGER NOT NULL) STRICT;"
    "CREATE TABLE pod_apps ("
    "  pod INTEGER NOT NULL REFERENCES pods ON DELETE CASCADE,"
    "  position INTEGER NOT NULL, name TEXT NOT NULL, image_id TEXT NOT NULL,"
    "  PRIMARY KEY (pod, position), UNIQUE (pod, name)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX pod_apps_by_image ON pod_apps (image_id);"
    "CREATE TABLE leases ("
    "  address INTEGER PRIMARY KEY," /* IPv4 in host order */
    "  pod INTEGER NOT NULL UNIQUE REFERENCES pods ON DELETE CASCADE) STRICT;"
    "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;",
    "CREATE TABLE pod_pins ("
    "  pod INTEGER NOT NULL REFERENCES pods ON DELETE CASCADE, image_id TEXT NOT NULL,"
    "  PRIMARY KEY (pod, image_id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX pod_pins_by_image ON pod_pins (image_id);",
};

/* What SQLite says, as an error of ours. */
static int fail_db(struct jp_db *db, struct jp_error *err, const char *doing)
{
    int code = sqlite3_errcode(db->handle) & 0xff;
    int sys = code == SQLITE_FULL ? ENOSPC : sqlite3_system_errno(db->handle);
    const char *text = sqlite3_errmsg(db->handle);
    switch (code) {
    case SQLITE_NOMEM:
        return jp_oom(err);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return jp_fail(err, JP_EBUSY, 0, "%s: the database is in use by another command", doing);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return jp_fail(err, JP_ECORRUPT, 0,
                       "%s: the database is damaged (%s): 'jetpack fsck --repair' rebuilds it",
                       doing, text);
    case SQLITE_CONSTRAINT:
        return jp_fail(err, JP_EEXISTS, 0, "%s: %s", doing, text);
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        if (sys == ENOSPC || sys == EDQUOT)
            return jp_fail(err, JP_ESYS, sys, "%s", doing);
        __attribute__((__fallthrough__));
    default:
        return jp_fail(err, JP_ESYS, 0, "%s: %s", doing, text);
    }
}

static int read_version(struct jp_db *db, int *ret, struct jp_error *err)
{
    int64_t version = 0;
    int r = jp_db_number(db, err, &version, "PRAGMA user_version", "");
    if (r < 0)
        return -1;
    if (version < 0 || version > (int64_t)JP_LEN(migrations))
        return jp_fail(err, JP_EUNSUPPORTED, 0,
                       "the database has version %lld, this Jetpack knows up to %zu",
                       (long long)version, JP_LEN(migrations));
    *ret = (int)version;
    return 0;
}

static void cut_log(struct jp_db *db)
{
    /* Nobody waits for a reader because of this: the next commit tries again. */
    (void)sqlite3_busy_timeout(db->handle, 0);
    if (sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) ==
        SQLITE_OK)
        db->log_pages = 0;
    (void)sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
}

static int note_commit(void *context, sqlite3 *handle, const char *name, int pages)
{
    struct jp_db *db = context;
    (void)handle;
    (void)name;
    db->log_pages = pages;
    if (pages > LONGEST_LOG)
        cut_log(db);
    return SQLITE_OK;
}

void jp_db_trim(struct jp_db *db)
{
    if (db->log_pages > TRIM_PAGES)
        cut_log(db);
}

static int set_up(struct jp_db *db, bool alone, int *ret_version, struct jp_error *err)
{
    int ignored;
    (void)sqlite3_extended_result_codes(db->handle, 1);
    (void)sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &ignored);
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, &ignored);
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, &ignored);
    (void)sqlite3_wal_hook(db->handle, note_commit, db); /* in place of automatic checkpoints */
    /* Before anything is read: from then on the index is in a file. */
    if (alone &&
        sqlite3_exec(db->handle, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL) != SQLITE_OK)
        return fail_db(db, err, "open the database");
    if (sqlite3_exec(db->handle, SETTINGS, NULL, NULL, NULL) != SQLITE_OK)
        return fail_db(db, err, "open the database");
    return read_version(db, ret_version, err);
}

int jp_db_open(const char *path, bool alone, struct jp_db **ret, int *ret_version,
               struct jp_error *err)
{
    struct jp_db *db = jp_calloc(1, sizeof(*db));
    if (!db)
        return jp_oom(err);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    int r = 0;
    if (sqlite3_open_v2(path, &db->handle, flags, NULL) != SQLITE_OK)
        r = db->handle ? fail_db(db, err, "open the database") : jp_oom(err);
    if (r == 0)
        r = set_up(db, alone, ret_version, err);
    if (r < 0) {
        jp_db_free(db);
        return -1;
    }
    *ret = db;
    return 0;
}

void jp_db_free(struct jp_db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < db->n_cached; i++)
        (void)sqlite3_finalize(db->cache[i].statement);
    (void)sqlite3_close(db->handle);
    free(db);
}

void jp_db_abandon(struct jp_db *db)
{
    free(db);
}

static int migrate_inside(struct jp_db *db, int (*filled)(void *, struct jp_error *), void *context,
                          struct jp_error *err)
{
    /* Read again: another process may have done it while this one waited. */
    int version = 0;
    if (read_version(db, &version, err) < 0)
        return -1;
    int from = version;
    for (; version < (int)JP_LEN(migrations); version++) {
        if (sqlite3_exec(db->handle, migrations[version], NULL, NULL, NULL) != SQLITE_OK)
            return fail_db(db, err, "bring the database up to date");
    }
    if (version == from)
        return 0;
    JP_AUTO_FREE char *set = jp_format("PRAGMA user_version = %d", version);
    if (!set)
        return jp_oom(err);
    if (sqlite3_exec(db->handle, set, NULL, NULL, NULL) != SQLITE_OK)
        return fail_db(db, err, "bring the database up to date");
    return from == 0 && filled ? filled(context, err) : 0;
}

int jp_db_migrate(struct jp_db *db, int (*filled)(void *context, struct jp_error *err),
                  void *context, struct jp_error *err)
{
    int version = 0;
    if (read_version(db, &version, err) < 0)
        return -1;
    if (version == (int)JP_LEN(migrations))
        return 0;
    /* Kept in the file; outside of a transaction, as SQLite wants it. */
    if (version == 0 && sqlite3_exec(db->handle, SET_PAGE_SIZE, NULL, NULL, NULL) != SQLITE_OK)
        return fail_db(db, err, "set the database's page size");
    if (sqlite3_exec(db->handle, "PRAGMA journal_mode = WAL", NULL, NULL, NULL) != SQLITE_OK)
        return fail_db(db, err, "switch the database to a write-ahead log");
    if (jp_db_begin(db, err) < 0)
        return -1;
    return jp_db_end(db, migrate_inside(db, filled, context, err), err);
}

int jp_db_begin(struct jp_db *db, struct jp_error *err)
{
    return jp_db_run(db, err, "BEGIN IMMEDIATE", "");
}

int jp_db_end(struct jp_db *db, int result, struct jp_error *err)
{
    if (result == 0 && jp_db_run(db, err, "COMMIT", "") == 0)
        return 0;
    /* A failed COMMIT may have ended the transaction by itself. */
    if (!sqlite3_get_autocommit(db->handle))
        (void)jp_db_run(db, NULL, "ROLLBACK", "");
    return -1;
}

bool jp_db_in_transaction(const struct jp_db *db)
{
    return !sqlite3_get_autocommit(db->handle);
}

static sqlite3_stmt *prepare(struct jp_db *db, const char *sql, struct jp_error *err)
{
    for (size_t i = 0; i < db->n_cached; i++) {
        if (db->cache[i].sql == sql)
            return db->cache[i].statement;
    }
    sqlite3_stmt *statement = NULL;
    if (db->n_cached == MAX_STATEMENTS) {
        jp_fail(err, JP_ELIMIT, 0, "too many prepared statements");
    } else if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement,
                                  NULL) != SQLITE_OK) {
        fail_db(db, err, "ask the database");
        statement = NULL;
    } else {
        db->cache[db->n_cached].sql = sql;
        db->cache[db->n_cached++].statement = statement;
    }
    return statement;
}

static sqlite3_stmt *query(struct jp_db *db, struct jp_error *err, const char *sql,
                           const char *types, va_list ap)
{
    sqlite3_stmt *statement = prepare(db, sql, err);
    for (int i = 0; statement && types[i]; i++) {
        int r;
        if (types[i] == 's')
            r = sqlite3_bind_text(statement, i + 1, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
        else
            r = sqlite3_bind_int64(statement, i + 1, va_arg(ap, int64_t));
        if (r != SQLITE_OK) {
            fail_db(db, err, "ask the database");
            return NULL;
        }
    }
    return statement;
}

sqlite3_stmt *jp_db_query(struct jp_db *db, struct jp_error *err, const char *sql,
                          const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *statement = query(db, err, sql, types, ap);
    va_end(ap);
    return statement;
}

int jp_db_step(struct jp_db *db, sqlite3_stmt *statement, struct jp_error *err)
{
    int r = sqlite3_step(statement);
    if (r == SQLITE_ROW)
        return 1;
    if (r == SQLITE_DONE) {
        jp_db_finish(statement);
        return 0;
    }
    fail_db(db, err, "ask the database");
    jp_db_finish(statement);
    return -1;
}

void jp_db_finish(sqlite3_stmt *statement)
{
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
}

int jp_db_run(struct jp_db *db, struct jp_error *err, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *statement = query(db, err, sql, types, ap);
    va_end(ap);
    if (!statement)
        return -1;
    int r;
    do {
        r = jp_db_step(db, statement, err);
    } while (r > 0);
    return r;
}

int jp_db_number(struct jp_db *db, struct jp_error *err, int64_t *ret, const char *sql,
                 const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *statement = query(db, err, sql, types, ap);
    va_end(ap);
    if (!statement)
        return -1;
    int r = jp_db_step(db, statement, err);
    if (r == 1) {
        *ret = jp_db_int(statement, 0);
        jp_db_finish(statement);
    }
    return r;
}

const char *jp_db_text(sqlite3_stmt *statement, int column)
{
    return (const char *)sqlite3_column_text(statement, column);
}

int64_t jp_db_int(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_int64(statement, column);
}

char *jp_db_copy(sqlite3_stmt *statement, int column)
{
    return jp_strdup(jp_db_text(statement, column));
}

int64_t jp_db_last_id(struct jp_db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

int jp_db_changes(struct jp_db *db)
{
    return sqlite3_changes(db->handle);
}

int jp_db_examine(struct jp_db *db, char **ret_verdict, struct jp_error *err)
{
    sqlite3_stmt *statement = jp_db_query(db, err, "PRAGMA integrity_check(1)", "");
    if (!statement)
        return -1;
    int r = jp_db_step(db, statement, err);
    if (r < 0)
        return -1;
    char *verdict = r == 1 ? jp_db_copy(statement, 0) : jp_strdup("no answer");
    jp_db_finish(statement);
    if (!verdict)
        return jp_oom(err);
    *ret_verdict = verdict;
    return 0;
}
