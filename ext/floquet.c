/* Floquet multipliers as a generalised eigenvalue problem.
 *
 * The two matrices are not multiplied into a monodromy matrix, which would lose the small
 * multipliers beside large ones: Fairgrieve & Jepson (1991), SIAM J. Numer. Anal. 28, 1446.
 */
#include "floquet.h"

#include <math.h>
#include <string.h>

/* A product knows the multipliers that are larger than this share of its largest. */
static const double SMALL = 1e-6;
enum { WORK_COLUMNS = 16 };

size_t tro_floquet_work(int n)
{
    return (size_t)n * (size_t)(2 * n + 3 + WORK_COLUMNS);
}

static double size_of(const double *z)
{
    return hypot(z[0], z[1]);
}

/* Sort numbers, the largest first; equal ones keep their order. */
static void sort(int n, double *values)
{
    for (int i = 1; i < n; i++) {
        const double re = values[2 * i], im = values[2 * i + 1], size = hypot(re, im);
        int j = i;
        for (; j > 0 && size_of(values + 2 * (j - 1)) < size; j--) {
            values[2 * j] = values[2 * j - 2];
            values[2 * j + 1] = values[2 * j - 1];
        }
        values[2 * j] = re;
        values[2 * j + 1] = im;
    }
}

/* Write the n eigenvalues of a pair of matrices. Returns 0 or a nonzero number. */
static int of_pair(int n, const double *pair, tro_dggev *dggev, double *work, double *values)
{
    char no = 'N';
    int info = 0, one = 1, count = WORK_COLUMNS * n;
    double *a = work, *b = a + n * n, *re = b + n * n, *im = re + n, *scale = im + n;
    double *rest = scale + n, none = 0.0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            a[j * n + i] = pair[i * n + j];
            b[j * n + i] = -pair[n * n + i * n + j];
            if (!isfinite(a[j * n + i]) || !isfinite(b[j * n + i]))
                return 1;
        }
    dggev(&no, &no, &n, a, &n, b, &n, re, im, scale, &none, &one, &none, &one, rest, &count,
          &info);
    for (int i = 0; info == 0 && i < n; i++) {
        const int finite = hypot(re[i], im[i]) < TRO_FLOQUET_LARGEST * fabs(scale[i]);
        values[2 * i] = finite ? re[i] / scale[i] : TRO_FLOQUET_LARGEST;
        values[2 * i + 1] = finite ? im[i] / scale[i] : 0.0;
    }
    return info;
}

/* Put what a product of maps knows in the place of the largest of n values. */
static void refine(int n, tro_floquet_across across, tro_dgeev *dgeev, double *work,
                   double *values)
{
    char no = 'N';
    int info = 0, one = 1, count = WORK_COLUMNS * n;
    double *a = work, *re = a + n * n, *im = re + n, *known = im + n, *rest = known + 2 * n;
    double none = 0.0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            a[j * n + i] = across.product[i * n + j];
    dgeev(&no, &no, &n, a, &n, re, im, &none, &one, &none, &one, rest, &count, &info);
    if (info != 0)
        return;
    for (int i = 0; i < n; i++) {
        known[2 * i] = re[i];
        known[2 * i + 1] = im[i];
    }
    sort(n, known);
    double sign = 1.0, left = across.volume;
    int large = 0;
    for (; large < n && size_of(known + 2 * large) > SMALL * size_of(known); large++) {
        const double x = known[2 * large] * across.size, y = known[2 * large + 1] * across.size;
        values[2 * large] = x;
        values[2 * large + 1] = y;
        sign = y == 0.0 && x < 0.0 ? -sign : sign;
        left -= log(hypot(x, y));
    }
    if (large == n - 1) {
        /* All of them change volumes as Liouville's formula has it. */
        values[2 * large] = sign * exp(left);
        values[2 * large + 1] = 0.0;
    }
}

void tro_floquet(int n, const double *pair, tro_floquet_across across, double rounding,
                 tro_dggev *dggev, tro_dgeev *dgeev, double *work, double *values,
                 tro_floquet_facts *facts)
{
    if (of_pair(n, pair, dggev, work, values) != 0) {
        for (int i = 0; i < n; i++) {
            values[2 * i] = TRO_FLOQUET_LARGEST;
            values[2 * i + 1] = 0.0;
        }
        facts->error = INFINITY;
        facts->n_unstable = n - 1;
        return;
    }
    int at = 0;
    for (int i = 1; i < n; i++)
        if (hypot(values[2 * i] - 1.0, values[2 * i + 1])
            < hypot(values[2 * at] - 1.0, values[2 * at + 1]))
            at = i;
    double re = values[2 * at], im = values[2 * at + 1];
    for (int i = at; i > 0; i--) {
        values[2 * i] = values[2 * i - 2];
        values[2 * i + 1] = values[2 * i - 1];
    }
    sort(n - 1, values + 2);
    if (across.product != NULL && isfinite(across.along)) {
        re = across.along;
        im = 0.0;
        refine(n - 1, across, dgeev, work, values + 2);
    }
    values[0] = re;
    values[1] = im;
    facts->error = hypot(re - 1.0, im);
    const double margin = fmax(rounding, 10.0 * facts->error);
    facts->n_unstable = 0;
    for (int i = 1; i < n; i++)
        facts->n_unstable += size_of(values + 2 * i) > 1.0 + margin;
}

/* Multiply a complex number by a + b z, over 1 + |z|. */
static void times(double *out, double a, double b, double re, double im)
{
    const double over = 1.0 + hypot(re, im), x = (a + b * re) / over, y = b * im / over;
    const double kept = out[0] * x - out[1] * y;
    out[1] = out[0] * y + out[1] * x;
    out[0] = kept;
}

void tro_floquet_tests(int n, const double *values, double *tests)
{
    double doubling[2] = {1.0, 0.0}, torus[2] = {1.0, 0.0}, unit[2] = {1.0, 0.0};
    for (int i = 0; i < n; i++) {
        const double *x = values + 2 * i;
        times(doubling, 1.0, 1.0, x[0], x[1]);
        times(unit, 1.0, -1.0, x[0], x[1]);
        for (int j = i + 1; j < n; j++) {
            const double *y = values + 2 * j;
            times(torus, 1.0, -1.0, x[0] * y[0] - x[1] * y[1], x[0] * y[1] + x[1] * y[0]);
        }
    }
    tests[0] = doubling[0];
    tests[1] = torus[0];
    tests[2] = unit[0];
}
