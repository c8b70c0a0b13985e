"""Solves that begin at rest: the steady state before anything happens, and its derivatives.

Imports the compiler, the solver and the stimuli.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compile import CompiledModel
from ..errors import STATUS_TEXT, OptionError, Status, checks_keywords
from ..solve import Solver, pack, solve_batch
from ..stimulus import table

Array = NDArray[np.float64]

#: How states are followed to the neighbourhood of their steady state.
FOLLOWER = Solver(method="auto", rtol=1e-8, atol=1e-12, max_steps=100_000)

#: The first stretch that is followed, in units of the fastest time; each is so many times
#: longer than the one before, and after so many a state that still moves is given up.
FIRST, GROWTH, STRETCHES = 10.0, 8.0, 12

#: Distance from a steady state, relative to the states, from which Newton's method takes over.
NEAR = 1e-3

#: Steps of Newton's method, and the last one's size, relative to the states.
NEWTON_STEPS, LAST_STEP = 12, 1e-9

#: Singular values, relative to the largest, below which a direction counts as conserved.
RANK = 1e-11


@checks_keywords
@dataclass(frozen=True)
class AtRest:
    """Begin every group in the steady state that it reaches before the data begin.

    Given as ``initial=AtRest(...)``; ``initial="equilibrium"`` stands for one without
    arguments. From the model's own initial values states are followed, with constant inputs,
    until they rest; what is conserved on the way stays as it began.

    Parameters
    ----------
    inputs : mapping of input to float, column, or mapping of group to float
        Inputs while states come to rest; the model's own values where none is given.
    then : mapping of state to float, column, or mapping of group to float
        States that are set, after all rest, when the data begin. `vary` may set more, as
        ``"T(0)"``.

    Raises
    ------
    OptionError
        If an argument is no mapping.
    """

    inputs: Mapping[Any, Any] = field(default_factory=dict)
    then: Mapping[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("inputs", "then"):
            given = getattr(self, name)
            if not isinstance(given, Mapping):
                raise OptionError(f"AtRest: {name} must be a mapping, got {given!r:.60}")


class Rest(NamedTuple):
    """A steady state.

    Attributes
    ----------
    y : ndarray, shape (n_state,)
    by_p : ndarray, shape (n_state, n_param)
        Its derivatives by the parameters.
    """

    y: Array
    by_p: Array


def resting_state(compiled: CompiledModel, p: Array, u: Array) -> Rest | tuple[Status, str]:
    """Follow a model from its initial values to rest; or return why it does not get there.

    Parameters
    ----------
    compiled : CompiledModel
        Its right-hand side must not depend on time.
    p : ndarray, shape (n_param,)
    u : ndarray, shape (n_input,)

    Notes
    -----
    The derivatives solve ``J dy/dp = -df/dp`` (the implicit function theorem), together with
    ``c dy/dp = c dy(0)/dp`` for every conserved sum ``c y``, a left null vector of J.
    """
    start = y = np.array(compiled.initial(p), dtype=float)
    stimuli = [pack([table(float(value), "equilibrium") for value in u])]
    rate = float(np.abs(compiled.jac(0.0, y, p, u)).max())
    if not np.isfinite(rate):
        return Status.NONFINITE, "the right-hand side is not finite before the data begin"
    span, elapsed = FIRST / rate if rate > 0.0 else FIRST, 0.0
    for _ in range(STRETCHES):
        times = np.array([0.0, span])
        batch = solve_batch(compiled, times, p[None], y[None], stimuli, FOLLOWER)
        status = Status(int(batch.status[0]))
        if status is Status.MAX_STEPS:
            elapsed += float(batch.t_reached[0])
            break
        if status is not Status.SUCCESS:
            return status, f"{STATUS_TEXT[status]} on the way to a steady state before the data"
        y, elapsed = batch.y[0, -1], elapsed + span
        found = _newton(compiled, p, u, y, start)
        if found is not None:
            return found
        span *= GROWTH
    return (
        Status.MAX_STEPS,
        f"no steady state was reached by t = {elapsed:.3g} before the data",
    )


def _newton(compiled: CompiledModel, p: Array, u: Array, near: Array, start: Array) -> Rest | None:
    """Return the steady state beside a point, if states stay there."""
    size = np.maximum(np.abs(near), np.abs(start))
    unit = np.maximum(size, 1e-6 * size.max()) if size.max() > 0.0 else np.ones_like(size)
    y, moved = near, np.inf
    matrix = kept = np.empty((0, 0))
    for _ in range(NEWTON_STEPS):
        matrix = compiled.jac(0.0, y, p, u) * unit / unit[:, None]
        drift = compiled.rhs(0.0, y, p, u) / unit
        if not (np.isfinite(matrix).all() and np.isfinite(drift).all()):
            return None
        left, singular, _ = np.linalg.svd(matrix)
        kept = left[:, singular <= RANK * max(singular[0], 1e-300)].T
        step = _solved(matrix, kept, -drift, np.zeros(len(kept)))
        y, moved = y + unit * step, float(np.abs(step).max())
        if np.abs((y - near) / unit).max() > NEAR:
            return None
        if moved < LAST_STEP:
            break
    # A direction without restoring force must be a conserved sum, from the very beginning.
    first = compiled.rhs(0.0, start, p, u) / unit
    if moved >= LAST_STEP or np.abs(kept @ first).max(initial=0.0) > 1e-8 * np.abs(first).max():
        return None
    stays = np.linalg.eigvals(matrix).real.max() <= 1e-9 * np.abs(matrix).max()
    if not stays and np.abs((y - start) / unit).max() > LAST_STEP:
        return None
    by_start = compiled.initial_dp(p) / unit[:, None]
    by_p = _solved(matrix, kept, -compiled.dfdp(0.0, y, p, u) / unit[:, None], kept @ by_start)
    return Rest(y, by_p * unit[:, None])


def _solved(matrix: Array, kept: Array, right: Array, sums: Array) -> Array:
    """Solve a system whose null directions are held by conserved sums."""
    rows = np.vstack([matrix, kept * max(float(np.abs(matrix).max()), 1e-300)])
    ends = np.concatenate([right, sums * max(float(np.abs(matrix).max()), 1e-300)])
    solution: Array = np.linalg.lstsq(rows, ends, rcond=None)[0]
    return solution
