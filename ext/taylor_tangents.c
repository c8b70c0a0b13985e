#include "taylor_tangents.h"

#include <math.h>
#include <string.h>

/* The tangents by the parameters of the series have the first places, those by initial values the
 * others. */
static size_t tangents_blocks(const tro_lanes_job *job)
{
    if (!job->n_tangent) return 0;
    size_t n = (size_t)((const tro_taylor *)job->series)->n_vary;
    for (int k = 0; k < job->n_tangent; k++) n += job->seed[k] < 0;
    return (n + TRO_WIDE - 1) / TRO_WIDE;
}

size_t tro_taylor_tangents_work(const tro_lanes_job *job)
{
    const tro_taylor *model = job->series;
    const size_t blocks = tangents_blocks(job), n = (size_t)model->n_state;
    if (!blocks) return 0;
    const size_t places = ((size_t)job->n_tangent + blocks * TRO_WIDE) * sizeof(int) / sizeof(tro_w);
    return blocks * ((size_t)model->n_wide * (size_t)(job->order + 1) + (size_t)model->n_vary +
                     3 * n + 1) + n + places + 1;
}

void tro_taylor_tangents_prepare(tro_tangents *t, const tro_lanes_job *job, tro_w *memory)
{
    const tro_taylor *model = job->series;
    const size_t blocks = tangents_blocks(job);
    *t = (tro_tangents){.job = job, .model = model, .n_block = (int)blocks};
    if (!blocks) return;
    const size_t n_vary = (size_t)model->n_vary, n = (size_t)model->n_state;
    t->size = (size_t)model->n_wide * (size_t)(job->order + 1);
    t->series = memory;
    t->directions = t->series + blocks * t->size;
    t->before = t->directions + blocks * n_vary;
    t->least = t->before + blocks * n;
    t->row = t->least + blocks;
    t->other = t->row + blocks * n;
    t->spare = (double *)(t->other + blocks * n);
    t->place = (int *)(t->other + blocks * n + n);
    t->held = t->place + job->n_tangent;
    int next = model->n_vary;
    for (size_t at = 0; at < blocks * TRO_WIDE; at++) t->held[at] = -1;
    for (int k = 0; k < job->n_tangent; k++) {
        const int at = t->place[k] = job->seed[k] < 0 ? next++ : job->seed[k];
        t->held[at] = k;
        if (job->seed[k] >= 0)
            TRO_WIDE_LANE(t->directions[(size_t)(at / TRO_WIDE) * n_vary + (size_t)at],
                          at % TRO_WIDE) = 1.0;
    }
}

void tro_taylor_tangents_begin(tro_tangents *t, const double *p, const double *tangents)
{
    const tro_lanes_job *job = t->job;
    const int n = t->model->n_state;
    double atol = 0.0;
    for (int i = 0; i < n; i++) atol += job->options->atol[i] * job->options->atol[i];
    atol = sqrt(atol / n);
    /* Where there is no tangent, any tolerance holds. */
    for (int block = 0; block < t->n_block; block++) t->least[block] = tro_wide_set(1.0);
    for (int k = 0; k < job->n_tangent; k++) {
        const int block = t->place[k] / TRO_WIDE, at = t->place[k] % TRO_WIDE;
        tro_w *now = t->series + (size_t)block * t->size;
        for (int i = 0; i < n; i++) TRO_WIDE_LANE(now[i], at) = tangents[k * n + i];
        /* The states' tolerance over the parameter's size. */
        const double size = job->vary[k] >= 0 ? fabs(p[job->vary[k]]) : 1.0;
        TRO_WIDE_LANE(t->least[block], at) = size > 0.0 ? atol / size : atol;
    }
}

void tro_taylor_tangents_series(tro_tangents *t, double scale, const double *c, const double *s)
{
    if (t->n_block)
        t->model->tangent(t->n_block, t->job->order, scale, c, s, t->directions, t->series);
}

