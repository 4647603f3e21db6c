/* Images in the database: reading many at once without a query for each, entering, removing. */
#include <stdlib.h>
#include <string.h>

#include "appc/version.h"
#include "base/mem.h"
#include "store/internal.h"

void jp_store_image_clear(struct jp_store_image *image)
{
    free(image->id);
    free(image->name);
    for (size_t i = 0; i < image->n_labels; i++) {
        free(image->labels[i].name);
        free(image->labels[i].value);
    }
    free(image->labels);
    jp_strv_clear(&image->dependencies);
    jp_strv_clear(&image->tags);
    *image = (struct jp_store_image){0};
}

void jp_store_images_clear(struct jp_store_images *images)
{
    for (size_t i = 0; i < images->count; i++)
        jp_store_image_clear(&images->items[i]);
    free(images->items);
    *images = (struct jp_store_images){0};
}

const char *jp_store_image_label(const struct jp_store_image *image, const char *name)
{
    for (size_t i = 0; i < image->n_labels; i++) {
        if (strcmp(image->labels[i].name, name) == 0)
            return image->labels[i].value;
    }
    return NULL;
}

bool jp_store_image_has_labels(const struct jp_store_image *image, const struct jp_pairs *labels)
{
    for (size_t i = 0; i < labels->count; i++) {
        const char *value = jp_store_image_label(image, labels->items[i].name);
        if (!value || strcmp(value, labels->items[i].value) != 0)
            return false;
    }
    return true;
}

/*
 * The same four questions for all images, for a name and for a range of ids. All answers come in
 * the order of images.image, so that labels, dependencies and tags are merged in one walk. The "+"
 * keeps SQLite from walking all images in that order where the index on ids finds the few.
 */
enum selection { SELECT_ALL, SELECT_NAME, SELECT_ID, N_SELECTIONS };

#define BY_NAME " WHERE i.name = ?1 ORDER BY i.image"
#define BY_ID   " WHERE i.id >= ?1 AND i.id < ?2 ORDER BY +i.image"
#define IMAGES                                                                                     \
    "SELECT i.image, i.id, i.name, i.created_ns, i.imported_ns, i.size_bytes, i.disk_bytes"        \
    " FROM images AS i"
/* What belongs to all images is a table by itself. */
#define ALL_OF(what, table) "SELECT d.image, " what " FROM " table " AS d ORDER BY d.image"
#define OF(what, table)                                                                            \
    "SELECT i.image, " what " FROM images AS i CROSS JOIN " table " AS d USING (image)"
#define DETAILS(what, table)                                                                       \
    {                                                                                              \
        ALL_OF(what, table), OF(what, table) BY_NAME, OF(what, table) BY_ID                        \
    }

static const char *const ask_images[N_SELECTIONS] = {IMAGES " ORDER BY i.image", IMAGES BY_NAME,
                                                     IMAGES BY_ID};
static const char *const ask_labels[N_SELECTIONS] = DETAILS("d.name, d.value", "image_labels");
static const char *const ask_dependencies[N_SELECTIONS] =
    DETAILS("d.dependency_id", "image_dependencies");
static const char *const ask_tags[N_SELECTIONS] = DETAILS("d.tag", "image_tags");

/* What is asked for, and what is being read. */
struct reading {
    struct jp_db *db;
    enum selection selection;
    const char *from; /* the name, or the first id */
    const char *to;   /* the id after the last */
    int64_t *keys;    /* images.image of each item */
    struct jp_store_image *items;
    size_t count;
    size_t capacity;
    size_t key_capacity;
};

static struct sqlite3_stmt *ask(const struct reading *job, const char *const sql[N_SELECTIONS],
                                struct jp_error *err)
{
    static const char *const types[N_SELECTIONS] = {"", "s", "ss"};
    return jp_db_query(job->db, err, sql[job->selection], types[job->selection], job->from,
                       job->to);
}

static int read_images(struct reading *job, struct jp_error *err)
{
    struct sqlite3_stmt *row = ask(job, ask_images, err);
    int r = row ? 1 : -1;
    while (r > 0 && (r = jp_db_step(job->db, row, err)) > 0) {
        if (jp_grow(&job->items, &job->capacity, job->count, sizeof(*job->items)) < 0 ||
            jp_grow(&job->keys, &job->key_capacity, job->count, sizeof(*job->keys)) < 0) {
            r = jp_oom(err);
            break;
        }
        struct jp_store_image *image = &job->items[job->count];
        *image = (struct jp_store_image){
            .id = jp_db_copy(row, 1),
            .name = jp_db_copy(row, 2),
            .created_ns = jp_db_int(row, 3),
            .imported_ns = jp_db_int(row, 4),
            .size_bytes = (uint64_t)jp_db_int(row, 5),
            .disk_bytes = (uint64_t)jp_db_int(row, 6),
        };
        job->keys[job->count++] = jp_db_int(row, 0);
        if (!image->id || !image->name)
            r = jp_oom(err);
    }
    if (row && r < 0)
        jp_db_finish(row);
    return r;
}

static int add_label(struct jp_store_image *image, struct sqlite3_stmt *row)
{
    struct jp_store_label *labels =
        jp_realloc_array(image->labels, image->n_labels + 1, sizeof(*labels));
    if (!labels)
        return -1;
    image->labels = labels;
    struct jp_store_label *label = &labels[image->n_labels++];
    label->name = jp_db_copy(row, 1);
    label->value = jp_db_copy(row, 2);
    return label->name && label->value ? 0 : -1;
}

