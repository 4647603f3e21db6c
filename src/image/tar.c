#include "image/tar.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "image/acl.h"
#include "image/name.h"
#include "image/tar_header.h"
#include "image/tar_pax.h"
#include "image/tar_sparse.h"

struct jp_tar {
    struct jp_tar_input input;
    struct jp_tar_tap tap;
    const unsigned char *piece; /* what is left of the last piece from the input */
    size_t left;
    unsigned char block[JP_TAR_BLOCK];  /* the current header */
    unsigned char second[JP_TAR_BLOCK]; /* blocks that follow it */
    uint64_t content_left;
    size_t padding;      /* bytes from the end of the content to the next block */
    uint64_t map_budget; /* bytes of content that a sparse map may still take */
    uint64_t entries;
    uint64_t max_entries;
    bool is_done;
    bool ends_with_stream;
    bool has_pax; /* an x header waits for its entry */
    struct jp_tar_pax pax;
    struct jp_tar_pax global;
    char *long_name;
    char *long_link;
    struct jp_tar_map map;
    struct jp_tar_entry entry;
};

struct jp_tar *jp_tar_new(struct jp_tar_input input, struct jp_tar_tap tap, uint64_t max_entries)
{
    struct jp_tar *tar = jp_calloc(1, sizeof(*tar));
    if (tar) {
        tar->input = input;
        tar->tap = tap;
        tar->max_entries = max_entries;
    }
    return tar;
}

void jp_tar_end_with_stream(struct jp_tar *tar)
{
    tar->ends_with_stream = true;
}

/* Forgets the current entry and everything that was said about it. */
static void reset_entry(struct jp_tar *tar)
{
    free(tar->entry.path);
    free(tar->entry.link);
    tar->entry = (struct jp_tar_entry){.path = NULL};
    jp_tar_pax_clear(&tar->pax);
    tar->has_pax = false;
    free(jp_take(&tar->long_name));
    free(jp_take(&tar->long_link));
    tar->map.count = 0;
}

