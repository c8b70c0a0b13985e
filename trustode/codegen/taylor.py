"""Print the Taylor coefficients of a model's solution as C text, for every vector width.

The solution's coefficients follow order by order from those of the right-hand side, which
follow from recurrences over the expression graph (Jorba & Zou 2005, A software package for
the numerical integration of ODEs by means of high-order Taylor methods, Experimental
Mathematics 14, 99-117; Griewank & Walther 2008, Evaluating Derivatives, ch. 13). Time is in
units of a scale that the caller gives, so that the coefficients neither grow nor vanish.

What depends on parameters and constant inputs alone is computed once a run. An input that
moves is a cubic between two of its knots, so its series is known and ends after four terms.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import ClassVar

from .ctext import HELPERS, PROTOTYPES, body
from .graph import Graph

#: Sums that one loop accumulates; more would not fit into sixteen vector registers.
_SUMS_A_LOOP = 12

#: Of fewer sums a single run's go one by one: vectors of them would wait for their stores.
_FEWEST_ABREAST = 6
#: Numbers in a vector of what a single run keeps; vectors begin at multiples of it.
_SIDE = 4

#: Functions whose derivative is 1/q(a) or -1/q(a); see `_Lowering.quotient`.
_BY_QUOTIENT = {"asin": 1, "acos": -1, "atan": 1, "asinh": 1, "acosh": 1, "atanh": 1}

_UNSUPPORTED = {"min", "max", "select", "abs", "sign"}

#: Text of tangents that are zero.
_STILL = "tro_wide_set(0.0)"


class NoRecurrence(Exception):
    """The expression has no recurrence: it is not analytic."""


@dataclass(eq=False, repr=False)
class _Series:
    """One series: its order-0 text, its order-k text, and what it needs stored."""

    first: str
    later: str
    slot: int | None = None
    derived: int | None = None
    scaled: tuple[str, str, str] | None = None


@dataclass(frozen=True)
class _Kept:
    """A line that keeps a coefficient of order k in its slot; derived: times k."""

    slot: int
    text: str
    derived: bool = False


@dataclass(frozen=True)
class _Sigmoid:
    """Sums of a sigmoid's recurrences, and what its slope is made of."""

    product: tuple[int, int]
    square: tuple[int, int]
    value: str
    twice: str
    #: The slope of order k: of twice the first value, the value and the sum of squares.
    rule: str


