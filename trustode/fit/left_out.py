"""Fits without a part of the data, and how well they predict that part.

Imports the search near an optimum and the jobs.
"""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import Parts, digest
from ..errors import DataError, OptionError, listed
from ..jobs import LOST, Arrays, Crew, How, carry_out
from .again import problem_parts, search_again, with_threads
from .bootstrap import check_whole
from .chosen import with_groups
from .information import labels
from .marginal import Marginal
from .objective import Failure, Problem
from .resample import with_persons, with_rows

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Part:
    """One way to leave something out: rows of the frame kept, and rows predicted."""

    train: NDArray[np.bool_]
    test: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Units:
    """Who is left out as one: persons where some fit has random values, else groups.

    Attributes
    ----------
    labels : tuple
    of_group : ndarray, shape (n_group,)
    """

    labels: tuple[Hashable, ...]
    of_group: Indices

    def groups(self, some: Sequence[int]) -> list[int]:
        """Return the groups of some of them."""
        return np.flatnonzero(np.isin(self.of_group, some)).tolist()


def units_of(problems: Sequence[Problem | Marginal], names: Sequence[str], where: str) -> Units:
    """Return who can be left out of all problems alike."""
    found: Units | None = None
    for name, problem in zip(names, problems, strict=True):
        if not isinstance(problem, Marginal):
            continue
        mine = Units(problem.population.labels, problem.population.person)
        if found is not None and not np.array_equal(mine.of_group, found.of_group):
            raise DataError(
                f"{where}: the random values of '{name}' differ between other persons than those "
                "of the fits before; name the same column of persons in all"
            )
        found = mine
    labels = problems[0].data.labels
    return found or Units(tuple(labels), np.arange(len(labels)))


def parts_by_group(
    problems: Sequence[Problem | Marginal],
    names: Sequence[str],
    units: Units,
    folds: object,
    seed: int,
    where: str,
) -> list[Part]:
    """Cut the groups, or persons, into folds."""
    data = problems[0].data
    n = len(units.labels)
    if n < 2:
        raise DataError(
            f"{where}: folds= leaves groups out, but there is one group only; use ahead=0.3 to "
            "predict forwards in time, or name groups in fit(..., group=)"
        )
    count = n if folds == "all" else folds
    check_whole(count, "folds", 2, where)
    assert isinstance(count, int)
    if count > n:
        raise OptionError(f"{where}: folds={count} is more than the {n} groups; use folds='all'")
    order = np.random.default_rng(seed).permutation(n)
    parts = []
    for fold in np.array_split(order, count):
        test = np.isin(units.of_group[data.group], fold)
        out = units.groups(fold.tolist())
        for name, problem in zip(names, problems, strict=True):
            _check_levels(problem, out, name, where)
        parts.append(Part(~test, test))
    return parts


def _check_levels(problem: Problem | Marginal, out: Sequence[int], name: str, where: str) -> None:
    """Raise if a group left out has a value, not random, that only it has."""
    own = problem.population.names if isinstance(problem, Marginal) else ()
    problem = problem.inner if isinstance(problem, Marginal) else problem
    shared = problem.index[:, [label not in own for label in problem.layout.names]]
    alone = np.setdiff1d(shared[out], np.delete(shared, out, axis=0))
    if alone.size:
        label = labels(problem.layout)[int(alone[0])]
        per = problem.layout.varies[problem.layout.owner[int(alone[0])]].per
        raise DataError(
            f"{where}: '{name}' has the value {label}, which no group that stays has, so a group "
            f"left out cannot be predicted. Use ahead=0.3 to predict forwards in time, or fit "
            f"without per={per!r}"
        )


