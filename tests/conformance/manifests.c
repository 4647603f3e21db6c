/*
 * Makes manifests, good and bad, and judges them: `manifests generate` prints one case a line, ID,
 * a tab and the text; `manifests judge` reads such lines and prints ID, a tab and "good" or "bad".
 * No randomness: every value in every seed is replaced by everything in a list, taken away, doubled
 * and spelt wrongly; then each type of the specification gets its own list; then come texts that
 * are not the JSON they seem to be. The same lines go to the specification's own validator.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "appc/image_manifest.h"
#include "appc/pod_manifest.h"
#include "base/macros.h"
#include "base/mem.h"

#define ID_TEXT                                                                                    \
    "sha512-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                      \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char image_seed[] =
    "{'acKind':'ImageManifest','acVersion':'0.8.11','name':'example.com/reduce-worker','labels':["
    "{'name':'version','value':'1.0.0'},{'name':'arch','value':'amd64'},{'name':'os','value':"
    "'linux'}],'app':{'exec':['/usr/bin/reduce-worker','--quiet'],'user':'100','group':'300',"
    "'supplementaryGIDs':[400,500],'eventHandlers':[{'exec':['/usr/bin/data-downloader'],'name':"
    "'pre-start'},{'exec':['/usr/bin/deregister-worker','--verbose'],'name':'post-stop'}],"
    "'workingDirectory':'/opt/work','environment':[{'name':'DEBUG','value':'true'}],'isolators':["
    "{'name':'resource/cpu','value':{'request':'250m','limit':'500m'}},{'name':'resource/memory',"
    "'value':{'request':'1G','limit':'2G'}},{'name':'resource/block-iops','value':{'default':true,"
    "'limit':'1000'}},{'name':'os/linux/capabilities-retain-set','value':{'set':["
    "'CAP_NET_BIND_SERVICE']}},{'name':'os/linux/seccomp-remove-set','value':{'set':['reboot'],"
    "'errno':'ENOTSUP'}},{'name':'os/linux/no-new-privileges','value':true},{'name':"
    "'os/linux/selinux-context','value':{'user':'system_u','role':'system_r','type':'dhcpc_t',"
    "'level':'s0'}}],'mountPoints':[{'name':'work','path':'/var/lib/work','readOnly':false}],"
    "'ports':[{'name':'health','port':4000,'protocol':'tcp','socketActivated':true},{'name':"
    "'ftp-data','port':20000,'count':1000,'protocol':'tcp'}],'userAnnotations':{'k':'v'},"
    "'userLabels':{'k':'v'}},'dependencies':[{'imageName':'example.com/base','imageID':'" ID_TEXT
    "','labels':[{'name':'os','value':'linux'},{'name':'env','value':'canary'}],'size':22017258}],"
    "'pathWhitelist':['/etc/ca/example.com/crt','/etc/systemd/system/'],'annotations':[{'name':"
    "'authors','value':'Carly Container'},{'name':'created','value':"
    "'2014-10-27T19:32:27.67021798Z'},{'name':'documentation','value':'https://example.com/docs'},"
    "{'name':'homepage','value':'https://example.com'}]}";

static const char pod_seed[] =
    "{'acVersion':'0.8.11','acKind':'PodManifest','apps':[{'name':'reduce-worker','image':{'name':"
    "'example.com/reduce-worker','id':'" ID_TEXT "','labels':[{'name':'version','value':'1.0.0'}]},"
    "'app':{'exec':['/bin/reduce-worker'],'group':'0','user':'0','mountPoints':[{'name':'work',"
    "'path':'/var/lib/work'}]},'readOnlyRootFS':true,'mounts':[{'volume':'worklib','path':"
    "'/var/lib/work','appVolume':{'name':'worklib','kind':'empty','mode':'0700','uid':0,'gid':5}}],"
    "'annotations':[{'name':'foo','value':'baz'}]},{'name':'register','image':{'id':'" ID_TEXT
    "'}}],'volumes':[{'name':'worklib','kind':'host','source':'/opt/tenant1/work','readOnly':true,"
    "'recursive':true},{'name':'scratch','kind':'empty','mode':'1777','uid':1,'gid':2}],"
    "'isolators':[{'name':'resource/memory','value':{'limit':'4G'}},{'name':'os/unix/sysctl',"
    "'value':{'net.ipv4.tcp_mtu_probing':'1'}}],'annotations':[{'name':'ip-address','value':"
    "'10.1.2.3'}],'ports':[{'name':'ftp','hostPort':2121,'hostIP':'203.0.113.23','podPort':{'name':"
    "'ftp','protocol':'tcp','port':21}}],'userAnnotations':{'k':'v'},'userLabels':{'k':'v'}}";

/* What is put in the place of every value. */
static const struct {
    const char *id;
    const char *json;
} replacements[] = {
    {"null", "null"},
    {"true", "true"},
    {"zero", "0"},
    {"one", "1"},
    {"minus", "-1"},
    {"real", "1.5"},
    {"large", "70000"},
    {"huge", "5000000000"},
    {"empty", "''"},
    {"word", "'x'"},
    {"upper", "'X'"},
    {"dots", "'../x'"},
    {"blank", "'a b'"},
    {"digits", "'1'"},
    {"list", "[]"},
    {"object", "{}"},
    {"words", "['x']"},
    {"objects", "[{}]"},
    {"strings", "{'a':'b'}"},
    {"nulls", "[null]"},
};

