#include "zeros.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum {
    DEGREE = 8,
    NODES = DEGREE + 1,
    SAMPLES = NODES + 2,    /* and two points at which the interpolant is checked */
    DEPTH = 32,             /* halvings of a step */
    MOST_INTERVALS = 1 << 20,
    ABREAST = 4,            /* states whose polynomials are summed at once */
    FLAT_PARTS = 16,        /* of a step over which a function looks flat, searched one by one */
    NEARBY = 8              /* rounding errors of time, either way, that show a function's own */
};

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

/* One event's function on one step. */
typedef struct {
    tro_events *events;
    const tro_piece *piece;
    int event;
    double noise; /* size of rounding errors */
    long looked;  /* intervals */
    int status;
} search;

/* ---- values on a step ---- */

double tro_zeros_time(const tro_piece *piece, double theta)
{
    return theta >= 1.0 ? piece->t_end : fmin(piece->t + theta * piece->h, piece->t_end);
}

void tro_zeros_place(tro_events *events, const tro_piece *piece, double theta)
{
    const tro_system *system = events->system;
    const int n = tro_zeros_n_state(events);
    const double t = tro_zeros_time(piece, theta);
    const size_t stride = (size_t)piece->stride;
    double *z = events->z;
    int i = 0;
    /* States side by side do not wait for one another's sums. */
    for (; i + ABREAST <= n; i += ABREAST) {
        double value[ABREAST] = {0.0};
        for (int j = piece->n_coef - 1; j >= 0; j--) {
            const double *coef = piece->coef + (size_t)j * stride + (size_t)i;
            for (int k = 0; k < ABREAST; k++) value[k] = value[k] * theta + coef[k];
        }
        memcpy(z + i, value, sizeof value);
    }
    for (; i < n; i++) {
        double value = 0.0;
        for (int j = piece->n_coef - 1; j >= 0; j--)
            value = value * theta + piece->coef[(size_t)j * stride + (size_t)i];
        z[i] = value;
    }
    if (theta >= 1.0) memcpy(z, piece->y_end, (size_t)n * sizeof *z);
    z[n] = t;
    tro_stimulus_values(system->stimulus, t, system->low, system->high, z + n + 1, NULL);
}

void tro_zeros_observe(tro_events *events, const double *z, double *values)
{
    const tro_model *model = events->model;
    model->observe(model, 0.0, z, events->system->p, NULL, values);
}

static double zeros_value(search *q, double theta)
{
    tro_events *events = q->events;
    tro_zeros_place(events, q->piece, theta);
    tro_zeros_observe(events, events->z, events->values);
    const double value = events->values[q->event] - events->watch[q->event].offset;
    if (!isfinite(value)) q->status = TRO_NONFINITE;
    return value;
}

double tro_zeros_noise(const tro_events *events, const double *z, int event)
{
    const int n = events->model->n_state;
    const double *row = events->gradient + (size_t)event * (size_t)n;
    double size = 0.0;
    for (int i = 0; i < n; i++) size += fabs(row[i] * z[i]);
    return NOISE * size;
}

void tro_zeros_differentiate(tro_events *events, const double *z)
{
    const tro_model *model = events->model;
    model->observe_dy(model, 0.0, z, events->system->p, NULL, events->gradient);
}

/* Slope of a function by theta from the rates in events->rate, 0 when rounding decides its sign,
 * and the noise there. */
static double zeros_along(search *q, double *noise)
{
    tro_events *events = q->events;
    const tro_system *system = events->system;
    const int n = tro_zeros_n_state(events), n_z = events->model->n_state;
    const double h = q->piece->h;
    events->rate[n] = h;
    double *du = events->rate + n + 1;
    tro_stimulus_values(system->stimulus, events->z[n], system->low, system->high, events->after,
                        du);
    for (int l = 0; l < events->n_input; l++) du[l] *= h;
    tro_zeros_differentiate(events, events->z);
    const double *row = events->gradient + (size_t)q->event * (size_t)n_z;
    double slope = 0.0, size = 0.0;
    for (int i = 0; i < n_z; i++) {
        slope += row[i] * events->rate[i];
        size += fabs(row[i] * events->rate[i]);
    }
    *noise = tro_zeros_noise(events, events->z, q->event);
    return fabs(slope) > NOISE * size ? slope : 0.0;
}

