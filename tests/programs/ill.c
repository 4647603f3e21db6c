/*
 * A server of HTTP that means ill, or is broken:
 *
 *   ill ADDRESS PORT LOG
 *
 * Each connection is one child and one answer, chosen by the path:
 *   /endless     a body that never ends            /slow     a byte of it now and then
 *   /silent      no answer at all                  /short    less than Content-Length says
 *   /headers     headers that never end            /garbage  no HTTP
 *   /bomb        a gzip transfer encoding of zeros, without end
 *   /status      a status that there is not
 *   /error       an error with an endless body
 *   /cut/FILE    FILE's content, but only half of it the first time; ranges as they are asked for
 *   /changed/..  the same, but another content and validator each time
 *   /weak/..     as /cut, with a validator that is weak
 *   /whole/..    FILE as it is
 *   /busy/..     as /cut, but the second time it is 503
 *   /swap/..     as /changed, with the part that was asked for all the same
 *   /shift/..    as /cut, but a range begins a byte later than it was asked for
 *   /part/..     as /cut, but a range ends a byte before the end
 *   /grown/..    as /cut, but a range is of a file with one more byte, under the same validator
 *   /bare/..     as /cut, but a range comes without a validator
 *   /less/..     as /cut, but a range says that it has a byte less, and has
 *   /thin/..     as /cut, but a range says no length; the first has a byte less
 *   /fat/..      as /cut, but a range says no length, and has ten bytes more
 *   /tight/..    as /cut, with the blanks of the validator's header where few put them
 * FILE is relative to the working directory. LOG gets a line for each request.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/process.h"

static const char *log_path;

static void say(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0)
        exit(0);
}

static void forever(int fd, const char *bytes, size_t len, unsigned pause_ms)
{
    for (;;) {
        if (write(fd, bytes, len) < 0)
            exit(0);
        if (pause_ms)
            (void)usleep(pause_ms * 1000);
    }
}

/* How many requests for this path were logged before. */
static unsigned count_before(const char *path)
{
    char line[1024];
    unsigned count = 0;
    FILE *log = fopen(log_path, "r");
    while (log && fgets(line, sizeof(line), log)) {
        char *space = strchr(line, ' ');
        if (space)
            *space = '\0';
        count += strcmp(line, path) == 0;
    }
    if (log)
        fclose(log);
    return count;
}

static void note(const char *path, const char *range, const char *if_range)
{
    char line[1024];
    int n =
        snprintf(line, sizeof(line), "%s range=[%.60s] if-range=[%.60s]\n", path, range, if_range);
    int fd = open(log_path, O_WRONLY | O_APPEND | O_CREAT, 0644);
    if (fd >= 0 && write(fd, line, (size_t)n) < 0)
        exit(1);
    close(fd);
}

/* The value of a header, "" when there is none; up to the end of its line. */
static const char *header(const char *request, const char *name, char *out, size_t size)
{
    const char *at = strcasestr(request, name);
    snprintf(out, size, "%s", at ? at + strlen(name) : "");
    out[strcspn(out, "\r\n")] = '\0';
    return out;
}

static int is_kind(const char *path, const char *kind)
{
    return strncmp(path, kind, strlen(kind)) == 0;
}

/* The line of the validator. */
static const char *etag_line(const char *path, const char *etag, int is_part)
{
    static char line[80];
    int is_tight = is_kind(path, "/tight/");
    if (is_part && is_kind(path, "/bare/"))
        return "";
    snprintf(line, sizeof(line), "ETag:%s%s%s\r\n", is_tight ? "" : " ", etag, is_tight ? " " : "");
    return line;
}

/* The bytes from `from` on, as the kind of path has it; where they end. */
static long say_part(int fd, const char *path, const char *etag, long from, long len,
                     unsigned before)
{
    char head[512], length[64];
    long all = is_kind(path, "/grown/") ? len + 1 : len;
    long end = is_kind(path, "/part/") ? len - 1 : all;
    long sent = is_kind(path, "/less/") ? end - 1 : end;
    snprintf(length, sizeof(length), "Content-Length: %ld\r\n", sent - from);
    if (is_kind(path, "/thin/") || is_kind(path, "/fat/"))
        snprintf(length, sizeof(length), "Connection: close\r\n");
    snprintf(head, sizeof(head),
             "HTTP/1.1 206 Partial Content\r\n%s%s"
             "Content-Range: bytes %ld-%ld/%ld\r\n\r\n",
             etag_line(path, etag, 1), length, from, end - 1, all);
    say(fd, head);
    if (is_kind(path, "/thin/") && before == 1)
        sent--;
    return is_kind(path, "/fat/") ? sent + 10 : sent;
}

