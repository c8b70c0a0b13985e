"""Draws from the posterior by Hamiltonian Monte Carlo, with the exact gradient.

The sampler is nutpie's (NUTS), an optional package; the diagnostics are arviz's. It works on
values without bounds, centred at the optimum and whitened by the information there. Imports
the hierarchy, these values, the posterior, and what draws new data.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError, SolveError, TrustodeError, listed
from ..progress import Progress, check_progress, track
from .again import near, with_threads
from .bootstrap import check_whole
from .hierarchy import Hierarchy, hierarchy
from .information import labels
from .marginal import Marginal
from .objective import Failure, Problem
from .posterior import Posterior, add_groups, group_of, packages
from .resample import drawn
from .unbounded import Unbounded
from .vary import Layout

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

#: Limits of Vehtari et al. (2021): R-hat, and effective draws a chain.
MOST_RHAT, LEAST_ESS = 1.01, 100.0

#: Points a draw where the model could not be solved, below which nothing is said: the first
#: steps of a chain go far.
SELDOM = 0.02

#: Name under which the sampler keeps the free values themselves.
_PLACE = "free values"


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
    nutpie, arviz = packages(where)
    target = _Target(whole, x)
    if target.best.failure is not None:
        raise SolveError(f"{where}: {target.best.failure.message}", target.best.failure.status)
    free = Unbounded(target.problem, target.best)
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
    x = np.asarray(idata["posterior"][_PLACE].values)
    del idata["posterior"][_PLACE]
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
    add_groups(idata, {name: xr.Dataset(group) for name, group in groups.items()})
    return loglik, pd.concat(each)


def _result(
    target: _Target, idata: Any, arviz: Any, free: Unbounded, level: float, seed: int
) -> Posterior:
    """Put the result together."""
    import pandas as pd

    variables = target.variables
    loglik, observations = _told(target, idata, seed)
    found = group_of(idata, "posterior")
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
    divergent = int(np.asarray(idata["sample_stats"]["diverging"].values).sum())
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
    free: Unbounded,
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
