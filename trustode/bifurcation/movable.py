"""A special point as parameters change: solved for again, from a place where it is known.

One step of Newton's method on the equations that define the point, from a prediction, and a
check that what was found is the same kind of point, crossed in the same sense. Imports the
systems and derivatives of this folder, and the critical orbits.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..compile import compile
from ..model import Model
from .equilibria import undecided
from .normal_form import hopf_vectors
from .periodic.collocation import PERIOD, Array, Conditions, Direction, Orbit, Problem
from .periodic.critical import KINDS as CYCLE_KINDS
from .periodic.family import Family, Node, halves
from .periodic.floquet import Multipliers, crossing_pair
from .periodic.isolated import Isolated
from .sensitivity import MOVABLE
from .system import System

#: Kinds of points that move smoothly with every parameter.
KINDS = (*MOVABLE, *CYCLE_KINDS)

#: How far a point may end up from where it was predicted: this share of the way, and this
#: much in scales.
SHARE, _LEAST, LEAST_OF_CYCLES = 0.5, 1e-2, 5e-2
#: Derivatives that miss by more than this share of the way are taken again.
STALE = 0.3
#: How near to the axis or circle, relative to the largest rate or to 1, what is critical lies.
_ON_AXIS, _ON_CIRCLE = 1e-6, 1e-2
_SMALLEST_OMEGA = 1e-6
#: Step, in scales, of differences that only predict, or of which only the sign matters.
_DIFFERENCE = 1e-4
#: Error of the multiplier that is 1 from which on multipliers mean nothing.
_LOST = 0.1
#: A cycle that is smaller than this share of the first one has shrunk to a point.
_SMALLEST_EXTENT = 1e-3
#: Meshes that are tried for a sample; and how exact location and period must be on the one
#: that is taken, relative to the span and to the period.
_MESHES = (20, 30, 40, 60, 80, 120, 160, 240)
_EXACT = 1e-9
#: An orbit is put on a new mesh where its error of interpolation is this much the first one's.
_GROWN = 6.0
#: Newton's method on an orbit: what is left after the last step, how many there may be, what
#: rounding may keep them from, and how much shorter than the last each is where it converges.
_CLOSE, _CORRECTIONS, _STAGNANT, _CONTRACTION = 1e-9, 8, 1e-7, 0.25


@dataclass(frozen=True, eq=False)
class Place:
    """A special point at one set of parameters.

    Attributes
    ----------
    values : ndarray, shape (n_vary,)
    location, period : float
        The period is NaN at a fold of equilibria.
    n_unstable : int
        Unstable eigenvalues or multipliers, without the critical ones: where there are none,
        stability is lost or gained.
    point : ndarray or Orbit
        What it was solved as.
    anchor : object
        Where the derivatives were taken that predict its neighbours.
    """

    values: Array
    location: float
    period: float
    n_unstable: int
    point: Any
    anchor: Any


class Movable(ABC):
    """A special point that can be solved for at other values of some parameters.

    Attributes
    ----------
    first : Place or None
        Where it was found; None if it is not there.
    """

    first: Place | None

    @abstractmethod
    def gram(self) -> Array:
        """Return the products of its changes with the parameters, shape (n_vary, n_vary)."""

    @abstractmethod
    def step(self, place: Place, values: Array) -> Place | None:
        """Return the point at other values, from a place nearby; None if it is not found."""

    @abstractmethod
    def fresh(self, place: Place) -> Place | None:
        """Return a place with derivatives of its own, or None if it has them."""

    def inside(self, place: Place) -> bool:
        """Return whether a point's states are within the model's bounds."""
        return True


class Slots:
    """Where the values of some parameters and inputs stand in a model's vectors."""

    def __init__(self, model: Model, names: Sequence[str]) -> None:
        self._p = [(k, model.params.index(n)) for k, n in enumerate(names) if n in model.params]
        self._u = [(k, model.inputs.index(n)) for k, n in enumerate(names) if n in model.inputs]
        self.indices = [0] * len(names)
        for k, j in self._p:
            self.indices[k] = j
        for k, j in self._u:
            self.indices[k] = len(model.params) + j

    def write(self, values: Array, p: Array, u: Array) -> None:
        """Put values into vectors of parameters and inputs."""
        for k, j in self._p:
            p[j] = values[k]
        for k, j in self._u:
            u[j] = values[k]

    def read(self, p: Array, u: Array) -> Array:
        """Return the values that stand in vectors of parameters and inputs."""
        return np.concatenate([p, u])[self.indices] if self.indices else np.empty(0)


