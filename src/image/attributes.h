/* Owner, mode, times and attributes of an entry: set on a descriptor, and compared with a file. */
#ifndef JP_IMAGE_ATTRIBUTES_H
#define JP_IMAGE_ATTRIBUTES_H

#include <sys/stat.h>

#include "base/error.h"
#include "image/tar.h"

/*
 * Sets everything on an open file or directory, in the order that keeps it: owner (clears set-id
 * and capabilities), mode, attributes, times. Times that the file system cannot hold are refused.
 */
int jp_attributes_set(int fd, const struct jp_tar_entry *entry, struct jp_error *err);

/* Checks that a time arrived as it was given; for entries that have no descriptor too. */
int jp_attributes_check_time(const struct timespec *want, const struct stat *st,
                             struct jp_error *err);
/* True for times that are worth checking: fractions, and seconds beyond 31 bits. */
bool jp_attributes_time_is_unusual(const struct timespec *time);

/*
 * 0 when the file has exactly the entry's attributes; 1 and *ret_what (new memory) names the first
 * difference; -1.
 */
int jp_attributes_xattrs_equal(int fd, const struct jp_tar_entry *entry, char **ret_what,
                               struct jp_error *err);

#endif
