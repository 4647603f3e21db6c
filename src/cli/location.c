#include "cli/location.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "fetch/url.h"
#include "sys/fd.h"

/* "%41" and the like of a file:// URL. */
static int unescape(char *path, struct jp_error *err)
{
    char *out = path;
    for (const char *in = path; *in; in++) {
        unsigned value;
        char digits[3] = {in[0] == '%' ? in[1] : '\0', in[0] == '%' && in[1] ? in[2] : '\0', '\0'};
        if (*in != '%') {
            *out++ = *in;
            continue;
        }
        if (strspn(digits, "0123456789abcdefABCDEF") != 2 || strcmp(digits, "00") == 0)
            return jp_fail(err, JP_EINVALID, 0, "bad escape in the URL");
        value = (unsigned)strtoul(digits, NULL, 16);
        *out++ = (char)value;
        in += 2;
    }
    *out = '\0';
    return 0;
}

/* The path of a location that has one; NULL with an error. */
static char *path_of(const char *location, struct jp_error *err)
{
    static const char file_scheme[] = "file://";
    bool is_url = strncmp(location, file_scheme, strlen(file_scheme)) == 0;
    const char *scheme = strstr(location, "://");
    if (!is_url && scheme && !memchr(location, '/', (size_t)(scheme - location))) {
        jp_fail(
            err, JP_EUNSUPPORTED, 0,
            "'%s': expected a path, file:// or - (fetch, import and trust take https:// as well)",
            location);
        return NULL;
    }
    JP_AUTO_FREE char *path = jp_strdup(is_url ? location + strlen(file_scheme) : location);
    if (!path)
        jp_oom(err);
    else if (is_url && (path[0] != '/' || unescape(path, err) < 0))
        jp_fail(err, JP_EINVALID, 0, "'%s' is not a URL of a local file", location);
    else
        return jp_take(&path);
    return NULL;
}

static int open_path(const char *path, struct jp_error *err)
{
    struct stat st;
    JP_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0)
        return jp_fail_sys(err, "open '%s'", path);
    if (S_ISDIR(st.st_mode))
        return jp_fail(err, JP_EINVALID, EISDIR, "open '%s'", path);
    return jp_fd_take(&fd);
}

bool jp_cli_location_is_place(const char *word)
{
    return word[0] == '/' || strncmp(word, "./", 2) == 0 || strncmp(word, "../", 3) == 0 ||
           strcmp(word, "-") == 0 || jp_url_scheme_length(word) > 0;
}

int jp_cli_location_open(const char *location, struct jp_error *err)
{
    if (strcmp(location, "-") == 0)
        return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    JP_AUTO_FREE char *path = path_of(location, err);
    return path ? open_path(path, err) : -1;
}

int jp_cli_location_read(const char *location, size_t max, struct jp_buf *ret, struct jp_error *err)
{
    JP_AUTO_FD int fd = jp_cli_location_open(location, err);
    return fd < 0 ? -1 : jp_fd_read_all(fd, max, location, ret, err);
}

int jp_cli_location_read_beside(const char *location, const char *suffix, size_t max,
                                struct jp_buf *ret, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (strcmp(location, "-") == 0)
        return 0;
    JP_AUTO_FREE char *path = path_of(location, err);
    JP_AUTO_FREE char *beside = path ? jp_format("%s%s", path, suffix) : NULL;
    if (!path)
        return -1;
    if (!beside)
        return jp_oom(err);
    JP_AUTO_FD int fd = open_path(beside, &why);
    if (fd < 0 && (why.sys == ENOENT || why.sys == ENOTDIR || why.sys == ENAMETOOLONG))
        return 0;
    if (fd < 0) {
        jp_error_move(err, &why);
        return -1;
    }
    return jp_fd_read_all(fd, max, beside, ret, err) < 0 ? -1 : 1;
}
