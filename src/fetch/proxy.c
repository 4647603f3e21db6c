#include "fetch/proxy.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

static const char *from_environment(const char *const names[])
{
    for (; *names; names++) {
        const char *value = getenv(*names);
        if (value && *value)
            return value;
    }
    return NULL;
}

/* Is the URL's host, or a domain above it, what the word says? */
static bool is_excepted_by(const struct jp_url *url, const char *word)
{
    if (strcmp(word, "*") == 0 || jp_url_is_at(url, word))
        return true;
    word += *word == '.';
    for (const char *dot = url->host; dot; dot = strchr(dot, '.')) {
        dot += dot != url->host;
        struct jp_url above = *url;
        JP_AUTO_FREE char *host = jp_strdup(dot);
        above.host = host;
        if (host && jp_url_is_at(&above, word))
            return true;
    }
    return false;
}

static bool is_excepted(const struct jp_url *url, const char *list)
{
    while (list && *list) {
        size_t len = strcspn(list, ", ");
        JP_AUTO_FREE char *word = jp_memdup0(list, len);
        if (len > 0 && word && is_excepted_by(url, word))
            return true;
        list += len + (list[len] != '\0');
    }
    return false;
}

const char *jp_proxy_for(const struct jp_url *url, const char *proxy, const char *no_proxy)
{
    static const char *const for_https[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                                            NULL};
    static const char *const for_http[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
    static const char *const exceptions[] = {"no_proxy", "NO_PROXY", NULL};
    if (proxy && strcmp(proxy, "none") == 0)
        return NULL;
    if (is_excepted(url, no_proxy ? no_proxy : from_environment(exceptions)))
        return NULL;
    return proxy ? proxy : from_environment(url->is_https ? for_https : for_http);
}
