#include "hostile/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

/* A row of the table says only what is special about it. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define MANIFEST                                                                                   \
    {                                                                                              \
        .name = "manifest", .data = RAW_MANIFEST                                                   \
    }
/* An image that stands on another one, which may leave directories unnamed. */
#define DELTA                                                                                      \
    {                                                                                              \
        .name = "manifest",                                                                        \
        .data =                                                                                    \
            "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"example.com/t\","   \
            "\"dependencies\":[{\"imageName\":\"example.com/base\"}]}"                             \
    }
#define ROOTFS                                                                                     \
    {                                                                                              \
        .name = "rootfs/", .type = '5'                                                             \
    }
#define GNU "ustar  "
#define C100                                                                                       \
    "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc" \
    "cccccccc"
#define NAMES                                                                                      \
    "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/"                                           \
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void front(struct jp_buf *out)
{
    raw_add(out, &(struct raw)MANIFEST);
    raw_add(out, &(struct raw)ROOTFS);
}

/* ---- what needs more than a table ------------------------------------------------------------ */

static void pax_nul(struct jp_buf *out)
{
    struct jp_buf text = JP_BUF_INIT;
    front(out);
    raw_record(&text, "path", "rootfs/a\0b", 10);
    raw_pax(out, 'x', jp_buf_text(&text), text.len);
    raw_add(out, &(struct raw){.name = "rootfs/x", .data = "x"});
    jp_buf_clear(&text);
    raw_end(out);
}

/* Three files in two thousand directories each: 12 MB of their paths. */
static void many_unnamed(struct jp_buf *out)
{
    static char path[4090];
    raw_add(out, &(struct raw)DELTA);
    raw_add(out, &(struct raw)ROOTFS);
    for (char first = 'a'; first < 'd'; first++) {
        (void)snprintf(path, sizeof(path), "rootfs/%c", first);
        while (strlen(path) + 3 < sizeof(path))
            (void)strncat(path, "/d", 3);
        raw_add(out, &(struct raw){.name = "rootfs/x", .long_name = path, .data = "x"});
    }
    raw_end(out);
}

static void pax_malformed(struct jp_buf *out)
{
    front(out);
    raw_pax(out, 'x', "99 path=rootfs/a\n", 17);
    raw_add(out, &(struct raw){.name = "rootfs/x"});
    raw_end(out);
}

static void pax_twice(struct jp_buf *out)
{
    front(out);
    raw_pax(out, 'x', "10 uid=10\n", 10);
    raw_pax(out, 'x', "10 gid=10\n", 10);
    raw_add(out, &(struct raw){.name = "rootfs/x"});
    raw_end(out);
}

static void pax_alone(struct jp_buf *out)
{
    front(out);
    raw_pax(out, 'x', "10 uid=10\n", 10);
    raw_end(out);
}

static void pax_huge(struct jp_buf *out)
{
    front(out);
    raw_header(out, &(struct raw){.name = "pax", .type = 'x', .size = "77777777777"}, 0);
    raw_end(out);
}

static void long_name_nul(struct jp_buf *out)
{
    front(out);
    raw_header(out, &(struct raw){.name = "././@LongLink", .type = 'L', .magic = GNU}, 12);
    raw_content(out, "rootfs/a\0b", 12 - 2);
    raw_add(out, &(struct raw){.name = "rootfs/x"});
    raw_end(out);
}

