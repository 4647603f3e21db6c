/*
 * test: does this installation work? Makes an image of one static program, imports it, verifies it,
 * runs it twice in a pod (the second time must find a clean copy), and removes everything. Each
 * step is a run of this very program with a root directory of its own, so that what is tried is
 * what a user would do.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "pod/pod.h"
#include "sys/fd.h"
#include "sys/process.h"
#include "sys/self.h"
#include "sys/tree.h"

#define MAX_PROGRAM (16U << 20) /* bytes of jetpack-smoke */
#define STATUS_WELL 42          /* of jetpack-smoke */
#define IMAGE_NAME  "jetpack.test/smoke"
#define FIRST_PORT  20000 /* of the metadata service of this run: below those that clients get */
#define N_PORTS     12000

/* ---- the image ------------------------------------------------------------------------------- */

struct ustar {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
    char link[100], magic[8], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};

static void add_entry(struct jp_buf *tar, const char *name, unsigned mode, char type,
                      const struct jp_buf *content)
{
    static const char zeros[512];
    struct ustar header = {.type = type};
    size_t len = content ? content->len : 0;
    (void)snprintf(header.name, sizeof(header.name), "%s", name);
    (void)snprintf(header.mode, sizeof(header.mode), "%07o", mode & 07777U);
    (void)snprintf(header.uid, sizeof(header.uid), "%07o", 0U);
    (void)snprintf(header.gid, sizeof(header.gid), "%07o", 0U);
    (void)snprintf(header.size, sizeof(header.size), "%011zo", len & 077777777777UL);
    (void)snprintf(header.mtime, sizeof(header.mtime), "%011o", 1000000000U);
    memcpy(header.magic,
           "ustar\0"
           "00",
           sizeof(header.magic));
    memset(header.checksum, ' ', sizeof(header.checksum));
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof(header); i++)
        sum += ((const unsigned char *)&header)[i];
    (void)snprintf(header.checksum, sizeof(header.checksum), "%06o", sum & 0777777U);
    jp_buf_add(tar, &header, sizeof(header));
    if (content)
        jp_buf_add(tar, content->data, len);
    if (len % 512)
        jp_buf_add(tar, zeros, 512 - len % 512);
}

static void add_manifest(struct jp_buf *tar)
{
    struct jp_buf text = JP_BUF_INIT;
    jp_buf_printf(&text,
                  "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"%s\","
                  "\"labels\":[{\"name\":\"os\",\"value\":\"%s\"},"
                  "{\"name\":\"arch\",\"value\":\"%s\"}],"
                  "\"app\":{\"exec\":[\"/smoke\",\"inside\"],\"user\":\"0\",\"group\":\"0\","
                  "\"workingDirectory\":\"/data\","
                  "\"environment\":[{\"name\":\"FROM_IMAGE\",\"value\":\"yes\"}]}}",
                  IMAGE_NAME, jp_pod_host_os(), jp_pod_host_arch());
    add_entry(tar, "manifest", 0644, '0', &text);
    jp_buf_clear(&text);
}

/* One of our programs as /NAME of the image. */
static int add_program(const struct jp_cli *cli, const char *program, const char *path,
                       struct jp_buf *tar, struct jp_error *err)
{
    struct jp_pod_context ctx = {.libexec = jp_cli_libexec(cli)};
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    JP_AUTO_FD int fd = jp_pod_program(&ctx, program, NULL, err);
    if (fd < 0 || jp_fd_read_all(fd, MAX_PROGRAM, program, &bytes, err) < 0)
        return -1;
    add_entry(tar, path, 0755, '0', &bytes);
    return 0;
}

static int write_image(const struct jp_cli *cli, int dir_fd, struct jp_error *err)
{
    static const char end[1024];
    JP_AUTO(jp_buf) tar = JP_BUF_INIT;
    add_manifest(&tar);
    add_entry(&tar, "rootfs", 0755, '5', NULL);
    add_entry(&tar, "rootfs/data", 0755, '5', NULL);
    if (add_program(cli, "jetpack-smoke", "rootfs/smoke", &tar, err) < 0 ||
        add_program(cli, "ac-mdc", "rootfs/ac-mdc", &tar, err) < 0)
        return -1;
    jp_buf_add(&tar, end, sizeof(end));
    return jp_buf_failed(&tar)
               ? jp_oom(err)
               : jp_file_replace(dir_fd, "smoke.aci", tar.data, tar.len, 0600, false, err);
}

/* ---- the steps ------------------------------------------------------------------------------- */

struct step {
    const char *what;
    int status; /* expected */
    const char *words[16];
};

static const struct step steps[] = {
    {"make the root directory", 0, {"init", NULL}},
    {"import an image", 0, {"import", "-q", "-allow-unsigned", "@/smoke.aci", NULL}},
    {"verify it", 0, {"verify", "-q", IMAGE_NAME, NULL}},
    {"export it", 0, {"export", "-q", "-compression=none", IMAGE_NAME, "@/again.aci", NULL}},
    {"prepare a pod", 0, {"prepare", "--net=none", "-pod-name=smoke", IMAGE_NAME, NULL}},
    {"run it", STATUS_WELL, {"run", "smoke", NULL}},
    {"run it again from a clean copy", STATUS_WELL, {"run", "smoke", NULL}},
    {"read its log", 0, {"logs", "smoke", NULL}},
    {"destroy it", 0, {"destroy", "smoke", NULL}},
#if JP_WITH_MDS
    /* In the host's network: the addresses of pods may belong to the installation's own. */
    {"ask the metadata service from a pod",
     0,
     {"run", "-destroy", "--net=host", IMAGE_NAME, "--exec", "/ac-mdc", "--", "expand",
      "{{.AppName}} of {{.UUID}} is {{.AppImageID}}", "---", NULL}},
#endif
    {"destroy the image", 0, {"destroy-image", IMAGE_NAME, NULL}},
};

