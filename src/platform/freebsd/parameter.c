#include "platform/freebsd/parameter.h"

#include <sys/param.h>
#include <sys/jail.h>
#include <sys/socket.h>
#include <sys/sysctl.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"

#define TREE          "security.jail.param."
#define ALLOW         TREE "allow."
#define MAX_NAME      128
#define MAX_ALLOWS    512 /* steps of the walk through allow.* */
#define MAX_ADDRESSES 64

enum type { BOOLEAN, CHOICE, NUMBER, LONG, TEXT, ADDRESS4, ADDRESS6, UNKNOWN };

/* What the host keeps for us to decide: where the jail is, who it is, what it is connected to. */
static const char *const ours[] = {
    "jid",           "name",          "path",      "persist", "parent",    "dying",
    "host.hostname", "host.hostuuid", "vnet",      "ip4",     "ip6",       "ip4.addr",
    "ip6.addr",      "host",          "interface", "cpuset",  "cpuset.id",
};

/* allow.reserved_ports is on: root of a pod may listen on port 80, as on every other system. */
static const char *const granted[] = {"allow.reserved_ports"};

static bool is_one_of(const char *name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, list[i]) == 0)
            return true;
    }
    return false;
}

/* ---- types ---- */

struct description {
    unsigned kind;
    char format[256];
};

/* CTLTYPE_NODE stands for the value of a node's own: "ip4" beside "ip4.addr". */
static enum type type_of(const char *name, size_t *ret_max)
{
    char full[MAX_NAME + sizeof(TREE)];
    int mib[CTL_MAXNAME + 2] = {0, 4}; /* sysctl.oidfmt */
    size_t depth = CTL_MAXNAME;
    struct description d;
    size_t len = sizeof(d);
    (void)snprintf(full, sizeof(full), TREE "%s", name);
    if (sysctlnametomib(full, mib + 2, &depth) < 0 ||
        sysctl(mib, (u_int)depth + 2, &d, &len, NULL, 0) < 0)
        return UNKNOWN;
    switch (d.kind & CTLTYPE) {
    case CTLTYPE_INT:
        return d.format[0] == 'B' ? BOOLEAN : strcmp(d.format, "E,jailsys") == 0 ? CHOICE : NUMBER;
    case CTLTYPE_UINT:
        return NUMBER;
    case CTLTYPE_LONG:
    case CTLTYPE_ULONG:
        return LONG;
    case CTLTYPE_STRUCT:
        return strncmp(d.format, "S,in_addr", 9) == 0     ? ADDRESS4
               : strncmp(d.format, "S,in6_addr", 10) == 0 ? ADDRESS6
                                                          : UNKNOWN;
    case CTLTYPE_NODE:
        return strncmp(name, "allow.", 6) == 0 ? BOOLEAN : CHOICE;
    case CTLTYPE_STRING: {
        char text[32] = "";
        len = sizeof(text) - 1;
        if (sysctl(mib + 2, (u_int)depth, text, &len, NULL, 0) < 0)
            return UNKNOWN;
        *ret_max = strtoul(text, NULL, 10);
        return TEXT;
    }
    default:
        return UNKNOWN;
    }
}

/* ---- the list ---- */

static void clear_one(struct jp_freebsd_parameter *p)
{
    free(p->name);
    free(p->value);
}

/* "allow.mount.nullfs" and "allow.mount.nonullfs" are one. */
static void without_no(const char *name, char out[MAX_NAME])
{
    const char *dot = strrchr(name, '.');
    const char *last = dot ? dot + 1 : name;
    const char *rest = strncmp(last, "no", 2) == 0 ? last + 2 : last;
    (void)snprintf(out, MAX_NAME, "%.*s%s", (int)(last - name), name, rest);
}

static void with_no(const char *name, char out[MAX_NAME])
{
    const char *dot = strrchr(name, '.');
    const char *last = dot ? dot + 1 : name;
    (void)snprintf(out, MAX_NAME, "%.*sno%s", (int)(last - name), name, last);
}

