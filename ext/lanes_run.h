/* Many runs of one model, several side by side: what a method for them is given.
 *
 * Compiled once for each width; the C core picks one that the processor can run.
 */
#ifndef TRO_LANES_RUN_H
#define TRO_LANES_RUN_H

#include "core.h"

typedef struct {
    const void *series; /* the model's recurrences for this width */
    int order;
    tro_queue *queue; /* runs that wait, or places in `resumed` */
    const long *resumed; /* runs to go on with, as their reports say; NULL for all */
    const double *p; /* (n_run, n_param) */
    const tro_stimulus *const *stimuli; /* one for all runs or one a run */
    long n_stimuli;
    const double *t_out; /* (n_out) */
    long n_out;
    const double *start; /* (n_run, dim) initial values; NULL where y_out's first rows hold them */
    double *y_out; /* (n_run, n_out, dim) */
    int n_tangent;    /* of each run; 0 unless the width is 1 */
    const int *vary;  /* (n_tangent) parameter index, or -1 for an initial value */
    const int *seed;  /* (n_tangent) its place among those of the recurrences, or -1 */
    const tro_options *options;
    tro_trace *trace;    /* of a single run; may be NULL */
    tro_report *reports; /* (n_run) */
    long *handed; /* (n_run) runs that this thread leaves to another method */
    long *n_handed;
    /* Whether a stiff method pays from here, where a step of length h is due; may be NULL. */
    int (*probe)(void *context, const double *p, const tro_stimulus *stimulus, double t,
                 const double *y, double h);
    void *probe_context;
    /* Look for events in a step of a single run that is known to be right, as tro_solve_look;
     * NULL where none are watched for. */
    int (*look)(void *context, const tro_piece *piece, double low, double high, double *t,
                double *y, int *cut, int *ends);
    void *look_context;
} tro_lanes_job;

typedef struct {
    int lanes;
    int (*run)(const tro_lanes_job *job);
} tro_lanes_method;

/* Solve the runs of a job, each in turn by the series and by the methods of its options: by these
 * where the series hands it over, until stiffness ends. work is tro_solve_work. A status other
 * than success ended all that were not done. */
int tro_alternate(const tro_lanes_method *lanes, const tro_lanes_job *job, const tro_model *model,
                  double *work);

#endif
