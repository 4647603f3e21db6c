/* The parts of odd.c. */
#ifndef TESTS_PROGRAMS_ODD_H
#define TESTS_PROGRAMS_ODD_H

#include <sys/types.h>
#include <sys/resource.h>

/* Another soft limit. */
void limit(int resource, rlim_t soft);

/* Changes what only this system has. */
void become_odd(void);

#endif
