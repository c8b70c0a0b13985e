/* Calls each entry of the C core the way the wrapper does, for the sanitizers to watch. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "arclength.h"
#include "collocation.h"
#include "collocation_maps.h"
#include "collocation_path.h"
#include "floquet.h"
#include "lanes_run.h"
#include "measures.h"
#include "taylor.h"

const tro_model *tro_entry(void);
const tro_taylor *tro_series(void);
const tro_taylor *tro_tangents(void);
extern const tro_lanes_method LANES;

enum { N_TIME = 50 };

static int cancelled(void *context) { return ++*(int *)context > 2; }

/* Events of the model: its first state falls below a half and is set back, time passes each
 * quarter of a unit, and, at the last, the first state is not negative. */
static void watch_observe(const tro_model *model, double t, const double *z, const double *p,
                          const double *u, double *out)
{
    const double now = z[*(const int *)model->context];
    (void)t, (void)p, (void)u;
    out[0] = z[0] - 0.5;
    out[1] = sin(12.566370614359172 * now);
    out[2] = now - 15.0;
    out[3] = z[0] + 0.25;
}

static void watch_observe_dy(const tro_model *model, double t, const double *z, const double *p,
                             const double *u, double *out)
{
    const int n = model->n_state, at = *(const int *)model->context;
    (void)t, (void)p, (void)u;
    for (int i = 0; i < 4 * n; i++) out[i] = 0.0;
    out[0] = out[3 * n] = out[2 * n + at] = 1.0;
    out[n + at] = 12.566370614359172 * cos(12.566370614359172 * z[at]);
}

static void watch_observe_dp(const tro_model *model, double t, const double *z, const double *p,
                             const double *u, double *out)
{
    (void)t, (void)z, (void)p, (void)u;
    for (int k = 0; k < 4 * model->n_param; k++) out[k] = 0.0;
    out[3 * model->n_param] = 1.0;
}

static int solve(const tro_method *method, const tro_method *stiff, int n_tangent, long max_steps,
                 double scale, int interrupt, int terminal)
{
    const tro_model *model = tro_entry();
    const int n = model->n_state, dim = n * (1 + n_tangent);
    const double knots[3] = {-1.0, 5.0, 5.001}, breaks[2] = {5.0, 5.001};
    const double coefs[12] = {0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0};
    const int vary[2] = {0, -1};
    tro_table *tables = calloc((size_t)model->n_input + 1, sizeof *tables);
    double *p = calloc((size_t)model->n_param + 1, sizeof *p);
    double *atol = calloc((size_t)n, sizeof *atol), *t = calloc(N_TIME, sizeof *t);
    double *y = calloc((size_t)(N_TIME * dim), sizeof *y);
    int calls = 0;
    for (int i = 0; i < model->n_input; i++) tables[i] = (tro_table){3, knots, coefs};
    const tro_stimulus stimulus = {model->n_input, tables, 2, breaks, 2, breaks};
    for (int k = 0; k < model->n_param; k++) p[k] = 0.5 * scale;
    for (int i = 0; i < n; i++) atol[i] = 1e-9;
    for (int k = 0; k < N_TIME; k++) t[k] = 0.4 * k;
    model->initial(model, 0.0, p, p, p, y);
    int time_at = n, directions[3] = {-1, 0, 1}, terminals[3] = {0, 0, terminal};
    const int set_event = 0, set_state = 0;
    const tro_model watched = {.n_state = n + 1 + model->n_input, .n_observable = 4,
                               .n_param = model->n_param, .observe = watch_observe,
                               .observe_dy = watch_observe_dy, .observe_dp = watch_observe_dp,
                               .context = &time_at};
    tro_events events = {.n_event = 3, .n_set = 1, .n_input = model->n_input, .model = &watched,
                         .direction = directions, .terminal = terminals,
                         .set_event = &set_event, .set_state = &set_state,
                         .log = {.width = 3 + n}};
    /* The extent of all states, or the cycles of one: its events bring it back. */
    double out[18];
    const double level = 0.6, smallest = 1e-3;
    const tro_measures measures = {.n_seen = 2, .seen = (const int[]){1, 0}, .begin = t[0],
                                   .end = t[N_TIME - 1], .level = stiff ? NULL : &level,
                                   .smallest = &smallest, .out = out};
    const tro_options options = {.method = method, .stiff = stiff, .rtol = 1e-6, .atol = atol,
                                 .h_max = HUGE_VAL, .max_steps = max_steps,
                                 .poll = interrupt ? cancelled : NULL, .poll_context = &calls,
                                 .events = &events,
                                 .measures = n_tangent ? NULL : &measures};
    double *work = malloc(tro_solve_work(model, n_tangent, &options) * sizeof *work);
    tro_trace trace = {.width = 2 + method->n_coef * n};
    tro_report report = {0};
    const int status = tro_solve(model, p, &stimulus, n_tangent, vary, t, N_TIME, &options, work,
                                 y, n_tangent ? NULL : &trace, &report);
    printf("%s %d %lld %ld\n", method->name, status, report.n_written, events.log.n);
    tro_trace_free(&trace);
    tro_trace_free(&events.log);
    free(work), free(tables), free(p), free(atol), free(t), free(y);
    return status;
}

