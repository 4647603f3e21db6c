/* Rows 7 and 9 of the table of attacks: nobody becomes root by accident, no file makes us wait. */
#include "sys/userdb.h"

#ifdef __linux__
#include <sys/sysmacros.h>
#endif

#include "base/buf.h"
#include "base/time.h"
#include "sys/fd.h"
#include "sys/scratch_test.h"
#include "tap.h"

static int root;

static const char passwd[] = "root:x:0:0:root:/root:/bin/bash\n"
                             "# comment:x:1:1::/:/bin/sh\n"
                             "\n"
                             "daemon:*:1:2:daemon:/usr/sbin:\n"
                             "1000:x:77:78:a name of digits:/home/digits:/bin/zsh\n"
                             "ann:x:1000:1001::home/ann:/bin/sh\n"
                             "ann:x:0:0:the second one:/root:/bin/sh\n"
                             "short:x:5:6\n"
                             "broken:x:0x5:6::/:/bin/sh\n"
                             "empty-id:x::6::/:/bin/sh\n"
                             "blank: x: 5:6::/:/bin/sh\n"
                             "negative:x:-1:6::/:/bin/sh\n"
                             "huge:x:4294967295:6::/:/bin/sh\n"
                             "bad-gid:x:5:x::/:/bin/sh\n"
                             "nothing\n"
                             "+nis:x:0:0::/:/bin/sh\n"
                             ":x:0:0::/:/bin/sh\n"
                             "42:x:zero:0::/:/bin/sh\n"
                             "last:x:9:9::/:/bin/sh"; /* no newline */

static const char group[] = "root:x:0:\n"
                            "wheel:x:10:root,ann\n"
                            "video:x:44:bob,ann,eve\n"
                            "annex:x:45:annex,xann,ann2\n"
                            "twice:x:44:ann\n"
                            "1001:x:88:eve,\n"
                            "nobody-in-it:x:89\n"
                            "broken:x:ten:carl\n"
                            "huge:x:4294967296:\n";

struct user_case {
    const char *user;
    int64_t uid, gid; /* uid -1: refused */
    const char *name, *home;
};

static const struct user_case user_cases[] = {
    {"root", 0, 0, "root", "/root"},
    {"0", 0, 0, "root", "/root"},
    {"1", 1, 2, "daemon", "/usr/sbin"},
    {"daemon", 1, 2, "daemon", "/usr/sbin"},
    {"1000", 77, 78, "1000", "/home/digits"},
    {"77", 77, 78, "1000", "/home/digits"},
    {"ann", 1000, 1001, "ann", "/"},
    {"last", 9, 9, "last", "/"},
    {"short", 5, 6, "short", "/"},
    {"12345", 12345, 0, NULL, "/"},
    {"4294967294", 4294967294, 0, NULL, "/"},
    {"/bin/owned", 1234, 0, NULL, "/"},
    {"/bin/link", 1234, 0, NULL, "/"},
    {"/bin/by-daemon", 1, 2, "daemon", "/usr/sbin"},
    {"/", 0, 0, "root", "/root"},
    {"01", -1, 0, NULL, NULL},
    {"00", -1, 0, NULL, NULL},
    {"1x", -1, 0, NULL, NULL},
    {" 1", -1, 0, NULL, NULL},
    {"1 ", -1, 0, NULL, NULL},
    {"+1", -1, 0, NULL, NULL},
    {"-1", -1, 0, NULL, NULL},
    {"0x0", -1, 0, NULL, NULL},
    {"4294967295", -1, 0, NULL, NULL},
    {"4294967296", -1, 0, NULL, NULL},
    {"18446744073709551616", -1, 0, NULL, NULL},
    {"", -1, 0, NULL, NULL},
    {" ", -1, 0, NULL, NULL},
    {"nobody-here", -1, 0, NULL, NULL},
    {"broken", -1, 0, NULL, NULL},
    {"empty-id", -1, 0, NULL, NULL},
    {"blank", -1, 0, NULL, NULL},
    {"negative", -1, 0, NULL, NULL},
    {"huge", -1, 0, NULL, NULL},
    {"bad-gid", -1, 0, NULL, NULL},
    {"nothing", -1, 0, NULL, NULL},
    {"+nis", -1, 0, NULL, NULL},
    {"# comment", -1, 0, NULL, NULL},
    {"42", -1, 0, NULL, NULL}, /* a name of digits with a broken entry is not the number */
    {"root:x", -1, 0, NULL, NULL},
    {"root\t", -1, 0, NULL, NULL},
    {"/nowhere", -1, 0, NULL, NULL},
    {"/bin/loop", -1, 0, NULL, NULL},
    {"/../../etc/hostname", -1, 0, NULL, NULL},
};

