"""Solve one model many times, one row of a table a run.

Imports the runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checkpoint import MANY, Parts, digest
from .errors import (
    STATUS_TEXT,
    DataError,
    ModelError,
    OptionError,
    Status,
    checks_keywords,
    listed,
    nearest,
    needs,
)
from .event import Event, WatchedEvents, watch_for
from .jobs import Arrays, Crew, carry_out, check_how
from .model import Model
from .notebook import Shown
from .progress import Progress
from .runs import (
    CHUNK_BYTES,
    MOST_RUNS_A_CHUNK,
    Runs,
    check_solver,
    chunks,
    make_runs,
)
from .simulate import leaves
from .solve import NATIVE, Solver, check_times, compile_ahead, refuse_too_large
from .stimulus import Table
from .stimulus import table as tabled

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Array = NDArray[np.float64]

#: Where a task keeps the events that its runs saw.
_SEEN = f"{MANY}events"


@dataclass(frozen=True, eq=False)
class Ensemble(Shown):
    """Trajectories of many runs.

    ``ens["T"]`` is a state or observable in every run, shape (n_run, n_time).

    Attributes
    ----------
    model : Model
    table : DataFrame
        What was varied, one row a run.
    t : ndarray, shape (n_time,)
    y : ndarray, shape (n_run, n_time, n_saved)
        Columns in the order of `saved`; NaN from where a run stopped early.
    status : ndarray, shape (n_run,)
        How each run ended; see `Status`.
    saved : tuple of str
        States that are kept: all of them, in the model's order, unless ``save`` named some.
    """

    model: Model
    table: pd.DataFrame
    t: Array
    y: Array
    status: NDArray[np.int64]
    saved: tuple[str, ...]
    _watched: WatchedEvents | None
    _seen: Array | None
    _runs: Runs
    _solver: Solver

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def outside(self) -> dict[str, NDArray[np.bool_]]:
        """Saved states that left their declared bounds, and in which runs, shape (n_run,).

        Their values are kept as computed.
        """
        found = {}
        for i, name in enumerate(self.saved):
            lowest, highest = (most.reduce(self.y[:, :, i], 1) for most in (np.fmin, np.fmax))
            left = leaves(self.model, name, lowest, highest, self._solver)
            if left.any():
                found[name] = left
        return found

    @cached_property
    def events(self) -> pd.DataFrame:
        """What was seen of the events that were watched for, one row each.

        Columns: ``run`` (row of `table`, from 0), ``event`` (its name, or its position), ``t``,
        ``direction`` and the states just before.
        """
        return _events_frame(self._watched, self._seen, self.model.states)

    def __getitem__(self, name: Any) -> Array:
        """Return a state or observable in every run, shape (n_run, n_time)."""
        key = getattr(name, "name", name)
        if key in self.saved:
            return np.asarray(self.y[:, :, self.saved.index(key)])
        whole = self.saved == self.model.states
        if key in self.model.observables and whole:
            return self._observed(list(self.model.observables).index(key))
        if key in self.model.observables or key in self.model.states:
            hint = ", or name it there" if key in self.model.states else ", as observables need all"
            raise ModelError(
                f"{self.model.name}: the ensemble has no {key!r}, because it kept "
                f"{listed(self.saved)} only. Leave save= out{hint}"
            )
        known = [*self.saved, *(self.model.observables if whole else ())]
        raise ModelError(
            f"{self.model.name}: the ensemble has no {key!r:.60}{nearest(str(key), known) or '.'} "
            f"It has {', '.join(known)}"
        )

    def _observed(self, index: int) -> Array:
        """Return one observable in every run."""
        values = np.empty(self.y.shape[:2])
        functions = self._runs.compiled.functions
        for rows in chunks(len(self), MOST_RUNS_A_CHUNK):
            p, stimuli = self._runs.params(rows), self._runs.stimuli(rows)
            for k, row in enumerate(rows):
                inputs = stimuli[k if len(stimuli) > 1 else 0]
                values[row] = functions.observe_many(self.t, self.y[row], p[k], inputs)[:, index]
        return values

    def to_frame(self) -> pd.DataFrame:
        """Return a long table: ``run`` (row of `table`, from 0), ``t``, then the states."""
        import pandas as pd

        n_run, n_time, n_state = self.y.shape
        columns: dict[str, Any] = {
            "run": np.repeat(np.arange(n_run), n_time),
            "t": np.tile(self.t, n_run),
        }
        flat = self.y.reshape(-1, n_state)
        columns |= {name: flat[:, i] for i, name in enumerate(self.saved)}
        return pd.DataFrame(columns)

    def quantiles(self, name: Any, levels: Sequence[float] = (0.05, 0.5, 0.95)) -> Array:
        """Return quantiles over the runs of a state or observable, shape (n_level, n_time).

        Runs that stopped early count as far as they came; NaN where none did.

        Parameters
        ----------
        name : str
        levels : sequence of float
            Between 0 and 1.

        Raises
        ------
        ModelError
            If there is no such state or observable.
        OptionError
            If a level is not between 0 and 1.
        """
        if not all(0.0 <= level <= 1.0 for level in levels):
            raise OptionError(
                f"quantiles({self.model.name}): levels={[*levels]} must lie between 0 and 1"
            )
        y = self[name]
        reached = np.isfinite(y).any(axis=0)
        found = np.full((len(levels), y.shape[1]), np.nan)
        found[:, reached] = np.nanquantile(y[:, reached], levels, axis=0)
        return found

    @checks_keywords
    def plot(self, name: Any = None, ax: Any = None) -> Any:
        """Draw a state or observable of all runs over time, the first saved state unless named.

        Up to eight runs are a line each; of more the median, the middle half and the middle
        90 % are drawn. Returns the matplotlib Axes.
        """
        from .plot import plot_ensemble

        return plot_ensemble(self, self.saved[0] if name is None else name, ax)

    def to_xarray(self) -> xr.Dataset:
        """Return an xarray Dataset with dimensions run, time and state.

        Columns of `table` are coordinates along run, with their units; `status`
        is a variable.
        """
        with needs("xarray", "to_xarray"):
            import xarray as xr

        unit = {"units": self.model.time_unit}
        varied = {
            str(name): ("run", self.table[name].to_numpy(), {"units": self._unit(str(name))})
            for name in self.table.columns
        }
        return xr.Dataset(
            {"y": (("run", "time", "state"), self.y), "status": ("run", self.status)},
            coords={
                "run": np.arange(len(self)),
                "time": ("time", self.t, unit),
                "state": list(self.saved),
                **varied,
            },
        )

    def _unit(self, name: str) -> str:
        return self.model.parameters[name].unit if name in self.model.parameters else ""

    def _shown(self) -> pd.DataFrame:
        # All times of all runs can be too many to tabulate for the sake of ten rows.
        return self.table

    def __repr__(self) -> str:
        unit = f" {self.model.time_unit}" if self.model.time_unit else ""
        varied = [*map(str, self.table.columns), *self._runs.courses]
        return (
            f"<Ensemble of {self.model.name!r}: {len(self)} runs, t = {self.t[0]:g} to "
            f"{self.t[-1]:g}{unit}, {len(self.t)} times\n"
            f"  varied: {listed(varied) or 'nothing'}\n"
            f"  {describe_status(self.status)}"
            + describe_outside(self.outside)
            + (f"\n  {len(self.events)} events, see .events>" if len(self.events) else ">")
        )


def describe_status(status: NDArray[np.int64]) -> str:
    """Say how runs ended, in one line."""
    failed = status[status != Status.SUCCESS]
    text = f"{status.size - failed.size} of {status.size} reached the end"
    for code, count in zip(*np.unique(failed, return_counts=True), strict=True):
        text += f"; {count}: {STATUS_TEXT[Status(int(code))]}"
    return text


def describe_outside(outside: Mapping[str, NDArray[np.bool_]]) -> str:
    """Say which states left their bounds, in a line that follows others, or nothing."""
    told = [f"{name} in {each.sum()} of {each.size}" for name, each in outside.items()]
    return f"\n  left their bounds: {listed(told)}" if told else ""


@checks_keywords
def ensemble(
    model: Model,
    table: Any,
    t: ArrayLike,
    *,
    params: Mapping[Any, float] | None = None,
    initial: Mapping[Any, float] | None = None,
    inputs: Mapping[Any, Any] | None = None,
    events: Event | Sequence[Event] = (),
    save: Sequence[Any] | None = None,
    solver: Solver | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress = None,
) -> Ensemble:
    """Solve the initial-value problem of a model once for each row of a table.

    Parameters
    ----------
    model : Model
    table : DataFrame or mapping of name to array_like
        One row a run. A column is a parameter, an initial value (``"T(0)"``) or an input,
        which is then held constant.
    t : array_like, shape (n_time,)
        Output times in the model's time unit, strictly increasing; the same for all runs.
    params, initial, inputs : mapping, optional
        What all runs share, as in `simulate`. An input may take another course in each run: give
        a list of stimuli or numbers, one a run.
    events : sequence of Event, optional
        What to watch for in each run, as in `simulate`; ``ensemble.events`` holds what was
        seen. A run that a terminal event ends is NaN behind it.
    save : sequence of str, optional
        States to keep, where all of them would not fit in memory; all unless given. Observables
        need all.

    Other Parameters
    ----------------
    solver : Solver
        Method, tolerances and limits. A scipy method runs one solve after the other.
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
    Ensemble
        ``y`` has shape (n_run, n_time, n_saved). Each run equals its own `simulate`. A
        failed run is data: its status says why, and the others are not touched.

    Raises
    ------
    ModelError
        If a column or name is not in the model, or a value is outside its range.
    OptionError
        If an option is not valid, or events are asked of one of scipy's methods.
    DataError
        If a value is not finite or not a number, the table is empty, an input has not one
        course a run, the result would not fit in memory, or the checkpoint belongs to another call.
    FileError
        If the checkpoint cannot be written. What is finished stays readable.
    TrustodeError
        If a worker of the executor died or raised; it says which rows.
    """
    where = f"ensemble({_model_name(model)})"
    solver = check_solver(solver, where)
    how = check_how(threads, executor, checkpoint, progress, where)
    frame = _as_frame(table, where)
    times = check_times(t, where)
    saved = _check_saved(save, model, where)
    n_run, n_time, n_state = len(frame), len(times), len(model.states)
    refuse_too_large(
        (n_run, n_time, len(saved)),
        where,
        "Ask for fewer times or runs, keep fewer states (save=), or measure with tr.scan",
    )
    columns = _columns(frame, where)
    shared, courses = _courses(model, inputs, n_run, where)
    runs = make_runs(
        model,
        columns,
        n_run,
        frame.index,
        params=params,
        initial=initial,
        inputs=shared,
        courses=courses,
        where=where,
    )
    solver.atol_vector(runs.compiled)
    watched = watch_for(model, events, where)
    if watched is not None and solver.method not in ("auto", *NATIVE):
        raise OptionError(
            f"{where}: events need a native method, not {solver.method!r}. "
            'Use the default, Solver(method="auto")'
        )
    if how.executor is not None:
        compile_ahead(runs.compiled, solver)
    most = max(1, min(MOST_RUNS_A_CHUNK, CHUNK_BYTES // (8 * n_time * n_state)))

    def some(found: Arrays, at: NDArray[np.intp]) -> Ensemble:
        y = np.full((n_run, n_time, len(saved)), np.nan)
        status = np.full(n_run, int(Status.INTERRUPTED), dtype=found["status"].dtype)
        y[at], status[at] = found["y"], found["status"]
        return Ensemble(model, frame, times, y, status, saved, None, None, runs, solver)

    task = _Trajectories(runs, times, saved, solver, watched)
    found = carry_out(task, n_run, most, how, where, some if watched is None else None)
    seen = found.get(_SEEN)
    return Ensemble(
        model, frame, times, found["y"], found["status"], saved, watched, seen, runs, solver
    )


def _events_frame(
    watched: WatchedEvents | None, rows: Array | None, states: tuple[str, ...]
) -> pd.DataFrame:
    """Return the table of events seen: run, event, time, direction, then the states."""
    import pandas as pd

    rows = np.empty((0, 4 + len(states))) if rows is None else rows
    names = () if watched is None else watched.names
    columns: dict[str, Any] = {
        "run": rows[:, 0].astype(np.int64),
        "event": [names[int(k)] for k in rows[:, 1]],
        "t": rows[:, 2],
        "direction": rows[:, 3].astype(np.int64),
    }
    for i, name in enumerate(states):
        columns[f"{name}_state" if name in columns else name] = rows[:, 4 + i]
    return pd.DataFrame(columns)


@dataclass(frozen=True)
class _Trajectories:
    """The task of an ensemble."""

    runs: Runs
    t: Array
    saved: tuple[str, ...]
    solver: Solver
    events: WatchedEvents | None

    def take(self, rows: slice) -> _Trajectories:
        """Return the task of some runs."""
        return replace(self, runs=self.runs.take(rows))

    def solve(self, crew: Crew) -> Arrays:
        """Solve the runs."""
        rows = np.arange(self.runs.n_run)
        if self.events is None:
            y, status, _ = self.runs.solve(rows, self.t, self.solver, crew)
            return {"y": self._kept(y), "status": status}
        y, status, seen = self.runs.solve_watched(rows, self.t, self.solver, crew, self.events)
        return {"y": self._kept(y), "status": status, _SEEN: seen}

    def _kept(self, y: Array) -> Array:
        states = self.runs.compiled.model.states
        return y if self.saved == states else y.take([*map(states.index, self.saved)], axis=2)

    def parts(self) -> Parts:
        """Return all that the trajectories depend on."""
        times = f"{len(self.t)} from {self.t[0]:g} to {self.t[-1]:g}"
        parts = {
            "call": ("ensemble", ""),
            **self.runs.parts(),
            "times": (times, digest(self.t)),
            "solver": (repr(self.solver), ""),
        }
        if self.saved != self.runs.compiled.model.states:
            parts["save"] = (", ".join(self.saved), "")
        if self.events is not None:
            names = listed(str(name) for name in self.events.names)
            parts["events"] = (names, digest([each.__reduce__()[1] for each in self.events.events]))
        return parts


def _check_saved(save: Any, model: Model, where: str) -> tuple[str, ...]:
    """Return the states to keep, or raise."""
    if save is None:
        return model.states
    if isinstance(save, str) or not isinstance(save, Iterable):
        save = (save,)
    names = tuple(dict.fromkeys(getattr(each, "name", each) for each in save))
    for name in names:
        if name not in model.states:
            raise ModelError(
                f"{where}: save: {name!r:.60} is no state of the model"
                f"{nearest(str(name), model.states) or '.'} The states are: "
                f"{listed(model.states, 60)}"
            )
    if not names:
        raise OptionError(f"{where}: save is empty. Name states to keep, or leave it out for all")
    return names


def _model_name(model: object) -> str:
    """Return a model's name, or raise if it is none."""
    if not isinstance(model, Model):
        raise ModelError(f"expected a Model, got {model!r:.60} ({type(model).__name__})")
    return model.name


