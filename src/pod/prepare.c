/*
 * Preparing: a draft becomes a pod of the store. Finding pods by what users call them.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "pod/internal.h"
#include "sys/fd.h"

#define MAX_NAMES_TRIED 32 /* made-up names until one is free */

/* ---- making ---- */

static char *print_with_address(void *context, const char *address, struct jp_error *err)
{
    struct jp_pod_manifest *m = context;
    char *text = NULL;
    if (address && jp_pairs_set(&m->annotations, JP_NOTE_ADDRESS, address, err) < 0)
        return NULL;
    return jp_pod_manifest_print(m, true, &text, err) < 0 ? NULL : text;
}

static int fill_pod(const struct jp_pod_draft *draft, struct jp_store_pod *pod,
                    struct jp_error *err)
{
    char uuid[JP_UUID_SIZE];
    if (jp_uuid_new(uuid, err) < 0)
        return -1;
    pod->uuid = jp_strdup(uuid);
    pod->apps = jp_calloc(draft->manifest.apps.count, sizeof(*pod->apps));
    if (!pod->uuid || !pod->apps)
        return jp_oom(err);
    for (size_t i = 0; i < draft->manifest.apps.count; i++) {
        const struct jp_runtime_app *app = &draft->manifest.apps.items[i];
        struct jp_store_pod_app *to = &pod->apps[pod->n_apps++];
        to->name = jp_strdup(app->name);
        to->image_id = jp_strdup(app->image.id);
        if (!to->name || !to->image_id)
            return jp_oom(err);
    }
    return 0;
}

/* With a name that the user gave, once; with made-up ones until one is free. */
static int create(const struct jp_pod_context *ctx, struct jp_pod_draft *draft,
                  struct jp_store_pod_request *request, struct jp_error *err)
{
    for (unsigned i = 0;; i++) {
        char *name = draft->name ? jp_strdup(draft->name) : jp_pod_name_make_up(err);
        if (name && !draft->name && i > 8) { /* most pairs are used: add a number */
            char *longer = jp_format("%s-%u", name, i);
            free(name);
            name = longer;
        }
        if (!name)
            return draft->name ? jp_oom(err) : -1;
        free(request->pod->name);
        request->pod->name = name;
        JP_AUTO(jp_error) local = JP_ERROR_INIT;
        if (jp_store_pod_create(ctx->store, request, &local) == 0)
            return 0;
        if (draft->name || local.code != JP_EEXISTS || i >= MAX_NAMES_TRIED) {
            jp_error_move(err, &local);
            return -1;
        }
    }
}

/* Its lock, too: destroying it on a full disk must not need room for one. */
static int furnish(const struct jp_pod_context *ctx, const struct jp_pod_draft *draft,
                   const struct jp_store_pod *pod, struct jp_error *err)
{
    JP_AUTO_FD int fd = -1;
    if (jp_store_pod_open(ctx->store, pod->uuid, &fd, err) < 0)
        return -1;
    JP_AUTO_FD int lock = jp_pod_lock(pod, fd, err);
    return lock < 0 ? -1 : jp_pod_volumes_make(ctx->store, fd, &draft->manifest, err);
}

static int pin_stack(const struct jp_store_stack *stack, const char *top, struct jp_strv *pins,
                     struct jp_error *err)
{
    for (size_t i = 0; i < stack->count; i++) {
        const char *id = stack->items[i].image_id;
        if (strcmp(id, top) != 0 && !jp_strv_contains(pins, id) && jp_strv_add(pins, id) < 0)
            return jp_oom(err);
    }
    return 0;
}

/*
 * What dependencies by name mean is settled here, for all starts of the pod. A pod whose
 * dependencies are not all here could never start: it is not made.
 */
