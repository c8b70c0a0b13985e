#include "taylor_tangents.h"

#include <math.h>
#include <string.h>

#include "wide.h"

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
                     4 * n + 1) + n + places + 1;
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
    t->slope = t->other + blocks * n;
    t->spare = (double *)(t->slope + blocks * n);
    t->place = (int *)(t->slope + blocks * n + n);
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

void tro_taylor_tangents_sizes(const tro_tangents *t, double scale, double share,
                               double *size_last, double *size_before, double *size_defect)
{
    const int n = t->model->n_state;
    const size_t n_wide = (size_t)t->model->n_wide;
    const double rtol = t->job->options->rtol, mean = 1.0 / n, length = -scale * t->inverse;
    const tro_w none = tro_wide_set(0.0);
    tro_w most_last = none, most_before = none, most_defect = none, sound = none;
    if (!t->n_block) return;
    for (int block = 0; block < t->n_block; block++) {
        const tro_w *first = t->series + (size_t)block * t->size;
        const tro_w *end = first + (size_t)t->job->order * n_wide;
        const tro_w *slope = t->slope + (size_t)block * (size_t)n;
        tro_w low = none, last = none, before = none, defect = none;
        for (int i = 0; i < n; i++) {
            const tro_w now = first[i], rise = first[n_wide + (size_t)i];
            const tro_w x = end[i], y = *(end - n_wide + i);
            const tro_w off = tro_wide_fma(length, slope[i], rise);
            low += tro_wide_larger(now * now, rise * rise);
            last = tro_wide_both(x, x, last);
            before = tro_wide_both(y, y, before);
            defect = tro_wide_both(off, off, defect);
        }
        /* Tangents may use all of the tolerance: only the states must foresee their defect. */
        const tro_w weight = share / (rtol * tro_wide_sqrt(mean * low) + t->least[block]);
        const tro_w square = weight * weight;
        last *= square;
        before *= square;
        most_last = tro_wide_larger(most_last, last);
        most_before = tro_wide_larger(most_before, before);
        most_defect = tro_wide_larger(most_defect, defect * square);
        /* Zero, or NaN where one is not finite: comparisons would lose it. The tangent's own
         * square may overflow before its last coefficient's. */
        sound += (low + last + before) * none;
    }
    for (int at = 0; at < TRO_WIDE; at++) {
        const int known = TRO_WIDE_LANE(sound, at) == 0.0;
        const double last = known ? TRO_WIDE_LANE(most_last, at) : INFINITY;
        const double before = known ? TRO_WIDE_LANE(most_before, at) : INFINITY;
        const double defect = TRO_WIDE_LANE(most_defect, at);
        if (last > *size_last) *size_last = last; /* NaN stays */
        if (before > *size_before) *size_before = before;
        if (known && defect > *size_defect) *size_defect = defect;
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

/* What is wanted of polynomials: values at a first place, values and perhaps slopes at another. */
enum { TANGENTS_FIRST = 1, TANGENTS_SLOPE = 2 };

typedef struct {
    double theta[2];           /* the first place, and the other */
    tro_w *first, *last, *slope; /* (n_state); last may be where the series begin */
} tangents_wanted;

/* Up to four polynomials: what is read serves all that is wanted of them. */
static INLINE void tangents_some(const int m, const int what, int order,
                                          const tro_w *top, size_t stride,
                                          const tangents_wanted *wanted, int i)
{
    const tro_w none = tro_wide_set(0.0);
    const double low = wanted->theta[0], high = wanted->theta[1];
    const int first = what & TANGENTS_FIRST, slope = what & TANGENTS_SLOPE;
    tro_w a = top[i], b = m > 1 ? top[i + 1] : none, c = m > 2 ? top[i + 2] : none,
          d = m > 3 ? top[i + 3] : none, e = a, f = b, g = c, h = d, u = none, v = none, w = none,
          x = none;
    for (int k = order; k > 0; k--) {
        top -= stride;
        const tro_w p = top[i], q = m > 1 ? top[i + 1] : none, r = m > 2 ? top[i + 2] : none,
                    s = m > 3 ? top[i + 3] : none;
        if (first) a = tro_wide_fma(low, a, p);
        if (slope) u = tro_wide_fma(high, u, e);
        e = tro_wide_fma(high, e, p);
        if (first && m > 1) b = tro_wide_fma(low, b, q);
        if (slope && m > 1) v = tro_wide_fma(high, v, f);
        if (m > 1) f = tro_wide_fma(high, f, q);
        if (first && m > 2) c = tro_wide_fma(low, c, r);
        if (slope && m > 2) w = tro_wide_fma(high, w, g);
        if (m > 2) g = tro_wide_fma(high, g, r);
        if (first && m > 3) d = tro_wide_fma(low, d, s);
        if (slope && m > 3) x = tro_wide_fma(high, x, h);
        if (m > 3) h = tro_wide_fma(high, h, s);
    }
    const tro_w values[3][4] = {{a, b, c, d}, {e, f, g, h}, {u, v, w, x}};
    for (int j = 0; j < m; j++) {
        if (first) wanted->first[i + j] = values[0][j];
        wanted->last[i + j] = values[1][j];
        if (slope) wanted->slope[i + j] = values[2][j];
    }
}

/* All of a block's polynomials. */
static INLINE void tangents_at(const tro_tangents *t, int block, const int what,
                                        const tangents_wanted *wanted)
{
    const int n = t->model->n_state, order = t->job->order;
    const size_t stride = (size_t)t->model->n_wide;
    const tro_w *top = t->series + (size_t)block * t->size + (size_t)order * stride;
    int i = 0;
    for (; i + 4 <= n; i += 4) tangents_some(4, what, order, top, stride, wanted, i);
    switch (n - i) {
    case 1: tangents_some(1, what, order, top, stride, wanted, i); break;
    case 2: tangents_some(2, what, order, top, stride, wanted, i); break;
    case 3: tangents_some(3, what, order, top, stride, wanted, i); break;
    default: break;
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
    for (int block = 0; block < t->n_block; block++) {
        const size_t at = (size_t)block * n;
        const tangents_wanted wanted = {{t->theta, theta}, t->row + at, t->other + at, NULL};
        tangents_at(t, block, TANGENTS_FIRST, &wanted);
    }
    tangents_write(t, t->row, n, t->waiting);
    tangents_write(t, t->other, n, out);
    t->waiting = NULL;
}

void tro_taylor_tangents_step(tro_tangents *t, double theta, double inverse)
{
    const size_t n = (size_t)t->model->n_state;
    t->inverse = inverse;
    for (int block = 0; block < t->n_block; block++) {
        const size_t at = (size_t)block * n;
        tro_w *now = t->series + (size_t)block * t->size;
        const tangents_wanted wanted = {{t->theta, theta}, t->row + at, now, t->slope + at};
        memcpy(t->before + at, now, n * sizeof *now);
        if (t->waiting)
            tangents_at(t, block, TANGENTS_FIRST | TANGENTS_SLOPE, &wanted);
        else
            tangents_at(t, block, TANGENTS_SLOPE, &wanted);
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