static void forget(struct jp_freebsd_parameters *ps, const char *name)
{
    char wanted[MAX_NAME], has[MAX_NAME];
    without_no(name, wanted);
    size_t kept = 0;
    for (size_t i = 0; i < ps->count; i++) {
        without_no(ps->items[i].name, has);
        if (strcmp(has, wanted) == 0)
            clear_one(&ps->items[i]);
        else
            ps->items[kept++] = ps->items[i];
    }
    ps->count = kept;
}

static int add(struct jp_freebsd_parameters *ps, const char *name, const void *value, size_t len,
               struct jp_error *err)
{
    forget(ps, name);
    if (ps->count >= JP_FREEBSD_PARAMETERS_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "more than %d jail parameters",
                       JP_FREEBSD_PARAMETERS_MAX);
    struct jp_freebsd_parameter p = {.name = jp_strdup(name), .len = len};
    if (value && (p.value = malloc(len)))
        memcpy(p.value, value, len);
    if (!p.name || (value && !p.value)) {
        clear_one(&p);
        return jp_oom(err);
    }
    ps->items[ps->count++] = p;
    return 0;
}

/* ---- values ---- */

static int bad_value(const char *name, const char *value, const char *wanted, struct jp_error *err)
{
    return jp_fail(err, JP_EINVALID, 0, "jail parameter %s: '%s' is not %s", name, value, wanted);
}

static int set_boolean(struct jp_freebsd_parameters *ps, const char *name, const char *value,
                       struct jp_error *err)
{
    static const char *const yes[] = {"true", "1", "on", "yes", ""};
    static const char *const no[] = {"false", "0", "off", "no"};
    char negated[MAX_NAME];
    if (is_one_of(value, yes, JP_LEN(yes)))
        return add(ps, name, NULL, 0, err);
    if (!is_one_of(value, no, JP_LEN(no)))
        return bad_value(name, value, "true or false", err);
    with_no(name, negated);
    return add(ps, negated, NULL, 0, err);
}

static int set_choice(struct jp_freebsd_parameters *ps, const char *name, const char *value,
                      struct jp_error *err)
{
    static const char *const words[] = {
        [JAIL_SYS_DISABLE] = "disable", [JAIL_SYS_NEW] = "new", [JAIL_SYS_INHERIT] = "inherit"};
    for (int i = 0; i < (int)JP_LEN(words); i++) {
        if (strcmp(value, words[i]) == 0)
            return add(ps, name, &i, sizeof(i), err);
    }
    return bad_value(name, value, "new, inherit or disable", err);
}

static int set_number(struct jp_freebsd_parameters *ps, const char *name, const char *value,
                      enum type type, struct jp_error *err)
{
    uint64_t number = 0;
    bool is_negative = value[0] == '-';
    if (!jp_parse_u64(value + is_negative, 10, 0, INT_MAX, &number))
        return bad_value(name, value, "a number", err);
    int as_int = is_negative ? -(int)number : (int)number;
    long as_long = as_int;
    if (type == LONG)
        return add(ps, name, &as_long, sizeof(as_long), err);
    return add(ps, name, &as_int, sizeof(as_int), err);
}

static int set_addresses(struct jp_freebsd_parameters *ps, const char *name, const char *value,
                         enum type type, struct jp_error *err)
{
    unsigned char bytes[MAX_ADDRESSES * sizeof(struct in6_addr)];
    size_t size = type == ADDRESS4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);
    size_t count = 0;
    JP_AUTO_FREE char *copy = jp_strdup(value);
    char *rest = NULL;
    if (!copy)
        return jp_oom(err);
    for (char *one = strtok_r(copy, ", ", &rest); one; one = strtok_r(NULL, ", ", &rest)) {
        if (count >= MAX_ADDRESSES ||
            inet_pton(type == ADDRESS4 ? AF_INET : AF_INET6, one, bytes + count * size) != 1)
            return bad_value(name, one, "an address", err);
        count++;
    }
    return add(ps, name, bytes, count * size, err);
}

