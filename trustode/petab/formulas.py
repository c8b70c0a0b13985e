"""Expressions and priors, between PEtab's words and ours. Imports the expressions and errors."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import sympy

from ..errors import ModelError
from ..expression import parse, write

#: Functions that our expressions lack, and what each is in natural logarithms.
_LOGARITHMS = {"log10": math.log(10.0), "log2": math.log(2.0), "ln": 1.0}
_CALLED = re.compile(r"\b(log10|log2|ln)\s*\(")

#: Transformations of data and scales of parameters that both know.
SCALES = ("lin", "log", "log10")


def written(expression: sympy.Expr | float) -> str:
    """Return an expression as PEtab reads it."""
    if isinstance(expression, float):
        return repr(expression)
    return re.sub(r"\bt\b", "time", write(expression)).replace("**", "^")


def read(text: str, known: Mapping[str, sympy.Symbol], where: str) -> sympy.Expr:
    """Read an expression of PEtab's."""
    plain = re.sub(r"\btime\b", "t", _natural(text, where).replace("^", "**"))
    return parse(plain, known, where)


def _natural(text: str, where: str) -> str:
    """Return an expression with natural logarithms only."""
    while found := _CALLED.search(text):
        depth, end = 1, found.end()
        while depth and end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        if depth:
            raise ModelError(f"{where}: a bracket is not closed in {text!r:.80}")
        inner = text[found.end() : end - 1]
        made = f"(log({inner})/{_LOGARITHMS[found[1]]!r})"
        text = text[: found.start()] + made + text[end:]
    return text


def told(prior: Any, prior_scale: str, scale: str) -> tuple[str, str] | None:
    """Return a prior of scipy.stats as PEtab's type and parameters, or None if it has none."""
    name = prior.dist.name
    shapes, loc, spread = prior.dist._parse_args(*prior.args, **prior.kwds)
    loc, spread = float(loc), float(spread)
    numbers = f"{loc!r};{spread!r}"
    if name == "lognorm" and prior_scale == "lin" and loc == 0.0:
        return "logNormal", f"{math.log(spread)!r};{float(shapes[0])!r}"
    if name == "uniform":
        numbers = f"{loc!r};{loc + spread!r}"
    kinds = {"norm": "Normal", "laplace": "Laplace", "uniform": "Uniform"}
    if name not in kinds:
        return None
    if prior_scale == "lin":
        return kinds[name].lower(), numbers
    return (f"parameterScale{kinds[name]}", numbers) if prior_scale == scale else None


def prior_of(kind: str, parameters: str, scale: str, where: str) -> tuple[Any, str]:
    """Return PEtab's prior as one of scipy.stats, and the scale that it is a density on."""
    from scipy import stats

    try:
        first, second = (float(part) for part in parameters.split(";"))
    except ValueError:
        raise ModelError(
            f"{where}: the prior {kind!r:.40} has the parameters {parameters!r:.60}, not two "
            "numbers as '0.0;1.0'"
        ) from None
    made: dict[str, Callable[[], Any]] = {
        "uniform": lambda: stats.uniform(first, second - first),
        "normal": lambda: stats.norm(first, second),
        "laplace": lambda: stats.laplace(first, second),
    }
    if kind == "logNormal":
        return stats.lognorm(second, scale=math.exp(first)), "lin"
    if kind == "logLaplace":
        return stats.loglaplace(1.0 / second, scale=math.exp(first)), "lin"
    plain = kind.removeprefix("parameterScale")
    if plain.lower() not in made:
        raise ModelError(f"{where}: there is no prior {kind!r:.40} here")
    return made[plain.lower()](), scale if plain != kind else "lin"
