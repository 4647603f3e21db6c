/*
 * Views kept: found by what they are made of, made once, removed when no clone stands on them.
 *
 * The name is a plain hash of the key, which anybody could make collide; the key itself is what
 * decides, so the worst of it is a second directory.
 */
#include "store/views.h"

#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "store/driver/common.h"
#include "store/views_internal.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/filesystem.h"

#define KEY_FILE  "key"
#define KEY_MAX   (256U << 20)
#define MAX_TRIES 64 /* views with one hash */
#define NAME_SIZE 40

/* ---- keys -------------------------------------------------------------------------------------
 */

static void key_text(struct jp_buf *key, const char *text)
{
    jp_buf_add(key, text, strlen(text) + 1);
}

/* An empty string ends what is said of a part: no id and no path is one. */
static void key_part(struct jp_buf *key, const struct jp_store_part *part)
{
    key_text(key, part->image_id);
    key_text(key, part->filter.is_set ? "filter" : "all");
    for (size_t i = 0; i < part->filter.paths.count; i++)
        key_text(key, part->filter.paths.items[i]);
    key_text(key, "");
}

static uint64_t hash(const struct jp_buf *key)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < key->len; i++)
        sum = (sum ^ (unsigned char)key->data[i]) * UINT64_C(0x100000001b3);
    return sum;
}

/* ---- finding and making -----------------------------------------------------------------------
 */

static int flock_now(int fd, int how)
{
    int r;
    do {
        r = flock(fd, how);
    } while (r < 0 && errno == EINTR);
    return r;
}

/* The directory of views, with the lock that keeps gc away. */
static int open_views(struct jp_store *store, struct jp_error *err)
{
    if (store->views_fd >= 0)
        return 0;
    JP_AUTO_FD int fd = jp_fd_make_dir(store->root_fd, JP_VIEWS_DIR, 0700, err);
    if (fd < 0)
        return -1;
    if (flock_now(fd, LOCK_SH) < 0)
        return jp_fail_sys(err, "lock '%s'", JP_VIEWS_DIR);
    store->views_fd = jp_fd_take(&fd);
    return 0;
}

static bool has_key(int views_fd, const char *name, const struct jp_buf *key)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO_FD int fd = jp_fd_open_dir(views_fd, name, NULL);
    return fd >= 0 && jp_file_read(fd, KEY_FILE, KEY_MAX, &text, NULL) == 0 &&
           text.len == key->len && memcmp(jp_buf_text(&text), key->data, key->len) == 0;
}

/* 1 it is there, 0 `name` is free for it, -1. */
static int find(int views_fd, const struct jp_buf *key, char name[NAME_SIZE], struct jp_error *err)
{
    unsigned long long sum = hash(key);
    for (unsigned i = 0; i < MAX_TRIES; i++) {
        (void)snprintf(name, NAME_SIZE, JP_VIEW_PREFIX "%016llx-%u", sum, i);
        if (!jp_store_exists(views_fd, name))
            return 0;
        if (has_key(views_fd, name, key))
            return 1;
    }
    return jp_fail(err, JP_ELIMIT, 0, "no name is free in '%s': run 'jetpack gc'", JP_VIEWS_DIR);
}

/* What a view is made of. */
struct recipe {
    struct jp_driver_context ctx;
    struct jp_buf key;
    const struct jp_store_part *part;   /* filtered, or NULL: */
    const struct jp_store_stack *stack; /* directories */
    const struct jp_strv *layers;       /* of the stack */
};

static int fill_draft(const struct recipe *recipe, int draft_fd, struct jp_error *err)
{
    JP_AUTO_FD int rootfs = jp_fd_make_dir(draft_fd, "rootfs", 0700, err);
    if (rootfs < 0)
        return -1;
    int r = recipe->part ? jp_view_fill_filtered(&recipe->ctx, recipe->part, rootfs, err)
                         : jp_view_fill_directories(&recipe->ctx, recipe->stack, recipe->layers,
                                                    rootfs, err);
    if (r < 0 ||
        jp_store_write_new(draft_fd, KEY_FILE, recipe->key.data, recipe->key.len, false, err) < 0)
        return -1;
    return jp_filesystem_sync(draft_fd) < 0 ? jp_fail_sys(err, "bring the view to disk") : 0;
}