static double zeros_slope(search *q, double theta, double *noise)
{
    tro_events *events = q->events;
    const tro_piece *piece = q->piece;
    const int n = tro_zeros_n_state(events);
    tro_zeros_place(events, piece, theta);
    for (int i = 0; i < n; i++) {
        double value = 0.0;
        for (int j = piece->n_coef - 1; j >= 1; j--)
            value = value * theta + j * piece->coef[(size_t)j * (size_t)piece->stride + (size_t)i];
        events->rate[i] = value;
    }
    return zeros_along(q, noise);
}

void tro_zeros_flow(tro_events *events, const double *z, double *rate)
{
    tro_system *system = events->system;
    const int n = tro_zeros_n_state(events);
    system->model->rhs(system->model, z[n], z, system->p, z + n + 1, rate);
    system->n_rhs++;
}

/* Slope where a step starts, from the equations: a step that is long for what happens at its
 * start has lost it to rounding. */
static double zeros_first_slope(search *q)
{
    tro_events *events = q->events;
    double noise;
    tro_zeros_place(events, q->piece, 0.0);
    tro_zeros_flow(events, events->z, events->rate);
    for (int i = 0; i < tro_zeros_n_state(events); i++) events->rate[i] *= q->piece->h;
    return zeros_along(q, &noise);
}

/* Most that a function varies within some rounding errors of time: that shows its own, whatever
 * terms cancel inside it. */
static double zeros_scatter(search *q, double theta, double value)
{
    const double t = tro_zeros_time(q->piece, theta);
    const double delta = 2.0 * DBL_EPSILON * (fabs(t) / q->piece->h + theta);
    double most = 0.0;
    for (int j = -NEARBY; j <= NEARBY; j++)
        most = fmax(most, fabs(zeros_value(q, theta + j * delta) - value));
    return most;
}

/* Side of zero that a function is on at theta beyond its rounding errors, or 0. */
static int zeros_clear(search *q, double theta, double value)
{
    double noise;
    (void)zeros_slope(q, theta, &noise);
    if (!(fabs(value) > noise)) return 0;
    return fabs(value) > 2.0 * zeros_scatter(q, theta, value) ? tro_zeros_sign(value) : 0;
}

/* ---- interpolants ---- */

static double zeros_clenshaw(const double *c, double x)
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
static double zeros_interpolate(const double *g, double *c)
{
    double error = 0.0, most = 0.0;
    for (int k = 0; k <= DEGREE; k++) {
        double sum = 0.5 * (g[0] + (k % 2 ? -g[DEGREE] : g[DEGREE]));
        for (int j = 1; j < DEGREE; j++) sum += g[j] * COSINE[(j * k) % (2 * DEGREE)];
        c[k] = sum * (k % DEGREE ? 2.0 : 1.0) / (double)DEGREE;
        most = fmax(most, fabs(g[k]));
    }
    for (int m = 0; m < SAMPLES - NODES; m++)
        error = fmax(error, fabs(zeros_clenshaw(c, CHECKS[m]) - g[NODES + m]));
    return error + fabs(c[DEGREE - 1]) + fabs(c[DEGREE]) + 2.0 * DBL_EPSILON * most;
}

static void zeros_derive(const double *c, double *d)
{
    d[DEGREE] = 0.0;
    d[DEGREE - 1] = 2.0 * (double)DEGREE * c[DEGREE];
    for (int k = DEGREE - 2; k >= 0; k--) d[k] = d[k + 2] + 2.0 * (k + 1) * c[k + 1];
    d[0] *= 0.5;
}

static double zeros_spread(const double *c)
{
    double sum = 0.0;
    for (int k = 1; k <= DEGREE; k++) sum += fabs(c[k]);
    return sum;
}

/* Side of zero that an interpolant with this error stays on, or 0. */
static int zeros_side(const double *c, double error)
{
    return fabs(c[0]) > zeros_spread(c) + error ? tro_zeros_sign(c[0]) : 0;
}

static double zeros_node(int j) { return j < NODES ? COSINE[j] : CHECKS[j - NODES]; }

/* ---- what needs no search ---- */

/* cos(k pi / 4) and three checks, from -1..1 moved to 0..1 */
static const double GLANCES[TRO_GLANCE] = {1.0,  0.85355339059327376, 0.5, 0.14644660940672624, 0.0,
                                       0.915, 0.22,               0.655};