def parts_ahead(problem: Problem | Marginal, ahead: object, where: str) -> list[Part]:
    """Leave out the last share of each group's occasions."""
    share = isinstance(ahead, numbers.Real) and not isinstance(ahead, bool)
    if not share or not 0.0 < float(ahead) < 1.0:  # type: ignore[arg-type]
        raise OptionError(f"{where}: ahead={ahead!r:.60} must be a number between 0 and 1")
    data = problem.data
    observed = np.zeros(len(data.group), dtype=bool)
    for rows in data.measured.values():
        observed[rows.row] = True
    test = np.zeros(len(data.group), dtype=bool)
    for g in range(len(data.labels)):
        mine = data.group == g
        occasions = np.unique(data.time_index[mine & observed])
        n_test = min(max(round(float(ahead) * len(occasions)), 1), len(occasions) - 1)  # type: ignore[arg-type]
        if n_test > 0:
            test |= mine & (data.time_index >= occasions[-n_test])
    if not (test & observed).any():
        raise DataError(f"{where}: ahead= leaves nothing out: every group has a single occasion")
    return [Part(~test, test)]


@dataclass(frozen=True, eq=False)
class _Scores:
    """The task: refits without a part, and what they say of it, one row each."""

    problems: Sequence[Problem | Marginal]
    points: Sequence[Array]
    units: Units
    parts_: Sequence[Part]
    rows: Sequence[tuple[int, int]]

    def take(self, rows: slice) -> _Scores:
        """Return the task of some refits."""
        return replace(self, rows=self.rows[rows])

    def solve(self, crew: Crew) -> Arrays:
        """Refit and predict."""
        n, first = len(self.rows), self.problems[0]
        n_unit, n_column = len(self.units.labels), len(first.observed)
        every: Arrays = {
            "nll": np.full((n, n_unit), np.nan),
            "squares": np.zeros((n, n_column)),
            "count": np.zeros((n, n_column)),
            "status": np.full(n, "failed", dtype="U16"),
        }
        for row, (k, part) in enumerate(self.rows):
            problem = with_threads(self.problems[k], crew.threads or self.problems[k].threads)
            cut = self.parts_[part]
            kept = with_rows(problem, cut.train.astype(np.intp))
            who = np.unique(self.units.of_group[_with_data(kept)]).tolist()
            if isinstance(kept, Marginal):
                fitted: Problem | Marginal = with_persons(kept, who)
            else:
                fitted = _of(kept, self.units, who)
            search = search_again(fitted, self.points[k], crew)
            if search.status == "failed":
                continue
            tested = with_rows(problem, cut.test.astype(np.intp))
            if self._predict(problem, kept, tested, search.best.x, every, row):
                every["status"][row] = search.status
        return every

    def _predict(
        self,
        problem: Problem | Marginal,
        kept: Problem | Marginal,
        tested: Problem | Marginal,
        x: Array,
        every: Arrays,
        row: int,
    ) -> bool:
        """Write down the likelihood and the errors of what was left out; tell if there are any."""
        known = set(self.units.of_group[_with_data(kept)].tolist())
        for unit in np.unique(self.units.of_group[_with_data(tested)]).tolist():
            if isinstance(tested, Marginal):
                assert isinstance(problem, Marginal)
                assert isinstance(kept, Marginal)
                left, *before = (with_persons(each, [unit]) for each in (tested, kept, problem))
                told = _person_foretold(left, (before[0], before[1]) if unit in known else None, x)
            else:
                told = _foretold(_of(tested, self.units, [unit]), x)
            if isinstance(told, Failure):
                return False
            every["nll"][row, unit] = told.nll
            for k, (column, rows) in enumerate(told.rows.data.measured.items()):
                located = told.predicted[column][rows.row]
                error = told.rows.observed[column].error(rows.given, rows.known, located)
                every["squares"][row, k] += float(error @ error)
                every["count"][row, k] += len(error)
        return True

    def parts(self) -> Parts:
        """Return all that the scores depend on."""
        each = [problem_parts(problem) for problem in self.problems]
        return {
            "call": ("compare", ""),
            "models": (listed(parts["model"][0] for parts in each), digest(each)),
            "optima": ("", digest(list(self.points))),
            "what is left out": (
                f"{len(self.parts_)} parts",
                digest([part.test for part in self.parts_]),
            ),
        }


def _with_data(problem: Problem | Marginal) -> list[int]:
    """Return the groups that have an observation."""
    counts = sum(np.diff(rows.starts) for rows in problem.data.measured.values())
    return np.flatnonzero(counts).tolist()


