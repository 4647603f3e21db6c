/* Systems without a filter of system calls: the isolators are reported as ignored. */
#include "pod/internal.h"

const unsigned char *jp_pod_seccomp_default(size_t *ret_len)
{
    *ret_len = 0;
    return NULL;
}

int jp_pod_seccomp_compile(const struct jp_isolator *isolator, unsigned char **ret, size_t *ret_len,
                           char note[160], struct jp_error *err)
{
    (void)isolator;
    (void)ret;
    (void)ret_len;
    (void)note;
    return jp_fail(err, JP_EUNSUPPORTED, 0, "this system has no filter of system calls");
}
