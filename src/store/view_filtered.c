/*
 * Filtered views: the paths of one image that pass a filter.
 *
 * A filter names its paths, so the image is not walked: each listed path is looked for, links on
 * the way are not followed. Files are further names of the image's own, which nothing ever writes
 * to: no content is copied, and what were several names of one file in the image are that here.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/driver/common.h"
#include "store/views_internal.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/fileflags.h"
#include "sys/inodes.h"
#include "sys/tree.h"

struct job {
    int from_fd;
    int to_fd;
    struct jp_view_list unnamed;
    struct jp_strv dirs;          /* made, in this order */
    struct jp_tree_inodes copied; /* files of several names that had to be copied */
};

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_absent(int failure)
{
    return failure == ENOENT || failure == ENOTDIR || failure == ENAMETOOLONG;
}

/* Where files cannot have names in both places: one copy for all names that a file has here. */
static int copy_file(struct job *job, int from_dir, int to_dir, const char *path,
                     struct jp_error *err)
{
    const char *name = name_of(path);
    const char *first_name = NULL;
    struct stat st;
    if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return jp_fail_sys(err, "look at '%s'", path);
    const char *first = st.st_nlink > 1 ? jp_tree_inodes_find(&job->copied, &st) : NULL;
    if (first) {
        JP_AUTO_FD int first_dir = jp_below_open_parent(job->to_fd, first, &first_name);
        if (first_dir >= 0 && jp_file_link(first_dir, first_name, to_dir, name) == 0)
            return 0;
    }
    if (jp_tree_copy_entry(from_dir, name, to_dir, /* is_tame= */ false, err) < 0)
        return -1;
    return st.st_nlink > 1 ? jp_tree_inodes_add(&job->copied, &st, path, err) : 0;
}

/* A second name; a copy where the file has too many, or cannot have one (file flags forbid it). */
static int link_file(struct job *job, int from_dir, int to_dir, const char *path,
                     struct jp_error *err)
{
    const char *name = name_of(path);
    if (jp_sys.linkat(from_dir, name, to_dir, name, 0) == 0)
        return 0;
    if (errno != EXDEV && errno != EMLINK && errno != EPERM && errno != EOPNOTSUPP)
        return jp_fail_sys(err, "link '%s'", name);
    return copy_file(job, from_dir, to_dir, path, err);
}

static int add_entry(struct job *job, const char *path, bool only_dir, struct jp_error *err)
{
    const char *name = NULL;
    struct stat st;
    JP_AUTO_FD int from = jp_below_open_parent(job->from_fd, path, &name);
    if (from < 0 || fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return is_absent(errno) ? 0 : jp_fail_sys(err, "look at '%s'", path);
    if (!S_ISDIR(st.st_mode) && only_dir)
        return 0;
    /* A listed path's directories come before it: they are here when they are in the image. */
    JP_AUTO_FD int to = jp_below_open_parent(job->to_fd, path, &name);
    if (to < 0)
        return jp_fail_sys(err, "open the directory of '%s'", path);
    if (!S_ISDIR(st.st_mode))
        return link_file(job, from, to, path, err);
    if (jp_sys.mkdirat(to, name, 0700) < 0)
        return jp_fail_sys(err, "make '%s'", path);
    return jp_strv_add(&job->dirs, path) < 0 ? jp_oom(err) : 0;
}

/* A directory that the archive does not name is there for what is in it. */
static int remove_if_needless(const struct job *job, const char *path, int to_fd,
                              struct jp_error *err)
{
    const char *name = NULL;
    if (!jp_view_list_has(&job->unnamed, path) || !jp_fd_is_empty_dir(to_fd))
        return 0;
    JP_AUTO_FD int parent = jp_below_open_parent(job->to_fd, path, &name);
    if (parent < 0 || jp_sys.unlinkat(parent, name, AT_REMOVEDIR) < 0)
        return jp_fail_sys(err, "remove '%s'", path);
    return 0;
}

/* After their content was made, which changes their times. */
static int finish_dir(const struct job *job, const char *path, struct jp_error *err)
{
    JP_AUTO_FD int from = jp_below_open_dir(job->from_fd, path);
    JP_AUTO_FD int to = from < 0 ? -1 : jp_below_open_dir(job->to_fd, path);
    if (to < 0)
        return jp_fail_sys(err, "open '%s'", path);
    if (jp_plain_copy_metadata(from, to, err) < 0)
        return -1;
    return remove_if_needless(job, path, to, err);
}

static int fill(struct job *job, const struct jp_filter *filter, struct jp_error *err)
{
    for (size_t i = 0; i < filter->paths.count; i++) {
        const char *entry = filter->paths.items[i];
        size_t len = strlen(entry);
        bool only_dir = len > 0 && entry[len - 1] == '/';
        JP_AUTO_FREE char *path = jp_memdup0(entry, len - only_dir);
        if (!path)
            return jp_oom(err);
        if (add_entry(job, path, only_dir, err) < 0)
            return -1;
    }
    for (size_t i = job->dirs.count; i-- > 0;) {
        if (finish_dir(job, job->dirs.items[i], err) < 0)
            return -1;
    }
    return finish_dir(job, "", err);
}

int jp_view_fill_filtered(const struct jp_driver_context *ctx, const struct jp_store_part *part,
                          int rootfs_fd, struct jp_error *err)
{
    JP_AUTO_FD int from_fd = jp_plain_layer_open(ctx, part->image_id, err);
    if (from_fd < 0)
        return -1;
    struct job job = {.from_fd = from_fd, .to_fd = rootfs_fd};
    int r = jp_view_list_read(ctx, part->image_id, &job.unnamed, err);
    if (r == 0)
        r = fill(&job, &part->filter, err);
    jp_view_list_clear(&job.unnamed);
    jp_strv_clear(&job.dirs);
    jp_tree_inodes_clear(&job.copied);
    return r < 0 ? jp_wrap(err, "filter image %.19s", part->image_id) : 0;
}
