/*
 * Registrations: what the metadata service may know of a running pod is written to ROOT/mds/UUID
 * before its apps start (plan/registration.h), with every answer finished. The service itself is
 * service.c's business.
 *
 * A registration is stale only when the pod's lock is free: a start takes that lock before it
 * registers, and hands it to the supervisor, who removes the file at the end.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "plan/service.h"
#include "plan/token.h"
#include "pod/internal.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/lock.h"

#define LOOPBACK "127.0.0.1" /* where pods in the host's network find the service */
#define HTTP     80

/* ---- identity -------------------------------------------------------------------------------- */

static int make_token(const struct jp_pod_context *ctx, const char *uuid,
                      struct jp_pod_identity *identity, char token[JP_TOKEN_SIZE],
                      struct jp_error *err)
{
    JP_AUTO(jp_buf) key = JP_BUF_INIT;
    unsigned char nonce[JP_TOKEN_NONCE_SIZE];
    JP_AUTO_FD int dir_fd = jp_pod_service_dir(ctx, err);
    if (dir_fd < 0 || jp_random_bytes(nonce, sizeof(nonce), err) < 0 ||
        jp_pod_service_key(dir_fd, /* has_lock= */ false, JP_SERVICE_TOKENS,
                           ctx->metadata->token_key, &key, err) < 0)
        return -1;
    jp_token_make((struct jp_token_key){key.data, key.len}, uuid, nonce, token);
    jp_token_digest(token, strlen(token), identity->digest);
    explicit_bzero(key.data, key.len);
    return 0;
}

static char *make_url(const struct jp_pod_context *ctx, const char *address, const char *token)
{
    unsigned port = ctx->metadata->port;
    return port == HTTP ? jp_format("http://%s/~%s", address, token)
                        : jp_format("http://%s:%u/~%s", address, port, token);
}

/* In the host's network requests come from the host; without a network, from nowhere. */
static int place(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                 const struct jp_pod_manifest *m, struct jp_pod_identity *identity, char **ret_at,
                 struct jp_error *err)
{
    uint8_t mode = JP_NET_POD;
    const struct jp_network *network = NULL;
    if (jp_pod_net_mode(m, &mode, err) < 0 || jp_pod_network(ctx, m, &network, err) < 0)
        return -1;
    /* A macvlan device and the one that it is on never hear each other. */
    bool is_near = network && network->kind != JP_NET_MACVLAN;
    *ret_at = mode == JP_NET_HOST
                  ? jp_strdup(LOOPBACK)
                  : jp_network_gateway(is_near ? network : &jp_pod_networks(ctx)->items[0]);
    if (!*ret_at)
        return jp_oom(err);
    if (mode != JP_NET_HOST && !is_near)
        return 0;
    const char *address =
        mode == JP_NET_HOST ? LOOPBACK : jp_pod_manifest_annotation(m, JP_NOTE_ADDRESS);
    if (!address)
        return jp_fail(err, JP_ECORRUPT, 0, "the pod has no annotation %s", JP_NOTE_ADDRESS);
    identity->address = jp_strdup(address);
    identity->file = jp_format("%s/%s/%s", jp_store_root(ctx->store), JP_SERVICE_DIR, pod->uuid);
    return identity->address && identity->file ? 0 : jp_oom(err);
}

int jp_pod_identity_make(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                         const struct jp_pod_manifest *m, struct jp_pod_identity *ret,
                         struct jp_error *err)
{
    if (!ctx->metadata)
        return 0;
    JP_AUTO_FREE char *at = NULL;
    char token[JP_TOKEN_SIZE];
    if (place(ctx, pod, m, ret, &at, err) < 0 || make_token(ctx, pod->uuid, ret, token, err) < 0)
        return jp_wrap(err, "metadata service");
    ret->url = make_url(ctx, at, token);
    explicit_bzero(token, sizeof(token));
    return ret->url ? 0 : jp_oom(err);
}

