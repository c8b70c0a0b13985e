"""Search for the best values: Fisher scoring within bounds, from many starts.

scipy's bounded minimisers either want residuals, which a likelihood with free scales does
not have, or make no use of the information matrix, which saves most of the solves; so the
step is made here. Imports the solver, the objective and the layout of the free values.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..solve import Solver
from .objective import Evaluation, Failure
from .vary import Layout

Array = NDArray[np.float64]
Objective = Callable[[Array], Evaluation]

#: Without `solver`: how searches solve, how the best point is refined, and how a problem is
#: searched again around it.
SEARCH_SOLVER = Solver(method="auto", rtol=1e-6, atol=1e-9, max_steps=100_000)
FINAL_SOLVER = Solver(method="auto", rtol=1e-11, atol=1e-13, max_steps=1_000_000)
NEAR_SOLVER = Solver(method="auto", rtol=1e-8, atol=1e-11, max_steps=100_000)

#: Distance to the optimum, in standard errors, at which a search and the polish stop.
SEARCH_DISTANCE = 1e-3
POLISH_DISTANCE = 1e-8

#: Changes of the objective, relative to it, that solver and rounding errors can hide.
ROUNDING = 1e-9

#: Distance from which a quadratic model should hold, misfit or not.
NEAR = 0.5

#: Steps that may be refused in a row before a search near its optimum ends: where the objective
#: is smooth, and where its curvature changes within a step.
REFUSALS, PATIENCE = 5, 12

#: Steps, tried or taken, of a search; a dozen do where the data say enough.
SEARCH_STEPS = 200

#: Share of its information that a step must leave to a value without bounds: further away it has
#: no effect, and no gradient says that the step was too long.
EFFECT_LEFT = 1e-6

#: Random points tried in place of a start where the objective has no value.
REDRAWS = 9


_DAMPING_FIRST, _DAMPING_LEAST, _DAMPING_MOST = 1e-3, 1e-9, 1e12


class Box(Protocol):
    """Bounds within which an objective is searched."""

    @property
    def n_free(self) -> int:
        """Number of values."""

    @property
    def lower(self) -> Array:
        """Lower bounds, shape (n_free,)."""

    @property
    def upper(self) -> Array:
        """Upper bounds, shape (n_free,)."""

    @property
    def held_back(self) -> NDArray[np.bool_]:
        """Whether steps of a value are damped by what has been known of it, shape (n_free,)."""

    def in_order(self, x: Array, moved: Array) -> Array:
        """Shorten a step so that values in order stay so."""


@dataclass
class Counted:
    """An objective that counts how often it is evaluated, and why it failed."""

    objective: Objective
    n: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    last: Failure | None = None

    def __call__(self, x: Array) -> Evaluation:
        """Evaluate and count."""
        self.n += 1
        found = self.objective(x)
        if found.failure is not None:
            self.failures[found.failure.status.name] += 1
            self.last = found.failure
        return found


@dataclass(frozen=True, eq=False)
class Search:
    """How one start ended.

    Attributes
    ----------
    best : Evaluation
    status : str
        "converged", "stalled" (no step lowers the objective), "limit" (of steps) or "failed"
        (neither the start nor points drawn instead could be evaluated).
    distance : float
        Distance to the optimum that the gradient still shows, in standard errors.
    n_evaluations : int
    failures : mapping of status name to int
        Evaluations that failed.
    last : Failure or None
        The last of them; of a start that failed, the first.
    own : float or None
        The objective where the start ended by itself, if it went on from there.
    """

    best: Evaluation
    status: str
    distance: float
    n_evaluations: int
    failures: Counter[str]
    last: Failure | None
    own: float | None = None

    @property
    def ended(self) -> float:
        """The objective where the start ended by itself."""
        return self.best.nll if self.own is None else self.own


def free_to_move(point: Evaluation, layout: Box) -> NDArray[np.bool_]:
    """Return which values are not held at a bound by the gradient, shape (n_free,)."""
    below = (point.x <= layout.lower) & (point.gradient > 0.0)
    above = (point.x >= layout.upper) & (point.gradient < 0.0)
    return ~(below | above)


@np.errstate(all="ignore")
def remaining_distance(point: Evaluation, layout: Box) -> float:
    """Return the norm of the gradient in standard errors, sqrt(g' I^-1 g).

    It is the distance to the optimum by Newton's method, and does not depend on the
    units of the values. Values held at a bound do not count.
    """
    free = free_to_move(point, layout)
    gradient = point.gradient[free]
    newton = scaled_solution(point.information[np.ix_(free, free)], gradient)
    squared = float(gradient @ newton)
    return math.sqrt(max(squared, 0.0)) if math.isfinite(squared) else math.inf


def bounded_step(point: Evaluation, model: Array, layout: Box, damping: Array) -> Array:
    """Return the step to the least of a damped quadratic model within bounds, shape (n_free,).

    `damping` is added to the model's diagonal. Values that the step would carry over a bound
    stop there, and the step of the others is found anew.
    """
    low, high = layout.lower - point.x, layout.upper - point.x
    inside = free_to_move(point, layout)
    moved = np.zeros_like(point.x)
    while inside.any():
        pull = point.gradient + model @ np.where(inside, 0.0, moved)
        block = model[np.ix_(inside, inside)] + np.diag(damping[inside])
        moved[inside] = -scaled_solution(block, pull[inside])
        over = inside & ((moved < low) | (moved > high))
        if not over.any():
            break
        moved[over] = np.clip(moved, low, high)[over]
        inside &= ~over
    return moved


@np.errstate(all="ignore")
def scaled_solution(matrix: Array, right: Array) -> Array:
    """Solve after scaling to a unit diagonal, without moving in directions that say nothing.

    What is too large for a double stays where it is.
    """
    diagonal = np.diagonal(matrix)
    scale = np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
    # One after the other: the product of two scales may be too large for a double.
    weights, vectors = np.linalg.eigh(matrix / scale[:, None] / scale)
    says = weights > 1e-14 * len(scale)
    inverse = np.where(says, 1.0 / np.where(says, weights, 1.0), 0.0)
    solution: Array = vectors @ (inverse * (vectors.T @ (right / scale))) / scale
    return np.where(np.isfinite(solution), solution, 0.0)


class _Known:
    """The most that has been known of each value on the way to a point.

    Steps are damped by it: by what is known at the point alone, a value that loses its effect
    would be carried ever further away. Between bounds on a scale of orders of magnitude the way
    may lead past where a value has none. Moré (1978), Lecture Notes in Mathematics 630, 105-116.
    """

    def __init__(self, layout: Box) -> None:
        self.kept = layout.held_back
        self.most = np.zeros(layout.n_free)

    def scale(self, point: Evaluation) -> Array:
        """Return what damping is in units of, shape (n_free,)."""
        now, had = np.diagonal(point.information), self.most > 0.0
        # A larger standard deviation of the data takes from all alike.
        share = min(float((now[had] / self.most[had]).max()), 1.0) if had.any() else 0.0
        self.most = np.maximum(now, np.where(self.kept, share * self.most, 0.0))
        return self.most

    def is_lost(self, tried: Evaluation) -> bool:
        """Return whether a step takes nearly all of its effect from a value."""
        had = self.most > 0.0
        left = np.diagonal(tried.information)[had] / self.most[had]
        lost = left < EFFECT_LEFT * min(float(left.max(initial=0.0)), 1.0)
        return bool((lost & self.kept[had]).any())


class _Curvature:
    """What the expected information misses of the curvature, learnt from the gradients.

    Where the model does not fit the data the two differ, and scoring alone overshoots.
    Update and the idea of two models: Dennis, Gay & Welsch (1981), ACM Trans. Math. Softw.
    7, 348-368.
    """

    def __init__(self, n_free: int) -> None:
        self.missing = np.zeros((n_free, n_free))
        self.trusted = False

    def model(self, point: Evaluation) -> Array:
        """Return the matrix of the quadratic model; it is positive semidefinite."""
        if not self.trusted:
            return point.information
        corrected = point.information + self.missing
        if not np.isfinite(corrected).all():
            return point.information
        scale = np.sqrt(np.diagonal(point.information))
        scale[scale == 0.0] = 1.0
        least = np.linalg.eigvalsh(corrected / scale[:, None] / scale)[0]
        return corrected if least > 0.0 else point.information

    def judge(self, point: Evaluation, tried: Evaluation, left: float) -> None:
        """Trust the correction, near the optimum, if it foretold the gradient better."""
        if left > NEAR or not np.isfinite(tried.nll):
            self.trusted = False
            return
        moved = tried.x - point.x
        scale = np.sqrt(np.diagonal(point.information))
        scale[scale == 0.0] = np.inf
        plain = tried.gradient - point.gradient - point.information @ moved
        corrected = plain - self.missing @ moved
        self.trusted = bool(np.linalg.norm(corrected / scale) < np.linalg.norm(plain / scale))

    def learn(self, point: Evaluation, tried: Evaluation) -> None:
        """Make the corrected model give the change of the gradient along the last step."""
        s = tried.x - point.x
        y = tried.gradient - point.gradient
        wanted = y - tried.information @ s
        if not y @ s > 0.0:
            return
        along = float(abs(s @ self.missing @ s))
        if along > 0.0:
            self.missing *= min(1.0, float(abs(s @ wanted)) / along)
        rest = wanted - self.missing @ s
        cross = np.outer(rest, y)
        self.missing += (cross + cross.T) / (y @ s) - (rest @ s) * np.outer(y, y) / (y @ s) ** 2


@np.errstate(all="ignore")
def descend(
    objective: Objective,
    point: Evaluation,
    layout: Box,
    target: float = SEARCH_DISTANCE,
    refusals: int = REFUSALS,
    leave: Callable[[Evaluation], bool] | None = None,
) -> tuple[Evaluation, str]:
    """Lower the objective until the remaining distance is below a target.

    Returns the last point and how it ended: "converged", "stalled", "limit", or "left" where
    `leave` said of a point that it leads nowhere.

    References
    ----------
    McCullagh & Nelder (1989), Generalized Linear Models, 2.5 (scoring); Kanzow, Yamashita &
    Fukushima (2004), J. Comput. Appl. Math. 172, 375-397 (damped steps within bounds);
    Nielsen (1999), report IMM-REP-1999-05, Technical University of Denmark (damping).
    """
    left = remaining_distance(point, layout)
    damping, growth, refused = _DAMPING_FIRST if left > NEAR else _DAMPING_LEAST, 2.0, 0
    curvature, known = _Curvature(layout.n_free), _Known(layout)
    for _ in range(SEARCH_STEPS):
        if left < target:
            return point, "converged"
        if leave is not None and leave(point):
            return point, "left"
        model = curvature.model(point)
        damped = damping * known.scale(point)
        moved = layout.in_order(point.x, bounded_step(point, model, layout, damped))
        # This near, only the objective's own noise can refuse so many steps.
        noise = refused >= refusals and left < NEAR
        if noise or damping > _DAMPING_MOST or (point.x + moved == point.x).all():
            return point, "stalled"
        tried = objective(np.clip(point.x + moved, layout.lower, layout.upper))
        curvature.judge(point, tried, left)
        nearer = remaining_distance(tried, layout) if np.isfinite(tried.nll) else np.inf
        lowered = -np.inf if known.is_lost(tried) else point.nll - tried.nll
        promised = float(-(point.gradient @ moved + 0.5 * moved @ model @ moved))
        if promised > ROUNDING * (1.0 + abs(point.nll)):
            better, gain = lowered > 0.0, lowered / promised
        else:
            # Rounding hides what so small a step gains; the gradient still shows it.
            better, gain = nearer < left and lowered > -np.inf, 1.0 - nearer / left
        if better or (left < NEAR and np.isfinite(tried.nll)):
            curvature.learn(point, tried)
        if not better:
            damping *= growth
            growth *= 2.0
            refused += 1
            continue
        damping = max(damping * max(1.0 / 3.0, 1.0 - (2.0 * gain - 1.0) ** 3), _DAMPING_LEAST)
        growth, refused = 2.0, 0
        point, left = tried, nearer
    return point, "limit"


def search_from(
    objective: Objective,
    layout: Layout,
    x: Array,
    rng: np.random.Generator,
    refusals: int = REFUSALS,
) -> Search:
    """Search from a point.

    Where the objective has no value there, the point is replaced by a random one, up to
    `REDRAWS` times.
    """
    counted = Counted(objective)
    point = counted(np.clip(x, layout.lower, layout.upper))
    given = counted.last
    for _ in range(REDRAWS):
        if point.failure is None:
            break
        point = counted(layout.draw(rng))
    status, left = "failed", np.nan
    if point.failure is None:
        point, status = descend(counted, point, layout, refusals=refusals)
        left = remaining_distance(point, layout)
    # Of points drawn in its place nobody asked.
    last = given if status == "failed" else counted.last
    return Search(point, status, left, counted.n, counted.failures, last)
