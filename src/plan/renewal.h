/*
 * A clean root for an app that is started again (doc/decisions/0006-restarts.md): what stage 1,
 * which opens no database, and the command that it starts for it say to each other.
 *
 * The command gets the words of jp_plan.renew and the app's name, the pod's lock as standard input,
 * so that nobody else starts the pod while it works, and one end of a stream socket as standard
 * output and for errors. On success it writes the root there, in the form of this file; whatever
 * stands before is text. Then it waits until the other end is closed: by then the root of before is
 * in nobody's way, and what may be removed is. Without an app's name that is all it does.
 *
 * The root of before may still be in use. Stage 1 tells by an flock(2) on apps/APP, which the
 * command moves to tmp/ with the lock on it: nobody removes it until it is given up.
 *
 * The form has a version of its own: the command may be newer than the supervisor.
 */
#ifndef JP_PLAN_RENEWAL_H
#define JP_PLAN_RENEWAL_H

#include "base/buf.h"
#include "base/error.h"
#include "plan/plan.h"

#define JP_RENEWAL_MAX (4U << 20) /* bytes of an answer */

/* Appends a root. -1 with JP_ENOMEM or JP_ELIMIT. */
int jp_renewal_encode(const struct jp_plan_root *root, struct jp_buf *ret, struct jp_error *err);

/*
 * 1 when a whole root stands at the end of what came, 0 when more must come, -1 with JP_ECORRUPT or
 * JP_EUNSUPPORTED. *ret is the caller's.
 */
int jp_renewal_decode(const struct jp_buf *came, struct jp_plan_root *ret, struct jp_error *err);

#endif
