/*
 * Dependencies and whitelists against a second, straightforward rendering of ace.md "Filesystem
 * Setup": random graphs of random images are imported, every image of a graph is rendered by each
 * driver, and the tree is compared with what extracting the archives one after the other, in the
 * specified order and as often as it says, gives in a model. Images also take paths away from what
 * was extracted before them (appc/removed.h).
 *
 * The seed is fixed; `render_test SEED GRAPHS` tries others. Runs as root in a mount namespace of
 * its own.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "hostile/archive.h"
#include "image/image.h"
#include "pod/internal.h"
#include "store/driver/driver.h"
#include "store/store.h"
#include "store/views_internal.h"
#include "sys/fd.h"
#include "sys/mounts.h"
#include "sys/tree.h"
#include "tap.h"

#define NAMES        3 /* "a" to "c", in every directory */
#define DEPTH        3
#define PATHS        (NAMES + NAMES * NAMES + NAMES * NAMES * NAMES)
#define IMAGES       6 /* of a graph */
#define ENTRIES      PATHS
#define LISTED       8
#define DEPENDENCIES 4

/* ---- chance ------------------------------------------------------------------------------------
 */

static uint64_t state;

static unsigned chance(unsigned n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((state >> 33) % n);
}

/* ---- the paths there can be --------------------------------------------------------------------
 */

static char paths[PATHS][2 * DEPTH];
static int parents[PATHS]; /* -1: the root */

/* A directory before what is in it. */
static void make_paths(void)
{
    int count = 0;
    for (int first = -1; count < PATHS;) {
        int end = count;
        for (int above = first; above < end; above++) {
            if (above >= 0 && strlen(paths[above]) / 2 + 1 >= DEPTH)
                continue;
            for (int i = 0; i < NAMES; i++) {
                (void)snprintf(paths[count], sizeof(paths[0]), "%.*s%s%c", 4,
                               above < 0 ? "" : paths[above], above < 0 ? "" : "/", 'a' + i);
                parents[count++] = above;
            }
            if (above < 0)
                break;
        }
        first = end;
    }
}

static bool is_below(int path, int above)
{
    for (int p = parents[path]; p >= 0; p = parents[p]) {
        if (p == above)
            return true;
    }
    return false;
}

/* ---- images ------------------------------------------------------------------------------------
 */

struct properties {
    unsigned mode, uid, gid, mtime;
};

struct entry {
    int path;
    char type; /* '0' file, '1' hard link, '2' symbolic link, '5' directory */
    struct properties p;
    char text[32]; /* content, or target */
    int first;     /* hard link: the entry that it is another name of */
};

struct image {
    char name[64];
    char id[136];
    struct properties root;
    struct entry entries[ENTRIES];
    int n_entries;
    int dependencies[DEPENDENCIES]; /* in order; indices of the graph */
    int n_dependencies;
    int whitelist[LISTED];
    int n_whitelist;
    int removed[LISTED]; /* -1: the root */
    bool removes_content[LISTED];
    int n_removed;
};

static struct properties some_properties(bool is_dir)
{
    static const unsigned modes[] = {0755, 0700, 01777, 0711, 02755};
    return (struct properties){.mode = is_dir ? modes[chance(5)] : 0600 + chance(0200),
                               .uid = chance(3) * 1000,
                               .gid = chance(3) * 10,
                               .mtime = 1000000 + chance(1000000)};
}

static const struct entry *entry_of(const struct image *image, int path)
{
    for (int i = 0; i < image->n_entries; i++) {
        if (image->entries[i].path == path)
            return &image->entries[i];
    }
    return NULL;
}

/* Can something be made there: is nothing above it in this image anything but a directory? */
static bool has_place(const struct image *image, int path)
{
    for (int p = parents[path]; p >= 0; p = parents[p]) {
        const struct entry *e = entry_of(image, p);
        if (e && e->type != '5')
            return false;
        if (!e && image->n_dependencies == 0)
            return false;
    }
    return true;
}

static void add_entry(struct image *image, int path)
{
    struct entry *e = &image->entries[image->n_entries];
    static const char types[] = "55552001";
    *e = (struct entry){.path = path, .type = types[chance(8)], .first = -1};
    if (e->type == '1') {
        e->type = '0';
        for (int i = 0; i < image->n_entries; i++) {
            if (image->entries[i].type == '0' && chance(2) == 0) {
                e->type = '1';
                e->first = i;
            }
        }
    }
    e->p = some_properties(e->type == '5');
    if (e->type == '2')
        (void)snprintf(e->text, sizeof(e->text), "%s", chance(2) ? "/a" : "../b");
    else if (e->type == '0')
        (void)snprintf(e->text, sizeof(e->text), "content %u", chance(100000));
    image->n_entries++;
}