/* Values for one type; each goes to the places of that type. */
struct values {
    const char *id;
    const char *places[4]; /* "image:PATH" */
    const char *texts[64]; /* strings */
};

static const struct values types[] = {
    {"identifier",
     {"image:name", "image:labels.0.name", "image:annotations.0.name", "pod:apps.0.image.name"},
     {"a",     "0",       "a.b",  "a-b", "a_b", "a~b", "a/b",  "a.b/c-d/e_f~g",
      "-a",    "a-",      ".a",   "a.",  "/a",  "a/",  "a//b", "a--b",
      "a..b",  "a/../b",  "a/~b", "aB",  "a:b", "a@b", "a,b",  "a%2fb",
      "a\\nb", "\\u00e4", "a b",  "..",  "_",   "~a",  "name"}},
    {"name",
     {"image:app.mountPoints.0.name", "image:app.ports.0.name", "pod:apps.0.name",
      "pod:volumes.0.name"},
     {"a", "0", "a-b", "a-b-c", "-a", "a-", "a--b", "a.b", "a_b", "a/b", "A", "a b", "\\u00e4"}},
    {"version",
     {"image:acVersion", "pod:acVersion"},
     {"0.8.11",  "0.8.10",  "0.1.0",   "0.9.0",   "0.8.11-dev", "0.8.11+git", "0.8.11-a.1+b.2",
      "1.0.0",   "2.1.1",   "0.0.0",   "0.0.1",   "0.8",        "0.8.11.1",   "v0.8.11",
      "00.8.11", "0.08.11", "0.8.011", "0.8.11-", "0.8.11+",    "0.8.11-01",  "0.8.11-a..b",
      "0.8.x",   "0.8.-1",  "latest",  " 0.8.11", "0.8.11 "}},
    {"imageid",
     {"image:dependencies.0.imageID", "pod:apps.0.image.id"},
     {ID_TEXT, "sha512-", "sha512-...", "sha512-0123456789abcdef", "sha256-00", "sha512", "-00",
      "sha512-0-0",
      "sha512-"
      "0123456789ABCDEF",
      ID_TEXT "0", "SHA512-00", "md5-00"}},
    {"quantity",
     {"image:app.isolators.0.value.limit", "image:app.isolators.1.value.request",
      "image:app.isolators.2.value.limit", "pod:isolators.0.value.limit"},
     {"128974848",
      "125952Ki",
      "123Mi",
      "0.3",
      "300m",
      "500m",
      "1G",
      "2M",
      "1k",
      "1K",
      "1E",
      "1Ei",
      "1P",
      "1Pi",
      "1T",
      "1Ti",
      "1Gi",
      "0",
      "1n",
      "1u",
      "1e3",
      "1E3",
      "1e-3",
      "1e+3",
      "007",
      ".5",
      "1.",
      "+1",
      "-1",
      "-",
      "+",
      ".",
      "1 ",
      " 1",
      "1KB",
      "1B",
      "1g",
      "1ki",
      "1e",
      "1e1.5",
      "1,5",
      "0x10",
      "NaN",
      "1.2.3",
      "Ki",
      "m",
      "1mi",
      "8Ei",
      "9223372036854775807",
      "9223372036854775808"}},
    {"timestamp",
     {"image:annotations.1.value"},
     {"2014-10-27T19:32:27Z",
      "2014-10-27T19:32:27.1Z",
      "2014-10-27T19:32:27.123456789Z",
      "2014-10-27T19:32:27.1234567891Z",
      "2014-10-27T19:32:27+01:00",
      "2014-10-27T19:32:27-23:59",
      "0001-01-01T00:00:00Z",
      "9999-12-31T23:59:59Z",
      "2016-02-29T00:00:00Z",
      "2015-02-29T00:00:00Z",
      "2014-13-01T00:00:00Z",
      "2014-04-31T00:00:00Z",
      "2014-10-27T24:00:00Z",
      "2014-10-27T23:60:00Z",
      "2016-12-31T23:59:60Z",
      "2014-10-27T12:00:61Z",
      "2014-10-27",
      "2014-10-27 19:32:27Z",
      "2014-10-27t19:32:27z",
      "2014-10-27T19:32:27",
      "2014-10-27T19:32Z",
      "2014-10-27T19:32:27.Z",
      "2014-10-27T19:32:27,5Z",
      "2014-10-27T19:32:27+0100",
      "2014-10-27T19:32:27+24:00",
      "2014-10-27T19:32:27+1:00",
      "2014-10-27T9:32:27Z",
      "Mon, 27 Oct 2014 19:32:27 GMT",
      "now"}},
    {"url",
     {"image:annotations.2.value", "image:annotations.3.value"},
     {"http://x", "https://x.y:8080/a/b?c=d#e", "HTTP://x", "http://[::1]/", "http://u:p@x/",
      "ftp://x", "x", "//x", "mailto:a@b", "http://", "http:///a", "http:x", "http://a b",
      "http://x/a b", "https//x", "http://x/%zz", "http://x/\\n", "javascript:alert(1)"}},
    {"variable",
     {"image:app.environment.0.name"},
     {"A", "_", "a1", "A.b-c", "1A", "-A", ".A", "A=B", "A B", "\\u00c4", "A\\n"}},
    {"os",
     {"image:labels.2.value"},
     {"linux", "freebsd", "darwin", "windows", "Linux", "plan9", ""}},
    {"arch",
     {"image:labels.1.value"},
     {"amd64", "i386", "aarch64", "aarch64_be", "armv6l", "armv7l", "armv7b", "ppc64", "ppc64le",
      "s390x", "x86_64", "arm", "arm64", "386", "AMD64", "riscv64"}},
    {"labelname", {"image:labels.0.name"}, {"name", "version", "os", "arch", "env"}},
    {"directory", {"image:app.workingDirectory"}, {"/", "/a", "/a/../b", "//", "a", "./a", "~"}},
    {"whitelist", {"image:pathWhitelist.0"}, {"/", "/a", "/a/", "a", "./a", "/a/../b"}},
    {"user", {"image:app.user", "image:app.group"}, {"root", "0", "/usr/bin/ping", "a b", "-1"}},
    {"handler", {"image:app.eventHandlers.0.name"}, {"pre-start", "post-stop", "pre-stop", ""}},
    {"errno",
     {"image:app.isolators.4.value.errno"},
     {"EPERM", "E2BIG", "", "eperm", "EPerm", "PERM", "E", "E_X", "1"}},
    {"selinux",
     {"image:app.isolators.6.value.user", "image:app.isolators.6.value.level"},
     {"a", "a:b", "s0:c1,c2", ""}},
    {"mode",
     {"pod:volumes.1.mode", "pod:apps.0.mounts.0.appVolume.mode"},
     {"0755", "755", "1777", "7777", "0", "10000", "888", "0x1ff", "rwx", "-1", ""}},
    {"source", {"pod:volumes.0.source"}, {"/", "/a", "/a/../b", "a", "./a", ""}},
    {"kind", {"pod:volumes.0.kind", "pod:volumes.1.kind"}, {"host", "empty", "Host", "tmpfs", ""}},
    {"hostip",
     {"pod:ports.0.hostIP"},
     {"1.2.3.4", "0.0.0.0", "255.255.255.255", "256.1.1.1", "1.2.3", "01.2.3.4", "::1",
      "::ffff:1.2.3.4", "example.com", "1.2.3.4/8", ""}},
    {"mountpath",
     {"pod:apps.0.mounts.0.path"},
     {"/", "/a", "/a/../b", "data", "a/b", "./a", "..", ""}},
    {"isolator",
     {"image:app.isolators.5.name", "pod:isolators.0.name"},
     {"resource/cpu", "resource/network-bandwidth", "os/linux/apparmor-profile", "who/knows",
      "os/linux/oom-score-adj", "os/linux/cpu-shares", "Who", ""}},
};

