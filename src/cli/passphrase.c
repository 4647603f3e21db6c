#include "cli/passphrase.h"

#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/location.h"
#include "sys/fd.h"

#define MAX_LINE 255 /* what librnp takes */

static int check_mode(int fd, const char *location, struct jp_error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return jp_fail_sys(err, "stat '%s'", location);
    bool is_ours = (st.st_mode & 077) == 0 && (st.st_uid == geteuid() || st.st_uid == 0);
    if (!S_ISREG(st.st_mode) || is_ours)
        return 0;
    return jp_fail(err, JP_EUNTRUSTED, 0,
                   "'%s' holds a passphrase and is not ours alone: chmod 600 it, chown it to root",
                   location);
}

/* Up to the end of the line: who types it ends no file. */
static int read_line(int fd, const char *location, char line[MAX_LINE + 2], struct jp_error *err)
{
    size_t len = 0;
    while (len <= MAX_LINE && !memchr(line, '\n', len)) {
        ssize_t n = read(fd, line + len, MAX_LINE + 1 - len);
        if (n < 0 && errno != EINTR)
            return jp_fail_sys(err, "read '%s'", location);
        if (n == 0)
            break;
        len += n > 0 ? (size_t)n : 0;
    }
    line[len] = '\0';
    const char *end = memchr(line, '\n', len);
    size_t used = end ? (size_t)(end - line) : len;
    if (used > MAX_LINE)
        return jp_fail(err, JP_ELIMIT, 0, "the first line of '%s' has more than %d bytes", location,
                       MAX_LINE);
    if (memchr(line, '\0', used))
        return jp_fail(err, JP_EINVALID, 0, "'%s' has a zero byte", location);
    used -= used > 0 && line[used - 1] == '\r';
    line[used] = '\0';
    return used > 0 ? 0 : jp_fail(err, JP_EINVALID, 0, "'%s' has no passphrase", location);
}

int jp_cli_passphrase_read(const char *location, char **ret, struct jp_error *err)
{
    char line[MAX_LINE + 2];
    JP_AUTO_FD int fd = jp_cli_location_open(location, err);
    int r = fd < 0 ? -1 : check_mode(fd, location, err);
    if (r == 0)
        r = read_line(fd, location, line, err);
    if (r == 0 && !(*ret = jp_strdup(line)))
        r = jp_oom(err);
    explicit_bzero(line, sizeof(line));
    return r < 0 ? jp_wrap(err, "passphrase") : 0;
}

void jp_cli_passphrase_free(char **passphrase)
{
    if (*passphrase)
        explicit_bzero(*passphrase, strlen(*passphrase));
    free(*passphrase);
    *passphrase = NULL;
}

int jp_cli_passphrase(struct jp_cli *cli, const char **ret, struct jp_error *err)
{
    const char *location = jp_cli_value(&cli->args, "passphrase-file");
    for (size_t i = 0; location && strcmp(location, "-") == 0 && i < cli->args.n_words; i++)
        if (strcmp(cli->args.words[i], "-") == 0)
            return jp_fail(err, JP_EUSAGE, 0,
                           "standard input cannot be both the archive and the passphrase");
    if (location && !cli->passphrase && jp_cli_passphrase_read(location, &cli->passphrase, err) < 0)
        return -1;
    *ret = cli->passphrase;
    return 0;
}
