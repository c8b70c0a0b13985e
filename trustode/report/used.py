"""Which values a result used, where they are not the model's own. Imports the results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..called import Called
from ..expression import write
from ..fit.result import Fit
from ..model import Model
from ..simulate import Solution

#: A number, or what stands in its place.
Value = float | str

#: Attributes of results that name what they are over.
_AXES = ("parameter", "parameters", "name", "vary", "region", "table")


def own_values(model: Model) -> dict[str, Value]:
    """Return the model's own parameters, starts as ``"T(0)"``, and inputs."""
    values: dict[str, Value] = {name: float(each.value) for name, each in model.parameters.items()}
    for state, start in model.initial.items():
        values[f"{state}(0)"] = float(start) if start.is_number else write(start)
    return values | {name: float(value) for name, value in model.input_defaults.items()}


def used_values(result: Any) -> dict[str, Value] | None:
    """Return what a result used, by name as in `own_values`; None where it does not know."""
    if isinstance(result, Solution):
        return _of_solution(result)
    called = getattr(result, "called", None)
    given = called.given if isinstance(called, Called) else {}
    kept = {
        kind: getattr(result, kind)
        for kind in ("params", "inputs")
        if isinstance(getattr(result, kind, None), dict)
    }
    if not given and not kept:
        return None
    values = own_values(result.model)
    for kind in ("params", "initial", "inputs"):
        values |= _changed(kept.get(kind, given.get(kind)), kind, result.model)
    over = _estimated(result) if isinstance(result, Fit) else dict.fromkeys(_axes(result), "varied")
    places = {name if name in values else f"{name}(0)": value for name, value in over.items()}
    return values | {name: value for name, value in places.items() if name in values}


def _of_solution(solution: Solution) -> dict[str, Value]:
    values: dict[str, Value] = {**solution.params}
    values |= {f"{state}(0)": start for state, start in solution.initial.items()}
    course = solution.smooth()
    for name in solution.model.inputs:
        moves = np.ptp(course[name]) > 0.0
        values[name] = "changes in time" if moves else float(course[name][0])
    return values


def _changed(given: Any, kind: str, model: Model) -> dict[str, Value]:
    """Return what was given of one kind, by name."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        start = "several starts" if isinstance(given, list | tuple) else "at rest"
        return {f"{state}(0)": start for state in model.states}
    after = "(0)" if kind == "initial" else ""
    return {f"{getattr(name, 'name', name)}{after}": _told(value) for name, value in given.items()}


def _told(value: Any) -> Value:
    if isinstance(value, str):
        return f"column '{value}'"
    if isinstance(value, Mapping):
        return "by group"
    if isinstance(value, list | tuple):
        return "by run"
    try:
        return float(value)
    except TypeError:
        return "changes in time"


def _estimated(fit: Fit) -> dict[str, Value]:
    """Return what a fit estimated: the number that all groups share, or that each has its own."""
    return {
        str(row["name"]): "by group" if row["group"] != "" else float(row["value"])
        for row in fit.params.to_dict("records")
    }


def _axes(result: Any) -> Iterable[str]:
    """Return the names that a result is over."""
    for axis in _AXES:
        names = getattr(result, axis, ())
        names = [names] if isinstance(names, str) else getattr(names, "columns", names)
        for name in names:
            yield from [name] if isinstance(name, str) else name
