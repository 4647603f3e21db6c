/*
 * The grammar of image names. '@' and ',' end a value, so neither can be part of one; ':' only
 * counts before the first of them, so versions may contain more colons.
 */
#include "appc/imagename.h"

#include <string.h>

#include "appc/name.h"
#include "base/buf.h"
#include "base/mem.h"

#define PARTS_MAX 64 /* labels, or tags, in one name */

static int set_label(struct jp_image_name *out, const char *name, const char *value,
                     struct jp_error *err)
{
    if (jp_ac_identifier_check(name, err) < 0)
        return jp_wrap(err, "label");
    if (strcmp(name, "name") == 0)
        return jp_fail(err, JP_EINVALID, 0, "a label cannot be called \"name\"");
    if (jp_pairs_get(&out->labels, name))
        return jp_fail(err, JP_EINVALID, 0, "label %s is given twice", name);
    return jp_pairs_set(&out->labels, name, value, err);
}

/* "label=value"; `part` is changed. */
static int take_label(struct jp_image_name *out, char *part, struct jp_error *err)
{
    char *equals = strchr(part, '=');
    if (!equals)
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not label=value", jp_show(part).text);
    *equals = '\0';
    return set_label(out, part, equals + 1, err);
}

static int take_tag(struct jp_image_name *out, char *part, struct jp_error *err)
{
    if (jp_ac_identifier_check(part, err) < 0)
        return jp_wrap(err, "tag");
    if (jp_strv_contains(&out->tags, part))
        return jp_fail(err, JP_EINVALID, 0, "tag %s is given twice", part);
    return jp_strv_add(&out->tags, part) < 0 ? jp_oom(err) : 0;
}

/* Calls `take` for each comma-separated part of `text`, which is changed; "" has one part. */
static int each_part(char *text, struct jp_image_name *out,
                     int (*take)(struct jp_image_name *, char *, struct jp_error *),
                     struct jp_error *err)
{
    char *next = text;
    for (int i = 0; next; i++) {
        if (i == PARTS_MAX)
            return jp_fail(err, JP_ELIMIT, 0, "more than %d parts", PARTS_MAX);
        char *part = next;
        next = strchr(part, ',');
        if (next)
            *next++ = '\0';
        if (take(out, part, err) < 0)
            return -1;
    }
    return 0;
}

/* name[:version] */
static int take_name(struct jp_image_name *out, char *part, struct jp_error *err)
{
    char *version = strchr(part, ':');
    if (version)
        *version++ = '\0';
    if (jp_ac_identifier_check(part, err) < 0)
        return -1;
    out->name = jp_strdup(part);
    if (!out->name)
        return jp_oom(err);
    if (version && !*version)
        return jp_fail(err, JP_EINVALID, 0, "the version after ':' is empty");
    return version ? set_label(out, "version", version, err) : 0;
}

static int check_system(const struct jp_image_name *name, struct jp_error *err)
{
    const char *os = jp_pairs_get(&name->labels, "os");
    const char *arch = jp_pairs_get(&name->labels, "arch");
    if (os && !jp_os_arch_valid(os, NULL))
        return jp_fail(err, JP_EINVALID, 0, "os '%s' is unknown", jp_show(os).text);
    if (os && arch && !jp_os_arch_valid(os, arch))
        return jp_fail(err, JP_EINVALID, 0, "arch '%s' is unknown for %s", jp_show(arch).text, os);
    return 0;
}

static int parse(char *text, struct jp_image_name *out, struct jp_error *err)
{
    char *tags = strchr(text, '@');
    if (tags)
        *tags++ = '\0';
    char *labels = strchr(text, ',');
    if (labels)
        *labels++ = '\0';
    if (take_name(out, text, err) < 0)
        return -1;
    if (labels && each_part(labels, out, take_label, err) < 0)
        return -1;
    if (tags && each_part(tags, out, take_tag, err) < 0)
        return -1;
    return check_system(out, err);
}

int jp_image_name_parse(const char *text, struct jp_image_name *ret, struct jp_error *err)
{
    JP_AUTO_FREE char *copy = jp_strdup(text);
    if (!copy)
        return jp_oom(err);
    JP_AUTO(jp_image_name) name = JP_IMAGE_NAME_INIT;
    if (parse(copy, &name, err) < 0)
        return jp_wrap(err, "image name '%s'", jp_show(text).text);
    *ret = name;
    name = (struct jp_image_name)JP_IMAGE_NAME_INIT;
    return 0;
}

char *jp_image_name_print(const struct jp_image_name *name)
{
    struct jp_buf out = JP_BUF_INIT;
    jp_buf_puts(&out, name->name);
    const char *version = jp_pairs_get(&name->labels, "version");
    bool has_version = version && *version;
    if (has_version)
        jp_buf_printf(&out, ":%s", version);
    for (size_t i = 0; i < name->labels.count; i++) {
        const struct jp_pair *label = &name->labels.items[i];
        if (!has_version || strcmp(label->name, "version") != 0)
            jp_buf_printf(&out, ",%s=%s", label->name, label->value);
    }
    for (size_t i = 0; i < name->tags.count; i++)
        jp_buf_printf(&out, "%c%s", i == 0 ? '@' : ',', name->tags.items[i]);
    char *text = jp_buf_steal(&out);
    jp_buf_clear(&out);
    return text;
}

void jp_image_name_clear(struct jp_image_name *name)
{
    free(name->name);
    name->name = NULL;
    jp_pairs_clear(&name->labels);
    jp_strv_clear(&name->tags);
}
