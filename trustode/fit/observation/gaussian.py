"""The normal distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from ...errors import checks_keywords
from .base import Array, Known, Scaled
from .located import Located

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


@checks_keywords
@dataclass(frozen=True)
class Gaussian(Located):
    """A normal distribution around the prediction.

    Parameters
    ----------
    expr : str or sympy expression
        The mean: an observable or state, or an expression of states, parameters, inputs,
        observables and names in `vary`.
    sd : str, sympy expression or float
        Standard deviation: a number, a name, an expression (as ``"0.1 + 0.2 * rating"``), or
        the column of the data that holds each row's own.
        A name that stands nowhere else is set to its best value, the root mean square of its
        residuals, at each step of a search.
    transform : {"lin", "log", "log10"}
        "log" and "log10" compare logarithms, so that the data are log-normal around the
        prediction, which is then their median; `sd` is that of the logarithms. The
        likelihood is of the data themselves.
    lower, upper : float or str, optional
        Detection limits, or columns with them: of an observation at or beyond its limit only
        this is known.

    Raises
    ------
    OptionError
        If the standard deviation is not positive, or limits are in the wrong order.

    Notes
    -----
    A row adds ``0.5 log(2 pi sd**2) + 0.5 ((observed - expr) / sd)**2`` to the negative
    log-likelihood, with "log" also ``log(observed)``, with "log10" also ``log(observed log
    10)``; one beyond a limit ``-log F((limit - expr) / sd)``, F the tail beyond it: Tobin
    (1958), Econometrica 26, 24-36.
    """

    expr: Any
    sd: Any
    transform: str = "lin"
    lower: float | str | None = None
    upper: float | str | None = None
    form = "SQUARES"
    roles = ("expr", "sd")

    def __post_init__(self) -> None:
        self._check("sd")

    @property
    def quantities(self) -> tuple[Any, ...]:
        """Mean and standard deviation."""
        return self.expr, self.sd

    def density(self, z: Array, shape: Array) -> tuple[Array, Array, Array]:
        """Evaluate ``0.5 log(2 pi) + 0.5 z**2``."""
        return _HALF_LOG_2PI + 0.5 * z**2, z, shape

    def tail(self, z: Array, shape: Array) -> tuple[Array, Array, Array]:
        """Evaluate the normal integral."""
        value = -log_ndtr(z)
        return value, -np.exp(value - 0.5 * z**2 - _HALF_LOG_2PI), shape

    def standard(self, shape: Array) -> Array:
        """Return 1 for the mean and 2 for the standard deviation."""
        return np.tile(np.diag([1.0, 2.0]), (len(shape), 1, 1))

    def cumulative(self, z: Array, shape: Array) -> Array:
        """Return the normal integral."""
        found: Array = ndtr(z)
        return found

    def quantile(self, u: Array, shape: Array) -> Array:
        """Return the normal quantile."""
        found: Array = ndtri(u)
        return found

    def standardised(self, z: Array, shape: Array) -> Array:
        """Return z."""
        return z

    def scaled(self, total: Array, count: Array, scale: Array) -> Scaled:
        """Complete sums of ``0.5 (observed - location)**2``."""
        weight = scale**-2
        return Scaled(
            nll=total * weight + count * np.log(scale),
            weight=weight,
            by_scale=(count - 2.0 * total * weight) / scale,
            scale_information=2.0 * count * weight,
        )

    def offset(self, observed: Array, known: Known) -> Array:
        """Return the logarithm of the root of 2 pi, and what a transform costs."""
        return _HALF_LOG_2PI + self.cost(observed)
