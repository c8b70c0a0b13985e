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
#include <stdint.h>

#include "dense.h"

/* |h lambda| up to which the method of order 5 follows what grows. Its damping of an oscillation,
 * of order 6 in h |lambda|, has to stay below a growth that is a small share of |lambda|. */
static const double FOLLOWED = 1.5, SMALL_SHARE = 0.05;

/* States whose graph is parted: bits of a word. */
enum { MOST_PARTED = 64 };

/* A matrix, a part of it, its eigenvalues, and the part of each state. */
size_t tro_instability_work(int n) { return 2 * (size_t)n * (size_t)n + 3 * (size_t)n; }

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

/* Number the strongly connected parts of the graph of the matrix a, in no order, and write that of
 * each state: the eigenvalues of a are those of its parts. Returns how many there are. */
static int instability_parts(int n, const double *a, int *part)
{
    uint64_t reach[MOST_PARTED];
    int count = 0;
    if (n > MOST_PARTED) {
        for (int i = 0; i < n; i++) part[i] = 0;
        return 1;
    }
    for (int i = 0; i < n; i++) {
        reach[i] = UINT64_C(1) << i;
        for (int j = 0; j < n; j++) reach[i] |= (uint64_t)(a[i * n + j] != 0.0) << j;
    }
    for (int k = 0; k < n; k++)
        for (int i = 0; i < n; i++)
            if (reach[i] >> k & 1) reach[i] |= reach[k];
    for (int i = 0; i < n; i++) {
        part[i] = count;
        for (int j = 0; j < i && part[i] == count; j++)
            if ((reach[i] >> j & 1) && (reach[j] >> i & 1)) part[i] = part[j];
        count += part[i] == count;
    }
    return count;
}

/* Write the rows and columns of one part to `block`; returns how many there are. */
static int instability_block(int n, const double *a, const int *part, int which, double *block)
{
    int m = 0;
    for (int i = 0; i < n; i++) m += part[i] == which;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n && part[i] == which; j++)
            if (part[j] == which) *block++ = a[i * n + j];
    return m;
}

/* Whether some scaling of the states makes every diagonal outweigh its row: then all of the discs
 * of Gershgorin lie left of the axis. That is so where elimination in the matrix with the signs of
 * an M-matrix finds no negative pivot (Berman & Plemmons, Nonnegative Matrices in the Mathematical
 * Sciences, 6.2.3). Of conserved sums the last one vanishes. a is lost. */
static int instability_outweighed(int n, double *a)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) a[i * n + j] = i == j ? -a[i * n + j] : -fabs(a[i * n + j]);
    const double rounding = 8.0 * n * DBL_EPSILON * fabs(a[n * n - 1]);
    for (int k = 0; k + 1 < n; k++) {
        if (!(a[k * n + k] > 0.0)) return 0;
        for (int i = k + 1; i < n; i++) {
            if (a[i * n + k] == 0.0) continue;
            const double factor = a[i * n + k] / a[k * n + k];
            for (int j = k + 1; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
        }
    }
    return a[n * n - 1] >= -rounding;
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

/* The bound that one part sets; block is lost. */
static double instability_part_bound(int n, double *block, double left, double *re, double *im)
{
    double norm = 0.0, bound = HUGE_VAL;
    for (int k = 0; k < n * n; k++) norm += block[k] * block[k];
    norm = sqrt(norm);
    if (!isfinite(norm) || !tro_dense_eigenvalues(n, block, re, im)) return HUGE_VAL;
    /* Rounding decides no sign, and what grows too slowly for the time left needs no heed. */
    const double least = fmax(16.0 * n * DBL_EPSILON * norm, 1.0 / left);
    for (int i = 0; i < n; i++) {
        if (!(re[i] > least)) continue;
        const double size = hypot(re[i], im[i]), share = re[i] / (SMALL_SHARE * size);
        bound = fmin(bound, FOLLOWED / size * (share < 1.0 ? pow(share, 0.2) : 1.0));
    }
    return bound;
}

double tro_instability_bound(int n, const double *f, const double *jac, double left, double *work)
{
    double *moving = work, *block = moving + n * n, *re = block + n * n, *im = re + n, bound = HUGE_VAL;
    int *part = (int *)(void *)(im + n);
    n = instability_moving(n, f, jac, moving, im);
    const int count = instability_parts(n, moving, part);
    for (int which = 0; which < count; which++) {
        const int m = instability_block(n, moving, part, which, block);
        if (instability_none(m, block) || instability_outweighed(m, block)) continue;
        instability_block(n, moving, part, which, block);
        bound = fmin(bound, instability_part_bound(m, block, left, re, im));
    }
    return bound;
}
