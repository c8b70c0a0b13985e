/* One Newton step of a periodic orbit that is discretised by collocation at Gauss points.
 *
 * The orbit solves dy/ds = T f(y, p, u) for s in (0, 1) with y_i(1) = sign_i y_i(0); some of T, p
 * and u are unknowns too, as many as there are linear conditions beside.
 */
#ifndef TRO_COLLOCATION_H
#define TRO_COLLOCATION_H

#include "core.h"

typedef struct {
    const tro_model *model;
    int n_point;          /* collocation points an interval; n_point + 1 nodes, ends included */
    int n_interval;
    int n_free;           /* unknown scalars, and conditions */
    int n_right;          /* right-hand sides that are solved for, at least 1 */
    const int *slot;      /* (n_free) parameter, n_param + input, or -1 for the period */
    const double *sign;   /* (n_state) */
    const double *mesh;   /* (n_interval + 1) from 0 to 1 */
    const double *value;  /* (n_point, n_point + 1) of the nodes' polynomials at the points */
    const double *slope;  /* (n_point, n_point + 1) their derivatives, for an interval of length 1 */
    const double *weight; /* (n_point) of the Gauss points */
} tro_collocation;

/* Doubles that the functions below need as work space, best at a multiple of 64 bytes. */
size_t tro_collocation_work(const tro_collocation *c);

/* Solve the linear equations of a Newton step at an orbit.
 *
 * states (n_interval n_point + 1, n_state); rows (n_free, nodes n_state) and rows_free (n_free,
 * n_free) are the conditions' derivatives. right (n_right, n_interval n_point n_state + n_state +
 * n_free) holds right-hand sides: equations, boundary, conditions; to the first, the equations'
 * and the boundary's own residuals are added.
 * steps (n_right, nodes n_state + n_free); pair (2, n_state, n_state) is such that
 * pair[0] y(0) + pair[1] y(1) = 0 for every solution of the variational equations;
 * determinant (3) is its sign, the logarithm of its size, and the logarithm of what the variational
 * equations do to volumes, by Liouville's formula.
 * Returns 0, TRO_NONFINITE or TRO_SINGULAR. */
int tro_collocation_solve(const tro_collocation *c, const double *states, double period,
                          const double *p, const double *u, const double *rows,
                          const double *rows_free, const double *right, double *work,
                          double *steps, double *pair, double *determinant);

/* Solve for an orbit under conditions, rows . states + rows_free . free = target, by Newton's
 * method; n_right is 2.
 *
 * scale (n_state) and free_scale (n_free) measure steps; one shorter than `enough` is the last.
 * states and free (n_free) hold where to start, and what was found; p and u take the scalars.
 * `period` counts unless it is a scalar.
 * step (nodes n_state + n_free) is how the orbit changes with the last condition's target; pair and
 * determinant as above, both from the last step's equations. corrections is how many were taken.
 * Returns 0, TRO_NONFINITE, TRO_SINGULAR, or TRO_MAX_STEPS where it does not converge. */
int tro_collocation_correct(const tro_collocation *c, double period, const double *rows,
                            const double *rows_free, const double *target, const double *scale,
                            const double *free_scale, double enough, double *p, double *u,
                            double *states, double *free, double *work, double *step,
                            double *pair, double *determinant, int *corrections);

/* A point of a curve of orbits. */
typedef struct {
    const double *states, *free;
    const double *tangent, *tangent_free;   /* of unit length in scales */
    const double *second, *second_free;     /* its derivatives with the length on the tangent, */
    const double *third, *third_free;       /* or NULL where they are not known */
    const double *scale, *free_scale;
} tro_collocation_point;

/* Write the last condition, the length on a point's tangent, and the targets that make a point
 * satisfy all conditions: the last of rows (n_free, nodes n_state) and of rows_free (n_free,
 * n_free), and target (n_free). */
void tro_collocation_length(const tro_collocation *c, const tro_collocation_point *at,
                            const double *mass, double *rows, double *rows_free, double *target);

/* Where a step arrived, beside the orbit. */
typedef struct {
    double sign, logarithm; /* of the determinant, bordered by the unit tangent */
    double cosine;          /* of the angle between both tangents */
    double aside;           /* square of the distance from the first tangent */
    double volume;          /* logarithm of what the variational equations do to volumes */
    int corrections;
} tro_collocation_arrival;

/* Solve for the orbit whose projection on a point's tangent lies at length s: the last condition's
 * target grows by s. mass (n_point + 1, n_point + 1) integrates products.
 *
 * out (4, nodes n_state + n_free) holds the orbit that was found, the unit tangent there, and its
 * second and third derivatives with the length, unless s is 0. The rest as above. */
int tro_collocation_advance(const tro_collocation *c, const tro_collocation_point *from, double s,
                            double period, const double *rows, const double *rows_free,
                            const double *target, const double *mass, double enough, double *p,
                            double *u, double *work, double *out, double *pair,
                            tro_collocation_arrival *arrival);

#endif
