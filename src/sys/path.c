/*
 * Paths inside a root directory that belongs to somebody else: see path.h for the promise.
 *
 * openat2(2) keeps it in the kernel. The walker keeps it with plain calls: it opens one component
 * at a time with O_NOFOLLOW, so no link is ever followed by the kernel; the text of a link is read
 * and put before what is left of the path, an absolute one starts again at the root descriptor.
 * Only ".." needs thought: a directory may be moved out of the root while we stand in it, and its
 * ".." is then outside. So the identity of every directory on the way is remembered, and what ".."
 * opens must be the one we came from; otherwise the whole resolution starts again, a bounded number
 * of times. Two descriptors are enough for any depth.
 *
 * What both refuse alike: more than 40 links, magic links of procfs (their text is harmless here,
 * but they would mean something else to the kernel), paths of 4,096 bytes and more.
 */
#include "sys/path.h"

#ifdef __linux__
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <linux/openat2.h>
#endif
#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/calls.h"
#include "sys/fd.h"

#define MAX_LINKS   40   /* as Linux; FreeBSD has 32 */
#define MAX_PATH    4096 /* with the NUL, as Linux; links may hold as much */
#define MAX_RETRIES 128  /* resolutions disturbed by renames before we give up */

/* A descriptor of a directory that is only passed on. FreeBSD has O_PATH since 13. */
#ifdef O_PATH
#define OPEN_DIR (O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
#else
#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
#endif

#define PROC_MAGIC      0x9fa0 /* PROC_SUPER_MAGIC of linux/magic.h */
#define PROC_ROOT_INODE 1

static atomic_bool forced_walker;

struct level {
    dev_t device;
    ino_t inode;
};

struct walk {
    int root_fd;
    int here; /* where we stand, owned; -1 = the root itself */
    struct level here_is;
    struct level *above; /* the directories on the way down, the root first */
    size_t depth, capacity;
    char *text;       /* the path with links expanded, owned */
    const char *rest; /* what is left of it */
    unsigned links;
    bool is_strict;               /* no links at all */
    bool is_making;               /* missing directories are made */
    struct jp_path_making making; /* like this */
    char *link_at;                /* strict: copy of the component that is a link, NULL = none */
};

enum step { STEP_FAILED = -1, STEP_ON = -2 }; /* anything else is the descriptor asked for */

static int here_fd(const struct walk *w)
{
    return w->here >= 0 ? w->here : w->root_fd;
}

static void walk_clear(struct walk *w)
{
    int saved = errno;
    jp_fd_close(&w->here);
    free(w->above);
    free(w->text);
    free(w->link_at);
    errno = saved;
}

static int identify(int fd, struct level *ret)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -1;
    *ret = (struct level){st.st_dev, st.st_ino};
    return 0;
}

static int walk_init(struct walk *w, const char *path)
{
    if (*path == '\0') {
        errno = ENOENT;
        return -1;
    }
    if (strlen(path) >= MAX_PATH) {
        errno = ENAMETOOLONG;
        return -1;
    }
    w->text = jp_strdup(path);
    if (!w->text) {
        errno = ENOMEM;
        return -1;
    }
    w->rest = w->text;
    return identify(w->root_fd, &w->here_is);
}

/* Steps down into a directory that was opened; takes the descriptor over. */
static int descend(struct walk *w, int fd)
{
    struct level is;
    if (identify(fd, &is) < 0 ||
        jp_grow(&w->above, &w->capacity, w->depth, sizeof(*w->above)) < 0) {
        jp_fd_close(&fd);
        return STEP_FAILED;
    }
    w->above[w->depth++] = w->here_is;
    w->here_is = is;
    jp_fd_close(&w->here);
    w->here = fd;
    return STEP_ON;
}

