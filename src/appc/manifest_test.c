/*
 * Both manifests: every rule of the specification with what breaks it and the place that the error
 * names; the round trip; editing.
 */
#include "appc/image_manifest.h"
#include "appc/name.h"
#include "appc/pod_manifest.h"
#include "base/buf.h"
#include "base/macros.h"
#include "base/mem.h"
#include "tap.h"

#define H8 "0123456789abcdef"
#define ID "sha512-" H8 H8 H8 H8 H8 H8 H8 H8

/* One member of a good manifest is replaced by `json`; the error begins with `error` (NULL: good).
 */
struct row {
    const char *json;
    const char *error;
};

static int parse_image(const char *text, struct jp_error *err)
{
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    return jp_image_manifest_parse(text, strlen(text), &m, err);
}

static int parse_pod(const char *text, struct jp_error *err)
{
    JP_AUTO(jp_pod_manifest) m = JP_POD_MANIFEST_INIT;
    return jp_pod_manifest_parse(text, strlen(text), &m, err);
}

static void try_rows(const struct row *rows, size_t count, const char *before, const char *after,
                     int (*parse)(const char *, struct jp_error *))
{
    for (size_t i = 0; i < count; i++) {
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        char *text = jp_format("%s%s%s", before, rows[i].json, after);
        int result = parse(text, &err);
        const char *error = rows[i].error;
        TAP_OK(error ? result < 0 && strncmp(jp_error_text(&err), error, strlen(error)) == 0
                     : result == 0,
               "%s", jp_show(rows[i].json).text);
        if (error ? result == 0 || strncmp(jp_error_text(&err), error, strlen(error)) != 0
                  : result < 0)
            printf("# expected %s\n# got      %s\n", error ? error : "success",
                   jp_error_text(&err));
        free(text);
    }
}
#define TRY(rows, before, after, parse) try_rows(rows, JP_LEN(rows), before, after, parse)

#define IMAGE "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"a/b\","

static const struct row image_heads[] = {
    {"{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"a/b\"}", NULL},
    {"{}", "acKind: missing"},
    {"{\"acKind\":\"PodManifest\",\"acVersion\":\"0.8.11\",\"name\":\"a\"}",
     "acKind: 'PodManifest' where 'ImageManifest' is expected"},
    {"{\"acKind\":1,\"acVersion\":\"0.8.11\",\"name\":\"a\"}", "acKind: must be a string"},
    {"{\"ackind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"a\"}", "acKind: missing"},
    {"{\"acKind\":\"ImageManifest\",\"name\":\"a\"}", "acVersion: missing"},
    {"{\"acKind\":\"ImageManifest\",\"acVersion\":\"1.0.0\",\"name\":\"a\"}",
     "acVersion: version 1.0.0"},
    {"{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8\",\"name\":\"a\"}", "acVersion: '0.8'"},
    {"{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\"}", "name: missing"},
    {"{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":null}", "name: missing"},
    {"{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"\"}", "name: ''"},
    {"{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"A\"}", "name: 'A'"},
    {"{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":[]}",
     "name: must be a string"},
    {"[]", "the JSON text is not an object"},
    {"", "not valid JSON"},
    {"\xef\xbb\xbf{}", "JSON begins with a byte order mark"},
};

