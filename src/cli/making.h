/*
 * What commit and build have in common: from the root file system of an app to an image of what
 * differs in it.
 */
#ifndef JP_CLI_MAKING_H
#define JP_CLI_MAKING_H

#include <stdbool.h>
#include <stdint.h>

#include "appc/image_manifest.h"
#include "cli/command.h"
#include "pod/inspect.h"

struct jp_making {
    const struct jp_store_pod *pod;
    const char *app;
    const char *without; /* a path that is left out with what is below it; NULL */
    const struct jp_pod_tree *tree;
    const char *parent_id;
    struct jp_image_manifest parent;
    int64_t time_ns; /* of the image */
    bool is_reproducible;
};

/*
 * Reads the app's image; `time_ns` is now, or with is_reproducible that of SOURCE_DATE_EPOCH, else
 * that of the app's image.
 */
int jp_making_open(struct jp_cli *cli, struct jp_making *making, struct jp_error *err);
void jp_making_clear(struct jp_making *making);

/*
 * Makes and imports the image: `m` says what its author wants to say, the rest is filled in
 * (appc/derive.h). Prints its id and saves it (-saveid).
 */
int jp_making_finish(struct jp_cli *cli, struct jp_making *making, struct jp_image_manifest *m,
                     const bool takes[2], struct jp_error *err);

#endif
