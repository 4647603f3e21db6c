#include "image/pathset.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/hash.h"

struct jp_pathset {
    struct jp_hash *hash;
    uint64_t *slots; /* open addressing; 0: free */
    size_t capacity; /* a power of two */
    size_t count;
};

struct jp_pathset *jp_pathset_new(void)
{
    JP_AUTO_PTR(jp_pathset) set = jp_calloc(1, sizeof(*set));
    if (!set)
        return NULL;
    set->hash = jp_hash_new(JP_HASH_SHA256);
    set->capacity = 4096;
    set->slots = jp_calloc(set->capacity, sizeof(*set->slots));
    return set->hash && set->slots ? jp_take(&set) : NULL;
}

void jp_pathset_free(struct jp_pathset *set)
{
    if (!set)
        return;
    jp_hash_free(set->hash);
    free(set->slots);
    free(set);
}

static int key_of(struct jp_pathset *set, const char *path, uint64_t *ret, struct jp_error *err)
{
    unsigned char digest[JP_HASH_SHA256_SIZE];
    if (jp_hash_add(set->hash, path, strlen(path), err) != 0 ||
        jp_hash_finish(set->hash, digest, err) != 0)
        return -1;
    uint64_t key;
    memcpy(&key, digest, sizeof(key));
    *ret = key ? key : 1;
    return 0;
}

/* The slot that holds the key, or the free one where it belongs. */
static uint64_t *find(const struct jp_pathset *set, uint64_t key)
{
    size_t at = (size_t)key & (set->capacity - 1);
    while (set->slots[at] && set->slots[at] != key)
        at = (at + 1) & (set->capacity - 1);
    return &set->slots[at];
}

static int grow(struct jp_pathset *set)
{
    struct jp_pathset larger = *set;
    larger.capacity = set->capacity * 2;
    larger.slots = jp_calloc(larger.capacity, sizeof(*larger.slots));
    if (!larger.slots)
        return -1;
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->slots[i])
            *find(&larger, set->slots[i]) = set->slots[i];
    }
    free(set->slots);
    *set = larger;
    return 0;
}

int jp_pathset_add(struct jp_pathset *set, const char *path, struct jp_error *err)
{
    uint64_t key = 0;
    if (key_of(set, path, &key, err) != 0)
        return -1;
    if (set->count * 4 >= set->capacity * 3 && grow(set) != 0)
        return jp_oom(err);
    uint64_t *slot = find(set, key);
    set->count += *slot == 0;
    *slot = key;
    return 0;
}

int jp_pathset_has(struct jp_pathset *set, const char *path, struct jp_error *err)
{
    uint64_t key = 0;
    if (key_of(set, path, &key, err) != 0)
        return -1;
    return *find(set, key) == key;
}
