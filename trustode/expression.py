"""Expressions: the functions a model may use, and their text, read by our own parser.

Text becomes sympy through `ast` and a whitelist, so that no text can run code. Imports
only the errors and sympy.
"""

from __future__ import annotations

import ast
import keyword
import math
import re
import sys
import unicodedata
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any

import sympy
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from .errors import ModelError, listed, nearest

#: Functions by the name they have in text. Everything here has a printer in `codegen`.
FUNCTIONS: dict[str, Callable[..., sympy.Expr]] = {
    "exp": sympy.exp,
    "log": sympy.log,
    "sqrt": sympy.sqrt,
    "tanh": sympy.tanh,
    "sinh": sympy.sinh,
    "cosh": sympy.cosh,
    "sin": sympy.sin,
    "cos": sympy.cos,
    "tan": sympy.tan,
    "asin": sympy.asin,
    "acos": sympy.acos,
    "atan": sympy.atan,
    "asinh": sympy.asinh,
    "acosh": sympy.acosh,
    "atanh": sympy.atanh,
    "abs": sympy.Abs,
    "sign": sympy.sign,
    "min": sympy.Min,
    "max": sympy.Max,
}

#: Name of time in equations.
TIME = sympy.Symbol("t", real=True)

MAX_LENGTH = 20_000
MAX_NODES = 5_000
MAX_DEPTH = 200
MAX_EXPONENT = 64

#: Fractions up to this size stay exact; all other numbers are doubles.
MAX_EXACT = 2**53
MAX_DENOMINATOR = 10_000

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_FOREIGN = re.compile(r"[^A-Za-z0-9_ \t\n.,+*/()-]")
#: What is meant by a character that has no place.
_HINTS = {
    "^": ". Write powers as **",
    "=": ". Give only what stands right of the equals sign",
    **dict.fromkeys("<>?:", ". Write conditions with min, max and sign, or a steep tanh"),
    **dict.fromkeys("\u2212\u2013\u2014", ". Write the minus as -, from the keyboard"),
    **dict.fromkeys("\u00b7\u00d7\u2217", ". Write every multiplication as *"),
    **dict.fromkeys("\u00b2\u00b3", ". Write powers as **"),
    **dict.fromkeys("[]{}", ". Brackets are ( and )"),
}
#: What other languages call a function of models.
_ALIASES = {"ln": "log", "log10": "log(x)/log(10)", "arctan": "atan", "fabs": "abs", "pow": "**"}
#: Two factors that stand beside each other with nothing between them.
_JUXTAPOSED = re.compile(r"\b\d+(?:\.\d*)?[A-Za-z_(]|[\w)]\s+[\w(]|\)\s*\w")

#: Unicode categories of characters without a visible form of their own.
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def check_name(name: object, where: str) -> str:
    """Return a name that can stand in text and in generated code, or raise.

    Raises
    ------
    ModelError
        If it is not a plain ASCII identifier, or is reserved.
    """
    if not isinstance(name, str):
        raise ModelError(f"{where}: a name must be text, got {name!r:.60} ({type(name).__name__})")
    if not _IDENTIFIER.match(name):
        raise ModelError(
            f"{where}: {name[:60]!r} cannot be a name. Use ASCII letters, digits and _, "
            f"not starting with a digit{_plainer(name)}"
        )
    if keyword.iskeyword(name) or name in FUNCTIONS or name == "t":
        raise ModelError(
            f"{where}: {name!r} is reserved (time, a function, or a word of Python). "
            f"Rename it, for instance {name + '_'!r}"
        )
    if "__" in name:
        raise ModelError(f"{where}: {name[:60]!r} holds two underscores in a row; use one")
    if len(name) > 100:
        raise ModelError(f"{where}: {name[:30]!r}... has {len(name)} characters; limit 100")
    return name


