/*
 * rtnetlink by hand: a batch of requests is written into one buffer, sent at once, and every
 * answer is looked at. Debian has no static libmnl, and a handful of messages needs none.
 */
#ifndef JP_PLATFORM_LINUX_NETLINK_H
#define JP_PLATFORM_LINUX_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define JP_NETLINK_MAX_REQUESTS 8
#define JP_NETLINK_MAX_BYTES    2048

/* A value for `tolerated`: there already, or this kernel (or namespace) has no IPv6. */
#define JP_NETLINK_NO_IPV6 (-1)

struct jp_netlink_batch {
    union {
        uint32_t align;
        unsigned char bytes[JP_NETLINK_MAX_BYTES];
    } data;
    unsigned char *large; /* in place of `data`; NULL: none. The caller's */
    size_t large_size;
    size_t len;
    bool overflowed;
    size_t count;
    size_t start;                              /* of the request being written */
    int tolerated[JP_NETLINK_MAX_REQUESTS];    /* errno that counts as success, 0: none */
    const char *what[JP_NETLINK_MAX_REQUESTS]; /* for errors; not owned */
};

/* A NETLINK_ROUTE socket of the network namespace that the caller is in; the caller's. */
int jp_netlink_open(struct jp_error *err);
/* Likewise for another NETLINK_ protocol. */
int jp_netlink_open_for(int protocol, struct jp_error *err);

/* Begins a request with its fixed part; attributes follow. `tolerated`: see above. */
void jp_netlink_begin(struct jp_netlink_batch *b, const char *what, uint16_t type, uint16_t flags,
                      int tolerated);
/*
 * Begins a message that belongs to the next request: it is answered only when it is refused, and
 * then in the request's name. The kernel takes such batches (nf_tables) whole or not at all.
 */
void jp_netlink_before(struct jp_netlink_batch *b, uint16_t type, uint16_t flags);
/* The fixed part after the header; copied. */
void jp_netlink_body(struct jp_netlink_batch *b, const void *bytes, size_t len);
void jp_netlink_attribute(struct jp_netlink_batch *b, uint16_t type, const void *bytes, size_t len);
void jp_netlink_text(struct jp_netlink_batch *b, uint16_t type, const char *text);
void jp_netlink_number(struct jp_netlink_batch *b, uint16_t type, uint32_t number);
/* Opens a nested attribute; what comes up to jp_netlink_close_nest(b, returned value) is inside. */
size_t jp_netlink_open_nest(struct jp_netlink_batch *b, uint16_t type);
void jp_netlink_close_nest(struct jp_netlink_batch *b, size_t nest);

/* An attribute of a message that came. */
struct jp_netlink_value {
    uint16_t type; /* without the bits that say how it is written */
    const unsigned char *bytes;
    size_t len;
};

/*
 * Walks attributes: the one at *at, which moves on. Begin behind the fixed part of the message.
 * False at the end, or at one that does not fit.
 */
bool jp_netlink_next(const unsigned char *bytes, size_t len, size_t *at,
                     struct jp_netlink_value *ret);

/* The first of that type among them, from `at` on: false, *ret undefined, when there is none. */
bool jp_netlink_find(const unsigned char *bytes, size_t len, size_t at, uint16_t type,
                     struct jp_netlink_value *ret);

/*
 * Sends a batch of one message, made by jp_netlink_before(), that asks for a list, and calls `each`
 * with the part after the header of every object in it.
 */
int jp_netlink_list(int fd, struct jp_netlink_batch *b,
                    void (*each)(void *context, const unsigned char *bytes, size_t len),
                    void *context, struct jp_error *err);

/* Sends the batch and waits for an answer to each request. The first refusal is the error. */
int jp_netlink_send(int fd, struct jp_netlink_batch *b, struct jp_error *err);

#endif
