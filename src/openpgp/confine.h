/* What jetpack-openpgp gives up before it reads the request. */
#ifndef JP_OPENPGP_CONFINE_H
#define JP_OPENPGP_CONFINE_H

#include "trust/message.h"

/*
 * Everything but the descriptors that are open: another user, no capabilities, no file can be
 * opened, no program executed, no socket or process made; limits of memory, and of processor time
 * by the bytes that will be read. What this kernel does not know is left out. A build with
 * sanitizers keeps its system calls and its memory. Who signs, with a key and a file of the user's
 * own, may make threads.
 */
int jp_openpgp_confine(const struct jp_openpgp_head *head, struct jp_error *err);

#endif
