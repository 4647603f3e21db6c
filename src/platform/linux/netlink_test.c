/* The bytes of a netlink batch: lengths, padding, nests, limits. No privileges. */
#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#include "platform/linux/netlink.h"
#include "sys/fd.h"
#include "tap.h"

static struct nlmsghdr header_at(const struct jp_netlink_batch *b, size_t at)
{
    struct nlmsghdr header;
    memcpy(&header, b->data.bytes + at, sizeof(header));
    return header;
}

static struct nlattr attribute_at(const struct jp_netlink_batch *b, size_t at)
{
    struct nlattr attribute;
    memcpy(&attribute, b->data.bytes + at, sizeof(attribute));
    return attribute;
}

static void test_layout(void)
{
    struct jp_netlink_batch b = {0};
    struct ifinfomsg body = {.ifi_index = 7};
    jp_netlink_begin(&b, "first", RTM_NEWLINK, NLM_F_CREATE, 0);
    jp_netlink_body(&b, &body, sizeof(body));
    jp_netlink_text(&b, IFLA_IFNAME, "abcd"); /* 5 bytes: padded to 8 */
    size_t nest = jp_netlink_open_nest(&b, IFLA_LINKINFO);
    jp_netlink_text(&b, IFLA_INFO_KIND, "veth");
    jp_netlink_close_nest(&b, nest);
    size_t second = b.len;
    jp_netlink_begin(&b, "second", RTM_DELLINK, 0, 0);
    jp_netlink_body(&b, &body, sizeof(body));

    struct nlmsghdr first = header_at(&b, 0);
    TAP_OK(first.nlmsg_len == second && second == 16 + 16 + 12 + 4 + 12, "length of a request");
    TAP_OK(first.nlmsg_seq == 1 && header_at(&b, second).nlmsg_seq == 2, "numbers of requests");
    TAP_OK((first.nlmsg_flags & (NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE)) ==
               (NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE),
           "flags");
    TAP_OK(attribute_at(&b, 32).nla_len == 9, "an attribute's length is without its padding");
    TAP_OK(attribute_at(&b, nest).nla_len == 16, "a nest's is with what is inside");
    TAP_OK(header_at(&b, second).nlmsg_len == 32, "length of the last request");
}

static void test_limits(void)
{
    struct jp_netlink_batch b = {0};
    char long_text[JP_NETLINK_MAX_BYTES];
    memset(long_text, 'x', sizeof(long_text));
    long_text[sizeof(long_text) - 1] = '\0';
    jp_netlink_begin(&b, "long", RTM_NEWLINK, 0, 0);
    jp_netlink_text(&b, IFLA_IFNAME, long_text);
    TAP_OK(b.overflowed && jp_netlink_send(-1, &b, NULL) < 0, "what does not fit is not sent");
    struct jp_netlink_batch many = {0};
    for (size_t i = 0; i <= JP_NETLINK_MAX_REQUESTS; i++)
        jp_netlink_begin(&many, "one of many", RTM_NEWLINK, 0, 0);
    TAP_OK(many.overflowed && many.count == JP_NETLINK_MAX_REQUESTS, "nor are too many requests");
    struct jp_netlink_batch none = {0};
    TAP_OK(jp_netlink_send(-1, &none, NULL) == 0, "an empty batch is done at once");
}

/* The kernel answers each request; a refusal names its own. */
static void test_walk(void)
{
    struct jp_netlink_batch b = {0};
    struct jp_netlink_value value;
    size_t at = 0, count = 0;
    jp_netlink_before(&b, RTM_NEWLINK, 0);
    jp_netlink_text(&b, IFLA_IFNAME, "abcd");
    size_t nest = jp_netlink_open_nest(&b, IFLA_LINKINFO);
    jp_netlink_close_nest(&b, nest);
    jp_netlink_number(&b, IFLA_MASTER, 7);
    unsigned char *bytes = b.data.bytes + NLMSG_HDRLEN;
    size_t all = b.len - NLMSG_HDRLEN;
    bool is_first = jp_netlink_next(bytes, all, &at, &value);
    TAP_OK(is_first && value.type == IFLA_IFNAME && value.len == 5 &&
               memcmp(value.bytes, "abcd", 5) == 0,
           "an attribute is walked to");
    bool is_second = jp_netlink_next(bytes, all, &at, &value);
    TAP_OK(is_second && value.type == IFLA_LINKINFO && value.len == 0,
           "... behind its padding, without the bit of a nest");
    TAP_OK(jp_netlink_next(bytes, all, &at, &value) && value.type == IFLA_MASTER &&
               !jp_netlink_next(bytes, all, &at, &value),
           "... up to the last");
    for (size_t len = 0; len < all; len++) {
        for (at = 0; jp_netlink_next(bytes, len, &at, &value);)
            count += value.bytes + value.len > bytes + len;
    }
    bytes[0] = bytes[1] = 0; /* a length of 0 would be walked for ever */
    at = 0;
    TAP_OK(count == 0 && !jp_netlink_next(bytes, all, &at, &value),
           "one that does not fit is the end");
}

static void test_answers(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_FD int fd = jp_netlink_open(&err);
    if (fd < 0) {
        tap_skip("answers of the kernel", jp_error_text(&err));
        return;
    }
    struct jp_netlink_batch b = {0};
    struct ifinfomsg body = {.ifi_index = 0x7ffffff0};
    for (int i = 0; i < 2; i++) {
        jp_netlink_begin(&b, i == 0 ? "tolerated" : "refused", RTM_GETLINK, 0, i == 0 ? ENODEV : 0);
        jp_netlink_body(&b, &body, sizeof(body));
    }
    int r = jp_netlink_send(fd, &b, &err);
    TAP_OK(r < 0 && strstr(jp_error_text(&err), "refused"), "a refusal is told: %s",
           jp_error_text(&err));
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0) {
        (void)shutdown(ends[1], SHUT_WR); /* from now on nothing but empty datagrams come */
        TAP_OK(jp_netlink_send(ends[0], &b, NULL) < 0, "no answer is no success");
        close(ends[0]);
        close(ends[1]);
    }
    b.tolerated[1] = ENODEV;
    TAP_OK(jp_netlink_send(fd, &b, &err) == 0, "unless it is tolerated");
}

int main(void)
{
    test_layout();
    test_limits();
    test_walk();
    test_answers();
    return tap_done();
}
