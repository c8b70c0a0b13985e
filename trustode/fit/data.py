"""Data frames in: columns checked and cut into groups, inputs turned into tables.

Every mistake in the data is a `DataError` that names the column, the rows by their index
labels, the rule and a remedy. Imports the stimuli, the observation models and the errors.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, listed, nearest
from ..model import Model
from ..stimulus import Steps, Stimulus, Table, table
from .columns import DROP, check_frame, check_labels, numbers, places, refuse
from .observation import Observation

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

#: Label of the only group when no column names groups.
ALL = "all"


@dataclass(frozen=True, eq=False)
class Design:
    """Which column means what.

    Attributes
    ----------
    time : str
    groups : tuple of str
        Columns whose values together name a group; empty for a single group.
    observed : mapping of column to Observation
    inputs : mapping of input to what it is set to
        A column, a number or stimulus for all groups, or a mapping of group to one.
    levels : tuple of str
        Further columns that must be constant within a group.
    held : mapping of name to column, or to mapping of group to number
        Parameters, and initial values as ``"T(0)"``, that are known for each group.
    rest : mapping of input to number, column, or mapping of group to number; or None
        Inputs with which groups come to rest before their data begin, if they do.
    given : mapping of column to mapping of int to str
        Columns that hold a quantity of an observation model for each row.
    """

    time: str
    groups: tuple[str, ...]
    observed: Mapping[str, Observation]
    inputs: Mapping[str, Any]
    levels: tuple[str, ...]
    held: Mapping[str, Any] = field(default_factory=dict)
    rest: Mapping[str, Any] | None = None
    given: Mapping[str, Mapping[int, str]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Measured:
    """The rows of one column that hold an observation, group after group.

    All arrays have shape (n_row,); `starts`, of shape (n_group + 1,), says where each
    group's rows begin. `values` and `known` are as the observation model works with them,
    `given` as they stand in the data.
    """

    values: Array
    known: Mapping[str, Array]
    given: NDArray[Any]
    group: Indices
    time: Indices
    row: Indices
    starts: Indices


@dataclass(frozen=True, eq=False)
class Data:
    """A checked data frame.

    Attributes
    ----------
    labels : tuple
        One a group, in order of appearance; a tuple of values for several group columns.
    times : tuple of ndarray
        Distinct times of each group; the first is where its solve starts.
    tables : tuple of list of Table
        Inputs of each group, in the model's order.
    levels : mapping of column to tuple
        Value of each group.
    held : mapping of name to ndarray, shape (n_group,)
        Parameters and initial values that are known for each group.
    rest : ndarray, shape (n_group, n_input), or None
        Inputs with which each group comes to rest before its data begin, if it does.
    given : mapping of column to mapping of int to ndarray, shape (n_row,)
        Quantities of observation models that the data hold; NaN where not needed.
    measured : mapping of column to Measured
    group, time_index : ndarray, shape (n_row,)
        Group of each row of the frame, and where its time stands in that group's times.
    frame : DataFrame
        Group columns and time of each row.
    """

    labels: tuple[Hashable, ...]
    times: tuple[Array, ...]
    tables: tuple[list[Table], ...]
    levels: Mapping[str, tuple[Hashable, ...]]
    held: Mapping[str, Array]
    rest: Array | None
    given: Mapping[str, Mapping[int, Array]]
    measured: Mapping[str, Measured]
    group: Indices
    time_index: Indices
    frame: pd.DataFrame

    @property
    def n_observations(self) -> int:
        """Number of observations in all columns."""
        return sum(len(column.values) for column in self.measured.values())


def read(
    frame: pd.DataFrame,
    design: Design,
    model: Model,
    where: str,
    starts: Mapping[Hashable, float] | None = None,
) -> Data:
    """Check a data frame and cut it into groups.

    Parameters
    ----------
    frame : DataFrame
        One row an occasion; a missing value in an observed column is a missing observation.
    design : Design
    model : Model
        Says which inputs there are and their values while none is given.
    where : str
        Call and model, to begin messages with.
    starts : mapping of group to float, optional
        Where each group's solve starts; its first time unless given. With it the observed
        columns are not read, only what a prediction needs.

    Raises
    ------
    DataError
        For any mistake in the data.
    """
    check_frame(frame, _wanted(design, with_observed=starts is None), where)
    rows = list(frame.index)
    time = numbers(frame, design.time, where)
    refuse(np.isnan(time), f"column '{design.time}' (time) is missing", rows, where, DROP)
    labels, group = _grouped(frame, design.groups, where)
    members = [np.flatnonzero(group == g) for g in range(len(labels))]
    times, time_index = [], np.zeros(len(frame), dtype=np.intp)
    for label, member in zip(labels, members, strict=True):
        _check_sorted(time[member], [rows[k] for k in member], design, label, where)
        grid = time[member]
        if starts is not None and label in starts:
            early = grid < starts[label]
            refuse(
                early,
                f"group {label!r} starts at {design.time} = {starts[label]:g}; earlier times",
                [rows[k] for k in member],
                where,
                "Predict from the start on",
            )
            grid = np.concatenate([[starts[label]], grid])
        grid = np.unique(grid)
        times.append(grid)
        time_index[member] = np.searchsorted(grid, time[member])
    measured = {}
    if starts is None:
        for column, observation in design.observed.items():
            measured[column] = _measure(frame, column, observation, group, time_index, where)
        _check_groups(measured, labels, where)
    return Data(
        labels=labels,
        times=tuple(times),
        tables=_inputs(frame, design, model, labels, members, time, where),
        levels={column: _levels(frame, column, labels, members, where) for column in design.levels},
        held={
            name: _by_group(frame, name, source, labels, members, where)
            for name, source in design.held.items()
        },
        rest=_rest(frame, design, model, labels, members, where),
        given=_given(frame, design, measured, where),
        measured=measured,
        group=group,
        time_index=time_index,
        frame=frame[[*design.groups, design.time]].copy(),
    )


def _wanted(design: Design, with_observed: bool) -> list[tuple[object, str]]:
    """Return the columns that a design needs, each with its use."""
    wanted: list[tuple[object, str]] = [(design.time, "time")]
    wanted += [(column, "group") for column in design.groups]
    wanted += [(column, "per") for column in design.levels]
    rest = design.rest or {}
    for use, sources in (
        ("input", design.inputs),
        ("held value", design.held),
        ("resting input", rest),
    ):
        wanted += [(c, f"{use} {name}") for name, c in sources.items() if isinstance(c, str)]
    if with_observed:
        for column, observation in design.observed.items():
            wanted.append((column, "observed"))
            wanted += [(name, f"of '{column}'") for name in design.given.get(column, {}).values()]
            wanted += [
                (source, f"{role} of '{column}'")
                for role, source in observation.columns.items()
                if isinstance(source, str)
            ]
    return wanted


def _grouped(
    frame: pd.DataFrame, groups: tuple[str, ...], where: str
) -> tuple[tuple[Hashable, ...], Indices]:
    """Return the group labels in order of appearance and each row's group."""
    if not groups:
        return (ALL,), np.zeros(len(frame), dtype=np.intp)
    for column in groups:
        missing = frame[column].isna().to_numpy()
        refuse(missing, f"column '{column}' (group) is missing", list(frame.index), where, DROP)
        check_labels(frame, column, "group", where)
    keys = [list(frame[column]) for column in groups]
    each: list[Hashable] = keys[0] if len(groups) == 1 else list(zip(*keys, strict=True))
    number: dict[Hashable, int] = {}
    group = np.array([number.setdefault(label, len(number)) for label in each], dtype=np.intp)
    return tuple(number), group


