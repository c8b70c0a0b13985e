"""Walk along a family of periodic orbits: step control, what ends it, special points on the way.

Imports the families, special points and ends of this folder.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ..arclength import ArcLength
from .collocation import Array, Orbit, beside, inner, interpolated, mean
from .ends import Limit, endless, hopf_near, limit, spiral, swings
from .family import MOST, ON_THE_WAY, Family, Node
from .special import Finder, Special
from .start import from_orbit
from .symmetry import image

#: A step is taken again, shorter, if the tangent turns by more than acos of this ...
_LEAST_COSINE = 0.9
#: ... or if the corrector moves farther than this share of the step.
_LARGEST_CORRECTION = 0.3
#: A step grows if the tangent turned by less than acos of this within few corrections.
_EASY_COSINE = 0.98
_EASY_CORRECTIONS = 4
_GROWTH = 1.5
#: Steps after which the mesh follows the orbit.
_RENEWAL = 4
#: A start passed within this share of a step closes the family; within the second one it is
#: looked at more closely, so often.
_CLOSURE, _NEARLY_CLOSED, _CLOSER = 0.05, 0.3, 3
_EDGE = 1e-9
#: A family that stops early names the swings that its orbits have added, from so many on.
_ADDED = 2
#: A family that is born at a Hopf point and has kept to its value, within this share of the span,
#: for so many orbits stands upright; it is followed no farther than the second number.
_UPRIGHT, _UPRIGHT_ORBITS = 1e-9, (10, 100)
#: How much longer a first step is tried whose value is the Hopf point's, and how often.
_FIRST_GROWTH, _GROWTHS = 4.0, 16
#: Orbits of more intervals than this, on average, take more of the steps that a side may have.
_MANY = 150
#: A side ends where its multipliers have asked for more pieces of orbits than this for each step
#: that it may have: stiff orbits beyond all that a family needs.
_MANY_PIECES = 3000
#: Special points to a side: on the way to a connection there may be no end of them.
_MOST_SPECIAL = 30
#: States larger than this, in scales of the first orbits, are no longer followed.
_HUGE = 1e8

#: Distance, in scales, within which two orbits are one.
_SAME = 1e-5
#: How a family ends at points where something of it fades.
ENDS = {
    "hopf": "ends at a Hopf point",
    "period_doubling": "ends at a period doubling",
    "bautin": "ends at a Bautin point",
}

#: What of an orbit vanishes where the family was born: the product of it in two orbits on one
#: mesh, in scales.
Fading = Callable[[Orbit, Orbit, Array], float]


def around_mean(a: Orbit, b: Orbit, scale: Array) -> float:
    """Return the product of two orbits without their means, which fade at a Hopf point."""
    return beside(a.mesh, a.states, b.states, scale)


def against_half(a: Orbit, b: Orbit, scale: Array) -> float:
    """Return that of orbits less themselves half a period later: it fades at a period doubling."""
    positions = (a.nodes + 0.5) % 1.0
    x, y = (each.states - interpolated(each.mesh, each.states, positions) for each in (a, b))
    return inner(a.mesh, x, y, scale)


class Origin(NamedTuple):
    """A bifurcation at which a family begins or ends.

    Attributes
    ----------
    kind : {"hopf", "period_doubling"}
    value : float
        Of the parameter.
    """

    kind: str
    value: float


@dataclass
class Side:
    """What was found in one direction."""

    nodes: list[Node]
    special: list[tuple[int, Special]] = field(default_factory=list)
    end: str = ""
    limit: Limit | None = None
    origin: Origin | None = None
    closed: bool = False


def mirrored(start: Node, side: Side, turn: Array) -> Side:
    """Return the other side of a start, given one side and the symmetry that takes it there."""
    limit = side.limit
    return Side(
        [start, *(image(node, turn) for node in side.nodes[1:])],
        [(k, replace(each, node=image(each.node, turn))) for k, each in side.special],
        side.end,
        limit and replace(limit, equilibria=limit.equilibria @ turn.T),
        side.origin,
    )


def joined(backward: Side, forward: Side) -> tuple[list[Node], int, list[tuple[int, Special]]]:
    """Join two sides of one start.

    Returns
    -------
    tuple
        The nodes in order, the position of the start among them, and the special points in
        order, each with the position of the node before it.
    """
    before, after = (
        sorted(side.special, key=lambda pair: (pair[0], pair[1].position))
        for side in (backward, forward)
    )
    start = len(backward.nodes) - 1
    special = [(start - k - 1, each) for k, each in reversed(before)]
    special += [(start + k, each) for k, each in after]
    return [*backward.nodes[:0:-1], *forward.nodes], start, special


class Follower:
    """Walks along a family from an orbit.

    Parameters
    ----------
    family : Family
    names : tuple of str
        Its parameters, for sentences.
    stepper : ArcLength
    fading : dict of str to Fading
        What vanishes where the family may end, by the kind of that point, one of `ENDS`.
    """

    def __init__(
        self,
        family: Family,
        names: tuple[str, ...],
        stepper: ArcLength,
        fading: dict[str, Fading],
    ) -> None:
        self._family, self._names, self._stepper = family, names, stepper
        self._fading = fading

    #: What is walked along, in a sentence.
    _what = "family"

    def side(self, start: Node, *, born: bool, crossing: bool = False) -> Side:
        """Walk until something ends the family.

        Parameters
        ----------
        start : Node
        born : bool
            The family begins here: the first step's tests mean nothing.
        crossing : bool
            It crosses another one here.
        """
        stepper, side = self._stepper, Side([start])
        origin, ds, since, intervals = start, stepper.ds, 0, 0
        upright = born and not np.ptp(start.orbit.states, axis=0).any()
        reason, spent = "", self._family.pieces
        while True:
            count = len(side.nodes) - 1
            # A family that is born on the edge of the span does not look out of it.
            edge = "" if born and count == 0 else self._edge(side.nodes[-1])
            if edge:
                side.end = f"span reached, {edge}"
                return side
            if self._family.pieces - spent > _MANY_PIECES * stepper.max_steps:
                side.end = f"multipliers of ever stiffer orbits, at {self._shown(origin)}"
                return side
            long = len(self._names) == 1 and intervals > _MANY * stepper.max_steps
            if count >= stepper.max_steps or long:
                side.end = f"step limit, {count} at {self._shown(origin)}{self._added(side.nodes)}"
                return side
            if len(self._names) == 1 and len(side.special) >= _MOST_SPECIAL:
                side.end = (
                    f"{len(side.special)} special points on the way, at {self._shown(origin)}"
                )
                side.end += self._added(side.nodes)
                return side
            node, reason = self._step(origin, ds, turns=count == 0 and crossing)
            if node is not None and count == 0 and upright:
                node = self._grown(start, node, ds)
            if node is None:
                if ds < 2.0 * stepper.ds_min:
                    side.limit = last = self._limit(side.nodes, stuck=True)
                    side.end = last.sentence if last else self._floor(side.nodes, reason)
                    return side
                ds = max(ds / 2.0, stepper.ds_min)
                continue
            first = count == 0 and born
            if not first:
                ended = self._fades(origin, node)
                if ended is not None:
                    side.end, side.origin = ended
                    return side
                special = self._find(origin, node)
                side.limit = self._blurs(side, special)
                if side.limit is not None:
                    side.end = side.limit.sentence
                    return side
                side.special += [(count, found) for found in special]
            if node.cosine > _EASY_COSINE and node.corrections <= _EASY_CORRECTIONS:
                ds = min(ds * _GROWTH, stepper.ds_max)
            side.nodes.append(node)
            intervals += len(node.orbit.mesh) - 1
            if self._closes(side.nodes, origin):
                side.closed, side.end = True, f"closed {self._what}: back at the start"
                side.nodes[-1] = start
                side.special = self._once(side.special, count)
                return side
            side.limit = self._limit(side.nodes)
            if side.limit is not None:
                side.end = side.limit.sentence
                return side
            if len(self._names) == 1 and endless(side.nodes, self._family.problem):
                side.end = f"the period grows without bound at {self._shown(node)}"
                return side
            known = upright and len(side.nodes) > _UPRIGHT_ORBITS[0]
            upright = upright and self._level(start, node)
            if known:
                # Which way the value turns is rounding, and so is that it leaves.
                side.special = [each for each in side.special if each[1].kind != "fold_of_cycles"]
                if not upright:
                    side.nodes.pop()
                    side.special = [each for each in side.special if each[0] < count]
                if not upright or len(side.nodes) > _UPRIGHT_ORBITS[1]:
                    side.end = f"stands upright at {self._shown(start)}: cycles of every size there"
                    return side
            since += 1
            origin = node
            if since >= _RENEWAL or not self._family.accurate(node):
                renewed = self._family.onward(node)
                if renewed is not None:
                    origin, since = renewed, 0
                size = self._family.scale(side.nodes[1].orbit.states, start.scale)
                if (np.abs(node.orbit.states) > _HUGE * size).any():
                    side.end = f"grows without bound at {self._shown(node)}"
                    return side
                if len(origin.orbit.mesh) > MOST and not self._family.accurate(origin):
                    place = self._shown(origin)
                    added = self._added(side.nodes)
                    side.end = (
                        f"{MOST} mesh intervals no longer resolve the orbit, at {place}{added}"
                    )
                    return side

    def _step(self, origin: Node, ds: float, *, turns: bool) -> tuple[Node | None, str]:
        """Return the next point, or None and what was wrong with a step of this length.

        The family may turn at once where it crosses another one: its direction there is known but
        for a share of the other's.
        """
        node = self._family.at(origin, ds, enough=ON_THE_WAY)
        crossed = None if node is None else self._crossed(origin, node)
        if node is not None and crossed is not None:
            which, edge, share = crossed
            change = origin.to(node.orbit)
            guess = Orbit(
                origin.orbit.mesh,
                origin.orbit.states + share * change.states,
                origin.orbit.free + share * change.free,
            )
            node = self._family.landing(origin, guess, edge, which)
        if node is None:
            return None, "step floor: Newton's method fails"
        if not turns and node.cosine < _LEAST_COSINE:
            return None, "step floor: the family has a corner"
        length, aside = ds, node.aside
        if crossed is not None:
            change = origin.to(node.orbit)
            length = origin.dot(origin.tangent, change)
            aside = origin.dot(change, change) - length**2
        if not 0.0 < length <= 1.01 * ds or (not turns and aside > (_LARGEST_CORRECTION * ds) ** 2):
            return None, "step floor: the family bends too sharply"
        if min(value for slot, value in self._scalars(node) if slot < 0) <= 0.0:
            return None, "the period vanishes"
        return (node if crossed is None else node.bent(origin, length)), ""

    def _grown(self, start: Node, node: Node, ds: float) -> Node:
        """Return the first orbit beside a Hopf point, as large as its value needs to differ.

        A state that is near 0 at the point makes the first steps tiny, and the value, even in what
        they are, rounding. Where longer ones show nothing either, it is the orbit that was given.
        """
        longer: Node | None = node
        for _ in range(_GROWTHS):
            if longer is None or longer.cosine < _EASY_COSINE:
                return node
            if not self._level(start, longer):
                return longer
            ds *= _FIRST_GROWTH
            longer, _reason = self._step(start, ds, turns=False)
        return node

    def _scalars(self, node: Node) -> list[tuple[int, float]]:
        return list(zip(self._family.problem.slots, node.orbit.free.tolist(), strict=True))

    def _crossed(self, origin: Node, node: Node) -> tuple[int, float, float] | None:
        """Return which edge a step crosses first, as scalar and value, and after which share."""
        first = None
        for k, (low, high) in enumerate(self._family.spans.tolist()):
            which = k - len(self._names)
            before, after = float(origin.orbit.free[which]), float(node.orbit.free[which])
            if low <= after <= high:
                continue
            edge = low if after < low else high
            share = (edge - before) / (after - before)
            if first is None or share < first[2]:
                first = which, edge, share
        return first

    def _edge(self, node: Node) -> str:
        """Return where the family leaves the span at a point, or an empty string."""
        for k, (name, (low, high)) in enumerate(
            zip(self._names, self._family.spans.tolist(), strict=True)
        ):
            which = k - len(self._names)
            value = float(node.orbit.free[which])
            edge = high if node.tangent.free[which] > 0.0 else low
            if abs(value - edge) <= _EDGE * (high - low):
                return f"{name} = {value:.6g}"
        return ""

    def _added(self, nodes: list[Node]) -> str:
        """Return how many swings the orbit has added to itself, from its fewest to its last."""
        last = swings(nodes[-1].orbit)
        k = int(np.argmax(last))
        # An orbit of no extent, where the family is born, counts as one that swings once.
        fewest = min(max(int(swings(node.orbit)[k]), 1) for node in nodes)
        if last[k] < fewest + _ADDED:
            return ""
        return (
            f"; on the way its turns have gone from {fewest} to {last[k]} swings each, one after "
            "the other, as bursts add spikes between pairs of folds"
        )

    def _floor(self, nodes: list[Node], reason: str) -> str:
        """Return why the steps became as short as they may."""
        return f"{reason} at {self._shown(nodes[-1])}"

    def _shown(self, node: Node) -> str:
        values = node.orbit.free[-len(self._names) :].tolist()
        return ", ".join(
            f"{name} = {value:.6g}" for name, value in zip(self._names, values, strict=True)
        )

    def _find(self, origin: Node, node: Node) -> list[Special]:
        """Return the special points within a step."""
        return Finder(self._family, origin).find(node)

    def _limit(self, nodes: list[Node], *, stuck: bool = False) -> Limit | None:
        """Return what the family tends to, if its period grows without bound."""
        return limit(nodes, self._family.problem, self._names[0], stuck=stuck)

    def _blurs(self, side: Side, found: list[Special]) -> Limit | None:
        """Return what the family tends to, if the turn that was found now is a blurred one."""
        ahead = [each.node for each in found if each.kind == "fold_of_cycles"]
        if not ahead:
            return None
        turns = [each.node for _, each in side.special if each.kind == "fold_of_cycles"]
        return spiral(side.nodes, [*turns, *ahead], self._family.problem, self._names[0])

    def _fades(self, origin: Node, node: Node) -> tuple[str, Origin | None] | None:
        """Return how the family ended within a step, or None.

        What fades changes its sign: behind the point the same orbits come again, shifted.
        """
        for kind, fading in self._fading.items():
            if fading(origin.orbit, node.orbit, origin.scale) > 0.0:
                continue
            a, b = (fading(each.orbit, each.orbit, origin.scale) for each in (origin, node))
            # The parameter is even in what fades.
            value = (origin.value * b - node.value * a) / (b - a) if a != b else node.value
            low, high = sorted((origin.value, node.value))
            margin = high - low
            value = min(max(value, low - margin), high + margin)
            if kind == "hopf" and len(self._names) == 1:
                problem = self._family.problem
                y, period = mean(origin.orbit.mesh, origin.orbit.states), origin.orbit.free[0]
                width = float(origin.free_scale[-1])
                value = hopf_near(problem, y, value, float(period), width)
            elif kind == "period_doubling" and len(self._names) == 1:
                value = self._doubled_from(origin, node, fading, value)
            shown = f"{self._names[-1]} = {value:.6g}"
            if len(self._names) > 1 and node.value != origin.value:
                share = (value - origin.value) / (node.value - origin.value)
                first, last = (float(each.orbit.free[-2]) for each in (origin, node))
                shown = f"{self._names[0]} = {first + share * (last - first):.6g}, {shown}"
            return f"{ENDS[kind]} at {shown}", Origin(kind, value)
        return None

    def _doubled_from(self, origin: Node, node: Node, fading: Fading, rough: float) -> float:
        """Return the parameter of the doubling that orbits fade into, located on what doubles.

        Where it is not found there, what was known.
        """
        change = origin.to(node.orbit)
        a, b = (fading(origin.orbit, each.orbit, origin.scale) for each in (origin, node))
        share, orbit = a / (a - b), origin.orbit
        passing = Orbit(
            orbit.mesh,
            orbit.states + share * change.states,
            orbit.free + share * change.free,
        )
        # What fades is odd in time: without it the mean of both halves is left.
        halves = [passing.at((orbit.nodes + k) / 2.0) for k in range(2)]
        free = passing.free.copy()
        free[0] /= 2.0
        once = from_orbit(self._family, Orbit(orbit.mesh, (halves[0] + halves[1]) / 2.0, free))
        if once is None:
            return rough
        length = origin.dot(origin.tangent, change)
        special = Finder(self._family, once).near("period_doubling", length)
        return rough if special is None else special.node.value

    def _level(self, start: Node, node: Node) -> bool:
        """Return whether the parameter is what it was at the start."""
        away = abs(node.value - start.value) / float(start.free_scale[-1])
        return len(self._names) == 1 and away <= _UPRIGHT

    def _mark(self, node: Node) -> tuple[Array, Array]:
        """Return what tells an orbit from others wherever it begins, and its units."""
        return node.orbit.mark, np.concatenate([node.scale, node.scale, node.free_scale])

    def same(self, a: Node, b: Node) -> bool:
        """Return whether two orbits are one, wherever they begin."""
        mark, unit = self._mark(b)
        return bool(np.abs((self._mark(a)[0] - mark) / unit).max() <= _SAME)

    def _once(self, special: list[tuple[int, Special]], last: int) -> list[tuple[int, Special]]:
        """Return the special points of a closed family but those met again in its last step."""

        def again(late: Special) -> bool:
            return any(
                early.kind == late.kind and k < last and self.same(early.node, late.node)
                for k, early in special
            )

        return [(k, each) for k, each in special if k < last or not again(each)]

    def _closes(self, nodes: list[Node], origin: Node) -> bool:
        """Return whether the last step, from an origin, passes the first orbit in its direction."""
        if len(nodes) < 4:
            return False
        first, second, before, last = (self._mark(node)[0] for node in (*nodes[:2], *nodes[-2:]))
        unit = self._mark(nodes[-1])[1]
        step, offset = (last - before) / unit, (first - before) / unit
        square = float(step @ step)
        if square == 0.0:
            return False
        share, length = float(offset @ step) / square, math.sqrt(square)
        if not (0.0 < share <= 1.0 and float(step @ ((second - first) / unit)) > 0.0):
            return False
        aside = float(np.linalg.norm(offset - share * step))
        if not _CLOSURE * length < aside <= _NEARLY_CLOSED * length:
            return aside <= _CLOSURE * length
        # The chord of a step that bends passes beside what the family goes through.
        reach = origin.dot(origin.tangent, origin.to(nodes[-1].orbit))
        for _ in range(_CLOSER):
            there = self._family.at(origin, share * reach, sharp=False)
            if there is None:
                return False
            gap = (first - self._mark(there)[0]) / unit
            if float(np.linalg.norm(gap)) <= _CLOSURE * length:
                return True
            share = min(max(share + float(gap @ step) / square, 0.0), 1.0)
        return False
