"""Draws from a posterior, and what they say.

Imports the criteria; arviz, an optional package, has the diagnostics.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError, PackageError, checks_keywords, listed, nearest
from ..notebook import Shown, text_of_table
from .criteria import Predictive, loo, parts_of, waic

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Posterior(Shown):
    """Draws from a posterior, and what they say.

    Attributes
    ----------
    params : DataFrame
        One row a free value, labelled as in `Fit.params`: name, group, mean, sd, low, median,
        high (percentiles), ess_bulk, ess_tail, rhat, and mcse, the Monte Carlo standard error
        of the mean. With random values those of persons follow, as ``"alpha [p1]"``.
    draws : DataFrame
        One row a draw: chain, draw, and the free values by label.
    n_divergent : int
        Divergent transitions after warm-up.
    converged : bool
        Whether R-hat is below 1.01 and there are 100 effective draws a chain, for every value,
        and no transition diverged.
    level : float
        Probability between low and high.
    notes : tuple of str
        What deserves a look, in words.
    idata : arviz.InferenceData, or xarray.DataTree with arviz 1 and newer
        Draws by name, values of `per` along its own dimension, and those of persons, as
        ``"alpha [person]"``, along theirs; the sampler's statistics; and the log-likelihood of
        each observation, by column, in the order of `observations`, beside what was observed
        and what each draw would have shown in its place (``posterior_predictive``).
    observations : DataFrame
        Group, time and column of each observation.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter & Bürkner (2021), Bayesian Analysis 16, 667-718.
    """

    params: pd.DataFrame
    draws: pd.DataFrame
    n_divergent: int
    converged: bool
    level: float
    notes: tuple[str, ...]
    idata: Any = field(repr=False)
    observations: pd.DataFrame = field(repr=False)
    _loglik: Array = field(repr=False)
    _model: str = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return the draws."""
        return self.draws.copy()

    def summary(self) -> str:
        """Return a sentence on the sampler and one for each value."""
        chains = self.draws["chain"].nunique()
        lines = [
            f"{len(self.draws)} draws in {chains} chains from the posterior of '{self._model}': "
            f"R-hat at most {self.params['rhat'].max():.3f}, at least "
            f"{self.params['ess_bulk'].min():.0f} effective draws, {self.n_divergent} divergent."
        ]
        for row in self.params.itertuples():
            lines.append(
                f"{row.Index}: mean {row.mean:.4g}, {100 * self.level:g} % between {row.low:.4g} "
                f"and {row.high:.4g}."
            )
        return "\n".join([*lines, *self.notes])

    @checks_keywords
    def loo(self, *, by: str = "row") -> Predictive:
        """Return the expected log-density of new data, leaving parts out one by one.

        Nothing is sampled again: importance sampling, with Pareto-smoothed weights, stands in.

        Parameters
        ----------
        by : {"row", "group"}
            What is left out: an observation, or all those of a group. With a value of its own a
            group that is left out would be known by its prior only, which importance sampling
            seldom bears; `Predictive.n_doubtful` tells.

        Returns
        -------
        Predictive

        Raises
        ------
        OptionError
            If there is no such part.
        """
        where = f"loo({self._model})"
        parts, loglik = parts_of(self.observations, self._loglik, by, where)
        _, arviz = packages(where)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            found = arviz.ess(group_of(self.idata, "posterior"), method="mean")
        each = np.concatenate([np.ravel(found[name].values) for name in found.data_vars])
        chains, draws = loglik.shape[:2]
        efficiency = 1.0 if chains == 1 else float(np.mean(each)) / (chains * draws)
        return loo(parts, loglik, efficiency)

    @checks_keywords
    def waic(self, *, by: str = "row") -> Predictive:
        """Return the widely applicable information criterion, as an expected log-density.

        Parameters and errors are those of `loo`, which is the surer of the two.
        """
        return waic(*parts_of(self.observations, self._loglik, by, f"waic({self._model})"))

    @checks_keywords
    def plot(self, name: str | None = None, ax: Any = None, *, kind: str = "draws") -> Any:
        """Draw the posterior.

        Parameters
        ----------
        name : str, optional
            The value whose draws to show, the first unless named.
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless given.

        Other Parameters
        ----------------
        kind : {"draws", "predictive"}
            The draws of a value, a line a chain; or the data over time, and between which values
            such data would lie if the model were right (a posterior predictive check).

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        OptionError
            If there is no such kind or value.
        """
        from ..plot import plot_draws, plot_predictive

        if kind not in ("draws", "predictive"):
            raise OptionError(
                f"plot({self._model}): kind={kind!r:.60}"
                f"{nearest(str(kind), ('draws', 'predictive')) or '.'} It can be draws, predictive"
            )
        if kind == "predictive":
            return plot_predictive(self, ax)
        known = [str(label) for label in self.params.index]
        label = known[0] if name is None else str(getattr(name, "name", name))
        if label not in known:
            raise OptionError(
                f"sample({self._model}): there are no draws of {label!r:.60}"
                f"{nearest(label, known) or '.'} There are {listed(known)}"
            )
        return plot_draws(self, label, ax)

    def _headline(self) -> str:
        state = "converged" if self.converged else "not converged"
        return f"<Posterior of {self._model!r}, {len(self.draws)} draws, {state}>"

    def _shown(self) -> pd.DataFrame:
        return self.params[["mean", "sd", "low", "high", "ess_bulk", "rhat"]]

    def __repr__(self) -> str:
        return f"{self._headline()}\n{text_of_table(self._shown())}"


def group_of(idata: Any, name: str) -> Any:
    """Return the xarray Dataset of a group, in arviz's manner until 0.23 and since 1.0."""
    group = idata[name]
    return group.to_dataset() if hasattr(group, "children") else group


def add_groups(idata: Any, groups: Mapping[str, Any]) -> None:
    """Add xarray Datasets as groups, in arviz's manner until 0.23 and since 1.0."""
    if hasattr(idata, "add_groups"):
        idata.add_groups(dict(groups))
        return
    import xarray as xr

    for name, group in groups.items():
        idata[name] = xr.DataTree(group)


def packages(where: str) -> tuple[Any, Any]:
    """Import the sampler and the diagnostics, or say how to get them."""
    try:
        with warnings.catch_warnings():
            # arviz tells of its next version on every import.
            warnings.simplefilter("ignore")
            import arviz
            import nutpie
            import nutpie.compiled_pyfunc
    except ImportError as error:
        raise PackageError(
            f"{where}: sampling needs the packages nutpie and arviz; pip install 'trustode[sample]'"
        ) from error
    return nutpie, arviz
