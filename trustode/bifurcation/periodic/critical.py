"""Curves of folds, period doublings and tori of periodic orbits in two parameters.

A critical orbit is followed with the vector that its linearisation carries around: periodic at
a fold (together with a change of period), of alternating sign at a period doubling, turned by
an angle at a torus. Imports the families of this folder and the compiled layer.

References
----------
Kuznetsov (2004), Elements of Applied Bifurcation Theory, 3rd ed., section 10.3; Doedel,
Govaerts & Kuznetsov (2003), SIAM J. Numer. Anal. 41, 401.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...compile import along_orbit, compile
from ...model import Model
from ...simulate import simulate
from ...solve import Solver
from ..arclength import ArcLength
from .collocation import (
    PERIOD,
    Array,
    Conditions,
    Direction,
    Orbit,
    Problem,
    at_points,
    functional,
    inner,
    interpolated,
    slopes_at_points,
)
from .family import Family, Node, halves
from .floquet import (
    Complex,
    Multipliers,
    along,
    crossing_pair,
    doubling_test,
    multipliers,
    torus_test,
    unit_test,
)
from .follow import ENDS, Follower, Origin, Side, around_mean
from .special import Finder, Special, Test, has_near, has_pair
from .start import doubled, from_orbit

KINDS = ("fold_of_cycles", "period_doubling", "torus")

#: Share of a curve's tangent that its parameters have at a cusp, at most.
_CUSP = 1e-3
_TIGHT = Solver(rtol=1e-10, atol=1e-12)
_RENEWALS = 6
#: How far into the doubled family it is looked which way the parameters turn, in scales.
_INTO = 0.02
#: Orbits at which that is remembered.
_REMEMBERED = 8
#: Share of its largest extent at which a fold of cycles has all but reached its Bautin point,
#: where the equations become singular.
_FADED = 1e-2


class Critical(Family):
    """The critical orbits of one kind along some parameters.

    Parameters
    ----------
    kind : {"fold_of_cycles", "period_doubling", "torus"}
    model : Model
    p, u : ndarray, shapes (n_param,) and (n_input,)
    slots : sequence of int
        The parameters, two along a curve: indices of parameters, or n_param + those of inputs.
    spans : ndarray, shape (n_slot, 2)
    """

    def __init__(
        self,
        kind: str,
        model: Model,
        p: Array,
        u: Array,
        slots: Sequence[int],
        spans: Array,
    ) -> None:
        self.kind = kind
        self.model = model
        self.n = n = len(model.states)
        copies = 3 if kind == "torus" else 2
        sign = np.ones(copies * n)
        if kind == "period_doubling":
            sign[n:] = -1.0
        # The vectors' own scalar stands behind the model's parameters, before its inputs.
        own = [] if kind == "period_doubling" else [len(p)]
        free = [slot if slot < len(p) else slot + 1 for slot in slots]
        problem = Problem(
            along_orbit(model, kind), np.append(p, 0.0), u, [PERIOD, *own, *free], sign
        )
        super().__init__(problem, spans, np.tile(halves(model), copies))
        self._plain = Problem(compile(model).functions, p, u, [PERIOD])
        self._slots = tuple(slots)
        self._bends: dict[int, tuple[Node, float]] = {}

    # ------------------------------------------------------------------ measures

    def scale(self, states: Array, before: Array | None = None) -> Array:
        """Return the size of each state, the same for each component of the vectors."""
        n = self.n
        size = super().scale(states[:, :n], None if before is None else before[:n])
        return np.tile(size, states.shape[1] // n)

    def multipliers_of(self, node: Node) -> Multipliers:
        """Return the multipliers of the orbit alone."""
        problem, plain, n = self.problem, self._plain, self.n
        period = problem.set(node.orbit.free)
        plain.p[:], plain.u[:] = problem.p[:-1], problem.u
        states = np.ascontiguousarray(node.orbit.states[:, :n])
        orbit = Orbit(node.orbit.mesh, states, np.array([period]))
        row, target = self.phase(orbit, node.scale[:n], states)
        conditions = Conditions(row[None], np.zeros((1, 1)), np.array([target]))
        found = multipliers(*plain.pair(orbit, conditions))
        maps = None if found.sure else plain.maps(orbit)
        others = None if maps is None else along(*maps)
        # The pair blurs a double multiplier, maps see what a coarse mesh leaves out: which of them
        # fails shows in the multiplier that is known.
        if others is not None and self._missed(others) < self._missed(found):
            return others
        return found

    def _missed(self, found: Multipliers) -> float:
        """Return how far the critical multipliers are from where they are known to be."""
        if self.kind == "torus":
            missed = abs(abs(crossing_pair(found.others)) - 1.0)
            return math.inf if math.isnan(missed) else missed
        place = 1.0 if self.kind == "fold_of_cycles" else -1.0
        return float(np.abs(found.others - place).min(initial=math.inf))

    def orbit_of(self, orbit: Orbit) -> Orbit:
        """Return an orbit without the vectors."""
        return Orbit(orbit.mesh, np.ascontiguousarray(orbit.states[:, : self.n]), orbit.free)

    def bend(self, node: Node) -> float:
        """Return how far the doubled orbits leave a curve of period doublings, to second order.

        Across the curve, in spans a squared scale: it changes its sign where the doubling turns
        from supercritical to subcritical (Kuznetsov 2004, sections 4.5 and 9.4). NaN where no
        doubled orbit is found.
        """
        known = self._bends.get(id(node))
        if known is None or known[0] is not node:
            while len(self._bends) > _REMEMBERED:
                del self._bends[next(iter(self._bends))]
            known = self._bends[id(node)] = node, self._bend(node)
        return known[1]

    def _bend(self, node: Node) -> float:
        """Return the bend from three orbits of the doubled family."""
        ahead = node.tangent.free[-2:] / node.free_scale[-2:]
        across = np.array([-ahead[1], ahead[0]]) / math.hypot(*ahead)
        k = int(np.argmax(np.abs(across)))
        period = self.problem.set(node.orbit.free)
        p, u = self.problem.p[:-1].copy(), self.problem.u.copy()
        functions = self._plain.functions
        family = Family(
            Problem(functions, p, u, [PERIOD, self._slots[k]]),
            self.spans[k : k + 1],
            self._half[: self.n],
            len(node.orbit.mesh) - 1,
        )
        value = float(node.orbit.free[k - 2])
        orbit = replace(self.orbit_of(node.orbit), free=np.array([period, value]))
        base = from_orbit(family, orbit)
        start = None if base is None else doubled(family, base)
        if start is None:
            return math.nan
        nodes = [family.at(start, times * _INTO, sharp=False) for times in (1.0, 2.0, 3.0)]
        moves = [math.nan if each is None else each.value - value for each in nodes]
        # The parameter is even in the length: powers of four and six drop out of the three.
        moved = float(np.dot((1.5, -0.15, 1.0 / 90.0), moves)) / _INTO**2
        return float(moved / node.free_scale[k - 2] * across[k])

    # ------------------------------------------------------------------ conditions

    def conditions(self, origin: Node, s: float) -> Conditions:
        """Return phase, the vectors' size and angle, and length s along the tangent."""
        orbit, tangent, k = origin.orbit, origin.tangent, len(origin.orbit.free)
        rows, free = np.zeros((k, *orbit.states.shape)), np.zeros((k, k))
        rows[:-1] = self.rows(origin)
        rows[-1] = functional(orbit.mesh, at_points(tangent.states) / origin.scale**2)
        free[-1] = tangent.free / origin.free_scale**2
        # What is fixed stays as it is at the origin.
        target = np.tensordot(rows, orbit.states, 2) + free @ orbit.free
        target[-1] += s
        return Conditions(rows, free, target)

    def rows(self, origin: Node) -> Array:
        """Return what stays as it is along a curve: phase, the vectors' size and angle."""
        orbit, n = origin.orbit, self.n
        mesh, scale = orbit.mesh, origin.scale
        rows = np.zeros((2 if self.kind == "period_doubling" else 3, *orbit.states.shape))
        reference = self.reference(orbit)
        alone = Orbit(mesh, np.ascontiguousarray(reference.states[:, :n]), orbit.free)
        rows[0, :, :n], _ = self.phase(alone, scale[:n], alone.states)
        density = at_points(reference.states) / scale**2
        density[:, :, :n] = 0.0
        vectors = reference.states[:, n:] / scale[n:]
        rows[1] = functional(mesh, density) / math.sqrt(inner(mesh, vectors, vectors))
        if self.kind == "fold_of_cycles":
            rows[2, :, n:] = functional(mesh, slopes_at_points(mesh, alone.states) / scale[:n] ** 2)
            rows[2] /= np.abs(rows[2]).max()
        elif self.kind == "torus":
            # Turning both vectors by the same angle changes nothing else.
            turned = np.concatenate(
                [
                    np.zeros_like(density[:, :, :n]),
                    -density[:, :, 2 * n :],
                    density[:, :, n : 2 * n],
                ],
                axis=2,
            )
            rows[2] = functional(mesh, turned)
        return rows

    def remeshed(self, node: Node, intervals: int | None = None) -> Node:
        """Return a point interpolated to a mesh that suits it, its vectors of unit length."""
        node = super().remeshed(node, intervals)
        orbit, tangent, n = node.orbit, node.tangent, self.n
        vectors = orbit.states[:, n:] / node.scale[n:]
        size = math.sqrt(inner(orbit.mesh, vectors, vectors))
        share = np.ones(orbit.states.shape[1])
        share[n:] = 1.0 / size
        free_share = np.ones(len(orbit.free))
        if self.kind == "fold_of_cycles":
            free_share[1] = 1.0 / size

        def shrunk(direction: Direction, length: float = 1.0) -> Direction:
            return Direction(
                direction.states * (share / length), direction.free * (free_share / length)
            )

        ahead = shrunk(tangent)
        length = math.sqrt(node.dot(ahead, ahead))
        bend = node.bend
        return replace(
            node,
            orbit=Orbit(orbit.mesh, orbit.states * share, orbit.free * free_share),
            tangent=shrunk(tangent, length),
            bend=bend and (shrunk(bend[0], length**2), shrunk(bend[1], length**3)),
        )

    def onward(self, node: Node) -> Node | None:
        """Return the same point on a mesh that suits it, looking the way that its orbit moves.

        Along canards the vectors change so much more than the orbit does that on another mesh
        which way they point is rounding.
        """
        made = super().onward(node)
        if made is None:
            return None
        orbit, n = made.orbit, self.n
        before, after = (
            np.ascontiguousarray(each[:, :n])
            for each in (
                interpolated(node.orbit.mesh, node.tangent.states, orbit.nodes),
                made.tangent.states,
            )
        )
        known = [0, *range(-len(self.spans), 0)]
        a, b = (each.tangent.free[known] / made.free_scale[known] for each in (node, made))
        same = inner(orbit.mesh, before, after, made.scale[:n]) + float(a @ b)
        return made if same >= 0.0 else made.reversed()

    # ------------------------------------------------------------------ start

    def start(self, family: Family, node: Node, values: tuple[float, float]) -> Node | None:
        """Return the critical orbit next to one of a family along one parameter.

        Parameters
        ----------
        family : Family
        node : Node
            At a special point of this kind.
        values : pair of float
            Of the two parameters.
        """
        first = self.guess(family, node, values)
        for _ in range(_RENEWALS):
            if first is None:
                return None
            first = self.landing(first, first.orbit, values[1], -1)
            if first is None or self.accurate(first):
                return first
            first = self.remeshed(first)
        return None

    def guess(self, family: Family, node: Node, values: Sequence[float]) -> Node | None:
        """Return an orbit of a family with the vectors it carries, not yet solved for."""
        period = float(node.orbit.free[0])
        found = self._vectors(family, node, period, values)
        if found is None:
            return None
        vectors, own = found
        free = np.array([period, *own, *values])
        states = np.ascontiguousarray(np.hstack([node.orbit.states, *vectors]))
        orbit = Orbit(node.orbit.mesh, states, free)
        scale, n = self.scale(states), self.n
        size = math.sqrt(inner(orbit.mesh, states[:, n:] / scale[n:], states[:, n:] / scale[n:]))
        states[:, n:] /= size
        if self.kind == "fold_of_cycles":
            free[1] /= size
        unit = Direction(np.zeros_like(states), np.zeros(len(free)))
        along = -len(self.spans)
        unit.free[along] = self.free_scale(free)[along]
        pair = np.stack([np.eye(len(scale)), -np.eye(len(scale))])
        return Node(orbit, unit, scale, self.free_scale(free), pair, 1.0, 0.0, 0)

    def _vectors(
        self, family: Family, node: Node, period: float, values: Sequence[float]
    ) -> tuple[list[Array], list[float]] | None:
        """Return the vectors along an orbit, and the scalar that belongs to them."""
        if self.kind == "fold_of_cycles":
            return [node.tangent.states], [float(node.tangent.free[0]) / period]
        if self.kind == "period_doubling":
            twice = doubled(family, node)
            if twice is None:
                return None
            half = len(node.orbit.states)
            return [twice.tangent.states[:half]], []
        pair = crossing_pair(node.multipliers.others)
        if not np.isfinite(pair):
            return None
        problem, states = family.problem, self.model.states
        problem.set(node.orbit.free)
        there = simulate(
            self.model,
            period * node.orbit.nodes,
            params=dict(zip(self.model.params, problem.p.tolist(), strict=True)),
            inputs=dict(zip(self.model.inputs, problem.u.tolist(), strict=True)),
            initial=dict(zip(states, node.orbit.states[0].tolist(), strict=True)),
            solver=_TIGHT,
            sensitivities=[f"{name}(0)" for name in states],
        )
        carried = np.asarray(there.dydp)
        eigenvalues, right = np.linalg.eig(carried[-1])
        k = int(np.argmin(np.abs(eigenvalues - pair)))
        angle = float(np.angle(eigenvalues[k]))
        turned = np.exp(-1j * angle * node.orbit.nodes)[:, None]
        found = (carried @ right[:, k]) * turned
        return [found.real, found.imag], [angle / period]


