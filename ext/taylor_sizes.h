/* Sizes of the last coefficients, and the logarithms that steps are chosen by; for taylor.c alone,
 * at each of its widths. */
#ifndef TRO_TAYLOR_SIZES_H
#define TRO_TAYLOR_SIZES_H

#include "taylor_batch.h"

/* Logarithm to base 2, to 1e-4: enough to choose a step. Zero gives -1023. */
static tro_v taylor_log2(tro_v x)
{
    const tro_m bits = tro_bits(x), one = tro_set_bits(0x3ff0000000000000);
    const tro_m exponent = tro_shift_right(bits, 52) | tro_set_bits(0x4330000000000000);
    const tro_m mantissa = (bits & tro_set_bits(0xfffffffffffff)) | one;
    const tro_v m = tro_value(mantissa) - tro_set(1.5);
    tro_v y = tro_fma(m, tro_set(-0.0800108769), tro_set(0.155445855));
    y = tro_fma(y, m, tro_set(-0.319749095));
    y = tro_fma(y, m, tro_set(0.960963247));
    y = tro_fma(y, m, tro_set(0.584950498));
    return y + (tro_value(exponent) - tro_set(0x1p52 + 1023.0));
}

/* 2 to a power between -1000 and 1000, to 1e-4. */
static tro_v taylor_exp2(tro_v x)
{
    const tro_v sum = x + tro_set(0x1.8p52), r = x - (sum - tro_set(0x1.8p52));
    const tro_m scale =
        tro_shift_left(tro_wrapping_sum(tro_bits(sum), tro_set_bits(1023)), 52);
    tro_v y = tro_fma(r, tro_set(0.0559220356), tro_set(0.242640083));
    y = tro_fma(y, r, tro_set(0.693121034));
    y = tro_fma(y, r, tro_set(0.999924481));
    return y * tro_value(scale);
}

/* Sums over the states of the squares of their last two coefficients and of the defect, against
 * the tolerances. Each is four sums of every fourth state at any width, so that blocks give the
 * same bits. */
#if BLOCKS
static inline double taylor_block_sum(taylor_block a) { return (a[0] + a[1]) + (a[2] + a[3]); }

static inline taylor_block taylor_block_abs(taylor_block a)
{
    const long long bits = 0x7fffffffffffffffLL;
    return (taylor_block)((taylor_mask)a & (taylor_mask){bits, bits, bits, bits});
}

static void taylor_sizes(batch *b, double *size_last, double *size_before, double *size_defect)
{
    static const long long UP_TO[2 * BLOCK] = {-1, -1, -1, -1, 0, 0, 0, 0};
    const size_t n_slot = (size_t)b->model->n_slot, order = (size_t)b->order;
    const double *low = b->s, *first = low + n_slot, *last = low + order * n_slot;
    const double *before = last - n_slot;
    const taylor_block rtol = taylor_block_set(b->job->options->rtol),
                       one = taylor_block_set(1.0), none = taylor_block_set(0.0),
                       scale = taylor_block_set(b->scale);
    taylor_block of_last = {0.0}, of_before = {0.0}, of_defect = {0.0};
    for (int i = 0; i < b->n; i += BLOCK) {
        taylor_block from = taylor_block_read(low + i), rise = taylor_block_read(first + i),
                     x = taylor_block_read(last + i), y = taylor_block_read(before + i),
                     slope = taylor_block_read(b->slope + i);
        if (b->n - i < BLOCK) {
            /* Behind the states lie other series. */
            taylor_mask mask;
            memcpy(&mask, UP_TO + BLOCK - (b->n - i), sizeof mask);
            from = (taylor_block)((taylor_mask)from & mask);
            rise = (taylor_block)((taylor_mask)rise & mask);
            x = (taylor_block)((taylor_mask)x & mask);
            y = (taylor_block)((taylor_mask)y & mask);
            slope = (taylor_block)((taylor_mask)slope & mask);
        }
        const taylor_block a = taylor_block_abs(from), c = taylor_block_abs(rise);
        const taylor_mask less = (taylor_mask)(a < c);
        const taylor_block size =
            (taylor_block)(((taylor_mask)c & less) | ((taylor_mask)a & ~less));
        const taylor_block weight =
            one / taylor_block_fma(rtol, size, taylor_block_read(b->atol + i));
        *(taylor_loose *)(void *)(b->weight + i) = weight;
        x *= weight;
        y *= weight;
        /* What is infinite weighs nothing: it must not pass for a small defect. */
        const taylor_block known = taylor_block_fma(from, none, rise);
        const taylor_block off = taylor_block_fma(-slope, scale, known) * weight;
        of_last = taylor_block_fma(x, x, of_last);
        of_before = taylor_block_fma(y, y, of_before);
        of_defect = taylor_block_fma(off, off, of_defect);
    }
    *size_last = taylor_block_sum(of_last);
    *size_before = taylor_block_sum(of_before);
    *size_defect = taylor_block_sum(of_defect);
}
#else
static void taylor_sizes(batch *b, tro_v *size_last, tro_v *size_before, tro_v *size_defect)
{
    const tro_v *low = b->s, *first = b->s + b->model->n_slot;
    const tro_v *last = b->s + (size_t)b->order * (size_t)b->model->n_slot;
    const tro_v *before = last - b->model->n_slot;
    const tro_v rtol = tro_set(b->job->options->rtol), none = tro_set(0.0);
    tro_v of_last[BLOCK] = {none, none, none, none}, of_before[BLOCK] = {none, none, none, none},
          of_defect[BLOCK] = {none, none, none, none};
    for (int begin = 0; begin < b->n; begin += BLOCK)
        for (int q = 0; q < BLOCK && begin + q < b->n; q++) {
            const int i = begin + q;
            const tro_v size = tro_larger(tro_abs(low[i]), tro_abs(first[i]));
            const tro_v weight = b->weight[i] =
                tro_set(1.0) / tro_fma(rtol, size, tro_set(b->atol[i]));
            const tro_v x = last[i] * weight, y = before[i] * weight;
            /* What is infinite weighs nothing: it must not pass for a small defect. */
            const tro_v known = tro_fma(low[i], none, first[i]);
            const tro_v off = tro_fma(-b->slope[i], b->scale, known) * weight;
            of_last[q] = tro_fma(x, x, of_last[q]);
            of_before[q] = tro_fma(y, y, of_before[q]);
            of_defect[q] = tro_fma(off, off, of_defect[q]);
        }
    *size_last = (of_last[0] + of_last[1]) + (of_last[2] + of_last[3]);
    *size_before = (of_before[0] + of_before[1]) + (of_before[2] + of_before[3]);
    *size_defect = (of_defect[0] + of_defect[1]) + (of_defect[2] + of_defect[3]);
}
#endif

#endif
