/* Collocation's linear equations, solved by elimination from the inside out.
 *
 * Each interval's inner nodes are eliminated from its own equations, which leaves n_state
 * equations between its ends; then the ends are eliminated one after the other, always between
 * the orbit's first node and the next end; and last a dense system for both ends of the orbit and
 * the scalars. Rows are pivoted throughout. The conditions go along as rows that are never
 * pivots. De Boor & Weiss (1980), ACM TOMS 6, 80; Doedel, Keller & Kernevez (1991), Int. J.
 * Bifurcation and Chaos 1, 745.
 */
#include "collocation.h"

#include "collocation_path.h"
#include "collocation_rows.h"

#include <string.h>

/* Widths and numbers of rows of the three systems. */
typedef struct {
    int n, m, free, right;
    int inner;       /* unknowns inside an interval */
    int local_rows;  /* equations of an interval */
    /* Columns, padded: */
    int local;       /* inner nodes, first end, last end, scalars, right-hand sides */
    int link;        /* an end, the orbit's first node, the next end, scalars, right-hand sides */
    int ends;        /* the orbit's first node, its last one, scalars, right-hand sides */
} shape;

static INLINE shape shape_with(int n, int m, int free, int right)
{
    shape s;
    s.n = n;
    s.m = m;
    s.free = free;
    s.right = right;
    s.inner = (s.m - 1) * s.n;
    s.local_rows = s.m * s.n;
    s.local = padded((s.m + 1) * s.n + s.free + s.right);
    s.link = padded(3 * s.n + s.free + s.right);
    s.ends = padded(2 * s.n + s.free + s.right);
    return s;
}

static shape shape_of(const tro_collocation *c)
{
    return shape_with(c->model->n_state, c->n_point, c->n_free, c->n_right);
}

static size_t flow_size(const tro_model *model)
{
    return product(model->n_state, 1 + model->n_state + model->n_param + model->n_input);
}

/* The work space, cut up. */
typedef struct {
    double *local;  /* an interval's equations, then the conditions' share */
    double *inside; /* the rows that were its pivots, of every interval */
    double *link;   /* what stands between three ends */
    double *links;  /* and the rows that were pivots there */
    double *ends;   /* what is carried from end to end, see `condense` */
    double *flow, *y;
    double *solved; /* a row's unknowns, in the order of its columns */
    double *spare;  /* what `substitute` needs */
    double *right;  /* of `tro_collocation_correct` */
} room;

static size_t cut(const tro_collocation *c, const shape *s, double *work, room *out)
{
    const size_t intervals = (size_t)c->n_interval;
    const size_t sizes[] = {
        product(s->local_rows + s->free, s->local), intervals * product(s->inner, s->local),
        product(2 * s->n + s->free, s->link),       intervals * product(s->n, s->link),
        product(2 * s->n + s->free, s->ends),       (size_t)padded((int)flow_size(c->model)),
        (size_t)padded(s->n),                       (size_t)(s->local + s->link + s->ends),
        2 * (size_t)(s->local + s->ends),
        (size_t)s->right * (intervals * (size_t)s->local_rows + (size_t)(s->n + s->free)),
    };
    double **starts[] = {&out->local, &out->inside, &out->link,   &out->links, &out->ends,
                         &out->flow,  &out->y,      &out->solved, &out->spare, &out->right};
    size_t total = 0;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        if (work != NULL)
            *starts[k] = work + total;
        total += sizes[k];
    }
    return total;
}

size_t tro_collocation_work(const tro_collocation *c)
{
    const shape s = shape_of(c);
    room r;
    /* And the targets of `tro_collocation_advance`. */
    return cut(c, &s, NULL, &r) + (size_t)padded(s.free);
}

/* Write an interval's equations, and add to the volume, by Liouville's formula. Returns 0 or
 * TRO_NONFINITE. */
