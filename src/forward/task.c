/* Work that was left for later, and how much of it a limit allows. */
#include "base/time.h"
#include "forward/forward.h"

void jp_task_put(struct jp_tasks *list, struct jp_task *task)
{
    if (task->list)
        return;
    if (!list->end)
        list->end = &list->first;
    task->next = NULL;
    task->link = list->end;
    task->list = list;
    task->turn = list->turn;
    *list->end = task;
    list->end = &task->next;
}

void jp_task_drop(struct jp_task *task)
{
    if (!task->list)
        return;
    *task->link = task->next;
    if (task->next)
        task->next->link = task->link;
    else
        task->list->end = task->link;
    task->list = NULL;
}

void jp_tasks_run(struct jp_tasks *list)
{
    unsigned turn = list->turn++;
    while (list->first && list->first->turn == turn) {
        struct jp_task *task = list->first;
        jp_task_drop(task);
        task->run(task);
    }
}

/* ---- bytes a second -------------------------------------------------------------------------- */

/* A tenth of a second's worth may come at once, and never less than a packet. */
#define BURSTS_PER_SECOND 10
#define LEAST_BURST       16384

static void fill(struct jp_rate *rate)
{
    int64_t now_ms = jp_time_monotonic_ms();
    uint64_t burst = rate->bytes_per_second / BURSTS_PER_SECOND;
    if (burst < LEAST_BURST)
        burst = LEAST_BURST;
    int64_t passed_ms = now_ms - rate->filled_ms;
    if (rate->filled_ms == 0 || passed_ms >= 1000) {
        rate->tokens = burst;
    } else {
        uint64_t more = rate->bytes_per_second * (uint64_t)passed_ms / 1000;
        if (more == 0)
            return;
        rate->tokens = rate->tokens + more < burst ? rate->tokens + more : burst;
    }
    rate->filled_ms = now_ms;
}

size_t jp_rate_allows(struct jp_rate *rate, size_t wanted)
{
    if (rate->bytes_per_second == 0)
        return wanted;
    if (rate->tokens < wanted)
        fill(rate);
    return rate->tokens < wanted ? (size_t)rate->tokens : wanted;
}

void jp_rate_used(struct jp_rate *rate, size_t bytes)
{
    if (rate->bytes_per_second > 0)
        rate->tokens -= bytes < rate->tokens ? bytes : rate->tokens;
}
