/*
 * Bytes over TCP, for bench/ports.sh:
 *
 *   pour serve PORT              takes what comes, closes when the other side has ended
 *   pour ADDRESS PORT MIB        sends so much, waits for the end, writes the seconds it took
 *   pour ADDRESS PORT calls N    N connections, one after the other, each sends a byte and its end
 *                                and waits for the other's; writes the seconds
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char bytes[256 * 1024];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void serve(const char *port)
{
    const int on = 1;
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_port = htons((unsigned short)atoi(port))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0 || listen(fd, 4096) < 0)
        exit(1);
    for (;;) {
        int client = accept(fd, NULL, NULL);
        while (read(client, bytes, sizeof(bytes)) > 0)
            ;
        close(client);
    }
}

/* Returns when the other side has ended, too. */
static void send_all(const struct sockaddr_in *there, size_t left)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (const struct sockaddr *)there, sizeof(*there)) < 0) {
        perror("connect");
        exit(1);
    }
    while (left > 0) {
        ssize_t n = write(fd, bytes, left < sizeof(bytes) ? left : sizeof(bytes));
        if (n <= 0)
            exit(1);
        left -= (size_t)n;
    }
    shutdown(fd, SHUT_WR);
    if (read(fd, bytes, 1) != 0)
        exit(1);
    close(fd);
}

int main(int argc, char **argv)
{
    struct sockaddr_in there = {.sin_family = AF_INET};
    signal(SIGPIPE, SIG_IGN);
    if (argc == 3)
        serve(argv[2]);
    if (argc < 4 || inet_pton(AF_INET, argv[1], &there.sin_addr) != 1)
        return 2;
    there.sin_port = htons((unsigned short)atoi(argv[2]));
    double start = now();
    if (argc == 4)
        send_all(&there, (size_t)atoi(argv[3]) << 20);
    for (int i = 0; argc == 5 && i < atoi(argv[4]); i++)
        send_all(&there, 1);
    printf("%.4f\n", now() - start);
    return 0;
}
