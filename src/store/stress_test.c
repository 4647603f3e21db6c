/*
 * Several processes at once on one store (row 59): nothing deadlocks, no address is leased twice,
 * and afterwards directories and rows say the same.
 */
#include <sys/wait.h>

#include "store/store_testing.h"
#include "tap.h"

#define PROCESSES  8
#define OPERATIONS 200
#define IMAGES     12 /* few, so that processes meet */
#define PODS       60

/* A generator of its own for each process, so that a failure can be repeated. */
static unsigned next_random(unsigned *state)
{
    *state = *state * 1103515245U + 12345U;
    return *state >> 16;
}

/* What one of several processes may meet and must survive. */
static bool is_expected(const struct jp_error *err)
{
    return err->code == JP_EEXISTS || err->code == JP_ENOTFOUND || err->code == JP_ELIMIT ||
           (err->code == JP_EBUSY && strstr(jp_error_text(err), "it is used by"));
}

static int remove_some_pod(struct jp_store *store, const char *name, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {0};
    if (jp_store_pod_find(store, name, &pod, err) < 0)
        return -1;
    return jp_store_pod_destroy(store, pod.uuid, err);
}

static int rename_some_pod(struct jp_store *store, const char *name, unsigned n,
                           struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {0};
    char other[32];
    (void)snprintf(other, sizeof(other), "pod%u", n % PODS);
    if (jp_store_pod_find(store, name, &pod, err) < 0)
        return -1;
    return jp_store_pod_rename(store, pod.uuid, other, err);
}

static int operate(struct jp_store *store, unsigned *state, struct jp_error *err)
{
    unsigned what = next_random(state) % 100;
    unsigned n = next_random(state);
    char id[136], name[32];
    JP_AUTO(jp_store_pods) pods = {0};
    JP_AUTO(jp_store_images) images = {0};
    testing_id(n % IMAGES, id);
    (void)snprintf(name, sizeof(name), "pod%u", n % PODS);
    if (what < 8)
        return testing_image(store, n % IMAGES, "example.com/image", "1", NULL, err);
    if (what < 12)
        return jp_store_image_destroy(store, id, err);
    if (what < 45)
        return testing_pod(store, name, n / PODS % IMAGES, n & 1, NULL, err);
    if (what < 72)
        return remove_some_pod(store, name, err);
    if (what < 75)
        return rename_some_pod(store, name, n / PODS, err);
    if (what < 85)
        return jp_store_pod_list(store, &pods, err);
    if (what < 95)
        return jp_store_image_list(store, NULL, &images, err);
    if (what < 98)
        jp_store_rest(store);
    return jp_store_gc(store, NULL, err);
}

static int work(const struct jp_store_options *options, unsigned seed)
{
    JP_AUTO_PTR(jp_store) store = NULL;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    unsigned state = seed;
    if (jp_store_open(options, &store, &err) < 0) {
        printf("# process %u: open: %s\n", seed, jp_error_text(&err));
        return 1;
    }
    for (int i = 0; i < OPERATIONS; i++) {
        jp_error_clear(&err);
        if (operate(store, &state, &err) < 0 && !is_expected(&err)) {
            printf("# process %u, operation %d: %s\n", seed, i, jp_error_text(&err));
            return 1;
        }
    }
    return 0;
}

static unsigned shared_addresses(const struct jp_store_pods *pods)
{
    unsigned shared = 0;
    for (size_t i = 0; i < pods->count; i++) {
        for (size_t j = 0; pods->items[i].address && j < i; j++)
            shared += pods->items[j].address &&
                      strcmp(pods->items[i].address, pods->items[j].address) == 0;
    }
    return shared;
}

int main(void)
{
    struct jp_store_options options = testing_begin("copy");
    options.subnet = "10.97.0.0/27"; /* 29 addresses: processes fight for the last */
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pods) pods = {0};
    JP_AUTO_PTR(jp_store) store = NULL;
    /* The root is made by all of them at once, too. */
    (void)fflush(stdout);
    for (unsigned i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            int r = work(&options, i + 1);
            (void)fflush(stdout);
            _exit(r);
        }
    }
    unsigned failed = 0;
    for (unsigned i = 0; i < PROCESSES; i++) {
        int status = -1;
        (void)wait(&status);
        failed += status != 0;
    }
    CHECK(failed == 0, "%d processes did %d operations each", PROCESSES, OPERATIONS);
    CHECK(jp_store_open(&options, &store, &err) == 0 && jp_store_pod_list(store, &pods, &err) == 0,
          "the store opens");
    printf("# %zu pods are left\n", pods.count);
    CHECK(shared_addresses(&pods) == 0, "no address was leased twice");
    CHECK(testing_gc(store) == 0, "nothing is left for gc");
    CHECK(testing_fsck(&options, false) == 0, "directories and database agree");
    return tap_done();
}
