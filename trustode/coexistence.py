"""Tell the attractors apart at each of many points: what runs end on, and known stable rests.

A point's regime is named by them: where there are several, regimes coexist. Imports the long run
and the measures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .checkpoint import Parts, digest
from .errors import Status
from .jobs import Arrays, Crew
from .longrun import (
    APART,
    IDEALISED,
    SAME,
    SAME_IRREGULAR,
    Measured,
    Plan,
    is_trust,
    looked_at,
    measure_runs,
    settle,
    sides,
)
from .measures import Behaviours, Extent
from .model import Model
from .runs import Runs, make_runs
from .solve import Solver

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

#: Drifts that two runs at rest may still make up between them.
_DRIFTS = 5.0
#: Starts are moved off special places by this share of a state's scale.
_ASIDE = 1e-3
#: Two rests of T that differ by less are one, on whichever side of 0 they are.
_NOTHING = 1e-6
#: A growth above this share of the fastest rate leaves an equilibrium.
_GROWS = 1e-9
#: Extremes of a cycle that differ by more than this share of a state's size, between the halves of
#: what was measured, are still moving; so is rest, if by more than the second number in its last
#: fifth and no equilibrium is near.
_STILL, _CREEPS = SAME / 50.0, 1e-3
#: How often runs that move are solved on, each time twice as long.
_DOUBLINGS = 4
#: Share of its size on the whole map below which a state vanishes at a point.
_VANISHES = 1e-2
#: The kind of what other points have, but not this one.
_ABSENT = "absent"
#: What is no attractor.
_NONE = ("unsettled", "failed", _ABSENT)
#: Most starts of those found.
_MOST_STARTS = 6


def coexistence(
    model: Model,
    columns: dict[str, Array],
    given: list[dict[str, float]],
    found: list[dict[str, float]],
    rests: Array,
    reach: Mapping[str, float],
    params: Mapping[str, float],
    inputs: Mapping[str, float],
    times: tuple[float, float, float],
    patient: bool,
    solver: Solver,
    where: str,
) -> tuple[Points, pd.DataFrame]:
    """Return the task of telling what attracts at each of many points, and its starts as a table.

    Parameters
    ----------
    model : Model
    columns : dict of str to ndarray, shape (n_point,)
        Values of what varies.
    given, found : list of dict of str to float
        Initial states: all of those given; of those found, the few that lie farthest apart.
    rests : ndarray, shape (n_point, n_most, n_state)
        Stable equilibria of each point, which attract whether a run ends there or not; NaN where
        a point has fewer.
    reach : mapping of str to float
        How far each state goes; those that it lacks go to 1.
    params, inputs : mapping of str to float
    times : tuple of float
        Start, the end of the transient, and the end.
    patient : bool
        Whether runs that have not settled by then are solved on.
    solver : Solver
    where : str
        The call, for messages.

    Returns
    -------
    (Points, DataFrame)
    """
    import pandas as pd

    start, discarded, end = times
    n_point = len(next(iter(columns.values())))
    sizes = _sizes(model, reach)
    begins = [*given, *_apart(found, sizes)]
    settled = 0
    if is_trust(model):
        moved = [name for name in ("T", "L") if name in model.states]
        begins += [dict.fromkeys(moved, value) for value in (IDEALISED, -IDEALISED)]
        settled = 2
    every = [
        make_runs(
            model,
            columns,
            n_point,
            range(1, n_point + 1),
            params=params,
            initial=begin,
            inputs=inputs,
            where=where,
        )
        for begin in begins
    ]
    free = [k for k, name in enumerate(model.states) if name not in ("T", "L")]
    atol = solver.atol_vector(every[0].compiled)
    plan = Plan(start, start + discarded, end, solver, atol, ("mean", "period"), free)
    return Points(every, plan, rests, sizes, settled, patient), pd.DataFrame(
        begins, columns=list(model.states)
    )


def _sizes(model: Model, reach: Mapping[str, float]) -> Array:
    """Return the size of each state: the width of its bounds, or what it reaches, or 1."""
    sizes = []
    for name in model.states:
        low, high = model.bounds.get(name, (-math.inf, math.inf))
        sizes.append(high - low if math.isfinite(high - low) else reach.get(name, 1.0))
    return np.array(sizes)


def _apart(starts: list[dict[str, float]], sizes: Array) -> list[dict[str, float]]:
    """Return the starts that lie farthest apart, at most so many."""
    if not starts:
        return []
    x = np.array([list(each.values()) for each in starts]) / sizes
    kept = [0]
    while len(kept) < _MOST_STARTS:
        away = np.abs(x[:, None] - x[kept]).max(axis=2).min(axis=1)
        farthest = int(np.argmax(away))
        if away[farthest] <= SAME:
            break
        kept.append(farthest)
    return [starts[k] for k in kept]


@dataclass(frozen=True)
class Points:
    """The task: the long runs of each point from all starts, and the rests that are known.

    The last ones, so many as are `settled`, settle first; if `patient`, runs that still move are
    solved on.
    """

    every: list[Runs]
    plan: Plan
    rests: Array
    sizes: Array
    settled: int
    patient: bool

    def take(self, rows: slice) -> Points:
        """Return the task of some points."""
        every = [runs.take(rows) for runs in self.every]
        return replace(self, every=every, rests=self.rests[rows])

    def solve(self, crew: Crew) -> Arrays:
        """Solve the runs of the points and tell their attractors apart."""
        n = self.every[0].n_run
        rows = np.arange(n)
        model = self.every[0].compiled.model
        low, high = np.array(
            [model.bounds.get(name, (-math.inf, math.inf)) for name in model.states]
        ).T
        aside = _ASIDE * self.sizes * np.where(np.arange(len(self.sizes)) % 2, -1.0, 1.0)
        measured = []
        for k, runs in enumerate(self.every):
            y0 = runs.starts(rows, runs.params(rows))
            if k >= len(self.every) - self.settled:
                y0 = settle(runs, rows, self.plan.start, y0, self.plan.free)
            # Within the model's bounds, on whichever side there is room.
            moved = np.where((y0 + aside < low) | (y0 + aside > high), y0 - aside, y0 + aside)
            y0 = np.clip(moved, low, high)
            seen = range(y0.shape[1])
            ends = measure_runs(runs, rows, y0, seen, self.plan, crew)
            moving, length = self._moving(runs, rows, ends), self.plan.end - self.plan.begin
            for _ in range(_DOUBLINGS if self.patient else 0):
                late = np.flatnonzero(moving)
                if not late.size:
                    break
                length *= 2.0
                plan = replace(self.plan, start=self.plan.begin, end=self.plan.begin + length)
                y0, reached = ends.final[late], ends.reached[late]
                later = measure_runs(runs, late, y0, seen, plan, crew, reached)
                moving[late] = self._moving(runs, late, later)
                ends.put(late, later)
            ends.behaviour.kind[moving] = "unsettled"
            measured.append(ends)
        measured += [_at_rest(y) for y in np.moveaxis(self.rests, 1, 0)]
        return _attractors(model, measured, self.sizes)

    def _moving(self, runs: Runs, rows: NDArray[np.intp], measured: Measured) -> NDArray[np.bool_]:
        """Say which runs are on their way; those that rest are put on their equilibrium."""
        kind, extent = measured.behaviour.kind, measured.extent
        seen = looked_at(runs.compiled.model)
        size = np.maximum(
            np.maximum(np.abs(extent.low), np.abs(extent.high)), _VANISHES * self.sizes
        )
        moving: NDArray[np.bool_] = kind == "unsettled"
        changes = (extent.change > _STILL * size)[:, seen].any(axis=1)
        moving |= (kind == "cycling") & changes
        at = np.flatnonzero(kind == "resting")
        if not at.size:
            return moving
        t, states = self.plan.end, list(range(len(self.sizes)))
        y = settle(runs, rows[at], t, measured.final[at], states)
        p, u = runs.params(rows[at]), runs.input_values(rows[at], t)
        for k, (j, root) in enumerate(zip(at.tolist(), y, strict=True)):
            away = np.abs(root - measured.final[j])
            near = bool(np.all(away <= SAME * size[j]))
            jac = runs.compiled.jac(t, root if near else measured.final[j], p[k], u[k])
            creeps = bool((extent.drift[j] > _CREEPS * size[j])[seen].any())
            if near and away.any():
                # Newton's method has moved it there: what it still creeps leads there too.
                extent.rest[j], extent.drift[j], creeps = root, 0.0, False
            rates = np.linalg.eigvals(jac) if np.isfinite(jac).all() else np.zeros(1)
            moving[j] = creeps or rates.real.max() > _GROWS * np.abs(rates).max()
        return moving

    def parts(self) -> Parts:
        """Return all that the regimes depend on."""
        plan = self.plan
        starts = [runs.initial for runs in self.every]
        return {
            "call": ("regime_map", ""),
            **self.every[0].parts(),
            "initial": (f"{len(starts)} starts", digest(starts, self.settled)),
            # Their last digits may differ elsewhere.
            "stable equilibria": ("", digest(np.isfinite(self.rests).all(axis=2))),
            "t": (f"{plan.start:g} to {plan.end:g}", digest(plan.start, plan.end)),
            "discard": (f"until {plan.begin:g}", digest(plan.begin)),
            "on": ("until settled" if self.patient else "no longer", ""),
            "solver": (repr(plan.solver), ""),
        }


def _at_rest(y: Array) -> Measured:
    """Return runs that rest at known places, absent where there is none."""
    n, still = len(y), np.zeros_like(y)
    there = np.isfinite(y).all(axis=1)
    never = np.full(n, np.nan)
    behaviour = Behaviours(np.where(there, "resting", _ABSENT), never, never, never, never, y)
    extent = Extent(y, y, y, y, still, y, still, still)
    status = np.full(n, int(Status.SUCCESS))
    return Measured(status, y, np.zeros(n, dtype=np.int64), y, np.abs(y), extent, behaviour)


def _attractors(model: Model, measured: list[Measured], sizes: Array) -> Arrays:
    """Return regime, number of attractors and longest period of each point."""
    kinds = np.array([each.behaviour.kind for each in measured]).astype("U11")
    rest, drift, low, high, mean = (
        np.array([getattr(each.extent, name) for each in measured])
        for name in ("rest", "drift", "low", "high", "mean")
    )
    mean = np.array([each.behaviour.mean for each in measured])
    # What a point's own runs reach, but for a state that vanishes there.
    here = np.nan_to_num([each.extent.size for each in measured]).max(axis=0)
    local = np.maximum(here, _VANISHES * sizes)
    trust = is_trust(model)
    if trust:
        at = model.states.index("T")
        names = np.where(kinds == "resting", sides(rest[:, :, at]), kinds)
    else:
        names = kinds
    n_point = kinds.shape[1]
    regime = np.empty(n_point, dtype="U40")
    count = np.zeros(n_point, dtype=np.int64)
    period = np.full(n_point, np.nan)
    every_period = np.array([each.behaviour.period for each in measured])
    for j in range(n_point):
        usable = [k for k in range(len(measured)) if kinds[k, j] not in _NONE]
        found: list[int] = []
        for k in usable:
            if not any(
                _alike(k, other, j, kinds, (rest, drift, low, high, mean), local[j], trust, model)
                for other in found
            ):
                found.append(k)
        count[j] = len(found)
        regime[j] = _name([str(names[k, j]) for k in found], trust)
        if not found:
            failed = set(kinds[:, j]) <= {"failed", _ABSENT}
            regime[j] = "failed" if failed else "unsettled"
        periods = [every_period[k, j] for k in found if math.isfinite(every_period[k, j])]
        if periods:
            period[j] = max(periods)
    return {
        "regime": regime,
        "n_attractors": count,
        "period": period,
        "status": np.min([each.status for each in measured], axis=0),
    }


def _alike(
    k: int,
    other: int,
    j: int,
    kinds: NDArray[np.str_],
    extents: tuple[Array, ...],
    sizes: Array,
    trust: bool,
    model: Model,
) -> bool:
    """Return whether two runs of a point end on the same attractor."""
    if kinds[k, j] != kinds[other, j]:
        return False
    rest, drift, low, high, mean = extents
    seen = [model.states.index("T")] if trust else list(range(len(sizes)))
    if kinds[k, j] == "resting":
        apart = np.abs(rest[k, j] - rest[other, j])[seen]
        moving = _DRIFTS * (drift[k, j] + drift[other, j])[seen]
        if trust:
            named = sides(rest[[k, other], j, seen[0]])
            near = named[0] == named[1] and apart[0] <= APART
            return bool(near or apart[0] <= max(moving[0], _NOTHING))
        return bool(np.all((apart <= SAME * sizes) | (apart <= moving)))
    most = SAME_IRREGULAR if kinds[k, j] == "irregular" else SAME
    return all(
        bool(np.all(np.abs(each[k, j] - each[other, j])[seen] <= most * sizes[seen]))
        for each in (low, high, mean)
    )


def _name(names: list[str], trust: bool) -> str:
    """Return the name of a regime from those of its attractors."""
    different = sorted(set(names))
    if len(names) > 1 and set(names) <= {"resting", "trusting", "mistrusting"}:
        return "split" if trust else "bistable"
    if len(names) > 1 and different == ["cycling"]:
        return "two cycles"
    return " or ".join(different)
