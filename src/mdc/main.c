/*
 * ac-mdc: asks the metadata service from inside a pod. Static, so that any image can hold it; it
 * finds the service in AC_METADATA_URL and the app in AC_APP_NAME.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "mdc/request.h"
#include "mdc/template.h"
#include "sys/fd.h"

#define PREFIX       "/acMetadata/v1"
#define MAX_TEMPLATE (4U << 20)
#define STATUS_USAGE 2

static const char usage[] =
    "usage: ac-mdc uuid | manifest | image-id | image-manifest\n"
    "       ac-mdc annotation NAME | app-annotation NAME\n"
    "       ac-mdc expand TEMPLATE | render PATH|-\n"
    "In a template: {{.UUID}} {{.AppName}} {{.AppImageID}} {{.PodManifest}} {{.AppImageManifest}}\n"
    "{{.Env \"NAME\"}} {{.PodAnnotation \"NAME\"}} {{.AppAnnotation \"NAME\"}}; with Or and a "
    "default,\n"
    "with Must to fail without one, with Has for true or false: {{.AppAnnotationOr \"NAME\" "
    "\"x\"}}\n";

/* What can be asked for, by the words of the command line and of templates. */
static const struct query {
    const char *word;
    const char *name;
    bool is_of_app;
    const char *path; /* below pod, or below apps/NAME */
} queries[] = {
    {"uuid", "UUID", false, "uuid"},
    {"manifest", "PodManifest", false, "manifest"},
    {"image-id", "AppImageID", true, "image/id"},
    {"image-manifest", "AppImageManifest", true, "image/manifest"},
};

static const char *variable(const char *name, struct jp_error *err)
{
    const char *value = getenv(name);
    if (!value || !*value) {
        jp_fail(err, JP_ENOTFOUND, 0, "%s is not set: not in a pod with a metadata service?", name);
        return NULL;
    }
    return value;
}

/* The status of the answer; the body is appended. */
static int ask(bool is_of_app, const char *path, struct jp_buf *ret, struct jp_error *err)
{
    const char *url = variable("AC_METADATA_URL", err);
    const char *app = is_of_app && url ? variable("AC_APP_NAME", err) : "";
    if (!url || !app)
        return -1;
    JP_AUTO_FREE char *whole =
        is_of_app ? jp_format(PREFIX "/apps/%s/%s", app, path) : jp_format(PREFIX "/pod/%s", path);
    return whole ? jp_mdc_get(url, whole, ret, err) : jp_oom(err);
}

static int refused(int status, const char *what, struct jp_error *err)
{
    return jp_fail(err, status == 404 ? JP_ENOTFOUND : JP_EINVALID, 0,
                   status == 404   ? "there is no %s"
                   : status == 403 ? "%s: the metadata service does not know this pod"
                                   : "%s: the metadata service failed",
                   what);
}

static int fetch(const struct query *query, struct jp_buf *ret, struct jp_error *err)
{
    int status = ask(query->is_of_app, query->path, ret, err);
    if (status >= 0 && status != 200)
        return refused(status, query->word, err);
    return status < 0 ? -1 : 0;
}

/* AC Identifiers need no escapes; what else is asked for is escaped, and not found. */
static char *escape(const char *name)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    for (const char *p = name; *p; p++) {
        bool is_plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                        (*p >= '0' && *p <= '9') || strchr("-._~/", *p);
        if (is_plain)
            jp_buf_putc(&text, *p);
        else
            jp_buf_printf(&text, "%%%02x", (unsigned char)*p);
    }
    return jp_strdup(jp_buf_text(&text));
}

/* 1 there is one, 0 there is none. */
static int annotation(bool is_of_app, const char *name, struct jp_buf *ret, struct jp_error *err)
{
    JP_AUTO(jp_buf) body = JP_BUF_INIT;
    JP_AUTO_FREE char *escaped = escape(name);
    JP_AUTO_FREE char *path = escaped ? jp_format("annotations/%s", escaped) : NULL;
    if (!path)
        return jp_oom(err);
    int status = ask(is_of_app, path, &body, err);
    if (status < 0)
        return -1;
    if (status == 404)
        return 0;
    if (status != 200)
        return refused(status, "annotation", err);
    jp_buf_add(ret, body.data, body.len);
    return 1;
}

static int must_annotation(bool is_of_app, const char *name, struct jp_buf *ret,
                           struct jp_error *err)
{
    int found = annotation(is_of_app, name, ret, err);
    if (found == 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "there is no annotation '%s'", name);
    return found < 0 ? -1 : 0;
}

/* ---- templates ------------------------------------------------------------------------------- */

