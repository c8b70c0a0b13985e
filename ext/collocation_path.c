/* Integrals, extremes and values of piecewise polynomials. */
#include "collocation_path.h"

#include <math.h>

enum { REFINEMENTS = 4 };

static const double *block(const tro_collocation_path *path, const double *values, int j)
{
    return values + (size_t)j * (size_t)path->n_point * (size_t)path->n;
}

static double length(const tro_collocation_path *path, int j)
{
    return path->mesh[j + 1] - path->mesh[j];
}

static double raised(double h, int power)
{
    return power == 0 ? 1.0 : power > 0 ? h : 1.0 / h;
}

/* The share of state i in the form, of a and b less what is given for each. */
static double form_of(const tro_collocation_path *path, const double *matrix, int power, int i,
                      const double *a, const double *b, double less_a, double less_b)
{
    const int n = path->n, nodes = path->n_point + 1;
    double one = 0.0;
    for (int j = 0; j < path->n_interval; j++) {
        const double *x = block(path, a, j) + i, *y = block(path, b, j) + i;
        double here = 0.0;
        for (int k = 0; k < nodes; k++) {
            double sum = 0.0;
            for (int l = 0; l < nodes; l++)
                sum += matrix[k * nodes + l] * (y[l * n] - less_b);
            here += (x[k * n] - less_a) * sum;
        }
        one += raised(length(path, j), power) * here;
    }
    return one;
}

double tro_collocation_path_form(const tro_collocation_path *path, const double *matrix, int power,
                                 const double *unit, const double *a, const double *b)
{
    double total = 0.0;
    for (int i = 0; i < path->n; i++)
        total += form_of(path, matrix, power, i, a, b, 0.0, 0.0) / (unit[i] * unit[i]);
    return total;
}

void tro_collocation_path_row(const tro_collocation_path *path, const double *matrix, int power,
                              const double *unit, const double *b, double *out)
{
    const int n = path->n, nodes = path->n_point + 1;
    for (int i = 0; i < n; i++)
        out[i] = 0.0;
    for (int j = 0; j < path->n_interval; j++) {
        const double *y = block(path, b, j), h = raised(length(path, j), power);
        double *here = out + (size_t)j * (size_t)path->n_point * (size_t)n;
        for (int k = 0; k < nodes; k++)
            for (int i = 0; i < n; i++) {
                double sum = 0.0;
                for (int l = 0; l < nodes; l++)
                    sum += matrix[k * nodes + l] * y[l * n + i];
                sum *= h / (unit[i] * unit[i]);
                /* Neighbours share a node. */
                here[k * n + i] = k == 0 ? here[i] + sum : sum;
            }
    }
}

void tro_collocation_path_integral(const tro_collocation_path *path, const double *weights,
                                   const double *values, double *out)
{
    const int n = path->n, nodes = path->n_point + 1;
    for (int i = 0; i < n; i++)
        out[i] = 0.0;
    for (int j = 0; j < path->n_interval; j++) {
        const double *y = block(path, values, j), h = length(path, j);
        for (int k = 0; k < nodes; k++)
            for (int i = 0; i < n; i++)
                out[i] += h * weights[k] * y[k * n + i];
    }
}

/* Return a coefficient of one component's polynomial in an interval. */
static double coefficient(const tro_collocation_path *path, const double *powers, int order,
                          const double *values)
{
    const int nodes = path->n_point + 1;
    double sum = 0.0;
    for (int k = 0; k < nodes; k++)
        sum += powers[order * nodes + k] * values[k * path->n];
    return sum;
}

void tro_collocation_path_at(const tro_collocation_path *path, const double *powers,
                             const double *values, const double *s, int n_out, double *out)
{
    const int n = path->n, nodes = path->n_point + 1;
    int j = 0;
    for (int at = 0; at < n_out; at++) {
        if (s[at] < path->mesh[j])
            j = 0;
        while (j + 1 < path->n_interval && path->mesh[j + 1] <= s[at])
            j++;
        const double local = (s[at] - path->mesh[j]) / length(path, j);
        const double *here = block(path, values, j);
        double *row = out + (size_t)at * (size_t)n;
        for (int i = 0; i < n; i++)
            row[i] = 0.0;
        for (int k = 0; k < nodes; k++) {
            double weight = powers[(nodes - 1) * nodes + k];
            for (int order = nodes - 2; order >= 0; order--)
                weight = weight * local + powers[order * nodes + k];
            for (int i = 0; i < n; i++)
                row[i] += weight * here[k * n + i];
        }
    }
}

