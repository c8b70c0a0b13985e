"""Predictions as observables: the model that is fitted, from the model that was given.

Expressions of observation models become observables, and names that only they use become
parameters, so that the compiled model differentiates them. Imports the model layer and
the observation models.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from ..errors import ModelError, OptionError, listed, nearest
from ..expression import TIME, check_name, parse, symbol
from ..model import Model, Param
from .observation import Observation
from .vary import Vary, initial_of

#: Reciprocal of the natural logarithm of 10.
_PER_LOG10 = 1.0 / math.log(10.0)


@dataclass(frozen=True, eq=False)
class Readout:
    """A model whose observables hold every prediction.

    Attributes
    ----------
    model : Model
        The given model, with observables and parameters added where needed.
    predicted : mapping of column to tuple of str or float
        For each quantity of its observation model the observable that predicts it, or its
        value; for a summed column only the first quantity.
    given : mapping of column to mapping of int to str
        Quantities that a column of the data holds for each row, as known standard errors.
    summed : frozenset of str
        Columns whose rows the C core sums.
    scales : frozenset of str
        Names that are a scale and nothing else; no equation holds them.
    """

    model: Model
    predicted: Mapping[str, tuple[str | float, ...]]
    given: Mapping[str, Mapping[int, str]]
    summed: frozenset[str]
    scales: frozenset[str]


def read_out(
    model: Model,
    observed: Mapping[str, Observation],
    vary: Mapping[str, Vary],
    fixed: Mapping[str, float],
    columns: Collection[object],
    where: str,
) -> Readout:
    """Add what the observation models need to a model.

    Raises
    ------
    ModelError
        If an expression uses an unknown name.
    OptionError
        If a scale, or a name in `vary` or `fixed`, stands for nothing.

    Notes
    -----
    `columns` are those of the data.
    """
    loose = [
        name
        for name in (*vary, *fixed)
        if name not in model.params and initial_of(name, model) is None
    ]
    given = {column: _given(each, model, loose, columns) for column, each in observed.items()}
    summed = frozenset(
        c for c, each in observed.items() if not given[c] and _is_summed(each, model)
    )
    expressions: dict[str, list[sympy.Expr | float]] = {}
    for column, observation in observed.items():
        sent = observation.quantities[: 1 if column in summed else None]
        _check_values(observation, given[column], model, vary, fixed, where)
        expressions[column] = [
            math.nan
            if k in given[column]
            else _expression(quantity, model, loose, f"{where}: observed['{column}']")
            for k, quantity in enumerate(sent)
        ]
        expressions[column][0] = _transformed(expressions[column][0], observation.transform)
    used = {
        symbol.name
        for each in expressions.values()
        for expression in each
        if isinstance(expression, sympy.Expr)
        for symbol in expression.free_symbols
    }
    added = [name for name in dict.fromkeys(loose) if name in used]
    # A parameter that no equation holds is a scale as good as a name that the model lacks.
    equations = (*model.rhs.values(), *model.initial.values(), *model.observables.values())
    elsewhere = used | {symbol.name for right in equations for symbol in right.free_symbols}
    scales = frozenset(
        observed[column].quantities[1]
        for column in summed
        if len(observed[column].quantities) > 1
        and isinstance(observed[column].quantities[1], str)
        and observed[column].quantities[1] not in elsewhere
    )
    _check_names(model, vary, fixed, loose, {*added, *scales}, where)
    predicted: dict[str, tuple[str | float, ...]] = {}
    new: dict[str, sympy.Expr] = {}
    for k, (column, each) in enumerate(expressions.items()):
        names: list[str | float] = []
        roles = observed[column].roles
        for role, expression in zip(roles, each, strict=False):
            if not isinstance(expression, sympy.Expr):
                names.append(expression)
                continue
            there = (*model.observables.items(), *new.items())
            name = next((n for n, e in there if e == expression), None)
            if name is None:
                wish = column if not names else f"{column}_{role}"
                if names and roles.count(role) > 1:  # cut points: number them
                    wish += f"_{roles[: len(names)].count(role) + 1}"
                name = _free_name(wish, k, model, new, added)
                new[name] = expression
            names.append(name)
        predicted[column] = tuple(names)
    if not new:
        return Readout(model, predicted, given, summed, scales)
    arguments = model.arguments()
    arguments["observables"] |= new
    for name in added:
        arguments["params"][name] = _parameter(name, vary, fixed)
    return Readout(Model(**arguments), predicted, given, summed, scales)


def _given(
    observation: Observation, model: Model, loose: list[str], columns: Collection[object]
) -> dict[int, str]:
    """Find quantities that stand in a column of the data; a name of the model comes first."""
    known = (*model.states, *model.params, *model.inputs, *model.observables, *loose, "t")
    return {
        k: quantity
        for k, quantity in enumerate(observation.quantities)
        if k and isinstance(quantity, str) and quantity not in known and quantity in columns
    }


def _is_summed(observation: Observation, model: Model) -> bool:
    """Tell whether the C core can sum a column: its scale must not change in time."""
    scale = observation.quantities[1] if len(observation.quantities) > 1 else None
    if isinstance(scale, sympy.Expr) or (isinstance(scale, str) and not scale.isidentifier()):
        return False
    moving = (*model.states, *model.inputs, *model.observables, "t")
    return observation.summed and scale not in moving


def _transformed(expression: sympy.Expr | float, transform: str) -> sympy.Expr | float:
    """Return the logarithm of a location, if that is what is compared."""
    if transform == "lin":
        return expression
    logarithm = sympy.log(expression)
    return _PER_LOG10 * logarithm if transform == "log10" else logarithm


def shared_notes(model: Model, observed: Mapping[str, Observation]) -> list[str]:
    """Say which scale of an observation is a parameter of the equations as well.

    That is hardly ever meant: the two have come to share a name, such as sigma.
    """
    moving = {symbol.name for right in model.rhs.values() for symbol in right.free_symbols}
    notes = []
    for column, observation in observed.items():
        for name in observation.positive:
            if name in model.params and name in moving:
                meant = model.parameters[name].meaning
                meant = f" ({meant})" if meant else ""
                notes.append(
                    f"the scale '{name}' of column '{column}' is also a parameter of the "
                    f"equations of {model.name}{meant}, so that one value serves as both; unless "
                    "that is meant, give the scale another name"
                )
    return notes


def jump_notes(model: Model, varied: Iterable[str]) -> list[str]:
    """Say which varied values decide when the equations jump: no sensitivity sees that.

    Where both sides of ``sign`` meet, as in ``(t - lag) * sign(t - lag)``, there is no jump.
    """
    notes, free = [], set(varied)
    for state, right in model.rhs.items():
        for switch in sorted(right.atoms(sympy.sign), key=str):
            (argument,) = switch.args
            names = {symbol.name for symbol in argument.free_symbols}
            late = sorted(names & free)
            when = argument.as_poly(TIME) if late and TIME in argument.free_symbols else None
            if when is None or when.degree() != 1:
                continue
            size = right.xreplace({switch: sympy.Integer(1)})
            size = size - right.xreplace({switch: sympy.Integer(-1)})
            if sympy.simplify(size.subs(TIME, -when.nth(0) / when.nth(1))) == 0:
                continue
            notes.append(
                f"d{state}/dt jumps at {switch}, and gradients do not see how the moment moves "
                f"with {listed(late)}: hold that value, or write tanh(({argument})/width) for "
                "the sign, with a width well below the time between observations"
            )
    return notes


def _check_values(
    observation: Observation,
    given: Mapping[int, str],
    model: Model,
    vary: Mapping[str, Vary],
    fixed: Mapping[str, float],
    where: str,
) -> None:
    """Raise for a name in the place of a scale, cut point or utility that has no value."""
    known = (*model.states, *model.params, *model.inputs, *model.observables, *vary, *fixed, "t")
    for k, (role, name) in enumerate(zip(observation.roles, observation.quantities, strict=True)):
        if k == 0 or k in given:
            continue
        if isinstance(name, str) and name.isidentifier() and name not in known:
            example = (
                "Vary(0.1, min=1e-6, scale='log')" if name in observation.positive else "Vary(0.0)"
            )
            raise OptionError(
                f"{where}: {role}='{name}' has no value"
                f"{nearest(name, [*vary, *model.params]) or '.'} "
                f"Add '{name}' to vary=, as {example}, or to params=, or name a column of the data"
            )


def _parameter(name: str, vary: Mapping[str, Vary], fixed: Mapping[str, float]) -> Param:
    """Return the parameter for a name that only observation models use."""
    if name in vary:
        given = vary[name]
        return Param(given.value, min=given.min, max=given.max)
    return Param(fixed[name])


def _expression(text: Any, model: Model, loose: list[str], where: str) -> sympy.Expr | float:
    """Return a prediction in states, parameters, inputs, time and loose names."""
    names = (*model.states, *model.params, *model.inputs, *model.observables, *loose)
    known = {name: symbol(name) for name in names}
    if isinstance(text, float):
        return text
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
    expression = expression.xreplace({symbol(n): e for n, e in model.observables.items()})
    return float(expression) if expression.is_number else expression


def _check_names(
    model: Model,
    vary: Mapping[str, Vary],
    fixed: Mapping[str, float],
    loose: list[str],
    used: set[str],
    where: str,
) -> None:
    """Raise for a name given that nothing uses."""
    known = [*model.params, *(f"{state}(0)" for state in model.states), *sorted(used)]
    for name in loose:
        if name not in used:
            given = "vary" if name in vary else "params"
            raise ModelError(
                f"{where}: {given} names '{name}', which is neither a parameter of {model.name} "
                f"nor an initial value ('{model.states[0]}(0)') nor used by an observation "
                f"model{nearest(name, known)}"
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
