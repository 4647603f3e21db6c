/* Where marks are looked for: the part that builds without ZFS need, too. */
#include "store/driver/dataset.h"

#include <string.h>

#include "base/mem.h"
#include "store/driver/list.h"
#include "sys/fd.h"

bool jp_dataset_is(int dir_fd, const char *name)
{
    JP_AUTO_FREE char *mark = jp_format("%s" JP_DATASET_MARK, name);
    return mark && jp_store_exists(dir_fd, mark);
}

static bool is_mark(const char *name)
{
    size_t len = strlen(name), end = strlen(JP_DATASET_MARK);
    return len > end && strcmp(name + len - end, JP_DATASET_MARK) == 0;
}

typedef int action(int dir_fd, const char *name, struct jp_error *err);

static int visit_volumes(int dir_fd, action *act, struct jp_error *err)
{
    JP_AUTO(jp_strv) marks = JP_STRV_INIT;
    if (jp_store_list_dir(dir_fd, is_mark, &marks, err) < 0)
        return -1;
    for (size_t i = 0; i < marks.count; i++) {
        marks.items[i][strlen(marks.items[i]) - strlen(JP_DATASET_MARK)] = '\0';
        if (act(dir_fd, marks.items[i], err) < 0)
            return -1;
    }
    return 0;
}

static int visit_apps(int apps_fd, action *act, struct jp_error *err)
{
    JP_AUTO(jp_strv) apps = JP_STRV_INIT;
    if (jp_store_list_dir(apps_fd, NULL, &apps, err) < 0)
        return -1;
    for (size_t i = 0; i < apps.count; i++) {
        JP_AUTO_FD int fd = jp_fd_open_dir(apps_fd, apps.items[i], NULL);
        if (fd >= 0 && act(fd, "rootfs", err) < 0)
            return -1;
    }
    return 0;
}

/* What an object's directory has: rootfs, apps/APP/rootfs, volumes/NAME. */
static int visit(int object_fd, action *act, struct jp_error *err)
{
    JP_AUTO_FD int apps_fd = jp_fd_open_dir(object_fd, "apps", NULL);
    JP_AUTO_FD int volumes_fd = jp_fd_open_dir(object_fd, "volumes", NULL);
    if (act(object_fd, "rootfs", err) < 0 || (apps_fd >= 0 && visit_apps(apps_fd, act, err) < 0))
        return -1;
    return volumes_fd >= 0 ? visit_volumes(volumes_fd, act, err) : 0;
}

int jp_dataset_release_object(int object_fd, struct jp_error *err)
{
    return visit(object_fd, jp_dataset_release, err);
}

int jp_dataset_mount_object(int object_fd, struct jp_error *err)
{
    return visit(object_fd, jp_dataset_mount, err);
}
