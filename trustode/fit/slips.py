"""What in data looks like a slip, though it may be meant: told as notes, never refused.

Imports the data, the observation models and the objective.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import listed
from .data import Data
from .objective import Failure, Problem
from .observation import Gaussian, Observation
from .vary import initial_of

Array = NDArray[np.float64]

#: Numbers that tables hold where an answer is missing.
CODES = (-9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0)

#: Fewer values than this do not tell what is usual among them but for all of them together.
_MANY = 20
#: Widths of what is usual that a code, and any other number, lie apart to be told of.
_CODE_APART, _APART = 3.0, 5.0
#: Where more rows than this share of them have the time of another, occasions have several rows.
_SELDOM = 0.1
#: Chance below which answers of one group and time that are all alike were not given separately.
_BY_CHANCE = 1e-6
#: Share of the stretches between rows that counts as usual: of fifteen questions a day, nights too.
_USUAL = 0.95
#: What a state may drift before a group's first row and still count as at rest: a share of it,
#: far below what ratings can tell, and what is added for states near zero.
_STILL, _NOTHING = 0.01, 1e-9


def slips(data: Data, observed: Mapping[str, Observation], time: str) -> list[str]:
    """Say what in the data looks like a slip."""
    notes = [*_alike(data.labels), *_repeated(data, time)]
    index = list(data.frame.index)
    for column, rows in data.measured.items():
        if rows.given.dtype.kind != "f":
            continue
        coded = looks_coded(rows.given)
        if coded.any():
            code = f"{rows.given[coded][0]:g}"
            many = int(coded.sum())
            notes.append(
                f"column '{column}' holds {code} in {many} row{'s' if many > 1 else ''}, far from "
                "all else; if that stands for a missing answer, make it one with "
                f"data['{column}'].replace({code}, float('nan'))"
            )
        if isinstance(observed[column], Gaussian):
            named = [index[k] for k in rows.row[~coded]]
            notes += _far(column, rows.given[~coded], named)
    return notes


def looks_coded(values: Array) -> NDArray[Any]:
    """Return which values are a usual code for a missing answer, and lie far from all others."""
    usual = np.isin(values, CODES)
    return np.asarray(usual & _apart(values, values[~usual], _CODE_APART))


def _apart(values: Array, others: Array, widths: float) -> NDArray[Any]:
    """Return which values lie some widths of the middle of others beyond its ends.

    The middle are nine tenths, as one slip must not hide another; of a few values, all.
    """
    if len(others) < 2:
        return np.zeros(len(values), dtype=bool)
    low, high = np.quantile(others, [0.05, 0.95] if len(others) >= _MANY else [0.0, 1.0])
    reach = widths * (high - low) if high > low else np.inf
    return np.asarray((values < low - reach) | (values > high + reach))


def _far(column: str, values: Array, index: Sequence[Any]) -> list[str]:
    """Tell of numbers that lie far from all others."""
    if len(values) < _MANY:
        return []
    far = zip(index, values, _apart(values, values, _APART), strict=True)
    told = listed([f"{value:g} in row {row}" for row, value, is_far in far if is_far], 4)
    if not told:
        return []
    return [
        f"column '{column}' holds {told}, far from all else; one such number, if it is a slip of "
        "typing, moves every estimate"
    ]


def _alike(labels: Iterable[Hashable]) -> list[str]:
    """Tell of groups whose names differ by case, spaces, hyphens or leading zeros only."""
    spelt: dict[Any, list[str]] = {}
    for label in labels:
        parts = label if isinstance(label, tuple) else (label,)
        plain = tuple(_plain(each) if isinstance(each, str) else each for each in parts)
        spelt.setdefault(plain, []).append(repr(label))
    return [
        f"groups {' and '.join(same)} are taken for different ones, although their names differ "
        "by case, spaces, hyphens or zeros only; correct the names if they are one"
        for same in spelt.values()
        if len(same) > 1
    ]


def _plain(text: str) -> tuple[str, ...]:
    """Return the words and numbers of a name, as one would say them.

    A sign at an end is said too, as in "A+" or "-1"; one that joins, as in "VP-01", is not.
    """
    parts = re.findall(r"[^\W\d_]+|\d+|[+*?]|^\s*-|-(?!\s*\w)", text.casefold())
    return tuple(part.strip().lstrip("0") or "0" for part in parts)


def _repeated(data: Data, time: str) -> list[str]:
    """Tell of rows whose answer has the group and time of another's: of a few, or if all agree."""
    place = data.group * (data.time_index.max() + 1) + data.time_index
    found: set[int] = set()
    for measured in data.measured.values():
        _, first = np.unique(place[measured.row], return_index=True)
        found |= set(np.delete(measured.row, first).tolist())
    again, when = sorted(found), data.frame[time].to_numpy()
    alike = _copied(data, place, again)
    if not alike:
        groups = Counter(t for t, _ in {(when[k], data.group[k]) for k in again})
        # What most groups have at one time is a design, as two baselines are.
        again = [k for k in again if 2 * groups[when[k]] <= len(data.labels)]
        if len(data.labels) == 1 or not 0 < len(again) <= _SELDOM * len(place):
            return []
    rows = listed([str(data.frame.index[k]) for k in again], 8)
    of = "time" if len(data.labels) == 1 else "group and time"
    also = ", and the same answers" if alike else ""
    return [
        f"{len(again)} of {len(place)} rows ({rows}) have the {of} ('{time}') of an earlier row"
        f"{also}: entered or merged twice, or under a wrong name? Each counts as an answer"
    ]


