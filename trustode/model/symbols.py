"""The names of a model: symbols, and mappings keyed by names or symbols.

Imports the expressions and errors.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import sympy

from ..errors import ModelError
from ..expression import check_name, symbol

Name: TypeAlias = str | sympy.Symbol
Formula: TypeAlias = sympy.Expr | str | float


def _symbols(names: str | Iterable[str], what: str) -> Any:
    where = f"{what}({names!r:.60})"
    if not isinstance(names, Iterable):
        raise ModelError(f"{where}: expected names, got {type(names).__name__}")
    parts = names.replace(",", " ").split() if isinstance(names, str) else list(names)
    if not parts:
        raise ModelError(f"{where}: no name given")
    made = tuple(symbol(check_name(part, where)) for part in parts)
    for part in parts:
        if parts.count(part) > 1:
            raise ModelError(f"{where}: {part!r} is given twice")
    return made[0] if isinstance(names, str) and len(made) == 1 else made


def states(names: str | Iterable[str]) -> Any:
    """Make the symbols of state variables.

    Parameters
    ----------
    names : str or iterable of str
        Names, separated by blanks or commas.

    Returns
    -------
    Symbol or tuple of Symbol
        One symbol for a single name, else a tuple.

    Raises
    ------
    ModelError
        If a name is not an ASCII identifier, is reserved, or is given twice.
    """
    return _symbols(names, "states")


def parameters(names: str | Iterable[str]) -> Any:
    """Make the symbols of parameters; arguments and result as `states`."""
    return _symbols(names, "parameters")


def inputs(names: str | Iterable[str]) -> Any:
    """Make the symbols of inputs (what arrives from outside); as `states`."""
    return _symbols(names, "inputs")


def _name(key: object, where: str) -> str:
    return check_name(key.name if isinstance(key, sympy.Symbol) else key, where)


def named(mapping: object, where: str) -> dict[str, Any]:
    """Return a mapping, or a row or column of a table, keyed by plain names.

    Raises
    ------
    ModelError
        If it is neither, or a name is not allowed or given twice.
    """
    if mapping is None:
        return {}
    if getattr(mapping, "ndim", 1) == 2:
        raise ModelError(
            f"{where}: expected a mapping from names, got a table ({type(mapping).__name__}), "
            "which has one row a set: use tr.ensemble(model, table), or give one row, table.iloc[0]"
        )
    if not hasattr(mapping, "items"):
        raise ModelError(
            f"{where}: expected a mapping from names, got {type(mapping).__name__}; "
            "write {'name': value}"
        )
    found: dict[str, Any] = {}
    for key, value in mapping.items():
        if isinstance(key, str) and key.endswith("(0)"):
            state = key.removesuffix("(0)")
            raise ModelError(
                f"{where}: {key[:60]!r} is an initial value: write initial={{{state[:60]!r}: ...}}"
            )
        name = _name(key, where)
        if name in found:
            raise ModelError(f"{where}: {name!r} is given twice")
        found[name] = value
    return found
