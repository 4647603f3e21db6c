/* trust, untrust: keys of those whose images are taken. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appc/name.h"
#include "base/escape.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/key_discovery.h"
#include "cli/location.h"
#include "cli/output.h"
#include "cli/trust.h"

/* ---- listing --------------------------------------------------------------------------------- */

struct listing {
    struct jp_trust_keys keys;
    struct jp_trust_certs certs; /* of those that could be read, once each */
};

static void listing_clear(struct listing *listing)
{
    jp_trust_keys_clear(&listing->keys);
    jp_trust_certs_clear(&listing->certs);
}

static const struct jp_trust_cert *cert_of(const struct listing *listing, const char *fingerprint)
{
    for (size_t i = 0; i < listing->certs.count; i++)
        if (strcmp(listing->certs.items[i].fingerprint, fingerprint) == 0)
            return &listing->certs.items[i];
    return NULL;
}

static int print_ids(const struct listing *listing)
{
    for (size_t i = 0; i < listing->keys.count; i++)
        (void)printf("%s\n", listing->keys.items[i].fingerprint);
    return 0;
}

static int print_table(const struct listing *listing, bool is_bare, struct jp_error *err)
{
    struct jp_table table = jp_table_new("PREFIX|FINGERPRINT|IDENTITY", is_bare);
    for (size_t i = 0; i < listing->keys.count; i++) {
        const struct jp_trust_key *key = &listing->keys.items[i];
        const struct jp_trust_cert *cert = cert_of(listing, key->fingerprint);
        const char *identity =
            cert && cert->identities.count > 0 ? cert->identities.items[0] : NULL;
        JP_AUTO_FREE char *escaped = identity ? jp_escape(identity) : NULL;
        jp_table_add(&table, key->prefix);
        jp_table_add(&table, key->fingerprint);
        jp_table_add(&table, escaped);
    }
    return jp_table_print(&table, err);
}

/* JSON has an escape of its own, but no bytes that are not UTF-8. */
static json_t *text_json(const char *text)
{
    json_t *value = text ? json_string(text) : json_null();
    JP_AUTO_FREE char *escaped = value ? NULL : jp_escape(text);
    return value ? value : jp_json_text(escaped);
}

static json_t *identities_json(const struct jp_trust_cert *cert)
{
    json_t *list = json_array();
    for (size_t i = 0; list && cert && i < cert->identities.count; i++)
        (void)json_array_append_new(list, text_json(cert->identities.items[i]));
    return list;
}

static json_t *subkeys_json(const struct jp_trust_cert *cert)
{
    json_t *list = json_array();
    for (size_t i = 0; list && cert && i < cert->n_subkeys; i++)
        (void)json_array_append_new(list, json_pack("{s:s, s:b}", "fingerprint",
                                                    cert->subkeys[i].fingerprint, "signs",
                                                    (int)cert->subkeys[i].is_signing));
    return list;
}

static int print_json(const struct listing *listing, struct jp_error *err)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < listing->keys.count; i++) {
        const struct jp_trust_key *key = &listing->keys.items[i];
        const struct jp_trust_cert *cert = cert_of(listing, key->fingerprint);
        json_t *object =
            json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "prefix", key->prefix,
                      "fingerprint", key->fingerprint, "identities", identities_json(cert),
                      "algorithm", jp_json_text(cert ? cert->algorithm : NULL), "created",
                      jp_json_time(cert ? cert->created_s * 1000000000 : 0), "expires",
                      jp_json_time(cert ? cert->expires_s * 1000000000 : 0), "problem",
                      jp_json_text(cert ? cert->problem : "its file cannot be read"), "subkeys",
                      subkeys_json(cert));
        (void)json_array_append_new(list, object);
    }
    return jp_print_json(list, err);
}

static int list(struct jp_cli *cli, struct jp_error *err)
{
    struct jp_trust trust;
    struct listing listing = {.certs = {NULL, 0}};
    int r = -1;
    if (jp_cli_trust(cli, &trust, err) == 0 &&
        jp_trust_list(&trust, NULL, &listing.keys, err) == 0 &&
        jp_trust_describe(&trust, &listing.keys, &listing.certs, err) == 0) {
        if (jp_cli_wants_json(&cli->args))
            r = print_json(&listing, err);
        else if (jp_cli_has(&cli->args, "quiet"))
            r = print_ids(&listing);
        else if (listing.keys.count > 0 || jp_cli_has(&cli->args, "no-header"))
            r = print_table(&listing, jp_cli_has(&cli->args, "no-header"), err);
        else
            r = fprintf(stderr, "jetpack: no keys are trusted\n") < 0;
    }
    listing_clear(&listing);
    return r;
}

/* ---- trust ----------------------------------------------------------------------------------- */

/* A name: its pages say where its keys are, and they are for this name and below. */
static int offer_name(struct jp_cli *cli, const char *word, const char *fingerprint,
                      struct jp_error *err)
{
    struct jp_image_name name = {.name = (char *)(uintptr_t)word};
    const char *prefix = jp_cli_value(&cli->args, "prefix");
    bool is_every = jp_cli_has(&cli->args, "root");
    struct jp_fetching *fetching = jp_cli_fetching(cli, err);
    if (!fetching)
        return -1;
    if (!prefix)
        prefix = is_every ? JP_TRUST_EVERY : word;
    return jp_cli_offer_found_keys(fetching, &name, prefix, fingerprint, err);
}

