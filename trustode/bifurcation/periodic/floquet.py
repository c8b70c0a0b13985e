"""Floquet multipliers of a periodic orbit, and functions that vanish where stability changes.

Imports the C core (`ext/floquet.c`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._collocation import LARGEST
from ..._collocation import across as _across
from ..._collocation import floquet as _floquet
from ..._collocation import floquet_tests as _tests

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

#: A multiplier is off the unit circle if it is farther from it than this, and than a few times
#: the error of the one that is known to be 1.
_ROUNDING = 1e-7
_LOGARITHM = math.log(LARGEST)


class Across(NamedTuple):
    """What the linearisation along an orbit does beside the orbit's direction.

    Attributes
    ----------
    product : ndarray, shape (n_state - 1, n_state - 1)
        Of all its maps, over `size`.
    size : float
    along : float
        What it does to the direction: 1, but for errors.
    volume : float
        Logarithm of the product of all multipliers.
    """

    product: Array
    size: float
    along: float
    volume: float


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
    doubling, torus, unit : float
        Tests of all but the first, see `doubling_test`, `torus_test` and `unit_test`.
    """

    values: Complex
    trivial_error: float
    n_unstable: int
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
        return all(abs(value) < edge for value in self.others.tolist())


def multipliers(pair: Array, across: Across | None = None) -> Multipliers:
    """Return the Floquet multipliers mu, for which pair[0] + mu pair[1] is singular.

    The two matrices are not multiplied into a monodromy matrix, which would lose the small
    multipliers beside large ones: Fairgrieve & Jepson (1991), SIAM J. Numer. Anal. 28, 1446.

    Parameters
    ----------
    pair : ndarray, shape (2, n_state, n_state)
    across : Across, optional
        What the linearisation does beside the orbit's direction, where the pair is worth no
        more than rounding; the multipliers that are not small are taken from there.
    """
    if across is None:
        return Multipliers(*_floquet(pair, None, 1.0, 1.0, 0.0, _ROUNDING))
    return Multipliers(*_floquet(pair, *across, _ROUNDING))


def across(maps: Array, flows: Array, volume: float) -> Across:
    """Return what maps along an orbit do beside its direction.

    A perturbation across the orbit does not see what rounding along a canard makes of the
    direction itself. The product is the C core's (`ext/collocation.c`).

    Parameters
    ----------
    maps : ndarray, shape (n_interval, n_state, n_state)
        How a perturbation goes from each point of a mesh to the next.
    flows : ndarray, shape (n_interval + 1, n_state)
        The orbit's direction at the mesh's points.
    volume : float
        Logarithm of the product of all multipliers. With two states it is the other one's.
    """
    status, product, along, logarithm = _across(maps, flows)
    if status != 0:
        return Across(product, math.nan, math.nan, volume)
    if len(product) == 1:
        product, logarithm = np.eye(1), volume
    return Across(product, math.exp(min(logarithm, _LOGARITHM)), along, volume)


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
