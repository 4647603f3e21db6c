/* Requests to manifests and plans: lookup, options against JSON, refusals, a golden plan. */
#include <sys/stat.h>

#include <signal.h>

#include "config/conf.h"
#include "pod/fixture_test.h"

static struct fixture f;

#define REDIS                                                                                      \
    "\"app\":{\"exec\":[\"/usr/bin/redis\"],\"user\":\"redis\",\"group\":\"redis\","               \
    "\"environment\":[{\"name\":\"A\",\"value\":\"1\"}],"                                          \
    "\"mountPoints\":[{\"name\":\"data\",\"path\":\"/var/lib/redis\"}],"                           \
    "\"ports\":[{\"name\":\"redis\",\"protocol\":\"tcp\",\"port\":6379}]}"

static void make_images(void)
{
    fixture_named_image(&f, 'a', "example.com/redis", "1.9.0", REDIS);
    fixture_named_image(&f, 'b', "example.com/redis", "1.10.0", REDIS);
    fixture_named_image(&f, 'c', "example.com/plain", "1.0.0", "");
    fixture_image(&f, 'd',
                  "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":"
                  "\"example.com/other\",\"labels\":[{\"name\":\"os\",\"value\":\"freebsd\"},"
                  "{\"name\":\"arch\",\"value\":\"arm\"}]}");
    fixture_named_image(&f, 'e', "example.com/child", "1.0.0",
                        "\"dependencies\":[{\"imageName\":\"example.com/plain\"},"
                        "{\"imageName\":\"example.com/redis\"}]");
    fixture_named_image(&f, '1', "example.com/two", "1.0.0",
                        "\"annotations\":[{\"name\":\"x\",\"value\":\"1\"}]");
    fixture_named_image(&f, '2', "example.com/loop", "1.0.0",
                        "\"dependencies\":[{\"imageName\":\"example.com/loop\"}]");
}

/* ---- lookup ---- */

static void try_lookup(const char *word, const char *digit, enum jp_code code, const char *what)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_images) found = {NULL, 0};
    int r = jp_pod_find_image(&f.ctx, word, &found, &err);
    if (code == JP_OK)
        TAP_OK(r == 0 && found.count == 1 && found.items[0].id[7] == digit[0], "%s: %s", what,
               r < 0 ? jp_error_text(&err) : found.items[0].id);
    else
        TAP_OK(r < 0 && err.code == code, "%s: %s", what, jp_error_text(&err));
}

static void test_lookup(void)
{
    try_lookup("example.com/redis", "b", JP_OK, "newest version, by number and not by text");
    try_lookup("example.com/redis:1.9.0", "a", JP_OK, "a version");
    try_lookup("sha512-a", "a", JP_OK, "a prefix of an id");
    try_lookup("example.com/absent", NULL, JP_ENOTFOUND, "not here");
    try_lookup("example.com/other", NULL, JP_ENOTFOUND, "for another system");
    try_lookup("example.com/redis,flavour=none", NULL, JP_ENOTFOUND, "no such label");
    try_lookup("Example", NULL, JP_EUSAGE, "not a name");
    try_lookup("sha512-xyz", NULL, JP_EUSAGE, "not an id");
    try_lookup("sha512-", NULL, JP_EUSAGE, "an empty id");
    fixture_named_image(&f, 'f', "example.com/twin", "1.0.0",
                        "\"annotations\":[{\"name\":\"n\",\"value\":\"1\"}]");
    fixture_image(&f, '0',
                  "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":"
                  "\"example.com/twin\",\"labels\":[{\"name\":\"flavour\",\"value\":\"x\"}]}");
    try_lookup("example.com/twin", NULL, JP_EAMBIGUOUS, "other labels differ");
    try_lookup("example.com/twin,flavour=x", "0", JP_OK, "told apart by a label");
}

