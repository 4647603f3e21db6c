/*
 * Two orders that must not be mixed: SemVer for versions of the specification, which every manifest
 * carries, and a tolerant one for the label "version" of images, where "2.10" is newer than "2.9"
 * and anything at all may come. The second compares lists of tokens by a fixed rank, so that it is
 * transitive whatever the texts are: sorting depends on that.
 */
#include "appc/version.h"

#include <stddef.h>
#include <string.h>

#include "appc/name.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* ---- SemVer 2.0.0 ---------------------------------------------------------------------------- */

/* One number without leading zero; NULL when there is none, else what follows. */
static const char *skip_number(const char *p)
{
    if (!is_digit(*p) || (*p == '0' && is_digit(p[1])))
        return NULL;
    while (is_digit(*p))
        p++;
    return p;
}

/* Dot-separated identifiers [0-9A-Za-z-]+; numeric ones of a pre-release without leading zero. */
static const char *skip_identifiers(const char *p, bool is_prerelease)
{
    for (;;) {
        const char *start = p;
        bool is_numeric = true;
        for (; is_digit(*p) || is_letter(*p) || *p == '-'; p++) {
            if (!is_digit(*p))
                is_numeric = false;
        }
        if (p == start)
            return NULL;
        if (is_prerelease && is_numeric && *start == '0' && p - start > 1)
            return NULL;
        if (*p != '.')
            return p;
        p++;
    }
}

bool jp_semver_valid(const char *text)
{
    const char *p = text;
    for (int i = 0; i < 3; i++) {
        p = skip_number(p);
        if (!p || (i < 2 && *p++ != '.'))
            return false;
    }
    if (*p == '-')
        p = skip_identifiers(p + 1, true);
    if (p && *p == '+')
        p = skip_identifiers(p + 1, false);
    return p && *p == '\0';
}

/* Compares two runs of digits by value, of any length; leading zeros do not count. */
static int compare_digits(const char *a, size_t a_len, const char *b, size_t b_len)
{
    while (a_len > 0 && *a == '0')
        a++, a_len--;
    while (b_len > 0 && *b == '0')
        b++, b_len--;
    if (a_len != b_len)
        return a_len < b_len ? -1 : 1;
    return a_len > 0 ? memcmp(a, b, a_len) : 0;
}

/* SemVer item 11: numeric identifiers by value and below the others, those by bytes. */
static int compare_identifier(const char *a, size_t a_len, const char *b, size_t b_len)
{
    bool a_numeric = strspn(a, "0123456789") >= a_len;
    bool b_numeric = strspn(b, "0123456789") >= b_len;
    if (a_numeric != b_numeric)
        return a_numeric ? -1 : 1;
    if (a_numeric)
        return compare_digits(a, a_len, b, b_len);
    size_t common = a_len < b_len ? a_len : b_len;
    int order = memcmp(a, b, common);
    if (order != 0 || a_len == b_len)
        return order;
    return a_len < b_len ? -1 : 1;
}

/* Compares dot-separated identifiers that end at '+' or the end; a longer list is greater. */
static int compare_lists(const char *a, const char *b)
{
    for (;;) {
        size_t a_len = strcspn(a, ".+");
        size_t b_len = strcspn(b, ".+");
        int order = compare_identifier(a, a_len, b, b_len);
        if (order != 0)
            return order;
        a += a_len;
        b += b_len;
        if (*a != '.' || *b != '.')
            return (*a == '.') - (*b == '.');
        a++;
        b++;
    }
}

int jp_semver_compare(const char *a, const char *b)
{
    for (int i = 0; i < 3; i++) {
        size_t a_len = strspn(a, "0123456789");
        size_t b_len = strspn(b, "0123456789");
        int order = compare_digits(a, a_len, b, b_len);
        if (order != 0)
            return order;
        a += a_len + (i < 2);
        b += b_len + (i < 2);
    }
    if ((*a == '-') != (*b == '-'))
        return *a == '-' ? -1 : 1;
    return *a == '-' ? compare_lists(a + 1, b + 1) : 0;
}

int jp_ac_version_check(const char *text, struct jp_error *err)
{
    if (!jp_semver_valid(text))
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not a version (SemVer 2.0.0: 1.2.3)",
                       jp_show(text).text);
    if (jp_semver_compare(text, "0.0.0") == 0)
        return jp_fail(err, JP_EINVALID, 0, "0.0.0 is not a version of the specification");
    size_t major_len = strcspn(JP_APPC_SPEC_VERSION, ".");
    if (strncmp(text, JP_APPC_SPEC_VERSION, major_len + 1) != 0)
        return jp_fail(err, JP_EUNSUPPORTED, 0,
                       "version %s of the specification is of another series than %s",
                       jp_show(text).text, JP_APPC_SPEC_VERSION);
    return 0;
}

/* ---- versions of images ---------------------------------------------------------------------- */

/* What may follow at one place, in ascending order. */
enum rank {
    RANK_TILDE,      /* 1.0~rc1, as Debian writes it */
    RANK_PRERELEASE, /* 1.0-rc1: a hyphen before a letter */
    RANK_END,        /* 1.0 */
    RANK_BUILD,      /* 1.0+git5 */
    RANK_LETTER,     /* 1.0a */
    RANK_REVISION,   /* 1.0-2: a hyphen before anything else */
    RANK_OTHER,      /* 1.0.1 */
    RANK_NUMBER,
};

static enum rank rank_at(const char *p)
{
    if (!*p)
        return RANK_END;
    if (*p == '~')
        return RANK_TILDE;
    if (*p == '-')
        return is_letter(p[1]) ? RANK_PRERELEASE : RANK_REVISION;
    if (*p == '+')
        return RANK_BUILD;
    if (is_digit(*p))
        return RANK_NUMBER;
    return is_letter(*p) ? RANK_LETTER : RANK_OTHER;
}

/* 0: no version at all, 1: no number in it ("latest"), 2: a version. */
static int standing(const char *text)
{
    if (!text || !*text)
        return text ? 1 : 0;
    return strpbrk(text, "0123456789") ? 2 : 1;
}

static const char *skip_v(const char *text)
{
    return (*text == 'v' || *text == 'V') && is_digit(text[1]) ? text + 1 : text;
}

static int compare_tokens(const char *a, const char *b)
{
    for (;;) {
        enum rank a_rank = rank_at(a);
        enum rank b_rank = rank_at(b);
        if (a_rank != b_rank)
            return a_rank < b_rank ? -1 : 1;
        if (a_rank == RANK_END)
            return 0;
        if (a_rank == RANK_NUMBER) {
            size_t a_len = strspn(a, "0123456789");
            size_t b_len = strspn(b, "0123456789");
            int order = compare_digits(a, a_len, b, b_len);
            if (order != 0)
                return order;
            a += a_len;
            b += b_len;
            continue;
        }
        if (*a != *b)
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        a++;
        b++;
    }
}

int jp_version_compare(const char *a, const char *b)
{
    int a_standing = standing(a);
    int b_standing = standing(b);
    if (a_standing != b_standing)
        return a_standing < b_standing ? -1 : 1;
    if (a_standing == 0)
        return 0;
    int order = a_standing == 2 ? compare_tokens(skip_v(a), skip_v(b)) : 0;
    return order != 0 ? order : strcmp(a, b);
}
