/* A case of the C core's solvers from a few bytes: no crash, no hang, and what it says is right.
 *
 * Alone it makes its own bytes: core [cases [seed]]. Built with a coverage-guided fuzzer, the
 * fuzzer makes them.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(ALONE)
#include <signal.h>
#include <unistd.h>
#endif

#include "lanes_entries.h"
#include "measures.h"

/* Written beside the models: what there is of each. */
typedef struct {
    const tro_model *(*model)(void);
    const tro_taylor *(*series[2])(void);   /* of one lane and of many, or NULL */
    const tro_taylor *(*tangents[2])(void); /* by every parameter */
} entry;
extern const entry FUZZED[];
extern const int N_FUZZED;

enum { MOST = 8, N_TIMES = 24, MOST_RUN = 9, N_PIECE = 16, MOST_ROW = 4 * (1 + MOST) };

#define CHECK(truth, ...)                                                                   \
    do {                                                                                    \
        if (!(truth)) {                                                                     \
            fprintf(stderr, "WRONG, line %d: ", __LINE__);                                  \
            fprintf(stderr, __VA_ARGS__);                                                   \
            fprintf(stderr, "\n");                                                          \
            abort();                                                                        \
        }                                                                                   \
    } while (0)

/* ---- numbers from bytes ---- */

typedef struct {
    const uint8_t *at;
    size_t left;
} tape;

static unsigned byte(tape *tape)
{
    if (!tape->left) return 0;
    tape->left--;
    return *tape->at++;
}

static double unit(tape *tape)
{
    const unsigned high = byte(tape);
    return (256 * high + byte(tape)) / 65535.0;
}

static const double ODD[] = {0.0, -0.0, 1.0, -1.0, 5e-324, -1e-310, 1e-300, 1e300, -1e308, 1e17,
                             NAN, INFINITY, -INFINITY, 2.2250738585072014e-308, 1e-17, 1e8};

/* Mostly between -2 and 2; else something odd, or any bits at all. */
static double number(tape *tape)
{
    const unsigned kind = byte(tape);
    if (kind < 236) return 4.0 * unit(tape) - 2.0;
    if (kind < 250) return ODD[byte(tape) % (sizeof ODD / sizeof *ODD)];
    unsigned char bits[8];
    double value;
    for (int k = 0; k < 8; k++) bits[k] = (unsigned char)byte(tape);
    memcpy(&value, bits, sizeof value);
    return value;
}

static double power(tape *tape, double low, double high)
{
    return pow(10.0, low + (high - low) * unit(tape));
}

/* ---- an oracle: Gragg, Bulirsch & Stoer's extrapolation, which no method here shares ---- */

typedef struct {
    const tro_model *model;
    const double *p;
    const tro_table *tables;
    double middle; /* of the piece it is in: inputs are looked up on its side of a jump */
    long calls;
} problem;

static int rate(problem *of, double t, const double *y, double *f)
{
    double u[4] = {0.0};
    for (int l = 0; l < of->model->n_input; l++) {
        const tro_table *table = &of->tables[l];
        long k = 0;
        while (k + 1 < table->n && table->knots[k + 1] <= of->middle) k++;
        const double s = t - table->knots[k], *c = table->coefs + 4 * k;
        u[l] = c[0] + s * (c[1] + s * (c[2] + s * c[3]));
    }
    of->calls++;
    of->model->rhs(of->model, t, y, of->p, u, f);
    for (int i = 0; i < of->model->n_state; i++)
        if (!isfinite(f[i]) || fabs(y[i]) > 1e6) return 0;
    return 1;
}

