#include "cli/trust.h"

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/mem.h"
#include "cli/output.h"
#include "sys/account.h"
#include "sys/fd.h"

#define MAX_ANSWER 64
#define MAX_ASKED  3 /* times that an answer is neither yes nor no */

static int find_program(struct jp_cli *cli, const struct jp_pod_context *ctx, struct jp_trust *ret,
                        struct jp_error *err)
{
    if (!JP_WITH_OPENPGP)
        return jp_fail(err, JP_EUNSUPPORTED, 0,
                       "this build knows no OpenPGP: librnp was missing when it was made");
    if (!cli->openpgp_program) {
        JP_AUTO_FD int fd = jp_pod_program(ctx, "jetpack-openpgp", &cli->openpgp_program, err);
        if (fd < 0)
            return -1;
    }
    ret->program = cli->openpgp_program;
    return 0;
}

/* Whoever is not root stays who he is. */
static int find_user(const struct jp_cli *cli, struct jp_trust *ret, struct jp_error *err)
{
    const char *user = jp_config_get(cli->config, "mds.user");
    ret->uid = (uint32_t)geteuid();
    ret->gid = (uint32_t)getegid();
    if (ret->uid == 0 && jp_account_ensure(user, &ret->uid, &ret->gid, NULL, err) < 0)
        return jp_wrap(err, "mds.user");
    return 0;
}

int jp_cli_trust(struct jp_cli *cli, struct jp_trust *ret, struct jp_error *err)
{
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    *ret = (struct jp_trust){.root_fd = -1};
    if (!ctx || find_program(cli, ctx, ret, err) < 0 || find_user(cli, ret, err) < 0)
        return -1;
    ret->root_fd = jp_store_root_fd(ctx->store);
    return 0;
}

int jp_cli_signer(struct jp_cli *cli, struct jp_trust *ret, struct jp_error *err)
{
    const struct jp_pod_context ctx = {.libexec = jp_cli_libexec(cli)};
    *ret = (struct jp_trust){.root_fd = -1};
    return find_program(cli, &ctx, ret, err) < 0 || find_user(cli, ret, err) < 0 ? -1 : 0;
}

/* ---- showing --------------------------------------------------------------------------------- */

static void show_line(const char *title, const char *text)
{
    JP_AUTO_FREE char *escaped = jp_escape(text);
    (void)fprintf(stderr, "  %-12s %s\n", title, escaped ? escaped : "(out of memory)");
}

static void show_time(const char *title, int64_t time_s)
{
    char word[JP_WORD_SIZE];
    jp_format_time(time_s * 1000000000, word);
    (void)fprintf(stderr, "  %-12s %s\n", title, word);
}

/* The fingerprint in full: a short one can be forged in an afternoon. */
static void show_key(const struct jp_cli_offer *offer, const struct jp_trust_cert *cert)
{
    bool is_every = strcmp(offer->prefix, JP_TRUST_EVERY) == 0;
    JP_AUTO_FREE char *source = jp_escape(offer->source);
    (void)fprintf(stderr, "A key from %s, for %s%s%s:\n", source ? source : "?",
                  is_every ? "every image" : "images called ", is_every ? "" : offer->prefix,
                  is_every ? "" : " and below");
    show_line("Fingerprint", cert->fingerprint);
    for (size_t i = 0; i < cert->identities.count; i++)
        show_line(i ? "" : "Identity", cert->identities.items[i]);
    if (cert->identities.count == 0)
        show_line("Identity", "(none)");
    show_line("Algorithm", cert->algorithm);
    show_time("Created", cert->created_s);
    if (cert->expires_s)
        show_time("Expires", cert->expires_s);
    for (size_t i = 0; i < cert->n_subkeys; i++)
        show_line(cert->subkeys[i].is_signing ? "Signs with" : "Subkey",
                  cert->subkeys[i].fingerprint);
    if (cert->problem)
        show_line("Beware", cert->problem);
    if (cert->has_secret)
        show_line("Beware", "the file has the secret key as well; only the public one is stored");
}

