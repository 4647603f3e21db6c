/* Roots and volumes of the Linux back end: what is mounted where, and what an image may not do. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/linux/bed.h"
#include "sys/fd.h"
#include "tap.h"

static void test_volumes(void)
{
    struct bed bed;
    bed_open(&bed, 2);
    make_dir(&bed, "data");
    make_file(&bed, "data/seen", "of the host\n");
    make_file(&bed, "single", "single file\n");
    make_file(&bed, "base/in-the-way", "x");
    add_volume(&bed, "data", "/made/deep/here", false);
    add_volume(&bed, "data", "/in-the-way", true);
    add_volume(&bed, "single", "/etc/single", false);
    add_volume(&bed, "data", "/tmp/../../../etc/up", true);
    struct jp_plan_file files[] = {
        {.path = (char[]){"/etc/hosts"}, .content = (char[]){"ours\n"}, .only_if_missing = true},
        {.path = (char[]){"/etc/resolv.conf"}, .content = (char[]){"nameserver\n"}},
    };
    bed.apps[0].files = files;
    bed.apps[0].n_files = 2;
    bed.apps[1].root.is_read_only = true;
    make_file(&bed, "canary", "canary\n");
    JP_AUTO_FREE char *canary = in_bed(&bed, "canary");
    make_link(&bed, canary, "base/etc/resolv.conf");
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (TAP_OK(bed_start(&bed, &err) == 0, "a pod with volumes starts")) {
        struct outcome *out = run(&bed, "cat", "/made/deep/here/seen", "/in-the-way/seen");
        TAP_OK(says(out, "content /made/deep/here/seen of the host") &&
                   says(out, "content /in-the-way/seen of the host"),
               "volumes are mounted, also in place of a file");
        out = run(&bed, "write", "/made/deep/here/new", "/in-the-way/new");
        TAP_OK(says(out, "here/new ok") && says(out, "in-the-way/new Read-only file system"),
               "read-only is read-only");
        out = run(&bed, "cat", "/etc/single", "/etc/up/seen");
        TAP_OK(says(out, "single file") && says(out, "/etc/up/seen of the host"),
               "one file as a volume; no path leads out (CVE-2022-23648)");
        out = run(&bed, "cat", "/etc/resolv.conf", "/etc/hosts");
        TAP_OK(says(out, "content /etc/resolv.conf nameserver") && says(out, "from the base"),
               "files are written, an image's own stays");
        struct jp_orders o = orders_of("write", "/root-file", "/dev/shm/x");
        out = run_orders(&bed, 1, &o);
        TAP_OK(says(out, "root-file Read-only file system") && says(out, "shm/x ok"),
               "a read-only root");
        jp_orders_clear(&o);
        TAP_OK(says(run(&bed, "ls", "/dev/shm", NULL), "/dev/shm/x"), "shared memory is the pod's");
        const struct jp_strv *told = jp_platform.isolation->warnings(bed.pod);
        bool is_told = false;
        for (size_t i = 0; i < told->count; i++)
            is_told |= strstr(told->items[i], "replaces '/in-the-way' of the image") != NULL;
        TAP_OK(is_told, "with a warning");
    }
    struct stat st;
    TAP_OK(stat(canary, &st) == 0 && st.st_size == 7, "no link led a file out (CVE-2025-24965)");
    bed_close(&bed);
}

/* Users are looked up in what the image brings, not in what a volume puts over it. */
static void test_clean_root(void)
{
    struct bed bed;
    bed_open(&bed, 2);
    make_dir(&bed, "data");
    make_file(&bed, "data/hosts", "from a volume\n");
    add_volume(&bed, "data", "/etc", false);
    const struct jp_platform *p = &jp_platform;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    int r = p->isolation->create(&bed.plan, stage2_fd, &bed.pod, &err);
    TAP_OK(r == 0 && p->mounts->root(bed.pod, 0, &bed.roots[0], &err) == 0, "a root is there %s",
           why(&err));
    (void)poll(NULL, 0, 50); /* time in which the volume must not come */
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO_FD int etc = openat(bed.roots[0], "etc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    TAP_OK(jp_file_read(etc, "hosts", 4096, &text, NULL) == 0 &&
               strcmp(jp_buf_text(&text), "from the base\n") == 0,
           "and clean");
    TAP_OK(p->links->setup(bed.pod, &err) == 0 &&
               p->mounts->root(bed.pod, 1, &bed.roots[1], &err) == 0 &&
               p->mounts->volume(bed.pod, 0, 0, &err) == 0 &&
               p->mounts->seal(bed.pod, 0, &err) == 0 && p->mounts->seal(bed.pod, 1, &err) == 0,
           "the steps may come in another order");
    TAP_OK(says(run(&bed, "cat", "/etc/hosts", NULL), "from a volume"), "the volume is mounted");
    bed_close(&bed);
}

