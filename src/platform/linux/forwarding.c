#include "platform/linux/forwarding.h"

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "platform/linux/firewall.h"
#include "sys/calls.h"
#include "sys/fd.h"

#define STATE_FILE "forwarding" /* lines DEVICE VALUE BOOT */
#define BOOT_ID    "/proc/sys/kernel/random/boot_id"
#define BOOT_SIZE  37 /* a UUID with its NUL */
#define MAX_STATE  65536
#define MAX_ROUTES (1U << 20) /* bytes of /proc/net/route that are looked at */
#define EVERYWHERE "all"

static char *path_of(const char *device)
{
    return jp_format("/proc/sys/net/ipv4/conf/%s/forwarding", device);
}

/* '0', '1', or 0 when there is no such device. */
static char read_value(const char *path)
{
    char value = 0;
    JP_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &value, 1) == 1 ? value : 0;
}

static bool is_bridge(const struct jp_plan_host *host, const char *name)
{
    for (size_t i = 0; i < host->n_networks; i++) {
        if (host->networks[i].kind != JP_NET_MACVLAN && strcmp(host->networks[i].bridge, name) == 0)
            return true;
    }
    return false;
}

/* The devices of the host's routes, ours left out; with `defaults` only of routes to everywhere. */
static int read_routes(const struct jp_plan_host *host, bool defaults, struct jp_strv *ret,
                       struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (jp_file_read(AT_FDCWD, "/proc/net/route", MAX_ROUTES, &text, err) < 0)
        return -1;
    const char *line = strchr(jp_buf_text(&text), '\n'); /* the first names the columns */
    for (; line && line[1]; line = strchr(line + 1, '\n')) {
        char name[IFNAMSIZ];
        unsigned destination, mask;
        if (sscanf(line + 1, "%15s %8x %*s %*s %*s %*s %*s %8x", name, &destination, &mask) != 3 ||
            is_bridge(host, name) || jp_strv_contains(ret, name) ||
            (defaults && (destination != 0 || mask != 0)))
            continue;
        if (jp_strv_add(ret, name) < 0)
            return jp_oom(err);
    }
    return 0;
}

int jp_forwarding_missing(const struct jp_plan_host *host, const char *bridge, struct jp_strv *ret,
                          struct jp_error *err)
{
    JP_AUTO(jp_strv) devices = JP_STRV_INIT;
    if (jp_strv_add(&devices, bridge) < 0)
        return jp_oom(err);
    if (read_routes(host, true, &devices, err) < 0 ||
        (devices.count == 1 && read_routes(host, false, &devices, err) < 0))
        return -1;
    for (size_t i = 0; i < devices.count; i++) {
        JP_AUTO_FREE char *path = path_of(devices.items[i]);
        if (!path || (read_value(path) == '0' && jp_strv_add(ret, devices.items[i]) < 0))
            return jp_oom(err);
    }
    return 0;
}

/* What was changed before the host was booted last is not changed any more. "-": not known. */
static void read_boot(char out[BOOT_SIZE])
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (jp_file_read(AT_FDCWD, BOOT_ID, 2 * BOOT_SIZE, &text, NULL) < 0 ||
        sscanf(jp_buf_text(&text), "%36s", out) != 1)
        memcpy(out, "-", sizeof("-"));
}

/* Written down first: what is changed is put back even if we are killed between the two. */
static int note(const struct jp_strv *devices, int state_fd, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    char boot[BOOT_SIZE];
    read_boot(boot);
    for (size_t i = 0; i < devices->count; i++)
        jp_buf_printf(&text, "%s 0 %s\n", devices->items[i], boot);
    JP_AUTO_FD int fd = jp_fd_open(state_fd, STATE_FILE, O_WRONLY | O_CREAT | O_APPEND, 0600, err);
    if (fd < 0)
        return -1;
    return jp_buf_failed(&text) ? jp_oom(err)
                                : jp_fd_write_all(fd, text.data, text.len, STATE_FILE, err);
}

