/*
 * Starting a pod: under its lock, the manifest is read again, the volumes looked at again, the
 * roots cloned afresh, the plan made and handed to a supervisor, who inherits the lock.
 *
 * A run that was kept (`--keep`) leaves its plan beside its roots, so that `exec`,
 * `console` and `cp` on the ended pod see those roots and not clean ones.
 */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appc/id.h"
#include "base/mem.h"
#include "plan/renewal.h"
#include "plan/state.h"
#include "pod/internal.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/readable.h"

/* Everything that a start gathers. */
struct launch {
    const struct jp_pod_context *ctx;
    const struct jp_store_pod *pod;
    const struct jp_pod_start *options;
    int pod_fd;
    int lock_fd;
    int mailbox_fd; /* of the forwarder, or of sockets that are given to apps; -1: none */
    char *path;
    struct jp_pod_manifest manifest;
    struct jp_image_manifest *images;
    size_t n_images;
    struct jp_plan_root *roots;
    size_t n_roots;
    struct jp_pod_identity identity;
    char *names; /* directory of its names; NULL: not entered */
    struct jp_plan plan;
    struct jp_pod_session *session;
    bool is_kept; /* the roots of a kept run are used */
};

static void launch_clear(struct launch *l)
{
    jp_pod_manifest_clear(&l->manifest);
    for (size_t i = 0; i < l->n_images; i++)
        jp_image_manifest_clear(&l->images[i]);
    free(l->images);
    for (size_t i = 0; i < l->n_roots; i++)
        jp_plan_root_clear(&l->roots[i]);
    free(l->roots);
    jp_pod_identity_clear(&l->identity);
    jp_plan_clear(&l->plan);
    free(l->names);
    free(l->path);
    jp_fd_close(&l->pod_fd);
    jp_fd_close(&l->lock_fd);
    jp_fd_close(&l->mailbox_fd);
}

static int load(struct launch *l, struct jp_error *err)
{
    if (jp_pod_load_manifest(l->ctx, l->pod->uuid, &l->manifest, err) < 0)
        return -1;
    l->images = jp_calloc(l->manifest.apps.count + 1, sizeof(*l->images));
    l->path = jp_pod_path(l->ctx, l->pod->uuid);
    if (!l->images || !l->path)
        return jp_oom(err);
    for (size_t i = 0; i < l->manifest.apps.count; i++) {
        const struct jp_runtime_app *app = &l->manifest.apps.items[i];
        if (!app->image.id)
            return jp_fail(err, JP_ECORRUPT, 0, "app '%s' has no image id", app->name);
        if (jp_pod_load_image(l->ctx, app->image.id, &l->images[i], err) < 0)
            return jp_wrap(err, "app '%s'", app->name);
        l->n_images++;
    }
    return 0;
}

/* ---- clones ---- */

/* The plan of a kept run, if there is one: its roots are used as they are. */
static int take_kept_roots(struct launch *l, bool *ret_found, struct jp_error *err)
{
    struct jp_buf bytes = JP_BUF_INIT;
    JP_AUTO(jp_plan) kept = JP_PLAN_INIT;
    *ret_found = false;
    int result = jp_file_read(l->pod_fd, JP_POD_KEPT_FILE, JP_POD_KEPT_MAX, &bytes, NULL);
    if (result == 0)
        result = jp_plan_decode(bytes.data, bytes.len, &kept, NULL);
    jp_buf_clear(&bytes);
    if (result < 0 || kept.n_apps != l->manifest.apps.count)
        return 0;
    l->roots = jp_calloc(kept.n_apps, sizeof(*l->roots));
    if (!l->roots)
        return jp_oom(err);
    for (size_t i = 0; i < kept.n_apps; i++) {
        l->roots[i] = kept.apps[i].root;
        kept.apps[i].root = (struct jp_plan_root){.kind = 0};
        l->n_roots++;
    }
    *ret_found = true;
    return 0;
}