@dataclass(eq=False, repr=False)
class _Recurrences(ABC):
    """Recurrences of nodes, in the order in which they are computed, and what they keep."""

    graph: Graph
    n_slot: int
    uses: Counter[int] = field(default_factory=Counter)
    series: dict[int, _Series] = field(default_factory=dict)
    sums: list[tuple[int, int]] = field(default_factory=list)
    first: list[str] = field(default_factory=list)
    later: list[str | _Kept] = field(default_factory=list)
    n_name: int = 0

    #: In the text: slots of order 0, those of order k, and sums.
    _LOW: ClassVar[str]
    _HIGH: ClassVar[str]
    _SUM: ClassVar[str]

    @abstractmethod
    def lower(self, number: int) -> _Series:
        """Return the recurrence of a node."""

    def read(self, number: int) -> _Series:
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
        self.later.append(_Kept(slot, later))

    def store(self, series: _Series) -> int:
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
class _Lowering(_Recurrences):
    """Recurrences of the nodes of a graph, along which some inputs are driven."""

    driven: Sequence[int] = ()
    hoisted: list[int] = field(default_factory=list)
    over_order: list[int] = field(default_factory=list)
    sigmoids: list[_Sigmoid] = field(default_factory=list)
    moving: dict[int, bool] = field(default_factory=dict)

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

    def name(self, first: str, later: str) -> _Series:
        """Give an expression a name of its own."""
        number = self.n_name
        self.n_name += 1
        self.first.append(f"const tro_v v{number} = {first};")
        self.later.append(f"const tro_v n{number} = {later};")
        return _Series(f"v{number}", f"n{number}")

    def derive(self, series: _Series) -> int:
        """Return the slot in which k times coefficient k is kept."""
        if series.derived is None:
            series.derived = self.new_slot()
            self.later.append(_Kept(series.derived, series.later, derived=True))
        return series.derived

    def mean(self, left: int, right: int) -> str:
        """Return the text of a sum over k."""
        number = int(self.sum(left, right)[1:])
        if number not in self.over_order:
            self.over_order.append(number)
        return f"e{number}"

    # ---------------------------------------------------------------- the rules

    def lower(self, number: int) -> _Series:
        graph = self.graph
        if not self.moves(number):
            text = self.constant(number)
            return _Series(text, "tro_set(0.0)")
        operation = str(graph.nodes[number][0])
        operands = graph.operands(number)
        if operation == "y":
            slot = int(graph.nodes[number][1])
            return _Series(f"s[{slot}]", f"x[{slot}]", slot)
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
        if operation == "neg":
            a = self.read(operands[0])
            return self.name(f"-{a.first}", f"-{a.later}")
        if operation in ("add", "sub"):
            return self.add(operation, *operands)
        if operation == "mul":
            return self.multiply(number, *operands)
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
        rule: Callable[[int], _Series] = getattr(self, operation)
        return rule(operands[0])

    def add(self, operation: str, left: int, right: int) -> _Series:
        a, b = self.read(left), self.read(right)
        minus = "-" if operation == "sub" else ""
        sign = "-" if operation == "sub" else "+"
        if not self.moves(right):
            series = self.name(f"{a.first} {sign} {b.first}", a.later)
        elif not self.moves(left):
            series = self.name(f"{a.first} {sign} {b.first}", f"{minus}{b.later}")
        elif b.scaled is not None:
            factor, first, later = b.scaled
            series = self.name(
                f"tro_fma({minus}{factor}, {first}, {a.first})",
                f"tro_fma({minus}{factor}, {later}, {a.later})",
            )
        elif a.scaled is not None:
            factor, first, later = a.scaled
            series = self.name(
                f"tro_fma({factor}, {first}, {minus}{b.first})",
                f"tro_fma({factor}, {later}, {minus}{b.later})",
            )
        else:
            series = self.name(f"{a.first} {sign} {b.first}", f"{a.later} {sign} {b.later}")
        return series

    def multiply(self, number: int, left: int, right: int) -> _Series:
        if self.moves(left) and self.moves(right):
            if left == right:
                return self.square(self.read(left))
            return self.product(self.read(left), self.read(right))
        moving, fixed = (left, right) if self.moves(left) else (right, left)
        a, factor = self.read(moving), self.constant(fixed)
        texts = f"{factor} * {a.first}", f"{factor} * {a.later}"
        if self.uses[number] > 1:
            return self.name(*texts)
        return _Series(f"({texts[0]})", f"({texts[1]})", scaled=(factor, a.first, a.later))

    def product(self, a: _Series, b: _Series) -> _Series:
        left, right = self.store(a), self.store(b)
        inner = self.sum(left, right)
        ends = f"tro_fma(s[{left}], {b.later}, {inner})"
        return self.name(f"{a.first} * {b.first}", f"tro_fma({a.later}, s[{right}], {ends})")

    def square(self, a: _Series) -> _Series:
        slot = self.store(a)
        inner = self.sum(slot, slot)
        return self.name(f"{a.first} * {a.first}", f"tro_fma({self.twice(a)}, {a.later}, {inner})")

    def twice(self, series: _Series) -> str:
        """Return the text of twice the series' first coefficient, kept for all orders."""
        name = f"t{self.n_name}"
        self.n_name += 1
        self.first.append(f"const tro_v {name} = {series.first} + {series.first};")
        return name

    def reciprocal(self, series: _Series, scale: str = "1.0") -> str:
        """Return the text of scale / (the series' first coefficient), kept for all orders."""
        name = f"r{self.n_name}"
        self.n_name += 1
        self.first.append(f"const tro_v {name} = tro_set({scale}) / {series.first};")
        return name

    def divide(self, above: int, below: int) -> _Series:
        if not self.moves(below):
            graph = self.graph
            inverse = graph.div(graph.one, below)
            return self.multiply(-1, above, inverse)
        b = self.read(below)
        bottom, inverse_text = self.store(b), self.reciprocal(b)
        a = self.read(above)
        result = _Series("", "", self.n_slot)
        self.n_slot += 1
        slot = result.slot
        assert slot is not None
        inner = self.sum(bottom, slot)
        rest = f"tro_fma(s[{slot}], {b.later}, {inner})"
        upper = f"{a.later} - {rest}" if self.moves(above) else f"-{rest}"
        return self.settle(result, f"{a.first} * {inverse_text}", f"({upper}) * {inverse_text}")

    def settle(self, series: _Series, first: str, later: str) -> _Series:
        """Name a series that its own recurrence reads, and write it to its slot."""
        named = self.name(first, later)
        series.first, series.later = named.first, named.later
        assert series.slot is not None
        self.write(series.slot, series.first, series.later)
        return series

    def own(self) -> tuple[_Series, int]:
        """Return a series with a slot that its own recurrence can name."""
        series = _Series("", "", self.n_slot)
        self.n_slot += 1
        return series, self.n_slot - 1

    def exp(self, operand: int) -> _Series:
        a = self.read(operand)
        derived = self.derive(a)
        series, slot = self.own()
        later = f"tro_fma({a.later}, s[{slot}], {self.mean(derived, slot)})"
        return self.settle(series, f"tro_vexp({a.first})", later)

    def tanh(self, operand: int) -> _Series:
        a = self.read(operand)
        derived = self.derive(a)
        series, slot = self.own()
        slope, slope_slot = self.own()
        later = f"tro_fma({a.later}, s[{slope_slot}], {self.mean(derived, slope_slot)})"
        self.settle(series, f"tro_vtanh({a.first})", later)
        twice = self.square_of(series, slot, slope, "tro_fma(-{0}, {0}, tro_set(1.0))", "-")
        rule = "-tro_abreast_fma({twice}, {value}, {squares})"
        found = _Sigmoid((derived, slope_slot), (slot, slot), series.later, twice, rule)
        self.sigmoids.append(found)
        # A derivative asks for the slope by the graph's own rule.
        graph = self.graph
        value = graph.unary("tanh", operand)
        self.series[graph.sub(graph.one, graph.mul(value, value))] = slope
        return series

    def logistic(self, number: int, operand: int) -> _Series:
        """Lower w = 1 / (1 + exp(z)) by w' = -(w - w^2) z'."""
        a = self.read(operand)
        derived = self.derive(a)
        series, slot = self.own()
        slope, slope_slot = self.own()
        later = f"-tro_fma({a.later}, s[{slope_slot}], {self.mean(derived, slope_slot)})"
        power = f"h{self.n_name}"
        self.first.append(f"const tro_v {power} = tro_vexp({a.first});")
        self.settle(series, f"tro_set(1.0) / (tro_set(1.0) + {power})", later)
        twice = self.twice(series)
        square = f"tro_fma({twice}, {series.later}, {self.sum(slot, slot)})"
        rule = "{value} - tro_abreast_fma({twice}, {value}, {squares})"
        found = _Sigmoid((derived, slope_slot), (slot, slot), series.later, twice, rule)
        self.sigmoids.append(found)
        first = f"tro_fma(-{series.first}, {series.first}, {series.first})"
        self.settle(slope, first, f"{series.later} - {square}")
        graph = self.graph
        self.series[graph.mul(number, graph.sub(graph.one, number))] = slope
        return series

    def square_of(self, series: _Series, slot: int, slope: _Series, first: str, sign: str) -> str:
        """Settle a constant plus or minus the square of a series; return twice its first."""
        inner, twice = self.sum(slot, slot), self.twice(series)
        later = f"{sign}tro_fma({twice}, {series.later}, {inner})"
        self.settle(slope, first.format(series.first), later)
        return twice

    def tan(self, operand: int) -> _Series:
        a = self.read(operand)
        derived = self.derive(a)
        series, slot = self.own()
        slope, slope_slot = self.own()
        later = f"tro_fma({a.later}, s[{slope_slot}], {self.mean(derived, slope_slot)})"
        self.settle(series, f"tro_vtan({a.first})", later)
        self.square_of(series, slot, slope, "tro_fma({0}, {0}, tro_set(1.0))", "")
        return series

    def pair(self, operand: int, names: tuple[str, str], sign: str) -> tuple[_Series, _Series]:
        """Lower two functions that are each other's derivative, up to a sign."""
        a = self.read(operand)
        derived = self.derive(a)
        one, one_slot = self.own()
        other, other_slot = self.own()
        ends = [
            f"tro_fma({a.later}, s[{slot}], {self.mean(derived, slot)})"
            for slot in (other_slot, one_slot)
        ]
        self.settle(one, f"tro_v{names[0]}({a.first})", ends[0])
        self.settle(other, f"tro_v{names[1]}({a.first})", f"{sign}{ends[1]}")
        for name, series in zip(names, (one, other), strict=True):
            self.series[self.graph.unary(name, operand)] = series
        return one, other

    def sin(self, operand: int) -> _Series:
        return self.pair(operand, ("sin", "cos"), "-")[0]

    def cos(self, operand: int) -> _Series:
        return self.pair(operand, ("sin", "cos"), "-")[1]

    def sinh(self, operand: int) -> _Series:
        return self.pair(operand, ("sinh", "cosh"), "")[0]

    def cosh(self, operand: int) -> _Series:
        return self.pair(operand, ("sinh", "cosh"), "")[1]

    def sqrt(self, operand: int) -> _Series:
        a = self.read(operand)
        series, slot = self.own()
        inner = self.sum(slot, slot)
        named = self.name(f"tro_sqrt({a.first})", "tro_set(0.0)")
        half = self.reciprocal(named, "0.5")
        return self.settle(series, named.first, f"({a.later} - {inner}) * {half}")

    def log(self, operand: int) -> _Series:
        a = self.read(operand)
        bottom, inverse = self.store(a), self.reciprocal(a)
        series, _ = self.own()
        series.derived = self.new_slot()
        inner = self.sum(series.derived, bottom)
        later = f"tro_fma(-{inner}, over_k, {a.later}) * {inverse}"
        self.settle(series, f"tro_vlog({a.first})", later)
        self.later.append(_Kept(series.derived, series.later, derived=True))
        return series

    def power(self, base: int, exponent: int) -> _Series:
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
        self.later.append(_Kept(series.derived, series.later, derived=True))
        return series

    def quotient(self, function: str, operand: int) -> _Series:
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
        self.later.append(_Kept(series.derived, series.later, derived=True))
        return series


