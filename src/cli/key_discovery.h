/* Keys that an image's own pages offer (discovery.md, ac-discovery-pubkeys). */
#ifndef JP_CLI_KEY_DISCOVERY_H
#define JP_CLI_KEY_DISCOVERY_H

#include "appc/imagename.h"
#include "cli/fetching.h"

/*
 * Row 46: looks for the keys of a name, over https only, whoever is named for http, and offers
 * those of the first place that has any (cli/trust.h), for `prefix` alone. `fingerprint` as there.
 * -1 when none was stored.
 */
int jp_cli_offer_found_keys(struct jp_fetching *fetching, const struct jp_image_name *name,
                            const char *prefix, const char *fingerprint, struct jp_error *err);

#endif
