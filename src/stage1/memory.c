/*
 * What an idle supervisor keeps: freed memory goes back to the system. Elsewhere than with the GNU
 * library these are empty; other allocators do so by themselves.
 */
#include "stage1/supervisor.h"

#ifdef JP_HAVE_MALLOPT
#include <malloc.h>

#define TRIM_BYTES 16384      /* more than this free at the top of the heap is given back */
#define MMAP_BYTES (32 << 10) /* larger blocks come and go as mappings of their own */

void jp_memory_be_frugal(void)
{
    (void)mallopt(M_TOP_PAD, 0);
    (void)mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
}

void jp_memory_trim(void)
{
    (void)malloc_trim(0);
}
#else
void jp_memory_be_frugal(void)
{
}

void jp_memory_trim(void)
{
}
#endif
