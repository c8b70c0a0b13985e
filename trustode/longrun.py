"""Solve runs past a transient, measure them on the way, and name their regime.

Imports the runs and the measures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._core import Gauge, Inputs
from .errors import Status
from .jobs import Crew
from .lyapunov import lyapunov
from .measures import Behaviours, Extent, Feed, Sampled, behaviours, extents
from .model import Model
from .runs import Runs
from .solve import NATIVE, Solver, refuse_too_large, solve_batch

Array = NDArray[np.float64]

#: What can be measured.
MEASURES = ("min", "max", "mean", "final", "period", "amplitude", "lyapunov", "regime")
_PER_STATE = ("min", "max", "mean", "final", "amplitude")

#: Long runs whose extremes or means differ by less than this share of a state's scale are one.
SAME = 0.02
#: The same of irregular ones, whose extremes are a matter of chance.
SAME_IRREGULAR = 0.3
#: Starts between which the trust models may split: T = L = +-0.9.
IDEALISED = 0.9
#: Two resting runs whose T differs by more than this ended differently.
APART = 0.1
#: Unless T, as it still moves, could make up the difference in so many late parts.
_PARTS_MORE = 5

#: A state T this near to 0 is on neither side.
_NEITHER = 1e-6

#: End of a long run unless told otherwise: at least and at most.
LEAST_END, _MOST_END = 2000.0, 10_000.0
#: Decays of the slowest motion at rest that should fit into the transient, half of the span.
_DECAYS = 7.0
#: Runs that are asked how slow they are, and decays slower than this share of the fastest: none.
_ASKED, _SLOWEST = 16, 1e-9

#: Of scipy's methods, samples for each step that the solver takes.
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


def settle(
    runs: Runs,
    rows: NDArray[np.intp],
    t: float,
    y0: Array,
    free: list[int],
    steps: int = _NEWTON_STEPS,
) -> Array:
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
    steps : int
        Of Newton's method; a multiple root takes many.

    Returns
    -------
    ndarray, shape (n, n_state)
    """
    compiled = runs.compiled
    low, high = np.array(
        [compiled.model.bounds.get(name, (-math.inf, math.inf)) for name in compiled.model.states]
    ).T
    rhs, jac = compiled.rhs, compiled.jac
    moves = np.array(free, dtype=np.intp)
    block = np.ix_(moves, moves)
    p, u = runs.params(rows), runs.input_values(rows, t)
    y, settled = y0.copy(), y0.copy()
    moving = np.arange(len(rows) if free else 0)
    for _ in range(steps):
        if not moving.size:
            break
        residual = np.array([rhs(t, y[k], p[k], u[k])[moves] for k in moving])
        slopes = np.array([jac(t, y[k], p[k], u[k])[block] for k in moving])
        step = np.full(residual.shape, np.nan)
        # A matrix without an inverse must not stop the others.
        sound = np.isfinite(slopes).all(axis=(1, 2))
        sound[sound] = np.linalg.slogdet(slopes[sound])[0] != 0
        step[sound] = np.linalg.solve(slopes[sound], residual[sound, :, None])[:, :, 0]
        y[np.ix_(moving, moves)] -= step
        close = np.abs(step).max(axis=1) < _NEWTON_CLOSE
        there = moving[close]
        inside = ((low <= y[there]) & (y[there] <= high)).all(axis=1)
        settled[there[inside]] = y[there[inside]]
        moving = moving[~close & np.isfinite(step).all(axis=1)]
    return settled


def long_enough(runs: Runs) -> float:
    """Return an end of the span, from 0, that lets slow states settle in its first half.

    Of some of the runs, the slowest decay without a turn, at rest or else at the start, has
    seven of its times.
    """
    rows = np.unique(np.linspace(0, runs.n_run - 1, _ASKED).astype(np.intp))
    compiled = runs.compiled
    p, u = runs.params(rows), runs.input_values(rows, 0.0)
    y = settle(runs, rows, 0.0, runs.starts(rows, p), list(range(len(compiled.model.states))))
    end = LEAST_END
    for k in range(len(rows)):
        jac = compiled.jac(0.0, y[k], p[k], u[k])
        if not np.isfinite(jac).all():
            continue
        values = np.linalg.eigvals(jac)
        rates = -values.real[(values.imag == 0.0) & (values.real < 0.0)]
        rates = rates[rates > _SLOWEST * np.abs(values).max()]
        if rates.size:
            end = max(end, 2.0 * _DECAYS / float(rates.min()))
    return min(math.ceil(end / 100.0) * 100.0, _MOST_END)


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


