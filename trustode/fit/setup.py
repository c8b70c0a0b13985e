"""The arguments of a fit, checked and brought together.

Imports the model layer, the compiler and the other parts of the fit but searches and results.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compile import compile
from ..errors import DataError, ModelError, OptionError
from ..expression import TIME
from ..model import Model, named
from ..solve import initial_vector, parameter_vector
from .data import Data, Design, read
from .groups import is_shared
from .objective import Problem
from .observation import Observation
from .optimise import SEARCH_SOLVER
from .readout import read_out
from .rest import AtRest
from .vary import Layout, Vary, initial_of, limits

if TYPE_CHECKING:
    import pandas as pd

#: Least standard deviation, as a share of the largest observation.
LEAST_SD = 1e-10


def assembled(
    model: Model,
    data: pd.DataFrame,
    time: str,
    observed: Mapping[str, Observation],
    vary: Mapping[Any, Vary],
    group: str | Sequence[str] | None,
    inputs: Mapping[Any, Any] | None,
    params: Mapping[Any, Any] | None,
    initial: Mapping[Any, Any] | str | AtRest | None,
    where: str,
) -> tuple[Problem, Design]:
    """Check every argument and bring them together."""
    check_members(observed, "observed", Observation, "tr.Gaussian('rating', sd='sigma')", where)
    check_members(vary, "vary", Vary, "tr.Vary(1.0, min=0, max=5)", where)
    varies = {str(getattr(name, "name", name)): given for name, given in vary.items()}
    fixed, by_group = _held(params, where)
    for name in varies:
        if name in model.states:
            raise ModelError(
                f"{where}: vary names '{name}', which is a state; write '{name}(0)' for its "
                "initial value"
            )
        if name in model.inputs:
            raise ModelError(
                f"{where}: vary names '{name}', which is an input; only parameters and initial "
                "values can vary. Make it a parameter of the model"
            )
    rest = _rest(initial, model, where)
    begin: Any = initial if rest is None else rest.then
    started = model.known(begin, "state", model.states)
    by_group |= {f"{s}(0)": started.pop(s) for s in list(started) if _is_by_group(started[s])}
    held = started
    compiled = compile(model)
    given = {name: value for name, value in fixed.items() if name in model.params}
    initial_vector(compiled, parameter_vector(compiled, given, where), held, where)
    for name in varies:
        if initial_of(name, model) in held or (name.endswith("(0)") and name in by_group):
            raise OptionError(f"{where}: '{name}' is both varied and held in initial=; keep one")
    # What is known by group only needs a value for now.
    held_names = {name: 1.0 for name in by_group if initial_of(name, model) is None}
    columns = list(getattr(data, "columns", ()))
    readout = read_out(model, observed, varies, {**fixed, **held_names}, columns, where)
    groups = (group,) if isinstance(group, str) else tuple(group or ())
    levels = dict.fromkeys(each.per for each in varies.values() if each.per is not None)
    sources = model.known(inputs, "input", model.inputs)
    design = Design(time, groups, dict(observed), sources, tuple(levels), by_group)
    design = replace(design, given={c: each for c, each in readout.given.items() if each})
    if rest is not None:
        design = replace(design, rest=model.known(rest.inputs, "input", model.inputs))
    found = read(data, design, model, where)
    _check_held(found, model, where)
    design = replace(design, inputs=_by_group(sources, model, found))
    layout = _layout(varies, found, readout.model, readout.scales, design)
    index = layout.indices(found.levels, len(found.labels), where)
    solved = Problem(
        readout, found, dict(observed), layout, index, fixed, held, SEARCH_SOLVER, None
    )
    return solved, design


def _rest(initial: object, model: Model, where: str) -> AtRest | None:
    """Return how groups come to rest before their data begin, if they do."""
    if isinstance(initial, str):
        if initial != "equilibrium":
            raise OptionError(
                f"{where}: initial={initial!r:.60} must be a mapping of states, 'equilibrium' or "
                "tr.AtRest(...)"
            )
        initial = AtRest()
    if not isinstance(initial, AtRest):
        return None
    for state, expression in model.rhs.items():
        if TIME in expression.free_symbols:
            raise OptionError(
                f"{where}: d{state}/dt depends on time, so there is no state of rest for "
                "initial='equilibrium'; make what changes in time an input"
            )
    for name, value in model.known(initial.inputs, "input", model.inputs).items():
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not (isinstance(value, str | Mapping) or (number and math.isfinite(value))):
            raise OptionError(
                f"{where}: AtRest: inputs['{name}'] must be a number, a column or a mapping "
                f"of group to number while states come to rest, got {value!r:.60}"
            )
    return initial


def check_members(given: object, what: str, kind: type, example: str, where: str) -> None:
    """Raise unless an argument is a mapping with values of one kind."""
    if not isinstance(given, Mapping) or not given:
        raise OptionError(
            f"{where}: {what} must be a mapping with at least one entry, got {given!r:.60}"
        )
    for name, value in given.items():
        if not isinstance(value, kind):
            raise OptionError(
                f"{where}: {what}[{name!r:.40}] must be made as {example}, got {value!r:.60} "
                f"({type(value).__name__})"
            )


def _is_by_group(value: object) -> bool:
    """Tell whether a held value is a column or a mapping of group to number."""
    return isinstance(value, str | Mapping)


def _held(params: Mapping[Any, Any] | None, where: str) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the values held, by name: those for all groups, and sources by group."""
    fixed: dict[str, float] = {}
    by_group: dict[str, Any] = {}
    for name, value in named(params, f"{where}: params").items():
        if _is_by_group(value):
            by_group[name] = value
            continue
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not number or not math.isfinite(value):
            raise ModelError(
                f"{where}: params['{name}'] = {value!r:.60} is not a finite number; a column of "
                "the data or a mapping of group to number may stand for one as well"
            )
        fixed[name] = float(value)
    return fixed, by_group


