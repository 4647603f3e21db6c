#include "image/flags.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/aci.h"

#define MAX_LINKS 40 /* from a name to its file; archives name the file itself */

void jp_image_flags_clear(struct jp_image_flags *flags)
{
    for (size_t i = 0; i < flags->count; i++) {
        free(flags->items[i].path);
        free(flags->items[i].words);
    }
    free(flags->items);
    *flags = (struct jp_image_flags){.count = 0};
}

static int keep(struct jp_image_flags *flags, const char *path, const char *words, bool is_link,
                struct jp_error *err)
{
    if (jp_grow(&flags->items, &flags->capacity, flags->count, sizeof(*flags->items)) < 0)
        return jp_oom(err);
    struct jp_image_flag *flag = &flags->items[flags->count++];
    *flag = (struct jp_image_flag){
        .path = jp_strdup(path), .words = jp_strdup(words), .is_link = is_link};
    return flag->path && flag->words ? 0 : jp_oom(err);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct jp_image_flag *)a)->path, ((const struct jp_image_flag *)b)->path);
}

/*
 * A hard link has the flags of its file, and is kept for that: what is packed later may have this
 * name first. Before the first flag there is no file that a link could have them from.
 */
static int take(struct jp_image_flags *flags, const struct jp_tar_entry *entry,
                struct jp_error *err)
{
    const char *inside = jp_aci_inside(entry->path);
    bool is_link = entry->type == JP_TAR_HARDLINK;
    const char *file = is_link ? jp_aci_inside(entry->link) : NULL;
    if (!inside && strcmp(entry->path, JP_ACI_ROOTFS) == 0)
        inside = ".";
    if (!inside)
        return 0;
    if (is_link)
        return file && flags->count > 0 ? keep(flags, inside, file, true, err) : 0;
    return entry->flags ? keep(flags, inside, entry->flags, false, err) : 0;
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

static const struct jp_image_flag *look_up(const struct jp_image_flags *flags, const char *path)
{
    const struct jp_image_flag key = {.path = (char *)(uintptr_t)path};
    return flags->count == 0 ? NULL
                             : bsearch(&key, flags->items, flags->count, sizeof(key), compare);
}

const char *jp_image_flags_find(const struct jp_image_flags *flags, const char *path)
{
    const struct jp_image_flag *found = look_up(flags, path);
    for (unsigned i = 0; found && found->is_link; i++)
        found = i < MAX_LINKS ? look_up(flags, found->words) : NULL;
    return found ? found->words : NULL;
}
