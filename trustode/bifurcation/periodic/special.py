"""Locate folds, period doublings, tori and branch points between two orbits of a family.

A sign change of a test function brackets a point; Brent's method on orbits that solve their
equations narrows it; the secant method on finer meshes finishes. Imports the families of this
folder.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .collocation import Orbit
from .family import MOST, Family, Node
from .floquet import Complex, crossing_pair

Test = Callable[[Node], float]

#: Share of the step within which Brent's method leaves a point to the finer meshes: of tests that
#: do not look at multipliers, and of those that do, which may change by millions in one step.
_NARROW, _NARROWER = 1e-6, 1e-10
#: How far from a point at which there is no orbit one is looked for, as a share of the step.
_ASIDE = 1e-4
#: Relative change of parameter and period, from one mesh to the finer next, that is enough ...
_ENOUGH = 1e-9
#: ... and the largest one of a point that counts as converged.
_CONVERGED = 1e-7
_FINEST = 2 * MOST
_SECANTS = 12
#: Distance of the orbits between which a branch point is interpolated, as a share of the step
#: and at most: to locate it; and where that fails, or to tell it from a fold beside it.
_BESIDE, _LARGEST_BESIDE, _LARGER = 0.05, 4e-5, 4e-4
#: Orbits that Brent's method may ask for; a smooth test needs a quarter of them.
_TRIALS = 30
#: After so many a test that has a zero is less than this share of what it was, before or behind.
_NO_NEARER, _LESS = 12, 1e-2
#: First length of the secant method, as a share of the step, and where the place is known only to
#: about a step; and the step after which it is at its place, of the first one and in scales.
_FIRST_SECANT, _FIRST_NEAR = 1e-3, 0.05
_LAST_SECANT, _IN_PLACE = 1e-9, 1e-12
#: Steps of it below this share of the first that no longer become shorter are rounding.
_SHORT = 1e-2
#: A multiplier that is -1 inside a step is no farther from it than this factor at its ends: where
#: it changes faster, a period doubling and the fold beside it are one to all digits.
_FAR = 1e8
#: Most of the logarithm by which a test is larger than one that is bounded.
_MOST_WEIGHT = 600.0
#: A fold's multiplier may be this far from 1 before it is asked for; and a first length for that,
#: as a share of others.
_CLEAR, _CLOSER = 1e-6, 1e-3
#: How near a multiplier must be to where its kind of point has it, on the coarse mesh.
_NEAR = 1e-2
#: A fold and a branch point nearer than this share of the step may be one point; they are if they
#: lie within the second share of the distance of the orbits that they are interpolated between.
_TOGETHER, _ONE = 5e-3, 5e-3
#: Tests below this, before and after, are rounding: a family may stand still in its parameter.
_NOISE = 1e-13
#: A point that did not converge says nothing between values that differ by less than this share
#: of the span.
_STILL = 1e-9
#: Error of the multiplier that is 1 from which on multipliers mean nothing.
_LOST = 0.1


#: What lies beside a steep point.
_PARTNERS = {"fold_of_cycles": "period_doubling", "period_doubling": "fold_of_cycles"}
#: Takes values at 0 to 3 to the coefficients of the cubic through them.
_CUBIC = np.linalg.inv(np.vander(np.arange(4.0), increasing=True))


@dataclass(frozen=True, eq=False)
class Special:
    """A special point of a family of periodic orbits.

    Attributes
    ----------
    kind : {"fold_of_cycles", "period_doubling", "torus", "branch_point"}
    node : Node
        On the finest mesh that was used.
    converged : bool
        Whether parameter and period stayed the same on a finer mesh.
    position : float
        Length from the beginning of its step.
    """

    kind: str
    node: Node
    converged: bool
    position: float


def turning_test(node: Node) -> float:
    """Return the parameter's share of the tangent, which vanishes at a fold."""
    return float(node.tangent.free[-1] / node.free_scale[-1])


def _determinant_test(reference: float) -> Test:
    """Return the test for a branch point: the determinant, as a multiple of a reference."""
    return lambda node: node.sign * math.exp(min(max(node.size - reference, -300.0), 300.0))


