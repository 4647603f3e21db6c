/*
 * Every archive of cases.c against the importer with a real store: refused ones fail with their
 * reason and leave store and canary as they were; the others are imported, verified, exported bit
 * for bit and destroyed. Then what concerns whole streams: prefixes, flipped bits, compressions.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <fcntl.h>
#include <lzma.h>
#include <signal.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"
#include "hostile/cases.h"
#include "image/compress.h"
#include "image/image.h"
#include "store/store.h"
#include "sys/fd.h"
#include "sys/tree.h"
#include "tap.h"

static struct jp_store *store;
static char top[] = "/tmp/jetpack-hostile-XXXXXX";
static char canary[64];
static char root[64];

/* ---- the canary and the store ---------------------------------------------------------------- */

struct state {
    struct stat dir, file;
    char content[32];
};

static struct state canary_state(void)
{
    struct state s;
    char path[96];
    memset(&s, 0, sizeof(s));
    (void)snprintf(path, sizeof(path), "%s/file", canary);
    int fd = open(path, O_RDONLY);
    if (stat(canary, &s.dir) != 0 || fd < 0 || fstat(fd, &s.file) != 0 ||
        read(fd, s.content, sizeof(s.content)) < 0)
        memset(&s, 0, sizeof(s));
    close(fd);
    return s;
}

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
           a->st_nlink == b->st_nlink && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool canary_is(const struct state *before)
{
    struct state now = canary_state();
    return before->dir.st_ino && same(&now.dir, &before->dir) && same(&now.file, &before->file) &&
           memcmp(now.content, before->content, sizeof(now.content)) == 0;
}

static size_t count_names(const char *below)
{
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/%s", root, below);
    DIR *dir = opendir(path);
    size_t count = 0;
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count - 2;
}

static bool store_is_empty(void)
{
    struct jp_store_images images = {0};
    int r = jp_store_image_list(store, NULL, &images, NULL);
    size_t count = images.count;
    jp_store_images_clear(&images);
    return r == 0 && count == 0 && count_names("images") == 0 && count_names("tmp") == 0;
}

/* ---- one archive ----------------------------------------------------------------------------- */

static int as_file(const void *bytes, size_t len)
{
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/archive", top);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    (void)jp_fd_write_all(fd, bytes, len, "archive", NULL);
    (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

static int import_with(const void *bytes, size_t len, struct jp_image_import_options *options,
                       struct jp_image_imported *ret, struct jp_error *err)
{
    JP_AUTO_FD int fd = as_file(bytes, len);
    options->fd = fd;
    options->source_name = "archive";
    return jp_image_import(store, options, ret, err);
}

static bool refuses_with(const void *bytes, size_t len, struct jp_image_import_options *options,
                         const char *reason)
{
    struct state before = canary_state();
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_image_imported) imported = {.id = NULL};
    int r = import_with(bytes, len, options, &imported, &err);
    const char *text = jp_error_text(&err);
    bool is_good = r == -1 && strstr(text, reason) && !strchr(text, '\n') && store_is_empty() &&
                   canary_is(&before);
    if (!is_good)
        printf("# returned %d, said: %s\n", r, r ? text : "nothing");
    if (r == 0)
        (void)jp_store_image_destroy(store, imported.id, NULL);
    return is_good;
}

static bool refuses(const void *bytes, size_t len, const char *reason)
{
    struct jp_image_import_options options = {.fd = -1};
    return refuses_with(bytes, len, &options, reason);
}

static void say_difference(void *context, const char *path, const char *what)
{
    (void)context;
    printf("# %s: %s\n", path, what);
}

/* Export gives `tar` again. */
static bool exports(const char *id, const struct jp_buf *tar, struct jp_error *err)
{
    JP_AUTO(jp_buf) back = JP_BUF_INIT;
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/exported", top);
    struct jp_image_export_options options = {.id = id, .path = path};
    if (jp_image_export(store, &options, err) != 0 ||
        jp_file_read(AT_FDCWD, path, 1U << 30, &back, err) != 0)
        return false;
    return back.len == tar->len && memcmp(back.data, tar->data, tar->len) == 0;
}

static bool is_beyond; /* what was not taken is nothing that this file system has */

/* `bytes` is `tar`, perhaps compressed. */
static bool takes(const void *bytes, size_t len, const struct jp_buf *tar)
{
    struct state before = canary_state();
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_image_imported) imported = {.id = NULL};
    struct jp_image_import_options options = {.fd = -1};
    uint64_t differences = 1;
    if (import_with(bytes, len, &options, &imported, &err) != 0) {
        printf("# said: %s\n", jp_error_text(&err));
        is_beyond = err.sys == EOPNOTSUPP && store_is_empty() && canary_is(&before);
        return false;
    }
    struct jp_image_verify_options verify = {.id = imported.id, .difference = say_difference};
    bool is_good = jp_image_verify(store, &verify, &differences, &err) == 0 && differences == 0 &&
                   exports(imported.id, tar, &err);
    if (jp_store_image_destroy(store, imported.id, &err) != 0)
        is_good = false;
    if (!is_good)
        printf("# %llu differences; %s\n", (unsigned long long)differences, jp_error_text(&err));
    return is_good && store_is_empty() && canary_is(&before);
}

