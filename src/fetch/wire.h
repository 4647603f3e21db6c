/*
 * What jetpack-fetch and those who ask it say to each other, over one SOCK_SEQPACKET.
 *
 * The first message is the settings. Then, one exchange after the other: a request (with the
 * descriptors that it names), answered by at most one head, any number of progress messages, and
 * one end. Whatever the asking side sends or does with the socket while an exchange is under way
 * stops the helper: a new one is started for the next exchange.
 *
 * The helper reads the network, so what it says is read as something that a stranger wrote.
 */
#ifndef JP_FETCH_WIRE_H
#define JP_FETCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"

#define JP_WIRE_VERSION 2
/* A message; less than what a socket of either system holds. */
#define JP_WIRE_MAX          (96U * 1024U)
#define JP_WIRE_MAX_HEADERS  128
#define JP_WIRE_HEADER_BYTES (32U * 1024U) /* of a response; of a request */
#define JP_WIRE_MAX_METAS    256           /* of a page, name and content each one string */
#define JP_WIRE_META_BYTES   (32U * 1024U)
#define JP_WIRE_NOTE_BYTES   2048U /* what is kept of a body that explains a failure */
#define JP_WIRE_FD           0     /* the helper's end of the socket */

struct jp_wire_settings {
    uint32_t version;
    uint32_t uid; /* who root becomes */
    uint32_t gid;
    char *ca_file; /* NULL: the system's */
    char *agent;
};

struct jp_wire_request {
    uint8_t method;         /* enum jp_http_method */
    char *url;              /* as jp_url_parse() takes it */
    char *proxy;            /* NULL: none, whatever the environment says */
    struct jp_strv headers; /* "Name: value" */
    bool allows_http;       /* this very URL may be one of http */
    bool refuses_inner;     /* no address of this host or of a private network */
    bool has_body;          /* the next descriptor: the body of a good answer is written there */
    bool has_input;         /* the next descriptor: a body to send */
    bool wants_metas;       /* the body is a page; only its meta tags are wanted */
    bool continues;         /* a body that breaks off is continued where it ended */
    uint64_t input_offset;  /* of a regular file */
    uint64_t input_bytes;   /* UINT64_MAX: until its end */
    uint64_t max_bytes;     /* 0: any number; also of a page */
    uint32_t max_seconds;   /* 0: any */
    uint32_t connect_seconds;
    uint32_t low_bytes;   /* slower than so many a second ... */
    uint32_t low_seconds; /* ... for so long is an error; 0: never */
};

enum jp_wire_kind {
    JP_WIRE_HEAD = 1,
    JP_WIRE_PROGRESS,
    JP_WIRE_END,
};

struct jp_wire_event {
    uint8_t kind;
    /* head */
    uint32_t status;
    char *redirect;         /* absolute; NULL when the answer sends nobody elsewhere */
    int64_t length;         /* of the body; -1 unknown */
    bool is_inner;          /* came from an address of this host or a private network */
    struct jp_strv headers; /* "name: value", names in lower case */
    /* progress: of what is sent */
    uint64_t done;
    /* end */
    uint32_t code; /* enum jp_code */
    char *text;    /* NULL when nothing failed */
    struct jp_strv metas;
    unsigned char *note; /* the beginning of the body of an answer that is no good one */
    size_t note_len;
};

#define JP_WIRE_EVENT_INIT                                                                         \
    {                                                                                              \
        .kind = 0                                                                                  \
    }

void jp_wire_settings_clear(struct jp_wire_settings *settings);
void jp_wire_request_clear(struct jp_wire_request *request);
void jp_wire_event_clear(struct jp_wire_event *event);

/*
 * One message. Sending: JP_ELIMIT when it is too large, JP_ESYS. Receiving: 1 and a valid message,
 * 0 when the other side has gone, -1 (JP_ECORRUPT: something else). `fds` has room for two; what
 * came is the caller's, -1 where none did.
 */
int jp_wire_send_settings(int socket, struct jp_wire_settings *settings, struct jp_error *err);
int jp_wire_receive_settings(int socket, struct jp_wire_settings *ret, struct jp_error *err);
int jp_wire_send_request(int socket, struct jp_wire_request *request, const int *fds, size_t n_fds,
                         struct jp_error *err);
int jp_wire_receive_request(int socket, struct jp_wire_request *ret, int fds[2],
                            struct jp_error *err);
/* `may_drop`: not sent, and no error, when the other side does not read at the moment. */
int jp_wire_send_event(int socket, struct jp_wire_event *event, bool may_drop,
                       struct jp_error *err);
int jp_wire_receive_event(int socket, struct jp_wire_event *ret, struct jp_error *err);

/* For the fuzzer: what receive_event makes of bytes. */
bool jp_wire_read_event(const void *bytes, size_t len, struct jp_wire_event *ret);

#endif
