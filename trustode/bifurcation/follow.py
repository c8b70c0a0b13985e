"""Walk along a branch: step control, what ends it, and the special points on the way.

Imports the arclength and special points of this folder.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import SolveError, Status
from .arclength import LARGEST, ArcLength, Curve, Node
from .equilibria import ordered_eigenvalues, undecided
from .search import Search
from .special import Finder, Pole, Special, Unclear, changed
from .system import Array, System

#: A step is taken again, shorter, if the tangent turns by more than acos of this ...
_LEAST_COSINE = 0.95
#: ... or if the corrector moves farther than this share of the step.
_LARGEST_CORRECTION = 0.25
#: A step grows if the tangent turned by less than acos of this within few corrections.
_EASY_COSINE = 0.99
_EASY_CORRECTIONS = 4
_GROWTH = 1.5
#: A start point passed within this share of a step closes the branch.
_CLOSURE = 0.05
#: Share of the parameter in the tangent below which the branch turns at a point, to rounding.
_TURNING = 1e-7
_EDGE = 1e-9
_ROUNDING = float(np.finfo(float).eps)
#: A branch that stops within this share of the span from its edge has reached it.
_NEXT = 1e-5
#: Nearer to a branch point than this, in scaled variables, tangents are rounding.
_TIP = 2e-5
#: How far beyond the span a branch is looked at, as a share of it.
_MARGIN = 1e-7
#: A test function that may come closer to zero than this share of its smallest known value
#: is looked at again.
_CLOSEST = 0.3
#: How often it is looked at.
_LOOKS = 4
#: Steps past a corner of the equations, in shortest steps, and how well a direction must fit.
_PAST, _STRAIGHT = (4.0, 16.0, 64.0), 0.999
#: Halvings that narrow a change at a corner down.
_NARROWINGS = 50
#: What changes its sign at a fold, at a branch point and at a Hopf point.
_TESTS: tuple[Callable[[Node], float], ...] = (
    lambda node: node.tangent.item(-1),
    lambda node: node.determinant,
    lambda node: node.pairs,
)


@dataclass
class Side:
    """What was found in one direction."""

    nodes: list[Node]
    special: list[tuple[int, Special]] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)
    end: str = ""
    closed: bool = False


class Follower:
    """Walks along a branch from a start, one direction after the other."""

    def __init__(self, system: System, stepper: ArcLength, low: float, high: float) -> None:
        self._system, self._stepper = system, stepper
        self._low, self._high = low, high
        self._curve = Curve(system, high - low)

    def both(self, x: Array, scale: Array | None = None) -> tuple[Side, Side]:
        """Return the two sides of the branch through a point, measured at least in `scale`."""
        node = self._curve.start(x, self._curve.scale(x[:-1], scale))
        if node is None:
            sums = Search(self._system, None, 0).conserved()
            self._system.set(x)
            why = "Start away from a branch point"
            if sums.constant or sums.growing:
                why = sums.told()
            raise SolveError(
                f"{self._system.where}: the branch has no tangent at the start, {self._system.free}"
                f" = {x[-1]:g}. {why}",
                Status.SINGULAR,
            )
        node = self._off_fold(node)
        forward = self._side(node)
        if forward.closed:
            return forward, Side([node.reversed()], end=forward.end)
        return forward, self._side(node.reversed())

    def _off_fold(self, start: Node) -> Node:
        """Return the start or, where the branch turns just there, a point a step away.

        On a fold neither side of the start sees the parameter turn, so none would find it.
        """
        if abs(start.tangent[-1]) > _TURNING:
            return start
        ds = self._stepper.ds
        while ds >= self._stepper.ds_min:
            for origin in (start, start.reversed()):
                node = self._curve.at(origin, ds)
                if node is None or abs(node.tangent[-1]) <= _TURNING or node.outside >= 0:
                    continue
                if self._low <= node.x[-1] <= self._high:
                    node = node.rescaled(self._curve.scale(node.x[:-1], node.scale))
                    return node if node.tangent[-1] > 0.0 else node.reversed()
            ds /= 2.0
        return start

    def _side(self, start: Node) -> Side:
        """Walk until something ends the branch."""
        stepper, side = self._stepper, Side([start])
        name = self._system.free
        ds, reason = stepper.ds, ""
        largest = LARGEST * start.scale.max()
        if self._leaves(side):
            self._edge(side, start)
        while not side.end:
            origin = side.nodes[-1]
            if self._leaves(side):
                side.end = f"span reached, {name} = {origin.x[-1]:.6g}"
                break
            if len(side.nodes) > stepper.max_steps:
                side.end = f"step limit, {stepper.max_steps} at {name} = {origin.x[-1]:.6g}"
                break
            floor = ds < 2.0 * stepper.ds_min
            node, reason = self._step(side, origin, ds, settle=floor)
            if node is None:
                if floor and self._arrives(origin):
                    side.end = f"span reached, {name} = {origin.x[-1]:.6g}"
                    break
                past = self._past_corner(origin) if floor and self._system.has_corners else None
                if past is not None:
                    node, found = past
                    if found is not None:
                        self._keep(side, len(side.nodes) - 1, [found])
                    side.lengths.append(origin.distance(node.x))
                    side.nodes.append(node)
                    ds = stepper.ds
                    continue
                if floor:
                    side.end = f"{reason} at {name} = {origin.x[-1]:.6g}"
                    break
                ds = max(ds / 2.0, stepper.ds_min)
                continue
            easy = float(node.tangent @ origin.tangent) > _EASY_COSINE
            if easy and node.corrections <= _EASY_CORRECTIONS:
                ds = min(ds * _GROWTH, stepper.ds_max)
            if node.grows:
                node = node.rescaled(self._curve.scale(node.x[:-1], node.scale))
                if node.scale.max() > largest:
                    side.end = f"grows without bound at {name} = {node.x[-1]:.6g}"
            side.nodes.append(node)
        return side

    def _step(
        self, side: Side, origin: Node, ds: float, *, settle: bool
    ) -> tuple[Node | None, str]:
        """Return the next point, or None and what was wrong with a step of this length."""
        node = self._curve.at(origin, ds)
        length, seen = ds, node
        if node is not None and not self._low <= node.x[-1] <= self._high:
            edge, outer = self._edges(node)
            # What lies exactly on the edge shows only a little beyond it.
            seen = self._curve.landing(origin, node.x, outer)
            node = self._curve.landing(origin, node.x, edge)
            if node is None and seen is not None:
                node = self._between(origin, seen, edge)
            seen = seen or node
            if node is not None:
                length = float(origin.tangent @ ((node.x - origin.x) / origin.scale))
        if node is None or seen is None:
            return None, "step floor: Newton's method fails"
        if float(node.tangent @ origin.tangent) < _LEAST_COSINE:
            return None, "step floor: the branch has a corner"
        if not 0.0 < length <= 1.01 * ds or node.aside > _LARGEST_CORRECTION * ds:
            return None, "step floor: the branch bends too sharply"
        if node.outside >= 0:
            return None, f"left the bounds, {self.outside(node)}"
        first = side.nodes[0]
        closing = len(side.nodes) > 2 and self._passes(first, origin, length)
        if closing:
            node = seen = first.rescaled(origin.scale)
        try:
            if changed(origin, seen):
                corners = self._system.has_corners
                try:
                    found = Finder(self._curve, origin, settle=settle and not corners).find(seen)
                except Unclear:
                    if not (settle and corners):
                        raise
                    found = [self._at_corner(origin, seen, length)]
                self._keep(side, len(side.nodes) - 1, found)
            elif len(side.lengths):
                self._hidden(side, origin, node, length)
        except Pole:
            return None, "the equations have a pole ahead"
        except Unclear:
            return None, "step floor: a change of stability could not be explained"
        side.lengths.append(length)
        if closing:
            side.closed, side.end = True, "closed branch: back at the start"
        return _continued(origin, node), ""

    def _past_corner(self, origin: Node) -> tuple[Node, Special | None] | None:
        """Return the first point behind a corner that lies just ahead, and what happens there.

        Behind it the branch goes along the null vector of the derivative that holds there, to
        one side: di Bernardo, Budd, Champneys & Kowalczyk (2008), Piecewise-smooth Dynamical
        Systems, section 5.1.
        """
        scale = origin.scale
        for shares in _PAST:
            reach = shares * self._stepper.ds_min
            matrix = self._system.full(origin.x + reach * origin.tangent * scale) * scale
            if not np.isfinite(matrix).all():
                continue
            along = np.ascontiguousarray(np.linalg.svd(matrix)[2][-1])
            for direction in (along, -along):
                node = self._curve.at(Node.pointing(origin.x, direction, scale), reach)
                if node is None or node.outside >= 0:
                    continue
                inside = self._low <= node.x[-1] <= self._high
                away = (node.x - origin.x) / scale / max(node.distance(origin.x), 1e-300)
                back = float(away @ origin.tangent) < -_LEAST_COSINE
                if inside and not back and float(node.tangent @ direction) > _STRAIGHT:
                    return node, self._corner(origin, node)
        return None

    def _corner(self, before: Node, after: Node) -> Special | None:
        """Return the corner between two points where the tangents meet, if it changes anything."""
        turns = (before.tangent[-1] > 0.0) != (after.tangent[-1] > 0.0)
        if before.n_unstable == after.n_unstable and not turns:
            return None
        gap = (after.x - before.x) / before.scale
        pair = np.column_stack([before.tangent, after.tangent])
        s = float(np.linalg.lstsq(pair, gap, rcond=None)[0][0])
        x = before.x + s * before.tangent * before.scale
        return _corner_at(x, before, max(s, 0.0), turns=turns)

    def _at_corner(self, origin: Node, end: Node, length: float) -> Special:
        """Return the corner inside a step at which the stability changes but not the direction."""
        low, high = 0.0, length
        x = end.x
        for _ in range(_NARROWINGS):
            middle = (low + high) / 2.0
            node = self._curve.at(origin, middle)
            if node is None:
                break
            if changed(origin, node):
                high, x = middle, node.x
            else:
                low = middle
        turns = (origin.tangent[-1] > 0.0) != (end.tangent[-1] > 0.0)
        return _corner_at(x, origin, high, turns=turns)

    def _between(self, origin: Node, outer: Node, edge: float) -> Node | None:
        """Return a point on the edge where the derivative by the states is singular there."""
        inner = self._curve.landing(origin, outer.x, 2.0 * edge - float(outer.x[-1]))
        if inner is None:
            return None
        x = (inner.x + outer.x) / 2.0
        x[-1] = edge
        jac = self._system.jac(x)
        if not np.isfinite(jac).all():
            return None
        values = ordered_eigenvalues(jac)
        count = int(np.sum(values.real > undecided(values)))
        return replace(inner, x=x, eigenvalues=values, n_unstable=count, is_stable=False)

    def _keep(self, side: Side, index: int, found: list[Special]) -> None:
        """Keep the special points of a step that lie in the span."""
        for each in found:
            inside = min(each.x[-1] - self._low, self._high - each.x[-1])
            margin = _EDGE * (self._high - self._low)
            # A line of equilibria on the very edge changes nothing in the span.
            line = each.crossing is not None and each.crossing.line
            if inside < (margin if line else -margin):
                continue
            if each.kind == "fold" and any(_at_tip(each, at) for _, at in side.special[-2:]):
                continue
            side.special = [pair for pair in side.special if not _at_tip(pair[1], each)]
            side.special.append((index, each))

    def _hidden(self, side: Side, origin: Node, end: Node, length: float) -> None:
        """Look for two changes of sign that undo each other between three points.

        Where a test function comes closest to zero at the middle one, the parabola through
        the three says whether it may have crossed in between.
        """
        before, back = side.nodes[-2], side.lengths[-1]
        near = [
            test
            for test in _TESTS
            if abs(value := test(origin)) <= abs(test(before)) and abs(value) <= abs(test(end))
        ]
        if not near or changed(before, origin):
            return
        for test in near:
            known = [(-back, test(before)), (0.0, test(origin)), (length, test(end))]
            for _ in range(_LOOKS):
                s = _closest(known)
                if s is None:
                    break
                forth = s >= 0.0
                start, at = (origin, s) if forth else (before, back + s)
                node = self._curve.at(start, at)
                if node is None:
                    break
                if changed(start, node):
                    reach, stop = (length, end) if forth else (back, origin)
                    found = Finder(self._curve, start, settle=False).across(at, reach, stop)
                    self._keep(side, len(side.nodes) - (1 if forth else 2), found)
                    return
                # The three that are left have the smallest value in their middle again.
                known = sorted([*known, (s, test(node))])
                k = min(range(1, 3), key=lambda k: abs(known[k][1]))
                known = known[k - 1 : k + 2]

    def _edge(self, side: Side, start: Node) -> None:
        """Look for what lies exactly on the edge on which a branch starts."""
        ahead = start.x + _MARGIN * start.tangent * start.scale
        beyond = self._curve.landing(start, ahead, self._edges(start, ahead[-1])[1])
        if beyond is None or not changed(start, beyond):
            return
        with suppress(Unclear):
            self._keep(side, 0, Finder(self._curve, start, settle=False).find(beyond))

    def _edges(self, node: Node, value: float | None = None) -> tuple[float, float]:
        """Return the edge of the span that a point is beyond, and a little farther out."""
        value = float(node.x[-1]) if value is None else value
        margin = _MARGIN * (self._high - self._low)
        if value < self._low:
            return self._low, self._low - margin
        return self._high, self._high + margin

    def _leaves(self, side: Side) -> bool:
        """Return whether the branch leaves the span at its last point, or creeps along its edge."""
        node = side.nodes[-1]
        edge = self._high if node.tangent[-1] > 0.0 else self._low
        margin = _EDGE * (self._high - self._low)
        if abs(node.x[-1] - edge) > margin:
            return False
        creeps = len(side.nodes) > 1 and abs(side.nodes[-2].x[-1] - edge) <= margin
        return bool(creeps or abs(node.tangent[-1]) > _TURNING)

    def _arrives(self, node: Node) -> bool:
        """Return whether a point is next to the edge that the branch runs towards."""
        edge = self._high if node.tangent[-1] > 0.0 else self._low
        return bool(abs(node.x[-1] - edge) <= _NEXT * (self._high - self._low))

    def outside(self, node: Node) -> str:
        """Return the first state that is outside its bounds, in words, or an empty string."""
        k = node.outside
        if k < 0:
            return ""
        low, high = self._system.bounds[k]
        edge = low if node.x[k] < low else high
        return f"{self._system.model.states[k]} = {edge:g}"

    def _passes(self, first: Node, origin: Node, length: float) -> bool:
        """Return whether a step passes the start of the branch, in its direction."""
        if abs(first.x[-1] - origin.x[-1]) > 2.0 * length * origin.scale[-1]:
            return False
        offset = (first.x - origin.x) / origin.scale
        along = float(offset @ origin.tangent)
        if not 0.0 < along <= length:
            return False
        there = self._curve.at(origin, along)
        if there is None or float(there.tangent @ first.rescaled(origin.scale).tangent) <= 0.0:
            return False
        return bool(there.distance(first.x) <= _CLOSURE * length)


def _at_tip(fold: Special, point: Special) -> bool:
    """Return whether a fold is the tip of a pitchfork: a point beside it has no sure tangent."""
    if fold.kind != "fold" or point.crossing is None:
        return False
    return bool(np.linalg.norm((fold.x - point.x) / point.crossing.scale) <= _TIP)


def _continued(origin: Node, node: Node) -> Node:
    """Return a point with its neighbour's index, where rounding alone would change it.

    An eigenvalue that fades, as where a state grows and what depends on it saturates, becomes
    rounding beside the others without changing its sign.
    """
    if node.n_unstable == origin.n_unstable or changed(origin, node):
        return node
    margin = undecided(node.eigenvalues)
    most, fewest = (int(np.sum(node.eigenvalues.real > edge)) for edge in (-margin, margin))
    if not fewest <= origin.n_unstable <= most:
        return node
    return replace(node, n_unstable=origin.n_unstable)


def _corner_at(x: Array, before: Node, position: float, *, turns: bool) -> Special:
    """Return a corner at which the branch turns in the parameter or changes its stability."""
    x = np.where(np.abs(x) <= _ROUNDING * before.scale, 0.0, x)
    return Special("corner", x, np.nan, np.nan, True, position, "fold" if turns else "")


def _closest(known: list[tuple[float, float]]) -> float | None:
    """Return where the parabola through three points may cross zero, None if it stays away."""
    (a, f0), (b, f1), (c, f2) = known
    if not (abs(f1) <= abs(f0) and abs(f1) <= abs(f2) and f1 != 0.0):
        return None
    left, right = (f1 - f0) / (b - a), (f2 - f1) / (c - b)
    bend = (right - left) / (c - a)
    if bend == 0.0:
        return None
    slope = (right * (b - a) + left * (c - b)) / (c - a)
    s = -slope / (2.0 * bend)
    lowest = f1 + slope * s + bend * s * s
    inside = a < b + s < c and s != 0.0
    return b + s if inside and lowest / f1 <= _CLOSEST else None
