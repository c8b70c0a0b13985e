"""Models in C: functions that need a C compiler only. Imports the model layer and codegen."""

from __future__ import annotations

from ..codegen import Source
from ..codegen.ctext import HELPERS, PROTOTYPES, body
from ..model import Model
from .names import Language, comment, described, heading

_C = Language("C", frozenset())

#: The functions of a model, and what each one gives.
FUNCTIONS = {
    "rhs": "dydt of each state",
    "jac": "derivative of dydt[i] by y[j], row by row",
    "initial": "start of each state; reads only p",
    "observe": "the observables",
}


def functions(model: Model, prefix: str) -> str:
    """Return the C text of a model's functions, the same as trustode itself compiles.

    Parameters
    ----------
    model : Model
    prefix : str
        What the functions' names begin with.
    """
    source = Source(model)
    parts = []
    for name in FUNCTIONS:
        text = body(source.graph, source.outputs(name))
        parts.append(
            f"{prefix}{name}(double t, const double *y, const double *p, const double *u,\n"
            "    double *out)\n{\n    (void)t; (void)y; (void)p; (void)u; (void)out;\n"
            f"{text}\n}}\n"
        )
    whole = "\n".join(f"void {part}" for part in parts)
    helpers = "".join(text for name, text in HELPERS.items() if f"{name}(" in whole)
    declared = "".join(
        f"void {prefix}{name}(double t, const double *y, const double *p, const double *u,"
        " double *out);\n"
        for name in FUNCTIONS
    )
    return f"{PROTOTYPES}{helpers}\n{declared}\n{whole}"


def c(model: Model) -> str:
    """Return a model as one C file."""
    lines = heading(model, _C, {}, "//")
    lines.append("//")
    for name, what in FUNCTIONS.items():
        lines += comment(f"{name} gives {what}.", "//")
    lines += comment("Compile with -lm, and without -ffast-math for the numbers of trustode.", "//")
    lines.append("")
    families = (
        ("y", "states", model.states),
        ("p", "parameters", model.params),
        ("u", "inputs", model.inputs),
        ("out of observe", "observables", tuple(model.observables)),
    )
    for place, title, names in families:
        if names:
            lines += comment(f"The {title}, {place}[]:", "//")
        for k, name in enumerate(names):
            lines += comment(f"  {k} {name}: {described(model, name)}".rstrip(": "), "//")
    counts = (len(names) for _, _, names in families)
    sizes = ", ".join(
        f"n_{title} = {count}" for (_, title, _), count in zip(families, counts, strict=True)
    )
    lines += ["", f"enum {{ {sizes} }};", ""]
    for title, values in (("parameters", model.defaults), ("inputs", model.input_defaults)):
        numbers = ", ".join(repr(value) for value in values.values()) or "0.0"
        lines.append(f"const double default_{title}[] = {{{numbers}}};")
    return "\n".join(lines) + f"\n\n{functions(model, '')}"
