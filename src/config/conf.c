/*
 * Reads jetpack.conf and answers questions about it. Nothing in the file is executed or trusted
 * beyond its size: a value is text until its key's type has been checked. Expansion happens once,
 * after everything was read, with a mark on each key that is being expanded, so that a circle is
 * found however long it is.
 */
#include "config/conf.h"

#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/subnet.h"
#include "sys/fd.h"

#define MAX_FILE  (1U << 20)  /* bytes of a configuration file */
#define MAX_VALUE (64U << 10) /* bytes of one expanded value: `${a}${a}` doubles at each step */
#define MAX_KEYS  10000       /* keys in all */

enum state { RAW, EXPANDING, DONE };

struct entry {
    char *name;
    char *raw;
    char *value; /* expanded; NULL before */
    char *where; /* "PATH:LINE", "-o"; NULL: the default */
    bool is_option;
    enum state state;
};

struct jp_config {
    struct entry *entries;
    size_t count;
    size_t capacity;
    struct jp_strv warnings;
    char *path;
};

void jp_config_free(struct jp_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->count; i++) {
        free(config->entries[i].name);
        free(config->entries[i].raw);
        free(config->entries[i].value);
        free(config->entries[i].where);
    }
    free(config->entries);
    jp_strv_clear(&config->warnings);
    free(config->path);
    free(config);
}

static struct entry *find(const struct jp_config *config, const char *name, size_t len)
{
    for (size_t i = 0; i < config->count; i++)
        if (strncmp(config->entries[i].name, name, len) == 0 && !config->entries[i].name[len])
            return &config->entries[i];
    return NULL;
}

/* Sets a key; `where` is taken over, also on failure. */
static int set(struct jp_config *config, const char *name, const char *raw, char *where,
               struct jp_error *err)
{
    struct entry *entry = find(config, name, strlen(name));
    if (!entry) {
        if (config->count >= MAX_KEYS) {
            free(where);
            return jp_fail(err, JP_ELIMIT, 0, "more than %d keys", MAX_KEYS);
        }
        if (jp_grow(&config->entries, &config->capacity, config->count, sizeof(*entry)) < 0) {
            free(where);
            return jp_oom(err);
        }
        entry = &config->entries[config->count++];
        *entry = (struct entry){.name = jp_strdup(name)};
    }
    free(entry->raw);
    free(entry->where);
    entry->raw = jp_strdup(raw);
    entry->where = where;
    return entry->name && entry->raw ? 0 : jp_oom(err);
}

JP_PRINTF(2, 3)
static int warn(struct jp_config *config, const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    return n < 0 ? -1 : jp_strv_add_owned(&config->warnings, text);
}

static int set_defaults(struct jp_config *config, struct jp_error *err)
{
    for (const struct jp_config_key *key = jp_config_keys; key->name; key++)
        if (key->value && set(config, key->name, key->value, NULL, err) < 0)
            return -1;
    return 0;
}

static bool is_key_char(char c)
{
    return isalnum((unsigned char)c) || c == '.' || c == '-' || c == '_';
}

static bool is_key(const char *name)
{
    size_t len = 0;
    while (is_key_char(name[len]))
        len++;
    return len > 0 && name[len] == '\0';
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t len = strlen(text);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        text[--len] = '\0';
    return text;
}

/* Cuts a comment off: `#` at the start of the line or after a blank. */
static void cut_comment(char *line)
{
    for (char *c = line; *c; c++)
        if (*c == '#' && (c == line || isspace((unsigned char)c[-1]))) {
            *c = '\0';
            return;
        }
}

static int set_known(struct jp_config *config, const char *name, const char *value, char *where,
                     struct jp_error *err)
{
    if (!jp_config_key_find(name)) {
        const char *near = jp_config_key_near(name);
        int r = near ? warn(config, "%s: unknown key '%s', did you mean '%s'?", where, name, near)
                     : warn(config, "%s: unknown key '%s'", where, name);
        if (r < 0) {
            free(where);
            return jp_oom(err);
        }
    }
    return set(config, name, value, where, err);
}

