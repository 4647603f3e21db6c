/*
 * One table for both ways of resolving a path in a root, then what a table cannot show: random
 * trees against each other, and somebody who exchanges directories and links all the while.
 */
#include <sys/wait.h>

#include <limits.h>
#include <signal.h>

#include "base/mem.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "sys/scratch_test.h"
#include "tap.h"

#ifndef O_PATH
#define O_PATH JP_PATH_PLACE
#endif

#define CHAIN 42 /* links behind one another: two more than may be followed */

static int base; /* the scratch directory: root/ and outside/ are in it */
static int root;

struct node {
    char kind; /* d f l p */
    const char *path, *target;
};

static const struct node nodes[] = {
    {'d', "a", NULL},
    {'d', "a/b", NULL},
    {'d', "a/b/c", NULL},
    {'d', "outside", NULL},
    {'f', "a/file", NULL},
    {'f', "a/b/c/deepest", NULL},
    {'f', "top", NULL},
    {'f', "outside/other", NULL},
    {'p', "fifo", NULL},
    {'l', "abs", "/a/b"},
    {'l', "rel", "a/b"},
    {'l', "up", "../../../.."},
    {'l', "escape", "../outside/secret"},
    {'l', "abs-escape", "/outside/secret"},
    {'l', "abs-inside", "/outside/other"},
    {'l', "host", "/etc/passwd"},
    {'l', "dots-host", "../../../../../../etc/passwd"},
    {'l', "a/b/up2", "../.."},
    {'l', "a/b/absdots", "/../../a/./b/.."},
    {'l', "self", "self"},
    {'l', "ping", "pong"},
    {'l', "pong", "ping"},
    {'l', "dangling", "nowhere"},
    {'l', "dangling-dir", "nowhere/at/all"},
    {'l', "to-file", "a/file"},
    {'l', "to-dir-slash", "a/b/"},
    {'l', "to-file-slash", "a/file/"},
    {'l', "to-link", "to-file"},
    {'l', "to-dirlink", "rel"},
    {'l', "dot", "."},
    {'l', "rootlink", "/"},
    {'l', "slashes", "///a///b///"},
    {'l', "parent", ".."},
    {'l', "crooked", "a/../a/./b/../b/c"},
    {'l', "through-file", "top/x"},
    {'l', "fifo-link", "fifo"},
    {'l', "a/rel-up", "../top"},
    {'l', "a/rel-over", "../../top"},
};

#define DOTS32   "././././././././././././././././"
#define DOTS128  DOTS32 DOTS32 DOTS32 DOTS32
#define DOTS1024 DOTS128 DOTS128 DOTS128 DOTS128 DOTS128 DOTS128 DOTS128 DOTS128
#define T50      "01234567890123456789012345678901234567890123456789"
#define NAME255  T50 T50 T50 T50 T50 "x2345"

struct path_case {
    const char *path;
    int flags;
    const char *node; /* what it must lead to (links not followed), NULL = fails with */
    int failure;
};

