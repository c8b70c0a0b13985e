"""Which of several fits to the same data explains them better, and predicts better.

Imports the fit's result, the search near an optimum and the jobs.
"""

from __future__ import annotations

import itertools
import math
import numbers
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from ..checkpoint import Parts, digest
from ..errors import DataError, OptionError, checks_keywords, listed
from ..jobs import Arrays, Crew, How, carry_out, check_how
from ..notebook import Shown
from ..progress import Progress
from .again import near, problem_parts, search_again
from .bootstrap import check_whole
from .information import labels
from .objective import Evaluation, Failure, Problem
from .observation import Binomial, Categorical, GridGaussian, Ordinal, Poisson
from .resample import drawn, with_groups, with_rows, with_values
from .result import Fit
from .sample import Posterior
from .vary import initial_of

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

#: Observation models whose likelihood is a probability; that of the others is a density.
DISCRETE = (Binomial, Categorical, GridGaussian, Ordinal, Poisson)

#: Difference of an information criterion below which no model is preferred: Burnham & Anderson
#: (2002), Model Selection and Multimodel Inference, 2.6.
LITTLE = 2.0


@dataclass(frozen=True, eq=False)
class Comparison(Shown):
    """What speaks for each of several fits to the same data.

    Attributes
    ----------
    table : DataFrame
        One row a fit, by name: n_free, loglik, aic, aicc, bic, d_aic, d_bic (above the least),
        weight (Akaike's), bic_weight. With `folds` or `ahead` also ``cv_loglik`` or
        ``ahead_loglik``, the log-likelihood of what was left out, its difference from the best
        (``cv_d``) with the standard error of that over groups (``cv_d_se``), and the root mean
        square error of each column (``cv_rmse_...``). With `samples` also ``loo`` and ``waic``,
        the expected log-density of new observations, their effective numbers of values
        (``loo_p``, ``waic_p``), the difference from the best and its standard error over
        observations (``loo_d``, ``loo_d_se``) and how many figures are doubtful
        (``loo_doubtful``).
    ratios : DataFrame
        One row a pair, the fit with fewer values as null: null, alternative, statistic (twice
        the gain in log-likelihood), df, nested (whether it is known that the alternative
        contains the null), p_chi2 (for nested ones), p_bootstrap and n_bootstrap.
    by_group : DataFrame
        With `folds` or `ahead`, the log-likelihood of each group when it was left out.
    notes : tuple of str
        What deserves a look, in words.
    """

    table: pd.DataFrame
    ratios: pd.DataFrame
    by_group: pd.DataFrame
    notes: tuple[str, ...]
    _n_observations: int = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.table.copy()

    def summary(self) -> str:
        """Return the answer in sentences."""
        sentences = [_criterion_sentence(self.table, kind) for kind in ("aic", "bic")]
        for kind, told in (("cv", "of groups that were left out"), ("ahead", "of what came later")):
            if f"{kind}_loglik" in self.table:
                sentences.append(_held_out_sentence(self.table, kind, told))
        for kind in ("loo", "waic"):
            if kind in self.table:
                sentences.append(_new_data_sentence(self.table, kind))
        for pair in self.ratios.to_dict("records"):
            sentences.append(_ratio_sentence({str(key): value for key, value in pair.items()}))
        return "\n".join([*sentences, *self.notes])

    def _headline(self) -> str:
        return f"<Comparison of {len(self.table)} fits to {self._n_observations} observations>"

    def __repr__(self) -> str:
        return f"{self._headline()}\n{self.table}"


