"""Measure the long-run behaviour of a model over a grid of parameter values.

Each point is solved past a transient, then measured while it is solved; no trajectory is kept.
Imports the ensemble layer and the long run.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checkpoint import Parts, digest
from .ensemble import describe_outside, describe_status
from .errors import DataError, ModelError, OptionError, checks_keywords, listed, nearest
from .jobs import Arrays, Crew, carry_out, check_how
from .longrun import (
    LEAST_END,
    MEASURES,
    Plan,
    long_enough,
    long_run_starts,
    measure_points,
)
from .model import Model
from .notebook import Shown
from .progress import Progress
from .runs import Runs, check_solver, make_runs
from .simulate import leaves
from .solve import Solver, compile_ahead, refuse_too_large

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


_POINTS_A_BLOCK = 256

#: Regimes of a run that do not say where it goes.
_UNDECIDED = ("unsettled", "failed")


@dataclass(frozen=True, eq=False)
class Scan(Shown):
    """What was measured at each point of a grid.

    ``scan["min_T"]``, ``scan["period"]``, ``scan["regime"]`` and ``scan["status"]`` are
    arrays of the grid's shape; so are the varied parameters.

    Attributes
    ----------
    model : Model
    vary : dict of tuple of str to ndarray
        Axes of the grid: names that move together, and their values, shape (n, n_name).
    measure : tuple of str
    t : tuple of float
        Span that was solved.
    discard : float
        Length of the transient at its start that was not measured.
    status : ndarray, shape of the grid
        How the runs of each point ended; the worst of them if there are several.
    """

    model: Model
    vary: dict[tuple[str, ...], Array]
    measure: tuple[str, ...]
    t: tuple[float, float]
    discard: float
    status: NDArray[np.int64]
    _columns: dict[str, NDArray[Any]] = field(repr=False)
    _solver: Solver = field(repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Points along each axis."""
        return self.status.shape

    @cached_property
    def outside(self) -> dict[str, NDArray[np.bool_]]:
        """States that left their declared bounds, and at which points, in the grid's shape.

        It is known of what was measured: "min" and "max" tell all of it, "mean" and "final" some.
        The values are kept as computed.
        """
        found = {}
        for name in self.model.states:
            known = [
                self._columns[f"{kind}_{name}"]
                for kind in ("min", "max", "mean", "final")
                if kind in self.measure
            ]
            left = [leaves(self.model, name, each, each, self._solver) for each in known]
            if left and np.any(left):
                found[name] = np.any(left, axis=0)
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """What the scan holds: varied names, measures, status."""
        return tuple(self._columns)

    def __getitem__(self, name: Any) -> NDArray[Any]:
        """Return a measure or a varied parameter at each point, in the grid's shape."""
        key = getattr(name, "name", name)
        if key not in self._columns:
            raise ModelError(
                f"{self.model.name}: the scan has no {key!r:.60}"
                f"{nearest(str(key), self._columns) or '.'} It has {listed(self._columns, 60)}"
            )
        return self._columns[key]

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row a point: varied parameters, measures, status."""
        import pandas as pd

        return pd.DataFrame({name: values.ravel() for name, values in self._columns.items()})

    @checks_keywords
    def plot(self, name: str | None = None, ax: Any = None) -> Any:
        """Draw a measure over the varied parameters; returns the matplotlib Axes."""
        from .plot import plot_scan

        return plot_scan(self, name, ax)

    def __repr__(self) -> str:
        axes = ", ".join(
            f"{' = '.join(names)} ({len(values)})" for names, values in self.vary.items()
        )
        unit = f" {self.model.time_unit}" if self.model.time_unit else ""
        lines = [
            f"<Scan of {self.model.name!r}: {self.status.size} points, {axes}",
            f"  measured {', '.join(self.measure)} over t = {self.t[0] + self.discard:g} to "
            f"{self.t[1]:g}{unit}",
            f"  {describe_status(self.status.ravel())}{describe_outside(self.outside)}",
        ]
        if "regime" in self._columns:
            found, counts = np.unique(self._columns["regime"].astype(str), return_counts=True)
            lines.append("  " + ", ".join(f"{k} {n}" for k, n in zip(found, counts, strict=True)))
        if "idealised" in self._columns:
            high, low = self._columns["idealised"], self._columns["devalued"]
            open_ = np.isin(high, _UNDECIDED) | np.isin(low, _UNDECIDED)
            differ = int(np.sum((high != low) & ~open_))
            if differ:
                where = f"{differ} point{'s' if differ > 1 else ''}"
                lines.append(f"  the start decides at {where}: see idealised and devalued")
        if "period" in self._columns and np.isfinite(self._columns["period"]).any():
            period = self._columns["period"]
            lines.append(f"  period {np.nanmin(period):.4g} to {np.nanmax(period):.4g}{unit}")
        return "\n".join(lines) + ">"


@checks_keywords
def scan(
    model: Model,
    *,
    vary: Mapping[Any, ArrayLike],
    t: tuple[float, float] | None = None,
    discard: float | None = None,
    measure: Sequence[str] = ("min", "max", "period", "amplitude", "regime"),
    params: Mapping[Any, float] | None = None,
    initial: Mapping[Any, float] | None = None,
    inputs: Mapping[Any, Any] | None = None,
    solver: Solver | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress = None,
) -> Scan:
    """Measure where a model ends up, at every point of a grid.

    Parameters
    ----------
    model : Model
    vary : mapping
        Axes of a full grid: a parameter, an initial value (``"T(0)"``) or an input to its
        values, shape (n,). A tuple of names moves them together: values of shape (n,) are
        given to all of them, of shape (n, n_name) one column to each.
    t : pair of float, optional
        Span to solve, in the model's unit of time. Unless given, from 0 to 2000, or as far as
        10,000 where a state settles slowly: its slowest decay at rest gets fourteen times its
        length. The slowest of all points decides, so that the span, and with it the last digits
        of what still settles, depends on which others are asked for: give `t` for values that do
        not.
    discard : float, optional
        Length of the transient at its start that is not measured; half of the span unless
        given.
    measure : sequence of str
        Any of the following. Those of each state become columns such as ``"min_T"``.

        - ``"min"``, ``"max"``, ``"final"`` of each state; extremes are those of the solution
          between its steps too;
        - ``"mean"`` of each state, over whole cycles where it cycles;
        - ``"amplitude"`` of each state: half of max - min;
        - ``"period"``: mean length of a cycle, NaN where it does not swing, and
          ``"period_spread"``: standard deviation of the cycle lengths over their mean, small
          for a true cycle, large for an irregular one;
        - ``"lyapunov"``: largest Lyapunov exponent, in one over the unit of time: above 0 in
          chaos, 0 on a cycle, below 0 at rest. It carries tangents with an explicit method
          whatever the solver's, and takes several times as long as the rest;
        - ``"regime"``: see below.
    params, initial, inputs : mapping, optional
        What all points share, as in `simulate`.

    Other Parameters
    ----------------
    solver : Solver
        Method, tolerances and limits.
    threads : int, optional
        Threads that share the runs; all processors unless given, or one in each worker of an
        executor. Results do not depend on it, bit for bit.
    executor : concurrent.futures.Executor, optional
        Who solves: threads, processes, or a cluster (a dask ``client.get_executor()``). The
        results are the same, bit for bit.
    checkpoint : path, optional
        File that keeps what is finished. The same call with the same file goes on from there,
        however it was ended.
    progress : bool or callable, optional
        Whether to show a bar; by default on a terminal or in a notebook, after a second. A
        callable gets (done, total).

    Returns
    -------
    Scan
        A failed point is data: its status says why, its measures are NaN and its regime is
        "failed".

    Raises
    ------
    ModelError
        If a name is not in the model, is given twice, or a value is outside its range.
    DataError
        If an axis is empty or holds something that is not finite, `t` is no span, or the
        checkpoint belongs to another call.
    OptionError
        If a measure is unknown or another option is not valid.
    FileError
        If the checkpoint cannot be written. What is finished stays readable.
    TrustodeError
        If a worker of the executor died or raised; it says which points.

    Notes
    -----
    The regime is "resting", "cycling", "irregular" (swings that do not repeat) or "unsettled"
    (still changing, but not through a sustained cycle: solve for longer). An oscillation must
    be sustained to count; see `trustode.measures.behaviour`.

    A model with a state T bounded in (-1, 1), as the trust models are, is solved for the
    regime from two starts, idealised (T = L = .9) and devalued (T = L = -.9), as if it had
    always been so: the other states are where they rest while T and L are held, unless
    `initial` or `vary` says otherwise. T decides. The columns ``"idealised"`` and
    ``"devalued"`` say how each run ends: "trusting" or "mistrusting" (at rest with T above or
    below 0, "resting" at 0), "cycling", "irregular" or "unsettled". The regime is what both
    agree on, and "split" where both rest, on opposite sides of 0 or more than .1 apart
    ("unsettled" if T still moves fast enough to close the gap). Where they disagree otherwise,
    it is what the livelier run does, in the order unsettled, irregular, cycling. All other
    measures come from the model's own start (or `initial`), which may end otherwise: a point
    that is cycling has no period where that start rests. Where T or L is varied,
    there are no two starts and the regime is how that run ends.
    """
    if not isinstance(model, Model):
        raise ModelError(f"scan: expected a Model, got {model!r:.60} ({type(model).__name__})")
    where = f"scan({model.name})"
    solver = check_solver(solver, where)
    how = check_how(threads, executor, checkpoint, progress, where)
    measures = _check_measures(measure, where)
    start, end, discarded = check_span((0.0, LEAST_END) if t is None else t, discard, where)
    axes = _check_axes(vary, where)
    shape = tuple(len(values) for values in axes.values())
    n_point = math.prod(shape)
    refuse_too_large(
        (n_point, len(model.states), len(measures)), where, "Vary fewer values at a time"
    )
    columns = _grid(axes, shape)
    starts = long_run_starts(model, columns, initial, measures)
    labels = range(1, n_point + 1)
    every = [
        make_runs(
            model,
            columns,
            n_point,
            labels,
            params=params,
            initial=begin,
            inputs=inputs,
            where=where,
        )
        for begin in starts
    ]
    if t is None:
        start, end, discarded = check_span((0.0, long_enough(every[0])), discard, where)
    atol = solver.atol_vector(every[0].compiled)
    if how.executor is not None:
        compile_ahead(every[0].compiled, solver)
    held = {"T", "L", *model.known(initial, "state", model.states)}
    free = [
        k for k, name in enumerate(model.states) if name not in held and f"{name}(0)" not in columns
    ]
    plan = Plan(start, start + discarded, end, solver, atol, measures, free)
    found = carry_out(_Points(every, plan), n_point, _POINTS_A_BLOCK, how, where)
    both = [name for name in columns if name in found]
    if both:
        raise ModelError(
            f"{where}: {both[0]!r} is varied and also the name of a measure's column; leave that "
            "measure out"
        )
    found = {name: values.reshape(shape) for name, values in found.items()}
    status = found.pop("status")
    gridded = {name: values.reshape(shape) for name, values in columns.items()}
    return Scan(
        model=model,
        vary=axes,
        measure=measures,
        t=(start, end),
        discard=discarded,
        status=status,
        _columns={**gridded, **found, "status": status},
        _solver=solver,
    )


@dataclass(frozen=True)
class _Points:
    """The task of a scan: the runs of each point, and what is done to them."""

    every: list[Runs]
    plan: Plan

    def take(self, rows: slice) -> _Points:
        """Return the task of some points."""
        return replace(self, every=[runs.take(rows) for runs in self.every])

    def solve(self, crew: Crew) -> Arrays:
        """Solve and measure the points."""
        rows = np.arange(self.every[0].n_run)
        return dict(measure_points(self.every, rows, self.plan, crew))

    def parts(self) -> Parts:
        """Return all that the measures depend on."""
        plan = self.plan
        starts = [runs.initial for runs in self.every]
        return {
            "call": ("scan", ""),
            **self.every[0].parts(),
            "initial": ("", digest(starts, plan.free)),
            "t": (f"{plan.start:g} to {plan.end:g}", digest(plan.start, plan.end)),
            "discard": (f"until {plan.begin:g}", digest(plan.begin)),
            "measure": (", ".join(plan.measures), ""),
            "solver": (repr(plan.solver), ""),
        }


# ------------------------------------------------------------------ checks


def _check_measures(measure: Any, where: str) -> tuple[str, ...]:
    """Return the measures, or raise."""
    if not isinstance(measure, Iterable):
        raise OptionError(
            f"{where}: measure={measure!r:.60} must be a name or a list of names. "
            f"Measures: {', '.join(MEASURES)}"
        )
    wanted = (measure,) if isinstance(measure, str) else tuple(measure)
    for name in wanted:
        if not isinstance(name, str) or name not in MEASURES:
            raise OptionError(
                f"{where}: unknown measure {name!r:.60}{nearest(str(name), MEASURES) or '.'} "
                f"Measures: {', '.join(MEASURES)}"
            )
    if not wanted:
        raise OptionError(f"{where}: measure is empty. Measures: {', '.join(MEASURES)}")
    return tuple(dict.fromkeys(wanted))


def check_span(t: Any, discard: object, where: str) -> tuple[float, float, float]:
    """Return start, end and the length to discard, or raise."""
    try:
        start, end = (float(each) for each in t)
    except (TypeError, ValueError):
        raise DataError(f"{where}: t must be a pair (start, end), got {t!r:.60}") from None
    if not (math.isfinite(start) and math.isfinite(end) and start < end):
        hint = " Give an end, or use tr.equilibria for the long run." if math.isinf(end) else ""
        raise DataError(f"{where}: t = ({start:g}, {end:g}) must be finite and increase.{hint}")
    if discard is None:
        return start, end, (end - start) / 2
    number = isinstance(discard, int | float | np.number) and not isinstance(discard, bool)
    if not number or not 0 <= float(discard) < end - start:  # type: ignore[arg-type]
        raise OptionError(
            f"{where}: discard={discard!r:.60} must be at least 0 and less than the span, "
            f"{end - start:g}"
        )
    return start, end, float(discard)  # type: ignore[arg-type]


def _check_axes(vary: Any, where: str) -> dict[tuple[str, ...], Array]:
    """Return the names and values, shape (n, n_name), of each axis, or raise."""
    if not isinstance(vary, Mapping) or not vary:
        raise DataError(
            f"{where}: vary must map parameters to their values, got {vary!r:.60}. For one run "
            "use tr.simulate"
        )
    axes: dict[tuple[str, ...], Array] = {}
    for key, given in vary.items():
        together = key if isinstance(key, tuple) else (key,)
        names = tuple(str(getattr(name, "name", name)) for name in together)
        label = ", ".join(names)
        try:
            raw = np.asarray(given)
        except ValueError:
            raise DataError(f"{where}: the values of {label} are rows of several lengths") from None
        values = np.repeat(raw[:, None], len(names), axis=1) if raw.ndim == 1 else raw
        if values.ndim != 2 or values.shape[1] != len(names) or not values.size:
            wanted = "(n,)" if len(names) == 1 else f"(n,) or (n, {len(names)})"
            raise DataError(
                f"{where}: the values of {label} must have shape {wanted} with at least one "
                f"value, got shape {raw.shape}"
            )
        if raw.dtype.kind not in "fiu":
            raise DataError(
                f"{where}: the values of {label} have type {raw.dtype}; they must be numbers"
            )
        if not np.isfinite(raw).all():
            k = int(np.argmin(np.isfinite(raw.ravel())))
            raise DataError(
                f"{where}: the values of {label} hold {raw.ravel()[k]} (value {k + 1} of "
                f"{raw.size}); they must be finite"
            )
        seen = {name for other in axes for name in other}
        twice = [name for k, name in enumerate(names) if name in seen or name in names[:k]]
        if twice:
            raise ModelError(f"{where}: {twice[0]} is varied twice; name it in one place")
        axes[names] = values.astype(float)
    return axes


def _grid(axes: Mapping[tuple[str, ...], Array], shape: tuple[int, ...]) -> dict[str, Array]:
    """Return the value of each varied name at each point, the last axis running fastest."""
    index = np.unravel_index(np.arange(math.prod(shape)), shape)
    return {
        name: values[index[axis], k]
        for axis, (names, values) in enumerate(axes.items())
        for k, name in enumerate(names)
    }
