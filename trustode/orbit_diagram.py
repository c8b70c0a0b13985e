"""Follow the long run of a model along a parameter by brute force: every maximum it reaches.

Imports the ensemble layer.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checkpoint import MANY, Parts, digest
from .ensemble import describe_status
from .errors import DataError, ModelError, OptionError, Status, checks_keywords, nearest
from .event import Event, WatchedEvents, watch_for
from .jobs import Arrays, Crew, carry_out, check_how
from .longrun import LEAST_END, long_enough
from .model import Model
from .notebook import Shown
from .progress import Progress
from .runs import Runs, check_solver, make_runs
from .scan import check_span
from .solve import NATIVE, Solver, compile_ahead

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

_RUNS_A_BLOCK = 256
_POINTS = f"{MANY}points"
#: An orbit whose points are all within this share of a state's size of its end is at rest.
_AT_REST = 1e-4
#: Values that differ by less than this share of the state's range are one.
_SAME = 1e-3


@dataclass(frozen=True, eq=False)
class OrbitDiagram(Shown):
    """Where orbits pass in the long run, for each value of a parameter.

    Attributes
    ----------
    model : Model
    name : str
        The parameter.
    values : ndarray, shape (n,)
        Its values.
    state : str
        The state whose maxima were looked for, or which is drawn.
    section : str
        What the points are, in words.
    status : ndarray, shape (n,)
        How each run ended.
    """

    model: Model
    name: str
    values: Array
    state: str
    section: str
    status: NDArray[np.int64]
    _points: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row a point: parameter, ``t``, the states, and ``rest``.

        Where an orbit does not pass at all, its one point is its end, and ``rest`` is true.
        """
        return self._points.copy()

    def count(self, tolerance: float = _SAME) -> NDArray[np.int64]:
        """Count the different values of the state at each value of the parameter.

        Parameters
        ----------
        tolerance : float
            Values closer than this share of the state's range are one.

        Returns
        -------
        ndarray of int, shape (n,)
            1 at rest or on a simple cycle, 2 on one of twice its period, many in chaos; 0
            where the run failed.
        """
        y = self._points[self.state].to_numpy()
        which = np.searchsorted(self.values, self._points[self.name].to_numpy())
        gap = tolerance * (np.ptp(y) if y.size else 0.0)
        found = np.zeros(len(self.values), dtype=np.int64)
        for k in np.unique(which):
            found[k] = 1 + np.count_nonzero(np.diff(np.sort(y[which == k])) > gap)
        return found

    @checks_keywords
    def plot(self, state: str | None = None, ax: Any = None) -> Any:
        """Draw the points of a state over the parameter; returns the matplotlib Axes."""
        from .plot import plot_orbit_diagram

        return plot_orbit_diagram(self, state, ax)

    def __repr__(self) -> str:
        return (
            f"<OrbitDiagram of {self.model.name!r}: {self.section} along {self.name} = "
            f"{self.values[0]:g} to {self.values[-1]:g} ({len(self.values)})\n"
            f"  {len(self._points)} points; {describe_status(self.status)}>"
        )


@checks_keywords
def orbit_diagram(
    model: Model,
    name: Any,
    span: ArrayLike,
    *,
    state: Any = None,
    section: Any = None,
    n: int = 201,
    t: tuple[float, float] | None = None,
    discard: float | None = None,
    params: Mapping[Any, float] | None = None,
    initial: Mapping[Any, float] | None = None,
    inputs: Mapping[Any, Any] | None = None,
    solver: Solver | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress = None,
) -> OrbitDiagram:
    """Find where orbits pass in the long run, for each of many values of a parameter.

    Parameters
    ----------
    model : Model
    name : str or symbol
        A parameter, or an input that is held.
    span : tuple (from, to), or array_like, shape (n,)
        From where to where, or the values themselves, increasing.
    state : str or symbol, optional
        The state whose maxima are the points; the first unless given.
    section : expression, str or Event, optional
        Instead of maxima, the points where this function of states, parameters and inputs
        rises through zero (or as the event's direction says).
    n : int
        Values in a span.
    t, discard
        Span to solve and the transient at its start, as in `scan`.
    params, initial, inputs : mapping, optional
        What all values share, as in `simulate`.

    Other Parameters
    ----------------
    solver, threads, executor, checkpoint, progress
        As in `scan`. The solver's method must be native.

    Returns
    -------
    OrbitDiagram

    Raises
    ------
    ModelError
        If a name is not in the model, or a value is outside its range.
    DataError
        If the values are not numbers that increase, or `t` is no span.
    OptionError
        If an option is not valid.
    """
    if not isinstance(model, Model):
        raise ModelError(
            f"orbit_diagram: expected a Model, got {model!r:.60} ({type(model).__name__})"
        )
    where = f"orbit_diagram({model.name})"
    solver = check_solver(solver, where)
    if solver.method not in ("auto", *NATIVE):
        raise OptionError(f"{where}: needs a native method, not {solver.method!r}")
    how = check_how(threads, executor, checkpoint, progress, where)
    start, end, discarded = check_span((0.0, LEAST_END) if t is None else t, discard, where)
    values = check_values(span, n, where)
    column = str(getattr(name, "name", name))
    shown = model.states[0] if state is None else str(getattr(state, "name", state))
    if shown not in model.states:
        raise ModelError(
            f"{where}: {shown!r:.60} is not a state{nearest(shown, model.states) or '.'} "
            f"The states are: {', '.join(model.states)}"
        )
    if isinstance(section, Event):
        event, words = replace(section, terminal=False, set=None), "passages through a section"
    elif section is not None:
        event, words = Event(section, 1), "passages through a section"
    else:
        slope = dict(zip(model.states, model.rhs.values(), strict=True))[shown]
        event, words = Event(slope, -1), f"maxima of {shown}"
    watched = watch_for(model, [event], where)
    assert watched is not None
    runs = make_runs(
        model,
        {column: values},
        len(values),
        range(1, len(values) + 1),
        params=params,
        initial=initial,
        inputs=inputs,
        where=where,
    )
    if t is None:
        start, end, discarded = check_span((0.0, long_enough(runs)), discard, where)
    solver.atol_vector(runs.compiled)
    if how.executor is not None:
        compile_ahead(runs.compiled, solver)
    task = _Orbits(runs, (start, start + discarded, end), solver, watched)
    found = carry_out(task, len(values), _RUNS_A_BLOCK, how, where)
    points = _points(model, column, values, found, end)
    return OrbitDiagram(model, column, values, shown, words, found["status"], points)


