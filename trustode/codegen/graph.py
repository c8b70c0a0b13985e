"""Expression graph: hash-consed nodes with constant folding and forward derivatives.

Equal subexpressions are one node, so common subexpressions are shared without a search,
and a derivative reuses what the function already computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import sympy

#: A node: an operation and its operands (node numbers, or a value for leaves).
Node = tuple[str | int | float, ...]

_UNARY_VALUES: dict[str, Callable[[float], float]] = {
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "tanh": math.tanh,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "asinh": math.asinh,
    "acosh": math.acosh,
    "atanh": math.atanh,
    "abs": abs,
    "sign": lambda x: math.copysign(1.0, x) if x else 0.0,
}

_SYMPY_UNARY: dict[type[sympy.Basic], str] = {
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.tanh: "tanh",
    sympy.sinh: "sinh",
    sympy.cosh: "cosh",
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.tan: "tan",
    sympy.asin: "asin",
    sympy.acos: "acos",
    sympy.atan: "atan",
    sympy.asinh: "asinh",
    sympy.acosh: "acosh",
    sympy.atanh: "atanh",
    sympy.Abs: "abs",
    sympy.sign: "sign",
}

#: Kinds of nodes that read no others. The last two stand for the tangent of a state and of a
#: parameter, where a derivative is written for any direction.
_LEAVES = frozenset({"const", "y", "p", "u", "t", "dy", "dp"})

#: Integer powers up to this are written as products.
_LARGEST_PRODUCT = 32


class Graph:
    """Nodes of several expressions over the same leaves.

    Leaves are ``("y", i)``, ``("p", i)``, ``("u", i)``, ``("t",)`` and ``("const", x)``.
    Operations are add, sub, mul, div, neg, pow, powlog, min, max, select and the unary
    functions;
    ``powlog(a, b, k)`` is a**b log(a)**k with its limit 0 at a = 0 < b, which is what
    keeps the derivative of a power by its exponent finite on the face a = 0;
    ``select(a, b, x, y)`` is x where a < b and y elsewhere.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._numbers: dict[Node, int] = {}
        self._depends: list[int] = []
        self._leaf_bits: dict[int, int] = {}
        self._read: dict[sympy.Basic, int] = {}
        self.zero = self.const(0.0)
        self.one = self.const(1.0)

    # -------------------------------------------------------------- building

    def node(self, *parts: str | int | float) -> int:
        """Return the number of a node, making it if it is new."""
        number = self._numbers.get(parts)
        if number is None:
            number = len(self.nodes)
            self.nodes.append(parts)
            self._numbers[parts] = number
            mask = 0
            if parts[0] in _LEAVES and parts[0] != "const":
                mask = 1 << len(self._leaf_bits)
                self._leaf_bits[number] = mask
            else:
                for operand in self.operands(number):
                    mask |= self._depends[operand]
            self._depends.append(mask)
        return number

    def operands(self, number: int) -> tuple[int, ...]:
        """Return the node numbers that a node reads."""
        parts = self.nodes[number]
        if parts[0] in _LEAVES:
            return ()
        last = -1 if parts[0] == "powlog" else len(parts)
        return parts[1:last]  # type: ignore[return-value]

    def const(self, value: float) -> int:
        """Return the node of a number; -0.0 and 0.0 are one node."""
        return self.node("const", float(value) + 0.0)

    def value(self, number: int) -> float | None:
        """Return the number a constant node holds, or None."""
        parts = self.nodes[number]
        return float(parts[1]) if parts[0] == "const" else None

    def _folded(self, value: float) -> int | None:
        return self.const(value) if math.isfinite(value) else None

    def add(self, a: int, b: int) -> int:
        """Return the node of a + b."""
        x, y = self.value(a), self.value(b)
        if x == 0.0:
            return b
        if y == 0.0:
            return a
        if x is not None and y is not None and (c := self._folded(x + y)) is not None:
            return c
        if self.nodes[b][0] == "neg":
            return self.sub(a, self.operands(b)[0])
        return self.node("add", a, b)

    def sub(self, a: int, b: int) -> int:
        """Return the node of a - b."""
        x, y = self.value(a), self.value(b)
        if y == 0.0:
            return a
        if x == 0.0:
            return self.neg(b)
        if a == b:
            return self.zero
        if x is not None and y is not None and (c := self._folded(x - y)) is not None:
            return c
        if self.nodes[b][0] == "neg":
            return self.add(a, self.operands(b)[0])
        return self.node("sub", a, b)

    def neg(self, a: int) -> int:
        """Return the node of -a."""
        x = self.value(a)
        if x is not None:
            return self.const(-x)
        if self.nodes[a][0] == "neg":
            return self.operands(a)[0]
        if self.nodes[a][0] == "sub":
            left, right = self.operands(a)
            return self.sub(right, left)
        return self.node("neg", a)

    def mul(self, a: int, b: int) -> int:
        """Return the node of a * b."""
        x, y = self.value(a), self.value(b)
        if x == 0.0 or y == 0.0:
            return self.zero
        if x == 1.0:
            return b
        if y == 1.0:
            return a
        if x == -1.0:
            return self.neg(b)
        if y == -1.0:
            return self.neg(a)
        if x is not None and y is not None and (c := self._folded(x * y)) is not None:
            return c
        # Zero by choice stays zero, whatever it is multiplied by: sqrt(max(0, x)) has a slope.
        for chosen, other in ((a, b), (b, a)):
            if self.nodes[chosen][0] == "select" and self.zero in self.operands(chosen)[2:]:
                low, high, one, two = self.operands(chosen)
                return self.select(low, high, self.mul(one, other), self.mul(two, other))
        return self.node("mul", a, b)

    def div(self, a: int, b: int) -> int:
        """Return the node of a / b."""
        x, y = self.value(a), self.value(b)
        if x == 0.0:
            return self.zero
        if y == 1.0:
            return a
        if y == -1.0:
            return self.neg(a)
        if x is not None and y and (c := self._folded(x / y)) is not None:
            return c
        return self.node("div", a, b)

    def pow(self, a: int, b: int) -> int:
        """Return the node of a ** b; small integer and half powers become products."""
        exponent = self.value(b)
        if exponent is not None:
            if exponent == 0.0:
                return self.one
            if exponent == 0.5:
                return self.unary("sqrt", a)
            if exponent == -0.5:
                return self.div(self.one, self.unary("sqrt", a))
            if exponent == int(exponent) and abs(exponent) <= _LARGEST_PRODUCT:
                product = self._product(a, abs(int(exponent)))
                return product if exponent > 0 else self.div(self.one, product)
            base = self.value(a)
            if base is not None and base > 0 and (c := self._folded(base**exponent)) is not None:
                return c
        return self.node("pow", a, b)

    def _product(self, a: int, times: int) -> int:
        if times == 1:
            return a
        half = self._product(a, times // 2)
        square = self.mul(half, half)
        return self.mul(square, a) if times % 2 else square

    def unary(self, function: str, a: int) -> int:
        """Return the node of a function of one argument."""
        x = self.value(a)
        if x is not None:
            try:
                folded = self._folded(_UNARY_VALUES[function](x))
            except (ValueError, OverflowError):
                folded = None
            if folded is not None:
                return folded
        return self.node(function, a)

    def select(self, a: int, b: int, x: int, y: int) -> int:
        """Return the node that is x where a < b and y elsewhere."""
        return x if x == y else self.node("select", a, b, x, y)

    def extreme(self, kind: str, a: int, b: int) -> int:
        """Return the node of the "min" or "max" of a and b; NaN if either is NaN."""
        x, y = self.value(a), self.value(b)
        if a == b:
            return a
        if x is not None and y is not None:
            return self.const(min(x, y) if kind == "min" else max(x, y))
        return self.node(kind, a, b)

    # -------------------------------------------------------------- from sympy

    def read(self, expression: sympy.Expr, leaves: Mapping[sympy.Symbol, int]) -> int:
        """Return the node of a sympy expression over the given leaves."""
        known = self._read.get(expression)
        if known is not None:
            return known
        if expression.is_Symbol:
            number = leaves[expression]
        elif expression.is_number and not expression.args:
            number = self.const(float(expression))
        elif expression.is_Add:
            number = self._read_sum(expression, leaves)
        elif expression.is_Mul:
            number = self._read_product(expression, leaves)
        elif expression.is_Pow:
            base, exponent = expression.as_base_exp()
            number = self.pow(self.read(base, leaves), self.read(exponent, leaves))
        elif isinstance(expression, sympy.Min | sympy.Max):
            number = self._read_extreme(expression, leaves)
        else:
            argument = self.read(expression.args[0], leaves)
            number = self.unary(_SYMPY_UNARY[type(expression)], argument)
        self._read[expression] = number
        return number

    def _read_sum(self, expression: sympy.Expr, leaves: Mapping[sympy.Symbol, int]) -> int:
        # In the order that sympy prints, so that rounding is that of its own printers.
        total, *rest = (self.read(term, leaves) for term in expression.as_ordered_terms())
        for term in rest:
            total = self.add(total, term)
        return total

    def _read_product(self, expression: sympy.Expr, leaves: Mapping[sympy.Symbol, int]) -> int:
        coefficient, _ = expression.as_coeff_Mul()
        negative = bool(coefficient.is_negative)
        above, below = [], []
        for factor in (-expression if negative else expression).as_ordered_factors():
            if factor.is_Pow and factor.exp.is_Rational and factor.exp.is_negative:
                base = self.read(factor.base, leaves)
                below.append(self.pow(base, self.const(float(-factor.exp))))
            else:
                above.append(self.read(factor, leaves))
        number = self._chain(above)
        if below:
            number = self.div(number, self._chain(below))
        return self.neg(number) if negative else number

    def _chain(self, factors: list[int]) -> int:
        product = self.one
        for factor in factors:
            product = self.mul(product, factor)
        return product

    def _read_extreme(self, expression: sympy.Expr, leaves: Mapping[sympy.Symbol, int]) -> int:
        kind = "min" if isinstance(expression, sympy.Min) else "max"
        best, *others = (self.read(argument, leaves) for argument in expression.args)
        for other in others:
            best = self.extreme(kind, best, other)
        return best

    # -------------------------------------------------------------- derivatives

    def reachable(self, outputs: Iterable[int]) -> list[int]:
        """Return the nodes that outputs need, operands before users."""
        seen: set[int] = set()
        stack = list(outputs)
        while stack:
            number = stack.pop()
            if number not in seen:
                seen.add(number)
                stack.extend(self.operands(number))
        return sorted(seen)

    def derivatives(self, outputs: list[int], leaf: int) -> list[int]:
        """Differentiate outputs by a leaf; zero where there is no dependence."""
        bit = self._leaf_bits.get(leaf, 0)
        tangent: dict[int, int] = {leaf: self.one}
        depends = self._depends
        for number in self.reachable(o for o in outputs if depends[o] & bit):
            if number != leaf and depends[number] & bit:
                tangent[number] = self._rule(number, tangent)
        return [tangent.get(output, self.zero) for output in outputs]

    def tangents(self, outputs: list[int], seeds: Mapping[int, int]) -> list[int]:
        """Differentiate outputs in a direction: seeds holds the tangent of each moving leaf."""
        tangent = dict(seeds)
        for number in self.reachable(outputs):
            if number not in tangent and any(o in tangent for o in self.operands(number)):
                tangent[number] = self._rule(number, tangent)
        return [tangent.get(output, self.zero) for output in outputs]

    def _rule(self, number: int, tangent: Mapping[int, int]) -> int:
        operation = self.nodes[number][0]
        operands = self.operands(number)
        a = operands[0]
        da = tangent.get(a, self.zero)
        if operation == "neg":
            return self.neg(da)
        if operation in ("add", "sub", "mul", "div", "pow", "powlog"):
            b = operands[1]
            db = tangent.get(b, self.zero)
            if operation == "add":
                return self.add(da, db)
            if operation == "sub":
                return self.sub(da, db)
            if operation == "mul":
                return self.add(self.mul(da, b), self.mul(a, db))
            if operation == "div":
                z = self.logistic(number)
                if z is not None:
                    slope = self.mul(number, self.sub(self.one, number))
                    return self.neg(self.mul(slope, tangent.get(z, self.zero)))
                return self.div(self.sub(da, self.mul(number, db)), b)
            degree = int(self.nodes[number][3]) if operation == "powlog" else 0
            return self._power_rule(a, b, degree, da, db)
        if operation in ("min", "max"):
            b = operands[1]
            low, high = (a, b) if operation == "min" else (b, a)
            return self.select(low, high, da, tangent.get(b, self.zero))
        if operation == "select":
            branches = [tangent.get(operand, self.zero) for operand in operands[2:]]
            return self.select(a, operands[1], branches[0], branches[1])
        return self.mul(self._unary_rule(str(operation), a, number), da)

    def logistic(self, number: int) -> int | None:
        """Return z where a node is 1 / (1 + exp(z)), else None."""
        kind, *operands = self.nodes[number]
        if kind != "div" or operands[0] != self.one:
            return None
        below = self.nodes[int(operands[1])]
        if below[0] != "add" or self.one not in below[1:]:
            return None
        inner = int(below[2] if below[1] == self.one else below[1])
        return self.operands(inner)[0] if self.nodes[inner][0] == "exp" else None

    def _power_rule(self, a: int, b: int, degree: int, da: int, db: int) -> int:
        """d[a^b log(a)^k] = (b a^(b-1) log^k + k a^(b-1) log^(k-1)) da + a^b log^(k+1) db."""
        lower = self.sub(b, self.one)
        by_base = self.mul(b, self.powlog(a, lower, degree))
        if degree:
            again = self.powlog(a, lower, degree - 1)
            by_base = self.add(by_base, self.mul(self.const(degree), again))
        by_exponent = self.zero if db == self.zero else self.powlog(a, b, degree + 1)
        return self.add(self.mul(by_base, da), self.mul(by_exponent, db))

    def powlog(self, a: int, b: int, degree: int) -> int:
        """Return the node of a**b log(a)**degree."""
        return self.node("powlog", a, b, degree) if degree else self.pow(a, b)

    def _unary_rule(self, function: str, a: int, number: int) -> int:
        """Return the derivative of a function of one argument, given its value's node."""
        one, square = self.one, self.mul
        if function == "exp":
            return number
        if function == "log":
            return self.div(one, a)
        if function == "sqrt":
            return self.div(self.const(0.5), number)
        if function == "tanh":
            return self.sub(one, square(number, number))
        if function == "tan":
            return self.add(one, square(number, number))
        if function == "sinh":
            return self.unary("cosh", a)
        if function == "cosh":
            return self.unary("sinh", a)
        if function == "sin":
            return self.unary("cos", a)
        if function == "cos":
            return self.neg(self.unary("sin", a))
        if function == "atan":
            return self.div(one, self.add(one, square(a, a)))
        if function == "atanh":
            return self.div(one, self.sub(one, square(a, a)))
        if function == "asinh":
            return self.div(one, self.unary("sqrt", self.add(square(a, a), one)))
        if function == "acosh":
            return self.div(one, self.unary("sqrt", self.sub(square(a, a), one)))
        if function in ("asin", "acos"):
            slope = self.div(one, self.unary("sqrt", self.sub(one, square(a, a))))
            return slope if function == "asin" else self.neg(slope)
        if function == "abs":
            return self.unary("sign", a)
        return self.zero
