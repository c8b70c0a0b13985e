/* Elimination in rows that are padded to whole vectors; what includes it knows most widths. */
#ifndef TRO_COLLOCATION_ROWS_H
#define TRO_COLLOCATION_ROWS_H

#include "core.h"
#include "wide.h"

#include <math.h>

static INLINE size_t product(int a, int b)
{
    return (size_t)a * (size_t)b;
}

/* Rows are padded to whole groups of this many doubles, which are computed together. */
enum { GROUP = 8 };

static INLINE int padded(int width)
{
    return (width + GROUP - 1) / GROUP * GROUP;
}

/* Multiply the determinant by a pivot. Logarithms are slow: its size is kept as a product, in
 * determinant[2], until that leaves the middle of the numbers' range. */
static INLINE void count_pivot(double *determinant, double pivot)
{
    if (pivot < 0.0)
        determinant[0] = -determinant[0];
    determinant[2] *= fabs(pivot);
    if (!(determinant[2] > 1e-150 && determinant[2] < 1e150)) {
        determinant[1] += log(determinant[2]);
        determinant[2] = 1.0;
    }
}

/* Eliminate the first `count` columns of a matrix from its first `rows` rows, with pivoting, and
 * from `more` rows that are never pivots. What stands below the pivots is not kept. */
static INLINE int eliminate(double *restrict matrix, int rows, int more, int width, int count,
                     double *restrict determinant)
{
    for (int k = 0; k < count; k++) {
        double *pivot = matrix + product(k, width);
        const int begin = k / GROUP * GROUP;
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
        count_pivot(determinant, pivot[k]);
        const double inverse = 1.0 / pivot[k];
        for (int i = k + 1; i < rows + more; i++) {
            double *row = matrix + product(i, width);
            const double factor = row[k] * inverse;
            if (factor == 0.0)
                continue;
            for (int j = begin; j < width; j += GROUP)
                for (int l = 0; l < GROUP; l++)
                    row[j + l] -= factor * pivot[j + l];
        }
    }
    return 0;
}

/* Solve the triangular system that elimination left in `rows` for `count` unknowns. `solved` holds
 * zeros for them, then what is known, as the columns do, then zeros to the rows' end. */
static INLINE void substitute(const double *restrict rows, int count, int width, int column,
                       double *restrict solved, double *restrict spare)
{
    double *inverse = spare + count;
    for (int i = 0; i < count; i++) {
        const double *row = rows + product(i, width);
        double sums[GROUP] = {0.0};
        for (int j = count / GROUP * GROUP; j < width; j += GROUP)
            for (int l = 0; l < GROUP; l++)
                sums[l] += row[j + l] * solved[j + l];
        spare[i] = row[column] - (((sums[0] + sums[1]) + (sums[2] + sums[3]))
                                  + ((sums[4] + sums[5]) + (sums[6] + sums[7])));
        inverse[i] = 1.0 / row[i];
    }
    for (int i = count - 1; i >= 0; i--) {
        const double x = spare[i] * inverse[i];
        for (int j = 0; j < i; j++)
            spare[j] -= rows[product(j, width) + (size_t)i] * x;
        solved[i] = x;
    }
}

#endif
