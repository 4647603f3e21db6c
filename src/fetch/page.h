/* The meta tags of a page that a stranger wrote. Only for jetpack-fetch, behind its walls. */
#ifndef JP_FETCH_PAGE_H
#define JP_FETCH_PAGE_H

#include <stddef.h>

#include "base/error.h"
#include "base/strv.h"

/*
 * Name and content, alternating, of the meta elements in the first head whose name begins with
 * "ac-" (appc discovery.md "Meta Discovery"). Comments, scripts and the body say nothing. No entity
 * is fetched, no document type loaded, nothing asked of the network. JP_ELIMIT: too many. Any bytes
 * make some page.
 */
int jp_page_metas(const char *bytes, size_t len, struct jp_strv *ret, struct jp_error *err);

#endif
