"""Predictions as observables: the model that is fitted, from the model that was given.

Expressions of observation models become observables, and names that only they use become
parameters, so that the compiled model differentiates them. Imports the model layer and
the observation models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy

from ..errors import ModelError, OptionError, nearest
from ..expression import TIME, check_name, parse, symbol
from ..model import Model, Param
from .observation import Observation
from .vary import Vary, initial_of


@dataclass(frozen=True, eq=False)
class Readout:
    """A model whose observables hold every prediction.

    Attributes
    ----------
    model : Model
        The given model, with observables and parameters added where needed.
    observable : mapping of column to str
        Observable that predicts it.
    scales : frozenset of str
        Names that are a scale and nothing else; they are not in the model.
    """

    model: Model
    observable: Mapping[str, str]
    scales: frozenset[str]


def read_out(
    model: Model,
    observed: Mapping[str, Observation],
    vary: Mapping[str, Vary],
    fixed: Mapping[str, float],
    where: str,
) -> Readout:
    """Add what the observation models need to a model.

    Raises
    ------
    ModelError
        If an expression uses an unknown name.
    OptionError
        If a scale, or a name in `vary` or `fixed`, stands for nothing.
    """
    loose = [
        name
        for name in (*vary, *fixed)
        if name not in model.params and initial_of(name, model) is None
    ]
    expressions = {
        column: _expression(observation, model, loose, f"{where}: observed['{column}']")
        for column, observation in observed.items()
    }
    used = {s.name for expression in expressions.values() for s in expression.free_symbols}
    added = [name for name in dict.fromkeys(loose) if name in used]
    scales = frozenset(
        str(observation.scale)
        for observation in observed.values()
        if isinstance(observation.scale, str) and observation.scale not in (*model.params, *added)
    )
    _check_names(model, vary, fixed, loose, {*added, *scales}, scales, where)
    observable: dict[str, str] = {}
    new: dict[str, sympy.Expr] = {}
    for k, (column, expression) in enumerate(expressions.items()):
        name = next((n for n, e in model.observables.items() if e == expression), None)
        if name is None:
            name = _free_name(column, k, model, new, added)
            new[name] = expression
        observable[column] = name
    if not new:
        return Readout(model, observable, scales)
    arguments = model.arguments()
    arguments["observables"] |= new
    for name in added:
        arguments["params"][name] = _parameter(name, vary, fixed)
    return Readout(Model(**arguments), observable, scales)


def _parameter(name: str, vary: Mapping[str, Vary], fixed: Mapping[str, float]) -> Param:
    """Return the parameter for a name that only observation models use."""
    if name in vary:
        given = vary[name]
        return Param(given.value, min=given.min, max=given.max)
    return Param(fixed[name])


def _expression(observation: Observation, model: Model, loose: list[str], where: str) -> sympy.Expr:
    """Return a prediction in states, parameters, inputs, time and loose names."""
    names = (*model.states, *model.params, *model.inputs, *model.observables, *loose)
    known = {name: symbol(name) for name in names}
    text = observation.expr
    if isinstance(text, str) and text in known:
        expression: sympy.Expr = known[text]
    elif isinstance(text, str):
        try:
            expression = parse(text, known, where)
        except ModelError as error:
            raise ModelError(
                f"{error}. A value for observations only is made known by vary= or params="
            ) from None
    else:
        renamed = {}
        for used in text.free_symbols:
            if used.name == "t":
                renamed[used] = TIME
            elif used.name in known:
                renamed[used] = known[used.name]
            else:
                raise ModelError(
                    f"{where} uses the symbol '{used.name}', which {model.name} does not have"
                    f"{nearest(used.name, known) or '.'} A value for observations only is made "
                    "known by vary= or params="
                )
        expression = text.xreplace(renamed)
    return expression.xreplace({symbol(n): e for n, e in model.observables.items()})


def _check_names(
    model: Model,
    vary: Mapping[str, Vary],
    fixed: Mapping[str, float],
    loose: list[str],
    used: set[str],
    scales: frozenset[str],
    where: str,
) -> None:
    """Raise for a name given that nothing uses, or a scale that nothing gives."""
    known = [*model.params, *(f"{state}(0)" for state in model.states), *sorted(used)]
    for name in loose:
        if name not in used:
            given = "vary" if name in vary else "params"
            raise ModelError(
                f"{where}: {given} names '{name}', which is neither a parameter of {model.name} "
                f"nor an initial value ('{model.states[0]}(0)') nor used by an observation "
                f"model{nearest(name, known)}"
            )
    for name in sorted(scales):
        if name not in vary and name not in fixed:
            raise OptionError(
                f"{where}: sd='{name}' has no value"
                f"{nearest(name, [*vary, *model.params]) or '.'} "
                f"Add '{name}' to vary=, as Vary(0.1, min=1e-6, scale='log'), or to params="
            )
    both = [name for name in vary if name in fixed]
    if both:
        raise OptionError(f"{where}: '{both[0]}' is both varied and held in params=; keep one")


def _free_name(
    column: str, k: int, model: Model, new: Mapping[str, sympy.Expr], added: list[str]
) -> str:
    """Return a name for a new observable: the column's, if it can be one."""
    taken = {*model.states, *model.params, *model.inputs, *model.observables, *new, *added}
    try:
        name = check_name(column, "column")
    except ModelError:
        name = f"observed_{k + 1}"
    while name in taken:
        name = f"{name}_observed"
    return name
