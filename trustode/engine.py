"""One solve as data: what determines it, what comes back, and the native engine.

Imports the solve layer; `simulate` stands on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ._core import Watch
from .compile import CompiledModel
from .errors import Status
from .event import EventLog, WatchedEvents
from .solve import Alone, Solver, pack, refuse_too_large, solve_alone
from .stimulus import Table

Array = NDArray[np.float64]


#: Numbers in a result beyond which it is asked whether memory has room for them.
_MANY = 2**24
#: Each status by its number.
_STATUS = {int(status): status for status in Status}


class Problem(NamedTuple):
    """Everything that determines a solve."""

    compiled: CompiledModel
    t: Array
    p: Array
    y0: Array
    given: tuple[str, ...]
    tables: list[Table]
    solver: Solver
    which: tuple[str, ...]
    where: str
    events: WatchedEvents | None = None


class Outcome(NamedTuple):
    """What an engine hands back; t and y hold the part that was reached."""

    t: Array
    y: Array
    dydp: Array | None
    status: Status
    t_reached: float
    y_reached: Array
    worst: int
    h: float
    stats: dict[str, Any]
    dense: Dense
    #: What was seen of the problem's events, and which of them ended the run, or -1.
    events: EventLog | None = None
    ended: int = -1


def _solve(
    problem: Problem,
    t: Array,
    which: tuple[str, ...],
    keep_steps: bool,
    watch: Watch | None = None,
    only: int | None = None,
) -> Alone:
    """Solve a problem with a native method; with `only`, so many steps instead of its limits."""
    if watch is None and problem.events is not None:
        watch = problem.events.watch()
    return solve_alone(
        problem.compiled,
        t,
        problem.p,
        problem.y0,
        pack(problem.tables),
        problem.solver,
        which=which,
        given=problem.given,
        keep_steps=keep_steps,
        events=watch,
        only=only,
    )


class Dense(Protocol):
    """A solution between its output times.

    Called with times, it returns the states there.
    """

    @property
    def begins(self) -> Array:
        """Where each step begins."""

    def __call__(self, times: Array, /) -> Array:
        """Return the states at times."""


@dataclass(eq=False, repr=False)
class _NativeDense:
    """Dense output of a native method; its first call solves again unless steps were kept."""

    problem: Problem
    kept: Array | None
    #: Steps that were tried, and where they led.
    n_tried: int
    t_reached: float
    y_reached: Array

    @cached_property
    def steps(self) -> Array | None:
        """The steps with their polynomials."""
        if self.kept is not None:
            return self.kept
        problem = self.problem
        # To the same end, on which steps may depend, and no further than the clock let them go.
        return _solve(problem, problem.t[[0, -1]], problem.which, True, only=self.n_tried).steps

    @property
    def begins(self) -> Array:
        """Where each step begins."""
        return np.empty(0) if self.steps is None else self.steps[:, 0]

    def __call__(self, times: Array) -> Array:
        problem, n_state, steps = self.problem, len(self.problem.y0), self.steps
        if steps is None or not len(steps):
            return np.broadcast_to(problem.y0, (*times.shape, n_state)).copy()
        k = np.clip(np.searchsorted(steps[:, 0], times, side="right") - 1, 0, len(steps) - 1)
        theta = np.clip((times - steps[k, 0]) / steps[k, 1], 0.0, 1.0)[..., None]
        coefficients = steps[k, 2:].reshape(*times.shape, -1, n_state)
        value: Array = coefficients[..., -1, :]
        for j in range(coefficients.shape[-2] - 2, -1, -1):
            value = value * theta + coefficients[..., j, :]
        # What an event sets at the very end no step begins with.
        return np.where((times >= self.t_reached)[..., None], self.y_reached, value)


def native(problem: Problem, own_steps: bool) -> Outcome:
    """Solve a problem in C; with `own_steps`, at the method's own steps.

    Parameters
    ----------
    problem : Problem
    own_steps : bool
        Whether to return every step instead of the times asked for.
    """
    n_time, n_state, n_vary = len(problem.t), len(problem.y0), len(problem.which)
    if n_time * n_state * (1 + n_vary) > _MANY:
        shape = (n_time, n_state, 1 + n_vary)
        refuse_too_large(shape, problem.where, "Ask for fewer times or sensitivities")
    watch = None if problem.events is None else problem.events.watch()
    rows, y_reached, steps, report = _solve(problem, problem.t, problem.which, own_steps, watch)
    status, stiff, n_steps, n_rejected, n_rhs, n_jac, t_reached, h, n_written, worst = report
    reached = max(n_written, 1)
    t, y, dydp = problem.t[:reached], rows[:reached], None
    if n_vary:
        y, dydp = y[:, :n_state], _tangents(y, n_state)
    if steps is not None and len(steps):
        t = np.append(steps[:, 0], t_reached)
        y = np.vstack([steps[:, 2 : 2 + n_state], y_reached])
        if n_vary:
            # The same steps again, to the same end, now with the tangents at their ends.
            ends = np.append(t, problem.t[-1]) if t[-1] < problem.t[-1] else t
            again = _solve(problem, ends, problem.which, False, only=n_steps + n_rejected).rows
            dydp = _tangents(again[: len(t)], n_state)
    stats = {
        "method": problem.solver.method,
        "backend": problem.compiled.backend,
        "stiff": bool(stiff),
        "n_steps": n_steps,
        "n_rejected": n_rejected,
        "n_rhs": n_rhs,
        "n_jac": n_jac,
    }
    return Outcome(
        t,
        y,
        dydp,
        _STATUS[status],
        t_reached,
        y_reached,
        worst,
        h,
        stats,
        _NativeDense(problem, steps, n_steps + n_rejected, t_reached, y_reached),
        None if problem.events is None or watch is None else problem.events.log(watch),
        -1 if watch is None else watch.ended,
    )


def _tangents(rows: Array, n_state: int) -> Array:
    """Return the sensitivities of rows of states and tangents, shape (n_time, n_state, n_vary)."""
    return rows[:, n_state:].reshape(len(rows), -1, n_state).transpose(0, 2, 1)