@checks_keywords
def compare(
    fits: Mapping[str, Fit],
    *,
    samples: Mapping[str, Posterior] | None = None,
    folds: int | str | None = None,
    ahead: float | None = None,
    bootstrap: int = 0,
    seed: int = 0,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress = None,
    threads: int | None = None,
) -> Comparison:
    """Compare fits of different models, or of one with different values free, to the same data.

    Parameters
    ----------
    fits : mapping of name to Fit
        At least two, all to the same observations.
    samples : mapping of name to Posterior, optional
        Draws by `Fit.sample` of the fits, for WAIC and leave-one-out.
    folds : int or "all", optional
        Cross-validation by group: leave out one of so many parts of the groups ("all": one
        group) after the other, refit, and predict what was left out.
    ahead : float, optional
        Prediction forwards in time: fit without the last share of each group's occasions, and
        predict these. States go on from the group's start, with the inputs known.
    bootstrap : int
        Data sets drawn from the simpler fit of a pair for the distribution of the likelihood
        ratio; valid for models that are not nested and for values at a bound, too.
    seed : int
        Of the folds and of the bootstrap.

    Other Parameters
    ----------------
    executor : concurrent.futures.Executor, optional
        Who refits; this process unless given.
    checkpoint : path, optional
        Where finished refits are kept, in files whose names begin with it.
    progress : bool, callable or None
        As in `fit`; counts refits.
    threads : int or None
        Threads that share the groups of one objective.

    Returns
    -------
    Comparison

    Raises
    ------
    DataError
        If the fits are not to the same observations, or groups cannot be left out.
    OptionError
        If an option cannot be.

    References
    ----------
    Burnham & Anderson (2002), Model Selection and Multimodel Inference. Vehtari, Gelman & Gabry
    (2017), Statistics and Computing 27, 1413-1432 (leave-one-out). Williams (1970),
    Biometrics 26, 23-32 (bootstrap of the ratio). Self & Liang (1987), JASA 82, 605-610 (why
    chi-squared is wrong for values at a bound).
    """
    where = "compare"
    names, problems, points = _checked(fits, where)
    check_whole(seed, "seed", 0, where)
    check_whole(bootstrap, "bootstrap", 0, where)
    if bootstrap or folds is not None or ahead is not None:
        for name, each in fits.items():
            each._check_own(f"{where}: '{name}'", "compare without folds=, ahead= and bootstrap=")
    how = check_how(threads, executor, checkpoint, progress, where)
    table = _criteria(fits)
    import pandas as pd

    notes = [
        f"'{name}' has not converged; its numbers may change"
        for name, fit in fits.items()
        if not fit.converged
    ]
    left_out: list[pd.DataFrame] = []
    if folds is not None:
        parts = _parts_by_group(problems, names, folds, seed, where)
        left_out.append(
            _score(names, problems, points, parts, "cv", _kept(how, "folds"), table, notes)
        )
    if ahead is not None:
        parts = _parts_ahead(problems[0], ahead, where)
        left_out.append(
            _score(names, problems, points, parts, "ahead", _kept(how, "ahead"), table, notes)
        )
    if samples is not None:
        _add_criteria(_checked_samples(samples, names, where), table, notes)
    ratios = _ratios(fits, bootstrap, seed, _kept(how, "ratios"), notes)
    n_observations = next(iter(fits.values())).n_observations
    by_group = pd.concat(left_out, axis=1) if left_out else pd.DataFrame()
    return Comparison(table, ratios, by_group, tuple(notes), n_observations)


def _kept(how: How, kind: str) -> How:
    """Return how to carry out one of several tasks, each with a file of its own."""
    if how.checkpoint is None:
        return how
    return replace(how, checkpoint=f"{os.fspath(how.checkpoint)}-{kind}")


def _checked(fits: object, where: str) -> tuple[list[str], list[Problem], list[Array]]:
    """Return names, problems and optima, or raise unless all are of the same data."""
    if not isinstance(fits, Mapping) or len(fits) < 2:
        raise OptionError(
            f"{where}: give at least two fits by name, as {{'original': fit0, 'updated': fit1}}; "
            f"got {fits!r:.60}"
        )
    for name, each in fits.items():
        if not isinstance(each, Fit):
            raise OptionError(
                f"{where}: {name!r:.40} is not a Fit but {each!r:.60} ({type(each).__name__})"
            )
    names = [str(name) for name in fits]
    problems = [near(each._problem) for each in fits.values()]
    for name, problem in zip(names[1:], problems[1:], strict=True):
        difference = _difference(problems[0], problem, names[0], name)
        if difference:
            raise DataError(
                f"{where}: '{names[0]}' and '{name}' were not fitted to the same data: "
                f"{difference}. Likelihoods of different data cannot be compared; fit both to "
                "the rows and columns that both can explain"
            )
    return names, problems, [each._x for each in fits.values()]