/* Whole isolators, appended to the app's and the pod's. */
static const char *const more_isolators[] = {
    "{'name':'os/linux/apparmor-profile','value':{'profile':'rkt-default'}}",
    "{'name':'os/linux/apparmor-profile','value':{'profile':''}}",
    "{'name':'os/linux/capabilities-remove-set','value':{'set':['CAP_MKNOD']}}",
    "{'name':'os/linux/capabilities-retain-set','value':{'set':['CAP_MKNOD']}}",
    "{'name':'os/linux/seccomp-retain-set','value':{'set':['@appc.io/all']}}",
    "{'name':'os/linux/seccomp-remove-set','value':{'set':['@appc.io/empty']}}",
    "{'name':'os/linux/no-new-privileges','value':false}",
    "{'name':'os/linux/selinux-context','value':{'user':'a','role':'b','type':'c','level':'d'}}",
    "{'name':'os/unix/sysctl','value':{'a.b':'1'}}",
    "{'name':'os/unix/sysctl','value':{'a.b':1}}",
    "{'name':'os/unix/sysctl','value':[]}",
    "{'name':'resource/cpu','value':{'limit':1}}",
    "{'name':'resource/cpu','value':{'limit':0.3}}",
    "{'name':'resource/cpu','value':{'limit':'1','default':true}}",
    "{'name':'resource/cpu','value':{'request':'1'}}",
    "{'name':'resource/cpu','value':{}}",
    "{'name':'resource/cpu','value':'1'}",
    "{'name':'resource/memory','value':{'limit':'1G'}}",
    "{'name':'resource/block-bandwidth','value':{'default':true,'limit':'2M'}}",
    "{'name':'resource/block-bandwidth','value':{'limit':'2M'}}",
    "{'name':'resource/block-bandwidth','value':{'default':false,'limit':'2M'}}",
    "{'name':'resource/block-bandwidth','value':{'default':true,'limit':'2M','request':'1M'}}",
    "{'name':'resource/network-bandwidth','value':{'default':true,'limit':'1G'}}",
    "{'name':'os/linux/cpu-shares','value':1024}",
    "{'name':'os/linux/cpu-shares','value':1}",
    "{'name':'os/linux/oom-score-adj','value':-1000}",
    "{'name':'os/linux/oom-score-adj','value':1001}",
    "{'name':'who/knows','value':{'a':[null]}}",
    "{'name':'who/knows','value':null}",
    "{'name':'who/knows'}",
};

