#include "sys/calls.h"

#include <fcntl.h>
#include <unistd.h>

struct jp_sys_calls jp_sys = {
    .openat = openat,
    .write = write,
    .pwrite = pwrite,
    .ftruncate = ftruncate,
    .fsync = fsync,
    .mkdirat = mkdirat,
    .mknodat = mknodat,
    .mkfifoat = mkfifoat,
    .symlinkat = symlinkat,
    .linkat = linkat,
    .unlinkat = unlinkat,
    .renameat = renameat,
    .fchown = fchown,
    .fchownat = fchownat,
    .fchmod = fchmod,
    .fchmodat = fchmodat,
    .futimens = futimens,
    .utimensat = utimensat,
};

void jp_sys_arm(void)
{
}
