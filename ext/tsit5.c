/* Tsitouras' explicit Runge-Kutta pair of order 5(4) with a free fourth-order interpolant.
 *
 * Coefficients: Ch. Tsitouras (2011), Runge-Kutta pairs of order 5(4) satisfying only the
 * first column simplifying assumption, Comput. Math. Appl. 62, 770-775, Table 1.
 * Stiffness estimate: Hairer & Wanner, Solving ODEs II, IV.2: the last two stages share
 * their time, so |f7 - f6| / |y7 - y6| approximates the dominant eigenvalue.
 */
#include <math.h>

#include "core.h"

enum { STAGES = 7 };

static const double C[STAGES] = {0.0, 0.161, 0.327, 0.9, 0.9800255409045097, 1.0, 1.0};

static const double A[STAGES][STAGES - 1] = {
    {0.0},
    {0.161},
    {-0.008480655492356989, 0.335480655492357},
    {2.8971530571054935, -6.359448489975075, 4.3622954328695815},
    {5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525},
    {5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401,
     -0.028269050394068383},
    {0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081,
     2.324710524099774}};

/* Difference of the two solutions' weights. */
static const double E[STAGES] = {
    -0.00178001105222577714, -0.0008164344596567469, 0.007880878010261995,
    -0.1447110071732629,     0.5823571654525552,     -0.45808210592918697,
    0.015151515151515152};

/* Weights of the interpolant, for powers 1 to 4 of theta. */
static const double R[4][STAGES] = {
    {1.0, 0.0, 0.0, 0.0,
     0.0, 0.0, 0.0},
    {-2.763706197274826, 0.1317, 3.9302962368947516, -12.411077166933676,
     37.50931341651104, -27.896526289197286, 1.5},
    {2.9132554618219126, -0.2234, -5.941033872131505, 30.33818863028232,
     -88.1789048947664, 65.09189467479366, -4.0},
    {-1.0530884977290216, 0.1017, 2.490627285651253, -16.548102889244902,
     47.37952196281928, -34.87065786149661, 2.5}};

static size_t tsit5_work_size(int n_state, int dim)
{
    (void)n_state;
    return (size_t)dim * (STAGES - 1);
}

/* Stage derivatives: the first is the step's f, the last its f_new, the rest in work. */
static void tsit5_stages(const tro_step *step, double *stages[STAGES])
{
    for (int s = 1; s < STAGES - 1; s++)
        stages[s] = step->work + (size_t)(s - 1) * (size_t)step->dim;
    stages[0] = (double *)step->f;
    stages[STAGES - 1] = step->f_new;
}

/* out = y + h * (w[0] k[0] + ... + w[n - 1] k[n - 1]), or without y where it is NULL. Stage
 * after stage through the vector, so that the inner loop has no branch and no reduction. */
static void tsit5_combine(int dim, int n, double h, const double *w, double *const *k,
                          const double *y, double *restrict out)
{
    const double first = h * w[0];
    if (y)
        for (int i = 0; i < dim; i++) out[i] = y[i] + first * k[0][i];
    else
        for (int i = 0; i < dim; i++) out[i] = first * k[0][i];
    for (int r = 1; r < n; r++) {
        const double factor = h * w[r];
        const double *restrict stage = k[r];
        for (int i = 0; i < dim; i++) out[i] += factor * stage[i];
    }
}

static int tsit5_step(tro_step *step)
{
    const int dim = step->dim;
    const double h = step->h;
    double *k[STAGES];
    double *sixth = step->work + (size_t)(STAGES - 2) * (size_t)dim;
    tsit5_stages(step, k);
    for (int s = 1; s < STAGES; s++) {
        double *at = s == STAGES - 2 ? sixth : step->y_new;
        tsit5_combine(dim, s, h, A[s], k, step->y, at);
        tro_system_rhs(step->system, step->t + C[s] * h, at, k[s]);
    }
    tsit5_combine(dim, STAGES, h, E, k, NULL, step->error);
    step->stiffness = h * tro_system_steepness(step->system, k[6], k[5], step->y_new, sixth);
    step->bad = -1;
    if (!isfinite(step->stiffness))
        for (int s = 1; s < STAGES && step->bad < 0; s++)
            step->bad = tro_system_bad(step->system, k[s]);
    return TRO_SUCCESS;
}

static void tsit5_dense(const tro_step *step, int n, double *coef)
{
    double *k[STAGES];
    tsit5_stages(step, k);
    for (int i = 0; i < n; i++) coef[i] = step->y[i];
    for (int j = 0; j < 4; j++) tsit5_combine(n, STAGES, step->h, R[j], k, NULL, coef + (j + 1) * n);
}

const tro_method tro_tsit5 = {
    .name = "tsit5",
    .documentation = "Explicit Runge-Kutta pair of order 5(4), dense output of order 4.",
    .order = 5,
    .error_order = 5,
    .n_coef = 5,
    .implicit = 0,
    .stiff_limit = 3.25,
    .work_size = tsit5_work_size,
    .step = tsit5_step,
    .dense = tsit5_dense,
};
