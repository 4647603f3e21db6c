/* What other rooms do with manifests: build and change them, copy parts, and run out of memory. */
#include "appc/image_manifest.h"
#include "appc/imagename.h"
#include "appc/options.h"
#include "appc/pod_manifest.h"
#include "base/macros.h"
#include "base/mem.h"
#include "tap.h"

static void test_app(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_app) app = JP_APP_INIT;
    TAP_OK(jp_app_check(&app, &err) < 0 && strcmp(jp_error_text(&err), "user: missing") == 0,
           "an empty app has no user");
    app.user = jp_strdup("0");
    app.group = jp_strdup("0");
    TAP_OK(jp_app_check(&app, &err) == 0, "with user and group it is good");

    struct jp_port *port = jp_app_add_port(&app);
    port->name = jp_strdup("www");
    port->protocol = jp_strdup("tcp");
    TAP_OK(jp_app_check(&app, &err) < 0 &&
               strcmp(jp_error_text(&err), "ports[0].port: must be between 1 and 65535") == 0,
           "a port needs its number");
    port->port = 80;
    struct jp_mount_point *point = jp_app_add_mount_point(&app);
    point->name = jp_strdup("data");
    point->path = jp_strdup("/data");
    struct jp_event_handler *handler = jp_app_add_handler(&app);
    handler->name = jp_strdup("post-stop");
    TAP_OK(jp_strv_add(&handler->exec, "/bin/true") == 0 && jp_app_check(&app, &err) == 0,
           "port, mount point and handler");
    char *text = NULL;
    TAP_OK(jp_app_print(&app, false, &text, &err) == 0, "printed");
    TAP_STR(text,
            "{\"user\":\"0\",\"group\":\"0\",\"eventHandlers\":[{\"name\":\"post-stop\",\"exec\":["
            "\"/bin/true\"]}],\"mountPoints\":[{\"name\":\"data\",\"path\":\"/data\"}],\"ports\":[{"
            "\"name\":\"www\",\"protocol\":\"tcp\",\"port\":80}]}",
            "only what was said");
    JP_AUTO(jp_app) again = JP_APP_INIT;
    TAP_OK(jp_app_parse(text, strlen(text), &again, &err) == 0 && again.ports.items[0].count == 1,
           "and read");
    free(text);
    TAP_OK(jp_strv_add(&handler->exec, "\xc0\xaf") == 0, "an argument in Latin-1");
    TAP_OK(jp_app_copy(&again, &app, &err) < 0 &&
               strcmp(jp_error_text(&err), "eventHandlers[0].exec[1]: is not valid UTF-8") == 0,
           "bytes that are not UTF-8 are named");
    TAP_OK(again.ports.count == 1, "and the copy's target is as it was");
    jp_event_handler_clear(handler);
    TAP_OK(!handler->name && handler->exec.count == 0, "cleared");
}