static void make_image(struct image *graph, int index, unsigned graph_number)
{
    struct image *image = &graph[index];
    memset(image, 0, sizeof(*image));
    (void)snprintf(image->name, sizeof(image->name), "test.example/g%u-i%d", graph_number, index);
    image->root = some_properties(true);
    for (int i = 0; index > 0 && i < DEPENDENCIES; i++) {
        if (chance(2))
            image->dependencies[image->n_dependencies++] = (int)chance((unsigned)index);
    }
    for (int path = 0; path < PATHS; path++) {
        if (chance(3) && has_place(image, path))
            add_entry(image, path);
    }
    for (int i = 0; chance(4) == 0 && i < LISTED; i++)
        image->whitelist[image->n_whitelist++] = (int)chance(PATHS);
    for (int i = 0; chance(3) && i < LISTED; i++) {
        image->removes_content[i] = chance(3) == 0;
        image->removed[i] = image->removes_content[i] && chance(10) == 0 ? -1 : (int)chance(PATHS);
        image->n_removed++;
    }
    /* A directory may be named after what is in it: only where some may be unnamed. */
    for (int i = 0; image->n_dependencies && i < 3 && image->n_entries > 1; i++) {
        unsigned at = chance((unsigned)image->n_entries);
        if (image->entries[at].type != '5')
            continue;
        struct entry moved = image->entries[at];
        int count = image->n_entries - (int)at - 1;
        memmove(&image->entries[at], &image->entries[at + 1], (size_t)count * sizeof(moved));
        image->entries[image->n_entries - 1] = moved;
        for (int k = 0; k < image->n_entries; k++)
            image->entries[k].first -= image->entries[k].first > (int)at;
    }
}

static char *manifest_of(const struct image *graph, const struct image *image)
{
    struct jp_buf text = JP_BUF_INIT;
    jp_buf_printf(&text,
                  "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"%s\","
                  "\"dependencies\":[",
                  image->name);
    for (int i = 0; i < image->n_dependencies; i++)
        jp_buf_printf(&text, "%s{\"imageName\":\"%s\"}", i ? "," : "",
                      graph[image->dependencies[i]].name);
    jp_buf_puts(&text, "],\"pathWhitelist\":[");
    for (int i = 0; i < image->n_whitelist; i++)
        jp_buf_printf(&text, "%s\"/%s%s\"", i ? "," : "", paths[image->whitelist[i]],
                      i % 3 == 0 ? "/" : "");
    jp_buf_puts(&text, "]");
    for (int i = 0; i < image->n_removed; i++) {
        int path = image->removed[i];
        jp_buf_printf(&text, "%s/%s%s",
                      i ? " " : ",\"annotations\":[{\"name\":\"jetpack/removed\",\"value\":\"",
                      path < 0 ? "" : paths[path],
                      path >= 0 && image->removes_content[i] ? "/" : "");
    }
    jp_buf_puts(&text, image->n_removed ? "\"}]}" : "}");
    return jp_buf_steal(&text);
}

static void pack_entry(struct jp_buf *tar, const struct image *image, const struct entry *e)
{
    char name[32], link[32], numbers[4][16];
    (void)snprintf(name, sizeof(name), "rootfs/%s%s", paths[e->path], e->type == '5' ? "/" : "");
    (void)snprintf(link, sizeof(link), "rootfs/%s",
                   e->first >= 0 ? paths[image->entries[e->first].path] : "");
    (void)snprintf(numbers[0], 16, "%07o", e->p.mode);
    (void)snprintf(numbers[1], 16, "%07o", e->p.uid);
    (void)snprintf(numbers[2], 16, "%07o", e->p.gid);
    (void)snprintf(numbers[3], 16, "%011o", e->p.mtime);
    raw_add(tar, &(struct raw){.name = name,
                               .type = e->type,
                               .link = e->type == '1'   ? link
                                       : e->type == '2' ? e->text
                                                        : NULL,
                               .data = e->type == '0' ? e->text : NULL,
                               .mode = numbers[0],
                               .uid = numbers[1],
                               .gid = numbers[2],
                               .mtime = numbers[3]});
}

