/* Events: zeros of functions of a solution on a step's polynomial, and what they change.
 *
 * A function is sampled at Chebyshev points of an interval; what its interpolant cannot
 * exclude, and what is neither monotone nor convex there, is halved. A crossing that is
 * closed in is narrowed with ITP (Oliveira & Takahashi 2020, ACM TOMS 47, 5).
 * Chebyshev interpolation: Trefethen, Approximation Theory and Approximation Practice, 3-4.
 *
 * Tangents jump where an event changes states, because its time depends on what they are the
 * derivatives by: S. Galan, W. F. Feehery & P. I. Barton (1999), Parametric sensitivity functions
 * for hybrid discrete/continuous systems, Appl. Numer. Math. 31, 17-47.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

enum {
    DEGREE = 8,
    NODES = DEGREE + 1,
    SAMPLES = NODES + 2,    /* and two points at which the interpolant is checked */
    GLANCE = 5 + 3,         /* of degree 4, with three such points */
    DEPTH = 32,             /* halvings of a step */
    MOST_INTERVALS = 1 << 20,
    MOST_FIRINGS = 32,      /* of one event at one instant */
    NEARBY = 8,             /* rounding errors of time, either way, that show a function's own */
    POLL_EVERY = 256
};

static const double INSTANT = 1e-13;    /* of time: closer events are simultaneous */
static const double RESOLVED = 1e-9;    /* of a function: what an interpolant may be off by */
static const double NOISE = 8.0 * DBL_EPSILON;
static const double FLAT = 1e-28;       /* of a function: no dip at all */
static const double TOO_LARGE = 1e290;  /* of a function: sums of such values overflow */
static const double CHECKS[SAMPLES - NODES] = {0.83, -0.56};
/* cos(k pi / 8) */
static const double COSINE[2 * DEGREE] = {
    1.0, 0.92387953251128674, 0.70710678118654752, 0.38268343236508977,
    0.0, -0.38268343236508977, -0.70710678118654752, -0.92387953251128674,
    -1.0, -0.92387953251128674, -0.70710678118654752, -0.38268343236508977,
    0.0, 0.38268343236508977, 0.70710678118654752, 0.92387953251128674,
};

/* One event on its way through a run. */
struct tro_watch {
    double next;   /* theta of its next crossing in this step, or infinity */
    double offset; /* what its function left of zero where it starts, taken off for one step */
    double last;   /* time of its last firing */
    int count;     /* firings within an instant of the one before */
    int sign;      /* side that its function was clearly on last, 0 while unknown */
    int zero;      /* nonzero when a firing or a reset put its function on zero */
    int pending;   /* direction in which it is about to fire, or 0 */
    int stuck;     /* nonzero when its function cannot be told from zero before its crossing */
    int jumped;    /* nonzero when an input's jump took its function across, at a time that stands */
};

/* One event's function on one step. */
typedef struct {
    tro_events *events;
    const tro_piece *piece;
    int event;
    double noise; /* size of rounding errors */
    long looked;  /* intervals */
    int status;
} search;

static int events_sign(double x) { return (x > 0.0) - (x < 0.0); }

static int events_n_state(const tro_events *events)
{
    return events->model->n_state - 1 - events->n_input;
}

size_t tro_events_work(const tro_events *events, int n_tangent)
{
    const size_t n = (size_t)events->model->n_state, m = (size_t)events->model->n_observable;
    const size_t watch = (sizeof(struct tro_watch) + sizeof(double) - 1) / sizeof(double);
    const size_t n_event = (size_t)events->n_event, wide = (size_t)n_tangent;
    return (GLANCE + 2) * n + 2 * m + m * n + n_event * (GLANCE + 1 + watch + wide) +
           (wide ? m * (size_t)events->model->n_param + n * (2 + wide) : 0);
}

