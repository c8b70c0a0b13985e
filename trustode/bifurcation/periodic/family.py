"""A family of periodic orbits as a curve: its points, and steps from one to the next.

Imports the collocation and multipliers of this folder.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..._collocation import bend as _bend
from ..._core import Functions
from ...model import Model
from .collocation import (
    CLOSE,
    PERIOD,
    POINTS,
    Array,
    Conditions,
    Corrected,
    Direction,
    Orbit,
    Problem,
    basis,
    inner,
    interpolated,
    interpolation_error,
)
from .floquet import Multipliers, along, looked_at, multipliers

#: Error of interpolation, in scales, that a mesh should have; at the mesh's own points the
#: orbit is then far more accurate.
MESH_TOLERANCE = 3e-6
#: Fewest and most intervals of a mesh.
FEWEST, MOST = 20, 400
#: Smallest share of the largest state's size that a state's size counts as.
_SMALLEST_SHARE = 1e-6
#: Meshes whose first orbits are remembered.
_REFERENCES = 8
#: Sizes below this say nothing.
_NOTHING = 1e-12
#: Share of the tangent below which the parameter stands still; and error of the multiplier that
#: is 1 up to which an orbit on the way is good enough for its multipliers.
_STANDING, _BLURRED = 1e-7, 1e-6
#: How much finer a mesh is, at most, that is to clear multipliers; by how much more than they need;
#: and how much clearer they have to become.
_FINER, _MARGIN, _CLEARER = 2.0, 4.0, 0.5
#: A correction that is enough for an orbit on the way.
ON_THE_WAY = 1e-8
#: Errors of a point that is only stepped from are the square of this, at most, in scales.
_ONWARD = 1e-4
#: A state that goes down to this share of its largest value all but vanishes.
_VANISHING = 1e-6
#: Places along an orbit at which is looked whether a state that is 0 stays so.
_LOOKS = 8
#: A direction that is not known.
_NONE = (None, None)
#: A state's extent is at least this share of its size, where errors are measured in it.
_LEAST_EXTENT = 1e-3
#: Share of its size that an orbit's extent has at least, to give the phase by its own speed.
_FLAT = 1e-9


@dataclass(eq=False)
class Node:
    """A point of a family of periodic orbits.

    Attributes
    ----------
    orbit : Orbit
    tangent : Direction
        Of unit length in scaled variables.
    scale, free_scale : ndarray, shapes (n_state,) and (n_free,)
        What scaled variables are measured in.
    pair : ndarray, shape (2, n_state, n_state)
        See `collocation.Solved`.
    sign, size : float
        Sign and logarithm of the determinant of the equations bordered by the tangent.
    corrections : int
        Newton steps that were taken to reach it.
    bend : pair of Direction or None
        Second and third derivatives of the orbit with length, if they are known.
    volume : float
        Logarithm of the product of its multipliers, by Liouville's formula; NaN if not known.
    known : Multipliers or None
        Its multipliers, where the pair may not tell.
    cosine, aside : float
        Of the angle between its tangent and that of the point before; and the square of its
        distance from the latter, where it was reached by a step of a given length.
    """

    orbit: Orbit
    tangent: Direction
    scale: Array
    free_scale: Array
    pair: Array
    sign: float
    size: float
    corrections: int
    bend: tuple[Direction, Direction] | None = None
    volume: float = math.nan
    known: Multipliers | None = None
    cosine: float = 1.0
    aside: float = 0.0

    @cached_property
    def multipliers(self) -> Multipliers:
        """Floquet multipliers."""
        return self.known or multipliers(self.pair, self.volume)

    @property
    def value(self) -> float:
        """Value of the last free scalar, the parameter of the family."""
        return float(self.orbit.free[-1])

    @cached_property
    def parts(self) -> tuple[Array | None, ...]:
        """What the C core takes of it, the mesh first."""
        orbit, tangent = self.orbit, self.tangent
        second, third = self.bend or (_NONE, _NONE)
        return (
            *(orbit.mesh, orbit.states, orbit.free, *tangent, *second, *third),
            *(self.scale, self.free_scale),
        )

    def reversed(self) -> Node:
        """Return the same point looking the other way."""
        # What changes its sign with the direction it is measured in turns too.
        bend = self.bend
        if bend is not None:
            bend = bend[0], -bend[1]
        return self._changed(tangent=-self.tangent, sign=-self.sign, bend=bend)

    def dot(self, a: Direction, b: Direction) -> float:
        """Return the product of two directions in scaled variables."""
        states = inner(self.orbit.mesh, a.states, b.states, self.scale)
        return states + float((a.free / self.free_scale) @ (b.free / self.free_scale))

    def bent(self, before: Node, length: float) -> Node:
        """Return the same point, with derivatives from a step of a length on another's tangent."""
        orbit, first = self.orbit, before.orbit
        states = _bend(
            length,
            self.cosine,
            first.states,
            before.tangent.states,
            orbit.states,
            self.tangent.states,
        )
        free = _bend(
            length, self.cosine, first.free, before.tangent.free, orbit.free, self.tangent.free
        )
        return self._changed(bend=tuple(map(Direction, states, free)))

    def to(self, orbit: Orbit) -> Direction:
        """Return the direction to an orbit on the same mesh."""
        return Direction(orbit.states - self.orbit.states, orbit.free - self.orbit.free)

    def looking(self, other: Node) -> Node:
        """Return the same point with the tangent of a neighbour on any mesh."""
        states = interpolated(other.orbit.mesh, other.tangent.states, self.orbit.nodes)
        tangent = Direction(states, other.tangent.free)
        length = math.sqrt(self.dot(tangent, tangent))
        unit = Direction(tangent.states / length, tangent.free / length)
        return self._changed(tangent=unit)

    def told(self, found: Multipliers) -> Node:
        """Return the same point with multipliers that are known better than by its pair."""
        return self._changed(known=found, multipliers=found)

    def _changed(self, **changes: Any) -> Node:
        """Return the same orbit with something else changed, its multipliers kept if known."""
        # As `dataclasses.replace`, in a third of its time, and with what is remembered.
        made = object.__new__(Node)
        made.__dict__.update(self.__dict__)
        made.__dict__.pop("parts", None)
        made.__dict__.update(changes)
        return made