static void pack(struct jp_buf *tar, const struct image *graph, const struct image *image)
{
    char numbers[4][16];
    JP_AUTO_FREE char *manifest = manifest_of(graph, image);
    (void)snprintf(numbers[0], 16, "%07o", image->root.mode);
    (void)snprintf(numbers[1], 16, "%07o", image->root.uid);
    (void)snprintf(numbers[2], 16, "%07o", image->root.gid);
    (void)snprintf(numbers[3], 16, "%011o", image->root.mtime);
    bool manifest_first = chance(2);
    if (manifest_first)
        raw_add(tar, &(struct raw){.name = "manifest", .data = manifest});
    raw_add(tar, &(struct raw){.name = "rootfs/",
                               .type = '5',
                               .mode = numbers[0],
                               .uid = numbers[1],
                               .gid = numbers[2],
                               .mtime = numbers[3]});
    for (int i = 0; i < image->n_entries; i++)
        pack_entry(tar, image, &image->entries[i]);
    if (!manifest_first)
        raw_add(tar, &(struct raw){.name = "manifest", .data = manifest});
    raw_end(tar);
}

/* ---- the model ---------------------------------------------------------------------------------
 */

struct node {
    char type; /* 0: nothing there */
    struct properties p;
    const char *text;
    unsigned extraction; /* files of one extraction with one `file` are names of one file */
    int file;
};

struct model {
    struct properties root;
    struct node nodes[PATHS];
    unsigned extractions;
};

/* Whitelists that apply, the own one first. */
struct lists {
    const struct image *image;
    const struct lists *above;
};

static bool is_listed(const struct image *image, int path, bool is_dir)
{
    for (int i = 0; i < image->n_whitelist; i++) {
        if (image->whitelist[i] == path || (is_dir && is_below(image->whitelist[i], path)))
            return true;
    }
    return image->n_whitelist == 0;
}

static bool passes(const struct lists *lists, int path, bool is_dir)
{
    for (; lists; lists = lists->above) {
        if (!is_listed(lists->image, path, is_dir))
            return false;
    }
    return true;
}

static void take_away(struct model *m, int path)
{
    m->nodes[path].type = 0;
    for (int i = 0; i < PATHS; i++) {
        if (is_below(i, path))
            m->nodes[i].type = 0;
    }
}

/* Before anything of the image comes. */
static void remove_all(struct model *m, const struct image *image)
{
    for (int i = 0; i < image->n_removed; i++) {
        int path = image->removed[i];
        if (!image->removes_content[i])
            take_away(m, path);
        for (int k = 0; image->removes_content[i] && k < PATHS; k++) {
            if (path < 0 || is_below(k, path))
                m->nodes[k].type = 0;
        }
    }
}

static void make_dir(struct model *m, int path)
{
    if (m->nodes[path].type == '5')
        return;
    if (parents[path] >= 0)
        make_dir(m, parents[path]);
    take_away(m, path);
    m->nodes[path] = (struct node){.type = '5', .p = {.mode = 0755}};
}

static void extract(struct model *m, const struct image *image, const struct lists *lists)
{
    m->extractions++;
    m->root = image->root;
    remove_all(m, image);
    for (int i = 0; i < image->n_entries; i++) {
        const struct entry *e = &image->entries[i];
        struct node *node = &m->nodes[e->path];
        if (!passes(lists, e->path, e->type == '5'))
            continue;
        if (parents[e->path] >= 0)
            make_dir(m, parents[e->path]);
        if (e->type == '5') {
            make_dir(m, e->path);
            node->p = e->p;
            continue;
        }
        int first = i;
        while (image->entries[first].type == '1')
            first = image->entries[first].first;
        const struct entry *content = &image->entries[first];
        take_away(m, e->path);
        *node = (struct node){.type = content->type,
                              .p = content->p,
                              .text = content->text,
                              .extraction = m->extractions,
                              .file = first};
    }
}

/* ace.md, word by word. */
static void render(struct model *m, const struct image *graph, const struct image *image,
                   const struct lists *above)
{
    const struct lists lists = {image, above};
    for (int i = 0; i < image->n_dependencies; i++)
        render(m, graph, &graph[image->dependencies[i]], &lists);
    extract(m, image, &lists);
}

/* ---- the tree ----------------------------------------------------------------------------------
 */

static char wrong[256];

JP_PRINTF(1, 2) static void say_wrong(const char *fmt, ...)
{
    va_list ap;
    if (wrong[0])
        return;
    va_start(ap, fmt);
    (void)vsnprintf(wrong, sizeof(wrong), fmt, ap);
    va_end(ap);
}

