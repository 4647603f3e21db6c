/* push, and export -oci: images as others take them. */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/oci.h"
#include "oci/bundle.h"
#include "oci/registry.h"
#include "store/views.h"
#include "sys/fd.h"

/* What an image is made into a bundle of; the manifest must outlive the bundle. */
struct made {
    struct jp_image_manifest manifest;
    struct jp_oci_bundle bundle;
};

static void made_clear(struct made *made)
{
    jp_oci_bundle_clear(&made->bundle);
    jp_image_manifest_clear(&made->manifest);
}

static int read_manifest(struct jp_cli *cli, const char *id, struct jp_image_manifest *ret,
                         struct jp_error *err)
{
    JP_AUTO_FREE char *text = NULL;
    size_t len = 0;
    if (jp_store_image_manifest(cli->store, id, &text, &len, err) < 0)
        return -1;
    return jp_image_manifest_parse(text, len, ret, err);
}

/* Layers are compressed with gzip unless something else is asked for: everybody can read that. */
static int compression_of(const struct jp_cli *cli, enum jp_compression *ret, struct jp_error *err)
{
    const char *word = jp_cli_value(&cli->args, "compression");
    *ret = JP_COMPRESSION_GZIP;
    if (!word || (jp_compression_parse(word, ret) &&
                  (*ret == JP_COMPRESSION_NONE || *ret == JP_COMPRESSION_GZIP ||
                   *ret == JP_COMPRESSION_ZSTD)))
        return 0;
    return jp_fail(err, JP_EUSAGE, 0, "-compression=%s: must be none, gzip or zstd for OCI", word);
}

static int make(struct jp_cli *cli, const char *id, struct made *ret, struct jp_error *err)
{
    JP_AUTO(jp_store_stack) stack = JP_STORE_STACK_INIT;
    JP_AUTO(jp_strv) layers = JP_STRV_INIT;
    struct jp_oci_bundle_options options = {
        .store = cli->store,
        .manifest = &ret->manifest,
        .layers = &layers,
        .watch = {.cancel = cli->signals.interrupted},
    };
    if (compression_of(cli, &options.compression, err) < 0 ||
        read_manifest(cli, id, &ret->manifest, err) < 0 ||
        jp_pod_image_stack(&cli->pods, id, NULL, &stack, err) < 0 ||
        jp_store_stack_layers(cli->store, &stack, &layers, err) < 0)
        return -1;
    return jp_oci_bundle_make(&options, &ret->bundle, err);
}

/* ---- export -oci ----------------------------------------------------------------------------- */

static int write_file(const struct made *made, const char *reference, const char *path,
                      struct jp_error *err)
{
    JP_AUTO_FREE char *part = jp_format("%s.part", path);
    if (!part)
        return jp_oom(err);
    JP_AUTO_FD int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return jp_fail_sys(err, "make '%s'", part);
    int r = jp_oci_layout_write_tar(&made->bundle, reference, fd, err);
    if (r == 0 && rename(part, path) < 0)
        r = jp_fail_sys(err, "make '%s'", path);
    if (r < 0)
        (void)unlink(part);
    return r;
}

static int write_layout(const struct made *made, const char *path, struct jp_error *err)
{
    struct stat st;
    const char *version = jp_image_manifest_label(&made->manifest, "version");
    const char *reference = version ? version : "latest";
    size_t len = strlen(path);
    if (strcmp(path, "-") == 0)
        return jp_oci_layout_write_tar(&made->bundle, reference, STDOUT_FILENO, err);
    if ((len > 0 && path[len - 1] == '/') || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
        return jp_oci_layout_write_dir(&made->bundle, reference, path, err);
    return write_file(made, reference, path, err);
}

int jp_cli_oci_export(struct jp_cli *cli, const char *id, const char *path, struct jp_error *err)
{
    struct made made = {.bundle = {.config = {.fd = -1}}};
    int r = make(cli, id, &made, err);
    if (r == 0)
        r = write_layout(&made, path, err);
    if (r == 0 && strcmp(path, "-") != 0)
        (void)printf("%s\n", made.bundle.manifest_digest);
    made_clear(&made);
    return r;
}

/* ---- push ------------------------------------------------------------------------------------ */

static int send_piece(struct jp_oci_registry *registry, const struct jp_oci_piece *piece,
                      struct jp_error *err)
{
    bool was_there = false;
    return jp_oci_registry_send(registry, piece->digest, piece->fd, piece->size, &was_there, err);
}

/* The manifest last: before, nobody sees anything. */
static int send_all(struct jp_oci_registry *registry, const struct jp_oci_bundle *bundle,
                    struct jp_error *err)
{
    for (size_t i = 0; i < bundle->n_layers; i++) {
        if (send_piece(registry, &bundle->layers[i], err) < 0)
            return -1;
    }
    if (send_piece(registry, &bundle->config, err) < 0)
        return -1;
    return jp_oci_registry_send_manifest(registry, JP_OCI_MANIFEST_TYPE, &bundle->manifest, err);
}

static int push(struct jp_cli *cli, const char *id, const char *location, struct jp_error *err)
{
    struct made made = {.bundle = {.config = {.fd = -1}}};
    struct jp_cli_remote *remote = NULL;
    int r = jp_cli_remote_open(cli, location, &remote, err);
    if (r == 0)
        r = make(cli, id, &made, err);
    if (r == 0)
        r = send_all(jp_cli_remote_registry(remote), &made.bundle, err);
    jp_cli_remote_free(remote);
    if (r == 0)
        (void)printf("%s\n", made.bundle.manifest_digest);
    made_clear(&made);
    return r < 0 ? jp_wrap(err, "%s", location) : 0;
}

int jp_cmd_push(struct jp_cli *cli, struct jp_error *err)
{
    JP_AUTO(jp_store_images) found = {NULL, 0};
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    if (!ctx || jp_pod_find_any_image(ctx, cli->args.words[0], &found, err) < 0)
        return -1;
    return push(cli, found.items[0].id, cli->args.words[1], err);
}
