/*
 * Stage 1: the supervisor of one pod. Started by stage 0 with everything it needs on fixed
 * descriptors (plan/state.h), it reads no configuration, opens no database and looks at no
 * environment. It lives as long as the pod; what it keeps in memory is a budget.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "plan/state.h"
#include "stage1/supervisor.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/memory.h"

#define SAFE_FD  16           /* above the numbers that are spoken for */
#define MAX_PLAN (256U << 20) /* four times the longest string of a plan */

static int read_plan(struct jp_supervisor *s, struct jp_error *err)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    JP_AUTO_FD int fd = JP_STAGE1_FD_PLAN;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return jp_fail_sys(err, "read the plan");
    if (jp_fd_read_all(fd, MAX_PLAN, "the plan", &bytes, err) < 0)
        return -1;
    return jp_plan_decode(bytes.data, bytes.len, &s->plan, err);
}

/*
 * Started ahead of its pod, it gets plan, directory and lock now. 0 when there will be no pod.
 * Copies are made first, out of the way of the numbers that they shall have.
 */
static int take_pod(bool expects_net, struct jp_error *err)
{
    static const int numbers[] = {JP_STAGE1_FD_PLAN, JP_STAGE1_FD_POD, JP_STAGE1_FD_LOCK,
                                  JP_STAGE1_FD_FORWARD};
    struct stat st;
    int fds[JP_STAGE1_HANDOVER_MAX];
    size_t count = 0;
    char byte;
    if (fstat(JP_STAGE1_FD_PLAN, &st) < 0)
        return jp_fail_sys(err, "look at the plan");
    if (!S_ISSOCK(st.st_mode))
        return 1;
    /* The numbers that are still free are taken, so that nothing made now gets them. */
    for (size_t i = 1; i < JP_LEN(numbers); i++) {
        if (dup2(JP_STAGE1_FD_PLAN, numbers[i]) < 0)
            return jp_fail_sys(err, "descriptor %d", numbers[i]);
    }
    if (expects_net)
        jp_platform.isolation->ahead();
    if (jp_fd_receive(JP_STAGE1_FD_PLAN, &byte, 1, fds, JP_LEN(fds), &count, 0) < 0)
        return jp_fail_sys(err, "receive a pod");
    if (count == 0)
        return 0;
    if (count < JP_STAGE1_HANDOVER)
        return jp_fail(err, JP_ECORRUPT, 0, "%zu descriptors do not make a pod", count);
    for (size_t i = 0; i < count; i++) {
        int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, SAFE_FD);
        (void)close(fds[i]);
        fds[i] = copy;
        if (copy < 0)
            return jp_fail_sys(err, "duplicate a descriptor");
    }
    for (size_t i = 0; i < count; i++) {
        if (dup2(fds[i], numbers[i]) < 0)
            return jp_fail_sys(err, "descriptor %d", numbers[i]);
        (void)close(fds[i]);
    }
    if (count == JP_STAGE1_HANDOVER)
        (void)close(JP_STAGE1_FD_FORWARD);
    return 1;
}

/* None of ours may be inherited by what runs in the pod. */
static int keep_descriptors(struct jp_error *err)
{
    for (int fd = JP_STAGE1_FD_PLAN; fd <= JP_STAGE1_FD_STAGE2; fd++) {
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
            return jp_fail_sys(err, "descriptor %d", fd);
    }
    (void)fcntl(JP_STAGE1_FD_FORWARD, F_SETFD, FD_CLOEXEC); /* not always there */
    return 0;
}

/* When there is no supervisor to do it yet. */
static void tell_owner(const struct jp_error *error)
{
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    JP_AUTO_FREE char *text = jp_strdup(jp_error_text(error));
    message.type = JP_CONTROL_FAILED;
    message.number = error->code;
    message.data = (unsigned char *)text;
    message.data_len = text ? strlen(text) : 0;
    (void)jp_control_send(JP_STAGE1_FD_OWNER, &message, NULL);
    int fd = JP_STAGE1_FD_OWNER;
    jp_client_part(&fd);
}

int main(int argc, char **argv)
{
    static struct jp_supervisor supervisor = {
        .pod_fd = JP_STAGE1_FD_POD,
        .lock_fd = JP_STAGE1_FD_LOCK,
        .owner_fd = JP_STAGE1_FD_OWNER,
        .stage2_fd = JP_STAGE1_FD_STAGE2,
        .mailbox_fd = JP_STAGE1_FD_FORWARD,
        .forwarder_life = -1,
        .listen_fd = -1,
        .logs_fd = -1,
        .registration_fd = -1,
    };
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    jp_sys_arm();
    jp_memory_be_frugal();
    int pod = jp_fd_sane_stdio(&err) < 0
                  ? -1
                  : take_pod(argc > 1 && strcmp(argv[1], JP_STAGE1_NET) == 0, &err);
    if (pod == 0)
        return 0;
    if (pod < 0 || keep_descriptors(&err) < 0 || read_plan(&supervisor, &err) < 0) {
        tell_owner(&err);
        return 1;
    }
    if (!supervisor.plan.forwarder && jp_plan_count_given(&supervisor.plan) == 0)
        supervisor.mailbox_fd = -1;
    return jp_supervise(&supervisor);
}