def _as_frame(given: Any, where: str) -> pd.DataFrame:
    """Return a table as a DataFrame of its own with plain column names."""
    import pandas as pd

    own = False
    if isinstance(given, Mapping):
        sizes = {str(name): np.shape(values) for name, values in given.items()}
        if any(len(shape) != 1 for shape in sizes.values()) or len(set(sizes.values())) > 1:
            shapes = ", ".join(f"{name} {shape}" for name, shape in sizes.items())
            raise DataError(
                f"{where}: the table's columns must be lists of one length, got {shapes}"
            )
        columns = {str(name): np.asarray(values) for name, values in given.items()}
        if columns and all(values.dtype == np.float64 for values in columns.values()):
            # In one block: pandas takes a column at a time as long as many short solves.
            values = np.array([*columns.values()])
            given = pd.DataFrame(values.T, columns=[*columns], copy=False)
        else:
            given = pd.DataFrame(columns)
        own = True
    if not isinstance(given, pd.DataFrame):
        raise DataError(
            f"{where}: table must be a DataFrame or a mapping of columns, got "
            f"{type(given).__name__}"
        )
    if not len(given):
        raise DataError(f"{where}: the table has no rows; one row is one run")
    # From version 3 on pandas copies when either is written to.
    frame = given if own else given.copy(deep=int(pd.__version__.split(".")[0]) < 3)
    found = frame.columns.tolist()
    names = [str(name) for name in found]
    if names != found:
        frame.columns = pd.Index(names)
    if len({*names}) < len(names):
        twice = next(name for k, name in enumerate(names) if name in names[:k])
        raise DataError(f"{where}: the table has the column {twice!r} twice")
    return frame


