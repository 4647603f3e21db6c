/* A bed for one pod of the tests (bed.h). */
#include "platform/linux/bed.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/fd.h"
#include "sys/tree.h"

#define MAX_PROGRAM (16U << 20) /* bytes; the fingerprint is a megabyte */

static const char *fingerprint_path;
int stage2_fd = -1;

bool bed_prepare(int argc, char **argv)
{
    if (argc != 3)
        exit(99);
    fingerprint_path = argv[2];
    stage2_fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    return geteuid() == 0 && stage2_fd >= 0;
}

void note(const char *what, const char *text)
{
    printf("# %s\n", what);
    for (int i = 0; i < 60 && *text != '\0'; i++) {
        int len = (int)strcspn(text, "\n");
        printf("#   %.*s\n", len, text);
        text += len + (text[len] == '\n' ? 1 : 0);
    }
}

const char *why(const struct jp_error *err)
{
    return err->code == JP_OK ? "" : jp_error_text(err);
}

char *in_bed(const struct bed *bed, const char *path)
{
    char *text = jp_format("%s/%s", bed->dir, path);
    if (!text)
        abort();
    return text;
}

void make_dir(const struct bed *bed, const char *path)
{
    JP_AUTO_FREE char *full = in_bed(bed, path);
    if (mkdir(full, 0755) < 0)
        perror(full);
}

void make_file(const struct bed *bed, const char *path, const char *content)
{
    JP_AUTO_FREE char *full = in_bed(bed, path);
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, content, strlen(content)) < 0)
        perror(full);
    close(fd);
}

void make_link(const struct bed *bed, const char *target, const char *path)
{
    JP_AUTO_FREE char *full = in_bed(bed, path);
    if (symlink(target, full) < 0)
        perror(full);
}

