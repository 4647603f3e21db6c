/*
 * What the tests of the Linux back end share: a bed for one pod, driven as stage 1 drives it, with
 * a root that holds one static program (tests/fingerprint.c). They need root and touch only their
 * own temporary directory, namespaces, control groups and bridges of their own names.
 *
 * usage of each: NAME-test STAGE2 FINGERPRINT
 */
#ifndef JP_PLATFORM_LINUX_BED_H
#define JP_PLATFORM_LINUX_BED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/random.h"
#include "platform/platform.h"

#define CAPS 0x00000000a80425fbULL /* the specification's default set */

struct bed {
    char dir[64];
    char uuid[JP_UUID_SIZE];
    struct jp_plan plan;
    struct jp_plan_app apps[2];
    struct jp_plan_volume volumes[4];
    struct jp_plan_mount mounts[4];
    struct jp_plan_file files[3];
    struct jp_isolation *pod;
    char reports[4096];
    int roots[2];
};

/* What became of a program. */
struct outcome {
    int started; /* what spawn returned */
    enum jp_code code;
    int status;
    char text[65536];
};

extern int stage2_fd;

/* Takes the arguments of main; false when we are not root. */
bool bed_prepare(int argc, char **argv);
size_t count_descriptors(void);

/* A temporary directory, two layers in it, a plan of one or two apps upon them. */
void bed_open(struct bed *bed, size_t n_apps);
void bed_close(struct bed *bed);
/* The steps of a start, in stage 1's order; says why when it fails. */
int bed_start(struct bed *bed, struct jp_error *err);
/* The same in silence, for starts that may fail; ends a pod, so that it can be started again. */
int bed_try(struct bed *bed, struct jp_error *err);
void bed_end(struct bed *bed);
/* A path of the bed as a volume at a path of the first app. */
void add_volume(struct bed *bed, const char *source, const char *path, bool is_read_only);

/* A path below the bed; the caller frees it. */
char *in_bed(const struct bed *bed, const char *path);
void make_dir(const struct bed *bed, const char *path);
void make_file(const struct bed *bed, const char *path, const char *content);
void make_link(const struct bed *bed, const char *target, const char *path);

/* Orders for /bin/fingerprint with arguments (NULL: no more); cleared by the caller. */
struct jp_orders orders_of(const char *a, const char *b, const char *c);
/* Runs /bin/fingerprint under the given orders; the outcome is valid until the next run. */
struct outcome *run_orders(struct bed *bed, size_t app, struct jp_orders *orders);
/* The same as root of the first app with up to three arguments. */
struct outcome *run(struct bed *bed, const char *a, const char *b, const char *c);
void read_all(int fd, struct outcome *out);

/* True when the output has this text; else it is shown. */
bool says(const struct outcome *out, const char *line);
bool silent_about(const struct outcome *out, const char *line);
/* True when every line of mountinfo passes; says which does not. */
bool all_nodev(const char *text);
/* Text of several lines as comments of TAP, at most some 60 lines of it. */
void note(const char *what, const char *text);
/* The text of an error, "" when there is none. */
const char *why(const struct jp_error *err);

#endif
