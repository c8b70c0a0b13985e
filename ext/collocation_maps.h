/* What the linearisation along a periodic orbit does, piece by piece. */
#ifndef TRO_COLLOCATION_MAPS_H
#define TRO_COLLOCATION_MAPS_H

#include "collocation.h"

/* Doubles that the next two functions need as work space. */
size_t tro_collocation_maps_work(const tro_collocation *c);

/* Tell into how many pieces each interval is cut, so that no piece shrinks what the others of its
 * size cannot see: pieces (n_interval). Returns how many there are in all, or TRO_NONFINITE. `work`
 * holds what the next function needs. */
int tro_collocation_maps_pieces(const tro_collocation *c, const double *states, double period,
                                const double *p, const double *u, double *work, int *pieces);

/* Solve the variational equations over each piece.
 *
 * They are dY/ds = A(s) Y with A the polynomial through its values at the Gauss points, which keeps
 * collocation's order, and are solved to rounding, also where they are stiff: collocation itself
 * would lose multipliers that are small. powers (n_point, n_point): [j, k] is the coefficient of
 * s ** j of the polynomial that is 1 at Gauss point k and 0 at the others.
 * maps (pieces, n_state, n_state) go from the start of each piece to the next one's; flows
 * (pieces + 1, n_state) are the orbit's directions there; volume is the logarithm of what happens
 * to volumes, by Liouville's formula. */
void tro_collocation_maps(const tro_collocation *c, const double *states, const double *p,
                          const double *u, const double *powers, const int *pieces, double *work,
                          double *maps, double *flows, double *volume);

/* Doubles that the next function needs as work space. */
size_t tro_collocation_maps_beside_work(int n);

/* Write maps in frames beside the orbit's direction, the last frame the first one: result (count,
 * n - 1, n - 1), n at least 2. maps and flows are as above, for `count` pieces; along is what the
 * maps do to the direction. Rounding along the orbit, large among canards, stays out of it. */
void tro_collocation_maps_beside(int n, int count, const double *maps, const double *flows,
                                 double *work, double *result, double *along);

#endif
