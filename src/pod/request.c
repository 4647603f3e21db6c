/*
 * The table of options and the recording of a request.
 *
 * A value is tried on an empty manifest when it is recorded, by the very function that writes it
 * later: what is accepted here cannot fail there for its grammar.
 */
#include "pod/request.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "pod/internal.h"
#include "sys/fd.h"

#define POD          JP_POD_SCOPE_POD
#define APP          JP_POD_SCOPE_APP
#define BOTH         JP_POD_SCOPE_BOTH
#define MAX_APPS     JP_PLAN_MAX_APPS
#define MAX_SETTINGS 65536 /* options of one request */

const struct jp_pod_option_info jp_pod_options[] = {
    {JP_POD_OPT_PUBLISH, POD, "publish", 'p', "NAME[=[IP:]HOSTPORT][,from=NETWORK]",
     "publish an app's port on the host"},
    {JP_POD_OPT_VOLUME, POD, "volume", 'v', "[-]NAME[:/PATH]",
     "a volume: empty, or a directory of the host; - makes it read-only"},
    {JP_POD_OPT_POD_NAME, POD, "pod-name", 0, "NAME", "human name of the pod"},
    {JP_POD_OPT_HOSTNAME, POD, "hostname", 0, "NAME", "host name inside the pod"},
    {JP_POD_OPT_NET, POD, "net", 0, "pod|host|none|NETWORK[,ip=ADDRESS]", "network of the pod"},
    {JP_POD_OPT_IP, POD, "ip", 0, "ADDRESS", "this address of the network, and no other"},
    {JP_POD_OPT_DNS, POD, "dns", 0, "ADDRESS", "name server; may be repeated"},
    {JP_POD_OPT_RESTART, POD, "restart", 0, "no|on-failure[:N]|always",
     "start apps that ended again; N: so often at most"},
    {JP_POD_OPT_STRICT, POD, "strict", 0, NULL, "refuse to run when an isolator is ignored"},
    {JP_POD_OPT_VOLUME_LINKS, POD, "allow-volume-symlinks", 0, NULL,
     "follow symbolic links in the sources of volumes"},
    {JP_POD_OPT_SYSCTL, POD, "sysctl", 0, "KEY=VALUE", "kernel parameter of the pod"},
    {JP_POD_OPT_USER_ANNOTATION, POD, "user-annotation", 0, "NAME=VALUE",
     "user annotation of the pod"},
    {JP_POD_OPT_USER_LABEL, POD, "user-label", 0, "NAME=VALUE", "user label of the pod"},
    {JP_POD_OPT_ANNOTATION, BOTH, "annotation", 'a', "NAME=VALUE",
     "annotation of the pod, or of the app"},
    {JP_POD_OPT_ISOLATOR, BOTH, "isolator", 0, "NAME=JSON", "any isolator, with its JSON value"},
    {JP_POD_OPT_MEMORY, BOTH, "memory", 0, "QUANTITY", "memory limit, as 512Mi"},
    {JP_POD_OPT_CPU, BOTH, "cpu", 0, "QUANTITY", "limit of processor cores, as 0.5 or 500m"},
    {JP_POD_OPT_NAME, APP, "name", 0, "NAME", "name of the app in the pod"},
    {JP_POD_OPT_MOUNT, APP, "mount", 'm', "VOLUME[:MOUNTPOINT|:/PATH]",
     "mount a volume of the pod"},
    {JP_POD_OPT_EXEC, APP, "exec", 0, "PROGRAM", "program instead of the image's (or a JSON list)"},
    {JP_POD_OPT_USER, APP, "user", 'u', "USER", "user: name, number or /path"},
    {JP_POD_OPT_GROUP, APP, "group", 0, "GROUP", "group: name, number or /path"},
    {JP_POD_OPT_SUPPLEMENTARY_GID, APP, "supplementary-gid", 0, "GID",
     "further group; may be repeated"},
    {JP_POD_OPT_ENVIRONMENT, APP, "environment", 'e', "NAME=VALUE", "environment variable"},
    {JP_POD_OPT_WORKDIR, APP, "workdir", 'w', "/PATH", "working directory"},
    {JP_POD_OPT_READ_ONLY, APP, "read-only", 0, NULL, "read-only root file system"},
    {JP_POD_OPT_MOUNT_POINT, APP, "mount-point", 0, "NAME,path=/PATH[,readOnly=true]",
     "a mount point that the image does not name"},
    {JP_POD_OPT_PORT, APP, "port", 0, "NAME,protocol=tcp,port=N[,count=N]",
     "a port that the image does not name"},
    {JP_POD_OPT_PRE_START, APP, "pre-start", 0, "PROGRAM", "run before the app (or a JSON list)"},
    {JP_POD_OPT_POST_STOP, APP, "post-stop", 0, "PROGRAM", "run after the app (or a JSON list)"},
    {JP_POD_OPT_CAPS_RETAIN, APP, "caps-retain", 0, "CAP[,CAP...]", "the only capabilities"},
    {JP_POD_OPT_CAPS_REMOVE, APP, "caps-remove", 0, "CAP[,CAP...]",
     "capabilities to take from the default"},
    {JP_POD_OPT_SECCOMP, APP, "seccomp", 0, "unconfined|mode=retain|remove[,errno=E],CALL...",
     "filter of system calls"},
    {JP_POD_OPT_NO_NEW_PRIVILEGES, APP, "no-new-privileges", 0, NULL,
     "set-user-ID programs gain nothing"},
    {JP_POD_OPT_STOP_SIGNAL, APP, "stop-signal", 0, "SIGNAL", "signal that asks the app to end"},
    {JP_POD_OPT_APP_USER_ANNOTATION, APP, "user-annotation", 0, "NAME=VALUE",
     "user annotation of the app"},
    {JP_POD_OPT_APP_USER_LABEL, APP, "user-label", 0, "NAME=VALUE", "user label of the app"},
};