static INLINE int equations(const tro_collocation *c, const shape *s, int interval, const double *states,
                     double period, const double *p, const double *u, const double *right,
                     double *flow, double *y, double *matrix, double *volume)
{
    const tro_model *model = c->model;
    const int n = s->n, nodes = s->m + 1, scalars = (s->m + 1) * n;
    const double h = c->mesh[interval + 1] - c->mesh[interval];
    const double *first = states + product(interval * s->m, n);
    const size_t each = product(c->n_interval * s->m, n) + (size_t)(n + s->free);
    const double *jac = flow + n, *dfdp = jac + n * n;
    double *dfdu = flow + product(n, 1 + n + model->n_param);
    int parameters = 0, inputs = 0;

    for (int k = 0; k < s->free; k++) {
        parameters |= c->slot[k] >= 0 && c->slot[k] < model->n_param;
        inputs |= c->slot[k] >= model->n_param;
    }
    memset(matrix, 0, sizeof(double) * product(s->local_rows, s->local));
    for (int i = 0; i < s->m; i++) {
        const double *value = c->value + i * nodes, *slope = c->slope + i * nodes;
        for (int a = 0; a < n; a++) {
            double sum = 0.0;
            for (int k = 0; k < nodes; k++)
                sum += value[k] * first[k * n + a];
            y[a] = sum;
        }
        if (parameters) {
            model->tangent(model, 0.0, y, p, u, flow);
        } else {
            model->rhs(model, 0.0, y, p, u, flow);
            model->jac(model, 0.0, y, p, u, flow + n);
        }
        if (inputs)
            model->dfdu(model, 0.0, y, p, u, dfdu);
        for (int a = 0; a < n; a++) {
            double *row = matrix + product(i * n + a, s->local);
            double speed = 0.0;
            for (int k = 0; k < nodes; k++) {
                /* Inner nodes first, then the interval's two ends. */
                double *block = row + (k == 0 ? s->inner : k == s->m ? s->m * n : (k - 1) * n);
                const double weight = -h * period * value[k];
                for (int b = 0; b < n; b++)
                    block[b] = weight * jac[a * n + b];
                block[a] += slope[k];
                speed += slope[k] * first[k * n + a];
            }
            for (int k = 0; k < s->free; k++) {
                const int slot = c->slot[k];
                row[scalars + k] =
                    slot < 0 ? -h * flow[a]
                    : slot < model->n_param
                        ? -h * period * dfdp[a * model->n_param + slot]
                        : -h * period * dfdu[a * model->n_input + slot - model->n_param];
            }
            for (int k = 0; k < s->right; k++)
                row[scalars + s->free + k] =
                    right[(size_t)k * each + product(interval * s->m + i, n) + (size_t)a];
            row[scalars + s->free] += h * period * flow[a] - speed;
            *volume += h * period * c->weight[i] * jac[a * n + a];
            if (!isfinite(row[scalars + s->free]))
                return TRO_NONFINITE;
        }
    }
    return 0;
}

/* Eliminate everything, which leaves a triangular system for both ends of the orbit and the
 * scalars in `ends`, and those for the rest in `links` and `inside`. Returns 0, TRO_NONFINITE or
 * TRO_SINGULAR. */
