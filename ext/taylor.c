/* The Taylor method, TRO_LANES runs side by side, each with its own step.
 *
 * Order and step from the last coefficients: A. Jorba & M. Zou (2005), A software package for
 * the numerical integration of ODEs by means of high-order Taylor methods, Experimental
 * Mathematics 14, 99-117, sections 3.2 and 3.3. A step is confirmed by the next one's first
 * coefficient: the derivative there against that of the polynomial (its defect).
 *
 * A run that the recurrences cannot carry on (a singularity of an expression, a step that
 * vanishes, stiffness) is handed over with the state it reached; only limits end one here.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "taylor_batch.h"
#include "taylor_outputs.h"
#include "taylor_reach.h"
#include "taylor_sizes.h"

enum {
    POLL_EVERY = 256, /* iterations between two looks at the cancel flag */
    LOOK_EVERY = 4,   /* steps between two looks for stiffness */
    FIRST_LOOKS = 4,  /* looks in a row that show it before a stiff method is tried */
    FIRST_PROBE = 256,  /* steps before one is tried anyway, and again whenever they double */
    TRIES = 40        /* rejections in a row before a run is handed over */
};

/* Share of the tolerance that the last term of a step may have. */
static const double SHARE = 0.05;
/* Defect, as an error, above which a step is taken again: what the share promises, and more. */
static const double DEFECT = 1.0;
static const double GROW = 4.0;
/* Share of an input's size that is no jump. */
static const double SMOOTH = 1e-14;

/* Inputs between two stops: constants, and of those that move the cubics. */
static void taylor_interval(batch *b, int at)
{
    lane *l = &b->lanes[at];
    const tro_taylor *model = b->model;
    const tro_stimulus *stimulus = l->stimulus;
    const double *stops = model->n_driven ? stimulus->stops : stimulus->breaks;
    const long n_stop = model->n_driven ? stimulus->n_stop : stimulus->n_break;
    const double t = l->low = TRO_LANE(b->t, at);
    while (l->next_stop < n_stop && stops[l->next_stop] <= t) l->next_stop++;
    l->high = l->next_stop < n_stop ? stops[l->next_stop] : HUGE_VAL;
    l->stop = l->high < l->end ? l->high : l->end;
    for (int m = 0; m < model->n_driven; m++) {
        const tro_table *table = &stimulus->tables[model->driven[m]];
        const long k = tro_stimulus_segment(table, t, l->high);
        /* The first segment is constant, however far it lies. */
        TRO_LANE(b->knots[m], at) = k ? table->knots[k] : t;
        for (int j = 0; j < 4; j++)
            TRO_LANE(b->cubics[4 * m + j], at) = table->coefs[4 * k + j];
    }
    double *held = b->held + (size_t)at * (size_t)model->n_input;
    tro_stimulus_values(stimulus, t, t, l->high, b->inputs, NULL);
    for (int m = 0; m < model->n_driven; m++) b->inputs[model->driven[m]] = 0.0;
    if (l->hoisted && !memcmp(held, b->inputs, (size_t)model->n_input * sizeof *held)) return;
    memcpy(held, b->inputs, (size_t)model->n_input * sizeof *held);
    l->hoisted = 1;
    model->hoist(l->p, b->inputs, b->scratch);
    for (int i = 0; i < model->n_const; i++) TRO_LANE(b->c[i], at) = b->scratch[i];
}

/* Coefficients of the inputs that move, at each lane's time and in its scale. */
static void taylor_drive(batch *b)
{
    const tro_v square = b->scale * b->scale, cube = square * b->scale;
    for (int m = 0; m < b->model->n_driven; m++) {
        const tro_v *c = b->cubics + 4 * m, s = b->t - b->knots[m], rise = c[2] + c[2],
                    bend = c[3] * tro_set(3.0);
        tro_v *u = b->u + 4 * m;
        u[0] = tro_fma(s, tro_fma(s, tro_fma(s, c[3], c[2]), c[1]), c[0]);
        u[1] = tro_fma(s, tro_fma(s, bend, rise), c[1]) * b->scale;
        u[2] = tro_fma(s, bend, c[2]) * square;
        u[3] = c[3] * cube;
    }
}

