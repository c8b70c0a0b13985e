"""Student's t distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln, polygamma, stdtr, stdtrit

from ...errors import checks_keywords
from .base import Array, check_quantity
from .located import Located

#: Relative step of the differences that give a tail's derivative by its degrees of freedom,
#: which has no closed form: with errors of order 4 good to about 1e-11.
_STEP = 1e-3


@checks_keywords
@dataclass(frozen=True)
class StudentT(Located):
    """A t distribution around the prediction: few outliers cannot pull the fit away.

    Parameters
    ----------
    expr : str or sympy expression
        The median, as in `Gaussian`.
    scale : str, sympy expression or float
        Scale of the distribution; the standard deviation is ``scale sqrt(df / (df - 2))``
        where `df` is above 2.
    df : str, sympy expression or float
        Degrees of freedom, a number or free: the fewer, the more outliers are expected.
    transform, lower, upper
        As in `Gaussian`.

    Raises
    ------
    OptionError
        If scale or degrees of freedom are not positive, or limits are in the wrong order.

    Notes
    -----
    A row adds ``log(scale) + 0.5 log(pi df) + lgamma(df / 2) - lgamma((df + 1) / 2) +
    0.5 (df + 1) log(1 + z**2 / df)``, ``z = (observed - expr) / scale``: Lange, Little &
    Taylor (1989), J. Am. Stat. Assoc. 84, 881-896, whose appendix has the information.
    """

    expr: Any
    scale: Any
    df: Any
    transform: str = "lin"
    lower: float | str | None = None
    upper: float | str | None = None
    roles = ("expr", "scale", "df")

    def __post_init__(self) -> None:
        self._check("scale")
        object.__setattr__(self, "df", check_quantity(self.df, "df", "StudentT", 0.0))

    @property
    def quantities(self) -> tuple[Any, ...]:
        """Median, scale and degrees of freedom."""
        return self.expr, self.scale, self.df

    def density(self, z: Array, shape: Array) -> tuple[Array, Array, Array]:
        """Evaluate the density; NaN unless the degrees of freedom are positive."""
        df = np.where(shape > 0.0, shape, np.nan)
        grown = np.log1p(z**2 / df)
        value = (
            0.5 * np.log(np.pi * df)
            + gammaln(0.5 * df)
            - gammaln(0.5 * (df + 1.0))
            + 0.5 * (df + 1.0) * grown
        )
        by_z = (df + 1.0) * z / (df + z**2)
        by_df = 0.5 * (
            1.0 / df
            + digamma(0.5 * df)
            - digamma(0.5 * (df + 1.0))
            + grown
            - (df + 1.0) * z**2 / (df * (df + z**2))
        )
        return value, by_z, by_df

    def tail(self, z: Array, shape: Array) -> tuple[Array, Array, Array]:
        """Evaluate the distribution function."""
        value = -np.log(stdtr(shape, z))
        by_z = -np.exp(value - self.density(z, shape)[0])

        def at(steps: float) -> Array:
            found: Array = np.log(stdtr(shape * (1.0 + steps * _STEP), z))
            return found

        difference = (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / 12.0
        return value, by_z, -difference / (_STEP * shape)

    def standard(self, shape: Array) -> Array:
        """Return the information of median, scale and degrees of freedom."""
        df = shape
        found = np.zeros((len(df), 3, 3))
        found[:, 0, 0] = (df + 1.0) / (df + 3.0)
        found[:, 1, 1] = 2.0 * df / (df + 3.0)
        found[:, 1, 2] = found[:, 2, 1] = -2.0 / ((df + 1.0) * (df + 3.0))
        trigamma = polygamma(1, 0.5 * df) - polygamma(1, 0.5 * (df + 1.0))
        rest = 2.0 * (df + 5.0) / (df * (df + 1.0) * (df + 3.0))
        # The difference of close numbers may fall below zero where df is very large.
        found[:, 2, 2] = np.maximum(0.25 * (trigamma - rest), 0.0)
        return found

    def cumulative(self, z: Array, shape: Array) -> Array:
        """Return the distribution function."""
        found: Array = stdtr(shape, z)
        return found

    def quantile(self, u: Array, shape: Array) -> Array:
        """Return the quantile."""
        found: Array = stdtrit(shape, u)
        return found
