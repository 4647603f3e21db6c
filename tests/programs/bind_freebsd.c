#include <sys/param.h>
#include <sys/cpuset.h>

#include "strain.h"

int bind_to_processor(int number)
{
    cpuset_t set;
    CPU_ZERO(&set);
    CPU_SET(number, &set);
    return cpuset_setaffinity(CPU_LEVEL_WHICH, CPU_WHICH_PID, -1, sizeof(set), &set);
}
