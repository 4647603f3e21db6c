/*
 * One exchange of HTTP on the command line, as the commands make it (fetch/transfer.h):
 *
 *   exchange PROGRAM METHOD URL [NAME=VALUE]...
 *
 * PROGRAM is jetpack-fetch. Prints status, final URL and headers on standard error, the body (or
 * the meta tags of a page) on standard output. Names: header, authorization, etag, offset,
 * if-range, input (a file), ca, proxy, http (a named host), allow-http, typed, private, public,
 * max, seconds, low-bytes, low-seconds, metas, keep-redirect, twice.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/parse.h"
#include "fetch/transfer.h"
#include "sys/account.h"
#include "sys/fd.h"

struct job {
    struct jp_transfer_settings settings;
    struct jp_transfer_request request;
    struct jp_strv http_hosts;
    const char *headers[16];
    bool wants_metas;
    bool is_twice;
    const char *after;
};

static uint64_t number(const char *text)
{
    uint64_t n = 0;
    if (!jp_parse_u64(text, 10, 0, UINT64_MAX, &n))
        (void)fprintf(stderr, "'%s' is no number\n", text);
    return n;
}

static void set(struct job *job, const char *name, const char *value)
{
    struct jp_transfer_request *r = &job->request;
    struct jp_transfer_settings *s = &job->settings;
    if (strcmp(name, "header") == 0 && r->n_headers < JP_LEN(job->headers))
        job->headers[r->n_headers++] = value;
    else if (strcmp(name, "authorization") == 0)
        r->authorization = value;
    else if (strcmp(name, "etag") == 0)
        r->etag = value;
    else if (strcmp(name, "offset") == 0)
        r->offset = number(value);
    else if (strcmp(name, "if-range") == 0)
        r->if_range = value;
    else if (strcmp(name, "input") == 0)
        r->input_fd = open(value, O_RDONLY | O_CLOEXEC);
    else if (strcmp(name, "ca") == 0)
        s->ca_file = value;
    else if (strcmp(name, "proxy") == 0)
        s->proxy = value;
    else if (strcmp(name, "http") == 0)
        (void)!jp_strv_add(&job->http_hosts, value);
    else if (strcmp(name, "allow-http") == 0)
        s->allows_http = true;
    else if (strcmp(name, "typed") == 0)
        r->is_typed = true;
    else if (strcmp(name, "private") == 0)
        s->allows_private = true;
    else if (strcmp(name, "public") == 0)
        r->is_from_public = true;
    else if (strcmp(name, "max") == 0)
        s->limits.bytes = number(value);
    else if (strcmp(name, "seconds") == 0)
        s->limits.seconds = (uint32_t)number(value);
    else if (strcmp(name, "low-bytes") == 0)
        s->limits.low_bytes = (uint32_t)number(value);
    else if (strcmp(name, "low-seconds") == 0)
        s->limits.low_seconds = (uint32_t)number(value);
    else if (strcmp(name, "metas") == 0)
        job->wants_metas = true;
    else if (strcmp(name, "keep-redirect") == 0)
        r->keeps_redirect = true;
    else if (strcmp(name, "after") == 0)
        job->after = value;
    else if (strcmp(name, "twice") == 0)
        job->is_twice = true;
    else
        (void)fprintf(stderr, "unknown name '%s'\n", name);
}

static void run_before(const struct job *job, struct jp_transfer *transfer)
{
    JP_AUTO(jp_transfer_response) response = JP_TRANSFER_RESPONSE_INIT;
    struct jp_transfer_request request = job->request;
    request.url = job->after;
    if (job->after)
        (void)jp_transfer_begin(transfer, &request, &response, NULL);
}

static int run(const struct job *job, struct jp_transfer *transfer, struct jp_error *err)
{
    JP_AUTO(jp_transfer_response) response = JP_TRANSFER_RESPONSE_INIT;
    JP_AUTO(jp_strv) metas = JP_STRV_INIT;
    int r = job->wants_metas ? jp_transfer_metas(transfer, &job->request, &metas, &response, err)
                             : jp_transfer_begin(transfer, &job->request, &response, err);
    if (r < 0)
        return -1;
    (void)fprintf(stderr, "%u %s\nlength %lld public %d\n", response.status, response.url,
                  (long long)response.length, response.is_public);
    for (size_t i = 0; i < response.headers.count; i++)
        (void)fprintf(stderr, "%s\n", response.headers.items[i]);
    for (size_t i = 0; i + 1 < metas.count; i += 2)
        (void)printf("%s %s\n", metas.items[i], metas.items[i + 1]);
    (void)fflush(stdout);
    if (response.note)
        (void)fprintf(stderr, "note %s\n", response.note);
    if (response.body_fd < 0)
        return 0;
    return jp_transfer_copy(transfer, &response, STDOUT_FILENO, NULL, NULL, err);
}

int main(int argc, char **argv)
{
    static const char *const methods[] = {"GET", "HEAD", "PUT", "POST", "PATCH"};
    static struct job job = {.request = JP_TRANSFER_REQUEST_INIT};
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_transfer *transfer = NULL;
    if (argc < 4)
        return 2;
    for (size_t i = 0; i < JP_LEN(methods); i++)
        if (strcmp(argv[2], methods[i]) == 0)
            job.request.method = (enum jp_http_method)i;
    job.settings.program = argv[1];
    job.request.url = argv[3];
    job.request.headers = job.headers;
    job.request.input_bytes = UINT64_MAX;
    for (int i = 4; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value)
            *value++ = '\0';
        set(&job, argv[i], value ? value : "");
    }
    job.settings.http_hosts = &job.http_hosts;
    (void)jp_account_find("nobody", &job.settings.uid, &job.settings.gid, NULL);
    int r = jp_transfer_new(&job.settings, &transfer, &err);
    if (r == 0) {
        run_before(&job, transfer);
        r = run(&job, transfer, &err);
    }
    if (r == 0 && job.is_twice)
        r = run(&job, transfer, &err);
    jp_transfer_free(transfer);
    jp_strv_clear(&job.http_hosts);
    if (r < 0)
        (void)fprintf(stderr, "%s\n", jp_error_text(&err));
    return r < 0;
}
