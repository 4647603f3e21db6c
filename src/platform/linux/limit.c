/*
 * Limits by control groups: MOUNT/PREFIX/UUID/APP in every hierarchy that a limit needs, and none
 * when the plan has no limit: a group costs milliseconds.
 *
 * The pod's group bounds its apps' groups. Processes live in the apps' groups only, as v2 demands;
 * spawn moves each process there while it waits for the go. A limit that this host cannot enforce
 * is reported, never an error: whether that is acceptable (--strict) is decided elsewhere. The
 * directories follow from the UUID alone, so `clean` finds them after a kill -9.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/random.h"
#include "platform/linux/ceiling.h"
#include "platform/linux/cgroup.h"
#include "platform/linux/linux.h"
#include "platform/linux/settle.h"
#include "sys/calls.h"
#include "sys/fd.h"

#define MAKE_TRIES     10      /* another pod may remove the common directory meanwhile */
#define REMOVE_TRIES   500     /* of 10 ms: processes may still be ending */
#define MAX_PROCESSES  4194304 /* looked through when processes are moved */
#define MAX_MEMBERSHIP 65536   /* bytes of /proc/PID/cgroup */
#define MOVE_TRIES     100     /* rounds: a program that forks all the time can win */
#define MAX_GROUPS     100000  /* directories looked through by clean */

/* One directory per hierarchy in use. */
struct place {
    const struct jp_cgroup_hierarchy *hierarchy;
    unsigned controllers; /* those that the plan needs here */
    int pod_fd;           /* -1 when it could not be made: `error` says why */
    int error;
};

struct jp_linux_limits {
    struct jp_cgroup_layout layout;
    struct place places[JP_CGROUP_CONTROLLERS];
    size_t n_places;
    char prefix[NAME_MAX + 1]; /* the directory of all our pods */
    int *memory_fds;           /* of each app, -1: none */
    uint64_t *seen_kills;      /* of each app, as last told */
};

struct reporter {
    void (*report)(void *context, const struct jp_limit_report *);
    void *context;
    const char *app;
    unsigned bounded; /* ceilings of the app that were above the pod's */
    bool is_alone;    /* there is one app: its group stands for the pod's */
};

/* Bits of the controllers that limits need. */
static unsigned needs(const struct jp_plan_limits *l)
{
    unsigned set = 0;
    for (unsigned i = 0; i < JP_CEILINGS; i++) {
        if (jp_ceiling_is_asked(l, i))
            set |= 1U << jp_ceiling_controller(i);
    }
    return set;
}

/*
 * The directory of all our pods, from a prefix that is made for names of jails ("jetpack/"): what
 * does not belong in a file name becomes '-', at the end it is dropped.
 */
void jp_linux_group_prefix(const char *prefix, char out[NAME_MAX + 1])
{
    size_t len = 0, used = 0;
    for (; prefix && prefix[len] != '\0' && len < NAME_MAX; len++) {
        char c = prefix[len];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '_' || (c == '.' && len > 0);
        out[len] = is_plain ? c : '-';
        if (is_plain)
            used = len + 1;
    }
    out[used] = '\0';
    if (used == 0)
        (void)snprintf(out, NAME_MAX + 1, "jetpack");
}

