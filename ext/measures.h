/* What describes a run, gathered from its steps while it is solved: no trajectory is kept. */
#ifndef TRO_MEASURES_H
#define TRO_MEASURES_H

#include "core.h"

/* What to gather; shared by all runs, but for `run`. */
struct tro_measures {
    int n_seen;
    const int *seen; /* (n_seen) states to look at; if cycles are told, those of the first */
    double begin, end;
    const double *level;    /* (n_run) that a cycle rises through; NULL for the extent of all */
    const double *smallest; /* (n_run) swings up to this are none */
    long run;               /* the run at hand of a method that advances one at a time */
    /* (n_run, 9 n_seen): for each part of the span (first half, up to the last fifth, last
     * fifth) the least and the greatest value and the integral of each state. Or of cycles
     * (n_run, 5 + n_seen): what they are, period, its spread, start and end of whole cycles,
     * and each state's mean between these. */
    double *out;
};

/* What cycles are, as numbers. */
enum tro_cycles { TRO_NO_CYCLE = 0, TRO_CYCLING = 1, TRO_IRREGULAR = 2 };

/* One step's solution: coef[j * by_power + i * by_state] belongs to ((t' - t) / h)**j, where i
 * is the column of one of the states seen. */
typedef struct {
    double t, h, t_end;
    int n_coef;
    const double *coef;
    size_t by_power, by_state;
    const int *column; /* (n_seen), or NULL when they come one after the other */
    /* At i * by_state: the sum of a state's |coef| but for the first, and its integral over
     * (t' - t) / h from 0 to 1. */
    const double *spread, *area;
} tro_stretch;

/* Fill the two, where by_state is 1; room has 2 * n_seen doubles. */
void tro_measures_outline(tro_stretch *stretch, int n_seen, double *room);

/* One run on its way. */
typedef struct {
    const tro_measures *plan;
    double *out;
    double level;
    int part, below; /* of the span; whether it is below the level */
    long n_passage;
    double high, low; /* extremes of the cycle it is in */
    double *integral;        /* (n_seen) since the start */
    double *ring;            /* of the last passages: time, high and swing before it, integrals */
} tro_gauge;

/* Doubles that a gauge needs as work space; the last 2 * n_seen are its user's. */
size_t tro_measures_work(const tro_measures *plan);
void tro_measures_start(const tro_measures *plan, long run, double *work, tro_gauge *gauge);
/* Look at the next step of a run; its states are finite. */
void tro_measures_step(tro_gauge *gauge, const tro_stretch *stretch);
/* Write what was found of a run that reached its end. */
void tro_measures_end(tro_gauge *gauge);
/* All of these for a run of whose states seen samples (n, n_seen) at n > 2 uniform times are known:
 * cubics through four of them stand for the steps. Needs 4 * n_seen doubles more. */
void tro_measures_samples(const tro_measures *plan, long run, const double *t, const double *y,
                          long n, double *work);

#endif
