/*
 * What a client may ask of a supervisor (plan/control.h), one function a request.
 *
 * The peer is root; what it sends is still taken as foreign: indexes come from names that are
 * looked up, numbers are checked, and whatever does not belong is answered by FAILED.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "stage1/supervisor.h"
#include "sys/fd.h"
#include "sys/path.h"

#define MAX_SIGNAL 128 /* beyond any system's signals */

static void answer(struct jp_client *client, enum jp_control_type type)
{
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    message.type = (uint8_t)type;
    jp_client_post(client, &message);
}

static void answer_failure(struct jp_client *client, const struct jp_error *error)
{
    JP_AUTO_FREE char *text = jp_strdup(jp_error_text(error));
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    message.type = JP_CONTROL_FAILED;
    message.number = error->code;
    message.data = (unsigned char *)text;
    message.data_len = text ? strlen(text) : 0;
    if (message.data_len > JP_CONTROL_MAX_DATA)
        message.data_len = JP_CONTROL_MAX_DATA;
    jp_client_post(client, &message);
}

void jp_request_answer(struct jp_client *client, const struct jp_error *error)
{
    if (error)
        answer_failure(client, error);
    else
        answer(client, JP_CONTROL_OK);
}

static int find_app(const struct jp_supervisor *s, const char *name, size_t *ret,
                    struct jp_error *err)
{
    for (size_t i = 0; i < s->plan.n_apps; i++) {
        if (strcmp(s->plan.apps[i].name, name) == 0) {
            *ret = i;
            return 0;
        }
    }
    return jp_fail(err, JP_ENOTFOUND, 0, "no app '%s' in this pod", name);
}

/* The main process of an app, or NULL; children that are being drained count as gone. */
static struct jp_child *main_of(const struct jp_supervisor *s, size_t app)
{
    struct jp_app *a = &s->apps[app];
    return a->state == JP_APP_RUNNING ? a->child : NULL;
}

static void greet(const struct jp_supervisor *s, struct jp_client *client)
{
    client->has_greeted = true;
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    message.type = JP_CONTROL_HELLO;
    message.number = JP_CONTROL_VERSION;
    message.flags = s->plan.without_apps ? JP_CONTROL_F_WITHOUT_APPS : 0;
    jp_client_post(client, &message);
}

/* Where the input of a client goes: its exec's program, or the main process it is attached to. */
static struct jp_child *target(const struct jp_supervisor *s, const struct jp_client *client)
{
    if (client->session || !client->is_attached)
        return client->session;
    if (client->attached_app != SIZE_MAX)
        return main_of(s, client->attached_app);
    for (size_t i = 0; i < s->plan.n_apps; i++) {
        if (s->plan.apps[i].has_tty || s->plan.apps[i].has_stdin)
            return main_of(s, i);
    }
    return NULL;
}

/* The size is also kept for an app that does not run yet. */
static void resize(struct jp_supervisor *s, const struct jp_client *client, int64_t window,
                   bool redraws)
{
    struct jp_child *child = target(s, client);
    if (window <= 0 || window > UINT32_MAX)
        return;
    if (!client->session && (client->is_owner || client->is_attached))
        s->window = (uint32_t)window;
    if (child)
        jp_child_resize(child, (uint32_t)window, redraws);
}

static int attach(struct jp_supervisor *s, struct jp_client *client,
                  const struct jp_control_message *message, struct jp_error *err)
{
    size_t app = SIZE_MAX;
    if (message->app && find_app(s, message->app, &app, err) < 0)
        return -1;
    if (client->is_attached || client->session)
        return jp_fail(err, JP_EINVALID, 0, "this connection has a session already");
    client->attached_app = app;
    client->is_attached = true;
    resize(s, client, message->number, /* redraws= */ true);
    return 0;
}

static void input(const struct jp_supervisor *s, struct jp_client *client,
                  const struct jp_control_message *message)
{
    struct jp_child *child = target(s, client);
    client->is_early = client->feeds != NULL;
    if (child && child->role == JP_ROLE_MAIN && message->data_len == 0)
        s->apps[child->app].input_is_over = !child->has_tty;
    if (child && jp_child_feed(child, message->data, message->data_len))
        client->feeds = child;
    else if (!client->feeds)
        answer(client, JP_CONTROL_TAKEN);
}

