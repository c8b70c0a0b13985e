/* Floquet multipliers as a generalised eigenvalue problem.
 *
 * The two matrices are not multiplied into a monodromy matrix, which would lose the small
 * multipliers beside large ones: Fairgrieve & Jepson (1991), SIAM J. Numer. Anal. 28, 1446.
 */
#include "floquet.h"

#include <math.h>
#include <string.h>

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

void tro_floquet(int n, const double *pair, double volume, tro_dggev *dggev, double *work,
                 double *values)
{
    if (of_pair(n, pair, dggev, work, values) != 0) {
        for (int i = 0; i < n; i++) {
            values[2 * i] = TRO_FLOQUET_LARGEST;
            values[2 * i + 1] = 0.0;
        }
        return;
    }
    int at = 0;
    for (int i = 1; i < n; i++)
        if (hypot(values[2 * i] - 1.0, values[2 * i + 1])
            < hypot(values[2 * at] - 1.0, values[2 * at + 1]))
            at = i;
    const double re = values[2 * at], im = values[2 * at + 1];
    for (int i = at; i > 0; i--) {
        values[2 * i] = values[2 * i - 2];
        values[2 * i + 1] = values[2 * i - 1];
    }
    values[0] = re;
    values[1] = im;
    sort(n - 1, values + 2);
    if (n == 2 && isfinite(volume)) {
        values[2] = fmin(exp(volume), TRO_FLOQUET_LARGEST);
        values[3] = 0.0;
    }
}

void tro_floquet_look(int n, const double *values, double volume, double rounding,
                      tro_floquet_facts *facts)
{
    facts->error = hypot(values[0] - 1.0, values[1]);
    facts->mismatch = -volume;
    facts->smallest = INFINITY;
    facts->n_unstable = 0;
    const double margin = fmax(rounding, 10.0 * facts->error);
    for (int i = 1; i < n; i++) {
        const double size = size_of(values + 2 * i);
        facts->n_unstable += size > 1.0 + margin;
        facts->smallest = fmin(facts->smallest, size);
        facts->mismatch += log(size);
    }
    /* Of two, the other one is what the formula tells. */
    const int compared = isfinite(volume) && n > 2;
    facts->mismatch = compared ? fabs(facts->mismatch) : 0.0;
    facts->smallest = isfinite(volume) && n == 2 ? 1.0 : facts->smallest;
}

/* Orthogonal iteration goes on until a direction turns by less than this into those before it, or
 * grows by no less than 1 / FACTOR of what the one before it does: then they are told apart by the
 * eigenvalues of a small product. */
static const double TURN = 1e-12, FACTOR = 30.0;
enum { LEAST_ROUNDS = 2, MOST_ROUNDS = 16 };

size_t tro_floquet_product_work(int n)
{
    return (size_t)n * (size_t)(7 * n + 6 + WORK_COLUMNS);
}

/* Take vectors, the columns of basis (n, n), through all matrices, orthonormal after each.
 *
 * logs (n) are what this does to their sizes. Where `group` is given, blocks (n, n) are, between
 * vectors of one group (consecutive numbers with one entry), the products of what
 * orthonormalisation takes out, over exp(scale), an entry a vector. z and r (n, n) are work space.
 * Returns whether all went well. */
