"""Inputs that are given piece by piece: steps, pulses and measured series.

Imports what inputs share; scipy only where a spline is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..errors import ModelError, checks_keywords
from .base import Stimulus
from .cubics import Array, Table, constant_pieces, pieces_table
from .given import check_extent, increasing, matching, ordered, per_event, single

Indices = npt.NDArray[np.intp]


@checks_keywords
@dataclass(frozen=True)
class Steps(Stimulus):
    """A piecewise constant input: each value holds from its time on.

    Parameters
    ----------
    times : array_like, shape (n,)
        Times of the changes, strictly increasing, in the model's time unit.
    values : array_like, shape (n,)
        Value from each time on; the last one holds for ever.
    before : float
        Value before the first time.

    Raises
    ------
    ModelError
        If a number is not finite, the times do not increase or the lengths differ.
    """

    times: npt.ArrayLike
    values: npt.ArrayLike
    before: float = 0.0

    def __post_init__(self) -> None:
        times = increasing(self.times, "Steps")
        values = matching(self.values, times, "Steps")
        object.__setattr__(self, "times", tuple(times.tolist()))
        object.__setattr__(self, "values", tuple(values.tolist()))
        object.__setattr__(self, "before", single(self.before, "Steps: before"))

    def _build(self) -> Table:
        return constant_pieces(np.array(self.times), np.array(self.values), self.before)


@checks_keywords
@dataclass(frozen=True)
class Pulses(Stimulus):
    """Rectangular pulses on a baseline; pulses that overlap add up.

    A pulse lasts from its time, included, to its time plus its width, excluded. Edges that
    only rounding keeps apart, as the end of one pulse and the start of the next, count as one.

    Parameters
    ----------
    times : float or array_like, shape (n,)
        Starts, sorted, in the model's time unit.
    height : float or array_like, shape (n,)
        What a pulse adds to the baseline: one for all, or one a pulse.
    width : float or array_like, shape (n,)
        How long a pulse lasts, positive: one for all, or one a pulse.
    baseline : float
        Value outside the pulses.

    Raises
    ------
    ModelError
        If a number is not finite, the times are not sorted, the lengths differ, or a width is
        not positive or too small for its time in double precision.
    """

    times: npt.ArrayLike
    height: npt.ArrayLike = 1.0
    width: npt.ArrayLike = 1.0
    baseline: float = 0.0

    def __post_init__(self) -> None:
        times = ordered(self.times, "Pulses")
        object.__setattr__(self, "times", tuple(times.tolist()))
        object.__setattr__(self, "height", per_event(self.height, times, "Pulses", "height"))
        width = per_event(self.width, times, "Pulses", "width")
        check_extent(width, times, "Pulses", "width")
        object.__setattr__(self, "width", width)
        object.__setattr__(self, "baseline", single(self.baseline, "Pulses: baseline"))

    def _build(self) -> Table:
        starts = np.array(self.times)
        heights = np.broadcast_to(np.array(self.height), starts.shape).tolist()
        widths = np.broadcast_to(np.array(self.width), starts.shape)
        edges, first, last = _merged_edges(starts, starts + widths, float(widths.min()))
        begins: list[list[int]] = [[] for _ in edges]
        ends: list[list[int]] = [[] for _ in edges]
        for pulse, (begin, end) in enumerate(zip(first, last, strict=True)):
            begins[begin].append(pulse)
            ends[end].append(pulse)
        active: set[int] = set()
        values = np.empty(edges.size)
        for edge in range(edges.size):
            active.update(begins[edge])
            active.difference_update(ends[edge])
            # A fresh sum at each edge: no rounding is carried over, and the baseline is exact.
            values[edge] = self.baseline + sum(heights[pulse] for pulse in sorted(active))
        return constant_pieces(edges, values, self.baseline)


def _merged_edges(starts: Array, ends: Array, narrowest: float) -> tuple[Array, Indices, Indices]:
    """Return the distinct edges, and of each pulse the edge it starts and ends at."""
    every = np.concatenate([starts, ends])
    gap = max(1e-9 * narrowest, 4.0 * float(np.spacing(np.abs(every).max())))
    order = np.argsort(every, kind="stable")
    group = np.empty(every.size, dtype=np.intp)
    group[order] = np.concatenate([[0], np.cumsum(np.diff(every[order]) > gap)])
    first, last = group[: starts.size], group[starts.size :]
    # A start is the user's own number, an end is rounded: the start gives an edge its time.
    edges = np.full(group.max() + 1, np.inf)
    np.minimum.at(edges, last, ends)
    edges[np.unique(first)] = np.inf
    np.minimum.at(edges, first, starts)
    return edges, first, last


@checks_keywords
@dataclass(frozen=True)
class Samples(Stimulus):
    """A measured series, held constant before its first and after its last time.

    Parameters
    ----------
    times : array_like, shape (n,)
        Times of the measurements, strictly increasing, in the model's time unit.
    values : array_like, shape (n,)
        Measured values.
    kind : {"linear", "previous", "cubic"}
        Straight lines between the points; each value held until the next; or the cubic spline
        through the points whose third derivative is continuous at the second and the last but
        one (de Boor 1978, A Practical Guide to Splines, chapter IV, "not-a-knot").

    Raises
    ------
    ModelError
        If a number is not finite, the times do not increase, the lengths differ or `kind` is
        none of these.
    """

    times: npt.ArrayLike
    values: npt.ArrayLike
    kind: Literal["linear", "previous", "cubic"] = "linear"

    def __post_init__(self) -> None:
        times = increasing(self.times, "Samples")
        values = matching(self.values, times, "Samples")
        if self.kind not in ("linear", "previous", "cubic"):
            raise ModelError(
                f"Samples: kind={self.kind!r:.60} is unknown; it is 'linear', 'previous' or 'cubic'"
            )
        object.__setattr__(self, "times", tuple(times.tolist()))
        object.__setattr__(self, "values", tuple(values.tolist()))

    def _build(self) -> Table:
        times, values = np.array(self.times), np.array(self.values)
        if self.kind == "previous" or times.size == 1:
            return constant_pieces(times, values, float(values[0]))
        pieces = np.zeros((times.size, 4))
        pieces[:, 0] = values
        if self.kind == "linear":
            pieces[:-1, 1] = np.diff(values) / np.diff(times)
        else:
            from scipy.interpolate import CubicSpline

            pieces[:-1, 1:] = CubicSpline(times, values).c[2::-1].T
        return pieces_table(times, pieces, float(values[0]))
