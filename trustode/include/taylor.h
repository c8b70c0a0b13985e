/* The contract between generated Taylor recurrences and the C core. */
#ifndef TRO_TAYLOR_H
#define TRO_TAYLOR_H

#include "trustode.h"

#include "lanes.h"
#include "tangents.h"
#include "lanes_math.h"
#include "side_math.h"

enum { TRO_TAYLOR_ORDER = 24 };

#define TRO_TAYLOR_RECIPROCALS                                                              \
    {0.0,      1.0,      1.0 / 2,  1.0 / 3,  1.0 / 4,  1.0 / 5,  1.0 / 6,  1.0 / 7,  1.0 / 8,  \
     1.0 / 9,  1.0 / 10, 1.0 / 11, 1.0 / 12, 1.0 / 13, 1.0 / 14, 1.0 / 15, 1.0 / 16, 1.0 / 17, \
     1.0 / 18, 1.0 / 19, 1.0 / 20, 1.0 / 21, 1.0 / 22, 1.0 / 23, 1.0 / 24, 1.0 / 25}

typedef struct {
    int abi, lanes;
    int n_state, n_param, n_input;
    int n_const; /* what depends on p and u alone */
    int n_slot;  /* series that are kept, the states first */
    int sudden;  /* time may change the equations unannounced */
    int n_wide;  /* series that are kept of each tangent, the states' first */
    int n_vary;  /* parameters to differentiate by, or -1 without tangents */
    int n_driven;      /* inputs that move */
    const int *driven; /* (n_driven) which they are */
    int n_steep, n_wave;
    /* Slots of arguments, with k times their coefficients, of functions that flatten away from
     * zero, as tanh and exp do, and of sines and cosines. */
    const int *steep, *waves;
    /* Constants (n_const) of one run, while its inputs (n_input) stand still or are driven. */
    void (*hoist)(const double *p, const double *u, double *c);
    /* Coefficients s[k * n_slot + i] for k up to order, with time in units of scale, of the
     * solution through the states s[i] at t, along inputs whose coefficients are u[4 l + k]. */
    void (*series)(int order, tro_v t, tro_v scale, const tro_v *c, const tro_v *u, tro_v *s);
    /* Coefficients z[k * n_wide + i] of TRO_WIDE tangents through z[i], along a solution whose
     * series are s; d (n_vary) are the parameters' tangents. The same of n_block such blocks,
     * one after the other in d and z, of which the first begin with the tangents by each of the
     * n_vary parameters in turn. Of one run alone, so only where TRO_LANES is 1. */
    void (*tangent)(int n_block, int order, tro_v scale, const tro_v *c, const tro_v *s,
                    const tro_w *d, tro_w *z);
} tro_taylor;

#define TRO_TAYLOR_ABI (2000 + (int)sizeof(tro_taylor))

#endif
