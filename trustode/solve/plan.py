"""What some runs are solved with: the method, the series that begins, and its order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._core import Inputs
from ..compile import WIDEST, CompiledModel, Recurrences, recurrences
from .options import Solver
from .tangents import NO_INDICES

Array = NDArray[np.float64]

#: Where "auto" begins to use the method of order 8. Ratio of right-hand sides to tsit5's at equal
#: error, mean over trust models with and without moving inputs, a model with abs and max, Lorenz'
#: and van der Pol's equations: 1.4 at 1e-3, 1.09 at 1e-6, 0.94 at 1e-8, 0.63 at 1e-11. Trust
#: models gain from 1e-10 on.
_TIGHT_RTOL = 1e-8
#: Beside so many tangents an order less took .96 to 1.00 of the time, with no larger errors.
_MANY_TANGENTS = 16
#: Fewer runs than this advance one by one.
_FEWEST_IN_LANES = 32


class Plan(NamedTuple):
    """What some runs are solved with."""

    method: str
    stiff: str | None
    #: Addresses of the series that begins and of its method, and the order; zeros for none.
    taylor: tuple[int, int, int]
    #: Each tangent's place in the series.
    seed: NDArray[np.int32]
    #: Not to be written to.
    atol: Array
    #: What must stay alive for the series.
    series: Recurrences | None


def plan(
    compiled: CompiledModel,
    n_run: int,
    which: tuple[int, ...],
    stimuli: Sequence[Inputs],
    solver: Solver,
    watched: bool = False,
) -> Plan:
    """Return what some runs are solved with; it is the same for all runs of one kind.

    They are differentiated by ``which``, the indices of `Directions`.
    """
    driven: tuple[int, ...] = ()
    fitted = False
    for each in stimuli:
        if each.moving and each.moving != driven:
            driven = tuple(sorted({*driven, *each.moving}))
        fitted = fitted or each.fitted
    wide = n_run >= _FEWEST_IN_LANES
    return _planned(compiled, solver, wide, which, driven, fitted, watched)


@lru_cache(maxsize=256)
def _planned(
    compiled: CompiledModel,
    solver: Solver,
    wide: bool,
    which: tuple[int, ...],
    driven: tuple[int, ...],
    fitted: bool,
    watched: bool,
) -> Plan:
    """Plan once what comes again."""
    atol = solver.atol_vector(compiled)
    method = _explicit(solver)
    stiff = "rodas5p" if solver.method == "auto" else None
    series, seed = None, NO_INDICES
    # The series know nothing of the tangents' jumps at events.
    if watched and which:
        return Plan(method, stiff, (0, 0, 0), seed, atol, None)
    # A series ends at each knot, a pair only at breaks: through an input that a fit cut into many
    # smooth pieces tsit5 was 1.3 to 3 times quicker (down to 1e-7), through measured ones, whose
    # knots are breaks, the series was 1.8 to 6 times quicker.
    if solver.method == "taylor" or (solver.method == "auto" and not fitted):
        series, seed = _series(compiled, wide, which, driven)
    if series is None:
        return Plan(method, stiff, (0, 0, 0), seed, atol, None)
    order = _order(solver.rtol, len(compiled.model.states), len(which))
    return Plan(method, stiff, (series.series, series.method, order), seed, atol, series)


def compile_ahead(compiled: CompiledModel, solver: Solver) -> None:
    """Compile what `solve_batch` will want, so that other processes find it."""
    if solver.method in ("auto", "taylor"):
        for lanes in {1, WIDEST}:
            recurrences(compiled.model, lanes)


def _series(
    compiled: CompiledModel, wide: bool, which: tuple[int, ...], driven: tuple[int, ...]
) -> tuple[Recurrences | None, NDArray[np.int32]]:
    """Return the Taylor recurrences for some runs, and each tangent's place among theirs."""
    if not which:
        return recurrences(compiled.model, WIDEST if wide else 1, None, driven), NO_INDICES
    params = tuple(sorted({k for k in which if k >= 0}))
    seed = np.array([params.index(k) if k >= 0 else -1 for k in which], dtype=np.int32)
    return recurrences(compiled.model, 1, params, driven), seed


def _explicit(solver: Solver) -> str:
    """Return the method that solves, or takes over from a Taylor series."""
    if solver.method == "taylor":
        return "dop853"
    if solver.method == "auto":
        return "dop853" if solver.rtol <= _TIGHT_RTOL else "tsit5"
    return solver.method


def _order(rtol: float, n_state: int, n_tangent: int) -> int:
    """Return the order of the Taylor method that is quickest at a tolerance.

    It grows with the digits asked for, as Jorba & Zou (2005), section 3.2, derive; the
    constants were measured on trust models, van der Pol's and Lorenz' equations. Of few
    states a further order costs little beside what every step costs, of many tangents most
    of the step.
    """
    few = 2 if n_state <= 3 else 0
    many = 1 if n_tangent >= _MANY_TANGENTS else 0
    return min(24, math.ceil(4.5 - 0.53 * math.log(rtol)) + few - many)