int jp_freebsd_parameters_set(struct jp_freebsd_parameters *ps, const char *name, const char *value,
                              struct jp_error *err)
{
    size_t max = 0;
    enum type type = strlen(name) < MAX_NAME - 2 ? type_of(name, &max) : UNKNOWN;
    switch (type) {
    case BOOLEAN:
        return set_boolean(ps, name, value, err);
    case CHOICE:
        return set_choice(ps, name, value, err);
    case NUMBER:
    case LONG:
        return set_number(ps, name, value, type, err);
    case ADDRESS4:
    case ADDRESS6:
        return set_addresses(ps, name, value, type, err);
    case TEXT:
        if (strlen(value) >= max)
            return jp_fail(err, JP_ELIMIT, 0, "jail parameter %s: more than %zu bytes", name,
                           max - 1);
        return add(ps, name, value, strlen(value) + 1, err);
    default:
        return jp_fail(err, JP_EINVALID, 0, "this kernel has no jail parameter '%s'", name);
    }
}

int jp_freebsd_parameters_ask(struct jp_freebsd_parameters *ps, const char *assignment,
                              struct jp_error *err)
{
    char name[MAX_NAME], plain[MAX_NAME];
    const char *sign = strchr(assignment, '=');
    size_t len = sign ? (size_t)(sign - assignment) : strlen(assignment);
    const char *value = sign ? sign + 1 : "true";
    if (len == 0 || len >= sizeof(name) - 2)
        return jp_fail(err, JP_EINVALID, 0, "'%s' is no jail parameter", assignment);
    memcpy(name, assignment, len);
    name[len] = '\0';
    size_t max = 0;
    /* "allow.nomount" is the other way to say "allow.mount=false". */
    without_no(name, plain);
    if (type_of(name, &max) == UNKNOWN && type_of(plain, &max) == BOOLEAN) {
        memcpy(name, plain, sizeof(name));
        value = "false";
    }
    if (is_one_of(name, ours, JP_LEN(ours)))
        return jp_fail(err, JP_EINVALID, 0, "the jail parameter '%s' is set by jetpack", name);
    if (jp_freebsd_parameters_set(ps, name, value, err) < 0)
        return -1;
    bool is_allowed = strncmp(name, "allow.", 6) == 0 && !ps->items[ps->count - 1].value &&
                      strcmp(ps->items[ps->count - 1].name, name) == 0;
    if (is_allowed && !is_one_of(name, granted, JP_LEN(granted)) && ps->warnings)
        (void)jp_strv_add_owned(ps->warnings,
                                jp_format("the pod's jail has %s: it is less confined", name));
    return 0;
}

int jp_freebsd_parameters_deny_all(struct jp_freebsd_parameters *ps, struct jp_error *err)
{
    int mib[CTL_MAXNAME + 2];
    int next[CTL_MAXNAME];
    size_t depth = CTL_MAXNAME;
    if (sysctlnametomib("security.jail.param.allow", next, &depth) < 0)
        return jp_fail_sys(err, "list the jail parameters");
    for (size_t n = 0; n < MAX_ALLOWS; n++) {
        char name[256] = "", short_name[MAX_NAME];
        size_t len = CTL_MAXNAME * sizeof(int);
        mib[0] = 0;
        mib[1] = 2; /* sysctl.next */
        memcpy(mib + 2, next, depth * sizeof(int));
        if (sysctl(mib, (u_int)depth + 2, next, &len, NULL, 0) < 0)
            break;
        depth = len / sizeof(int);
        mib[1] = 1; /* sysctl.name */
        memcpy(mib + 2, next, depth * sizeof(int));
        len = sizeof(name) - 1;
        if (sysctl(mib, (u_int)depth + 2, name, &len, NULL, 0) < 0 ||
            strncmp(name, ALLOW, strlen(ALLOW)) != 0)
            break;
        (void)snprintf(short_name, sizeof(short_name), "%s", name + strlen(TREE));
        size_t end = strlen(short_name);
        if (end > 0 && short_name[end - 1] == '.') /* the node's own value */
            short_name[end - 1] = '\0';
        const char *value = is_one_of(short_name, granted, JP_LEN(granted)) ? "true" : "false";
        if (jp_freebsd_parameters_set(ps, short_name, value, err) < 0)
            return -1;
    }
    return 0;
}

void jp_freebsd_parameters_clear(struct jp_freebsd_parameters *ps)
{
    for (size_t i = 0; i < ps->count; i++)
        clear_one(&ps->items[i]);
    ps->count = 0;
}