/* The stack of image `digit`, each part as the digit of its id and its filter. */
static void check_stack(char digit, const char *expected, const char *name)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_stack) stack = JP_STORE_STACK_INIT;
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    char id[136] = "sha512-";
    memset(id + 7, digit, 128);
    int r = jp_pod_image_stack(&f.ctx, id, NULL, &stack, &err);
    for (size_t i = 0; r == 0 && i < stack.count; i++) {
        const struct jp_store_part *part = &stack.items[i];
        jp_buf_printf(&text, "%s%c", i ? " " : "", part->image_id[7]);
        for (size_t k = 0; k < part->filter.paths.count; k++)
            jp_buf_printf(&text, "%c%s", k ? ',' : '(', part->filter.paths.items[k]);
        jp_buf_puts(&text, part->filter.is_set ? ")" : "");
    }
    TAP_STR(r < 0 ? jp_error_text(&err) : jp_buf_text(&text), expected, "%s", name);
}

#define NAMED(name) "{\"imageName\":\"example.com/" name "\"}"

static void test_stacks(void)
{
    check_stack('e', "e b c", "the image, then its dependencies, later ones first");
    check_stack('2', "image sha512-222222222222 depends on itself", "a circle");
    fixture_named_image(&f, '3', "example.com/diamond", "1.0.0",
                        "\"dependencies\":[" NAMED("left") "," NAMED("right") "]");
    fixture_named_image(&f, '4', "example.com/left", "1.0.0",
                        "\"dependencies\":[" NAMED("plain") "]");
    fixture_named_image(&f, '5', "example.com/right", "1.0.0",
                        "\"dependencies\":[" NAMED("plain") "]");
    check_stack('3', "3 5 c 4", "what comes twice is where it comes last: (D,) B, D, C, A");
    fixture_named_image(
        &f, '6', "example.com/narrow", "1.0.0",
        "\"pathWhitelist\":[\"/a/x\",\"/a/y\"],\"dependencies\":[" NAMED("left") "]");
    check_stack('6', "6(a/,a/x,a/y) 4(a/,a/x,a/y) c(a/,a/x,a/y)",
                "a whitelist filters the image and what it depends on");
    fixture_named_image(&f, '7', "example.com/both", "1.0.0",
                        "\"pathWhitelist\":[\"/a/y\",\"/b\"],\"dependencies\":[" NAMED(
                            "plain") "," NAMED("narrow") "]");
    check_stack('7', "7(a/,a/y,b) 6(a/,a/y) 4(a/,a/y) c(a/,a/y) c(a/,a/y,b)",
                "two whitelists, and one image through two filters");
}

static void test_dependency(const char *rest, char digit, enum jp_code code, const char *name)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    JP_AUTO(jp_store_images) found = {NULL, 0};
    JP_AUTO_FREE char *json = jp_format("{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\","
                                        "\"name\":\"x\",\"dependencies\":[{%s}]}",
                                        rest);
    int r = jp_image_manifest_parse(json, strlen(json), &m, &err);
    if (r == 0)
        r = jp_pod_find_dependency(&f.ctx, &m.dependencies.items[0], NULL, &found, &err);
    if (code == JP_OK)
        TAP_OK(r == 0 && found.items[0].id[7] == digit, "%s: %s", name, jp_error_text(&err));
    else
        TAP_OK(r < 0 && err.code == code, "%s: %s", name, jp_error_text(&err));
}

static void test_dependencies(void)
{
    char id[400];
    test_dependency("\"imageName\":\"example.com/redis\"", 'b', JP_OK, "no version: the newest");
    test_dependency("\"imageName\":\"example.com/redis\",\"labels\":[{\"name\":\"version\","
                    "\"value\":\"1.9.0\"}]",
                    'a', JP_OK, "a version");
    test_dependency("\"imageName\":\"example.com/other\"", 'd', JP_OK,
                    "one for another system, which may hold files for any");
    test_dependency("\"imageName\":\"example.com/absent\"", 0, JP_ENOTFOUND, "not here");
    (void)snprintf(id, sizeof(id),
                   "\"imageName\":\"example.com/redis\",\"imageID\":\"sha512-%0128d\"", 0);
    memset(strstr(id, "sha512-") + 7, '9', 128);
    test_dependency(id, 0, JP_ENOTFOUND, "an id that is not here, though the name is");
    memset(strstr(id, "sha512-") + 7, 'a', 128);
    test_dependency(id, 'a', JP_OK, "an id, though there is a newer version");
    memcpy(strstr(id, "redis"), "plain", 5);
    test_dependency(id, 0, JP_EINVALID, "an id of another name");
    test_dependency("\"imageName\":\"example.com/redis\",\"size\":0", 'b', JP_OK, "the size");
    test_dependency("\"imageName\":\"example.com/redis\",\"size\":1", 0, JP_EINVALID,
                    "another size");
}

