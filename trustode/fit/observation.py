"""Observation models: how a measured column arises from what the model predicts.

An observation model is a distribution of the data given a location (an expression of the
model) and perhaps a scale. It knows its likelihood, the derivatives that a fit needs and
which data are possible. Imports the errors.
"""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy.special import gammaln

from ..errors import DataError, OptionError, checks_keywords, listed

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Terms:
    """Negative log-likelihood of each row and what derives from it; arrays of shape (n_row,).

    Attributes
    ----------
    nll : ndarray
        Negative log-likelihood, infinite where the data are impossible.
    by_location, by_scale : ndarray
        Its derivatives by location and scale.
    information, scale_information : ndarray
        Expected information of location and scale, which are orthogonal.
    residual : ndarray
        Standardised residual.
    """

    nll: Array
    by_location: Array
    by_scale: Array
    information: Array
    scale_information: Array
    residual: Array


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

    The rows of a model with a `form` are summed in C as `scaled` expects it; those of any other
    one by one, by `terms`.
    """

    expr: Any
    #: What the C core sums, a name of `trustode.solve.FORMS`.
    form: ClassVar[str] = "ROWS"

    @property
    def scale(self) -> str | float | None:
        """Name or value of the scale; None without one."""
        return None

    @property
    def size(self) -> str | int | None:
        """Column or number that says how many trials a row counts; None without trials."""
        return None

    @abstractmethod
    def terms(self, observed: Array, size: Array, location: Array, scale: Array) -> Terms:
        """Evaluate the likelihood of rows."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, size: Array, location: Array, scale: Array) -> Array:
        """Draw an observation of each row, shape (n_row,)."""

    def scaled(self, total: Array, count: Array, scale: Array) -> Scaled:
        """Complete sums of so many rows each; only for a model with a form."""
        none = np.zeros_like(total)
        return Scaled(total, np.ones_like(total), none, none)

    def offset(self, observed: Array, size: Array) -> Array:
        """Return what of each row's negative log-likelihood the data alone determine."""
        return np.zeros_like(observed)

    def check(
        self, column: str, observed: Array, size: Array, rows: Sequence[Any], where: str
    ) -> None:
        """Raise `DataError` unless the observed values, none missing, are possible."""
        return


def _check_expr(expr: object, where: str) -> None:
    if not isinstance(expr, str | sympy.Expr) or (isinstance(expr, str) and not expr.strip()):
        raise OptionError(
            f"{where}: the prediction must be the name of an observable or state, or an "
            f"expression, got {expr!r:.60}"
        )


@checks_keywords
@dataclass(frozen=True)
class Gaussian(Observation):
    """A normal distribution around the prediction.

    Parameters
    ----------
    expr : str or sympy expression
        The mean: an observable or state, or an expression of states, parameters, inputs,
        observables and names in `vary`.
    sd : str or float
        Standard deviation: a number, a parameter, or a name in `vary`. A name that stands
        nowhere else is set to its best value, the root mean square of its residuals, at
        each step of a search.

    Raises
    ------
    OptionError
        If the standard deviation is neither a name nor a positive number.
    """

    expr: Any
    sd: Any
    form = "SQUARES"

    def __post_init__(self) -> None:
        _check_expr(self.expr, "Gaussian")
        sd = getattr(self.sd, "name", self.sd)
        if not isinstance(sd, str):
            if isinstance(sd, bool) or not isinstance(sd, numbers.Real):
                raise OptionError(f"Gaussian: sd must be a name or a number, got {sd!r:.60}")
            sd = float(sd)
            if not (math.isfinite(sd) and sd > 0.0):
                raise OptionError(f"Gaussian: sd={sd:g} must be positive and finite")
        object.__setattr__(self, "sd", sd)

    @property
    def scale(self) -> str | float:
        """Name or value of the standard deviation."""
        sd: str | float = self.sd
        return sd

    def terms(self, observed: Array, size: Array, location: Array, scale: Array) -> Terms:
        """Evaluate ``0.5 log(2 pi sd**2) + 0.5 ((observed - location) / sd)**2``."""
        z = (observed - location) / scale
        return Terms(
            nll=0.5 * z**2 + np.log(scale) + self.offset(observed, size),
            by_location=-z / scale,
            by_scale=(1.0 - z**2) / scale,
            information=scale**-2,
            scale_information=2.0 * scale**-2,
            residual=z,
        )

    def draw(self, rng: np.random.Generator, size: Array, location: Array, scale: Array) -> Array:
        """Draw from the normal distribution of each row."""
        return rng.normal(location, scale)

    def scaled(self, total: Array, count: Array, scale: Array) -> Scaled:
        """Complete sums of ``0.5 (observed - location)**2``."""
        weight = scale**-2
        return Scaled(
            nll=total * weight + count * np.log(scale),
            weight=weight,
            by_scale=(count - 2.0 * total * weight) / scale,
            scale_information=2.0 * count * weight,
        )

    def offset(self, observed: Array, size: Array) -> Array:
        """Return the logarithm of the root of 2 pi."""
        return np.full_like(observed, 0.5 * math.log(2.0 * math.pi))


