/*
 * The pod's world on FreeBSD: a jail, the directory that is its root, and the keeper that ends both
 * with the supervisor.
 */
#include <sys/param.h>
#include <sys/procctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "platform/freebsd/freebsd.h"
#include "sys/caller.h"
#include "sys/calls.h"
#include "sys/fd.h"

void jp_freebsd_warn(struct jp_isolation *pod, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    (void)jp_strv_add(&pod->warnings, text);
}

static void ahead(void)
{
}

static struct jp_isolation *new_isolation(const struct jp_plan *plan, int stage2_fd)
{
    struct jp_isolation *pod = jp_calloc(1, sizeof(*pod));
    struct jp_freebsd_app *apps = jp_calloc(plan->n_apps + 1, sizeof(*apps));
    char *world = jp_format("%s/" JP_FREEBSD_WORLD, plan->dir);
    if (!pod || !apps || !world) {
        free(pod);
        free(apps);
        free(world);
        return NULL;
    }
    for (size_t i = 0; i < plan->n_apps; i++) {
        apps[i].root_fd = -1;
        (void)snprintf(apps[i].place, sizeof(apps[i].place), "%zu", i);
    }
    *pod = (struct jp_isolation){.plan = plan,
                                 .stage2_fd = stage2_fd,
                                 .jid = -1,
                                 .keeper_fd = -1,
                                 .keeper_process_fd = -1,
                                 .world = world,
                                 .world_fd = -1,
                                 .net_lock_fd = -1,
                                 .apps = apps};
    return pod;
}

/* Searchable by everybody: a program's working directory lies below it. */
static int make_world(struct jp_isolation *pod, struct jp_error *err)
{
    JP_AUTO_FD int dir = jp_fd_open_dir(AT_FDCWD, pod->plan->dir, err);
    if (dir < 0)
        return -1;
    pod->world_fd = jp_fd_make_dir(dir, JP_FREEBSD_WORLD, 0755, err);
    if (pod->world_fd < 0)
        return -1;
    return 0;
}

static void warn_of(void *context, const char *what)
{
    jp_freebsd_warn(context, "%s of whoever started the pod applies to it: %s", what,
                    strerror(errno));
}

static void destroy(struct jp_isolation *pod);

static int create(const struct jp_plan *plan, int stage2_fd, struct jp_isolation **ret,
                  struct jp_error *err)
{
    int disable = PROC_TRACE_CTL_DISABLE;
    if (procctl(P_PID, getpid(), PROC_TRACE_CTL, &disable) < 0)
        return jp_fail_sys(err, "forbid tracing");
    if (!plan->dir)
        return jp_fail(err, JP_EINVALID, 0, "the plan names no directory of the pod");
    struct jp_isolation *pod = new_isolation(plan, stage2_fd);
    if (!pod)
        return jp_oom(err);
    jp_caller_forget(warn_of, pod);
    /* The keeper first: from here on everything that is made has somebody to take it down. */
    if (make_world(pod, err) < 0 || jp_freebsd_keeper_start(pod, err) < 0 ||
        jp_freebsd_jail_create(plan, pod->world, &pod->warnings, &pod->jid, err) < 0) {
        destroy(pod);
        return jp_wrap(err, "isolate the pod");
    }
    *ret = pod;
    return 0;
}

static struct jp_strv *warnings(struct jp_isolation *pod)
{
    return &pod->warnings;
}

static int watch_fd(const struct jp_isolation *pod)
{
    return pod->keeper_process_fd;
}

static int signal_pod(struct jp_isolation *pod, int signal, struct jp_error *err)
{
    return jp_freebsd_jail_signal(pod->jid, signal, err);
}

static void kill_world(struct jp_isolation *pod)
{
    (void)jp_freebsd_end(pod->jid, pod->plan->uuid, pod->plan->dir, NULL);
    pod->jid = -1;
}

static void destroy(struct jp_isolation *pod)
{
    if (!pod)
        return;
    kill_world(pod);
    for (size_t i = 0; i < pod->plan->n_apps; i++)
        jp_fd_close(&pod->apps[i].root_fd);
    jp_fd_close(&pod->world_fd);
    /* What cannot be unmounted now is left to the next `clean`, which tells why. */
    if (pod->keeper_fd >= 0) {
        (void)jp_freebsd_unmount_below(pod->world, NULL);
        jp_freebsd_limits.teardown(pod);
        jp_freebsd_links.teardown(pod);
    }
    jp_freebsd_keeper_dismiss(pod);
    for (size_t i = 0; i < pod->plan->n_apps; i++)
        jp_freebsd_remove_place(pod, pod->apps[i].place);
    for (size_t i = 0; i < pod->n_left; i++)
        jp_freebsd_remove_place(pod, pod->left[i].place);
    free(pod->left);
    (void)jp_sys.unlinkat(AT_FDCWD, pod->world, AT_REMOVEDIR);
    jp_fd_close(&pod->net_lock_fd);
    jp_strv_clear(&pod->warnings);
    free(pod->world);
    free(pod->apps);
    free(pod);
}

static int clean(const char *uuid, const char *dir, struct jp_error *err)
{
    if (!jp_uuid_valid(uuid))
        return jp_fail(err, JP_EINVALID, 0, "bad UUID '%s'", uuid);
    if (jp_freebsd_keeper_await(uuid, err) < 0)
        return -1;
    return jp_freebsd_sweep(uuid, dir, err);
}

const struct jp_isolation_ops jp_freebsd_isolation = {.ahead = ahead,
                                                      .create = create,
                                                      .spawn = jp_freebsd_spawn,
                                                      .warnings = warnings,
                                                      .watch_fd = watch_fd,
                                                      .signal = signal_pod,
                                                      .kill = kill_world,
                                                      .destroy = destroy,
                                                      .clean = clean};
