/* The drivers of a Linux build. */
#include "store/driver/driver.h"

const struct jp_driver_ops *const jp_drivers[] = {&jp_driver_overlay, &jp_driver_btrfs,
                                                  &jp_driver_copy, NULL};
