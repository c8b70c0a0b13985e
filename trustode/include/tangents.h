/* Tangents of one run, TRO_WIDE of them side by side: a tro_w is that many doubles, and goes
 * through the same operations as lanes.h has for runs. Each lane holds the same bits at every
 * width. Sums, products and quotients with scalars too are those of the language.
 */
#ifndef TRO_TANGENTS_H
#define TRO_TANGENTS_H

#include "lanes.h"

#if !defined(__GNUC__) || defined(__TINYC__)
#define TRO_WIDE 1
typedef double tro_w;
#define TRO_WIDE_LANE(a, lane) (*((void)(lane), &(a))) /* can be set */
#else
#if defined(__AVX512F__)
#define TRO_WIDE 8
#elif defined(__AVX__)
#define TRO_WIDE 4
#else
#define TRO_WIDE 2
#endif
typedef double tro_w __attribute__((vector_size(8 * TRO_WIDE)));
#define TRO_WIDE_LANE(a, lane) ((a)[lane])
#endif

/* Functions of which each call is compiled by itself, for the constants that it is given. */
#if defined(__GNUC__) && !defined(__TINYC__)
#define TRO_SPREAD inline __attribute__((always_inline))
#else
#define TRO_SPREAD inline
#endif

static inline tro_w tro_wide_set(double x)
{
    const tro_w none = {0.0};
    return x - none;
}

static inline tro_w tro_wide_both(tro_w a, tro_w b, tro_w c)
{
#if TRO_WIDE == 1
    return fma(a, b, c);
#elif TRO_WHOLE == TRO_CLANG
    return __builtin_elementwise_fma(a, b, c);
#elif TRO_WHOLE == TRO_GCC && TRO_WIDE == 8
    return __builtin_ia32_vfmaddpd512_mask(a, b, c, 0xff, 4);
#elif TRO_WHOLE == TRO_GCC && TRO_WIDE == 4
    return __builtin_ia32_vfmaddpd256(a, b, c);
#else
    tro_w out;
    for (int i = 0; i < TRO_WIDE; i++) out[i] = __builtin_fma(a[i], b[i], c[i]);
    return out;
#endif
}

/* c + a b of tangents b and c, rounded once. */
static inline tro_w tro_wide_fma(double a, tro_w b, tro_w c)
{
    return tro_wide_both(tro_wide_set(a), b, c);
}

/* c - a b, rounded once. */
static inline tro_w tro_wide_less(double a, tro_w b, tro_w c)
{
    return tro_wide_both(tro_wide_set(a), -b, c);
}

/* The larger; NaN in a is kept. */
static inline tro_w tro_wide_larger(tro_w a, tro_w b)
{
#if TRO_WIDE == 1
    return tro_larger(a, b);
#elif TRO_WHOLE == TRO_GCC && TRO_WIDE == 8
    return __builtin_ia32_maxpd512_mask(b, a, a, 0xff, 4);
#elif TRO_WHOLE == TRO_GCC && TRO_WIDE == 4
    return __builtin_ia32_maxpd256(b, a);
#else
    typedef long long bits __attribute__((vector_size(8 * TRO_WIDE)));
    const bits less = (bits)(a < b);
    return (tro_w)(((bits)b & less) | ((bits)a & ~less));
#endif
}

static inline tro_w tro_wide_sqrt(tro_w a)
{
#if TRO_WIDE == 1
    return tro_sqrt(a);
#elif TRO_WHOLE == TRO_CLANG
    return __builtin_elementwise_sqrt(a);
#elif TRO_WHOLE == TRO_GCC && TRO_WIDE == 8
    return __builtin_ia32_sqrtpd512_mask(a, a, -1, 4);
#elif TRO_WHOLE == TRO_GCC && TRO_WIDE == 4
    return __builtin_ia32_sqrtpd256(a);
#else
    for (int i = 0; i < TRO_WIDE; i++) a[i] = __builtin_sqrt(a[i]);
    return a;
#endif
}

#endif
