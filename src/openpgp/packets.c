#include "openpgp/packets.h"

#include <rnp/rnp.h>
#include <rnp/rnp_err.h>
#include <stdint.h>
#include <string.h>

#include "trust/message.h"

#define TAG_SIGNATURE 2U
#define BEGIN         "-----BEGIN PGP SIGNATURE-----"
#define END           "-----END PGP SIGNATURE-----"

/* ---- armour ---------------------------------------------------------------------------------- */

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The place of a line, or NULL. */
static const unsigned char *find(const unsigned char *at, size_t len, const char *line)
{
    size_t want = strlen(line);
    for (; len >= want; at++, len--)
        if (memcmp(at, line, want) == 0)
            return at;
    return NULL;
}

/* Whether there is one armour of a signature with nothing but blanks around it. */
static bool is_one_armour(const unsigned char *bytes, size_t len)
{
    const unsigned char *end = find(bytes, len, END);
    if (len < strlen(BEGIN) || memcmp(bytes, BEGIN, strlen(BEGIN)) != 0 || !end)
        return false;
    for (end += strlen(END); end < bytes + len; end++)
        if (!is_blank(*end))
            return false;
    return true;
}

static bool remove_armour(const unsigned char *bytes, size_t len, struct jp_buf *ret)
{
    rnp_input_t input = NULL;
    rnp_output_t output = NULL;
    uint8_t *plain = NULL;
    size_t plain_len = 0;
    bool r = rnp_input_from_memory(&input, bytes, len, false) == RNP_SUCCESS &&
             rnp_output_to_memory(&output, JP_TRUST_SIGNATURE_MAX) == RNP_SUCCESS &&
             rnp_dearmor(input, output) == RNP_SUCCESS &&
             rnp_output_memory_get_buf(output, &plain, &plain_len, false) == RNP_SUCCESS;
    if (r)
        jp_buf_add(ret, plain, plain_len);
    (void)rnp_input_destroy(input);
    (void)rnp_output_destroy(output);
    return r;
}

/* ---- packets --------------------------------------------------------------------------------- */

struct cursor {
    const unsigned char *at;
    size_t left;
};

/* Big-endian; false at the end. */
static bool take(struct cursor *c, size_t width, size_t *ret)
{
    *ret = 0;
    if (c->left < width)
        return false;
    for (size_t i = 0; i < width; i++)
        *ret = *ret << 8 | c->at[i];
    c->at += width;
    c->left -= width;
    return true;
}

/* The length of a packet in the new format; parts are for data, not for signatures. */
static bool take_new_length(struct cursor *c, size_t *ret)
{
    size_t first, second;
    if (!take(c, 1, &first))
        return false;
    if (first < 192) {
        *ret = first;
        return true;
    }
    if (first < 224 && take(c, 1, &second)) {
        *ret = ((first - 192) << 8) + second + 192;
        return true;
    }
    return first == 255 && take(c, 4, ret);
}

/* *ret_version is the first byte in it. */
static bool take_packet(struct cursor *c, unsigned *ret_tag, unsigned *ret_version)
{
    size_t head, len;
    if (!take(c, 1, &head) || !(head & 0x80))
        return false;
    if (head & 0x40) {
        *ret_tag = (unsigned)head & 0x3f;
        if (!take_new_length(c, &len))
            return false;
    } else {
        *ret_tag = (unsigned)(head >> 2) & 0xf;
        if ((head & 3) == 3 || !take(c, (size_t)1 << (head & 3), &len))
            return false; /* 3: up to the end of the file */
    }
    if (len > c->left)
        return false;
    *ret_version = len > 0 ? *c->at : 0;
    c->at += len;
    c->left -= len;
    return true;
}

enum jp_trust_verdict jp_packets_read(const unsigned char *bytes, size_t len, struct jp_buf *ret,
                                      struct jp_packets *ret_packets)
{
    unsigned tag, version;
    *ret_packets = (struct jp_packets){.count = 0};
    while (len > 0 && is_blank(*bytes))
        bytes++, len--;
    if (len == 0)
        return JP_TRUST_NO_SIGNATURE;
    if (*bytes & 0x80)
        jp_buf_add(ret, bytes, len);
    else if (!is_one_armour(bytes, len) || !remove_armour(bytes, len, ret))
        return JP_TRUST_MALFORMED;
    if (jp_buf_failed(ret))
        return JP_TRUST_NOTHING;
    struct cursor c = {(const unsigned char *)jp_buf_text(ret), ret->len};
    for (; c.left > 0; ret_packets->count++) {
        if (!take_packet(&c, &tag, &version) || tag != TAG_SIGNATURE ||
            ret_packets->count >= JP_OPENPGP_MAX_SIGNATURES)
            return JP_TRUST_MALFORMED;
        ret_packets->foreign += version != 3 && version != 4;
    }
    return ret_packets->count > 0 ? JP_TRUST_GOOD : JP_TRUST_NO_SIGNATURE;
}
