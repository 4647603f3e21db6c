/* The shim's orders survive the codec; damaged ones are refused and leak nothing. */
#include "base/mem.h"
#include "plan/orders.h"
#include "tap.h"

static void fill(struct jp_orders *o)
{
    *o = (struct jp_orders){.uid = 1000, .gid = 100, .capabilities = 0x20, .umask = 022};
    o->no_new_privileges = true;
    o->cwd = jp_strdup("/srv");
    o->labels.items[JP_LABEL_APPARMOR] = jp_strdup("profile");
    o->groups = jp_calloc(2, sizeof(*o->groups));
    o->n_groups = 2;
    o->groups[1] = 4294967294U;
    o->seccomp = (unsigned char *)jp_memdup0("\1\2\3\4\5\6\7\10", 8);
    o->seccomp_len = 8;
    if (jp_strv_add(&o->argv, "program") < 0 || jp_strv_add(&o->argv, "") < 0 ||
        jp_strv_add(&o->env, "A=b") < 0)
        abort();
}

static void test_round_trip(const struct jp_buf *buf)
{
    struct jp_orders got = {0};
    TAP_OK(jp_orders_decode(buf->data, buf->len, &got, NULL) == 0, "orders are read back");
    TAP_STR(got.cwd, "/srv", "working directory");
    TAP_OK(got.argv.count == 2 && strcmp(got.argv.items[1], "") == 0, "arguments");
    TAP_OK(got.n_groups == 2 && got.groups[1] == 4294967294U, "groups");
    TAP_OK(!got.labels.items[JP_LABEL_SELINUX] && got.labels.items[JP_LABEL_APPARMOR] &&
               strcmp(got.labels.items[JP_LABEL_APPARMOR], "profile") == 0,
           "labels");
    TAP_OK(got.seccomp_len == 8 && got.seccomp[7] == 8, "filter");
    TAP_OK(got.uid == 1000 && got.umask == 022 && got.no_new_privileges && !got.has_tty, "numbers");
    jp_orders_clear(&got);
}

static void test_damage(const struct jp_buf *buf)
{
    size_t accepted = 0;
    for (size_t len = 0; len < buf->len; len++) {
        struct jp_orders got = {0};
        if (jp_orders_decode(buf->data, len, &got, NULL) == 0) {
            accepted++;
            jp_orders_clear(&got);
        }
    }
    TAP_OK(accepted == 0, "every truncation is refused");
    struct jp_orders empty = {0};
    JP_AUTO(jp_buf) out = JP_BUF_INIT;
    struct jp_codec c = jp_codec_writer(&out);
    jp_orders_code(&c, &empty);
    TAP_OK(jp_orders_decode(out.data, out.len, &empty, NULL) < 0, "no program is refused");
}

int main(void)
{
    struct jp_orders orders;
    fill(&orders);
    JP_AUTO(jp_buf) buf = JP_BUF_INIT;
    struct jp_codec c = jp_codec_writer(&buf);
    jp_orders_code(&c, &orders);
    TAP_OK(jp_codec_done(&c), "orders are written");
    test_round_trip(&buf);
    test_damage(&buf);
    jp_orders_clear(&orders);
    return tap_done();
}
