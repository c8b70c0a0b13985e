"""Simulate a study and fit it again, many times, to see what its design can tell.

Imports the objective, the search near an optimum and the jobs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ..checkpoint import Parts, digest
from ..errors import OptionError, SolveError, Status, checks_keywords, listed, nearest
from ..jobs import LOST, Arrays, Crew, How, carry_out
from ..notebook import Shown, text_of_table
from .again import problem_parts, search_best, with_threads
from .information import labels, uncertainty
from .marginal import Marginal
from .objective import Evaluation, Failure, Problem
from .optimise import free_to_move
from .resample import drawn
from .vary import Layout

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

#: Criteria by which one of several models is chosen.

SELDOM = 0.2

#: Correlation of two values' errors from which they are said to trade off.
TRADED = 0.95


@dataclass(frozen=True, eq=False)
class Recovery(Shown):
    """How well a design recovers the values of a model.

    Attributes
    ----------
    table : DataFrame
        One row a value, labelled as in `Fit.params`: name, group, truth (its mean), bias (mean
        error), bias_se, rmse, sd (of the errors), stderr (mean of the fits' own), coverage
        (share of the fits' intervals that hold the truth), coverage_low and coverage_high
        (95 %, Wilson's), correlation (of truth and estimate, where truths differ), n (fits),
        no_interval (share of fits without one: undetermined, or held at a bound).
    estimates, truths, stderrs : DataFrame
        One row a data set, a column a value; NaN where a fit failed.
    correlation : DataFrame
        Correlation of the errors of any two values.
    status : DataFrame
        One row a data set: how the best search ended, "lost" where its worker died, and the gain
        in log-likelihood over the truth.
    level : float
        Confidence level of the intervals.
    notes : tuple of str
        What the design cannot tell, in words.
    """

    table: pd.DataFrame
    estimates: pd.DataFrame
    truths: pd.DataFrame
    stderrs: pd.DataFrame
    correlation: pd.DataFrame
    status: pd.DataFrame
    level: float
    notes: tuple[str, ...]
    _model: str = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.table.copy()

    def summary(self) -> str:
        """Return a sentence on the fits, one for each value, and the notes."""
        failed = int(self.status["status"].isin(("failed", LOST)).sum())
        lines = [
            f"{len(self.status)} data sets simulated from '{self._model}' under this design"
            + (f"; {failed} could not be fitted." if failed else ".")
        ]
        rows: Any = self.table.to_dict("records")
        for label, row in zip(self.table.index, rows, strict=True):
            told = (
                f"{label}: bias {row['bias']:.2g} (standard error {row['bias_se']:.1g}), root mean "
                f"square error {row['rmse']:.3g}, {100 * self.level:g} % intervals hold the truth "
                f"in {100 * row['coverage']:.1f} % ({100 * row['coverage_low']:.1f} to "
                f"{100 * row['coverage_high']:.1f})"
            )
            if math.isfinite(row["correlation"]):
                told += f", correlation with it {row['correlation']:.3f}"
            lines.append(f"{told}.")
        return "\n".join([*lines, *self.notes])

    @checks_keywords
    def plot(self, name: str | None = None, ax: Any = None) -> Any:
        """Draw estimates of a value over its truth; returns the matplotlib Axes."""
        from ..plot import plot_recovery

        known = [str(label) for label in self.table.index]
        label = known[0] if name is None else str(getattr(name, "name", name))
        if label not in known:
            raise OptionError(
                f"recover({self._model}): there is no value {label!r:.60}"
                f"{nearest(label, known) or '.'} There are {listed(known)}"
            )
        return plot_recovery(self, label, ax)

    def _headline(self) -> str:
        return f"<Recovery of {self._model!r}, {len(self.status)} data sets>"

    def _shown(self) -> pd.DataFrame:
        return self.table[["truth", "bias", "rmse", "coverage", "correlation", "no_interval"]]

    def __repr__(self) -> str:
        return f"{self._headline()}\n{text_of_table(self._shown())}"


def recovered(
    problem: Problem | Marginal,
    truths: Array,
    starts: int,
    level: float,
    seed: int,
    how: How,
    where: str,
) -> Recovery:
    """Simulate and refit, and tabulate how well the truth was found."""
    task = _Recoveries(problem, truths, starts, seed, level, np.arange(len(truths)))
    n = len(truths)

    def ended(found: Arrays, at: NDArray[np.intp]) -> Recovery:
        return _tabulated(problem, truths[at], found, level, where)

    return ended(carry_out(task, n, 1, how, where, ended), np.arange(n))


@dataclass(frozen=True, eq=False)
class _Recoveries:
    """The task: data sets simulated and fitted, one a row."""

    problem: Problem | Marginal
    truths: Array
    starts: int
    seed: int
    level: float
    number: NDArray[np.int64]

    def take(self, rows: slice) -> _Recoveries:
        """Return the task of some data sets."""
        return replace(self, truths=self.truths[rows], number=self.number[rows])

    def solve(self, crew: Crew) -> Arrays:
        """Simulate and fit."""
        n, n_free = self.truths.shape
        problem = with_threads(self.problem, crew.threads or self.problem.threads)
        every: Arrays = {
            "x": np.full((n, n_free), np.nan),
            "error": np.full((n, n_free), np.nan),
            "gain": np.full(n, np.nan),
            "status": np.full(n, "failed", dtype="U16"),
        }
        for row, (x, number) in enumerate(zip(self.truths, self.number, strict=True)):
            rng = np.random.default_rng([self.seed, 1, int(number)])
            new = drawn(problem, x, rng)
            if isinstance(new, Failure):
                continue
            search = search_best(new, [x], self.starts, self.seed, crew)
            if search.status == "failed":
                continue
            known = uncertainty(_ended(new, search.best), problem.layout, problem.solver.rtol)
            every["x"][row] = search.best.x
            every["error"][row] = np.sqrt(np.diagonal(known.covariance))
            every["gain"][row] = new.evaluate(x, settle=False).nll - search.best.nll
            every["status"][row] = search.status
        return every

    def parts(self) -> Parts:
        """Return all that the recovery depends on."""
        return {
            "call": ("recover", ""),
            **problem_parts(self.problem),
            "truth": (f"{len(self.truths)} data sets", digest(self.truths)),
            "starts": (str(self.starts), ""),
            "seed": (str(self.seed), ""),
        }


def _ended(problem: Problem | Marginal, point: Evaluation) -> Evaluation:
    """Return where a search ended with the information that a fit would have there."""
    if isinstance(problem, Problem):
        return point
    found = problem.observed_information(point, free_to_move(point, problem.layout))
    return point if found is None else replace(point, information=found)


def _tabulated(
    problem: Problem | Marginal, truths: Array, found: Arrays, level: float, where: str
) -> Recovery:
    """Put the result together."""
    import pandas as pd

    layout, names = problem.layout, labels(problem.layout)
    x, error = found["x"], found["error"]
    good = np.asarray(np.isfinite(x).all(axis=1))
    if not good.any():
        raise SolveError(
            f"{where}: none of {len(x)} data sets could be simulated and fitted; try the truth "
            "with tr.simulate",
            _failure(problem, truths[0]),
        )
    true = np.array([layout.natural(each) for each in truths])
    value = np.array([layout.natural(each) for each in x])
    off = value - true
    known = np.isfinite(error)
    z = float(ndtri(0.5 * (1.0 + level)))
    covered = np.abs(x - truths) <= z * error
    n, n_known = good.sum(), known.sum(axis=0)
    with np.errstate(all="ignore"):
        coverage = np.where(n_known > 0, covered.sum(axis=0) / n_known, np.nan)
        low, high = _wilson(coverage, n_known)
        sd = off[good].std(axis=0, ddof=1) if n > 1 else np.full(layout.n_free, np.nan)
        stderr = np.where(known, error * layout.slope(np.where(good[:, None], value, 1.0)), np.nan)
        mean_stderr = np.where(n_known > 0, np.nansum(stderr, axis=0) / n_known, np.nan)
    groups = [each for levels in layout.levels for each in levels]
    table = pd.DataFrame(
        {
            "name": [layout.names[k] for k in layout.owner],
            "group": ["" if group is None else group for group in groups],
            "truth": true.mean(axis=0),
            "bias": off[good].mean(axis=0),
            "bias_se": sd / math.sqrt(n),
            "rmse": np.sqrt((off[good] ** 2).mean(axis=0)),
            "sd": sd,
            "stderr": mean_stderr,
            "coverage": coverage,
            "coverage_low": low,
            "coverage_high": high,
            "correlation": [
                _correlation(truths[good, k], x[good, k]) for k in range(layout.n_free)
            ],
            "n": n,
            "no_interval": 1.0 - n_known / n,
        },
        index=names,
    )
    traded = pd.DataFrame(np.where(good[:, None], x - truths, np.nan), columns=names).corr()
    return Recovery(
        table=table,
        estimates=pd.DataFrame(value, columns=names),
        truths=pd.DataFrame(true, columns=names),
        stderrs=pd.DataFrame(stderr, columns=names),
        correlation=traded,
        status=pd.DataFrame({"status": found["status"], "gain": found["gain"]}),
        level=level,
        notes=tuple(_notes(table, traded, level, layout)),
        _model=problem.readout.model.name,
    )


def _failure(problem: Problem | Marginal, x: Array) -> Status:
    """Return why the first truth cannot be simulated."""
    point = problem.evaluate(x, settle=False)
    return Status.NONFINITE if point.failure is None else point.failure.status


def _wilson(share: Array, n: NDArray[Any]) -> tuple[Array, Array]:
    """Return the 95 % interval of shares: Wilson (1927), JASA 22, 209-212."""
    z2 = float(ndtri(0.975)) ** 2
    centre = (share + 0.5 * z2 / n) / (1.0 + z2 / n)
    half = np.sqrt(z2 / n * (share * (1.0 - share) + 0.25 * z2 / n)) / (1.0 + z2 / n)
    low: Array = np.maximum(centre - half, 0.0)
    high: Array = np.minimum(centre + half, 1.0)
    return low, high


def _correlation(one: Array, two: Array) -> float:
    """Return a correlation, NaN where one of both never varies."""
    if len(one) < 3 or np.ptp(one) <= 1e-12 * np.abs(one).max() or np.ptp(two) == 0.0:
        return math.nan
    return float(np.corrcoef(one, two)[0, 1])


def _notes(table: pd.DataFrame, traded: pd.DataFrame, level: float, layout: Layout) -> list[str]:
    """Say what the design cannot tell."""
    notes = []
    for label, row in table.iterrows():
        if row["no_interval"] > SELDOM:
            notes.append(
                f"this design does not determine {label}: in {100 * row['no_interval']:.0f} % of "
                "the data sets the fit had no interval for it"
            )
        elif not row["coverage_low"] <= level <= row["coverage_high"]:
            notes.append(
                f"the {100 * level:g} % intervals of {label} hold the truth in "
                f"{100 * row['coverage']:.1f} %: use profiles or a bootstrap"
            )
    for i, one in enumerate(traded.index):
        for two in traded.columns[i + 1 :]:
            r = float(np.asarray(traded.loc[one, two], dtype=float))
            if abs(r) > TRADED:
                notes.append(f"the errors of {one} and {two} go together (correlation {r:.3f})")
    return notes[: 4 + layout.n_free]
