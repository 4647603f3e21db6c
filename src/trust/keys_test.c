/* Prefixes, fingerprints, and keys on disk. Needs no OpenPGP: a key is bytes here. */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/fd.h"
#include "sys/tree.h"
#include "tap.h"
#include "trust/keys.h"

#define FIRST  "00112233445566778899aabbccddeeff00112233"
#define SECOND "ffeeddccbbaa99887766554433221100ffeeddcc"
#define LONG   "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* ---- row 41 ---------------------------------------------------------------------------------- */

static void test_covers(void)
{
    static const struct {
        const char *prefix, *name;
        bool covers;
    } table[] = {
        {"example.com/foo", "example.com/foo", true},
        {"example.com/foo", "example.com/foo/x", true},
        {"example.com/foo", "example.com/foo/x/y", true},
        {"example.com/foo", "example.com/foobar", false},
        {"example.com/foo", "example.com/foo-bar", false},
        {"example.com/foo", "example.com/foo.bar", false},
        {"example.com/foo", "example.com/foo~bar", false},
        {"example.com/foo", "example.com", false},
        {"example.com/foo", "example.com/fo", false},
        {"example.com/foo", "example.com.evil/foo", false},
        {"example.com/foo", "evil.example.com/foo", false},
        {"example.com/foo", "EXAMPLE.com/foo", false},
        {"example.com/foo", "example.com/Foo", false},
        {"example.com/foo", "example.com/./foo", false},
        {"example.com/foo", "example.com/../example.com/foo", false},
        {"example.com/foo", "example.com//foo", false},
        {"example.com/foo", "example.com/foo/", false},
        {"example.com/foo", "/example.com/foo", false},
        {"example.com/foo", "example.com/foo/../bar", false},
        {"example.com/foo", "example.com/foo%2fx", false},
        {"example.com/foo", "example.com,foo", false},
        {"example.com/foo", "ex\xd0\xb0mple.com/foo", false}, /* Cyrillic a */
        {"example.com/foo", "xn--exmple-4nf.com/foo", false},
        {"example.com/foo/", "example.com/foo/x", false},
        {"example.com/foo/", "example.com/foo", false},
        {"example.com", "example.com/foo", true},
        {"example.com", "example.com.evil/foo", false},
        {"example.com", "example.comx", false},
        {"", "example.com", false},
        {"/", "example.com", false},
        {".", "example.com", false},
        {"com", "example.com", false},
        {JP_TRUST_EVERY, "example.com/foo", true},
        {JP_TRUST_EVERY, "x", true},
        {JP_TRUST_EVERY, "", false},
        {JP_TRUST_EVERY, "@", false},
        {JP_TRUST_EVERY, "EXAMPLE.com", false},
        {"example.com/foo", "", false},
        {"example.com/foo", "@", false},
    };
    for (size_t i = 0; i < JP_LEN(table); i++)
        TAP_OK(jp_trust_covers(table[i].prefix, table[i].name) == table[i].covers,
               "row 41: a key for '%s' %s '%s'", table[i].prefix,
               table[i].covers ? "counts for" : "does not count for", table[i].name);
}

static void test_prefixes(void)
{
    static const char *const bad[] = {"",  "/",  "a/",  "/a", "a//b",   "..",  "a/../b", "A",
                                      ",", "@@", "a,b", ".",  "a/\n/b", "a b", "-a",     "@/a"};
    for (size_t i = 0; i < JP_LEN(bad); i++)
        TAP_OK(jp_trust_prefix_check(bad[i], NULL) < 0, "no prefix: %zu", i);
    JP_AUTO_FREE char *dir = jp_trust_prefix_dir("example.com/foo/x");
    TAP_STR(dir, "example.com,foo,x", "the directory of a prefix");
    JP_AUTO_FREE char *prefix = jp_trust_prefix_of_dir("example.com,foo,x");
    TAP_STR(prefix, "example.com/foo/x", "and back");
    JP_AUTO_FREE char *every = jp_trust_prefix_of_dir("@");
    TAP_STR(every, JP_TRUST_EVERY, "that of every image");
    TAP_OK(!jp_trust_prefix_of_dir("a,,b") && !jp_trust_prefix_of_dir("..") &&
               !jp_trust_prefix_of_dir(".x") && !jp_trust_prefix_of_dir("A"),
           "other directories are none of ours");
}

