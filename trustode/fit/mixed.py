"""Fits whose values differ between persons: what is set up before a search, told after it.

Imports the objective with random values integrated out, and the parts of the fit before results.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, OptionError, listed, nearest
from ..model import Model
from ..progress import Progress, track
from .bootstrap import check_whole
from .checks import check_marginal
from .columns import check_frame
from .data import Data, Design
from .groups import numbers_of
from .information import NORMAL_975
from .integral import sampled
from .marginal import ADAPTIVE, Marginal
from .modes import Modes
from .objective import Problem
from .observation import Observation
from .population import Population, with_labels
from .rest import AtRest
from .scales import LOG10
from .setup import assembled
from .vary import Layout, Vary, as_fitted

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

#: Standard deviation between persons that a search begins with: of a logarithm or log-odds, or as
#: a share of a value's size, and the least that it may be, in terms of that; the most, too, where
#: no more is likely (9 of a logarithm: one person in three is a factor 8,000 off), and where the
#: value's size is only a guess.
FIRST_SPREAD, LEAST_SPREAD, MOST_SPREAD, MOST_GUESSED = 0.3, 1e-3, 30.0, 1e3

#: Most nodes of a quadrature.
MOST_NODES = 20_000

#: Draws of a person that check the integral.
N_SAMPLED = 500

#: Share of the draws below which a person's effective number tells of another shape than a normal
#: density's, which would leave nine in ten.
ODD = 0.4

#: How many standard errors, and how much at least, the integral may be off before it is said.
OFF, MATTERS = 3.0, 0.5

#: Forms of the covariance between random values.
COVARIANCES = ("diagonal", "full")


@dataclass(frozen=True, eq=False)
class Mixed:
    """What a fit with random values says of the population beside its parameters.

    Attributes
    ----------
    method : str
        How the random values were integrated.
    loglik : float
        Marginal log-likelihood by that method; the fit's own.
    sampled, sampled_error : float
        The same by importance sampling, with its Monte Carlo standard error.
    effective : float
        The least effective number of draws of any person.
    covariance : DataFrame
        Between random values, on their scales.
    shrinkage : Series
        Of each random value, one minus the ratio of the standard deviation of the persons' modes
        to that of the population: near one, single persons' data say little.
    """

    method: str
    loglik: float
    sampled: float
    sampled_error: float
    effective: float
    covariance: pd.DataFrame
    shrinkage: pd.Series[float]

    def summary(self) -> str:
        """Return how the random values were integrated out, in a sentence or two."""
        shrinkage = ", ".join(f"{name} {value:.2f}" for name, value in self.shrinkage.items())
        return (
            f"log-likelihood by {self.method} {self.loglik:.6g}, by importance sampling "
            f"{self.sampled:.6g} (standard error {self.sampled_error:.2g}); shrinkage: {shrinkage}"
        )


def is_mixed(vary: object) -> bool:
    """Tell whether any value is random."""
    return isinstance(vary, Mapping) and any(
        isinstance(each, Vary) and each.random for each in vary.values()
    )


def integrated(
    model: Model,
    data: pd.DataFrame,
    time: str,
    observed: Mapping[str, Observation],
    vary: Mapping[Any, Vary],
    group: str | Sequence[str] | None,
    inputs: Mapping[Any, Any] | None,
    params: Mapping[Any, Any] | None,
    initial: Mapping[Any, Any] | str | AtRest | None,
    covariance: str,
    quadrature: int | str,
    where: str,
) -> tuple[Marginal, Design]:
    """Check every argument, some of them random, and bring them together."""
    n_random = sum(bool(each.random) for each in vary.values() if isinstance(each, Vary))
    check_how_mixed(covariance, quadrature, n_random, where)
    inner, _, person = without_random(vary, group, where)
    problem, design = assembled(
        model, data, time, observed, inner, group, inputs, params, initial, where
    )
    outer, people = populated(problem, data, vary, person, covariance, where)
    marginal = Marginal(problem, outer, people, quadrature)
    check_marginal(marginal, where)
    return marginal, design


def without_random(
    vary: Mapping[Any, Any], group: str | Sequence[str] | None, where: str
) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return what varies with a value for each person in place of random ones.

    With it the same with one value for all, and the column that names persons.
    """
    varies = {str(getattr(name, "name", name)): each for name, each in vary.items()}
    groups = (group,) if isinstance(group, str) else tuple(group or ())
    persons: dict[str, str] = {}
    for name, each in varies.items():
        if not (isinstance(each, Vary) and each.random):
            continue
        if isinstance(each.random, str):
            persons[name] = each.random
        elif len(groups) == 1:
            persons[name] = groups[0]
        else:
            have = f"group={list(groups)!r} names several" if groups else "group= names none"
            raise OptionError(
                f"{where}: vary['{name}'] is random, but {have}; name the column of persons in "
                "group=, or as random='participant'"
            )
    columns = list(dict.fromkeys(persons.values()))
    if len(columns) > 1:
        raise OptionError(
            f"{where}: random values differ between levels of {listed(columns)}; only one kind of "
            "person can be drawn from a population"
        )
    pooled = {
        name: replace(each, random=False, covariates=()) if name in persons else each
        for name, each in varies.items()
    }
    inner = {
        name: replace(each, prior=None, prior_scale="lin", per=columns[0])
        if name in persons
        else each
        for name, each in pooled.items()
    }
    return inner, pooled, columns[0]


