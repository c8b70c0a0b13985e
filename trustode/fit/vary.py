"""What a fit varies: `Vary`, and the layout of all free values in one vector.

The optimiser sees a vector x of shape (n_free,): every value on its scale. A name that is
varied per column has one entry a level. Imports the errors, the model layer, scales and priors.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, OptionError, checks_keywords
from ..model import Model, Param
from .prior import check_prior, described, log_density, penalty, volume
from .scales import SCALES, TIMES, Scale, check_scale, scaled

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

#: What an estimated parameter of a fitted model has as its source.
FITTED = "fitted"
#: Share of a gap between ordered values that one step may close.
CLOSED = 0.9


@checks_keywords
@dataclass(frozen=True)
class Vary:
    """A value that a fit is free to choose.

    Parameters
    ----------
    value : float
        Where the first start begins.
    min, max : float
        Bounds, inclusive. A fit also keeps within the model's own range of the parameter
        (or bounds of the state).
    scale : {"lin", "log", "log10", "logit", "atanh"}
        Whether steps, starts and intervals are made on the value, on its logarithm or, for a
        value between 0 and 1, on the logarithm of its odds, or, between -1 and 1, on Fisher's z.
    per : str, optional
        Column of the data with one value for each of whose levels; it must be constant
        within a group.
    prior : continuous distribution of scipy.stats, optional
        What is known of the value before the data, as ``scipy.stats.norm(1.0, 0.5)``, of
        every level alike. With priors a fit finds the values of the highest posterior
        density.
    prior_scale : {"lin", "log", "log10", "logit", "atanh"}
        Scale that `prior` is a density on: ``scipy.stats.norm(0, 1)`` with "log10" says that
        the logarithm of the value is normal, and its mode is at 1.
    random : bool or str
        Whether each person has a value of their own, drawn from a population: normal on the
        scale, so log-normal with "log". Estimated are the population's mean, to which `value`,
        bounds and prior belong, and its standard deviation, ``"sd(alpha)"``, both on the scale.
        A person is a group of the data, or the level of the column named here.
    covariates : sequence of str
        Columns of numbers, with one value a person, that shift the mean of a random value: by
        the coefficient ``"alpha ~ bpd"`` for each unit of column bpd, on the scale.

    Raises
    ------
    OptionError
        If a number is not finite or outside the bounds, the scale is unknown, or the value
        has no density under the prior.
    """

    value: float
    min: float = -math.inf
    max: float = math.inf
    scale: str = "lin"
    per: str | None = None
    prior: Any = None
    prior_scale: str = "lin"
    random: bool | str = False
    covariates: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("value", "min", "max"):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, numbers.Real):
                raise OptionError(f"Vary: {name}={number!r:.60} is not a number")
            if math.isnan(number):
                raise OptionError(f"Vary: {name} is NaN")
            object.__setattr__(self, name, float(number))
        check_scale("scale", self.scale)
        check_scale("prior_scale", self.prior_scale)
        if self.per is not None and not isinstance(self.per, str):
            raise OptionError(f"Vary: per={self.per!r:.60} must be the name of a column")
        if not self.min < self.max:
            raise OptionError(f"Vary: min={self.min:g} is not below max={self.max:g}")
        if not math.isfinite(self.value) or not self.min <= self.value <= self.max:
            raise OptionError(f"Vary: value {self.value:g} is outside [{self.min:g}, {self.max:g}]")
        self._check_scale(self.scale)
        self._check_ends()
        self._check_random()
        if self.prior is None:
            return
        check_prior(self.prior)
        self._check_scale(self.prior_scale)
        x = scaled(np.array([self.value]), SCALES[self.prior_scale])
        if not np.isfinite(log_density(self.prior, x)[0][0]):
            raise OptionError(
                f"Vary: value {self.value:g} has no density under its prior "
                f"{self.prior.dist.name}; begin at a possible value"
            )

    def __repr__(self) -> str:
        given = [f"{self.value!r}"]
        for each in fields(self)[1:]:
            value = getattr(self, each.name)
            if value != each.default:
                shown = described(value) if each.name == "prior" else repr(value)
                given.append(f"{each.name}={shown}")
        return f"Vary({', '.join(given)})"

    def _check_random(self) -> None:
        """Raise unless persons and covariates are named rightly; keep the latter as a tuple."""
        if not isinstance(self.random, bool | str) or self.random == "":
            raise OptionError(
                f"Vary: random={self.random!r:.60} must be True, False or the column of persons"
            )
        given = self.covariates
        if isinstance(given, str) or not all(isinstance(each, str) for each in given):
            raise OptionError(
                f"Vary: covariates={given!r:.60} must be a list of columns, as ['bpd']"
            )
        object.__setattr__(self, "covariates", tuple(given))
        if self.covariates and not self.random:
            raise OptionError(
                f"Vary: covariates={list(given)!r:.60} shift the mean of a random value; add "
                "random=True, or use per= for a value of each level"
            )
        if self.random and self.per is not None:
            raise OptionError(
                f"Vary: per={self.per!r:.60} gives each level a value of its own and random= "
                "draws them from a population; keep one (a difference between groups of "
                "persons is a covariate, coded 0 and 1)"
            )

    def _check_ends(self) -> None:
        """Raise if a bound that was given lies beyond the ends of the scale."""
        scale = SCALES[self.scale]
        for name, end in (("min", self.min), ("max", self.max)):
            if math.isfinite(end) and not scale.low <= end <= scale.high:
                raise OptionError(
                    f"Vary: {name}={end:g} cannot be reached on scale={self.scale!r}, whose values "
                    f"lie between {scale.low:g} and {scale.high:g}; move {name}, or use scale='lin'"
                )

    def _check_scale(self, name: str) -> None:
        """Raise unless a scale is defined at the value."""
        scale = SCALES[name]
        if scale.low < self.value < scale.high:
            return
        what, rule = "logarithm", "a positive value"
        if name == "logit":
            what, rule = "log-odds", "a value between 0 and 1"
        elif name == "atanh":
            what, rule = "atanh", "a value between -1 and 1"
        raise OptionError(f"Vary: value {self.value:g} has no {what}; use scale='lin' or {rule}")


def initial_of(name: str, model: Model) -> str | None:
    """Return the state whose initial value a name like ``"T(0)"`` stands for, or None."""
    state = name[:-3] if name.endswith("(0)") else ""
    return state if state in model.states else None


def as_fitted(
    model: Model, values: Mapping[str, float]
) -> tuple[dict[str, Param], dict[str, float]]:
    """Return what `Model.replace` takes of estimates: parameters, and starts of states.

    What only an observation uses stands in neither.
    """
    params, initial = dict[str, Param](), dict[str, float]()
    for name, value in values.items():
        state = initial_of(name, model)
        if state is not None:
            initial[state] = value
        elif name in model.params:
            params[name] = replace(model.parameters[name], value=value, source=FITTED)
    return params, initial


def limits(name: str, vary: Vary, model: Model, smallest: float) -> tuple[float, float]:
    """Return the bounds of a value: those of `vary` within those of the model.

    `smallest` is the least a standard deviation may be, or minus infinity, unless `vary` says.

    Raises
    ------
    OptionError
        If the value to start from lies outside the model's range.
    """
    state = initial_of(name, model)
    low, high = -math.inf, math.inf
    if state is not None:
        low, high = model.bounds.get(state, (low, high))
    elif name in model.parameters:
        low, high = model.parameters[name].min, model.parameters[name].max
    if not low <= vary.value <= high:
        raise OptionError(
            f"fit({model.name}): Vary of '{name}' starts at {vary.value:g}, outside the model's "
            f"range [{low:g}, {high:g}]"
        )
    if vary.min > 0.0:
        smallest = -math.inf
    return max(low, vary.min, min(smallest, vary.value)), min(high, vary.max)


@dataclass(frozen=True, eq=False)
class Layout:
    """Where each value stands in the vector of free values.

    Parameters
    ----------
    names : tuple of str
    varies : tuple of Vary
    levels : tuple of tuple
        Levels of each name; a single None for a name with one value.
    bounds : tuple of (low, high)
        Of each name, on its natural scale.
    chains : tuple of tuple of int
        Free values that must increase, as the cut points of a rating.
    roams : bool
        Whether between bounds every value may be carried past where it has no effect, and not
        only those on a scale of orders of magnitude.
    """

    names: tuple[str, ...]
    varies: tuple[Vary, ...]
    levels: tuple[tuple[Hashable, ...], ...]
    bounds: tuple[tuple[float, float], ...]
    chains: tuple[tuple[int, ...], ...] = ()
    roams: bool = False

    @cached_property
    def held_back(self) -> NDArray[np.bool_]:
        """Whether steps of each value are damped by what has been known of it, (n_free,)."""
        bounded = np.isfinite(self.lower) & np.isfinite(self.upper)
        return ~(bounded & (self.curved | self.roams))

    @cached_property
    def owner(self) -> Indices:
        """Name that each free value belongs to, shape (n_free,)."""
        return np.repeat(np.arange(len(self.names)), [len(levels) for levels in self.levels])

    @property
    def n_free(self) -> int:
        """Number of free values."""
        return len(self.owner)

    @cached_property
    def curved(self) -> NDArray[np.bool_]:
        """Whether each free value is on a scale other than "lin", shape (n_free,)."""
        return np.array([self.varies[k].scale != "lin" for k in self.owner], dtype=bool)

    @cached_property
    def log(self) -> NDArray[np.bool_]:
        """Whether each free value is on a logarithmic scale, shape (n_free,)."""
        return np.array([self.varies[k].scale in ("log", "log10") for k in self.owner], dtype=bool)

    @cached_property
    def _by_scale(self) -> list[tuple[Scale, Indices]]:
        """Free values on each scale but the linear one."""
        scales = np.array([self.varies[k].scale for k in self.owner], dtype=object)
        curved = [name for name in SCALES if name != "lin" and (scales == name).any()]
        return [(SCALES[name], np.flatnonzero(scales == name)) for name in curved]

    @cached_property
    def lower(self) -> Array:
        """Lower bounds of x."""
        return self._edges(0)

    @cached_property
    def upper(self) -> Array:
        """Upper bounds of x."""
        return self._edges(1)

    def _bounds(self, side: int) -> Array:
        return np.array([self.bounds[k][side] for k in self.owner])

    def _edges(self, side: int) -> Array:
        return self.scaled(self._bounds(side))

    @cached_property
    def first(self) -> Array:
        """The values given, as x."""
        return self.scaled(np.array([self.varies[k].value for k in self.owner]))

    def natural(self, x: Array) -> Array:
        """Return values from x; a bound comes back to the last bit."""
        values = x.copy()
        with np.errstate(over="ignore"):
            for scale, at in self._by_scale:
                values[..., at] = scale.inverse(x[..., at])
        for edge, bound in ((self.lower, self._bounds(0)), (self.upper, self._bounds(1))):
            values = np.where(x == edge, bound, values)
        return values

    def scaled(self, values: Array) -> Array:
        """Return x from values; infinite at and beyond the ends of a scale."""
        x = np.array(values, dtype=float)
        for scale, at in self._by_scale:
            x[at] = scaled(x[at], scale)
        return x

    def slope(self, values: Array) -> Array:
        """Return d value / d x; values may be rows of values."""
        found = np.ones_like(values)
        for scale, at in self._by_scale:
            found[..., at] = scale.slope(values[..., at])
        return found

    @cached_property
    def _informed(self) -> list[tuple[Vary, Indices]]:
        """Priors, each with the free values that have it on the same scales."""
        found: dict[tuple[str, str, str], tuple[Vary, list[int]]] = {}
        for at, k in enumerate(self.owner):
            vary = self.varies[k]
            if vary.prior is not None:
                kind = described(vary.prior), vary.prior_scale, vary.scale
                found.setdefault(kind, (vary, []))[1].append(at)
        return [(vary, np.array(at, dtype=np.intp)) for vary, at in found.values()]

    @property
    def has_priors(self) -> bool:
        """Whether any value has a prior."""
        return bool(self._informed)

    def penalty(self, x: Array) -> tuple[float, Array, Array]:
        """Return what priors add to the objective at x, with gradient and curvature.

        The curvature is diagonal, and zero where the density is not log-concave.
        """
        value, gradient, curvature = 0.0, np.zeros(self.n_free), np.zeros(self.n_free)
        for vary, at in self._informed:
            each, by, by2 = penalty(vary.prior, vary.prior_scale, vary.scale, x[at])
            value += float(each.sum())
            gradient[at] += by
            curvature[at] += np.maximum(by2, 0.0)
        return value, gradient, curvature

    def volume(self, x: Array) -> tuple[float, Array]:
        """Return what makes the density of values with priors one of x, with its gradient."""
        value, gradient = 0.0, np.zeros(self.n_free)
        for vary, at in self._informed:
            each, by = volume(vary.prior_scale, vary.scale, x[at])
            value += float(each.sum())
            gradient[at] += by
        return value, gradient

    def in_order(self, x: Array, moved: Array) -> Array:
        """Shorten a step so that values in order stay so."""
        share = 1.0
        for chain in self.chains:
            at = list(chain)
            gap, change = np.diff(x[at]), np.diff(moved[at])
            closing = (gap > 0.0) & (change < -CLOSED * gap)
            if closing.any():
                share = min(share, float((-CLOSED * gap[closing] / change[closing]).min()))
        return moved * share if share < 1.0 else moved

    def indices(
        self, columns: Mapping[str, Sequence[Hashable]], n_group: int, where: str
    ) -> Indices:
        """Return the free value that each name has in each group, shape (n_group, n_name).

        Raises
        ------
        DataError
            If a group has a level that was not fitted.
        """
        found = np.zeros((n_group, len(self.names)), dtype=np.intp)
        start = 0
        for k, (vary, levels) in enumerate(zip(self.varies, self.levels, strict=True)):
            if vary.per is None:
                found[:, k] = start
            else:
                position = {level: start + i for i, level in enumerate(levels)}
                for g, level in enumerate(columns[vary.per]):
                    if level not in position:
                        raise DataError(
                            f"{where}: {vary.per} {level!r} was not among the data that were "
                            f"fitted, so '{self.names[k]}' has no value for it"
                        )
                    found[g, k] = position[level]
            start += len(levels)
        return found

    def starts(self, n: int, seed: int) -> Array:
        """Return points to start from, shape (n, n_free): a Latin hypercube after the first.

        All levels of a name start alike. Unbounded sides are replaced by a reach around
        the given value.

        References
        ----------
        McKay, Beckman & Conover (1979), Technometrics 21, 239-245.
        """
        rng = np.random.default_rng(seed)
        points = np.tile(self.first, (n, 1))
        if n > 1:
            stratum = rng.permuted(np.tile(np.arange(n - 1), (len(self.names), 1)), axis=1).T
            points[1:] = self.spread((stratum + rng.random(stratum.shape)) / (n - 1))
        return points

    def draw(self, rng: np.random.Generator) -> Array:
        """Return one random point to start from, shape (n_free,)."""
        point: Array = self.spread(rng.random((1, len(self.names))))[0]
        return point

    def spread(self, share: Array) -> Array:
        """Return x for shares of the way between bounds, rows of one a name, shape (n, n_free)."""
        reach = TIMES * np.maximum(np.abs(self.first), 1.0)
        for scale, at in self._by_scale:
            reach[at] = scale.reach
        low = np.where(np.isfinite(self.lower), self.lower, self.first - reach)
        high = np.where(np.isfinite(self.upper), self.upper, self.first + reach)
        spread: Array = low + share[:, self.owner] * (high - low)
        for chain in self.chains:
            spread[:, list(chain)] = np.sort(spread[:, list(chain)], axis=1)
        return spread
