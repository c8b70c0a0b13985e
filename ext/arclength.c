/* Pseudo-arclength steps of equilibria: Newton's method on bordered systems, and what is known
 * of the points. Keller (1977); Govaerts (2000), Numerical Methods for Bifurcations of Dynamical
 * Equilibria, ch. 2. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "arclength.h"
#include "dense.h"

/* The corrector stops when a step is shorter than this, in scaled variables. */
static const double CLOSE = 1e-11;
enum { CORRECTIONS = 8, ITERATIONS = 200, DEFINING = 25 };
/* Rounding errors of the right-hand side that a residual may consist of. */
static const double ROUNDINGS = 64.0 * DBL_EPSILON;
/* Longest step that is still taken once the residual is rounding. */
static const double LAST_STEP = 1e-7;
static const double SHORTEST_DAMPING = 1e-4;
/* Steps that an equilibrium is settled by: it may be much smaller than what it is measured in. */
enum { SETTLING = 8 };
static const double DIFFERENCE = 1e-7;
static const double CONVERGED = 1e-12, NEARLY = 1e-9;

/* Work: the largest derivative by parameters or inputs, F' (n, n + 1), then what a function
 * below needs. */
static size_t by_size(const tro_model *m)
{
    const int k = m->n_param > m->n_input ? m->n_param : m->n_input;
    return (size_t)m->n_state * (size_t)(k > 0 ? k : 1);
}

size_t tro_arclength_work(const tro_model *m)
{
    const size_t n = (size_t)m->n_state, d = 3 * n + 2;
    /* the defining systems: matrix, value, shifted value, step, then a Jacobian and states */
    const size_t defining = d * d + 4 * d + 2 * n * (n + 1) + 2 * (n + 1);
    const size_t eigen = n * n + 34 * n;
    return by_size(m) + n * (n + 1) + defining + eigen + 4 * (n + 1) * (n + 1);
}

size_t tro_arclength_point_size(int n)
{
    return (size_t)(4 * n + 2 + TRO_POINT_EXTRA);
}

static const double *states(const tro_arclength *a, const double *x)
{
    if (a->free >= 0) (a->input ? a->u : a->p)[a->free] = x[a->n];
    return x;
}

static void rhs(const tro_arclength *a, const double *x, double *f)
{
    a->model->rhs(a->model, 0.0, states(a, x), a->p, a->u, f);
}

static void jacobian(const tro_arclength *a, const double *x, double *jac)
{
    a->model->jac(a->model, 0.0, states(a, x), a->p, a->u, jac);
}

/* F' (n, n + 1) at x. */
static void full(const tro_arclength *a, const double *x, double *out)
{
    const int n = a->n, width = a->input ? a->model->n_input : a->model->n_param;
    double *by = a->work, *jac = out;
    tro_function *slope = a->input ? a->model->dfdu : a->model->dfdp;
    jacobian(a, x, jac);
    slope(a->model, 0.0, x, a->p, a->u, by);
    for (int i = n - 1; i >= 0; i--) {
        memmove(out + i * (n + 1), jac + i * n, (size_t)n * sizeof(double));
        out[i * (n + 1) + n] = by[i * width + a->free];
    }
}

static int all_finite(int n, const double *v)
{
    for (int i = 0; i < n; i++)
        if (!isfinite(v[i])) return 0;
    return 1;
}

static double norm(int n, const double *v)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++) sum += v[i] * v[i];
    return sqrt(sum);
}

/* Whether a residual is no more than rounding in the first `n` components of x, or of what they
 * are measured in, could cause. */
static int at_rounding(int rows, int n, int stride, const double *f, const double *jac,
                       const double *x, const double *scale)
{
    for (int i = 0; i < rows; i++) {
        double noise = 0.0, largest = 0.0;
        for (int j = 0; j < n; j++) {
            const double size = fabs(jac[i * stride + j]);
            noise += size * fabs(x[j]);
            if (size * scale[j] > largest) largest = size * scale[j];
        }
        if (!(fabs(f[i]) <= ROUNDINGS * (noise + largest))) return 0;
    }
    return 1;
}

/* ---- eigenvalues ---- */

