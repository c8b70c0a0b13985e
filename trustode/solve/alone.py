"""One solve of a model with a native method."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._core import Inputs, Watch, run_alone
from ..compile import CompiledModel
from .options import Solver
from .plan import plan
from .tangents import directions, start_rows

Array = NDArray[np.float64]


class Alone(NamedTuple):
    """Result of one solve.

    Attributes
    ----------
    rows : ndarray, shape (n_time, n_state * (1 + n_vary))
        States, then each tangent's; NaN from where the run stopped early.
    reached : ndarray, shape (n_state,)
        State at the time that was reached.
    steps : ndarray or None
        Steps for dense output, if they were kept.
    report : tuple
        Status, stiff, n_steps, n_rejected, n_rhs, n_jac, time reached, last step tried, number of
        times written, position of the state at fault.
    """

    rows: Array
    reached: Array
    steps: Array | None
    report: tuple[int, int, int, int, int, int, float, float, int, int]


def solve_alone(
    compiled: CompiledModel,
    t: Array,
    p: Array,
    y0: Array,
    inputs: Inputs,
    solver: Solver,
    *,
    which: Sequence[str] = (),
    given: Collection[str] = (),
    keep_steps: bool = False,
    events: Watch | None = None,
    only: int | None = None,
) -> Alone:
    """Solve one initial-value problem; the same digits as in a batch, and less around it.

    Parameters
    ----------
    compiled : CompiledModel
    t : ndarray, shape (n_time,)
        Output times; the first is the start.
    p : ndarray, shape (n_param,)
    y0 : ndarray, shape (n_state,)
    inputs : Inputs
    solver : Solver
        A native method.
    which, given, keep_steps, events
        As `solve_batch` has them.
    only : int, optional
        Steps to try, accepted or not, whatever the solver's limits: those that an earlier solve
        of the same problem tried lead to the same place.
    """
    along = directions(compiled, which, "sensitivities")
    planned = plan(compiled, 1, along.indices, (inputs,), solver, events is not None)
    start = start_rows(compiled, along, p[None, :], y0[None, :], given) if which else y0
    # A span of no length takes no step, and a series would count one.
    series, method, order = planned.taylor if len(t) > 1 else (0, 0, 0)
    most, seconds = (solver.max_steps, solver.time_limit) if only is None else (only, math.inf)
    return Alone(
        *run_alone(
            compiled.functions, t, p, start, inputs, along.vary, planned.method, planned.stiff,
            solver.rtol, planned.atol, solver.h_max, most, seconds,
            keep_steps, series, method, order, planned.seed, events,
        )
    )  # fmt: skip
