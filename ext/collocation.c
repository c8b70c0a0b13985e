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

#include <math.h>
#include <string.h>

/* Widths and numbers of rows of the three systems. */
typedef struct {
    int n, m, free, right;
    int inner;       /* unknowns inside an interval */
    int local_rows;  /* equations of an interval */
    int local;       /* inner nodes, first end, last end, scalars, right-hand sides */
    int link;        /* an end, the orbit's first node, the next end, scalars, right-hand sides */
    int ends;        /* the orbit's first node, its last one, scalars, right-hand sides */
} shape;

static shape shape_of(const tro_collocation *c)
{
    shape s;
    s.n = c->model->n_state;
    s.m = c->n_point;
    s.free = c->n_free;
    s.right = c->n_right;
    s.inner = (s.m - 1) * s.n;
    s.local_rows = s.m * s.n;
    s.local = (s.m + 1) * s.n + s.free + s.right;
    s.link = 3 * s.n + s.free + s.right;
    s.ends = 2 * s.n + s.free + s.right;
    return s;
}

static size_t product(int a, int b)
{
    return (size_t)a * (size_t)b;
}

static size_t flow_size(const tro_model *model)
{
    return product(model->n_state, 1 + model->n_state + model->n_param + model->n_input);
}

size_t tro_collocation_work(const tro_collocation *c)
{
    const shape s = shape_of(c);
    const size_t intervals = (size_t)c->n_interval;
    return product(s.local_rows + s.free, s.local) + intervals * product(s.inner, s.local)
           + product(2 * s.n + s.free, s.link) + intervals * product(s.n, s.link)
           + product(2 * s.n + s.free, s.ends) + flow_size(c->model) + (size_t)s.n;
}

/* Wider vectors where the processor has them; each element is computed as ever. Sanitizers do not
 * bear functions that are chosen when a program starts. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__linux__) \
    && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define WIDE __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define WIDE
#endif

/* Eliminate the first `count` columns of a matrix from its first `rows` rows, with pivoting, and
 * from `more` rows that are never pivots. */
WIDE static int tro_collocation_eliminate(double *restrict matrix, int rows, int more, int width, int count,
                     double *determinant)
{
    for (int k = 0; k < count; k++) {
        double *pivot = matrix + product(k, width);
        int best = k;
        double largest = fabs(pivot[k]);
        for (int i = k + 1; i < rows; i++) {
            const double size = fabs(matrix[product(i, width) + (size_t)k]);
            if (size > largest) {
                largest = size;
                best = i;
            }
        }
        if (!(largest > 0.0))
            return isnan(largest) ? TRO_NONFINITE : TRO_SINGULAR;
        if (best != k) {
            double *other = matrix + product(best, width);
            for (int j = k; j < width; j++) {
                const double kept = pivot[j];
                pivot[j] = other[j];
                other[j] = kept;
            }
            determinant[0] = -determinant[0];
        }
        if (pivot[k] < 0.0)
            determinant[0] = -determinant[0];
        determinant[1] += log(largest);
        const double inverse = 1.0 / pivot[k];
        for (int i = k + 1; i < rows + more; i++) {
            double *row = matrix + product(i, width);
            const double factor = row[k] * inverse;
            if (factor == 0.0)
                continue;
            for (int j = k + 1; j < width; j++)
                row[j] -= factor * pivot[j];
        }
    }
    return 0;
}

/* Write an interval's equations. Returns 0 or TRO_NONFINITE. */
static int equations(const tro_collocation *c, const shape *s, int interval, const double *states,
                     double period, const double *p, const double *u, const double *right,
                     double *flow, double *y, double *matrix)
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
            if (!isfinite(row[scalars + s->free]))
                return TRO_NONFINITE;
        }
    }
    return 0;
}

/* Solve the triangular system that elimination left in `rows`, for one right-hand side:
 * unknowns stand `stride` apart in the solution as blocks of the caller's choice. */
