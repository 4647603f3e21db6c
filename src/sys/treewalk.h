/*
 * The common ground of remove, copy and measure: a way down a directory tree without recursion,
 * with few descriptors however deep it is. Private to sys/.
 *
 * A level is a directory that was entered: its names (read at once, so that the tree may change
 * while it is worked on), its identity, its descriptor. Only the lowest TREE_OPEN levels keep their
 * descriptor; going back up opens ".." and checks that it is the directory that was left.
 */
#ifndef JP_SYS_TREEWALK_H
#define JP_SYS_TREEWALK_H

#include <sys/types.h>
#include <sys/stat.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "sys/inodes.h"

struct jp_tree_level {
    int fd; /* O_RDONLY, -1 while closed */
    dev_t device;
    ino_t inode;
    char *name;          /* in the level above, owned */
    struct jp_buf names; /* type byte, name, NUL; again */
    size_t at;
    unsigned retries; /* for the user of the stack */
};

struct jp_tree_stack {
    struct jp_tree_level *levels;
    size_t count, capacity;
};

#define JP_TREE_STACK_INIT                                                                         \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

/* Kinds in the names of a level. */
#define JP_TREE_DIR     'd'
#define JP_TREE_OTHER   'o'
#define JP_TREE_UNKNOWN '?' /* the file system does not tell */

/* Enters an opened directory, which is taken over in any case. Reads its names when `list`. */
int jp_tree_push(struct jp_tree_stack *stack, int fd, const char *name, bool list,
                 struct jp_error *err);

/* Leaves the lowest level. The one above it is open again afterwards. */
int jp_tree_pop(struct jp_tree_stack *stack, struct jp_error *err);

/* Reads the names again, from the start. */
int jp_tree_list(struct jp_tree_level *level, struct jp_error *err);

struct jp_tree_level *jp_tree_top(struct jp_tree_stack *stack);

/* The next name of the level and its kind; NULL at the end. Valid until the level is left. */
const char *jp_tree_next(struct jp_tree_level *level, char *ret_kind);

/* The path of `name` (may be NULL) in the lowest level for a message; the caller's, or NULL. */
char *jp_tree_path(const struct jp_tree_stack *stack, const char *name);

void jp_tree_stack_clear(struct jp_tree_stack *stack);

/*
 * What may not be left: a mount, told by its id where the kernel has one, else by the device. The
 * device says less: bind mounts of the same file system share it, and a subvolume of btrfs, which
 * is part of the tree that it lies in (an app may make one), has a device of its own.
 */
struct jp_tree_mount {
    dev_t device;
    uint64_t id; /* 0 = unknown */
};

int jp_tree_mount_of(int fd, struct jp_tree_mount *ret);
bool jp_tree_same_mount(const struct jp_tree_mount *a, const struct jp_tree_mount *b);

/* True when the file has a flag that keeps even root from changing it (chattr +i, +a; schg). */
bool jp_tree_is_immutable(int dir_fd, const char *name);

#endif
