/*
 * pf(4), by pfctl(8) with an argument vector: its ioctls change from release to release.
 *
 * All of ours is in anchors directly below "jetpack", which pf.conf gives a place by three lines
 * (JP_PF_ANCHORS); nobody else's rules are touched. Those of an installation are in jetpack/TABLE,
 * those of a pod's published ports in jetpack/UUID.
 */
#ifndef JP_PLATFORM_FREEBSD_PF_H
#define JP_PLATFORM_FREEBSD_PF_H

#include "base/buf.h"
#include "base/error.h"

#define JP_PF_ANCHORS "\"jetpack/*\""
#define JP_PF_TAG     "jetpack"  /* what was sent on to a published port */
#define JP_PF_RULES   "pf.rules" /* file that pfctl takes rules from */

/*
 * What `pfctl -s WHAT` tells: of all, of the anchor jetpack/NAME, of an interface. NULL: neither.
 * JP_EUNSUPPORTED: there is no pf.
 */
int jp_pf_tell(const char *what, const char *name, const char *interface, struct jp_buf *out,
               struct jp_error *err);
/* JP_EUNSUPPORTED, which says what to do, unless pf is there and enabled. */
int jp_pf_check(struct jp_error *err);
/* Replaces the rules of jetpack/NAME, by way of JP_PF_RULES in a directory that is also named. */
int jp_pf_load(const char *name, const char *dir, const struct jp_buf *rules, struct jp_error *err);
/* Removes them with that file; without the file there are none. */
int jp_pf_unload(const char *name, const char *dir, struct jp_error *err);

#endif
