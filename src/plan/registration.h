/*
 * A registration: what the metadata service knows of one start of a pod. pod/ writes it as the file
 * ROOT/mds/UUID (0640, root and the service's group) before the apps start; the supervisor removes
 * it when the pod is over, and holds it locked (flock(2)) until then: without its supervisor a
 * registration is worth nothing. It holds finished answers, so that the service parses no manifest,
 * and a digest of the token, so that reading the file gives nobody the token.
 */
#ifndef JP_PLAN_REGISTRATION_H
#define JP_PLAN_REGISTRATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/codec.h"
#include "base/error.h"
#include "base/strv.h"

#define JP_REGISTRATION_VERSION 1
#define JP_REGISTRATION_MAX_BYTES                                                                  \
    (64U << 20) /* 256 apps with manifests of 4 MiB do not fit: told */
#define JP_REGISTRATION_MAX_NOTES     65536
#define JP_REGISTRATION_MAX_APPS      256
#define JP_REGISTRATION_MAX_ADDRESSES 16
#define JP_TOKEN_DIGEST_SIZE          64 /* SHA-512 */

/* Annotations: as the JSON array that is served, and one by one. */
struct jp_registered_note {
    char *name;
    char *value;
};

struct jp_registered_notes {
    char *json;
    struct jp_registered_note *items;
    size_t count;
};

struct jp_registered_app {
    char *name;
    char *image_id;
    char *image_manifest;             /* the image's own bytes */
    struct jp_registered_notes notes; /* the image's, with the app's over them */
};

struct jp_registration {
    uint32_t version;
    char *uuid;
    unsigned char *token_digest; /* of the token's text */
    size_t token_digest_len;     /* JP_TOKEN_DIGEST_SIZE */
    struct jp_strv addresses;    /* numeric; a request must come from one of them */
    char *manifest;              /* reified pod manifest, JSON */
    struct jp_registered_notes notes;
    struct jp_registered_app *apps;
    size_t n_apps;
};

#define JP_REGISTRATION_INIT                                                                       \
    {                                                                                              \
        .version = JP_REGISTRATION_VERSION                                                         \
    }

/* Appends the file's bytes to *ret. -1 with JP_ENOMEM or JP_ELIMIT. */
int jp_registration_encode(struct jp_registration *registration, struct jp_buf *ret,
                           struct jp_error *err);

/* Reads and checks one. -1 with JP_ECORRUPT, or JP_EUNSUPPORTED when of another version. */
int jp_registration_decode(const void *bytes, size_t len, struct jp_registration *ret,
                           struct jp_error *err);

/* The app of that name (len bytes), or NULL; the registration's. */
const struct jp_registered_app *jp_registration_app(const struct jp_registration *registration,
                                                    const char *name, size_t len);

void jp_registration_clear(struct jp_registration *registration);

#endif
