/* Every function of lanes_math.h over arrays, for ctypes. n is a multiple of TRO_LANES. */
#include "lanes_math.h"

static tro_v load(const double *x)
{
    tro_v a = tro_set(0.0);
    for (int i = 0; i < TRO_LANES; i++) TRO_LANE(a, i) = x[i];
    return a;
}

static void store(double *out, tro_v a)
{
    for (int i = 0; i < TRO_LANES; i++) out[i] = TRO_LANE(a, i);
}

#define OVER_ARRAY(function)                                                                \
    void run_##function(const double *x, double *out, int n);                               \
    void run_##function(const double *x, double *out, int n)                                \
    {                                                                                       \
        for (int i = 0; i < n; i += TRO_LANES) store(out + i, tro_v##function(load(x + i))); \
    }

OVER_ARRAY(exp)
OVER_ARRAY(log)
OVER_ARRAY(tanh)
OVER_ARRAY(sin)
OVER_ARRAY(cos)
OVER_ARRAY(sinh)
OVER_ARRAY(cosh)
OVER_ARRAY(tan)
OVER_ARRAY(asin)
OVER_ARRAY(acos)
OVER_ARRAY(atan)
OVER_ARRAY(asinh)
OVER_ARRAY(acosh)
OVER_ARRAY(atanh)

void run_pow(const double *x, const double *y, double *out, int n);
void run_pow(const double *x, const double *y, double *out, int n)
{
    for (int i = 0; i < n; i += TRO_LANES) store(out + i, tro_vpow(load(x + i), load(y + i)));
}

#ifdef WITH_MAIN
/* All bit patterns are allowed inputs: undefined behaviour on any of them would trap. */
int main(void)
{
    void (*const all[])(const double *, double *, int) = {
        run_exp, run_log, run_tanh, run_sin, run_cos, run_sinh, run_cosh,
    };
    unsigned long long state = 88172645463325252ULL;
    for (int repeat = 0; repeat < 20000; repeat++) {
        double x[16], out[8];
        for (int i = 0; i < 16; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            union { unsigned long long bits; double value; } u;
            u.bits = i % 8 == 7 ? 0xffffffffffffffffULL : i == 6 ? 0x7fffffffffffffffULL : state;
            x[i] = u.value;
        }
        for (unsigned k = 0; k < sizeof all / sizeof *all; k++) all[k](x, out, 8);
        run_pow(x, x + 8, out, 8);
    }
    return 0;
}
#endif