static void build(const struct archive_case *c, struct jp_buf *out)
{
    if (c->build) {
        c->build(out);
        return;
    }
    if (!c->is_bare) {
        raw_add(out, &(struct raw){.name = "manifest", .data = RAW_MANIFEST});
        raw_add(out, &(struct raw){.name = "rootfs/", .type = '5'});
    }
    for (size_t i = 0; i < CASE_MEMBERS && c->members[i].name; i++)
        raw_add(out, &c->members[i]);
    raw_end(out);
}

static void test_cases(void)
{
    for (size_t i = 0; i < n_archive_cases; i++) {
        const struct archive_case *c = &archive_cases[i];
        JP_AUTO(jp_buf) tar = JP_BUF_INIT;
        build(c, &tar);
        is_beyond = false;
        bool is_taken = (!c->refused || c->may_hold) && takes(tar.data, tar.len, &tar);
        if (is_beyond)
            tap_skip(c->what, "not here: this file system has no such attributes");
        else if (c->refused)
            TAP_OK(is_taken || refuses(tar.data, tar.len, c->refused), "row %d: refused: %s",
                   c->row, c->what);
        else
            TAP_OK(is_taken, "row %d: taken: %s", c->row, c->what);
    }
}

/* ---- whole streams --------------------------------------------------------------------------- */

/* A small image that has one of everything. */
static void good_tar(struct jp_buf *out)
{
    static const struct raw members[] = {
        {.name = "manifest", .data = RAW_MANIFEST},
        {.name = "rootfs/", .type = '5'},
        {.name = "rootfs/etc/", .type = '5'},
        {.name = "rootfs/etc/motd", .data = "hello\n", .pax = "mtime=1.5"},
        {.name = "rootfs/link", .type = '2', .link = "etc/motd"},
        {.name = "rootfs/hard", .type = '1', .link = "rootfs/etc/motd"},
    };
    for (size_t i = 0; i < JP_LEN(members); i++)
        raw_add(out, &members[i]);
    raw_end(out);
}

static void compressed(enum jp_compression kind, const void *bytes, size_t len, struct jp_buf *out)
{
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/compressed", top);
    JP_AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    JP_AUTO_PTR(jp_compressor) c = NULL;
    if (jp_compressor_open(kind, fd, &c, NULL) != 0 ||
        jp_compressor_add(c, bytes, len, NULL) != 0 || jp_compressor_finish(c, NULL) != 0 ||
        lseek(fd, 0, SEEK_SET) != 0 || jp_fd_read_all(fd, 1U << 30, "it", out, NULL) != 0)
        printf("# could not compress\n");
}