void tro_events_start(tro_events *events, tro_system *system, double *work)
{
    const size_t n = (size_t)events->model->n_state, m = (size_t)events->model->n_observable;
    const size_t n_event = (size_t)events->n_event;
    events->system = system;
    events->ended = -1;
    events->began = tro_clock();
    events->log.n = 0;
    events->z = work;
    events->after = work + GLANCE * n;
    events->rate = events->after + n;
    events->values = events->rate + n;
    events->before = events->values + m;
    events->gradient = events->before + m;
    events->samples = events->gradient + m * n;
    events->left = events->samples + n_event * GLANCE;
    events->watch = (struct tro_watch *)(void *)(events->left + n_event);
    const size_t watch = (sizeof(struct tro_watch) + sizeof(double) - 1) / sizeof(double);
    const size_t n_tangent = (size_t)system->n_tangent;
    events->due = events->left + n_event * (1 + watch);
    events->by_p = events->due + n_event * n_tangent;
    events->moved = events->by_p + m * (size_t)events->model->n_param;
    events->leave = events->moved + n;
    events->tangents = events->leave + n;
    if (n_tangent) {
        tro_trace_free(&events->log);
        events->log.width = (int)(3 + (size_t)events_n_state(events) * (1 + n_tangent) + n_tangent);
    }
    for (size_t k = 0; k < n_event; k++)
        events->watch[k] = (struct tro_watch){.last = -HUGE_VAL};
}

/* ---- values on a step ---- */

static double events_time(const tro_piece *piece, double theta)
{
    return theta >= 1.0 ? piece->t_end : fmin(piece->t + theta * piece->h, piece->t_end);
}

/* Fill z: the states, time and the inputs. */
static void events_place(tro_events *events, const tro_piece *piece, double theta)
{
    const tro_system *system = events->system;
    const int n = events_n_state(events);
    const double t = events_time(piece, theta);
    const double *coef = piece->coef + (size_t)(piece->n_coef - 1) * (size_t)piece->stride;
    double *z = events->z;
    for (int i = 0; i < n; i++) z[i] = coef[i];
    for (int j = piece->n_coef - 2; j >= 0; j--) {
        coef -= piece->stride;
        for (int i = 0; i < n; i++) z[i] = z[i] * theta + coef[i];
    }
    if (theta >= 1.0) memcpy(z, piece->y_end, (size_t)n * sizeof *z);
    z[n] = t;
    tro_stimulus_values(system->stimulus, t, system->low, system->high, z + n + 1, NULL);
}

/* All functions, and all values to set, at z. */
static void events_observe(tro_events *events, const double *z, double *values)
{
    const tro_model *model = events->model;
    model->observe(model, 0.0, z, events->system->p, NULL, values);
}

static double events_value(search *q, double theta)
{
    tro_events *events = q->events;
    events_place(events, q->piece, theta);
    events_observe(events, events->z, events->values);
    const double value = events->values[q->event] - events->watch[q->event].offset;
    if (!isfinite(value)) q->status = TRO_NONFINITE;
    return value;
}

/* What rounding of its arguments leaves of a function at z, whose gradient is filled. */
static double events_noise(const tro_events *events, const double *z, int event)
{
    const int n = events->model->n_state;
    const double *row = events->gradient + (size_t)event * (size_t)n;
    double size = 0.0;
    for (int i = 0; i < n; i++) size += fabs(row[i] * z[i]);
    return NOISE * size;
}

static void events_differentiate(tro_events *events, const double *z)
{
    const tro_model *model = events->model;
    model->observe_dy(model, 0.0, z, events->system->p, NULL, events->gradient);
}

/* Slope of a function by theta from the rates in events->rate, 0 when rounding decides its sign,
 * and the noise there. */
static double events_along(search *q, double *noise)
{
    tro_events *events = q->events;
    const tro_system *system = events->system;
    const int n = events_n_state(events), n_z = events->model->n_state;
    const double h = q->piece->h;
    events->rate[n] = h;
    double *du = events->rate + n + 1;
    tro_stimulus_values(system->stimulus, events->z[n], system->low, system->high, events->after,
                        du);
    for (int l = 0; l < events->n_input; l++) du[l] *= h;
    events_differentiate(events, events->z);
    const double *row = events->gradient + (size_t)q->event * (size_t)n_z;
    double slope = 0.0, size = 0.0;
    for (int i = 0; i < n_z; i++) {
        slope += row[i] * events->rate[i];
        size += fabs(row[i] * events->rate[i]);
    }
    *noise = events_noise(events, events->z, q->event);
    return fabs(slope) > NOISE * size ? slope : 0.0;
}

static double events_slope(search *q, double theta, double *noise)
{
    tro_events *events = q->events;
    const tro_piece *piece = q->piece;
    const int n = events_n_state(events);
    events_place(events, piece, theta);
    for (int i = 0; i < n; i++) {
        double value = 0.0;
        for (int j = piece->n_coef - 1; j >= 1; j--)
            value = value * theta + j * piece->coef[(size_t)j * (size_t)piece->stride + (size_t)i];
        events->rate[i] = value;
    }
    return events_along(q, noise);
}

