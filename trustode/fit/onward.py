"""Searches that go on where starts end at different optima: with one value moved far away.

An optimum that is not the best is often one for a single value's sake: a rate at its bound has
no effect there, and nothing shows what it would have elsewhere. Imports the objective, the
search, the jobs and the starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..jobs import How
from .again import Held
from .objective import Evaluation, Problem
from .optimise import Counted, Search, descend, remaining_distance
from .starts import Ended, Starts, carried, patience

Array = NDArray[np.float64]

#: Difference in log-likelihood below which two searches found the same optimum.
SAME = 0.01

#: Rounds, and the share of the starts' number that are searched on in each: the lowest optima.
ROUNDS, SHARE = 4, 0.25

#: Evaluations of one of them, in those that a start took on average.
EFFORT = 2.0

#: Values looked at of each name, evenly over its range, at least, and of all names together; and
#: those that are searched from.
EACH, ALL, TRIES = 7, 48, 6

#: What a value has to change in the objective to lead elsewhere, and the squared distance, in
#: standard errors, below which a search that is lower than that would only come back.
CHANGE, BASIN = 1.0, 4.0

#: Evaluations in which a search has to get below the optimum.
STEPS = 30


def searched_on(
    problem: Problem,
    found: Sequence[Search],
    seed: int,
    how: How,
    where: str,
    ended: Ended,
) -> list[Search]:
    """Go on from different optima, and return how all starts ended.

    Starts that ended at the same optimum go on together. The best points are without gradient
    and information.
    """
    searches = list(found)
    if len(_distinct(searches)) < 2:
        return searches
    budget = EFFORT * np.mean([search.n_evaluations for search in searches])
    most = max(int(SHARE * len(searches)), 1)
    way: list[tuple[float, Search]] = []
    for number in range(ROUNDS):
        left = [k for k in _distinct(searches) if _next(searches[k], way) is None][:most]
        if not left:
            break
        x = np.array([searches[k].best.x for k in left])
        task = _Onward(problem, x, seed, np.arange(len(left)), int(budget))
        mine = replace(how.part(f"onward-{number + 1}"), progress=False)

        def stopped(_: list[Search]) -> Any:
            return ended(searches)

        for k, search in zip(left, carried(task, mine, where, stopped), strict=True):
            way.append((searches[k].best.nll, search))
            searches[k] = replace(
                searches[k], n_evaluations=searches[k].n_evaluations + search.n_evaluations
            )
        for k, search in enumerate(searches):
            while (onward := _next(search, way)) is not None and _is_below(onward, search):
                search = replace(onward, n_evaluations=search.n_evaluations, own=search.ended)
            searches[k] = search
    return searches


def agreeing(searches: Sequence[Search]) -> int:
    """Return how many ways led to the best value: starts, and optima that were gone on from."""
    return ways([search.best.nll for search in searches], [search.ended for search in searches])


def ways(reached: Sequence[float], own: Sequence[float]) -> int:
    """Return how many ways led to the least of what was reached, from where each ended itself."""
    best = min(reached)
    there = [mine for nll, mine in zip(reached, own, strict=True) if nll < best + SAME]
    alone = sum(nll < best + SAME for nll in there)
    return alone + len({round(nll / SAME) for nll in there if nll >= best + SAME})


def _is_below(search: Search, other: Search) -> bool:
    return search.best.nll < other.best.nll - SAME


def _distinct(searches: Sequence[Search]) -> list[int]:
    """Return a search of each optimum, the lowest first."""
    order = np.argsort([search.best.nll for search in searches], kind="stable")
    chosen: list[int] = []
    for k in order:
        nll = searches[k].best.nll
        if np.isfinite(nll) and (not chosen or nll > searches[chosen[-1]].best.nll + SAME):
            chosen.append(int(k))
    return chosen


def _next(search: Search, way: Sequence[tuple[float, Search]]) -> Search | None:
    """Return where the way led from an optimum, if it was searched on."""
    return next((to for nll, to in way if abs(nll - search.best.nll) <= SAME), None)


@dataclass(frozen=True, eq=False)
class _Onward(Starts):
    """The task: optima, one a row, and how many evaluations each may take."""

    budget: int

    def search(self, objective: Held, x: Array, number: int) -> Search:
        """Search from where one value is moved away, until a lower optimum is found."""
        counted = Counted(objective)
        problem, layout = objective.problem, objective.problem.layout
        assert isinstance(problem, Problem)
        optimum = counted(x)
        best, status = optimum, "converged"
        starts = self._elsewhere(objective, counted, optimum)
        most = counted.n + self.budget
        for begin in starts:
            if counted.n >= most:
                break
            first = counted.n

            def leads_nowhere(point: Evaluation, first: int = first) -> bool:
                if point.nll < optimum.nll - SAME:
                    return False
                moved = point.x - optimum.x
                near = float(moved @ optimum.information @ moved) < BASIN
                back = near and point.nll < optimum.nll + CHANGE
                return back or counted.n - first > STEPS

            point = counted(begin)
            if point.failure is None:
                refusals = patience(problem)
                point, status = descend(
                    counted, point, layout, refusals=refusals, leave=leads_nowhere
                )
                if point.nll < optimum.nll - SAME:
                    best = point
                    break
        left = remaining_distance(best, layout)
        return Search(best, status, left, counted.n, counted.failures, counted.last)

    def _elsewhere(self, objective: Held, counted: Counted, optimum: Evaluation) -> list[Array]:
        """Return points with one value moved: far up or down first, and the lower the sooner."""
        problem, layout = objective.problem, objective.problem.layout
        assert isinstance(problem, Problem)
        names = [k for k, n in enumerate(layout.names) if n not in problem.readout.scales]
        n = max(EACH, ALL // max(len(names), 1))
        share = np.tile(((np.arange(n) + 0.5) / n)[:, None], len(layout.names))
        grid = layout.spread(share)
        far, near = _Lowest(), _Lowest()
        for k in names:
            at = layout.owner == k
            moves = (grid[:, at] - optimum.x[at]) / (grid[-1] - grid[0])[at]
            for row, move, cell in zip(grid, moves, np.arange(n) * EACH // n, strict=True):
                away = np.abs(move).max()
                if away < 1.0 / n:
                    continue
                x = np.where(at, row, optimum.x)
                for chain in layout.chains:
                    x[list(chain)] = np.sort(x[list(chain)])
                counted.n += 1
                value = objective.value(x)
                if not np.isfinite(value) or -SAME <= value - optimum.nll <= CHANGE:
                    continue
                near.see((k, int(cell)), value, x)
                if away > 1.0 / EACH:
                    far.see((k, int(move.mean() > 0.0)), value, x)
        ordered = {x.tobytes(): x for x in (*far.in_order(), *near.in_order())}
        return list(ordered.values())[:TRIES]

    def parts(self) -> Any:
        """Return all that the searches depend on."""
        return {**super().parts(), "onward": (str(self.budget), "")}


class _Lowest:
    """The point of the lowest objective in each of several places."""

    def __init__(self) -> None:
        self.found: dict[tuple[int, int], tuple[float, Array]] = {}

    def see(self, place: tuple[int, int], value: float, x: Array) -> None:
        """Keep a point if it is the lowest in its place."""
        if place not in self.found or value < self.found[place][0]:
            self.found[place] = value, x

    def in_order(self) -> list[Array]:
        """Return the points, the lowest first."""
        return [x for _, x in sorted(self.found.values(), key=lambda each: each[0])]
