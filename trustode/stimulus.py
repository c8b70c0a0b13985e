"""What arrives from outside the model, as tables that the C core reads.

Whatever kind of input a user gives, a number, events at known times or a measured series,
becomes a `Table`: a piecewise cubic in time together with the times at which a solver must
end a step. Imports the errors and numpy; scipy only where a spline is asked for.
"""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from .errors import ModelError, checks_keywords

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

#: Error allowed at the check points of a fitted segment, as a share of the height. The error
#: between check points is at most a little larger, so 1e-9 is kept with room to spare.
FIT_SHARE = 4e-10

#: Standard deviations after which a Gaussian is cut off: exp(-7**2 / 2) is 2.3e-11.
EPISODE_REACH = 7.0

#: Standard deviations at which a solver ends a step, so that an episode is not stepped over;
#: what lies before the first is below 1e-9 of the area.
EPISODE_BREAKS = np.array([-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0])

#: Effect of a session, how steeply it sets in (1/day) and how long it lasts (days), from the
#: model's specification: h = 1 - exp(-0.12 sum w), w(s) = (1 + tanh 8s)/2 exp(-max(s, 0)/45).
SESSION_EFFECT = 0.12
SESSION_RISE = 8.0
SESSION_DECAY = 45.0

#: Days around a session at which a solver ends a step.
SESSION_BREAKS = np.array([-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0])

#: Days before a session from which it is felt, and after which its onset is over, both to
#: double precision of the dose: (1 + tanh(-8 * 2.5))/2 is 4e-18.
SESSION_ONSET = 2.5

#: Days after the last session at which the dose is set to zero: exp(-1800/45) is 4e-18.
SESSION_REACH = 1800.0

#: Largest size of a time or value, and its reciprocal the smallest extent or gap in time:
#: within these no coefficient of a cubic overflows.
LARGEST = 1e60

#: Steps of time that must fit into the narrowest feature; below, rounding would shape it.
RESOLUTION = 1e6

# Where a fitted segment meets its function (0 to 1 along the segment): the zeros of
# (x^2 - 1)(x^2 - 1/4) on [-1, 1]. They include both ends, so segments join, and the error is
# at most h^4 max|f''''| / 1536, a quarter of what a Hermite cubic through the ends leaves.
_NODES = np.array([0.0, 0.25, 0.75, 1.0])
# Where that error is largest: x = 0 and x = +-sqrt(5/8).
_CHECKS = 0.5 + 0.5 * np.sqrt(0.625) * np.array([-1.0, 0.0, 1.0])
_TO_CHECKS = np.vander(_CHECKS, 4, increasing=True)


@dataclass(frozen=True, eq=False)
class Table:
    """A piecewise cubic function of time and the times where a step must end.

    Calling it with times evaluates it; see `Table.__call__`.

    Parameters
    ----------
    knots : ndarray, shape (n,)
        Starts of the segments, strictly increasing.
    coefficients : ndarray, shape (n, 4)
        On ``[knots[k], knots[k + 1])`` the value is ``c[k, 0] + c[k, 1] s + c[k, 2] s**2 +
        c[k, 3] s**3`` with ``s = t - knots[k]``. The last segment has no end. The first holds
        before its knot too and therefore must be constant.
    breaks : ndarray, shape (m,)
        Strictly increasing times at which a solver must end a step: jumps, kinks, and enough
        points inside a narrow feature that it cannot be stepped over.

    Raises
    ------
    ModelError
        If a shape, the order or a value breaks one of these rules.
    """

    knots: Array
    coefficients: Array
    breaks: Array

    def __post_init__(self) -> None:
        for name, ndim in (("knots", 1), ("coefficients", 2), ("breaks", 1)):
            array = np.array(getattr(self, name), dtype=np.float64, order="C")
            if array.ndim != ndim:
                raise ModelError(f"Table: {name} has {array.ndim} dimensions, it needs {ndim}")
            if not np.isfinite(array).all():
                raise ModelError(
                    f"Table: {name} holds a value that is not finite; the values or times given "
                    "are too large for double precision"
                )
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        if self.knots.size == 0 or self.coefficients.shape != (self.knots.size, 4):
            raise ModelError(
                f"Table: {self.knots.size} knots need coefficients of shape "
                f"({self.knots.size}, 4) and at least one knot, got {self.coefficients.shape}"
            )
        for name in ("knots", "breaks"):
            if (np.diff(getattr(self, name)) <= 0).any():
                raise ModelError(f"Table: {name} must increase strictly")
        if self.coefficients[0, 1:].any():
            raise ModelError(
                "Table: the first segment holds for all earlier times, so it must be constant; "
                f"its coefficients are {self.coefficients[0].tolist()}"
            )

    def __call__(self, t: npt.ArrayLike) -> Array:
        """Evaluate at times, with the value from the right where it jumps.

        Parameters
        ----------
        t : array_like
            Finite times, in the model's time unit, of any shape.

        Returns
        -------
        ndarray
            Values, of the shape of `t`.
        """
        times = np.asarray(t, dtype=np.float64)
        segment = np.maximum(np.searchsorted(self.knots, times, side="right") - 1, 0)
        s = times - self.knots[segment]
        c = self.coefficients[segment]
        return np.asarray(c[..., 0] + s * (c[..., 1] + s * (c[..., 2] + s * c[..., 3])))


