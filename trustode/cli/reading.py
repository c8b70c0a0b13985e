"""What was typed, read into what the functions take. Imports the model layer and the fits."""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from .. import models
from ..errors import OptionError, nearest
from ..fit import (
    Binomial,
    Categorical,
    Gaussian,
    Laplace,
    Ordinal,
    Poisson,
    StudentT,
    Vary,
)
from ..model import Model
from ..stimulus import Episodes, Pulses, Samples, Sessions, Steps, Stimulus
from ..text import read_model


def model_of(arguments: argparse.Namespace) -> Model:
    """Return the model that was asked for, by name or from a file."""
    name = arguments.model
    if name in models.names():
        return models.load(name, profile=arguments.profile, therapy=arguments.therapy)
    if not Path(name).is_file():
        hint = nearest(name, [*models.names(), *_files_beside(Path(name))])
        raise OptionError(
            f"there is no built-in model and no file {name!r:.80}{hint or '.'} "
            f"Built-in models: {', '.join(models.names())}"
        )
    for option in ("profile", "therapy"):
        if getattr(arguments, option) is not None:
            raise OptionError(f"--{option} is for built-in models, and {name!r:.80} is a file")
    return read_model(name)


def _files_beside(path: Path) -> list[str]:
    """Return the model files in the folder of a file that is not there, as they would be typed."""
    if not path.parent.is_dir():
        return []
    there = (each for each in path.parent.iterdir() if each.suffix in (path.suffix, ".toml"))
    return sorted(str(path.with_name(each.name)) for each in there if each.is_file())


