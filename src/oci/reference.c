#include "oci/reference.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "appc/name.h"
#include "base/buf.h"
#include "base/mem.h"
#include "oci/digest.h"

#define DOCKER_HUB     "registry-1.docker.io"
#define REPOSITORY_MAX 255U

void jp_oci_reference_clear(struct jp_oci_reference *reference)
{
    free(reference->registry);
    free(reference->repository);
    free(reference->tag);
    free(reference->digest);
    *reference = (struct jp_oci_reference){NULL, NULL, NULL, NULL};
}

bool jp_oci_tag_valid(const char *text)
{
    static const char all[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t len = strlen(text);
    return len >= 1 && len <= 128 && strspn(text, all) == len && text[0] != '.' && text[0] != '-';
}

/* Letters and digits, with ".", "_", "__" or hyphens between them. */
static bool is_component(const char *text, size_t len)
{
    bool was_alnum = false;
    for (size_t i = 0; i < len;) {
        size_t run = 0;
        if (islower((unsigned char)text[i]) || isdigit((unsigned char)text[i])) {
            was_alnum = true;
            i++;
            continue;
        }
        if (!was_alnum || !strchr("._-", text[i]))
            return false;
        while (i + run < len && text[i + run] == text[i])
            run++;
        if ((text[i] == '.' && run > 1) || (text[i] == '_' && run > 2))
            return false;
        i += run;
        was_alnum = false;
    }
    return was_alnum;
}

static bool is_repository(const char *text)
{
    if (strlen(text) > REPOSITORY_MAX)
        return false;
    for (;;) {
        size_t len = strcspn(text, "/");
        if (!is_component(text, len))
            return false;
        if (!text[len])
            return true;
        text += len + 1;
    }
}

/* "host.example", "localhost", "127.0.0.1:5000", "[::1]:5000": goes into a URL as it is. */
static bool is_registry(const char *text)
{
    static const char host[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    size_t len = strspn(text, host);
    if (text[0] == '[') {
        len = strspn(text + 1, "0123456789abcdefABCDEF:.") + 1;
        if (text[len++] != ']')
            return false;
    }
    if (len == 0 || text[0] == '-' || text[0] == '.')
        return false;
    if (!text[len])
        return true;
    size_t digits = strspn(text + len + 1, "0123456789");
    return text[len] == ':' && digits >= 1 && digits <= 5 && !text[len + 1 + digits];
}

static bool has_registry(const char *text, size_t first)
{
    return text[first] == '/' &&
           (memchr(text, '.', first) || memchr(text, ':', first) ||
            (first == strlen("localhost") && strncmp(text, "localhost", first) == 0));
}

static const char *hub_alias(const char *registry)
{
    return strcmp(registry, "docker.io") == 0 || strcmp(registry, "index.docker.io") == 0
               ? DOCKER_HUB
               : registry;
}

/* Takes ":TAG" and "@DIGEST" off the end. */
static int split(char *rest, struct jp_oci_reference *ret, struct jp_error *err)
{
    char *at = strchr(rest, '@');
    if (at) {
        *at = '\0';
        if (jp_oci_digest_check(at + 1, err) < 0)
            return -1;
        if (!(ret->digest = jp_strdup(at + 1)))
            return jp_oom(err);
    }
    char *colon = strchr(rest, ':');
    if (!colon)
        return 0;
    *colon = '\0';
    if (!jp_oci_tag_valid(colon + 1))
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not a tag", jp_show(colon + 1).text);
    return (ret->tag = jp_strdup(colon + 1)) ? 0 : jp_oom(err);
}

static int parse(const char *text, struct jp_oci_reference *ret, struct jp_error *err)
{
    size_t first = strcspn(text, "/");
    bool has = has_registry(text, first);
    JP_AUTO_FREE char *registry = has ? jp_memdup0(text, first) : jp_strdup(DOCKER_HUB);
    JP_AUTO_FREE char *rest = jp_strdup(has ? text + first + 1 : text);
    if (!registry || !rest)
        return jp_oom(err);
    if (!is_registry(registry))
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not a registry", jp_show(registry).text);
    if (split(rest, ret, err) < 0)
        return -1;
    if (!is_repository(rest))
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not a name of an image", jp_show(rest).text);
    const char *host = hub_alias(registry);
    bool is_official = strcmp(host, DOCKER_HUB) == 0 && !strchr(rest, '/');
    ret->registry = jp_strdup(host);
    ret->repository = is_official ? jp_format("library/%s", rest) : jp_strdup(rest);
    return ret->registry && ret->repository ? 0 : jp_oom(err);
}

int jp_oci_reference_parse(const char *text, struct jp_oci_reference *ret, struct jp_error *err)
{
    *ret = (struct jp_oci_reference){NULL, NULL, NULL, NULL};
    int r = parse(text, ret, err);
    if (r < 0)
        jp_oci_reference_clear(ret);
    return r;
}

int jp_oci_identifier_from(const char *text, char **ret, struct jp_error *err)
{
    JP_AUTO(jp_buf) out = JP_BUF_INIT;
    char pending = '\0'; /* a separator that waits for what it separates */
    for (; *text && out.len < JP_NAME_MAX; text++) {
        char c = (char)tolower((unsigned char)*text);
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            if (pending && out.len > 0)
                jp_buf_putc(&out, pending);
            jp_buf_putc(&out, c);
            pending = '\0';
        } else if (c == '/' || pending != '/') {
            pending = strchr("./~", c) && (!pending || c == '/') ? c : '-';
        }
    }
    if (jp_buf_failed(&out))
        return jp_oom(err);
    if (out.len == 0)
        return jp_fail(err, JP_EINVALID, 0, "no name can be made of it");
    *ret = jp_buf_steal(&out);
    return 0;
}

int jp_oci_reference_image_name(const struct jp_oci_reference *reference, char **ret,
                                struct jp_error *err)
{
    JP_AUTO_FREE char *text = jp_format("%s/%s", reference->registry, reference->repository);
    return text ? jp_oci_identifier_from(text, ret, err) : jp_oom(err);
}