/* ---- options against JSON ---- */

struct option {
    enum jp_pod_option option;
    const char *value;
};

/* Image words stand as option -1. */
#define IMAGE    ((enum jp_pod_option) - 1)
#define ARGUMENT ((enum jp_pod_option) - 2)

static int build(struct jp_pod_request *request, const char *json, const struct option *options,
                 size_t count, struct jp_error *err)
{
    if (json && jp_pod_request_manifest(request, json, strlen(json), err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        int r = options[i].option == IMAGE ? jp_pod_request_image(request, options[i].value, err)
                : options[i].option == ARGUMENT
                    ? jp_pod_request_argument(request, options[i].value, err)
                    : jp_pod_request_set(request, options[i].option, options[i].value, err);
        if (r < 0)
            return -1;
    }
    return 0;
}

static char *reify(const char *json, const struct option *options, size_t count,
                   struct jp_error *err)
{
    JP_AUTO(jp_pod_request) request = JP_POD_REQUEST_INIT;
    char *text = NULL;
    f.said[0] = '\0';
    if (build(&request, json, options, count, err) < 0 ||
        jp_pod_reify(&f.ctx, &request, &text, err) < 0)
        return NULL;
    return text;
}

static void test_same(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    static const struct option all[] = {
        {JP_POD_OPT_ANNOTATION, "color=red"},
        {JP_POD_OPT_VOLUME, "data"},
        {JP_POD_OPT_PUBLISH, "redis=1234"},
        {JP_POD_OPT_HOSTNAME, "db"},
        {JP_POD_OPT_MEMORY, "1G"},
        {JP_POD_OPT_USER_LABEL, "k=v"},
        {IMAGE, "example.com/redis"},
        {JP_POD_OPT_NAME, "db"},
        {JP_POD_OPT_MOUNT, "data"},
        {JP_POD_OPT_USER, "0"},
        {JP_POD_OPT_ENVIRONMENT, "B=2"},
        {JP_POD_OPT_READ_ONLY, NULL},
        {JP_POD_OPT_CAPS_REMOVE, "mknod,CAP_NET_RAW"},
        {JP_POD_OPT_PRE_START, "[\"/bin/pre\",\"x\"]"},
        {ARGUMENT, "--port"},
        {ARGUMENT, "1"},
    };
    JP_AUTO_FREE char *by_options = reify(NULL, all, JP_LEN(all), &err);
    TAP_OK(by_options != NULL, "options alone %s", jp_error_text(&err));
    static const char json[] =
        "{\"acVersion\":\"0.8.11\",\"acKind\":\"PodManifest\",\"apps\":[{\"name\":\"db\",\"image\":"
        "{"
        "\"name\":\"example.com/redis\"},\"readOnlyRootFS\":true,\"app\":{\"exec\":["
        "\"/usr/bin/"
        "redis\",\"--port\",\"1\"],\"user\":\"0\",\"group\":\"redis\",\"eventHandlers\":["
        "{\"name\":\"pre-start\",\"exec\":[\"/bin/pre\",\"x\"]}],\"environment\":[{\"name\":\"A\","
        "\"value\":\"1\"},{\"name\":\"B\",\"value\":\"2\"}],\"isolators\":[{\"name\":"
        "\"os/linux/"
        "capabilities-remove-set\",\"value\":{\"set\":[\"CAP_MKNOD\",\"CAP_NET_RAW\"]}}],"
        "\"mountPoints\":[{\"name\":\"data\",\"path\":\"/var/lib/redis\"}],\"ports\":[{\"name\":"
        "\"redis\",\"protocol\":\"tcp\",\"port\":6379}]},\"mounts\":[{\"volume\":\"data\",\"path\":"
        "\"data\"}]}],\"volumes\":[{\"name\":\"data\",\"kind\":\"empty\"}],\"isolators\":[{"
        "\"name\":"
        "\"resource/memory\",\"value\":{\"limit\":\"1G\"}}],\"annotations\":[{\"name\":\"color\","
        "\"value\":\"red\"},{\"name\":\"jetpack/hostname\",\"value\":\"db\"}],\"ports\":[{\"name\":"
        "\"redis\",\"hostPort\":1234}],\"userLabels\":{\"k\":\"v\"}}";
    JP_AUTO_FREE char *by_json = reify(json, NULL, 0, &err);
    TAP_STR(by_json, by_options, "JSON gives the same as options %s", jp_error_text(&err));
    JP_AUTO_FREE char *again = by_json ? reify(by_json, NULL, 0, &err) : NULL;
    TAP_STR(again, by_json, "a reified manifest reifies to itself %s", jp_error_text(&err));
}

static void test_both(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    static const char json[] =
        "{\"acVersion\":\"0.8.11\",\"acKind\":\"PodManifest\",\"apps\":[],\"annotations\":"
        "[{\"name\":\"color\",\"value\":\"red\"}]}";
    static const struct option options[] = {{JP_POD_OPT_ANNOTATION, "size=2"},
                                            {IMAGE, "example.com/plain"}};
    static const struct option alone[] = {{JP_POD_OPT_ANNOTATION, "color=red"},
                                          {JP_POD_OPT_ANNOTATION, "size=2"},
                                          {IMAGE, "example.com/plain"}};
    JP_AUTO_FREE char *a = reify(json, options, JP_LEN(options), &err);
    JP_AUTO_FREE char *b = reify(NULL, alone, JP_LEN(alone), &err);
    TAP_STR(a, b, "JSON and options together %s", jp_error_text(&err));
}

static void test_defaults(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    static const struct option options[] = {{IMAGE, "example.com/redis"},
                                            {IMAGE, "example.com/redis:1.9.0"}};
    JP_AUTO_FREE char *text = reify(NULL, options, JP_LEN(options), &err);
    TAP_OK(text && strstr(text, "\"redis-2\""), "a second app gets a number %s",
           jp_error_text(&err));
    TAP_OK(text && strstr(text, "\"mode\": \"0755\"") && strstr(text, "/var/lib/redis"),
           "a mount point that nothing was said about gets an empty volume");
    TAP_OK(strstr(f.said, "no volume 'data' was given"), "and the user is told");
}

/* ---- refusals ---- */

static void refuse(const struct option *options, size_t count, enum jp_code code, const char *words,
                   const char *what)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_FREE char *text = reify(NULL, options, count, &err);
    TAP_OK(!text && err.code == code && strstr(jp_error_text(&err), words), "%s: %d %s", what,
           (int)err.code, jp_error_text(&err));
}

