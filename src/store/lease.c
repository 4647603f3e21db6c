/*
 * Addresses of pods: which one is leased next.
 *
 * Leases live in the table `leases`, whose primary key is the address: two pods never have the same
 * one whatever goes wrong here, in whatever network. They are chosen inside the transaction that
 * enters the pod, upward from the one given last, so that an address rests before it is used again,
 * and freed with the pod's row. Never leased: network, broadcast, the gateway, which is the first
 * address, and the host's own address where that is another one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/internal.h"

#define LAST_LEASE "last-lease" /* a counter; for subnets but the store's own, with the subnet */

/* The subnet as it was written, and as numbers. */
struct pool {
    const char *text;
    uint32_t first;
    uint32_t last;
    uint32_t host; /* never leased */
    char *counter;
};

/* The lowest free address of the pool in [from, to]: 1 found, 0 none, -1 error. */
static int first_free(struct jp_db *db, const struct pool *pool, uint32_t from, uint32_t to,
                      uint32_t *ret, struct jp_error *err)
{
    if (from > to)
        return 0;
    struct sqlite3_stmt *taken = jp_db_query(
        db, err, "SELECT address FROM leases WHERE address BETWEEN ? AND ? ORDER BY address", "ii",
        (int64_t)from, (int64_t)to);
    if (!taken)
        return -1;
    int64_t candidate = (int64_t)from + (from == pool->host);
    int r;
    while ((r = jp_db_step(db, taken, err)) > 0) {
        int64_t address = jp_db_int(taken, 0);
        if (address > candidate) {
            jp_db_finish(taken);
            break;
        }
        candidate += address == candidate; /* or less: leased before it was the host's */
        candidate += candidate == pool->host;
    }
    if (r < 0)
        return -1;
    if (candidate > to)
        return 0;
    *ret = (uint32_t)candidate;
    return 1;
}

int jp_lease_subnet(const char *text, struct jp_subnet *ret, struct jp_error *err)
{
    return jp_subnet_parse(text, ret)
               ? 0
               : jp_fail(err, JP_EINVALID, 0,
                         "subnet '%s' is not an IPv4 network with a prefix of %d to %d", text,
                         JP_SUBNET_MIN, JP_SUBNET_MAX);
}

static int read_pool(const struct jp_store *store, const struct jp_store_pod_request *request,
                     struct pool *ret, struct jp_error *err)
{
    struct jp_subnet numbers;
    const char *subnet = request->subnet;
    ret->host = request->host;
    ret->text = subnet ? subnet : store->subnet;
    if (jp_lease_subnet(ret->text, &numbers, err) < 0)
        return -1;
    ret->first = jp_subnet_first(&numbers);
    ret->last = jp_subnet_last(&numbers);
    bool is_own = !subnet || strcmp(subnet, store->subnet) == 0;
    ret->counter = is_own ? jp_strdup(LAST_LEASE) : jp_format(LAST_LEASE " %s", subnet);
    return ret->counter ? 0 : jp_oom(err);
}

static int choose(struct jp_db *db, const struct pool *pool, uint32_t *ret, struct jp_error *err)
{
    int64_t last = 0;
    if (jp_db_number(db, err, &last, "SELECT value FROM counters WHERE name = ?", "s",
                     pool->counter) < 0)
        return -1;
    /* The subnet may have been changed since. */
    uint32_t from = last >= pool->first && last < pool->last ? (uint32_t)last + 1 : pool->first;
    uint32_t address = 0;
    int r = first_free(db, pool, from, pool->last, &address, err);
    if (r == 0)
        r = first_free(db, pool, pool->first, from - 1, &address, err);
    if (r < 0)
        return -1;
    if (r == 0)
        return jp_fail(err, JP_ELIMIT, 0,
                       "all %u addresses of the pods' subnet %s are leased: destroy pods that are "
                       "over, or configure a larger network",
                       pool->last - pool->first + 1, pool->text);
    if (jp_db_run(db, err, "INSERT OR REPLACE INTO counters VALUES (?, ?)", "si", pool->counter,
                  (int64_t)address) < 0)
        return -1;
    *ret = address;
    return 0;
}

static int fail_outside(const struct pool *pool, const char *wanted, struct jp_error *err)
{
    char first[JP_QUAD_SIZE], last[JP_QUAD_SIZE];
    jp_quad_format(pool->first, first);
    jp_quad_format(pool->last, last);
    return jp_fail(err, JP_EINVALID, 0,
                   "address '%s' cannot be a pod's: in the subnet %s they are %s to %s", wanted,
                   pool->text, first, last);
}

static int claim(struct jp_db *db, const struct pool *pool, const char *wanted, uint32_t *ret,
                 struct jp_error *err)
{
    uint32_t address;
    if (!jp_quad_parse(wanted, &address) || address < pool->first || address > pool->last)
        return fail_outside(pool, wanted, err);
    if (address == pool->host)
        return jp_fail(err, JP_EINVALID, 0, "address '%s' cannot be a pod's: it is the host's",
                       wanted);
    struct sqlite3_stmt *row =
        jp_db_query(db, err, "SELECT name FROM pods JOIN leases USING (pod) WHERE address = ?", "i",
                    (int64_t)address);
    int r = row ? jp_db_step(db, row, err) : -1;
    if (r == 1) {
        jp_fail(err, JP_EEXISTS, 0, "address %s is leased to pod '%s'", wanted, jp_db_text(row, 0));
        jp_db_finish(row);
    }
    *ret = address;
    return r == 0 ? 0 : -1;
}

int jp_lease_choose(struct jp_store *store, const struct jp_store_pod_request *request,
                    uint32_t *ret, struct jp_error *err)
{
    struct pool pool = {.counter = NULL};
    int r = read_pool(store, request, &pool, err);
    if (r == 0)
        r = request->address ? claim(store->db, &pool, request->address, ret, err)
                             : choose(store->db, &pool, ret, err);
    free(pool.counter);
    return r;
}
