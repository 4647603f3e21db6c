/* Registrations to and from bytes: one walk for both directions, as for the plan. */
#include "plan/registration.h"

#include <string.h>

#include "base/random.h"

static void code_notes(struct jp_codec *c, struct jp_registered_notes *notes)
{
    jp_codec_str(c, &notes->json);
    jp_codec_array(c, &notes->items, &notes->count, sizeof(*notes->items),
                   JP_REGISTRATION_MAX_NOTES);
    for (size_t i = 0; i < notes->count && !c->failed; i++) {
        jp_codec_str(c, &notes->items[i].name);
        jp_codec_str(c, &notes->items[i].value);
    }
}

static void code(struct jp_codec *c, struct jp_registration *r)
{
    jp_codec_u32(c, &r->version);
    jp_codec_str(c, &r->uuid);
    jp_codec_bytes(c, &r->token_digest, &r->token_digest_len);
    jp_codec_strv(c, &r->addresses, JP_REGISTRATION_MAX_ADDRESSES);
    jp_codec_str(c, &r->manifest);
    code_notes(c, &r->notes);
    jp_codec_array(c, &r->apps, &r->n_apps, sizeof(*r->apps), JP_REGISTRATION_MAX_APPS);
    for (size_t i = 0; i < r->n_apps && !c->failed; i++) {
        jp_codec_str(c, &r->apps[i].name);
        jp_codec_str(c, &r->apps[i].image_id);
        jp_codec_str(c, &r->apps[i].image_manifest);
        code_notes(c, &r->apps[i].notes);
    }
}

static bool are_notes_sound(const struct jp_registered_notes *notes)
{
    for (size_t i = 0; i < notes->count; i++) {
        if (!notes->items[i].name || !notes->items[i].value)
            return false;
    }
    return notes->json != NULL;
}

static bool is_sound(const struct jp_registration *r)
{
    if (!r->uuid || !jp_uuid_valid(r->uuid) || r->token_digest_len != JP_TOKEN_DIGEST_SIZE ||
        !r->manifest || r->addresses.count == 0 || !are_notes_sound(&r->notes))
        return false;
    for (size_t i = 0; i < r->addresses.count; i++) {
        if (!r->addresses.items[i])
            return false;
    }
    for (size_t i = 0; i < r->n_apps; i++) {
        const struct jp_registered_app *app = &r->apps[i];
        if (!app->name || !app->image_id || !app->image_manifest || !are_notes_sound(&app->notes))
            return false;
    }
    return true;
}

int jp_registration_encode(struct jp_registration *registration, struct jp_buf *ret,
                           struct jp_error *err)
{
    struct jp_codec c = jp_codec_writer(ret);
    code(&c, registration);
    if (jp_buf_failed(ret))
        return jp_oom(err);
    if (!jp_codec_done(&c) || ret->len > JP_REGISTRATION_MAX_BYTES)
        return jp_fail(err, JP_ELIMIT, 0, "the metadata of the pod is larger than %u MiB",
                       JP_REGISTRATION_MAX_BYTES >> 20);
    return 0;
}

int jp_registration_decode(const void *bytes, size_t len, struct jp_registration *ret,
                           struct jp_error *err)
{
    JP_AUTO(jp_registration) r = {.version = 0};
    struct jp_codec peek = jp_codec_reader(bytes, len);
    jp_codec_u32(&peek, &r.version);
    if (peek.failed)
        return jp_fail(err, JP_ECORRUPT, 0, "registration: too short");
    if (r.version != JP_REGISTRATION_VERSION)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "registration: version %u, this program reads %d",
                       r.version, JP_REGISTRATION_VERSION);
    struct jp_codec c = jp_codec_reader(bytes, len);
    code(&c, &r);
    if (!jp_codec_done(&c) || !is_sound(&r))
        return jp_fail(err, JP_ECORRUPT, 0, "registration: broken");
    *ret = r;
    r = (struct jp_registration){.version = 0};
    return 0;
}

const struct jp_registered_app *jp_registration_app(const struct jp_registration *registration,
                                                    const char *name, size_t len)
{
    for (size_t i = 0; i < registration->n_apps; i++) {
        const struct jp_registered_app *app = &registration->apps[i];
        if (strlen(app->name) == len && memcmp(app->name, name, len) == 0)
            return app;
    }
    return NULL;
}

static void clear_notes(struct jp_registered_notes *notes)
{
    for (size_t i = 0; i < notes->count && notes->items; i++) {
        free(notes->items[i].name);
        free(notes->items[i].value);
    }
    free(notes->items);
    free(notes->json);
}

void jp_registration_clear(struct jp_registration *registration)
{
    for (size_t i = 0; i < registration->n_apps && registration->apps; i++) {
        free(registration->apps[i].name);
        free(registration->apps[i].image_id);
        free(registration->apps[i].image_manifest);
        clear_notes(&registration->apps[i].notes);
    }
    free(registration->apps);
    clear_notes(&registration->notes);
    free(registration->uuid);
    free(registration->token_digest);
    free(registration->manifest);
    jp_strv_clear(&registration->addresses);
    *registration = (struct jp_registration){.version = 0};
}