static void try_user(const struct user_case *c)
{
    JP_AUTO(jp_user) user = {.uid = 999999};
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    int r = jp_userdb_user(root, c->user, &user, &err);
    if (c->uid < 0)
        TAP_OK(r < 0 && user.uid == 999999 && err.code != JP_OK, "user '%s': %s", c->user,
               jp_error_text(&err));
    else
        TAP_OK(r == 0 && user.uid == (uint32_t)c->uid && user.gid == (uint32_t)c->gid &&
                   tap_same(user.name, c->name) && tap_same(user.home, c->home) && user.shell,
               "user '%s' is %u:%u", c->user, user.uid, user.gid);
}

static void try_group(const char *name, int64_t gid)
{
    uint32_t got = 999999;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    int r = jp_userdb_group(root, name, &got, &err);
    TAP_OK(gid < 0 ? r < 0 && got == 999999 : r == 0 && got == (uint32_t)gid, "group '%s': %s",
           name, r < 0 ? jp_error_text(&err) : "found");
}

static void try_groups_of(const char *name, const char *expected)
{
    uint32_t *ids = NULL;
    size_t count = 0;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (jp_userdb_groups_of(root, name, &ids, &count, &err) < 0)
        jp_buf_puts(&text, "error");
    for (size_t i = 0; i < count; i++)
        jp_buf_printf(&text, "%s%u", i ? " " : "", ids[i]);
    free(ids);
    TAP_STR(jp_buf_text(&text), expected, "groups of %s", name ? name : "nobody");
}

/* Replaces /etc/passwd by what `make` puts there; the answer (`why`, NULL = works) comes at once.
 */
static void try_file(const char *what, void (*make)(void), const char *why)
{
    (void)jp_tree_remove(root, "etc", NULL);
    int etc = scratch_dir(root, "etc");
    jp_fd_close(&etc);
    make();
    JP_AUTO(jp_user) user = {.uid = 999999};
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    int64_t start = jp_time_monotonic_ms();
    int r = jp_userdb_user(root, "ann", &user, &err);
    int64_t took = jp_time_monotonic_ms() - start;
    bool good = why ? r < 0 && user.uid == 999999 && strstr(jp_error_text(&err), why)
                    : r == 0 && user.uid == 1000;
    TAP_OK(good, "%s: %s", what, r < 0 ? jp_error_text(&err) : "works");
    TAP_OK(took < 1000, "%s: at once", what);
}

static void make_link(const char *target)
{
    scratch_link(root, "etc/passwd", target);
}

static void make_absolute(void)
{
    make_link("/nix/store/passwd");
}

static void make_zero(void)
{
    make_link("/dev/zero");
}

static void make_host(void)
{
    make_link("../../../../../../../../../../../etc/passwd");
}

static void make_loop(void)
{
    make_link("passwd");
}

static void make_fifo(void)
{
    (void)mkfifoat(root, "etc/passwd", 0644);
}

static void make_directory(void)
{
    (void)mkdirat(root, "etc/passwd", 0755);
}

static void make_sparse(off_t size)
{
    int fd = openat(root, "etc/passwd", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || ftruncate(fd, size) < 0)
        scratch_bail("sparse");
    jp_fd_close(&fd);
}

static void make_gigabyte(void)
{
    make_sparse(1 << 30);
}

static void make_zeros(void)
{
    make_sparse(1 << 20);
}

static void make_nothing(void)
{
}

