/* Datasets in a build without ZFS: told, not touched. */
#include "store/driver/dataset.h"

static int refuse(int dir_fd, const char *name, struct jp_error *err)
{
    if (!jp_dataset_is(dir_fd, name))
        return 0;
    return jp_fail(err, JP_EUNSUPPORTED, 0,
                   "'%s' is kept in a ZFS dataset, which this build of Jetpack has no support for",
                   name);
}

int jp_dataset_prepare_root(const struct jp_driver_zfs *zfs, const char *root, struct jp_error *err)
{
    (void)zfs;
    (void)root;
    (void)err;
    return 0;
}

int jp_dataset_mount(int dir_fd, const char *name, struct jp_error *err)
{
    return refuse(dir_fd, name, err);
}

int jp_dataset_release(int dir_fd, const char *name, struct jp_error *err)
{
    return refuse(dir_fd, name, err);
}
