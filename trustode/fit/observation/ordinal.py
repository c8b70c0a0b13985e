"""Ratings: ordered categories cut from a latent scale."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ...errors import OptionError, checks_keywords
from .base import Array, Known, Terms, check_choice, check_quantity, name_of
from .levels import LINKS, Levels, check_levels, log_between, log_slope


@checks_keywords
@dataclass(frozen=True)
class Ordinal(Levels):
    """Ordered categories, as of a Likert item: which part of a latent scale is reached.

    Parameters
    ----------
    expr : str or sympy expression
        Location on the latent scale, as in `Gaussian`.
    cuts : sequence of str, sympy expression or float
        Cut points between neighbouring categories, one less than categories. Names in `vary`
        stay in this order throughout a fit; expressions, as ``"c1 + bias"``, may shift them by
        participant. With free cuts neither a constant in `expr` nor `scale` is determined.
    link : {"logit", "probit"}
        Whether the latent noise is logistic or normal.
    scale : str, sympy expression or float
        Scale of the noise; with fixed cuts, as 1.5, 2.5, ..., its size on the scale of the
        ratings.
    levels : sequence, optional
        The categories as they stand in the data, lowest first: numbers or texts. Without it
        1, 2, ... .

    Raises
    ------
    OptionError
        If fixed cuts do not increase, or levels and cuts do not fit each other.

    Notes
    -----
    The probability of category k is ``F((cut_k - expr) / scale) - F((cut_{k-1} - expr) /
    scale)``, the outer cuts infinite: McCullagh (1980), J. R. Stat. Soc. B 42, 109-142. A
    prediction shown is the mean rating, or the likeliest level where levels are texts. Standard
    errors are by the observed information of the latent scale, or with a free `scale` by the
    expected one.
    """

    expr: Any
    cuts: Any
    link: str = "logit"
    scale: Any = 1.0
    levels: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "expr", check_quantity(self.expr, "expr", "Ordinal"))
        if isinstance(self.cuts, str) or not isinstance(self.cuts, Sequence | np.ndarray):
            raise OptionError(
                "Ordinal: cuts must be the cut points in order, as ['c1', 'c2', 'c3'] or "
                f"[1.5, 2.5, 3.5]; got {self.cuts!r:.60}"
            )
        cuts = tuple(
            check_quantity(float(c) if isinstance(c, numbers.Real) else c, "cuts", "Ordinal")
            for c in self.cuts
        )
        if not cuts or len(set(cuts)) < len(cuts):
            raise OptionError(f"Ordinal: cuts must be at least one and differ, got {cuts!r:.80}")
        fixed = [cut for cut in cuts if isinstance(cut, float)]
        for low, high in pairwise(fixed):
            if not low < high:
                raise OptionError(f"Ordinal: cuts must increase, but {low:g} precedes {high:g}")
        object.__setattr__(self, "cuts", cuts)
        check_choice(self.link, "link", "Ordinal", LINKS)
        object.__setattr__(self, "scale", check_quantity(self.scale, "scale", "Ordinal", 0.0))
        levels = range(1, len(cuts) + 2) if self.levels is None else self.levels
        levels = check_levels(levels, "Ordinal")
        if len(levels) != len(cuts) + 1:
            raise OptionError(
                f"Ordinal: {len(levels)} levels need {len(levels) - 1} cuts, got {len(cuts)}"
            )
        object.__setattr__(self, "levels", levels)

    @property
    def roles(self) -> tuple[str, ...]:  # type: ignore[override]
        """What each quantity is called."""
        return ("expr", "scale", *("cuts" for _ in self.cuts))

    @property
    def quantities(self) -> tuple[Any, ...]:
        """Location, scale and cut points."""
        return (self.expr, self.scale, *self.cuts)

    @property
    def positive(self) -> tuple[str, ...]:
        """The scale, if it is a name."""
        return name_of(self.scale)

    @property
    def options(self) -> tuple[Any, ...]:
        """The categories, lowest first."""
        levels: tuple[Any, ...] = self.levels
        return levels

    @property
    def ordered(self) -> tuple[Any, ...]:
        """The cut points."""
        cuts: tuple[Any, ...] = self.cuts
        return cuts

    def terms(self, observed: Array, known: Known, predicted: Array) -> Terms:
        """Take the rows' levels from the table, with a fixed scale the observed information."""
        found = super().terms(observed, known, predicted)
        if not isinstance(self.scale, float):
            return found
        rows, level = np.arange(len(observed)), observed.astype(np.intp)
        z = (predicted[:, 2:] - predicted[:, :1]) / self.scale
        end = np.full((len(rows), 1), np.inf)
        low, high = np.hstack([-end, z])[rows, level], np.hstack([z, end])[rows, level]
        _, by_low, by_high = log_between(low, high, self.link)
        # Minus the second derivatives of log(F(high) - F(low)), whose matrix is never
        # indefinite: Pratt (1981), J. Am. Stat. Assoc. 76, 103-106.
        curved = np.empty((len(rows), 2, 2))
        curved[:, 0, 0] = by_low**2 - by_low * log_slope(low, self.link)
        curved[:, 1, 1] = by_high**2 - by_high * log_slope(high, self.link)
        curved[:, 0, 1] = curved[:, 1, 0] = by_low * by_high
        slopes = np.zeros((len(rows), 2, predicted.shape[1]))
        slopes[:, :, 0] = -1.0 / self.scale
        cuts = predicted.shape[1] - 2
        for end_, at, there in ((0, level - 1, level > 0), (1, level, level < cuts)):
            slopes[rows[there], end_, 2 + at[there]] = 1.0 / self.scale
        return Terms(found.nll, found.slope, slopes.transpose(0, 2, 1) @ curved @ slopes)

    def table(self, predicted: Array) -> tuple[Array, Array]:
        """Evaluate the intervals between cut points."""
        location, scale, cuts = predicted[:, :1], predicted[:, 1:2], predicted[:, 2:]
        z = (cuts - location) / scale
        infinite = np.full_like(location, np.inf)
        low, high = np.hstack([-infinite, z]), np.hstack([z, infinite])
        value, by_low, by_high = log_between(low, high, self.link)
        value[(high <= low) | ~(scale > 0.0)] = np.nan
        n_row, n_level = value.shape
        slopes = np.zeros((n_row, n_level, predicted.shape[1]))
        slopes[:, :, 0] = -(by_low + by_high) / scale
        zero = np.zeros_like(location)
        slopes[:, :, 1] = -(by_low * np.hstack([zero, z]) + by_high * np.hstack([z, zero])) / scale
        for k in range(n_level - 1):
            slopes[:, k, 2 + k] = by_high[:, k] / scale[:, 0]
            slopes[:, k + 1, 2 + k] = by_low[:, k + 1] / scale[:, 0]
        return value, slopes