static int extrapolate(problem *of, double t, double h, const double *y, double *out, double *error)
{
    enum { ROWS = 8 };
    const int n = of->model->n_state;
    double table[ROWS][MOST], f[MOST], a[MOST], b[MOST];
    for (int r = 0; r < ROWS; r++) {
        const int steps = 2 * (r + 1);
        const double d = h / steps;
        double row[MOST];
        if (!rate(of, t, y, f)) return 0;
        for (int i = 0; i < n; i++) a[i] = y[i], b[i] = y[i] + d * f[i];
        for (int k = 1; k < steps; k++) {
            if (!rate(of, t + k * d, b, f)) return 0;
            for (int i = 0; i < n; i++) {
                const double next = a[i] + 2.0 * d * f[i];
                a[i] = b[i], b[i] = next;
            }
        }
        if (!rate(of, t + h, b, f)) return 0;
        for (int i = 0; i < n; i++) row[i] = 0.5 * (a[i] + b[i] + d * f[i]);
        for (int i = 0; i < n; i++) {
            double better = row[i];
            for (int k = 1; k <= r; k++) {
                const double ratio = (double)(r + 1) / (r + 1 - k), before = table[k - 1][i];
                table[k - 1][i] = better;
                better += (better - before) / (ratio * ratio - 1.0);
            }
            if (r == ROWS - 1) error[i] = better - table[r - 1][i], out[i] = better;
            table[r][i] = better;
        }
    }
    return 1;
}

/* From t to end inside a piece; 0 where it is too hard. */
static int advance(problem *of, double t, double end, double *y)
{
    const int n = of->model->n_state;
    double h = end - t, new[MOST], error[MOST];
    of->middle = 0.5 * (t + end);
    while (t < end) {
        const int last = h >= end - t;
        if (last) h = end - t;
        if (of->calls > 12000 || h < 1e-9 * (end - t)) return 0;
        double most = INFINITY;
        if (extrapolate(of, t, h, y, new, error)) {
            most = 0.0;
            for (int i = 0; i < n; i++) {
                const double each = fabs(error[i]) / (1e-12 + 1e-11 * fabs(new[i]));
                if (!(each <= most)) most = each;
            }
        }
        if (most <= 1.0) {
            t = last ? end : t + h;
            memcpy(y, new, (size_t)n * sizeof *y);
        }
        h *= isfinite(most) ? fmin(4.0, fmax(0.1, 0.8 * pow(most + 1e-9, -1.0 / 15))) : 0.25;
    }
    return 1;
}

/* ---- a case ---- */

typedef struct {
    entry entry;
    const tro_model *model;
    int n, n_param, n_input, n_tangent, n_run, n_times, dim;
    int plain; /* worth asking the oracle */
    int vary[MOST], seed[MOST];
    double p[MOST_RUN][MOST], start[MOST_RUN][MOST_ROW], atol[MOST], t[N_TIMES];
    double knots[2][3], coefs[2][12], breaks[2];
    tro_table tables[2];
    tro_stimulus stimulus;
    tro_options options;
    tro_measures measures;
    int seen[2];
    double level, smallest;
    /* Events: by * (a state) + swing * sin(often * time) - edge; a state is set to a line in it. */
    int n_event, n_set, state[3], direction[3], terminal[3], set_event[2], set_state[2];
    double by[3], swing[3], often[3], edge[3], slope[2], level_set[2];
    int order;
} test;

static void observe(const tro_model *model, double t, const double *z, const double *p,
                    const double *u, double *out)
{
    const test *of = model->context;
    (void)t, (void)p, (void)u;
    for (int k = 0; k < of->n_event; k++)
        out[k] = of->by[k] * z[of->state[k]] + of->swing[k] * sin(of->often[k] * z[of->n]) -
                 of->edge[k];
    for (int k = 0; k < of->n_set; k++)
        out[of->n_event + k] = of->slope[k] * z[of->set_state[k]] + of->level_set[k];
}

static void observe_dy(const tro_model *model, double t, const double *z, const double *p,
                       const double *u, double *out)
{
    const test *of = model->context;
    const int width = model->n_state;
    (void)t, (void)p, (void)u;
    memset(out, 0, (size_t)((of->n_event + of->n_set) * width) * sizeof *out);
    for (int k = 0; k < of->n_event; k++) {
        out[k * width + of->n] = of->swing[k] * of->often[k] * cos(of->often[k] * z[of->n]);
        out[k * width + of->state[k]] += of->by[k];
    }
    for (int k = 0; k < of->n_set; k++)
        out[(of->n_event + k) * width + of->set_state[k]] = of->slope[k];
}

