/* One text for every width: a tro_v is TRO_LANES doubles that go through the same operations.
 *
 * Every operation here is either exact or rounded once, and a product is added only through
 * tro_fma, so a lane holds the same bits at every width and on every processor. Contraction
 * must be off. Includes nothing: a compiler without system headers can read it.
 */
#ifndef TRO_LANES_H
#define TRO_LANES_H

#ifndef TRO_LANES
#define TRO_LANES 1
#endif

/* Who has operations on whole vectors: Clang from version 17 on, and GCC on x86. Elsewhere they
 * go lane by lane. */
#define TRO_CLANG 1
#define TRO_GCC 2
#if defined(__clang__)
#if __has_builtin(__builtin_elementwise_fma) && __has_builtin(__builtin_elementwise_sqrt)
#define TRO_WHOLE TRO_CLANG
#endif
#elif defined(__GNUC__) && !defined(__TINYC__) && defined(__FMA__) && defined(__AVX__)
#define TRO_WHOLE TRO_GCC
#endif
#ifndef TRO_WHOLE
#define TRO_WHOLE 0
#endif

double fma(double, double, double);
double sqrt(double);

/* ---- types: values; masks whose lanes are 0 or -1; the same as bits without a sign ---- */

#if TRO_LANES == 1

typedef double tro_v;
typedef long long tro_m;
typedef unsigned long long tro_u;

static inline tro_v tro_set(double x) { return x; }
static inline tro_m tro_set_bits(long long x) { return x; }
#define TRO_LANE(a, lane) (*((void)(lane), &(a))) /* can be set */
static inline tro_m tro_bits(tro_v a)
{
    union { double value; long long bits; } u;
    u.value = a;
    return u.bits;
}
static inline tro_v tro_value(tro_m a)
{
    union { double value; long long bits; } u;
    u.bits = a;
    return u.value;
}
static inline tro_m tro_shift_left(tro_m a, int n) { return (tro_m)((tro_u)a << n); }
static inline tro_m tro_shift_right(tro_m a, int n) { return (tro_m)((tro_u)a >> n); }
static inline tro_m tro_wrapping_sum(tro_m a, tro_m b) { return (tro_m)((tro_u)a + (tro_u)b); }
static inline tro_m tro_less(tro_v a, tro_v b) { return -(long long)(a < b); }
static inline tro_m tro_equal(tro_v a, tro_v b) { return -(long long)(a == b); }
static inline int tro_any(tro_m a) { return a != 0; }
#if defined(__GNUC__) && !defined(__TINYC__)
static inline tro_v tro_fma(tro_v a, tro_v b, tro_v c) { return __builtin_fma(a, b, c); }
static inline tro_v tro_sqrt(tro_v a) { return __builtin_sqrt(a); }
#else
static inline tro_v tro_fma(tro_v a, tro_v b, tro_v c) { return fma(a, b, c); }
static inline tro_v tro_sqrt(tro_v a) { return sqrt(a); }
#endif

#else

typedef double tro_v __attribute__((vector_size(8 * TRO_LANES)));
typedef long long tro_m __attribute__((vector_size(8 * TRO_LANES)));
typedef unsigned long long tro_u __attribute__((vector_size(8 * TRO_LANES)));

static inline tro_v tro_set(double x) { return x - (tro_v){0.0}; }
static inline tro_m tro_set_bits(long long x) { return x - (tro_m){0}; }
#define TRO_LANE(a, lane) ((a)[lane])
static inline tro_m tro_bits(tro_v a) { return (tro_m)a; }
static inline tro_v tro_value(tro_m a) { return (tro_v)a; }
static inline tro_m tro_shift_left(tro_m a, int n) { return (tro_m)((tro_u)a << n); }
static inline tro_m tro_shift_right(tro_m a, int n) { return (tro_m)((tro_u)a >> n); }
static inline tro_m tro_wrapping_sum(tro_m a, tro_m b) { return (tro_m)((tro_u)a + (tro_u)b); }
static inline tro_m tro_less(tro_v a, tro_v b) { return (tro_m)(a < b); }
static inline tro_m tro_equal(tro_v a, tro_v b) { return (tro_m)(a == b); }
static inline int tro_any(tro_m a)
{
    long long all = 0;
    for (int i = 0; i < TRO_LANES; i++) all |= a[i];
    return all != 0;
}