def _plainer(name: str) -> str:
    """Return the hint with a plain name that is close to one that cannot be: alpha for a letter."""
    slope = re.fullmatch(r"d(\w+)/dt|(\w+)'", name.strip())
    if slope:
        return f"; give the state alone, {slope[1] or slope[2]!r}"
    plain = ""
    for character in unicodedata.normalize("NFC", name[:60].strip()):
        called = unicodedata.name(character, "")
        if character.isascii():
            plain += character if character.isalnum() else "_"
        elif called.startswith("GREEK") and " LETTER " in called:
            letter = called.split(" LETTER ")[1].removeprefix("FINAL ").split()[0]
            letter = "lambda_" if letter == "LAMDA" else letter.lower()
            plain += letter.capitalize() if "CAPITAL" in called else letter
        else:
            plain += unicodedata.normalize("NFD", character)[0]
    plain = re.sub(r"__+", "_", plain)
    return f", for instance {plain!r}" if _IDENTIFIER.match(plain) and plain != name else ""


def symbol(name: str) -> sympy.Symbol:
    """Return the one symbol that stands for a name in every model."""
    return sympy.Symbol(name, real=True)


def check_prose(text: object, where: str) -> str:
    """Return text for readers (a meaning, a unit, a source), or raise.

    Such text goes on into pages, tables, LaTeX and comments of generated sources, so it
    may not hold what could be taken for more than prose there: two underscores in a row,
    which every way from a Python expression to the interpreter needs and no sentence does,
    and characters that cannot be seen.

    Raises
    ------
    ModelError
        If it is not text, is too long, or holds one of these.
    """
    if not isinstance(text, str):
        raise ModelError(f"{where} must be text, got {text!r:.60}")
    if len(text) > MAX_LENGTH:
        raise ModelError(f"{where}: {len(text)} characters; text may have {MAX_LENGTH}")
    if "__" in text:
        raise ModelError(
            f"{where}: {text[:60]!r} holds two underscores in a row, which looks like code. "
            "Write it in words"
        )
    for character in text:
        if character != "\n" and unicodedata.category(character) in _UNSEEN:
            raise ModelError(
                f"{where}: the character {character!r} cannot be seen; text holds printable "
                "characters and line ends"
            )
    return text


def parse(text: str, symbols: Mapping[str, sympy.Symbol], where: str) -> sympy.Expr:
    """Read an expression without running anything.

    Parameters
    ----------
    text : str
        Numbers, known names, ``+ - * / **``, parentheses and the functions of
        `FUNCTIONS`. Functions and roots of numbers become floats at once.
    symbols : mapping of str to Symbol
        Every name that may occur. ``t`` (time) is always known, and ``pi`` is the number
        unless a symbol has its name.
    where : str
        What is being read, for messages.

    Raises
    ------
    ModelError
        If the text is not such an expression; says the column.
    """
    if not isinstance(text, str):
        raise ModelError(f"{where}: expected text, got {type(text).__name__}")
    if len(text) > MAX_LENGTH:
        raise ModelError(
            f"{where}: column {MAX_LENGTH + 1}: {len(text)} characters; an expression may have "
            f"{MAX_LENGTH}"
        )
    if foreign := _FOREIGN.search(text):
        character = foreign.group()
        hint = _HINTS.get(character) or _plainer(character)
        kind = "has no place in an expression" if character.isascii() else "is not ASCII"
        raise ModelError(
            f"{where}: column {foreign.start() + 1}: the character {character!r} {kind}{hint}"
        )
    depths = list(accumulate((character == "(") - (character == ")") for character in text))
    if (deepest := max(depths, default=0)) > MAX_DEPTH:
        column = depths.index(MAX_DEPTH + 1) + 1
        raise ModelError(
            f"{where}: column {column}: brackets nested {deepest} deep; limit {MAX_DEPTH}"
        )
    line = text.replace("\n", " ").replace("\t", " ")
    indent = len(line) - len(line.lstrip())
    try:
        tree = ast.parse(line.strip(), mode="eval")
    except (SyntaxError, RecursionError, MemoryError, ValueError) as error:
        column = indent + (getattr(error, "offset", None) or 1)
        reason = getattr(error, "msg", None) or "too long or nested too deeply"
        hint = ". Write every multiplication as *" if _JUXTAPOSED.search(line) else ""
        raise ModelError(
            f"{where}: column {column}: {reason} in {line.strip()[:80]!r}{hint}"
        ) from None
    size = sum(isinstance(node, ast.expr) for node in ast.walk(tree))
    if size > MAX_NODES:
        raise ModelError(
            f"{where}: {size} numbers, names and operations; limit {MAX_NODES}. "
            "Split the expression"
        )
    reader = _Reader(symbols, where, indent)
    try:
        expression = _settled(reader.read(tree.body, 0), where)
    except RecursionError:
        raise ModelError(f"{where}: nested too deeply; limit {MAX_DEPTH}") from None
    except ModelError as error:
        # Without the reader's way down the tree, a frame or two for each bracket.
        raise error.with_traceback(None) from None
    check(expression, where)
    return expression


