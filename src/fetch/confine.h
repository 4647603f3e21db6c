/* What jetpack-fetch gives up before it reads the first byte of the network. */
#ifndef JP_FETCH_CONFINE_H
#define JP_FETCH_CONFINE_H

#include "base/error.h"
#include "fetch/wire.h"

/*
 * Root becomes the settings' user with that group alone, for good; whoever is not root stays so. No
 * capability, no new privileges, no core file; nobody but root may look into us; the end when the
 * one who started us ends. Linux also: files can be read only where resolver and TLS need it
 * (Landlock, where the kernel has it), nothing can be written or executed, no socket but those of
 * TCP and UDP, and system calls that are not needed are refused (not in a build with sanitizers,
 * whose runtimes make calls of their own).
 */
int jp_fetch_confine(const struct jp_wire_settings *settings, struct jp_error *err);

#endif