static const struct row image_fields[] = {
    {"\"app\":null", NULL},
    {"\"app\":[]", "app: must be an object"},
    {"\"labels\":null", NULL},
    {"\"labels\":{}", "labels: must be a list"},
    {"\"labels\":[1]", "labels[0]: must be an object"},
    {"\"labels\":[{\"name\":\"a\",\"value\":\"\"}]", NULL},
    {"\"labels\":[{\"name\":\"a\"}]", "labels[0].value: missing"},
    {"\"labels\":[{\"value\":\"a\"}]", "labels[0].name: missing"},
    {"\"labels\":[{\"name\":\"a\",\"value\":\"b\"},{\"name\":\"a\",\"value\":\"c\"}]",
     "labels[1].name: 'a' is there twice"},
    {"\"labels\":[{\"name\":\"name\",\"value\":\"b\"}]", "labels[0].name: a label"},
    {"\"labels\":[{\"name\":\"os\",\"value\":\"dos\"}]", "labels: 'dos'"},
    {"\"labels\":[{\"name\":\"os\",\"value\":\"freebsd\"},{\"name\":\"arch\",\"value\":"
     "\"aarch64\"}]",
     NULL},
    {"\"annotations\":[{\"name\":\"created\",\"value\":\"2014-10-27T19:32:27Z\"}]", NULL},
    {"\"annotations\":[{\"name\":\"a\",\"value\":\"\"},{\"name\":\"created\",\"value\":\"now\"}]",
     "annotations[1].value: 'now' is not a timestamp"},
    {"\"annotations\":[{\"name\":\"homepage\",\"value\":\"ftp://x\"}]", "annotations[0].value:"},
    {"\"annotations\":[{\"name\":\"documentation\",\"value\":\"HTTPS://x.y/z?q#f\"}]", NULL},
    {"\"annotations\":[{\"name\":\"documentation\",\"value\":\"http://\"}]",
     "annotations[0].value:"},
    {"\"annotations\":[{\"name\":\"a\",\"value\":1}]", "annotations[0].value: must be a string"},
    {"\"annotations\":[{\"name\":\"a\",\"value\":\"\"},{\"name\":\"a\",\"value\":\"\"}]",
     "annotations[1].name: 'a' is there twice"},
    {"\"pathWhitelist\":[\"/a\",\"/b/\"]", NULL},
    {"\"pathWhitelist\":[\"/a\",\"b\"]", "pathWhitelist[1]: 'b' is not an absolute path"},
    {"\"pathWhitelist\":[1]", "pathWhitelist[0]: must be a string"},
    {"\"dependencies\":[{\"imageName\":\"x\",\"imageID\":\"" ID "\",\"size\":0}]", NULL},
    {"\"dependencies\":[{}]", "dependencies[0].imageName: missing"},
    {"\"dependencies\":[{\"imageName\":\"x\",\"imageID\":\"sha512-12\"}]",
     "dependencies[0].imageID: 'sha512-12'"},
    {"\"dependencies\":[{\"imageName\":\"x\",\"size\":-1}]",
     "dependencies[0].size: must not be negative"},
    {"\"dependencies\":[{\"imageName\":\"x\",\"size\":1.5}]",
     "dependencies[0].size: must be an integer"},
    {"\"dependencies\":[{\"imageName\":\"x\",\"labels\":[{\"name\":\"os\",\"value\":\"?\"}]}]",
     "dependencies[0].labels: '?'"},
    {"\"unknown\":[{\"x\":[null]}]", NULL},
};

#define APP IMAGE "\"app\":{\"user\":\"0\",\"group\":\"0\","

static const struct row app_fields[] = {
    {"\"exec\":[]", NULL},
    {"\"exec\":[\"a\",\"\"]", NULL},
    {"\"exec\":\"a\"", "app.exec: must be a list"},
    {"\"exec\":[\"a\",1]", "app.exec[1]: must be a string"},
    {"\"supplementaryGIDs\":[1,4294967294]", NULL},
    {"\"supplementaryGids\":[1]", NULL},
    {"\"supplementaryGids\":[1],\"supplementaryGIDs\":[2]",
     "app.supplementaryGIDs: is there in two spellings"},
    {"\"supplementaryGIDs\":[-1]", "app.supplementaryGIDs[0]: must not be negative"},
    {"\"supplementaryGIDs\":[4294967295]", "app.supplementaryGIDs[0]: must be between"},
    {"\"supplementaryGids\":[\"1\"]", "app.supplementaryGids[0]: must be an integer"},
    {"\"workingDirectory\":\"/\"", NULL},
    {"\"workingDirectory\":\"\"", NULL},
    {"\"workingDirectory\":\"a\"", "app.workingDirectory: 'a'"},
    {"\"environment\":[{\"name\":\"A\",\"value\":\"\"}]", NULL},
    {"\"environment\":[{\"name\":\"A=\",\"value\":\"\"}]", "app.environment[0].name: 'A='"},
    {"\"environment\":[{\"name\":\"A\"}]", "app.environment[0].value: missing"},
    {"\"environment\":[{\"name\":\"A\",\"value\":\"\"},{\"name\":\"A\",\"value\":\"\"}]",
     "app.environment[1].name: 'A' is there twice"},
    {"\"eventHandlers\":[{\"name\":\"pre-start\",\"exec\":[\"a\"]}]", NULL},
    {"\"eventHandlers\":[{\"name\":\"pre-stop\",\"exec\":[]}]", "app.eventHandlers[0].name:"},
    {"\"eventHandlers\":[{\"name\":\"pre-start\"},{\"name\":\"pre-start\"}]",
     "app.eventHandlers[1].name: 'pre-start' is there twice"},
    {"\"mountPoints\":[{\"name\":\"a\",\"path\":\"/a\",\"readOnly\":true}]", NULL},
    {"\"mountPoints\":[{\"name\":\"a\"}]", "app.mountPoints[0].path: missing"},
    {"\"mountPoints\":[{\"name\":\"a\",\"path\":\"\"}]", "app.mountPoints[0].path: must not"},
    {"\"mountPoints\":[{\"name\":\"a.b\",\"path\":\"/a\"}]", "app.mountPoints[0].name: 'a.b'"},
    {"\"mountPoints\":[{\"name\":\"a\",\"path\":\"/a\",\"readOnly\":1}]",
     "app.mountPoints[0].readOnly: must be true or false"},
    {"\"ports\":[{\"name\":\"a\",\"protocol\":\"tcp\",\"port\":1,\"count\":65535}]", NULL},
    {"\"ports\":[{\"name\":\"a\",\"protocol\":\"UDP Lite\",\"port\":1}]", NULL},
    {"\"ports\":[{\"name\":\"a\",\"protocol\":\"tcp\",\"port\":2,\"count\":65535}]",
     "app.ports[0].count: the range"},
    {"\"ports\":[{\"name\":\"a\",\"protocol\":\"tcp\",\"port\":0}]",
     "app.ports[0].port: must be between 1 and 65535"},
    {"\"ports\":[{\"name\":\"a\",\"protocol\":\"tcp\",\"port\":65536}]", "app.ports[0].port:"},
    {"\"ports\":[{\"name\":\"a\",\"protocol\":\"tcp\",\"port\":1,\"count\":0}]",
     "app.ports[0].count: must be between"},
    {"\"ports\":[{\"name\":\"a\",\"port\":1}]", "app.ports[0].protocol: missing"},
    {"\"ports\":[{\"name\":\"a\",\"protocol\":\"tcp\"}]", "app.ports[0].port: missing"},
    {"\"ports\":[{\"name\":\"a\",\"protocol\":\"tcp\",\"port\":1},{\"name\":\"a\",\"protocol\":"
     "\"udp\",\"port\":1}]",
     "app.ports[1].name: 'a' is there twice"},
    {"\"userAnnotations\":{\"Any thing\":\"x\"},\"userLabels\":{\"\":\"\"}", NULL},
    {"\"userAnnotations\":{\"x\":1}", "app.userAnnotations.x: must be a string"},
    {"\"userLabels\":[]", "app.userLabels: must be an object"},
    {"\"isolators\":[{\"name\":\"x\",\"value\":null}]", NULL},
    {"\"isolators\":[{\"name\":\"x\"}]", "app.isolators[0].value: missing"},
};

