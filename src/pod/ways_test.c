/*
 * One pod said in three ways: by options, by a pod manifest, by both. Random pods of everything
 * that can be said must reify to the same manifest, byte for byte.
 *
 * What a pod says is a series of facts, each an option or a member of the JSON. In the third way
 * the first facts of the pod and the first apps are JSON, the others are options.
 */
#include <jansson.h>

#include "pod/fixture_test.h"

#define PODS 300

enum way { BY_OPTIONS, BY_JSON, BY_BOTH };

static struct fixture f;
static uint64_t state;

static unsigned chance(unsigned n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((state >> 33) % n);
}

/* A pod in the making. */
struct pod {
    enum way way;
    struct jp_pod_request request;
    json_t *json;
    unsigned facts, cut;       /* facts of the pod so far; how many of them are JSON */
    unsigned n_apps, apps_cut; /* the same for apps */
    bool has_failed;
    struct jp_error err;
};

static void option(struct pod *pod, enum jp_pod_option option, const char *value)
{
    if (!pod->has_failed && jp_pod_request_set(&pod->request, option, value, &pod->err) < 0)
        pod->has_failed = true;
}

/* The list or object of that name in a JSON object, made when it is not there. */
static json_t *member(json_t *object, const char *key, json_t *fresh)
{
    json_t *found = json_object_get(object, key);
    if (found) {
        json_decref(fresh);
        return found;
    }
    (void)json_object_set_new(object, key, fresh);
    return fresh;
}

static json_t *list_of(json_t *object, const char *key)
{
    return member(object, key, json_array());
}

static json_t *object_of(json_t *object, const char *key)
{
    return member(object, key, json_object());
}

static void add(json_t *object, const char *key, json_t *value)
{
    (void)json_array_append_new(list_of(object, key), value);
}

static void add_pair(json_t *object, const char *key, const char *name, const char *value)
{
    add(object, key, json_pack("{s:s, s:s}", "name", name, "value", value));
}

static void add_isolator(json_t *object, const char *name, json_t *value)
{
    add(object, "isolators", json_pack("{s:s, s:o}", "name", name, "value", value));
}

static const char *some_value(void)
{
    static const char *const values[] = {"x",        "",         "a=b", "with blanks",
                                         "quote\"s", "\xc3\xa4", "\\",  "1,2"};
    return values[chance(JP_LEN(values))];
}

/* "NAME=VALUE" of a name that occurs once. */
static void name_and_value(const char *kind, unsigned number, char name[32], char text[96])
{
    (void)snprintf(name, 32, "%s-%u", kind, number);
    (void)snprintf(text, 96, "%s=%s", name, some_value());
}

/* ---- the pod ----------------------------------------------------------------------------------
 */

static bool next_is_json(struct pod *pod)
{
    return pod->way == BY_JSON || (pod->way == BY_BOTH && pod->facts++ < pod->cut);
}

static void pod_pair(struct pod *pod, enum jp_pod_option which, unsigned number)
{
    char name[32], text[96];
    name_and_value("note", number, name, text);
    const char *value = strchr(text, '=') + 1;
    if (!next_is_json(pod))
        option(pod, which, text);
    else if (which == JP_POD_OPT_ANNOTATION)
        add_pair(pod->json, "annotations", name, value);
    else
        (void)json_object_set_new(
            object_of(pod->json, which == JP_POD_OPT_USER_LABEL ? "userLabels" : "userAnnotations"),
            name, json_string(value));
}

static void pod_volume(struct pod *pod, unsigned number)
{
    static const char *const modes[] = {"0755", "1777", "0700"};
    const char *mode = modes[chance(3)];
    bool is_host = chance(2), is_read_only = chance(2);
    char name[16], text[96];
    (void)snprintf(name, sizeof(name), "vol-%u", number);
    if (is_host)
        (void)snprintf(text, sizeof(text), "%s%s:/etc", is_read_only ? "-" : "", name);
    else
        (void)snprintf(text, sizeof(text), "%s,kind=empty,mode=%s,uid=7,gid=8%s", name, mode,
                       is_read_only ? ",readOnly=true" : "");
    if (!next_is_json(pod)) {
        option(pod, JP_POD_OPT_VOLUME, text);
        return;
    }
    json_t *volume = json_pack("{s:s, s:s}", "name", name, "kind", is_host ? "host" : "empty");
    if (is_host)
        (void)json_object_set_new(volume, "source", json_string("/etc"));
    else
        (void)json_object_update_new(
            volume, json_pack("{s:s, s:i, s:i}", "mode", mode, "uid", 7, "gid", 8));
    if (is_read_only)
        (void)json_object_set_new(volume, "readOnly", json_true());
    add(pod->json, "volumes", volume);
}

