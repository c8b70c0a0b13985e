"""A fold of cycles as parameters change, solved for on the orbit alone.

The parameter's share of the family's tangent vanishes at a fold. Newton's method on the orbit,
and at the same time the secant method on that share, take linear equations that are half as many
a point as those of the orbit together with the vector it carries: an eighth of the work. Imports
the movable points of this folder.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..compile import compile
from .movable import (
    LEAST_OF_CYCLES,
    SHARE,
    STALE,
    Anchor,
    MovableCycle,
)
from .periodic.collocation import PERIOD, Conditions, Direction, Orbit, Problem, inner
from .periodic.family import Family, Node
from .periodic.floquet import Multipliers

#: First length along the family, the last one, the farthest, and how many steps there may be.
_FIRST, _LAST, _FARTHEST, _STEPS = 1e-3, 5e-7, 0.5, 10
#: What Newton's method has moved an orbit by in the last step; what is left is its square.
_CLOSE = 1e-6
#: A step below this says nothing on how the family bends.
_TELLING = 1e-4


class MovableFold(MovableCycle):
    """A fold of cycles; parameters as in `MovableCycle`, its kind first."""

    _family: Family | None = None
    _bend = 0.0
    _plain: Node | None = None

    def _corrected(self, guess: Orbit, before: Orbit, anchor: Anchor) -> tuple[Orbit, bool] | None:
        """Return the critical orbit near a guess, and whether the guess was a poor one."""
        self._plain = None
        first = self._bend == 0.0
        found = self._by_secants(guess, before, anchor)
        if found is None or first:
            # Where the bend all but vanishes, and to learn the sense in which it is crossed.
            self._plain = None
            found = super()._corrected(guess, before, anchor)
        return found

    def _by_secants(self, guess: Orbit, before: Orbit, anchor: Anchor) -> tuple[Orbit, bool] | None:
        """Return the same from the orbit alone."""
        isolated, n = self._isolated, self._isolated.n
        if self._family is None:
            own = Problem(
                compile(isolated.model).functions,
                isolated.problem.p[:-1],
                isolated.problem.u,
                [PERIOD, isolated.slot],
            )
            self._family = Family(own, isolated.spans, isolated.halves)
        family = self._family
        family.problem.p[:], family.problem.u[:] = isolated.problem.p[:-1], isolated.problem.u
        origin = self._origin(family, guess, anchor)
        conditions, orbit = family.conditions(origin, 0.0), origin.orbit
        target = conditions.target.copy()
        right = np.zeros((2, orbit.states.size + 2))
        right[1, -1] = 1.0
        last, bend = (math.inf, 0.0), self._bend
        for count in range(_STEPS):
            conditions = Conditions(conditions.rows, conditions.rows_free, target)
            right[0, -2:] = conditions.gap(orbit)
            solved = family.problem.solve(orbit, conditions, right)
            if solved is None:
                return None
            step, along = solved.steps
            share = float(along.free[-1] / origin.free_scale[-1])
            # The first orbit is a guess, of which the family's bend is not to be read.
            if count > 1 and abs(last[0]) > _TELLING:
                bend = (share - last[1]) / last[0]
            ahead = -share / bend if bend else _FIRST
            if not abs(ahead) < _FARTHEST:
                return None
            size = max(
                float(np.abs(step.states / origin.scale).max()),
                float(np.abs(step.free / origin.free_scale).max()),
            )
            states = orbit.states + step.states + ahead * along.states
            orbit = Orbit(orbit.mesh, states, orbit.free + step.free + ahead * along.free)
            target = target + np.array([0.0, ahead])
            last = ahead, share
            if bend and size <= _CLOSE and abs(ahead) <= _LAST:
                break
        else:
            return None
        # Behind a cusp the other fold bends the other way.
        if bend * self._bend < 0.0:
            return None
        self._bend = bend
        there = replace(origin, orbit=orbit, tangent=along, pair=solved.pair)
        node = self._plain = replace(there, volume=solved.volume)
        orbit = self._carrying(node, guess, anchor)
        scale, free_scale = anchor.node.scale, anchor.node.free_scale
        way, missed = (
            max(
                float(np.abs((orbit.states - other.states)[:, :n] / scale[:n]).max()),
                float(np.abs((orbit.free - other.free)[[0, -1]] / free_scale[[0, -1]]).max()),
            )
            for other in (before, guess)
        )
        if missed > max(SHARE * way, LEAST_OF_CYCLES):
            return None
        return orbit, missed > STALE * way

    def _origin(self, family: Family, guess: Orbit, anchor: Anchor) -> Node:
        """Return a guess as an orbit of the family, its vector as the tangent."""
        n = self._isolated.n
        orbit = Orbit(guess.mesh, np.ascontiguousarray(guess.states[:, :n]), guess.free[[0, -1]])
        scale, free_scale = anchor.node.scale[:n], anchor.node.free_scale[[0, -1]]
        vector = np.ascontiguousarray(guess.states[:, n:])
        period = np.array([guess.free[1] * guess.free[0], 0.0])
        length = math.sqrt(
            inner(orbit.mesh, vector, vector, scale) + float(((period / free_scale) ** 2).sum())
        )
        pair = np.stack([np.eye(n), -np.eye(n)])
        tangent = Direction(vector / length, period / length)
        return Node(orbit, tangent, scale, free_scale, pair, 1.0, 0.0, 0)

    def _carrying(self, node: Node, guess: Orbit, anchor: Anchor) -> Orbit:
        """Return an orbit with the vector it carries."""
        scale = anchor.node.scale[: self._isolated.n]
        states, free = node.orbit.states, node.orbit.free
        vector, own = node.tangent.states, float(node.tangent.free[0]) / float(free[0])
        size = math.sqrt(inner(node.orbit.mesh, vector, vector, scale))
        both = np.ascontiguousarray(np.hstack([states, vector / size]))
        return Orbit(guess.mesh, both, np.array([free[0], own / size, free[1]]))

    def _multipliers(self, node: Node) -> Multipliers:
        """Return the multipliers, which what found the orbit may know."""
        if self._plain is None or self._plain.orbit.mesh is not node.orbit.mesh:
            return super()._multipliers(node)
        return self._plain.multipliers
