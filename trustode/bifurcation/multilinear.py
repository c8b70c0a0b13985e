"""Exact second to fifth derivatives of a right-hand side, contracted with vectors.

The expression graph is evaluated over numbers a + sum of c_S e_S, where S runs over the
subsets of some directions and each direction squares to zero. The coefficient of e_1 e_2 is
then B(v1, v2) and that of e_1 e_2 e_3 is C(v1, v2, v3), to rounding: nothing is differenced.
Griewank & Walther (2008), Evaluating Derivatives, 2nd ed., chapter 13.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..codegen import Source
from ..codegen.interpret import Algebra, evaluator
from ..model import Model

#: Coefficients of an element, indexed by the subset of directions as bits.
Jet = NDArray[Any]
#: A function's value and derivatives, or the coefficients of its Taylor series.
Series = list[float]

#: Most directions that can be contracted.
_ORDER = 5


@lru_cache(maxsize=_ORDER + 1)
def _pairs(size: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return which coefficients multiply into which, for elements of a size."""
    pairs = [(s, a, s & ~a) for s in range(size) for a in range(size) if a & ~s == 0]
    starts = np.searchsorted([s for s, _, _ in pairs], np.arange(size))
    return np.array([a for _, a, _ in pairs]), np.array([b for _, _, b in pairs]), starts


def _constant(value: float) -> Jet:
    """Return a number as an element: of no direction, until it meets others."""
    return np.array([value])


def _alike(a: Jet, b: Jet) -> tuple[Jet, Jet]:
    """Return two elements over the same directions."""
    if len(a) == len(b):
        return a, b
    if len(a) > len(b):
        wide = np.zeros_like(a)
        wide[: len(b)] = b
        return a, wide
    wide = np.zeros_like(b)
    wide[: len(a)] = a
    return wide, b


def _plus(a: Jet, b: Jet) -> Jet:
    if len(a) == len(b):
        return a + b
    a, b = (a, b) if len(a) > len(b) else (b, a)
    result = a.copy()
    result[: len(b)] += b
    return result


def _times(a: Jet, b: Jet) -> Jet:
    """Multiply two elements: disjoint subsets unite, others vanish."""
    if len(a) == 1:
        return np.asarray(a[0] * b)
    if len(b) == 1:
        return np.asarray(a * b[0])
    left, right, starts = _pairs(len(a))
    return np.asarray(np.add.reduceat(a[left] * b[right], starts))


def _base(a: Jet) -> float:
    """Return the part of an element that is not nilpotent; states are real."""
    return float(a[0].real)


def _composed(a: Jet, derivatives: Series) -> Jet:
    """Return a function of an element from the function's derivatives at its base.

    A power of the nilpotent part that vanishes is left out, so that an infinite derivative
    which nothing uses does no harm.
    """
    result = np.zeros_like(a)
    result[0] = derivatives[0]
    nilpotent = a.copy()
    nilpotent[0] = 0.0
    power = nilpotent
    for order, derivative in enumerate(derivatives[1 : len(a).bit_length()], start=1):
        used = np.flatnonzero(power)
        if not len(used):
            break
        if derivative != 0.0:
            result[used] += derivative / math.factorial(order) * power[used]
        power = _times(power, nilpotent)
    return result


# ---------------------------------------------------------------------- functions of one number


def _derivatives(coefficients: Series) -> Series:
    """Return derivatives from the coefficients of a Taylor series."""
    return [c * math.factorial(k) for k, c in enumerate(coefficients)]


def _product(a: Series, b: Series, order: int) -> float:
    """Return a coefficient of the product of two series."""
    return math.fsum(a[k] * b[order - k] for k in range(order + 1))


def _integral(value: float, slope: Series) -> Series:
    return [value, *(c / (k + 1) for k, c in enumerate(slope[:_ORDER]))]


def _power_of(a: Series, exponent: float) -> Series:
    """Return a power of a series (Knuth, The Art of Computer Programming 2, 4.7)."""
    result = [math.pow(a[0], exponent)]
    for n in range(1, _ORDER + 1):
        total = math.fsum(
            (k * exponent - (n - k)) * a[k] * result[n - k]
            for k in range(1, min(n, len(a) - 1) + 1)
        )
        result.append(total / (n * a[0]))
    return result


def _reciprocal(x: float) -> Series:
    if x == 0.0:
        return [math.nan] * (_ORDER + 1)
    return [(-1) ** k * math.factorial(k) / x ** (k + 1) for k in range(_ORDER + 1)]


