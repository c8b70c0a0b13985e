/* The time on the clock, for limits. */
#include <time.h>

#include "core.h"

double tro_clock(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
