/* What the linearisation along a periodic orbit does, by Taylor series of the variational
 * equations. */
#include "collocation_maps.h"

#include "wide.h"

#include <math.h>
#include <string.h>

/* Largest size of a piece's matrix, by the rate of its powers: its map then keeps nine digits of
 * what shrinks most. */
static const double LARGEST = 8.0;
/* Most pieces of an interval, and of an orbit. */
enum { MOST = 1000, MOST_IN_ALL = 1000000 };
/* A series ends after n_point coefficients that are smaller than this share of the largest, or at
 * this many. */
static const double SMALL = 1e-15;
enum { COEFFICIENTS = 100 };

static size_t product(int a, int b)
{
    return (size_t)a * (size_t)b;
}

size_t tro_collocation_maps_work(const tro_collocation *c)
{
    const size_t square = product(c->model->n_state, c->model->n_state);
    return (3 * (size_t)c->n_point + 2) * square + (size_t)c->model->n_state;
}

/* out = a b */
static void multiply(int n, const double *a, const double *b, double *out)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0.0;
            for (int k = 0; k < n; k++)
                sum += a[i * n + k] * b[k * n + j];
            out[i * n + j] = sum;
        }
}

static double largest(size_t count, const double *values)
{
    double found = 0.0;
    for (size_t k = 0; k < count; k++) {
        const double size = fabs(values[k]);
        /* Not a number is the largest of all. */
        found = size <= found ? found : size;
    }
    return found;
}

/* Write the variational equations' matrices at an interval's Gauss points: out (n_point, n, n).
 * y (n) is work space. */
static void matrices(const tro_collocation *c, int interval, const double *states, double period,
                     const double *p, const double *u, double *y, double *out)
{
    const tro_model *model = c->model;
    const int n = model->n_state, nodes = c->n_point + 1;
    const double h = period * (c->mesh[interval + 1] - c->mesh[interval]);
    const double *first = states + product(interval * c->n_point, n);
    for (int i = 0; i < c->n_point; i++) {
        double *matrix = out + product(i * n, n);
        for (int a = 0; a < n; a++) {
            y[a] = 0.0;
            for (int k = 0; k < nodes; k++)
                y[a] += c->value[i * nodes + k] * first[k * n + a];
        }
        model->jac(model, 0.0, y, p, u, matrix);
        for (int a = 0; a < n * n; a++)
            matrix[a] *= h;
    }
}

int tro_collocation_maps_pieces(const tro_collocation *c, const double *states, double period,
                                const double *p, const double *u, double *work, int *pieces)
{
    const int n = c->model->n_state;
    double *values = work, *square = values + product(c->n_point * n, n);
    double *fourth = square + product(n, n), *eighth = fourth + product(n, n);
    int total = 0;
    for (int j = 0; j < c->n_interval; j++) {
        double size = 0.0;
        matrices(c, j, states, period, p, u, eighth, values);
        for (int i = 0; i < c->n_point; i++) {
            const double *matrix = values + product(i * n, n);
            multiply(n, matrix, matrix, square);
            multiply(n, square, square, fourth);
            multiply(n, fourth, fourth, eighth);
            const double rate = sqrt(sqrt(sqrt((double)n * largest(product(n, n), eighth))));
            if (!isfinite(rate))
                return TRO_NONFINITE;
            size = fmax(size, rate);
        }
        pieces[j] = size < LARGEST * MOST ? (int)(size / LARGEST) + 1 : MOST;
        total += pieces[j];
        if (total > MOST_IN_ALL)
            return TRO_NONFINITE;
    }
    return total;
}

/* Write the polynomial on piece k of `count`, in its own variable: of the coefficients `from`
 * (n_point, square) to `to`. */
static void taken(int n_point, size_t square, int k, int count, const double *from, double *to)
{
    const double begin = (double)k / count;
    double unit = 1.0;
    memcpy(to, from, sizeof(double) * (size_t)n_point * square);
    for (int low = 0; low < n_point; low++)
        for (int i = n_point - 2; i >= low; i--)
            for (size_t a = 0; a < square; a++)
                to[(size_t)i * square + a] += begin * to[(size_t)(i + 1) * square + a];
    for (int i = 0; i < n_point; i++) {
        unit /= count;
        for (size_t a = 0; a < square; a++)
            to[(size_t)i * square + a] *= unit;
    }
}

/* Solve dY/ds = A(s) Y, Y(0) = 1, up to s = 1: A has the given coefficients, and `ring` (n_point,
 * n, n) and `next` (n, n) are work space. */
static INLINE void series_with(int n, int n_point, const double *coefficients, double *ring,
                               double *next, double *map)
{
    const size_t square = (size_t)(n * n);
    double most = 1.0;
    int quiet = 0, latest = 0;
    for (size_t a = 0; a < square; a++)
        ring[a] = map[a] = a % (size_t)(n + 1) == 0 ? 1.0 : 0.0;
    for (int q = 0; q < COEFFICIENTS && quiet < n_point; q++) {
        const double share = 1.0 / (q + 1);
        double size = 0.0;
        for (size_t a = 0; a < square; a++)
            next[a] = 0.0;
        for (int k = 0, last = latest; k <= q && k < n_point; k++) {
            const double *by = coefficients + (size_t)k * square;
            const double *with = ring + (size_t)last * square;
            last = last == 0 ? n_point - 1 : last - 1;
            for (int i = 0; i < n; i++)
                for (int l = 0; l < n; l++)
                    for (int j = 0; j < n; j++)
                        next[i * n + j] += by[i * n + l] * with[l * n + j];
        }
        latest = latest + 1 == n_point ? 0 : latest + 1;
        for (size_t a = 0; a < square; a++) {
            const double value = next[a] * share;
            map[a] += value;
            ring[(size_t)latest * square + a] = value;
            size = fabs(value) <= size ? size : fabs(value);
        }
        most = most < size ? size : most;
        quiet = size <= SMALL * most ? quiet + 1 : 0;
    }
}

