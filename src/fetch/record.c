#include "fetch/record.h"

#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "appc/id.h"
#include "base/mem.h"
#include "base/parse.h"
#include "sys/fd.h"

#define MAX_RECORD 32768
#define MAX_FRESH  86400

void jp_record_clear(struct jp_record *record)
{
    free(record->url);
    free(record->etag);
    free(record->id);
    *record = (struct jp_record)JP_RECORD_INIT;
}

void jp_record_name(const char *key, char out[65])
{
    struct sha256_ctx hash;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&hash);
    sha256_update(&hash, strlen(key), (const uint8_t *)key);
    sha256_digest(&hash, sizeof(digest), digest);
    jp_hex_encode(digest, sizeof(digest), out);
}

/* A line "WORD VALUE"; the value in new memory, NULL when there is none. */
static char *line_of(const char *text, const char *word)
{
    size_t len = strlen(word);
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        size_t n = strcspn(line, "\n");
        if (n > len && strncmp(line, word, len) == 0 && line[len] == ' ')
            return jp_memdup0(line + len + 1, n - len - 1);
        if (!line[n])
            break;
    }
    return NULL;
}

static int64_t number_of(const char *text, const char *word)
{
    uint64_t n = 0;
    JP_AUTO_FREE char *value = line_of(text, word);
    return value && jp_parse_u64(value, 10, 0, INT64_MAX, &n) ? (int64_t)n : 0;
}

static int open_dir(int root_fd, struct jp_error *err)
{
    return jp_fd_make_dir(root_fd, JP_RECORD_DIR, 0700, err);
}

int jp_record_read(int root_fd, const char *key, struct jp_record *ret, struct jp_error *err)
{
    char name[65];
    struct jp_buf text = JP_BUF_INIT;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    JP_AUTO_FD int dir_fd = open_dir(root_fd, err);
    if (dir_fd < 0)
        return -1;
    jp_record_name(key, name);
    int r = jp_file_read(dir_fd, name, MAX_RECORD, &text, &why);
    if (r == 0) {
        ret->url = line_of(jp_buf_text(&text), "url");
        ret->etag = line_of(jp_buf_text(&text), "etag");
        ret->id = line_of(jp_buf_text(&text), "image");
        ret->time_s = number_of(jp_buf_text(&text), "time");
        ret->fresh_s = number_of(jp_buf_text(&text), "fresh");
        ret->is_public = number_of(jp_buf_text(&text), "public") == 1;
        ret->is_verified = number_of(jp_buf_text(&text), "verified") == 1;
    }
    jp_buf_clear(&text);
    bool is_whole = r == 0 && ret->url && ret->id && jp_image_id_valid(ret->id);
    if (!is_whole)
        jp_record_clear(ret);
    return is_whole;
}

int jp_record_keep(int root_fd, const char *key, const struct jp_record *record,
                   struct jp_error *err)
{
    char name[65];
    struct jp_buf text = JP_BUF_INIT;
    JP_AUTO_FD int dir_fd = open_dir(root_fd, err);
    if (dir_fd < 0)
        return -1;
    jp_record_name(key, name);
    jp_buf_printf(&text, "url %s\nimage %s\ntime %lld\nfresh %lld\nverified %d\npublic %d\n",
                  record->url, record->id, (long long)record->time_s, (long long)record->fresh_s,
                  record->is_verified, record->is_public);
    if (record->etag)
        jp_buf_printf(&text, "etag %s\n", record->etag);
    int r = jp_buf_failed(&text)
                ? jp_oom(err)
                : jp_file_replace(dir_fd, name, text.data, text.len, 0600, false, err);
    jp_buf_clear(&text);
    return r;
}

int64_t jp_record_freshness(const char *cache_control)
{
    static const char max_age[] = "max-age=";
    uint64_t seconds = 0;
    if (!cache_control || strcasestr(cache_control, "no-cache") ||
        strcasestr(cache_control, "no-store"))
        return 0;
    const char *at = strcasestr(cache_control, max_age);
    if (!at)
        return 0;
    at += strlen(max_age);
    JP_AUTO_FREE char *digits = jp_memdup0(at, strspn(at, "0123456789"));
    if (!digits || !jp_parse_u64(digits, 10, 0, UINT64_MAX, &seconds))
        return 0;
    return seconds > MAX_FRESH ? MAX_FRESH : (int64_t)seconds;
}
