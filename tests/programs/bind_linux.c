#include <sched.h>

#include "strain.h"

int bind_to_processor(int number)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(number, &set);
    return sched_setaffinity(0, sizeof(set), &set);
}
