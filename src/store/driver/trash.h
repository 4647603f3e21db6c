/*
 * Entries of tmp/: objects in the making and trees on their way out, for the store and its drivers.
 */
#ifndef JP_STORE_DRIVER_TRASH_H
#define JP_STORE_DRIVER_TRASH_H

#include "base/error.h"

#define JP_TMP_NAME_SIZE 48

/*
 * Makes tmp/new-RANDOM (0700) and returns its descriptor, on which an exclusive flock is held for
 * as long as it or a copy is open: that is how gc knows that it has a maker.
 */
int jp_tmp_make(int tmp_fd, char name[JP_TMP_NAME_SIZE], struct jp_error *err);

/* What an entry of tmp/ is, which its name says to whoever empties it. */
enum jp_trash {
    JP_TRASH_OBJECT, /* the directory of an image or pod: we know what lies where in it */
    JP_TRASH_TREE,   /* somebody's files: nothing in there is ours, whatever it is called */
};

/*
 * Renames dir_fd/name to tmp/gone-RANDOM (an object) or tmp/tree-RANDOM: it is gone in one step.
 * JP_ENOTFOUND when it is not there. *ret_fd holds the flock on it (a descriptor, or -1 when it is
 * no directory).
 */
int jp_trash_take(int tmp_fd, int dir_fd, const char *name, enum jp_trash kind,
                  char trashed[JP_TMP_NAME_SIZE], int *ret_fd, struct jp_error *err);

/*
 * Empties one entry of tmp/ that the caller has taken. Datasets are let go of before, where an
 * object has them; in trees none is looked for.
 */
int jp_trash_empty(int tmp_fd, const char *trashed, struct jp_error *err);

/* jp_trash_take and jp_trash_empty of a tree; nothing there is fine. */
int jp_trash_remove(int tmp_fd, int dir_fd, const char *name, struct jp_error *err);

/*
 * 1 when nobody holds the entry (*ret_fd then holds it, or stays -1 for what cannot be locked), 0
 * when somebody does or it is gone by now.
 */
int jp_trash_is_abandoned(int tmp_fd, const char *name, int *ret_fd);

#endif
