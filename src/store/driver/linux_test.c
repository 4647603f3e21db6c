/*
 * How a driver is chosen on Linux; that removal stops at mounts and links (row 61); that nobody but
 * root gets at images (row 26). What drivers do is conformance_test.c's. Runs in a mount namespace
 * of its own, as root.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <sched.h>

#include "store/driver/list.h"
#include "store/store_testing.h"
#include "sys/mounts.h"
#include "tap.h"

static char image_id[136];

/* The pod was moved to tmp/gone-..., the mount with it. */
static void unmount_trashed(void)
{
    char path[500];
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    (void)snprintf(path, sizeof(path), "%s/tmp", testing_root);
    JP_AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (jp_store_list_dir(fd, NULL, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.count; i++) {
        (void)snprintf(path, sizeof(path), "%s/tmp/%s/volumes/mount", testing_root, names.items[i]);
        (void)umount2(path, MNT_DETACH);
    }
}

static void test_canary(const struct jp_store_options *options)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_PTR(jp_store) store = NULL;
    JP_AUTO(jp_store_pod) pod = {0};
    char canary[64], inside[300], text[64];
    (void)snprintf(canary, sizeof(canary), "%s/canary", testing_top);
    (void)mkdir(canary, 0755);
    JP_AUTO_FD int fd = open(canary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    testing_write(fd, "song", "chirp");
    CHECK(jp_store_open(options, &store, &err) == 0 &&
              testing_pod(store, "canary", 1, false, &pod, &err) == 0,
          "pod");
    (void)snprintf(inside, sizeof(inside), "%s/pods/%s/volumes/link", testing_root, pod.uuid);
    CHECK(symlink(canary, inside) == 0, "a link was left in the pod");
    (void)snprintf(inside, sizeof(inside), "%s/pods/%s/volumes/mount", testing_root, pod.uuid);
    (void)mkdir(inside, 0755);
    CHECK(mount(canary, inside, NULL, MS_BIND, NULL) == 0, "a mount was left in the pod");
    CHECK(jp_store_pod_destroy(store, pod.uuid, &err) < 0 && err.code == JP_EBUSY,
          "destroy stops at it: %s", jp_error_text(&err));
    testing_read(canary, "song", text);
    TAP_STR(text, "chirp", "the canary sings");
    CHECK(jp_store_gc(store, NULL, &err) < 0 && err.code == JP_EBUSY, "so does gc: %s",
          jp_error_text(&err));
    testing_read(canary, "song", text);
    TAP_STR(text, "chirp", "the canary still sings");
    unmount_trashed();
    CHECK(testing_gc(store) == 1, "gc finishes when the mount is gone");
    testing_read(canary, "song", text);
    TAP_STR(text, "chirp", "the canary sings on");
    CHECK(testing_fsck(options, false) == 0, "clean");
}

/* Row 26: users of the host reach no program of an image. */
static void test_other_users(void)
{
    char path[400];
    struct stat st;
    (void)chmod(testing_top, 0755);
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        if (setgid(65534) < 0 || setuid(65534) < 0)
            _exit(1);
        (void)snprintf(path, sizeof(path), "%s/version", testing_root);
        if (stat(path, &st) < 0)
            _exit(2); /* the control: this one is for everybody */
        (void)snprintf(path, sizeof(path), "%s/images/%s/rootfs/file", testing_root, image_id);
        if (stat(path, &st) == 0 || errno != EACCES)
            _exit(3);
        static const char *const closed[] = {"images", "pods", "tmp", "keys", "db"};
        for (size_t i = 0; i < JP_LEN(closed); i++) {
            (void)snprintf(path, sizeof(path), "%s/%s", testing_root, closed[i]);
            if (open(path, O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES)
                _exit(4);
        }
        _exit(0);
    }
    int status = -1;
    (void)waitpid(pid, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "other users see no image (%d)", status);
}

int main(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (geteuid() != 0) {
        printf("1..0 # SKIP needs root\n");
        return 0;
    }
    if (unshare(CLONE_NEWNS) < 0 || jp_mounts_make_private() < 0) {
        printf("1..0 # SKIP no mount namespace\n");
        return 0;
    }
    struct jp_store_options options = testing_begin("auto");
    testing_id(1, image_id);
    {
        JP_AUTO_PTR(jp_store) store = NULL;
        CHECK(jp_store_open(&options, &store, &err) == 0 &&
                  testing_image(store, 1, "example.com/image", "1", NULL, &err) == 0,
              "an image: %s", jp_error_text(&err));
        CHECK(strcmp(jp_store_driver(store, NULL, &err)->name, "overlay") == 0,
              "auto means overlay");
    }
    {
        options.driver = "copy";
        JP_AUTO_PTR(jp_store) set = NULL;
        CHECK(jp_store_open(&options, &set, &err) == 0 &&
                  strcmp(jp_store_driver(set, NULL, &err)->name, "copy") == 0,
              "a driver that is set");
    }
    test_canary(&options);
    test_other_users();
    {
        const char *why = NULL;
        options.driver = "auto";
        JP_AUTO_PTR(jp_store) again = NULL;
        CHECK(jp_store_open(&options, &again, &err) == 0 && jp_store_driver(again, &why, &err) &&
                  strcmp(why, "the first choice works here") == 0,
              "auto chooses anew after a choice was set: %s", why ? why : "");
    }
    options.driver = "zfs9";
    JP_AUTO_PTR(jp_store) store = NULL;
    CHECK(jp_store_open(&options, &store, &err) == 0 && !jp_store_driver(store, NULL, &err) &&
              err.code == JP_EUNSUPPORTED,
          "no such driver: %s", jp_error_text(&err));
    return tap_done();
}