/* Pass a stop at which no input jumps: the equations at its two sides are the same, so that
 * the step that ended there can be confirmed behind it. */
static void taylor_pass(batch *b, int at)
{
    lane *l = &b->lanes[at];
    const tro_stimulus *stimulus = l->stimulus;
    double *behind = b->scratch;
    tro_stimulus_values(stimulus, l->stop, l->low, l->high, behind, NULL);
    tro_stimulus_values(stimulus, l->stop, l->stop, HUGE_VAL, b->inputs, NULL);
    for (int i = 0; i < stimulus->n_input; i++)
        if (fabs(behind[i] - b->inputs[i]) > SMOOTH * (fabs(behind[i]) + fabs(b->inputs[i])))
            return;
    l->landed = 0;
    taylor_interval(b, at);
}

/* Write the states where a lane's run is, and its tangents if there are any. */
static void taylor_row_now(const batch *b, int at, double *row)
{
    for (int i = 0; i < b->n; i++) row[i] = TRO_LANE(b->y[i], at);
#if TRO_LANES == 1
    tro_taylor_tangents_now(&b->tangents, row + b->n);
#endif
}

/* The time on the clock, where time is limited. */
static double taylor_clock(const batch *b)
{
    return b->job->options->time_limit < HUGE_VAL ? tro_clock() : 0.0;
}

/* Take the next run that waits, or -1; those that start nowhere are left to who can say so. */
static long taylor_next(const batch *b)
{
    const tro_lanes_job *job = b->job;
    for (;;) {
        const long long next = tro_queue_next(job->queue);
        if (next < 0) return -1;
        if (job->resumed) return job->resumed[next];
        double *row = job->y_out + (size_t)next * (size_t)job->n_out * b->dim;
        if (job->start) memcpy(row, job->start + (size_t)next * b->dim, b->dim * sizeof *row);
        job->reports[next] = (tro_report){.t = job->t_out[0]};
        int i = 0;
        while (i < b->n && isfinite(row[i])) i++;
        if (i == b->n) return (long)next;
        job->reports[next].status = TRO_HANDOVER;
        job->handed[(*job->n_handed)++] = (long)next;
    }
}

/* Give a lane the next run that waits, or leave it idle. */
static void taylor_fill(batch *b, int at)
{
    const tro_lanes_job *job = b->job;
    lane *l = &b->lanes[at];
    *l = (lane){.run = -1};
    const long run = taylor_next(b);
    if (run < 0) {
        /* It goes on with where it is; nothing comes of it. */
        TRO_LANE(b->scale, at) = 0.0;
        return;
    }
    tro_report *from = &job->reports[run];
    from->began = taylor_clock(b);
    b->n_active++;
    l->run = run;
    l->p = job->p + (size_t)run * (size_t)b->model->n_param;
    l->stimulus = job->stimuli[job->n_stimuli > 1 ? run : 0];
    l->y_out = job->y_out + (size_t)run * (size_t)job->n_out * b->dim;
    l->end = job->t_out[job->n_out - 1];
    const double *row = l->y_out + (size_t)from->n_written * b->dim;
    l->written = from->n_written > 0 ? (long)from->n_written : 1;
    l->n_steps = (long)from->n_steps;
    l->n_rejected = (long)from->n_rejected;
    l->first = 1;
    l->looks_wanted = FIRST_LOOKS;
    l->probe_at = l->n_steps + FIRST_PROBE;
    for (int i = 0; i < b->n; i++) TRO_LANE(b->y[i], at) = row[i];
#if TRO_LANES == 1
    tro_taylor_tangents_begin(&b->tangents, l->p, row + b->n);
#endif
    TRO_LANE(b->t, at) = from->t;
    double most = l->end - job->t_out[0];
    if (b->model->sudden) most *= 0.01; /* the equations may wake up on the way */
    if (from->h > 0.0 && from->h < most) most = from->h;
    if (job->options->h_max < most) most = job->options->h_max;
    TRO_LANE(b->scale, at) = TRO_LANE(b->most, at) = most;
    const tro_measures *measures = job->options->measures;
    if (measures)
        tro_measures_start(measures, run, b->room + (size_t)at * tro_measures_work(measures),
                           &b->gauges[at]);
    taylor_interval(b, at);
}