def _copied(data: Data, place: NDArray[np.intp], again: Sequence[int]) -> bool:
    """Say whether rows repeat earlier ones answer by answer, and too many to do so by chance.

    A few of a single series need not be many: hardly anyone answers twice at one time.
    """
    if not again:
        return False
    import pandas as pd

    answers = np.full((len(place), len(data.measured)), -1)
    for k, measured in enumerate(data.measured.values()):
        answers[measured.row, k] = pd.factorize(measured.given)[0]
    _, first = np.unique(np.column_stack([place, answers]), axis=0, return_index=True)
    if np.isin(again, first).any():
        return False
    others = np.delete(answers, again, axis=0)
    _, often = np.unique(others[(others >= 0).any(axis=1)], axis=0, return_counts=True)
    n = int(often.sum())
    by_chance = float((often * (often - 1)).sum()) / max(n * (n - 1), 1)
    few = len(data.labels) == 1 and len(again) <= _SELDOM * len(place)
    return n > 1 and (by_chance ** len(again) < _BY_CHANCE or (few and by_chance < 1.0))


def begun_apart(problem: Problem, x: Array, time: str) -> list[str]:
    """Tell of groups whose first rows are at different times, where that matters.

    It does not where they begin at rest and nothing has happened yet, where every state's start
    is the group's own, and where first rows are no further apart than rows usually are.
    """
    data = problem.data
    begun = np.array([times[0] for times in data.times])
    gaps = np.concatenate([np.diff(times) for times in data.times])
    late = begun - begun.min()
    apart = late > (np.quantile(gaps, _USUAL) if gaps.size else 0.0)
    if apart.any():
        apart &= ~_still(problem, x, late)
    if not apart.any():
        return []
    return [
        f"{int(apart.sum())} of {len(begun)} groups begin after '{time}' = {begun.min():g}, up to "
        f"{begun[apart].max():g}, and each is solved from its own first row, with the initial "
        "values there. If all began at one time, give the late ones a first row then, with no "
        "answer; if not, count time from each group's own beginning"
    ]


def _still(problem: Problem, x: Array, late: Array) -> NDArray[np.bool_]:
    """Return which groups would go the same course, were they solved from `late` earlier."""
    model, data = problem.readout.model, problem.data
    values = problem.layout.natural(x)
    p = problem.parameters(values)
    start = problem.initial_values(p, values)
    if isinstance(start, Failure):
        return np.zeros(len(late), dtype=bool)
    own = _own_starts(problem)
    shared = [k for k, state in enumerate(model.states) if state not in own]
    usual = np.array([model.input_defaults[name] for name in model.inputs], dtype=float)
    still = np.ones(len(late), dtype=bool)
    for g, (times, tables) in enumerate(zip(data.times, data.tables, strict=True)):
        t, y, u = float(times[0]), start.y[g], usual if data.rest is None else data.rest[g]
        for table, value in zip(tables, u, strict=True):
            moved = table.knots[(table.knots > t - late[g]) & (table.knots < t)]
            still[g] &= not (table(moved) != value).any()
        drift = late[g] * np.abs(problem.compiled.rhs(t, y, p[g], u))
        still[g] &= bool((drift <= _NOTHING + _STILL * np.abs(y))[shared].all())
    return still


def _own_starts(problem: Problem) -> set[str | None]:
    """Return the states of which each group has an initial value of its own."""
    model, index = problem.readout.model, problem.index
    own = {initial_of(name, model) for name in problem.data.held}
    for k, name in enumerate(problem.layout.names):
        if len(np.unique(index[:, k])) == len(index):
            own.add(initial_of(name, model))
    return own
