#include "openpgp/limits.h"

#include "config.h"

#include "openpgp/confine.h"
#include "sys/rlimit.h"

#define MEMORY_BYTES (UINT64_C(768) << 20) /* libraries and all; a check takes some 60 MiB */
#define BASE_SECONDS 120                   /* of processor time, however slow the machine */
#define SLOWEST      1000000U              /* bytes a second */

static int limit(jp_resource what, uint64_t value, struct jp_error *err)
{
    const struct rlimit rlimit = {(rlim_t)value, (rlim_t)value};
    return setrlimit(what, &rlimit) < 0 ? jp_fail_sys(err, "limit resources") : 0;
}

int jp_openpgp_limit(uint64_t data_bytes, struct jp_error *err)
{
    if (limit(RLIMIT_CORE, 0, err) < 0 || limit(RLIMIT_FSIZE, 0, err) < 0 ||
        limit(RLIMIT_CPU, BASE_SECONDS + data_bytes / SLOWEST, err) < 0)
        return -1;
    if (JP_SANITIZED)
        return 0; /* shadow memory, and reports of memory that was not freed */
    return limit(RLIMIT_NOFILE, 0, err) < 0 || limit(RLIMIT_AS, MEMORY_BYTES, err) < 0 ? -1 : 0;
}