static int write_value(int dir_fd, const char *file, const char *value)
{
    JP_AUTO_FD int fd = openat(dir_fd, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -1;
    return jp_sys.write(fd, value, strlen(value)) < 0 ? -1 : 0;
}

int jp_linux_group_make(int parent, const char *name)
{
    if (jp_sys.mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
        return -1;
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* For v2, hands the controllers on to what is below a group. */
static int enable_below(const struct place *place, int dir_fd)
{
    for (unsigned i = 0; place->hierarchy->is_v2 && i < JP_CGROUP_CONTROLLERS; i++) {
        char text[16];
        if (!(place->controllers >> i & 1))
            continue;
        (void)snprintf(text, sizeof(text), "+%s", jp_cgroup_name(i, true));
        if (write_value(dir_fd, "cgroup.subtree_control", text) < 0)
            return -1;
    }
    /* Before Linux 5.11 a group of v1 did not bound what is below it unless told so. */
    if (!place->hierarchy->is_v2 && (place->controllers >> JP_CGROUP_MEMORY & 1))
        (void)write_value(dir_fd, "memory.use_hierarchy", "1");
    return 0;
}

static int make_pod_group(const struct place *place, const char *prefix_name, const char *uuid)
{
    JP_AUTO_FD int top = open(place->hierarchy->mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top < 0 || (place->hierarchy->is_v2 && enable_below(place, top) < 0))
        return -1;
    for (int i = 0; i < MAKE_TRIES; i++) {
        JP_AUTO_FD int prefix = jp_linux_group_make(top, prefix_name);
        if (prefix < 0 || enable_below(place, prefix) < 0)
            return -1;
        JP_AUTO_FD int pod = jp_linux_group_make(prefix, uuid);
        if (pod >= 0)
            return enable_below(place, pod) < 0 ? -1 : jp_fd_take(&pod);
        if (errno != ENOENT)
            return -1;
    }
    return -1;
}

static void tell(const struct reporter *r, enum jp_ceiling ceiling,
                 const struct jp_ceiling_verdict *verdict)
{
    struct jp_limit_report report = {
        .resource = jp_ceiling_resource(ceiling), .app = r->app, .verdict = verdict->verdict};
    memcpy(report.reason, verdict->reason, sizeof(report.reason));
    if (verdict->verdict == JP_VERDICT_ENFORCED && (r->bounded >> ceiling & 1)) {
        report.verdict = JP_VERDICT_MODIFIED;
        (void)snprintf(report.reason, sizeof(report.reason), "bounded by the pod's limit");
    }
    r->report(r->context, &report);
}

static bool is_block(enum jp_ceiling ceiling)
{
    return jp_ceiling_controller(ceiling) == JP_CGROUP_BLOCK;
}

/* v1 does not let a group bound what is below it there: every app gets the pod's limit. */
static bool is_flat(const struct place *place, enum jp_ceiling ceiling)
{
    return !place->hierarchy->is_v2 && is_block(ceiling);
}

static void apply(const struct reporter *r, const struct place *place, int fd,
                  const struct jp_plan_limits *l)
{
    for (unsigned i = 0; i < JP_CEILINGS; i++) {
        struct jp_ceiling_verdict verdict;
        if (!jp_ceiling_is_asked(l, i) || !(place->controllers >> jp_ceiling_controller(i) & 1))
            continue;
        jp_ceiling_apply(fd, place->hierarchy->is_v2, i, l, &verdict);
        if (!r->app && !r->is_alone && is_flat(place, i) &&
            verdict.verdict == JP_VERDICT_ENFORCED) {
            verdict.verdict = JP_VERDICT_MODIFIED;
            (void)snprintf(verdict.reason, sizeof(verdict.reason),
                           "control groups v1 hold each app to it, not all together");
        }
        tell(r, i, &verdict);
    }
}

/* A place that cannot be had: each limit that needed it is reported. */
static void apply_nothing(const struct reporter *r, unsigned controllers, const char *what,
                          int error, const struct jp_plan_limits *l)
{
    struct jp_ceiling_verdict verdict = {.verdict = JP_VERDICT_IGNORED};
    (void)snprintf(verdict.reason, sizeof(verdict.reason), "%s%s%s", what, error ? ": " : "",
                   error ? strerror(error) : "");
    for (unsigned i = 0; i < JP_CEILINGS; i++) {
        if (jp_ceiling_is_asked(l, i) && (controllers >> jp_ceiling_controller(i) & 1))
            tell(r, i, &verdict);
    }
}

/* Which hierarchies are used for what. Returns the controllers that nobody has. */
static unsigned choose_places(struct jp_linux_limits *limits, unsigned needed)
{
    unsigned missing = 0;
    for (unsigned i = 0; i < JP_CGROUP_CONTROLLERS; i++) {
        if (!(needed >> i & 1))
            continue;
        const struct jp_cgroup_hierarchy *h = jp_cgroup_with(&limits->layout, i);
        size_t at = 0;
        while (at < limits->n_places && limits->places[at].hierarchy != h)
            at++;
        if (!h) {
            missing |= 1U << i;
            continue;
        }
        if (at == limits->n_places)
            limits->places[limits->n_places++] = (struct place){.hierarchy = h, .pod_fd = -1};
        limits->places[at].controllers |= 1U << i;
    }
    return missing;
}

/*
 * What the app's group is told without having asked for it: the pod's limits where the kernel would
 * not apply them from above. Nothing is reported of it.
 */
static void apply_inherited(const struct place *place, int fd, const struct jp_plan_limits *app,
                            const struct jp_plan_limits *pod)
{
    for (unsigned i = 0; i < JP_CEILINGS; i++) {
        struct jp_ceiling_verdict verdict;
        if (is_flat(place, i) && (place->controllers >> jp_ceiling_controller(i) & 1) &&
            jp_ceiling_is_asked(pod, i) && !jp_ceiling_is_asked(app, i))
            jp_ceiling_apply(fd, /* is_v2= */ false, i, pod, &verdict);
    }
}

/* One app's group in one place; its processes will be moved there. */
static void setup_app(struct jp_isolation *pod, struct place *place, size_t index,
                      struct reporter r)
{
    const struct jp_plan_app *app = &pod->plan->apps[index];
    struct jp_plan_limits limits = app->limits;
    r.app = app->name;
    r.bounded = jp_ceilings_bound(&limits, &pod->plan->limits);
    struct jp_linux_groups *groups = &pod->apps[index].groups;
    JP_AUTO_FD int fd = place->pod_fd < 0 ? -1 : jp_linux_group_make(place->pod_fd, app->name);
    int procs = fd < 0 || groups->count == JP_LINUX_MAX_CGROUPS
                    ? -1
                    : openat(fd, "cgroup.procs", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (procs < 0) {
        int error = place->pod_fd < 0 ? place->error : errno;
        apply_nothing(&r, place->controllers, "make a control group", error, &limits);
        return;
    }
    groups->procs_fd[groups->count++] = procs;
    apply(&r, place, fd, &limits);
    apply_inherited(place, fd, &limits, &pod->plan->limits);
    if (place->controllers >> JP_CGROUP_MEMORY & 1)
        pod->limits->memory_fds[index] = jp_fd_take(&fd);
}

static void setup_place(struct jp_isolation *pod, struct place *place, struct reporter r)
{
    place->pod_fd = make_pod_group(place, pod->limits->prefix, pod->plan->uuid);
    place->error = errno;
    if (place->pod_fd >= 0)
        apply(&r, place, place->pod_fd, &pod->plan->limits);
    else
        apply_nothing(&r, place->controllers, "make a control group", place->error,
                      &pod->plan->limits);
    for (size_t i = 0; i < pod->plan->n_apps; i++)
        setup_app(pod, place, i, r);
}

static struct jp_linux_limits *new_limits(size_t n_apps)
{
    struct jp_linux_limits *limits = jp_calloc(1, sizeof(*limits));
    if (!limits)
        return NULL;
    limits->memory_fds = jp_calloc(n_apps + 1, sizeof(*limits->memory_fds));
    limits->seen_kills = jp_calloc(n_apps + 1, sizeof(*limits->seen_kills));
    for (size_t i = 0; limits->memory_fds && i < n_apps; i++)
        limits->memory_fds[i] = -1;
    return limits;
}

static void teardown(struct jp_isolation *pod);

static uint64_t count_kills(int memory_fd);

/*
 * Once only: what runs keeps the namespace that it has, and what joins it must see the same. After
 * the limits were set, because what the kernel charges for a namespace would be in the way of a
 * limit of a page; such a limit ends the helper, which is no news of the app.
 */
static void make_views(struct jp_isolation *pod)
{
    struct jp_linux_limits *limits = pod->limits;
    for (size_t i = 0; i < pod->plan->n_apps; i++) {
        struct jp_linux_app *app = &pod->apps[i];
        if (app->groups.count > 0)
            app->view_fd = jp_linux_group_view(&app->groups);
        if (limits->memory_fds[i] >= 0)
            limits->seen_kills[i] = count_kills(limits->memory_fds[i]);
    }
}

/* Lets go of the groups, which stay, to take them up anew. */
static void let_go(struct jp_isolation *pod)
{
    struct jp_linux_limits *limits = pod->limits;
    for (size_t i = 0; i < pod->plan->n_apps; i++) {
        struct jp_linux_groups *groups = &pod->apps[i].groups;
        while (groups->count > 0)
            jp_fd_close(&groups->procs_fd[--groups->count]);
        if (limits->memory_fds)
            jp_fd_close(&limits->memory_fds[i]);
    }
    for (size_t i = 0; i < limits->n_places; i++)
        jp_fd_close(&limits->places[i].pod_fd);
}

/* True when the process sees the mounts of the app: then it is one of its own. */
static bool is_of_app(int proc_fd, const char *pid, const struct stat *ns)
{
    char path[NAME_MAX + 16];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/ns/mnt", pid);
    return fstatat(proc_fd, path, &st, 0) == 0 && st.st_ino == ns->st_ino &&
           st.st_dev == ns->st_dev;
}

static bool is_member(int proc_fd, const char *pid, const char *group)
{
    char path[NAME_MAX + 16];
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    (void)snprintf(path, sizeof(path), "%s/cgroup", pid);
    return jp_file_read(proc_fd, path, MAX_MEMBERSHIP, &text, NULL) == 0 &&
           strstr(jp_buf_text(&text), group);
}

/* Moves processes of an app that are elsewhere; returns how many. */
static size_t move_some(const struct jp_isolation *pod, size_t app, DIR *proc)
{
    char group[NAME_MAX * 2];
    struct stat ns;
    size_t moved = 0;
    const struct dirent *entry;
    const struct jp_linux_groups *groups = &pod->apps[app].groups;
    (void)snprintf(group, sizeof(group), "/%s/%s", pod->plan->uuid, pod->plan->apps[app].name);
    if (groups->count == 0 || fstat(pod->apps[app].ns_fd, &ns) < 0)
        return 0;
    rewinddir(proc);
    for (size_t n = 0; n < MAX_PROCESSES && (entry = readdir(proc)); n++) {
        uint64_t pid;
        if (!jp_parse_u64(entry->d_name, 10, 2, INT32_MAX, &pid) ||
            !is_of_app(dirfd(proc), entry->d_name, &ns))
            continue;
        moved += !is_member(dirfd(proc), entry->d_name, group);
        for (size_t i = 0; i < groups->count; i++)
            (void)!write(groups->procs_fd[i], entry->d_name, strlen(entry->d_name));
    }
    return moved;
}

/* What is forked while we look is found by looking again. */
static void move_processes(const struct jp_isolation *pod)
{
    DIR *proc = opendir("/proc");
    for (size_t i = 0; proc && i < pod->plan->n_apps; i++) {
        for (int n = 0; n < MOVE_TRIES && move_some(pod, i, proc) > 0; n++)
            ;
    }
    if (proc)
        (void)closedir(proc);
}

/* Before the first app is sealed nothing of an app can run. */
static bool has_run(const struct jp_isolation *pod)
{
    for (size_t i = 0; i < pod->plan->n_apps; i++) {
        if (pod->apps[i].ns_fd >= 0)
            return true;
    }
    return false;
}

static int begin(struct jp_isolation *pod, struct jp_error *err)
{
    if (!pod->limits)
        pod->limits = new_limits(pod->plan->n_apps);
    if (!pod->limits || !pod->limits->memory_fds || !pod->limits->seen_kills) {
        teardown(pod);
        return jp_oom(err);
    }
    let_go(pod);
    pod->limits->n_places = 0;
    jp_cgroup_layout_clear(&pod->limits->layout);
    jp_linux_group_prefix(pod->plan->jail_prefix, pod->limits->prefix);
    return jp_cgroup_find(&pod->limits->layout, err);
}

static int setup(struct jp_isolation *pod,
                 void (*report)(void *context, const struct jp_limit_report *), void *context,
                 struct jp_error *err)
{
    const struct jp_plan *plan = pod->plan;
    unsigned needed = needs(&plan->limits);
    for (size_t i = 0; i < plan->n_apps; i++)
        needed |= needs(&plan->apps[i].limits);
    if (needed == 0)
        return 0;
    if (!jp_uuid_valid(plan->uuid))
        return jp_fail(err, JP_EINVALID, 0, "bad UUID '%s'", plan->uuid);
    if (begin(pod, err) < 0)
        return -1;
    struct reporter r = {.report = report, .context = context, .is_alone = plan->n_apps == 1};
    unsigned missing = choose_places(pod->limits, needed);
    apply_nothing(&r, missing, "this host has no such controller", 0, &plan->limits);
    for (size_t i = 0; missing && i < plan->n_apps; i++) {
        r.app = plan->apps[i].name;
        apply_nothing(&r, missing, "this host has no such controller", 0, &plan->apps[i].limits);
    }
    r.app = NULL;
    for (size_t i = 0; i < pod->limits->n_places; i++)
        setup_place(pod, &pod->limits->places[i], r);
    if (has_run(pod))
        move_processes(pod);
    else
        make_views(pod);
    return 0;
}

/* "oom_kill 3" in memory.oom_control (v1) and memory.events (v2). */
static uint64_t count_kills(int memory_fd)
{
    static const char *const files[] = {"memory.oom_control", "memory.events"};
    for (size_t i = 0; i < JP_LEN(files); i++) {
        JP_AUTO(jp_buf) text = JP_BUF_INIT;
        if (jp_file_read(memory_fd, files[i], 4096, &text, NULL) < 0)
            continue;
        const char *at = strstr(jp_buf_text(&text), "oom_kill ");
        return at ? strtoull(at + strlen("oom_kill "), NULL, 10) : 0;
    }
    return 0;
}

static bool was_out_of_memory(const struct jp_isolation *pod, size_t app)
{
    struct jp_linux_limits *limits = pod->limits;
    if (!limits || app >= pod->plan->n_apps || limits->memory_fds[app] < 0)
        return false;
    uint64_t kills = count_kills(limits->memory_fds[app]);
    bool is_news = kills > limits->seen_kills[app];
    limits->seen_kills[app] = kills; /* a restart of the app begins anew */
    return is_news;
}

/* Removes a group that may have just lost its last process. */
static int remove_group(int parent, const char *name)
{
    for (int i = 0; i < REMOVE_TRIES; i++) {
        if (jp_sys.unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
            return 0;
        if (errno != EBUSY)
            return -1;
        (void)poll(NULL, 0, 10);
    }
    return -1;
}

/* Removes a pod's group with its apps' groups, whatever their names are. */
static int remove_pod_group(int prefix, const char *uuid)
{
    int fd = openat(prefix, uuid, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        jp_fd_close(&fd);
        return -1;
    }
    int r = 0;
    const struct dirent *entry;
    for (size_t n = 0; n < MAX_GROUPS && (entry = readdir(dir)); n++) {
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
            remove_group(dirfd(dir), entry->d_name) < 0)
            r = -1;
    }
    (void)closedir(dir);
    return remove_group(prefix, uuid) < 0 ? -1 : r;
}

int jp_linux_group_remove(const struct jp_cgroup_hierarchy *h, const char *prefix, const char *uuid)
{
    JP_AUTO_FD int top = open(h->mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    JP_AUTO_FD int fd =
        top < 0 ? -1 : openat(top, prefix, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || faccessat(fd, uuid, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    int r = remove_pod_group(fd, uuid);
    /* The last one turns off the light; it stays when another pod is in it. */
    (void)jp_sys.unlinkat(top, prefix, AT_REMOVEDIR);
    return r;
}

static void teardown(struct jp_isolation *pod)
{
    struct jp_linux_limits *limits = pod ? pod->limits : NULL;
    if (!limits)
        return;
    let_go(pod);
    for (size_t i = 0; i < limits->n_places; i++) {
        if (pod->has_home && limits->places[i].hierarchy->is_v2)
            continue; /* nothing can be removed around us: home.c does */
        (void)jp_linux_group_remove(limits->places[i].hierarchy, limits->prefix, pod->plan->uuid);
    }
    jp_cgroup_layout_clear(&limits->layout);
    free(limits->memory_fds);
    free(limits->seen_kills);
    free(limits);
    pod->limits = NULL;
}

/* The prefix is not known here: every directory at the top may be it. */
static int clean_in(const struct jp_cgroup_hierarchy *h, const char *uuid)
{
    DIR *dir = opendir(h->mount_point);
    int r = 0;
    const struct dirent *entry;
    for (size_t n = 0; dir && n < MAX_GROUPS && (entry = readdir(dir)); n++) {
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
            jp_linux_group_remove(h, entry->d_name, uuid) < 0)
            r = -1;
    }
    if (dir)
        (void)closedir(dir);
    return r;
}

static int clean(const char *uuid, JP_UNUSED const char *dir, struct jp_error *err)
{
    struct jp_cgroup_layout layout = {.count = 0};
    if (!jp_uuid_valid(uuid))
        return jp_fail(err, JP_EINVALID, 0, "bad UUID '%s'", uuid);
    if (jp_cgroup_find(&layout, err) < 0)
        return -1;
    int r = 0;
    for (size_t i = 0; r == 0 && i < layout.count; i++) {
        if (clean_in(&layout.items[i], uuid) < 0)
            r = jp_fail(err, JP_EBUSY, errno, "remove a control group in '%s'",
                        layout.items[i].mount_point);
    }
    jp_cgroup_layout_clear(&layout);
    return r;
}

const struct jp_limit_ops jp_linux_limit = {
    .setup = setup,
    .settle = jp_linux_settle,
    .was_out_of_memory = was_out_of_memory,
    .teardown = teardown,
    .clean = clean,
};
