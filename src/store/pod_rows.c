/* Pods in the database. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/internal.h"

void jp_store_pod_clear(struct jp_store_pod *pod)
{
    free(pod->uuid);
    free(pod->name);
    free(pod->address);
    for (size_t i = 0; i < pod->n_apps; i++) {
        free(pod->apps[i].name);
        free(pod->apps[i].image_id);
    }
    free(pod->apps);
    jp_strv_clear(&pod->pins);
    *pod = (struct jp_store_pod){0};
}

void jp_store_pods_clear(struct jp_store_pods *pods)
{
    for (size_t i = 0; i < pods->count; i++)
        jp_store_pod_clear(&pods->items[i]);
    free(pods->items);
    *pods = (struct jp_store_pods){0};
}

/* One row for each app, and one for a pod without any; a pod's rows come together. */
#define ASK(condition)                                                                             \
    "SELECT p.pod, p.uuid, p.name, p.created_ns, l.address, a.name, a.image_id FROM pods AS p"     \
    " LEFT JOIN leases AS l USING (pod) LEFT JOIN pod_apps AS a USING (pod)" condition             \
    " ORDER BY p.created_ns, p.pod, a.position"

static struct sqlite3_stmt *ask(struct jp_db *db, enum jp_rows_pods which, const char *word,
                                const char *after, struct jp_error *err)
{
    switch (which) {
    case JP_ROWS_BY_UUID:
        return jp_db_query(db, err, ASK(" WHERE p.uuid = ?"), "s", word);
    case JP_ROWS_BY_NAME:
        return jp_db_query(db, err, ASK(" WHERE p.name = ?"), "s", word);
    case JP_ROWS_BY_PREFIX:
        return jp_db_query(db, err, ASK(" WHERE p.uuid >= ? AND p.uuid < ?"), "ss", word, after);
    default:
        return jp_db_query(db, err, ASK(""), "");
    }
}

static int begin_pod(struct jp_store_pod *pod, struct sqlite3_stmt *row)
{
    *pod = (struct jp_store_pod){.created_ns = jp_db_int(row, 3)};
    pod->uuid = jp_db_copy(row, 1);
    pod->name = jp_db_copy(row, 2);
    if (jp_db_text(row, 4)) {
        char address[16];
        jp_quad_format((uint32_t)jp_db_int(row, 4), address);
        pod->address = jp_strdup(address);
        if (!pod->address)
            return -1;
    }
    return pod->uuid && pod->name ? 0 : -1;
}

static int add_app(struct jp_store_pod *pod, struct sqlite3_stmt *row)
{
    if (!jp_db_text(row, 5))
        return 0;
    struct jp_store_pod_app *apps =
        jp_realloc_array(pod->apps, pod->n_apps + 1, sizeof(*pod->apps));
    if (!apps)
        return -1;
    pod->apps = apps;
    struct jp_store_pod_app *app = &apps[pod->n_apps++];
    app->name = jp_db_copy(row, 5);
    app->image_id = jp_db_copy(row, 6);
    return app->name && app->image_id ? 0 : -1;
}

int jp_rows_read_pods(struct jp_db *db, enum jp_rows_pods which, const char *word,
                      struct jp_store_pods *ret, struct jp_error *err)
{
    struct jp_store_pods pods = {0};
    size_t capacity = 0;
    int64_t key = -1;
    JP_AUTO_FREE char *after = which == JP_ROWS_BY_PREFIX ? jp_format("%sg", word) : NULL;
    if (which == JP_ROWS_BY_PREFIX && !after)
        return jp_oom(err);
    struct sqlite3_stmt *row = ask(db, which, word, after, err);
    int r = row ? 1 : -1;
    while (r > 0 && (r = jp_db_step(db, row, err)) > 0) {
        if (jp_db_int(row, 0) != key) {
            if (jp_grow(&pods.items, &capacity, pods.count, sizeof(*pods.items)) < 0)
                r = jp_oom(err);
            else if (begin_pod(&pods.items[pods.count++], row) < 0)
                r = jp_oom(err);
            key = jp_db_int(row, 0);
        }
        if (r > 0 && add_app(&pods.items[pods.count - 1], row) < 0)
            r = jp_oom(err);
    }
    if (r < 0) {
        if (row)
            jp_db_finish(row);
        jp_store_pods_clear(&pods);
        return -1;
    }
    *ret = pods;
    return 0;
}

int jp_rows_add_pod(struct jp_db *db, const struct jp_store_pod *pod, struct jp_error *err)
{
    uint32_t address;
    if (jp_db_run(db, err, "INSERT INTO pods (uuid, name, created_ns) VALUES (?, ?, ?)", "ssi",
                  pod->uuid, pod->name, pod->created_ns) < 0)
        return -1;
    int64_t key = jp_db_last_id(db);
    for (size_t i = 0; i < pod->n_apps; i++) {
        if (jp_db_run(db, err, "INSERT INTO pod_apps VALUES (?, ?, ?, ?)", "iiss", key, (int64_t)i,
                      pod->apps[i].name, pod->apps[i].image_id) < 0)
            return -1;
    }
    for (size_t i = 0; i < pod->pins.count; i++) {
        if (jp_db_run(db, err, "INSERT INTO pod_pins VALUES (?, ?)", "is", key,
                      pod->pins.items[i]) < 0)
            return -1;
    }
    if (!pod->address)
        return 0;
    if (!jp_quad_parse(pod->address, &address))
        return jp_fail(err, JP_EINVALID, 0, "bad address '%s'", pod->address);
    return jp_db_run(db, err, "INSERT INTO leases VALUES (?, ?)", "ii", (int64_t)address, key);
}

int jp_rows_remove_pod(struct jp_db *db, const char *uuid, struct jp_error *err)
{
    return jp_db_run(db, err, "DELETE FROM pods WHERE uuid = ?", "s", uuid);
}

int jp_rows_read_pins(struct jp_db *db, const char *uuid, struct jp_strv *ret, struct jp_error *err)
{
    struct sqlite3_stmt *row = jp_db_query(db, err,
                                           "SELECT n.image_id FROM pod_pins AS n JOIN pods AS p"
                                           " USING (pod) WHERE p.uuid = ? ORDER BY n.image_id",
                                           "s", uuid);
    int r = row ? 1 : -1;
    while (r > 0 && (r = jp_db_step(db, row, err)) > 0) {
        if (jp_strv_add(ret, jp_db_text(row, 0)) < 0) {
            jp_db_finish(row);
            return jp_oom(err);
        }
    }
    return r;
}
