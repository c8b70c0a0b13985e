"""Find which attractors a model has, and which of them each initial state goes to.

Imports the long run.
"""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .checkpoint import Parts, digest
from .errors import DataError, ModelError, OptionError, checks_keywords
from .jobs import Arrays, Crew, carry_out, check_how
from .longrun import (
    LEAST_END,
    SAME,
    SAME_IRREGULAR,
    Plan,
    is_trust,
    long_enough,
    measure_runs,
    settle,
    sides,
)
from .model import Model
from .notebook import Shown
from .progress import Progress
from .runs import Runs, check_solver, make_runs
from .scan import check_span
from .solve import Solver, compile_ahead

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

_RUNS_A_BLOCK = 512
#: Ends that differ by less than so many of the solver's absolute tolerances, or than this share
#: of the region, are one.
_TOLERANCES, _FINEST = 100.0, 1e-6
#: Steps of Newton's method from where a run rests, and how far, in the states' reach, they may go.
_STEPS, _FARTHEST = 120, 0.1
#: What is no attractor.
_NONE = ("unsettled", "failed")


@dataclass(frozen=True, eq=False)
class Basins(Shown):
    """Attractors, and which of them each of many initial states goes to.

    Attributes
    ----------
    model : Model
    region : dict
        Each state that was varied to its low and high.
    attractors : DataFrame
        One row each, the largest basin first: ``name``, ``kind``, ``n`` (starts that went
        there), ``share``, ``stderr`` of the share (NaN on a grid), ``period``, and the min,
        max and mean of each state. Starts that were still on their way are in the row
        "unsettled", failed ones in "failed".
    random : bool
        Whether the starts were drawn at random; otherwise they are a grid.
    shape : tuple of int
        Points along each axis of the grid, or the number of starts.
    """

    model: Model
    region: dict[str, tuple[float, float]]
    attractors: pd.DataFrame
    random: bool
    shape: tuple[int, ...]
    _table: pd.DataFrame

    @property
    def share(self) -> dict[str, float]:
        """Share of the region that goes to each attractor, by name."""
        return dict(zip(self.attractors["name"], self.attractors["share"], strict=True))

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row a start: the states varied, ``attractor`` and ``status``."""
        return self._table.copy()

    @checks_keywords
    def plot(self, ax: Any = None) -> Any:
        """Draw the starts over the first two states, marked by where they go."""
        from .plot import plot_basins

        return plot_basins(self, ax)

    def _shown(self) -> pd.DataFrame:
        return self.attractors

    def __repr__(self) -> str:
        axes = ", ".join(f"{k} = {low:g} to {high:g}" for k, (low, high) in self.region.items())
        how = "at random" if self.random else "on a grid"
        lines = [f"<Basins of {self.model.name!r}: {len(self._table)} starts {how}, {axes}"]
        for row in self.attractors.to_dict("records"):
            error = f" (standard error {row['stderr']:.1%})" if self.random else ""
            period = "" if math.isnan(row["period"]) else f", period {row['period']:.4g}"
            means = ", ".join(f"{name} {row[f'mean_{name}']:.3g}" for name in self.region)
            where = "" if row["kind"] in _NONE else f"; mean {means}"
            lines.append(f"  {row['name']}: {row['share']:.1%}{error}{period}{where}")
        return "\n".join(lines) + ">"


@checks_keywords
def basins(
    model: Model,
    region: Mapping[Any, tuple[float, float]],
    params: Mapping[Any, float] | None = None,
    n: int | Sequence[int] = 400,
    *,
    seed: int | None = None,
    t: tuple[float, float] | None = None,
    discard: float | None = None,
    initial: Mapping[Any, float] | None = None,
    inputs: Mapping[Any, Any] | None = None,
    solver: Solver | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress = None,
) -> Basins:
    """Find which attractor each initial state of a region goes to.

    Parameters
    ----------
    model : Model
    region : mapping of state to (low, high)
        Where the starts lie; states that are not named start as `initial` or the model says.
    params, initial, inputs : mapping, optional
        What all starts share, as in `simulate`. States of `region` may be among `initial`: they
        are varied nevertheless.
    n : int or sequence of int
        Starts: about so many on a grid, as many along each axis, whose points are the middles
        of equal cells; a sequence gives the points along each axis. With a seed, so many.
    seed : int, optional
        Draws the starts at random, uniformly, by this seed; shares then have standard errors.
    t, discard
        Span to solve and the transient at its start, as in `scan`.

    Other Parameters
    ----------------
    solver, threads, executor, checkpoint, progress
        As in `scan`.

    Returns
    -------
    Basins
        Long runs are one attractor if they behave alike and the extremes and means of all
        states agree within a fiftieth of the state's scale (irregular ones within a third).
        Names are those of `scan`'s regimes, numbered where a kind has several.

    Raises
    ------
    ModelError
        If a name is not in the model.
    DataError
        If a range is empty or not finite, or `t` is no span.
    OptionError
        If an option is not valid.
    """
    if not isinstance(model, Model):
        raise ModelError(f"basins: expected a Model, got {model!r:.60} ({type(model).__name__})")
    where = f"basins({model.name})"
    solver = check_solver(solver, where)
    how = check_how(threads, executor, checkpoint, progress, where)
    start, end, discarded = check_span((0.0, LEAST_END) if t is None else t, discard, where)
    ranges = _check_region(model, region, where)
    columns, shape = _starts(ranges, n, seed, where)
    shared = model.known(initial, "state", model.states)
    n_run = len(next(iter(columns.values())))
    runs = make_runs(
        model,
        {f"{name}(0)": values for name, values in columns.items()},
        n_run,
        range(1, n_run + 1),
        params=params,
        initial={name: value for name, value in shared.items() if name not in ranges},
        inputs=inputs,
        where=where,
    )
    if t is None:
        start, end, discarded = check_span((0.0, long_enough(runs)), discard, where)
    atol = solver.atol_vector(runs.compiled)
    if how.executor is not None:
        compile_ahead(runs.compiled, solver)
    plan = Plan(start, start + discarded, end, solver, atol, ("mean", "period"), [])
    widths = np.array([np.ptp(ranges.get(name, (0.0, 0.0))) for name in model.states])
    found = carry_out(_Ends(runs, plan, widths), n_run, _RUNS_A_BLOCK, how, where)
    finest = np.maximum(_TOLERANCES * atol, _FINEST * widths)
    return _present(model, ranges, columns, shape, seed is not None, found, finest)


@dataclass(frozen=True)
class _Ends:
    """The task: the long run of each start; `widths` is how far each state was varied."""

    runs: Runs
    plan: Plan
    widths: Array

    def take(self, rows: slice) -> _Ends:
        """Return the task of some starts."""
        return replace(self, runs=self.runs.take(rows))

    def solve(self, crew: Crew) -> Arrays:
        """Solve the runs and measure them."""
        rows = np.arange(self.runs.n_run)
        y0 = self.runs.starts(rows, self.runs.params(rows))
        measured = measure_runs(self.runs, rows, y0, range(y0.shape[1]), self.plan, crew)
        extent = measured.extent
        resting = measured.behaviour.kind == "resting"
        rest = extent.rest.copy()
        rest[resting] = self._at_rest(rows[resting], measured.final[resting], rest[resting])
        return {
            "status": measured.status,
            "kind": measured.behaviour.kind,
            "period": measured.behaviour.period,
            "low": extent.low,
            "high": extent.high,
            "mean": np.where(resting[:, None], rest, measured.behaviour.mean),
            "rest": rest,
        }

    def _at_rest(self, rows: NDArray[np.intp], final: Array, rest: Array) -> Array:
        """Return the equilibria next to where runs rest: some take for ever to get there."""
        y = settle(self.runs, rows, self.plan.end, final, list(range(final.shape[1])), _STEPS)
        reach = np.maximum(self.widths, np.abs(final))
        near = (np.abs(y - final) <= _FARTHEST * reach).all(axis=1)
        return np.where((near & (y != final).any(axis=1))[:, None], y, rest)

    def parts(self) -> Parts:
        """Return all that the ends depend on."""
        plan = self.plan
        return {
            "call": ("basins", ""),
            **self.runs.parts(),
            "t": (f"{plan.start:g} to {plan.end:g}", digest(plan.start, plan.end)),
            "discard": (f"until {plan.begin:g}", digest(plan.begin)),
            "solver": (repr(plan.solver), ""),
        }


def _check_region(model: Model, region: Any, where: str) -> dict[str, tuple[float, float]]:
    """Return the range of each state that is varied, or raise."""
    if not isinstance(region, Mapping) or not region:
        raise DataError(f"{where}: region must map states to (low, high), got {region!r:.60}")
    ranges = {}
    for name, given in model.known(region, "state", model.states).items():
        try:
            low, high = (float(each) for each in given)
        except (TypeError, ValueError):
            raise DataError(f"{where}: the range of {name} is {given!r:.60}, not a pair") from None
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise DataError(
                f"{where}: the range of {name}, ({low:g}, {high:g}), must be finite and increase"
            )
        ranges[name] = (low, high)
    return ranges


def _starts(
    ranges: Mapping[str, tuple[float, float]], n: Any, seed: Any, where: str
) -> tuple[dict[str, Array], tuple[int, ...]]:
    """Return the starts of each varied state, and their shape."""
    sizes = [n] if isinstance(n, numbers.Integral) else n
    whole = isinstance(sizes, Sequence) and all(
        isinstance(each, numbers.Integral) and not isinstance(each, bool) and int(each) >= 1
        for each in sizes
    )
    if not whole or len(sizes) not in (1, len(ranges)) or (seed is not None and len(sizes) > 1):
        raise OptionError(
            f"{where}: n={n!r:.60} must be a positive whole number"
            + (" where a seed is given" if seed is not None else ", or one for each state varied")
        )
    if seed is not None:
        if isinstance(seed, bool) or not isinstance(seed, numbers.Integral) or int(seed) < 0:
            raise OptionError(f"{where}: seed={seed!r:.60} must be a whole number, at least 0")
        random = np.random.default_rng(int(seed))
        drawn = random.random((len(ranges), int(sizes[0])))
        shape: tuple[int, ...] = (int(sizes[0]),)
        shares = dict(zip(ranges, drawn, strict=True))
    else:
        if isinstance(n, numbers.Integral):
            sizes = [max(2, round(int(n) ** (1 / len(ranges))))] * len(ranges)
        shape = tuple(int(each) for each in sizes)
        cells = np.meshgrid(*((np.arange(m) + 0.5) / m for m in shape), indexing="ij")
        shares = {name: cell.ravel() for name, cell in zip(ranges, cells, strict=True)}
    return (
        {name: low + (high - low) * shares[name] for name, (low, high) in ranges.items()},
        shape,
    )


def _group(kinds: NDArray[np.str_], found: Arrays, scale: Array) -> NDArray[np.int64]:
    """Return which attractor each start goes to: the number of the first start alike."""
    features = np.concatenate([found[name] / scale for name in ("low", "high", "mean")], axis=1)
    group = np.full(len(kinds), -1)
    for kind in np.unique(kinds):
        left = np.flatnonzero(kinds == kind)
        same = SAME_IRREGULAR if kind == "irregular" else SAME
        while left.size:
            first = left[0]
            # At rest only where it ends counts, not how it got there.
            parts = features[left, -len(scale) :] if kind == "resting" else features[left]
            alike = (np.abs(parts - parts[0]) <= same).all(axis=1) | (kind in _NONE)
            alike[0] = True
            group[left[alike]] = first
            left = left[~alike]
    return group


def _present(
    model: Model,
    ranges: dict[str, tuple[float, float]],
    columns: Mapping[str, Array],
    shape: tuple[int, ...],
    random: bool,
    found: Arrays,
    finest: Array,
) -> Basins:
    """Name the attractors and count their basins."""
    import pandas as pd

    kinds = found["kind"].astype("U16")
    with np.errstate(invalid="ignore"):
        size = np.nanmax(np.maximum(np.abs(found["low"]), np.abs(found["high"])), axis=0, initial=0)
    scale = np.array(
        [
            high - low if math.isfinite(high - low) else max(reached, 1e-300)
            for (low, high), reached in zip(
                (model.bounds.get(name, (-math.inf, math.inf)) for name in model.states),
                size.tolist(),
                strict=True,
            )
        ]
    )
    group = _group(kinds, found, np.maximum(scale, finest / SAME))
    n_run = len(group)
    rows: list[dict[str, Any]] = []
    for first in np.unique(group):
        members = group == first
        count = int(members.sum())
        share = count / n_run
        kind = str(kinds[first])
        name = kind
        if is_trust(model) and kind == "resting":
            name = str(sides(found["rest"][[first], model.states.index("T")])[0])
        error = math.sqrt(share * (1 - share) / n_run) if random else math.nan
        row: dict[str, Any] = {
            "name": name, "kind": kind, "n": count, "share": share, "stderr": error,
        }  # fmt: skip
        settled = members & np.isfinite(found["period"])
        row["period"] = float(found["period"][settled].mean()) if settled.any() else math.nan
        for i, state in enumerate(model.states):
            values = (found[key][members, i] for key in ("low", "high", "mean"))
            if kind == "resting":
                values = (found["mean"][members, i] for _ in range(3))
            for key, each in zip(("min", "max", "mean"), values, strict=True):
                row[f"{key}_{state}"] = math.nan if kind in _NONE else float(np.median(each))
        rows.append(row | {"group": first})
    rows.sort(key=lambda row: (row["kind"] in _NONE, -row["n"], row["group"]))
    named = [row["name"] for row in rows]
    for k, row in enumerate(rows):
        if named.count(named[k]) > 1:
            row["name"] = f"{named[k]} {named[: k + 1].count(named[k])}"
    names = {row.pop("group"): row["name"] for row in rows}
    table = pd.DataFrame(dict(columns))
    table["attractor"] = np.array([names[first] for first in group])
    table["status"] = found["status"]
    return Basins(model, ranges, pd.DataFrame(rows), random, shape, table)
