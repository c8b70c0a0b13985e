"""The Laplace distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import checks_keywords
from .base import Array
from .located import Located


@checks_keywords
@dataclass(frozen=True)
class Laplace(Located):
    """A Laplace (double exponential) distribution around the prediction.

    Its best values minimise absolute, not squared, residuals: the prediction is a median, and
    often goes right through some of the data, where the likelihood has a kink. Searches round
    the kinks off, ever more narrowly.

    Parameters
    ----------
    expr : str or sympy expression
        The median, as in `Gaussian`.
    scale : str, sympy expression or float
        Mean absolute residual; the standard deviation is the root of 2 times it.
    transform, lower, upper
        As in `Gaussian`.

    Raises
    ------
    OptionError
        If the scale is not positive, or limits are in the wrong order.

    Notes
    -----
    A row adds ``log(2 scale) + abs(observed - expr) / scale``. A search weights residuals by
    their inverse size: Schlossmacher (1973), J. Am. Stat. Assoc. 68, 857-859.
    """

    expr: Any
    scale: Any
    transform: str = "lin"
    lower: float | str | None = None
    upper: float | str | None = None
    roles = ("expr", "scale")

    def __post_init__(self) -> None:
        self._check("scale")

    @property
    def quantities(self) -> tuple[Any, ...]:
        """Median and scale."""
        return self.expr, self.scale

    def smoothed(self, width: float) -> Laplace:
        """Return the family with parabolas within `width` of its kinks."""
        given = (self.expr, self.scale, self.transform, self.lower, self.upper)
        return _Rounded(*given, width)

    def density(self, z: Array, shape: Array) -> tuple[Array, Array, Array]:
        """Evaluate ``log 2 + abs(z)``."""
        return math.log(2.0) + np.abs(z), np.sign(z), shape

    def tail(self, z: Array, shape: Array) -> tuple[Array, Array, Array]:
        """Evaluate ``-log(exp(z) / 2)`` below and ``-log(1 - exp(-z) / 2)`` above zero."""
        far = 0.5 * np.exp(-np.abs(z))
        value = np.where(z < 0.0, math.log(2.0) - z, -np.log1p(-far))
        return value, np.where(z < 0.0, -1.0, -far / (1.0 - far)), shape

    def standard(self, shape: Array) -> Array:
        """Return 1 for the median and 1 for the scale."""
        return np.tile(np.eye(2), (len(shape), 1, 1))

    def cumulative(self, z: Array, shape: Array) -> Array:
        """Return the distribution function."""
        far = 0.5 * np.exp(-np.abs(z))
        return np.where(z < 0.0, far, 1.0 - far)

    def quantile(self, u: Array, shape: Array) -> Array:
        """Return the quantile."""
        far = np.log(2.0 * np.minimum(u, 1.0 - u))
        return np.where(u < 0.5, far, -far)


@dataclass(frozen=True)
class _Rounded(Laplace):
    """A Laplace distribution whose kink is a parabola, as in Huber (1964), Ann. Math. Stat. 35."""

    width: float = 0.0

    def density(self, z: Array, shape: Array) -> tuple[Array, Array, Array]:
        """Evaluate ``log 2 + abs(z)`` but near zero."""
        size = np.maximum(np.abs(z), self.width)
        near = 0.5 * (z**2 / self.width + self.width)
        value = np.where(size > self.width, size, near)
        return math.log(2.0) + value, z / size, shape

    def weight(self, z: Array, shape: Array) -> Array:
        """Return inverse sizes of residuals, with which a step is a weighted regression."""
        found = self.standard(shape)
        found[:, 0, 0] = 1.0 / np.maximum(np.abs(z), self.width)
        return found
