"""The objective of a fit: negative log-likelihood, its exact gradient, its information.

What the C core summed is completed; rows that came back one by one are put into their
observation model. Where predictions fail or data are impossible the value is bad and has a
reason, never an exception. Imports the predictor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..errors import Status
from ..solve import Compared
from .data import Measured
from .observation import Scaled
from .predictor import Failure, Predictor

__all__ = ["ByGroup", "Evaluation", "Failure", "Problem"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The objective at a point.

    Attributes
    ----------
    x : ndarray, shape (n_free,)
        The point; scales that nothing else depends on are moved to their best value.
    nll : float
        Negative log-likelihood, minus the log-density of priors; infinite after a failure.
    gradient : ndarray, shape (n_free,)
    information : ndarray, shape (n_free, n_free)
        Expected Fisher information.
    failure : Failure or None
    penalty : float
        What of `nll` the priors add.
    """

    x: Array
    nll: float
    gradient: Array
    information: Array
    failure: Failure | None = None
    penalty: float = 0.0


def _by_groups(values: Array, rows: Measured) -> Array:
    """Sum over the rows of each group, shape (n_group, ...)."""
    sums = np.zeros((len(rows.starts) - 1, *values.shape[1:]))
    np.add.at(sums, rows.group, values)
    return sums


@dataclass(frozen=True, eq=False)
class _Part:
    """What one column adds to the objective, by group.

    All have a group first; `gradient` and `information` are by `_names`.
    """

    nll: Array
    gradient: Array
    information: Array
    by_scale: Array
    scale_information: Array


@dataclass(frozen=True, eq=False)
class ByGroup:
    """The likelihood of each group at a point, without priors.

    Attributes
    ----------
    nll : ndarray, shape (n_group,)
    gradient : ndarray, shape (n_group, n_name)
        By the value that each name of the layout has in the group, on its scale.
    information : ndarray, shape (n_group, n_name, n_name)
    """

    nll: Array
    gradient: Array
    information: Array


