"""Orbits that trajectories settle on, where no Hopf point leads to them.

Imports the first orbits and families of this folder.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ...simulate import Solution, simulate
from ...solve import Solver
from ..equilibria import ordered_eigenvalues, undecided
from ..system import Array, System, newton
from .collocation import Orbit, nodes_of
from .family import Family, Node
from .start import from_orbit, from_solution

#: Steps of the solver after which a trajectory is asked whether it is on a cycle, and end of time.
_LOOKS, _FOREVER = (2000, 4000), 1e12
#: A trajectory that starts at rest starts this share of the states' size beside it.
_BESIDE = 1e-2
#: Newton's method may move so far, in state sizes, from where a trajectory came to rest.
_REACH = 0.1
#: States this many times as large as where they began run away.
_AWAY = 1e6
#: Turns after which a trajectory may seem to close first, while it still swings about a cycle.
_TURNS = (2, 3)
#: Share of the states' sizes within which nothing moved: a trajectory that begins on an unstable
#: equilibrium stays there, in steps that would show what grows.
_STILL = 1e-12
#: Turns that differ by less than this share of their extent are one.
_SAME = 1e-4


def beside(system: System, y: Array, value: float, size: Array) -> list[Array]:
    """Return states on both sides of an equilibrium, in its most unstable direction.

    Parameters
    ----------
    system : System
    y : ndarray, shape (n_state,)
    value : float
        Of the free parameter.
    size : ndarray, shape (n_state,)
        Of the states.

    Returns
    -------
    list of ndarray
        Empty if no direction is unstable; one state where the direction turns.
    """
    jac = system.jac(np.append(y, value)) * size / size[:, None]
    leading = ordered_eigenvalues(jac)
    if leading[0].real <= undecided(leading):
        return []
    values, vectors = np.linalg.eig(jac)
    direction = vectors[:, int(np.argmax(values.real))].real
    direction = _BESIDE * size * direction / np.abs(direction).max()
    return [y + direction] if leading[0].imag else [y + direction, y - direction]


def settled(family: Family, system: System, value: float, starts: Iterable[Array]) -> Node | None:
    """Return the attracting orbit that a trajectory settles on, or None.

    Parameters
    ----------
    family : Family
    system : System
    value : float
        Of the free parameter.
    starts : iterable of ndarray, shape (n_state,)
        Where trajectories begin. The next one is only tried if one ran away or came to rest; on
        an unstable equilibrium, it first goes on from beside that.
    """
    waiting, rested = list(starts), False
    while waiting:
        state = waiting.pop(0)
        size = np.maximum(np.abs(state), family.scale(state[None]))
        for steps in _LOOKS:
            solution = _trajectory(system, value, state, steps)
            state = solution.y[-1]
            if not (np.abs(state) <= _AWAY * size).all():
                break
            late = solution.y[len(solution.t) // 2 :]
            still = (np.ptp(late, axis=0) <= _STILL * size).all()
            if still or len(solution.t) <= steps // 2 or solution.t[-1] >= _FOREVER:
                root = newton(system, state, size, _REACH)
                if root is not None and not rested:
                    rested = True
                    waiting[:0] = beside(system, root, value, size)
                break
            orbit = from_solution(family, solution, value)
            node = None if orbit is None else from_orbit(family, orbit)
            if node is not None and node.multipliers.is_stable:
                return _once(family, node)
        else:
            return None
    return None


def _once(family: Family, node: Node) -> Node:
    """Return an orbit that may be gone round several times, gone round once."""
    orbit = node.orbit
    nodes = nodes_of(orbit.mesh)
    for turns in _TURNS:
        part = orbit.at(nodes / turns)
        others = [orbit.at((nodes + k) / turns) for k in range(1, turns)]
        apart = np.max([np.abs(each - part).max(axis=0) for each in others], axis=0)
        if (apart <= _SAME * np.ptp(orbit.states, axis=0)).all():
            free = orbit.free.copy()
            free[0] /= turns
            shorter = from_orbit(family, Orbit(orbit.mesh, np.ascontiguousarray(part), free))
            if shorter is not None:
                return _once(family, shorter)
    return node


def _trajectory(system: System, value: float, state: Array, steps: int) -> Solution:
    """Return a trajectory of so many steps, or as far as it goes."""
    system.set(np.append(state, value))
    params, inputs = system.names()
    return simulate(
        system.model,
        (0.0, _FOREVER),
        params=params,
        inputs=inputs,
        initial=dict(zip(system.model.states, state.tolist(), strict=True)),
        solver=Solver(method="rodas5p", max_steps=steps),
        on_error="return",
    )
