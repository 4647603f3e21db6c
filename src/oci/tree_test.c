/* What layers add up to, and when a whitelist is needed. */
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "oci/tree.h"
#include "tap.h"

/* Paths separated by blanks. */
static void words(const char *text, struct jp_strv *ret)
{
    while (*text) {
        size_t len = strcspn(text, " ");
        if (jp_strv_add_owned(ret, jp_memdup0(text, len)) < 0)
            return;
        text += len + (text[len] == ' ');
    }
}

struct layer {
    const char *added;
    const char *removed;
};

static const struct {
    struct layer layers[3];
    const char *left; /* as a whitelist */
    bool has_removed; /* by the last layer */
    const char *name;
} cases[] = {
    {{{"a b/ b/c", ""}}, "/a /b /b/c", false, "one layer"},
    {{{"b/c/d", ""}}, "/b /b/c /b/c/d", false, "directories that are not named are there"},
    {{{"a", ""}, {"b", "a"}}, "/b", true, "a file is taken away"},
    {{{"a", ""}, {"b", "c"}}, "/a /b", false, "a whiteout of nothing"},
    {{{"d/ d/x d/y/ d/y/z e", ""}, {"", "d"}}, "/e", true, "a directory with what is in it"},
    {{{"d/ d/x d-1 d.2 e", ""}, {"", "d"}},
     "/d-1 /d.2 /e",
     true,
     "... and nothing that only sounds so"},
    {{{"d/ d/x d/y/ d/y/z", ""}, {"d/ d/new", "d/"}}, "/d /d/new", true, "an opaque directory"},
    {{{"d/", ""}, {"d/ d/new", "d/"}}, "/d /d/new", false, "... that was empty below"},
    {{{"a", ""}, {"d/ d/new", "d/"}}, "/a /d /d/new", false, "... that is new"},
    {{{"d/ d/x", ""}, {"d/ d/y", "d"}}, "/d /d/y", true, "taken away and made anew"},
    {{{"d/ d/x", ""}, {"", "d/x d"}}, "", true, "a whiteout inside a whiteout"},
    {{{"d/ d/x", ""}, {"", "d d/"}}, "", true, "a directory gone and opaque"},
    {{{"d/ d/x", ""}, {"d", ""}}, "/d", false, "a file in the place of a directory hides it"},
    {{{"d", ""}, {"d/ d/x", ""}}, "/d /d/x", false, "a directory in the place of a file"},
    {{{"d/ d/x/ d/x/y", ""}, {"d/ d/x", "d/"}}, "/d /d/x", true, "both at once"},
    {{{"a/x/y", ""}, {"", "a/x"}}, "/a", true, "a directory that nothing named is taken away"},
    {{{"a b", ""}, {"", "a"}, {"a", ""}}, "/a /b", false, "it comes again"},
    {{{"a b", ""}, {"", "a b"}}, "", true, "nothing is left"},
    {{{"a/ a", ""}}, "/a", false, "twice in one layer"},
    {{{"a/b a.b a-b a b", ""}}, "/a /a/b /a-b /a.b /b", false, "in the order of filters"},
};

static void test_case(size_t i)
{
    JP_AUTO(jp_oci_tree) tree = JP_OCI_TREE_INIT;
    JP_AUTO(jp_strv) list = JP_STRV_INIT;
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    bool has_removed = false;
    for (size_t k = 0; k < JP_LEN(cases[i].layers) && cases[i].layers[k].added; k++) {
        JP_AUTO(jp_strv) added = JP_STRV_INIT;
        JP_AUTO(jp_strv) removed = JP_STRV_INIT;
        words(cases[i].layers[k].added, &added);
        words(cases[i].layers[k].removed, &removed);
        TAP_OK(jp_oci_tree_apply(&tree, &added, &removed, &has_removed, &err) == 0,
               "%s: layer %zu: %s", cases[i].name, k, jp_error_text(&err));
    }
    (void)jp_oci_tree_whitelist(&tree, &list, &err);
    for (size_t k = 0; k < list.count; k++)
        jp_buf_printf(&text, "%s%s", k ? " " : "", list.items[k]);
    TAP_STR(jp_buf_text(&text), *cases[i].left ? cases[i].left : "/", "%s", cases[i].name);
    TAP_OK(has_removed == cases[i].has_removed, "%s: %s", cases[i].name,
           cases[i].has_removed ? "needs a whitelist" : "needs none");
}

int main(void)
{
    for (size_t i = 0; i < JP_LEN(cases); i++)
        test_case(i);
    return tap_done();
}