@checks_keywords
@dataclass(frozen=True)
class Binomial(Observation):
    """Successes out of `n` trials, with the prediction as the probability of a success.

    With ``n=1`` a choice coded 0 or 1. Probabilities are used as they are: a prediction
    outside 0 to 1, or of exactly 0 or 1 against the data, is a failed evaluation. For lapses
    write them, as in ``Binomial("lapse / 2 + (1 - lapse) * choice")``.

    Parameters
    ----------
    expr : str or sympy expression
        The probability: an observable or state, or an expression of states, parameters,
        inputs, observables and names in `vary`.
    n : int or str
        Trials a row: one number for all, or the column that holds it.

    Raises
    ------
    OptionError
        If `n` is neither a column nor a positive whole number.
    """

    expr: Any
    n: int | str = 1
    form = "BINOMIAL"

    def __post_init__(self) -> None:
        _check_expr(self.expr, "Binomial")
        if isinstance(self.n, str):
            return
        if isinstance(self.n, bool) or not isinstance(self.n, numbers.Integral) or self.n < 1:
            raise OptionError(
                f"Binomial: n must be a positive whole number or a column, got {self.n!r:.60}"
            )
        object.__setattr__(self, "n", int(self.n))

    @property
    def size(self) -> int | str:
        """Number of trials a row, or its column."""
        return self.n

    def check(
        self, column: str, observed: Array, size: Array, rows: Sequence[Any], where: str
    ) -> None:
        """Raise `DataError` unless every count is a whole number from 0 to its trials."""
        if isinstance(self.n, str):
            wrong = [int(k) for k in np.flatnonzero(~(size >= 1) | (size % 1 != 0))]
            if wrong:
                raise DataError(
                    f"{where}: column '{self.n}' (trials of '{column}') has {size[wrong[0]]:g} in "
                    f"row {rows[wrong[0]]} ({len(wrong)} such rows); trials are whole numbers "
                    "from 1. Set the observation to missing, or correct it"
                )
        rules = (
            (observed < 0, "counts are not negative"),
            (observed % 1 != 0, "counts are whole numbers"),
            (observed > size, f"a count is at most its number of trials ({self.n})"),
        )
        for broken, rule in rules:
            at = [int(k) for k in np.flatnonzero(broken)]
            if at:
                of = f" of {size[at[0]]:g} trials" if rule.startswith("a count") else ""
                raise DataError(
                    f"{where}: column '{column}' has {observed[at[0]]:g}{of} in row "
                    f"{rows[at[0]]} (rows {listed(str(rows[k]) for k in at)}); {rule}. Correct "
                    "these rows, set them to missing, or change n"
                )

    def terms(self, observed: Array, size: Array, location: Array, scale: Array) -> Terms:
        """Evaluate ``-log(C(n, k) p**k (1 - p)**(n - k))``."""
        p, failures = location, size - observed
        with np.errstate(divide="ignore", invalid="ignore"):
            # 0 log 0 is 0: a certain prediction that came true.
            likely = np.where(observed > 0, observed * np.log(p), 0.0)
            likely += np.where(failures > 0, failures * np.log1p(-p), 0.0)
            variance = p * (1.0 - p)
            by_p = np.where(failures > 0, failures / (1.0 - p), 0.0)
            by_p -= np.where(observed > 0, observed / p, 0.0)
            information = np.where(variance > 0, size / variance, 0.0)
            residual = np.where(variance > 0, (observed - size * p) / np.sqrt(size * variance), 0.0)
        nll = self.offset(observed, size) - likely
        nll[~((p >= 0.0) & (p <= 1.0))] = np.inf
        none = np.zeros_like(p)
        return Terms(nll, by_p, none, information, none, residual)

    def draw(self, rng: np.random.Generator, size: Array, location: Array, scale: Array) -> Array:
        """Draw the successes of each row."""
        return rng.binomial(size.astype(np.int64), location).astype(float)

    def offset(self, observed: Array, size: Array) -> Array:
        """Return the negative logarithm of the binomial coefficient."""
        n, k = size, observed
        value: Array = gammaln(k + 1.0) + gammaln(n - k + 1.0) - gammaln(n + 1.0)
        return value