#define REFUSE(code, words, what, ...)                                                             \
    do {                                                                                           \
        static const struct option list[] = {__VA_ARGS__};                                         \
        refuse(list, JP_LEN(list), (code), (words), (what));                                       \
    } while (0)

static void test_refusals(void)
{
    REFUSE(JP_EUSAGE, "at least one image", "no image", {JP_POD_OPT_ANNOTATION, "a=b"});
    REFUSE(JP_EINVALID, "called 'x'", "two apps of one name", {IMAGE, "example.com/redis"},
           {JP_POD_OPT_NAME, "x"}, {IMAGE, "example.com/plain"}, {JP_POD_OPT_NAME, "x"});
    REFUSE(JP_EINVALID, "no mount point 'nix'", "unknown mount point", {IMAGE, "example.com/redis"},
           {JP_POD_OPT_MOUNT, "data:nix"});
    REFUSE(JP_EINVALID, "overlap", "nested mounts", {JP_POD_OPT_VOLUME, "a"},
           {JP_POD_OPT_VOLUME, "b"}, {IMAGE, "example.com/plain"}, {JP_POD_OPT_MOUNT, "a:/x"},
           {JP_POD_OPT_MOUNT, "b:/x/y"});
    REFUSE(JP_EINVALID, "overlap", "equal mounts", {JP_POD_OPT_VOLUME, "a"},
           {JP_POD_OPT_VOLUME, "b"}, {IMAGE, "example.com/plain"}, {JP_POD_OPT_MOUNT, "a:/x"},
           {JP_POD_OPT_MOUNT, "b://x/"});
    REFUSE(JP_EINVALID, "cannot be mounted", "over /proc", {JP_POD_OPT_VOLUME, "a"},
           {IMAGE, "example.com/plain"}, {JP_POD_OPT_MOUNT, "a:/proc/self"});
    REFUSE(JP_EINVALID, "part", "a way up", {JP_POD_OPT_VOLUME, "a"}, {IMAGE, "example.com/plain"},
           {JP_POD_OPT_MOUNT, "a:/x/../../etc"});
    REFUSE(JP_EINVALID, "no volume 'none'", "a mount of no volume", {IMAGE, "example.com/plain"},
           {JP_POD_OPT_MOUNT, "none:/x"});
    REFUSE(JP_ENOTFOUND, "/nonexistent", "missing source", {JP_POD_OPT_VOLUME, "v:/nonexistent"},
           {IMAGE, "example.com/plain"}, {JP_POD_OPT_MOUNT, "v:/x"});
    REFUSE(JP_EUSAGE, "--user", "app option before an image", {JP_POD_OPT_USER, "0"});
    REFUSE(JP_EUSAGE, "--volume", "pod option after an image", {IMAGE, "example.com/plain"},
           {JP_POD_OPT_VOLUME, "x"});
    REFUSE(JP_EUSAGE, "capability", "unknown capability", {IMAGE, "example.com/plain"},
           {JP_POD_OPT_CAPS_RETAIN, "FLY"});
    REFUSE(JP_EINVALID, "", "retain and remove", {IMAGE, "example.com/plain"},
           {JP_POD_OPT_CAPS_RETAIN, "CHOWN"}, {JP_POD_OPT_CAPS_REMOVE, "KILL"});
    REFUSE(JP_EINVALID, "no app has a port", "unknown port", {JP_POD_OPT_PUBLISH, "www=80"},
           {IMAGE, "example.com/redis"});
    REFUSE(JP_EAMBIGUOUS, "APP-redis", "a port of two apps", {JP_POD_OPT_PUBLISH, "redis=80"},
           {IMAGE, "example.com/redis"}, {IMAGE, "example.com/redis:1.9.0"});
    REFUSE(JP_EINVALID, "share host port", "one host port twice",
           {JP_POD_OPT_PUBLISH, "redis-redis=80"}, {JP_POD_OPT_PUBLISH, "redis-2-redis=80"},
           {IMAGE, "example.com/redis"}, {IMAGE, "example.com/redis:1.9.0"});
    REFUSE(JP_EUSAGE, "--net", "bad network", {JP_POD_OPT_NET, "Wi-Fi"});
    REFUSE(JP_EUSAGE, "--net", "bad words after a network", {JP_POD_OPT_NET, "pod,mac=1"});
    REFUSE(JP_EUSAGE, "--ip", "bad address", {JP_POD_OPT_IP, "172.23.0"});
    REFUSE(JP_EINVALID, "no network of its own", "address without network",
           {JP_POD_OPT_NET, "none,ip=172.23.0.9"}, {IMAGE, "example.com/redis"});
    REFUSE(JP_EUSAGE, "--pod-name", "bad name", {JP_POD_OPT_POD_NAME, "a b"});
}