/* What the copy driver makes: a complete directory, bound instead of stacked. */
static void test_directory_root(void)
{
    struct bed bed;
    bed_open(&bed, 1);
    bed.apps[0].root.kind = JP_ROOT_DIRECTORY;
    bed.apps[0].root.dir = in_bed(&bed, "base");
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (TAP_OK(bed_start(&bed, &err) == 0, "a pod in a directory starts")) {
        TAP_OK(all_nodev(run(&bed, "mounts", NULL, NULL)->text), "every mount is nodev there too");
        TAP_OK(says(run(&bed, "write", "/tmp/new", NULL), "new ok"), "and its root can be written");
    }
    JP_AUTO_FREE char *made = in_bed(&bed, "base/tmp/new");
    TAP_OK(access(made, F_OK) == 0, "which is the directory");
    free(bed.apps[0].root.dir);
    bed_close(&bed);
}

static void refuse_volume(const char *what, const char *source, const char *path)
{
    struct bed bed;
    bed_open(&bed, 1);
    make_dir(&bed, "data");
    make_link(&bed, "data", "link");
    add_volume(&bed, "data", "/data", false);
    add_volume(&bed, source, path, false);
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct outcome *out = NULL;
    if (bed_start(&bed, &err) == 0)
        out = run(&bed, NULL, NULL, NULL);
    TAP_OK(!out || out->started < 0, "%s: %s", what, out ? out->text : why(&err));
    JP_AUTO_FREE char *made = in_bed(&bed, "data/below");
    TAP_OK(access(made, F_OK) < 0, "nothing is made on the host");
    bed_close(&bed);
}

static void test_bad_volumes(void)
{
    refuse_volume("a link as source is refused", "link", "/x");
    refuse_volume("a missing source is refused", "absent", "/x");
    refuse_volume("a volume on /proc is refused", "data", "/proc/self");
    refuse_volume("a volume as the root is refused", "data", "/");
    refuse_volume("a mount point inside a volume is not made", "data", "/data/below");
}

/* Row 15: what the image has in place of the system's directories does not matter. */
static void test_hostile_root(void)
{
    struct bed bed;
    bed_open(&bed, 1);
    make_dir(&bed, "canary-dir");
    JP_AUTO_FREE char *canary = in_bed(&bed, "canary-dir");
    make_link(&bed, canary, "base/dev");
    make_link(&bed, "/proc", "top/sys");
    make_file(&bed, "base/proc", "a file");
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (TAP_OK(bed_start(&bed, &err) == 0, "a hostile root starts")) {
        struct outcome *out = run(&bed, "mounts", NULL, NULL);
        TAP_OK(says(out, " /dev ro") || says(out, " /dev rw"), "/dev is a mount of ours");
        TAP_OK(says(out, " - proc ") && says(out, " /sys ro"), "and so are /proc and /sys");
        TAP_OK(says(run(&bed, "all", NULL, NULL), "dev null 20666 103"), "with its devices");
    }
    TAP_OK(rmdir(canary) == 0, "nothing was made where the link pointed");
    bed_close(&bed);
}

int main(int argc, char **argv)
{
    if (!bed_prepare(argc, argv)) {
        tap_skip("roots and volumes", "needs root");
        return tap_done();
    }
    size_t descriptors = count_descriptors();
    test_volumes();
    test_clean_root();
    test_directory_root();
    test_bad_volumes();
    test_hostile_root();
    TAP_OK(count_descriptors() == descriptors, "no descriptor is left open");
    TAP_OK(waitpid(-1, NULL, WNOHANG | __WALL) < 0, "no child is left");
    return tap_done();
}
