/*
 * build: a command in a pod on a base image makes a new image.
 *
 * The pod is owned: whatever ends this process, gc removes it. Its root is filled before anything
 * runs in it and read when everything in it is dead: nothing that the command does can lead us out
 * of the root, or change what we read.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appc/json.h"
#include "appc/removed.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/random.h"
#include "cli/bring.h"
#include "cli/cmd.h"
#include "cli/fetching.h"
#include "cli/making.h"
#include "cli/output.h"
#include "cli/passphrase.h"
#include "cli/stream.h"
#include "pod/request.h"
#include "pod/session.h"
#include "store/views.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/tree.h"

#define BUILD_DIR     ".jetpack.build."
#define MANIFEST_FILE "manifest.json"
#define APP_NAME      "build"
#define HOST_NAME     "jetpack-build" /* the pod's own is another one each time */

struct build {
    struct jp_cli *cli;
    char dir[sizeof(BUILD_DIR) + JP_UUID_SIZE]; /* below the root */
    struct jp_cli_bring bring;
    struct jp_strv http_hosts; /* of it */
    char *image_id;
    struct jp_store_pod pod;
    int owner_fd;
};

/* ---- the directory --------------------------------------------------------------------------- */

/* 1 when one of the image's layers has the name, 0, -1. */
static int is_taken(struct build *b, const char *name, struct jp_error *err)
{
    JP_AUTO(jp_store_stack) stack = JP_STORE_STACK_INIT;
    JP_AUTO(jp_strv) layers = JP_STRV_INIT;
    if (jp_pod_image_stack(&b->cli->pods, b->image_id, NULL, &stack, err) < 0 ||
        jp_store_stack_layers(b->cli->store, &stack, &layers, err) < 0)
        return -1;
    int *fds = jp_calloc(layers.count + 1, sizeof(*fds));
    if (!fds)
        return jp_oom(err);
    int r = jp_store_layers_open(b->cli->store, &layers, fds, err);
    for (size_t i = 0; r >= 0 && i < layers.count; i++) {
        struct stat st;
        r |= fstatat(fds[i], name, &st, AT_SYMLINK_NOFOLLOW) == 0;
        jp_fd_close(&fds[i]);
    }
    free(fds);
    return r;
}

static int choose_dir(struct build *b, struct jp_error *err)
{
    char uuid[JP_UUID_SIZE];
    (void)snprintf(b->dir, sizeof(b->dir), "%s", BUILD_DIR);
    int taken = is_taken(b, b->dir, err);
    if (taken <= 0)
        return taken;
    if (jp_uuid_new(uuid, err) < 0)
        return -1;
    (void)snprintf(b->dir, sizeof(b->dir), "%s%s", BUILD_DIR, uuid);
    return 0;
}

static int check_interrupt(const struct build *b, struct jp_error *err)
{
    return *b->cli->signals.interrupted ? jp_fail(err, JP_EINTERRUPTED, 0, "interrupted") : 0;
}

/* A directory's content, into a directory of ours. */
static int copy_content(const char *path, int to_fd, struct jp_error *err)
{
    JP_AUTO_FD int from_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return from_fd < 0 ? jp_fail_sys(err, "open '%s'", path)
                       : jp_tree_merge(from_fd, to_fd, /* is_tame= */ true, err);
}

/* A file as `name`; what is there of that name makes way. */
static int copy_file(const char *path, const char *name, int to_fd, struct jp_error *err)
{
    char resolved[PATH_MAX];
    if (!realpath(path, resolved))
        return jp_fail_sys(err, "open '%s'", path);
    char *own_name = strrchr(resolved, '/') + 1;
    JP_AUTO_FREE char *copy = jp_strdup(own_name);
    if (!copy)
        return jp_oom(err);
    own_name[-1] = '\0';
    JP_AUTO_FD int dir_fd = open(*resolved ? resolved : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return jp_fail_sys(err, "open the directory of '%s'", path);
    if (jp_tree_copy_entry(dir_fd, copy, to_fd, /* is_tame= */ true, err) < 0)
        return -1;
    if (strcmp(copy, name) != 0 && jp_sys.renameat(to_fd, copy, to_fd, name) < 0)
        return jp_fail_sys(err, "rename '%s'", copy);
    return 0;
}

/* -cp: a file or a directory, under its last name. */
static int copy_path(const char *path, int to_fd, struct jp_error *err)
{
    struct stat st;
    JP_AUTO_FREE char *copy = jp_strdup(path);
    if (!copy)
        return jp_oom(err);
    const char *name = basename(copy);
    if (stat(path, &st) < 0)
        return jp_fail_sys(err, "'%s'", path);
    if (!S_ISDIR(st.st_mode))
        return copy_file(path, name, to_fd, err);
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "/") == 0)
        return copy_content(path, to_fd, err);
    JP_AUTO_FD int dir_fd = jp_fd_make_dir(to_fd, name, 0755, err);
    return dir_fd < 0 ? -1 : copy_content(path, dir_fd, err);
}