static void test_links(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_FREE char *real = jp_format("%s/real", f.dir);
    JP_AUTO_FREE char *link = jp_format("%s/link", f.dir);
    JP_AUTO_FREE char *option = jp_format("v:%s", link);
    TAP_OK(mkdir(real, 0755) == 0 && symlink(real, link) == 0, "a symbolic link");
    struct option options[] = {
        {JP_POD_OPT_VOLUME, option}, {IMAGE, "example.com/plain"}, {JP_POD_OPT_MOUNT, "v:/x"}};
    refuse(options, JP_LEN(options), JP_EINVALID, "link", "a linked source is refused");
    struct option allowed[] = {{JP_POD_OPT_VOLUME_LINKS, NULL},
                               {JP_POD_OPT_VOLUME, option},
                               {IMAGE, "example.com/plain"},
                               {JP_POD_OPT_MOUNT, "v:/x"}};
    JP_AUTO_FREE char *text = reify(NULL, allowed, JP_LEN(allowed), &err);
    TAP_OK(text != NULL, "unless the pod allows it %s", jp_error_text(&err));
}

/* ---- plans ---- */

static void test_plan(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_pod_request) request = JP_POD_REQUEST_INIT;
    JP_AUTO(jp_pod_draft) draft = JP_POD_DRAFT_INIT;
    JP_AUTO(jp_plan) plan = JP_PLAN_INIT;
    static const struct option options[] = {
        {JP_POD_OPT_MEMORY, "1Gi"},         {JP_POD_OPT_VOLUME, "-src:/etc"},
        {IMAGE, "example.com/redis"},       {JP_POD_OPT_MOUNT, "src:/usr/src"},
        {JP_POD_OPT_CPU, "500m"},           {JP_POD_OPT_CAPS_RETAIN, "CHOWN"},
        {JP_POD_OPT_SECCOMP, "unconfined"}, {JP_POD_OPT_STOP_SIGNAL, "INT"},
    };
    TAP_OK(build(&request, NULL, options, JP_LEN(options), &err) == 0 &&
               jp_pod_draft_make(&f.ctx, &request, &draft, &err) == 0,
           "a draft %s", jp_error_text(&err));
    (void)jp_pairs_set(&draft.manifest.annotations, JP_NOTE_ADDRESS, "172.23.0.9", NULL);
    struct jp_store_pod pod = {.uuid = (char *)(uintptr_t) "00000000-0000-4000-8000-000000000000",
                               .name = (char *)(uintptr_t) "golden"};
    struct jp_pod_start start = {.tty_app = "", .term = "xterm"};
    struct jp_pod_plan_request make = {
        .pod = &pod,
        .manifest = &draft.manifest,
        .images = draft.images,
        .start = &start,
        .pod_path = "/pods/P",
    };
    struct jp_pod_context ctx = f.ctx;
    ctx.dns_servers = "192.0.2.1";
    TAP_OK(jp_pod_plan_make(&ctx, &make, NULL, &plan, &err) == 0, "a plan %s", jp_error_text(&err));
    JP_AUTO_FREE char *got = jp_pod_plan_print(&plan);
    JP_AUTO_FREE char *wanted = jp_format(
        "pod golden hostname golden net pod 172.23.0.9/16 gateway 172.23.0.1 grace 10000\n"
        "memory 1073741824 request 0\n"
        "volume src /etc host ro recursive\n"
        "volume data /pods/P/volumes/data empty\n"
        "app redis%s tty stdin\n"
        "  exec [/usr/bin/redis]\n"
        "  env [PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin] "
        "[AC_APP_NAME=redis] [container=jetpack] [TERM=xterm] [A=1]\n"
        "  cwd / user redis group redis\n"
        "  capabilities 1 seccomp no stop %d\n"
        "  mount src on /usr/src ro\n"
        "  mount data on /var/lib/redis\n"
        "  file /etc/resolv.conf\n"
        "  file /etc/hosts if missing\n"
        "  cpu 500m request 0m\n",
        strcmp(jp_pod_host_os(), "linux") == 0 ? " linux" : "", SIGINT);
    TAP_STR(got, wanted, "as expected");
}

