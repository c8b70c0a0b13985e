"""Measure a sampled trajectory: extremes, mean, period, and how it behaves in the long run.

Knows arrays, not models. Imports nothing from trustode.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: A swing below this share of a state's scale counts as rest.
REST = 1e-3
#: The last part of a window, by which rest is told.
LATE = 1 / 5
#: A change within the last part above this share of a state's scale is not yet rest.
DRIFT = 0.05
#: An oscillation whose extrapolated amplitude is below this share of its last is dying out.
SUSTAINED = 0.5
#: Cycles whose lengths and heights differ by less than this share are the same cycle.
SAME = 0.05
#: The most passages through the mid level that one period may have.
_MOST_PASSAGES = 8
#: A quantile that neither a few transient cycles nor the odd one of a long pattern decides.
_MOST = 0.8


@dataclass(frozen=True)
class Behaviour:
    """How a trajectory behaves within a window.

    Attributes
    ----------
    kind : str
        "resting", "cycling", "irregular" (swings without a repeating cycle) or "unsettled"
        (still changing, but not through a sustained cycle: the window is too short to tell).
    period : float
        Mean length of a cycle; NaN unless it swings.
    spread : float
        Standard deviation of the cycle lengths over their mean; NaN unless it swings.
    start, end : float
        Times between which there are whole cycles; the window's ends unless it swings.
    """

    kind: str
    period: float
    spread: float
    start: float
    end: float


def extremes(y: Array) -> tuple[Array, Array]:
    """Find the least and greatest value of each column of uniform samples.

    Parameters
    ----------
    y : ndarray, shape (n_time, n_state)

    Returns
    -------
    low, high : ndarray, shape (n_state,)
        Refined by the parabola through the extreme sample and its two neighbours.
    """
    return -_highest(-y), _highest(y)


def _highest(y: Array) -> Array:
    """Return the greatest value of each column, refined by a parabola."""
    columns = np.arange(y.shape[1])
    best = np.argmax(y, axis=0)
    high: Array = y[best, columns]
    inner = (best > 0) & (best < len(y) - 1)
    at, column = best[inner], columns[inner]
    before, after = y[at - 1, column], y[at + 1, column]
    curvature = before - 2 * high[inner] + after
    slope = after - before
    flat = curvature == 0
    # The middle sample is the highest, so the ratio is at most 1.
    high[inner] -= slope / 8 * (slope / np.where(flat, 1.0, curvature))
    return high


def upward(t: Array, x: Array, level: float) -> Array:
    """Find the times at which uniform samples rise through a level.

    Parameters
    ----------
    t, x : ndarray, shape (n_time,)
    level : float

    Returns
    -------
    ndarray, shape (n_crossing,)
        Roots of the cubics through the four samples around each crossing.
    """
    x = x - level
    at = np.flatnonzero((x[:-1] < 0) & (x[1:] >= 0))
    # One sample beyond each end, on the parabola of the three next to it.
    padded = np.concatenate([[3 * x[0] - 3 * x[1] + x[2]], x, [3 * x[-1] - 3 * x[-2] + x[-3]]])
    a, b, c, d = (padded[at + k] for k in range(4))
    coefficients = (
        (3 * (b - c) + d - a) / 6,
        (a + c) / 2 - b,
        c - a / 3 - b / 2 - d / 6,
        b,
    )
    low, high = np.zeros(len(at)), np.ones(len(at))
    # The samples bracket the root, so bisection cannot fail where a jump bends the cubic.
    for _ in range(52):
        middle = (low + high) / 2
        below = np.polyval(coefficients, middle) < 0
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(t[at] + high * (t[1] - t[0]))


def mean(t: Array, y: Array, start: float, end: float) -> Array:
    """Average each column of samples between two times, shape (n_state,)."""
    first, last = np.searchsorted(t, [start, end], side="right")
    # Without the samples at the ends themselves: those are interpolated below.
    last -= int(t[last - 1] == end)
    inside = slice(first, last)
    times = np.concatenate([[start], t[inside], [end]])
    values = np.concatenate([[_between(t, y, start)], y[inside], [_between(t, y, end)]])
    steps = np.diff(times)
    return np.asarray((steps @ values[1:] + steps @ values[:-1]) / 2 / (end - start))


def _between(t: Array, y: Array, time: float) -> Array:
    """Interpolate the samples linearly."""
    k = int(np.clip(np.searchsorted(t, time), 1, len(t) - 1))
    share = (time - t[k - 1]) / (t[k] - t[k - 1])
    return np.asarray((1 - share) * y[k - 1] + share * y[k])


def behaviour(t: Array, y: Array, scale: Array, noise: Array, look_at: Iterable[int]) -> Behaviour:
    """Tell rest from a sustained oscillation.

    The level is midway between the extremes of the window's second half. A state cycles if it
    rises through this level at least three times, the last time not long before the end, and
    its amplitude is sustained: neither ceasing nor, extrapolated geometrically from the means
    over the first, second and last third of the cycles, falling to less than half. A slow
    decay is therefore no cycle, a slow approach to a smaller cycle is one. A cycle may pass the
    level up to eight times.

    Parameters
    ----------
    t : ndarray, shape (n_time,)
        Uniform times.
    y : ndarray, shape (n_time, n_state)
    scale, noise : ndarray, shape (n_state,)
        Size of each state, and the error its values may have.
    look_at : iterable of int
        States to look at, in order; the first that swings decides.

    Returns
    -------
    Behaviour
    """
    drifting = False
    for i in look_at:
        x = y[:, i]
        smallest = max(REST * scale[i], 10 * noise[i])
        half = x[len(x) // 2 :]
        if np.ptp(half) <= smallest:
            continue
        passages = upward(t, x, (half.min() + half.max()) / 2)
        lengths = np.diff(passages)
        ceased = len(lengths) < 2 or t[-1] - passages[-1] > 1.5 * lengths.max()
        if not ceased:
            # The cycle's high and low, between one passage and the next.
            edges = np.searchsorted(t, passages)
            highs = np.maximum.reduceat(x, edges)[:-1]
            swings = highs - np.minimum.reduceat(x, edges)[:-1]
            if swings[-1] > smallest and _sustained(swings):
                return _cycle(passages, highs / swings.max())
        drifting |= bool(np.ptp(late(x)) > max(DRIFT * scale[i], smallest))
    kind = "unsettled" if drifting else "resting"
    return Behaviour(kind, np.nan, np.nan, t[0], t[-1])


def late(y: Array) -> Array:
    """Return the last part of samples."""
    return y[-max(2, int(LATE * len(y))) :]


def _sustained(swings: Array) -> bool:
    """Say whether the swings of successive cycles go on for ever."""
    if len(swings) < 3:
        return bool(swings[-1] > (1 - SAME) * swings[0])
    third = len(swings) // 3
    first, last = swings[:third].mean(), swings[-third:].mean()
    # A method's own damping, or a decay too slow to see, is no decay.
    if last > (1 - SAME) * first:
        return True
    # The middle mean lies as far from the first as from the last, as Aitken's formula needs.
    middle_start = (len(swings) - third) / 2
    low = swings[int(np.floor(middle_start)) :][:third].mean()
    high = swings[int(np.ceil(middle_start)) :][:third].mean()
    middle = (low + high) / 2
    earlier, later = middle - first, last - middle
    if earlier >= 0 or later >= 0:
        return True
    return bool(later > earlier and last - later**2 / (later - earlier) > SUSTAINED * last)


def _cycle(passages: Array, highs: Array) -> Behaviour:
    """Find how many passages make a period, and the mean period."""
    lengths = np.diff(passages)
    size = lengths.mean()
    found = 0
    for lag in range(1, min(_MOST_PASSAGES, len(lengths) // 2) + 1):
        off = np.abs(lengths[lag:] - lengths[:-lag]) / size
        off = np.maximum(off, np.abs(highs[lag:] - highs[:-lag]))
        if np.quantile(off, _MOST) < SAME:
            found = lag
            break
    every = passages[::-1][:: max(found, 1)][::-1]
    periods = np.diff(every)
    spread = float(periods.std() / periods.mean())
    kind = "cycling" if found else "irregular"
    return Behaviour(kind, float(periods.mean()), spread, float(every[0]), float(every[-1]))