static void make_text(const char *line, size_t times)
{
    int fd = openat(root, "etc/passwd", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    struct jp_buf text = JP_BUF_INIT;
    for (size_t i = 0; i < times; i++)
        jp_buf_puts(&text, line);
    jp_buf_puts(&text, "\nann:x:1000:1000::/:/bin/sh\n");
    (void)!write(fd, text.data, text.len);
    jp_fd_close(&fd);
    jp_buf_clear(&text);
}

static void make_long_line(void)
{
    make_text("x", 70000);
}

static void make_many_lines(void)
{
    make_text("a:x:1:1::/:/\n", 150000);
}

static void make_many_colons(void)
{
    make_text("::::::::", 8000);
}

static void make_etc_outside(void)
{
    (void)jp_tree_remove(root, "etc", NULL);
    scratch_link(root, "etc", "/../../../../../../../etc");
}

static void try_files(void)
{
    int nix = scratch_dir(root, "nix");
    int store = scratch_dir(nix, "store");
    scratch_file(store, "passwd", passwd);
    jp_fd_close(&nix);
    jp_fd_close(&store);
    int dev = scratch_dir(root, "dev");
    bool has_zero = mknodat(dev, "zero", S_IFCHR | 0666, makedev(1, 5)) == 0;
    /* FreeBSD opens no device outside of a devfs. */
    JP_AUTO_FD int zero = openat(dev, "zero", O_RDONLY | O_CLOEXEC);
    const char *refusal = has_zero && zero < 0 && errno == EOPNOTSUPP ? "open '/etc/passwd'"
                          : has_zero                                  ? "not a regular file"
                                                                      : "no user";
    jp_fd_close(&dev);
    try_file("absolute link inside the image", make_absolute, NULL);
    try_file("link to /dev/zero", make_zero, refusal);
    try_file("link to the host's file: to itself, seen from the root", make_host, "symbolic links");
    try_file("loop", make_loop, "symbolic links");
    try_file("FIFO", make_fifo, "not a regular file");
    try_file("directory", make_directory, "not a regular file");
    try_file("1 GiB, sparse", make_gigabyte, "larger than");
    try_file("1 MiB of zeros", make_zeros, "not text");
    try_file("missing", make_nothing, "no user");
    try_file("long line", make_long_line, "too many or too long");
    try_file("150,000 lines", make_many_lines, "too many or too long");
    try_file("64,000 colons", make_many_colons, NULL);
    try_file("/etc leads out of the image", make_etc_outside, "symbolic links");
    (void)unlinkat(root, "etc", 0);
    JP_AUTO(jp_user) user = {.uid = 999999};
    TAP_OK(jp_userdb_user(root, "7", &user, NULL) == 0 && user.uid == 7, "a number without /etc");
    try_groups_of("ann", "");
}

int main(void)
{
    int base = scratch_make();
    root = scratch_dir(base, "root");
    int etc = scratch_dir(root, "etc"), bin = scratch_dir(root, "bin");
    scratch_file(etc, "passwd", passwd);
    scratch_file(etc, "group", group);
    scratch_file(bin, "owned", "");
    scratch_file(bin, "by-daemon", "");
    scratch_link(bin, "link", "/bin/owned");
    scratch_link(bin, "loop", "loop");
    if (fchownat(bin, "owned", 1234, 4321, 0) < 0 || fchownat(bin, "by-daemon", 1, 1, 0) < 0) {
        tap_skip("all", "needs root, to give files away");
        return tap_done();
    }
    for (size_t i = 0; i < JP_LEN(user_cases); i++)
        try_user(&user_cases[i]);
    try_group("wheel", 10);
    try_group("10", 10);
    try_group("1001", 88);
    try_group("0", 0);
    try_group("4000000000", 4000000000);
    try_group("/bin/owned", 4321);
    static const char *const bad[] = {"",       "01",         "1x",         " 1",
                                      "-1",     "4294967295", "4294967296", "none",
                                      "broken", "huge",       "/nowhere"};
    for (size_t i = 0; i < JP_LEN(bad); i++)
        try_group(bad[i], -1);
    try_groups_of("ann", "10 44");
    try_groups_of("root", "10");
    try_groups_of("eve", "44 88");
    try_groups_of("carl", "error");
    try_groups_of("", "");
    try_groups_of("an", "");
    try_groups_of(NULL, "");
    try_files();
    return tap_done();
}
