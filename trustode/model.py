"""The model layer: symbols, parameters with their meaning, and `Model`.

Every check happens here, at construction, so that whatever stands on a model can rely
on it. Knows sympy, runs no numbers, never mutates. Imports the expressions and errors.
"""

from __future__ import annotations

import math
import numbers
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, lru_cache
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import sympy

from .cache import recall
from .digest import sha256
from .errors import ModelError, checks_keywords, listed, nearest
from .expression import TIME, check, check_name, check_prose, parse, symbol, write
from .notebook import html_of_table, html_of_text

if TYPE_CHECKING:
    import pandas as pd

Name: TypeAlias = str | sympy.Symbol
Formula: TypeAlias = sympy.Expr | str | float


def _symbols(names: str | Iterable[str], what: str) -> Any:
    where = f"{what}({names!r:.60})"
    if not isinstance(names, Iterable):
        raise ModelError(f"{where}: expected names, got {type(names).__name__}")
    parts = names.replace(",", " ").split() if isinstance(names, str) else list(names)
    if not parts:
        raise ModelError(f"{where}: no name given")
    made = tuple(symbol(check_name(part, where)) for part in parts)
    for part in parts:
        if parts.count(part) > 1:
            raise ModelError(f"{where}: {part!r} is given twice")
    return made[0] if isinstance(names, str) and len(made) == 1 else made


def states(names: str | Iterable[str]) -> Any:
    """Make the symbols of state variables.

    Parameters
    ----------
    names : str or iterable of str
        Names, separated by blanks or commas.

    Returns
    -------
    Symbol or tuple of Symbol
        One symbol for a single name, else a tuple.

    Raises
    ------
    ModelError
        If a name is not an ASCII identifier, is reserved, or is given twice.
    """
    return _symbols(names, "states")


def parameters(names: str | Iterable[str]) -> Any:
    """Make the symbols of parameters; arguments and result as `states`."""
    return _symbols(names, "parameters")


def inputs(names: str | Iterable[str]) -> Any:
    """Make the symbols of inputs (what arrives from outside); as `states`."""
    return _symbols(names, "inputs")


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real | sympy.Number):
        raise ModelError(f"{where}: expected a number, got {value!r:.60} ({type(value).__name__})")
    try:
        number = float(value)
    except OverflowError:
        raise ModelError(f"{where}: the value is too large for a float") from None
    if not math.isfinite(number):
        raise ModelError(f"{where}: the value {number} is not finite")
    return number


def _bound(value: object, where: str) -> float:
    """Return the edge of a range, which may be infinite."""
    if isinstance(value, numbers.Real | sympy.Expr) and value in (math.inf, -math.inf):
        return float(value)
    return _number(value, where)


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
        value = _number(self.value, "Param: value")
        for name in ("min", "max"):
            object.__setattr__(self, name, _bound(getattr(self, name), f"Param: {name}"))
        object.__setattr__(self, "value", value)
        if not self.min <= self.max:
            raise ModelError(f"Param: min={self.min:g} is above max={self.max:g}")
        if not self.min <= value <= self.max:
            raise ModelError(f"Param: value {value:g} is outside [{self.min:g}, {self.max:g}]")
        for name in ("unit", "meaning", "theme", "source"):
            check_prose(getattr(self, name), f"Param: {name}")


class _Formulas(Mapping[Any, sympy.Expr]):
    """Expressions of which the text is known to be right; each is read when it is wanted."""

    def __init__(self, texts: Mapping[Any, tuple[str, str]], known: Mapping[str, sympy.Symbol]):
        self._texts = texts
        self._known = known
        self._made: dict[Any, sympy.Expr] = {}

    def __getitem__(self, key: Any) -> sympy.Expr:
        made = self._made.get(key)
        if made is None:
            text, where = self._texts[key]
            made = self._made[key] = parse(text, self._known, where)
        return made

    def __contains__(self, key: object) -> bool:
        return key in self._texts

    def __iter__(self) -> Iterator[Any]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __repr__(self) -> str:
        return repr(dict(self))