class FamilyPlan(NamedTuple):
    """What makes a family of a model's compiled functions; see `Family` and `Problem`."""

    p: Array
    u: Array
    slots: tuple[int, ...]
    spans: Array
    half: Array
    intervals: int | None


class Family:
    """Periodic orbits along a curve of parameters.

    Parameters
    ----------
    problem : Problem
        Its last free scalars are the parameters of the family.
    spans : ndarray, shape (n_parameter, 2)
        Ends of these parameters, whose distances are their units of length.
    half : ndarray, shape (n_state,)
        Half the widths of the states' bounds, or infinity.
    intervals : int or None
        Intervals of every mesh; None lets their number follow the orbit.
    """

    def __init__(
        self, problem: Problem, spans: Array, half: Array, intervals: int | None = None
    ) -> None:
        self.problem = problem
        self.spans = spans
        self.intervals = intervals
        self._half = half
        self._references: dict[int, Orbit] = {}
        #: The last condition against a shift, with the reference and the scale it was made for.
        self._phase: tuple[Orbit, Array, Array] | None = None
        #: The conditions at the last origin, whose steps differ in their length alone.
        self._last: tuple[Node, Conditions] | None = None
        #: Whether a state that is 0 stays so, of those that were asked for.
        self._none: dict[int, bool] = {}
        #: Pieces along which the variational equations were solved so far: what multipliers cost.
        self.pieces = 0

    def plan(self) -> FamilyPlan:
        """Return all but the compiled functions."""
        problem = self.problem
        return FamilyPlan(
            problem.p, problem.u, problem.slots, self.spans, self._half, self.intervals
        )

    @classmethod
    def of(cls, functions: Functions, plan: FamilyPlan) -> Family:
        """Return the family that a plan describes."""
        problem = Problem(functions, plan.p, plan.u, plan.slots)
        return cls(problem, plan.spans, plan.half, plan.intervals)

    # ------------------------------------------------------------------ measures

    def scale(self, states: Array, before: Array | None = None) -> Array:
        """Return the size of each state along an orbit, no smaller than before."""
        size = np.abs(states).max(axis=0)
        if before is None:
            initial = np.asarray(self.problem.functions.initial(self.problem.p))
            size = np.maximum(size, np.abs(initial[: len(size)]))
            size[size <= _NOTHING] = 1.0
        else:
            size = np.maximum(size, before)
        size = np.maximum(size, _SMALLEST_SHARE * size.max())
        half = self._half[: len(size)]
        return np.asarray(np.where(np.isfinite(half), half, size))

    def free_scale(self, free: Array) -> Array:
        """Return the size of each free scalar."""
        period = abs(float(free[self.problem.slots.index(PERIOD)]))
        scale = np.full(len(free), 2.0 * math.pi / period)
        scale[self.problem.slots.index(PERIOD)] = period
        scale[-len(self.spans) :] = self.spans[:, 1] - self.spans[:, 0]
        return scale

    # ------------------------------------------------------------------ conditions

    def phase(self, orbit: Orbit, scale: Array, along: Array) -> tuple[Array, float]:
        """Return the condition that an orbit is not shifted against a reference.

        `along` are node values whose derivative gives the direction of a shift: the orbit's own
        states, or, where it is a point, the direction in which it grows.
        """
        known, mesh = basis(), orbit.mesh
        size = math.sqrt(known.pieces.form(known.stiff, -1, mesh, scale, along, along))
        row = known.pieces.row(known.shift, 0, mesh, scale, along)
        row /= size
        return row, float(np.vdot(row, orbit.states))

    def reference(self, orbit: Orbit) -> Orbit:
        """Return the first orbit that was asked for on the same mesh.

        Conditions that fix what is arbitrary refer to it, so that neighbours and their tangents
        are fixed in the same way.
        """
        known = self._references.get(id(orbit.mesh))
        if known is None or known.mesh is not orbit.mesh:
            known = self._references[id(orbit.mesh)] = orbit
            while len(self._references) > _REFERENCES:
                del self._references[next(iter(self._references))]
        return known

    def conditions(self, origin: Node, s: float) -> Conditions:
        """Return phase and length s along the tangent as conditions."""
        orbit, reference = origin.orbit, self.reference(origin.orbit)
        rows = np.empty((len(orbit.free), *orbit.states.shape))
        rows[:-1] = self._against_shift(origin, reference)
        conditions = self.problem.length(origin.parts, rows)
        conditions.target[-1] += s
        return conditions

    def _against_shift(self, origin: Node, reference: Orbit) -> Array:
        """Return the condition that an orbit is not shifted against a reference."""
        known = self._phase
        if known is not None and known[0] is reference and known[1] is origin.scale:
            return known[2]
        extent = np.ptp(reference.states, axis=0) / origin.scale
        moves = extent.max() > _FLAT
        along = reference.states if moves else origin.tangent.states
        row, _ = self.phase(origin.orbit, origin.scale, along)
        self._phase = (reference, origin.scale, row) if moves else None
        return row

    def fixed(self, origin: Node, value: float, which: int = -1) -> Conditions:
        """Return phase and the value of a free scalar as conditions."""
        rows, free, target = self.conditions(origin, 0.0)
        rows[-1], free[-1] = 0.0, 0.0
        free[-1, which], target[-1] = 1.0, value
        return Conditions(rows, free, target)

    # ------------------------------------------------------------------ points

    def node(self, corrected: Corrected | None, origin: Node) -> Node | None:
        """Return a solved orbit as a point, its tangent along the origin's."""
        if corrected is None:
            return None
        orbit, tangent, pair, sign, logarithm, volume, count = corrected
        size = math.sqrt(origin.dot(tangent, tangent))
        if not 0.0 < size < math.inf:
            return None
        forward = origin.dot(tangent, origin.tangent)
        turn = math.copysign(1.0 / size, forward)
        tangent = Direction(turn * tangent.states, turn * tangent.free)
        # The determinant is linear in its last row, whose product with the tangent is 1 / size.
        return Node(
            orbit,
            tangent,
            origin.scale,
            origin.free_scale,
            pair,
            sign * math.copysign(1.0, forward),
            logarithm + math.log(size),
            count,
            volume=volume,
            cosine=abs(forward) / size,
        )

    def sharp(
        self, node: Node, conditions: Conditions, s: float = 0.0, enough: float = CLOSE
    ) -> Node:
        """Return a solved orbit whose multipliers are known as well as they can be.

        The last condition's target lies s farther. The pair of matrices is that of Newton's last
        step but one, and where small errors of an orbit grow much along it the multipliers show
        it. Where a correction below more than `CLOSE` was enough, the orbit stays as it is.
        """
        if node.multipliers.sure:
            return node
        if enough > CLOSE:
            known = self.clear(node)
            if known.multipliers.trivial_error <= _BLURRED:
                return known
        target = conditions.target.copy()
        target[-1] += s
        corrected = self.problem.correct(
            node.orbit, conditions._replace(target=target), node.scale, node.free_scale
        )
        if corrected is not None:
            node = replace(
                node, orbit=corrected.orbit, pair=corrected.pair, volume=corrected.volume
            )
        return self.clear(node)

    def clear(self, node: Node) -> Node:
        """Return the same orbit with its multipliers known as well as they can be."""
        return node if node.multipliers.sure else self._refined(self._measured(node))

    def _refined(self, node: Node) -> Node:
        """Return a point whose multipliers are those on a finer mesh, where its own blurs them."""
        finer = node
        while (blur := node.multipliers.trivial_error) > _BLURRED:
            # Errors at the mesh's points are of this order.
            share = (_MARGIN * blur / _BLURRED) ** (1.0 / (2 * POINTS))
            intervals = math.ceil(min(share, _FINER) * (len(finer.orbit.mesh) - 1))
            solved = (
                self.at(self.remeshed(finer, intervals), 0.0, sharp=False)
                if intervals <= MOST
                else None
            )
            if solved is None:
                break
            finer = self._measured(solved)
            found = finer.multipliers
            if not (found.sure and found.trivial_error < max(_CLEARER * blur, _BLURRED)):
                break
            node = node.told(found)
        return node

    def _measured(self, node: Node) -> Node:
        """Return a point whose multipliers come from the variational equations' own solutions."""
        maps = self.problem.maps(node.orbit)
        self.pieces += 0 if maps is None else len(maps[0])
        found = None if maps is None else along(*maps)
        if found is None:
            return node
        pair = node.multipliers
        if self.intervals is not None and pair.trivial_error <= _BLURRED:
            # On a mesh that is given, the pair knows best the multiplier that is 1.
            values = np.append(pair.values[:1], found.others)
            found = looked_at(values)._replace(sure=True)
        return node.told(found)

    def stands(self, node: Node) -> bool:
        """Return whether the parameter all but stands still at a point, as among canards."""
        return bool(abs(node.tangent.free[-1] / node.free_scale[-1]) < _STANDING)

    def at(
        self, origin: Node, s: float, *, sharp: bool = True, enough: float = CLOSE
    ) -> Node | None:
        """Return the point whose projection on the origin's tangent is at length s.

        `sharp` asks for the multipliers as well as they can be known; a correction below
        `enough` is the last.
        """
        if self._last is None or self._last[0] is not origin:
            self._last = origin, self.conditions(origin, 0.0)
        conditions = self._last[1]
        status, *found = self.problem.advance(origin.parts, s, conditions, enough)
        if status != 0:
            return None
        states, free, ahead, free_ahead, *bend, pair, sign, size, volume, corrections = found[:-2]
        node = Node(
            Orbit(origin.orbit.mesh, states, free),
            Direction(ahead, free_ahead),
            origin.scale,
            origin.free_scale,
            pair,
            sign,
            size,
            corrections,
            origin.bend if s == 0.0 else (Direction(*bend[:2]), Direction(*bend[2:])),
            volume,
            None,
            *found[-2:],
        )
        if not sharp or len(self.spans) > 1:
            return node
        return self.sharp(node, conditions, s, enough)

    def landing(self, origin: Node, guess: Orbit, value: float, which: int = -1) -> Node | None:
        """Return the point at which a scalar has a value, from a guess on the same mesh."""
        conditions = self.fixed(origin, value, which)
        corrected = self.problem.correct(guess, conditions, origin.scale, origin.free_scale)
        if corrected is not None:
            corrected.orbit.free[which] = value
        node = self.node(corrected, origin)
        return node if node is None or len(self.spans) > 1 else self.sharp(node, conditions)

    def between(self, a: Node, b: Node, value: float) -> Node | None:
        """Return the point at a value of the parameter between two neighbours."""
        # What was followed before must not leave its traces in the last digits.
        self._references.clear()
        self._last = None
        nodes, share = a.orbit.nodes, 0.0
        if b.value != a.value:
            share = (value - a.value) / (b.value - a.value)
        states = a.orbit.states + share * (b.orbit.at(nodes) - a.orbit.states)
        free = a.orbit.free + share * (b.orbit.free - a.orbit.free)
        free[-1] = value
        node = self.landing(a, Orbit(a.orbit.mesh, states, free), value)
        if node is None:
            return None
        moved = self.remeshed(node)
        return self.landing(moved, moved.orbit, value)

    def renewed(self, node: Node, intervals: int | None = None) -> Node | None:
        """Return the same point on a mesh that suits it, solved again."""
        return self.at(self.remeshed(node, intervals), 0.0)

    def onward(self, node: Node) -> Node | None:
        """Return the same point on a mesh that suits it, good enough to step from."""
        made = self.at(self.remeshed(node), 0.0, sharp=False, enough=_ONWARD)
        if made is not None and "multipliers" in node.__dict__:
            made.__dict__["multipliers"] = node.multipliers
        return made

    def remeshed(self, node: Node, intervals: int | None = None) -> Node:
        """Return a point interpolated to a mesh that suits it."""
        orbit, tangent, bend = node.orbit, node.tangent, node.bend
        every = [orbit.states, tangent.states, *(each.states for each in bend or ())]
        mesh = self.mesh(node, intervals)
        states, ahead, *rest = basis().pieces.moved(orbit.mesh, every, mesh)
        moved = node._changed(
            orbit=Orbit(mesh, states, orbit.free),
            tangent=Direction(ahead, tangent.free),
            bend=bend and tuple(map(Direction, rest, (each.free for each in bend))),
            scale=self.scale(orbit.states, node.scale),
            free_scale=self.free_scale(orbit.free),
        )
        length = math.sqrt(moved.dot(moved.tangent, moved.tangent))
        unit = Direction(moved.tangent.states / length, moved.tangent.free / length)
        if moved.bend is not None:
            second, third = moved.bend
            bend = (
                Direction(second.states / length**2, second.free / length**2),
                Direction(third.states / length**3, third.free / length**3),
            )
        return moved._changed(tangent=unit, bend=bend)

    def mesh(self, node: Node, intervals: int | None = None) -> Array:
        """Return a mesh that suits a point: the orbit, and the direction it moves in."""
        orbit, tangent, pieces = node.orbit, node.tangent, basis().pieces
        extent = 10.0 * pieces.extent(orbit.mesh, tangent.states, _LEAST_EXTENT, node.scale)
        wanted = intervals or self.intervals or self._wanted(node)
        functions, units = [orbit.states, tangent.states], [self._extent(node), extent]
        fading = self._logarithms(node)
        if fading is not None:
            functions.append(fading)
            units.append(np.ones_like(extent))
        return np.asarray(pieces.equal(orbit.mesh, functions, units, wanted))

    def _extent(self, node: Node) -> Array:
        """Return how far each state moves, in which errors of interpolation are measured."""
        orbit = node.orbit
        return np.asarray(
            basis().pieces.extent(orbit.mesh, orbit.states, _LEAST_EXTENT, node.scale)
        )

    def accurate(self, node: Node) -> bool:
        """Return whether a point's mesh is fine enough for what it holds."""
        return self.intervals is not None or self.error(node) <= 10.0 * MESH_TOLERANCE

    def error(self, node: Node) -> float:
        """Estimate the largest error of interpolation, in extents of the states."""
        return float(self._errors(node).max())

    def _errors(self, node: Node) -> Array:
        """Estimate the error of interpolation in each interval, in extents of the states.

        Of those that all but vanish, as populations do, also that of their logarithms: they come
        back from where they were by the same factor, and so do errors.
        """
        orbit = node.orbit
        errors = interpolation_error(orbit.mesh, orbit.states, self._extent(node))
        fading = self._logarithms(node)
        if fading is None:
            return errors
        unit = np.ones(fading.shape[1])
        return np.maximum(errors, interpolation_error(orbit.mesh, fading, unit))

    def _logarithms(self, node: Node) -> Array | None:
        """Return the logarithms of states that all but vanish and never do, 0 of others.

        None if there is no such state.
        """
        states = node.orbit.states
        least, largest = states.min(axis=0), states.max(axis=0)
        sizes = np.sort(np.abs([least, largest]), axis=0)
        near = (least * largest > 0.0) & (sizes[0] < _VANISHING * sizes[1])
        fading = [k for k in np.flatnonzero(near).tolist() if self._stays_none(k, node.orbit)]
        if not fading:
            return None
        made = np.zeros_like(states)
        made[:, fading] = np.log(np.abs(states[:, fading]))
        return made

    def _stays_none(self, k: int, orbit: Orbit) -> bool:
        """Return whether a state that is 0 stays so, as a population does."""
        if k not in self._none:
            problem = self.problem
            problem.set(orbit.free)
            there = orbit.states[:: len(orbit.states) // _LOOKS].copy()
            there[:, k] = 0.0
            flows = [problem.functions.rhs(0.0, y, problem.p, problem.u)[k] for y in there]
            self._none[k] = not np.any(flows)
        return self._none[k]

    def _wanted(self, node: Node) -> int:
        """Return how many intervals a point asks for, within limits, in steps of 10."""
        have, errors = len(node.orbit.mesh) - 1, self._errors(node)
        # Once shared equally, the fifth roots of the errors have their mean.
        shared = float(np.mean(errors ** (1.0 / (POINTS + 1))))
        ideal = have * shared / MESH_TOLERANCE ** (1.0 / (POINTS + 1))
        if 0.7 * have <= ideal <= have:
            return have
        return int(np.clip(10 * math.ceil(1.1 * ideal / 10), FEWEST, MOST))


def slot_of(model: Model, name: str) -> int:
    """Return the index of a parameter, or n_param + that of an input."""
    if name in model.params:
        return int(model.params.index(name))
    return int(len(model.params) + model.inputs.index(name))


def halves(model: Model) -> Array:
    """Return half the width of each state's bounds, or infinity, shape (n_state,)."""
    return np.array(
        [
            (model.bounds[name][1] - model.bounds[name][0]) / 2
            if name in model.bounds
            else math.inf
            for name in model.states
        ]
    )
