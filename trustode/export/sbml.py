"""Models as SBML, level 3 version 1: rate rules and assignment rules, no reactions.

What SBML has no place for (ranges, themes, sources) stands in an annotation, so that
`read_model` gives back the same model. Imports the model layer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from xml.etree import ElementTree

import sympy

from ..expression import TIME
from ..model import Model
from .infix import NAMES
from .names import described, every_name

_CORE = "http://www.sbml.org/sbml/level3/version1/core"
_MATHML = "http://www.w3.org/1998/Math/MathML"
_XHTML = "http://www.w3.org/1999/xhtml"

#: Namespace of our own annotation.
_ABOUT = "urn:trustode:model:1"

_TIME = "http://www.sbml.org/sbml/symbols/time"

#: What MathML calls functions otherwise than we do.
_MATHML_NAMES = {
    "log": "ln",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
}

Element = ElementTree.Element


def sbml(model: Model) -> str:
    """Return a model as an SBML document."""
    root = Element("sbml", {"xmlns": _CORE, "level": "3", "version": "1"})
    whole = ElementTree.SubElement(root, "model", {"id": _identifier(model), "name": model.name})
    _note(whole, model.description, model.source and f"Source: {model.source}")
    about = {"time_unit": model.time_unit, "description": model.description}
    _annotate(whole, {**about, "source": model.source})
    lists = {
        name: ElementTree.SubElement(whole, name)
        for name in ("listOfParameters", "listOfInitialAssignments", "listOfRules")
    }
    for name in every_name(model):
        lists["listOfParameters"].append(_parameter(model, name))
    for name, start in model.initial.items():
        if not start.is_number:
            assigned = _sub(lists["listOfInitialAssignments"], "initialAssignment", symbol=name)
            assigned.append(_math(start))
    for state, expression in model.rhs.items():
        _sub(lists["listOfRules"], "rateRule", variable=state.name).append(_math(expression))
    for name, expression in model.observables.items():
        _sub(lists["listOfRules"], "assignmentRule", variable=name).append(_math(expression))
    for part in lists.values():
        if not len(part):
            whole.remove(part)
    ElementTree.indent(root)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        + ElementTree.tostring(root, encoding="unicode")
        + "\n"
    )


def _identifier(model: Model) -> str:
    """Return a model's name as SBML lets it be referred to."""
    name = re.sub(r"[^A-Za-z0-9_]+", "_", model.name)
    return name if re.match(r"[A-Za-z_]", name) else f"m_{name}"


def _sub(parent: Element, tag: str, /, **attributes: str) -> Element:
    return ElementTree.SubElement(parent, tag, attributes)


def _parameter(model: Model, name: str) -> Element:
    """Return what SBML calls a parameter: any quantity, constant or not."""
    made = Element("parameter", {"id": name})
    about: dict[str, str] = {}
    if name in model.parameters:
        param = model.parameters[name]
        made.set("value", repr(param.value))
        made.set("constant", "true")
        about = {key: getattr(param, key) for key in ("unit", "meaning", "theme", "source")}
        about |= {
            key: repr(edge)
            for key, edge in (("min", param.min), ("max", param.max))
            if math.isfinite(edge)
        }
    else:
        about["meaning"] = model.meanings.get(name, "")
        made.set("constant", "false")
        if name in model.input_defaults:
            made.set("value", repr(model.input_defaults[name]))
            about["kind"] = "input"
        elif name in model.initial and model.initial[name].is_number:
            start = model.initial[name]
            made.set("value", str(start) if start.is_Integer else repr(float(start)))
        if name in model.bounds:
            low, high = model.bounds[name]
            about |= {
                key: repr(edge)
                for key, edge in (("min", low), ("max", high))
                if math.isfinite(edge)
            }
    _note(made, described(model, name))
    _annotate(made, about)
    return made


def _note(parent: Element, *paragraphs: str) -> None:
    """Add paragraphs for readers."""
    said = [text for text in paragraphs if text]
    if said:
        notes = _sub(parent, "notes")
        for text in said:
            _sub(notes, "p", xmlns=_XHTML).text = text