def _check_held(data: Data, model: Model, where: str) -> None:
    """Raise for a value known by group that is outside the model's range."""
    for name, values in data.held.items():
        state = initial_of(name, model)
        low, high = -math.inf, math.inf
        if state is not None:
            low, high = model.bounds.get(state, (low, high))
        elif name in model.parameters:
            low, high = model.parameters[name].min, model.parameters[name].max
        bad = np.flatnonzero((values < low) | (values > high))
        if bad.size:
            raise DataError(
                f"{where}: '{name}' of group {data.labels[bad[0]]!r} is {values[bad[0]]:g}, "
                f"outside the model's range [{low:g}, {high:g}]. Correct the data, or widen the "
                "range in the model"
            )


def _by_group(sources: Mapping[str, Any], model: Model, data: Data) -> dict[str, Any]:
    """Replace functions of the group by what they gave, so that a result can be pickled."""
    resolved = dict(sources)
    for name, source in sources.items():
        if not isinstance(source, str) and not is_shared(source):
            k = model.inputs.index(name)
            each = zip(data.labels, data.tables, strict=True)
            resolved[name] = {label: tables[k] for label, tables in each}
    return resolved


def _layout(
    varies: Mapping[str, Vary], data: Data, model: Model, scales: frozenset[str], design: Design
) -> Layout:
    """Lay the free values out in one vector."""
    levels: list[tuple[Any, ...]] = []
    bounds = []
    used = {name for each in design.observed.values() for name in each.positive}
    largest = max(float(np.abs(rows.values).max()) for rows in data.measured.values())
    for name, each in varies.items():
        found = (None,) if each.per is None else tuple(dict.fromkeys(data.levels[each.per]))
        levels.append(found)
        smallest = LEAST_SD * (largest or 1.0) if name in used else -math.inf
        bounds.append(limits(name, each, model, smallest))
    layout = Layout(tuple(varies), tuple(varies.values()), tuple(levels), tuple(bounds))
    return replace(layout, chains=_chains(layout, design))


def _chains(layout: Layout, design: Design) -> tuple[tuple[int, ...], ...]:
    """Find the free values that must increase: neighbouring names of the same columns."""
    chains = []
    first = np.searchsorted(layout.owner, np.arange(len(layout.names)))
    for column, observation in design.observed.items():
        names = [name for name in observation.ordered if name in layout.names]
        for low, high in pairwise(names):
            one, other = (layout.varies[layout.names.index(name)] for name in (low, high))
            if not one.value < other.value:
                raise OptionError(
                    f"fit: the cut points of '{column}' must increase, but '{high}' starts at "
                    f"{other.value:g} and '{low}' before it at {one.value:g}"
                )
        alike = {
            (vary.per, vary.scale)
            for vary in (layout.varies[layout.names.index(name)] for name in names)
        }
        if len(names) > 1 and len(alike) == 1:
            at = [layout.names.index(name) for name in names]
            chains += [
                tuple(int(first[k]) + level for k in at)
                for level in range(len(layout.levels[at[0]]))
            ]
    return tuple(chains)