#define ISOLATOR APP "\"isolators\":[{\"name\":\""

static const struct row isolators[] = {
    {"resource/cpu\",\"value\":{\"request\":\"250m\",\"limit\":\"500m\"}", NULL},
    {"resource/cpu\",\"value\":{\"limit\":0.3}", NULL},
    {"resource/cpu\",\"value\":{\"limit\":2}", NULL},
    {"resource/cpu\",\"value\":{\"limit\":\"x\"}", "app.isolators[0].value.limit: 'x'"},
    {"resource/cpu\",\"value\":{\"limit\":-1}", "app.isolators[0].value.limit: '-1'"},
    {"resource/cpu\",\"value\":{\"limit\":[]}", "app.isolators[0].value.limit: must be"},
    {"resource/cpu\",\"value\":{\"default\":true,\"limit\":\"1\"}",
     "app.isolators[0].value.default: must be absent"},
    {"resource/memory\",\"value\":\"1G\"", "app.isolators[0].value: must be an object"},
    {"resource/memory\",\"value\":{\"limit\":\"1K\"}", NULL},
    {"resource/block-iops\",\"value\":{\"default\":true,\"limit\":\"1000\"}", NULL},
    {"resource/block-iops\",\"value\":{\"limit\":\"1000\"}",
     "app.isolators[0].value.default: must be true"},
    {"resource/block-bandwidth\",\"value\":{\"default\":true,\"request\":\"1\",\"limit\":\"1\"}",
     "app.isolators[0].value.request: this resource"},
    {"resource/network-bandwidth\",\"value\":{\"default\":1,\"limit\":\"1\"}",
     "app.isolators[0].value.default: must be true or false"},
    {"os/linux/capabilities-retain-set\",\"value\":{\"set\":[\"CAP_KILL\"]}", NULL},
    {"os/linux/capabilities-retain-set\",\"value\":{\"set\":[]}", "app.isolators[0].value.set:"},
    {"os/linux/capabilities-remove-set\",\"value\":{}", "app.isolators[0].value.set:"},
    {"os/linux/capabilities-remove-set\",\"value\":{\"set\":[\"A\",1]}",
     "app.isolators[0].value.set[1]: must be a string"},
    {"os/linux/seccomp-retain-set\",\"value\":{\"set\":[\"@appc.io/all\"],\"errno\":\"\"}", NULL},
    {"os/linux/seccomp-remove-set\",\"value\":{\"set\":[\"reboot\"],\"errno\":\"ENOTSUP\"}", NULL},
    {"os/linux/seccomp-remove-set\",\"value\":{\"set\":[\"reboot\"],\"errno\":\"enotsup\"}",
     "app.isolators[0].value.errno: 'enotsup'"},
    {"os/linux/seccomp-remove-set\",\"value\":{\"set\":[\"reboot\"],\"errno\":1}",
     "app.isolators[0].value.errno: must be a string"},
    {"os/linux/no-new-privileges\",\"value\":true", NULL},
    {"os/linux/no-new-privileges\",\"value\":\"true\"", "app.isolators[0].value: must be true"},
    {"os/linux/selinux-context\",\"value\":{\"user\":\"u\",\"role\":\"r\",\"type\":\"t\",\"level\":"
     "\"s0:c1\"}",
     NULL},
    {"os/linux/selinux-context\",\"value\":{\"user\":\"u\",\"role\":\"r\",\"type\":\"t\"}",
     "app.isolators[0].value.level: missing"},
    {"os/linux/selinux-context\",\"value\":{\"user\":\"u:v\",\"role\":\"r\",\"type\":\"t\","
     "\"level\":\"l\"}",
     "app.isolators[0].value.user: must not contain a colon"},
    {"os/linux/apparmor-profile\",\"value\":{\"profile\":\"p\"}", NULL},
    {"os/linux/apparmor-profile\",\"value\":{\"profile\":\"\"}",
     "app.isolators[0].value.profile: missing"},
    {"os/unix/sysctl\",\"value\":{\"net.ipv4.tcp_mtu_probing\":\"1\"}", NULL},
    {"os/unix/sysctl\",\"value\":{\"net.x\":1}", "app.isolators[0].value.net.x: must be a string"},
    {"os/linux/cpu-shares\",\"value\":1", "app.isolators[0].value: must be between 2"},
    {"os/linux/oom-score-adj\",\"value\":-1000", NULL},
    {"unknown/one\",\"value\":[1,{\"a\":null}]", NULL},
    {"Unknown\",\"value\":1", "app.isolators[0].name: 'Unknown'"},
    {"os/unix/sysctl\",\"value\":{}},{\"name\":\"os/unix/sysctl\",\"value\":{}",
     "app.isolators[1].name: only one os/unix/sysctl"},
    {"resource/cpu\",\"value\":{}},{\"name\":\"resource/cpu\",\"value\":{}", NULL},
    {"os/linux/capabilities-retain-set\",\"value\":{\"set\":[\"A\"]}},{\"name\":"
     "\"os/linux/capabilities-remove-set\",\"value\":{\"set\":[\"A\"]}",
     "app.isolators[1].name: os/linux/capabilities-remove-set cannot be used with"},
    {"os/linux/seccomp-remove-set\",\"value\":{\"set\":[\"A\"]}},{\"name\":"
     "\"os/linux/seccomp-retain-set\",\"value\":{\"set\":[\"A\"]}",
     "app.isolators[1].name: os/linux/seccomp-retain-set cannot be used with"},
};

