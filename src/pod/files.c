/*
 * A small file that a pod is given: /etc/resolv.conf.
 *
 * Name servers are those that the pod or the configuration asks for, else the resolver of the pod's
 * network (resolver.c), else the host's, without those that a pod cannot reach: a resolver on the
 * host's loopback is not on the pod's (systemd-resolved keeps the real ones beside). One that
 * listens everywhere is reached at the host's address in the pod's network.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/macros.h"
#include "base/mem.h"
#include "pod/internal.h"
#include "sys/fd.h"

#define MAX_RESOLV  65536 /* bytes of the host's file that are looked at */
#define MAX_LINES   1024
#define MAX_SERVERS 16 /* resolvers look at three */
#define HOST_FILE   "/etc/resolv.conf"

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 ||
           strcmp(address, "0.0.0.0") == 0;
}

static bool begins_with_word(const char *line, const char *word)
{
    size_t len = strlen(word);
    return strncmp(line, word, len) == 0 && (line[len] == ' ' || line[len] == '\t');
}

/* What is made of the host's file. */
struct copy {
    bool with_loopback;
    const char *server; /* instead of the host's; NULL */
    bool knows_pods;    /* that server: their domains are searched */
    struct jp_buf text;
    unsigned n_servers;
    unsigned n_passed_over; /* on the host's loopback */
};

static void take_server(struct copy *copy, const char *value)
{
    value += strspn(value, " \t");
    JP_AUTO_FREE char *address = jp_memdup0(value, strcspn(value, " \t\r#;"));
    if (!address || address[0] == '\0')
        return;
    if (!copy->with_loopback && is_loopback(address)) {
        copy->n_passed_over++;
        return;
    }
    jp_buf_printf(&copy->text, "nameserver %s\n", address);
    copy->n_servers++;
}

static void take_line(struct copy *copy, const char *line)
{
    if (begins_with_word(line, "nameserver")) {
        if (!copy->server)
            take_server(copy, line + strlen("nameserver"));
        return;
    }
    bool is_search = begins_with_word(line, "search") || begins_with_word(line, "domain");
    if (is_search && copy->knows_pods)
        jp_buf_printf(&copy->text, "search " JP_RESOLVER_SEARCH "%s\n",
                      line + strcspn(line, " \t"));
    else if (is_search || begins_with_word(line, "options") || begins_with_word(line, "sortlist"))
        jp_buf_printf(&copy->text, "%s\n", line);
}

static void take_lines(struct copy *copy, const char *text)
{
    if (copy->server)
        jp_buf_printf(&copy->text, "nameserver %s\n", copy->server);
    /* The last line of its kind counts: the host's, with our domains before. */
    if (copy->knows_pods)
        jp_buf_puts(&copy->text, "search " JP_RESOLVER_SEARCH "\n");
    copy->n_servers = copy->server != NULL;
    for (unsigned n = 0; *text && n < MAX_LINES; n++) {
        size_t len = strcspn(text, "\n");
        JP_AUTO_FREE char *line = jp_memdup0(text, len);
        if (line)
            take_line(copy, line);
        text += len;
        text += *text == '\n';
    }
}

static char *copy_end(struct copy *copy)
{
    char *result = copy->n_servers > 0 ? jp_buf_steal(&copy->text) : NULL;
    jp_buf_clear(&copy->text);
    return result;
}

char *jp_pod_resolv_conf_from(const char *text, bool with_loopback, const char *server)
{
    struct copy copy = {
        .with_loopback = with_loopback, .server = server, .knows_pods = server != NULL};
    take_lines(&copy, text);
    return copy_end(&copy);
}

/* ---- what was asked for ---------------------------------------------------------------------- */

static bool is_address(const char *text)
{
    unsigned char bytes[16];
    JP_AUTO_FREE char *plain = jp_memdup0(text, strcspn(text, "%"));
    return plain &&
           (inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, plain, bytes) == 1);
}

