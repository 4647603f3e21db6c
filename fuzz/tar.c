/*
 * Noise for the tar reader: bytes as a stream, in pieces of odd sizes. Whatever comes, it ends with
 * an error or at the end, gives only normal names, hands every byte but content to the tap, and
 * touches nothing it should not (sanitizers). libFuzzer's entry; replay.c runs files through it.
 */
#include "image/tar.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
    const uint8_t *data;
    size_t left;
    size_t piece; /* bytes to give at once */
};

static int next(void *context, const unsigned char **ret, size_t *ret_len, struct jp_error *err)
{
    struct source *s = context;
    (void)err;
    size_t n = s->left < s->piece ? s->left : s->piece;
    *ret = s->data;
    *ret_len = n;
    s->data += n;
    s->left -= n;
    return n > 0;
}

static int count(void *context, const unsigned char *bytes, size_t len, struct jp_error *err)
{
    (void)bytes;
    (void)err;
    *(uint64_t *)context += len;
    return 0;
}

static void check_name(const char *path)
{
    if (path[0] == '/' || strstr(path, "//") || strncmp(path, "../", 3) == 0 ||
        strstr(path, "/../") || strcmp(path, "..") == 0 || strlen(path) > JP_TAR_PATH_MAX)
        abort();
}

static void check_entry(const struct jp_tar_entry *e)
{
    uint64_t total = 0;
    uint64_t end = 0;
    check_name(e->path);
    if (e->type == JP_TAR_HARDLINK)
        check_name(e->link);
    for (size_t i = 0; i < e->n_extents; i++) {
        if (e->extents[i].offset < end || e->extents[i].len > e->size - e->extents[i].offset)
            abort();
        end = e->extents[i].offset + e->extents[i].len;
        total += e->extents[i].len;
    }
    if (e->is_sparse ? total != e->stored : e->size != e->stored)
        abort();
}

static void run(const uint8_t *data, size_t size, size_t piece)
{
    struct source source = {.data = data, .left = size, .piece = piece};
    uint64_t seen = 0;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_PTR(jp_tar)
    tar =
        jp_tar_new((struct jp_tar_input){next, &source}, (struct jp_tar_tap){count, &seen}, 10000);
    const struct jp_tar_entry *entry = NULL;
    const unsigned char *bytes = NULL;
    size_t len = 0;
    int r;
    if (!tar)
        return;
    while ((r = jp_tar_next(tar, &entry, &err)) > 0) {
        uint64_t content = 0;
        check_entry(entry);
        while ((r = jp_tar_content(tar, &bytes, &len, &err)) > 0)
            content += len;
        if (r < 0)
            return;
        if (content != entry->stored)
            abort();
        seen += content;
    }
    if (r == 0 && seen != size)
        abort();
    if (r < 0 && err.code == JP_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run(data, size, 262144);
    run(data, size, 100);
    return 0;
}
