/* What a module of Taylor methods and recurrences for one vector unit holds. */
#ifndef TRO_LANES_ENTRIES_H
#define TRO_LANES_ENTRIES_H

#include "lanes_run.h"
#include "taylor.h"

extern const tro_lanes_method tro_taylor_1, tro_taylor_4, tro_taylor_8;

#endif
