"""Many solves compared with observations in C, without keeping a trajectory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._core import FORMS as _FORMS
from .._core import REPORT, Inputs, sum_misfit
from ..compile import CompiledModel
from ..errors import Status
from .options import Solver
from .plan import plan
from .tangents import directions, start_rows
from .threads import count_threads, share

Array = NDArray[np.float64]

#: How rows are summed in C, by name.
FORMS: dict[str, int] = _FORMS


class Rows(NamedTuple):
    """Observations of many runs, each run's sorted by time.

    Attributes
    ----------
    times : ndarray, shape (n_time,)
        Times of all runs, one run after the other; a run starts at its first.
    first_time : ndarray of int64, shape (n_run + 1,)
        Where each run's times begin.
    form, observable : ndarray of int32, shape (n_column,)
        How a column is summed, by `_core.FORMS`, and the observable that predicts it.
    column : ndarray of int32, shape (n_row,)
    time : ndarray of int64, shape (n_row,)
        Place of each row's time among those of its run.
    values, size : ndarray, shape (n_row,)
        What was observed; of how many trials.
    first_row : ndarray of int64, shape (n_run + 1,)
        Where each run's rows begin.
    """

    times: Array
    first_time: NDArray[np.int64]
    form: NDArray[np.int32]
    observable: NDArray[np.int32]
    column: NDArray[np.int32]
    time: NDArray[np.int64]
    values: Array
    size: Array
    first_row: NDArray[np.int64]


class Compared(NamedTuple):
    """Predictions beside observations.

    Attributes
    ----------
    report : ndarray, shape (n_run,)
        What became of each run. After the first that failed the others may not have run.
    located : ndarray, shape (n_row,)
        Predictions.
    slopes : ndarray, shape (n_row, n_name), or None
        Their derivatives, of columns that are not summed; None where all are.
    total : ndarray, shape (n_run, n_column)
        Sums over rows, infinite or NaN where a row cannot be; zero if a column is not summed.
    gradient : ndarray, shape (n_run, n_column, n_name)
        Their derivatives by each name.
    information : ndarray, shape (n_run, n_column, n_name, n_name)
        Their expected information.
    """

    report: NDArray[Any]
    located: Array
    slopes: Array | None
    total: Array
    gradient: Array
    information: Array


def compare_batch(
    compiled: CompiledModel,
    rows: Rows,
    p: Array,
    y0: Array,
    stimuli: Sequence[Inputs],
    solver: Solver,
    *,
    names: Sequence[str] = (),
    which: Sequence[str] = (),
    direct: Collection[str] = (),
    given: Collection[str] = (),
    tangents: Array | None = None,
    threads: int | None = 1,
) -> Compared:
    """Solve many runs and compare them with observations, without keeping a trajectory.

    Parameters
    ----------
    compiled : CompiledModel
    rows : Rows
    p : ndarray, shape (n_run, n_param)
    y0 : ndarray, shape (n_run, n_state)
    stimuli : sequence of Inputs
        One a run; see `pack`.
    solver : Solver
        A native method.
    names : sequence of str
        What predictions are differentiated by.
    which : sequence of str
        Names that the states depend on.
    direct : collection of str
        Parameters among the names that an observable depends on.
    given : collection of str
        States whose initial value was given and so depends on no parameter.
    tangents : ndarray, shape (n_run, n_which, n_state), optional
        Derivatives of the initial values, where the model's own are not meant.
    threads : int or None
        Threads that share the runs; None takes every processor. Results do not depend on it.
    """
    n_run, n_column, n_name = len(p), len(rows.form), len(names)
    along = directions(compiled, which, "sensitivities")
    start = start_rows(compiled, along, p, y0, given, tangents)
    method, stiff, taylor, seed, atol, _series = plan(compiled, 1, along.indices, stimuli, solver)
    params = compiled.model.params
    by = (
        np.array([which.index(name) if name in which else -1 for name in names], dtype=np.int32),
        np.array([params.index(name) if name in direct else -1 for name in names], dtype=np.int32),
    )
    sums = np.zeros((n_run, n_column, 1 + n_name + n_name**2))
    located = np.full(len(rows.values), np.nan)
    slopes = np.zeros((len(located), n_name)) if n_name and not rows.form.all() else None
    report = np.zeros(n_run, dtype=REPORT)
    report["status"] = int(Status.INTERRUPTED)
    cancel = np.zeros(1, dtype=np.int32)
    queue = np.zeros(1, dtype=np.int64)
    p = np.ascontiguousarray(p, dtype=float)
    each = (rows.first_row, rows.column, rows.time, rows.values, rows.size)

    def part(watch: bool) -> Any:
        sum_misfit(
            compiled.functions, p, start, list(stimuli), along.vary, (rows.first_time, rows.times),
            (rows.form, rows.observable), by, each, method, stiff, solver.rtol, atol,
            solver.h_max, solver.max_steps, solver.time_limit, cancel, report, queue, watch,
            *taylor, seed, sums, located, slopes,
        )  # fmt: skip

    share(part, count_threads(threads, n_run), cancel)
    matrices = sums[:, :, 1 + n_name :].reshape(n_run, n_column, n_name, n_name)
    gradient = sums[:, :, 1 : 1 + n_name]
    return Compared(report, located, slopes, sums[:, :, 0], gradient, matrices)