/* Pods of before dependencies were pinned have no pins: there they mean what is here now. */
static int find_layers(const struct launch *l, size_t app, struct jp_strv *ret,
                       struct jp_error *err)
{
    JP_AUTO(jp_store_stack) stack = JP_STORE_STACK_INIT;
    JP_AUTO(jp_strv) pins = JP_STRV_INIT;
    const char *id = l->manifest.apps.items[app].image.id;
    bool has_some = l->images[app].dependencies.count > 0;
    if (has_some && jp_store_pod_pins(l->ctx->store, l->pod->uuid, &pins, err) < 0)
        return -1;
    if (jp_pod_image_stack(l->ctx, id, pins.count > 0 ? &pins : NULL, &stack, err) < 0)
        return -1;
    return jp_store_stack_layers(l->ctx->store, &stack, ret, err);
}

/* The apps of this run as the store knows them; names and ids are borrowed. */
static int select_apps(const struct launch *l, struct jp_store_pod *part,
                       struct jp_strv **ret_layers, struct jp_error *err)
{
    size_t count = l->manifest.apps.count;
    *part = *l->pod;
    part->n_apps = 0;
    part->apps = jp_calloc(count + 1, sizeof(*part->apps));
    *ret_layers = jp_calloc(count + 1, sizeof(**ret_layers));
    if (!part->apps || !*ret_layers)
        return jp_oom(err);
    for (size_t i = 0; i < count; i++) {
        const struct jp_runtime_app *app = &l->manifest.apps.items[i];
        if (!jp_pod_start_includes(l->options, app->name))
            continue;
        struct jp_strv *layers = &(*ret_layers)[part->n_apps];
        part->apps[part->n_apps++] = (struct jp_store_pod_app){app->name, app->image.id};
        if (find_layers(l, i, layers, err) < 0)
            return jp_wrap(err, "app '%s'", app->name);
    }
    if (part->n_apps == 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "pod '%s' has no app '%s'", l->pod->name,
                       l->options->only_app ? l->options->only_app : "");
    return 0;
}

static int clone_roots(struct launch *l, struct jp_error *err)
{
    struct jp_store_pod part;
    struct jp_strv *layers = NULL;
    int result = select_apps(l, &part, &layers, err);
    if (result == 0 && !(l->roots = jp_calloc(part.n_apps, sizeof(*l->roots))))
        result = jp_oom(err);
    if (result == 0) {
        l->n_roots = part.n_apps;
        result = jp_store_pod_clone(l->ctx->store, &part, layers, l->roots, err);
    }
    for (size_t i = 0; layers && i < part.n_apps; i++)
        jp_strv_clear(&layers[i]);
    free(layers);
    free(part.apps);
    return result;
}

static int furnish(const struct launch *l, struct jp_error *err)
{
    struct jp_store_clone clone = JP_STORE_CLONE_INIT;
    const struct jp_pod_start *o = l->options;
    if (!o->furnish)
        return 0;
    if (jp_store_clone_open(l->ctx->store, l->pod, l->manifest.apps.items[0].name, &clone, err) < 0)
        return -1;
    int r = o->furnish(o->furnish_context, clone.fd, err);
    jp_store_clone_clear(&clone);
    return r;
}

static int make_roots(struct launch *l, struct jp_error *err)
{
    if (l->options->without_apps && take_kept_roots(l, &l->is_kept, err) < 0)
        return -1;
    if (l->is_kept)
        return jp_store_pod_mount(l->pod_fd, err);
    if (jp_sys.unlinkat(l->pod_fd, JP_POD_KEPT_FILE, 0) < 0 && errno != ENOENT)
        return jp_fail_sys(err, "remove '%s'", JP_POD_KEPT_FILE);
    return clone_roots(l, err) < 0 ? -1 : furnish(l, err);
}

static int note_kept(struct launch *l, struct jp_error *err)
{
    struct jp_buf bytes = JP_BUF_INIT;
    if (!l->options->keep)
        return 0;
    int result = jp_plan_encode(&l->plan, &bytes, err);
    if (result == 0)
        result =
            jp_file_replace(l->pod_fd, JP_POD_KEPT_FILE, bytes.data, bytes.len, 0600, true, err);
    jp_buf_clear(&bytes);
    return result;
}

