/* The functions of models over lanes: the same bits at every width.
 *
 * Largest errors found against mpmath, in units in the last place of the exact result:
 *   exp 1.02, log 0.80, tanh 1.00, sin and cos 0.78 (|x| <= 2^30), sinh 1.61, cosh 1.42, pow 0.93.
 * sin and cos beyond 2^30, and tan, asin, acos, atan, asinh, acosh, atanh, are the C library's,
 * lane by lane, with its errors. Special values are those of C; which NaN, and the flags that
 * an operation raises, are left open.
 *
 * Our own fits: every polynomial is a minimax fit (Remez) on the interval of its reduction,
 * in 200 bits, then rounded to double.
 */
#ifndef TRO_LANES_MATH_H
#define TRO_LANES_MATH_H

#include "lanes.h"

double sin(double);
double cos(double);
double tan(double);
double asin(double);
double acos(double);
double atan(double);
double asinh(double);
double acosh(double);
double atanh(double);

/* The C library's function, lane by lane. */
#define TRO_MATH_BY_LANE(function)                                                          \
    static inline tro_v tro_v##function(tro_v x)                                            \
    {                                                                                       \
        for (int i = 0; i < TRO_LANES; i++) TRO_LANE(x, i) = function(TRO_LANE(x, i));       \
        return x;                                                                           \
    }

TRO_MATH_BY_LANE(tan)
TRO_MATH_BY_LANE(asin)
TRO_MATH_BY_LANE(acos)
TRO_MATH_BY_LANE(atan)
TRO_MATH_BY_LANE(asinh)
TRO_MATH_BY_LANE(acosh)
TRO_MATH_BY_LANE(atanh)

#undef TRO_MATH_BY_LANE

/* magnitude with the sign of another; the magnitude's own must be plus */
static inline tro_v tro_math_signed(tro_v magnitude, tro_v sign)
{
    const tro_m top = tro_set_bits(-0x7fffffffffffffffLL - 1);
    return tro_value(tro_bits(magnitude) | (tro_bits(sign) & top));
}

/* ---- the exponential family ---- */

/* x = k ln 2 + r, |r| < 0.347. The low bits of *steps hold k + bias: adding 1.5 2^52 rounds to
 * the nearest integer and leaves it in the last places, where it serves as an exponent. */
static inline tro_v tro_math_halvings(tro_v x, double bias, tro_m *steps, tro_v *r)
{
    const tro_v shift = tro_set(0x1.8p52 + bias);
    const tro_v sum = tro_fma(x, tro_set(0x1.71547652b82fep+0), shift);
    const tro_v k = sum - shift;
    *steps = tro_bits(sum);
    /* 42 bits of ln 2, so that this product and difference are exact */
    *r = tro_fma(k, tro_set(-0x1.62e42fefa3800p-1), x);
    return k;
}

#define TRO_MATH_LN2_LOW 0x1.ef35793c76730p-45

/* (exp(r) - 1 - r) / r^2 for |r| < 0.347, to 2^-55 of exp(r) - 1. Pairs shorten the chain. */
static inline tro_v tro_math_exp_tail(tro_v r, tro_v r2)
{
    const tro_v c01 = tro_fma(tro_set(0x1.555555555555cp-3), r, tro_set(0x1.0000000000004p-1));
    const tro_v c23 = tro_fma(tro_set(0x1.111111110e90cp-7), r, tro_set(0x1.555555555258dp-5));
    const tro_v c45 = tro_fma(tro_set(0x1.a01a01b52a158p-13), r, tro_set(0x1.6c16c17e4a052p-10));
    const tro_v c67 = tro_fma(tro_set(0x1.71ddeb67c993fp-19), r, tro_set(0x1.a019a8d98abd0p-16));
    const tro_v c89 = tro_fma(tro_set(0x1.af74a9886efc3p-26), r, tro_set(0x1.28a0ac3f42ed5p-22));
    const tro_v r4 = r2 * r2;
    const tro_v low = tro_fma(c23, r2, c01);
    const tro_v high = tro_fma(c67, r2, c45);
    return tro_fma(tro_fma(c89, r4, high), r4, low);
}

/* (1 + p) 2^k where steps holds k + 2046: in two factors, since neither end of the range has an
 * exponent of its own. */
