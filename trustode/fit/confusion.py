"""Simulate a study by each of several models, fit all, and see which is chosen.

Imports the objective, the search near an optimum and the jobs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import Parts, digest
from ..errors import listed
from ..jobs import LOST, Arrays, Crew, How, carry_out
from ..notebook import Shown
from .again import embedded, problem_parts, search_best, with_threads
from .marginal import Marginal
from .objective import Failure, Problem
from .resample import drawn, with_values

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

CRITERIA = ("aic", "bic")


@dataclass(frozen=True, eq=False)
class Confusion(Shown):
    """Which model is chosen when each of several is true.

    Attributes
    ----------
    matrix : DataFrame
        Share of the data sets of each model (rows) for which each (columns) was chosen.
    choices : DataFrame
        One row a data set: truth, chosen, and the criterion of each model.
    criterion : str
    notes : tuple of str
        What the design cannot tell, in words.
    """

    matrix: pd.DataFrame
    choices: pd.DataFrame
    criterion: str
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return the matrix."""
        return self.matrix.copy()

    def summary(self) -> str:
        """Return a sentence for each model."""
        lines = []
        shares = self.matrix.to_numpy(dtype=float)
        for k, (name, row) in enumerate(zip(self.matrix.index, shares, strict=True)):
            told = f"Data of '{name}' are taken for its own in {100.0 * row[k]:.0f} %"
            other = int(np.argmax(np.where(np.arange(len(row)) == k, -1.0, row)))
            if row[other] > 0.0:
                told += f", for those of '{self.matrix.index[other]}' in {100 * row[other]:.0f} %"
            lines.append(f"{told} ({self.criterion.upper()}).")
        return "\n".join([*lines, *self.notes])

    def _headline(self) -> str:
        return (
            f"<Confusion of {len(self.matrix)} models by {self.criterion.upper()}: rows are true, "
            "columns chosen>"
        )

    def __repr__(self) -> str:
        return f"{self._headline()}\n{self.matrix}"


def confused(
    problems: Mapping[str, Problem | Marginal],
    truths: Mapping[str, Array],
    starts: int,
    criterion: str,
    seed: int,
    how: How,
    where: str,
) -> Confusion:
    """Simulate from each model, fit all, and count which is chosen."""
    import pandas as pd

    names = list(problems)
    n = len(truths[names[0]])
    rows = [(k, i) for k in range(len(names)) for i in range(n)]
    task = _Confusions(
        [problems[name] for name in names], [truths[name] for name in names], starts, seed, rows
    )
    carried = carry_out(task, len(rows), 1, how, where)
    found, lost = carried["nll"], carried["status"] == LOST
    values = []
    for k, name in enumerate(names):
        n_free = problems[name].layout.n_free
        penalty = 2.0 if criterion == "aic" else math.log(problems[name].data.n_observations)
        values.append(2.0 * found[:, k] + penalty * n_free)
    criteria = np.column_stack(values)
    good = np.asarray(np.isfinite(criteria).all(axis=1))
    chosen = np.where(good, np.argmin(np.where(good[:, None], criteria, 0.0), axis=1), -1)
    true = np.array([k for k, _ in rows])
    matrix = np.array(
        [
            [np.mean(chosen[(true == k) & good] == j) if good[true == k].any() else np.nan
             for j in range(len(names))]
            for k in range(len(names))
        ]
    )  # fmt: skip
    choices = pd.DataFrame(
        {
            "truth": [names[k] for k in true],
            "chosen": [names[k] if k >= 0 else "" for k in chosen],
            **{f"{criterion} {name}": criteria[:, k] for k, name in enumerate(names)},
        }
    )
    frame = pd.DataFrame(matrix, index=names, columns=names)
    notes = []
    if not (good | lost).all():
        notes.append(f"{int((~good & ~lost).sum())} of {len(rows)} data sets could not be fitted")
    if lost.any():
        notes.append(
            f"the workers of {int(lost.sum())} of {len(rows)} data sets died; with checkpoint= the "
            "same call tries them again"
        )
    for k, name in enumerate(names):
        if matrix[k, k] < 0.5:
            notes.append(f"this design cannot tell that '{name}' is true when it is")
    return Confusion(frame, choices, criterion, tuple(notes))


@dataclass(frozen=True, eq=False)
class _Confusions:
    """The task: data sets of each model, fitted by all, one a row."""

    problems: Sequence[Problem | Marginal]
    truths: Sequence[Array]
    starts: int
    seed: int
    rows: Sequence[tuple[int, int]]

    def take(self, rows: slice) -> _Confusions:
        """Return the task of some data sets."""
        return replace(self, rows=self.rows[rows])

    def solve(self, crew: Crew) -> Arrays:
        """Simulate and fit."""
        nll = np.full((len(self.rows), len(self.problems)), np.inf)
        status = np.full(len(self.rows), "failed", dtype="U16")
        every = [with_threads(each, crew.threads or each.threads) for each in self.problems]
        for row, (true, number) in enumerate(self.rows):
            x = self.truths[true][number]
            rng = np.random.default_rng([self.seed, 1 + true, number])
            new = drawn(every[true], x, rng)
            if isinstance(new, Failure):
                continue
            values = {column: rows.values for column, rows in new.data.measured.items()}
            for k, problem in enumerate(every):
                first = problem.layout.first
                points = [x] if k == true else [first, embedded(new, x, problem, first)]
                other = with_values(problem, values)
                nll[row, k] = search_best(other, points, self.starts, self.seed, crew).best.nll
            status[row] = "fitted" if np.isfinite(nll[row]).all() else "failed"
        return {"nll": nll, "status": status}

    def parts(self) -> Parts:
        """Return all that the confusion depends on."""
        each = [problem_parts(problem) for problem in self.problems]
        return {
            "call": ("recover, several models", ""),
            "models": (listed(parts["model"][0] for parts in each), digest(each)),
            "truth": ("", digest(list(self.truths))),
            "starts": (str(self.starts), ""),
            "seed": (str(self.seed), ""),
        }