def _difference(first: Problem, other: Problem, one: str, two: str) -> str:
    """Say how the data of two fits differ, or return an empty text."""
    mine, theirs = first.data, other.data
    if set(mine.measured) != set(theirs.measured):
        return (
            f"'{one}' observes {listed(map(str, mine.measured))}, '{two}' observes "
            f"{listed(map(str, theirs.measured))}"
        )
    for column, rows in mine.measured.items():
        others = theirs.measured[column]
        if len(rows.values) != len(others.values):
            return f"'{column}' has {len(rows.values)} and {len(others.values)} observations"
        order, reorder = np.argsort(rows.row), np.argsort(others.row)
        if not np.array_equal(rows.row[order], others.row[reorder]):
            return f"'{column}' is missing in different rows"
        given, also = rows.given[order], others.given[reorder]
        if not np.array_equal(given, also):
            k = int(np.argmax(given != also))
            return f"'{column}' has {given[k]} and {also[k]} in the same row"
        kinds = [problem.observed[column] for problem in (first, other)]
        if len({isinstance(kind, DISCRETE) for kind in kinds}) > 1:
            return (
                f"'{column}' is {type(kinds[0]).__name__} in '{one}' and {type(kinds[1]).__name__} "
                f"in '{two}', of which one gives probabilities and the other a density"
            )
    for label, times, their_times in zip(mine.labels, mine.times, theirs.times, strict=False):
        if not np.array_equal(times, their_times):
            return f"the times of group {label!r} differ"
    if mine.labels != theirs.labels:
        return "their groups differ"
    return ""


def _criteria(fits: Mapping[str, Fit]) -> pd.DataFrame:
    """Tabulate the information criteria."""
    import pandas as pd

    table = pd.DataFrame(
        {
            "n_free": [fit.n_free for fit in fits.values()],
            "loglik": [fit.loglik for fit in fits.values()],
            "aic": [fit.aic for fit in fits.values()],
            "aicc": [_corrected(fit) for fit in fits.values()],
            "bic": [fit.bic for fit in fits.values()],
        },
        index=[str(name) for name in fits],
    )
    for kind, weight in (("aic", "weight"), ("bic", "bic_weight")):
        table[f"d_{kind}"] = table[kind] - table[kind].min()
        share = np.exp(-0.5 * table[f"d_{kind}"])
        table[weight] = share / share.sum()
    return table


def _corrected(fit: Fit) -> float:
    """Return AIC corrected for few observations: Hurvich & Tsai (1989), Biometrika 76."""
    left = fit.n_observations - fit.n_free - 1
    k = fit.n_free
    return fit.aic + 2.0 * k * (k + 1) / left if left > 0 else math.nan


# ------------------------------------------------------------------ from samples


def _checked_samples(samples: object, names: Sequence[str], where: str) -> dict[str, Posterior]:
    """Return the draws of each fit, or raise unless all are there and of the same data."""
    if not isinstance(samples, Mapping) or not all(
        isinstance(each, Posterior) for each in samples.values()
    ):
        raise OptionError(
            f"{where}: samples={samples!r:.60} must be a mapping of each fit's name to what its "
            "sample() returned"
        )
    found = {str(name): each for name, each in samples.items()}
    if set(found) != set(names):
        raise OptionError(
            f"{where}: there are fits {listed(names)}, but samples of {listed(found)}; give one "
            "of each"
        )
    for name in names:
        if len(found[name].observations) != len(found[names[0]].observations):
            raise DataError(
                f"{where}: the samples of '{names[0]}' and '{name}' have "
                f"{len(found[names[0]].observations)} and {len(found[name].observations)} "
                "observations; sample the fits that are compared"
            )
    return {name: found[name] for name in names}