/* Return the largest value near a node, of the polynomial in one interval, times `sign`. */
static double largest_near(const tro_collocation_path *path, const double *powers,
                           const double *values, double sign, double s)
{
    const int degree = path->n_point;
    for (int count = 0; count <= REFINEMENTS; count++) {
        double value = 0.0, first = 0.0, second = 0.0;
        for (int order = degree; order >= 0; order--) {
            second = second * s + 2.0 * first;
            first = first * s + value;
            value = value * s + sign * coefficient(path, powers, order, values);
        }
        if (count == REFINEMENTS || !(second < 0.0))
            return value;
        s = fmin(fmax(s - first / second, 0.0), 1.0);
    }
    return -INFINITY;
}

void tro_collocation_path_extremes(const tro_collocation_path *path, const double *powers,
                                   const double *values, double *least, double *largest)
{
    const int n = path->n, degree = path->n_point, nodes = path->n_interval * degree + 1;
    for (int i = 0; i < n; i++)
        for (int side = 0; side < 2; side++) {
            const double sign = side == 0 ? -1.0 : 1.0;
            int at = 0;
            double best = sign * values[i];
            for (int k = 1; k < nodes; k++)
                if (sign * values[(size_t)k * (size_t)n + (size_t)i] > best) {
                    best = sign * values[(size_t)k * (size_t)n + (size_t)i];
                    at = k;
                }
            /* A node that two intervals share is looked at from both. */
            for (int j = (at - 1) / degree; j <= at / degree; j++) {
                if (j < 0 || j >= path->n_interval)
                    continue;
                const double s = (double)(at - j * degree) / degree;
                const double *here = block(path, values, j) + i;
                best = fmax(best, largest_near(path, powers, here, sign, s));
            }
            (side == 0 ? least : largest)[i] = sign * best;
        }
}

static double whole(double h, int power)
{
    double out = 1.0;
    for (int k = 0; k < power; k++)
        out *= h;
    return out;
}

void tro_collocation_path_highest(const tro_collocation_path *path, const double *powers,
                                  const double *values, const double *unit, double *out)
{
    const int n = path->n, degree = path->n_point, intervals = path->n_interval;
    double factorial = 1.0;
    for (int k = 2; k <= degree; k++)
        factorial *= k;
    for (int j = 0; j < intervals; j++)
        out[j] = 0.0;
    for (int i = 0; i < n; i++) {
        const double last_h = length(path, intervals - 1);
        double before = factorial / unit[i] / whole(last_h, degree)
                        * coefficient(path, powers, degree, block(path, values, intervals - 1) + i);
        double h_before = last_h;
        for (int j = 0; j < intervals; j++) {
            const double h = length(path, j);
            const double top = factorial / unit[i] / whole(h, degree)
                               * coefficient(path, powers, degree, block(path, values, j) + i);
            const double jump = fabs(top - before) / ((h + h_before) / 2.0);
            const int other = j == 0 ? intervals - 1 : j - 1;
            out[j] = fmax(out[j], jump);
            out[other] = fmax(out[other], jump);
            before = top;
            h_before = h;
        }
    }
}

void tro_collocation_path_bend(size_t count, double length, double cosine, const double *before,
                               const double *tangent_before, const double *here,
                               const double *tangent, double *second, double *third)
{
    const double one = 1.0 / length, square = one * one, cube = square * one;
    for (size_t k = 0; k < count; k++) {
        const double steep = tangent_before[k] / cosine, rise = here[k] - before[k];
        second[k] = (4.0 * tangent[k] + 2.0 * steep) * one - 6.0 * square * rise;
        third[k] = 6.0 * (tangent[k] + steep) * square - 12.0 * cube * rise;
    }
}

