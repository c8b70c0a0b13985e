"""Finished pieces of a call whose pieces are not known beforehand, in a checkpoint.

A piece is found again by its key, a digest of what it was made from. What it may consist of is
numbers, texts, arrays, tables, sequences, mappings, and the few classes that the call names; all
else in a file is refused, and nothing in it runs. Imports the models and the checkpoint.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .called import Called, Told
from .checkpoint import MANY, Checkpoint, Parts, digest, open_checkpoint
from .errors import DataError
from .model import Model

if TYPE_CHECKING:
    import pandas as pd

_Made = TypeVar("_Made")

#: Pieces that are kept at most.
_MOST = 10_000
_TEXT, _DATA = f"{MANY}text", f"{MANY}data"
#: Kinds of arrays that are kept as they are.
_PLAIN = "biufc"


class Journal:
    """Finished pieces of a call; `open_journal` makes one that is on disk.

    Parameters
    ----------
    store : _Store, optional
        Where pieces are kept; nowhere if not given.
    place : str
        What the keys of all pieces begin with.
    """

    def __init__(self, store: _Store | None = None, place: str = "") -> None:
        self._store, self._place = store, place

    def under(self, *values: object) -> Journal:
        """Return the same journal for a part of the call, whose keys are its own."""
        return Journal(self._store, digest(self._place, *values))

    def __call__(self, key: tuple[object, ...], make: Callable[[], _Made]) -> _Made:
        """Return a piece as it was kept, or make and keep it.

        Parameters
        ----------
        key : tuple
            All that this piece depends on and that other pieces differ in.
        make : callable
        """
        if self._store is None:
            return make()
        name = digest(self._place, *key)
        if name in self._store.known:
            made: _Made = self._store.known[name]
            return made
        made = make()
        self._store.add(name, made)
        return made


@contextmanager
def open_journal(
    path: str | os.PathLike[str] | None,
    parts: Parts,
    model: Model,
    classes: tuple[type, ...],
    where: str,
) -> Iterator[Journal]:
    """Open the journal of a call, or begin one.

    Parameters
    ----------
    path : path or None
        None: nothing is kept.
    parts : mapping
        All that the pieces depend on, besides their keys.
    model : Model
        Stands in pieces by name only.
    classes : tuple of type
        What pieces may consist of: dataclasses, named tuples, and classes that say what their
        state is.
    where : str
        Call and model, for messages.

    Raises
    ------
    DataError
        If the file is something else, or belongs to a call with other arguments, which it names.
    FileError
        If the file cannot be opened, or another process has it open.
    """
    if path is None:
        yield Journal()
        return
    with open_checkpoint(path, parts, _MOST, where) as checkpoint:
        yield Journal(_Store(checkpoint, model, classes, f"{where}: the checkpoint {path}"))


class _Store:
    """What a checkpoint knows, and what is added to it."""

    def __init__(
        self, checkpoint: Checkpoint, model: Model, classes: tuple[type, ...], where: str
    ) -> None:
        self._checkpoint, self._model = checkpoint, model
        self._classes = {_named(each): each for each in classes}
        self.known: dict[str, Any] = {}
        self._n = 0
        for rows, arrays in checkpoint.finished():
            try:
                if rows != slice(self._n, self._n + 1):
                    raise ValueError
                text = json.loads(arrays[_TEXT].astype(np.uint8).tobytes())
                reader = _Reader(arrays[_DATA].astype(np.uint8), model, self._classes)
                self.known[str(text["key"])] = reader.read(text["made"])
            except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
                raise DataError(
                    f"{where} was changed by something else: piece {rows.start} is none of this "
                    "call. Delete it to begin anew"
                ) from None
            self._n += 1

    def add(self, name: str, made: Any) -> None:
        """Keep a piece."""
        if self._n >= _MOST:
            return
        writer = _Writer(self._model, self._classes)
        text = json.dumps({"key": name, "made": writer.write(made)}).encode()
        arrays = {
            _TEXT: np.frombuffer(text, np.uint8),
            _DATA: np.frombuffer(b"".join(writer.data), np.uint8),
        }
        self._checkpoint.add(slice(self._n, self._n + 1), arrays)
        self._n += 1


def _named(kind: type) -> str:
    """Return the name by which a class stands in a file."""
    return f"{kind.__module__}.{kind.__qualname__}"


class _Writer:
    """Turns a piece into JSON, and its arrays into bytes."""

    def __init__(self, model: Model, classes: Mapping[str, type]) -> None:
        self._model, self._classes = model, classes
        self.data: list[bytes] = []
        self._length = 0
        # An array that many objects share is kept once; held, so that no other gets its id.
        self._seen: dict[int, tuple[NDArray[Any], dict[str, Any]]] = {}

    def write(self, value: Any) -> Any:
        """Return what stands for a value."""
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, list):
            return [self.write(each) for each in value]
        if isinstance(value, complex):
            return {"complex": [value.real, value.imag]}
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, Called | Told):
            return {"called": [str(value), self.write(value.seed)]}
        if isinstance(value, Model):
            assert value is self._model
            return {"model": None}
        name = _named(type(value))
        if name in self._classes:
            return {"class": name, "of": {k: self.write(v) for k, v in _state(value).items()}}
        if isinstance(value, tuple):
            return {"tuple": [self.write(each) for each in value]}
        if isinstance(value, Mapping):
            return {"mapping": [[self.write(k), self.write(v)] for k, v in value.items()]}
        return self._table(value)

    def _array(self, value: NDArray[Any]) -> dict[str, Any]:
        if id(value) in self._seen:
            return self._seen[id(value)][1]
        if value.dtype.kind not in _PLAIN:
            return {"objects": [self.write(each) for each in value.tolist()]}
        content = np.ascontiguousarray(value).tobytes()
        told = {"array": [self._length, value.dtype.str, value.shape]}
        self.data.append(content)
        self._length += len(content)
        self._seen[id(value)] = value, told
        return told

    def _table(self, value: pd.DataFrame) -> dict[str, Any]:
        columns = [
            [str(name), str(column.dtype), self.write(column.to_numpy())]
            for name, column in value.items()
        ]
        return {"table": columns, "rows": len(value), "attrs": self.write(value.attrs)}


class _Reader:
    """Turns JSON and bytes into a piece."""

    def __init__(self, data: NDArray[np.uint8], model: Model, classes: Mapping[str, type]) -> None:
        self._data, self._model, self._classes = data.tobytes(), model, classes
        self._seen: dict[tuple[int, str, tuple[int, ...]], NDArray[Any]] = {}

    def read(self, told: Any) -> Any:
        """Return the value that something stands for."""
        if isinstance(told, list):
            return [self.read(each) for each in told]
        if not isinstance(told, dict):
            return told
        kind = next(iter(told))
        content = told[kind]
        if kind == "complex":
            return complex(*content)
        if kind == "model":
            return self._model
        if kind == "called":
            return Told(*content)
        if kind == "tuple":
            return tuple(self.read(content))
        if kind == "mapping":
            return {self.read(k): self.read(v) for k, v in content}
        if kind == "class":
            state = {str(k): self.read(v) for k, v in told["of"].items()}
            return _of(self._classes[content], state)
        if kind == "objects":
            made = np.empty(len(content), dtype=object)
            for k, each in enumerate(content):
                made[k] = self.read(each)
            return made
        return self._array(*content) if kind == "array" else self._table(told)

    def _array(self, start: int, kind: str, shape: list[int]) -> NDArray[Any]:
        key = start, kind, tuple(shape)
        if key not in self._seen:
            dtype = np.dtype(kind)
            count = math.prod(shape)
            if dtype.kind not in _PLAIN or start < 0 or min(shape, default=0) < 0:
                raise ValueError
            content = self._data[start : start + count * dtype.itemsize]
            self._seen[key] = np.frombuffer(content, dtype, count).reshape(shape).copy()
        return self._seen[key]

    def _table(self, told: Mapping[str, Any]) -> pd.DataFrame:
        import pandas as pd

        columns = {
            str(name): pd.Series(self.read(values), dtype=kind)
            for name, kind, values in told["table"]
        }
        table = pd.DataFrame(columns, index=range(told["rows"]))
        table.attrs = self.read(told["attrs"])
        return table


def _state(value: Any) -> dict[str, Any]:
    """Return what an object consists of, by name."""
    if "__getstate__" in vars(type(value)):
        return dict(value.__getstate__())
    if not is_dataclass(value):
        return dict(value._asdict())
    state = {each.name: getattr(value, each.name) for each in fields(value)}
    called = getattr(value, "called", None)
    return state if called is None else state | {"called": called}


def _of(kind: type, state: dict[str, Any]) -> Any:
    """Return an object that consists of what `_state` told."""
    if "__setstate__" in vars(kind):
        made: Any = object.__new__(kind)
        made.__setstate__(state)
        return made
    called = state.pop("called", None)
    made = kind(**state)
    if called is not None:
        made.__dict__["called"] = called
    return made
