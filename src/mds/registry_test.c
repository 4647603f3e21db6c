/*
 * Lookups and rounds: who is registered and alive is found, at once; who was found is found until
 * the round ends, and not a moment longer.
 */
#include <sys/file.h>

#include "base/buf.h"
#include "base/mem.h"
#include "mds/registry.h"
#include "plan/token.h"
#include "sys/fd.h"
#include "sys/scratch_test.h"
#include "tap.h"

#define FIRST  "6ba7b810-9dad-41d1-80b4-00c04fd430c8"
#define SECOND "6ba7b811-9dad-41d1-80b4-00c04fd430c8"

static int dir_fd;
static struct jp_registry *registry;

/* Writes what a supervisor that lives holds; the descriptor that holds it. */
static int enter(const char *uuid, const char *token)
{
    unsigned char digest[JP_MAC_SIZE];
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    struct jp_registration registration = JP_REGISTRATION_INIT;
    char *copy = jp_strdup(uuid), *empty = jp_strdup("{}"), *notes = jp_strdup("[]");
    jp_token_digest(token, strlen(token), digest);
    registration.uuid = copy;
    registration.token_digest = digest;
    registration.token_digest_len = sizeof(digest);
    registration.manifest = empty;
    registration.notes.json = notes;
    if (jp_strv_add(&registration.addresses, "192.0.2.1") < 0 ||
        jp_registration_encode(&registration, &bytes, NULL) < 0 ||
        jp_file_replace(dir_fd, uuid, bytes.data, bytes.len, 0600, false, NULL) < 0)
        scratch_bail("write a registration");
    jp_strv_clear(&registration.addresses);
    free(copy);
    free(empty);
    free(notes);
    int fd = openat(dir_fd, uuid, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        scratch_bail("lock a registration");
    return fd;
}

static bool finds(const char *token, const char *address, const char *uuid)
{
    const struct jp_registration *found = jp_registry_find(registry, token, strlen(token), address);
    return found ? uuid && strcmp(found->uuid, uuid) == 0 : !uuid;
}

static void test_rounds(void)
{
    TAP_OK(finds("one", "192.0.2.1", NULL), "nobody is registered");
    int first = enter(FIRST, "one");
    TAP_OK(finds("one", "192.0.2.1", FIRST), "who comes in the middle of a round is found in it");
    TAP_OK(finds("one", "192.0.2.2", NULL), "not from another address");
    TAP_OK(finds("two", "192.0.2.1", NULL), "nor with another token");
    int second = enter(SECOND, "two");
    TAP_OK(finds("two", "192.0.2.1", SECOND), "so is the next");
    TAP_OK(finds("one", "192.0.2.1", FIRST), "beside the first");

    (void)close(first); /* its supervisor was killed */
    TAP_OK(finds("two", "192.0.2.1", SECOND), "the death of one is nothing to the other");
    TAP_OK(finds("one", "192.0.2.1", NULL), "who was asked for last is looked at anew");
    TAP_OK(finds("two", "192.0.2.1", SECOND), "the other is found again");
    (void)close(second);
    TAP_OK(finds("two", "192.0.2.1", SECOND), "who dies then is found for the rest of the round");
    jp_registry_round(registry);
    TAP_OK(finds("two", "192.0.2.1", NULL), "in the next round so is everybody");

    first = enter(FIRST, "three");
    TAP_OK(finds("three", "192.0.2.1", FIRST), "another start, another token: found at once");
    TAP_OK(finds("one", "192.0.2.1", NULL), "and the old one is not");
    TAP_OK(finds("three", "192.0.2.1", FIRST), "the new one again");
    (void)unlinkat(dir_fd, FIRST, 0);
    jp_registry_round(registry);
    TAP_OK(finds("three", "192.0.2.1", NULL), "nor is anybody whose registration is gone");
    TAP_OK(jp_registry_count(registry) == 1, "one is left, of somebody who was killed");
    (void)close(first);
}

int main(void)
{
    dir_fd = scratch_make();
    if (jp_registry_new(dir_fd, &registry, NULL) < 0)
        scratch_bail("make a registry");
    test_rounds();
    jp_registry_free(registry);
    (void)close(dir_fd);
    return tap_done();
}
