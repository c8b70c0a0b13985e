"""How fast small differences grow along many runs: the largest Lyapunov exponent.

Imports the runs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .errors import Status
from .jobs import Crew
from .runs import Runs
from .solve import NATIVE, Solver, solve_batch

Array = NDArray[np.float64]

#: Steps of the solver between two renormalisations, at first.
_STEPS_A_SEGMENT = 16
_FEWEST_SEGMENTS = 256
#: Differences that shrink further within a segment drown in the absolute tolerance.
_MOST_SHRINKING = np.log(1e4)


def lyapunov(
    runs: Runs,
    rows: NDArray[np.intp],
    y0: Array,
    span: tuple[float, float],
    n_steps: NDArray[np.int64],
    solver: Solver,
    crew: Crew,
) -> Array:
    """Return the largest Lyapunov exponent of each run over a span.

    Parameters
    ----------
    rows : ndarray, shape (n,)
    y0 : ndarray, shape (n, n_state)
        States at the start of the span.
    n_steps : ndarray, shape (n,)
        Steps that a solve of the span takes, by which it is cut into segments.

    Returns
    -------
    ndarray, shape (n,)
        In one over the model's unit of time; NaN where the solve failed.

    Notes
    -----
    The tangents of a segment start from a unit matrix and are made orthogonal at its end
    (Benettin, Galgani, Giorgilli & Strelcyn 1980, Meccanica 15, 9-30). The growth rates of
    the segments are averaged with the weight sin^2, which is 0 at both ends of the span: the
    ends, where the tangents still align and a cycle is broken off, then hardly count (after
    Das, Saiki, Sander & Yorke 2017, Nonlinearity 30, 4111).
    """
    if solver.method == "auto" or NATIVE.get(solver.method, {"implicit": True})["implicit"]:
        solver = replace(solver, method="tsit5")
    found = np.full(len(rows), np.nan)
    wanted = np.maximum(n_steps / _STEPS_A_SEGMENT, _FEWEST_SEGMENTS)
    segments = 2 ** np.ceil(np.log2(wanted)).astype(np.int64)
    waiting = np.arange(len(rows))
    while waiting.size:
        # Runs of one number of segments share their times; which runs those are changes no bit.
        n = int(segments[waiting].min())
        group = waiting[segments[waiting] == n]
        times = np.linspace(*span, n + 1)
        found[group], shrinking = _exponents(runs, rows[group], y0[group], times, solver, crew)
        segments[group] *= 4
        again = (shrinking > _MOST_SHRINKING) & (segments[group] <= 4 * n_steps[group])
        waiting = np.setdiff1d(waiting, group[~again])
    return found


def _exponents(
    runs: Runs, rows: NDArray[np.intp], y: Array, times: Array, solver: Solver, crew: Crew
) -> tuple[Array, Array]:
    """Return the largest exponent of each run, and the most that its direction shrank."""
    compiled = runs.compiled
    states = compiled.model.states
    n_segment, n = len(times) - 1, len(states)
    p, stimuli = runs.params(rows), runs.stimuli(rows)
    y = y.copy()
    basis = np.tile(np.eye(n), (len(rows), 1, 1))
    growth, least = np.zeros((2, len(rows), n))
    weights = np.sin(np.pi * (np.arange(n_segment) + 0.5) / n_segment) ** 2
    alive = np.arange(len(rows))
    for k in range(n_segment):
        batch = solve_batch(
            compiled,
            times[k : k + 2],
            p[alive],
            y[alive],
            stimuli if len(stimuli) == 1 else [stimuli[i] for i in alive],
            solver,
            which=[f"{name}(0)" for name in states],
            threads=crew.threads,
            cancel=crew.cancel,
        )
        assert batch.dydp is not None
        good = batch.status == Status.SUCCESS
        alive = alive[good]
        if not alive.size:
            break
        y[alive] = batch.y[good, -1]
        basis[alive], r = np.linalg.qr(batch.dydp[good, -1] @ basis[alive])
        with np.errstate(divide="ignore"):
            change = np.log(np.abs(np.diagonal(r, axis1=1, axis2=2)))
        growth[alive] += weights[k] * change
        least[alive] = np.minimum(least[alive], change)
    span = weights.sum() * (times[1] - times[0])
    largest = np.full(len(rows), np.nan)
    largest[alive] = growth[alive].max(axis=1) / span
    return largest, -least[np.arange(len(rows)), growth.argmax(axis=1)]
