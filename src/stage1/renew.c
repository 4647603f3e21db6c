/*
 * A clean root for an app that is started again (doc/decisions/0006-restarts.md).
 *
 * We open no database: another program makes it beside the present one (plan/renewal.h), while the
 * loop goes on. Then, in one go, the app leaves its root and gets the new one; what was started
 * before and still runs keeps the old one. An old root that is used is locked until it is not: with
 * us the lock goes, and gc finds what it held. What fails leaves the app without a root, so that
 * what filled the disk does not stay there; the next start makes another.
 */
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "plan/renewal.h"
#include "plan/state.h"
#include "stage1/supervisor.h"
#include "sys/fd.h"
#include "sys/process.h"

#define READ_BYTES      4096
#define LOOK_FIRST_MS   100 /* between two looks at roots that are left, doubled each time */
#define LOOK_LONGEST_MS 60000

/* ---- the root that is left ---- */

/* Whoever tidies tmp/ leaves the directory alone as long as this descriptor is open. */
static int hold_root(const struct jp_supervisor *s, size_t app)
{
    JP_AUTO_FREE char *path = jp_format(JP_STATE_APPS "/%s", s->plan.apps[app].name);
    int fd = path ? jp_fd_open_dir(s->pod_fd, path, NULL) : -1;
    if (fd >= 0)
        (void)flock(fd, LOCK_EX | LOCK_NB);
    return fd;
}

/* Nothing is started in the app's root any more. */
static void leave_root(struct jp_supervisor *s, struct jp_app *app)
{
    uint64_t number = 0;
    jp_fd_close(&app->root_fd);
    jp_platform.mounts->leave(s->isolation, (size_t)(app - s->apps), &number);
    struct jp_left_root *left = number > 0 ? jp_calloc(1, sizeof(*left)) : NULL;
    if (!left) { /* without memory it is given up early: its users lose what they did not open */
        jp_fd_close(&app->dir_fd);
        return;
    }
    *left = (struct jp_left_root){s->left, number, jp_fd_take(&app->dir_fd)};
    s->left = left;
    jp_renew_look_soon(s);
}

/* Lets go of left roots that nobody is in, or of all. True when there were some. */
static bool let_go(struct jp_supervisor *s, bool of_all)
{
    bool found = false;
    struct jp_left_root **at = &s->left;
    while (*at) {
        struct jp_left_root *left = *at;
        if (!of_all && jp_platform.mounts->is_left(s->isolation, left->number)) {
            at = &left->next;
            continue;
        }
        found = true;
        *at = left->next;
        jp_fd_close(&left->dir_fd);
        free(left);
    }
    return found;
}

/* ---- the program ---- */

static char **words_of(const struct jp_supervisor *s, size_t app)
{
    const struct jp_strv *renew = &s->plan.renew;
    char **words = jp_calloc(renew->count + 2, sizeof(*words));
    for (size_t i = 0; words && i < renew->count; i++)
        words[i] = renew->items[i];
    if (words && app != JP_RENEW_TIDY)
        words[renew->count] = s->plan.apps[app].name;
    return words;
}

static int run(struct jp_supervisor *s, struct jp_renewal *r, struct jp_error *err)
{
    int ends[2];
    JP_AUTO_FREE char **words = words_of(s, r->app);
    if (!words)
        return jp_oom(err);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return jp_fail_sys(err, "make a socket pair");
    r->socket = ends[0];
    JP_AUTO_FD int theirs = ends[1];
    const int stdio[] = {s->lock_fd, theirs, theirs};
    return jp_process_start(words, stdio, &r->pid, err);
}

static struct jp_renewal *begin(struct jp_supervisor *s, size_t app, struct jp_error *err)
{
    if (s->plan.renew.count == 0) {
        jp_fail(err, JP_EUNSUPPORTED, 0, "the plan names no program for it");
        return NULL;
    }
    struct jp_renewal *r = jp_calloc(1, sizeof(*r));
    if (!r) {
        jp_oom(err);
        return NULL;
    }
    *r = (struct jp_renewal){.app = app, .socket = -1};
    if (run(s, r, err) < 0) {
        jp_fd_close(&r->socket);
        free(r);
        return NULL;
    }
    r->next = s->renewals;
    s->renewals = r;
    return r;
}

/* Lets somebody remove what is not held any more. */
static void tidy(struct jp_supervisor *s)
{
    struct jp_renewal *r = begin(s, JP_RENEW_TIDY, NULL); /* else gc will */
    if (r)
        jp_fd_close(&r->socket);
}

/* ---- a clean root ---- */

static int enter_root(struct jp_supervisor *s, size_t index, struct jp_plan_root *root,
                      struct jp_error *err)
{
    struct jp_app *app = &s->apps[index];
    jp_plan_root_take(&app->plan->root, root);
    leave_root(s, app);
    int r = jp_world_renew(s, index, err);
    jp_record_take_warnings(s);
    return r;
}

