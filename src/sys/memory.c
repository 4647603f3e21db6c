#include "sys/memory.h"

#include <sys/mman.h>

#include <stdint.h>
#include <unistd.h>

#ifdef JP_HAVE_MALLOPT
#include <malloc.h>
#endif

#define TRIM_BYTES 16384      /* more than this free at the top of the heap is given back */
#define MMAP_BYTES (32 << 10) /* larger blocks come and go as mappings of their own */

/* Set by the linker around the program's code. */
extern const char __executable_start[];
extern const char etext[];

void jp_memory_be_frugal(void)
{
    /* Other allocators than the GNU library's do so by themselves. */
#ifdef JP_HAVE_MALLOPT
    (void)mallopt(M_TOP_PAD, 0);
    (void)mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
#endif
}

void jp_memory_share_heap(void)
{
#ifdef JP_HAVE_MALLOPT
    (void)mallopt(M_ARENA_MAX, 1);
#endif
}

void jp_memory_trim(void)
{
#ifdef JP_HAVE_MALLOPT
    (void)malloc_trim(0);
#endif
    /*
     * Code only, which is never written: dropping it loses nothing. The kernel maps sixteen pages
     * around each one that is touched, so a start leaves nearly all of the program mapped.
     */
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)__executable_start + page - 1) / page * page;
    uintptr_t to = (uintptr_t)etext / page * page;
    if (to > from)
        (void)madvise((void *)from, to - from, MADV_DONTNEED);
}