static void compare_properties(const char *path, const struct stat *st, const struct properties *p,
                               bool is_link)
{
    if (!is_link && (st->st_mode & 07777) != p->mode)
        say_wrong("%s: mode %o, expected %o", path, (unsigned)st->st_mode & 07777, p->mode);
    if (st->st_uid != p->uid || st->st_gid != p->gid)
        say_wrong("%s: owner %u:%u, expected %u:%u", path, st->st_uid, st->st_gid, p->uid, p->gid);
    if (st->st_mtime != (time_t)p->mtime)
        say_wrong("%s: time %lld, expected %u", path, (long long)st->st_mtime, p->mtime);
}

static void compare_text(int root_fd, const char *path, const struct node *node)
{
    char text[64] = "";
    ssize_t len;
    if (node->type == '2') {
        len = readlinkat(root_fd, path, text, sizeof(text) - 1);
    } else {
        JP_AUTO_FD int fd = openat(root_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    }
    if (len < 0 || strcmp(text, node->text) != 0)
        say_wrong("%s: '%s', expected '%s'", path, text, node->text);
}

static char type_of(mode_t mode)
{
    return S_ISDIR(mode) ? '5' : S_ISLNK(mode) ? '2' : S_ISREG(mode) ? '0' : '?';
}

/* Names of one file in an archive are names of one file. */
static void compare_links(const struct model *m, const struct stat *all)
{
    for (int i = 0; i < PATHS; i++) {
        for (int k = 0; k < i; k++) {
            const struct node *a = &m->nodes[i], *b = &m->nodes[k];
            if (a->type == '0' && b->type == '0' && a->extraction == b->extraction &&
                a->file == b->file && all[i].st_ino != all[k].st_ino)
                say_wrong("%s and %s: no longer one file", paths[i], paths[k]);
        }
    }
}

static size_t count_all(int fd)
{
    size_t count = 0;
    DIR *dir = fdopendir(fd);
    struct dirent *e;
    while (dir && (e = readdir(dir))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        int next = openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        count += 1 + (next < 0 ? 0 : count_all(next));
    }
    if (dir)
        (void)closedir(dir);
    return count;
}

static bool compare(const struct model *m, const char *root)
{
    struct stat all[PATHS], st;
    size_t expected = 0;
    wrong[0] = '\0';
    JP_AUTO_FD int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return false;
    compare_properties("/", &st, &m->root, false);
    for (int i = 0; i < PATHS; i++) {
        const struct node *node = &m->nodes[i];
        /* No link is to be followed on the way. */
        bool has_dir = parents[i] < 0 || S_ISDIR(all[parents[i]].st_mode);
        memset(&all[i], 0, sizeof(all[i]));
        bool is_there = has_dir && fstatat(fd, paths[i], &all[i], AT_SYMLINK_NOFOLLOW) == 0;
        char type = is_there ? type_of(all[i].st_mode) : 0;
        expected += node->type != 0;
        if (type != node->type)
            say_wrong("%s: type '%c', expected '%c'", paths[i], type ? type : '-',
                      node->type ? node->type : '-');
        if (type != node->type || !type)
            continue;
        compare_properties(paths[i], &all[i], &node->p, type == '2');
        if (type != '5')
            compare_text(fd, paths[i], node);
    }
    compare_links(m, all);
    if (count_all(jp_fd_take(&fd)) != expected)
        say_wrong("there is more in it");
    return wrong[0] == '\0';
}

/* ---- the real thing ----------------------------------------------------------------------------
 */

static char top[] = "/tmp/jetpack-render-XXXXXX";
static char root[64];

static void die(const char *what, const struct jp_error *err)
{
    printf("Bail out! %s: %s\n", what, jp_error_text(err));
    exit(1);
}

static void import(struct jp_store *store, const struct image *graph, struct image *image)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_buf) tar = JP_BUF_INIT;
    JP_AUTO(jp_image_imported) imported = {.id = NULL};
    char path[64];
    uint64_t differences = 1;
    pack(&tar, graph, image);
    (void)snprintf(path, sizeof(path), "%s/archive", top);
    JP_AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || jp_fd_write_all(fd, tar.data, tar.len, path, &err) < 0)
        die("archive", &err);
    (void)lseek(fd, 0, SEEK_SET);
    struct jp_image_import_options options = {.fd = fd, .not_durable = true};
    if (jp_image_import(store, &options, &imported, &err) < 0)
        die("import", &err);
    (void)snprintf(image->id, sizeof(image->id), "%s", imported.id);
    struct jp_image_verify_options verify = {.id = image->id};
    if (jp_image_verify(store, &verify, &differences, &err) < 0 || differences > 0)
        die("verify", &err);
}

