/* What each system's part of isolation.c tells, and by what means. */
#ifndef TESTS_PROGRAMS_ISOLATION_H
#define TESTS_PROGRAMS_ISOLATION_H

/* A fact of the group that is being collected: one line. */
__attribute__((format(printf, 1, 2))) void add(const char *format, ...);

/* Calls `tell` with each name in a directory but those that begin with a dot. */
void each_name(const char *path, void (*tell)(int dir, const char *name));

/* Tells a name in a directory: where a link leads, else its mode and the number of the device. */
void tell_link(int dir, const char *name);
void tell_device(int dir, const char *name);

/* `collect` adds the facts of a group, which are told sorted. The last one has no name. */
struct isolation_group {
    const char *name;
    void (*collect)(void);
};
extern const struct isolation_group isolation_groups[];

#endif
