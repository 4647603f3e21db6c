/* The part of the probe that runs into limits (strain.c). */
#ifndef JP_TEST_STRAIN_H
#define JP_TEST_STRAIN_H

/* Does what the word says: the exit status, or -1 when it means nothing here. */
int strain(const char *what, char **rest);
/* This process runs on that processor only (bind_*.c): 0, or -1 with errno. */
int bind_to_processor(int number);

#endif
