"""Predictions beside data: every group solved, with the derivatives of what is free.

Groups are solved with forward sensitivities, compared with the data and summed in C, side by
side in threads; no trajectory is kept. Only the rows of an observation model without a form
come back one by one. A solve that fails gives a reason, never an exception. Imports the solver
and the parts of the fit before the objective.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from time import process_time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compile import CompiledModel, compile
from ..errors import STATUS_TEXT, Status
from ..solve import FORMS, Compared, Rows, Solver, compare_batch, pack
from .data import Data
from .observation import Observation
from .readout import Readout
from .rest import Rest, resting_state
from .vary import Layout, initial_of

#: Seconds of work from which on threads are started to share it.
WORTHWHILE = 4e-3

#: How a solve ends that has not failed.
_NOT_FAILED = (Status.SUCCESS, Status.INTERRUPTED)

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Failure:
    """Why the objective has no value at a point, and in which groups if it is some.

    The message is of the first of these.
    """

    status: Status
    message: str
    groups: tuple[int, ...] = ()


class Start(NamedTuple):
    """Where each group's solve begins.

    Attributes
    ----------
    y : ndarray, shape (n_group, n_state)
    given : list of str
        States whose value was given and so depends on no parameter.
    tangents : ndarray, shape (n_group, n_moving, n_state), or None
        Derivatives by what moves states, unless the model's initial values tell.
    """

    y: Array
    given: list[str]
    tangents: Array | None


@dataclass(frozen=True, eq=False)
class Predictor:
    """Everything that determines the predictions.

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
    #: The values of all groups that were solved last, and what came of it.
    _last: dict[str, tuple[Array, Compared]] = field(default_factory=dict, init=False, repr=False)

    #: Seconds of work that the last solve took.
    _pace: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        fields = ("readout", "data", "observed", "layout", "index", "fixed", "initial")
        return type(self), tuple(getattr(self, n) for n in (*fields, "solver", "threads"))

    # ------------------------------------------------------------------ fixed facts

    @cached_property
    def compiled(self) -> CompiledModel:
        """The compiled model."""
        return compile(self.readout.model)

    @cached_property
    def _stimuli(self) -> list[Any]:
        return [pack(tables) for tables in self.data.tables]

    @cached_property
    def _base(self) -> Array:
        """Parameter values while nothing is varied, shape (n_param,)."""
        values = {**self.readout.model.defaults, **self.fixed}
        return np.array([values[name] for name in self.readout.model.params], dtype=float)

    @cached_property
    def _moving(self) -> list[str]:
        """Names that the states depend on."""
        model = self.readout.model
        start = [model.initial[state] for state in model.states]
        used = {s.name for e in (*model.rhs.values(), *start) for s in e.free_symbols}
        return [n for n in self.layout.names if initial_of(n, model) is not None or n in used]

    @cached_property
    def _direct(self) -> list[str]:
        """Names that a prediction depends on beside the states."""
        model = self.readout.model
        read = [model.observables[name] for _, _, name in self._sent]
        used = {symbol.name for expression in read for symbol in expression.free_symbols}
        return [name for name in self.layout.names if name in used and name in model.params]

    @cached_property
    def _names(self) -> list[int]:
        """Places in the layout of the names that predictions depend on."""
        reaching = {*self._moving, *self._direct}
        return [k for k, name in enumerate(self.layout.names) if name in reaching]

    @cached_property
    def _sent(self) -> list[tuple[str, int, str]]:
        """What the C core sees as columns: column, quantity of it, and its observable."""
        return [
            (column, k, name)
            for column in self.observed
            for k, name in enumerate(self.readout.predicted[column])
            if isinstance(name, str)
        ]

    @cached_property
    def _rows(self) -> Rows:
        """The observations as the C core takes them."""
        each = [self.data.measured[column] for column, _, _ in self._sent]
        form = [
            FORMS[self.observed[column].form if column in self.readout.summed else "ROWS"]
            for column, _, _ in self._sent
        ]
        number = np.repeat(np.arange(len(each)), [len(rows.values) for rows in each])
        group, time = (np.concatenate([getattr(r, n) for r in each]) for n in ("group", "time"))
        values = np.concatenate([rows.values for rows in each])
        size = np.concatenate(
            [rows.known.get("trials", np.ones(len(rows.values))) for rows in each]
        )
        return self._sorted(form, group, time, number, values, size)[0]

    @cached_property
    def _places(self) -> list[Indices]:
        """Rows of the C core that belong to each of its columns."""
        return [np.flatnonzero(self._rows.column == k) for k in range(len(self._sent))]

    def _sorted(
        self,
        form: Sequence[int],
        group: Indices,
        time: Indices,
        column: Indices,
        values: Array,
        size: Array,
    ) -> tuple[Rows, Indices]:
        """Return rows sorted by group and time, and where each came from."""
        names = list(self.readout.model.observables)
        order = np.lexsort((time, group))
        lengths = [len(times) for times in self.data.times]
        rows = Rows(
            times=np.concatenate(self.data.times),
            first_time=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            form=np.array(form, dtype=np.int32),
            observable=np.array([names.index(name) for _, _, name in self._sent], dtype=np.int32),
            column=column[order].astype(np.int32),
            time=time[order].astype(np.int64),
            values=values[order],
            size=size[order],
            first_row=np.searchsorted(group[order], np.arange(len(lengths) + 1)).astype(np.int64),
        )
        return rows, order

    # ------------------------------------------------------------------ solving

    def parameters(self, values: Array) -> Array:
        """Return the parameter values of each group, shape (n_group, n_param)."""
        p = np.tile(self._base, (len(self.data.times), 1))
        for name, held in self.data.held.items():
            if name in self.readout.model.params:
                p[:, self.readout.model.params.index(name)] = held
        for k, name in enumerate(self.layout.names):
            if name in self.readout.model.params:
                p[:, self.readout.model.params.index(name)] = values[self.index[:, k]]
        return p

    def initial_values(self, p: Array, values: Array) -> Start | Failure:
        """Return where each group begins."""
        model = self.readout.model
        tangents = None
        if self.data.rest is None:
            y0 = np.array([self.compiled.initial(row) for row in p], dtype=float)
        else:
            found = self._resting(p)
            if isinstance(found, Failure):
                return found
            y0, tangents = found
        given = list(self.initial)
        for held, value in self.initial.items():
            y0[:, model.states.index(held)] = value
        for name, values_held in self.data.held.items():
            state = initial_of(name, model)
            if state is not None:
                y0[:, model.states.index(state)] = values_held
                given.append(state)
        for k, name in enumerate(self.layout.names):
            state = initial_of(name, model)
            if state is not None:
                y0[:, model.states.index(state)] = values[self.index[:, k]]
                given.append(state)
        if tangents is not None:
            for state in given:
                tangents[:, :, model.states.index(state)] = 0.0
            for k, name in enumerate(self._moving):
                state = initial_of(name, model)
                if state is not None:
                    tangents[:, k, model.states.index(state)] = 1.0
        return Start(y0, given, tangents)

    def _resting(self, p: Array) -> tuple[Array, Array] | Failure:
        """Return steady states of each group, and their derivatives by what moves states."""
        params, rest = self.readout.model.params, self.data.rest
        assert rest is not None
        at = [params.index(name) if name in params else -1 for name in self._moving]
        by = [k for k, index in enumerate(at) if index >= 0]
        y0 = np.empty((len(p), len(self.readout.model.states)))
        tangents = np.zeros((len(p), len(at), y0.shape[1]))
        seen: dict[bytes, Any] = {}
        restless: dict[int, Any] = {}
        for g, (row, u) in enumerate(zip(p, rest, strict=True)):
            key = row.tobytes() + u.tobytes()
            if key not in seen:
                seen[key] = resting_state(self.compiled, row, u)
            found = seen[key]
            if not isinstance(found, Rest):
                restless[g] = found
                continue
            y0[g] = found.y
            tangents[g, by] = found.by_p[:, [at[k] for k in by]].T
        if restless:
            g, (status, message) = next(iter(restless.items()))
            told = f"{message} of group {self.data.labels[g]!r}"
            return Failure(status, told, tuple(restless))
        return y0, tangents

    def _compared(
        self,
        values: Array,
        rows: Rows,
        with_gradient: bool,
        with_tangents: bool = True,
        every: bool = False,
    ) -> Compared | Failure:
        """Solve every group and compare it with rows.

        With tangents, even if no gradient is wanted, steps and so predictions are the same. A
        failure is of all groups that fail if `every` one is to be tried.
        """
        p = self.parameters(values)
        start = self.initial_values(p, values)
        if isinstance(start, Failure):
            return start
        found = self._solved(p, start, rows, with_gradient, with_tangents, every)
        if (found.report["status"] == Status.SUCCESS).all():
            return found
        # The others were left out once one had failed.
        failed = np.flatnonzero(~np.isin(found.report["status"], _NOT_FAILED))
        g = int(failed[0])
        status = Status(int(found.report["status"][g]))
        return Failure(
            status,
            f"{STATUS_TEXT[status]} at t = {found.report['t'][g]:.6g} in group "
            f"{self.data.labels[g]!r}",
            tuple(failed.tolist()),
        )

    def _solved(
        self,
        p: Array,
        start: Start,
        rows: Rows,
        with_gradient: bool,
        with_tangents: bool,
        every: bool,
    ) -> Compared:
        """Solve the groups, but for those whose values are as they were the last time.

        A search for each person's best values leaves more and more of them where they are.
        """
        tangents = start.tangents if with_tangents else None
        values = np.concatenate([p, start.y], axis=1)
        if tangents is not None:
            values = np.concatenate([values, tangents.reshape(len(p), -1)], axis=1)
        again = np.ones(len(p), dtype=bool)
        keeps = with_gradient and rows is self._rows
        before = self._last.get("solved") if keeps else None
        if before is not None:
            # By their bits: what is not a number is as it was, too.
            again = (before[0].view(np.int64) != values.view(np.int64)).any(axis=1)
            if not again.any():
                return before[1]
        # Starting threads takes longer than what many models take.
        shared = self.threads is not None or self._pace.get("work", 0.0) > WORTHWHILE
        threads, began = self.threads if shared else 1, process_time()

        def solved(some: NDArray[np.bool_]) -> Compared:
            return compare_batch(
                self.compiled,
                rows if some.all() else _of_groups(rows, some),
                p[some],
                start.y[some],
                [stimulus for stimulus, one in zip(self._stimuli, some, strict=True) if one],
                self.solver,
                names=[self.layout.names[k] for k in self._names] if with_gradient else (),
                which=self._moving if with_tangents else (),
                direct=self._direct,
                given=start.given,
                tangents=None if tangents is None else tangents[some],
                threads=threads,
            )

        n_row = np.diff(rows.first_row)
        found = solved(again)
        # Not by the clock: where others are at work, too, any solve would seem long.
        self._pace["work"] = process_time() - began
        if before is not None and not again.all():
            found = _replaced(before[1], found, again, np.repeat(again, n_row))
        # One that fails ends the call, which leaves others out.
        left = found.report["status"] == Status.INTERRUPTED
        while every and left.any():
            found = _replaced(found, solved(left), left, np.repeat(left, n_row))
            left = found.report["status"] == Status.INTERRUPTED
        if keeps and (found.report["status"] == Status.SUCCESS).all():
            self._last["solved"] = (values, found)
        return found

    # ------------------------------------------------------------------ quantities

    def _predicted(self, column: str, found: Compared, values: Array) -> Array:
        """Return the quantities of a column's rows, shape (n_row, n_quantity)."""
        rows = self.data.measured[column]
        located = {
            quantity: found.located[self._places[k]]
            for k, (sent, quantity, _) in enumerate(self._sent)
            if sent == column
        }
        return self._filled(column, located, rows.row, values)

    def _filled(
        self, column: str, located: Mapping[int, Array], row: Indices, values: Array
    ) -> Array:
        """Add quantities that the C core did not see to those it predicted."""
        filled, given = [], self.data.given.get(column, {})
        for k, quantity in enumerate(self.observed[column].quantities):
            if k in located:
                filled.append(located[k])
            elif k in given:
                filled.append(given[k][row])
            elif column in self.readout.summed:
                filled.append(self._scale_by_group(column, values)[self.data.group[row]])
            else:
                filled.append(np.full(len(row), float(quantity)))
        return np.stack(filled, axis=1)

    def _slopes(self, column: str, found: Compared) -> Array:
        """Return derivatives of a column's quantities, shape (n_row, n_quantity, n_name)."""
        n = len(self.data.measured[column].values)
        slopes = np.zeros((n, len(self.observed[column].quantities), len(self._names)))
        for k, (sent, quantity, _) in enumerate(self._sent):
            if sent == column and found.slopes is not None:
                slopes[:, quantity] = found.slopes[self._places[k]]
        return slopes

    def _scale_by_group(self, column: str, values: Array) -> Array:
        """Return the scale of a summed column in each group, shape (n_group,)."""
        quantities, n_group = self.observed[column].quantities, len(self.data.times)
        scale = quantities[1] if len(quantities) > 1 else 1.0
        if not isinstance(scale, str):
            return np.full(n_group, scale)
        if scale in self.layout.names:
            free: Array = values[self.index[:, self.layout.names.index(scale)]]
            return free
        if scale in self.data.held:
            return self.data.held[scale]
        held = {**self.readout.model.defaults, **self.fixed}
        return np.full(n_group, held[scale])

    def quantities(self, x: Array) -> dict[str, Array] | Failure:
        """Return the quantities of every row of the frame, by observed column.

        Shape (n_row, n_quantity) of the column's observation model.
        """
        n_row, n_column = len(self.data.group), len(self._sent)
        every = np.zeros(n_row * n_column)
        rows, order = self._sorted(
            [FORMS["ROWS"]] * n_column,
            np.tile(self.data.group, n_column),
            np.tile(self.data.time_index, n_column),
            np.repeat(np.arange(n_column), n_row),
            every,
            every,
        )
        values = self.layout.natural(x)
        with np.errstate(all="ignore"):
            found = self._compared(values, rows, with_gradient=False)
        if isinstance(found, Failure):
            return found
        every[order] = found.located
        located: dict[str, dict[int, Array]] = {column: {} for column in self.observed}
        each = zip(self._sent, every.reshape(n_column, n_row), strict=True)
        for (column, quantity, _), predictions in each:
            located[column][quantity] = predictions
        return {
            column: self._filled(column, seen, np.arange(n_row), values)
            for column, seen in located.items()
        }

    def predict(self, x: Array) -> dict[str, NDArray[Any]] | Failure:
        """Return the prediction of every row of the frame, by observed column."""
        found = self.quantities(x)
        if isinstance(found, Failure):
            return found
        return {column: self.observed[column].shown(each) for column, each in found.items()}


