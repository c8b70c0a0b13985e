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
/* Pieces whose series are computed together. */
enum { LANES = 8 };

static size_t product(int a, int b)
{
    return (size_t)a * (size_t)b;
}

/* The work space, cut up. */
typedef struct {
    double *values;  /* the equations' matrices at the Gauss points, of every interval */
    double *whole;   /* coefficients of an interval's polynomial */
    double *piece;   /* and of a piece's */
    double *lanes;   /* those of LANES pieces, entries of one kind beside each other, */
    double *ring;    /* the latest coefficients of their maps, */
    double *sums;    /* and these */
    double *y;
} room;

static size_t cut(const tro_collocation *c, double *work, room *out)
{
    const size_t m = (size_t)c->n_point, n = (size_t)c->model->n_state, square = n * n;
    const size_t sizes[] = {(size_t)c->n_interval * m * square, m * square, m * square,
                            LANES * m * square, LANES * (m + 1) * square, LANES * square, n};
    double **starts[] = {&out->values, &out->whole, &out->piece, &out->lanes,
                         &out->ring,   &out->sums,  &out->y};
    size_t total = 0;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        if (work != NULL)
            *starts[k] = work + total;
        total += sizes[k];
    }
    return total;
}

size_t tro_collocation_maps_work(const tro_collocation *c)
{
    room r;
    return cut(c, NULL, &r);
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

static double dot(int n, const double *a, const double *b)
{
    double sum = 0.0;
    for (int k = 0; k < n; k++)
        sum += a[k] * b[k];
    return sum;
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

/* Return no less than the rate of a matrix's powers: where a sum of sizes already tells that it is
 * small, that sum. The others (n, n) are work space. */
static double rate_of(int n, const double *matrix, double *square, double *fourth, double *eighth)
{
    double most = 0.0;
    int small = 1;
    for (int i = 0; i < n; i++) {
        double sum = 0.0;
        for (int j = 0; j < n; j++)
            sum += fabs(matrix[i * n + j]);
        /* Not a number is not small, in whichever row it stands. */
        small &= sum < LARGEST;
        most = fmax(most, sum);
    }
    if (small)
        return most;
    multiply(n, matrix, matrix, square);
    multiply(n, square, square, fourth);
    multiply(n, fourth, fourth, eighth);
    return sqrt(sqrt(sqrt((double)n * largest(product(n, n), eighth))));
}

int tro_collocation_maps_pieces(const tro_collocation *c, const double *states, double period,
                                const double *p, const double *u, double *work, int *pieces)
{
    const int n = c->model->n_state;
    const size_t square = product(n, n), each = (size_t)c->n_point * square;
    int total = 0;
    room at;
    cut(c, work, &at);
    for (int j = 0; j < c->n_interval; j++) {
        double size = 0.0, *values = at.values + (size_t)j * each;
        matrices(c, j, states, period, p, u, at.y, values);
        for (int i = 0; i < c->n_point; i++) {
            const double rate = rate_of(n, values + (size_t)i * square, at.ring, at.ring + square,
                                        at.ring + 2 * square);
            if (!isfinite(rate))
                return TRO_NONFINITE;
            size = fmax(size, rate);
        }
        pieces[j] = size < LARGEST * (double)MOST ? (int)(size / LARGEST) + 1 : MOST;
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

/* Solve dY/ds = A(s) Y, Y(0) = 1, up to s = 1, in each lane: A has the coefficients `by` (n_point,
 * n, n, LANES). ring (n_point + 1, n, n, LANES) is work space, map (n, n, LANES) the result. */
static WIDE void series(int n, int n_point, const double *restrict by, double *restrict ring,
                        double *restrict map)
{
    const size_t square = product(n, n) * LANES;
    double most[LANES];
    int quiet = 0, latest = 0;
    for (int s = 0; s < LANES; s++)
        most[s] = 1.0;
    for (size_t a = 0; a < square; a++)
        ring[a] = map[a] = a / LANES % (size_t)(n + 1) == 0 ? 1.0 : 0.0;
    for (int q = 0; q < COEFFICIENTS && quiet < n_point; q++) {
        const double share = 1.0 / (q + 1);
        const int next = latest == n_point ? 0 : latest + 1;
        double *const coefficient = ring + (size_t)next * square;
        double size[LANES] = {0.0};
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                double *here = coefficient + product(i * n + j, LANES);
                double sum[LANES] = {0.0};
                for (int k = 0, last = latest; k <= q && k < n_point; k++) {
                    const double *x = by + (size_t)k * square + product(i * n, LANES);
                    const double *y = ring + (size_t)last * square + product(j, LANES);
                    last = last == 0 ? n_point : last - 1;
                    for (int l = 0; l < n; l++, x += LANES, y += n * LANES)
                        for (int s = 0; s < LANES; s++)
                            sum[s] += x[s] * y[s];
                }
                for (int s = 0; s < LANES; s++)
                    here[s] = sum[s] * share;
            }
        for (size_t a = 0; a < square; a += LANES)
            for (int s = 0; s < LANES; s++) {
                map[a + (size_t)s] += coefficient[a + (size_t)s];
                size[s] += fabs(coefficient[a + (size_t)s]);
            }
        latest = next;
        int loud = 0;
        for (int s = 0; s < LANES; s++) {
            most[s] = most[s] < size[s] ? size[s] : most[s];
            loud |= size[s] > SMALL * most[s];
        }
        quiet = loud ? 0 : quiet + 1;
    }
}

/* Solve for the maps of up to LANES pieces, whose coefficients are in lanes. */
static void solve(int n, int n_point, int count, const room *at, double *maps)
{
    const size_t square = product(n, n);
    series(n, n_point, at->lanes, at->ring, at->sums);
    for (int s = 0; s < count; s++)
        for (size_t a = 0; a < square; a++)
            maps[(size_t)s * square + a] = at->sums[a * LANES + (size_t)s];
}

void tro_collocation_maps(const tro_collocation *c, const double *states, const double *p,
                          const double *u, const double *powers, const int *pieces, double *work,
                          double *maps, double *flows, double *volume)
{
    const tro_model *model = c->model;
    const int n = model->n_state, m = c->n_point;
    const size_t square = product(n, n), each = (size_t)m * square;
    double *solved = maps;
    int lane = 0;
    room at;
    cut(c, work, &at);
    memset(at.lanes, 0, sizeof(double) * LANES * each);
    *volume = 0.0;
    for (int j = 0; j < c->n_interval; j++) {
        const double *value = at.values + (size_t)j * each;
        memset(at.whole, 0, sizeof(double) * each);
        for (int i = 0; i < m; i++, value += square) {
            for (int a = 0; a < n; a++)
                *volume += c->weight[i] * value[a * n + a];
            for (int k = 0; k < m; k++)
                for (size_t a = 0; a < square; a++)
                    at.whole[(size_t)k * square + a] += powers[k * m + i] * value[a];
        }
        for (int k = 0; k < pieces[j]; k++) {
            taken(m, square, k, pieces[j], at.whole, at.piece);
            for (size_t a = 0; a < each; a++)
                at.lanes[a * LANES + (size_t)lane] = at.piece[a];
            if (++lane == LANES) {
                solve(n, m, LANES, &at, solved);
                solved += LANES * square;
                lane = 0;
            }
        }
    }
    if (lane > 0)
        solve(n, m, lane, &at, solved);
    for (int j = 0; j < c->n_interval; j++) {
        model->rhs(model, 0.0, states + product(j * m, n), p, u, flows);
        for (int k = 1; k < pieces[j]; k++, maps += square, flows += n)
            for (int a = 0; a < n; a++)
                flows[n + a] = dot(n, maps + a * n, flows);
        maps += square;
        flows += n;
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