/* A step of a method of order 24: sin(1 + t) falls below a half at 5 pi / 6 - 1. */
static int high_order(void)
{
    enum { N_COEF = 25 };
    const double t_start = 1.0, h = 4.0, wanted = 1.6179938779914943;
    const double derivatives[4] = {sin(t_start), cos(t_start), -sin(t_start), -cos(t_start)};
    double coef[N_COEF], power = 1.0, t = 0.0;
    int time_at = 1, direction = 0, terminal = 1, cut = 0;
    for (int j = 0; j < N_COEF; j++, power *= h / j)
        coef[j] = derivatives[j % 4] * power;
    const double y_end = sin(t_start + h);
    const tro_model watched = {.n_state = 2, .n_observable = 4, .observe = watch_observe,
                               .observe_dy = watch_observe_dy, .context = &time_at};
    const tro_stimulus stimulus = {.n_input = 0};
    tro_system system = {.stimulus = &stimulus, .low = 0.0, .high = HUGE_VAL};
    tro_events events = {.n_event = 1, .model = &watched, .direction = &direction,
                         .terminal = &terminal, .log = {.width = 4}};
    const tro_options options = {.events = &events};
    const tro_piece piece = {0.0, h, h, N_COEF, 1, coef, &y_end};
    double *work = malloc(tro_events_work(&events, 0) * sizeof *work);
    tro_events_start(&events, &system, work);
    const int status = tro_events_step(&options, &piece, &t, &cut);
    const int found = cut && events.ended == 0 && fabs(t - wanted) < 1e-14;
    printf("order 24 %d %.17g\n", status, t);
    tro_trace_free(&events.log);
    free(work);
    return status == TRO_SUCCESS && found;
}

