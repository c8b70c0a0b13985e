"""First orbits of a family: from a Hopf point, a trajectory, or another family.

Imports the families of this folder and the systems of the folder above.
"""

from __future__ import annotations

import math

import numpy as np

from ...simulate import Solution
from ..normal_form import null_vector
from ..system import System
from .collocation import (
    PERIOD,
    Array,
    Conditions,
    Direction,
    Orbit,
    inner,
    nodes_of,
)
from .family import FEWEST, Family, Node
from .floquet import Multipliers, looked_at

#: Real part of a Hopf point's eigenvalues, relative to the imaginary one, that may be left.
_ROUNDING = 1e-4
#: Intervals of the mesh that a trajectory is put on before it is solved for.
_SAMPLED = 60
#: Meshes tried until the error of interpolation is what it should be.
_RENEWALS = 6
#: A trajectory has come back within this share of its extent, and is looked at more closely
#: where a coarse look finds it within the second.
_RETURN, _NEAR_RETURN = 0.02, 0.3
#: That many such places are looked at, each on this many times on so many finer points.
_LOOKS, _REFINEMENTS, _FINER = 16, 3, 33
#: A trajectory that moves less than this, of the largest values it had, is at rest.
_STILL = 1e-4
#: How often an orbit may go round (more often in steps of these), turns that are the same to within
#: this share of its extent; and the shortest interval that is kept of a mesh that is cut.
_TURNS, _SAME_TURN, _SHORT = (2, 3, 5), 1e-4, 1e-6


def from_hopf(family: Family, system: System, y: Array, value: float) -> Node | None:
    """Return the orbit of no extent at a Hopf point, looking along its critical direction.

    None if no pair of the equilibrium's eigenvalues is imaginary, but for rounding.
    """
    jac = system.jac(np.append(y, value))
    eigenvalues = np.linalg.eigvals(jac)
    above = eigenvalues[eigenvalues.imag > 0.0]
    if not len(above):
        return None
    critical = above[np.argmin(np.abs(above.real) / above.imag)]
    omega = float(critical.imag)
    if abs(critical.real) > _ROUNDING * omega:
        return None
    q = null_vector(jac - critical * np.eye(len(y)))
    mesh = np.linspace(0.0, 1.0, (family.intervals or FEWEST) + 1)
    turns = np.exp(2j * math.pi * nodes_of(mesh))[:, None]
    orbit = Orbit(mesh, np.tile(y, (len(turns), 1)), np.array([2.0 * math.pi / omega, value]))
    direction = Direction(np.real(q * turns), np.zeros(2))
    # Of the pair one multiplier is the shift's, and the other one is 1 too.
    rates = np.delete(eigenvalues, int(np.argmin(np.abs(eigenvalues - critical))))
    rates[np.argmin(np.abs(rates - np.conj(critical)))] = 0.0
    with np.errstate(over="ignore"):  # a saddle may leave faster than any number can say
        others = np.exp(orbit.free[0] * rates)
    others = others[np.argsort(-np.abs(others), kind="stable")]
    return _looking(family, orbit, direction, looked_at(np.append(1.0, others)))


def from_orbit(family: Family, orbit: Orbit) -> Node | None:
    """Return a solved orbit near one that is given, at the same parameter value.

    It looks to larger values of the parameter.
    """
    # Any direction measures the phase; the parameter is held.
    unit = np.zeros(len(orbit.free))
    unit[-1] = 1.0
    node: Node | None = _looking(family, orbit, Direction(np.zeros_like(orbit.states), unit))
    for _ in range(_RENEWALS):
        if node is None:
            return None
        node = family.landing(node, node.orbit, orbit.free[-1])
        if node is None or _rests(node.orbit):
            return None
        if family.accurate(node):
            break
        node = family.remeshed(node)
    if node is None:
        return None
    once = _once(family, node.orbit)
    if once is not None:
        return from_orbit(family, once)
    return node if node.tangent.free[-1] >= 0.0 else node.reversed()


def _rests(orbit: Orbit) -> bool:
    """Return whether Newton's method has led to an equilibrium."""
    extent = np.ptp(orbit.states, axis=0)
    return bool((extent <= _STILL * _STILL * np.abs(orbit.states).max()).all())


def _once(family: Family, orbit: Orbit) -> Orbit | None:
    """Return one turn of an orbit that goes round more than once, or None.

    Near a period doubling a trajectory comes back more closely after two turns than after one.
    """
    extent = np.maximum(np.ptp(orbit.states, axis=0), _STILL * np.abs(orbit.states).max())
    for turns in _TURNS:
        later = orbit.at((orbit.nodes + 1.0 / turns) % 1.0)
        if (np.abs(later - orbit.states) <= _SAME_TURN * extent).all():
            inside = turns * orbit.mesh[orbit.mesh * turns < 1.0 - _SHORT]
            mesh = np.append(inside, 1.0)
            free = orbit.free.copy()
            free[family.problem.slots.index(PERIOD)] /= turns
            return Orbit(mesh, orbit.at(nodes_of(mesh) / turns), free)
    return None