def pair(text: str, option: str, form: str = "NAME=VALUE") -> tuple[str, str]:
    """Split NAME=VALUE, of which `form` says what it looks like."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise OptionError(f"{option} {text!r:.80} must be written {form}")
    return name.strip(), value.strip()


def number(text: str, where: str) -> float:
    """Read a number."""
    try:
        return float(text)
    except ValueError:
        raise OptionError(f"{where}: {text!r:.40} is not a number") from None


def assignments(texts: Sequence[str], option: str) -> dict[str, float]:
    """Read NAME=NUMBER, each name once."""
    values: dict[str, float] = {}
    for text in texts:
        name, value = pair(text, option)
        if name in values:
            raise OptionError(f"{option} gives {name!r:.40} twice")
        values[name] = number(value, f"{option} {text!r:.80}")
    return values


def split(values: dict[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """Part starts, as ``T(0)``, from parameters."""
    starts = {name[:-3]: value for name, value in values.items() if name.endswith("(0)")}
    return starts, {n: value for n, value in values.items() if not n.endswith("(0)")}


def inputs(texts: Sequence[str]) -> dict[str, float | Stimulus]:
    """Read inputs."""
    inputs: dict[str, float | Stimulus] = {}
    for text in texts:
        name, value = pair(text, "--input", "NAME=WHAT")
        if name in inputs:
            raise OptionError(f"--input gives {name!r:.40} twice")
        inputs[name] = stimulus(value, f"--input {text!r:.80}")
    return inputs


def stimulus(text: str, where: str) -> float | Stimulus:
    """Read what an input is set to."""
    kind, colon, rest = text.partition(":")
    if not colon:
        return number(text, where)
    if kind == "samples":
        return samples(rest, where)
    numbers = [number(part, where) for part in rest.split(",")]
    if kind == "episode" and len(numbers) in (2, 3):
        time_, height, *sd = numbers
        return Episodes([time_], height, *sd)
    if kind == "pulse" and len(numbers) == 3:
        time_, height, width = numbers
        return Pulses([time_], height, width)
    if kind == "steps" and len(numbers) % 2 == 0:
        return Steps(numbers[::2], numbers[1::2])
    if kind == "sessions" and len(numbers) == 3:
        first, every, count = numbers
        if not (count.is_integer() and 1 <= count <= _MOST_SESSIONS):
            raise OptionError(
                f"{where}: COUNT must be a whole number from 1 to {_MOST_SESSIONS} in "
                "sessions:FIRST,EVERY,COUNT"
            )
        return Sessions(first + every * np.arange(int(count)))
    raise OptionError(
        f"{where}: write a number, steps:TIME,VALUE,TIME,VALUE,..., episode:TIME,HEIGHT[,SD], "
        "pulse:TIME,HEIGHT,WIDTH, sessions:FIRST,EVERY,COUNT or samples:FILE.csv"
    )


def samples(file: str, where: str) -> Stimulus:
    """Read a measured series from a CSV file."""
    table = _csv(file, f"{where}: ")
    for column in ("t", "value"):
        if column not in table.columns or table[column].dtype.kind not in "fiu":
            raise OptionError(
                f"{where}: {file!r:.80} must have numbers in columns t and value; its columns "
                f"are {', '.join(map(str, table.columns))}"
            )
    return Samples(table["t"].to_numpy(), table["value"].to_numpy())


def axes(texts: Sequence[str]) -> dict[tuple[str, ...], Any]:
    """Read the axes of a grid, each once."""
    axes: dict[tuple[str, ...], Any] = {}
    for text in texts:
        names, values = axis(text)
        if names in axes:
            raise OptionError(f"--vary gives {', '.join(names)!r:.80} twice")
        axes[names] = values
    return axes


def axis(text: str) -> tuple[tuple[str, ...], Any]:
    """Read NAME=START:END:N."""
    form = f"NAME=START:END:N with N from 1 to {_MOST_POINTS}"
    names, grid = pair(text, "--vary", form)
    parts = grid.split(":")
    if len(parts) != 3 or not parts[2].isdigit() or not 1 <= int(parts[2]) <= _MOST_POINTS:
        raise OptionError(f"--vary {text!r:.80} must be written {form}")
    start, end = (number(part, f"--vary {text!r:.80}") for part in parts[:2])
    return tuple(name.strip() for name in names.split(",")), np.linspace(start, end, int(parts[2]))


_MOST_POINTS = 1_000_000
_MOST_SESSIONS = 2_000


#: Observation models that can be typed, what they need besides the expression, and what they may.
_OBSERVATIONS: dict[str, tuple[Callable[..., Any], tuple[str, ...], tuple[str, ...]]] = {
    "gaussian": (Gaussian, ("sd",), ()),
    "student": (StudentT, ("scale", "df"), ()),
    "laplace": (Laplace, ("scale",), ()),
    "poisson": (Poisson, (), ()),
    "binomial": (Binomial, ("n",), ("link",)),
    "ordinal": (Ordinal, ("cuts",), ("scale", "link")),
}


#: How what an observation model takes is written, where it is neither a name nor a number.
_WRITTEN = {"cuts": "CUT:CUT:...", "link": "logit"}


def drawn(texts: Sequence[str], n: int, seed: int) -> dict[str, np.ndarray[Any, Any]]:
    """Draw columns of `n` values, each from NAME=KIND:NUMBER:NUMBER, and each name once."""
    columns: dict[str, np.ndarray[Any, Any]] = {}
    if not 1 <= n <= _MOST_POINTS:
        raise OptionError(f"--n {n} must lie between 1 and {_MOST_POINTS}")
    if seed < 0:
        raise OptionError(f"--seed {seed} must not be negative")
    rng = np.random.default_rng(seed)
    for text in texts:
        name, what = pair(text, "--draw", "NAME=KIND:NUMBER:NUMBER")
        if name in columns:
            raise OptionError(f"--draw gives {name!r:.40} twice")
        columns[name] = distribution(what, f"--draw {text!r:.80}").rvs(size=n, random_state=rng)
    return columns


def span(text: str, option: str) -> tuple[str, tuple[float, float]]:
    """Read NAME=LOW:HIGH."""
    form = "NAME=LOW:HIGH"
    name, ends = pair(text, option, form)
    parts = ends.split(":")
    if len(parts) != 2:
        raise OptionError(f"{option} {text!r:.80} must be written {form}")
    low, high = (number(part, f"{option} {text!r:.80}") for part in parts)
    return name, (low, high)


def observed(texts: Sequence[str]) -> dict[str, Any]:
    """Read COLUMN=KIND:EXPRESSION[,NAME=WHAT], each column once."""
    found: dict[str, Any] = {}
    for text in texts:
        where = f"--observe {text!r:.80}"
        column, rest = pair(text, "--observe", "COLUMN=KIND:EXPRESSION,...")
        kind, colon, what = rest.partition(":")
        if kind not in (*_OBSERVATIONS, "categorical"):
            known = [*_OBSERVATIONS, "categorical"]
            raise OptionError(
                f"{where}: there is no observation model {kind!r:.40}"
                f"{nearest(kind, known) or '.'} There are {', '.join(known)}"
            )
        if column in found:
            raise OptionError(f"--observe gives {column!r:.40} twice")
        if kind == "categorical":
            options = dict(pair(option, where) for option in what.split(","))
            found[column] = Categorical({_plain(o): _plain(each) for o, each in options.items()})
            continue
        make, needed, optional = _OBSERVATIONS[kind]
        expression, *extras = what.split(",") if colon else [""]
        given = dict(pair(extra, where) for extra in extras)
        if not expression.strip() or not set(needed) <= set(given) <= {*needed, *optional}:
            told = "".join(f",{name}={_WRITTEN.get(name, 'NAME_OR_NUMBER')}" for name in needed)
            told += "".join(
                f"[,{name}={_WRITTEN.get(name, 'NAME_OR_NUMBER')}]" for name in optional
            )
            raise OptionError(f"{where} must be written COLUMN={kind}:EXPRESSION{told}")
        plain = {
            key: [_plain(cut) for cut in value.split(":")] if key == "cuts" else _plain(value)
            for key, value in given.items()
        }
        found[column] = make(expression, **plain)
    return found


def _plain(text: str) -> Any:
    """Return a number where a text is one."""
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if value.is_integer() and "." not in text else value


def varied(texts: Sequence[str]) -> dict[str, Vary]:
    """Read NAME=START[,min=..][,max=..][,scale=..][,per=COLUMN][,random], each name once."""
    found: dict[str, Vary] = {}
    for text in texts:
        where = f"--vary {text!r:.80}"
        name, rest = pair(text, "--vary", "NAME=START,...")
        start, *extras = rest.split(",")
        given: dict[str, Any] = {}
        for extra in extras:
            key, value = ("random", "yes") if extra.strip() == "random" else pair(extra, where)
            if key not in _VARY:
                raise OptionError(
                    f"{where}: {key!r:.40} is none of {', '.join(_VARY)}{nearest(key, _VARY)}"
                )
            given[key] = _VARY[key](value, where)
        if name in found:
            raise OptionError(f"--vary gives {name!r:.40} twice")
        found[name] = Vary(number(start, where), **given)
    return found


def _random(text: str, where: str) -> bool | str:
    return text.casefold() in ("yes", "true") or text


#: Distributions that can be typed, made of two numbers.
_DISTRIBUTIONS: dict[str, Callable[[float, float], Any]] = {
    "norm": lambda mean, sd: stats.norm(mean, sd),
    "lognorm": lambda mean, sd: stats.lognorm(sd, scale=math.exp(mean)),
    "laplace": lambda mean, scale: stats.laplace(mean, scale),
    "uniform": lambda low, high: stats.uniform(low, high - low),
}


def distribution(text: str, where: str) -> Any:
    """Read KIND:NUMBER:NUMBER; of lognorm they are mean and deviation of the logarithm."""
    kind, *texts = text.split(":")
    if kind not in _DISTRIBUTIONS or len(texts) != 2:
        hint = "" if kind in _DISTRIBUTIONS else nearest(kind, _DISTRIBUTIONS)
        raise OptionError(
            f"{where}: {text!r:.40} must be written KIND:NUMBER:NUMBER, KIND one of "
            f"{', '.join(_DISTRIBUTIONS)}{hint}"
        )
    first, second = (number(each, where) for each in texts)
    if not (math.isfinite(first) and math.isfinite(second)):
        raise OptionError(f"{where}: {text!r:.40} has a number that is not finite")
    if second <= (first if kind == "uniform" else 0.0):
        raise OptionError(f"{where}: {text!r:.40} has a width that is not positive")
    return _DISTRIBUTIONS[kind](first, second)


def _word(text: str, where: str) -> str:
    return text


#: What can follow a value in --vary, and what reads it.
_VARY: dict[str, Callable[[str, str], Any]] = {
    "min": number,
    "max": number,
    "scale": _word,
    "per": _word,
    "random": _random,
    "prior": distribution,
    "prior_scale": _word,
}


def fit_inputs(texts: Sequence[str]) -> dict[str, Any]:
    """Read inputs of a fit: as of a solve, or NAME=column:COLUMN."""
    columns, others = {}, []
    for text in texts:
        name, value = pair(text, "--input", "NAME=WHAT")
        if value.startswith("column:"):
            columns[name] = value.removeprefix("column:")
        else:
            others.append(text)
    return {**inputs(others), **columns}


def data_table(file: Path) -> Any:
    """Read data from a CSV file."""
    return _csv(str(file), "")


def _csv(file: str, where: str) -> Any:
    """Read a CSV file as programs of many countries write it.

    A heading without commas but with semicolons or tabs is divided by these; then the numbers
    may have decimal commas. The text is UTF-8, or UTF-16 with its mark, or else Windows-1252.
    """
    import pandas as pd

    try:
        raw = Path(file).read_bytes()
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            text = raw.decode("utf-16")
        else:
            try:
                text = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
            except UnicodeDecodeError:
                text = raw.removeprefix(b"\xef\xbb\xbf").decode("cp1252")
        heading = text.lstrip().partition("\n")[0]
        between = "," if "," in heading else next((c for c in ";\t" if c in heading), ",")
        table = pd.read_csv(StringIO(text), sep=between)
        if between != "," and re.search(r"(?m)(?:^|[;\t])\s*[+-]?\d+,\d+\s*(?=$|[;\t])", text):
            table = pd.read_csv(StringIO(text), sep=between, decimal=",")
    except (ValueError, OSError) as error:
        raise OptionError(f"{where}{file!r:.80} cannot be read as CSV ({error})") from None
    return table


def as_json(value: Any) -> str:
    """Write plain data as JSON; what is not finite becomes null."""
    return json.dumps(_finite(value), indent=1, allow_nan=False)


def _finite(value: Any) -> Any:
    """Return data with plain numbers."""
    if isinstance(value, dict):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if isinstance(value, np.ndarray):
        return _finite(value.tolist())
    if isinstance(value, np.generic):
        return _finite(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value if isinstance(value, int | str | bool) or value is None else str(value)
