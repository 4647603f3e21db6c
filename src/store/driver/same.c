/*
 * Comparing one entry with what it was made of.
 *
 * Type, mode, owner, file flags, size, times and link target decide, and where a file may have been
 * written since (its inode is not the layer's, and it changed after the clone was made) content and
 * attributes too: a build that sets times back (install -p, tar, touch -r) still changes files.
 */
#include "store/driver/same.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/attribute.h"
#include "sys/fd.h"
#include "sys/fileflags.h"

#define CHUNK 65536U

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_link(const struct jp_plain_pair *p)
{
    char a[PATH_MAX], b[PATH_MAX];
    ssize_t a_len = readlinkat(p->top_fd, p->name, a, sizeof(a));
    ssize_t b_len = readlinkat(p->low_fd, p->name, b, sizeof(b));
    return a_len >= 0 && a_len == b_len && memcmp(a, b, (size_t)a_len) == 0;
}

/* Names of the attributes that are the file's own, sorted. */
static bool list_attributes(int fd, struct jp_strv *ret)
{
    JP_AUTO(jp_strv) all = JP_STRV_INIT;
    if (jp_xattr_list(fd, &all) < 0)
        return errno == EOPNOTSUPP;
    for (size_t i = 0; i < all.count; i++)
        if (!jp_xattr_is_hosts(all.items[i]) && jp_strv_add(ret, all.items[i]) < 0)
            return false;
    jp_strv_sort(ret);
    return true;
}

static bool same_attributes(int top, int low)
{
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    JP_AUTO(jp_strv) others = JP_STRV_INIT;
    JP_AUTO(jp_buf) a = JP_BUF_INIT;
    JP_AUTO(jp_buf) b = JP_BUF_INIT;
    if (!list_attributes(top, &names) || !list_attributes(low, &others) ||
        names.count != others.count)
        return false;
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.items[i];
        if (strcmp(name, others.items[i]) != 0 || jp_xattr_get(top, name, &a) < 0 ||
            jp_xattr_get(low, name, &b) < 0 || a.len != b.len ||
            (a.len > 0 && memcmp(jp_buf_text(&a), jp_buf_text(&b), a.len) != 0))
            return false;
    }
    return true;
}

/*
 * A flag that only an open file tells, which the clone's has and the layer's has not. Not the other
 * way round: a copy of a layer has none of them.
 */
static bool has_new_flags(const struct jp_plain_pair *p, int top, int low)
{
    return (jp_file_flags_of(p->top, top, p->top_fd) & ~jp_file_flags_of(p->low, low, p->low_fd)) !=
           0;
}

/* Reads until the chunk is full or the file ends. */
static ssize_t read_chunk(int fd, char *chunk, off_t at)
{
    size_t have = 0;
    while (have < CHUNK) {
        ssize_t n = pread(fd, chunk + have, CHUNK - have, at + (off_t)have);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        have += (size_t)n;
    }
    return (ssize_t)have;
}

static bool same_content(int top, int low)
{
    JP_AUTO_FREE char *a = jp_alloc(CHUNK);
    JP_AUTO_FREE char *b = jp_alloc(CHUNK);
    if (!a || !b)
        return false;
    for (off_t at = 0;; at += CHUNK) {
        ssize_t n = read_chunk(top, a, at);
        if (n < 0 || n != read_chunk(low, b, at) || memcmp(a, b, (size_t)n) != 0)
            return false;
        if (n < (ssize_t)CHUNK)
            return true;
    }
}

static bool is_same_inside(const struct jp_plain_pair *p)
{
    JP_AUTO_FD int top = jp_fd_open(p->top_fd, p->name, O_RDONLY | O_NONBLOCK, 0, NULL);
    JP_AUTO_FD int low =
        top < 0 ? -1 : jp_fd_open(p->low_fd, p->name, O_RDONLY | O_NONBLOCK, 0, NULL);
    return low >= 0 && same_attributes(top, low) && !has_new_flags(p, top, low) &&
           (S_ISDIR(p->top->st_mode) || !p->is_close || same_content(top, low));
}

static bool looks_the_same(const struct jp_plain_pair *p)
{
    const struct stat *top = p->top, *low = p->low;
    if (top->st_mode != low->st_mode || top->st_uid != low->st_uid || top->st_gid != low->st_gid ||
        jp_file_flags_of(top, -1, -1) != jp_file_flags_of(low, -1, -1))
        return false;
    if (S_ISDIR(top->st_mode))
        return true;
    if (S_ISLNK(top->st_mode) && !same_link(p))
        return false;
    if ((S_ISCHR(top->st_mode) || S_ISBLK(top->st_mode)) && top->st_rdev != low->st_rdev)
        return false;
    return top->st_size == low->st_size && same_time(&top->st_mtim, &low->st_mtim);
}

enum jp_plain_sameness jp_plain_compare(const struct jp_plain_pair *p)
{
    bool has_inside = (p->is_close || p->has_attributes) &&
                      (S_ISREG(p->top->st_mode) || S_ISDIR(p->top->st_mode));
    if (!looks_the_same(p) || (has_inside && !is_same_inside(p)))
        return JP_PLAIN_DIFFERENT;
    return S_ISDIR(p->top->st_mode) && !same_time(&p->top->st_mtim, &p->low->st_mtim)
               ? JP_PLAIN_TOUCHED
               : JP_PLAIN_SAME;
}
