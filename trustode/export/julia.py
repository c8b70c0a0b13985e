"""Models for Julia: a function and an ``ODEProblem``. Imports the model layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..model import Model
from .infix import Dialect
from .names import Language, comment, described, every_name, folded, heading

_JULIA = Language(
    "Julia",
    frozenset(
        (
            "t u du p baremodule begin break catch const continue do else elseif end export false "
            "finally for function global if import let local macro module quote return struct "
            "true try using while in isa where mutable abstract primitive type public outer as "
            "exp log sqrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh abs sign "
            "min max problem parameters start span rhs! observe ODEProblem solve Tsit5"
        ).split()
    ),
)

_DIALECT = Dialect()


def julia(model: Model) -> str:
    """Return a model as a Julia file."""
    renamed = _JULIA.rename(every_name(model))
    names = {**renamed, "t": "t"}
    values = {**model.defaults, **model.input_defaults}
    lines = heading(model, _JULIA, renamed, "#")
    lines += ["", "using OrdinaryDiffEq", "", "const parameters = ("]
    for name, value in values.items():
        lines += [f"    {line}" for line in comment(_said(model, name), "#")]
        lines.append(f"    {renamed[name]} = {value!r},")
    lines += [")", ""]
    reading = _reading(model, renamed)
    lines += ["function rhs!(du, u, p, t)", *reading]
    for k, expression in enumerate(model.rhs.values(), 1):
        lines += _assignment(f"du[{k}]", _DIALECT.write(expression, names))
    lines += ["    return nothing", "end", ""]
    if model.observables:
        lines += comment(
            f"Observables: {', '.join(renamed[name] for name in model.observables)}", "#"
        )
        lines += ["function observe(u, p, t)", *reading, "    return ("]
        for name, expression in model.observables.items():
            lines += _assignment(renamed[name], _DIALECT.write(expression, names), "    ", ",")
        lines += ["    )", "end", ""]
    lines += ["function start(p)"]
    lines += _unpacked((renamed[name] for name in values), "p")
    starts = (_DIALECT.write(value, names) for value in model.initial.values())
    lines += [f"    return Float64[{', '.join(starts)}]", "end", ""]
    unit = f"  # {model.time_unit}" if "\n" not in model.time_unit and model.time_unit else ""
    lines += [
        f"span = (0.0, 60.0){unit}",
        "problem = ODEProblem(rhs!, start(parameters), span, parameters)",
        "# solution = solve(problem, Tsit5(); reltol=1e-8, abstol=1e-10)",
        "",
    ]
    return "\n".join(lines)


def _said(model: Model, name: str) -> str:
    """Return what a parameter or an input stands for."""
    kind = "input" if name in model.inputs else ""
    return ": ".join(part for part in (kind, described(model, name)) if part)


def _reading(model: Model, renamed: Mapping[str, str]) -> list[str]:
    """Return the lines that give states and parameters their names."""
    states = ", ".join(renamed[name] for name in model.states)
    lines = [f"    {states}{',' if len(model.states) == 1 else ''} = u"]
    return lines + _unpacked((renamed[n] for n in (*model.params, *model.inputs)), "p")


def _unpacked(names: Iterable[str], owner: str) -> list[str]:
    text = ", ".join(names)
    return folded(f"    (; {text}) = {owner}", "").split("\n") if text else []


def _assignment(name: str, text: str, indent: str = "", end: str = "") -> list[str]:
    """Return a value given a name; brackets let it run over several lines."""
    line = f"    {indent}{name} = {text}{end}"
    if len(line) <= 100:
        return [line]
    return [
        f"    {indent}{name} = (",
        *(f"        {indent}{part}" for part in folded(text, "").split("\n")),
        f"    {indent}){end}",
    ]