static void observe_dp(const tro_model *model, double t, const double *z, const double *p,
                       const double *u, double *out)
{
    const test *of = model->context;
    (void)t, (void)z, (void)p, (void)u;
    memset(out, 0, (size_t)((of->n_event + of->n_set) * of->n_param) * sizeof *out);
}

static void draw_inputs(test *of, tape *tape, double begin, double end)
{
    const double jump = begin + (end - begin) * unit(tape), after = jump + (end - begin) * unit(tape);
    const int jumps = jump > begin && after > jump;
    for (int l = 0; l < of->n_input; l++) {
        double *c = of->coefs[l], *knots = of->knots[l];
        knots[0] = begin, knots[1] = jump, knots[2] = after;
        memset(c, 0, sizeof of->coefs[l]);
        for (int k = 0; k < 3; k++) c[4 * k] = number(tape);
        if (byte(tape) % 2) c[5] = number(tape) / (1.0 + end - begin), c[7] = number(tape) / 10.0;
        of->tables[l] = (tro_table){jumps ? 3 : 1, knots, c};
        for (int k = 0; k < 12; k++) of->plain &= fabs(c[k]) < 10.0;
    }
    of->breaks[0] = jump, of->breaks[1] = after;
    const long n = of->n_input && jumps ? 2 : 0;
    of->stimulus = (tro_stimulus){of->n_input, of->tables, n, of->breaks, n, of->breaks};
}

static void draw_events(test *of, tape *tape)
{
    of->n_event = byte(tape) % 4 == 0 ? 1 + (int)(byte(tape) % 3) : 0;
    of->n_set = of->n_event ? (int)(byte(tape) % 3) : 0;
    for (int k = 0; k < of->n_event; k++) {
        of->state[k] = (int)(byte(tape) % (unsigned)of->n);
        of->direction[k] = (int)(byte(tape) % 3) - 1;
        of->terminal[k] = byte(tape) % 4 == 0;
        of->by[k] = byte(tape) % 2 ? 1.0 : 0.0;
        of->swing[k] = byte(tape) % 2 ? number(tape) : 0.0;
        of->often[k] = 60.0 * unit(tape) / (1e-9 + of->t[of->n_times - 1] - of->t[0]);
        of->edge[k] = number(tape);
    }
    for (int k = 0; k < of->n_set; k++) {
        of->set_event[k] = (int)(byte(tape) % (unsigned)of->n_event);
        of->set_state[k] = (int)(byte(tape) % (unsigned)of->n);
        of->slope[k] = number(tape), of->level_set[k] = number(tape);
    }
}

