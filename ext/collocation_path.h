/* What is asked of functions that are piecewise polynomials, given at the nodes of a mesh. */
#ifndef TRO_COLLOCATION_PATH_H
#define TRO_COLLOCATION_PATH_H

#include <stddef.h>

typedef struct {
    int n;               /* components */
    int n_point;         /* degree; n_point + 1 nodes an interval, ends included */
    int n_interval;
    const double *mesh;  /* (n_interval + 1) */
} tro_collocation_path;

/* All of `values`, `a` and `b` are (n_interval n_point + 1, n). */

/* Return sum over components and intervals of h ** power a . matrix b / unit ** 2, where matrix
 * (n_point + 1, n_point + 1) is a quadratic form on an interval of length 1. */
double tro_collocation_path_form(const tro_collocation_path *path, const double *matrix, int power,
                                 const double *unit, const double *a, const double *b);

/* Write that form as a functional of a: out (nodes, n). */
void tro_collocation_path_row(const tro_collocation_path *path, const double *matrix, int power,
                              const double *unit, const double *b, double *out);

/* Write the integral of each component: out (n). weights (n_point + 1) are those of the nodes of an
 * interval of length 1. */
void tro_collocation_path_integral(const tro_collocation_path *path, const double *weights,
                                   const double *values, double *out);

/* Write the values at positions s (n_out), quickest in ascending order: out (n_out, n).
 * powers (n_point + 1, n_point + 1): [j, k] is the coefficient of s ** j of node k's polynomial. */
void tro_collocation_path_at(const tro_collocation_path *path, const double *powers,
                             const double *values, const double *s, int n_out, double *out);

/* Write the least and the largest value of each component, those of the polynomials: (n) each. */
void tro_collocation_path_extremes(const tro_collocation_path *path, const double *powers,
                                   const double *values, double *least, double *largest);

/* Write the size of derivative n_point + 1 in each interval, in units: out (n_interval). It comes
 * from the jumps of the highest derivative that the polynomials have; the ends are joined. */
void tro_collocation_path_highest(const tro_collocation_path *path, const double *powers,
                                  const double *values, const double *unit, double *out);

/* Write the second and third derivatives at the end of a step of a curve, as its cubic with the
 * tangents at both ends has them: second and third (count). Lengths are those on the last tangent,
 * of which the step has `length` and its first tangent the share `cosine`. */
void tro_collocation_path_bend(size_t count, double length, double cosine, const double *before,
                               const double *tangent_before, const double *here,
                               const double *tangent, double *second, double *third);

/* Write how far each component moves, and at least a share of its unit: out (n). */
void tro_collocation_path_extent(const tro_collocation_path *path, const double *values,
                                 double share, const double *unit, double *out);

/* Write a mesh whose intervals share the error of interpolation equally: out (n_new + 1).
 *
 * values and unit hold `count` functions, and what each counts in. density (2, n_interval) is work
 * space. */
void tro_collocation_path_equal(const tro_collocation_path *path, const double *powers, int count,
                                const double *const *values, const double *const *unit, int n_new,
                                double *density, double *out);

/* Write `count` functions at the nodes of another mesh (n_new + 1): each of out
 * (n_new n_point + 1, n). */
void tro_collocation_path_moved(const tro_collocation_path *path, const double *powers,
                                const double *mesh, int n_new, int count,
                                const double *const *values, double *const *out);

/* Return the integral of the product of two functions less their means, in units. */
double tro_collocation_path_beside(const tro_collocation_path *path, const double *matrix,
                                   const double *weights, const double *unit, const double *a,
                                   const double *b);

#endif
