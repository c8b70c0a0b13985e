"""Normal-form coefficients of folds of cycles, period doublings and tori.

By the linear equations of collocation along the critical orbit, with their null vectors on both
sides. Imports the collocation and families of this folder.

References
----------
Kuznetsov, Govaerts, Doedel & Dhooge (2005), Numerical periodic normalization for codim 1
bifurcations of limit cycles, SIAM J. Numer. Anal. 43, 1407.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .collocation import POINTS, Array, Orbit, Problem, at_points, basis
from .family import Node
from .floquet import Complex, crossing_pair

#: Step of differences of the Jacobian, in the states' sizes: their errors are of order four.
_DIFFERENCE = 2e-3
#: Cosine of the orbit's direction with the left null vector from which on a fold has two
#: eigenvectors.
_INDEPENDENT = 1e-4
#: Coefficients larger than this, in periods and the states' sizes, are worked out again, and known
#: if both agree to this share.
_STEEP, _TRUSTED = 1e6, 1e-3


def cycle_coefficient(kind: str, problem: Problem, node: Node) -> float:
    """Return the coefficient that decides what a critical orbit does to those beside it.

    Parameters
    ----------
    kind : str
    problem : Problem
        That of the orbit's family.
    node : Node

    Returns
    -------
    float
        b of a fold of cycles, c of a period doubling, the real part of d of a torus, in the scaling
        of the paper above: integrals over one period of the vectors' squares are 1. Time is the
        model's. NaN for other kinds, where rounding leaves less than three digits, and where the
        linear equations are singular, as at a fold with two independent eigenvectors.
    """
    found = {"fold_of_cycles": _fold, "period_doubling": _doubling, "torus": _torus}.get(kind)
    if found is None:
        return math.nan
    size = float(np.max(node.scale))
    along = _Along(problem, node.orbit, node.scale)
    try:
        with np.errstate(all="ignore"):
            value = found(along, node)
            if abs(value) * along.period * min(size, size**2) > _STEEP:
                # Of a point beside another one the terms cancel; other rounding shows what is left.
                along.border = 1
                if not abs(found(along, node) - value) <= _TRUSTED * abs(value):
                    return math.nan
    except RuntimeError:
        # The factorisation's word for a singular matrix.
        return math.nan
    return value if math.isfinite(value) else math.nan


class _Along:
    """The variational equations along an orbit, and second and third derivatives.

    Functions are given at the nodes; right-hand sides at the collocation points, with the
    boundary's n last, which is 0. The equations are bordered by numbers drawn by ``border``.
    """

    border = 0

    def __init__(self, problem: Problem, orbit: Orbit, scale: Array) -> None:
        self.n, self.orbit, self.mesh = problem.n, orbit, orbit.mesh
        self.period = problem.set(orbit.free)
        self._problem, self._scale = problem, scale
        self.y = at_points(orbit.states).reshape(-1, self.n)
        rhs = problem.functions.rhs
        self.flow = np.array([rhs(0.0, y, problem.p, problem.u) for y in self.y])
        self.matrices = problem.jacobians(self.y)

    def at(self, values: Any) -> Any:
        """Return node values at the collocation points, shape (n_point, n)."""
        if np.iscomplexobj(values):
            return self.at(np.ascontiguousarray(values.real)) + 1j * self.at(
                np.ascontiguousarray(values.imag)
            )
        return at_points(values).reshape(-1, self.n)

    def squared(self, values: Any) -> float:
        """Return the integral over the period of a function's square."""
        weights = np.outer(np.diff(self.mesh), basis().weights).ravel()
        return float(self.period * (weights @ (np.abs(self.at(values)) ** 2).sum(axis=1)))

    def second_and_third(self, v: Array) -> tuple[Array, Array]:
        """Return the matrices w -> B(v, w) and w -> C(v, v, w) for real directions, by differences.

        v is given at the collocation points.
        """
        length = np.abs(v / self._scale).max()
        h = _DIFFERENCE / length
        two, one, minus_one, minus_two = (
            self._problem.jacobians(self.y + k * h * v) for k in (2.0, 1.0, -1.0, -2.0)
        )
        second = (8.0 * (one - minus_one) - (two - minus_two)) / (12.0 * h)
        third = (16.0 * (one + minus_one) - (two + minus_two) - 30.0 * self.matrices) / (
            12.0 * h**2
        )
        return second, third

    def solver(self, sign: float, rate: float = 0.0) -> _Bordered:
        """Return the equations y' - T A y + i T rate y = T g, y(1) = sign y(0), bordered."""
        from scipy.sparse import csc_array

        n, intervals = self.n, len(self.mesh) - 1
        value, slope, h = basis().value, basis().slope, np.diff(self.mesh)
        eye = np.eye(n)
        matrices = self.matrices.reshape(intervals, POINTS, 1, n, n) - 1j * rate * eye
        if rate == 0.0:
            matrices = matrices.real
        blocks = (slope / h[:, None, None])[..., None, None] * eye
        blocks = blocks - self.period * value[None, :, :, None, None] * matrices
        interval = np.arange(intervals)[:, None, None, None, None]
        point = np.arange(POINTS)[:, None, None, None]
        node = np.arange(POINTS + 1)[:, None, None]
        row, column = np.arange(n)[:, None], np.arange(n)
        rows = (interval * POINTS + point) * n + row + 0 * (node + column)
        columns = (interval * POINTS + node) * n + column + 0 * (point + row)
        size = (intervals * POINTS + 1) * n
        last = np.arange(size - n, size)
        # A direction that no null vector avoids borders the equations on both sides.
        border = np.random.default_rng(self.border).standard_normal((2, size))
        every = np.arange(size)
        corner = np.full(size, size)
        data = np.concatenate([blocks.ravel(), np.ones(n), np.full(n, -sign), border[0], border[1]])
        place = (
            np.concatenate([rows.ravel(), last, last, every, corner]),
            np.concatenate([columns.ravel(), last, np.arange(n), corner, every]),
        )
        return _Bordered(csc_array((data, place), shape=(size + 1, size + 1)), n)


