/*
 * Names of pods: pods of one network find each other by the name of the pod and by those of its
 * apps. A small file tells how each running pod is called (platform/names.h); a resolver of the
 * host, dnsmasq, answers from those files on the host's address in that network, and asks the
 * host's own name servers for everything else. So a resolver on the host's loopback serves pods,
 * too.
 *
 * Names are a pod's own as far as they can be wrong: one label of letters, digits, '-' and '_'.
 * Those of apps come from images: they stand below a domain of their own, which is searched after
 * that of pods, so that no image takes the name of another pod.
 *
 * A start finds the resolver running and enters its pod; the first one of a network starts it.
 * Nothing of this is a reason for a pod not to start: it is told, and the pod gets the name servers
 * that the host has.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/time.h"
#include "plan/service.h"
#include "platform/names.h"
#include "pod/internal.h"
#include "sys/account.h"
#include "sys/address.h"
#include "sys/calls.h"
#include "sys/cgroups.h"
#include "sys/detach.h"
#include "sys/fd.h"
#include "sys/lock.h"

#define RESOLVER      "dnsmasq"
#define OWN_USER      "dnsmasq" /* that its package makes */
#define ERRORS        "errors"
#define DIR_MODE      02750
#define FILE_MODE     0640
#define OWN_SERVERS   "# has servers of its own\n"
#define DNS_PORT      53
#define MAX_LABEL     63
#define MAX_ERRORS    4096
#define LOCK_WAIT_MS  60000 /* another start makes it: a few milliseconds */
#define LOCK_PAUSE_MS 5
#define MAX_START_MS  60000 /* of a resolver */

/* ---- whether there are names ----------------------------------------------------------------- */

static const char *find_program(void)
{
    static const char *const places[] = {"/usr/sbin/" RESOLVER, "/usr/local/sbin/" RESOLVER,
                                         "/usr/bin/" RESOLVER, "/sbin/" RESOLVER};
    for (size_t i = 0; i < JP_LEN(places); i++) {
        if (access(places[i], X_OK) == 0)
            return places[i];
    }
    return NULL;
}

static bool serves(const struct jp_pod_context *ctx, const struct jp_network *network)
{
    /* A macvlan device and the one that it is on never hear each other. */
    return ctx->has_names && jp_platform.links->has_names && network &&
           network->kind != JP_NET_MACVLAN && find_program() != NULL;
}

/* ---- one network's directory ----------------------------------------------------------------- */

struct place {
    const struct jp_pod_context *ctx;
    const struct jp_network *network;
    char *dir; /* absolute */
    int dir_fd;
    int hosts_fd;
    int lock_fd;
};

static void place_clear(struct place *p)
{
    free(p->dir);
    jp_fd_close(&p->hosts_fd);
    jp_fd_close(&p->lock_fd);
    jp_fd_close(&p->dir_fd);
}

#define AUTO_PLACE __attribute__((__cleanup__(place_clear)))
#define PLACE_INIT                                                                                 \
    {                                                                                              \
        .dir = NULL, .dir_fd = -1, .hosts_fd = -1, .lock_fd = -1                                   \
    }

static char *dir_of(const struct jp_pod_context *ctx, const char *network)
{
    return jp_format("%s/" JP_NAMES_DIR "/%s", jp_store_root(ctx->store), network);
}

/* Whom the resolver becomes: the user of its package, else the metadata service's. */
static int find_user(const struct jp_pod_context *ctx, const char **ret, uint32_t *ret_gid,
                     struct jp_error *err)
{
    uint32_t uid;
    *ret = OWN_USER;
    if (jp_account_find(OWN_USER, &uid, ret_gid, NULL) == 0)
        return 0;
    *ret = ctx->metadata && ctx->metadata->user ? ctx->metadata->user : "nobody";
    return jp_account_ensure(*ret, &uid, ret_gid, NULL, err);
}

