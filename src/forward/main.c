/*
 * jetpack-forward: a pod's published ports. Started by the pod's supervisor (plan/forward.h) with
 * everything that it needs on two descriptors; gives up its rights before it looks at a socket.
 */
#include <sys/socket.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "forward/confine.h"
#include "forward/forward.h"
#include "sys/fd.h"

static void report(const char *text)
{
    size_t len = strnlen(text, JP_FORWARD_MAX_ANSWER);
    (void)send(JP_FORWARD_FD_LIFE, text, len, MSG_NOSIGNAL);
}

static int begin(struct jp_forwarder *f, struct jp_forward_settings *settings, bool is_plain,
                 struct jp_error *err)
{
    JP_AUTO_FREE int *sockets = NULL;
    if (jp_forward_fetch(JP_FORWARD_FD_MAILBOX, settings, &sockets, err) < 0)
        return -1;
    (void)close(JP_FORWARD_FD_MAILBOX);
    settings->keeps_address = settings->keeps_address && !is_plain;
    const struct jp_forward_rights rights = {settings->uid, settings->gid, settings->keeps_address};
    if (jp_forward_confine_ids(&rights, err) < 0 ||
        jp_forwarder_open(f, settings, sockets, err) < 0)
        return -1;
    return jp_forward_confine_calls(err);
}

int main(int argc, char **argv)
{
    static struct jp_forwarder forwarder;
    static struct jp_forward_settings settings;
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    (void)sigaction(SIGPIPE, &ignore, NULL);
    bool is_plain = argc > 1 && strcmp(argv[1], JP_FORWARD_PLAIN) == 0;
    if (begin(&forwarder, &settings, is_plain, &err) < 0) {
        report(jp_error_text(&err));
        return 1;
    }
    report("ok");
    jp_forwarder_run(&forwarder, JP_FORWARD_FD_LIFE);
    return 0;
}