/* Texts: %s is a good manifest without its last brace. */
static const struct {
    const char *id;
    const char *format;
} texts[] = {
    {"plain", "%s}"},
    {"blank-around", "  %s}  "},
    {"unknown-field", "%s,'x':{'y':[1,2,{'z':null}]}}"},
    {"unknown-real", "%s,'x':-1.25e-3}"},
    {"unknown-overflow", "%s,'x':1e999}"},
    {"unknown-large", "%s,'x':18446744073709551615}"},
    {"unknown-surrogate", "%s,'x':'\\ud800'}"},
    {"unknown-nul", "%s,'x':'\\u0000'}"},
    {"unknown-utf8", "%s,'x':'\xc3\xa4'}"},
    {"unknown-latin1", "%s,'x':'\xe4'}"},
    {"unknown-overlong", "%s,'x':'\xc0\xaf'}"},
    {"unknown-tab", "%s,'x':'\t'}"},
    {"unknown-nan", "%s,'x':NaN}"},
    {"unknown-hex", "%s,'x':0x1}"},
    {"unknown-octal", "%s,'x':01}"},
    {"unknown-plus", "%s,'x':+1}"},
    {"unknown-point", "%s,'x':1.}"},
    {"unknown-dup", "%s,'x':1,'x':2}"},
    {"unknown-dup-inside", "%s,'x':{'y':1,'y':1}}"},
    {"duplicate-version", "%s,'acVersion':'0.8.10'}"},
    {"duplicate-case", "%s,'ACVERSION':'0.8.10'}"},
    {"wrong-case-bad-value", "%s,'ANNOTATIONS':7}"},
    {"deep",
     "%s,'x':[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}"},
    {"no-end", "%s"},
    {"two-ends", "%s}}"},
    {"comma", "%s,}"},
    {"twice", "%s}{}"},
    {"comment", "%s}// x"},
    {"bom", "\xef\xbb\xbf%s}"},
    {"in-list", "[%s}]"},
    {"number", "1"},
    {"null", "null"},
    {"nothing", ""},
    {"empty", "{}"},
    {"kind-only", "{'acKind':'ImageManifest'}"},
    {"kind-unknown", "{'acKind':'Image','acVersion':'0.8.11','name':'a'}"},
    {"kind-empty", "{'acKind':'','acVersion':'0.8.11','name':'a'}"},
    {"minimal-image", "{'acKind':'ImageManifest','acVersion':'0.8.11','name':'a'}"},
    {"minimal-pod", "{'acKind':'PodManifest','acVersion':'0.8.11','apps':[]}"},
    {"wrong-case-image", "{'ACKIND':'ImageManifest','ACVERSION':'0.8.11','NAME':'a'}"},
    {"gids-alias",
     "{'acKind':'ImageManifest','acVersion':'0.8.11','name':'a','app':{'user':'0','group':'0',"
     "'supplementaryGids':[1]}}"},
    {"gids-alias-bad",
     "{'acKind':'ImageManifest','acVersion':'0.8.11','name':'a','app':{'user':'0','group':'0',"
     "'supplementaryGids':['x']}}"},
    {"freebsd-aarch64",
     "{'acKind':'ImageManifest','acVersion':'0.8.11','name':'a','labels':[{'name':'os','value':"
     "'freebsd'},{'name':'arch','value':'aarch64'}]}"},
    {"freebsd-arm",
     "{'acKind':'ImageManifest','acVersion':'0.8.11','name':'a','labels':[{'name':'os','value':"
     "'freebsd'},{'name':'arch','value':'arm'}]}"},
    {"darwin-x86_64",
     "{'acKind':'ImageManifest','acVersion':'0.8.11','name':'a','labels':[{'name':'os','value':"
     "'darwin'},{'name':'arch','value':'x86_64'}]}"},
    {"arch-alone",
     "{'acKind':'ImageManifest','acVersion':'0.8.11','name':'a','labels':[{'name':'arch','value':"
     "'pdp11'}]}"},
    {"nulls-of-the-go-tool",
     "{'acKind':'PodManifest','acVersion':'0.8.11','apps':[],'volumes':null,'isolators':null,"
     "'annotations':null,'ports':null}"},
    {"host-volume-with-mode",
     "{'acKind':'PodManifest','acVersion':'0.8.11','apps':[],'volumes':[{'name':'a','kind':'host',"
     "'source':'/a','mode':'0755','uid':1,'gid':1}]}"},
    {"empty-volume-recursive",
     "{'acKind':'PodManifest','acVersion':'0.8.11','apps':[],'volumes':[{'name':'a','kind':'empty',"
     "'recursive':false}]}"},
};