# ---------------------------------------------------------------------- equilibria


@dataclass(frozen=True, eq=False)
class _Slopes:
    """Derivatives of states and location by the parameters, shape (n_state + 1, n_vary)."""

    point: Array
    by_value: Array


class MovableEquilibrium(Movable):
    """A fold or Hopf point of equilibria.

    Parameters
    ----------
    system : System
        Its free parameter is what the point is located along.
    kind : {"fold", "hopf"}
    x : ndarray, shape (n_state + 1,)
    vary : sequence of str
    width : float
        Of the span.
    """

    def __init__(
        self, system: System, kind: str, x: Array, vary: Sequence[str], width: float
    ) -> None:
        self._system, self._kind = system, kind
        self._slots, self._vary = Slots(system.model, vary), tuple(vary)
        size = np.maximum(np.abs(x[:-1]), 1e-3 * max(float(np.abs(x[:-1]).max()), 1e-12))
        half = halves(system.model)
        self._scale = np.append(np.where(np.isfinite(half), half, size), width)
        values = self._slots.read(system.p, system.u)
        self._sense = 0.0
        self.first = self._solved(x, values, None)
        if self.first is not None:
            self._sense = self._crossing(self.first)

    def gram(self) -> Array:
        """Return the products of its changes with the parameters."""
        assert self.first is not None
        scaled = self.first.anchor.by_value / self._scale[:, None]
        return np.asarray(scaled.T @ scaled)

    def step(self, place: Place, values: Array) -> Place | None:
        """Return the point at other values, from a place nearby."""
        ahead = place.anchor.by_value @ (values - place.values)
        self._slots.write(values, self._system.p, self._system.u)
        found = self._solved(place.point + ahead, values, place.anchor)
        if found is None:
            return None
        way = float(np.abs((found.point - place.point) / self._scale).max())
        missed = float(np.abs((found.point - place.point - ahead) / self._scale).max())
        if missed > max(SHARE * way, _LEAST):
            return None
        if not self._crossing(found) * self._sense > 0.0:
            return None
        if missed > STALE * way:
            return replace(found, anchor=self._slopes(found.point) or found.anchor)
        return found

    def fresh(self, place: Place) -> Place | None:
        """Return a place with derivatives of its own, or None if it has them."""
        if place.anchor.point is place.point:
            return None
        self._slots.write(place.values, self._system.p, self._system.u)
        slopes = self._slopes(place.point)
        return None if slopes is None else replace(place, anchor=slopes)

    def inside(self, place: Place) -> bool:
        """Return whether a point's states are within the model's bounds."""
        y, bounds = place.point[:-1], self._system.bounds
        room = 1e-9 * self._scale[:-1]
        return bool(np.all((y >= bounds[:, 0] - room) & (y <= bounds[:, 1] + room)))

    def _solved(self, x: Array, values: Array, anchor: _Slopes | None) -> Place | None:
        """Return the point near x, from the equations that define it."""
        system, n, scale = self._system, self._system.n, self._scale
        matrix = system.jac(x) * scale[:n] / scale[:n, None]
        if not np.isfinite(matrix).all():
            return None
        period = math.nan
        if self._kind == "hopf":
            eigenvalues = np.linalg.eigvals(matrix)
            above = eigenvalues[eigenvalues.imag > 0.0]
            if not len(above):
                return None
            omega = float(above[np.argmin(np.abs(above.real))].imag)
            q = np.linalg.svd(matrix - 1j * omega * np.eye(n))[2][-1].conj()
            start = np.concatenate([x / scale, q.real, q.imag, [1.0]])
            border = np.ascontiguousarray(q).view(float)
            z = system.kernel.define("hopf", scale, border, omega, start)
            if z is None:
                return None
            omega *= float(z[-1])
            if not omega > 0.0:
                return None
            period = 2.0 * math.pi / omega
        else:
            q = np.ascontiguousarray(np.linalg.svd(matrix)[2][-1])
            z = system.kernel.define("fold", scale, q, 1.0, np.concatenate([x / scale, q]))
            if z is None:
                return None
        point = z[: n + 1] * scale
        full = system.full(point)
        if not np.isfinite(full).all():
            return None
        found = np.linalg.eigvals(full[:, :n]).astype(complex)
        largest = float(np.abs(found).max())
        if self._kind == "fold":
            # With one state there is no other eigenvalue to compare with.
            largest = max(largest, float(np.abs(full[:, n] * scale[n] / scale[:n]).max()))
        turn = 2.0 * math.pi / period
        critical = np.array([1j * turn, -1j * turn] if self._kind == "hopf" else [0.0])
        away = np.abs(found[:, None] - critical).min(axis=1)
        if not away.min() <= _ON_AXIS * largest:
            return None
        if self._kind == "hopf" and turn <= _SMALLEST_OMEGA * largest:
            return None
        others = found[np.argsort(away)[len(critical) :]]
        n_unstable = int(np.sum(others.real > undecided(found)))
        if anchor is None:
            anchor = self._slopes(point)
            if anchor is None:
                return None
        return Place(values.copy(), float(point[-1]), period, n_unstable, point, anchor)

    def _slopes(self, point: Array) -> _Slopes | None:
        """Return the derivatives at a point, or None where it has none.

        Those of the Jacobian are differences: they predict, and are not results.
        """
        system, n = self._system, self._system.n
        full = system.full(point)
        left, right = self._vectors(full[:, :n])
        if left is None:
            return None
        dfdp = np.column_stack(
            [
                system.compiled.dfdp(0.0, point[:n], system.p, system.u),
                system.compiled.dfdu(0.0, point[:n], system.p, system.u),
            ]
        )[:, self._slots.indices]
        matrix = np.empty((n + 1, n + 1))
        matrix[:n] = full
        for i, unit in enumerate(np.diag(self._scale)):
            turned = left.conj() @ self._turned(point, unit) @ right
            matrix[n, i] = turned.real / self._scale[i]
        own = self._slots.read(system.p, system.u)
        by_value = np.empty(len(own))
        for k, value in enumerate(own):
            h = _DIFFERENCE * max(abs(value), _DIFFERENCE)
            jacobians = []
            for shifted in (value + h, value - h):
                values = own.copy()
                values[k] = shifted
                self._slots.write(values, system.p, system.u)
                jacobians.append(system.jac(point))
            by_value[k] = (left.conj() @ (jacobians[0] - jacobians[1]) @ right).real / (2.0 * h)
        self._slots.write(own, system.p, system.u)
        try:
            moved = np.linalg.solve(matrix, -np.vstack([dfdp, by_value]))
        except np.linalg.LinAlgError:
            return None
        return _Slopes(point, moved) if np.isfinite(moved).all() else None

    def _vectors(self, jac: Array) -> tuple[Any, Any]:
        """Return the left and right critical vectors, or None where there are none."""
        if self._kind == "fold":
            left, _, right = np.linalg.svd(jac)
            return left[:, -1], right[-1]
        eigenvalues = np.linalg.eigvals(jac)
        above = eigenvalues[eigenvalues.imag > 0.0]
        if not len(above):
            return None, None
        return hopf_vectors(jac, float(above[np.argmin(np.abs(above.real))].imag))

    def _turned(self, point: Array, direction: Array) -> Array:
        """Return the change of the Jacobian along a direction, by a central difference."""
        h = _DIFFERENCE / float(np.abs(direction / self._scale).max())
        ahead = self._system.jac(point + h * direction)
        behind = self._system.jac(point - h * direction)
        return np.asarray((ahead - behind) / (2.0 * h))

    def _crossing(self, place: Place) -> float:
        """Return a number whose sign is that of the defining equations' determinant.

        It never vanishes along a path on which the point stays isolated. At a fold it says to
        which side the equilibria exist; at a Hopf point on which side the pair is unstable, and
        which way the branch goes there.
        """
        n = self._system.n
        full = self._system.full(place.point)
        left, right = self._vectors(full[:, :n])
        if self._kind == "fold":
            curved = left @ self._turned(place.point, np.append(right, 0.0)) @ right
            return float(curved * (left @ full[:, n]))
        along = np.append(np.linalg.solve(full[:, :n], -full[:, n]), 1.0)
        moved = float((left.conj() @ self._turned(place.point, along) @ right).real)
        return moved * float(np.linalg.slogdet(full[:, :n])[0])


