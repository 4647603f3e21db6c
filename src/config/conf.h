/*
 * Configuration: jetpack.conf, the options -o of the command line, and defaults for everything.
 *
 * A file has lines `key = value`; `#` at the start of a line or after a blank begins a comment.
 * `${other.key}` in a value is replaced by that key's value when the value is asked for; a circle
 * is refused. Later lines win over earlier ones, -o over the file, the file over the defaults. The
 * table of keys (keys.c) is the only place where a key, its type, its default and its meaning
 * stand: `jetpack config`, jetpack.conf(5) and the sample file are checked against it.
 *
 * Every value is checked against its key's type by load, so the getters cannot fail afterwards.
 */
#ifndef JP_CONFIG_CONF_H
#define JP_CONFIG_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/macros.h"
#include "base/strv.h"

enum jp_config_type {
    JP_CONFIG_TEXT,
    JP_CONFIG_SECRET,   /* hexadecimal digits; `jetpack config` without a name does not show it */
    JP_CONFIG_PASSWORD, /* text, and as little shown */
    JP_CONFIG_BOOL,     /* on, yes, true, 1 | off, no, false, 0 */
    JP_CONFIG_NUMBER,
    JP_CONFIG_SIZE,    /* bytes; suffixes K M G T and Ki Mi Gi Ti */
    JP_CONFIG_SECONDS, /* a number, or with the suffix s, m or h */
    JP_CONFIG_PATH,    /* absolute */
    JP_CONFIG_SUBNET,  /* A.B.C.D/N */
    JP_CONFIG_SUBNET6, /* an IPv6 network, auto or none */
    JP_CONFIG_CHOICE,  /* one of `choices` */
};

struct jp_config_key {
    const char *name; /* ".*" stands for a family of keys: root.zfs.*, net.*.kind */
    enum jp_config_type type;
    const char *value;   /* the default; NULL: not set */
    const char *doc;     /* one sentence, also in the manual and the sample file */
    const char *choices; /* JP_CONFIG_CHOICE: separated by '|' */
};

/* The table, sorted by name; the end has a NULL name. */
extern const struct jp_config_key jp_config_keys[];

/* Is a value of this key for its owner's eyes only? */
bool jp_config_key_is_secret(const struct jp_config_key *key);

/* The entry that describes a key (a family's entry for its members), or NULL. */
const struct jp_config_key *jp_config_key_find(const char *name);

/* The known key that is most like `name`, or NULL when none is near. */
const char *jp_config_key_near(const char *name);

struct jp_config;

struct jp_config_source {
    const char *path;           /* the file; NULL: $JETPACK_CONF, else the build's default */
    const char *const *options; /* "KEY=VALUE", or "KEY" alone, which means on; later ones win */
    size_t n_options;
};

/*
 * Reads the file (a missing one is fine) and the options. JP_EINVALID names file, line and key;
 * JP_EUSAGE when an option is wrong. What is odd but no error is kept as warnings.
 */
int jp_config_load(const struct jp_config_source *source, struct jp_config **ret,
                   struct jp_error *err);
void jp_config_free(struct jp_config *config);
JP_DEFINE_AUTO_PTR(jp_config);

/* Sentences for the user: unknown keys with the nearest known one, a file others can read, ... */
const struct jp_strv *jp_config_warnings(const struct jp_config *config);

/* Path of the file that was looked for. */
const char *jp_config_path(const struct jp_config *config);

/* The expanded value, NULL when not set (or set to nothing). Valid as long as the configuration. */
const char *jp_config_get(const struct jp_config *config, const char *name);
/* True when the file or an option sets it: the value is not the default. */
bool jp_config_is_set(const struct jp_config *config, const char *name);
/* False and zero when not set. */
bool jp_config_bool(const struct jp_config *config, const char *name);
uint64_t jp_config_u64(const struct jp_config *config, const char *name);

/* Every key that has a value or is in the table, sorted. -1 with JP_ENOMEM. */
int jp_config_names(const struct jp_config *config, struct jp_strv *ret, struct jp_error *err);

/* The root directory: root.dir, which follows root.zfs.mountpoint when the driver is zfs. */
const char *jp_config_root(const struct jp_config *config);

#endif