/* "..": the directory above must be the one we came from; the root is its own parent. */
static int ascend(struct walk *w)
{
    if (w->depth == 0)
        return STEP_ON;
    int fd = openat(here_fd(w), "..", OPEN_DIR);
    if (fd < 0)
        return STEP_FAILED;
    struct level is, expected = w->above[w->depth - 1];
    if (identify(fd, &is) < 0 || is.device != expected.device || is.inode != expected.inode) {
        jp_fd_close(&fd);
        errno = EAGAIN;
        return STEP_FAILED;
    }
    jp_fd_close(&w->here);
    w->here = fd;
    w->here_is = is;
    w->depth--;
    if (w->depth == 0)
        jp_fd_close(&w->here);
    return STEP_ON;
}

static void return_to_root(struct walk *w)
{
    if (w->depth > 0)
        w->here_is = w->above[0];
    w->depth = 0;
    jp_fd_close(&w->here);
}

/*
 * Links below /proc/PID are magic: the kernel jumps to an object instead of reading the text. Those
 * in procfs' own root (self, mounts, net) are ordinary.
 */
static bool is_magic(const struct walk *w)
{
#ifdef __linux__
    struct statfs fs;
    return w->here_is.inode != PROC_ROOT_INODE && fstatfs(here_fd(w), &fs) == 0 &&
           fs.f_type == PROC_MAGIC;
#else
    (void)w;
    return false;
#endif
}

/* Puts the text of a link before the rest of the path. EINVAL when `name` is no link. */
static int follow(struct walk *w, const char *name)
{
    char target[MAX_PATH];
    ssize_t len = readlinkat(here_fd(w), name, target, sizeof(target));
    if (len < 0)
        return STEP_FAILED;
    if (w->is_strict) {
        w->link_at = jp_strdup(name);
        errno = ELOOP;
        return STEP_FAILED;
    }
    if (w->links++ >= MAX_LINKS || is_magic(w)) {
        errno = ELOOP;
        return STEP_FAILED;
    }
    if (len == 0 || len >= (ssize_t)sizeof(target)) {
        errno = len == 0 ? ENOENT : ENAMETOOLONG;
        return STEP_FAILED;
    }
    char *joined = jp_format("%.*s%s", (int)len, target, w->rest);
    if (!joined) {
        errno = ENOMEM;
        return STEP_FAILED;
    }
    free(w->text);
    w->text = joined;
    w->rest = joined;
    if (target[0] == '/')
        return_to_root(w);
    return STEP_ON;
}

/*
 * Makes one directory. Its mode and group are set through a descriptor of what is there now, and
 * only when that is ours: somebody may have exchanged it.
 */