def _of(problem: Problem, units: Units, some: Sequence[int]) -> Problem:
    """Return the problem of the groups of some units that have data."""
    having = set(_with_data(problem))
    return with_groups(problem, [g for g in units.groups(some) if g in having])


@dataclass(frozen=True, eq=False)
class _Foretold:
    """What was left out of one unit: its likelihood given what was kept, and predictions."""

    nll: float
    predicted: dict[str, NDArray[Any]]
    rows: Problem


def _foretold(left: Problem, x: Array) -> _Foretold | Failure:
    """Predict what was left out of a group, by values that were fitted without it."""
    found = left.evaluate(x, settle=False)
    if found.failure is not None:
        return found.failure
    predicted = left.predict(x)
    if isinstance(predicted, Failure):
        return predicted
    return _Foretold(found.nll - found.penalty, predicted, left)


def _person_foretold(
    left: Marginal, known: tuple[Marginal, Marginal] | None, x: Array
) -> _Foretold | Failure:
    """Predict what was left out of a person, from what was kept of the same one, if anything.

    With that comes all there is; of a new person the population tells.
    """
    before: float | Failure
    if known is None:
        own, nll, before = left.means(x), left.value(x), left.layout.penalty(x)[0]
    else:
        kept, whole = known
        modes, nll, before = kept.modes(x), whole.value(x), kept.value(x)
        if isinstance(modes, Failure):
            return modes
        own = modes[0].own
    if isinstance(before, Failure):
        return before
    if isinstance(nll, Failure):
        return nll
    predicted = left.inner.predict(left.inner_values(x, own))
    if isinstance(predicted, Failure):
        return predicted
    return _Foretold(nll - before, predicted, left.inner)


def score(
    names: Sequence[str],
    problems: Sequence[Problem | Marginal],
    points: Sequence[Array],
    units: Units,
    parts: Sequence[Part],
    kind: str,
    how: How,
    table: pd.DataFrame,
    notes: list[str],
) -> pd.DataFrame:
    """Leave parts out, add what comes of it to the table, and return it by group."""
    import pandas as pd

    rows = list(itertools.product(range(len(problems)), range(len(parts))))
    found = carry_out(_Scores(problems, points, units, parts, rows), len(rows), 1, how, "compare")
    of_fit = np.array([k for k, _ in rows])
    by_group = {}
    for k, name in enumerate(names):
        mine = of_fit == k
        # Each was left out once.
        tested = ~np.isnan(found["nll"][mine])
        by_group[name] = np.where(
            tested.any(axis=0), -np.nansum(found["nll"][mine], axis=0), np.nan
        )
        ends = found["status"][mine]
        failed, lost = int((ends == "failed").sum()), int((ends == LOST).sum())
        if failed or lost:
            by_group[name] = np.full_like(by_group[name], np.nan)
            told = [f"{failed} of {mine.sum()} refits of '{name}' failed"] if failed else []
            told += (
                [f"the workers of {lost} of {mine.sum()} refits of '{name}' died"] if lost else []
            )
            notes.append(f"{' and '.join(told)}; it has no {kind}")
        for i, column in enumerate(problems[k].observed):
            squares, count = found["squares"][mine, i].sum(), found["count"][mine, i].sum()
            if count:
                value = math.nan if failed or lost else math.sqrt(squares / count)
                table.loc[name, f"{kind}_rmse_{column}"] = value
    measured = problems[0].data.measured.values()
    table[f"{kind}_n"] = sum(int(part.test[each.row].sum()) for part in parts for each in measured)
    frame = pd.DataFrame(by_group, index=list(units.labels))
    total = frame.sum(skipna=True).where(frame.notna().any())
    table[f"{kind}_loglik"] = total
    table[f"{kind}_d"] = total - total.max()
    if total.notna().any():
        apart = frame.sub(frame[total.idxmax()], axis=0)
        n = apart.notna().sum()
        table[f"{kind}_d_se"] = np.sqrt(n) * apart.std()
    return frame.add_prefix(f"{kind}_loglik ")
