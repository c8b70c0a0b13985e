"""Draws from the posterior by Hamiltonian Monte Carlo, with the exact gradient.

The sampler is nutpie's (NUTS), an optional package; the diagnostics are arviz's. It works on
values without bounds, centred at the optimum and whitened by the information there. Imports
the objective and the search.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError, SolveError, TrustodeError, listed, nearest
from ..notebook import Shown
from ..progress import Progress, check_progress, track
from .again import near
from .bootstrap import check_whole
from .information import labels
from .objective import Evaluation, Problem
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
        of the mean.
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
        Draws by name, values of `per` along its own dimension, with the sampler's statistics.

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

    def plot(self, name: str | None = None, ax: Any = None) -> Any:
        """Draw a value's chains, the first unless named; returns the matplotlib Axes."""
        from ..plot import plot_draws

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

    def __init__(self, problem: Problem, best: Evaluation) -> None:
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


def sample(
    problem: Problem,
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
    problem = replace(near(problem), threads=1)
    best = problem.evaluate(x, settle=False)
    if best.failure is not None:
        raise SolveError(f"{where}: {best.failure.message}", best.failure.status)
    free = _Unbounded(problem, best)
    layout, lock = problem.layout, threading.Lock()
    sizes = [len(levels) for levels in layout.levels]
    first = np.concatenate([[0], np.cumsum(sizes)])
    dims, coords = _dimensions(layout)
    shapes = [(n,) if name in dims else () for name, n in zip(layout.names, sizes, strict=True)]
    with track(chains * (draws + warmup), progress, where) as advance:

        def expanded(w: Array) -> dict[str, Array]:
            with lock:
                advance(1)
            values = layout.natural(free.x(w))
            return {
                name: values[first[k] : first[k + 1]].reshape(shapes[k])
                for k, name in enumerate(layout.names)
            }

        compiled = nutpie.compiled_pyfunc.from_pyfunc(
            layout.n_free,
            lambda: free.density,
            lambda *_: expanded,
            [np.dtype("float64")] * len(sizes),
            shapes,
            list(layout.names),
            coords=coords,
            dims=dims,
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
    return _result(problem, idata, arviz, free, level)


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
        raise ImportError(
            f"{where}: sampling needs the packages nutpie and arviz; pip install 'trustode[sample]'"
        ) from error
    return nutpie, arviz


def _dimensions(layout: Layout) -> tuple[dict[str, tuple[str, ...]], dict[str, list[str]]]:
    """Return the dimension of each name that has levels, and their labels."""
    dims: dict[str, tuple[str, ...]] = {}
    coords: dict[str, list[str]] = {}
    for name, vary, levels in zip(layout.names, layout.varies, layout.levels, strict=True):
        if vary.per is not None:
            dimension = f"{vary.per}_level" if vary.per in layout.names else vary.per
            dims[name] = (dimension,)
            coords[dimension] = [str(level) for level in levels]
    return dims, coords


def _result(problem: Problem, idata: Any, arviz: Any, free: _Unbounded, level: float) -> Posterior:
    """Put the result together."""
    import pandas as pd

    layout, names = problem.layout, labels(problem.layout)
    found = idata.posterior
    parts = [np.asarray(found[name].values) for name in layout.names]
    values = np.concatenate([each.reshape(*each.shape[:2], -1) for each in parts], axis=2)
    chains, draws, n_free = values.shape
    if not np.isfinite(values).all():
        raise TrustodeError(f"sample({problem.readout.model.name}): draws are not finite")

    def told(function: Any, **options: Any) -> Array:
        each = function(found, **options)
        return np.concatenate([np.ravel(each[name].values) for name in layout.names])

    with warnings.catch_warnings():
        # A value that never moved has no variance to divide by; the table shows NaN.
        warnings.simplefilter("ignore", RuntimeWarning)
        rhat, bulk = told(arviz.rhat), told(arviz.ess, method="bulk")
        tail, error = told(arviz.ess, method="tail"), told(arviz.mcse, method="mean")
    every = values.reshape(-1, n_free)
    tails = 0.5 * (1.0 - level)
    groups = [each for levels in layout.levels for each in levels]
    params = pd.DataFrame(
        {
            "name": [layout.names[k] for k in layout.owner],
            "group": ["" if group is None else group for group in groups],
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
        notes=tuple(_notes(problem, params, mixed, enough, divergent, len(every), free)),
        idata=idata,
        _model=problem.readout.model.name,
    )


def _notes(
    problem: Problem,
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