/* ---- a clean root for an app that is started again ---- */

/* `exec` on the ended pod shall see the last root of each app. */
static int replace_kept(int pod_fd, const char *app, const struct jp_plan_root *root,
                        struct jp_error *err)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    JP_AUTO(jp_buf) copy = JP_BUF_INIT;
    JP_AUTO(jp_plan) kept = JP_PLAN_INIT;
    struct jp_plan_root fresh = {.kind = 0};
    if (faccessat(pod_fd, JP_POD_KEPT_FILE, F_OK, 0) < 0)
        return 0;
    if (jp_file_read(pod_fd, JP_POD_KEPT_FILE, JP_POD_KEPT_MAX, &bytes, err) < 0 ||
        jp_plan_decode(bytes.data, bytes.len, &kept, err) < 0 ||
        jp_renewal_encode(root, &copy, err) < 0)
        return -1;
    for (size_t i = 0; i < kept.n_apps; i++) {
        if (strcmp(kept.apps[i].name, app) != 0)
            continue;
        if (jp_renewal_decode(&copy, &fresh, err) < 0)
            return -1;
        jp_plan_root_take(&kept.apps[i].root, &fresh);
    }
    jp_buf_clear(&bytes);
    if (jp_plan_encode(&kept, &bytes, err) < 0)
        return -1;
    return jp_file_replace(pod_fd, JP_POD_KEPT_FILE, bytes.data, bytes.len, 0600, true, err);
}

static int reclone(struct launch *l, struct jp_plan_root *root, struct jp_error *err)
{
    struct jp_store_pod part;
    struct jp_strv *layers = NULL;
    int result = select_apps(l, &part, &layers, err);
    if (result == 0)
        result = jp_store_pod_reclone(l->ctx->store, &part, layers, root, err);
    for (size_t i = 0; layers && i < part.n_apps; i++)
        jp_strv_clear(&layers[i]);
    free(layers);
    free(part.apps);
    return result;
}

int jp_pod_renew_root(const struct jp_pod_context *ctx, const char *uuid, const char *app,
                      struct jp_buf *ret, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    struct jp_plan_root root = {.kind = 0};
    const struct jp_pod_start options = {.only_app = app};
    __attribute__((__cleanup__(launch_clear))) struct launch l = {.ctx = ctx,
                                                                  .pod = &pod,
                                                                  .options = &options,
                                                                  .pod_fd = -1,
                                                                  .lock_fd = -1,
                                                                  .mailbox_fd = -1};
    if (jp_store_pod_find(ctx->store, uuid, &pod, err) < 0 ||
        jp_store_pod_open(ctx->store, pod.uuid, &l.pod_fd, err) < 0 || load(&l, err) < 0)
        return -1;
    int result = reclone(&l, &root, err);
    if (result == 0)
        result = replace_kept(l.pod_fd, app, &root, err);
    if (result == 0)
        result = jp_renewal_encode(&root, ret, err);
    jp_plan_root_clear(&root);
    return result;
}

/* ---- isolators ---- */

struct strictness {
    const struct jp_pod_context *ctx;
    bool is_strict;
};

static int judge(void *context, const char *app, const char *isolator, enum jp_verdict verdict,
                 const char *reason, struct jp_error *err)
{
    const struct strictness *s = context;
    if (verdict == JP_VERDICT_ENFORCED)
        return 0;
    const char *what = verdict == JP_VERDICT_IGNORED ? "ignored" : "modified";
    if (s->is_strict && verdict == JP_VERDICT_IGNORED)
        return jp_fail(err, JP_EUNSUPPORTED, 0,
                       "%s%s%sisolator '%s' would be %s (%s), and the pod "
                       "is strict",
                       app ? "app '" : "", app ? app : "", app ? "': " : "", isolator, what,
                       reason ? reason : "");
    jp_pod_say(s->ctx, JP_POD_WARNING, "%s%s%sisolator '%s' is %s: %s", app ? "app '" : "",
               app ? app : "", app ? "': " : "", isolator, what, reason ? reason : "");
    return 0;
}

