"""Many solves of one model: what they share, what differs, and whether they fit.

`Runs` makes parameter vectors chunk by chunk, so that a million runs need little beside
their results. Imports the solve and simulate layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import __version__
from ._core import Inputs
from .checkpoint import digest
from .compile import CompiledModel, compile
from .errors import DataError, ModelError, OptionError, listed, nearest
from .event import WatchedEvents
from .jobs import Crew
from .model import Model
from .simulate import simulate
from .solve import NATIVE, Solver, initial_vector, input_tables, pack, parameter_vector, solve_batch
from .stimulus import Table, table

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

#: Bytes of trajectories that are solved in one go.
CHUNK_BYTES = 2**26
#: Runs that are solved in one go, at most.
MOST_RUNS_A_CHUNK = 2**14
#: The one knot of a constant input.
_ANY_TIME = np.zeros(1)


@dataclass(frozen=True)
class Runs:
    """Everything that determines many solves of one model.

    Attributes
    ----------
    compiled : CompiledModel
    n_run : int
    base : ndarray, shape (n_param,)
        Parameter values that all runs share.
    initial : dict
        Initial values that all runs share, by state; others are the model's own.
    tables : list of Table
        Inputs that all runs share, in the model's order.
    columns : dict
        What differs: parameter, ``"T(0)"`` or input to its values, shape (n_run,).
    where : str
        Call and model, for messages.
    courses : dict
        Inputs whose course differs: input to a `Table` for each run.
    """

    compiled: CompiledModel
    n_run: int
    base: Array
    initial: dict[str, float]
    tables: list[Table]
    columns: dict[str, Array]
    where: str
    courses: dict[str, list[Table]] = field(default_factory=dict)

    def take(self, rows: slice) -> Runs:
        """Return some of the runs."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        courses = {name: each[rows] for name, each in self.courses.items()}
        return replace(self, n_run=rows.stop - rows.start, columns=columns, courses=courses)

    def parts(self) -> dict[str, tuple[str, str]]:
        """Return what these runs are, in words and by digests."""
        model = self.compiled.model
        tables = [*self.tables, *(each for own in self.courses.values() for each in own)]
        contents = [(each.knots, each.coefficients, each.breaks) for each in tables]
        return {
            "version of trustode": (__version__, ""),
            "model": (model.name, digest(model.definition)),
            "what is varied": (
                f"{listed(sorted(self.columns)) or 'nothing'} in {self.n_run} rows",
                digest(self.columns),
            ),
            "params": ("", digest(self.base)),
            "initial": ("", digest(self.initial)),
            "inputs": (
                listed(self.courses) or "the same for all runs",
                digest([*self.courses], contents),
            ),
        }

    def params(self, rows: NDArray[np.intp]) -> Array:
        """Return parameter values, shape (len(rows), n_param)."""
        model = self.compiled.model
        p = np.empty((len(rows), len(self.base)))
        p[:] = self.base
        for name, values in self.columns.items():
            if name in model.params:
                p[:, model.params.index(name)] = values[rows]
        return p

    def starts(self, rows: NDArray[np.intp], p: Array) -> Array:
        """Return initial states for parameter values, shape (len(rows), n_state)."""
        model = self.compiled.model
        if all(start.is_number for start in model.initial.values()):
            y0 = np.tile(self.compiled.initial(self.base), (len(rows), 1))
        else:
            y0 = np.array([self.compiled.initial(each) for each in p])
        for state, value in self.initial.items():
            y0[:, model.states.index(state)] = value
        for name, values in self.columns.items():
            if name.endswith("(0)"):
                y0[:, model.states.index(name[:-3])] = values[rows]
        return y0

    def input_values(self, rows: NDArray[np.intp], t: float) -> Array:
        """Return the inputs at a time, shape (len(rows), n_input)."""
        u = np.tile([float(each(t)) for each in self.tables], (len(rows), 1))
        for name in self._varied_inputs():
            u[:, self.compiled.model.inputs.index(name)] = self.columns[name][rows]
        return u

    def stimuli(self, rows: NDArray[np.intp]) -> list[Inputs]:
        """Return the inputs as the C core reads them: one for all runs, or one each."""
        if self.courses:
            return [pack(self._own_tables(int(row))) for row in rows]
        varied = self._varied_inputs()
        if not varied:
            return [pack(self.tables)]
        # As `pack` of each run's tables, without a million that differ in one number.
        places = [self.compiled.model.inputs.index(name) for name in varied]
        tables = [(each.knots, each.coefficients) for each in self.tables]
        shared = [each.breaks for k, each in enumerate(self.tables) if k not in places]
        breaks = np.unique(np.concatenate([np.empty(0), *shared]))
        found = []
        for values in np.stack([self.columns[name][rows] for name in varied], axis=1):
            for k, value in zip(places, values, strict=True):
                tables[k] = (_ANY_TIME, np.array([[value, 0.0, 0.0, 0.0]]))
            found.append(Inputs(tables, breaks))
        return found

    def _own_tables(self, row: int) -> list[Table]:
        """Return the table of each input in one run."""
        own: dict[str, Any] = {name: each[row] for name, each in self.courses.items()}
        own |= {name: float(self.columns[name][row]) for name in self._varied_inputs()}
        names = self.compiled.model.inputs
        return [
            table(own[name], self.where) if name in own else shared
            for name, shared in zip(names, self.tables, strict=True)
        ]

    def _varied_inputs(self) -> list[str]:
        return [name for name in self.columns if name in self.compiled.model.inputs]

    def solve(
        self,
        rows: NDArray[np.intp],
        t: Array,
        solver: Solver,
        crew: Crew,
        y0: Array | None = None,
    ) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
        """Solve some of the runs, with whichever kind of method.

        Returns
        -------
        y : ndarray, shape (len(rows), n_time, n_state)
            NaN from where a run stopped early.
        status, n_steps : ndarray, shape (len(rows),)
        """
        p = self.params(rows)
        y0 = self.starts(rows, p) if y0 is None else y0
        model = self.compiled.model
        if solver.method in ("auto", *NATIVE):
            stimuli = self.stimuli(rows)
            parts = _alike(stimuli)
            if len(parts) == 1:
                batch = solve_batch(
                    self.compiled, t, p, y0, stimuli, solver,
                    threads=crew.threads, cancel=crew.cancel,
                )  # fmt: skip
                return batch.y, batch.status, batch.n_steps
            y = np.empty((len(rows), len(t), len(model.states)))
            status, n_steps = np.zeros((2, len(rows)), dtype=np.int64)
            for at in parts:
                batch = solve_batch(
                    self.compiled, t, p[at], y0[at], [stimuli[k] for k in at], solver,
                    threads=crew.threads, cancel=crew.cancel,
                )  # fmt: skip
                y[at], status[at], n_steps[at] = batch.y, batch.status, batch.n_steps
            return y, status, n_steps
        y = np.full((len(rows), len(t), len(model.states)), np.nan)
        status, n_steps = np.zeros((2, len(rows)), dtype=np.int64)
        for k, row in enumerate(rows):
            if crew.cancel[0]:
                break
            own = dict(zip(model.inputs, self._own_tables(int(row)), strict=True))
            solution = simulate(
                model,
                t,
                params=dict(zip(model.params, p[k], strict=True)),
                initial=dict(zip(model.states, y0[k], strict=True)),
                inputs=own,
                solver=solver,
                on_error="return",
            )
            y[k, : len(solution.t)] = solution.y
            status[k], n_steps[k] = solution.status, solution.stats["n_steps"]
        return y, status, n_steps

    def solve_watched(
        self,
        rows: NDArray[np.intp],
        t: Array,
        solver: Solver,
        crew: Crew,
        watched: WatchedEvents,
        y0: Array | None = None,
    ) -> tuple[Array, NDArray[np.int64], Array]:
        """Solve some of the runs and watch for events.

        Returns
        -------
        y : ndarray, shape (len(rows), n_time, n_state)
            NaN from where a run stopped early.
        status : ndarray, shape (len(rows),)
        seen : ndarray, shape (n_seen, 4 + n_state)
            Position of the run among the rows, event, time, direction, and the states just before.
        """
        p = self.params(rows)
        y0 = self.starts(rows, p) if y0 is None else y0
        stimuli, n_state = self.stimuli(rows), y0.shape[1]
        y, status = np.empty((len(rows), len(t), n_state)), np.zeros(len(rows), dtype=np.int64)
        seen: dict[int, Array] = {}
        parts = _alike(stimuli)
        for at in parts if len(parts) > 1 else [np.arange(len(rows))]:
            own = stimuli if len(parts) == 1 else [stimuli[k] for k in at]
            batch = solve_batch(
                self.compiled, t, p[at], y0[at], own, solver,
                threads=crew.threads, cancel=crew.cancel, events=watched.watch(),
            )  # fmt: skip
            y[at], status[at] = batch.y, batch.status
            seen |= {int(at[k]): each for k, each in batch.seen.items()}
        logs = [np.insert(seen[k], 0, k, axis=1) for k in sorted(seen)]
        return y, status, np.concatenate([np.empty((0, 4 + n_state)), *logs])


