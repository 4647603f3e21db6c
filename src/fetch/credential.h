/*
 * Passwords and tokens, each for one host and port over https and for nothing else (row 49): from
 * the configuration (fetch.auth.HOST) and from a file in the format of netrc(5).
 */
#ifndef JP_FETCH_CREDENTIAL_H
#define JP_FETCH_CREDENTIAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "fetch/url.h"

struct jp_credential {
    char *host; /* lower case */
    uint16_t port;
    char *header;   /* the value of Authorization */
    char *user;     /* NULL where there is a token only */
    char *password; /* or token */
};

struct jp_credentials {
    struct jp_credential *items;
    size_t count;
    size_t capacity;
};

#define JP_CREDENTIALS_INIT                                                                        \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

/* Wipes the memory. */
void jp_credentials_clear(struct jp_credentials *credentials);

/* "basic USER:PASSWORD" or "bearer TOKEN" for a place ("HOST", "HOST:PORT"). JP_EINVALID. */
int jp_credentials_add(struct jp_credentials *credentials, const char *place, const char *value,
                       struct jp_error *err);

/*
 * Adds those of a netrc file: machine, login, password (in quotes when they have blanks); `machine
 * HOST:PORT` for another port than 443; account, macdef and default count for nothing. The file
 * must belong to us and be nobody else's to read: JP_EUNTRUSTED. JP_ENOTFOUND, JP_EINVALID,
 * JP_ESYS.
 */
int jp_credentials_read(struct jp_credentials *credentials, const char *path, struct jp_error *err);

/* The same of a text; `path` names it in errors. */
int jp_credentials_parse(struct jp_credentials *credentials, const char *text, const char *path,
                         struct jp_error *err);

/* The first for exactly this scheme, host and port; NULL. */
const struct jp_credential *jp_credentials_find(const struct jp_credentials *credentials,
                                                const struct jp_url *url);

/* As jp_transfer_settings.authorize; the context is a struct jp_credentials. */
int jp_credentials_authorize(void *context, const struct jp_url *url, char **ret,
                             struct jp_error *err);

/* "Basic ..." for Authorization in new memory; NULL without memory. */
char *jp_credential_basic(const char *user, const char *password);

#endif