static int fill(struct build *b, int dir_fd, struct jp_error *err)
{
    const struct jp_cli_args *args = &b->cli->args;
    const char *from = jp_cli_value(args, "dir");
    if (copy_content(from ? from : ".", dir_fd, err) < 0)
        return jp_wrap(err, "build directory");
    for (size_t i = 0; i < args->n_given; i++) {
        if (strcmp(args->given[i].option->name, "cp") != 0)
            continue;
        if (check_interrupt(b, err) < 0 || copy_path(args->given[i].value, dir_fd, err) < 0)
            return jp_wrap(err, "-cp");
    }
    return check_interrupt(b, err);
}

/* As with cp -R by root: the files are root's, whoever has them here. */
static int furnish(void *context, int tree_fd, struct jp_error *err)
{
    struct build *b = context;
    JP_AUTO_FD int dir_fd = jp_fd_make_dir(tree_fd, b->dir, 0700, err);
    if (dir_fd < 0 || fill(b, dir_fd, err) < 0 || jp_tree_own(dir_fd, 0, 0, err) < 0)
        return -1;
    return jp_sys.fchmod(dir_fd, 0700) < 0 ? jp_fail_sys(err, "set mode of '%s'", b->dir) : 0;
}

/* ---- the pod --------------------------------------------------------------------------------- */

/* The pod's or the app's option of that name; NULL: it is none of either. */
static const struct jp_pod_option_info *find_option(const char *name, enum jp_pod_scope scope)
{
    for (size_t i = 0; i < JP_POD_N_OPTIONS; i++)
        if ((jp_pod_options[i].scope & scope) && strcmp(jp_pod_options[i].name, name) == 0)
            return &jp_pod_options[i];
    return NULL;
}

/* Options that the pod has too are handed on. */
static int pass_options(struct build *b, struct jp_pod_request *request, enum jp_pod_scope scope,
                        struct jp_error *err)
{
    const struct jp_cli_args *args = &b->cli->args;
    for (size_t i = 0; i < args->n_given; i++) {
        const struct jp_cli_given *given = &args->given[i];
        const struct jp_pod_option_info *info = find_option(given->option->name, scope);
        if (info && jp_pod_request_set(request, info->option, given->value, err) < 0)
            return -1;
    }
    return 0;
}

/* The words of the command as --exec takes them. */
static char *command_json(const struct build *b, struct jp_error *err)
{
    json_t *list = json_array();
    for (size_t i = 1; i < b->cli->args.n_words; i++)
        if (json_array_append_new(list, json_string(b->cli->args.words[i])) < 0) {
            json_decref(list);
            (void)jp_fail(err, JP_EINVALID, 0, "a word of the command is not UTF-8");
            return NULL;
        }
    char *text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    if (!text)
        (void)jp_oom(err);
    return text;
}

static int set_app(struct build *b, struct jp_pod_request *request, struct jp_error *err)
{
    JP_AUTO_FREE char *exec = command_json(b, err);
    JP_AUTO_FREE char *workdir = jp_format("/%s", b->dir);
    if (!exec || !workdir)
        return exec ? jp_oom(err) : -1;
    const struct {
        enum jp_pod_option option;
        const char *value;
    } settings[] = {{JP_POD_OPT_NAME, APP_NAME},
                    {JP_POD_OPT_EXEC, exec},
                    {JP_POD_OPT_USER, "0"},
                    {JP_POD_OPT_GROUP, "0"},
                    {JP_POD_OPT_WORKDIR, workdir}};
    for (size_t i = 0; i < JP_LEN(settings); i++)
        if (jp_pod_request_set(request, settings[i].option, settings[i].value, err) < 0)
            return -1;
    return pass_options(b, request, JP_POD_SCOPE_APP, err);
}

/* What a build may do in a jail beyond others, as ports and packages need it. */
static int allow_on_freebsd(struct jp_pod_request *request, struct jp_error *err)
{
    static const char *const notes[] = {"jetpack/jail.conf/allow.chflags=true",
                                        "jetpack/jail.conf/securelevel=0"};
    for (size_t i = 0; strcmp(jp_pod_host_os(), "freebsd") == 0 && i < JP_LEN(notes); i++)
        if (jp_pod_request_set(request, JP_POD_OPT_ANNOTATION, notes[i], err) < 0)
            return -1;
    return 0;
}

