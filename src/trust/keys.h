/* Private to this room: names of stored keys. */
#ifndef JP_TRUST_KEYS_H
#define JP_TRUST_KEYS_H

#include "trust/trust.h"

#define JP_TRUST_FINGERPRINT_V4 40 /* digits: SHA-1 of versions 4 */
#define JP_TRUST_FINGERPRINT_V6 64 /* SHA-256 of versions 5 and 6 */

/* Exactly that many lower-case digits. */
bool jp_trust_is_fingerprint(const char *text);

/* The directory of a prefix that was checked; NULL without memory. */
char *jp_trust_prefix_dir(const char *prefix);

/* And back; NULL when that is no such directory's name, or without memory. */
char *jp_trust_prefix_of_dir(const char *name);

#endif
