"""The call that made a result, kept with it and told in words. Imports nothing from trustode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

#: Arrays and lists longer than this are told by their ends.
_LONGEST = 12

#: Arguments that say where and how, but not what; of a path only the last part is told.
_PLACES = ("checkpoint",)
_MACHINERY = ("executor", "progress", "threads")


class Called:
    """A call: what was called, with which arguments.

    It holds the arguments themselves, and writes them only when asked. It travels as text.

    Parameters
    ----------
    function : callable
    arguments : tuple
    keywords : mapping
    """

    __slots__ = ("_arguments", "_function", "_keywords")

    def __init__(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> None:
        self._function, self._arguments, self._keywords = function, arguments, keywords

    def __str__(self) -> str:
        from pathlib import PurePath

        name, given = self._function.__name__, [*self._arguments]
        owner = "tr"
        if "." in self._function.__qualname__:
            owner = type(given.pop(0)).__name__.lower()
        parts = [_shown(value) for value in given]
        for key, value in self._keywords.items():
            if key in _PLACES and value is not None:
                value = PurePath(str(value)).name
            if key not in _MACHINERY:
                parts.append(f"{key}={_shown(value)}")
        return f"{owner}.{name}({', '.join(parts)})"

    @property
    def given(self) -> dict[str, Any]:
        """Every argument by name, those that were left out with their defaults."""
        import inspect

        bound = inspect.signature(self._function).bind(*self._arguments, **self._keywords)
        bound.apply_defaults()
        return dict(bound.arguments)

    @property
    def seed(self) -> object:
        """The seed that was given or taken by default; None where nothing is random."""
        return self.given.get("seed")

    def __reduce__(self) -> tuple[Any, ...]:
        return Told, (str(self), self.seed)


class Told:
    """A call of which the words are left.

    Parameters
    ----------
    text : str
    seed : object
    """

    def __init__(self, text: str, seed: object) -> None:
        self._text, self.seed = text, seed

    def __str__(self) -> str:
        return self._text


def _shown(value: Any) -> str:
    """Write an argument as it could be typed, or say what it is."""
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_shown(key)}: {_shown(each)}" for key, each in value.items())
        return f"{{{inside}}}"
    if hasattr(value, "columns") and hasattr(value, "itertuples"):
        return f"<table of {len(value)} rows: {', '.join(map(str, value.columns))}>"
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return _array(value)
    if isinstance(value, list | tuple):
        inside = ", ".join(_shown(each) for each in value[:_LONGEST])
        more = f", ... {len(value)} in all" if len(value) > _LONGEST else ""
        if isinstance(value, list):
            return f"[{inside}{more}]"
        return f"({inside}{more}{',' if len(value) == 1 else ''})"
    if getattr(value, "is_Symbol", False):
        return repr(str(value))
    if hasattr(value, "rhs"):
        return "model"
    text = repr(value)
    # A result's own words run over lines: the first says what it is.
    return text.splitlines()[0] if " at 0x" not in text else f"<{type(value).__name__}>"


def _array(value: Any) -> str:
    """Write an array: in full, as an even grid, or by its shape."""
    import numpy as np

    if hasattr(value, "index"):
        return f"<row: {', '.join(map(str, value.index[:_LONGEST]))}>"
    array = np.asarray(value)
    if array.ndim == 0 or array.size <= _LONGEST:
        return str(array.tolist())
    if array.ndim == 1 and array.dtype.kind in "iuf":
        low, high = array[[0, -1]].tolist()
        grids: list[tuple[str, Callable[..., Any]]] = [("np.linspace", np.linspace)]
        if low * high > 0.0:
            grids.append(("np.geomspace", np.geomspace))
        for name, grid in grids:
            if np.allclose(grid(low, high, array.size), array, rtol=1e-12, atol=0.0):
                return f"{name}({low!r}, {high!r}, {array.size})"
    return f"<array of shape {array.shape}>"