@dataclass(frozen=True, eq=False)
class Problem(Predictor):
    """Everything that determines the objective; its parameters are those of `Predictor`."""

    @property
    def smooth(self) -> bool:
        """Whether no likelihood has kinks."""
        return all(each.smoothed(1.0) is each for each in self.observed.values())

    def rounded(self, width: float) -> Problem:
        """Return the problem with kinks of its likelihood rounded off."""
        observed = {column: each.smoothed(width) for column, each in self.observed.items()}
        return replace(self, observed=observed)

    @cached_property
    def _offsets(self) -> Array:
        """What of the objective the data alone determine, of columns that C sums, by group."""
        offsets = np.zeros(len(self.data.labels))
        for column, rows in self.data.measured.items():
            if column in self.readout.summed:
                offsets += _by_groups(self.observed[column].offset(rows.values, rows.known), rows)
        return offsets

    @cached_property
    def _offset(self) -> float:
        return float(self._offsets.sum())

    def evaluate(self, x: Array, settle: bool = True) -> Evaluation:
        """Return the objective, its gradient and information at a point.

        With `settle`, scales that stand alone are moved to their best value first.
        """
        with np.errstate(all="ignore"):
            found = self._compared(self.layout.natural(x), self._rows, with_gradient=True)
            if isinstance(found, Failure):
                return self._failed(x, found)
            return self._combine(self._settled(x, found) if settle else x, found)

    def value(self, x: Array, settle: bool = False) -> float | Failure:
        """Return the objective alone at a point, from solves without sensitivities.

        They are quicker, and may change to a stiff method. With `settle`, scales that stand
        alone are at their best value.
        """
        values = self.layout.natural(x)
        with np.errstate(all="ignore"):
            found = self._compared(values, self._rows, with_gradient=False, with_tangents=False)
            if isinstance(found, Failure):
                return found
            if settle:
                x = self._settled(x, found)
                values = self.layout.natural(x)
            nll = self._offset + self.layout.penalty(x)[0]
            for column in self.observed:
                nll += float(self._nll(column, found, values).sum())
                if not np.isfinite(nll):
                    return self._impossible(column, found, values)
        return nll

    def nll_by_group(self, x: Array) -> Array | Failure:
        """Return the negative log-likelihood of each group at a point, shape (n_group,)."""
        values = self.layout.natural(x)
        with np.errstate(all="ignore"):
            found = self._compared(values, self._rows, with_gradient=False, every=True)
            if isinstance(found, Failure):
                return found
            nll = self._offsets.copy()
            for column in self.observed:
                part = self._nll(column, found, values)
                if not np.isfinite(part).all():
                    return self._impossible(column, found, values)
                nll += part
        return nll

    def pointwise(self, x: Array) -> dict[str, Array] | Failure:
        """Return the log-likelihood of each observation at a point, by column, shape (n_row,)."""
        values, told = self.layout.natural(x), {}
        with np.errstate(all="ignore"):
            found = self._compared(values, self._rows, with_gradient=False, with_tangents=False)
            if isinstance(found, Failure):
                return found
            for column, rows in self.data.measured.items():
                predicted = self._predicted(column, found, values)
                told[column] = -self.observed[column].terms(rows.values, rows.known, predicted).nll
        return told

    def by_group(self, x: Array, every: bool = False) -> ByGroup | Failure:
        """Return the likelihood of each group at a point, with its derivatives.

        A failure is of all groups whose solves fail if `every` one is to be tried.
        """
        layout, n_group, n_name = self.layout, len(self.data.labels), len(self.layout.names)
        values = layout.natural(x)
        nll, gradient = self._offsets.copy(), np.zeros((n_group, n_name))
        information = np.zeros((n_group, n_name, n_name))
        groups, of = np.arange(n_group), np.array(self._names, dtype=np.intp)
        with np.errstate(all="ignore"):
            found = self._compared(values, self._rows, with_gradient=True, every=every)
            if isinstance(found, Failure):
                return found
            for column, observation in self.observed.items():
                part = self._part(column, found, values)
                if not np.isfinite(part.nll).all():
                    return self._impossible(column, found, values)
                nll += part.nll
                gradient[:, of] += part.gradient
                information[np.ix_(groups, of, of)] += part.information
                scale = observation.quantities[1] if len(observation.quantities) > 1 else None
                if column in self.readout.summed and scale in layout.names:
                    k = layout.names.index(scale)
                    gradient[:, k] += part.by_scale
                    information[:, k, k] += part.scale_information
            by_x = layout.slope(values)[self.index]
            gradient *= by_x
            information *= by_x[:, :, None] * by_x[:, None, :]
        bad = ~(np.isfinite(gradient).all(axis=1) & np.isfinite(information).all(axis=(1, 2)))
        if bad.any():
            g = int(np.argmax(bad))
            return Failure(
                Status.NO_LIKELIHOOD,
                f"the gradient is not finite in group {self.data.labels[g]!r}",
                tuple(np.flatnonzero(bad).tolist()),
            )
        return ByGroup(nll, gradient, information)

    def _nll(self, column: str, found: Compared, values: Array) -> Array:
        """Return what a column adds to the objective of each group, shape (n_group,)."""
        if column in self.readout.summed:
            return self._completed(column, found, values).nll
        rows = self.data.measured[column]
        predicted = self._predicted(column, found, values)
        terms = self.observed[column].terms(rows.values, rows.known, predicted)
        return _by_groups(terms.nll, rows)

    def _part(self, column: str, found: Compared, values: Array) -> _Part:
        """Return what a column adds, with derivatives."""
        if column in self.readout.summed:
            return self._by_group(column, found, values)
        return self._by_row(column, found, values)

    def _failed(self, x: Array, failure: Failure) -> Evaluation:
        n = self.layout.n_free
        return Evaluation(x, np.inf, np.zeros(n), np.zeros((n, n)), failure)

    @cached_property
    def _alone(self) -> list[tuple[int, str, Indices]]:
        """Columns whose scale stands alone: number in the C core, name, free value by group."""
        found = []
        for number, (column, _, _) in enumerate(self._sent):
            if column in self.readout.summed and len(self.observed[column].quantities) > 1:
                scale = self.observed[column].quantities[1]
                if scale in self.readout.scales and scale in self.layout.names:
                    k = self.layout.names.index(scale)
                    if self.layout.varies[k].prior is None:
                        found.append((number, column, self.index[:, k]))
        return found

    def _settled(self, x: Array, found: Compared) -> Array:
        """Move scales that stand alone to the root mean square of their residuals.

        That is where a Gaussian likelihood is largest for given predictions.
        """
        if not self._alone:
            return x
        total, count = np.zeros(self.layout.n_free), np.zeros(self.layout.n_free)
        for number, column, at in self._alone:
            np.add.at(total, at, 2.0 * found.total[:, number])
            np.add.at(count, at, np.diff(self.data.measured[column].starts))
        at = np.flatnonzero((count > 0) & np.isfinite(total))
        values = self.layout.natural(x)
        values[at] = np.sqrt(total[at] / count[at])
        moved = x.copy()
        moved[at] = np.clip(self.layout.scaled(values), self.layout.lower, self.layout.upper)[at]
        return moved

    def _combine(self, x: Array, found: Compared) -> Evaluation:
        """Sum the likelihood's terms over all columns and groups."""
        layout = self.layout
        values = layout.natural(x)
        penalty, by_prior, curvature = layout.penalty(x)
        if not np.isfinite(penalty):
            return self._failed(
                x, Failure(Status.NO_LIKELIHOOD, "a value has no density under its prior")
            )
        nll, gradient = self._offset + penalty, np.zeros(layout.n_free)
        information = np.zeros((layout.n_free, layout.n_free))
        free = self.index[:, self._names]
        for column, observation in self.observed.items():
            part = self._part(column, found, values)
            added = float(part.nll.sum())
            if not np.isfinite(added):
                return self._failed(x, self._impossible(column, found, values))
            nll += added
            np.add.at(gradient, free, part.gradient)
            np.add.at(information, (free[:, :, None], free[:, None, :]), part.information)
            scale = observation.quantities[1] if len(observation.quantities) > 1 else None
            if column in self.readout.summed and scale in layout.names:
                at = self.index[:, layout.names.index(scale)]
                np.add.at(gradient, at, part.by_scale)
                np.add.at(information, (at, at), part.scale_information)
        by_x = layout.slope(values)
        gradient = gradient * by_x + by_prior
        information *= by_x[:, None] * by_x
        information[np.diag_indices(layout.n_free)] += curvature
        if not (np.isfinite(gradient).all() and np.isfinite(information).all()):
            return self._failed(x, Failure(Status.NO_LIKELIHOOD, "the gradient is not finite"))
        return Evaluation(x, nll, gradient, information, penalty=penalty)

    def _completed(self, column: str, found: Compared, values: Array) -> Scaled:
        """Complete a column's sums, made in C, by its scale in each group."""
        number = next(k for k, sent in enumerate(self._sent) if sent[0] == column)
        count = np.diff(self.data.measured[column].starts).astype(float)
        # Where nothing was measured the scale does not matter, whatever it is.
        scale = np.where(count > 0.0, self._scale_by_group(column, values), 1.0)
        return self.observed[column].scaled(found.total[:, number], count, scale)

    def _by_group(self, column: str, found: Compared, values: Array) -> _Part:
        """Complete the sums of a column that C made."""
        number = next(k for k, sent in enumerate(self._sent) if sent[0] == column)
        scaled = self._completed(column, found, values)
        return _Part(
            nll=scaled.nll,
            gradient=scaled.weight[:, None] * found.gradient[:, number],
            information=scaled.weight[:, None, None] * found.information[:, number],
            by_scale=scaled.by_scale,
            scale_information=scaled.scale_information,
        )

    def _by_row(self, column: str, found: Compared, values: Array) -> _Part:
        """Sum the terms of a column whose rows come one by one."""
        rows = self.data.measured[column]
        predicted, slopes = self._predicted(column, found, values), self._slopes(column, found)
        terms = self.observed[column].terms(rows.values, rows.known, predicted)
        n_group, n_name = len(rows.starts) - 1, len(self._names)
        weighted = terms.information @ slopes
        information = np.zeros((n_group, n_name, n_name))
        for g, (first, last) in enumerate(pairwise(rows.starts)):
            left = slopes[first:last].reshape(-1, n_name)
            information[g] = left.T @ weighted[first:last].reshape(-1, n_name)
        none = np.zeros(n_group)
        return _Part(
            nll=_by_groups(terms.nll, rows),
            gradient=_by_groups((terms.slope[:, None, :] @ slopes)[:, 0], rows),
            information=information,
            by_scale=none,
            scale_information=none,
        )

    def _impossible(self, column: str, found: Compared, values: Array) -> Failure:
        """Say which prediction has no likelihood."""
        rows = self.data.measured[column]
        predicted = self._predicted(column, found, values)
        terms = self.observed[column].terms(rows.values, rows.known, predicted)
        bad = ~np.isfinite(terms.nll)
        k = int(np.argmax(bad))
        given = f"{rows.given[k]:g}" if isinstance(rows.given[k], float) else repr(rows.given[k])
        plain = getattr(self.observed[column], "link", "") == "identity"
        outside = plain and not 0.0 < predicted[k, 0] < 1.0
        hint = "; link='logit' takes any number to a probability" if outside else ""
        return Failure(
            Status.NO_LIKELIHOOD,
            f"'{column}' = {given} has no likelihood where {predicted[k, 0]:.6g} is "
            f"predicted, in group {self.data.labels[rows.group[k]]!r}{hint}",
            tuple(np.unique(rows.group[bad]).tolist()),
        )
