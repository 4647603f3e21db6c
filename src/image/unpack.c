#include "image/unpack.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appc/image_manifest.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/aci.h"
#include "image/attributes.h"
#include "image/dirs.h"
#include "image/hash.h"
#include "image/name.h"
#include "store/views.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/filesystem.h"

struct jp_unpack {
    struct jp_unpack_target target;
    struct jp_skeleton_writer *skeleton;
    struct jp_dirs *dirs;
    struct jp_hash *hash;
    struct jp_buf manifest;
    bool has_manifest;
    bool has_rootfs;
    bool has_top; /* the entry "./" */
    bool has_flags;
    uint64_t entries;
    uint64_t unpacked; /* sizes of files, holes included */
    uint64_t written;  /* bytes that went to disk, about */
    uint64_t free;     /* bytes on the file system before */
    uint64_t unit;     /* bytes of an allocation, about */
    struct jp_strv duplicates;
    struct jp_aci_implicit implicit;
    char *orphan; /* the first entry whose directory was not named before it */
    bool has_answer;
    bool may_leave_unnamed;
};

int jp_unpack_open(const struct jp_unpack_target *target, struct jp_unpack **ret,
                   struct jp_error *err)
{
    JP_AUTO_PTR(jp_unpack) u = jp_calloc(1, sizeof(*u));
    if (!u)
        return jp_oom(err);
    u->target = *target;
    u->unit = 4096;
    u->dirs = jp_dirs_new(target->rootfs_fd);
    u->hash = jp_hash_new(JP_HASH_SHA256);
    if (!u->dirs || !u->hash)
        return jp_oom(err);
    if (jp_filesystem_free(target->rootfs_fd, &u->free) != 0)
        return jp_fail_sys(err, "ask for the free space");
    if (jp_skeleton_writer_open(target->dir_fd, &u->skeleton, err) != 0)
        return -1;
    *ret = jp_take(&u);
    return 0;
}

void jp_unpack_free(struct jp_unpack *u)
{
    if (!u)
        return;
    jp_skeleton_writer_free(u->skeleton);
    jp_dirs_free(u->dirs);
    jp_hash_free(u->hash);
    jp_buf_clear(&u->manifest);
    jp_strv_clear(&u->duplicates);
    jp_buf_clear(&u->implicit.paths);
    free(u->orphan);
    free(u);
}

const struct jp_buf *jp_unpack_manifest(const struct jp_unpack *u)
{
    return &u->manifest;
}

uint64_t jp_unpack_entries(const struct jp_unpack *u)
{
    return u->entries;
}

