/*
 * What the user asks for: options of the pod, images with their options, and perhaps a pod manifest
 * as JSON. Both ways of saying a thing give the same reified manifest.
 *
 * The room owns the grammar of the options, so that there is one table for the command line, the
 * help, the completions and the tests. A request only records; names are looked up and fields
 * merged when it is reified.
 */
#ifndef JP_POD_REQUEST_H
#define JP_POD_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strv.h"

enum jp_pod_scope {
    JP_POD_SCOPE_POD = 1, /* may stand before the first image */
    JP_POD_SCOPE_APP = 2, /* may stand after an image */
    JP_POD_SCOPE_BOTH = 3,
};

enum jp_pod_option {
    /* the pod */
    JP_POD_OPT_PUBLISH,         /* -p NAME[=[IP:]HOSTPORT][,from=NETWORK] */
    JP_POD_OPT_VOLUME,          /* -v NAME | [-]NAME:/path | NAME,kind=...,source=... */
    JP_POD_OPT_POD_NAME,        /* --pod-name NAME */
    JP_POD_OPT_HOSTNAME,        /* --hostname NAME */
    JP_POD_OPT_NET,             /* --net pod|host|none|NAME[,ip=ADDRESS] */
    JP_POD_OPT_IP,              /* --ip ADDRESS */
    JP_POD_OPT_DNS,             /* --dns ADDRESS, repeatable */
    JP_POD_OPT_RESTART,         /* --restart no|on-failure[:N]|always */
    JP_POD_OPT_STRICT,          /* --strict */
    JP_POD_OPT_VOLUME_LINKS,    /* --allow-volume-symlinks */
    JP_POD_OPT_SYSCTL,          /* --sysctl KEY=VALUE */
    JP_POD_OPT_USER_ANNOTATION, /* --user-annotation NAME=VALUE */
    JP_POD_OPT_USER_LABEL,      /* --user-label NAME=VALUE */
    /* both */
    JP_POD_OPT_ANNOTATION, /* -a NAME=VALUE */
    JP_POD_OPT_ISOLATOR,   /* --isolator NAME=JSON */
    JP_POD_OPT_MEMORY,     /* --memory QUANTITY */
    JP_POD_OPT_CPU,        /* --cpu QUANTITY */
    /* an app */
    JP_POD_OPT_NAME,              /* -name NAME */
    JP_POD_OPT_MOUNT,             /* -m VOLUME[:MOUNTPOINT | :/path] */
    JP_POD_OPT_EXEC,              /* --exec PROGRAM | JSON list */
    JP_POD_OPT_USER,              /* --user NAME */
    JP_POD_OPT_GROUP,             /* --group NAME */
    JP_POD_OPT_SUPPLEMENTARY_GID, /* --supplementary-gid GID, repeatable */
    JP_POD_OPT_ENVIRONMENT,       /* -e, --environment NAME=VALUE */
    JP_POD_OPT_WORKDIR,           /* --workdir PATH */
    JP_POD_OPT_READ_ONLY,         /* --read-only */
    JP_POD_OPT_MOUNT_POINT,       /* --mount-point NAME,path=/path[,readOnly=true] */
    JP_POD_OPT_PORT,              /* --port NAME,protocol=tcp,port=80[,count=N] */
    JP_POD_OPT_PRE_START,         /* --pre-start PROGRAM | JSON list */
    JP_POD_OPT_POST_STOP,         /* --post-stop PROGRAM | JSON list */
    JP_POD_OPT_CAPS_RETAIN,       /* --caps-retain CAP_X[,CAP_Y...] */
    JP_POD_OPT_CAPS_REMOVE,       /* --caps-remove CAP_X[,CAP_Y...] */
    JP_POD_OPT_SECCOMP,           /* --seccomp unconfined | mode=retain|remove[,errno=E],CALL... */
    JP_POD_OPT_NO_NEW_PRIVILEGES, /* --no-new-privileges */
    JP_POD_OPT_STOP_SIGNAL,       /* --stop-signal SIGNAL */
    JP_POD_OPT_APP_USER_ANNOTATION, /* --user-annotation of the app object */
    JP_POD_OPT_APP_USER_LABEL,      /* --user-label of the app object */
    JP_POD_N_OPTIONS,
};

struct jp_pod_option_info {
    enum jp_pod_option option;
    enum jp_pod_scope scope;
    const char *name;     /* long name without dashes */
    char letter;          /* or 0 */
    const char *argument; /* for synopsis and help; NULL: takes none */
    const char *help;     /* a line */
};

/* JP_POD_N_OPTIONS entries in the order of the enumeration. */
extern const struct jp_pod_option_info jp_pod_options[];

/* One recorded option. */
struct jp_pod_setting {
    enum jp_pod_option option;
    char *value; /* NULL when the option takes none */
};

struct jp_pod_request_app {
    char *image; /* word for an image */
    struct jp_pod_setting *settings;
    size_t n_settings;
    size_t settings_capacity;
    struct jp_strv arguments; /* of `-- ARGS ---`: appended to the exec list */
    bool is_blank;            /* nothing of the image's app object counts */
};

struct jp_pod_request {
    char *manifest; /* JSON text of -f, or NULL */
    struct jp_pod_setting *settings;
    size_t n_settings;
    size_t settings_capacity;
    struct jp_pod_request_app *apps;
    size_t n_apps;
    size_t apps_capacity;
};

#define JP_POD_REQUEST_INIT                                                                        \
    {                                                                                              \
        .manifest = NULL                                                                           \
    }

/* Takes the text of a pod manifest (`-f`); at most one. The images of the request are added to it.
 */
int jp_pod_request_manifest(struct jp_pod_request *request, const char *json, size_t len,
                            struct jp_error *err);

/* Reads it from a file or from standard input ("-"). At most 4 MiB (JP_ELIMIT). */
int jp_pod_request_read(struct jp_pod_request *request, const char *path, struct jp_error *err);

/* Begins an app: what is set from now on is the app's. */
int jp_pod_request_image(struct jp_pod_request *request, const char *image, struct jp_error *err);

/*
 * Records an option: of the pod before the first image, of the last image afterwards. The grammar
 * of the value is checked now: JP_EUSAGE names option and value. `value` is NULL for options that
 * take none.
 */
int jp_pod_request_set(struct jp_pod_request *request, enum jp_pod_option option, const char *value,
                       struct jp_error *err);

/* Appends an argument to the last image's exec list (`-- ARGS ---`). */
int jp_pod_request_argument(struct jp_pod_request *request, const char *argument,
                            struct jp_error *err);

/* The last image's app starts from nothing: of the image only the root file system is taken. */
void jp_pod_request_blank(struct jp_pod_request *request);

void jp_pod_request_clear(struct jp_pod_request *request);

#endif
