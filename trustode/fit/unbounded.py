"""Values without bounds for those of a search, and the density by them.

Imports the objective and the hierarchy.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from .hierarchy import Hierarchy
from .objective import Evaluation, Problem

Array = NDArray[np.float64]

#: Chains begin this many posterior standard deviations from the optimum, as drawn; a point
#: where the model cannot be solved is drawn nearer.
SPREAD, NEARER, MOST_DRAWS = 1.5, 0.7, 30

#: Curvature of a flat density between two bounds, on the scale of the logit.
LOGIT_CURVATURE = 0.25

#: Share of the way between bounds that a start keeps from them.
MARGIN = 1e-3


class NotSolved(Exception):
    """The density could not be evaluated; the sampler takes it for a divergence and goes on."""

    is_recoverable = True


class Unbounded:
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
            raise NotSolved
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
            except NotSolved:
                size *= NEARER
                continue
            if np.isfinite(gradient).all():
                return w
            size *= NEARER
        return np.zeros(len(self.centre))