_Static_assert(JP_LEN(jp_pod_options) == JP_POD_N_OPTIONS, "one row an option");

int jp_pod_request_manifest(struct jp_pod_request *request, const char *json, size_t len,
                            struct jp_error *err)
{
    if (request->manifest)
        return jp_fail(err, JP_EUSAGE, 0, "more than one pod manifest (-f)");
    if (len > JP_MANIFEST_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "a pod manifest of more than %u bytes", JP_MANIFEST_MAX);
    /* A NUL inside would hide the rest from a parser of strings. */
    if (memchr(json, '\0', len))
        return jp_fail(err, JP_EINVALID, 0, "a NUL byte in the pod manifest");
    request->manifest = jp_memdup0(json, len);
    return request->manifest ? 0 : jp_oom(err);
}

int jp_pod_request_read(struct jp_pod_request *request, const char *path, struct jp_error *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    JP_AUTO_FD int fd =
        is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return jp_fail_sys(err, "open '%s'", path);
    struct jp_buf buf = JP_BUF_INIT;
    int result = jp_fd_read_all(fd, JP_MANIFEST_MAX, path, &buf, err);
    if (result == 0)
        result = jp_pod_request_manifest(request, jp_buf_text(&buf), buf.len, err);
    jp_buf_clear(&buf);
    return result;
}

int jp_pod_request_image(struct jp_pod_request *request, const char *image, struct jp_error *err)
{
    if (request->n_apps >= MAX_APPS)
        return jp_fail(err, JP_ELIMIT, 0, "more than %d apps", MAX_APPS);
    if (jp_grow(&request->apps, &request->apps_capacity, request->n_apps, sizeof(*request->apps)) <
        0)
        return jp_oom(err);
    struct jp_pod_request_app app = {.image = jp_strdup(image)};
    if (!app.image)
        return jp_oom(err);
    request->apps[request->n_apps++] = app;
    return 0;
}

static void drop_settings(struct jp_pod_setting *settings, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(settings[i].value);
    free(settings);
}