@dataclass(eq=False, repr=False)
class _Tangents(_Recurrences):
    """Recurrences of tangents: linear in them, with the solution's series as coefficients.

    A tangent is the derivative of a node in a direction. Several directions go side by side, as
    a ``tro_w``; the solution's own series are those of one run.
    """

    values: _Lowering = field(kw_only=True)
    wide: dict[int, bool] = field(default_factory=dict)

    _LOW, _HIGH, _SUM = "z", "q", "b"

    def is_wide(self, number: int) -> bool:
        """Say whether a node is a tangent or depends on one."""
        known = self.wide.get(number)
        if known is None:
            kind = self.graph.nodes[number][0]
            known = kind in ("dy", "dp") or any(map(self.is_wide, self.graph.operands(number)))
            self.wide[number] = known
        return known

    def name(self, first: str, later: str) -> _Series:
        """Give an expression a name of its own; what stands still has no later text."""
        number = self.n_name
        self.n_name += 1
        self.first.append(f"const tro_w v{number} = {first};")
        if later:
            self.later.append(f"const tro_w n{number} = {later};")
        return _Series(f"v{number}", f"n{number}" if later else "")

    def lower(self, number: int) -> _Series:
        graph = self.graph
        operation, *rest = graph.nodes[number]
        operands = graph.operands(number)
        if number == graph.zero:
            return _Series(_STILL, "")
        if operation == "dy":
            slot = int(rest[0])
            return _Series(f"z[{slot}]", f"q[{slot}]", slot)
        if operation == "dp":
            return _Series(f"d[{rest[0]}]", "")
        if operation == "neg":
            a = self.read(operands[0])
            return self.name(f"-{a.first}", f"-{a.later}" if a.later else "")
        if operation in ("add", "sub"):
            return self.add(str(operation), self.read(operands[0]), self.read(operands[1]))
        if operation == "mul":
            value, tangent = sorted(operands, key=self.is_wide)
            return self.multiply(value, self.read(tangent), self.uses[number] > 1)
        if operation == "div":
            return self.divide(*operands)
        if operation == "select":
            return self.choose(*operands)
        raise NoRecurrence(str(operation))

    def choose(self, low: int, high: int, left: int, right: int) -> _Series:
        """Lower a choice that parameters alone decide."""
        if self.values.moves(low) or self.values.moves(high):
            raise NoRecurrence("select")
        a, b = self.read(left), self.read(right)
        where = f"{self.values.constant(low)} < {self.values.constant(high)}"
        first = f"({where} ? {a.first} : {b.first})"
        later = f"({where} ? {a.later or _STILL} : {b.later or _STILL})"
        return self.name(first, later if a.later or b.later else "")

    def add(self, operation: str, a: _Series, b: _Series) -> _Series:
        minus, sign = ("-", "-") if operation == "sub" else ("", "+")

        def both(x: str, y: str, x_scaled: str, y_scaled: str) -> str:
            """Join two texts; of a scaled one, what it scales is given too."""
            if not y:
                return x
            if not x:
                return f"{minus}{y}"
            if y_scaled and b.scaled is not None:
                return f"tro_wide_fma({minus}{b.scaled[0]}, {y_scaled}, {x})"
            if x_scaled and a.scaled is not None:
                return f"tro_wide_fma({a.scaled[0]}, {x_scaled}, {minus}{y})"
            return f"{x} {sign} {y}"

        _, first_a, later_a = a.scaled or ("", "", "")
        _, first_b, later_b = b.scaled or ("", "", "")
        return self.name(
            both(a.first, b.first, first_a, first_b), both(a.later, b.later, later_a, later_b)
        )

    def multiply(self, value: int, tangent: _Series, keep: bool) -> _Series:
        values = self.values
        if not values.moves(value):
            factor = values.constant(value)
            if not tangent.later:
                return self.name(f"{factor} * {tangent.first}", "")
            texts = f"({factor} * {tangent.first})", f"({factor} * {tangent.later})"
            if keep:
                return self.name(*texts)
            return _Series(*texts, scaled=(factor, tangent.first, tangent.later))
        slot = values.store(values.read(value))
        if not tangent.later:
            return self.name(f"{tangent.first} * s[{slot}]", f"{tangent.first} * x[{slot}]")
        own = self.store(tangent)
        inner = self.sum(slot, own)
        ends = f"tro_wide_fma(x[{slot}], z[{own}], {inner})"
        return self.name(
            f"s[{slot}] * {tangent.first}", f"tro_wide_fma(s[{slot}], {tangent.later}, {ends})"
        )

    def divide(self, above: int, below: int) -> _Series:
        values, graph = self.values, self.graph
        a = self.read(above)
        if not values.moves(below):
            return self.multiply(graph.div(graph.one, below), a, True)
        bottom = values.store(values.read(below))
        slot = self.new_slot()
        inverse = f"i{self.n_name}"
        self.first.append(f"const tro_v {inverse} = tro_set(1.0) / s[{bottom}];")
        rest = f"tro_wide_fma(x[{bottom}], z[{slot}], {self.sum(bottom, slot)})"
        upper = f"{a.later} - {rest}" if a.later else f"-{rest}"
        series = self.name(f"{a.first} * {inverse}", f"({upper}) * {inverse}")
        series.slot = slot
        self.write(slot, series.first, series.later)
        return series


