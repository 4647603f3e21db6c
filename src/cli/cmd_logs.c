/* logs: what apps wrote, from the files that their supervisor keeps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appc/timestamp.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/time.h"
#include "cli/cmd.h"
#include "cli/output.h"
#include "pod/inspect.h"

struct printer {
    bool has_prefix;
    bool has_time;
    bool wants_json;
    char *open_app; /* whose line was left without an end; NULL: none */
    int open_stream;
};

static int print_json_line(const struct jp_pod_log_line *line)
{
    json_t *text = json_stringn(line->text, line->len);
    /* What is not UTF-8 cannot stand in JSON: bytes beyond ASCII become '?'. */
    JP_AUTO_FREE char *copy = text ? NULL : jp_memdup0(line->text, line->len);
    for (size_t i = 0; copy && i < line->len; i++)
        if ((unsigned char)copy[i] >= 0x80)
            copy[i] = '?';
    if (!text && copy)
        text = json_stringn(copy, line->len);
    json_t *object =
        json_pack("{s:o, s:s, s:s, s:b, s:o}", "time", jp_json_time(line->time_ns), "app",
                  line->app, "stream", line->stream == 2 ? "stderr" : "stdout", "complete",
                  (int)line->is_complete, "text", text ? text : json_null());
    int r = object ? json_dumpf(object, stdout, JSON_COMPACT) : -1;
    json_decref(object);
    (void)putchar('\n');
    return r < 0 || fflush(stdout) != 0;
}

static bool goes_on(const struct printer *printer, const struct jp_pod_log_line *line)
{
    return printer->open_app && printer->open_stream == line->stream &&
           strcmp(printer->open_app, line->app) == 0;
}

static int print_line(void *context, const struct jp_pod_log_line *line)
{
    struct printer *printer = context;
    FILE *out = line->stream == 2 ? stderr : stdout;
    if (printer->wants_json)
        return print_json_line(line);
    if (!goes_on(printer, line)) {
        char when[JP_TIME_SIZE];
        if (printer->open_app)
            (void)fputc('\n', printer->open_stream == 2 ? stderr : stdout);
        jp_time_format(line->time_ns, 3, when);
        if (printer->has_time)
            (void)fprintf(out, "%s ", when);
        if (printer->has_prefix)
            (void)fprintf(out, "%s| ", line->app);
    }
    (void)fwrite(line->text, 1, line->len, out);
    free(jp_take(&printer->open_app));
    if (line->is_complete) {
        (void)fputc('\n', out);
    } else {
        printer->open_app = jp_strdup(line->app);
        printer->open_stream = line->stream;
    }
    return fflush(out) != 0;
}

static int read_options(const struct jp_cli_args *args, struct jp_pod_logs *logs,
                        struct jp_error *err)
{
    const char *tail = jp_cli_value(args, "tail");
    const char *since = jp_cli_value(args, "since");
    uint64_t lines;
    int64_t ago_ms;
    logs->tail = -1;
    logs->follow = jp_cli_has(args, "follow");
    if (tail && !jp_parse_u64(tail, 10, 0, INT64_MAX, &lines))
        return jp_fail(err, JP_EUSAGE, 0, "-tail=%s: expected a number of lines", tail);
    if (tail)
        logs->tail = (int64_t)lines;
    if (since && jp_parse_duration(since, &ago_ms))
        logs->since_ns = jp_time_now_ns() - ago_ms * 1000000;
    else if (since && jp_timestamp_parse(since, &logs->since_ns, NULL) < 0)
        return jp_fail(err, JP_EUSAGE, 0, "-since=%s: expected a time or how long ago", since);
    return 0;
}

int jp_cmd_logs(struct jp_cli *cli, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    JP_AUTO_FREE char *app = NULL;
    struct printer printer = {
        .has_time = jp_cli_has(&cli->args, "timestamps"),
        .wants_json = jp_cli_wants_json(&cli->args),
    };
    struct jp_pod_logs logs = {.line = print_line, .context = &printer};
    if (read_options(&cli->args, &logs, err) < 0 ||
        jp_cli_find_pod_app(cli, cli->args.words[0], &pod, &app, err) < 0)
        return -1;
    logs.app = app;
    printer.has_prefix = !app && pod.n_apps > 1 && !jp_cli_has(&cli->args, "no-prefix");
    int r = jp_pod_logs(jp_cli_pods(cli, err), &pod, &logs, err);
    if (printer.open_app)
        (void)fputc('\n', printer.open_stream == 2 ? stderr : stdout);
    free(printer.open_app);
    return r < 0 ? -1 : 0;
}