/* ---- generate -------------------------------------------------------------------------------- */

/* Single quotes stand for double ones in the tables above. */
static char *unquote(const char *text)
{
    char *copy = jp_strdup(text);
    for (char *c = copy; c && *c; c++) {
        if (*c == '\'')
            *c = '"';
    }
    return copy;
}

static json_t *load(const char *text)
{
    char *json = unquote(text);
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    free(json);
    if (!value) {
        fprintf(stderr, "bad table entry: %s\n", text);
        exit(1);
    }
    return value;
}

static void emit(const json_t *root, const char *seed, const char *path, const char *mutation)
{
    char *text = json_dumps(root, JSON_COMPACT | JSON_ENCODE_ANY);
    printf("%s:%s:%s\t%s\n", seed, path, mutation, text);
    free(text);
}

/* Where a value stands: in an object under a key, or in a list at an index. */
struct spot {
    json_t *parent;
    const char *key; /* NULL: a list */
    size_t index;
};

static void put(const struct spot *spot, json_t *value)
{
    if (spot->key)
        json_object_set_new(spot->parent, spot->key, value);
    else
        json_array_set_new(spot->parent, spot->index, value);
}

/* Takes it away, spells its key wrongly, and puts everything back as it was. */
static void mutate_key(json_t *root, const char *seed, const char *path, const struct spot *spot)
{
    json_t *before = json_deep_copy(spot->parent);
    if (spot->key) {
        json_t *value = json_incref(json_object_get(spot->parent, spot->key));
        json_object_del(spot->parent, spot->key);
        emit(root, seed, path, "absent");
        char wrong[64];
        (void)snprintf(wrong, sizeof(wrong), "%s", spot->key);
        wrong[0] = (char)(wrong[0] ^ 0x20);
        json_object_set_new(spot->parent, wrong, value);
        emit(root, seed, path, "wrong-case");
        json_object_clear(spot->parent);
        json_object_update(spot->parent, before);
    } else {
        json_array_append_new(spot->parent,
                              json_deep_copy(json_array_get(spot->parent, spot->index)));
        emit(root, seed, path, "twice");
        json_array_remove(spot->parent, json_array_size(spot->parent) - 1);
        json_array_remove(spot->parent, spot->index);
        emit(root, seed, path, "absent");
        json_array_clear(spot->parent);
        json_array_extend(spot->parent, before);
    }
    json_decref(before);
}

