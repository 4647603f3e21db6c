/* Addresses and the networks that a port is limited to. */
#include <net/if.h>

#include "base/macros.h"
#include "sys/address.h"
#include "sys/interface.h"
#include "tap.h"

static void test_addresses(void)
{
    union jp_address a, b;
    TAP_OK(jp_address_read("192.0.2.7", 80, &a, NULL) == 0 && a.any.sa_family == AF_INET &&
               jp_address_port(&a) == 80 && jp_address_len(&a) == sizeof(struct sockaddr_in),
           "an IPv4 address");
    TAP_OK(jp_address_read("2001:db8::7", 81, &b, NULL) == 0 && b.any.sa_family == AF_INET6 &&
               jp_address_port(&b) == 81,
           "an IPv6 address");
    TAP_OK(!jp_address_same_host(&a, &b), "two families are two hosts");
    TAP_OK(jp_address_read("192.0.2.7", 81, &b, NULL) == 0 && jp_address_same_host(&a, &b) &&
               !jp_address_equal(&a, &b),
           "one host, two ports");
    static const char *const bad[] = {"",    "host",  "1.2.3",    "1.2.3.4.5",   "1.2.3.4/8",
                                      "::g", "127.1", " 1.2.3.4", "fe80::1%eth0"};
    for (size_t i = 0; i < JP_LEN(bad); i++)
        TAP_OK(jp_address_read(bad[i], 1, &a, NULL) < 0, "'%s' is none", bad[i]);
    TAP_OK(jp_address_read("127.9.9.9", 1, &a, NULL) == 0 && jp_address_is_loopback(&a),
           "127.9.9.9 is loopback");
    TAP_OK(jp_address_read("::1", 1, &a, NULL) == 0 && jp_address_is_loopback(&a), "::1 too");
    TAP_OK(jp_address_read("128.0.0.1", 1, &a, NULL) == 0 && !jp_address_is_loopback(&a),
           "128.0.0.1 is not");
    TAP_OK(jp_address_read("::ffff:192.0.2.7", 82, &a, NULL) == 0 &&
               jp_address_read("192.0.2.7", 82, &b, NULL) == 0 && !jp_address_same_host(&a, &b),
           "one of IPv4 that is written as one of IPv6");
    jp_address_unmap(&a);
    TAP_OK(jp_address_equal(&a, &b), "... becomes one of IPv4");
    jp_address_unmap(&a);
    TAP_OK(jp_address_equal(&a, &b), "... which stays one");
    TAP_OK(jp_address_read("2001:db8::7", 82, &a, NULL) == 0 && (b = a, jp_address_unmap(&a), 1) &&
               jp_address_equal(&a, &b),
           "one of IPv6 stays one");
}

static void test_sources(void)
{
    static const struct {
        const char *source;
        const char *client;
        bool admits;
    } table[] = {
        {"10.0.0.0/8", "10.255.1.2", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.0.0.0/8", "::1", false},
        {"192.0.2.128/25", "192.0.2.200", true},
        {"192.0.2.128/25", "192.0.2.1", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"2001:db8::/33", "2001:db8::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "192.0.2.1", false},
        {"::1", "::1", true},
        {"::1/128", "::2", false},
    };
    for (size_t i = 0; i < JP_LEN(table); i++) {
        struct jp_source source;
        union jp_address client;
        TAP_OK(jp_source_parse(table[i].source, &source, NULL) == 0 &&
                   jp_address_read(table[i].client, 1, &client, NULL) == 0 &&
                   jp_sources_admit(&source, 1, &client) == table[i].admits,
               "%s %s %s", table[i].source, table[i].admits ? "admits" : "keeps out",
               table[i].client);
    }
    union jp_address client;
    TAP_OK(jp_address_read("192.0.2.1", 1, &client, NULL) == 0 &&
               jp_sources_admit(NULL, 0, &client),
           "no source admits everybody");
    static const char *const bad[] = {"",
                                      "/8",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "10.0.0.1/8",
                                      "10.0.0.0/-1",
                                      "::/129",
                                      "2001:db8::1/64",
                                      "10.0.0.0/8/8",
                                      "10.0.0.0/ 8",
                                      "10.0.0.0/08x",
                                      "ten"};
    for (size_t i = 0; i < JP_LEN(bad); i++) {
        struct jp_source source;
        TAP_OK(jp_source_parse(bad[i], &source, NULL) < 0, "'%s' is no network", bad[i]);
    }
}

static void test_interfaces(void)
{
    struct jp_subnet subnet;
    uint32_t address = 0;
    const char *loopback = if_nametoindex("lo") ? "lo" : "lo0";
    TAP_OK(jp_interface_subnet("no-such-device", &subnet, &address, NULL) == 0,
           "an interface that is not there has no network");
    int r = jp_interface_subnet(loopback, &subnet, &address, NULL);
    if (r == 0)
        tap_skip("the network of the loopback device", "not here: it is down");
    else
        TAP_OK(r == 1 && address == INADDR_LOOPBACK && subnet.network == 0x7f000000 &&
                   subnet.prefix_len == 8,
               "the network of the loopback device, and the host's address there");
}

int main(void)
{
    test_addresses();
    test_sources();
    test_interfaces();
    return tap_done();
}