static char *no_manifest(void *context, const char *address, struct jp_error *err)
{
    (void)context, (void)address, (void)err;
    return jp_strdup("{}");
}

static void make_pod(struct jp_store *store, struct jp_store_pod *pod, const char *id)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    char uuid[JP_UUID_SIZE];
    if (jp_uuid_new(uuid, &err) < 0)
        die("uuid", &err);
    pod->uuid = jp_strdup(uuid);
    pod->name = jp_strdup("rendered");
    pod->apps = jp_calloc(1, sizeof(*pod->apps));
    pod->n_apps = 1;
    pod->apps[0] = (struct jp_store_pod_app){jp_strdup("main"), jp_strdup(id)};
    struct jp_store_pod_request request = {
        .pod = pod, .is_volatile = true, .manifest = no_manifest};
    if (jp_store_pod_create(store, &request, &err) < 0)
        die("pod", &err);
}

/* Relative names keep the options of mount(2) short. */
static int mount_stack(const struct jp_plan_root *plan, char path[128])
{
    char options[2048] = "lowerdir=", name[96];
    (void)snprintf(path, 128, "%s/merged", top);
    (void)mkdir(path, 0755);
    for (size_t i = 0; i < plan->layers.count; i++) {
        (void)snprintf(name, sizeof(name), "%s/l%zu", top, i);
        (void)unlink(name);
        if (symlink(plan->layers.items[i], name) < 0)
            return -1;
        size_t len = strlen(options);
        (void)snprintf(options + len, sizeof(options) - len, "%sl%zu", i ? ":" : "", i);
    }
    size_t len = strlen(options);
    (void)snprintf(options + len, sizeof(options) - len, ",upperdir=%s,workdir=%s", plan->upper,
                   plan->work);
    return chdir(top) == 0 ? mount("overlay", path, "overlay", 0, options) : -1;
}

static bool check(struct jp_store *store, const struct jp_store_pod *pod, const struct image *image,
                  const struct model *m)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_stack) stack = JP_STORE_STACK_INIT;
    JP_AUTO(jp_strv) layers = JP_STRV_INIT;
    struct jp_pod_context ctx = {.store = store};
    struct jp_plan_root plan = {.kind = JP_ROOT_DIRECTORY};
    char path[128] = "";
    if (jp_pod_image_stack(&ctx, image->id, NULL, &stack, &err) < 0 ||
        jp_store_stack_layers(store, &stack, &layers, &err) < 0 ||
        jp_store_pod_clone(store, pod, &layers, &plan, &err) < 0)
        die("clone", &err);
    bool is_overlay = plan.kind == JP_ROOT_OVERLAY;
    if (is_overlay && mount_stack(&plan, path) < 0)
        say_wrong("cannot mount");
    bool is_good = compare(m, is_overlay ? path : plan.dir);
    if (is_overlay)
        (void)umount2(path, MNT_DETACH);
    jp_plan_root_clear(&plan);
    return is_good;
}

static void print_image(const struct image *image)
{
    printf("# %s: dependencies", image->name);
    for (int i = 0; i < image->n_dependencies; i++)
        printf(" %d", image->dependencies[i]);
    printf("; whitelist");
    for (int i = 0; i < image->n_whitelist; i++)
        printf(" %s", paths[image->whitelist[i]]);
    printf("; removes");
    for (int i = 0; i < image->n_removed; i++)
        printf(" /%s%s", image->removed[i] < 0 ? "" : paths[image->removed[i]],
               image->removes_content[i] ? "/" : "");
    printf("; entries");
    for (int i = 0; i < image->n_entries; i++)
        printf(" %s(%c %o)", paths[image->entries[i].path], image->entries[i].type,
               image->entries[i].p.mode);
    printf("\n");
}

static const char *const drivers[] = {"overlay", "copy"};

