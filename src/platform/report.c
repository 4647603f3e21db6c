#include "platform/report.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>

int jp_report_failure(const struct jp_orders *orders, const struct jp_shim_report *r,
                      struct jp_error *err)
{
    static const char *const steps[] = {
        [0] = "enter the pod",
        [JP_SHIM_ORDERS] = "read the orders",
        [JP_SHIM_GROUPS] = "set the groups",
        [JP_SHIM_IDS] = "set user and group",
        [JP_SHIM_CAPABILITIES] = "set the capabilities",
        [JP_SHIM_FORK] = "enter the process namespace",
        [JP_SHIM_TERMINAL] = "take the terminal",
        [JP_SHIM_SOCKETS] = "hand on the sockets",
        [JP_SHIM_SECCOMP] = "set the system call filter",
    };
    const char *program = orders->argv.items[0];
    switch (r->step) {
    case JP_SHIM_CWD:
        return jp_fail(err, JP_EINVALID, r->sys, "working directory '%s'", orders->cwd);
    case JP_SHIM_OUTSIDE:
        return jp_fail(err, JP_EINVALID, 0, "working directory '%s' leads out of the root",
                       orders->cwd);
    case JP_SHIM_LABEL:
        if (r->sys == EPROTO)
            return jp_fail(err, JP_ECORRUPT, 0, "the kernel has not taken the security label");
        return jp_fail(err, JP_ESYS, r->sys, "apply the security label");
    case JP_SHIM_NOT_FOUND:
        return jp_fail(err, JP_ENOPROGRAM, r->sys, "execute '%s'", program);
    case JP_SHIM_NOT_EXECUTABLE:
        return jp_fail(err, JP_ENOEXEC, r->sys, "execute '%s'", program);
    default:
        break;
    }
    const char *step = r->step < JP_LEN(steps) && steps[r->step] ? steps[r->step] : "start";
    return jp_fail(err, JP_ESYS, r->sys, "%s", step);
}

int jp_report_hear(int fd, struct jp_shim_report *ret, struct jp_error *err)
{
    ssize_t n;
    do {
        n = recv(fd, ret, sizeof(*ret), 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return jp_fail_sys(err, "hear from the shim");
    if (n != 0 && n != (ssize_t)sizeof(*ret))
        return jp_fail(err, JP_ECORRUPT, 0, "the shim said something strange");
    return n == 0 ? 0 : 1;
}
