/*
 * Addresses of pods: which one is leased next.
 *
 * Leases live in the table `leases`, whose primary key is the address: two pods never have the same
 * one whatever goes wrong here. They are chosen inside the transaction that enters the pod, upward
 * from the one given last, so that an address rests before it is used again, and freed with the
 * pod's row. Never leased: network, broadcast, and the gateway, which is the first address.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "store/internal.h"

#define MIN_PREFIX 8
#define MAX_PREFIX 29 /* network, gateway, broadcast, and at least a few pods */

bool jp_lease_parse(const char *text, uint32_t *ret)
{
    struct in_addr address;
    if (inet_pton(AF_INET, text, &address) != 1)
        return false;
    *ret = ntohl(address.s_addr);
    return true;
}

void jp_lease_format(uint32_t address, char out[16])
{
    (void)snprintf(out, 16, "%u.%u.%u.%u", address >> 24, (address >> 16) & 255,
                   (address >> 8) & 255, address & 255);
}

int jp_pool_parse(const char *subnet, struct jp_pool *ret, struct jp_error *err)
{
    char network_text[16];
    const char *slash = strchr(subnet, '/');
    uint64_t prefix;
    uint32_t network;
    size_t len = slash ? (size_t)(slash - subnet) : sizeof(network_text);
    if (len >= sizeof(network_text))
        return jp_fail(err, JP_EINVALID, 0, "subnet '%s' is not ADDRESS/PREFIX", subnet);
    memcpy(network_text, subnet, len);
    network_text[len] = '\0';
    if (!jp_lease_parse(network_text, &network) ||
        !jp_parse_u64(slash + 1, 10, MIN_PREFIX, MAX_PREFIX, &prefix))
        return jp_fail(err, JP_EINVALID, 0,
                       "subnet '%s' is not an IPv4 network with a prefix of %d to %d", subnet,
                       MIN_PREFIX, MAX_PREFIX);
    uint32_t host_bits = UINT32_MAX >> prefix;
    if (network & host_bits)
        return jp_fail(err, JP_EINVALID, 0, "subnet '%s': the address is not that of a network",
                       subnet);
    ret->first = network + 2;
    ret->last = (network | host_bits) - 1;
    return 0;
}

/* The lowest free address in [from, to]: 1 found, 0 none, -1 error. */
static int first_free(struct jp_db *db, uint32_t from, uint32_t to, uint32_t *ret,
                      struct jp_error *err)
{
    if (from > to)
        return 0;
    struct sqlite3_stmt *taken = jp_db_query(
        db, err, "SELECT address FROM leases WHERE address BETWEEN ? AND ? ORDER BY address", "ii",
        (int64_t)from, (int64_t)to);
    if (!taken)
        return -1;
    int64_t candidate = from;
    int r;
    while ((r = jp_db_step(db, taken, err)) > 0) {
        if (jp_db_int(taken, 0) != candidate) {
            jp_db_finish(taken);
            break;
        }
        candidate++;
    }
    if (r < 0)
        return -1;
    if (candidate > to)
        return 0;
    *ret = (uint32_t)candidate;
    return 1;
}

int jp_lease_choose(struct jp_db *db, const struct jp_pool *pool, uint32_t *ret,
                    struct jp_error *err)
{
    int64_t last = 0;
    if (jp_db_number(db, err, &last, "SELECT value FROM counters WHERE name = 'last-lease'", "") <
        0)
        return -1;
    /* The subnet may have been changed since. */
    uint32_t from = last >= pool->first && last < pool->last ? (uint32_t)last + 1 : pool->first;
    uint32_t address = 0;
    int r = first_free(db, from, pool->last, &address, err);
    if (r == 0)
        r = first_free(db, pool->first, from - 1, &address, err);
    if (r < 0)
        return -1;
    if (r == 0)
        return jp_fail(err, JP_ELIMIT, 0,
                       "all %u addresses of the pods' subnet are leased: destroy pods that are "
                       "over, or set net.subnet to a larger network",
                       pool->last - pool->first + 1);
    if (jp_db_run(db, err, "INSERT OR REPLACE INTO counters VALUES ('last-lease', ?)", "i",
                  (int64_t)address) < 0)
        return -1;
    *ret = address;
    return 0;
}
