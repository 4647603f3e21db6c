#include "image/tar_write.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "image/tar_header.h"

#define OCTAL_7  UINT64_C(07777777)     /* what seven digits hold */
#define OCTAL_11 UINT64_C(077777777777) /* and eleven */

/* "LEN key=value\n", where LEN counts itself. */
static void record(struct jp_buf *out, const char *key, const void *value, size_t len)
{
    size_t rest = 1 + strlen(key) + 1 + len + 1;
    size_t total = rest + 1;
    char digits[24];
    for (;;) {
        size_t n = (size_t)snprintf(digits, sizeof(digits), "%zu", total);
        if (n + rest == total)
            break;
        total = n + rest;
    }
    jp_buf_printf(out, "%s %s=", digits, key);
    jp_buf_add(out, value, len);
    jp_buf_putc(out, '\n');
}

static void record_number(struct jp_buf *out, const char *key, uint64_t value)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    record(out, key, text, (size_t)n);
}

static void record_time(struct jp_buf *out, const char *key, const struct timespec *t)
{
    char text[48];
    int64_t seconds = t->tv_sec;
    long ns = t->tv_nsec;
    const char *sign = seconds < 0 ? "-" : "";
    if (seconds < 0 && ns > 0) { /* -1.5 s is kept as -2 s and half a second */
        seconds++;
        ns = 1000000000 - ns;
    }
    int n = snprintf(text, sizeof(text), "%s%llu.%09ld", sign,
                     (unsigned long long)(seconds < 0 ? -seconds : seconds), ns);
    record(out, key, text, (size_t)n);
}

static void sparse_map(struct jp_buf *out, const struct jp_tar_entry *e)
{
    static const char zeros[JP_TAR_BLOCK];
    size_t start = out->len;
    jp_buf_printf(out, "%zu\n", e->n_extents);
    for (size_t i = 0; i < e->n_extents; i++)
        jp_buf_printf(out, "%llu\n%llu\n", (unsigned long long)e->extents[i].offset,
                      (unsigned long long)e->extents[i].len);
    jp_buf_add(out, zeros, (size_t)(-(out->len - start) % JP_TAR_BLOCK));
}

static void records(struct jp_buf *out, const struct jp_tar_entry *e, const char *path,
                    uint64_t size)
{
    if (strlen(path) > 100)
        record(out, "path", path, strlen(path));
    if (e->link && strlen(e->link) > 100)
        record(out, "linkpath", e->link, strlen(e->link));
    if (size > OCTAL_11)
        record_number(out, "size", size);
    if (e->uid > OCTAL_7)
        record_number(out, "uid", e->uid);
    if (e->gid > OCTAL_7)
        record_number(out, "gid", e->gid);
    if (e->mtime.tv_nsec || e->mtime.tv_sec < 0 || (uint64_t)e->mtime.tv_sec > OCTAL_11)
        record_time(out, "mtime", &e->mtime);
    if (e->atime.tv_nsec != UTIME_OMIT)
        record_time(out, "atime", &e->atime);
    if (e->flags)
        record(out, "SCHILY.fflags", e->flags, strlen(e->flags));
    if (e->is_sparse) {
        record(out, "GNU.sparse.major", "1", 1);
        record(out, "GNU.sparse.minor", "0", 1);
        record_number(out, "GNU.sparse.realsize", e->size);
    }
    for (size_t i = 0; i < e->n_xattrs; i++) {
        char key[300];
        (void)snprintf(key, sizeof(key), "SCHILY.xattr.%s", e->xattrs[i].name);
        record(out, key, e->xattrs[i].value, e->xattrs[i].len);
    }
}

static void octal(unsigned char *field, size_t len, uint64_t value)
{
    for (size_t i = len - 1; i-- > 0; value >>= 3)
        field[i] = (unsigned char)('0' + (value & 7));
}

/* What does not fit into a field is said by a pax record; the field is then 0. */
static void header(unsigned char *block, char type, const char *path, uint64_t size)
{
    memset(block, 0, JP_TAR_BLOCK);
    size_t len = strlen(path);
    memcpy(block, path, len < 100 ? len : 100);
    memcpy(block + JP_TAR_AT_MAGIC, "ustar\00000", 8);
    block[JP_TAR_AT_TYPE] = (unsigned char)type;
    octal(block + JP_TAR_AT_MODE, 8, 0644);
    octal(block + JP_TAR_AT_UID, 8, 0);
    octal(block + JP_TAR_AT_GID, 8, 0);
    octal(block + JP_TAR_AT_SIZE, 12, size <= OCTAL_11 ? size : 0);
    octal(block + JP_TAR_AT_MTIME, 12, 0);
    octal(block + JP_TAR_AT_MAJOR, 8, 0);
    octal(block + JP_TAR_AT_MINOR, 8, 0);
}

