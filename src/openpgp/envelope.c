#include "openpgp/envelope.h"

#include <string.h>

#define BEGIN            "-----BEGIN PGP MESSAGE-----"
#define END              "-----END PGP MESSAGE-----"
#define MAX_HEADERS      4096  /* bytes of lines before the armoured data */
#define MAX_SESSION_KEYS 64    /* in one message */
#define MAX_SESSION_KEY  16384 /* bytes of one */

enum { NOTHING_LEFT = -1, NOT_READABLE = -2 };

enum {
    TAG_PKESK = 1,
    TAG_SKESK = 3,
    TAG_SED = 9,    /* without protection */
    TAG_SEIPD = 18, /* a digest at its end */
    TAG_AEAD = 20,
};

static bool refuse(struct jp_envelope *e, enum jp_envelope_form form)
{
    e->form = form;
    return false;
}

/* ---- bytes of the file ----------------------------------------------------------------------- */

static bool fill(struct jp_envelope *e)
{
    if (e->in_at < e->in_len)
        return true;
    e->in_at = e->in_len = 0;
    return jp_data_read(e->data, e->in, sizeof(e->in), &e->in_len);
}

static int next_byte(struct jp_envelope *e)
{
    if (!fill(e))
        return NOT_READABLE;
    return e->in_at < e->in_len ? e->in[e->in_at++] : NOTHING_LEFT;
}

/* ---- armour ---------------------------------------------------------------------------------- */

static bool is_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int next_unblank(struct jp_envelope *e)
{
    int c;
    do {
        c = next_byte(e);
    } while (is_blank(c));
    return c;
}

static bool take_text(struct jp_envelope *e, const char *text)
{
    for (; *text; text++)
        if (next_byte(e) != *text)
            return false;
    return true;
}

/* The first line, what may stand in lines of its own, and the empty line. */
static bool take_headers(struct jp_envelope *e)
{
    bool is_empty = false;
    if (!take_text(e, BEGIN))
        return false;
    for (size_t i = 0, lines = 0; i < MAX_HEADERS; i++) {
        int c = next_byte(e);
        if (c < 0)
            return false;
        if (c == '\n' && lines++ > 0 && is_empty)
            return true;
        is_empty = c == '\n' || (is_empty && is_blank(c));
    }
    return false;
}

