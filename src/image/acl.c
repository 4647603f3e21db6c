#include "image/acl.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"

enum tag {
    USER_OBJ = 0x01,
    USER = 0x02,
    GROUP_OBJ = 0x04,
    GROUP = 0x08,
    MASK = 0x10,
    OTHER = 0x20,
};

#define NO_ID   UINT32_MAX
#define VERSION 2U
#define HEAD    4U /* bytes of the version */
#define ENTRY   8U

struct acl_entry {
    uint16_t tag;
    uint16_t permissions;
    uint32_t id;
};

static uint32_t little(const unsigned char *p, size_t width)
{
    uint32_t v = 0;
    for (size_t i = 0; i < width; i++)
        v |= (uint32_t)p[i] << (8 * i);
    return v;
}

static void put_little(struct jp_buf *out, uint32_t v, size_t width)
{
    for (size_t i = 0; i < width; i++)
        jp_buf_putc(out, (char)(unsigned char)(v >> (8 * i)));
}

bool jp_acl_valid(const unsigned char *value, size_t len)
{
    if (len < HEAD + 3 * ENTRY || (len - HEAD) % ENTRY != 0 || little(value, HEAD) != VERSION)
        return false;
    if ((len - HEAD) / ENTRY > JP_ACL_ENTRIES_MAX)
        return false;
    uint32_t last = 0;
    for (size_t at = HEAD; at < len; at += ENTRY) {
        uint32_t tag = little(value + at, 2);
        bool is_single = tag != USER && tag != GROUP;
        bool is_known = tag && tag <= OTHER && (tag & (tag - 1)) == 0;
        if (!is_known || little(value + at + 2, 2) > 7)
            return false;
        if (tag < last || (tag == last && is_single))
            return false;
        last = tag;
    }
    return true;
}

mode_t jp_acl_mode(const unsigned char *value, size_t len, bool *ret_is_all)
{
    unsigned mode = 0; /* mode_t has 16 bits on FreeBSD */
    *ret_is_all = true;
    for (size_t at = HEAD; at < len; at += ENTRY) {
        unsigned bits = little(value + at + 2, 2);
        switch (little(value + at, 2)) {
        case USER_OBJ:
            mode |= bits << 6;
            break;
        case GROUP_OBJ:
            mode |= bits << 3;
            break;
        case MASK: /* comes after the group and stands in its place */
            mode = (mode & ~070U) | bits << 3;
            *ret_is_all = false;
            break;
        case OTHER:
            mode |= bits;
            break;
        default:
            *ret_is_all = false;
            break;
        }
    }
    return (mode_t)mode;
}

static int compare(const void *a, const void *b)
{
    const struct acl_entry *x = a;
    const struct acl_entry *y = b;
    if (x->tag != y->tag)
        return x->tag < y->tag ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static bool read_tag(const char *word, bool has_id, struct acl_entry *entry)
{
    static const struct {
        const char *name;
        const char *letter;
        uint16_t tag;
        uint16_t tag_with_id;
    } tags[] = {
        {"user", "u", USER_OBJ, USER},
        {"group", "g", GROUP_OBJ, GROUP},
        {"mask", "m", MASK, 0},
        {"other", "o", OTHER, 0},
    };
    for (size_t i = 0; i < JP_LEN(tags); i++) {
        if (strcmp(word, tags[i].name) == 0 || strcmp(word, tags[i].letter) == 0) {
            entry->tag = has_id ? tags[i].tag_with_id : tags[i].tag;
            return entry->tag != 0;
        }
    }
    return false;
}

static bool read_permissions(const char *word, struct acl_entry *entry)
{
    static const char letters[] = "rwx";
    if (strlen(word) != 3)
        return false;
    for (size_t i = 0; i < 3; i++) {
        if (word[i] == letters[i])
            entry->permissions |= (uint16_t)(4U >> i);
        else if (word[i] != '-')
            return false;
    }
    return true;
}

/* "tag:name:rwx" or "tag:name:rwx:number"; the words are cut in place. */
static bool read_entry(char *text, struct acl_entry *entry)
{
    char *words[4] = {NULL, NULL, NULL, NULL};
    size_t count = 0;
    for (char *word = text; word; count++) {
        if (count == JP_LEN(words))
            return false;
        words[count] = strsep(&word, ":");
    }
    if (count < 3)
        return false;
    bool has_id = words[1][0] != '\0';
    const char *digits = words[3] ? words[3] : words[1];
    uint64_t id = NO_ID;
    if (has_id && !jp_parse_u64(digits, 10, 0, NO_ID - 1, &id))
        return false;
    entry->id = (uint32_t)id;
    return read_tag(words[0], has_id, entry) && read_permissions(words[2], entry);
}

static int refuse(struct jp_error *err)
{
    return jp_fail(err, JP_EINVALID, 0, "an ACL that is malformed or has names without numbers");
}

int jp_acl_from_text(const char *text, struct jp_buf *out, struct jp_error *err)
{
    JP_AUTO_FREE char *copy = jp_strdup(text);
    JP_AUTO_FREE struct acl_entry *entries = jp_calloc(JP_ACL_ENTRIES_MAX, sizeof(*entries));
    if (!copy || !entries)
        return jp_oom(err);
    size_t count = 0;
    char *rest = copy;
    while (rest && *rest) {
        char *item = strsep(&rest, ",\n");
        if (strncmp(item, "default:", 8) == 0)
            item += 8;
        if (*item == '\0' || *item == '#')
            continue;
        if (count == JP_ACL_ENTRIES_MAX || !read_entry(item, &entries[count++]))
            return refuse(err);
    }
    qsort(entries, count, sizeof(*entries), compare);
    jp_buf_reset(out);
    put_little(out, VERSION, HEAD);
    for (size_t i = 0; i < count; i++) {
        put_little(out, entries[i].tag, 2);
        put_little(out, entries[i].permissions, 2);
        put_little(out, entries[i].id, 4);
    }
    if (jp_buf_failed(out))
        return jp_oom(err);
    return jp_acl_valid((const unsigned char *)out->data, out->len) ? 0 : refuse(err);
}
