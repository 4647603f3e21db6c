/* What the service gives up before it answers the first request. */
#ifndef JP_MDS_CONFINE_H
#define JP_MDS_CONFINE_H

#include "base/error.h"
#include "plan/service.h"

/*
 * Becomes the settings' user with that group alone, for good: no way back, no capability, no new
 * privileges by execve(2). With keeps_uid the ids stay. It is checked that the ids hold.
 */
int jp_confine_ids(const struct jp_service_settings *settings, struct jp_error *err);

/*
 * After everything is open: files can be read below dir_fd only, nothing can be written, executed,
 * connected or bound, and system calls that the service does not make are refused. What this kernel
 * does not know is left out; what it knows and refuses is an error. A build with sanitizers does
 * without (their runtimes do what no list foresees); meson.build says so.
 */
int jp_confine_self(int dir_fd, struct jp_error *err);

#endif
