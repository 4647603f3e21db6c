#include "platform/linux/netlink.h"

#include <sys/socket.h>

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

#include "sys/fd.h"

#define ANSWER_BYTES 8192
#define MAX_ANSWERS  1024 /* notifications and parts that are not the answers we wait for */

int jp_netlink_open(struct jp_error *err)
{
    return jp_netlink_open_for(NETLINK_ROUTE, err);
}

int jp_netlink_open_for(int protocol, struct jp_error *err)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (fd < 0)
        return jp_fail_sys(err, "open a netlink socket");
    /* Otherwise every answer repeats the request. */
    int on = 1;
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    return fd;
}

static unsigned char *bytes_of(struct jp_netlink_batch *b)
{
    return b->large ? b->large : b->data.bytes;
}

static size_t capacity_of(const struct jp_netlink_batch *b)
{
    return b->large ? b->large_size : sizeof(b->data.bytes);
}

/* Appends bytes, padded to the next multiple of 4; returns where they stand. */
static size_t append(struct jp_netlink_batch *b, const void *bytes, size_t len)
{
    size_t at = b->len;
    size_t padded = NLMSG_ALIGN(len);
    if (b->overflowed || padded > capacity_of(b) - b->len) {
        b->overflowed = true;
        return 0;
    }
    memset(bytes_of(b) + at, 0, padded);
    if (len > 0)
        memcpy(bytes_of(b) + at, bytes, len);
    b->len += padded;
    return at;
}

/* The length field of the request being written always tells what has been written. */
static void update_length(struct jp_netlink_batch *b)
{
    uint32_t len = (uint32_t)(b->len - b->start);
    if (!b->overflowed)
        memcpy(bytes_of(b) + b->start + offsetof(struct nlmsghdr, nlmsg_len), &len, sizeof(len));
}

void jp_netlink_before(struct jp_netlink_batch *b, uint16_t type, uint16_t flags)
{
    struct nlmsghdr header = {.nlmsg_type = type,
                              .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
                              .nlmsg_seq = (uint32_t)b->count + 1};
    b->start = append(b, &header, sizeof(header));
    update_length(b);
}

void jp_netlink_begin(struct jp_netlink_batch *b, const char *what, uint16_t type, uint16_t flags,
                      int tolerated)
{
    if (b->count == JP_NETLINK_MAX_REQUESTS) {
        b->overflowed = true;
        return;
    }
    jp_netlink_before(b, type, (uint16_t)(NLM_F_ACK | flags));
    b->tolerated[b->count] = tolerated;
    b->what[b->count] = what;
    b->count++;
}

void jp_netlink_body(struct jp_netlink_batch *b, const void *bytes, size_t len)
{
    (void)append(b, bytes, len);
    update_length(b);
}

void jp_netlink_attribute(struct jp_netlink_batch *b, uint16_t type, const void *bytes, size_t len)
{
    if (len > UINT16_MAX - sizeof(struct nlattr)) {
        b->overflowed = true;
        return;
    }
    struct nlattr header = {.nla_type = type, .nla_len = (uint16_t)(sizeof(header) + len)};
    (void)append(b, &header, sizeof(header));
    (void)append(b, bytes, len);
    update_length(b);
}

void jp_netlink_text(struct jp_netlink_batch *b, uint16_t type, const char *text)
{
    jp_netlink_attribute(b, type, text, strlen(text) + 1);
}

void jp_netlink_number(struct jp_netlink_batch *b, uint16_t type, uint32_t number)
{
    jp_netlink_attribute(b, type, &number, sizeof(number));
}

size_t jp_netlink_open_nest(struct jp_netlink_batch *b, uint16_t type)
{
    struct nlattr header = {.nla_type = type};
    return append(b, &header, sizeof(header));
}

void jp_netlink_close_nest(struct jp_netlink_batch *b, size_t nest)
{
    uint16_t len = (uint16_t)(b->len - nest);
    if (!b->overflowed)
        memcpy(bytes_of(b) + nest + offsetof(struct nlattr, nla_len), &len, sizeof(len));
    update_length(b);
}

static bool is_tolerated(int code, int tolerated)
{
    if (tolerated == JP_NETLINK_NO_IPV6)
        return code == EEXIST || code == EOPNOTSUPP || code == EAFNOSUPPORT || code == EACCES;
    return code == tolerated;
}