static void pod_note(struct pod *pod, enum jp_pod_option which, const char *note, const char *value)
{
    if (next_is_json(pod))
        add_pair(pod->json, "annotations", note, value ? value : "true");
    else
        option(pod, which, value);
}

static void pod_limit(struct pod *pod, enum jp_pod_option which, const char *isolator,
                      const char *limit)
{
    if (next_is_json(pod))
        add_isolator(pod->json, isolator, json_pack("{s:s}", "limit", limit));
    else
        option(pod, which, limit);
}

static void pod_sysctl(struct pod *pod)
{
    if (next_is_json(pod))
        add_isolator(pod->json, "os/unix/sysctl",
                     json_pack("{s:s}", "net.ipv4.ip_default_ttl", "9"));
    else
        option(pod, JP_POD_OPT_SYSCTL, "net.ipv4.ip_default_ttl=9");
}

static void pod_port(struct pod *pod)
{
    if (next_is_json(pod))
        add(pod->json, "ports",
            json_pack("{s:s, s:i, s:s}", "name", "app-0-redis", "hostPort", 1234, "hostIP",
                      "127.0.0.1"));
    else
        option(pod, JP_POD_OPT_PUBLISH, "app-0-redis=127.0.0.1:1234");
}

static unsigned say_pod(struct pod *pod)
{
    unsigned volumes = chance(3);
    for (unsigned i = chance(3); i > 0; i--)
        pod_pair(pod, JP_POD_OPT_ANNOTATION, i);
    if (chance(2))
        pod_note(pod, JP_POD_OPT_HOSTNAME, JP_NOTE_HOSTNAME, "db");
    for (unsigned i = chance(3); i > 0; i--)
        pod_pair(pod, JP_POD_OPT_USER_LABEL, i);
    if (chance(2))
        pod_limit(pod, JP_POD_OPT_MEMORY, "resource/memory", "1Gi");
    for (unsigned i = 0; i < volumes; i++)
        pod_volume(pod, i);
    if (chance(2))
        pod_limit(pod, JP_POD_OPT_CPU, "resource/cpu", "500m");
    if (chance(2))
        pod_note(pod, JP_POD_OPT_STRICT, JP_NOTE_STRICT, NULL);
    if (chance(2))
        pod_note(pod, JP_POD_OPT_RESTART, JP_NOTE_RESTART, "on-failure:3");
    if (chance(2))
        pod_sysctl(pod);
    for (unsigned i = chance(3); i > 0; i--)
        pod_pair(pod, JP_POD_OPT_USER_ANNOTATION, i);
    if (chance(2))
        pod_note(pod, JP_POD_OPT_DNS, JP_NOTE_DNS, "192.0.2.1");
    if (chance(2))
        pod_port(pod);
    if (chance(2))
        pod_note(pod, JP_POD_OPT_NET, JP_NOTE_NET, "none");
    return volumes;
}

/* ---- an app -----------------------------------------------------------------------------------
 */

/* The app object of the image, which what is said of it changes. */
#define REDIS_APP                                                                                  \
    "{\"exec\":[\"/usr/bin/redis\"],\"user\":\"redis\",\"group\":\"redis\",\"environment\":["      \
    "{\"name\":\"A\",\"value\":\"1\"}],\"mountPoints\":[{\"name\":\"data\",\"path\":"              \
    "\"/var/lib/redis\"}],\"ports\":[{\"name\":\"redis\",\"protocol\":\"tcp\",\"port\":6379}]}"

struct app {
    struct pod *pod;
    json_t *json; /* NULL: by options */
};

/* Its app object, copied from the image when it is changed first. */
static json_t *changed(struct app *app)
{
    return member(app->json, "app", json_loads(REDIS_APP, 0, NULL));
}

static void app_string(struct app *app, enum jp_pod_option which, const char *key,
                       const char *value)
{
    if (app->json)
        (void)json_object_set_new(changed(app), key, json_string(value));
    else
        option(app->pod, which, value);
}