static int switch_on(const struct jp_plan_host *host, const char *bridge, int state_fd,
                     struct jp_error *err)
{
    JP_AUTO(jp_strv) devices = JP_STRV_INIT;
    if (jp_forwarding_missing(host, bridge, &devices, err) < 0)
        return -1;
    if (devices.count == 0)
        return 0;
    if (note(&devices, state_fd, err) < 0)
        return -1;
    for (size_t i = 0; i < devices.count; i++) {
        JP_AUTO_FREE char *path = path_of(devices.items[i]);
        if (!path)
            return jp_oom(err);
        if (jp_file_put(path, "1", err) < 0)
            return -1;
    }
    return 0;
}

/* Everywhere is somebody else's decision: it came after ours and covers it. */
static bool is_router(void)
{
    JP_AUTO_FREE char *everywhere = path_of(EVERYWHERE);
    return everywhere && read_value(everywhere) == '1';
}

/* What note() has written, each device once; none without a file. */
static int read_notes(int state_fd, struct jp_strv *ret, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    char boot[BOOT_SIZE], noted[BOOT_SIZE];
    if (jp_file_read(state_fd, STATE_FILE, MAX_STATE, &text, NULL) < 0)
        return 0;
    read_boot(boot);
    for (const char *line = jp_buf_text(&text); line && *line;) {
        char name[IFNAMSIZ];
        if (sscanf(line, "%15s 0 %36s", name, noted) == 2 && strcmp(noted, boot) == 0 &&
            !strchr(name, '/') && !jp_strv_contains(ret, name) && jp_strv_add(ret, name) < 0)
            return jp_oom(err);
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return 0;
}

int jp_forwarding_guarded(const struct jp_plan_host *host, const char *bridge, int state_fd,
                          struct jp_strv *ret, struct jp_error *err)
{
    JP_AUTO(jp_strv) devices = JP_STRV_INIT;
    /* In this order: what another start switches on meanwhile was noted before. */
    if ((bridge && jp_forwarding_missing(host, bridge, &devices, err) < 0) ||
        read_notes(state_fd, &devices, err) < 0)
        return -1;
    for (size_t i = 0; i < devices.count && !is_router(); i++) {
        if (!is_bridge(host, devices.items[i]) && jp_strv_add(ret, devices.items[i]) < 0)
            return jp_oom(err);
    }
    jp_strv_sort(ret);
    return 0;
}

int jp_forwarding_open(const struct jp_plan_host *host, const char *bridge, int state_fd,
                       struct jp_error *err)
{
    JP_AUTO(jp_strv) guarded = JP_STRV_INIT;
    if (jp_forwarding_guarded(host, bridge, state_fd, &guarded, err) < 0 ||
        jp_firewall_ensure(host, &guarded, err) < 0)
        return -1;
    return switch_on(host, bridge, state_fd, err);
}

void jp_forwarding_restore(int state_fd)
{
    JP_AUTO(jp_strv) devices = JP_STRV_INIT;
    if (read_notes(state_fd, &devices, NULL) < 0)
        return;
    for (size_t i = 0; i < devices.count && !is_router(); i++) {
        JP_AUTO_FREE char *path = path_of(devices.items[i]);
        if (path && read_value(path) == '1')
            (void)jp_file_put(path, "0", NULL);
    }
    (void)jp_sys.unlinkat(state_fd, STATE_FILE, 0);
}

bool jp_forwarding_has_ipv6(void)
{
    return read_value("/proc/sys/net/ipv6/conf/" EVERYWHERE "/forwarding") == '1';
}

int jp_forwarding_devices(const struct jp_plan_host *host, struct jp_strv *ret, bool *ret_all,
                          struct jp_error *err)
{
    DIR *list = opendir("/proc/sys/net/ipv4/conf");
    if (!list)
        return jp_fail_sys(err, "list the devices of the host");
    const struct dirent *entry;
    int r = 0;
    while (r == 0 && (entry = readdir(list))) {
        const char *name = entry->d_name;
        JP_AUTO_FREE char *path = path_of(name);
        if (!path)
            r = jp_oom(err);
        else if (name[0] != '.' && strcmp(name, EVERYWHERE) != 0 && strcmp(name, "default") != 0 &&
                 !is_bridge(host, name) && read_value(path) == '1' && jp_strv_add(ret, name) < 0)
            r = jp_oom(err);
    }
    (void)closedir(list);
    jp_strv_sort(ret);
    *ret_all = is_router();
    return r;
}
