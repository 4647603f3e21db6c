/* Who waits, in which order, for how long. Descriptors are the ends of pipes. */
#include <fcntl.h>
#include <poll.h>

#include "base/time.h"
#include "sys/fd.h"
#include "sys/guests.h"
#include "tap.h"

#define FREE 2 /* places for one address */

static union jp_address host(const char *text)
{
    union jp_address address;
    memset(&address, 0, sizeof(address));
    (void)jp_address_read(text, 1, &address, NULL);
    return address;
}

/* The write end; what is parked closes the other one. */
static int park(struct jp_guests *guests, const union jp_address *client, void *door)
{
    int ends[2];
    struct jp_guest *guest = jp_guest_enter(guests, client);
    if (!guest || pipe(ends) < 0)
        return -1;
    if (jp_guest_park(guests, guest, door, &ends[0], client) < 0)
        return -1;
    return ends[1];
}

static bool is_closed(int write_end)
{
    struct pollfd p = {.fd = write_end, .events = POLLOUT};
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLHUP)) != 0;
}

static void test_order(void)
{
    char doors[4];
    struct jp_guests guests = {.buckets = NULL};
    struct jp_guest *who = NULL;
    union jp_address a = host("10.0.0.1"), b = host("10.0.0.2");
    TAP_OK(jp_guests_open(&guests, NULL) == 0, "open");
    int ends[] = {park(&guests, &a, &doors[0]), park(&guests, &a, &doors[1]),
                  park(&guests, &b, &doors[2]), park(&guests, &a, &doors[3])};
    TAP_OK(guests.n_parked == 4, "four wait");
    static const int turns[] = {0, 2, 1};
    for (size_t i = 0; i < 3; i++) {
        struct jp_parked *parked = jp_guests_unpark(&guests, FREE, 4, &who);
        TAP_OK(parked && parked->door == &doors[turns[i]], "in turn, each address for itself: %d",
               turns[i]);
        if (parked)
            jp_fd_close(&parked->fd);
        free(parked);
    }
    TAP_OK(!jp_guests_unpark(&guests, FREE, 4, &who), "who has its share waits");
    struct jp_guest *again = jp_guest_enter(&guests, &a);
    jp_guest_leave(&guests, again);
    jp_guest_leave(&guests, again); /* one of the two that went on */
    struct jp_parked *parked = jp_guests_unpark(&guests, FREE, 4, &who);
    TAP_OK(parked && parked->door == &doors[3] && who == again, "... until one of its own ends");
    if (parked)
        jp_fd_close(&parked->fd);
    free(parked);
    TAP_OK(guests.n_parked == 0, "nobody waits");
    for (size_t i = 0; i < 4; i++)
        jp_fd_close(&ends[i]);
    jp_guests_close(&guests);
}

static void test_expiry(void)
{
    struct jp_guests guests = {.buckets = NULL};
    struct jp_guest *who = NULL;
    union jp_address a = host("10.0.0.1"), b = host("10.0.0.2"), c = host("fd00::1");
    (void)jp_guests_open(&guests, NULL);
    int old[] = {park(&guests, &a, NULL), park(&guests, &b, NULL), park(&guests, &b, NULL)};
    int64_t now = jp_time_monotonic_ms();
    while (jp_time_monotonic_ms() == now)
        (void)poll(NULL, 0, 1);
    now = jp_time_monotonic_ms();
    int young[] = {park(&guests, &b, NULL), park(&guests, &c, NULL)};
    jp_guests_expire(&guests, now);
    TAP_OK(is_closed(old[0]) && is_closed(old[1]) && is_closed(old[2]),
           "what waited too long goes");
    TAP_OK(!is_closed(young[0]) && !is_closed(young[1]) && guests.n_parked == 2,
           "the rest waits on");
    for (int i = 0; i < 2; i++) {
        struct jp_parked *parked = jp_guests_unpark(&guests, FREE, 4, &who);
        TAP_OK(parked != NULL, "... and is let in");
        if (parked)
            jp_fd_close(&parked->fd);
        free(parked);
    }
    int last = park(&guests, &a, NULL);
    jp_guests_expire(&guests, INT64_MAX);
    TAP_OK(is_closed(last) && guests.n_parked == 0 && !guests.first, "all of them go");
    jp_fd_close(&last);
    last = park(&guests, &c, NULL);
    jp_guests_close(&guests);
    TAP_OK(is_closed(last), "closing lets go of who waits");
    jp_fd_close(&last);
    for (size_t i = 0; i < 3; i++)
        jp_fd_close(&old[i]);
    for (size_t i = 0; i < 2; i++)
        jp_fd_close(&young[i]);
}

int main(void)
{
    test_order();
    test_expiry();
    return tap_done();
}
