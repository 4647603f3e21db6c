#include "fetch/page.h"

#include <libxml/HTMLparser.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "fetch/wire.h"

#define PREFIX "ac-"

struct page {
    struct jp_strv *metas;
    size_t bytes;
    bool is_in_head;
    bool is_over; /* the first head has ended */
    bool failed;
};

static const char *attribute(const xmlChar **attributes, const char *name)
{
    for (; attributes && attributes[0]; attributes += 2) {
        if (strcasecmp((const char *)attributes[0], name) == 0)
            return (const char *)attributes[1];
    }
    return NULL;
}

static void add_meta(struct page *page, const xmlChar **attributes)
{
    const char *name = attribute(attributes, "name");
    const char *content = attribute(attributes, "content");
    if (!name || !content || strncmp(name, PREFIX, strlen(PREFIX)) != 0)
        return;
    page->bytes += strlen(name) + strlen(content);
    page->failed |= page->bytes > JP_WIRE_META_BYTES ||
                    page->metas->count >= 2 * (size_t)JP_WIRE_MAX_METAS ||
                    jp_strv_add(page->metas, name) < 0 || jp_strv_add(page->metas, content) < 0;
}

static void on_start(void *context, const xmlChar *element, const xmlChar **attributes)
{
    struct page *page = context;
    const char *name = (const char *)element;
    if (page->is_over || page->failed)
        return;
    if (strcmp(name, "head") == 0)
        page->is_in_head = true;
    else if (strcmp(name, "body") == 0)
        page->is_over = true;
    else if (page->is_in_head && strcmp(name, "meta") == 0)
        add_meta(page, attributes);
}

static void on_end(void *context, const xmlChar *element)
{
    struct page *page = context;
    if (strcmp((const char *)element, "head") == 0 && page->is_in_head)
        page->is_over = true;
}

int jp_page_metas(const char *bytes, size_t len, struct jp_strv *ret, struct jp_error *err)
{
    struct page page = {.metas = ret};
    xmlSAXHandler handler;
    if (len > INT_MAX / 2)
        return jp_fail(err, JP_ELIMIT, 0, "the page is too large");
    memset(&handler, 0, sizeof(handler));
    handler.startElement = on_start;
    handler.endElement = on_end;
    htmlParserCtxtPtr parser =
        htmlCreatePushParserCtxt(&handler, &page, NULL, 0, NULL, XML_CHAR_ENCODING_UTF8);
    if (!parser)
        return jp_oom(err);
    (void)htmlCtxtUseOptions(parser, HTML_PARSE_NONET | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                                         HTML_PARSE_RECOVER);
    (void)htmlParseChunk(parser, bytes, (int)len, 1);
    htmlFreeParserCtxt(parser);
    return page.failed ? jp_fail(err, JP_ELIMIT, 0, "the page has too many meta tags") : 0;
}
