"""Floquet multipliers of a periodic orbit, and functions that vanish where stability changes.

Imports numerical libraries only.
"""

from __future__ import annotations

import math
from itertools import combinations
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
        edge = 1.0 - self.margin
        return all(abs(value) < edge for value in self.others.tolist())


def multipliers(pair: Array) -> Multipliers:
    """Return the Floquet multipliers mu, for which pair[0] + mu pair[1] is singular.

    The two matrices are not multiplied into a monodromy matrix, which would lose the small
    multipliers beside large ones: Fairgrieve & Jepson (1991), SIAM J. Numer. Anal. 28, 1446.
    """
    from scipy.linalg.lapack import dggev

    nothing = Multipliers(np.full(len(pair[0]), _LARGEST + 0j), math.inf, len(pair[0]) - 1)
    if not np.isfinite(pair).all():
        return nothing
    real, imaginary, scale, *_, info = dggev(pair[0], -pair[1], compute_vl=0, compute_vr=0)
    if info != 0:
        return nothing
    found = [
        complex(a, b) / c if math.hypot(a, b) < _LARGEST * abs(c) else complex(_LARGEST)
        for a, b, c in zip(real.tolist(), imaginary.tolist(), scale.tolist(), strict=True)
    ]
    trivial = min(found, key=lambda value: abs(value - 1.0))
    found.remove(trivial)
    found.sort(key=abs, reverse=True)
    error = abs(trivial - 1.0)
    margin = max(_ROUNDING, 10.0 * error)
    count = sum(abs(value) > 1.0 + margin for value in found)
    return Multipliers(np.array([trivial, *found]), error, count)


def doubling_test(values: Complex) -> float:
    """Return a number that changes sign where a real one of some multipliers passes -1."""
    return math.prod(((1.0 + x) / (1.0 + abs(x)) for x in values.tolist()), start=1.0 + 0j).real


def torus_test(values: Complex) -> float:
    """Return a number that changes sign where a complex pair crosses the unit circle.

    It also does where two real multipliers become each other's inverse.
    """
    products = (x * y for x, y in combinations(values.tolist(), 2))
    return math.prod(((1.0 - xy) / (1.0 + abs(xy)) for xy in products), start=1.0 + 0j).real


def unit_test(values: Complex) -> float:
    """Return a number that changes sign where a real one of some multipliers passes 1."""
    return math.prod(((1.0 - x) / (1.0 + abs(x)) for x in values.tolist()), start=1.0 + 0j).real


def crossing_pair(values: Complex) -> complex:
    """Return the multiplier with positive imaginary part that is nearest to the unit circle.

    NaN if all are real.
    """
    above = values[values.imag > 0.0]
    if not len(above):
        return complex(np.nan)
    return complex(above[np.argmin(np.abs(np.abs(above) - 1.0))])
