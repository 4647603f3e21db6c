#include "platform/freebsd/freebsd.h"

const struct jp_platform jp_platform = {.name = "freebsd",
                                        .isolation = &jp_freebsd_isolation,
                                        .mounts = &jp_freebsd_mounts,
                                        .limits = &jp_freebsd_limits,
                                        .links = &jp_freebsd_links,
                                        .host = &jp_freebsd_host};
