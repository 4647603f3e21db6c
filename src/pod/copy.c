/*
 * Files between host and pods: `cp`.
 *
 * Every path of a pod is resolved inside its root by descriptors, whatever the pod does meanwhile
 * (CVE-2018-15664, CVE-2019-10152). The root of a running app comes from its supervisor; an app
 * that does not run gets its isolation without programs for the time of the copy. A file appears
 * under its final name only when it is complete. What a pod offers never removes a directory of the
 * host: it is merged (jp_tree_merge). Neither set-id bits nor file capabilities nor devices come
 * out of a pod: root of the pod made them for its own confined world.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "pod/internal.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "sys/tree.h"

/* One side: a root directory (-1: the host's) and a path in it. */
struct place {
    const char *word;
    int root_fd;
    char *path;
    struct jp_pod_session *session; /* of a pod that does not run: keeps its isolation */
    bool is_lost;                   /* what is put there is not there in the next run */
};

static void place_clear(struct place *p)
{
    jp_fd_close(&p->root_fd);
    free(p->path);
    jp_pod_session_free(p->session);
}

static bool is_host_path(const char *word)
{
    return word[0] == '/' || strcmp(word, ".") == 0 || strcmp(word, "..") == 0 ||
           strncmp(word, "./", 2) == 0 || strncmp(word, "../", 3) == 0;
}

/* ---- roots ---- */