/* Writes the setting into something that is thrown away. */
static int try_setting(const struct jp_pod_setting *setting, bool is_app, struct jp_error *err)
{
    int result;
    if (is_app) {
        struct jp_runtime_app app = {.name = NULL};
        result = jp_pod_apply_to_app(&app, setting, err);
        jp_runtime_app_clear(&app);
    } else {
        JP_AUTO(jp_pod_manifest) m = JP_POD_MANIFEST_INIT;
        result = jp_pod_apply_to_pod(&m, setting, err);
    }
    return result;
}

static int record(struct jp_pod_setting **settings, size_t *count, size_t *capacity,
                  const struct jp_pod_setting *setting, struct jp_error *err)
{
    if (*count >= MAX_SETTINGS)
        return jp_fail(err, JP_ELIMIT, 0, "more than %d options", MAX_SETTINGS);
    if (jp_grow(settings, capacity, *count, sizeof(**settings)) < 0)
        return jp_oom(err);
    struct jp_pod_setting copy = {setting->option, NULL};
    if (setting->value && !(copy.value = jp_strdup(setting->value)))
        return jp_oom(err);
    (*settings)[(*count)++] = copy;
    return 0;
}

/* The two options that have the same name at both levels. */
static enum jp_pod_option at_level(enum jp_pod_option option, bool is_app)
{
    switch (option) {
    case JP_POD_OPT_USER_ANNOTATION:
    case JP_POD_OPT_APP_USER_ANNOTATION:
        return is_app ? JP_POD_OPT_APP_USER_ANNOTATION : JP_POD_OPT_USER_ANNOTATION;
    case JP_POD_OPT_USER_LABEL:
    case JP_POD_OPT_APP_USER_LABEL:
        return is_app ? JP_POD_OPT_APP_USER_LABEL : JP_POD_OPT_USER_LABEL;
    default:
        return option;
    }
}

int jp_pod_request_set(struct jp_pod_request *request, enum jp_pod_option option, const char *value,
                       struct jp_error *err)
{
    bool is_app = request->n_apps > 0;
    option = at_level(option, is_app);
    const struct jp_pod_option_info *info = &jp_pod_options[option];
    if (!(info->scope & (is_app ? JP_POD_SCOPE_APP : JP_POD_SCOPE_POD)))
        return jp_fail(err, JP_EUSAGE, 0, "option '--%s' belongs %s the image", info->name,
                       is_app ? "to the pod, before" : "to an app, after");
    if (!value != !info->argument)
        return jp_fail(err, JP_EUSAGE, 0, "option '--%s' takes %s", info->name,
                       info->argument ? info->argument : "no value");
    struct jp_pod_setting setting = {option, (char *)(uintptr_t)value};
    if (try_setting(&setting, is_app, err) < 0) {
        if (err && err->code == JP_EINVALID)
            err->code = JP_EUSAGE;
        return jp_wrap(err, "--%s%s%s", info->name, value ? "=" : "", value ? value : "");
    }
    if (!is_app)
        return record(&request->settings, &request->n_settings, &request->settings_capacity,
                      &setting, err);
    struct jp_pod_request_app *app = &request->apps[request->n_apps - 1];
    return record(&app->settings, &app->n_settings, &app->settings_capacity, &setting, err);
}

int jp_pod_request_argument(struct jp_pod_request *request, const char *argument,
                            struct jp_error *err)
{
    if (request->n_apps == 0)
        return jp_fail(err, JP_EUSAGE, 0, "arguments ('-- ARGS') stand after an image");
    struct jp_pod_request_app *app = &request->apps[request->n_apps - 1];
    return jp_strv_add(&app->arguments, argument) < 0 ? jp_oom(err) : 0;
}

void jp_pod_request_blank(struct jp_pod_request *request)
{
    if (request->n_apps > 0)
        request->apps[request->n_apps - 1].is_blank = true;
}

void jp_pod_request_clear(struct jp_pod_request *request)
{
    free(request->manifest);
    drop_settings(request->settings, request->n_settings);
    for (size_t i = 0; i < request->n_apps; i++) {
        free(request->apps[i].image);
        drop_settings(request->apps[i].settings, request->apps[i].n_settings);
        jp_strv_clear(&request->apps[i].arguments);
    }
    free(request->apps);
    *request = (struct jp_pod_request)JP_POD_REQUEST_INIT;
}