class Measured(NamedTuple):
    """Runs' statuses and long-run behaviour, and where and how their windows were solved.

    Arrays with one row a run; numbers are NaN and the kind is "failed" where a run failed. The
    size that each state has had, the transient included, is `reached`.
    """

    status: NDArray[np.int64]
    begin: Array
    n_steps: NDArray[np.int64]
    final: Array
    reached: Array
    extent: Extent
    behaviour: Behaviours

    def some(self, rows: slice) -> Measured:
        """Return some of the runs."""
        return Measured(
            self.status[rows],
            self.begin[rows],
            self.n_steps[rows],
            self.final[rows],
            self.reached[rows],
            Extent(*(each[rows] for each in self.extent)),
            self.behaviour.some(rows),
        )

    def put(self, rows: NDArray[np.intp], later: Measured) -> None:
        """Replace some of the runs by what was measured of them later."""
        for own, other in (
            *zip(self[:5], later[:5], strict=True),
            *zip(self.extent, later.extent, strict=True),
            *zip(self.behaviour, later.behaviour, strict=True),
        ):
            own[rows] = other


def measure_points(
    every: list[Runs], rows: NDArray[np.intp], plan: Plan, crew: Crew
) -> dict[str, NDArray[Any]]:
    """Solve and measure some points; columns of one value a point."""
    starts = []
    for k, runs in enumerate(every):
        y0 = runs.starts(rows, runs.params(rows))
        if k >= len(every) - 2 and len(every) > 1:
            y0 = settle(runs, rows, plan.start, y0, plan.free)
        starts.append(y0)
    runs, n = every[0], len(rows)
    model = runs.compiled.model
    measured = []
    if plan.measures != ("regime",) or len(every) == 1:
        measured.append(measure_runs(runs, rows, starts[0], range(len(model.states)), plan, crew))
    if len(every) > 1:
        # The two starts of a regime share all else, so that they are one batch; T decides.
        seen = [model.states.index("T")]
        ends = measure_runs(runs, np.tile(rows, 2), np.concatenate(starts[-2:]), seen, plan, crew)
        measured += [ends.some(slice(0, n)), ends.some(slice(n, 2 * n))]
    columns = _describe(model, measured, plan)
    if "lyapunov" in plan.measures:
        columns["lyapunov"] = _exponents(runs, rows, measured[0], plan, crew)
    return columns


def _exponents(
    runs: Runs, rows: NDArray[np.intp], measured: Measured, plan: Plan, crew: Crew
) -> Array:
    """Return the largest Lyapunov exponent of each run in its window, NaN where that failed."""
    solved = np.flatnonzero(measured.status == Status.SUCCESS)
    found = np.full(len(rows), np.nan)
    begin, n_steps = measured.begin[solved], measured.n_steps[solved]
    span = plan.begin, plan.end
    found[solved] = lyapunov(runs, rows[solved], begin, span, n_steps, plan.solver, crew)
    return found


class _Window:
    """Runs over a span, solved anew for each gauge that looks at them.

    Attributes
    ----------
    final : ndarray, shape (n_run, n_state)
    status, n_steps : ndarray, shape (n_run,)
    """

    def __init__(
        self,
        runs: Runs,
        p: Array,
        stimuli: list[Inputs],
        span: tuple[float, float],
        y0: Array,
        solver: Solver,
        crew: Crew,
    ) -> None:
        self._runs, self._p, self._stimuli, self._span = runs, p, stimuli, span
        self._y0, self._solver, self._crew = y0, solver, crew
        self.final = np.full(y0.shape, np.nan)
        self.status, self.n_steps = np.zeros((2, len(y0)), dtype=np.int64)

    def __call__(self, gauge: Gauge, rows: NDArray[np.intp]) -> None:
        """Solve some of the runs and let them be measured on the way."""
        stimuli = self._stimuli
        batch = solve_batch(
            self._runs.compiled,
            np.array(self._span),
            self._p[rows],
            self._y0[rows],
            stimuli if len(stimuli) == 1 else [stimuli[k] for k in rows],
            self._solver,
            threads=self._crew.threads,
            cancel=self._crew.cancel,
            gauge=gauge,
        )
        self.final[rows], self.status[rows] = batch.y[:, -1], batch.status
        self.n_steps[rows] = batch.n_steps

    def extent(self, seen: Sequence[int]) -> Extent:
        """Measure how far some states go; NaN where a run failed."""
        found = extents(self, len(self.final), seen, self._span)
        for each in found:
            each[self.status != Status.SUCCESS] = np.nan
        return found


