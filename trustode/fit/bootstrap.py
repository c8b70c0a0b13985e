"""Bootstrap: the same fit to data drawn again.

Imports the objective, the search and the jobs.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import Parts, digest
from ..errors import OptionError, nearest
from ..jobs import LOST, Arrays, Crew, How, carry_out
from ..notebook import Shown, text_of_table
from .again import near, problem_parts, search_again, with_threads
from .chosen import with_groups
from .information import labels
from .marginal import Marginal
from .objective import Failure, Problem
from .resample import drawn, with_persons, with_rows
from .vary import Layout

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

#: What is drawn again.
KINDS = ("parametric", "case")

#: Least share of refits that must have succeeded for intervals without a warning.
ENOUGH = 0.95


@dataclass(frozen=True, eq=False)
class Bootstrap(Shown):
    """Estimates from data drawn again, and the intervals that they give.

    Attributes
    ----------
    params : DataFrame
        One row a free value, labelled as in `Fit.params`: name, group, value (of the fit),
        bias (mean of the estimates less the value), stderr (their standard deviation), low,
        high (percentiles), n (estimates there are).
    estimates : DataFrame
        One row a refit: a column a free value, in the order of `Fit.params`; NaN where a refit
        failed, or where no case that was drawn has the value.
    status : DataFrame
        One row a refit: loglik and how its search ended, "lost" where its worker died.
    kind : str
    level : float
    notes : tuple of str
        What deserves a look, in words.
    """

    params: pd.DataFrame
    estimates: pd.DataFrame
    status: pd.DataFrame
    kind: str
    level: float
    notes: tuple[str, ...]
    _model: str = field(repr=False)

    @property
    def covariance(self) -> pd.DataFrame:
        """Covariance of the estimates."""
        return self.estimates.cov()

    def to_frame(self) -> pd.DataFrame:
        """Return the estimates, one row a refit."""
        return self.estimates.copy()

    def summary(self) -> str:
        """Return a sentence on the refits and one for each value."""
        failed = int(self.status["status"].isin(("failed", LOST)).sum())
        begin = f"{len(self.status)} {self.kind} bootstrap refits of '{self._model}'"
        lines = [f"{begin}, {failed} of which failed." if failed else f"{begin}."]
        for row in self.params.itertuples():
            lines.append(
                f"{row.Index} = {row.value:.4g}: standard error {row.stderr:.2g}, bias "
                f"{row.bias:.2g}, {100 * self.level:g} % interval {row.low:.4g} to {row.high:.4g}."
            )
        return "\n".join([*lines, *self.notes])

    def _headline(self) -> str:
        return f"<Bootstrap of {self._model!r}, {len(self.status)} {self.kind} refits>"

    def _shown(self) -> pd.DataFrame:
        return self.params[["value", "bias", "stderr", "low", "high"]]

    def __repr__(self) -> str:
        return f"{self._headline()}\n{text_of_table(self._shown())}"


def bootstrap(
    problem: Problem | Marginal,
    x: Array,
    n: int,
    kind: str,
    level: float,
    seed: int,
    how: How,
    where: str,
) -> Bootstrap:
    """Refit data drawn again, from the optimum on."""
    check_whole(n, "n", 2, where)
    check_whole(seed, "seed", 0, where)
    if kind not in KINDS:
        raise OptionError(
            f"{where}: kind={kind!r:.60} must be 'parametric' or 'case'{nearest(str(kind), KINDS)}"
        )
    if isinstance(level, bool) or not isinstance(level, numbers.Real) or not 0.0 < level < 1.0:
        raise OptionError(f"{where}: level={level!r:.60} must be a number between 0 and 1")
    problem = near(problem)
    how_drawn: Draw
    if isinstance(problem, Marginal):
        how_drawn = _persons if kind == "case" else drawn
    else:
        how_drawn = _cases(problem) if kind == "case" else drawn
    task = Refits(problem, x, how_drawn, seed, np.arange(n), f"{kind} bootstrap")

    def ended(found: Arrays, at: NDArray[np.intp]) -> Bootstrap:
        return _result(problem, x, found, kind, float(level))

    return ended(carry_out(task, n, 1, how, where, ended), np.arange(n))


def check_whole(value: object, name: str, least: int, where: str) -> None:
    """Raise unless an argument is a whole number that is large enough."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < least:  # type: ignore[operator]
        raise OptionError(f"{where}: {name}={value!r:.60} must be a whole number from {least}")


Draw = Callable[[Any, Array, np.random.Generator], "Problem | Marginal | Failure"]


