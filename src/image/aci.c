#include "image/aci.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/parse.h"
#include "image/attributes.h"
#include "image/name.h"
#include "image/unpack.h"
#include "store/views.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/fileflags.h"
#include "sys/filesystem.h"

const char *jp_aci_inside(const char *path)
{
    size_t len = strlen(JP_ACI_ROOTFS "/");
    return strncmp(path, JP_ACI_ROOTFS "/", len) == 0 ? path + len : NULL;
}

int jp_aci_add_duplicate(struct jp_strv *duplicates, const char *path, struct jp_error *err)
{
    if (duplicates->count >= JP_UNPACK_DUPLICATES_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "more than %u directories are in the archive twice",
                       JP_UNPACK_DUPLICATES_MAX);
    return jp_strv_add(duplicates, path) == 0 ? 0 : jp_oom(err);
}

/* ---- reading a skeleton ---------------------------------------------------------------------- */

int jp_aci_reader_open(int dir_fd, struct jp_tar_tap tap, struct jp_aci_reader *ret,
                       struct jp_error *err)
{
    if (jp_skeleton_reader_open(dir_fd, &ret->skeleton, err) != 0)
        return -1;
    struct jp_tar_input input = {jp_skeleton_next, ret->skeleton};
    ret->tar = jp_tar_new(input, tap, UINT64_MAX);
    return ret->tar ? 0 : jp_oom(err);
}

void jp_aci_reader_clear(struct jp_aci_reader *reader)
{
    jp_tar_free(reader->tar);
    jp_skeleton_reader_free(reader->skeleton);
    *reader = (struct jp_aci_reader)JP_ACI_READER_INIT;
}

int jp_aci_reader_next(struct jp_aci_reader *reader, const struct jp_tar_entry **ret,
                       unsigned char digest[JP_HASH_SHA256_SIZE], struct jp_error *err)
{
    const struct jp_tar_entry *entry = NULL;
    int r = jp_tar_next(reader->tar, &entry, err);
    if (r <= 0)
        return r;
    if (entry->stored > 0) {
        if (jp_skeleton_take_content(reader->skeleton, entry->stored, digest, err) != 0)
            return -1;
        jp_tar_omit_content(reader->tar);
    }
    *ret = entry;
    return 1;
}

/* ---- the second walk ------------------------------------------------------------------------- */

struct walk {
    const struct jp_aci_finish *finish;
    char **first; /* digest of what a duplicate said the first time; one a duplicate */
    bool has_warned;
};

static int compare_text(const void *key, const void *item)
{
    return strcmp(key, *(char *const *)item);
}

static char *digest_text(const struct jp_buf *text)
{
    unsigned char digest[JP_HASH_SHA256_SIZE];
    char digits[2 * sizeof(digest) + 1];
    JP_AUTO_PTR(jp_hash) hash = jp_hash_new(JP_HASH_SHA256);
    if (!hash || jp_buf_failed(text) || jp_hash_add(hash, text->data, text->len, NULL) != 0 ||
        jp_hash_finish(hash, digest, NULL) != 0)
        return NULL;
    jp_hex_encode(digest, sizeof(digest), digits);
    return jp_strdup(digits);
}

/*
 * The digest of everything that must be equal in two entries of one directory. Not that itself:
 * attributes may be some megabytes, and there may be very many duplicates.
 */
static char *describe(const struct jp_tar_entry *e)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    jp_buf_printf(&text, "%u %u %o %lld.%09ld %s", e->uid, e->gid, (unsigned)e->mode,
                  (long long)e->mtime.tv_sec, e->mtime.tv_nsec, e->flags ? e->flags : "-");
    for (size_t i = 0; i < e->n_xattrs; i++) {
        jp_buf_printf(&text, " %s=", e->xattrs[i].name);
        for (size_t k = 0; k < e->xattrs[i].len; k++)
            jp_buf_printf(&text, "%02x", e->xattrs[i].value[k]);
    }
    return digest_text(&text);
}

static int check_duplicate(struct walk *walk, const struct jp_tar_entry *entry,
                           struct jp_error *err)
{
    const struct jp_strv *list = walk->finish->duplicates;
    if (list->count == 0)
        return 0;
    char **found = bsearch(entry->path, list->items, list->count, sizeof(char *), compare_text);
    if (!found)
        return 0;
    while (found > list->items && strcmp(found[-1], entry->path) == 0)
        found--; /* a third time it is in the list twice */
    char **first = &walk->first[found - list->items];
    JP_AUTO_FREE char *now = describe(entry);
    if (!now)
        return jp_oom(err);
    if (!*first)
        *first = jp_take(&now);
    else if (strcmp(*first, now) != 0)
        return jp_fail(err, JP_EINVALID, 0, "it is in the archive twice, and not the same");
    return 0;
}

/* The directory itself, opened without following anything. */
static int open_dir(struct walk *walk, const char *inside, struct jp_error *err)
{
    if (!inside)
        return jp_fd_open_dir(walk->finish->rootfs_fd, ".", err);
    const char *name = NULL;
    int dir_fd = jp_dirs_parent(walk->finish->dirs, inside, &name);
    if (dir_fd < 0)
        return jp_fail_sys(err, "open its directory");
    return jp_fd_open_dir(dir_fd, name, err);
}

