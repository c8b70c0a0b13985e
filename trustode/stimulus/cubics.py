"""A piecewise cubic in time, and how one is made: from pieces, or fitted to a function.

Imports the errors and numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import ModelError

Array = npt.NDArray[np.float64]

#: Error allowed at the check points of a fitted segment, as a share of the height. The error
#: between check points is at most a little larger, so 1e-9 is kept with room to spare.
FIT_SHARE = 4e-10

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


def apart(times: Array, gap: float) -> Array:
    """Sort times and drop those that follow another by less than a gap."""
    ordered = np.unique(times)
    kept: Array = ordered[np.concatenate([[True], np.diff(ordered) > gap])]
    return kept


def constant_pieces(times: Array, values: Array, before: float) -> Table:
    """Make the table of a piecewise constant function."""
    pieces = np.zeros((times.size, 4))
    pieces[:, 0] = values
    return pieces_table(times, pieces, before)


def pieces_table(starts: Array, pieces: Array, before: float, breaks: Array | None = None) -> Table:
    """Put a constant before the pieces; break, unless told, wherever the pieces change."""
    knots = np.concatenate([[starts[0] - max(1.0, abs(starts[0]))], starts])
    coefficients = np.vstack([[before, 0.0, 0.0, 0.0], pieces])
    if breaks is None:
        breaks = starts[(coefficients[1:] != coefficients[:-1]).any(axis=1)]
    return Table(knots, coefficients, breaks)


def fitted(
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
