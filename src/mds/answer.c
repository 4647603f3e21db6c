/*
 * See answer.h. One table of endpoints; "the older" ones, which name a single annotation, are of
 * the first releases of the prototype and are still used by pods of its time.
 */
#include "mds/answer.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "mds/form.h"

#define PREFIX    "/acMetadata/v1/"
#define TEXT_UTF8 "text/plain; charset=utf-8"

/* What an endpoint is asked about. */
struct subject {
    const struct jp_registration *pod;
    const struct jp_registered_app *app; /* of /apps/NAME/ */
    const char *rest;                    /* after the endpoint's own words */
    const struct jp_question *question;
    struct jp_token_key key;
};

static void say(struct jp_answer *ret, const char *type, const char *body)
{
    ret->status = 200;
    ret->type = type;
    ret->body = body;
    ret->len = strlen(body);
}

static void tell(struct jp_answer *ret, const char *type, const char *of_pod)
{
    say(ret, type, of_pod);
    ret->is_of_pod = true;
}

void jp_answer_status(unsigned status, struct jp_answer *ret)
{
    static const struct {
        unsigned status;
        const char *text;
    } texts[] = {
        {400, "bad request"},        {403, "forbidden"},       {404, "not found"},
        {405, "method not allowed"}, {411, "length required"}, {413, "too large"},
        {415, "not a form"},         {500, "internal error"},
    };
    say(ret, JP_ANSWER_TEXT, "");
    for (size_t i = 0; i < JP_LEN(texts); i++) {
        if (texts[i].status == status)
            say(ret, JP_ANSWER_TEXT, texts[i].text);
    }
    ret->status = status;
}

/* ---- endpoints ------------------------------------------------------------------------------- */

static void pod_uuid(const struct subject *s, struct jp_answer *ret)
{
    tell(ret, JP_ANSWER_TEXT, s->pod->uuid);
}

static void pod_manifest(const struct subject *s, struct jp_answer *ret)
{
    tell(ret, JP_ANSWER_JSON, s->pod->manifest);
}

static void image_id(const struct subject *s, struct jp_answer *ret)
{
    tell(ret, JP_ANSWER_TEXT, s->app->image_id);
}

static void image_manifest(const struct subject *s, struct jp_answer *ret)
{
    tell(ret, JP_ANSWER_JSON, s->app->image_manifest);
}

static const struct jp_registered_notes *notes_of(const struct subject *s)
{
    return s->app ? &s->app->notes : &s->pod->notes;
}

static void annotations(const struct subject *s, struct jp_answer *ret)
{
    tell(ret, JP_ANSWER_JSON, notes_of(s)->json);
}

/* "annotations/NAME": the value alone. NAME may hold '/'; it may come with %XX. */
static void annotation(const struct subject *s, struct jp_answer *ret)
{
    const struct jp_registered_notes *notes = notes_of(s);
    JP_AUTO_FREE char *name = jp_strdup(s->rest);
    long len = name ? jp_form_decode(name, strlen(name), false) : -1;
    jp_answer_status(404, ret);
    for (size_t i = 0; len > 0 && i < notes->count; i++) {
        const struct jp_registered_note *note = &notes->items[i];
        if (strlen(note->name) == (size_t)len && memcmp(note->name, name, (size_t)len) == 0)
            tell(ret, TEXT_UTF8, note->value);
    }
}

static void sign(const struct subject *s, struct jp_answer *ret)
{
    static const char *const names[] = {"content"};
    struct jp_form_field content;
    if (!jp_form_read(s->question->body, s->question->body_len, names, &content, 1) ||
        !content.is_there) {
        jp_answer_status(400, ret);
        return;
    }
    jp_token_sign(s->key, s->pod->uuid, content.value, content.len, ret->text);
    say(ret, JP_ANSWER_TEXT, ret->text);
}

