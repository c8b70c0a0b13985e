"""Scales on which values are searched: themselves, logarithms, log-odds, Fisher's z.

Imports the errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from ..errors import OptionError

Array = NDArray[np.float64]

LOG10 = math.log(10.0)


class Scale(NamedTuple):
    """A map between values v and what is searched, x.

    Attributes
    ----------
    forward, inverse : callable
        x from v, and v from x.
    slope, bend : callable of v
        dv/dx and d2v/dx2.
    low, high : float
        Values between which it is defined; both ends excluded.
    reach : float
        How far from its given value x is searched where there are no bounds.
    """

    forward: Callable[[Array], Array]
    inverse: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    bend: Callable[[Array], Array]
    low: float
    high: float
    reach: float


def _same(v: Array) -> Array:
    return v


def _power(x: Array) -> Array:
    found: Array = 10.0**x
    return found


def _power_slope(v: Array) -> Array:
    return v * LOG10


def _power_bend(v: Array) -> Array:
    return v * LOG10**2


def _share_slope(v: Array) -> Array:
    return v * (1.0 - v)


def _share_bend(v: Array) -> Array:
    return v * (1.0 - v) * (1.0 - 2.0 * v)


def _fisher_slope(v: Array) -> Array:
    return (1.0 - v) * (1.0 + v)


def _fisher_bend(v: Array) -> Array:
    return -2.0 * v * (1.0 - v) * (1.0 + v)


#: Without bounds, x is searched within this factor of the given value on a log scale (of its
#: odds, on that of log-odds), and within this many times its size, at least 1, on a linear one.
FACTOR, TIMES = 100.0, 2.0

SCALES = {
    "lin": Scale(_same, _same, np.ones_like, np.zeros_like, -math.inf, math.inf, math.nan),
    "log": Scale(np.log, np.exp, _same, _same, 0.0, math.inf, math.log(FACTOR)),
    "log10": Scale(np.log10, _power, _power_slope, _power_bend, 0.0, math.inf, math.log10(FACTOR)),
    "atanh": Scale(np.arctanh, np.tanh, _fisher_slope, _fisher_bend, -1.0, 1.0, 1.5),
    "logit": Scale(logit, expit, _share_slope, _share_bend, 0.0, 1.0, math.log(FACTOR)),
}


def check_scale(name: str, given: object) -> None:
    """Raise `OptionError` unless a scale is known."""
    if given not in SCALES:
        known = ", ".join(repr(known) for known in SCALES)
        raise OptionError(f"Vary: {name}={given!r:.60} must be one of {known}")


def scaled(values: Array, scale: Scale) -> Array:
    """Return x from values; infinite at and beyond the ends of the scale."""
    inside = (values > scale.low) & (values < scale.high)
    if inside.all():
        return scale.forward(values)
    middle = 0.5 if scale.high == 1.0 else 1.0
    found = scale.forward(np.where(inside, values, middle))
    return np.where(inside, found, np.where(values <= scale.low, -np.inf, np.inf))