static void app_pair(struct app *app, enum jp_pod_option which, unsigned number)
{
    char name[32], text[96];
    name_and_value("word", number, name, text);
    const char *value = strchr(text, '=') + 1;
    if (!app->json)
        option(app->pod, which, text);
    else if (which == JP_POD_OPT_ANNOTATION)
        add_pair(app->json, "annotations", name, value);
    else if (which == JP_POD_OPT_ENVIRONMENT)
        add_pair(changed(app), "environment", name, value);
    else
        (void)json_object_set_new(object_of(changed(app), which == JP_POD_OPT_APP_USER_LABEL
                                                              ? "userLabels"
                                                              : "userAnnotations"),
                                  name, json_string(value));
}

static void app_mount(struct app *app, unsigned volumes)
{
    char volume[16], text[64];
    (void)snprintf(volume, sizeof(volume), "vol-%u", chance(volumes));
    bool by_point = chance(2);
    (void)snprintf(text, sizeof(text), "%s:%s", volume, by_point ? "data" : "/srv/more");
    if (app->json)
        add(app->json, "mounts",
            json_pack("{s:s, s:s}", "volume", volume, "path",
                      by_point ? "/var/lib/redis" : "/srv/more"));
    else
        option(app->pod, JP_POD_OPT_MOUNT, text);
}

static void app_isolator(struct app *app, enum jp_pod_option which, const char *value,
                         const char *name, const char *json)
{
    if (app->json)
        add_isolator(changed(app), name, json_loads(json, JSON_DECODE_ANY, NULL));
    else
        option(app->pod, which, value);
}

static void app_handler(struct app *app, enum jp_pod_option which, const char *name)
{
    if (app->json)
        add(changed(app), "eventHandlers",
            json_pack("{s:s, s:[s,s]}", "name", name, "exec", "/bin/h", "with blank"));
    else
        option(app->pod, which, "[\"/bin/h\", \"with blank\"]");
}

static void app_lists(struct app *app)
{
    if (app->json) {
        add(changed(app), "supplementaryGIDs", json_integer(400));
        add(changed(app), "mountPoints",
            json_pack("{s:s, s:s, s:b}", "name", "logs", "path", "/var/log", "readOnly", 1));
        add(changed(app), "ports",
            json_pack("{s:s, s:s, s:i, s:i}", "name", "ftp", "protocol", "udp", "port", 20000,
                      "count", 5));
    } else {
        option(app->pod, JP_POD_OPT_SUPPLEMENTARY_GID, "400");
        option(app->pod, JP_POD_OPT_MOUNT_POINT, "logs,path=/var/log,readOnly=true");
        option(app->pod, JP_POD_OPT_PORT, "ftp,protocol=udp,port=20000,count=5");
    }
}

static void app_restrict(struct app *app)
{
    bool retain = chance(2);
    if (chance(2))
        app_isolator(app, JP_POD_OPT_MEMORY, "64Mi", "resource/memory", "{\"limit\":\"64Mi\"}");
    if (chance(2))
        app_isolator(
            app, retain ? JP_POD_OPT_CAPS_RETAIN : JP_POD_OPT_CAPS_REMOVE, "kill,CAP_MKNOD",
            retain ? "os/linux/capabilities-retain-set" : "os/linux/capabilities-remove-set",
            "{\"set\":[\"CAP_KILL\",\"CAP_MKNOD\"]}");
    if (chance(2))
        app_isolator(app, JP_POD_OPT_SECCOMP, "mode=remove,errno=EPERM,reboot,mount",
                     "os/linux/seccomp-remove-set",
                     "{\"errno\":\"EPERM\",\"set\":[\"reboot\",\"mount\"]}");
    if (chance(2))
        app_isolator(app, JP_POD_OPT_NO_NEW_PRIVILEGES, NULL, "os/linux/no-new-privileges", "true");
    if (chance(2))
        app_isolator(app, JP_POD_OPT_ISOLATOR, "example.com/own={\"b\":1,\"a\":[2]}",
                     "example.com/own", "{\"b\":1,\"a\":[2]}");
    if (chance(2))
        app_isolator(app, JP_POD_OPT_CPU, "0.3", "resource/cpu", "{\"limit\":\"0.3\"}");
}

static void say_app_object(struct app *app)
{
    for (unsigned i = chance(3); i > 0; i--)
        app_pair(app, JP_POD_OPT_ENVIRONMENT, i);
    if (chance(2))
        app_string(app, JP_POD_OPT_USER, "user", "0");
    if (chance(2))
        app_string(app, JP_POD_OPT_GROUP, "group", "/etc/group");
    if (chance(2))
        app_string(app, JP_POD_OPT_WORKDIR, "workingDirectory", "/srv/a b");
    if (chance(2))
        app_handler(app, JP_POD_OPT_PRE_START, "pre-start");
    if (chance(2))
        app_handler(app, JP_POD_OPT_POST_STOP, "post-stop");
    for (unsigned i = chance(3); i > 0; i--)
        app_pair(app, JP_POD_OPT_APP_USER_ANNOTATION, i);
    for (unsigned i = chance(3); i > 0; i--)
        app_pair(app, JP_POD_OPT_APP_USER_LABEL, i);
    if (chance(2))
        app_lists(app);
    app_restrict(app);
}