static void draw(test *of, tape *tape)
{
    static const tro_method *METHODS[3] = {&tro_tsit5, &tro_dop853, &tro_rodas5p};
    memset(of, 0, sizeof *of);
    of->entry = FUZZED[byte(tape) % (unsigned)N_FUZZED];
    of->model = of->entry.model();
    of->n = of->model->n_state, of->n_param = of->model->n_param;
    of->n_input = of->model->n_input;
    of->plain = byte(tape) % 3 == 0;
    of->n_tangent = byte(tape) % 4 == 0 ? 1 + (int)(byte(tape) % MOST) : 0;
    of->dim = of->n * (1 + of->n_tangent);
    /* By a parameter and by an initial value in turn. */
    for (int k = 0; k < MOST; k++) of->vary[k] = of->seed[k] = k % 2 ? -1 : k / 2;
    of->n_run = byte(tape) % 4 ? 1 : 1 + (int)(byte(tape) % MOST_RUN);
    for (int r = 0; r < of->n_run; r++) {
        for (int k = 0; k < of->n_param; k++) of->p[r][k] = number(tape);
        for (int i = 0; i < of->n; i++) of->start[r][i] = number(tape);
        for (int k = 1; k < of->n_tangent; k += 2) of->start[r][(1 + k) * of->n + k / 2 % of->n] = 1.0;
    }
    const unsigned form = byte(tape);
    const double begin = form % 8 == 0 ? 100.0 * number(tape) : 0.0;
    double span = power(tape, form % 4 ? -2.0 : -12.0, form % 16 == 1 ? 6.0 : 1.0);
    of->n_times = 1 + (int)(byte(tape) % (N_TIMES - 1));
    of->t[0] = isfinite(begin) ? begin : 0.0;
    int k = 1;
    for (; k < of->n_times; k++) {
        of->t[k] = of->t[k - 1] + span * (form % 2 ? 1.0 : unit(tape)) / of->n_times;
        if (!(of->t[k] > of->t[k - 1]) || !isfinite(of->t[k])) break;
    }
    of->n_times = k;
    const double end = of->t[k - 1];
    draw_inputs(of, tape, of->t[0], end);
    draw_events(of, tape);
    const unsigned method = byte(tape);
    of->options.method = METHODS[method % 3];
    of->options.stiff = method % 3 < 2 && method % 5 ? &tro_rodas5p : NULL;
    of->options.rtol = power(tape, -13.0, byte(tape) % 8 ? -2.0 : -0.1);
    for (int i = 0; i < of->n; i++) of->atol[i] = power(tape, byte(tape) % 8 ? -14.0 : -300.0, -3.0);
    of->options.atol = of->atol;
    of->options.h_max = byte(tape) % 8 ? HUGE_VAL : (end - of->t[0]) / 7.0 + 1e-300;
    of->options.max_steps = byte(tape) % 16 ? 300 : byte(tape) % 2 ? 3000 : 1 + (long)(byte(tape) % 30);
    of->options.time_limit = HUGE_VAL;
    of->order = 6 + (int)(byte(tape) % 19);
    of->seen[0] = (int)(byte(tape) % (unsigned)of->n), of->seen[1] = 0;
    of->level = number(tape), of->smallest = fabs(number(tape));
    const unsigned gauge = byte(tape);
    of->measures = (tro_measures){.n_seen = 1 + (of->n > 1 && of->seen[0] && gauge % 3 == 0),
                                  .seen = of->seen, .begin = of->t[0], .end = end,
                                  .level = gauge % 2 ? &of->level : NULL,
                                  .smallest = &of->smallest};
    if (!of->n_tangent && gauge % 4 < 2 && end > of->t[0]) of->options.measures = &of->measures;
}

/* ---- what must hold ---- */

static void check_report(const test *of, const double *y, const tro_report *report, const char *who)
{
    const int status = (int)report->status;
    CHECK(status == TRO_SUCCESS || status == TRO_NONFINITE || status == TRO_STEP_TOO_SMALL ||
              status == TRO_MAX_STEPS || status == TRO_DIVERGED || status == TRO_SINGULAR ||
              status == TRO_ENDLESS,
          "%s ended with %d", who, status);
    CHECK(report->n_written >= 0 && report->n_written <= of->n_times, "%s wrote %lld", who,
          report->n_written);
    CHECK(report->t >= of->t[0] && report->t <= of->t[of->n_times - 1], "%s reached %g", who,
          report->t);
    CHECK(report->n_steps <= of->options.max_steps && report->n_steps >= 0, "%s took %lld steps",
          who, report->n_steps);
    for (long long k = 0; k < report->n_written; k++)
        for (int i = 0; i < of->n; i++)
            CHECK(k == 0 || isfinite(y[k * of->dim + i]), "%s gave %g at %lld", who,
                  y[k * of->dim + i], k);
    if (status == TRO_SUCCESS) {
        int ends = 0;
        for (int k = 0; k < of->n_event; k++) ends |= of->terminal[k];
        CHECK(ends || report->n_written == of->n_times, "%s wrote %lld", who, report->n_written);
        CHECK(ends || report->t == of->t[of->n_times - 1], "%s ended at %g", who, report->t);
    }
}

