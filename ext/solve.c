/* Adaptive integration: step control, outputs, breaks of the inputs, limits.
 *
 * Control and starting step: Hairer, Norsett & Wanner, Solving ODEs I, II.4.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "measures.h"

enum {
    POLL_EVERY = 256,     /* steps between two looks at the cancel flag and the clock */
    STIFF_SIGNS = 15,     /* accepted steps bound by stability before a problem is stiff */
    CALM_SIGNS = 10,      /* accepted steps that an explicit method could take as well */
    FIRST_PROBE = 256,    /* explicit steps before the stiff method is tried anyway */
    LOOK_EVERY = 32,      /* steps between two looks at stability, */
    LOOK_CLOSELY = 8,     /* and where something may grow unseen */
    LEAST_STEPS = 10,     /* of an implicit method over the whole span */
    NONFINITE_TRIES = 10, /* rejections in a row because of NaN or infinity */
    DENSE_MOST = 9,       /* coefficients a state of any method's dense output */
    ROWS = 8              /* output times that are written side by side */
};

/* A bound on |h lambda| that keeps explicit steps well inside their stability. */
static const double CALM = 1.0;
/* The same where a series would take over: it is stable up to 6 to 9, and the norm of the Jacobian
 * that stands for lambda is larger. */
static const double SERIES_CALM = 14.0;
/* Error, as a share of the tolerance, below which it does not bound the step. */
static const double QUIET = 1e-4;
static const double SHRINK = 0.2, GROW = 8.0, PI_BETA = 0.04;
/* Logarithms to base 2: of 0.9, of 0.85, of the smallest error that is remembered. */
static const double SAFETY = -0.152, STIFF_SAFETY = -0.2345, SMALLEST_SIZE = -13.3;
static const double TOO_LARGE = 1e150, BLOWN_UP = 1e8, RUNAWAY = 1e10;

size_t tro_solve_work(const tro_model *model, int n_tangent, const tro_options *options)
{
    const int dim = model->n_state * (1 + n_tangent);
    size_t method = options->method->work_size(model->n_state, dim);
    if (options->stiff && options->stiff->work_size(model->n_state, dim) > method)
        method = options->stiff->work_size(model->n_state, dim);
    return tro_system_work(model, n_tangent) + 5 * (size_t)dim + (size_t)(DENSE_MOST * dim) +
           method + (options->events ? tro_events_work(options->events, n_tangent) : 0) +
           (options->measures ? tro_measures_work(options->measures) : 0);
}

static int solve_record(tro_trace *trace, const tro_step *step, const tro_method *method, int n)
{
    double *row = tro_trace_row(trace);
    if (!row) return TRO_NO_MEMORY;
    row[0] = step->t;
    row[1] = step->h;
    method->dense(step, n, row + 2);
    return TRO_SUCCESS;
}

/* Root mean square of x against the tolerance at the larger of two states, with the absolute
 * tolerance over a scale. */
static double solve_norm(const tro_options *options, int n, double scale, const double *x,
                         const double *y, const double *y_new)
{
    const double over = 1.0 / scale;
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        const double a = fabs(y[i]), b = fabs(y_new[i]);
        const double scaled =
            x[i] / (options->atol[i] * over + options->rtol * (a > b ? a : b));
        sum += scaled * scaled;
    }
    return sqrt(sum / n);
}

static inline double solve_least(double a, double b) { return a < b ? a : b; }
static inline double solve_most(double a, double b) { return a > b ? a : b; }

typedef union {
    double value;
    unsigned long long bits;
} solve_word;

/* Logarithm to base 2 of a normal positive number, to 4 digits: quick, and the same on every
 * machine. */
