/* The Taylor method in four lanes. */
#undef TRO_LANES
#define TRO_LANES 4
#include "taylor.c"