/* Runs side by side, or one after the other with tangents; some explode, one is cut short. */
static int lanes(int n_tangent, long max_steps, long limit, int interrupt)
{
    enum { N_RUN = 19 };
    const tro_model *model = tro_entry();
    const int n = model->n_state, dim = n * (1 + n_tangent);
    const double knots[2] = {-1.0, 5.0}, breaks[1] = {5.0};
    const double coefs[8] = {0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0};
    const int vary[3] = {0, -1, 5}, seed[3] = {0, -1, 1};
    tro_table *tables = calloc((size_t)model->n_input + 1, sizeof *tables);
    for (int i = 0; i < model->n_input; i++) tables[i] = (tro_table){2, knots, coefs};
    const tro_stimulus stimulus = {model->n_input, tables, 1, breaks, 1, breaks}, *stimuli = &stimulus;
    double *p = calloc((size_t)(N_RUN * model->n_param) + 1, sizeof *p);
    double *atol = calloc((size_t)n, sizeof *atol), *t = calloc(N_TIME, sizeof *t);
    double *y = calloc((size_t)(N_RUN * N_TIME * dim), sizeof *y);
    tro_report *reports = calloc(N_RUN, sizeof *reports);
    long handed[N_RUN], n_handed = 0;
    tro_queue queue = {.end = N_RUN};
    int calls = 0;
    for (int k = 0; k < N_RUN * model->n_param; k++) p[k] = 0.5 + 0.01 * (k % 7);
    for (int k = 0; k < model->n_param; k++) p[3 * model->n_param + k] = NAN;
    for (int i = 0; i < n; i++) atol[i] = 1e-9;
    for (int k = 0; k < N_TIME; k++) t[k] = 0.4 * k;
    for (int r = 0; r < N_RUN; r++) {
        double *row = y + (size_t)(r * N_TIME * dim);
        model->initial(model, 0.0, p, p, p, row);
        for (int i = 0; i < n_tangent * n; i++) row[n + i] = i % (n + 1) == 0;
    }
    /* The extent of all states, or the cycles of one. */
    double out[N_RUN * 18], level[N_RUN], smallest[N_RUN];
    for (int r = 0; r < N_RUN; r++) level[r] = 0.5, smallest[r] = 1e-9;
    const tro_measures measures = {.n_seen = limit > 20 ? 2 : 1, .seen = (const int[]){0, 1},
                                   .begin = t[0], .end = t[limit - 1],
                                   .level = limit > 20 ? NULL : level, .smallest = smallest,
                                   .out = out};
    const tro_options options = {.method = &tro_tsit5, .stiff = &tro_rodas5p, .rtol = 1e-6,
                                 .atol = atol, .h_max = HUGE_VAL, .max_steps = max_steps,
                                 .time_limit = HUGE_VAL, .poll = interrupt ? cancelled : NULL,
                                 .poll_context = &calls,
                                 .measures = n_tangent ? NULL : &measures};
#if TRO_LANES == 1
    const tro_taylor *series = n_tangent ? tro_tangents() : tro_series();
#else
    const tro_taylor *series = tro_series();
#endif
    double *work = malloc(tro_solve_work(model, 0, &options) * sizeof *work);
    tro_probe probe = {model, &options, work};
    tro_trace trace = {.width = 2 + 12 * n};
    const tro_lanes_job job = {
        .series = series, .order = 11, .queue = &queue, .p = p,
        .stimuli = &stimuli, .n_stimuli = 1, .t_out = t, .n_out = limit, .y_out = y,
        .n_tangent = n_tangent, .vary = vary, .seed = seed, .options = &options,
        .trace = LANES.lanes == 1 && !n_tangent ? &trace : NULL, .reports = reports,
        .handed = handed, .n_handed = &n_handed, .probe = tro_solve_probe,
        .probe_context = &probe};
    const int status = LANES.run(&job);
    int bad = 0;
    for (int r = 0; r < N_RUN; r++)
        bad |= reports[r].status != (r == 3 ? TRO_HANDOVER : max_steps < 9 ? TRO_MAX_STEPS : 0);
    printf("lanes %d status %d handed %ld\n", LANES.lanes, status, n_handed);
    tro_trace_free(&trace);
    free(work), free(tables), free(p), free(atol), free(t), free(y), free(reports);
    return interrupt ? status == TRO_NO_MEMORY : bad || status != TRO_SUCCESS;
}

/* More cycles than are kept: the last of them have the period of the samples. */
static int samples(void)
{
    enum { N = 24001 };
    double *t = malloc(N * sizeof *t), *y = malloc(N * sizeof *y), out[6];
    const int seen = 0;
    const double level = 0.0, smallest = 1e-3;
    for (int k = 0; k < N; k++) t[k] = 0.1 * k, y[k] = sin(3.141592653589793 * t[k]);
    const tro_measures plan = {.n_seen = 1, .seen = &seen, .begin = t[0], .end = t[N - 1],
                               .level = &level, .smallest = &smallest, .out = out};
    double *work = malloc((tro_measures_work(&plan) + 4) * sizeof *work);
    tro_measures_samples(&plan, 0, t, y, N, work);
    printf("samples %g %.9g %g\n", out[0], out[1], out[4]);
    free(t), free(y), free(work);
    return out[0] == TRO_CYCLING && fabs(out[1] - 2.0) < 1e-6;
}