static int send_signal(struct jp_supervisor *s, const struct jp_client *client,
                       const struct jp_control_message *message, struct jp_error *err)
{
    int signal = (int)message->number;
    if (message->number < 1 || message->number > MAX_SIGNAL)
        return jp_fail(err, JP_EINVALID, 0, "no such signal");
    if (client->session) {
        jp_child_signal(client->session, signal);
        return 0;
    }
    size_t only = SIZE_MAX;
    if (message->app && find_app(s, message->app, &only, err) < 0)
        return -1;
    for (size_t i = 0; i < s->plan.n_apps; i++) {
        if ((only == SIZE_MAX || only == i) && main_of(s, i))
            jp_child_signal(main_of(s, i), signal);
    }
    return 0;
}

static int set_limits(struct jp_supervisor *s, const struct jp_control_message *message,
                      struct jp_error *err)
{
    size_t app = SIZE_MAX;
    if (message->app && find_app(s, message->app, &app, err) < 0)
        return -1;
    return jp_limits_change(s, app, message, err);
}

/* Answered when the app runs. */
static int restart(struct jp_supervisor *s, struct jp_client *client,
                   const struct jp_control_message *message, struct jp_error *err)
{
    size_t app = 0;
    if (message->app && find_app(s, message->app, &app, err) < 0)
        return -1;
    return jp_restart_order(s, client, app, message->number, err);
}