/* Side that a function stays on, from its values there; 0 when so few cannot tell. */
static int zeros_glance(const double *g)
{
    const double ends = 0.5 * (g[0] + g[4]), tilt = 0.5 * (g[0] - g[4]);
    const double inner = g[1] + g[3], skew = COSINE[2] * (g[1] - g[3]);
    const double c[5] = {0.25 * (ends + inner + g[2]), 0.5 * (tilt + skew), 0.5 * (ends - g[2]),
                         0.5 * (tilt - skew), 0.25 * (ends - inner + g[2])};
    double error = fabs(c[3]) + fabs(c[4]);
    for (int m = 5; m < TRO_GLANCE; m++) {
        const double x = 2.0 * GLANCES[m] - 1.0, xx = 2.0 * x * x - 1.0;
        const double value = c[0] + x * (c[1] + (2.0 * xx - 1.0) * c[3]) + xx * c[2] +
                             (2.0 * xx * xx - 1.0) * c[4];
        error += fabs(value - g[m]);
    }
    const double spread = fabs(c[1]) + fabs(c[2]) + fabs(c[3]) + fabs(c[4]);
    /* What comes within rounding errors of zero at an end is looked at again. */
    return fabs(c[0]) > spread * (1.0 + 1e-12) + 4.0 * error ? tro_zeros_sign(c[0]) : 0;
}

/* Whether a function looks the same there, as sign(x - 1) or max(x - 1, 0) - 0.1 do of an x that is
 * below 1 everywhere but for a moment. */
static int zeros_even(const double *g)
{
    for (int j = 1; j < TRO_GLANCE; j++)
        if (!(fabs(g[j] - g[0]) <= NOISE * fabs(g[0]))) return 0;
    return 1;
}

/* All functions at GLANCES; all points at once, since most steps need no more. */
static void zeros_sample(tro_events *events, const tro_piece *piece)
{
    const tro_system *system = events->system;
    const int n = tro_zeros_n_state(events), n_z = events->model->n_state;
    for (int i = 0; i < n; i++) {
        double value[TRO_GLANCE] = {0.0};
        for (int j = piece->n_coef - 1; j >= 0; j--) {
            const double c = piece->coef[(size_t)j * (size_t)piece->stride + (size_t)i];
            for (int m = 0; m < TRO_GLANCE; m++) value[m] = value[m] * GLANCES[m] + c;
        }
        for (int m = 0; m < TRO_GLANCE; m++) events->z[m * n_z + i] = value[m];
        events->z[i] = piece->y_end[i];
    }
    for (int m = 0; m < TRO_GLANCE; m++) {
        double *z = events->z + m * n_z;
        z[n] = tro_zeros_time(piece, GLANCES[m]);
        if (events->n_input > 0)
            tro_stimulus_values(system->stimulus, z[n], system->low, system->high, z + n + 1, NULL);
        tro_zeros_observe(events, z, events->values);
        for (int k = 0; k < events->n_event; k++)
            events->samples[k * TRO_GLANCE + m] = events->values[k];
    }
}

/* ---- crossings ---- */

/* Narrow a crossing from sign at a to the other side at b, where the function is g_b; returns
 * a point at or just behind it. */
static double zeros_narrow(search *q, double a, double b, double g_b, int sign)
{
    double low = a, high = b, g_high = g_b, g_low = zeros_value(q, a);
    double width = 0.0, radius = 0.0;
    for (;;) {
        const double t = tro_zeros_time(q->piece, high);
        const double tolerance = DBL_EPSILON * fabs(t) / q->piece->h + DBL_MIN;
        double middle = low + 0.5 * (high - low), x = middle;
        if (high - low <= tolerance || !(middle > low && middle < high)) return high;
        /* The function may start on zero, or a rounding error beyond it. */
        if (tro_zeros_sign(g_low) == sign) {
            if (width == 0.0) {
                width = high - low;
                const double half = ceil(log2(width / tolerance));
                radius = 0.5 * tolerance * exp2(fmax(half, 1.0) + 1.0);
            }
            const double secant = (g_low * high - g_high * low) / (g_low - g_high);
            const double toward = tro_zeros_sign(middle - secant);
            const double shift = 0.2 / width * (high - low) * (high - low);
            const double reach = fmax(radius - 0.5 * (high - low), 0.0);
            x = shift <= fabs(middle - secant) ? secant + toward * shift : middle;
            if (!(fabs(x - middle) <= reach)) x = middle - toward * reach;
            if (!(x > low && x < high)) x = middle;
            radius *= 0.5;
        }
        const double g = zeros_value(q, x);
        if (q->status != TRO_SUCCESS) return high;
        if (tro_zeros_sign(g) == sign)
            low = x, g_low = g;
        else if (g == 0.0)
            return x;
        else
            high = x, g_high = g;
    }
}

