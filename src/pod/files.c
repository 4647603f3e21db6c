/*
 * Small files that a pod is given: /etc/resolv.conf and /etc/hosts.
 *
 * The host's resolver file is copied without name servers that a pod cannot reach: a stub resolver
 * on the host's loopback is not the pod's loopback (systemd-resolved keeps the real ones beside).
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "pod/internal.h"
#include "sys/fd.h"

#define MAX_RESOLV 65536 /* bytes of the host's file that are looked at */
#define MAX_LINES  1024

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

/* Adds the line when it serves in a pod; true when it is a name server. */
static bool take_line(struct jp_buf *out, const char *line, bool with_loopback)
{
    if (begins_with_word(line, "nameserver")) {
        const char *value = line + strlen("nameserver");
        value += strspn(value, " \t");
        JP_AUTO_FREE char *address = jp_memdup0(value, strcspn(value, " \t\r#;"));
        if (!address || address[0] == '\0' || (!with_loopback && is_loopback(address)))
            return false;
        jp_buf_printf(out, "nameserver %s\n", address);
        return true;
    }
    if (begins_with_word(line, "search") || begins_with_word(line, "domain") ||
        begins_with_word(line, "options") || begins_with_word(line, "sortlist"))
        jp_buf_printf(out, "%s\n", line);
    return false;
}

char *jp_pod_resolv_conf_from(const char *text, bool with_loopback)
{
    struct jp_buf out = JP_BUF_INIT;
    bool has_server = false;
    for (unsigned n = 0; *text && n < MAX_LINES; n++) {
        size_t len = strcspn(text, "\n");
        JP_AUTO_FREE char *line = jp_memdup0(text, len);
        if (line)
            has_server |= take_line(&out, line, with_loopback);
        text += len;
        text += *text == '\n';
    }
    char *result = has_server ? jp_buf_steal(&out) : NULL;
    jp_buf_clear(&out);
    return result;
}

/* "8.8.8.8 1.1.1.1" of the configuration or the annotation. */
static char *from_list(const char *list)
{
    struct jp_buf out = JP_BUF_INIT;
    for (unsigned n = 0; *list && n < MAX_LINES; n++) {
        size_t blanks = strspn(list, " \t,");
        size_t len = strcspn(list + blanks, " \t,");
        if (len > 0) {
            jp_buf_puts(&out, "nameserver ");
            jp_buf_add(&out, list + blanks, len);
            jp_buf_putc(&out, '\n');
        }
        list += blanks + len;
    }
    return jp_buf_steal(&out);
}

/* The host's file may be a link (systemd-resolved, resolvconf): it is the host's own. */
static char *from_file(const char *path, bool with_loopback)
{
    JP_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    struct jp_buf text = JP_BUF_INIT;
    char *result = NULL;
    if (jp_fd_read_all(fd, MAX_RESOLV, path, &text, NULL) == 0)
        result = jp_pod_resolv_conf_from(jp_buf_text(&text), with_loopback);
    jp_buf_clear(&text);
    return result;
}

int jp_pod_resolv_conf(const struct jp_pod_context *ctx, const struct jp_pod_manifest *m,
                       bool with_loopback, char **ret, struct jp_error *err)
{
    const char *list = jp_pod_manifest_annotation(m, JP_NOTE_DNS);
    if (!list || list[0] == '\0')
        list = ctx->dns_servers;
    *ret = NULL;
    if (list && list[0] != '\0') {
        *ret = from_list(list);
        return *ret ? 0 : jp_oom(err);
    }
    *ret = from_file("/etc/resolv.conf", with_loopback);
    if (!*ret)
        *ret = from_file("/run/systemd/resolve/resolv.conf", with_loopback);
    return 0;
}