static inline tro_v tro_math_raised(tro_v p, tro_m steps)
{
    const tro_m both = steps & tro_set_bits(4095);
    const tro_m half = tro_shift_right(both, 1);
    const tro_v scale = tro_value(tro_shift_left(half, 52));
    return tro_fma(p, scale, scale) * tro_value(tro_shift_left(both - half, 52));
}

static inline tro_v tro_vexp(tro_v x)
{
    tro_m steps;
    tro_v r;
    x = tro_smaller(tro_larger(x, tro_set(-746.0)), tro_set(710.0));
    const tro_v k = tro_math_halvings(x, 2046.0, &steps, &r);
    r = tro_fma(k, tro_set(-TRO_MATH_LN2_LOW), r);
    const tro_v r2 = r * r;
    return tro_math_raised(tro_fma(r2, tro_math_exp_tail(r, r2), r), steps);
}

/* exp(a) - 1 = *high + *low, or a quarter of it, which is finite up to 710.6; a >= 0 */
static inline void tro_math_expm1(tro_v a, int quarter, tro_v *high, tro_v *low)
{
    tro_m steps;
    tro_v r1;
    const tro_v k = tro_math_halvings(a, quarter ? 1021.0 : 1023.0, &steps, &r1);
    const tro_v r = tro_fma(k, tro_set(-TRO_MATH_LN2_LOW), r1);
    const tro_v r_low = tro_fma(k, tro_set(-TRO_MATH_LN2_LOW), r1 - r);
    const tro_v r2 = r * r;
    const tro_v tail = tro_fma(r2, tro_math_exp_tail(r, r2), r_low);
    const tro_v scale = tro_value(tro_shift_left(steps, 52));
    const tro_v whole = scale - tro_set(quarter ? 0.25 : 1.0);
    const tro_v sum = tro_fma(scale, r, whole);
    const tro_v sum_low = tro_fma(scale, r, whole - sum);
    *high = tro_fma(scale, tail, sum);
    *low = tro_fma(scale, tail, sum - *high) + sum_low;
}

/* tanh x = E / (E + 2) with E = exp(2 |x|) - 1, which keeps small x; one Newton step on the
 * reciprocal instead of a second division. */
static inline tro_v tro_vtanh(tro_v x)
{
    tro_v e, e_low;
    tro_math_expm1(tro_smaller(tro_abs(x) * tro_set(2.0), tro_set(44.0)), 0, &e, &e_low);
    const tro_v two = tro_set(2.0);
    const tro_v below = e + two;
    const tro_v below_low = (e - (below - two)) + e_low;
    const tro_v inverse = tro_set(1.0) / below;
    const tro_v q = e * inverse;
    const tro_v rest = tro_fma(-q, below_low, tro_fma(-q, below, e) + e_low);
    return tro_math_signed(tro_fma(rest, inverse, q), x);
}

static inline tro_v tro_vsinh(tro_v x)
{
    const tro_v a = tro_abs(x);
    tro_v e, e_low;
    tro_math_expm1(tro_smaller(a, tro_set(710.6)), 1, &e, &e_low);
    const tro_v half = e + (e / tro_fma(tro_set(4.0), e, tro_set(1.0)) + e_low);
    /* a quarter of a subnormal is not exact */
    const tro_v magnitude = tro_select(tro_less(a, tro_set(0x1p-27)), a, half + half);
    return tro_math_signed(magnitude, x);
}

static inline tro_v tro_vcosh(tro_v x)
{
    tro_m steps;
    tro_v r;
    const tro_v a = tro_smaller(tro_abs(x), tro_set(710.6));
    const tro_v k = tro_math_halvings(a, 1021.0, &steps, &r);
    r = tro_fma(k, tro_set(-TRO_MATH_LN2_LOW), r);
    const tro_v r2 = r * r;
    const tro_v scale = tro_value(tro_shift_left(steps, 52));
    const tro_v p = tro_fma(r2, tro_math_exp_tail(r, r2), r);
    const tro_v quarter = tro_fma(p, scale, scale);
    const tro_v half = quarter + tro_set(0.0625) / quarter;
    return half + half;
}

/* ---- the logarithm ---- */

