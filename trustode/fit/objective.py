"""The objective of a fit: negative log-likelihood, its exact gradient, its information.

Groups are solved with forward sensitivities, compared with the data and summed in C, side by
side in threads; no trajectory is kept. Only the rows of an observation model without a form
come back one by one, as predictions and their derivatives. A solve that fails gives a bad
value and a reason, never an exception. Imports the solver and the other parts of the fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..compile import CompiledModel, compile
from ..errors import STATUS_TEXT, Status
from ..solve import FORMS, Compared, Rows, Solver, compare_batch, pack
from .data import Data, Measured
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


def _by_groups(values: Array, rows: Measured) -> Array:
    """Sum over the rows of each group, shape (n_group, ...)."""
    sums = np.zeros((len(rows.starts) - 1, *values.shape[1:]))
    np.add.at(sums, rows.group, values)
    return sums


@dataclass(frozen=True, eq=False)
class _Part:
    """What one column adds to the objective, by group.

    All but the first have a group first; `gradient` and `information` are by `_names`.
    """

    nll: float
    gradient: Array
    information: Array
    by_scale: Array
    scale_information: Array


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
        read = [model.observables[name] for name in self.readout.observable.values()]
        used = {symbol.name for expression in read for symbol in expression.free_symbols}
        return [name for name in self.layout.names if name in used and name in model.params]

    @cached_property
    def _names(self) -> list[int]:
        """Places in the layout of the names that predictions depend on."""
        reaching = {*self._moving, *self._direct}
        return [k for k, name in enumerate(self.layout.names) if name in reaching]

    @cached_property
    def _offset(self) -> float:
        """What of the objective the data alone determine, of columns that C sums."""
        return sum(
            float(self.observed[column].offset(rows.values, rows.size).sum())
            for column, rows in self.data.measured.items()
            if self.observed[column].form != "ROWS"
        )

    @cached_property
    def _rows(self) -> Rows:
        """The observations as the C core takes them."""
        columns, measured = list(self.observed), self.data.measured
        each = [measured[column] for column in columns]
        form = [FORMS[self.observed[column].form] for column in columns]
        number = np.repeat(np.arange(len(columns)), [len(rows.values) for rows in each])
        group, time = (np.concatenate([getattr(r, n) for r in each]) for n in ("group", "time"))
        values, size = (np.concatenate([getattr(r, n) for r in each]) for n in ("values", "size"))
        return self._sorted(form, group, time, number, values, size)[0]

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
            observable=np.array(
                [names.index(self.readout.observable[each]) for each in self.observed],
                dtype=np.int32,
            ),
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
        for k, name in enumerate(self.layout.names):
            if name in self.readout.model.params:
                p[:, self.readout.model.params.index(name)] = values[self.index[:, k]]
        return p

    def initial_values(self, p: Array, values: Array) -> tuple[Array, list[str]]:
        """Return each group's initial state and the states whose value was given."""
        model = self.readout.model
        y0 = np.array([self.compiled.initial(row) for row in p], dtype=float)
        given = list(self.initial)
        for held, value in self.initial.items():
            y0[:, model.states.index(held)] = value
        for k, name in enumerate(self.layout.names):
            state = initial_of(name, model)
            if state is not None:
                y0[:, model.states.index(state)] = values[self.index[:, k]]
                given.append(state)
        return y0, given

    def _compared(self, values: Array, rows: Rows, with_gradient: bool) -> Compared | Failure:
        """Solve every group and compare it with rows."""
        p = self.parameters(values)
        y0, given = self.initial_values(p, values)
        found = compare_batch(
            self.compiled,
            rows,
            p,
            y0,
            self._stimuli,
            self.solver,
            names=[self.layout.names[k] for k in self._names] if with_gradient else (),
            # Without them, too: the steps, and so the predictions, are then the same.
            which=self._moving,
            direct=self._direct,
            given=given,
            threads=self.threads,
        )
        failed = np.flatnonzero(found.report["status"] != Status.SUCCESS)
        if not failed.size:
            return found
        g = int(failed[0])
        status = Status(int(found.report["status"][g]))
        return Failure(
            status,
            f"{STATUS_TEXT[status]} at t = {found.report['t'][g]:.6g} in group "
            f"{self.data.labels[g]!r}",
        )

    # ------------------------------------------------------------------ the objective

    def evaluate(self, x: Array, settle: bool = True) -> Evaluation:
        """Return the objective, its gradient and information at a point.

        With `settle`, scales that stand alone are moved to their best value first.
        """
        with np.errstate(all="ignore"):
            found = self._compared(self.layout.natural(x), self._rows, with_gradient=True)
            if isinstance(found, Failure):
                return self._failed(x, found)
            return self._combine(self._settled(x, found) if settle else x, found)

    def _failed(self, x: Array, failure: Failure) -> Evaluation:
        n = self.layout.n_free
        return Evaluation(x, np.inf, np.zeros(n), np.zeros((n, n)), failure)

    def _of_column(self, found: Compared, number: int) -> tuple[Array, Array | None]:
        """Return the predictions of a column's rows and, unless summed, their derivatives."""
        at = self._rows.column == number
        return found.located[at], None if found.slopes is None else found.slopes[at]

    def _settled(self, x: Array, found: Compared) -> Array:
        """Move scales that stand alone to the root mean square of their residuals.

        That is where a Gaussian likelihood is largest for given predictions.
        """
        alone = [k for k, name in enumerate(self.layout.names) if name in self.readout.scales]
        if not alone:
            return x
        total, count = np.zeros(self.layout.n_free), np.zeros(self.layout.n_free)
        for number, (column, observation) in enumerate(self.observed.items()):
            scale = observation.scale
            if scale in self.readout.scales and scale in self.layout.names:
                rows = self.data.measured[column]
                at = self.index[:, self.layout.names.index(str(scale))]
                squares = 2.0 * found.total[:, number]
                if observation.form == "ROWS":
                    residual = rows.values - self._of_column(found, number)[0]
                    squares = _by_groups(residual**2, rows)
                np.add.at(total, at, squares)
                np.add.at(count, at, np.diff(rows.starts))
        at = np.flatnonzero((count > 0) & np.isfinite(total))
        values = self.layout.natural(x)
        values[at] = np.sqrt(total[at] / count[at])
        moved = x.copy()
        moved[at] = np.clip(self.layout.scaled(values), self.layout.lower, self.layout.upper)[at]
        return moved

    def scale(self, column: str, values: Array) -> Array:
        """Return the scale of each row of a column, shape (n_row,)."""
        scales: Array = self._scale_by_group(column, values)[self.data.measured[column].group]
        return scales

    def _scale_by_group(self, column: str, values: Array) -> Array:
        """Return the scale of a column in each group, shape (n_group,)."""
        scale, n_group = self.observed[column].scale, len(self.data.times)
        if not isinstance(scale, str):
            return np.full(n_group, 1.0 if scale is None else scale)
        if scale in self.layout.names:
            free: Array = values[self.index[:, self.layout.names.index(scale)]]
            return free
        held = {**self.readout.model.defaults, **self.fixed}
        return np.full(n_group, held[scale])

    def _combine(self, x: Array, found: Compared) -> Evaluation:
        """Sum the likelihood's terms over all columns and groups."""
        layout = self.layout
        values = layout.natural(x)
        nll, gradient = self._offset, np.zeros(layout.n_free)
        information = np.zeros((layout.n_free, layout.n_free))
        free = self.index[:, self._names]
        for number, (column, observation) in enumerate(self.observed.items()):
            add = self._by_row if observation.form == "ROWS" else self._by_group
            part = add(number, column, found, self._scale_by_group(column, values))
            if not np.isfinite(part.nll):
                return self._failed(x, self._impossible(column, number, found, values))
            nll += part.nll
            np.add.at(gradient, free, part.gradient)
            np.add.at(information, (free[:, :, None], free[:, None, :]), part.information)
            if observation.scale in layout.names:
                at = self.index[:, layout.names.index(str(observation.scale))]
                np.add.at(gradient, at, part.by_scale)
                np.add.at(information, (at, at), part.scale_information)
        by_x = layout.slope(values)
        gradient *= by_x
        information *= by_x[:, None] * by_x
        if not (np.isfinite(gradient).all() and np.isfinite(information).all()):
            return self._failed(x, Failure(Status.NONFINITE, "the gradient is not finite"))
        return Evaluation(x, nll, gradient, information)

    def _by_group(self, number: int, column: str, found: Compared, scale: Array) -> _Part:
        """Complete the sums of a column that C made."""
        count = np.diff(self.data.measured[column].starts).astype(float)
        # Where nothing was measured the scale does not matter, whatever it is.
        scale = np.where(count > 0.0, scale, 1.0)
        scaled = self.observed[column].scaled(found.total[:, number], count, scale)
        return _Part(
            nll=float(scaled.nll.sum()),
            gradient=scaled.weight[:, None] * found.gradient[:, number],
            information=scaled.weight[:, None, None] * found.information[:, number],
            by_scale=scaled.by_scale,
            scale_information=scaled.scale_information,
        )

    def _by_row(self, number: int, column: str, found: Compared, scale: Array) -> _Part:
        """Sum the terms of an observation model that C does not know."""
        rows = self.data.measured[column]
        located, slopes = self._of_column(found, number)
        slope = np.zeros((len(located), len(self._names))) if slopes is None else slopes
        terms = self.observed[column].terms(rows.values, rows.size, located, scale[rows.group])
        weighted = np.sqrt(terms.information)[:, None] * slope
        blocks = np.split(weighted, rows.starts[1:-1])
        return _Part(
            nll=float(terms.nll.sum()),
            gradient=_by_groups(terms.by_location[:, None] * slope, rows),
            information=np.array([block.T @ block for block in blocks]),
            by_scale=_by_groups(terms.by_scale, rows),
            scale_information=_by_groups(terms.scale_information, rows),
        )

    def _impossible(self, column: str, number: int, found: Compared, values: Array) -> Failure:
        """Say which prediction has no likelihood."""
        rows, scale = self.data.measured[column], self.scale(column, values)
        located, _ = self._of_column(found, number)
        terms = self.observed[column].terms(rows.values, rows.size, located, scale)
        k = int(np.argmax(~(np.isfinite(terms.nll) & (scale > 0.0))))
        return Failure(
            Status.NONFINITE,
            f"'{column}' = {rows.values[k]:g} has no likelihood where {located[k]:.6g} is "
            f"predicted, in group {self.data.labels[rows.group[k]]!r}",
        )

    def predict(self, x: Array) -> dict[str, Array] | Failure:
        """Return the prediction of every row of the frame, by observed column."""
        n_row, n_column = len(self.data.group), len(self.observed)
        every = np.zeros(n_row * n_column)
        rows, order = self._sorted(
            [FORMS["ROWS"]] * n_column,
            np.tile(self.data.group, n_column),
            np.tile(self.data.time_index, n_column),
            np.repeat(np.arange(n_column), n_row),
            every,
            every,
        )
        with np.errstate(all="ignore"):
            found = self._compared(self.layout.natural(x), rows, with_gradient=False)
        if isinstance(found, Failure):
            return found
        every[order] = found.located
        return dict(zip(self.observed, every.reshape(n_column, n_row), strict=True))
