/*
 * Views without: what an image takes away from the layers below it, as overlayfs writes it.
 *
 * Only what shows below is named: a whiteout of nothing would be visible in a directory that no
 * other layer has, and a directory that is nowhere must not come to be. Of a directory whose
 * content goes, the image mostly has one of its own: then one whiteout below it hides everything;
 * otherwise each name in it gets one. The directories on the way have no properties of their own:
 * they are listed as unnamed, so a directory view says what they are.
 *
 * The paths are a stranger's, and so are the trees: nothing is followed, and the work is bounded.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/driver/common.h"
#include "store/views_internal.h"
#include "sys/calls.h"
#include "sys/fd.h"

#define NAMES_MAX 2000000U /* of one directory in all layers: memory */

struct job {
    int *roots; /* the layers below, topmost first */
    size_t count;
    int own_fd; /* the image's own layer */
    struct jp_view_list own_unnamed;
    int to_fd;
    char *dir;            /* that was entered last; NULL */
    int *fds;             /* it in each layer, as far as layers show there; -1 where it is not */
    size_t shown;         /* of fds */
    int made_fd;          /* it in the view; -1 until it is needed */
    struct jp_strv made;  /* directories of the view, one before those in it */
    struct jp_buf listed; /* them as a list of unnamed ones */
    struct jp_buf removed;
    uint64_t *work; /* of jp_view_max_work: all views of a stack share it */
};

static void leave(struct job *job)
{
    for (size_t i = 0; i < job->shown; i++)
        jp_fd_close(&job->fds[i]);
    job->shown = 0;
    jp_fd_close(&job->made_fd);
    free(job->dir);
    job->dir = NULL;
}

static void job_clear(struct job *job)
{
    leave(job);
    for (size_t i = 0; i < job->count; i++)
        jp_fd_close(&job->roots[i]);
    free(job->roots);
    free(job->fds);
    jp_fd_close(&job->own_fd);
    jp_view_list_clear(&job->own_unnamed);
    jp_strv_clear(&job->made);
    jp_buf_clear(&job->listed);
    jp_buf_clear(&job->removed);
}

static int count_work(struct job *job, uint64_t work, struct jp_error *err)
{
    *job->work += work;
    if (*job->work <= jp_view_max_work)
        return 0;
    return jp_fail(err, JP_ELIMIT, 0, "the images take away too much for so many layers");
}

/* ---- what shows below ------------------------------------------------------------------------ */

/* Opens a directory in every layer that shows there. */
static int enter(struct job *job, const char *dir, struct jp_error *err)
{
    if (job->dir && strcmp(job->dir, dir) == 0)
        return 0;
    leave(job);
    if (!(job->dir = jp_strdup(dir)))
        return jp_oom(err);
    for (size_t i = 0; i < job->count; i++) {
        if (count_work(job, jp_view_work_of(dir), err) < 0)
            return -1;
        int fd = jp_below_open_dir(job->roots[i], dir);
        if (fd < 0 && errno == ENOTDIR)
            return 0; /* hides what is below */
        if (fd < 0 && errno != ENOENT)
            return jp_fail_sys(err, "look at '%s'", dir);
        job->fds[job->shown++] = fd;
    }
    return 0;
}

