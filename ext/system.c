/* The equations that a method advances: a model's states and, beside them, tangents. */
#include <math.h>

#include "core.h"

size_t tro_system_work(const tro_model *model, int n_tangent)
{
    size_t n = (size_t)model->n_state, m = (size_t)model->n_param, k = (size_t)model->n_input;
    /* u and du; for tangents the rhs with df/dy and df/dp, and the pairs */
    return 2 * k + (n_tangent > 0 ? n * (1 + n + m) + 2 * (n + m) : 0);
}

void tro_system_init(const tro_model *model, const double *p, const tro_stimulus *stimulus,
                     int n_tangent, const int *vary, double *work, tro_system *system)
{
    const size_t n = (size_t)model->n_state, m = (size_t)model->n_param;
    const size_t k = (size_t)model->n_input;
    system->model = model;
    system->p = p;
    system->stimulus = stimulus;
    system->low = -HUGE_VAL;
    system->high = HUGE_VAL;
    system->n_state = model->n_state;
    system->n_tangent = n_tangent;
    system->vary = vary;
    system->u = work;
    system->flow = system->pair = NULL;
    if (n_tangent > 0) {
        system->flow = work + 2 * k;
        system->pair = system->flow + n * (1 + n + m);
        for (size_t i = 0; i < m; i++) {
            system->pair[2 * n + i] = p[i];
            system->pair[2 * n + m + i] = 0.0;
        }
    }
    system->n_rhs = 0;
    system->n_jac = 0;
}

void tro_system_rhs(tro_system *system, double t, const double *y, double *dydt)
{
    const tro_model *model = system->model;
    const int n = system->n_state;
    tro_stimulus_values(system->stimulus, t, system->low, system->high, system->u, NULL);
    system->n_rhs++;
    if (system->n_tangent == 0) {
        model->rhs(model, t, y, system->p, system->u, dydt);
        return;
    }

    /* Forward sensitivities: S' = (df/dy) S + df/dp (Hairer, Norsett & Wanner I.14). */
    model->tangent(model, t, y, system->p, system->u, system->flow);
    system->n_jac++;
    const double *dfdy = system->flow + n, *dfdp = dfdy + (size_t)n * (size_t)n;
    for (int i = 0; i < n; i++) dydt[i] = system->flow[i];
    for (int k = 0; k < system->n_tangent; k++) {
        const double *s = y + (size_t)n * (size_t)(k + 1);
        double *ds = dydt + (size_t)n * (size_t)(k + 1);
        const int by = system->vary[k];
        for (int i = 0; i < n; i++) {
            const double *row = dfdy + (size_t)i * (size_t)n;
            double sum = by >= 0 ? dfdp[i * model->n_param + by] : 0.0;
            for (int j = 0; j < n; j++) sum += row[j] * s[j];
            ds[i] = sum;
        }
    }
}

int tro_system_bad(const tro_system *system, const double *dydt)
{
    for (int i = 0; i < system->n_state; i++)
        if (!isfinite(dydt[i])) return i;
    return -1;
}

double tro_system_steepness(const tro_system *system, const double *f_a, const double *f_b,
                            const double *y_a, const double *y_b)
{
    double most = 0.0;
    for (int k = 0, at = 0; k <= system->n_tangent; k++) {
        double above = 0.0, below = 0.0;
        for (const int end = at + system->n_state; at < end; at++) {
            const double df = f_a[at] - f_b[at], dy = y_a[at] - y_b[at];
            above += df * df;
            below += dy * dy;
        }
        const double ratio = below == 0.0 ? 0.0 * above : sqrt(above / below);
        if (!(ratio <= most)) most = ratio;
        if (most != most) break;
    }
    return most;
}

void tro_system_slopes(tro_system *system, double t, const double *y, double *slopes)
{
    const tro_model *model = system->model;
    tro_stimulus_values(system->stimulus, t, system->low, system->high, system->u,
                        system->u + model->n_input);
    model->slopes(model, t, y, system->p, system->u, slopes);
    system->n_rhs++;
    system->n_jac++;
}

void tro_system_bends(tro_system *system, double t, const double *y, int k, double *bends)
{
    const tro_model *model = system->model;
    const size_t n = (size_t)model->n_state, m = (size_t)model->n_param;
    const double *tangent = y + n * (size_t)(k + 1);
    double *pair = system->pair, *p = pair + 2 * n;
    const int by = system->vary[k];
    for (size_t i = 0; i < n; i++) pair[i] = y[i], pair[n + i] = tangent[i];
    tro_stimulus_values(system->stimulus, t, system->low, system->high, system->u,
                        system->u + model->n_input);
    if (by >= 0) p[m + (size_t)by] = 1.0;
    model->bends(model, t, pair, p, system->u, bends);
    if (by >= 0) p[m + (size_t)by] = 0.0;
}