static void test_prefixes(const struct jp_buf *bytes, size_t step, const char *what)
{
    size_t bad = 0;
    for (size_t len = 0; len < bytes->len; len += step)
        bad += !refuses(bytes->data, len, "archive");
    TAP_OK(bad == 0, "row 37: every prefix of a %s archive fails", what);
}

/* What a flip may do at most: nothing (a field of gzip's header that says nothing). */
static void test_flips(enum jp_compression kind, const struct jp_buf *tar)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    size_t bad = 0;
    compressed(kind, tar->data, tar->len, &bytes);
    for (size_t i = 0; i < bytes.len * 8; i += 3) {
        JP_AUTO(jp_image_imported) imported = {.id = NULL};
        struct jp_image_import_options options = {.not_durable = true};
        bytes.data[i / 8] = (char)(bytes.data[i / 8] ^ (1 << (i % 8)));
        if (import_with(bytes.data, bytes.len, &options, &imported, NULL) == 0) {
            JP_AUTO(jp_error) err = JP_ERROR_INIT;
            bad += !exports(imported.id, tar, &err);
            (void)jp_store_image_destroy(store, imported.id, NULL);
        }
        bytes.data[i / 8] = (char)(bytes.data[i / 8] ^ (1 << (i % 8)));
    }
    TAP_OK(bad == 0 && store_is_empty(), "row 37: no flipped bit in %s gives another image",
           jp_compression_name(kind));
}

static void test_compressions(const struct jp_buf *tar)
{
    for (enum jp_compression i = JP_COMPRESSION_GZIP; i < JP_COMPRESSION_MAX; i++) {
        const char *name = jp_compression_name(i);
        JP_AUTO(jp_buf) one = JP_BUF_INIT;
        JP_AUTO(jp_buf) two = JP_BUF_INIT;
        compressed(i, tar->data, tar->len, &one);
        TAP_OK(takes(one.data, one.len, tar), "row 35: taken: %s", name);
        test_prefixes(&one, 7, name);
        test_flips(i, tar);
        compressed(i, tar->data, 700, &two);
        JP_AUTO(jp_buf) rest = JP_BUF_INIT;
        compressed(i, tar->data + 700, tar->len - 700, &rest);
        jp_buf_add(&two, rest.data, rest.len);
        TAP_OK(takes(two.data, two.len, tar), "row 37: taken: two %s streams that make one tar",
               name);
        jp_buf_puts(&two, "garbage");
        TAP_OK(refuses(two.data, two.len, name), "row 37: refused: garbage after %s", name);
        JP_AUTO(jp_buf) more = JP_BUF_INIT;
        jp_buf_add(&more, one.data, one.len);
        jp_buf_add(&more, one.data, one.len / 2);
        TAP_OK(refuses(more.data, more.len, "archive"), "row 37: refused: half a %s stream more",
               name);
        for (enum jp_compression k = JP_COMPRESSION_GZIP; k < JP_COMPRESSION_MAX; k++) {
            JP_AUTO(jp_buf) inner = JP_BUF_INIT;
            JP_AUTO(jp_buf) outer = JP_BUF_INIT;
            compressed(k, tar->data, tar->len, &inner);
            compressed(i, inner.data, inner.len, &outer);
            TAP_OK(refuses(outer.data, outer.len, "inside"), "row 35: refused: %s in %s",
                   jp_compression_name(k), name);
        }
    }
}