/* Right-hand side at z. */
static void events_flow(tro_events *events, const double *z, double *rate)
{
    tro_system *system = events->system;
    const int n = events_n_state(events);
    system->model->rhs(system->model, z[n], z, system->p, z + n + 1, rate);
    system->n_rhs++;
}

/* Slope where a step starts, from the equations: a step that is long for what happens at its
 * start has lost it to rounding. */
static double events_first_slope(search *q)
{
    tro_events *events = q->events;
    double noise;
    events_place(events, q->piece, 0.0);
    events_flow(events, events->z, events->rate);
    for (int i = 0; i < events_n_state(events); i++) events->rate[i] *= q->piece->h;
    return events_along(q, &noise);
}

/* Most that a function varies within some rounding errors of time: that shows its own, whatever
 * terms cancel inside it. */
static double events_scatter(search *q, double theta, double value)
{
    const double t = events_time(q->piece, theta);
    const double delta = 2.0 * DBL_EPSILON * (fabs(t) / q->piece->h + theta);
    double most = 0.0;
    for (int j = -NEARBY; j <= NEARBY; j++)
        most = fmax(most, fabs(events_value(q, theta + j * delta) - value));
    return most;
}

/* Side of zero that a function is on at theta beyond its rounding errors, or 0. */
static int events_clear(search *q, double theta, double value)
{
    double noise;
    (void)events_slope(q, theta, &noise);
    if (!(fabs(value) > noise)) return 0;
    return fabs(value) > 2.0 * events_scatter(q, theta, value) ? events_sign(value) : 0;
}

/* ---- interpolants ---- */

static double events_clenshaw(const double *c, double x)
{
    double b = 0.0, b_next = 0.0;
    for (int k = DEGREE; k >= 1; k--) {
        const double hold = b;
        b = c[k] + 2.0 * x * b - b_next;
        b_next = hold;
    }
    return c[0] + x * b - b_next;
}

/* Coefficients of the interpolant from samples at 1, cos(pi/8), ..., -1 and CHECKS; returns an
 * estimate of its error. */
static double events_interpolate(const double *g, double *c)
{
    double error = 0.0, most = 0.0;
    for (int k = 0; k <= DEGREE; k++) {
        double sum = 0.5 * (g[0] + (k % 2 ? -g[DEGREE] : g[DEGREE]));
        for (int j = 1; j < DEGREE; j++) sum += g[j] * COSINE[(j * k) % (2 * DEGREE)];
        c[k] = sum * (k % DEGREE ? 2.0 : 1.0) / DEGREE;
        most = fmax(most, fabs(g[k]));
    }
    for (int m = 0; m < SAMPLES - NODES; m++)
        error = fmax(error, fabs(events_clenshaw(c, CHECKS[m]) - g[NODES + m]));
    return error + fabs(c[DEGREE - 1]) + fabs(c[DEGREE]) + 2.0 * DBL_EPSILON * most;
}

static void events_derive(const double *c, double *d)
{
    d[DEGREE] = 0.0;
    d[DEGREE - 1] = 2.0 * DEGREE * c[DEGREE];
    for (int k = DEGREE - 2; k >= 0; k--) d[k] = d[k + 2] + 2.0 * (k + 1) * c[k + 1];
    d[0] *= 0.5;
}

static double events_spread(const double *c)
{
    double sum = 0.0;
    for (int k = 1; k <= DEGREE; k++) sum += fabs(c[k]);
    return sum;
}

/* Side of zero that an interpolant with this error stays on, or 0. */
static int events_side(const double *c, double error)
{
    return fabs(c[0]) > events_spread(c) + error ? events_sign(c[0]) : 0;
}

static double events_node(int j) { return j < NODES ? COSINE[j] : CHECKS[j - NODES]; }

/* ---- what needs no search ---- */

/* cos(k pi / 4) and three checks, from -1..1 moved to 0..1 */
static const double GLANCES[GLANCE] = {1.0,  0.85355339059327376, 0.5, 0.14644660940672624, 0.0,
                                       0.915, 0.22,               0.655};

