/* What setrlimit(2) calls a resource: an enumeration in glibc, a number elsewhere. */
#ifndef JP_SYS_RLIMIT_H
#define JP_SYS_RLIMIT_H

#include <sys/resource.h>

#ifdef __GLIBC__
typedef __rlimit_resource_t jp_resource;
#else
typedef int jp_resource;
#endif

#endif
