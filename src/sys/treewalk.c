#include "sys/treewalk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/fd.h"

#define TREE_OPEN 16          /* levels that keep their descriptor */
#define MAX_NAMES 100000000UL /* names in one directory; ext4 ends before */
#define MAX_SHOWN 64          /* levels of a path in a message */

struct jp_tree_level *jp_tree_top(struct jp_tree_stack *stack)
{
    return stack->count ? &stack->levels[stack->count - 1] : NULL;
}

static char kind_of(const struct dirent *entry)
{
    if (entry->d_type == DT_UNKNOWN)
        return JP_TREE_UNKNOWN;
    return entry->d_type == DT_DIR ? JP_TREE_DIR : JP_TREE_OTHER;
}

static int list_stream(DIR *dir, struct jp_buf *names, struct jp_error *err)
{
    for (unsigned long count = 0; count < MAX_NAMES; count++) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry && errno)
            return jp_fail_sys(err, "read directory");
        if (!entry)
            return jp_buf_failed(names) ? jp_oom(err) : 0;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        jp_buf_putc(names, kind_of(entry));
        jp_buf_add(names, entry->d_name, strlen(entry->d_name) + 1);
    }
    return jp_fail(err, JP_ELIMIT, 0, "a directory with more than %lu names", MAX_NAMES);
}

int jp_tree_list(struct jp_tree_level *level, struct jp_error *err)
{
    jp_buf_reset(&level->names);
    level->at = 0;
    int fd = openat(level->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        jp_fail_sys(err, "open directory '%s'", level->name);
        jp_fd_close(&fd);
        return -1;
    }
    int r = list_stream(dir, &level->names, err);
    (void)closedir(dir);
    return r;
}

static void level_clear(struct jp_tree_level *level)
{
    jp_fd_close(&level->fd);
    free(level->name);
    jp_buf_clear(&level->names);
}

int jp_tree_push(struct jp_tree_stack *stack, int fd, const char *name, bool list,
                 struct jp_error *err)
{
    struct stat st;
    struct jp_tree_level level = {.fd = fd, .name = jp_strdup(name), .names = JP_BUF_INIT};
    int r = 0;
    if (fstat(fd, &st) < 0)
        r = jp_fail_sys(err, "stat '%s'", name);
    else if (!level.name ||
             jp_grow(&stack->levels, &stack->capacity, stack->count, sizeof(level)) < 0)
        r = jp_oom(err);
    else if (list)
        r = jp_tree_list(&level, err);
    if (r < 0) {
        level_clear(&level);
        return -1;
    }
    level.device = st.st_dev;
    level.inode = st.st_ino;
    stack->levels[stack->count++] = level;
    if (stack->count > TREE_OPEN)
        jp_fd_close(&stack->levels[stack->count - 1 - TREE_OPEN].fd);
    return 0;
}

int jp_tree_pop(struct jp_tree_stack *stack, struct jp_error *err)
{
    struct jp_tree_level *level = jp_tree_top(stack);
    struct jp_tree_level *above = stack->count > 1 ? level - 1 : NULL;
    int r = 0;
    if (above && above->fd < 0) {
        struct stat st;
        JP_AUTO_FD int fd = openat(level->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
            r = jp_fail_sys(err, "open the directory above '%s'", level->name);
        else if (st.st_dev != above->device || st.st_ino != above->inode)
            r = jp_fail(err, JP_EBUSY, 0, "directory '%s' was moved meanwhile", level->name);
        else
            above->fd = jp_fd_take(&fd);
    }
    level_clear(level);
    stack->count--;
    return r;
}

const char *jp_tree_next(struct jp_tree_level *level, char *ret_kind)
{
    if (level->at >= level->names.len)
        return NULL;
    *ret_kind = level->names.data[level->at];
    const char *name = level->names.data + level->at + 1;
    level->at += strlen(name) + 2;
    return name;
}

char *jp_tree_path(const struct jp_tree_stack *stack, const char *name)
{
    struct jp_buf path = JP_BUF_INIT;
    size_t first = stack->count > MAX_SHOWN ? stack->count - MAX_SHOWN : 0;
    if (first > 0)
        jp_buf_puts(&path, ".../");
    for (size_t i = first; i < stack->count; i++) {
        if (stack->levels[i].name[0])
            jp_buf_printf(&path, "%s%s", stack->levels[i].name,
                          i + 1 < stack->count || name ? "/" : "");
    }
    if (name)
        jp_buf_puts(&path, name);
    return jp_buf_steal(&path);
}

void jp_tree_stack_clear(struct jp_tree_stack *stack)
{
    for (size_t i = 0; i < stack->count; i++)
        level_clear(&stack->levels[i]);
    free(stack->levels);
    *stack = (struct jp_tree_stack)JP_TREE_STACK_INIT;
}

int jp_tree_mount_of(int fd, struct jp_tree_mount *ret)
{
    struct stat st;
    if ((fd == AT_FDCWD ? stat(".", &st) : fstat(fd, &st)) < 0)
        return -1;
    *ret = (struct jp_tree_mount){.device = st.st_dev, .id = 0};
#ifdef STATX_MNT_ID
    struct statx more;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &more) == 0 && (more.stx_mask & STATX_MNT_ID))
        ret->id = more.stx_mnt_id;
#endif
    return 0;
}

bool jp_tree_same_mount(const struct jp_tree_mount *a, const struct jp_tree_mount *b)
{
    return a->id && b->id ? a->id == b->id : a->device == b->device;
}

bool jp_tree_is_immutable(int dir_fd, const char *name)
{
#ifdef STATX_ATTR_IMMUTABLE
    struct statx st;
    int flags = AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH);
    return statx(dir_fd, name, flags, 0, &st) == 0 &&
           (st.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND));
#elif defined(SF_IMMUTABLE)
    struct stat st;
    int r = *name ? fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) : fstat(dir_fd, &st);
    return r == 0 && (st.st_flags & (SF_IMMUTABLE | SF_APPEND | SF_NOUNLINK | UF_IMMUTABLE |
                                     UF_APPEND | UF_NOUNLINK));
#else
    (void)dir_fd, (void)name;
    return false;
#endif
}
