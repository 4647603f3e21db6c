/* Whether an entry of a clone is still what its layer has. Private to the drivers. */
#ifndef JP_STORE_DRIVER_SAME_H
#define JP_STORE_DRIVER_SAME_H

#include <sys/stat.h>

#include <stdbool.h>

/* An entry of the same name in the clone and in the layer that shows through. */
struct jp_plain_pair {
    const char *name;
    int top_fd; /* the directories it is in */
    int low_fd;
    const struct stat *top;
    const struct stat *low;
    bool is_close; /* the clone's file may have been written: look at content and attributes */
    bool has_attributes; /* it may have got some all the same: look at those */
};

enum jp_plain_sameness {
    JP_PLAIN_DIFFERENT, /* also what cannot be looked at any more */
    JP_PLAIN_SAME,
    JP_PLAIN_TOUCHED, /* a directory: the same but for its time */
};

enum jp_plain_sameness jp_plain_compare(const struct jp_plain_pair *pair);

#endif
