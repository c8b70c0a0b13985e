"""Amounts on a grid: investments of 0 to 20, sliders with steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import OptionError, checks_keywords
from .base import Array, check_choice, check_quantity, name_of
from .levels import Levels, are_numbers, check_levels, log_between

TAILS = ("truncated", "collected")


@checks_keywords
@dataclass(frozen=True)
class GridGaussian(Levels):
    """A normal distribution rounded to a grid of values, as of money sent in steps of 1.

    Parameters
    ----------
    expr : str or sympy expression
        Mean before rounding, as in `Gaussian`.
    sd : str, sympy expression or float
        Standard deviation before rounding.
    values : sequence of float
        The grid, increasing, as ``range(21)``.
    tails : {"truncated", "collected"}
        What becomes of amounts beyond the grid: "truncated" rules them out, from half a step
        beyond its ends, and spreads their probability over the grid; "collected" takes them
        for its ends, as when a wish beyond what is possible becomes all or nothing.

    Raises
    ------
    OptionError
        If values do not increase or the standard deviation is not positive.

    Notes
    -----
    Value k has the probability ``F((e_{k+1} - expr) / sd) - F((e_k - expr) / sd)``, F the
    normal integral and the edges e half-way between values; "truncated" divides by the sum over
    the grid, "collected" moves the outer edges to infinity. A prediction shown is the mean of
    the rounded amount.
    """

    expr: Any
    sd: Any
    values: Any
    tails: str = "truncated"
    roles = ("expr", "sd")

    def __post_init__(self) -> None:
        object.__setattr__(self, "expr", check_quantity(self.expr, "expr", "GridGaussian"))
        object.__setattr__(self, "sd", check_quantity(self.sd, "sd", "GridGaussian", 0.0))
        values = check_levels(self.values, "GridGaussian")
        if not are_numbers(values) or not (np.diff(np.array(values, dtype=float)) > 0.0).all():
            raise OptionError(
                f"GridGaussian: values must be increasing numbers, got {values!r:.80}"
            )
        object.__setattr__(self, "values", tuple(float(value) for value in values))
        check_choice(self.tails, "tails", "GridGaussian", TAILS)

    @property
    def quantities(self) -> tuple[Any, ...]:
        """Mean and standard deviation."""
        return self.expr, self.sd

    @property
    def positive(self) -> tuple[str, ...]:
        """The standard deviation, if it is a name."""
        return name_of(self.sd)

    @property
    def options(self) -> tuple[Any, ...]:
        """The grid."""
        values: tuple[Any, ...] = self.values
        return values

    def table(self, predicted: Array) -> tuple[Array, Array]:
        """Evaluate the intervals around the values."""
        mean, sd = predicted[:, :1], predicted[:, 1:2]
        grid = np.array(self.values)
        middle = 0.5 * (grid[1:] + grid[:-1])
        first, last = 2.0 * grid[0] - middle[0], 2.0 * grid[-1] - middle[-1]
        ends = (first, last) if self.tails == "truncated" else (-np.inf, np.inf)
        z = (np.concatenate([ends[:1], middle, ends[1:]]) - mean) / sd
        value, slopes = _interval(z[:, :-1], z[:, 1:], sd)
        if self.tails == "truncated":
            total, by = _interval(z[:, :1], z[:, -1:], sd)
            value, slopes = value - total, slopes - by
        value[~(sd[:, 0] > 0.0)] = np.nan
        return value, slopes


def _interval(low: Array, high: Array, sd: Array) -> tuple[Array, Array]:
    """Return the log-probability between standardised ends, with slopes by mean and sd."""
    value, by_low, by_high = log_between(low, high, "probit")
    with np.errstate(invalid="ignore"):
        far = np.where(np.isinf(low), 0.0, by_low * low) + np.where(
            np.isinf(high), 0.0, by_high * high
        )
    return value, np.stack([-(by_low + by_high) / sd, -far / sd], axis=2)
