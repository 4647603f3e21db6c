/*
 * What a pod says about its jail (FreeBSD): parameters from the configuration, from the image and
 * from the pod's annotations, in this order, the last one of a name counts. On other systems the
 * plan carries them and nobody asks.
 */
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "pod/internal.h"

#define JAIL_RULESET   4 /* devfsrules_jail of devfs.rules(5) */
#define MAX_RULESET    65535
#define PARAMETER_NOTE "jetpack/jail.conf/"

static int add(struct jp_strv *to, const char *name, const char *value, struct jp_error *err)
{
    return jp_strv_add_owned(to, jp_format("%s=%s", name, value)) < 0 ? jp_oom(err) : 0;
}

/* Annotation names have no '_': '-' stands for it, as the prototype had it. */
static int add_note(struct jp_strv *to, const char *name, const char *value, struct jp_error *err)
{
    JP_AUTO_FREE char *copy = jp_strdup(name);
    if (!copy)
        return jp_oom(err);
    for (char *c = copy; *c != '\0'; c++) {
        if (*c == '-')
            *c = '_';
    }
    return add(to, copy, value, err);
}

/* The release that a program sees: an annotation, a label of the image, else the host's.
 */
static int add_release(const struct jp_image_manifest *image, struct jp_strv *to,
                       struct jp_error *err)
{
    const char *os = jp_image_manifest_label(image, "os");
    const char *release = jp_image_manifest_label(image, "osrelease");
    if (!os || strcmp(os, "freebsd") != 0 || !release)
        return 0;
    return add(to, "osrelease", release, err);
}

int jp_pod_plan_jail(const struct jp_pod_context *ctx, const struct jp_pod_manifest *m,
                     const struct jp_image_manifest *images, struct jp_plan *plan,
                     struct jp_error *err)
{
    struct jp_strv *to = &plan->jail_parameters;
    for (size_t i = 0; ctx->jail_parameters && i < ctx->jail_parameters->count; i++) {
        if (jp_strv_add(to, ctx->jail_parameters->items[i]) < 0)
            return jp_oom(err);
    }
    if (m->apps.count > 0 && images && add_release(&images[0], to, err) < 0)
        return -1;
    for (size_t i = 0; i < m->annotations.count; i++) {
        const struct jp_pair *note = &m->annotations.items[i];
        if (strncmp(note->name, PARAMETER_NOTE, strlen(PARAMETER_NOTE)) == 0 &&
            add_note(to, note->name + strlen(PARAMETER_NOTE), note->value, err) < 0)
            return -1;
    }
    plan->may_share_volumes = jp_pod_is_on(jp_pod_manifest_annotation(m, JP_NOTE_SHARE_VOLUMES));
    return 0;
}

int jp_pod_devfs_ruleset(const struct jp_pod_manifest *m, uint32_t *ret, struct jp_error *err)
{
    const char *text = jp_pod_manifest_annotation(m, JP_NOTE_DEVFS_RULESET);
    uint64_t number = JAIL_RULESET;
    if (text && !jp_parse_u64(text, 10, 1, MAX_RULESET, &number))
        return jp_fail(err, JP_EINVALID, 0, "annotation %s: '%s' is no devfs ruleset",
                       JP_NOTE_DEVFS_RULESET, text);
    *ret = (uint32_t)number;
    return 0;
}
