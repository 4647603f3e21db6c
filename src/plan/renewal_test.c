/* A root on its way to the supervisor: whole or not at all, and nothing broken is taken. */
#include <string.h>

#include "base/mem.h"
#include "plan/renewal.h"
#include "tap.h"

static void fill(struct jp_plan_root *root)
{
    root->kind = JP_ROOT_OVERLAY;
    root->upper = jp_strdup("/pods/upper");
    root->work = jp_strdup("/pods/work");
    if (jp_strv_add(&root->layers, "/images/b") < 0 || jp_strv_add(&root->layers, "/images/a") < 0)
        abort();
}

static void arrives(void)
{
    struct jp_plan_root root = {.kind = 0}, back = {.kind = 0};
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    fill(&root);
    jp_buf_puts(&bytes, "jetpack: a warning\n");
    TAP_OK(jp_renewal_encode(&root, &bytes, NULL) == 0, "a root is written behind a text");
    unsigned early = 0;
    for (size_t len = 0; len < bytes.len; len++) {
        /* A copy of its own length, so that reading beyond is seen. */
        JP_AUTO(jp_buf) part = JP_BUF_INIT;
        jp_buf_add(&part, bytes.data, len);
        early += jp_renewal_decode(&part, &back, NULL) != 0;
    }
    TAP_OK(early == 0, "every part of it asks for more");
    TAP_OK(jp_renewal_decode(&bytes, &back, NULL) == 1, "the whole is read");
    TAP_STR(back.layers.items[1], "/images/a", "layers in order");
    root.is_volatile = root.is_read_only = true;
    jp_plan_root_take(&root, &back);
    TAP_OK(root.is_volatile && root.is_read_only && root.layers.count == 2 && !back.upper,
           "it takes the place of another, of which is asked what was asked");
    jp_plan_root_clear(&root);
}

static void broken(void)
{
    struct jp_plan_root root = {.kind = 0}, back = {.kind = 0};
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    fill(&root);
    if (jp_renewal_encode(&root, &bytes, NULL) < 0)
        abort();
    for (size_t at = 1; at < bytes.len; at++) {
        char was = bytes.data[at];
        for (int value = 0; value < 256; value += 51) {
            bytes.data[at] = (char)value;
            if (jp_renewal_decode(&bytes, &back, NULL) == 1)
                jp_plan_root_clear(&back);
        }
        bytes.data[at] = was;
    }
    TAP_OK(true, "changed bytes are survived");
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    bytes.data[1] = 2;
    TAP_OK(jp_renewal_decode(&bytes, &back, &err) < 0 && err.code == JP_EUNSUPPORTED,
           "another version is refused: %s", jp_error_text(&err));
    bytes.data[1] = 1;
    jp_buf_putc(&bytes, 'x');
    TAP_OK(jp_renewal_decode(&bytes, &back, NULL) < 0, "nothing may follow");
    free(jp_take(&root.work));
    jp_buf_clear(&bytes);
    TAP_OK(jp_renewal_encode(&root, &bytes, NULL) == 0 &&
               jp_renewal_decode(&bytes, &back, NULL) < 0,
           "half an overlay is none");
    jp_plan_root_clear(&root);
}

int main(void)
{
    arrives();
    broken();
    return tap_done();
}