def _check_sorted(
    time: Array, rows: Sequence[Any], design: Design, label: Hashable, where: str
) -> None:
    """Raise if time runs backwards within a group."""
    back = np.flatnonzero(np.diff(time) < 0)
    if back.size:
        k = int(back[0])
        of = f" of group {label!r}" if design.groups else ""
        order = [*design.groups, design.time]
        raise DataError(
            f"{where}: column '{design.time}'{of} runs backwards: {time[k]:g} in row {rows[k]} is "
            f"followed by {time[k + 1]:g} in row {rows[k + 1]}. Sort with data.sort_values("
            f"{order if len(order) > 1 else order[0]!r}), or name what tells the series apart "
            "in group="
        )


def _measure(
    frame: pd.DataFrame,
    column: str,
    observation: Observation,
    group: Indices,
    time_index: Indices,
    where: str,
) -> Measured:
    """Collect the observations of a column, group after group."""
    options = observation.options
    if options is None:
        values = numbers(frame, column, where)
    else:
        values = places(frame, column, options, where)
    present = np.flatnonzero(~np.isnan(values))
    if not present.size:
        raise DataError(
            f"{where}: column '{column}' (observed) is missing in all {len(values)} rows. "
            "Leave it out of observed="
        )
    row = present[np.argsort(group[present], kind="stable")]
    known = {}
    for role, source in observation.columns.items():
        if isinstance(source, str):
            known[role] = numbers(frame, source, where, infinite=role in ("lower", "upper"))[row]
        else:
            known[role] = np.full(len(row), float(source))
    labels = list(frame.index)
    observation.check(column, values[row], known, [labels[k] for k in row], where)
    prepared, ready = observation.prepared(values[row], known)
    given = values if options is None else frame[column].to_numpy(dtype=object)
    starts = np.searchsorted(group[row], np.arange(group.max() + 2)).astype(np.intp)
    return Measured(prepared, ready, given[row], group[row], time_index[row], row, starts)