static INLINE int condense_with(const tro_collocation *c, const shape *s, const room *at,
                         const double *states,
                         double period, const double *p, const double *u, const double *rows,
                         const double *rows_free, const double *right, double *pair,
                         double *result)
{
    const int n = s->n, free = s->free, tail = free + s->right, intervals = c->n_interval;
    const size_t nodes = product(intervals * s->m + 1, n);
    const size_t each = product(intervals * s->m, n) + (size_t)(n + free);
    const size_t kept_local = product(s->inner, s->local), kept_link = product(n, s->link);
    double *local = at->local, *link = at->link, *ends = at->ends;
    /* What is carried from end to end has as columns the first node, the latest end, the scalars
     * and right-hand sides: equations, then conditions. */
    double *conditions = ends + product(2 * n, s->ends);
    double determinant[3] = {1.0, 0.0, 1.0}, volume = 0.0;
    int status;

    memset(ends, 0, sizeof(double) * product(2 * n + free, s->ends));
    for (int k = 0; k < free; k++) {
        double *row = conditions + product(k, s->ends);
        memcpy(row + 2 * n, rows_free + product(k, free), sizeof(double) * (size_t)free);
        for (int r = 0; r < s->right; r++)
            row[2 * n + free + r] = right[(size_t)r * each + each - (size_t)(free - k)];
    }

    for (int j = 0; j < intervals; j++) {
        status = equations(c, s, j, states, period, p, u, right, at->flow, at->y, local,
                           &volume);
        if (status != 0)
            return status;
        double *extra = local + product(s->local_rows, s->local);
        memset(extra, 0, sizeof(double) * product(free, s->local));
        for (int k = 0; k < free; k++) {
            /* An interval answers for all its nodes but the last. */
            const double *row = rows + (size_t)k * nodes + product(j * s->m, n);
            memcpy(extra + product(k, s->local) + s->inner, row, sizeof(double) * (size_t)n);
            memcpy(extra + product(k, s->local), row + n, sizeof(double) * (size_t)s->inner);
        }
        status = eliminate(local, s->local_rows, free, s->local, s->inner, determinant);
        if (status != 0)
            return status;
        memcpy(at->inside + (size_t)j * kept_local, local, sizeof(double) * kept_local);
        const double *left = local + kept_local; /* (n) equations between the ends */
        if (j == 0) {
            for (int a = 0; a < n; a++)
                memcpy(ends + product(a, s->ends), left + product(a, s->local) + s->inner,
                       sizeof(double) * (size_t)(2 * n + tail));
            for (int k = 0; k < free; k++)
                for (int b = 0; b < 2 * n + tail; b++)
                    conditions[product(k, s->ends) + (size_t)b] +=
                        extra[product(k, s->local) + (size_t)(s->inner + b)];
            continue;
        }
        memset(link, 0, sizeof(double) * product(2 * n + free, s->link));
        for (int a = 0; a < n; a++) {
            const double *before = ends + product(a, s->ends);
            const double *here = left + product(a, s->local) + s->inner;
            double *first = link + product(a, s->link), *second = link + product(n + a, s->link);
            memcpy(first, before + n, sizeof(double) * (size_t)n);
            memcpy(first + n, before, sizeof(double) * (size_t)n);
            memcpy(first + 3 * n, before + 2 * n, sizeof(double) * (size_t)tail);
            memcpy(second, here, sizeof(double) * (size_t)n);
            memcpy(second + 2 * n, here + n, sizeof(double) * (size_t)(n + tail));
        }
        for (int k = 0; k < free; k++) {
            const double *before = conditions + product(k, s->ends);
            const double *here = extra + product(k, s->local) + s->inner;
            double *row = link + product(2 * n + k, s->link);
            for (int b = 0; b < n; b++) {
                row[b] = before[n + b] + here[b];
                row[n + b] = before[b];
                row[2 * n + b] = here[n + b];
            }
            for (int b = 0; b < tail; b++)
                row[3 * n + b] = before[2 * n + b] + here[2 * n + b];
        }
        status = eliminate(link, 2 * n, free, s->link, n, determinant);
        if (status != 0)
            return status;
        memcpy(at->links + (size_t)j * kept_link, link, sizeof(double) * kept_link);
        for (int a = 0; a < n; a++)
            memcpy(ends + product(a, s->ends), link + product(n + a, s->link) + n,
                   sizeof(double) * (size_t)(2 * n + tail));
        for (int k = 0; k < free; k++)
            memcpy(conditions + product(k, s->ends), link + product(2 * n + k, s->link) + n,
                   sizeof(double) * (size_t)(2 * n + tail));
    }

    for (int a = 0; a < n; a++)
        for (int b = 0; b < n; b++) {
            pair[a * n + b] = ends[product(a, s->ends) + (size_t)b];
            pair[n * n + a * n + b] = ends[product(a, s->ends) + (size_t)(n + b)];
        }
    result[2] = volume;
    for (int a = 0; a < n; a++) {
        double *row = ends + product(n + a, s->ends);
        memset(row, 0, sizeof(double) * (size_t)s->ends);
        row[a] = c->sign[a];
        row[n + a] = -1.0;
        for (int r = 0; r < s->right; r++)
            row[2 * n + free + r] = right[(size_t)r * each + each - (size_t)(free + n - a)];
        row[2 * n + free] += states[nodes - (size_t)(n - a)] - c->sign[a] * states[a];
    }
    for (int k = 0; k < free; k++)
        for (int b = 0; b < n; b++)
            conditions[product(k, s->ends) + (size_t)(n + b)] +=
                rows[(size_t)k * nodes + nodes - (size_t)(n - b)];
    const int size = 2 * n + free;
    status = eliminate(ends, size, 0, s->ends, size, determinant);
    if (status != 0)
        return status;
    result[0] = determinant[0];
    result[1] = determinant[1] + log(determinant[2]);
    return 0;
}