static int digit(int c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c > 0 ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* The checksum, if there is one, is no protection and was not looked at by those who wrote the
 * standard anew; the last line, and nothing behind it. */
static bool take_end(struct jp_envelope *e, int c)
{
    if (c == '=') {
        for (int i = 0; i < 4; i++)
            if (digit(next_byte(e)) < 0)
                return false;
        c = next_unblank(e);
    }
    e->has_armour_ended = true;
    return c == END[0] && take_text(e, &END[1]) && next_unblank(e) == NOTHING_LEFT;
}

/* Four digits become up to three bytes; none at the end. */
static bool take_digits(struct jp_envelope *e)
{
    unsigned value = 0;
    size_t count = 0;
    int c = next_unblank(e);
    e->plain_at = e->plain_len = 0;
    if (digit(c) < 0)
        return take_end(e, c);
    for (; count < 4 && digit(c) >= 0; count++, c = count < 4 ? next_unblank(e) : 0)
        value = value << 6 | (unsigned)digit(c);
    for (size_t i = count; i < 4; i++, c = i < 4 ? next_unblank(e) : 0) {
        if (count < 2 || c != '=')
            return false;
        value <<= 6;
    }
    for (size_t i = 0; i < 3; i++)
        e->plain[i] = (unsigned char)(value >> (16 - 8 * i));
    e->plain_len = count - 1;
    return count == 4 || take_end(e, next_unblank(e));
}

/* ---- bytes of the message -------------------------------------------------------------------- */

static bool begin(struct jp_envelope *e)
{
    if (e->is_begun)
        return true;
    e->is_begun = true;
    if (!fill(e))
        return false;
    e->is_armoured = e->in_len > 0 && e->in[0] == BEGIN[0];
    return !e->is_armoured || take_headers(e);
}

/* What is there to be looked at next: *ret_len 0 at the end. */
static bool peek(struct jp_envelope *e, const unsigned char **ret, size_t *ret_len)
{
    if (!e->is_armoured) {
        bool r = fill(e);
        *ret = e->in + e->in_at;
        *ret_len = e->in_len - e->in_at;
        return r;
    }
    if (e->plain_at == e->plain_len && !e->has_armour_ended && !take_digits(e))
        return false;
    if (e->plain_at == e->plain_len && e->has_armour_ended)
        e->plain_at = e->plain_len = 0;
    *ret = e->plain + e->plain_at;
    *ret_len = e->plain_len - e->plain_at;
    return true;
}

static void skip(struct jp_envelope *e, size_t len)
{
    *(e->is_armoured ? &e->plain_at : &e->in_at) += len;
}

/* ---- packets --------------------------------------------------------------------------------- */

/* How long the head is, whose first bytes are there; 0: that cannot be told yet. */
static size_t head_size(const struct jp_envelope *e)
{
    static const size_t old[] = {2, 3, 5, 1};
    size_t before = e->is_partial ? 0 : 1; /* a later part has no tag */
    if (e->head_len == 0)
        return 0;
    if (before && !(e->head[0] & 0x40))
        return old[e->head[0] & 3];
    if (e->head_len <= before)
        return 0;
    unsigned first = e->head[before];
    return before + (first < 192 || (first >= 224 && first < 255) ? 1 : first < 224 ? 2 : 5);
}

static uint64_t big_endian(const unsigned char *bytes, size_t len)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* The length in a head of the new format; *ret_partial: of one part of several. */
static uint64_t new_length(const unsigned char *at, bool *ret_partial)
{
    *ret_partial = at[0] >= 224 && at[0] < 255;
    if (at[0] < 192)
        return at[0];
    if (at[0] < 224)
        return ((at[0] - 192U) << 8) + at[1] + 192U;
    return *ret_partial ? UINT64_C(1) << (at[0] & 0x1f) : big_endian(at + 1, 4);
}

static bool take_session_key(struct jp_envelope *e, unsigned tag, bool is_part)
{
    e->has_passphrase |= tag == TAG_SKESK;
    return ++e->n_session_keys <= MAX_SESSION_KEYS && !is_part && e->body_left > 0 &&
                   e->body_left <= MAX_SESSION_KEY
               ? true
               : refuse(e, JP_ENVELOPE_MALFORMED);
}

/* A whole head is there. */
static bool take_head(struct jp_envelope *e)
{
    bool is_new = e->head[0] & 0x40, is_part = false;
    unsigned tag = is_new ? e->head[0] & 0x3fU : e->head[0] >> 2 & 0xfU;
    if (e->is_partial) {
        e->body_left = new_length(e->head, &e->is_partial);
        return true;
    }
    if (!(e->head[0] & 0x80) || (!is_new && (e->head[0] & 3) == 3))
        return refuse(e, tag == TAG_SED ? JP_ENVELOPE_UNPROTECTED : JP_ENVELOPE_MALFORMED);
    e->body_left =
        is_new ? new_length(e->head + 1, &is_part) : big_endian(e->head + 1, e->head_len - 1);
    if (tag == TAG_PKESK || tag == TAG_SKESK)
        return take_session_key(e, tag, is_part);
    if (tag == TAG_SED)
        return refuse(e, JP_ENVELOPE_UNPROTECTED);
    if (tag != TAG_SEIPD && tag != TAG_AEAD)
        return refuse(e, JP_ENVELOPE_MALFORMED);
    if (!e->has_passphrase)
        return refuse(e, e->n_session_keys ? JP_ENVELOPE_FOR_KEYS : JP_ENVELOPE_MALFORMED);
    e->is_in_data = true;
    e->is_partial = is_part;
    return true;
}

static bool is_over(const struct jp_envelope *e)
{
    return e->is_in_data && !e->is_partial && e->body_left == 0 && e->head_len == 0;
}

/* As much of what is there as is of one kind; false: it is no message of ours. */
static bool take(struct jp_envelope *e, const unsigned char *from, size_t len, size_t *ret_taken)
{
    *ret_taken = 1;
    if (is_over(e))
        return refuse(e, JP_ENVELOPE_FOLLOWED);
    if (e->body_left > 0) {
        *ret_taken = len < e->body_left ? len : (size_t)e->body_left;
        e->body_left -= *ret_taken;
        return true;
    }
    e->head[e->head_len++] = *from;
    if (e->head_len != head_size(e))
        return true;
    bool r = take_head(e);
    e->head_len = 0;
    return r;
}

bool jp_envelope_read(void *context, void *buf, size_t len, size_t *ret_read)
{
    struct jp_envelope *e = context;
    unsigned char *out = buf;
    const unsigned char *from = NULL;
    size_t there = 0, taken = 0;
    *ret_read = 0;
    if (e->form != JP_ENVELOPE_UNFINISHED)
        return e->form == JP_ENVELOPE_WHOLE;
    if (!begin(e))
        return refuse(e, JP_ENVELOPE_MALFORMED);
    while (len > 0) {
        if (!peek(e, &from, &there))
            return refuse(e, JP_ENVELOPE_MALFORMED);
        if (there == 0) {
            if (is_over(e))
                e->form = JP_ENVELOPE_WHOLE;
            return true;
        }
        if (!take(e, from, there < len ? there : len, &taken))
            return false;
        memcpy(out, from, taken);
        skip(e, taken);
        out += taken;
        len -= taken;
        *ret_read += taken;
    }
    return true;
}