static int set_flags(struct walk *walk, const struct jp_tar_entry *entry, const char *inside,
                     struct jp_error *err)
{
    const char *name = ".";
    const struct jp_image_watch *watch = &walk->finish->watch;
    int dir_fd = walk->finish->rootfs_fd;
    if (inside)
        dir_fd = jp_dirs_parent(walk->finish->dirs, inside, &name);
    if (dir_fd < 0)
        return jp_fail_sys(err, "open its directory");
    int r = jp_file_flags_set(dir_fd, name, entry->flags);
    if (r < 0)
        return jp_fail_sys(err, "set file flags '%s'", entry->flags);
    if (r == 0 && !walk->has_warned && watch->warn)
        watch->warn(watch->context, "the image has file flags, which this system cannot set: they "
                                    "are kept for export only");
    walk->has_warned |= r == 0;
    return 0;
}

static int finish_entry(struct walk *walk, const struct jp_tar_entry *entry, struct jp_error *err)
{
    const char *inside = jp_aci_inside(entry->path);
    if (entry->type == JP_TAR_DIR && check_duplicate(walk, entry, err) != 0)
        return -1;
    if (!inside && strcmp(entry->path, JP_ACI_ROOTFS) != 0)
        return 0;
    if (entry->type == JP_TAR_DIR) {
        JP_AUTO_FD int fd = open_dir(walk, inside, err);
        if (fd < 0 || jp_attributes_set(fd, entry, err) != 0)
            return -1;
    }
    return entry->flags && entry->type != JP_TAR_HARDLINK ? set_flags(walk, entry, inside, err) : 0;
}

static int walk_tree(struct walk *walk, struct jp_error *err)
{
    char shown[JP_IMAGE_SHOWN_SIZE];
    unsigned char digest[JP_HASH_SHA256_SIZE];
    const struct jp_tar_entry *entry = NULL;
    const struct jp_image_watch *watch = &walk->finish->watch;
    JP_AUTO(jp_aci_reader) reader = JP_ACI_READER_INIT;
    if (jp_aci_reader_open(walk->finish->dir_fd, (struct jp_tar_tap){NULL, NULL}, &reader, err))
        return -1;
    int r;
    while ((r = jp_aci_reader_next(&reader, &entry, digest, err)) > 0) {
        if (watch->cancel && *watch->cancel)
            return jp_fail(err, JP_EINTERRUPTED, 0, "interrupted");
        if (finish_entry(walk, entry, err) != 0)
            return jp_wrap(err, "'%s'", jp_image_name_show(entry->path, shown));
    }
    return r;
}

/* ---- directories that the archive does not name ------------------------------------------------
 */

/* True for one that was named after what is in it. */
static bool is_named(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && (st.st_mode & 07777) != JP_ACI_IMPLICIT_MARK;
}

/* Calls `each` for every path, the last first. */
static int each_implicit(const struct jp_aci_finish *finish,
                         int (*each)(int fd, const char *path, void *context, struct jp_error *err),
                         void *context, struct jp_error *err)
{
    struct walk walk = {.finish = finish};
    const char *text = jp_buf_text(&finish->implicit->paths);
    for (size_t end = finish->implicit->paths.len; end > 0;) {
        size_t at = end - 1;
        while (at > 0 && text[at - 1])
            at--;
        JP_AUTO_FD int fd = open_dir(&walk, text + at, err);
        if (fd < 0 || each(fd, text + at, context, err) != 0)
            return jp_wrap(err, "'%s/%s'", JP_ACI_ROOTFS, text + at);
        end = at;
    }
    return 0;
}

static int keep_unnamed(int fd, const char *path, void *context, struct jp_error *err)
{
    (void)err;
    if (!is_named(fd))
        jp_buf_add(context, path, strlen(path) + 1);
    return 0;
}

static int finish_implicit(int fd, const char *path, void *context, struct jp_error *err)
{
    const struct timespec times[2] = {{.tv_sec = 0}, {.tv_sec = 0}};
    (void)path;
    (void)context;
    if (jp_sys.fchown(fd, 0, 0) != 0 || jp_sys.fchmod(fd, JP_ACI_IMPLICIT_MODE) != 0 ||
        jp_sys.futimens(fd, times) != 0)
        return jp_fail_sys(err, "set its properties");
    return 0;
}

/* Leaves the list with what is still unnamed at the end, before named ones get their modes. */
static int settle_implicit(const struct jp_aci_finish *finish, struct jp_error *err)
{
    JP_AUTO(jp_buf) kept = JP_BUF_INIT;
    struct jp_buf *paths = &finish->implicit->paths;
    if (each_implicit(finish, keep_unnamed, &kept, err) != 0)
        return -1;
    if (jp_buf_failed(&kept))
        return jp_oom(err);
    struct jp_buf old = *paths;
    *paths = kept;
    kept = old;
    if (paths->len == 0)
        return 0;
    return jp_file_replace(finish->dir_fd, JP_STORE_IMPLICIT_FILE, paths->data, paths->len, 0600,
                           false, err);
}

int jp_aci_finish_tree(const struct jp_aci_finish *finish, struct jp_error *err)
{
    struct walk walk = {.finish = finish};
    size_t count = finish->duplicates->count;
    jp_strv_sort(finish->duplicates);
    walk.first = jp_calloc(count + 1, sizeof(char *));
    if (!walk.first)
        return jp_oom(err);
    int r = settle_implicit(finish, err);
    if (r == 0)
        r = walk_tree(&walk, err);
    if (r == 0)
        r = each_implicit(finish, finish_implicit, NULL, err);
    for (size_t i = 0; i < count; i++)
        free(walk.first[i]);
    free(walk.first);
    return r;
}