/* Half of the file at the first request, what is asked for later. */
static void cut(int fd, const char *path, const char *range, const char *if_range, unsigned before)
{
    static char bytes[1 << 22];
    char head[512], etag[64];
    int swaps = is_kind(path, "/swap/");
    int changes = swaps || is_kind(path, "/changed/");
    const char *name = strchr(path + 1, '/');
    int file = open(name ? name + 1 : "", O_RDONLY);
    ssize_t len = file < 0 ? -1 : read(file, bytes, sizeof(bytes) - 16);
    if (len < 0)
        return say(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    snprintf(etag, sizeof(etag), "%s\"tag%u\"", is_kind(path, "/weak/") ? "W/" : "",
             changes ? before : 0);
    long from = 0;
    if (sscanf(range, " bytes=%ld-", &from) != 1 || from > len ||
        (!swaps && strcmp(if_range + strspn(if_range, " "), etag) != 0))
        from = 0;
    if (before == 1 && is_kind(path, "/busy/"))
        return say(fd, "HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\nbusy\n");
    if (from > 0 && is_kind(path, "/shift/"))
        from++;
    long end = before == 0 ? len / 2 : len;
    if (from > 0) {
        end = say_part(fd, path, etag, from, len, before);
    } else {
        snprintf(head, sizeof(head),
                 "HTTP/1.1 200 OK\r\n%sAccept-Ranges: bytes\r\nContent-Length: %ld\r\n\r\n",
                 etag_line(path, etag, 0), (long)len);
        say(fd, head);
    }
    while (from < end) {
        ssize_t n = write(fd, bytes + from, (size_t)(end - from));
        if (n <= 0)
            return;
        from += n;
    }
}

static int is_cut(const char *path)
{
    static const char *const kinds[] = {"/cut/",   "/changed/", "/weak/", "/whole/", "/busy/",
                                        "/swap/",  "/shift/",   "/part/", "/grown/", "/bare/",
                                        "/tight/", "/less/",    "/thin/", "/fat/"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (is_kind(path, kinds[i]))
            return 1;
    return 0;
}

static void answer(int fd, const char *path, const char *request)
{
    static char zeros[65536];
    char range[128], if_range[128];
    header(request, "\nRange:", range, sizeof(range));
    header(request, "\nIf-Range:", if_range, sizeof(if_range));
    if (is_cut(path)) {
        unsigned before = is_kind(path, "/whole/") ? 1 : count_before(path);
        note(path, range, if_range);
        cut(fd, path, range, if_range, before);
        return;
    }
    note(path, range, if_range);
    if (strncmp(path, "/endless", 8) == 0) {
        say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        forever(fd, zeros, sizeof(zeros), 0);
    } else if (strncmp(path, "/slow", 5) == 0) {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        forever(fd, "x", 1, 200);
    } else if (strncmp(path, "/silent", 7) == 0) {
        pause();
    } else if (strncmp(path, "/short", 6) == 0) {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nnot that much");
    } else if (strncmp(path, "/headers", 8) == 0) {
        say(fd, "HTTP/1.1 200 OK\r\n");
        forever(fd, "X-More: and more, and more, and more\r\n", 38, 0);
    } else if (strncmp(path, "/garbage", 8) == 0) {
        say(fd, "this is no HTTP\r\n\r\n");
    } else if (strncmp(path, "/bomb", 5) == 0) {
        /* A member of gzip with 64 KiB of zeros, again and again. */
        static const unsigned char member[] = {0x1f, 0x8b, 8,    0,    0, 0, 0, 0,    2,    3,
                                               0xed, 0xc1, 0x01, 0x01, 0, 0, 0, 0x80, 0x90, 0xfe,
                                               0xaf, 0xee, 0x08, 0x0a, 0, 0, 0, 0};
        say(fd, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n");
        forever(fd, (const char *)member, sizeof(member), 0);
    } else if (strncmp(path, "/status", 7) == 0) {
        say(fd, "HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n");
    } else if (strncmp(path, "/error", 6) == 0) {
        say(fd, "HTTP/1.1 500 No\r\nConnection: close\r\n\r\nThe reason is long: ");
        forever(fd, zeros, sizeof(zeros), 0);
    } else {
        say(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    }
}

static void serve(int fd)
{
    char request[8192] = "", path[512] = "";
    size_t len = 0;
    while (len + 1 < sizeof(request) && !strstr(request, "\r\n\r\n")) {
        ssize_t n = read(fd, request + len, sizeof(request) - 1 - len);
        if (n <= 0)
            return;
        len += (size_t)n;
        request[len] = '\0';
    }
    if (sscanf(request, "%*s %500s", path) == 1)
        answer(fd, path, request);
    (void)shutdown(fd, SHUT_WR);
}

int main(int argc, char **argv)
{
    const int on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET};
    if (argc < 4 || inet_pton(AF_INET, argv[1], &at.sin_addr) != 1)
        return 2;
    at.sin_port = htons((unsigned short)atoi(argv[2]));
    log_path = argv[3];
    signal(SIGCHLD, SIG_IGN);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 16) < 0) {
        perror("listen");
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        int client = accept(fd, NULL, NULL);
        if (client >= 0 && fork() == 0) {
            jp_process_end_with_parent();
            serve(client);
            _exit(0);
        }
        if (client >= 0)
            close(client);
    }
}