void jp_pod_identity_clear(struct jp_pod_identity *identity)
{
    free(identity->url);
    free(identity->file);
    free(identity->address);
    *identity = (struct jp_pod_identity)JP_POD_IDENTITY_INIT;
}

/* ---- what is registered ---------------------------------------------------------------------- */

static char *print_notes(const struct jp_pairs *pairs)
{
    json_t *list = json_array();
    for (size_t i = 0; i < pairs->count; i++) {
        const struct jp_pair *pair = &pairs->items[i];
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s}", "name", pair->name, "value", pair->value));
    }
    char *text = json_array_size(list) == pairs->count ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    return text;
}

static int put_notes(const struct jp_pairs *pairs, struct jp_registered_notes *to,
                     struct jp_error *err)
{
    to->json = print_notes(pairs);
    to->items = jp_calloc(pairs->count + 1, sizeof(*to->items));
    if (!to->json || !to->items)
        return jp_oom(err);
    for (size_t i = 0; i < pairs->count; i++) {
        struct jp_registered_note *note = &to->items[to->count++];
        note->name = jp_strdup(pairs->items[i].name);
        note->value = jp_strdup(pairs->items[i].value);
        if (!note->name || !note->value)
            return jp_oom(err);
    }
    return 0;
}

/* ace.md: "Annotations from Image Manifest merged with app annotations from Pod Manifest." */
static int put_app(const struct jp_pod_context *ctx, const struct jp_runtime_app *app,
                   const struct jp_image_manifest *image, struct jp_registered_app *to,
                   struct jp_error *err)
{
    struct jp_pairs merged = JP_PAIRS_INIT;
    size_t len = 0;
    to->name = jp_strdup(app->name);
    to->image_id = jp_strdup(app->image.id);
    if (!to->name || !to->image_id)
        return jp_oom(err);
    int r = jp_store_image_manifest(ctx->store, app->image.id, &to->image_manifest, &len, err);
    if (r == 0)
        r = jp_pairs_copy(&merged, &image->annotations, err);
    if (r == 0)
        r = jp_pairs_merge(&merged, &app->annotations, err);
    if (r == 0)
        r = put_notes(&merged, &to->notes, err);
    jp_pairs_clear(&merged);
    return r;
}

static int compose(const struct jp_pod_context *ctx, const struct jp_pod_identity *identity,
                   const struct jp_store_pod *pod, const struct jp_pod_manifest *m,
                   const struct jp_image_manifest *images, struct jp_registration *to,
                   struct jp_error *err)
{
    to->uuid = jp_strdup(pod->uuid);
    to->token_digest = (unsigned char *)jp_memdup0(identity->digest, sizeof(identity->digest));
    to->token_digest_len = sizeof(identity->digest);
    to->apps = jp_calloc(m->apps.count + 1, sizeof(*to->apps));
    if (!to->uuid || !to->token_digest || !to->apps ||
        jp_strv_add(&to->addresses, identity->address) < 0)
        return jp_oom(err);
    if (jp_pod_manifest(ctx, pod->uuid, &to->manifest, err) < 0 ||
        put_notes(&m->annotations, &to->notes, err) < 0)
        return -1;
    for (size_t i = 0; i < m->apps.count; i++) {
        if (put_app(ctx, &m->apps.items[i], &images[i], &to->apps[to->n_apps++], err) < 0)
            return -1;
    }
    return 0;
}

/* ---- the file -------------------------------------------------------------------------------- */

/* The lock of the directory is held: nobody else has a draft of that name. */
static int write_draft(int dir_fd, const char *draft, const struct jp_buf *bytes,
                       struct jp_error *err)
{
    struct stat dir;
    (void)jp_sys.unlinkat(dir_fd, draft, 0);
    JP_AUTO_FD int fd = jp_fd_open(dir_fd, draft, O_WRONLY | O_CREAT | O_EXCL, 0600, err);
    if (fd < 0 || jp_fd_write_all(fd, bytes->data, bytes->len, draft, err) < 0)
        return -1;
    /* The directory tells who the service is. */
    if (fstat(dir_fd, &dir) < 0 || jp_sys.fchown(fd, dir.st_uid, dir.st_gid) < 0 ||
        jp_sys.fchmod(fd, 0640) < 0)
        return jp_fail_sys(err, "set owner and mode of '%s'", draft);
    return 0;
}

