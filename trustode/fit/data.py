"""Data frames in: columns checked and cut into groups, inputs turned into tables.

Every mistake in the data is a `DataError` that names the column, the rows by their index
labels, the rule and a remedy. Imports the stimuli, the observation models and the errors.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, listed
from ..model import Model
from ..stimulus import Table
from .columns import DROP, check_frame, check_labels, numbers, places, refuse
from .groups import levels_of, numbers_of, rest_of, tables_of
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
        tables=tables_of(frame, design.inputs, model, labels, members, time, where),
        levels={
            column: levels_of(frame, column, labels, members, where) for column in design.levels
        },
        held={
            name: numbers_of(frame, name, source, labels, members, where)
            for name, source in design.held.items()
        },
        rest=rest_of(frame, design.rest, model, labels, members, where),
        given=_given(frame, design, measured, where),
        measured=measured,
        group=group,
        time_index=time_index,
        frame=frame[[*design.groups, design.time]].copy(),
    )


def in_between(data: Data, time: str, points: int) -> Data:
    """Return rows at many times of each group in the place of those that there are.

    Parameters
    ----------
    data : Data
    time : str
        Column of times.
    points : int
        Times that are spread from a group's first to its last; its own come to them.
    """
    import pandas as pd

    times = tuple(
        np.unique(np.concatenate([own, np.linspace(own[0], own[-1], points)])) for own in data.times
    )
    before = []
    for g, each in enumerate(times):
        rows = np.flatnonzero(data.group == g)
        seen = data.frame[time].to_numpy(dtype=float)[rows]
        before.append(rows[np.maximum(np.searchsorted(seen, each, side="right") - 1, 0)])
    row = np.concatenate(before)
    return replace(
        data,
        times=times,
        given={
            column: {k: values[row] for k, values in each.items()}
            for column, each in data.given.items()
        },
        measured={},
        group=data.group[row],
        time_index=np.concatenate([np.arange(len(each)) for each in times]),
        frame=pd.DataFrame({time: np.concatenate(times)}),
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
