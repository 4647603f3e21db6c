/*
 * The keys on disk: ROOT/keys/PREFIX/FINGERPRINT. A file appears by rename and vanishes by unlink;
 * a directory of a prefix goes with its last key, so whoever adds one makes it again when it was
 * taken away in between.
 */
#include "trust/keys.h"

#include <sys/stat.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/calls.h"
#include "sys/fd.h"

#define DIR_MODE  0750
#define FILE_MODE 0640
#define ADD_TRIES 100 /* as often as others may remove the last key of a prefix meanwhile */

static int open_keys(const struct jp_trust *trust, struct jp_error *err)
{
    return jp_fd_make_dir(trust->root_fd, JP_TRUST_DIR, 0700, err);
}

/* ---- listing --------------------------------------------------------------------------------- */

void jp_trust_keys_clear(struct jp_trust_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        free(keys->items[i].prefix);
        free(keys->items[i].fingerprint);
    }
    free(keys->items);
    *keys = (struct jp_trust_keys){NULL, 0, 0};
}

static int add_key(struct jp_trust_keys *keys, const char *prefix, const char *fingerprint,
                   struct jp_error *err)
{
    struct jp_trust_key key = {jp_strdup(prefix), jp_strdup(fingerprint)};
    if (!key.prefix || !key.fingerprint ||
        jp_grow(&keys->items, &keys->capacity, keys->count, sizeof(*keys->items)) < 0) {
        free(key.prefix);
        free(key.fingerprint);
        return jp_oom(err);
    }
    keys->items[keys->count++] = key;
    return 0;
}

/* Calls `each` with every name in a directory; takes the descriptor over. */
static int walk(int fd, int (*each)(void *context, const char *name, struct jp_error *err),
                void *context, struct jp_error *err)
{
    DIR *dir = fdopendir(fd);
    int r = 0;
    if (!dir) {
        r = jp_fail_sys(err, "read '%s'", JP_TRUST_DIR);
        (void)close(fd);
        return r;
    }
    const struct dirent *entry;
    while (r == 0 && (errno = 0, entry = readdir(dir)))
        r = each(context, entry->d_name, err);
    if (r == 0 && errno != 0)
        r = jp_fail_sys(err, "read '%s'", JP_TRUST_DIR);
    (void)closedir(dir);
    return r;
}

struct listing {
    int keys_fd;
    const char *name; /* of the image; NULL: any */
    const char *prefix;
    struct jp_trust_keys *ret;
};

static int list_file(void *context, const char *name, struct jp_error *err)
{
    const struct listing *listing = context;
    return jp_trust_is_fingerprint(name) ? add_key(listing->ret, listing->prefix, name, err) : 0;
}

static int list_dir(void *context, const char *name, struct jp_error *err)
{
    struct listing *listing = context;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    JP_AUTO_FREE char *prefix = jp_trust_prefix_of_dir(name);
    if (!prefix || (listing->name && !jp_trust_covers(prefix, listing->name)))
        return 0;
    int fd = jp_fd_open_dir(listing->keys_fd, name, &why);
    if (fd < 0 && (why.sys == ENOENT || why.sys == ENOTDIR || why.sys == ELOOP))
        return 0;
    if (fd < 0) {
        jp_error_move(err, &why);
        return -1;
    }
    listing->prefix = prefix;
    return walk(fd, list_file, listing, err);
}

static int compare(const void *a, const void *b)
{
    const struct jp_trust_key *left = a;
    const struct jp_trust_key *right = b;
    int r = strcmp(left->prefix, right->prefix);
    return r ? r : strcmp(left->fingerprint, right->fingerprint);
}

int jp_trust_list(const struct jp_trust *trust, const char *name, struct jp_trust_keys *ret,
                  struct jp_error *err)
{
    JP_AUTO_FD int keys_fd = open_keys(trust, err);
    struct listing listing = {.keys_fd = keys_fd, .name = name, .ret = ret};
    if (keys_fd < 0)
        return -1;
    int again = jp_fd_open_dir(keys_fd, ".", err);
    if (again < 0 || walk(again, list_dir, &listing, err) < 0)
        return -1;
    if (ret->count > 0)
        qsort(ret->items, ret->count, sizeof(*ret->items), compare);
    return 0;
}