static void add_block(struct jp_buf *out, unsigned char *block)
{
    uint64_t sum = 0;
    memset(block + JP_TAR_AT_CHECKSUM, ' ', 8);
    for (size_t i = 0; i < JP_TAR_BLOCK; i++)
        sum += block[i];
    octal(block + JP_TAR_AT_CHECKSUM, 7, sum);
    block[JP_TAR_AT_CHECKSUM + 6] = '\0';
    jp_buf_add(out, block, JP_TAR_BLOCK);
}

static void metadata(unsigned char *block, const struct jp_tar_entry *e)
{
    octal(block + JP_TAR_AT_MODE, 8, e->mode);
    octal(block + JP_TAR_AT_UID, 8, e->uid <= OCTAL_7 ? e->uid : 0);
    octal(block + JP_TAR_AT_GID, 8, e->gid <= OCTAL_7 ? e->gid : 0);
    if (e->mtime.tv_sec >= 0 && (uint64_t)e->mtime.tv_sec <= OCTAL_11)
        octal(block + JP_TAR_AT_MTIME, 12, (uint64_t)e->mtime.tv_sec);
    if (e->link) {
        size_t len = strlen(e->link);
        memcpy(block + JP_TAR_AT_LINK, e->link, len < 100 ? len : 100);
    }
    octal(block + JP_TAR_AT_MAJOR, 8, e->major);
    octal(block + JP_TAR_AT_MINOR, 8, e->minor);
}

int jp_tar_write_entry(struct jp_buf *out, const struct jp_tar_entry *e, struct jp_error *err)
{
    static const char types[] = {
        [JP_TAR_FILE] = '0',         [JP_TAR_DIR] = '5',  [JP_TAR_SYMLINK] = '2',
        [JP_TAR_HARDLINK] = '1',     [JP_TAR_CHAR] = '3', [JP_TAR_FIFO] = '6',
        [JP_TAR_BLOCK_DEVICE] = '4',
    };
    static const char zeros[JP_TAR_BLOCK];
    unsigned char block[JP_TAR_BLOCK];
    JP_AUTO(jp_buf) pax = JP_BUF_INIT;
    JP_AUTO(jp_buf) map = JP_BUF_INIT;
    JP_AUTO(jp_buf) path = JP_BUF_INIT;
    if (e->major > OCTAL_7 || e->minor > OCTAL_7)
        return jp_fail(err, JP_EINVALID, 0, "a device number that does not fit a tar");
    if (e->is_sparse)
        sparse_map(&map, e);
    jp_buf_puts(&path, e->path);
    if (e->type == JP_TAR_DIR)
        jp_buf_putc(&path, '/');
    uint64_t size = e->stored + map.len;
    records(&pax, e, jp_buf_text(&path), size);
    if (pax.len > JP_TAR_PAX_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "too many attributes");
    if (pax.len > 0) {
        header(block, 'x', "pax", pax.len);
        add_block(out, block);
        jp_buf_add(out, jp_buf_text(&pax), pax.len);
        jp_buf_add(out, zeros, (size_t)(-pax.len % JP_TAR_BLOCK));
    }
    header(block, types[e->type], jp_buf_text(&path), size);
    metadata(block, e);
    add_block(out, block);
    jp_buf_add(out, jp_buf_text(&map), map.len);
    if (jp_buf_failed(&pax) || jp_buf_failed(&map) || jp_buf_failed(&path) || jp_buf_failed(out))
        return jp_oom(err);
    return 0;
}

int jp_tar_write_own(struct jp_buf *out, enum jp_tar_type type, const char *path, mode_t mode,
                     uint64_t size, struct jp_error *err)
{
    const struct jp_tar_entry entry = {
        .type = type,
        .path = (char *)(uintptr_t)path,
        .mode = mode,
        .atime = {.tv_nsec = UTIME_OMIT},
        .size = size,
        .stored = size,
    };
    return jp_tar_write_entry(out, &entry, err);
}
