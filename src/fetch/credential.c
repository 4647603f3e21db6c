#include "fetch/credential.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "sys/fd.h"

#define MAX_FILE        (1U << 20)
#define MAX_CREDENTIALS 10000

static void wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

static void wipe_one(struct jp_credential *one)
{
    free(one->host);
    free(one->user);
    wipe(one->password);
    wipe(one->header);
}

void jp_credentials_clear(struct jp_credentials *credentials)
{
    for (size_t i = 0; i < credentials->count; i++)
        wipe_one(&credentials->items[i]);
    free(credentials->items);
    *credentials = (struct jp_credentials)JP_CREDENTIALS_INIT;
}

/* RFC 4648. */
static char *base64(const unsigned char *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = jp_alloc((len + 2) / 3 * 4 + 1);
    char *to = out;
    for (size_t i = 0; out && i < len; i += 3) {
        unsigned n = (unsigned)bytes[i] << 16 | (i + 1 < len ? (unsigned)bytes[i + 1] << 8 : 0) |
                     (i + 2 < len ? bytes[i + 2] : 0);
        *to++ = digits[n >> 18];
        *to++ = digits[n >> 12 & 63];
        *to++ = i + 1 < len ? digits[n >> 6 & 63] : '=';
        *to++ = i + 2 < len ? digits[n & 63] : '=';
    }
    if (out)
        *to = '\0';
    return out;
}

char *jp_credential_basic(const char *user, const char *password)
{
    char *plain = jp_format("%s:%s", user, password);
    char *coded = plain ? base64((const unsigned char *)plain, strlen(plain)) : NULL;
    char *header = coded ? jp_format("Basic %s", coded) : NULL;
    wipe(plain);
    wipe(coded);
    return header;
}

/* Takes over what one holds, also on failure. */
static int add(struct jp_credentials *all, const char *place, struct jp_credential *one,
               struct jp_error *err)
{
    JP_AUTO(jp_url) url = JP_URL_INIT;
    JP_AUTO_FREE char *text = jp_format("https://%s", place);
    int r = text ? 0 : jp_oom(err);
    if (r == 0 && (strpbrk(place, "/?#") || jp_url_parse(text, &url, NULL) < 0))
        r = jp_fail(err, JP_EINVALID, 0, "'%.100s' is not a host, or a host and its port", place);
    if (r == 0 && !one->header)
        one->header = one->user ? jp_credential_basic(one->user, one->password)
                                : jp_format("Bearer %s", one->password);
    if (r == 0 && (!one->header || all->count >= MAX_CREDENTIALS ||
                   jp_grow(&all->items, &all->capacity, all->count, sizeof(*one)) < 0))
        r = jp_oom(err);
    if (r == 0) {
        one->host = jp_take(&url.host);
        one->port = url.port;
        all->items[all->count++] = *one;
    } else {
        wipe_one(one);
    }
    return r;
}

int jp_credentials_add(struct jp_credentials *credentials, const char *place, const char *value,
                       struct jp_error *err)
{
    static const char basic[] = "basic ";
    static const char bearer[] = "bearer ";
    struct jp_credential one = {.host = NULL};
    const char *colon = strchr(value, ':');
    if (strncmp(value, bearer, strlen(bearer)) == 0) {
        one.password = jp_strdup(value + strlen(bearer));
    } else if (strncmp(value, basic, strlen(basic)) == 0 && colon) {
        const char *user = value + strlen(basic);
        one.user = jp_memdup0(user, (size_t)(colon - user));
        one.password = jp_strdup(colon + 1);
        if (!one.user) {
            wipe_one(&one);
            return jp_oom(err);
        }
    } else {
        return jp_fail(err, JP_EINVALID, 0, "expected 'basic USER:PASSWORD' or 'bearer TOKEN'");
    }
    if (!one.password) {
        wipe_one(&one);
        return jp_oom(err);
    }
    return add(credentials, place, &one, err);
}

/* ---- netrc ----------------------------------------------------------------------------------- */