# ---------------------------------------------------------------------- periodic orbits


@dataclass(frozen=True, eq=False)
class Anchor:
    """A critical orbit with its conditions, and how it moves with the parameters."""

    node: Node
    conditions: Conditions
    moved: list[Direction]


class MovableCycle(Movable):
    """A fold of cycles, a period doubling or a torus.

    Parameters
    ----------
    model : Model
    kind : {"fold_of_cycles", "period_doubling", "torus"}
    node : Node
        The orbit of a family at which it was found.
    p, u : ndarray, shapes (n_param,) and (n_input,)
    slot : int
        What it is located along: the index of a parameter, or n_param + that of an input.
    vary : sequence of str
    span : pair of float
    """

    def __init__(
        self,
        model: Model,
        kind: str,
        node: Node,
        p: Array,
        u: Array,
        slot: int,
        vary: Sequence[str],
        span: tuple[float, float],
    ) -> None:
        self._kind, self._slots = kind, Slots(model, vary)
        problem = Problem(compile(model).functions, p, u, [PERIOD, slot])
        family = Family(problem, np.array([span], dtype=float), halves(model))
        self._isolated = Isolated(kind, model, p, u, slot, span)
        self._sign, self._extent, self._error = 0.0, 0.0, math.inf
        self.first = None
        there = self._isolated.solved(family, node)
        if there is None:
            return
        self._extent = self._size(there)
        there = self._coarser(there)
        self._error = _GROWN * max(self._isolated.error(there), 1e-12)
        values = self._slots.read(p, u)
        anchor = self._anchored(there)
        if anchor is not None:
            self.first = self._step(self._placed(values, there.orbit, anchor, 0), values)

    def gram(self) -> Array:
        """Return the products of its changes with the parameters."""
        assert self.first is not None
        node, moved = self.first.anchor.node, self.first.anchor.moved
        return np.array([[node.dot(a, b) for b in moved] for a in moved]).reshape(
            len(moved), len(moved)
        )

    def step(self, place: Place, values: Array) -> Place | None:
        """Return the point at other values, from a place nearby."""
        return self._step(place, values)

    def fresh(self, place: Place) -> Place | None:
        """Return a place with derivatives of its own, or None if it has them."""
        anchor: Anchor = place.anchor
        if anchor.node.orbit is place.point:
            return None
        problem = self._isolated.problem
        self._slots.write(place.values, problem.p[:-1], problem.u)
        own = self._anchored(replace(anchor.node, orbit=place.point))
        return None if own is None else replace(place, anchor=own)

    def _step(self, place: Place, values: Array) -> Place | None:
        anchor: Anchor = place.anchor
        problem = self._isolated.problem
        self._slots.write(values, problem.p[:-1], problem.u)
        states, free = place.point.states.copy(), place.point.free.copy()
        for share, each in zip(values - place.values, anchor.moved, strict=True):
            states += share * each.states
            free += share * each.free
        guess = Orbit(place.point.mesh, states, free)
        found = self._corrected(guess, place.point, anchor)
        if found is None:
            return None
        orbit, stale = found
        node = replace(anchor.node, orbit=orbit)
        if self._isolated.error(node) > self._error:
            finer = self._isolated.remeshed(node, len(orbit.mesh) - 1)
            moved = self._isolated.corrected(finer)
            if moved is None or self._isolated.error(moved) > _GROWN * self._error:
                return None
            node, stale = moved, True
        n_unstable = self._unstable(node)
        if n_unstable is None:
            return None
        if stale:
            fresh = self._anchored(node)
            if fresh is None:
                return None
            anchor = fresh
        return self._placed(values, node.orbit, anchor, n_unstable)

    def _corrected(self, guess: Orbit, before: Orbit, anchor: Anchor) -> tuple[Orbit, bool] | None:
        """Return the critical orbit near a guess, and whether the guess was a poor one."""
        problem, node = self._isolated.problem, anchor.node
        k = len(guess.free)
        right = np.zeros((1, guess.states.size + k))
        last, total, orbit = math.inf, 0.0, guess
        for _ in range(_CORRECTIONS):
            rows, rows_free, wanted = anchor.conditions
            held = np.tensordot(rows, orbit.states, 2) + rows_free @ orbit.free
            right[0, -k:] = wanted - held
            solved = problem.solve(orbit, anchor.conditions, right)
            if solved is None:
                return None
            if self._sign == 0.0:
                self._sign = solved.sign
            step = solved.steps[0]
            length = max(
                float(np.abs(step.states / node.scale).max()),
                float(np.abs(step.free / node.free_scale).max()),
            )
            total += length
            if not length <= (_CONTRACTION * last if last > _STAGNANT else _STAGNANT):
                return None
            orbit = Orbit(orbit.mesh, orbit.states + step.states, orbit.free + step.free)
            # Each step's share of the one before is the square of the share before that.
            ahead = length * (length / last) ** 2 if math.isfinite(last) else length
            if ahead <= _CLOSE or last <= _STAGNANT:
                break
            last = length
        else:
            return None
        way = max(
            float(np.abs((orbit.states - before.states) / node.scale).max()),
            float(np.abs((orbit.free - before.free) / node.free_scale).max()),
        )
        if total > max(SHARE * way, LEAST_OF_CYCLES) or solved.sign != self._sign:
            return None
        return orbit, total > STALE * way

    def _unstable(self, node: Node) -> int | None:
        """Return how many multipliers are unstable, without the critical ones.

        None if the orbit has not the multipliers of its kind, or no extent.
        """
        if self._size(node) < _SMALLEST_EXTENT * self._extent:
            return None
        found = self._multipliers(node)
        if not found.trivial_error < _LOST:
            return None
        others = found.others
        if self._kind == "torus":
            pair = crossing_pair(others)
            critical = np.array([pair, pair.conjugate()])
            missed = abs(abs(pair) - 1.0)
        else:
            critical = np.array([1.0 if self._kind == "fold_of_cycles" else -1.0])
            missed = float(np.abs(others - critical).min())
        if not missed < _ON_CIRCLE:
            return None
        away = np.abs(others[:, None] - critical).min(axis=1)
        return int(np.sum(np.abs(others[np.argsort(away)[len(critical) :]]) > 1.0))

    def _multipliers(self, node: Node) -> Multipliers:
        return self._isolated.multipliers_of(node)

    def _size(self, node: Node) -> float:
        n = self._isolated.n
        return float((np.ptp(node.orbit.states[:, :n], axis=0) / node.scale[:n]).max())

    def _coarser(self, there: Node) -> Node:
        """Return the orbit on the coarsest mesh that shows it where it was found, as what it is."""
        isolated = self._isolated
        for intervals in _MESHES:
            if intervals >= len(there.orbit.mesh) - 1:
                break
            node = isolated.corrected(isolated.remeshed(there, intervals))
            if node is None:
                continue
            change = (node.orbit.free - there.orbit.free) / there.free_scale
            if np.abs(change[[0, -1]]).max() <= _EXACT and self._unstable(node) is not None:
                return node
        return there

    def _anchored(self, node: Node) -> Anchor | None:
        """Return an orbit as one to predict others from."""
        moved = self._isolated.moved(node, self._slots.indices)
        if moved is None:
            return None
        return Anchor(node, self._isolated.conditions(node, 0.0), moved)

    def _placed(self, values: Array, orbit: Orbit, anchor: Anchor, n_unstable: int) -> Place:
        location, period = float(orbit.free[-1]), float(orbit.free[0])
        return Place(values.copy(), location, period, n_unstable, orbit, anchor)
