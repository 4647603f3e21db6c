#include "fetch/discovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "trust/trust.h"

#define MAX_PAGES     32 /* components of a name; names are short */
#define MAX_ENDPOINTS 16 /* of one page: each may be a request */

void jp_discovery_clear(struct jp_discovery *discovery)
{
    jp_strv_clear(&discovery->images);
    jp_strv_clear(&discovery->signatures);
    jp_strv_clear(&discovery->keys);
    free(discovery->page);
    *discovery = (struct jp_discovery)JP_DISCOVERY_INIT;
}

/* ---- templates ------------------------------------------------------------------------------- */

/* What is filled in for one variable; NULL: there is no such. `is_label`: one that was asked for.
 */
static const char *value_of(const struct jp_image_name *image, const char *variable,
                            const char *ext, bool *is_label)
{
    *is_label = false;
    if (strcmp(variable, "name") == 0)
        return image->name;
    if (strcmp(variable, "ext") == 0)
        return ext;
    const char *value = jp_pairs_get(&image->labels, variable);
    *is_label = value != NULL;
    return value || strcmp(variable, "version") != 0 ? value : JP_DISCOVERY_VERSION;
}

/*
 * RFC 6570, simple expansion: everything that is not unreserved is escaped. The slashes of a name
 * stay, as in the examples of discovery.md.
 */
static void add_escaped(struct jp_buf *out, const char *value, bool keeps_slashes)
{
    for (const char *c = value; *c; c++) {
        bool is_plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                        (*c >= '0' && *c <= '9') || strchr("-._~", *c) ||
                        (keeps_slashes && *c == '/');
        if (is_plain)
            jp_buf_putc(out, *c);
        else
            jp_buf_printf(out, "%%%02X", (unsigned char)*c);
    }
}

/* The URL in new memory, and how many labels it uses; NULL when it cannot be filled in wholly. */
static char *render(const char *template, const struct jp_image_name *image, const char *ext,
                    unsigned *ret_labels)
{
    JP_AUTO(jp_buf) out = JP_BUF_INIT;
    *ret_labels = 0;
    while (*template) {
        size_t plain = strcspn(template, "{}");
        jp_buf_add(&out, template, plain);
        template += plain;
        if (!*template)
            break;
        size_t len = *template == '{' ? strcspn(template, "}") : 0;
        if (len == 0 || !template[len])
            return NULL;
        JP_AUTO_FREE char *variable = jp_memdup0(template + 1, len - 1);
        bool is_label = false;
        const char *value = variable ? value_of(image, variable, ext, &is_label) : NULL;
        if (!value)
            return NULL;
        add_escaped(&out, value, strcmp(variable, "name") == 0);
        *ret_labels += is_label;
        template += len + 1;
    }
    return jp_buf_steal(&out);
}

/* ---- meta tags ------------------------------------------------------------------------------- */

/* "PREFIX URL": the URL when the prefix covers the name, else NULL. */
static char *url_of_meta(const char *content, const char *name)
{
    static const char blanks[] = " \t\r\n\f";
    content += strspn(content, blanks);
    size_t len = strcspn(content, blanks);
    JP_AUTO_FREE char *prefix = jp_memdup0(content, len);
    const char *url = content + len + strspn(content + len, blanks);
    /* No page speaks for every name, as a key can. */
    if (!prefix || strcmp(prefix, JP_TRUST_EVERY) == 0 || !jp_trust_covers(prefix, name))
        return NULL;
    char *copy = jp_strdup(url);
    for (size_t n = copy ? strlen(copy) : 0; n > 0 && strchr(blanks, copy[n - 1]); n--)
        copy[n - 1] = '\0';
    return copy;
}

struct candidate {
    char *image;
    char *signature;
    unsigned labels;
};

static int add_candidate(const struct jp_image_name *image, const char *content,
                         struct candidate *ret)
{
    unsigned labels;
    JP_AUTO_FREE char *template = url_of_meta(content, image->name);
    /* A template without {ext} says the same place for an image and its signature. */
    if (!template || !strstr(template, "{ext}") || jp_url_scheme_length(template) == 0)
        return 0;
    ret->image = render(template, image, "aci", &ret->labels);
    ret->signature = render(template, image, "aci.asc", &labels);
    return ret->image && ret->signature;
}