@lru_cache(maxsize=1)
def _reader() -> str:
    """Digest of everything that decides which texts are right, and what they become."""
    package = Path(__file__).parent
    digest = sha256(f"{sys.version} {sympy.__version__}".encode())
    for pattern in ("model.py", "expression.py", "codegen/*.py", "include/*.h"):
        for path in sorted(package.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _name(key: object, where: str) -> str:
    return check_name(key.name if isinstance(key, sympy.Symbol) else key, where)


def named(mapping: object, where: str) -> dict[str, Any]:
    """Return a mapping, or a row or column of a table, keyed by plain names.

    Raises
    ------
    ModelError
        If it is neither, or a name is not allowed or given twice.
    """
    if mapping is None:
        return {}
    if getattr(mapping, "ndim", 1) == 2:
        raise ModelError(
            f"{where}: expected a mapping from names, got a table ({type(mapping).__name__}), "
            "which has one row a set: use tr.ensemble(model, table), or give one row, table.iloc[0]"
        )
    if not hasattr(mapping, "items"):
        raise ModelError(
            f"{where}: expected a mapping from names, got {type(mapping).__name__}; "
            "write {'name': value}"
        )
    found: dict[str, Any] = {}
    for key, value in mapping.items():
        name = _name(key, where)
        if name in found:
            raise ModelError(f"{where}: {name!r} is given twice")
        found[name] = value
    return found


@checks_keywords
@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A system of ordinary differential equations with everything that describes it.

    Parameters
    ----------
    name : str
        Short name, used in messages and files.
    rhs : mapping of state to expression
        Time derivative of each state. Its order is the order of the states. Expressions
        are sympy or text; the symbol ``t`` is time.
    params : mapping of parameter to float or Param
        Its order is the order of the parameters.
    initial : mapping of state to float or expression of parameters
        Start of each state.
    inputs : mapping of input to float, optional
        Value of each input while nothing else is given.
    observables : mapping of str to expression, optional
        Named read-outs of states, parameters and inputs.
    bounds : mapping of state to pair of float, optional
        Region in which a state makes sense.
    time_unit : str
        Unit of ``t``.
    meanings : mapping of str to str, optional
        What states, inputs and observables stand for.
    description, source : str
        A paragraph for readers, and where the equations were published.

    Raises
    ------
    ModelError
        For any name, expression or number that breaks a rule; says which and what to do.
    """

    name: str
    rhs: Mapping[Any, Any]
    params: Any = None
    initial: Any = None
    inputs: Any = None
    observables: Any = None
    bounds: Any = None
    time_unit: str = ""
    meanings: Any = None
    description: str = ""
    source: str = ""
    #: Mapping of parameter name to `Param`.
    parameters: Mapping[str, Param] = field(init=False, repr=False, default_factory=dict)
    #: State names, in the order of `rhs`.
    states: tuple[str, ...] = field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip() or "\n" in self.name:
            raise ModelError(f"Model: the name must be one line of text, got {self.name!r:.60}")
        where = check_prose(self.name, "Model: the name")
        for text in ("time_unit", "description", "source"):
            check_prose(getattr(self, text), f"{where}: {text}")
        rhs = named(self.rhs, f"{where}: rhs")
        if not rhs:
            raise ModelError(f"{where}: rhs is empty; a model has at least one state")
        params = {
            name: self._param(name, value)
            for name, value in named(self.params, f"{where}: params").items()
        }
        inputs_ = {
            name: _number(value, f"{where}: input {name!r}")
            for name, value in named(self.inputs, f"{where}: inputs").items()
        }
        observables = named(self.observables, f"{where}: observables")
        self._check_unique(rhs, params, inputs_, observables)

        known = {name: symbol(name) for name in (*rhs, *params, *inputs_)}
        every = list(rhs), list(params)
        right_sides = {
            symbol(name): self._text(value, known, f"d{name}/dt", *every)
            for name, value in rhs.items()
        }
        readings = {
            name: self._text(value, known, f"observable {name!r}", *every)
            for name, value in observables.items()
        }
        beginnings = self._start(named(self.initial, f"{where}: initial"), *every)
        texts = [
            [text for text, _ in part.values()] for part in (right_sides, readings, beginnings)
        ]
        content = repr((_reader(), *every, list(inputs_), texts))
        fingerprint = sha256(content.encode(errors="surrogatepass")).hexdigest()
        key = recall(fingerprint)
        equations: Mapping[Any, sympy.Expr] = _Formulas(right_sides, known)
        readouts: Mapping[Any, sympy.Expr] = _Formulas(readings, known)
        if key is None:
            equations = MappingProxyType(dict(equations))
            readouts = MappingProxyType(dict(readouts))
        start = dict(_Formulas(beginnings, {name: symbol(name) for name in params}))
        for name, expression in start.items():
            if TIME in expression.free_symbols:
                raise ModelError(f"{self.name}: initial {name} depends on t; give its value")
        limits = self._limits(named(self.bounds, f"{where}: bounds"), list(rhs))
        for name, (low, high) in limits.items():
            value = start[name]
            if value.is_number and not low <= float(value) <= high:
                raise ModelError(
                    f"{where}: initial {name} = {float(value):g} is outside its bounds "
                    f"[{low:g}, {high:g}]"
                )
        meanings = named(self.meanings, f"{where}: meanings")
        for name, text in meanings.items():
            if name not in rhs and name not in inputs_ and name not in observables:
                names = [*rhs, *inputs_, *observables]
                raise ModelError(
                    f"{where}: meanings names {name!r}, which is no state, input or "
                    f"observable{nearest(name, names)}"
                )
            check_prose(text, f"{where}: the meaning of {name!r}")

        put = object.__setattr__
        put(self, "fingerprint", fingerprint)
        put(self, "key", key)
        put(self, "rhs", equations)
        put(self, "parameters", MappingProxyType(params))
        put(self, "params", tuple(params))
        put(self, "inputs", tuple(inputs_))
        put(self, "input_defaults", MappingProxyType(inputs_))
        put(self, "states", tuple(rhs))
        put(self, "initial", MappingProxyType(start))
        put(self, "observables", readouts)
        put(self, "bounds", MappingProxyType(limits))
        put(self, "meanings", MappingProxyType(meanings))

    #: Mapping of input name to the value it has while nothing else is given.
    input_defaults: Mapping[str, float] = field(init=False, repr=False, default_factory=dict)
    #: Digest of the equations as they were written and of what reads them.
    fingerprint: str = field(init=False, repr=False, default="")
    #: Key of the compiled code of these equations, where an earlier process left it: then they
    #: were read and found right before, and are read again only when they are looked at.
    key: str | None = field(init=False, repr=False, default=None)

    # ------------------------------------------------------------------ checks

    def _param(self, name: str, value: object) -> Param:
        if isinstance(value, Param):
            return value
        return Param(_number(value, f"{self.name}: parameter {name!r}"))

    def _check_unique(self, *families: Mapping[str, Any]) -> None:
        labels = ("a state", "a parameter", "an input", "an observable")
        owner: dict[str, str] = {}
        for label, family in zip(labels, families, strict=True):
            for name in family:
                if name in owner:
                    raise ModelError(
                        f"{self.name}: {name!r} is both {owner[name]} and {label}; rename one"
                    )
                owner[name] = label

    def _text(
        self,
        value: Any,
        known: Mapping[str, sympy.Symbol],
        what: str,
        state_names: list[str],
        param_names: list[str],
    ) -> tuple[str, str]:
        """Return the text of a formula, and what it is for messages."""
        where = f"{self.name}: {what}"
        if isinstance(value, str):
            return value, where
        if isinstance(value, bool) or not isinstance(value, sympy.Expr | numbers.Real):
            raise ModelError(
                f"{where}: expected an expression, got {value!r:.60} ({type(value).__name__})"
            )
        if not isinstance(value, sympy.Expr):
            number = _number(value, where)
            return str(int(value)) if isinstance(value, numbers.Integral) else repr(number), where
        renamed: dict[sympy.Symbol, sympy.Symbol] = {}
        for used in value.free_symbols:
            if used.name == "t":
                renamed[used] = TIME
            elif used.name in known:
                renamed[used] = known[used.name]
            else:
                what, places = f"not a parameter ({listed(param_names) or 'none'})", "params="
                if state_names:
                    what = (
                        f"neither a state ({listed(state_names)}) nor a parameter "
                        f"({listed(param_names) or 'none'}) nor an input"
                    )
                    places = "params= or inputs="
                raise ModelError(
                    f"{where} uses the symbol '{used.name}', which is {what}. "
                    f"Add it to {places}{nearest(used.name, known)}"
                )
        expression = value.xreplace(renamed)
        check(expression, where)
        # Kept as its text reads, so that a model, its file and its pickle are one thing.
        return write(expression), where

    def _start(
        self, given: Mapping[str, Any], state_names: list[str], param_names: list[str]
    ) -> dict[str, tuple[str, str]]:
        for name in given:
            if name not in state_names:
                raise ModelError(
                    f"{self.name}: initial names {name!r}, which is not a state "
                    f"({listed(state_names)}){nearest(name, state_names)}"
                )
        missing = [name for name in state_names if name not in given]
        if missing:
            raise ModelError(f"{self.name}: initial has no value for {listed(missing)}")
        known = {name: symbol(name) for name in param_names}
        return {
            name: self._text(given[name], known, f"initial {name}", [], param_names)
            for name in state_names
        }

    def _limits(
        self, given: Mapping[str, Any], state_names: list[str]
    ) -> dict[str, tuple[float, float]]:
        limits = {}
        for name, pair in given.items():
            if name not in state_names:
                raise ModelError(
                    f"{self.name}: bounds names {name!r}, which is not a state "
                    f"({listed(state_names)}){nearest(name, state_names)}"
                )
            try:
                first, second = pair
            except (TypeError, ValueError):
                raise ModelError(
                    f"{self.name}: bounds of {name} must be a pair of numbers, got {pair!r:.60}"
                ) from None
            low = _bound(first, f"{self.name}: bounds of {name}")
            high = _bound(second, f"{self.name}: bounds of {name}")
            if not low < high:
                raise ModelError(f"{self.name}: bounds of {name}: {low:g} is not below {high:g}")
            limits[name] = (low, high)
        return limits

    # ------------------------------------------------------------------ reading

    @property
    def defaults(self) -> dict[str, float]:
        """Default value of each parameter."""
        return {name: param.value for name, param in self.parameters.items()}

    @property
    def jacobian(self) -> sympy.Matrix:
        """Jacobian matrix of the right-hand side, shape (n_state, n_state)."""
        return self._jacobian.as_mutable()

    @cached_property
    def _jacobian(self) -> sympy.ImmutableMatrix:
        names = [symbol(name) for name in self.states]
        rows = [[expr.diff(name) for name in names] for expr in self.rhs.values()]
        return sympy.ImmutableMatrix(rows)

    def table(self) -> pd.DataFrame:
        """Describe the parameters: one row each.

        Returns
        -------
        DataFrame
            Index ``name``; columns value, unit, min, max, meaning, theme, source.
        """
        import pandas as pd

        columns = ["value", "unit", "min", "max", "meaning", "theme", "source"]
        rows = [[getattr(p, column) for column in columns] for p in self.parameters.values()]
        return pd.DataFrame(rows, columns=columns, index=pd.Index(self.params, name="name"))

    def formula(self, value: Formula, what: str) -> sympy.Expr:
        """Read a function of states, parameters, inputs and time, as the model's own are read.

        Parameters
        ----------
        value : expression, str or float
        what : str
            What it is, for messages.

        Raises
        ------
        ModelError
            If it uses a name that is not in the model, or what no code can be made for.
        """
        known = {name: symbol(name) for name in (*self.states, *self.params, *self.inputs)}
        text, where = self._text(value, known, what, list(self.states), list(self.params))
        return parse(text, known, where)

    def latex(self) -> str:
        """Return the equations as a LaTeX ``align`` environment."""
        lines = [
            rf"\frac{{d {sympy.latex(state)}}}{{dt}} &= {sympy.latex(expr)}"
            for state, expr in self.rhs.items()
        ]
        return "\\begin{align}\n" + " \\\\\n".join(lines) + "\n\\end{align}"

    # ------------------------------------------------------------------ deriving

    def arguments(self) -> dict[str, Any]:
        """Return what `Model` takes to build this model again."""
        return {
            "name": self.name,
            "rhs": dict(self.rhs),
            "params": dict(self.parameters),
            "initial": dict(self.initial),
            "inputs": dict(self.input_defaults),
            "observables": dict(self.observables),
            "bounds": dict(self.bounds),
            "time_unit": self.time_unit,
            "meanings": dict(self.meanings),
            "description": self.description,
            "source": self.source,
        }

    @checks_keywords
    def replace(
        self,
        *,
        name: str | None = None,
        params: Mapping[Name, float | Param] | None = None,
        initial: Mapping[Name, Formula] | None = None,
        inputs: Mapping[Name, float] | None = None,
        observables: Mapping[str, Formula] | None = None,
    ) -> Model:
        """Return a model with other values; everything not named stays.

        Raises
        ------
        ModelError
            If a name in `params`, `initial` or `inputs` is not in the model, or a value
            is outside its range.
        """
        arguments = self.arguments()
        if name is not None:
            arguments["name"] = name
        for value_name, value in self.known(params, "parameter", self.params).items():
            if isinstance(value, Param):
                arguments["params"][value_name] = value
                continue
            number = _number(value, f"{self.name}: parameter {value_name!r}")
            old = self.parameters[value_name]
            if not old.min <= number <= old.max:
                raise ModelError(
                    f"{self.name}: {value_name} = {number:g} is outside its range "
                    f"[{old.min:g}, {old.max:g}]"
                )
            arguments["params"][value_name] = replace(old, value=number)
        arguments["initial"].update(self.known(initial, "state", self.states))
        arguments["inputs"].update(self.known(inputs, "input", self.inputs))
        if observables is not None:
            arguments["observables"].update(observables)
        return Model(**arguments)

    def known(
        self, given: Mapping[Any, Any] | None, kind: str, names: tuple[str, ...]
    ) -> dict[str, Any]:
        """Return a mapping keyed by name, or raise for a name that is not in `names`.

        Raises
        ------
        ModelError
            Naming the unknown name and the nearest one of that kind in the model.
        """
        if given is None:
            return {}
        kinds = {"parameter": self.parameters, "state": self.initial, "input": self.input_defaults}
        if isinstance(given, dict) and given.keys() <= kinds[kind].keys():
            return dict(given)
        plain = named(given, f"{self.name}: values of {kind}s")
        for name in plain:
            if name not in names:
                elsewhere = [k for k, members in kinds.items() if name in members]
                hint = nearest(name, names)
                if elsewhere:
                    article = "an" if elsewhere[0] == "input" else "a"
                    hint = f" (it is {article} {elsewhere[0]})."
                raise ModelError(
                    f"{self.name}: unknown {kind} '{name}'{hint or '.'} "
                    f"The {kind}s are: {listed(names, 100) or 'none'}"
                )
        return plain

    @checks_keywords
    def freeze(self, values: Mapping[Name, float]) -> Model:
        """Turn states into parameters held at a value: the fast subsystem.

        Parameters
        ----------
        values : mapping of state to float
            The states to hold; each becomes a parameter of the same name.

        Raises
        ------
        ModelError
            If no state or all are named, a name is not a state, or a value is outside the
            state's bounds.
        """
        held = self.known(values, "state", self.states)
        if not held:
            raise ModelError(
                f"{self.name}: freeze names no state; give one or more of {listed(self.states)} "
                "with the value to hold it at"
            )
        arguments = self.arguments()
        for name, value in held.items():
            low, high = self.bounds.get(name, (-math.inf, math.inf))
            number = _number(value, f"{self.name}: freeze {name!r}")
            if not low <= number <= high:
                raise ModelError(
                    f"{self.name}: freeze {name!r}: {number:g} is outside the state's bounds "
                    f"[{low:g}, {high:g}]"
                )
            arguments["params"][name] = Param(
                number,
                min=low,
                max=high,
                meaning=f"{self.meanings.get(name, '')} (state held constant)".strip(),
            )
            del arguments["rhs"][symbol(name)]
            for part in ("initial", "bounds", "meanings"):
                arguments[part].pop(name, None)
        arguments["name"] = f"{self.name} ({', '.join(held)} frozen)"
        return Model(**arguments)

    def __eq__(self, other: object) -> bool:
        # Mappings compare without their order, but the order of the names is the model's.
        return (
            isinstance(other, Model)
            and self._order() == other._order()
            and self.arguments() == other.arguments()
        )

    def _order(self) -> tuple[tuple[str, ...], ...]:
        return self.states, self.params, self.inputs, tuple(self.observables)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.name, self.states, self.params))

    def __repr__(self) -> str:
        n, m = len(self.states), len(self.params)
        counts = f"{n} state{'' if n == 1 else 's'} ({listed(self.states)}), "
        counts += f"{m} parameter{'' if m == 1 else 's'}"
        if self.inputs:
            counts += f", inputs {listed(self.inputs)}"
        return f"<Model {self.name!r}: {counts}>"

    def _repr_html_(self) -> str:
        described = f"\n{self.description}" if self.description else ""
        shown = self.table()[["value", "unit", "min", "max", "meaning"]]
        # A notebook typesets what stands in an environment of equations.
        parts = [html_of_text(repr(self) + described), escape(self.latex(), quote=False)]
        return "\n".join([*parts, html_of_table(shown, len(shown))])

    @cached_property
    def definition(self) -> str:
        """All of the model as one line of JSON: the same for equal models, and no others."""
        import json

        arguments = self.arguments()
        arguments["rhs"] = {s.name: write(e) for s, e in self.rhs.items()}
        arguments["params"] = {name: asdict(param) for name, param in self.parameters.items()}
        for part in ("initial", "observables"):
            arguments[part] = {n: write(e) for n, e in arguments[part].items()}
        return json.dumps(arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        # Expressions travel as text and come back through the parser, so a pickled model
        # cannot smuggle objects in.
        return _rebuild, (self.definition,)


@lru_cache(maxsize=16)
def _rebuild(definition: str) -> Model:
    """Read a model that travelled; a worker gets the same one with every piece of work."""
    import json

    arguments = json.loads(definition)
    params = {name: Param(**param) for name, param in arguments.pop("params").items()}
    return Model(**arguments, params=params)
