/*
 * Images from elsewhere: a location becomes an image in the store.
 *
 * Without a signature to wait for, what comes from the network goes straight into the import, and
 * counts only once the transfer has ended well. Otherwise it is written to a file that only we can
 * reach, judged, and unpacked from that very file (row 42).
 */
#ifndef JP_CLI_FETCH_IMAGE_H
#define JP_CLI_FETCH_IMAGE_H

#include "appc/imagename.h"
#include "cli/fetching.h"
#include "image/image.h"

struct jp_fetch_options {
    /* Limits, expectations, a manifest; what the archive is comes from the location. */
    struct jp_image_import_options import;
    bool allows_unsigned;
    bool ignores_records; /* ask and fetch, whatever was fetched before */
    bool is_quiet;        /* no progress bar */
    bool needs_whole;     /* an image that it depends on and that cannot be had is an error */
};

struct jp_fetched {
    struct jp_image_imported image; /* of one that has not changed: id and name only */
    bool is_unchanged;              /* the place says that it is still what we have */
};

void jp_fetched_clear(struct jp_fetched *fetched);

/*
 * A URL; an ACI lies there. `.asc` beside it is its signature. With allow.autodiscovery on, images
 * that it depends on and that are not here are fetched, too. Also after a failure *ret is to be
 * cleared.
 */
int jp_fetch_url(struct jp_fetching *fetching, const char *url,
                 const struct jp_fetch_options *options, struct jp_fetched *ret,
                 struct jp_error *err);

/* The same of a path, a file:// URL or `-`. */
int jp_fetch_file(struct jp_fetching *fetching, const char *location,
                  const struct jp_fetch_options *options, struct jp_fetched *ret,
                  struct jp_error *err);

/* The same of an image by its name (NAME[:VERSION][,LABEL=VALUE]...): discovery. */
int jp_fetch_name(struct jp_fetching *fetching, const char *word,
                  const struct jp_fetch_options *options, struct jp_fetched *ret,
                  struct jp_error *err);

/*
 * What an image that is here depends on and what is not here, and what that depends on, and so on.
 * Nothing is asked when allow.autodiscovery is off.
 */
int jp_fetch_missing(struct jp_fetching *fetching, const char *id,
                     const struct jp_fetch_options *options, struct jp_error *err);

#endif