def looked_at(model: Model) -> Sequence[int]:
    """Return the states that tell how a run behaves."""
    return [model.states.index("T")] if is_trust(model) else range(len(model.states))


def measure_runs(
    runs: Runs,
    rows: NDArray[np.intp],
    y0: Array,
    seen: Sequence[int],
    plan: Plan,
    crew: Crew,
    reached: Array | None = None,
) -> Measured:
    """Solve some runs past the transient, then measure some of their states.

    Parameters
    ----------
    rows : ndarray, shape (n,)
    y0 : ndarray, shape (n, n_state)
        Where each of them starts.
    seen : sequence of int
        Positions of the states that are measured.
    reached : ndarray, shape (n, n_state), optional
        Of runs that go on: the size that each state has had.
    """
    before = np.abs(y0) if reached is None else reached.copy()
    if plan.solver.method not in ("auto", *NATIVE):
        return _measure_samples(runs, rows, y0, seen, plan, crew, before)
    model = runs.compiled.model
    p, stimuli = runs.params(rows), runs.stimuli(rows)
    begin = y0
    status = np.full(len(rows), int(Status.SUCCESS))
    if plan.begin > plan.start:
        span = plan.start, plan.begin
        transient = _Window(runs, p, stimuli, span, y0, plan.solver, crew)
        own = looked_at(model)
        extent = transient.extent(own)
        begin, status = transient.final, transient.status
        before[:, own] = np.maximum(before[:, own], extent.size)
    # A run that failed starts from NaN and fails again at once.
    window = _Window(runs, p, stimuli, (plan.begin, plan.end), begin, plan.solver, crew)
    extent = window.extent(seen)
    status = np.where(status == Status.SUCCESS, window.status, status)
    behaviour = _behave(model, window, extent, seen, before, plan)
    behaviour.kind[status != Status.SUCCESS] = "failed"
    return Measured(status, begin, window.n_steps, window.final, before, extent, behaviour)


def _behave(
    model: Model, feed: Feed, extent: Extent, seen: Sequence[int], before: Array, plan: Plan
) -> Behaviours:
    """Tell how runs behave; `before` is the size each state has had, and is brought up to date."""
    size = before[:, seen] = np.maximum(extent.size, before[:, seen])
    bounds = [model.bounds.get(model.states[i], (-math.inf, math.inf)) for i in seen]
    widths = np.array([high - low for low, high in bounds])
    scale = np.where(np.isfinite(widths), widths, size)
    noise = plan.atol[list(seen)] + plan.solver.rtol * size
    look_at: Sequence[int] = looked_at(model)
    if not {"mean", "period", "regime"} & {*plan.measures}:
        look_at = ()
    span, means = (plan.begin, plan.end), "mean" in plan.measures
    return behaviours(feed, extent, seen, scale, noise, span, look_at=look_at, means=means)


def _measure_samples(
    runs: Runs,
    rows: NDArray[np.intp],
    y0: Array,
    seen: Sequence[int],
    plan: Plan,
    crew: Crew,
    reached: Array,
) -> Measured:
    """Solve some runs with a method of scipy's, then measure fine samples."""
    found = [
        _sample(runs, rows[k : k + 1], y0[k : k + 1], seen, plan, crew, reached[k : k + 1])
        for k in range(len(rows))
    ]
    return Measured(
        np.concatenate([each.status for each in found]),
        np.concatenate([each.begin for each in found]),
        np.concatenate([each.n_steps for each in found]),
        np.concatenate([each.final for each in found]),
        np.concatenate([each.reached for each in found]),
        Extent(*map(np.concatenate, zip(*(each.extent for each in found), strict=True))),
        Behaviours(*map(np.concatenate, zip(*(each.behaviour for each in found), strict=True))),
    )


