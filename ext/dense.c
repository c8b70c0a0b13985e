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

void tro_dense_solve(int n, const double *a, const int *row, double *b)
{
    for (int k = 0; k < n; k++) {
        const double hold = b[row[k]];
        b[row[k]] = b[k];
        b[k] = hold;
    }
    for (int i = 1; i < n; i++)
        for (int j = 0; j < i; j++) b[i] -= a[i * n + j] * b[j];
    for (int i = n - 1; i >= 0; i--) {
        for (int j = i + 1; j < n; j++) b[i] -= a[i * n + j] * b[j];
        b[i] /= a[i * n + i];
    }
}
