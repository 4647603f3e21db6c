/*
 * Lets every allocation of a verdict fail, one run after the other (rows 44 and 90 of SECURITY.md):
 * out of memory, nobody may say "good" of what is not.
 *
 *   starve SCOPE good|never STEP judge FINGERPRINT KEY DATA SIGNATURE NOW
 *   starve SCOPE good|never STEP open FILE PASSPHRASE
 *   starve SCOPE good|never STEP ask PROGRAM ROOT NOW NAME DATA SIGNATURE
 *
 * judge and open are jetpack-openpgp's work in this process, its answer decoded as the client does;
 * ask is the client's, with the program. SCOPE is `own` (allocations of ours), or `all` (those of
 * librnp and what it stands on, too) and `onwards` (all, and none succeeds any more from there on),
 * where the C library lets a program replace its allocator. STEP 1 is every allocation; larger ones
 * leave some out. Each run is a process. "good" may, and without a failure must, end in that
 * verdict. Prints how many runs there were and how they ended.
 */
#include "config.h"

#include <sys/wait.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "openpgp/work.h"
#include "sys/fd.h"

/* Bits of an exit status that no sanitizer ends with. */
#define GOOD      8
#define UNREACHED 16 /* the run needed fewer allocations */
#define MAX_RUNS  1000000UL

/* ---- failing --------------------------------------------------------------------------------- */

static unsigned long fail_in; /* 0: never */
static bool fails_onwards;
static bool has_failed;

#if defined(__GLIBC__) && !JP_SANITIZED
#define CAN_REPLACE true

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static bool must_fail(void)
{
    if (fail_in == 0 || (has_failed && !fails_onwards))
        return false;
    if (!has_failed && --fail_in > 0)
        return false;
    fail_in = 1;
    has_failed = true;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return must_fail() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return must_fail() ? NULL : __libc_realloc(old, size);
}
#else
#define CAN_REPLACE false
#endif

/* ---- one run --------------------------------------------------------------------------------- */

struct run {
    bool is_own;
    char **words;
    int (*work)(const struct run *run);
};

static int open_file(const char *path, uint64_t *ret_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    if (size < 0 || lseek(fd, 0, SEEK_SET) != 0) {
        (void)fprintf(stderr, "starve: cannot read %s\n", path);
        _exit(2);
    }
    *ret_size = (uint64_t)size;
    return fd;
}

static void take_file(const char *path, unsigned char **ret, size_t *ret_len)
{
    uint64_t size = 0;
    JP_AUTO_FD int fd = open_file(path, &size);
    *ret = malloc(size + 1);
    *ret_len = (size_t)size;
    if (!*ret || read(fd, *ret, *ret_len) != (ssize_t)*ret_len)
        _exit(2);
}

static int64_t number(const char *text)
{
    uint64_t value = 0;
    (void)jp_parse_u64(text, 10, 0, INT64_MAX, &value);
    return (int64_t)value;
}

/* What the program says and the client hears: the verdict is in *ret. */
static bool hear(struct jp_openpgp_answer *said, enum jp_openpgp_task task,
                 struct jp_openpgp_answer *ret)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    said->task = task;
    return jp_openpgp_answer_encode(said, &bytes, NULL) == 0 &&
           jp_openpgp_answer_decode(jp_buf_text(&bytes), bytes.len, task, ret, NULL) == 0 &&
           !ret->failure;
}

static unsigned long wanted; /* the number of the allocation that fails */

/* From here on; what the test itself prepares is there already. */
static void start_failing(const struct run *run)
{
    if (run->is_own)
        jp_mem_fail_after(wanted);
    else
        fail_in = wanted;
}

static bool is_reached(const struct run *run)
{
    bool reached = run->is_own ? jp_mem_fail_left() == 0 : has_failed;
    jp_mem_fail_after(0);
    fail_in = 0;
    return reached;
}

static int judge(const struct run *run)
{
    struct jp_openpgp_key key = {.fingerprint = run->words[0]};
    struct jp_openpgp_request request = {.task = JP_OPENPGP_CHECK, .keys = &key, .n_keys = 1};
    struct jp_openpgp_answer answer = {.task = 0}, heard = {.task = 0};
    struct jp_keyring ring = {.ffi = NULL};
    take_file(run->words[1], &key.bytes, &key.len);
    int fd = open_file(run->words[2], &request.size);
    take_file(run->words[3], &request.signature, &request.signature_len);
    start_failing(run);
    int r = jp_keyring_open(&ring, NULL);
    if (r == 0)
        r = jp_keyring_set_time(&ring, number(run->words[4]), NULL);
    if (r == 0)
        r = jp_openpgp_check(&ring, &request, fd, &answer, NULL);
    bool is_good = r == 0 && hear(&answer, JP_OPENPGP_CHECK, &heard) &&
                   heard.check.verdict == JP_TRUST_GOOD && heard.check.size_bytes == request.size;
    return (is_good ? GOOD : 0) | (is_reached(run) ? 0 : UNREACHED);
}

