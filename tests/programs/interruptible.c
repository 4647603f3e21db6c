/*
 * Runs a program with the default action for INT and QUIT, which a shell makes its background jobs
 * ignore: interruptible PROGRAM ARG...
 */
#include <signal.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    execvp(argv[1], argv + 1);
    return 127;
}
