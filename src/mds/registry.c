/*
 * See registry.h. The index is sorted by token digest. A digest of a secret can be looked up in any
 * time: what is learnt of it does not lead to the token.
 */
#include "mds/registry.h"

#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/time.h"
#include "plan/token.h"
#include "sys/fd.h"
#include "sys/lock.h"

#define MAX_PODS   100000              /* no host has the addresses for more */
#define KEPT_BYTES ((size_t)256 << 10) /* of contents that are kept */
#define YOUNG_NS   200000000LL         /* a directory that changed so recently may change unseen */

struct entry {
    char uuid[JP_UUID_SIZE];
    unsigned char digest[JP_TOKEN_DIGEST_SIZE];
    char *addresses; /* each followed by a newline */
    ino_t inode;
    struct timespec changed;
    struct jp_registration *content; /* NULL: not in memory */
    size_t content_bytes;
    uint64_t last_use;
};

struct jp_registry {
    int dir_fd;
    struct entry *entries;
    size_t count;
    size_t capacity;
    struct timespec read_at; /* the directory's time when it was read */
    bool is_sure;            /* it was old enough then for every later change to show */
    uint64_t uses;
    uint64_t round;
    uint64_t round_read;  /* in which the index was true; 0: in none */
    uint64_t round_alive; /* in which the pod of last_fd lived */
    size_t kept_bytes;
    uint64_t generation;
    char last_token[JP_TOKEN_SIZE]; /* the digest of the last token is kept: it comes again */
    unsigned char last_digest[JP_TOKEN_DIGEST_SIZE];
    int last_fd; /* the file of the pod that was asked for last: it comes again; -1 */
    ino_t last_inode;
    struct jp_registration *guest; /* too large to be kept: the last one that was asked for */
};

static void content_free(struct jp_registration *content)
{
    if (!content)
        return;
    jp_registration_clear(content);
    free(content);
}

static void drop_content(struct jp_registry *r, struct entry *e)
{
    if (!e->content)
        return;
    content_free(e->content);
    r->generation++;
    r->kept_bytes -= e->content_bytes;
    e->content = NULL;
    e->content_bytes = 0;
}

static void entry_clear(struct jp_registry *r, struct entry *e)
{
    drop_content(r, e);
    free(e->addresses);
}

int jp_registry_new(int dir_fd, struct jp_registry **ret, struct jp_error *err)
{
    struct jp_registry *r = jp_calloc(1, sizeof(*r));
    if (!r)
        return jp_oom(err);
    r->dir_fd = dir_fd;
    r->last_fd = -1;
    r->round = 1;
    *ret = r;
    return 0;
}

void jp_registry_free(struct jp_registry *registry)
{
    if (!registry)
        return;
    for (size_t i = 0; i < registry->count; i++)
        entry_clear(registry, &registry->entries[i]);
    content_free(registry->guest);
    jp_fd_close(&registry->last_fd);
    free(registry->entries);
    free(registry);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The content of the file as it is now; NULL when it is gone or broken. */
static struct jp_registration *read_content(const struct jp_registry *r, const char *uuid,
                                            size_t *ret_bytes)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    struct jp_registration *content = NULL;
    if (jp_file_read(r->dir_fd, uuid, JP_REGISTRATION_MAX_BYTES, &bytes, NULL) < 0 ||
        !(content = jp_calloc(1, sizeof(*content))))
        return NULL;
    if (jp_registration_decode(bytes.data, bytes.len, content, NULL) < 0 ||
        strcmp(content->uuid, uuid) != 0) {
        content_free(content);
        return NULL;
    }
    *ret_bytes = bytes.len;
    return content;
}

static int fill(struct entry *e, const struct jp_registration *content)
{
    JP_AUTO(jp_buf) addresses = JP_BUF_INIT;
    memcpy(e->digest, content->token_digest, sizeof(e->digest));
    for (size_t i = 0; i < content->addresses.count; i++)
        jp_buf_printf(&addresses, "%s\n", content->addresses.items[i]);
    e->addresses = jp_buf_steal(&addresses);
    return e->addresses ? 0 : -1;
}

