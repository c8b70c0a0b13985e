"""The objective of a fit: negative log-likelihood, its exact gradient, its information.

Groups are solved with forward sensitivities in C, those with equal times together and
the rest side by side in threads; predictions are differentiated by the compiled
observables. A solve that fails gives a bad value and a reason, never an exception.
Imports the solver and the other parts of the fit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..compile import CompiledModel, compile
from ..errors import STATUS_TEXT, Status
from ..expression import symbol
from ..solve import Solver, pack, solve_batch
from .data import Data
from .observation import Observation
from .readout import Readout
from .vary import Layout, initial_of

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Failure:
    """Why the objective has no value at a point."""

    status: Status
    message: str


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The objective at a point.

    Attributes
    ----------
    x : ndarray, shape (n_free,)
        The point; scales that nothing else depends on are moved to their best value.
    nll : float
        Negative log-likelihood, infinite after a failure.
    gradient : ndarray, shape (n_free,)
    information : ndarray, shape (n_free, n_free)
        Expected Fisher information.
    failure : Failure or None
    """

    x: Array
    nll: float
    gradient: Array
    information: Array
    failure: Failure | None = None


@dataclass(frozen=True, eq=False)
class Problem:
    """Everything that determines the objective.

    Parameters
    ----------
    readout : Readout
    data : Data
    observed : mapping of column to Observation
    layout : Layout
    index : ndarray, shape (n_group, n_name)
        Free value of each name in each group.
    fixed : mapping of str to float
        Values held: parameters, and names that only observation models use.
    initial : mapping of state to float
        Initial values held.
    solver : Solver
    threads : int or None
    """

    readout: Readout
    data: Data
    observed: Mapping[str, Observation]
    layout: Layout
    index: Indices
    fixed: Mapping[str, float]
    initial: Mapping[str, float]
    solver: Solver
    threads: int | None

    def __reduce__(self) -> tuple[Any, ...]:
        fields = ("readout", "data", "observed", "layout", "index", "fixed", "initial")
        return Problem, tuple(getattr(self, n) for n in (*fields, "solver", "threads"))

    # ------------------------------------------------------------------ fixed facts

    @cached_property
    def compiled(self) -> CompiledModel:
        """The compiled model."""
        return compile(self.readout.model)

    @cached_property
    def _stimuli(self) -> list[Any]:
        return [pack(tables) for tables in self.data.tables]

    @cached_property
    def _moving(self) -> list[int]:
        """Names that the states depend on."""
        model = self.readout.model
        start = [model.initial[state] for state in model.states]
        used = {s.name for e in (*model.rhs.values(), *start) for s in e.free_symbols}
        return [
            k
            for k, name in enumerate(self.layout.names)
            if initial_of(name, model) is not None or name in used
        ]

    @cached_property
    def _base(self) -> Array:
        """Parameter values while nothing is varied, shape (n_param,)."""
        values = {**self.readout.model.defaults, **self.fixed}
        return np.array([values[name] for name in self.readout.model.params], dtype=float)

    @cached_property
    def _columns(self) -> list[tuple[str, int, Array | None, bool]]:
        """Of each observed column: its observable, d/dy if constant, whether d/dp is nonzero."""
        model = self.readout.model
        names = list(model.observables)
        varied = {symbol(name) for name in self.layout.names}
        found = []
        for column, name in self.readout.observable.items():
            expression = model.observables[name]
            by_state = [expression.diff(symbol(state)) for state in model.states]
            constant = None
            if all(derivative.is_number for derivative in by_state):
                constant = np.array([float(derivative) for derivative in by_state])
            by_parameter = bool(expression.free_symbols & varied)
            found.append((column, names.index(name), constant, by_parameter))
        return found

    @cached_property
    def _chunks(self) -> list[Indices]:
        """Groups that are solved in one call: equal times, small enough to share out."""
        alike: dict[bytes, list[int]] = {}
        for g, times in enumerate(self.data.times):
            alike.setdefault(times.tobytes(), []).append(g)
        size = max(1, -(-len(self.data.times) // (4 * self._workers)))
        return [
            np.array(groups[first : first + size], dtype=np.intp)
            for groups in alike.values()
            for first in range(0, len(groups), size)
        ]

    @property
    def _workers(self) -> int:
        return self.threads or os.cpu_count() or 1

    # ------------------------------------------------------------------ solving

    def initial_values(self, group: int, p: Array, values: Array) -> tuple[Array, list[str]]:
        """Return a group's initial state and the states whose value was given."""
        model = self.readout.model
        y0 = np.array(self.compiled.initial(p), dtype=float)
        given = list(self.initial)
        for held, value in self.initial.items():
            y0[model.states.index(held)] = value
        for k, name in enumerate(self.layout.names):
            state = initial_of(name, model)
            if state is not None:
                y0[model.states.index(state)] = values[self.index[group, k]]
                given.append(state)
        return y0, given

    def parameters(self, groups: Sequence[int] | Indices, values: Array) -> Array:
        """Return the parameter values of groups, shape (n_group, n_param)."""
        p = np.tile(self._base, (len(groups), 1))
        for k, name in enumerate(self.layout.names):
            if name in self.readout.model.params:
                p[:, self.readout.model.params.index(name)] = values[self.index[groups, k]]
        return p

    def _solve(
        self, groups: Indices, values: Array, with_gradient: bool
    ) -> Failure | Iterator[tuple[int, Array, Array | None, Array]]:
        """Solve groups of equal times; yields group, states, sensitivities and parameters."""
        p = self.parameters(groups, values)
        starts = [self.initial_values(g, row, values) for g, row in zip(groups, p, strict=True)]
        y0 = np.array([y for y, _ in starts])
        which = [self.layout.names[k] for k in self._moving] if with_gradient else []
        batch = solve_batch(
            self.compiled,
            self.data.times[groups[0]],
            p,
            y0,
            [self._stimuli[g] for g in groups],
            self.solver,
            which=which,
            given=starts[0][1],
        )
        failed = np.flatnonzero(batch.status != Status.SUCCESS)
        if failed.size:
            k = int(failed[0])
            status = Status(int(batch.status[k]))
            return Failure(
                status,
                f"{STATUS_TEXT[status]} at t = {batch.t_reached[k]:.6g} in group "
                f"{self.data.labels[groups[k]]!r}",
            )
        return (
            (int(g), batch.y[k], None if batch.dydp is None else batch.dydp[k], p[k])
            for k, g in enumerate(groups)
        )

    def _observed(self, group: int, y: Array, p: Array) -> Array:
        """Return the observables of a group at its times, shape (n_time, n_observable)."""
        functions, times = self.compiled.functions, self.data.times[group]
        values: Array = functions.observe_many(times, y, p, self._stimuli[group])
        return values

    def _differentiated(
        self, group: int, column: int, rows: Indices, y: Array, dydp: Array | None, p: Array
    ) -> Array:
        """Return a prediction's derivative by each name at times, shape (n_row, n_name)."""
        _, number, constant, by_parameter = self._columns[column]
        model, layout = self.readout.model, self.layout
        distinct, back = np.unique(rows, return_inverse=True)
        out = np.zeros((len(distinct), len(layout.names)))
        if dydp is not None and constant is not None:
            out[:, self._moving] = np.einsum("s,tsv->tv", constant, dydp[distinct])
        elif dydp is not None:
            by_state = self._at(self.compiled.observe_dy, group, number, distinct, y, p)
            out[:, self._moving] = np.einsum("ts,tsv->tv", by_state, dydp[distinct])
        if by_parameter:
            by_parameters = self._at(self.compiled.observe_dp, group, number, distinct, y, p)
            for k, name in enumerate(layout.names):
                if name in model.params:
                    out[:, k] += by_parameters[:, model.params.index(name)]
        return out[back]

    def _at(
        self, function: Any, group: int, number: int, rows: Indices, y: Array, p: Array
    ) -> Array:
        """Return one observable's row of a derivative at some of a group's times."""
        times = self.data.times[group][rows]
        tables = self.data.tables[group]
        u = np.array([table(times) for table in tables]).reshape(len(tables), len(times)).T
        each = zip(times, y[rows], u, strict=True)
        return np.array([function(t, state, p, inputs)[number] for t, state, inputs in each])

    def _run(self, work: Any) -> Failure | None:
        """Do the work on every chunk of groups; returns the first failure."""
        chunks = self._chunks
        if min(self._workers, len(chunks)) == 1:
            one_by_one = map(work, chunks)
            return next((failure for failure in one_by_one if failure is not None), None)
        with ThreadPoolExecutor(min(self._workers, len(chunks))) as pool:
            try:
                failures = pool.map(work, chunks)
                return next((failure for failure in failures if failure is not None), None)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    # ------------------------------------------------------------------ the objective

    def evaluate(self, x: Array) -> Evaluation:
        """Return the objective, its gradient and information at a point."""
        values = self.layout.natural(x)
        measured = self.data.measured
        n_name = len(self.layout.names)
        located = {c: np.empty(len(m.values)) for c, m in measured.items()}
        slopes = {c: np.zeros((len(m.values), n_name)) for c, m in measured.items()}

        def work(groups: Indices) -> Failure | None:
            solved = self._solve(groups, values, with_gradient=True)
            if isinstance(solved, Failure):
                return solved
            for g, y, dydp, p in solved:
                every = self._observed(g, y, p)
                for k, (column, number, *_) in enumerate(self._columns):
                    rows = measured[column]
                    here = slice(rows.starts[g], rows.starts[g + 1])
                    at = rows.time[here]
                    located[column][here] = every[at, number]
                    slopes[column][here] = self._differentiated(g, k, at, y, dydp, p)
            return None

        with np.errstate(all="ignore"):
            failure = self._run(work)
            if failure is None:
                x = self._settled(x, located)
                return self._combine(x, located, slopes)
        return self._failed(x, failure)

    def _failed(self, x: Array, failure: Failure) -> Evaluation:
        n = self.layout.n_free
        return Evaluation(x, np.inf, np.zeros(n), np.zeros((n, n)), failure)

    def _settled(self, x: Array, located: Mapping[str, Array]) -> Array:
        """Move scales that stand alone to the root mean square of their residuals.

        That is where a Gaussian likelihood is largest for given predictions.
        """
        alone = [k for k, name in enumerate(self.layout.names) if name in self.readout.scales]
        if not alone:
            return x
        total, count = np.zeros(self.layout.n_free), np.zeros(self.layout.n_free)
        for column, rows in self.data.measured.items():
            scale = self.observed[column].scale
            if scale in self.readout.scales and scale in self.layout.names:
                at = self.index[rows.group, self.layout.names.index(str(scale))]
                np.add.at(total, at, (rows.values - located[column]) ** 2)
                np.add.at(count, at, 1.0)
        at = np.flatnonzero((count > 0) & np.isfinite(total))
        values = self.layout.natural(x)
        values[at] = np.sqrt(total[at] / count[at])
        moved = x.copy()
        moved[at] = np.clip(self.layout.scaled(values), self.layout.lower, self.layout.upper)[at]
        return moved

    def scale(self, column: str, values: Array) -> Array:
        """Return the scale of each row of a column, shape (n_row,)."""
        rows, scale = self.data.measured[column], self.observed[column].scale
        if not isinstance(scale, str):
            return np.full(len(rows.values), 1.0 if scale is None else scale)
        if scale in self.layout.names:
            free: Array = values[self.index[rows.group, self.layout.names.index(scale)]]
            return free
        held = {**self.readout.model.defaults, **self.fixed}
        return np.full(len(rows.values), held[scale])

    def _combine(
        self, x: Array, located: Mapping[str, Array], slopes: Mapping[str, Array]
    ) -> Evaluation:
        """Sum the likelihood's terms over all rows."""
        layout = self.layout
        values = layout.natural(x)
        nll, gradient = 0.0, np.zeros(layout.n_free)
        information = np.zeros((layout.n_free, layout.n_free))
        for column, observation in self.observed.items():
            rows, slope = self.data.measured[column], slopes[column]
            scale = self.scale(column, values)
            terms = observation.terms(rows.values, rows.size, located[column], scale)
            impossible = ~(np.isfinite(terms.nll) & (scale > 0.0))
            if impossible.any() or not np.isfinite(slope).all():
                return self._failed(x, self._impossible(column, located[column], impossible))
            nll += float(terms.nll.sum())
            free = self.index[rows.group]
            np.add.at(gradient, free, terms.by_location[:, None] * slope)
            weighted = np.sqrt(terms.information)[:, None] * slope
            for g in range(len(rows.starts) - 1):
                part = weighted[rows.starts[g] : rows.starts[g + 1]]
                information[np.ix_(self.index[g], self.index[g])] += part.T @ part
            if observation.scale in layout.names:
                at = free[:, layout.names.index(str(observation.scale))]
                np.add.at(gradient, at, terms.by_scale)
                np.add.at(information, (at, at), terms.scale_information)
        by_x = layout.slope(values)
        gradient *= by_x
        information *= by_x[:, None] * by_x
        if not (np.isfinite(gradient).all() and np.isfinite(information).all()):
            return self._failed(x, Failure(Status.NONFINITE, "the gradient is not finite"))
        return Evaluation(x, nll, gradient, information)

    def _impossible(self, column: str, located: Array, impossible: NDArray[np.bool_]) -> Failure:
        """Say which prediction has no likelihood."""
        k = int(np.argmax(impossible))
        rows = self.data.measured[column]
        return Failure(
            Status.NONFINITE,
            f"'{column}' = {rows.values[k]:g} has no likelihood where {located[k]:.6g} is "
            f"predicted, in group {self.data.labels[rows.group[k]]!r}",
        )

    def predict(self, x: Array) -> dict[str, Array] | Failure:
        """Return the prediction of every row of the frame, by observed column."""
        values = self.layout.natural(x)
        out = {column: np.full(len(self.data.group), np.nan) for column in self.observed}

        def work(groups: Indices) -> Failure | None:
            solved = self._solve(groups, values, with_gradient=False)
            if isinstance(solved, Failure):
                return solved
            for g, y, _, p in solved:
                every = self._observed(g, y, p)
                rows = np.flatnonzero(self.data.group == g)
                for column, number, *_ in self._columns:
                    out[column][rows] = every[self.data.time_index[rows], number]
            return None

        failure = self._run(work)
        return out if failure is None else failure