def check_values(span: ArrayLike, n: object, where: str) -> Array:
    """Return the values of a parameter that increase: a grid, or `n` of a span, or raise."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 2:
        raise OptionError(f"{where}: n={n!r:.60} must be a whole number, at least 2")
    try:
        values = np.asarray(span, dtype=float)
    except (TypeError, ValueError):
        raise DataError(f"{where}: {span!r:.60} is neither a span nor a list of values") from None
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise DataError(
            f"{where}: the values must be finite and in one list, got {span!r:.60}. Give a pair "
            "(from, to) or a grid"
        )
    if not (np.diff(values) > 0).all():
        raise DataError(f"{where}: the values {span!r:.60} must increase")
    is_span = isinstance(span, tuple) and len(values) == 2
    return np.linspace(values[0], values[1], int(n)) if is_span else values


def _points(model: Model, name: str, values: Array, found: Arrays, end: float) -> pd.DataFrame:
    """Return the table of points, sorted by the parameter and time."""
    import pandas as pd

    seen = found[_POINTS]
    good = found["status"] == Status.SUCCESS
    seen = seen[good[seen[:, 0].astype(int)]]
    # Rounding errors at rest pass any section.
    which = seen[:, 0].astype(int)
    scale = np.abs(found["final"][good]).max(axis=0, initial=0.0)
    off = (np.abs(seen[:, 4:] - found["final"][which]) > _AT_REST * scale).any(axis=1)
    seen = seen[np.isin(which, which[off])]
    still = np.setdiff1d(np.flatnonzero(good), seen[:, 0].astype(int))
    run = np.concatenate([seen[:, 0].astype(int), still])
    t = np.concatenate([seen[:, 2], np.full(len(still), end)])
    y = np.concatenate([seen[:, 4:], found["final"][still]])
    columns: dict[str, Any] = {name: values[run], "t": t}
    columns |= {state: y[:, i] for i, state in enumerate(model.states)}
    columns["rest"] = np.repeat([False, True], [len(seen), len(still)])
    return pd.DataFrame(columns).sort_values([name, "t"], ignore_index=True, kind="stable")


@dataclass(frozen=True)
class _Orbits:
    """The task of an orbit diagram: past the transient without events, then with them."""

    runs: Runs
    times: tuple[float, float, float]
    solver: Solver
    events: WatchedEvents

    def take(self, rows: slice) -> _Orbits:
        """Return the task of some values."""
        return replace(self, runs=self.runs.take(rows))

    def solve(self, crew: Crew) -> Arrays:
        """Solve the runs of the values."""
        start, begin, end = self.times
        rows = np.arange(self.runs.n_run)
        y0, before = None, np.full(len(rows), int(Status.SUCCESS))
        if begin > start:
            y, before, _ = self.runs.solve(rows, np.array([start, begin]), self.solver, crew)
            y0 = y[:, -1]
        y, status, seen = self.runs.solve_watched(
            rows, np.array([begin, end]), self.solver, crew, self.events, y0
        )
        status = np.where(before == Status.SUCCESS, status, before)
        return {"status": status, "final": y[:, -1], _POINTS: seen}

    def parts(self) -> Parts:
        """Return all that the points depend on."""
        return {
            "call": ("orbit_diagram", ""),
            **self.runs.parts(),
            "t": (f"{self.times[0]:g} to {self.times[2]:g}", digest(*self.times)),
            "section": ("", digest([each.__reduce__()[1] for each in self.events.events])),
            "solver": (repr(self.solver), ""),
        }
