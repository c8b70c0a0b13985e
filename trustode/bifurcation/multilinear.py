"""Exact second and third derivatives of a right-hand side, contracted with vectors.

The expression graph is evaluated over numbers a + sum of c_S e_S, where S runs over the
subsets of three directions and each direction squares to zero. The coefficient of e_1 e_2 is
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

#: Coefficients of an element, indexed by the subset of directions as three bits.
Jet = NDArray[Any]
#: A function's value and first three derivatives.
Derivatives = tuple[float, float, float, float]

_SUBSETS = 8
_PAIRS = [(s, a, s & ~a) for s in range(_SUBSETS) for a in range(_SUBSETS) if a & ~s == 0]
_LEFT = np.array([a for _, a, _ in _PAIRS])
_RIGHT = np.array([b for _, _, b in _PAIRS])
_STARTS = np.searchsorted([s for s, _, _ in _PAIRS], np.arange(_SUBSETS))


def _constant(value: float) -> Jet:
    """Return a number as an element."""
    jet = np.zeros(_SUBSETS)
    jet[0] = value
    return jet


def _times(a: Jet, b: Jet) -> Jet:
    """Multiply two elements: disjoint subsets unite, others vanish."""
    return np.asarray(np.add.reduceat(a[_LEFT] * b[_RIGHT], _STARTS))


def _base(a: Jet) -> float:
    """Return the part of an element that is not nilpotent; states are real."""
    return float(a[0].real)


def _composed(a: Jet, derivatives: Derivatives) -> Jet:
    """Return a function of an element from the function's derivatives at its base.

    A power of the nilpotent part that vanishes is left out, so that an infinite derivative
    which nothing uses does no harm.
    """
    result = np.zeros_like(a)
    result[0] = derivatives[0]
    nilpotent = a.copy()
    nilpotent[0] = 0.0
    power = nilpotent
    for order, derivative in enumerate(derivatives[1:], start=1):
        if derivative != 0.0 and power.any():
            used = np.flatnonzero(power)
            result[used] += derivative / math.factorial(order) * power[used]
        power = _times(power, nilpotent)
    return result


def _reciprocal(x: float) -> Derivatives:
    if x == 0.0:
        return (math.nan,) * 4
    r = 1.0 / x
    return r, -r * r, 2 * r**3, -6 * r**4


def _log(x: float) -> Derivatives:
    r = 1.0 / x
    return math.log(x), r, -r * r, 2 * r**3


def _sqrt(x: float) -> Derivatives:
    root = math.sqrt(x)
    if root == 0.0:
        return 0.0, math.inf, math.inf, math.inf
    return root, 0.5 / root, -0.25 / (root * x), 0.375 / (root * x * x)


def _exp(x: float) -> Derivatives:
    return (math.exp(x),) * 4


def _tanh(x: float) -> Derivatives:
    value = math.tanh(x)
    slope = 1.0 - value * value
    return value, slope, -2 * value * slope, slope * (6 * value * value - 2)


def _tan(x: float) -> Derivatives:
    value = math.tan(x)
    slope = 1.0 + value * value
    return value, slope, 2 * value * slope, slope * (6 * value * value + 2)


def _sinh(x: float) -> Derivatives:
    return math.sinh(x), math.cosh(x), math.sinh(x), math.cosh(x)


def _cosh(x: float) -> Derivatives:
    return math.cosh(x), math.sinh(x), math.cosh(x), math.sinh(x)


def _sin(x: float) -> Derivatives:
    return math.sin(x), math.cos(x), -math.sin(x), -math.cos(x)


def _cos(x: float) -> Derivatives:
    return math.cos(x), -math.sin(x), -math.cos(x), math.sin(x)


def _atan(x: float) -> Derivatives:
    r = 1.0 / (1.0 + x * x)
    return math.atan(x), r, -2 * x * r * r, (6 * x * x - 2) * r**3


def _atanh(x: float) -> Derivatives:
    r = 1.0 / (1.0 - x * x)
    return math.atanh(x), r, 2 * x * r * r, (6 * x * x + 2) * r**3


def _asinh(x: float) -> Derivatives:
    r = 1.0 / math.sqrt(1.0 + x * x)
    return math.asinh(x), r, -x * r**3, (2 * x * x - 1) * r**5


def _acosh(x: float) -> Derivatives:
    r = 1.0 / math.sqrt(x * x - 1.0)
    return math.acosh(x), r, -x * r**3, (2 * x * x + 1) * r**5


def _asin(x: float) -> Derivatives:
    r = 1.0 / math.sqrt(1.0 - x * x)
    return math.asin(x), r, x * r**3, (2 * x * x + 1) * r**5


def _acos(x: float) -> Derivatives:
    _, slope, second, third = _asin(x)
    return math.acos(x), -slope, -second, -third


def _sign_of(x: float) -> float:
    return float((x > 0.0) - (x < 0.0))


def _abs(x: float) -> Derivatives:
    return abs(x), _sign_of(x), 0.0, 0.0


def _sign(x: float) -> Derivatives:
    return _sign_of(x), 0.0, 0.0, 0.0


def _unary(function: Callable[[float], Derivatives]) -> Callable[[Jet], Jet]:
    """Lift a function with its derivatives; NaN where it is not defined."""

    def lifted(a: Jet) -> Jet:
        try:
            derivatives = function(_base(a))
        except (ValueError, OverflowError, ZeroDivisionError):
            derivatives = (math.nan,) * 4
        return _composed(a, derivatives)

    return lifted


_exp_of, _log_of, _reciprocal_of = _unary(_exp), _unary(_log), _unary(_reciprocal)


def _power(a: Jet, b: Jet) -> Jet:
    """Return a ** b; at a = 0 < b the exponent's own variation has no effect."""
    x, exponent = _base(a), _base(b)
    if x > 0.0 and b[1:].any():
        return _exp_of(_times(b, _log_of(a)))

    def derivatives(base: float) -> Derivatives:
        values, factor = [], 1.0
        for order in range(4):
            # A factor of zero ends the series before 0 ** (negative) can arise.
            if factor == 0.0:
                values.append(0.0)
            elif base == 0.0 and exponent < order:
                values.append(math.inf)
            else:
                values.append(factor * math.pow(base, exponent - order))
            factor *= exponent - order
        return values[0], values[1], values[2], values[3]

    return _unary(derivatives)(a)


