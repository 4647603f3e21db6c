/* What jetpack-openpgp gives up before it reads the request. */
#ifndef JP_OPENPGP_CONFINE_H
#define JP_OPENPGP_CONFINE_H

#include <stdint.h>

#include "base/error.h"

/*
 * Everything but the descriptors that are open: another user, no capabilities, no file can be
 * opened, no program executed, no socket or process made; limits of memory, and of processor time
 * by the bytes that will be read. What this kernel does not know is left out. A build with
 * sanitizers keeps its system calls and its memory.
 */
int jp_openpgp_confine(uint32_t uid, uint32_t gid, uint64_t data_bytes, struct jp_error *err);

#endif
