/* A NUL, which no text has, the version, the length of the rest, the root. */
#include "plan/renewal.h"

#include <string.h>

#define VERSION 1

int jp_renewal_encode(const struct jp_plan_root *root, struct jp_buf *ret, struct jp_error *err)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    struct jp_codec inner = jp_codec_writer(&bytes);
    /* Writing changes nothing of it. */
    jp_plan_root_code(&inner, (struct jp_plan_root *)(uintptr_t)root);
    uint32_t version = VERSION, len = (uint32_t)bytes.len;
    struct jp_codec outer = jp_codec_writer(ret);
    if (!jp_codec_done(&inner) || bytes.len > JP_RENEWAL_MAX)
        return jp_buf_failed(&bytes) ? jp_oom(err)
                                     : jp_fail(err, JP_ELIMIT, 0, "the root has too many layers");
    jp_buf_putc(ret, '\0');
    jp_codec_u32(&outer, &version);
    jp_codec_u32(&outer, &len);
    jp_buf_add(ret, bytes.data, bytes.len);
    return jp_buf_failed(ret) ? jp_oom(err) : 0;
}

int jp_renewal_decode(const struct jp_buf *came, struct jp_plan_root *ret, struct jp_error *err)
{
    uint32_t version = 0, len = 0;
    const char *mark = came->len > 0 ? memchr(came->data, '\0', came->len) : NULL;
    if (!mark)
        return 0;
    struct jp_codec c = jp_codec_reader(mark + 1, (size_t)(came->data + came->len - mark) - 1);
    if (c.left < 2 * sizeof(uint32_t))
        return 0;
    jp_codec_u32(&c, &version);
    jp_codec_u32(&c, &len);
    if (version != VERSION)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "a root of version %u, this program reads %d",
                       version, VERSION);
    if (len > JP_RENEWAL_MAX)
        return jp_fail(err, JP_ECORRUPT, 0, "a root of %u bytes", len);
    if (c.left < len)
        return 0;
    struct jp_plan_root root = {.kind = 0};
    jp_plan_root_code(&c, &root);
    if (!jp_codec_done(&c) || !jp_plan_root_is_sound(&root)) {
        jp_plan_root_clear(&root);
        return jp_fail(err, JP_ECORRUPT, 0, "a broken root");
    }
    *ret = root;
    return 1;
}
