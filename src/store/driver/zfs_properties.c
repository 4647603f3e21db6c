/*
 * Properties as people write them, and as the kernel takes them.
 *
 * The kernel wants numbers where zfs(8) takes words; the library that knows them (libzfs) is not
 * the one with a stable interface. The numbers here are part of the format on disk.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "store/driver/zfs_core.h"

struct word {
    const char *text;
    uint64_t number;
};

static const struct word switches[] = {{"off", 0}, {"on", 1}, {NULL, 0}};
static const struct word compressions[] = {
    {"on", 1},      {"off", 2},     {"lzjb", 3},   {"empty", 4},  {"gzip", 10},   {"gzip-1", 5},
    {"gzip-2", 6},  {"gzip-3", 7},  {"gzip-4", 8}, {"gzip-5", 9}, {"gzip-6", 10}, {"gzip-7", 11},
    {"gzip-8", 12}, {"gzip-9", 13}, {"zle", 14},   {"lz4", 15},   {"zstd", 16},   {NULL, 0}};
static const struct word checksums[] = {{"on", 1},        {"off", 2},    {"fletcher2", 6},
                                        {"fletcher4", 7}, {"sha256", 8}, {"sha512", 11},
                                        {"skein", 12},    {NULL, 0}};
static const struct word caches[] = {{"none", 0}, {"metadata", 1}, {"all", 2}, {NULL, 0}};
static const struct word syncs[] = {{"standard", 0}, {"always", 1}, {"disabled", 2}, {NULL, 0}};
static const struct word biases[] = {{"latency", 0}, {"throughput", 1}, {NULL, 0}};
static const struct word mounts[] = {{"off", 0}, {"on", 1}, {"noauto", 2}, {NULL, 0}};
static const struct word attributes[] = {{"off", 0}, {"dir", 1}, {"on", 1}, {"sa", 2}, {NULL, 0}};
static const struct word acls[] = {
    {"off", 0}, {"noacl", 0}, {"posix", 1}, {"posixacl", 1}, {NULL, 0}};

#define TEXT  NULL, false
#define BYTES NULL, true

static const struct property {
    const char *name;
    const struct word *words; /* NULL: text or number */
    bool is_number;
    const char *full_name; /* of an abbreviation */
} properties[] = {
    {"acltype", acls, false, NULL},
    {"atime", switches, false, NULL},
    {"canmount", mounts, false, NULL},
    {"checksum", checksums, false, NULL},
    {"compress", compressions, false, "compression"},
    {"compression", compressions, false, NULL},
    {"copies", BYTES, NULL},
    {"dedup", (const struct word[]){{"on", 1}, {"off", 2}, {NULL, 0}}, false, NULL},
    {"devices", switches, false, NULL},
    {"exec", switches, false, NULL},
    {"logbias", biases, false, NULL},
    {"mountpoint", TEXT, NULL},
    {"primarycache", caches, false, NULL},
    {"quota", BYTES, NULL},
    {"readonly", switches, false, NULL},
    {"recordsize", BYTES, NULL},
    {"recsize", BYTES, "recordsize"},
    {"refquota", BYTES, NULL},
    {"refreservation", BYTES, NULL},
    {"relatime", switches, false, NULL},
    {"reservation", BYTES, NULL},
    {"secondarycache", caches, false, NULL},
    {"setuid", switches, false, NULL},
    {"snapdir", (const struct word[]){{"hidden", 0}, {"visible", 1}, {NULL, 0}}, false, NULL},
    {"sync", syncs, false, NULL},
    {"xattr", attributes, false, NULL},
};

/* "128K", "1.5G" is not taken; "none" is 0. */
static bool parse_bytes(const char *text, uint64_t *ret)
{
    static const char units[] = "BKMGTPE";
    char digits[24];
    size_t len = strspn(text, "0123456789");
    if (strcmp(text, "none") == 0) {
        *ret = 0;
        return true;
    }
    if (len == 0 || len >= sizeof(digits))
        return false;
    memcpy(digits, text, len);
    digits[len] = '\0';
    const char *unit = text[len] ? strchr(units, text[len] & ~0x20) : units;
    if (!unit || (text[len] && text[len + 1]) || !jp_parse_u64(digits, 10, 0, UINT64_MAX, ret))
        return false;
    unsigned shift = (unsigned)(unit - units) * 10;
    if (*ret > UINT64_MAX >> shift)
        return false;
    *ret <<= shift;
    return true;
}

static bool find_word(const struct word *words, const char *text, uint64_t *ret)
{
    for (; words->text; words++) {
        if (strcmp(words->text, text) == 0) {
            *ret = words->number;
            return true;
        }
    }
    return false;
}

static const struct property *find_property(const char *name)
{
    for (size_t i = 0; i < JP_LEN(properties); i++) {
        if (strcmp(properties[i].name, name) == 0)
            return &properties[i];
    }
    return NULL;
}

int jp_zfs_property_add(nvlist_t *list, const char *text, struct jp_error *err)
{
    size_t len = strcspn(text, "=");
    const char *value = text[len] ? text + len + 1 : "";
    JP_AUTO_FREE char *name = jp_memdup0(text, len);
    if (!name)
        return jp_oom(err);
    uint64_t number = 0;
    const struct property *property = find_property(name);
    if (!property && !strchr(name, ':'))
        return jp_fail(err, JP_EINVALID, 0, "property '%s' is not known here", name);
    if (!property || (!property->words && !property->is_number))
        return nvlist_add_string(list, name, value) ? jp_oom(err) : 0;
    if (property->words ? !find_word(property->words, value, &number)
                        : !parse_bytes(value, &number))
        return jp_fail(err, JP_EINVALID, 0, "property '%s' cannot be '%s'", name, value);
    const char *full = property->full_name ? property->full_name : property->name;
    return nvlist_add_uint64(list, full, number) ? jp_oom(err) : 0;
}
