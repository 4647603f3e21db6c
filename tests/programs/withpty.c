/*
 * Runs a program on a pseudo-terminal of 33 rows and 101 columns and plays a script:
 *
 *   withpty SCRIPT PROGRAM ARG...
 *
 * SCRIPT is words separated by ';': `expect TEXT` waits until TEXT was written, `send TEXT` types
 * it (\n, \r, \xHH are read as in C), `size ROWS COLUMNS` changes the size, `eof` types ctrl-d.
 * Everything that the program writes is copied to standard output. The exit status is the
 * program's, or 124 when something expected did not come within a minute.
 */
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_S 60

static int master;
static char seen[1 << 20]; /* a test writes far less */
static size_t seen_len, searched;
static int has_ended;

static int read_some(int timeout_ms)
{
    struct pollfd fd = {.fd = master, .events = POLLIN};
    if (poll(&fd, 1, timeout_ms) <= 0)
        return 0;
    ssize_t n = read(master, seen + seen_len, sizeof(seen) - 1 - seen_len);
    if (n <= 0) {
        has_ended = 1;
        return 0;
    }
    if (write(STDOUT_FILENO, seen + seen_len, (size_t)n) != n)
        return 0;
    seen_len += (size_t)n;
    return 1;
}

static int expect(const char *text)
{
    time_t end = time(NULL) + LIMIT_S;
    for (;;) {
        char *found = memmem(seen + searched, seen_len - searched, text, strlen(text));
        if (found) {
            searched = (size_t)(found - seen) + strlen(text);
            return 1;
        }
        if (has_ended || time(NULL) > end)
            return 0;
        read_some(1000);
    }
}

static void send_text(const char *text)
{
    for (; *text; text++) {
        char c = *text;
        if (c == '\\' && text[1] == 'x') {
            c = (char)strtol((char[]){text[2], text[3], '\0'}, NULL, 16);
            text += 3;
        } else if (c == '\\') {
            text++;
            c = *text == 'n' ? '\n' : *text == 'r' ? '\r' : *text;
        }
        if (write(master, &c, 1) != 1)
            return;
    }
}

static int play(char *step)
{
    int rows, columns;
    step += strspn(step, " ");
    if (strncmp(step, "expect ", 7) == 0)
        return expect(step + 7);
    if (strncmp(step, "send ", 5) == 0)
        send_text(step + 5);
    else if (sscanf(step, "size %d %d", &rows, &columns) == 2)
        ioctl(master, TIOCSWINSZ,
              &(struct winsize){.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns});
    else if (strcmp(step, "eof") == 0)
        send_text("\\x04");
    return 1;
}

/* Has the terminal for its own, says so by closing `ready_fd`, becomes the program. */
static void become(const char *terminal, int ready_fd, char **argv)
{
    setsid();
    int slave = open(terminal, O_RDWR);
    if (slave < 0)
        _exit(127);
    ioctl(slave, TIOCSCTTY, 0);
    dup2(slave, 0);
    dup2(slave, 1);
    dup2(slave, 2);
    if (slave > 2)
        close(slave);
    close(ready_fd);
    execvp(argv[0], argv);
    _exit(127);
}

int main(int argc, char **argv)
{
    struct winsize size = {.ws_row = 33, .ws_col = 101};
    if (argc < 3)
        return 2;
    master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
        return 3;
    ioctl(master, TIOCSWINSZ, &size);
    const char *name = ptsname(master);
    int ready[2];
    if (pipe(ready) < 0)
        return 3;
    pid_t child = fork();
    if (child == 0)
        become(name, ready[1], argv + 2);
    /* FreeBSD forgets what is typed before anybody has opened the terminal. */
    int is_fine = 1, status = 0;
    char none;
    close(ready[1]);
    (void)!read(ready[0], &none, 1);
    close(ready[0]);
    for (char *at = argv[1], *step; is_fine && (step = strsep(&at, ";"));)
        is_fine = play(step);
    time_t end = time(NULL) + LIMIT_S;
    while (is_fine && !has_ended && time(NULL) < end)
        read_some(1000);
    if (!has_ended && child > 0)
        kill(child, SIGKILL);
    waitpid(child, &status, 0);
    if (!is_fine)
        return 124;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