class _NotReal(Exception):
    """A number came out infinite, undefined or complex."""


def _number(value: sympy.Expr) -> sympy.Expr:
    """Return a number as a small exact fraction, or else as a double."""
    if value.is_Rational and abs(value.p) <= MAX_EXACT and value.q <= MAX_DENOMINATOR:
        return value
    try:
        double = float(value)
    except (TypeError, OverflowError, ZeroDivisionError):
        raise _NotReal from None
    # A number that underflows would make its term vanish.
    if not math.isfinite(double) or (abs(double) < sys.float_info.min and not value.is_zero):
        raise _NotReal
    return sympy.Float(double)


def _settle(expression: sympy.Expr) -> sympy.Expr:
    """Replace every number, and everything made of numbers only, by `_number` of it."""
    if not expression.args:
        return _number(expression) if expression.is_number else expression
    arguments = [_settle(argument) for argument in expression.args]
    if any(new is not old for new, old in zip(arguments, expression.args, strict=True)):
        expression = _built(expression.func, arguments)
    if expression.args and not expression.is_Number and expression.is_number:
        return _number(expression)
    return expression


def _built(function: Any, arguments: list[sympy.Expr]) -> sympy.Expr:
    """Apply a function of sympy."""
    if function in (sympy.Min, sympy.Max):
        # Evaluation compares all pairs of arguments: seconds for a few dozen.
        return function(*arguments, evaluate=False)
    if function is sympy.exp and arguments[0].is_Add:
        # sympy would take a number out of the sum as a factor that can over- or underflow.
        return sympy.exp(arguments[0], evaluate=False)
    return function(*arguments)


def _settled(expression: sympy.Expr, where: str) -> sympy.Expr:
    """Settle until nothing changes: a rounded number can let sympy combine two terms."""
    try:
        for _ in range(10):
            previous, expression = expression, _settle(expression)
            if expression == previous:
                break
    except _NotReal:
        raise ModelError(f"{where}: a part of it is not a finite real number") from None
    return expression


