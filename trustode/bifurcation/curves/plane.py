"""The plane of two parameters that a call names, checked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...errors import ModelError, listed, nearest
from ...model import Model
from ..system import Array


def check_pair(model: Model, parameters: Any, where: str) -> tuple[str, str]:
    """Return the names of two parameters or inputs, or raise."""
    known = [*model.params, *model.inputs]
    if isinstance(parameters, str) or not hasattr(parameters, "__len__") or len(parameters) != 2:
        raise ModelError(
            f"{where}: parameters={parameters!r:.60}; give two of: {listed(known, 100)}"
        )
    names = [str(getattr(each, "name", each)) for each in parameters]
    for name in names:
        if name not in known:
            raise ModelError(
                f"{where}: {name!r:.60} is not a parameter{nearest(name, known) or '.'} "
                f"The parameters are: {listed(known, 100)}"
            )
    if names[0] == names[1]:
        raise ModelError(f"{where}: {names[0]} is given twice; two parameters vary")
    return names[0], names[1]


def check_number(value: Any, where: str) -> float:
    """Return a finite number, or raise."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or isinstance(value, bool):
        raise ModelError(f"{where} = {value!r:.60} is not a finite number")
    return number


def check_spans(pair: tuple[str, str], span: Any, where: str) -> Array:
    """Return the ends of both parameters, shape (2, 2), or raise."""
    if not hasattr(span, "items"):
        raise ModelError(
            f"{where}: span={span!r:.60}; give the ends of both parameters, as in "
            f'span={{"{pair[0]}": (0, 1), "{pair[1]}": (0, 1)}}'
        )
    named = {str(getattr(key, "name", key)): value for key, value in span.items()}
    for name in named:
        if name not in pair:
            raise ModelError(
                f"{where}: span of {name!r:.60}{nearest(name, pair) or ''}, not varied"
            )
    spans = np.empty((2, 2))
    for k, name in enumerate(pair):
        if name not in named:
            raise ModelError(f"{where}: span gives no ends of {name}")
        try:
            low, high = (check_number(edge, f"{where}: span of {name}") for edge in named[name])
        except (TypeError, ValueError) as error:
            if isinstance(error, ModelError):
                raise
            raise ModelError(
                f"{where}: span of {name} must be a pair of numbers, got {named[name]!r:.60}"
            ) from None
        if not low < high:
            raise ModelError(f"{where}: span of {name}: {low:g} is not below {high:g}")
        spans[k] = low, high
    return spans
