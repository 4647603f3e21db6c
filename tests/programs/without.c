/*
 * Runs a program as on a kernel that has no nftables:
 *
 *   without PROGRAM ARG...
 *
 * A system call filter refuses sockets of NETLINK_NETFILTER, to it and to all that it starts.
 */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* Else `past` instructions are left out. */
#define ONLY(value, past) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, past)

int main(int argc, char **argv)
{
    struct sock_filter filter[] = {
        LOAD(nr),
        ONLY(SYS_socket, 5),
        LOAD(args[0]),
        ONLY(AF_NETLINK, 3),
        LOAD(args[2]),
        ONLY(NETLINK_NETFILTER, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPROTONOSUPPORT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    if (argc < 2)
        return 2;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
        perror("without");
        return 1;
    }
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}
