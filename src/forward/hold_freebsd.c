#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "forward/hold.h"

#define TAKEN_BYTES 65536 /* at a time */

static unsigned char *spare; /* what take reads into; allocated once */

ssize_t jp_hold_take(struct jp_hold *hold, int from, size_t max)
{
    if (!spare && !(spare = jp_alloc(TAKEN_BYTES))) {
        errno = ENOMEM;
        return -1;
    }
    ssize_t n = read(from, spare, max < TAKEN_BYTES ? max : TAKEN_BYTES);
    if (n > 0) {
        hold->bytes = jp_take(&spare);
        hold->start = 0;
        hold->len = (size_t)n;
    }
    return n;
}

static void release(struct jp_hold *hold)
{
    if (spare)
        free(hold->bytes);
    else
        spare = hold->bytes;
    hold->bytes = NULL;
}

ssize_t jp_hold_give(struct jp_hold *hold, int to)
{
    ssize_t n = write(to, hold->bytes + hold->start, hold->len);
    if (n <= 0)
        return n;
    hold->start += (size_t)n;
    hold->len -= (size_t)n;
    if (hold->len == 0)
        release(hold);
    return n;
}

void jp_hold_drop(struct jp_hold *hold)
{
    if (hold->len > 0)
        release(hold);
    hold->len = 0;
}

void jp_holds_trim(void)
{
    free(spare);
    spare = NULL;
}