/* ---- the question ---------------------------------------------------------------------------- */

/* 1 yes, 0 no, -1 neither. */
static int read_answer(void)
{
    char line[MAX_ANSWER];
    (void)fputs("Are you sure you want to trust this key (yes/no)? ", stderr);
    (void)fflush(stderr);
    if (!fgets(line, sizeof(line), stdin))
        return 0;
    if (strcmp(line, "yes\n") == 0)
        return 1;
    return strcmp(line, "no\n") == 0 ? 0 : -1;
}

/* Nobody there to be asked is a no. */
static bool is_accepted(const struct jp_cli_offer *offer, const struct jp_trust_cert *cert)
{
    if (offer->fingerprint)
        return strcmp(offer->fingerprint, cert->fingerprint) == 0;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return false;
    int answer = -1;
    for (int i = 0; i < MAX_ASKED && answer < 0; i++)
        answer = read_answer();
    return answer == 1;
}

/*
 * The command is for pasting, while its last word may be a stranger's: it does nothing there, and
 * what the stranger offers is not filled in as what the key's owner says (row 46).
 */
static int refuse_unasked(const struct jp_cli_offer *offer, const struct jp_trust_certs *certs,
                          struct jp_error *err)
{
    bool is_every = strcmp(offer->prefix, JP_TRUST_EVERY) == 0;
    JP_AUTO_FREE char *source = jp_shell_word(offer->source);
    if (!source)
        return jp_oom(err);
    return jp_fail(
        err, JP_EUNTRUSTED, 0,
        "key %s was not accepted: nobody can be asked here; without a question, with the "
        "FINGERPRINT that its owner says is his: jetpack trust %s%s -fingerprint "
        "FINGERPRINT %s",
        certs->items[0].fingerprint, is_every ? "-root" : "-prefix ", is_every ? "" : offer->prefix,
        source);
}

static int refuse(const struct jp_cli_offer *offer, const struct jp_trust_certs *certs,
                  struct jp_error *err)
{
    if (offer->fingerprint)
        return jp_fail(err, JP_EUNTRUSTED, 0, "%s has no key %s but %s%s", offer->source,
                       offer->fingerprint, certs->items[0].fingerprint,
                       certs->count > 1 ? " and others" : "");
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return refuse_unasked(offer, certs, err);
    return jp_fail(err, JP_EUNTRUSTED, 0, "the key was not accepted");
}

static int store(const struct jp_trust *trust, const struct jp_cli_offer *offer,
                 const struct jp_trust_cert *cert, struct jp_error *err)
{
    const struct jp_trust_key key = {(char *)(uintptr_t)offer->prefix, cert->fingerprint};
    return jp_trust_add(trust, &key, cert->armored, NULL, err);
}

int jp_cli_offer_keys(struct jp_cli *cli, const struct jp_cli_offer *offer, size_t *ret_stored,
                      struct jp_error *err)
{
    struct jp_trust trust;
    JP_AUTO(jp_trust_certs) certs = {NULL, 0};
    *ret_stored = 0;
    if (jp_trust_prefix_check(offer->prefix, err) < 0 || jp_cli_trust(cli, &trust, err) < 0 ||
        jp_trust_inspect(&trust, offer->bytes, offer->len, &certs, err) < 0)
        return -1;
    for (size_t i = 0; i < certs.count; i++) {
        const struct jp_trust_cert *cert = &certs.items[i];
        if (offer->fingerprint && strcmp(offer->fingerprint, cert->fingerprint) != 0)
            continue;
        show_key(offer, cert);
        if (!is_accepted(offer, cert))
            continue;
        if (store(&trust, offer, cert, err) < 0)
            return -1;
        (void)printf("%s\n", cert->fingerprint);
        (*ret_stored)++;
    }
    return *ret_stored > 0 ? 0 : refuse(offer, &certs, err);
}