static void check_measures(const test *of, const double *y, const tro_report *report,
                           const double *out)
{
    if (!of->options.measures || report->status != TRO_SUCCESS || of->measures.level) return;
    /* An event ended it early, or there is no room for its parts between two numbers. */
    const double begin = of->measures.begin, end = of->measures.end;
    if (report->t < end || end - begin < 1e-12 * fabs(begin)) return;
    double least = HUGE_VAL, most = -HUGE_VAL;
    const int n_seen = of->measures.n_seen;
    for (int part = 0; part < 3; part++) {
        const double *row = out + 3 * n_seen * part;
        CHECK(row[0] <= row[n_seen], "the least of a part is %g, the greatest %g", row[0],
              row[n_seen]);
        least = fmin(least, row[0]), most = fmax(most, row[n_seen]);
    }
    for (int k = 0; k < of->n_times; k++) {
        const double x = y[k * of->dim + of->seen[0]], room = 1e-9 * (1e-3 + fabs(x));
        CHECK(x >= least - room && x <= most + room, "%.17g lies outside %.17g to %.17g", x, least,
              most);
    }
}

static void check_events(const test *of, const tro_events *events, const char *who)
{
    for (long k = 0; k < events->log.n; k++) {
        const double *row = events->log.rows + k * events->log.width;
        CHECK(row[0] >= 0.0 && row[0] < of->n_event, "%s saw event %g", who, row[0]);
        CHECK(row[1] >= of->t[0] && row[1] <= of->t[of->n_times - 1], "%s saw it at %g", who, row[1]);
        CHECK(k == 0 || row[1] >= row[1 - events->log.width], "%s: %g after %g", who, row[1],
              row[1 - events->log.width]);
    }
}

/* The solution at all times, in as many pieces as it takes; 0 where it is too hard. */
static int oracle(const test *of, const double *p, const double *start, double *y)
{
    problem hard = {of->model, p, of->tables, 0.0, 0};
    const int n = of->n;
    memcpy(y, start, (size_t)n * sizeof *y);
    for (int k = 1; k < of->n_times; k++) {
        double *to = y + k * n, t = of->t[k - 1];
        memcpy(to, to - n, (size_t)n * sizeof *to);
        for (long b = 0; b < of->stimulus.n_break; b++) {
            const double stop = of->breaks[b];
            if (stop <= t || stop >= of->t[k]) continue;
            if (!advance(&hard, t, stop, to)) return 0;
            t = stop;
        }
        if (!advance(&hard, t, of->t[k], to)) return 0;
    }
    return 1;
}

static long compared;

/* What succeeds lies near the oracle, with room for how errors grow on the way. */
static void check_oracle(const test *of, int run, const double *y, const char *who)
{
    const double *p = of->p[run], *start = of->start[run];
    const double span = of->t[of->n_times - 1] - of->t[0];
    int plain = of->plain && of->options.rtol < 1e-3 && span < 25.0 && fabs(of->t[0]) < 1e3;
    for (int i = 0; i < of->n; i++) plain &= of->atol[i] < 1e-4 && fabs(start[i]) < 1e3;
    for (int k = 0; k < of->n_param; k++) plain &= fabs(p[k]) < 1e3;
    if (!plain || of->n_event || of->n_times < 2) return;
    double right[N_TIMES * MOST], other[N_TIMES * MOST], moved[MOST], growth = 1.0, size[MOST] = {0};
    if (!oracle(of, p, start, right)) return;
    for (int j = 0; j < of->n; j++) {
        memcpy(moved, start, sizeof moved);
        const double nudge = 1e-5 * (1.0 + fabs(start[j]));
        moved[j] += nudge;
        if (!oracle(of, p, moved, other)) return;
        double least = 1.0;
        for (int k = 0; k < of->n_times; k++) {
            double now = 0.0;
            for (int i = 0; i < of->n; i++)
                now = fmax(now, fabs(other[k * of->n + i] - right[k * of->n + i]) / nudge);
            growth = fmax(growth, now / least);
            least = fmax(1e-6, fmin(least, now));
        }
    }
    double allowed = 0.0, error = 0.0;
    for (int k = 0; k < of->n_times; k++)
        for (int i = 0; i < of->n; i++) {
            size[i] = fmax(size[i], fabs(right[k * of->n + i]));
            error = fmax(error, fabs(right[k * of->n + i] - y[k * of->dim + i]));
        }
    for (int i = 0; i < of->n; i++)
        allowed = fmax(allowed, of->atol[i] + of->options.rtol * size[i]);
    const double bound = growth * (2000.0 * allowed + 1e-8 * (1.0 + fmax(size[0], size[of->n - 1])));
    compared++;
    CHECK(error <= bound, "%s is off by %g, %g is allowed, errors grow %g times, rtol %g", who, error,
          bound, growth, of->options.rtol);
}