static int parse_line(struct jp_config *config, char *line, unsigned number, struct jp_error *err)
{
    cut_comment(line);
    line = trim(line);
    if (!*line)
        return 0;
    char *equals = strchr(line, '=');
    if (!equals)
        return jp_fail(err, JP_EINVALID, 0, "%s:%u: expected 'key = value'", config->path, number);
    *equals = '\0';
    const char *name = trim(line);
    if (!is_key(name))
        return jp_fail(err, JP_EINVALID, 0, "%s:%u: '%s' is not the name of a key", config->path,
                       number, name);
    char *where = jp_format("%s:%u", config->path, number);
    if (!where)
        return jp_oom(err);
    return set_known(config, name, trim(equals + 1), where, err);
}

static int parse_file(struct jp_config *config, char *text, size_t len, struct jp_error *err)
{
    if (strlen(text) != len)
        return jp_fail(err, JP_EINVALID, 0, "%s: has a NUL byte", config->path);
    unsigned number = 0;
    while (text) {
        char *line = strsep(&text, "\n");
        if (parse_line(config, line, ++number, err) < 0)
            return -1;
    }
    return 0;
}

/* Keys are secrets: a file that holds one is for its owner's eyes. */
static int check_mode(struct jp_config *config, int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !(st.st_mode & (S_IRGRP | S_IROTH)))
        return 0;
    for (size_t i = 0; i < config->count; i++) {
        const struct entry *entry = &config->entries[i];
        const struct jp_config_key *key = jp_config_key_find(entry->name);
        if (entry->where && *entry->raw && key && jp_config_key_is_secret(key))
            return warn(config, "%s: holds '%s' and others may read it: chmod 600 %s", config->path,
                        entry->name, config->path);
    }
    return 0;
}

static int read_file(struct jp_config *config, bool is_named, struct jp_error *err)
{
    JP_AUTO_FD int fd = open(config->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && errno == ENOENT) {
        if (is_named && warn(config, "%s: no such file, going on with defaults", config->path) < 0)
            return jp_oom(err);
        return 0;
    }
    if (fd < 0)
        return jp_fail_sys(err, "open '%s'", config->path);
    struct jp_buf buf = JP_BUF_INIT;
    int r = jp_fd_read_all(fd, MAX_FILE, config->path, &buf, err);
    if (r >= 0)
        r = buf.data ? parse_file(config, buf.data, buf.len, err) : 0;
    jp_buf_clear(&buf);
    if (r >= 0 && check_mode(config, fd) < 0)
        r = jp_oom(err);
    return r;
}

static int set_option(struct jp_config *config, const char *option, struct jp_error *err)
{
    const char *equals = strchr(option, '=');
    JP_AUTO_FREE char *name =
        jp_memdup0(option, equals ? (size_t)(equals - option) : strlen(option));
    char *where = jp_strdup("-o");
    if (!name || !where) {
        free(where);
        return jp_oom(err);
    }
    if (!is_key(name) || !jp_config_key_find(name)) {
        const char *near = jp_config_key_near(name);
        free(where);
        return near ? jp_fail(err, JP_EUSAGE, 0, "-o: unknown key '%s', did you mean '%s'?", name,
                              near)
                    : jp_fail(err, JP_EUSAGE, 0, "-o: unknown key '%s'", name);
    }
    if (set(config, name, equals ? equals + 1 : "on", where, err) < 0)
        return -1;
    find(config, name, strlen(name))->is_option = true;
    return 0;
}

/* ---- expansion ------------------------------------------------------------------------------- */

static int bad(const struct entry *entry, struct jp_error *err, const char *text)
{
    return jp_fail(err, entry->is_option ? JP_EUSAGE : JP_EINVALID, 0, "%s: %s: %s",
                   entry->where ? entry->where : "default", entry->name, text);
}

static int expand(struct jp_config *config, struct entry *entry, struct jp_error *err);

/* Appends the value of the key named between `${` and `}`; returns what follows, NULL on error. */
static const char *expand_one(struct jp_config *config, const struct entry *entry, const char *at,
                              struct jp_buf *out, struct jp_error *err)
{
    const char *end = strchr(at, '}');
    if (!end) {
        bad(entry, err, "'${' without '}'");
        return NULL;
    }
    struct entry *other = find(config, at, (size_t)(end - at));
    if (!other) {
        JP_AUTO_FREE char *text = jp_format("'${%.*s}' is not set", (int)(end - at), at);
        bad(entry, err, text ? text : "not set");
        return NULL;
    }
    if (other->state == EXPANDING) {
        JP_AUTO_FREE char *text = jp_format("'${%s}' leads back to itself", other->name);
        bad(entry, err, text ? text : "circle");
        return NULL;
    }
    if (expand(config, other, err) < 0)
        return NULL;
    jp_buf_puts(out, other->value);
    return end + 1;
}

