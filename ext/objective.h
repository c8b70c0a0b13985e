/* Predictions of many runs beside data: what a fit needs of them, summed as each run ends. */
#ifndef TRO_OBJECTIVE_H
#define TRO_OBJECTIVE_H

#include "lanes_run.h"

/* What the rows of a column add to its sums. */
enum tro_form {
    TRO_ROWS = 0,    /* nothing: their predictions and derivatives are written out */
    TRO_SQUARES = 1, /* (value - prediction)**2 / 2 */
    TRO_BINOMIAL = 2 /* -log(p**value (1 - p)**(size - value)), p the prediction */
};

typedef struct {
    const tro_model *model;
    const tro_options *options;
    /* The Taylor method for one run at a time begins, where lanes is not NULL. */
    const tro_lanes_method *lanes;
    const void *series;
    int order;
    const int *seed; /* (n_tangent), as in tro_lanes_job */
    int n_tangent;
    const int *vary; /* (n_tangent) parameter index, or -1 for an initial value */

    long long n_run;
    long long *queue;                   /* next run that waits, shared by all threads */
    const double *p;                    /* (n_run, n_param) */
    const double *start;                /* (n_run, dim) initial values */
    const tro_stimulus *const *stimuli; /* (n_run) */
    const long long *first_time;        /* (n_run + 1) where each run's times begin */
    const double *times;

    int n_column;
    const int *form;       /* (n_column) */
    const int *observable; /* (n_column) that predicts it */
    int n_name;            /* derivatives of a prediction, */
    const int *tangent;    /* (n_name) each through a tangent, or -1, */
    const int *param;      /* (n_name) and straight through a parameter, or -1 */
    const long long *first_row; /* (n_run + 1) where each run's rows begin, sorted by time */
    const int *column;          /* (n_row) */
    const long long *time;      /* (n_row) place among the run's times */
    const double *values;       /* (n_row) */
    const double *size;         /* (n_row) trials; only TRO_BINOMIAL has them */

    tro_report *reports; /* (n_run) */
    /* (n_run, n_column, 1 + n_name + n_name**2), zeroed: the sum, its derivatives, and their
     * expected information. A row that cannot be makes the sum infinite or NaN. */
    double *sums;
    double *located; /* (n_row) predictions */
    double *slopes;  /* (n_row, n_name) of rows of TRO_ROWS; may be NULL without them */
} tro_objective;

/* Solve and sum the runs that wait in the queue. After a run that fails no other starts, so
 * that the first to fail is the same for any number of threads. */
int tro_objective_run(const tro_objective *objective);

#endif