/* What is watched for in one run. */
typedef struct {
    tro_model model;
    tro_events events;
} watch;

static void watch_for(const test *of, watch *made)
{
    made->model = (tro_model){.n_state = of->n + 1 + of->n_input, .n_param = of->n_param,
                              .n_input = of->n_input, .n_observable = of->n_event + of->n_set,
                              .observe = observe, .observe_dy = observe_dy,
                              .observe_dp = observe_dp, .context = (void *)of};
    made->events = (tro_events){.n_event = of->n_event, .n_set = of->n_set,
                                .n_input = of->n_input, .model = &made->model,
                                .direction = of->direction, .terminal = of->terminal,
                                .set_event = of->set_event, .set_state = of->set_state,
                                .log = {.width = 3 + of->n + of->n_tangent * (1 + of->n)}};
}

static void step_by_step(const test *of)
{
    double *y = malloc((size_t)(of->n_times * of->dim) * sizeof *y), out[18] = {0.0};
    double *work = NULL;
    for (int r = 0; r < of->n_run; r++) {
        watch watched;
        watch_for(of, &watched);
        tro_options options = of->options;
        tro_measures measures = of->measures;
        measures.out = out;
        if (options.measures) options.measures = &measures;
        if (of->n_event) options.events = &watched.events;
        free(work);
        work = malloc(tro_solve_work(of->model, of->n_tangent, &options) * sizeof *work);
        memset(y, 0, (size_t)(of->n_times * of->dim) * sizeof *y);
        memcpy(y, of->start[r], (size_t)of->dim * sizeof *y);
        tro_trace trace = {.width = 2 + options.method->n_coef * of->n};
        const int keep = !of->n_tangent && !options.stiff;
        tro_report report = {0};
        const int status = tro_solve(of->model, of->p[r], &of->stimulus, of->n_tangent, of->vary,
                                     of->t, of->n_times, &options, work, y, keep ? &trace : NULL,
                                     &report);
        CHECK(status == (int)report.status, "%d but %lld", status, report.status);
        check_report(of, y, &report, options.method->name);
        check_events(of, &watched.events, options.method->name);
        check_measures(of, y, &report, out);
        if (status == TRO_SUCCESS) check_oracle(of, r, y, options.method->name);
        tro_trace_free(&trace);
        tro_trace_free(&watched.events.log);
    }
    free(work), free(y);
}

/* With the recurrences of one width, and the methods that take runs over. */
static void side_by_side(const test *of, const tro_lanes_method *method, const tro_taylor *series,
                         double *y, double *out, tro_report *reports)
{
    long handed[MOST_RUN], n_handed = 0;
    tro_queue queue = {.end = of->n_run};
    double p[MOST_RUN * MOST], start[MOST_RUN * MOST_ROW], level[MOST_RUN], smallest[MOST_RUN];
    for (int r = 0; r < of->n_run; r++) {
        memcpy(p + r * of->n_param, of->p[r], (size_t)of->n_param * sizeof *p);
        memcpy(start + r * of->dim, of->start[r], (size_t)of->dim * sizeof *start);
        level[r] = of->level, smallest[r] = of->smallest;
    }
    tro_options options = of->options;
    tro_measures measures = of->measures;
    measures.out = out;
    measures.level = of->measures.level ? level : NULL;
    measures.smallest = smallest;
    if (options.measures) options.measures = &measures;
    watch watched;
    watch_for(of, &watched);
    if (of->n_event) options.events = &watched.events;
    double *work = malloc(tro_solve_work(of->model, of->n_tangent, &options) * sizeof *work);
    tro_look look;
    const tro_stimulus *stimuli = &of->stimulus;
    tro_probe probe = {of->model, &options, work};
    const tro_lanes_job job = {
        .series = series, .order = of->order, .queue = &queue, .p = p,
        .stimuli = &stimuli, .n_stimuli = 1, .t_out = of->t, .n_out = of->n_times, .start = start,
        .y_out = y, .n_tangent = of->n_tangent, .vary = of->vary, .seed = of->seed,
        .options = &options, .reports = reports, .handed = handed, .n_handed = &n_handed,
        .probe = options.stiff ? tro_solve_probe : NULL, .probe_context = &probe,
        .look = of->n_event ? tro_solve_look : NULL, .look_context = &look};
    if (of->n_event) tro_solve_watch(of->model, p, stimuli, &options, work, &look);
    const int status = tro_alternate(method, &job, of->model, work);
    CHECK(status == TRO_SUCCESS, "%d lanes ended with %d", method->lanes, status);
    if (of->n_event) check_events(of, &watched.events, "taylor");
    tro_trace_free(&watched.events.log);
    free(work);
}

