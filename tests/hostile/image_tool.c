/*
 * Import, export and verify on a bare directory, without a store: for the differential tests and
 * for looking at where time goes. The directory gets `rootfs`, `manifest` and `skeleton`.
 *
 *   image-tool import ARCHIVE DIR [MANIFEST]    prints the image id
 *   image-tool export DIR FILE [COMPRESSION]
 *   image-tool verify DIR                       prints differences; status 1 when there are any
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "image/export.h"
#include "image/import.h"
#include "sys/fd.h"

static int fail(const struct jp_error *err)
{
    (void)fprintf(stderr, "image-tool: %s\n", jp_error_text(err));
    return 1;
}

static void warn(void *context, const char *text)
{
    (void)context;
    (void)fprintf(stderr, "image-tool: %s\n", text);
}

static int import(const char *archive, const char *dir, const char *manifest, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO(jp_import_result) result = {.entries = 0};
    JP_AUTO_FD int fd = strcmp(archive, "-") == 0 ? dup(STDIN_FILENO)
                                                  : jp_fd_open(AT_FDCWD, archive, O_RDONLY, 0, err);
    JP_AUTO_FD int dir_fd = jp_fd_make_dir(AT_FDCWD, dir, 0700, err);
    if (fd < 0 || dir_fd < 0)
        return fail(err);
    JP_AUTO_FD int rootfs_fd = jp_fd_make_dir(dir_fd, "rootfs", 0700, err);
    if (rootfs_fd < 0 || (manifest && jp_file_read(AT_FDCWD, manifest, 1U << 24, &text, err) != 0))
        return fail(err);
    struct jp_import_target target = {.dir_fd = dir_fd, .rootfs_fd = rootfs_fd};
    struct jp_image_import_options options = {
        .fd = fd,
        .manifest = manifest ? jp_buf_text(&text) : NULL,
        .manifest_len = text.len,
        .not_durable = true,
        .watch = {.warn = warn},
    };
    if (jp_import_run(&target, &options, &result, err) != 0)
        return fail(err);
    printf("%s\n", result.id);
    return 0;
}

static int export(const char *dir, const char *file, const char *word, struct jp_error *err)
{
    char id[7 + 128 + 1] = "sha512-";
    struct jp_image_export_options options = {.path = file, .id = id};
    JP_AUTO_FD int dir_fd = jp_fd_open_dir(AT_FDCWD, dir, err);
    JP_AUTO_FD int id_fd = dir_fd < 0 ? -1 : jp_fd_open(dir_fd, "id", O_RDONLY, 0, err);
    if (id_fd < 0 || read(id_fd, id, sizeof(id) - 1) != (ssize_t)sizeof(id) - 1 ||
        (word && !jp_compression_parse(word, &options.compression)))
        return fail(err);
    return jp_export_run(dir_fd, &options, err) == 0 ? 0 : fail(err);
}

static void show(void *context, const char *path, const char *what)
{
    (void)context;
    printf("%s: %s\n", path, what);
}

static int verify(const char *dir, struct jp_error *err)
{
    char id[7 + 128 + 1] = "";
    uint64_t count = 0;
    JP_AUTO_FD int dir_fd = jp_fd_open_dir(AT_FDCWD, dir, err);
    JP_AUTO_FD int id_fd = dir_fd < 0 ? -1 : jp_fd_open(dir_fd, "id", O_RDONLY, 0, err);
    if (id_fd < 0 || read(id_fd, id, sizeof(id) - 1) != (ssize_t)sizeof(id) - 1)
        return fail(err);
    struct jp_image_verify_options options = {.id = id, .difference = show};
    if (jp_verify_run(dir_fd, &options, &count, err) != 0)
        return fail(err);
    return count ? 1 : 0;
}

int main(int argc, char **argv)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (argc >= 4 && strcmp(argv[1], "import") == 0)
        return import(argv[2], argv[3], argc > 4 ? argv[4] : NULL, &err);
    if (argc >= 4 && strcmp(argv[1], "export") == 0)
        return export(argv[2], argv[3], argc > 4 ? argv[4] : NULL, &err);
    if (argc == 3 && strcmp(argv[1], "verify") == 0)
        return verify(argv[2], &err);
    (void)fprintf(stderr, "usage: image-tool import|export|verify ...\n");
    return 2;
}