static void test_gzip(const struct jp_buf *tar)
{
    static const char zeros[1000];
    JP_AUTO(jp_buf) gzip = JP_BUF_INIT;
    compressed(JP_COMPRESSION_GZIP, tar->data, tar->len, &gzip);
    size_t len = gzip.len;
    gzip.data[len - 5] ^= 1;
    TAP_OK(refuses(gzip.data, len, "CRC"), "row 37: refused: a wrong CRC in gzip's trailer");
    gzip.data[len - 5] ^= 1;
    gzip.data[len - 1] ^= 1;
    TAP_OK(refuses(gzip.data, len, "length"), "row 37: refused: a wrong length in gzip's trailer");
    gzip.data[len - 1] ^= 1;
    jp_buf_add(&gzip, zeros, sizeof(zeros));
    TAP_OK(takes(gzip.data, gzip.len, tar), "row 37: taken: zeros after gzip");
    jp_buf_puts(&gzip, "\x1f\x8b");
    TAP_OK(refuses(gzip.data, gzip.len, "follows"), "row 37: refused: a stream after the zeros");

    /* All optional fields, in many tiny members: fields and members meet every border. */
    JP_AUTO(jp_buf) many = JP_BUF_INIT;
    for (size_t at = 0; at < tar->len; at += 61) {
        size_t n = tar->len - at < 61 ? tar->len - at : 61;
        unsigned char out[256];
        gz_header header = {.extra = (Bytef *)"ab",
                            .extra_len = 2,
                            .name = (Bytef *)"name",
                            .comment = (Bytef *)"comment",
                            .hcrc = 1};
        z_stream z = {.next_in = (Bytef *)tar->data + at,
                      .avail_in = (uInt)n,
                      .next_out = out,
                      .avail_out = sizeof(out)};
        (void)deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
        (void)deflateSetHeader(&z, &header);
        (void)deflate(&z, Z_FINISH);
        jp_buf_add(&many, out, z.total_out);
        (void)deflateEnd(&z);
    }
    TAP_OK(takes(many.data, many.len, tar), "row 37: taken: gzip of many members, all fields");
}

/* xz that wants a dictionary of 4 GiB: the byte in the block's header is changed, and its CRC. */
static void test_xz_dictionary(const struct jp_buf *tar)
{
    JP_AUTO(jp_buf) xz = JP_BUF_INIT;
    compressed(JP_COMPRESSION_XZ, tar->data, tar->len, &xz);
    unsigned char *header = (unsigned char *)xz.data + 12;
    size_t size = ((size_t)header[0] + 1) * 4;
    for (size_t i = 2; i + 2 < size; i++) {
        if (header[i] == 0x21 && header[i + 1] == 1) {
            header[i + 2] = 40;
            break;
        }
    }
    uint32_t crc = lzma_crc32(header, size - 4, 0);
    for (size_t i = 0; i < 4; i++)
        header[size - 4 + i] = (unsigned char)(crc >> (8 * i));
    TAP_OK(refuses(xz.data, xz.len, "memory"), "row 35: refused: xz with a dictionary of 4 GiB");
}

/*
 * xz in blocks that are decoded beside each other: megabytes go in before anything comes out, which
 * must not count as being stuck.
 */
static void test_xz_blocks(void)
{
    JP_AUTO(jp_buf) tar = JP_BUF_INIT;
    size_t len = 12U << 20;
    uint32_t noise = 1;
    lzma_mt options = {.threads = 2, .block_size = 4U << 20, .check = LZMA_CHECK_CRC32};
    lzma_stream z = LZMA_STREAM_INIT;
    JP_AUTO_FREE char *content = jp_alloc(len);
    JP_AUTO_FREE unsigned char *out = jp_alloc(2 * len);
    if (!content || !out || lzma_stream_encoder_mt(&z, &options) != LZMA_OK)
        return;
    for (size_t i = 0; i < len; i++) {
        noise = noise * 1664525U + 1013904223U;
        content[i] = (char)(unsigned char)(noise >> 24);
    }
    raw_add(&tar, &(struct raw){.name = "manifest", .data = RAW_MANIFEST});
    raw_add(&tar, &(struct raw){.name = "rootfs/", .type = '5'});
    raw_header(&tar, &(struct raw){.name = "rootfs/noise"}, len);
    raw_content(&tar, content, len);
    raw_end(&tar);
    z.next_in = (const unsigned char *)tar.data;
    z.avail_in = tar.len;
    z.next_out = out;
    z.avail_out = 2 * len;
    while (lzma_code(&z, LZMA_FINISH) == LZMA_OK)
        continue;
    TAP_OK(takes(out, (size_t)z.total_out, &tar), "row 35: taken: xz in several blocks");
    lzma_end(&z);
}