/* The program has given a root, or (error) will not; it may go on with what it does after that. */
static void conclude(struct jp_supervisor *s, struct jp_renewal *r, struct jp_plan_root *root,
                     struct jp_error *error)
{
    struct jp_app *app = &s->apps[r->app];
    bool is_wanted = s->phase < JP_PHASE_STOPPING;
    bool is_fine = error->code == JP_OK;
    if (is_fine && is_wanted)
        is_fine = enter_root(s, r->app, root, error) == 0;
    else if (r->pid > 0 && !is_fine)
        (void)kill(r->pid, SIGKILL); /* not reaped: nobody else can have this pid */
    if (!is_fine && is_wanted)
        leave_root(s, app);
    jp_plan_root_clear(root);
    jp_fd_close(&r->socket);
    jp_app_has_root(s, app, is_fine ? NULL : error);
}

/* What it said last: "jetpack: renew-root: why". */
static void fail_with_text(struct jp_renewal *r, struct jp_error *err)
{
    static const char mark[] = "jetpack: ";
    char *text = r->came.len > 0 ? (char *)(uintptr_t)jp_buf_text(&r->came) : NULL;
    size_t len = text ? strlen(text) : 0;
    while (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    const char *line = len > 0 ? strrchr(text, '\n') : NULL;
    line = line ? line + 1 : text;
    if (len == 0) {
        jp_fail(err, JP_ESYS, 0, "the program for it gave none");
        return;
    }
    if (strncmp(line, mark, strlen(mark)) == 0)
        line += strlen(mark);
    jp_fail(err, JP_ESYS, 0, "%s", line);
}

void jp_renew_hear(struct jp_supervisor *s, struct jp_renewal *r)
{
    char bytes[READ_BYTES];
    struct jp_plan_root root = {.kind = 0};
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    ssize_t n = recv(r->socket, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (n > 0)
        jp_buf_add(&r->came, bytes, (size_t)n);
    if (n <= 0)
        fail_with_text(r, &err);
    else if (jp_buf_failed(&r->came))
        jp_oom(&err);
    else if (r->came.len > JP_RENEWAL_MAX + READ_BYTES)
        jp_fail(&err, JP_ELIMIT, 0, "the program for it says too much");
    else if (jp_renewal_decode(&r->came, &root, &err) == 0)
        return;
    conclude(s, r, &root, &err);
}

void jp_renew_begin(struct jp_supervisor *s, size_t index)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_app *app = &s->apps[index];
    app->state = JP_APP_STARTING;
    s->record_is_stale = true;
    if (app->root_fd >= 0 && app->dir_fd < 0)
        app->dir_fd = hold_root(s, index);
    if (!begin(s, index, &err))
        jp_app_has_root(s, app, &err);
}

/* ---- in the loop ---- */

void jp_renew_look_soon(struct jp_supervisor *s)
{
    s->look_pause_ms = LOOK_FIRST_MS;
    s->look_at_ms = s->left ? jp_time_monotonic_ms() + LOOK_FIRST_MS : 0;
}

void jp_renew_tick(struct jp_supervisor *s, int64_t now_ms)
{
    if (!s->left || now_ms < s->look_at_ms || s->phase >= JP_PHASE_DRAINING)
        return;
    if (let_go(s, /* of_all= */ false))
        tidy(s);
    if (s->look_pause_ms < LOOK_LONGEST_MS)
        s->look_pause_ms *= 2;
    s->look_at_ms = s->left ? now_ms + s->look_pause_ms : 0;
}

void jp_renew_kill(struct jp_supervisor *s)
{
    for (struct jp_renewal *r = s->renewals; r; r = r->next) {
        if (r->pid > 0 && r->socket >= 0)
            (void)kill(r->pid, SIGKILL); /* its socket tells us */
    }
}

static void reap(struct jp_renewal *r, int options)
{
    pid_t n;
    do {
        n = r->pid > 0 ? waitpid(r->pid, NULL, options) : 0;
    } while (n < 0 && errno == EINTR);
    if (n != 0)
        r->pid = 0;
}

void jp_renew_reap(struct jp_supervisor *s)
{
    for (struct jp_renewal *r = s->renewals; r; r = r->next)
        reap(r, WNOHANG);
}

void jp_renew_sweep(struct jp_supervisor *s)
{
    struct jp_renewal **at = &s->renewals;
    while (*at) {
        struct jp_renewal *r = *at;
        if (r->pid > 0 || r->socket >= 0) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        jp_buf_clear(&r->came);
        free(r);
    }
}

void jp_renew_end(struct jp_supervisor *s)
{
    jp_renew_kill(s);
    for (struct jp_renewal *r = s->renewals; r; r = r->next) {
        jp_fd_close(&r->socket);
        reap(r, 0);
    }
    jp_renew_sweep(s);
}

void jp_renew_finish(struct jp_supervisor *s)
{
    bool has_some = let_go(s, /* of_all= */ true);
    for (size_t i = 0; s->apps && i < s->plan.n_apps; i++) {
        has_some |= s->apps[i].dir_fd >= 0; /* stopped while its next root was made */
        jp_fd_close(&s->apps[i].dir_fd);
    }
    if (has_some)
        tidy(s);
    jp_renew_end(s);
}
