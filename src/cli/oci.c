#include "cli/oci.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appc/name.h"
#include "base/mem.h"
#include "cli/fetching.h"
#include "cli/progress.h"
#include "oci/oci.h"
#include "oci/reference.h"
#include "oci/registry.h"
#include "sys/fd.h"

#define DOCKER "docker://"

static const char *const schemes[] = {"oci:", "oci-archive:", "docker-archive:", DOCKER};

static const char *without_scheme(const char *location)
{
    for (size_t i = 0; i < JP_LEN(schemes); i++) {
        if (strncmp(location, schemes[i], strlen(schemes[i])) == 0)
            return location + strlen(schemes[i]);
    }
    return NULL;
}

bool jp_cli_oci_is_location(const char *location)
{
    return without_scheme(location) != NULL;
}

/* ---- where ----------------------------------------------------------------------------------- */

/* PATH[:REFERENCE]; a path that is there as it stands has none. */
struct place {
    char *path;
    char *reference; /* inside path's memory; NULL */
};

static int split(const char *location, struct place *ret, struct jp_error *err)
{
    struct stat st;
    ret->path = jp_strdup(without_scheme(location));
    if (!ret->path)
        return jp_oom(err);
    if (!*ret->path)
        return jp_fail(err, JP_EUSAGE, 0, "'%s' names no file", location);
    char *colon = strchr(ret->path, ':');
    if (!colon || stat(ret->path, &st) == 0)
        return 0;
    *colon = '\0';
    ret->reference = colon + 1;
    return 0;
}

struct input {
    int fd; /* of an archive */
    struct jp_oci_source *source;
};

static int open_archive(struct jp_cli *cli, struct input *input, struct jp_error *err)
{
    struct jp_store *store = jp_cli_store(cli, err);
    JP_AUTO_FD int tmp_fd = store ? jp_fd_open_dir(jp_store_root_fd(store), "tmp", err) : -1;
    if (tmp_fd < 0)
        return -1;
    struct jp_oci_archive archive = {
        .fd = input->fd,
        .tmp_fd = tmp_fd,
        .max = jp_config_u64(cli->config, "images.max-size"),
        .cancel = cli->signals.interrupted,
    };
    return jp_oci_source_open_archive(&archive, &input->source, err);
}

