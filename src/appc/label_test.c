/* Lists of pairs, labels, image names and the languages of options. */
#include "appc/imagename.h"
#include "appc/options.h"
#include "appc/pairs.h"
#include "base/macros.h"
#include "tap.h"

static void test_pairs(void)
{
    JP_AUTO(jp_pairs) a = JP_PAIRS_INIT;
    JP_AUTO(jp_pairs) b = JP_PAIRS_INIT;
    TAP_OK(jp_pairs_get(&a, "x") == NULL && !jp_pairs_unset(&a, "x"), "an empty list has nothing");
    TAP_OK(jp_pairs_set(&a, "x", "1", NULL) == 0 && jp_pairs_set(&a, "y", "2", NULL) == 0 &&
               jp_pairs_set(&a, "x", "3", NULL) == 0,
           "set");
    TAP_OK(a.count == 2, "a second set replaces");
    TAP_STR(jp_pairs_get(&a, "x"), "3", "the new value");
    TAP_OK(jp_pairs_copy(&b, &a, NULL) == 0 && b.count == 2 && b.items[0].name != a.items[0].name,
           "a copy is deep");
    jp_pairs_set(&b, "z", "4", NULL);
    jp_pairs_set(&b, "y", "5", NULL);
    TAP_OK(jp_pairs_merge(&a, &b, NULL) == 0 && a.count == 3, "merge");
    TAP_STR(jp_pairs_get(&a, "y"), "5", "the merged list wins");
    TAP_OK(jp_pairs_unset(&a, "x") && a.count == 2, "unset");
    TAP_STR(a.items[0].name, "y", "order is kept");
    TAP_OK(jp_labels_match(&b, &a), "a contains less: it matches");
    TAP_OK(!jp_labels_match(&a, &b), "not the other way round");
    jp_pairs_set(&a, "y", "6", NULL);
    TAP_OK(!jp_labels_match(&b, &a), "another value does not match");
}

static void test_systems(void)
{
    static const struct {
        const char *os, *arch;
        bool is_valid;
    } table[] = {
        {"linux", "amd64", true},     {"linux", "i386", true},      {"linux", "aarch64", true},
        {"linux", "s390x", true},     {"linux", "arm64", false},    {"linux", "x86_64", false},
        {"freebsd", "amd64", true},   {"freebsd", "i386", true},    {"freebsd", "arm", true},
        {"freebsd", "aarch64", true}, {"freebsd", "armv6l", false}, {"darwin", "x86_64", true},
        {"darwin", "amd64", false},   {"windows", "amd64", false},  {"linux", NULL, true},
        {"plan9", NULL, false},       {"Linux", "amd64", false},    {"linux", "", false},
    };
    for (size_t i = 0; i < JP_LEN(table); i++)
        TAP_OK(jp_os_arch_valid(table[i].os, table[i].arch) == table[i].is_valid, "%s/%s",
               table[i].os, table[i].arch ? table[i].arch : "(any)");
    TAP_STR(jp_arch_from_machine("linux", "x86_64"), "amd64", "x86_64 on Linux");
    TAP_STR(jp_arch_from_machine("freebsd", "arm64"), "aarch64", "arm64 on FreeBSD");
    TAP_STR(jp_arch_from_machine("linux", "vax"), NULL, "no word for a vax");
}

static void test_labels_check(void)
{
    static const struct {
        const char *pairs[6];
        const char *error;
    } table[] = {
        {{"version", "1"}, NULL},
        {{"os", "linux", "arch", "amd64"}, NULL},
        {{"arch", "weird"}, NULL}, /* "arch is meaningful only if os is provided" */
        {{"os", "linux", "arch", "weird"}, ": 'weird' is not an architecture for linux"},
        {{"os", "dos"}, ": 'dos' is not an operating system of the specification"},
        {{"name", "x"}, "[0].name: a label cannot be called \"name\""},
    };
    for (size_t i = 0; i < JP_LEN(table); i++) {
        JP_AUTO(jp_pairs) labels = JP_PAIRS_INIT;
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        for (size_t k = 0; table[i].pairs[k]; k += 2)
            (void)jp_pairs_set(&labels, table[i].pairs[k], table[i].pairs[k + 1], NULL);
        int result = jp_labels_check(&labels, &err);
        TAP_OK((result == 0) == (table[i].error == NULL), "labels %zu", i);
        if (table[i].error)
            TAP_STR(jp_error_text(&err), table[i].error, "its error");
    }
}

