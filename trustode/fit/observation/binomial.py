"""Choices of yes or no, and counts of them."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, expit, gammaln, log_expit, log_ndtr, ndtr

from ...errors import DataError, OptionError, checks_keywords
from .base import (
    Array,
    Known,
    Observation,
    Terms,
    all_rows,
    check_choice,
    check_quantity,
    normal_between,
)

LINKS = ("identity", "logit", "probit")

#: A probability this near 1 is 1 but for rounding: what it leaves to a failure, and every
#: derivative of that, is made of rounding errors. The C core has the same.
CERTAIN = 2.0**-50


@checks_keywords
@dataclass(frozen=True)
class Binomial(Observation):
    """Successes out of `n` trials; with ``n=1`` a choice coded 0 or 1 (Bernoulli).

    Parameters
    ----------
    expr : str or sympy expression
        The probability of a success on the scale of the link: an observable or state, or an
        expression of states, parameters, inputs, observables and names in `vary`.
    n : int or str
        Trials a row: one number for all, or the column that holds it.
    link : {"identity", "logit", "probit"}
        "identity" takes probabilities as they are: a prediction outside 0 to 1, or of 0, or
        of 1 to within rounding, against the data, is a failed evaluation; for lapses write
        them, as in ``Binomial("lapse / 2 + (1 - lapse) * choice")``. "logit" and "probit" take
        any number to a probability and keep its digits near 0 and 1.

    Raises
    ------
    OptionError
        If `n` is neither a column nor a positive whole number.

    Notes
    -----
    A row of k successes adds ``-log(C(n, k) p**k (1 - p)**(n - k))``.
    """

    expr: Any
    n: int | str = 1
    link: str = "identity"
    form = "BINOMIAL"

    def __post_init__(self) -> None:
        object.__setattr__(self, "expr", check_quantity(self.expr, "expr", "Binomial"))
        check_choice(self.link, "link", "Binomial", LINKS)
        if isinstance(self.n, str):
            return
        if isinstance(self.n, bool) or not isinstance(self.n, numbers.Integral) or self.n < 1:
            raise OptionError(
                f"Binomial: n must be a positive whole number or a column, got {self.n!r:.60}"
            )
        object.__setattr__(self, "n", int(self.n))

    @property
    def quantities(self) -> tuple[Any, ...]:
        """The probability, on the scale of the link."""
        return (self.expr,)

    @property
    def summed(self) -> bool:
        """Whether the C core can sum the rows."""
        return super().summed and self.link == "identity"

    @property
    def columns(self) -> dict[str, str | float]:
        """Trials."""
        return {"trials": self.n}

    def check(
        self, column: str, observed: Array, known: Known, rows: Sequence[Any], where: str
    ) -> None:
        """Raise `DataError` unless every count is a whole number from 0 to its trials."""
        size = known["trials"]
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
                    f"{rows[at[0]]}{all_rows(rows, at)}; {rule}. Correct "
                    "these rows, set them to missing, or change n"
                )

    def _logs(self, located: Array) -> tuple[Array, Array, Array]:
        """Return log p, log(1 - p) and dp / d expr."""
        if self.link == "logit":
            yes, no = log_expit(located), log_expit(-located)
            return yes, no, np.exp(yes + no)
        if self.link == "probit":
            slope = np.exp(-0.5 * located**2) / np.sqrt(2.0 * np.pi)
            return log_ndtr(located), log_ndtr(-located), slope
        # Outside 0 to 1 nothing is likely, also what the nearer end would make certain.
        inside = (located >= 0.0) & (located <= 1.0)
        yes = np.where(inside, np.log(located), -np.inf)
        no = np.where(inside & (1.0 - located >= CERTAIN), np.log1p(-located), -np.inf)
        return yes, no, np.ones_like(located)

    def terms(self, observed: Array, known: Known, predicted: Array) -> Terms:
        """Evaluate ``-log(C(n, k) p**k (1 - p)**(n - k))``."""
        size = known["trials"]
        failures = size - observed
        with np.errstate(all="ignore"):
            yes, no, slope = self._logs(predicted[:, 0])
            # 0 log 0 is 0: a certain prediction that came true.
            likely = np.where(observed > 0, observed * yes, 0.0)
            likely += np.where(failures > 0, failures * no, 0.0)
            # As ratios, so that they stay finite where a link takes p to 0 or 1.
            by_yes, by_no = slope * np.exp(-yes), slope * np.exp(-no)
            by = np.where(failures > 0, failures * by_no, 0.0)
            by -= np.where(observed > 0, observed * by_yes, 0.0)
            information = np.where(slope > 0.0, size * by_yes * by_no, 0.0)
        nll = self.offset(observed, known) - likely
        information[~np.isfinite(information)] = 0.0
        return Terms(nll, by[:, None], information[:, None, None])

    def draw(self, rng: np.random.Generator, known: Known, predicted: Array) -> Array:
        """Draw the successes of each row."""
        return rng.binomial(known["trials"].astype(np.int64), self.shown(predicted)).astype(float)

    def error(self, given: NDArray[Any], known: Known, shown: NDArray[Any]) -> Array:
        """Return differences of successes."""
        return super().error(given, known, known["trials"] * shown)

    def residual(self, observed: Array, known: Known, predicted: Array, share: Array) -> Array:
        """Return randomised quantile residuals."""
        size, p = known["trials"], self.shown(predicted)
        low, high = (_cumulative(k, size, p) for k in (observed - 1.0, observed))
        return normal_between(low, high, share)

    def shown(self, predicted: Array) -> NDArray[Any]:
        """Return the probability."""
        location: Array = predicted[:, 0]
        if self.link == "identity":
            return location
        probability: Array = expit(location) if self.link == "logit" else ndtr(location)
        return probability

    def offset(self, observed: Array, known: Known) -> Array:
        """Return the negative logarithm of the binomial coefficient."""
        n, k = known["trials"], observed
        value: Array = gammaln(k + 1.0) + gammaln(n - k + 1.0) - gammaln(n + 1.0)
        return value


def _cumulative(k: Array, size: Array, p: Array) -> Array:
    """Return the probability of at most k successes."""
    inside = (k >= 0.0) & (k < size)
    found = betainc(np.where(inside, size - k, 1.0), np.where(inside, k + 1.0, 1.0), 1.0 - p)
    return np.where(inside, found, np.where(k < 0.0, 0.0, 1.0))