def _of_groups(rows: Rows, some: NDArray[np.bool_]) -> Rows:
    """Return the rows of some groups."""
    n_time, n_row = np.diff(rows.first_time), np.diff(rows.first_row)
    at = np.repeat(some, n_row)
    return rows._replace(
        times=rows.times[np.repeat(some, n_time)],
        first_time=np.concatenate([[0], np.cumsum(n_time[some])]).astype(np.int64),
        column=rows.column[at],
        time=rows.time[at],
        values=rows.values[at],
        size=rows.size[at],
        first_row=np.concatenate([[0], np.cumsum(n_row[some])]).astype(np.int64),
    )


def _replaced(
    before: Compared, found: Compared, some: NDArray[np.bool_], rows: NDArray[np.bool_]
) -> Compared:
    """Return what some groups gave beside what the others had given before."""

    def put(every: NDArray[Any], new: NDArray[Any], at: NDArray[np.bool_]) -> NDArray[Any]:
        every = every.copy()
        every[at] = new
        return every

    slopes = None
    if before.slopes is not None and found.slopes is not None:
        slopes = put(before.slopes, found.slopes, rows)
    return Compared(
        report=put(before.report, found.report, some),
        located=put(before.located, found.located, rows),
        slopes=slopes,
        total=put(before.total, found.total, some),
        gradient=put(before.gradient, found.gradient, some),
        information=put(before.information, found.information, some),
    )
