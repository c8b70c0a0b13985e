"""Draws from the posterior by Hamiltonian Monte Carlo, with the exact gradient.

The sampler is nutpie's (NUTS), an optional package; the diagnostics are arviz's. It works on
values without bounds, centred at the optimum and whitened by the information there. Imports
the objective, the hierarchy, the criteria, the search, and what draws new data.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import (
    OptionError,
    PackageError,
    SolveError,
    TrustodeError,
    checks_keywords,
    listed,
    nearest,
)
from ..notebook import Shown
from ..progress import Progress, check_progress, track
from .again import near, with_threads
from .bootstrap import check_whole
from .criteria import Predictive, loo, parts_of, waic
from .hierarchy import Hierarchy, hierarchy
from .information import labels
from .marginal import Marginal
from .objective import Evaluation, Failure, Problem
from .resample import drawn
from .vary import Layout

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

#: Limits of Vehtari et al. (2021): R-hat, and effective draws a chain.
MOST_RHAT, LEAST_ESS = 1.01, 100.0

#: Chains begin this many posterior standard deviations from the optimum, as drawn; a point
#: where the model cannot be solved is drawn nearer.
SPREAD, NEARER, MOST_DRAWS = 1.5, 0.7, 30

#: Points a draw where the model could not be solved, below which nothing is said: the first
#: steps of a chain go far.
SELDOM = 0.02

#: Curvature of a flat density between two bounds, on the scale of the logit.
LOGIT_CURVATURE = 0.25

#: Name under which the sampler keeps the free values themselves.
_PLACE = "free values"

#: Share of the way between bounds that a start keeps from them.
MARGIN = 1e-3


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
    idata : arviz.InferenceData
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
        _, arviz = _packages(where)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            found = arviz.ess(self.idata.posterior, method="mean")
        each = np.concatenate([np.ravel(found[name].values) for name in found.data_vars])
        chains, draws = loglik.shape[:2]
        efficiency = 1.0 if chains == 1 else float(np.mean(each)) / (chains * draws)
        return loo(parts, loglik, efficiency, arviz)

    @checks_keywords
    def waic(self, *, by: str = "row") -> Predictive:
        """Return the widely applicable information criterion, as an expected log-density.

        Parameters and errors are those of `loo`, which is the surer of the two.
        """
        return waic(*parts_of(self.observations, self._loglik, by, f"waic({self._model})"))

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
        return f"{self._headline()}\n{self._shown()}"


class _NotSolved(Exception):
    """The density could not be evaluated; the sampler takes it for a divergence and goes on."""

    is_recoverable = True


class _Unbounded:
    """Values without bounds, u, for those of the search, x, and the density by them.

    A side with a bound is left to a logarithm, two sides to a logit. `w` are the u that are
    whitened: centred at the optimum, with the information there as unit.
    """

    def __init__(self, problem: Problem | Hierarchy, best: Evaluation) -> None:
        self.problem, layout = problem, problem.layout
        self.lower, self.upper = layout.lower, layout.upper
        self.low, self.high = np.isfinite(self.lower), np.isfinite(self.upper)
        self.both = self.low & self.high
        self.width = np.where(self.both, self.upper - self.lower, 1.0)
        self.failures: Counter[str] = Counter()
        x = best.x
        # An optimum at a bound has no place without bounds: begin a little inside.
        inside = MARGIN * np.where(self.both, self.width, np.maximum(np.abs(x), 1.0))
        x = np.where(self.low, np.maximum(x, self.lower + inside), x)
        x = np.where(self.high, np.minimum(x, self.upper - inside), x)
        self.centre = self._from(x)
        slope = self._slope(self.centre)
        precision = best.information * slope[:, None] * slope
        precision[np.diag_indices_from(precision)] += np.where(self.both, LOGIT_CURVATURE, 1e-8)
        weights, vectors = np.linalg.eigh(precision)
        weights = np.maximum(weights, 1e-12 * weights[-1])
        self.factor = vectors / np.sqrt(weights)

    def _from(self, x: Array) -> Array:
        """Return u of x."""
        share: Array = np.where(self.both, (x - self.lower) / self.width, 0.5)
        above = np.where(self.low, x - self.lower, 1.0)
        below = np.where(self.high, self.upper - x, 1.0)
        one = np.where(self.low, np.log(above), np.where(self.high, -np.log(below), x))
        return np.where(self.both, np.log(share) - np.log1p(-share), one)

    def _slope(self, u: Array) -> Array:
        """Return dx / du."""
        share = 1.0 / (1.0 + np.exp(-u))
        one = np.where(self.low, np.exp(u), np.where(self.high, np.exp(-u), 1.0))
        return np.where(self.both, self.width * share * (1.0 - share), one)

    def x(self, w: Array) -> Array:
        """Return x of w."""
        with np.errstate(all="ignore"):
            u = self.centre + self.factor @ w
            share = 1.0 / (1.0 + np.exp(-u))
            one = np.where(self.high, self.upper - np.exp(-u), u)
            one = np.where(self.low, self.lower + np.exp(u), one)
            x: Array = np.where(self.both, self.lower + self.width * share, one)
        return x

    def density(self, w: Array) -> tuple[float, Array]:
        """Return the logarithm of the density of w and its gradient."""
        with np.errstate(all="ignore"):
            u = self.centre + self.factor @ w
            slope = self._slope(u)
            share = 1.0 / (1.0 + np.exp(-u))
            volume = float(np.log(slope).sum())
            by_u = np.where(self.low, 1.0, np.where(self.high, -1.0, 0.0))
            by_u = np.where(self.both, 1.0 - 2.0 * share, by_u)
            x = self.x(w)
            point = self.problem.evaluate(x, settle=False)
            # A prior is a density of its value, on its own scale.
            of_priors, by_x = self.problem.layout.volume(x)
        if point.failure is not None or not np.isfinite(volume):
            self.failures[point.failure.status.name if point.failure else "NONFINITE"] += 1
            raise _NotSolved
        gradient: Array = self.factor.T @ (by_u + (by_x - point.gradient) * slope)
        return volume + of_priors - point.nll, gradient

    def start(self, seed: int) -> Array:
        """Return where a chain begins."""
        rng = np.random.default_rng(seed)
        size = SPREAD
        for _ in range(MOST_DRAWS):
            w: Array = size * rng.standard_normal(len(self.centre))
            try:
                _, gradient = self.density(w)
            except _NotSolved:
                size *= NEARER
                continue
            if np.isfinite(gradient).all():
                return w
            size *= NEARER
        return np.zeros(len(self.centre))


@dataclass(frozen=True, eq=False)
class _Variable:
    """Values that are drawn: a name and its levels, a single None for one value."""

    name: str
    shown: str
    levels: tuple[Hashable, ...]
    dimension: str | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one draw."""
        return () if self.dimension is None else (len(self.levels),)


