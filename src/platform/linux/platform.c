#include "platform/platform.h"

#include "platform/linux/linux.h"

const struct jp_platform jp_platform = {
    .name = "linux",
    .isolation = &jp_linux_isolation,
    .mounts = &jp_linux_mounts,
    .limits = &jp_linux_limit,
    .links = &jp_linux_links,
    .host = &jp_linux_host,
};
