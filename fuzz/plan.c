/*
 * The plan comes to stage 1 from our own stage 0. Whatever the bytes are: no crash, no leak, an
 * error with text; and what is taken must be written and read back to the same.
 *
 * Built as fuzz/plan: with -Dfuzz=true (clang) a libFuzzer program, else a replayer of files.
 */
#include "plan/plan.h"

#include <string.h>

#include "fuzz/promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_plan) plan = JP_PLAN_INIT;
    if (jp_plan_decode(bytes, len, &plan, &err) < 0) {
        require(err.code != JP_OK && *jp_error_text(&err), "a refusal has its text");
        require(!plan.uuid && !plan.apps, "and leaves nothing behind");
        return 0;
    }
    JP_AUTO(jp_plan) again = JP_PLAN_INIT;
    JP_AUTO(jp_buf) one = JP_BUF_INIT;
    JP_AUTO(jp_buf) two = JP_BUF_INIT;
    require(jp_plan_encode(&plan, &one, &err) == 0, "what was read can be written");
    require(jp_plan_decode(one.data, one.len, &again, &err) == 0, "and read");
    require(jp_plan_encode(&again, &two, &err) == 0, "and written again");
    require(one.len == two.len && memcmp(one.data, two.data, one.len) == 0, "to the same");
    return 0;
}
