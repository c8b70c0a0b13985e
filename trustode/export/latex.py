"""Models as LaTeX: equations and a table of parameters. Imports the model layer."""

from __future__ import annotations

import re

import sympy

from ..expression import symbol
from ..model import Model
from .names import described

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}

#: Characters of LaTeX that a line of an equation may have before it is broken.
_WIDEST = 160

_DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,longtable}
\allowdisplaybreaks
\begin{document}
"""


def latex(model: Model) -> str:
    """Return a model as a LaTeX document: equations, parameters, starts and observables."""
    parts = [_DOCUMENT, rf"\section*{{{_prose(model.name)}}}" + "\n"]
    parts += [
        f"{_prose(text)}\n"
        for text in (model.description, model.source and f"Source: {model.source}")
        if text
    ]
    equations = [
        (rf"\frac{{d {sympy.latex(state)}}}{{dt}}", expression)
        for state, expression in model.rhs.items()
    ]
    parts.append(_align(equations))
    starts = [(f"{_name(name)}(0)", value) for name, value in model.initial.items()]
    parts += ["Starts:\n", _align(starts)]
    if model.observables:
        seen = [
            (rf"\text{{{_prose(name)}}}", expression)
            for name, expression in model.observables.items()
        ]
        parts += ["Observables:\n", _align(seen)]
    parts.append(_table(model))
    return "\n".join([*parts, r"\end{document}", ""])


def _name(name: str) -> str:
    text: str = sympy.latex(symbol(name))
    return text


def _align(equations: list[tuple[str, sympy.Expr]]) -> str:
    lines = " \\\\\n".join(f"{left} &= {_broken(right)}" for left, right in equations)
    return f"\\begin{{align*}}\n{lines}\n\\end{{align*}}\n"


def _broken(expression: sympy.Expr) -> str:
    """Return an expression, one line for each of its terms if it is long."""
    text: str = sympy.latex(expression)
    if len(text) <= _WIDEST or not expression.is_Add:
        return text
    first, *rest = (sympy.latex(term) for term in expression.as_ordered_terms())
    for term in rest:
        sign = "" if term.startswith("-") else "+ "
        first += f" \\\\\n&\\quad {sign}{term}"
    return str(first)


def _table(model: Model) -> str:
    """Return the table of parameters and inputs."""
    rows = [
        (f"${_name(name)}$", _value(param.value), _prose(param.unit), _prose(param.meaning),
         _prose(param.source))
        for name, param in model.parameters.items()
    ]  # fmt: skip
    rows += [
        (f"${_name(name)}$", _value(value), "", _prose(described(model, name)), "input")
        for name, value in model.input_defaults.items()
    ]
    if not rows:
        return ""
    head = ("", "value", "unit", "meaning", "source")
    lines = [" & ".join(row) + r" \\" for row in rows]
    return "\n".join(
        [
            r"\begin{longtable}{lllp{0.35\textwidth}p{0.25\textwidth}}",
            " & ".join(head) + r" \\ \hline",
            *lines,
            r"\end{longtable}",
        ]
    )


def _value(value: float) -> str:
    """Return a number, with a power of ten as LaTeX sets it."""
    mantissa, _, exponent = f"{value:.10g}".partition("e")
    return f"${mantissa} \\cdot 10^{{{int(exponent)}}}$" if exponent else f"${mantissa}$"


def _prose(text: str) -> str:
    """Return text in which nothing is a command."""
    return re.sub(r"[\\~^<>&%$#_{}]", lambda found: _ESCAPES[found.group()], " ".join(text.split()))