#if TRO_WHOLE == TRO_CLANG
static inline tro_v tro_fma(tro_v a, tro_v b, tro_v c)
{
    return __builtin_elementwise_fma(a, b, c);
}
static inline tro_v tro_sqrt(tro_v a) { return __builtin_elementwise_sqrt(a); }
#elif TRO_WHOLE == TRO_GCC && defined(__AVX512F__) && TRO_LANES == 8
static inline tro_v tro_fma(tro_v a, tro_v b, tro_v c)
{
    return __builtin_ia32_vfmaddpd512_mask(a, b, c, 0xff, 4);
}
static inline tro_v tro_sqrt(tro_v a)
{
    return __builtin_ia32_sqrtpd512_mask(a, a, -1, 4);
}
#elif TRO_WHOLE == TRO_GCC && TRO_LANES == 4
static inline tro_v tro_fma(tro_v a, tro_v b, tro_v c) { return __builtin_ia32_vfmaddpd256(a, b, c); }
static inline tro_v tro_sqrt(tro_v a) { return __builtin_ia32_sqrtpd256(a); }
#else
static inline tro_v tro_fma(tro_v a, tro_v b, tro_v c)
{
    tro_v out;
    for (int i = 0; i < TRO_LANES; i++) out[i] = __builtin_fma(a[i], b[i], c[i]);
    return out;
}
static inline tro_v tro_sqrt(tro_v a)
{
    tro_v out;
    for (int i = 0; i < TRO_LANES; i++) out[i] = __builtin_sqrt(a[i]);
    return out;
}
#endif
#endif

/* ---- vectors of what one run computes side by side, where TRO_SIDE is not 0 ---- */

#if TRO_LANES == 1 && TRO_WHOLE && defined(__FMA__) && defined(__AVX__)
#define TRO_SIDE_WIDTH 4
#define TRO_SIDE TRO_SIDE_WIDTH
typedef double tro_side __attribute__((vector_size(8 * TRO_SIDE)));
/* Sum of c and products of what lies at two places that are aligned; as tro_fma. */
static inline tro_side tro_side_fma(const double *a, const double *b, tro_side c)
{
    const tro_side *x = (const tro_side *)(const void *)a, *y = (const tro_side *)(const void *)b;
#if TRO_WHOLE == TRO_CLANG
    return __builtin_elementwise_fma(*x, *y, c);
#else
    return __builtin_ia32_vfmaddpd256(*x, *y, c);
#endif
}
/* The same with twice the one place. */
static inline tro_side tro_side_twice_fma(const double *a, const double *b, tro_side c)
{
    const tro_side x = *(const tro_side *)(const void *)a, twice = x + x;
    const tro_side *y = (const tro_side *)(const void *)b;
#if TRO_WHOLE == TRO_CLANG
    return __builtin_elementwise_fma(twice, *y, c);
#else
    return __builtin_ia32_vfmaddpd256(twice, *y, c);
#endif
}
#else
#define TRO_SIDE 0
#endif

/* ---- what follows from them ---- */

/* a where the mask is set, b elsewhere. */
#if TRO_LANES == 1
static inline tro_v tro_select(tro_m mask, tro_v a, tro_v b) { return mask ? a : b; }
#else
static inline tro_v tro_select(tro_m mask, tro_v a, tro_v b)
{
    return tro_value((tro_bits(a) & mask) | (tro_bits(b) & ~mask));
}
#endif

static inline tro_v tro_abs(tro_v a)
{
    return tro_value(tro_bits(a) & tro_set_bits(0x7fffffffffffffffLL));
}

/* The larger; NaN in a is kept. */
#if !defined(__clang__) && defined(__AVX512F__) && TRO_LANES == 8
static inline tro_v tro_larger(tro_v a, tro_v b)
{
    return __builtin_ia32_maxpd512_mask(b, a, a, 0xff, 4);
}
static inline tro_v tro_smaller(tro_v a, tro_v b)
{
    return __builtin_ia32_minpd512_mask(b, a, a, 0xff, 4);
}
#else
static inline tro_v tro_larger(tro_v a, tro_v b) { return tro_select(tro_less(a, b), b, a); }
static inline tro_v tro_smaller(tro_v a, tro_v b) { return tro_select(tro_less(b, a), b, a); }
#endif

#endif
