"""Floquet multipliers of a periodic orbit, and functions that vanish where stability changes.

Imports numerical libraries only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

#: A multiplier is off the unit circle if it is farther from it than this, and than a few times
#: the error of the one that is known to be 1.
_ROUNDING = 1e-7
#: What an infinite multiplier counts as; the product of two is still a number.
_LARGEST = 1e150


class Multipliers(NamedTuple):
    """Floquet multipliers.

    Attributes
    ----------
    values : ndarray of complex, shape (n_state,)
        The one that belongs to the shift along the orbit first, then the largest first.
    trivial_error : float
        Distance of the first from its known value; an estimate of the others' error.
    n_unstable : int
        Multipliers outside the unit circle, the first not counted.
    """

    values: Complex
    trivial_error: float
    n_unstable: int

    @property
    def others(self) -> Complex:
        """Without the one that belongs to the shift."""
        return self.values[1:]

    @property
    def margin(self) -> float:
        """How near to the unit circle a multiplier counts as on it."""
        return max(_ROUNDING, 10.0 * self.trivial_error)

    @property
    def is_stable(self) -> bool:
        """Whether all others lie inside the unit circle, beyond rounding."""
        return bool(np.all(np.abs(self.others) < 1.0 - self.margin))


def multipliers(pair: Array) -> Multipliers:
    """Return the Floquet multipliers mu, for which pair[0] + mu pair[1] is singular.

    The two matrices are not multiplied into a monodromy matrix, which would lose the small
    multipliers beside large ones: Fairgrieve & Jepson (1991), SIAM J. Numer. Anal. 28, 1446.
    """
    from scipy.linalg import eigvals

    if not np.isfinite(pair).all():
        return Multipliers(np.full(len(pair[0]), _LARGEST + 0j), np.inf, len(pair[0]) - 1)
    values = np.asarray(eigvals(pair[0], -pair[1], check_finite=False), dtype=complex)
    size = np.abs(values)
    values = np.where(size <= _LARGEST, values, _LARGEST)
    trivial = int(np.argmin(np.abs(values - 1.0)))
    order = np.argsort(-np.abs(values), kind="stable")
    order = np.concatenate([[trivial], order[order != trivial]])
    values = values[order]
    error = float(abs(values[0] - 1.0))
    margin = max(_ROUNDING, 10.0 * error)
    return Multipliers(values, error, int(np.sum(np.abs(values[1:]) > 1.0 + margin)))


def doubling_test(values: Complex) -> float:
    """Return a number that changes sign where a real one of some multipliers passes -1."""
    if not len(values):
        return 1.0
    return float(np.prod((1.0 + values) / (1.0 + np.abs(values))).real)


def torus_test(values: Complex) -> float:
    """Return a number that changes sign where a complex pair crosses the unit circle.

    It also does where two real multipliers become each other's inverse.
    """
    i, j = np.triu_indices(len(values), 1)
    if not len(i):
        return 1.0
    products = values[i] * values[j]
    return float(np.prod((1.0 - products) / (1.0 + np.abs(products))).real)


def unit_test(values: Complex) -> float:
    """Return a number that changes sign where a real one of some multipliers passes 1."""
    if not len(values):
        return 1.0
    return float(np.prod((1.0 - values) / (1.0 + np.abs(values))).real)


def crossing_pair(values: Complex) -> complex:
    """Return the multiplier with positive imaginary part that is nearest to the unit circle.

    NaN if all are real.
    """
    above = values[values.imag > 0.0]
    if not len(above):
        return complex(np.nan)
    return complex(above[np.argmin(np.abs(np.abs(above) - 1.0))])
