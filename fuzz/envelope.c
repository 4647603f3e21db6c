/*
 * The outer form of an encrypted file, and of a signature's, before librnp sees them. Whatever the
 * bytes are: no crash, and the same in one piece or byte by byte; what is called a whole message is
 * one again when its armour is gone; and packets of signatures are as many as were counted.
 *
 * Built as fuzz/envelope: with -Dfuzz=true (clang) a libFuzzer program, else a replayer of files.
 */
#include "openpgp/envelope.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "fuzz/promise.h"
#include "openpgp/packets.h"

/* Everything that comes out, asked for in pieces of that size. */
static enum jp_envelope_form pass(const uint8_t *bytes, size_t len, size_t piece,
                                  struct jp_buf *ret)
{
    unsigned char out[4096];
    size_t n = 0;
    struct jp_openpgp_request request = {
        .is_stream = true,
        .size = len,
        .head = (unsigned char *)(uintptr_t)bytes,
        .head_len = len,
    };
    JP_AUTO_FREE struct jp_envelope *e = jp_calloc(1, sizeof(*e));
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct jp_data data = jp_data_new(fd, &request);
    require(e && fd >= 0, "there is memory");
    e->data = &data;
    do {
        if (!jp_envelope_read(e, out, piece, &n)) {
            require(e->form != JP_ENVELOPE_UNFINISHED && e->form != JP_ENVELOPE_WHOLE,
                    "a refusal has its reason");
            break;
        }
        jp_buf_add(ret, out, n);
    } while (n > 0);
    require(!data.has_failed, "nothing fails but the form");
    require(e->form != JP_ENVELOPE_WHOLE || data.read_bytes == len,
            "a whole one is the whole file");
    (void)close(fd);
    return e->form;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    JP_AUTO(jp_buf) large = JP_BUF_INIT;
    JP_AUTO(jp_buf) small = JP_BUF_INIT;
    JP_AUTO(jp_buf) plain = JP_BUF_INIT;
    JP_AUTO(jp_buf) signatures = JP_BUF_INIT;
    struct jp_packets packets = {.count = 0};
    enum jp_envelope_form form = pass(bytes, len, 4096, &large);
    require(pass(bytes, len, 1, &small) == form, "pieces make no difference");
    if (form == JP_ENVELOPE_WHOLE) {
        require(large.len == small.len && memcmp(large.data, small.data, large.len) == 0,
                "nor in what comes out");
        require(pass((const uint8_t *)jp_buf_text(&large), large.len, 4096, &plain) == form &&
                    plain.len == large.len,
                "what comes out is a message without armour");
    }
    require(len > JP_TRUST_SIGNATURE_MAX ||
                jp_packets_read(bytes, len, &signatures, &packets) != JP_TRUST_GOOD ||
                packets.count > 0,
            "a signature file has signatures");
    require(!(packets.count > 0 && form == JP_ENVELOPE_WHOLE), "and is no message");
    return 0;
}
