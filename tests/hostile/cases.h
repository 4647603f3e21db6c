/* The table of archives: each refused for its reason, or taken. */
#ifndef JP_TESTS_HOSTILE_CASES_H
#define JP_TESTS_HOSTILE_CASES_H

#include "hostile/archive.h"

#define CASE_MEMBERS 6

struct archive_case {
    int row;             /* of SECURITY.md */
    const char *what;    /* says what is special */
    const char *refused; /* a part of the reason; NULL: it is taken */
    /* Members after `manifest` and `rootfs`. In links, "@" stands for the canary's path. */
    struct raw members[CASE_MEMBERS];
    bool is_bare;                      /* without the two at the front */
    void (*build)(struct jp_buf *out); /* instead of members */
    bool may_hold;                     /* `refused`, or taken where the file system can hold it */
};

extern const struct archive_case archive_cases[];
extern const size_t n_archive_cases;

#endif