def _add_criteria(samples: Mapping[str, Posterior], table: pd.DataFrame, notes: list[str]) -> None:
    """Add leave-one-out and WAIC to the table."""
    for kind in ("loo", "waic"):
        every = {name: getattr(each, kind)() for name, each in samples.items()}
        # Two fits may have been given their columns in different orders.
        parts = {
            name: each.pointwise.sort_values("column", kind="stable")["elpd"].to_numpy()
            for name, each in every.items()
        }
        best = max(every, key=lambda name: every[name].elpd)
        for name, each in every.items():
            apart = parts[name] - parts[best]
            table.loc[name, kind] = each.elpd
            table.loc[name, f"{kind}_p"] = each.p
            table.loc[name, f"{kind}_d"] = apart.sum()
            table.loc[name, f"{kind}_d_se"] = np.sqrt(len(apart)) * apart.std(ddof=1)
            table.loc[name, f"{kind}_doubtful"] = each.n_doubtful
            if kind == "loo":
                notes += [f"'{name}': {note}" for note in each.notes]
    notes += [
        f"the chains of '{name}' have not converged; look at its notes"
        for name, each in samples.items()
        if not each.converged
    ]


# ------------------------------------------------------------------ what was left out


@dataclass(frozen=True, eq=False)
class _Part:
    """One way to leave something out: rows of the frame kept, and rows predicted."""

    train: NDArray[np.bool_]
    test: NDArray[np.bool_]


def _parts_by_group(
    problems: Sequence[Problem], names: Sequence[str], folds: object, seed: int, where: str
) -> list[_Part]:
    """Cut the groups into folds."""
    data = problems[0].data
    n = len(data.labels)
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
        test = np.isin(data.group, fold)
        kept = [g for g in range(n) if g not in set(fold.tolist())]
        for name, problem in zip(names, problems, strict=True):
            _check_levels(problem, kept, fold, name, where)
        parts.append(_Part(~test, test))
    return parts


def _check_levels(
    problem: Problem, kept: Sequence[int], fold: Indices, name: str, where: str
) -> None:
    """Raise if a group left out has a value that only it has."""
    alone = np.setdiff1d(problem.index[fold], problem.index[kept])
    if alone.size:
        label = labels(problem.layout)[int(alone[0])]
        per = problem.layout.varies[problem.layout.owner[int(alone[0])]].per
        raise DataError(
            f"{where}: '{name}' has the value {label}, which no group that stays has, so a group "
            f"left out cannot be predicted. Use ahead=0.3 to predict forwards in time, or fit "
            f"without per={per!r}"
        )


def _parts_ahead(problem: Problem, ahead: object, where: str) -> list[_Part]:
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
    return [_Part(~test, test)]


@dataclass(frozen=True, eq=False)
class _Scores:
    """The task: refits without a part, and what they say of it, one row each."""

    problems: Sequence[Problem]
    points: Sequence[Array]
    parts_: Sequence[_Part]
    rows: Sequence[tuple[int, int]]

    def take(self, rows: slice) -> _Scores:
        """Return the task of some refits."""
        return replace(self, rows=self.rows[rows])

    def solve(self, crew: Crew) -> Arrays:
        """Refit and predict."""
        n, first = len(self.rows), self.problems[0]
        n_group, n_column = len(first.data.labels), len(first.observed)
        every: Arrays = {
            "nll": np.full((n, n_group), np.nan),
            "squares": np.zeros((n, n_column)),
            "count": np.zeros((n, n_column)),
            "failed": np.ones(n, dtype=np.int64),
        }
        for row, (k, part) in enumerate(self.rows):
            threads = crew.threads or self.problems[k].threads
            problem = replace(self.problems[k], threads=threads)
            cut = self.parts_[part]
            kept = with_rows(problem, cut.train.astype(np.intp))
            groups = _with_data(kept)
            search = search_again(with_groups(kept, groups), self.points[k], crew)
            if search.status == "failed":
                continue
            tested = with_rows(problem, cut.test.astype(np.intp))
            every["failed"][row] = not _predict(tested, search.best.x, every, row)
        return every

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


