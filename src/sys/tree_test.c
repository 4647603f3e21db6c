/* Trees are removed, copied, measured; what is not theirs stays. Needs root for most of it. */
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "sys/tree.h"
#ifdef __linux__
#include <sys/mount.h>
#include <sys/xattr.h>

#include <linux/fs.h>
#endif
#include <sched.h>
#include <signal.h>

#include "base/mem.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/fileflags.h"
#include "sys/mounts.h"
#include "sys/process.h"
#include "sys/scratch_test.h"
#include "tap.h"

#define LEVELS 10000

static int base;

static bool is_there(const char *path)
{
    struct stat st;
    return fstatat(base, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Runs a shell line in the scratch directory; true when it succeeds. */
static bool shell(const char *line)
{
    JP_AUTO_FREE char *text = jp_format("cd '%s' && %s", scratch_path, line);
    char sh[] = "/bin/sh", c[] = "-c";
    char *const argv[] = {sh, c, text, NULL};
    const int stdio[3] = {-1, STDERR_FILENO, STDERR_FILENO};
    int status = -1;
    return text && jp_process_run(argv, stdio, &status, NULL) == 0 && status == 0;
}

static void try_remove(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    TAP_OK(jp_tree_remove(base, "nothing", &err) == 0, "nothing there is fine");
    shell("mkdir -p t/a/b canary && echo x >t/a/b/f && ln -s ../../canary t/a/out && "
          "echo keep >canary/file && mkfifo t/p && mkdir t/000 && echo y >t/000/z && "
          "chmod 0 t/000 && mknod t/null c 1 3; for i in $(seq 3000); do echo >t/a/f$i; done");
    TAP_OK(jp_tree_remove(base, "t", &err) == 0 && !is_there("t"),
           "a tree of all kinds is removed");
    TAP_OK(is_there("canary/file"), "a link in it was not followed");
    shell("ln -s canary l && echo >f");
    TAP_OK(jp_tree_remove(base, "l", NULL) == 0 && !is_there("l") && is_there("canary/file"),
           "a link itself is removed");
    TAP_OK(jp_tree_remove(base, "f", NULL) == 0 && !is_there("f"), "a file is removed");
    static const char *const bad[] = {"", ".", "..", "canary/file", "/"};
    for (size_t i = 0; i < JP_LEN(bad); i++)
        TAP_OK(jp_tree_remove(base, bad[i], NULL) < 0 && is_there("canary/file"),
               "'%s' is no name of ours", bad[i]);
}

static void make_deep(const char *name)
{
    int at = scratch_dir(base, name);
    for (int i = 0; i < LEVELS; i++) {
        int next = scratch_dir(at, "d");
        jp_fd_close(&at);
        at = next;
    }
    scratch_file(at, "bottom", "0123456789");
    jp_fd_close(&at);
}

static int open_dir(const char *path)
{
    int fd = openat(base, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        scratch_bail(path);
    return fd;
}

/* In a child that may open 64 files at most. */
static void try_deep(void)
{
    make_deep("deep");
    JP_AUTO_FD int to = scratch_dir(base, "deep-copy");
    JP_AUTO_FD int from = open_dir("deep");
    /* Directories of btrfs and tmpfs take no space: there only the file at the bottom does. */
    struct stat st;
    if (fstat(from, &st) < 0)
        scratch_bail("deep");
    uint64_t least = st.st_blocks > 0 ? LEVELS : 1;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit few = {64, 64};
        (void)setrlimit(RLIMIT_NOFILE, &few);
        uint64_t a = 0, b = 1;
        int failed = jp_tree_copy(from, to, NULL, NULL) < 0 ? 1 : 0;
        failed |= jp_tree_usage(from, &a, NULL) < 0 || jp_tree_usage(to, &b, NULL) < 0 ? 2 : 0;
        failed |= a != b || a < least ? 4 : 0;
        failed |= jp_tree_remove(base, "deep-copy", NULL) < 0 ? 8 : 0;
        failed |= jp_tree_remove(base, "deep", NULL) < 0 ? 16 : 0;
        _exit(failed);
    }
    int status = -1;
    (void)waitpid(pid, &status, 0);
    TAP_OK(status == 0 && !is_there("deep") && !is_there("deep-copy"),
           "%d levels: copied, measured, removed with few descriptors (%#x)", LEVELS,
           (unsigned)status);
}

#ifdef __linux__

/* Row 61: in a mount namespace of its own, something is left mounted in the tree. */
static int remove_mounted(const char *mounted)
{
    pid_t pid = fork();
    if (pid == 0) {
        JP_AUTO_FREE char *from = jp_format("%s/canary", scratch_path);
        JP_AUTO_FREE char *to = jp_format("%s/%s", scratch_path, mounted);
        bool is_file = strstr(mounted, "file") != NULL;
        JP_AUTO_FREE char *file = jp_format("%s/file", from);
        if (unshare(CLONE_NEWNS) < 0 || jp_mounts_make_private() < 0 ||
            mount(is_file ? file : from, to, NULL, MS_BIND, NULL) < 0)
            _exit(77);
        /* The old descriptor still leads into the old namespace, where nothing is mounted. */
        int here = open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        int r = jp_tree_remove(here, "t", &err);
        printf("# %s\n", jp_error_text(&err));
        bool named = strstr(jp_error_text(&err), mounted) != NULL;
        _exit(r < 0 && err.code == JP_EBUSY && named ? 0 : 1);
    }
    int status = -1;
    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void try_mounts(void)
{
    static const char *const places[] = {"t/m", "t/a/b/m", "t", "t/a/file"};
    for (size_t i = 0; i < JP_LEN(places); i++) {
        shell("mkdir -p t/m t/a/b/m && echo >t/a/file");
        int r = remove_mounted(places[i]);
        if (r == 77)
            tap_skip(places[i], "cannot mount here");
        else
            TAP_OK(r == 0 && is_there("canary/file"),
                   "a bind mount of the same file system on '%s' is refused, the canary lives",
                   places[i]);
    }
    TAP_OK(jp_tree_remove(base, "t", NULL) == 0 && !is_there("t"), "removed when it is gone");
}

static void try_immutable(void)
{
    shell("mkdir -p t/i && echo >t/i/f");
    JP_AUTO_FD int fd = openat(base, "t/i/f", O_RDONLY | O_CLOEXEC);
    int flags = FS_IMMUTABLE_FL;
    if (ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0) {
        tap_skip("immutable file", "the file system has no such flag, or no right to set it");
    } else {
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        int r = jp_tree_remove(base, "t", &err);
        JP_AUTO_FREE char *words = jp_file_flags_words(jp_file_flags_of(NULL, fd, -1));
        TAP_OK(words && strcmp(words, "schg") == 0, "the flag of an open file: %s", words);
        TAP_OK(r < 0 && strstr(jp_error_text(&err), "immutable") &&
                   strstr(jp_error_text(&err), "t/i/f"),
               "immutable: %s", jp_error_text(&err));
        flags = 0;
        (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
    }
    TAP_OK(jp_tree_remove(base, "t", NULL) == 0, "removed when the flag is gone");
}

/* Everything that `find` and getfattr see of both trees is equal. */
static void try_copy(void)
{
    shell("mkdir -p s/dir/sub s/empty && echo text >s/dir/f && chmod 4751 s/dir/f && "
          "chown 12:34 s/dir/f && ln s/dir/f s/dir/sub/hard && ln s/dir/f s/another && "
          "ln -s ../nowhere s/link && chown -h 5:6 s/link && touch -h -d @1000000 s/link && "
          "mkfifo s/fifo && chmod 612 s/fifo && mknod s/dev c 1 3 && chmod 444 s/dev && "
          "truncate -s 5M s/holes && printf data | dd of=s/holes bs=1 seek=3M conv=notrunc "
          "2>/dev/null && truncate -s 1M s/all-hole && head -c 3000000 /dev/urandom >s/big && "
          "chmod 2770 s/dir && touch -d @123456789.987654321 s/dir/f s/dir/sub s/dir s/empty && "
          "chmod 1777 s/empty && printf '\\n' >'s/odd\nname\\' && touch -d @5 s");
    JP_AUTO_FD int from = open_dir("s");
    JP_AUTO_FD int f = openat(from, "dir/f", O_RDONLY | O_CLOEXEC);
    static const unsigned char capability[20] = {0, 0, 0, 2, 0, 4};
    bool xattrs = fsetxattr(f, "user.colour", "blue", 4, 0) == 0 &&
                  fsetxattr(f, "security.capability", capability, sizeof(capability), 0) == 0;
    (void)fsetxattr(from, "user.top", "x", 1, 0);
    JP_AUTO_FD int to = scratch_dir(base, "d");
    shell("mkdir d/empty.d d/link d/dev d/dir && echo old >d/link/x && echo old >d/dir/stays && "
          "ln -s /etc/passwd d/big && echo old >d/dir/f && ln -s ../../canary/file d/fifo");
    bool cloned = true;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    int r = jp_tree_copy(from, to, &cloned, &err);
    TAP_OK(r == 0, "copy: %s", err.code ? jp_error_text(&err) : "done");
    TAP_OK(is_there("d/dir/stays") && is_there("d/empty.d") && !is_there("d/link/x"),
           "merged: what is in the way goes, the rest stays");
    shell("rm -r d/dir/stays d/empty.d && touch -d @123456789.987654321 d/dir && touch -d @5 d");
    TAP_OK(shell("for t in s d; do (cd $t && find . -printf '%P %y %m %U %G %n %T@ %l %s\\n' | "
                 "sed '/ d /s/ [0-9]*$//' | sort) >list.$t; done; cmp list.s list.d"),
           "type, mode, owner, links, times, targets, sizes are equal");
    TAP_OK(shell("diff -r --no-dereference s/dir d/dir && cmp s/big d/big && cmp s/holes d/holes "
                 "&& cmp 's/odd\nname\\' 'd/odd\nname\\'"),
           "content is equal");
    TAP_OK(shell("test $(stat -c %b d/holes) -le $(stat -c %b s/holes) && "
                 "test $(stat -c %b d/all-hole) = 0"),
           "holes are holes");
    TAP_OK(shell("test \"$(stat -c %i d/dir/f)\" = \"$(stat -c %i d/dir/sub/hard)\" && "
                 "test \"$(stat -c %i d/dir/f)\" = \"$(stat -c %i d/another)\" && "
                 "test \"$(stat -c %i d/dir/f)\" != \"$(stat -c %i s/dir/f)\""),
           "hard links are hard links among themselves");
    TAP_OK(shell("test $(stat -c '%t:%T' d/dev) = 1:3 && test $(cat canary/file) = keep"),
           "the device is that device, the canary is whole");
    if (!xattrs) {
        tap_skip("xattrs", "this file system or right is missing");
        return;
    }
    char value[64];
    JP_AUTO_FD int copied = openat(to, "dir/f", O_RDONLY | O_CLOEXEC);
    TAP_OK(fgetxattr(copied, "user.colour", value, sizeof(value)) == 4 &&
               memcmp(value, "blue", 4) == 0 &&
               fgetxattr(copied, "security.capability", value, sizeof(value)) == 20 &&
               memcmp(value, capability, 20) == 0 && fgetxattr(to, "user.top", value, 64) == 1,
           "xattrs and file capabilities are equal");
}

/* What a stranger put into the source must not make whole directories of the destination vanish. */
static void try_merge(void)
{
    static const char *const cases[][2] = {
        {"mkdir ms && echo evil >ms/etc", "mkdir -p md/etc/deep && echo keep >md/etc/deep/file"},
        {"mkdir ms && ln -s /tmp ms/etc", "mkdir -p md/etc/deep && echo keep >md/etc/deep/file"},
        {"mkdir -p ms/etc/x", "mkdir -p md && ln -s ../canary md/etc"},
    };
    for (size_t i = 0; i < JP_LEN(cases); i++) {
        shell("rm -rf ms md");
        shell(cases[i][0]);
        shell(cases[i][1]);
        JP_AUTO_FD int from = open_dir("ms");
        JP_AUTO_FD int to = open_dir("md");
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        bool refused = jp_tree_merge(from, to, false, &err) < 0 && err.code == JP_EEXISTS;
        TAP_OK(refused && (i == 2 ? shell("test -L md/etc") : is_there("md/etc/deep/file")),
               "merge: case %zu: what is in the way stays", i);
    }
    shell("rm -rf ms md && mkdir -p ms/a md/a && echo new >ms/a/f && echo old >md/a/f && "
          "ln -s /etc/passwd md/l && echo x >ms/l && echo stays >md/a/g");
    JP_AUTO_FD int from = open_dir("ms");
    JP_AUTO_FD int to = open_dir("md");
    TAP_OK(jp_tree_merge(from, to, false, NULL) == 0 && is_there("md/a/g") &&
               shell("test $(cat md/a/f) = new && test ! -L md/l && test $(cat md/l) = x"),
           "merge: files and links are replaced, directories joined");
    shell("rm -rf ms md");
}

static void try_acl(void)
{
    /* An ACL of the source is kept; one inherited from the destination's parent is not. */
    static const unsigned char acl[] = {2,   0,   0,   0,   1,   0,   7,  0,   255, 255, 255,
                                        255, 2,   0,   5,   0,   57,  48, 0,   0,   4,   0,
                                        5,   0,   255, 255, 255, 255, 16, 0,   7,   0,   255,
                                        255, 255, 255, 32,  0,   5,   0,  255, 255, 255, 255};
    JP_AUTO_FD int from = scratch_dir(base, "acl-from");
    JP_AUTO_FD int to = scratch_dir(base, "acl-to");
    if (fsetxattr(to, "system.posix_acl_default", acl, sizeof(acl), 0) < 0) {
        tap_skip("ACLs", "not on this file system");
        return;
    }
    scratch_file(from, "plain", "x");
    scratch_file(from, "listed", "x");
    (void)mkdirat(from, "sub", 0700);
    JP_AUTO_FD int listed = openat(from, "listed", O_RDONLY | O_CLOEXEC);
    (void)fsetxattr(listed, "system.posix_acl_access", acl, sizeof(acl), 0);
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    int r = jp_tree_copy(from, to, NULL, &err);
    char value[256];
    JP_AUTO_FD int plain = openat(to, "plain", O_RDONLY | O_CLOEXEC);
    JP_AUTO_FD int copy = openat(to, "listed", O_RDONLY | O_CLOEXEC);
    JP_AUTO_FD int sub = openat(to, "sub", O_RDONLY | O_CLOEXEC);
    TAP_OK(r == 0 && fgetxattr(copy, "system.posix_acl_access", value, sizeof(value)) ==
                         (ssize_t)sizeof(acl),
           "an ACL is copied: %s", r < 0 ? jp_error_text(&err) : "done");
    TAP_OK(fgetxattr(plain, "system.posix_acl_access", value, sizeof(value)) < 0 &&
               fgetxattr(sub, "system.posix_acl_default", value, sizeof(value)) < 0,
           "no ACL is inherited from the destination");
}

#else

static void try_mounts(void)
{
    tap_skip("mounts", "this part is for Linux");
}

#ifdef __FreeBSD__

static uint32_t flags_at(const char *path)
{
    struct stat st;
    return fstatat(base, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : jp_file_flags_of(&st, -1, -1);
}

/* Trees of ours have the flags that their images say: they do not keep them from going. */
static void try_immutable(void)
{
    shell("mkdir -p t/i s && echo >t/i/f && ln t/i/f t/i/g && ln t/i/f s/other && chflags schg "
          "t/i/f t/i "
          "&& mkdir t/full t/full/in && chflags sunlnk t/full/in && chflags uappnd t");
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    TAP_OK(jp_tree_remove(base, "t", &err) == 0 && !is_there("t"),
           "files and directories with flags go: %s", jp_error_text(&err));
    TAP_OK(flags_at("s/other") == SF_IMMUTABLE, "another name of such a file keeps them");
    TAP_OK(jp_tree_remove(base, "s", &err) == 0, "... until it goes, too");
}

/* Once over nothing and once over what has flags. */
static void try_copy(void)
{
    shell("mkdir -p s/dir d && echo >s/dir/f && ln s/dir/f s/dir/g && ln -s f s/dir/l && "
          "chflags schg s/dir/f s/dir && chflags nodump s/dir/g 2>/dev/null; chflags -h uchg "
          "s/dir/l");
    JP_AUTO_FD int from = openat(base, "s", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    JP_AUTO_FD int to = openat(base, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int round = 1; round <= 2; round++) {
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        TAP_OK(jp_tree_copy(from, to, NULL, &err) == 0, "a copy of files with flags, round %d: %s",
               round, jp_error_text(&err));
        TAP_OK(flags_at("d/dir") == SF_IMMUTABLE && flags_at("d/dir/f") == SF_IMMUTABLE &&
                   flags_at("d/dir/g") == SF_IMMUTABLE && flags_at("d/dir/l") == UF_IMMUTABLE,
               "... which it has, too");
    }
    TAP_OK(jp_tree_remove(base, "s", NULL) == 0 && jp_tree_remove(base, "d", NULL) == 0, "both go");
}

#else

static void try_immutable(void)
{
    tap_skip("flags", "this part is for Linux and FreeBSD");
}

static void try_copy(void)
{
    tap_skip("copy", "this part is for GNU find");
}

#endif

static void try_merge(void)
{
    tap_skip("merge", "this part is for Linux");
}

static void try_acl(void)
{
    tap_skip("ACLs", "this part is for Linux");
}

#endif

static void try_usage(void)
{
    shell("mkdir -p u/a && head -c 100000 /dev/urandom >u/f && ln u/f u/a/g && truncate -s 1G u/h");
    JP_AUTO_FD int fd = open_dir("u");
    uint64_t bytes = 0;
    struct stat f;
    (void)fstatat(fd, "f", &f, 0);
    int r = jp_tree_usage(fd, &bytes, NULL);
    uint64_t once = (uint64_t)f.st_blocks * 512;
    TAP_OK(r == 0 && bytes >= once && bytes < once + 65536,
           "a hard-linked file counts once, a hole not at all: %lu", (unsigned long)bytes);
}

/* Somebody fills the directory while it is removed, then exchanges directories with links. */
static void try_racer(void)
{
    shell("mkdir -p t/a t/b");
    pid_t racer = fork();
    if (racer == 0) {
        for (;;) {
            (void)mkdirat(base, "t/a/x", 0755);
            (void)renameat(base, "t/a/x", base, "t/b/x");
            (void)!symlinkat("../../canary", base, "t/a/x");
            (void)unlinkat(base, "t/b/x", AT_REMOVEDIR);
            (void)unlinkat(base, "t/a/x", 0);
        }
    }
    unsigned removed = 0;
    for (int i = 0; i < 300; i++) {
        removed += jp_tree_remove(base, "t", NULL) == 0;
        (void)mkdirat(base, "t", 0755);
        (void)mkdirat(base, "t/a", 0755);
        (void)mkdirat(base, "t/b", 0755);
    }
    tap_kill(racer, SIGKILL);
    (void)waitpid(racer, NULL, 0);
    TAP_OK(removed > 150 && is_there("canary/file"), "300 removals against a racer, %u complete",
           removed);
    TAP_OK(jp_tree_remove(base, "t", NULL) == 0, "and one without");
}

static bool is_swapped;

/* When the first file goes, the directory beside its own, listed already, becomes a link. */
static int swapping_unlinkat(int at, const char *path, int flags)
{
    struct stat here, one;
    if (!is_swapped && strcmp(path, "inside") == 0) {
        bool in_one = fstat(at, &here) == 0 && fstatat(base, "t/one", &one, 0) == 0 &&
                      here.st_ino == one.st_ino;
        const char *other = in_one ? "t/two" : "t/one";
        is_swapped = true;
        if (renameat(base, other, base, "moved") < 0 || symlinkat("../canary", base, other) < 0)
            scratch_bail("swap");
    }
    return unlinkat(at, path, flags);
}

static void try_swap(void)
{
    shell("mkdir -p t/one t/two && echo >t/one/inside && echo >t/two/inside");
    jp_sys.unlinkat = swapping_unlinkat;
    (void)jp_tree_remove(base, "t", NULL);
    jp_sys.unlinkat = unlinkat;
    TAP_OK(is_swapped && is_there("canary/file"), "a directory that became a link is not entered");
    TAP_OK(jp_tree_remove(base, "t", NULL) == 0 && is_there("canary/file"), "the rest goes");
}

static void try_itself(void)
{
    shell("mkdir -p t/a/into && echo >t/a/f");
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_FD int from = openat(base, "t", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    JP_AUTO_FD int to = openat(base, "t/a/into", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    TAP_OK(jp_tree_merge(from, to, true, &err) < 0 && err.code == JP_EINVALID &&
               strstr(jp_error_text(&err), "'a/into' is where the copy goes"),
           "a directory is not copied into itself: %s", jp_error_text(&err));
    TAP_OK(jp_tree_remove(base, "t", NULL) == 0, "what was copied until then goes");
}

int main(void)
{
    base = scratch_make();
    (void)umask(022);
    if (geteuid() != 0) {
        tap_skip("all", "needs root");
        return tap_done();
    }
    try_remove();
    try_deep();
    try_mounts();
    try_immutable();
    try_copy();
    try_merge();
    try_acl();
    try_usage();
    try_racer();
    try_swap();
    try_itself();
    return tap_done();
}
