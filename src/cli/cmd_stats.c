/* stats: what running pods use, a line each. From their processes, so that it needs no limit. */
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "cli/cmd.h"
#include "cli/output.h"
#include "pod/inspect.h"

struct usage {
    size_t processes;
    uint64_t cpu_ns;
    uint64_t resident;
};

static int add_process(void *context, const struct jp_pod_process *process)
{
    struct usage *usage = context;
    usage->processes++;
    usage->cpu_ns += process->cpu_ns;
    usage->resident += process->resident_bytes;
    return 0;
}

struct stats {
    struct jp_cli *cli;
    struct jp_table table;
    json_t *list; /* NULL: a table is wanted */
};

/* Hundredths of a core, on average since the pod was started. */
static unsigned percent(const struct usage *usage, int64_t started_ns)
{
    int64_t passed_ns = jp_time_now_ns() - started_ns;
    if (started_ns == 0 || passed_ns <= 0)
        return 0;
    return (unsigned)(usage->cpu_ns / ((uint64_t)passed_ns / 100 + 1));
}

static void add_row(struct stats *stats, const struct jp_pod_status *status,
                    const struct usage *usage)
{
    char word[JP_WORD_SIZE];
    unsigned cpu = percent(usage, status->started_ns);
    if (stats->list) {
        json_t *row = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "uuid", status->pod.uuid, "name",
                                status->pod.name, "processes", (json_int_t)usage->processes,
                                "cpu_ns", (json_int_t)usage->cpu_ns, "cpu_percent", (json_int_t)cpu,
                                "resident", (json_int_t)usage->resident);
        (void)json_array_append_new(stats->list, row);
        return;
    }
    jp_table_add(&stats->table, status->pod.name);
    jp_table_addf(&stats->table, "%zu", usage->processes);
    jp_table_addf(&stats->table, "%u.%02u s", (unsigned)(usage->cpu_ns / 1000000000),
                  (unsigned)(usage->cpu_ns / 10000000 % 100));
    jp_table_addf(&stats->table, "%u", cpu);
    jp_format_size(usage->resident, word);
    jp_table_add(&stats->table, word);
}

static int add_pod(struct stats *stats, const struct jp_pod_status *status, struct jp_error *err)
{
    struct usage usage = {0, 0, 0};
    const struct jp_pod_context *ctx = jp_cli_pods(stats->cli, err);
    if (!ctx || jp_pod_processes(ctx, &status->pod, add_process, &usage, err) < 0)
        return -1;
    add_row(stats, status, &usage);
    return 0;
}

static int add_named(struct stats *stats, const char *word, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    JP_AUTO(jp_pod_status) status = {.reason = NULL};
    return jp_cli_find_pod(stats->cli, word, &pod, err) < 0 ||
                   jp_pod_status(jp_cli_pods(stats->cli, err), &pod, false, &status, err) < 0
               ? -1
               : add_pod(stats, &status, err);
}

/* A pod that ends while we look is left out. */
static int add_running(struct stats *stats, struct jp_error *err)
{
    JP_AUTO(jp_pod_statuses) pods = {NULL, 0};
    const struct jp_pod_context *ctx = jp_cli_pods(stats->cli, err);
    if (!ctx || jp_pod_list(ctx, &pods, err) < 0)
        return -1;
    for (size_t i = 0; i < pods.count; i++) {
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        if (jp_pod_state_is_alive(pods.items[i].state) &&
            add_pod(stats, &pods.items[i], &why) < 0 && why.code != JP_EBUSY) {
            jp_error_move(err, &why);
            return -1;
        }
    }
    return 0;
}

int jp_cmd_stats(struct jp_cli *cli, struct jp_error *err)
{
    struct stats stats = {
        .cli = cli,
        .table = jp_table_new("NAME|PROCESSES|CPU|%CPU|RSS", jp_cli_has(&cli->args, "no-header")),
        .list = jp_cli_wants_json(&cli->args) ? json_array() : NULL,
    };
    int r = cli->args.n_words > 0 ? 0 : add_running(&stats, err);
    for (size_t i = 0; r == 0 && i < cli->args.n_words; i++)
        r = add_named(&stats, cli->args.words[i], err);
    if (r < 0 || stats.list)
        jp_strv_clear(&stats.table.cells);
    if (r < 0) {
        json_decref(stats.list);
        return -1;
    }
    return stats.list ? jp_print_json(stats.list, err) : jp_table_print(&stats.table, err);
}