def taylor_text(
    graph: Graph,
    rhs: list[int],
    sizes: tuple[int, int, int],
    vary: Sequence[int] | None = None,
    driven: Sequence[int] = (),
) -> str:
    """Return C text that computes the Taylor coefficients of a solution.

    Parameters
    ----------
    graph : Graph
    rhs : list of int
        Nodes of the right-hand side.
    sizes : tuple of int
        Numbers of states, parameters and inputs.
    vary : sequence of int, optional
        Parameters to differentiate the solution by, beside its initial values.
    driven : sequence of int
        Inputs that move; the others stand still between their jumps.

    Raises
    ------
    NoRecurrence
        If an expression that changes along a solution is not analytic.
    """
    n_state = sizes[0]
    values = _Lowering(graph, n_state, driven=driven)
    ahead: list[int] = []
    if vary is not None:
        seeds = {graph.node("y", i): graph.node("dy", i) for i in range(n_state)}
        seeds |= {graph.node("p", k): graph.node("dp", j) for j, k in enumerate(vary)}
        ahead = graph.tangents(rhs, seeds)
    needed = graph.reachable([*rhs, *ahead])
    values.uses = Counter(operand for node in needed for operand in graph.operands(node))
    values.uses.update(rhs)
    ends = [values.read(node) for node in rhs]
    tangents = _Tangents(graph, n_state, values.uses, values=values)
    slopes = [tangents.read(node) for node in ahead]
    hoist = body(graph, values.hoisted)
    helper = "".join(text for name, text in HELPERS.items() if f"{name}(" in hoist)
    timed = int(any(graph.nodes[node][0] == "t" for node in needed))
    wide = _tangent_function(tangents, slopes) if vary is not None else ""
    n_vary = -1 if vary is None else len(vary)
    inputs = ", ".join(map(str, driven))
    table = f"static const int driven[] = {{{inputs}}};\n" if driven else ""
    layout = None
    if len(values.sums) >= _FEWEST_ABREAST:
        layout = _Layout.of(values, n_state)
    text = (
        f'#include "taylor.h"\n\n{PROTOTYPES}{helper}\n'
        f"{_slots(values.n_slot, layout)}enum {{ WIDE = {tangents.n_slot} }};\n"
        f"static const double R[] = TRO_TAYLOR_RECIPROCALS;\n{table}\n"
        "static void hoist(const double *p, const double *u, double *out)\n{\n"
        f"    (void)p; (void)u; (void)out;\n{hoist}\n}}\n\n"
        f"{_series_function(values, ends, layout)}{wide}"
        f"static const tro_taylor taylor_ = {{TRO_TAYLOR_ABI, TRO_LANES, {sizes[0]}, {sizes[1]},\n"
        f"    {sizes[2]}, {len(values.hoisted)}, SLOTS, {timed}, WIDE, {n_vary}, {len(driven)},\n"
        f"    {'driven' if driven else '0'}, hoist, series, {'tangent' if wide else '0'}}};\n\n"
        "TRO_EXPORT const tro_taylor *TRO_ENTRY(void);\n"
        "const tro_taylor *TRO_ENTRY(void) { return &taylor_; }\n"
    )
    return text if layout is None else re.sub(r"\b([sxlr])\[(\d+)\]", r"\1[S\2]", text)


