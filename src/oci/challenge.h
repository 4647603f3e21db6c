/* WWW-Authenticate of a registry (RFC 7235, and distribution's "token" specification). */
#ifndef JP_OCI_CHALLENGE_H
#define JP_OCI_CHALLENGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct jp_oci_challenge {
    bool is_bearer; /* else basic */
    char *realm;    /* of bearer: where tokens are given */
    char *service;
    char *scope;
};

/*
 * Reads one header's value. JP_EINVALID for what cannot be read, JP_EUNSUPPORTED for a scheme that
 * is neither Basic nor Bearer. *ret is overwritten.
 */
int jp_oci_challenge_parse(const char *text, struct jp_oci_challenge *ret, struct jp_error *err);
void jp_oci_challenge_clear(struct jp_oci_challenge *challenge);

/*
 * The URL at which a token is asked for: the realm with service and scope, escaped; a scope that
 * the challenge has not is `scope`. *ret is the caller's.
 */
int jp_oci_challenge_url(const struct jp_oci_challenge *challenge, const char *scope, char **ret,
                         struct jp_error *err);

/* The token in the answer's JSON: checked to be fit for a header. *ret is the caller's. */
int jp_oci_token_parse(const char *text, size_t len, char **ret, struct jp_error *err);

#endif
