/* Prefixes and fingerprints: text that becomes names of files, so nothing else gets past here. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "appc/name.h"
#include "base/mem.h"
#include "trust/keys.h"

bool jp_trust_covers(const char *prefix, const char *name)
{
    if (!jp_ac_identifier_valid(name))
        return false;
    if (strcmp(prefix, JP_TRUST_EVERY) == 0)
        return true;
    size_t len = strlen(prefix);
    return jp_ac_identifier_valid(prefix) && strncmp(prefix, name, len) == 0 &&
           (name[len] == '\0' || name[len] == '/');
}

int jp_trust_prefix_check(const char *prefix, struct jp_error *err)
{
    if (strcmp(prefix, JP_TRUST_EVERY) == 0)
        return 0;
    if (jp_ac_identifier_check(prefix, err) < 0)
        return jp_wrap(err, "prefix");
    if (strlen(prefix) > NAME_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "prefix: longer than %d bytes", NAME_MAX);
    return 0;
}

static void exchange(char *text, char from, char to)
{
    for (char *c = text; *c; c++)
        if (*c == from)
            *c = to;
}

char *jp_trust_prefix_dir(const char *prefix)
{
    char *name = jp_strdup(prefix);
    if (name)
        exchange(name, '/', ',');
    return name;
}

char *jp_trust_prefix_of_dir(const char *name)
{
    char *prefix = strchr(name, '/') ? NULL : jp_strdup(name);
    if (!prefix)
        return NULL;
    exchange(prefix, ',', '/');
    if (jp_trust_prefix_check(prefix, NULL) == 0)
        return prefix;
    free(prefix);
    return NULL;
}

bool jp_trust_is_fingerprint(const char *text)
{
    size_t len = text ? strspn(text, "0123456789abcdef") : 0;
    return (len == JP_TRUST_FINGERPRINT_V4 || len == JP_TRUST_FINGERPRINT_V6) && text[len] == '\0';
}

int jp_trust_fingerprint(const char *text, char **ret, struct jp_error *err)
{
    char digits[JP_TRUST_FINGERPRINT_V6 + 2] = "";
    size_t n = 0;
    const char *at = strncmp(text, "0x", 2) == 0 || strncmp(text, "0X", 2) == 0 ? text + 2 : text;
    for (; *at && n + 1 < sizeof(digits); at++) {
        if (*at == ' ' || *at == ':')
            continue;
        bool is_upper = *at >= 'A' && *at <= 'F';
        digits[n++] = is_upper ? (char)(*at - 'A' + 'a') : *at;
    }
    if (*at || !jp_trust_is_fingerprint(digits))
        return jp_fail(err, JP_EINVALID, 0,
                       "'%s' is no fingerprint: %d hexadecimal digits (or %d), all of them", text,
                       JP_TRUST_FINGERPRINT_V4, JP_TRUST_FINGERPRINT_V6);
    *ret = jp_strdup(digits);
    return *ret ? 0 : jp_oom(err);
}