static void test_image_names(void)
{
    static const struct {
        const char *text;
        const char *printed; /* NULL: refused */
    } table[] = {
        {"redis", "redis"},
        {"example.com/redis", "example.com/redis"},
        {"example.com/redis:7.0", "example.com/redis:7.0"},
        {"example.com/redis:1:7.0", "example.com/redis:1:7.0"},
        {"redis,version=7.0", "redis:7.0"},
        {"redis:7.0,os=linux,arch=amd64", "redis:7.0,os=linux,arch=amd64"},
        {"redis,os=linux,version=7", "redis:7,os=linux"},
        {"redis,channel=", "redis,channel="},
        {"redis,url=http://x/?a=b", "redis,url=http://x/?a=b"},
        {"redis@stable", "redis@stable"},
        {"redis:7,os=linux@stable,team/prod", "redis:7,os=linux@stable,team/prod"},
        {"redis,version=", "redis,version="},
        {"", NULL},
        {":7", NULL},
        {"redis:", NULL},
        {"redis,", NULL},
        {"redis,os", NULL},
        {"redis,=x", NULL},
        {"redis,OS=linux", NULL},
        {"redis,os=linux,os=freebsd", NULL},
        {"redis:7,version=8", NULL},
        {"redis,name=x", NULL},
        {"redis,os=beos", NULL},
        {"redis,os=linux,arch=pdp11", NULL},
        {"redis@", NULL},
        {"redis@a,a", NULL},
        {"redis@A", NULL},
        {"redis@a@b", NULL},
        {"Redis", NULL},
        {"../etc", NULL},
        {"a b", NULL},
        {"-redis", NULL},
    };
    for (size_t i = 0; i < JP_LEN(table); i++) {
        JP_AUTO(jp_image_name) name = JP_IMAGE_NAME_INIT;
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        int result = jp_image_name_parse(table[i].text, &name, &err);
        TAP_OK((result == 0) == (table[i].printed != NULL), "'%s' is %s", table[i].text,
               result == 0 ? "a name" : jp_error_text(&err));
        if (result < 0)
            continue;
        char *printed = jp_image_name_print(&name);
        TAP_STR(printed, table[i].printed, "printed");
        JP_AUTO(jp_image_name) again = JP_IMAGE_NAME_INIT;
        TAP_OK(jp_image_name_parse(printed, &again, NULL) == 0 &&
                   again.labels.count == name.labels.count &&
                   jp_labels_match(&again.labels, &name.labels) &&
                   again.tags.count == name.tags.count,
               "and read back");
        free(printed);
    }
    JP_AUTO(jp_image_name) many = JP_IMAGE_NAME_INIT;
    char text[1024] = "a@t0";
    for (int i = 1; i < 100; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), ",t%d", i);
    TAP_OK(jp_image_name_parse(text, &many, NULL) < 0, "a hundred tags are too many");
}

static void test_volumes(void)
{
    static const struct {
        const char *text;
        bool is_good, is_host, is_read_only;
        const char *name, *source;
        mode_t mode;
        bool is_recursive;
    } table[] = {
        {"data", true, false, false, "data", NULL, 0755, true},
        {"data:/srv/data", true, true, false, "data", "/srv/data", 0755, true},
        {"data:/srv/a,b:c", true, true, false, "data", "/srv/a,b:c", 0755, true},
        {"-data:/srv/data", true, true, true, "data", "/srv/data", 0755, true},
        {"data,kind=host,source=/srv,readOnly=true,recursive=false", true, true, true, "data",
         "/srv", 0755, false},
        {"name=data,kind=empty,mode=0700,uid=5,gid=6", true, false, false, "data", NULL, 0700,
         true},
        {.text = "", .is_good = false},
        {.text = "Data", .is_good = false},
        {.text = "-data", .is_good = false},
        {.text = "data:", .is_good = false},
        {.text = "data:srv", .is_good = false},
        {.text = ":/srv", .is_good = false},
        {.text = "data,kind=host", .is_good = false},
        {.text = "data,kind=dir,source=/x", .is_good = false},
        {.text = "data,kind=empty,source=/x", .is_good = false},
        {.text = "data,mode=999", .is_good = false},
        {.text = "data,mode=10000", .is_good = false},
        {.text = "data,uid=-1", .is_good = false},
        {.text = "data,uid=4294967295", .is_good = false},
        {.text = "data,readOnly=yes", .is_good = false},
        {.text = "data,colour=red", .is_good = false},
        {.text = "data,kind", .is_good = false},
    };
    for (size_t i = 0; i < JP_LEN(table); i++) {
        JP_AUTO(jp_volume) v = {.name = NULL};
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        int result = jp_option_volume(table[i].text, &v, &err);
        TAP_OK((result == 0) == table[i].is_good, "-v '%s': %s", table[i].text,
               result == 0 ? "taken" : jp_error_text(&err));
        if (result < 0) {
            TAP_OK(err.code == JP_EUSAGE, "a usage error");
            continue;
        }
        TAP_STR(v.name, table[i].name, "name");
        TAP_STR(v.source, table[i].source, "source");
        TAP_OK(v.is_host == table[i].is_host && v.is_read_only == table[i].is_read_only &&
                   jp_volume_mode(&v) == table[i].mode &&
                   jp_volume_is_recursive(&v) == table[i].is_recursive,
               "kind, readOnly, mode, recursive");
    }
}

