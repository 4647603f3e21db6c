/* Configurations of OCI images as manifests: what is in them, and what failing allocations leave.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appc/removed.h"
#include "base/buf.h"
#include "base/mem.h"
#include "oci/convert.h"
#include "sys/fd.h"
#include "sys/tree.h"
#include "tap.h"

#define MAX_ALLOCATIONS 3000

static const char config_text[] =
    "{\"os\": \"linux\", \"architecture\": \"arm64\", \"variant\": \"v8\","
    "\"created\": \"2020-01-02T03:04:05Z\", \"author\": \"me\", \"comment\": \"none\","
    "\"config\": {\"User\": \"alice\", \"Env\": [\"A=b\", \"bad name=x\", \"nothing\"],"
    "\"Entrypoint\": [\"/bin/sh\", \"-c\"], \"Cmd\": [\"id\"], \"WorkingDir\": \"data\","
    "\"StopSignal\": \"SIGINT\", \"ExposedPorts\": {\"80/tcp\": {}, \"7000-7002/udp\": {}},"
    "\"Volumes\": {\"/a/b\": {}, \"/a-b\": {}}, \"Labels\": {\"k\": \"v\"}},"
    "\"rootfs\": {\"type\": \"layers\", \"diff_ids\": []}}";

static char dir[] = "/tmp/jetpack-convert-XXXXXX";

static void write_file(int at, const char *name, const char *text)
{
    JP_AUTO_FD int fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        exit(1);
}

/* An image's directory, with what it takes away. */
static int make_layer(const char *name, const char *removed, const char *passwd)
{
    JP_AUTO_FREE char *path = jp_format("%s/%s", dir, name);
    if (!path || mkdir(path, 0700) < 0)
        exit(1);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    JP_AUTO_FREE char *manifest = jp_format(
        "{\"acKind\": \"ImageManifest\", \"acVersion\": \"0.8.11\", \"name\": \"%s\","
        "\"annotations\": [{\"name\": \"" JP_REMOVED_ANNOTATION "\", \"value\": \"%s\"}]}",
        name, removed);
    if (fd < 0 || !manifest || mkdirat(fd, "rootfs", 0700) < 0)
        exit(1);
    write_file(fd, "manifest", manifest);
    if (passwd && mkdirat(fd, "rootfs/etc", 0700) == 0) {
        write_file(fd, "rootfs/etc/passwd", passwd);
        write_file(fd, "rootfs/etc/group", "root:x:0:\nstaff:x:50:alice\n");
    }
    return fd;
}

/* From the text of a configuration to that of a manifest. */
static int convert(const int *fds, size_t count, char **ret, struct jp_error *err)
{
    struct jp_oci_config config;
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    if (jp_oci_config_parse(config_text, strlen(config_text), &config, err) < 0)
        return -1;
    const struct jp_oci_conversion conversion = {
        .config = &config,
        .identity = {.name = "test.example/x", .version = "1", .tag = "1", .original = "x:1"},
        .roots = {fds, count},
    };
    int r = jp_oci_convert(&conversion, &m, err);
    if (r == 0)
        r = jp_image_manifest_check(&m, err);
    if (r == 0)
        r = jp_image_manifest_print(&m, false, ret, err);
    jp_oci_config_clear(&config);
    return r;
}

static void check_has(const int *fds, size_t count, const char *wanted, const char *name)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_FREE char *text = NULL;
    int r = convert(fds, count, &text, &err);
    bool has = r == 0 && strstr(text, wanted);
    TAP_OK(has, "%s", name);
    if (!has)
        printf("# %s\n", r == 0 ? text : jp_error_text(&err));
}

/* Each allocation fails once: that is an error, or the result is what it should be. */
static void sweep(const int *fds, size_t count)
{
    JP_AUTO_FREE char *whole = NULL;
    unsigned long failed = 0, wrong = 0;
    if (convert(fds, count, &whole, NULL) < 0)
        exit(1);
    for (unsigned long n = 1; n < MAX_ALLOCATIONS; n++) {
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        JP_AUTO_FREE char *text = NULL;
        jp_mem_fail_after(n);
        int r = convert(fds, count, &text, &err);
        jp_mem_fail_after(0);
        failed += r < 0;
        bool is_wrong = r < 0 ? err.code != JP_ENOMEM : strcmp(text, whole) != 0;
        if (is_wrong)
            printf("# allocation %lu: %s\n", n, r < 0 ? jp_error_text(&err) : text);
        wrong += is_wrong;
    }
    TAP_OK(wrong == 0 && failed > 50, "%lu of %u allocations failed, %lu of them otherwise", failed,
           MAX_ALLOCATIONS - 1, wrong);
}

static void clean_up(void)
{
    JP_AUTO_FD int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        (void)jp_tree_remove(fd, dir + strlen("/tmp/"), NULL);
}

int main(void)
{
    if (!mkdtemp(dir))
        return 1;
    (void)atexit(clean_up);
    int fds[2] = {make_layer("low", "", "alice:x:1000:33::/:\n"), make_layer("top", "/bin", NULL)};
    check_has(fds, 1, "\"user\":\"alice\",\"group\":\"33\",\"supplementaryGIDs\":[50]",
              "groups are those of the image");
    check_has(fds, 2, "\"group\":\"33\"", "... also from a lower layer");
    check_has(NULL, 0, "\"group\":\"alice\"", "without layers, the name is all there is");
    sweep(fds, 2);
    sweep(NULL, 0);
    jp_fd_close(&fds[1]);
    fds[1] = make_layer("gone", "/etc/", NULL);
    check_has(fds, 2, "\"group\":\"alice\"", "a file that was taken away is not there");
    jp_fd_close(&fds[0]);
    jp_fd_close(&fds[1]);
    return tap_done();
}