/* Side that a function stays on, from its values there; 0 when so few cannot tell. */
static int events_glance(const double *g)
{
    const double ends = 0.5 * (g[0] + g[4]), tilt = 0.5 * (g[0] - g[4]);
    const double inner = g[1] + g[3], skew = COSINE[2] * (g[1] - g[3]);
    const double c[5] = {0.25 * (ends + inner + g[2]), 0.5 * (tilt + skew), 0.5 * (ends - g[2]),
                         0.5 * (tilt - skew), 0.25 * (ends - inner + g[2])};
    double error = fabs(c[3]) + fabs(c[4]);
    for (int m = 5; m < GLANCE; m++) {
        const double x = 2.0 * GLANCES[m] - 1.0, xx = 2.0 * x * x - 1.0;
        const double value = c[0] + x * (c[1] + (2.0 * xx - 1.0) * c[3]) + xx * c[2] +
                             (2.0 * xx * xx - 1.0) * c[4];
        error += fabs(value - g[m]);
    }
    const double spread = fabs(c[1]) + fabs(c[2]) + fabs(c[3]) + fabs(c[4]);
    /* What comes within rounding errors of zero at an end is looked at again. */
    return fabs(c[0]) > spread * (1.0 + 1e-12) + 4.0 * error ? events_sign(c[0]) : 0;
}

/* All functions at GLANCES; all points at once, since most steps need no more. */
static void events_sample(tro_events *events, const tro_piece *piece)
{
    const tro_system *system = events->system;
    const int n = events_n_state(events), n_z = events->model->n_state;
    for (int i = 0; i < n; i++) {
        double value[GLANCE] = {0.0};
        for (int j = piece->n_coef - 1; j >= 0; j--) {
            const double c = piece->coef[(size_t)j * (size_t)piece->stride + (size_t)i];
            for (int m = 0; m < GLANCE; m++) value[m] = value[m] * GLANCES[m] + c;
        }
        for (int m = 0; m < GLANCE; m++) events->z[m * n_z + i] = value[m];
        events->z[i] = piece->y_end[i];
    }
    for (int m = 0; m < GLANCE; m++) {
        double *z = events->z + m * n_z;
        z[n] = events_time(piece, GLANCES[m]);
        if (events->n_input > 0)
            tro_stimulus_values(system->stimulus, z[n], system->low, system->high, z + n + 1, NULL);
        events_observe(events, z, events->values);
        for (int k = 0; k < events->n_event; k++)
            events->samples[k * GLANCE + m] = events->values[k];
    }
}

/* ---- crossings ---- */

/* Narrow a crossing from sign at a to the other side at b, where the function is g_b; returns
 * a point at or just behind it. */
static double events_narrow(search *q, double a, double b, double g_b, int sign)
{
    double low = a, high = b, g_high = g_b, g_low = events_value(q, a);
    double width = 0.0, radius = 0.0;
    for (;;) {
        const double t = events_time(q->piece, high);
        const double tolerance = DBL_EPSILON * fabs(t) / q->piece->h + DBL_MIN;
        double middle = low + 0.5 * (high - low), x = middle;
        if (high - low <= tolerance || !(middle > low && middle < high)) return high;
        /* The function may start on zero, or a rounding error beyond it. */
        if (events_sign(g_low) == sign) {
            if (width == 0.0) {
                width = high - low;
                const double half = ceil(log2(width / tolerance));
                radius = 0.5 * tolerance * exp2(fmax(half, 1.0) + 1.0);
            }
            const double secant = (g_low * high - g_high * low) / (g_low - g_high);
            const double toward = events_sign(middle - secant);
            const double shift = 0.2 / width * (high - low) * (high - low);
            const double reach = fmax(radius - 0.5 * (high - low), 0.0);
            x = shift <= fabs(middle - secant) ? secant + toward * shift : middle;
            if (!(fabs(x - middle) <= reach)) x = middle - toward * reach;
            if (!(x > low && x < high)) x = middle;
            radius *= 0.5;
        }
        const double g = events_value(q, x);
        if (q->status != TRO_SUCCESS) return high;
        if (events_sign(g) == sign)
            low = x, g_low = g;
        else if (g == 0.0)
            return x;
        else
            high = x, g_high = g;
    }
}

/* Whether an interpolant with this error varies no more than its function's rounding errors; both
 * were made smaller by scale. */
static int events_flat(search *q, double middle, const double *c, double error, double scale)
{
    const double spread = events_spread(c) / scale;
    double noise = 0.0;
    if (spread <= q->noise) (void)events_slope(q, middle, &noise);
    if (spread > noise && spread <= 8.0 * error / scale)
        noise = 4.0 * events_scatter(q, middle, events_value(q, middle));
    return spread <= noise;
}