static void copy_program(const struct bed *bed, const char *path)
{
    JP_AUTO_FREE char *full = in_bed(bed, path);
    JP_AUTO(jp_buf) program = JP_BUF_INIT;
    JP_AUTO_FD int to = open(full, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    /* Not by copy_file_range: from one file system to another it is refused by some kernels. */
    if (to < 0 || jp_file_read(AT_FDCWD, fingerprint_path, MAX_PROGRAM, &program, NULL) < 0 ||
        jp_fd_write_all(to, program.data, program.len, full, NULL) < 0)
        perror(full);
}

static struct jp_plan_app app_in(const struct bed *bed, const char *name)
{
    struct jp_plan_app app = {.name = jp_strdup(name), .is_linux = true, .stop_signal = SIGTERM};
    app.root.kind = JP_ROOT_OVERLAY;
    app.root.is_volatile = true;
    if (jp_strv_add_owned(&app.root.layers, in_bed(bed, "top")) < 0 ||
        jp_strv_add_owned(&app.root.layers, in_bed(bed, "base")) < 0)
        abort();
    JP_AUTO_FREE char *upper = jp_format("%s-upper", name);
    JP_AUTO_FREE char *work = jp_format("%s-work", name);
    make_dir(bed, upper);
    make_dir(bed, work);
    app.root.upper = in_bed(bed, upper);
    app.root.work = in_bed(bed, work);
    app.confine.capabilities = CAPS;
    return app;
}

void bed_open(struct bed *bed, size_t n_apps)
{
    static char name[] = "test";
    *bed = (struct bed){.plan = JP_PLAN_INIT, .roots = {-1, -1}};
    (void)snprintf(bed->dir, sizeof(bed->dir), "/tmp/jetpack-linux-test.XXXXXX");
    if (!mkdtemp(bed->dir) || jp_uuid_new(bed->uuid, NULL) < 0)
        abort();
    make_dir(bed, "base");
    make_dir(bed, "top");
    make_dir(bed, "base/etc");
    make_dir(bed, "base/tmp");
    make_dir(bed, "base/bin");
    copy_program(bed, "base/bin/fingerprint");
    make_file(bed, "base/etc/hosts", "from the base\n");
    make_file(bed, "top/top-file", "from the top\n");
    for (size_t i = 0; i < n_apps; i++)
        bed->apps[i] = app_in(bed, i == 0 ? "one" : "two");
    bed->plan.uuid = bed->uuid;
    bed->plan.name = name;
    bed->plan.hostname = jp_strdup("pod-host");
    bed->plan.jail_prefix = jp_strdup("jetpack-test/");
    bed->plan.net.mode = JP_NET_NONE;
    bed->plan.apps = bed->apps;
    bed->plan.n_apps = n_apps;
    bed->plan.volumes = bed->volumes;
}

void bed_end(struct bed *bed)
{
    for (size_t i = 0; i < 2; i++)
        jp_fd_close(&bed->roots[i]);
    jp_platform.isolation->destroy(bed->pod);
    bed->pod = NULL;
}

void bed_close(struct bed *bed)
{
    bed_end(bed);
    for (size_t i = 0; i < bed->plan.n_apps; i++) {
        free(bed->apps[i].name);
        jp_strv_clear(&bed->apps[i].root.layers);
        free(bed->apps[i].root.upper);
        free(bed->apps[i].root.work);
    }
    for (size_t i = 0; i < JP_LEN(bed->volumes); i++)
        free(bed->volumes[i].source);
    free(bed->plan.hostname);
    free(bed->plan.jail_prefix);
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_FD int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (jp_tree_remove(tmp, bed->dir + strlen("/tmp/"), &err) < 0)
        printf("# %s\n", why(&err));
}

/* "memory/one:0" means enforced, 1 modified, 2 ignored. */
static void keep_report(void *context, const struct jp_limit_report *report)
{
    struct bed *bed = context;
    size_t len = strlen(bed->reports);
    (void)snprintf(bed->reports + len, sizeof(bed->reports) - len, "%s/%s:%d %s\n",
                   report->resource, report->app ? report->app : "pod", (int)report->verdict,
                   report->reason);
}

int bed_try(struct bed *bed, struct jp_error *err)
{
    const struct jp_platform *p = &jp_platform;
    if (p->isolation->create(&bed->plan, stage2_fd, &bed->pod, err) < 0 ||
        p->links->setup(bed->pod, err) < 0 || p->limits->setup(bed->pod, keep_report, bed, err) < 0)
        return -1;
    for (size_t i = 0; i < bed->plan.n_apps; i++) {
        if (p->mounts->root(bed->pod, i, &bed->roots[i], err) < 0)
            return -1;
        for (size_t m = 0; m < bed->apps[i].n_mounts; m++) {
            if (p->mounts->volume(bed->pod, i, m, err) < 0)
                return -1;
        }
        if (p->mounts->seal(bed->pod, i, err) < 0)
            return -1;
    }
    return 0;
}

int bed_start(struct bed *bed, struct jp_error *err)
{
    int r = bed_try(bed, err);
    if (r < 0)
        printf("# %s\n", jp_error_text(err));
    return r;
}

void read_all(int fd, struct outcome *out)
{
    size_t len = 0;
    ssize_t n;
    while (len + 1 < sizeof(out->text) &&
           (n = read(fd, out->text + len, sizeof(out->text) - 1 - len)) > 0)
        len += (size_t)n;
    out->text[len] = '\0';
}

struct outcome *run_orders(struct bed *bed, size_t app, struct jp_orders *orders)
{
    static struct outcome out;
    int pipe_fds[2];
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    out = (struct outcome){.started = -1};
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        abort();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct jp_spawn spawn = {
        .app = app, .orders = orders, .stdio = {null, pipe_fds[1], pipe_fds[1]}};
    pid_t pid = -1;
    out.started = jp_platform.isolation->spawn(bed->pod, &spawn, &pid, &err);
    out.code = err.code;
    close(pipe_fds[1]);
    close(null);
    read_all(pipe_fds[0], &out);
    close(pipe_fds[0]);
    if (out.started < 0)
        (void)snprintf(out.text, sizeof(out.text), "%s", why(&err));
    else if (waitpid(pid, &out.status, 0) != pid)
        out.status = -1;
    return &out;
}

struct jp_orders orders_of(const char *a, const char *b, const char *c)
{
    struct jp_orders o = {.capabilities = CAPS, .umask = 022, .cwd = jp_strdup("/")};
    const char *argv[] = {"/bin/fingerprint", a, b, c};
    for (size_t i = 0; i < 4 && argv[i]; i++) {
        if (jp_strv_add(&o.argv, argv[i]) < 0)
            abort();
    }
    o.groups = jp_calloc(4, sizeof(*o.groups));
    o.n_groups = 1;
    if (jp_strv_add(&o.env, "PATH=/nowhere:/bin") < 0)
        abort();
    return o;
}

struct outcome *run(struct bed *bed, const char *a, const char *b, const char *c)
{
    struct jp_orders o = orders_of(a, b, c);
    struct outcome *out = run_orders(bed, 0, &o);
    jp_orders_clear(&o);
    return out;
}

bool says(const struct outcome *out, const char *line)
{
    bool found = strstr(out->text, line) != NULL;
    if (!found) {
        printf("# no '%s'\n", line);
        note("in:", out->text);
    }
    return found;
}

bool silent_about(const struct outcome *out, const char *line)
{
    bool found = strstr(out->text, line) != NULL;
    if (found) {
        printf("# there is '%s'\n", line);
        note("in:", out->text);
    }
    return !found;
}

bool all_nodev(const char *text)
{
    static const char *const exceptions[] = {
        " /dev/null ",    " /dev/zero ", " /dev/full ", " /dev/random ",
        " /dev/urandom ", " /dev/tty ",  " /dev/pts ",  " /dev/console ",
    };
    bool fine = true;
    char line[4096];
    for (const char *p = text; *p; p += strcspn(p, "\n") + 1) {
        (void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(p, "\n"), p);
        bool excepted = strstr(line, "nodev") != NULL;
        for (size_t i = 0; i < JP_LEN(exceptions); i++)
            excepted = excepted || strstr(line, exceptions[i]);
        if (!excepted)
            printf("# %s\n", line);
        fine = fine && excepted;
        if (p[strcspn(p, "\n")] == '\0')
            break;
    }
    return fine;
}

size_t count_descriptors(void)
{
    size_t count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

void add_volume(struct bed *bed, const char *source, const char *path, bool is_read_only)
{
    static char name[] = "vol";
    size_t n = bed->plan.n_volumes++;
    bed->volumes[n] = (struct jp_plan_volume){
        .name = name, .source = in_bed(bed, source), .is_host = true, .is_recursive = true};
    bed->mounts[n] = (struct jp_plan_mount){
        .volume = (uint32_t)n, .path = (char *)(uintptr_t)path, .is_read_only = is_read_only};
    bed->apps[0].mounts = bed->mounts;
    bed->apps[0].n_mounts = n + 1;
}
