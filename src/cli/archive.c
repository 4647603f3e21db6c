#include "cli/archive.h"

#include <sys/stat.h>

#include <string.h>
#include <unistd.h>

#include "cli/passphrase.h"
#include "cli/trust.h"
#include "sys/fd.h"
#include "sys/readable.h"
#include "trust/trust.h"

/* One archive on its way into the store. */
struct arrival {
    struct jp_cli *cli;
    const struct jp_image_import_options *asked;
    struct jp_image_import_options options; /* that become of it */
    struct jp_image_signature signature;
    struct jp_trust_decryption *decryption; /* NULL: it is not encrypted */
    int decrypted_fd;
    unsigned char head[JP_TRUST_ENVELOPE_HEAD];
    size_t head_len;
    uint64_t size; /* from the current offset; UINT64_MAX: a pipe */
};

/* ---- looking at it --------------------------------------------------------------------------- */

static int look(struct arrival *a, struct jp_error *err)
{
    struct stat st;
    int fd = a->asked->fd;
    const volatile sig_atomic_t *cancel = a->asked->watch.cancel;
    off_t at = lseek(fd, 0, SEEK_CUR);
    if (fstat(fd, &st) < 0)
        return jp_fail_sys(err, "read the archive");
    bool is_regular = S_ISREG(st.st_mode) && at >= 0 && at <= st.st_size;
    a->size = is_regular ? (uint64_t)(st.st_size - at) : UINT64_MAX;
    while (a->head_len < sizeof(a->head)) {
        unsigned char *to = a->head + a->head_len;
        size_t len = sizeof(a->head) - a->head_len;
        if (!is_regular && jp_wait_readable(fd, -1, cancel, err) < 0)
            return -1;
        ssize_t n = is_regular ? pread(fd, to, len, at + (off_t)a->head_len) : read(fd, to, len);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return jp_fail_sys(err, "read the archive");
        a->head_len += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* ---- decrypting it --------------------------------------------------------------------------- */

/* The last word before the image counts: the message came whole, and it is what was signed. */
static int accept(void *context, const char *name, struct jp_error *err)
{
    struct arrival *a = context;
    const struct jp_image_signature *signature = a->asked->signature;
    struct jp_trust_decrypted was;
    if (jp_trust_decrypt_end(a->decryption, &was, err) < 0)
        return -1;
    if (signature && (was.size_bytes != signature->size_bytes ||
                      memcmp(was.digest, signature->digest, sizeof(was.digest)) != 0))
        return jp_fail(
            err, JP_ECORRUPT, 0,
            "the file is not what its signature was checked for: it was changed meanwhile");
    return a->asked->accept ? a->asked->accept(a->asked->accept_context, name, err) : 0;
}

static int begin(struct arrival *a, struct jp_error *err)
{
    struct jp_trust trust;
    bool is_pipe = a->size == UINT64_MAX;
    struct jp_trust_envelope envelope = {
        .fd = a->asked->fd,
        .what = a->asked->source_name,
        .head = a->head,
        .head_len = is_pipe ? a->head_len : 0,
        .max_bytes = is_pipe ? jp_config_u64(a->cli->config, "images.max-size") : a->size,
    };
    if (jp_cli_passphrase(a->cli, &envelope.passphrase, err) < 0)
        return -1;
    if (!envelope.passphrase)
        return jp_fail(err, JP_EUNTRUSTED, 0, "%s is encrypted: -passphrase-file FILE opens it",
                       envelope.what);
    if (jp_cli_trust(a->cli, &trust, err) < 0 ||
        jp_trust_decrypt_begin(&trust, &envelope, &a->decryption, &a->decrypted_fd, err) < 0)
        return -1;
    a->options.fd = a->decrypted_fd;
    a->options.accept = accept;
    a->options.accept_context = a;
    if (a->asked->signature) {
        a->signature = *a->asked->signature;
        a->signature.is_of_envelope = true;
        a->options.signature = &a->signature;
    }
    return 0;
}

static int prepare(struct arrival *a, struct jp_error *err)
{
    if (look(a, err) < 0)
        return -1;
    if (jp_trust_is_encrypted(a->head, a->head_len))
        return begin(a, err);
    if (a->size == UINT64_MAX) {
        a->options.head = a->head;
        a->options.head_len = a->head_len;
    }
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int import(struct arrival *a, struct jp_image_imported *ret, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    struct jp_store *store = jp_cli_store(a->cli, err);
    if (!store || prepare(a, err) < 0)
        return -1;
    if (jp_image_import(store, &a->options, ret, &why) == 0)
        return 0;
    /* An archive that ends too early because the decryption did: that is the reason to tell. */
    if (a->decryption && why.code != JP_EINTERRUPTED &&
        jp_trust_decrypt_has_failed(a->decryption, err))
        return jp_wrap(err, "import %s", a->asked->source_name);
    jp_error_move(err, &why);
    return -1;
}

int jp_cli_import_archive(struct jp_cli *cli, const struct jp_image_import_options *options,
                          struct jp_image_imported *ret, struct jp_error *err)
{
    struct arrival a = {.cli = cli, .asked = options, .options = *options, .decrypted_fd = -1};
    int r = import(&a, ret, err);
    jp_trust_decryption_free(a.decryption);
    jp_fd_close(&a.decrypted_fd);
    return r;
}