def _slots(n_slot: int, layout: _Layout | None) -> str:
    """Return the number of slots and, where it depends on the width, the place of each."""
    if layout is None:
        return f"enum {{ SLOTS = {n_slot} }};\n"
    apart = "".join(f", S{slot} = {place}" for slot, place in enumerate(layout.places))
    plain = "".join(f", S{slot} = {slot}" for slot in range(n_slot))
    return (
        f"#if TRO_SIDE\nenum {{ SLOTS = {layout.n_slot}{apart} }};\n"
        f"#else\nenum {{ SLOTS = {n_slot}{plain} }};\n#endif\n"
    )


def _lines(lines: Iterable[str], indent: int) -> str:
    return "".join(f"{' ' * indent}{line}\n" for line in lines)


def _plain(lines: Iterable[str | _Kept], target: str = "x") -> list[str]:
    """Return lines that keep coefficients one by one."""
    return [
        f"{target}[{line.slot}] = {line.text}{' * kth' if line.derived else ''};"
        if isinstance(line, _Kept)
        else line
        for line in lines
    ]


def _series_function(values: _Lowering, ends: list[_Series], layout: _Layout | None) -> str:
    """Return the function that computes all series of the solution."""
    starts, steps = _derivatives(ends, "w", "tro_set(0.0)")
    means = [f"const tro_v e{m} = a{m} * over_k;" for m in values.over_order]
    every = _loops(values.sums) + _newest(values.sums) + _lines([*means, *_plain(values.later)], 8)
    ahead = ""
    if layout is not None:
        constants, side = layout.text(values, steps)
        every = f"#if TRO_SIDE\n{side}#else\n{every}#endif\n"
        ahead = f"#if TRO_SIDE\n{constants}#endif\n" if constants else ""
    begin = _lines(values.first, 4)
    together = _together(values.first)
    if together != values.first:
        begin = f"#if TRO_SIDE\n{_lines(together, 4)}#else\n{begin}#endif\n"
    return (
        "static void series(int order, tro_v t, tro_v scale, const tro_v *c, const tro_v *u,\n"
        "    tro_v *s)\n{\n"
        "    tro_v *x = s, *w = s + SLOTS;\n"
        f"    (void)t; (void)c; (void)u; (void)x;\n{begin}{_lines(starts, 4)}{ahead}"
        "    for (int k = 1; k < order; k++) {\n"
        "        x = w;\n        w += SLOTS;\n"
        "        const tro_v kth = tro_set((double)k), over_k = tro_set(R[k]);\n"
        "        const tro_v next = scale * tro_set(R[k + 1]);\n"
        "        const tro_v *l, *r;\n"
        "        (void)kth; (void)over_k; (void)l; (void)r;\n"
        f"{every}{_lines(steps, 8)}    }}\n}}\n\n"
    )


