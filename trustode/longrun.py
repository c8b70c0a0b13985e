"""Solve runs past a transient, sample them finely, measure them, and name their regime.

Imports the runs and the measures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import Status
from .jobs import Crew
from .lyapunov import lyapunov
from .measures import Behaviour, behaviour, extremes, late, mean
from .model import Model
from .runs import CHUNK_BYTES, Runs, refuse_too_large
from .solve import Solver

Array = NDArray[np.float64]

#: What can be measured.
MEASURES = ("min", "max", "mean", "final", "period", "amplitude", "lyapunov", "regime")
_PER_STATE = ("min", "max", "mean", "final", "amplitude")

#: Starts between which the trust models may split: T = L = +-0.9.
IDEALISED = 0.9
#: Two resting runs whose T differs by more than this ended differently.
APART = 0.1
#: Unless T, as it still moves, could make up the difference in so many late parts.
_PARTS_MORE = 5

#: Samples for each step the solver takes, at least; more when they are rounded up. A step of
#: Taylor's method is a good part of a swing.
_SAMPLES_PER_STEP = 12
_SAMPLES_PER_CYCLE = 128
_FEWEST_SAMPLES = 1024
_TRANSIENT_SAMPLES = 256
_NEWTON_STEPS = 30
_NEWTON_CLOSE = 1e-10


def is_trust(model: Model) -> bool:
    """Say whether T is a trust appraisal, bounded in (-1, 1)."""
    return bool(model.bounds.get("T") == (-1.0, 1.0))


def long_run_starts(
    model: Model,
    columns: Mapping[str, Array],
    initial: Mapping[Any, float] | None,
    measures: tuple[str, ...],
) -> list[dict[Any, float]]:
    """Return the initial values of each run of a point: its own, then the regime's two."""
    own = dict(model.known(initial, "state", model.states))
    moved = [name for name in ("T", "L") if name in model.states]
    varied = any(f"{name}(0)" in columns for name in moved)
    if not is_trust(model) or "regime" not in measures or varied:
        return [own]
    ends = [own | dict.fromkeys(moved, value) for value in (IDEALISED, -IDEALISED)]
    return ends if measures == ("regime",) else [own, *ends]


def settle(runs: Runs, rows: NDArray[np.intp], t: float, y0: Array, free: list[int]) -> Array:
    """Move some states to where they rest while the others are held.

    Newton's method on the equations of the free states. Where it does not converge inside
    the model's bounds, the start stays as it was.

    Parameters
    ----------
    rows : ndarray, shape (n,)
    t : float
        Time at which the inputs are read.
    y0 : ndarray, shape (n, n_state)
    free : list of int
        States that move.

    Returns
    -------
    ndarray, shape (n, n_state)
    """
    compiled = runs.compiled
    low, high = np.array(
        [compiled.model.bounds.get(name, (-math.inf, math.inf)) for name in compiled.model.states]
    ).T
    settled = y0.copy()
    for k, p in enumerate(runs.params(rows)):
        u = np.array([float(each(t)) for each in runs.row_tables(int(rows[k]))])
        y = y0[k].copy()
        for _ in range(_NEWTON_STEPS):
            residual = compiled.rhs(t, y, p, u)[free]
            try:
                step = np.linalg.solve(compiled.jac(t, y, p, u)[np.ix_(free, free)], residual)
            except np.linalg.LinAlgError:
                break
            y[free] -= step
            if not np.isfinite(y).all():
                break
            if np.abs(step).max(initial=0.0) < _NEWTON_CLOSE:
                if (low <= y).all() and (y <= high).all():
                    settled[k] = y
                break
    return settled


@dataclass(frozen=True)
class Plan:
    """What is done to each run; `free` are the states that settle before the regime's runs."""

    start: float
    begin: float
    end: float
    solver: Solver
    atol: Array
    measures: tuple[str, ...]
    free: list[int]


