/* Docker's names of images, digests, and what AC Identifiers are made of them. */
#include <string.h>

#include "base/buf.h"
#include "oci/convert.h"
#include "oci/digest.h"
#include "oci/reference.h"
#include "tap.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static const struct {
    const char *text;
    const char *expected; /* registry repository tag digest name; NULL: refused */
} names[] = {
    {"debian", "registry-1.docker.io library/debian - - registry-1.docker.io/library/debian"},
    {"debian:12", "registry-1.docker.io library/debian 12 - registry-1.docker.io/library/debian"},
    {"docker.io/debian:12-slim",
     "registry-1.docker.io library/debian 12-slim - registry-1.docker.io/library/debian"},
    {"docker.io/user/app", "registry-1.docker.io user/app - - registry-1.docker.io/user/app"},
    {"user/app:v1", "registry-1.docker.io user/app v1 - registry-1.docker.io/user/app"},
    {"quay.io/org/app/part:v1.2_3", "quay.io org/app/part v1.2_3 - quay.io/org/app/part"},
    {"localhost/app", "localhost app - - localhost/app"},
    {"localhost:5000/my__app", "localhost:5000 my__app - - localhost-5000/my-app"},
    {"127.0.0.1:5000/a.b-c_d:X", "127.0.0.1:5000 a.b-c_d X - 127.0.0.1-5000/a.b-c-d"},
    {"[::1]:5000/app", "[::1]:5000 app - - 1-5000/app"},
    {"h.io/a@sha256:" ZEROS, "h.io a - sha256:" ZEROS " h.io/a"},
    {"h.io/a:t@sha256:" ZEROS, "h.io a t sha256:" ZEROS " h.io/a"},
    {"", NULL},
    {"/", NULL},
    {"a/", NULL},
    {"h.io/", NULL},
    {"h.io//a", NULL},
    {"h.io/../a", NULL},
    {"h.io/a/../../b", NULL},
    {"h.io/A", NULL},
    {"h.io/a..b", NULL},
    {"h.io/a___b", NULL},
    {"h.io/-a", NULL},
    {"h.io/a-", NULL},
    {"h.io/a:", NULL},
    {"h.io/a:.t", NULL},
    {"h.io/a:b/c", NULL},
    {"h.io/a?x=y", NULL},
    {"h.io/a%2fb", NULL},
    {"user@h.io/a", NULL},
    {"h.io:port/a", NULL},
    {"h.io:123456/a", NULL},
    {"h.io\n/a", NULL},
    {"-h.io/a", NULL},
    {"h.io/a@sha256:00", NULL},
    {"h.io/a@md5:" ZEROS, NULL},
};

static void test_names(void)
{
    for (size_t i = 0; i < JP_LEN(names); i++) {
        JP_AUTO(jp_oci_reference) r;
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        JP_AUTO(jp_buf) text = JP_BUF_INIT;
        JP_AUTO_FREE char *name = NULL;
        bool ok = jp_oci_reference_parse(names[i].text, &r, &err) == 0;
        if (ok && jp_oci_reference_image_name(&r, &name, &err) == 0)
            jp_buf_printf(&text, "%s %s %s %s %s", r.registry, r.repository, r.tag ? r.tag : "-",
                          r.digest ? r.digest : "-", name);
        TAP_STR(ok ? jp_buf_text(&text) : "refused",
                names[i].expected ? names[i].expected : "refused", "name '%s'", names[i].text);
    }
}

static void test_digests(void)
{
    static const struct {
        const char *text;
        bool is_valid;
    } digests[] = {
        {"sha256:" ZEROS, true},
        {"sha512:" ZEROS ZEROS, true},
        {"sha512:" ZEROS, false},
        {"sha256:" ZEROS "0", false},
        {"sha256:" ZEROS ZEROS, false},
        {"sha256-" ZEROS, false},
        {"SHA256:" ZEROS, false},
        {"sha256:A000000000000000000000000000000000000000000000000000000000000000", false},
        {"sha256:../00000000000000000000000000000000000000000000000000000000000/", false},
        {"md5:" ZEROS, false},
        {"sha256:", false},
        {"", false},
    };
    for (size_t i = 0; i < JP_LEN(digests); i++)
        TAP_OK(jp_oci_digest_valid(digests[i].text) == digests[i].is_valid, "digest '%s'",
               digests[i].text);
    char out[JP_OCI_DIGEST_SIZE];
    TAP_OK(jp_oci_digest_of("", 0, out, NULL) == 0, "the digest of nothing");
    TAP_STR(out, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "... is what it is");
}

static void test_machines(void)
{
    static const struct {
        const char *os, *arch, *variant, *appc;
    } machines[] = {
        {"linux", "amd64", NULL, "amd64"},     {"linux", "amd64", "v3", "amd64"},
        {"linux", "386", NULL, "i386"},        {"linux", "arm64", "v8", "aarch64"},
        {"linux", "arm64", NULL, "aarch64"},   {"linux", "arm", "v7", "armv7l"},
        {"linux", "arm", "v6", "armv6l"},      {"linux", "s390x", NULL, "s390x"},
        {"freebsd", "arm64", NULL, "aarch64"}, {"freebsd", "amd64", NULL, "amd64"},
        {"linux", "riscv64", NULL, NULL},      {"plan9", "amd64", NULL, NULL},
    };
    for (size_t i = 0; i < JP_LEN(machines); i++) {
        const char *variant = NULL;
        const char *appc =
            jp_oci_arch_to_appc(machines[i].os, machines[i].arch, machines[i].variant);
        TAP_STR(appc ? appc : "none", machines[i].appc ? machines[i].appc : "none", "%s/%s/%s",
                machines[i].os, machines[i].arch, machines[i].variant ? machines[i].variant : "");
        if (appc)
            TAP_STR(jp_oci_arch_from_appc(machines[i].os, appc, &variant), machines[i].arch,
                    "... and back");
    }
}

int main(void)
{
    test_names();
    test_digests();
    test_machines();
    return tap_done();
}