static const struct path_case cases[] = {
    /* plain */
    {"a", O_RDONLY, "a", 0},
    {"/a", O_RDONLY, "a", 0},
    {"//a//b", O_RDONLY, "a/b", 0},
    {"a/b/c/deepest", O_RDONLY, "a/b/c/deepest", 0},
    {"./a/./b/.", O_RDONLY, "a/b", 0},
    {"a/b/", O_RDONLY, "a/b", 0},
    {"a/b///", O_RDONLY | O_NOFOLLOW, "a/b", 0},
    {"/", O_RDONLY, ".", 0},
    {".", O_RDONLY, ".", 0},
    {"///", O_PATH, ".", 0},
    {"", O_RDONLY, NULL, ENOENT},
    {"nowhere", O_RDONLY, NULL, ENOENT},
    {"nowhere/", O_RDONLY, NULL, ENOENT},
    {"nowhere/x", O_RDONLY, NULL, ENOENT},
    {"a/nowhere/../file", O_RDONLY, NULL, ENOENT},
    {"top/", O_RDONLY, NULL, ENOTDIR},
    {"top/.", O_RDONLY, NULL, ENOTDIR},
    {"top/..", O_RDONLY, NULL, ENOTDIR},
    {"top/x", O_RDONLY, NULL, ENOTDIR},
    {"top", O_RDONLY | O_DIRECTORY, NULL, ENOTDIR},
    {"top", O_RDWR, "top", 0},
    {"a", O_WRONLY, NULL, EISDIR},
    {"/", O_RDWR, NULL, EISDIR},
    /* dots */
    {"..", O_RDONLY, ".", 0},
    {"/..", O_RDONLY, ".", 0},
    {"../..", O_PATH, ".", 0},
    {"../outside/secret", O_RDONLY, NULL, ENOENT},
    {"../outside/other", O_RDONLY, "outside/other", 0},
    {"a/../../outside/secret", O_RDONLY, NULL, ENOENT},
    {"a/b/../../../../a/file", O_RDONLY, "a/file", 0},
    {"a/b/c/../..", O_RDONLY, "a", 0},
    {"a/b/c/../../", O_RDONLY, "a", 0},
    {"a/..", O_RDONLY, ".", 0},
    {"../../../../../../etc/passwd", O_RDONLY, NULL, ENOENT},
    /* links */
    {"abs", O_RDONLY, "a/b", 0},
    {"abs/c", O_RDONLY, "a/b/c", 0},
    {"abs/..", O_RDONLY, "a", 0},
    {"abs/../file", O_RDONLY, "a/file", 0},
    {"rel", O_RDONLY, "a/b", 0},
    {"rel/../file", O_RDONLY, "a/file", 0},
    {"up", O_RDONLY, ".", 0},
    {"up/outside/secret", O_RDONLY, NULL, ENOENT},
    {"up/outside/other", O_RDONLY, "outside/other", 0},
    {"a/b/up2", O_RDONLY, ".", 0},
    {"a/b/up2/top", O_RDONLY, "top", 0},
    {"a/b/up2/../../top", O_RDONLY, "top", 0},
    {"a/b/absdots", O_RDONLY, "a", 0},
    {"a/b/absdots/file", O_RDONLY, "a/file", 0},
    {"escape", O_RDONLY, NULL, ENOENT},
    {"abs-escape", O_RDONLY, NULL, ENOENT},
    {"abs-inside", O_RDONLY, "outside/other", 0},
    {"host", O_RDONLY, NULL, ENOENT},
    {"dots-host", O_RDONLY, NULL, ENOENT},
    {"to-file", O_RDONLY, "a/file", 0},
    {"to-file/", O_RDONLY, NULL, ENOTDIR},
    {"to-link", O_RDONLY, "a/file", 0},
    {"to-dirlink", O_RDONLY, "a/b", 0},
    {"to-dirlink/c/..", O_RDONLY, "a/b", 0},
    {"to-dir-slash", O_RDONLY, "a/b", 0},
    {"to-dir-slash/c", O_RDONLY, "a/b/c", 0},
    {"to-file-slash", O_RDONLY, NULL, ENOTDIR},
    {"dot", O_RDONLY, ".", 0},
    {"dot/dot/dot/a", O_RDONLY, "a", 0},
    {"rootlink", O_RDONLY, ".", 0},
    {"a/b/../../rootlink/a/file", O_RDONLY, "a/file", 0},
    {"slashes", O_RDONLY, "a/b", 0},
    {"parent", O_RDONLY, ".", 0},
    {"parent/parent/top", O_RDONLY, "top", 0},
    {"crooked", O_RDONLY, "a/b/c", 0},
    {"crooked/deepest", O_RDONLY, "a/b/c/deepest", 0},
    {"through-file", O_RDONLY, NULL, ENOTDIR},
    {"a/rel-up", O_RDONLY, "top", 0},
    {"a/rel-over", O_RDONLY, "top", 0},
    {"dangling", O_RDONLY, NULL, ENOENT},
    {"dangling/x", O_RDONLY, NULL, ENOENT},
    {"dangling-dir", O_RDONLY, NULL, ENOENT},
    {"dangling/..", O_RDONLY, NULL, ENOENT},
    /* loops and limits */
    {"self", O_RDONLY, NULL, ELOOP},
    {"self/x", O_RDONLY, NULL, ELOOP},
    {"ping", O_RDONLY, NULL, ELOOP},
    {"ping/..", O_RDONLY, NULL, ELOOP},
    {"chain39", O_RDONLY, "top", 0},
    {"chain40", O_RDONLY, NULL, ELOOP},
    {"chain40", O_PATH, NULL, ELOOP},
    {"abs/../../chain39", O_RDONLY, NULL, ELOOP},
    {NAME255, O_RDONLY, NULL, ENOENT},
    {NAME255 "x", O_RDONLY, NULL, ENAMETOOLONG},
    {"a/" NAME255 "x/../file", O_RDONLY, NULL, ENAMETOOLONG},
    {"nowhere/" NAME255 "x", O_RDONLY, NULL, ENOENT},
    {DOTS1024 DOTS1024 DOTS1024 "a", O_RDONLY, "a", 0},
    {DOTS1024 DOTS1024 DOTS1024 DOTS1024 "a", O_RDONLY, NULL, ENAMETOOLONG},
    /* the last component and O_NOFOLLOW */
    {"top", O_RDONLY | O_NOFOLLOW, "top", 0},
    {"rel", O_RDONLY | O_NOFOLLOW, NULL, ELOOP},
    {"dangling", O_RDONLY | O_NOFOLLOW, NULL, ELOOP},
    {"self", O_RDONLY | O_NOFOLLOW, NULL, ELOOP},
    {"rel/", O_RDONLY | O_NOFOLLOW, "a/b", 0},
    {"rel/c", O_RDONLY | O_NOFOLLOW, "a/b/c", 0},
    {"to-file/", O_RDONLY | O_NOFOLLOW, NULL, ENOTDIR},
    {"to-dirlink/", O_RDONLY | O_NOFOLLOW, "a/b", 0},
    {"rel/.", O_RDONLY | O_NOFOLLOW, "a/b", 0},
    {"dangling/", O_RDONLY | O_NOFOLLOW, NULL, ENOENT},
    {"rel", O_DIRECTORY | O_NOFOLLOW, NULL, ENOTDIR},
    {"rel", O_RDONLY | O_DIRECTORY, "a/b", 0},
    {"to-file", O_RDONLY | O_DIRECTORY, NULL, ENOTDIR},
    {"to-file", O_WRONLY, "a/file", 0},
    {"to-file", O_WRONLY | O_NOFOLLOW, NULL, ELOOP},
    {"fifo", O_RDONLY | O_NONBLOCK, "fifo", 0},
    {"fifo-link", O_RDONLY | O_NONBLOCK, "fifo", 0},
    {"fifo/", O_RDONLY | O_NONBLOCK, NULL, ENOTDIR},
#ifdef __linux__
    {"rel", O_PATH | O_NOFOLLOW, "rel", 0},
    {"dangling", O_PATH | O_NOFOLLOW, "dangling", 0},
    {"abs/up2", O_PATH | O_NOFOLLOW, "a/b/up2", 0},
    {"rel", O_PATH | O_NOFOLLOW | O_DIRECTORY, NULL, ENOTDIR},
    {"rel", O_PATH, "a/b", 0},
    {"fifo", O_PATH, "fifo", 0},
    {"fifo-link", O_PATH, "fifo", 0},
    {"dangling", O_PATH, NULL, ENOENT},
    {"to-file", O_PATH | O_DIRECTORY, NULL, ENOTDIR},
    {"top", O_PATH | O_RDWR, "top", 0}, /* what open(2) ignores */
#endif
};