@dataclass(frozen=True)
class _Measured:
    """One run's status and long-run behaviour, and where and how its window was solved."""

    status: int
    begin: Array
    n_steps: int
    final: Array
    late: Array
    drift: Array
    low: Array
    high: Array
    mean: Array
    behaviour: Behaviour


def measure_points(
    every: list[Runs], rows: NDArray[np.intp], plan: Plan, crew: Crew
) -> list[dict[str, Any]]:
    """Solve and measure some points; one mapping of column to value each."""
    measured = []
    for k, runs in enumerate(every):
        y0 = runs.starts(rows, runs.params(rows))
        if k >= len(every) - 2 and len(every) > 1:
            y0 = settle(runs, rows, plan.start, y0, plan.free)
        measured.append(_measure_runs(runs, rows, y0, plan, crew))
    model = every[0].compiled.model
    points = [_describe(model, list(point), plan) for point in zip(*measured, strict=True)]
    if "lyapunov" in plan.measures:
        for point, exponent in zip(
            points, _exponents(every[0], rows, measured[0], plan, crew), strict=True
        ):
            point["lyapunov"] = float(exponent)
    return points


def _exponents(
    runs: Runs, rows: NDArray[np.intp], measured: list[_Measured], plan: Plan, crew: Crew
) -> Array:
    """Return the largest Lyapunov exponent of each run in its window, NaN where that failed."""
    solved = np.flatnonzero([each.status == Status.SUCCESS for each in measured])
    found = np.full(len(rows), np.nan)
    begin = np.array([measured[k].begin for k in solved])
    n_steps = np.array([measured[k].n_steps for k in solved], dtype=np.int64)
    span = plan.begin, plan.end
    found[solved] = lyapunov(runs, rows[solved], begin, span, n_steps, plan.solver, crew)
    return found


