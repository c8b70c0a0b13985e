"""Models for XPPAUT: one ``.ode`` file. Imports the model layer."""

from __future__ import annotations

from collections.abc import Mapping

import sympy

from ..model import Model
from .infix import Dialect
from .names import Language, comment, described, every_name, folded, heading, starts

#: XPPAUT keeps ten characters of a name, one of which ends it, and takes T for t.
_XPP = Language(
    "XPPAUT",
    frozenset(
        (
            "t pi sin cos tan asin acos atan atan2 sinh cosh tanh exp ln log log10 sqrt abs sign "
            "heav max min flr mod ran normal poisson lgamma besseli besselj bessely erf erfc not "
            "start end ishift arg10 arg11 arg12 arg13 arg14 arg15 arg16 arg17 arg18 arg19 arg20 "
            "if then else sum of shift del_shft delay int hom_bcs set arg1 arg2 arg3 arg4 arg5 "
            "arg6 arg7 arg8 arg9 par param number init aux done wiener table markov global bdry "
            "volt solv only special export option options bd ip fit cx ok i"
        ).split()
    ),
    folds=True,
    longest=9,
)

_DIALECT = Dialect(
    functions={
        "log": "ln({0})",
        "asinh": "(sign({0})*ln(abs({0}) + sqrt(({0})^2 + 1)))",
        "acosh": "ln({0} + sqrt(({0})^2 - 1))",
        "atanh": "(0.5*ln((1 + ({0}))/(1 - ({0}))))",
    }
)


def xpp(model: Model) -> str:
    """Return a model as an XPPAUT file.

    Inputs become parameters, observables auxiliary quantities. Starts that depend on
    parameters become numbers, and a comment says from what.
    """
    renamed = _XPP.rename(every_name(model))
    names = {**renamed, "t": "t"}
    lines = heading(model, _XPP, renamed, "#")
    lines += ["", "# Parameters"]
    for name, param in model.parameters.items():
        lines += comment(described(model, name), "#")
        lines.append(f"par {renamed[name]}={param.value!r}")
    if model.inputs:
        lines += ["", "# Inputs, held at their values while nothing arrives from outside"]
    for name, value in model.input_defaults.items():
        lines += comment(described(model, name), "#")
        lines.append(f"par {renamed[name]}={value!r}")
    lines += ["", "# Equations and starts"]
    for state, expression in model.rhs.items():
        name = state.name
        lines += comment(described(model, name), "#")
        lines.append(f"{renamed[name]}'={_written(expression, names)}")
    for name, start in starts(model).items():
        if not model.initial[name].is_number:
            text = _DIALECT.write(model.initial[name], names)
            lines += comment(f"{renamed[name]} starts at {text}", "#")
        lines.append(f"init {renamed[name]}={start!r}")
    if model.observables:
        lines += ["", "# Observables"]
    for name, expression in model.observables.items():
        lines += comment(described(model, name), "#")
        lines.append(f"aux {renamed[name]}={_written(expression, names)}")
    return "\n".join([*lines, "", "done", ""])


def _written(expression: sympy.Expr, names: Mapping[str, str]) -> str:
    return folded(_DIALECT.write(expression, names), " \\")
