"""`Model`: a system of ordinary differential equations, and every check of it.

Imports what the parts of a model are, the expressions and errors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import sympy

from ..cache import recall
from ..digest import sha256
from ..errors import ModelError, checks_keywords, listed, nearest
from ..expression import TIME, check_prose, parse, symbol, write
from ..notebook import html_of_table, html_of_text
from .formulas import Formulas, reader, text_of
from .param import Param, number
from .parts import check_meanings, check_unique, limits_of, start_texts
from .symbols import Formula, Name, named

if TYPE_CHECKING:
    import pandas as pd


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
    bounds : mapping of state or input to pair of float, optional
        Region in which a state or an input makes sense.
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
    #: Mapping of input name to the value it has while nothing else is given.
    input_defaults: Mapping[str, float] = field(init=False, repr=False, default_factory=dict)
    #: Digest of the equations as they were written and of what reads them.
    fingerprint: str = field(init=False, repr=False, default="")
    #: Key of the compiled code of these equations, where an earlier process left it: then they
    #: were read and found right before, and are read again only when they are looked at.
    key: str | None = field(init=False, repr=False, default=None)

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
            name: value
            if isinstance(value, Param)
            else Param(number(value, f"{where}: parameter {name!r}"))
            for name, value in named(self.params, f"{where}: params").items()
        }
        inputs_ = {
            name: number(value, f"{where}: input {name!r}")
            for name, value in named(self.inputs, f"{where}: inputs").items()
        }
        observables = named(self.observables, f"{where}: observables")
        check_unique(where, rhs, params, inputs_, observables)

        known = {name: symbol(name) for name in (*rhs, *params, *inputs_)}
        every = list(rhs), list(params)
        right_sides = {
            symbol(name): text_of(value, known, f"{where}: d{name}/dt", *every)
            for name, value in rhs.items()
        }
        readings = {
            name: text_of(value, known, f"{where}: observable {name!r}", *every)
            for name, value in observables.items()
        }
        beginnings = start_texts(where, named(self.initial, f"{where}: initial"), *every)
        texts = [
            [text for text, _ in part.values()] for part in (right_sides, readings, beginnings)
        ]
        content = repr((reader(), *every, list(inputs_), texts))
        fingerprint = sha256(content.encode(errors="surrogatepass")).hexdigest()
        key = recall(fingerprint)
        equations, readouts = Formulas(right_sides, known), Formulas(readings, known)
        if key is None:
            equations.read()
            readouts.read()
        start = dict(Formulas(beginnings, {name: symbol(name) for name in params}))
        for name, expression in start.items():
            if TIME in expression.free_symbols:
                raise ModelError(f"{self.name}: initial {name} depends on t; give its value")
        limits = limits_of(where, named(self.bounds, f"{where}: bounds"), [*rhs, *inputs_])
        for name, (low, high) in limits.items():
            value = start[name] if name in start else sympy.Float(inputs_[name])
            if value.is_number and not low <= float(value) <= high:
                raise ModelError(
                    f"{where}: {'initial' if name in start else 'input'} {name} = "
                    f"{float(value):g} is outside its bounds [{low:g}, {high:g}]"
                )
        meanings = named(self.meanings, f"{where}: meanings")
        check_meanings(where, meanings, [*rhs, *inputs_, *observables])

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

    # ------------------------------------------------------------------ reading

    @property
    def defaults(self) -> dict[str, float]:
        """Default value of each parameter."""
        return {name: param.value for name, param in self.parameters.items()}

    @cached_property
    def unused(self) -> tuple[str, ...]:
        """Parameters and inputs that stand in no equation, observable or initial value."""
        parts = (*self.rhs.values(), *self.observables.values(), *self.initial.values())
        standing = {each.name for part in parts for each in part.free_symbols}
        return tuple(name for name in (*self.params, *self.inputs) if name not in standing)

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
        text, where = text_of(value, known, f"{self.name}: {what}", self.states, self.params)
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
            found = number(value, f"{self.name}: parameter {value_name!r}")
            old = self.parameters[value_name]
            if not old.min <= found <= old.max:
                raise ModelError(
                    f"{self.name}: {value_name} = {found:g} is outside its range "
                    f"[{old.min:g}, {old.max:g}]"
                )
            arguments["params"][value_name] = replace(old, value=found)
        arguments["initial"].update(self.known(initial, "state", self.states))
        arguments["inputs"].update(self.known(inputs, "input", self.inputs))
        if observables is not None:
            arguments["observables"].update(observables)
        return Model(**arguments)

    @checks_keywords
    def extend(
        self,
        name: str,
        *,
        put: Mapping[Name, Formula] | None = None,
        rhs: Mapping[Name, Formula] | None = None,
        params: Mapping[Name, float | Param] | None = None,
        initial: Mapping[Name, Formula] | None = None,
        inputs: Mapping[Name, float] | None = None,
        observables: Mapping[str, Formula] | None = None,
        bounds: Mapping[Name, tuple[float, float]] | None = None,
        meanings: Mapping[Name, str] | None = None,
    ) -> Model:
        """Return a model with other equations: states, parameters or inputs more, or terms changed.

        Parameters
        ----------
        name : str
            What the new model is called; its equations are no longer those of the old.
        put : mapping of parameter, input or state to expression
            What stands for a name in every equation and observable of the old model, as in
            ``{"gain": "gain*(1 - effect*drug)"}``.
        rhs : mapping of state to expression
            Equations of new states, and others for old ones; they are taken as given.
        params, initial, inputs, observables, bounds, meanings : mapping
            What comes new, as for `Model`; `replace` changes values that there are.

        Raises
        ------
        ModelError
            If `put` names nothing in the model, a new parameter or input is there already, or
            the new equations break a rule of `Model`.
        """
        where = f"{name}: extend('{self.name}')"
        arguments = self.arguments()
        new = {"params": named(params, f"{where}: params"), "inputs": named(inputs, where)}
        for part, values in new.items():
            for each in values:
                if each in (*self.states, *self.params, *self.inputs):
                    raise ModelError(
                        f"{where}: {part}: {each!r} is in the model already; replace("
                        f"{part}={{{each!r}: ...}}) gives it another value"
                    )
            arguments[part].update(values)
        equations = named(rhs, f"{where}: rhs")
        there = (*self.states, *self.params, *self.inputs)
        known = {
            each: symbol(each) for each in (*there, *equations, *new["params"], *new["inputs"])
        }
        others = {}
        for each, value in named(put, f"{where}: put").items():
            if each not in there:
                raise ModelError(
                    f"{where}: put: {each!r} is no state, parameter or input of "
                    f"'{self.name}'{nearest(each, there)}"
                )
            text, at = text_of(value, known, f"{where}: put {each!r}", self.states, self.params)
            others[symbol(each)] = parse(text, known, at)
        arguments["rhs"] = {state.name: e.xreplace(others) for state, e in self.rhs.items()}
        arguments["rhs"].update(equations)
        arguments["observables"] = {n: e.xreplace(others) for n, e in self.observables.items()}
        for part, given in (
            ("initial", initial),
            ("observables", observables),
            ("bounds", bounds),
            ("meanings", meanings),
        ):
            arguments[part].update(named(given, f"{where}: {part}"))
        changed = f"Changed from '{self.name}'."
        arguments["description"] = f"{changed} {self.description}".strip()
        return Model(**(arguments | {"name": name}))

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
                hint = nearest(name, names) or self._by_meaning(name, names)
                if elsewhere:
                    article = "an" if elsewhere[0] == "input" else "a"
                    hint = f" (it is {article} {elsewhere[0]})."
                raise ModelError(
                    f"{self.name}: unknown {kind} '{name}'{hint or '.'} "
                    f"The {kind}s are: {listed(names, 100) or 'none'}"
                )
        return plain

    def _by_meaning(self, word: str, names: tuple[str, ...]) -> str:
        """Return a hint at the one name whose meaning begins with a word, or an empty string."""
        meanings = self.meanings | {name: each.meaning for name, each in self.parameters.items()}
        begin = [word.casefold()]
        found = [n for n in names if meanings.get(n, "").casefold().split()[:1] == begin]
        return f"; did you mean '{found[0]}' ({meanings[found[0]]})?" if len(found) == 1 else ""

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
            found = number(value, f"{self.name}: freeze {name!r}")
            if not low <= found <= high:
                raise ModelError(
                    f"{self.name}: freeze {name!r}: {found:g} is outside the state's bounds "
                    f"[{low:g}, {high:g}]"
                )
            arguments["params"][name] = Param(
                found,
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
        if self.unused:
            counts += f"; in no equation: {listed(self.unused)}"
        return f"<Model {self.name!r}: {counts}>"

    def _repr_html_(self) -> str:
        described = f"\n{self.description}" if self.description else ""
        shown = self.table()[["value", "unit", "min", "max", "meaning"]]
        from html import escape

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