/* End a lane's run: what is left of it is the state it reached. */
static void taylor_end(batch *b, int at, int status)
{
    lane *l = &b->lanes[at];
    if (l->written < b->job->n_out)
        taylor_row_now(b, at, l->y_out + (size_t)l->written * b->dim);
    tro_report *report = &b->job->reports[l->run];
    report->status = status;
    if (status > TRO_SUCCESS) report->taken += taylor_clock(b) - report->began;
    report->stiff |= status == TRO_HANDOVER_STIFF;
    report->n_steps = l->n_steps;
    report->n_rejected = l->n_rejected;
    report->n_rhs += l->n_series;
    report->t = TRO_LANE(b->t, at);
    report->h = TRO_LANE(b->h, at);
    report->n_written = l->written;
    if (b->job->options->measures) {
        if (status == TRO_SUCCESS) tro_measures_end(&b->gauges[at]);
        /* Measures are taken by one method alone, so that it begins at the start. */
        if (status > TRO_SUCCESS) report->t = b->job->t_out[0], report->n_written = 0;
    }
    if (status > TRO_SUCCESS) b->job->handed[(*b->job->n_handed)++] = l->run;
    b->n_active--;
    taylor_fill(b, at);
}

/* Take the last step back, which was not confirmed. */
static void taylor_retreat(batch *b, int at)
{
    lane *l = &b->lanes[at];
    for (int i = 0; i < b->n; i++) TRO_LANE(b->y[i], at) = TRO_LANE(b->y_before[i], at);
#if TRO_LANES == 1
    tro_taylor_tangents_retreat(&b->tangents);
#endif
    TRO_LANE(b->t, at) = l->t_before;
    l->written = l->written_before;
    l->n_steps--;
    l->confirm = l->landed = 0;
    if (l->next_stop != l->stop_before) {
        l->next_stop = l->stop_before;
        taylor_interval(b, at);
    }
    if (b->job->trace) b->job->trace->n--;
}

static double taylor_power(double x, int n)
{
    double power = 1.0;
    for (int k = 0; k < n; k++) power *= x;
    return power;
}

/* Whether a run that would take a step h shows stiffness: half way the series has fallen to
 * the tolerance already, so stability, not accuracy, bounds the step; and a stiff method does
 * better. */
static int taylor_stiff(batch *b, int at, double h)
{
    const tro_lanes_job *job = b->job;
    lane *l = &b->lanes[at];
    if (!job->probe || l->n_steps % LOOK_EVERY) return 0;
    const int half = b->order / 2;
    const double theta = taylor_power(h / TRO_LANE(b->scale, at), half);
    double most = 0.0;
    for (int i = 0; i < b->n; i++) {
        const double term =
            fabs(TRO_LANE(b->s[half * b->model->n_slot + i], at)) * TRO_LANE(b->weight[i], at);
        if (term > most) most = term;
    }
    if (l->end - TRO_LANE(b->t, at) < 300.0 * h) return l->looks = 0;
    /* Accuracy's bound leaves about the root of the last term there, stability's far less. */
    const int flat = !(most * theta > SHARE * cbrt(1.0 / (SHARE * job->options->rtol)));
    l->looks = flat ? l->looks + 1 : 0;
    if (l->n_steps >= l->probe_at) {
        l->probe_at = 2 * l->n_steps;
    } else {
        if (l->looks < l->looks_wanted) return 0;
        l->looks_wanted *= 2;
    }
    l->looks = 0;
    for (int i = 0; i < b->n; i++) b->scratch[i] = TRO_LANE(b->y[i], at);
    return job->probe(job->probe_context, l->p, l->stimulus, TRO_LANE(b->t, at), b->scratch,
                      h);
}

