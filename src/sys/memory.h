/*
 * Small memory: for programs that wait most of their life (the supervisor and PID 1 of a pod, of
 * which there are as many as pods), and for those with threads.
 */
#ifndef JP_SYS_MEMORY_H
#define JP_SYS_MEMORY_H

/* From now on freed memory goes back to the system early. Call it first thing. */
void jp_memory_be_frugal(void);

/*
 * Threads take their memory from one heap from now on. The GNU library reserves 64 MiB of addresses
 * for each thread that asks for memory, which counts where those are limited (RLIMIT_AS). Call it
 * before the first thread.
 */
void jp_memory_share_heap(void);

/*
 * Gives back what an idle process does not need: free heap, and the pages of its own program, which
 * come back from the page cache one by one when they are used. Costs some microseconds; for when
 * nothing is to be done for a while.
 */
void jp_memory_trim(void);

#endif