static void make_node(int at, const struct node *n)
{
    if (n->kind == 'd') {
        int fd = scratch_dir(at, n->path);
        jp_fd_close(&fd);
    } else if (n->kind == 'l') {
        scratch_link(at, n->path, n->target);
    } else if (n->kind == 'p') {
        if (mkfifoat(at, n->path, 0644) < 0)
            scratch_bail(n->path);
    } else {
        scratch_file(at, n->path, n->path);
    }
}

static void make_tree(void)
{
    base = scratch_make();
    root = scratch_dir(base, "root");
    int outside = scratch_dir(base, "outside");
    scratch_file(outside, "secret", "canary");
    jp_fd_close(&outside);
    for (size_t i = 0; i < JP_LEN(nodes); i++)
        make_node(root, &nodes[i]);
    for (int i = 0; i < CHAIN; i++) {
        char name[16], target[16];
        (void)snprintf(name, sizeof(name), "chain%d", i);
        (void)snprintf(target, sizeof(target), i ? "chain%d" : "top", i - 1);
        scratch_link(root, name, target);
    }
}

static bool is_node(int fd, const char *path)
{
    struct stat is, expected;
    return fstat(fd, &is) == 0 && fstatat(root, path, &expected, AT_SYMLINK_NOFOLLOW) == 0 &&
           is.st_dev == expected.st_dev && is.st_ino == expected.st_ino;
}