static bool put(struct jp_isolators *list, const char *name, const char *json)
{
    struct jp_isolator isolator = JP_ISOLATOR_INIT;
    return jp_isolator_parse(name, json, &isolator, NULL) == 0 &&
           jp_isolators_put(list, &isolator, NULL) == 0;
}

static void test_labels(void)
{
    JP_AUTO(jp_plan) plan = JP_PLAN_INIT;
    struct jp_isolators list = {0};
    TAP_OK(put(&list, "os/linux/selinux-context",
               "{\"user\":\"u\",\"role\":\"r\",\"type\":\"t\",\"level\":\"s0:c1\"}") &&
               put(&list, "os/linux/apparmor-profile", "{\"profile\":\"x y\"}") &&
               jp_pod_confine_pod(&list, &plan, NULL, NULL) == 0,
           "labels of a pod");
    TAP_STR(plan.labels.items[JP_LABEL_SELINUX], "u:r:t:s0:c1", "a context in one word");
    TAP_STR(plan.labels.items[JP_LABEL_APPARMOR], "x y", "a profile as it is called");
    jp_isolators_clear(&list);
}

static void test_confine(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_plan_confine confine = {.capabilities = 0};
    struct jp_plan_limits limits = {.memory_bytes = 0};
    TAP_OK(jp_pod_confine_app(NULL, "x", &confine, &limits, NULL, &err) == 0 &&
               confine.capabilities == UINT64_C(0xa80425fb),
           "the default set of ace.md: %llx", (unsigned long long)confine.capabilities);
    TAP_OK(confine.seccomp_len % 8 == 0, "a filter of whole instructions: %zu bytes",
           confine.seccomp_len);
    free(confine.seccomp);
    test_labels();
    struct jp_isolator isolator = JP_ISOLATOR_INIT;
    if (jp_isolator_parse("os/linux/seccomp-retain-set", "{\"set\":[\"read\",\"nosuchcall\"]}",
                          &isolator, &err) < 0)
        TAP_OK(false, "parse: %s", jp_error_text(&err));
    unsigned char *program = NULL;
    size_t len = 0;
    char note[160];
    size_t has_filter = 0;
    (void)jp_pod_seccomp_default(&has_filter);
    if (has_filter)
        TAP_OK(jp_pod_seccomp_compile(&isolator, &program, &len, note, &err) == 0 && len > 0 &&
                   strstr(note, "nosuchcall"),
               "a retain set compiles and tells of unknown calls: %s", note);
    free(program);
    jp_isolator_clear(&isolator);
}

