/*
 * The reserve: a file of no content in the root directory, kept for the day the disk is full.
 *
 * Even removing an image takes room: its row leaves by way of the write-ahead log. What makes room
 * therefore tries without, and when the disk is full gives the reserve up and tries again; what
 * takes room does not. It is filled again when the store is closed, as far as there is room.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/random.h"
#include "store/internal.h"
#include "sys/calls.h"
#include "sys/fd.h"

/* Some hundred times what the log needs for one removal: other commands may be at work as well. */
#define RESERVE_BYTES (1 << 20)
#define RESERVE_FILE  "reserve"
#define CHUNK         16384

void jp_reserve_fill(int root_fd)
{
    struct stat st;
    unsigned char chunk[CHUNK]; /* random: zeros would take no room where the disk compresses */
    if (fstatat(root_fd, RESERVE_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        st.st_size >= RESERVE_BYTES)
        return;
    JP_AUTO_FD int fd = jp_fd_open(root_fd, RESERVE_FILE, O_WRONLY | O_CREAT, 0600, NULL);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return;
    /* Two at once write the same places; one that is interrupted is continued by the next. */
    for (off_t at = st.st_size; at < RESERVE_BYTES;) {
        if (jp_random_bytes(chunk, sizeof(chunk), NULL) < 0)
            return;
        ssize_t n = jp_sys.pwrite(fd, chunk, sizeof(chunk), at);
        if (n <= 0)
            return;
        at += n;
    }
}

bool jp_store_make_room(struct jp_store *store, struct jp_error *why)
{
    if (why->sys != ENOSPC && why->sys != EDQUOT)
        return false;
    if (jp_sys.unlinkat(store->root_fd, RESERVE_FILE, 0) < 0)
        return false;
    store->has_spent_reserve = true;
    jp_error_clear(why);
    return true;
}