/* A circle, as an orbit of the model x' = -y, y' = x, and its period by Newton's method. */
static void turn(const tro_model *model, double t, const double *y, const double *p,
                 const double *u, double *out)
{
    (void)model, (void)t, (void)p, (void)u;
    out[0] = -y[1], out[1] = y[0];
}

static void turn_jac(const tro_model *model, double t, const double *y, const double *p,
                     const double *u, double *out)
{
    (void)model, (void)t, (void)y, (void)p, (void)u;
    out[0] = out[3] = 0.0, out[1] = -1.0, out[2] = 1.0;
}

/* In the place of LAPACK: eigenvalues of diagonal matrices. */
static void diagonal_pair(char *left, char *right, int *n, double *a, int *lda, double *b, int *ldb,
                          double *re, double *im, double *scale, double *vl, int *ldvl, double *vr,
                          int *ldvr, double *work, int *count, int *info)
{
    (void)left, (void)right, (void)ldb, (void)vl, (void)ldvl, (void)vr, (void)ldvr;
    for (int i = 0; i < *n; i++)
        re[i] = a[i * (*lda + 1)], im[i] = 0.0, scale[i] = b[i * (*lda + 1)];
    for (int i = 0; i < *count; i++) work[i] = 0.0;
    *info = 0;
}

static void diagonal(char *left, char *right, int *n, double *a, int *lda, double *re, double *im,
                     double *vl, int *ldvl, double *vr, int *ldvr, double *work, int *count,
                     int *info)
{
    (void)left, (void)right, (void)vl, (void)ldvl, (void)vr, (void)ldvr;
    for (int i = 0; i < *n; i++) re[i] = a[i * (*lda + 1)], im[i] = 0.0;
    for (int i = 0; i < *count; i++) work[i] = 0.0;
    *info = 0;
}

