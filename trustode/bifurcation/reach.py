"""Every branch of equilibria that can be reached: from many starts, and at branch points.

Imports the continuation and branching of this folder.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from ..errors import SolveError
from ..journal import Journal
from .arclength import ArcLength, Curve, Node
from .branching import Crossing, crossing
from .equilibria import ordered_eigenvalues, undecided
from .follow import Follower, Side
from .special import Special
from .system import Array, System

#: Two points nearer than this, in scaled variables, are one.
SAME = 1e-6
#: How far from a chord, as a share of its length, a point of the curve may lie.
_BULGE = 0.5
#: Segments of a branch that are asked whether a point lies on them.
_ASKED = 6
#: A branch that stops this near to a branch point, at a corner of the equations, has reached it.
_NEXT = 1e-4
#: Shortenings of the first step away from a branch point.
_SHORTENINGS = 6
#: Least cosine between the first tangent of a new branch and what was predicted.
_AHEAD = 0.9
#: Share of the parameter in a tangent, or of the span in a branch, that is none.
_FLAT = 1e-9
#: More branches than this come from a degenerate model.
_MOST = 100
#: A first step may end this much farther from a branch point than was asked for.
_FAR = 2.0


class Track:
    """A branch as it was walked, and the question whether a point lies on it."""

    def __init__(self, forward: Side, backward: Side) -> None:
        self.forward, self.backward = forward, backward
        pairs = [(a, b) for side in (forward, backward) for a, b in pairwise(side.nodes)]
        self._origins = [a for a, _ in pairs]
        self._x = np.array([a.x for a, _ in pairs])
        self._tangent = np.array([a.tangent for a, _ in pairs])
        self._scale = np.array([a.scale for a, _ in pairs])
        lengths = [float(a.tangent @ ((b.x - a.x) / a.scale)) for a, b in pairs]
        self._length = np.array(lengths)

    def __len__(self) -> int:
        return len(self._origins) + 1

    @property
    def extent(self) -> float:
        """Distance between its least and its largest value of the parameter."""
        return float(
            np.ptp([node.x[-1] for s in (self.forward, self.backward) for node in s.nodes])
        )

    @property
    def special(self) -> list[Special]:
        """Special points of both sides."""
        return [each for side in (self.forward, self.backward) for _, each in side.special]

    def holds(self, curve: Curve, x: Array) -> bool:
        """Return whether a point of the curve lies on this branch."""
        if not self._origins:
            return False
        offset = (x - self._x) / self._scale
        along = np.einsum("ij,ij->i", offset, self._tangent)
        aside = np.sqrt(np.maximum(np.einsum("ij,ij->i", offset, offset) - along**2, 0.0))
        near = (along >= -SAME) & (along <= self._length + SAME)
        near &= aside <= _BULGE * self._length + SAME
        candidates = np.flatnonzero(near)
        for k in candidates[np.argsort(aside[candidates])][:_ASKED]:
            origin = self._origins[k]
            there = curve.at(origin, float(along[k]))
            if there is not None and there.distance(x) <= SAME:
                return True
        return False


class Reach:
    """Collects branches.

    Parameters
    ----------
    system : System
        With a free parameter.
    stepper : ArcLength
    low, high : float
        Span of the parameter.
    journal : Journal, optional
        Keeps the branches that a start leads to.
    """

    def __init__(
        self,
        system: System,
        stepper: ArcLength,
        low: float,
        high: float,
        journal: Journal | None = None,
    ) -> None:
        self._system, self._stepper = system, stepper
        self._low, self._high = low, high
        self._curve = Curve(system, high - low)
        self._follower = Follower(system, stepper, low, high)
        self._switched: list[Array] = []
        self._journal = journal or Journal()
        self.tracks: list[Track] = []

    def known(self, x: Array) -> bool:
        """Return whether a point lies on a branch that was followed."""
        return any(track.holds(self._curve, x) for track in self.tracks)

    def beside(self, x: Array) -> Node | None:
        """Return a point beside a branch point, on the branch that changes most with the parameter.

        Parameters
        ----------
        x : ndarray, shape (n_state + 1,)

        Returns
        -------
        Node or None
            None if no branch can be followed away from there.
        """
        found = self._away(x, crossing(self._system, x, self._curve.scale(x[:-1])))
        return max(found, key=lambda node: abs(float(node.tangent[-1])), default=None)

    def start(self, x: Array) -> None:
        """Follow the branch through an equilibrium, and all that cross it."""
        n, m = len(self.tracks), len(self._switched)

        def follow() -> tuple[list[tuple[Side, Side]], list[Array]]:
            waiting = self._follow(x)
            while waiting:
                point = waiting.pop(0)
                for node in self._away(*point):
                    waiting += self._follow(node.x, node.scale)
            return [(each.forward, each.backward) for each in self.tracks[n:]], self._switched[m:]

        sides, switched = self._journal(("equilibria", x), follow)
        if len(self.tracks) == n:
            self.tracks += [Track(*each) for each in sides]
            self._switched[m:] = switched

    def _follow(self, x: Array, scale: Array | None = None) -> list[tuple[Array, Crossing]]:
        """Follow a branch that is not known yet; return its new branch points."""
        if len(self.tracks) >= _MOST or self.known(x):
            return []
        try:
            track = Track(*(self._arrived(side) for side in self._follower.both(x, scale)))
        except SolveError:
            # No tangent: the start is itself a point where branches cross.
            found = [(x, crossing(self._system, x, self._curve.scale(x[:-1])))]
        else:
            # A line of equilibria at one value of the parameter is no branch.
            if len(track) > 1 and track.extent > _FLAT * (self._high - self._low):
                self.tracks.append(track)
            found = [(each.x, each.crossing) for each in track.special if each.crossing is not None]
        new = []
        for at, cross in found:
            if all(np.abs((at - other) / cross.scale).max() > SAME for other in self._switched):
                self._switched.append(at)
                new.append((at, cross))
        return new

    def _arrived(self, side: Side) -> Side:
        """Return a side that stops next to a known branch point, with that as its last point.

        Where the equations have corners no step leads onto the point itself.
        """
        last = side.nodes[-1]
        if not self._system.has_corners or not side.end.startswith("step floor"):
            return side
        for x in self._switched:
            if 0.0 < last.distance(x) <= _NEXT:
                values = ordered_eigenvalues(self._system.jac(x))
                count = int(np.sum(values.real > undecided(values)))
                side.nodes.append(
                    replace(last, x=x, eigenvalues=values, n_unstable=count, is_stable=False)
                )
                side.end = f"branch point at {self._system.free} = {x[-1]:.6g}"
                break
        return side

    def _away(self, x: Array, cross: Crossing) -> list[Node]:
        """Return a point on each side of each branch through a branch point."""
        found: list[Node] = []
        for direction in cross.directions:
            origin = Node.pointing(x, direction, cross.scale)
            for sign in (1.0, -1.0):
                node = self._first(origin, sign, simple=cross.simple)
                if node is not None and not any(each.distance(node.x) <= SAME for each in found):
                    found.append(node)
        return found

    def _first(self, origin: Node, sign: float, *, simple: bool) -> Node | None:
        """Return the first point of a branch that leaves a branch point, if it can be had."""
        ds = self._stepper.ds
        for _ in range(_SHORTENINGS if simple else 1):
            node = self._curve.at(origin, sign * ds)
            if node is not None and node.distance(origin.x) <= _FAR * ds:
                # Of many directions one is right if the branch runs away from the point.
                away = (node.x - origin.x) / origin.scale
                ahead = origin.tangent if simple else away / np.linalg.norm(away)
                if abs(float(node.tangent @ ahead)) >= _AHEAD:
                    inside = self._low <= node.x[-1] <= self._high and node.outside < 0
                    # A line of equilibria at one value of the parameter is no branch.
                    flat = abs(node.tangent[-1]) <= _FLAT
                    return node if inside and not flat else None
            ds /= 4.0
        return None