class _Target:
    """What is sampled: a problem's values, or those of a population and its persons."""

    def __init__(self, whole: Problem | Marginal, x: Array) -> None:
        self.problem: Problem | Hierarchy
        if isinstance(whole, Marginal):
            joint = hierarchy(with_threads(near(whole), 1), x)
            self.problem, self.best = joint, joint.best(x)
            self.inner, self.shown = whole.inner, joint.shown
            self.inner_x, outer = joint.inner_x, whole.layout
        else:
            problem = with_threads(near(whole), 1)
            self.problem, self.best = problem, problem.evaluate(x, settle=False)
            self.inner, self.shown = whole, problem.layout.natural
            self.inner_x, outer = _same, whole.layout
        self.variables = _variables(outer)
        if isinstance(self.problem, Hierarchy):
            names, persons, column = self.problem.persons
            self.variables += [
                _Variable(f"{name} [{column}]", name, persons, column) for name in names
            ]

    def replicated(self, x: Array, rng: np.random.Generator) -> list[NDArray[Any]]:
        """Return what might have been observed instead, a column after the other."""
        found = drawn(self.inner, self.inner_x(x), rng)
        if isinstance(found, Failure):
            raise SolveError(f"sample({self.name}): {found.message}", found.status)
        told: list[NDArray[Any]] = []
        for column, rows in found.data.measured.items():
            options = self.inner.observed[column].options
            told.append(
                rows.values
                if options is None
                else np.array(options)[rows.values.astype(np.intp)].astype(rows.given.dtype)
            )
        return told

    def parts(self, x: Array) -> dict[str, Array]:
        """Return the values by name."""
        values, found, at = self.shown(x), {}, 0
        for each in self.variables:
            found[each.name] = values[at : at + len(each.levels)].reshape(each.shape)
            at += len(each.levels)
        return found

    def loglik(self, x: Array) -> Array:
        """Return the log-likelihood of every observation."""
        found = self.inner.pointwise(self.inner_x(x))
        if isinstance(found, Failure):
            raise SolveError(f"sample({self.name}): {found.message}", found.status)
        return np.concatenate(list(found.values()))

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.inner.readout.model.name