class CriticalFinder(Finder):
    """Finds where a second condition holds along a curve of critical orbits."""

    def __init__(self, family: Critical, origin: Node) -> None:
        super().__init__(family, origin)
        self._critical = family
        self._known: dict[int, tuple[Node, Multipliers]] = {}

    def _is_quiet(self, end: Node) -> bool:
        # The tests are those along a curve.
        return False

    def _multipliers(self, node: Node) -> Multipliers:
        known = self._known.get(id(node))
        if known is None:
            known = node, self._critical.multipliers_of(node)
            self._known[id(node)] = known
        return known[1]

    def _others(self, node: Node) -> Complex:
        """Return the multipliers without those that the kind of the curve puts on the circle."""
        values = self._multipliers(node).others
        kind = self._critical.kind
        if kind == "torus":
            pair = crossing_pair(values)
            if not np.isfinite(pair):
                return values
            for each in (pair, np.conj(pair)):
                values = np.delete(values, np.argmin(np.abs(values - each)))
            return values
        place = 1.0 if kind == "fold_of_cycles" else -1.0
        return np.delete(values, np.argmin(np.abs(values - place))) if len(values) else values

    def _tests(self, origin: Node) -> dict[str, Test]:
        ahead = origin.tangent.free[-2:] / origin.free_scale[-2:]
        tests: dict[str, Test] = {}
        kind = self._critical.kind
        if kind == "fold_of_cycles":
            tests["cusp_of_cycles"] = lambda node: float(
                ahead @ (node.tangent.free[-2:] / node.free_scale[-2:])
            )
            tests["fold_flip"] = lambda node: doubling_test(self._others(node))
            tests["fold_torus"] = lambda node: torus_test(self._others(node))
            tests["resonance_1_1"] = lambda node: unit_test(self._others(node))
        elif kind == "period_doubling":
            tests["fold_flip"] = lambda node: unit_test(self._others(node))
            tests["resonance_1_2"] = lambda node: doubling_test(self._others(node))
            tests["flip_torus"] = lambda node: torus_test(self._others(node))
            tests["generalised_period_doubling"] = self._critical.bend
        else:
            tests["resonance_1_3"] = lambda node: math.cos(_angle(node)) + 0.5
            tests["resonance_1_4"] = lambda node: math.cos(_angle(node))
            tests["fold_torus"] = lambda node: unit_test(self._others(node))
            tests["flip_torus"] = lambda node: doubling_test(self._others(node))
        return tests

    def _is_kind(self, kind: str, node: Node) -> bool:
        others = self._others(node)
        if kind == "cusp_of_cycles":
            return bool(np.abs(node.tangent.free[-2:] / node.free_scale[-2:]).max() < _CUSP)
        if kind in ("resonance_1_3", "resonance_1_4", "generalised_period_doubling"):
            return True
        place = {
            "fold_flip": -1.0 if self._critical.kind == "fold_of_cycles" else 1.0,
            "resonance_1_1": 1.0,
            "resonance_1_2": -1.0,
            "fold_torus": 1.0 if self._critical.kind == "torus" else None,
            "flip_torus": -1.0 if self._critical.kind == "torus" else None,
        }[kind]
        return has_pair(others) if place is None else has_near(others, place)