/* Solve what `condense` left for one right-hand side. */
static INLINE void expand_with(const tro_collocation *c, const shape *s, const room *at, int r,
                        double *step)
{
    const int n = s->n, intervals = c->n_interval, size = 2 * n + s->free;
    const size_t nodes = product(intervals * s->m + 1, n);
    const size_t one = sizeof(double) * (size_t)n;
    /* Each holds the scalars throughout. */
    double *last = at->solved, *ends = last + s->ends, *inner = ends + s->link;
    double *known = inner + s->inner;

    memset(last, 0, sizeof(double) * (size_t)(s->local + s->link + s->ends));
    substitute(at->ends, size, s->ends, size + r, last, at->spare);
    memcpy(step, last, one);
    memcpy(step + nodes - (size_t)n, last + n, one);
    memcpy(step + nodes, last + 2 * n, sizeof(double) * (size_t)s->free);
    memcpy(ends + 3 * n, last + 2 * n, sizeof(double) * (size_t)s->free);
    memcpy(known + 2 * n, last + 2 * n, sizeof(double) * (size_t)s->free);
    for (int j = intervals - 1; j >= 1; j--) {
        memset(ends, 0, one);
        memcpy(ends + n, step, one);
        memcpy(ends + 2 * n, step + product((j + 1) * s->m, n), one);
        substitute(at->links + (size_t)j * product(n, s->link), n, s->link, 3 * n + s->free + r,
                   ends, at->spare);
        memcpy(step + product(j * s->m, n), ends, one);
    }
    for (int j = 0; j < intervals; j++) {
        memset(inner, 0, sizeof(double) * (size_t)s->inner);
        memcpy(known, step + product(j * s->m, n), one);
        memcpy(known + n, step + product((j + 1) * s->m, n), one);
        substitute(at->inside + (size_t)j * product(s->inner, s->local), s->inner, s->local,
                   (s->m + 1) * n + s->free + r, inner, at->spare);
        memcpy(step + product(j * s->m + 1, n), inner, sizeof(double) * (size_t)s->inner);
    }
}

/* Both again for each of the usual numbers of states, so that loops of known length are unrolled;
 * and for any. */
#define CONDENSE(name, n, m, free, right)                                                         \
    WIDE int condense_##name(const tro_collocation *c, const shape *any, const room *at,          \
                             const double *states, double period, const double *p,                \
                             const double *u, const double *rows, const double *rows_free,        \
                             const double *rights, double *pair, double *result)                  \
    {                                                                                             \
        const shape s = shape_with(n, m, free, right);                                            \
        (void)any;                                                                                \
        return condense_with(c, &s, at, states, period, p, u, rows, rows_free, rights, pair,      \
                             result);                                                             \
    }