/* x = 2^k (1 + f), 1 + f in [sqrt(1/2), sqrt(2)), for 0 < x < inf */
static inline tro_v tro_math_octaves(tro_v x, tro_v *f)
{
    const tro_m small = tro_less(x, tro_set(0x1p-1022));
    const tro_m bits = tro_bits(tro_select(small, x * tro_set(0x1p54), x));
    /* the exponent steps at sqrt(1/2) instead of at 1 */
    const tro_m step = tro_set_bits(0x3ff0000000000000LL - 0x3fe6a09e667f3bcdLL);
    const tro_m moved = tro_wrapping_sum(bits, step);
    const tro_m mantissa = moved & tro_set_bits(0xfffffffffffffLL);
    *f = tro_value(mantissa + tro_set_bits(0x3fe6a09e667f3bcdLL)) - tro_set(1.0);
    /* an integer below the exponent of 2^52 is that integer plus 2^52 */
    const tro_m integer = tro_shift_right(moved, 52) | tro_set_bits(0x4330000000000000LL);
    const tro_v bias = tro_select(small, tro_set(0x1p52 + 1077.0), tro_set(0x1p52 + 1023.0));
    return tro_value(integer) - bias;
}

/* What log gives outside 0 < x < inf. */
static inline tro_v tro_math_log_edges(tro_v x, tro_v inside)
{
    const tro_v infinity = tro_value(tro_set_bits(0x7ff0000000000000LL));
    const tro_v nan = tro_value(tro_set_bits(0x7ff8000000000000LL));
    const tro_v zero = tro_set(0.0);
    const tro_v above = tro_select(tro_less(x, infinity), inside, x);
    const tro_v below = tro_select(tro_equal(x, zero), -infinity, nan);
    return tro_select(tro_less(zero, x), above, below);
}

/* log(1 + f) = f - f^2/2 + s (f^2/2 + s^2 R(s^2)), s = f / (2 + f); R to 2^-58 of the result */
static inline tro_v tro_vlog(tro_v x)
{
    tro_v f;
    const tro_v k = tro_math_octaves(x, &f);
    const tro_v s = f / (f + tro_set(2.0));
    const tro_v z = s * s;
    const tro_v z2 = z * z;
    const tro_v c01 = tro_fma(tro_set(0x1.9999999980c24p-2), z, tro_set(0x1.555555555558fp-1));
    const tro_v c23 = tro_fma(tro_set(0x1.c71c527ceb721p-3), z, tro_set(0x1.249249414a3c6p-2));
    const tro_v c45 = tro_fma(tro_set(0x1.39a396ba3b5ddp-3), z, tro_set(0x1.74662a2d7aa4bp-3));
    const tro_v c46 = tro_fma(tro_set(0x1.2ef4818419caap-3), z2, c45);
    const tro_v tail = tro_fma(tro_fma(c46, z2, c23), z2, c01);
    const tro_v square = tro_set(0.5) * f * f;
    const tro_v rest = tro_fma(s, tro_fma(z, tail, square), k * tro_set(TRO_MATH_LN2_LOW));
    /* k and 42 bits of ln 2 multiply exactly; what the sum with f drops is kept */
    const tro_v whole = k * tro_set(0x1.62e42fefa3800p-1);
    const tro_v sum = whole + f;
    const tro_v sum_low = f - (sum - whole);
    return tro_math_log_edges(x, sum - ((square - rest) - sum_low));
}

/* ---- powers ---- */

/* log(1 + f) to about 2^-64 of itself, as high + low: 2 s + s z (2/3 + z P(z)), z = s^2, where
 * all but P is carried in two parts. */
