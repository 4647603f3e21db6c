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

#include "appc/id.h"
#include "base/buf.h"
#include "base/mem.h"
#include "store/driver/common.h"
#include "store/views_internal.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/filesystem.h"

#define KEY_FILE     "key"
#define KEY_FILTERED "filtered" /* what the key of a filtered view begins with; then the image */
#define KEY_MAX      (256U << 20)
#define MAX_TRIES    64 /* views with one hash */
#define NAME_SIZE    40

/* ---- keys -------------------------------------------------------------------------------------
 */

static void key_text(struct jp_buf *key, const char *text)
{
    jp_buf_add(key, text, strlen(text) + 1);
}

/*
 * An empty string ends what is said of a part: no id and no path is one. What it takes away is not
 * said: the image's manifest says it, so the id does.
 */
static void key_part(struct jp_buf *key, const struct jp_store_part *part,
                     const struct jp_store_part *above)
{
    const struct jp_filter *filter = &part->filter;
    bool is_as_above = above && filter->is_set && jp_filter_equal(filter, &above->filter);
    key_text(key, part->image_id);
    key_text(key, is_as_above ? "same" : filter->is_set ? "filter" : "all");
    for (size_t i = 0; !is_as_above && i < filter->paths.count; i++)
        key_text(key, filter->paths.items[i]);
    key_text(key, "");
}

