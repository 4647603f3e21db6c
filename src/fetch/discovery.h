/*
 * From the name of an image to the places where it lies: meta discovery (appc discovery.md).
 *
 * The page https://NAME?ac-discovery=1 names templates in meta tags of its head. A tag counts when
 * its prefix covers the name by component (row 41). Of the templates those are taken that can be
 * filled in wholly and use most of the labels asked for ("best matching"), in the order of the
 * page. A page without one, or an answer 4xx, sends the search to the parent path. Any other
 * failure ends it: what an attacker on the way can break must not change where we look.
 */
#ifndef JP_FETCH_DISCOVERY_H
#define JP_FETCH_DISCOVERY_H

#include "appc/imagename.h"
#include "base/strv.h"
#include "fetch/transfer.h"

#define JP_DISCOVERY_VERSION "latest" /* of templates, where no version is asked for */

enum jp_discovery_what {
    JP_DISCOVER_IMAGES,
    JP_DISCOVER_KEYS,
};

struct jp_discovery {
    struct jp_strv images;     /* URLs, in the order in which they are to be tried */
    struct jp_strv signatures; /* one for each of `images` */
    struct jp_strv keys;       /* URLs of public keys */
    char *page;                /* which page said so */
    bool is_public;            /* it came from outside this host and private networks (row 48) */
};

#define JP_DISCOVERY_INIT                                                                          \
    {                                                                                              \
        .page = NULL                                                                               \
    }

void jp_discovery_clear(struct jp_discovery *discovery);

/*
 * What the meta tags of one page (name and content alternating) say of the image. The labels of
 * `image` are those that are asked for: os and arch included, version or not. Adds to *ret. A tag
 * that makes no sense is passed over. Without network.
 */
int jp_discovery_read(const struct jp_image_name *image, const struct jp_strv *metas,
                      struct jp_discovery *ret, struct jp_error *err);

/*
 * Looks for the image, or for the keys of its name, from its own page up to that of the host. A
 * host that is named for http (fetch/transfer.h) is asked over http. JP_ENOTFOUND when no page says
 * anything; else as jp_transfer_metas().
 */
int jp_discover(struct jp_transfer *transfer, const struct jp_image_name *image,
                enum jp_discovery_what what, struct jp_discovery *ret, struct jp_error *err);

#endif
