"""XPPAUT's ``.ode`` files: the part that is ordinary differential equations.

XPPAUT takes ``T`` and ``t`` for one name. Imports the model layer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ..errors import ModelError, nearest
from ..model import Model, Param
from .mathml import Lambda
from .system import System
from .tree import ONE, ZERO, Node, add, call, div, mul, name, neg, number, power, substitute

_DEEPEST = 60
_TIME = "t"

_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NAME = r"[A-Za-z_]\w*"
_TOKEN = re.compile(rf"\s*(?:({_NUMBER})|({_NAME})|(\*\*|<=|>=|==|!=|[-+*/^()<>,&|]))", re.ASCII)

_VALUES = re.compile(
    rf"\s*({_NAME})\s*(?:\(\s*0\s*\))?\s*=\s*([+-]?\s*{_NUMBER}|[^,\s]+)\s*,?", re.ASCII
)
_PRIME = re.compile(rf"\s*({_NAME})\s*'\s*=(.*)\Z", re.ASCII | re.DOTALL)
_LEIBNIZ = re.compile(rf"\s*d({_NAME})\s*/\s*dt\s*=(.*)\Z", re.ASCII | re.DOTALL | re.IGNORECASE)
_CALLED = re.compile(rf"\s*({_NAME})\s*\(([^()]*)\)\s*=(.*)\Z", re.ASCII | re.DOTALL)
_FIXED = re.compile(rf"\s*!?\s*({_NAME})\s*=(.*)\Z", re.ASCII | re.DOTALL)

_PARAMETERS = ("par", "param", "params", "parameter", "parameters", "p", "number")
_STARTS = ("init", "i")

#: What a line may begin with that has no meaning for the equations: options, named sets of
#: values, and what is shown.
_IGNORED = ("@", "set", "only", "option", "options", '"')

_REFUSED = {
    "wiener": "noise",
    "w": "noise",
    "markov": "a Markov process",
    "table": "a table",
    "global": "an event",
    "bdry": "a boundary condition",
    "b": "a boundary condition",
    "volt": "an integral equation",
    "v": "an integral equation",
    "solv": "an algebraic equation",
    "special": "a network",
    "export": "a call to a library",
    "%": "an equation that is generated",
    "0": "an algebraic equation",
}
#: What to do about some of them, after a message.
_REMEDIES = {
    "wiener": ". trustode solves without noise: leave the line out, and what it adds",
    "table": (
        ". Write a formula as a function, f(x)=...; for values from a file make the name a "
        "parameter, move it to [inputs] in the text of tr.write_text, and give tr.Samples there"
    ),
    "global": ". Leave the line out, and give tr.Event to tr.simulate",
}

_FUNCTIONS = {
    "ln": "log",
    **{
        f: f
        for f in "exp log sqrt abs sign sin cos tan asin acos atan sinh cosh tanh min max".split()
    },
}
_COMPARISONS = {"<": "lt", ">": "gt", "<=": "leq", ">=": "geq", "==": "eq", "!=": "neq"}


def read_xpp(text: str, title: str, where: str) -> Model:
    """Read an XPPAUT file.

    Parameters
    ----------
    text : str
    title : str
        Name of the model, which the file does not have.
    where : str
        What is being read, for messages.

    Raises
    ------
    ModelError
        If a line is not understood, or holds what is no ordinary differential equation;
        says which line.
    """
    try:
        return _File(where).read(text).model(title, where, _TIME)
    except RecursionError:
        raise ModelError(f"{where}: nested too deeply for a model") from None
    except ModelError as error:
        said = str(error)
        raise ModelError(said if said.startswith(where) else f"{where}: {said}") from None


class _Waiting(NamedTuple):
    """A formula that is read when every function is known."""

    kind: str
    key: str
    formula: str
    place: str


@dataclass
class _File:
    """A file as it is read, line by line."""

    where: str
    system: System = field(default_factory=System)
    functions: dict[str, Lambda] = field(default_factory=dict)
    #: How each name was written first; case does not count.
    spelled: dict[str, str] = field(default_factory=dict)

    def read(self, text: str) -> System:
        """Return the system that the lines make."""
        waiting: list[_Waiting] = []
        for line_number, line in _lines(text):
            place = f"{self.where}: line {line_number}"
            if line.split()[0].lower() == "done":
                break
            self._line(line, place, waiting)
        system = self.system
        into = {"rate": system.rhs, "start": system.starts}
        # Functions may be used above the line that defines them.
        for made in waiting:
            node = _Formula(self, made.formula, made.place).all()
            into.get(made.kind, system.definitions)[made.key] = node
            if made.kind == "aux":
                system.shown.append(made.key)
        for state in system.rhs:
            system.starts.setdefault(state, ZERO)
        for key in system.starts:
            if key not in system.rhs:
                raise ModelError(
                    f"{self.where}: init names {key!r}, which has no equation"
                    f"{nearest(key, system.rhs)}"
                )
        return system

    def _line(self, line: str, place: str, waiting: list[_Waiting]) -> None:
        """Take in one line; formulas wait until every function is known."""
        word, _, rest = line.strip().partition(" ")
        word = word.lower()
        if word in _IGNORED or line.lstrip()[0] in '@"':
            return
        # A quantity may be called p or w as well.
        defines = bool(_FIXED.match(line))
        if word in _PARAMETERS and not defines:
            for key, value in self._values(rest, place):
                self.system.params[self._new(key, place)] = Param(_float(value, place))
        elif word in _STARTS and not defines:
            for key, value in self._values(rest, place):
                waiting.append(_Waiting("start", self._key(key), value, place))
        elif word == "aux" and (found := _FIXED.match(rest)):
            # An auxiliary quantity may have the name of what it shows.
            free = self._free(found[1])
            shown = self._new(found[1] if free else f"{self._key(found[1])}_aux", place)
            waiting.append(_Waiting("aux", shown, found[2], place))
        elif found := _PRIME.match(line) or _LEIBNIZ.match(line):
            waiting.append(_Waiting("rate", self._new(found[1], place), found[2], place))
        elif (word in _REFUSED and not defines) or line.lstrip()[0] in "%0":
            what = _REFUSED.get(word, _REFUSED.get(line.lstrip()[0], ""))
            raise ModelError(
                f"{place}: {what} is not read: {line.strip()[:60]!r}{_REMEDIES.get(word, '')}"
            )
        elif found := _CALLED.match(line):
            self._called(found, place, waiting)
        elif found := _FIXED.match(line):
            waiting.append(_Waiting("fixed", self._new(found[1], place), found[2], place))
        else:
            raise ModelError(f"{place} is not understood: {line.strip()[:60]!r}")

    def _called(self, found: re.Match[str], place: str, waiting: list[_Waiting]) -> None:
        """Take in ``x(0)=1`` or a definition ``f(a,b)=...``."""
        inside = [part.strip().lower() for part in found[2].split(",")]
        if inside == ["0"]:
            waiting.append(_Waiting("start", self._key(found[1]), found[3], place))
            return
        if not all(re.fullmatch(_NAME, part, re.ASCII) for part in inside) or _TIME in inside:
            raise ModelError(
                f"{place}: a map, an integral equation or a history is not read: "
                f"{found[0].strip()[:60]!r}"
            )
        reader = _Formula(self, found[3], place, tuple(inside))
        self.functions[self._new(found[1], place).lower()] = Lambda(tuple(inside), reader.all())

    def _values(self, text: str, place: str) -> Iterator[tuple[str, str]]:
        """Split ``a=1, b=2 c=3``."""
        position = 0
        while position < len(text.rstrip()):
            found = _VALUES.match(text, position)
            if not found:
                raise ModelError(
                    f"{place}: expected NAME=VALUE at {text[position:].strip()[:40]!r}"
                )
            yield found[1], found[2].replace(" ", "")
            position = found.end()

    def _key(self, written: str) -> str:
        """Return the one spelling of a name."""
        return self.spelled.setdefault(written.lower(), written)

    def _free(self, written: str) -> bool:
        return written.lower() not in self.taken

    def _new(self, written: str, place: str) -> str:
        """Return a name that is defined here."""
        if written.lower() == _TIME:
            raise ModelError(f"{place}: {written!r} is time and cannot be defined")
        if not self._free(written):
            raise ModelError(
                f"{place}: {written!r} is defined twice (T and t are one name in XPPAUT)"
            )
        self.taken.add(written.lower())
        return self._key(written)

    #: Names that have a definition, in lower case.
    taken: set[str] = field(default_factory=set)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Return numbered lines, continued ones joined, without comments and empty ones."""
    begun, first = "", 0
    for line_number, line in enumerate(text.splitlines(), 1):
        if not begun:
            first = line_number
        if line.rstrip().endswith("\\"):
            begun += line.rstrip()[:-1] + " "
            continue
        whole, begun = begun + line, ""
        if whole.strip() and not whole.lstrip().startswith("#"):
            yield first, whole
    if begun.strip():
        yield first, begun


