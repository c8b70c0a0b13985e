"""Trajectories that keep moving although something stable is known: scouts of further cycles.

A cycle that coexists with a stable equilibrium needs no Hopf point in the span. Imports the
picture of a diagram and the systems of this folder.
"""

from __future__ import annotations

import numpy as np

from ..errors import Status
from ..solve import Batch, Solver, input_tables, pack, solve_batch
from .portrait import Diagram, extent_of
from .system import Array, System

#: At how many values of the parameter trajectories begin, and how many at each.
_VALUES, _STARTS = 11, 4
#: A trajectory that has not come to rest within so many steps, by the end of time, swings.
_SCOUT, _FOREVER = Solver(method="rodas5p", max_steps=600), 1e12
#: Share of a start within which nothing moved.
_STILL = 1e-12
#: How those that swing are compared with known cycles.
_COMPARED = Solver(max_steps=20_000)
#: How far beyond the equilibria starts lie, in extents of all branches, at one value and the next.
_AROUND = (1.0, 3.0)
#: Periods of a known cycle after which a trajectory is on it, points of one more period, and how
#: near its extremes are then, in extents.
_TURNS, _LOOKS, _NEAR = 30.0, 60, 0.03


def swinging(system: System, made: Diagram) -> list[tuple[float, list[Array]]]:
    """Return starts whose trajectories keep moving, but on no known cycle.

    Parameters
    ----------
    system : System
    made : Diagram

    Returns
    -------
    list of (float, list of ndarray)
        A value of the parameter and the starts.
    """
    low, high = made.span
    found = []
    for k in range(_VALUES):
        value = low + (high - low) * (k + 0.5) / _VALUES
        cycles = made.cycles_at(value)
        if not cycles and not made.stable_at(value):
            continue
        starts = _starts(system, made, value, k)
        batch = _solved(system, value, starts, np.array([0.0, _FOREVER]), _SCOUT)
        # Who begins on an unstable equilibrium stays there.
        left = (np.abs(batch.y_reached - starts) > _STILL * np.abs(starts)).any(axis=1)
        moving = starts[left & (np.array(batch.status) == Status.MAX_STEPS)]
        for period, least, largest in cycles if len(moving) else []:
            times = period * np.append(0.0, np.linspace(_TURNS, _TURNS + 1.0, _LOOKS))
            y = _solved(system, value, moving, times, _COMPARED).y[:, 1:]
            away = np.maximum(abs(y.min(axis=1) - least), abs(y.max(axis=1) - largest))
            known = (away <= _NEAR * (largest - least)).all(axis=1)
            moving = moving[~known & np.isfinite(y).all(axis=(1, 2))]
        if len(moving):
            found.append((value, list(moving)))
    return found


def _solved(system: System, value: float, starts: Array, times: Array, solver: Solver) -> Batch:
    """Solve from several starts at a value of the parameter."""
    system.set(np.append(np.zeros(system.n), value))
    stimuli = [pack(input_tables(system.compiled, system.names()[1], system.where))]
    p = np.tile(system.p, (len(starts), 1))
    return solve_batch(system.compiled, times, p, starts, stimuli, solver)


def _starts(system: System, made: Diagram, value: float, turn: int) -> Array:
    """Return the initial state and points spread around the equilibria at a value."""
    system.set(np.append(np.zeros(system.n), value))
    initial = np.array(system.compiled.initial(system.p), dtype=float)
    known = np.array([initial, *(y for y, _ in made.rests_at(value))])
    least, largest = known.min(axis=0), known.max(axis=0)
    extent = np.array([extent_of(made.branches, state) for state in made.model.states])
    extent *= _AROUND[turn % len(_AROUND)]
    low, high = least - extent, largest + extent
    # States that are nowhere negative are counts, concentrations or shares.
    low = np.where(least >= 0.0, np.maximum(low, 0.0), low)
    low, high = np.maximum(low, system.bounds[:, 0]), np.minimum(high, system.bounds[:, 1])
    # Multiples of the powers of 1 / ratio, where ratio**(n + 1) = 1 + ratio, fill a box evenly
    # however many there are: as those of the golden ratio fill a line.
    ratio = 1.5
    for _ in range(50):
        ratio = (1.0 + ratio) ** (1.0 / (system.n + 1))
    places = np.arange(turn * _STARTS, (turn + 1) * _STARTS - 1)[:, None]
    share = (0.5 + (places + 1.0) * ratio ** -np.arange(1.0, system.n + 1)) % 1.0
    return np.vstack([initial, low + share * (high - low)])