/* An IPv6 address may end in a zone: %, and the name of a device. */
static bool is_server(const char *word)
{
    return is_address(word) &&
           word[strspn(word,
                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:%-_")] ==
               '\0';
}

int jp_pod_dns_parse(const char *text, struct jp_strv *ret, struct jp_error *err)
{
    static const char blanks[] = " \t,";
    size_t len;
    for (const char *word = text + strspn(text, blanks); *word;
         word += len + strspn(word + len, blanks)) {
        len = strcspn(word, blanks);
        JP_AUTO_FREE char *server = jp_memdup0(word, len);
        if (!server)
            return jp_oom(err);
        if (!is_server(server))
            return jp_fail(err, JP_EINVALID, 0, "'%.80s' is not the address of a name server",
                           server);
        if (ret->count == MAX_SERVERS)
            return jp_fail(err, JP_ELIMIT, 0, "more than %d name servers", MAX_SERVERS);
        if (jp_strv_add_owned(ret, jp_take(&server)) < 0)
            return jp_oom(err);
    }
    return 0;
}

static int from_list(const char *list, char **ret, struct jp_error *err)
{
    JP_AUTO(jp_strv) servers = JP_STRV_INIT;
    JP_AUTO(jp_buf) out = JP_BUF_INIT;
    if (jp_pod_dns_parse(list, &servers, err) < 0)
        return -1;
    for (size_t i = 0; i < servers.count; i++)
        jp_buf_printf(&out, "nameserver %s\n", servers.items[i]);
    if (jp_buf_failed(&out))
        return jp_oom(err);
    *ret = jp_buf_steal(&out);
    return *ret || servers.count == 0 ? 0 : jp_oom(err);
}

/* ---- what the host has ----------------------------------------------------------------------- */

/* The host's file may be a link (systemd-resolved, resolvconf): it is the host's own. */
static void read_host(struct copy *copy, const char *path)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0)
        (void)jp_fd_read_all(fd, MAX_RESOLV, path, &text, NULL);
    take_lines(copy, jp_buf_text(&text));
}

/* Whether it answers pods is for its own configuration to say. */
static bool has_wide_server(const struct jp_pod_context *ctx, const struct jp_plan_net *net)
{
    char holder[64];
    if (!jp_pod_names_holder(net->gateway, holder, sizeof(holder)))
        return false;
    jp_pod_say(ctx, JP_POD_WARNING, "the pod's name server is the host's, %s, at %s", holder,
               net->gateway);
    return true;
}

char *jp_pod_resolv_conf_host(const struct jp_pod_context *ctx, const struct jp_plan_net *net)
{
    static const char *const paths[] = {HOST_FILE, "/run/systemd/resolve/resolv.conf"};
    const bool with_loopback = net->mode == JP_NET_HOST;
    unsigned n_passed_over = 0;
    for (size_t i = 0; i < JP_LEN(paths); i++) {
        struct copy copy = {.with_loopback = with_loopback,
                            .server = net->names ? net->gateway : NULL,
                            .knows_pods = net->names != NULL};
        read_host(&copy, paths[i]);
        n_passed_over += copy.n_passed_over;
        char *result = copy_end(&copy);
        if (result)
            return result;
    }
    if (n_passed_over == 0 || net->mode != JP_NET_POD)
        return NULL;
    if (has_wide_server(ctx, net)) {
        struct copy copy = {.server = net->gateway};
        read_host(&copy, HOST_FILE);
        return copy_end(&copy);
    }
    jp_pod_say(ctx, JP_POD_WARNING,
               "the pod has no name server: the host's listens on its loopback alone; install "
               "dnsmasq, or set ace.dns-servers");
    return NULL;
}

int jp_pod_resolv_conf(const struct jp_pod_context *ctx, const struct jp_pod_manifest *m,
                       const struct jp_plan_net *net, char **ret, struct jp_error *err)
{
    const char *own = jp_pod_manifest_annotation(m, JP_NOTE_DNS);
    *ret = NULL;
    if (own && own[0] != '\0')
        return from_list(own, ret, err) < 0 ? jp_wrap(err, "annotation " JP_NOTE_DNS) : 0;
    if (!net->names && ctx->dns_servers && ctx->dns_servers[0] != '\0')
        return from_list(ctx->dns_servers, ret, err) < 0 ? jp_wrap(err, "ace.dns-servers") : 0;
    *ret = jp_pod_resolv_conf_host(ctx, net);
    return 0;
}
