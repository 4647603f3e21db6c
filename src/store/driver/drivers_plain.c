/* The drivers of a build without overlayfs. */
#include "config.h"

#include "store/driver/driver.h"

const struct jp_driver_ops *const jp_drivers[] = {JP_ZFS_DRIVER & jp_driver_copy, NULL};
