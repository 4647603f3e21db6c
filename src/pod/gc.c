/*
 * Mending: pods whose supervisor was killed, and what interrupted commands left in the store.
 * Nothing that lives is touched: a pod is looked at only when its lock could be taken.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "pod/internal.h"
#include "sys/fd.h"
#include "sys/lock.h"

static void say(const struct jp_pod_gc *options, const char *kind, const char *what,
                const char *done)
{
    if (options->say)
        options->say(options->say_context, kind, what, done);
}

/* Has any app of the pod a root file system on disk? */
static bool has_roots(const struct jp_store_pod *pod, int pod_fd)
{
    for (size_t i = 0; i < pod->n_apps; i++) {
        char path[sizeof("apps/") + JP_PLAN_MAX_NAME];
        (void)snprintf(path, sizeof(path), "apps/%s", pod->apps[i].name);
        JP_AUTO_FD int app_fd = jp_fd_open_dir(pod_fd, path, NULL);
        if (app_fd >= 0 && !jp_fd_is_empty_dir(app_fd))
            return true;
    }
    return false;
}

int jp_pod_shed(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, int pod_fd,
                bool *ret_shed, struct jp_error *err)
{
    bool must_shed = has_roots(pod, pod_fd) && faccessat(pod_fd, JP_POD_KEPT_FILE, F_OK, 0) != 0;
    if (must_shed && jp_store_pod_unclone(ctx->store, pod, err) < 0)
        return -1;
    if (ret_shed)
        *ret_shed = must_shed;
    return 0;
}

static int tidy(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                struct jp_error *err)
{
    JP_AUTO_FD int pod_fd = -1;
    if (jp_store_pod_open(ctx->store, pod->uuid, &pod_fd, err) < 0)
        return -1;
    JP_AUTO(jp_error) busy = JP_ERROR_INIT;
    JP_AUTO_FD int lock = jp_pod_lock(pod, pod_fd, &busy);
    if (lock < 0 && busy.code == JP_EBUSY)
        return 0;
    if (lock < 0) {
        jp_error_move(err, &busy);
        return -1;
    }
    jp_pod_unregister(ctx, pod->uuid);
    jp_pod_names_leave(ctx, pod->uuid);
    if (jp_pod_mend(ctx, pod, pod_fd, NULL, err) < 0)
        return -1;
    return jp_pod_shed(ctx, pod, pod_fd, NULL, err);
}

int jp_pod_tidy(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    return jp_pod_unless_gone(ctx, pod, tidy(ctx, pod, &why), &why, err);
}

/* Ended, and either meant to be gone by now (`run -destroy`) or old enough for the options. */
static bool must_go(const struct jp_pod_gc *options, int pod_fd)
{
    struct jp_pod_record record = {.is_there = false};
    if (jp_pod_record_read(pod_fd, &record, NULL) < 0)
        return false;
    bool has_ended = record.is_there && !jp_pod_record_is_alive(&record);
    int64_t age_ms = (jp_time_now_ns() - record.ended_ns) / 1000000;
    bool is_old = options->exited && age_ms >= options->older_than_ms;
    bool is_garbage = has_ended && (record.will_destroy || is_old);
    jp_pod_record_clear(&record);
    return is_garbage;
}

/*
 * Most pods need nothing, and a thousand locks take their time: what is seen without the lock is
 * enough to leave a pod alone, never to touch it.
 */
static bool needs_a_look(const struct jp_store_pod *pod, int pod_fd,
                         const struct jp_pod_gc *options)
{
    struct jp_pod_record record = {.is_there = false};
    bool is_dead = jp_pod_record_now(pod_fd, &record, NULL) < 0 || jp_pod_record_is_alive(&record);
    bool has_ended = record.is_there;
    jp_pod_record_clear(&record);
    return is_dead || jp_store_pod_is_orphan(pod_fd) || (options->exited && has_ended) ||
           has_roots(pod, pod_fd);
}