def _with_data(problem: Problem) -> list[int]:
    """Return the groups that have an observation."""
    counts = sum(np.diff(rows.starts) for rows in problem.data.measured.values())
    return np.flatnonzero(counts).tolist()


def _predict(problem: Problem, x: Array, every: Arrays, row: int) -> bool:
    """Write down the likelihood and the errors of what was left out; tell if there are any."""
    for g in _with_data(problem):
        point = with_groups(problem, [g])
        found = point.evaluate(x, settle=False)
        every["nll"][row, g] = found.nll - found.penalty
        predicted = point.predict(x)
        if isinstance(predicted, Failure):
            return False
        for k, (column, rows) in enumerate(point.data.measured.items()):
            located = predicted[column][rows.row]
            error = point.observed[column].error(rows.given, rows.known, located)
            every["squares"][row, k] += float(error @ error)
            every["count"][row, k] += len(error)
    return True


def _score(
    names: Sequence[str],
    problems: Sequence[Problem],
    points: Sequence[Array],
    parts: Sequence[_Part],
    kind: str,
    how: How,
    table: pd.DataFrame,
    notes: list[str],
) -> pd.DataFrame:
    """Leave parts out, add what comes of it to the table, and return it by group."""
    import pandas as pd

    rows = list(itertools.product(range(len(problems)), range(len(parts))))
    found = carry_out(_Scores(problems, points, parts, rows), len(rows), 1, how, "compare")
    of_fit = np.array([k for k, _ in rows])
    by_group = {}
    for k, name in enumerate(names):
        mine = of_fit == k
        # Each group was left out once.
        tested = ~np.isnan(found["nll"][mine])
        by_group[name] = np.where(
            tested.any(axis=0), -np.nansum(found["nll"][mine], axis=0), np.nan
        )
        failed = int(found["failed"][mine].sum())
        if failed:
            by_group[name] = np.full_like(by_group[name], np.nan)
            notes.append(f"{failed} of {mine.sum()} refits of '{name}' failed; it has no {kind}")
        for i, column in enumerate(problems[k].observed):
            squares, count = found["squares"][mine, i].sum(), found["count"][mine, i].sum()
            if count:
                value = math.nan if failed else math.sqrt(squares / count)
                table.loc[name, f"{kind}_rmse_{column}"] = value
    frame = pd.DataFrame(by_group, index=list(problems[0].data.labels))
    total = frame.sum(skipna=True).where(frame.notna().any())
    table[f"{kind}_loglik"] = total
    table[f"{kind}_d"] = total - total.max()
    if total.notna().any():
        apart = frame.sub(frame[total.idxmax()], axis=0)
        n = apart.notna().sum()
        table[f"{kind}_d_se"] = np.sqrt(n) * apart.std()
    return frame.add_prefix(f"{kind}_loglik ")


# ------------------------------------------------------------------ likelihood ratios


