/*
 * What was fetched before: ROOT/fetched/DIGEST, one small file for each location or name. It says
 * from where an image came, with which validator, and which image it is: so an image that has not
 * changed costs one request.
 */
#ifndef JP_FETCH_RECORD_H
#define JP_FETCH_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define JP_RECORD_DIR "fetched"
/* So long the place that discovery found is asked without asking the pages again. */
#define JP_RECORD_DISCOVERY_S 3600

struct jp_record {
    char *url;
    char *etag;       /* NULL: none */
    char *id;         /* of the image */
    int64_t time_s;   /* when it was fetched, or was last said to be still so */
    int64_t fresh_s;  /* for so long after that nobody needs to be asked (Cache-Control) */
    bool is_verified; /* its signature was checked, and counted */
    bool is_public;   /* a public page led there (row 48) */
};

#define JP_RECORD_INIT                                                                             \
    {                                                                                              \
        .url = NULL                                                                                \
    }

void jp_record_clear(struct jp_record *record);

/* The name of the file for a key: 64 hexadecimal digits (SHA-256) and a NUL. */
void jp_record_name(const char *key, char out[65]);

/* 1 and *ret, 0 when there is none (or none that can be read: it is only a cache), -1. */
int jp_record_read(int root_fd, const char *key, struct jp_record *ret, struct jp_error *err);

/* Writes it, not durably. */
int jp_record_keep(int root_fd, const char *key, const struct jp_record *record,
                   struct jp_error *err);

struct jp_record_tidy {
    int64_t now_s;
    bool is_dry; /* nothing is removed, only said */
    void (*say)(void *context, const char *name);
    void *context;
};

/*
 * Forgets what is older than 90 days, and the oldest of what is more than 16 MiB or 20,000 files.
 * It costs no more than a question to the server when one was still of use.
 */
int jp_record_tidy(int root_fd, const struct jp_record_tidy *tidy, struct jp_error *err);

/* Seconds that an answer may be used without asking, from its Cache-Control; at most a day. */
int64_t jp_record_freshness(const char *cache_control);

#endif
