"""Locate the folds, Hopf points and branch points between two points of a branch.

A sign change of a test function brackets a point, false position on points of the branch
narrows it, and Newton's method on the equations that define it finishes: those of a fold and
of a Hopf point, and for a branch point the unfolding of Griewank and Reddien (1984), f + b phi
= 0 with phi^T F' = 0, regular, with b = 0 where branches really cross. Imports the arclength
and normal forms of this folder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .arclength import Curve, Node
from .branching import Crossing, branch_coefficient, crossing
from .multilinear import Multilinear
from .normal_form import criticality, first_lyapunov, fold_coefficient
from .system import Array, System

#: Halvings of a step in search of its separate events.
_DEPTH = 24
#: Shares of a step to which a root is narrowed before Newton's method takes over, at first and
#: if that leads astray; where Newton's method has no say; and the points that may be spent on it.
_SHARES, _FINEST = (1e-3, 1e-8), 1e-13
_POINTS = 60
#: Share of what is left of a step by which a point without a tangent is avoided.
_ASIDE = 1e-3
#: A point may lie this much beyond the ends of its step, as a share of it.
_BEYOND = 1e-5
#: Distances from a located point, as shares of its step, at which its two sides are looked at.
_SIDES = (1e-3, 1e-5, 1e-7)
#: Nearer to a branch point than this its tangent is rounding; in a short step its two sides are
#: looked at from there first, where that is within this share of it.
_CLEAR, _WITHIN = 1e-4, 0.1
#: A branch that runs less than this along a step's direction is not followed past a point.
_SLANT = 0.1
#: Other guesses of where a branch point is, as shares of a step away from the first.
_BESIDE = (0.013, 0.37)
#: A located point may miss the curve by this share of the distance to its sides.
_MISS = 0.5
#: Angular frequency, relative to the largest eigenvalue, that rounding may give to a double
#: real eigenvalue.
_SMALLEST_OMEGA = 1e-7
_ROUNDING = float(np.finfo(float).eps)
#: A derivative that falls by more than the second number, this many steps back, has a pole ahead.
_BACK, _FALLS = 10.0, 3.0
#: Unfolding, relative to the derivative, above which two branches only pass each other.
_IMPERFECTION = 1e-10
#: Share of the parameter in a tangent that is rounding: a branch with no extent in it.
_VERTICAL = 1e-13


class Unclear(Exception):
    """A step holds changes of stability that no known event explains."""


class Pole(Unclear):
    """Eigenvalues change their sign through infinity."""


@dataclass(frozen=True, eq=False)
class Special:
    """A special point of a branch.

    Attributes
    ----------
    kind : {"fold", "hopf", "branch_point", "corner"}
        A corner is where the equations have no derivative and a branch turns or changes its
        stability.
    x : ndarray, shape (n_state + 1,)
        States, then the parameter.
    omega : float
        Angular frequency of a Hopf point, else NaN.
    coefficient : float
        First Lyapunov coefficient of a Hopf point, quadratic coefficient of a fold, and of a
        branch point what `branch_coefficient` says.
    converged : bool
        Whether Newton's method converged on the defining equations, close to the bracket.
    position : float
        Length from the beginning of its step.
    type : {"transcritical", "pitchfork", "fold", ""}
        Of a branch point; "fold" of a corner where the branch turns.
    criticality : {"supercritical", "subcritical", ""}
        Of a Hopf point or a pitchfork.
    crossing : Crossing or None
        Of a branch point: the branches through it.
    pairs : int
        Of a Hopf point: how many equal pairs of eigenvalues reach the axis.
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
    pairs: int = 1


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
        Pole
            If they lie at a pole of the equations.
        """
        origin = self._origin
        length = float(origin.tangent @ ((end.x - origin.x) / origin.scale))
        try:
            return self._between(0.0, origin, length, end, 0)
        except Unclear:
            if not self._settle:
                raise
            if self._pole(length):
                raise Pole from None
            return [Special("branch_point", origin.x, np.nan, np.nan, False, 0.0)]

    def _pole(self, length: float) -> bool:
        """Return whether eigenvalues go like the inverse of the distance to a place in the step."""
        back = self._curve.at(self._origin, -_BACK * length)
        if back is None:
            return False
        here, there = (float(np.abs(node.eigenvalues).max()) for node in (self._origin, back))
        return here > _FALLS * there

    def across(self, s: float, length: float, end: Node) -> list[Special]:
        """Return the special points of a step, looking at a length inside it too."""
        middle = self._node(s)
        return [
            *self._between(0.0, self._origin, s, middle, 0),
            *self._between(s, middle, length, end, 0),
        ]

    def _between(self, a: float, first: Node, b: float, last: Node, depth: int) -> list[Special]:
        if not changed(first, last):
            return []
        if depth >= _DEPTH:
            raise Unclear
        located = self._located(a, first, b, last)
        if located is not None:
            sides = self._sides(a, first, b, last, located)
            if sides is not None:
                below, left, above, right = sides
                if located.crossing is not None:
                    located = self._named(located)
                return [
                    *(self._between(a, first, below, left, depth + 1) if below > a else []),
                    located,
                    *(self._between(above, right, b, last, depth + 1) if above < b else []),
                ]
        middle = self._node((a + b) / 2.0)
        return [
            *self._between(a, first, (a + b) / 2.0, middle, depth + 1),
            *self._between((a + b) / 2.0, middle, b, last, depth + 1),
        ]

    def _located(self, a: float, first: Node, b: float, last: Node) -> Special | None:
        """Return one special point that a change of sign tells of, or None."""
        if branches(first, last):
            return self._branch_point(a, first, b, last)
        if folds(first, last):
            return self._fold(a, first, b, last)
        if abs(last.n_unstable - first.n_unstable) >= 2:
            return self._hopf(a, first, b, last)
        return None

    def _sides(
        self, a: float, first: Node, b: float, last: Node, found: Special
    ) -> tuple[float, Node, float, Node] | None:
        """Return points just before and after a special point that differ as it says."""
        s = found.position
        distances = [share * (b - a) for share in _SIDES]
        if distances[0] < _CLEAR < _WITHIN * (b - a):
            distances.insert(0, _CLEAR)
        for distance in distances:
            below, above = s - distance, s + distance
            # Beyond an end too, if there is anything: the end may be the point itself.
            left, right = (self._beside(found, at, first, last) for at in (below, above))
            if left is None and below <= a < s:
                below, left = a, first
            if right is None and s < b <= above:
                above, right = b, last
            if left is None or right is None:
                continue
            # The chord passes the point, unless both lie on another curve.
            t = (s - below) / (above - below)
            missed = left.distance(left.x + ((1 - t) * left.x + t * right.x - found.x))
            if missed <= _MISS * (above - below) and _explains(found, left, right):
                return below, left, above, right
        return None

    def _beside(self, found: Special, s: float, first: Node, last: Node) -> Node | None:
        """Return the point of the branch at a length beside a special point.

        Beside a branch point along its own tangent there, so as not to end on another branch.
        """
        cross = found.crossing
        if cross is None or not cross.simple:
            return self._curve.at(self._origin, s)
        chord = (last.x - first.x) / cross.scale
        direction = max(cross.directions, key=lambda each: abs(float(each @ chord)))
        if direction @ chord < 0.0:
            direction = -direction
        origin = self._origin
        speed = float(origin.tangent @ (direction * cross.scale / origin.scale))
        if abs(speed) < _SLANT:
            return self._curve.at(origin, s)
        pointing = Node.pointing(found.x, direction, cross.scale)
        return self._curve.at(pointing, (s - found.position) / speed)

    def _named(self, found: Special) -> Special:
        """Return a branch point with the coefficient of its normal form."""
        size = branch_coefficient(self._curve.system, found.x, found.type)
        sort = criticality(size) if found.type == "pitchfork" else ""
        return replace(found, coefficient=size, criticality=sort)

    def _node(self, s: float) -> Node:
        node = self._curve.at(self._origin, s)
        if node is None:
            raise Unclear
        return node

    def _root(
        self,
        test: Callable[[Node], float],
        a: float,
        first: Node,
        b: float,
        last: Node,
        share: float,
    ) -> tuple[float, Node]:
        """Return where a test function vanishes between two lengths, and the point there.

        The Illinois form of false position, with a bisection after each slow step: Dowell &
        Jarratt (1971), BIT 11, 168.
        """
        low, high = test(first), test(last)
        if (low > 0.0) == (high > 0.0):
            # One end is the point itself, to rounding.
            return (a, first) if abs(low) < abs(high) else (b, last)
        enough = share * (b - a)
        s, node, last_change = b, last, np.inf
        for count in range(_POINTS):
            cut = low / (low - high)
            new = a + (b - a) * (0.5 if count % 4 == 3 else cut)
            new = min(max(new, a), b)
            there = self._curve.at(self._origin, new)
            if there is None:
                # Just at the point itself there may be no tangent.
                new += _ASIDE * (b - new)
            node = there or self._node(new)
            change, s = abs(new - s), new
            value = test(node)
            if value == 0.0 or b - a <= enough or max(change, last_change) <= enough:
                break
            last_change = change
            if (value > 0.0) == (low > 0.0):
                a, low = s, value
                high /= 2.0
            else:
                b, high = s, value
                low /= 2.0
        return s, node

    # ------------------------------------------------------------------ kinds

    def _fold(self, a: float, first: Node, b: float, last: Node) -> Special | None:
        for share in _SHARES:
            s, near = self._root(lambda node: float(node.tangent[-1]), a, first, b, last, share)
            system, scale = self._curve.system, near.scale
            matrix = _scaled(system, near.x, scale)[:, :-1]
            q = np.ascontiguousarray(np.linalg.svd(matrix)[2][-1])
            start = np.concatenate([near.x / scale, q])
            solved = system.kernel.define("fold", scale, q, 1.0, start)
            x, s, converged = self._accepted(solved, near, s, a, b)
            if converged:
                break
        else:
            if not self._settle:
                return None
        forms, jac = self._at(x)
        return Special("fold", x, np.nan, fold_coefficient(jac, forms), converged, s)

    def _hopf(self, a: float, first: Node, b: float, last: Node) -> Special | None:
        k = min(first.n_unstable, last.n_unstable)

        def test(node: Node) -> float:
            return float(node.eigenvalues[k].real)

        if abs(first.n_unstable - last.n_unstable) > 2:
            found = self._together(test, a, first, b, last)
            if found is not None:
                return found
        for share in _SHARES:
            s, near = self._root(test, a, first, b, last, share)
            system, scale = self._curve.system, near.scale
            n = system.n
            omega = abs(float(near.eigenvalues[k].imag))
            pair = near.eigenvalues[k : k + 2]
            largest = float(np.abs(near.eigenvalues).max())
            if omega <= _SMALLEST_OMEGA * largest or pair[0] != pair[1].conjugate():
                return self._together(test, a, first, b, last)
            matrix = _scaled(system, near.x, scale)[:, :n]
            q = np.linalg.svd(matrix - 1j * omega * np.eye(n))[2][-1].conj()
            start = np.concatenate([near.x / scale, q.real, q.imag, [1.0]])
            border = np.ascontiguousarray(q).view(float)
            solved = system.kernel.define("hopf", scale, border, omega, start)
            x, s, converged = self._accepted(solved, near, s, a, b)
            if converged and solved is not None:
                omega *= float(solved[-1])
                break
        else:
            if not self._settle:
                return None
        forms, jac = self._at(x)
        l1 = first_lyapunov(jac, omega, forms)
        return Special("hopf", x, omega, l1, converged, s, criticality=criticality(l1))

    def _together(
        self, test: Callable[[Node], float], a: float, first: Node, b: float, last: Node
    ) -> Special | None:
        """Return where equal eigenvalues reach the axis together, as symmetry has it, or None.

        Two at zero make a branch point, several equal pairs a Hopf point, whose cycles depend on
        the eigenvector: it has no l1.
        """
        s, near = self._root(test, a, first, b, last, _FINEST)
        k = min(first.n_unstable, last.n_unstable)
        values = near.eigenvalues[k : max(first.n_unstable, last.n_unstable)]
        # All of them may vanish there.
        size = max(float(np.abs(node.eigenvalues).max()) for node in (first, near, last))
        small = _SMALLEST_OMEGA * size
        x = np.where(np.abs(near.x) <= _ROUNDING * near.scale, 0.0, near.x)
        if np.abs(values).max() <= small:
            sort = crossing(self._curve.system, x, near.scale)
            return Special("branch_point", x, np.nan, np.nan, True, s, crossing=sort)
        omega = float(np.abs(values.imag).mean())
        equal = np.abs(np.abs(values.imag) - omega).max() <= small
        if len(values) % 2 or not equal or np.abs(values.real).max() > small:
            return None
        return Special("hopf", x, omega, np.nan, True, s, pairs=len(values) // 2)

    def _branch_point(self, a: float, first: Node, b: float, last: Node) -> Special | None:
        low, high = first.determinant, last.determinant
        cut = low / (low - high)
        # A guess that hits the point itself has no tangent: others near it then serve.
        for share in (cut, *(abs(cut - off) for off in _BESIDE)):
            s = a + (b - a) * share
            near = self._curve.at(self._origin, s)
            found = None if near is None else self._unfolded(near, s, a, b)
            if found is not None:
                return found
        return None

    def _unfolded(self, near: Node, s: float, a: float, b: float) -> Special | None:
        """Return the branch point near a point, if there is one between two lengths."""
        system, scale = self._curve.system, near.scale
        left_vectors, sizes, _ = np.linalg.svd(_scaled(system, near.x, scale))
        phi = np.ascontiguousarray(left_vectors[:, -1])
        start = np.concatenate([near.x / scale, [0.0], phi])
        solved = system.kernel.define("branch_point", scale, phi, 1.0, start)
        if solved is None or abs(solved[system.n + 1]) > _IMPERFECTION * sizes[0]:
            return None
        x, s, converged = self._accepted(solved, near, s, a, b, share=1.0)
        if not converged:
            return None
        sort = crossing(system, x, scale)
        return Special("branch_point", x, np.nan, np.nan, True, s, sort.type, crossing=sort)

    def _accepted(
        self, solved: Array | None, near: Node, s: float, a: float, b: float, share: float = 1e-2
    ) -> tuple[Array, float, bool]:
        """Return the refined point and its length, or the near one if that was not reached."""
        if solved is None:
            return near.x, s, False
        x = solved[: len(near.x)] * near.scale
        x[np.abs(x) <= _ROUNDING * near.scale] = 0.0
        origin = self._origin
        at = float(origin.tangent @ ((x - origin.x) / origin.scale))
        # Newton's method may have gone on to the next point of the same kind.
        beyond = _BEYOND * (b - a)
        if near.distance(x) > share * (b - a) or not a - beyond <= at <= b + beyond:
            return near.x, s, False
        return x, at, True

    def _at(self, x: Array) -> tuple[Multilinear, Array]:
        system = self._curve.system
        jac = system.jac(x)
        return Multilinear(system.model, x[: system.n], system.p, system.u), jac


def folds(first: Node, last: Node) -> bool:
    """Return whether the branch turns in the parameter between two points."""
    a, b = first.tangent[-1], last.tangent[-1]
    return bool((a >= 0.0) != (b >= 0.0) and max(abs(a), abs(b)) > _VERTICAL)


def branches(first: Node, last: Node) -> bool:
    """Return whether an odd number of branch points lies between two points."""
    return (first.determinant >= 0.0) != (last.determinant >= 0.0)


def changed(first: Node, last: Node) -> bool:
    """Return whether something happens between two points.

    A single eigenvalue that changes its sign shows in one of the other two as well, unless it
    only touches zero.
    """
    a, b = first.tangent[-1], last.tangent[-1]
    return (
        (first.determinant >= 0.0) != (last.determinant >= 0.0)
        or abs(first.n_unstable - last.n_unstable) >= 2
        or ((a >= 0.0) != (b >= 0.0) and folds(first, last))
    )


def _explains(found: Special, left: Node, right: Node) -> bool:
    """Return whether two points differ as the sides of a special point do, and no more."""
    change = abs(left.n_unstable - right.n_unstable)
    fold, branch = folds(left, right), branches(left, right)
    if found.kind == "hopf":
        return change == 2 * found.pairs and not fold and not branch
    if found.kind == "fold":
        return change == 1 and fold and not branch
    if found.crossing is not None and not found.crossing.simple:
        return True
    # Past the tip of a pitchfork the parameter turns and the index stays.
    return branch and change == (0 if fold else 1)


def _scaled(system: System, x: Array, scale: Array) -> Array:
    """Return df/dx in scaled variables; similar to df/dy in its first columns."""
    return np.asarray(system.full(x) * scale / scale[: system.n, None])