static int pin_dependencies(const struct jp_pod_context *ctx, const struct jp_pod_draft *draft,
                            struct jp_strv *pins, struct jp_error *err)
{
    for (size_t i = 0; i < draft->n_images; i++) {
        const struct jp_runtime_app *app = &draft->manifest.apps.items[i];
        JP_AUTO(jp_store_stack) stack = JP_STORE_STACK_INIT;
        if (draft->images[i].dependencies.count == 0)
            continue;
        if (jp_pod_image_stack(ctx, app->image.id, NULL, &stack, err) < 0 ||
            pin_stack(&stack, app->image.id, pins, err) < 0)
            return jp_wrap(err, "app '%s'", app->name);
    }
    jp_strv_sort(pins);
    return 0;
}

/* The IPv4 address that the user asked for, if one. */
static int wanted_address(const struct jp_pod_manifest *m, const struct jp_network *network,
                          char **ret, struct jp_error *err)
{
    const char *text = jp_pod_manifest_annotation(m, JP_NOTE_IP);
    return text && network ? jp_network_address(network, text, ret, err) : 0;
}

/* ret_owner: NULL, or where the descriptor of an owned pod goes. */
static int prepare(const struct jp_pod_context *ctx, const struct jp_pod_request *request,
                   bool is_volatile, struct jp_store_pod *ret, int *ret_owner, struct jp_error *err)
{
    JP_AUTO(jp_pod_draft) draft = JP_POD_DRAFT_INIT;
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    JP_AUTO_FREE char *address = NULL;
    const struct jp_network *network = NULL;
    if (jp_pod_draft_make(ctx, request, &draft, err) < 0 ||
        pin_dependencies(ctx, &draft, &pod.pins, err) < 0 ||
        jp_pod_network(ctx, &draft.manifest, &network, err) < 0 ||
        wanted_address(&draft.manifest, network, &address, err) < 0 ||
        fill_pod(&draft, &pod, err) < 0 || jp_pod_check_interrupt(ctx, err) < 0)
        return -1;
    struct jp_store_pod_request create_request = {
        .pod = &pod,
        .wants_address = network != NULL,
        .subnet = network ? network->subnet : NULL,
        .host = network ? network->host : 0,
        .address = address,
        .manifest = print_with_address,
        .context = &draft.manifest,
        .is_volatile = is_volatile,
        .is_owned = ret_owner != NULL,
        .owner_fd = -1,
    };
    if (create(ctx, &draft, &create_request, err) < 0)
        return -1;
    if (furnish(ctx, &draft, &pod, err) < 0 || jp_pod_check_interrupt(ctx, err) < 0) {
        (void)jp_store_pod_destroy(ctx->store, pod.uuid, NULL);
        jp_fd_close(&create_request.owner_fd);
        return -1;
    }
    if (ret_owner)
        *ret_owner = create_request.owner_fd;
    *ret = pod;
    pod = (struct jp_store_pod){.uuid = NULL};
    return 0;
}

int jp_pod_prepare(const struct jp_pod_context *ctx, const struct jp_pod_request *request,
                   struct jp_store_pod *ret, struct jp_error *err)
{
    return prepare(ctx, request, false, ret, NULL, err);
}

int jp_pod_prepare_volatile(const struct jp_pod_context *ctx, const struct jp_pod_request *request,
                            struct jp_store_pod *ret, struct jp_error *err)
{
    return prepare(ctx, request, true, ret, NULL, err);
}

int jp_pod_prepare_owned(const struct jp_pod_context *ctx, const struct jp_pod_request *request,
                         struct jp_store_pod *ret, int *ret_owner, struct jp_error *err)
{
    return prepare(ctx, request, true, ret, ret_owner, err);
}

int jp_pod_disown(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, int *owner,
                  struct jp_error *err)
{
    JP_AUTO_FD int pod_fd = -1;
    if (jp_store_pod_open(ctx->store, pod->uuid, &pod_fd, err) < 0 ||
        jp_store_pod_disown(pod_fd, err) < 0)
        return -1;
    jp_fd_close(owner);
    return 0;
}