class Stimulus(ABC):
    """What every kind of input has in common: a table, and its exact value at a time."""

    @cached_property
    def table(self) -> Table:
        """The input as a `Table`, made once."""
        return self._build()

    def __call__(self, t: npt.ArrayLike) -> Array:
        """Evaluate exactly at times of any shape, with the value from the right at a jump."""
        return self.table(t)

    @abstractmethod
    def _build(self) -> Table:
        """Make the table."""


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
        times = _increasing(self.times, "Steps")
        values = _matching(self.values, times, "Steps")
        object.__setattr__(self, "times", tuple(times.tolist()))
        object.__setattr__(self, "values", tuple(values.tolist()))
        object.__setattr__(self, "before", _single(self.before, "Steps: before"))

    def _build(self) -> Table:
        return _constant_pieces(np.array(self.times), np.array(self.values), self.before)


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
        times = _sorted(self.times, "Pulses")
        object.__setattr__(self, "times", tuple(times.tolist()))
        object.__setattr__(self, "height", _per_event(self.height, times, "Pulses", "height"))
        width = _per_event(self.width, times, "Pulses", "width")
        _check_extent(width, times, "Pulses", "width")
        object.__setattr__(self, "width", width)
        object.__setattr__(self, "baseline", _single(self.baseline, "Pulses: baseline"))

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
        return _constant_pieces(edges, values, self.baseline)


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
        times = _increasing(self.times, "Samples")
        values = _matching(self.values, times, "Samples")
        if self.kind not in ("linear", "previous", "cubic"):
            raise ModelError(
                f"Samples: kind={self.kind!r:.60} is unknown; it is 'linear', 'previous' or 'cubic'"
            )
        object.__setattr__(self, "times", tuple(times.tolist()))
        object.__setattr__(self, "values", tuple(values.tolist()))

    def _build(self) -> Table:
        times, values = np.array(self.times), np.array(self.values)
        if self.kind == "previous" or times.size == 1:
            return _constant_pieces(times, values, float(values[0]))
        pieces = np.zeros((times.size, 4))
        pieces[:, 0] = values
        if self.kind == "linear":
            pieces[:-1, 1] = np.diff(values) / np.diff(times)
        else:
            from scipy.interpolate import CubicSpline

            pieces[:-1, 1:] = CubicSpline(times, values).c[2::-1].T
        return _table(times, pieces, float(values[0]))


