/*
 * Handles on processes that cannot hit a stranger: a pid counts only together with its start time,
 * and where the kernel has them, through a pidfd.
 */
#ifndef JP_SYS_PROCESS_H
#define JP_SYS_PROCESS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct jp_process {
    pid_t pid;
    uint64_t start; /* in the kernel's unit since boot; only compared for equality */
    int fd;         /* pidfd, or -1 where there is none */
};

#define JP_PROCESS_INIT                                                                            \
    {                                                                                              \
        .pid = -1, .start = 0, .fd = -1                                                            \
    }

/* A handle on a running process. JP_ENOTFOUND when there is none. */
int jp_process_open(pid_t pid, struct jp_process *ret, struct jp_error *err);

/* As above, and it must have started then: JP_ENOTFOUND when the pid was given to another. */
int jp_process_open_same(pid_t pid, uint64_t start, struct jp_process *ret, struct jp_error *err);

/* Sends a signal; 0 also when it has just ended. */
int jp_process_signal(const struct jp_process *process, int signal, struct jp_error *err);

/* True while a signal (SIGSTOP) keeps it from running. */
bool jp_process_is_stopped(const struct jp_process *process);

/* Waits until it is gone: 1 gone, 0 time-out, -1 error. timeout_ms -1: for ever. */
int jp_process_wait_gone(const struct jp_process *process, int timeout_ms, struct jp_error *err);

/*
 * A descriptor that poll(2) finds readable once the process is gone: the caller's, close-on-exec.
 * -1 when there is none to be had (Linux before 5.3), or it is gone already: look again, then.
 */
int jp_process_watch(const struct jp_process *process);

/*
 * Whether it was started with each of these arguments (NULL at the end), letter for letter. False
 * also when that cannot be told. Whoever may start processes may give them any argument: this tells
 * ours from what took over their pid, not friend from foe.
 */
bool jp_process_has_arguments(const struct jp_process *process, char *const arguments[]);

void jp_process_clear(struct jp_process *process);

/*
 * Runs a program without a shell: argv[0] is a path, or a name searched in PATH. Standard streams
 * as given (-1: /dev/null). Every other descriptor is closed. Waits; *ret_status as waitpid(2).
 */
int jp_process_run(char *const argv[], const int stdio[3], int *ret_status, struct jp_error *err);

/* The same with this environment in the place of ours: NAME=VALUE, NULL at the end. */
int jp_process_run_in(char *const argv[], char *const environment[], const int stdio[3],
                      int *ret_status, struct jp_error *err);

/*
 * Begins it and does not wait: 0 with *ret_pid, a child of the caller, once the program runs.
 * JP_ENOPROGRAM, JP_ENOEXEC.
 */
int jp_process_start(char *const argv[], const int stdio[3], pid_t *ret_pid, struct jp_error *err);

/* Kills this process when the one that started it ends, where the system can; best effort. */
void jp_process_end_with_parent(void);

/* Number of a signal from "TERM", "SIGTERM" or "15"; 0 when unknown. And its name without SIG. */
int jp_signal_number(const char *text);
const char *jp_signal_name(int number);

#endif
