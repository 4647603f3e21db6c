/* The settings of the metadata service to and from bytes. */
#include "plan/service.h"

#include <string.h>

#include "plan/registration.h"

static void code(struct jp_codec *c, struct jp_service_settings *s)
{
    jp_codec_u32(c, &s->version);
    jp_codec_u32(c, &s->uid);
    jp_codec_u32(c, &s->gid);
    jp_codec_bool(c, &s->keeps_uid);
    jp_codec_bool(c, &s->is_on_demand);
    jp_codec_bool(c, &s->has_log);
    jp_codec_u32(c, &s->idle_ms);
    jp_codec_bytes(c, &s->key, &s->key_len);
    jp_codec_bytes(c, &s->owner_digest, &s->owner_digest_len);
    jp_codec_strv(c, &s->listeners, JP_SERVICE_MAX_LISTENERS);
}

int jp_service_settings_encode(struct jp_service_settings *settings, struct jp_buf *ret,
                               struct jp_error *err)
{
    struct jp_codec c = jp_codec_writer(ret);
    code(&c, settings);
    if (jp_buf_failed(ret))
        return jp_oom(err);
    if (!jp_codec_done(&c) || ret->len > JP_SERVICE_MAX_PACKET)
        return jp_fail(err, JP_ELIMIT, 0, "settings of the metadata service: too much");
    return 0;
}

int jp_service_settings_decode(const void *bytes, size_t len, struct jp_service_settings *ret,
                               struct jp_error *err)
{
    JP_AUTO(jp_service_settings) s = {.version = 0};
    struct jp_codec c = jp_codec_reader(bytes, len);
    code(&c, &s);
    bool is_sound = jp_codec_done(&c) && s.version == JP_SERVICE_VERSION && s.key_len > 0 &&
                    s.owner_digest_len == JP_TOKEN_DIGEST_SIZE && s.listeners.count > 0;
    for (size_t i = 0; is_sound && i < s.listeners.count; i++)
        is_sound = s.listeners.items[i] != NULL;
    if (!is_sound)
        return jp_fail(err, JP_ECORRUPT, 0, "settings of the metadata service: broken");
    *ret = s;
    s = (struct jp_service_settings){.version = 0};
    return 0;
}

void jp_service_settings_clear(struct jp_service_settings *settings)
{
    if (settings->key)
        explicit_bzero(settings->key, settings->key_len);
    free(settings->key);
    free(settings->owner_digest);
    jp_strv_clear(&settings->listeners);
    *settings = (struct jp_service_settings){.version = 0};
}
