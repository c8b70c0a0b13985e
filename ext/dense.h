/* Small dense linear algebra, row-major. */
#ifndef TRO_DENSE_H
#define TRO_DENSE_H

#include "core.h"

/* Factor the n by n matrix a in place with partial pivoting; row[i] is the row that was
 * swapped with i. TRO_SINGULAR when a pivot is zero or not finite. */
int tro_dense_factor(int n, double *a, int *row);
/* Solve in place with the factors. */
void tro_dense_solve(int n, const double *a, const int *row, double *b);
/* Write the eigenvalues of a, which is lost; whether they were found. */
int tro_dense_eigenvalues(int n, double *a, double *re, double *im);

#endif