static void test_ports(void)
{
    static const struct {
        const char *text;
        bool is_good;
        const char *name;
        uint32_t port;
        const char *ip;
        const char *from;
    } table[] = {
        {"www", true, "www", 0, NULL, NULL},
        {"www=80", true, "www", 80, NULL, NULL},
        {"www=127.0.0.1:8080", true, "www", 8080, "127.0.0.1", NULL},
        {"www=[::1]:8080", true, "www", 8080, "::1", NULL},
        {"www,from=10.0.0.0/8", true, "www", 0, NULL, "10.0.0.0/8"},
        {"www=80,from=10.0.0.0/8,from=::1", true, "www", 80, NULL, "10.0.0.0/8 ::1"},
        {.text = "www=[::1:80"},
        {.text = "www=[1.2.3.4]:80"},
        {.text = "www=[]:80"},
        {.text = "www=80,"},
        {.text = "www=80,from="},
        {.text = "www=80,to=10.0.0.0/8"},
        {.text = ""},
        {.text = "=80"},
        {.text = "www="},
        {.text = "www=0"},
        {.text = "www=65536"},
        {.text = "www=-1"},
        {.text = "www=x"},
        {.text = "www=:80"},
        {.text = "www=::1:80"},
        {.text = "www=1.2.3:80"},
        {.text = "www=256.0.0.1:80"},
        {.text = "WWW=80"},
        {.text = "www=80x"},
        {.text = "www=1.2.3.4:"},
    };
    for (size_t i = 0; i < JP_LEN(table); i++) {
        JP_AUTO(jp_publication) p = {.from = NULL};
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        int result = jp_option_port(table[i].text, &p, &err);
        TAP_OK((result == 0) == table[i].is_good, "-p '%s': %s", table[i].text,
               result == 0 ? "taken" : jp_error_text(&err));
        if (result < 0)
            continue;
        TAP_STR(p.port.name, table[i].name, "name");
        TAP_STR(p.host_ip6 ? p.host_ip6 : p.port.host_ip, table[i].ip, "address");
        TAP_STR(p.from, table[i].from, "networks");
        TAP_OK(p.port.host_port == table[i].port, "number");
    }
}

static void test_other_options(void)
{
    JP_AUTO(jp_mount) mount = {.volume = NULL};
    TAP_OK(jp_option_mount("data:/srv", &mount, NULL) == 0, "-m VOLUME:/path");
    TAP_STR(mount.path, "/srv", "its path");
    jp_mount_clear(&mount);
    TAP_OK(jp_option_mount("data:work", &mount, NULL) == 0, "-m VOLUME:MOUNTPOINT");
    TAP_STR(mount.path, "work", "its mount point");
    jp_mount_clear(&mount);
    TAP_OK(jp_option_mount("data", &mount, NULL) == 0, "-m VOLUME");
    TAP_STR(mount.path, "data", "the mount point of the same name");
    jp_mount_clear(&mount);
    TAP_OK(jp_option_mount("data:", &mount, NULL) < 0, "an empty path is refused");
    TAP_OK(jp_option_mount("data:../x", &mount, NULL) < 0, "a relative path is refused");

    JP_AUTO(jp_port) port = {.name = NULL};
    TAP_OK(jp_option_app_port("www,protocol=udp,port=80,count=3,socketActivated=true", &port,
                              NULL) == 0 &&
               port.port == 80 && port.count == 3 && port.is_socket_activated,
           "--port");
    jp_port_clear(&port);
    TAP_OK(jp_option_app_port("www,port=65535,count=2", &port, NULL) < 0, "a range too high");
    TAP_OK(jp_option_app_port("www", &port, NULL) < 0, "a port without number");
    TAP_OK(jp_option_app_port("www,port=1,count=0", &port, NULL) < 0, "a count of none");

    JP_AUTO(jp_mount_point) point = {.name = NULL};
    TAP_OK(jp_option_mount_point("data,path=/srv,readOnly=true", &point, NULL) == 0 &&
               point.is_read_only,
           "--mount-point");
    jp_mount_point_clear(&point);
    TAP_OK(jp_option_mount_point("data", &point, NULL) < 0, "a mount point without path");

    char *name = NULL;
    char *value = NULL;
    TAP_OK(jp_option_pair("A=b=c", &name, &value, NULL) == 0, "NAME=VALUE");
    TAP_STR(name, "A", "name");
    TAP_STR(value, "b=c", "value");
    free(name);
    free(value);
    TAP_OK(jp_option_pair("A", &name, &value, NULL) < 0, "no '='");
    TAP_OK(jp_option_pair("=b", &name, &value, NULL) < 0, "no name");
}

int main(void)
{
    test_pairs();
    test_systems();
    test_labels_check();
    test_image_names();
    test_volumes();
    test_ports();
    test_other_options();
    return tap_done();
}
