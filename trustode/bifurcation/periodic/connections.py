"""Curves of homoclinic orbits and heteroclinic loops in two parameters.

A periodic orbit of long, fixed period stands for the connection. Near a saddle whose slowest
rate, of leaving or of arriving, is r, its parameters are off by a multiple of exp(-r T), so that
the period is kept at a multiple of 1 / r: where the saddle slows down the orbit is made to stay
there longer. Imports the families of this folder, and the results of the folder above.

References
----------
Doedel & Kernevez (1986), AUTO: software for continuation problems, section on periodic orbits of
large period; Beyn (1990), IMA J. Numer. Anal. 10, 379; Kuznetsov (2004), Elements of Applied
Bifurcation Theory, 3rd ed., sections 6.1 and 8.4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...compile import compile
from ...errors import ModelError, SolveError, Status
from ...model import Model
from ..arclength import ArcLength
from ..curves.bifurcation_curve import BifurcationCurve
from .branch import Start
from .collocation import (
    PERIOD,
    POINTS,
    Array,
    Conditions,
    Direction,
    Orbit,
    Problem,
)
from .ends import Limit, newton, passed
from .family import Family, Node, halves, slot_of
from .follow import Follower, Side

CONNECTIONS = ("homoclinic", "heteroclinic")

#: Slowest rates times the period, for each saddle, that an orbit is given, and the least that is
#: enough; parameters are off by a multiple of the exponential of minus this. Where longer orbits
#: are not found, shorter ones are tolerable down to the last.
_LONG, _ENOUGH = 32.0, 26.0
_TOLERABLE = 10.0
#: Most that a period grows at once, least that is tried, and how often.
_GROWTH, _SLIGHT, _TIMES = 1.5, 1.005, 60
#: Growths of the period by which the error is measured, the first that succeeds.
_CHECKS = (1.25, 1.05, 1.01)
#: Intervals that are put in where an orbit stays longer.
_PIECES = 8
#: Distance from a saddle, in extents, within which an orbit stays.
_STAYS = 0.1
#: Distance, in extents, at which an orbit surely stays at a saddle that it stayed at before.
_NEAR = 1e-3
#: Smallest share of the first orbit's extent, and of the first saddle's rate, that is followed.
_SMALLEST, _SLOWEST = 0.02, 1e-3
#: Share of the largest extent below which an orbit without a saddle is taken to shrink.
_SMALL = 0.2
_RENEWALS = 6


class Connections(Family):
    """Periodic orbits of long period along two parameters.

    Parameters
    ----------
    model : Model
    p, u : ndarray, shapes (n_param,) and (n_input,)
    slots : pair of int
    spans : ndarray, shape (2, 2)
    """

    def __init__(self, model: Model, p: Array, u: Array, slots: list[int], spans: Array) -> None:
        problem = Problem(compile(model).functions, p, u, [PERIOD, *slots])
        super().__init__(problem, spans, halves(model))
        self.model = model
        #: Saddles of the orbit that was looked at last, from which the next ones are found.
        self._latest: Array = np.empty((0, problem.n))
        self._known: dict[int, tuple[Orbit, Array]] = {}

    def conditions(self, origin: Node, s: float) -> Conditions:
        """Return phase, the origin's period, and length s along the tangent as conditions."""
        rows, free, target = super().conditions(origin, s)
        free[1, 0], target[1] = 1.0, origin.orbit.free[0]
        return Conditions(rows, free, target)

    def renewed(self, node: Node, intervals: int | None = None) -> Node | None:
        """Return the same point on a mesh that suits it, its period long enough."""
        moved = super().renewed(node, intervals)
        return None if moved is None else self.lengthened(moved)

    def onward(self, node: Node) -> Node | None:
        """Return the same point on a mesh that suits it, its period long enough."""
        return self.renewed(node)

    # ------------------------------------------------------------------ saddles

    def saddles(self, node: Node) -> Array:
        """Return the saddles that an orbit stays at, shape (n, n_state)."""
        known = self._known.get(id(node.orbit))
        if known is not None and known[0] is node.orbit:
            return known[1]
        self.problem.set(node.orbit.free)
        found = [newton(self.problem, each) for each in self._latest]
        extent = _extents(node)
        at_mesh = node.orbit.states[::POINTS]
        near = [
            each is not None and np.abs((at_mesh - each) / extent).max(axis=1).min() < _NEAR
            for each in found
        ]
        if near and all(near):
            self._latest = np.array(found)
        else:
            self._latest = passed(node, self.problem, float(node.orbit.free[0]))[0]
        self._known = {id(node.orbit): (node.orbit, self._latest)}
        return self._latest

    def eigenvalues(self, node: Node, saddle: Array) -> Any:
        """Return the eigenvalues at a saddle."""
        self.problem.set(node.orbit.free)
        problem = self.problem
        return np.linalg.eigvals(problem.functions.jac(0.0, saddle, problem.p, problem.u))

    def rate(self, node: Node, found: Array) -> float:
        """Return the slowest rate at the saddles, of leaving or of arriving."""
        rates = [np.abs(self.eigenvalues(node, each).real).min() for each in found]
        return float(min(rates, default=0.0))

    def multiple(self, node: Node, found: Array) -> float:
        """Return the slowest rate times the period, for each saddle."""
        return self.rate(node, found) * float(node.orbit.free[0]) / max(len(found), 1)

    def lengthened(self, node: Node, least: float = _ENOUGH) -> Node | None:
        """Return a point whose period is long enough for its saddles, or None.

        A loop of several saddles tells how long it stays at each; a guess of that is good for
        short pauses only.
        """
        growth = _GROWTH
        for _ in range(_TIMES):
            found = self.saddles(node)
            here = self.multiple(node, found)
            if not len(found) or here >= least:
                return node
            moved = self.longer(node, min(growth, 1.01 * max(_LONG, least) / here), found)
            if moved is not None:
                node, growth = moved, min(_GROWTH, growth**2)
            elif growth < _SLIGHT:
                return node if here >= _TOLERABLE else None
            else:
                growth = growth**0.25
        return node if self.multiple(node, self.saddles(node)) >= _TOLERABLE else None

    def longer(self, node: Node, factor: float, found: Array) -> Node | None:
        """Return a point beside another, of longer period: it stays at its saddles."""
        period = float(node.orbit.free[0])
        stays = self._stays(node, found)
        times, states, ahead = period * node.orbit.mesh, node.orbit.states, node.tangent.states
        added = (factor - 1.0) * period
        # From the last place to the first, so that indices before it stay what they are.
        for k, share in sorted(stays, reverse=True):
            wait = added * share
            pause = times[k] + wait * np.arange(1, _PIECES + 1) / _PIECES
            times = np.concatenate([times[: k + 1], pause, times[k + 1 :] + wait])
            states, ahead = (
                np.concatenate(
                    [
                        each[: POINTS * k + 1],
                        np.repeat(each[POINTS * k : POINTS * k + 1], POINTS * _PIECES, axis=0),
                        each[POINTS * k + 1 :],
                    ]
                )
                for each in (states, ahead)
            )
        free = node.orbit.free.copy()
        free[0] = times[-1]
        orbit = Orbit(times / times[-1], np.ascontiguousarray(states), free)
        unit = replace(
            node,
            orbit=orbit,
            tangent=Direction(np.ascontiguousarray(ahead), node.tangent.free),
            free_scale=self.free_scale(free),
            # It belongs to the mesh without the pauses.
            bend=None,
        )
        length = math.sqrt(unit.dot(unit.tangent, unit.tangent))
        tangent = Direction(unit.tangent.states / length, unit.tangent.free / length)
        made = self.at(replace(unit, tangent=tangent), 0.0)
        return None if made is None else super().renewed(made)

    def _stays(self, node: Node, found: Array) -> list[tuple[int, float]]:
        """Return where on the mesh an orbit is nearest to each saddle, and its share of time."""
        extent = _extents(node)
        mesh, at_mesh = node.orbit.mesh, node.orbit.states[::POINTS]
        places, times = [], []
        for saddle in found:
            away = np.abs((at_mesh - saddle) / extent).max(axis=1)
            places.append(int(np.argmin(away)))
            near = (away[1:] < _STAYS) & (away[:-1] < _STAYS)
            times.append(float(np.diff(mesh)[near].sum()) or 1e-3)
        return [(k, time / sum(times)) for k, time in zip(places, times, strict=True)]

    # ------------------------------------------------------------------ start and error

    def start(self, node: Node, values: tuple[float, float]) -> Node | None:
        """Return the long orbit next to one of a family along one parameter."""
        period = float(node.orbit.free[0])
        free = np.array([period, *values])
        orbit = Orbit(node.orbit.mesh, node.orbit.states, free)
        scale, n = self.scale(orbit.states), self.problem.n
        for which in (-1, -2):
            unit = Direction(np.zeros_like(orbit.states), np.zeros(3))
            unit.free[which] = self.free_scale(free)[which]
            pair = np.stack([np.eye(n), -np.eye(n)])
            first: Node | None = Node(orbit, unit, scale, self.free_scale(free), pair, 1.0, 0.0, 0)
            for _ in range(_RENEWALS):
                assert first is not None
                first = self.landing(first, first.orbit, values[which], which)
                if first is None or self.accurate(first):
                    break
                first = self.remeshed(first)
            if first is not None:
                return self.lengthened(first, _LONG)
        return None

    def shift(self, node: Node) -> float:
        """Estimate how far the parameters are from those of the connection, in spans.

        The orbit is solved for with a longer period, one parameter held; what the other moves
        is all but a known part of the way.
        """
        found = self.saddles(node)
        if not len(found):
            return math.nan
        period = float(node.orbit.free[0])
        ahead = np.abs(node.tangent.free[1:] / node.free_scale[1:])
        held, moves = (1, 2) if ahead[0] > ahead[1] else (2, 1)
        for factor in _CHECKS:
            moved = self.longer(node, factor, found)
            if moved is None:
                continue
            there = self.landing(moved, moved.orbit, float(node.orbit.free[held]), held)
            if there is None:
                continue
            change = (there.orbit.free[moves] - node.orbit.free[moves]) / node.free_scale[moves]
            left = math.exp(-self.rate(node, found) * period * (factor - 1.0) / len(found))
            return float(abs(change)) / (1.0 - left)
        stays = self._stays(node, found)
        rates = [np.abs(self.eigenvalues(node, each).real).min() for each in found]
        decays = [rate * share * period for rate, (_, share) in zip(rates, stays, strict=True)]
        return math.exp(-float(min(decays)))


