/*
 * Asks the trust room, for tests that name the time:
 *
 *   judge PROGRAM ROOT NOW check NAME FILE SIGNATURE   verdict and signers ("-" as NAME: any)
 *   judge PROGRAM ROOT NOW add PREFIX FILE             stores the keys of a file
 *   judge PROGRAM ROOT NOW inspect FILE                fingerprints, problems, identities
 *
 * PROGRAM is jetpack-openpgp, ROOT a root directory, NOW seconds since 1970 or 0. As root, what is
 * started becomes the user of the number in JUDGE_UID (65534).
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "sys/fd.h"
#include "trust/trust.h"

static int read_path(const char *path, struct jp_buf *ret, struct jp_error *err)
{
    JP_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return jp_fail_sys(err, "open '%s'", path);
    return jp_fd_read_all(fd, 8U << 20, path, ret, err);
}

static const char *word_of(enum jp_trust_verdict verdict)
{
    static const char *const words[] = {"nothing", "no-signature", "malformed", "unknown",
                                        "bad",     "weak",         "expired",   "future",
                                        "unfit",   "key-expired",  "revoked",   "key-future"};
    if (verdict == JP_TRUST_GOOD)
        return "good";
    if (verdict == JP_TRUST_SIGNED)
        return "signed";
    return (size_t)verdict < JP_LEN(words) ? words[verdict] : "?";
}

static int check(const struct jp_trust *trust, char **words, struct jp_error *err)
{
    JP_AUTO(jp_buf) signature = JP_BUF_INIT;
    JP_AUTO(jp_trust_answer) answer = {.verdict = JP_TRUST_NOTHING};
    JP_AUTO_FD int fd = open(words[1], O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read_path(words[2], &signature, err) < 0)
        return jp_fail_sys(err, "open '%s'", words[1]);
    const struct jp_trust_question question = {
        .name = strcmp(words[0], "-") == 0 ? NULL : words[0],
        .fd = fd,
        .what = words[1],
        .signature = jp_buf_text(&signature),
        .signature_len = signature.len,
    };
    int r = jp_trust_check(trust, &question, &answer, err);
    (void)printf("%s\n", word_of(answer.verdict));
    for (size_t i = 0; i < answer.n_signers; i++)
        (void)printf("%s %s\n", word_of(answer.signers[i].verdict),
                     answer.signers[i].fingerprint ? answer.signers[i].fingerprint : "-");
    if (r == 0 && lseek(fd, 0, SEEK_CUR) != 0)
        return jp_fail(err, JP_ECORRUPT, 0, "the offset moved");
    return r;
}

static int inspect(const struct jp_trust *trust, const char *path, struct jp_trust_certs *certs,
                   struct jp_error *err)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    if (read_path(path, &bytes, err) < 0)
        return -1;
    return jp_trust_inspect(trust, jp_buf_text(&bytes), bytes.len, certs, err);
}

static int show(const struct jp_trust *trust, char **words, struct jp_error *err)
{
    JP_AUTO(jp_trust_certs) certs = {NULL, 0};
    if (inspect(trust, words[0], &certs, err) < 0)
        return -1;
    for (size_t i = 0; i < certs.count; i++) {
        const struct jp_trust_cert *cert = &certs.items[i];
        (void)printf("%s %s: %s%s\n", cert->fingerprint, cert->algorithm,
                     cert->problem ? cert->problem : "fit", cert->has_secret ? ", secret" : "");
        for (size_t k = 0; k < cert->n_subkeys; k++)
            (void)printf("  %s %s\n", cert->subkeys[k].fingerprint,
                         cert->subkeys[k].is_signing ? "signs" : "does not sign");
        for (size_t k = 0; k < cert->identities.count; k++)
            (void)printf("  %s\n", cert->identities.items[k]);
    }
    return 0;
}

static int add(const struct jp_trust *trust, char **words, struct jp_error *err)
{
    JP_AUTO(jp_trust_certs) certs = {NULL, 0};
    if (inspect(trust, words[1], &certs, err) < 0)
        return -1;
    for (size_t i = 0; i < certs.count; i++) {
        const struct jp_trust_key key = {words[0], certs.items[i].fingerprint};
        if (jp_trust_add(trust, &key, certs.items[i].armored, NULL, err) < 0)
            return -1;
        (void)printf("%s\n", key.fingerprint);
    }
    return 0;
}

static int act(const struct jp_trust *trust, int n_words, char **words, struct jp_error *err)
{
    if (strcmp(words[0], "check") == 0 && n_words == 4)
        return check(trust, words + 1, err);
    if (strcmp(words[0], "add") == 0 && n_words == 3)
        return add(trust, words + 1, err);
    if (strcmp(words[0], "inspect") == 0 && n_words == 2)
        return show(trust, words + 1, err);
    return jp_fail(err, JP_EUSAGE, 0, "see the head of judge.c");
}

int main(int argc, char **argv)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    const char *user = getenv("JUDGE_UID");
    uint64_t now = 0, uid = 65534;
    if (argc < 5 || !jp_parse_u64(argv[3], 10, 0, INT64_MAX, &now) ||
        (user && !jp_parse_u64(user, 10, 1, UINT32_MAX, &uid)))
        return 2;
    JP_AUTO_FD int root = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct jp_trust trust = {
        .root_fd = root,
        .program = argv[1],
        .uid = (uint32_t)uid,
        .gid = (uint32_t)uid,
        .now_s = (int64_t)now,
    };
    if (root >= 0 && act(&trust, argc - 4, argv + 4, &err) == 0)
        return 0;
    (void)fflush(stdout);
    (void)fprintf(stderr, "judge: %s\n", jp_error_text(&err));
    return 1;
}