/*
 * Global options: everything below DIR, and a metadata service that meets no other and makes no
 * user.
 */
static int add_options(struct jp_strv *argv, const char *dir, struct jp_error *err)
{
    unsigned port = FIRST_PORT + (unsigned)getpid() % N_PORTS;
    char *const options[] = {jp_format("root.dir=%s/root", dir), jp_strdup("mds.user=nobody"),
                             jp_format("mds.port=%u", port), jp_strdup("mds.idle=1")};
    int r = 0;
    for (size_t i = 0; i < JP_LEN(options); i++) {
        if (jp_strv_add(argv, "-o") < 0 || jp_strv_add_owned(argv, options[i]) < 0)
            r = -1;
    }
    return r < 0 ? jp_oom(err) : 0;
}

/* Runs `jetpack -o root.dir=DIR/root ... WORD...`; output goes to the file `output`. */
static int run_step(const char *self, const char *dir, const struct step *step, int output,
                    struct jp_error *err)
{
    JP_AUTO(jp_strv) argv = JP_STRV_INIT;
    int status = 0;
    if (jp_strv_add(&argv, self) < 0)
        return jp_oom(err);
    if (add_options(&argv, dir, err) < 0)
        return -1;
    for (const char *const *word = step->words; *word; word++) {
        char *text = **word == '@' ? jp_format("%s%s", dir, *word + 1) : jp_strdup(*word);
        if (!text || jp_strv_add_owned(&argv, text) < 0)
            return jp_oom(err);
    }
    const int stdio[3] = {-1, output, output};
    if (jp_process_run(argv.items, stdio, &status, err) < 0)
        return -1;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != step->status)
        return jp_fail(err, JP_EINVALID, 0, "%s: exit status %d instead of %d", step->what,
                       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                       step->status);
    return 0;
}

static void show_output(int fd)
{
    char bytes[4096];
    ssize_t n;
    (void)fflush(stdout);
    for (off_t at = 0; (n = pread(fd, bytes, sizeof(bytes), at)) > 0; at += n)
        (void)fwrite(bytes, 1, (size_t)n, stderr);
}

static int run_steps(const struct jp_cli *cli, const char *dir, int dir_fd, struct jp_error *err)
{
    JP_AUTO_FREE char *self = jp_self_path(err);
    if (!self || write_image(cli, dir_fd, err) < 0)
        return -1;
    for (size_t i = 0; i < JP_LEN(steps); i++) {
        JP_AUTO_FD int output =
            jp_fd_open(dir_fd, "output", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600, err);
        if (output < 0)
            return -1;
        int r = run_step(self, dir, &steps[i], output, err);
        (void)printf("%s %s\n", r < 0 ? "FAILED" : "ok    ", steps[i].what);
        if (r < 0) {
            show_output(output);
            return -1;
        }
    }
    return 0;
}

/* Whatever a failed step left; the last word of `test` is about the step, not about this. */
static void remove_pod(const char *dir, int dir_fd)
{
    static const struct step destroy = {"", 0, {"destroy", "smoke", NULL}};
    JP_AUTO_FREE char *self = jp_self_path(NULL);
    JP_AUTO_FD int output = jp_fd_open(dir_fd, "output", O_RDWR | O_CREAT, 0600, NULL);
    if (self && output >= 0)
        (void)run_step(self, dir, &destroy, output, NULL);
}

/* Makes a directory below TMPDIR or /tmp; *ret_base_fd is the one that it lies in. */
static char *make_directory(int *ret_base_fd, struct jp_error *err)
{
    const char *base = getenv("TMPDIR");
    if (!base || !*base)
        base = "/tmp";
    JP_AUTO_FD int base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (base_fd < 0) {
        jp_fail_sys(err, "open '%s'", base);
        return NULL;
    }
    JP_AUTO_FREE char *dir = jp_format("%s/jetpack-test-XXXXXX", base);
    if (!dir || !mkdtemp(dir)) {
        jp_fail_sys(err, "make a directory in '%s'", base);
        return NULL;
    }
    *ret_base_fd = jp_fd_take(&base_fd);
    return jp_take(&dir);
}

int jp_cmd_test(struct jp_cli *cli, struct jp_error *err)
{
    JP_AUTO_FD int base_fd = -1;
    JP_AUTO_FREE char *dir = make_directory(&base_fd, err);
    if (!dir)
        return -1;
    JP_AUTO_FD int dir_fd = jp_fd_open_dir(AT_FDCWD, dir, err);
    int r = dir_fd < 0 ? -1 : run_steps(cli, dir, dir_fd, err);
    if (r < 0 && dir_fd >= 0)
        remove_pod(dir, dir_fd);
    int removed = jp_tree_remove(base_fd, strrchr(dir, '/') + 1, r < 0 ? NULL : err);
    if (r < 0 || removed < 0)
        return -1;
    (void)printf("this installation works\n");
    return 0;
}
