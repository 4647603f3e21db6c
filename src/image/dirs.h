/*
 * Directories below a root that we own, opened component by component without ever following a
 * link, with the chain of the last one kept open (archives come in the order of the tree).
 *
 * Not the resolver of sys/path.h: here a symbolic link on the way is an error, never an excursion.
 */
#ifndef JP_IMAGE_DIRS_H
#define JP_IMAGE_DIRS_H

#include <stddef.h>

#include "base/macros.h"

struct jp_dirs;

/* root_fd stays the caller's and must outlive it. NULL without memory. */
struct jp_dirs *jp_dirs_new(int root_fd);
void jp_dirs_free(struct jp_dirs *dirs);
JP_DEFINE_AUTO_PTR(jp_dirs);

/*
 * The directory that holds `path` (normal, not empty): its descriptor, valid until the next call,
 * and *ret_name, the last component inside `path`. -1 with errno: ENOENT, ENOTDIR or ELOOP when
 * something on the way is not a directory.
 */
int jp_dirs_parent(struct jp_dirs *dirs, const char *path, const char **ret_name);

#endif