#define EXPAND(name, n, m, free, right)                                                           \
    WIDE void expand_##name(const tro_collocation *c, const shape *any, const room *at, int r,    \
                            double *step)                                                         \
    {                                                                                             \
        const shape s = shape_with(n, m, free, right);                                            \
        (void)any;                                                                                \
        expand_with(c, &s, at, r, step);                                                          \
    }
static CONDENSE(two, 2, 4, 2, 2)
static CONDENSE(three, 3, 4, 2, 2)
static CONDENSE(four, 4, 4, 2, 2)
static CONDENSE(five, 5, 4, 2, 2)
static CONDENSE(six, 6, 4, 2, 2)
static CONDENSE(seven, 7, 4, 2, 2)
static CONDENSE(any, any->n, any->m, any->free, any->right)
static EXPAND(two, 2, 4, 2, 2)
static EXPAND(three, 3, 4, 2, 2)
static EXPAND(four, 4, 4, 2, 2)
static EXPAND(five, 5, 4, 2, 2)
static EXPAND(six, 6, 4, 2, 2)
static EXPAND(seven, 7, 4, 2, 2)
static EXPAND(any, any->n, any->m, any->free, any->right)

static int condense(const tro_collocation *c, const shape *s, const room *at, const double *states,
                    double period, const double *p, const double *u, const double *rows,
                    const double *rows_free, const double *right, double *pair, double *result)
{
    const int usual = s->m == 4 && s->free == 2 && s->right == 2;
    int (*const chosen)(const tro_collocation *, const shape *, const room *, const double *,
                        double, const double *, const double *, const double *, const double *,
                        const double *, double *, double *) =
        usual && s->n == 2   ? condense_two
        : usual && s->n == 3 ? condense_three
        : usual && s->n == 4 ? condense_four
        : usual && s->n == 5 ? condense_five
        : usual && s->n == 6 ? condense_six
        : usual && s->n == 7 ? condense_seven
                             : condense_any;
    return chosen(c, s, at, states, period, p, u, rows, rows_free, right, pair, result);
}

static void expand(const tro_collocation *c, const shape *s, const room *at, int r, double *step)
{
    const int usual = s->m == 4 && s->free == 2 && s->right == 2;
    void (*const chosen)(const tro_collocation *, const shape *, const room *, int, double *) =
        usual && s->n == 2   ? expand_two
        : usual && s->n == 3 ? expand_three
        : usual && s->n == 4 ? expand_four
        : usual && s->n == 5 ? expand_five
        : usual && s->n == 6 ? expand_six
        : usual && s->n == 7 ? expand_seven
                             : expand_any;
    chosen(c, s, at, r, step);
}

int tro_collocation_solve(const tro_collocation *c, const double *states, double period,
                          const double *p, const double *u, const double *rows,
                          const double *rows_free, const double *right, double *work,
                          double *steps, double *pair, double *determinant)
{
    const shape s = shape_of(c);
    const size_t each = product(c->n_interval * s.m + 1, s.n) + (size_t)s.free;
    room at;
    cut(c, &s, work, &at);
    const int status = condense(c, &s, &at, states, period, p, u, rows, rows_free, right, pair,
                                determinant);
    for (int r = 0; status == 0 && r < s.right; r++)
        expand(c, &s, &at, r, steps + (size_t)r * each);
    return status;
}

/* Newton's method stops when a step, in the unknowns' own scales, is below what is asked for, or
 * below this multiple while it shrinks so quickly that the next one would be rounding; ... */
static const double CLOSING = 10.0, QUICK = 1e-3;
/* ... or when it no longer shrinks and is below this, which is rounding on a stiff orbit. */
static const double STAGNANT = 1e-6;
enum { CORRECTIONS = 10 };