static void substitute(const double *rows, int count, int width, int column, const double *known,
                       int n_known, double *x)
{
    for (int i = count - 1; i >= 0; i--) {
        const double *row = rows + product(i, width);
        double sum = row[column];
        for (int j = 0; j < n_known; j++)
            sum -= row[count + j] * known[j];
        for (int j = i + 1; j < count; j++)
            sum -= row[j] * x[j];
        x[i] = sum / row[i];
    }
}

int tro_collocation_solve(const tro_collocation *c, const double *states, double period,
                          const double *p, const double *u, const double *rows,
                          const double *rows_free, const double *right, double *work,
                          double *steps, double *pair, double *determinant)
{
    const shape s = shape_of(c);
    const int n = s.n, tail = s.free + s.right, intervals = c->n_interval;
    const size_t nodes = product(intervals * s.m + 1, n);
    const size_t each = product(intervals * s.m, n) + (size_t)(n + s.free);
    const size_t kept_local = product(s.inner, s.local), kept_link = product(n, s.link);
    double *local = work;
    double *inside = local + product(s.local_rows + s.free, s.local);
    double *link = inside + (size_t)intervals * kept_local;
    double *links = link + product(2 * n + s.free, s.link);
    double *ends = links + (size_t)intervals * kept_link;
    double *flow = ends + product(2 * n + s.free, s.ends);
    double *y = flow + flow_size(c->model);
    /* What is carried from end to end stands in `ends`, its columns being the first node, the
     * latest end, the scalars and right-hand sides: equations, then conditions. */
    double *conditions = ends + product(2 * n, s.ends);
    int status;

    determinant[0] = 1.0;
    determinant[1] = 0.0;
    memset(ends, 0, sizeof(double) * product(2 * n + s.free, s.ends));
    for (int k = 0; k < s.free; k++) {
        double *row = conditions + product(k, s.ends);
        memcpy(row + 2 * n, rows_free + product(k, s.free), sizeof(double) * (size_t)s.free);
        for (int r = 0; r < s.right; r++)
            row[2 * n + s.free + r] = right[(size_t)r * each + each - (size_t)(s.free - k)];
    }

    for (int j = 0; j < intervals; j++) {
        status = equations(c, &s, j, states, period, p, u, right, flow, y, local);
        if (status != 0)
            return status;
        double *extra = local + product(s.local_rows, s.local);
        memset(extra, 0, sizeof(double) * product(s.free, s.local));
        for (int k = 0; k < s.free; k++) {
            /* An interval answers for all its nodes but the last. */
            const double *row = rows + (size_t)k * nodes + product(j * s.m, n);
            memcpy(extra + product(k, s.local) + s.inner, row, sizeof(double) * (size_t)n);
            memcpy(extra + product(k, s.local), row + n, sizeof(double) * (size_t)s.inner);
        }
        status = tro_collocation_eliminate(local, s.local_rows, s.free, s.local, s.inner, determinant);
        if (status != 0)
            return status;
        memcpy(inside + (size_t)j * kept_local, local, sizeof(double) * kept_local);
        const double *left = local + kept_local; /* (n) equations between the ends */
        if (j == 0) {
            for (int a = 0; a < n; a++)
                memcpy(ends + product(a, s.ends), left + product(a, s.local) + s.inner,
                       sizeof(double) * (size_t)s.ends);
            for (int k = 0; k < s.free; k++)
                for (int b = 0; b < s.ends; b++)
                    conditions[product(k, s.ends) + (size_t)b] +=
                        extra[product(k, s.local) + (size_t)(s.inner + b)];
            continue;
        }
        memset(link, 0, sizeof(double) * product(2 * n + s.free, s.link));
        for (int a = 0; a < n; a++) {
            const double *before = ends + product(a, s.ends);
            const double *here = left + product(a, s.local) + s.inner;
            double *first = link + product(a, s.link), *second = link + product(n + a, s.link);
            memcpy(first, before + n, sizeof(double) * (size_t)n);
            memcpy(first + n, before, sizeof(double) * (size_t)n);
            memcpy(first + 3 * n, before + 2 * n, sizeof(double) * (size_t)tail);
            memcpy(second, here, sizeof(double) * (size_t)n);
            memcpy(second + 2 * n, here + n, sizeof(double) * (size_t)(n + tail));
        }
        for (int k = 0; k < s.free; k++) {
            const double *before = conditions + product(k, s.ends);
            const double *here = extra + product(k, s.local) + s.inner;
            double *row = link + product(2 * n + k, s.link);
            for (int b = 0; b < n; b++) {
                row[b] = before[n + b] + here[b];
                row[n + b] = before[b];
                row[2 * n + b] = here[n + b];
            }
            for (int b = 0; b < tail; b++)
                row[3 * n + b] = before[2 * n + b] + here[2 * n + b];
        }
        status = tro_collocation_eliminate(link, 2 * n, s.free, s.link, n, determinant);
        if (status != 0)
            return status;
        memcpy(links + (size_t)j * kept_link, link, sizeof(double) * kept_link);
        for (int a = 0; a < n; a++)
            memcpy(ends + product(a, s.ends), link + product(n + a, s.link) + n,
                   sizeof(double) * (size_t)s.ends);
        for (int k = 0; k < s.free; k++)
            memcpy(conditions + product(k, s.ends), link + product(2 * n + k, s.link) + n,
                   sizeof(double) * (size_t)s.ends);
    }

    for (int a = 0; a < n; a++)
        for (int b = 0; b < n; b++) {
            pair[a * n + b] = ends[product(a, s.ends) + (size_t)b];
            pair[n * n + a * n + b] = ends[product(a, s.ends) + (size_t)(n + b)];
        }
    for (int a = 0; a < n; a++) {
        double *row = ends + product(n + a, s.ends);
        memset(row, 0, sizeof(double) * (size_t)s.ends);
        row[a] = c->sign[a];
        row[n + a] = -1.0;
        for (int r = 0; r < s.right; r++)
            row[2 * n + s.free + r] = right[(size_t)r * each + each - (size_t)(s.free + n - a)];
        row[2 * n + s.free] += states[nodes - (size_t)(n - a)] - c->sign[a] * states[a];
    }
    for (int k = 0; k < s.free; k++)
        for (int b = 0; b < n; b++)
            conditions[product(k, s.ends) + (size_t)(n + b)] +=
                rows[(size_t)k * nodes + nodes - (size_t)(n - b)];
    const int size = 2 * n + s.free;
    status = tro_collocation_eliminate(ends, size, 0, s.ends, size, determinant);
    if (status != 0)
        return status;

    for (int r = 0; r < s.right; r++) {
        double *step = steps + (size_t)r * (nodes + (size_t)s.free);
        double *scalars = step + nodes;
        /* `flow` and `y` are free again; known values stand side by side as the rows hold them. */
        double *known = link;
        substitute(ends, size, s.ends, size + r, NULL, 0, local);
        memcpy(step, local, sizeof(double) * (size_t)n);
        memcpy(step + nodes - (size_t)n, local + n, sizeof(double) * (size_t)n);
        memcpy(scalars, local + 2 * n, sizeof(double) * (size_t)s.free);
        memcpy(known + 2 * n, scalars, sizeof(double) * (size_t)s.free);
        for (int j = intervals - 1; j >= 1; j--) {
            memcpy(known, step, sizeof(double) * (size_t)n);
            memcpy(known + n, step + product((j + 1) * s.m, n), sizeof(double) * (size_t)n);
            substitute(links + (size_t)j * kept_link, n, s.link, 3 * n + s.free + r, known,
                       2 * n + s.free, step + product(j * s.m, n));
        }
        for (int j = 0; j < intervals; j++) {
            memcpy(known, step + product(j * s.m, n), sizeof(double) * (size_t)n);
            memcpy(known + n, step + product((j + 1) * s.m, n), sizeof(double) * (size_t)n);
            substitute(inside + (size_t)j * kept_local, s.inner, s.local,
                       (s.m + 1) * n + s.free + r, known, 2 * n + s.free,
                       step + product(j * s.m + 1, n));
        }
    }
    return 0;
}
