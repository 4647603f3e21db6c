#include "sys/fileflags.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/macros.h"
#include "base/mem.h"
#include "sys/calls.h"
#include "sys/fd.h"

#ifdef __FreeBSD__

/* What belongs to a file wherever it lies. UF_ARCHIVE says that it was written since a backup. */
#define OWN                                                                                        \
    ((uint32_t)(UF_NODUMP | UF_IMMUTABLE | UF_APPEND | UF_OPAQUE | UF_NOUNLINK | UF_HIDDEN |       \
                SF_ARCHIVED | SF_IMMUTABLE | SF_APPEND | SF_NOUNLINK))
#define KEEPING                                                                                    \
    ((uint32_t)(UF_IMMUTABLE | UF_APPEND | UF_NOUNLINK | SF_IMMUTABLE | SF_APPEND | SF_NOUNLINK))

bool jp_file_flags_can_be_set(void)
{
    return true;
}

int jp_file_flags_put(int dir_fd, const char *name, uint32_t flags)
{
    if (chflagsat(dir_fd, name, flags, AT_SYMLINK_NOFOLLOW) == 0)
        return 1;
    return errno == EOPNOTSUPP ? 0 : -1;
}

int jp_file_flags_set(int dir_fd, const char *name, const char *words)
{
    JP_AUTO_FREE char *copy = jp_strdup(words);
    if (!copy) {
        errno = ENOMEM;
        return -1;
    }
    unsigned long set = 0;
    unsigned long clear = 0;
    char *rest = copy;
    if (strtofflags(&rest, &set, &clear) != 0) {
        errno = EINVAL;
        return -1;
    }
    return jp_file_flags_put(dir_fd, name, (uint32_t)set);
}

uint32_t jp_file_flags_of(const struct stat *st, JP_UNUSED int fd, JP_UNUSED int dir_fd)
{
    return (uint32_t)st->st_flags & OWN;
}

char *jp_file_flags_words(uint32_t flags)
{
    return fflagstostr(flags);
}

/* *ret_flags: what it had. */
static bool lift(int dir_fd, const char *name, uint32_t *ret_flags)
{
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    uint32_t flags = *ret_flags = (uint32_t)st.st_flags;
    return (flags & KEEPING) && chflagsat(dir_fd, name, flags & ~KEEPING, AT_SYMLINK_NOFOLLOW) == 0;
}

bool jp_file_flags_lift(int dir_fd, const char *name)
{
    uint32_t flags;
    return lift(dir_fd, name, &flags);
}

int jp_file_unlink(int dir_fd, const char *name, int how)
{
    uint32_t flags = 0, of_directory = 0;
    if (jp_sys.unlinkat(dir_fd, name, how) == 0)
        return 0;
    int failure = errno;
    if (failure != EPERM)
        return -1;
    /* What has no other name needs no flags any more. Without a descriptor it cannot have them. */
    JP_AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool was_kept = lift(dir_fd, name, &flags);
    bool was_in_kept = lift(dir_fd, ".", &of_directory);
    int r = was_kept || was_in_kept ? jp_sys.unlinkat(dir_fd, name, how) : -1;
    if (was_kept || was_in_kept)
        failure = errno;
    if (was_kept && fd >= 0)
        (void)fchflags(fd, flags);
    if (was_in_kept)
        (void)fchflags(dir_fd, of_directory);
    errno = failure;
    return r;
}

int jp_file_link(int from_dir, const char *from, int to_dir, const char *to)
{
    uint32_t flags = 0;
    if (jp_sys.linkat(from_dir, from, to_dir, to, 0) == 0)
        return 0;
    if (errno != EPERM || !lift(from_dir, from, &flags))
        return -1;
    int r = jp_sys.linkat(from_dir, from, to_dir, to, 0);
    int failure = errno;
    if (jp_file_flags_put(from_dir, from, flags) < 0)
        return -1;
    errno = failure;
    return r;
}

#else

#include <sys/xattr.h>

/* Their numbers here are statx's. */
static const struct flag {
    uint32_t bit;
    char letter; /* an overlay's for it, in an attribute: set on the file it would hinder copying */
    const char *word;
} known[] = {
    {STATX_ATTR_IMMUTABLE, 'i', "schg"},
    {STATX_ATTR_APPEND, 'a', "sappnd"},
    {STATX_ATTR_NODUMP, '\0', "nodump"},
};

bool jp_file_flags_can_be_set(void)
{
    return false;
}

int jp_file_flags_set(JP_UNUSED int dir_fd, JP_UNUSED const char *name, JP_UNUSED const char *words)
{
    return 0;
}

static bool is_inherited(uint32_t bit, int dir_fd)
{
    struct statx directory;
    return bit == STATX_ATTR_NODUMP && dir_fd >= 0 &&
           statx(dir_fd, "", AT_EMPTY_PATH, 0, &directory) == 0 && (directory.stx_attributes & bit);
}

uint32_t jp_file_flags_of(JP_UNUSED const struct stat *st, int fd, int dir_fd)
{
    struct statx more;
    char letters[32] = "";
    uint32_t flags = 0;
    if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, 0, &more) < 0)
        return 0;
    (void)fgetxattr(fd, "trusted.overlay.protattr", letters, sizeof(letters) - 1);
    for (size_t i = 0; i < JP_LEN(known); i++)
        if (((more.stx_attributes & known[i].bit) && !is_inherited(known[i].bit, dir_fd)) ||
            (known[i].letter && strchr(letters, known[i].letter)))
            flags |= known[i].bit;
    return flags;
}

char *jp_file_flags_words(uint32_t flags)
{
    JP_AUTO(jp_buf) words = JP_BUF_INIT;
    for (size_t i = 0; i < JP_LEN(known); i++)
        if (flags & known[i].bit)
            jp_buf_printf(&words, "%s%s", words.len ? "," : "", known[i].word);
    char *text = jp_buf_steal(&words);
    if (!text)
        errno = ENOMEM;
    return text;
}

int jp_file_flags_put(JP_UNUSED int dir_fd, JP_UNUSED const char *name, JP_UNUSED uint32_t flags)
{
    return 0;
}

bool jp_file_flags_lift(JP_UNUSED int dir_fd, JP_UNUSED const char *name)
{
    return false;
}

int jp_file_unlink(int dir_fd, const char *name, int how)
{
    return jp_sys.unlinkat(dir_fd, name, how);
}

int jp_file_link(int from_dir, const char *from, int to_dir, const char *to)
{
    return jp_sys.linkat(from_dir, from, to_dir, to, 0);
}

#endif