static int open_volume(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                       const char *name, struct jp_error *err)
{
    JP_AUTO(jp_pod_manifest) m = JP_POD_MANIFEST_INIT;
    if (jp_pod_load_manifest(ctx, pod->uuid, &m, err) < 0)
        return -1;
    const struct jp_volume *volume = jp_pod_manifest_find_volume(&m, name);
    if (!volume)
        return jp_fail(err, JP_ENOTFOUND, 0, "pod '%s' has no volume '%s'", pod->name, name);
    if (volume->is_host && jp_pod_is_on(jp_pod_manifest_annotation(&m, JP_NOTE_VOLUME_LINKS))) {
        int fd = open(volume->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? jp_fail_sys(err, "open '%s'", volume->source) : fd;
    }
    if (volume->is_host)
        return jp_path_open_strict(volume->source, O_RDONLY | O_DIRECTORY, err);
    JP_AUTO_FD int pod_fd = -1;
    if (jp_store_pod_open(ctx->store, pod->uuid, &pod_fd, err) < 0 ||
        jp_store_pod_mount(pod_fd, err) < 0)
        return -1;
    JP_AUTO_FD int volumes = jp_fd_open_dir(pod_fd, JP_POD_VOLUMES_DIR, err);
    return volumes < 0 ? -1 : jp_fd_open_dir(volumes, name, err);
}

struct root_request {
    const char *app;
    int fd; /* of the answer */
};

static int ask_root(void *context, int socket, struct jp_error *err)
{
    struct root_request *request = context;
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    message.type = JP_CONTROL_ROOT;
    message.app = (char *)(uintptr_t)request->app;
    JP_AUTO(jp_control_message) answer = JP_CONTROL_MESSAGE_INIT;
    if (jp_pod_ask(socket, &message, &answer, err) < 0)
        return -1;
    if (answer.fd < 0)
        return jp_fail(err, JP_ECORRUPT, 0, "the supervisor sent no root directory");
    request->fd = jp_fd_take(&answer.fd);
    return 0;
}

/* Are the roots those of a run that was kept? */
static bool is_kept(const struct jp_pod_context *ctx, const struct jp_store_pod *pod)
{
    JP_AUTO_FD int pod_fd = -1;
    return jp_store_pod_open(ctx->store, pod->uuid, &pod_fd, NULL) == 0 &&
           faccessat(pod_fd, JP_POD_KEPT_FILE, F_OK, 0) == 0;
}

static int open_app_root(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                         const char *app, struct place *p, struct jp_error *err)
{
    struct root_request request = {.app = app, .fd = -1};
    JP_AUTO_PTR(jp_pod_session) session = NULL;
    if (jp_pod_enter(ctx, pod, ask_root, &request, &session, err) < 0)
        return -1;
    if (session->is_without_apps) {
        p->session = jp_take(&session);
        p->is_lost = !is_kept(ctx, pod);
    }
    return request.fd;
}

/* POD:APP:PATH, POD::PATH, POD:@VOLUME:PATH */
static int open_pod_place(const struct jp_pod_context *ctx, const char *word, struct place *p,
                          struct jp_error *err)
{
    const char *first = strchr(word, ':');
    const char *second = first ? strchr(first + 1, ':') : NULL;
    if (!second)
        return jp_fail(err, JP_EUSAGE, 0,
                       "'%s' is neither POD:APP:PATH, POD::PATH, POD:@VOLUME:PATH nor a path of "
                       "this host (absolute, or beginning with ./ or ../)",
                       word);
    JP_AUTO_FREE char *middle = jp_memdup0(first + 1, (size_t)(second - first) - 1);
    bool is_volume = middle && middle[0] == '@';
    JP_AUTO_FREE char *target = jp_memdup0(word, (size_t)((is_volume ? first : second) - word));
    p->path = jp_strdup(second[1] ? second + 1 : "/");
    if (!middle || !target || !p->path)
        return jp_oom(err);
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    if (is_volume) {
        if (jp_pod_find(ctx, target, &pod, err) < 0)
            return -1;
        p->root_fd = open_volume(ctx, &pod, middle + 1, err);
    } else {
        JP_AUTO_FREE char *app = NULL;
        if (jp_pod_find_app(ctx, target, &pod, &app, err) < 0)
            return -1;
        p->root_fd = open_app_root(ctx, &pod, app, p, err);
    }
    return p->root_fd < 0 ? -1 : 0;
}

static int open_place(const struct jp_pod_context *ctx, const char *word, struct place *p,
                      struct jp_error *err)
{
    p->word = word;
    if (!is_host_path(word))
        return open_pod_place(ctx, word, p, err);
    p->path = jp_strdup(word);
    return p->path ? 0 : jp_oom(err);
}

/* ---- names ---- */

static int open_in(const struct place *p, const char *path, int flags, struct jp_error *err)
{
    if (p->root_fd >= 0)
        return jp_path_open(p->root_fd, path, flags, err);
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return jp_fail(err, errno == ENOENT ? JP_ENOTFOUND : JP_ESYS, errno, "open '%s'", path);
    return fd;
}

/* "dir/." and "/": the content, not the directory itself. */
static bool means_content(const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    return (len == 1 && (path[0] == '/' || path[0] == '.')) ||
           (len == 2 && strncmp(path, "..", 2) == 0) ||
           (len >= 2 && strncmp(path + len - 2, "/.", 2) == 0) ||
           (len >= 3 && strncmp(path + len - 3, "/..", 3) == 0);
}

/* Splits into an open directory and a last name that is followed by nobody. */
static int open_parent(const struct place *p, char name[NAME_MAX + 1], struct jp_error *err)
{
    JP_AUTO_FREE char *path = jp_strdup(p->path);
    if (!path)
        return jp_oom(err);
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        path[--len] = '\0';
    if (p->root_fd >= 0)
        return jp_path_open_parent(p->root_fd, path, name, err);
    char *slash = strrchr(path, '/');
    const char *last = slash ? slash + 1 : path;
    if (strlen(last) > NAME_MAX)
        return jp_fail(err, JP_ESYS, ENAMETOOLONG, "'%s'", p->word);
    (void)snprintf(name, NAME_MAX + 1, "%s", last);
    if (slash)
        slash[slash == path ? 1 : 0] = '\0';
    int fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? jp_fail_sys(err, "open the directory of '%s'", p->word) : fd;
}

/* ---- copying ---- */

/* What a pod made may carry rights that it must not get elsewhere: see jp_tree_merge(). */
static bool is_from_pod(const struct place *from)
{
    return from->root_fd >= 0;
}

static int copy_directory(int from_dir, const char *name, int to_dir, const char *to_name,
                          bool is_tame, struct jp_error *err)
{
    JP_AUTO_FD int from = jp_fd_open_dir(from_dir, name, err);
    if (from < 0)
        return -1;
    if (jp_sys.mkdirat(to_dir, to_name, 0700) < 0 && errno != EEXIST)
        return jp_fail_sys(err, "make directory '%s'", to_name);
    JP_AUTO_FD int to = jp_fd_open_dir(to_dir, to_name, err);
    if (to < 0)
        return jp_wrap(err, "a directory does not replace '%s'", to_name);
    return jp_tree_merge(from, to, is_tame, err);
}

static int copy_file(int from_dir, const char *name, int to_dir, const char *to_name, bool is_tame,
                     struct jp_error *err)
{
    char uuid[JP_UUID_SIZE];
    char draft[JP_UUID_SIZE + 16];
    if (jp_uuid_new(uuid, err) < 0)
        return -1;
    (void)snprintf(draft, sizeof(draft), ".jetpack-%s", uuid);
    JP_AUTO_FD int draft_fd = jp_fd_make_dir(to_dir, draft, 0700, err);
    if (draft_fd < 0)
        return -1;
    int result = jp_tree_copy_entry(from_dir, name, draft_fd, is_tame, err);
    if (result == 0 && jp_sys.renameat(draft_fd, name, to_dir, to_name) < 0)
        result = jp_fail_sys(err, "replace '%s'", to_name);
    (void)jp_tree_remove(to_dir, draft, NULL);
    return result;
}

static int copy_entry(int from_dir, const char *name, int to_dir, const char *to_name, bool is_tame,
                      struct jp_error *err)
{
    struct stat st;
    if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return jp_fail(err, errno == ENOENT ? JP_ENOTFOUND : JP_ESYS, errno, "'%s'", name);
    return S_ISDIR(st.st_mode) ? copy_directory(from_dir, name, to_dir, to_name, is_tame, err)
                               : copy_file(from_dir, name, to_dir, to_name, is_tame, err);
}

static int copy_content(const struct place *from, int to_fd, struct jp_error *err)
{
    JP_AUTO_FD int fd = open_in(from, from->path, O_RDONLY | O_DIRECTORY, err);
    return fd < 0 ? -1 : jp_tree_merge(fd, to_fd, is_from_pod(from), err);
}

/* Into a directory that is there, under the source's own name. */
static int copy_into(const struct place *from, int to_fd, struct jp_error *err)
{
    char name[NAME_MAX + 1];
    if (means_content(from->path))
        return copy_content(from, to_fd, err);
    JP_AUTO_FD int dir = open_parent(from, name, err);
    return dir < 0 ? -1 : copy_entry(dir, name, to_fd, name, is_from_pod(from), err);
}

/* To a name that is not there, or is no directory. */
static int copy_as(const struct place *from, const struct place *to, struct jp_error *err)
{
    char name[NAME_MAX + 1];
    char to_name[NAME_MAX + 1];
    size_t len = strlen(to->path);
    JP_AUTO_FD int to_dir = open_parent(to, to_name, err);
    if (to_dir < 0)
        return -1;
    if (means_content(from->path)) {
        JP_AUTO_FD int made = jp_fd_make_dir(to_dir, to_name, 0755, err);
        return made < 0 ? -1 : copy_content(from, made, err);
    }
    JP_AUTO_FD int dir = open_parent(from, name, err);
    struct stat st;
    if (dir < 0)
        return -1;
    if (len > 0 && to->path[len - 1] == '/' &&
        (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode)))
        return jp_fail(err, JP_ENOTFOUND, 0, "there is no directory '%s'", to->word);
    return copy_entry(dir, name, to_dir, to_name, is_from_pod(from), err);
}

