"""Priors: what is known of a value before the data, as distributions of scipy.stats.

The common ones are evaluated in closed form; any other continuous one by its `logpdf`, with
differences of it. Imports the errors and the scales.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln, log_ndtr

from ..errors import OptionError
from .scales import SCALES

Array = NDArray[np.float64]
#: Log-density and its first and second derivative.
Density = tuple[Array, Array, Array]

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
#: Step of differences, in scales of a prior: with errors of order 4 good to about 1e-10.
_STEP = 1e-3


def check_prior(prior: Any) -> None:
    """Raise `OptionError` unless a prior is a frozen continuous distribution of scipy.stats."""
    if not (hasattr(prior, "dist") and callable(getattr(prior, "logpdf", None))):
        raise OptionError(
            "Vary: prior must be a continuous distribution of scipy.stats with its values, as "
            f"scipy.stats.norm(1.0, 0.5); got {prior!r:.60}"
        )
    if not np.isfinite(np.asarray(prior.median(), dtype=float)).all():
        raise OptionError(
            f"Vary: prior {prior.dist.name} has values that cannot be: {prior.args} {prior.kwds}"
        )


def described(prior: Any) -> str:
    """Return a prior as it was written."""
    values = [f"{value!r}" for value in prior.args]
    values += [f"{name}={value!r}" for name, value in prior.kwds.items()]
    return f"{prior.dist.name}({', '.join(values)})"


def log_density(prior: Any, w: Array) -> Density:
    """Return the log-density at w and its two derivatives; minus infinity where it is zero."""
    loc, scale, shapes, low, high = _frozen(prior)
    z = (w - loc) / scale
    closed = _CLOSED.get(prior.dist.name)
    with np.errstate(all="ignore"):
        if closed is None:
            value, by, by2 = _differences(lambda x: prior.logpdf(loc + scale * x), z)
        else:
            value, by, by2 = closed(z, **shapes)
            value = value - math.log(scale)
    value = np.where((w >= low) & (w <= high) & ~np.isnan(value), value, -np.inf)
    return value, by / scale, by2 / scale**2


@lru_cache(maxsize=1024)
def _frozen(prior: Any) -> tuple[float, float, dict[str, float], float, float]:
    """Return location, scale, shapes by name and the ends of the support.

    Each evaluation of a fit asks for them, and scipy takes longer to tell than a solve does.
    """
    names = [name.strip() for name in (prior.dist.shapes or "").split(",") if name.strip()]
    given = dict(zip([*names, "loc", "scale"], prior.args, strict=False)) | dict(prior.kwds)
    loc, scale = float(given.pop("loc", 0.0)), float(given.pop("scale", 1.0))
    shapes = {name: float(given[name]) for name in names}
    low, high = (float(end) for end in prior.support())
    return loc, scale, shapes, low, high


def penalty(prior: Any, prior_scale: str, scale: str, x: Array) -> Density:
    """Return minus the log-density and its two derivatives by x, a value on its scale.

    The density is that of the value, or of the value on `prior_scale`.
    """
    if prior_scale == scale:
        value, by, by2 = log_density(prior, x)
        return -value, -by, -by2
    here, there = SCALES[scale], SCALES[prior_scale]
    v = here.inverse(x)
    with np.errstate(all="ignore"):
        slope, bend = here.slope(v), here.bend(v)
        # Of w, the value on the prior's scale: dw/dv = 1 / (dv/dw), and so on.
        up = 1.0 / there.slope(v)
        bent = -there.bend(v) * up**3
        value, by, by2 = log_density(prior, there.forward(v))
        first = up * slope
        second = bent * slope**2 + up * bend
        return -value, -by * first, -(by2 * first**2 + by * second)


def volume(prior_scale: str, scale: str, x: Array) -> tuple[Array, Array]:
    """Return log(dw/dx) and its derivative by x, w the value on the prior's scale.

    It turns a density of w into one of x.
    """
    if prior_scale == scale:
        return np.zeros_like(x), np.zeros_like(x)
    here, there = SCALES[scale], SCALES[prior_scale]
    v = here.inverse(x)
    with np.errstate(all="ignore"):
        slope, up = here.slope(v), 1.0 / there.slope(v)
        return np.log(slope * up), here.bend(v) / slope - there.bend(v) * up**2 * slope


def _differences(density: Callable[[Array], Array], z: Array) -> Density:
    """Return a density and differences of it."""
    far = [density(z + k * _STEP) for k in (-2.0, -1.0, 0.0, 1.0, 2.0)]
    by = (8.0 * (far[3] - far[1]) - (far[4] - far[0])) / (12.0 * _STEP)
    by2 = (16.0 * (far[3] + far[1]) - (far[4] + far[0]) - 30.0 * far[2]) / (12.0 * _STEP**2)
    return far[2], by, by2


def _norm(z: Array) -> Density:
    return -_HALF_LOG_2PI - 0.5 * z**2, -z, np.full_like(z, -1.0)


def _halfnorm(z: Array) -> Density:
    value, by, by2 = _norm(z)
    return value + math.log(2.0), by, by2


def _truncnorm(z: Array, a: float, b: float) -> Density:
    value, by, by2 = _norm(z)
    # From the tail that both ends are nearer to.
    low, high = (a, b) if a + b <= 0.0 else (-b, -a)
    upper, lower = float(log_ndtr(high)), float(log_ndtr(low))
    return value - upper - math.log(-math.expm1(lower - upper)), by, by2


def _lognorm(z: Array, s: float) -> Density:
    log = np.log(z)
    value = -0.5 * (log / s) ** 2 - log - math.log(s) - _HALF_LOG_2PI
    return value, -(log / s**2 + 1.0) / z, (log / s**2 + 1.0 - s**-2) / z**2


def _laplace(z: Array) -> Density:
    return -math.log(2.0) - np.abs(z), -np.sign(z), np.zeros_like(z)


def _uniform(z: Array) -> Density:
    none = np.zeros_like(z)
    return none, none, none


def _expon(z: Array) -> Density:
    return -z, np.full_like(z, -1.0), np.zeros_like(z)


def _gamma(z: Array, a: float) -> Density:
    power = (a - 1.0) * np.log(z) if a != 1.0 else np.zeros_like(z)
    return power - z - float(gammaln(a)), (a - 1.0) / z - 1.0, -(a - 1.0) / z**2


def _beta(z: Array, a: float, b: float) -> Density:
    value = -float(betaln(a, b)) + np.zeros_like(z)
    value += (a - 1.0) * np.log(z) if a != 1.0 else 0.0
    value += (b - 1.0) * np.log1p(-z) if b != 1.0 else 0.0
    by = (a - 1.0) / z - (b - 1.0) / (1.0 - z)
    return value, by, -(a - 1.0) / z**2 - (b - 1.0) / (1.0 - z) ** 2


def _cauchy(z: Array) -> Density:
    spread = 1.0 + z**2
    return -np.log(math.pi * spread), -2.0 * z / spread, 2.0 * (z**2 - 1.0) / spread**2


def _halfcauchy(z: Array) -> Density:
    value, by, by2 = _cauchy(z)
    return value + math.log(2.0), by, by2


def _t(z: Array, df: float) -> Density:
    constant = gammaln(0.5 * (df + 1.0)) - gammaln(0.5 * df) - 0.5 * math.log(math.pi * df)
    value = float(constant) - 0.5 * (df + 1.0) * np.log1p(z**2 / df)
    spread = df + z**2
    return value, -(df + 1.0) * z / spread, -(df + 1.0) * (df - z**2) / spread**2


_CLOSED: dict[str, Callable[..., Density]] = {
    "beta": _beta,
    "cauchy": _cauchy,
    "expon": _expon,
    "gamma": _gamma,
    "halfcauchy": _halfcauchy,
    "halfnorm": _halfnorm,
    "laplace": _laplace,
    "lognorm": _lognorm,
    "norm": _norm,
    "t": _t,
    "truncnorm": _truncnorm,
    "uniform": _uniform,
}
