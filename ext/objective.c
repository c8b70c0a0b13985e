/* Predictions of many runs beside data.
 *
 * A run's rows stay in one buffer of its thread: no trajectory outlives its run. Each run has
 * sums of its own, in the order of its rows, so that they do not depend on threads.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "objective.h"

/* Room of one thread. */
typedef struct {
    double *solve;                        /* tro_solve_work */
    double *rows;                         /* (n_time, dim) of the run at hand */
    double *u, *observed, *by_y, *by_p;   /* inputs; observables and their derivatives */
    double *slope;                        /* (n_name) */
} objective_room;

/* What a row adds: its value, and the derivative and expected information by the prediction. */
typedef struct {
    double value, by, information;
} objective_term;

/* A probability this near 1 is 1 but for rounding, so what it leaves to a failure, and every
 * derivative of that, is made of rounding errors. */
#define CERTAIN 0x1p-50

static objective_term objective_binomial(double successes, double size, double p)
{
    const double failures = size - successes, variance = p * (1.0 - p);
    objective_term term = {0.0, 0.0, variance > 0.0 ? size / variance : 0.0};
    if (!(p >= 0.0 && p <= 1.0)) return (objective_term){.value = HUGE_VAL};
    if (failures > 0.0 && 1.0 - p < CERTAIN) return (objective_term){.value = HUGE_VAL};
    /* 0 log 0 is 0: a certain prediction that came true. */
    if (successes > 0.0) term.value -= successes * log(p), term.by -= successes / p;
    if (failures > 0.0) term.value -= failures * log1p(-p), term.by += failures / (1.0 - p);
    return term;
}

static objective_term objective_squares(double value, double predicted)
{
    const double residual = value - predicted;
    return (objective_term){0.5 * residual * residual, -residual, 1.0};
}

/* Derivatives of the prediction of one column. */
static void objective_slope(const tro_objective *o, int column, const double *y,
                            const objective_room *room, double *slope)
{
    const size_t n = (size_t)o->model->n_state, at = (size_t)o->observable[column];
    const double *by_y = room->by_y + at * n;
    const double *by_p = room->by_p + at * (size_t)o->model->n_param;
    for (int k = 0; k < o->n_name; k++) {
        double sum = o->param[k] >= 0 ? by_p[o->param[k]] : 0.0;
        if (o->tangent[k] >= 0) {
            const double *tangent = y + n * (size_t)(1 + o->tangent[k]);
            for (size_t i = 0; i < n; i++) sum += by_y[i] * tangent[i];
        }
        slope[k] = sum;
    }
}

/* Add one observation to its column's sums. */
static void objective_add(const tro_objective *o, size_t row, const double *y,
                          const objective_room *room, double *sums)
{
    const int column = o->column[row];
    const size_t n = (size_t)o->n_name;
    const double located = room->observed[o->observable[column]];
    o->located[row] = located;
    if (o->form[column] == TRO_ROWS) {
        if (o->slopes) objective_slope(o, column, y, room, o->slopes + row * n);
        return;
    }
    const objective_term term = o->form[column] == TRO_SQUARES
                                    ? objective_squares(o->values[row], located)
                                    : objective_binomial(o->values[row], o->size[row], located);
    objective_slope(o, column, y, room, room->slope);
    sums += (size_t)column * (1 + n + n * n);
    sums[0] += term.value;
    double *gradient = sums + 1, *information = gradient + n;
    for (size_t i = 0; i < n; i++) {
        const double weighted = term.information * room->slope[i];
        gradient[i] += term.by * room->slope[i];
        for (size_t j = 0; j <= i; j++) information[i * n + j] += weighted * room->slope[j];
    }
}