static void test_formats(void)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *name;
    } formats[] = {
        {"PK\3\4 0123456789", 14, "zip"},
        {"7z\xbc\xaf\x27\x1c 0123", 11, "7-zip"},
        {"Rar!\x1a\7\1\0", 8, "rar"},
        {"070701000000", 12, "cpio"},
        {"\xc7\x71 0123", 7, "cpio"},
        {"!<arch>\ndebian", 14, "ar"},
        {"#mtree\n", 7, "mtree"},
        {"\x1f\x9d\x90", 3, "compress"},
        {"LZIP\1", 5, "lzip"},
        {"\x5d\0\0\x80\0", 5, "lzma"},
        {"\x04\x22\x4d\x18", 4, "lz4"},
        {"", 0, "empty"},
        {"just some text, raw", 19, "not"},
        {"-----BEGIN PGP MESSAGE-----", 27, "PGP"},
    };
    for (size_t i = 0; i < JP_LEN(formats); i++) {
        struct jp_buf padded = JP_BUF_INIT;
        static const char fill[4096] = "x";
        TAP_OK(refuses(formats[i].bytes, formats[i].len, formats[i].name), "row 35: refused: %s",
               formats[i].name);
        jp_buf_add(&padded, formats[i].bytes, formats[i].len);
        jp_buf_add(&padded, fill, sizeof(fill));
        TAP_OK(refuses(padded.data, padded.len, "not a tar"), "row 35: refused: %s, longer",
               formats[i].name);
        jp_buf_clear(&padded);
    }
    /* ISO 9660 says what it is at 32 KiB; before that are zeros, like an empty tar. */
    struct jp_buf iso = JP_BUF_INIT;
    static const char zeros[32768];
    jp_buf_add(&iso, zeros, sizeof(zeros));
    jp_buf_puts(&iso, "\1CD001\1");
    TAP_OK(refuses(iso.data, iso.len, "something follows"), "row 35: refused: iso");
    jp_buf_clear(&iso);
}

/* A hundred gigabytes of zeros in a few kilobytes of zstd, ended by a limit. */
static void test_limits(const struct jp_buf *tar)
{
    struct jp_image_import_options few = {.limits = {.entries = 3}};
    struct jp_image_import_options small = {.limits = {.unpacked_bytes = 4096 + 5}};
    struct jp_image_import_options narrow = {.limits = {.manifest_bytes = 5}};
    TAP_OK(refuses_with(tar->data, tar->len, &few, "more than 3 entries"),
           "row 35: refused: more entries than allowed");
    TAP_OK(refuses_with(tar->data, tar->len, &small, "larger than 4101 bytes"),
           "row 35: refused: more bytes than allowed");
    TAP_OK(refuses_with(tar->data, tar->len, &narrow, "larger than 5 bytes"),
           "row 35: refused: a larger manifest than allowed");
    JP_AUTO(jp_buf) bomb = JP_BUF_INIT;
    JP_AUTO(jp_buf) zstd = JP_BUF_INIT;
    raw_add(&bomb, &(struct raw){.name = "manifest", .data = RAW_MANIFEST});
    raw_add(&bomb, &(struct raw){.name = "rootfs/", .type = '5'});
    raw_header(&bomb, &(struct raw){.name = "rootfs/x", .size = "77777777777"}, 0);
    raw_header(&bomb, &(struct raw){.name = "rootfs/x"}, 0);
    compressed(JP_COMPRESSION_ZSTD, bomb.data, bomb.len, &zstd);
    struct jp_image_import_options gigabyte = {.limits = {.unpacked_bytes = 1U << 30}};
    TAP_OK(refuses_with(zstd.data, zstd.len, &gigabyte, "larger than"),
           "row 35: refused before it is written: a file beyond the limit");
}

