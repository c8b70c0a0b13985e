"""Which of several fits to the same data explains them better, and predicts better.

Imports the fit's result, and what tests it: what was left out, and likelihood ratios.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, OptionError, checks_keywords, listed
from ..jobs import check_how
from ..progress import Progress
from .again import near
from .bootstrap import check_whole
from .comparison import Comparison
from .left_out import parts_ahead, parts_by_group, score, units_of
from .marginal import Marginal
from .objective import Problem
from .observation import Binomial, Categorical, GridGaussian, Ordinal, Poisson
from .posterior import Posterior
from .ratios import ratios
from .result import Fit

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

#: Observation models whose likelihood is a probability; that of the others is a density.
DISCRETE = (Binomial, Categorical, GridGaussian, Ordinal, Poisson)


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
        group) after the other, refit, and predict what was left out. Where a fit has random
        values, persons are left out with all their groups, and predicted as new ones.
    ahead : float, optional
        Prediction forwards in time: fit without the last share of each group's occasions, and
        predict these. States go on from the group's start, with the inputs known; random values
        are as far known as the occasions before tell.
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
    (2017), Statistics and Computing 27, 1413-1432 (leave-one-out). Vaida & Blanchard (2005),
    Biometrika 92, 351-370 (what AIC is of, with random values). Williams (1970), Biometrics 26,
    23-32 (bootstrap of the ratio). Self & Liang (1987), JASA 82, 605-610 (why chi-squared is
    wrong for values at a bound).
    """
    where = "compare"
    names, problems, points = _checked(fits, where)
    check_whole(seed, "seed", 0, where)
    check_whole(bootstrap, "bootstrap", 0, where)
    how = check_how(threads, executor, checkpoint, progress, where)
    table = _criteria(fits)
    import pandas as pd

    notes = [
        f"'{name}' has not converged; its numbers may change"
        for name, fit in fits.items()
        if not fit.converged
    ]
    methods = {name: fit.mixed.method for name, fit in fits.items() if fit.mixed is not None}
    if len(set(methods.values())) > 1:
        told = ", ".join(f"'{name}' by {method}" for name, method in methods.items())
        notes.append(
            f"random values were integrated in {told}, which may differ more than the models do; "
            "fit all with the same quadrature="
        )
    apart = _of_other_persons(dict(zip(names, problems, strict=True)))
    notes += apart
    left_out: list[pd.DataFrame] = []
    units = units_of(problems, names, where)
    if folds is not None:
        parts = parts_by_group(problems, names, units, folds, seed, where)
        left_out.append(
            score(names, problems, points, units, parts, "cv", how.part("folds"), table, notes)
        )
    if ahead is not None:
        parts = parts_ahead(problems[0], ahead, where)
        left_out.append(
            score(names, problems, points, units, parts, "ahead", how.part("ahead"), table, notes)
        )
    if samples is not None:
        _add_criteria(_checked_samples(samples, names, where), table, notes)
    tests = ratios(fits, bootstrap, seed, how.part("ratios"), notes)
    n_observations = next(iter(fits.values())).n_observations
    by_group = pd.concat(left_out, axis=1) if left_out else pd.DataFrame()
    return Comparison(table, tests, by_group, tuple(notes), n_observations, not apart)


def _checked(fits: object, where: str) -> tuple[list[str], list[Problem | Marginal], list[Array]]:
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
    searched = [each._searched for each in fits.values()]
    problems = [near(problem) for problem, _ in searched]
    for name, problem in zip(names[1:], problems[1:], strict=True):
        difference = _difference(problems[0], problem, names[0], name)
        if difference:
            raise DataError(
                f"{where}: '{names[0]}' and '{name}' were not fitted to the same data: "
                f"{difference}. Likelihoods of different data cannot be compared; fit both to "
                "the rows and columns that both can explain"
            )
    return names, problems, [x for _, x in searched]


def _difference(first: Problem | Marginal, other: Problem | Marginal, one: str, two: str) -> str:
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


def _of_other_persons(problems: Mapping[str, Problem | Marginal]) -> list[str]:
    """Tell of fits of which one draws from a population what another has a value a person of."""
    notes = []
    for mixed, drawn in problems.items():
        if not isinstance(drawn, Marginal):
            continue
        persons = len(drawn.population.labels)
        for name, other in problems.items():
            layout = other.layout
            each = [
                value
                for value, levels in zip(layout.names, layout.levels, strict=True)
                if value in drawn.population.names and len(levels) >= persons
            ]
            if each:
                notes.append(
                    f"AIC and BIC do not weigh '{mixed}' against '{name}': the likelihood of one "
                    f"is of persons drawn from a population, that of the other of these {persons} "
                    f"at the best {listed(each)} of each; ahead=0.3 compares what both predict"
                )
    return notes


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