void tro_taylor_tangents_sizes(const tro_tangents *t, double share, double *size_last,
                               double *size_before)
{
    const int n = t->model->n_state;
    const size_t n_wide = (size_t)t->model->n_wide;
    const double rtol = t->job->options->rtol, mean = 1.0 / n;
    const tro_w none = tro_wide_set(0.0);
    tro_w most_last = none, most_before = none, sound = none;
    if (!t->n_block) return;
    for (int block = 0; block < t->n_block; block++) {
        const tro_w *first = t->series + (size_t)block * t->size;
        const tro_w *end = first + (size_t)t->job->order * n_wide;
        tro_w low = none, last = none, before = none;
        for (int i = 0; i < n; i++) {
            const tro_w now = first[i], rise = first[n_wide + (size_t)i];
            const tro_w x = end[i], y = *(end - n_wide + i);
            low += tro_wide_larger(now * now, rise * rise);
            last = tro_wide_both(x, x, last);
            before = tro_wide_both(y, y, before);
        }
        /* Tangents may use all of the tolerance: only the states must foresee their defect. */
        const tro_w weight = share / (rtol * tro_wide_sqrt(mean * low) + t->least[block]);
        last *= weight * weight;
        before *= weight * weight;
        most_last = tro_wide_larger(most_last, last);
        most_before = tro_wide_larger(most_before, before);
        /* Zero, or NaN where one is not finite: comparisons would lose it. The tangent's own
         * square may overflow before its last coefficient's. */
        sound += (low + last + before) * none;
    }
    for (int at = 0; at < TRO_WIDE; at++) {
        const int known = TRO_WIDE_LANE(sound, at) == 0.0;
        const double last = known ? TRO_WIDE_LANE(most_last, at) : INFINITY;
        const double before = known ? TRO_WIDE_LANE(most_before, at) : INFINITY;
        if (last > *size_last) *size_last = last; /* NaN stays */
        if (before > *size_before) *size_before = before;
    }
}

int tro_taylor_tangents_finite(const tro_tangents *t)
{
    const tro_w none = tro_wide_set(0.0);
    tro_w sum = none;
    for (int block = 0; block < t->n_block; block++) {
        const tro_w *now = t->series + (size_t)block * t->size;
        for (int i = 0; i < t->model->n_state; i++) sum += now[i] * none;
    }
    for (int at = 0; at < TRO_WIDE; at++)
        if (isnan(TRO_WIDE_LANE(sum, at))) return 0;
    return 1;
}

#if defined(__GNUC__)
#define TANGENTS_INLINE inline __attribute__((always_inline))
#else
#define TANGENTS_INLINE inline
#endif

/* Up to eight polynomials, whose sums do not wait for each other. */
static TANGENTS_INLINE void tangents_some(const int m, int order, const tro_w *top,
                                          size_t stride, double theta, tro_w *out)
{
    const tro_w none = tro_wide_set(0.0);
    tro_w a = top[0], b = m > 1 ? top[1] : none, c = m > 2 ? top[2] : none,
          d = m > 3 ? top[3] : none, e = m > 4 ? top[4] : none, f = m > 5 ? top[5] : none,
          g = m > 6 ? top[6] : none, h = m > 7 ? top[7] : none;
    for (int k = order; k > 0; k--) {
        top -= stride;
        a = tro_wide_fma(theta, a, top[0]);
        if (m > 1) b = tro_wide_fma(theta, b, top[1]);
        if (m > 2) c = tro_wide_fma(theta, c, top[2]);
        if (m > 3) d = tro_wide_fma(theta, d, top[3]);
        if (m > 4) e = tro_wide_fma(theta, e, top[4]);
        if (m > 5) f = tro_wide_fma(theta, f, top[5]);
        if (m > 6) g = tro_wide_fma(theta, g, top[6]);
        if (m > 7) h = tro_wide_fma(theta, h, top[7]);
    }
    out[0] = a;
    if (m > 1) out[1] = b;
    if (m > 2) out[2] = c;
    if (m > 3) out[3] = d;
    if (m > 4) out[4] = e;
    if (m > 5) out[5] = f;
    if (m > 6) out[6] = g;
    if (m > 7) out[7] = h;
}

/* Up to four polynomials, each at two places: what is read serves both. */
static TANGENTS_INLINE void tangents_twice(const int m, int order, const tro_w *top,
                                           size_t stride, const double *theta, tro_w *out,
                                           tro_w *other)
{
    const tro_w none = tro_wide_set(0.0);
    const double low = theta[0], high = theta[1];
    tro_w a = top[0], b = m > 1 ? top[1] : none, c = m > 2 ? top[2] : none,
          d = m > 3 ? top[3] : none, e = a, f = b, g = c, h = d;
    for (int k = order; k > 0; k--) {
        top -= stride;
        const tro_w p = top[0], q = m > 1 ? top[1] : none, r = m > 2 ? top[2] : none,
                    s = m > 3 ? top[3] : none;
        a = tro_wide_fma(low, a, p);
        e = tro_wide_fma(high, e, p);
        if (m > 1) b = tro_wide_fma(low, b, q);
        if (m > 1) f = tro_wide_fma(high, f, q);
        if (m > 2) c = tro_wide_fma(low, c, r);
        if (m > 2) g = tro_wide_fma(high, g, r);
        if (m > 3) d = tro_wide_fma(low, d, s);
        if (m > 3) h = tro_wide_fma(high, h, s);
    }
    out[0] = a, other[0] = e;
    if (m > 1) out[1] = b, other[1] = f;
    if (m > 2) out[2] = c, other[2] = g;
    if (m > 3) out[3] = d, other[3] = h;
}