static void long_path(struct jp_buf *out, size_t len)
{
    struct jp_buf text = JP_BUF_INIT;
    struct jp_buf path = JP_BUF_INIT;
    jp_buf_puts(&path, "rootfs");
    while (path.len < len)
        jp_buf_puts(&path, "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    front(out);
    raw_record(&text, "path", jp_buf_text(&path), path.len);
    raw_pax(out, 'x', jp_buf_text(&text), text.len);
    raw_add(out, &(struct raw){.name = "rootfs/x"});
    jp_buf_clear(&text);
    jp_buf_clear(&path);
    raw_end(out);
}

static void path_64k(struct jp_buf *out)
{
    long_path(out, 65536);
}

static void path_5000(struct jp_buf *out)
{
    long_path(out, 5000);
}

static void component_4k(struct jp_buf *out)
{
    struct jp_buf text = JP_BUF_INIT;
    char path[4000] = "rootfs/";
    memset(path + 7, 'c', sizeof(path) - 7);
    front(out);
    raw_record(&text, "path", path, sizeof(path));
    raw_pax(out, 'x', jp_buf_text(&text), text.len);
    raw_add(out, &(struct raw){.name = "rootfs/x"});
    jp_buf_clear(&text);
    raw_end(out);
}

static void xattr(struct jp_buf *out, char type, const char *key, const void *value, size_t len)
{
    struct jp_buf text = JP_BUF_INIT;
    front(out);
    raw_record(&text, key, value, len);
    raw_pax(out, 'x', jp_buf_text(&text), text.len);
    raw_add(out, &(struct raw){.name = type == '5' ? "rootfs/x/" : "rootfs/x", .type = type});
    jp_buf_clear(&text);
    raw_end(out);
}

static const char capability[20] = {1, 0, 0, 2, 0, 4}; /* revision 2, effective, net_bind_service */

static void capability_good(struct jp_buf *out)
{
    xattr(out, '0', "SCHILY.xattr.security.capability", capability, sizeof(capability));
}

static void capability_bad(struct jp_buf *out)
{
    xattr(out, '0', "SCHILY.xattr.security.capability", capability, 19);
}

static void capability_dir(struct jp_buf *out)
{
    xattr(out, '5', "SCHILY.xattr.security.capability", capability, sizeof(capability));
}

static void xattr_binary(struct jp_buf *out)
{
    xattr(out, '0', "SCHILY.xattr.user.binary", "a\0\n=b", 5);
}

static void acl_bad(struct jp_buf *out)
{
    xattr(out, '0', "SCHILY.xattr.system.posix_acl_access", "\2\0\0\0\1", 5);
}

static void one_zero_block(struct jp_buf *out)
{
    static const char zeros[512];
    front(out);
    jp_buf_add(out, zeros, sizeof(zeros));
}

static void no_end(struct jp_buf *out)
{
    front(out);
}

static void zero_block_inside(struct jp_buf *out)
{
    static const char zeros[512];
    raw_add(out, &(struct raw)MANIFEST);
    jp_buf_add(out, zeros, sizeof(zeros));
    raw_add(out, &(struct raw)ROOTFS);
    raw_end(out);
}

static void after_end(struct jp_buf *out)
{
    front(out);
    raw_end(out);
    jp_buf_puts(out, "x");
}

static void two_archives(struct jp_buf *out)
{
    front(out);
    raw_end(out);
    front(out);
    raw_end(out);
}

static void zeros_after_end(struct jp_buf *out)
{
    static const char zeros[10240];
    front(out);
    raw_end(out);
    jp_buf_add(out, zeros, sizeof(zeros));
    jp_buf_add(out, zeros, 100);
}

/* Old GNU: pieces in the header. */
static void old_sparse(struct jp_buf *out, const char *offset, const char *len, const char *size)
{
    unsigned char *block;
    unsigned long sum = 0;
    char digits[8];
    front(out);
    size_t at = out->len;
    raw_header(out, &(struct raw){.name = "rootfs/sparse", .type = 'S', .magic = GNU}, 512);
    block = (unsigned char *)out->data + at;
    memcpy(block + 386, offset, 11);
    memcpy(block + 398, len, 11);
    memcpy(block + 483, size, 11);
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++)
        sum += block[i];
    (void)snprintf(digits, sizeof(digits), "%06lo", sum);
    memcpy(block + 148, digits, 7);
    char content[512];
    memset(content, 'd', sizeof(content));
    raw_content(out, content, sizeof(content));
    raw_end(out);
}

static void sparse_good(struct jp_buf *out)
{
    old_sparse(out, "00000100000", "00000001000", "00000200000");
}

static void sparse_8e(struct jp_buf *out)
{
    /* One piece at the start, and a size of nearly 8 GiB times 8: more than the limit. */
    front(out);
    raw_add(out, &(struct raw){.name = "rootfs/sparse",
                               .data = "1\n0\n0\n",
                               .size = "00000001000",
                               .pax = "GNU.sparse.major=1\1GNU.sparse.minor=0\1"
                                      "GNU.sparse.realsize=9223372036854775807"});
    raw_end(out);
}

static void sparse_beyond(struct jp_buf *out)
{
    old_sparse(out, "00000200000", "00000001000", "00000200000");
}