def _ratios(fits: Mapping[str, Fit], n: int, seed: int, how: How, notes: list[str]) -> pd.DataFrame:
    """Tabulate the likelihood ratios of the simplest fit against each of the others."""
    import pandas as pd

    names = sorted(map(str, fits), key=lambda name: fits[name].n_free)
    null, rows = names[0], []
    tasks = []
    for name in names[1:]:
        df = fits[name].n_free - fits[null].n_free
        statistic = 2.0 * (fits[name].loglik - fits[null].loglik)
        nested = df > 0 and _nested(fits[null], fits[name])
        if nested and statistic < 0.0:
            notes.append(
                f"'{name}' contains '{null}' but explains less: its search missed the optimum; "
                "fit it again with more starts"
            )
        p = math.nan
        if nested:
            # The upper tail of chi-squared.
            p = float(gammaincc(0.5 * df, 0.5 * max(statistic, 0.0)))
        rows.append(
            {
                "null": null,
                "alternative": name,
                "statistic": statistic,
                "df": df,
                "nested": nested,
                "p_chi2": p,
                "p_bootstrap": math.nan,
                "n_bootstrap": 0,
            }
        )
        tasks.append(name)
    if n:
        task = _Ratios(
            near(fits[null]._problem),
            fits[null]._x,
            [near(fits[name]._problem) for name in tasks],
            [fits[name]._x for name in tasks],
            seed,
            np.arange(n),
        )
        found = carry_out(task, n, 1, how, "compare")
        for k, row in enumerate(rows):
            gains = found["gain"][:, k]
            gains = gains[np.isfinite(gains)]
            above = int((gains >= row["statistic"]).sum())
            row["p_bootstrap"] = (1 + above) / (1 + len(gains)) if len(gains) else math.nan
            row["n_bootstrap"] = len(gains)
            if len(gains) < 0.95 * n:
                notes.append(
                    f"{n - len(gains)} of {n} data sets drawn from '{null}' could not be fitted "
                    f"by it and '{row['alternative']}'"
                )
    return pd.DataFrame(rows)


def _nested(null: Fit, alternative: Fit) -> bool:
    """Tell whether it is plain that one fit is the other with some values held.

    A spread between persons that is held is held at zero, its bound, where chi-squared is wrong.
    """
    one, other = null._problem, alternative._problem
    same = one.readout.model.definition == other.readout.model.definition
    if not same or repr(dict(one.observed)) != repr(dict(other.observed)):
        return False
    if null.mixed is None and alternative.mixed is None:
        return set(one.layout.names) <= set(other.layout.names)
    if null.mixed is None or alternative.mixed is None:
        return False
    more = set(alternative.params["name"]) - set(null.params["name"])
    kept = set(null.params["name"]) <= set(alternative.params["name"])
    return kept and not any(name.startswith("sd(") for name in more)


@dataclass(frozen=True, eq=False)
class _Ratios:
    """The task: data drawn from a null, fitted by it and by alternatives, one row each."""

    null: Problem
    x: Array
    others: Sequence[Problem]
    points: Sequence[Array]
    seed: int
    number: NDArray[np.int64]

    def take(self, rows: slice) -> _Ratios:
        """Return the task of some data sets."""
        return replace(self, number=self.number[rows])

    def solve(self, crew: Crew) -> Arrays:
        """Draw and fit."""
        gain = np.full((len(self.number), len(self.others)), np.nan)
        null = replace(self.null, threads=crew.threads or self.null.threads)
        for row, number in enumerate(self.number):
            new = drawn(null, self.x, np.random.default_rng([self.seed, int(number)]))
            if isinstance(new, Failure):
                continue
            search = search_again(new, self.x, crew)
            if search.status == "failed":
                continue
            values = {column: rows.values for column, rows in new.data.measured.items()}
            for k, other in enumerate(self.others):
                problem = with_values(replace(other, threads=null.threads), values)
                starts = [self.points[k], embedded(new, search.best.x, other, self.points[k])]
                ends = [search_again(problem, start, crew).best for start in starts]
                end = min(ends, key=lambda point: point.nll)
                if math.isfinite(end.nll):
                    gain[row, k] = 2.0 * (_misfit(search.best) - _misfit(end))
        return {"gain": gain}

    def parts(self) -> Parts:
        """Return all that the ratios depend on."""
        each = [problem_parts(problem) for problem in (self.null, *self.others)]
        return {
            "call": ("compare, likelihood ratios", ""),
            "models": (listed(parts["model"][0] for parts in each), digest(each)),
            "optima": ("", digest(self.x, list(self.points))),
            "seed": (str(self.seed), ""),
        }