static double solve_log2(double x)
{
    solve_word word = {x};
    const double exponent = (double)(int)(word.bits >> 52) - 1023.0;
    word.bits = (word.bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL;
    const double m = word.value - 1.5, square = m * m;
    return exponent + (0.58495076 + 0.96180343 * m) +
           square * ((-0.31975771 + 0.14200548 * m) + square * (-0.07997621 + 0.04300496 * m));
}

/* 2 to a power between -1000 and 1000, to 5 digits. */
static double solve_exp2(double x)
{
    const int whole = (int)(x < 0.0 ? x - 0.5 : x + 0.5);
    const double r = x - whole, square = r * r;
    const solve_word scale = {.bits = (unsigned long long)(whole + 1023) << 52};
    return scale.value * ((1.0 + 0.69312105 * r) +
                          square * ((0.24022349 + 0.05592198 * r) + 0.00966637 * square));
}

/* First that is not finite, or -1. */
static int solve_bad(const double *x, int n)
{
    for (int i = 0; i < n; i++)
        if (!isfinite(x[i])) return i;
    return -1;
}

/* Whether the smallest step is no use because the solution runs away: a state or its rate is
 * enormous. Names the state. */
static int solve_blown_up(const tro_step *step, tro_report *report)
{
    double most = 0.0;
    for (int i = 0; i < step->system->n_state; i++) {
        const double size = fabs(step->y[i]) / BLOWN_UP;
        const double rate = fabs(step->f[i]) / (RUNAWAY * (1.0 + fabs(step->y[i])));
        if (fmax(size, rate) > most) most = fmax(size, rate), report->worst = i;
    }
    return most > 1.0;
}

/* Whether a state is larger than equations can be solved for. Names it. */
static int solve_too_large(const double *y, int n, tro_report *report)
{
    int large = 0;
    for (int i = 0; i < n; i++)
        if (fabs(y[i]) > TOO_LARGE) large = 1, report->worst = i;
    return large;
}

static double solve_first_step(tro_step *step, const tro_options *options, double longest)
{
    const int n = step->system->n_state;
    const double size = solve_norm(options, n, 1.0, step->y, step->y, step->y);
    const double slope = solve_norm(options, n, 1.0, step->f, step->y, step->y);
    double h = size < 1e-5 || slope < 1e-5 ? 1e-6 : 0.01 * size / slope;
    if (h > longest) h = longest;
    for (int i = 0; i < step->dim; i++) step->y_new[i] = step->y[i] + h * step->f[i];
    tro_system_rhs(step->system, step->t + h, step->y_new, step->f_new);
    for (int i = 0; i < n; i++) step->error[i] = step->f_new[i] - step->f[i];
    const double bend = solve_norm(options, n, 1.0, step->error, step->y, step->y) / h;
    const double steepest = slope > bend ? slope : bend;
    const double next = steepest <= 1e-15 ? fmax(1e-6, 1e-3 * h)
                                          : pow(0.01 / steepest, 1.0 / options->method->order);
    /* NaN from the trial point must not decide. */
    if (isfinite(next) && next > 0.0) h = fmin(100.0 * h, next);
    return fmin(fmax(h, 64.0 * DBL_EPSILON * fabs(step->t)), longest);
}

typedef struct {
    tro_step step;
    const tro_method *method;
    const tro_options *options;
    double h;
    /* No implicit step is longer: its Jacobian, at its start, filters the error's estimate, and
     * says nothing where the equations are not stiff any more (Enright's D5). */
    double longest;
    double end; /* of the span */
    double restraint, looked; /* longest step that hides no instability; step at the last look */
    long n_unseen;            /* steps since then */
    double last_length, last_size; /* logarithms to base 2 of the last step and its error */
    int stiff_signs, clear_signs, rejected_before;
    long n_explicit, probe_at; /* explicit steps since the method changed, and before a probe */
} solver;

static void solve_swap(tro_step *step, double **y, double **f)
{
    double *hold = *y;
    *y = step->y_new;
    step->y_new = hold;
    hold = *f;
    *f = step->f_new;
    step->f_new = hold;
    step->y = *y;
    step->f = *f;
}

static void solve_change(solver *s, const tro_method *method)
{
    s->method = method;
    s->step.rough = s->step.between = NULL;
    s->last_size = SMALLEST_SIZE;
    s->last_length = -HUGE_VAL;
    s->stiff_signs = s->clear_signs = s->step.ahead = 0;
    s->n_explicit = 0;
    s->probe_at = FIRST_PROBE;
    s->restraint = HUGE_VAL;
    s->looked = 0.0;
}

/* Whether a step hides an instability of the point where it starts. A look costs as much as some
 * steps, of large systems as many, so there is one now and then, where the step has grown, and more
 * where no error bounds it. What was found is minded until it is over: a small error allows steps
 * that would damp what has just begun to grow. */
static int solve_hides(solver *s, double error)
{
    const long n = s->step.system->n_state;
    const double h = s->step.h;
    const int found = isfinite(s->restraint), close = found || error <= QUIET;
    s->n_unseen++;
    if (!s->method->bound || (!found && s->step.stiffness < 1.0)) return 0;
    const int longer = h > (close ? 4.0 : 1000.0) * s->looked;
    const long apart = close ? (n > 8 * LOOK_CLOSELY ? n / 8 : LOOK_CLOSELY)
                             : (n > LOOK_EVERY ? n : LOOK_EVERY);
    if (s->looked == 0.0 || s->n_unseen >= apart || (longer && 8 * s->n_unseen >= n)) {
        s->restraint = s->method->bound(&s->step, s->end - s->step.t);
        s->looked = solve_least(h, s->restraint);
        s->n_unseen = 0;
    }
    /* What ends on a stop may be longer by some roundings. */
    return h > s->restraint * (1.0 + 1e-9);
}

/* Count signs of stiffness, and of its end: change the method, or report that it was needed.
 * Whether the run is to be handed back. */
static int solve_watch_stiffness(solver *s, tro_report *report)
{
    if (s->method->implicit) {
        if (s->options->method->implicit) return 0;
        const double calm = s->options->hand_back ? SERIES_CALM : CALM;
        s->clear_signs = s->step.stiffness < calm ? s->clear_signs + 1 : 0;
        if (s->clear_signs < CALM_SIGNS) return 0;
        if (s->options->hand_back) return 1;
        solve_change(s, s->options->method);
        return 0;
    }
    if (s->step.stiffness == 0.0) return 0;
    if (s->step.stiffness > s->method->stiff_limit) {
        s->clear_signs = 0;
        s->stiff_signs++;
    } else if (++s->clear_signs == 6) {
        s->stiff_signs = 0;
    }
    if (s->stiff_signs >= STIFF_SIGNS) {
        report->stiff = 1;
        s->stiff_signs = 0;
        if (s->options->stiff) solve_change(s, s->options->stiff);
    }
    return 0;
}

/* Norm of one block of an error. A rougher estimate makes it one of order 8 out of two of orders
 * 5 and 3 (Hairer, Norsett & Wanner, II.10). */
static double solve_block(const solver *s, double scale, size_t at, const double *error,
                          const double *rough)
{
    const double *y = s->step.y + at, *y_new = s->step.y_new + at;
    const int n = s->step.system->n_state;
    const double fine = solve_norm(s->options, n, scale, error + at, y, y_new);
    if (!rough || fine == 0.0) return fine;
    const double coarse = solve_norm(s->options, n, scale, rough + at, y, y_new);
    return fine * (fine / sqrt(fine * fine + 0.01 * coarse * coarse));
}

/* Error of a step against the tolerances: of the states, and of each tangent, whose absolute
 * tolerance is the state's over the parameter's size (Hindmarsh & Serban, CVODES, 2.6). NaN
 * wins. Without the tangents a state at rest would let the step grow past their stability. */
static double solve_error(const solver *s, const double *estimate, const double *rough)
{
    const tro_step *step = &s->step;
    const int n = step->system->n_state;
    double worst = solve_block(s, 1.0, 0, estimate, rough);
    for (int k = 0; k < step->system->n_tangent; k++) {
        const size_t at = (size_t)n * (size_t)(k + 1);
        const int by = step->system->vary[k];
        const double p = by >= 0 ? fabs(step->system->p[by]) : 1.0;
        const double error = solve_block(s, p > 0.0 ? p : 1.0, at, estimate, rough);
        if (!(error <= worst)) worst = error;
    }
    return worst;
}

/* How much longer than an explicit step one of the stiff method has to be to pay: its cost over
 * a Taylor step's is 1 to 2 with four states and 10 to 25 with thirty. */
static double solve_longer(const tro_options *options, int n_state)
{
    /* Who measures does not come back to the series. */
    return options->measures ? 30.0 : 2.0 + n_state;
}

/* Try the stiff method where the step now starts, after 256 explicit steps and whenever they double:
 * where rounding errors or tangents bound a step, no sign of stiffness need show. */
static void solve_probe(solver *s, double stop, tro_report *report)
{
    tro_step *step = &s->step;
    if (s->method->implicit || !s->options->stiff || ++s->n_explicit < s->probe_at) return;
    s->probe_at *= 2;
    step->h = solve_longer(s->options, step->system->n_state) * s->h;
    step->same_point = step->ahead = 0;
    if (step->t + step->h > stop || step->h > s->options->h_max) return;
    const int status = s->options->stiff->step(step);
    step->rough = step->between = NULL;
    if (status != TRO_SUCCESS || !(solve_error(s, step->error, NULL) <= 1.0)) return;
    if (s->options->stiff->bound(step, s->end - step->t) < step->h) return;
    report->stiff = 1;
    solve_change(s, s->options->stiff);
}

/* One accepted step, or a status. On return step.h is the step taken. */
static int solve_advance(solver *s, double stop, tro_report *report)
{
    tro_step *step = &s->step;
    const tro_options *options = s->options;
    int nonfinite = 0;
    for (step->same_point = 0;; step->same_point = 1) {
        if (report->n_steps + report->n_rejected >= options->max_steps) return TRO_MAX_STEPS;
        double h = solve_least(s->h, s->method->implicit ? s->longest : options->h_max);
        const double left = stop - step->t;
        /* End on the stop exactly, and never leave a sliver before it. */
        if (h >= left * (1.0 - 1e-12))
            h = left;
        else if (h > 0.5 * left)
            h = 0.5 * left;
        report->h = h;
        /* What a stop leaves may be any length: two stops can be a rounding error apart. */
        if (h < left && (h < 16.0 * DBL_EPSILON * fabs(step->t) || h < DBL_MIN * 1e10)) {
            if (nonfinite) return TRO_NONFINITE;
            return solve_blown_up(step, report) ? TRO_DIVERGED : TRO_STEP_TOO_SMALL;
        }
        step->h = h;
        const int status = s->method->step(step);
        double error = status == TRO_SUCCESS ? solve_error(s, step->error, step->rough) : NAN;
        if (error <= 1.0 && solve_hides(s, error)) {
            report->n_rejected++;
            s->h = s->restraint;
            continue;
        }
        if (error <= 1.0 && s->method->arrive) {
            s->method->arrive(step);
            if (step->between) error = solve_most(error, solve_error(s, step->between, NULL));
        }
        int bad = step->bad;
        if (bad < 0) bad = solve_bad(step->y_new, step->dim);
        /* The next step would begin with it, however short. */
        if (bad < 0) bad = solve_bad(step->f_new, step->dim);
        if (!isfinite(error) || bad >= 0) {
            report->n_rejected++;
            if (bad < 0) bad = solve_bad(step->error, step->dim);
            if (bad < 0 && step->between) bad = solve_bad(step->between, step->dim);
            if (bad >= 0) report->worst = bad;
            if (++nonfinite > NONFINITE_TRIES)
                return status == TRO_SUCCESS ? TRO_NONFINITE : status;
            s->h = 0.25 * h;
            s->rejected_before = 1;
            continue;
        }
        const double exponent = 1.0 / s->method->error_order;
        const double safety = s->method->implicit ? STIFF_SAFETY : SAFETY;
        const double size = solve_log2(solve_most(error, 1e-10));
        if (error > 1.0) {
            report->n_rejected++;
            s->h = h * solve_most(SHRINK, solve_exp2(safety - exponent * size));
            s->rejected_before = 1;
            continue;
        }
        /* Of a stiff problem the error's own course predicts the next one; the more careful
         * of both counts (Gustafsson 1994; Hairer & Wanner, Solving ODEs II, IV.8). */
        const double length = solve_log2(h);
        const double trend =
            s->method->implicit
                ? solve_least(0.0, length - s->last_length + exponent * (s->last_size - size))
                : PI_BETA * (s->last_size + 0.75 * size);
        double factor = solve_exp2(safety - exponent * size + trend);
        s->last_length = length;
        factor = solve_most(SHRINK, solve_least(s->rejected_before ? 1.0 : GROW, factor));
        /* A step cut short to end on a stop says nothing against the step before it. */
        s->h = h < s->h && factor > 1.0 ? solve_most(s->h, h * factor) : h * factor;
        s->last_size = solve_most(size, SMALLEST_SIZE);
        s->rejected_before = 0;
        s->h = solve_least(s->h, s->restraint);
        report->n_steps++;
        return TRO_SUCCESS;
    }
}

/* A step's states at up to `ROWS` times: its polynomials in theta, with the sums of several times
 * side by side, so that none waits for another; what there is no time for is thrown away. */
static inline void solve_rows(const double *coef, int n_coef, size_t dim, const double *theta,
                              int n_row, double *rows)
{
    const double *top = coef + (size_t)(n_coef - 1) * dim;
    for (size_t i = 0; i < dim; i++) {
        double value[ROWS];
        for (int k = 0; k < ROWS; k++) value[k] = top[i];
        for (const double *c = top + i; c != coef + i;) {
            c -= dim;
            for (int k = 0; k < ROWS; k++) value[k] = value[k] * theta[k] + *c;
        }
        for (int k = 0; k < n_row; k++) rows[(size_t)k * dim + i] = value[k];
    }
}

/* Write the requested times inside the step just taken; ready says that coef holds it. */
static void solve_write(const solver *s, int ready, double t_new, const double *t_out, long n_out,
                        double *coef, double *y_out, tro_report *report)
{
    const tro_step *step = &s->step;
    const size_t dim = (size_t)step->dim;
    const double *t = t_out + report->n_written, *end = t;
    double *row = y_out + (size_t)report->n_written * dim;
    while (end < t_out + n_out && *end <= t_new) end++;
    report->n_written += end - t;
    const int at_end = end > t && end[-1] == t_new;
    end -= at_end;
    if (end > t && !ready) s->method->dense(step, step->dim, coef);
    while (t < end) {
        double theta[ROWS] = {0.0};
        const int n_row = end - t < ROWS ? (int)(end - t) : ROWS;
        for (int k = 0; k < n_row; k++) theta[k] = (t[k] - step->t) / step->h;
        solve_rows(coef, s->method->n_coef, dim, theta, n_row, row);
        t += n_row;
        row += (size_t)n_row * dim;
    }
    if (at_end) memcpy(row, step->y_new, dim * sizeof *row);
}

/* How many rows have been written before the first, from `first` on, that is not finite. */
static long long solve_count_finite(const double *rows, size_t dim, long long first, long long n)
{
    for (long long k = first; k < n; k++)
        for (size_t i = 0; i < dim; i++)
            if (!isfinite(rows[(size_t)k * dim + i])) return k;
    return n;
}

/* Where the events' room is: last, so that it lasts when another method takes over. */
static double *solve_events_work(const tro_model *model, int n_tangent, const tro_options *options,
                                 double *work)
{
    if (!options->events) return NULL;
    return work + tro_solve_work(model, n_tangent, options) -
           tro_events_work(options->events, n_tangent);
}

int tro_solve(const tro_model *model, const double *p, const tro_stimulus *stimulus,
              int n_tangent, const int *vary, const double *t_out, long n_out,
              const tro_options *options, double *work, double *y_out, tro_trace *trace,
              tro_report *report)
{
    const int n = model->n_state, dim = n * (1 + n_tangent);
    tro_system system;
    tro_system_init(model, p, stimulus, n_tangent, vary, work, &system);
    double *events_work = solve_events_work(model, n_tangent, options, work);
    work += tro_system_work(model, n_tangent);
    double *y = work, *f = work + dim, *coef = work + 5 * (size_t)dim;
    solver s = {.method = options->method, .options = options, .last_length = -HUGE_VAL,
                .last_size = SMALLEST_SIZE, .probe_at = FIRST_PROBE, .restraint = HUGE_VAL};
    if (report->status <= TRO_SUCCESS)
        *report = (tro_report){.t = t_out[0]};
    else if (report->status == TRO_HANDOVER_STIFF)
        s.method = options->stiff;
    report->began = tro_clock();
    s.step = (tro_step){.system = &system, .dim = dim, .t = report->t, .y = y, .f = f,
                        .y_new = work + 2 * (size_t)dim, .f_new = work + 3 * (size_t)dim,
                        .error = work + 4 * (size_t)dim,
                        .work = coef + (size_t)(DENSE_MOST * dim)};
    memcpy(y, y_out + (size_t)report->n_written * (size_t)dim, (size_t)dim * sizeof *y);
    if (report->n_written == 0) report->n_written = 1;
    tro_events *events = options->events;
    if (events) {
        if (report->status <= TRO_SUCCESS) tro_events_start(events, &system, events_work);
        events->system = &system;
    }
    const tro_measures *measures = options->measures;
    tro_gauge gauge;
    if (measures) {
        tro_measures_start(measures, measures->run, s.step.work, &gauge);
        s.step.work += tro_measures_work(measures);
    }

    const double end = t_out[n_out - 1];
    s.end = end;
    /* Of a span near rounding, no less than what a step may be. */
    s.longest = solve_least(options->h_max, solve_most((end - t_out[0]) / (double)LEAST_STEPS,
                                                       64.0 * DBL_EPSILON * fabs(end)));
    long next_break = 0;
    int status = TRO_SUCCESS, restart = 1;
    /* A series that was handed over knows no bound. */
    if (report->n_steps > 0 && solve_too_large(y, n, report)) status = TRO_DIVERGED;
    while (s.step.t < end && status == TRO_SUCCESS) {
        if (restart) {
            s.step.ahead = 0;
            s.last_length = -HUGE_VAL;
            while (next_break < stimulus->n_break && stimulus->breaks[next_break] <= s.step.t)
                next_break++;
            system.low = s.step.t;
            system.high = next_break < stimulus->n_break ? stimulus->breaks[next_break] : HUGE_VAL;
            tro_system_rhs(&system, s.step.t, y, f);
            const int bad = solve_bad(f, dim);
            if (bad >= 0) {
                report->worst = bad;
                status = TRO_NONFINITE;
                break;
            }
        }
        const double stop = solve_least(end, system.high);
        /* After a jump the old step size says nothing. */
        if (restart) s.h = solve_first_step(&s.step, options, fmin(stop - s.step.t, options->h_max));
        status = solve_advance(&s, stop, report);
        if (status != TRO_SUCCESS) break;

        const int ends = s.step.h == stop - s.step.t;
        double t_new = ends ? stop : s.step.t + s.step.h;
        const tro_method *method = s.method;
        int cut = 0;
        if (events) {
            method->dense(&s.step, dim, coef);
            const long before = (long)report->n_written - 1;
            const tro_piece piece = {s.step.t, s.step.h, t_new, method->n_coef, dim, coef,
                                     s.step.y_new, t_out + before, n_out - before};
            status = tro_events_step(options, &piece, &t_new, &cut);
        }
        if (trace && t_new > s.step.t && solve_record(trace, &s.step, method, n) != TRO_SUCCESS) {
            status = TRO_NO_MEMORY;
            break;
        }
        if (cut) {
            memcpy(s.step.y_new, events->z, (size_t)n * sizeof *y);
            memcpy(s.step.y_new + n, events->tangents, (size_t)(dim - n) * sizeof *y);
            /* A row of this very time holds the state before the event. */
            if (t_out[report->n_written - 1] == t_new) report->n_written--;
        }
        if (measures) {
            if (!events) method->dense(&s.step, dim, coef);
            tro_stretch stretch = {.t = s.step.t, .h = s.step.h, .t_end = t_new,
                                   .n_coef = method->n_coef, .coef = coef,
                                   .by_power = (size_t)n, .by_state = 1,
                                   .column = measures->seen};
            tro_measures_outline(&stretch, measures->n_seen, s.step.work - 2 * measures->n_seen);
            tro_measures_step(&gauge, &stretch);
        }
        const long long written = report->n_written;
        solve_write(&s, events || measures, t_new, t_out, n_out, coef, y_out, report);
        const int back = solve_watch_stiffness(&s, report);
        solve_swap(&s.step, &y, &f);
        s.step.t = report->t = t_new;
        restart = (ends && t_new < end) || cut;

        if (status == TRO_SUCCESS && solve_too_large(y, n, report)) status = TRO_DIVERGED;
        /* The sums of a dense output may overflow where the state does not yet. */
        if (status == TRO_DIVERGED)
            report->n_written = solve_count_finite(y_out, (size_t)dim, written, report->n_written);
        if (status == TRO_SUCCESS && t_new < end && report->n_steps % POLL_EVERY == 0) {
            if (options->time_limit > 0.0 &&
                report->taken + (tro_clock() - report->began) > options->time_limit)
                status = TRO_TIME_LIMIT;
            if (tro_stopped(options)) status = TRO_INTERRUPTED;
        }
        if (status != TRO_SUCCESS || (events && events->ended >= 0)) break;
        if (back && s.step.t < end) {
            status = TRO_HANDOVER;
            break;
        }
        if (!restart) solve_probe(&s, stop, report);
    }
    if (report->n_written < n_out)
        memcpy(y_out + (size_t)report->n_written * (size_t)dim, y, (size_t)dim * sizeof *y);
    if (measures && status == TRO_SUCCESS) tro_measures_end(&gauge);
    report->status = status;
    if (status > TRO_SUCCESS) report->taken += tro_clock() - report->began;
    report->n_rhs += system.n_rhs;
    report->n_jac += system.n_jac;
    return status;
}

int tro_solve_probe(void *probe, const double *p, const tro_stimulus *stimulus, double t,
                    const double *y, double h)
{
    const tro_probe *asked = probe;
    const tro_options *options = asked->options;
    const size_t n = (size_t)asked->model->n_state;
    double *work = asked->work + tro_system_work(asked->model, 0);
    tro_system system;
    tro_system_init(asked->model, p, stimulus, 0, NULL, asked->work, &system);
    h *= solve_longer(options, (int)n);
    system.low = t;
    for (long k = 0; k < stimulus->n_break; k++)
        if (stimulus->breaks[k] > t) {
            system.high = stimulus->breaks[k];
            break;
        }
    if (t + h > system.high || h > options->h_max) return 0;
    tro_step step = {.system = &system, .dim = (int)n, .t = t, .h = h, .y = y, .f = work,
                     .y_new = work + n, .f_new = work + 2 * n, .error = work + 3 * n,
                     .work = work + 4 * n};
    tro_system_rhs(&system, t, y, work);
    if (options->stiff->step(&step) != TRO_SUCCESS) return 0;
    if (!(solve_norm(options, (int)n, 1.0, step.error, y, step.y_new) <= 1.0)) return 0;
    return options->stiff->bound(&step, HUGE_VAL) >= h;
}

void tro_solve_watch(const tro_model *model, const double *p, const tro_stimulus *stimulus,
                     const tro_options *options, double *work, tro_look *look)
{
    look->options = options;
    tro_system_init(model, p, stimulus, 0, NULL, work, &look->system);
    tro_events_start(options->events, &look->system,
                     solve_events_work(model, 0, options, work));
}

void tro_solve_watch_on(tro_look *look)
{
    look->options->events->system = &look->system;
}

int tro_solve_look(void *look, const tro_piece *piece, double low, double high, double *t,
                   double *y, int *cut, int *ends)
{
    tro_look *asked = look;
    tro_events *events = asked->options->events;
    asked->system.low = low;
    asked->system.high = high;
    const int status = tro_events_step(asked->options, piece, t, cut);
    *ends = events->ended >= 0;
    if (*cut) memcpy(y, events->z, (size_t)asked->system.n_state * sizeof *y);
    return status;
}
