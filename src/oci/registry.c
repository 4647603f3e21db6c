#include "oci/registry.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "fetch/download.h"
#include "oci/challenge.h"
#include "oci/digest.h"
#include "sys/fd.h"

#define TOKEN_ANSWER_MAX 65536U

struct jp_oci_registry {
    struct jp_oci_registry_options options;
    char *base;          /* "https://host:5000" */
    char *authorization; /* "Bearer ..."; NULL: what the session knows of the host */
    /* The document that the reference meant: it is asked for once. */
    struct jp_buf top;
    char top_digest[JP_OCI_DIGEST_SIZE];
};

static const char *const accept_headers[] = {
    "Accept: application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json",
};

int jp_oci_registry_open(const struct jp_oci_registry_options *options,
                         struct jp_oci_registry **ret, struct jp_error *err)
{
    JP_AUTO_PTR(jp_oci_registry) registry = jp_calloc(1, sizeof(*registry));
    if (!registry)
        return jp_oom(err);
    registry->options = *options;
    registry->base =
        jp_format("http%s://%s", options->is_http ? "" : "s", options->reference->registry);
    if (!registry->base)
        return jp_oom(err);
    *ret = jp_take(&registry);
    return 0;
}

void jp_oci_registry_free(struct jp_oci_registry *registry)
{
    if (!registry)
        return;
    free(registry->base);
    free(registry->authorization);
    jp_buf_clear(&registry->top);
    free(registry);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static int ask_for_token(struct jp_oci_registry *registry, const struct jp_oci_challenge *challenge,
                         bool is_public, struct jp_error *err)
{
    JP_AUTO(jp_transfer_response) response = JP_TRANSFER_RESPONSE_INIT;
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO_FREE char *scope =
        jp_format("repository:%s:%s", registry->options.reference->repository,
                  registry->options.pushes ? "pull,push" : "pull");
    JP_AUTO_FREE char *url = NULL;
    JP_AUTO_FREE char *token = NULL;
    if (!scope)
        return jp_oom(err);
    if (jp_oci_challenge_url(challenge, scope, &url, err) < 0)
        return -1;
    struct jp_transfer_request request = JP_TRANSFER_REQUEST_INIT;
    request.url = url;
    request.is_from_public = is_public;
    if (jp_transfer_get(registry->options.transfer, &request, TOKEN_ANSWER_MAX, &text, &response,
                        err) < 0)
        return -1;
    if (response.status / 100 != 2)
        return jp_transfer_fail_status(&response, err);
    if (jp_oci_token_parse(jp_buf_text(&text), text.len, &token, err) < 0)
        return -1;
    free(registry->authorization);
    registry->authorization = jp_format("Bearer %s", token);
    return registry->authorization ? 0 : jp_oom(err);
}

/* After a 401: 1 when there is a new token to try with, 0 when there is nothing to do, -1. */
static int answer_challenge(struct jp_oci_registry *registry,
                            const struct jp_transfer_response *response, struct jp_error *err)
{
    struct jp_oci_challenge challenge;
    const char *header = jp_transfer_header(response, "www-authenticate");
    if (response->status != 401 || !header)
        return 0;
    if (jp_oci_challenge_parse(header, &challenge, err) < 0)
        return -1;
    /* Basic: what the configuration has for this host was sent along already. */
    int r = challenge.is_bearer ? ask_for_token(registry, &challenge, response->is_public, err) : 0;
    bool is_bearer = challenge.is_bearer;
    jp_oci_challenge_clear(&challenge);
    if (r < 0)
        return jp_wrap(err, "token of %s", registry->options.reference->registry);
    return is_bearer;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static struct jp_transfer_request request_for(const struct jp_oci_registry *registry,
                                              enum jp_http_method method, const char *url)
{
    struct jp_transfer_request request = JP_TRANSFER_REQUEST_INIT;
    request.method = method;
    request.url = url;
    request.authorization = registry->authorization;
    request.is_typed = true;
    return request;
}

static char *url_of(const struct jp_oci_registry *registry, const char *kind, const char *which)
{
    return jp_format("%s/v2/%s/%s/%s", registry->base, registry->options.reference->repository,
                     kind, which);
}

/* Once more with a token, when the first try was refused for want of one. */
static int get_document(struct jp_oci_registry *registry, const char *which, struct jp_buf *ret,
                        struct jp_transfer_response *response, struct jp_error *err)
{
    JP_AUTO_FREE char *url = url_of(registry, "manifests", which);
    if (!url)
        return jp_oom(err);
    for (int try = 0;; try++) {
        struct jp_transfer_request request = request_for(registry, JP_HTTP_GET, url);
        request.headers = accept_headers;
        request.n_headers = JP_LEN(accept_headers);
        jp_buf_reset(ret);
        if (jp_transfer_get(registry->options.transfer, &request, JP_OCI_DOCUMENT_MAX, ret,
                            response, err) < 0)
            return -1;
        if (response->status / 100 == 2)
            return 0;
        int r = try == 0 ? answer_challenge(registry, response, err) : 0;
        if (r <= 0)
            return r < 0 ? -1 : jp_transfer_fail_status(response, err);
        jp_transfer_response_clear(response);
    }
}

/* "application/json; charset=utf-8" -> "application/json" */
static char *media_type_of(const struct jp_transfer_response *response)
{
    const char *header = jp_transfer_header(response, "content-type");
    return header ? jp_memdup0(header, strcspn(header, "; \t")) : jp_strdup("");
}

int jp_oci_registry_resolve(struct jp_oci_registry *registry, struct jp_oci_descriptor *ret,
                            struct jp_error *err)
{
    JP_AUTO(jp_transfer_response) response = JP_TRANSFER_RESPONSE_INIT;
    const struct jp_oci_reference *reference = registry->options.reference;
    const char *which = reference->digest ? reference->digest : reference->tag;
    *ret = (struct jp_oci_descriptor){.size = 0};
    if (get_document(registry, which ? which : "latest", &registry->top, &response, err) < 0)
        return -1;
    if (reference->digest) {
        struct jp_oci_hasher hasher = {.hash = NULL};
        int r = jp_oci_hasher_start(&hasher, reference->digest, err);
        if (r == 0)
            r = jp_oci_hasher_add(&hasher, jp_buf_text(&registry->top), registry->top.len, err);
        if (r == 0)
            r = jp_oci_hasher_finish(&hasher, "what came", err);
        jp_oci_hasher_clear(&hasher);
        if (r < 0)
            return -1;
        memcpy(registry->top_digest, reference->digest, strlen(reference->digest) + 1);
    } else if (jp_oci_digest_of(jp_buf_text(&registry->top), registry->top.len,
                                registry->top_digest, err) < 0) {
        return -1;
    }
    ret->size = registry->top.len;
    ret->digest = jp_strdup(registry->top_digest);
    ret->media_type = media_type_of(&response);
    if (ret->digest && ret->media_type)
        return 0;
    jp_oci_descriptor_clear(ret);
    return jp_oom(err);
}

/* ---- content --------------------------------------------------------------------------------- */

/* A document that came over the network once already, as a file. */
static int open_text(const struct jp_oci_registry *registry, const struct jp_buf *text,
                     struct jp_oci_blob *ret, struct jp_error *err)
{
    JP_AUTO_FD int fd = jp_oci_unnamed_file(registry->options.tmp_fd, err);
    if (fd < 0 || jp_fd_write_all(fd, jp_buf_text(text), text->len, "a document", err) < 0)
        return -1;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return jp_fail_sys(err, "rewind a document");
    ret->size = text->len;
    ret->fd = jp_fd_take(&fd);
    return 0;
}

static int download(struct jp_oci_registry *registry, const char *url, uint64_t size,
                    struct jp_oci_blob *ret, struct jp_error *err)
{
    const struct jp_download how = {
        .transfer = registry->options.transfer,
        .tmp_fd = registry->options.tmp_fd,
        .progress = registry->options.progress,
        .context = registry->options.context,
    };
    for (int try = 0;; try++) {
        JP_AUTO(jp_transfer_response) response = JP_TRANSFER_RESPONSE_INIT;
        struct jp_transfer_request request = request_for(registry, JP_HTTP_GET, url);
        request.limits.bytes =
            size < registry->options.max_bytes ? size : registry->options.max_bytes;
        if (jp_download(&how, &request, &ret->fd, &response, err) < 0)
            return -1;
        if (ret->fd >= 0)
            return 0;
        int r = try == 0 ? answer_challenge(registry, &response, err) : 0;
        if (r <= 0)
            return r < 0 ? -1 : jp_transfer_fail_status(&response, err);
    }
}

static int open_blob(void *context, const struct jp_oci_descriptor *d, struct jp_oci_blob *ret,
                     struct jp_error *err)
{
    struct jp_oci_registry *registry = context;
    enum jp_oci_kind kind = jp_oci_kind_of(d->media_type);
    bool is_manifest = kind == JP_OCI_KIND_INDEX || kind == JP_OCI_KIND_MANIFEST;
    *ret = (struct jp_oci_blob){.fd = -1};
    if (strcmp(d->digest, registry->top_digest) == 0)
        return open_text(registry, &registry->top, ret, err);
    if (is_manifest) {
        JP_AUTO(jp_transfer_response) response = JP_TRANSFER_RESPONSE_INIT;
        JP_AUTO(jp_buf) text = JP_BUF_INIT;
        return get_document(registry, d->digest, &text, &response, err) < 0
                   ? -1
                   : open_text(registry, &text, ret, err);
    }
    if (d->size > registry->options.max_bytes)
        return jp_fail(err, JP_ELIMIT, 0, "a blob of %llu bytes: the limit is %llu",
                       (unsigned long long)d->size,
                       (unsigned long long)registry->options.max_bytes);
    JP_AUTO_FREE char *url = url_of(registry, "blobs", d->digest);
    if (!url)
        return jp_oom(err);
    if (download(registry, url, d->size, ret, err) < 0)
        return -1;
    off_t end = lseek(ret->fd, 0, SEEK_END);
    if (end < 0 || lseek(ret->fd, 0, SEEK_SET) < 0) {
        jp_fd_close(&ret->fd);
        return jp_fail_sys(err, "rewind a blob");
    }
    ret->size = (uint64_t)end;
    return 0;
}

int jp_oci_registry_source(struct jp_oci_registry *registry, struct jp_oci_source **ret,
                           struct jp_error *err)
{
    return jp_oci_source_open_remote((struct jp_oci_remote){open_blob, registry}, ret, err);
}

/* ---- sending --------------------------------------------------------------------------------- */

/* One request, once more with a token when the first try was refused for want of one. */
static int ask(struct jp_oci_registry *registry, const struct jp_transfer_request *model,
               struct jp_transfer_response *response, struct jp_error *err)
{
    for (int try = 0;; try++) {
        JP_AUTO(jp_buf) ignored = JP_BUF_INIT;
        struct jp_transfer_request request = *model;
        request.authorization = registry->authorization;
        if (model->input_fd >= 0 && lseek(model->input_fd, 0, SEEK_SET) < 0)
            return jp_fail_sys(err, "rewind");
        if (jp_transfer_get(registry->options.transfer, &request, TOKEN_ANSWER_MAX, &ignored,
                            response, err) < 0)
            return -1;
        int r = try == 0 ? answer_challenge(registry, response, err) : 0;
        if (r <= 0)
            return r;
        jp_transfer_response_clear(response);
    }
}

static int has_blob(struct jp_oci_registry *registry, const char *digest, struct jp_error *err)
{
    JP_AUTO(jp_transfer_response) response = JP_TRANSFER_RESPONSE_INIT;
    JP_AUTO_FREE char *url = url_of(registry, "blobs", digest);
    if (!url)
        return jp_oom(err);
    struct jp_transfer_request request = request_for(registry, JP_HTTP_HEAD, url);
    if (ask(registry, &request, &response, err) < 0)
        return -1;
    return response.status / 100 == 2;
}

/* Where a blob goes: "/v2/..." is the registry's own. *ret has "digest" in it already. */
static int upload_url(const struct jp_oci_registry *registry,
                      const struct jp_transfer_response *response, const char *digest, char **ret,
                      struct jp_error *err)
{
    const char *location = jp_transfer_header(response, "location");
    if (response->status / 100 != 2)
        return jp_transfer_fail_status(response, err);
    if (!location)
        return jp_fail(err, JP_EINVALID, 0, "the registry does not say where a blob goes");
    *ret = jp_format("%s%s%cdigest=%s", location[0] == '/' ? registry->base : "", location,
                     strchr(location, '?') ? '&' : '?', digest);
    return *ret ? 0 : jp_oom(err);
}

static int begin_upload(struct jp_oci_registry *registry, const char *digest, char **ret,
                        struct jp_error *err)
{
    JP_AUTO(jp_transfer_response) response = JP_TRANSFER_RESPONSE_INIT;
    JP_AUTO_FREE char *url = url_of(registry, "blobs", "uploads/");
    if (!url)
        return jp_oom(err);
    struct jp_transfer_request request = request_for(registry, JP_HTTP_POST, url);
    return ask(registry, &request, &response, err) < 0
               ? -1
               : upload_url(registry, &response, digest, ret, err);
}

static int put(struct jp_oci_registry *registry, const char *url, const char *type, int fd,
               uint64_t size, struct jp_error *err)
{
    JP_AUTO(jp_transfer_response) response = JP_TRANSFER_RESPONSE_INIT;
    JP_AUTO_FREE char *header = jp_format("Content-Type: %s", type);
    if (!header)
        return jp_oom(err);
    const char *headers[] = {header};
    struct jp_transfer_request request = request_for(registry, JP_HTTP_PUT, url);
    request.headers = headers;
    request.n_headers = JP_LEN(headers);
    request.input_fd = fd;
    request.input_bytes = size;
    request.sent = registry->options.progress;
    request.sent_context = registry->options.context;
    if (ask(registry, &request, &response, err) < 0)
        return -1;
    return response.status / 100 == 2 ? 0 : jp_transfer_fail_status(&response, err);
}

int jp_oci_registry_send(struct jp_oci_registry *registry, const char *digest, int fd,
                         uint64_t size, bool *ret_was_there, struct jp_error *err)
{
    JP_AUTO_FREE char *url = NULL;
    int r = has_blob(registry, digest, err);
    *ret_was_there = r > 0;
    if (r != 0)
        return r < 0 ? -1 : 0;
    if (begin_upload(registry, digest, &url, err) < 0)
        return -1;
    return put(registry, url, "application/octet-stream", fd, size, err);
}

int jp_oci_registry_send_manifest(struct jp_oci_registry *registry, const char *media_type,
                                  const struct jp_buf *text, struct jp_error *err)
{
    const char *tag = registry->options.reference->tag;
    struct jp_oci_blob blob = {.fd = -1};
    JP_AUTO_FREE char *url = url_of(registry, "manifests", tag ? tag : "latest");
    if (!url)
        return jp_oom(err);
    if (open_text(registry, text, &blob, err) < 0)
        return -1;
    int r = put(registry, url, media_type, blob.fd, blob.size, err);
    jp_fd_close(&blob.fd);
    return r;
}
