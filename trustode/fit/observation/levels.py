"""Families whose data take one of a few values, each with a probability."""

from __future__ import annotations

import numbers
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, log_ndtr

from ...errors import OptionError, listed
from .base import Array, Known, Observation, Terms, normal_between

LINKS = ("logit", "probit")
_HALF_LOG_2PI = 0.5 * np.log(2.0 * np.pi)


def check_levels(levels: object, family: str, least: int = 2) -> tuple[Any, ...]:
    """Return distinct levels, or raise `OptionError`."""
    if isinstance(levels, str) or not hasattr(levels, "__iter__"):
        raise OptionError(f"{family}: the values data may have must be several, got {levels!r:.60}")
    found = tuple(levels)
    if len(found) < least or len(set(found)) < len(found):
        raise OptionError(
            f"{family}: the values data may have must be at least {least} and differ, got "
            f"{listed(map(repr, found))}"
        )
    return found


def are_numbers(levels: Sequence[Any]) -> bool:
    """Tell whether all levels are numbers."""
    return all(isinstance(x, numbers.Real) and not isinstance(x, bool) for x in levels)


def log_between(low: Array, high: Array, link: str) -> tuple[Array, Array, Array]:
    """Return ``log(F(high) - F(low))`` and its derivatives by both ends.

    F is the logistic or the normal distribution function; ends may be infinite. The tail that
    both ends are nearer to is used, so that small probabilities keep their digits.
    """
    flipped = low + high > 0.0
    a, b = np.where(flipped, -high, low), np.where(flipped, -low, high)
    cumulative = log_expit if link == "logit" else log_ndtr
    with np.errstate(all="ignore"):
        upper, lower = cumulative(b), cumulative(a)
        value = upper + np.log(-np.expm1(lower - upper))
        by_a = -np.exp(_log_density(a, link) - value)
        by_b = np.exp(_log_density(b, link) - value)
    return value, np.where(flipped, -by_b, by_a), np.where(flipped, -by_a, by_b)


def _log_density(z: Array, link: str) -> Array:
    """Return the logarithm of the density, minus infinity at infinity."""
    if link == "logit":
        found: Array = log_expit(z) + log_expit(-z)
    else:
        found = -0.5 * z**2 - _HALF_LOG_2PI
    return found


def log_slope(z: Array, link: str) -> Array:
    """Return the derivative of the logarithm of the density, 0 at infinity."""
    if link == "logit":
        found: Array = expit(-z) - expit(z)
    else:
        found = -z
    return np.where(np.isinf(z), 0.0, found)


class Levels(Observation):
    """A distribution over a few values; data are their places in `options`."""

    @abstractmethod
    def table(self, predicted: Array) -> tuple[Array, Array]:
        """Return the log-probability of each level and its derivatives by the quantities.

        Shapes (n_row, n_level) and (n_row, n_level, n_quantity).
        """

    def terms(self, observed: Array, known: Known, predicted: Array) -> Terms:
        """Take the rows' levels from the table; the information is a mean over all levels."""
        with np.errstate(all="ignore"):
            logs, slopes = self.table(predicted)
            at = np.arange(len(observed)), observed.astype(np.intp)
            chance = np.exp(logs)[:, :, None]
            # Scores of what cannot happen do not count, though they may be infinite.
            scores = np.where(chance > 0.0, slopes * np.sqrt(chance), 0.0)
        return Terms(-logs[at], -slopes[at], scores.transpose(0, 2, 1) @ scores)

    def draw(self, rng: np.random.Generator, known: Known, predicted: Array) -> Array:
        """Draw the place of a level for each row."""
        ends = np.cumsum(np.exp(self.table(predicted)[0]), axis=1)[:, :-1]
        share = rng.random(len(predicted))[:, None]
        places: Array = (share > ends).sum(axis=1).astype(float)
        return places

    def error(self, given: NDArray[Any], known: Known, shown: NDArray[Any]) -> Array:
        """Return differences of numbers; of texts, 1 where another was the likeliest."""
        if are_numbers(self.options or ()) and shown.dtype.kind == "f":
            return super().error(given, known, shown)
        wrong: Array = (given != shown).astype(float)
        return wrong

    def residual(self, observed: Array, known: Known, predicted: Array, share: Array) -> Array:
        """Return randomised quantile residuals, levels in the order given."""
        ends = np.cumsum(np.exp(self.table(predicted)[0]), axis=1)
        ends = np.concatenate([np.zeros((len(ends), 1)), ends], axis=1)
        rows, place = np.arange(len(observed)), observed.astype(np.intp)
        return normal_between(ends[rows, place], ends[rows, place + 1], share)

    def shown(self, predicted: Array) -> NDArray[Any]:
        """Return the mean of levels that are numbers, else the likeliest level."""
        logs, _ = self.table(predicted)
        levels = self.options or ()
        if are_numbers(levels):
            mean: Array = np.exp(logs) @ np.array(levels, dtype=float)
            return mean
        found = np.empty(len(levels), dtype=object)
        found[:] = levels
        likeliest: NDArray[Any] = found[np.argmax(logs, axis=1)]
        return likeliest
