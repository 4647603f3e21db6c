#include "fetch/url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/parse.h"

#define MAX_HOST   253
#define HTTPS_PORT 443
#define HTTP_PORT  80

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

unsigned jp_url_scheme_length(const char *text)
{
    unsigned len = 0;
    while (is_letter(text[len]) ||
           (len > 0 && (is_digit(text[len]) || (text[len] && strchr("+-.", text[len])))))
        len++;
    return len > 0 && strncmp(text + len, "://", 3) == 0 ? len : 0;
}

/* RFC 3986: what may stand in a URL at all; the rest must come escaped. */
static bool has_only_url_letters(const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c <= ' ' || *c > '~' || strchr("\"<>\\^`{|}", *c))
            return false;
    }
    return true;
}

/*
 * A name, or an IPv4 address of four decimal numbers: a name whose last part begins with a digit
 * ("127.1", "0x7f000001") is something that resolvers disagree about.
 */
static bool is_name(const char *host)
{
    uint64_t number;
    unsigned parts = 0;
    bool has_odd_last = false;
    bool are_numbers = true;
    size_t len = strlen(host);
    if (len == 0 || len > MAX_HOST)
        return false;
    for (const char *part = host; *part;) {
        size_t n = strcspn(part, ".");
        char text[4] = "";
        if (n == 0 || n > 63 || part[0] == '-' || part[n - 1] == '-')
            return false;
        for (size_t i = 0; i < n; i++) {
            if (!is_letter(part[i]) && !is_digit(part[i]) && part[i] != '-' && part[i] != '_')
                return false;
        }
        if (n < sizeof(text))
            memcpy(text, part, n);
        are_numbers = are_numbers && n < sizeof(text) && jp_parse_u64(text, 10, 0, 255, &number) &&
                      (n == 1 || text[0] != '0');
        has_odd_last = is_digit(part[0]);
        parts++;
        part += n;
        if (*part == '.' && !*++part)
            return !has_odd_last; /* a dot at the end: a full name */
    }
    return !has_odd_last || (are_numbers && parts == 4);
}

static bool is_address6(const char *host)
{
    bool has_colon = false;
    for (const char *c = host; *c; c++) {
        has_colon |= *c == ':';
        if (!is_digit(*c) && !strchr("abcdefABCDEF:.", *c))
            return false;
    }
    return has_colon && strlen(host) < 46;
}

/* "host", "host:8443", "[::1]:8443" */
static int read_authority(struct jp_url *url, const char *authority, size_t len)
{
    JP_AUTO_FREE char *text = jp_memdup0(authority, len);
    uint64_t port = url->is_https ? HTTPS_PORT : HTTP_PORT;
    if (!text)
        return -1;
    bool is_bracketed = text[0] == '[';
    char *end = is_bracketed ? strchr(text, ']') : text + strcspn(text, ":");
    if (!end)
        return -1;
    char *colon = is_bracketed ? end + 1 : end;
    if (*colon &&
        (*colon != ':' || colon[1] == '0' || !jp_parse_u64(colon + 1, 10, 1, UINT16_MAX, &port)))
        return -1;
    *end = '\0';
    const char *host = text + is_bracketed;
    if (!(is_bracketed ? is_address6(host) : is_name(host)))
        return -1;
    url->host = jp_strdup(host);
    url->port = (uint16_t)port;
    for (char *c = url->host; c && *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    return url->host ? 0 : -1;
}

static bool has_scheme(const char *text, const char *scheme)
{
    return jp_url_scheme_length(text) == strlen(scheme) &&
           strncasecmp(text, scheme, strlen(scheme)) == 0;
}

bool jp_url_is_web(const char *text)
{
    return has_scheme(text, "https") || has_scheme(text, "http");
}

int jp_url_parse(const char *text, struct jp_url *ret, struct jp_error *err)
{
    unsigned len = jp_url_scheme_length(text);
    if (!jp_url_is_web(text))
        return jp_fail(err, len ? JP_EUNSUPPORTED : JP_EINVALID, 0,
                       "'%.200s' is no URL of https or http", text);
    if (strlen(text) > JP_URL_MAX || !has_only_url_letters(text))
        return jp_fail(err, JP_EINVALID, 0, "'%.200s' is not a valid URL", text);
    ret->is_https = has_scheme(text, "https");
    ret->text = jp_memdup0(text, strcspn(text, "#"));
    if (!ret->text)
        return jp_oom(err);
    const char *authority = ret->text + len + 3;
    size_t n = strcspn(authority, "/?");
    ret->path = authority + n;
    const char *host = authority + n;
    while (host > authority && host[-1] != '@')
        host--;
    if (host > authority)
        return jp_fail(
            err, JP_EINVALID, 0,
            "a URL with a user in it, at '%.*s': passwords stand in fetch.credentials or "
            "fetch.auth.HOST (see jetpack.conf(5))",
            (int)(authority + n - host), host);
    if (read_authority(ret, authority, n) < 0)
        return jp_fail(err, JP_EINVALID, 0, "the host in '%.200s' is not valid", text);
    return 0;
}

void jp_url_clear(struct jp_url *url)
{
    free(url->text);
    free(url->host);
    *url = (struct jp_url)JP_URL_INIT;
}

bool jp_url_is_same_origin(const struct jp_url *a, const struct jp_url *b)
{
    return a->is_https == b->is_https && a->port == b->port && strcmp(a->host, b->host) == 0;
}

bool jp_url_is_at(const struct jp_url *url, const char *place)
{
    size_t len = strlen(url->host);
    uint64_t port;
    if (place[0] == '[') {
        place++;
        if (strncasecmp(place, url->host, len) != 0 || place[len] != ']')
            return false;
        place++;
    } else if (strncasecmp(place, url->host, len) != 0) {
        return false;
    }
    place += len;
    return !*place || (*place == ':' && jp_parse_u64(place + 1, 10, 1, UINT16_MAX, &port) &&
                       port == url->port);
}
