/*
 * The outer form of a signature file. librnp is given only what is exactly that: one armour of the
 * kind "PGP SIGNATURE" and nothing around it, or bytes; in it signature packets and nothing else.
 * So there is no second reading of the same file (row 44): no inline message, no second armour that
 * one program sees and the other does not, no key that comes along.
 */
#ifndef JP_OPENPGP_PACKETS_H
#define JP_OPENPGP_PACKETS_H

#include "base/buf.h"
#include "trust/trust.h"

struct jp_packets {
    size_t count;
    size_t foreign; /* of versions that we do not know: those may be passed over, others not */
};

/*
 * GOOD with the packets in *ret and their numbers, or why it is none: JP_TRUST_NO_SIGNATURE,
 * JP_TRUST_MALFORMED; JP_TRUST_NOTHING without memory.
 */
enum jp_trust_verdict jp_packets_read(const unsigned char *bytes, size_t len, struct jp_buf *ret,
                                      struct jp_packets *ret_packets);

#endif
