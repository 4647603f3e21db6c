/*
 * Runs at build time: prints the default filter as a C array, so that starting a pod does not
 * compile it. Argument: the architecture as libseccomp spells it (x86_64, aarch64, ...).
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "pod/seccomp_rules_linux.h"

static void die(const char *what)
{
    (void)fprintf(stderr, "seccomp_gen: %s\n", what);
    exit(1);
}

static void print_bytes(FILE *from)
{
    printf("/* Made by seccomp_gen_linux.c. */\n"
           "static const unsigned char default_filter[] __attribute__((__aligned__(8))) = {\n");
    int c;
    for (unsigned n = 0; (c = getc(from)) != EOF; n++)
        printf("%d,%s", c, n % 16 == 15 ? "\n" : "");
    printf("\n};\n");
}

int main(int argc, char **argv)
{
    uint32_t arch = argc == 2 ? seccomp_arch_resolve_name(argv[1]) : 0;
    if (arch == 0)
        die("unknown architecture");
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    FILE *file = tmpfile();
    if (!ctx || !file)
        die("no memory or no temporary file");
    if (arch != seccomp_arch_native() &&
        (seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE) < 0 || seccomp_arch_add(ctx, arch) < 0))
        die("cannot set the architecture");
    if (jp_seccomp_add_compat(ctx, arch) < 0 || jp_seccomp_add_default(ctx, arch, NULL, NULL) < 0)
        die("cannot add a rule");
    (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (seccomp_export_bpf(ctx, fileno(file)) < 0 || fseek(file, 0, SEEK_SET) != 0)
        die("cannot write the program");
    print_bytes(file);
    seccomp_release(ctx);
    return fflush(stdout) == 0 ? 0 : 1;
}
