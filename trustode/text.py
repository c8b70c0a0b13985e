"""Models as text: one readable file that holds everything a `Model` holds.

The file is TOML with the equations as text. It is data: equations go through our own
parser, the rest through the checks of `Model`, and nothing in it can run. Imports the
model layer.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import sympy

from . import foreign
from .errors import ModelError, checks_keywords, listed, nearest
from .expression import write
from .model import Model, Param

#: Version of the format that this trustode writes, and the newest that it reads.
VERSION = 1

#: Characters that the text of a model may have.
MAX_TEXT = 500_000

#: Bytes that are read of any file; the text of an SBML document is long.
_MAX_BYTES = 5_000_000

#: What each section may say about one name, and what it must say.
_SECTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "states": (("rhs", "initial", "min", "max", "meaning"), ("rhs", "initial")),
    "parameters": (("value", "unit", "min", "max", "meaning", "theme", "source"), ("value",)),
    "inputs": (("value", "min", "max", "meaning"), ("value",)),
    "observables": (("value", "meaning"), ("value",)),
}
_HEAD = ("trustode", "name", "time_unit", "description", "source")

#: What TOML reads as text or comment, closed or not; the rest of a file is structure. Each
#: alternative matches wherever it begins, so that the search is linear.
_QUOTED = re.compile(
    r'"""(?:\\.|[^\\])*?(?:"{3,5}|\\?\Z)'
    r"|'''.*?(?:'{3,5}|\Z)"
    r'|"(?:\\[^\n]|[^"\\\n])*"?'
    r"|'[^'\n]*'?"
    r"|#[^\n]*",
    re.DOTALL,
)
_MAX_DOTS = 8