def _together(lines: list[str]) -> list[str]:
    """Return the lines of order 0 with calls that do not wait for each other in vectors."""
    called = re.compile(r"const tro_v (\w+) = tro_v(exp|log|tanh)\((.*)\);")
    levels: dict[str, int] = {}
    plain: dict[int, list[str]] = {}
    calls: dict[tuple[int, str], list[tuple[str, str]]] = {}
    for line in lines:
        target, _, read = line.partition(" = ")
        names = re.findall(r"s\[\d+\]|\b[a-z]\d+\b", read)
        level = max((levels.get(name, 0) for name in names), default=0)
        call = called.fullmatch(line)
        levels[target.split()[-1]] = level + (call is not None)
        if call is None:
            plain.setdefault(level, []).append(line)
        else:
            calls.setdefault((level, call[2]), []).append((call[1], call[3]))
    if all(len(group) == 1 for group in calls.values()):
        return lines
    found = []
    for level in range(max(levels.values()) + 1):
        found += plain.get(level, [])
        for (at, function), group in calls.items():
            for n in range(0, len(group), _SIDE) if at == level else ():
                some = group[n : n + _SIDE]
                if len(some) == 1:
                    found.append(f"const tro_v {some[0][0]} = tro_v{function}({some[0][1]});")
                    continue
                vector = f"{function}_{some[0][0]}"
                # What is left of a vector repeats: no value of its own could raise anything.
                values = [value for _, value in some]
                values += values[-1:] * (_SIDE - len(some))
                found.append(
                    f"const tro_side {vector} = "
                    f"tro_abreast_v{function}((tro_side){{{', '.join(values)}}});"
                )
                found += [
                    f"const tro_v {name} = {vector}[{k}];" for k, (name, _) in enumerate(some)
                ]
    return found


def _tangent_function(tangents: _Tangents, slopes: list[_Series]) -> str:
    """Return the function that computes all series of some tangents."""
    starts, steps = _derivatives(slopes, "g", _STILL)
    later = _plain(tangents.later, "q")
    return (
        "static void tangent(int order, tro_v scale, const tro_v *c, const tro_v *s,\n"
        "    const tro_w *d, tro_w *z)\n{\n"
        "    const tro_v *x = s;\n    tro_w *q = z, *g = z + WIDE;\n"
        f"    (void)c; (void)d; (void)x; (void)q;\n"
        f"{_lines(tangents.first, 4)}{_lines(starts, 4)}"
        "    for (int k = 1; k < order; k++) {\n"
        "        x += SLOTS;\n        q = g;\n        g += WIDE;\n"
        "        const tro_v next = scale * tro_set(R[k + 1]);\n"
        f"{_mixed_loops(tangents.sums)}{_lines(later, 8)}{_lines(steps, 8)}    }}\n}}\n\n"
    )


def _derivatives(
    ends: list[_Series], target: str, still: str
) -> tuple[list[str], list[str]]:
    """Return the lines that turn right-hand sides into the states' next coefficients."""
    starts, steps = [], []
    for i, end in enumerate(ends):
        factor, before, after = end.scaled or ("", end.first, end.later or still)
        # The factor first, so that the newest coefficient waits for one product only.
        starts.append(f"{target}[{i}] = {before} * {f'({factor} * scale)' if factor else 'scale'};")
        steps.append(f"{target}[{i}] = {after} * {f'({factor} * next)' if factor else 'next'};")
    return starts, steps


