"""Locate the folds, Hopf points and branch points between two points of a branch.

A sign change of a test function brackets a point, Brent's method on points of the branch
narrows it, and Newton's method on the equations that define it finishes. Imports the
arclength and normal forms of this folder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .arclength import Curve, Node
from .branching import Crossing, crossing
from .multilinear import Multilinear
from .normal_form import criticality, first_lyapunov, fold_coefficient
from .system import Array, System

#: Halvings of a step in search of its separate events.
_DEPTH = 24
#: Halvings after which a turn and a crossing are taken for one point: the tip of a pitchfork.
_TOGETHER = 12
#: Brent's tolerance, as a share of the step, before Newton's method takes over.
_NARROW = 1e-9
#: Nearer to a branch point than this the corrector has no digits to give.
_NARROW_BRANCH_POINT = 1e-4
#: Angular frequency, relative to the largest eigenvalue, that rounding may give to a double
#: real eigenvalue.
_SMALLEST_OMEGA = 1e-7
_DIFFERENCE = 1e-7
_ROUNDING = float(np.finfo(float).eps)
_ITERATIONS = 25
_CONVERGED = 1e-12
#: Unfolding, relative to the derivative, above which two branches only pass each other.
_IMPERFECTION = 1e-10


class Unclear(Exception):
    """A step holds changes of stability that no known event explains."""


@dataclass(frozen=True, eq=False)
class Special:
    """A special point of a branch.

    Attributes
    ----------
    kind : {"fold", "hopf", "branch_point"}
    x : ndarray, shape (n_state + 1,)
        States, then the parameter.
    omega : float
        Angular frequency of a Hopf point, else NaN.
    coefficient : float
        First Lyapunov coefficient of a Hopf point, quadratic coefficient of a fold, and of a
        branch point what `branching.crossing` says.
    converged : bool
        Whether Newton's method converged on the defining equations, close to the bracket.
    position : float
        Length from the beginning of its step.
    type : {"transcritical", "pitchfork", ""}
        Of a branch point.
    criticality : {"supercritical", "subcritical", ""}
        Of a Hopf point or a pitchfork.
    crossing : Crossing or None
        Of a branch point: the branches through it.
    """

    kind: str
    x: Array
    omega: float
    coefficient: float
    converged: bool
    position: float
    type: str = ""
    criticality: str = ""
    crossing: Crossing | None = None


class Finder:
    """Finds the special points inside a step.

    Parameters
    ----------
    curve : Curve
    origin : Node
        Beginning of the step; its tangent measures lengths.
    settle : bool
        Report what stays unexplained as not converged, instead of raising.
    """

    def __init__(self, curve: Curve, origin: Node, *, settle: bool) -> None:
        self._curve = curve
        self._origin = origin
        self._settle = settle

    def find(self, end: Node) -> list[Special]:
        """Return the special points between the origin and `end`, in order.

        Raises
        ------
        Unclear
            If the changes over the step are not explained by points that were found.
        """
        origin = self._origin
        length = float(origin.tangent @ ((end.x - origin.x) / origin.scale))
        try:
            return self._between(0.0, origin, length, end, 0)
        except Unclear:
            if not self._settle:
                raise
            return [Special("branch_point", origin.x, np.nan, np.nan, False, 0.0)]

    def _between(self, a: float, first: Node, b: float, last: Node, depth: int) -> list[Special]:
        fold = (first.tangent[-1] >= 0.0) != (last.tangent[-1] >= 0.0)
        branch = (first.determinant >= 0.0) != (last.determinant >= 0.0)
        change = abs(last.n_unstable - first.n_unstable)
        if not fold and not branch and change == 0:
            return []
        found = None
        if branch and change == 1 - fold and (not fold or depth >= _TOGETHER):
            found = self._branch_point(a, first, b, last)
        elif fold and not branch and change == 1:
            found = self._fold(a, first, b, last)
        elif not fold and not branch and change == 2:
            found = self._hopf(a, first, b, last)
        if found is not None:
            if found.converged or self._settle:
                return [found]
            raise Unclear
        if depth == _DEPTH:
            raise Unclear
        middle = self._node((a + b) / 2.0)
        return [
            *self._between(a, first, (a + b) / 2.0, middle, depth + 1),
            *self._between((a + b) / 2.0, middle, b, last, depth + 1),
        ]

    def _node(self, s: float) -> Node:
        node = self._curve.at(self._origin, s)
        if node is None:
            raise Unclear
        return node

    def _root(
        self, test: Callable[[Node], float], a: float, b: float, share: float
    ) -> tuple[float, Node]:
        """Return where a test function vanishes between two lengths, and the point there."""
        from scipy.optimize import brentq

        low, high = test(self._node(a)), test(self._node(b))
        if (low > 0.0) == (high > 0.0):
            # One end is the point itself, to rounding.
            s = a if abs(low) < abs(high) else b
        else:
            s = float(brentq(lambda t: test(self._node(t)), a, b, xtol=share * (b - a), rtol=1e-14))
        return s, self._node(s)

    # ------------------------------------------------------------------ kinds

    def _fold(self, a: float, first: Node, b: float, last: Node) -> Special | None:
        s, near = self._root(lambda node: float(node.tangent[-1]), a, b, _NARROW)
        if _others(near) != min(first.n_unstable, last.n_unstable):
            return None
        system, scale = self._curve.system, near.scale
        n = system.n
        q = np.linalg.svd(_scaled(system, near.x, scale)[:, :n])[2][-1]

        def defining(z: Array) -> Array:
            jac = _scaled(system, z[: n + 1] * scale, scale)[:, :n]
            vector = z[n + 1 :]
            return np.concatenate([_residual(system, z, scale), jac @ vector, [q @ vector - 1.0]])

        solved = _newton(defining, np.concatenate([near.x / scale, q]))
        x, converged = self._accepted(solved, near, b - a)
        forms, jac = self._at(x)
        return Special("fold", x, np.nan, fold_coefficient(jac, forms), converged, s)

    def _hopf(self, a: float, first: Node, b: float, last: Node) -> Special | None:
        crossing = min(first.n_unstable, last.n_unstable)
        s, near = self._root(lambda node: float(node.eigenvalues[crossing].real), a, b, _NARROW)
        omega = abs(float(near.eigenvalues[crossing].imag))
        pair = near.eigenvalues[crossing : crossing + 2]
        smallest = _SMALLEST_OMEGA * float(np.abs(near.eigenvalues).max())
        if omega <= smallest or pair[0] != pair[1].conjugate():
            return None
        system, scale = self._curve.system, near.scale
        n = system.n
        matrix = _scaled(system, near.x, scale)[:, :n]
        q = np.linalg.svd(matrix - 1j * omega * np.eye(n))[2][-1].conj()

        def defining(z: Array) -> Array:
            jac = _scaled(system, z[: n + 1] * scale, scale)[:, :n]
            vector = z[n + 1 : 2 * n + 1] + 1j * z[2 * n + 1 : 3 * n + 1]
            turned = (jac @ vector - 1j * omega * z[-1] * vector) / omega
            normal = np.vdot(q, vector) - 1.0
            return np.concatenate(
                [_residual(system, z, scale), turned.real, turned.imag, [normal.real, normal.imag]]
            )

        solved = _newton(defining, np.concatenate([near.x / scale, q.real, q.imag, [1.0]]))
        x, converged = self._accepted(solved, near, b - a)
        if converged and solved is not None:
            omega *= float(solved[-1])
        forms, jac = self._at(x)
        l1 = first_lyapunov(jac, omega, forms)
        return Special("hopf", x, omega, l1, converged, s, criticality=criticality(l1))

    def _branch_point(self, a: float, first: Node, b: float, last: Node) -> Special | None:
        """Return a branch point by the unfolded system of Griewank and Reddien (1984).

        f + beta phi = 0 with phi^T f_x = 0: regular, with beta = 0 where branches really
        cross.
        """
        s, near = self._root(lambda node: node.determinant, a, b, _NARROW_BRANCH_POINT)
        if _others(near) != min(first.n_unstable, last.n_unstable):
            return None
        system, scale = self._curve.system, near.scale
        n = system.n
        left_vectors, sizes, _ = np.linalg.svd(_scaled(system, near.x, scale))
        phi = left_vectors[:, -1]

        def defining(z: Array) -> Array:
            left = z[n + 2 :]
            unfolded = _residual(system, z, scale) + z[n + 1] * left
            singular = left @ _scaled(system, z[: n + 1] * scale, scale)
            return np.concatenate([unfolded, singular, [phi @ left - 1.0]])

        solved = _newton(defining, np.concatenate([near.x / scale, [0.0], phi]))
        if solved is not None and abs(solved[n + 1]) > _IMPERFECTION * sizes[0]:
            solved = None
        x, converged = self._accepted(solved, near, b - a)
        if not converged:
            return Special("branch_point", x, np.nan, np.nan, False, s)
        sort = crossing(system, x, scale)
        size = sort.coefficient
        return Special("branch_point", x, np.nan, size, True, s, sort.type, sort.criticality, sort)

    def _accepted(self, solved: Array | None, near: Node, length: float) -> tuple[Array, bool]:
        """Return the refined point, or the bracketed one if that was not reached."""
        if solved is None:
            return near.x, False
        x = solved[: len(near.x)] * near.scale
        x[np.abs(x) <= _ROUNDING * near.scale] = 0.0
        return (x, True) if near.distance(x) <= length else (near.x, False)

    def _at(self, x: Array) -> tuple[Multilinear, Array]:
        system = self._curve.system
        jac = system.jac(x)
        return Multilinear(system.model, x[: system.n], system.p, system.u), jac


def _others(node: Node) -> int:
    """Count the unstable eigenvalues without the one nearest to zero."""
    values = node.eigenvalues
    return int(np.sum(np.delete(values, np.argmin(np.abs(values))).real > 0.0))


def _residual(system: System, z: Array, scale: Array) -> Array:
    """Return f in scaled variables at the first components of z."""
    n = system.n
    return np.asarray(system.rhs(z[: n + 1] * scale) / scale[:n])


def _scaled(system: System, x: Array, scale: Array) -> Array:
    """Return df/dx in scaled variables; similar to df/dy in its first columns."""
    return np.asarray(system.full(x) * scale / scale[: system.n, None])


def _newton(residual: Callable[[Array], Array], z: Array) -> Array | None:
    """Solve a square system by Newton's method with differenced derivatives.

    The residual is exact, so that what the differences lose is speed, not digits.
    """
    best = np.inf
    for _ in range(_ITERATIONS):
        value = residual(z)
        matrix = np.empty((len(z), len(z)))
        for k in range(len(z)):
            h = _DIFFERENCE * max(1.0, abs(z[k]))
            shifted = z.copy()
            shifted[k] += h
            matrix[:, k] = (residual(shifted) - value) / h
        if not (np.isfinite(matrix).all() and np.isfinite(value).all()):
            return None
        try:
            step = np.linalg.solve(matrix, -value)
        except np.linalg.LinAlgError:
            return None
        length = float(np.abs(step).max())
        z = z + step
        if length <= _CONVERGED or (length <= 1e-9 and length >= best / 2.0):
            return z
        best = min(best, length)
    return None