def _same(x: Array) -> Array:
    return x


def sample(
    whole: Problem | Marginal,
    x: Array,
    draws: int,
    chains: int,
    warmup: int,
    level: float,
    seed: int,
    threads: int | None,
    progress: Progress,
    where: str,
) -> Posterior:
    """Draw from the posterior."""
    for name, value, least in (
        ("draws", draws, 4),
        ("chains", chains, 1),
        ("warmup", warmup, 1),
        ("seed", seed, 0),
    ):
        check_whole(value, name, least, where)
    if threads is not None:
        check_whole(threads, "threads", 1, where)
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0.0 < level < 1.0:
        raise OptionError(f"{where}: level={level!r:.60} must be a number between 0 and 1")
    check_progress(progress, where)
    nutpie, arviz = _packages(where)
    target = _Target(whole, x)
    if target.best.failure is not None:
        raise SolveError(f"{where}: {target.best.failure.message}", target.best.failure.status)
    free = _Unbounded(target.problem, target.best)
    lock = threading.Lock()
    varied = [each for each in target.variables if each.dimension is not None]
    with track(chains * (draws + warmup), progress, where) as advance:

        def expanded(w: Array) -> dict[str, Array]:
            with lock:
                advance(1)
            x = free.x(w)
            return {**target.parts(x), _PLACE: x}

        compiled = nutpie.compiled_pyfunc.from_pyfunc(
            target.problem.layout.n_free,
            lambda: free.density,
            lambda *_: expanded,
            [np.dtype("float64")] * (len(target.variables) + 1),
            [*(each.shape for each in target.variables), (target.problem.layout.n_free,)],
            [*(each.name for each in target.variables), _PLACE],
            coords={str(each.dimension): [str(level) for level in each.levels] for each in varied},
            dims={each.name: (each.dimension,) for each in varied},
            make_initial_point_fn=free.start,
        )
        idata = nutpie.sample(
            compiled,
            draws=draws,
            tune=warmup,
            chains=chains,
            cores=min(chains, threads or os.cpu_count() or 1),
            seed=seed,
            progress_bar=False,
        )
    return _result(target, idata, arviz, free, float(level), seed)


def _packages(where: str) -> tuple[Any, Any]:
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


def _variables(layout: Layout) -> list[_Variable]:
    """Return the names that are drawn, with the dimension of each that has levels."""
    found = []
    for name, vary, levels in zip(layout.names, layout.varies, layout.levels, strict=True):
        dimension = f"{vary.per}_level" if vary.per in layout.names else vary.per
        found.append(_Variable(name, name, levels, dimension))
    return found


def _told(target: _Target, idata: Any, seed: int) -> tuple[Array, pd.DataFrame]:
    """Add what each draw says of every observation to the draws, and say whose it is."""
    import pandas as pd
    import xarray as xr

    data = target.inner.data
    x = np.asarray(idata.posterior[_PLACE].values)
    del idata.posterior[_PLACE]
    loglik = np.array([[target.loglik(draw) for draw in chain] for chain in x])
    rng = np.random.default_rng(seed)
    new = [[target.replicated(draw, rng) for draw in chain] for chain in x]
    each = [
        pd.DataFrame(
            {
                "group": [data.labels[g] for g in rows.group],
                "time": [data.times[g][k] for g, k in zip(rows.group, rows.time, strict=True)],
                "column": column,
            },
            index=data.frame.index[rows.row],
        )
        for column, rows in data.measured.items()
    ]
    first = np.cumsum([0, *(len(rows) for rows in each)])
    groups: dict[str, dict[str, Any]] = {
        "log_likelihood": {},
        "posterior_predictive": {},
        "observed_data": {},
    }
    for k, (column, rows) in enumerate(data.measured.items()):
        dim, at = f"{column}_row", slice(first[k], first[k + 1])
        groups["log_likelihood"][column] = (("chain", "draw", dim), loglik[:, :, at])
        instead = np.array([[draw[k] for draw in chain] for chain in new])
        groups["posterior_predictive"][column] = (("chain", "draw", dim), instead)
        options = target.inner.observed[column].options
        order = {} if options is None else {"levels": [*options]}
        groups["observed_data"][column] = ((dim,), rows.given, order)
    idata.add_groups({name: xr.Dataset(group) for name, group in groups.items()})
    return loglik, pd.concat(each)


