"""Expressions on their way from another language into ours: plain data, nothing runs.

Imports the expressions and errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..errors import ModelError
from ..expression import MAX_NODES

#: Nodes that an expression may have with everything put in; our parser takes no more.
_MOST = 4 * MAX_NODES

#: Comparisons, as what a step of sign(b - a) makes of them.
COMPARISONS = ("lt", "gt", "leq", "geq", "eq", "neq")
LOGIC = ("and", "or", "not", "true", "false")

_SUM, _PRODUCT, _POWER, _ATOM = range(4)


@dataclass(frozen=True)
class Node:
    """An operation and its operands.

    Parameters
    ----------
    kind : str
        "number" or "name" (with their `text`), "add", "mul", "div", "neg", "pow", "call" (with
        the function's name as its `text`), "piecewise" (value, condition, ..., otherwise), or
        one of `COMPARISONS` and `LOGIC`, which are 1 where they hold and 0 elsewhere.
    operands : tuple of Node
    text : str
    """

    kind: str
    operands: tuple[Node, ...] = ()
    text: str = ""
    #: Nodes in all, counting a shared one as often as it stands there.
    size: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        size = 1 + sum(operand.size for operand in self.operands)
        if size > _MOST:
            raise ModelError(
                f"an expression of more than {_MOST} numbers, names and operations, with what "
                "its names stand for put in"
            )
        object.__setattr__(self, "size", size)


def number(text: str | float) -> Node:
    """Return the node of a number."""
    value = text if isinstance(text, str) else repr(text)
    return (
        Node("neg", (Node("number", text=value[1:]),))
        if value[:1] == "-"
        else Node("number", text=value)
    )


def name(text: str) -> Node:
    """Return the node of a name."""
    return Node("name", text=text)


def add(*terms: Node) -> Node:
    """Return the node of a sum."""
    return terms[0] if len(terms) == 1 else Node("add", terms) if terms else number("0")


def mul(*factors: Node) -> Node:
    """Return the node of a product."""
    kept = tuple(factor for factor in factors if factor != ONE)
    return kept[0] if len(kept) == 1 else Node("mul", kept) if kept else ONE


def neg(node: Node) -> Node:
    """Return the node of -x."""
    return Node("neg", (node,))


def div(above: Node, below: Node) -> Node:
    """Return the node of a / b."""
    return above if below == ONE else Node("div", (above, below))


def power(base: Node, exponent: Node) -> Node:
    """Return the node of a ** b."""
    return Node("pow", (base, exponent))


def call(function: str, *arguments: Node) -> Node:
    """Return the node of a function of ours."""
    return Node("call", arguments, function)


ONE = Node("number", text="1")
ZERO = Node("number", text="0")


def names(node: Node) -> set[str]:
    """Return the names in an expression."""
    if node.kind == "name":
        return {node.text}
    return set().union(*(names(operand) for operand in node.operands))


def substitute(node: Node, values: Mapping[str, Node]) -> Node:
    """Return an expression with expressions for some of its names."""
    if node.kind == "name":
        return values.get(node.text, node)
    if not node.operands:
        return node
    operands = tuple(substitute(operand, values) for operand in node.operands)
    return Node(node.kind, operands, node.text)


def resolve(definitions: Mapping[str, Node], where: str) -> dict[str, Node]:
    """Put definitions into each other until none is left in any.

    Raises
    ------
    ModelError
        If one depends on itself.
    """
    done: dict[str, Node] = {}
    open_: list[str] = []

    def visit(defined: str) -> None:
        if defined in done:
            return
        if defined in open_:
            circle = " -> ".join([*open_[open_.index(defined) :], defined])
            raise ModelError(f"{where}: a definition depends on itself: {circle}")
        open_.append(defined)
        used = sorted(names(definitions[defined]) & definitions.keys())
        for other in used:
            visit(other)
        done[defined] = substitute(definitions[defined], {other: done[other] for other in used})
        open_.pop()

    for defined in definitions:
        visit(defined)
    return done


def write(node: Node, renamed: Mapping[str, str]) -> str:
    """Return an expression in our own language, with names changed."""
    return _text(node, renamed)[0]


def _text(node: Node, renamed: Mapping[str, str]) -> tuple[str, int]:
    """Return text and how tightly it binds."""
    if node.kind == "number":
        return node.text, _ATOM
    if node.kind == "name":
        return renamed.get(node.text, node.text), _ATOM
    if node.kind == "add":
        return " + ".join(_within(part, renamed, _PRODUCT) for part in node.operands), _SUM
    if node.kind == "neg":
        return f"-{_within(node.operands[0], renamed, _PRODUCT)}", _SUM
    if node.kind == "mul":
        return "*".join(_within(part, renamed, _POWER) for part in node.operands), _PRODUCT
    if node.kind == "div":
        above, below = node.operands
        return f"{_within(above, renamed, _POWER)}/{_within(below, renamed, _POWER)}", _PRODUCT
    if node.kind == "pow":
        return "**".join(_within(part, renamed, _ATOM) for part in node.operands), _POWER
    if node.kind == "call":
        return f"{node.text}({_listed(node.operands, renamed)})", _ATOM
    if node.kind == "piecewise":
        return _text(_chosen(node.operands), renamed)
    return _text(_step(node), renamed)


def _within(node: Node, renamed: Mapping[str, str], level: int) -> str:
    text, mine = _text(node, renamed)
    return text if mine >= level else f"({text})"


def _listed(nodes: Iterable[Node], renamed: Mapping[str, str]) -> str:
    return ", ".join(_text(node, renamed)[0] for node in nodes)


def _step(node: Node) -> Node:
    """Return a condition as 1 where it holds and 0 elsewhere, edges included."""
    if node.kind in ("true", "false"):
        return ONE if node.kind == "true" else ZERO
    if node.kind == "not":
        return add(ONE, neg(_step(node.operands[0])))
    if node.kind == "and":
        return mul(*map(_step, node.operands))
    if node.kind == "or":
        return add(ONE, neg(mul(*(add(ONE, neg(_step(part))) for part in node.operands))))
    if node.kind not in COMPARISONS:
        # A number where a condition is wanted: it holds unless it is 0.
        return call("abs", call("sign", node))
    low, high = node.operands
    if node.kind in ("gt", "geq"):
        low, high = high, low
    side = call("sign", add(high, neg(low)))
    if node.kind in ("lt", "gt"):
        return call("max", side, ZERO)
    if node.kind in ("leq", "geq"):
        return call("min", add(ONE, side), ONE)
    apart = call("abs", side)
    return apart if node.kind == "neq" else add(ONE, neg(apart))


def _chosen(operands: tuple[Node, ...]) -> Node:
    """Return a piecewise expression by min, max and sign."""
    *pieces, otherwise = operands
    if len(pieces) == 2:
        value, condition = pieces
        for kinds, function in ((("lt", "leq"), "min"), (("gt", "geq"), "max")):
            if condition.kind in kinds and condition.operands == (value, otherwise):
                return call(function, value, otherwise)
    if len(pieces) == 4 and (pieces[0], pieces[2], otherwise) == (ONE, neg(ONE), ZERO):
        above, below = pieces[1], pieces[3]
        if (above.kind, below.kind) == ("gt", "lt") and above.operands == below.operands:
            x, zero = above.operands
            if zero == ZERO:
                return call("sign", x)
    chosen = otherwise
    for k in range(len(pieces) - 2, -1, -2):
        step = _step(pieces[k + 1])
        rest = () if chosen == ZERO else (mul(add(ONE, neg(step)), chosen),)
        chosen = add(mul(step, pieces[k]), *rest)
    return chosen
