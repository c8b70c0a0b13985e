/* Tangents along the Taylor series of one run: TRO_WIDE of them in a block. */
#ifndef TRO_TAYLOR_TANGENTS_H
#define TRO_TAYLOR_TANGENTS_H

#include "lanes_run.h"
#include "taylor.h"

typedef struct {
    const tro_lanes_job *job;
    const tro_taylor *model;
    int n_block;        /* 0 where no tangents are asked for */
    int *place;         /* (n_tangent) lane of each, counted through the blocks */
    int *held;          /* (n_block, TRO_WIDE) tangent of each lane, or -1 */
    size_t size;        /* vectors of one block's series */
    tro_w *series;      /* (n_block, order + 1, n_wide), the states' first; order 0 is now */
    tro_w *directions;  /* (n_block, n_vary) tangents of the parameters */
    tro_w *before;      /* (n_block, n_state) where the last step began */
    tro_w *least;       /* (n_block) absolute tolerances */
    tro_w *row, *other; /* (n_block, n_state) */
    tro_w *slope;       /* (n_block, n_state) at the last step's end, in its own units of time, */
    double inverse;     /* one over which this is */
    double theta, *waiting; /* a row that is not yet written, or NULL */
    double *spare;      /* (n_state) what lanes without a tangent write */
} tro_tangents;

/* Vectors that the tangents of a job need. */
size_t tro_taylor_tangents_work(const tro_lanes_job *job);

/* Prepare all but the states; memory is zero and aligned to a vector. */
void tro_taylor_tangents_prepare(tro_tangents *t, const tro_lanes_job *job, tro_w *memory);

/* Begin a run of parameters p at tangents (n_tangent, n_state). */
void tro_taylor_tangents_begin(tro_tangents *t, const double *p, const double *tangents);

/* Compute the series along a solution's, with time in units of scale. */
void tro_taylor_tangents_series(tro_tangents *t, double scale, const double *c, const double *s);

/* Raise the sizes of the last two coefficients, with time in units of scale, and of the last
 * step's defect against a share of the tolerances, as sums of squares over the states (Hindmarsh
 * & Serban, CVODES, 2.6), to the largest of a tangent. */
void tro_taylor_tangents_sizes(const tro_tangents *t, double scale, double share,
                               double *size_last, double *size_before, double *size_defect);

/* Whether the tangents of now are finite. */
int tro_taylor_tangents_finite(const tro_tangents *t);

/* Write the tangents (n_tangent, n_state) of now. */
void tro_taylor_tangents_now(const tro_tangents *t, double *out);

/* Those at theta * scale, which are there at the latest when the step has ended. */
void tro_taylor_tangents_row(tro_tangents *t, double theta, double *out);

/* End the step at theta * scale, of which inverse is one over scale; and go back again. */
void tro_taylor_tangents_step(tro_tangents *t, double theta, double inverse);
void tro_taylor_tangents_retreat(tro_tangents *t);

#endif