@checks_keywords
@dataclass(frozen=True)
class Episodes(Stimulus):
    """Episodes that come and go: a sum of Gaussians in time.

    The value is ``sum(height * exp(-((t - times) / sd)**2 / 2))``. Its table is within 1e-9 of
    the height of the largest episode at hand (for each one that overlaps): segments are halved
    until the cubic through four points is within 4e-10 where its error is largest, and an
    episode is cut off beyond 7 sd, where 2.3e-11 of it is left.

    Parameters
    ----------
    times : float or array_like, shape (n,)
        Times of the peaks, sorted, in the model's time unit.
    height : float or array_like, shape (n,)
        Value at the peak: one for all, or one an episode. -1 is about a visit that the partner
        cancels.
    sd : float or array_like, shape (n,)
        Standard deviation in time, positive: one for all, or one an episode. The default is
        that of the trust models, in days.

    Raises
    ------
    ModelError
        If a number is not finite, the times are not sorted, the lengths differ, or an `sd` is
        not positive or too small for its time in double precision.
    """

    times: npt.ArrayLike
    height: npt.ArrayLike = -1.0
    sd: npt.ArrayLike = 0.25

    def __post_init__(self) -> None:
        times = _sorted(self.times, "Episodes")
        object.__setattr__(self, "times", tuple(times.tolist()))
        object.__setattr__(self, "height", _per_event(self.height, times, "Episodes", "height"))
        sd = _per_event(self.sd, times, "Episodes", "sd")
        _check_extent(sd, times, "Episodes", "sd")
        object.__setattr__(self, "sd", sd)

    def _events(self) -> tuple[Array, Array, Array]:
        """Return times, heights and standard deviations, one an episode."""
        times = np.array(self.times)
        heights = np.broadcast_to(np.array(self.height), times.shape)
        return times, heights, np.broadcast_to(np.array(self.sd), times.shape)

    def __call__(self, t: npt.ArrayLike) -> Array:
        """Evaluate exactly, by the closed form, at times of any shape."""
        return _in_order(self._sum, t)

    def _sum(self, t: Array) -> Array:
        """Sum the episodes at sorted times."""
        total = np.zeros_like(t)
        for time, height, sd in zip(*self._events(), strict=True):
            # Beyond 39 sd a Gaussian is below the smallest double.
            here = slice(*np.searchsorted(t, [time - 39.0 * sd, time + 39.0 * sd]))
            total[here] += height * np.exp(-0.5 * ((t[here] - time) / sd) ** 2)
        return total

    def _build(self) -> Table:
        times, heights, sds = self._events()
        grid = np.linspace(-EPISODE_REACH, EPISODE_REACH, 57)
        edges = _apart((times[:, None] + sds[:, None] * grid).ravel(), 1e-9 * sds.min())
        middle = 0.5 * (edges[:-1] + edges[1:])
        allowed, finest = np.zeros(middle.size), np.full(middle.size, np.inf)
        for time, height, sd in zip(times, heights, sds, strict=True):
            reach = EPISODE_REACH * sd
            here = slice(*np.searchsorted(middle, [time - reach, time + reach]))
            allowed[here] = np.maximum(allowed[here], FIT_SHARE * abs(height))
            finest[here] = np.minimum(finest[here], sd / 500.0)
        covered = allowed > 0.0
        starts, pieces = _fitted(
            self, edges[:-1][covered], edges[1:][covered], allowed[covered], finest[covered]
        )
        # Zero where no episode is at hand, and for ever after the last.
        quiet = np.append(edges[:-1][~covered], edges[-1])
        starts = np.append(starts, quiet)
        order = np.argsort(starts)
        pieces = np.vstack([pieces, np.zeros((quiet.size, 4))])
        breaks = (times[:, None] + sds[:, None] * EPISODE_BREAKS).ravel()
        return _table(starts[order], pieces[order], 0.0, _apart(breaks, 1e-3 * sds.min()))


@checks_keywords
@dataclass(frozen=True)
class Sessions(Stimulus):
    """The dose of a therapy given in sessions, between 0 and 1; times are in days.

    The dose is ``1 - exp(-0.12 sum(w(t - times)))`` with ``w(s) = (1 + tanh(8 s))/2 *
    exp(-max(s, 0)/45)``, from the specification of the trust models: a session sets in within
    hours and fades over weeks. Its table is within 1e-9 of the largest dose (segments are
    halved as in `Episodes`) and follows the decay for 1800 days after the last session.

    Parameters
    ----------
    times : float or array_like, shape (n,)
        Times of the sessions, sorted, in days; a few hundred are quick.

    Raises
    ------
    ModelError
        If a time is not finite, or they are not sorted or too large for double precision.
    """

    times: npt.ArrayLike

    def __post_init__(self) -> None:
        times = _sorted(self.times, "Sessions")
        _check_extent(1.0 / (2.0 * SESSION_RISE), times, "Sessions", "the onset")
        object.__setattr__(self, "times", tuple(times.tolist()))

    def __call__(self, t: npt.ArrayLike) -> Array:
        """Evaluate exactly, by the closed form, at times of any shape."""
        return _in_order(self._dose, t)

    def _dose(self, t: Array) -> Array:
        """Return the dose at sorted times."""
        sessions = np.array(self.times)
        # Sessions whose onset is over fade alike, so their sum is carried from one to the next.
        fading = np.empty(sessions.size)
        fading[0] = 1.0
        for k, gap in enumerate(np.diff(sessions), start=1):
            fading[k] = 1.0 + fading[k - 1] * np.exp(-gap / SESSION_DECAY)
        total = np.zeros_like(t)
        last = np.searchsorted(sessions + SESSION_ONSET, t, side="right") - 1
        past = last >= 0
        since = t[past] - sessions[last[past]]
        total[past] = fading[last[past]] * np.exp(-since / SESSION_DECAY)
        for session in sessions:
            here = slice(*np.searchsorted(t, [session - SESSION_ONSET, session + SESSION_ONSET]))
            s = t[here] - session
            onset = 0.5 * (1.0 + np.tanh(SESSION_RISE * s))
            total[here] += onset * np.exp(-np.maximum(s, 0.0) / SESSION_DECAY)
        return -np.expm1(-SESSION_EFFECT * total)

    def _build(self) -> Table:
        sessions = np.array(self.times)
        # Within a few days the onsets are resolved from the start; elsewhere halving suffices.
        around = np.concatenate([[-SESSION_ONSET], np.linspace(-2.0, 2.0, 17), [SESSION_ONSET]])
        wanted = (sessions[:, None] + around).ravel()
        edges = _apart(np.append(wanted, sessions[-1] + SESSION_REACH), 1e-9)
        n_segment = edges.size - 1
        peak = float(self(edges).max())
        starts, pieces = _fitted(
            self,
            edges[:-1],
            edges[1:],
            np.full(n_segment, FIT_SHARE * peak),
            np.full(n_segment, 1e-4),
        )
        starts = np.append(starts, edges[-1])
        pieces = np.vstack([pieces, np.zeros((1, 4))])
        breaks = _apart((sessions[:, None] + SESSION_BREAKS).ravel(), 1e-9)
        return _table(starts, pieces, 0.0, breaks)