/* The lowest point, seen from the sign, of a convex interpolant on (a, b): two crossings that
 * lie close together have it between them. */
static int events_dip(search *q, double a, double b, int sign, const double *d, double least,
                      double *theta)
{
    double low = -1.0, high = 1.0;
    if (!(sign * events_clenshaw(d, low) < 0.0 && sign * events_clenshaw(d, high) > 0.0)) return 0;
    for (int i = 0; i < 54; i++) {
        const double x = 0.5 * (low + high);
        if (sign * events_clenshaw(d, x) < 0.0)
            low = x;
        else
            high = x;
    }
    const double at = a + 0.5 * (b - a) * (1.0 + 0.5 * (low + high));
    const double g = events_value(q, at);
    if (fabs(g) <= least || events_clear(q, at, g) != -sign) return 0;
    *theta = events_narrow(q, a, at, g, sign);
    return 1;
}

/* First crossing in (a, b] of a function that has this sign behind a: 1 and theta, or 0. */
static int events_first(search *q, double a, double b, int sign, int depth, double *theta)
{
    double g[SAMPLES], scaled[SAMPLES], c[NODES], d[NODES], dd[NODES], most = 0.0;
    for (int j = 0; j < SAMPLES; j++) {
        const double at = j == 0 ? b : a + 0.5 * (b - a) * (1.0 + events_node(j));
        g[j] = events_value(q, at);
        most = fmax(most, fabs(g[j]));
    }
    if (q->status == TRO_SUCCESS && ++q->looked > MOST_INTERVALS) q->status = TRO_ENDLESS;
    if (q->status != TRO_SUCCESS) return 0;

    /* A power of two, which changes no digit. */
    const double scale = most > TOO_LARGE ? 0x1p-64 : 1.0;
    for (int j = 0; j < SAMPLES; j++) scaled[j] = scale * g[j];
    const double error = events_interpolate(scaled, c);
    const int side = events_side(c, 4.0 * error);
    if (side != 0) {
        *theta = a;
        return side == -sign && events_clear(q, b, g[0]) == -sign;
    }
    const double middle = a + 0.5 * (b - a);
    int convex = 0, decided = depth == 0 || events_flat(q, middle, c, error, scale);
    if (!decided && error <= scale * (RESOLVED * most + q->noise)) {
        events_derive(c, d);
        events_derive(d, dd);
        convex = events_side(dd, 4000.0 * error);
        decided = convex || events_side(d, 100.0 * error);
    }
    if (!decided) {
        if (events_first(q, a, middle, sign, depth - 1, theta)) return 1;
        if (q->status != TRO_SUCCESS) return 0;
        return events_first(q, middle, b, sign, depth - 1, theta);
    }
    if (events_sign(g[0]) == -sign && events_clear(q, b, g[0]) == -sign) {
        *theta = events_narrow(q, a, b, g[0], sign);
        return q->status == TRO_SUCCESS;
    }
    return convex == sign && events_dip(q, a, b, sign, d, FLAT * most, theta);
}

/* Side that a function on zero at the start of a step moves to, or 0. */
static int events_moves_to(search *q)
{
    const double near[2] = {0x1p-20, 0x1p-10};
    double noise;
    int side = events_sign(events_first_slope(q));
    for (int i = 0; i < 2 && side == 0; i++) side = events_sign(events_slope(q, near[i], &noise));
    return side;
}

/* Find an event's next crossing behind theta, and at the step's start its side. */
static int events_seek(tro_events *events, const tro_piece *piece, int event, double theta)
{
    search q = {.events = events, .piece = piece, .event = event};
    struct tro_watch *watch = &events->watch[event];
    watch->next = HUGE_VAL;
    watch->jumped = 0;
    double noise;
    int side = 0, on_zero = 0;
    (void)events_slope(&q, 0.0, &noise);
    const double noise_start = q.noise = noise;
    watch->stuck = 0;
    if (theta < 0.0) {
        watch->offset = 0.0;
        const double g = events_value(&q, 0.0);
        side = watch->zero ? 0 : events_clear(&q, 0.0, g);
        if (watch->zero || (watch->sign == 0 && side == 0)) {
            watch->offset = g;
            watch->zero = 0;
            on_zero = 1;
            side = events_moves_to(&q);
        }
        if (side != 0 && side == -watch->sign) {
            watch->next = 0.0;
            watch->jumped = events->system->low == piece->t;
            return q.status;
        }
        if (side != 0) watch->sign = side;
        theta = 0.0;
    }
    if (theta >= 1.0) return q.status;
    (void)events_slope(&q, 0.5, &noise);
    q.noise = fmax(q.noise, noise);
    const double slope = events_slope(&q, 1.0, &noise);
    q.noise = fmax(q.noise, noise);
    const double g_end = events_value(&q, 1.0);
    if (watch->sign == 0) {
        watch->sign = events_clear(&q, 1.0, g_end);
        return q.status;
    }
    if (events_first(&q, theta, 1.0, watch->sign, DEPTH, &watch->next) == 0) {
        watch->next = HUGE_VAL;
        /* On zero at the step's very end, and on its way across. */
        if (fabs(g_end) <= noise && -watch->sign * slope > 1e6 * noise) watch->next = 1.0;
    } else if (on_zero) {
        watch->stuck = fabs(events_value(&q, 0.5 * watch->next)) <= noise_start;
    }
    return q.status;
}