/* Recursion is as deep as the chain of keys, which has no circle: at most MAX_KEYS small frames. */
static int expand(struct jp_config *config, struct entry *entry, struct jp_error *err)
{
    if (entry->state == DONE)
        return 0;
    entry->state = EXPANDING;
    struct jp_buf out = JP_BUF_INIT;
    const char *at = entry->raw;
    while (at && *at) {
        const char *dollar = strstr(at, "${");
        jp_buf_add(&out, at, dollar ? (size_t)(dollar - at) : strlen(at));
        at = dollar ? expand_one(config, entry, dollar + 2, &out, err) : "";
        if (at && out.len > MAX_VALUE) {
            bad(entry, err, "longer than 64 KiB");
            at = NULL;
        }
    }
    if (!at) {
        jp_buf_clear(&out);
        return -1;
    }
    entry->value = out.len || out.failed ? jp_buf_steal(&out) : jp_strdup("");
    entry->state = DONE;
    return entry->value ? 0 : jp_oom(err);
}

/* ---- types ----------------------------------------------------------------------------------- */

static bool parse_bool(const char *text, bool *ret)
{
    static const char *const yes[] = {"on", "yes", "true", "1"};
    static const char *const no[] = {"off", "no", "false", "0"};
    for (size_t i = 0; i < JP_LEN(yes); i++)
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            *ret = strcasecmp(text, yes[i]) == 0;
            return true;
        }
    return false;
}

/* A number with a unit: `units` is pairs of suffix and factor, ended by a NULL suffix. */
struct unit {
    const char *suffix;
    uint64_t factor;
};

static bool parse_units(const char *text, const struct unit *units, uint64_t *ret)
{
    size_t digits = strspn(text, "0123456789");
    JP_AUTO_FREE char *number = jp_memdup0(text, digits);
    uint64_t value;
    if (!number || !jp_parse_u64(number, 10, 0, UINT64_MAX, &value))
        return false;
    for (const struct unit *unit = units; unit->suffix; unit++)
        if (strcmp(unit->suffix, text + digits) == 0)
            return !__builtin_mul_overflow(value, unit->factor, ret);
    return false;
}

static const struct unit size_units[] = {
    {"", 1},
    {"K", 1000},
    {"M", 1000000},
    {"G", 1000000000},
    {"T", 1000000000000},
    {"Ki", 1ULL << 10},
    {"Mi", 1ULL << 20},
    {"Gi", 1ULL << 30},
    {"Ti", 1ULL << 40},
    {NULL, 0},
};

static const struct unit time_units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {NULL, 0}};
static const struct unit plain_units[] = {{"", 1}, {NULL, 0}};

static const struct unit *units_of(enum jp_config_type type)
{
    return type == JP_CONFIG_SIZE ? size_units
                                  : (type == JP_CONFIG_SECONDS ? time_units : plain_units);
}

static bool is_choice(const char *choices, const char *value)
{
    size_t len = strlen(value);
    for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strncmp(at, value, len) == 0 && (at[len] == '|' || at[len] == '\0'))
            return len > 0;
    return false;
}

static bool is_subnet(const char *text)
{
    struct jp_subnet subnet;
    return jp_subnet_parse(text, &subnet);
}

static bool is_subnet6(const char *text)
{
    struct jp_subnet6 subnet;
    return strcmp(text, "auto") == 0 || strcmp(text, "none") == 0 ||
           jp_subnet6_parse(text, &subnet);
}

static bool is_hex(const char *text)
{
    return strspn(text, "0123456789abcdefABCDEF") == strlen(text) && strlen(text) % 2 == 0;
}

/* What a value should have been; NULL when it is fine. */
static const char *complaint(const struct jp_config_key *key, const char *value)
{
    bool b;
    uint64_t n;
    switch (key->type) {
    case JP_CONFIG_BOOL:
        return parse_bool(value, &b) ? NULL : "must be on or off";
    case JP_CONFIG_NUMBER:
        return parse_units(value, plain_units, &n) ? NULL : "must be a number";
    case JP_CONFIG_SIZE:
        return parse_units(value, size_units, &n) ? NULL : "must be a size such as 10Mi";
    case JP_CONFIG_SECONDS:
        return parse_units(value, time_units, &n) && n <= 86400 ? NULL
                                                                : "must be a time such as 10s";
    case JP_CONFIG_PATH:
        return value[0] == '/' ? NULL : "must be an absolute path";
    case JP_CONFIG_SUBNET:
        return is_subnet(value) ? NULL : "must be a subnet such as 172.23.0.0/16";
    case JP_CONFIG_SUBNET6:
        return is_subnet6(value) ? NULL : "must be a subnet such as fd00:1::/64, auto or none";
    case JP_CONFIG_SECRET:
        return is_hex(value) ? NULL : "must be hexadecimal digits";
    case JP_CONFIG_CHOICE:
        return is_choice(key->choices, value) ? NULL : "must be one of ";
    case JP_CONFIG_TEXT:
    case JP_CONFIG_PASSWORD:
        return NULL;
    }
    return NULL;
}

