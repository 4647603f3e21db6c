/*
 * jetpack-smoke: the program inside the image of `jetpack test`. Static, without needs: it looks
 * around itself and says what is not as it should be. Exit status 42 when all is well, so that a 0
 * from somewhere else cannot be taken for it.
 */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATUS_WELL 42

static int failures;

static void check(int is_fine, const char *what)
{
    if (is_fine)
        return;
    (void)printf("not as it should be: %s\n", what);
    failures++;
}

static int is_variable(const char *name, const char *value)
{
    const char *found = getenv(name);
    return found && strcmp(found, value) == 0;
}

int main(int argc, char **argv)
{
    char cwd[256];
    struct stat st;
    check(argc == 2 && strcmp(argv[1], "inside") == 0, "the arguments");
    check(is_variable("AC_APP_NAME", "smoke"), "AC_APP_NAME");
    check(is_variable("container", "jetpack"), "container");
    check(is_variable("FROM_IMAGE", "yes"), "the environment of the image");
    check(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, "/data") == 0, "the working directory");
    check(stat("/manifest", &st) < 0, "the root directory");
    check(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode), "/dev/null");
    check(getuid() == 0 && getgid() == 0, "user and group");
    check(access("/data/written", F_OK) < 0, "a clean copy");
    FILE *file = fopen("/data/written", "w");
    check(file && fclose(file) == 0, "writing to the root file system");
    if (failures == 0)
        (void)printf("hello from the pod\n");
    return failures ? 1 : STATUS_WELL;
}
