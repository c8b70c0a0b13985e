/* States inside a step and at its end, from their series; for taylor.c alone, at each of its
 * widths. */
#ifndef TRO_TAYLOR_OUTPUTS_H
#define TRO_TAYLOR_OUTPUTS_H

#include <math.h>

#include "taylor_batch.h"
#include "wide.h"

#if BLOCKS
/* Where in the step a time lies; at its end it is where the next step starts. */
static double taylor_theta(const batch *b, double t, double t_new)
{
    return (t == t_new ? b->h : t - b->t) * b->inverse;
}

/* States of one run, and their slopes if asked for, at theta * scale. */
static inline void taylor_evaluate_blocks(const batch *b, double theta, double *y, double *slope)
{
    const size_t n_slot = (size_t)b->model->n_slot;
    const double *top = b->s + (size_t)b->order * n_slot;
    const taylor_block by = taylor_block_set(theta);
    for (int i = 0; i < b->n; i += 2 * BLOCK) {
        const int left = b->n - i, two = left > BLOCK;
        const double *c = top + i;
        taylor_block y0 = taylor_block_read(c), y1 = {0.0}, d0 = {0.0}, d1 = {0.0};
        if (two) {
            y1 = taylor_block_read(c + BLOCK);
            for (int k = b->order; k > 0; k--) {
                c -= n_slot;
                if (slope) {
                    d0 = taylor_block_fma(d0, by, y0);
                    d1 = taylor_block_fma(d1, by, y1);
                }
                y0 = taylor_block_fma(y0, by, taylor_block_read(c));
                y1 = taylor_block_fma(y1, by, taylor_block_read(c + BLOCK));
            }
            taylor_block_write(y + i + BLOCK, y1, left - BLOCK);
            if (slope) taylor_block_write(slope + i + BLOCK, d1, BLOCK);
        } else {
            for (int k = b->order; k > 0; k--) {
                c -= n_slot;
                if (slope) d0 = taylor_block_fma(d0, by, y0);
                y0 = taylor_block_fma(y0, by, taylor_block_read(c));
            }
        }
        taylor_block_write(y + i, y0, left);
        if (slope) taylor_block_write(slope + i, d0, BLOCK);
    }
}

/* Write output times of one run: up to four at once, or one by one where they are few. */
static void taylor_write_blocks(batch *b, double t_new)
{
    lane *l = b->lanes;
    const double *t_out = b->job->t_out;
    const size_t n = (size_t)b->n, n_slot = (size_t)b->model->n_slot;
    for (;;) {
        int m = 0;
        taylor_block theta = {0.0};
        while (m < BLOCK && l->written + m < b->job->n_out && t_out[l->written + m] <= t_new) {
            theta[m] = taylor_theta(b, t_out[l->written + m], t_new);
            m++;
        }
        if (m == 0) return;
        double *out = l->y_out + (size_t)l->written * b->dim;
        l->written += m;
        for (int q = 0; q < m; q++)
            tro_taylor_tangents_row(&b->tangents, theta[q], out + (size_t)q * b->dim + n);
        if (m <= 2) {
            taylor_evaluate_blocks(b, theta[0], out, NULL);
            if (m == 2) taylor_evaluate_blocks(b, theta[1], out + b->dim, NULL);
            continue;
        }
        const double *top = b->s + (size_t)b->order * n_slot;
        size_t i = 0;
        for (; i + 3 <= n; i += 3) {
            const double *c = top + i;
            taylor_block x = taylor_block_set(c[0]), y = taylor_block_set(c[1]),
                         z = taylor_block_set(c[2]);
            for (int k = b->order; k > 0; k--) {
                c -= n_slot;
                x = taylor_block_fma(x, theta, taylor_block_set(c[0]));
                y = taylor_block_fma(y, theta, taylor_block_set(c[1]));
                z = taylor_block_fma(z, theta, taylor_block_set(c[2]));
            }
            for (int q = 0; q < m; q++) {
                double *row = out + (size_t)q * b->dim + i;
                row[0] = x[q], row[1] = y[q], row[2] = z[q];
            }
        }
        for (; i < n; i++) {
            const double *c = top + i;
            taylor_block value = taylor_block_set(*c);
            for (int k = b->order; k > 0; k--) {
                c -= n_slot;
                value = taylor_block_fma(value, theta, taylor_block_set(*c));
            }
            for (int q = 0; q < m; q++) out[(size_t)q * b->dim + i] = value[q];
        }
    }
}

/* End a run's step: its states and their slopes there, and the outputs inside it. */
static void taylor_end_blocks(batch *b, double t_new)
{
    /* First what the next step waits for. */
    taylor_evaluate_blocks(b, b->h * b->inverse, b->y_new, b->slope);
    taylor_write_blocks(b, t_new);
    tro_taylor_tangents_step(&b->tangents, b->h * b->inverse, b->inverse);
    const taylor_block inverse = taylor_block_set(b->inverse);
    for (int i = 0; i < b->n; i += BLOCK) {
        *(taylor_loose *)(void *)(b->y_before + i) = taylor_block_read(b->y + i);
        taylor_block_write(b->y + i, taylor_block_read(b->y_new + i), b->n - i);
        *(taylor_loose *)(void *)(b->slope + i) = taylor_block_read(b->slope + i) * inverse;
    }
}
#else
/* Up to four polynomials, whose sums do not wait for each other. */
static INLINE void taylor_evaluate_some(const int m, int order, const tro_v *term, size_t stride,
                                        tro_v theta, tro_v *y, tro_v *slope)
{
    const tro_v none = tro_set(0.0);
    tro_v y0 = term[0], y1 = m > 1 ? term[1] : none, y2 = m > 2 ? term[2] : none,
          y3 = m > 3 ? term[3] : none, d0 = none, d1 = none, d2 = none, d3 = none;
    for (int k = order; k > 0; k--) {
        term -= stride;
        if (slope) {
            d0 = tro_fma(d0, theta, y0);
            if (m > 1) d1 = tro_fma(d1, theta, y1);
            if (m > 2) d2 = tro_fma(d2, theta, y2);
            if (m > 3) d3 = tro_fma(d3, theta, y3);
        }
        y0 = tro_fma(y0, theta, term[0]);
        if (m > 1) y1 = tro_fma(y1, theta, term[1]);
        if (m > 2) y2 = tro_fma(y2, theta, term[2]);
        if (m > 3) y3 = tro_fma(y3, theta, term[3]);
    }
    y[0] = y0;
    if (m > 1) y[1] = y1;
    if (m > 2) y[2] = y2;
    if (m > 3) y[3] = y3;
    if (!slope) return;
    slope[0] = d0;
    if (m > 1) slope[1] = d1;
    if (m > 2) slope[2] = d2;
    if (m > 3) slope[3] = d3;
}