static void objective_sum(const tro_objective *o, size_t run, const objective_room *room)
{
    const tro_model *model = o->model;
    const size_t n = (size_t)o->n_name, last = (size_t)o->first_row[run + 1];
    const size_t dim = (size_t)model->n_state * (size_t)(1 + o->n_tangent);
    const double *p = o->p + run * (size_t)model->n_param;
    const double *times = o->times + o->first_time[run];
    double *sums = o->sums + run * (size_t)o->n_column * (1 + n + n * n);
    int direct = 0;
    for (int k = 0; k < o->n_name; k++) direct |= o->param[k] >= 0;
    long long now = -1;
    for (size_t row = (size_t)o->first_row[run]; row < last; row++) {
        const double *y = room->rows + (size_t)o->time[row] * dim;
        if (o->time[row] != now) {
            now = o->time[row];
            const double t = times[now];
            tro_stimulus_values(o->stimuli[run], t, -HUGE_VAL, HUGE_VAL, room->u, NULL);
            model->observe(model, t, y, p, room->u, room->observed);
            if (n) model->observe_dy(model, t, y, p, room->u, room->by_y);
            if (direct) model->observe_dp(model, t, y, p, room->u, room->by_p);
        }
        objective_add(o, row, y, room, sums);
    }
    for (int column = 0; column < o->n_column; column++, sums += 1 + n + n * n)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < i; j++) sums[1 + n + j * n + i] = sums[1 + n + i * n + j];
}

static int objective_solve(const tro_objective *o, size_t run, const objective_room *room)
{
    const size_t dim = (size_t)o->model->n_state * (size_t)(1 + o->n_tangent);
    const double *p = o->p + run * (size_t)o->model->n_param;
    const double *times = o->times + o->first_time[run];
    const long n_time = (long)(o->first_time[run + 1] - o->first_time[run]);
    tro_report *report = o->reports + run;
    memcpy(room->rows, o->start + run * dim, dim * sizeof *room->rows);
    *report = (tro_report){.t = times[0]};
    /* A span of no length takes no step, and a series would count one. */
    if (o->lanes && n_time > 1) {
        tro_queue queue = {.end = 1};
        long handed = 0, n_handed = 0;
        tro_probe probe = {o->model, o->options, room->solve};
        const tro_lanes_job job = {
            .series = o->series, .order = o->order, .queue = &queue, .p = p,
            .stimuli = o->stimuli + run, .n_stimuli = 1, .t_out = times, .n_out = n_time,
            .y_out = room->rows, .n_tangent = o->n_tangent, .vary = o->vary, .seed = o->seed,
            .options = o->options, .reports = report, .handed = &handed, .n_handed = &n_handed,
            .probe = o->options->stiff ? tro_solve_probe : NULL, .probe_context = &probe};
        const int status = tro_alternate(o->lanes, &job, o->model, room->solve);
        if (status == TRO_NO_MEMORY) report->status = status;
        return (int)report->status;
    }
    return tro_solve(o->model, p, o->stimuli[run], o->n_tangent, o->vary, times, n_time,
                     o->options, room->solve, room->rows, NULL, report);
}

int tro_objective_run(const tro_objective *o)
{
    const tro_model *model = o->model;
    const size_t n = (size_t)model->n_state, seen = (size_t)model->n_observable;
    const size_t dim = n * (size_t)(1 + o->n_tangent);
    const size_t work = tro_solve_work(model, o->n_tangent, o->options);
    long long most = 0;
    for (long long run = 0; run < o->n_run; run++) {
        const long long n_time = o->first_time[run + 1] - o->first_time[run];
        if (n_time > most) most = n_time;
    }
    const size_t sizes = work + (size_t)most * dim + (size_t)model->n_input +
                         seen * (1 + n + (size_t)model->n_param) + (size_t)o->n_name;
    double *memory = malloc((sizes + 1) * sizeof *memory);
    if (!memory) return TRO_NO_MEMORY;
    objective_room room = {.solve = memory, .rows = memory + work};
    room.u = room.rows + (size_t)most * dim;
    room.observed = room.u + model->n_input;
    room.by_y = room.observed + seen;
    room.by_p = room.by_y + seen * n;
    room.slope = room.by_p + seen * (size_t)model->n_param;

    /* Runs are few and long: one at a time. */
    tro_queue queue = {.shared = o->queue, .n = o->n_run, .parts = o->n_run};
    int status = TRO_SUCCESS;
    while (status == TRO_SUCCESS && !tro_stopped(o->options)) {
        const long long run = tro_queue_next(&queue);
        if (run < 0) break;
        status = objective_solve(o, (size_t)run, &room);
        if (status == TRO_SUCCESS)
            objective_sum(o, (size_t)run, &room);
        else
            tro_queue_stop(&queue);
    }
    free(memory);
    return status;
}