def _courses(
    model: Model, inputs: Mapping[Any, Any] | None, n_run: int, where: str
) -> tuple[dict[str, Any], dict[str, list[Table]]]:
    """Part the inputs that all runs share from those with a course for each."""
    given = model.known(inputs, "input", model.inputs)
    own = {name: each for name, each in given.items() if isinstance(each, list | tuple)}
    for name, each in own.items():
        if len(each) != n_run:
            raise DataError(
                f"{where}: inputs['{name}'] has {len(each)} courses for the {n_run} rows of the "
                "table; give one for each row, or one that all share"
            )
    shared = {name: each for name, each in given.items() if name not in own}
    return shared, {
        name: [tabled(one, f"{where}: input {name} of run {k}") for k, one in enumerate(each)]
        for name, each in own.items()
    }


def _columns(frame: pd.DataFrame, where: str) -> dict[str, Array]:
    """Return the columns of a table as floats, or raise."""
    names = frame.columns.tolist()
    values = frame.to_numpy()
    if values.dtype == np.float64:
        # All at once: one column after the other takes as long as many short solves.
        return dict(zip(names, np.ascontiguousarray(values.T), strict=True))
    return {name: _numbers(frame[name], name, where) for name in names}


def _numbers(values: Any, name: object, where: str) -> Array:
    """Return a column as floats, or raise."""
    import pandas as pd

    if values.dtype == object:
        # Numbers with gaps arrive as objects when a column is built from a list with None.
        values = values.convert_dtypes()
    kind = pd.api.types
    missing = values.isna().all()
    number = kind.is_numeric_dtype(values) and not kind.is_bool_dtype(values)
    if not missing and (not number or kind.is_complex_dtype(values)):
        # What is no number, rather than the first of a column that it made one of texts.
        text = values.dtype == object or kind.is_string_dtype(values)
        parsed = pd.to_numeric(values, errors="coerce") if text else values
        row = int(np.argmax((parsed.isna() & values.notna()).to_numpy()))
        raise DataError(
            f"{where}: column {name!r} holds {values.iloc[row]!r:.40} in row {values.index[row]} "
            f"({values.dtype}); it must hold numbers"
        )
    return np.asarray(values.to_numpy(dtype=float, na_value=np.nan))
