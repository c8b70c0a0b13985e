/* The C core: what a solve is made of. Knows nothing of Python.
 *
 * Conventions: outputs last; 0 or a negative status; nothing prints, exits or lives in a global;
 * in a step only what is kept of it grows, its dense output and what events saw.
 */
#ifndef TRO_CORE_H
#define TRO_CORE_H

#include <stddef.h>

#include "trustode.h"

/* The same numbers as trustode.errors.Status; a test compares them. */
enum tro_status {
    TRO_SUCCESS = 0,
    TRO_NONFINITE = -1,
    TRO_STEP_TOO_SMALL = -2,
    TRO_MAX_STEPS = -3,
    TRO_DIVERGED = -4,
    TRO_SINGULAR = -5,
    TRO_INTERRUPTED = -6,
    TRO_NO_MEMORY = -7,
    TRO_ENDLESS = -8,
    TRO_TIME_LIMIT = -10
};

/* Inside the core only, and above success: another method takes the run over; a stiff one does. */
enum { TRO_HANDOVER = 1, TRO_HANDOVER_STIFF = 2 };

/* A number that threads share: set, read, and taken where it is still what was read. */
#if defined(_MSC_VER)
#include <intrin.h>
#define TRO_STOP(queue, end) ((void)_InterlockedExchange64(queue, end))
#define TRO_READ(flag) (*(flag))
#define TRO_TAKE(queue, from, to) (_InterlockedCompareExchange64(queue, to, *(from)) == *(from))
#else
#define TRO_STOP(queue, end) __atomic_store_n(queue, end, __ATOMIC_RELAXED)
#define TRO_READ(flag) __atomic_load_n(flag, __ATOMIC_RELAXED)
#define TRO_TAKE(queue, from, to)                                                                 \
    __atomic_compare_exchange_n(queue, from, to, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
#endif

/* Numbers from 0 that threads share out, several in a row at a time. What they write side by side
 * then lies in other pages of memory: two that come to a new page at one time both clear it. */
typedef struct {
    long long *shared;   /* the next that no thread has taken; NULL where one has all */
    long long n;         /* numbers there are */
    long long parts;     /* a thread takes what is left over this: fewer towards the end */
    long long next, end; /* taken by this thread and not begun */
} tro_queue;

/* Return the next number, or -1 where none is left. */
static inline long long tro_queue_next(tro_queue *queue)
{
    if (queue->next < queue->end) return queue->next++;
    if (!queue->shared) return -1;
    for (;;) {
        const long long first = TRO_READ(queue->shared);
        const long long left = queue->n - first;
        if (left <= 0) return -1;
        const long long end = first + (left < queue->parts ? 1 : left / queue->parts);
        long long seen = first;
        if (!TRO_TAKE(queue->shared, &seen, end)) continue;
        queue->next = first + 1;
        queue->end = end;
        return first;
    }
}

/* Let no thread take any more; those that this one took are not begun. */
static inline void tro_queue_stop(tro_queue *queue)
{
    queue->next = queue->end = queue->n;
    if (queue->shared) TRO_STOP(queue->shared, queue->n);
}

/* ---- stimulus.c: inputs as piecewise cubic tables ---- */

typedef struct {
    long n;              /* segments */
    const double *knots; /* (n) strictly increasing */
    const double *coefs; /* (n, 4) powers of t - knots[k] */
} tro_table;

typedef struct {
    int n_input;
    const tro_table *tables; /* (n_input) */
    long n_break;
    const double *breaks; /* (n_break) sorted times that end a step */
    long n_stop;
    const double *stops;  /* (n_stop) breaks and knots: between them all inputs are cubics */
} tro_stimulus;

/* Inputs at t as seen from inside the interval (low, high): at its ends the values are the
 * one-sided limits, so a jump belongs to one step only. du may be NULL. */
void tro_stimulus_values(const tro_stimulus *stimulus, double t, double low, double high,
                         double *u, double *du);
/* The segment of a table that t lies in, seen from inside (t, high). */
long tro_stimulus_segment(const tro_table *table, double t, double high);

/* ---- system.c: the equations that a method advances ---- */

typedef struct {
    const tro_model *model;
    const double *p;
    const tro_stimulus *stimulus;
    double low, high;  /* interval between breaks that the current step lies in */
    int n_state;
    int n_tangent;     /* sensitivities carried along */
    const int *vary;   /* (n_tangent) parameter index, or -1 for an initial value */
    double *u;         /* (n_input) */
    double *flow;      /* rhs, df/dy and df/dp as the model writes them; only with tangents */
    double *pair;      /* states and a tangent, parameters and theirs; only with tangents */
    long n_rhs, n_jac; /* counts */
} tro_system;

/* Doubles that tro_system_init needs as work space. */
size_t tro_system_work(const tro_model *model, int n_tangent);
void tro_system_init(const tro_model *model, const double *p, const tro_stimulus *stimulus,
                     int n_tangent, const int *vary, double *work, tro_system *system);
/* y holds the states, then one block of n_state for each tangent. */
void tro_system_rhs(tro_system *system, double t, const double *y, double *dydt);
/* First of the states' derivatives that is not finite, or -1. */
int tro_system_bad(const tro_system *system, const double *dydt);
/* Largest ratio of two derivatives' distance to that of their points, of the states and of each
 * tangent: an estimate of the dominant eigenvalue. NaN wins. */
double tro_system_steepness(const tro_system *system, const double *f_a, const double *f_b,
                            const double *y_a, const double *y_b);
/* The states' equations around a point: derivative (n_state), its total time derivative
 * (n_state), Jacobian (n_state, n_state) that was set to zero once. */
void tro_system_slopes(tro_system *system, double t, const double *y, double *slopes);
/* Derivatives of the last two along tangent k (n_state (1 + n_state)), set to zero once. */
void tro_system_bends(tro_system *system, double t, const double *y, int k, double *bends);

/* ---- methods ---- */

typedef struct {
    tro_system *system;
    int dim;           /* n_state * (1 + n_tangent) */
    double t, h;
    const double *y;   /* (dim) at t */
    const double *f;   /* (dim) derivative at t */
    int same_point;    /* nonzero when only h changed since the last call: a Jacobian keeps */
    int ahead;         /* nonzero when `arrive` was called where the step now starts */
    double *y_new;     /* (dim) */
    double *f_new;     /* (dim) derivative at t + h */
    double *error;     /* (dim) local error estimate */
    const double *rough;   /* (dim) estimate of lower order that tempers it; NULL for none */
    const double *between; /* (dim) estimate of the error inside the step, to be minded too; or NULL */
    double stiffness;  /* |h lambda| estimate, 0 when the method has none */
    int bad;           /* equation that was first not finite in a stage, or -1 */
    int side;          /* which half of its work a method uses for this point */
    double *work;
} tro_step;

typedef struct {
    const char *name;
    const char *documentation;
    int order;             /* of the solution */
    int error_order;       /* of the error estimate's expansion in h */
    int n_coef;            /* coefficients of the dense output a state */
    int implicit;
    double stiff_limit;    /* |h lambda| above which the method is bound by stability */
    size_t (*work_size)(int n_state, int dim);
    int (*step)(tro_step *step);
    /* Set f_new once the error is small enough, look ahead, and make ready what is inside; NULL
     * when a step does it. */
    int (*arrive)(tro_step *step);
    /* Powers of (t' - t)/h: coef[j * n + i] for the first n components. */
    void (*dense)(const tro_step *step, int n, double *coef);
    /* Longest step from where the last one started that hides no instability, with so much time
     * left; NULL where a long step would show one. */
    double (*bound)(tro_step *step, double left);
} tro_method;

extern const tro_method tro_tsit5;
extern const tro_method tro_dop853;
extern const tro_method tro_rodas5p;

/* ---- instability.c ---- */

/* Doubles that tro_instability_bound needs as work space. */
size_t tro_instability_work(int n);
/* Longest step that hides no part that grows of the equations with derivatives f (n) and Jacobian
 * jac (n, n); left is the time that it has. */
double tro_instability_bound(int n, const double *f, const double *jac, double left, double *work);

/* ---- events.c, zeros.c: functions that cross zero along a solution, and what that changes ---- */

/* Rows of doubles that grow. */
typedef struct {
    double *rows;
    long n, capacity;
    int width;
} tro_trace;

/* A step's solution, whatever the method: a polynomial in theta = (t' - t)/h. */
typedef struct {
    double t, h;
    double t_end;        /* t + h, or the very stop that the step ends on */
    int n_coef, stride;
    const double *coef;  /* coef[j * stride + i] belongs to theta to the power j */
    const double *y_end; /* (stride) at t_end, where the next step starts */
    const double *due;   /* (n_due) output times, from the last one before the step on */
    long n_due;
} tro_piece;

/* Which events to watch for, and what was seen; one run at a time. */
typedef struct {
    int n_event, n_set, n_input;
    /* Its states are those of the model that is solved, then time, then the inputs. It observes
     * the events' functions (n_event), then the values that states are set to (n_set). */
    const tro_model *model;
    const int *direction; /* (n_event) -1, 1, or 0 for either */
    const int *terminal;  /* (n_event) nonzero when the run ends with it */
    const int *set_event; /* (n_set) event that sets, */
    const int *set_state; /* (n_set) and state that is set */
    /* Rows of event, t, direction and the states just before; with tangents, then what t depends
     * on them by (n_tangent), and the states (n_tangent, n_state). */
    tro_trace log;
    int ended;            /* event that ended the run, or -1 */
    double began;         /* tro_clock at the start */
    tro_system *system;
    double *z;            /* states, time and inputs where it stands, and room for more */
    double *after, *rate, *values, *before, *gradient, *samples, *left;
    double *by_p;         /* (n_event + n_set, n_param) */
    double *due;          /* (n_event, n_tangent) derivatives of the time at which each fires */
    double *moved, *leave; /* (n_state) a tangent on its way through an event, and the rate after */
    double *tangents;     /* (n_tangent, n_state) where z stands */
    struct tro_watch *watch; /* (n_event) */
} tro_events;

typedef struct tro_options tro_options;
typedef struct tro_measures tro_measures; /* measures.h */

/* Doubles that tro_events_start needs as work space. */
size_t tro_events_work(const tro_events *events, int n_tangent);
void tro_events_start(tro_events *events, tro_system *system, double *work);
/* Look at one accepted step. Where an event ended the run, changed a state or went wrong, cut is
 * nonzero, t is its time and events->z starts with the states to go on from, with tangents. */
int tro_events_step(const tro_options *options, const tro_piece *piece, double *t, int *cut);

/* ---- what every solve is given and gives back ---- */

struct tro_options {
    const tro_method *method;
    const tro_method *stiff; /* taken over to when the problem turns out stiff; or NULL */
    double rtol;
    const double *atol;      /* (n_state) */
    double h_max;
    long max_steps;
    double time_limit;          /* seconds on the clock; none unless positive */
    const volatile int *cancel; /* nonzero asks to stop; may be NULL */
    const volatile int *failed; /* nonzero when a function of the model gave up; may be NULL */
    int (*poll)(void *);        /* nonzero asks to stop; may be NULL */
    void *poll_context;
    tro_events *events;         /* may be NULL */
    const tro_measures *measures; /* may be NULL; not with tangents */
    int hand_back;              /* where stiffness ends the run is handed over, for a series */
};

/* Whether the caller asks to stop, or has to be told of a failure. */
static inline int tro_stopped(const tro_options *options)
{
    return (options->cancel && TRO_READ(options->cancel)) ||
           (options->failed && TRO_READ(options->failed)) ||
           (options->poll && options->poll(options->poll_context));
}

/* What became of a run; every member has eight bytes, so that an array of them is numpy's. */
typedef struct {
    long long status;
    long long stiff; /* the problem was found stiff */
    long long n_steps, n_rejected, n_rhs, n_jac;
    double t;        /* reached */
    double h;        /* last step tried */
    long long n_written; /* output rows that hold results */
    long long worst; /* what was not finite or largest when a solve failed: a state, or of a row
                      * with tangents the place of one of theirs */
    double began, taken; /* where time is limited: when a method took it on, and the seconds that
                          * others took before */
} tro_report;

/* ---- clock.c ---- */

/* Seconds since some moment. */
double tro_clock(void);

/* ---- trace.c ---- */

/* The next row, zeroed, or NULL when there is no memory. */
double *tro_trace_row(tro_trace *trace);
void tro_trace_free(tro_trace *trace);

/* ---- solve.c: step control, outputs, breaks, limits ---- */

size_t tro_solve_work(const tro_model *model, int n_tangent, const tro_options *options);
/* t_out[0] is the start and y_out's first row the initial value; the rest of y_out
 * (n_out, dim) is written; after a failure the row behind the last one written holds the
 * state that was reached. A report of a run that was handed over is gone on with, from its
 * time and that row; otherwise the report has to be zero. When an event ended the run, the row
 * behind the last one holds its state too. trace, which may be NULL, keeps the steps: rows of
 * t, h, then n_coef * n_state coefficients. */
int tro_solve(const tro_model *model, const double *p, const tro_stimulus *stimulus,
              int n_tangent, const int *vary, const double *t_out, long n_out,
              const tro_options *options, double *work, double *y_out, tro_trace *trace,
              tro_report *report);

/* What it takes to ask whether a problem is stiff. */
typedef struct {
    const tro_model *model;
    const tro_options *options; /* with a stiff method */
    double *work;               /* tro_solve_work */
} tro_probe;

/* Whether a step of the stiff method from t and y (n_state) can be so much longer than an explicit
 * one of length h that it pays. */
int tro_solve_probe(void *probe, const double *p, const tro_stimulus *stimulus, double t,
                    const double *y, double h);

/* What it takes to look for events in a step that another method took. */
typedef struct {
    const tro_options *options; /* with events */
    tro_system system;
} tro_look;

/* Begin to watch one run; work is that of tro_solve. */
void tro_solve_watch(const tro_model *model, const double *p, const tro_stimulus *stimulus,
                     const tro_options *options, double *work, tro_look *look);
/* Watch on after tro_solve took a part of the run. */
void tro_solve_watch_on(tro_look *look);
/* Look at a step inside the interval (low, high) between breaks, as tro_events_step; y (n_state)
 * are the states to go on from where cut is nonzero, and ends is nonzero where the run ends. */
int tro_solve_look(void *look, const tro_piece *piece, double low, double high, double *t,
                   double *y, int *cut, int *ends);

#endif