uint64_t jp_unpack_disk_bytes(const struct jp_unpack *u)
{
    return u->written;
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* Before a file is made: neither more than the limit nor more than is free (row 35). */
static int account(struct jp_unpack *u, uint64_t size, uint64_t stored, struct jp_error *err)
{
    uint64_t limit = u->target.limits.unpacked_bytes;
    uint64_t room = u->free > u->written ? u->free - u->written : 0;
    if (size > limit || u->unpacked > limit - size)
        return jp_fail(err, JP_ELIMIT, 0, "unpacked, the image is larger than %llu bytes",
                       (unsigned long long)limit);
    if (stored > room)
        return jp_fail(err, JP_ELIMIT, ENOSPC, "unpack the image");
    u->unpacked += size;
    u->written += (stored + u->unit - 1) / u->unit * u->unit;
    return 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

struct output {
    int fd;
    const struct jp_tar_entry *entry;
    size_t extent;   /* sparse: the piece that is being filled */
    uint64_t filled; /* bytes of it */
};

static int write_at(struct output *out, const unsigned char *bytes, size_t len, uint64_t offset,
                    struct jp_error *err)
{
    while (len > 0) {
        ssize_t n = jp_sys.pwrite(out->fd, bytes, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return jp_fail_sys(err, "write");
        bytes += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

/* Spreads content over the pieces of a sparse file. */
static int write_sparse(struct output *out, const unsigned char *bytes, size_t len,
                        struct jp_error *err)
{
    while (len > 0) {
        const struct jp_tar_extent *e = &out->entry->extents[out->extent];
        uint64_t room = e->len - out->filled;
        size_t n = len < room ? len : (size_t)room;
        if (write_at(out, bytes, n, e->offset + out->filled, err) != 0)
            return -1;
        bytes += n;
        len -= n;
        out->filled += n;
        if (out->filled == e->len) {
            out->extent++;
            out->filled = 0;
        }
    }
    return 0;
}

static int write_content(struct jp_unpack *u, struct jp_tar *tar, struct output *out,
                         struct jp_error *err)
{
    unsigned char digest[JP_HASH_SHA256_SIZE];
    const unsigned char *bytes = NULL;
    size_t len = 0;
    uint64_t offset = 0;
    int r;
    while ((r = jp_tar_content(tar, &bytes, &len, err)) > 0) {
        if (jp_hash_add(u->hash, bytes, len, err) != 0)
            return -1;
        r = out->entry->is_sparse ? write_sparse(out, bytes, len, err)
                                  : write_at(out, bytes, len, offset, err);
        if (r != 0)
            return -1;
        offset += len;
    }
    if (r < 0)
        return -1;
    if (out->entry->is_sparse && jp_sys.ftruncate(out->fd, (off_t)out->entry->size) != 0)
        return jp_fail_sys(err, "set the size");
    if (out->entry->stored == 0)
        return 0;
    if (jp_hash_finish(u->hash, digest, err) != 0)
        return -1;
    return jp_skeleton_content(u->skeleton, out->entry->stored, digest, err);
}

/* Why an entry could not be made: EEXIST and a missing parent are the archive's fault. */
static int refused_or_failed(const char *doing, struct jp_error *err)
{
    if (errno == EEXIST)
        return jp_fail(err, JP_EINVALID, 0, "it is in the archive twice");
    return jp_fail_sys(err, "%s", doing);
}

static int make_file(struct jp_unpack *u, struct jp_tar *tar, const struct jp_tar_entry *entry,
                     int dir_fd, const char *name, struct jp_error *err)
{
    if (account(u, entry->size, entry->stored, err) != 0)
        return -1;
    JP_AUTO_FD int fd = jp_sys.openat(
        dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)0600);
    if (fd < 0)
        return refused_or_failed("make the file", err);
    struct output out = {.fd = fd, .entry = entry};
    if (write_content(u, tar, &out, err) != 0)
        return -1;
    return jp_attributes_set(fd, entry, err);
}

/* ---- everything else ------------------------------------------------------------------------- */

static int make_dir(struct jp_unpack *u, const struct jp_tar_entry *entry, int dir_fd,
                    const char *name, struct jp_error *err)
{
    if (account(u, u->unit, u->unit, err) != 0)
        return -1;
    if (jp_sys.mkdirat(dir_fd, name, 0700) == 0)
        return 0;
    struct stat st;
    if (errno != EEXIST || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISDIR(st.st_mode))
        return refused_or_failed("make the directory", err);
    if ((st.st_mode & 07777) == JP_ACI_IMPLICIT_MARK) /* named only now */
        return jp_sys.fchmodat(dir_fd, name, 0700, 0) == 0 ? 0 : jp_fail_sys(err, "set its mode");
    return jp_aci_add_duplicate(&u->duplicates, entry->path, err);
}

/* Owner and times of what cannot be opened. The mode of a link means nothing. */
static int set_by_name(const struct jp_tar_entry *entry, int dir_fd, const char *name,
                       struct jp_error *err)
{
    const struct timespec times[2] = {entry->atime, entry->mtime};
    struct stat st;
    if (jp_sys.fchownat(dir_fd, name, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) != 0)
        return jp_fail_sys(err, "set owner %u:%u", entry->uid, entry->gid);
    /* Nobody else can get at this directory: the name is still the node that was just made. */
    if (entry->type != JP_TAR_SYMLINK && jp_sys.fchmodat(dir_fd, name, entry->mode, 0) != 0)
        return jp_fail_sys(err, "set mode %04o", (unsigned)entry->mode);
    if (jp_sys.utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) != 0)
        return jp_fail_sys(err, "set times");
    if (!jp_attributes_time_is_unusual(&entry->mtime))
        return 0;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return jp_fail_sys(err, "read times");
    return jp_attributes_check_time(&entry->mtime, &st, err);
}

static int make_symlink(struct jp_unpack *u, const struct jp_tar_entry *entry, int dir_fd,
                        const char *name, struct jp_error *err)
{
    if (account(u, 0, 0, err) != 0)
        return -1;
    if (jp_sys.symlinkat(entry->link, dir_fd, name) != 0)
        return refused_or_failed("make the symbolic link", err);
    return set_by_name(entry, dir_fd, name, err);
}

/* Devices are kept as files of the image: every mount in a pod is nodev. */
static int make_node(const struct jp_tar_entry *entry, int dir_fd, const char *name,
                     struct jp_error *err)
{
    dev_t device = 0;
    int r;
    if (entry->type == JP_TAR_FIFO) {
        r = jp_sys.mkfifoat(dir_fd, name, 0600);
    } else {
        if (!jp_device_make(entry->major, entry->minor, &device))
            return jp_fail(err, JP_EINVALID, 0, "a device number that this system cannot hold");
        mode_t kind = entry->type == JP_TAR_CHAR ? S_IFCHR : S_IFBLK;
        r = jp_sys.mknodat(dir_fd, name, kind | 0600, device);
    }
    if (r != 0)
        return refused_or_failed("make the node", err);
    return set_by_name(entry, dir_fd, name, err);
}

/* ---- directories that the archive does not name ---------------------------------------------- */

static int orphaned(struct jp_error *err)
{
    return jp_fail(err, JP_EINVALID, 0,
                   "it is below something that is not a directory of this archive");
}

/*
 * Only an image with dependencies may leave directories unnamed. 1, 0, -1; while the manifest has
 * not come yet (it may be the last entry), 1.
 */
static int may_leave_unnamed(struct jp_unpack *u, struct jp_error *err)
{
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    if (u->has_answer || !u->has_manifest)
        return u->has_answer ? u->may_leave_unnamed : 1;
    if (jp_image_manifest_parse(jp_buf_text(&u->manifest), u->manifest.len, &m, err) != 0)
        return jp_wrap(err, "manifest");
    u->may_leave_unnamed = m.dependencies.count > 0;
    u->has_answer = true;
    return u->may_leave_unnamed;
}

/* They are kept in a list, and made: both have limits, whatever the archive's names imply. */
static int account_implicit(struct jp_unpack *u, const char *path, size_t len, struct jp_error *err)
{
    struct jp_aci_implicit *implicit = &u->implicit;
    if (implicit->count >= u->target.limits.entries ||
        implicit->paths.len + len + 1 > JP_STORE_IMPLICIT_MAX)
        return jp_fail(err, JP_ELIMIT, 0,
                       "the archive leaves too many directories unnamed: more than %llu, or %u "
                       "bytes of their paths",
                       (unsigned long long)u->target.limits.entries, JP_STORE_IMPLICIT_MAX);
    if (account(u, u->unit, u->unit, err) != 0)
        return -1;
    implicit->count++;
    jp_buf_add(&implicit->paths, path, len);
    jp_buf_putc(&implicit->paths, '\0');
    return jp_buf_failed(&implicit->paths) ? jp_oom(err) : 0;
}

/* Opens the directory path[0 .. end) in `at`, made when it is not there. */
static int enter_or_make(struct jp_unpack *u, int at, const char *path, size_t start, size_t end,
                         struct jp_error *err)
{
    JP_AUTO_FREE char *name = jp_memdup0(path + start, end - start);
    if (!name)
        return jp_oom(err);
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    JP_AUTO_FD int fd = jp_sys.openat(at, name, flags);
    if (fd >= 0 || errno != ENOENT)
        return fd >= 0 ? jp_fd_take(&fd) : orphaned(err);
    if (account_implicit(u, path, end, err) != 0)
        return -1;
    if (jp_sys.mkdirat(at, name, 0700) != 0)
        return jp_fail_sys(err, "make its directory");
    fd = jp_sys.openat(at, name, flags);
    if (fd < 0 || jp_sys.fchmod(fd, JP_ACI_IMPLICIT_MARK) != 0)
        return jp_fail_sys(err, "make its directory");
    return jp_fd_take(&fd);
}

static int make_parents(struct jp_unpack *u, const char *inside, struct jp_error *err)
{
    JP_AUTO_FD int fd = fcntl(u->target.rootfs_fd, F_DUPFD_CLOEXEC, 3);
    size_t start = 0;
    for (const char *slash; fd >= 0 && (slash = strchr(inside + start, '/'));) {
        size_t end = (size_t)(slash - inside);
        int next = enter_or_make(u, fd, inside, start, end, err);
        if (next < 0)
            return -1;
        jp_fd_close(&fd);
        fd = next;
        start = end + 1;
    }
    return fd < 0 ? jp_fail_sys(err, "keep the root open") : 0;
}

static int below_no_directory(struct jp_error *err)
{
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EMLINK)
        return orphaned(err);
    return jp_fail_sys(err, "open its directory");
}

/* The directory that an entry goes to; -1 after saying why. */
static int parent_of(struct jp_unpack *u, const struct jp_tar_entry *entry, const char *inside,
                     const char **ret_name, struct jp_error *err)
{
    int dir_fd = jp_dirs_parent(u->dirs, inside, ret_name);
    if (dir_fd >= 0 || errno != ENOENT)
        return dir_fd >= 0 ? dir_fd : below_no_directory(err);
    int may = may_leave_unnamed(u, err);
    if (may <= 0)
        return may < 0 ? -1 : orphaned(err);
    if (!u->orphan && !(u->orphan = jp_strdup(entry->path)))
        return jp_oom(err);
    if (make_parents(u, inside, err) != 0)
        return -1;
    dir_fd = jp_dirs_parent(u->dirs, inside, ret_name);
    return dir_fd >= 0 ? dir_fd : below_no_directory(err);
}

/*
 * linkat(2) without following, to a regular file or symbolic link inside the tree (row 30,
 * CVE-2016-5418, CVE-2021-32760): what is in the tree was made by this import.
 */
static int make_hardlink(struct jp_unpack *u, const struct jp_tar_entry *entry, int dir_fd,
                         const char *name, struct jp_error *err)
{
    const char *target_name = NULL;
    struct stat st;
    const char *target = jp_aci_inside(entry->link);
    if (!target)
        return jp_fail(err, JP_EINVALID, 0, "a hard link to something outside of 'rootfs'");
    JP_AUTO_FD int own_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3); /* the next call may close it */
    if (own_fd < 0)
        return jp_fail_sys(err, "keep its directory open");
    int target_fd = jp_dirs_parent(u->dirs, target, &target_name);
    if (target_fd < 0 || fstatat(target_fd, target_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return jp_fail(err, JP_EINVALID, 0,
                       "a hard link to something that was not in the archive before it");
    if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
        return jp_fail(err, JP_EINVALID, 0,
                       "a hard link to something that is neither a file nor a symbolic link");
    if (jp_sys.linkat(target_fd, target_name, own_fd, name, 0) != 0)
        return refused_or_failed("make the hard link", err);
    return 0;
}

static int make_inside(struct jp_unpack *u, struct jp_tar *tar, const struct jp_tar_entry *entry,
                       const char *inside, struct jp_error *err)
{
    const char *name = NULL;
    int dir_fd = parent_of(u, entry, inside, &name, err);
    if (dir_fd < 0)
        return -1;
    switch (entry->type) {
    case JP_TAR_FILE:
        return make_file(u, tar, entry, dir_fd, name, err);
    case JP_TAR_DIR:
        return make_dir(u, entry, dir_fd, name, err);
    case JP_TAR_SYMLINK:
        return make_symlink(u, entry, dir_fd, name, err);
    case JP_TAR_HARDLINK:
        return make_hardlink(u, entry, dir_fd, name, err);
    default:
        return make_node(entry, dir_fd, name, err);
    }
}

/* ---- the two names at the top ---------------------------------------------------------------- */

static int take_manifest(struct jp_unpack *u, struct jp_tar *tar, const struct jp_tar_entry *entry,
                         struct jp_error *err)
{
    unsigned char digest[JP_HASH_SHA256_SIZE];
    const unsigned char *bytes = NULL;
    size_t len = 0;
    int r;
    if (u->has_manifest)
        return jp_fail(err, JP_EINVALID, 0, "it is in the archive twice");
    if (entry->type != JP_TAR_FILE || entry->is_sparse || entry->n_xattrs)
        return jp_fail(err, JP_EINVALID, 0, "it is not a plain file");
    if (entry->size > u->target.limits.manifest_bytes)
        return jp_fail(err, JP_ELIMIT, 0, "it is larger than %llu bytes",
                       (unsigned long long)u->target.limits.manifest_bytes);
    u->has_manifest = true;
    while ((r = jp_tar_content(tar, &bytes, &len, err)) > 0) {
        jp_buf_add(&u->manifest, bytes, len);
        if (jp_hash_add(u->hash, bytes, len, err) != 0)
            return -1;
    }
    if (r < 0)
        return -1;
    if (jp_buf_failed(&u->manifest))
        return jp_oom(err);
    if (entry->stored == 0)
        return 0;
    if (jp_hash_finish(u->hash, digest, err) != 0)
        return -1;
    return jp_skeleton_content(u->skeleton, entry->stored, digest, err);
}

/* "rootfs" itself and "./": directories that are there already. */
static int take_top(struct jp_unpack *u, bool *seen, const struct jp_tar_entry *entry,
                    struct jp_error *err)
{
    if (entry->type != JP_TAR_DIR)
        return jp_fail(err, JP_EINVALID, 0, "it is not a directory");
    if (*seen)
        return jp_aci_add_duplicate(&u->duplicates, entry->path, err);
    *seen = true;
    return 0;
}

/* What stands at the top of the archives of other people's images. */
static bool is_of_docker(const char *path)
{
    static const char *const names[] = {"manifest.json", "repositories", "oci-layout",
                                        "index.json",    "blobs",        "blobs/sha256"};
    size_t len = strspn(path, "0123456789abcdef");
    for (size_t i = 0; i < JP_LEN(names); i++) {
        if (strcmp(path, names[i]) == 0)
            return true;
    }
    return len == 64 && (!path[len] || strchr("./", path[len]));
}

static int take_entry(struct jp_unpack *u, struct jp_tar *tar, const struct jp_tar_entry *entry,
                      struct jp_error *err)
{
    const char *inside = jp_aci_inside(entry->path);
    u->has_flags |= entry->flags != NULL;
    if (inside && !u->has_rootfs)
        return orphaned(err);
    if (inside)
        return make_inside(u, tar, entry, inside, err);
    if (strcmp(entry->path, JP_ACI_MANIFEST) == 0)
        return take_manifest(u, tar, entry, err);
    if (strcmp(entry->path, JP_ACI_ROOTFS) == 0)
        return take_top(u, &u->has_rootfs, entry, err);
    if (entry->path[0] == '\0')
        return take_top(u, &u->has_top, entry, err);
    if (is_of_docker(entry->path))
        return jp_fail(err, JP_EINVALID, 0,
                       "an image of Docker or OCI: import docker-archive:FILE or oci:PATH");
    return jp_fail(err, JP_EINVALID, 0, "an image has only 'manifest' and 'rootfs' at the top");
}

int jp_unpack_run(struct jp_unpack *u, struct jp_tar_input input, struct jp_error *err)
{
    char shown[JP_IMAGE_SHOWN_SIZE];
    struct jp_tar_tap tap = {jp_skeleton_raw, u->skeleton};
    JP_AUTO_PTR(jp_tar) tar = jp_tar_new(input, tap, u->target.limits.entries);
    if (!tar)
        return jp_oom(err);
    const struct jp_tar_entry *entry = NULL;
    int r;
    while ((r = jp_tar_next(tar, &entry, err)) > 0) {
        if (take_entry(u, tar, entry, err) != 0)
            return jp_wrap(err, "'%s'", jp_image_name_show(entry->path, shown));
        u->entries++;
    }
    if (r < 0)
        return -1;
    if (!u->has_rootfs)
        return jp_fail(err, JP_EINVALID, 0, "not an image: it has no entry 'rootfs'");
    if (!u->has_manifest)
        return jp_fail(err, JP_EINVALID, 0, "not an image: it has no entry 'manifest'");
    if (!u->orphan)
        return 0;
    r = may_leave_unnamed(u, err);
    if (r != 0)
        return r < 0 ? -1 : 0;
    (void)orphaned(err);
    return jp_wrap(err, "'%s'", jp_image_name_show(u->orphan, shown));
}

int jp_unpack_finish(struct jp_unpack *u, uint64_t total,
                     const unsigned char id[JP_HASH_SHA512_SIZE], struct jp_error *err)
{
    if (jp_skeleton_finish(u->skeleton, total, id, err) != 0)
        return -1;
    struct jp_aci_finish finish = {
        .dir_fd = u->target.dir_fd,
        .rootfs_fd = u->target.rootfs_fd,
        .dirs = u->dirs,
        .duplicates = &u->duplicates,
        .implicit = &u->implicit,
        .has_flags = u->has_flags,
        .watch = u->target.watch,
    };
    return jp_aci_finish_tree(&finish, err);
}
