/*
 * Messages of clients to a supervisor, and back. Whatever the bytes are: no crash, no leak, an
 * error with text; and what is taken must be written and read back to the same.
 *
 * Built as fuzz/control: with -Dfuzz=true (clang) a libFuzzer program, else a replayer of files.
 */
#include "plan/control.h"

#include <string.h>

#include "fuzz/promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_control_message) message = JP_CONTROL_MESSAGE_INIT;
    if (jp_control_decode(bytes, len, &message, &err) < 0) {
        require(err.code != JP_OK && *jp_error_text(&err), "a refusal has its text");
        require(!message.app && !message.data, "and leaves nothing behind");
        return 0;
    }
    JP_AUTO(jp_control_message) again = JP_CONTROL_MESSAGE_INIT;
    JP_AUTO(jp_buf) one = JP_BUF_INIT;
    JP_AUTO(jp_buf) two = JP_BUF_INIT;
    if (jp_control_encode(&message, &one, &err) < 0) { /* longer than any packet */
        require(err.code == JP_ELIMIT && len > JP_CONTROL_MAX_PACKET, "what fits can be written");
        return 0;
    }
    require(jp_control_decode(one.data, one.len, &again, &err) == 0, "and read");
    require(jp_control_encode(&again, &two, &err) == 0, "and written again");
    require(one.len == two.len && memcmp(one.data, two.data, one.len) == 0, "to the same");
    return 0;
}
