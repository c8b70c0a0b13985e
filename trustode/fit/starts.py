"""Searches from many starts: here or by an executor, kept in a checkpoint.

Imports the objective, the search and the jobs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import Parts
from ..errors import Status
from ..jobs import LOST, Arrays, Crew, How, carry_out
from .again import Held, following, problem_parts, with_threads
from .marginal import Marginal
from .objective import Evaluation, Failure, Problem
from .optimise import PATIENCE, REFUSALS, Search, search_from

#: Optima of fits to all persons alike from which a population is searched, and the difference
#: of log-likelihood that tells them apart.
OPTIMA, APART = 2, 0.1

#: Makes a result of how starts ended.
Ended = Callable[[list[Search]], Any]

#: Longest message of a failure that is kept.
_LONGEST = 300


def searched(
    problem: Problem, n: int, seed: int, how: How, where: str, ended: Ended | None = None
) -> list[Search]:
    """Search from so many starts; the best points are without gradient and information.

    After an interrupt, `ended` makes a fit of those that were finished; the others are marked.
    """
    return searched_from(problem, problem.layout.starts(n, seed), seed, how, where, ended)


def searched_from(
    problem: Problem | Marginal,
    x: NDArray[np.float64],
    seed: int,
    how: How,
    where: str,
    ended: Ended | None = None,
) -> list[Search]:
    """Search from each of some points, shape (n, n_free)."""
    return carried(Starts(problem, x, seed, np.arange(len(x))), how, where, ended)


def carried(task: Starts, how: How, where: str, ended: Ended | None) -> list[Search]:
    """Carry searches out."""
    x, n = task.x, len(task.x)

    def finish(found: Arrays, at: NDArray[np.intp]) -> Any:
        assert ended is not None
        finished = {int(number): k for k, number in enumerate(at)}
        return ended(
            [_search(found, finished[k]) if k in finished else _stopped(x[k]) for k in range(n)]
        )

    found = carry_out(task, n, 1, how, where, None if ended is None else finish)
    return [_search(found, k) for k in range(n)]


def searched_population(
    marginal: Marginal,
    pooled: Problem,
    n: int,
    seed: int,
    how: How,
    where: str,
    ended: Ended,
) -> list[Search]:
    """Search a population, from the given values and where fits to all persons alike ended."""
    points: list[NDArray[np.float64]] = []
    if n > 1:
        alike = [s for s in searched(pooled, n, seed, how, where) if np.isfinite(s.best.nll)]
        last = -np.inf
        for search in sorted(alike, key=lambda search: search.best.nll):
            if len(points) < OPTIMA and search.best.nll > last + APART:
                points.append(search.best.x)
                last = search.best.nll
    how = how.part("population")
    begin = marginal.begin(pooled.layout, points)
    return searched_from(marginal, begin, seed, how, where, ended)


def searched_through(
    marginal: Marginal, found: list[Search], seed: int, how: How, where: str, ended: Ended
) -> list[Search]:
    """Search on from where searches by another integral ended."""
    points = np.array([search.best.x for search in found if np.isfinite(search.best.nll)])
    return searched_from(marginal, points, seed, how.part("integral"), where, ended)


@dataclass(frozen=True, eq=False)
class Starts:
    """The task: starts, one a row."""

    problem: Problem | Marginal
    x: NDArray[np.float64]
    seed: int
    number: NDArray[np.int64]

    def take(self, rows: slice) -> Starts:
        """Return the task of some starts."""
        return replace(self, x=self.x[rows], number=self.number[rows])

    def search(self, objective: Held, x: NDArray[np.float64], number: int) -> Search:
        """Search from one of them."""
        rng = np.random.default_rng([self.seed, number])
        problem = objective.problem
        objective = replace(objective, problem=following(problem))
        return search_from(objective, problem.layout, x, rng, patience(problem))

    def solve(self, crew: Crew) -> Arrays:
        """Search."""
        n, n_free = self.x.shape
        problem = with_threads(self.problem, crew.threads or self.problem.threads)
        objective = Held(problem, problem.layout.first, np.ones(n_free, dtype=bool), crew)
        every: Arrays = {
            "number": self.number,
            "x": np.zeros((n, n_free)),
            "nll": np.full(n, np.inf),
            "distance": np.full(n, np.nan),
            "status": np.full(n, "failed", dtype="U16"),
            "n_evaluations": np.zeros(n, dtype=np.int64),
            "failures": np.zeros((n, len(Status)), dtype=np.int64),
            "last": np.zeros(n, dtype=np.int64),
            "message": np.full(n, "", dtype=f"U{_LONGEST}"),
        }
        for row, (x, number) in enumerate(zip(self.x, self.number, strict=True)):
            search = self.search(objective, x, int(number))
            every["x"][row], every["nll"][row] = search.best.x, search.best.nll
            every["distance"][row], every["status"][row] = search.distance, search.status
            every["n_evaluations"][row] = search.n_evaluations
            for k, status in enumerate(Status):
                every["failures"][row, k] = search.failures[status.name]
            if search.last is not None:
                every["last"][row] = int(search.last.status)
                every["message"][row] = search.last.message[:_LONGEST]
        return every

    def parts(self) -> Parts:
        """Return all that the searches depend on."""
        return {"call": ("fit", ""), **problem_parts(self.problem), "seed": (str(self.seed), "")}


def patience(problem: Problem | Marginal) -> int:
    """Return how many steps may be refused in a row."""
    return REFUSALS if problem.smooth else PATIENCE


def _stopped(x: NDArray[np.float64], status: str = "interrupted") -> Search:
    """Return how a start ended that something from outside kept from ending."""
    none = np.zeros((len(x), len(x)))
    point = Evaluation(x, np.inf, none[0], none)
    return Search(point, status, np.nan, 0, Counter(), None)


def _search(found: Arrays, k: int) -> Search:
    """Return how a start ended."""
    n_free = found["x"].shape[1]
    if found["status"][k] == LOST:
        return _stopped(found["x"][k], LOST)
    counts = zip(Status, found["failures"][k].tolist(), strict=True)
    failures = Counter({status.name: count for status, count in counts if count})
    last = None
    if failures:
        last = Failure(Status(int(found["last"][k])), str(found["message"][k]))
    status = str(found["status"][k])
    best = Evaluation(
        found["x"][k],
        float(found["nll"][k]),
        np.zeros(n_free),
        np.zeros((n_free, n_free)),
        last if status == "failed" else None,
    )
    n_evaluations, distance = int(found["n_evaluations"][k]), float(found["distance"][k])
    return Search(best, status, distance, n_evaluations, failures, last)