def _measure_runs(
    runs: Runs, rows: NDArray[np.intp], y0: Array, plan: Plan, crew: Crew
) -> list[_Measured]:
    """Solve some runs past the transient, then finely, and measure them."""
    n_state = len(runs.compiled.model.states)
    done: dict[int, _Measured] = {}
    y, size = y0, np.abs(y0)
    samples = np.full(len(rows), _FEWEST_SAMPLES)
    if plan.begin > plan.start:
        times = np.linspace(plan.start, plan.begin, _TRANSIENT_SAMPLES)
        transient, status, n_steps = runs.solve(rows, times, plan.solver, crew, y0)
        y, size = transient[:, -1], np.abs(transient).max(axis=1)
        for k in np.flatnonzero(status != Status.SUCCESS):
            done[int(k)] = _failed(int(status[k]), n_state)
        samples = _samples(n_steps * (plan.end - plan.begin) / (plan.begin - plan.start))
    waiting = [k for k in range(len(rows)) if k not in done]
    while waiting:
        # Runs of one resolution share their times; which runs those are changes no bit.
        n = int(samples[waiting].min())
        group = np.array([k for k in waiting if samples[k] == n])
        group = group[: max(1, CHUNK_BYTES // (8 * n * n_state))]
        t = np.linspace(plan.begin, plan.end, n)
        refuse_too_large((len(group), n, n_state), runs.where, "Solve a shorter span")
        window, status, n_steps = runs.solve(rows[group], t, plan.solver, crew, y[group])
        needed = _samples(n_steps)
        for j, k in enumerate(group):
            if status[j] != Status.SUCCESS:
                done[int(k)] = _failed(int(status[j]), n_state)
                continue
            if 2 * n >= needed[j]:
                measured = _measure(
                    runs.compiled.model, t, window[j], int(n_steps[j]), size[k], plan
                )
                needed[j] = _enough(t, measured.behaviour, n)
                if n >= needed[j]:
                    done[int(k)] = measured
            samples[k] = needed[j]
        waiting = [k for k in waiting if k not in done]
    return [done[k] for k in range(len(rows))]


def _samples(n_steps: NDArray[Any]) -> NDArray[np.int64]:
    """Return how finely to sample so many steps: a power of two, so that runs can share."""
    wanted = np.maximum(_SAMPLES_PER_STEP * n_steps, _FEWEST_SAMPLES)
    return np.asarray(2 ** np.ceil(np.log2(wanted)).astype(np.int64))


def _enough(t: Array, behaviour: Behaviour, n: int) -> int:
    """Return how finely to sample so that each cycle is resolved: `n`, if it is."""
    if math.isnan(behaviour.period):
        return n
    wanted = _SAMPLES_PER_CYCLE * (t[-1] - t[0]) / behaviour.period
    return n if n >= wanted else 2 ** math.ceil(math.log2(wanted))


def _failed(status: int, n_state: int) -> _Measured:
    """Return what is known of a run that did not reach its end."""
    nothing = np.full(n_state, np.nan)
    ended = Behaviour("failed", np.nan, np.nan, np.nan, np.nan)
    return _Measured(status, nothing, 0, *(nothing,) * 6, ended)


def _measure(
    model: Model, t: Array, y: Array, n_steps: int, before: Array, plan: Plan
) -> _Measured:
    """Measure one sampled run; `before` is the size each state had in the transient."""
    size = np.maximum(np.abs(y).max(axis=0), before)
    bounds = [model.bounds.get(name, (-math.inf, math.inf)) for name in model.states]
    widths = [high - low for low, high in bounds]
    scale = np.where(np.isfinite(widths), widths, size)
    noise = plan.atol + plan.solver.rtol * size
    look_at = [model.states.index("T")] if is_trust(model) else range(len(model.states))
    ended = behaviour(t, y, scale, noise, look_at)
    low, high = extremes(y)
    average = mean(t, y, ended.start, ended.end)
    last = late(y)
    rest, drift = last.mean(axis=0), np.ptp(last, axis=0)
    return _Measured(
        int(Status.SUCCESS), y[0], n_steps, y[-1], rest, drift, low, high, average, ended
    )


def _describe(model: Model, measured: list[_Measured], plan: Plan) -> dict[str, Any]:
    """Return the columns of one point from its runs: its own start, then the two others."""
    states = model.states
    own = measured[0]
    values = {
        "min": own.low,
        "max": own.high,
        "mean": own.mean,
        "final": own.final,
        "amplitude": (own.high - own.low) / 2,
    }
    row: dict[str, Any] = {}
    for name in plan.measures:
        if name in _PER_STATE:
            row |= {f"{name}_{state}": float(values[name][i]) for i, state in enumerate(states)}
        elif name == "period":
            row |= {"period": own.behaviour.period, "period_spread": own.behaviour.spread}
        elif name == "lyapunov":
            # Filled in for many points at once; named here for the order of the columns.
            row["lyapunov"] = math.nan
        elif len(measured) > 1:
            row |= _trust_regime(measured[-2], measured[-1], states.index("T"))
        elif is_trust(model):
            row["regime"] = _end(own, states.index("T"))
        else:
            row["regime"] = own.behaviour.kind
    return row | {"status": min(each.status for each in measured)}


def _trust_regime(idealised: _Measured, devalued: _Measured, i: int) -> dict[str, str]:
    """Name the regime from how the runs of the two starts end."""
    ends = [_end(idealised, i), _end(devalued, i)]
    named = {"idealised": ends[0], "devalued": ends[1]}
    for kind in ("failed", "unsettled", "irregular", "cycling"):
        if kind in ends:
            return {"regime": kind} | named
    difference = abs(idealised.late[i] - devalued.late[i])
    if ends[0] == ends[1] and difference <= APART:
        return {"regime": ends[0]} | named
    closing = difference <= _PARTS_MORE * (idealised.drift[i] + devalued.drift[i])
    return {"regime": "unsettled" if closing else "split"} | named


def _end(measured: _Measured, i: int) -> str:
    """Say how a run of a trust model ends."""
    if measured.behaviour.kind != "resting":
        return measured.behaviour.kind
    return "trusting" if measured.late[i] > 0 else "mistrusting"
