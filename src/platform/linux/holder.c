/* Who listens on a port: the kernel's table tells a socket's number, processes whose it is. */
#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "platform/linux/linux.h"
#include "sys/fd.h"

#define MAX_TABLE     (64U << 20) /* bytes; more sockets than a host has */
#define MAX_PROCESSES 4194304     /* PID_MAX_LIMIT of Linux */
#define MAX_FILES     1048576     /* of a process */
#define WORDS_SIZE    33          /* of an IPv6 address, written */
#define LISTENING     0x0a
#define UNCONNECTED   0x07

/* As the tables write it: words of 32 bits, as the machine reads them. */
static void write_address(const union jp_address *address, char out[WORDS_SIZE])
{
    uint32_t words[4];
    bool is_four = address->any.sa_family == AF_INET;
    memcpy(words, is_four ? (const void *)&address->v4.sin_addr : &address->v6.sin6_addr,
           is_four ? sizeof(words[0]) : sizeof(words));
    for (size_t i = 0; i < (is_four ? 1 : 4); i++)
        (void)snprintf(out + i * 8, 9, "%08X", words[i]);
}

static bool is_zero(const char *address)
{
    return address[strspn(address, "0")] == '\0';
}

/* What listens everywhere listens at every address; who asks for everywhere asks for any. */
static bool is_held(const char *wanted, const char *address)
{
    return is_zero(wanted) || is_zero(address) || strcmp(wanted, address) == 0;
}

/* The socket's number; 0: none. */
static unsigned long find_socket(const char *table, const char *address, uint16_t port,
                                 unsigned state)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (jp_file_read(AT_FDCWD, table, MAX_TABLE, &text, NULL) < 0 || !text.data)
        return 0;
    char *rest = text.data;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        unsigned line_port = 0, line_state = 0;
        unsigned long inode = 0;
        char at[WORDS_SIZE] = "";
        if (sscanf(line, " %*u: %32[0-9A-F]:%4X %*[0-9A-F]:%*4X %2X %*s %*s %*s %*u %*u %lu", at,
                   &line_port, &line_state, &inode) == 4 &&
            line_port == port && line_state == state && is_held(address, at))
            return inode;
    }
    return 0;
}

static bool has_socket(int proc_fd, const char *pid, const char *wanted)
{
    char path[288];
    (void)snprintf(path, sizeof(path), "%s/fd", pid);
    int fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        jp_fd_close(&fd);
        return false;
    }
    bool has = false;
    const struct dirent *entry;
    for (size_t n = 0; n < MAX_FILES && !has && (entry = readdir(dir)); n++) {
        char target[64] = "";
        has = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1) > 0 &&
              strcmp(target, wanted) == 0;
    }
    (void)closedir(dir);
    return has;
}

static void describe(int proc_fd, const char *pid, char *out, size_t size)
{
    char path[288];
    JP_AUTO(jp_buf) name = JP_BUF_INIT;
    (void)snprintf(path, sizeof(path), "%s/comm", pid);
    (void)jp_file_read(proc_fd, path, 64, &name, NULL);
    const char *text = jp_buf_text(&name);
    (void)snprintf(out, size, "%.*s (process %s)", (int)strcspn(text, "\n"), text, pid);
    for (char *p = out; *p; p++) {
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
            *p = '?';
    }
}

bool jp_linux_holder(bool is_udp, const union jp_address *address, char *out, size_t size)
{
    static const char *const tables[2][2] = {{"/proc/net/tcp", "/proc/net/tcp6"},
                                             {"/proc/net/udp", "/proc/net/udp6"}};
    unsigned state = is_udp ? UNCONNECTED : LISTENING;
    uint16_t port = jp_address_port(address);
    char text[WORDS_SIZE];
    write_address(address, text);
    bool is_six = address->any.sa_family == AF_INET6 && !is_zero(text);
    unsigned long inode = is_six ? 0 : find_socket(tables[is_udp][0], text, port, state);
    if (inode == 0)
        inode = find_socket(tables[is_udp][1], text, port, state);
    DIR *proc = inode == 0 ? NULL : opendir("/proc");
    if (!proc)
        return false;
    char wanted[64];
    (void)snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
    bool is_found = false;
    const struct dirent *entry;
    for (size_t n = 0; n < MAX_PROCESSES && !is_found && (entry = readdir(proc)); n++) {
        uint64_t pid;
        is_found = jp_parse_u64(entry->d_name, 10, 1, MAX_PROCESSES, &pid) &&
                   has_socket(dirfd(proc), entry->d_name, wanted);
        if (is_found)
            describe(dirfd(proc), entry->d_name, out, size);
    }
    (void)closedir(proc);
    return is_found;
}