/* A directory that the resolver can read and nobody else but root. */
static int make_dir(int dir_fd, const char *name, uint32_t gid, struct jp_error *err)
{
    JP_AUTO_FD int fd = jp_fd_make_dir(dir_fd, name, 0700, err);
    if (fd < 0)
        return -1;
    if (jp_sys.fchown(fd, 0, (gid_t)gid) < 0 || jp_sys.fchmod(fd, DIR_MODE) < 0)
        return jp_fail_sys(err, "set the group of '%s'", name);
    return jp_fd_take(&fd);
}

static int make_place(struct place *p, struct jp_error *err)
{
    const char *user;
    uint32_t gid;
    JP_AUTO_FD int all = jp_fd_make_dir(jp_store_root_fd(p->ctx->store), JP_NAMES_DIR, 0711, err);
    if (all < 0 || find_user(p->ctx, &user, &gid, err) < 0 ||
        (p->dir_fd = make_dir(all, p->network->name, gid, err)) < 0 ||
        (p->hosts_fd = make_dir(p->dir_fd, JP_NAMES_HOSTS, gid, err)) < 0)
        return -1;
    return 0;
}

static int lock_place(struct place *p, struct jp_error *err)
{
    int64_t end = jp_time_monotonic_ms() + LOCK_WAIT_MS;
    for (;;) {
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        p->lock_fd = jp_lock_take(p->dir_fd, JP_NAMES_LOCK, JP_LOCK_EXCLUSIVE, false, &why);
        if (p->lock_fd >= 0)
            return 0;
        if (why.code != JP_EBUSY || jp_time_monotonic_ms() > end) {
            jp_error_move(err, &why);
            return -1;
        }
        if (jp_pod_check_interrupt(p->ctx, err) < 0)
            return -1;
        (void)poll(NULL, 0, LOCK_PAUSE_MS);
    }
}

/* The directory, made when it is missing, and its lock. */
static int enter_place(const struct jp_pod_context *ctx, const struct jp_network *network,
                       struct place *p, struct jp_error *err)
{
    p->ctx = ctx;
    p->network = network;
    p->dir = dir_of(ctx, network->name);
    if (!p->dir)
        return jp_oom(err);
    p->dir_fd = jp_fd_open_dir(AT_FDCWD, p->dir, NULL);
    p->hosts_fd = p->dir_fd < 0 ? -1 : jp_fd_open_dir(p->dir_fd, JP_NAMES_HOSTS, NULL);
    if (p->hosts_fd < 0) {
        jp_fd_close(&p->dir_fd);
        if (make_place(p, err) < 0)
            return -1;
    }
    return lock_place(p, err);
}

/* ---- what a pod is called -------------------------------------------------------------------- */

static bool is_label(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= MAX_LABEL && name[0] != '-' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == len;
}

static void put_names(struct jp_buf *out, const char *address, const struct jp_store_pod *pod)
{
    bool has_name = pod->name && is_label(pod->name);
    jp_buf_printf(out, "%s", address);
    if (has_name)
        jp_buf_printf(out, " %s." JP_RESOLVER_PODS " %s", pod->name, pod->name);
    for (size_t i = 0; i < pod->n_apps; i++) {
        const char *app = pod->apps[i].name;
        if (!is_label(app))
            continue;
        if (has_name)
            jp_buf_printf(out, " %s.%s." JP_RESOLVER_PODS, app, pod->name);
        jp_buf_printf(out, " %s." JP_RESOLVER_APPS, app);
    }
    jp_buf_putc(out, '\n');
}

/*
 * Pods that do not reach each other have no use for each other's names. One that asks servers of
 * its own says so in a comment: it needs no resolver.
 */
static int write_entry(const struct place *p, const struct jp_store_pod *pod, bool needs_resolver,
                       struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO_FREE char *six = NULL;
    jp_buf_puts(&text, needs_resolver ? "" : OWN_SERVERS);
    if (!p->network->is_isolated) {
        put_names(&text, pod->address, pod);
        six = jp_platform.links->has_ipv6 ? jp_network_address6(p->network, pod->address) : NULL;
        if (six)
            put_names(&text, six, pod);
    }
    if (jp_buf_failed(&text))
        return jp_oom(err);
    return jp_file_replace(p->hosts_fd, pod->uuid, jp_buf_text(&text), text.len, FILE_MODE, false,
                           err);
}

