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
#include <string.h>

#include "dense.h"

/* |h lambda| up to which the method of order 5 follows what grows. Its damping of an oscillation,
 * of order 6 in h |lambda|, has to stay below a growth that is a small share of |lambda|. */
static const double FOLLOWED = 1.5, SMALL_SHARE = 0.05;

size_t tro_instability_work(int n) { return (size_t)n * (size_t)n + 2 * (size_t)n; }

double tro_instability_bound(int n, const double *jac, double left, double *work)
{
    double *re = work + n * n, *im = re + n, norm = 0.0, bound = HUGE_VAL;
    memcpy(work, jac, (size_t)(n * n) * sizeof *work);
    for (int k = 0; k < n * n; k++) norm += jac[k] * jac[k];
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
