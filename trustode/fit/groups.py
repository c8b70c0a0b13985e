"""What is known of groups: levels, numbers and inputs, from columns, mappings or functions.

Imports the model layer, the stimuli and the columns.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, listed, nearest
from ..model import Model
from ..stimulus import Steps, Stimulus, Table, table
from .columns import DROP, check_labels, numbers, refuse

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


def levels_of(
    frame: pd.DataFrame,
    column: str,
    labels: tuple[Hashable, ...],
    members: Sequence[Indices],
    where: str,
) -> tuple[Hashable, ...]:
    """Return each group's value of a column that is constant within groups."""
    missing = frame[column].isna().to_numpy()
    refuse(missing, f"column '{column}' (per) is missing", list(frame.index), where, DROP)
    check_labels(frame, column, "per", where)
    values = list(frame[column])
    found = []
    for label, member in zip(labels, members, strict=True):
        distinct = list(dict.fromkeys(values[k] for k in member))
        if len(distinct) > 1:
            raise DataError(
                f"{where}: per='{column}' needs one value a group, but group {label!r} has "
                f"{listed(map(repr, distinct), 4)}. Add '{column}' to group="
            )
        found.append(distinct[0])
    return tuple(found)


def numbers_of(
    frame: pd.DataFrame,
    name: str,
    source: Any,
    labels: tuple[Hashable, ...],
    members: Sequence[Indices],
    where: str,
) -> Array:
    """Return each group's value of a parameter or initial value that is known by group."""
    if not isinstance(source, str):
        return np.array([_number_of_group(source, name, label, where) for label in labels])
    values = numbers(frame, source, where)
    rows = list(frame.index)
    what = f"column '{source}' ({name}) is missing"
    refuse(np.isnan(values), what, rows, where, "Fill it with the group's value")
    for label, member in zip(labels, members, strict=True):
        changed = np.flatnonzero(values[member] != values[member[0]])
        if changed.size:
            k = member[int(changed[0])]
            raise DataError(
                f"{where}: column '{source}' ({name}) must have one value a group, but group "
                f"{label!r} has {values[member[0]]:g} in row {rows[member[0]]} and "
                f"{values[k]:g} in row {rows[k]}. What changes in time is an input of the model: "
                "give it in inputs="
            )
    return np.array([values[member[0]] for member in members])


def _number_of_group(source: Mapping[Any, Any], name: str, label: Hashable, where: str) -> float:
    """Return a group's number from a mapping of group to number."""
    if label not in source:
        known = [str(key) for key in source]
        raise DataError(
            f"{where}: '{name}' has nothing for group {label!r}"
            f"{nearest(str(label), known) or '.'} It has {listed(known)}"
        )
    value = source[label]
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise DataError(
            f"{where}: '{name}' of group {label!r} is {value!r:.60}, not a finite number"
        )
    return float(value)


def rest_of(
    frame: pd.DataFrame,
    given: Mapping[str, Any] | None,
    model: Model,
    labels: tuple[Hashable, ...],
    members: Sequence[Indices],
    where: str,
) -> Array | None:
    """Return the inputs with which each group comes to rest, or None."""
    if given is None:
        return None
    columns = []
    for name in model.inputs:
        source = given.get(name, model.input_defaults[name])
        if isinstance(source, str | Mapping):
            columns.append(numbers_of(frame, name, source, labels, members, where))
        else:
            columns.append(np.full(len(labels), float(source)))
    return np.array(columns, dtype=float).reshape(len(columns), len(labels)).T.copy()


def tables_of(
    frame: pd.DataFrame,
    sources: Mapping[str, Any],
    model: Model,
    labels: tuple[Hashable, ...],
    members: Sequence[Indices],
    time: Array,
    where: str,
) -> tuple[list[Table], ...]:
    """Return the tables of each group's inputs, in the model's order."""
    index = list(frame.index)
    shared: dict[str, Table] = {}
    columns: dict[str, Array] = {}
    for name in model.inputs:
        given = sources.get(name, model.input_defaults[name])
        if isinstance(given, str):
            columns[name] = numbers(frame, given, where)
            missing = np.isnan(columns[name])
            what = f"column '{given}' (input {name}) is missing"
            remedy = "Fill it with what arrived then, for instance 0 or the value before"
            refuse(missing, what, index, where, remedy)
        elif is_shared(given):
            shared[name] = table(given, f"{where}: input {name}")
    every = []
    for label, member in zip(labels, members, strict=True):
        tables = []
        for name in model.inputs:
            if name in columns:
                rows = [index[k] for k in member]
                column = str(sources[name])
                tables.append(_held(time[member], columns[name][member], rows, column, where))
            elif name in shared:
                tables.append(shared[name])
            else:
                tables.append(_of_group(sources[name], name, label, where))
        every.append(tables)
    return tuple(every)


def is_shared(source: object) -> bool:
    """Tell whether an input is the same for all groups: neither a mapping nor a function."""
    return isinstance(source, Stimulus | Table) or not (
        isinstance(source, Mapping) or callable(source)
    )


def _of_group(given: Any, name: str, label: Hashable, where: str) -> Table:
    """Return a group's table of an input given as a mapping or function of the group."""
    if isinstance(given, Mapping):
        if label not in given:
            known = [str(key) for key in given]
            raise DataError(
                f"{where}: inputs['{name}'] has nothing for group {label!r}"
                f"{nearest(str(label), known) or '.'} It has {listed(known)}"
            )
        given = given[label]
    else:
        given = given(label)
    return table(given, f"{where}: input {name} of group {label!r}")


def _held(time: Array, values: Array, rows: Sequence[Any], column: str, where: str) -> Table:
    """Return a column as steps: each row's value holds until the next row's time."""
    clash = np.flatnonzero((np.diff(time) == 0) & (np.diff(values) != 0))
    if clash.size:
        k = int(clash[0])
        raise DataError(
            f"{where}: column '{column}' (input) has {values[k]:g} and {values[k + 1]:g} at the "
            f"same time {time[k]:g} (rows {rows[k]} and {rows[k + 1]}); give one value a time"
        )
    distinct, first = np.unique(time, return_index=True)
    return Steps(distinct, values[first], before=float(values[0])).table
