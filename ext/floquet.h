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

typedef struct {
    double error;    /* of the multiplier that is 1 */
    double mismatch; /* of the logarithm of their product, where Liouville's formula is given */
    double smallest; /* of the sizes of the others; 1 where that formula gives the only one */
    int n_unstable;  /* others outside the unit circle by more than a margin */
} tro_floquet_facts;

/* Doubles that the next function needs as work space. */
size_t tro_floquet_work(int n);

/* Find the numbers mu for which pair[0] + mu pair[1] is singular: values (n pairs), the one that
 * is 1 first, then the largest first.
 *
 * pair (2, n, n). volume is the logarithm of their product by Liouville's formula, or NaN where
 * that is not known; of two it tells the other one. Where the numbers are not to be found, all are
 * the largest. */
void tro_floquet(int n, const double *pair, double volume, tro_dggev *dggev, double *work,
                 double *values);

/* Tell what values (n pairs) say, as above. The margin is 10 errors, and at least `rounding`. */
void tro_floquet_look(int n, const double *values, double volume, double rounding,
                      tro_floquet_facts *facts);

/* Doubles that the next function needs as work space. */
size_t tro_floquet_product_work(int n);

/* Find the eigenvalues of a product of `count` matrices (count, n, n), the first acting first:
 * values (n pairs), the largest first. Each is known to as many digits as its neighbours, however
 * far they are apart. Returns 0 or a nonzero number where they are not to be found. */
int tro_floquet_product(int n, int count, const double *matrices, tro_dgeev *dgeev, double *work,
                        double *values);

/* Write numbers that change sign where one of n values is -1, where the product of two is 1, and
 * where one is 1: tests (3). values (n pairs) are real or come with their conjugates. */
void tro_floquet_tests(int n, const double *values, double *tests);

#endif