/* ---- one key --------------------------------------------------------------------------------- */

/* keys/PREFIX/FINGERPRINT below the root directory; NULL with an error. */
static char *path_of(const struct jp_trust_key *key, struct jp_error *err)
{
    if (jp_trust_prefix_check(key->prefix, err) < 0)
        return NULL;
    if (!jp_trust_is_fingerprint(key->fingerprint)) {
        jp_fail(err, JP_EINVALID, 0, "'%s' is no fingerprint", key->fingerprint);
        return NULL;
    }
    JP_AUTO_FREE char *dir = jp_trust_prefix_dir(key->prefix);
    char *path = dir ? jp_format("%s/%s/%s", JP_TRUST_DIR, dir, key->fingerprint) : NULL;
    if (!path)
        jp_oom(err);
    return path;
}

int jp_trust_read(const struct jp_trust *trust, const struct jp_trust_key *key, struct jp_buf *ret,
                  struct jp_error *err)
{
    JP_AUTO_FREE char *path = path_of(key, err);
    return path ? jp_file_read(trust->root_fd, path, JP_TRUST_KEY_MAX, ret, err) : -1;
}

static int add_once(const struct jp_trust *trust, const char *path, const char *armored,
                    struct jp_error *err)
{
    JP_AUTO_FREE char *dir = jp_memdup0(path, (size_t)(strrchr(path, '/') - path));
    if (!dir)
        return jp_oom(err);
    JP_AUTO_FD int fd = jp_fd_make_dir(trust->root_fd, dir, DIR_MODE, err);
    if (fd < 0)
        return -1;
    return jp_file_replace(fd, strrchr(path, '/') + 1, armored, strlen(armored), FILE_MODE, true,
                           err);
}

int jp_trust_add(const struct jp_trust *trust, const struct jp_trust_key *key, const char *armored,
                 bool *ret_was_there, struct jp_error *err)
{
    struct stat st;
    JP_AUTO_FREE char *path = path_of(key, err);
    JP_AUTO_FD int keys_fd = path ? open_keys(trust, err) : -1;
    if (keys_fd < 0)
        return -1;
    if (ret_was_there)
        *ret_was_there = fstatat(trust->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
    for (int i = 0;; i++) {
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        if (add_once(trust, path, armored, &why) == 0)
            return 0;
        bool was_taken_away = why.sys == ENOENT || why.code == JP_ENOTFOUND;
        if (was_taken_away && i < ADD_TRIES)
            continue;
        jp_error_move(err, &why);
        return jp_wrap(err, "store the key");
    }
}

int jp_trust_remove(const struct jp_trust *trust, const struct jp_trust_key *key,
                    struct jp_error *err)
{
    JP_AUTO_FREE char *path = path_of(key, err);
    if (!path)
        return -1;
    if (jp_sys.unlinkat(trust->root_fd, path, 0) < 0) {
        if (errno == ENOENT)
            return jp_fail(err, JP_ENOTFOUND, 0, "no key %s is stored for '%s'", key->fingerprint,
                           key->prefix);
        return jp_fail_sys(err, "remove '%s'", path);
    }
    *strrchr(path, '/') = '\0';
    JP_AUTO_FD int dir_fd = jp_fd_open_dir(trust->root_fd, path, NULL);
    /* A key that is not trusted any more must not come back with the power. */
    if (dir_fd >= 0 && jp_sys.fsync(dir_fd) < 0)
        return jp_fail_sys(err, "bring '%s' to disk", path);
    if (jp_sys.unlinkat(trust->root_fd, path, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY &&
        errno != EEXIST && errno != ENOENT)
        return jp_fail_sys(err, "remove '%s'", path);
    return 0;
}