static int circle(int n_right)
{
    enum { M = 4, N = 10, NODES = M * N + 1 };
    const double pi = 3.141592653589793;
    /* Polynomials through five nodes at four Gauss points. */
    const double gauss[M] = {0.069431844202973714, 0.33000947820757187, 0.66999052179242813,
                             0.93056815579702629};
    double value[M * (M + 1)], slope[M * (M + 1)], powers[(M + 1) * (M + 1)] = {0.0};
    for (int k = 0; k <= M; k++) {
        double w[M + 1] = {1.0}, bottom = 1.0;
        for (int l = 0, degree = 0; l <= M; l++) {
            if (l == k) continue;
            degree++;
            for (int d = degree; d >= 0; d--) w[d] = (d ? w[d - 1] : 0.0) - w[d] * l / M;
            bottom *= (double)(k - l) / M;
        }
        for (int i = 0; i < M; i++) {
            double y = 0.0, dy = 0.0;
            for (int d = M; d >= 0; d--) dy = dy * gauss[i] + y, y = y * gauss[i] + w[d] / bottom;
            value[i * (M + 1) + k] = y, slope[i * (M + 1) + k] = dy;
        }
        for (int d = 0; d <= M; d++) powers[d * (M + 1) + k] = w[d] / bottom;
    }
    const double weight[M] = {0.17392742256872692, 0.32607257743127307, 0.32607257743127307,
                              0.17392742256872692};
    /* And those through the Gauss points. */
    double inverse[M * M] = {0.0};
    for (int k = 0; k < M; k++) {
        double w[M] = {1.0}, bottom = 1.0;
        for (int l = 0, degree = 0; l < M; l++) {
            if (l == k) continue;
            degree++;
            for (int d = degree; d >= 0; d--) w[d] = (d ? w[d - 1] : 0.0) - w[d] * gauss[l];
            bottom *= gauss[k] - gauss[l];
        }
        for (int d = 0; d < M; d++) inverse[d * M + k] = w[d] / bottom;
    }
    double mesh[N + 1], states[2 * NODES], sign[2] = {1.0, 1.0}, scale[2] = {1.0, 1.0};
    for (int j = 0; j <= N; j++) mesh[j] = (double)j / N;
    for (int k = 0; k < NODES; k++) {
        states[2 * k] = cos(2.0 * pi * k / (NODES - 1));
        states[2 * k + 1] = sin(2.0 * pi * k / (NODES - 1));
    }
    const tro_model model = {.abi = TRO_ABI, .n_state = 2, .rhs = turn, .jac = turn_jac};
    const int slot = -1;
    tro_collocation c = {&model, M, N, 1, n_right, &slot, sign, mesh, value, slope, weight};
    /* All circles have the same period: the size is what is to be held, not the phase. */
    double *rows = calloc(2 * NODES, sizeof *rows), *right = calloc(4 * NODES + 8, sizeof *right);
    double *steps = malloc((4 * NODES + 8) * sizeof *steps), pair[8], determinant[3];
    double *work = malloc(tro_collocation_work(&c) * sizeof *work);
    double free_row = 1.0, target = 6.0, period = 6.0, unit = 1.0, nothing = 0.0;
    int count = 0;
    const int status = tro_collocation_solve(&c, states, period, &nothing, &nothing, rows, &free_row,
                                             right, work, steps, pair, determinant);
    int bad = status != 0 && status != TRO_SINGULAR;
    if (n_right == 2)
        bad |= tro_collocation_correct(&c, 1.0, rows, &free_row, &target, scale, &unit, 1e-9,
                                       &nothing, &nothing, states, &period, work, steps, pair,
                                       determinant, &count) == TRO_NO_MEMORY;
    const tro_collocation_path path = {2, M, N, mesh};
    double ends[4], error[N];
    for (int k = 0; k < NODES; k++) {
        states[2 * k] = cos(2.0 * pi * k / (NODES - 1));
        states[2 * k + 1] = sin(2.0 * pi * k / (NODES - 1));
    }
    tro_collocation_path_extremes(&path, powers, states, ends, ends + 2);
    tro_collocation_path_highest(&path, powers, states, scale, error);
    tro_collocation_path_at(&path, powers, states, mesh, N + 1, steps);
    tro_collocation_path_row(&path, powers, -1, scale, states, steps);
    bad |= !isfinite(tro_collocation_path_form(&path, powers, 1, scale, states, states));
    double finer[2 * N], density[2 * N];
    const double *const both[2] = {states, states}, *const units[2] = {scale, scale};
    double *const moved[2] = {steps, right};
    tro_collocation_path_extent(&path, states, 1e-3, scale, ends + 2);
    bad |= !(ends[2] > 1.9 && ends[3] > 1.9);
    tro_collocation_path_equal(&path, powers, 2, both, units, N, density, finer);
    bad |= !(finer[0] == 0.0 && finer[N] == 1.0);
    tro_collocation_path_moved(&path, powers, finer, N, n_right, both, moved);
    tro_collocation_path_bend(2, 0.1, 1.0, states, scale, states + 2, scale, ends, ends + 2);
    tro_collocation_path_extremes(&path, powers, states, ends, ends + 2);
    if (n_right == 2) {
        double *reached = malloc((8 * NODES + 8) * sizeof *reached);
        const tro_collocation_point from = {states, &period, rows, &unit, NULL, NULL,
                                            NULL,   NULL,    scale, &unit};
        tro_collocation_arrival arrival;
        tro_collocation_length(&c, &from, powers, rows, &free_row, &target);
        bad |= tro_collocation_advance(&c, &from, 0.01, 1.0, rows, &free_row, &target, powers, 1e-9,
                                       &nothing, &nothing, work, reached, pair, &arrival)
               == TRO_NO_MEMORY;
        free(reached);
    }
    double multipliers[4], tests[3], *floquet_work = malloc(tro_floquet_work(2) * sizeof *floquet_work);
    const double matrices[8] = {2.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0, -1.0};
    tro_floquet_facts facts;
    tro_floquet(2, matrices, log(2.0), diagonal_pair, floquet_work, multipliers);
    tro_floquet_look(2, multipliers, log(2.0), 1e-7, &facts);
    tro_floquet_tests(2, multipliers, tests);
    bad |= multipliers[0] != 1.0 || fabs(multipliers[2] - 2.0) > 1e-12 || facts.n_unstable != 1;
    double *product_work = malloc(tro_floquet_product_work(2) * sizeof *product_work);
    double eigenvalues[4];
    bad |= tro_floquet_product(2, 2, matrices, diagonal, product_work, eigenvalues);
    bad |= fabs(eigenvalues[0] + 2.0) > 1e-12 || fabs(eigenvalues[2] + 1.0) > 1e-12;
    free(product_work);
    free(floquet_work);
    const double mean[M + 1] = {7.0 / 90, 32.0 / 90, 12.0 / 90, 32.0 / 90, 7.0 / 90};
    double middle[2];
    tro_collocation_path_integral(&path, mean, states, middle);
    bad |= !isfinite(tro_collocation_path_beside(&path, powers, mean, scale, states, states));
    bad |= !(fabs(middle[0]) < 1e-3) || !(fabs(middle[1]) < 1e-3);
    int pieces[N];
    double *maps_work = malloc(tro_collocation_maps_work(&c) * sizeof *maps_work);
    const int in_all = tro_collocation_maps_pieces(&c, states, 2.0 * pi, &nothing, &nothing,
                                                   maps_work, pieces);
    bad |= in_all < N;
    if (in_all > 0) {
        double *maps = malloc((size_t)(4 * in_all) * sizeof *maps), beside_work[12], along, volume;
        double *flows = malloc((size_t)(2 * in_all + 2) * sizeof *flows);
        double *narrowed = malloc((size_t)in_all * sizeof *narrowed);
        tro_collocation_maps(&c, states, &nothing, &nothing, inverse, pieces, maps_work, maps,
                             flows, &volume);
        tro_collocation_maps_beside(2, in_all, maps, flows, beside_work, narrowed, &along);
        bad |= !(fabs(along - 1.0) < 0.1) || !(fabs(volume) < 1e-9);
        free(maps), free(flows), free(narrowed);
    }
    free(maps_work);
    bad |= fabs(ends[0] + 1.0) > 1e-4 || fabs(ends[2] - 1.0) > 1e-4;
    printf("circle %d %g %g\n", status, ends[0], ends[2]);
    free(rows), free(right), free(steps), free(work);
    return bad;
}

