/* The Taylor method in eight lanes. */
#define TRO_LANES 8
#include "taylor.c"
