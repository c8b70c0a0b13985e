/* Rodas5P: a stiffly accurate Rosenbrock method of order 5(4) with dense output of order 4.
 *
 * G. Steinebach (2023), Construction of Rosenbrock-Wanner method Rodas5P and numerical
 * benchmarks within the Julia Differential Equations package, BIT 63:27; coefficients in the
 * transformed form of Hairer & Wanner, Solving ODEs II, (IV.7.25).
 *
 * Tangents are the exact derivatives of the steps: the same method on the equations and their
 * variation together, whose Jacobian is block triangular, so that one factorization serves all
 * (Maly & Petzold 1996, Appl. Numer. Math. 20, 57-79, and Feehery, Tolsma & Barton 1997, Appl.
 * Numer. Math. 25, 41-54, for implicit multistep methods). Of the block below the diagonal only
 * its product with a stage is needed: the derivative of the Jacobian along the tangent.
 */
#include <math.h>
#include <string.h>

#include "dense.h"
#include "wide.h"

/* Generated code stores state by state; a load of two states at once has to wait for both. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-loop-vectorize", "no-tree-slp-vectorize")
#endif

enum { STAGES = 8 };

static const double GAMMA = 0.21193756319429014;

static const double NODES[STAGES] = {0.0,
                                     0.6358126895828704,
                                     0.4095798393397535,
                                     0.9769306725060716,
                                     0.4288403609558664,
                                     1.0,
                                     1.0,
                                     1.0};

static const double TIME_WEIGHTS[STAGES] = {
    0.21193756319429014, -0.42387512638858027, -0.3384627126235924, 1.8046452872882734,
    2.325825639765069,   0.0,                  0.0,                 0.0};

/* Rows 7 and 8 repeat row 6 and add the stages before them. */
static const double A[STAGES][STAGES] = {
    {0.0},
    {3.0},
    {2.849394379747939, 0.45842242204463923},
    {-6.954028509809101, 2.489845061869568, -10.358996098473584},
    {2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641},
    {-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256,
     0.030198172008377946},
    {-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256,
     0.030198172008377946, 1.0},
    {-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256,
     0.030198172008377946, 1.0, 1.0}};

static const double C[STAGES][STAGES] = {
    {0.0},
    {-14.155112264123755},
    {-17.97296035885952, -2.859693295451294},
    {147.12150275711716, -1.41221402718213, 71.68940251302358},
    {165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306},
    {24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125,
     -0.6610691825249471},
    {30.91273214028599, -3.1208243349937974, 77.79954646070892, 34.28646028294783,
     -19.097331116725623, -28.087943162872662},
    {37.80277123390563, -3.2571969029072276, 112.26918849496327, 66.9347231244047,
     -40.06618937091002, -54.66780262877968, -9.48861652309627}};

static const double H[3][STAGES] = {
    {25.948786856663858, -2.5579724845846235, 10.433815404888879, -2.3679251022685204,
     0.524948541321073, 1.1241088310450404, 0.4272876194431874, -0.17202221070155493},
    {-9.91568850695171, -0.9689944594115154, 3.0438037242978453, -24.495224566215796,
     20.176138334709044, 15.98066361424651, -6.789040303419874, -6.710236069923372},
    {11.419903575922262, 2.8879645146136994, 72.92137995996029, 80.12511834622643,
     -52.072871366152654, -59.78993625266729, -0.15582684282751913, 4.883087185713722}};

/* On the estimate: relaxation oscillations lose phase at each jump, and it adds up. Measured so
 * that the van der Pol oscillator at mu = 1000 stays within ten times the tolerance. */
static const double ERROR_SCALE = 2.5;

/* Multipliers whose squares sum to more than this are a sign that the fixed pivots lose digits. */
static const double MOST_GROWTH = 1e12;

/* Work: U (STAGES, n), a right-hand side, slopes of this point and the next, factors, pivots, room
 * for a look at stability; of the tangents U (STAGES, dim - n), right-hand sides (dim) and bends (n_tangent, n (1 + n)). */
static size_t rodas5p_room(size_t n) { return (STAGES + 1) * n + 2 * n * (2 + n) + n * n + n; }

static size_t rodas5p_base_size(size_t n) { return rodas5p_room(n) + tro_instability_work((int)n); }

static size_t rodas5p_work_size(int n_state, int dim)
{
    const size_t n = (size_t)n_state, wide = (size_t)(dim - n_state);
    return rodas5p_base_size(n) + STAGES * wide + (wide ? n + wide + wide * (1 + n) : 0);
}