static int open_input(struct jp_cli *cli, const char *path, struct input *input,
                      struct jp_error *err)
{
    struct stat st;
    bool is_stdin = strcmp(path, "-") == 0;
    if (!is_stdin && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return jp_oci_source_open_dir(path, &input->source, err);
    input->fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (input->fd < 0)
        return jp_fail_sys(err, "open '%s'", path);
    return open_archive(cli, input, err) < 0 ? jp_wrap(err, "'%s'", path) : 0;
}

/* ---- what it is called ----------------------------------------------------------------------- */

struct identity {
    char *name;
    char *version;
    struct jp_oci_reference reference;
};

static void identity_clear(struct identity *identity)
{
    free(identity->name);
    free(identity->version);
    jp_oci_reference_clear(&identity->reference);
}

/* -name NAME[:VERSION] */
static int name_given(const char *text, struct identity *ret, struct jp_error *err)
{
    size_t len = strcspn(text, ":");
    ret->name = jp_memdup0(text, len);
    if (!ret->name || (text[len] && !(ret->version = jp_strdup(text + len + 1))))
        return jp_oom(err);
    return jp_ac_identifier_check(ret->name, err) < 0 ? jp_wrap(err, "-name") : 0;
}

/* "dir/thing.tar" -> "thing" */
static int name_of_file(const char *path, struct identity *ret, struct jp_error *err)
{
    JP_AUTO_FREE char *copy = jp_strdup(path);
    if (!copy)
        return jp_oom(err);
    size_t len = strlen(copy);
    while (len > 0 && copy[len - 1] == '/')
        copy[--len] = '\0';
    char *base = strrchr(copy, '/') ? strrchr(copy, '/') + 1 : copy;
    char *dot = strstr(base, ".tar");
    if (dot && dot > base)
        *dot = '\0';
    if (jp_oci_identifier_from(base, &ret->name, err) < 0)
        return jp_wrap(err, "'%s': give it one with -name", path);
    return 0;
}

static int name_of_reference(const char *text, struct identity *ret, struct jp_error *err)
{
    if (jp_oci_reference_parse(text, &ret->reference, err) < 0 ||
        jp_oci_reference_image_name(&ret->reference, &ret->name, err) < 0)
        return -1;
    const char *tag = ret->reference.tag;
    if (!tag && ret->reference.digest)
        return 0;
    return (ret->version = jp_strdup(tag ? tag : "latest")) ? 0 : jp_oom(err);
}

/* "freebsd-runtime:14.2" in a layout: a name without a registry stays one. */
static int name_in_layout(const char *text, struct identity *ret, struct jp_error *err)
{
    const char *colon = strchr(text, ':');
    JP_AUTO_FREE char *name = jp_memdup0(text, (size_t)(colon - text));
    if (!name || !(ret->version = jp_strdup(colon + 1)))
        return jp_oom(err);
    return jp_oci_identifier_from(name, &ret->name, err);
}

static int identify(const struct jp_cli *cli, const char *path, const struct jp_oci_image *image,
                    struct identity *ret, struct jp_error *err)
{
    const char *given = jp_cli_value(&cli->args, "name");
    const char *reference = image->reference;
    if (given)
        return name_given(given, ret, err);
    bool is_layout = image->manifest_digest[0] != '\0';
    if (reference && is_layout && strchr(reference, ':') && !strchr(reference, '/'))
        return name_in_layout(reference, ret, err);
    if (reference && strpbrk(reference, ":/"))
        return name_of_reference(reference, ret, err);
    if (name_of_file(path, ret, err) < 0)
        return -1;
    if (reference && !(ret->version = jp_strdup(reference)))
        return jp_oom(err);
    return 0;
}

/* ---- which one of several -------------------------------------------------------------------- */

/* -platform OS/ARCH[/VARIANT], else this machine's. *ret_copy keeps the words. */
static int wish_for(const struct jp_cli *cli, const char *reference, struct jp_oci_wish *ret,
                    char **ret_copy, struct jp_error *err)
{
    const char *platform = jp_cli_value(&cli->args, "platform");
    const char *os = jp_pod_host_os();
    *ret = (struct jp_oci_wish){.os = os, .reference = reference};
    if (!platform) {
        ret->arch = jp_oci_arch_from_appc(os, jp_pod_host_arch(), &ret->variant);
        ret->runs_linux = strcmp(os, "freebsd") == 0;
        return 0;
    }
    char *copy = *ret_copy = jp_strdup(platform);
    if (!copy)
        return jp_oom(err);
    ret->is_strict = true;
    ret->os = strsep(&copy, "/");
    ret->arch = strsep(&copy, "/");
    ret->variant = strsep(&copy, "/");
    if (!ret->arch || !*ret->os || !*ret->arch || copy)
        return jp_fail(err, JP_EUSAGE, 0, "-platform=%s: must be OS/ARCH or OS/ARCH/VARIANT",
                       platform);
    return 0;
}

/* What the image is called where it is from: -name changes only what it is called here. */
static const char *tag_of(const struct jp_cli *cli, const struct identity *identity)
{
    const struct jp_oci_reference *reference = &identity->reference;
    if (reference->repository)
        return reference->tag || reference->digest ? reference->tag : "latest";
    return jp_cli_has(&cli->args, "name") ? NULL : identity->version;
}

/* ---- the import ------------------------------------------------------------------------------ */

static int import(struct jp_cli *cli, const char *location, const struct identity *identity,
                  struct jp_oci_source *source, const struct jp_oci_image *image,
                  struct jp_progress *progress, struct jp_image_imported *ret, struct jp_error *err)
{
    struct jp_store *store = jp_cli_store(cli, err);
    struct jp_oci_import options = {
        .identity = {.name = identity->name,
                     .version = identity->version,
                     .original = location,
                     .registry = identity->reference.registry,
                     .repository = identity->reference.repository,
                     .tag = tag_of(cli, identity)},
        .limits = {.manifest_bytes = jp_config_u64(cli->config, "images.max-manifest"),
                   .entries = jp_config_u64(cli->config, "images.max-entries"),
                   .unpacked_bytes = jp_config_u64(cli->config, "images.max-size")},
        .watch = jp_progress_watch(progress, cli->signals.interrupted),
    };
    return store ? jp_oci_import(store, source, image, &options, ret, err) : -1;
}

/* What is here: a layout or an archive. */
static int import_found(struct jp_cli *cli, const char *location, const struct place *place,
                        struct jp_oci_source *source, struct jp_image_imported *ret,
                        struct jp_error *err)
{
    JP_AUTO_FREE char *words = NULL;
    struct jp_oci_wish wish;
    struct jp_oci_image image;
    struct identity identity = {.name = NULL};
    struct jp_progress progress = jp_progress_new(location, jp_cli_has(&cli->args, "quiet"));
    if (wish_for(cli, place->reference, &wish, &words, err) < 0)
        return -1;
    if (jp_oci_find(source, &wish, &image, err) < 0)
        return jp_wrap(err, "'%s'", place->path);
    int r = identify(cli, place->path, &image, &identity, err);
    if (r == 0)
        r = import(cli, location, &identity, source, &image, &progress, ret, err);
    jp_progress_end(&progress);
    identity_clear(&identity);
    jp_oci_image_clear(&image);
    return r;
}

static int import_local(struct jp_cli *cli, const char *location, struct jp_image_imported *ret,
                        struct jp_error *err)
{
    struct place place = {.path = NULL};
    struct input input = {.fd = -1};
    int r = split(location, &place, err);
    if (r == 0)
        r = open_input(cli, place.path, &input, err);
    if (r == 0)
        r = import_found(cli, location, &place, input.source, ret, err);
    jp_oci_source_free(input.source);
    jp_fd_close(&input.fd);
    free(place.path);
    return r;
}

/* ---- registries ------------------------------------------------------------------------------ */

/* Without TLS only where the user named the host. */
static int is_named_for_http(const struct jp_fetching *fetching, const char *registry,
                             struct jp_error *err)
{
    JP_AUTO(jp_url) url = JP_URL_INIT;
    JP_AUTO_FREE char *text = jp_format("http://%s/", registry);
    if (!text)
        return jp_oom(err);
    if (jp_url_parse(text, &url, err) < 0)
        return -1;
    for (size_t i = 0; i < fetching->http_hosts.count; i++) {
        if (jp_url_is_at(&url, fetching->http_hosts.items[i]))
            return 1;
    }
    return 0;
}

struct jp_cli_remote {
    struct jp_progress progress;
    struct jp_image_watch watch; /* of it */
    struct identity identity;
    struct jp_oci_registry *registry;
    struct jp_oci_source *source;
    struct jp_oci_descriptor top;
    int tmp_fd;
};

static void remote_clear(struct jp_cli_remote *remote)
{
    jp_progress_end(&remote->progress);
    jp_oci_source_free(remote->source);
    jp_oci_registry_free(remote->registry);
    jp_oci_descriptor_clear(&remote->top);
    identity_clear(&remote->identity);
    jp_fd_close(&remote->tmp_fd);
}

static int open_registry(struct jp_cli *cli, bool pushes, struct jp_cli_remote *remote,
                         struct jp_error *err)
{
    struct jp_fetching *fetching = jp_cli_fetching(cli, err);
    struct jp_store *store = fetching ? jp_cli_store(cli, err) : NULL;
    int is_http =
        store ? is_named_for_http(fetching, remote->identity.reference.registry, err) : -1;
    if (is_http < 0)
        return -1;
    remote->tmp_fd = jp_fd_open_dir(jp_store_root_fd(store), "tmp", err);
    remote->watch = jp_progress_watch(&remote->progress, cli->signals.interrupted);
    struct jp_oci_registry_options options = {
        .transfer = fetching->transfer,
        .reference = &remote->identity.reference,
        .is_http = is_http,
        .pushes = pushes,
        .tmp_fd = remote->tmp_fd,
        .max_bytes = fetching->settings.limits.bytes,
        .progress = remote->watch.progress,
        .context = remote->watch.context,
    };
    return remote->tmp_fd < 0 ? -1 : jp_oci_registry_open(&options, &remote->registry, err);
}

static int name_remote(const struct jp_cli *cli, const char *reference, struct identity *ret,
                       struct jp_error *err)
{
    const char *given = jp_cli_value(&cli->args, "name");
    if (name_of_reference(reference, ret, err) < 0)
        return -1;
    if (!given)
        return 0;
    free(jp_take(&ret->name));
    free(jp_take(&ret->version));
    return name_given(given, ret, err);
}

static int import_resolved(struct jp_cli *cli, const char *location, struct jp_cli_remote *remote,
                           struct jp_image_imported *ret, struct jp_error *err)
{
    JP_AUTO_FREE char *words = NULL;
    struct jp_oci_wish wish;
    struct jp_oci_image image;
    if (wish_for(cli, NULL, &wish, &words, err) < 0 ||
        jp_oci_registry_source(remote->registry, &remote->source, err) < 0 ||
        jp_oci_find_from(remote->source, &remote->top, &wish, &image, err) < 0)
        return -1;
    int r = import(cli, location, &remote->identity, remote->source, &image, &remote->progress, ret,
                   err);
    jp_oci_image_clear(&image);
    return r;
}

static int import_remote(struct jp_cli *cli, const char *location, struct jp_image_imported *ret,
                         struct jp_error *err)
{
    struct jp_cli_remote remote = {.tmp_fd = -1};
    remote.progress = jp_progress_new(location, jp_cli_has(&cli->args, "quiet"));
    int r = name_remote(cli, without_scheme(location), &remote.identity, err);
    if (r == 0)
        r = open_registry(cli, false, &remote, err);
    if (r == 0)
        r = jp_oci_registry_resolve(remote.registry, &remote.top, err);
    if (r == 0)
        r = import_resolved(cli, location, &remote, ret, err);
    remote_clear(&remote);
    return r < 0 ? jp_wrap(err, "%s", location) : 0;
}

int jp_cli_remote_open(struct jp_cli *cli, const char *location, struct jp_cli_remote **ret,
                       struct jp_error *err)
{
    if (strncmp(location, DOCKER, strlen(DOCKER)) != 0)
        return jp_fail(err, JP_EUSAGE, 0, "'%s' is not docker://[REGISTRY/]NAME[:TAG]", location);
    struct jp_cli_remote *remote = jp_calloc(1, sizeof(*remote));
    if (!remote)
        return jp_oom(err);
    remote->tmp_fd = -1;
    remote->progress = jp_progress_new(location, jp_cli_has(&cli->args, "quiet"));
    int r = name_of_reference(without_scheme(location), &remote->identity, err);
    if (r == 0 && remote->identity.reference.digest)
        r = jp_fail(err, JP_EUSAGE, 0, "an image is pushed under a tag, not a digest");
    if (r == 0)
        r = open_registry(cli, true, remote, err);
    if (r < 0) {
        jp_cli_remote_free(remote);
        return -1;
    }
    *ret = remote;
    return 0;
}

void jp_cli_remote_free(struct jp_cli_remote *remote)
{
    if (!remote)
        return;
    remote_clear(remote);
    free(remote);
}

struct jp_oci_registry *jp_cli_remote_registry(struct jp_cli_remote *remote)
{
    return remote->registry;
}

int jp_cli_oci_import(struct jp_cli *cli, const char *location, struct jp_image_imported *ret,
                      struct jp_error *err)
{
    return strncmp(location, DOCKER, strlen(DOCKER)) == 0 ? import_remote(cli, location, ret, err)
                                                          : import_local(cli, location, ret, err);
}
