/*
 * Upkeep: tmp/ swept, rows and directories made to agree, a damaged database made anew.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/internal.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/lock.h"

/* ---- tmp/ ---- */

int jp_trash_sweep(struct jp_store *store, bool count_only, const struct jp_store_report *report,
                   unsigned *ret_count, struct jp_error *err)
{
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    if (jp_store_list_dir(store->tmp_fd, NULL, &names, err) < 0)
        return -1;
    int result = 0;
    unsigned count = 0;
    for (size_t i = 0; i < names.count; i++) {
        JP_AUTO_FD int fd = -1;
        const char *name = names.items[i];
        /* Marks are reconciling's. */
        if (jp_mark_is(name) || !jp_trash_is_abandoned(store->tmp_fd, name, &fd))
            continue;
        count++;
        int r = count_only ? 0 : jp_trash_empty(store->tmp_fd, name, result == 0 ? err : NULL);
        if (report && report->say)
            report->say(report->context, "tmp", name,
                        count_only ? "abandoned" : (r == 0 ? "removed" : "could not be removed"));
        if (r < 0)
            result = -1;
    }
    *ret_count = count;
    return result;
}

int jp_store_sweep(struct jp_store *store, struct jp_error *err)
{
    unsigned count;
    return jp_trash_sweep(store, false, NULL, &count, err);
}

/* ---- gc ----------------------------------------------------------------------------------------
 */

static int reconcile_once(struct jp_store *store, const struct jp_store_report *report,
                          struct jp_error *err)
{
    struct jp_db *db = store->db;
    struct jp_reconcile job = {.store = store, .db = db, .report = report, .repair = true};
    if (jp_db_begin(db, err) < 0)
        return -1;
    int r = jp_db_end(db, jp_reconcile(&job, err), err);
    jp_reconcile_done(&job);
    return r;
}

int jp_store_gc(struct jp_store *store, const struct jp_store_report *report, struct jp_error *err)
{
    unsigned swept;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (!jp_store_db(store, err))
        return -1;
    /* First, for it may make the room that the rest needs. */
    int result = jp_trash_sweep(store, false, report, &swept, err);
    int r = reconcile_once(store, report, &why);
    if (r < 0 && jp_store_make_room(store, &why))
        r = reconcile_once(store, report, &why);
    if (r < 0) {
        if (result == 0)
            jp_error_move(err, &why);
        return jp_wrap(err, "gc");
    }
    if (jp_views_sweep(store, report, result == 0 ? err : NULL) < 0)
        result = -1;
    jp_db_trim(store->db);
    jp_reserve_fill(store->root_fd);
    return result;
}

/* ---- fsck --------------------------------------------------------------------------------------
 */

/* Puts a database that SQLite cannot use aside; the next opening makes one from the directories. */
static int set_aside(struct jp_store *store, struct jp_error *err)
{
    static const char *const parts[] = {"db-wal", "db-shm", "db-journal"};
    jp_store_rest(store);
    JP_AUTO_FD int lock_fd = jp_lock_take(store->root_fd, "lock", JP_LOCK_EXCLUSIVE, false, err);
    if (lock_fd < 0)
        return jp_wrap(err, "other commands of Jetpack use the database");
    char aside[JP_TMP_NAME_SIZE];
    JP_AUTO_FD int fd = -1;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (jp_trash_take(store->tmp_fd, store->root_fd, "db", JP_TRASH_TREE, aside, &fd, &why) < 0 &&
        why.code != JP_ENOTFOUND) {
        if (err)
            jp_error_move(err, &why);
        return -1;
    }
    for (size_t i = 0; i < JP_LEN(parts); i++) {
        if (jp_sys.unlinkat(store->root_fd, parts[i], 0) < 0 && errno != ENOENT)
            return jp_fail_sys(err, "remove '%s'", parts[i]);
    }
    return 0;
}

/* True when the database is there and SQLite finds nothing wrong; else why. */
static int examine(struct jp_store *store, struct jp_buf *ret_wrong, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    JP_AUTO_FREE char *verdict = NULL;
    if (!jp_store_exists(store->root_fd, "db")) {
        jp_buf_puts(ret_wrong, "is missing");
        return 0;
    }
    struct jp_db *db = jp_store_db(store, &why);
    if (db && jp_db_examine(db, &verdict, &why) == 0) {
        if (strcmp(verdict, "ok") != 0)
            jp_buf_puts(ret_wrong, verdict);
        return 0;
    }
    if (why.code != JP_ECORRUPT) {
        if (err)
            jp_error_move(err, &why);
        return -1;
    }
    jp_buf_puts(ret_wrong, jp_error_text(&why));
    return 0;
}

/* 1 the database can be walked, 0 it cannot (and may not be repaired), -1 error. */
static int check_db(struct jp_reconcile *job, struct jp_error *err)
{
    JP_AUTO(jp_buf) wrong = JP_BUF_INIT;
    if (examine(job->store, &wrong, err) < 0)
        return -1;
    if (wrong.len > 0 && !job->repair) {
        job->problems++;
        jp_reconcile_say(job, "database", "db", jp_buf_text(&wrong));
        return 0;
    }
    if (wrong.len > 0) {
        if (set_aside(job->store, err) < 0)
            return -1;
        jp_reconcile_say(job, "database", "db", "made anew from the directories");
    }
    job->db = jp_store_db(job->store, err);
    return job->db ? 1 : -1;
}

static int check_all(struct jp_reconcile *job, struct jp_error *err)
{
    unsigned swept = 0;
    int r = check_db(job, err);
    if (r < 0)
        return -1;
    if (r > 0) {
        if (jp_db_begin(job->db, err) < 0 || jp_db_end(job->db, jp_reconcile(job, err), err) < 0)
            return -1;
        jp_reconcile_done(job);
    }
    if (jp_trash_sweep(job->store, !job->repair, job->report, &swept, err) < 0)
        return -1;
    if (!job->repair)
        job->problems += swept;
    return 0;
}

int jp_store_fsck(const struct jp_store_options *options, bool repair,
                  const struct jp_store_report *report, unsigned *ret_problems,
                  struct jp_error *err)
{
    JP_AUTO_PTR(jp_store) store = NULL;
    if (jp_store_open(options, &store, err) < 0)
        return -1;
    struct jp_reconcile job = {.store = store, .report = report, .repair = repair, .deep = true};
    int r = check_all(&job, err);
    jp_strv_clear(&job.marks);
    if (r < 0)
        return jp_wrap(err, "fsck");
    *ret_problems = job.problems;
    return 0;
}
