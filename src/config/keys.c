/*
 * The table of configuration keys. Adding one: add it here, in man/jetpack.conf.5 and in
 * contrib/jetpack.conf; tests/cli/config.t compares the three.
 */
#include "config.h"

#include <string.h>

#include "base/macros.h"
#include "config/conf.h"

#define TEXT     JP_CONFIG_TEXT
#define SECRET   JP_CONFIG_SECRET
#define BOOL     JP_CONFIG_BOOL
#define NUMBER   JP_CONFIG_NUMBER
#define SIZE     JP_CONFIG_SIZE
#define SECONDS  JP_CONFIG_SECONDS
#define PATH     JP_CONFIG_PATH
#define PASSWORD JP_CONFIG_PASSWORD
#define SUBNET   JP_CONFIG_SUBNET
#define SUBNET6  JP_CONFIG_SUBNET6
#define CHOICE   JP_CONFIG_CHOICE

const struct jp_config_key jp_config_keys[] = {
    {"ace.dns-servers", TEXT, NULL,
     "Addresses of the name servers for pods, separated by blanks; not set: those of the host.",
     NULL},
    {"ace.jailConf.*", TEXT, NULL, "A parameter of jail(8) for every pod (FreeBSD).", NULL},
    {"ace.jailConf.securelevel", TEXT, "2", "The jail parameter securelevel (FreeBSD).", NULL},
    {"allow.autodiscovery", BOOL, "on", "Whether images that are absent are looked for by name.",
     NULL},
    {"allow.http", BOOL, "off", "Whether images may be fetched over plain HTTP.", NULL},
    {"allow.no-signature", BOOL, "off",
     "Whether images without a signature are accepted, as by --allow-unsigned.", NULL},
    {"allow.private-addresses", BOOL, "off",
     "Whether what a public site leads to may be an address of this host or of a private network.",
     NULL},
    {"debug", BOOL, "off", "Whether commands say more about what they do.", NULL},
    {"fetch.auth.*", PASSWORD, NULL,
     "What a host is told over https, and no other host: 'basic USER:PASSWORD' or 'bearer TOKEN'.",
     NULL},
    {"fetch.ca-file", PATH, NULL,
     "Certificates that sites are trusted by, in one file; not set: those of the system.", NULL},
    {"fetch.connect-timeout", SECONDS, "30", "How long a connection may take to be made.", NULL},
    {"fetch.credentials", PATH, NULL, "A file of passwords for hosts, in the format of netrc(5).",
     NULL},
    {"fetch.low-speed", SIZE, "100",
     "A transfer that brings fewer bytes in a second, for fetch.low-speed-time, is given up.",
     NULL},
    {"fetch.low-speed-time", SECONDS, "60", "How long a transfer may be slow; 0: for ever.", NULL},
    {"fetch.max-size", SIZE, "20Gi", "Largest file that is fetched.", NULL},
    {"fetch.no-proxy", TEXT, NULL,
     "Hosts that are asked without a proxy, separated by commas; not set: those of $no_proxy.",
     NULL},
    {"fetch.proxy", TEXT, NULL,
     "The URL of a proxy, or none; not set: that of $https_proxy, $http_proxy or $all_proxy.",
     NULL},
    {"fetch.timeout", SECONDS, "0", "How long one transfer may take; 0: as long as it does.", NULL},
    {"images.aci.compression", CHOICE, "xz", "How exported and built archives are compressed.",
     "none|gzip|bzip2|xz|zstd"},
    {"images.aci.store", BOOL, "off",
     "Whether the archive is kept as it came (of an encrypted one what was in it), for export.",
     NULL},
    {"images.max-entries", NUMBER, "5000000", "Most entries in the archive of an image.", NULL},
    {"images.max-manifest", SIZE, "4Mi", "Largest manifest of an image.", NULL},
    {"images.max-size", SIZE, "100Gi", "Largest image, unpacked.", NULL},
    {"images.zfs.*", TEXT, NULL, "A property of the dataset of images (zfs).", NULL},
    {"images.zfs.atime", TEXT, "off", "The property atime of the dataset of images (zfs).", NULL},
    {"images.zfs.compress", TEXT, "lz4", "The property compress of the dataset of images (zfs).",
     NULL},
    {"jail.interface", TEXT, "lo1",
     "The interface that pods share when net.mode is alias (FreeBSD); lo1 and the like are made.",
     NULL},
    {"jail.namePrefix", TEXT, "jetpack/",
     "What the names of jails (FreeBSD) and control groups (Linux) begin with.", NULL},
    {"logs.files", NUMBER, "5", "Log files kept for an app, the current one included.", NULL},
    {"logs.max-size", SIZE, "10Mi", "A log file is set aside when it is larger.", NULL},
    {"mds.idle", SECONDS, "60",
     "How long a metadata service that was started by a pod stays when there is no pod left.",
     NULL},
    {"mds.keep-uid", BOOL, "off", "Whether the metadata service stays the user that started it.",
     NULL},
    {"mds.logfile", TEXT, NULL,
     "Where the metadata service logs: a path, '-' for standard error, 'none'.", NULL},
    {"mds.pidfile", TEXT, NULL, "Where the metadata service writes its process id.", NULL},
    {"mds.port", NUMBER, "1104", "The port of the metadata service.", NULL},
    {"mds.signing-key", SECRET, NULL, "The key of pod signatures, hexadecimal.", NULL},
    {"mds.token-key", SECRET, NULL, "The key of the tokens of pods, hexadecimal.", NULL},
    {"mds.user", TEXT, "_jetpack",
     "The user that the metadata service runs as, and what carries published ports, talks to the "
     "network for images and judges signatures.",
     NULL},
    {"net.*.interface", TEXT, NULL,
     "The bridge of the network that is called so (jp-NAME); for macvlan the host's device.", NULL},
    {"net.*.isolation", CHOICE, NULL, "As net.isolation, for the network that is called so.",
     "none|pod"},
    {"net.*.kind", CHOICE, NULL,
     "How a network is joined to the outside: behind the host's address (bridge, the default), "
     "routed without that, or on a device of the host (macvlan).",
     "bridge|routed|macvlan"},
    {"net.*.subnet", SUBNET, NULL, "A further network, called so, and its addresses.", NULL},
    {"net.*.subnet6", SUBNET6, NULL, "As net.subnet6, for the network that is called so.", NULL},
    {"net.bridge", TEXT, "jetpack0", "The bridge that joins pods and host.", NULL},
    {"net.firewall", BOOL, "on",
     "Whether pods are let out by rules of ours and by forwarding; off leaves both to you.", NULL},
    {"net.isolation", CHOICE, "none",
     "Whether pods of a network are kept from reaching each other (pod) or not (none).",
     "none|pod"},
    {"net.mode", CHOICE, "auto",
     "How pods are joined that ask for no network: to one, by a stack of their own (vnet) or, on "
     "FreeBSD, an alias on jail.interface (auto: where the kernel has no VIMAGE); to none; or as "
     "the "
     "host itself.",
     "auto|vnet|alias|none|host"},
    {"net.names", CHOICE, "auto",
     "Whether pods of a network find each other by name, where dnsmasq is installed (auto), or "
     "not.",
     "auto|off"},
    {"net.publish", CHOICE, "proxy",
     "How published ports reach pods: by a listening process (proxy), which the host's firewall "
     "sees as any other, or sent on by the kernel (nat), past rules for incoming packets.",
     "proxy|nat"},
    {"net.subnet", SUBNET, "172.23.0.0/16", "The addresses of pods; the host has the first one.",
     NULL},
    {"net.subnet6", SUBNET6, "auto",
     "The IPv6 addresses of pods: a network, auto (a local one made from root.dir) or none.", NULL},
    {"path.libexec", PATH, JP_LIBEXECDIR, "Where the helper programs are.", NULL},
    {"path.prefix", PATH, JP_PREFIX, "Where Jetpack is installed.", NULL},
    {"path.share", PATH, JP_DATADIR, "Where files for every machine are.", NULL},
    {"pods.zfs.*", TEXT, NULL, "A property of the dataset of pods (zfs).", NULL},
    {"ready.limit", SECONDS, "0",
     "How long an app that says when it is ready (sd_notify) may take for that; 0: as long as it "
     "likes.",
     NULL},
    {"root.dir", PATH, JP_DEFAULT_ROOT, "The root directory: images, pods, keys and the database.",
     NULL},
    {"root.zfs", TEXT, "zroot/jetpack", "The dataset below which everything is kept (zfs).", NULL},
    {"root.zfs.*", TEXT, NULL, "A property of the root dataset (zfs).", NULL},
    {"root.zfs.mountpoint", PATH, "/var/jetpack",
     "Where the root dataset is mounted; the root directory when storage.driver is zfs.", NULL},
    {"stop.grace", SECONDS, "10", "How long stop waits between the stop signal and SIGKILL.", NULL},
    {"storage.driver", CHOICE, "auto", "How root file systems are kept.",
     "auto|zfs|overlay|btrfs|copy"},
    {"version.git", TEXT, NULL, "The commit of this build, shown by version.", NULL},
    {NULL, TEXT, NULL, NULL, NULL},
};

