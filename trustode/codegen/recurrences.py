"""Recurrences for the Taylor coefficients of a solution, from a model's expression graph.

The solution's coefficients follow order by order from those of the right-hand side, which
follow from recurrences over the graph (Jorba & Zou 2005, A software package for the numerical
integration of ODEs by means of high-order Taylor methods, Experimental Mathematics 14, 99-117;
Griewank & Walther 2008, Evaluating Derivatives, ch. 13). Time is in units of a scale that the
caller gives, so that the coefficients neither grow nor vanish.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, ClassVar, NamedTuple

from .graph import Graph
from .sums import LONGEST, Part, joined

#: Sums that one loop accumulates; more would not fit into sixteen vector registers.
SUMS_A_LOOP = 12

#: Functions whose derivative is 1/q(a) or -1/q(a); see `Lowering.quotient`.
_BY_QUOTIENT = {"asin": 1, "acos": -1, "atan": 1, "asinh": 1, "acosh": 1, "atanh": 1}

_UNSUPPORTED = {"min", "max", "select", "abs", "sign"}


class NoRecurrence(Exception):
    """The expression has no recurrence: it is not analytic."""


@dataclass(eq=False, repr=False)
class Series:
    """One series: its order-0 text, its order-k text, and what it needs stored.

    A tangent in the directions of some parameters alone has them in ``only``.
    """

    first: str
    later: str
    slot: int | None = None
    derived: int | None = None
    scaled: tuple[str, str, str] | None = None
    only: frozenset[int] | None = None


@dataclass(frozen=True)
class Kept:
    """A line that keeps a coefficient of order k in its slot; derived: times k."""

    slot: int
    text: str
    derived: bool = False


@dataclass(frozen=True)
class Sigmoid:
    """Sums of a sigmoid's recurrences, when its value is known, and what its slope is made of."""

    depth: int

    product: tuple[int, int]
    square: tuple[int, int]
    value: str
    twice: str
    #: The slope of order k: of twice the first value, the value and the sum of squares.
    rule: str


class Begun(NamedTuple):
    """A function of a node, begun together with its slope, a function of its value alone."""

    #: Order-0 text of the node, and when it is known.
    operand: str
    depth: int
    value: Series
    slope: Series
    #: The value's order-k text.
    later: str
    #: Slots of the sums that they wait for: the node's derivative times the slope, the square.
    product: tuple[int, int]
    square: tuple[int, int]


@dataclass(eq=False, repr=False)
class Recurrences(ABC):
    """Recurrences of nodes, in the order in which they are computed, and what they keep."""

    graph: Graph
    n_slot: int
    uses: Counter[int] = field(default_factory=Counter)
    series: dict[int, Series] = field(default_factory=dict)
    sums: list[tuple[int, int]] = field(default_factory=list)
    first: list[str] = field(default_factory=list)
    later: list[str | Kept] = field(default_factory=list)
    n_name: int = 0

    #: In the text: slots of order 0, those of order k, and sums.
    _LOW: ClassVar[str]
    _HIGH: ClassVar[str]
    _SUM: ClassVar[str]

    @abstractmethod
    def lower(self, number: int) -> Series:
        """Return the recurrence of a node."""

    def read(self, number: int) -> Series:
        """Return the series of a node, lowering it if it is new."""
        known = self.series.get(number)
        if known is None:
            known = self.series[number] = self.lower(number)
        return known

    def new_slot(self) -> int:
        """Return a slot that is not taken."""
        self.n_slot += 1
        return self.n_slot - 1

    def write(self, slot: int, first: str, later: str) -> None:
        """Write a series' coefficients to its slot."""
        self.first.append(f"{self._LOW}[{slot}] = {first};")
        self.later.append(Kept(slot, later))

    def store(self, series: Series) -> int:
        """Return the slot in which all coefficients of a series are kept."""
        if series.slot is None:
            series.slot = self.new_slot()
            self.write(series.slot, series.first, series.later)
        return series.slot

    def sum(self, left: int, right: int) -> str:
        """Return the text of the sum of left[j] right[k - j] over 0 < j < k."""
        pair = (left, right)
        if pair not in self.sums:
            self.sums.append(pair)
        return f"{self._SUM}{self.sums.index(pair)}"


