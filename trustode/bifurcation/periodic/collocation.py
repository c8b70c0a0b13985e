"""Periodic orbits as piecewise polynomials, and Newton's method on them.

An orbit solves dy/ds = T f(y, p, u) for s in (0, 1), y_i(1) = sign_i y_i(0), at the Gauss points of
a mesh. The linear algebra is the C core's (`ext/collocation.c`). Imports the compiled layer and
the systems of the folder above.

References
----------
De Boor & Swartz (1973), SIAM J. Numer. Anal. 10, 582; Doedel, Keller & Kernevez (1991), Int. J.
Bifurcation and Chaos 1, 745.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._collocation import Collocation, Pieces
from ..._core import Functions

Array = NDArray[np.float64]

#: Collocation points an interval: polynomials of this degree.
POINTS = 4
#: Newton's method stops when a correction, in the unknowns' scales, is below this.
CLOSE = 1e-9
#: Slot of the period among the unknown scalars.
PERIOD = -1


class Basis(NamedTuple):
    """Polynomials through equidistant nodes of an interval of length 1.

    Attributes
    ----------
    points, weights : ndarray, shape (POINTS,)
        Gauss points and weights.
    value, slope : ndarray, shape (POINTS, POINTS + 1)
        The nodes' polynomials at the points, and their derivatives.
    power : ndarray, shape (POINTS + 1, POINTS + 1)
        power[j, k] is the coefficient of s ** j of node k's polynomial.
    mass, stiff, shift : ndarray, shape (POINTS + 1, POINTS + 1)
        Integrals of products of two nodes' polynomials: of themselves, of their derivatives, and
        of each with the other's derivative.
    whole : ndarray, shape (POINTS + 1,)
        Integrals of the nodes' polynomials.
    inverse : ndarray, shape (POINTS, POINTS)
        inverse[j, k] is the coefficient of s ** j of the polynomial that is 1 at point k and 0 at
        the others.
    pieces : Pieces
        What is computed of piecewise polynomials.
    """

    points: Array
    weights: Array
    value: Array
    slope: Array
    power: Array
    mass: Array
    stiff: Array
    shift: Array
    whole: Array
    inverse: Array
    pieces: Pieces


@lru_cache(maxsize=1)
def basis() -> Basis:
    """Return the basis for `POINTS` collocation points."""
    points, weights = np.polynomial.legendre.leggauss(POINTS)
    points, weights = (points + 1.0) / 2.0, weights / 2.0
    nodes = np.arange(POINTS + 1) / POINTS
    power: Array = np.asarray(np.linalg.inv(np.vander(nodes, increasing=True)), dtype=float)
    exponents = np.arange(POINTS + 1)
    value = points[:, None] ** exponents @ power
    slope = (exponents[1:] * points[:, None] ** exponents[:-1]) @ power[1:]
    value, slope = np.asarray(value, dtype=float), np.asarray(slope, dtype=float)
    weighted, steep = value.T * weights, slope.T * weights
    mass = np.ascontiguousarray(weighted @ value)
    return Basis(
        np.asarray(points, dtype=float),
        weights,
        value,
        slope,
        power,
        mass,
        np.ascontiguousarray(steep @ slope),
        np.ascontiguousarray(weighted @ slope),
        mass.sum(axis=0),
        np.asarray(np.linalg.inv(np.vander(points, increasing=True)), dtype=float),
        Pieces(power),
    )


@dataclass(frozen=True, eq=False)
class Orbit:
    """A periodic orbit and the scalars that belong to it.

    Attributes
    ----------
    mesh : ndarray, shape (n_interval + 1,)
        From 0 to 1.
    states : ndarray, shape (n_interval POINTS + 1, n_state)
        At the nodes: the mesh, and equidistant ones between.
    free : ndarray, shape (n_free,)
        The scalars that were solved for, in the order of the problem's slots.
    """

    mesh: Array
    states: Array
    free: Array

    @property
    def nodes(self) -> Array:
        """Positions of the nodes, shape (n_interval POINTS + 1,)."""
        return nodes_of(self.mesh)

    @cached_property
    def extremes(self) -> tuple[Array, Array]:
        """The least and the largest value of each state, of the polynomials, to rounding."""
        least, largest = basis().pieces.extremes(self.mesh, self.states)
        return least, largest

    @cached_property
    def mark(self) -> Array:
        """What tells it from others wherever it begins, shape (2 n_state + n_free,)."""
        return np.concatenate([*self.extremes, self.free])

    def at(self, s: Array) -> Array:
        """Return the states at positions in [0, 1], shape (n, n_state)."""
        return interpolated(self.mesh, self.states, s)


class Direction(NamedTuple):
    """A direction in the space of orbits.

    Attributes
    ----------
    states : ndarray, shape (n_node, n_state)
    free : ndarray, shape (n_free,)
    """

    states: Array
    free: Array

    def __neg__(self) -> Direction:
        return Direction(-self.states, -self.free)


class Solved(NamedTuple):
    """The linear equations at an orbit, solved.

    Attributes
    ----------
    steps : list of Direction
        A solution for each right-hand side.
    pair : ndarray, shape (2, n_state, n_state)
        pair[0] y(0) + pair[1] y(1) = 0 holds for the variational equations' solutions.
    sign, size : float
        Sign of the determinant, and the logarithm of its size.
    volume : float
        Logarithm of what the variational equations do to volumes, by Liouville's formula.
    """

    steps: list[Direction]
    pair: Array
    sign: float
    size: float
    volume: float


class Corrected(NamedTuple):
    """An orbit that satisfies its equations.

    Attributes
    ----------
    orbit : Orbit
    tangent : Direction
        Change of the orbit with the last condition's value.
    pair : ndarray, shape (2, n_state, n_state)
    sign, size, volume : float
        As in `Solved`.
    corrections : int
    """

    orbit: Orbit
    tangent: Direction
    pair: Array
    sign: float
    size: float
    volume: float
    corrections: int


class Conditions(NamedTuple):
    """Linear conditions on an orbit: sum(rows * states) + rows_free @ free = target.

    Attributes
    ----------
    rows : ndarray, shape (n_free, n_node, n_state)
    rows_free : ndarray, shape (n_free, n_free)
    target : ndarray, shape (n_free,)
    """

    rows: Array
    rows_free: Array
    target: Array

    def gap(self, orbit: Orbit) -> Array:
        """Return what is missing to the targets, shape (n_free,)."""
        held = np.tensordot(self.rows, orbit.states, 2) + self.rows_free @ orbit.free
        return np.asarray(self.target - held)


class Problem:
    """The periodic orbits of some equations with some scalars free.

    Parameters
    ----------
    functions : Functions
        The compiled equations; autonomous.
    p, u : ndarray, shapes (n_param,) and (n_input,)
        What is held; copied.
    slots : sequence of int
        The free scalars: a parameter's index, n_param + an input's, or `PERIOD`.
    sign : ndarray, shape (n_state,), optional
        y(1) = sign * y(0); all 1 if not given.
    period : float
        The period, if it is not among the free scalars.
    """

    def __init__(
        self,
        functions: Functions,
        p: Array,
        u: Array,
        slots: Sequence[int],
        sign: Array | None = None,
        period: float = 1.0,
    ) -> None:
        self.functions = functions
        self.n = int(functions.sizes[0])
        self.slots = tuple(slots)
        self.p, self.u = p.copy(), u.copy()
        self.sign = np.ones(self.n) if sign is None else sign
        self._period = period
        for name in ("rhs", "jac", "tangent", "dfdu"):
            functions.need(name)
        self._core = Collocation(
            functions, basis().value, basis().slope, basis().weights, self.slots, self.sign
        )

    def set(self, free: Array) -> float:
        """Take the parameters from the free scalars and return the period."""
        period = self._period
        for slot, value in zip(self.slots, free.tolist(), strict=True):
            if slot == PERIOD:
                period = value
            elif slot < len(self.p):
                self.p[slot] = value
            else:
                self.u[slot - len(self.p)] = value
        return period

    def maps(self, orbit: Orbit) -> tuple[Array, Array, float] | None:
        """Solve the variational equations along an orbit, piece by piece.

        None where they are not finite. Else:

        Returns
        -------
        maps : ndarray, shape (n_piece, n_state, n_state)
            From each piece's start to the next one's.
        flows : ndarray, shape (n_piece + 1, n_state)
            The orbit's directions there.
        volume : float
            Logarithm of what the linearisation does to volumes, by Liouville's formula.
        """
        period = self.set(orbit.free)
        found: tuple[Array, Array, float] | None = self._core.maps(
            orbit.mesh, orbit.states, period, self.p, self.u, basis().inverse
        )
        return found

    def jacobians(self, states: Array) -> Array:
        """Return the Jacobian at each of some states, shape (n, n_state, n_state)."""
        return np.asarray(self._core.jacobians(np.ascontiguousarray(states), self.p, self.u))

    def solve(self, orbit: Orbit, conditions: Conditions, right: Array) -> Solved | None:
        """Solve the equations of a Newton step; None where they are singular or not finite."""
        status, steps, pair, sign, size, volume = self._solve(orbit, conditions, right)
        if status != 0:
            return None
        cut, shape = orbit.states.size, orbit.states.shape
        directions = [Direction(step[:cut].reshape(shape), step[cut:]) for step in steps]
        return Solved(directions, pair, sign, size, volume)

    def pair(self, orbit: Orbit, conditions: Conditions) -> tuple[Array, float]:
        """Return the pair of matrices of an orbit, which is known where Newton's step is not.

        And the volume, see `Solved`.

        At a critical orbit the equations with the parameters held are singular.
        """
        right = np.zeros((1, orbit.states.size + len(self.slots)))
        _, _, pair, _, _, volume = self._solve(orbit, conditions, right)
        return pair, volume

    def _solve(
        self, orbit: Orbit, conditions: Conditions, right: Array
    ) -> tuple[int, Array, Array, float, float, float]:
        """Return status, steps, pair, determinant and volume as the C core gives them."""
        period = self.set(orbit.free)
        found: tuple[int, Array, Array, float, float, float] = self._core.solve(
            orbit.mesh,
            orbit.states,
            period,
            self.p,
            self.u,
            conditions.rows,
            conditions.rows_free,
            right,
        )
        return found

    def length(self, origin: tuple[Array | None, ...], rows: Array) -> Conditions:
        """Return conditions whose last one is the length on the tangent of an orbit.

        Parameters
        ----------
        origin : tuple
            The mesh, and the point as the C core takes it.
        rows : ndarray, shape (n_free, n_node, n_state)
            All but the last are given; that one is written.
        """
        free, target = self._core.length(origin[0], origin[1:], basis().mass, rows)
        return Conditions(rows, free, target)

    def advance(
        self, origin: tuple[Array | None, ...], s: float, conditions: Conditions, enough: float
    ) -> tuple[Any, ...]:
        """Solve for the orbit at length s on the tangent of another one.

        Parameters
        ----------
        origin : tuple
            The mesh, and the point as the C core takes it.
        s : float
        conditions : Conditions
            For length 0.
        enough : float
            A correction below this is the last.

        Returns
        -------
        tuple
            As the C core gives it.
        """
        found: tuple[Any, ...] = self._core.advance(
            origin[0],
            origin[1:],
            s,
            self._period,
            self.p,
            self.u,
            conditions,
            basis().mass,
            enough,
        )
        return found

    def correct(
        self, orbit: Orbit, conditions: Conditions, scale: Array, free_scale: Array
    ) -> Corrected | None:
        """Solve for an orbit under conditions by Newton's method.

        Parameters
        ----------
        orbit : Orbit
            Where to start.
        conditions : Conditions
        scale, free_scale : ndarray, shapes (n_state,) and (n_free,)
            Sizes of the states and of the scalars.

        Returns
        -------
        Corrected or None
            None if it did not converge.
        """
        states, free = orbit.states.copy(), orbit.free.copy()
        status, tangent, tangent_free, pair, sign, size, volume, count = self._core.correct(
            orbit.mesh,
            states,
            free,
            self._period,
            self.p,
            self.u,
            conditions.rows,
            conditions.rows_free,
            conditions.target,
            scale,
            free_scale,
            CLOSE,
        )
        if status != 0:
            return None
        tangent = Direction(tangent, tangent_free)
        there = Orbit(orbit.mesh, states, free)
        return Corrected(there, tangent, pair, sign, size, volume, count)


# ---------------------------------------------------------------------- functions on a mesh


def nodes_of(mesh: Array) -> Array:
    """Return the positions of a mesh's nodes, shape (n_interval POINTS + 1,)."""
    inner = mesh[:-1, None] + np.diff(mesh)[:, None] * (np.arange(POINTS) / POINTS)
    return np.append(inner, mesh[-1])