static int carried(int n, int count, const double *matrices, double *basis, double *logs,
                   const double *group, double *blocks, double *scale, double *z, double *r)
{
    for (int i = 0; i < n; i++)
        logs[i] = scale[i] = 0.0;
    for (int i = 0; i < n * n; i++)
        blocks[i] = i % (n + 1) == 0 ? 1.0 : 0.0;
    for (int m = 0; m < count; m++, matrices += n * n) {
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                double sum = 0.0;
                for (int k = 0; k < n; k++)
                    sum += matrices[i * n + k] * basis[k * n + j];
                z[i * n + j] = sum;
            }
        for (int j = 0; j < n; j++) {
            for (int k = 0; k < j; k++)
                r[k * n + j] = 0.0;
            /* Twice, for what rounding leaves of a large share the first time. */
            for (int pass = 0; pass < 2; pass++)
                for (int k = 0; k < j; k++) {
                    double share = 0.0;
                    for (int i = 0; i < n; i++)
                        share += basis[i * n + k] * z[i * n + j];
                    r[k * n + j] += share;
                    for (int i = 0; i < n; i++)
                        z[i * n + j] -= share * basis[i * n + k];
                }
            double square = 0.0;
            for (int i = 0; i < n; i++)
                square += z[i * n + j] * z[i * n + j];
            const double size = sqrt(square);
            if (!(size > 0.0 && size < INFINITY))
                return 0;
            for (int i = 0; i < n; i++)
                basis[i * n + j] = z[i * n + j] / size;
            r[j * n + j] = size;
            logs[j] += log(size);
        }
        for (int first = 0; group != NULL && first < n;) {
            int last = first;
            double most = 0.0;
            while (last < n && group[last] == group[first])
                last++;
            for (int i = first; i < last; i++)
                for (int j = first; j < last; j++) {
                    /* Rows below have what is older. */
                    double sum = 0.0;
                    for (int k = i; k < last; k++)
                        sum += r[i * n + k] * blocks[k * n + j];
                    blocks[i * n + j] = sum;
                    most = fmax(most, fabs(sum));
                }
            for (int i = first; i < last; i++) {
                for (int j = first; j < last; j++)
                    blocks[i * n + j] /= most;
                scale[i] += log(most);
            }
            first = last;
        }
    }
    return 1;
}

int tro_floquet_product(int n, int count, const double *matrices, tro_dgeev *dgeev, double *work,
                        double *values)
{
    double *basis = work, *before = basis + n * n, *blocks = before + n * n, *z = blocks + n * n;
    double *r = z + n * n, *turn = r + n * n, *a = turn + n * n, *logs = a + n * n;
    double *scale = logs + n, *group = scale + n, *re = group + n, *im = re + n, *rest = im + n;
    for (int i = 0; i < n * n; i++)
        basis[i] = i % (n + 1) == 0 ? 1.0 : 0.0;
    for (int round = 0, ready = 0; !ready; round++) {
        memcpy(before, basis, sizeof(double) * (size_t)(n * n));
        if (!carried(n, count, matrices, basis, logs, NULL, blocks, scale, z, r))
            return 1;
        ready = round + 1 >= LEAST_ROUNDS;
        group[0] = 0.0;
        for (int cut = 1; cut < n; cut++) {
            /* How far what lies before the cut has turned into what lies behind it. */
            double most = 0.0;
            for (int i = cut; i < n; i++)
                for (int j = 0; j < cut; j++) {
                    double sum = 0.0;
                    for (int k = 0; k < n; k++)
                        sum += before[k * n + i] * basis[k * n + j];
                    most = fmax(most, fabs(sum));
                }
            group[cut] = group[cut - 1] + (most <= TURN ? 1.0 : 0.0);
            if (most > TURN && logs[cut - 1] - logs[cut] > log(FACTOR))
                ready = 0;
        }
        ready |= round + 1 >= MOST_ROUNDS;
    }
    memcpy(before, basis, sizeof(double) * (size_t)(n * n));
    if (!carried(n, count, matrices, basis, logs, group, blocks, scale, z, r))
        return 1;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            turn[i * n + j] = 0.0;
            for (int k = 0; k < n; k++)
                turn[i * n + j] += before[k * n + i] * basis[k * n + j];
        }
    for (int first = 0; first < n;) {
        int last = first, info = 0, one = 1, size, room = WORK_COLUMNS * n;
        char no = 'N';
        double none = 0.0;
        while (last < n && group[last] == group[first])
            last++;
        size = last - first;
        for (int i = 0; i < size; i++)
            for (int j = 0; j < size; j++) {
                a[j * size + i] = 0.0;
                for (int k = first; k < last; k++)
                    a[j * size + i] += turn[(first + i) * n + k] * blocks[k * n + first + j];
            }
        if (size == 1)
            re[0] = a[0], im[0] = 0.0;
        else
            dgeev(&no, &no, &size, a, &size, re, im, &none, &one, &none, &one, rest, &room, &info);
        if (info != 0)
            return info;
        /* exp would overflow before the product does. */
        const double half = exp(scale[first] / 2.0);
        for (int i = 0; i < size; i++) {
            const double length = hypot(re[i], im[i]) * half * half;
            const int finite = length < TRO_FLOQUET_LARGEST;
            values[2 * (first + i)] = finite ? re[i] * half * half : TRO_FLOQUET_LARGEST;
            values[2 * (first + i) + 1] = finite ? im[i] * half * half : 0.0;
        }
        first = last;
    }
    sort(n, values);
    return 0;
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