static void pair(const double *jac, double *out)
{
    const double half = (jac[0] - jac[3]) / 2.0, mean = (jac[0] + jac[3]) / 2.0;
    const double square = half * half + jac[1] * jac[2];
    out[1] = out[3] = 0.0;
    if (square < 0.0) {
        out[0] = out[2] = mean;
        out[1] = sqrt(-square);
        out[3] = -out[1];
        return;
    }
    const double root = sqrt(square);
    const double large = mean >= 0.0 ? mean + root : mean - root;
    double small = mean >= 0.0 ? mean - root : mean + root;
    /* The determinant over the larger one, where that loses fewer digits. */
    if (fabs(jac[0] * jac[3]) + fabs(jac[1] * jac[2]) < large * large)
        small = (jac[0] * jac[3] - jac[1] * jac[2]) / large;
    out[0] = large > small ? large : small;
    out[2] = large > small ? small : large;
}

static int eigenvalues(const tro_arclength *a, double *jac, double *work, double *out)
{
    int n = a->n, one = 1, info = 0, length = 30 * n;
    if (n == 1) {
        out[0] = jac[0];
        out[1] = 0.0;
        return TRO_SUCCESS;
    }
    if (n == 2) {
        pair(jac, out);
        return TRO_SUCCESS;
    }
    char no = 'N';
    double *re = work, *im = work + n, none = 0.0;
    a->dgeev(&no, &no, &n, jac, &n, re, im, &none, &one, &none, &one, work + 2 * n, &length,
             &info);
    if (info != 0) return TRO_SINGULAR;
    /* By insertion: the largest real part first, of a pair the positive imaginary part. */
    for (int k = 0; k < n; k++) {
        int at = k;
        while (at > 0 && (out[2 * at - 2] < re[k] ||
                          (out[2 * at - 2] == re[k] && out[2 * at - 1] < im[k]))) {
            out[2 * at] = out[2 * at - 2];
            out[2 * at + 1] = out[2 * at - 1];
            at--;
        }
        out[2 * at] = re[k];
        out[2 * at + 1] = im[k];
    }
    return TRO_SUCCESS;
}

/* ---- points ---- */

int tro_arclength_describe(const tro_arclength *a, const double *direction, const double *scale,
                           double *point)
{
    const int n = a->n, m = n + 1;
    const double *x = point;
    double *tangent = point + m, *lambda = point + 2 * m, *extra = point + 2 * m + 2 * n;
    double *derivative = a->work + by_size(a->model), *border = derivative + n * m;
    double *jac = border + m * m, *work = jac + n * n;
    full(a, x, derivative);
    if (!all_finite(n * m, derivative)) return TRO_NONFINITE;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < m; j++) border[i * m + j] = derivative[i * m + j] * scale[j];
    memcpy(border + n * m, direction, (size_t)m * sizeof(double));
    if (tro_dense_factor(m, border, a->rows) < 0) return TRO_SINGULAR;
    memset(tangent, 0, (size_t)m * sizeof(double));
    tangent[n] = 1.0;
    tro_dense_solve(m, border, a->rows, tangent);
    const double size = norm(m, tangent);
    if (!(size > 0.0) || !isfinite(size)) return TRO_SINGULAR;
    /* With the unit tangent as its last row: det is linear in that row. */
    double determinant = size;
    for (int i = 0; i < m; i++) {
        determinant *= a->rows[i] == i ? border[i * m + i] : -border[i * m + i];
        tangent[i] /= size;
    }
    for (int i = 0; i < n; i++)
        memcpy(jac + i * n, derivative + i * m, (size_t)n * sizeof(double));
    if (eigenvalues(a, jac, work, lambda) < 0) return TRO_SINGULAR;

    double largest = 0.0, pairs = 1.0;
    int unstable = 0, stable = 1, outside = -1, grows = 0;
    for (int i = 0; i < n; i++) {
        const double length = hypot(lambda[2 * i], lambda[2 * i + 1]);
        if (length > largest) largest = length;
    }
    const double tolerance = 64.0 * n * DBL_EPSILON * largest;
    for (int i = 0; i < n; i++) {
        unstable += lambda[2 * i] > tolerance;
        stable = stable && lambda[2 * i] < -tolerance;
        if (fabs(x[i]) > scale[i] && !(isfinite(a->low[i]) && isfinite(a->high[i]))) grows = 1;
        const double margin = 1e-9 * scale[i];
        if (outside < 0 && (x[i] < a->low[i] - margin || x[i] > a->high[i] + margin)) outside = i;
        for (int j = 0; j < i; j++) {
            /* Conjugate factors come twice, so that the product's sign is that of the pairs'. */
            const double re = lambda[2 * i] + lambda[2 * j];
            const double im = lambda[2 * i + 1] + lambda[2 * j + 1];
            const double sum = fabs(lambda[2 * i]) + fabs(lambda[2 * j]) +
                               fabs(lambda[2 * i + 1]) + fabs(lambda[2 * j + 1]);
            if (sum > 0.0) pairs *= im == 0.0 ? re / sum : hypot(re, im) / sum;
        }
    }
    extra[TRO_POINT_DETERMINANT] = determinant;
    extra[TRO_POINT_PAIRS] = pairs;
    extra[TRO_POINT_TOLERANCE] = tolerance;
    extra[TRO_POINT_UNSTABLE] = unstable;
    extra[TRO_POINT_STABLE] = stable;
    extra[TRO_POINT_OUTSIDE] = outside;
    extra[TRO_POINT_GROWS] = grows;
    return TRO_SUCCESS;
}