static void test_expectations(const struct jp_buf *tar)
{
    struct jp_store_label label = {.name = (char *)"version", .value = (char *)"1"};
    struct jp_image_import_options name = {.expected_name = "example.com/other"};
    struct jp_image_import_options labels = {.expected_labels = &label, .n_expected_labels = 1};
    struct jp_image_import_options id = {.expected_id = "sha512-00"};
    volatile sig_atomic_t one = 1;
    struct jp_image_import_options cancelled = {.watch = {.cancel = &one}};
    TAP_OK(refuses_with(tar->data, tar->len, &name, "expected 'example.com/other'"),
           "row 40: refused: an image of another name");
    TAP_OK(refuses_with(tar->data, tar->len, &labels, "the label 'version'"),
           "row 40: refused: an image with another label");
    TAP_OK(refuses_with(tar->data, tar->len, &id, "the image id is"),
           "row 40: refused: an image with another id");
    TAP_OK(refuses_with(tar->data, tar->len, &cancelled, "interrupted"), "cancelled: nothing left");
}

/* ROOTFS.tar MANIFEST: twice the same id, whatever the compression. */
static void test_assembled(void)
{
    JP_AUTO(jp_buf) tar = JP_BUF_INIT;
    JP_AUTO(jp_buf) gzip = JP_BUF_INIT;
    JP_AUTO(jp_image_imported) first = {.id = NULL};
    JP_AUTO(jp_image_imported) second = {.id = NULL};
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_image_import_options options = {.manifest = RAW_MANIFEST,
                                              .manifest_len = strlen(RAW_MANIFEST)};
    raw_add(&tar, &(struct raw){.name = "./", .type = '5', .mode = "0000750"});
    raw_add(&tar, &(struct raw){.name = "./a", .data = "a", .pax = "mtime=-1.25\1uid=4000000000"});
    raw_add(&tar, &(struct raw){.name = "./b", .type = '1', .link = "./a"});
    raw_add(&tar, &(struct raw){.name = "./c", .type = '2', .link = "/a"});
    raw_end(&tar);
    compressed(JP_COMPRESSION_GZIP, tar.data, tar.len, &gzip);
    uint64_t differences = 1;
    TAP_OK(import_with(tar.data, tar.len, &options, &first, &err) == 0, "ROOTFS.tar MANIFEST");
    struct jp_image_verify_options verify = {.id = first.id, .difference = say_difference};
    TAP_OK(first.id && jp_image_verify(store, &verify, &differences, &err) == 0 && !differences,
           "ROOTFS.tar MANIFEST: verified");
    TAP_OK(import_with(gzip.data, gzip.len, &options, &second, &err) == 0 && second.was_here &&
               strcmp(first.id, second.id) == 0,
           "ROOTFS.tar.gz MANIFEST: the same id, here already");
    if (err.msg)
        printf("# %s\n", err.msg);
    (void)jp_store_image_destroy(store, first.id, NULL);
    options.manifest = "{}";
    options.manifest_len = 2;
    TAP_OK(refuses_with(tar.data, tar.len, &options, "manifest"),
           "ROOTFS.tar MANIFEST: refused: a manifest that is none");
}

/* ---- verify names what differs --------------------------------------------------------------- */

struct expected {
    const char *path;
    const char *what;
    bool is_found;
};

static void note(void *context, const char *path, const char *what)
{
    struct expected *e = context;
    if (strcmp(path, e->path) == 0 && strstr(what, e->what))
        e->is_found = true;
    else
        printf("# also: %s: %s\n", path, what);
}

