"""Numbers and times as users give them: checked, with a message that says what to do.

Imports the errors and numpy.
"""

from __future__ import annotations

import math
import numbers

import numpy as np
import numpy.typing as npt

from ..errors import ModelError

Array = npt.NDArray[np.float64]

#: Largest size of a time or value, and its reciprocal the smallest extent or gap in time:
#: within these no coefficient of a cubic overflows.
LARGEST = 1e60

#: Steps of time that must fit into the narrowest feature; below, rounding would shape it.
RESOLUTION = 1e6


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


def single(value: object, where: str) -> float:
    """Return one finite number, or raise."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise ModelError(f"{where}: expected a number, got {value!r:.60} ({type(value).__name__})")
    number = float(value)
    if not math.isfinite(number):
        raise ModelError(f"{where}: the value {number} is not finite")
    return number


def ordered(times: npt.ArrayLike, where: str) -> Array:
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


def increasing(times: npt.ArrayLike, where: str) -> Array:
    """Return strictly increasing times, or raise."""
    vector = ordered(times, where)
    same = np.flatnonzero(np.diff(vector) < 1.0 / LARGEST)
    if same.size:
        k = same[0]
        raise ModelError(
            f"{where}: times must increase, but {vector[k]:g} (position {k}) comes twice; keep one "
            "value a time"
        )
    return vector


def matching(values: npt.ArrayLike, times: Array, where: str) -> Array:
    """Return values, one a time, or raise."""
    vector = _vector(values, where, "values")
    if vector.size != times.size:
        raise ModelError(
            f"{where}: {times.size} times but {vector.size} values; give one value a time"
        )
    return vector


def per_event(
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


def check_extent(extent: float | tuple[float, ...], times: Array, where: str, what: str) -> None:
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
