#include "sys/inodes.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"

static size_t slot_of(const struct jp_tree_inodes *inodes, dev_t device, ino_t inode)
{
    uint64_t hash = ((uint64_t)inode ^ (uint64_t)device << 40) * 0x9e3779b97f4a7c15U;
    size_t i = (size_t)(hash >> 20) & (inodes->capacity - 1);
    while (inodes->slots[i].path &&
           (inodes->slots[i].inode != inode || inodes->slots[i].device != device))
        i = (i + 1) & (inodes->capacity - 1);
    return i;
}

const char *jp_tree_inodes_find(const struct jp_tree_inodes *inodes, const struct stat *st)
{
    return inodes->capacity ? inodes->slots[slot_of(inodes, st->st_dev, st->st_ino)].path : NULL;
}

/* Doubles the table; it is never more than half full. */
static int inodes_grow(struct jp_tree_inodes *inodes)
{
    struct jp_tree_inodes bigger = {.count = inodes->count,
                                    .capacity = inodes->capacity ? inodes->capacity * 2 : 64};
    bigger.slots = jp_calloc(bigger.capacity, sizeof(*bigger.slots));
    if (!bigger.slots)
        return -1;
    for (size_t i = 0; i < inodes->capacity; i++) {
        const struct jp_tree_inode *old = &inodes->slots[i];
        if (old->path)
            bigger.slots[slot_of(&bigger, old->device, old->inode)] = *old;
    }
    free(inodes->slots);
    *inodes = bigger;
    return 0;
}

int jp_tree_inodes_add(struct jp_tree_inodes *inodes, const struct stat *st, const char *path,
                       struct jp_error *err)
{
    if (inodes->count * 2 >= inodes->capacity && inodes_grow(inodes) < 0)
        return jp_oom(err);
    struct jp_tree_inode *slot = &inodes->slots[slot_of(inodes, st->st_dev, st->st_ino)];
    char *copy = jp_strdup(path);
    if (!copy)
        return jp_oom(err);
    inodes->count += slot->path == NULL;
    free(slot->path);
    *slot = (struct jp_tree_inode){.device = st->st_dev, .inode = st->st_ino, .path = copy};
    return 0;
}

void jp_tree_inodes_clear(struct jp_tree_inodes *inodes)
{
    for (size_t i = 0; i < inodes->capacity; i++)
        free(inodes->slots[i].path);
    free(inodes->slots);
    *inodes = (struct jp_tree_inodes)JP_TREE_INODES_INIT;
}
