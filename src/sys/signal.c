/* Names of signals, both ways: one table, because sigabbrev_np(3) is glibc's alone. */
#include <signal.h>
#include <string.h>

#include "base/macros.h"
#include "base/parse.h"
#include "sys/process.h"

#ifdef NSIG
#define SIGNAL_LIMIT NSIG
#else
#define SIGNAL_LIMIT 65
#endif

static const struct {
    int number;
    const char *name;
} signals[] = {
    {SIGHUP, "HUP"},       {SIGINT, "INT"},   {SIGQUIT, "QUIT"},   {SIGILL, "ILL"},
    {SIGTRAP, "TRAP"},     {SIGABRT, "ABRT"}, {SIGBUS, "BUS"},     {SIGFPE, "FPE"},
    {SIGKILL, "KILL"},     {SIGUSR1, "USR1"}, {SIGSEGV, "SEGV"},   {SIGUSR2, "USR2"},
    {SIGPIPE, "PIPE"},     {SIGALRM, "ALRM"}, {SIGTERM, "TERM"},   {SIGCHLD, "CHLD"},
    {SIGCONT, "CONT"},     {SIGSTOP, "STOP"}, {SIGTSTP, "TSTP"},   {SIGTTIN, "TTIN"},
    {SIGTTOU, "TTOU"},     {SIGURG, "URG"},   {SIGXCPU, "XCPU"},   {SIGXFSZ, "XFSZ"},
    {SIGVTALRM, "VTALRM"}, {SIGPROF, "PROF"}, {SIGWINCH, "WINCH"}, {SIGIO, "IO"},
    {SIGSYS, "SYS"},
#ifdef SIGPWR
    {SIGPWR, "PWR"},
#endif
#ifdef SIGSTKFLT
    {SIGSTKFLT, "STKFLT"},
#endif
#ifdef SIGEMT
    {SIGEMT, "EMT"},
#endif
#ifdef SIGINFO
    {SIGINFO, "INFO"},
#endif
#ifdef SIGTHR
    {SIGTHR, "THR"},
#endif
#ifdef SIGLIBRT
    {SIGLIBRT, "LIBRT"},
#endif
    {SIGIO, "POLL"},       {SIGABRT, "IOT"},  {SIGCHLD, "CLD"}, /* other names: never printed */
};

/* SIGRTMIN is not a constant: libc keeps the first ones for itself. */
static const char *const realtime[] = {
    "RTMIN",    "RTMIN+1",  "RTMIN+2",  "RTMIN+3",  "RTMIN+4",  "RTMIN+5",  "RTMIN+6",  "RTMIN+7",
    "RTMIN+8",  "RTMIN+9",  "RTMIN+10", "RTMIN+11", "RTMIN+12", "RTMIN+13", "RTMIN+14", "RTMIN+15",
    "RTMIN+16", "RTMIN+17", "RTMIN+18", "RTMIN+19", "RTMIN+20", "RTMIN+21", "RTMIN+22", "RTMIN+23",
    "RTMIN+24", "RTMIN+25", "RTMIN+26", "RTMIN+27", "RTMIN+28", "RTMIN+29", "RTMIN+30",
};

static int realtime_number(const char *text)
{
    uint64_t offset;
    if (strcmp(text, "RTMAX") == 0)
        return SIGRTMAX;
    if (strncmp(text, "RTMAX-", 6) == 0 &&
        jp_parse_u64(text + 6, 10, 0, (uint64_t)(SIGRTMAX - SIGRTMIN), &offset))
        return SIGRTMAX - (int)offset;
    if (strcmp(text, "RTMIN") == 0)
        return SIGRTMIN;
    if (strncmp(text, "RTMIN+", 6) == 0 &&
        jp_parse_u64(text + 6, 10, 0, (uint64_t)(SIGRTMAX - SIGRTMIN), &offset))
        return SIGRTMIN + (int)offset;
    return 0;
}

int jp_signal_number(const char *text)
{
    uint64_t number;
    int last = SIGRTMAX > SIGNAL_LIMIT - 1 ? SIGRTMAX : SIGNAL_LIMIT - 1;
    if (jp_parse_u64(text, 10, 1, (uint64_t)last, &number))
        return (int)number;
    const char *name = strncmp(text, "SIG", 3) == 0 ? text + 3 : text;
    for (size_t i = 0; i < JP_LEN(signals); i++) {
        if (strcmp(signals[i].name, name) == 0)
            return signals[i].number;
    }
    return realtime_number(name);
}

const char *jp_signal_name(int number)
{
    for (size_t i = 0; i < JP_LEN(signals); i++) {
        if (signals[i].number == number)
            return signals[i].name;
    }
    if (number == SIGRTMAX)
        return "RTMAX";
    if (number >= SIGRTMIN && number < SIGRTMAX && number - SIGRTMIN < (int)JP_LEN(realtime))
        return realtime[number - SIGRTMIN];
    return "unknown";
}
