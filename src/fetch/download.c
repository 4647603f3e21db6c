#include "fetch/download.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/random.h"
#include "fetch/header.h"
#include "fetch/record.h"
#include "sys/calls.h"
#include "sys/fd.h"

#define MAX_TRIES 5 /* with nothing new in between */
#define MAX_TAG   1024
#define MAX_SIZE  21 /* of the line behind it */

struct partial {
    const struct jp_download *download;
    char name[80];
    char tag_name[88];
    int fd;
    bool is_shared; /* another command may find it: it has the name of its URL */
    struct jp_buf tag;
    uint64_t size;
    uint64_t all; /* bytes that the whole has; 0: nobody said */
};

/* ---- the file -------------------------------------------------------------------------------- */

/* Opened and locked: 1; 0 when another command has it, or gc has just taken it. */
static int try_open(struct partial *p, struct jp_error *err)
{
    struct stat st;
    int tmp_fd = p->download->tmp_fd;
    JP_AUTO_FD int fd = jp_fd_open(tmp_fd, p->name, O_RDWR | O_CREAT, 0600, err);
    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0 || st.st_nlink == 0 ||
        !S_ISREG(st.st_mode))
        return 0;
    p->fd = jp_fd_take(&fd);
    p->size = (uint64_t)st.st_size;
    return 1;
}

static void name_it(struct partial *p, const char *digest)
{
    (void)snprintf(p->name, sizeof(p->name), "fetch-%s", digest);
    (void)snprintf(p->tag_name, sizeof(p->tag_name), "%s.tag", p->name);
}

static int open_partial(struct partial *p, const char *url, struct jp_error *err)
{
    char digest[65];
    char own[JP_UUID_SIZE];
    jp_record_name(url, digest);
    name_it(p, digest);
    int r = try_open(p, err);
    p->is_shared = r > 0;
    if (r != 0)
        return r < 0 ? -1 : 0;
    if (jp_uuid_new(own, err) < 0)
        return -1;
    name_it(p, own);
    r = try_open(p, err);
    return r == 0 ? jp_fail(err, JP_EBUSY, 0, "'tmp/%s' is in use", p->name) : r < 0 ? -1 : 0;
}

static void forget(struct partial *p)
{
    (void)jp_sys.unlinkat(p->download->tmp_fd, p->name, 0);
    (void)jp_sys.unlinkat(p->download->tmp_fd, p->tag_name, 0);
}

static int restart(struct partial *p, struct jp_error *err)
{
    p->size = 0;
    p->all = 0;
    jp_buf_reset(&p->tag);
    return jp_sys.ftruncate(p->fd, 0) < 0 ? jp_fail_sys(err, "empty 'tmp/%s'", p->name) : 0;
}

/* The validator and, if it was told, the size of the whole, each a line: what write_tag() wrote. */
static bool take_tag(struct partial *p, const char *text)
{
    size_t len = strcspn(text, "\n");
    jp_buf_add(&p->tag, text, len);
    return len > 0 && !jp_buf_failed(&p->tag) &&
           (text[len] == '\0' || jp_parse_u64(text + len + 1, 10, 1, UINT64_MAX, &p->all));
}

/* The validator of what is there. Without one it cannot be continued. */
static int read_tag(struct partial *p, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    size_t max = MAX_TAG + MAX_SIZE;
    if (p->size > 0 && jp_file_read(p->download->tmp_fd, p->tag_name, max, &text, &why) == 0 &&
        take_tag(p, jp_buf_text(&text)))
        return 0;
    return restart(p, err);
}

/* Before the bytes that it vouches for. */
static int write_tag(struct partial *p, const struct jp_transfer_response *response,
                     struct jp_error *err)
{
    const char *etag = jp_header_strong_etag(&response->headers);
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (restart(p, err) < 0)
        return -1;
    if (!etag || strlen(etag) > MAX_TAG || !p->is_shared) {
        (void)jp_sys.unlinkat(p->download->tmp_fd, p->tag_name, 0);
        return 0;
    }
    p->all = response->length > 0 ? (uint64_t)response->length : 0;
    jp_buf_puts(&p->tag, etag);
    jp_buf_puts(&text, etag);
    if (p->all > 0)
        jp_buf_printf(&text, "\n%llu", (unsigned long long)p->all);
    if (jp_buf_failed(&text) || jp_buf_failed(&p->tag))
        return jp_oom(err);
    return jp_file_replace(p->download->tmp_fd, p->tag_name, jp_buf_text(&text), text.len, 0600,
                           false, err);
}

/* ---- continuing ------------------------------------------------------------------------------ */

static bool continues(struct partial *p, const struct jp_transfer_response *response)
{
    struct jp_beginning here = {.etag = jp_buf_text(&p->tag), .size = p->size, .all = p->all};
    return jp_header_is_rest(&response->headers, &here, &p->all);
}