void jp_tar_free(struct jp_tar *tar)
{
    if (!tar)
        return;
    reset_entry(tar);
    jp_tar_pax_clear(&tar->global);
    free(tar->map.items);
    free(tar);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* Makes sure that a piece is at hand: 1, 0 at the end of the stream, -1. */
static int refill(struct jp_tar *tar, struct jp_error *err)
{
    while (tar->left == 0) {
        int r = tar->input.next(tar->input.context, &tar->piece, &tar->left, err);
        if (r <= 0)
            return r;
    }
    return 1;
}

static int truncated(struct jp_error *err)
{
    return jp_fail(err, JP_ECORRUPT, 0, "the archive is truncated");
}

/* The stream has ended where a header could be: 0, or -1. */
static int end_of_stream(struct jp_tar *tar, struct jp_error *err)
{
    if (!tar->ends_with_stream || tar->has_pax || tar->long_name || tar->long_link)
        return truncated(err);
    tar->is_done = true;
    return 0;
}

static int tap(struct jp_tar *tar, const unsigned char *bytes, size_t len, struct jp_error *err)
{
    return tar->tap.raw ? tar->tap.raw(tar->tap.context, bytes, len, err) : 0;
}

/* Copies the next bytes: 1, 0 when the stream had already ended, -1 also when it ends in them. */
static int take(struct jp_tar *tar, void *out, size_t len, struct jp_error *err)
{
    unsigned char *to = out;
    size_t have = 0;
    while (have < len) {
        int r = refill(tar, err);
        if (r < 0)
            return -1;
        if (r == 0)
            return have ? truncated(err) : 0;
        size_t n = tar->left < len - have ? tar->left : len - have;
        memcpy(to + have, tar->piece, n);
        tar->piece += n;
        tar->left -= n;
        have += n;
    }
    return tap(tar, to, len, err) == 0 ? 1 : -1;
}

static int take_all(struct jp_tar *tar, void *out, size_t len, struct jp_error *err)
{
    if (len == 0)
        return 0;
    int r = take(tar, out, len, err);
    return r > 0 ? 0 : r < 0 ? -1 : truncated(err);
}

int jp_tar_content(struct jp_tar *tar, const unsigned char **ret, size_t *ret_len,
                   struct jp_error *err)
{
    if (tar->content_left == 0)
        return 0;
    int r = refill(tar, err);
    if (r <= 0)
        return r < 0 ? -1 : truncated(err);
    size_t n = tar->left < tar->content_left ? tar->left : (size_t)tar->content_left;
    *ret = tar->piece;
    *ret_len = n;
    tar->piece += n;
    tar->left -= n;
    tar->content_left -= n;
    return 1;
}

void jp_tar_omit_content(struct jp_tar *tar)
{
    tar->content_left = 0;
}

static size_t padding_of(uint64_t size)
{
    return (size_t)(-size % JP_TAR_BLOCK);
}

/* Goes to the block after the current entry. */
static int finish_entry(struct jp_tar *tar, struct jp_error *err)
{
    const unsigned char *bytes = NULL;
    size_t len = 0;
    int r;
    while ((r = jp_tar_content(tar, &bytes, &len, err)) > 0)
        continue;
    if (r < 0)
        return -1;
    size_t padding = tar->padding;
    tar->padding = 0;
    reset_entry(tar);
    return take_all(tar, tar->second, padding, err);
}

/* After one block of zeros: another one, then nothing but zeros (row 37). 0, or -1. */
static int finish_archive(struct jp_tar *tar, struct jp_error *err)
{
    uint64_t total = 0;
    int r = take(tar, tar->second, JP_TAR_BLOCK, err);
    if (r <= 0)
        return r < 0 ? -1 : end_of_stream(tar, err);
    if (!jp_tar_is_zero(tar->second, JP_TAR_BLOCK))
        return jp_fail(err, JP_EINVALID, 0, "a single block of zeros inside the archive");
    while ((r = refill(tar, err)) > 0) {
        if (!jp_tar_is_zero(tar->piece, tar->left))
            return jp_fail(err, JP_EINVALID, 0, "something follows the end of the archive");
        total += tar->left;
        if (total > JP_TAR_PADDING_MAX)
            return jp_fail(err, JP_ELIMIT, 0, "more than 64 MiB of zeros after the end");
        if (tap(tar, tar->piece, tar->left, err) != 0)
            return -1;
        tar->left = 0;
    }
    tar->is_done = r == 0;
    return r;
}

/* ---- headers that describe the next entry ---------------------------------------------------- */

/* Reads the content of such a header, with its padding. */
static int take_text(struct jp_tar *tar, uint64_t size, size_t max, char **ret,
                     struct jp_error *err)
{
    if (size > max)
        return jp_fail(err, JP_ELIMIT, 0, "a header of more than %zu bytes", max);
    JP_AUTO_FREE char *text = jp_alloc((size_t)size + 1);
    if (!text)
        return jp_oom(err);
    if (take_all(tar, text, (size_t)size, err) != 0 ||
        take_all(tar, tar->second, padding_of(size), err) != 0)
        return -1;
    text[size] = '\0';
    *ret = jp_take(&text);
    return 0;
}

static int take_pax(struct jp_tar *tar, const struct jp_tar_header *h, struct jp_error *err)
{
    bool is_global = h->type == 'g';
    if (tar->has_pax)
        return jp_fail(err, JP_EINVALID, 0, "a pax header after a pax header");
    JP_AUTO_FREE char *text = NULL;
    if (take_text(tar, h->size, JP_TAR_PAX_MAX, &text, err) != 0)
        return -1;
    if (!is_global) {
        tar->has_pax = true;
        return jp_tar_pax_parse(&tar->pax, text, (size_t)h->size, false, err);
    }
    if (tar->long_name || tar->long_link)
        return jp_fail(err, JP_EINVALID, 0, "a long name without its entry");
    tar->global.seen = 0; /* a later global header may say it anew */
    return jp_tar_pax_parse(&tar->global, text, (size_t)h->size, true, err);
}

/* GNU: the content is the name, with a NUL behind it. */
static int take_long(struct jp_tar *tar, const struct jp_tar_header *h, struct jp_error *err)
{
    char **to = h->type == 'L' ? &tar->long_name : &tar->long_link;
    if (*to)
        return jp_fail(err, JP_EINVALID, 0, "two long names for one entry");
    if (take_text(tar, h->size, JP_TAR_PATH_MAX + 2, to, err) != 0)
        return -1;
    size_t len = strlen(*to);
    if (len == 0 || !jp_tar_is_zero((unsigned char *)*to + len, (size_t)h->size - len))
        return jp_fail(err, JP_EINVALID, 0, "a long name with a NUL in it");
    return 0;
}

/* ---- an entry -------------------------------------------------------------------------------- */

static int entry_type(const struct jp_tar_header *h, enum jp_tar_type *ret, struct jp_error *err)
{
    static const struct {
        char flag;
        enum jp_tar_type type;
    } types[] = {
        {'0', JP_TAR_FILE},         {'7', JP_TAR_FILE},    {'S', JP_TAR_FILE},
        {'1', JP_TAR_HARDLINK},     {'2', JP_TAR_SYMLINK}, {'3', JP_TAR_CHAR},
        {'4', JP_TAR_BLOCK_DEVICE}, {'5', JP_TAR_DIR},     {'6', JP_TAR_FIFO},
    };
    for (size_t i = 0; i < JP_LEN(types); i++) {
        if (types[i].flag != h->type)
            continue;
        *ret = types[i].type;
        /* Before ustar, a directory was a file with a slash behind its name. */
        size_t len = strlen(h->name);
        if (h->format == JP_TAR_V7 && h->type == '0' && len && h->name[len - 1] == '/')
            *ret = JP_TAR_DIR;
        return 0;
    }
    return jp_fail(err, JP_EINVALID, 0, "the entry type \\%03o is not supported",
                   (unsigned char)h->type);
}

static int set_names(struct jp_tar *tar, const struct jp_tar_header *h, struct jp_error *err)
{
    struct jp_tar_entry *e = &tar->entry;
    const struct jp_tar_pax *pax = &tar->pax;
    if ((tar->long_name && (pax->path || pax->sparse_name)) || (tar->long_link && pax->link))
        return jp_fail(err, JP_EINVALID, 0, "a GNU long name and a pax name for one entry");
    const char *name = h->name;
    if (tar->long_name)
        name = tar->long_name;
    if (pax->path)
        name = pax->path;
    if (pax->sparse_name)
        name = pax->sparse_name;
    if (jp_image_name_normal(name, e->type == JP_TAR_DIR, &e->path, err) != 0)
        return -1;
    const char *link = h->link;
    if (tar->long_link)
        link = tar->long_link;
    if (pax->link)
        link = pax->link;
    if (e->type == JP_TAR_HARDLINK) {
        if (jp_image_name_normal(link, false, &e->link, err) != 0)
            return jp_wrap(err, "the target of a hard link");
        return 0;
    }
    if (e->type != JP_TAR_SYMLINK)
        return 0;
    if (!*link || strlen(link) > JP_TAR_PATH_MAX)
        return jp_fail(err, JP_EINVALID, 0, "a symbolic link whose target is empty or too long");
    e->link = jp_strdup(link);
    return e->link ? 0 : jp_oom(err);
}

static void set_metadata(struct jp_tar *tar, const struct jp_tar_header *h)
{
    struct jp_tar_entry *e = &tar->entry;
    const struct jp_tar_pax *pax = &tar->pax;
    const struct jp_tar_pax *global = &tar->global;
    e->uid = (uint32_t)(pax->has_uid ? pax->uid : h->uid);
    e->gid = (uint32_t)(pax->has_gid ? pax->gid : h->gid);
    e->mode = h->mode;
    e->mtime = (struct timespec){.tv_sec = (time_t)h->mtime};
    if (pax->has_mtime || global->has_mtime)
        e->mtime = pax->has_mtime ? pax->mtime : global->mtime;
    e->atime = (struct timespec){.tv_nsec = UTIME_OMIT};
    if (pax->has_atime || global->has_atime)
        e->atime = pax->has_atime ? pax->atime : global->atime;
    e->major = h->major;
    e->minor = h->minor;
    e->flags = pax->flags;
}

/* One ACL from its text form, unless its binary form came too. */
static int add_acl(struct jp_tar *tar, const char *name, const char *text, struct jp_error *err)
{
    if (!text)
        return 0;
    for (size_t i = 0; i < tar->pax.n_xattrs; i++) {
        if (strcmp(tar->pax.xattrs[i].name, name) == 0)
            return 0;
    }
    JP_AUTO(jp_buf) binary = JP_BUF_INIT;
    if (jp_acl_from_text(text, &binary, err) != 0)
        return -1;
    return jp_tar_pax_add_xattr(&tar->pax, name, jp_buf_text(&binary), binary.len, err);
}

/* capability.h: revision 2 has 20 bytes, revision 3 adds the owner of the name space. */
static bool capability_valid(const unsigned char *value, size_t len)
{
    return len >= 4 && value[1] == 0 && value[2] == 0 && (value[0] & 0xfe) == 0 &&
           ((value[3] == 2 && len == 20) || (value[3] == 3 && len == 24));
}

/*
 * An access ACL sets the permission bits when it is set (bsdtar writes a header's mode without the
 * mask): the entry's mode follows it. One that says nothing more than permission bits goes out of
 * the list, as the kernel would not keep it, and must agree with the mode.
 */
static int check_acl(struct jp_tar *tar, size_t *i, struct jp_error *err)
{
    struct jp_tar_pax *pax = &tar->pax;
    struct jp_tar_xattr *x = &pax->xattrs[*i];
    struct jp_tar_entry *e = &tar->entry;
    bool is_all = false;
    if (!jp_acl_valid(x->value, x->len))
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not a valid ACL", x->name);
    if (strcmp(x->name, "system.posix_acl_access") != 0)
        return 0;
    mode_t mode = (mode_t)((e->mode & ~0777U) | jp_acl_mode(x->value, x->len, &is_all));
    if (is_all && mode != e->mode)
        return jp_fail(err, JP_EINVALID, 0, "an ACL that contradicts the mode");
    e->mode = mode;
    if (!is_all)
        return 0;
    free(x->name);
    free(x->value);
    *x = pax->xattrs[--pax->n_xattrs];
    (*i)--;
    return 0;
}

static int set_xattrs(struct jp_tar *tar, struct jp_error *err)
{
    struct jp_tar_entry *e = &tar->entry;
    struct jp_tar_pax *pax = &tar->pax;
    if (add_acl(tar, "system.posix_acl_access", pax->acl_access, err) != 0 ||
        add_acl(tar, "system.posix_acl_default", pax->acl_default, err) != 0)
        return -1;
    for (size_t i = 0; i < pax->n_xattrs; i++) {
        const struct jp_tar_xattr *x = &pax->xattrs[i];
        bool is_capability = strcmp(x->name, "security.capability") == 0;
        bool is_default = strcmp(x->name, "system.posix_acl_default") == 0;
        if (e->type == JP_TAR_HARDLINK)
            continue; /* belongs to the file, which has had its own */
        if ((e->type != JP_TAR_FILE && e->type != JP_TAR_DIR) ||
            (is_capability && e->type != JP_TAR_FILE) || (is_default && e->type != JP_TAR_DIR))
            return jp_fail(err, JP_EINVALID, 0, "'%s' on an entry that cannot have it", x->name);
        if (is_capability && !capability_valid(x->value, x->len))
            return jp_fail(err, JP_EINVALID, 0, "'%s' is not a valid capability", x->name);
        if (strncmp(x->name, "system.", 7) == 0 && check_acl(tar, &i, err) != 0)
            return -1;
    }
    e->xattrs = pax->xattrs;
    e->n_xattrs = pax->n_xattrs;
    return 0;
}

/* ---- content --------------------------------------------------------------------------------- */

static int next_header_block(void *context, const unsigned char **ret, struct jp_error *err)
{
    struct jp_tar *tar = context;
    *ret = tar->second;
    return take_all(tar, tar->second, JP_TAR_BLOCK, err);
}

static int next_map_block(void *context, const unsigned char **ret, struct jp_error *err)
{
    struct jp_tar *tar = context;
    if (tar->map_budget < JP_TAR_BLOCK)
        return jp_fail(err, JP_EINVALID, 0, "a malformed sparse map");
    tar->map_budget -= JP_TAR_BLOCK;
    return next_header_block(context, ret, err);
}

static int set_sparse(struct jp_tar *tar, const struct jp_tar_header *h, struct jp_error *err)
{
    struct jp_tar_entry *e = &tar->entry;
    struct jp_tar_pax *pax = &tar->pax;
    e->is_sparse = true;
    if (h->type == 'S') {
        struct jp_tar_blocks blocks = {next_header_block, tar};
        if (h->format != JP_TAR_GNU || pax->is_sparse)
            return jp_fail(err, JP_EINVALID, 0, "two sparse formats for one entry");
        if (jp_tar_sparse_old(tar->block, blocks, &tar->map, &e->size, err) != 0)
            return -1;
        e->extents = tar->map.items;
        e->n_extents = tar->map.count;
        return jp_tar_sparse_check(e->extents, e->n_extents, e->size, e->stored, err);
    }
    bool is_1_0 = pax->sparse_major == 1 && pax->sparse_minor == 0;
    bool is_0 = pax->sparse_major == 0 && pax->sparse_minor <= 1;
    if ((!is_1_0 && !is_0) || !pax->has_realsize)
        return jp_fail(err, JP_EINVALID, 0, "an unknown sparse format");
    e->size = pax->realsize;
    e->extents = pax->extents;
    e->n_extents = pax->n_extents;
    if (is_0 && (pax->seen_blocks ? pax->n_blocks : e->n_extents) != e->n_extents)
        return jp_fail(err, JP_EINVALID, 0, "a sparse map of another length than announced");
    if (is_1_0) {
        struct jp_tar_blocks blocks = {next_map_block, tar};
        if (pax->n_extents)
            return jp_fail(err, JP_EINVALID, 0, "two sparse formats for one entry");
        tar->map_budget = e->stored;
        if (jp_tar_sparse_1_0(blocks, &tar->map, err) != 0)
            return -1;
        e->stored = tar->map_budget;
        e->extents = tar->map.items;
        e->n_extents = tar->map.count;
    }
    return jp_tar_sparse_check(e->extents, e->n_extents, e->size, e->stored, err);
}

static int set_content(struct jp_tar *tar, const struct jp_tar_header *h, struct jp_error *err)
{
    struct jp_tar_entry *e = &tar->entry;
    uint64_t size = tar->pax.has_size ? tar->pax.size : h->size;
    if (e->type != JP_TAR_FILE) {
        if (size || tar->pax.is_sparse)
            return jp_fail(err, JP_EINVALID, 0, "data on an entry that is not a file");
        return 0;
    }
    e->size = size;
    e->stored = size;
    if ((h->type == 'S' || tar->pax.is_sparse) && set_sparse(tar, h, err) != 0)
        return -1;
    tar->content_left = e->stored;
    tar->padding = padding_of(e->stored);
    return 0;
}

static int make_entry(struct jp_tar *tar, const struct jp_tar_header *h, struct jp_error *err)
{
    char shown[JP_IMAGE_SHOWN_SIZE];
    struct jp_tar_entry *e = &tar->entry;
    if (entry_type(h, &e->type, err) != 0)
        return jp_wrap(err, "'%s'", jp_image_name_show(h->name, shown));
    if (set_names(tar, h, err) != 0)
        return -1;
    set_metadata(tar, h);
    bool is_device = e->type == JP_TAR_CHAR || e->type == JP_TAR_BLOCK_DEVICE;
    if (is_device && e->major == 0 && e->minor == 0)
        return jp_fail(err, JP_EINVALID, 0, "'%s': device 0:0 (a whiteout of overlay)",
                       jp_image_name_show(e->path, shown));
    if (set_content(tar, h, err) != 0 || set_xattrs(tar, err) != 0)
        return jp_wrap(err, "'%s'", jp_image_name_show(e->path, shown));
    return 1;
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* One header block: 1 an entry, 0 the end, 2 something that describes the next entry, -1. */
static int next_header(struct jp_tar *tar, struct jp_error *err)
{
    struct jp_tar_header h;
    int r = take(tar, tar->block, JP_TAR_BLOCK, err);
    if (r <= 0)
        return r < 0 ? -1 : end_of_stream(tar, err);
    if (jp_tar_is_zero(tar->block, JP_TAR_BLOCK)) {
        if (tar->has_pax || tar->long_name || tar->long_link)
            return jp_fail(err, JP_EINVALID, 0, "a header without its entry at the end");
        return finish_archive(tar, err);
    }
    if (tar->entries++ >= tar->max_entries)
        return jp_fail(err, JP_ELIMIT, 0, "more than %llu entries",
                       (unsigned long long)tar->max_entries);
    if (jp_tar_header_parse(tar->block, &h, err) != 0)
        return -1;
    if (h.type == 'x' || h.type == 'g')
        return take_pax(tar, &h, err) == 0 ? 2 : -1;
    if (h.type == 'L' || h.type == 'K')
        return take_long(tar, &h, err) == 0 ? 2 : -1;
    return make_entry(tar, &h, err);
}

int jp_tar_next(struct jp_tar *tar, const struct jp_tar_entry **ret, struct jp_error *err)
{
    if (tar->is_done)
        return 0;
    if (finish_entry(tar, err) != 0)
        return -1;
    int r = 2;
    while (r == 2) /* ends by max_entries */
        r = next_header(tar, err);
    if (r == 1)
        *ret = &tar->entry;
    return r;
}
