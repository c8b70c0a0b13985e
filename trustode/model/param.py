"""A parameter, with everything a reader wants to know of it.

Imports the expressions and errors.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass

import sympy

from ..errors import ModelError, checks_keywords
from ..expression import check_prose


def number(value: object, where: str) -> float:
    """Return one finite number, or raise."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real | sympy.Number):
        raise ModelError(f"{where}: expected a number, got {value!r:.60} ({type(value).__name__})")
    try:
        found = float(value)
    except OverflowError:
        raise ModelError(f"{where}: the value is too large for a float") from None
    if not math.isfinite(found):
        raise ModelError(f"{where}: the value {found} is not finite")
    return found


def bound(value: object, where: str) -> float:
    """Return the edge of a range, which may be infinite."""
    if isinstance(value, numbers.Real | sympy.Expr) and value in (math.inf, -math.inf):
        return float(value)
    return number(value, where)


@checks_keywords
@dataclass(frozen=True)
class Param:
    """A parameter: its default value and everything a reader wants to know of it.

    Parameters
    ----------
    value : float
        Default value.
    unit : str
        Unit, as text; the empty string means dimensionless.
    min, max : float
        Range in which the value makes sense, inclusive; may be infinite.
    meaning : str
        What it stands for, in a reader's words.
    theme : str
        Theme of the study or part of the theory that it represents.
    source : str
        Where the value or the term comes from.

    Raises
    ------
    ModelError
        If the value is not finite or outside its range.
    """

    value: float
    unit: str = ""
    min: float = -math.inf
    max: float = math.inf
    meaning: str = ""
    theme: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        value = number(self.value, "Param: value")
        for name in ("min", "max"):
            object.__setattr__(self, name, bound(getattr(self, name), f"Param: {name}"))
        object.__setattr__(self, "value", value)
        if not self.min <= self.max:
            raise ModelError(f"Param: min={self.min:g} is above max={self.max:g}")
        if not self.min <= value <= self.max:
            raise ModelError(f"Param: value {value:g} is outside [{self.min:g}, {self.max:g}]")
        for name in ("unit", "meaning", "theme", "source"):
            check_prose(getattr(self, name), f"Param: {name}")