/* The signature is made anew and compared as text: there is one way to write it. */
static void verify(const struct subject *s, struct jp_answer *ret)
{
    static const char *const names[] = {"content", "uuid", "signature"};
    struct jp_form_field fields[JP_LEN(names)];
    char uuid[JP_UUID_SIZE] = "";
    if (!jp_form_read(s->question->body, s->question->body_len, names, fields, JP_LEN(names)) ||
        !fields[0].is_there || !fields[1].is_there || !fields[2].is_there) {
        jp_answer_status(400, ret);
        return;
    }
    if (fields[1].len == sizeof(uuid) - 1)
        memcpy(uuid, fields[1].value, sizeof(uuid) - 1);
    if (!jp_uuid_valid(uuid)) {
        jp_answer_status(400, ret);
        return;
    }
    char wanted[JP_SIGNATURE_SIZE];
    jp_token_sign(s->key, uuid, fields[0].value, fields[0].len, wanted);
    if (jp_token_equal(wanted, sizeof(wanted) - 1, fields[2].value, fields[2].len))
        say(ret, JP_ANSWER_TEXT, "OK");
    else
        jp_answer_status(403, ret);
}

struct endpoint {
    const char *path; /* below pod/ or apps/NAME/; with a '/' at its end: something follows */
    bool is_of_app;
    bool is_post;
    void (*answer)(const struct subject *s, struct jp_answer *ret);
};

static const struct endpoint endpoints[] = {
    {"uuid", false, false, pod_uuid},           {"manifest", false, false, pod_manifest},
    {"annotations", false, false, annotations}, {"annotations/", false, false, annotation},
    {"hmac/sign", false, true, sign},           {"hmac/verify", false, true, verify},
    {"image/id", true, false, image_id},        {"image/manifest", true, false, image_manifest},
    {"annotations", true, false, annotations},  {"annotations/", true, false, annotation},
};

static const struct endpoint *find(const char *path, bool is_of_app, const char **ret_rest)
{
    for (size_t i = 0; i < JP_LEN(endpoints); i++) {
        const struct endpoint *e = &endpoints[i];
        size_t len = strlen(e->path);
        bool is_open = e->path[len - 1] == '/';
        if (e->is_of_app != is_of_app || strncmp(path, e->path, len) != 0 ||
            (path[len] != '\0') != is_open)
            continue;
        *ret_rest = path + len;
        return e;
    }
    return NULL;
}

/* The endpoint of a path, and of which app; NULL when there is none. */
static const struct endpoint *resolve(const char *path, const char **ret_app, size_t *ret_app_len,
                                      const char **ret_rest)
{
    *ret_app = NULL;
    if (strncmp(path, PREFIX, strlen(PREFIX)) != 0)
        return NULL;
    path += strlen(PREFIX);
    if (strncmp(path, "pod/", 4) == 0)
        return find(path + 4, false, ret_rest);
    if (strncmp(path, "apps/", 5) != 0)
        return NULL;
    *ret_app = path + 5;
    *ret_app_len = strcspn(*ret_app, "/");
    const char *slash = *ret_app + *ret_app_len;
    return *slash ? find(slash + 1, true, ret_rest) : NULL;
}

bool jp_answer_takes_posts(const char *path)
{
    const char *app, *rest;
    size_t app_len;
    const struct endpoint *e = resolve(path, &app, &app_len, &rest);
    return e && e->is_post;
}

void jp_answer(const struct jp_registration *pod, struct jp_token_key signing_key,
               const struct jp_question *question, struct jp_answer *ret)
{
    const char *app = NULL;
    size_t app_len = 0;
    struct subject s = {.pod = pod, .question = question, .key = signing_key};
    *ret = (struct jp_answer){.status = 0};
    const struct endpoint *e = resolve(question->path, &app, &app_len, &s.rest);
    if (e && app)
        s.app = jp_registration_app(pod, app, app_len);
    if (!e || (app && !s.app)) {
        jp_answer_status(404, ret);
    } else if (e->is_post != question->is_post) {
        ret->allow = e->is_post ? "POST" : "GET, HEAD";
        jp_answer_status(405, ret);
    } else if (e->is_post && !question->is_form) {
        jp_answer_status(415, ret);
    } else {
        e->answer(&s, ret);
    }
}