/*
 * Whether the entry is a family and `name` one of its members: "root.zfs.*" and "root.zfs.atime",
 * "net.*.kind" and "net.lab.kind".
 */
static bool is_member(const struct jp_config_key *key, const char *name)
{
    const char *star = strstr(key->name, ".*");
    if (!star)
        return false;
    size_t before = (size_t)(star - key->name) + 1;
    size_t after = strlen(star + 2);
    size_t len = strlen(name);
    if (len <= before + after || strncmp(key->name, name, before) != 0 ||
        strcmp(star + 2, name + len - after) != 0)
        return false;
    /* What stands for a star in the middle is one word. */
    return after == 0 || !memchr(name + before, '.', len - before - after);
}

bool jp_config_key_is_secret(const struct jp_config_key *key)
{
    return key->type == SECRET || key->type == PASSWORD;
}

const struct jp_config_key *jp_config_key_find(const char *name)
{
    const struct jp_config_key *family = NULL;
    for (const struct jp_config_key *key = jp_config_keys; key->name; key++) {
        if (strcmp(key->name, name) == 0 && !strchr(name, '*'))
            return key;
        if (is_member(key, name))
            family = key;
    }
    return family;
}

#define MAX_NAME 64 /* longer names are not compared: no key comes near */

/* Number of letters to insert, remove or change to get from one word to the other. */
static size_t distance(const char *a, const char *b)
{
    size_t row[MAX_NAME + 1];
    size_t width = strlen(b);
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            size_t best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = change < best ? change : best;
        }
    }
    return row[width];
}

const char *jp_config_key_near(const char *name)
{
    const char *best = NULL;
    size_t best_distance = strlen(name) / 3 + 2; /* beyond this a guess only confuses */
    if (strlen(name) > MAX_NAME)
        return NULL;
    for (const struct jp_config_key *key = jp_config_keys; key->name; key++) {
        size_t d = distance(name, key->name);
        if (d < best_distance && !strchr(key->name, '*')) {
            best = key->name;
            best_distance = d;
        }
    }
    return best;
}
