/*
 * Who a process is: resolved in the app's own root by our own parser, never through libc's name
 * service (CVE-2019-14271), once per start. The supplementary list is complete and
 * holds the primary group (CVE-2022-2990); nothing falls back to 0 (CVE-2026-30892).
 */
#include <string.h>

#include "base/mem.h"
#include "stage1/supervisor.h"
#include "sys/userdb.h"

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Groups of /etc/group, the primary one and those of the manifest, each once. */
static int collect_groups(const struct jp_plan_app *app, int root_fd, struct jp_identity *identity,
                          struct jp_error *err)
{
    JP_AUTO_FREE uint32_t *listed = NULL;
    size_t n_listed = 0;
    if (identity->name && jp_userdb_groups_of(root_fd, identity->name, &listed, &n_listed, err) < 0)
        return -1;
    size_t extra = app ? app->n_supplementary_gids : 0;
    uint32_t *all = jp_calloc(n_listed + extra + 1, sizeof(*all));
    if (!all)
        return jp_oom(err);
    size_t n = 0;
    all[n++] = identity->gid;
    for (size_t i = 0; i < n_listed; i++)
        all[n++] = listed[i];
    for (size_t i = 0; i < extra; i++)
        all[n++] = app->supplementary_gids[i];
    qsort(all, n, sizeof(*all), compare_ids);
    size_t kept = 1;
    for (size_t i = 1; i < n; i++) {
        if (all[i] != all[kept - 1])
            all[kept++] = all[i];
    }
    identity->groups = all;
    identity->n_groups = kept;
    if (kept > JP_ORDERS_MAX_GROUPS)
        return jp_fail(err, JP_ELIMIT, 0, "more than %d groups", JP_ORDERS_MAX_GROUPS);
    return 0;
}

/* `group` NULL: the user's own. On failure *ret holds what must be cleared. */
static int resolve(const char *user, const char *group, int root_fd, struct jp_identity *ret,
                   struct jp_error *err)
{
    struct jp_user found = {0};
    if (jp_userdb_user(root_fd, user, &found, err) < 0)
        return -1;
    *ret = (struct jp_identity){
        .uid = found.uid,
        .gid = found.gid,
        .name = jp_take(&found.name),
        .home = jp_take(&found.home),
        .shell = jp_take(&found.shell),
    };
    jp_user_clear(&found);
    if (group && jp_userdb_group(root_fd, group, &ret->gid, err) < 0)
        return -1;
    return 0;
}

int jp_identity_of_app(const struct jp_plan_app *app, int root_fd, struct jp_identity *ret,
                       struct jp_error *err)
{
    struct jp_identity identity = {0};
    if (resolve(app->user, app->group, root_fd, &identity, err) < 0 ||
        collect_groups(app, root_fd, &identity, err) < 0) {
        jp_identity_clear(&identity);
        return -1;
    }
    *ret = identity;
    return 0;
}

int jp_identity_of_text(const char *text, int root_fd, struct jp_identity *ret,
                        struct jp_error *err)
{
    JP_AUTO_FREE char *user = jp_strdup(text);
    if (!user)
        return jp_oom(err);
    char *colon = strchr(user, ':');
    if (colon)
        *colon = '\0';
    struct jp_identity identity = {0};
    if (resolve(user, colon ? colon + 1 : NULL, root_fd, &identity, err) < 0 ||
        collect_groups(NULL, root_fd, &identity, err) < 0) {
        jp_identity_clear(&identity);
        return -1;
    }
    *ret = identity;
    return 0;
}

/* Where NAME= of the assignment stands in the list, or its end. */
static size_t find(const struct jp_strv *env, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    size_t len = equals ? (size_t)(equals - assignment) : strlen(assignment);
    for (size_t i = 0; i < env->count; i++) {
        if (strncmp(env->items[i], assignment, len) == 0 && env->items[i][len] == '=')
            return i;
    }
    return env->count;
}

int jp_env_set(struct jp_strv *env, const char *assignment)
{
    size_t at = find(env, assignment);
    if (at == env->count)
        return jp_strv_add(env, assignment);
    char *copy = jp_strdup(assignment);
    if (!copy)
        return -1;
    free(env->items[at]);
    env->items[at] = copy;
    return 0;
}

int jp_identity_add_env(const struct jp_identity *identity, bool replaces, struct jp_strv *env,
                        struct jp_error *err)
{
    const char *const pairs[][2] = {
        {"HOME", identity->home},
        {"USER", identity->name},
        {"LOGNAME", identity->name},
        {"SHELL", identity->shell},
    };
    for (size_t i = 0; i < JP_LEN(pairs); i++) {
        if (!pairs[i][1])
            continue;
        JP_AUTO_FREE char *assignment = jp_format("%s=%s", pairs[i][0], pairs[i][1]);
        if (!assignment)
            return jp_oom(err);
        if (!replaces && find(env, assignment) < env->count)
            continue;
        if (jp_env_set(env, assignment) < 0)
            return jp_oom(err);
    }
    return 0;
}

void jp_identity_clear(struct jp_identity *identity)
{
    free(identity->groups);
    free(identity->name);
    free(identity->home);
    free(identity->shell);
    *identity = (struct jp_identity){0};
}
