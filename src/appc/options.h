/*
 * The small languages of options that make parts of a pod manifest (product.md "The command
 * line"): volumes, published ports, mounts, NAME=VALUE.
 */
#ifndef JP_APPC_OPTIONS_H
#define JP_APPC_OPTIONS_H

#include "appc/pod_manifest.h"
#include "base/error.h"

/*
 * -v: NAME (empty volume) | NAME:/path (host volume) | -NAME:/path (the same, read-only) |
 * NAME,kind=host,source=/path,readOnly=true,recursive=false,mode=0700,uid=1,gid=1 (appc's form).
 */
int jp_option_volume(const char *text, struct jp_volume *ret, struct jp_error *err);

/* A published port, and what a manifest has no field for. */
struct jp_publication {
    struct jp_exposed_port port;
    char *host_ip6; /* in the place of port.host_ip; NULL */
    char *from;     /* networks that may come, separated by blanks, not checked; NULL: all */
};

/*
 * -p: NAME[=[IP:]HOSTPORT][,from=NETWORK]..., an IPv6 address in brackets. Without HOSTPORT
 * ret->port.host_port is 0: the caller sets it to the number of the app's port.
 */
int jp_option_port(const char *text, struct jp_publication *ret, struct jp_error *err);
void jp_publication_clear(struct jp_publication *publication);

/*
 * -m: VOLUME[:MOUNTPOINT or /path]. Without the second part ret->path is the volume's name: a
 * mount point of the same name.
 */
int jp_option_mount(const char *text, struct jp_mount *ret, struct jp_error *err);

/* --port: NAME,protocol=tcp,port=80[,count=N][,socketActivated=true]. */
int jp_option_app_port(const char *text, struct jp_port *ret, struct jp_error *err);

/* --mount-point: NAME,path=/data[,readOnly=true]. */
int jp_option_mount_point(const char *text, struct jp_mount_point *ret, struct jp_error *err);

/* NAME=VALUE split at the first '='; both are new memory. The name is not empty. */
int jp_option_pair(const char *text, char **ret_name, char **ret_value, struct jp_error *err);

#endif