static void enter(struct jp_registry *r, const char *uuid, const struct stat *st)
{
    size_t bytes = 0;
    struct jp_registration *content = read_content(r, uuid, &bytes);
    if (!content || jp_grow(&r->entries, &r->capacity, r->count, sizeof(*r->entries)) < 0) {
        content_free(content);
        return;
    }
    struct entry *e = &r->entries[r->count];
    *e = (struct entry){.inode = st->st_ino, .changed = st->st_ctim};
    memcpy(e->uuid, uuid, sizeof(e->uuid));
    if (fill(e, content) == 0)
        r->count++;
    content_free(content);
}

static bool is_same(const struct entry *e, const char *uuid, const struct stat *st)
{
    return e->inode == st->st_ino && e->changed.tv_sec == st->st_ctim.tv_sec &&
           e->changed.tv_nsec == st->st_ctim.tv_nsec && strcmp(e->uuid, uuid) == 0;
}

static int compare_uuids(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->uuid, ((const struct entry *)b)->uuid);
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(((const struct entry *)a)->digest, ((const struct entry *)b)->digest,
                  JP_TOKEN_DIGEST_SIZE);
}

static void sort(struct jp_registry *r, int (*compare)(const void *, const void *))
{
    if (r->count > 1)
        qsort(r->entries, r->count, sizeof(*r->entries), compare);
}