static void test_graph(struct jp_store *const *stores, struct jp_store_pod *pod, unsigned number)
{
    static struct image graph[IMAGES];
    unsigned failed = 0;
    for (int i = 0; i < IMAGES; i++) {
        make_image(graph, i, number);
        import(stores[0], graph, &graph[i]);
    }
    if (!pod->uuid)
        make_pod(stores[0], pod, graph[0].id);
    for (int i = 0; i < IMAGES; i++) {
        struct model m = {.extractions = 0};
        render(&m, graph, &graph[i], NULL);
        for (size_t k = 0; k < JP_LEN(drivers); k++) {
            if (check(stores[k], pod, &graph[i], &m))
                continue;
            printf("# %s of %s: %s\n", drivers[k], graph[i].name, wrong);
            failed++;
        }
    }
    for (int i = 0; failed && i < IMAGES; i++)
        print_image(&graph[i]);
    TAP_OK(failed == 0, "graph %u: %d roots by %zu drivers", number, IMAGES, JP_LEN(drivers));
}

/* Whether the layers of an image can be had. */
static int layers_of(struct jp_store *store, const char *id, struct jp_error *err)
{
    JP_AUTO(jp_store_stack) stack = JP_STORE_STACK_INIT;
    JP_AUTO(jp_strv) layers = JP_STRV_INIT;
    struct jp_pod_context ctx = {.store = store};
    if (jp_pod_image_stack(&ctx, id, NULL, &stack, err) < 0)
        die("stack", err);
    return jp_store_stack_layers(store, &stack, &layers, err);
}

/* Stacks that want too much looked at are refused; the same ones are fine when it is allowed. */
static void test_bound(struct jp_store *store, unsigned first)
{
    static struct image graph[IMAGES];
    uint64_t before = jp_view_max_work;
    unsigned refused = 0, removing = 0, others = 0, mended = 0;
    for (unsigned number = first; number < first + 20; number++) {
        if (removing > 0 && removing < refused)
            break;
        for (int i = 0; i < IMAGES; i++) {
            make_image(graph, i, number);
            import(store, graph, &graph[i]);
        }
        for (int i = 0; i < IMAGES; i++) {
            JP_AUTO(jp_error) err = JP_ERROR_INIT;
            jp_view_max_work = 1;
            int r = layers_of(store, graph[i].id, &err);
            jp_view_max_work = before;
            if (r == 0)
                continue;
            refused += err.code == JP_ELIMIT;
            removing += strstr(jp_error_text(&err), "take away too much") != NULL;
            others += err.code != JP_ELIMIT;
            mended += layers_of(store, graph[i].id, NULL) == 0;
        }
    }
    TAP_OK(refused > removing && others == 0, "too much work for directories is refused: %u stacks",
           refused - removing);
    TAP_OK(removing > 0, "too much work for what is removed, too: %u stacks", removing);
    TAP_OK(mended == refused, "which are fine where it is allowed");
}

static void clean_up(void)
{
    JP_AUTO_FD int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && chdir("/") == 0)
        (void)jp_tree_remove(fd, top + strlen("/tmp/"), NULL);
}

int main(int argc, char **argv)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    struct jp_store *stores[JP_LEN(drivers)] = {NULL};
    state = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    unsigned graphs = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 60;
    if (geteuid() != 0) {
        printf("1..0 # SKIP not here: needs root\n");
        return 0;
    }
    if (unshare(CLONE_NEWNS) < 0 || jp_mounts_make_private() < 0) {
        printf("1..0 # SKIP not here: no mount namespaces\n");
        return 0;
    }
    if (!mkdtemp(top))
        die("mkdtemp", NULL);
    (void)atexit(clean_up);
    (void)snprintf(root, sizeof(root), "%s/root", top);
    make_paths();
    for (size_t i = 0; i < JP_LEN(drivers); i++) {
        struct jp_store_options options = {.root = root, .driver = drivers[i]};
        if (jp_store_open(&options, &stores[i], &err) < 0)
            die("store", &err);
    }
    for (unsigned i = 0; i < graphs; i++)
        test_graph(stores, &pod, i);
    test_bound(stores[0], graphs);
    TAP_OK(jp_store_pod_destroy(stores[0], pod.uuid, &err) == 0, "the pod is destroyed");
    for (size_t i = 0; i < JP_LEN(drivers); i++)
        jp_store_rest(stores[i]);
    TAP_OK(jp_store_gc(stores[0], NULL, &err) == 0, "gc: %s", jp_error_text(&err));
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/views", root);
    JP_AUTO_FD int views = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    TAP_OK(views >= 0 && jp_fd_is_empty_dir(views), "no view is left when no clone is");
    for (size_t i = 0; i < JP_LEN(drivers); i++)
        jp_store_free(stores[i]);
    return tap_done();
}