def check_how_mixed(covariance: object, quadrature: object, n_random: int, where: str) -> None:
    """Raise for a covariance or a number of nodes that cannot be."""
    if covariance not in COVARIANCES:
        raise OptionError(
            f"{where}: covariance={covariance!r:.60}"
            f"{nearest(str(covariance), COVARIANCES) or '.'} It can be {listed(COVARIANCES)}"
        )
    if quadrature == ADAPTIVE:
        if n_random > 1:
            raise OptionError(
                f"{where}: quadrature='adaptive' integrates one random value, and {n_random} are "
                "random; take a number of nodes, or fit.sample()"
            )
        return
    if isinstance(quadrature, str):
        raise OptionError(
            f"{where}: quadrature={quadrature!r:.60}{nearest(quadrature, [ADAPTIVE]) or '.'} It "
            "can be 'adaptive' or a number of nodes"
        )
    check_whole(quadrature, "quadrature", 1, where)
    assert isinstance(quadrature, int)
    if quadrature**n_random > MOST_NODES:
        most = int(MOST_NODES ** (1.0 / n_random))
        raise OptionError(
            f"{where}: quadrature={quadrature} needs {quadrature}**{n_random} nodes for "
            f"{n_random} random values; take {most} at most, or 1 for Laplace's method"
        )


def populated(
    problem: Problem,
    data: pd.DataFrame,
    vary: Mapping[Any, Vary],
    person: str,
    covariance: str,
    where: str,
) -> tuple[Layout, Population]:
    """Lay out what is estimated, from a problem with a value for each person."""
    varies = {str(getattr(name, "name", name)): each for name, each in vary.items()}
    inner = problem.layout
    names = tuple(name for name in inner.names if varies[name].random)
    labels = inner.levels[inner.names.index(names[0])]
    if len(labels) < 2:
        raise DataError(
            f"{where}: '{person}' names {len(labels)} person; a population needs two at least. "
            "Fit one person without random="
        )
    start_of = np.searchsorted(inner.owner, np.arange(len(inner.names)))
    number = inner.names.index(names[0])
    of_group = problem.index[:, number] - start_of[number]
    covariates = _covariates(problem, data, varies, names, of_group, labels, where)
    outer: list[tuple[str, Vary, tuple[Hashable, ...], tuple[float, float]]] = []
    shared, outer_shared, at = [], [], 0
    linear: list[tuple[int, int, Array]] = []
    for k, name in enumerate(inner.names):
        if name in names:
            vary_of = replace(varies[name], random=False, covariates=())
            outer.append((name, vary_of, (None,), inner.bounds[k]))
            linear.append((at, names.index(name), np.ones(len(labels))))
            at += 1
            continue
        levels = inner.levels[k]
        outer.append((name, inner.varies[k], levels, inner.bounds[k]))
        shared += list(range(start_of[k], start_of[k] + len(levels)))
        outer_shared += list(range(at, at + len(levels)))
        at += len(levels)
    for (name, column), values in covariates.items():
        outer.append((f"{name} ~ {column}", Vary(0.0), (None,), (-math.inf, math.inf)))
        linear.append((at, names.index(name), values))
        at += 1
    sd, corr = [], []
    for name in names:
        begin = _spread(varies[name])
        known = varies[name].scale != "lin" or math.isfinite(varies[name].max - varies[name].min)
        ends = (LEAST_SPREAD * begin, (MOST_SPREAD if known else MOST_GUESSED) * begin)
        outer.append((f"sd({name})", Vary(begin, *ends, scale="log"), (None,), ends))
        sd.append(at)
        at += 1
    if covariance == "full":
        for k, one in enumerate(names):
            for other in range(k + 1, len(names)):
                label = f"corr({one}, {names[other]})"
                outer.append((label, Vary(0.0, -1.0, 1.0, scale="atanh"), (None,), (-1.0, 1.0)))
                corr.append((k, other, at))
                at += 1
    called, varied, levels_of, bounds = zip(*outer, strict=True)
    chains = _chains(inner, shared, outer_shared)
    # Of spreads less and less may be known on the way, with nothing lost.
    layout = Layout(called, varied, levels_of, bounds, chains, roams=True)
    weights = np.zeros((len(labels), len(names), len(linear)))
    for j, (_, k, values) in enumerate(linear):
        weights[:, k, j] = values
    owned = [start_of[inner.names.index(name)] + np.arange(len(labels)) for name in names]
    return layout, Population(
        labels=labels,
        person=of_group,
        names=names,
        shared=np.array(shared, dtype=np.intp),
        owned=np.stack(owned, axis=1).astype(np.intp),
        outer_shared=np.array(outer_shared, dtype=np.intp),
        linear=np.array([place for place, _, _ in linear], dtype=np.intp),
        weights=weights,
        sd=np.array(sd, dtype=np.intp),
        corr=tuple(corr),
    )