def _persons(marginal: Marginal, x: Array, rng: np.random.Generator) -> Marginal:
    """Draw as many persons as there are."""
    n = len(marginal.population.labels)
    return with_persons(marginal, rng.integers(0, n, n).tolist())


def _groups(problem: Problem, x: Array, rng: np.random.Generator) -> Problem:
    """Draw as many groups as there are."""
    n = len(problem.data.labels)
    return with_groups(problem, rng.integers(0, n, n).tolist())


def _rows(problem: Problem, x: Array, rng: np.random.Generator) -> Problem:
    """Draw as many rows with an observation as there are."""
    measured = np.unique(np.concatenate([rows.row for rows in problem.data.measured.values()]))
    counts = np.zeros(len(problem.data.group), dtype=np.intp)
    np.add.at(counts, rng.choice(measured, len(measured)), 1)
    return with_rows(problem, counts)


def _cases(problem: Problem) -> Draw:
    """Return how cases are drawn: as groups, or as rows where there is one group."""
    return _groups if len(problem.data.labels) > 1 else _rows


@dataclass(frozen=True, eq=False)
class Refits:
    """The task: data sets drawn and fitted, one a row."""

    problem: Problem | Marginal
    x: Array
    draw: Draw
    seed: int
    number: NDArray[np.int64]
    call: str

    def take(self, rows: slice) -> Refits:
        """Return the task of some refits."""
        return replace(self, number=self.number[rows])

    def solve(self, crew: Crew) -> Arrays:
        """Draw and fit."""
        n, n_free = len(self.number), len(self.x)
        problem = with_threads(self.problem, crew.threads or self.problem.threads)
        every: Arrays = {
            "x": np.full((n, n_free), np.nan),
            "nll": np.full(n, np.nan),
            "status": np.full(n, "failed", dtype="U16"),
        }
        for row, k in enumerate(self.number):
            rng = np.random.default_rng([self.seed, int(k)])
            new = self.draw(problem, self.x, rng)
            if isinstance(new, Failure):
                continue
            search = search_again(new, self.x, crew)
            if search.status == "failed":
                continue
            reached = slice(None) if isinstance(new, Marginal) else np.unique(new.index)
            every["x"][row, reached] = search.best.x[reached]
            every["nll"][row] = search.best.nll
            every["status"][row] = search.status
        return every

    def parts(self) -> Parts:
        """Return all that the refits depend on."""
        return {
            "call": (self.call, ""),
            **problem_parts(self.problem),
            "optimum": ("", digest(self.x)),
            "seed": (str(self.seed), ""),
        }


def estimates_frame(x: Array, layout: Layout) -> pd.DataFrame:
    """Tabulate points, one a row, as values."""
    import pandas as pd

    values = np.array([layout.natural(each) for each in x])
    return pd.DataFrame(values, columns=labels(layout))


def _result(
    problem: Problem | Marginal, x: Array, found: Arrays, kind: str, level: float
) -> Bootstrap:
    """Put the result together."""
    import pandas as pd

    layout = problem.layout
    estimates = estimates_frame(found["x"], layout)
    value = layout.natural(x)
    owner = [layout.names[k] for k in layout.owner]
    groups = [level for levels in layout.levels for level in levels]
    params = pd.DataFrame(
        {
            "name": owner,
            "group": ["" if group is None else group for group in groups],
            "value": value,
            "bias": estimates.mean().to_numpy() - value,
            "stderr": estimates.std().to_numpy(),
            "low": estimates.quantile(0.5 * (1.0 - level)).to_numpy(),
            "high": estimates.quantile(0.5 * (1.0 + level)).to_numpy(),
            "n": estimates.count().to_numpy(),
        },
        index=labels(layout),
    )
    status = pd.DataFrame({"loglik": -found["nll"], "status": found["status"]})
    notes = []
    good = int((status["status"] == "converged").sum())
    if good < ENOUGH * len(status):
        kinds = ", ".join(f"{n} {name}" for name, n in status["status"].value_counts().items())
        notes.append(
            f"only {good} of {len(status)} refits converged ({kinds}); the intervals may be wrong"
        )
    scarce = [str(label) for label, row in params.iterrows() if row["n"] < 0.5 * len(status)]
    if scarce and kind == "case":
        notes.append(
            f"{', '.join(scarce[:6])} occurred in fewer than half of the draws of cases; with a "
            "value for each group use kind='parametric'"
        )
    return Bootstrap(
        params, estimates, status, kind, level, tuple(notes), problem.readout.model.name
    )