/* ---- the resolver ---------------------------------------------------------------------------- */

/*
 * Bound to the bridge, whenever that comes and goes, and to nothing else; questions that come in by
 * another device are not answered. Our domain and bare names never leave this host.
 */
static int compose(const struct place *p, struct jp_strv *argv, struct jp_error *err)
{
    static const char *const fixed[] = {
        "--conf-file=/dev/null",
        "--bind-dynamic",
        "--except-interface=lo",
        "--no-hosts",
        "--local=/" JP_RESOLVER_DOMAIN "/",
        "--domain-needed",
    };
    JP_AUTO(jp_strv) servers = JP_STRV_INIT;
    const char *list = p->ctx->dns_servers;
    bool has_list = list && list[0] != '\0';
    if (has_list && jp_pod_dns_parse(list, &servers, err) < 0)
        return jp_wrap(err, "ace.dns-servers");
    int r = jp_strv_add(argv, find_program());
    r |= jp_strv_add_owned(argv, jp_names_mark(p->dir));
    r |= jp_strv_add_owned(argv, jp_format("--hostsdir=%s/" JP_NAMES_HOSTS, p->dir));
    r |= jp_strv_add_owned(argv, jp_format("--interface=%s", p->network->interface));
    r |= jp_strv_extend(argv, (char *const *)(uintptr_t)fixed, JP_LEN(fixed));
    if (has_list)
        r |= jp_strv_add(argv, "--no-resolv");
    for (size_t i = 0; i < servers.count; i++)
        r |= jp_strv_add_owned(argv, jp_format("--server=%s", servers.items[i]));
    return r ? jp_oom(err) : 0;
}

/* Looked up only when one is started. */
static int add_user(const struct place *p, struct jp_strv *argv, struct jp_error *err)
{
    const char *user;
    uint32_t gid;
    JP_AUTO_FREE char *group = NULL;
    if (find_user(p->ctx, &user, &gid, err) < 0)
        return -1;
    int r = jp_strv_add_owned(argv, jp_format("--user=%s", user));
    if (jp_account_group_name(gid, &group, NULL) == 0)
        r |= jp_strv_add_owned(argv, jp_format("--group=%s", group));
    return r ? jp_oom(err) : 0;
}

/* Once the process that made the resolver has ended, the pid file is there. */
static void move_out(const char *dir, pid_t pid, uint64_t start)
{
    struct jp_process maker = JP_PROCESS_INIT;
    struct jp_process resolver = JP_PROCESS_INIT;
    bool is_made = jp_process_open_same(pid, start, &maker, NULL) < 0 ||
                   jp_process_wait_gone(&maker, MAX_START_MS, NULL) == 1;
    JP_AUTO_FD int dir_fd = jp_fd_open_dir(AT_FDCWD, dir, NULL);
    if (is_made && dir_fd >= 0 && jp_names_find(dir_fd, dir, &resolver) == 1)
        jp_cgroups_leave(resolver.pid);
    jp_process_clear(&maker);
    jp_process_clear(&resolver);
}

/* A process of its own sees to that: no start waits for the kernel's grace periods. */
static void leave_caller_groups(const char *dir)
{
    struct jp_process self = JP_PROCESS_INIT;
    if (!jp_cgroups_are_foreign() || jp_process_open(getpid(), &self, NULL) < 0 || fork() != 0)
        return;
    closefrom(STDERR_FILENO + 1);
    move_out(dir, self.pid, self.start);
    _exit(0);
}

JP_NORETURN static void become(const char *dir, char *const argv[], int errors)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (jp_detach(NULL) == 0 && null >= 0 && dup2(errors, STDERR_FILENO) >= 0 &&
        dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0) {
        leave_caller_groups(dir);
        closefrom(STDERR_FILENO + 1);
        (void)execv(argv[0], argv);
    }
    _exit(127);
}

bool jp_pod_names_holder(const char *gateway, char *out, size_t size)
{
    union jp_address address;
    return gateway && jp_address_read(gateway, DNS_PORT, &address, NULL) == 0 &&
           jp_platform.host->holder(true, &address, out, size);
}