static int open_message(const struct run *run)
{
    struct jp_openpgp_request request = {.task = JP_OPENPGP_DECRYPT, .is_stream = true};
    struct jp_openpgp_answer answer = {.task = 0}, heard = {.task = 0};
    struct jp_keyring ring = {.ffi = NULL};
    int fds[JP_OPENPGP_MAX_FDS];
    fds[JP_OPENPGP_DATA] = open_file(run->words[0], &request.size);
    fds[JP_OPENPGP_OUT] = open("/dev/null", O_WRONLY | O_CLOEXEC);
    request.passphrase = run->words[1];
    start_failing(run);
    int r = jp_keyring_open(&ring, NULL);
    if (r == 0)
        r = jp_openpgp_decrypt(&ring, &request, fds, &answer, NULL);
    bool is_good = r == 0 && hear(&answer, JP_OPENPGP_DECRYPT, &heard) &&
                   heard.decrypted.verdict == JP_TRUST_GOOD &&
                   heard.decrypted.size_bytes == request.size;
    return (is_good ? GOOD : 0) | (is_reached(run) ? 0 : UNREACHED);
}

static int ask(const struct run *run)
{
    uint64_t size = 0;
    unsigned char *signature = NULL;
    struct jp_trust_question question = {.name = run->words[3], .what = "data"};
    struct jp_trust_answer answer = {.verdict = JP_TRUST_NOTHING};
    const struct jp_trust trust = {
        .root_fd = open(run->words[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        .program = run->words[0],
        .uid = geteuid() ? (uint32_t)geteuid() : 65534,
        .gid = getegid() ? (uint32_t)getegid() : 65534,
        .now_s = number(run->words[2]),
    };
    question.fd = open_file(run->words[4], &size);
    take_file(run->words[5], &signature, &question.signature_len);
    question.signature = signature;
    start_failing(run);
    int r = jp_trust_check(&trust, &question, &answer, NULL);
    bool is_good = r == 0 || answer.verdict == JP_TRUST_GOOD;
    if (is_good && (r != 0 || answer.verdict != JP_TRUST_GOOD || answer.size_bytes != size))
        abort(); /* what is returned and what is said differ */
    return (is_good ? GOOD : 0) | (is_reached(run) ? 0 : UNREACHED);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int run_once(const struct run *run, unsigned long n)
{
    int status = 0;
    wanted = n;
    pid_t pid = fork();
    if (pid == 0) {
        /* librnp logs what it misses. */
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(null, STDERR_FILENO);
        _exit(run->work(run));
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static int sweep(const struct run *run, bool may_be_good, unsigned long step)
{
    unsigned long runs = 0, good = 0, died = 0;
    for (unsigned long n = 1; n < MAX_RUNS; n += step, runs++) {
        int status = run_once(run, n);
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
        bool is_good = (code & GOOD) != 0, is_over = (code & UNREACHED) != 0;
        died += !WIFEXITED(status);
        good += is_good;
        if ((code & ~(GOOD | UNREACHED)) != 0 || (is_good && !may_be_good) ||
            (!WIFEXITED(status) && run->is_own) || (is_over && may_be_good && !is_good)) {
            (void)printf("allocation %lu: status %x%s\n", n, (unsigned)status,
                         is_good ? ", good" : "");
            return 1;
        }
        if (is_over) {
            (void)printf("%lu runs, %lu good, %lu died\n", runs, good, died);
            return runs > 0 ? 0 : 1;
        }
    }
    (void)printf("no end\n");
    return 1;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*work)(const struct run *run);
    } works[] = {{"judge", judge}, {"open", open_message}, {"ask", ask}};
    struct run run = {.words = argv + 5};
    if (argc < 6)
        return 2;
    run.is_own = strcmp(argv[1], "own") == 0;
    fails_onwards = strcmp(argv[1], "onwards") == 0;
    for (size_t i = 0; i < JP_LEN(works); i++)
        if (strcmp(argv[4], works[i].name) == 0)
            run.work = works[i].work;
    if (!run.work)
        return 2;
    if (!run.is_own && !CAN_REPLACE) {
        (void)printf("not here: the allocator cannot be replaced\n");
        return 77;
    }
    return sweep(&run, strcmp(argv[2], "good") == 0, (unsigned long)number(argv[3]));
}