static int add_dependency(struct jp_store_image *image, struct sqlite3_stmt *row)
{
    return jp_strv_add_owned(&image->dependencies, jp_db_copy(row, 1));
}

static int add_tag(struct jp_store_image *image, struct sqlite3_stmt *row)
{
    return jp_strv_add_owned(&image->tags, jp_db_copy(row, 1));
}

/* Walks a second table beside the images that were read. */
static int read_details(struct reading *job, const char *const sql[N_SELECTIONS],
                        int (*add)(struct jp_store_image *image, struct sqlite3_stmt *row),
                        struct jp_error *err)
{
    struct sqlite3_stmt *row = ask(job, sql, err);
    int r = row ? 1 : -1;
    size_t at = 0;
    while (r > 0 && (r = jp_db_step(job->db, row, err)) > 0) {
        int64_t key = jp_db_int(row, 0);
        while (at < job->count && job->keys[at] < key)
            at++;
        if (at < job->count && job->keys[at] == key && add(&job->items[at], row) < 0)
            r = jp_oom(err);
    }
    if (row && r < 0)
        jp_db_finish(row);
    return r;
}

static int compare_images(const void *a, const void *b)
{
    const struct jp_store_image *one = a, *two = b;
    int order = strcmp(one->name, two->name);
    if (order == 0)
        order = jp_version_compare(jp_store_image_label(two, "version"),
                                   jp_store_image_label(one, "version"));
    if (order == 0 && one->created_ns != two->created_ns)
        order = one->created_ns > two->created_ns ? -1 : 1;
    if (order == 0 && one->imported_ns != two->imported_ns)
        order = one->imported_ns > two->imported_ns ? -1 : 1;
    return order ? order : strcmp(one->id, two->id);
}

/* One transaction, so that the four answers are about the same moment. */
static int read_all(struct reading *job, struct jp_error *err)
{
    if (read_images(job, err) < 0)
        return -1;
    if (job->count == 0)
        return 0;
    if (read_details(job, ask_labels, add_label, err) < 0 ||
        read_details(job, ask_dependencies, add_dependency, err) < 0 ||
        read_details(job, ask_tags, add_tag, err) < 0)
        return -1;
    qsort(job->items, job->count, sizeof(*job->items), compare_images);
    return 0;
}

int jp_rows_read_images(struct jp_store *store, const char *id_prefix, const char *name,
                        struct jp_store_images *ret, struct jp_error *err)
{
    struct jp_db *db = jp_store_db(store, err);
    if (!db)
        return -1;
    struct reading job = {.db = db};
    JP_AUTO_FREE char *after = NULL;
    if (id_prefix) {
        /* Ids are lower-case hexadecimal: 'g' sorts after every one that has the prefix. */
        after = jp_format("%sg", id_prefix);
        if (!after)
            return jp_oom(err);
        job.selection = SELECT_ID;
        job.from = id_prefix;
        job.to = after;
    } else if (name) {
        job.selection = SELECT_NAME;
        job.from = name;
    }
    bool own = !jp_db_in_transaction(db);
    if (own && jp_db_run(db, err, "BEGIN", "") < 0)
        return -1;
    int r = read_all(&job, err);
    if (own)
        r = jp_db_end(db, r, err);
    free(job.keys);
    struct jp_store_images images = {job.items, job.count};
    if (r < 0)
        jp_store_images_clear(&images);
    else
        *ret = images;
    return r;
}

int jp_rows_has_image(struct jp_db *db, const char *id, struct jp_error *err)
{
    int64_t key;
    return jp_db_number(db, err, &key, "SELECT image FROM images WHERE id = ?", "s", id);
}

int jp_rows_add_image(struct jp_db *db, const struct jp_store_image *image, struct jp_error *err)
{
    if (jp_db_run(db, err,
                  "INSERT INTO images (id, name, created_ns, imported_ns, size_bytes, disk_bytes)"
                  " VALUES (?, ?, ?, ?, ?, ?)",
                  "ssiiii", image->id, image->name, image->created_ns, image->imported_ns,
                  (int64_t)image->size_bytes, (int64_t)image->disk_bytes) < 0)
        return -1;
    int64_t key = jp_db_last_id(db);
    for (size_t i = 0; i < image->n_labels; i++) {
        if (jp_db_run(db, err, "INSERT INTO image_labels VALUES (?, ?, ?, ?)", "iiss", key,
                      (int64_t)i, image->labels[i].name, image->labels[i].value) < 0)
            return -1;
    }
    for (size_t i = 0; i < image->dependencies.count; i++) {
        if (jp_db_run(db, err, "INSERT INTO image_dependencies VALUES (?, ?, ?)", "iis", key,
                      (int64_t)i, image->dependencies.items[i]) < 0)
            return -1;
    }
    for (size_t i = 0; i < image->tags.count; i++) {
        if (jp_db_run(db, err, "INSERT INTO image_tags VALUES (?, ?)", "is", key,
                      image->tags.items[i]) < 0)
            return -1;
    }
    return 0;
}

int jp_rows_remove_image(struct jp_db *db, const char *id, struct jp_error *err)
{
    return jp_db_run(db, err, "DELETE FROM images WHERE id = ?", "s", id);
}