def _misfit(point: Evaluation) -> float:
    """Return the negative log-likelihood, without priors."""
    return point.nll - point.penalty


def embedded(null: Problem, x: Array, other: Problem, point: Array) -> Array:
    """Return where another problem's values stand for those of a null, as far as it has them."""
    values, layout = other.layout.natural(point), other.layout
    mine = null.layout.natural(x)
    known = {**null.readout.model.defaults, **null.fixed}
    at = {
        (name, level): mine[k]
        for k, (name, level) in enumerate(
            (name, level)
            for name, levels in zip(null.layout.names, null.layout.levels, strict=True)
            for level in levels
        )
    }
    places = [
        (name, level)
        for name, levels in zip(layout.names, layout.levels, strict=True)
        for level in levels
    ]
    for k, (name, level) in enumerate(places):
        state = initial_of(name, null.readout.model)
        held = null.initial.get(state) if state is not None else known.get(name)
        value = at.get((name, level), at.get((name, None), held))
        if value is not None:
            values[k] = value
    return np.clip(layout.scaled(values), layout.lower, layout.upper)


# ------------------------------------------------------------------ sentences


def _criterion_sentence(table: pd.DataFrame, kind: str) -> str:
    """Say which fit a criterion prefers, and by how much."""
    ordered = table.sort_values(kind)
    best, second = str(ordered.index[0]), str(ordered.index[1])
    ahead = float(ordered[kind].iloc[1] - ordered[kind].iloc[0])
    if ahead < LITTLE:
        return f"{kind.upper()} does not tell '{best}' from '{second}' (difference {ahead:.2g})."
    weight = float(ordered["weight" if kind == "aic" else "bic_weight"].iloc[0])
    return (
        f"{kind.upper()} prefers '{best}' to '{second}' by {ahead:.4g} (weight {weight:.3g} among "
        f"these {len(table)})."
    )


def _new_data_sentence(table: pd.DataFrame, kind: str) -> str:
    """Say which posterior is expected to predict new observations best."""
    ordered = table.sort_values(kind, ascending=False)
    best, second = str(ordered.index[0]), str(ordered.index[1])
    behind, error = -float(ordered[f"{kind}_d"].iloc[1]), float(ordered[f"{kind}_d_se"].iloc[1])
    return (
        f"The expected log-density of new observations by {kind.upper()} is largest for '{best}', "
        f"by {behind:.4g} over '{second}', standard error {error:.2g}."
    )


def _held_out_sentence(table: pd.DataFrame, kind: str, told: str) -> str:
    """Say which fit predicts best what was left out."""
    ordered = table.sort_values(f"{kind}_loglik", ascending=False)
    best, second = str(ordered.index[0]), str(ordered.index[1])
    behind, error = -float(ordered[f"{kind}_d"].iloc[1]), float(ordered[f"{kind}_d_se"].iloc[1])
    sure = f", standard error {error:.2g} over groups" if math.isfinite(error) else ""
    return (
        f"The log-likelihood {told} is largest for '{best}', by {behind:.4g} over '{second}'{sure}."
    )


def _ratio_sentence(pair: dict[str, Any]) -> str:
    """Say what a likelihood ratio is."""
    told = (
        f"'{pair['alternative']}' against '{pair['null']}': likelihood ratio "
        f"{pair['statistic']:.4g} with {pair['df']} more values"
    )
    if math.isfinite(pair["p_chi2"]):
        told += f", p = {pair['p_chi2']:.3g} by chi-squared"
    if pair["n_bootstrap"]:
        told += f", p = {pair['p_bootstrap']:.3g} by {pair['n_bootstrap']} bootstrap data sets"
    elif not pair["nested"]:
        told += "; not known to be nested, so only a bootstrap gives a p"
    return told + "."