/* 1 made, 0 somebody else took the name meanwhile, -1. */
static int make(struct jp_store *store, const struct recipe *recipe, const char *name,
                struct jp_error *err)
{
    char draft[JP_TMP_NAME_SIZE];
    JP_AUTO_FD int draft_fd = jp_tmp_make(store->tmp_fd, draft, err);
    if (draft_fd < 0)
        return -1;
    int r = fill_draft(recipe, draft_fd, err);
    if (r == 0 && jp_sys.renameat(store->tmp_fd, draft, store->views_fd, name) == 0)
        return 1;
    bool is_taken = r == 0 && (errno == EEXIST || errno == ENOTEMPTY);
    if (r == 0 && !is_taken)
        r = jp_fail_sys(err, "move the view into place");
    (void)jp_trash_empty(store->tmp_fd, draft, NULL);
    return r;
}

static int find_or_make(struct jp_store *store, const struct recipe *recipe, char name[NAME_SIZE],
                        struct jp_error *err)
{
    if (jp_buf_failed(&recipe->key))
        return jp_oom(err);
    if (open_views(store, err) < 0)
        return -1;
    for (unsigned i = 0; i < MAX_TRIES; i++) {
        int r = find(store->views_fd, &recipe->key, name, err);
        if (r == 0)
            r = make(store, recipe, name, err);
        if (r != 0)
            return r < 0 ? -1 : 0;
    }
    return jp_fail(err, JP_EBUSY, 0, "others make views all the time");
}

/* ---- stacks -----------------------------------------------------------------------------------
 */

static int add_part(struct jp_store *store, const struct jp_store_part *part, struct jp_strv *ret,
                    struct jp_error *err)
{
    char name[NAME_SIZE];
    if (!part->filter.is_set)
        return jp_strv_add(ret, part->image_id) < 0 ? jp_oom(err) : 0;
    struct recipe recipe = {.ctx = jp_store_driver_context(store), .part = part};
    key_text(&recipe.key, "filtered");
    key_part(&recipe.key, part);
    int r = find_or_make(store, &recipe, name, err);
    jp_buf_clear(&recipe.key);
    return r < 0 ? -1 : jp_strv_add(ret, name) < 0 ? jp_oom(err) : 0;
}

static bool is_empty_view(struct jp_store *store, const char *name)
{
    struct jp_driver_context ctx = jp_store_driver_context(store);
    JP_AUTO_FD int fd = jp_plain_layer_open(&ctx, name, NULL);
    return fd >= 0 && jp_fd_is_empty_dir(fd);
}

/* The directory view of these layers, where they need one. */
static int add_directories(struct jp_store *store, const struct jp_store_stack *stack,
                           const struct jp_strv *layers, struct jp_strv *ret, struct jp_error *err)
{
    char name[NAME_SIZE];
    struct recipe recipe = {
        .ctx = jp_store_driver_context(store), .stack = stack, .layers = layers};
    int r = jp_view_has_implicit(&recipe.ctx, stack, err);
    if (r <= 0)
        return r;
    key_text(&recipe.key, "directories");
    for (size_t i = 0; i < stack->count; i++)
        key_part(&recipe.key, &stack->items[i]);
    r = find_or_make(store, &recipe, name, err);
    jp_buf_clear(&recipe.key);
    if (r < 0 || is_empty_view(store, name))
        return r;
    return jp_strv_add(ret, name) < 0 ? jp_oom(err) : 0;
}

