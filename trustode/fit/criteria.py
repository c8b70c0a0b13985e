"""How well a posterior predicts what was left out, from draws of the pointwise log-likelihood.

Pareto-smoothed importance sampling is arviz's. Imports the errors.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from ..errors import OptionError, nearest
from ..notebook import Shown

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

#: Pareto shape above which importance sampling of a part left out is not to be trusted, and
#: variance of a log-likelihood above which WAIC is not: Vehtari, Gelman & Gabry (2017).
MOST_SHAPE, MOST_VARIANCE = 0.7, 0.4

#: What can be left out.
PARTS = ("row", "group")


@dataclass(frozen=True, eq=False)
class Predictive(Shown):
    """Expected log-density of new data, with what speaks against the figure.

    Attributes
    ----------
    kind : {"loo", "waic"}
    elpd : float
        Sum over the parts that were left out one by one; larger is better.
    se : float
        Its standard error over parts.
    p : float
        Effective number of free values.
    n_doubtful : int
        Parts whose own figure is not to be trusted.
    pointwise : DataFrame
        One row a part: group, and for observations time and column; elpd, p, and shape, that of
        the Pareto tail of importance weights ("loo"), or variance, of the log-likelihood
        ("waic").
    notes : tuple of str
        What deserves a look, in words.

    References
    ----------
    Vehtari, Gelman & Gabry (2017), Statistics and Computing 27, 1413-1432.
    """

    kind: str
    elpd: float
    se: float
    p: float
    n_doubtful: int
    pointwise: pd.DataFrame
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return the pointwise table."""
        return self.pointwise.copy()

    def summary(self) -> str:
        """Return the figure in a sentence, and what deserves a look."""
        called = "leave-one-out" if self.kind == "loo" else "WAIC"
        told = (
            f"Expected log-density of new data by {called} {self.elpd:.4g} (standard error "
            f"{self.se:.2g}) with {self.p:.3g} effective values, from {len(self.pointwise)} parts."
        )
        return "\n".join([told, *self.notes])

    def __repr__(self) -> str:
        return (
            f"<Predictive by {self.kind}: elpd {self.elpd:.4g} +- {self.se:.2g}, p {self.p:.3g}, "
            f"{self.n_doubtful} of {len(self.pointwise)} parts doubtful>"
        )


def parts_of(rows: pd.DataFrame, loglik: Array, by: object, where: str) -> tuple[Any, Array]:
    """Return what is left out, and its log-likelihood, shape (n_chain, n_draw, n_part)."""
    import pandas as pd

    if by not in PARTS:
        raise OptionError(
            f"{where}: by={by!r:.60} must be 'row' or 'group'{nearest(str(by), PARTS)}"
        )
    if by == "row":
        return rows, loglik
    number, labels = pd.factorize(rows["group"])
    total = np.zeros((*loglik.shape[:2], len(labels)))
    np.add.at(total.T, number, loglik.T)
    return pd.DataFrame({"group": labels}), total


def waic(parts: pd.DataFrame, loglik: Array) -> Predictive:
    """Return the widely applicable information criterion, as an expected log-density.

    References: Watanabe (2010), Journal of Machine Learning Research 11, 3571-3594.
    """
    every = loglik.reshape(-1, loglik.shape[-1])
    variance = every.var(axis=0, ddof=1)
    elpd = logsumexp(every, axis=0) - math.log(len(every)) - variance
    table = parts.assign(elpd=elpd, p=variance, variance=variance)
    doubtful = int((variance > MOST_VARIANCE).sum())
    return _put_together("waic", table, float(variance.sum()), doubtful)


def loo(parts: pd.DataFrame, loglik: Array, efficiency: float) -> Predictive:
    """Return leave-one-out by Pareto-smoothed importance sampling.

    `efficiency` is the share of draws that are effective.
    """
    every = loglik.reshape(-1, loglik.shape[-1]).T
    with warnings.catch_warnings():
        # What does not vary at all has no tail to fit.
        warnings.simplefilter("ignore")
        weights, shape = _smoothed(every, efficiency)
    elpd = logsumexp(weights + every, axis=1)
    p = logsumexp(every, axis=1) - math.log(every.shape[1]) - elpd
    table = parts.assign(elpd=elpd, p=p, shape=shape)
    return _put_together("loo", table, float(p.sum()), int((shape > MOST_SHAPE).sum()))


def _smoothed(loglik: Array, efficiency: float) -> tuple[Array, Array]:
    """Return logarithms of Pareto-smoothed weights, and the shape of each row's tail."""
    try:
        from arviz_stats.base import array_stats
    except ImportError:  # arviz before 1.0
        import arviz

        weights, shape = arviz.psislw(-loglik, reff=efficiency)
    else:
        weights, shape = array_stats.psislw(loglik, r_eff=efficiency)
    return np.asarray(weights), np.asarray(shape)


def _put_together(kind: str, table: pd.DataFrame, p: float, doubtful: int) -> Predictive:
    """Sum over the parts, and say how many are in doubt."""
    notes = []
    if doubtful:
        notes.append(
            f"{doubtful} of {len(table)} parts have a Pareto shape above {MOST_SHAPE:g}: draws of "
            "the whole posterior tell too little of what it were without them; refit without "
            "these, or use compare(folds=...)"
            if kind == "loo"
            else f"{doubtful} of {len(table)} parts have a log-likelihood whose variance is above "
            f"{MOST_VARIANCE:g}; leave-one-out is surer"
        )
    elpd = table["elpd"].to_numpy()
    error = math.sqrt(len(elpd)) * float(elpd.std(ddof=1)) if len(elpd) > 1 else math.nan
    return Predictive(kind, float(elpd.sum()), error, p, doubtful, table, tuple(notes))