def _log(x: float) -> Series:
    return [math.log(x), *_reciprocal(x)[:_ORDER]]


def _sqrt(x: float) -> Series:
    if x == 0.0:
        return [0.0, *[math.inf] * _ORDER]
    return _derivatives(_power_of([x, 1.0], 0.5))


def _exp(x: float) -> Series:
    return [math.exp(x)] * (_ORDER + 1)


def _by_square(value: float, sign: float) -> Series:
    """Return the derivatives of y where y' = 1 + sign y^2."""
    series = [value]
    for k in range(_ORDER):
        square = _product(series, series, k)
        series.append(((1.0 if k == 0 else 0.0) + sign * square) / (k + 1))
    return _derivatives(series)


def _tanh(x: float) -> Series:
    return _by_square(math.tanh(x), -1.0)


def _tan(x: float) -> Series:
    return _by_square(math.tan(x), 1.0)


def _cycle(*values: float) -> Series:
    return [values[k % len(values)] for k in range(_ORDER + 1)]


def _sinh(x: float) -> Series:
    return _cycle(math.sinh(x), math.cosh(x))


def _cosh(x: float) -> Series:
    return _cycle(math.cosh(x), math.sinh(x))


def _sin(x: float) -> Series:
    return _cycle(math.sin(x), math.cos(x), -math.sin(x), -math.cos(x))


def _cos(x: float) -> Series:
    return _cycle(math.cos(x), -math.sin(x), -math.cos(x), math.sin(x))


def _arc(value: float, below: Series, exponent: float) -> Series:
    """Return the derivatives of a function whose slope is a power of a polynomial's series."""
    return _derivatives(_integral(value, _power_of(below, exponent)))


def _atan(x: float) -> Series:
    return _arc(math.atan(x), [1.0 + x * x, 2.0 * x, 1.0], -1.0)


def _atanh(x: float) -> Series:
    return _arc(math.atanh(x), [1.0 - x * x, -2.0 * x, -1.0], -1.0)


def _asinh(x: float) -> Series:
    return _arc(math.asinh(x), [1.0 + x * x, 2.0 * x, 1.0], -0.5)


def _acosh(x: float) -> Series:
    return _arc(math.acosh(x), [x * x - 1.0, 2.0 * x, 1.0], -0.5)


def _asin(x: float) -> Series:
    return _arc(math.asin(x), [1.0 - x * x, -2.0 * x, -1.0], -0.5)


def _acos(x: float) -> Series:
    return [math.acos(x), *(-c for c in _asin(x)[1:])]


def _sign_of(x: float) -> float:
    return float((x > 0.0) - (x < 0.0))


def _abs(x: float) -> Series:
    return [abs(x), _sign_of(x), *[0.0] * (_ORDER - 1)]


def _sign(x: float) -> Series:
    return [_sign_of(x), *[0.0] * _ORDER]


def _unary(function: Callable[[float], Series]) -> Callable[[Jet], Jet]:
    """Lift a function with its derivatives; NaN where it is not defined."""

    def lifted(a: Jet) -> Jet:
        try:
            derivatives = function(_base(a))
        except (ValueError, OverflowError, ZeroDivisionError):
            derivatives = [math.nan] * (_ORDER + 1)
        return _composed(a, derivatives)

    return lifted


_exp_of, _log_of, _reciprocal_of = _unary(_exp), _unary(_log), _unary(_reciprocal)


def _power(a: Jet, b: Jet) -> Jet:
    """Return a ** b; at a = 0 < b the exponent's own variation has no effect."""
    x, exponent = _base(a), _base(b)
    if x > 0.0 and b[1:].any():
        return _exp_of(_times(*_alike(b, _log_of(a))))

    def derivatives(base: float) -> Series:
        values, factor = [], 1.0
        for order in range(_ORDER + 1):
            # A factor of zero ends the series before 0 ** (negative) can arise.
            if factor == 0.0:
                values.append(0.0)
            elif base == 0.0 and exponent < order:
                values.append(math.inf)
            else:
                values.append(factor * math.pow(base, exponent - order))
            factor *= exponent - order
        return values

    return _unary(derivatives)(a)


def _select(a: Jet, b: Jet, x: Jet, y: Jet) -> Jet:
    return x if _base(a) < _base(b) else y