static inline tro_v tro_math_log_pair(tro_v f, tro_v *low)
{
    const tro_v two = tro_set(2.0);
    const tro_v below = f + two;
    const tro_v below_low = f - (below - two);
    const tro_v inverse = tro_set(1.0) / below;
    const tro_v s = f * inverse;
    const tro_v s_low = tro_fma(-s, below_low, tro_fma(-s, below, f)) * inverse;
    const tro_v s2 = s + s;
    const tro_v z = s * s;
    const tro_v z_low = tro_fma(s2, s_low, tro_fma(s, s, -z));
    const tro_v z2 = z * z;

    const tro_v c01 = tro_fma(tro_set(0x1.249249245b90dp-2), z, tro_set(0x1.9999999999b0ap-2));
    const tro_v c23 = tro_fma(tro_set(0x1.745ceb3cb7e26p-3), z, tro_set(0x1.c71c7228ebc7cp-3));
    const tro_v c45 = tro_fma(tro_set(0x1.0f8481c9c7632p-3), z, tro_set(0x1.3b1eb45ccf8fbp-3));
    const tro_v c46 = tro_fma(tro_set(0x1.0e1b9dee70c9ap-3), z2, c45);
    const tro_v tail = z * tro_fma(tro_fma(c46, z2, c23), z2, c01);

    const tro_v thirds = tro_set(0x1.5555555555555p-1);
    const tro_v factor = thirds + tail;
    const tro_v factor_low = ((thirds - factor) + tail) + tro_set(0x1.5555555555555p-55);
    const tro_v square = z * factor;
    const tro_v square_low =
        tro_fma(z, factor_low, tro_fma(z_low, factor, tro_fma(z, factor, -square)));
    const tro_v cube = s * square;
    const tro_v cube_low =
        tro_fma(s, square_low, tro_fma(s_low, square, tro_fma(s, square, -cube)));
    const tro_v high = s2 + cube;
    *low = ((s2 - high) + cube) + (s_low + s_low + cube_low);
    return high;
}

static inline tro_m tro_math_is_whole(tro_v magnitude)
{
    const tro_v shift = tro_set(0x1p52);
    return tro_equal((magnitude + shift) - shift, magnitude) | ~tro_less(magnitude, shift);
}

/* exp(y log |x|) with the product in two parts, and then the cases of C */
static inline tro_v tro_vpow(tro_v x, tro_v y)
{
    const tro_v zero = tro_set(0.0);
    const tro_v one = tro_set(1.0);
    const tro_v infinity = tro_value(tro_set_bits(0x7ff0000000000000LL));
    const tro_v a = tro_abs(x);
    const tro_v b = tro_abs(y);

    tro_v f, l_low;
    const tro_v octaves = tro_math_octaves(a, &f);
    const tro_v l = tro_math_log_pair(f, &l_low);
    const tro_v whole = octaves * tro_set(0x1.62e42fefa3800p-1);
    const tro_v sum = whole + l;
    const tro_v sum_low =
        tro_fma(octaves, tro_set(TRO_MATH_LN2_LOW), ((whole - sum) + l) + l_low);
    const tro_v inside = sum + sum_low;
    const tro_v log_low = (sum - inside) + sum_low;
    const tro_v finite = tro_select(tro_less(a, infinity), inside, a);
    const tro_v log = tro_select(tro_equal(a, zero), -infinity, finite);

    const tro_v product = y * log;
    const tro_m ordinary = tro_less(tro_abs(product), tro_set(750.0));
    const tro_v product_low =
        tro_select(ordinary, tro_fma(y, log_low, tro_fma(y, log, -product)), zero);
    tro_m steps;
    tro_v r1;
    const tro_v e = tro_smaller(tro_larger(product, tro_set(-746.0)), tro_set(710.0));
    const tro_v k = tro_math_halvings(e, 2046.0, &steps, &r1);
    const tro_v shift = tro_fma(k, tro_set(-TRO_MATH_LN2_LOW), product_low);
    const tro_v r = r1 + shift;
    const tro_v r_low = (r1 - r) + shift;
    const tro_v r2 = r * r;
    const tro_v p = r + tro_fma(r2, tro_math_exp_tail(r, r2), r_low);
    const tro_v magnitude = tro_math_raised(p, steps);

    const tro_m y_whole = tro_math_is_whole(b);
    const tro_m y_odd = y_whole & ~tro_math_is_whole(tro_set(0.5) * b);
    const tro_m minus = y_odd & (tro_bits(x) ^ tro_bits(a));
    const tro_v power = tro_value(tro_bits(magnitude) | minus);
    const tro_m no_root = tro_less(x, zero) & tro_less(a, infinity) & ~y_whole;
    const tro_v nan = tro_value(tro_set_bits(0x7ff8000000000000LL));
    const tro_m unit = tro_equal(y, zero) | tro_equal(x, one)
        | (tro_equal(a, one) & tro_equal(b, infinity));
    return tro_select(unit, one, tro_select(no_root, nan, power));
}

/* ---- the circle ---- */