/* A step of the first lane in powers of its own length. */
static void taylor_piece(const batch *b, double *coef)
{
    const double ratio = TRO_LANE(b->h, 0) / TRO_LANE(b->scale, 0);
    double power = 1.0;
    for (int k = 0; k <= b->order; k++, power *= ratio)
        for (int i = 0; i < b->n; i++)
            coef[k * b->n + i] = TRO_LANE(b->s[k * b->model->n_slot + i], 0) * power;
}

/* Keep the step for dense output. */
static int taylor_record(batch *b)
{
    double *row = tro_trace_row(b->job->trace);
    if (!row) return TRO_NO_MEMORY;
    row[0] = TRO_LANE(b->t, 0);
    row[1] = TRO_LANE(b->h, 0);
    taylor_piece(b, row + 2);
    return TRO_SUCCESS;
}

/* Look for events in the step just confirmed; nonzero where one changed the state or ended the
 * run, which then goes on from there. */
static int taylor_look(batch *b, int at)
{
    const tro_lanes_job *job = b->job;
    lane *l = &b->lanes[at];
    double t = TRO_LANE(b->t, at);
    for (int i = 0; i < b->n; i++) b->scratch[i] = TRO_LANE(b->y[i], at);
    const long before = l->written_before > 0 ? l->written_before - 1 : 0;
    const tro_piece piece = {l->t_before, l->h_before, t, b->order + 1, b->n, b->piece,
                             b->scratch, job->t_out + before, job->n_out - before};
    int cut = 0, ends = 0;
    const int status = job->look(job->look_context, &piece, l->low_before, l->high_before, &t,
                                 b->state, &cut, &ends);
    if (!cut) return 0;
    /* Where an event fired as the step began, the step is not one. */
    if (job->trace && t <= l->t_before) job->trace->n--;
    for (int i = 0; i < b->n; i++) TRO_LANE(b->y[i], at) = b->state[i];
    TRO_LANE(b->t, at) = t;
    /* A row of this very time holds the state behind the event. */
    while (l->written > 0 && job->t_out[l->written - 1] >= t) l->written--;
    if (l->written < job->n_out && job->t_out[l->written] == t)
        memcpy(l->y_out + (size_t)l->written++ * b->dim, b->state, b->dim * sizeof *b->state);
    l->confirm = l->landed = l->tries = 0;
    l->first = 1;
    if (status != TRO_SUCCESS || ends || t >= l->end) {
        taylor_end(b, at, status);
    } else {
        l->next_stop = l->stop_before;
        taylor_interval(b, at);
    }
    return 1;
}

/* Keep the steps about to be taken, in powers of their own lengths, until they are confirmed. */
static void taylor_keep(batch *b)
{
    static const double RECIPROCAL[] = TRO_TAYLOR_RECIPROCALS;
    const tro_measures *measures = b->job->options->measures;
    const size_t n = (size_t)measures->n_seen, n_slot = (size_t)b->model->n_slot;
    const size_t order = (size_t)b->order;
    const tro_v ratio = b->h * b->inverse;
    tro_v power[TRO_TAYLOR_ORDER + 1], *spread = b->last + (order + 1) * n, *area = spread + n;
    power[0] = tro_set(1.0);
    for (size_t k = 1; k <= order; k++) power[k] = power[k - 1] * ratio;
    for (size_t i = 0; i < n; i++) {
        const tro_v *s = b->s + measures->seen[i];
        tro_v sum = b->last[i] = s[0], far = tro_set(0.0);
        for (size_t k = 1; k <= order; k++) {
            const tro_v c = b->last[k * n + i] = s[k * n_slot] * power[k];
            far = far + tro_abs(c);
            sum = tro_fma(c, tro_set(RECIPROCAL[k + 1]), sum);
        }
        spread[i] = far;
        area[i] = sum;
    }
}