struct shown {
    const struct jp_download *download;
    uint64_t before;
};

static void show(void *context, uint64_t done, uint64_t total)
{
    const struct shown *s = context;
    if (s->download->progress)
        s->download->progress(s->download->context, s->before + done,
                              total ? s->before + total : 0);
}

/* A body that does not say its length ends anywhere: of a rest it is known where it should. */
static int check_size(struct partial *p, const struct jp_transfer_response *response,
                      struct jp_error *err)
{
    uint64_t got = p->size;
    if (p->all == 0 || got == p->all)
        return 0;
    if (got > p->all && restart(p, err) < 0)
        return -1;
    return jp_fail(err, JP_ECORRUPT, 0, "'%.300s': %llu bytes came, not %llu", response->url,
                   (unsigned long long)got, (unsigned long long)p->all);
}

/* The body behind what is there. On failure p->size tells how far it came. */
static int copy(struct partial *p, struct jp_transfer_response *response, struct jp_error *err)
{
    struct shown shown = {p->download, p->size};
    if (lseek(p->fd, (off_t)p->size, SEEK_SET) < 0)
        return jp_fail_sys(err, "seek in 'tmp/%s'", p->name);
    int r = jp_transfer_copy(p->download->transfer, response, p->fd, show, &shown, err);
    off_t end = lseek(p->fd, 0, SEEK_CUR);
    p->size = end > 0 ? (uint64_t)end : 0;
    return r < 0 ? -1 : check_size(p, response, err);
}

/* One request: 1 it is whole, 0 the answer is none of success, -1. */
static int try_once(struct partial *p, const struct jp_transfer_request *request,
                    struct jp_transfer_response *ret, struct jp_error *err)
{
    struct jp_transfer_request asked = *request;
    uint64_t max = request->limits.bytes;
    if (p->size > 0) {
        asked.offset = p->size;
        asked.if_range = jp_buf_text(&p->tag);
        asked.etag = NULL;
        if (max > 0 && p->size >= max)
            return jp_fail(err, JP_ELIMIT, 0, "'%.300s' is larger than %llu bytes", request->url,
                           (unsigned long long)max);
        asked.limits.bytes = max > 0 ? max - p->size : 0;
    }
    jp_transfer_response_clear(ret);
    if (jp_transfer_begin(p->download->transfer, &asked, ret, err) < 0)
        return -1;
    bool is_part = ret->status == 206 && p->size > 0;
    if ((ret->status == 206 || ret->status == 416) && !(is_part && continues(p, ret))) {
        /* Nothing that could be put behind what is there: once more, from the beginning. */
        bool was_part = p->size > 0;
        return restart(p, err) == 0 && was_part
                   ? try_once(p, request, ret, err)
                   : jp_fail(err, JP_ECORRUPT, 0, "'%.300s': a part that nobody asked for",
                             request->url);
    }
    if (ret->status / 100 != 2)
        return 0;
    if (!is_part && write_tag(p, ret, err) < 0)
        return -1;
    return copy(p, ret, err) < 0 ? -1 : 1;
}

/* May another try help? What broke off can be continued; refusals stay refusals. */
static bool is_worth_it(const struct partial *p, const struct jp_error *why)
{
    return p->tag.len > 0 && (why->code == JP_ESYS || why->code == JP_ECORRUPT);
}

static int try_often(struct partial *p, const struct jp_transfer_request *request,
                     struct jp_transfer_response *ret, struct jp_error *err)
{
    uint64_t most = p->size; /* that was ever here: who begins again has not come further */
    for (int tries = 0;;) {
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        int r = try_once(p, request, ret, &why);
        if (r >= 0)
            return r;
        tries = p->size > most ? 0 : tries + 1;
        most = p->size > most ? p->size : most;
        if (tries >= MAX_TRIES || !is_worth_it(p, &why)) {
            if (why.code == JP_ELIMIT || p->tag.len == 0)
                forget(p);
            jp_error_move(err, &why);
            return -1;
        }
    }
}

int jp_download(const struct jp_download *download, const struct jp_transfer_request *request,
                int *ret_fd, struct jp_transfer_response *ret, struct jp_error *err)
{
    struct partial p = {.download = download, .fd = -1};
    int r = open_partial(&p, request->url, err);
    if (r == 0)
        r = read_tag(&p, err);
    if (r == 0)
        r = try_often(&p, request, ret, err);
    if (r >= 0)
        forget(&p);
    if (r > 0 && lseek(p.fd, 0, SEEK_SET) < 0)
        r = jp_fail_sys(err, "seek in a download");
    *ret_fd = r > 0 ? jp_fd_take(&p.fd) : -1;
    jp_fd_close(&p.fd);
    jp_buf_clear(&p.tag);
    return r < 0 ? -1 : 0;
}