static void try_case(const struct path_case *c, const char *how)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_FD int fd = jp_path_open(root, c->path, c->flags, &err);
    const char *shown = strlen(c->path) < 60 ? c->path : "(long)";
    bool good = c->node ? fd >= 0 && is_node(fd, c->node) : fd < 0 && err.sys == c->failure;
    if (!TAP_OK(good, "%s: '%s' flags %#x", how, shown, (unsigned)c->flags))
        printf("# fd %d, %s\n", fd, err.code ? jp_error_text(&err) : "no error");
}

#ifdef __linux__
static void try_proc(const char *path, int failure, const char *how)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_FD int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0 || faccessat(proc, "self/exe", F_OK, 0) < 0) {
        tap_skip(path, "no procfs");
        return;
    }
    JP_AUTO_FD int fd = jp_path_open(proc, path, O_RDONLY | O_NONBLOCK, &err);
    TAP_OK(failure ? fd < 0 && err.sys == failure : fd >= 0, "%s: '%s' below /proc", how, path);
}
#endif

static void try_all(const char *how)
{
    for (size_t i = 0; i < JP_LEN(cases); i++)
        try_case(&cases[i], how);
#ifdef __linux__
    try_proc("self/stat", 0, how);
    try_proc("mounts", 0, how);
    try_proc("self/exe", ELOOP, how);
    try_proc("self/root/etc", ELOOP, how);
    try_proc("self/cwd", ELOOP, how);
    try_proc("self/fd/0", ELOOP, how);
#endif
}

/* A small generator of our own: the same numbers everywhere. */
static uint64_t seed;

static unsigned pick(unsigned below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % below;
}

static void random_path(char *out, size_t size, bool is_target)
{
    static const char *const parts[] = {"x", "y", "z", "..", ".", "", "x", "y", "q"};
    size_t len = 0;
    out[0] = '\0';
    unsigned count = 1 + pick(is_target ? 4 : 8);
    if (pick(4) == 0)
        out[len++] = '/';
    for (unsigned i = 0; i < count; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s", i ? "/" : "",
                                parts[pick(JP_LEN(parts))]);
    out[len] = '\0';
    if (len == 0)
        (void)snprintf(out, size, "x");
}

/* Puts things where they can be put; what fails (EEXIST and so on) is left out. */
static void random_tree(int at)
{
    for (int i = 0; i < 40; i++) {
        char path[256], target[256];
        random_path(path, sizeof(path), false);
        random_path(target, sizeof(target), true);
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        char name[NAME_MAX + 1];
        JP_AUTO_FD int parent = jp_path_open_parent(at, path, name, &err);
        if (parent < 0)
            continue;
        unsigned kind = pick(8);
        if (kind < 3)
            (void)!mkdirat(parent, name, 0755);
        else if (kind < 7)
            (void)!symlinkat(target, parent, name);
        else
            (void)!mkfifoat(parent, name, 0644);
    }
}

struct outcome {
    int failure;
    struct stat st;
};