class CriticalFollower(Follower):
    """Walks along a curve of critical orbits."""

    _what = "curve"

    def __init__(self, family: Critical, names: tuple[str, str], stepper: ArcLength) -> None:
        fading = {}
        if family.kind == "fold_of_cycles":
            fading["bautin"] = lambda a, b, scale: around_mean(
                family.orbit_of(a), family.orbit_of(b), scale[: family.n]
            )
        super().__init__(family, names, stepper, fading)
        self._critical = family

    def side(self, start: Node, *, born: bool, crossing: bool = False) -> Side:
        """Walk until something ends the curve."""
        side = super().side(start, born=born, crossing=crossing)
        if side.end.startswith(ENDS["bautin"]):
            # The equations are singular there, and what their tests see beside it is nothing.
            last = len(side.nodes) - 2
            side.special = [each for each in side.special if each[0] < last or each[1].converged]
        return side

    def _find(self, origin: Node, node: Node) -> list[Special]:
        return CriticalFinder(self._critical, origin).find(node)

    def _limit(self, nodes: list[Node], *, stuck: bool = False) -> None:
        return None

    def _mark(self, node: Node) -> tuple[Array, Array]:
        """Return what tells an orbit from others: its vectors may come back reversed or longer."""
        n, known = self._critical.n, [0, *range(-len(self._critical.spans), 0)]
        least, largest = self._critical.orbit_of(node.orbit).extremes
        scale, free_scale = node.scale[:n], node.free_scale[known]
        return (
            np.concatenate([least, largest, node.orbit.free[known]]),
            np.concatenate([scale, scale, free_scale]),
        )

    def _floor(self, nodes: list[Node], reason: str) -> str:
        orbits = (self._critical.orbit_of(node.orbit) for node in nodes)
        extents = [np.ptp(orbit.states, axis=0).max() for orbit in orbits]
        if self._critical.kind == "fold_of_cycles" and extents[-1] < _FADED * max(extents):
            return f"{ENDS['bautin']} at {self._shown(nodes[-1])}"
        return super()._floor(nodes, reason)

    def _fades(self, origin: Node, node: Node) -> tuple[str, Origin | None] | None:
        if self._critical.kind == "torus":
            before, after = _angle(origin), _angle(node)
            for angle, name in ((0.0, "1:1"), (math.pi, "1:2")):
                if (math.sin(before - angle) > 0.0) != (math.sin(after - angle) > 0.0) and (
                    math.cos(before - angle) > 0.0
                ):
                    return f"ends at a {name} resonance at {self._shown(node)}", None
        return super()._fades(origin, node)


def _angle(node: Node) -> float:
    """Return the angle by which the vectors of a torus turn around the orbit."""
    return float(node.orbit.free[0] * node.orbit.free[1])