int jp_store_stack_layers(struct jp_store *store, const struct jp_store_stack *stack,
                          struct jp_strv *ret, struct jp_error *err)
{
    JP_AUTO(jp_strv) layers = JP_STRV_INIT;
    for (size_t i = 0; i < stack->count; i++) {
        if (add_part(store, &stack->items[i], &layers, err) < 0)
            return -1;
    }
    if (add_directories(store, stack, &layers, ret, err) < 0)
        return -1;
    return jp_strv_extend(ret, layers.items, layers.count) < 0 ? jp_oom(err) : 0;
}

/* ---- gc ---------------------------------------------------------------------------------------
 */

/* Adds the layers of one app's clone, if there is one. */
static int add_used(int app_fd, struct jp_strv *used, struct jp_error *err)
{
    JP_AUTO(jp_strv) layers = JP_STRV_INIT;
    if (!jp_store_exists(app_fd, "layers"))
        return 0;
    if (jp_plain_layers_read(app_fd, &layers, err) < 0)
        return -1;
    return jp_strv_extend(used, layers.items, layers.count) < 0 ? jp_oom(err) : 0;
}

static int add_used_by_pod(int pods_fd, const char *pod, struct jp_strv *used, struct jp_error *err)
{
    JP_AUTO(jp_strv) apps = JP_STRV_INIT;
    JP_AUTO_FD int pod_fd = jp_fd_open_dir(pods_fd, pod, NULL);
    JP_AUTO_FD int apps_fd = pod_fd < 0 ? -1 : jp_fd_open_dir(pod_fd, "apps", NULL);
    if (apps_fd < 0)
        return errno == ENOENT ? 0 : jp_fail_sys(err, "open the apps of pod %s", pod);
    if (jp_store_list_dir(apps_fd, NULL, &apps, err) < 0)
        return -1;
    for (size_t i = 0; i < apps.count; i++) {
        JP_AUTO_FD int fd = jp_fd_open_dir(apps_fd, apps.items[i], NULL);
        if (fd >= 0 && add_used(fd, used, err) < 0)
            return jp_wrap(err, "pod %s", pod);
    }
    return 0;
}

int jp_views_used(struct jp_store *store, struct jp_strv *ret, struct jp_error *err)
{
    JP_AUTO(jp_strv) pods = JP_STRV_INIT;
    if (jp_store_list_dir(store->pods_fd, NULL, &pods, err) < 0)
        return -1;
    for (size_t i = 0; i < pods.count; i++) {
        if (add_used_by_pod(store->pods_fd, pods.items[i], ret, err) < 0)
            return -1;
    }
    jp_strv_sort(ret);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int remove_unused(struct jp_store *store, int views_fd, const struct jp_store_report *report,
                         struct jp_error *err)
{
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    JP_AUTO(jp_strv) used = JP_STRV_INIT;
    if (jp_store_list_dir(views_fd, NULL, &names, err) < 0)
        return -1;
    if (names.count == 0)
        return 0;
    if (jp_views_used(store, &used, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        char **name = &names.items[i];
        if (used.count > 0 && bsearch(name, used.items, used.count, sizeof(char *), compare_names))
            continue;
        if (jp_trash_remove(store->tmp_fd, views_fd, *name, err) < 0)
            return -1;
        if (report && report->say)
            report->say(report->context, "view", *name, "removed");
    }
    return 0;
}

int jp_views_sweep(struct jp_store *store, const struct jp_store_report *report,
                   struct jp_error *err)
{
    JP_AUTO_FD int fd = jp_fd_open_dir(store->root_fd, JP_VIEWS_DIR, NULL);
    if (fd < 0)
        return errno == ENOENT ? 0 : jp_fail_sys(err, "open '%s'", JP_VIEWS_DIR);
    if (flock_now(fd, LOCK_EX | LOCK_NB) < 0)
        return 0; /* somebody is about to use some; they are looked at the next time */
    return remove_unused(store, fd, report, err);
}