#define POD     "{\"acVersion\":\"0.8.11\",\"acKind\":\"PodManifest\","
#define RUNTIME POD "\"apps\":[{\"name\":\"x\",\"image\":{\"id\":\"" ID "\"},"

static const struct row pod_fields[] = {
    {"\"apps\":[]", NULL},
    {"\"volumes\":[]", "apps: missing"},
    {"\"apps\":[],\"volumes\":null,\"isolators\":null,\"annotations\":null,\"ports\":null", NULL},
    {"\"apps\":[{\"image\":{\"name\":\"a\"}}]", "apps[0].name: missing"},
    {"\"apps\":[{\"name\":\"a/b\",\"image\":{\"name\":\"a\"}}]", "apps[0].name: 'a/b'"},
    {"\"apps\":[{\"name\":\"a\"}]", "apps[0].image: missing"},
    {"\"apps\":[{\"name\":\"a\",\"image\":{}}]", "apps[0].image.id: missing"},
    {"\"apps\":[{\"name\":\"a\",\"image\":{\"id\":\"sha512-0\"}}]", "apps[0].image.id: 'sha512-0'"},
    {"\"apps\":[{\"name\":\"a\",\"image\":{\"name\":\"a\"}},{\"name\":\"a\",\"image\":{\"name\":"
     "\"a\"}}]",
     "apps[1].name: 'a' is there twice"},
    {"\"apps\":[],\"volumes\":[{\"name\":\"v\",\"kind\":\"host\",\"source\":\"/x\"}]", NULL},
    {"\"apps\":[],\"volumes\":[{\"name\":\"v\",\"kind\":\"host\"}]", "volumes[0].source: missing"},
    {"\"apps\":[],\"volumes\":[{\"name\":\"v\",\"kind\":\"host\",\"source\":\"x\"}]",
     "volumes[0].source: 'x'"},
    {"\"apps\":[],\"volumes\":[{\"name\":\"v\",\"kind\":\"empty\",\"source\":\"/x\"}]",
     "volumes[0].source: an empty volume"},
    {"\"apps\":[],\"volumes\":[{\"name\":\"v\"}]", "volumes[0].kind: missing"},
    {"\"apps\":[],\"volumes\":[{\"name\":\"v\",\"kind\":\"tmpfs\"}]", "volumes[0].kind: must be"},
    {"\"apps\":[],\"volumes\":[{\"name\":\"v\",\"kind\":\"empty\",\"mode\":\"1777\",\"uid\":0}]",
     NULL},
    {"\"apps\":[],\"volumes\":[{\"name\":\"v\",\"kind\":\"empty\",\"mode\":\"888\"}]",
     "volumes[0].mode: must be"},
    {"\"apps\":[],\"volumes\":[{\"name\":\"v\",\"kind\":\"empty\",\"mode\":493}]",
     "volumes[0].mode: must be"},
    {"\"apps\":[],\"volumes\":[{\"name\":\"v\",\"kind\":\"empty\",\"uid\":-1}]",
     "volumes[0].uid: must not be negative"},
    {"\"apps\":[],\"volumes\":[{\"name\":\"v\",\"kind\":\"empty\",\"gid\":\"0\"}]",
     "volumes[0].gid: must be an integer"},
    {"\"apps\":[],\"volumes\":[{\"name\":\"v\",\"kind\":\"empty\"},{\"name\":\"v\",\"kind\":"
     "\"empty\"}]",
     "volumes[1].name: 'v' is there twice"},
    {"\"apps\":[],\"ports\":[{\"name\":\"p\",\"hostPort\":80,\"hostIP\":\"1.2.3.4\"}]", NULL},
    {"\"apps\":[],\"ports\":[{\"name\":\"p\"}]", "ports[0].hostPort: missing"},
    {"\"apps\":[],\"ports\":[{\"name\":\"p\",\"hostPort\":0}]", "ports[0].hostPort: must be"},
    {"\"apps\":[],\"ports\":[{\"name\":\"p\",\"hostPort\":80,\"hostIP\":\"::1\"}]",
     "ports[0].hostIP: '::1'"},
    {"\"apps\":[],\"ports\":[{\"name\":\"p\",\"hostPort\":80,\"podPort\":{\"name\":\"q\"}}]",
     "ports[0].podPort.protocol: missing"},
    {"\"apps\":[],\"annotations\":[{\"name\":\"jetpack/restart\",\"value\":\"no\"}]", NULL},
    {"\"apps\":[],\"annotations\":[{\"name\":\"created\",\"value\":\"yesterday\"}]", NULL},
    {"\"apps\":[],\"userLabels\":{\"a\":null}", "userLabels.a: must be a string"},
};

