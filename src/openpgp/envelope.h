/*
 * The outer form of an encrypted file. librnp is given only what is exactly that: one message,
 * armoured or not, from the first byte of the file to the last; in it session keys, one of which a
 * passphrase opens, and then one packet of encrypted data with protection against changes. (Left to
 * itself it takes data without protection, and whatever follows a packet of AEAD.) What is passed
 * on is without armour.
 */
#ifndef JP_OPENPGP_ENVELOPE_H
#define JP_OPENPGP_ENVELOPE_H

#include "openpgp/data.h"

enum jp_envelope_form {
    JP_ENVELOPE_UNFINISHED = 0, /* its end is still to come */
    JP_ENVELOPE_MALFORMED,      /* no such message, or another kind of packet in it */
    JP_ENVELOPE_UNPROTECTED,    /* nobody would see it if it were changed */
    JP_ENVELOPE_FOR_KEYS,       /* no passphrase opens it */
    JP_ENVELOPE_FOLLOWED,       /* something stands behind the message */
    JP_ENVELOPE_WHOLE,
};

struct jp_envelope {
    struct jp_data *data;
    enum jp_envelope_form form;
    /* What was read and not looked at. */
    unsigned char in[16384];
    size_t in_at;
    size_t in_len;
    /* Armour. */
    bool is_begun;
    bool is_armoured;
    bool has_armour_ended;
    unsigned char plain[3]; /* of the last four digits */
    size_t plain_at;
    size_t plain_len;
    /* Packets. */
    unsigned char head[6]; /* of a packet, or of a part of one, as far as it was read */
    size_t head_len;
    uint64_t body_left; /* of the packet or the part */
    bool is_in_data;    /* the packet of encrypted data */
    bool is_partial;    /* another part follows */
    bool has_passphrase;
    unsigned n_session_keys;
};

/* For librnp; context: struct jp_envelope, zeroed but for `data`. */
bool jp_envelope_read(void *context, void *buf, size_t len, size_t *ret_read);

#endif