/* One name of the directory: an entry that is still true moves to the new index. */
static void look_at(struct jp_registry *r, struct jp_registry *old, const char *name)
{
    struct stat st;
    struct entry key;
    if (!jp_uuid_valid(name) || r->count >= MAX_PODS ||
        fstatat(r->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return;
    memcpy(key.uuid, name, sizeof(key.uuid));
    struct entry *known = old->count == 0 ? NULL
                                          : bsearch(&key, old->entries, old->count,
                                                    sizeof(*old->entries), compare_uuids);
    if (!known || !known->addresses || !is_same(known, name, &st)) {
        enter(r, name, &st);
        return;
    }
    if (jp_grow(&r->entries, &r->capacity, r->count, sizeof(*r->entries)) < 0)
        return;
    r->entries[r->count++] = *known;
    known->addresses = NULL;
    known->content = NULL;
}

static void read_directory(struct jp_registry *r)
{
    struct jp_registry old = *r;
    int copy = openat(r->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir) {
        jp_fd_close(&copy);
        r->is_sure = false;
        return;
    }
    sort(&old, compare_uuids);
    r->entries = NULL;
    r->count = r->capacity = 0;
    const struct dirent *entry;
    while ((entry = readdir(dir)))
        look_at(r, &old, entry->d_name);
    (void)closedir(dir);
    for (size_t i = 0; i < old.count; i++)
        entry_clear(r, &old.entries[i]);
    free(old.entries);
    sort(r, compare_digests);
}

/* Makes the index true. In the usual case this is one call of fstat(2). */
static void refresh(struct jp_registry *r)
{
    struct stat st;
    if (fstat(r->dir_fd, &st) < 0)
        return;
    if (r->is_sure && st.st_mtim.tv_sec == r->read_at.tv_sec &&
        st.st_mtim.tv_nsec == r->read_at.tv_nsec)
        return;
    int64_t changed_ns = st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec;
    /* Two changes within one tick of the clock have the same time. */
    r->is_sure = jp_time_now_ns() - changed_ns > YOUNG_NS;
    r->read_at = st.st_mtim;
    read_directory(r);
}

/* ---- looking up ------------------------------------------------------------------------------ */

static bool has_address(const struct entry *e, const char *address)
{
    size_t len = strlen(address);
    for (const char *p = e->addresses; *p; p += strcspn(p, "\n") + 1) {
        if (strncmp(p, address, len) == 0 && p[len] == '\n')
            return true;
    }
    return false;
}

/* Lets go of what was not used for longest until there is room. */
static void make_room(struct jp_registry *r, size_t bytes)
{
    while (r->kept_bytes + bytes > KEPT_BYTES) {
        struct entry *oldest = NULL;
        for (size_t i = 0; i < r->count; i++) {
            struct entry *e = &r->entries[i];
            if (e->content && (!oldest || e->last_use < oldest->last_use))
                oldest = e;
        }
        if (!oldest)
            return;
        drop_content(r, oldest);
    }
}

static const struct jp_registration *load(struct jp_registry *r, struct entry *e)
{
    e->last_use = ++r->uses;
    if (e->content)
        return e->content;
    size_t bytes = 0;
    struct jp_registration *content = read_content(r, e->uuid, &bytes);
    if (!content || memcmp(content->token_digest, e->digest, sizeof(e->digest)) != 0) {
        content_free(content); /* replaced since: the next lookup sees that */
        r->is_sure = false;
        r->round_read = 0;
        return NULL;
    }
    if (bytes > KEPT_BYTES) {
        content_free(r->guest);
        r->generation++;
        return r->guest = content;
    }
    make_room(r, bytes);
    e->content = content;
    e->content_bytes = bytes;
    r->kept_bytes += bytes;
    return content;
}

static void digest(struct jp_registry *r, const char *token, size_t len,
                   unsigned char ret[JP_TOKEN_DIGEST_SIZE])
{
    size_t size = sizeof(r->last_token) - 1;
    if (jp_token_equal(token, len, r->last_token, size)) {
        memcpy(ret, r->last_digest, JP_TOKEN_DIGEST_SIZE);
        return;
    }
    jp_token_digest(token, len, ret);
    if (len != size)
        return;
    memcpy(r->last_token, token, size);
    memcpy(r->last_digest, ret, JP_TOKEN_DIGEST_SIZE);
}

/* The number of an inode is not given to another file while we have this one open. */
static int open_file(struct jp_registry *r, const struct entry *e)
{
    struct stat st;
    if (r->last_fd >= 0 && r->last_inode == e->inode)
        return r->last_fd;
    jp_fd_close(&r->last_fd);
    r->round_alive = 0;
    r->last_fd =
        openat(r->dir_fd, e->uuid, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    if (r->last_fd >= 0 && fstat(r->last_fd, &st) < 0)
        jp_fd_close(&r->last_fd);
    if (r->last_fd >= 0)
        r->last_inode = st.st_ino;
    return r->last_fd;
}

/*
 * The pod's supervisor holds its registration locked for as long as it lives, however it ends; the
 * file of one that was killed stays until some command cleans up. What cannot be told is not alive.
 */
static bool is_alive(struct jp_registry *r, const struct entry *e)
{
    int fd = open_file(r, e);
    if (fd >= 0 && r->round_alive == r->round)
        return true;
    bool is = fd >= 0 && jp_lock_fd_is_held(fd, NULL) == 1;
    r->round_alive = is ? r->round : 0;
    return is;
}

static struct entry *look_up(struct jp_registry *r, const struct entry *key, const char *address)
{
    struct entry *e =
        r->count == 0 ? NULL
                      : bsearch(key, r->entries, r->count, sizeof(*r->entries), compare_digests);
    return e && has_address(e, address) && is_alive(r, e) ? e : NULL;
}

void jp_registry_round(struct jp_registry *registry)
{
    registry->round++;
}

const struct jp_registration *jp_registry_find(struct jp_registry *registry, const char *token,
                                               size_t len, const char *address)
{
    struct entry key;
    struct entry *e = NULL;
    digest(registry, token, len, key.digest);
    if (registry->round_read == registry->round)
        e = look_up(registry, &key, address);
    if (!e) {
        refresh(registry);
        registry->round_read = registry->round;
        e = look_up(registry, &key, address);
    }
    return e ? load(registry, e) : NULL;
}

uint64_t jp_registry_generation(const struct jp_registry *registry)
{
    return registry->generation;
}

size_t jp_registry_count(struct jp_registry *registry)
{
    refresh(registry);
    return registry->count;
}