int tro_arclength_at(const tro_arclength *a, const double *x0, const double *tangent,
                     const double *scale, double s, double *point)
{
    const int n = a->n, m = n + 1;
    double *x = point, *extra = point + 4 * n + 2;
    double *derivative = a->work + by_size(a->model), *border = derivative + n * m;
    double *step = border + m * m, last = INFINITY;
    for (int j = 0; j < m; j++) x[j] = x0[j] + s * tangent[j] * scale[j];
    for (int count = 1; count <= CORRECTIONS; count++) {
        full(a, x, derivative);
        rhs(a, x, step);
        double along = 0.0;
        for (int j = 0; j < m; j++) along += tangent[j] * (x[j] - x0[j]) / scale[j];
        for (int i = 0; i < n; i++) step[i] = -step[i];
        step[n] = s - along;
        if (!all_finite(n * m, derivative) || !all_finite(m, step)) return TRO_NONFINITE;
        const int rounding = count > 2 && at_rounding(n, m, m, step, derivative, x, scale);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < m; j++) border[i * m + j] = derivative[i * m + j] * scale[j];
        memcpy(border + n * m, tangent, (size_t)m * sizeof(double));
        if (tro_dense_factor(m, border, a->rows) < 0) return TRO_SINGULAR;
        tro_dense_solve(m, border, a->rows, step);
        const double length = norm(m, step);
        /* Rounding near a branch point keeps steps from shrinking; the residual tells. */
        const int done = length <= CLOSE || rounding;
        if (!done && !(length <= last)) return TRO_DIVERGED;
        for (int j = 0; j < m; j++) x[j] += step[j] * scale[j];
        last = length;
        if (done) {
            const int status = tro_arclength_describe(a, tangent, scale, point);
            double aside = 0.0;
            for (int j = 0; j < m; j++) {
                const double off = (x[j] - x0[j]) / scale[j] - s * tangent[j];
                aside += off * off;
            }
            extra[TRO_POINT_CORRECTIONS] = count;
            extra[TRO_POINT_ASIDE] = sqrt(aside);
            return status;
        }
    }
    return TRO_DIVERGED;
}

int tro_arclength_landing(const tro_arclength *a, const double *x0, const double *x1,
                          const double *tangent, const double *scale, double value, double *point)
{
    const int n = a->n, m = n + 1;
    double *x = point, *extra = point + 4 * n + 2;
    double *jac = a->work + by_size(a->model), *factors = jac + n * n;
    double *f = factors + n * n, *step = f + n;
    const double share = (value - x0[n]) / (x1[n] - x0[n]);
    for (int j = 0; j < n; j++) x[j] = x0[j] + share * (x1[j] - x0[j]);
    x[n] = value;
    for (int count = 1; count <= 2 * CORRECTIONS; count++) {
        double length = 0.0;
        jacobian(a, x, jac);
        rhs(a, x, f);
        if (!all_finite(n * n, jac) || !all_finite(n, f)) return TRO_NONFINITE;
        memcpy(factors, jac, (size_t)(n * n) * sizeof(double));
        if (tro_dense_factor(n, factors, a->rows) < 0) return TRO_SINGULAR;
        for (int i = 0; i < n; i++) step[i] = -f[i];
        tro_dense_solve(n, factors, a->rows, step);
        for (int i = 0; i < n; i++) {
            x[i] += step[i];
            length += (step[i] / scale[i]) * (step[i] / scale[i]);
        }
        if (sqrt(length) <= CLOSE || at_rounding(n, n, n, f, jac, x, scale)) {
            double along = 0.0, aside = 0.0;
            for (int j = 0; j < m; j++) along += tangent[j] * (x[j] - x0[j]) / scale[j];
            for (int j = 0; j < m; j++) {
                const double off = (x[j] - x0[j]) / scale[j] - along * tangent[j];
                aside += off * off;
            }
            const int status = tro_arclength_describe(a, tangent, scale, point);
            extra[TRO_POINT_CORRECTIONS] = count;
            extra[TRO_POINT_ASIDE] = sqrt(aside);
            return status;
        }
    }
    return TRO_DIVERGED;
}

