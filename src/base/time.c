#include "base/time.h"

#include <stdio.h>

#define NS_PER_SECOND 1000000000LL

static int64_t read_clock(clockid_t id)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

int64_t jp_time_now_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t jp_time_monotonic_ms(void)
{
    return read_clock(CLOCK_MONOTONIC) / 1000000;
}

void jp_time_format(int64_t time_ns, int digits, char out[JP_TIME_SIZE])
{
    int64_t fraction = time_ns % NS_PER_SECOND;
    time_t seconds = (time_t)(time_ns / NS_PER_SECOND);
    if (fraction < 0) {
        fraction += NS_PER_SECOND;
        seconds--;
    }
    struct tm tm;
    if (!gmtime_r(&seconds, &tm)) {
        (void)snprintf(out, JP_TIME_SIZE, "-");
        return;
    }
    size_t len = strftime(out, JP_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    if (digits > 0) {
        char nine[16];
        (void)snprintf(nine, sizeof(nine), "%09lld", (long long)fraction);
        (void)snprintf(out + len, JP_TIME_SIZE - len, ".%.*sZ", digits, nine);
    } else {
        (void)snprintf(out + len, JP_TIME_SIZE - len, "Z");
    }
}