#define SERIES(name, n, m)                                                                        \
    WIDE void series_##name(int any_n, int any_m, const double *coefficients, double *ring,       \
                            double *next, double *map)                                            \
    {                                                                                             \
        (void)any_n, (void)any_m;                                                                 \
        series_with(n, m, coefficients, ring, next, map);                                         \
    }
static SERIES(two, 2, 4)
static SERIES(three, 3, 4)
static SERIES(four, 4, 4)
static SERIES(any, any_n, any_m)

static void series(int n, int n_point, const double *coefficients, double *ring, double *next,
                   double *map)
{
    void (*const chosen)(int, int, const double *, double *, double *, double *) =
        n == 2 && n_point == 4   ? series_two
        : n == 3 && n_point == 4 ? series_three
        : n == 4 && n_point == 4 ? series_four
                                 : series_any;
    chosen(n, n_point, coefficients, ring, next, map);
}

void tro_collocation_maps(const tro_collocation *c, const double *states, double period,
                          const double *p, const double *u, const double *powers,
                          const int *pieces, double *work, double *maps, double *flows,
                          double *volume)
{
    const tro_model *model = c->model;
    const int n = model->n_state, m = c->n_point;
    const size_t square = product(n, n);
    double *values = work, *whole = values + (size_t)m * square, *piece = whole + (size_t)m * square;
    double *next = piece + (size_t)m * square;
    *volume = 0.0;
    for (int j = 0; j < c->n_interval; j++) {
        matrices(c, j, states, period, p, u, next, values);
        memset(whole, 0, sizeof(double) * (size_t)m * square);
        for (int i = 0; i < m; i++) {
            const double *value = values + (size_t)i * square;
            for (int a = 0; a < n; a++)
                *volume += c->weight[i] * value[a * n + a];
            for (int k = 0; k < m; k++)
                for (size_t a = 0; a < square; a++)
                    whole[(size_t)k * square + a] += powers[k * m + i] * value[a];
        }
        model->rhs(model, 0.0, states + product(j * m, n), p, u, flows);
        for (int k = 0; k < pieces[j]; k++, maps += square, flows += n) {
            taken(m, square, k, pieces[j], whole, piece);
            series(n, m, piece, values, next, maps);
            for (int a = 0; k + 1 < pieces[j] && a < n; a++) {
                flows[n + a] = 0.0;
                for (int b = 0; b < n; b++)
                    flows[n + a] += maps[a * n + b] * flows[b];
            }
        }
    }
    model->rhs(model, 0.0, states + product(c->n_interval * m, n), p, u, flows);
}

size_t tro_collocation_maps_beside_work(int n)
{
    return 3 * product(n, n);
}

/* Write unit vectors beside a direction as rows (n - 1, n): those that the reflection which takes
 * the direction to the axis of its largest component makes of the other axes. `normal` is work
 * space. */
static void beside(int n, const double *flow, double *normal, double *rows)
{
    double square = 0.0;
    int axis = 0, row = 0;
    for (int a = 0; a < n; a++) {
        square += flow[a] * flow[a];
        if (fabs(flow[a]) > fabs(flow[axis]))
            axis = a;
    }
    const double size = sqrt(square);
    for (int a = 0; a < n; a++)
        normal[a] = flow[a] / size;
    const double half = 1.0 + fabs(normal[axis]);
    normal[axis] += copysign(1.0, normal[axis]);
    for (int k = 0; k < n; k++) {
        if (k == axis)
            continue;
        for (int a = 0; a < n; a++)
            rows[row * n + a] = (a == k ? 1.0 : 0.0) - normal[k] * normal[a] / half;
        row++;
    }
}

static double dot(int n, const double *a, const double *b)
{
    double sum = 0.0;
    for (int k = 0; k < n; k++)
        sum += a[k] * b[k];
    return sum;
}

void tro_collocation_maps_beside(int n, int count, const double *maps, const double *flows,
                                 double *work, double *result, double *along)
{
    const int m = n - 1;
    double *first = work, *frames[2] = {first + product(m, n), first + 2 * product(m, n)};
    double *moved = frames[1] + product(m, n);
    *along = 1.0;
    beside(n, flows, moved, first);
    memcpy(frames[0], first, sizeof(double) * product(m, n));
    for (int j = 0; j < count; j++, maps += product(n, n), result += product(m, m)) {
        const double *before = flows + product(j, n), *after = before + n;
        const double *here = frames[j % 2];
        double *there = frames[(j + 1) % 2];
        for (int a = 0; a < n; a++)
            moved[a] = dot(n, maps + a * n, before);
        *along *= dot(n, moved, after) / dot(n, after, after);
        if (j + 1 < count)
            beside(n, after, moved, there);
        else
            memcpy(there, first, sizeof(double) * product(m, n));
        for (int l = 0; l < m; l++) {
            for (int a = 0; a < n; a++)
                moved[a] = dot(n, maps + a * n, here + product(l, n));
            for (int k = 0; k < m; k++)
                result[k * m + l] = dot(n, there + product(k, n), moved);
        }
    }
}