def table(value: object, where: str) -> Table:
    """Turn a number or a stimulus into the table that the C core reads.

    Parameters
    ----------
    value : float, Stimulus or Table
        What an input of a model is set to.
    where : str
        Call, model and input, to begin an error message with.

    Returns
    -------
    Table

    Raises
    ------
    ModelError
        If it is something else, or a number that is not finite.
    """
    if isinstance(value, Table):
        return value
    if isinstance(value, Stimulus):
        return value.table
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return _constant(_single(value, where).hex())
    hint = "give measured values with their times, as Samples(times, values)"
    if callable(value):
        hint = "evaluate a function at enough times t, as Samples(t, f(t), kind='cubic')"
    raise ModelError(
        f"{where}: an input is a number or one of Steps, Pulses, Samples, Episodes, Sessions; "
        f"got {value!r:.60} ({type(value).__name__}); {hint}"
    )


@lru_cache(maxsize=64)
def _constant(text: str) -> Table:
    """Make the table of a constant from its text, in which 0.0 and -0.0 differ."""
    pieces = np.array([[float.fromhex(text), 0.0, 0.0, 0.0]])
    return Table(np.zeros(1), pieces, np.empty(0))


def _vector(values: npt.ArrayLike, where: str, what: str) -> Array:
    """Return finite numbers as a one-dimensional array, or say which are not."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ModelError(f"{where}: {what} must be numbers in one row: {error}") from None
    if array.dtype.kind not in "iuf" and array.size:
        found = next((v for v in array.ravel().tolist() if not _is_real(v)), array.dtype.name)
        raise ModelError(
            f"{where}: {what} must be numbers, got {found!r:.60}; give times as numbers in the "
            "model's time unit and drop missing values"
        )
    if array.ndim > 1:
        raise ModelError(f"{where}: {what} must be one row of numbers, got shape {array.shape}")
    vector = np.atleast_1d(array).astype(np.float64)
    if vector.size == 0:
        raise ModelError(f"{where}: {what} is empty; give at least one, or 0.0 for no input")
    bad = np.flatnonzero(~np.isfinite(vector))
    if bad.size:
        raise ModelError(
            f"{where}: {what} has {vector[bad[0]]} at position {bad[0]} ({bad.size} of "
            f"{vector.size} are not finite); drop or fill them"
        )
    if np.abs(vector).max() > LARGEST:
        raise ModelError(
            f"{where}: {what} has {vector[np.abs(vector).argmax()]:g}; sizes up to {LARGEST:g} are "
            "possible, choose other units"
        )
    return vector


def _is_real(value: object) -> bool:
    """Tell whether a value is a real number and no truth value."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _single(value: object, where: str) -> float:
    """Return one finite number, or raise."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise ModelError(f"{where}: expected a number, got {value!r:.60} ({type(value).__name__})")
    number = float(value)
    if not math.isfinite(number):
        raise ModelError(f"{where}: the value {number} is not finite")
    return number


def _sorted(times: npt.ArrayLike, where: str) -> Array:
    """Return sorted times, equal ones allowed, or raise."""
    vector = _vector(times, where, "times")
    back = np.flatnonzero(np.diff(vector) < 0)
    if back.size:
        k = back[0]
        raise ModelError(
            f"{where}: times must be sorted, but {vector[k]:g} (position {k}) is followed by "
            f"{vector[k + 1]:g}; sort times together with what belongs to them"
        )
    return vector


def _increasing(times: npt.ArrayLike, where: str) -> Array:
    """Return strictly increasing times, or raise."""
    vector = _sorted(times, where)
    same = np.flatnonzero(np.diff(vector) < 1.0 / LARGEST)
    if same.size:
        k = same[0]
        raise ModelError(
            f"{where}: times must increase, but {vector[k]:g} (position {k}) comes twice; keep one "
            "value a time"
        )
    return vector


def _matching(values: npt.ArrayLike, times: Array, where: str) -> Array:
    """Return values, one a time, or raise."""
    vector = _vector(values, where, "values")
    if vector.size != times.size:
        raise ModelError(
            f"{where}: {times.size} times but {vector.size} values; give one value a time"
        )
    return vector


def _per_event(
    value: npt.ArrayLike, times: Array, where: str, what: str
) -> float | tuple[float, ...]:
    """Return one number for all events or one an event, or raise."""
    vector = _vector(value, where, what)
    if np.ndim(value) == 0:
        return float(vector[0])
    if vector.size != times.size:
        raise ModelError(
            f"{where}: {times.size} times but {vector.size} values of {what}; give one for all or "
            "one a time"
        )
    return tuple(vector.tolist())


def _check_extent(extent: float | tuple[float, ...], times: Array, where: str, what: str) -> None:
    """Raise unless an extent in time is positive and wide enough to be resolved."""
    extents = np.broadcast_to(np.array(extent), times.shape)
    bad = np.flatnonzero(extents <= 0)
    if bad.size:
        raise ModelError(
            f"{where}: {what} is {extents[bad[0]]:g} (at time {times[bad[0]]:g}); it must be "
            "positive"
        )
    bad = np.flatnonzero(
        np.maximum(np.spacing(np.abs(times)) * RESOLUTION, 1.0 / LARGEST) > extents
    )
    if bad.size:
        k = bad[0]
        raise ModelError(
            f"{where}: {what} of {extents[k]:g} is too small for the time {times[k]:g} in double "
            f"precision (spacing {np.spacing(abs(times[k])):.1e}); count time from a nearer origin"
        )


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


def _apart(times: Array, gap: float) -> Array:
    """Sort times and drop those that follow another by less than a gap."""
    ordered = np.unique(times)
    kept: Array = ordered[np.concatenate([[True], np.diff(ordered) > gap])]
    return kept


def _constant_pieces(times: Array, values: Array, before: float) -> Table:
    """Make the table of a piecewise constant function."""
    pieces = np.zeros((times.size, 4))
    pieces[:, 0] = values
    return _table(times, pieces, before)


def _table(starts: Array, pieces: Array, before: float, breaks: Array | None = None) -> Table:
    """Put a constant before the pieces; break, unless told, wherever the pieces change."""
    knots = np.concatenate([[starts[0] - max(1.0, abs(starts[0]))], starts])
    coefficients = np.vstack([[before, 0.0, 0.0, 0.0], pieces])
    if breaks is None:
        breaks = starts[(coefficients[1:] != coefficients[:-1]).any(axis=1)]
    return Table(knots, coefficients, breaks)


def _in_order(function: Callable[[Array], Array], t: npt.ArrayLike) -> Array:
    """Evaluate a function of sorted times at times of any shape and order."""
    times = np.asarray(t, dtype=np.float64)
    flat = times.ravel()
    order = np.argsort(flat)
    values = np.empty_like(flat)
    values[order] = function(flat[order])
    values[np.isnan(flat)] = np.nan
    return values.reshape(times.shape)


def _fitted(
    function: Callable[[Array], Array], left: Array, right: Array, allowed: Array, finest: Array
) -> tuple[Array, Array]:
    """Cover segments with cubics, halving each until its error or its length is allowed."""
    starts, pieces = [np.empty(0)], [np.empty((0, 4))]
    from_nodes = np.linalg.inv(np.vander(_NODES, 4, increasing=True))
    while left.size:
        length = right - left
        share = np.concatenate([_NODES, _CHECKS])[:, None]
        values = function(left + share * length)
        cubic = from_nodes @ values[:4]
        error = np.abs(_TO_CHECKS @ cubic - values[4:]).max(axis=0)
        done = (error <= allowed) | (length <= finest)
        starts.append(left[done])
        pieces.append((cubic[:, done] / length[done] ** np.arange(4)[:, None]).T)
        middle = 0.5 * (left + right)
        left, right = (
            np.concatenate([left[~done], middle[~done]]),
            np.concatenate([middle[~done], right[~done]]),
        )
        allowed, finest = np.tile(allowed[~done], 2), np.tile(finest[~done], 2)
    every = np.concatenate(starts)
    order = np.argsort(every)
    return every[order], np.concatenate(pieces)[order]