def _covariates(
    problem: Problem,
    data: pd.DataFrame,
    varies: Mapping[str, Vary],
    names: Sequence[str],
    of_group: Indices,
    labels: Sequence[Hashable],
    where: str,
) -> dict[tuple[str, str], Array]:
    """Return the values of each covariate of each random value, one a person."""
    found: dict[tuple[str, str], Array] = {}
    wanted = [(name, column) for name in names for column in varies[name].covariates]
    check_frame(data, [(column, f"covariate of {name}") for name, column in wanted], where)
    groups = problem.data.labels
    members = [np.flatnonzero(problem.data.group == g) for g in range(len(groups))]
    for name, column in wanted:
        values = numbers_of(data, f"covariate of {name}", column, groups, members, where)
        each = np.full(len(labels), np.nan)
        for g, person in enumerate(of_group):
            if each[person] not in (values[g],) and not np.isnan(each[person]):
                raise DataError(
                    f"{where}: covariate '{column}' of {labels[person]!r} is {each[person]:g} and "
                    f"{values[g]:g}; a person needs one value"
                )
            each[person] = values[g]
        if np.ptp(each) == 0.0:
            raise DataError(
                f"{where}: covariate '{column}' is {each[0]:g} for every person, so it cannot be "
                "told from the mean; leave it out"
            )
        found[name, column] = each
    return found


def _spread(vary: Vary) -> float:
    """Return the standard deviation between persons to begin with, on a value's scale."""
    if vary.scale == "lin":
        if math.isfinite(vary.min) and math.isfinite(vary.max):
            return 0.1 * (vary.max - vary.min)
        return FIRST_SPREAD * (abs(vary.value) or 1.0)
    return FIRST_SPREAD / LOG10 if vary.scale == "log10" else FIRST_SPREAD