def _annotate(parent: Element, about: Mapping[str, str]) -> None:
    """Add what only trustode reads."""
    said = {key: text for key, text in about.items() if text}
    if said:
        _sub(_sub(parent, "annotation"), "about", xmlns=_ABOUT, **said)


def _math(expression: sympy.Expr) -> Element:
    made = Element("math", {"xmlns": _MATHML})
    made.append(_content(expression))
    return made


def _content(expression: sympy.Expr) -> Element:
    """Return an expression as MathML."""
    if expression == TIME:
        made = Element("csymbol", {"encoding": "text", "definitionURL": _TIME})
        made.text = " t "
        return made
    if expression.is_Symbol:
        return _leaf("ci", expression.name)
    if expression.is_Rational and not expression.is_Integer:
        return _apply("divide", _number(expression.p), _number(expression.q))
    if expression.is_number and not expression.args:
        return _number(expression)
    if expression.is_Add:
        return _apply("plus", *map(_content, expression.as_ordered_terms()))
    if expression.is_Mul:
        return _product(expression)
    if isinstance(expression, sympy.exp):
        return _apply("exp", _content(expression.args[0]))
    if expression.is_Pow:
        base, exponent = expression.base, expression.exp
        if exponent == sympy.Rational(1, 2):
            return _apply("root", _content(base))
        if exponent.is_Rational and exponent.is_negative:
            return _apply("divide", _number(1), _content(base**-exponent))
        return _apply("power", _content(base), _content(exponent))
    return _function(NAMES[expression.func], list(map(_content, expression.args)))


def _product(expression: sympy.Expr) -> Element:
    coefficient, rest = expression.as_coeff_Mul()
    numbers = (
        (abs(coefficient.p), coefficient.q) if coefficient.is_Rational else (abs(coefficient), 1)
    )
    above, below = ([_number(number)] if number != 1 else [] for number in numbers)
    for factor in rest.as_ordered_factors():
        if factor.is_Pow and factor.exp.is_Rational and factor.exp.is_negative:
            below.append(_content(factor.base**-factor.exp))
        else:
            above.append(_content(factor))
    made = _times(above)
    if below:
        made = _apply("divide", made, _times(below))
    return _apply("minus", made) if coefficient.is_negative else made


def _times(factors: list[Element]) -> Element:
    if not factors:
        return _number(1)
    return factors[0] if len(factors) == 1 else _apply("times", *factors)


def _function(name: str, arguments: list[Element]) -> Element:
    """Return a call; version 1 of level 3 has no min, max and sign."""
    if name in ("min", "max"):
        best, *others = arguments
        for other in others:
            comparison = _apply("lt" if name == "min" else "gt", best, other)
            best = _piecewise([(best, comparison)], other)
        return best
    if name == "sign":
        (argument,) = arguments
        pieces = [
            (_number(1), _apply("gt", argument, _number(0))),
            (_number(-1), _apply("lt", argument, _number(0))),
        ]
        return _piecewise(pieces, _number(0))
    return _apply(_MATHML_NAMES.get(name, name), *arguments)


def _piecewise(pieces: list[tuple[Element, Element]], otherwise: Element) -> Element:
    made = Element("piecewise")
    for value, condition in pieces:
        _sub(made, "piece").extend([value, condition])
    _sub(made, "otherwise").append(otherwise)
    return made


def _apply(operator: str, *operands: Element) -> Element:
    made = Element("apply")
    _sub(made, operator)
    made.extend(operands)
    return made


def _number(value: float) -> Element:
    """Return a number with all its digits."""
    if float(value) == int(value) and abs(value) < 2**53:
        made = _leaf("cn", str(int(value)))
        made.set("type", "integer")
        return made
    mantissa, _, exponent = repr(float(value)).partition("e")
    made = _leaf("cn", mantissa)
    if exponent:
        made.set("type", "e-notation")
        _sub(made, "sep").tail = f" {int(exponent)} "
    return made


def _leaf(tag: str, text: str) -> Element:
    made = Element(tag)
    made.text = f" {text} "
    return made