/* Take parameters and inputs from the scalars and return the period. */
static double taken(const tro_collocation *c, const double *free, double period, double *p,
                    double *u)
{
    for (int k = 0; k < c->n_free; k++) {
        const int slot = c->slot[k];
        if (slot < 0)
            period = free[k];
        else if (slot < c->model->n_param)
            p[slot] = free[k];
        else
            u[slot - c->model->n_param] = free[k];
    }
    return period;
}

int tro_collocation_correct(const tro_collocation *c, double period, const double *rows,
                            const double *rows_free, const double *target, const double *scale,
                            const double *free_scale, double enough, double *p, double *u,
                            double *states, double *free, double *work, double *step,
                            double *pair, double *determinant, int *corrections)
{
    const shape s = shape_of(c);
    const int n = s.n, k = s.free;
    const size_t nodes = product(c->n_interval * s.m + 1, n);
    const size_t each = product(c->n_interval * s.m, n) + (size_t)(n + k);
    double last = INFINITY;
    room at;
    cut(c, &s, work, &at);

    memset(at.right, 0, sizeof(double) * 2 * each);
    at.right[2 * each - 1] = 1.0;
    for (int count = 1; count <= CORRECTIONS; count++) {
        double *gap = at.right + each - k, length = 0.0;
        for (int a = 0; a < k; a++) {
            double held = 0.0;
            for (size_t b = 0; b < nodes; b++)
                held += rows[(size_t)a * nodes + b] * states[b];
            for (int b = 0; b < k; b++)
                held += rows_free[a * k + b] * free[b];
            gap[a] = target[a] - held;
        }
        const double now = taken(c, free, period, p, u);
        const int status = condense(c, &s, &at, states, now, p, u, rows, rows_free, at.right, pair,
                                    determinant);
        if (status != 0)
            return status;
        expand(c, &s, &at, 0, step);
        for (size_t b = 0; b < nodes; b += (size_t)n)
            for (int a = 0; a < n; a++) {
                const double size = fabs(step[b + (size_t)a]) / scale[a];
                /* Not a number is the largest of all. */
                length = size <= length ? length : size;
            }
        for (int a = 0; a < k; a++) {
            const double size = fabs(step[nodes + (size_t)a]) / free_scale[a];
            length = size <= length ? length : size;
        }
        if (!isfinite(length))
            return TRO_NONFINITE;
        const int stagnant = length > 0.5 * last;
        if (stagnant && length > STAGNANT && (count > 3 || length > 4.0 * last))
            return TRO_MAX_STEPS;
        for (size_t b = 0; b < nodes; b++)
            states[b] += step[b];
        for (int a = 0; a < k; a++)
            free[a] += step[nodes + (size_t)a];
        const double least = length <= QUICK * last ? CLOSING * enough : enough;
        if (length <= least || (stagnant && length <= STAGNANT)) {
            expand(c, &s, &at, 1, step);
            *corrections = count;
            return 0;
        }
        last = length;
    }
    return TRO_MAX_STEPS;
}

void tro_collocation_length(const tro_collocation *c, const tro_collocation_point *at,
                            const double *mass, double *rows, double *rows_free, double *target)
{
    const int n = c->model->n_state, k = c->n_free;
    const size_t nodes = product(c->n_interval * c->n_point + 1, n);
    const tro_collocation_path path = {n, c->n_point, c->n_interval, c->mesh};
    tro_collocation_path_row(&path, mass, 1, at->scale, at->tangent, rows + (size_t)(k - 1) * nodes);
    for (int b = 0; b < k; b++)
        rows_free[(k - 1) * k + b] = at->tangent_free[b] / (at->free_scale[b] * at->free_scale[b]);
    for (int a = 0; a < k; a++) {
        double held = 0.0;
        for (size_t b = 0; b < nodes; b++)
            held += rows[(size_t)a * nodes + b] * at->states[b];
        for (int b = 0; b < k; b++)
            held += rows_free[a * k + b] * at->free[b];
        target[a] = held;
    }
}
