#include "platform/freebsd/freebsd.h"

static const char all_of_root[] = "there are none here: root has what a jail leaves to it";

static const struct jp_absent absent[] = {
    {"os/linux/capabilities-retain-set", all_of_root},
    {"os/linux/capabilities-remove-set", all_of_root},
    {NULL, NULL},
};

const struct jp_platform jp_platform = {.name = "freebsd",
                                        .absent = absent,
                                        .isolation = &jp_freebsd_isolation,
                                        .mounts = &jp_freebsd_mounts,
                                        .limits = &jp_freebsd_limits,
                                        .links = &jp_freebsd_links,
                                        .host = &jp_freebsd_host};