static int make_one(struct walk *w, const char *name)
{
    if (jp_sys.mkdirat(here_fd(w), name, w->making.mode & 07777) < 0)
        return errno == EEXIST ? 0 : -1;
    JP_AUTO_FD int fd =
        openat(here_fd(w), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    if (st.st_uid != geteuid())
        return 0;
    if (st.st_uid == 0 && st.st_gid != 0 && jp_sys.fchown(fd, 0, 0) < 0)
        return -1;
    return (st.st_mode & 07777) == (w->making.mode & 07777)
               ? 0
               : jp_sys.fchmod(fd, w->making.mode & 07777);
}

/* A component that has to be a directory or a link to one. */
static int enter(struct walk *w, const char *name)
{
    int fd = openat(here_fd(w), name, OPEN_DIR);
    if (fd < 0 && errno == ENOENT && w->is_making) {
        const struct jp_path_making *how = &w->making;
        if (how->may_make && !how->may_make(how->context, here_fd(w))) {
            errno = EXDEV;
            return STEP_FAILED;
        }
        if (make_one(w, name) < 0)
            return STEP_FAILED;
        fd = openat(here_fd(w), name, OPEN_DIR);
    }
    if (fd >= 0)
        return descend(w, fd);
    /* Linux says ENOTDIR to a link here, FreeBSD EMLINK or ENOTDIR. */
    if (errno != ENOTDIR && errno != ELOOP && errno != EMLINK)
        return STEP_FAILED;
    int r = follow(w, name);
    if (r == STEP_FAILED && errno == EINVAL)
        errno = ENOTDIR;
    return r;
}

static bool is_link(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISLNK(st.st_mode);
}

/* The last component. A slash after it asks for a directory and follows links (path_resolution). */
static int open_last(struct walk *w, const char *name, bool slash_follows, int flags)
{
    bool must_follow = w->is_strict || slash_follows || !(flags & O_NOFOLLOW);
    if (slash_follows)
        flags |= O_DIRECTORY;
    if (must_follow) {
        int r = follow(w, name);
        if (r == STEP_ON || errno != EINVAL)
            return r;
    }
    int fd = openat(here_fd(w), name, flags | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EMLINK)
        errno = ELOOP;
    if (!must_follow)
        return fd >= 0 ? fd : STEP_FAILED;
    /* It was no link a moment ago: somebody is exchanging things. */
    if ((fd < 0 && errno == ELOOP) || (fd >= 0 && is_link(fd))) {
        jp_fd_close(&fd);
        errno = EAGAIN;
    }
    return fd >= 0 ? fd : STEP_FAILED;
}

/* Where we stand, opened as asked. */
static int open_here(struct walk *w, int flags)
{
    int fd = openat(here_fd(w), ".", flags | O_CLOEXEC);
    return fd >= 0 ? fd : STEP_FAILED;
}

/* One component further. */
static int step(struct walk *w, int flags)
{
    w->rest += strspn(w->rest, "/");
    size_t len = strcspn(w->rest, "/");
    if (len == 0)
        return open_here(w, flags);
    if (len > NAME_MAX) {
        errno = ENAMETOOLONG;
        return STEP_FAILED;
    }
    char name[NAME_MAX + 1];
    memcpy(name, w->rest, len);
    name[len] = '\0';
    w->rest += len;
    if (strcmp(name, ".") == 0)
        return STEP_ON;
    if (strcmp(name, "..") == 0)
        return ascend(w);
    bool is_last = w->rest[strspn(w->rest, "/")] == '\0';
    if (is_last && !w->is_making)
        return open_last(w, name, *w->rest == '/', flags);
    return enter(w, name);
}

/* One resolution from start to end: a descriptor, or -1 with errno. */
static int walk_once(struct walk *w, const char *path, int flags)
{
    w->here = -1;
    if (walk_init(w, path) < 0)
        return -1;
    /* Ends: every step uses a component up, and at most MAX_LINKS texts are added. */
    int r = STEP_ON;
    while (r == STEP_ON)
        r = step(w, flags);
    return r == STEP_FAILED ? -1 : r;
}

static int walk_path(const struct walk *how, const char *path, int flags)
{
    for (int i = 0; i < MAX_RETRIES; i++) {
        struct walk w = *how;
        int fd = walk_once(&w, path, flags);
        walk_clear(&w);
        if (fd >= 0 || errno != EAGAIN)
            return fd;
    }
    return -1;
}

/*
 * ENOSYS: an old kernel, remembered. EPERM may be a filter that does not know the call, or the true
 * answer: the walker finds out. EAGAIN: renames elsewhere disturb ".."; the walker minds less.
 */
static int open_in_root(int root_fd, const char *path, int flags)
{
    struct walk how = {.root_fd = root_fd};
#ifdef __linux__
    static atomic_bool is_missing;
    struct open_how ask = {.flags = (unsigned)flags | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    if (!atomic_load(&is_missing) && !atomic_load(&forced_walker)) {
        long fd = -1;
        for (int i = 0; i < MAX_RETRIES && fd < 0 && (i == 0 || errno == EAGAIN); i++)
            fd = syscall(SYS_openat2, root_fd, path, &ask, sizeof(ask));
        if (fd >= 0 || (errno != ENOSYS && errno != EPERM && errno != EAGAIN))
            return (int)fd;
        if (errno == ENOSYS)
            atomic_store(&is_missing, true);
    }
#endif
    return walk_path(&how, path, flags);
}

static int fail_open(struct jp_error *err, const char *path)
{
    return jp_fail(err, errno == ENOENT ? JP_ENOTFOUND : JP_ESYS, errno, "open '%s'", path);
}

int jp_path_open(int root_fd, const char *path, int flags, struct jp_error *err)
{
    if (flags & O_CREAT)
        return jp_fail(err, JP_EINVALID, EINVAL, "open '%s'", path);
#ifdef O_PATH
    /* open(2) ignores the rest together with O_PATH, openat2(2) refuses it. */
    if (flags & O_PATH)
        flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
#endif
    int fd = open_in_root(root_fd, path, flags);
    return fd >= 0 ? fd : fail_open(err, path);
}

int jp_path_open_regular(int root_fd, const char *path, struct jp_error *err)
{
    struct stat before, after;
#ifdef O_PATH
    JP_AUTO_FD int place = jp_path_open(root_fd, path, O_PATH, err);
    if (place < 0)
        return -1;
    if (fstat(place, &before) < 0)
        return jp_fail_sys(err, "stat '%s'", path);
    if (!S_ISREG(before.st_mode))
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not a regular file", path);
#endif
    JP_AUTO_FD int fd = jp_path_open(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, err);
    if (fd < 0)
        return -1;
    if (fstat(fd, &after) < 0)
        return jp_fail_sys(err, "stat '%s'", path);
#ifndef O_PATH
    before = after;
#endif
    if (!S_ISREG(after.st_mode))
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not a regular file", path);
    if (before.st_dev != after.st_dev || before.st_ino != after.st_ino)
        return jp_fail(err, JP_EBUSY, 0, "'%s' was exchanged while it was opened", path);
    return jp_fd_take(&fd);
}

int jp_path_open_parent(int root_fd, const char *path, char *name, struct jp_error *err)
{
    size_t end = strlen(path);
    while (end > 0 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    size_t len = end - start;
    const char *last = path + start;
    if (len == 0 || (len == 1 && last[0] == '.') || (len == 2 && memcmp(last, "..", 2) == 0))
        return jp_fail(err, JP_EINVALID, 0, "'%s' does not end in a name", path);
    if (len > NAME_MAX)
        return jp_fail(err, JP_ESYS, ENAMETOOLONG, "open '%s'", path);
    JP_AUTO_FREE char *parent = start > 0 ? jp_memdup0(path, start) : jp_strdup("/");
    if (!parent)
        return jp_oom(err);
    int fd = jp_path_open(root_fd, parent, OPEN_DIR & ~O_NOFOLLOW, err);
    if (fd < 0)
        return -1;
    memcpy(name, last, len);
    name[len] = '\0';
    return fd;
}

int jp_path_make_dirs(int root_fd, const char *path, mode_t mode, struct jp_error *err)
{
    struct jp_path_making how = {.mode = mode};
    return jp_path_make_dirs_where(root_fd, path, &how, err);
}

int jp_path_make_dirs_where(int root_fd, const char *path, const struct jp_path_making *making,
                            struct jp_error *err)
{
    struct walk how = {.root_fd = root_fd, .is_making = true, .making = *making};
    int fd = walk_path(&how, path, OPEN_DIR);
    if (fd >= 0)
        return fd;
    if (errno == EXDEV && making->may_make)
        return jp_fail(err, JP_EINVALID, 0, "'%s' would be made where nothing may be", path);
    enum jp_code code = errno == ENOTDIR ? JP_EEXISTS : JP_ESYS;
    return jp_fail(err, code, errno, "make directory '%s'", path);
}

int jp_path_open_strict(const char *path, int flags, struct jp_error *err)
{
    if (path[0] != '/')
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not an absolute path", path);
    if (flags & O_CREAT)
        return jp_fail(err, JP_EINVALID, EINVAL, "open '%s'", path);
    JP_AUTO_FD int root_fd = open("/", OPEN_DIR);
    if (root_fd < 0)
        return jp_fail_sys(err, "open '/'");
    struct walk w = {.root_fd = root_fd, .is_strict = true};
    int fd = walk_once(&w, path, flags);
    if (fd < 0 && w.link_at) {
        int till = (int)(w.rest - w.text);
        jp_fail(err, JP_EINVALID, 0, "'%.*s' is a symbolic link", till, path);
    } else if (fd < 0) {
        fail_open(err, path);
    }
    walk_clear(&w);
    return fd;
}

void jp_path_force_walker(bool force)
{
    atomic_store(&forced_walker, force);
}