static void mutate(json_t *root, const char *seed, const char *path, const struct spot *spot)
{
    json_t *old = spot->key ? json_object_get(spot->parent, spot->key)
                            : json_array_get(spot->parent, spot->index);
    json_incref(old);
    for (size_t i = 0; i < JP_LEN(replacements); i++) {
        put(spot, load(replacements[i].json));
        emit(root, seed, path, replacements[i].id);
    }
    put(spot, json_incref(old));
    if (json_is_object(old)) {
        json_object_set_new(old, "xUnknown", json_integer(1));
        emit(root, seed, path, "unknown-field");
        json_object_del(old, "xUnknown");
    }
    json_decref(old);
    mutate_key(root, seed, path, spot);
}

static void walk(json_t *root, json_t *value, const char *seed, const char *path)
{
    char below[256];
    if (json_is_object(value)) {
        json_t *keys = json_array();
        const char *key;
        json_t *member;
        json_object_foreach(value, key, member)
        {
            json_array_append_new(keys, json_string(key));
        }
        for (size_t i = 0; i < json_array_size(keys); i++) {
            struct spot spot = {.parent = value, .key = json_string_value(json_array_get(keys, i))};
            (void)snprintf(below, sizeof(below), "%s%s%s", path, *path ? "." : "", spot.key);
            mutate(root, seed, below, &spot);
            walk(root, json_object_get(value, spot.key), seed, below);
        }
        json_decref(keys);
    }
    for (size_t i = 0; json_is_array(value) && i < json_array_size(value); i++) {
        struct spot spot = {.parent = value, .index = i};
        (void)snprintf(below, sizeof(below), "%s.%zu", path, i);
        mutate(root, seed, below, &spot);
        walk(root, json_array_get(value, i), seed, below);
    }
}

/* Finds "a.0.b" and fills in its parent. The path is changed. */
static struct spot find_spot(json_t *root, char *path)
{
    struct spot spot = {.parent = root};
    for (char *part = path;;) {
        char *dot = strchr(part, '.');
        if (dot)
            *dot = '\0';
        spot.key = json_is_object(spot.parent) ? part : NULL;
        spot.index = spot.key ? 0 : strtoul(part, NULL, 10);
        if (!dot)
            return spot;
        spot.parent =
            spot.key ? json_object_get(spot.parent, part) : json_array_get(spot.parent, spot.index);
        part = dot + 1;
    }
}

static void emit_value(const struct values *type, const char *place, const char *text)
{
    const char *path = strchr(place, ':') + 1;
    bool is_pod = strncmp(place, "pod", 3) == 0;
    json_t *root = load(is_pod ? pod_seed : image_seed);
    char *copy = jp_strdup(path);
    struct spot spot = find_spot(root, copy);
    char *quoted = jp_format("\"%s\"", text);
    json_t *value = json_loads(quoted, JSON_DECODE_ANY, NULL);
    put(&spot, value);
    char *mutation = jp_format("%s=%s", type->id, text);
    emit(root, is_pod ? "pod" : "image", path, mutation);
    free(mutation);
    free(quoted);
    free(copy);
    json_decref(root);
}

