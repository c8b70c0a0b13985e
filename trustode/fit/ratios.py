"""Likelihood ratios of fits to the same data, by chi-squared or by data drawn from the simplest.

Imports the fit's result, the search near an optimum and the jobs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from ..checkpoint import Parts, digest
from ..errors import listed
from ..jobs import LOST, Arrays, Crew, How, carry_out
from .again import embedded, near, problem_parts, search_again, with_threads
from .marginal import Marginal
from .objective import Evaluation, Failure, Problem
from .resample import drawn, with_values
from .result import Fit

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


def ratios(fits: Mapping[str, Fit], n: int, seed: int, how: How, notes: list[str]) -> pd.DataFrame:
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
            near(fits[null]._searched[0]),
            fits[null]._searched[1],
            [near(fits[name]._searched[0]) for name in tasks],
            [fits[name]._searched[1] for name in tasks],
            seed,
            np.arange(n),
        )
        found = carry_out(task, n, 1, how, "compare")
        lost = int((found["status"] == LOST).sum())
        for k, row in enumerate(rows):
            gains = found["gain"][:, k]
            gains = gains[np.isfinite(gains)]
            above = int((gains >= row["statistic"]).sum())
            row["p_bootstrap"] = (1 + above) / (1 + len(gains)) if len(gains) else math.nan
            row["n_bootstrap"] = len(gains)
            if len(gains) < 0.95 * (n - lost):
                notes.append(
                    f"{n - lost - len(gains)} of {n} data sets drawn from '{null}' could not be "
                    f"fitted by it and '{row['alternative']}'"
                )
        if lost:
            notes.append(
                f"the workers of {lost} of {n} data sets drawn from '{null}' died; with "
                "checkpoint= the same call tries them again"
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

    null: Problem | Marginal
    x: Array
    others: Sequence[Problem | Marginal]
    points: Sequence[Array]
    seed: int
    number: NDArray[np.int64]

    def take(self, rows: slice) -> _Ratios:
        """Return the task of some data sets."""
        return replace(self, number=self.number[rows])

    def solve(self, crew: Crew) -> Arrays:
        """Draw and fit."""
        gain = np.full((len(self.number), len(self.others)), np.nan)
        status = np.full(len(self.number), "failed", dtype="U16")
        null = with_threads(self.null, crew.threads or self.null.threads)
        for row, number in enumerate(self.number):
            new = drawn(null, self.x, np.random.default_rng([self.seed, int(number)]))
            if isinstance(new, Failure):
                continue
            search = search_again(new, self.x, crew)
            if search.status == "failed":
                continue
            values = {column: rows.values for column, rows in new.data.measured.items()}
            for k, other in enumerate(self.others):
                problem = with_values(with_threads(other, null.threads), values)
                starts = [self.points[k], embedded(new, search.best.x, other, self.points[k])]
                ends = [search_again(problem, start, crew).best for start in starts]
                end = min(ends, key=lambda point: point.nll)
                if math.isfinite(end.nll):
                    gain[row, k] = 2.0 * (_misfit(search.best) - _misfit(end))
            status[row] = search.status
        return {"gain": gain, "status": status}

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