static void spoil_and_verify(const char *command, const char *path, const char *what)
{
    JP_AUTO(jp_buf) tar = JP_BUF_INIT;
    JP_AUTO(jp_image_imported) imported = {.id = NULL};
    struct jp_image_import_options options = {.not_durable = true};
    struct expected e = {.path = path, .what = what};
    uint64_t differences = 0;
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
    good_tar(&tar);
    if (import_with(tar.data, tar.len, &options, &imported, NULL) != 0)
        return;
    char *rootfs = jp_format("%s/images/%s/rootfs", root, imported.id);
    pid_t pid = fork();
    if (pid == 0) {
        if (chdir(rootfs) != 0)
            _exit(1);
        execv("/bin/sh", argv);
        _exit(1);
    }
    int status = 1;
    (void)waitpid(pid, &status, 0);
    free(rootfs);
    struct jp_image_verify_options verify = {
        .id = imported.id, .difference = note, .watch = {.context = &e}};
    int r = jp_image_verify(store, &verify, &differences, NULL);
    TAP_OK(status == 0 && r == 0 && differences >= 1 && e.is_found, "verify after '%s': %s: %s",
           command, path, what);
    (void)jp_store_image_destroy(store, imported.id, NULL);
}

static void test_verify(void)
{
    spoil_and_verify("printf HELLO | dd of=etc/motd conv=notrunc 2>/dev/null", "rootfs/etc/motd",
                     "content differs");
    spoil_and_verify("echo more >>etc/motd", "rootfs/etc/motd", "size differs");
    spoil_and_verify("rm etc/motd hard", "rootfs/etc/motd", "missing");
    spoil_and_verify("rm etc/motd; mkdir etc/motd", "rootfs/etc/motd", "not a file");
    spoil_and_verify("rm link", "rootfs/link", "missing");
    spoil_and_verify("ln -sf other link", "rootfs/link", "target");
    spoil_and_verify("cp -p hard h; mv h hard", "rootfs/hard", "same file");
    spoil_and_verify("chmod 4755 etc/motd", "rootfs/etc/motd", "mode is 4755");
    spoil_and_verify("chown 7 etc", "rootfs/etc", "owner is 7:0");
    spoil_and_verify("touch etc", "rootfs/etc", "modification time");
    spoil_and_verify("touch etc/extra", "rootfs/etc/extra", "extra");
    spoil_and_verify("mkdir -p d/e/f", "rootfs/d", "extra");
    spoil_and_verify("chmod 700 .", "rootfs", "mode is 0700");
    spoil_and_verify("echo >>../manifest", "manifest", "size differs");
    if (system("command -v setfattr >/dev/null") == 0) /* NOLINT(cert-env33-c): our own words */
        spoil_and_verify("setfattr -n user.a -v b etc/motd", "rootfs/etc/motd",
                         "'user.a' is extra");
    else
        tap_skip("an attribute more", "not here: no setfattr");
}

/* ---- somebody else at work below tmp/ ----------------------------------------------------------
 */

#define RACED_FILES   300
#define MAX_IMPORTS   2000 /* until the race was met often enough: some ten are */
#define RACES_TO_MEET 5
#define SWAPS         500 /* in one image; what an import that failed left behind may stay for long */

/* rootfs/d of whatever images are in the making becomes a link to the canary and back, for ever. */
static void race(void)
{
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/tmp", root);
    for (;;) {
        DIR *dir = opendir(path);
        struct dirent *entry;
        while (dir && (entry = readdir(dir))) {
            JP_AUTO_FREE char *name = jp_format("%s/%s/rootfs", path, entry->d_name);
            JP_AUTO_FD int fd = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (fd < 0 || strncmp(entry->d_name, "new-", 4) != 0)
                continue;
            for (int i = 0; i < SWAPS && renameat(fd, "d", fd, "away") == 0; i++) {
                if (symlinkat(canary, fd, "d") == 0)
                    (void)unlinkat(fd, "d", 0);
                (void)renameat(fd, "away", fd, "d");
            }
        }
        if (dir)
            closedir(dir);
    }
}