def doubled(family: Family, node: Node) -> Node | None:
    """Return the orbit at a period doubling as one of twice the period, looking aside."""
    mesh, states, free = node.orbit.mesh, node.orbit.states, node.orbit.free.copy()
    free[family.problem.slots.index(PERIOD)] *= 2.0
    twice = Orbit(
        np.concatenate([mesh / 2.0, 0.5 + mesh[1:] / 2.0]),
        np.vstack([states, states[1:]]),
        free,
    )
    tangent = Direction(
        np.vstack([node.tangent.states, node.tangent.states[1:]]), node.tangent.free
    )
    start = _looking(family, twice, tangent)
    aside = _aside(family, start)
    if aside is None:
        return None
    half = len(states) - 1
    later = np.vstack([aside.states[half:], aside.states[1 : half + 1]])
    odd = Direction((aside.states - later) / 2.0, np.zeros_like(free))
    found = node.multipliers
    again = looked_at(found.values**2)._replace(sure=found.sure)
    return _looking(family, twice, odd, again)


def halved(family: Family, turn: Solution, value: float) -> Node | None:
    """Return the orbit of half the period beside one that fades into it.

    Parameters
    ----------
    family : Family
    turn : Solution
        One turn of the longer orbit.
    value : float
        Of the parameter.
    """
    period = float(turn.t[-1]) / 2.0
    return from_orbit(family, _closed(turn, 0.0, period, value))


def switched(family: Family, node: Node) -> Node | None:
    """Return the orbit at a branch point, looking along the family that crosses there."""
    aside = _aside(family, node)
    return None if aside is None else _looking(family, node.orbit, aside, node.multipliers)


def from_solution(family: Family, solution: Solution, value: float) -> Orbit | None:
    """Return the last turn of a trajectory as an orbit, or None if it does not come back."""
    end = float(solution.t[-1])
    span = end - float(solution.t[0])
    times = np.linspace(end - span / 2.0, end, 4001)
    y = solution(times)
    extent = np.ptp(y, axis=0)
    size = np.abs(solution.y).max(axis=0)
    if not np.isfinite(y).all() or np.all(extent <= _STILL * size):
        return None
    unit = np.maximum(extent, _STILL * size)
    unit[unit == 0.0] = 1.0

    gaps = np.abs((y - y[-1]) / unit).max(axis=1)
    inner_gaps = gaps[1:-1]
    dips = 1 + np.flatnonzero((inner_gaps <= gaps[:-2]) & (inner_gaps < gaps[2:]))
    # The latest time at which it was where it is now.
    near = [k for k in dips[::-1].tolist() if gaps[k] <= _NEAR_RETURN]
    for k in near[:_LOOKS]:
        before, after = times[k - 1], times[k + 1]
        for _ in range(_REFINEMENTS):
            closer = np.linspace(before, after, _FINER)
            distances = np.abs((solution(closer) - y[-1]) / unit).max(axis=1)
            at = min(max(int(np.argmin(distances)), 1), _FINER - 2)
            before, after = closer[at - 1], closer[at + 1]
        if distances[at] < _RETURN:
            break
    else:
        return None
    period = end - float(closer[at])
    return _closed(solution, end - period, period, value)


def _closed(solution: Solution, begin: float, period: float, value: float) -> Orbit:
    """Return a stretch of a trajectory as an orbit."""
    mesh = np.linspace(0.0, 1.0, _SAMPLED + 1)
    nodes = nodes_of(mesh)
    states = solution(begin + period * nodes)
    # The ends are joined, so that Newton's method begins on a closed curve.
    states = states + nodes[:, None] * (states[0] - states[-1])
    return Orbit(mesh, np.ascontiguousarray(states), np.array([period, value]))


def _looking(
    family: Family, orbit: Orbit, direction: Direction, known: Multipliers | None = None
) -> Node:
    """Return an orbit as a point of a family whose tangent has a direction."""
    n = family.problem.n
    scale, free_scale = family.scale(orbit.states), family.free_scale(orbit.free)
    length = math.sqrt(
        inner(orbit.mesh, direction.states / scale, direction.states / scale)
        + float(((direction.free / free_scale) ** 2).sum())
    )
    unit = Direction(direction.states / length, direction.free / length)
    pair = np.stack([np.eye(n), -np.eye(n)])
    return Node(orbit, unit, scale, free_scale, pair, 1.0, 0.0, 0, known=known)


def _aside(family: Family, node: Node) -> Direction | None:
    """Return the second direction in which the equations are solved to first order.

    At a branch point the equations bordered by the tangent are singular; solved for any
    right-hand side, twice, they give their null vector.
    """
    conditions: Conditions = family.conditions(node, 0.0)
    k = len(node.orbit.free)
    right = np.zeros((1, node.orbit.states.size + k))
    right[0, :-k] = np.random.default_rng(0).standard_normal(node.orbit.states.size)
    solved = family.problem.solve(node.orbit, conditions, right)
    if solved is None:
        return None
    found = solved.steps[0]
    along = node.dot(found, node.tangent)
    states = found.states - along * node.tangent.states
    free = found.free - along * node.tangent.free
    return Direction(states, free)