static double *rodas5p_slopes(const tro_step *step, int side)
{
    const size_t n = (size_t)step->system->n_state;
    return step->work + (STAGES + 1) * n + (side ? n * (2 + n) : 0);
}

static double *rodas5p_wide(const tro_step *step)
{
    return step->work + rodas5p_base_size((size_t)step->system->n_state);
}

static double *rodas5p_bends(const tro_step *step)
{
    const size_t wide = (size_t)(step->dim - step->system->n_state);
    return rodas5p_wide(step) + STAGES * wide + step->dim;
}

/* Largest sum of a row's sizes: a bound on every eigenvalue. */
static double rodas5p_norm(int n, const double *jac)
{
    double most = 0.0;
    for (int i = 0; i < n; i++) {
        double sum = 0.0;
        for (int j = 0; j < n; j++) sum += fabs(jac[i * n + j]);
        if (sum > most) most = sum;
    }
    return most;
}

/* Factors of shift I - jac; pivots is NULL when the model's own will do. */
static int rodas5p_factor(const tro_step *step, const double *jac, double shift, double *factors,
                          int **pivots)
{
    const tro_model *model = step->system->model;
    const int n = model->n_state;
    if (model->factor && model->factor(jac, shift, factors) < MOST_GROWTH) {
        *pivots = NULL;
        return TRO_SUCCESS;
    }
    for (int k = 0; k < n * n; k++) factors[k] = -jac[k];
    for (int i = 0; i < n; i++) factors[i * n + i] += shift;
    return tro_dense_factor(n, factors, *pivots);
}

/* Begin stage s: where its right-hand side is wanted, and all of its equation but that. With s
 * and n constants, as they are for few states, this becomes straight-line code. */
static INLINE void rodas5p_begin(const int s, const int n, double h, double inverse,
                                 const double *restrict y, const double *restrict dfdt,
                                 const double *restrict u, double *restrict at,
                                 double *restrict stage)
{
    const double by_time = h * TIME_WEIGHTS[s];
    for (int i = 0; i < n; i++) {
        double sum = 0.0, point = s < 6 ? y[i] : at[i];
        if (s < 6)
            for (int r = 0; r < s; r++) point += A[s][r] * u[r * n + i];
        else
            point += u[(s - 1) * n + i];
        for (int r = 0; r < s; r++) sum += C[s][r] * u[r * n + i];
        at[i] = point;
        stage[i] = s < 5 ? sum * inverse + by_time * dfdt[i] : sum * inverse;
    }
}

/* The states' right-hand side at the stage's point; tangents have their own. */
static void rodas5p_rhs(const tro_step *step, double t, double *f)
{
    const tro_system *system = step->system;
    tro_stimulus_values(system->stimulus, t, system->low, system->high, system->u, NULL);
    system->model->rhs(system->model, t, step->y_new, system->p, system->u, f);
}

static INLINE void rodas5p_stage(const int s, const int n, tro_step *step, double inverse,
                                 const double *dfdt, const double *factors, const int *pivots)
{
    tro_system *system = step->system;
    const tro_model *model = system->model;
    double *stage = step->work + s * n, *f = step->work + STAGES * n;
    const double t = step->t + NODES[s] * step->h;
    rodas5p_begin(s, n, step->h, inverse, step->y, dfdt, step->work, step->y_new, stage);
    if (!pivots) {
        if (model->n_input)
            tro_stimulus_values(system->stimulus, t, system->low, system->high, system->u, NULL);
        model->stage(model, t, step->y_new, system->p, system->u, factors, stage);
        return;
    }
    rodas5p_rhs(step, t, f);
    for (int i = 0; i < n; i++) stage[i] += f[i];
    tro_dense_solve(n, factors, pivots, stage);
}

static INLINE void rodas5p_stages(const int n, tro_step *step, const double *slopes,
                                  const double *factors, const int *pivots)
{
    const double h = step->h, inverse = 1.0 / h, *dfdt = slopes + n;
    double *u = step->work, *y = step->y_new;
    for (int i = 0; i < n; i++) u[i] = slopes[i] + h * TIME_WEIGHTS[0] * dfdt[i];
    if (pivots)
        tro_dense_solve(n, factors, pivots, u);
    else
        step->system->model->solve(factors, u);
    rodas5p_stage(1, n, step, inverse, dfdt, factors, pivots);
    rodas5p_stage(2, n, step, inverse, dfdt, factors, pivots);
    rodas5p_stage(3, n, step, inverse, dfdt, factors, pivots);
    rodas5p_stage(4, n, step, inverse, dfdt, factors, pivots);
    rodas5p_stage(5, n, step, inverse, dfdt, factors, pivots);
    rodas5p_stage(6, n, step, inverse, dfdt, factors, pivots);
    rodas5p_stage(7, n, step, inverse, dfdt, factors, pivots);
    for (int i = 0; i < n; i++) {
        step->error[i] = ERROR_SCALE * u[7 * n + i];
        y[i] += u[7 * n + i];
    }
}