static int request_pod(struct build *b, struct jp_pod_request *request, struct jp_error *err)
{
    if ((!jp_cli_has(&b->cli->args, "hostname") &&
         jp_pod_request_set(request, JP_POD_OPT_HOSTNAME, HOST_NAME, err) < 0) ||
        allow_on_freebsd(request, err) < 0 || pass_options(b, request, JP_POD_SCOPE_POD, err) < 0 ||
        jp_pod_request_image(request, b->image_id, err) < 0)
        return -1;
    jp_pod_request_blank(request);
    return set_app(b, request, err);
}

static int prepare(struct build *b, struct jp_error *err)
{
    struct jp_pod_request request = JP_POD_REQUEST_INIT;
    int r = request_pod(b, &request, err);
    if (r == 0)
        r = jp_pod_prepare_owned(&b->cli->pods, &request, &b->pod, &b->owner_fd, err);
    jp_pod_request_clear(&request);
    return r;
}

/* ---- the command ----------------------------------------------------------------------------- */

/* On the caller's terminal, when there is one on both sides. */
static int run_command(struct build *b, int *ret_status, struct jp_error *err)
{
    bool has_tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    struct jp_cli_window window = jp_cli_window();
    struct jp_pod_start options = {
        .keep = true,
        .furnish = furnish,
        .furnish_context = b,
        .tty_app = has_tty ? "" : NULL,
        .stdin_app = "",
        .rows = window.rows,
        .columns = window.columns,
        .term = window.term,
    };
    JP_AUTO_PTR(jp_pod_session) session = NULL;
    if (jp_pod_start(&b->cli->pods, &b->pod, &options, &session, err) < 0)
        return -1;
    enum jp_pod_end end;
    struct jp_cli_stream stream = {.is_raw = true};
    struct jp_pod_relay relay = {
        .input = STDIN_FILENO,
        .terminal = has_tty ? STDIN_FILENO : -1,
        .signals = b->cli->signals.fd,
        .output = jp_cli_stream_output,
        .context = &stream,
    };
    int r = jp_pod_session_relay(session, &relay, &end, ret_status, err);
    jp_cli_stream_clear(&stream);
    return r;
}

/* ---- the image ------------------------------------------------------------------------------- */

/*
 * The label is not there, or it says that the image shall have none (""): then it is taken out.
 * *ret_takes: the parent's is for us.
 */
static void look_for_label(json_t *manifest, const char *name, bool *ret_takes)
{
    json_t *labels = json_object_get(manifest, "labels");
    *ret_takes = true;
    for (size_t i = 0; i < json_array_size(labels); i++) {
        const json_t *label = json_array_get(labels, i);
        const char *has = json_string_value(json_object_get(label, "name"));
        const char *value = json_string_value(json_object_get(label, "value"));
        if (!has || !value || strcmp(has, name) != 0)
            continue;
        *ret_takes = false;
        if (*value == '\0')
            (void)json_array_remove(labels, i--);
    }
}

static int parse_manifest(const struct jp_buf *text, struct jp_image_manifest *m, bool takes[2],
                          struct jp_error *err)
{
    json_t *manifest = NULL;
    JP_AUTO(jp_buf) edited = JP_BUF_INIT;
    if (jp_json_load(jp_buf_text(text), text->len, JP_MANIFEST_MAX, &manifest, err) < 0)
        return -1;
    look_for_label(manifest, "os", &takes[0]);
    look_for_label(manifest, "arch", &takes[1]);
    jp_json_dump(manifest, false, &edited);
    json_decref(manifest);
    if (jp_buf_failed(&edited))
        return jp_oom(err);
    if (jp_image_manifest_parse(jp_buf_text(&edited), edited.len, m, err) < 0)
        return -1;
    if (m->path_whitelist.count > 0)
        return jp_fail(err, JP_EINVALID, 0, "the pathWhitelist is made by build");
    if (jp_image_manifest_annotation(m, JP_REMOVED_ANNOTATION))
        return jp_fail(err, JP_EINVALID, 0,
                       "the annotation '" JP_REMOVED_ANNOTATION "' is made by build");
    return 0;
}

static int read_manifest(struct build *b, int tree_fd, struct jp_image_manifest *m, bool takes[2],
                         struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    uint64_t max = jp_config_u64(b->cli->config, "images.max-manifest");
    /* Neither is followed when it is a link now. */
    JP_AUTO_FD int dir_fd = jp_fd_open_dir(tree_fd, b->dir, &why);
    if (dir_fd < 0 || jp_file_read(dir_fd, MANIFEST_FILE, max, &text, &why) < 0)
        return why.sys == ENOENT
                   ? jp_fail(err, JP_ENOTFOUND, 0,
                             "the command left no " MANIFEST_FILE " in the build directory")
                   : jp_fail(err, why.code, 0, MANIFEST_FILE ": %s", jp_error_text(&why));
    return parse_manifest(&text, m, takes, err) < 0 ? jp_wrap(err, MANIFEST_FILE) : 0;
}

