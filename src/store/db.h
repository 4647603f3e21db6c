/*
 * The index: one SQLite database in WAL mode, opened when the first command of a process needs it.
 *
 * Promises: a connection never crosses a fork (row 59: the store checks the process id), closing
 * never syncs (the write-ahead log is left to jp_db_trim()), statements are prepared once, and the
 * log never grows beyond about half a megabyte.
 * A lost tail of the log (power cut, synchronous=NORMAL) loses rows, never objects: directories
 * are the truth and gc enters them again. Not promised: use by several threads.
 */
#ifndef JP_STORE_DB_H
#define JP_STORE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct jp_db;
struct sqlite3_stmt;

/*
 * Opens the existing file `path` and sets the connection up. *ret_version is the schema version:
 * 0 for an empty file, which jp_db_migrate() fills. JP_ECORRUPT when it is no database,
 * JP_EUNSUPPORTED when a newer Jetpack made it. Keeps an open descriptor; do not fork and use.
 * With `alone` nobody else can use it meanwhile, and no room is needed for the index of the log,
 * which is a file that all share: where a full disk has no room behind it, touching it ends the
 * process (SIGBUS).
 */
int jp_db_open(const char *path, bool alone, struct jp_db **ret, int *ret_version,
               struct jp_error *err);
void jp_db_free(struct jp_db *db);
/* Forgets a connection that belongs to the parent process: releases nothing, touches no lock. */
void jp_db_abandon(struct jp_db *db);

/*
 * Brings the schema up to date. `filled` is called inside the transaction when the tables were
 * made from nothing, to enter what is on disk already. Several processes at once are fine.
 */
int jp_db_migrate(struct jp_db *db, int (*filled)(void *context, struct jp_error *err),
                  void *context, struct jp_error *err);

/* BEGIN IMMEDIATE: from here on nobody else writes. Waits up to 30 seconds, then JP_EBUSY. */
int jp_db_begin(struct jp_db *db, struct jp_error *err);
/* Commits when `result` is 0, else rolls back. Returns 0, or -1 (err is then set, by whomever). */
int jp_db_end(struct jp_db *db, int result, struct jp_error *err);
bool jp_db_in_transaction(const struct jp_db *db);
/*
 * Brings a write-ahead log that has grown into the database file and cuts it, so that the next
 * command need not read it; a short one is left. Costs a few fsyncs: for commands that are slow
 * anyway, after their commit. Waits for nobody and cannot fail: what is in use stays as it is.
 */
void jp_db_trim(struct jp_db *db);

/*
 * Runs one statement with its parameters bound: `types` has one letter for each, 's' for a string
 * (NULL is SQL's NULL) and 'i' for an int64_t. `sql` must be a string literal: statements are
 * remembered by address.
 */
int jp_db_run(struct jp_db *db, struct jp_error *err, const char *sql, const char *types, ...);

/*
 * Starts a query in the same way; rows come from jp_db_step(): 1 a row, 0 the end, -1 an error.
 * A query that is left before its end must be ended with jp_db_finish().
 */
struct sqlite3_stmt *jp_db_query(struct jp_db *db, struct jp_error *err, const char *sql,
                                 const char *types, ...);
int jp_db_step(struct jp_db *db, struct sqlite3_stmt *statement, struct jp_error *err);
void jp_db_finish(struct sqlite3_stmt *statement);

/* One number: 1 found, 0 no row, -1 an error. */
int jp_db_number(struct jp_db *db, struct jp_error *err, int64_t *ret, const char *sql,
                 const char *types, ...);

/* Columns of the current row. Text may be NULL; it is valid until the next step. */
const char *jp_db_text(struct sqlite3_stmt *statement, int column);
int64_t jp_db_int(struct sqlite3_stmt *statement, int column);
/* A copy, the caller's; NULL when the column is NULL or memory ran out. */
char *jp_db_copy(struct sqlite3_stmt *statement, int column);

/* The row that was inserted last. */
int64_t jp_db_last_id(struct jp_db *db);
/* Rows that the last statement changed. */
int jp_db_changes(struct jp_db *db);

/* SQLite's own examination; *ret_verdict is "ok" or what is wrong (the caller's). */
int jp_db_examine(struct jp_db *db, char **ret_verdict, struct jp_error *err);

#endif