static void emit_isolator(const char *json, size_t index)
{
    for (int is_pod = 0; is_pod < 2; is_pod++) {
        json_t *root = load(is_pod ? pod_seed : image_seed);
        json_t *owner = is_pod ? root : json_object_get(root, "app");
        for (int alone = 0; alone < 2; alone++) {
            if (alone)
                json_object_set_new(owner, "isolators", json_array());
            json_array_append_new(json_object_get(owner, "isolators"), load(json));
            char *mutation = jp_format("isolator%s-%zu", alone ? "-alone" : "", index);
            emit(root, is_pod ? "pod" : "image", "isolators", mutation);
            free(mutation);
        }
        json_decref(root);
    }
}

static void generate(void)
{
    json_t *image = load(image_seed);
    json_t *pod = load(pod_seed);
    emit(image, "image", "", "seed");
    emit(pod, "pod", "", "seed");
    walk(image, image, "image", "");
    walk(pod, pod, "pod", "");
    for (size_t i = 0; i < JP_LEN(types); i++) {
        for (size_t p = 0; p < JP_LEN(types[i].places) && types[i].places[p]; p++) {
            for (size_t t = 0; t < JP_LEN(types[i].texts) && types[i].texts[t]; t++)
                emit_value(&types[i], types[i].places[p], types[i].texts[t]);
        }
    }
    for (size_t i = 0; i < JP_LEN(more_isolators); i++)
        emit_isolator(more_isolators[i], i);
    char *good = json_dumps(image, JSON_COMPACT);
    good[strlen(good) - 1] = '\0';
    for (size_t i = 0; i < JP_LEN(texts); i++) {
        char *format = unquote(texts[i].format);
        const char *hole = strstr(format, "%s");
        printf("text::%s\t", texts[i].id);
        if (hole)
            printf("%.*s%s%s\n", (int)(hole - format), format, good, hole + 2);
        else
            printf("%s\n", format);
        free(format);
    }
    free(good);
    json_decref(image);
    json_decref(pod);
}

/* ---- judge ----------------------------------------------------------------------------------- */

/* Good manifests are printed and read again too: that must give the same text. */
static const char *judge_image(const char *text, size_t len, struct jp_error *err)
{
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    JP_AUTO(jp_image_manifest) again = JP_IMAGE_MANIFEST_INIT;
    JP_AUTO_FREE char *one = NULL;
    JP_AUTO_FREE char *two = NULL;
    if (jp_image_manifest_parse(text, len, &m, err) < 0)
        return "bad";
    if (jp_image_manifest_print(&m, true, &one, err) < 0 ||
        jp_image_manifest_parse(one, strlen(one), &again, err) < 0 ||
        jp_image_manifest_print(&again, true, &two, err) < 0 || strcmp(one, two) != 0)
        return "unstable";
    return "good";
}

static const char *judge_pod(const char *text, size_t len, struct jp_error *err)
{
    JP_AUTO(jp_pod_manifest) m = JP_POD_MANIFEST_INIT;
    JP_AUTO(jp_pod_manifest) again = JP_POD_MANIFEST_INIT;
    JP_AUTO_FREE char *one = NULL;
    JP_AUTO_FREE char *two = NULL;
    if (jp_pod_manifest_parse(text, len, &m, err) < 0)
        return "bad";
    if (jp_pod_manifest_print(&m, true, &one, err) < 0 ||
        jp_pod_manifest_parse(one, strlen(one), &again, err) < 0 ||
        jp_pod_manifest_print(&again, true, &two, err) < 0 || strcmp(one, two) != 0)
        return "unstable";
    return "good";
}

static void judge(void)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t len;
    while ((len = getline(&line, &capacity, stdin)) > 0) {
        if (line[len - 1] == '\n')
            line[--len] = '\0';
        char *text = strchr(line, '\t');
        if (!text)
            continue;
        *text++ = '\0';
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        JP_AUTO(jp_error) other = JP_ERROR_INIT;
        size_t text_len = (size_t)(line + len - text);
        const char *verdict = judge_image(text, text_len, &err);
        if (strcmp(verdict, "bad") == 0 && strncmp(jp_error_text(&err), "acKind", 6) == 0)
            verdict = judge_pod(text, text_len, &other);
        printf("%s\t%s\t%s\n", line, verdict, jp_error_text(other.code != JP_OK ? &other : &err));
    }
    free(line);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "generate") == 0)
        generate();
    else if (argc == 2 && strcmp(argv[1], "judge") == 0)
        judge();
    else
        return fprintf(stderr, "usage: manifests generate|judge\n"), 2;
    return 0;
}
