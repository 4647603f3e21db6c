#include "plan/orders.h"

#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

void jp_orders_code(struct jp_codec *c, struct jp_orders *orders)
{
    jp_codec_strv(c, &orders->argv, JP_PLAN_MAX_STRINGS);
    jp_codec_strv(c, &orders->env, JP_PLAN_MAX_STRINGS);
    jp_codec_str(c, &orders->cwd);
    jp_codec_u32(c, &orders->uid);
    jp_codec_u32(c, &orders->gid);
    jp_codec_array(c, &orders->groups, &orders->n_groups, sizeof(*orders->groups),
                   JP_ORDERS_MAX_GROUPS);
    for (size_t i = 0; i < orders->n_groups; i++)
        jp_codec_u32(c, &orders->groups[i]);
    jp_codec_u64(c, &orders->capabilities);
    jp_codec_bool(c, &orders->no_new_privileges);
    jp_plan_labels_code(c, &orders->labels);
    jp_codec_bytes(c, &orders->seccomp, &orders->seccomp_len);
    jp_codec_bool(c, &orders->has_tty);
    jp_codec_bool(c, &orders->wait_for_check);
    jp_codec_u32(c, &orders->umask);
    jp_codec_strv(c, &orders->sockets, JP_ORDERS_MAX_SOCKETS);
}

int jp_orders_decode(const void *bytes, size_t len, struct jp_orders *ret, struct jp_error *err)
{
    struct jp_orders orders = {0};
    struct jp_codec c = jp_codec_reader(bytes, len);
    jp_orders_code(&c, &orders);
    if (!jp_codec_done(&c) || orders.argv.count == 0 || !orders.cwd || orders.cwd[0] != '/') {
        jp_orders_clear(&orders);
        return jp_fail(err, JP_ECORRUPT, 0, "the orders are damaged");
    }
    *ret = orders;
    return 0;
}

void jp_orders_clear(struct jp_orders *orders)
{
    jp_strv_clear(&orders->argv);
    jp_strv_clear(&orders->env);
    free(orders->cwd);
    jp_plan_labels_clear(&orders->labels);
    free(orders->groups);
    free(orders->seccomp);
    jp_strv_clear(&orders->sockets);
    *orders = (struct jp_orders){0};
}