static int expand_annotation(bool is_of_app, const char *kind, char *const *arguments, size_t count,
                             struct jp_buf *ret, struct jp_error *err)
{
    bool wants_default = strcmp(kind, "Or") == 0;
    if (count != (wants_default ? 2U : 1U))
        return jp_fail(err, JP_EINVALID, 0, "template: wrong number of arguments");
    if (strcmp(kind, "Must") == 0)
        return must_annotation(is_of_app, arguments[0], ret, err);
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    int found = annotation(is_of_app, arguments[0], &text, err);
    if (found < 0)
        return -1;
    if (strcmp(kind, "Has") == 0)
        jp_buf_puts(ret, found ? "true" : "false");
    else
        jp_buf_puts(ret, found ? jp_buf_text(&text) : wants_default ? arguments[1] : "");
    return 0;
}

/* "PodAnnotationOr": whose, and the kind; false when it is none of them. */
static bool is_annotation(const char *name, bool *ret_is_of_app, const char **ret_kind)
{
    static const char *const kinds[] = {"", "Or", "Must", "Has"};
    *ret_is_of_app = strncmp(name, "AppAnnotation", 13) == 0;
    if (!*ret_is_of_app && strncmp(name, "PodAnnotation", 13) != 0)
        return false;
    *ret_kind = name + 13;
    for (size_t i = 0; i < JP_LEN(kinds); i++) {
        if (strcmp(kinds[i], *ret_kind) == 0)
            return true;
    }
    return false;
}

static int value_of(JP_UNUSED void *context, const char *name, char *const *arguments, size_t count,
                    struct jp_buf *ret, struct jp_error *err)
{
    bool is_of_app;
    const char *kind;
    if (is_annotation(name, &is_of_app, &kind))
        return expand_annotation(is_of_app, kind, arguments, count, ret, err);
    bool is_env = strcmp(name, "Env") == 0;
    if (count != (is_env ? 1U : 0U))
        return jp_fail(err, JP_EINVALID, 0, "template: wrong number of arguments of .%s", name);
    if (is_env || strcmp(name, "AppName") == 0) {
        const char *text = getenv(is_env ? arguments[0] : "AC_APP_NAME");
        jp_buf_puts(ret, text ? text : "");
        return 0;
    }
    for (size_t i = 0; i < JP_LEN(queries); i++) {
        if (strcmp(queries[i].name, name) == 0)
            return fetch(&queries[i], ret, err);
    }
    return jp_fail(err, JP_EINVALID, 0, "template: nothing is called .%s", name);
}

static int render(const char *path, struct jp_buf *ret, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO_FD int fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                               : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return jp_fail_sys(err, "open '%s'", path);
    if (jp_fd_read_all(fd, MAX_TEMPLATE, path, &text, err) < 0)
        return -1;
    return jp_template_expand(jp_buf_text(&text), value_of, NULL, ret, err);
}

/* ---- the command line ------------------------------------------------------------------------ */

static int run(int argc, char **argv, struct jp_buf *ret, struct jp_error *err)
{
    const char *word = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < JP_LEN(queries); i++) {
        if (argc == 2 && strcmp(queries[i].word, word) == 0)
            return fetch(&queries[i], ret, err);
    }
    if (argc == 3 && strcmp(word, "annotation") == 0)
        return must_annotation(false, argv[2], ret, err);
    if (argc == 3 && strcmp(word, "app-annotation") == 0)
        return must_annotation(true, argv[2], ret, err);
    if (argc == 3 && strcmp(word, "expand") == 0)
        return jp_template_expand(argv[2], value_of, NULL, ret, err);
    if (argc == 3 && strcmp(word, "render") == 0)
        return render(argv[2], ret, err);
    return jp_fail(err, JP_EUSAGE, 0, "unknown words");
}

int main(int argc, char **argv)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (run(argc, argv, &text, &err) < 0) {
        if (err.code == JP_EUSAGE)
            (void)fputs(usage, stderr);
        else
            (void)fprintf(stderr, "ac-mdc: %s\n", jp_error_text(&err));
        return err.code == JP_EUSAGE ? STATUS_USAGE : 1;
    }
    const char *bytes = jp_buf_text(&text);
    bool is_raw = argc > 1 && strcmp(argv[1], "render") == 0;
    if (jp_fd_write_all(STDOUT_FILENO, bytes, text.len, "standard output", &err) < 0 ||
        (!is_raw && jp_fd_write_all(STDOUT_FILENO, "\n", 1, "standard output", &err) < 0)) {
        (void)fprintf(stderr, "ac-mdc: %s\n", jp_error_text(&err));
        return 1;
    }
    return 0;
}