/* Files of d and e by turns, so that d is gone into again for each. */
static void raced_tar(struct jp_buf *out)
{
    raw_add(out, &(struct raw){.name = "manifest", .data = RAW_MANIFEST});
    raw_add(out, &(struct raw){.name = "rootfs/", .type = '5'});
    raw_add(out, &(struct raw){.name = "rootfs/d/", .type = '5'});
    raw_add(out, &(struct raw){.name = "rootfs/e/", .type = '5'});
    for (size_t i = 0; i < RACED_FILES; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "rootfs/%c/%zu", i % 2 ? 'e' : 'd', i);
        raw_add(out, &(struct raw){.name = name, .data = "x"});
    }
    raw_end(out);
}

static void test_race(void)
{
    struct state before = canary_state();
    JP_AUTO(jp_buf) tar = JP_BUF_INIT;
    raced_tar(&tar);
    TAP_OK(takes(tar.data, tar.len, &tar), "row 38: taken: the archive alone");
    jp_store_rest(store);
    (void)fflush(stdout);
    pid_t racer = fork();
    if (racer == 0)
        race();
    unsigned met = 0;
    for (unsigned i = 0; i < MAX_IMPORTS && met < RACES_TO_MEET && canary_is(&before); i++) {
        JP_AUTO(jp_image_imported) imported = {.id = NULL};
        struct jp_image_import_options options = {.not_durable = true};
        if (import_with(tar.data, tar.len, &options, &imported, NULL) == 0)
            (void)jp_store_image_destroy(store, imported.id, NULL);
        else
            met++;
    }
    (void)kill(racer, SIGKILL);
    (void)waitpid(racer, NULL, 0);
    TAP_OK(met >= RACES_TO_MEET, "row 38: imports fail where a directory is exchanged meanwhile");
    TAP_OK(canary_is(&before), "row 38: nothing is written where the exchanged one leads");
    (void)jp_store_gc(store, NULL, NULL);
    TAP_OK(store_is_empty(), "row 38: nothing is left");
}

/* Every archive that is taken, as DIR/NUMBER.tar: for comparing with what other programs see. */
static int write_cases(const char *dir)
{
    for (size_t i = 0; i < n_archive_cases; i++) {
        JP_AUTO(jp_buf) tar = JP_BUF_INIT;
        char path[4096];
        if (archive_cases[i].refused)
            continue;
        build(&archive_cases[i], &tar);
        (void)snprintf(path, sizeof(path), "%s/%03zu.tar", dir, i);
        JP_AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 || jp_fd_write_all(fd, tar.data, tar.len, path, NULL) != 0)
            return 1;
        printf("%03zu %s\n", i, archive_cases[i].what);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return write_cases(argv[2]);
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (geteuid() != 0) {
        tap_skip("hostile archives", "needs root");
        return tap_done();
    }
    if (!mkdtemp(top))
        return 1;
    (void)umask(077); /* must not matter */
    (void)snprintf(canary, sizeof(canary), "%s/canary", top);
    (void)snprintf(root, sizeof(root), "%s/root", top);
    raw_canary = canary;
    int dir_fd = jp_fd_make_dir(AT_FDCWD, canary, 0755, &err);
    (void)jp_file_replace(dir_fd, "file", "sing", 4, 0644, false, &err);
    close(dir_fd);
    struct jp_store_options options = {.root = root, .driver = "copy", .subnet = "172.30.0.0/16"};
    if (jp_store_open(&options, &store, &err) != 0) {
        printf("Bail out! %s\n", jp_error_text(&err));
        return 1;
    }
    JP_AUTO(jp_buf) tar = JP_BUF_INIT;
    good_tar(&tar);
    TAP_OK(takes(tar.data, tar.len, &tar), "taken: a small image with one of everything");
    test_cases();
    test_prefixes(&tar, 512, "plain");
    test_compressions(&tar);
    test_gzip(&tar);
    test_xz_dictionary(&tar);
    test_xz_blocks();
    test_formats();
    test_limits(&tar);
    test_expectations(&tar);
    test_assembled();
    test_verify();
    test_race();
    jp_store_free(store);
    int tmp_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)jp_tree_remove(tmp_fd, strrchr(top, '/') + 1, NULL);
    close(tmp_fd);
    return tap_done();
}