class _Bordered:
    """Linear equations with one null vector on each side, bordered."""

    def __init__(self, matrix: Any, n: int) -> None:
        from scipy.sparse.linalg import splu

        # The usual order of columns would fill them: the last row and column are dense.
        self._factors: Any = splu(matrix, permc_spec="MMD_AT_PLUS_A")
        self._n, self._size, self._type = n, matrix.shape[0] - 1, matrix.dtype

    def null(self) -> tuple[Any, Any]:
        """Return the null vectors: at the nodes, and, of the transpose, at the points."""
        last = np.zeros(self._size + 1, dtype=self._type)
        last[-1] = 1.0
        right = self._factors.solve(last)[:-1].reshape(-1, self._n)
        left = self._factors.solve(last, trans="T")[: -1 - self._n].reshape(-1, self._n)
        return right, left

    def solve(self, points: Any, *, regular: bool = False) -> Any:
        """Return a solution at the nodes for a right-hand side that has one.

        `regular` tells that there is no null vector: then what the border added is taken away.
        """
        whole = np.zeros(self._size + 1, dtype=np.result_type(self._type, points))
        whole[: -1 - self._n] = points.ravel()
        found = self._factors.solve(whole)
        if regular:
            whole[:] = 0.0
            whole[-1] = 1.0
            beside = self._factors.solve(whole)
            found = found - beside * (found[-1] / beside[-1])
        return found[:-1].reshape(-1, self._n)


def _applied(matrices: Any, vectors: Any) -> Any:
    return np.einsum("kij,kj->ki", matrices, vectors)


def _fold(along: _Along, node: Node) -> float:
    """Return b: xi' = b xi ** 2, where v' - A v = f of the vector v."""
    periodic = along.solver(1.0)
    left = periodic.null()[1]
    share = abs(float((left * along.flow).sum()))
    if share > _INDEPENDENT * float(np.linalg.norm(left) * np.linalg.norm(along.flow)):
        return math.nan
    vector = along.at(periodic.solve(along.period * along.flow))
    second, _ = along.second_and_third(vector)
    bent = _applied(0.5 * second + along.matrices, vector)
    return float((left * bent).sum() / (left * vector).sum())


def _doubling(along: _Along, node: Node) -> float:
    """Return c: xi' = c xi ** 3."""
    vector, against = along.solver(-1.0).null()
    vector = along.at(vector / math.sqrt(along.squared(vector)))
    periodic = along.solver(1.0)
    left = periodic.null()[1]
    second, third = along.second_and_third(vector)
    bent = _applied(second, vector)
    pace = float((left * bent).sum() / (left * along.flow).sum()) / 2.0
    other = along.at(periodic.solve(along.period * (bent - 2.0 * pace * along.flow)))
    cubic = _applied(third, vector) / 6.0 + _applied(second, other) / 2.0
    cubic -= pace * _applied(along.matrices, vector)
    return float((against * cubic).sum() / (against * vector).sum())


def _torus(along: _Along, node: Node) -> float:
    """Return the real part of d: xi' = i omega xi + d xi |xi| ** 2."""
    pair: complex = crossing_pair(node.multipliers.others)
    if not np.isfinite(pair):
        return math.nan
    omega = float(np.angle(pair)) / along.period
    vector, against = along.solver(1.0, omega).null()
    vector = vector / math.sqrt(along.squared(vector))
    q: Complex = along.at(vector)
    directions = (q.real, q.imag, q.real + q.imag, q.real - q.imag)
    both = [along.second_and_third(each) for each in directions]
    second, third = ([each[k] for each in both] for k in (0, 1))
    by = second[0] + 1j * second[1]
    twice = third[0] - third[1] + 0.5j * (third[2] - third[3])
    periodic = along.solver(1.0)
    left = periodic.null()[1]
    bent = _applied(by, q.conj()).real
    pace = float((left * bent).sum() / (left * along.flow).sum())
    mean = along.at(periodic.solve(along.period * (bent - pace * along.flow)))
    twofold = along.solver(1.0, 2.0 * omega)
    turning = along.at(twofold.solve(along.period * _applied(by, q), regular=True))
    cubic = _applied(twice, q.conj()) / 2.0 + _applied(by, mean)
    cubic += _applied(by.conj(), turning) / 2.0
    cubic -= pace * (_applied(along.matrices, q) - 1j * omega * q)
    return float(((against * cubic).sum() / (against * q).sum()).real)
