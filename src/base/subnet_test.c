/* Networks and addresses in them. */
#include <string.h>

#include "base/macros.h"
#include "base/subnet.h"
#include "tap.h"

static void test_subnet(void)
{
    static const char *const bad[] = {"",           "10.0.0.0",     "10.0.0.0/7",  "10.0.0.0/30",
                                      "10.0.0.1/8", "10.0.0.0/8x",  "10.0.0/8",    "010.0.0.0/8",
                                      "fd00::/64",  "10.0.0.0/8/8", "10.0.0.0/-8", "10.0.0.0/ 8"};
    struct jp_subnet subnet = {0};
    char text[JP_QUAD_SIZE];
    for (size_t i = 0; i < JP_LEN(bad); i++)
        TAP_OK(!jp_subnet_parse(bad[i], &subnet), "'%s' is refused", bad[i]);
    TAP_OK(jp_subnet_parse("172.23.0.0/16", &subnet), "a network");
    jp_quad_format(jp_subnet_gateway(&subnet), text);
    TAP_STR(text, "172.23.0.1", "its gateway");
    jp_quad_format(jp_subnet_first(&subnet), text);
    TAP_STR(text, "172.23.0.2", "the first to be leased");
    jp_quad_format(jp_subnet_last(&subnet), text);
    TAP_STR(text, "172.23.255.254", "the last");
    TAP_OK(jp_subnet_has(&subnet, 0xac17ffff) && !jp_subnet_has(&subnet, 0xac180000),
           "what is in it");
}

static void test_overlap(void)
{
    static const struct {
        const char *a, *b;
        bool overlaps;
    } rows[] = {{"10.0.0.0/8", "10.1.0.0/16", true},
                {"10.1.0.0/16", "10.0.0.0/8", true},
                {"10.0.0.0/24", "10.0.0.0/24", true},
                {"10.0.0.0/24", "10.0.1.0/24", false},
                {"10.0.0.0/16", "10.1.0.0/16", false}};
    for (size_t i = 0; i < JP_LEN(rows); i++) {
        struct jp_subnet a, b;
        TAP_OK(jp_subnet_parse(rows[i].a, &a) && jp_subnet_parse(rows[i].b, &b) &&
                   jp_subnet_overlaps(&a, &b) == rows[i].overlaps,
               "%s and %s %s", rows[i].a, rows[i].b, rows[i].overlaps ? "overlap" : "do not");
    }
    struct jp_subnet6 a, b, c;
    TAP_OK(jp_subnet6_parse("fd00:1::/48", &a) && jp_subnet6_parse("fd00:1:0:7::/64", &b) &&
               jp_subnet6_parse("fd00:2::/64", &c) && jp_subnet6_overlaps(&a, &b) &&
               jp_subnet6_overlaps(&b, &a) && !jp_subnet6_overlaps(&b, &c),
           "IPv6 networks overlap likewise");
}

static void test_subnet6(void)
{
    static const char *const bad[] = {"fd00::",    "fd00::1/64",  "fd00::/97",
                                      "fd00::/15", "10.0.0.0/16", "fd00:/64"};
    struct jp_subnet6 subnet = {.prefix_len = 0};
    char text[JP_ADDRESS6_SIZE];
    uint32_t host = 0;
    TAP_OK(!jp_subnet6_host(&subnet, "fd00::1", &host), "nothing is in no network");
    for (size_t i = 0; i < JP_LEN(bad); i++)
        TAP_OK(!jp_subnet6_parse(bad[i], &subnet), "'%s' is refused", bad[i]);
    TAP_OK(jp_subnet6_parse("fd00:1::/64", &subnet), "a network");
    jp_subnet6_format(&subnet, 0x1234, text);
    TAP_STR(text, "fd00:1::1234", "an address of it");
    TAP_OK(jp_subnet6_host(&subnet, "fd00:1:0:0::1234", &host) && host == 0x1234, "and back");
    TAP_OK(!jp_subnet6_host(&subnet, "fd00:2::1", &host) &&
               !jp_subnet6_host(&subnet, "fd00:1::1:0:0", &host) &&
               !jp_subnet6_host(&subnet, "10.0.0.1", &host),
           "addresses that are not in it");
    TAP_OK(jp_subnet6_parse("fd00:1:2:3:4:5::/96", &subnet) &&
               jp_subnet6_host(&subnet, "fd00:1:2:3:4:5:172.23.0.9", &host) && host == 0xac170009,
           "a narrow one");
}

static void test_local(void)
{
    struct jp_subnet6 a, b, c;
    jp_subnet6_local("/var/lib/jetpack", &a);
    jp_subnet6_local("/var/lib/jetpack", &b);
    jp_subnet6_local("/srv/jetpack", &c);
    TAP_OK(memcmp(&a, &b, sizeof(a)) == 0 && memcmp(&a, &c, sizeof(a)) != 0,
           "local networks depend on the name only");
    TAP_OK(a.network[0] == 0xfd && a.prefix_len == 64 && !jp_subnet6_overlaps(&a, &c),
           "and are unique local ones");
}

int main(void)
{
    test_subnet();
    test_overlap();
    test_subnet6();
    test_local();
    return tap_done();
}
