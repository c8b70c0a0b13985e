"""What a fit returns: values with their uncertainty, residuals, predictions and a report.

Imports the objective and the model layer; pandas when a table is made.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, OptionError, checks_keywords, listed, nearest
from ..jobs import check_how
from ..model import Model
from ..notebook import Shown
from ..progress import Progress
from .bootstrap import Bootstrap, bootstrap
from .contents import fitted_model, raised
from .data import ALL, Design, in_between, read
from .marginal import Marginal
from .mixed import Mixed, with_strangers
from .objective import Problem
from .observation import Observation
from .onward import SAME, ways
from .posterior import Posterior
from .profile import Profile, profile
from .sample import sample
from .value import Objective

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fit(Shown):
    """Best values of a fit and what the data say about them.

    Attributes
    ----------
    params : DataFrame
        One row a free value, labelled by name: name, group (the level of `per`, empty for a
        value shared by all), value, stderr, low, high (95 % by the information matrix, on the
        scale of the search, cut off at bounds), at_bound. NaN where the data do not determine a
        value or a bound holds it.
    loglik, aic, bic : float
        Log-likelihood with all its constants, without priors; ``2 n_free - 2 loglik``;
        ``n_free log(n_observations) - 2 loglik``.
    log_prior : float
        Log-density of the values under their priors; 0 without.
    n_observations, n_free : int
    converged : bool
        Whether the gradient leaves less than 0.001 standard errors to go (`distance`); with
        several starts less than 0.01, if at least two came within 0.01 of the best
        log-likelihood, as they must have, by ways of their own.
    distance : float
        Norm of the gradient in standard errors, sqrt(g' I^-1 g): how far Newton's method
        still sees the optimum.
    starts : DataFrame
        One row a start, or with random values a search of the population: start, nll, own_nll
        (where it ended before it went on from a local optimum), status ("converged", "stalled",
        "limit", "failed", "interrupted", "lost" where its worker died), message, n_evaluations,
        n_failed.
    residuals : DataFrame
        One row an observation, labelled as in the data: group, time, column, observed,
        predicted, residual (standard normal if the model is right: for choices, counts and
        ratings a quantile residual, randomised with the fit's seed), loglik (its part of the
        log-likelihood).
    model : Model
        The model that was fitted, with the fitted values that all groups share; expressions
        of observation models are observables of it.
    covariance : DataFrame
        Covariance of the free values, inverse of the expected Fisher information.
    notes : tuple of str
        What deserves a look, in words.
    persons : DataFrame or None
        With random values, each person's own: person, name, value (of the highest density, given
        the population), low, high (95 %), and on the value's scale effect, the distance from
        the population's mean for this person, and stderr.
    mixed : Mixed or None
        With random values, how they were integrated out, their covariance and shrinkage. The
        log-likelihood is then that of the population.
    """

    params: pd.DataFrame
    loglik: float
    aic: float
    bic: float
    log_prior: float
    n_observations: int
    n_free: int
    converged: bool
    distance: float
    starts: pd.DataFrame
    residuals: pd.DataFrame
    model: Model
    covariance: pd.DataFrame
    notes: tuple[str, ...]
    _problem: Problem = field(repr=False)
    _design: Design = field(repr=False)
    _x: Array = field(repr=False)
    persons: pd.DataFrame | None = None
    mixed: Mixed | None = None
    #: With random values, the objective that was searched, and its best values.
    _marginal: tuple[Marginal, Array] | None = field(default=None, repr=False)

    @property
    def _searched(self) -> tuple[Problem | Marginal, Array]:
        """What was searched, and its best values."""
        return (self._problem, self._x) if self._marginal is None else self._marginal

    @checks_keywords
    def predict(self, data: pd.DataFrame | None = None) -> pd.DataFrame:
        """Predict what every row should show.

        Parameters
        ----------
        data : DataFrame, optional
            Rows to predict: time, group columns and input columns; observed columns are
            not needed. Without it, the rows that were fitted. Solves start where they
            started in the fit, so inputs given as columns need a group's rows from there.
            With random values there may be persons who were not fitted; they are predicted
            with the population's means, which takes their covariates.

        Returns
        -------
        DataFrame
            Group columns, time, and the prediction of each observed column (for `Binomial`
            the probability, for `Ordinal` the mean rating), labelled as the rows.

        Raises
        ------
        DataError
            If a column is missing, or a group or level was not fitted.
        SolveError
            If a solve fails.
        """
        problem, x = self._problem, self._x
        if data is not None:
            where = f"predict({self.model.name})"
            starts = {
                label: float(times[0])
                for label, times in zip(problem.data.labels, problem.data.times, strict=True)
            }
            new = read(data, self._design, self.model, where, starts)
            layout = problem.layout
            if self._marginal is not None:
                layout, x = with_strangers(*self._marginal, x, new, data, where)
            index = layout.indices(new.levels, len(new.labels), where)
            problem = replace(problem, data=new, layout=layout, index=index)
        predicted = raised(problem.predict(x), f"predict({self.model.name})")
        frame = problem.data.frame.copy()
        for column, values in predicted.items():
            frame[column] = values
        return frame

    def courses(self, points: int = 200) -> pd.DataFrame:
        """Predict each group's course at many times, as for a curve.

        Parameters
        ----------
        points : int
            Times that are spread from a group's first to its last; its own come to them.

        Returns
        -------
        DataFrame
            group, time, column, predicted. Quantities of observation models that columns of
            the data hold are those of the row before.

        Raises
        ------
        SolveError
            If a solve fails.
        """
        import pandas as pd

        data = in_between(self._problem.data, self._design.time, points)
        problem = replace(self._problem, data=data)
        found = raised(problem.predict(self._x), f"courses({self.model.name})")
        table = pd.DataFrame(
            {
                "group": [data.labels[g] for g in data.group],
                "time": data.frame[self._design.time],
            }
        )
        parts = [table.assign(column=name, predicted=each) for name, each in found.items()]
        return pd.concat(parts, ignore_index=True)

    @property
    def observed(self) -> Mapping[str, Observation]:
        """Observation model of each column."""
        return self._problem.observed

    @property
    def objective(self) -> Objective:
        """What was minimised, to evaluate at any values; its `start` are the fitted ones."""
        return Objective(*self._searched)

    def group_model(self, group: Hashable) -> Model:
        """Return the model with the values and the start of one group.

        Parameters
        ----------
        group : label
            A value of the group column; a tuple of values for several columns.

        Raises
        ------
        DataError
            If there was no such group.
        """
        return fitted_model(self._problem, self._x, self._group(group, "fit"))

    def _group(self, group: Hashable, call: str) -> int:
        """Return which group has a label."""
        labels = self._problem.data.labels
        if group not in labels:
            known = [str(label) for label in labels]
            raise DataError(
                f"{call}({self.model.name}): no group {group!r:.60}"
                f"{nearest(str(group), known) or '.'} Groups: {listed(known)}"
            )
        return labels.index(group)

    @checks_keywords
    def profile(
        self,
        *names: Any,
        level: float = 0.95,
        executor: Executor | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        progress: Progress = None,
        threads: int | None = None,
    ) -> Profile:
        """Follow the profile likelihood of values to both sides, and read intervals off it.

        Parameters
        ----------
        names : str
            Names of free values, or labels such as ``"alpha [p1]"``; all unless given.
        level : float
            Confidence level of the intervals.

        Other Parameters
        ----------------
        executor : concurrent.futures.Executor, optional
            Who follows the sides; this process unless given.
        checkpoint : path, optional
            File that keeps finished sides, so that the same call goes on after a kill.
        progress : bool, callable or None
            As in `fit`; counts two sides a value.
        threads : int or None
            Threads that share the groups of one objective.

        Returns
        -------
        Profile

        Raises
        ------
        OptionError
            If the fit does not vary such a name, or the level is not between 0 and 1.
        """
        where = f"profile({self.model.name})"
        how = check_how(threads, executor, checkpoint, progress, where)
        return profile(*self._searched, names, level, how, where)

    @checks_keywords
    def bootstrap(
        self,
        n: int = 1000,
        *,
        kind: str = "parametric",
        level: float = 0.95,
        seed: int = 0,
        executor: Executor | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        progress: Progress = None,
        threads: int | None = None,
    ) -> Bootstrap:
        """Refit data drawn again, and read intervals off the estimates' percentiles.

        Parameters
        ----------
        n : int
            Refits.
        kind : {"parametric", "case"}
            Draw observations from the fitted model, or draw cases with replacement: groups,
            or rows with an observation if there is one group. With random values: new persons
            from the population and their observations, or persons with replacement.
        level : float
            Confidence level of the intervals.
        seed : int
            Of the draws; those of each refit depend on it and the refit's number alone.

        Other Parameters
        ----------------
        executor : concurrent.futures.Executor, optional
            Who refits; this process unless given.
        checkpoint : path, optional
            File that keeps finished refits, so that the same call goes on after a kill.
        progress : bool, callable or None
            As in `fit`; counts refits.
        threads : int or None
            Threads that share the groups of one objective.

        Returns
        -------
        Bootstrap

        Raises
        ------
        OptionError
            If a number or the kind cannot be.

        Notes
        -----
        Every search begins at the fit's own values. Rows of one series depend on each other
        through the model only; where residuals are correlated in time, drawing rows is too
        optimistic.

        References
        ----------
        Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapters 6, 9 and 13.
        """
        where = f"bootstrap({self.model.name})"
        how = check_how(threads, executor, checkpoint, progress, where)
        return bootstrap(*self._searched, n, kind, level, seed, how, where)

    @checks_keywords
    def sample(
        self,
        *,
        draws: int = 1000,
        chains: int = 4,
        warmup: int = 500,
        level: float = 0.95,
        seed: int = 0,
        progress: Progress = None,
        threads: int | None = None,
    ) -> Posterior:
        """Draw from the posterior by Hamiltonian Monte Carlo (NUTS).

        Needs the packages of the extra ``trustode[sample]``.

        Parameters
        ----------
        draws, warmup : int
            Draws that each chain keeps, and those before during which it adapts.
        chains : int
        level : float
            Probability of the intervals, between equal tails.
        seed : int

        Other Parameters
        ----------------
        progress : bool, callable or None
            As in `fit`; counts draws of all chains.
        threads : int or None
            Threads that share the chains; None takes every processor.

        Returns
        -------
        Posterior

        Raises
        ------
        OptionError
            If a number cannot be.
        PackageError
            If the sampler is not installed.

        Notes
        -----
        A value without a prior has a flat one within its bounds on the scale of the search:
        of the value where its scale is "lin", of its logarithm where it is "log". With random
        values the population and its persons are drawn together; spreads and correlations have
        flat priors.

        References
        ----------
        Hoffman & Gelman (2014), Journal of Machine Learning Research 15, 1593-1623.
        """
        where = f"sample({self.model.name})"
        whole, x = self._searched
        return sample(whole, x, draws, chains, warmup, level, seed, threads, progress, where)

    @checks_keywords
    def plot(self, kind: str = "data", ax: Any = None, *, groups: Any = None) -> Any:
        """Draw the fit.

        Parameters
        ----------
        kind : {"data", "persons", "residuals", "groups", "starts"}
            Observations and predictions over time, means where there are many groups; the same in
            a panel for each group; standardised residuals over time; the same of each group; or
            how far each start came, the best first (a waterfall).
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless given.
        groups : label, or sequence of labels, optional
            The groups to draw as "data" or "persons"; all unless given.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        OptionError
            If there is no such kind, or it is not drawn by groups.
        DataError
            If there was no such group.
        """
        from ..plot import FIT_PLOTS, GROUP_PLOTS

        if kind not in FIT_PLOTS:
            raise OptionError(
                f"plot({self.model.name}): kind={kind!r:.60}"
                f"{nearest(str(kind), FIT_PLOTS) or '.'} It can be {listed(FIT_PLOTS)}"
            )
        if groups is None:
            return FIT_PLOTS[kind](self, ax)
        if kind not in GROUP_PLOTS:
            raise OptionError(
                f"plot({self.model.name}): groups= is for kind='data' or 'persons', not {kind!r}"
            )
        labels = self._problem.data.labels
        one = isinstance(groups, str) or not np.iterable(groups)
        one = one or (isinstance(groups, tuple) and groups in labels)
        chosen = [groups] if one else list(groups)
        if not chosen:
            raise OptionError(f"plot({self.model.name}): groups= is empty; leave it out for all")
        for group in chosen:
            self._group(group, "plot")
        return GROUP_PLOTS[kind](self, ax, chosen)

    def _search(self) -> str:
        """Say whether the best value was reached, from how many starts, and how these ended."""
        nll, own = (self.starts[each].to_numpy() for each in ("nll", "own_nll"))
        n, left = len(nll), f"{self.distance:.1g} standard errors to go"
        what = "searches" if self.mixed is not None else "starts"
        if n == 1:
            state = "converged" if self.converged else "not converged"
            return f"{state}: {left}; from one start, which may have met a local optimum"
        ends = ", ".join(f"{k} {end}" for end, k in self.starts["status"].value_counts().items())
        if not self.converged and ways(nll.tolist(), own.tolist()) < 2:
            return f"not converged: one of {n} {what} is better than all others; {left}"
        state = "converged" if self.converged else "not converged"
        told = f"{state}: {left}; {n} {what}: {ends}"
        best = nll.min() + SAME
        reached, alone = int((nll < best).sum()), int((own < best).sum())
        if alone < n:
            told += f"; {reached} reached the best value"
        if alone < reached:
            told += f", {alone or 'none'} without going on from another optimum"
        return told

    def report(self) -> str:
        """Return the fit as text: what a methods section needs."""
        data = self._problem.data
        columns = ", ".join(
            f"{column} ({len(rows.values)})" for column, rows in data.measured.items()
        )
        groups = "" if data.labels == (ALL,) else f" of {len(data.labels)} groups"
        lines = [
            f"Fit of {self.model.name!r}",
            f"  {self.n_observations} observations{groups}: {columns}",
            f"  {self.n_free} free values; log-likelihood {self.loglik:.6g}, AIC {self.aic:.6g}, "
            f"BIC {self.bic:.6g}"
            + (f"; log-density of priors {self.log_prior:.6g}" if self.log_prior else ""),
            f"  {self._search()}",
            *([] if self.mixed is None else [f"  random values: {self.mixed.summary()}"]),
            "",
            self._table(),
        ]
        if self.notes:
            lines += ["", *(f"  note: {note}" for note in self.notes)]
        return "\n".join(lines)

    def _table(self, most: int = 40) -> str:
        """Return the values as aligned text."""
        shown = self.params.head(most)
        rows = [("", "value", "stderr", "95 % interval", "")]
        for row in shown.to_dict("records"):
            label = f"{row['name']} [{row['group']}]" if row["group"] != "" else str(row["name"])
            interval = f"{row['low']:.4g} to {row['high']:.4g}"
            if np.isnan(row["stderr"]):
                interval = "-"
            bound = "at its bound" if row["at_bound"] else ""
            rows.append((label, f"{row['value']:.6g}", f"{row['stderr']:.3g}", interval, bound))
        widths = [max(len(row[k]) for row in rows) for k in range(5)]
        text = [
            "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            for row in rows
        ]
        if len(self.params) > most:
            text.append(f"  ... {len(self.params) - most} more in .params")
        return "\n".join(line.rstrip() for line in text)

    def _headline(self) -> str:
        state = "converged" if self.converged else "not converged"
        return (
            f"<Fit of {self.model.name!r}: {self.n_free} free values, {self.n_observations} "
            f"observations, log-likelihood {self.loglik:.6g}, {state}>"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the estimates: `params`."""
        return self.params.copy()

    def __repr__(self) -> str:
        return f"{self._headline()}\n{self._table(12)}"