static void test_resolv_conf(void)
{
    JP_AUTO_FREE char *a = jp_pod_resolv_conf_from(
        "# x\nnameserver 127.0.0.53\nnameserver 192.0.2.7 # y\nsearch example.com\nlookup x\n",
        false, NULL);
    TAP_STR(a, "nameserver 192.0.2.7\nsearch example.com\n", "loopback is left out");
    JP_AUTO_FREE char *b = jp_pod_resolv_conf_from("nameserver ::1\nsearch x\n", false, NULL);
    TAP_OK(b == NULL, "nothing without a name server");
    JP_AUTO_FREE char *c = jp_pod_resolv_conf_from("nameserver 127.0.0.1", true, NULL);
    TAP_STR(c, "nameserver 127.0.0.1\n", "but with the host's network it stays");
    JP_AUTO_FREE char *d = jp_pod_resolv_conf_from(
        "nameserver 127.0.0.53\ndomain x.example\noptions a\n", false, "10.0.0.1");
    TAP_STR(d,
            "nameserver 10.0.0.1\nsearch pods.jetpack.internal apps.jetpack.internal\n"
            "search pods.jetpack.internal apps.jetpack.internal x.example\noptions a\n",
            "a resolver of ours stands for all of the host's, with its domains");
    JP_AUTO_FREE char *e = jp_pod_resolv_conf_from("", false, "10.0.0.1");
    TAP_OK(e && strncmp(e, "nameserver 10.0.0.1\n", 20) == 0, "also where the host has none");
}

static void test_dns(void)
{
    static const char *const bad[] = {"x",        "1.2.3",    "1.2.3.4\nnameserver",
                                      "1.2.3.4;", "::1%a b/", "2001:db8::1%\n"};
    JP_AUTO(jp_strv) good = JP_STRV_INIT;
    TAP_OK(jp_pod_dns_parse(" 192.0.2.1,2001:db8::1 fe80::1%eth0\t", &good, NULL) == 0 &&
               good.count == 3,
           "name servers of both families");
    for (size_t i = 0; i < JP_LEN(bad); i++) {
        JP_AUTO(jp_strv) list = JP_STRV_INIT;
        TAP_OK(jp_pod_dns_parse(bad[i], &list, NULL) < 0, "no name server: %zu", i);
    }
}

