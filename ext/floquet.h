/* Floquet multipliers from what collocation leaves, and functions that vanish where stability
 * changes. */
#ifndef TRO_FLOQUET_H
#define TRO_FLOQUET_H

#include <stddef.h>

/* LAPACK's dggev and dgeev, found at run time. */
typedef void tro_dggev(char *, char *, int *, double *, int *, double *, int *, double *, double *,
                       double *, double *, int *, double *, int *, double *, int *, int *);
typedef void tro_dgeev(char *, char *, int *, double *, int *, double *, double *, double *,
                       int *, double *, int *, double *, int *, int *);

/* What an infinite multiplier counts as; the product of two is still a number. */
#define TRO_FLOQUET_LARGEST 1e150

/* What the linearisation does beside an orbit's direction: a product of maps (n - 1, n - 1) times
 * `size`, what it does to the direction, and the logarithm of what it does to volumes. */
typedef struct {
    const double *product; /* or NULL where the pair of matrices tells enough */
    double size, along, volume;
} tro_floquet_across;

typedef struct {
    double error;   /* of the multiplier that is 1 */
    int n_unstable; /* others outside the unit circle by more than a margin */
} tro_floquet_facts;

/* Doubles that the next function needs as work space. */
size_t tro_floquet_work(int n);

/* Find the numbers mu for which pair[0] + mu pair[1] is singular: values (n pairs), the one that
 * is 1 first, then the largest first.
 *
 * pair (2, n, n). The margin is 10 errors, and at least `rounding`. Where the numbers are not to be
 * found, all are the largest. */
void tro_floquet(int n, const double *pair, tro_floquet_across across, double rounding,
                 tro_dggev *dggev, tro_dgeev *dgeev, double *work, double *values,
                 tro_floquet_facts *facts);

/* Write numbers that change sign where one of n values is -1, where the product of two is 1, and
 * where one is 1: tests (3). values (n pairs) are real or come with their conjugates. */
void tro_floquet_tests(int n, const double *values, double *tests);

#endif