/* Whether an interpolant with this error varies no more than its function's rounding errors; both
 * were made smaller by scale. */
static int zeros_flat(search *q, double middle, const double *c, double error, double scale)
{
    const double spread = zeros_spread(c) / scale;
    double noise = 0.0;
    if (spread <= q->noise) (void)zeros_slope(q, middle, &noise);
    if (spread > noise && spread <= 8.0 * error / scale)
        noise = 4.0 * zeros_scatter(q, middle, zeros_value(q, middle));
    return spread <= noise;
}

/* The lowest point, seen from the sign, of a convex interpolant on (a, b): two crossings that
 * lie close together have it between them. */
static int zeros_dip(search *q, double a, double b, int sign, const double *d, double least,
                      double *theta)
{
    double low = -1.0, high = 1.0;
    if (!(sign * zeros_clenshaw(d, low) < 0.0 && sign * zeros_clenshaw(d, high) > 0.0)) return 0;
    for (int i = 0; i < 54; i++) {
        const double x = 0.5 * (low + high);
        if (sign * zeros_clenshaw(d, x) < 0.0)
            low = x;
        else
            high = x;
    }
    const double at = a + 0.5 * (b - a) * (1.0 + 0.5 * (low + high));
    const double g = zeros_value(q, at);
    if (fabs(g) <= least || zeros_clear(q, at, g) != -sign) return 0;
    *theta = zeros_narrow(q, a, at, g, sign);
    return 1;
}

/* First crossing in (a, b] of a function that has this sign behind a: 1 and theta, or 0. */
static int zeros_first(search *q, double a, double b, int sign, int depth, double *theta)
{
    double g[SAMPLES], scaled[SAMPLES], c[NODES], d[NODES], dd[NODES], most = 0.0;
    for (int j = 0; j < SAMPLES; j++) {
        const double at = j == 0 ? b : a + 0.5 * (b - a) * (1.0 + zeros_node(j));
        g[j] = zeros_value(q, at);
        most = fmax(most, fabs(g[j]));
    }
    if (q->status == TRO_SUCCESS && ++q->looked > MOST_INTERVALS) q->status = TRO_ENDLESS;
    if (q->status != TRO_SUCCESS) return 0;

    /* A power of two, which changes no digit. */
    const double scale = most > TOO_LARGE ? 0x1p-64 : 1.0;
    for (int j = 0; j < SAMPLES; j++) scaled[j] = scale * g[j];
    const double error = zeros_interpolate(scaled, c);
    const int side = zeros_side(c, 4.0 * error);
    if (side != 0) {
        *theta = a;
        return side == -sign && zeros_clear(q, b, g[0]) == -sign;
    }
    const double middle = a + 0.5 * (b - a);
    int convex = 0, decided = depth == 0 || zeros_flat(q, middle, c, error, scale);
    if (!decided && error <= scale * (RESOLVED * most + q->noise)) {
        zeros_derive(c, d);
        zeros_derive(d, dd);
        convex = zeros_side(dd, 4000.0 * error);
        decided = convex || zeros_side(d, 100.0 * error);
    }
    if (!decided) {
        if (zeros_first(q, a, middle, sign, depth - 1, theta)) return 1;
        if (q->status != TRO_SUCCESS) return 0;
        return zeros_first(q, middle, b, sign, depth - 1, theta);
    }
    if (tro_zeros_sign(g[0]) == -sign && zeros_clear(q, b, g[0]) == -sign) {
        *theta = zeros_narrow(q, a, b, g[0], sign);
        return q->status == TRO_SUCCESS;
    }
    return convex == sign && zeros_dip(q, a, b, sign, d, FLAT * most, theta);
}