static void app_arguments(struct app *app)
{
    static const char *const arguments[] = {"--port", "1 2", ""};
    for (unsigned i = chance(JP_LEN(arguments) + 1); i > 0; i--) {
        const char *argument = arguments[i - 1];
        if (app->json)
            add(changed(app), "exec", json_string(argument));
        else if (!app->pod->has_failed &&
                 jp_pod_request_argument(&app->pod->request, argument, &app->pod->err) < 0)
            app->pod->has_failed = true;
    }
}

static void say_app(struct pod *pod, unsigned volumes)
{
    struct app app = {.pod = pod};
    char name[16];
    (void)snprintf(name, sizeof(name), "app-%u", pod->n_apps);
    if (pod->way == BY_JSON || (pod->way == BY_BOTH && pod->n_apps < pod->apps_cut)) {
        app.json = json_pack("{s:s, s:{s:s}}", "name", name, "image", "name", "example.com/redis");
        (void)json_array_append_new(list_of(pod->json, "apps"), app.json);
    } else {
        if (jp_pod_request_image(&pod->request, "example.com/redis", &pod->err) < 0)
            pod->has_failed = true;
        option(pod, JP_POD_OPT_NAME, name);
    }
    for (unsigned i = chance(3); i > 0; i--)
        app_pair(&app, JP_POD_OPT_ANNOTATION, i);
    if (volumes > 0 && chance(2))
        app_mount(&app, volumes);
    bool is_read_only = chance(2);
    if (is_read_only && app.json)
        (void)json_object_set_new(app.json, "readOnlyRootFS", json_true());
    else if (is_read_only)
        option(pod, JP_POD_OPT_READ_ONLY, NULL);
    if (chance(4))
        say_app_object(&app);
    app_arguments(&app);
    pod->n_apps++;
}

/* ---- the three ways ---------------------------------------------------------------------------
 */

static char *reify(uint64_t seed, enum way way, struct jp_error *err)
{
    struct pod pod = {.way = way, .request = JP_POD_REQUEST_INIT, .err = JP_ERROR_INIT};
    state = seed;
    (void)chance(2);
    pod.cut = chance(8);
    pod.apps_cut = chance(3);
    pod.json =
        json_pack("{s:s, s:s, s:[]}", "acVersion", "0.8.11", "acKind", "PodManifest", "apps");
    unsigned volumes = say_pod(&pod);
    for (unsigned i = 1 + chance(3); i > 0; i--)
        say_app(&pod, volumes);
    char *json = json_dumps(pod.json, JSON_COMPACT);
    char *text = NULL;
    if (!pod.has_failed && way != BY_OPTIONS &&
        jp_pod_request_manifest(&pod.request, json, strlen(json), &pod.err) < 0)
        pod.has_failed = true;
    if (!pod.has_failed && jp_pod_reify(&f.ctx, &pod.request, &text, &pod.err) < 0)
        text = NULL;
    if (!text)
        jp_error_move(err, &pod.err);
    jp_error_clear(&pod.err);
    jp_pod_request_clear(&pod.request);
    json_decref(pod.json);
    free(json);
    return text;
}

int main(void)
{
    fixture_open(&f);
    fixture_named_image(&f, 'a', "example.com/redis", "1.0.0", "\"app\":" REDIS_APP);
    for (uint64_t seed = 1; seed <= PODS; seed++) {
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        JP_AUTO_FREE char *by_options = reify(seed, BY_OPTIONS, &err);
        TAP_OK(by_options != NULL, "pod %llu: options alone %s", (unsigned long long)seed,
               jp_error_text(&err));
        JP_AUTO_FREE char *by_json = reify(seed, BY_JSON, &err);
        TAP_STR(by_json, by_options, "JSON alone %s", jp_error_text(&err));
        JP_AUTO_FREE char *by_both = reify(seed, BY_BOTH, &err);
        TAP_STR(by_both, by_options, "both %s", jp_error_text(&err));
    }
    fixture_close(&f);
    return tap_done();
}