static void sparse_sum(struct jp_buf *out)
{
    old_sparse(out, "00000000000", "00000000100", "00000200000");
}

static void bom(struct jp_buf *out)
{
    raw_add(out, &(struct raw){.name = "manifest", .data = "\xef\xbb\xbf" RAW_MANIFEST});
    raw_add(out, &(struct raw)ROOTFS);
    raw_end(out);
}

static void manifest_5m(struct jp_buf *out)
{
    size_t len = (4U << 20) + 1;
    char *blanks = malloc(len);
    if (!blanks)
        abort();
    memset(blanks, ' ', len);
    raw_header(out, &(struct raw){.name = "manifest"}, len);
    raw_content(out, blanks, len);
    free(blanks);
    raw_add(out, &(struct raw)ROOTFS);
    raw_end(out);
}

static void bad_dup_key(struct jp_buf *out)
{
    raw_add(out, &(struct raw){.name = "manifest",
                               .data = "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\","
                                       "\"name\":\"a\",\"name\":\"b\"}"});
    raw_add(out, &(struct raw)ROOTFS);
    raw_end(out);
}

#define DIR(path)                                                                                  \
    {                                                                                              \
        .name = (path), .type = '5'                                                                \
    }
#define FILE_(path)                                                                                \
    {                                                                                              \
        .name = (path), .data = "content"                                                          \
    }
#define SYMLINK(path, to)                                                                          \
    {                                                                                              \
        .name = (path), .type = '2', .link = (to)                                                  \
    }
#define HARDLINK(path, to)                                                                         \
    {                                                                                              \
        .name = (path), .type = '1', .link = (to)                                                  \
    }

