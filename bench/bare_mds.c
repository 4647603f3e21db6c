/*
 * The limit that bench/mds.sh compares the metadata service with: a bare libmicrohttpd program that
 * gives the same bytes to whoever asks, in one thread with epoll, as the library's manual has it.
 *
 *   bare_mds PORT STATUS-BODY-FILE     GET: the file; POST: HMAC-SHA512 of the body, base64
 */
#include <microhttpd.h>
#include <nettle/base64.h>
#include <nettle/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char body[1 << 20];
static size_t body_len;
static const char key[64] = "a key of the same length as ours";

struct upload {
    char bytes[4096];
    size_t len;
};

static void add_headers(struct MHD_Response *response, const char *type)
{
    MHD_add_response_header(response, "Content-Type", type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
}

static enum MHD_Result sign(struct MHD_Connection *connection, const struct upload *upload)
{
    struct hmac_sha512_ctx mac;
    unsigned char digest[64];
    char text[BASE64_ENCODE_RAW_LENGTH(sizeof(digest))];
    hmac_sha512_set_key(&mac, sizeof(key), (const unsigned char *)key);
    hmac_sha512_update(&mac, upload->len, (const unsigned char *)upload->bytes);
    hmac_sha512_digest(&mac, sizeof(digest), digest);
    base64_encode_raw(text, sizeof(digest), digest);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof(text), text, MHD_RESPMEM_MUST_COPY);
    add_headers(response, "text/plain; charset=us-ascii");
    enum MHD_Result result = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *len, void **state)
{
    static char seen;
    (void)url;
    (void)version;
    if (!*state) {
        *state = strcmp(method, "POST") == 0 ? calloc(1, sizeof(struct upload)) : (void *)&seen;
        return MHD_YES;
    }
    if (*state == &seen)
        return MHD_queue_response(connection, 200, context);
    struct upload *upload = *state;
    if (*len == 0)
        return sign(connection, upload);
    size_t n =
        *len < sizeof(upload->bytes) - upload->len ? *len : sizeof(upload->bytes) - upload->len;
    memcpy(upload->bytes + upload->len, data, n);
    upload->len += n;
    *len = 0;
    return MHD_YES;
}

static void completed(void *context, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code)
{
    (void)context;
    (void)connection;
    (void)code;
    if (*state && ((struct upload *)*state)->len > 0)
        free(*state);
}

int main(int argc, char **argv)
{
    FILE *file = argc == 3 ? fopen(argv[2], "r") : NULL;
    if (!file)
        return 2;
    body_len = fread(body, 1, sizeof(body), file);
    fclose(file);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body_len, body, MHD_RESPMEM_PERSISTENT);
    add_headers(response, "text/plain; charset=us-ascii");
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, (unsigned short)atoi(argv[1]), NULL, NULL,
                         handle, response, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
                         MHD_OPTION_CONNECTION_TIMEOUT, 5U, MHD_OPTION_END);
    if (!daemon)
        return 1;
    for (;;)
        pause();
}
