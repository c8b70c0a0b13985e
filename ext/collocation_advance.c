/* Steps along a curve of periodic orbits. */
#include "collocation.h"

#include "collocation_path.h"
#include "collocation_rows.h"

#include <string.h>

int tro_collocation_advance(const tro_collocation *c, const tro_collocation_point *from, double s,
                            double period, const double *rows, const double *rows_free,
                            const double *target, const double *mass, double enough, double *p,
                            double *u, double *work, double *out, double *pair,
                            tro_collocation_arrival *arrival)
{
    const int n = c->model->n_state, k = c->n_free;
    const size_t nodes = product(c->n_interval * c->n_point + 1, n);
    const tro_collocation_path path = {n, c->n_point, c->n_interval, c->mesh};
    const double half = s * s / 2.0, sixth = half * s / 3.0;
    double *states = out, *free = out + nodes, *tangent = free + k;
    double *free_tangent = tangent + nodes, *second = free_tangent + k;
    double *third = second + nodes + k;
    double determinant[3], *wanted = work;
    work += padded(k);

    for (size_t a = 0; a < nodes; a++)
        states[a] = from->states[a] + s * from->tangent[a];
    for (int a = 0; a < k; a++)
        free[a] = from->free[a] + s * from->tangent_free[a];
    if (from->second != NULL) {
        for (size_t a = 0; a < nodes; a++)
            states[a] += half * from->second[a] + sixth * from->third[a];
        for (int a = 0; a < k; a++)
            free[a] += half * from->second_free[a] + sixth * from->third_free[a];
    }
    memcpy(wanted, target, sizeof(double) * (size_t)k);
    wanted[k - 1] += s;
    const int status = tro_collocation_correct(
        c, period, rows, rows_free, wanted, from->scale, from->free_scale, enough, p, u, states,
        free, work, tangent, pair, determinant, &arrival->corrections);
    if (status != 0)
        return status;

    double square = tro_collocation_path_form(&path, mass, 1, from->scale, tangent, tangent);
    for (int a = 0; a < k; a++) {
        const double share = free_tangent[a] / from->free_scale[a];
        square += share * share;
    }
    if (!(square > 0.0 && square < INFINITY))
        return TRO_NONFINITE;
    /* The last condition makes the tangent's product with the first one 1. */
    const double size = sqrt(square);
    for (size_t a = 0; a < nodes + (size_t)k; a++)
        tangent[a] /= size;
    arrival->cosine = 1.0 / size;
    /* The determinant is linear in its last row, whose product with the tangent is 1 / size. */
    arrival->sign = determinant[0];
    arrival->volume = determinant[2];
    arrival->logarithm = determinant[1] + log(size);
    double *change = work;
    for (size_t a = 0; a < nodes; a++)
        change[a] = states[a] - from->states[a];
    double away = tro_collocation_path_form(&path, mass, 1, from->scale, change, change);
    for (int a = 0; a < k; a++) {
        const double share = (free[a] - from->free[a]) / from->free_scale[a];
        away += share * share;
    }
    arrival->aside = away - s * s;
    if (s != 0.0) {
        tro_collocation_path_bend(nodes, s, arrival->cosine, from->states, from->tangent, states,
                                  tangent, second, third);
        tro_collocation_path_bend((size_t)k, s, arrival->cosine, from->free, from->tangent_free,
                                  free, free_tangent, second + nodes, third + nodes);
    }
    return 0;
}