static void warn_of_metadata(const struct launch *l)
{
    if (l->identity.url && !l->identity.file && !l->options->without_apps)
        jp_pod_say(l->ctx, JP_POD_WARNING, "the pod %s: nothing answers at its AC_METADATA_URL",
                   l->pod->address ? "does not reach the host (macvlan)" : "has no network");
}

static int make_plan(struct launch *l, struct jp_error *err)
{
    warn_of_metadata(l);
    struct strictness s = {l->ctx, l->ctx->is_strict || jp_pod_is_on(jp_pod_manifest_annotation(
                                                            &l->manifest, JP_NOTE_STRICT))};
    struct jp_pod_verdicts verdicts = {judge, &s};
    struct jp_pod_plan_request request = {
        .pod = l->pod,
        .manifest = &l->manifest,
        .images = l->images,
        .start = l->options,
        .roots = l->roots,
        .pod_path = l->path,
        .is_strict = s.is_strict,
        .is_kept = l->is_kept,
        .identity = &l->identity,
        .names = l->names,
    };
    return jp_pod_plan_make(l->ctx, &request, &verdicts, &l->plan, err);
}

/* ---- the start ---- */

static int check_chosen(const struct launch *l, const char *choice, struct jp_error *err)
{
    if (!choice)
        return 0;
    if (choice[0] == '\0') {
        if (l->manifest.apps.count == 1 || l->options->only_app)
            return 0;
        return jp_fail(err, JP_EAMBIGUOUS, 0,
                       "pod '%s' has several apps: say which one gets the terminal", l->pod->name);
    }
    if (!jp_pod_manifest_find_app(&l->manifest, choice))
        return jp_fail(err, JP_ENOTFOUND, 0, "pod '%s' has no app '%s'", l->pod->name, choice);
    return 0;
}

/* What a killed supervisor of an earlier run left must be gone before the names are used again. */
static int gather(struct launch *l, struct jp_error *err)
{
    if (jp_pod_mend(l->ctx, l->pod, l->pod_fd, NULL, err) < 0 || load(l, err) < 0 ||
        check_chosen(l, l->options->tty_app, err) < 0 ||
        check_chosen(l, l->options->stdin_app, err) < 0 ||
        jp_pod_volumes_check(&l->manifest, err) < 0 ||
        jp_pod_volumes_make(l->ctx->store, l->pod_fd, &l->manifest, err) < 0 ||
        jp_pod_check_interrupt(l->ctx, err) < 0 || make_roots(l, err) < 0 ||
        jp_pod_identity_make(l->ctx, l->pod, &l->manifest, &l->identity, err) < 0 ||
        jp_pod_names_enter(l->ctx, l->pod, &l->manifest, &l->names, err) < 0 ||
        make_plan(l, err) < 0 || jp_pod_publish(l->ctx, &l->plan, &l->mailbox_fd, err) < 0 ||
        note_kept(l, err) < 0 ||
        jp_pod_register(l->ctx, &l->identity, l->pod, &l->manifest, l->images, err) < 0)
        return -1;
    return jp_pod_check_interrupt(l->ctx, err);
}

/* What others could know of a start that came to nothing. The pod's lock is held. */
static void forget(const struct jp_pod_context *ctx, const char *uuid)
{
    jp_pod_unregister(ctx, uuid);
    jp_pod_names_leave(ctx, uuid);
}

/* Waits for STARTED. Closing the socket makes the supervisor undo everything. */
static int await_start(struct launch *l, struct jp_error *err)
{
    JP_AUTO(jp_control_message) message = JP_CONTROL_MESSAGE_INIT;
    for (;;) {
        int n = jp_wait_readable(l->session->socket, -1, l->ctx->interrupted, err);
        if (n < 0 || (n = jp_pod_await(l->session->socket, &message, err)) < 0)
            return -1;
        if (n == 0)
            return jp_fail(err, JP_ESYS, ECONNRESET, "the supervisor died while starting");
        if (message.type == JP_CONTROL_STARTED)
            return 0;
        if (message.type == JP_CONTROL_WARNING)
            jp_pod_tell_warning(l->ctx, &message);
        if (message.type == JP_CONTROL_ENDED) {
            l->session->has_ended = true;
            l->session->status = (int)message.number;
            return 0;
        }
    }
}

