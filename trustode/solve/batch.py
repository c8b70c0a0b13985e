"""Many solves of one model with a native method, the GIL released."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._core import REPORT, Gauge, Inputs, Watch, finish, run
from ..compile import CompiledModel
from ..errors import Status
from .options import Solver
from .plan import plan
from .tangents import directions, start_rows
from .threads import count_threads, share

Array = NDArray[np.float64]

#: A thread takes that part of its share of the runs that are left. Rows that stand together often
#: cost alike, so that one thread must not have all of the dear ones; 4 to 64 are equally quick.
_PARTS_A_THREAD = 32
_NOT_BEGUN = np.zeros(1, dtype=REPORT)
_NOT_BEGUN["status"] = int(Status.INTERRUPTED)


class Batch(NamedTuple):
    """Results of many solves.

    Attributes
    ----------
    y : ndarray, shape (n_run, n_time, n_state)
        States; NaN from where a run stopped early.
    dydp : ndarray, shape (n_run, n_time, n_state, n_vary), or None
        Sensitivities.
    report : ndarray, shape (n_run,)
        Status, counts and the time reached of each run.
    stopped : ndarray, shape (n_stopped,)
        Runs that stopped early.
    y_stopped : ndarray, shape (n_stopped, n_state)
        State at the time that each of these reached.
    seen : dict
        Each run to its log, where events were watched for: event, time, direction and the
        states just before, shape (n_seen, 3 + n_state).
    """

    y: Array
    dydp: Array | None
    report: NDArray[Any]
    stopped: NDArray[np.intp]
    y_stopped: Array
    seen: Mapping[int, Array] = MappingProxyType({})

    @property
    def status(self) -> NDArray[np.int64]:
        """Status of each run, shape (n_run,); see `Status`."""
        return np.asarray(self.report["status"])

    @property
    def t_reached(self) -> Array:
        """Time that each run reached, shape (n_run,)."""
        return np.asarray(self.report["t"])

    @property
    def y_reached(self) -> Array:
        """State at the time that each run reached, shape (n_run, n_state)."""
        y = self.y[:, -1].copy()
        y[self.stopped] = self.y_stopped
        return y

    @property
    def n_steps(self) -> NDArray[np.int64]:
        """Accepted steps of each run, shape (n_run,)."""
        return np.asarray(self.report["n_steps"])


def solve_batch(
    compiled: CompiledModel,
    t: Array,
    p: Array,
    y0: Array,
    stimuli: Sequence[Inputs],
    solver: Solver,
    *,
    which: Sequence[str] = (),
    given: Collection[str] = (),
    threads: int | None = 1,
    cancel: NDArray[np.int32] | None = None,
    events: Watch | None = None,
    gauge: Gauge | None = None,
) -> Batch:
    """Solve many initial-value problems of one model with a native method.

    Parameters
    ----------
    compiled : CompiledModel
    t : ndarray, shape (n_time,)
        Output times; the first is the start.
    p : ndarray, shape (n_run, n_param)
        Parameter values.
    y0 : ndarray, shape (n_run, n_state)
        Initial values.
    stimuli : sequence of Inputs
        One for all runs, or one a run; see `pack`.
    solver : Solver
        A native method.
    which : sequence of str
        Names to differentiate by; parameters, or ``"T(0)"`` for an initial value.
    given : collection of str
        States whose initial value was given and so depends on no parameter.
    threads : int or None
        Threads that share the runs; None takes every processor. Results do not depend on it.
    cancel : ndarray, shape (1,), optional
        Another thread may set it to 1; the runs then stop as interrupted.
    events : Watch, optional
        Events to watch for. Holds afterwards what was seen in the last run; ``Batch.seen``
        holds that of all.
    gauge : Gauge, optional
        What to measure of each run; not with sensitivities or events.

    Returns
    -------
    Batch
        A failed run is data: its status says why, its rest is NaN.
    """
    n_run, n_time, n = len(p), len(t), len(compiled.model.states)
    along = directions(compiled, which, "sensitivities")
    n_vary = len(along.indices)
    # Events are watched for in one run at a time.
    side = n_run if events is None else 1
    watched = events is not None
    planned = plan(compiled, side, along.indices, stimuli, solver, watched)
    # A span of no length takes no step, and a series would count one.
    taylor = planned.taylor if n_time > 1 else (0, 0, 0)
    y = np.empty((n_run, n_time, n * (1 + n_vary)))
    # Threads write it into the first rows, so that each is the first to touch its results.
    start = start_rows(compiled, along, p, y0, given)
    report = _NOT_BEGUN.repeat(n_run)
    cancel = np.zeros(1, dtype=np.int32) if cancel is None else cancel
    t = np.ascontiguousarray(t, dtype=float)
    p = np.ascontiguousarray(p, dtype=float)
    stimuli = list(stimuli)

    workers = count_threads(threads, n_run)
    queue = np.array([0, _PARTS_A_THREAD * workers], dtype=np.int64)
    seen: list[tuple[int, Array]] = []

    # What a thread still solves with after an interrupt, the plan's library too, lives in here.
    def part(watch: bool) -> None:
        own = events.twin() if events is not None and not watch else events
        run(
            compiled.functions, t, p, start, y, stimuli, along.vary, planned.method, planned.stiff,
            solver.rtol, planned.atol, solver.h_max, solver.max_steps, solver.time_limit, cancel,
            report, queue, watch, *taylor, planned.seed, own, seen, gauge,
        )  # fmt: skip

    share(part, workers, cancel)
    stopped, y_stopped = finish(report, start, y, n)
    if not n_vary:
        return Batch(y, None, report, stopped, y_stopped, dict(seen))
    tangents = y[:, :, n:].reshape(n_run, n_time, n_vary, n)
    dydp = tangents.transpose(0, 1, 3, 2)
    return Batch(y[:, :, :n], dydp, report, stopped, y_stopped, dict(seen))