void tro_collocation_path_extent(const tro_collocation_path *path, const double *values,
                                 double share, const double *unit, double *out)
{
    const int n = path->n, nodes = path->n_interval * path->n_point + 1;
    for (int i = 0; i < n; i++) {
        double low = values[i], high = values[i];
        for (int k = 1; k < nodes; k++) {
            const double value = values[(size_t)k * (size_t)n + (size_t)i];
            low = value < low ? value : low;
            high = value > high ? value : high;
        }
        out[i] = fmax(high - low, share * unit[i]);
    }
}

void tro_collocation_path_equal(const tro_collocation_path *path, const double *powers, int count,
                                const double *const *values, const double *const *unit, int n_new,
                                double *density, double *out)
{
    const int intervals = path->n_interval;
    double *one = density + intervals;
    double mean = 0.0, total = 0.0;
    for (int j = 0; j < intervals; j++)
        density[j] = 0.0;
    for (int k = 0; k < count; k++) {
        tro_collocation_path_highest(path, powers, values[k], unit[k], one);
        for (int j = 0; j < intervals; j++)
            density[j] = fmax(density[j], one[j]);
    }
    for (int j = 0; j < intervals; j++) {
        density[j] = pow(density[j], 1.0 / (path->n_point + 1));
        mean += density[j] * length(path, j);
    }
    for (int j = 0; j < intervals; j++) {
        /* No interval may grow beyond what the mean alone would make of it. */
        density[j] += 0.1 * mean + 1e-12;
        total += density[j] * length(path, j);
    }
    double passed = 0.0;
    int j = 0;
    for (int k = 1; k < n_new; k++) {
        const double wanted = total * k / n_new;
        while (j + 1 < intervals && passed + density[j] * length(path, j) <= wanted) {
            passed += density[j] * length(path, j);
            j++;
        }
        out[k] = path->mesh[j] + (wanted - passed) / density[j];
    }
    out[0] = 0.0;
    out[n_new] = 1.0;
}

void tro_collocation_path_moved(const tro_collocation_path *path, const double *powers,
                                const double *mesh, int n_new, int count,
                                const double *const *values, double *const *out)
{
    const int n = path->n, degree = path->n_point, nodes = degree + 1;
    int j = 0;
    for (int at = 0; at <= n_new * degree; at++) {
        const int interval = at / degree;
        const double h = interval < n_new ? mesh[interval + 1] - mesh[interval] : 0.0;
        const double s = mesh[interval] + h * (at - interval * degree) / degree;
        while (j + 1 < path->n_interval && path->mesh[j + 1] <= s)
            j++;
        const double local = (s - path->mesh[j]) / length(path, j);
        const size_t row = (size_t)at * (size_t)n;
        for (int each = 0; each < count; each++)
            for (int i = 0; i < n; i++)
                out[each][row + (size_t)i] = 0.0;
        for (int k = 0; k < nodes; k++) {
            double weight = powers[degree * nodes + k];
            for (int order = degree - 1; order >= 0; order--)
                weight = weight * local + powers[order * nodes + k];
            for (int each = 0; each < count; each++) {
                const double *here = block(path, values[each], j) + k * n;
                for (int i = 0; i < n; i++)
                    out[each][row + (size_t)i] += weight * here[i];
            }
        }
    }
}

double tro_collocation_path_beside(const tro_collocation_path *path, const double *matrix,
                                   const double *weights, const double *unit, const double *a,
                                   const double *b)
{
    const int n = path->n, nodes = path->n_point + 1;
    double total = 0.0;
    for (int i = 0; i < n; i++) {
        double mean_a = 0.0, mean_b = 0.0;
        for (int j = 0; j < path->n_interval; j++) {
            const double *x = block(path, a, j) + i, *y = block(path, b, j) + i;
            for (int k = 0; k < nodes; k++) {
                mean_a += length(path, j) * weights[k] * x[k * n];
                mean_b += length(path, j) * weights[k] * y[k * n];
            }
        }
        total += form_of(path, matrix, 1, i, a, b, mean_a, mean_b) / (unit[i] * unit[i]);
    }
    return total;
}