_ALGEBRA: Algebra = {
    "const": _constant,
    "add": _plus,
    "sub": lambda a, b: _plus(a, -b),
    "mul": lambda a, b: _times(*_alike(a, b)),
    "div": lambda a, b: _times(*_alike(a, _reciprocal_of(b))),
    "neg": lambda a: -a,
    "pow": _power,
    "select": _select,
    "min": lambda a, b: _select(a, b, a, b),
    "max": lambda a, b: _select(b, a, a, b),
    "exp": _exp_of,
    "log": _log_of,
    **{
        name: _unary(function)
        for name, function in {
            "sqrt": _sqrt,
            "tanh": _tanh,
            "sinh": _sinh,
            "cosh": _cosh,
            "sin": _sin,
            "cos": _cos,
            "tan": _tan,
            "asin": _asin,
            "acos": _acos,
            "atan": _atan,
            "asinh": _asinh,
            "acosh": _acosh,
            "atanh": _atanh,
            "abs": _abs,
            "sign": _sign,
        }.items()
    },
}


@lru_cache(maxsize=64)
def _evaluator(model: Model) -> Callable[..., list[Jet]]:
    source = Source(model)
    return evaluator(source.graph, source.rhs, _ALGEBRA)


class Multilinear:
    """The second to fifth derivatives of a model's right-hand side at a point.

    Parameters
    ----------
    model : Model
    y : array_like, shape (n_state,)
        Real states.
    p, u : array_like, shapes (n_param,) and (n_input,)
    """

    def __init__(self, model: Model, y: ArrayLike, p: ArrayLike, u: ArrayLike) -> None:
        self._evaluate = _evaluator(model)
        self._model = model
        self._y = np.asarray(y, dtype=float)
        self._p = [_constant(value) for value in np.asarray(p, dtype=float)]
        self._u = [_constant(value) for value in np.asarray(u, dtype=float)]

    def B(self, v: ArrayLike, w: ArrayLike) -> NDArray[Any]:
        """Return B(v, w) = sum over j, k of d2f/(dy_j dy_k) v_j w_k, shape (n_state,).

        Vectors may be complex; B is linear in each, without conjugation.
        """
        return self.applied(v, w)

    def C(self, v: ArrayLike, w: ArrayLike, x: ArrayLike) -> NDArray[Any]:
        """Return C(v, w, x), the third derivative applied to three vectors."""
        return self.applied(v, w, x)

    def first_three(
        self, v: ArrayLike, w: ArrayLike, x: ArrayLike
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return B(v, w), B(v, x) and C(v, w, x), for the price of the last."""
        rows = self._rows(self._jets(v, w, x), self._p, self._u)
        return rows[:, 0b011], rows[:, 0b101], rows[:, 0b111]

    def by_parameter(self, v: ArrayLike, name: str) -> NDArray[Any]:
        """Return df/dy times a vector, differentiated by a parameter or input, (n_state,)."""
        direction = np.asarray(v)
        model, p, u = self._model, list(self._p), list(self._u)
        held, k = (
            (p, model.params.index(name))
            if name in model.params
            else (
                u,
                model.inputs.index(name),
            )
        )
        held[k] = np.array([held[k][0], 0.0, 1.0, 0.0])
        jets = np.zeros((len(self._y), 4), dtype=np.result_type(float, direction))
        jets[:, 0], jets[:, 1] = self._y, direction
        return self._rows(jets, p, u)[:, -1]

    def applied(self, *vectors: ArrayLike) -> NDArray[Any]:
        """Return the derivative of the order of the number of vectors, 2 to 5, applied to them.

        Returns
        -------
        ndarray, shape (n_state,)
        """
        return self._rows(self._jets(*vectors), self._p, self._u)[:, -1]

    def _jets(self, *vectors: ArrayLike) -> Jet:
        """Return the states as elements, each vector a direction of its own."""
        directions = [np.asarray(vector) for vector in vectors]
        size = 1 << len(directions)
        jets = np.zeros((len(self._y), size), dtype=np.result_type(float, *directions))
        jets[:, 0] = self._y
        for k, direction in enumerate(directions):
            jets[:, 1 << k] = direction
        return jets

    def _rows(self, jets: Jet, p: list[Jet], u: list[Jet]) -> NDArray[Any]:
        """Return the right-hand side's elements, shape (n_state, number of subsets)."""
        # Outside its domain a function is NaN, as in the compiled code; no warnings.
        with np.errstate(all="ignore"):
            values = self._evaluate(_constant(0.0), list(jets), p, u)
        # What does not depend on the states at all has met no direction.
        zero = np.zeros(jets.shape[1], dtype=jets.dtype)
        return np.array([_alike(value, zero)[0] for value in values])