/* The curve x^2 + p^2 = 1, y = x: its points, its folds at p = 1 and -1. */
static void curve(const tro_model *model, double t, const double *y, const double *p,
                  const double *u, double *out)
{
    (void)model, (void)t, (void)u;
    out[0] = 1.0 - y[0] * y[0] - p[0] * p[0], out[1] = y[0] - y[1];
}

static void curve_jac(const tro_model *model, double t, const double *y, const double *p,
                      const double *u, double *out)
{
    (void)model, (void)t, (void)p, (void)u;
    out[0] = -2.0 * y[0], out[1] = 0.0, out[2] = 1.0, out[3] = -1.0;
}

static void curve_dfdp(const tro_model *model, double t, const double *y, const double *p,
                       const double *u, double *out)
{
    (void)model, (void)t, (void)y, (void)u;
    out[0] = -2.0 * p[0], out[1] = 0.0;
}

static int branch(void)
{
    double p[1] = {0.0}, u[1] = {0.0}, scale[3] = {1.0, 1.0, 1.0};
    const double low[2] = {-HUGE_VAL, -HUGE_VAL}, high[2] = {HUGE_VAL, HUGE_VAL};
    const tro_model model = {.abi = TRO_ABI, .n_state = 2, .n_param = 1, .rhs = curve,
                             .jac = curve_jac, .dfdp = curve_dfdp};
    double *work = malloc(tro_arclength_work(&model) * sizeof *work);
    int rows[8];
    const tro_arclength a = {.model = &model, .p = p, .u = u, .n = 2, .free = 0, .low = low,
                             .high = high, .work = work, .rows = rows};
    double *point = calloc(tro_arclength_point_size(2), sizeof *point);
    double *next = calloc(tro_arclength_point_size(2), sizeof *next);
    double x[3] = {0.8, 0.8, 0.0}, along[3] = {0.0, 0.0, 1.0};
    double left = 1.0;
    int bad = tro_arclength_newton(&a, scale, 1.0, x, &left) || fabs(x[0] - 1.0) > 1e-9;
    bad |= !(left < 1e-14);
    for (int k = 0; k < 3; k++) point[k] = x[k];
    bad |= tro_arclength_describe(&a, along, scale, point);
    bad |= tro_arclength_at(&a, x, point + 3, scale, 0.1, next);
    bad |= fabs(next[0] * next[0] + next[2] * next[2] - 1.0) > 1e-9;
    bad |= tro_arclength_landing(&a, x, next, point + 3, scale, 0.05, next);
    bad |= fabs(next[2] - 0.05) > 1e-12;
    double fold[5] = {0.1, 0.1, 0.9, 1.0, 1.0};
    const double border[2] = {1.0, 0.0};
    bad |= tro_arclength_define(&a, TRO_FOLD, scale, border, 0.0, fold) ||
           fabs(fold[2] - 1.0) > 1e-9;
    p[0] = 2.0; /* where there is none */
    x[0] = x[1] = 1.0, x[2] = 2.0;
    bad |= tro_arclength_newton(&a, scale, 1e3, x, &left) == 0;
    printf("branch %d\n", bad);
    free(work), free(point), free(next);
    return bad;
}