/* True when `path` is a regular file in the root that somebody may execute. */
static bool is_program(int root_fd, const char *path)
{
    /* O_NONBLOCK: an image may have put a FIFO there. */
    JP_AUTO_FD int fd = jp_path_open(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, NULL);
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

/* Login, else the user's shell, else /bin/sh, else 127. */
static int choose_shell(const struct jp_app *app, struct jp_identity *identity, bool has_tty,
                        struct jp_strv *argv, struct jp_error *err)
{
    const char *name = identity->name;
    if (has_tty && name && name[0] != '-' && is_program(app->root_fd, "/usr/bin/login")) {
        /* Not "-fp": the login of shadow, which Debian has, takes the name as an argument of -f. */
        if (jp_strv_add(argv, "/usr/bin/login") < 0 || jp_strv_add(argv, "-p") < 0 ||
            jp_strv_add(argv, "-f") < 0 || jp_strv_add(argv, name) < 0)
            return jp_oom(err);
        identity->uid = identity->gid = 0; /* login itself becomes the user */
        identity->n_groups = 1;
        identity->groups[0] = 0;
        return 0;
    }
    const char *shell = identity->shell;
    if (!shell || shell[0] != '/' || !is_program(app->root_fd, shell))
        shell = "/bin/sh";
    if (!is_program(app->root_fd, shell))
        return jp_fail(err, JP_ENOPROGRAM, 0,
                       "the image has neither /usr/bin/login nor a shell: name a program to run");
    return jp_strv_add(argv, shell) < 0 ? jp_oom(err) : 0;
}

static int copy_identity(const struct jp_identity *from, struct jp_identity *ret,
                         struct jp_error *err)
{
    struct jp_identity copy = {.uid = from->uid, .gid = from->gid, .n_groups = from->n_groups};
    copy.groups = jp_calloc(from->n_groups, sizeof(*copy.groups));
    copy.name = jp_strdup(from->name);
    copy.home = jp_strdup(from->home);
    copy.shell = jp_strdup(from->shell);
    if (!copy.groups || (from->name && !copy.name) || (from->home && !copy.home) ||
        (from->shell && !copy.shell)) {
        jp_identity_clear(&copy);
        return jp_oom(err);
    }
    memcpy(copy.groups, from->groups, from->n_groups * sizeof(*copy.groups));
    *ret = copy;
    return 0;
}

/* Environment of the app, with the user's own variables and those of the request over it. */
static int make_env(const struct jp_app *app, const struct jp_control_message *message,
                    const struct jp_identity *identity, struct jp_strv *env, struct jp_error *err)
{
    if (jp_strv_extend(env, app->plan->env.items, app->plan->env.count) < 0)
        return jp_oom(err);
    if (message->user && jp_identity_add_env(identity, /* replaces= */ true, env, err) < 0)
        return -1;
    for (size_t i = 0; i < message->env.count; i++) {
        if (!strchr(message->env.items[i], '=') || message->env.items[i][0] == '=')
            return jp_fail(err, JP_EINVALID, 0, "'%s' is not NAME=VALUE", message->env.items[i]);
        if (jp_env_set(env, message->env.items[i]) < 0)
            return jp_oom(err);
    }
    return 0;
}

struct exec {
    struct jp_identity identity;
    struct jp_strv argv;
    struct jp_strv env;
};

static void exec_clear(struct exec *exec)
{
    jp_identity_clear(&exec->identity);
    jp_strv_clear(&exec->argv);
    jp_strv_clear(&exec->env);
}

/* One that could not be started again has none until it can. */
static int check_root(const struct jp_app *app, struct jp_error *err)
{
    if (app->root_fd >= 0)
        return 0;
    return jp_fail(err, JP_EBUSY, 0,
                   "app '%s' has no root file system: it could not be started again",
                   app->plan->name);
}

static int prepare_exec(const struct jp_app *app, const struct jp_control_message *message,
                        struct exec *exec, struct jp_error *err)
{
    int r = message->user ? jp_identity_of_text(message->user, app->root_fd, &exec->identity, err)
                          : copy_identity(&app->identity, &exec->identity, err);
    if (r < 0 || make_env(app, message, &exec->identity, &exec->env, err) < 0)
        return -1;
    if (message->argv.count > 0)
        return jp_strv_extend(&exec->argv, message->argv.items, message->argv.count) < 0
                   ? jp_oom(err)
                   : 0;
    if (!(message->flags & JP_CONTROL_F_CONSOLE))
        return jp_fail(err, JP_EINVALID, 0, "no program named");
    return choose_shell(app, &exec->identity, message->flags & JP_CONTROL_F_TTY, &exec->argv, err);
}

static int launch_exec(struct jp_supervisor *s, struct jp_client *client, size_t index,
                       const struct jp_control_message *message, struct jp_error *err)
{
    struct jp_app *app = &s->apps[index];
    struct exec exec = {0};
    if (check_root(app, err) < 0)
        return -1;
    if (prepare_exec(app, message, &exec, err) < 0) {
        exec_clear(&exec);
        return -1;
    }
    struct jp_orders orders = jp_child_orders(app);
    orders.argv = exec.argv;
    orders.env = exec.env;
    orders.uid = exec.identity.uid;
    orders.gid = exec.identity.gid;
    orders.groups = exec.identity.groups;
    orders.n_groups = exec.identity.n_groups;
    if (message->cwd)
        orders.cwd = message->cwd;
    struct jp_launch launch = {
        .role = JP_ROLE_EXEC,
        .app = index,
        .orders = &orders,
        .has_tty = message->flags & JP_CONTROL_F_TTY,
        .has_stdin = message->flags & JP_CONTROL_F_STDIN,
        .window = (uint32_t)message->number,
    };
    struct jp_child *child;
    int r = jp_child_launch(s, &launch, &child, err);
    exec_clear(&exec);
    if (r < 0)
        return -1;
    child->session = client;
    client->session = child;
    return 0;
}

static int exec(struct jp_supervisor *s, struct jp_client *client,
                const struct jp_control_message *message, struct jp_error *err)
{
    size_t app = 0;
    if (message->app && find_app(s, message->app, &app, err) < 0)
        return -1;
    if (client->session || client->is_attached)
        return jp_fail(err, JP_EINVALID, 0, "this connection has a session already");
    if (s->phase >= JP_PHASE_STOPPING)
        return jp_fail(err, JP_EBUSY, 0, "the pod is being stopped");
    if (message->cwd && message->cwd[0] != '/')
        return jp_fail(err, JP_EINVALID, 0, "working directory '%s' is not absolute", message->cwd);
    return launch_exec(s, client, app, message, err);
}

static void leave(struct jp_client *client)
{
    client->is_needing = false;
    client->is_leaving = true;
    if (client->session)
        jp_child_signal(client->session, SIGKILL);
}

static void answer_root(const struct jp_supervisor *s, struct jp_client *client,
                        const struct jp_control_message *message)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    size_t app = 0;
    if ((message->app && find_app(s, message->app, &app, &err) < 0) ||
        check_root(&s->apps[app], &err) < 0) {
        answer_failure(client, &err);
        return;
    }
    if (s->apps[app].root_fd < 0) {
        jp_fail(&err, JP_EBUSY, 0, "the pod is being stopped");
        answer_failure(client, &err);
        return;
    }
    client->is_needing = true;
    struct jp_control_message reply = JP_CONTROL_MESSAGE_INIT;
    reply.type = JP_CONTROL_OK;
    reply.fd = s->apps[app].root_fd; /* lent */
    jp_client_post(client, &reply);
}

