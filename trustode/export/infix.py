"""Print expressions in languages that write them as we do: ``a*x^2 + b``.

Imports the model layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce

import sympy

from ..expression import FUNCTIONS

#: How tightly a text binds.
_SUM, _PRODUCT, _POWER, _ATOM = range(4)

#: Name of each function of models, by the class that sympy has for it.
NAMES = {cls: name for name, cls in FUNCTIONS.items() if isinstance(cls, type)}


def whole(value: float) -> str:
    """Return a number, without a point if it has no fraction."""
    return str(int(value)) if value == int(value) and abs(value) < 1e6 else repr(value)


@dataclass(frozen=True)
class Dialect:
    """How a language writes expressions.

    Parameters
    ----------
    power : str
        Its sign for powers.
    functions : mapping of str to str
        Functions that it calls otherwise than we do, as a pattern with ``{0}`` (or
        ``{0}`` and ``{1}`` for min and max) for the arguments.
    number : callable
        How it writes a double.
    """

    power: str = "^"
    functions: Mapping[str, str] = field(default_factory=dict)
    number: Callable[[float], str] = whole

    def write(self, expression: sympy.Expr, names: Mapping[str, str]) -> str:
        """Return the text of an expression.

        Parameters
        ----------
        expression : sympy expression
        names : mapping of str to str
            What each name, and ``t``, is in this language.
        """
        return self._text(expression, names)[0]

    def _within(self, expression: sympy.Expr, names: Mapping[str, str], level: int) -> str:
        """Return the text of an expression, in brackets unless it binds tightly enough."""
        text, mine = self._text(expression, names)
        return text if mine >= level else f"({text})"

    def _text(self, expression: sympy.Expr, names: Mapping[str, str]) -> tuple[str, int]:
        if expression.is_Symbol:
            return names[expression.name], _ATOM
        if expression.is_Rational and not expression.is_Integer:
            sign = "-" if expression.p < 0 else ""
            above, below = (self.number(float(part)) for part in (abs(expression.p), expression.q))
            return f"{sign}{above}/{below}", _SUM if sign else _PRODUCT
        if expression.is_number and not expression.args:
            text = self.number(float(expression))
            return text, _SUM if text.startswith("-") else _ATOM
        if expression.is_Add:
            return self._sum(expression, names), _SUM
        if expression.is_Mul:
            return self._product(expression, names)
        if isinstance(expression, sympy.exp):
            return self._call("exp", [self._text(expression.args[0], names)[0]]), _ATOM
        if expression.is_Pow:
            return self._raised(expression, names)
        arguments = [self._text(argument, names)[0] for argument in expression.args]
        return self._call(NAMES[expression.func], arguments), _ATOM

    def _call(self, name: str, arguments: list[str]) -> str:
        pattern = self.functions.get(name, name + ("({0}, {1})" if len(arguments) > 1 else "({0})"))
        if len(arguments) == 1:
            return pattern.format(arguments[0])
        return reduce(pattern.format, arguments)

    def _sum(self, expression: sympy.Expr, names: Mapping[str, str]) -> str:
        # A term that begins with a minus is subtracted: no two signs stand side by side.
        first, *rest = expression.as_ordered_terms()
        text = self._text(first, names)[0]
        for term in rest:
            part, level = self._text(term, names)
            if part.startswith("-"):
                text += f" - {part[1:]}"
            else:
                text += f" + {part if level > _SUM else f'({part})'}"
        return text

    def _product(self, expression: sympy.Expr, names: Mapping[str, str]) -> tuple[str, int]:
        coefficient, rest = expression.as_coeff_Mul()
        above: list[str] = []
        below: list[str] = []
        numbers = (
            (abs(coefficient.p), coefficient.q)
            if coefficient.is_Rational
            else (abs(coefficient), 1)
        )
        for number, part in zip(numbers, (above, below), strict=True):
            if number != 1:
                part.append(self.number(float(number)))
        for factor in rest.as_ordered_factors():
            if factor.is_Pow and factor.exp.is_Rational and factor.exp.is_negative:
                below.append(self._within(factor.base**-factor.exp, names, _POWER))
            else:
                above.append(self._within(factor, names, _POWER))
        text = "*".join(above) or self.number(1.0)
        if below:
            text += "/" + (below[0] if len(below) == 1 else f"({'*'.join(below)})")
        if coefficient.is_negative:
            return f"-{text}", _SUM
        return text, _PRODUCT

    def _raised(self, expression: sympy.Expr, names: Mapping[str, str]) -> tuple[str, int]:
        base, exponent = expression.base, expression.exp
        if exponent.is_Rational and exponent.is_negative:
            text = self._within(base**-exponent, names, _POWER)
            return f"{self.number(1.0)}/{text}", _PRODUCT
        if exponent == sympy.Rational(1, 2):
            return self._call("sqrt", [self._text(base, names)[0]]), _ATOM
        raised = str(exponent) if exponent.is_Integer else self._within(exponent, names, _ATOM)
        return f"{self._within(base, names, _ATOM)}{self.power}{raised}", _POWER