int main(void)
{
    int bad = branch() || !high_order() || !samples() || circle(1) || circle(2);
    bad |= solve(&tro_tsit5, NULL, 0, 100000, 1.0, 0, 0) != TRO_SUCCESS;
    bad |= solve(&tro_tsit5, &tro_rodas5p, 0, 100000, 1.0, 0, 0) != TRO_SUCCESS;
    bad |= solve(&tro_dop853, NULL, 0, 100000, 1.0, 0, 0) != TRO_SUCCESS;
    bad |= solve(&tro_dop853, &tro_rodas5p, 0, 100000, 1.0, 0, 1) != TRO_SUCCESS;
    bad |= solve(&tro_dop853, NULL, 2, 100000, 1.0, 0, 0) != TRO_SUCCESS;
    bad |= solve(&tro_rodas5p, NULL, 0, 100000, 1.0, 0, 0) != TRO_SUCCESS;
    bad |= solve(&tro_tsit5, NULL, 2, 100000, 1.0, 0, 0) != TRO_SUCCESS;
    bad |= solve(&tro_rodas5p, NULL, 2, 100000, 1.0, 0, 0) != TRO_SUCCESS;
    bad |= solve(&tro_tsit5, &tro_rodas5p, 2, 100000, 1.0, 0, 1) != TRO_SUCCESS;
    bad |= solve(&tro_rodas5p, NULL, 2, 100000, NAN, 0, 0) != TRO_NONFINITE;
    bad |= solve(&tro_tsit5, NULL, 0, 3, 1.0, 0, 0) != TRO_MAX_STEPS;
    bad |= solve(&tro_rodas5p, NULL, 0, 100000, NAN, 0, 0) != TRO_NONFINITE;
    bad |= solve(&tro_tsit5, NULL, 0, 100000000, 1.0, 1, 0) == TRO_NO_MEMORY;
    bad |= solve(&tro_tsit5, NULL, 0, 100000, 1.0, 0, 1) != TRO_SUCCESS;
    bad |= lanes(0, 100000, N_TIME, 0);
    bad |= lanes(0, 5, N_TIME, 0);
    bad |= lanes(0, 100000, 2, 0);
    bad |= lanes(0, 100000, N_TIME, 1);
#if TRO_LANES == 1
    bad |= lanes(3, 100000, N_TIME, 0);
    bad |= lanes(3, 5, N_TIME, 0);
#endif
    return bad;
}
