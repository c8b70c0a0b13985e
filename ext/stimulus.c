/* Inputs as piecewise cubic tables. */
#include "core.h"

/* Last segment that starts at or before t, seen from inside (low, high). */
long tro_stimulus_segment(const tro_table *table, double t, double high)
{
    long below = 0, above = table->n;
    while (above - below > 1) {
        long middle = below + (above - below) / 2;
        if (table->knots[middle] <= t && table->knots[middle] < high)
            below = middle;
        else
            above = middle;
    }
    return below;
}

void tro_stimulus_values(const tro_stimulus *stimulus, double t, double low, double high,
                         double *u, double *du)
{
    double inside = t < low ? low : t;
    for (int i = 0; i < stimulus->n_input; i++) {
        const tro_table *table = &stimulus->tables[i];
        long k = tro_stimulus_segment(table, inside, high);
        const double *c = table->coefs + 4 * k;
        double s = inside - table->knots[k];
        if (s < 0.0) s = 0.0;
        u[i] = c[0] + s * (c[1] + s * (c[2] + s * c[3]));
        if (du) du[i] = c[1] + s * (2.0 * c[2] + s * 3.0 * c[3]);
    }
}