/* What mending this pod would come to; its lock is held. */
static void foretell(const struct jp_store_pod *pod, int pod_fd, const struct jp_pod_gc *options)
{
    struct jp_pod_record record = {.is_there = false};
    bool is_dead =
        jp_pod_record_read(pod_fd, &record, NULL) == 0 && jp_pod_record_is_alive(&record);
    jp_pod_record_clear(&record);
    if (is_dead)
        say(options, "pod", pod->uuid, "would be cleaned up after its supervisor died");
    else if (must_go(options, pod_fd))
        say(options, "pod", pod->uuid, "would be removed");
    else if (has_roots(pod, pod_fd) && faccessat(pod_fd, JP_POD_KEPT_FILE, F_OK, 0) != 0)
        say(options, "pod", pod->uuid, "would lose the root file systems of its last run");
}

static int mend_pod(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                    const struct jp_pod_gc *options, struct jp_error *err)
{
    JP_AUTO_FD int pod_fd = -1;
    /* Rows without a directory are the store's to mend. */
    if (jp_store_pod_open(ctx->store, pod->uuid, &pod_fd, NULL) < 0)
        return 0;
    if (!needs_a_look(pod, pod_fd, options))
        return 0;
    JP_AUTO(jp_error) busy = JP_ERROR_INIT;
    JP_AUTO_FD int lock = jp_pod_lock(pod, pod_fd, &busy);
    if (lock < 0) {
        if (busy.code == JP_EBUSY)
            return 0;
        jp_error_move(err, &busy);
        return -1;
    }
    if (options->is_dry) {
        foretell(pod, pod_fd, options);
        return 0;
    }
    bool was_mended = false;
    if (jp_pod_mend(ctx, pod, pod_fd, &was_mended, err) < 0)
        return -1;
    if (was_mended)
        say(options, "pod", pod->uuid, "cleaned up after its supervisor died");
    bool was_shed = false;
    if (jp_pod_shed(ctx, pod, pod_fd, &was_shed, err) < 0)
        return -1;
    if (was_shed)
        say(options, "pod", pod->uuid, "root file systems of its last run removed");
    if (!must_go(options, pod_fd) && !jp_store_pod_is_orphan(pod_fd))
        return 0;
    if (jp_store_pod_destroy(ctx->store, pod->uuid, err) < 0)
        return -1;
    say(options, "pod", pod->uuid, "removed");
    return 0;
}

/* What the last pod takes along, when it can. */
static int release_host(const struct jp_pod_context *ctx, struct jp_error *err)
{
    struct jp_plan_host host = {.state = NULL};
    if (jp_network_host(ctx, &host, err) < 0)
        return -1;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    int r = host.state ? jp_platform.links->release(&host, &why) : 0;
    if (r < 0 && jp_store_make_room(ctx->store, &why))
        r = jp_platform.links->release(&host, &why);
    jp_plan_host_clear(&host);
    if (r == 0)
        return 0;
    jp_error_move(err, &why);
    return jp_wrap(err, "release what networks need of the host");
}

int jp_pod_gc(const struct jp_pod_context *ctx, const struct jp_pod_gc *options,
              struct jp_error *err)
{
    JP_AUTO(jp_store_pods) pods = {NULL, 0};
    if (jp_store_pod_list(ctx->store, &pods, err) < 0)
        return -1;
    int result = 0;
    /* One that cannot be mended must not keep the others waiting; the first reason is told. */
    for (size_t i = 0; i < pods.count; i++) {
        if (jp_pod_check_interrupt(ctx, err) < 0)
            return -1;
        if (mend_pod(ctx, &pods.items[i], options, result < 0 ? NULL : err) < 0) {
            if (result == 0)
                jp_wrap(err, "pod %s", pods.items[i].uuid);
            result = -1;
        }
    }
    if (options->is_dry)
        return result;
    if (jp_pod_registrations_sweep(ctx, options, result < 0 ? NULL : err) < 0)
        result = -1;
    jp_pod_names_sweep(ctx, options);
    if (release_host(ctx, result < 0 ? NULL : err) < 0)
        result = -1;
    struct jp_store_report report = {options->say, options->say_context};
    if (jp_store_gc(ctx->store, options->say ? &report : NULL, result < 0 ? NULL : err) < 0)
        result = -1;
    return result;
}
