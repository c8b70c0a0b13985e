"""MathML as SBML has it, into expressions. Imports the errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from xml.etree.ElementTree import Element

from ..errors import ModelError, nearest
from .tree import COMPARISONS, ONE, Node, add, call, div, mul, name, neg, number, power
from .tree import substitute as put_in

_DEEPEST = 150

#: What time is called in the expressions that come out: no identifier can be this.
TIME = "<time>"

_SYMBOLS = "http://www.sbml.org/sbml/symbols/"
_AVOGADRO = "6.02214179e23"

#: Functions of one argument, by MathML's name.
_FUNCTIONS = {
    "exp": "exp",
    "ln": "log",
    "abs": "abs",
    **{f: f for f in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{f"arc{f}": f"a{f}" for f in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
}
_INVERSES = {
    "sec": "cos",
    "csc": "sin",
    "cot": "tan",
    "sech": "cosh",
    "csch": "sinh",
    "coth": "tanh",
}
_INVERSES_BACK = {f"arc{inverse}": f"a{function}" for inverse, function in _INVERSES.items()}
_CONSTANTS = {"pi": "3.141592653589793", "exponentiale": "2.718281828459045"}

#: A number as XML Schema has it.
DIGITS = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z")


def local(element: Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def called(element: Element) -> set[str]:
    """Return the names of the functions that formulas in an element call."""
    heads = (part[0] for part in element.iter() if local(part) == "apply" and len(part))
    return {(head.text or "").strip() for head in heads if local(head) == "ci"}


def _either(one: Node, other: Node) -> Node:
    """Return the condition that one holds and the other does not."""
    return Node("neq", (Node("not", (one,)), Node("not", (other,))))


@dataclass(frozen=True)
class Lambda:
    """A function definition."""

    arguments: tuple[str, ...]
    body: Node


@dataclass(frozen=True)
class Reader:
    """Reads MathML.

    Parameters
    ----------
    where : str
        What is being read, for messages.
    functions : mapping of str to Lambda
        Functions that the file defines.
    """

    where: str
    functions: Mapping[str, Lambda]

    def math(self, element: Element) -> Node:
        """Return what a ``math`` element says."""
        return self.read(self._only(element), 0)

    def definition(self, element: Element) -> Lambda:
        """Return what a ``math`` element with a ``lambda`` says."""
        made = self._only(element)
        if local(made) == "semantics" and len(made):
            made = made[0]
        if local(made) != "lambda" or not len(made):
            raise self.fail("a function definition without lambda")
        *bound, body = made
        arguments = []
        for variable in bound:
            if local(variable) != "bvar" or len(variable) != 1:
                raise self.fail("a function definition whose arguments are not names")
            arguments.append((variable[0].text or "").strip())
        return Lambda(tuple(arguments), self.read(body, 0))

    def fail(self, what: str) -> ModelError:
        """Return an error that says what is being read."""
        return ModelError(f"{self.where}: {what}")

    def _only(self, element: Element) -> Element:
        if len(element) != 1:
            raise self.fail(f"a formula of {len(element)} expressions; it has one")
        return element[0]

    def read(self, element: Element, depth: int) -> Node:
        """Return an expression."""
        if depth > _DEEPEST:
            raise self.fail(f"a formula nested more than {_DEEPEST} deep")
        tag = local(element)
        if tag == "cn":
            return self._number(element)
        if tag == "ci":
            return name((element.text or "").strip())
        if tag == "csymbol":
            return self._symbol(element)
        if tag in _CONSTANTS:
            return number(_CONSTANTS[tag])
        if tag in ("true", "false"):
            return Node(tag)
        if tag == "semantics" and len(element):
            return self.read(element[0], depth + 1)
        if tag == "piecewise":
            return self._piecewise(element, depth)
        if tag == "apply" and len(element):
            return self._apply(element, depth)
        raise self.fail(f"MathML's {tag[:40]!r} has no equivalent in a model")

    def _number(self, element: Element) -> Node:
        kind = element.get("type", "real")
        parts = [(element.text or "").strip(), *((part.tail or "").strip() for part in element)]
        two = kind in ("e-notation", "rational")
        if not all(DIGITS.match(part) for part in parts) or len(parts) != 1 + two:
            raise self.fail(f"{' '.join(parts)[:40]!r} is not a number")
        if kind == "e-notation":
            return number(f"{parts[0]}e{parts[1]}".removeprefix("+"))
        if kind == "rational":
            return div(number(parts[0]), number(parts[1]))
        return number(parts[0].removeprefix("+"))

    def _symbol(self, element: Element) -> Node:
        meant = (element.get("definitionURL") or "").strip()
        if meant == f"{_SYMBOLS}time":
            return name(TIME)
        if meant == f"{_SYMBOLS}avogadro":
            return number(_AVOGADRO)
        raise self.fail(f"{meant.rpartition('/')[2][:40]!r} has no equivalent in a model")

    def _piecewise(self, element: Element, depth: int) -> Node:
        operands: list[Node] = []
        otherwise = None
        for part in element:
            if local(part) == "piece" and len(part) == 2:
                operands += [self.read(inner, depth + 1) for inner in part]
            elif local(part) == "otherwise" and len(part) == 1:
                otherwise = self.read(part[0], depth + 1)
            else:
                raise self.fail("a piecewise of other than pieces")
        if otherwise is None:
            raise self.fail("a piecewise expression without otherwise; say what holds elsewhere")
        return Node("piecewise", (*operands, otherwise))

    def _apply(self, element: Element, depth: int) -> Node:
        head, *rest = element
        tag = local(head)
        if tag == "root":
            return self._root(rest, depth)
        if tag == "log":
            return self._logarithm(rest, depth)
        operands = [self.read(part, depth + 1) for part in rest]
        if tag == "ci":
            return self._called((head.text or "").strip(), operands)
        if tag == "csymbol":
            self._symbol(head)
        if tag == "plus":
            return add(*operands)
        if tag == "times":
            return mul(*operands)
        if tag == "minus" and len(operands) in (1, 2):
            return neg(operands[0]) if len(operands) == 1 else add(operands[0], neg(operands[1]))
        if tag in ("divide", "power") and len(operands) == 2:
            return div(*operands) if tag == "divide" else power(*operands)
        if tag in _FUNCTIONS and len(operands) == 1:
            return call(_FUNCTIONS[tag], *operands)
        if tag in _INVERSES and len(operands) == 1:
            return div(ONE, call(_INVERSES[tag], *operands))
        if tag in _INVERSES_BACK and len(operands) == 1:
            return call(_INVERSES_BACK[tag], div(ONE, operands[0]))
        if tag in ("min", "max") and operands:
            return call(tag, *operands) if len(operands) > 1 else operands[0]
        if tag in COMPARISONS and len(operands) >= 2:
            pairs = [Node(tag, pair) for pair in pairwise(operands)]
            return pairs[0] if len(pairs) == 1 else Node("and", tuple(pairs))
        if tag in ("and", "or") or (tag == "not" and len(operands) == 1):
            return Node(tag, tuple(operands))
        if tag == "xor":
            return reduce(_either, operands, Node("false"))
        if tag == "implies" and len(operands) == 2:
            return Node("or", (Node("not", (operands[0],)), operands[1]))
        raise self.fail(f"MathML's {tag[:40]!r} of {len(operands)} has no equivalent in a model")

    def _root(self, parts: list[Element], depth: int) -> Node:
        degree = number("2")
        if parts and local(parts[0]) == "degree":
            degree = self.read(self._only(parts[0]), depth + 1)
            parts = parts[1:]
        if len(parts) != 1:
            raise self.fail("a root of other than one expression")
        base = self.read(parts[0], depth + 1)
        return call("sqrt", base) if degree == number("2") else power(base, div(ONE, degree))

    def _logarithm(self, parts: list[Element], depth: int) -> Node:
        base = number("10")
        if parts and local(parts[0]) == "logbase":
            base = self.read(self._only(parts[0]), depth + 1)
            parts = parts[1:]
        if len(parts) != 1:
            raise self.fail("a logarithm of other than one expression")
        return div(call("log", self.read(parts[0], depth + 1)), call("log", base))

    def _called(self, function: str, operands: list[Node]) -> Node:
        if function not in self.functions:
            hint = nearest(function, self.functions)
            raise self.fail(f"the function {function[:60]!r} is not defined{hint}")
        made = self.functions[function]
        if len(operands) != len(made.arguments):
            raise self.fail(
                f"the function {function[:60]!r} takes {len(made.arguments)} arguments, "
                f"not {len(operands)}"
            )
        return put_in(made.body, dict(zip(made.arguments, operands, strict=True)))
