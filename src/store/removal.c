/*
 * How objects leave: out of the database and out of sight in one transaction, also when the disk
 * is full. What is left below tmp/ is emptied afterwards, by the caller or by the next gc.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/internal.h"
#include "sys/calls.h"
#include "sys/fd.h"

/* Inside the transaction. */
static int take_out(struct jp_removal *removal, struct jp_error *err)
{
    struct jp_store *store = removal->store;
    if (removal->remove_row(store, removal->key, err) < 0)
        return -1;
    int rows = jp_db_changes(store->db);
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (jp_trash_take(store->tmp_fd, removal->parent_fd, removal->key, JP_TRASH_OBJECT,
                      removal->trashed, &removal->fd, &why) == 0)
        return 0;
    removal->trashed[0] = '\0';
    if (why.code == JP_ENOTFOUND && rows > 0)
        return 0; /* a row without its directory: gone now */
    if (why.code == JP_ENOTFOUND)
        return jp_fail(err, JP_ENOTFOUND, 0, "there is no such %s", removal->kind);
    jp_error_move(err, &why);
    return -1;
}

/* The whole transaction; when it fails, the directory is where it was. */
static int attempt(struct jp_removal *removal, struct jp_error *err)
{
    struct jp_store *store = removal->store;
    if (jp_db_begin(store->db, err) < 0)
        return -1;
    int r = jp_db_end(store->db, take_out(removal, err), err);
    if (r == 0)
        return 0;
    if (removal->trashed[0])
        (void)jp_sys.renameat(store->tmp_fd, removal->trashed, removal->parent_fd, removal->key);
    removal->trashed[0] = '\0';
    jp_fd_close(&removal->fd);
    return -1;
}

int jp_removal_run(struct jp_removal *removal, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    removal->trashed[0] = '\0';
    removal->fd = -1;
    int r = attempt(removal, &why);
    if (r < 0 && jp_store_make_room(removal->store, &why))
        r = attempt(removal, &why);
    if (r < 0)
        jp_error_move(err, &why);
    return r;
}
