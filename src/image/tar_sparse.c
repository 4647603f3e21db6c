#include "image/tar_sparse.h"

#include "base/mem.h"
#include "image/tar_header.h"

#define NUMBER       12U /* bytes of a number in an old GNU map */
#define IN_HEADER    4U
#define IN_EXTENSION 21U
#define AT_MORE      504U /* in an extension block: another one follows */

static int malformed(struct jp_error *err)
{
    return jp_fail(err, JP_EINVALID, 0, "a malformed sparse map");
}

static int add(struct jp_tar_map *map, uint64_t offset, uint64_t len, struct jp_error *err)
{
    if (map->count >= JP_TAR_EXTENTS_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "a sparse file of more than %u pieces",
                       JP_TAR_EXTENTS_MAX);
    if (jp_grow(&map->items, &map->capacity, map->count, sizeof(*map->items)) != 0)
        return jp_oom(err);
    map->items[map->count++] = (struct jp_tar_extent){.offset = offset, .len = len};
    return 0;
}

/* Reads up to `max` pieces; an empty offset field ends them: *ret_ended. */
static int old_pieces(const unsigned char *at, size_t max, struct jp_tar_map *map, bool *ret_ended,
                      struct jp_error *err)
{
    for (size_t i = 0; i < max; i++, at += 2 * (size_t)NUMBER) {
        int64_t offset = 0;
        int64_t len = 0;
        if (at[NUMBER] == '\0') {
            if (!jp_tar_is_zero(at, 2 * (size_t)NUMBER))
                return malformed(err);
            *ret_ended = true;
            continue;
        }
        if (*ret_ended || !jp_tar_number(at, NUMBER, false, &offset) ||
            !jp_tar_number(at + NUMBER, NUMBER, false, &len))
            return malformed(err);
        if (add(map, (uint64_t)offset, (uint64_t)len, err) != 0)
            return -1;
    }
    return 0;
}

int jp_tar_sparse_old(const unsigned char *header, struct jp_tar_blocks blocks,
                      struct jp_tar_map *map, uint64_t *ret_size, struct jp_error *err)
{
    int64_t size = 0;
    bool ended = false;
    bool more = header[JP_TAR_AT_GNU_EXTENDED] != 0;
    if (!jp_tar_number(header + JP_TAR_AT_GNU_REALSIZE, NUMBER, false, &size))
        return malformed(err);
    if (old_pieces(header + JP_TAR_AT_GNU_SPARSE, IN_HEADER, map, &ended, err) != 0)
        return -1;
    while (more) { /* ends by JP_TAR_EXTENTS_MAX: a block without a piece is refused */
        const unsigned char *block = NULL;
        size_t before = map->count;
        if (ended)
            return malformed(err);
        if (blocks.next(blocks.context, &block, err) != 0 ||
            old_pieces(block, IN_EXTENSION, map, &ended, err) != 0)
            return -1;
        if (map->count == before)
            return malformed(err);
        more = block[AT_MORE] != 0;
    }
    *ret_size = (uint64_t)size;
    return 0;
}

struct lines {
    struct jp_tar_blocks blocks;
    const unsigned char *block;
    size_t at;
};

static int line_number(struct lines *lines, uint64_t *ret, struct jp_error *err)
{
    uint64_t value = 0;
    for (unsigned digits = 0; digits <= 19; digits++) { /* 19 digits always fit */
        if (lines->at == JP_TAR_BLOCK) {
            if (lines->blocks.next(lines->blocks.context, &lines->block, err) != 0)
                return -1;
            lines->at = 0;
        }
        unsigned char c = lines->block[lines->at++];
        if (c == '\n' && digits > 0 && value <= INT64_MAX) {
            *ret = value;
            return 0;
        }
        if (c < '0' || c > '9')
            break;
        value = value * 10 + (uint64_t)(c - '0');
    }
    return malformed(err);
}

int jp_tar_sparse_1_0(struct jp_tar_blocks blocks, struct jp_tar_map *map, struct jp_error *err)
{
    struct lines lines = {.blocks = blocks, .block = NULL, .at = JP_TAR_BLOCK};
    uint64_t count = 0;
    if (line_number(&lines, &count, err) != 0)
        return -1;
    if (count > JP_TAR_EXTENTS_MAX)
        return malformed(err);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t offset = 0;
        uint64_t len = 0;
        if (line_number(&lines, &offset, err) != 0 || line_number(&lines, &len, err) != 0 ||
            add(map, offset, len, err) != 0)
            return -1;
    }
    return 0;
}

int jp_tar_sparse_check(const struct jp_tar_extent *extents, size_t count, uint64_t size,
                        uint64_t stored, struct jp_error *err)
{
    uint64_t end = 0;
    uint64_t total = 0;
    bool was_odd = false;
    for (size_t i = 0; i < count; i++) {
        const struct jp_tar_extent *e = &extents[i];
        if (e->offset < end || e->offset > size || e->len > size - e->offset)
            return malformed(err);
        if (e->len > 0 && was_odd)
            return malformed(err);
        was_odd |= e->len % JP_TAR_BLOCK != 0;
        end = e->offset + e->len;
        total += e->len;
    }
    return total == stored ? 0 : malformed(err);
}
