#include "image/tar_pax.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "image/name.h"
#include "sys/attribute.h"

int jp_tar_pax_walk(const char *text, size_t len, size_t *at, struct jp_tar_record *ret)
{
    if (*at == len)
        return 0;
    const char *start = text + *at;
    size_t left = len - *at;
    size_t total = 0;
    size_t digits = 0;
    while (digits < left && digits < 8 && start[digits] >= '0' && start[digits] <= '9')
        total = total * 10 + (size_t)(start[digits++] - '0');
    if (digits == 0 || digits == left || start[digits] != ' ' || total > left ||
        total < digits + 4 || start[total - 1] != '\n')
        return -1;
    const char *key = start + digits + 1;
    size_t rest = total - digits - 2;
    const char *equals = memchr(key, '=', rest);
    if (!equals || equals == key || memchr(key, '\0', (size_t)(equals - key)))
        return -1;
    *ret = (struct jp_tar_record){
        .start = start,
        .total = total,
        .key = key,
        .key_len = (size_t)(equals - key),
        .value = equals + 1,
        .value_len = rest - (size_t)(equals - key) - 1,
    };
    *at += total;
    return 1;
}

static int bad_value(const char *key, struct jp_error *err)
{
    return jp_fail(err, JP_EINVALID, 0, "the pax key '%s' has an invalid value", key);
}

/* ---- one function a kind of value ------------------------------------------------------------ */

struct key;
typedef int take_fn(struct jp_tar_pax *pax, const struct key *key, const char *value,
                    struct jp_error *err);

struct key {
    const char *name;
    take_fn *take;
    size_t at;      /* of the field in struct jp_tar_pax */
    size_t at_flag; /* of its has_ field */
    bool may_repeat;
    bool may_be_global;
};

static void *field(struct jp_tar_pax *pax, size_t at)
{
    return (char *)pax + at;
}

static int take_text(struct jp_tar_pax *pax, const struct key *key, const char *value,
                     struct jp_error *err)
{
    if (!*value)
        return bad_value(key->name, err);
    char **to = field(pax, key->at);
    *to = jp_strdup(value);
    return *to ? 0 : jp_oom(err);
}

static int take_number(struct jp_tar_pax *pax, const struct key *key, const char *value,
                       struct jp_error *err)
{
    uint64_t number = 0;
    if (!jp_parse_u64(value, 10, 0, INT64_MAX, &number))
        return bad_value(key->name, err);
    memcpy(field(pax, key->at), &number, sizeof(number));
    *(bool *)field(pax, key->at_flag) = true;
    return 0;
}

static int take_owner(struct jp_tar_pax *pax, const struct key *key, const char *value,
                      struct jp_error *err)
{
    uint64_t number = 0;
    if (!jp_parse_u64(value, 10, 0, UINT32_MAX - 1, &number))
        return bad_value(key->name, err);
    return take_number(pax, key, value, err);
}

/* Seconds with an optional sign and fraction; digits beyond the ninth are cut, as time goes on. */
static bool parse_time(const char *value, struct timespec *ret)
{
    bool negative = value[0] == '-';
    const char *digits = value + negative;
    const char *dot = strchr(digits, '.');
    char whole[24];
    size_t len = dot ? (size_t)(dot - digits) : strlen(digits);
    if (len == 0 || len >= sizeof(whole))
        return false;
    memcpy(whole, digits, len);
    whole[len] = '\0';
    uint64_t seconds = 0;
    if (!jp_parse_u64(whole, 10, 0, INT64_MAX / 2, &seconds))
        return false;
    long ns = 0;
    long unit = 100000000;
    bool is_cut = false;
    for (const char *p = dot ? dot + 1 : ""; *p; p++, unit /= 10) {
        if (*p < '0' || *p > '9')
            return false;
        ns += (*p - '0') * unit;
        is_cut |= unit == 0 && *p != '0';
    }
    ns += negative && is_cut;
    time_t t = negative ? -(time_t)seconds : (time_t)seconds;
    if (negative && ns > 0) {
        t--;
        ns = 1000000000 - ns;
    }
    *ret = (struct timespec){.tv_sec = t, .tv_nsec = ns};
    return true;
}

static int take_time(struct jp_tar_pax *pax, const struct key *key, const char *value,
                     struct jp_error *err)
{
    if (!parse_time(value, field(pax, key->at)))
        return bad_value(key->name, err);
    *(bool *)field(pax, key->at_flag) = true;
    return 0;
}

static int take_charset(struct jp_tar_pax *pax, const struct key *key, const char *value,
                        struct jp_error *err)
{
    (void)pax;
    if (strcmp(value, "BINARY") == 0 || strcmp(value, "ISO-IR 10646 2000 UTF-8") == 0)
        return 0;
    return bad_value(key->name, err);
}

