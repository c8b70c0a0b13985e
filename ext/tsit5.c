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

/* Weights of the interpolant: powers 1 to 4 of theta. */
static const double R[STAGES][4] = {
    {1.0, -2.763706197274826, 2.9132554618219126, -1.0530884977290216},
    {0.0, 0.1317, -0.2234, 0.1017},
    {0.0, 3.9302962368947516, -5.941033872131505, 2.490627285651253},
    {0.0, -12.411077166933676, 30.33818863028232, -16.548102889244902},
    {0.0, 37.50931341651104, -88.1789048947664, 47.37952196281928},
    {0.0, -27.896526289197286, 65.09189467479366, -34.87065786149661},
    {0.0, 1.5, -4.0, 2.5}};

static size_t tsit5_work_size(int dim) { return (size_t)dim * (STAGES - 1); }

/* Stage derivatives: the first is the step's f, the last its f_new, the rest in work. */
static const double *tsit5_stage(const tro_step *step, int s)
{
    if (s == 0) return step->f;
    if (s == STAGES - 1) return step->f_new;
    return step->work + (size_t)(s - 1) * (size_t)step->dim;
}

static int tsit5_step(tro_step *step)
{
    const int dim = step->dim, n = step->system->n_state;
    const double h = step->h;
    double *sixth = step->work + (size_t)(STAGES - 2) * (size_t)dim;
    for (int s = 1; s < STAGES; s++) {
        double *at = s == STAGES - 2 ? sixth : step->y_new;
        for (int i = 0; i < dim; i++) {
            double sum = 0.0;
            for (int r = 0; r < s; r++) sum += A[s][r] * tsit5_stage(step, r)[i];
            at[i] = step->y[i] + h * sum;
        }
        tro_system_rhs(step->system, step->t + C[s] * h, at, (double *)tsit5_stage(step, s));
    }
    for (int i = 0; i < dim; i++) {
        double sum = 0.0;
        for (int s = 0; s < STAGES; s++) sum += E[s] * tsit5_stage(step, s)[i];
        step->error[i] = h * sum;
    }
    double above = 0.0, below = 0.0;
    const double *f6 = tsit5_stage(step, STAGES - 2);
    for (int i = 0; i < n; i++) {
        const double df = step->f_new[i] - f6[i], dy = step->y_new[i] - sixth[i];
        above += df * df;
        below += dy * dy;
    }
    step->stiffness = below > 0.0 ? h * sqrt(above / below) : 0.0;
    return TRO_SUCCESS;
}

static void tsit5_dense(const tro_step *step, int n, double *coef)
{
    for (int i = 0; i < n; i++) {
        coef[i] = step->y[i];
        for (int j = 0; j < 4; j++) {
            double sum = 0.0;
            for (int s = 0; s < STAGES; s++) sum += R[s][j] * tsit5_stage(step, s)[i];
            coef[(size_t)(j + 1) * (size_t)n + (size_t)i] = step->h * sum;
        }
    }
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