static const struct row runtime_fields[] = {
    {"\"mounts\":[{\"volume\":\"v\",\"path\":\"/p\"}]", NULL},
    {"\"mounts\":[{\"volume\":\"v\",\"path\":\"data\"}]", NULL},
    {"\"mounts\":[{\"volume\":\"v\",\"path\":\"./data\"}]", NULL},
    {"\"mounts\":[{\"volume\":\"v\",\"path\":\"\"}]", "apps[0].mounts[0].path: must not be empty"},
    {"\"mounts\":[{\"volume\":\"v\"}]", "apps[0].mounts[0].path: missing"},
    {"\"mounts\":[{\"path\":\"/p\"}]", "apps[0].mounts[0].volume: missing"},
    {"\"mounts\":[{\"volume\":\"v\",\"path\":\"/p\",\"appVolume\":{\"name\":\"v\"}}]",
     "apps[0].mounts[0].appVolume.kind: missing"},
    {"\"app\":{\"user\":\"0\",\"group\":\"0\"}", NULL},
    {"\"app\":{\"user\":\"0\"}", "apps[0].app.group: missing"},
    {"\"app\":{\"user\":\"\",\"group\":\"0\"}", "apps[0].app.user: must not be empty"},
    {"\"readOnlyRootFS\":true", NULL},
    {"\"readOnlyRootFS\":\"yes\"", "apps[0].readOnlyRootFS: must be true or false"},
    {"\"annotations\":[{\"name\":\"homepage\",\"value\":\"none\"}]", NULL},
};

