/* What labels mean: the system that an image needs, and whether one image fits a description. */
#include <string.h>

#include "appc/json.h"
#include "appc/name.h"
#include "appc/pairs.h"
#include "base/macros.h"

/*
 * aci.md "labels" names seven combinations and leaves the list to the implementation; these are
 * those of the specification's own schema, and freebsd/aarch64, which it is too old to know.
 */
static const struct {
    const char *os;
    const char *arch;
} os_arches[] = {
    {"linux", "amd64"},   {"linux", "i386"},      {"linux", "aarch64"}, {"linux", "aarch64_be"},
    {"linux", "armv6l"},  {"linux", "armv7l"},    {"linux", "armv7b"},  {"linux", "ppc64"},
    {"linux", "ppc64le"}, {"linux", "s390x"},     {"freebsd", "amd64"}, {"freebsd", "i386"},
    {"freebsd", "arm"},   {"freebsd", "aarch64"}, {"darwin", "x86_64"}, {"darwin", "i386"},
};

bool jp_os_arch_valid(const char *os, const char *arch)
{
    for (size_t i = 0; i < JP_LEN(os_arches); i++) {
        if (strcmp(os_arches[i].os, os) == 0 && (!arch || strcmp(os_arches[i].arch, arch) == 0))
            return true;
    }
    return false;
}

const char *jp_arch_from_machine(const char *os, const char *machine)
{
    static const struct {
        const char *os;
        const char *machine;
        const char *arch;
    } words[] = {
        {"linux", "x86_64", "amd64"},
        {"linux", "i386", "i386"},
        {"linux", "i486", "i386"},
        {"linux", "i586", "i386"},
        {"linux", "i686", "i386"},
        {"linux", "aarch64", "aarch64"},
        {"linux", "aarch64_be", "aarch64_be"},
        {"linux", "armv6l", "armv6l"},
        {"linux", "armv7l", "armv7l"},
        {"linux", "armv7b", "armv7b"},
        {"linux", "ppc64", "ppc64"},
        {"linux", "ppc64le", "ppc64le"},
        {"linux", "s390x", "s390x"},
        {"freebsd", "amd64", "amd64"},
        {"freebsd", "i386", "i386"},
        {"freebsd", "arm", "arm"},
        {"freebsd", "arm64", "aarch64"},
        {"freebsd", "aarch64", "aarch64"},
        {"darwin", "x86_64", "x86_64"},
        {"darwin", "i386", "i386"},
    };
    for (size_t i = 0; i < JP_LEN(words); i++) {
        if (strcmp(words[i].os, os) == 0 && strcmp(words[i].machine, machine) == 0)
            return words[i].arch;
    }
    return NULL;
}

bool jp_labels_match(const struct jp_pairs *have, const struct jp_pairs *want)
{
    for (size_t i = 0; i < want->count; i++) {
        const char *value = jp_pairs_get(have, want->items[i].name);
        if (!value || strcmp(value, want->items[i].value) != 0)
            return false;
    }
    return true;
}

int jp_labels_check(const struct jp_pairs *labels, struct jp_error *err)
{
    for (size_t i = 0; i < labels->count; i++) {
        const struct jp_pair *label = &labels->items[i];
        if (!label->name || !label->value)
            return jp_fail(err, JP_EINVALID, 0, "[%zu].%s: missing", i,
                           label->name ? "value" : "name");
        if (jp_ac_identifier_check(label->name, err) < 0)
            return jp_wrap(err, "[%zu].name", i);
        if (strcmp(label->name, "name") == 0)
            return jp_fail(err, JP_EINVALID, 0, "[%zu].name: a label cannot be called \"name\"", i);
    }
    if (jp_json_check_unique(labels, sizeof(struct jp_pair), "name", err) < 0)
        return -1;

    const char *os = jp_pairs_get(labels, "os");
    const char *arch = jp_pairs_get(labels, "arch");
    if (os && !jp_os_arch_valid(os, NULL))
        return jp_fail(err, JP_EINVALID, 0,
                       ": '%s' is not an operating system of the specification", jp_show(os).text);
    /* "arch is meaningful only if os is provided" (aci.md). */
    if (os && arch && !jp_os_arch_valid(os, arch))
        return jp_fail(err, JP_EINVALID, 0, ": '%s' is not an architecture for %s",
                       jp_show(arch).text, os);
    return 0;
}