/* Who listens everywhere listens at the address that pods would ask, too. */
static bool is_kept_out(const struct place *p, struct jp_error *err)
{
    char holder[64];
    JP_AUTO_FREE char *gateway = jp_network_gateway(p->network);
    if (!jp_pod_names_holder(gateway, holder, sizeof(holder)))
        return false;
    jp_fail(err, JP_EBUSY, 0,
            "%s has port %d of %s: it would have to listen at other addresses alone", holder,
            DNS_PORT, gateway);
    return true;
}

/* The first line of what it said; what it is called itself stands before. */
static int fail_start(const struct place *p, int status, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (is_kept_out(p, err))
        return -1;
    (void)jp_file_read(p->dir_fd, ERRORS, MAX_ERRORS, &text, NULL);
    const char *line = jp_buf_text(&text);
    line += strspn(line, "\n");
    if (strncmp(line, RESOLVER ": ", strlen(RESOLVER ": ")) == 0)
        line += strlen(RESOLVER ": ");
    int len = (int)strcspn(line, "\n");
    return len > 0 ? jp_fail(err, JP_ESYS, 0, RESOLVER ": %.*s", len, line)
                   : jp_fail(err, JP_ESYS, 0, RESOLVER " failed (status %d)",
                             WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* It leaves us by itself once it listens; what it is then is told by its pid file. */
static int launch(const struct place *p, char *const argv[], struct jp_error *err)
{
    int status = 0;
    pid_t r;
    JP_AUTO_FD int errors = jp_fd_open(p->dir_fd, ERRORS, O_WRONLY | O_CREAT | O_TRUNC, 0600, err);
    if (errors < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        become(p->dir, argv, errors);
    if (pid < 0)
        return jp_fail_sys(err, "make a process");
    while ((r = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
        ;
    if (r < 0)
        return jp_fail_sys(err, "wait for " RESOLVER);
    return status == 0 ? 0 : fail_start(p, status, err);
}

/* The bridge comes first: it binds to what is there when it starts, and is ready then. */
static int prepare_network(const struct place *p, struct jp_error *err)
{
    struct jp_plan_host host = {.state = NULL};
    const struct jp_networks *networks = jp_pod_networks(p->ctx);
    int r = jp_network_host(p->ctx, &host, err);
    if (r == 0 && host.networks)
        r = jp_platform.links->prepare(&host.networks[p->network - networks->items], err);
    jp_plan_host_clear(&host);
    return r;
}

/* One of an earlier configuration is replaced. */
static int ensure(const struct place *p, struct jp_error *err)
{
    JP_AUTO(jp_strv) argv = JP_STRV_INIT;
    struct jp_process process = JP_PROCESS_INIT;
    if (compose(p, &argv, err) < 0)
        return -1;
    bool is_right = jp_names_find(p->dir_fd, p->dir, &process) == 1 &&
                    jp_process_has_arguments(&process, argv.items);
    jp_process_clear(&process);
    if (is_right)
        return 0;
    jp_names_end(p->dir_fd, p->dir);
    if (prepare_network(p, err) < 0 || add_user(p, &argv, err) < 0)
        return -1;
    return launch(p, argv.items, err);
}

/* ---- for the start and the end of a pod ------------------------------------------------------ */

static int enter(const struct jp_pod_context *ctx, const struct jp_network *network,
                 const struct jp_store_pod *pod, bool needs_resolver, char **ret_dir,
                 struct jp_error *err)
{
    AUTO_PLACE struct place p = PLACE_INIT;
    if (enter_place(ctx, network, &p, err) < 0 || write_entry(&p, pod, needs_resolver, err) < 0)
        return -1;
    if (needs_resolver && ensure(&p, err) < 0) {
        (void)jp_sys.unlinkat(p.hosts_fd, pod->uuid, 0);
        return -1;
    }
    *ret_dir = jp_take(&p.dir);
    return 0;
}

int jp_pod_names_enter(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                       const struct jp_pod_manifest *m, char **ret_dir, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    const struct jp_network *network = NULL;
    *ret_dir = NULL;
    if (jp_pod_network(ctx, m, &network, err) < 0)
        return -1;
    if (!pod->address || !serves(ctx, network))
        return 0;
    bool has_own_servers = jp_pod_manifest_annotation(m, JP_NOTE_DNS) != NULL;
    if (enter(ctx, network, pod, !has_own_servers, ret_dir, &why) == 0)
        return 0;
    if (why.code == JP_EINTERRUPTED) {
        jp_error_move(err, &why);
        return -1;
    }
    jp_pod_say(ctx, JP_POD_WARNING, "pods of network '%s' are not found by name: %s", network->name,
               jp_error_text(&why));
    return 0;
}

/* Calls `each` for every network that ever had names, with its directory. */
static void each_place(const struct jp_pod_context *ctx,
                       void (*each)(void *context, const char *dir, int dir_fd), void *context)
{
    JP_AUTO_FD int all = jp_fd_open_dir(jp_store_root_fd(ctx->store), JP_NAMES_DIR, NULL);
    int copy = all < 0 ? -1 : fcntl(all, F_DUPFD_CLOEXEC, 3);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;
    while (list && (entry = readdir(list))) {
        JP_AUTO_FREE char *dir = dir_of(ctx, entry->d_name);
        JP_AUTO_FD int dir_fd =
            entry->d_name[0] == '.' ? -1 : jp_fd_open_dir(all, entry->d_name, NULL);
        if (dir && dir_fd >= 0)
            each(context, dir, dir_fd);
    }
    if (list)
        (void)closedir(list);
    else
        jp_fd_close(&copy);
}

static void leave(void *context, const char *dir, JP_UNUSED int dir_fd)
{
    jp_names_leave(dir, context);
}

void jp_pod_names_leave(const struct jp_pod_context *ctx, const char *uuid)
{
    each_place(ctx, leave, (void *)(uintptr_t)uuid);
}

/* ---- a new name ------------------------------------------------------------------------------ */

/* Whether the pod of an entry asks the resolver; an entry that has just gone does not. */
static bool asks_resolver(int hosts_fd, const char *entry)
{
    char first = 0;
    struct stat st;
    JP_AUTO_FD int fd = jp_fd_open(hosts_fd, entry, O_RDONLY, 0, NULL);
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
           (read(fd, &first, 1) == 0 || first != OWN_SERVERS[0]);
}

int jp_pod_names_rename(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                        struct jp_error *err)
{
    AUTO_PLACE struct place p = PLACE_INIT;
    const struct jp_network *network = jp_network_of(jp_pod_networks(ctx), pod->address);
    if (!serves(ctx, network))
        return 0;
    JP_AUTO_FREE char *entry = jp_format("%s/" JP_NAMES_DIR "/%s/" JP_NAMES_HOSTS "/%s",
                                         jp_store_root(ctx->store), network->name, pod->uuid);
    if (!entry)
        return jp_oom(err);
    if (access(entry, F_OK) < 0)
        return 0; /* it does not run */
    if (enter_place(ctx, network, &p, err) < 0)
        return -1;
    return access(entry, F_OK) < 0
               ? 0
               : write_entry(&p, pod, asks_resolver(p.hosts_fd, pod->uuid), err);
}

/* ---- sweeping -------------------------------------------------------------------------------- */

struct sweep {
    const struct jp_pod_context *ctx;
    const struct jp_pod_gc *options;
};

static void sweep_entries(const struct sweep *s, DIR *list, int hosts_fd)
{
    const struct dirent *entry;
    while ((entry = readdir(list))) {
        if (!jp_pod_entry_is_stale(s->ctx, entry->d_name) ||
            jp_sys.unlinkat(hosts_fd, entry->d_name, 0) < 0)
            continue;
        if (s->options->say)
            s->options->say(s->options->say_context, "name", entry->d_name, "removed");
    }
}

/* The lock keeps drafts of entries from being taken for left ones. */
static void sweep(void *context, const char *dir, int dir_fd)
{
    JP_AUTO_FD int held =
        jp_lock_take(dir_fd, JP_NAMES_LOCK, JP_LOCK_EXCLUSIVE, /* wait= */ false, NULL);
    int hosts_fd = held < 0 ? -1 : jp_fd_open_dir(dir_fd, JP_NAMES_HOSTS, NULL);
    DIR *list = hosts_fd < 0 ? NULL : fdopendir(hosts_fd);
    if (!list) {
        jp_fd_close(&hosts_fd);
        return;
    }
    sweep_entries(context, list, hosts_fd);
    if (jp_fd_is_empty_dir(hosts_fd))
        jp_names_end(dir_fd, dir);
    (void)closedir(list);
}

void jp_pod_names_sweep(const struct jp_pod_context *ctx, const struct jp_pod_gc *options)
{
    struct sweep s = {ctx, options};
    each_place(ctx, sweep, &s);
}

/* ---- looking after it ------------------------------------------------------------------------ */

static bool is_needed(const struct place *p)
{
    int copy = fcntl(p->hosts_fd, F_DUPFD_CLOEXEC, 3);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;
    bool is = false;
    while (list && !is && (entry = readdir(list)))
        is = entry->d_name[0] != '.' && asks_resolver(p->hosts_fd, entry->d_name);
    if (list)
        (void)closedir(list);
    else
        jp_fd_close(&copy);
    return is;
}

static bool is_missing(const struct place *p)
{
    struct jp_process process = JP_PROCESS_INIT;
    bool is_running = jp_names_find(p->dir_fd, p->dir, &process) == 1;
    jp_process_clear(&process);
    return !is_running && is_needed(p);
}

static int inspect(const struct jp_pod_context *ctx, const struct jp_network *network, bool repair,
                   const struct jp_link_report *report, struct jp_error *err)
{
    AUTO_PLACE struct place p = PLACE_INIT;
    JP_AUTO_FREE char *dir = dir_of(ctx, network->name);
    if (!dir)
        return jp_oom(err);
    if (access(dir, F_OK) < 0)
        return 0;
    if (enter_place(ctx, network, &p, err) < 0)
        return -1;
    if (!is_missing(&p))
        return 0;
    if (repair && ensure(&p, err) < 0)
        return -1;
    JP_AUTO_FREE char *what = jp_format("resolver of network %s", network->name);
    if (!what)
        return jp_oom(err);
    report->say(report->context, what, "does not run: pods are not found by name",
                repair ? NULL : "jetpack network repair");
    return 0;
}

int jp_pod_names_inspect(const struct jp_pod_context *ctx, bool repair,
                         const struct jp_link_report *report, struct jp_error *err)
{
    const struct jp_networks *networks = jp_pod_networks(ctx);
    for (size_t i = 0; i < networks->count; i++) {
        const struct jp_network *network = &networks->items[i];
        if (serves(ctx, network) && inspect(ctx, network, repair, report, err) < 0)
            return -1;
    }
    return 0;
}

void jp_pod_names_examine(const struct jp_pod_context *ctx,
                          void (*say)(void *context, const char *name, bool is_fine,
                                      const char *text, const char *remedy),
                          void *context)
{
    JP_AUTO_FREE char *gateway = jp_network_gateway(jp_pod_networks(ctx)->items);
    struct jp_plan_net without = {.mode = JP_NET_POD, .gateway = gateway};
    struct jp_pod_context silent = *ctx;
    silent.tell = NULL;
    JP_AUTO_FREE char *servers = NULL;
    bool can_have = jp_platform.links->has_names;
    const char *program = can_have ? find_program() : NULL;
    bool has_names = ctx->has_names && program;
    const char *text = !can_have         ? "not on this system: pods know each other by address"
                       : !ctx->has_names ? "off (net.names)"
                       : !program        ? "not without " RESOLVER " (package dnsmasq-base)"
                                         : program;
    bool has_servers = has_names || (ctx->dns_servers && ctx->dns_servers[0] != '\0');
    if (!has_servers)
        servers = jp_pod_resolv_conf_host(&silent, &without);
    has_servers |= servers != NULL;
    say(context, "names of pods", true, text, NULL);
    say(context, "name servers", has_servers,
        has_servers ? "pods have some"
                    : "none that pods reach: the host has none, or on its loopback",
        can_have ? "apt-get install dnsmasq-base, or set ace.dns-servers" : "set ace.dns-servers");
}