/* Solve for the tangents of stage s, whose states' part is solved. */
static void rodas5p_tangents(int s, tro_step *step, const double *factors, const int *pivots)
{
    const tro_system *system = step->system;
    const int n = system->n_state, wide = step->dim - n;
    const double h = step->h, inverse = 1.0 / h, *stage = step->work + s * n;
    double *u = rodas5p_wide(step), *now = u + s * wide, *f = u + STAGES * wide;
    const double *bends = rodas5p_bends(step), *slope = step->f;
    if (s > 0) {
        double *at = step->y_new + n;
        for (int i = 0; i < wide; i++) at[i] = s < 6 ? step->y[n + i] : at[i] + u[(s - 1) * wide + i];
        for (int r = 0; r < s && s < 6; r++)
            for (int i = 0; i < wide; i++) at[i] += A[s][r] * u[r * wide + i];
        tro_system_rhs(step->system, step->t + NODES[s] * h, step->y_new, f);
        slope = f;
    }
    for (int i = 0; i < wide; i++) now[i] = 0.0;
    for (int r = 0; r < s; r++)
        for (int i = 0; i < wide; i++) now[i] += C[s][r] * u[r * wide + i];
    for (int k = 0; k < system->n_tangent; k++, now += n, bends += n * (1 + n)) {
        slope += n;
        for (int i = 0; i < n; i++) {
            const double *row = bends + n + i * n;
            double sum = slope[i] + h * TIME_WEIGHTS[s] * bends[i] + now[i] * inverse;
            for (int j = 0; j < n; j++) sum += row[j] * stage[j];
            now[i] = sum;
        }
        if (pivots)
            tro_dense_solve(n, factors, pivots, now);
        else
            system->model->solve(factors, now);
    }
}

/* All stages with the tangents beside them, states first: their points are the same. */
static void rodas5p_wide_stages(tro_step *step, const double *slopes, const double *factors,
                                const int *pivots)
{
    const int n = step->system->n_state, wide = step->dim - n;
    const double h = step->h, inverse = 1.0 / h, *dfdt = slopes + n;
    const double *last = rodas5p_wide(step) + (STAGES - 1) * wide;
    for (int i = 0; i < n; i++) step->work[i] = slopes[i] + h * TIME_WEIGHTS[0] * dfdt[i];
    if (pivots)
        tro_dense_solve(n, factors, pivots, step->work);
    else
        step->system->model->solve(factors, step->work);
    rodas5p_tangents(0, step, factors, pivots);
    for (int s = 1; s < STAGES; s++) {
        rodas5p_stage(s, n, step, inverse, dfdt, factors, pivots);
        rodas5p_tangents(s, step, factors, pivots);
    }
    for (int i = 0; i < step->dim; i++) {
        const double end = i < n ? step->work[(STAGES - 1) * n + i] : last[i - n];
        step->error[i] = ERROR_SCALE * end;
        step->y_new[i] += end;
    }
}

static int rodas5p_finite(int n, const double *x)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++) sum += 0.0 * x[i];
    return sum == 0.0;
}

/* Find the equation that was first not finite, with the stages that came before it. */
static int rodas5p_blame(tro_step *step, const double *slopes)
{
    const tro_model *model = step->system->model;
    const int n = model->n_state;
    const double *u = step->work;
    double *f = step->work + STAGES * n;
    step->bad = tro_system_bad(step->system, slopes);
    for (int s = 1; s < STAGES && step->bad < 0; s++) {
        for (int i = 0; i < n; i++) {
            step->y_new[i] = step->y[i];
            for (int r = 0; r < s; r++) step->y_new[i] += A[s][r] * u[r * n + i];
        }
        rodas5p_rhs(step, step->t + NODES[s] * step->h, f);
        step->bad = tro_system_bad(step->system, f);
    }
    return TRO_NONFINITE;
}

