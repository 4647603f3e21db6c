/*
 * Where things of ours go in an app's root: small files, and the places that volumes are mounted
 * on. The root belongs to the image: every path in it is resolved in it (sys/path.h), names are
 * replaced and never written through (CVE-2025-24965), and nothing is made in a volume, which would
 * be the host's (CVE-2024-45310). What FreeBSD and Linux share.
 */
#ifndef JP_PLATFORM_PLACE_H
#define JP_PLATFORM_PLACE_H

#include <stdbool.h>

#include "base/error.h"
#include "plan/plan.h"

/* A place in an app's root. */
struct jp_place {
    int root_fd;
    const char *path; /* absolute, inside the root */
    /*
     * True when a directory lies on the root's own file system. Asked of the very directory that
     * something would be made in: in a volume names may change under our hands.
     */
    bool (*is_of_root)(const void *context, int dir_fd);
    /* ace.md "Volume Setup": the user should hear of files of the image that are lost from sight.
     */
    void (*warn)(const void *context, const char *verb);
    const void *context; /* of both */
};

/* Writes the app's files (before volumes are mounted, so that none can land in one). */
int jp_place_write_files(const struct jp_plan_app *app, int root_fd, struct jp_error *err);

/*
 * A descriptor of the directory (or file) that a volume is to be mounted on; made with its parents
 * when it is not there, in place of what is in the way. JP_EINVALID where that would be inside
 * another volume, the root itself, or a file system of the system.
 */
int jp_place_directory(const struct jp_place *place, struct jp_error *err);
int jp_place_file(const struct jp_place *place, struct jp_error *err);

#endif
