/*
 * Tags: words that people give to images and take away again; the image stays the same. They are in
 * the image's record, which is changed beside its row (jp_mark_set()).
 */
#include <stdlib.h>
#include <string.h>

#include "appc/id.h"
#include "appc/name.h"
#include "base/mem.h"
#include "store/internal.h"
#include "sys/fd.h"

/* One change of one or several images, in the order in which it is made. */
struct change {
    struct jp_store *store;
    const struct jp_store_tagging *tagging;
    struct jp_strv marked; /* ids of images that were changed */
};

static void drop_tag(struct jp_strv *tags, const char *tag)
{
    size_t kept = 0;
    for (size_t i = 0; i < tags->count; i++) {
        if (strcmp(tags->items[i], tag) == 0)
            free(tags->items[i]);
        else
            tags->items[kept++] = tags->items[i];
    }
    tags->count = kept;
    if (tags->items)
        tags->items[kept] = NULL;
}

/* *ret_changed stays when it has them all. */
static int add_tags(struct jp_strv *tags, const struct jp_strv *wanted, bool *ret_changed,
                    struct jp_error *err)
{
    for (size_t i = 0; i < wanted->count; i++) {
        if (jp_strv_contains(tags, wanted->items[i]))
            continue;
        if (jp_strv_add(tags, wanted->items[i]) < 0)
            return jp_oom(err);
        *ret_changed = true;
    }
    if (*ret_changed)
        jp_strv_sort(tags);
    return 0;
}

static int write_rows(struct jp_db *db, const struct jp_store_image *image, struct jp_error *err)
{
    if (jp_db_run(db, err,
                  "DELETE FROM image_tags"
                  " WHERE image = (SELECT image FROM images WHERE id = ?)",
                  "s", image->id) < 0)
        return -1;
    for (size_t i = 0; i < image->tags.count; i++) {
        if (jp_db_run(db, err, "INSERT INTO image_tags SELECT image, ? FROM images WHERE id = ?",
                      "ss", image->tags.items[i], image->id) < 0)
            return -1;
    }
    return 0;
}

/* When this fails the mark stays: gc lets the record win. */
static int write_image(struct change *c, int dir_fd, const struct jp_store_image *image,
                       struct jp_error *err)
{
    if (jp_strv_add(&c->marked, image->id) < 0)
        return jp_oom(err);
    if (jp_store_image_check(image, err) < 0 || jp_mark_set(c->store, image->id, err) < 0 ||
        write_rows(c->store->db, image, err) < 0)
        return -1;
    return jp_record_write_image(dir_fd, image, /* durable= */ true, err);
}

static int change_image(struct change *c, struct jp_error *err)
{
    const struct jp_store_tagging *t = c->tagging;
    JP_AUTO(jp_store_image) image = {0};
    JP_AUTO_FD int fd = -1;
    bool is_changed = false;
    if (jp_store_image_open(c->store, t->id, &fd, err) < 0 ||
        jp_record_read_image(fd, t->id, &image, err) < 0)
        return -1;
    for (size_t i = 0; t->remove && i < t->remove->count; i++) {
        if (!jp_strv_contains(&image.tags, t->remove->items[i]))
            return jp_fail(err, JP_ENOTFOUND, 0, "it has no tag '%s'", t->remove->items[i]);
        drop_tag(&image.tags, t->remove->items[i]);
        is_changed = true;
    }
    if (t->add && add_tags(&image.tags, t->add, &is_changed, err) < 0)
        return -1;
    return is_changed ? write_image(c, fd, &image, err) : 0;
}

static int take_from(struct change *c, const char *id, struct jp_error *err)
{
    JP_AUTO(jp_store_image) image = {0};
    JP_AUTO_FD int fd = -1;
    if (jp_store_image_open(c->store, id, &fd, err) < 0 ||
        jp_record_read_image(fd, id, &image, err) < 0)
        return -1;
    size_t had = image.tags.count;
    for (size_t i = 0; i < c->tagging->add->count; i++)
        drop_tag(&image.tags, c->tagging->add->items[i]);
    return image.tags.count == had ? 0 : write_image(c, fd, &image, err);
}

/* After the image has them: an interruption leaves a tag at two images, not at none. */
static int take_from_namesakes(struct change *c, struct jp_error *err)
{
    JP_AUTO(jp_store_images) own = {0};
    JP_AUTO(jp_store_images) namesakes = {0};
    if (jp_rows_read_images(c->store, c->tagging->id, NULL, &own, err) < 0)
        return -1;
    if (own.count == 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "it is not in the database: run 'jetpack gc'");
    if (jp_rows_read_images(c->store, NULL, own.items[0].name, &namesakes, err) < 0)
        return -1;
    for (size_t i = 0; i < namesakes.count; i++) {
        const char *id = namesakes.items[i].id;
        if (strcmp(id, c->tagging->id) != 0 && namesakes.items[i].tags.count > 0 &&
            take_from(c, id, err) < 0)
            return -1;
    }
    return 0;
}

static int change_all(struct change *c, struct jp_error *err)
{
    if (change_image(c, err) < 0)
        return -1;
    return c->tagging->add && c->tagging->is_unique ? take_from_namesakes(c, err) : 0;
}

static int check(const struct jp_strv *tags, struct jp_error *err)
{
    for (size_t i = 0; tags && i < tags->count; i++) {
        if (!jp_ac_identifier_valid(tags->items[i]))
            return jp_fail(err, JP_EINVALID, 0,
                           "'%s' is no tag: lower-case letters and digits, parted by '-', '.', "
                           "'_', '~' or '/'",
                           tags->items[i]);
    }
    return 0;
}

int jp_store_image_tag(struct jp_store *store, const struct jp_store_tagging *tagging,
                       struct jp_error *err)
{
    struct change c = {.store = store, .tagging = tagging, .marked = JP_STRV_INIT};
    if (jp_image_id_check(tagging->id, err) < 0 || check(tagging->add, err) < 0 ||
        check(tagging->remove, err) < 0)
        return -1;
    struct jp_db *db = jp_store_db(store, err);
    if (!db || jp_db_begin(db, err) < 0)
        return -1;
    int r = jp_db_end(db, change_all(&c, err), err);
    for (size_t i = 0; r == 0 && i < c.marked.count; i++)
        jp_mark_drop(store, c.marked.items[i]);
    jp_strv_clear(&c.marked);
    return r < 0 ? jp_wrap(err, "image %.19s", tagging->id) : 0;
}
