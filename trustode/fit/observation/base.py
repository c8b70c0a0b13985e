"""What every observation model is: a distribution of the data given what a model predicts.

A family names the quantities that each of its rows depends on (a mean and a standard
deviation, the utilities of some options); all are expressions of the model. It knows its
likelihood, the derivatives and the information by these quantities, its residuals and which
data are possible. Imports the errors.
"""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy.special import ndtri

from ...errors import DataError, OptionError, listed

Array = NDArray[np.float64]
#: Numbers known of each row beside what was observed: trials, exposures, detection limits.
Known = Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Terms:
    """Negative log-likelihood of each row and what derives from it.

    Attributes
    ----------
    nll : ndarray, shape (n_row,)
        Infinite or NaN where the data are impossible.
    slope : ndarray, shape (n_row, n_quantity)
        Its derivatives by the quantities.
    information : ndarray, shape (n_row, n_quantity, n_quantity)
        Information of the quantities: expected, or observed where it is never indefinite.
    """

    nll: Array
    slope: Array
    information: Array


@dataclass(frozen=True, eq=False)
class Scaled:
    """Sums of the C core, one an entry, completed by a scale; arrays of shape (n,).

    Attributes
    ----------
    nll : ndarray
        Negative log-likelihood, without what `Observation.offset` holds.
    weight : ndarray
        What the sum's derivatives are to be multiplied by.
    by_scale, scale_information : ndarray
        Derivative by the scale, and its expected information.
    """

    nll: Array
    weight: Array
    by_scale: Array
    scale_information: Array


class Observation(ABC):
    """What all observation models have in common.

    The rows of a model with a `form` are summed in C as `scaled` expects it, while the second
    quantity, if there is one, is a number or a name; any other rows one by one, by `terms`.
    """

    #: What the C core sums, a name of `trustode.solve.FORMS`.
    form: ClassVar[str] = "ROWS"
    #: What each quantity is called in the call, to name it in messages.
    roles: ClassVar[tuple[str, ...]] = ("expr",)
    #: Scale on which location and data are compared: "lin", "log" or "log10".
    transform: str = "lin"

    @property
    @abstractmethod
    def quantities(self) -> tuple[Any, ...]:
        """Expressions and numbers that each row depends on, the location first."""

    @property
    def summed(self) -> bool:
        """Whether the C core can sum the rows."""
        return self.form != "ROWS"

    @property
    def positive(self) -> tuple[str, ...]:
        """Names that only make sense above zero, as scales."""
        return ()

    @property
    def ordered(self) -> tuple[Any, ...]:
        """Quantities that have to increase."""
        return ()

    @property
    def columns(self) -> Mapping[str, str | float]:
        """Numbers known of each row, by role: one for all rows, or the column with them."""
        return {}

    @property
    def options(self) -> tuple[Any, ...] | None:
        """Values that data may have, where these are few; their places are then observed."""
        return None

    def check(
        self, column: str, observed: Array, known: Known, rows: Sequence[Any], where: str
    ) -> None:
        """Raise `DataError` unless the observed values, none missing, are possible."""
        return

    def prepared(self, observed: Array, known: Known) -> tuple[Array, Known]:
        """Return checked data on the scale that the other methods work on."""
        return observed, known

    @abstractmethod
    def terms(self, observed: Array, known: Known, predicted: Array) -> Terms:
        """Evaluate the likelihood of rows from quantities of shape (n_row, n_quantity)."""

    @abstractmethod
    def residual(self, observed: Array, known: Known, predicted: Array, share: Array) -> Array:
        """Return residuals that are standard normal if the model is right, shape (n_row,).

        Where an observation stands for an interval, the residual lies within its quantiles
        at `share`, random numbers between 0 and 1: Dunn & Smyth (1996), J. Comput. Graph.
        Stat. 5, 236-244.
        """

    def shown(self, predicted: Array) -> NDArray[Any]:
        """Return what to show beside the data for quantities of shape (n_row, n_quantity)."""
        location: Array = predicted[:, 0]
        return location

    @abstractmethod
    def draw(self, rng: np.random.Generator, known: Known, predicted: Array) -> Array:
        """Draw an observation of each row, as prepared, shape (n_row,)."""

    def error(self, given: NDArray[Any], known: Known, shown: NDArray[Any]) -> Array:
        """Return how far data as given are from what is shown, shape (n_row,)."""
        difference: Array = np.asarray(given, dtype=float) - shown
        return difference

    def smoothed(self, width: float) -> Observation:
        """Return a likelihood without kinks for a search, that of `width` 0 being its own."""
        return self

    def scaled(self, total: Array, count: Array, scale: Array) -> Scaled:
        """Complete sums of so many rows each; only for a model with a form."""
        none = np.zeros_like(total)
        return Scaled(total, np.ones_like(total), none, none)

    def offset(self, observed: Array, known: Known) -> Array:
        """Return what of each row's negative log-likelihood the data alone determine."""
        return np.zeros_like(observed)


def check_quantity(value: object, role: str, family: str, least: float = -math.inf) -> Any:
    """Return an expression, a name or a number above `least`, or raise `OptionError`."""
    if isinstance(value, sympy.Symbol):
        return value.name
    if isinstance(value, sympy.Expr) and not value.is_number:
        return value
    if isinstance(value, str) and value.strip():
        return value.strip()
    what = "the name of an observable or state, or an expression"
    if role == "expr":
        raise OptionError(f"{family}: the prediction must be {what}, got {value!r:.60}")
    number = isinstance(value, numbers.Real | sympy.Expr) and not isinstance(value, bool)
    if not number:
        raise OptionError(f"{family}: {role} must be {what}, or a number, got {value!r:.60}")
    found = float(value)  # type: ignore[arg-type]
    if not (math.isfinite(found) and found > least):
        rule = "positive and finite" if least == 0.0 else "finite"
        raise OptionError(f"{family}: {role}={found:g} must be {rule}")
    return found


def check_choice(value: object, role: str, family: str, known: Sequence[str]) -> None:
    """Raise `OptionError` unless a value is one of a few words."""
    if value not in known:
        raise OptionError(f"{family}: {role}={value!r:.60} must be {' or '.join(map(repr, known))}")


def all_rows(rows: Sequence[Any], at: Sequence[int]) -> str:
    """Name the rows of a mistake, if they are more than the one that was named."""
    return f" (rows {listed(str(rows[k]) for k in at)})" if len(at) > 1 else ""


def refuse_values(
    broken: NDArray[np.bool_],
    rule: str,
    column: str,
    observed: Array,
    rows: Sequence[Any],
    where: str,
    remedy: str = "Correct these rows, or set them to missing",
) -> None:
    """Raise `DataError` if any row breaks a rule, naming the rows."""
    at = [int(k) for k in np.flatnonzero(broken)]
    if at:
        raise DataError(
            f"{where}: column '{column}' has {observed[at[0]]:g} in row {rows[at[0]]}"
            f"{all_rows(rows, at)}; {rule}. {remedy}"
        )


def name_of(quantity: object) -> tuple[str, ...]:
    """Return a quantity if it is a plain name."""
    return (quantity,) if isinstance(quantity, str) and quantity.isidentifier() else ()


def normal_between(low: Array, high: Array, share: Array) -> Array:
    """Return the normal quantile of a point between two cumulative probabilities."""
    inside = np.clip(low + share * (high - low), 1e-300, 1.0 - 1e-16)
    quantile: Array = ndtri(inside)
    return quantile
