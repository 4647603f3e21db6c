/*
 * jetpack-fetch: talks to the network for those who have rights, and has none itself. Started with
 * one socket (fetch/wire.h); ends with it.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fetch/confine.h"
#include "fetch/exchange.h"
#include "fetch/wire.h"

/* Proxies come with the requests; what else libraries read there is nobody's wish. */
static void forget_environment(void)
{
    static char *none[] = {NULL};
    extern char **environ;
    environ = none;
}

static int serve(struct jp_exchanges *exchanges, struct jp_error *err)
{
    for (;;) {
        JP_AUTO(jp_wire_request) request = {.url = NULL};
        int fds[2];
        int r = jp_wire_receive_request(JP_WIRE_FD, &request, fds, err);
        if (r <= 0)
            return r;
        if (jp_exchange_run(exchanges, JP_WIRE_FD, &request, fds, err) < 0)
            return -1;
    }
}

static int begin(struct jp_error *err)
{
    JP_AUTO(jp_wire_settings) settings = {.version = 0};
    struct jp_exchanges *exchanges = NULL;
    int r = jp_wire_receive_settings(JP_WIRE_FD, &settings, err);
    if (r <= 0)
        return r;
    if (jp_fetch_confine(&settings, err) < 0 || jp_exchanges_new(&settings, &exchanges, err) < 0)
        return -1;
    r = serve(exchanges, err);
    jp_exchanges_free(exchanges);
    return r;
}

/* Told in the place of an answer: whoever started us waits for one. */
static void report(struct jp_error *why)
{
    struct jp_wire_event end = {
        .kind = JP_WIRE_END,
        .code = (uint32_t)why->code,
        .text = (char *)(uintptr_t)jp_error_text(why),
    };
    (void)jp_wire_send_event(JP_WIRE_FD, &end, true, NULL);
}

int main(void)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigaction(SIGINT, &ignore, NULL); /* of the terminal: the asking side decides */
    forget_environment();
    if (begin(&err) < 0) {
        report(&err);
        return 1;
    }
    return 0;
}
