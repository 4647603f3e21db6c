/* Telling a service manager how we are: the protocol of sd_notify(3), without its library. */
#ifndef JP_SYS_NOTIFY_H
#define JP_SYS_NOTIFY_H

/*
 * Sends `text` ("READY=1\nSTATUS=...") to the socket that $NOTIFY_SOCKET names: a path, or with a
 * leading '@' a name of Linux's abstract sockets. Without the variable, or when nobody listens,
 * nothing happens: who did not ask is not told. Waits for nothing.
 */
void jp_notify(const char *text);

#endif