/* Measure a lane's last step, which was confirmed. */
static void taylor_measure(batch *b, int at)
{
    const lane *l = &b->lanes[at];
    const size_t by_power = (size_t)b->job->options->measures->n_seen * TRO_LANES;
    const double *last = (const double *)b->last + at;
    const double *spread = last + (size_t)(b->order + 1) * by_power;
    const tro_stretch stretch = {
        .t = l->t_before, .h = l->h_before, .t_end = TRO_LANE(b->t, at), .n_coef = b->order + 1,
        .coef = last, .by_power = by_power, .by_state = TRO_LANES, .spread = spread,
        .area = spread + by_power};
    tro_measures_step(&b->gauges[at], &stretch);
}

/* How long a step a lane takes now; 0 when it takes none, because it is idle, ended, starts
 * on another run or interval, or takes its last step again. What the coefficients alone allow is
 * what says whether the problem is stiff. */
static double taylor_choose_lane(batch *b, int at, double h, double allowed, double size,
                                 double defect)
{
    lane *l = &b->lanes[at];
    const tro_options *options = b->job->options;
    const double t = TRO_LANE(b->t, at), scale = TRO_LANE(b->scale, at);
    if (l->run < 0) return 0.0;
    l->n_series++;
    if (l->confirm) {
        const double error = defect * (l->h_before / scale) / (double)(b->order + 1);
        int right = error <= DEFECT;
#if TRO_LANES == 1
        right = right && (isfinite(size) || tro_taylor_tangents_finite(&b->tangents));
#endif
        if (!right) {
            const int hopeless = ++l->tries > TRIES ||
                                 0.5 * l->h_before < 64.0 * DBL_EPSILON * fabs(t);
            taylor_retreat(b, at);
            /* The next try is shorter. */
            TRO_LANE(b->scale, at) = TRO_LANE(b->most, at) = 0.5 * l->h_before;
            l->n_rejected++;
            if (hopeless) taylor_end(b, at, TRO_HANDOVER);
            return 0.0;
        }
        l->confirm = l->tries = 0;
        if (options->measures) taylor_measure(b, at);
        if (b->job->look && taylor_look(b, at)) return 0.0;
        if (l->landed) {
            l->landed = 0;
            if (t >= l->end)
                taylor_end(b, at, TRO_SUCCESS);
            else
                taylor_interval(b, at);
            return 0.0;
        }
    }
    if (!isfinite(size)) {
        /* With a scale far too long the coefficients overflow. */
        if (l->first && l->tries < 8) {
            l->tries++;
            TRO_LANE(b->scale, at) = TRO_LANE(b->most, at) = 1e-6 * scale;
        } else {
            taylor_end(b, at, TRO_HANDOVER);
        }
        return 0.0;
    }
    if (l->n_steps + l->n_rejected >= options->max_steps) {
        taylor_end(b, at, TRO_MAX_STEPS);
        return 0.0;
    }
    const double left = l->stop - t;
    /* A step cut short to end on a stop says nothing against a longer one. */
    double most = GROW * h;
    if (b->model->sudden && most > 0.01 * (l->end - b->job->t_out[0]))
        most = 0.01 * (l->end - b->job->t_out[0]);
    TRO_LANE(b->most, at) = most < options->h_max ? most : options->h_max;
    l->landed = h >= left * (1.0 - 1e-12);
    if (l->landed) h = left;
    TRO_LANE(b->h, at) = h;
    if (!l->landed && h < 64.0 * DBL_EPSILON * fabs(t)) {
        taylor_end(b, at, TRO_HANDOVER);
        return 0.0;
    }
    if (taylor_stiff(b, at, allowed)) {
        taylor_end(b, at, TRO_HANDOVER_STIFF);
        return 0.0;
    }
    l->h_before = h;
    l->confirm = 1;
    l->first = 0;
    return h;
}

