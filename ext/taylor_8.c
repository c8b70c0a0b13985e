/* The Taylor method in eight lanes. */
#undef TRO_LANES
#define TRO_LANES 8
#include "taylor.c"