static struct outcome resolve(int at, const char *path, int flags, bool walker)
{
    struct outcome out;
    memset(&out, 0, sizeof(out));
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    jp_path_force_walker(walker);
    JP_AUTO_FD int fd = jp_path_open(at, path, flags, &err);
    if (fd < 0)
        out.failure = err.sys;
    else
        (void)fstat(fd, &out.st);
    return out;
}

static void differ(void)
{
    static const int flags[] = {O_PATH,
                                O_PATH | O_NOFOLLOW,
                                O_RDONLY | O_NONBLOCK,
                                O_RDONLY | O_NONBLOCK | O_NOFOLLOW,
                                O_RDONLY | O_DIRECTORY,
                                O_PATH | O_DIRECTORY | O_NOFOLLOW,
                                O_RDWR | O_NONBLOCK,
                                O_RDWR | O_NONBLOCK | O_NOFOLLOW};
    unsigned differences = 0, reached = 0;
    for (uint64_t tree = 1; tree <= 60; tree++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "random%d", (int)tree);
        JP_AUTO_FD int at = scratch_dir(base, name);
        seed = tree * 0x9e3779b97f4a7c15U;
        random_tree(at);
        for (int i = 0; i < 500; i++) {
            char path[256];
            random_path(path, sizeof(path), false);
            int how = flags[pick(JP_LEN(flags))];
            struct outcome a = resolve(at, path, how, false), b = resolve(at, path, how, true);
            reached += a.failure == 0;
            if (a.failure == b.failure && a.st.st_dev == b.st.st_dev && a.st.st_ino == b.st.st_ino)
                continue;
            if (differences++ < 10)
                printf("# tree %d '%s' flags %#x: kernel %s %lu, walker %s %lu\n", (int)tree, path,
                       (unsigned)how, strerror(a.failure), (unsigned long)a.st.st_ino,
                       strerror(b.failure), (unsigned long)b.st.st_ino);
        }
    }
    jp_path_force_walker(false);
    TAP_OK(differences == 0, "random trees: kernel and walker agree on 30000 paths");
    TAP_OK(reached > 3000, "random trees: %u of them lead somewhere", reached);
}

/* For a moment there is neither, where the system cannot exchange two names at once. */
static void exchange(const char *a, const char *b)
{
#ifdef RENAME_EXCHANGE
    (void)renameat2(root, a, root, b, RENAME_EXCHANGE);
#else
    (void)renameat(root, a, root, "race/between");
    (void)renameat(root, b, root, a);
    (void)renameat(root, "race/between", root, b);
#endif
}

/* Exchanges a directory with a link to the outside, and carries another one out and back. */
JP_NORETURN static void exchange_for_ever(void)
{
    for (;;) {
        exchange("race/dir", "race/link");
        (void)renameat(root, "race/deep/in", base, "outside/in");
        (void)renameat(base, "outside/in", root, "race/deep/in");
    }
}

static void race(bool walker)
{
    static const char *const paths[] = {
        "race/dir/secret",
        "race/link/secret",
        "race/dir/../dir/secret",
        "race/deep/in/../../dir/secret",
        "race/deep/in/x/../../../../../outside/secret",
        "race/deep/in/../secret",
        "race/deep/in/x/../../secret",
    };
    struct stat secret;
    if (fstatat(base, "outside/secret", &secret, 0) < 0)
        scratch_bail("secret");
    pid_t racer = fork();
    if (racer == 0)
        exchange_for_ever();
    jp_path_force_walker(walker);
    unsigned escapes = 0, reached = 0, missed = 0;
    for (unsigned i = 0; i < 30000; i++) {
        JP_AUTO_FD int fd = jp_path_open(root, paths[i % JP_LEN(paths)], O_RDONLY, NULL);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
            missed++;
        else if (st.st_ino == secret.st_ino && st.st_dev == secret.st_dev)
            escapes++;
        else
            reached++;
    }
    jp_path_force_walker(false);
    tap_kill(racer, SIGKILL);
    (void)waitpid(racer, NULL, 0);
    (void)renameat(base, "outside/in", root, "race/deep/in");
    TAP_OK(escapes == 0, "racer, %s: 30000 resolutions, none outside",
           walker ? "walker" : "kernel");
    TAP_OK(reached > 100 && missed > 100, "racer, %s: %u reached the inside, %u failed",
           walker ? "walker" : "kernel", reached, missed);
}

