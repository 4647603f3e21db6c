/*
 * The access log, in the common format with the pod's UUID as the user. Tokens never get here: of a
 * request that was let in, what follows the token is written, of others nothing that they sent but
 * the method. Lines are gathered and written when the service has nothing else to do.
 */
#ifndef JP_MDS_ACCESS_LOG_H
#define JP_MDS_ACCESS_LOG_H

#include <stddef.h>

#include "base/buf.h"

struct jp_access_log {
    int fd; /* -1: nothing is written */
    struct jp_buf lines;
};

struct jp_access_log_entry {
    const char *address;
    const char *uuid; /* NULL: refused */
    const char *method;
    const char *path; /* after the token; NULL: refused */
    unsigned status;
    size_t len; /* bytes of the body */
};

void jp_access_log_add(struct jp_access_log *log, const struct jp_access_log_entry *entry);
void jp_access_log_flush(struct jp_access_log *log);
void jp_access_log_clear(struct jp_access_log *log);

#endif