/* Of a URL that the user wrote; https only (row 46). */
static int read_location(struct jp_cli *cli, const char *location, struct jp_buf *ret,
                         struct jp_error *err)
{
    JP_AUTO(jp_url) url = JP_URL_INIT;
    if (!jp_url_is_web(location))
        return jp_cli_location_read(location, JP_TRUST_KEY_MAX, ret, err);
    struct jp_fetching *fetching = jp_cli_fetching(cli, err);
    if (!fetching || jp_url_parse(location, &url, err) < 0)
        return -1;
    if (!url.is_https)
        return jp_fail(err, JP_EUNTRUSTED, 0, "'%.300s': keys are fetched over https only",
                       location);
    return jp_fetching_text(fetching, location, true, false, JP_TRUST_KEY_MAX, ret, err);
}

/* A word without a slash in front that is no file is a name. */
static bool is_name(const char *word)
{
    return !jp_cli_location_is_place(word) && access(word, F_OK) < 0 &&
           jp_ac_identifier_valid(word);
}

static int offer_location(struct jp_cli *cli, const char *location, struct jp_error *err)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    JP_AUTO_FREE char *fingerprint = NULL;
    const char *wanted = jp_cli_value(&cli->args, "fingerprint");
    bool is_every = jp_cli_has(&cli->args, "root");
    size_t stored = 0;
    if (wanted && jp_trust_fingerprint(wanted, &fingerprint, err) < 0)
        return -1;
    if (is_name(location))
        return offer_name(cli, location, fingerprint, err);
    if (!is_every && !jp_cli_value(&cli->args, "prefix"))
        return jp_fail(err, JP_EUSAGE, 0,
                       "for which images? -prefix NAME, or -root for all of them");
    if (read_location(cli, location, &bytes, err) < 0)
        return -1;
    const struct jp_cli_offer offer = {
        .prefix = is_every ? JP_TRUST_EVERY : jp_cli_value(&cli->args, "prefix"),
        .source = strcmp(location, "-") == 0 ? "standard input" : location,
        .bytes = jp_buf_text(&bytes),
        .len = bytes.len,
        .fingerprint = fingerprint,
    };
    if (jp_cli_offer_keys(cli, &offer, &stored, err) < 0)
        return jp_wrap(err, "%s", offer.source);
    return 0;
}

int jp_cmd_trust(struct jp_cli *cli, struct jp_error *err)
{
    const char *prefix = jp_cli_value(&cli->args, "prefix");
    bool is_every = jp_cli_has(&cli->args, "root");
    if (prefix && is_every)
        return jp_fail(err, JP_EUSAGE, 0, "-prefix and -root exclude each other");
    if (prefix && (jp_trust_prefix_check(prefix, err) < 0 || strcmp(prefix, JP_TRUST_EVERY) == 0))
        return jp_fail(err, JP_EUSAGE, 0, "-prefix=%s: no name of images begins so", prefix);
    bool has_key = jp_cli_has(&cli->args, "fingerprint");
    if (cli->args.n_words == 0 && !prefix && !is_every && !has_key)
        return list(cli, err);
    if (cli->args.n_words == 0)
        return jp_fail(err, JP_EUSAGE, 0, "where is the key? A name, a path, a URL or -");
    return jp_cli_each_word(cli, offer_location, err);
}

/* ---- untrust --------------------------------------------------------------------------------- */

static bool is_meant(const struct jp_cli *cli, const struct jp_trust_key *key,
                     const char *fingerprint)
{
    const char *prefix =
        jp_cli_has(&cli->args, "root") ? JP_TRUST_EVERY : jp_cli_value(&cli->args, "prefix");
    return strcmp(key->fingerprint, fingerprint) == 0 &&
           (!prefix || strcmp(key->prefix, prefix) == 0);
}

static int untrust(struct jp_cli *cli, const char *word, struct jp_error *err)
{
    struct jp_trust trust = {.root_fd = -1};
    JP_AUTO(jp_trust_keys) keys = {NULL, 0, 0};
    JP_AUTO_FREE char *fingerprint = NULL;
    struct jp_store *store = jp_cli_store(cli, err);
    size_t removed = 0;
    if (!store || jp_trust_fingerprint(word, &fingerprint, err) < 0)
        return -1;
    trust.root_fd = jp_store_root_fd(store);
    if (jp_trust_list(&trust, NULL, &keys, err) < 0)
        return -1;
    for (size_t i = 0; i < keys.count; i++) {
        if (!is_meant(cli, &keys.items[i], fingerprint))
            continue;
        if (jp_trust_remove(&trust, &keys.items[i], err) < 0)
            return -1;
        (void)printf("%s\t%s\n", fingerprint, keys.items[i].prefix);
        removed++;
    }
    return removed > 0 ? 0 : jp_fail(err, JP_ENOTFOUND, 0, "no key %s is trusted", fingerprint);
}

int jp_cmd_untrust(struct jp_cli *cli, struct jp_error *err)
{
    if (jp_cli_value(&cli->args, "prefix") && jp_cli_has(&cli->args, "root"))
        return jp_fail(err, JP_EUSAGE, 0, "-prefix and -root exclude each other");
    return jp_cli_each_word(cli, untrust, err);
}