/* How time derivative and Jacobian change along each tangent where the step starts. */
static void rodas5p_bend(tro_step *step)
{
    tro_system *system = step->system;
    const size_t n = (size_t)system->n_state, size = n * (1 + n);
    double *bends = rodas5p_bends(step);
    if (!step->ahead) memset(bends, 0, (size_t)system->n_tangent * size * sizeof *bends);
    for (int k = 0; k < system->n_tangent; k++, bends += size)
        tro_system_bends(system, step->t, step->y, k, bends);
}

static int rodas5p_step(tro_step *step)
{
    tro_system *system = step->system;
    const int n = system->n_state;
    if (!step->same_point) {
        if (step->ahead) {
            step->side = !step->side;
        } else {
            double *slopes = rodas5p_slopes(step, step->side);
            memset(rodas5p_slopes(step, 0), 0, 2 * (size_t)(n * (2 + n)) * sizeof *slopes);
            tro_system_slopes(system, step->t, step->y, slopes);
        }
        if (system->n_tangent) rodas5p_bend(step);
        step->ahead = 0;
    }
    const double *slopes = rodas5p_slopes(step, step->side), *jac = slopes + 2 * n;
    double *factors = rodas5p_slopes(step, 1) + n * (2 + n);
    int *pivots = (int *)(factors + n * n);
    step->bad = -1;
    step->stiffness = step->h * rodas5p_norm(n, jac);
    const int status = rodas5p_factor(step, jac, 1.0 / (step->h * GAMMA), factors, &pivots);
    if (status != TRO_SUCCESS) return status;
    system->n_rhs += STAGES - 1;
    switch (system->n_tangent ? -1 : n) {
    case -1: rodas5p_wide_stages(step, slopes, factors, pivots); break;
    case 1: rodas5p_stages(1, step, slopes, factors, pivots); break;
    case 2: rodas5p_stages(2, step, slopes, factors, pivots); break;
    case 3: rodas5p_stages(3, step, slopes, factors, pivots); break;
    case 4: rodas5p_stages(4, step, slopes, factors, pivots); break;
    default: rodas5p_stages(n, step, slopes, factors, pivots); break;
    }
    return rodas5p_finite(step->dim, step->y_new) ? TRO_SUCCESS : rodas5p_blame(step, slopes);
}

static int rodas5p_arrive(tro_step *step)
{
    double *slopes = rodas5p_slopes(step, !step->side);
    tro_system_slopes(step->system, step->t + step->h, step->y_new, slopes);
    if (step->system->n_tangent)
        tro_system_rhs(step->system, step->t + step->h, step->y_new, step->f_new);
    for (int i = 0; i < step->system->n_state; i++) step->f_new[i] = slopes[i];
    step->bad = tro_system_bad(step->system, step->f_new);
    step->ahead = step->bad < 0;
    return step->bad < 0 ? TRO_SUCCESS : TRO_NONFINITE;
}

static double rodas5p_bound(tro_step *step, double left)
{
    const int n = step->system->n_state;
    const double *slopes = rodas5p_slopes(step, step->side);
    double *room = step->work + rodas5p_room((size_t)n);
    return tro_instability_bound(n, slopes, slopes + 2 * n, left, room);
}

static void rodas5p_dense(const tro_step *step, int n, double *coef)
{
    const size_t m = (size_t)n, base = (size_t)step->system->n_state;
    for (size_t i = 0; i < m; i++) {
        const size_t stride = i < base ? base : (size_t)step->dim - base;
        const double *u = i < base ? step->work + i : rodas5p_wide(step) + (i - base);
        double sum[3] = {0.0, 0.0, 0.0};
        for (int q = 0; q < 3; q++)
            for (int s = 0; s < STAGES; s++) sum[q] += H[q][s] * u[(size_t)s * stride];
        coef[i] = step->y[i];
        coef[m + i] = step->y_new[i] - step->y[i] + sum[0];
        coef[2 * m + i] = sum[1] - sum[0];
        coef[3 * m + i] = sum[2] - sum[1];
        coef[4 * m + i] = -sum[2];
    }
}

const tro_method tro_rodas5p = {
    .name = "rodas5p",
    .documentation = "Stiffly accurate Rosenbrock method of order 5(4) with the exact Jacobian, "
                     "dense output of order 4.",
    .order = 5,
    .error_order = 5,
    .n_coef = 5,
    .implicit = 1,
    .stiff_limit = 0.0,
    .work_size = rodas5p_work_size,
    .step = rodas5p_step,
    .arrive = rodas5p_arrive,
    .dense = rodas5p_dense,
    .bound = rodas5p_bound,
};
