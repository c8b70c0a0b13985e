/* Steps along a curve f(y, parameter) = 0, and Newton's method on what defines its points. */
#ifndef TRO_ARCLENGTH_H
#define TRO_ARCLENGTH_H

#include "core.h"

/* LAPACK's dgeev, found at run time. */
typedef void tro_dgeev(char *, char *, int *, double *, int *, double *, double *, double *,
                       int *, double *, int *, double *, int *, int *);

/* A model with one free parameter or input; x holds the states, then that value. */
typedef struct {
    const tro_model *model;
    double *p, *u;        /* everything that is held; the free one is written */
    int n;                /* states */
    int free;             /* index of the free parameter, or of the input; -1 for none */
    int input;            /* nonzero when it is an input */
    const double *low;    /* (n) bounds of the states, or infinite */
    const double *high;
    tro_dgeev *dgeev;
    double *work;
    int *rows;            /* (3 n + 2) */
} tro_arclength;

/* What is known of a point, one after another in a row of doubles:
 * x (n + 1), unit tangent (n + 1), eigenvalues (n pairs, the largest real part first), and the
 * following. */
enum {
    TRO_POINT_DETERMINANT, /* of the scaled derivative bordered by the tangent */
    TRO_POINT_PAIRS,       /* product of the sums of two eigenvalues, each over their size */
    TRO_POINT_TOLERANCE,   /* real part below which rounding decides an eigenvalue's sign */
    TRO_POINT_UNSTABLE,    /* eigenvalues right of the axis */
    TRO_POINT_STABLE,      /* nonzero when all are left of it */
    TRO_POINT_CORRECTIONS, /* Newton steps that were taken */
    TRO_POINT_ASIDE,       /* scaled distance from the predicted point */
    TRO_POINT_OUTSIDE,     /* first state that is outside its bounds, or -1 */
    TRO_POINT_GROWS,       /* nonzero when a state without bounds is larger than its scale */
    TRO_POINT_EXTRA
};

/* What defines a special point, as equations for Newton's method. */
enum { TRO_FOLD, TRO_HOPF, TRO_BRANCH };

size_t tro_arclength_work(const tro_model *model);
size_t tro_arclength_point_size(int n);
/* The point whose projection on a tangent, from x0, is at length s. */
int tro_arclength_at(const tro_arclength *a, const double *x0, const double *tangent,
                     const double *scale, double s, double *point);
/* The point between x0 and x1 at which the parameter has a value. */
int tro_arclength_landing(const tro_arclength *a, const double *x0, const double *x1,
                          const double *tangent, const double *scale, double value,
                          double *point);
/* A solved point with its tangent along a direction; x stands in its place. */
int tro_arclength_describe(const tro_arclength *a, const double *direction, const double *scale,
                           double *point);
/* Damped Newton iteration for the states, in place; gives up farther than reach scales away.
 * `left` is the length of the step that would come next, in scales; infinite where singular. */
int tro_arclength_newton(const tro_arclength *a, const double *scale, double reach, double *x,
                         double *left);
/* Newton's method on the equations that define a special point, in place.
 * fold    z = (x, q), A q = 0, <border, q> = 1
 * Hopf    z = (x, Re q, Im q, w), A q = i w omega q, <border, q> = 1 (border: n pairs)
 * branch  z = (x, b, phi), f + b phi = 0, phi^T F' = 0, <border, phi> = 1
 * All in scaled variables. */
int tro_arclength_define(const tro_arclength *a, int kind, const double *scale,
                         const double *border, double omega, double *z);

#endif
