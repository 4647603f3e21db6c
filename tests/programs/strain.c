/*
 * The part of the probe that runs into limits. Each prints what it got, so that a test can compare
 * with and without a limit.
 *
 *   burn MS [CPU [PATH]]  computes for that long by the clock, once PATH is there; prints the
 *                       processor time it got, in us
 *   eat MIB             takes so much memory and uses it; prints "ate MIB"
 *   hold MIB            the same, and keeps it until it is killed
 *   slurp FILE          reads a file from its device, past the page cache; prints the time, in us
 *   source PORT KIB     sends so much to whoever connects, one after the other
 *   pull ADDRESS PORT   receives all of it; prints the time, in us
 *   call NAME...        makes a system call; prints "NAME: ok" or "NAME: " and the error
 */
#include "strain.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MIB 1048576

static int64_t clock_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t now_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

static int fail(const char *what)
{
    fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
    return 1;
}

static int burn(char **rest)
{
    const char *processor = rest[0] ? rest[1] : NULL;
    if (processor && bind_to_processor(atoi(processor)) < 0)
        return fail("bind to a processor");
    while (processor && rest[2] && access(rest[2], F_OK) < 0)
        usleep(1000);
    int64_t end = now_us() + 1000 * (int64_t)atoi(rest[0] ? rest[0] : "1000");
    int64_t before = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    while (now_us() < end)
        ;
    printf("%jd\n", (intmax_t)(clock_us(CLOCK_PROCESS_CPUTIME_ID) - before));
    return 0;
}

static int eat(char **rest)
{
    int n = atoi(rest[0] ? rest[0] : "1");
    for (int i = 0; i < n; i++) {
        char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            return fail("mmap");
        memset(p, i + 1, MIB);
    }
    printf("ate %d\n", n);
    return 0;
}

static int hold(char **rest)
{
    int r = eat(rest);
    while (r == 0)
        pause();
    return r;
}

static int slurp(char **rest)
{
    int fd = rest[0] ? open(rest[0], O_RDONLY | O_DIRECT | O_CLOEXEC) : -1;
    char *bytes = NULL;
    if (fd < 0 || posix_memalign((void **)&bytes, 4096, 65536) != 0)
        return fail("open without the page cache");
    int64_t before = now_us();
    ssize_t n;
    while ((n = read(fd, bytes, 65536)) > 0)
        ;
    if (n < 0)
        return fail("read");
    printf("%jd\n", (intmax_t)(now_us() - before));
    return 0;
}

static int source(char **rest)
{
    static char bytes[65536];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(rest[0]))};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 16) < 0)
        return fail("listen");
    puts("ready");
    for (;;) {
        int peer = accept(fd, NULL, NULL);
        long left = 1024L * atoi(rest[1]);
        while (peer >= 0 && left > 0) {
            size_t n = left < (long)sizeof(bytes) ? (size_t)left : sizeof(bytes);
            ssize_t sent = send(peer, bytes, n, MSG_NOSIGNAL);
            if (sent < 0)
                break;
            left -= sent;
        }
        close(peer);
    }
}

static int pull(char **rest)
{
    static char bytes[65536];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(rest[1]))};
    inet_pton(AF_INET, rest[0], &a.sin_addr);
    int64_t before = now_us();
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        return fail("connect");
    ssize_t n;
    while ((n = read(fd, bytes, sizeof(bytes))) > 0)
        ;
    printf("%jd\n", (intmax_t)(now_us() - before));
    return n < 0;
}

static int call_one(const char *name)
{
    if (strcmp(name, "mkdir") == 0)
        return mkdir("/tmp/strain", 0755) < 0 && errno != EEXIST ? -1 : 0;
    if (strcmp(name, "chroot") == 0)
        return chroot("/");
    if (strcmp(name, "chown") == 0)
        return chown("/tmp", 1, 1);
    if (strcmp(name, "setuid") == 0)
        return setuid(1000);
    if (strcmp(name, "sethostname") == 0)
        return sethostname("strained", 8);
    errno = EINVAL;
    return -1;
}

static int call(char **rest)
{
    for (; *rest; rest++) {
        int r = call_one(*rest);
        printf("%s: %s\n", *rest, r < 0 ? strerror(errno) : "ok");
    }
    return 0;
}

int strain(const char *what, char **rest)
{
    static const struct {
        const char *name;
        int (*run)(char **rest);
    } table[] = {{"burn", burn},     {"eat", eat},   {"slurp", slurp}, {"hold", hold},
                 {"source", source}, {"pull", pull}, {"call", call}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(table[i].name, what) == 0)
            return table[i].run(rest);
    return -1;
}