def _weight(factors: Complex) -> float:
    """Return the product of 1 + |z| over some z: a test without it is flat away from its zero."""
    with np.errstate(over="ignore"):
        return math.exp(min(float(np.log1p(np.abs(factors)).sum()), _MOST_WEIGHT))


def _unit(node: Node) -> float:
    """Return the test for a multiplier that is 1."""
    return node.multipliers.unit * _weight(node.multipliers.others)


def _doubling(node: Node) -> float:
    """Return the test for a multiplier that is -1."""
    return node.multipliers.doubling * _weight(node.multipliers.others)


def _torus(node: Node) -> float:
    """Return the test for a pair of multipliers on the circle."""
    others = node.multipliers.others
    first, second = np.triu_indices(len(others), 1)
    return node.multipliers.torus * _weight(others[first] * others[second])


class Finder:
    """Finds the special points inside a step of a family along one parameter.

    Parameters
    ----------
    family : Family
    origin : Node
        Beginning of the step; its tangent measures lengths.
    """

    def __init__(self, family: Family, origin: Node) -> None:
        self._family = family
        self._origin = origin
        self._standing = False

    def find(self, end: Node) -> list[Special]:
        """Return the special points between the origin and `end`, in order."""
        origin = self._origin
        if self._is_quiet(end):
            return []
        # There a multiplier is known to more digits than the parameter's share of the tangent.
        self._standing = all(self._family.stands(node) for node in (origin, end))
        tests = self._tests(origin)
        found: dict[str, tuple[float, Node]] = {}
        changed = []
        for kind, test in tests.items():
            before, after = test(origin), test(end)
            if (before > 0.0) == (after > 0.0) or max(abs(before), abs(after)) < _NOISE:
                continue
            if math.isnan(before) or math.isnan(after):
                continue
            if kind == "torus" and not self._pair_crosses(end):
                continue
            if kind == "period_doubling" and not self._is_negative(end):
                continue
            changed.append((kind, test))
        if not changed:
            return []
        length = origin.dot(origin.tangent, origin.to(end.orbit))
        for kind, test in changed:
            place = self._root(kind, test, length, end)
            if place is not None and self._is_kind(kind, place[1]):
                found[kind] = place
        if {"branch_point", "fold_of_cycles"} <= found.keys():
            apart = abs(found["branch_point"][0] - found["fold_of_cycles"][0])
            if apart < _TOGETHER * length and self._is_tip(found["branch_point"][0], length):
                # The tip of a pitchfork: the crossing family goes on in both directions.
                del found["fold_of_cycles"]
        points = [self._polished(kind, *place, length) for kind, place in found.items()]
        for point in list(points):
            partner = _PARTNERS.get(point.kind)
            if partner is not None and partner not in found:
                points += self._partner(point, partner, end, length)
        # Where the multiplier that is 1 is lost, signs are rounding, as a canard's family stands
        # still to all digits; and where others are larger than digits resolve.
        sure = [
            special
            for special in points
            if special.converged
            or (
                abs(end.value - origin.value) > _STILL * float(origin.free_scale[-1])
                and not self._is_steep(end)
                and (special.node.multipliers.trivial_error < _LOST or self._index_changes(end))
            )
        ]
        return sorted(sure, key=lambda special: special.position)

    def near(self, kind: str, length: float) -> Special | None:
        """Return the point of a kind near the origin, if there is one within a few lengths."""
        test = self._tests(self._origin)[kind]
        node = self._secant(test, self._origin, _FIRST_NEAR * length, sharp=self._asks(kind))
        if node is None or not self._is_kind(kind, node):
            return None
        special = self._polished(kind, 0.0, node, length)
        return special if special.converged else None

    def _is_quiet(self, end: Node) -> bool:
        """Return whether no test can have changed its sign, at the price of a look."""
        a, b = self._origin.multipliers, end.multipliers
        turns = self._origin.tangent.free[-1] * end.tangent.free[-1]
        return bool(
            turns > 0.0
            and self._origin.sign == end.sign
            and (a.doubling > 0.0) == (b.doubling > 0.0)
            and (a.torus > 0.0) == (b.torus > 0.0)
            and (a.unit > 0.0) == (b.unit > 0.0)
        )

    def _index_changes(self, end: Node) -> bool:
        """Return whether the number of unstable multipliers surely changes over the step."""
        before, after = (node.multipliers for node in (self._origin, end))
        known = max(before.trivial_error, after.trivial_error) < _LOST
        return bool(known and before.n_unstable != after.n_unstable)

    def _is_steep(self, end: Node) -> bool:
        """Return whether multipliers stay too large over the step to be known where they pass 1."""
        sizes = [np.abs(node.multipliers.others).max() for node in (self._origin, end)]
        return bool(min(sizes) > _FAR)

    def _pair_crosses(self, end: Node) -> bool:
        """Return whether the number of complex multipliers outside the circle changes."""
        outside = [
            int(np.sum((np.abs(values) > 1.0) & (values.imag != 0.0)))
            for values in (self._origin.multipliers.others, end.multipliers.others)
        ]
        return outside[0] != outside[1]

    def _is_negative(self, end: Node) -> bool:
        """Return whether a real multiplier before or behind is anywhere near -1."""
        values = np.concatenate([node.multipliers.others for node in (self._origin, end)])
        real = -values[values.imag == 0.0].real
        return bool(np.any((real > 1.0 / _FAR) & (real < _FAR)))

    def _tests(self, origin: Node) -> dict[str, Test]:
        """Return what vanishes at each kind of point, near an orbit."""
        return {
            "branch_point": _determinant_test(origin.size),
            "fold_of_cycles": _unit if self._standing else turning_test,
            "period_doubling": _doubling,
            "torus": _torus,
        }

    def _is_kind(self, kind: str, node: Node) -> bool:
        """Return whether an orbit's multipliers are those of a kind of point."""
        others = node.multipliers.others
        if kind == "period_doubling":
            return has_near(others, -1.0)
        if kind == "torus":
            return has_pair(others)
        return True

    def _asks(self, kind: str) -> bool:
        """Return whether the test for a kind of point looks at multipliers."""
        return kind != "branch_point" and (kind != "fold_of_cycles" or self._standing)

    def _root(self, kind: str, test: Test, length: float, end: Node) -> tuple[float, Node] | None:
        """Return where a test vanishes inside the step, and the orbit there."""
        from scipy.optimize import brentq

        asks = self._asks(kind)
        latest: dict[float, Node] = {0.0: self._origin, length: end}
        ends = [abs(test(self._origin)), abs(test(end))]
        least, positive = ends.copy(), test(self._origin) > 0.0

        def value(s: float) -> float:
            if s not in latest:
                node = self._beside(self._origin, s, length, sharp=asks)
                if node is None:
                    raise _Lost
                latest[s] = node
            found = test(latest[s])
            if math.isnan(found):
                raise _Lost
            side = int((found > 0.0) != positive)
            least[side] = min(least[side], abs(found))
            if len(latest) > _NO_NEARER and all(
                now > _LESS * first for now, first in zip(least, ends, strict=True)
            ):
                # A jump, not a zero, as of multipliers too large to be known.
                raise _Lost
            return found

        try:
            s, report = brentq(
                value,
                0.0,
                length,
                xtol=(_NARROWER if asks else _NARROW) * length,
                rtol=1e-14,
                maxiter=_TRIALS,
                full_output=True,
                disp=False,
            )
            value(s)
        except _Lost:
            return None
        if not report.converged:
            # A jump, not a zero: signs of multipliers too large to be known.
            return None
        if asks or s in (0.0, length):
            return s, latest[s]
        node = self._beside(self._origin, s, length)
        return None if node is None else (s, node)

    def _beside(self, origin: Node, s: float, length: float, *, sharp: bool = True) -> Node | None:
        """Return the orbit at a length, or next to it: on a branch point Newton's method fails."""
        places = (s + shift * length for shift in (0.0, _ASIDE, -_ASIDE))
        nodes = (self._family.at(origin, place, sharp=sharp) for place in places)
        return next((node for node in nodes if node is not None), None)

    def _polished(self, kind: str, position: float, node: Node, length: float) -> Special:
        """Return a point located on finer and finer meshes, until it stays where it is."""
        if kind == "branch_point":
            between = self._between(position, length)
            if between is not None:
                return between
        intervals, change = len(node.orbit.mesh) - 1, np.inf
        best = node
        while intervals <= _FINEST:
            origin = self._family.renewed(best, intervals)
            if origin is None:
                break
            first, test = _FIRST_SECANT * length, self._tests(origin)[kind]
            there = self._secant(test, origin, first, sharp=self._asks(kind))
            if there is None and kind == "fold_of_cycles":
                # On a steep family the parameter's share of the tangent may be all rounding.
                there = self._secant(_unit, origin, first, sharp=True)
            if there is None:
                # Where no step beside it can be taken, it still stays where it is, or not.
                moved = np.abs((origin.orbit.free - best.orbit.free) / origin.free_scale).max()
                if np.isfinite(change) and moved <= _ENOUGH:
                    change = float(moved)
                break
            old, new = best.orbit.free, there.orbit.free
            before, change = change, float(np.abs((new - old) / there.free_scale).max())
            best = there
            if change <= _ENOUGH or (change >= before and change <= _CONVERGED):
                break
            intervals *= 2
        if kind == "branch_point":
            # At the point itself the tangent is any direction between those of both families.
            best = best.looking(self._origin)
        if kind == "fold_of_cycles" and change <= _CONVERGED:
            best = self._turned(best, _FIRST_SECANT * length)
        return Special(kind, best, change <= _CONVERGED, position)

    def _partner(self, point: Special, kind: str, end: Node, length: float) -> list[Special]:
        """Return the period doubling beside a steep fold, or the fold beside such a doubling.

        Past 1 the multiplier goes on to -1: at once, seen from the ends of the step.
        """
        seen, test, place = {
            "period_doubling": (_doubling, _doubling, -1.0),
            "fold_of_cycles": (turning_test, _unit, 1.0),
        }[kind]
        before, after = seen(self._origin), seen(end)
        if not point.converged or (before > 0.0) == (after > 0.0) or math.isnan(before + after):
            return []
        node = point.node
        there = self._secant(test, node, _CLOSER * _FIRST_SECANT * length, sharp=True)
        if there is None or not has_near(there.multipliers.others, place):
            return []
        if np.abs((there.orbit.free - node.orbit.free) / node.free_scale).max() > _CONVERGED:
            return []
        beyond = node.dot(node.tangent, node.to(there.orbit))
        return [Special(kind, there, True, point.position + beyond)]

    def _turned(self, fold: Node, first: float) -> Node:
        """Return a fold where a multiplier is 1, if that says more than that the family turns.

        As where multipliers swing by millions: along the family a turn is known to half as many
        digits as they are.
        """
        if _from_one(fold) <= _CLEAR:
            return fold
        there = self._secant(_unit, fold, _CLOSER * first, sharp=True)
        if there is None or not _from_one(there) < _from_one(fold):
            return fold
        moved = np.abs((there.orbit.free - fold.orbit.free) / fold.free_scale).max()
        return there if moved <= _CONVERGED else fold

    def _is_tip(self, position: float, length: float) -> bool:
        """Return whether the family turns just where its branch point is.

        Families that cross elsewhere have a fold next to it towards a homoclinic orbit.
        """
        apart = min(_BESIDE * length, _LARGER)
        base = self._family.at(self._origin, position - 1.5 * apart)
        renewed = None if base is None else self._family.renewed(base)
        known = None if renewed is None else self._four(renewed, apart)
        if known is None:
            return True
        tests = _determinant_test(known[0].size), turning_test
        point, turn = (_zero([test(node) for node in known]) for test in tests)
        return point is None or turn is None or abs(point - turn) < _ONE

    def _between(self, position: float, length: float) -> Special | None:
        """Return a branch point as interpolated between orbits beside it.

        At the point itself the equations are singular, and Newton's method finds it to half the
        digits. The nearer these orbits the better, down to where it is rounding that tells them.
        """
        best, least = None, math.inf
        for most in (_LARGEST_BESIDE, _LARGER):
            there, change = self._located(position, min(_BESIDE * length, most))
            if there is not None and change < least:
                best, least = there, change
            if least <= _ENOUGH:
                break
        if best is None:
            return None
        clear = self._family.clear(best)
        return Special("branch_point", clear, least <= _CONVERGED, position)

    def _located(self, position: float, apart: float) -> tuple[Node | None, float]:
        """Return a branch point between orbits so far apart, and what a finer mesh changes."""
        base = self._family.at(self._origin, position - 1.5 * apart)
        intervals, before = 0 if base is None else len(base.orbit.mesh) - 1, None
        while base is not None and intervals <= _FINEST:
            renewed = self._family.renewed(base, intervals)
            there = None if renewed is None else self._interpolated(renewed, apart)
            if there is None:
                break
            if before is not None:
                free = there.orbit.free
                change = float(np.abs((free - before.orbit.free) / there.free_scale).max())
                if change <= _ENOUGH or intervals * 2 > _FINEST:
                    return there, change
            before, intervals = there, intervals * 2
        return None, math.inf

    def _four(self, base: Node, apart: float) -> list[Node] | None:
        """Return four orbits from a base on, so far apart."""
        nodes = [base, *(self._family.at(base, k * apart) for k in range(1, 4))]
        known = [node for node in nodes if node is not None]
        return known if len(known) == len(nodes) else None

    def _interpolated(self, base: Node, apart: float) -> Node | None:
        """Return the orbit at which the determinant vanishes, half-way along four from a base."""
        known = self._four(base, apart)
        test = _determinant_test(base.size)
        place = None if known is None else _zero([test(node) for node in known])
        if known is None or place is None:
            return None
        weights = place ** np.arange(4) @ _CUBIC
        states = np.tensordot(weights, [node.orbit.states for node in known], 1)
        free = weights @ np.array([node.orbit.free for node in known])
        orbit = Orbit(base.orbit.mesh, np.ascontiguousarray(states), free)
        pair, volume = self._family.problem.pair(orbit, self._family.conditions(base, 0.0))
        there = replace(base, orbit=orbit, pair=pair, volume=volume, known=None, bend=None)
        return there.looking(known[1])

    def _secant(self, test: Test, origin: Node, first: float, *, sharp: bool) -> Node | None:
        """Return the orbit near a point at which a test vanishes.

        `sharp` tells that the test looks at multipliers; else only the last orbit's are wanted.
        """
        a, at_a = 0.0, test(origin)
        b, node = first, self._family.at(origin, first, sharp=sharp)
        for _ in range(_SECANTS):
            if node is None:
                return None
            at_b = test(node)
            if at_b == at_a:
                break
            before, step = b - a, -at_b * (b - a) / (at_b - at_a)
            a, at_a, b = b, at_b, b + step
            if not abs(b) < 100.0 * first:
                return None
            node = self._beside(origin, b, first, sharp=sharp)
            if abs(step) <= max(_LAST_SECANT * first, _IN_PLACE):
                break
            if abs(before) / 2.0 <= abs(step) <= _SHORT * first:
                break
        return node if sharp or node is None else self._beside(origin, b, first)


def _zero(values: list[float]) -> float | None:
    """Return the one place between 0 and 3 where the cubic through values at 0 to 3 vanishes."""
    roots = np.roots((_CUBIC @ values)[::-1])
    real = roots[np.abs(roots.imag) < 1e-9].real
    inside = real[(real > 0.0) & (real < 3.0)]
    return float(inside[0]) if len(inside) == 1 else None


class _Lost(Exception):
    """Newton's method failed between two orbits of a step."""


def _from_one(node: Node) -> float:
    """Return how far the multiplier nearest to 1 is from there, the orbit's own not counted."""
    return float(np.abs(node.multipliers.others - 1.0).min(initial=np.inf))


def has_near(values: Complex, place: float) -> bool:
    """Return whether a real multiplier is near a place."""
    real = values[values.imag == 0.0].real
    return bool(np.any(np.abs(real - place) < _NEAR))


def has_pair(values: Complex) -> bool:
    """Return whether a complex pair is near the unit circle."""
    pair = crossing_pair(values)
    return bool(abs(abs(pair) - 1.0) < _NEAR and abs(pair.imag) > 1e-6)
