"""Families of a location and a scale: symmetric densities, transforms, detection limits."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.special import ndtri

from ...errors import DataError, OptionError
from .base import (
    Array,
    Known,
    Observation,
    Terms,
    check_choice,
    check_quantity,
    name_of,
    normal_between,
    refuse_values,
)

LOG10 = math.log(10.0)
TRANSFORMS = ("lin", "log", "log10")

#: Points of quadrature, each side of the median, for the information of censored rows.
_NODES, _WEIGHTS = leggauss(20)


def transformed(values: Array, transform: str) -> Array:
    """Return values on the scale of a transform."""
    if transform == "lin":
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm: Array = np.log(values)
    return logarithm / LOG10 if transform == "log10" else logarithm


class Located(Observation):
    """A symmetric distribution around a location, with a scale and perhaps a shape.

    With ``z = (observed - location) / scale``, both perhaps as logarithms, a row adds
    ``density(z) + log(scale)`` and what a transform costs; a row at or beyond a detection
    limit adds ``tail(z)`` of the limit.
    """

    expr: Any
    lower: float | str | None
    upper: float | str | None

    def _check(self, scale: str) -> None:
        """Check the fields that all such families have."""
        family = type(self).__name__
        object.__setattr__(self, "expr", check_quantity(self.expr, "expr", family))
        object.__setattr__(self, scale, check_quantity(getattr(self, scale), scale, family, 0.0))
        check_choice(self.transform, "transform", family, TRANSFORMS)
        for role in ("lower", "upper"):
            limit = getattr(self, role)
            if limit is not None and not isinstance(limit, str):
                if isinstance(limit, bool) or not isinstance(limit, int | float):
                    raise OptionError(
                        f"{family}: {role} must be a detection limit: a number, the column that "
                        f"holds it, or None; got {limit!r:.60}"
                    )
                object.__setattr__(self, role, float(limit))
        low, high = self.lower, self.upper
        if isinstance(low, float) and isinstance(high, float) and not low < high:
            raise OptionError(f"{family}: lower={low:g} is not below upper={high:g}")

    @property
    def summed(self) -> bool:
        """Whether the C core can sum the rows."""
        return super().summed and self.lower is None and self.upper is None

    @property
    def positive(self) -> tuple[str, ...]:
        """Names that only make sense above zero."""
        return tuple(name for each in self.quantities[1:] for name in name_of(each))

    @property
    def columns(self) -> dict[str, str | float]:
        """Detection limits."""
        limits = {"lower": self.lower, "upper": self.upper}
        return {role: limit for role, limit in limits.items() if limit is not None}

    def check(
        self, column: str, observed: Array, known: Known, rows: Sequence[Any], where: str
    ) -> None:
        """Raise `DataError` where a logarithm or an order of limits is impossible."""
        if self.transform != "lin":
            remedy = "Set these rows to missing, give a detection limit as lower=, or leave " + (
                f"transform='{self.transform}' out"
            )
            at_limit = observed <= known.get("lower", -np.inf)
            bad = ~(observed > 0.0) & ~at_limit
            refuse_values(bad, "it has no logarithm", column, observed, rows, where, remedy)
        for role in known.keys() & {"lower", "upper"}:
            if self.transform != "lin" and (known[role] <= 0.0).any():
                raise DataError(
                    f"{where}: the detection limit {role}= of column '{column}' is not positive "
                    f"and has no logarithm; correct it or leave transform= out"
                )
        if {"lower", "upper"} <= known.keys():
            bad = known["lower"] >= known["upper"]
            refuse_values(bad, "its lower= is not below its upper=", column, observed, rows, where)

    def prepared(self, observed: Array, known: Known) -> tuple[Array, Known]:
        """Return data and limits on the transform's scale; without a limit, infinity."""
        limits = {}
        for role, none in (("lower", -np.inf), ("upper", np.inf)):
            if role in known:
                given = transformed(known[role], self.transform)
                limits[role] = np.where(np.isnan(given), none, given)
        observed = np.maximum(observed, known.get("lower", -np.inf))
        return transformed(observed, self.transform), limits

    def cost(self, observed: Array) -> Array:
        """Return the logarithm of d data / d transformed data."""
        if self.transform == "lin":
            return np.zeros_like(observed)
        if self.transform == "log":
            return observed
        return observed * LOG10 + math.log(LOG10)

    def shown(self, predicted: Array) -> NDArray[Any]:
        """Return the location on the scale of the data: the median."""
        location: Array = predicted[:, 0]
        if self.transform == "lin":
            return location
        return np.exp(location * (LOG10 if self.transform == "log10" else 1.0))

    # ------------------------------------------------------------------ of the family

    @abstractmethod
    def density(self, z: Array, shape: Array) -> tuple[Array, Array, Array]:
        """Return ``-log f(z)`` and its derivatives by z and by the shape."""

    @abstractmethod
    def tail(self, z: Array, shape: Array) -> tuple[Array, Array, Array]:
        """Return ``-log F(z)`` and its derivatives by z and by the shape."""

    @abstractmethod
    def standard(self, shape: Array) -> Array:
        """Return the information at scale 1, shape (n_row, n_quantity, n_quantity)."""

    def weight(self, z: Array, shape: Array) -> Array:
        """Return the information at scale 1 that a search uses where z is seen."""
        return self.standard(shape)

    @abstractmethod
    def cumulative(self, z: Array, shape: Array) -> Array:
        """Return ``F(z)``."""

    @abstractmethod
    def quantile(self, u: Array, shape: Array) -> Array:
        """Return z where ``F(z)`` is u."""

    # ------------------------------------------------------------------ rows

    def terms(self, observed: Array, known: Known, predicted: Array) -> Terms:
        """Evaluate rows, at or beyond a detection limit by their tails."""
        location, scale = predicted[:, 0], predicted[:, 1]
        shape = predicted[:, 2] if predicted.shape[1] > 2 else np.zeros_like(location)
        with np.errstate(all="ignore"):
            log_scale = np.log(scale)
            z = (observed - location) / scale
            value, by_z, by_shape = self.density(z, shape)
            nll = value + log_scale + self.cost(observed)
            slope = self._slopes(z, by_z, by_shape, scale, 1.0)
            information = self.weight(z, shape)
            if known:
                nll, slope = self._censored(observed, known, predicted, shape, nll, slope)
                information = self._expected(known, predicted, shape)
            units = np.ones_like(predicted)
            units[:, :2] = 1.0 / scale[:, None]
            information = information * units[:, :, None] * units[:, None, :]
        n = predicted.shape[1]
        return Terms(nll, slope[:, :n], information)

    def _slopes(self, z: Array, by_z: Array, by_shape: Array, scale: Array, own: float) -> Array:
        """Return derivatives by location, scale and shape, given those by z."""
        return np.stack([-by_z / scale, (own - z * by_z) / scale, by_shape], axis=1)

    def _censored(
        self,
        observed: Array,
        known: Known,
        predicted: Array,
        shape: Array,
        nll: Array,
        slope: Array,
    ) -> tuple[Array, Array]:
        """Replace the densities of rows at or beyond a limit by tails."""
        nll, slope = nll.copy(), slope.copy()
        for role, sign in (("lower", 1.0), ("upper", -1.0)):
            limit = known.get(role)
            if limit is None:
                continue
            out = sign * observed <= sign * limit
            z = (limit[out] - predicted[out, 0]) / predicted[out, 1]
            value, by_z, by_shape = self.tail(sign * z, shape[out])
            nll[out] = value
            slope[out] = self._slopes(z, sign * by_z, by_shape, predicted[out, 1], 0.0)
        return nll, slope

    def _expected(self, known: Known, predicted: Array, shape: Array) -> Array:
        """Return the information at scale 1 of rows that limits may hide.

        The mean of the scores' products: over what is seen by quadrature in the cumulative
        probability, and beyond each limit the tail's score times its probability.
        """
        n_row, n = predicted.shape
        ends = []
        total = np.zeros((n_row, n, n))
        for role, sign in (("lower", 1.0), ("upper", -1.0)):
            limit = known.get(role)
            if limit is None:
                ends.append(np.full(n_row, 0.5 - 0.5 * sign))
                continue
            z = (limit - predicted[:, 0]) / predicted[:, 1]
            share = self.cumulative(sign * z, shape)
            _, by_z, by_shape = self.tail(sign * z, shape)
            score = self._slopes(z, sign * by_z, by_shape, np.ones(n_row), 0.0)[:, :n]
            # A limit far away hides nothing, though its score is not finite there.
            score = np.where((share > 1e-14)[:, None], score, 0.0)
            total += share[:, None, None] * score[:, :, None] * score[:, None, :]
            ends.append(share if sign > 0.0 else 1.0 - share)
        median = np.clip(0.5, ends[0], ends[1])
        # Each side of the median by itself, where a density may have a kink.
        for low, high in ((ends[0], median), (median, ends[1])):
            half, middle = 0.5 * (high - low), 0.5 * (high + low)
            for node, weight in zip(_NODES, _WEIGHTS, strict=True):
                z = self.quantile(middle + half * node, shape)
                _, by_z, by_shape = self.density(z, shape)
                score = self._slopes(z, by_z, by_shape, np.ones(n_row), 1.0)[:, :n]
                score = np.where((half > 1e-14)[:, None], score, 0.0)
                total += (weight * half)[:, None, None] * score[:, :, None] * score[:, None, :]
        return total

    def draw(self, rng: np.random.Generator, known: Known, predicted: Array) -> Array:
        """Draw from the distribution of each row; what is beyond a limit comes as the limit."""
        shape = predicted[:, 2] if predicted.shape[1] > 2 else np.zeros(len(predicted))
        z = self.quantile(rng.random(len(predicted)), shape)
        drawn: Array = np.clip(
            predicted[:, 0] + predicted[:, 1] * z,
            known.get("lower", -np.inf),
            known.get("upper", np.inf),
        )
        return drawn

    def residual(self, observed: Array, known: Known, predicted: Array, share: Array) -> Array:
        """Return the normal quantile of each row's cumulative probability."""
        shape = predicted[:, 2] if predicted.shape[1] > 2 else np.zeros(len(predicted))
        z = (observed - predicted[:, 0]) / predicted[:, 1]
        found = self.standardised(z, shape)
        for role, low in (("lower", True), ("upper", False)):
            if role in known:
                out = observed <= known[role] if low else observed >= known[role]
                limit = (known[role][out] - predicted[out, 0]) / predicted[out, 1]
                at = self.cumulative(limit, shape[out])
                ends = (np.zeros_like(at), at) if low else (at, np.ones_like(at))
                found[out] = normal_between(*ends, share[out])
        return found

    def standardised(self, z: Array, shape: Array) -> Array:
        """Return the normal quantile of ``F(z)``, from the nearer tail."""
        small = ndtri(self.cumulative(-np.abs(z), shape))
        return np.where(z > 0.0, -small, small)
