/* The part of the probe that runs into limits (strain.c). */
#ifndef JP_TEST_STRAIN_H
#define JP_TEST_STRAIN_H

/* Does what the word says: the exit status, or -1 when it means nothing here. */
int strain(const char *what, char **rest);

#endif