static void test_names(void)
{
    for (int i = 0; i < 100; i++) {
        JP_AUTO_FREE char *name = jp_pod_name_make_up(NULL);
        if (!name || jp_pod_name_check(name, NULL) < 0) {
            TAP_OK(false, "made-up name %s", name ? name : "NULL");
            return;
        }
    }
    TAP_OK(true, "made-up names are good names");
    TAP_OK(jp_pod_name_check("12345678-1234-4234-8234-123456789abc", NULL) < 0, "not a UUID");
    TAP_OK(jp_pod_name_check("-x", NULL) < 0 && jp_pod_name_check("", NULL) < 0 &&
               jp_pod_name_check("a/b", NULL) < 0,
           "not like an option, not empty, not a path");
}

/* ---- net.mode ---- */

static void set_up_fake(bool has_stacks)
{
    JP_AUTO_FREE char *path = jp_format("%s/no-stacks", f.dir);
    if (!path || setenv("JETPACK_FAKE_DIR", f.dir, 1) < 0)
        fixture_die("the fake back end", NULL);
    (void)unlink(path);
    int fd = has_stacks ? -1 : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    jp_fd_close(&fd);
}

/* A pod that asks for `net` (NULL: for nothing), where net.mode is `mode`. */
static void try_mode(const char *mode, const char *net, const char *annotation, bool is_alias)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_PTR(jp_config) config = NULL;
    JP_AUTO_FREE char *setting = jp_format("net.mode=%s", mode);
    const char *const settings[] = {setting, "jail.interface=no-such-device"};
    const struct jp_config_source source = {"/nonexistent", settings, JP_LEN(settings)};
    struct jp_networks networks = {.items = NULL};
    if (!setting || jp_config_load(&source, &config, &err) < 0 ||
        jp_networks_read(config, &networks, &err) < 0)
        fixture_die("configuration", &err);
    f.ctx.networks = &networks;
    const struct option options[] = {{JP_POD_OPT_NET, net}, {IMAGE, "example.com/plain"}};
    size_t unasked = net ? 0 : 1;
    JP_AUTO_FREE char *text = reify(NULL, options + unasked, JP_LEN(options) - unasked, &err);
    JP_AUTO(jp_pod_manifest) m = JP_POD_MANIFEST_INIT;
    if (!text || jp_pod_manifest_parse(text, strlen(text), &m, &err) < 0)
        fixture_die("reify", &err);
    const char *has = jp_pod_manifest_annotation(&m, JP_NOTE_NET);
    TAP_STR(has ? has : "", annotation, "net.mode %s, a pod that asks for %s", mode,
            net ? net : "nothing");
    TAP_OK(networks.items[0].is_alias == is_alias, "... and addresses are %s",
           is_alias ? "aliases" : "of stacks of their own");
    f.ctx.networks = NULL;
    jp_networks_clear(&networks);
}

static void test_modes(void)
{
    set_up_fake(/* has_stacks= */ true);
    try_mode("auto", NULL, "", false);
    try_mode("vnet", NULL, "", false);
    try_mode("alias", NULL, "", true);
    try_mode("none", NULL, "none", false);
    try_mode("host", NULL, "host", false);
    try_mode("none", "pod", "pod", false);
    try_mode("host", "none", "none", false);
    set_up_fake(/* has_stacks= */ false);
    try_mode("auto", NULL, "", true);
    try_mode("vnet", NULL, "", false);
    try_mode("none", NULL, "none", false);
}

int main(void)
{
    fixture_open(&f);
    make_images();
    test_lookup();
    test_stacks();
    test_dependencies();
    test_same();
    test_both();
    test_defaults();
    test_refusals();
    test_links();
    test_plan();
    test_confine();
    test_resolv_conf();
    test_dns();
    test_names();
    test_modes();
    fixture_close(&f);
    return tap_done();
}