static int write_file(int dir_fd, const char *uuid, const struct jp_buf *bytes,
                      struct jp_error *err)
{
    JP_AUTO_FREE char *draft = jp_format(".%s", uuid);
    if (!draft)
        return jp_oom(err);
    int r = write_draft(dir_fd, draft, bytes, err);
    if (r == 0 && jp_sys.renameat(dir_fd, draft, dir_fd, uuid) < 0)
        r = jp_fail_sys(err, "rename to '%s'", uuid);
    if (r < 0)
        (void)jp_sys.unlinkat(dir_fd, draft, 0);
    return r;
}

static int enter(const struct jp_pod_context *ctx, const char *uuid, const struct jp_buf *bytes,
                 struct jp_error *err)
{
    JP_AUTO_FD int dir_fd = jp_pod_service_dir(ctx, err);
    if (dir_fd < 0)
        return -1;
    JP_AUTO_FD int lock = jp_pod_service_lock(dir_fd, err);
    if (lock < 0 || write_file(dir_fd, uuid, bytes, err) < 0)
        return -1;
    return jp_pod_service_ensure(ctx, dir_fd, err);
}

int jp_pod_register(const struct jp_pod_context *ctx, const struct jp_pod_identity *identity,
                    const struct jp_store_pod *pod, const struct jp_pod_manifest *m,
                    const struct jp_image_manifest *images, struct jp_error *err)
{
    if (!identity->file)
        return 0;
    JP_AUTO(jp_registration) registration = JP_REGISTRATION_INIT;
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    if (compose(ctx, identity, pod, m, images, &registration, err) < 0 ||
        jp_registration_encode(&registration, &bytes, err) < 0 ||
        enter(ctx, pod->uuid, &bytes, err) < 0)
        return jp_wrap(err, "metadata service");
    return 0;
}

void jp_pod_unregister(const struct jp_pod_context *ctx, const char *uuid)
{
    JP_AUTO_FREE char *path = jp_format("%s/%s", JP_SERVICE_DIR, uuid);
    if (path)
        (void)jp_sys.unlinkat(jp_store_root_fd(ctx->store), path, 0);
}

/* ---- sweeping -------------------------------------------------------------------------------- */

bool jp_pod_entry_is_stale(const struct jp_pod_context *ctx, const char *name)
{
    if (name[0] == '.')
        return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
    if (!jp_uuid_valid(name))
        return false;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    JP_AUTO_FD int pod_fd = -1;
    if (jp_store_pod_open(ctx->store, name, &pod_fd, &why) < 0)
        return why.code == JP_ENOTFOUND;
    return jp_lock_is_held(pod_fd, JP_POD_LOCK_FILE, NULL) == 0;
}

int jp_pod_registrations_sweep(const struct jp_pod_context *ctx, const struct jp_pod_gc *options,
                               struct jp_error *err)
{
    int dir_fd = jp_fd_open_dir(jp_store_root_fd(ctx->store), JP_SERVICE_DIR, err);
    DIR *dir = dir_fd < 0 ? NULL : fdopendir(dir_fd);
    if (!dir) {
        jp_fd_close(&dir_fd);
        return -1;
    }
    JP_AUTO_FD int lock = jp_pod_service_lock(dir_fd, err);
    const struct dirent *entry;
    while (lock >= 0 && (entry = readdir(dir))) {
        if (!jp_pod_entry_is_stale(ctx, entry->d_name) ||
            jp_sys.unlinkat(dir_fd, entry->d_name, 0) < 0)
            continue;
        if (options->say)
            options->say(options->say_context, "registration", entry->d_name, "removed");
    }
    (void)closedir(dir);
    return lock < 0 ? -1 : 0;
}