/* Find the next crossing of every event in a step; most are excluded from one sampling. */
static int events_look(tro_events *events, const tro_piece *piece)
{
    events_sample(events, piece);
    for (int k = 0; k < events->n_event; k++) {
        struct tro_watch *watch = &events->watch[k];
        const int side = events_glance(events->samples + k * GLANCE);
        watch->next = HUGE_VAL;
        watch->offset = 0.0;
        watch->jumped = 0;
        if (side != 0 && !watch->zero && (watch->sign == side || watch->sign == 0)) {
            watch->sign = side;
            continue;
        }
        const int status = events_seek(events, piece, k, -1.0);
        if (status != TRO_SUCCESS) {
            events->ended = k;
            return status;
        }
    }
    return TRO_SUCCESS;
}

/* ---- firing ---- */

static int events_wanted(const tro_events *events, int event, int direction)
{
    return events->direction[event] == 0 || events->direction[event] == direction;
}

static int events_changes(const tro_events *events, int event)
{
    if (events->terminal[event]) return 1;
    for (int m = 0; m < events->n_set; m++)
        if (events->set_event[m] == event) return 1;
    return 0;
}

/* ---- tangents ---- */

/* Fill the tangents at theta. */
static void events_carry(tro_events *events, const tro_piece *piece, double theta)
{
    const size_t n = (size_t)events_n_state(events), stride = (size_t)piece->stride;
    for (size_t i = n; i < stride; i++) {
        double value = 0.0;
        for (size_t j = (size_t)piece->n_coef; j-- > 0;)
            value = value * theta + piece->coef[j * stride + i];
        events->tangents[i - n] = theta >= 1.0 ? piece->y_end[i] : value;
    }
}

/* How states, time and inputs move at z. */
static void events_move(tro_events *events, const double *z, double *rate)
{
    const tro_system *system = events->system;
    const int n = events_n_state(events);
    events_flow(events, z, rate);
    rate[n] = 1.0;
    tro_stimulus_values(system->stimulus, z[n], system->low, system->high, events->moved,
                        rate + n + 1);
}

