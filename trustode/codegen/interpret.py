"""Evaluate an expression graph in Python: the door without a compiler.

The arithmetic is given from outside, so the same walk serves floats and any other algebra
that has the graph's operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .graph import Graph

#: An algebra: for each operation of the graph, what to do with its operands.
Algebra = Mapping[str, Callable[..., Any]]


def evaluator(
    graph: Graph, outputs: Sequence[int], algebra: Algebra
) -> Callable[[Any, Sequence[Any], Sequence[Any], Sequence[Any]], list[Any]]:
    """Return a function of (t, y, p, u) that evaluates nodes of a graph.

    Parameters
    ----------
    graph : Graph
    outputs : sequence of int
        Nodes whose values are returned.
    algebra : mapping of str to callable
        The operations, with "const" turning a float into an element.
    """
    program: list[tuple[int, Callable[..., Any] | None, tuple[Any, ...]]] = []
    for number in graph.reachable(outputs):
        parts = graph.nodes[number]
        kind = str(parts[0])
        if kind in ("y", "p", "u", "t"):
            program.append((number, None, parts))
        elif kind == "const":
            program.append((number, algebra["const"], (parts[1],)))
        else:
            program.append((number, algebra[kind], parts))
    wanted = list(outputs)
    constant = algebra["const"]

    def evaluate(t: Any, y: Sequence[Any], p: Sequence[Any], u: Sequence[Any]) -> list[Any]:
        families = {"y": y, "p": p, "u": u}
        value: dict[int, Any] = {}
        for number, operation, parts in program:
            if operation is None:
                value[number] = t if parts[0] == "t" else families[parts[0]][parts[1]]
            elif operation is constant:
                value[number] = constant(parts[0])
            elif parts[0] == "powlog":
                value[number] = operation(value[parts[1]], value[parts[2]], parts[3])
            else:
                value[number] = operation(*[value[operand] for operand in parts[1:]])
        return [value[output] for output in wanted]

    return evaluate


def _guarded(function: Callable[..., float]) -> Callable[..., float]:
    """Give NaN where Python raises and C would not."""

    def call(*arguments: float) -> float:
        try:
            return function(*arguments)
        except (ValueError, ZeroDivisionError):
            return math.nan
        except OverflowError:
            return math.inf

    return call


def _divide(a: float, b: float) -> float:
    if b == 0.0:
        same = math.copysign(1.0, a) == math.copysign(1.0, b)
        return math.nan if a == 0.0 or math.isnan(a) else math.inf if same else -math.inf
    return a / b


def _pow(a: float, b: float) -> float:
    try:
        return math.pow(a, b)
    except (OverflowError, ValueError):
        if a < 0.0 and not b.is_integer():
            return math.nan
        odd = b.is_integer() and b % 2.0 == 1.0
        return math.copysign(math.inf, a) if odd else math.inf


def _atanh(a: float) -> float:
    return math.copysign(math.inf, a) if abs(a) == 1.0 else math.atanh(a)


def _powlog(a: float, b: float, degree: int) -> float:
    if a == 0.0 and b > 0.0:
        return 0.0
    return float(math.pow(a, b) * math.log(a) ** degree)


def _sign(a: float) -> float:
    return 1.0 if a > 0.0 else -1.0 if a < 0.0 else a


def _log(a: float) -> float:
    return -math.inf if a == 0.0 else math.log(a)


def _sinh(a: float) -> float:
    try:
        return math.sinh(a)
    except OverflowError:
        return math.copysign(math.inf, a)


#: Arithmetic of floats.
FLOATS: Algebra = {
    "const": float,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": _divide,
    "neg": lambda a: -a,
    "pow": _pow,
    "powlog": _guarded(_powlog),
    "select": lambda a, b, x, y: x if a < b else y,
    "min": lambda a, b: a if a < b or a != a else b,
    "max": lambda a, b: a if a > b or a != a else b,
    "abs": abs,
    "sign": _sign,
    **{
        name: _guarded(getattr(math, name))
        for name in "exp sqrt tanh cosh sin cos tan asin acos atan asinh acosh".split()
    },
    "atanh": _guarded(_atanh),
    "log": _guarded(_log),
    "sinh": _sinh,
}
