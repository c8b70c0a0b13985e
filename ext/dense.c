/* Small dense linear algebra, row-major. Golub & Van Loan, Matrix Computations, 3.4 (factors),
 * 7.4.2 and 7.5 (eigenvalues). */
#include <float.h>
#include <math.h>

#include "dense.h"

int tro_dense_factor(int n, double *a, int *row)
{
    for (int k = 0; k < n; k++) {
        int best = k;
        for (int i = k + 1; i < n; i++)
            if (fabs(a[i * n + k]) > fabs(a[best * n + k])) best = i;
        row[k] = best;
        const double pivot = a[best * n + k];
        if (pivot == 0.0 || !isfinite(pivot)) return TRO_SINGULAR;
        if (best != k)
            for (int j = 0; j < n; j++) {
                const double hold = a[k * n + j];
                a[k * n + j] = a[best * n + j];
                a[best * n + j] = hold;
            }
        for (int i = k + 1; i < n; i++) {
            const double factor = a[i * n + k] / pivot;
            a[i * n + k] = factor;
            if (factor != 0.0)
                for (int j = k + 1; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
        }
    }
    return TRO_SUCCESS;
}

/* Sum of products, in four sums that do not wait for each other. */
static double dense_dot(int n, const double *a, const double *b)
{
    double sum[4] = {0.0, 0.0, 0.0, 0.0};
    int j = 0;
    for (; j + 4 <= n; j += 4)
        for (int q = 0; q < 4; q++) sum[q] += a[j + q] * b[j + q];
    for (; j < n; j++) sum[0] += a[j] * b[j];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

void tro_dense_solve(int n, const double *a, const int *row, double *b)
{
    for (int k = 0; k < n; k++) {
        const double hold = b[row[k]];
        b[row[k]] = b[k];
        b[k] = hold;
    }
    for (int i = 1; i < n; i++) b[i] -= dense_dot(i, a + i * n, b);
    for (int i = n - 1; i >= 0; i--)
        b[i] = (b[i] - dense_dot(n - 1 - i, a + i * n + i + 1, b + i + 1)) / a[i * n + i];
}

/* Reflect rows and columns at .. at + m of a so that v (m) becomes a multiple of its first unit
 * vector: rows from column `from`, columns down to row `to`. */
static void dense_reflect(int n, double *a, int at, int m, double *v, int from, int first, int to)
{
    double size = 0.0;
    for (int i = 0; i < m; i++) size = fmax(size, fabs(v[i]));
    if (size == 0.0) return;
    double square = 0.0;
    for (int i = 0; i < m; i++) v[i] /= size, square += v[i] * v[i];
    v[0] += copysign(sqrt(square), v[0]);
    double half = 0.0;
    for (int i = 0; i < m; i++) half += v[i] * v[i];
    half *= 0.5;
    for (int j = from; j < n; j++) {
        double sum = 0.0;
        for (int i = 0; i < m; i++) sum += v[i] * a[(at + i) * n + j];
        sum /= half;
        for (int i = 0; i < m; i++) a[(at + i) * n + j] -= sum * v[i];
    }
    for (int i = first; i <= to; i++) {
        double *row = a + i * n + at, sum = 0.0;
        for (int j = 0; j < m; j++) sum += row[j] * v[j];
        sum /= half;
        for (int j = 0; j < m; j++) row[j] -= sum * v[j];
    }
}

/* Make a Hessenberg; v (n) is room. */
static void dense_hessenberg(int n, double *a, double *v)
{
    for (int k = 0; k + 2 < n; k++) {
        const int m = n - k - 1;
        for (int i = 0; i < m; i++) v[i] = a[(k + 1 + i) * n + k];
        dense_reflect(n, a, k + 1, m, v, k, 0, n - 1);
        for (int i = k + 2; i < n; i++) a[i * n + k] = 0.0;
    }
}

/* Eigenvalues of two by two, from half its trace and its determinant about that. */
static void dense_pair(double a, double b, double c, double d, double *re, double *im)
{
    const double half = 0.5 * (a - d), square = half * half + b * c;
    re[0] = re[1] = 0.5 * (a + d);
    im[0] = im[1] = 0.0;
    if (square < 0.0) {
        im[0] = sqrt(-square);
        im[1] = -im[0];
    } else {
        const double far = half + copysign(sqrt(square), half);
        re[0] = d + far;
        re[1] = far == 0.0 ? d : d - b * c / far;
    }
}

int tro_dense_eigenvalues(int n, double *a, double *re, double *im)
{
    enum { PATIENCE = 60 };
    dense_hessenberg(n, a, re);
    for (int high = n - 1, tries = 0; high >= 0;) {
        int low = high;
        for (; low > 0; low--) {
            double *below = a + low * n + low - 1;
            const double size = fabs(below[-n]) + fabs(below[1]);
            if (fabs(*below) <= DBL_EPSILON * size) {
                *below = 0.0;
                break;
            }
        }
        const double *end = a + high * n + high;
        if (low == high) {
            re[high] = *end;
            im[high--] = 0.0;
            tries = 0;
            continue;
        }
        if (low == high - 1) {
            dense_pair(end[-n - 1], end[-n], end[-1], end[0], re + low, im + low);
            high -= 2;
            tries = 0;
            continue;
        }
        if (++tries > PATIENCE) return 0;
        /* Both shifts in one sweep; now and then others, should they go round in a circle. */
        double trace = end[-n - 1] + end[0], square = end[-n - 1] * end[0] - end[-n] * end[-1];
        if (tries % 10 == 0) {
            const double far = fabs(end[-1]) + fabs(end[-n - 2]);
            trace = 1.5 * far;
            square = far * far;
        }
        const double *top = a + low * n + low;
        double v[3] = {top[0] * top[0] + top[1] * top[n] - trace * top[0] + square,
                       top[n] * (top[0] + top[n + 1] - trace), top[n] * top[2 * n + 1]};
        for (int k = low; k < high; k++) {
            const int m = k < high - 1 ? 3 : 2;
            dense_reflect(n, a, k, m, v, k > low ? k - 1 : low, low, k + 3 < high ? k + 3 : high);
            if (k > low)
                for (int i = 1; i < m; i++) a[(k + i) * n + k - 1] = 0.0;
            for (int i = 0; i < 3 && k + 1 + i <= high; i++) v[i] = a[(k + 1 + i) * n + k];
        }
    }
    return 1;
}