/* Everything there is, in the order of the specification, with unknown fields everywhere. */
static const char full_image[] =
    "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"example.com/w\",\"labels\":["
    "{\"name\":\"version\",\"value\":\"1.0.0\",\"x\":1},{\"name\":\"os\",\"value\":\"linux\"}],"
    "\"app\":{\"exec\":[\"/bin/w\",\"-q\"],\"user\":\"100\",\"group\":\"300\","
    "\"supplementaryGIDs\":[400,500],\"eventHandlers\":[{\"name\":\"pre-start\",\"exec\":[\"/a\"],"
    "\"x\":[]}],\"workingDirectory\":\"/w\",\"environment\":[{\"name\":\"A\",\"value\":\"b\"}],"
    "\"isolators\":[{\"name\":\"resource/cpu\",\"value\":{\"limit\":0.3,\"x\":{}}},{\"name\":"
    "\"who/knows\",\"value\":[null,1.5],\"y\":\"z\"}],\"mountPoints\":[{\"name\":\"work\",\"path\":"
    "\"/var\",\"readOnly\":true,\"x\":null}],\"ports\":[{\"name\":\"ftp\",\"protocol\":\"tcp\","
    "\"port\":20000,\"count\":1000,\"socketActivated\":true,\"x\":\"\"}],\"userAnnotations\":{"
    "\"k\":\"v\"},\"userLabels\":{\"b\":\"1\",\"a\":\"2\"},\"x\":true},\"dependencies\":[{"
    "\"imageName\":\"base\",\"imageID\":\"" ID "\",\"labels\":[{\"name\":\"env\",\"value\":\"c\"}],"
    "\"size\":22017258,\"x\":0}],\"pathWhitelist\":[\"/etc\"],\"annotations\":[{\"name\":"
    "\"created\",\"value\":\"2014-10-27T19:32:27.67021798Z\"}],\"zz\":{\"deep\":[1,{\"er\":2}]}}";

static const char full_pod[] =
    "{\"acVersion\":\"0.8.10\",\"acKind\":\"PodManifest\",\"apps\":[{\"name\":\"w\",\"image\":{"
    "\"id\":\"" ID "\",\"name\":\"example.com/w\",\"labels\":[{\"name\":\"version\",\"value\":\"1\""
    "}],\"x\":1},\"app\":{\"user\":\"0\",\"group\":\"0\"},\"readOnlyRootFS\":true,\"mounts\":[{"
    "\"volume\":\"v\",\"path\":\"/p\",\"appVolume\":{\"name\":\"q\",\"kind\":\"empty\",\"mode\":"
    "\"0700\",\"uid\":0,\"gid\":5,\"x\":1},\"y\":2}],\"annotations\":[{\"name\":\"foo\",\"value\":"
    "\"baz\"}],\"x\":1}],\"volumes\":[{\"name\":\"v\",\"kind\":\"host\",\"source\":\"/o\","
    "\"readOnly\":true,\"recursive\":false}],\"isolators\":[{\"name\":\"os/unix/sysctl\","
    "\"value\":{\"a.b\":\"1\"}}],\"annotations\":[{\"name\":\"ip-address\",\"value\":\"10.1.2.3\"}]"
    ",\"ports\":[{\"name\":\"ftp\",\"hostPort\":2121,\"hostIP\":\"10.0.0.1\",\"podPort\":{\"name\":"
    "\"ftp\",\"protocol\":\"tcp\",\"port\":21}}],\"userAnnotations\":{\"a\":\"b\"},\"userLabels\":{"
    "\"c\":\"d\"},\"x\":[]}";

static void test_round_trip(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_image_manifest) image = JP_IMAGE_MANIFEST_INIT;
    char *text = NULL;
    TAP_OK(jp_image_manifest_parse(full_image, strlen(full_image), &image, &err) == 0,
           "the full image manifest %s", jp_error_text(&err));
    TAP_OK(jp_image_manifest_print(&image, false, &text, &err) == 0, "is printed");
    TAP_STR(text, full_image, "without loss, unknown fields and order included");
    free(text);
    text = NULL;
    jp_image_manifest_clear(&image);

    JP_AUTO(jp_pod_manifest) pod = JP_POD_MANIFEST_INIT;
    TAP_OK(jp_pod_manifest_parse(full_pod, strlen(full_pod), &pod, &err) == 0,
           "the full pod manifest %s", jp_error_text(&err));
    TAP_OK(jp_pod_manifest_print(&pod, false, &text, &err) == 0, "is printed");
    TAP_STR(text, full_pod, "without loss");
    free(text);
    TAP_OK(jp_pod_manifest_print(&pod, true, &text, &err) == 0, "is printed for people");
    JP_AUTO(jp_pod_manifest) again = JP_POD_MANIFEST_INIT;
    TAP_OK(jp_pod_manifest_parse(text, strlen(text), &again, &err) == 0, "and read back");
    char *compact = NULL;
    (void)jp_pod_manifest_print(&again, false, &compact, &err);
    TAP_STR(compact, full_pod, "to the same");
    free(compact);
    free(text);
}

