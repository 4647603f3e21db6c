/* A session of exchanges by the configuration and the options of a command. */
#ifndef JP_CLI_FETCHING_H
#define JP_CLI_FETCHING_H

#include "cli/command.h"
#include "fetch/credential.h"
#include "fetch/transfer.h"

struct jp_fetching {
    struct jp_cli *cli;
    struct jp_transfer_settings settings;
    struct jp_transfer *transfer;
    struct jp_credentials credentials;
    struct jp_strv http_hosts;
    char *program;
};

/*
 * The session of this command, opened at the first call and valid as long as `cli`: the keys
 * fetch.*, allow.http, allow.private-addresses and the options -allow-http are read. No helper is
 * started before the first exchange. NULL: JP_EUNSUPPORTED in a build without -Dfetch.
 */
struct jp_fetching *jp_cli_fetching(struct jp_cli *cli, struct jp_error *err);
void jp_fetching_free(struct jp_fetching *fetching);

/* Adds the values of -allow-http. */
int jp_cli_http_hosts(const struct jp_cli_args *args, struct jp_strv *ret, struct jp_error *err);

/* The whole of something small that a user named, or (is_from_public) that a page did. */
int jp_fetching_text(struct jp_fetching *fetching, const char *url, bool is_from_page,
                     bool is_from_public, size_t max, struct jp_buf *ret, struct jp_error *err);

#endif
