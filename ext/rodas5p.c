/* Rodas5P: a stiffly accurate Rosenbrock method of order 5(4) with dense output of order 4.
 *
 * G. Steinebach (2023), Construction of Rosenbrock-Wanner method Rodas5P and numerical
 * benchmarks within the Julia Differential Equations package, BIT 63:27; coefficients in the
 * transformed form of Hairer & Wanner, Solving ODEs II, (IV.7.25).
 */
#include <math.h>
#include <string.h>

#include "dense.h"

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

/* Work: U (STAGES, n), Jacobian, factors, df/dt, a right-hand side, pivots. */
static size_t rodas5p_work_size(int dim)
{
    const size_t n = (size_t)dim;
    return STAGES * n + 2 * n * n + 2 * n + n;
}

static int rodas5p_step(tro_step *step)
{
    const int n = step->dim;
    const size_t square = (size_t)n * (size_t)n;
    const double h = step->h;
    double *u = step->work, *jac = u + (size_t)STAGES * (size_t)n, *factors = jac + square;
    double *dfdt = factors + square, *b = dfdt + n;
    int *pivots = (int *)(b + n);

    if (!step->same_point) tro_system_jac(step->system, step->t, step->y, jac, dfdt);
    for (size_t k = 0; k < square; k++) factors[k] = -jac[k];
    for (int i = 0; i < n; i++) factors[i * n + i] += 1.0 / (h * GAMMA);
    step->bad = -1;
    const int status = tro_dense_factor(n, factors, pivots);
    if (status != TRO_SUCCESS) return status;

    for (int s = 0; s < STAGES; s++) {
        double *stage = u + (size_t)s * (size_t)n;
        const double *f = step->f;
        if (s > 0) {
            for (int i = 0; i < n; i++) {
                double sum = step->y[i];
                for (int r = 0; r < s; r++) sum += A[s][r] * u[(size_t)r * (size_t)n + (size_t)i];
                step->y_new[i] = sum;
            }
            tro_system_rhs(step->system, step->t + NODES[s] * h, step->y_new, b);
            if ((step->bad = tro_system_bad(step->system, b)) >= 0) return TRO_NONFINITE;
            f = b;
        }
        for (int i = 0; i < n; i++) {
            double sum = 0.0;
            for (int r = 0; r < s; r++) sum += C[s][r] * u[(size_t)r * (size_t)n + (size_t)i];
            stage[i] = f[i] + sum / h + h * TIME_WEIGHTS[s] * dfdt[i];
        }
        tro_dense_solve(n, factors, pivots, stage);
    }
    const double *last = u + (size_t)(STAGES - 1) * (size_t)n;
    for (int i = 0; i < n; i++) step->y_new[i] += last[i];
    memcpy(step->error, last, (size_t)n * sizeof *last);
    tro_system_rhs(step->system, step->t + h, step->y_new, step->f_new);
    step->stiffness = 0.0;
    step->bad = tro_system_bad(step->system, step->f_new);
    return step->bad < 0 ? TRO_SUCCESS : TRO_NONFINITE;
}

static void rodas5p_dense(const tro_step *step, int n, double *coef)
{
    const size_t dim = (size_t)step->dim, m = (size_t)n;
    for (size_t i = 0; i < m; i++) {
        double sum[3] = {0.0, 0.0, 0.0};
        for (int q = 0; q < 3; q++)
            for (int s = 0; s < STAGES; s++) sum[q] += H[q][s] * step->work[(size_t)s * dim + i];
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
    .dense = rodas5p_dense,
};