static void test_fingerprints(void)
{
    static const char *const good[] = {
        FIRST, ("0x" FIRST), "00112233445566778899AABBCCDDEEFF00112233",
        "0011 2233 4455 6677 8899  aabb ccdd eeff 0011 2233",
        "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33"};
    static const char *const bad[] = {"",         "0x",       "ccddeeff00112233", "00112233",
                                      FIRST "0",  "g" FIRST,  LONG "00",          "../" FIRST,
                                      FIRST "/x", FIRST "\n", "-" FIRST};
    for (size_t i = 0; i < JP_LEN(good); i++) {
        JP_AUTO_FREE char *text = NULL;
        TAP_OK(jp_trust_fingerprint(good[i], &text, NULL) == 0 && strcmp(text, FIRST) == 0,
               "a fingerprint: %s", good[i]);
    }
    JP_AUTO_FREE char *wide = NULL;
    TAP_OK(jp_trust_fingerprint(LONG, &wide, NULL) == 0 && strcmp(wide, LONG) == 0,
           "a fingerprint of 64 digits");
    for (size_t i = 0; i < JP_LEN(bad); i++) {
        char *text = NULL;
        TAP_OK(jp_trust_fingerprint(bad[i], &text, NULL) < 0 && !text, "row 46: no fingerprint: %s",
               bad[i]);
    }
}

/* ---- on disk --------------------------------------------------------------------------------- */

static size_t count(const struct jp_trust *trust, const char *name)
{
    JP_AUTO(jp_trust_keys) keys = {NULL, 0, 0};
    return jp_trust_list(trust, name, &keys, NULL) < 0 ? 999 : keys.count;
}

static void test_store(const struct jp_trust *trust)
{
    char foo[] = "example.com/foo", every[] = JP_TRUST_EVERY, first[] = FIRST, second[] = SECOND;
    const struct jp_trust_key a = {foo, first}, b = {foo, second}, c = {every, second};
    struct stat st;
    bool was_there = true;
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    TAP_OK(count(trust, NULL) == 0, "no keys at first");
    TAP_OK(jp_trust_add(trust, &a, "one", &was_there, NULL) == 0 && !was_there, "a key is stored");
    TAP_OK(jp_trust_add(trust, &a, "two", &was_there, NULL) == 0 && was_there, "and replaced");
    TAP_OK(jp_trust_read(trust, &a, &bytes, NULL) == 0, "and read");
    TAP_STR(jp_buf_text(&bytes), "two", "as it was stored last");
    TAP_OK(fstatat(trust->root_fd, "keys/example.com,foo/" FIRST, &st, 0) == 0 &&
               (st.st_mode & 0777) == 0640,
           "in its place, not for everybody");
    TAP_OK(jp_trust_add(trust, &b, "b", NULL, NULL) == 0 &&
               jp_trust_add(trust, &c, "c", NULL, NULL) == 0,
           "two more");
    TAP_OK(count(trust, NULL) == 3, "all are listed");
    TAP_OK(count(trust, "example.com/foo/x") == 3, "those for a name below the prefix");
    TAP_OK(count(trust, "example.com/foobar") == 1, "those for another name: that of every image");
    int fd =
        openat(trust->root_fd, "keys/example.com,foo/.x", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    TAP_OK(fd >= 0 && symlinkat("/etc", trust->root_fd, "keys/example.org") == 0 &&
               mkdirat(trust->root_fd, "keys/Some", 0700) == 0 && count(trust, NULL) == 3,
           "what is no key's file is passed over");
    jp_fd_close(&fd);
    TAP_OK(jp_trust_remove(trust, &a, NULL) == 0 && count(trust, "example.com/foo") == 2,
           "a key is removed");
    TAP_OK(jp_trust_remove(trust, &a, &err) < 0 && err.code == JP_ENOTFOUND, "not twice");
    TAP_OK(unlinkat(trust->root_fd, "keys/example.com,foo/.x", 0) == 0 &&
               jp_trust_remove(trust, &b, NULL) == 0 &&
               fstatat(trust->root_fd, "keys/example.com,foo", &st, 0) < 0,
           "the last one takes its directory along");
}

static void test_hostile(const struct jp_trust *trust)
{
    static char *const bad[][2] = {
        {(char *)"../x", (char *)FIRST},    {(char *)"..", (char *)FIRST},
        {(char *)"a", (char *)"../../x"},   {(char *)"a", (char *)""},
        {(char *)"a", (char *)FIRST "/.."}, {(char *)"/etc", (char *)FIRST},
    };
    for (size_t i = 0; i < JP_LEN(bad); i++) {
        const struct jp_trust_key key = {bad[i][0], bad[i][1]};
        JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
        TAP_OK(jp_trust_add(trust, &key, "x", NULL, NULL) < 0 &&
                   jp_trust_remove(trust, &key, NULL) < 0 &&
                   jp_trust_read(trust, &key, &bytes, NULL) < 0,
               "no place of a key: '%s', '%s'", key.prefix, key.fingerprint);
    }
}

int main(void)
{
    char path[] = "/tmp/jetpack-keys-XXXXXX";
    if (!mkdtemp(path))
        return 1;
    JP_AUTO_FD int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct jp_trust trust = {.root_fd = root};
    test_covers();
    test_prefixes();
    test_fingerprints();
    test_store(&trust);
    test_hostile(&trust);
    (void)jp_tree_remove(AT_FDCWD, path, NULL);
    return tap_done();
}