static double events_dot(const double *a, const double *b, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* Derivatives of the time at which an event crosses at z: its function stays zero there. NaN where
 * it has no slope, as one that jumps. */
static void events_time_tangents(tro_events *events, int event)
{
    const tro_system *system = events->system;
    const int n = events_n_state(events), n_z = events->model->n_state;
    const double *row = events->gradient + (size_t)event * (size_t)n_z;
    const double *by_p = events->by_p + (size_t)event * (size_t)events->model->n_param;
    const double slope = events_dot(row, events->rate, n_z);
    double *due = events->due + (size_t)event * (size_t)system->n_tangent;
    for (int k = 0; k < system->n_tangent; k++) {
        const int by = system->vary[k];
        const double moves = events_dot(row, events->tangents + (size_t)k * (size_t)n, n) +
                             (by >= 0 ? by_p[by] : 0.0);
        due[k] = events->watch[event].jumped ? 0.0 : slope == 0.0 ? NAN : 0.0 - moves / slope;
    }
}

/* How everything changes at z: rate, gradient and by_p. */
static void events_linearize(tro_events *events)
{
    const tro_model *model = events->model;
    events_move(events, events->z, events->rate);
    events_differentiate(events, events->z);
    model->observe_dp(model, 0.0, events->z, events->system->p, NULL, events->by_p);
}

/* Tangents at theta, where z stands, and the derivatives of the times of all events that cross
 * there. */
static void events_times(tro_events *events, const tro_piece *piece, double theta, double instant)
{
    if (!events->system->n_tangent) return;
    events_carry(events, piece, theta);
    events_linearize(events);
    for (int k = 0; k < events->n_event; k++)
        if ((events->watch[k].next - theta) * piece->h <= instant) events_time_tangents(events, k);
}

/* Take the tangents through an event's change of the states from z to after: to the event's own
 * time, through what it sets, and back to a time that stands. */
static int events_jump(tro_events *events, int event, const double *after)
{
    const tro_system *system = events->system;
    const int n = events_n_state(events), n_z = events->model->n_state;
    const double *due = events->due + (size_t)event * (size_t)system->n_tangent;
    double *moved = events->moved, *leave = events->leave;
    events_linearize(events);
    events_flow(events, after, leave);
    for (int k = 0; k < system->n_tangent; k++) {
        double *tangent = events->tangents + (size_t)k * (size_t)n;
        const int by = system->vary[k];
        for (int i = 0; i < n_z; i++)
            moved[i] = (i < n ? tangent[i] : 0.0) + due[k] * events->rate[i];
        for (int i = 0; i < n; i++) tangent[i] = moved[i] - due[k] * leave[i];
        for (int m = 0; m < events->n_set; m++) {
            if (events->set_event[m] != event) continue;
            const size_t row = (size_t)(events->n_event + m);
            const int i = events->set_state[m];
            tangent[i] = events_dot(events->gradient + row * (size_t)n_z, moved, n_z) -
                         due[k] * leave[i];
            if (by >= 0) tangent[i] += events->by_p[row * (size_t)events->model->n_param + (size_t)by];
        }
        for (int i = 0; i < n; i++)
            if (!isfinite(tangent[i])) return TRO_NONFINITE;
    }
    return TRO_SUCCESS;
}

/* Log the derivatives of a firing's time, and those of the states just before it at that time. */
static void events_log_tangents(tro_events *events, int event, double *row)
{
    const int n = events_n_state(events), n_tangent = events->system->n_tangent;
    const double *due = events->due + (size_t)event * (size_t)n_tangent;
    const double *tangent = events->tangents;
    events_flow(events, events->z, events->leave);
    memcpy(row, due, (size_t)n_tangent * sizeof *row);
    row += n_tangent;
    for (int k = 0; k < n_tangent; k++)
        for (int i = 0; i < n; i++) *row++ = *tangent++ + due[k] * events->leave[i];
}

/* Log a firing at z; an event that fires again and again at one instant ends the run. */
static int events_log(const tro_options *options, int event, int direction, double instant)
{
    tro_events *events = options->events;
    struct tro_watch *watch = &events->watch[event];
    const int n = events_n_state(events);
    const double t = events->z[n];
    double *row = tro_trace_row(&events->log);
    if (!row) return TRO_NO_MEMORY;
    row[0] = event;
    row[1] = t;
    row[2] = direction;
    memcpy(row + 3, events->z, (size_t)n * sizeof *row);
    if (events->system->n_tangent) events_log_tangents(events, event, row + 3 + n);
    if (t - watch->last > instant && !watch->stuck) watch->count = 0;
    watch->last = t;
    if (++watch->count > MOST_FIRINGS) {
        events->ended = event;
        return TRO_ENDLESS;
    }
    if (events->log.n % POLL_EVERY) return TRO_SUCCESS;
    /* A single step may hold any number of events. */
    if (options->time_limit > 0.0 && tro_clock() - events->began > options->time_limit)
        return TRO_TIME_LIMIT;
    return tro_solve_stopped(options) ? TRO_INTERRUPTED : TRO_SUCCESS;
}

/* Set the states that an event resets, all from the values just before, and see what that does
 * to the other events: one that changes sides is about to fire. */
static int events_reset(tro_events *events, int event)
{
    const int n_z = events->model->n_state, n_tangent = events->system->n_tangent;
    int changed = 0;
    events_observe(events, events->z, events->before);
    memcpy(events->after, events->z, (size_t)n_z * sizeof *events->z);
    for (int m = 0; m < events->n_set; m++) {
        if (events->set_event[m] != event) continue;
        const double value = events->before[events->n_event + m];
        if (!isfinite(value)) {
            events->ended = event;
            return TRO_NONFINITE;
        }
        events->after[events->set_state[m]] = value;
        changed = 1;
    }
    if (!changed) return TRO_SUCCESS;
    if (n_tangent && events_jump(events, event, events->after) != TRO_SUCCESS) {
        events->ended = event;
        return TRO_NONFINITE;
    }
    memcpy(events->z, events->after, (size_t)n_z * sizeof *events->z);
    events_observe(events, events->z, events->values);
    events_differentiate(events, events->z);
    for (int k = 0; k < events->n_event; k++) {
        struct tro_watch *watch = &events->watch[k];
        const double g = events->values[k];
        const double noise = events_noise(events, events->z, k);
        if (!isfinite(g)) {
            events->ended = k;
            return TRO_NONFINITE;
        }
        /* What a crossing left of zero is zero still. */
        if (fabs(g) <= fmax(noise, watch->zero ? 4.0 * fabs(events->left[k]) : 0.0)) {
            watch->zero = 1;
            continue;
        }
        const int side = events_sign(g);
        if (k != event && !watch->pending && side == -watch->sign &&
            events_wanted(events, k, side)) {
            watch->pending = side;
            for (int j = 0; j < n_tangent; j++)
                events->due[k * n_tangent + j] = events->due[event * n_tangent + j];
        }
        watch->sign = side;
        watch->zero = 0;
    }
    return TRO_SUCCESS;
}

/* Fire the events that cross at theta, in order of listing, then those that their resets set
 * off. Leaves the states in z. */
static int events_fire(const tro_options *options, const tro_piece *piece, double theta,
                       double instant)
{
    tro_events *events = options->events;
    events_place(events, piece, theta);
    events_times(events, piece, theta, instant);
    events_observe(events, events->z, events->values);
    for (int k = 0; k < events->n_event; k++) {
        struct tro_watch *watch = &events->watch[k];
        events->left[k] = watch->jumped ? 0.0 : events->values[k];
        watch->pending = 0;
        if ((watch->next - theta) * piece->h > instant) continue;
        if (events_wanted(events, k, -watch->sign)) watch->pending = -watch->sign;
        watch->sign = 0;
        watch->zero = 1;
    }
    int ended = -1;
    for (int fired = 1; fired;) {
        fired = 0;
        for (int k = 0; k < events->n_event; k++) {
            struct tro_watch *watch = &events->watch[k];
            const int direction = watch->pending;
            if (direction == 0) continue;
            fired = 1;
            watch->pending = 0;
            int status = events_log(options, k, direction, instant);
            if (events->terminal[k] && ended < 0) ended = k;
            if (status == TRO_SUCCESS) status = events_reset(events, k);
            if (status != TRO_SUCCESS) return status;
        }
    }
    events->ended = ended;
    return TRO_SUCCESS;
}

int tro_events_step(const tro_options *options, const tro_piece *piece, double *t, int *cut)
{
    tro_events *events = options->events;
    const double instant = INSTANT * fmax(fabs(piece->t), fabs(piece->t_end));
    double theta = 0.0;
    *cut = 0;
    int status = events_look(events, piece);
    while (status == TRO_SUCCESS) {
        int first = -1, changes = 0;
        for (int k = 0; k < events->n_event; k++)
            if (events->watch[k].next <= 1.0 &&
                (first < 0 || events->watch[k].next < events->watch[first].next))
                first = k;
        if (first < 0) return TRO_SUCCESS;
        theta = events->watch[first].next;
        for (int k = 0; k < events->n_event; k++) {
            const struct tro_watch *watch = &events->watch[k];
            if ((watch->next - theta) * piece->h <= instant &&
                events_wanted(events, k, -watch->sign) && events_changes(events, k))
                changes = 1;
        }
        if (changes) {
            *cut = 1;
            status = events_fire(options, piece, theta, instant);
            break;
        }
        struct tro_watch *watch = &events->watch[first];
        const int direction = -watch->sign;
        events_place(events, piece, theta);
        events_times(events, piece, theta, instant);
        if (events_wanted(events, first, direction))
            status = events_log(options, first, direction, instant);
        watch->sign = direction;
        if (status == TRO_SUCCESS) status = events_seek(events, piece, first, theta);
        if (status == TRO_NONFINITE || status == TRO_ENDLESS) events->ended = first;
    }
    if (status != TRO_SUCCESS && !*cut) {
        *cut = 1;
        events_place(events, piece, theta);
        if (events->system->n_tangent) events_carry(events, piece, theta);
    }
    *t = events_time(piece, theta);
    return status;
}
