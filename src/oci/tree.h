/*
 * The paths of a root file system that is made of layers: what a layer takes away is known only
 * when it is known what was there (`pathWhitelist` is a complete set, not a list of what is gone).
 * doc/decisions/0013-whiteouts.md.
 */
#ifndef JP_OCI_TREE_H
#define JP_OCI_TREE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strv.h"

struct jp_oci_tree {
    struct jp_strv paths; /* in the order of jp_filter_compare(); directories may end in "/" */
};

#define JP_OCI_TREE_INIT                                                                           \
    {                                                                                              \
        .paths = JP_STRV_INIT                                                                      \
    }

/*
 * Puts a layer on top. `added`: its entries, directories with a "/" behind; those above them are
 * added, too. `removed`: what its whiteouts name, below all that it adds: "a/b" with everything in
 * it, "a/b/" everything in it but not itself. Both get sorted. *ret_removed: something that was
 * there is gone, so the layers alone would show too much. JP_ELIMIT (JP_FILTER_MAX).
 */
int jp_oci_tree_apply(struct jp_oci_tree *tree, struct jp_strv *added, struct jp_strv *removed,
                      bool *ret_removed, struct jp_error *err);

/* The set as absolute paths, never empty: an empty tree is "/". Appended to *ret. */
int jp_oci_tree_whitelist(const struct jp_oci_tree *tree, struct jp_strv *ret,
                          struct jp_error *err);

void jp_oci_tree_clear(struct jp_oci_tree *tree);

#endif