class _Reader:
    """Walk a syntax tree that holds nothing but arithmetic.

    Chains of ``+ -`` and of ``* /`` are read as one flat sum or product, the way sympy
    keeps them, so that reading undoes writing.
    """

    def __init__(self, symbols: Mapping[str, sympy.Symbol], where: str, indent: int) -> None:
        self.symbols = symbols
        self.where = where
        self.indent = indent

    def fail(self, node: ast.AST, message: str) -> ModelError:
        column = self.indent + getattr(node, "col_offset", 0) + 1
        return ModelError(f"{self.where}: column {column}: {message}")

    def fold(self, value: sympy.Expr, node: ast.AST) -> sympy.Expr:
        try:
            return _number(value)
        except _NotReal:
            raise self.fail(node, "the result is not a finite real number") from None

    def read(self, node: ast.expr, depth: int) -> sympy.Expr:
        if depth > MAX_DEPTH:
            raise self.fail(node, f"nested more than {MAX_DEPTH} deep")
        if isinstance(node, ast.Constant):
            return self.number(node)
        if isinstance(node, ast.Name):
            return self.name(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            return self.sum(node, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
            return self.product(node, depth)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            return self.product(node, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            return self.power(node, depth)
        if isinstance(node, ast.Call):
            return self.call(node, depth)
        if isinstance(node, ast.Tuple):
            raise self.fail(
                node, "a comma stands outside of a function. Write decimals with a point, as 0.5"
            )
        raise self.fail(
            node,
            f"{type(node).__name__} is not arithmetic. An expression holds numbers, names, "
            f"+ - * / ** and functions ({', '.join(FUNCTIONS)})",
        )

    def number(self, node: ast.Constant) -> sympy.Expr:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fail(node, f"{value!r:.60} is not a real number")
        number = sympy.Integer(value) if isinstance(value, int) else sympy.Float(value)
        return self.fold(number, node)

    def name(self, node: ast.Name) -> sympy.Expr:
        if node.id in self.symbols:
            return self.symbols[node.id]
        if node.id == "t":
            return TIME
        if node.id == "pi":
            return sympy.Float(math.pi)
        if node.id in FUNCTIONS:
            raise self.fail(node, f"the function {node.id!r} needs an argument: {node.id}(...)")
        # A name of the model is meant more often than a function that looks alike.
        hint = nearest(node.id, self.symbols) or nearest(node.id, FUNCTIONS)
        raise self.fail(
            node,
            f"unknown name {node.id[:60]!r}{hint or '.'} Known: {listed(self.symbols, 12) or 't'}",
        )

    def sum(self, node: ast.BinOp, depth: int) -> sympy.Expr:
        first: ast.expr = node
        rest: list[tuple[bool, ast.expr]] = []
        while isinstance(first, ast.BinOp) and isinstance(first.op, ast.Add | ast.Sub):
            rest.append((isinstance(first.op, ast.Sub), first.right))
            first = first.left
        constant: sympy.Expr = sympy.Integer(0)
        terms: list[sympy.Expr] = []
        for negative, part in [(False, first), *reversed(rest)]:
            value = self.read(part, depth + 1)
            value = -value if negative else value
            if value.is_Number:
                constant = self.fold(constant + value, part)
            else:
                terms.append(value)
        return sympy.Add(*terms, constant)

    def product(self, node: ast.BinOp | ast.UnaryOp, depth: int) -> sympy.Expr:
        first: ast.expr = node
        rest: list[tuple[bool, ast.expr]] = []
        coefficient: sympy.Expr = sympy.Integer(1)
        while True:
            if isinstance(first, ast.BinOp) and isinstance(first.op, ast.Mult | ast.Div):
                rest.append((isinstance(first.op, ast.Div), first.right))
                first = first.left
            elif isinstance(first, ast.UnaryOp) and isinstance(first.op, ast.USub | ast.UAdd):
                coefficient = -coefficient if isinstance(first.op, ast.USub) else coefficient
                first = first.operand
            else:
                break
        factors: list[sympy.Expr] = []
        for divides, part in [(False, first), *reversed(rest)]:
            value = self.read(part, depth + 1)
            if divides and value.is_zero:
                raise self.fail(part, "division by zero")
            value = 1 / value if divides else value
            if value.is_Number:
                coefficient = self.fold(coefficient * value, part)
            else:
                factors.append(value)
        return sympy.Mul(coefficient, *factors)

    def power(self, node: ast.BinOp, depth: int) -> sympy.Expr:
        base = self.read(node.left, depth + 1)
        exponent = self.read(node.right, depth + 1)
        if exponent.is_Number and abs(exponent) > MAX_EXPONENT:
            raise self.fail(
                node, f"the exponent {float(exponent):g} is outside -{MAX_EXPONENT}..{MAX_EXPONENT}"
            )
        if not base.is_Number:
            # A coefficient is raised too: keep it from growing with each further power.
            coefficient, rest = (base**exponent).as_coeff_Mul()
            return self.fold(coefficient, node) * rest
        if not exponent.is_Number:
            # Only as a double can a number to a symbolic power not grow without limit.
            return sympy.Float(float(base)) ** exponent
        if base.is_Rational and exponent.is_Integer and (base or exponent >= 0):
            return self.fold(base**exponent, node)
        try:
            value = float(base) ** float(exponent)
        except (OverflowError, ZeroDivisionError):
            value = math.inf
        if isinstance(value, complex) or not math.isfinite(value):
            raise self.fail(node, f"{base}**{exponent} is not a finite real number")
        return sympy.Float(value)

    def call(self, node: ast.Call, depth: int) -> sympy.Expr:
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
            if isinstance(node.func, ast.Attribute) and node.func.attr in FUNCTIONS:
                plain = node.func.attr
                raise self.fail(node, f"write {plain}(...), without what stands before {plain}")
            called = node.func.id if isinstance(node.func, ast.Name) else type(node.func).__name__
            raise self.fail(
                node,
                f"{called[:60]!r} is not a function of models ({', '.join(FUNCTIONS)})"
                + (
                    f"; write {_ALIASES[called]}"
                    if called in _ALIASES
                    else nearest(called, FUNCTIONS)
                ),
            )
        name = node.func.id
        if node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
            raise self.fail(node, f"{name} takes plain arguments only")
        many = name in ("min", "max")
        if (many and len(node.args) < 2) or (not many and len(node.args) != 1):
            wanted = "at least two arguments" if many else "one argument"
            raise self.fail(node, f"{name} takes {wanted}, got {len(node.args)}")
        arguments = [self.read(argument, depth + 1) for argument in node.args]
        if all(argument.is_Number for argument in arguments):
            # As doubles: exact nested functions can take for ever to evaluate.
            doubles = [sympy.Float(float(argument)) for argument in arguments]
            return self.fold(FUNCTIONS[name](*doubles), node)
        return _built(FUNCTIONS[name], arguments)


class _Writer(StrPrinter):
    """Print an expression so that `parse` reads the same expression back."""

    def _print_Float(self, expr: sympy.Float) -> str:
        return repr(float(expr))

    def _print_Abs(self, expr: sympy.Expr) -> str:
        return f"abs({self._print(expr.args[0])})"

    def _print_Min(self, expr: sympy.Expr) -> str:
        return "min(" + ", ".join(self._print(a) for a in expr.args) + ")"

    def _print_Max(self, expr: sympy.Expr) -> str:
        return "max(" + ", ".join(self._print(a) for a in expr.args) + ")"

    def _print_NumberSymbol(self, expr: sympy.Expr) -> str:
        return repr(float(expr))

    _print_Exp1 = _print_Pi = _print_GoldenRatio = _print_NumberSymbol
    _print_EulerGamma = _print_Catalan = _print_TribonacciConstant = _print_NumberSymbol

    def _print_Mul(self, expr: sympy.Mul) -> str:
        # One division sign a factor: sympy's own a/(2*(b + 1)) would come back as
        # a/(2*b + 2).
        coefficient, rest = expr.as_coeff_Mul()
        level = PRECEDENCE["Mul"]
        above = [] if abs(coefficient) == 1 else [self._print(abs(coefficient))]
        below: list[str] = []
        if coefficient.is_Rational:
            above = [str(abs(coefficient.p))] if abs(coefficient.p) != 1 else []
            below = [str(coefficient.q)] if coefficient.q != 1 else []
        for factor in rest.as_ordered_factors():
            if factor.is_Pow and factor.exp.is_Rational and factor.exp.is_negative:
                below.append(self.parenthesize(factor.base**-factor.exp, level))
            else:
                above.append(self.parenthesize(factor, level))
        sign = "-" if coefficient.is_negative else ""
        return sign + "/".join(["*".join(above) or "1", *below])


def write(expression: sympy.Expr) -> str:
    """Return the text of an expression, as `parse` reads it."""
    return str(_Writer({"full_prec": False}).doprint(expression))


def check(expression: sympy.Expr, where: str) -> None:
    """Raise unless an expression holds only what code can be generated for.

    Raises
    ------
    ModelError
        For an unsupported function, an infinite or a complex number, or an exponent
        beyond `MAX_EXPONENT`.
    """
    allowed = tuple(cls for cls in FUNCTIONS.values() if isinstance(cls, type))
    for node in sympy.preorder_traversal(expression):
        if node.is_Pow and node.exp.is_Number and not abs(node.exp) <= MAX_EXPONENT:
            raise ModelError(
                f"{where}: the exponent {node.exp} is outside -{MAX_EXPONENT}..{MAX_EXPONENT}"
            )
        if node.is_Symbol or isinstance(node, sympy.Add | sympy.Mul | sympy.Pow):
            continue
        if node.is_Atom and node.is_number:
            if not node.is_extended_real or not node.is_finite:
                raise ModelError(f"{where}: {node} is not a finite real number")
            continue
        if not isinstance(node, allowed):
            raise ModelError(
                f"{where}: {type(node).__name__} is not among the functions of models "
                f"({', '.join(FUNCTIONS)}). For a jump in time use an input (Steps, Pulses)"
            )