@checks_keywords
def read_model(file: str | os.PathLike[str] | IO[str] | IO[bytes]) -> Model:
    """Read a model file: our own, SBML, or XPPAUT's.

    Parameters
    ----------
    file : path, open file or str
        What `write_text` wrote, or the same written by hand; an SBML document of level 2 or
        3; or a file for XPPAUT, which is known by its suffix, ``.ode``. A str of several
        lines is the text itself, of one line a path.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        If the file cannot be read or is not a model's text, or the model breaks a rule; or
        if it holds more than ordinary differential equations (events, delays, noise,
        algebraic equations), which is named.

    Notes
    -----
    Of SBML are read: compartments, species (amounts and concentrations), parameters,
    reactions, rate and assignment rules, initial assignments and function definitions.
    What an assignment rule defines is put into the equations and becomes an observable.
    Piecewise expressions become sums of pieces times 0 or 1, so every piece must be finite
    everywhere. Constraints and units are not checked.

    Of XPPAUT are read: equations (``x'=`` and ``dx/dt=``), ``par``, ``init``, ``aux``,
    fixed and derived quantities, and functions. Options (``@``) are for its solver and are
    left out. Names keep the case in which they are written first.

    Examples
    --------
    >>> import io
    >>> text = '''
    ... trustode = 1
    ... name = "decay"
    ... [states.x]
    ... rhs = "-k*x"
    ... initial = 1.0
    ... [parameters.k]
    ... value = 0.5
    ... unit = "1/day"
    ... '''
    >>> read_model(io.StringIO(text))
    <Model 'decay': 1 state (x), 1 parameter>
    """
    # One more than may be: enough to see that it is too much, and never all of /dev/zero.
    content: Any
    if isinstance(file, str) and "\n" in file:
        where, content = "read_model", file
    elif isinstance(file, str | os.PathLike):
        where = f"read_model({os.fspath(file)!r})"
        try:
            with open(file, "rb") as opened:
                content = opened.read(_MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ModelError(
                f"{where}: the file cannot be read: {reason}. Give the path of a model file, or "
                "its text"
            ) from None
    elif hasattr(file, "read"):
        where = "read_model"
        content = file.read(_MAX_BYTES + 1)
    else:
        raise ModelError(f"read_model: expected a path or an open file, got {file!r:.60}")
    if isinstance(content, bytes):
        try:
            content = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ModelError(f"{where}: byte {error.start + 1} is not UTF-8 text") from None
    if isinstance(content, str):
        # Text that others decoded may still begin with the mark of its byte order.
        content = content.removeprefix("\ufeff")
        called = str(file if isinstance(file, os.PathLike) else getattr(file, "name", file))
        if content.lstrip().startswith("<"):
            return foreign.read_sbml(content, where)
        if "\n" not in called and Path(called).suffix.lower() == ".ode":
            return foreign.read_xpp(content, Path(called).stem, where)
    return parse_model(content, where)


def parse_model(text: str, where: str = "parse_model") -> Model:
    """Read a model from its text.

    Parameters
    ----------
    text : str
        What `write_text` returns, or the same written by hand.
    where : str
        What is being read, for messages.

    Raises
    ------
    ModelError
        If it is not a model's text, or the model breaks a rule.
    """
    data = _load(text, where)
    version = data.get("trustode")
    if type(version) is not int:
        raise ModelError(f"{where}: no line 'trustode = {VERSION}': this is not a model's text")
    if not 1 <= version <= VERSION:
        raise ModelError(
            f"{where}: written in format {version}; this trustode reads up to {VERSION}. "
            "Install a newer trustode"
        )
    known = (*_HEAD, *_SECTIONS)
    for key in data:
        if key not in known:
            raise ModelError(
                f"{where}: unknown entry {key[:60]!r}{nearest(key, known) or '.'} "
                f"The entries are: {listed(known)}"
            )
    if "name" not in data:
        raise ModelError(f"{where}: the model has no name; add a line 'name = \"...\"'")
    states, parameters, inputs, observables = (
        _section(data.get(section, {}), section, where) for section in _SECTIONS
    )
    try:
        return Model(
            data["name"],
            rhs={name: entry["rhs"] for name, entry in states.items()},
            params={name: _param(name, entry) for name, entry in parameters.items()},
            initial={name: entry["initial"] for name, entry in states.items()},
            inputs={name: entry["value"] for name, entry in inputs.items()},
            observables={name: entry["value"] for name, entry in observables.items()},
            bounds={
                name: (entry.get("min", -math.inf), entry.get("max", math.inf))
                for name, entry in (*states.items(), *inputs.items())
                if "min" in entry or "max" in entry
            },
            meanings={
                name: entry["meaning"]
                for section in (states, inputs, observables)
                for name, entry in section.items()
                if "meaning" in entry
            },
            **{key: data[key] for key in ("time_unit", "description", "source") if key in data},
        )
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from None


def _load(text: object, where: str) -> dict[str, Any]:
    """Read TOML that is no larger and no more branched than a model's."""
    if not isinstance(text, str):
        raise ModelError(f"{where}: expected text, got {type(text).__name__}")
    if len(text) > MAX_TEXT:
        before = text[:MAX_TEXT].splitlines() or [""]
        raise ModelError(
            f"{where}: line {len(before)}, column {len(before[-1]) + 1}: more than {MAX_TEXT} "
            "characters, too long for a model"
        )
    # tomllib needs memory in proportion to the square of the dots in a key.
    for line in _QUOTED.sub("", text).splitlines():
        if line.count(".") > _MAX_DOTS:
            raise ModelError(f"{where}: a line with {line.count('.')} dots outside of text")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ModelError(f"{where}: nested too deeply for a model") from None
    except ValueError as error:
        raise ModelError(
            f"{where}: {str(error)[:200]}. A model's text is TOML: text stands in quotes, "
            'as in rhs = "-k*x"'
        ) from None


def _section(section: object, title: str, where: str) -> Mapping[str, Mapping[str, Any]]:
    """Check which names and entries a section holds, but not yet their values."""
    may, must = _SECTIONS[title]
    if not isinstance(section, dict):
        raise ModelError(f"{where}: {title} is {section!r:.60}; write [{title}.NAME] and its lines")
    for name, entry in section.items():
        place = f"{where}: [{title}.{name[:60]}]"
        if not isinstance(entry, dict):
            raise ModelError(f"{place} is {entry!r:.60}; write it as a section with {listed(may)}")
        for key in entry:
            if key not in may:
                raise ModelError(
                    f"{place}: unknown entry {key[:60]!r}{nearest(key, may) or '.'} "
                    f"The entries are: {listed(may)}"
                )
        for key in must:
            if key not in entry:
                raise ModelError(f"{place}: {key} is missing")
    return section


def _param(name: str, entry: Mapping[str, Any]) -> Param:
    try:
        return Param(**entry)
    except ModelError as error:
        raise ModelError(f"parameter {name!r}: {error}") from None


@checks_keywords
def write_text(model: Model) -> str:
    """Return the text of a model, as `read_model` reads it.

    Reading it gives an equal model, to the last digit.

    Parameters
    ----------
    model : Model

    Raises
    ------
    ModelError
        If it is no model, or too large for a file.
    """
    if not isinstance(model, Model):
        raise ModelError(f"write_text: expected a Model, got {model!r:.60}")
    head = {"name": model.name, "time_unit": model.time_unit}
    head |= {"description": model.description, "source": model.source}
    blocks = [_block("", {"trustode": VERSION} | {k: v for k, v in head.items() if v})]
    for state, expression in model.rhs.items():
        name = state.name
        entry: dict[str, Any] = {"rhs": write(expression)}
        entry["initial"] = _literal(model.initial[name])
        entry |= _bounds(model, name)
        blocks.append(_block(f"states.{name}", entry | _meaning(model, name)))
    for name, param in model.parameters.items():
        every = {key: getattr(param, key) for key in _SECTIONS["parameters"][0]}
        said = {k: v for k, v in every.items() if v not in ("", math.inf, -math.inf)}
        blocks.append(_block(f"parameters.{name}", said))
    for name, value in model.input_defaults.items():
        entry = {"value": value} | _bounds(model, name)
        blocks.append(_block(f"inputs.{name}", entry | _meaning(model, name)))
    for name, expression in model.observables.items():
        entry = {"value": write(expression)} | _meaning(model, name)
        blocks.append(_block(f"observables.{name}", entry))
    text = "\n".join(blocks)
    if len(text) > MAX_TEXT:
        raise ModelError(
            f"write_text({model.name}): {len(text)} characters; a model's text may have {MAX_TEXT}"
        )
    return text


def _bounds(model: Model, name: str) -> dict[str, float]:
    """Return the entries of a state's or an input's bounds."""
    return dict(zip(("min", "max"), model.bounds.get(name, ()), strict=False))


def _meaning(model: Model, name: str) -> dict[str, str]:
    return {"meaning": model.meanings[name]} if name in model.meanings else {}


def _literal(expression: sympy.Expr) -> int | float | str:
    """Return a number as it stands in TOML, or the text of an expression."""
    if expression.is_Integer:
        return int(expression)
    return float(expression) if expression.is_Float else write(expression)


def _block(title: str, entry: Mapping[str, Any]) -> str:
    lines = [f"[{title}]"] if title else []
    lines += [f"{key} = {_value(value)}" for key, value in entry.items()]
    return "\n".join(lines) + "\n"


def _value(value: float | str) -> str:
    """Return a value in TOML."""
    import json

    if not isinstance(value, str):
        return repr(value)
    if "\n" not in value:
        return json.dumps(value, ensure_ascii=False)
    # JSON's escapes are also TOML's; the line end after the opening quotes is dropped.
    lines = (json.dumps(line, ensure_ascii=False)[1:-1] for line in value.split("\n"))
    return '"""\n' + "\n".join(lines) + '"""'
