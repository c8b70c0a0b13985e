"""scipy's methods on the compiled functions, stepped one by one so that a failure keeps its part.

Imports the engine's data, the solve layer and interrupts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .engine import Array, Outcome, Problem
from .errors import OptionError, Status
from .interrupt import remembered

#: A step that met something not finite is cut by this, so often in a row at most.
_CUT, _MOST_CUTS = 0.25, 10
#: A state beyond this has diverged; as in ``ext/solve.c``.
_TOO_LARGE = 1e150


class _NotFinite(Exception):
    """Leaves scipy's step when an equation is not finite."""

    def __init__(self, equation: int) -> None:
        super().__init__(equation)
        self.equation = equation


@dataclass(frozen=True, eq=False, repr=False)
class _ScipyDense:
    """Dense output of scipy's methods: one interpolant a step."""

    begins: Array
    pieces: list[Any]
    y0: Array

    def __call__(self, times: Array) -> Array:
        if not self.pieces:
            return np.broadcast_to(self.y0, (*times.shape, len(self.y0))).copy()
        flat = np.atleast_1d(times).ravel()
        piece = np.clip(np.searchsorted(self.begins, flat, side="right") - 1, 0, None)
        rows = [self.pieces[k](x) for k, x in zip(piece, flat, strict=True)]
        return np.asarray(rows).reshape(*times.shape, len(self.y0))


def by_scipy(problem: Problem, own_steps: bool) -> Outcome:
    """Solve a problem step by step with one of scipy's methods; arguments as `native`.

    Raises
    ------
    OptionError
        If sensitivities or events are asked for.
    """
    if problem.which:
        raise OptionError(
            f"{problem.where}: sensitivities need a native method, not "
            f'{problem.solver.method!r}. Use Solver(method="tsit5")'
        )
    if problem.events is not None:
        raise OptionError(
            f"{problem.where}: events need a native method, not {problem.solver.method!r}. "
            'Use Solver(method="auto")'
        )
    with remembered() as raise_lost:
        return _stepped(problem, own_steps, raise_lost)


def _stepped(problem: Problem, own_steps: bool, raise_lost: Callable[[], None]) -> Outcome:
    """Take the steps; `raise_lost` raises an interrupt that Python dropped."""
    from scipy import integrate

    solver, compiled = problem.solver, problem.compiled
    integrator: Callable[..., Any] = getattr(integrate, solver.method)
    options = {"rtol": solver.rtol, "atol": solver.atol_vector(compiled), "max_step": solver.h_max}
    counts = {"n_steps": 0, "n_rejected": 0, "n_rhs": 0, "n_jac": 0}
    grid, values, pieces = [problem.t[0]], [problem.y0], list[Any]()
    status, worst, h, began = Status.SUCCESS, 0, 0.0, time.monotonic()
    for low, high in pairwise(_edges(problem)):
        rhs, jac = _scipy_functions(problem, low, high, counts, raise_lost)
        extra = {"jac": jac} if solver.method in ("Radau", "BDF", "LSODA") else {}
        cuts = 0
        try:
            stepper = integrator(rhs, low, values[-1], high, **options, **extra)
            while stepper.status == "running" and status is Status.SUCCESS:
                if counts["n_steps"] >= solver.max_steps:
                    status = Status.MAX_STEPS
                    break
                if time.monotonic() - began > solver.time_limit:
                    status = Status.TIME_LIMIT
                    break
                try:
                    stepper.step()
                except _NotFinite:
                    # A shorter step may stay where the equations are finite.
                    cuts += 1
                    counts["n_rejected"] += 1
                    left = high - stepper.t
                    h = min(_tried(stepper), left, solver.h_max) * _CUT**cuts
                    if cuts > _MOST_CUTS or h <= 16 * np.finfo(float).eps * abs(stepper.t):
                        raise
                    at, y = float(stepper.t), values[-1]
                    stepper = integrator(rhs, at, y, high, first_step=h, **options, **extra)
                    continue
                cuts = 0
                if stepper.status == "failed":
                    status, h = _scipy_failure(stepper), float(stepper.step_size or 0.0)
                    break
                counts["n_steps"] += 1
                if np.abs(stepper.y).max() > _TOO_LARGE:
                    status, worst = Status.DIVERGED, int(np.argmax(np.abs(stepper.y)))
                pieces.append(stepper.dense_output())
                grid.append(stepper.t)
                values.append(stepper.y.copy())
        except _NotFinite as stop:
            status, worst = Status.NONFINITE, stop.equation
        except (ValueError, np.linalg.LinAlgError):
            # scipy's linear algebra met a Jacobian that is not finite or singular.
            status = Status.NEWTON
        if status is not Status.SUCCESS:
            break
    t, y = np.array(grid), np.array(values)
    dense = _ScipyDense(t[:-1], pieces, problem.y0)
    t_reached, y_reached = t[-1], y[-1]
    if not own_steps:
        t = problem.t[problem.t <= t_reached]
        y = dense(t)
        y[0] = problem.y0
    stats = {"method": solver.method, "backend": compiled.backend, "stiff": False, **counts}
    return Outcome(t, y, None, status, float(t_reached), y_reached, worst, h, stats, dense)


def _tried(stepper: Any) -> float:
    """Return the length of the step that one of scipy's methods was about to take."""
    tried = getattr(stepper, "h_abs", None) or stepper.step_size
    return float(tried or stepper.t_bound - stepper.t)


def _edges(problem: Problem) -> Array:
    """Return the ends of the intervals between breaks, none a rounding error long."""
    start, end = problem.t[0], problem.t[-1]
    breaks = np.unique(np.concatenate([np.empty(0), *(table.breaks for table in problem.tables)]))
    inner = breaks[(breaks > start) & (breaks < end)]
    edges = np.concatenate([[start], inner, [end]])
    kept = np.diff(edges, prepend=-np.inf) > 32 * np.finfo(float).eps * np.abs(edges)
    kept[-1] = True
    if len(edges) > 2 and edges[-1] - edges[-2] <= 32 * np.finfo(float).eps * abs(edges[-1]):
        kept[-2] = False
    return edges[kept] if len(problem.t) > 1 else edges[:1]


def _scipy_failure(stepper: Any) -> Status:
    """Say why one of scipy's methods gave up."""
    rate = np.abs(stepper.fun(stepper.t, stepper.y)) / (1.0 + np.abs(stepper.y))
    runaway = np.abs(stepper.y).max() > 1e8 or rate.max() > 1e10
    return Status.DIVERGED if runaway else Status.STEP_TOO_SMALL


def _scipy_functions(
    problem: Problem,
    low: float,
    high: float,
    counts: dict[str, int],
    raise_lost: Callable[[], None],
) -> tuple[Callable[..., Array], Callable[..., Array]]:
    """Return the right-hand side and Jacobian on an interval between breaks."""
    functions, p = problem.compiled.functions, problem.p
    # At the interval's end the inputs keep the values they had inside it.
    inside = np.nextafter(high, low)

    def values(t: float) -> Array:
        return np.array([float(table(min(max(t, low), inside))) for table in problem.tables])

    def rhs(t: float, y: Array) -> Array:
        raise_lost()
        counts["n_rhs"] += 1
        dydt: Array = functions.rhs(float(t), y, p, values(t))
        finite = np.isfinite(dydt)
        if not finite.all():
            raise _NotFinite(int(np.argmin(finite)))
        return dydt

    def jac(t: float, y: Array) -> Array:
        counts["n_jac"] += 1
        dfdy: Array = functions.jac(float(t), y, p, values(t))
        return dfdy

    return rhs, jac
