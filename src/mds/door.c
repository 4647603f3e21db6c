#include "mds/door.h"

#include "config.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/time.h"
#include "mds/http.h"
#include "sys/fd.h"

#define TURN      64   /* connections at a time: between them those inside are served */
#define UNREAD    4096 /* bytes that one who waits may have sent: they are kept by the kernel */
#define READ_ROOM JP_HTTP_MAX_BODY

void jp_door_allow(void)
{
    jp_fd_allow(JP_DOOR_OPEN_FILES);
}

int jp_door_open(struct jp_door *door, struct jp_error *err)
{
    struct rlimit limit;
    door->max_parked = 0;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > JP_DOOR_MAX_FDS)
        door->max_parked =
            (limit.rlim_cur > JP_DOOR_OPEN_FILES ? JP_DOOR_OPEN_FILES : (size_t)limit.rlim_cur) -
            JP_DOOR_MAX_FDS;
    return jp_guests_open(&door->guests, err);
}

void jp_door_close(struct jp_door *door)
{
    jp_guests_close(&door->guests);
}

struct jp_visit *jp_door_visit(struct jp_door *door, int fd)
{
    return fd >= 0 && fd < JP_DOOR_MAX_FDS && door->visits[fd].guest ? &door->visits[fd] : NULL;
}

void jp_door_leave(struct jp_door *door, struct jp_visit *visit)
{
    jp_guest_leave(&door->guests, visit->guest);
    *visit = (struct jp_visit){.guest = NULL};
    door->n_inside--;
    door->has_room = true;
}

/* How many more an address may have that has none. */
static size_t places(const struct jp_door *door)
{
    size_t n_free = JP_HTTP_MAX_CONNECTIONS - door->n_inside;
    return n_free < JP_HTTP_MAX_OF_ADDRESS ? n_free : JP_HTTP_MAX_OF_ADDRESS;
}

static void set_room(int fd, int bytes)
{
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

/* An entered guest's, whose number is one of those that select(2) knows. */
static void begin(struct jp_door *door, struct jp_guest *guest, int fd, void *where,
                  const union jp_address *client)
{
    struct jp_visit *old = jp_door_visit(door, fd);
    if (old) /* it was closed before it began */
        jp_door_leave(door, old);
    door->visits[fd] = (struct jp_visit){.guest = guest, .since_ms = jp_time_monotonic_ms()};
    door->n_inside++;
    door->let_in(where, fd, client);
    struct jp_visit *visit = jp_door_visit(door, fd);
    if (visit && fcntl(fd, F_GETFD) < 0)
        jp_door_leave(door, visit);
}

/* Out of the numbers that those inside need. Takes *fd over when it succeeds. */
static int park(struct jp_door *door, struct jp_guest *guest, int *fd, void *where,
                const union jp_address *client)
{
    if (door->guests.n_parked >= door->max_parked)
        return -1;
    JP_AUTO_FD int high = fcntl(*fd, F_DUPFD_CLOEXEC, JP_DOOR_MAX_FDS);
    if (high < 0)
        return -1;
    set_room(high, UNREAD);
    if (jp_guest_park(&door->guests, guest, where, &high, client) < 0)
        return -1;
    jp_fd_close(fd);
    return 0;
}

static void receive(struct jp_door *door, int *fd, void *where, const union jp_address *client)
{
    struct jp_guest *guest = jp_guest_enter(&door->guests, client);
    if (!guest)
        return;
    if (*fd < JP_DOOR_MAX_FDS && jp_guest_may_begin(guest, places(door)))
        begin(door, guest, jp_fd_take(fd), where, client);
    else if (park(door, guest, fd, where, client) < 0)
        jp_guest_leave(&door->guests, guest);
}

void jp_door_accept(struct jp_door *door, int listen_fd, void *where)
{
    for (int i = 0; i < TURN; i++) {
        union jp_address client = {.any = {.sa_family = AF_UNSPEC}};
        socklen_t len = sizeof(client);
        JP_AUTO_FD int fd = accept4(listen_fd, &client.any, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            receive(door, &fd, where, &client);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            if (errno != EAGAIN && errno != EWOULDBLOCK)
                door->closed_ms = jp_time_monotonic_ms() + JP_DOOR_PAUSE_MS;
            return;
        }
    }
}

static void admit(struct jp_door *door, struct jp_parked *parked, struct jp_guest *guest)
{
    /* The lowest number there is. */
    JP_AUTO_FD int fd = fcntl(parked->fd, F_DUPFD_CLOEXEC, 0);
    jp_fd_close(&parked->fd);
    if (fd < 0 || fd >= JP_DOOR_MAX_FDS) {
        jp_guest_leave(&door->guests, guest);
        return;
    }
    set_room(fd, READ_ROOM);
    begin(door, guest, jp_fd_take(&fd), parked->door, &parked->client);
}

bool jp_door_can_admit(const struct jp_door *door)
{
    return door->has_room && door->guests.n_parked > 0;
}

void jp_door_admit(struct jp_door *door)
{
    for (int i = 0; i < TURN && jp_door_can_admit(door); i++) {
        struct jp_guest *guest = NULL;
        struct jp_parked *parked = jp_guests_unpark(&door->guests, places(door), TURN, &guest);
        door->has_room = parked != NULL;
        if (parked) {
            admit(door, parked, guest);
            free(parked);
        }
    }
}

bool jp_door_is_open(const struct jp_door *door)
{
    return door->closed_ms == 0 || jp_time_monotonic_ms() >= door->closed_ms;
}

void jp_door_expire(struct jp_door *door)
{
    jp_guests_expire(&door->guests, jp_time_monotonic_ms() - JP_DOOR_WAIT_MS);
}