static int copy_one(const struct jp_pod_context *ctx, const char *word, const struct place *to,
                    int to_fd, struct jp_error *err)
{
    __attribute__((__cleanup__(place_clear))) struct place from = {.root_fd = -1};
    if (open_place(ctx, word, &from, err) < 0)
        return -1;
    int result = to_fd >= 0 ? copy_into(&from, to_fd, err) : copy_as(&from, to, err);
    return result < 0 ? jp_wrap(err, "copy '%s'", word) : 0;
}

/* The root of a pod that does not run is a clean copy, made for us and thrown away after us, unless
 * it is one that a run has kept. */
static void warn_of_loss(const struct jp_pod_context *ctx, const struct place *to)
{
    if (to->is_lost)
        jp_pod_say(ctx, JP_POD_WARNING,
                   "the pod of '%s' does not run: its root file system is made anew at each start, "
                   "without what was copied now",
                   to->word);
}

int jp_pod_copy(const struct jp_pod_context *ctx, const char *const *from, size_t n_from,
                const char *to_word, struct jp_error *err)
{
    bool has_pod = !is_host_path(to_word);
    for (size_t i = 0; i < n_from; i++)
        has_pod |= !is_host_path(from[i]);
    if (n_from == 0 || !has_pod)
        return jp_fail(err, JP_EUSAGE, 0, "neither side is a pod: say POD:APP:PATH");
    __attribute__((__cleanup__(place_clear))) struct place to = {.root_fd = -1};
    if (open_place(ctx, to_word, &to, err) < 0)
        return -1;
    JP_AUTO_FD int to_fd = open_in(&to, to.path, O_RDONLY | O_DIRECTORY, NULL);
    if (to_fd < 0 && n_from > 1)
        return jp_fail(err, JP_EUSAGE, 0, "'%s' is not a directory: it cannot take %zu files",
                       to_word, n_from);
    for (size_t i = 0; i < n_from; i++) {
        if (jp_pod_check_interrupt(ctx, err) < 0 || copy_one(ctx, from[i], &to, to_fd, err) < 0)
            return -1;
    }
    warn_of_loss(ctx, &to);
    return 0;
}
