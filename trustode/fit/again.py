"""A problem searched again around its optimum: with some values held, or with other data.

Imports the solver, the jobs, the objective and the search.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..checkpoint import Parts, digest
from ..errors import listed
from ..jobs import Crew
from .marginal import Marginal
from .objective import Evaluation, Problem
from .optimise import (
    FINAL_SOLVER,
    NEAR_SOLVER,
    SEARCH_SOLVER,
    Counted,
    Search,
    descend,
    remaining_distance,
)
from .vary import initial_of

#: Width, in scales, to which kinks of a likelihood are rounded off near an optimum.
WIDTH = 1e-4

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Distance to the optimum, in standard errors, at which a search from nearby stops: what others
#: were left out for is predicted to a first order in it.
DISTANCE = 1e-5

#: The same with random values, whose likelihood has errors of differences.
MIXED_DISTANCE = 1e-3

Searched = TypeVar("Searched", bound=Problem | Marginal)


def near(problem: Searched) -> Searched:
    """Return the problem with the solver for searches near its optimum, unless one was given."""
    if isinstance(problem, Marginal):
        return replace(problem, inner=near(problem.inner))
    if not problem.smooth:
        problem = replace(problem, observed=problem.rounded(WIDTH).observed)
    if problem.solver in (SEARCH_SOLVER, FINAL_SOLVER):
        return replace(problem, solver=NEAR_SOLVER)
    return problem


def with_threads(problem: Searched, threads: int | None) -> Searched:
    """Return a problem whose groups are shared by so many threads."""
    if isinstance(problem, Marginal):
        inner = replace(problem.inner, threads=threads)
        return replace(problem, inner=inner, threads=threads)
    return replace(problem, threads=threads)


def following(problem: Problem | Marginal) -> Problem | Marginal:
    """Return a problem for one search, which may begin each evaluation where the last ended."""
    return problem.following() if isinstance(problem, Marginal) else problem


@dataclass(frozen=True, eq=False)
class Held:
    """The objective of some of the free values while the others are held.

    Parameters
    ----------
    problem : Problem
    x : ndarray, shape (n_all,)
        Where values are held.
    moving : ndarray of bool, shape (n_all,)
        Which values are free.
    crew : Crew or None
        Whose flag ends the search.
    """

    problem: Problem | Marginal
    x: Array
    moving: Mask
    crew: Crew | None = None

    @property
    def n_free(self) -> int:
        """Number of values that are free."""
        return int(self.moving.sum())

    @cached_property
    def held_back(self) -> Mask:
        """Whether steps of each free value are damped by what has been known of it."""
        return self.problem.layout.held_back[self.moving]

    @cached_property
    def lower(self) -> Array:
        """Lower bounds of the free values."""
        lower: Array = self.problem.layout.lower[self.moving]
        return lower

    @cached_property
    def upper(self) -> Array:
        """Upper bounds of the free values."""
        upper: Array = self.problem.layout.upper[self.moving]
        return upper

    def in_order(self, x: Array, moved: Array) -> Array:
        """Shorten a step so that values in order, held or free, stay so."""
        every, step = self.x.copy(), np.zeros_like(self.x)
        every[self.moving], step[self.moving] = x, moved
        shortened: Array = self.problem.layout.in_order(every, step)[self.moving]
        return shortened

    @cached_property
    def _settle(self) -> bool:
        """Whether no scale that stands alone is among the values held."""
        layout = self.problem.layout
        held = {layout.names[k] for k in layout.owner[~self.moving]}
        return not held & self.problem.readout.scales

    def whole(self, x: Array) -> Evaluation:
        """Evaluate all values, with the scales that may settle."""
        if self.crew is not None and self.crew.cancel[0]:
            raise CancelledError
        return self.problem.evaluate(x, settle=self._settle)

    def value(self, x: Array) -> float:
        """Return the objective alone at all values, infinite where it has none."""
        if self.crew is not None and self.crew.cancel[0]:
            raise CancelledError
        assert isinstance(self.problem, Problem)
        found = self.problem.value(x, settle=self._settle)
        return found if isinstance(found, float) else np.inf

    def reduced(self, point: Evaluation) -> Evaluation:
        """Return an evaluation as one of the free values."""
        some = self.moving
        return replace(
            point,
            x=point.x[some],
            gradient=point.gradient[some],
            information=point.information[np.ix_(some, some)],
        )

    def __call__(self, x: Array) -> Evaluation:
        """Evaluate at free values, shape (n_free,)."""
        every = self.x.copy()
        every[self.moving] = x
        return self.reduced(self.whole(every))

    def least(self) -> Evaluation:
        """Return the evaluation of all values where the free ones are best, from `x` on."""
        start = self.whole(self.x)
        if start.failure is not None:
            return start
        found, _ = descend(self, self.reduced(start), self)
        every = self.x.copy()
        every[self.moving] = found.x
        return self.whole(every)


def search_again(problem: Problem | Marginal, x: Array, crew: Crew) -> Search:
    """Search all values from a point, without drawing another where it fails."""
    held = Held(following(problem), x, np.ones(len(x), dtype=bool), crew)
    count = Counted(held)
    point = count(np.clip(x, problem.layout.lower, problem.layout.upper))
    if point.failure is not None:
        return Search(point, "failed", np.nan, count.n, count.failures, count.last)
    target = MIXED_DISTANCE if isinstance(problem, Marginal) else DISTANCE
    point, status = descend(count, point, problem.layout, target)
    left = remaining_distance(point, problem.layout)
    return Search(point, status, left, count.n, count.failures, count.last)


def search_best(
    problem: Problem | Marginal, points: Sequence[Array], starts: int, seed: int, crew: Crew
) -> Search:
    """Return the best of searches from points, and from others spread over the bounds."""
    spread = problem.layout.starts(starts, seed)[1:]
    found = [search_again(problem, x, crew) for x in [*points, *spread]]
    return min(found, key=lambda search: search.best.nll)


def problem_parts(problem: Problem | Marginal) -> Parts:
    """Return all that a problem's objective depends on, for a checkpoint."""
    if isinstance(problem, Marginal):
        pop, layout = problem.population, problem.layout
        outer = digest(repr(layout.varies), repr(layout.names), pop.weights, problem.quadrature)
        return {**problem_parts(problem.inner), "population": (listed(pop.names), outer)}
    model, data, layout = problem.readout.model, problem.data, problem.layout
    measured = {
        column: [rows.values, rows.known, rows.group, rows.time]
        for column, rows in data.measured.items()
    }
    tables = [
        [each.knots, each.coefficients, each.breaks] for tables in data.tables for each in tables
    ]
    return {
        "version of trustode": (__version__, ""),
        "model": (model.name, digest(model.definition)),
        "data": (
            f"{data.n_observations} observations",
            digest([repr(label) for label in data.labels], list(data.times), measured),
        ),
        "observed": (", ".join(problem.observed), digest(repr(dict(problem.observed)))),
        "inputs": ("", digest(tables)),
        "vary": (
            ", ".join(layout.names),
            digest(repr(layout.varies), repr(layout.levels), repr(layout.bounds), problem.index),
        ),
        "held": (
            "",
            digest(
                dict(problem.fixed), dict(problem.initial), dict(data.held), data.rest, data.given
            ),
        ),
        "solver": (repr(problem.solver), ""),
    }


def embedded(null: Problem | Marginal, x: Array, other: Problem | Marginal, point: Array) -> Array:
    """Return where another problem's values stand for those of a null, as far as it has them."""
    values, layout = other.layout.natural(point), other.layout
    mine, inner = null.layout.natural(x), null.inner if isinstance(null, Marginal) else null
    known = {**null.readout.model.defaults, **inner.fixed}
    at = {
        (name, level): mine[k]
        for k, (name, level) in enumerate(
            (name, level)
            for name, levels in zip(null.layout.names, null.layout.levels, strict=True)
            for level in levels
        )
    }
    places = [
        (name, level)
        for name, levels in zip(layout.names, layout.levels, strict=True)
        for level in levels
    ]
    for k, (name, level) in enumerate(places):
        state = initial_of(name, null.readout.model)
        held = inner.initial.get(state) if state is not None else known.get(name)
        value = at.get((name, level), at.get((name, None), held))
        if value is not None:
            values[k] = value
    return np.clip(layout.scaled(values), layout.lower, layout.upper)