@dataclass(frozen=True)
class _Layout:
    """Where a single run keeps its series, so that several of its sums go in one vector.

    What vectors multiply lies side by side: the left factors of products, their right factors,
    and what is squared. A series that is wanted at several places is kept there too. Vectors
    are also written whole: parts of them would be on their way to memory when they are read.
    """

    n_slot: int
    places: list[int]
    products: list[int]
    squares: list[int]
    #: Sigmoids whose slopes are computed in vectors: the first sums of either kind are theirs.
    abreast: list[_Sigmoid]
    #: Where each vector begins, and the slots whose coefficients it holds.
    vectors: dict[int, list[int]]
    bases: tuple[int, int, int]

    @classmethod
    def of(cls, values: _Lowering, n_state: int) -> _Layout:
        """Lay out slots, of which the states' stay the first."""
        sums = values.sums
        rules = Counter(each.rule for each in values.sigmoids)
        abreast = []
        for rule, count in rules.items():
            alike = [each for each in values.sigmoids if each.rule == rule]
            abreast += alike[: count - count % _SIDE]
        products, squares = (
            _first(
                [m for m, (left, right) in enumerate(sums) if (left == right) == same],
                [sums.index(getattr(each, kind)) for each in abreast],
            )
            for same, kind in ((False, "product"), (True, "square"))
        )
        places = dict(zip(range(n_state), range(n_state), strict=True))
        end, bases = n_state, []
        vectors: dict[int, list[int]] = {}
        for members, side in ((products, 0), (products, 1), (squares, 0)):
            begin = _aligned(end)
            bases.append(begin)
            for place, m in enumerate(members, begin):
                slot = sums[m][side]
                places.setdefault(slot, place)
                vectors.setdefault(place - place % _SIDE, []).append(slot)
            end = _aligned(begin + len(members))
        for slot in range(values.n_slot):
            if slot not in places:
                places[slot] = end
                end += 1
        ordered = [places[slot] for slot in range(values.n_slot)]
        left, right, squared = bases
        n_slot = _aligned(end)
        return cls(n_slot, ordered, products, squares, abreast, vectors, (left, right, squared))

    def text(self, values: _Lowering, steps: list[str]) -> tuple[str, str]:
        """Return the lines ahead of the orders, and those of each order but its last."""
        _, right, squared = self.bases
        kept = [line for line in values.later if isinstance(line, _Kept)]
        derived = {line.slot for line in kept if line.derived}
        held = {slot for slots in self.vectors.values() for slot in slots}
        slopes = {right + g: g for g in range(0, len(self.abreast), _SIDE)}
        constants, lines = [], []
        names = {slot: f"m{slot}" for slot in held & {line.slot for line in kept}}
        missing = {
            base: {slot for slot in slots if slot in names} for base, slots in self.vectors.items()
        }
        for base, g in slopes.items():
            group = self.abreast[g : g + _SIDE]
            constants.append(f"const tro_side t_{g} = {{{', '.join(e.twice for e in group)}}};")
            missing[base] = missing[squared + g]
        done: set[int] = set()

        def write(base: int) -> None:
            slots = self.vectors[base]
            if base in slopes:
                g = slopes[base]
                rule = self.abreast[g].rule
                value = rule.format(twice=f"t_{g}", value=f"g{squared + g}", squares=f"q{g}")
            else:
                value = f"g{base}"
                whole = all(slot in derived for slot in slots)
                parts = [names.get(slot, f"x[{slot}]") for slot in slots]
                if not whole:
                    parts = [
                        f"{part} * kth" if slot in derived else part
                        for part, slot in zip(parts, slots, strict=True)
                    ]
                parts += ["0.0"] * (_SIDE - len(parts))
                lines.append(f"const tro_side {value} = {{{', '.join(parts)}}};")
                value += " * kth" if whole else ""
            lines.append(f"*(tro_side *)(void *)(x + {base}) = {value};")

        def settle() -> None:
            for base in sorted(self.vectors, key=lambda base: base in slopes):
                if base not in done and not missing[base]:
                    done.add(base)
                    write(base)

        settle()
        for line in values.later:
            if not isinstance(line, _Kept):
                lines.append(line)
            elif line.slot not in names:
                lines.extend(_plain([line]))
            else:
                lines.append(f"const tro_v {names[line.slot]} = {line.text};")
                for base in self.vectors:
                    missing[base] = missing[base] - {line.slot}
                settle()
        loops, found = self.loops(values.over_order)
        live = _wanted([*found, *lines], steps)
        return _lines(constants, 4), loops + _lines(live, 8)

    def loops(self, over_order: Sequence[int]) -> tuple[str, list[str]]:
        """Return the loops over earlier coefficients in vectors, and the sums one by one."""
        left, right, squared = self.bases
        groups = range(0, len(self.products), _SIDE), range(0, len(self.squares), _SIDE)
        names = [*(f"p{g}" for g in groups[0]), *(f"q{g}" for g in groups[1])]
        text = "".join(f"        tro_side {name} = {{0.0}};\n" for name in names)
        pairs = ends = newest = ""
        for g in groups[0]:
            a, b = left + g, right + g
            both = (
                f"            p{g} = tro_side_fma(l + {a}, r + {b}, p{g});\n"
                f"            p{g} = tro_side_fma(r + {a}, l + {b}, p{g});\n"
            )
            pairs += both
            newest += both
            ends += f"            p{g} = tro_side_fma(l + {a}, l + {b}, p{g});\n"
        for g in groups[1]:
            a = squared + g
            pairs += f"            q{g} = tro_side_fma(l + {a}, r + {a}, q{g});\n"
            newest += f"            q{g} = tro_side_twice_fma(l + {a}, r + {a}, q{g});\n"
            ends += f"            q{g} = tro_side_fma(l + {a}, l + {a}, q{g});\n"
        doubled = "".join(f"        q{g} = q{g} + q{g};\n" for g in groups[1])
        text += _PAIRS.format(pairs=pairs, doubled=doubled, ends=ends)
        text += _NEWEST.format(two=newest, one=ends)
        lines = []
        for name, group in (("p", self.products), ("q", self.squares)):
            for n, m in enumerate(group):
                vector = group[n - n % _SIDE : n - n % _SIDE + _SIDE]
                source = f"{name}{n - n % _SIDE}"
                if all(each in over_order for each in vector):
                    if n % _SIDE == 0:
                        lines.append(f"const tro_side {source}_over = {source} * over_k;")
                    lines.append(f"const tro_v e{m} = {source}_over[{n % _SIDE}];")
                    continue
                lines.append(f"const tro_v a{m} = {source}[{n % _SIDE}];")
                if m in over_order:
                    lines.append(f"const tro_v e{m} = a{m} * over_k;")
        return text, lines


