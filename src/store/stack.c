/* Stacks of parts, and the way down to a directory in a tree that is not to be trusted. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/views_internal.h"
#include "sys/calls.h"
#include "sys/fd.h"

int jp_store_stack_add(struct jp_store_stack *stack, const char *image_id,
                       const struct jp_filter *filter, struct jp_error *err)
{
    if (jp_grow(&stack->items, &stack->capacity, stack->count, sizeof(*stack->items)) < 0)
        return jp_oom(err);
    struct jp_store_part *part = &stack->items[stack->count];
    *part = (struct jp_store_part){.image_id = jp_strdup(image_id)};
    if (!part->image_id)
        return jp_oom(err);
    if (jp_filter_copy(filter, &part->filter, err) < 0) {
        free(part->image_id);
        return -1;
    }
    stack->count++;
    return 0;
}

void jp_store_stack_clear(struct jp_store_stack *stack)
{
    for (size_t i = 0; i < stack->count; i++) {
        free(stack->items[i].image_id);
        jp_filter_clear(&stack->items[i].filter);
    }
    free(stack->items);
    *stack = (struct jp_store_stack)JP_STORE_STACK_INIT;
}

/* One component; what is not a directory gives ENOTDIR on every system, a link included. */
static int open_component(int dir_fd, const char *path, size_t len)
{
    char name[NAME_MAX + 1];
    if (len >= sizeof(name)) {
        errno = ENOENT; /* no file system of ours holds such a name */
        return -1;
    }
    memcpy(name, path, len);
    name[len] = '\0';
    int fd = jp_sys.openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && (errno == ELOOP || errno == EMLINK))
        errno = ENOTDIR;
    return fd;
}

int jp_view_open_dir(int root_fd, const char *path)
{
    JP_AUTO_FD int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 3);
    while (fd >= 0 && *path) {
        size_t len = strcspn(path, "/");
        int next = open_component(fd, path, len);
        jp_fd_close(&fd);
        fd = next;
        path += len + (path[len] == '/');
    }
    return jp_fd_take(&fd);
}

int jp_view_open_parent(int root_fd, const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    *ret_name = slash ? slash + 1 : path;
    JP_AUTO_FREE char *parent = jp_memdup0(path, slash ? (size_t)(slash - path) : 0);
    if (!parent) {
        errno = ENOMEM;
        return -1;
    }
    return jp_view_open_dir(root_fd, parent);
}
