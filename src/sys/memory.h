/*
 * Small memory for programs that wait most of their life: the supervisor and PID 1 of a pod, of
 * which there are as many as pods.
 */
#ifndef JP_SYS_MEMORY_H
#define JP_SYS_MEMORY_H

/* From now on freed memory goes back to the system early. Call it first thing. */
void jp_memory_be_frugal(void);

/*
 * Gives back what an idle process does not need: free heap, and the pages of its own program, which
 * come back from the page cache one by one when they are used. Costs some microseconds; for when
 * nothing is to be done for a while.
 */
void jp_memory_trim(void);

#endif