def _result(
    target: _Target, idata: Any, arviz: Any, free: _Unbounded, level: float, seed: int
) -> Posterior:
    """Put the result together."""
    import pandas as pd

    variables = target.variables
    loglik, observations = _told(target, idata, seed)
    found = idata.posterior
    parts = [np.asarray(found[each.name].values) for each in variables]
    values = np.concatenate([each.reshape(*each.shape[:2], -1) for each in parts], axis=2)
    chains, draws, n_value = values.shape
    if not np.isfinite(values).all():
        raise TrustodeError(f"sample({target.name}): draws are not finite")

    def told(function: Any, **options: Any) -> Array:
        each = function(found, **options)
        return np.concatenate([np.ravel(each[one.name].values) for one in variables])

    with warnings.catch_warnings():
        # A value that never moved has no variance to divide by; the table shows NaN.
        warnings.simplefilter("ignore", RuntimeWarning)
        rhat, bulk = told(arviz.rhat), told(arviz.ess, method="bulk")
        tail, error = told(arviz.ess, method="tail"), told(arviz.mcse, method="mean")
    every = values.reshape(-1, n_value)
    tails = 0.5 * (1.0 - level)
    named = [(each.shown, level) for each in variables for level in each.levels]
    names = [name if level is None else f"{name} [{level}]" for name, level in named]
    params = pd.DataFrame(
        {
            "name": [name for name, _ in named],
            "group": ["" if group is None else group for _, group in named],
            "mean": every.mean(axis=0),
            "sd": every.std(axis=0, ddof=1),
            "low": np.quantile(every, tails, axis=0),
            "median": np.median(every, axis=0),
            "high": np.quantile(every, 1.0 - tails, axis=0),
            "ess_bulk": bulk,
            "ess_tail": tail,
            "rhat": rhat,
            "mcse": error,
        },
        index=names,
    )
    table = pd.DataFrame(every, columns=names)
    table.insert(0, "draw", np.tile(np.arange(draws), chains))
    table.insert(0, "chain", np.repeat(np.arange(chains), draws))
    divergent = int(np.asarray(idata.sample_stats["diverging"].values).sum())
    mixed = chains == 1 or bool((rhat < MOST_RHAT).all())
    enough = bool((np.minimum(bulk, tail) >= LEAST_ESS * chains).all())
    return Posterior(
        params=params,
        draws=table,
        n_divergent=divergent,
        converged=mixed and enough and not divergent,
        level=level,
        notes=tuple(_notes(target.problem, params, mixed, enough, divergent, len(every), free)),
        idata=idata,
        observations=observations,
        _loglik=loglik,
        _model=target.name,
    )


def _notes(
    problem: Problem | Hierarchy,
    params: pd.DataFrame,
    mixed: bool,
    enough: bool,
    divergent: int,
    n: int,
    free: _Unbounded,
) -> list[str]:
    """Say what deserves a look."""
    notes = []
    if not mixed:
        worst = [str(name) for name in params.index[~(params["rhat"] < MOST_RHAT)]]
        notes.append(
            f"the chains do not agree on {listed(worst, 6)} (R-hat {params['rhat'].max():.3g}, "
            f"{MOST_RHAT} at most): draw more, or fix what the data do not determine"
        )
    if not enough:
        few = params[["ess_bulk", "ess_tail"]].min(axis=1)
        notes.append(
            f"{few.idxmin()} has only {few.min():.0f} effective draws: raise draws before its "
            "interval is used"
        )
    if divergent:
        notes.append(
            f"{divergent} of {n} transitions diverged: the posterior has corners that were not "
            "explored; narrow the bounds or give priors"
        )
    layout = problem.layout
    informed = np.array([layout.varies[k].prior is not None for k in layout.owner])
    open_ended = ~(free.low & free.high) & ~informed
    if open_ended.any():
        names = listed(np.array(labels(layout))[open_ended].tolist(), 6)
        notes.append(
            f"the prior of {names} is flat without end; give bounds or the posterior may have none"
        )
    if sum(free.failures.values()) > SELDOM * n:
        kinds = ", ".join(f"{count} {name}" for name, count in free.failures.items())
        notes.append(f"the model could not be solved at some points that were tried ({kinds})")
    return notes