/* ---- equilibria ---- */

/* Largest component in scales. */
static double widest(int n, const double *v, const double *scale)
{
    double largest = 0.0;
    for (int i = 0; i < n; i++) {
        const double size = fabs(v[i] / scale[i]);
        if (!(size <= largest)) largest = size;
    }
    return largest;
}

/* Take Newton steps for as long as each is less than half the one before; return the length of
 * the step that would come next. `work` holds a Jacobian and a step. */
static double settle(const tro_arclength *a, const double *scale, double length, double *x,
                     double *work)
{
    const int n = a->n;
    double *jac = work, *step = jac + n * n;
    for (int count = 0; count < SETTLING && length > 0.0; count++) {
        rhs(a, x, step);
        jacobian(a, x, jac);
        if (!all_finite(n, step) || !all_finite(n * n, jac)) return INFINITY;
        if (tro_dense_factor(n, jac, a->rows) < 0) return INFINITY;
        tro_dense_solve(n, jac, a->rows, step);
        const double size = widest(n, step, scale);
        if (!(size < length / 2.0)) return size;
        for (int i = 0; i < n; i++) x[i] -= step[i];
        length = size;
    }
    return length;
}

int tro_arclength_newton(const tro_arclength *a, const double *scale, double reach, double *x,
                         double *left)
{
    const int n = a->n;
    double *jac = a->work + by_size(a->model), *factors = jac + n * n;
    double *f = factors + n * n, *step = f + n, *trial = step + n, *next = trial + n + 1;
    double *start = next + n, damping = 1.0;
    memcpy(start, x, (size_t)n * sizeof(double));
    trial[n] = a->free >= 0 ? x[n] : 0.0;
    /* The natural test of monotonicity: Deuflhard (2004), Newton Methods for Nonlinear
     * Problems, section 3.3. */
    for (int count = 0; count < ITERATIONS; count++) {
        rhs(a, x, f);
        jacobian(a, x, jac);
        if (!all_finite(n, f) || !all_finite(n * n, jac)) return TRO_NONFINITE;
        const int rounding = at_rounding(n, n, n, f, jac, x, scale);
        memcpy(factors, jac, (size_t)(n * n) * sizeof(double));
        *left = INFINITY;
        if (tro_dense_factor(n, factors, a->rows) < 0)
            return rounding ? TRO_SUCCESS : TRO_SINGULAR;
        for (int i = 0; i < n; i++) step[i] = -f[i];
        tro_dense_solve(n, factors, a->rows, step);
        const double length = widest(n, step, scale);
        if (!isfinite(length) || length * damping > 1e300) return TRO_DIVERGED;
        if (length <= CLOSE || rounding) {
            /* A longer step that only rounding asks for is the sign of a singular Jacobian. */
            if (length <= LAST_STEP) {
                for (int i = 0; i < n; i++) x[i] += step[i];
                *left = settle(a, scale, length, x, jac);
            }
            return TRO_SUCCESS;
        }
        damping = fmin(1.0, fmin(4.0 * damping, 1.0 / length));
        for (;;) {
            for (int i = 0; i < n; i++) trial[i] = x[i] + damping * step[i];
            rhs(a, trial, next);
            tro_dense_solve(n, factors, a->rows, next);
            if (widest(n, next, scale) <= (1.0 - damping / 4.0) * length) break;
            damping /= 2.0;
            if (damping < SHORTEST_DAMPING) return TRO_DIVERGED;
        }
        memcpy(x, trial, (size_t)n * sizeof(double));
        for (int i = 0; i < n; i++) next[i] = x[i] - start[i];
        if (widest(n, next, scale) > reach) return TRO_DIVERGED;
    }
    return TRO_MAX_STEPS;
}

/* ---- special points ---- */

