/* How long a step may be without hiding that the solution is unstable.
 *
 * An implicit method damps whatever is much faster than its step, also what grows: near a rest
 * that is not stable, where no error bounds the step, it would stay for ever (Hairer & Wanner,
 * Solving ODEs II, IV.3, on the stability domain right of the imaginary axis). So a step is at
 * most about as long as the time in which the fastest growing part of the linearised equations
 * changes.
 */
#include <float.h>
#include <math.h>

#include "dense.h"

/* |h lambda| up to which the method of order 5 follows what grows. Its damping of an oscillation,
 * of order 6 in h |lambda|, has to stay below a growth that is a small share of |lambda|. */
static const double FOLLOWED = 1.5, SMALL_SHARE = 0.05;

/* A matrix, its eigenvalues, and which states move. */
size_t tro_instability_work(int n) { return (size_t)n * (size_t)n + 3 * (size_t)n; }

/* Write the part of jac for the states that move to `part`; returns how many they are. What stands
 * still, and follows to first order only from what stands still, does not leave: a population
 * that is extinct could grow, and will not. */
static int instability_moving(int n, const double *f, const double *jac, double *part, double *moves)
{
    int m = 0;
    for (int i = 0; i < n; i++) moves[i] = f[i] != 0.0;
    for (int changed = 1; changed;) {
        changed = 0;
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n && moves[i] == 0.0; j++)
                if (jac[i * n + j] != 0.0 && moves[j] != 0.0) moves[i] = changed = 1;
    }
    for (int i = 0; i < n; i++) m += moves[i] != 0.0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n && moves[i] != 0.0; j++)
            if (moves[j] != 0.0) *part++ = jac[i * n + j];
    return m;
}

/* Whether the discs of Gershgorin, of rows or of columns, lie left of the axis. */
static int instability_discs(int n, const double *a)
{
    int rows = 1, columns = 1;
    for (int i = 0; i < n && (rows || columns); i++) {
        double across = 2.0 * fmin(a[i * n + i], 0.0), down = across;
        if (a[i * n + i] > 0.0) return 0;
        for (int j = 0; j < n; j++) across += fabs(a[i * n + j]), down += fabs(a[j * n + i]);
        rows = rows && across <= 0.0;
        columns = columns && down <= 0.0;
    }
    return rows || columns;
}

/* Whether up to three equations have nothing that grows, by the signs of Routh and Hurwitz. What
 * rounding may decide passes where the other signs leave no growth but the slowest; whatever else is
 * doubtful does not. */
static int instability_none(int n, const double *a)
{
    if (n == 1) return a[0] <= 0.0;
    if (n == 2) return a[0] + a[3] < 0.0 && a[0] * a[3] - a[1] * a[2] > 0.0;
    if (n > 3) return 0;
    const double first = a[4] * a[8] - a[5] * a[7], second = a[3] * a[8] - a[5] * a[6],
                 third = a[3] * a[7] - a[4] * a[6];
    const double parts[] = {a[0] * first, -a[1] * second, a[2] * third};
    const double linear = first + (a[0] * a[8] - a[2] * a[6]) + (a[0] * a[4] - a[1] * a[3]);
    const double square = -(a[0] + a[4] + a[8]), last = -(parts[0] + parts[1] + parts[2]);
    const double rounding =
        8.0 * DBL_EPSILON * (fabs(parts[0]) + fabs(parts[1]) + fabs(parts[2]));
    return square > 0.0 && linear > 0.0 && last >= -rounding && square * linear > last + rounding;
}

double tro_instability_bound(int n, const double *f, const double *jac, double left, double *work)
{
    double *re = work + n * n, *im = re + n, norm = 0.0, bound = HUGE_VAL;
    n = instability_moving(n, f, jac, work, im + n);
    if (n == 0 || instability_none(n, work) || instability_discs(n, work)) return HUGE_VAL;
    for (int k = 0; k < n * n; k++) norm += work[k] * work[k];
    norm = sqrt(norm);
    if (!isfinite(norm) || !tro_dense_eigenvalues(n, work, re, im)) return HUGE_VAL;
    /* Rounding decides no sign, and what grows too slowly for the time left needs no heed. */
    const double least = fmax(16.0 * n * DBL_EPSILON * norm, 1.0 / left);
    for (int i = 0; i < n; i++) {
        if (!(re[i] > least)) continue;
        const double size = hypot(re[i], im[i]), share = re[i] / (SMALL_SHARE * size);
        bound = fmin(bound, FOLLOWED / size * (share < 1.0 ? pow(share, 0.2) : 1.0));
    }
    return bound;
}
