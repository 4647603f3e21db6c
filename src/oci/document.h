/*
 * The JSON documents of OCI and Docker images as types: index, manifest, configuration, and those
 * of `docker save`: manifest.json, before that repositories and ID/json. They come from strangers:
 * each is read with a limit, every field that counts is checked, and a document that could be taken
 * for two kinds is refused (row 40, CVE-2021-41190).
 */
#ifndef JP_OCI_DOCUMENT_H
#define JP_OCI_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appc/pairs.h"
#include "base/error.h"
#include "base/strv.h"

#define JP_OCI_DOCUMENT_MAX (4U << 20) /* bytes: what registries accept */
#define JP_OCI_LAYERS_MAX   498U       /* overlayfs stacks 500; two more make the layers an image */

#define JP_OCI_REF_NAME   "org.opencontainers.image.ref.name"
#define JP_OCI_IMAGE_NAME "io.containerd.image.name" /* what Docker and containerd write */

struct jp_oci_platform {
    char *os;
    char *arch; /* Go's word: "arm64" */
    char *variant;
    struct json_t *extra;
};

struct jp_oci_descriptor {
    char *media_type;
    char *digest;
    uint64_t size;
    bool has_platform;
    struct jp_oci_platform platform;
    struct jp_pairs annotations;
    struct jp_strv urls; /* of content that is elsewhere ("foreign"): never fetched */
    struct json_t *extra;
};

struct jp_oci_descriptors {
    struct jp_oci_descriptor *items;
    size_t count;
    size_t capacity;
};

struct jp_oci_index {
    uint64_t schema_version;
    char *media_type;
    struct jp_oci_descriptors manifests;
    struct json_t *extra;
};

struct jp_oci_manifest {
    uint64_t schema_version;
    char *media_type;
    struct jp_oci_descriptor config;
    struct jp_oci_descriptors layers;
    struct jp_pairs annotations;
    struct json_t *extra;
};

/* How the image's program is started (`config` in the configuration). */
struct jp_oci_execution {
    char *user;
    struct jp_strv environment;
    struct jp_strv entrypoint;
    struct jp_strv command;
    struct jp_strv freebsd_command; /* "cmd": how FreeBSD's own images spell it */
    char *working_directory;
    char *stop_signal;
    struct json_t *ports;   /* an object: "80/tcp": {} */
    struct json_t *volumes; /* an object: "/data": {} */
    struct jp_pairs labels;
    struct json_t *extra;
};

struct jp_oci_rootfs {
    struct jp_strv diff_ids; /* digests of the plain layers, lowest first */
    struct json_t *extra;
};

struct jp_oci_config {
    struct jp_oci_platform platform; /* os and arch are there */
    char *created;
    char *author;
    char *comment;
    struct jp_oci_execution execution;
    struct jp_oci_rootfs rootfs;
    struct json_t *extra;
};

/* An image of manifest.json: paths inside the archive. */
struct jp_oci_saved {
    char *config;
    struct jp_strv names; /* "debian:12"; may be empty */
    struct jp_strv layers;
    struct json_t *extra;
};

struct jp_oci_saved_list {
    struct jp_oci_saved *items;
    size_t count;
    size_t capacity;
};

/* A layer of what Docker saved before it had manifest.json: ID/json. */
struct jp_oci_legacy {
    char *id;                    /* 64 hexadecimal digits */
    char *parent;                /* of the layer below; NULL */
    struct jp_oci_config config; /* without digests of layers */
    struct json_t *extra;
};

/* What a descriptor's media type says. */
enum jp_oci_kind {
    JP_OCI_KIND_UNKNOWN,
    JP_OCI_KIND_INDEX,
    JP_OCI_KIND_MANIFEST,
    JP_OCI_KIND_CONFIG,
    JP_OCI_KIND_LAYER,
};
enum jp_oci_kind jp_oci_kind_of(const char *media_type);

/*
 * Read a document: 0, or -1 with JP_EINVALID ("manifests[1].digest: ..."), JP_ELIMIT,
 * JP_EUNSUPPORTED, JP_ENOMEM. *ret is overwritten.
 */
int jp_oci_index_parse(const char *text, size_t len, struct jp_oci_index *ret,
                       struct jp_error *err);
int jp_oci_manifest_parse(const char *text, size_t len, struct jp_oci_manifest *ret,
                          struct jp_error *err);
int jp_oci_config_parse(const char *text, size_t len, struct jp_oci_config *ret,
                        struct jp_error *err);
int jp_oci_saved_parse(const char *text, size_t len, struct jp_oci_saved_list *ret,
                       struct jp_error *err);
/* `repositories`: {"debian": {"12": ID}}. Each image once, with all its names; `config` is the ID.
 */
int jp_oci_repositories_parse(const char *text, size_t len, struct jp_oci_saved_list *ret,
                              struct jp_error *err);
/* Where it says no system and machine: linux and amd64, which was all there was. */
int jp_oci_legacy_parse(const char *text, size_t len, struct jp_oci_legacy *ret,
                        struct jp_error *err);

void jp_oci_descriptor_clear(struct jp_oci_descriptor *descriptor);
void jp_oci_index_clear(struct jp_oci_index *index);
void jp_oci_manifest_clear(struct jp_oci_manifest *manifest);
void jp_oci_config_clear(struct jp_oci_config *config);
void jp_oci_saved_list_clear(struct jp_oci_saved_list *list);
void jp_oci_legacy_clear(struct jp_oci_legacy *legacy);

#endif