const struct archive_case archive_cases[] = {
    /* 28: names */
    {28, "'..' in the middle", "'..'", {FILE_("rootfs/../canary")}},
    {28, "'..' at the start", "'..'", {FILE_("../canary")}},
    {28, "'..' at the end", "'..'", {DIR("rootfs/..")}},
    {28, "an absolute name", "is absolute", {FILE_("/rootfs/x")}},
    {28, "an absolute directory", "is absolute", {DIR("/rootfs/x")}},
    {28, "two slashes", "is absolute", {DIR("//")}},
    {28, "a file called '/'", "is absolute", {FILE_("/")}},
    {28, "a double slash", "empty component", {FILE_("rootfs//x")}},
    {28, "a '.' inside", "'.'", {FILE_("rootfs/./x")}},
    {28, "two './' in front", "'.'", {FILE_("././rootfs/x")}},
    {28, "an empty name", "is empty", {{.name = "", .data = "x"}}},
    {28, "a slash behind a file", "empty component", {FILE_("rootfs/x/")}},
    {28, "two slashes behind a directory", "empty component", {DIR("rootfs/x//")}},
    {28, "a NUL in a pax path", "NUL", .build = pax_nul},
    {28, "a NUL in a GNU long name", "NUL", .build = long_name_nul},
    {28, "a component of 4 KiB", "longer than 255", .build = component_4k},
    {28, "a path of 5,000 bytes", "longer than 4095", .build = path_5000},
    {28, "a path of 64 KiB", "longer than 4095", .build = path_64k},
    {28, "a name at the top that is neither", "only 'manifest' and 'rootfs'", {FILE_("etc")}},
    {28, "a name that only begins like rootfs", "only 'manifest'", {FILE_("rootfs2")}},
    {28, "a '..' from ustar's prefix", "'..'", {{.name = "x", .prefix = "rootfs/.."}}},
    {28, "backslashes in a name", NULL, {FILE_("rootfs/a\\b\\..\\c")}},
    {28, "bytes that are not UTF-8, newlines, escapes", NULL, {FILE_("rootfs/\xff\xfe\n\033[2J")}},
    {28, "slashes behind directories", NULL, {DIR("rootfs/d/"), DIR("rootfs/d/e")}},
    {28,
     "'./' in front",
     NULL,
     {{.name = "./", .type = '5'},
      {.name = "./manifest", .data = RAW_MANIFEST},
      DIR("./rootfs/"),
      FILE_("./rootfs/x")},
     .is_bare = true},
    {28,
     "a directory '/', the top",
     NULL,
     {{.name = "/", .type = '5'}, {.name = "manifest", .data = RAW_MANIFEST}, DIR("rootfs")},
     .is_bare = true},
    {28,
     "a component of 255 bytes",
     NULL,
     {{.name = "rootfs/x",
       .pax = "path=rootfs/" C100 C100 "cccccccccccccccccccccccccccccccccccccccccccccccccccc"
              "ccc"}}},
    /* 29: through links */
    {29,
     "an entry below a symbolic link to the host",
     "not a directory of this archive",
     {SYMLINK("rootfs/l", "@"), FILE_("rootfs/l/pwned")}},
    {29,
     "an entry below a symbolic link inside",
     "not a directory of this archive",
     {DIR("rootfs/d"), SYMLINK("rootfs/l", "d"), FILE_("rootfs/l/x")}},
    {29,
     "an entry below a relative link out of the tree",
     "not a directory of this archive",
     {SYMLINK("rootfs/l", "../../.."), FILE_("rootfs/l/x")}},
    {29,
     "an entry below a file",
     "not a directory of this archive",
     {FILE_("rootfs/f"), FILE_("rootfs/f/x")}},
    {29, "an entry below nothing", "not a directory of this archive", {FILE_("rootfs/d/x")}},
    {29,
     "an entry below nothing, then its directory",
     "not a directory of this archive",
     {FILE_("rootfs/d/x"), DIR("rootfs/d/")}},
    {29,
     "an entry below nothing, the manifest last",
     "not a directory of this archive",
     {ROOTFS, FILE_("rootfs/d/x"), MANIFEST},
     .is_bare = true},
    {29,
     "an entry before 'rootfs', with dependencies",
     "not a directory of this archive",
     {DELTA, FILE_("rootfs/d/x"), ROOTFS},
     .is_bare = true},
    {29,
     "an entry below a symbolic link, with dependencies",
     "not a directory of this archive",
     {DELTA, ROOTFS, SYMLINK("rootfs/l", "@"), FILE_("rootfs/l/x")},
     .is_bare = true},
    {29,
     "an unnamed directory below a symbolic link, with dependencies",
     "not a directory of this archive",
     {DELTA, ROOTFS, SYMLINK("rootfs/l", "@"), FILE_("rootfs/l/d/x")},
     .is_bare = true},
    {29,
     "an unnamed directory below a file, with dependencies",
     "not a directory of this archive",
     {DELTA, ROOTFS, FILE_("rootfs/f"), FILE_("rootfs/f/d/x")},
     .is_bare = true},
    {29,
     "an unnamed directory, then a symbolic link in its place",
     "twice",
     {DELTA, ROOTFS, FILE_("rootfs/d/x"), SYMLINK("rootfs/d", "@")},
     .is_bare = true},
    {29,
     "an unnamed directory, then two that differ",
     "not the same",
     {DELTA,
      ROOTFS,
      FILE_("rootfs/d/x"),
      DIR("rootfs/d/"),
      {.name = "rootfs/d/", .type = '5', .mode = "0000700"}},
     .is_bare = true},
    {29,
     "unnamed directories, with dependencies",
     NULL,
     {DELTA, ROOTFS, FILE_("rootfs/d/e/x"), FILE_("rootfs/d/y"), DIR("rootfs/d/")},
     .is_bare = true},
    {29,
     "unnamed directories, the manifest last",
     NULL,
     {ROOTFS,
      FILE_("rootfs/d/e/x"),
      {.name = "rootfs/g", .type = '1', .link = "rootfs/d/e/x"},
      DELTA},
     .is_bare = true},
    {35, "more unnamed directories than there is memory for", "unnamed", .build = many_unnamed},
    {29,
     "a file over a symbolic link",
     "twice",
     {SYMLINK("rootfs/l", "@/file"), FILE_("rootfs/l")}},
    {29, "a directory over a symbolic link", "twice", {SYMLINK("rootfs/l", "@"), DIR("rootfs/l/")}},
    {29,
     "rootfs as a symbolic link",
     "not a directory",
     {MANIFEST, SYMLINK("rootfs", "@")},
     .is_bare = true},
    {29,
     "an entry before 'rootfs'",
     "not a directory of this archive",
     {MANIFEST, FILE_("rootfs/x"), ROOTFS},
     .is_bare = true},
    {29,
     "links that dangle or point outside",
     NULL,
     {SYMLINK("rootfs/a", "/etc/shadow"), SYMLINK("rootfs/b", "../../../.."),
      SYMLINK("rootfs/c", "c")}},
    /* 30: hard links */
    {30, "a hard link with '..'", "'..'", {HARDLINK("rootfs/h", "rootfs/../../x")}},
    {30, "an absolute hard link", "is absolute", {HARDLINK("rootfs/h", "/etc/passwd")}},
    {30,
     "a hard link through a symbolic link",
     "not in the archive before",
     {SYMLINK("rootfs/l", "@"), HARDLINK("rootfs/h", "rootfs/l/file")}},
    {30,
     "a hard link to nothing",
     "not in the archive before",
     {HARDLINK("rootfs/h", "rootfs/no")}},
    {30,
     "a hard link to a directory",
     "neither a file",
     {DIR("rootfs/d"), HARDLINK("rootfs/h", "rootfs/d")}},
    {30,
     "a hard link to a FIFO",
     "neither a file",
     {{.name = "rootfs/p", .type = '6'}, HARDLINK("rootfs/h", "rootfs/p")}},
    {30,
     "a hard link to a device",
     "neither a file",
     {{.name = "rootfs/n", .type = '3', .major = "0000001", .minor = "0000003"},
      HARDLINK("rootfs/h", "rootfs/n")}},
    {30, "a hard link to the manifest", "outside of 'rootfs'", {HARDLINK("rootfs/h", "manifest")}},
    {30,
     "a hard link that carries data",
     "data on an entry",
     {FILE_("rootfs/f"), {.name = "rootfs/h", .type = '1', .link = "rootfs/f", .data = "evil"}}},
    {30, "a hard link to itself", "not in the archive before", {HARDLINK("rootfs/h", "rootfs/h")}},
    {30,
     "the manifest as a hard link",
     "not a plain file",
     {ROOTFS, FILE_("rootfs/f"), HARDLINK("manifest", "rootfs/f")},
     .is_bare = true},
    {30, "a hard link to a file", NULL, {FILE_("rootfs/f"), HARDLINK("rootfs/h", "./rootfs/f")}},
    {30,
     "a hard link to a symbolic link, not followed",
     NULL,
     {SYMLINK("rootfs/l", "@/file"), HARDLINK("rootfs/h", "rootfs/l")}},
    /* 31: duplicates */
    {31, "a file twice", "twice", {FILE_("rootfs/f"), FILE_("rootfs/f")}},
    {31, "a file, then a directory", "twice", {FILE_("rootfs/f"), DIR("rootfs/f/")}},
    {31, "a directory, then a file", "twice", {DIR("rootfs/f"), FILE_("rootfs/f")}},
    {31, "a directory, then a symbolic link", "twice", {DIR("rootfs/f"), SYMLINK("rootfs/f", "@")}},
    {31, "a file twice, once with './'", "twice", {FILE_("rootfs/f"), FILE_("./rootfs/f")}},
    {31, "'manifest' twice", "twice", {MANIFEST}},
    {31, "'manifest' and './manifest'", "twice", {{.name = "./manifest", .data = RAW_MANIFEST}}},
    {31,
     "a directory twice, with another mode",
     "not the same",
     {DIR("rootfs/d"), {.name = "rootfs/d", .type = '5', .mode = "0000700"}}},
    {31,
     "a directory twice, with another time",
     "not the same",
     {DIR("rootfs/d"), {.name = "rootfs/d", .type = '5', .mtime = "13000000001"}}},
    {31,
     "'rootfs' twice, with another owner",
     "not the same",
     {{.name = "rootfs", .type = '5', .uid = "0000001"}}},
    {31, "no manifest", "no entry 'manifest'", {ROOTFS}, .is_bare = true},
    {31, "no rootfs", "no entry 'rootfs'", {MANIFEST}, .is_bare = true},
    {31, "nothing at all", "no entry 'rootfs'", .build = raw_end},
    {31,
     "the manifest is a directory",
     "not a plain file",
     {DIR("manifest"), ROOTFS},
     .is_bare = true},
    {31,
     "identical directories twice",
     NULL,
     {DIR("rootfs/d"), FILE_("rootfs/d/x"), DIR("rootfs/d/"), DIR("rootfs/d"), ROOTFS}},
    {31, "names that differ in case only", NULL, {FILE_("rootfs/f"), FILE_("rootfs/F")}},
    {31, "the manifest at the end", NULL, {ROOTFS, FILE_("rootfs/x"), MANIFEST}, .is_bare = true},
    /* 32: nodes */
    {32, "a whiteout, device 0:0", "device 0:0", {{.name = "rootfs/w", .type = '3'}}},
    {32,
     "a device with a broken number",
     "valid number",
     {{.name = "rootfs/n", .type = '3', .major = "00000x1"}}},
    {32,
     "a device that says it has data",
     "data on an entry",
     {{.name = "rootfs/n", .type = '3', .major = "0000001", .data = "x"}}},
    {32,
     "devices and FIFOs",
     NULL,
     {{.name = "rootfs/null", .type = '3', .major = "0000001", .minor = "0000003"},
      {.name = "rootfs/sda", .type = '4', .major = "0000010", .minor = "0000000"},
      {.name = "rootfs/fifo", .type = '6', .mode = "0000600"}}},
    /* 33: modes and owners */
    {33, "owner 2^32", "invalid value", {{.name = "rootfs/x", .pax = "uid=4294967296"}}},
    {33, "owner 2^32 - 1", "invalid value", {{.name = "rootfs/x", .pax = "uid=4294967295"}}},
    {33, "a negative owner", "invalid value", {{.name = "rootfs/x", .pax = "gid=-1"}}},
    {33,
     "a negative owner in base 256",
     "not a valid number",
     {{.name = "rootfs/x", .uid = "\xff\xff\xff\xff\xff\xff\xff\xff"}}},
    {33,
     "an owner of 56 bits",
     "not a valid number",
     {{.name = "rootfs/x", .uid = "\x80\x7f\xff\xff\xff\xff\xff\xff"}}},
    {33, "letters in the mode", "not a valid number", {{.name = "rootfs/x", .mode = "00007z5"}}},
    {33,
     "a time that few file systems hold",
     "cannot hold",
     {{.name = "rootfs/x", .pax = "mtime=400000000000000"}},
     .may_hold = true},
    {33,
     "set-id and sticky bits, large owners",
     NULL,
     {{.name = "rootfs/s", .mode = "0006755", .data = "x"},
      {.name = "rootfs/t", .type = '5', .mode = "0001777"},
      {.name = "rootfs/u", .pax = "uid=4294967294\1gid=2147483648"}}},
    {33,
     "times before 1970 and with fractions",
     NULL,
     {{.name = "rootfs/a", .pax = "mtime=-1.5"}, {.name = "rootfs/b", .pax = "mtime=1.000000001"}}},
    /* 34: attributes */
    {34,
     "trusted.overlay.opaque",
     "may not be",
     {{.name = "rootfs/d", .type = '5', .pax = "SCHILY.xattr.trusted.overlay.opaque=y"}}},
    {34,
     "user.overlay.redirect",
     "may not be",
     {{.name = "rootfs/d", .type = '5', .pax = "SCHILY.xattr.user.overlay.redirect=/etc"}}},
    {34,
     "user.overlay.opaque by libarchive's key",
     "may not be",
     {{.name = "rootfs/d", .type = '5', .pax = "LIBARCHIVE.xattr.user.overlay.opaque=eQ=="}}},
    {34,
     "the same, percent-encoded",
     "may not be",
     {{.name = "rootfs/d", .type = '5', .pax = "LIBARCHIVE.xattr.%75ser.overlay.opaque=eQ=="}}},
    {34,
     "security.selinux",
     "may not be",
     {{.name = "rootfs/x", .pax = "SCHILY.xattr.security.selinux=x"}}},
    {34,
     "security.selinux by Red Hat's key",
     "may not be",
     {{.name = "rootfs/x", .pax = "RHT.security.selinux=x"}}},
    {34,
     "an NFSv4 ACL",
     "not known",
     {{.name = "rootfs/x", .pax = "SCHILY.acl.ace=everyone@:rwx"}}},
    {34,
     "an ACL with names",
     "without numbers",
     {{.name = "rootfs/x",
       .pax = "SCHILY.acl.access=user::rw-,user:joe:rw-,group::r--,mask::rw-,"
              "other::r--"}}},
    {34, "a binary ACL that is cut", "not a valid ACL", .build = acl_bad},
    {34,
     "an attribute on a symbolic link",
     "cannot have it",
     {{.name = "rootfs/l", .type = '2', .link = "@/file", .pax = "SCHILY.xattr.user.a=b"}}},
    {34, "a capability that is cut", "not a valid capability", .build = capability_bad},
    {34, "a capability on a directory", "cannot have it", .build = capability_dir},
    {34,
     "an attribute twice, not the same",
     "twice",
     {{.name = "rootfs/x", .pax = "SCHILY.xattr.user.a=b\1LIBARCHIVE.xattr.user.a=Yw=="}}},
    {34,
     "user attributes",
     NULL,
     {{.name = "rootfs/x",
       .pax = "SCHILY.xattr.user.a=b\1LIBARCHIVE.xattr.user.a=Yg==",
       .mode = "0000444"},
      {.name = "rootfs/d", .type = '5', .pax = "SCHILY.xattr.user.mime=text/plain"}}},
    {34, "a binary user attribute", NULL, .build = xattr_binary},
    {34, "a capability", NULL, .build = capability_good},
    {34,
     "ACLs by number",
     NULL,
     {{.name = "rootfs/x",
       .mode = "0000664",
       .pax = "SCHILY.acl.access=user::rw-,user:joe:rw-:1000,group::r--,mask::rw-,other::r--"},
      {.name = "rootfs/d",
       .type = '5',
       .pax = "SCHILY.acl.default=user::rwx,user:1000:r-x,group::r-x,mask::r-x,other::---"},
      {.name = "rootfs/d/x", .data = "no ACL of its own"}}},
    /* 35: sizes (compressions are in their own part) */
    {35, "a sparse file of 8 EiB", "larger than", .build = sparse_8e},
    {35,
     "a file that says 8 EiB",
     "larger than",
     {{.name = "rootfs/y", .pax = "size=9223372036854775807"}}},
    {35, "a sparse piece beyond the end", "sparse map", .build = sparse_beyond},
    {35, "sparse pieces that do not add up", "sparse map", .build = sparse_sum},
    {35, "a manifest of 4 MiB and a byte", "larger than", .build = manifest_5m},
    {35, "a pax header of 8 GiB", "more than", .build = pax_huge},
    {35, "a sparse file", NULL, .build = sparse_good},
    /* 36: pax abuse */
    {36,
     "a global path",
     "global pax header sets 'path'",
     {{.name = "rootfs/x", .global = "path=rootfs/y"}}},
    {36,
     "a global size",
     "global pax header sets 'size'",
     {{.name = "rootfs/x", .global = "size=0"}}},
    {36,
     "a global owner",
     "global pax header sets 'uid'",
     {{.name = "rootfs/x", .global = "uid=0"}}},
    {36,
     "a global group name",
     "global pax header sets 'gname'",
     {{.name = "rootfs/x", .global = "gname=root"}}},
    {36,
     "a global link",
     "global pax header sets 'linkpath'",
     {SYMLINK("rootfs/x", "y"), {.name = "rootfs/z", .global = "linkpath=@"}}},
    {36,
     "a global attribute",
     "in a global header",
     {{.name = "rootfs/x", .global = "SCHILY.xattr.user.a=b"}}},
    {36,
     "a pax path twice",
     "'path' is there twice",
     {{.name = "rootfs/x", .pax = "path=rootfs/a\1path=rootfs/b"}}},
    {36,
     "a pax size twice",
     "'size' is there twice",
     {{.name = "rootfs/x", .pax = "size=0\1size=0"}}},
    {36, "an empty pax path", "invalid value", {{.name = "rootfs/x", .pax = "path="}}},
    {36,
     "a pax size that is larger than the data",
     "checksum",
     {{.name = "rootfs/x", .data = "x", .pax = "size=513"}, FILE_("rootfs/hidden")}},
    {36,
     "a GNU long name and a pax path",
     "for one entry",
     {{.name = "rootfs/x", .long_name = "rootfs/a", .pax = "path=rootfs/b"}}},
    {36,
     "a GNU long link and a pax link",
     "for one entry",
     {{.name = "rootfs/x", .type = '2', .link = "c", .long_link = "a", .pax = "linkpath=b"}}},
    {36,
     "an unknown character set",
     "'hdrcharset'",
     {{.name = "rootfs/x", .pax = "hdrcharset=ISO-IR 8859 1 1998"}}},
    {36, "a malformed record", "malformed", .build = pax_malformed},
    {36, "two pax headers", "after a pax header", .build = pax_twice},
    {36, "a pax header without an entry", "without its entry", .build = pax_alone},
    {36, "star's realsize", "not known", {{.name = "rootfs/x", .pax = "SCHILY.realsize=5"}}},
    {36, "GNU's volume", "not known", {{.name = "rootfs/x", .pax = "GNU.volume.label=5"}}},
    {36,
     "GNU sparse without a size",
     "unknown sparse format",
     {{.name = "rootfs/x", .pax = "GNU.sparse.major=1\1GNU.sparse.minor=0"}}},
    {36, "an unknown type", "not supported", {{.name = "rootfs/x", .type = 'Q'}}},
    {36, "a volume label", "not supported", {{.name = "backup", .type = 'V', .magic = GNU}}},
    {36,
     "a part of a multi-volume archive",
     "not supported",
     {{.name = "rootfs/x", .type = 'M', .magic = GNU}}},
    {36,
     "an incremental directory",
     "not supported",
     {{.name = "rootfs/x", .type = 'D', .magic = GNU}}},
    {36,
     "data on a directory",
     "data on an entry",
     {{.name = "rootfs/d", .type = '5', .data = "x"}}},
    {36,
     "data on a symbolic link",
     "data on an entry",
     {{.name = "rootfs/l", .type = '2', .link = "x", .data = "x"}}},
    {36, "a wrong checksum", "checksum", {{.name = "rootfs/x", .bad_sum = true}}},
    {36, "an unknown magic", "unknown magic", {{.name = "rootfs/x", .magic = "ustaX00"}}},
    {36,
     "pax overrides the header",
     NULL,
     {{.name = "wrong",
       .size = "00000000001",
       .data = "four",
       .pax = "path=rootfs/right\1size=4\1uid=5\1gid=6\1mtime=7.5\1comment=x\1VENDOR.key=x"}}},
    {36,
     "a global comment and time",
     NULL,
     {{.name = "rootfs/x", .global = "comment=0123456789abcdef\1mtime=9"}}},
    {36,
     "GNU long names",
     NULL,
     {{.name = "rootfs/x", .long_name = "rootfs/d", .type = '5', .magic = GNU},
      {.name = "rootfs/y", .type = '2', .link = "z", .long_link = "@" NAMES NAMES, .magic = GNU}}},
    {36, "a path with a newline", NULL, {{.name = "x", .pax = "path=rootfs/a\nb"}}},
    {36,
     "checksums of signed bytes",
     NULL,
     {{.name = "rootfs/\xe4\xf6\xfc", .data = "x", .signed_sum = true}}},
    {36,
     "headers of version 7",
     NULL,
     {{.name = "rootfs/d/", .magic = ""}, {.name = "rootfs/d/x", .data = "x", .magic = ""}}},
    {36, "a contiguous file", NULL, {{.name = "rootfs/x", .type = '7', .data = "x"}}},
    /* 37: ends */
    {37, "one block of zeros at the end", "truncated", .build = one_zero_block},
    {37, "no end", "truncated", .build = no_end},
    {37, "a block of zeros inside", "single block of zeros", .build = zero_block_inside},
    {37, "a byte after the end", "something follows", .build = after_end},
    {37, "another archive after the end", "something follows", .build = two_archives},
    {37, "zeros after the end", NULL, .build = zeros_after_end},
    /* 40: the manifest */
    {40, "a byte order mark", "manifest", .build = bom},
    {40, "a key twice", "manifest", .build = bad_dup_key},
    {40,
     "another kind",
     "manifest",
     {{.name = "manifest",
       .data = "{\"acKind\":\"PodManifest\",\"acVersion\":\"0.8.11\",\"name\":\"a\"}"},
      ROOTFS},
     .is_bare = true},
    {40,
     "a name that climbs",
     "manifest",
     {{.name = "manifest",
       .data = "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"../a\"}"},
      ROOTFS},
     .is_bare = true},
};

const size_t n_archive_cases = JP_LEN(archive_cases);