static int take_nothing(struct jp_tar_pax *pax, const struct key *key, const char *value,
                        struct jp_error *err)
{
    (void)pax;
    (void)key;
    (void)value;
    (void)err;
    return 0;
}

static int take_sparse_number(struct jp_tar_pax *pax, const struct key *key, const char *value,
                              struct jp_error *err)
{
    pax->is_sparse = true;
    if (key->at == offsetof(struct jp_tar_pax, realsize) && pax->has_realsize)
        return bad_value(key->name, err);
    return take_number(pax, key, value, err);
}

static int take_sparse_name(struct jp_tar_pax *pax, const struct key *key, const char *value,
                            struct jp_error *err)
{
    pax->is_sparse = true;
    return take_text(pax, key, value, err);
}

static int add_extent(struct jp_tar_pax *pax, uint64_t offset, uint64_t len, struct jp_error *err)
{
    if (pax->n_extents >= JP_TAR_EXTENTS_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "a sparse file of more than %u pieces",
                       JP_TAR_EXTENTS_MAX);
    if (jp_grow(&pax->extents, &pax->extents_capacity, pax->n_extents, sizeof(*pax->extents)) != 0)
        return jp_oom(err);
    pax->extents[pax->n_extents++] = (struct jp_tar_extent){.offset = offset, .len = len};
    return 0;
}

static int take_offset(struct jp_tar_pax *pax, const struct key *key, const char *value,
                       struct jp_error *err)
{
    if (pax->has_offset)
        return bad_value(key->name, err);
    return take_sparse_number(pax, key, value, err);
}

static int take_numbytes(struct jp_tar_pax *pax, const struct key *key, const char *value,
                         struct jp_error *err)
{
    uint64_t len = 0;
    pax->is_sparse = true;
    if (!pax->has_offset || !jp_parse_u64(value, 10, 0, INT64_MAX, &len))
        return bad_value(key->name, err);
    pax->has_offset = false;
    return add_extent(pax, pax->pending_offset, len, err);
}