def _select(a: Jet, b: Jet, x: Jet, y: Jet) -> Jet:
    return x if _base(a) < _base(b) else y


_ALGEBRA: Algebra = {
    "const": _constant,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": _times,
    "div": lambda a, b: _times(a, _reciprocal_of(b)),
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
    """The second and third derivative of a model's right-hand side at a point.

    Parameters
    ----------
    model : Model
    y : array_like, shape (n_state,)
        Real states.
    p, u : array_like, shapes (n_param,) and (n_input,)
    """

    def __init__(self, model: Model, y: ArrayLike, p: ArrayLike, u: ArrayLike) -> None:
        self._evaluate = _evaluator(model)
        self._y = np.asarray(y, dtype=float)
        self._p = [_constant(value) for value in np.asarray(p, dtype=float)]
        self._u = [_constant(value) for value in np.asarray(u, dtype=float)]

    def B(self, v: ArrayLike, w: ArrayLike) -> NDArray[Any]:
        """Return B(v, w) = sum over j, k of d2f/(dy_j dy_k) v_j w_k, shape (n_state,).

        Vectors may be complex; B is linear in each, without conjugation.
        """
        return self._coefficient([v, w], 0b011)

    def C(self, v: ArrayLike, w: ArrayLike, x: ArrayLike) -> NDArray[Any]:
        """Return C(v, w, x), the third derivative applied to three vectors."""
        return self._coefficient([v, w, x], 0b111)

    def _coefficient(self, vectors: list[ArrayLike], subset: int) -> NDArray[Any]:
        directions = [np.asarray(vector) for vector in vectors]
        jets = np.zeros((len(self._y), _SUBSETS), dtype=np.result_type(float, *directions))
        jets[:, 0] = self._y
        for k, direction in enumerate(directions):
            jets[:, 1 << k] = direction
        # Outside its domain a function is NaN, as in the compiled code; no warnings.
        with np.errstate(all="ignore"):
            values = self._evaluate(_constant(0.0), list(jets), self._p, self._u)
        return np.array([value[subset] for value in values])