def _chains(
    inner: Layout, shared: Sequence[int], outer: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """Return which outer values must increase, of those that persons share."""
    place = dict(zip(shared, outer, strict=True))
    return tuple(
        tuple(place[k] for k in chain) for chain in inner.chains if all(k in place for k in chain)
    )


# ------------------------------------------------------------------ results


def told(
    marginal: Marginal, modes: Modes, loglik: float, seed: int, progress: Progress, where: str
) -> tuple[Mixed, pd.DataFrame, list[str]]:
    """Check the integral, and tabulate the persons; with what deserves a look."""
    import pandas as pd

    pop = marginal.population
    names = list(pop.names)
    with track(N_SAMPLED, progress, f"{where}, integral") as advance:
        each, error, effective = sampled(marginal.people, modes, N_SAMPLED, seed, advance)
    checked, checked_error = float(each.sum()), float(np.sqrt((error**2).sum()))
    sd = np.sqrt(np.diagonal(modes.covariance))
    spread = np.sqrt(np.mean((modes.own - modes.mean) ** 2, axis=0))
    shrinkage = pd.Series(1.0 - spread / sd, index=names, name="shrinkage")
    k, adaptive = marginal.quadrature, marginal.quadrature == ADAPTIVE
    method = "Laplace's method" if k == 1 else f"quadrature with {k} nodes a value"
    method = "adaptive quadrature" if adaptive else method
    mixed = Mixed(
        method=method,
        loglik=loglik,
        sampled=checked,
        sampled_error=checked_error,
        effective=float(effective.min()),
        covariance=pd.DataFrame(modes.covariance, index=names, columns=names),
        shrinkage=shrinkage,
    )
    notes = []
    least = np.array([marginal.layout.lower[at] for at in pop.sd])
    alike = [name for name, at, low in zip(names, pop.sd, least, strict=True)
             if modes.outer[at] <= low]  # fmt: skip
    if alike:
        notes.append(
            f"persons do not differ in {listed(alike)} as far as these data show: the spread is "
            "at its least; fit without random= there"
        )
    other = "quadrature='adaptive'" if len(names) == 1 else "fit.sample()"
    rough = (
        "Of those the marginal likelihood is rough, and a search of it may stop before its "
        f"optimum; {other} does without it"
    )
    remedy = f"use {other}" if len(names) == 1 else "use quadrature=5 or more"
    remedy = "fit.sample() needs neither" if adaptive else remedy
    odd = [str(pop.labels[k]) for k in np.flatnonzero(effective < ODD * N_SAMPLED)]
    if odd:
        notes.append(
            f"{len(odd)} of {len(pop.labels)} persons' likelihoods are far from a normal density "
            f"around their best values: {listed(odd, 6)}. "
            + ("So the intervals of single persons mislead" if adaptive else rough)
        )
    off = abs(loglik - checked)
    if off > max(OFF * checked_error, MATTERS):
        notes.append(
            f"the marginal log-likelihood by {method} is {off:.2g} from that by importance "
            f"sampling ({checked:.6g}, standard error {checked_error:.2g}); {remedy}"
        )
    return mixed, _persons_frame(marginal, modes), notes


def _persons_frame(marginal: Marginal, modes: Modes) -> pd.DataFrame:
    """Tabulate every person's values."""
    import pandas as pd

    pop, layout = marginal.population, marginal.inner.layout
    error = np.sqrt((modes.root**2).sum(axis=2))

    def natural(own: Array) -> Array:
        x = layout.first.copy()
        x[pop.owned] = own
        found: Array = layout.natural(x)[pop.owned]
        return found

    columns = [natural(modes.own + side * NORMAL_975 * error) for side in (0.0, -1.0, 1.0)]
    n_person, q = modes.own.shape
    return pd.DataFrame(
        {
            "person": np.repeat(np.array(pop.labels, dtype=object), q),
            "name": list(pop.names) * n_person,
            "value": columns[0].ravel(),
            "low": columns[1].ravel(),
            "high": columns[2].ravel(),
            "effect": (modes.own - modes.mean).ravel(),
            "stderr": error.ravel(),
        }
    )


def with_strangers(
    marginal: Marginal,
    outer: Array,
    x: Array,
    data: Data,
    frame: pd.DataFrame,
    where: str,
) -> tuple[Layout, Array]:
    """Return the layout and the values of predictions with means for persons not fitted."""
    layout, pop = marginal.inner.layout, marginal.population
    column = layout.varies[layout.names.index(pop.names[0])].per
    persons = data.levels[str(column)]
    strangers = tuple(dict.fromkeys(each for each in persons if each not in pop.labels))
    if not strangers:
        return layout, x
    mean = np.zeros((len(strangers), len(pop.names)))
    members = [np.flatnonzero(data.group == g) for g in range(len(data.labels))]
    first = [persons.index(each) for each in strangers]
    for at in pop.linear.tolist():
        name, _, covariate = marginal.layout.names[marginal.layout.owner[at]].partition(" ~ ")
        weight = np.ones(len(strangers))
        if covariate:
            told = f"covariate of {name}"
            check_frame(frame, [(covariate, told)], where)
            every = numbers_of(frame, told, covariate, data.labels, members, where)
            weight = every[first]
        mean[:, pop.names.index(name)] += weight * outer[at]
    new, shared, owned = with_labels(layout, pop, (*pop.labels, *strangers))
    values = np.empty(new.n_free)
    values[shared] = x[pop.shared]
    values[owned] = np.concatenate([x[pop.owned], mean])
    return new, values


def population_model(model: Model, marginal: Marginal, x: Array) -> Model:
    """Return a model with the means of its random values."""
    values = marginal.layout.natural(x)
    at = marginal.layout.names.index
    means = {name: float(values[at(name)]) for name in marginal.population.names}
    params, initial = as_fitted(model, means)
    return model.replace(params=params, initial=initial)