class _ConnectionFollower(Follower):
    """Walks along a curve of connections."""

    def __init__(self, family: Connections, names: tuple[str, str], stepper: ArcLength) -> None:
        super().__init__(family, names, stepper, {})
        self._connections = family
        self._fastest = 0.0
        #: Saddles of the first orbit.
        self._visited: Array = np.empty((0, family.problem.n))

    def _find(self, origin: Node, node: Node) -> list[Any]:
        return []

    def _fades(self, origin: Node, node: Node) -> None:
        return None

    def _closes(self, nodes: list[Node], origin: Node) -> bool:
        return False

    def _limit(self, nodes: list[Node], *, stuck: bool = False) -> Limit | None:
        family, last = self._connections, nodes[-1]
        found = family.saddles(last)
        if not len(self._visited):
            self._visited = found
        sizes = [_extent(node) for node in nodes]
        smallest = _SMALLEST if len(found) else _SMALL
        if sizes[-1] < smallest * max(sizes):
            values = _extrapolated(nodes[:-1], sizes[:-1])
            place = ", ".join(
                f"{name} = {value:.6g}" for name, value in zip(self._names, values, strict=True)
            )
            what = "a Bogdanov-Takens point" if len(self._visited) < 2 else "a point"
            sentence = f"the orbit shrinks to {what} near {place}"
            return Limit("bogdanov_takens", last.value, found, sentence)
        if not len(found):
            return self._end("the orbit no longer stays at a saddle", last, found)
        rate = family.rate(last, found)
        self._fastest = max(self._fastest, rate)
        if rate < _SLOWEST * self._fastest:
            return self._end("the saddle ceases to be hyperbolic", last, found)
        return None

    def _end(self, reason: str, node: Node, found: Array) -> Limit:
        return Limit("", node.value, found, f"{reason}, {self._shown(node)}")