static int let_go(struct launch *l, struct jp_error *err)
{
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    message.type = JP_CONTROL_DETACH;
    JP_AUTO(jp_error) local = JP_ERROR_INIT;
    /* Said also to one that has ended meanwhile: it may have to remove itself. */
    if (jp_control_send(l->session->socket, &message, &local) < 0 && local.sys != EPIPE &&
        local.sys != ECONNRESET) {
        jp_error_move(err, &local);
        return -1;
    }
    return 0;
}

static int launch(struct launch *l, struct jp_error *err)
{
    const struct jp_pod_start *o = l->options;
    bool is_attached = !o->is_detached && !o->without_apps;
    struct jp_pod_spawn spawn = {
        .plan = &l->plan,
        .pod_fd = l->pod_fd,
        .lock_fd = l->lock_fd,
        .mailbox_fd = l->mailbox_fd,
        .wants_output = is_attached,
        .has_stdin = is_attached && (o->tty_app || o->stdin_app),
        .window = o->tty_app ? (int64_t)o->rows << 16 | o->columns : 0,
    };
    if (jp_pod_supervisor_spawn(l->ctx, &spawn, &l->session, err) < 0)
        return -1;
    l->session->ctx = l->ctx;
    /* From here on the lock is the supervisor's alone, and so are the ports. */
    jp_fd_close(&l->lock_fd);
    jp_fd_close(&l->mailbox_fd);
    if (is_attached) {
        l->session->has_tty = o->tty_app != NULL;
        return 0;
    }
    if (await_start(l, err) < 0)
        return -1;
    return o->is_detached ? let_go(l, err) : 0;
}

/* lock_fd: the pod's lock, or -1: it is still to be taken. */
static int start(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                 const struct jp_pod_start *options, int lock_fd, struct jp_pod_session **ret,
                 struct jp_error *err)
{
    __attribute__((__cleanup__(launch_clear))) struct launch l = {.ctx = ctx,
                                                                  .pod = pod,
                                                                  .options = options,
                                                                  .pod_fd = -1,
                                                                  .lock_fd = lock_fd,
                                                                  .mailbox_fd = -1};
    if (jp_store_pod_open(ctx->store, pod->uuid, &l.pod_fd, err) < 0 ||
        (lock_fd < 0 && (l.lock_fd = jp_pod_lock_calm(ctx, pod, l.pod_fd, err)) < 0))
        return -1;
    if (gather(&l, err) < 0) {
        forget(ctx, pod->uuid);
        return -1;
    }
    if (launch(&l, err) < 0) {
        /* The supervisor undoes its work when its owner is gone; the lock tells when it is done. */
        jp_pod_session_free(l.session);
        jp_fd_close(&l.lock_fd); /* still ours when no supervisor could be made */
        struct jp_pod_context calm = *ctx;
        calm.interrupted = NULL;
        int lock = jp_pod_lock_wait(&calm, l.pod_fd, 10000, NULL);
        if (lock >= 0)
            forget(ctx, pod->uuid);
        jp_fd_close(&lock);
        return -1;
    }
    *ret = l.session;
    return 0;
}

int jp_pod_start(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                 const struct jp_pod_start *options, struct jp_pod_session **ret,
                 struct jp_error *err)
{
    if (start(ctx, pod, options, -1, ret, err) < 0)
        return jp_wrap(err, "start pod '%s'", pod->name);
    return 0;
}

int jp_pod_start_without_apps(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                              int lock_fd, struct jp_pod_session **ret, struct jp_error *err)
{
    struct jp_pod_start options = {.without_apps = true};
    struct jp_pod_session *session = NULL;
    if (start(ctx, pod, &options, lock_fd, &session, err) < 0)
        return jp_wrap(err, "start pod '%s'", pod->name);
    session->is_without_apps = true;
    *ret = session;
    return 0;
}