static int check(const struct entry *entry, struct jp_error *err)
{
    const struct jp_config_key *key = jp_config_key_find(entry->name);
    if (!key || !*entry->value)
        return 0;
    const char *what = complaint(key, entry->value);
    if (!what)
        return 0;
    const char *shown = jp_config_key_is_secret(key) ? "..." : entry->value;
    JP_AUTO_FREE char *text = jp_format("'%s' %s%s", shown, what, key->choices ? key->choices : "");
    return bad(entry, err, text ? text : what);
}

static int finish(struct jp_config *config, struct jp_error *err)
{
    for (size_t i = 0; i < config->count; i++)
        if (expand(config, &config->entries[i], err) < 0 || check(&config->entries[i], err) < 0)
            return -1;
    return 0;
}

int jp_config_load(const struct jp_config_source *source, struct jp_config **ret,
                   struct jp_error *err)
{
    JP_AUTO_PTR(jp_config) config = jp_calloc(1, sizeof(*config));
    if (!config)
        return jp_oom(err);
    const char *path = source->path ? source->path : getenv("JETPACK_CONF");
    bool is_named = path && *path;
    config->path = jp_strdup(is_named ? path : JP_SYSCONFDIR "/jetpack.conf");
    if (!config->path)
        return jp_oom(err);
    if (set_defaults(config, err) < 0 || read_file(config, is_named, err) < 0)
        return -1;
    for (size_t i = 0; i < source->n_options; i++)
        if (set_option(config, source->options[i], err) < 0)
            return -1;
    if (finish(config, err) < 0)
        return -1;
    *ret = jp_take(&config);
    return 0;
}

/* ---- questions ------------------------------------------------------------------------------- */

const struct jp_strv *jp_config_warnings(const struct jp_config *config)
{
    return &config->warnings;
}

const char *jp_config_path(const struct jp_config *config)
{
    return config->path;
}

const char *jp_config_get(const struct jp_config *config, const char *name)
{
    const struct entry *entry = find(config, name, strlen(name));
    return entry && entry->value && *entry->value ? entry->value : NULL;
}

bool jp_config_is_set(const struct jp_config *config, const char *name)
{
    const struct entry *entry = find(config, name, strlen(name));
    return entry && entry->where && *entry->value;
}

bool jp_config_bool(const struct jp_config *config, const char *name)
{
    const char *value = jp_config_get(config, name);
    bool b = false;
    return value && parse_bool(value, &b) && b;
}

uint64_t jp_config_u64(const struct jp_config *config, const char *name)
{
    const char *value = jp_config_get(config, name);
    const struct jp_config_key *key = jp_config_key_find(name);
    uint64_t n = 0;
    return value && key && parse_units(value, units_of(key->type), &n) ? n : 0;
}

int jp_config_names(const struct jp_config *config, struct jp_strv *ret, struct jp_error *err)
{
    for (size_t i = 0; i < config->count; i++)
        if (jp_strv_add(ret, config->entries[i].name) < 0)
            return jp_oom(err);
    for (const struct jp_config_key *key = jp_config_keys; key->name; key++)
        if (!strchr(key->name, '*') && !jp_strv_contains(ret, key->name) &&
            jp_strv_add(ret, key->name) < 0)
            return jp_oom(err);
    jp_strv_sort(ret);
    return 0;
}

const char *jp_config_root(const struct jp_config *config)
{
    const struct entry *dir = find(config, "root.dir", strlen("root.dir"));
    const char *driver = jp_config_get(config, "storage.driver");
    if (driver && strcmp(driver, "zfs") == 0 && (!dir || !dir->where))
        return jp_config_get(config, "root.zfs.mountpoint");
    return jp_config_get(config, "root.dir");
}