static void test_isolators(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_isolators) list = JP_ISOLATORS_INIT;
    JP_AUTO(jp_isolators) copy = JP_ISOLATORS_INIT;
    static const char *const parts[][2] = {
        {"resource/cpu", "{\"request\":\"1\",\"limit\":\"2\"}"},
        {"os/linux/seccomp-retain-set", "{\"set\":[\"read\",\"write\"],\"errno\":\"EPERM\"}"},
        {"os/linux/selinux-context",
         "{\"user\":\"u\",\"role\":\"r\",\"type\":\"t\",\"level\":\"s0:c1\"}"},
        {"os/linux/apparmor-profile", "{\"profile\":\"p\"}"},
        {"os/unix/sysctl", "{\"a.b\":\"1\"}"},
        {"os/linux/no-new-privileges", "true"},
        {"who/knows", "[1,2.5,null]"},
    };
    for (size_t i = 0; i < JP_LEN(parts); i++) {
        JP_AUTO(jp_isolator) one = JP_ISOLATOR_INIT;
        TAP_OK(jp_isolator_parse(parts[i][0], parts[i][1], &one, &err) == 0 &&
                   jp_isolators_put(&list, &one, &err) == 0,
               "put %s", parts[i][0]);
    }
    TAP_OK(jp_isolators_check(&list, &err) == 0, "they go together");
    TAP_OK(jp_isolators_copy(&copy, &list, &err) == 0 && copy.count == JP_LEN(parts), "copied");
    for (size_t i = 0; i < JP_LEN(parts); i++) {
        const struct jp_isolator *one = jp_isolators_find_name(&copy, parts[i][0]);
        char *text = one ? jp_isolator_value_text(one) : NULL;
        TAP_STR(text, parts[i][1], "the value of %s", parts[i][0]);
        free(text);
    }
    const struct jp_isolator *seccomp = jp_isolators_find(&copy, JP_ISOLATOR_SECCOMP_RETAIN);
    TAP_OK(seccomp && seccomp->set.count == 2 && strcmp(seccomp->errno_name, "EPERM") == 0,
           "typed fields of the copy");
    TAP_STR(jp_pairs_get(&jp_isolators_find(&copy, JP_ISOLATOR_SYSCTL)->sysctls, "a.b"), "1",
            "a sysctl");
    TAP_OK(!jp_isolators_find(&copy, JP_ISOLATOR_MEMORY), "no memory isolator");

    JP_AUTO(jp_isolator) cpu = JP_ISOLATOR_INIT;
    (void)jp_isolator_parse("resource/cpu", "{\"limit\":\"3\"}", &cpu, &err);
    TAP_OK(jp_isolators_put(&copy, &cpu, &err) == 0 && copy.count == JP_LEN(parts) &&
               jp_isolators_find(&copy, JP_ISOLATOR_CPU)->limit.whole == 3,
           "put replaces");
    TAP_OK(jp_isolator_parse("Bad", "1", &cpu, &err) < 0 &&
               jp_isolator_parse("a", "{", &cpu, &err) < 0,
           "a bad name, a bad value");
    for (int i = JP_ISOLATOR_UNKNOWN + 1; i < JP_ISOLATOR_KIND_MAX; i++) {
        enum jp_isolator_kind kind = (enum jp_isolator_kind)i;
        const char *name = jp_isolator_kind_name(kind);
        TAP_OK(name && jp_isolator_kind_from_name(name) == kind, "kind %d is %s", i,
               name ? name : "?");
    }
    TAP_OK(!jp_isolator_kind_name(JP_ISOLATOR_UNKNOWN) &&
               !jp_isolator_kind_name(JP_ISOLATOR_KIND_MAX),
           "the ends have no name");
}

static void test_pod(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_pod_manifest) pod = JP_POD_MANIFEST_INIT;
    struct jp_volume one = {.name = NULL};
    TAP_OK(jp_option_volume("data,mode=0700,uid=5", &one, &err) == 0, "a volume");
    struct jp_volume *volume = jp_pod_manifest_add_volume(&pod);
    TAP_OK(jp_volume_copy(volume, &one, &err) == 0 && jp_volume_check(volume, &err) == 0 &&
               volume->uid == 5 && volume->mode == 0700,
           "is copied into the pod");
    jp_volume_clear(&one);
    struct jp_runtime_app *app = jp_pod_manifest_add_app(&pod);
    app->name = jp_strdup("web");
    app->image.name = jp_strdup("web");
    struct jp_mount *mount = jp_runtime_app_add_mount(app);
    TAP_OK(jp_option_mount("data", mount, &err) == 0, "a mount");
    struct jp_exposed_port *port = jp_pod_manifest_add_port(&pod);
    struct jp_publication published = {.from = NULL};
    TAP_OK(jp_option_port("www=80", &published, &err) == 0, "a port");
    *port = published.port;
    TAP_OK(jp_pod_manifest_check(&pod, &err) == 0, "a template %s", jp_error_text(&err));
    TAP_OK(jp_pod_manifest_find_app(&pod, "web") == app && !jp_pod_manifest_find_app(&pod, "x") &&
               jp_pod_manifest_find_port(&pod, "www") == port &&
               jp_pod_manifest_find_volume(&pod, "data") == volume &&
               jp_mount_volume(&pod, mount) == volume && !jp_pod_manifest_annotation(&pod, "x"),
           "lookup");
    char id[] = "sha512-"
                "0000000000000000000000000000000000000000000000000000000000000000"
                "0000000000000000000000000000000000000000000000000000000000000000";
    app->image.id = jp_strdup(id);
    TAP_OK(jp_pod_manifest_check_reified(&pod, &err) < 0 &&
               strcmp(jp_error_text(&err),
                      "apps[0].mounts[0].path: 'data' is not an absolute path") == 0,
           "the name of a mount point is not reified");
    jp_mount_clear(mount);
    TAP_OK(jp_option_mount("data:/srv", mount, &err) == 0 &&
               jp_pod_manifest_check_reified(&pod, &err) == 0,
           "a path is");
    jp_runtime_app_clear(app);
    pod.apps.count = 0;
    TAP_OK(jp_pod_manifest_check_reified(&pod, &err) < 0, "a pod without apps cannot run");
}

