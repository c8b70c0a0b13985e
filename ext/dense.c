/* Small dense linear algebra, row-major. Golub & Van Loan, Matrix Computations, 3.4. */
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