/* ---- finding ---- */

int jp_pod_find(const struct jp_pod_context *ctx, const char *word, struct jp_store_pod *ret,
                struct jp_error *err)
{
    return jp_store_pod_find(ctx->store, word, ret, err);
}

static int choose_app(const struct jp_store_pod *pod, const char *app, char **ret,
                      struct jp_error *err)
{
    struct jp_buf list = JP_BUF_INIT;
    for (size_t i = 0; i < pod->n_apps; i++) {
        if (app ? strcmp(pod->apps[i].name, app) == 0 : pod->n_apps == 1) {
            *ret = jp_strdup(pod->apps[i].name);
            jp_buf_clear(&list);
            return *ret ? 0 : jp_oom(err);
        }
        jp_buf_printf(&list, "%s%s", i ? ", " : "", pod->apps[i].name);
    }
    if (app)
        jp_fail(err, JP_ENOTFOUND, 0, "pod '%s' has no app '%s'; it has: %s", pod->name, app,
                jp_buf_text(&list));
    else
        jp_fail(err, JP_EAMBIGUOUS, 0, "pod '%s' has several apps: say %s:APP, one of %s",
                pod->name, pod->name, jp_buf_text(&list));
    jp_buf_clear(&list);
    return -1;
}

int jp_pod_find_app(const struct jp_pod_context *ctx, const char *word, struct jp_store_pod *ret,
                    char **ret_app, struct jp_error *err)
{
    const char *colon = strchr(word, ':');
    const char *app = colon && colon[1] != '\0' ? colon + 1 : NULL;
    JP_AUTO_FREE char *name = jp_memdup0(word, colon ? (size_t)(colon - word) : strlen(word));
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    if (!name)
        return jp_oom(err);
    if (jp_pod_find(ctx, name, &pod, err) < 0 || choose_app(&pod, app, ret_app, err) < 0)
        return -1;
    *ret = pod;
    pod = (struct jp_store_pod){.uuid = NULL};
    return 0;
}

/* Is there an image that a user would mean by this word? */
static bool is_image_name(const struct jp_pod_context *ctx, const char *word)
{
    struct jp_store_image_query query = {.name = word};
    JP_AUTO(jp_store_images) images = {NULL, 0};
    return jp_store_image_list(ctx->store, &query, &images, NULL) == 0 && images.count > 0;
}

int jp_pod_find_for_run(const struct jp_pod_context *ctx, const char *word,
                        struct jp_store_pod *ret, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    JP_AUTO(jp_error) local = JP_ERROR_INIT;
    if (jp_pod_find(ctx, word, &pod, &local) < 0) {
        if (local.code == JP_ENOTFOUND || local.code == JP_EAMBIGUOUS || local.code == JP_EINVALID)
            return 0;
        jp_error_move(err, &local);
        return -1;
    }
    if (strcmp(pod.uuid, word) != 0 && strcmp(pod.name, word) != 0)
        return 0; /* a prefix of a UUID: only the other commands take those */
    if (strcmp(pod.uuid, word) != 0 && is_image_name(ctx, word))
        return jp_fail(err, JP_EAMBIGUOUS, 0,
                       "'%s' is a pod (%s) and an image: run the pod by its UUID, the image by its "
                       "id or with a label",
                       word, pod.uuid);
    *ret = pod;
    pod = (struct jp_store_pod){.uuid = NULL};
    return 1;
}

int jp_pod_rename(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                  const char *name, struct jp_error *err)
{
    if (jp_pod_name_check(name, err) < 0)
        return -1;
    if (jp_store_pod_rename(ctx->store, pod->uuid, name, err) < 0)
        return -1;
    struct jp_store_pod renamed = *pod; /* borrows */
    renamed.name = (char *)(uintptr_t)name;
    return jp_pod_names_rename(ctx, &renamed, err);
}
