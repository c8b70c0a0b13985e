"""Floquet multipliers of a periodic orbit, and functions that vanish where stability changes.

Imports the C core (`ext/floquet.c`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._collocation import LARGEST, product_eigenvalues
from ..._collocation import beside as _beside
from ..._collocation import floquet as _floquet
from ..._collocation import floquet_look as _look
from ..._collocation import floquet_tests as _tests

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

#: A multiplier is off the unit circle if it is farther from it than this, and than a few times
#: the error of the one that is known to be 1.
_ROUNDING = 1e-7
#: Of a pair of matrices multipliers are known no better than their product, by Liouville's formula,
#: and not at all where one is smaller than this.
_BLURRED, _SMALLEST = 1e-7, 1e-9
_LOGARITHM = math.log(LARGEST)


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
    sure : bool
        Whether they are known to many digits, small ones as well as large ones.
    doubling, torus, unit : float
        Tests of all but the first, see `doubling_test`, `torus_test` and `unit_test`.
    """

    values: Complex
    trivial_error: float
    n_unstable: int
    sure: bool
    doubling: float
    torus: float
    unit: float

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
        return self.n_unstable == 0 and all(abs(value) < edge for value in self.others.tolist())


def multipliers(pair: Array, volume: float = math.nan) -> Multipliers:
    """Return the Floquet multipliers mu, for which pair[0] + mu pair[1] is singular.

    The two matrices are not multiplied into a monodromy matrix, which would lose the small
    multipliers beside large ones: Fairgrieve & Jepson (1991), SIAM J. Numer. Anal. 28, 1446.

    Parameters
    ----------
    pair : ndarray, shape (2, n_state, n_state)
    volume : float
        Logarithm of the product of all multipliers by Liouville's formula; NaN if not known.
    """
    return looked_at(_floquet(pair, volume), volume)


def looked_at(values: Complex, volume: float = math.nan) -> Multipliers:
    """Return multipliers of which the first belongs to the shift along the orbit."""
    error, mismatch, smallest, count, *tests = _look(values, volume, _ROUNDING)
    sure = error <= _BLURRED and mismatch <= _BLURRED and smallest >= _SMALLEST
    return Multipliers(values, error, count, sure, *tests)


def along(maps: Array, flows: Array, volume: float) -> Multipliers | None:
    """Return the multipliers of maps along an orbit; None where they are not to be found.

    What the maps do beside the orbit's direction is a product of smaller matrices, whose
    eigenvalues are found without multiplying them (periodic orthogonal iteration: Bojanczyk,
    Golub & Van Dooren 1992, Proc. SPIE 1770, 31). So the multipliers are known to as many digits
    however far they are apart, and do not see what rounding along a canard makes of the direction.

    Parameters
    ----------
    maps : ndarray, shape (n_piece, n_state, n_state)
        How a perturbation goes from each point of an orbit to the next.
    flows : ndarray, shape (n_piece + 1, n_state)
        The orbit's direction at these points.
    volume : float
        Logarithm of the product of all multipliers. With two states it is the other one's.
    """
    narrowed, own = _beside(maps, flows)
    if not math.isfinite(own):
        return None
    if narrowed.shape[1] == 1:
        others = np.exp([min(volume, _LOGARITHM)])
    else:
        others = product_eigenvalues(narrowed)
        if others is None:
            return None
    return looked_at(np.concatenate([[own], others]).astype(complex))._replace(sure=True)


def doubling_test(values: Complex) -> float:
    """Return a number that changes sign where a real one of some multipliers passes -1."""
    return float(_tests(values)[0])


def torus_test(values: Complex) -> float:
    """Return a number that changes sign where a complex pair crosses the unit circle.

    It also does where two real multipliers become each other's inverse.
    """
    return float(_tests(values)[1])


def unit_test(values: Complex) -> float:
    """Return a number that changes sign where a real one of some multipliers passes 1."""
    return float(_tests(values)[2])


def crossing_pair(values: Complex) -> complex:
    """Return the multiplier with positive imaginary part that is nearest to the unit circle.

    NaN if all are real.
    """
    above = values[values.imag > 0.0]
    if not len(above):
        return complex(np.nan)
    return complex(above[np.argmin(np.abs(np.abs(above) - 1.0))])