/* Places that we cannot reach (hdfs://) hide none that we can. */
static int add_best(const struct candidate *all, size_t count, struct jp_discovery *ret)
{
    unsigned best = 0;
    bool has_web = false;
    for (size_t i = 0; i < count; i++)
        has_web |= jp_url_is_web(all[i].image);
    for (size_t i = 0; i < count; i++)
        if (jp_url_is_web(all[i].image) == has_web && all[i].labels > best)
            best = all[i].labels;
    for (size_t i = 0; i < count; i++) {
        if (jp_url_is_web(all[i].image) == has_web && all[i].labels == best &&
            (jp_strv_add(&ret->images, all[i].image) < 0 ||
             jp_strv_add(&ret->signatures, all[i].signature) < 0))
            return -1;
    }
    return 0;
}

int jp_discovery_read(const struct jp_image_name *image, const struct jp_strv *metas,
                      struct jp_discovery *ret, struct jp_error *err)
{
    struct candidate all[MAX_ENDPOINTS];
    size_t count = 0;
    int r = 0;
    for (size_t i = 0; i + 1 < metas->count && r == 0; i += 2) {
        const char *name = metas->items[i];
        const char *content = metas->items[i + 1];
        if (strcmp(name, "ac-discovery") == 0 && count < MAX_ENDPOINTS) {
            all[count] = (struct candidate){.image = NULL};
            if (add_candidate(image, content, &all[count])) {
                count++;
                continue;
            }
            free(all[count].image);
            free(all[count].signature);
        } else if (strcmp(name, "ac-discovery-pubkeys") == 0 && ret->keys.count < MAX_ENDPOINTS) {
            char *url = url_of_meta(content, image->name);
            r = url ? jp_strv_add_owned(&ret->keys, url) : 0;
        }
    }
    if (r == 0)
        r = add_best(all, count, ret);
    for (size_t i = 0; i < count; i++) {
        free(all[i].image);
        free(all[i].signature);
    }
    return r < 0 ? jp_oom(err) : 0;
}

/* ---- pages ----------------------------------------------------------------------------------- */

/* 1 found, 0 this page says nothing, -1. */
static int ask_page(struct jp_transfer *transfer, const struct jp_image_name *image,
                    const char *path, enum jp_discovery_what what, struct jp_discovery *ret,
                    struct jp_error *err)
{
    JP_AUTO(jp_transfer_response) response = JP_TRANSFER_RESPONSE_INIT;
    JP_AUTO(jp_strv) metas = JP_STRV_INIT;
    struct jp_transfer_request request = JP_TRANSFER_REQUEST_INIT;
    const char *scheme = jp_transfer_is_named(transfer, path) ? "http" : "https";
    JP_AUTO_FREE char *url = jp_format("%s://%s?ac-discovery=1", scheme, path);
    if (!url)
        return jp_oom(err);
    request.url = url;
    if (jp_transfer_metas(transfer, &request, &metas, &response, err) < 0)
        return -1;
    if (response.status / 100 != 2 && response.status / 100 != 4)
        return jp_transfer_fail_status(&response, err);
    if (jp_discovery_read(image, &metas, ret, err) < 0)
        return -1;
    if ((what == JP_DISCOVER_KEYS ? ret->keys.count : ret->images.count) == 0)
        return 0;
    ret->page = jp_take(&url);
    ret->is_public = response.is_public;
    return 1;
}

static int search(struct jp_transfer *transfer, const struct jp_image_name *image,
                  enum jp_discovery_what what, struct jp_discovery *ret, struct jp_error *err)
{
    JP_AUTO_FREE char *path = jp_strdup(image->name);
    if (!path)
        return jp_oom(err);
    for (int i = 0; i < MAX_PAGES; i++) {
        jp_discovery_clear(ret);
        int r = ask_page(transfer, image, path, what, ret, err);
        if (r != 0)
            return r < 0 ? jp_wrap(err, "discover %s", image->name) : 0;
        char *slash = strrchr(path, '/');
        if (!slash)
            break;
        *slash = '\0';
    }
    return jp_fail(err, JP_ENOTFOUND, 0,
                   "discover %s: no page from https://%s up says where its %s", image->name,
                   image->name, what == JP_DISCOVER_KEYS ? "keys are" : "images are");
}

/* A name begins with that of a host; who leaves it out may mean a registry's image. */
int jp_discover(struct jp_transfer *transfer, const struct jp_image_name *image,
                enum jp_discovery_what what, struct jp_discovery *ret, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (search(transfer, image, what, ret, &why) == 0)
        return 0;
    bool has_domain = strcspn(image->name, ".") < strcspn(image->name, "/");
    const char *version = jp_pairs_get(&image->labels, "version");
    if (has_domain || what != JP_DISCOVER_IMAGES || why.code == JP_EINTERRUPTED) {
        jp_error_move(err, &why);
        return -1;
    }
    return jp_fail(err, why.code, 0, "%s (is it in a registry? docker://%s%s%s)",
                   jp_error_text(&why), image->name, version ? ":" : "", version ? version : "");
}
