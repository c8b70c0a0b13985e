/* The Taylor method in four lanes. */
#define TRO_LANES 4
#include "taylor.c"