def _first(numbers: list[int], ahead: list[int]) -> list[int]:
    """Return numbers with some of them first."""
    return [*ahead, *(number for number in numbers if number not in ahead)]


def _wanted(lines: list[str], after: list[str]) -> list[str]:
    """Return the lines but those that define what neither a later line nor one after reads."""
    read = set(re.findall(r"\w+", " ".join(after)))
    found = []
    for line in reversed(lines):
        defined = re.match(r"const tro_\w+ (\w+) = ", line)
        if defined is None or defined[1] in read:
            read.update(re.findall(r"\w+", line[defined.end() :] if defined else line))
            found.append(line)
    return found[::-1]


def _aligned(slot: int) -> int:
    """Return the first place from a slot on at which a vector may begin."""
    return -(-slot // _SIDE) * _SIDE


#: Pairs of earlier coefficients, but the first with the newest.
_PAIRS = """\
        l = s + (k - 1) / 2 * SLOTS;
        r = s + (k / 2 + 1) * SLOTS;
        for (; l > s + SLOTS; l -= SLOTS, r += SLOTS) {{
{pairs}        }}
{doubled}        if (k % 2 == 0 && k > 2) {{
            l = s + k / 2 * SLOTS;
{ends}        }}
"""


#: The first coefficient with the newest, which may be on their way to memory still.
_NEWEST = """\
        l = s + SLOTS;
        r = x - SLOTS;
        if (k > 2) {{
{two}        }} else if (k == 2) {{
{one}        }}
"""


def _loops(sums: list[tuple[int, int]]) -> str:
    """Return the loops over earlier coefficients, which wait for nothing of this order."""
    text = ""
    for begin in range(0, len(sums), _SUMS_A_LOOP):
        group = list(enumerate(sums))[begin : begin + _SUMS_A_LOOP]
        text += "".join(f"        tro_v a{n} = tro_set(0.0);\n" for n, _ in group)
        inner = middle = double = ""
        for n, (left, right) in group:
            inner += f"            a{n} = tro_fma(l[{left}], r[{right}], a{n});\n"
            if left == right:
                double += f"        a{n} = a{n} + a{n};\n"
            else:
                inner += f"            a{n} = tro_fma(r[{left}], l[{right}], a{n});\n"
            middle += f"            a{n} = tro_fma(l[{left}], l[{right}], a{n});\n"
        text += _PAIRS.format(pairs=inner, doubled=double, ends=middle)
    return text


def _newest(sums: list[tuple[int, int]]) -> str:
    """Return what the first and the newest coefficient add to the sums."""
    one = two = ""
    for n, (left, right) in enumerate(sums):
        one += f"            a{n} = tro_fma(l[{left}], l[{right}], a{n});\n"
        if left == right:
            two += f"            a{n} = tro_fma(l[{left}] + l[{left}], r[{right}], a{n});\n"
        else:
            two += f"            a{n} = tro_fma(l[{left}], r[{right}], a{n});\n"
            two += f"            a{n} = tro_fma(r[{left}], l[{right}], a{n});\n"
    return _NEWEST.format(one=one, two=two) if sums else ""


def _mixed_loops(sums: list[tuple[int, int]]) -> str:
    """Return the loops over earlier coefficients of a value and a tangent each.

    The newest tangent comes last, so that the sums of the others do not wait for it.
    """
    text = ""
    for begin in range(0, len(sums), _SUMS_A_LOOP):
        group = list(enumerate(sums))[begin : begin + _SUMS_A_LOOP]
        text += "".join(f"        tro_w b{n} = {_STILL};\n" for n, _ in group)
        text += "        l = x - SLOTS;\n        e = z + WIDE;\n"
        text += "        for (; e < q; l -= SLOTS, e += WIDE) {\n"
        for n, (left, right) in group:
            text += f"            b{n} = tro_wide_fma(l[{left}], e[{right}], b{n});\n"
        text += "        }\n"
    return f"        const tro_v *l;\n        const tro_w *e;\n{text}" if text else ""
