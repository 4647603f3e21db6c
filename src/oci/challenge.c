#include "oci/challenge.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "appc/json.h"
#include "appc/name.h"
#include "base/buf.h"
#include "base/macros.h"
#include "base/mem.h"

#define TOKEN_MAX      16384U /* servers take headers of some kilobytes */
#define ANSWER_MAX     65536U
#define PARAMETERS_MAX 16

void jp_oci_challenge_clear(struct jp_oci_challenge *challenge)
{
    free(challenge->realm);
    free(challenge->service);
    free(challenge->scope);
    *challenge = (struct jp_oci_challenge){.realm = NULL};
}

/* A value, in quotes or not; moves *at behind it. NULL when it is neither, or without memory. */
static char *take_value(const char **at)
{
    JP_AUTO(jp_buf) out = JP_BUF_INIT;
    const char *p = *at;
    if (*p != '"') {
        size_t len = strcspn(p, " ,\t\"");
        *at = p + len;
        return len ? jp_memdup0(p, len) : NULL;
    }
    for (p++; *p && *p != '"'; p++) {
        if (*p == '\\' && p[1])
            p++;
        jp_buf_putc(&out, *p);
    }
    if (*p != '"')
        return NULL;
    *at = p + 1;
    return out.len ? jp_buf_steal(&out) : jp_strdup("");
}

static int malformed(struct jp_error *err)
{
    return jp_fail(err, JP_EINVALID, 0,
                   "the registry asks for a password in a way that is unknown");
}

static char **member(struct jp_oci_challenge *c, const char *name, size_t len)
{
    const struct {
        const char *name;
        char **to;
    } members[] = {{"realm", &c->realm}, {"service", &c->service}, {"scope", &c->scope}};
    for (size_t i = 0; i < JP_LEN(members); i++) {
        if (strlen(members[i].name) == len && strncasecmp(members[i].name, name, len) == 0)
            return members[i].to;
    }
    return NULL;
}

static int take_parameters(const char *p, struct jp_oci_challenge *c, struct jp_error *err)
{
    for (unsigned i = 0; i < PARAMETERS_MAX; i++) {
        p += strspn(p, " \t,");
        if (!*p)
            return 0;
        const char *name = p;
        size_t len = strcspn(p, "= ,\"");
        if (len == 0 || p[len] != '=')
            return malformed(err);
        p += len + 1;
        char *value = take_value(&p);
        if (!value)
            return malformed(err);
        char **to = member(c, name, len);
        if (to && !*to)
            *to = jp_take(&value);
        free(value);
    }
    return malformed(err);
}

int jp_oci_challenge_parse(const char *text, struct jp_oci_challenge *ret, struct jp_error *err)
{
    *ret = (struct jp_oci_challenge){.realm = NULL};
    size_t len = strcspn(text, " ");
    bool is_basic = len == 5 && strncasecmp(text, "Basic", len) == 0;
    ret->is_bearer = len == 6 && strncasecmp(text, "Bearer", len) == 0;
    if (!is_basic && !ret->is_bearer)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "the registry wants a login of the kind '%s'",
                       jp_show(text).text);
    int r = take_parameters(text + len, ret, err);
    if (r == 0 && ret->is_bearer && !ret->realm)
        r = malformed(err);
    if (r < 0)
        jp_oci_challenge_clear(ret);
    return r;
}

static void add_escaped(struct jp_buf *out, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (isalnum(*c) || strchr("-._~:/", *c))
            jp_buf_putc(out, (char)*c);
        else
            jp_buf_printf(out, "%%%02X", *c);
    }
}

int jp_oci_challenge_url(const struct jp_oci_challenge *c, const char *scope, char **ret,
                         struct jp_error *err)
{
    JP_AUTO(jp_buf) url = JP_BUF_INIT;
    jp_buf_puts(&url, c->realm);
    jp_buf_putc(&url, strchr(c->realm, '?') ? '&' : '?');
    if (c->service) {
        jp_buf_puts(&url, "service=");
        add_escaped(&url, c->service);
        jp_buf_putc(&url, '&');
    }
    jp_buf_puts(&url, "scope=");
    add_escaped(&url, c->scope && *c->scope ? c->scope : scope);
    *ret = jp_buf_steal(&url);
    return *ret ? 0 : jp_oom(err);
}

/* RFC 6750 section 2.1: what a bearer token is made of. */
static bool is_token(const char *text)
{
    static const char all[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
    size_t len = strlen(text);
    return len > 0 && len <= TOKEN_MAX && strspn(text, all) == len;
}

int jp_oci_token_parse(const char *text, size_t len, char **ret, struct jp_error *err)
{
    json_t *root = NULL;
    if (jp_json_load(text, len, ANSWER_MAX, &root, err) < 0)
        return -1;
    const char *token = json_string_value(json_object_get(root, "token"));
    if (!token)
        token = json_string_value(json_object_get(root, "access_token"));
    bool is_good = token && is_token(token);
    *ret = is_good ? jp_strdup(token) : NULL;
    json_decref(root);
    if (!is_good)
        return jp_fail(err, JP_EINVALID, 0, "there is no token in the answer");
    return *ret ? 0 : jp_oom(err);
}
