/* Input of a child: what waits, and who says that it was taken. */
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "stage1/supervisor.h"
#include "tap.h"

#define BLOCK (96 << 10) /* more than a pipe holds, and less than two of them */

static size_t drain(int fd)
{
    static char bytes[BLOCK];
    size_t sum = 0;
    for (ssize_t n; (n = read(fd, bytes, sizeof(bytes))) > 0;)
        sum += (size_t)n;
    return sum;
}

/*
 * A child may make room just when its next input arrives. Had that been pushed at once, nothing
 * would have been left for the loop to wait for, and nobody told that the first was taken.
 */
static void room_comes_with_input(void)
{
    int ends[2];
    struct jp_child child = {.role = JP_ROLE_EXEC, .out = {-1, -1}};
    JP_AUTO_FREE char *bytes = jp_calloc(1, BLOCK);
    if (!bytes || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        abort();
    child.in = ends[1];
    TAP_OK(!jp_child_feed(&child, "a", 1), "input for which there is room is taken");
    TAP_OK(jp_child_feed(&child, bytes, BLOCK), "more than fits waits");
    size_t sum = drain(ends[0]);
    TAP_OK(jp_child_feed(&child, "z", 1) && child.pending.len > child.pending_done,
           "what comes after it waits too, although there is room now");
    while (!jp_child_push(&child))
        sum += drain(ends[0]);
    sum += drain(ends[0]);
    TAP_OK(sum == BLOCK + 2, "the loop pushes all of it");
    TAP_OK(jp_child_feed(&child, bytes, BLOCK) && jp_child_feed(&child, "", 0) && child.in >= 0,
           "the end waits behind the rest");
    while (!jp_child_push(&child))
        (void)drain(ends[0]);
    TAP_OK(child.in < 0 && drain(ends[0]) > 0 && read(ends[0], bytes, 1) == 0, "and comes");
    close(ends[0]);
}

int main(void)
{
    room_comes_with_input();
    return tap_done();
}
