/*
 * Files with several names (hard links): what a walk over a tree has seen of them.
 */
#ifndef JP_SYS_INODES_H
#define JP_SYS_INODES_H

#include <sys/types.h>
#include <sys/stat.h>

#include <stddef.h>

#include "base/error.h"

/* Remembers the first path of an inode (or "" when paths do not matter). */
struct jp_tree_inode {
    dev_t device;
    ino_t inode;
    char *path; /* owned */
};

struct jp_tree_inodes {
    struct jp_tree_inode *slots; /* open addressing; path NULL = free */
    size_t count, capacity;
};

#define JP_TREE_INODES_INIT                                                                        \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

const char *jp_tree_inodes_find(const struct jp_tree_inodes *inodes, const struct stat *st);
int jp_tree_inodes_add(struct jp_tree_inodes *inodes, const struct stat *st, const char *path,
                       struct jp_error *err);
void jp_tree_inodes_clear(struct jp_tree_inodes *inodes);

#endif