typedef struct {
    const tro_arclength *a;
    int kind;
    const double *scale, *border;
    double omega;
    double *x, *f, *derivative;
} defining;

static int unknowns(int kind, int n)
{
    return kind == TRO_FOLD ? 2 * n + 1 : kind == TRO_HOPF ? 3 * n + 2 : 2 * n + 2;
}

/* The residual of a defining system; derivatives in scaled variables. */
static void residual(const defining *d, const double *z, double *out)
{
    const int n = d->a->n, m = n + 1;
    const double *scale = d->scale, *v = z + m;
    double *jac = d->derivative;
    for (int j = 0; j < m; j++) d->x[j] = z[j] * scale[j];
    rhs(d->a, d->x, d->f);
    if (d->kind == TRO_BRANCH) {
        full(d->a, d->x, jac);
        const double *phi = z + n + 2;
        for (int i = 0; i < n; i++) out[i] = d->f[i] / scale[i] + z[m] * phi[i];
        for (int j = 0; j < m; j++) {
            out[n + j] = 0.0;
            for (int i = 0; i < n; i++)
                out[n + j] += phi[i] * jac[i * m + j] * scale[j] / scale[i];
        }
        out[n + m] = -1.0;
        for (int i = 0; i < n; i++) out[n + m] += d->border[i] * phi[i];
        return;
    }
    jacobian(d->a, d->x, jac);
    const int blocks = d->kind == TRO_HOPF ? 2 : 1;
    const double unit = d->kind == TRO_HOPF ? 1.0 / d->omega : 1.0;
    for (int i = 0; i < n; i++) {
        out[i] = d->f[i] / scale[i];
        for (int k = 0; k < blocks; k++) {
            double sum = 0.0;
            for (int j = 0; j < n; j++) sum += jac[i * n + j] * scale[j] * v[k * n + j];
            out[n + k * n + i] = sum / scale[i] * unit;
        }
    }
    if (d->kind == TRO_FOLD) {
        out[2 * n] = -1.0;
        for (int i = 0; i < n; i++) out[2 * n] += d->border[i] * v[i];
        return;
    }
    /* A (v + i w) = i omega z (v + i w), the turn in units of omega. */
    const double turn = z[3 * n + 1];
    double re = -1.0, im = 0.0;
    for (int i = 0; i < n; i++) {
        const double qr = d->border[2 * i], qi = d->border[2 * i + 1];
        out[n + i] += turn * v[n + i];
        out[2 * n + i] -= turn * v[i];
        re += qr * v[i] + qi * v[n + i];
        im += qr * v[n + i] - qi * v[i];
    }
    out[3 * n] = re;
    out[3 * n + 1] = im;
}

int tro_arclength_define(const tro_arclength *a, int kind, const double *scale,
                         const double *border, double omega, double *z)
{
    const int n = a->n, size = unknowns(kind, n);
    double *matrix = a->work + by_size(a->model), *value = matrix + size * size;
    double *shifted = value + size, best = INFINITY;
    const defining d = {a, kind, scale, border, omega, shifted + size, shifted + size + n + 1,
                        shifted + size + 2 * n + 1};
    for (int count = 0; count < DEFINING; count++) {
        residual(&d, z, value);
        /* The residual is exact, so that what differences lose is speed, not digits. */
        for (int k = 0; k < size; k++) {
            const double keep = z[k], h = DIFFERENCE * fmax(1.0, fabs(keep));
            z[k] = keep + h;
            const double taken = z[k] - keep;
            residual(&d, z, shifted);
            z[k] = keep;
            for (int i = 0; i < size; i++)
                matrix[i * size + k] = (shifted[i] - value[i]) / taken;
        }
        if (!all_finite(size * size, matrix) || !all_finite(size, value)) return TRO_NONFINITE;
        if (tro_dense_factor(size, matrix, a->rows) < 0) return TRO_SINGULAR;
        tro_dense_solve(size, matrix, a->rows, value);
        double length = 0.0;
        for (int i = 0; i < size; i++) {
            z[i] -= value[i];
            if (!(fabs(value[i]) <= length)) length = fabs(value[i]);
        }
        if (!isfinite(length)) return TRO_NONFINITE;
        if (length <= CONVERGED || (length <= NEARLY && length >= best / 2.0)) return TRO_SUCCESS;
        best = fmin(best, length);
    }
    return TRO_MAX_STEPS;
}