static void test_typed_fields(void)
{
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    (void)jp_image_manifest_parse(full_image, strlen(full_image), &m, NULL);
    TAP_STR(jp_image_manifest_label(&m, "version"), "1.0.0", "a label");
    TAP_STR(jp_image_manifest_label(&m, "arch"), NULL, "no label");
    TAP_OK(m.has_app && m.app.exec.count == 2 && m.app.supplementary_gids.items[1] == 500, "app");
    const struct jp_isolator *cpu = jp_isolators_find(&m.app.isolators, JP_ISOLATOR_CPU);
    TAP_OK(cpu && cpu->has_limit && !cpu->has_request && jp_quantity_milli(cpu->limit) == 300 &&
               jp_quantity_milli(cpu->request) == 300,
           "a request that is not given equals the limit");
    TAP_OK(jp_isolators_find_name(&m.app.isolators, "who/knows")->kind == JP_ISOLATOR_UNKNOWN,
           "an unknown isolator is kept");
    TAP_OK(jp_app_find_port(&m.app, "ftp")->count == 1000 &&
               jp_app_find_mount_point(&m.app, "work")->is_read_only &&
               jp_app_find_handler(&m.app, "pre-start") &&
               !jp_app_find_handler(&m.app, "post-stop"),
           "lookup");
    TAP_OK(m.dependencies.items[0].has_size && m.dependencies.items[0].size_bytes == 22017258,
           "size of a dependency");
}

static void test_editing(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_image_manifest) image = JP_IMAGE_MANIFEST_INIT;
    JP_AUTO(jp_pod_manifest) pod = JP_POD_MANIFEST_INIT;
    (void)jp_image_manifest_parse(full_image, strlen(full_image), &image, NULL);

    struct jp_runtime_app *app = jp_pod_manifest_add_app(&pod);
    app->name = jp_strdup("w");
    TAP_OK(jp_pod_manifest_check(&pod, &err) < 0, "an app without image is refused");
    TAP_STR(jp_error_text(&err),
            "apps[0].image.id: missing, and there is no name to find the "
            "image by",
            "naming the place");
    app->image.name = jp_strdup(image.name);
    TAP_OK(jp_pod_manifest_check(&pod, &err) == 0, "a template is fine");
    TAP_OK(jp_pod_manifest_check_reified(&pod, &err) < 0, "but not reified");
    app->image.id = jp_strdup(ID);
    TAP_OK(jp_runtime_app_effective(app, &image) == &image.app, "the image's app counts");
    TAP_OK(jp_app_copy(&app->app, &image.app, &err) == 0, "a copy of it");
    app->has_app = true;
    TAP_OK(jp_runtime_app_effective(app, &image) == &app->app, "the substitute counts");
    char *one = NULL;
    char *two = NULL;
    (void)jp_app_print(&app->app, false, &one, NULL);
    (void)jp_app_print(&image.app, false, &two, NULL);
    TAP_STR(one, two, "the copy is complete");
    free(one);
    free(two);
    TAP_OK(jp_isolators_find(&app->app.isolators, JP_ISOLATOR_CPU)->limit.milli == 300,
           "typed fields are copied");

    struct jp_mount *mount = jp_runtime_app_add_mount(app);
    mount->volume = jp_strdup("v");
    mount->path = jp_strdup("/p");
    TAP_OK(jp_pod_manifest_check_reified(&pod, &err) < 0 &&
               strcmp(jp_error_text(&err), "apps[0].mounts[0].volume: there is no volume 'v'") == 0,
           "a mount needs its volume");
    struct jp_volume *volume = jp_pod_manifest_add_volume(&pod);
    volume->name = jp_strdup("v");
    TAP_OK(jp_volume_mode(volume) == 0755 && jp_volume_is_recursive(volume), "defaults");
    TAP_OK(jp_pairs_set(&pod.annotations, "ip-address", "10.1.2.3", &err) == 0, "an annotation");
    JP_AUTO(jp_isolator) memory = JP_ISOLATOR_INIT;
    TAP_OK(jp_isolator_parse("resource/memory", "{\"limit\":\"1G\"}", &memory, &err) == 0 &&
               jp_isolators_put(&pod.isolators, &memory, &err) == 0,
           "an isolator");
    TAP_OK(jp_isolator_parse("resource/memory", "{\"limit\":\"2G\"}", &memory, &err) == 0 &&
               jp_isolators_put(&pod.isolators, &memory, &err) == 0 && pod.isolators.count == 1,
           "a second one of that name replaces it");
    TAP_OK(jp_isolator_parse("resource/memory", "{\"limit\":\"2X\"}", &memory, &err) < 0,
           "a bad one is refused");
    TAP_STR(jp_error_text(&err),
            "resource/memory: value.limit: '2X' is not a quantity (such as 128974848, 125952Ki, "
            "123Mi, 500m, 0.3)",
            "with its name");
    TAP_OK(jp_pod_manifest_check_reified(&pod, &err) == 0, "reified");
    char *text = NULL;
    TAP_OK(jp_pod_manifest_print(&pod, true, &text, &err) == 0 &&
               strstr(text, "\"acVersion\": \"0.8.11\"") && parse_pod(text, &err) == 0,
           "printed as of our version, and good");
    free(text);
    text = NULL;
    (void)jp_pairs_set(&pod.annotations, "bad", "\xff", &err);
    TAP_OK(jp_pod_manifest_print(&pod, true, &text, &err) < 0 &&
               strcmp(jp_error_text(&err), "annotations[1].value: is not valid UTF-8") == 0,
           "text that is not UTF-8 cannot be printed");
}