def _extents(node: Node) -> Array:
    """Return the extent of each state along an orbit."""
    return np.asarray(np.maximum(np.ptp(node.orbit.states, axis=0), 1e-12 * node.scale))


def _extent(node: Node) -> float:
    """Return the largest extent of an orbit, in scales."""
    return float((_extents(node) / node.scale).max())


def _extrapolated(nodes: list[Node], sizes: list[float]) -> list[float]:
    """Return the parameters at which the orbits' extent vanishes, by a parabola."""
    recent = slice(max(len(nodes) - 8, 0), None)
    x = np.array(sizes[recent])
    degree = min(2, len(x) - 1)
    return [
        float(np.polyfit(x, [node.orbit.free[k] for node in nodes[recent]], degree)[-1])
        for k in (1, 2)
    ]


# ---------------------------------------------------------------------- the curve


def follow_connections(
    model: Model,
    parameters: tuple[str, str],
    start: Mapping[str, Any],
    spans: Array,
    p: Array,
    u: Array,
    stepper: ArcLength,
    where: str,
) -> BifurcationCurve:
    """Follow homoclinic orbits or heteroclinic loops along two parameters.

    Parameters
    ----------
    model, parameters, start, spans, p, u, stepper, where
        As in `curves.follow`.

    Returns
    -------
    BifurcationCurve

    Raises
    ------
    ModelError
        If the start brings no orbit.
    SolveError
        If there is no connection near it.
    """
    kind = start["kind"]
    if not isinstance(start.get("orbit"), Start):
        raise ModelError(
            f"{where}: a curve of connections needs an orbit to start from: give a row of the "
            "special points of tr.cycles whose kind is 'homoclinic' or 'heteroclinic', or of a "
            "Bogdanov-Takens point"
        )
    slots = [slot_of(model, name) for name in parameters]
    family = Connections(model, p, u, slots, spans)
    values = (float(start[parameters[0]]), float(start[parameters[1]]))
    first = family.start(start["orbit"].node, values)
    if first is None or not len(family.saddles(first)):
        shown = ", ".join(f"{k} = {v:.6g}" for k, v in zip(parameters, values, strict=True))
        raise SolveError(
            f"{where}: found no {kind} orbit that can be followed near {shown}. Start from a row "
            "of the special points of tr.cycles, with the params= that it was called with",
            Status.MAX_STEPS,
        )
    follower = _ConnectionFollower(family, parameters, stepper)
    forward = follower.side(first, born=False)
    backward = follower.side(first.reversed(), born=False)
    held = dict(zip(model.params, family.problem.p.tolist(), strict=True))
    inputs = dict(zip(model.inputs, family.problem.u.tolist(), strict=True))
    for name in parameters:
        held.pop(name, None)
        inputs.pop(name, None)
    return _assembled(family, kind, parameters, forward, backward, held, inputs)