/* Both of one angle. |x| = q pi/2 + r with pi/2 in three parts of 53 bits: the first product
 * and difference are exact, and r_low is what cancellation would lose of the rest. */
static inline void tro_vsincos(tro_v x, tro_v *sine, tro_v *cosine)
{
    const tro_v a = tro_abs(x);
    const tro_v shift = tro_set(0x1.8p52);
    const tro_v sum = tro_fma(a, tro_set(0x1.45f306dc9c883p-1), shift);
    const tro_v k = sum - shift;
    const tro_v first = tro_fma(k, tro_set(-0x1.921fb54442d18p+0), a);
    const tro_v second = k * tro_set(0x1.1a62633145c07p-54);
    const tro_v second_low = tro_fma(k, tro_set(0x1.1a62633145c07p-54), -second);
    const tro_v r = first - second;
    const tro_v r_low = tro_fma(k, tro_set(0x1.f1976b7ed8fbcp-110),
                                ((first - r) - second) - second_low);
    const tro_v z = r * r;
    const tro_v z2 = z * z;
    const tro_v one = tro_set(1.0);
    const tro_v half = tro_set(0.5) * z;

    /* (sin(r) - r) / r^3 and (cos(r) - 1 + r^2/2) / r^4 for |r| < 0.786, to 2^-58 and 2^-64 */
    const tro_v s01 = tro_fma(tro_set(0x1.111111110f8c2p-7), z, tro_set(-0x1.5555555555549p-3));
    const tro_v s23 = tro_fma(tro_set(0x1.71de357cae64ap-19), z, tro_set(-0x1.a01a019c18994p-13));
    const tro_v s45 = tro_fma(tro_set(0x1.5d93d148d7d4cp-33), z, tro_set(-0x1.ae5e69808735ep-26));
    const tro_v s_tail = tro_fma(tro_fma(s45, z2, s23), z2, s01);
    const tro_v turned = tro_fma(-half, r_low, r_low);
    const tro_v s = r + tro_fma(r * z, s_tail, turned);
    const tro_v c01 = tro_fma(tro_set(-0x1.6c16c16c15512p-10), z, tro_set(0x1.555555555554ep-5));
    const tro_v c23 = tro_fma(tro_set(-0x1.27e4f83bebd29p-22), z, tro_set(0x1.a01a019cff7e1p-16));
    const tro_v c45 = tro_fma(tro_set(-0x1.8fbd3403d1d83p-37), z, tro_set(0x1.1eea0aa84cb70p-29));
    const tro_v c_tail = tro_fma(tro_fma(c45, z2, c23), z2, c01);
    const tro_v top = one - half;
    const tro_v c = top + tro_fma(z2, c_tail, tro_fma(-r, r_low, (one - top) - half));

    const tro_m quarter = tro_bits(sum) & tro_set_bits(3);
    const tro_m odd = -(quarter & tro_set_bits(1));
    const tro_m s_sign = tro_shift_left(quarter & tro_set_bits(2), 62);
    const tro_m c_sign = tro_shift_left((quarter + tro_set_bits(1)) & tro_set_bits(2), 62);
    const tro_m x_sign = tro_bits(x) ^ tro_bits(a);
    *sine = tro_value(tro_bits(tro_select(odd, c, s)) ^ s_sign ^ x_sign);
    *cosine = tro_value(tro_bits(tro_select(odd, s, c)) ^ c_sign);

    const tro_m far = tro_less(tro_set(0x1p30), a);
    if (tro_any(far)) {
        tro_v far_sine = *sine, far_cosine = *cosine;
        for (int i = 0; i < TRO_LANES; i++) {
            TRO_LANE(far_sine, i) = sin(TRO_LANE(x, i));
            TRO_LANE(far_cosine, i) = cos(TRO_LANE(x, i));
        }
        *sine = tro_select(far, far_sine, *sine);
        *cosine = tro_select(far, far_cosine, *cosine);
    }
}

static inline tro_v tro_vsin(tro_v x)
{
    tro_v sine, cosine;
    tro_vsincos(x, &sine, &cosine);
    return sine;
}

static inline tro_v tro_vcos(tro_v x)
{
    tro_v sine, cosine;
    tro_vsincos(x, &sine, &cosine);
    return cosine;
}

#endif