def _sample(
    runs: Runs,
    row: NDArray[np.intp],
    y0: Array,
    seen: Sequence[int],
    plan: Plan,
    crew: Crew,
    before: Array,
) -> Measured:
    """Solve one run past the transient, then as finely as its steps and cycles ask for."""
    n, n_state, span = _FEWEST_SAMPLES, y0.shape[1], (plan.begin, plan.end)
    begin = y0
    if plan.begin > plan.start:
        times = np.linspace(plan.start, plan.begin, _TRANSIENT_SAMPLES)
        y, status, _ = runs.solve(row, times, plan.solver, crew, y0)
        begin, before = y[:, -1], np.maximum(before, np.abs(y).max(axis=1))
        if status[0] != Status.SUCCESS:
            return _failed(status, n_state, len(seen))
    while True:
        refuse_too_large((n, n_state), runs.where, "Solve a shorter span")
        t = np.linspace(*span, n)
        y, status, n_steps = runs.solve(row, t, plan.solver, crew, begin)
        if status[0] != Status.SUCCESS:
            return _failed(status, n_state, len(seen))
        wanted = max(n, _SAMPLES_PER_STEP * int(n_steps[0]) // 2)
        if n >= wanted:
            feed = Sampled(t, y)
            extent = extents(feed, 1, seen, span)
            behaviour = _behave(runs.compiled.model, feed, extent, seen, before, plan)
            if not math.isnan(behaviour.period[0]):
                wanted = _SAMPLES_PER_CYCLE * (span[1] - span[0]) / behaviour.period[0]
            if n >= wanted:
                return Measured(status, begin, n_steps, y[:, -1], before, extent, behaviour)
        n = 2 ** math.ceil(math.log2(wanted) + 0.5)


def _failed(status: NDArray[np.int64], n_state: int, n_seen: int) -> Measured:
    """Return what is known of a run that did not reach its end."""
    nowhere, nothing, number = (np.full(shape, np.nan) for shape in ((1, n_state), (1, n_seen), 1))
    behaviour = Behaviours(np.array(["failed"]), number, number, number, number, nothing)
    none = np.zeros(1, dtype=np.int64)
    extent = Extent(*[nothing] * len(Extent._fields))
    return Measured(status, nowhere, none, nowhere, nowhere, extent, behaviour)


def _describe(model: Model, measured: list[Measured], plan: Plan) -> dict[str, NDArray[Any]]:
    """Return columns of some points from their runs: the own start, then the two others."""
    states = model.states
    own = measured[0]
    values = {
        "min": own.extent.low,
        "max": own.extent.high,
        "mean": own.behaviour.mean,
        "final": own.final,
        "amplitude": (own.extent.high - own.extent.low) / 2,
    }
    columns: dict[str, NDArray[Any]] = {}
    for name in plan.measures:
        if name in _PER_STATE:
            columns |= {f"{name}_{state}": values[name][:, i] for i, state in enumerate(states)}
        elif name == "period":
            columns |= {"period": own.behaviour.period, "period_spread": own.behaviour.spread}
        elif name == "lyapunov":
            # Filled in later; named here for the order of the columns.
            columns["lyapunov"] = own.behaviour.period
        elif len(measured) > 1:
            columns |= _trust_regime(measured[-2], measured[-1])
        elif is_trust(model):
            columns["regime"] = _end(own, states.index("T"))
        else:
            columns["regime"] = own.behaviour.kind
    return columns | {"status": np.min([each.status for each in measured], axis=0)}


def _trust_regime(idealised: Measured, devalued: Measured) -> dict[str, NDArray[np.str_]]:
    """Name regimes from how the runs of the two starts end, of which T alone was seen."""
    ends = [_end(idealised, 0), _end(devalued, 0)]
    difference = np.abs(idealised.extent.rest[:, 0] - devalued.extent.rest[:, 0])
    drift = idealised.extent.drift[:, 0] + devalued.extent.drift[:, 0]
    closing = difference <= _PARTS_MORE * drift
    regime = np.where(closing, "unsettled", "split").astype(ends[0].dtype)
    same = ((ends[0] == ends[1]) & (difference <= APART)) | (difference <= _NEITHER)
    regime[same] = ends[0][same]
    for kind in ("cycling", "irregular", "unsettled", "failed"):
        regime[(ends[0] == kind) | (ends[1] == kind)] = kind
    return {"regime": regime, "idealised": ends[0], "devalued": ends[1]}


def _end(measured: Measured, i: int) -> NDArray[np.str_]:
    """Say how runs of a trust model end."""
    kind = measured.behaviour.kind
    return np.where(kind == "resting", sides(measured.extent.rest[:, i]), kind)


def sides(rest: Array) -> NDArray[np.str_]:
    """Name where T rests; at 0 it is on neither side."""
    return np.select([np.abs(rest) <= _NEITHER, rest > 0.0], ["resting", "trusting"], "mistrusting")
