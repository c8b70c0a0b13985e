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

/* Make a Hessenberg by elimination with pivoting: half the work of reflections, and less where
 * there are zeros. */
static void dense_hessenberg(int n, double *a)
{
    for (int k = 0; k + 2 < n; k++) {
        int best = k + 1;
        for (int i = k + 2; i < n; i++)
            if (fabs(a[i * n + k]) > fabs(a[best * n + k])) best = i;
        const double pivot = a[best * n + k];
        if (pivot == 0.0) continue;
        double *next = a + (k + 1) * n;
        if (best != k + 1) {
            for (int j = k; j < n; j++) {
                const double hold = next[j];
                next[j] = a[best * n + j];
                a[best * n + j] = hold;
            }
            for (int i = 0; i < n; i++) {
                const double hold = a[i * n + k + 1];
                a[i * n + k + 1] = a[i * n + best];
                a[i * n + best] = hold;
            }
        }
        for (int i = k + 2; i < n; i++) {
            double *row = a + i * n;
            if (row[k] == 0.0) continue;
            const double factor = row[k] / pivot;
            row[k] = 0.0;
            for (int j = k + 1; j < n; j++) row[j] -= factor * next[j];
            for (int r = 0; r < n; r++) a[r * n + k + 1] += factor * a[r * n + i];
        }
    }
}

/* Reflect the rows and columns k to k + m - 1 (m is 2 or 3) of a Hessenberg matrix so that v (3)
 * becomes a multiple of its first unit vector: in columns from `from`, in rows from low, up to
 * high. */
static void dense_reflect(int n, double *a, int k, int m, const double *v, int from, int low,
                          int high)
{
    const double most = fmax(fmax(fabs(v[0]), fabs(v[1])), m == 3 ? fabs(v[2]) : 0.0);
    if (most == 0.0) return;
    const double x = v[0] / most, y = v[1] / most, z = m == 3 ? v[2] / most : 0.0;
    const double first = x + copysign(sqrt(x * x + y * y + z * z), x);
    const double p = y / first, q = z / first, scale = 2.0 / (1.0 + p * p + q * q);
    double *restrict row = a + k * n, *restrict next = row + n, *restrict last = next + n;
    const int to = k + 3 < high ? k + 3 : high;
    for (int j = from; j <= high; j++) {
        const double two = row[j] + p * next[j];
        const double sum = (m == 3 ? two + q * last[j] : two) * scale;
        row[j] -= sum;
        next[j] -= sum * p;
        if (m == 3) last[j] -= sum * q;
    }
    for (int i = low; i <= to; i++) {
        double *at = a + i * n + k;
        const double two = at[0] + p * at[1];
        const double sum = (m == 3 ? two + q * at[2] : two) * scale;
        at[0] -= sum;
        at[1] -= sum * p;
        if (m == 3) at[2] -= sum * q;
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
    dense_hessenberg(n, a);
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
            dense_reflect(n, a, k, m, v, k > low ? k - 1 : low, low, high);
            if (k > low)
                for (int i = 1; i < m; i++) a[(k + i) * n + k - 1] = 0.0;
            for (int i = 0; i < 3 && k + 1 + i <= high; i++) v[i] = a[(k + 1 + i) * n + k];
        }
    }
    return 1;
}