/* Does a name show in the directory that was entered? 1, 0, -1. */
static int shows(struct job *job, const char *name, struct jp_error *err)
{
    struct stat st;
    for (size_t i = 0; i < job->shown; i++) {
        if (job->fds[i] < 0)
            continue;
        if (count_work(job, 1, err) < 0)
            return -1;
        if (fstatat(job->fds[i], name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            return !jp_plain_is_whiteout(&st);
        if (errno != ENOENT && errno != ENAMETOOLONG)
            return jp_fail_sys(err, "look at '%s/%s'", job->dir, name);
    }
    return 0;
}

/* ---- the view -------------------------------------------------------------------------------- */

static int note_made(void *context, const char *path, size_t len, struct jp_error *err)
{
    struct job *job = context;
    if (job->listed.len + len + 1 > JP_STORE_IMPLICIT_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "the images take away something in too many directories");
    jp_buf_add(&job->listed, path, len);
    jp_buf_putc(&job->listed, '\0');
    if (jp_buf_failed(&job->listed) || jp_strv_add_owned(&job->made, jp_memdup0(path, len)) < 0)
        return jp_oom(err);
    return 0;
}

/* Opens the directory that was entered, in the view, made with those above it. */
static int make_dir(struct job *job, struct jp_error *err)
{
    if (job->made_fd >= 0)
        return 0;
    job->made_fd = jp_view_make_dirs(job->to_fd, job->dir, note_made, job, err);
    return job->made_fd < 0 ? -1 : 0;
}

/* Takes a name away from the directory that was entered, if it shows. */
static int remove_name(struct job *job, const char *name, struct jp_error *err)
{
    int r = shows(job, name, err);
    if (r <= 0)
        return r;
    if (make_dir(job, err) < 0)
        return -1;
    if (jp_sys.mknodat(job->made_fd, name, S_IFCHR, 0) < 0)
        return jp_fail_sys(err, "make a whiteout");
    const char *slash = job->dir[0] ? "/" : "";
    if (job->removed.len + strlen(job->dir) + strlen(name) + 2 > JP_VIEW_REMOVED_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "the images take away too much");
    jp_buf_printf(&job->removed, "%s%s%s", job->dir, slash, name);
    jp_buf_putc(&job->removed, '\0');
    return jp_buf_failed(&job->removed) ? jp_oom(err) : 0;
}

static int remove_path(struct job *job, const char *path, struct jp_error *err)
{
    const char *slash = strrchr(path, '/');
    JP_AUTO_FREE char *dir = jp_memdup0(path, slash ? (size_t)(slash - path) : 0);
    if (!dir)
        return jp_oom(err);
    if (enter(job, dir, err) < 0)
        return -1;
    return remove_name(job, slash ? slash + 1 : path, err);
}

/* Does the image itself say what this directory is? */
static bool has_own(const struct job *job, const char *path)
{
    JP_AUTO_FD int fd = jp_below_open_dir(job->own_fd, path);
    return fd >= 0 && !jp_view_list_has(&job->own_unnamed, path);
}

static int add_names(int fd, struct jp_strv *all, struct jp_error *err)
{
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    if (jp_store_list_dir(fd, NULL, &names, err) < 0)
        return -1;
    if (all->count + names.count > NAMES_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "more than %u names in a directory of all layers",
                       NAMES_MAX);
    return jp_strv_extend(all, names.items, names.count) < 0 ? jp_oom(err) : 0;
}

static int remove_content(struct job *job, const char *path, struct jp_error *err)
{
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    if (*path && has_own(job, path))
        return remove_path(job, path, err);
    if (enter(job, path, err) < 0)
        return -1;
    for (size_t i = 0; i < job->shown; i++) {
        if (job->fds[i] >= 0 && add_names(job->fds[i], &names, err) < 0)
            return -1;
    }
    jp_strv_sort(&names);
    for (size_t i = 0; i < names.count; i++) {
        bool is_first = i == 0 || strcmp(names.items[i - 1], names.items[i]) != 0;
        if (is_first && remove_name(job, names.items[i], err) < 0)
            return -1;
    }
    return 0;
}

/* Is the entry inside what the one before it has taken away? "a" and "a/" both do that to "a/b". */
static bool is_gone_with(const char *entry, const char *before)
{
    size_t len = strlen(before);
    len -= len > 0 && before[len - 1] == '/';
    return strncmp(entry, before, len) == 0 && (len == 0 || entry[len] == '/');
}

static int fill(struct job *job, const struct jp_strv *removed, struct jp_error *err)
{
    const char *last = NULL;
    for (size_t i = 0; i < removed->count; i++) {
        const char *entry = removed->items[i];
        size_t len = strlen(entry);
        bool is_content = len > 0 && entry[len - 1] == '/';
        if (last && is_gone_with(entry, last))
            continue;
        last = entry;
        JP_AUTO_FREE char *path = jp_memdup0(entry, len - is_content);
        if (!path)
            return jp_oom(err);
        if ((is_content ? remove_content(job, path, err) : remove_path(job, path, err)) < 0)
            return -1;
    }
    leave(job);
    return 0;
}

/* As the import leaves a directory that an archive does not name. */
static int finish_dirs(const struct job *job, struct jp_error *err)
{
    const struct timespec times[2] = {{.tv_sec = 0}, {.tv_sec = 0}};
    for (size_t i = job->made.count; i-- > 0;) {
        JP_AUTO_FD int fd = jp_below_open_dir(job->to_fd, job->made.items[i]);
        if (fd < 0 || jp_sys.fchown(fd, 0, 0) < 0 || jp_sys.fchmod(fd, 0755) < 0 ||
            jp_sys.futimens(fd, times) < 0)
            return jp_fail_sys(err, "finish '%s'", job->made.items[i]);
    }
    return 0;
}

static int write_lists(const struct job *job, int draft_fd, struct jp_error *err)
{
    if (job->listed.len > 0 &&
        jp_store_write_new(draft_fd, JP_STORE_IMPLICIT_FILE, job->listed.data, job->listed.len,
                           false, err) < 0)
        return -1;
    return jp_store_write_new(draft_fd, JP_VIEW_REMOVED_FILE, jp_buf_text(&job->removed),
                              job->removed.len, false, err);
}

/* ---- the layers ------------------------------------------------------------------------------ */

static int open_layers(struct job *job, const struct jp_driver_context *ctx,
                       const struct jp_view_layers *layers, struct jp_error *err)
{
    size_t count = layers->names->count;
    jp_fd_allow(2 * count + 256);
    job->roots = jp_calloc(count, sizeof(*job->roots));
    job->fds = jp_calloc(count, sizeof(*job->fds));
    if (!job->roots || !job->fds)
        return jp_oom(err);
    job->own_fd = jp_plain_layer_open(ctx, layers->names->items[0], err);
    if (job->own_fd < 0 ||
        jp_view_list_read(ctx, layers->lists->items[0], &job->own_unnamed, err) < 0)
        return -1;
    for (; job->count + 1 < count; job->count++) {
        int fd = jp_plain_layer_open(ctx, layers->names->items[job->count + 1], err);
        if (fd < 0)
            return -1;
        job->roots[job->count] = fd;
    }
    return 0;
}

int jp_view_fill_without(const struct jp_driver_context *ctx, const struct jp_view_layers *layers,
                         const struct jp_view_removal *removal, int draft_fd, int rootfs_fd,
                         struct jp_error *err)
{
    struct job job = {.own_fd = -1, .made_fd = -1, .to_fd = rootfs_fd, .work = removal->work};
    int r = open_layers(&job, ctx, layers, err);
    if (r == 0)
        r = fill(&job, removal->paths, err);
    if (r == 0)
        r = finish_dirs(&job, err);
    if (r == 0)
        r = write_lists(&job, draft_fd, err);
    job_clear(&job);
    return r < 0 ? jp_wrap(err, "what image %.19s takes away", layers->lists->items[0]) : 0;
}