static void test_labels(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    TAP_OK(jp_image_manifest_check(&m, &err) < 0 &&
               strcmp(jp_error_text(&err), "name: missing") == 0,
           "an image needs a name");
    m.name = jp_strdup("a");
    (void)jp_pairs_set(&m.labels, "A", "", &err);
    TAP_OK(jp_labels_check(&m.labels, &err) < 0, "a label's name is checked");
    m.labels.items[0].name[0] = 'a';
    free(m.labels.items[0].value);
    m.labels.items[0].value = NULL;
    TAP_OK(jp_labels_check(&m.labels, &err) < 0 &&
               strcmp(jp_error_text(&err), "[0].value: missing") == 0,
           "and that it has a value");
    jp_pairs_clear(&m.labels);
    struct jp_dependency *dependency = jp_image_manifest_add_dependency(&m);
    dependency->image_name = jp_strdup("b");
    TAP_OK(jp_image_manifest_check(&m, &err) == 0 && !jp_image_manifest_annotation(&m, "created"),
           "a dependency without more");
}

/* Everything that allocates here, once with each allocation failing. */
static int use_everything(struct jp_error *err)
{
    JP_AUTO(jp_image_name) name = JP_IMAGE_NAME_INIT;
    JP_AUTO(jp_volume) volume = {.name = NULL};
    JP_AUTO(jp_volume) other = {.name = NULL};
    JP_AUTO(jp_publication) exposed = {.from = NULL};
    JP_AUTO(jp_mount) mount = {.volume = NULL};
    JP_AUTO(jp_port) port = {.name = NULL};
    JP_AUTO(jp_mount_point) point = {.name = NULL};
    JP_AUTO(jp_isolator) isolator = JP_ISOLATOR_INIT;
    JP_AUTO(jp_isolators) list = JP_ISOLATORS_INIT;
    JP_AUTO(jp_isolators) copy = JP_ISOLATORS_INIT;
    JP_AUTO(jp_pairs) pairs = JP_PAIRS_INIT;
    JP_AUTO(jp_pairs) more = JP_PAIRS_INIT;
    JP_AUTO_FREE char *a = NULL;
    JP_AUTO_FREE char *b = NULL;
    if (jp_image_name_parse("a:1,b=c@d,e", &name, err) < 0 ||
        jp_option_volume("a,kind=host,source=/b", &volume, err) < 0 ||
        jp_volume_copy(&other, &volume, err) < 0 ||
        jp_option_port("a=1.2.3.4:5,from=::1", &exposed, err) < 0 ||
        jp_option_mount("a:/b", &mount, err) < 0 ||
        jp_option_app_port("a,port=1", &port, err) < 0 ||
        jp_option_mount_point("a,path=/b", &point, err) < 0 ||
        jp_option_pair("a=b", &a, &b, err) < 0 ||
        jp_isolator_parse("os/linux/seccomp-retain-set", "{\"set\":[\"a\"],\"errno\":\"EPERM\"}",
                          &isolator, err) < 0 ||
        jp_isolators_put(&list, &isolator, err) < 0 || jp_isolators_copy(&copy, &list, err) < 0 ||
        jp_pairs_set(&pairs, "a", "b", err) < 0 || jp_pairs_set(&pairs, "a", "c", err) < 0 ||
        jp_pairs_copy(&more, &pairs, err) < 0 || jp_pairs_merge(&more, &pairs, err) < 0)
        return -1;
    return 0;
}

static void test_no_memory(void)
{
    bool is_right = true;
    unsigned long n = 1;
    for (; n < 1000; n++) {
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        jp_mem_fail_after(n);
        int result = use_everything(&err);
        jp_mem_fail_after(0);
        if (result == 0)
            break;
        is_right = is_right && err.code == JP_ENOMEM;
    }
    TAP_OK(is_right && n > 30 && n < 1000, "each of %lu allocations failed once", n - 1);
}

int main(void)
{
    test_app();
    test_isolators();
    test_pod();
    test_labels();
    test_no_memory();
    return tap_done();
}