def by_interval(values: Array) -> Array:
    """Return node values by interval, shape (n_interval, POINTS + 1, n)."""
    n = values.shape[1]
    row = values.strides[0]
    shape = ((len(values) - 1) // POINTS, POINTS + 1, n)
    return np.lib.stride_tricks.as_strided(
        values, shape, (POINTS * row, row, values.strides[1]), writeable=False
    )


def interpolated(mesh: Array, values: Array, s: Array) -> Array:
    """Return a piecewise polynomial, given at the nodes, at positions in [0, 1]."""
    return np.asarray(basis().pieces.at(mesh, values, s))


def at_points(values: Array) -> Array:
    """Return node values at the collocation points, shape (n_interval, POINTS, n)."""
    return np.asarray(basis().value @ by_interval(values))


def slopes_at_points(mesh: Array, values: Array) -> Array:
    """Return the derivative of node values at the collocation points."""
    return np.asarray(basis().slope @ by_interval(values)) / np.diff(mesh)[:, None, None]


def functional(mesh: Array, density: Array) -> Array:
    """Return the weights at the nodes of y -> integral of density * y, shape (n_node, n).

    `density` is given at the collocation points, shape (n_interval, POINTS, n).
    """
    weights, value = basis().weights, basis().value
    local = (value * weights[:, None]).T @ density * np.diff(mesh)[:, None, None]
    out = np.empty((len(local) * POINTS + 1, density.shape[2]))
    out[:-1] = local[:, :-1].reshape(-1, density.shape[2])
    out[-1] = 0.0
    out[POINTS::POINTS] += local[:, -1]
    return out


def inner(mesh: Array, a: Array, b: Array, scale: Array | None = None) -> float:
    """Return the integral of a * b, both at the nodes, each in scales if there are any."""
    unit = np.ones(a.shape[1]) if scale is None else scale
    return float(basis().pieces.form(basis().mass, 1, mesh, unit, a, b))


def beside(mesh: Array, a: Array, b: Array, scale: Array) -> float:
    """Return the integral of the product of a and b less their means, each in scales."""
    known = basis()
    return float(known.pieces.beside(known.mass, known.whole, mesh, scale, a, b))


def mean(mesh: Array, values: Array) -> Array:
    """Return the integral of each component, shape (n,)."""
    return np.asarray(basis().pieces.integral(basis().whole, mesh, values))


# ---------------------------------------------------------------------- mesh


def interpolation_error(mesh: Array, values: Array, scale: Array) -> Array:
    """Estimate the error of interpolation in each interval, in scales, shape (n_interval,).

    The derivative beyond the polynomials' degree comes from the jumps of the highest one
    (Russell & Christiansen 1978, SIAM J. Numer. Anal. 15, 59).
    """
    return np.asarray(np.diff(mesh) ** (POINTS + 1) * _highest(mesh, values, scale) / 120.0)


def _highest(mesh: Array, values: Array, scale: Array) -> Array:
    """Return the size of derivative POINTS + 1 in each interval, in scales."""
    return np.asarray(basis().pieces.highest(mesh, values, scale))


def equidistributed(mesh: Array, values: Array, scale: Array, n_interval: int) -> Array:
    """Return a mesh whose intervals share the error of interpolation equally."""
    return np.asarray(basis().pieces.equal(mesh, (values,), (scale,), n_interval))