/* The same racer while directories are made: nothing appears outside. */
static void race_making(void)
{
    pid_t racer = fork();
    if (racer == 0)
        exchange_for_ever();
    unsigned made = 0;
    for (unsigned i = 0; i < 5000; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "race/%s/new%u/below", i % 2 ? "dir" : "deep/in", i);
        JP_AUTO_FD int fd = jp_path_make_dirs(root, path, 0755, NULL);
        made += fd >= 0;
    }
    tap_kill(racer, SIGKILL);
    (void)waitpid(racer, NULL, 0);
    (void)renameat(base, "outside/in", root, "race/deep/in");
    unsigned strays = 0;
    for (unsigned i = 0; i < 5000; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "outside/new%u", i);
        struct stat st;
        strays += fstatat(base, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
    }
    TAP_OK(strays == 0, "racer: no directory was made outside");
    TAP_OK(made > 100, "racer: %u directories were made inside", made);
}

static void races(void)
{
    static const char *const dirs[] = {"race", "race/dir", "race/deep", "race/deep/in",
                                       "race/deep/in/x"};
    for (size_t i = 0; i < JP_LEN(dirs); i++) {
        int fd = scratch_dir(root, dirs[i]);
        jp_fd_close(&fd);
    }
    scratch_file(root, "race/dir/secret", "inside");
    scratch_file(root, "race/deep/secret", "inside");
    char target[512];
    (void)snprintf(target, sizeof(target), "%s/outside", scratch_path);
    scratch_link(root, "race/link", target);
    race(true);
    race(false);
    race_making();
}

static void try_parent(void)
{
    static const struct {
        const char *path, *parent, *name;
    } good[] = {
        {"x", ".", "x"},           {"/x", ".", "x"},
        {"a/x", "a", "x"},         {"a/b/x///", "a/b", "x"},
        {"abs/x", "a/b", "x"},     {"a/../../x", ".", "x"},
        {"rel/up2", "a/b", "up2"}, {"dangling", ".", "dangling"},
    };
    static const char *const bad[] = {"",        "/",         ".",     "..",     "a/.",      "a/..",
                                      "a/b/../", "nowhere/x", "top/x", "self/x", NAME255 "x"};
    for (size_t i = 0; i < JP_LEN(good); i++) {
        char name[NAME_MAX + 1] = "";
        JP_AUTO_FD int fd = jp_path_open_parent(root, good[i].path, name, NULL);
        TAP_OK(fd >= 0 && is_node(fd, good[i].parent) && strcmp(name, good[i].name) == 0,
               "parent of '%s' is '%s'", good[i].path, good[i].parent);
    }
    for (size_t i = 0; i < JP_LEN(bad); i++) {
        char name[NAME_MAX + 1] = "untouched";
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        TAP_OK(jp_path_open_parent(root, bad[i], name, &err) < 0 && err.code != JP_OK &&
                   strcmp(name, "untouched") == 0,
               "no parent of '%.20s'", bad[i]);
    }
}

static void try_make(void)
{
    static const struct {
        const char *path, *made;
    } good[] = {
        {"m/n/o", "m/n/o"},
        {"/m/n/o", "m/n/o"},
        {"abs/new", "a/b/new"},
        {"../../m2", "m2"},
        {"dangling", "nowhere"},
        {"m/./n/../p/", "m/p"},
        {"dangling-dir/x", "nowhere/at/all/x"},
        {"/", "."},
    };
    static const char *const bad[] = {"top",  "top/x",          "to-file", "fifo",
                                      "self", "m/" NAME255 "x", ""};
    mode_t before = umask(077);
    for (size_t i = 0; i < JP_LEN(good); i++) {
        struct stat st = {.st_mode = 0};
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        JP_AUTO_FD int fd = jp_path_make_dirs(root, good[i].path, 01755, &err);
        bool is_same = fd >= 0 && is_node(fd, good[i].made) && fstat(fd, &st) == 0;
        TAP_OK(is_same && (good[i].made[0] == '.' || (st.st_mode & 07777) == 01755),
               "make '%s': %s", good[i].path, err.code ? jp_error_text(&err) : good[i].made);
    }
    (void)umask(before);
    for (size_t i = 0; i < JP_LEN(bad); i++) {
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        int r = jp_path_make_dirs(root, bad[i], 0755, &err);
        TAP_OK(r < 0 && err.code != JP_OK, "make '%.20s' fails: %.60s", bad[i],
               jp_error_text(&err));
    }
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    TAP_OK(jp_path_make_dirs(root, "top", 0755, &err) < 0 && err.code == JP_EEXISTS,
           "a file in the way is JP_EEXISTS");
}

