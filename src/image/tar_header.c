#include "image/tar_header.h"

#include <stdio.h>
#include <string.h>

bool jp_tar_is_zero(const unsigned char *bytes, size_t len)
{
    return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

/* GNU base 256: 0x80 and a positive number, or 0xff and a negative one in two's complement. */
static bool base256(const unsigned char *field, size_t len, bool may_be_negative, int64_t *ret)
{
    bool negative = field[0] == 0xff;
    if (field[0] != 0x80 && !(negative && may_be_negative))
        return false;
    uint64_t value = negative ? UINT64_MAX : 0;
    unsigned char fill = negative ? 0xff : 0;
    for (size_t i = 1; i < len; i++) {
        if (len - i >= 8 + 1 && field[i] != fill)
            return false;
        value = value << 8 | field[i];
    }
    bool top = value >> 63;
    if (top != negative)
        return false;
    *ret = (int64_t)value;
    return true;
}

bool jp_tar_number(const unsigned char *field, size_t len, bool may_be_negative, int64_t *ret)
{
    if (field[0] & 0x80)
        return base256(field, len, may_be_negative, ret);
    size_t i = 0;
    while (i < len && field[i] == ' ')
        i++;
    uint64_t value = 0;
    for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
        value = value << 3 | (uint64_t)(field[i] - '0'); /* 12 digits are 36 bits */
    for (; i < len; i++) {
        if (field[i] != '\0' && field[i] != ' ')
            return false;
    }
    *ret = (int64_t)value;
    return true;
}

bool jp_tar_checksum_ok(const unsigned char *block)
{
    int64_t want = 0;
    if (!jp_tar_number(block + JP_TAR_AT_CHECKSUM, 8, false, &want))
        return false;
    int64_t plain = 0;
    int64_t with_sign = 0;
    for (size_t i = 0; i < JP_TAR_BLOCK; i++) {
        bool own = i >= JP_TAR_AT_CHECKSUM && i < JP_TAR_AT_CHECKSUM + 8;
        unsigned char c = own ? ' ' : block[i];
        plain += c;
        with_sign += (signed char)c;
    }
    return want == plain || want == with_sign;
}

static int format_of(const unsigned char *block, enum jp_tar_format *ret, struct jp_error *err)
{
    const unsigned char *magic = block + JP_TAR_AT_MAGIC;
    if (memcmp(magic, "ustar  ", 8) == 0)
        *ret = JP_TAR_GNU;
    else if (memcmp(magic, "ustar", 6) == 0)
        *ret = JP_TAR_USTAR;
    else if (jp_tar_is_zero(magic, 8))
        *ret = JP_TAR_V7;
    else
        return jp_fail(err, JP_EINVALID, 0, "a tar header with unknown magic");
    /* xstar puts times where ustar has the end of the prefix: two readers, two names. */
    if (*ret == JP_TAR_USTAR && memcmp(block + JP_TAR_AT_STAR_MAGIC, "tar", 4) == 0)
        return jp_fail(err, JP_EINVALID, 0, "a header of star's own format");
    return 0;
}

static void copy_field(char *to, const unsigned char *field, size_t len)
{
    size_t used = strnlen((const char *)field, len);
    memcpy(to, field, used);
    to[used] = '\0';
}

static void join_name(const unsigned char *block, struct jp_tar_header *h)
{
    size_t used = 0;
    if (h->format == JP_TAR_USTAR && block[JP_TAR_AT_PREFIX]) {
        copy_field(h->name, block + JP_TAR_AT_PREFIX, 155);
        used = strlen(h->name);
        h->name[used++] = '/';
    }
    copy_field(h->name + used, block + JP_TAR_AT_NAME, 100);
}

struct field {
    const char *name;
    size_t at;
    size_t len;
    int64_t max;
};

static int parse_numbers(const unsigned char *block, struct jp_tar_header *h, struct jp_error *err)
{
    /* Owners end at 2^32 - 2: the last one means "nobody" to chown(2) (row 33). */
    static const struct field fields[] = {
        {"mode", JP_TAR_AT_MODE, 8, 0177777},
        {"owner", JP_TAR_AT_UID, 8, (int64_t)UINT32_MAX - 1},
        {"group", JP_TAR_AT_GID, 8, (int64_t)UINT32_MAX - 1},
        {"size", JP_TAR_AT_SIZE, 12, INT64_MAX},
    };
    int64_t values[JP_LEN(fields)];
    for (size_t i = 0; i < JP_LEN(fields); i++) {
        const struct field *f = &fields[i];
        if (!jp_tar_number(block + f->at, f->len, false, &values[i]) || values[i] > f->max)
            return jp_fail(err, JP_EINVALID, 0, "the %s field is not a valid number", f->name);
    }
    h->mode = (mode_t)values[0] & 07777;
    h->uid = (uint64_t)values[1];
    h->gid = (uint64_t)values[2];
    h->size = (uint64_t)values[3];
    if (!jp_tar_number(block + JP_TAR_AT_MTIME, 12, true, &h->mtime))
        return jp_fail(err, JP_EINVALID, 0, "the time field is not a valid number");
    return 0;
}

static int parse_device(const unsigned char *block, struct jp_tar_header *h, struct jp_error *err)
{
    int64_t numbers[2] = {0, 0};
    if (h->format == JP_TAR_V7 || !jp_tar_number(block + JP_TAR_AT_MAJOR, 8, false, &numbers[0]) ||
        !jp_tar_number(block + JP_TAR_AT_MINOR, 8, false, &numbers[1]))
        return jp_fail(err, JP_EINVALID, 0, "a device without a valid number");
    h->major = (uint64_t)numbers[0];
    h->minor = (uint64_t)numbers[1];
    return 0;
}

int jp_tar_header_parse(const unsigned char *block, struct jp_tar_header *ret, struct jp_error *err)
{
    struct jp_tar_header h = {.type = (char)block[JP_TAR_AT_TYPE]};
    if (!jp_tar_checksum_ok(block))
        return jp_fail(err, JP_EINVALID, 0, "the checksum of a tar header is wrong");
    if (format_of(block, &h.format, err) != 0 || parse_numbers(block, &h, err) != 0)
        return -1;
    if (h.type == '\0')
        h.type = '0';
    if ((h.type == '3' || h.type == '4') && parse_device(block, &h, err) != 0)
        return -1;
    join_name(block, &h);
    copy_field(h.link, block + JP_TAR_AT_LINK, 100);
    *ret = h;
    return 0;
}