static void at_every_width(const test *of)
{
    static const tro_lanes_method *METHODS[2] = {&tro_taylor_1,
#if defined(WIDE)
                                                 &WIDE
#endif
    };
    const size_t values = (size_t)(of->n_run * of->n_times * of->dim);
    double *y[2] = {calloc(values, sizeof **y), calloc(values, sizeof **y)};
    double out[2][MOST_RUN * 18];
    tro_report reports[2][MOST_RUN];
    memset(out, 0, sizeof out), memset(reports, 0, sizeof reports);
    for (int w = 0; w < (of->n_event ? 1 : 2) && METHODS[w]; w++) {
        const tro_taylor *(*series)(void) =
            of->n_tangent ? of->entry.tangents[w] : of->entry.series[w];
        const int second = w > 0;
        if (!series) break;
        side_by_side(of, METHODS[w], series(), y[second], out[second], reports[second]);
        for (int r = 0; r < of->n_run; r++) {
            const tro_report *report = &reports[second][r];
            const double *rows = y[second] + (size_t)(r * of->n_times * of->dim);
            if (second) {
                const size_t size = (size_t)(report->n_written * of->dim) * sizeof *rows;
                CHECK(report->status == reports[0][r].status &&
                          report->n_written == reports[0][r].n_written,
                      "%d lanes end with %lld, one with %lld", METHODS[w]->lanes, report->status,
                      reports[0][r].status);
                CHECK(!memcmp(rows, y[0] + (size_t)(r * of->n_times * of->dim), size),
                      "%d lanes give other bits than one", METHODS[w]->lanes);
            }
            check_report(of, rows, report, "taylor");
            const int per_run = of->measures.level ? 5 + of->measures.n_seen : 9 * of->measures.n_seen;
            check_measures(of, rows, report, out[second] + r * per_run);
            if (!second && report->status == TRO_SUCCESS) check_oracle(of, r, rows, "taylor");
        }
    }
    free(y[0]), free(y[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tape tape = {data, size};
    test of;
    const unsigned side = byte(&tape);
    draw(&of, &tape);
    /* Without a span no series is asked for. */
    if (side % 2 && of.entry.series[0] && of.n_times > 1) {
        if (of.n_run > 1 || of.n_tangent) of.n_event = of.n_set = 0;
        if (of.n_event) of.options.measures = NULL;
        at_every_width(&of);
    } else {
        step_by_step(&of);
    }
    return 0;
}

#if defined(ALONE)
int main(int argc, char **argv)
{
    const long cases = argc > 1 ? atol(argv[1]) : 1000;
    uint64_t state = 0x9e3779b97f4a7c15ULL * (1 + (argc > 2 ? (uint64_t)atol(argv[2]) : 0));
    uint8_t bytes[600];
    for (long n = 0; n < cases; n++) {
        for (size_t k = 0; k < sizeof bytes; k++) {
            state ^= state << 13, state ^= state >> 7, state ^= state << 17;
            bytes[k] = (uint8_t)(state >> 32);
        }
        alarm(60);
        LLVMFuzzerTestOneInput(bytes, sizeof bytes);
    }
    printf("%ld cases, %ld compared with the oracle\n", cases, compared);
    return 0;
}
#endif