static void try_strict(void)
{
    static const struct {
        const char *path, *names; /* NULL = works */
    } list[] = {
        {"a/b/c", NULL}, {"a/file", NULL},         {"a/b/../file", NULL},  {"a/b/", NULL},
        {"rel", "rel"},  {"a/b/up2/top", "up2"},   {"to-file", "to-file"}, {"abs/c", "abs"},
        {"rel/", "rel"}, {"dangling", "dangling"},
    };
    char real[PATH_MAX];
    if (!realpath(scratch_path, real))
        scratch_bail("realpath");
    for (size_t i = 0; i < JP_LEN(list); i++) {
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        JP_AUTO_FREE char *path = jp_format("%s/root/%s", real, list[i].path);
        JP_AUTO_FD int fd = jp_path_open_strict(path, O_RDONLY, &err);
        bool good = list[i].names ? fd < 0 && err.code == JP_EINVALID &&
                                        strstr(jp_error_text(&err), list[i].names)
                                  : fd >= 0;
        TAP_OK(good, "strict '%s': %s", list[i].path, fd < 0 ? jp_error_text(&err) : "opened");
    }
    TAP_OK(jp_path_open_strict("etc", O_RDONLY, NULL) < 0, "strict refuses a relative path");
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    TAP_OK(jp_path_open_strict("/nowhere-at-all/x", O_RDONLY, &err) < 0 && err.code == JP_ENOTFOUND,
           "strict: missing is JP_ENOTFOUND");
}

static void try_regular(void)
{
    static const char *const bad[] = {"a", "fifo", "fifo-link", "rel", "self", "nowhere", "/"};
    JP_AUTO_FD int fd = jp_path_open_regular(root, "to-link", NULL);
    TAP_OK(fd >= 0 && is_node(fd, "a/file"), "regular: through links");
    for (size_t i = 0; i < JP_LEN(bad); i++)
        TAP_OK(jp_path_open_regular(root, bad[i], NULL) < 0, "regular: '%s' is refused", bad[i]);
}

static void try_deep(bool walker)
{
    /* More levels than descriptors: the walker keeps two. */
    char path[3 * 1300 + 1] = "";
    int at = dup(root);
    for (size_t i = 0; i < 1300; i++) {
        memcpy(path + 3 * i, "dd/", 4);
        (void)mkdirat(at, "dd", 0755);
        int next = openat(at, "dd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        jp_fd_close(&at);
        at = next;
    }
    struct stat deep, got;
    jp_path_force_walker(walker);
    JP_AUTO_FD int fd = jp_path_open(root, path, O_RDONLY, NULL);
    TAP_OK(at >= 0 && fd >= 0 && fstat(at, &deep) == 0 && fstat(fd, &got) == 0 &&
               deep.st_ino == got.st_ino,
           "1300 levels deep, %s", walker ? "walker" : "kernel");
    jp_path_force_walker(false);
    jp_fd_close(&at);
}

int main(void)
{
    make_tree();
    try_all("kernel");
    jp_path_force_walker(true);
    try_all("walker");
    try_parent();
    try_regular();
    jp_path_force_walker(false);
    try_parent();
    try_regular();
    TAP_OK(jp_path_open(root, "fresh", O_RDWR | O_CREAT, NULL) < 0, "O_CREAT is refused");
    try_deep(false);
    try_deep(true);
    try_make();
    try_strict();
    differ();
    races();
    return tap_done();
}