static void test_dependency(void)
{
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    (void)jp_image_manifest_parse(full_image, strlen(full_image), &m, NULL);
    struct jp_dependency *dependency = &m.dependencies.items[0];
    TAP_OK(jp_dependency_match(dependency, &m, &err) < 0, "another name");
    free(dependency->image_name);
    dependency->image_name = jp_strdup("example.com/w");
    TAP_OK(jp_dependency_match(dependency, &m, &err) < 0, "a missing label");
    (void)jp_pairs_set(&m.labels, "env", "c", &err);
    TAP_OK(jp_dependency_match(dependency, &m, &err) == 0, "a match");
}

/* Many elements: the check for duplicates must not be quadratic. */
static void test_many(void)
{
    struct jp_buf text = JP_BUF_INIT;
    jp_buf_puts(&text, IMAGE "\"labels\":[");
    for (int i = 0; i < 10000; i++)
        jp_buf_printf(&text, "%s{\"name\":\"n%d\",\"value\":\"\"}", i ? "," : "", i);
    size_t len = text.len;
    jp_buf_puts(&text, "]}");
    TAP_OK(parse_image(jp_buf_text(&text), NULL) == 0, "ten thousand labels");
    TAP_OK(parse_image(IMAGE "\"labels\":[{\"name\":\"A\",\"value\":\"\"}]}", NULL) < 0 &&
               parse_image(APP
                           "\"isolators\":[{\"name\":\"resource/cpu\",\"value\":{\"limit\":\"x\"}"
                           "}]}}",
                           NULL) < 0,
           "errors may be ignored");
    text.len = len;
    jp_buf_puts(&text, ",{\"name\":\"x\",\"value\":\"\"}]}");
    struct jp_error err = JP_ERROR_INIT;
    TAP_OK(parse_image(jp_buf_text(&text), &err) < 0 && err.code == JP_ELIMIT, "one more");
    jp_error_clear(&err);
    jp_buf_clear(&text);
}

/* Every allocation of ours fails once: an error, nothing lost, nothing freed twice. */
static void test_no_memory(void)
{
    bool is_right = true;
    unsigned long n = 1;
    for (; n < 2000; n++) {
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        JP_AUTO(jp_pod_manifest) m = JP_POD_MANIFEST_INIT;
        char *text = NULL;
        jp_mem_fail_after(n);
        int result = jp_pod_manifest_parse(full_pod, strlen(full_pod), &m, &err);
        if (result == 0)
            result = jp_pod_manifest_print(&m, false, &text, &err);
        jp_mem_fail_after(0);
        free(text);
        if (result == 0)
            break;
        is_right = is_right && err.code == JP_ENOMEM;
    }
    TAP_OK(is_right && n > 40 && n < 2000, "each of %lu allocations failed once", n - 1);
}

int main(void)
{
    TRY(image_heads, "", "", parse_image);
    TRY(image_fields, IMAGE, "}", parse_image);
    TRY(app_fields, APP, "}}", parse_image);
    TRY(isolators, ISOLATOR, "}]}}", parse_image);
    TRY(pod_fields, POD, "}", parse_pod);
    TRY(runtime_fields, RUNTIME, "}]}", parse_pod);
    test_round_trip();
    test_typed_fields();
    test_editing();
    test_dependency();
    test_many();
    test_no_memory();
    return tap_done();
}
