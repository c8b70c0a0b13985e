"""What describes a long run: extremes, means, period, and how it behaves in the end.

The C core gathers the numbers from a solver's steps while it solves, or from samples; here
they get their meaning. Knows arrays, not models. Imports the core only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._core import CYCLING, IRREGULAR, Gauge

Array = NDArray[np.float64]
#: Lets some runs (their rows) be measured by a gauge, which holds one row for each of them.
Feed = Callable[[Gauge, NDArray[np.intp]], None]

#: A swing below this share of a state's scale counts as rest.
REST = 1e-3
#: A change within the last fifth above this share of a state's scale is not yet rest.
DRIFT = 0.05


class Extent(NamedTuple):
    """How far states go in each run; arrays of shape (n_run, n_seen).

    Attributes
    ----------
    low, high : ndarray
        Least and greatest value within the span.
    mean : ndarray
        Mean over the span.
    middle, swing : ndarray
        Midway between the extremes of the span's second half, and how far these are apart.
    rest, drift : ndarray
        Mean over the span's last fifth, and how far the extremes there are apart.
    change : ndarray
        How far the extremes of the span's second half are from those of its first half.
    """

    low: Array
    high: Array
    mean: Array
    middle: Array
    swing: Array
    rest: Array
    drift: Array
    change: Array

    @property
    def size(self) -> Array:
        """The greatest value, in size, that each state has had."""
        return np.maximum(np.abs(self.low), np.abs(self.high))


class Behaviours(NamedTuple):
    """How runs behave within a span; arrays of shape (n_run,).

    Attributes
    ----------
    kind : ndarray of str
        "resting", "cycling", "irregular" (swings without a repeating cycle) or "unsettled"
        (still changing, but not through a sustained cycle: the span is too short to tell).
    period : ndarray
        Mean length of a cycle; NaN unless it swings.
    spread : ndarray
        Standard deviation of the cycle lengths over their mean; NaN unless it swings.
    start, end : ndarray
        Times between which there are whole cycles; the span's ends unless it swings.
    mean : ndarray, shape (n_run, n_seen)
        Mean of each state between these times; over the span unless it swings.
    """

    kind: NDArray[np.str_]
    period: Array
    spread: Array
    start: Array
    end: Array
    mean: Array

    def some(self, rows: slice) -> Behaviours:
        """Return those of some of the runs."""
        return Behaviours(self.kind[rows], *(each[rows] for each in self[1:]))


@dataclass(frozen=True)
class Sampled:
    """Runs of which samples are known: cubics through four of them stand for the steps.

    Parameters
    ----------
    t : ndarray, shape (n_time,)
        Uniform times, at least three.
    y : ndarray, shape (n_run, n_time, n_state)
    """

    t: Array
    y: Array

    def __call__(self, gauge: Gauge, rows: NDArray[np.intp]) -> None:
        """Let some of the runs be measured."""
        for k, row in enumerate(rows):
            gauge.samples(k, self.t, self.y[row][:, gauge.seen])


def extents(feed: Feed, n_run: int, seen: Sequence[int], span: tuple[float, float]) -> Extent:
    """Measure how far some states go in each run.

    Parameters
    ----------
    feed : callable
    n_run : int
    seen : sequence of int
        Positions of the states.
    span : pair of float
        Times between which is measured.

    Returns
    -------
    Extent
        Extremes are those of the solution, as exact as the solver's steps are.
    """
    gauge = Gauge(seen, n_run, *span)
    feed(gauge, np.arange(n_run))
    low, high, area = (gauge.out[:, :, k] for k in range(3))
    # A run that failed has not seen all parts.
    low[~np.isfinite(low)] = high[~np.isfinite(high)] = np.nan
    half_low, half_high = low[:, 1:].min(axis=1), high[:, 1:].max(axis=1)
    length = span[1] - span[0]
    return Extent(
        low.min(axis=1),
        high.max(axis=1),
        area.sum(axis=1) / length,
        (half_low + half_high) / 2,
        half_high - half_low,
        area[:, 2] / (length / 5),
        high[:, 2] - low[:, 2],
        np.maximum(np.abs(half_low - low[:, 0]), np.abs(half_high - high[:, 0])),
    )


def behaviours(
    feed: Feed,
    extent: Extent,
    seen: Sequence[int],
    scale: Array,
    noise: Array,
    span: tuple[float, float],
    *,
    look_at: Sequence[int],
    means: bool = True,
) -> Behaviours:
    """Tell rest from a sustained oscillation.

    The level is midway between the extremes of the span's second half. A state cycles if it
    rises through this level at least three times, the last time not long before the end (at
    most one and a half of its longest cycles), and its amplitude is sustained: neither ceasing
    nor, extrapolated geometrically from the means over the first, second and last third of the
    cycles, falling to less than half. A slow decay is therefore no cycle, a slow approach to a
    smaller cycle is one. Cycles are the same where, for four in five of them, lengths and
    heights differ by less than a twentieth; one may pass the level up to eight times. Of more
    than a thousand cycles the last thousand count.

    Parameters
    ----------
    feed : callable
    extent : Extent
        Of the same runs over the same span.
    seen : sequence of int
        Positions of the states whose extent that is.
    scale, noise : ndarray, shape (n_run, n_seen)
        Size of each state, and the error its values may have.
    span : pair of float
    look_at : sequence of int
        States to look at, in order; the first that swings decides.
    means : bool
        Whether means over whole cycles are wanted.

    Returns
    -------
    Behaviours
    """
    n_run = len(extent.low)
    smallest = np.maximum(REST * scale, 10 * noise)
    kind = np.full(n_run, "resting", dtype="U11")
    period, spread = np.full((2, n_run), np.nan)
    start, end = np.repeat(np.array(span)[:, None], n_run, axis=1)
    mean = extent.mean.copy()
    decided, drifting = np.zeros((2, n_run), dtype=bool)
    for state in look_at:
        i = list(seen).index(state)
        rows = np.flatnonzero(~decided & (extent.swing[:, i] > smallest[:, i]))
        if not rows.size:
            continue
        averaged = [i, *(k for k in range(len(seen)) if k != i)] if means else [i]
        look = [seen[k] for k in averaged]
        gauge = Gauge(look, len(rows), *span, extent.middle[rows, i], smallest[rows, i])
        feed(gauge, rows)
        for code, name in ((CYCLING, "cycling"), (IRREGULAR, "irregular")):
            found = gauge.out[:, 0] == code
            which = rows[found]
            kind[which], decided[which] = name, True
            period[which], spread[which], start[which], end[which] = gauge.out[found, 1:5].T
            mean[np.ix_(which, averaged)] = gauge.out[found, 5:]
        drifting[rows] |= extent.drift[rows, i] > np.maximum(DRIFT * scale, smallest)[rows, i]
    kind[~decided & drifting] = "unsettled"
    return Behaviours(kind, period, spread, start, end, mean)