@dataclass(eq=False, repr=False)
class Lowering(Recurrences):
    """Recurrences of the nodes of a graph, along which some inputs are driven."""

    driven: Sequence[int] = ()
    hoisted: list[int] = field(default_factory=list)
    over_order: list[int] = field(default_factory=list)
    sigmoids: list[Sigmoid] = field(default_factory=list)
    moving: dict[int, bool] = field(default_factory=dict)
    #: Slots with the arguments, and k times their coefficients, of functions that flatten away
    #: from zero, and of those that repeat.
    steep: list[int] = field(default_factory=list)
    waves: list[int] = field(default_factory=list)
    #: Lines behind those of order 0: products that every order reads.
    ahead: list[str] = field(default_factory=list)
    #: Operations that a coefficient waits for, of each node and of each state's newest.
    depths: dict[int, int] = field(default_factory=dict)
    summed: dict[int, dict[int, int]] = field(default_factory=dict)
    arrivals: Sequence[int] = ()

    _LOW, _HIGH, _SUM = "s", "x", "a"

    # ---------------------------------------------------------------- helpers

    def moves(self, number: int) -> bool:
        """Say whether a node changes along a solution."""
        known = self.moving.get(number)
        if known is None:
            kind, *rest = self.graph.nodes[number]
            known = (
                kind in ("y", "t")
                or (kind == "u" and rest[0] in self.driven)
                or any(map(self.moves, self.graph.operands(number)))
            )
            self.moving[number] = known
        return known

    def constant(self, number: int) -> str:
        """Return the text of what does not change along a solution."""
        value = self.graph.value(number)
        if value is not None:
            return f"tro_set({value.hex()})"
        if number not in self.hoisted:
            self.hoisted.append(number)
        return f"c[{self.hoisted.index(number)}]"

    def name(self, first: str, later: str) -> Series:
        """Give an expression a name of its own."""
        number = self.n_name
        self.n_name += 1
        self.first.append(f"const tro_v v{number} = {first};")
        self.later.append(f"const tro_v n{number} = {later};")
        return Series(f"v{number}", f"n{number}")

    def derive(self, series: Series) -> int:
        """Return the slot in which k times coefficient k is kept."""
        if series.derived is None:
            series.derived = self.new_slot()
            self.later.append(Kept(series.derived, series.later, derived=True))
        return series.derived

    def mind(self, operand: int, arguments: list[int]) -> None:
        """Keep an argument among those that must not move far: beside k times coefficient k."""
        a = self.read(operand)
        slot = self.derive(a)
        if slot not in arguments:
            arguments.append(slot)
            self.first.append(f"s[{slot}] = {a.first};")

    def mean(self, left: int, right: int) -> str:
        """Return the text of a sum over k."""
        number = int(self.sum(left, right)[1:])
        if number not in self.over_order:
            self.over_order.append(number)
        return f"e{number}"

    # ---------------------------------------------------------------- the rules

    def lower(self, number: int) -> Series:
        """Return the recurrence of a node."""
        graph = self.graph
        if not self.moves(number):
            text = self.constant(number)
            return Series(text, "tro_set(0.0)")
        operation = str(graph.nodes[number][0])
        operands = graph.operands(number)
        if operation == "y":
            slot = int(graph.nodes[number][1])
            return Series(f"s[{slot}]", f"x[{slot}]", slot)
        if operation == "t":
            series = self.name("t", "k == 1 ? scale : tro_set(0.0)")
            self.store(series)
            return series
        if operation == "u":
            place = 4 * self.driven.index(int(graph.nodes[number][1]))
            series = self.name(f"u[{place}]", f"k < 4 ? u[{place} + k] : tro_set(0.0)")
            self.store(series)
            return series
        if operation in _UNSUPPORTED:
            raise NoRecurrence(operation)
        if self.factors(number):
            return self.combine(number)
        if operation == "mul":
            return self.multiply(*operands)
        if operation == "div":
            z = graph.logistic(number)
            return self.divide(*operands) if z is None else self.logistic(number, z)
        if operation == "pow":
            return self.power(*operands)
        if operation == "powlog":
            factors = [graph.unary("log", operands[0])] * int(graph.nodes[number][3])
            return self.read(reduce(graph.mul, factors, graph.pow(*operands)))
        if operation in _BY_QUOTIENT:
            return self.quotient(operation, operands[0])
        rule: Callable[[int], Series] = getattr(self, operation)
        return rule(operands[0])

    def expect(self, rhs: Sequence[int]) -> None:
        """Estimate when the states' newest coefficients come, from their right-hand sides."""
        self.arrivals = [0] * len(rhs)
        found = [self.depth(node) for node in rhs]
        self.arrivals = [each - max(found) for each in found]
        self.depths.clear()

    def depth(self, number: int) -> int:
        """Return how many operations the newest coefficient of a node waits for."""
        known = self.depths.get(number)
        if known is None:
            kind, *rest = self.graph.nodes[number]
            if kind == "y":
                known = self.arrivals[int(rest[0])]
            else:
                read = self.terms(number) if self.factors(number) else self.graph.operands(number)
                moving = [node for node in read if self.moves(node)]
                known = 1 + max(map(self.depth, moving), default=min(self.arrivals))
            self.depths[number] = known
        return known

    # ---------------------------------------------------------------- sums with fixed factors

    def factors(self, number: int) -> list[tuple[int, int]]:
        """Return the operands of which a node is the sum, with their factors; none if it is not."""
        graph = self.graph
        kind, operands = graph.nodes[number][0], graph.operands(number)
        if kind == "neg":
            return [(operands[0], graph.const(-1.0))]
        if kind in ("add", "sub"):
            last = graph.one if kind == "add" else graph.const(-1.0)
            return [(operands[0], graph.one), (operands[1], last)]
        if kind == "mul":
            for moving, fixed in (operands, operands[::-1]):
                if not self.moves(fixed):
                    return [(moving, fixed)]
        if kind == "div" and not self.moves(operands[1]):
            return [(operands[0], graph.div(graph.one, operands[1]))]
        return []

    def terms(self, number: int) -> dict[int, int]:
        """Return the factor of each node of which a node is the sum, but for a constant.

        What is a sum of several itself and is used elsewhere too stays one term.
        """
        known = self.summed.get(number)
        if known is not None:
            return known
        graph, found = self.graph, dict[int, int]()
        waiting = [(number, graph.one)]
        while waiting:
            node, factor = waiting.pop()
            inner = self.factors(node)
            if inner and node != number and self.uses[node] > 1:
                inner = inner if len(self.terms(node)) == 1 else []
            if inner:
                some = [(operand, graph.mul(factor, by)) for operand, by in inner]
                waiting += some[::-1]
            elif self.moves(node):
                before = found.get(node)
                found[node] = factor if before is None else graph.add(before, factor)
        self.summed[number] = found
        return found

    def combine(self, number: int) -> Series:
        """Lower a sum with fixed factors."""
        first, later = self.first_of(number), self.combination(number)
        if len(self.terms(number)) == 1 and self.uses[number] <= 1:
            return Series(f"({first})", f"({later})")
        return self.name(first, later)

    def first_of(self, number: int) -> str:
        """Return the order-0 text of a sum as it is written; parts used once need no name."""
        operands = self.factors(number)
        if len(operands) == 1:
            ((node, factor),) = operands
            text = self.part(node)
            return f"-{text}" if self.is_minus(factor) else f"{self.constant(factor)} * {text}"
        (left, _), (right, by) = operands
        minus = "-" if self.is_minus(by) else ""
        for node, other, sign, rest in ((right, left, minus, ""), (left, right, "", minus)):
            inner = self.factors(node) if self.moves(node) and self.uses[node] <= 1 else []
            if len(inner) == 1 and not self.is_minus(inner[0][1]):
                ((scaled, factor),) = inner
                whole = f"{sign}{self.constant(factor)}, {self.part(scaled)}"
                return f"tro_fma({whole}, {rest}{self.part(other)})"
        return f"{self.part(left)} {minus or '+'} {self.part(right)}"

    def part(self, number: int) -> str:
        """Return the order-0 text of a part of a sum."""
        known = number in self.series or self.uses[number] > 1
        if known or not (self.moves(number) and self.factors(number)):
            return self.read(number).first
        text = self.first_of(number)
        return f"({text})" if len(text) <= LONGEST else self.define(self.first, "v", text)

    def combination(self, number: int) -> str:
        """Return the order-k text of a sum."""
        parts = []
        for node, factor in self.terms(number).items():
            depth, text = self.depth(node), self.read(node).later
            match self.graph.value(factor):
                case 0.0:
                    continue
                case 1.0:
                    parts.append(Part(depth, text))
                case -1.0:
                    parts.append(Part(depth, text, sign="-"))
                case _:
                    parts.append(Part(depth, text, self.constant(factor)))
        return joined(parts, lambda text: self.define(self.later, "n", text)) or "tro_set(0.0)"

    def define(self, lines: list[Any], letter: str, text: str) -> str:
        """Write a text under a new name, and return that."""
        name = f"{letter}{self.n_name}"
        self.n_name += 1
        lines.append(f"const tro_v {name} = {text};")
        return name

    def is_minus(self, factor: int) -> bool:
        """Say whether a factor is -1."""
        return self.graph.value(factor) == -1.0

    # ---------------------------------------------------------------- products

    def multiply(self, left: int, right: int) -> Series:
        """Lower a product of what moves."""
        if left == right:
            return self.square(self.read(left))
        return self.product(*sorted((left, right), key=self.depth))

    def product(self, left: int, right: int) -> Series:
        """Return the product of two series that move, of which the second is known last."""
        a, b = self.read(left), self.read(right)
        one, other = self.store(a), self.store(b)
        inner = self.sum(one, other)
        ends = f"tro_fma({a.later}, s[{other}], {inner})"
        return self.name(f"{a.first} * {b.first}", f"tro_fma(s[{one}], {b.later}, {ends})")

    def square(self, a: Series) -> Series:
        """Return the square of a series."""
        slot = self.store(a)
        inner = self.sum(slot, slot)
        return self.name(f"{a.first} * {a.first}", f"tro_fma({self.twice(a)}, {a.later}, {inner})")

    def twice(self, series: Series) -> str:
        """Return the text of twice the series' first coefficient, kept for all orders."""
        return self.define(self.first, "t", f"{series.first} + {series.first}")

    def reciprocal(self, series: Series, scale: str = "1.0") -> str:
        """Return the text of scale / (the series' first coefficient), kept for all orders."""
        return self.define(self.first, "r", f"tro_set({scale}) / {series.first}")

    def divide(self, above: int, below: int) -> Series:
        """Lower a quotient by what moves."""
        b = self.read(below)
        bottom, inverse_text = self.store(b), self.reciprocal(b)
        a = self.read(above)
        result, slot = self.own()
        inner = self.sum(bottom, slot)
        rest = f"tro_fma(s[{slot}], {b.later}, {inner})"
        upper = f"{a.later} - {rest}" if self.moves(above) else f"-{rest}"
        return self.settle(result, f"{a.first} * {inverse_text}", f"({upper}) * {inverse_text}")

    def settle(self, series: Series, first: str, later: str) -> Series:
        """Name a series that its own recurrence reads, and write it to its slot."""
        named = self.name(first, later)
        series.first, series.later = named.first, named.later
        assert series.slot is not None
        self.write(series.slot, series.first, series.later)
        return series

    def own(self) -> tuple[Series, int]:
        """Return a series with a slot that its own recurrence can name."""
        slot = self.new_slot()
        return Series("", "", slot), slot

    def follow(self, operand: int, slot: int) -> tuple[str, tuple[int, int]]:
        """Return the order-k text of v with v' = g a', where g is in a slot, and its sum."""
        a = self.read(operand)
        pair = self.derive(a), slot
        terms = self.terms(operand)
        if len(terms) != 1 or operand in terms:
            return f"tro_fma({a.later}, s[{slot}], {self.mean(*pair)})", pair
        # The newest coefficient waits for one product less.
        ((node, factor),) = terms.items()
        slope = self.define(self.ahead, "f", f"{self.constant(factor)} * s[{slot}]")
        return f"tro_fma({self.read(node).later}, {slope}, {self.mean(*pair)})", pair

    def begin(self, operand: int, sign: str = "") -> Begun:
        """Begin v with v' = +-g a', where g is kept beside it."""
        value, slot = self.own()
        slope, slope_slot = self.own()
        later, product = self.follow(operand, slope_slot)
        first, depth = self.read(operand).first, self.depth(operand)
        return Begun(first, depth, value, slope, f"{sign}{later}", product, (slot, slot))

    def exp(self, operand: int) -> Series:
        """Lower v = exp(a) by v' = v a'."""
        first = self.read(operand).first
        self.mind(operand, self.steep)
        series, slot = self.own()
        return self.settle(series, f"tro_vexp({first})", self.follow(operand, slot)[0])

    def tanh(self, operand: int) -> Series:
        """Lower v = tanh(a) by v' = (1 - v^2) a'."""
        self.mind(operand, self.steep)
        v = self.begin(operand)
        self.settle(v.value, f"tro_vtanh({v.operand})", v.later)
        twice = self.square_of(v, "tro_fma(-{0}, {0}, tro_set(1.0))", "-")
        rule = "-tro_abreast_fma({twice}, {value}, {squares})"
        self.sigmoids.append(Sigmoid(v.depth, v.product, v.square, v.value.later, twice, rule))
        # A derivative asks for the slope by the graph's own rule.
        graph = self.graph
        value = graph.unary("tanh", operand)
        self.series[graph.sub(graph.one, graph.mul(value, value))] = v.slope
        return v.value

    def logistic(self, number: int, operand: int) -> Series:
        """Lower w = 1 / (1 + exp(z)) by w' = -(w - w^2) z'."""
        self.mind(operand, self.steep)
        w = self.begin(operand, "-")
        power = self.define(self.first, "h", f"tro_vexp({w.operand})")
        value = self.settle(w.value, f"tro_set(1.0) / (tro_set(1.0) + {power})", w.later)
        twice = self.twice(value)
        square = f"tro_fma({twice}, {value.later}, {self.sum(*w.square)})"
        rule = "{value} - tro_abreast_fma({twice}, {value}, {squares})"
        self.sigmoids.append(Sigmoid(w.depth, w.product, w.square, value.later, twice, rule))
        first = f"tro_fma(-{value.first}, {value.first}, {value.first})"
        self.settle(w.slope, first, f"{value.later} - {square}")
        graph = self.graph
        self.series[graph.mul(number, graph.sub(graph.one, number))] = w.slope
        return value

    def square_of(self, begun: Begun, first: str, sign: str) -> str:
        """Settle a slope that is a constant plus or minus the value's square; return twice it."""
        value = begun.value
        inner, twice = self.sum(*begun.square), self.twice(value)
        later = f"{sign}tro_fma({twice}, {value.later}, {inner})"
        self.settle(begun.slope, first.format(value.first), later)
        return twice

    def tan(self, operand: int) -> Series:
        """Lower v = tan(a) by v' = (1 + v^2) a'."""
        v = self.begin(operand)
        self.settle(v.value, f"tro_vtan({v.operand})", v.later)
        self.square_of(v, "tro_fma({0}, {0}, tro_set(1.0))", "")
        return v.value

    def pair(self, operand: int, names: tuple[str, str], sign: str) -> tuple[Series, Series]:
        """Lower two functions that are each other's derivative, up to a sign."""
        first = self.read(operand).first
        one, one_slot = self.own()
        other, other_slot = self.own()
        ends = [self.follow(operand, slot)[0] for slot in (other_slot, one_slot)]
        self.settle(one, f"tro_v{names[0]}({first})", ends[0])
        self.settle(other, f"tro_v{names[1]}({first})", f"{sign}{ends[1]}")
        for name, series in zip(names, (one, other), strict=True):
            self.series[self.graph.unary(name, operand)] = series
        return one, other

    def sin(self, operand: int) -> Series:
        """Lower a sine, with its cosine."""
        self.mind(operand, self.waves)
        return self.pair(operand, ("sin", "cos"), "-")[0]

    def cos(self, operand: int) -> Series:
        """Lower a cosine, with its sine."""
        self.mind(operand, self.waves)
        return self.pair(operand, ("sin", "cos"), "-")[1]

    def sinh(self, operand: int) -> Series:
        """Lower a hyperbolic sine, with its cosine."""
        return self.pair(operand, ("sinh", "cosh"), "")[0]

    def cosh(self, operand: int) -> Series:
        """Lower a hyperbolic cosine, with its sine."""
        return self.pair(operand, ("sinh", "cosh"), "")[1]

    def sqrt(self, operand: int) -> Series:
        """Lower v = sqrt(a) by v^2 = a."""
        a = self.read(operand)
        series, slot = self.own()
        inner = self.sum(slot, slot)
        named = self.name(f"tro_sqrt({a.first})", "tro_set(0.0)")
        half = self.reciprocal(named, "0.5")
        return self.settle(series, named.first, f"({a.later} - {inner}) * {half}")

    def log(self, operand: int) -> Series:
        """Lower v = log(a) by a v' = a'."""
        a = self.read(operand)
        bottom, inverse = self.store(a), self.reciprocal(a)
        series, _ = self.own()
        series.derived = self.new_slot()
        inner = self.sum(series.derived, bottom)
        later = f"tro_fma(-{inner}, over_k, {a.later}) * {inverse}"
        self.settle(series, f"tro_vlog({a.first})", later)
        self.later.append(Kept(series.derived, series.later, derived=True))
        return series

    def power(self, base: int, exponent: int) -> Series:
        """Lower v = a^e by a v' = e v a'."""
        graph = self.graph
        if self.moves(exponent) or not self.moves(base):
            return self.read(graph.unary("exp", graph.mul(exponent, graph.unary("log", base))))
        a, e = self.read(base), self.constant(exponent)
        bottom, inverse = self.store(a), self.reciprocal(a)
        derived = self.derive(a)
        series, slot = self.own()
        series.derived = self.new_slot()
        rising, falling = self.sum(derived, slot), self.sum(bottom, series.derived)
        inner = f"tro_fma({e}, {rising}, -{falling}) * over_k"
        later = f"tro_fma({e} * {a.later}, s[{slot}], {inner}) * {inverse}"
        self.settle(series, f"tro_vpow({a.first}, {e})", later)
        self.later.append(Kept(series.derived, series.later, derived=True))
        return series

    def quotient(self, function: str, operand: int) -> Series:
        """Lower a function with v' = +-a' / q, where q is 1 +- a^2 or its root."""
        graph = self.graph
        squared = graph.mul(operand, operand)
        inside = {
            "asin": lambda: graph.sub(graph.one, squared),
            "acos": lambda: graph.sub(graph.one, squared),
            "atan": lambda: graph.add(graph.one, squared),
            "asinh": lambda: graph.add(squared, graph.one),
            "acosh": lambda: graph.sub(squared, graph.one),
            "atanh": lambda: graph.sub(graph.one, squared),
        }[function]()
        if function not in ("atan", "atanh"):
            inside = graph.unary("sqrt", inside)
        a, q = self.read(operand), self.read(inside)
        bottom, inverse = self.store(q), self.reciprocal(q)
        series, _ = self.own()
        series.derived = self.new_slot()
        inner = self.sum(series.derived, bottom)
        sign = "-" if _BY_QUOTIENT[function] < 0 else ""
        later = f"tro_fma(-{inner}, over_k, {sign}{a.later}) * {inverse}"
        self.settle(series, f"tro_v{function}({a.first})", later)
        self.later.append(Kept(series.derived, series.later, derived=True))
        return series


def lines_of(lines: Iterable[str], indent: int) -> str:
    """Return lines as indented text."""
    return "".join(f"{' ' * indent}{line}\n" for line in lines)


def plain_lines(lines: Iterable[str | Kept], target: str = "x") -> list[str]:
    """Return lines that keep coefficients one by one."""
    return [
        f"{target}[{line.slot}] = {line.text}{' * kth' if line.derived else ''};"
        if isinstance(line, Kept)
        else line
        for line in lines
    ]


def next_coefficients(ends: list[Series], target: str, still: str) -> tuple[list[str], list[str]]:
    """Return the lines that turn right-hand sides into the states' next coefficients."""
    starts, steps = [], []
    for i, end in enumerate(ends):
        factor, before, after = end.scaled or ("", end.first, end.later or still)
        # The factor first, so that the newest coefficient waits for one product only.
        starts.append(f"{target}[{i}] = {before} * {f'({factor} * scale)' if factor else 'scale'};")
        steps.append(f"{target}[{i}] = {after} * {f'({factor} * next)' if factor else 'next'};")
    return starts, steps