struct words {
    const char *at;
    char *word; /* the current one */
    bool failed;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* "with \"quotes\" and blanks" */
static char *quoted(struct words *w)
{
    struct jp_buf out = JP_BUF_INIT;
    for (w->at++; *w->at && *w->at != '"'; w->at++) {
        if (*w->at == '\\' && w->at[1])
            w->at++;
        jp_buf_putc(&out, *w->at);
    }
    if (!*w->at) {
        jp_buf_clear(&out);
        return NULL;
    }
    w->at++;
    return out.len ? jp_buf_steal(&out) : jp_strdup("");
}

/* The next word; false at the end (or when w->failed). A '#' where a word begins hides the line. */
static bool next(struct words *w)
{
    wipe(w->word);
    w->word = NULL;
    for (;;) {
        while (is_blank(*w->at))
            w->at++;
        if (*w->at != '#')
            break;
        w->at += strcspn(w->at, "\n");
    }
    if (!*w->at)
        return false;
    if (*w->at == '"') {
        w->word = quoted(w);
    } else {
        size_t len = strcspn(w->at, " \t\r\n");
        w->word = jp_memdup0(w->at, len);
        w->at += len;
    }
    w->failed = !w->word;
    return w->word;
}

struct machine {
    char *place; /* NULL: `default`, which counts for nothing here */
    struct jp_credential one;
};

static int finish_machine(struct jp_credentials *all, struct machine *m, struct jp_error *err)
{
    int r = 0;
    if (m->place && m->one.user && m->one.password)
        r = add(all, m->place, &m->one, err);
    else
        wipe_one(&m->one);
    free(m->place);
    *m = (struct machine){.place = NULL};
    return r;
}

static void set_word(struct words *w, char **target)
{
    wipe(*target);
    *target = next(w) ? jp_take(&w->word) : NULL;
    w->failed |= !*target;
}

/* A macro ends at an empty line. */
static void skip_macro(struct words *w)
{
    const char *end = strstr(w->at, "\n\n");
    w->at = end ? end : w->at + strlen(w->at);
}

static int parse(struct jp_credentials *all, struct words *w, struct machine *m,
                 struct jp_error *err)
{
    char *unused = NULL;
    int r = 0;
    while (r == 0 && next(w)) {
        bool is_default = strcmp(w->word, "default") == 0;
        if (is_default || strcmp(w->word, "machine") == 0) {
            r = finish_machine(all, m, err);
            if (!is_default && r == 0)
                set_word(w, &m->place);
        } else if (strcmp(w->word, "login") == 0) {
            set_word(w, &m->one.user);
        } else if (strcmp(w->word, "password") == 0) {
            set_word(w, &m->one.password);
        } else if (strcmp(w->word, "account") == 0) {
            set_word(w, &unused);
        } else if (strcmp(w->word, "macdef") == 0) {
            skip_macro(w);
        } else {
            r = jp_fail(err, JP_EINVALID, 0, "unknown word (only its first letter: '%c...')",
                        w->word[0] > ' ' && w->word[0] <= '~' ? w->word[0] : '?');
        }
    }
    wipe(unused);
    if (r == 0 && w->failed)
        r = jp_fail(err, JP_EINVALID, 0, "it ends in the middle of an entry");
    return r;
}

int jp_credentials_parse(struct jp_credentials *credentials, const char *text, const char *path,
                         struct jp_error *err)
{
    struct words w = {.at = text};
    struct machine m = {.place = NULL};
    int r = parse(credentials, &w, &m, err);
    wipe(w.word);
    if (r == 0)
        r = finish_machine(credentials, &m, err);
    wipe_one(&m.one);
    free(m.place);
    return r < 0 ? jp_wrap(err, "'%s'", path) : 0;
}

int jp_credentials_read(struct jp_credentials *credentials, const char *path, struct jp_error *err)
{
    struct stat st;
    struct jp_buf text = JP_BUF_INIT;
    JP_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? jp_fail(err, JP_ENOTFOUND, 0, "'%s' is not there", path)
                               : jp_fail_sys(err, "open '%s'", path);
    if (fstat(fd, &st) < 0)
        return jp_fail_sys(err, "stat '%s'", path);
    if (!S_ISREG(st.st_mode))
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not a regular file", path);
    if ((st.st_mode & 077) != 0 || (st.st_uid != geteuid() && st.st_uid != 0))
        return jp_fail(err, JP_EUNTRUSTED, 0,
                       "'%s' holds passwords and is not ours alone: chmod 600 it, chown it to root",
                       path);
    int r = jp_fd_read_all(fd, MAX_FILE, path, &text, err);
    if (r >= 0 && text.len != strlen(jp_buf_text(&text)))
        r = jp_fail(err, JP_EINVALID, 0, "'%s' has a zero byte", path);
    if (r >= 0)
        r = jp_credentials_parse(credentials, jp_buf_text(&text), path, err);
    if (text.data)
        explicit_bzero(text.data, text.len);
    jp_buf_clear(&text);
    return r < 0 ? -1 : 0;
}

/* ---- use ------------------------------------------------------------------------------------- */

const struct jp_credential *jp_credentials_find(const struct jp_credentials *credentials,
                                                const struct jp_url *url)
{
    for (size_t i = 0; url->is_https && i < credentials->count; i++) {
        const struct jp_credential *one = &credentials->items[i];
        if (one->port == url->port && strcmp(one->host, url->host) == 0)
            return one;
    }
    return NULL;
}

int jp_credentials_authorize(void *context, const struct jp_url *url, char **ret,
                             struct jp_error *err)
{
    const struct jp_credential *one = jp_credentials_find(context, url);
    *ret = one ? jp_strdup(one->header) : NULL;
    return one && !*ret ? jp_oom(err) : 0;
}