/* Side that a function on zero at the start of a step moves to, or 0. */
static int zeros_moves_to(search *q)
{
    const double near[2] = {0x1p-20, 0x1p-10};
    double noise;
    int side = tro_zeros_sign(zeros_first_slope(q));
    for (int i = 0; i < 2 && side == 0; i++) side = tro_zeros_sign(zeros_slope(q, near[i], &noise));
    return side;
}

/* First crossing behind theta, as zeros_first. One may follow as the last one followed another, and
 * ten thousand in one step do: so what lies near is looked at first. The ends lie half-way between
 * crossings in even steps, not on them, where rounding hides the side. */
static int zeros_ahead(search *q, double theta, struct tro_watch *watch)
{
    double width = theta > 0.0 ? 1.5 * fmax(theta - watch->back, 0x1p-20) : 1.0;
    watch->back = theta;
    for (; theta + width < 1.0 && q->status == TRO_SUCCESS; theta += width, width *= 2.0)
        if (zeros_first(q, theta, theta + width, watch->sign, DEPTH, &watch->next)) return 1;
    const int parts = watch->flat ? FLAT_PARTS : 1;
    const double part = (1.0 - theta) / parts;
    for (int k = 1; k <= parts && q->status == TRO_SUCCESS; k++) {
        const double to = k < parts ? theta + part : 1.0;
        if (zeros_first(q, theta, to, watch->sign, DEPTH, &watch->next)) return 1;
        theta = to;
    }
    return 0;
}

int tro_zeros_seek(tro_events *events, const tro_piece *piece, int event, double theta)
{
    search q = {.events = events, .piece = piece, .event = event};
    struct tro_watch *watch = &events->watch[event];
    watch->next = HUGE_VAL;
    watch->swept = 0;
    double noise;
    int side = 0, on_zero = 0;
    (void)zeros_slope(&q, 0.0, &noise);
    const double noise_start = q.noise = noise;
    watch->stuck = 0;
    if (theta < 0.0) {
        watch->offset = 0.0;
        const double g = zeros_value(&q, 0.0);
        const int by = watch->zero ? TRO_SWEPT_BY_RESET : TRO_SWEPT_BY_JUMP;
        side = watch->zero ? 0 : zeros_clear(&q, 0.0, g);
        if (watch->zero || (watch->sign == 0 && side == 0)) {
            watch->offset = g;
            watch->zero = 0;
            on_zero = 1;
            side = zeros_moves_to(&q);
        }
        if (side != 0 && side == -watch->sign) {
            watch->next = 0.0;
            if (events->system->low == piece->t) watch->swept = by;
            return q.status;
        }
        if (side != 0) watch->sign = side;
        theta = 0.0;
    }
    if (theta >= 1.0) return q.status;
    (void)zeros_slope(&q, 0.5, &noise);
    q.noise = fmax(q.noise, noise);
    const double slope = zeros_slope(&q, 1.0, &noise);
    q.noise = fmax(q.noise, noise);
    const double g_end = zeros_value(&q, 1.0);
    if (watch->sign == 0) {
        watch->sign = zeros_clear(&q, 1.0, g_end);
        return q.status;
    }
    if (zeros_ahead(&q, theta, watch) == 0) {
        watch->next = HUGE_VAL;
        /* On zero at the step's very end, and on its way across. */
        if (fabs(g_end) <= noise && -watch->sign * slope > 1e6 * noise) watch->next = 1.0;
    } else if (on_zero) {
        watch->stuck = fabs(zeros_value(&q, 0.5 * watch->next)) <= noise_start;
    }
    return q.status;
}

int tro_zeros_look(tro_events *events, const tro_piece *piece)
{
    zeros_sample(events, piece);
    for (int k = 0; k < events->n_event; k++) {
        struct tro_watch *watch = &events->watch[k];
        const double *g = events->samples + k * TRO_GLANCE;
        const int side = zeros_glance(g);
        watch->flat = zeros_even(g);
        watch->next = HUGE_VAL;
        watch->offset = 0.0;
        watch->swept = 0;
        if (side != 0 && !watch->flat && !watch->zero &&
            (watch->sign == side || watch->sign == 0)) {
            watch->sign = side;
            continue;
        }
        const int status = tro_zeros_seek(events, piece, k, -1.0);
        if (status != TRO_SUCCESS) {
            events->ended = k;
            return status;
        }
    }
    return TRO_SUCCESS;
}
