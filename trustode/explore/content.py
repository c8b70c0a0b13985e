"""What a page of `explore` shows, as plain data. Imports the layers that it asks."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import __version__
from ..bifurcation import Branch, Cycles, Diagram, diagram
from ..compile import compile
from ..errors import ModelError, OptionError, TrustodeError, listed, nearest
from ..model import Model
from ..simulate import simulate
from ..solve import initial_vector, input_tables, parameter_vector
from ..stimulus import Episodes, Pulses, Stimulus, Table

#: Sliders that come first, where a model has many parameters.
_FIRST = 12

#: A range over this many times its lower end is told better by its logarithm.
_WIDE = 200.0

#: The range of what has none.
_ANY = (-math.inf, math.inf)

#: Digits of a diagram's curves: a tenth of a pixel.
_DIGITS = 6

CAUTION = (
    "A model of a theory, to think with: not a diagnostic tool, a prognosis or advice about "
    "treatment. Its values are assumptions, not estimates from patients, unless a source says "
    "otherwise."
)

_KINDS = {
    "fold": "fold",
    "hopf": "Hopf point",
    "branch_point": "branch point",
    "corner": "corner of the equations",
}


def content(
    model: Model,
    where: str,
    t: Any,
    params: Mapping[Any, float] | None,
    initial: Mapping[Any, float] | None,
    inputs: Mapping[Any, Any] | None,
    show: Sequence[Any] | None,
    names: Sequence[Any] | None,
    plane: Any,
    given: Diagram | str | None,
    span: Any,
) -> dict[str, Any]:
    """Return all that a page shows of a model, for JSON.

    Raises
    ------
    ModelError, OptionError
        See `explore`.
    """
    compiled = compile(model)
    low, high = _pair(t, f"{where}: t")
    p = parameter_vector(compiled, params, where)
    starts = initial_vector(compiled, p, initial, where)
    tables = input_tables(compiled, inputs, where)
    arriving = model.known(inputs, "input", model.inputs)
    drawn = _names(names, [*model.states, *model.observables], f"{where}: names")
    pair = _plane(model, plane, where)
    found = _diagram(model, given, span, params, arriving, where)
    own = model.known(initial, "state", model.states)
    rows = [
        _param(model, name, value) for name, value in zip(model.params, p.tolist(), strict=True)
    ]
    chosen, why = _chosen(model, (low, high), show, found, params, initial, inputs, where)
    return {
        "name": model.name,
        "description": model.description,
        "source": model.source,
        "caution": CAUTION,
        "time_unit": model.time_unit,
        "made": f"Written by trustode {__version__}. The page works offline and sends nothing "
        "anywhere; its address holds what was moved.",
        "span": [low, high],
        "states": [
            {
                "name": name,
                "meaning": model.meanings.get(name, ""),
                "bounds": list(model.bounds[name]) if name in model.bounds else None,
                "start": float(own[name]) if name in own else None,
                **_start_range(model, name, float(starts[k])),
            }
            for k, name in enumerate(model.states)
        ],
        "observables": [
            {"name": name, "meaning": model.meanings.get(name, "")} for name in model.observables
        ],
        "params": rows,
        "inputs": [
            _input(model, name, arriving.get(name), tables[k], (low, high))
            for k, name in enumerate(model.inputs)
        ],
        "chosen": chosen,
        "why": why,
        "lines": list(drawn) if names is not None else list(model.states[:4]),
        "plane": pair,
        "diagram": None if found is None else _drawn(found),
    }


def _pair(value: Any, where: str) -> tuple[float, float]:
    """Return two increasing finite numbers, or raise."""
    try:
        low, high = (float(each) for each in value)
    except (TypeError, ValueError):
        raise OptionError(f"{where} must be a pair (start, end), got {value!r:.60}") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise OptionError(f"{where} must increase and be finite, got {value!r:.60}")
    return low, high


def _names(given: Sequence[Any] | None, known: Sequence[str], where: str) -> list[str]:
    """Return names that are known, or raise."""
    if isinstance(given, str) or hasattr(given, "name"):
        given = [given]
    found = [str(getattr(each, "name", each)) for each in given or ()]
    for name in found:
        if name not in known:
            raise ModelError(
                f"{where}: there is no {name!r:.60}{nearest(name, known) or '.'} "
                f"There are {listed(known, 40)}"
            )
    return list(dict.fromkeys(found))


def _plane(model: Model, plane: Any, where: str) -> list[int]:
    """Return the positions of the two states that are drawn against each other."""
    if plane is None:
        return [0, min(1, len(model.states) - 1)]
    pair = _names(plane, model.states, f"{where}: plane")
    if len(pair) != 2:
        raise OptionError(f"{where}: plane must be two different states, got {plane!r:.60}")
    return [model.states.index(name) for name in pair]


# ------------------------------------------------------------------ sliders


def _range(value: float, low: float, high: float) -> tuple[float, float]:
    """Return the ends of a slider: those of the range, or where it has none, twice the value."""
    size = abs(value) or 1.0
    if not math.isfinite(low):
        low = min(0.0, value - size) if value <= 0.0 else 0.0
        low = min(low, high - size) if math.isfinite(high) else low
    if not math.isfinite(high):
        high = max(value + size, low + size)
    return (low, high) if low < high else (low - size, high + size)


def _param(model: Model, name: str, value: float) -> dict[str, Any]:
    """Describe a parameter and its slider."""
    param = model.parameters[name]
    low, high = _range(value, param.min, param.max)
    return {
        "name": name,
        "value": value,
        "min": param.min if math.isfinite(param.min) else None,
        "max": param.max if math.isfinite(param.max) else None,
        "low": low,
        "high": high,
        "log": low > 0.0 and high / low >= _WIDE,
        "unit": param.unit,
        "meaning": param.meaning,
        "theme": param.theme,
        "source": param.source,
    }


def _start_range(model: Model, name: str, value: float) -> dict[str, float]:
    """Return the ends of the slider of a start."""
    low, high = model.bounds.get(name, _ANY)
    if not math.isfinite(low) and not math.isfinite(high):
        size = 2.0 * abs(value) or 2.0
        low, high = (0.0 if value > 0.0 else -size), size
    low, high = _range(value, low, high)
    return {"low": min(low, value), "high": max(high, value)}


def _input(
    model: Model, name: str, given: Any, table: Table, span: tuple[float, float]
) -> dict[str, Any]:
    """Describe an input: what it is at first, and what it can be."""
    length = span[1] - span[0]
    constant = model.input_defaults[name]
    fields: dict[str, float] = {
        "value": constant,
        "time": span[0] + length / 6.0,
        "height": -1.0,
        "sd": min(0.25, length / 20.0),
        "width": length / 60.0,
        "first": span[0],
        "every": 7.0,
        "number": 20.0,
    }
    kinds = ["constant", "episode", "pulse"]
    if model.time_unit in ("day", "days", "d"):
        kinds.append("sessions")
    kind = "constant"
    if isinstance(given, numbers.Real):
        fields["value"] = float(given)
    elif isinstance(given, Episodes | Pulses) and np.size(given.times) == 1:
        extent = "sd" if isinstance(given, Episodes) else "width"
        kind = "episode" if isinstance(given, Episodes) else "pulse"
        fields["time"], fields["height"], fields[extent] = (
            float(np.ravel(each)[0]) for each in (given.times, given.height, getattr(given, extent))
        )
        fields["value"] = float(getattr(given, "baseline", 0.0))
    elif isinstance(given, Stimulus | Table):
        kind = "given"
        kinds.append("given")
    least, most = model.bounds.get(name, _ANY)
    size = max(1.0, 2.0 * abs(fields["height"]), 2.0 * abs(fields["value"]))
    low, high = max(-size, least), min(size, most)
    tall = max(2.0, size)
    heights = [max(-tall, least - fields["value"]), min(tall, most - fields["value"])]
    if kind not in ("episode", "pulse"):
        # One of which nobody said how high it is goes as far as it may.
        fields["height"] = max(fields["height"], least - constant) or min(1.0, most - constant)
    return {
        "name": name,
        "meaning": model.meanings.get(name, ""),
        "kind": kind,
        "kinds": kinds,
        "fields": fields,
        "min": least if math.isfinite(least) else None,
        "max": most if math.isfinite(most) else None,
        "range": [low, high],
        "heights": heights,
        "table": {
            "knots": table.knots.tolist(),
            "pieces": table.coefficients.tolist(),
            "breaks": table.breaks.tolist(),
        }
        if kind == "given"
        else None,
    }


def _chosen(
    model: Model,
    span: tuple[float, float],
    show: Sequence[Any] | None,
    found: Diagram | None,
    params: Mapping[Any, float] | None,
    initial: Mapping[Any, float] | None,
    inputs: Mapping[Any, Any] | None,
    where: str,
) -> tuple[list[int], str]:
    """Return the parameters whose sliders come first, and why these."""
    if show is not None:
        names = _names(show, model.params, f"{where}: show")
        return [model.params.index(name) for name in names], ""
    if len(model.params) <= _FIRST:
        return list(range(len(model.params))), ""
    first = [found.parameter] if found is not None and found.parameter in model.params else []
    try:
        solution = simulate(
            model,
            np.linspace(*span, 61),
            params=params,
            initial=initial,
            inputs=inputs,
            sensitivities=model.params,
        )
    except TrustodeError:
        strongest: Iterable[str] = model.params
        why = ""
    else:
        assert solution.dydp is not None
        reach = [
            high - low
            for low, high in (
                _range(
                    solution.params[name], model.parameters[name].min, model.parameters[name].max
                )
                for name in model.params
            )
        ]
        # States count by how far they reach, so that none rules by its unit.
        size = np.maximum(np.abs(solution.y).max(axis=0), 1e-12)
        effect = np.abs(solution.dydp / size[None, :, None]).max(axis=(0, 1)) * np.array(reach)
        strongest = [model.params[k] for k in np.argsort(-effect, kind="stable")]
        why = "These move this time course most, for a tenth of their range."
    names = list(dict.fromkeys([*first, *strongest]))[:_FIRST]
    return [model.params.index(name) for name in names], why


# ------------------------------------------------------------------ the diagram


def _diagram(
    model: Model,
    given: Diagram | str | None,
    span: Any,
    params: Mapping[Any, float] | None,
    arriving: Mapping[str, Any],
    where: str,
) -> Diagram | None:
    """Return the diagram that was given, or compute it."""
    if isinstance(given, Diagram) or given is None:
        if span is not None:
            raise OptionError(
                f"{where}: span= goes with the name of a parameter in diagram=, got {given!r:.40}"
            )
        if given is not None and given.model != model:
            raise OptionError(
                f"{where}: the diagram is of {given.model.name!r:.60}, another model than this one"
            )
        return given
    name = str(getattr(given, "name", given))
    if name not in model.params and name not in model.inputs:
        known = [*model.params, *model.inputs]
        raise ModelError(
            f"{where}: diagram={name!r:.60} is neither a Diagram nor a parameter or input"
            f"{nearest(name, known) or '.'} There are {listed(known, 40)}"
        )
    if span is None:
        param = model.parameters.get(name)
        span = model.bounds.get(name, _ANY) if param is None else (param.min, param.max)
        if not (math.isfinite(span[0]) and math.isfinite(span[1])):
            raise OptionError(
                f"{where}: {name} has no range of its own; give span=(low, high) for the diagram"
            )
    held = {key: float(v) for key, v in arriving.items() if isinstance(v, numbers.Real)}
    return diagram(model, name, _pair(span, f"{where}: span"), params=params, inputs=held)


def _drawn(found: Diagram) -> dict[str, Any]:
    """Return a diagram's curves and points."""
    model, parameter = found.model, found.parameter
    kind, family = (
        ("parameter", model.params) if parameter in model.params else ("input", model.inputs)
    )
    branches = []
    ends: tuple[str, ...]
    for each in found.branches:
        ends = ("min_", "max_") if isinstance(each, Cycles) else ("",)
        branches.append(
            {
                "cycles": isinstance(each, Cycles),
                "at": _short(each.points[parameter]),
                "stable": [bool(stable) for stable in each.points["stable"]],
                "lines": [
                    [_short(each.points[end + state]) for state in model.states] for end in ends
                ],
            }
        )
    special = []
    for _, row in found.special.iterrows():
        ends = ("",) if isinstance(found.branches[row["branch"]], Branch) else ("min_", "max_")
        special.append(
            {
                "kind": str(row["kind"]),
                "words": _KINDS.get(str(row["kind"]), str(row["kind"]).replace("_", " ")),
                "at": float(row[parameter]),
                "y": [_short(row[end + state] for end in ends) for state in model.states],
            }
        )
    return {
        "name": parameter,
        "kind": kind,
        "index": family.index(parameter),
        "span": list(found.span),
        "params": [found.params.get(name, model.parameters[name].value) for name in model.params],
        "inputs": [found.inputs.get(name, model.input_defaults[name]) for name in model.inputs],
        "branches": branches,
        "special": special,
    }


def _short(values: Iterable[float]) -> list[float | None]:
    """Return numbers with the digits that a drawing needs; None where there is none."""
    return [float(f"{v:.{_DIGITS}g}") if math.isfinite(v) else None for v in map(float, values)]