/* Step lengths from the last two coefficients, after a look back at the step before. */
static void taylor_choose(batch *b)
{
    tro_v size_last, size_before, defect;
    taylor_sizes(b, &size_last, &size_before, &defect);
#if TRO_LANES == 1
    tro_taylor_tangents_sizes(&b->tangents, b->scale, SHARE, &size_last, &size_before, &defect);
#endif
    /* Root mean squares; the share of the tolerance is part of the logarithm. */
    const tro_v mean = tro_set(1.0 / b->n), share = tro_set(1.0 / (b->n * SHARE * SHARE));
    const tro_v by_last = taylor_log2(size_last * share) * tro_set(-0.5 / b->order);
    const tro_v by_before = taylor_log2(size_before * share) * tro_set(-0.5 / (b->order - 1));
    const tro_v theta = taylor_exp2(tro_smaller(by_last, by_before));
    const tro_v allowed = tro_smaller(theta * b->scale, b->most), h = taylor_reach(b, allowed);
    const tro_v size = size_last + size_before;
    defect = tro_sqrt(defect * mean);
    for (int at = 0; at < TRO_LANES; at++)
        TRO_LANE(b->h, at) =
            taylor_choose_lane(b, at, TRO_LANE(h, at), TRO_LANE(allowed, at), TRO_LANE(size, at),
                               TRO_LANE(defect, at));
}

static int taylor_advance(batch *b)
{
    tro_v t_new = tro_set(NAN);
    int moving = 0;
    if (b->job->trace && b->lanes[0].confirm) {
        const int status = taylor_record(b);
        if (status != TRO_SUCCESS) {
            b->lanes[0].confirm = 0;
            return status;
        }
    }
    for (int at = 0; at < TRO_LANES; at++) {
        lane *l = &b->lanes[at];
        if (l->run < 0 || !l->confirm) continue;
        moving = 1;
        TRO_LANE(t_new, at) =
            l->landed ? l->stop : TRO_LANE(b->t, at) + TRO_LANE(b->h, at);
        l->written_before = l->written;
        l->stop_before = l->next_stop;
        l->low_before = l->low, l->high_before = l->high;
        l->t_before = TRO_LANE(b->t, at);
        l->n_steps++;
    }
    if (!moving) return TRO_SUCCESS;
    if (b->job->look) taylor_piece(b, b->piece);
    b->inverse = tro_set(1.0) / b->scale;
    if (b->job->options->measures) taylor_keep(b);
#if BLOCKS
    taylor_end_blocks(b, t_new);
#else
    taylor_end_lanes(b, t_new);
#endif
    for (int at = 0; at < TRO_LANES; at++)
        if (TRO_LANE(t_new, at) == TRO_LANE(t_new, at)) {
            TRO_LANE(b->t, at) = TRO_LANE(t_new, at);
            const double most = TRO_LANE(b->most, at);
            TRO_LANE(b->scale, at) = most / GROW;
            const lane *l = &b->lanes[at];
            if (b->model->n_driven && l->landed && l->stop < l->end) taylor_pass(b, at);
        }
    return TRO_SUCCESS;
}

/* End a lane's run between two steps: nothing has yet looked at the last one. */
static void taylor_stop(batch *b, int at, int status)
{
    if (b->lanes[at].confirm) taylor_retreat(b, at);
    taylor_end(b, at, status);
}

/* End the runs whose time is up. */
static void taylor_watch_clock(batch *b)
{
    const double now = tro_clock();
    for (int at = 0; at < TRO_LANES; at++) {
        if (b->lanes[at].run < 0) continue;
        const tro_report *report = &b->job->reports[b->lanes[at].run];
        if (report->taken + (now - report->began) > b->job->options->time_limit)
            taylor_stop(b, at, TRO_TIME_LIMIT);
    }
}

