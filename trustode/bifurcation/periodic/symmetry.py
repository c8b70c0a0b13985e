"""Symmetries that a periodic orbit shows: it is its own image half a period later.

Imports the families of this folder.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .collocation import POINTS, Array, Direction, Orbit, Problem, interpolated
from .family import Node

#: Of an orbit's extents, below which it keeps to a plane.
_FLAT = 1e-6
#: Share of its extents to which an orbit has to be its own image ...
_ALIKE = 1e-6
#: ... and of its size to which the direction of the new family has to turn round.
_OPPOSITE = 1e-3
#: Share of the largest speed to which the equations have to have the symmetry.
_EXACT = 1e-10


def half_turn(node: Node, centre: Array, tolerance: float) -> Array | None:
    """Return the linear map about a centre that takes an orbit to where it is half a period later.

    None if none does, or if the orbit keeps to a plane, which leaves it open.

    Parameters
    ----------
    node : Node
    centre : ndarray, shape (n_state,)
    tolerance : float
        In the states' extents.

    Returns
    -------
    ndarray, shape (n_state, n_state), or None
    """
    orbit = node.orbit
    unit = np.maximum(np.ptp(orbit.states, axis=0), 1e-12 * node.scale)
    later = (orbit.at((orbit.nodes + 0.5) % 1.0) - centre) / unit
    here = (orbit.states - centre) / unit
    turn, _, rank, _ = np.linalg.lstsq(here, later, rcond=_FLAT)
    if rank < len(unit) or np.abs(here @ turn - later).max() > tolerance:
        return None
    return np.asarray(unit[:, None] * turn.T / unit, dtype=float)


def reflection(problem: Problem, node: Node) -> Array | None:
    """Return the symmetry that a family breaks where it leaves an orbit, or None.

    The orbit is its own image half a period later, the direction of the family the opposite of
    its image. States change their signs or places with each other: no other symmetries are found.

    Parameters
    ----------
    problem : Problem
    node : Node
        The orbit, looking along the family.

    Returns
    -------
    ndarray, shape (n_state, n_state), or None
    """
    orbit, ahead = node.orbit, node.tangent.states
    turn = half_turn(node, np.zeros(problem.n), _ALIKE)
    if turn is None:
        return None
    turn = np.round(turn)
    if any((np.abs(turn).sum(axis=axis) != 1.0).any() for axis in (0, 1)):
        return None
    opposite = ahead @ turn.T + interpolated(orbit.mesh, ahead, (orbit.nodes + 0.5) % 1.0)
    if np.abs(opposite).max() > _OPPOSITE * np.abs(ahead).max():
        return None
    problem.set(orbit.free)
    # Off the orbit too, or its neighbours would have none of it.
    places = orbit.states[::POINTS]
    places = places + np.ptp(places, axis=0).max() * np.random.default_rng(0).normal(
        size=places.shape
    )
    here, there = (
        np.array([problem.functions.rhs(0.0, y, problem.p, problem.u) for y in each])
        for each in (places, np.ascontiguousarray(places @ turn.T))
    )
    return turn if np.abs(there - here @ turn.T).max() <= _EXACT * np.abs(here).max() else None


def image(node: Node, turn: Array) -> Node:
    """Return the image of a point, about half a period later, so that it is next to its start."""
    mesh = node.orbit.mesh
    k = int(np.argmin(np.abs(mesh - 0.5)))
    later = np.concatenate([mesh[k:-1] - mesh[k], mesh[: k + 1] + (1.0 - mesh[k])])

    def moved(values: Array) -> Array:
        return np.concatenate([values[POINTS * k : -1], values[: POINTS * k + 1]]) @ turn.T

    return replace(
        node,
        orbit=Orbit(later, moved(node.orbit.states), node.orbit.free),
        tangent=Direction(moved(node.tangent.states), node.tangent.free),
        scale=np.abs(turn) @ node.scale,
        # The pair belongs to another beginning; the multipliers are the same.
        pair=np.full_like(node.pair, np.nan),
        known=node.multipliers,
        bend=None,
    )
