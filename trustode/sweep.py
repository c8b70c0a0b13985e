"""Move a parameter slowly up and down again, carrying the state on: hysteresis.

Imports the long run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ModelError, OptionError, Status, checks_keywords
from .jobs import Crew, check_how
from .longrun import Measured, Plan, measure_runs
from .model import Model
from .notebook import Shown
from .orbit_diagram import check_values
from .progress import Progress, track
from .runs import check_solver, make_runs
from .solve import Solver

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

#: Ways up and down are apart where they differ by more than this share of a state's range.
_APART = 0.02
#: The start has settled when its extremes move by less than this share of the states' size from
#: one stay to the next; it is given so many stays.
_SETTLED, _MOST_STAYS = 0.005, 10


@dataclass(frozen=True, eq=False)
class Sweep(Shown):
    """Long runs along a parameter, up and down again.

    Attributes
    ----------
    model : Model
    name : str
        The parameter.
    up, down : DataFrame
        One row a value, both in increasing order of it: the parameter, the min, max, mean and
        final of each state, ``kind`` (as `scan`'s regime), ``period`` and ``status``.
    differ : ndarray of bool, shape (n,)
        Values at which the way up and the way down are apart.
    """

    model: Model
    name: str
    up: pd.DataFrame
    down: pd.DataFrame
    differ: NDArray[np.bool_]

    @property
    def loops(self) -> list[tuple[float, float]]:
        """Ranges of the parameter with hysteresis: first and last value of each."""
        values = self.up[self.name].to_numpy()
        edges = np.flatnonzero(np.diff(self.differ, prepend=False, append=False))
        return [
            (float(values[first]), float(values[last - 1]))
            for first, last in edges.reshape(-1, 2).tolist()
        ]

    def to_frame(self) -> pd.DataFrame:
        """Return both ways in one table, with ``direction`` "up" or "down"."""
        import pandas as pd

        ways = [self.up.assign(direction="up"), self.down.assign(direction="down")]
        return pd.concat(ways, ignore_index=True)

    @checks_keywords
    def plot(self, state: str | None = None, ax: Any = None) -> Any:
        """Draw a state on both ways over the parameter; returns the matplotlib Axes."""
        from .plot import plot_sweep

        return plot_sweep(self, state, ax)

    def __repr__(self) -> str:
        values = self.up[self.name]
        loops = ", ".join(f"{low:.5g} to {high:.5g}" for low, high in self.loops)
        return (
            f"<Sweep of {self.model.name!r}: {self.name} = {values.iloc[0]:g} to "
            f"{values.iloc[-1]:g} and back, {len(values)} values\n"
            f"  hysteresis at {self.name} = {loops}>"
            if loops
            else f"<Sweep of {self.model.name!r}: {self.name} = {values.iloc[0]:g} to "
            f"{values.iloc[-1]:g} and back, {len(values)} values; no hysteresis>"
        )


@checks_keywords
def sweep(
    model: Model,
    name: Any,
    grid: ArrayLike,
    *,
    t: float = 1000.0,
    n: int = 101,
    params: Mapping[Any, float] | None = None,
    initial: Mapping[Any, float] | None = None,
    inputs: Mapping[Any, Any] | None = None,
    solver: Solver | None = None,
    progress: Progress = None,
) -> Sweep:
    """Sweep a parameter up and down quasi-statically, and compare the two ways.

    Parameters
    ----------
    model : Model
    name : str or symbol
        A parameter, or an input that is held.
    grid : tuple (from, to), or array_like, shape (n,)
        From where to where, or the values themselves, increasing.
    t : float
        Time spent at each value, from the state in which the last one was left; its second
        half is measured.
    n : int
        Values in a span.
    params, initial, inputs : mapping, optional
        As in `simulate`; the way up begins where the initial state settles at its first value.

    Other Parameters
    ----------------
    solver : Solver
        Method, tolerances and limits.
    progress : bool or callable, optional
        Whether to show a bar, as in `scan`.

    Returns
    -------
    Sweep
        A way that fails goes on from the last state that it reached well.

    Raises
    ------
    ModelError
        If a name is not in the model, or a value is outside its range.
    DataError
        If the values are not numbers that increase.
    OptionError
        If an option is not valid.

    Notes
    -----
    A state that has just lost its stability is left within the time spent at a value only if
    something pushes it off: a way that goes along an unstable branch for a while is what a
    slow change does, and longer times at each value shorten it.
    """
    if not isinstance(model, Model):
        raise ModelError(f"sweep: expected a Model, got {model!r:.60} ({type(model).__name__})")
    where = f"sweep({model.name})"
    solver = check_solver(solver, where)
    check_how(None, None, None, progress, where)
    number = isinstance(t, int | float | np.number) and not isinstance(t, bool)
    if not number or not 0 < float(t) < np.inf:
        raise OptionError(f"{where}: t={t!r:.60} must be the time spent at each value, above 0")
    values = check_values(grid, n, where)
    column = str(getattr(name, "name", name))
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
    atol = solver.atol_vector(runs.compiled)
    plan = Plan(0.0, float(t) / 2, float(t), solver, atol, ("mean", "period"), [])
    crew = Crew(1, np.zeros(1, dtype=np.int32))
    seen = range(len(model.states))
    first = np.zeros(1, dtype=np.intp)
    y = runs.starts(first, runs.params(first))

    def settle() -> None:
        """Stay at the first value until the extremes no longer move."""
        nonlocal y
        before = None
        for _ in range(_MOST_STAYS):
            measured = measure_runs(runs, first, y, seen, plan, crew)
            if measured.status[0] != Status.SUCCESS:
                return
            y = measured.final
            ends = np.vstack([measured.extent.low[0], measured.extent.high[0]])
            size = np.abs(ends).max(axis=0)
            if before is not None and np.all(np.abs(ends - before) <= _SETTLED * size):
                return
            before = ends

    def way(rows: NDArray[np.intp]) -> Iterator[Measured]:
        nonlocal y
        for row in rows:
            measured = measure_runs(runs, np.array([row]), y, seen, plan, crew)
            if measured.status[0] == Status.SUCCESS:
                y = measured.final
            advance(1)
            yield measured

    order = np.arange(len(values))
    with track(2 * len(values), progress, where) as advance:
        settle()
        up = _frame(model, column, values, list(way(order)))
        down = _frame(model, column, values, list(way(order[::-1]))[::-1])
    return Sweep(model, column, up, down, _apart(model, up, down))


def _frame(model: Model, name: str, values: Array, way: list[Measured]) -> pd.DataFrame:
    """Return the table of one way."""
    import pandas as pd

    columns: dict[str, Any] = {name: values}
    for i, state in enumerate(model.states):
        columns[f"min_{state}"] = [each.extent.low[0, i] for each in way]
        columns[f"max_{state}"] = [each.extent.high[0, i] for each in way]
        columns[f"mean_{state}"] = [each.behaviour.mean[0, i] for each in way]
        columns[f"final_{state}"] = [each.final[0, i] for each in way]
    columns["kind"] = [str(each.behaviour.kind[0]) for each in way]
    columns["period"] = [each.behaviour.period[0] for each in way]
    columns["status"] = [int(each.status[0]) for each in way]
    return pd.DataFrame(columns)


def _apart(model: Model, up: pd.DataFrame, down: pd.DataFrame) -> NDArray[np.bool_]:
    """Say where two ways are apart, in any state's extremes."""
    apart = np.zeros(len(up), dtype=bool)
    for state in model.states:
        low, high = f"min_{state}", f"max_{state}"
        reach = np.nanmax([up[high].max(), down[high].max()])
        scale = reach - np.nanmin([up[low].min(), down[low].min()])
        for column in (low, high):
            apart |= (up[column] - down[column]).abs().to_numpy() > _APART * scale
    return apart