/* Polynomials with coefficients c[k * stride + i], and their slopes, at theta * scale. */
static void taylor_evaluate(int n, int order, const tro_v *c, size_t stride, tro_v theta,
                            tro_v *y, tro_v *slope)
{
    const tro_v *top = c + (size_t)order * stride;
    for (int i = 0; i < n; i += 4) {
        tro_v *rise = slope ? slope + i : NULL;
        if (n - i >= 4)
            taylor_evaluate_some(4, order, top + i, stride, theta, y + i, rise);
        else if (n - i == 3)
            taylor_evaluate_some(3, order, top + i, stride, theta, y + i, rise);
        else if (n - i == 2)
            taylor_evaluate_some(2, order, top + i, stride, theta, y + i, rise);
        else
            taylor_evaluate_some(1, order, top + i, stride, theta, y + i, rise);
    }
}

/* Which lanes of a mask are set, as bits. */
static inline unsigned taylor_set_lanes(tro_m mask)
{
#if TRO_LANES == 8 && defined(__AVX512F__) && !defined(__clang__)
    return __builtin_ia32_ptestmq512(mask, mask, 0xff);
#elif TRO_LANES == 4 && defined(__AVX__) && !defined(__clang__)
    return (unsigned)__builtin_ia32_movmskpd256(tro_value(mask));
#else
    unsigned bits = 0;
    for (int at = 0; at < TRO_LANES; at++) bits |= (unsigned)(TRO_LANE(mask, at) & 1) << at;
    return bits;
#endif
}

/* A vector with another value in one lane. Setting the lane in memory would make the next
 * operation wait until all that was written before, whole rows of results, has got there. */
static inline tro_v taylor_with(tro_v all, int at, double value)
{
    static const long long ONLY[2 * TRO_LANES - 1] = {[TRO_LANES - 1] = -1};
    tro_m mask;
    memcpy(&mask, ONLY + TRO_LANES - 1 - at, sizeof mask);
    return tro_select(mask, tro_set(value), all);
}

/* When a lane's next output is due. */
static inline double taylor_due(const batch *b, int at)
{
    const long written = b->lanes[at].written;
    return written < b->job->n_out ? b->job->t_out[written] : HUGE_VAL;
}

/* Write the output times inside the steps just taken; lanes that have fewer wait, and those
 * that take no step, of which t_new is NaN. */
static void taylor_write(batch *b, tro_v t_new)
{
    tro_v due;
    for (int at = 0; at < TRO_LANES; at++) TRO_LANE(due, at) = taylor_due(b, at);
    for (;;) {
        const tro_m last = tro_equal(due, t_new), pending = tro_less(due, t_new) | last;
        unsigned waiting = taylor_set_lanes(pending);
        if (!waiting) return;
        /* As taylor_theta. */
        tro_v theta = tro_select(last, b->h, due - b->t) * b->inverse;
        theta = tro_select(pending, theta, tro_set(0.0));
        taylor_evaluate(b->n, b->order, b->s, (size_t)b->model->n_slot, theta, b->y_new, NULL);
        for (int at = 0; waiting; at++, waiting >>= 1) {
#if TRO_LANES > 1
            const int skip = __builtin_ctz(waiting);
            at += skip;
            waiting >>= skip;
#endif
            lane *l = &b->lanes[at];
            double *row = l->y_out + (size_t)l->written * b->dim;
            for (int i = 0; i < b->n; i++) row[i] = TRO_LANE(b->y_new[i], at);
#if TRO_LANES == 1
            tro_taylor_tangents_row(&b->tangents, theta, row + b->n);
#endif
            l->written++;
            due = taylor_with(due, at, taylor_due(b, at));
        }
    }
}

/* The same of lanes: those that take no step stay where they are. */
static void taylor_end_lanes(batch *b, tro_v t_new)
{
    taylor_write(b, t_new);
    const tro_v theta =
        tro_select(tro_less(tro_set(0.0), b->scale), b->h * b->inverse, tro_set(0.0));
    const tro_m steps = tro_equal(t_new, t_new);
#if TRO_LANES == 1
    tro_taylor_tangents_step(&b->tangents, theta, b->inverse);
#endif
    taylor_evaluate(b->n, b->order, b->s, (size_t)b->model->n_slot, theta, b->y_new, b->slope);
    for (int i = 0; i < b->n; i++) {
        b->y_before[i] = tro_select(steps, b->y[i], b->y_before[i]);
        b->y[i] = tro_select(steps, b->y_new[i], b->y[i]);
        b->slope[i] = b->slope[i] * b->inverse;
    }
}
#endif

#endif
