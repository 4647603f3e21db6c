/*
 * Directory views: owner, mode and times of directories that an archive does not name.
 *
 * An image with dependencies may hold usr/bin/tool and say nothing of usr and usr/bin. Unpacked
 * alone it has them all the same; stacked, what is said of them below must hold: a delta must not
 * turn /tmp into 0755. So the directories whose topmost copy is such an unnamed one are made once
 * more, with the properties of the topmost copy that was named, and laid over the stack.
 *
 * A directory is looked for in every layer above such a copy: images made for it could keep that
 * going for hours. So what is made already is not looked for again, and the work is bounded.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/driver/common.h"
#include "store/views_internal.h"
#include "sys/fd.h"

#define MAX_LISTS                                                                                  \
    (64U << 20) /* bytes of all lists of a stack, and of the directories of its view */

/* Components of paths that are opened: twenty seconds or so, and ten times any honest stack. */
uint64_t jp_view_max_work = 64000000;
#define WORK_OF_LOOK 4 /* of each look, in components */

struct job {
    struct jp_view_list *lists; /* one a layer, topmost first */
    int *roots;                 /* the layers */
    size_t count;
    int to_fd;
    struct jp_strv made; /* directories of the view, a directory before what is in it */
    size_t bytes;        /* of lists and made */
    uint64_t work;       /* of jp_view_max_work */
};

static void job_clear(struct job *job)
{
    for (size_t i = 0; i < job->count; i++) {
        jp_fd_close(&job->roots[i]);
        jp_view_list_clear(&job->lists[i]);
    }
    free(job->roots);
    free(job->lists);
    jp_strv_clear(&job->made);
}

/* ---- lists ------------------------------------------------------------------------------------
 */

static int read_list(struct job *job, const struct jp_driver_context *ctx, const char *id,
                     struct jp_view_list *list, struct jp_error *err)
{
    if (jp_view_list_read(ctx, id, list, err) < 0)
        return -1;
    job->bytes += list->text.len;
    if (job->bytes > MAX_LISTS)
        return jp_fail(err, JP_ELIMIT, 0, "the images leave too many directories unnamed");
    return 0;
}

int jp_view_has_implicit(const struct jp_driver_context *ctx, const struct jp_strv *lists,
                         struct jp_error *err)
{
    for (size_t i = 0; i + 1 < lists->count; i++) {
        int r = jp_view_list_is_there(ctx, lists->items[i], err);
        if (r != 0)
            return r;
    }
    return 0;
}

/* ---- what shows -------------------------------------------------------------------------------
 */

uint64_t jp_view_work_of(const char *path)
{
    uint64_t work = WORK_OF_LOOK;
    for (const char *p = path; *p; p++)
        work += *p == '/';
    return work;
}

/*
 * Opens the copy of a directory whose properties hold: the topmost that was named, else the
 * topmost. *ret_unnamed tells whether an unnamed one lies above it. -1 with ENOENT when no layer
 * shows such a directory, with ELOOP when too much was looked at.
 */
static int open_source(struct job *job, const char *path, bool *ret_unnamed)
{
    JP_AUTO_FD int top = -1;
    uint64_t work = jp_view_work_of(path);
    *ret_unnamed = false;
    for (size_t i = 0; i < job->count; i++) {
        job->work += work;
        if (job->work > jp_view_max_work) {
            errno = ELOOP;
            return -1;
        }
        JP_AUTO_FD int fd = jp_below_open_dir(job->roots[i], path);
        if (fd < 0 && errno == ENOENT)
            continue;
        if (fd < 0 && errno == ENOTDIR)
            break; /* hides what is below */
        if (fd < 0)
            return -1;
        if (!jp_view_list_has(&job->lists[i], path)) {
            *ret_unnamed = top >= 0;
            return jp_fd_take(&fd);
        }
        if (top < 0)
            top = jp_fd_take(&fd);
    }
    if (top < 0)
        errno = ENOENT;
    return jp_fd_take(&top);
}

/* ---- the view ---------------------------------------------------------------------------------
 */

static int fail_look(const char *path, struct jp_error *err)
{
    if (errno == ELOOP)
        return jp_fail(err, JP_ELIMIT, 0,
                       "the images leave too many directories unnamed for so many layers");
    return jp_fail_sys(err, "look at '%s'", path);
}

static int note_made(void *context, const char *path, size_t len, struct jp_error *err)
{
    struct job *job = context;
    job->bytes += len + 1;
    if (job->bytes > MAX_LISTS)
        return jp_fail(err, JP_ELIMIT, 0, "the images leave too many directories unnamed");
    return jp_strv_add_owned(&job->made, jp_memdup0(path, len)) < 0 ? jp_oom(err) : 0;
}

static int add_path(struct job *job, const char *path, struct jp_error *err)
{
    bool is_unnamed = false;
    JP_AUTO_FD int made = jp_below_open_dir(job->to_fd, path);
    job->work += jp_view_work_of(path);
    if (made >= 0) /* for a layer above this one, or for what is in it */
        return 0;
    JP_AUTO_FD int fd = open_source(job, path, &is_unnamed);
    if (fd < 0)
        return errno == ENOENT ? 0 : fail_look(path, err);
    if (!is_unnamed)
        return 0;
    JP_AUTO_FD int dir_fd = jp_view_make_dirs(job->to_fd, path, note_made, job, err);
    return dir_fd < 0 ? -1 : 0;
}

static int finish_dir(struct job *job, const char *path, struct jp_error *err)
{
    bool is_unnamed = false;
    JP_AUTO_FD int from = open_source(job, path, &is_unnamed);
    JP_AUTO_FD int to = from < 0 ? -1 : jp_below_open_dir(job->to_fd, path);
    if (to < 0)
        return fail_look(path, err);
    return jp_plain_copy_metadata(from, to, err);
}

static int fill(struct job *job, struct jp_error *err)
{
    for (size_t i = 0; i + 1 < job->count; i++) {
        for (size_t k = 0; k < job->lists[i].count; k++) {
            if (add_path(job, job->lists[i].items[k], err) < 0)
                return -1;
        }
    }
    for (size_t i = job->made.count; i-- > 0;) {
        if (finish_dir(job, job->made.items[i], err) < 0)
            return -1;
    }
    return finish_dir(job, "", err);
}

int jp_view_fill_directories(const struct jp_driver_context *ctx,
                             const struct jp_view_layers *layers, int rootfs_fd,
                             struct jp_error *err)
{
    size_t count = layers->names->count;
    struct job job = {.to_fd = rootfs_fd};
    job.lists = jp_calloc(count, sizeof(*job.lists));
    job.roots = jp_calloc(count, sizeof(*job.roots));
    int r = job.lists && job.roots ? 0 : jp_oom(err);
    for (size_t i = 0; r == 0 && i < count; i++) {
        job.roots[i] = jp_plain_layer_open(ctx, layers->names->items[i], err);
        job.count = i + 1;
        r = job.roots[i] < 0 ? -1
                             : read_list(&job, ctx, layers->lists->items[i], &job.lists[i], err);
    }
    if (r == 0)
        r = fill(&job, err);
    job_clear(&job);
    return r;
}
