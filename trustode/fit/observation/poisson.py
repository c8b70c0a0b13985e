"""Counts without an upper end."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, pdtr

from ...errors import OptionError, checks_keywords
from .base import (
    Array,
    Known,
    Observation,
    Terms,
    check_choice,
    check_quantity,
    normal_between,
    refuse_values,
)

LINKS = ("identity", "log")


@checks_keywords
@dataclass(frozen=True)
class Poisson(Observation):
    """Counts of events that happen at a rate: messages a day, attacks a week.

    Parameters
    ----------
    expr : str or sympy expression
        Expected count (for an exposure of 1), or with ``link="log"`` its logarithm: an
        observable or state, or an expression of states, parameters, inputs, observables and
        names in `vary`. Without the link, an expected count below zero, or of zero against the
        data, is a failed evaluation.
    exposure : float or str
        What expected counts are multiplied by: how long or how many were watched in a row; a
        number, or the column that holds it.
    link : {"identity", "log"}

    Raises
    ------
    OptionError
        If the exposure is neither a column nor a positive number.

    Notes
    -----
    A row of k events adds ``m - k log(m) + lgamma(k + 1)``, m the expected count times the
    exposure.
    """

    expr: Any
    exposure: float | str = 1.0
    link: str = "identity"

    def __post_init__(self) -> None:
        object.__setattr__(self, "expr", check_quantity(self.expr, "expr", "Poisson"))
        check_choice(self.link, "link", "Poisson", LINKS)
        given = self.exposure
        if isinstance(given, str):
            return
        number = isinstance(given, numbers.Real) and not isinstance(given, bool)
        if not number or not 0.0 < given < float("inf"):
            raise OptionError(
                f"Poisson: exposure must be a positive number or a column, got {given!r:.60}"
            )
        object.__setattr__(self, "exposure", float(given))

    @property
    def quantities(self) -> tuple[Any, ...]:
        """The expected count, on the scale of the link."""
        return (self.expr,)

    @property
    def columns(self) -> dict[str, str | float]:
        """Exposure."""
        return {"exposure": self.exposure}

    def check(
        self, column: str, observed: Array, known: Known, rows: Sequence[Any], where: str
    ) -> None:
        """Raise `DataError` unless counts are whole and exposures positive."""
        refuse_values(observed < 0, "counts are not negative", column, observed, rows, where)
        refuse_values(observed % 1 != 0, "counts are whole numbers", column, observed, rows, where)
        exposure = known["exposure"]
        bad = ~(exposure > 0.0) | np.isinf(exposure)
        refuse_values(bad, "exposures are positive", str(self.exposure), exposure, rows, where)

    def terms(self, observed: Array, known: Known, predicted: Array) -> Terms:
        """Evaluate ``m - k log(m) + lgamma(k + 1)``."""
        located, exposure = predicted[:, 0], known["exposure"]
        with np.errstate(all="ignore"):
            mean = exposure * self.shown(predicted)
            likely = np.where(observed > 0, observed * np.log(mean), 0.0)
            nll = mean - likely + gammaln(observed + 1.0)
            if self.link == "log":
                by, information = mean - observed, mean
            else:
                by = exposure - np.where(observed > 0, observed / located, 0.0)
                information = np.where(located > 0.0, exposure / located, 0.0)
        nll[~(mean >= 0.0)] = np.inf
        return Terms(nll, by[:, None], information[:, None, None])

    def draw(self, rng: np.random.Generator, known: Known, predicted: Array) -> Array:
        """Draw the count of each row."""
        mean: Array = known["exposure"] * self.shown(predicted)
        return rng.poisson(mean).astype(float)

    def error(self, given: NDArray[Any], known: Known, shown: NDArray[Any]) -> Array:
        """Return differences of counts."""
        return super().error(given, known, known["exposure"] * shown)

    def residual(self, observed: Array, known: Known, predicted: Array, share: Array) -> Array:
        """Return randomised quantile residuals."""
        mean = known["exposure"] * self.shown(predicted)
        low = np.where(observed > 0, pdtr(np.maximum(observed - 1.0, 0.0), mean), 0.0)
        return normal_between(low, pdtr(observed, mean), share)

    def shown(self, predicted: Array) -> NDArray[Any]:
        """Return the expected count at an exposure of 1."""
        location: Array = predicted[:, 0]
        return np.exp(location) if self.link == "log" else location