static int taylor_run(const tro_lanes_job *job)
{
    const tro_taylor *model = job->series;
    batch b = {.job = job, .model = model, .n = model->n_state, .order = job->order};
    const size_t n = (size_t)model->n_state;
    b.dim = n * (1 + (size_t)job->n_tangent);
    const size_t n_s = (size_t)model->n_slot * (size_t)(job->order + 1);
    const size_t n_c = (size_t)model->n_const;
    const size_t n_driven = (size_t)model->n_driven;
    const tro_measures *measures = job->options->measures;
    const size_t n_last = measures ? (size_t)(job->order + 3) * (size_t)measures->n_seen : 0;
    const size_t n_room = measures ? TRO_LANES * tro_measures_work(measures) : 0;
    const size_t n_whole = (n + BLOCK - 1) / BLOCK * BLOCK;
    const size_t n_v = n_s + n_c + 4 * n_whole + 9 * n_driven + n_last;
    size_t n_scratch = n_c > n ? n_c : n;
    if (n_scratch < (size_t)model->n_input) n_scratch = (size_t)model->n_input;
    const size_t n_input = (size_t)model->n_input;
    const size_t n_piece = job->look ? (size_t)(job->order + 1) * n : 0;
    const size_t n_d = n_scratch + (1 + TRO_LANES) * n_input + n + n_piece + n_room + n_whole;
#if TRO_LANES == 1
    const size_t for_tangents = tro_taylor_tangents_work(job) * sizeof(tro_w);
#else
    const size_t for_tangents = 0;
#endif
    const size_t bytes = for_tangents + n_v * sizeof(tro_v) + n_d * sizeof(double);
    /* Vectors are read whole: their memory starts where they may. */
    char *memory = calloc(bytes + 64, 1);
    if (!memory) return TRO_NO_MEMORY;
    char *tangents = memory + (64 - (size_t)memory % 64);
    b.s = b.y = (tro_v *)(void *)(tangents + for_tangents);
    b.slope = b.s + n_s;
    b.weight = b.slope + n_whole;
    b.y_before = b.weight + n_whole;
    b.y_new = b.y_before + n_whole;
    b.c = b.y_new + n_whole;
    b.cubics = b.c + n_c;
    b.knots = b.cubics + 4 * n_driven;
    b.u = b.knots + n_driven;
    b.last = b.u + 4 * n_driven;
    b.scratch = (double *)(void *)(b.last + n_last);
    b.inputs = b.scratch + n_scratch;
    b.held = b.inputs + n_input;
    b.state = b.held + TRO_LANES * n_input;
    b.piece = b.state + n;
    b.room = b.piece + n_piece;
    b.atol = b.room + n_room;
    for (size_t i = 0; i < n_whole; i++) b.atol[i] = i < n ? job->options->atol[i] : 1.0;
    for (size_t i = 0; i < n_c; i++) b.c[i] = tro_set(1.0);
    b.t = b.scale = b.most = b.h = tro_set(0.0);
#if TRO_LANES == 1
    tro_taylor_tangents_prepare(&b.tangents, job, (tro_w *)(void *)tangents);
#endif

    int status = TRO_SUCCESS;
    for (int at = 0; at < TRO_LANES; at++) taylor_fill(&b, at);
    for (long turn = 1; b.n_active > 0 && status == TRO_SUCCESS; turn++) {
        if (n_driven) taylor_drive(&b);
        model->series(b.order, b.t, b.scale, b.c, b.u, b.s);
#if TRO_LANES == 1
        tro_taylor_tangents_series(&b.tangents, b.scale, b.c, b.s);
#endif
        taylor_choose(&b);
        status = taylor_advance(&b);
        if (turn % POLL_EVERY) continue;
        if (tro_stopped(job->options))
            status = TRO_INTERRUPTED;
        else if (job->options->time_limit < HUGE_VAL)
            taylor_watch_clock(&b);
    }
    if (status != TRO_SUCCESS) {
        tro_queue_stop(job->queue);
        for (int at = 0; at < TRO_LANES; at++)
            if (b.lanes[at].run >= 0) taylor_stop(&b, at, status);
    }
    free(memory);
    return status;
}

#if TRO_LANES == 1
#define TAYLOR tro_taylor_1
#elif TRO_LANES == 4
#define TAYLOR tro_taylor_4
#else
#define TAYLOR tro_taylor_8
#endif
const tro_lanes_method TAYLOR = {TRO_LANES, taylor_run};
