/* Where the functions of events cross zero on a step's polynomial.
 *
 * A function is sampled at Chebyshev points of an interval; what its interpolant cannot
 * exclude, and what is neither monotone nor convex there, is halved. A crossing that is
 * closed in is narrowed with ITP (Oliveira & Takahashi 2020, ACM TOMS 47, 5).
 * Chebyshev interpolation: Trefethen, Approximation Theory and Approximation Practice, 3-4.
 */
#ifndef TRO_ZEROS_H
#define TRO_ZEROS_H

#include "core.h"

enum { TRO_GLANCE = 5 + 3 }; /* values that exclude most: of degree 4, with three that check */

/* An input's jump takes functions across at a time that stands, a reset at that of its event. */
enum { TRO_SWEPT_BY_JUMP = 1, TRO_SWEPT_BY_RESET };

/* One event on its way through a run. */
struct tro_watch {
    double next;   /* theta of its next crossing in this step, or infinity */
    double back;   /* theta of its crossing before, in this step */
    double offset; /* what its function left of zero where it starts, taken off for one step */
    double last;   /* time of its last firing */
    int count;     /* firings within an instant of the one before */
    int sign;      /* side that its function was clearly on last, 0 while unknown */
    int zero;      /* nonzero when a firing or a reset put its function on zero */
    int pending;   /* direction in which it is about to fire, or 0 */
    int stuck;     /* nonzero when its function cannot be told from zero before its crossing */
    int flat;      /* nonzero when its function looks the same all over the step */
    int swept;     /* what took its function across before a step began: TRO_SWEPT_*, or 0 */
};

static inline int tro_zeros_n_state(const tro_events *events)
{
    return events->model->n_state - 1 - events->n_input;
}

static inline int tro_zeros_sign(double x) { return (x > 0.0) - (x < 0.0); }

/* When theta is. */
double tro_zeros_time(const tro_piece *piece, double theta);
/* Fill z: the states, time and the inputs at theta. */
void tro_zeros_place(tro_events *events, const tro_piece *piece, double theta);
/* All functions, and all values to set, at z. */
void tro_zeros_observe(tro_events *events, const double *z, double *values);
/* The gradients of all of them at z. */
void tro_zeros_differentiate(tro_events *events, const double *z);
/* What rounding of its arguments leaves of a function at z, whose gradient is filled. */
double tro_zeros_noise(const tro_events *events, const double *z, int event);
/* Right-hand side at z. */
void tro_zeros_flow(tro_events *events, const double *z, double *rate);
/* Find an event's next crossing behind theta, and at the step's start its side. */
int tro_zeros_seek(tro_events *events, const tro_piece *piece, int event, double theta);
/* Find the next crossing of every event in a step; most are excluded from one sampling. */
int tro_zeros_look(tro_events *events, const tro_piece *piece);

#endif