/* Notes the answers in one datagram; *left is what is still to come. */
static int read_answers(const struct jp_netlink_batch *b, const unsigned char *bytes, size_t len,
                        size_t *left, struct jp_error *err)
{
    int r = 0;
    struct nlmsghdr header;
    while (len >= sizeof(header)) {
        memcpy(&header, bytes, sizeof(header));
        if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > len)
            return jp_fail(err, JP_ECORRUPT, 0, "netlink answered nonsense");
        int32_t code;
        bool is_answer = header.nlmsg_type == NLMSG_ERROR && header.nlmsg_seq >= 1 &&
                         header.nlmsg_seq <= b->count &&
                         header.nlmsg_len >= sizeof(header) + sizeof(code);
        if (is_answer) {
            size_t i = header.nlmsg_seq - 1;
            memcpy(&code, bytes + sizeof(header), sizeof(code));
            if (code != 0 && !is_tolerated(-code, b->tolerated[i]) && r == 0)
                r = jp_fail(err, JP_ESYS, -code, "%s", b->what[i]);
            (*left)--;
        }
        size_t step = NLMSG_ALIGN(header.nlmsg_len);
        if (step >= len || *left == 0)
            break;
        bytes += step;
        len -= step;
    }
    return r;
}

static int send_all(int fd, struct jp_netlink_batch *b, struct jp_error *err)
{
    ssize_t n;
    if (b->overflowed)
        return jp_fail(err, JP_ELIMIT, 0, "a netlink request is too long");
    do {
        n = send(fd, bytes_of(b), b->len, 0);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? jp_fail_sys(err, "send to netlink") : 0;
}

/* One datagram of a list: 1 there is more, 0 that was all. */
static int read_list(const unsigned char *bytes, size_t len,
                     void (*each)(void *context, const unsigned char *bytes, size_t len),
                     void *context, struct jp_error *err)
{
    struct nlmsghdr header;
    while (len >= sizeof(header)) {
        memcpy(&header, bytes, sizeof(header));
        if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > len)
            return jp_fail(err, JP_ECORRUPT, 0, "netlink answered nonsense");
        int32_t code = 0;
        if (header.nlmsg_len >= sizeof(header) + sizeof(code))
            memcpy(&code, bytes + sizeof(header), sizeof(code));
        if (header.nlmsg_type == NLMSG_ERROR && code != 0)
            return jp_fail(err, JP_ESYS, -code, "ask netlink for a list");
        if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR)
            return 0;
        each(context, bytes + sizeof(header), header.nlmsg_len - sizeof(header));
        size_t step = NLMSG_ALIGN(header.nlmsg_len);
        if (step >= len)
            break;
        bytes += step;
        len -= step;
    }
    return 1;
}

bool jp_netlink_next(const unsigned char *bytes, size_t len, size_t *at,
                     struct jp_netlink_value *ret)
{
    struct nlattr header;
    if (*at > len || len - *at < sizeof(header))
        return false;
    memcpy(&header, bytes + *at, sizeof(header));
    if (header.nla_len < sizeof(header) || header.nla_len > len - *at)
        return false;
    ret->type = (uint16_t)(header.nla_type & NLA_TYPE_MASK);
    ret->bytes = bytes + *at + sizeof(header);
    ret->len = header.nla_len - sizeof(header);
    *at += (size_t)NLA_ALIGN(header.nla_len);
    return true;
}

bool jp_netlink_find(const unsigned char *bytes, size_t len, size_t at, uint16_t type,
                     struct jp_netlink_value *ret)
{
    while (jp_netlink_next(bytes, len, &at, ret)) {
        if (ret->type == type)
            return true;
    }
    return false;
}

int jp_netlink_list(int fd, struct jp_netlink_batch *b,
                    void (*each)(void *context, const unsigned char *bytes, size_t len),
                    void *context, struct jp_error *err)
{
    union {
        uint32_t align;
        unsigned char bytes[ANSWER_BYTES];
    } answer;
    int more = send_all(fd, b, err) < 0 ? -1 : 1;
    for (size_t i = 0; i < MAX_ANSWERS && more > 0; i++) {
        ssize_t n = recv(fd, answer.bytes, sizeof(answer.bytes), 0);
        if (n < 0 && errno == EINTR)
            continue;
        more = n < 0 ? jp_fail_sys(err, "receive from netlink")
                     : read_list(answer.bytes, (size_t)n, each, context, err);
    }
    return more > 0 ? jp_fail(err, JP_ELIMIT, 0, "a list of netlink has no end") : more;
}

int jp_netlink_send(int fd, struct jp_netlink_batch *b, struct jp_error *err)
{
    ssize_t n;
    if (b->count == 0 && !b->overflowed)
        return 0;
    if (send_all(fd, b, err) < 0)
        return -1;
    union {
        uint32_t align;
        unsigned char bytes[ANSWER_BYTES];
    } answer;
    size_t left = b->count;
    int r = 0;
    for (size_t i = 0; i < MAX_ANSWERS && left > 0; i++) {
        n = recv(fd, answer.bytes, sizeof(answer.bytes), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return jp_fail_sys(err, "receive from netlink");
        /* The first refusal is told; the rest are read all the same, to leave nothing behind. */
        if (read_answers(b, answer.bytes, (size_t)n, &left, r == 0 ? err : NULL) < 0)
            r = -1;
    }
    if (r == 0 && left > 0)
        return jp_fail(err, JP_ECORRUPT, 0, "netlink does not answer");
    return r;
}
