"""What the parts of a model must be for one another: names, starts, bounds and meanings.

Imports formulas, what checks numbers, and the errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ModelError, listed, nearest
from ..expression import check_prose, symbol
from .formulas import text_of
from .param import bound


def check_unique(model: str, *families: Mapping[str, Any]) -> None:
    """Raise where a name is in two of: states, parameters, inputs, observables."""
    labels = ("a state", "a parameter", "an input", "an observable")
    owner: dict[str, str] = {}
    for label, family in zip(labels, families, strict=True):
        for name in family:
            if name in owner:
                raise ModelError(f"{model}: {name!r} is both {owner[name]} and {label}; rename one")
            owner[name] = label


def start_texts(
    model: str, given: Mapping[str, Any], state_names: list[str], param_names: list[str]
) -> dict[str, tuple[str, str]]:
    """Return the text of each state's start, or raise where one is missing."""
    _check_names(model, "initial", given, state_names, "not a state")
    missing = [name for name in state_names if name not in given]
    if missing:
        raise ModelError(f"{model}: initial has no value for {listed(missing)}")
    known = {name: symbol(name) for name in param_names}
    return {
        name: text_of(given[name], known, f"{model}: initial {name}", [], param_names)
        for name in state_names
    }


def limits_of(
    model: str, given: Mapping[str, Any], names: list[str]
) -> dict[str, tuple[float, float]]:
    """Return the bounds of the states and inputs that have any, or raise where they are none."""
    _check_names(model, "bounds", given, names, "neither a state nor an input")
    limits = {}
    for name, pair in given.items():
        try:
            first, second = pair
        except (TypeError, ValueError):
            raise ModelError(
                f"{model}: bounds of {name} must be a pair of numbers, got {pair!r:.60}"
            ) from None
        low = bound(first, f"{model}: bounds of {name}")
        high = bound(second, f"{model}: bounds of {name}")
        if not low < high:
            raise ModelError(f"{model}: bounds of {name}: {low:g} is not below {high:g}")
        limits[name] = (low, high)
    return limits


def check_meanings(model: str, meanings: Mapping[str, Any], names: list[str]) -> None:
    """Raise for a meaning of what is not in the model, or one that is no plain text."""
    for name, text in meanings.items():
        if name not in names:
            raise ModelError(
                f"{model}: meanings names {name!r}, which is no state, input or "
                f"observable{nearest(name, names)}"
            )
        check_prose(text, f"{model}: the meaning of {name!r}")


def _check_names(
    model: str, part: str, given: Mapping[str, Any], names: list[str], wrong: str
) -> None:
    """Raise for a name that is none of those that are allowed."""
    for name in given:
        if name not in names:
            raise ModelError(
                f"{model}: {part} names {name!r}, which is {wrong} "
                f"({listed(names)}){nearest(name, names)}"
            )