def _assembled(
    family: Connections,
    kind: str,
    parameters: tuple[str, str],
    forward: Side,
    backward: Side,
    params: dict[str, float],
    inputs: dict[str, float],
) -> BifurcationCurve:
    """Join the two sides into one curve."""
    import pandas as pd

    # The last orbit of a side may be one that no longer stays at a saddle.
    sides = [
        side.nodes if len(family.saddles(side.nodes[-1])) else side.nodes[:-1]
        for side in (backward, forward)
    ]
    nodes = [*sides[0][:0:-1], *sides[1]]
    free = np.array([node.orbit.free for node in nodes])
    columns: dict[str, Any] = {"step": np.arange(len(nodes))}
    columns |= {name: free[:, k + 1] for k, name in enumerate(parameters)}
    columns["period"] = free[:, 0]
    states = family.model.states
    for side, label in enumerate(("min", "max")):
        ends = np.array([node.orbit.extremes[side] for node in nodes])
        columns |= {f"{label}_{name}": ends[:, k] for k, name in enumerate(states)}
    found = [family.saddles(node) for node in nodes]
    values = [
        [family.eigenvalues(node, saddle) for saddle in each]
        for node, each in zip(nodes, found, strict=True)
    ]
    columns["n_unstable"] = [int(np.sum(each[0].real > 0.0)) if each else -1 for each in values]
    columns["coefficient"] = [
        float(sum(_leading_sum(spectrum) for spectrum in each)) for each in values
    ]
    columns["error"] = [family.shift(node) for node in nodes]
    empty = ["kind", *parameters, *states, "coefficients", "converged", "bracket"]
    special = pd.DataFrame(columns=empty)
    special.attrs = {"params": params, "inputs": inputs}
    return BifurcationCurve(
        family.model,
        kind,
        parameters,
        pd.DataFrame(columns),
        special,
        (backward.end, forward.end),
        len(sides[0]) - 1,
        False,
        params,
        inputs,
    )


def _leading_sum(spectrum: Any) -> float:
    """Return the saddle quantity: the slowest rates of leaving and of arriving, added."""
    real = spectrum.real
    if not (real > 0.0).any() or not (real < 0.0).any():
        return math.nan
    return float(real[real > 0.0].min() + real[real < 0.0].max())