def _check_groups(
    measured: Mapping[str, Measured], labels: tuple[Hashable, ...], where: str
) -> None:
    """Raise if a group has no observation in any column."""
    counts = sum(np.diff(column.starts) for column in measured.values())
    empty = [repr(labels[g]) for g in np.flatnonzero(counts == 0)]
    if empty:
        raise DataError(
            f"{where}: every observation ({listed(measured)}) is missing for group "
            f"{listed(empty, 6)}. Drop the rows of {'this group' if len(empty) == 1 else 'these'}"
        )


def _levels(
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


def _by_group(
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


def _given(
    frame: pd.DataFrame, design: Design, measured: Mapping[str, Measured], where: str
) -> dict[str, dict[int, Array]]:
    """Return quantities that columns hold, checked where something was measured."""
    found: dict[str, dict[int, Array]] = {}
    for column, quantities in design.given.items():
        found[column] = {}
        for k, name in quantities.items():
            if name not in frame.columns:
                found[column][k] = np.full(len(frame), np.nan)
                continue
            values = numbers(frame, name, where)
            observation = design.observed[column]
            role, least = observation.roles[k], 0.0 if name in observation.positive else -np.inf
            needed = np.zeros(len(frame), dtype=bool)
            if column in measured:
                needed[measured[column].row] = True
            what = f"column '{name}' ({role} of '{column}') is missing"
            remedy = f"Give a value, or set '{column}' to missing there"
            refuse(needed & np.isnan(values), what, list(frame.index), where, remedy)
            what = f"column '{name}' ({role} of '{column}') is not positive"
            refuse(needed & (values <= least), what, list(frame.index), where, remedy)
            found[column][k] = values
    return found


def _rest(
    frame: pd.DataFrame,
    design: Design,
    model: Model,
    labels: tuple[Hashable, ...],
    members: Sequence[Indices],
    where: str,
) -> Array | None:
    """Return the inputs with which each group comes to rest, or None."""
    if design.rest is None:
        return None
    columns = []
    for name in model.inputs:
        source = design.rest.get(name, model.input_defaults[name])
        if isinstance(source, str | Mapping):
            columns.append(_by_group(frame, name, source, labels, members, where))
        else:
            columns.append(np.full(len(labels), float(source)))
    return np.array(columns, dtype=float).reshape(len(columns), len(labels)).T.copy()


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


def _inputs(
    frame: pd.DataFrame,
    design: Design,
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
        given = design.inputs.get(name, model.input_defaults[name])
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
                column = str(design.inputs[name])
                tables.append(_held(time[member], columns[name][member], rows, column, where))
            elif name in shared:
                tables.append(shared[name])
            else:
                tables.append(_of_group(design.inputs[name], name, label, where))
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
