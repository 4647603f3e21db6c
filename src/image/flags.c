#include "image/flags.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/aci.h"

void jp_image_flags_clear(struct jp_image_flags *flags)
{
    for (size_t i = 0; i < flags->count; i++) {
        free(flags->items[i].path);
        free(flags->items[i].words);
    }
    free(flags->items);
    *flags = (struct jp_image_flags){.count = 0};
}

static int keep(struct jp_image_flags *flags, const char *path, const char *words,
                struct jp_error *err)
{
    if (jp_grow(&flags->items, &flags->capacity, flags->count, sizeof(*flags->items)) < 0)
        return jp_oom(err);
    struct jp_image_flag *flag = &flags->items[flags->count++];
    *flag = (struct jp_image_flag){.path = jp_strdup(path), .words = jp_strdup(words)};
    return flag->path && flag->words ? 0 : jp_oom(err);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct jp_image_flag *)a)->path, ((const struct jp_image_flag *)b)->path);
}

/* A hard link has those of its file. */
static int take(struct jp_image_flags *flags, const struct jp_tar_entry *entry,
                struct jp_error *err)
{
    const char *inside = jp_aci_inside(entry->path);
    if (!inside && strcmp(entry->path, JP_ACI_ROOTFS) == 0)
        inside = ".";
    if (!inside || !entry->flags || entry->type == JP_TAR_HARDLINK)
        return 0;
    return keep(flags, inside, entry->flags, err);
}

int jp_image_flags_read(int dir_fd, struct jp_image_flags *ret, struct jp_error *err)
{
    unsigned char digest[JP_HASH_SHA256_SIZE];
    const struct jp_tar_entry *entry = NULL;
    JP_AUTO(jp_aci_reader) reader = JP_ACI_READER_INIT;
    if (jp_aci_reader_open(dir_fd, (struct jp_tar_tap){NULL, NULL}, &reader, err) != 0)
        return -1;
    int r;
    while ((r = jp_aci_reader_next(&reader, &entry, digest, err)) > 0) {
        if (take(ret, entry, err) != 0)
            return -1;
    }
    if (ret->count > 0)
        qsort(ret->items, ret->count, sizeof(*ret->items), compare);
    return r;
}

const char *jp_image_flags_find(const struct jp_image_flags *flags, const char *path)
{
    const struct jp_image_flag key = {.path = (char *)(uintptr_t)path};
    if (flags->count == 0)
        return NULL;
    const struct jp_image_flag *found =
        bsearch(&key, flags->items, flags->count, sizeof(key), compare);
    return found ? found->words : NULL;
}