/* The parts of a stack from the given one down. */
static void key_parts(struct jp_buf *key, const struct jp_store_stack *stack, size_t from)
{
    for (size_t i = from; i < stack->count; i++)
        key_part(key, &stack->items[i], i > from ? &stack->items[i - 1] : NULL);
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
static int find(int views_fd, const char *prefix, const struct jp_buf *key, char name[NAME_SIZE],
                struct jp_error *err)
{
    unsigned long long sum = hash(key);
    for (unsigned i = 0; i < MAX_TRIES; i++) {
        (void)snprintf(name, NAME_SIZE, "%s%016llx-%u", prefix, sum, i);
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
    const char *prefix;               /* of its name */
    const struct jp_store_part *part; /* filtered, or whose list it is, or NULL: */
    struct jp_view_layers layers;     /* directories; or the part's, and those below it */
    uint64_t *work;                   /* with the latter */
};

static int fill(const struct recipe *recipe, int draft_fd, int rootfs_fd, struct jp_error *err)
{
    if (!recipe->part)
        return jp_view_fill_directories(&recipe->ctx, &recipe->layers, rootfs_fd, err);
    if (!recipe->layers.names)
        return jp_view_fill_filtered(&recipe->ctx, recipe->part, rootfs_fd, err);
    const struct jp_view_removal removal = {&recipe->part->removed, recipe->work};
    return jp_view_fill_without(&recipe->ctx, &recipe->layers, &removal, draft_fd, rootfs_fd, err);
}

static int fill_draft(const struct recipe *recipe, int draft_fd, struct jp_error *err)
{
    JP_AUTO_FD int rootfs = jp_fd_make_dir(draft_fd, "rootfs", 0700, err);
    if (rootfs < 0 || fill(recipe, draft_fd, rootfs, err) < 0 ||
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
        int r = find(store->views_fd, recipe->prefix, &recipe->key, name, err);
        if (r == 0)
            r = make(store, recipe, name, err);
        if (r != 0)
            return r < 0 ? -1 : 0;
    }
    return jp_fail(err, JP_EBUSY, 0, "others make views all the time");
}

/* ---- stacks -----------------------------------------------------------------------------------
 */

/* The layers of a stack in the making, the lowest first until they are turned around. */
struct layers {
    struct jp_strv names;
    struct jp_strv lists; /* struct jp_view_layers */
    uint64_t work;        /* struct jp_view_removal */
};

static void layers_clear(struct layers *layers)
{
    jp_strv_clear(&layers->names);
    jp_strv_clear(&layers->lists);
}

static int put(struct layers *layers, const char *name, const char *list, struct jp_error *err)
{
    if (jp_strv_add(&layers->names, name) < 0 || jp_strv_add(&layers->lists, list) < 0)
        return jp_oom(err);
    return 0;
}

static void turn_around(struct jp_strv *list)
{
    for (size_t i = 0; i < list->count / 2; i++) {
        char *other = list->items[list->count - 1 - i];
        list->items[list->count - 1 - i] = list->items[i];
        list->items[i] = other;
    }
}

/* A part's own layer: the image, or what passes its filter. */
static int find_own(struct jp_store *store, const struct jp_store_part *part, char **ret,
                    struct jp_error *err)
{
    char name[NAME_SIZE];
    struct recipe recipe = {
        .ctx = jp_store_driver_context(store), .prefix = JP_VIEW_PREFIX, .part = part};
    if (part->filter.is_set) {
        key_text(&recipe.key, KEY_FILTERED);
        key_part(&recipe.key, part, NULL);
        int r = find_or_make(store, &recipe, name, err);
        jp_buf_clear(&recipe.key);
        if (r < 0)
            return -1;
    }
    *ret = jp_strdup(part->filter.is_set ? name : part->image_id);
    return *ret ? 0 : jp_oom(err);
}

int jp_store_layer_image(struct jp_store *store, const char *layer, char **ret,
                         struct jp_error *err)
{
    JP_AUTO(jp_buf) key = JP_BUF_INIT;
    JP_AUTO_FD int fd = -1;
    *ret = NULL;
    if (jp_image_id_valid(layer)) {
        *ret = jp_strdup(layer);
        return *ret ? 0 : jp_oom(err);
    }
    if (open_views(store, err) < 0 || (fd = jp_fd_open_dir(store->views_fd, layer, err)) < 0 ||
        jp_file_read(fd, KEY_FILE, KEY_MAX, &key, err) < 0)
        return -1;
    const char *id = jp_buf_text(&key) + sizeof(KEY_FILTERED);
    if (strcmp(jp_buf_text(&key), KEY_FILTERED) != 0 || key.len <= sizeof(KEY_FILTERED))
        return 0;
    *ret = jp_strdup(id);
    return *ret ? 0 : jp_oom(err);
}

static bool is_empty_view(struct jp_store *store, const char *name)
{
    struct jp_driver_context ctx = jp_store_driver_context(store);
    JP_AUTO_FD int fd = jp_plain_layer_open(&ctx, name, NULL);
    return fd >= 0 && jp_fd_is_empty_dir(fd);
}

/*
 * Puts what the part takes away on those below it, which `layers` has. `own` is the part's layer:
 * what it has a directory of its own for is hidden below as a whole.
 */
static int put_without(struct jp_store *store, const struct jp_store_stack *stack, size_t at,
                       const char *own, struct layers *layers, struct jp_error *err)
{
    char name[NAME_SIZE];
    const struct jp_store_part *part = &stack->items[at];
    struct layers all = {.names = JP_STRV_INIT};
    struct recipe recipe = {.ctx = jp_store_driver_context(store),
                            .prefix = JP_VIEW_WITHOUT_PREFIX,
                            .part = part,
                            .layers = {&all.names, &all.lists},
                            .work = &layers->work};
    if (part->removed.count == 0 || layers->names.count == 0)
        return 0;
    int r = 0;
    if (jp_strv_extend(&all.names, layers->names.items, layers->names.count) < 0 ||
        jp_strv_extend(&all.lists, layers->lists.items, layers->lists.count) < 0)
        r = jp_oom(err);
    if (r == 0)
        r = put(&all, own, part->image_id, err);
    turn_around(&all.names);
    turn_around(&all.lists);
    key_text(&recipe.key, "without");
    key_parts(&recipe.key, stack, at);
    if (r == 0)
        r = find_or_make(store, &recipe, name, err);
    jp_buf_clear(&recipe.key);
    layers_clear(&all);
    return r < 0 || is_empty_view(store, name) ? r : put(layers, name, name, err);
}

/* Puts a part on those below it, which `layers` has. */
static int put_part(struct jp_store *store, const struct jp_store_stack *stack, size_t at,
                    struct layers *layers, struct jp_error *err)
{
    JP_AUTO_FREE char *own = NULL;
    if (find_own(store, &stack->items[at], &own, err) < 0 ||
        put_without(store, stack, at, own, layers, err) < 0)
        return -1;
    return put(layers, own, stack->items[at].image_id, err);
}

/* The directory view of these layers (the topmost first), where they need one. */
static int add_directories(struct jp_store *store, const struct jp_store_stack *stack,
                           const struct layers *layers, struct jp_strv *ret, struct jp_error *err)
{
    char name[NAME_SIZE];
    struct recipe recipe = {.ctx = jp_store_driver_context(store),
                            .prefix = JP_VIEW_PREFIX,
                            .layers = {&layers->names, &layers->lists}};
    int r = jp_view_has_implicit(&recipe.ctx, &layers->lists, err);
    if (r <= 0)
        return r;
    key_text(&recipe.key, "directories");
    key_parts(&recipe.key, stack, 0);
    r = find_or_make(store, &recipe, name, err);
    jp_buf_clear(&recipe.key);
    if (r < 0 || is_empty_view(store, name))
        return r;
    return jp_strv_add(ret, name) < 0 ? jp_oom(err) : 0;
}

int jp_store_stack_layers(struct jp_store *store, const struct jp_store_stack *stack,
                          struct jp_strv *ret, struct jp_error *err)
{
    struct layers layers = {.names = JP_STRV_INIT};
    int r = 0;
    for (size_t i = stack->count; r == 0 && i-- > 0;)
        r = put_part(store, stack, i, &layers, err);
    turn_around(&layers.names);
    turn_around(&layers.lists);
    if (r == 0)
        r = add_directories(store, stack, &layers, ret, err);
    if (r == 0 && jp_strv_extend(ret, layers.names.items, layers.names.count) < 0)
        r = jp_oom(err);
    layers_clear(&layers);
    return r;
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
