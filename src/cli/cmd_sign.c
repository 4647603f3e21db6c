/* sign: a detached signature of an image's archive, for those who publish it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/location.h"
#include "cli/passphrase.h"
#include "cli/signature.h"
#include "cli/trust.h"
#include "sys/fd.h"

#define MAX_PASSPHRASE 4096

/* The first line. */
static void cut_line(char *text)
{
    text[strcspn(text, "\r\n")] = '\0';
}

/* Typed on the terminal, unseen. NULL with an error. */
static char *ask(struct jp_error *err)
{
    char line[MAX_PASSPHRASE];
    struct termios before, quiet;
    JP_AUTO_FD int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (fd < 0 || tcgetattr(fd, &before) < 0) {
        jp_fail(err, JP_EINVALID, 0, "the key is locked: use -passphrase-file");
        return NULL;
    }
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(fd, TCSAFLUSH, &quiet);
    (void)!write(fd, "Passphrase of the key: ", 23);
    ssize_t n = read(fd, line, sizeof(line) - 1);
    (void)tcsetattr(fd, TCSAFLUSH, &before);
    (void)!write(fd, "\n", 1);
    line[n > 0 ? n : 0] = '\0';
    cut_line(line);
    char *copy = jp_strdup(line);
    explicit_bzero(line, sizeof(line));
    if (!copy)
        jp_oom(err);
    return copy;
}

static int make(struct jp_cli *cli, int fd, const struct jp_buf *key, struct jp_buf *ret,
                struct jp_error *err)
{
    struct jp_trust trust;
    char *typed = NULL;
    const char *passphrase = NULL;
    if (jp_cli_signer(cli, &trust, err) < 0 || jp_cli_passphrase(cli, &passphrase, err) < 0)
        return -1;
    struct jp_trust_signing signing = {
        .fd = fd,
        .what = cli->args.words[0],
        .key = jp_buf_text(key),
        .key_len = key->len,
        .passphrase = passphrase,
    };
    int r = jp_trust_sign(&trust, &signing, ret, err);
    if (r > 0) {
        typed = ask(err);
        signing.passphrase = typed;
        r = typed ? jp_trust_sign(&trust, &signing, ret, err) : -1;
    }
    jp_cli_passphrase_free(&typed);
    return r;
}

/* A new file beside, then renamed: a signature that is cut short is none. */
static int write_out(const char *path, const struct jp_buf *signature, struct jp_error *err)
{
    if (strcmp(path, "-") == 0)
        return fwrite(signature->data, 1, signature->len, stdout) == signature->len
                   ? 0
                   : jp_fail_sys(err, "write standard output");
    const char *slash = strrchr(path, '/');
    JP_AUTO_FREE char *dir = slash ? jp_memdup0(path, (size_t)(slash - path) + 1) : jp_strdup(".");
    if (!dir)
        return jp_oom(err);
    JP_AUTO_FD int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return jp_fail_sys(err, "open '%s'", dir);
    return jp_file_replace(dir_fd, slash ? slash + 1 : path, signature->data, signature->len, 0644,
                           false, err);
}

int jp_cmd_sign(struct jp_cli *cli, struct jp_error *err)
{
    const char *location = cli->args.words[0];
    const char *key_location = jp_cli_value(&cli->args, "key");
    const char *out = jp_cli_value(&cli->args, "output");
    JP_AUTO(jp_buf) key = JP_BUF_INIT;
    JP_AUTO(jp_buf) signature = JP_BUF_INIT;
    if (!key_location)
        return jp_fail(err, JP_EUSAGE, 0, "-key FILE: whose signature?");
    JP_AUTO_FREE char *beside = jp_format("%s%s", location, JP_TRUST_SUFFIX);
    if (!beside)
        return jp_oom(err);
    if (!out && (strcmp(location, "-") == 0 || strstr(location, "://")))
        return jp_fail(err, JP_EUSAGE, 0, "-o FILE: where to?");
    JP_AUTO_FD int fd = jp_cli_location_open(location, err);
    /* A pipe is copied to a file of the store's: that is root's. */
    if (fd < 0 || (geteuid() == 0 && jp_cli_spool(cli, &fd, location, err) < 0) ||
        jp_cli_location_read(key_location, JP_TRUST_KEY_MAX, &key, err) < 0)
        return -1;
    int r = make(cli, fd, &key, &signature, err);
    if (key.data)
        explicit_bzero(key.data, key.len);
    if (r < 0)
        return err->code == JP_EINVALID ? jp_wrap(err, "-key %s", key_location) : -1;
    return write_out(out ? out : beside, &signature, err);
}