def _float(text: str, place: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ModelError(f"{place}: {text[:40]!r} is not a number") from None


class _Formula:
    """Reads one formula, an operator at a time."""

    def __init__(self, file: _File, text: str, place: str, arguments: tuple[str, ...] = ()) -> None:
        self.file = file
        self.place = place
        self.arguments = arguments
        self.tokens: list[tuple[str, str]] = []
        position = 0
        while text[position:].strip():
            found = _TOKEN.match(text, position)
            if not found:
                raise self.fail(f"{text[position:].strip()[:20]!r} has no place in a formula")
            kind = "number" if found[1] else "name" if found[2] else "sign"
            self.tokens.append((kind, found[0].strip()))
            position = found.end()
        self.position = 0
        self.depth = 0

    def fail(self, what: str) -> ModelError:
        return ModelError(f"{self.place}: {what}")

    def all(self) -> Node:
        """Return the whole formula."""
        node = self.logic()
        if self.position < len(self.tokens):
            raise self.fail(f"{self.tokens[self.position][1]!r} is one too many")
        return node

    def taken(self, *signs: str) -> str:
        """Return the next token if it is one of these, and go past it."""
        if self.position < len(self.tokens):
            text = self.tokens[self.position][1].lower()
            if text in signs:
                self.position += 1
                return text
        return ""

    def expect(self, sign: str) -> None:
        if not self.taken(sign):
            rest = self.tokens[self.position :]
            found = repr(rest[0][1]) if rest else "the end"
            raise self.fail(f"expected {sign!r}, found {found}")

    def logic(self) -> Node:
        """Read comparisons joined by & and |."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.fail(f"nested more than {_DEEPEST} deep")
        node = self.comparison()
        while sign := self.taken("&", "|"):
            node = Node("and" if sign == "&" else "or", (node, self.comparison()))
        self.depth -= 1
        return node

    def comparison(self) -> Node:
        node = self.sum()
        while sign := self.taken(*_COMPARISONS):
            node = Node(_COMPARISONS[sign], (node, self.sum()))
        return node

    def sum(self) -> Node:
        terms = [self.product()]
        while sign := self.taken("+", "-"):
            term = self.product()
            terms.append(neg(term) if sign == "-" else term)
        return add(*terms)

    def product(self) -> Node:
        node = self.signed()
        while sign := self.taken("*", "/"):
            other = self.signed()
            node = mul(node, other) if sign == "*" else div(node, other)
        return node

    def signed(self) -> Node:
        minus = False
        while sign := self.taken("+", "-"):
            minus ^= sign == "-"
        node = self.powers()
        return neg(node) if minus else node

    def powers(self) -> Node:
        node = self.atom()
        while self.taken("^", "**"):
            minus = bool(self.taken("-"))
            exponent = self.atom()
            node = power(node, neg(exponent) if minus else exponent)
        return node

    def atom(self) -> Node:
        if self.taken("("):
            node = self.logic()
            self.expect(")")
            return node
        if self.position >= len(self.tokens):
            raise self.fail("the formula ends too soon")
        kind, text = self.tokens[self.position]
        if kind == "sign":
            raise self.fail(f"{text!r} is out of place")
        self.position += 1
        if kind == "number":
            return number(text)
        return self.named(text)

    def named(self, text: str) -> Node:
        """Read a name, or a call."""
        key = text.lower()
        if key in self.arguments:
            return name(key)
        if key == "if":
            return self.choice()
        if self.taken("("):
            arguments = [self.logic()]
            while self.taken(","):
                arguments.append(self.logic())
            self.expect(")")
            return self.call(text, arguments)
        if key == "pi" and key not in self.file.taken:
            return number("3.141592653589793")
        return name(_TIME if key == _TIME else self.file._key(text))

    def choice(self) -> Node:
        """Read ``if(condition)then(a)else(b)``."""
        parts = []
        for word in ("", "then", "else"):
            if word:
                self.expect(word)
            self.expect("(")
            parts.append(self.logic())
            self.expect(")")
        condition, value, otherwise = parts
        return Node("piecewise", (value, condition, otherwise))

    def call(self, text: str, arguments: list[Node]) -> Node:
        """Return a call of a function of XPPAUT's or of the file's."""
        key, count = text.lower(), len(arguments)
        if key in self.file.functions:
            made = self.file.functions[key]
            if count != len(made.arguments):
                raise self.fail(
                    f"the function {text!r} takes {len(made.arguments)} arguments, not {count}"
                )
            return substitute(made.body, dict(zip(made.arguments, arguments, strict=True)))
        if key in _FUNCTIONS and count == (2 if key in ("min", "max") else 1):
            return call(_FUNCTIONS[key], *arguments)
        if key == "log10" and count == 1:
            return div(call("log", *arguments), call("log", number("10")))
        if key == "heav" and count == 1:
            return Node("geq", (arguments[0], ZERO))
        if key == "not" and count == 1:
            return add(ONE, neg(Node("neq", (arguments[0], ZERO))))
        known = [*_FUNCTIONS, "log10", "heav", *self.file.functions]
        raise self.fail(
            f"the function {text[:40]!r} of {count} has no equivalent in a model"
            f"{nearest(text, known)}"
        )