static void answer_status(const struct jp_supervisor *s, struct jp_client *client)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    int r = jp_record_text(s, &text, &err);
    if (r == 0 && text.len > JP_CONTROL_MAX_DATA)
        r = jp_fail(&err, JP_ELIMIT, 0, "the record is too long for a message: read the file");
    if (r < 0) {
        answer_failure(client, &err);
        return;
    }
    struct jp_control_message reply = JP_CONTROL_MESSAGE_INIT;
    reply.type = JP_CONTROL_STATE;
    reply.data = (unsigned char *)text.data;
    reply.data_len = text.len;
    jp_client_post(client, &reply);
}

/* The requests whose answer is OK or FAILED. */
static int carry_out(struct jp_supervisor *s, struct jp_client *client,
                     const struct jp_control_message *message, struct jp_error *err)
{
    switch (message->type) {
    case JP_CONTROL_ATTACH:
        return attach(s, client, message, err);
    case JP_CONTROL_EXEC:
        return exec(s, client, message, err);
    case JP_CONTROL_SIGNAL:
        return send_signal(s, client, message, err);
    case JP_CONTROL_SET:
        return set_limits(s, message, err);
    case JP_CONTROL_STOP:
        jp_apps_stop(s, message->number);
        return 0;
    case JP_CONTROL_KILL:
        jp_apps_kill(s);
        return 0;
    default:
        return jp_fail(err, JP_EUNSUPPORTED, 0, "unknown request %u", message->type);
    }
}

/* A pod without its apps that ends because nobody needed it: who asks now is told ENDED soon. */
static bool comes_too_late(const struct jp_supervisor *s, const struct jp_control_message *message)
{
    bool needs_pod = message->type == JP_CONTROL_EXEC || message->type == JP_CONTROL_ROOT;
    return needs_pod && s->plan.without_apps && s->phase >= JP_PHASE_STOPPING;
}

void jp_request(struct jp_supervisor *s, struct jp_client *client,
                struct jp_control_message *message)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (!client->has_greeted && message->type != JP_CONTROL_HELLO) {
        jp_client_drop(s, client);
        return;
    }
    if (comes_too_late(s, message))
        return;
    switch (message->type) {
    case JP_CONTROL_HELLO:
        greet(s, client);
        break;
    case JP_CONTROL_INPUT:
        input(s, client, message);
        break;
    case JP_CONTROL_RESIZE:
        resize(s, client, message->number, /* redraws= */ false);
        break;
    case JP_CONTROL_DETACH:
        s->is_let_go |= client->is_owner;
        break;
    case JP_CONTROL_STATUS:
        answer_status(s, client);
        break;
    case JP_CONTROL_RESTART:
        if (restart(s, client, message, &err) < 0)
            jp_request_answer(client, &err);
        break;
    case JP_CONTROL_ROOT:
        answer_root(s, client, message);
        break;
    case JP_CONTROL_LEAVE:
        leave(client);
        break;
    default:
        jp_request_answer(client, carry_out(s, client, message, &err) < 0 ? &err : NULL);
        break;
    }
}