static int make_image(struct build *b, const struct jp_pod_tree *tree, struct jp_error *err)
{
    bool takes[2];
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    struct jp_making making = {
        .pod = &b->pod,
        .app = APP_NAME,
        .without = b->dir,
        .tree = tree,
        .parent = JP_IMAGE_MANIFEST_INIT,
        .is_reproducible = jp_cli_has(&b->cli->args, "reproducible"),
    };
    int r = read_manifest(b, tree->clone.fd, &m, takes, err);
    if (r == 0)
        r = jp_making_open(b->cli, &making, err);
    if (r == 0)
        r = jp_making_finish(b->cli, &making, &m, takes, err);
    jp_making_clear(&making);
    return r;
}

/* Of what the pod has become, when nothing in it lives any more. */
static int make_image_of_pod(struct build *b, struct jp_error *err)
{
    struct jp_pod_tree tree = {.clone = JP_STORE_CLONE_INIT, .lock_fd = -1};
    if (jp_pod_stop(&b->cli->pods, &b->pod, 0, err) < 0 ||
        jp_pod_tree_open(&b->cli->pods, &b->pod, APP_NAME, &tree, err) < 0)
        return -1;
    int r = tree.lock_fd >= 0
                ? make_image(b, &tree, err)
                : jp_fail(err, JP_EBUSY, 0, "somebody is at work in pod '%s'", b->pod.name);
    jp_pod_tree_clear(&tree);
    return r;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int find_parent(struct build *b, struct jp_error *err)
{
    JP_AUTO(jp_store_images) found = {NULL, 0};
    JP_AUTO_FREE char *word = jp_strdup(b->cli->args.words[0]);
    b->bring = (struct jp_cli_bring){
        .cli = b->cli,
        .allows_unsigned = jp_cli_has(&b->cli->args, "allow-unsigned"),
        .http_hosts = &b->http_hosts,
    };
    if (!word)
        return jp_oom(err);
    if (jp_cli_passphrase(b->cli, &b->bring.passphrase, err) < 0 ||
        jp_cli_http_hosts(&b->cli->args, &b->http_hosts, err) < 0 ||
        jp_cli_bring_absent(b->cli, &b->bring, err) < 0 ||
        jp_cli_bring_place(&b->bring, &word, err) < 0 ||
        jp_pod_find_image(jp_cli_pods(b->cli, err), word, &found, err) < 0)
        return -1;
    b->image_id = jp_strdup(found.items[0].id);
    return b->image_id ? 0 : jp_oom(err);
}

/* The command's status, 0 with an image, -1. */
static int build(struct build *b, struct jp_error *err)
{
    int status = 0;
    if (find_parent(b, err) < 0)
        return -1;
    if (choose_dir(b, err) < 0 || prepare(b, err) < 0 || run_command(b, &status, err) < 0)
        return -1;
    if (status != 0)
        return jp_pod_exit_code(status);
    return check_interrupt(b, err) < 0 ? -1 : make_image_of_pod(b, err);
}

/* What a failed build leaves: nothing, or with -keep its pod. The first error is the one told. */
static int clean_up(struct build *b, int result, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    struct jp_pod_context calm = b->cli->pods;
    calm.interrupted = NULL;
    bool keeps = result != 0 && jp_cli_has(&b->cli->args, "keep");
    int r = keeps ? jp_pod_disown(&calm, &b->pod, &b->owner_fd, &why)
                  : jp_pod_destroy(&calm, &b->pod, &why);
    if (r == 0 && keeps)
        (void)fprintf(stderr, "jetpack: build: its pod is kept: %s\n", b->pod.name);
    if (r == 0 || result < 0)
        return result;
    jp_error_move(err, &why);
    return -1;
}

int jp_cmd_build(struct jp_cli *cli, struct jp_error *err)
{
    struct build b = {.cli = cli, .owner_fd = -1};
    int result = build(&b, err);
    if (b.pod.uuid)
        result = clean_up(&b, result, err);
    if (result > 0)
        (void)fprintf(stderr, "jetpack: build: the command failed (status %d): no image was made\n",
                      result);
    jp_fd_close(&b.owner_fd);
    jp_store_pod_clear(&b.pod);
    jp_strv_clear(&b.http_hosts);
    free(b.image_id);
    return result;
}
