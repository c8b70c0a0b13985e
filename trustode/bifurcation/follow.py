"""Walk along a branch: step control, what ends it, and the special points on the way.

Imports the arclength and special points of this folder.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ..errors import SolveError, Status
from .arclength import ArcLength, Curve, Node
from .special import Finder, Special, Unclear
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


@dataclass
class Side:
    """What was found in one direction."""

    nodes: list[Node]
    special: list[tuple[int, Special]] = field(default_factory=list)
    end: str = ""
    closed: bool = False


class Follower:
    """Walks along a branch from a start, one direction after the other."""

    def __init__(self, system: System, stepper: ArcLength, low: float, high: float) -> None:
        self._system, self._stepper = system, stepper
        self._low, self._high = low, high
        self._curve = Curve(system, high - low)
        bounds = system.model.bounds
        pairs = [bounds.get(name, (-math.inf, math.inf)) for name in system.model.states]
        self._bounds = np.array(pairs)

    def both(self, x: Array) -> tuple[Side, Side]:
        """Return the two sides of the branch through a point."""
        node = self._curve.start(x, self._curve.scale(x[:-1]))
        if node is None:
            raise SolveError(
                f"{self._system.where}: the branch has no tangent at the start, {self._system.free}"
                f" = {x[-1]:g}. Start away from a branch point; a model with a conserved quantity "
                "has no isolated equilibria",
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
                if node is None or abs(node.tangent[-1]) <= _TURNING or self.outside(node):
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
        while not side.end:
            origin = side.nodes[-1]
            if self._leaves(origin):
                side.end = f"span reached, {name} = {origin.x[-1]:.6g}"
                break
            if len(side.nodes) > stepper.max_steps:
                side.end = f"step limit, {stepper.max_steps} at {name} = {origin.x[-1]:.6g}"
                break
            floor = ds < 2.0 * stepper.ds_min
            node, reason = self._step(side, origin, ds, settle=floor)
            if node is None:
                if floor:
                    side.end = f"{reason} at {name} = {origin.x[-1]:.6g}"
                    break
                ds = max(ds / 2.0, stepper.ds_min)
                continue
            easy = float(node.tangent @ origin.tangent) > _EASY_COSINE
            if easy and node.corrections <= _EASY_CORRECTIONS:
                ds = min(ds * _GROWTH, stepper.ds_max)
            scale = self._curve.scale(node.x[:-1], node.scale)
            side.nodes.append(node.rescaled(scale))
        return side

    def _step(
        self, side: Side, origin: Node, ds: float, *, settle: bool
    ) -> tuple[Node | None, str]:
        """Return the next point, or None and what was wrong with a step of this length."""
        node = self._curve.at(origin, ds)
        if node is not None and not self._low <= node.x[-1] <= self._high:
            edge = self._low if node.x[-1] < self._low else self._high
            node = self._curve.landing(origin, node, edge)
        if node is None:
            return None, "step floor: Newton's method fails"
        if float(node.tangent @ origin.tangent) < _LEAST_COSINE:
            return None, "step floor: the branch has a corner"
        length = float(origin.tangent @ ((node.x - origin.x) / origin.scale))
        predicted = origin.x + length * origin.tangent * origin.scale
        if not 0.0 < length <= 1.01 * ds or node.distance(predicted) > _LARGEST_CORRECTION * ds:
            return None, "step floor: the branch bends too sharply"
        outside = self.outside(node)
        if outside:
            return None, f"left the bounds, {outside}"
        first = side.nodes[0]
        closing = len(side.nodes) > 2 and self._passes(first, origin, length)
        if closing:
            node = first.rescaled(origin.scale)
        try:
            found = Finder(self._curve, origin, settle=settle).find(node)
        except Unclear:
            return None, "step floor: a change of stability could not be explained"
        side.special += [(len(side.nodes) - 1, each) for each in found]
        if closing:
            side.closed, side.end = True, "closed branch: back at the start"
        return node, ""

    def _leaves(self, node: Node) -> bool:
        """Return whether the branch leaves the span at a point."""
        width = self._high - self._low
        outward = math.copysign(1.0, node.tangent[-1])
        edge = self._high if outward > 0 else self._low
        return bool(abs(node.x[-1] - edge) <= _EDGE * width)

    def outside(self, node: Node) -> str:
        """Return the first state that is outside its bounds, in words, or an empty string."""
        margin = _EDGE * node.scale[:-1]
        y = node.x[:-1]
        wrong = (y < self._bounds[:, 0] - margin) | (y > self._bounds[:, 1] + margin)
        if not wrong.any():
            return ""
        k = int(np.argmax(wrong))
        edge = self._bounds[k, 0] if y[k] < self._bounds[k, 0] else self._bounds[k, 1]
        return f"{self._system.model.states[k]} = {edge:g}"

    def _passes(self, first: Node, origin: Node, length: float) -> bool:
        """Return whether a step passes the start of the branch, in its direction."""
        offset = (first.x - origin.x) / origin.scale
        along = float(offset @ origin.tangent)
        if not 0.0 < along <= length:
            return False
        there = self._curve.at(origin, along)
        if there is None or float(there.tangent @ first.rescaled(origin.scale).tangent) <= 0.0:
            return False
        return bool(there.distance(first.x) <= _CLOSURE * length)