/* A block's tangents at theta * scale; out may be where its series begin. */
static void tangents_at(const tro_tangents *t, int block, double theta, tro_w *out)
{
    const int n = t->model->n_state, order = t->job->order;
    const size_t stride = (size_t)t->model->n_wide;
    const tro_w *top = t->series + (size_t)block * t->size + (size_t)order * stride;
    for (int i = 0; i < n; i += 8) {
        switch (n - i) {
        case 1: tangents_some(1, order, top + i, stride, theta, out + i); break;
        case 2: tangents_some(2, order, top + i, stride, theta, out + i); break;
        case 3: tangents_some(3, order, top + i, stride, theta, out + i); break;
        case 4: tangents_some(4, order, top + i, stride, theta, out + i); break;
        case 5: tangents_some(5, order, top + i, stride, theta, out + i); break;
        case 6: tangents_some(6, order, top + i, stride, theta, out + i); break;
        case 7: tangents_some(7, order, top + i, stride, theta, out + i); break;
        default: tangents_some(8, order, top + i, stride, theta, out + i);
        }
    }
}

/* The same at two places at once, which gives the same bits. */
static void tangents_at_both(const tro_tangents *t, int block, const double *theta, tro_w *out,
                             tro_w *other)
{
    const int n = t->model->n_state, order = t->job->order;
    const size_t stride = (size_t)t->model->n_wide;
    const tro_w *top = t->series + (size_t)block * t->size + (size_t)order * stride;
    for (int i = 0; i < n; i += 4) {
        switch (n - i) {
        case 1: tangents_twice(1, order, top + i, stride, theta, out + i, other + i); break;
        case 2: tangents_twice(2, order, top + i, stride, theta, out + i, other + i); break;
        case 3: tangents_twice(3, order, top + i, stride, theta, out + i, other + i); break;
        default: tangents_twice(4, order, top + i, stride, theta, out + i, other + i);
        }
    }
}

/* Write tangents (n_tangent, n_state) from blocks that lie so far apart. */
static void tangents_write(const tro_tangents *t, const tro_w *from, size_t apart, double *out)
{
    const size_t n = (size_t)t->model->n_state;
    for (int block = 0; block < t->n_block; block++, from += apart) {
        double *to[TRO_WIDE];
        for (int at = 0; at < TRO_WIDE; at++) {
            const int k = t->held[block * TRO_WIDE + at];
            to[at] = k < 0 ? t->spare : out + (size_t)k * n;
        }
        for (size_t i = 0; i < n; i++) {
            const tro_w now = from[i];
#if defined(__GNUC__)
#pragma GCC unroll 8
#endif
            for (int at = 0; at < TRO_WIDE; at++) to[at][i] = TRO_WIDE_LANE(now, at);
        }
    }
    for (int k = 0; k < t->job->n_tangent; k++) {
        const int same = t->held[t->place[k]]; /* a parameter that was named twice */
        if (same != k) memcpy(out + (size_t)k * n, out + (size_t)same * n, n * sizeof *out);
    }
}

void tro_taylor_tangents_now(const tro_tangents *t, double *out)
{
    tangents_write(t, t->series, t->size, out);
}

void tro_taylor_tangents_row(tro_tangents *t, double theta, double *out)
{
    const size_t n = (size_t)t->model->n_state;
    if (!t->n_block) return;
    if (!t->waiting) {
        t->theta = theta;
        t->waiting = out;
        return;
    }
    const double both[2] = {t->theta, theta};
    for (int block = 0; block < t->n_block; block++)
        tangents_at_both(t, block, both, t->row + (size_t)block * n,
                         t->other + (size_t)block * n);
    tangents_write(t, t->row, n, t->waiting);
    tangents_write(t, t->other, n, out);
    t->waiting = NULL;
}

void tro_taylor_tangents_step(tro_tangents *t, double theta)
{
    const size_t n = (size_t)t->model->n_state;
    const double both[2] = {t->theta, theta};
    for (int block = 0; block < t->n_block; block++) {
        tro_w *now = t->series + (size_t)block * t->size;
        memcpy(t->before + (size_t)block * n, now, n * sizeof *now);
        if (t->waiting)
            tangents_at_both(t, block, both, t->row + (size_t)block * n, now);
        else
            tangents_at(t, block, theta, now);
    }
    if (t->waiting) tangents_write(t, t->row, n, t->waiting);
    t->waiting = NULL;
}

void tro_taylor_tangents_retreat(tro_tangents *t)
{
    const size_t n = (size_t)t->model->n_state;
    for (size_t block = 0; block < (size_t)t->n_block; block++)
        memcpy(t->series + block * t->size, t->before + block * n, n * sizeof *t->before);
}