def _alike(stimuli: Sequence[Inputs]) -> list[NDArray[np.intp]]:
    """Part runs by the kind of their inputs: what is solved together is solved in one way.

    A run alone would be solved in that of its own inputs, and it is to have the same digits.
    """
    kinds: dict[Any, list[int]] = {}
    for k, each in enumerate(stimuli):
        kinds.setdefault((each.moving, each.fitted), []).append(k)
    return [np.array(rows, dtype=np.intp) for rows in kinds.values()]


def make_runs(
    model: Model,
    columns: Mapping[str, Array],
    n_run: int,
    labels: Sequence[Any] | pd.Index[Any],
    *,
    params: Mapping[Any, float] | None,
    initial: Mapping[Any, float] | None,
    inputs: Mapping[Any, Any] | None,
    courses: Mapping[str, list[Table]] | None = None,
    where: str,
) -> Runs:
    """Check what is shared and what differs, and put it together.

    Parameters
    ----------
    columns : mapping of name to ndarray, shape (n_run,)
        Parameters, initial values (``"T(0)"``) or constant inputs.
    labels : sequence
        What messages call the runs.
    courses : mapping of input to list of Table, optional
        Inputs that take another course in each run.

    Raises
    ------
    ModelError
        For an unknown name, one that is given twice, or a value outside its range.
    DataError
        For a value that is not finite, naming its rows.
    """
    compiled = compile(model)
    shared = {*model.known(params, "parameter", model.params)}
    shared |= {f"{name}(0)" for name in model.known(initial, "state", model.states)}
    shared |= {*model.known(inputs, "input", model.inputs), *(courses or ())}
    known = [*model.params, *(f"{state}(0)" for state in model.states), *model.inputs]
    for name, values in columns.items():
        if name not in known:
            hint = f"; write '{name}(0)' for its start." if name in model.states else ""
            raise ModelError(
                f"{where}: {name!r:.60} is neither a parameter nor an initial value "
                f"('{model.states[0]}(0)') nor an input of {model.name}"
                f"{hint or nearest(name, known) or '.'} "
                f"The parameters are: {listed(model.params, 100) or 'none'}"
            )
        if name in shared:
            raise ModelError(f"{where}: {name} is given for each run and for all of them; drop one")
        # Two passes that build nothing, of which NaN comes out as itself.
        lowest, highest = float(np.minimum.reduce(values)), float(np.maximum.reduce(values))
        if not (math.isfinite(lowest) and math.isfinite(highest)):
            bad = np.flatnonzero(~np.isfinite(values))
            raise DataError(
                f"{where}: {name} is {values[bad[0]]} in {bad.size} of {n_run} rows "
                f"({listed([str(labels[int(k)]) for k in bad])}). Values must be finite; drop or "
                "fill those rows"
            )
        if name in model.params:
            low, high = model.parameters[name].min, model.parameters[name].max
            if lowest < low or highest > high:
                first = int(np.flatnonzero((values < low) | (values > high))[0])
                raise ModelError(
                    f"{where}: {name} = {values[first]:g} in row {labels[first]} is outside its "
                    f"range [{low:g}, {high:g}]"
                )
    base = parameter_vector(compiled, params, where)
    initial_vector(compiled, base, initial, where)
    given = {
        name: float(value) for name, value in model.known(initial, "state", model.states).items()
    }
    tables = input_tables(compiled, inputs, where)
    own = dict(courses or {})
    return Runs(compiled, n_run, base, given, tables, dict(columns), where, own)


def check_solver(solver: object, where: str) -> Solver:
    """Return the solver to use, or raise if it is none.

    Raises
    ------
    OptionError
    """
    solver = Solver() if solver is None else solver
    if not isinstance(solver, Solver):
        raise OptionError(f"{where}: solver must be a Solver, got {solver!r:.60}")
    return solver


def chunks(n: int, size: int) -> Iterator[NDArray[np.intp]]:
    """Split the rows 0 to n into consecutive pieces."""
    for first in range(0, n, size):
        yield np.arange(first, min(first + size, n))
