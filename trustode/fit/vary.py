"""What a fit varies: `Vary`, and the layout of all free values in one vector.

The optimiser sees a vector x of shape (n_free,): a value itself, or its logarithm where
the scale is "log". A name that is varied per column has one entry a level. Imports the
errors and the model layer.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, OptionError, checks_keywords
from ..model import Model

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

#: Without bounds, starts lie within this factor of the given value on a log scale, and
#: within this many times its size (at least 1) on a linear one.
LOG_REACH = 100.0
LINEAR_REACH = 2.0


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
    scale : {"lin", "log"}
        Whether steps, starts and intervals are made on the value or on its logarithm.
    per : str, optional
        Column of the data with one value for each of whose levels; it must be constant
        within a group.

    Raises
    ------
    OptionError
        If a number is not finite or outside the bounds, or the scale is unknown.
    """

    value: float
    min: float = -math.inf
    max: float = math.inf
    scale: str = "lin"
    per: str | None = None

    def __post_init__(self) -> None:
        for name in ("value", "min", "max"):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, numbers.Real):
                raise OptionError(f"Vary: {name}={number!r:.60} is not a number")
            if math.isnan(number):
                raise OptionError(f"Vary: {name} is NaN")
            object.__setattr__(self, name, float(number))
        if self.scale not in ("lin", "log"):
            raise OptionError(f"Vary: scale={self.scale!r:.60} must be 'lin' or 'log'")
        if self.per is not None and not isinstance(self.per, str):
            raise OptionError(f"Vary: per={self.per!r:.60} must be the name of a column")
        if not self.min < self.max:
            raise OptionError(f"Vary: min={self.min:g} is not below max={self.max:g}")
        if not math.isfinite(self.value) or not self.min <= self.value <= self.max:
            raise OptionError(f"Vary: value {self.value:g} is outside [{self.min:g}, {self.max:g}]")
        if self.scale == "log" and not self.value > 0.0:
            raise OptionError(
                f"Vary: value {self.value:g} has no logarithm; use scale='lin' or a positive value"
            )


def initial_of(name: str, model: Model) -> str | None:
    """Return the state whose initial value a name like ``"T(0)"`` stands for, or None."""
    state = name[:-3] if name.endswith("(0)") else ""
    return state if state in model.states else None


def limits(name: str, vary: Vary, model: Model, smallest: float) -> tuple[float, float]:
    """Return the bounds of a value: those of `vary` within those of the model.

    `smallest` is the least a standard deviation may be, or minus infinity.

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
    """

    names: tuple[str, ...]
    varies: tuple[Vary, ...]
    levels: tuple[tuple[Hashable, ...], ...]
    bounds: tuple[tuple[float, float], ...]

    @cached_property
    def owner(self) -> Indices:
        """Name that each free value belongs to, shape (n_free,)."""
        return np.repeat(np.arange(len(self.names)), [len(levels) for levels in self.levels])

    @property
    def n_free(self) -> int:
        """Number of free values."""
        return len(self.owner)

    @cached_property
    def log(self) -> NDArray[np.bool_]:
        """Whether each free value is on a log scale, shape (n_free,)."""
        return np.array([self.varies[k].scale == "log" for k in self.owner], dtype=bool)

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
        with np.errstate(over="ignore"):
            values = np.where(self.log, np.exp(np.where(self.log, x, 0.0)), x)
        for edge, bound in ((self.lower, self._bounds(0)), (self.upper, self._bounds(1))):
            values = np.where(x == edge, bound, values)
        return values

    def scaled(self, values: Array) -> Array:
        """Return x from values; minus infinity where a log scale meets nothing positive."""
        positive = np.where(self.log & (values > 0.0), values, 1.0)
        return np.where(self.log, np.where(values > 0.0, np.log(positive), -np.inf), values)

    def slope(self, values: Array) -> Array:
        """Return d value / d x."""
        return np.where(self.log, values, 1.0)

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
            points[1:] = self._spread((stratum + rng.random(stratum.shape)) / (n - 1))
        return points

    def draw(self, rng: np.random.Generator) -> Array:
        """Return one random point to start from, shape (n_free,)."""
        point: Array = self._spread(rng.random((1, len(self.names))))[0]
        return point

    def _spread(self, share: Array) -> Array:
        """Return x for shares of the way between bounds, one a name."""
        size = LINEAR_REACH * np.maximum(np.abs(self.first), 1.0)
        reach = np.where(self.log, math.log(LOG_REACH), size)
        low = np.where(np.isfinite(self.lower), self.lower, self.first - reach)
        high = np.where(np.isfinite(self.upper), self.upper, self.first + reach)
        spread: Array = low + share[:, self.owner] * (high - low)
        return spread