static int take_map(struct jp_tar_pax *pax, const struct key *key, const char *value,
                    struct jp_error *err)
{
    pax->is_sparse = true;
    if (pax->n_extents)
        return bad_value(key->name, err);
    JP_AUTO_FREE char *copy = jp_strdup(value);
    if (!copy)
        return jp_oom(err);
    char *rest = copy;
    while (rest) {
        const char *offset = strsep(&rest, ",");
        const char *len = strsep(&rest, ",");
        uint64_t a = 0;
        uint64_t b = 0;
        if (!len || !jp_parse_u64(offset, 10, 0, INT64_MAX, &a) ||
            !jp_parse_u64(len, 10, 0, INT64_MAX, &b))
            return bad_value(key->name, err);
        if (add_extent(pax, a, b, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- which keys there are -------------------------------------------------------------------- */

#define AT(member) offsetof(struct jp_tar_pax, member)

static const struct key keys[] = {
    {"path", take_text, AT(path), 0, false, false},
    {"linkpath", take_text, AT(link), 0, false, false},
    {"size", take_number, AT(size), AT(has_size), false, false},
    {"uid", take_owner, AT(uid), AT(has_uid), false, false},
    {"gid", take_owner, AT(gid), AT(has_gid), false, false},
    {"uname", take_nothing, 0, 0, false, false},
    {"gname", take_nothing, 0, 0, false, false},
    {"mtime", take_time, AT(mtime), AT(has_mtime), false, true},
    {"atime", take_time, AT(atime), AT(has_atime), false, true},
    {"ctime", take_nothing, 0, 0, false, true},
    {"comment", take_nothing, 0, 0, true, true},
    {"charset", take_nothing, 0, 0, false, true},
    {"hdrcharset", take_charset, 0, 0, false, true},
    {"LIBARCHIVE.creationtime", take_nothing, 0, 0, false, false},
    {"SCHILY.dev", take_nothing, 0, 0, false, false},
    {"SCHILY.ino", take_nothing, 0, 0, false, false},
    {"SCHILY.nlink", take_nothing, 0, 0, false, false},
    {"SCHILY.fflags", take_text, AT(flags), 0, false, false},
    {"SCHILY.acl.access", take_text, AT(acl_access), 0, false, false},
    {"SCHILY.acl.default", take_text, AT(acl_default), 0, false, false},
    {"GNU.sparse.major", take_sparse_number, AT(sparse_major), AT(is_sparse), false, false},
    {"GNU.sparse.minor", take_sparse_number, AT(sparse_minor), AT(is_sparse), false, false},
    {"GNU.sparse.name", take_sparse_name, AT(sparse_name), 0, false, false},
    {"GNU.sparse.size", take_sparse_number, AT(realsize), AT(has_realsize), false, false},
    {"GNU.sparse.realsize", take_sparse_number, AT(realsize), AT(has_realsize), false, false},
    {"GNU.sparse.numblocks", take_sparse_number, AT(n_blocks), AT(seen_blocks), false, false},
    {"GNU.sparse.offset", take_offset, AT(pending_offset), AT(has_offset), true, false},
    {"GNU.sparse.numbytes", take_numbytes, 0, 0, true, false},
    {"GNU.sparse.map", take_map, 0, 0, false, false},
};
_Static_assert(JP_LEN(keys) <= 64, "one bit of `seen` a key");

/* ---- extended attributes --------------------------------------------------------------------- */

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Row 34: this list and nothing else. */
static bool xattr_allowed(const char *name)
{
    if (starts_with(name, "user."))
        return name[5] && !starts_with(name, "user.overlay.");
    return strcmp(name, "security.capability") == 0 ||
           strcmp(name, "system.posix_acl_access") == 0 ||
           strcmp(name, "system.posix_acl_default") == 0;
}

int jp_tar_pax_add_xattr(struct jp_tar_pax *pax, const char *name, const void *value, size_t len,
                         struct jp_error *err)
{
    char shown[JP_IMAGE_SHOWN_SIZE];
    if (!xattr_allowed(name))
        return jp_fail(err, JP_EINVALID, 0, "the extended attribute '%s' may not be in an image",
                       jp_image_name_show(name, shown));
    if (strlen(name) > JP_XATTR_NAME_MAX || len > JP_XATTR_SIZE_MAX)
        return jp_fail(err, JP_EINVALID, 0, "the extended attribute '%s' is too large",
                       jp_image_name_show(name, shown));
    for (size_t i = 0; i < pax->n_xattrs; i++) {
        const struct jp_tar_xattr *x = &pax->xattrs[i];
        if (strcmp(x->name, name) != 0)
            continue;
        if (x->len == len && memcmp(x->value, value, len) == 0)
            return 0;
        return jp_fail(err, JP_EINVALID, 0, "the extended attribute '%s' is there twice",
                       jp_image_name_show(name, shown));
    }
    if (pax->n_xattrs >= JP_TAR_XATTRS_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "more than %u extended attributes", JP_TAR_XATTRS_MAX);
    if (jp_grow(&pax->xattrs, &pax->xattrs_capacity, pax->n_xattrs, sizeof(*pax->xattrs)) != 0)
        return jp_oom(err);
    struct jp_tar_xattr x = {
        .name = jp_strdup(name), .value = (unsigned char *)jp_memdup0(value, len), .len = len};
    pax->xattrs[pax->n_xattrs++] = x;
    return x.name && x.value ? 0 : jp_oom(err);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-encoding, in place. */
static bool url_decode(char *text)
{
    char *to = text;
    for (const char *p = text; *p; p++) {
        if (*p != '%') {
            *to++ = *p;
            continue;
        }
        int high = hex_digit(p[1]);
        int low = high < 0 ? -1 : hex_digit(p[2]);
        if (low < 0 || (high == 0 && low == 0))
            return false;
        *to++ = (char)(unsigned char)(high << 4 | low);
        p += 2;
    }
    *to = '\0';
    return true;
}

/* Base 64, with or without padding. */
static bool base64_decode(const char *text, struct jp_buf *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = 0;
    unsigned n_bits = 0;
    const char *p = text;
    for (; *p && *p != '='; p++) {
        const char *digit = strchr(alphabet, *p);
        if (!digit)
            return false;
        bits = (bits << 6 | (unsigned)(digit - alphabet)) & 0xffff;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            jp_buf_putc(out, (char)(unsigned char)(bits >> n_bits));
        }
    }
    return strspn(p, "=") == strlen(p) && strlen(p) <= 2;
}

static int take_libarchive_xattr(struct jp_tar_pax *pax, char *name, const char *value,
                                 struct jp_error *err)
{
    JP_AUTO(jp_buf) decoded = JP_BUF_INIT;
    if (!url_decode(name) || !base64_decode(value, &decoded))
        return bad_value("LIBARCHIVE.xattr", err);
    if (jp_buf_failed(&decoded))
        return jp_oom(err);
    return jp_tar_pax_add_xattr(pax, name, jp_buf_text(&decoded), decoded.len, err);
}

/* 1: it was an attribute, 0: another key. */
static int take_xattr(struct jp_tar_pax *pax, char *key, const struct jp_tar_record *record,
                      struct jp_error *err)
{
    char shown[JP_IMAGE_SHOWN_SIZE];
    JP_AUTO_FREE char *value = jp_memdup0(record->value, record->value_len);
    if (!value)
        return jp_oom(err);
    if (starts_with(key, "LIBARCHIVE.xattr.")) {
        if (strlen(value) != record->value_len)
            return bad_value("LIBARCHIVE.xattr", err);
        return take_libarchive_xattr(pax, key + strlen("LIBARCHIVE.xattr."), value, err) ? -1 : 1;
    }
    if (starts_with(key, "RHT.security.selinux"))
        return jp_tar_pax_add_xattr(pax, "security.selinux", value, record->value_len, err) ? -1
                                                                                            : 1;
    if (!starts_with(key, "SCHILY.xattr."))
        return 0;
    const char *name = key + strlen("SCHILY.xattr.");
    /* GNU tar writes '=' and '%' as %3D and %25, bsdtar does not: two readers, two names. */
    if (strchr(name, '%'))
        return jp_fail(err, JP_EINVALID, 0, "the extended attribute '%s' has an ambiguous name",
                       jp_image_name_show(name, shown));
    return jp_tar_pax_add_xattr(pax, name, value, record->value_len, err) ? -1 : 1;
}

/* ---- records --------------------------------------------------------------------------------- */

static int take_known(struct jp_tar_pax *pax, size_t i, const struct jp_tar_record *record,
                      struct jp_error *err)
{
    const struct key *key = &keys[i];
    uint64_t bit = UINT64_C(1) << i;
    if ((pax->seen & bit) && !key->may_repeat)
        return jp_fail(err, JP_EINVALID, 0, "the pax key '%s' is there twice", key->name);
    pax->seen |= bit;
    if (key->take == take_nothing)
        return 0;
    JP_AUTO_FREE char *value = jp_memdup0(record->value, record->value_len);
    if (!value)
        return jp_oom(err);
    if (strlen(value) != record->value_len)
        return jp_fail(err, JP_EINVALID, 0, "the pax key '%s' has a NUL in its value", key->name);
    return key->take(pax, key, value, err);
}

static int take_record(struct jp_tar_pax *pax, const struct jp_tar_record *record, bool is_global,
                       struct jp_error *err)
{
    static const char *const vendors[] = {"GNU.", "SCHILY.", "LIBARCHIVE.", "RHT.", "SUN."};
    char shown[JP_IMAGE_SHOWN_SIZE];
    JP_AUTO_FREE char *key = jp_memdup0(record->key, record->key_len);
    if (!key)
        return jp_oom(err);
    bool is_vendor = false;
    for (size_t i = 0; i < JP_LEN(vendors); i++)
        is_vendor |= starts_with(key, vendors[i]);
    for (size_t i = 0; i < JP_LEN(keys); i++) {
        if (strcmp(key, keys[i].name) != 0)
            continue;
        if (is_global && !keys[i].may_be_global)
            return jp_fail(err, JP_EINVALID, 0, "a global pax header sets '%s'", key);
        return take_known(pax, i, record, err);
    }
    if (!is_vendor)
        return 0;
    int r = is_global ? 0 : take_xattr(pax, key, record, err);
    if (r != 0)
        return r < 0 ? -1 : 0;
    return jp_fail(err, JP_EINVALID, 0, "the pax key '%s' is not known%s",
                   jp_image_name_show(key, shown), is_global ? " in a global header" : "");
}

int jp_tar_pax_parse(struct jp_tar_pax *pax, const char *text, size_t len, bool is_global,
                     struct jp_error *err)
{
    struct jp_tar_record record;
    size_t at = 0;
    int r;
    while ((r = jp_tar_pax_walk(text, len, &at, &record)) > 0) {
        if (take_record(pax, &record, is_global, err) != 0)
            return -1;
    }
    if (r < 0)
        return jp_fail(err, JP_EINVALID, 0, "a malformed pax record");
    if (pax->has_offset)
        return jp_fail(err, JP_EINVALID, 0, "a sparse map that ends in the middle");
    return 0;
}

void jp_tar_pax_clear(struct jp_tar_pax *pax)
{
    for (size_t i = 0; i < pax->n_xattrs; i++) {
        free(pax->xattrs[i].name);
        free(pax->xattrs[i].value);
    }
    free(pax->xattrs);
    free(pax->extents);
    free(pax->path);
    free(pax->link);
    free(pax->flags);
    free(pax->acl_access);
    free(pax->acl_default);
    free(pax->sparse_name);
    *pax = (struct jp_tar_pax){.seen = 0};
}
