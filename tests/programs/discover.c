/*
 * Meta discovery as the commands do it (fetch/discovery.h), without fetching what was found:
 *
 *   discover JETPACK-FETCH CA-FILE IMAGE...
 *
 * Prints what `actool discover` prints: "ACI: URL, ASC: URL" for each place, "PublicKeys: URL,...".
 * Exits 1 when nothing says where some image is.
 */
#include <stdio.h>

#include "base/macros.h"
#include "fetch/discovery.h"
#include "sys/account.h"

static int discover(struct jp_transfer *transfer, const char *word)
{
    JP_AUTO(jp_image_name) name = JP_IMAGE_NAME_INIT;
    JP_AUTO(jp_discovery) images = JP_DISCOVERY_INIT;
    JP_AUTO(jp_discovery) keys = JP_DISCOVERY_INIT;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (jp_image_name_parse(word, &name, &err) < 0 ||
        jp_discover(transfer, &name, JP_DISCOVER_IMAGES, &images, &err) < 0) {
        (void)fprintf(stderr, "%s\n", jp_error_text(&err));
        return 1;
    }
    for (size_t i = 0; i < images.images.count; i++)
        (void)printf("ACI: %s, ASC: %s\n", images.images.items[i], images.signatures.items[i]);
    if (jp_discover(transfer, &name, JP_DISCOVER_KEYS, &keys, NULL) < 0)
        return 0;
    for (size_t i = 0; i < keys.keys.count; i++)
        (void)printf("%s%s", i ? "," : "PublicKeys: ", keys.keys.items[i]);
    (void)putchar('\n');
    return 0;
}

int main(int argc, char **argv)
{
    struct jp_transfer_settings settings = {.proxy = "none"};
    struct jp_transfer *transfer = NULL;
    int status = 0;
    if (argc < 4)
        return 2;
    settings.program = argv[1];
    settings.ca_file = argv[2];
    (void)jp_account_find("nobody", &settings.uid, &settings.gid, NULL);
    if (jp_transfer_new(&settings, &transfer, NULL) < 0)
        return 2;
    for (int i = 3; i < argc; i++)
        status |= discover(transfer, argv[i]);
    jp_transfer_free(transfer);
    return status;
}
