/* The equations that a method advances: a model's states and, beside them, tangents. */
#include <math.h>

#include "core.h"

size_t tro_system_work(const tro_model *model, int n_tangent)
{
    size_t n = (size_t)model->n_state, m = (size_t)model->n_param, k = (size_t)model->n_input;
    /* u and du, and for tangents the rhs with df/dy and df/dp */
    return 2 * k + (n_tangent > 0 ? n * (1 + n + m) : 0);
}

void tro_system_init(const tro_model *model, const double *p, const tro_stimulus *stimulus,
                     int n_tangent, const int *vary, double *work, tro_system *system)
{
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
    system->flow = n_tangent > 0 ? work + 2 * k : NULL;
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

void tro_system_slopes(tro_system *system, double t, const double *y, double *slopes)
{
    const tro_model *model = system->model;
    tro_stimulus_values(system->stimulus, t, system->low, system->high, system->u,
                        system->u + model->n_input);
    model->slopes(model, t, y, system->p, system->u, slopes);
    system->n_rhs++;
    system->n_jac++;
}
