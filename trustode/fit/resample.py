"""Other data for a problem: some of its groups or observations, or new ones drawn from it.

Imports the objective and the population.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import Status
from .chosen import chosen_people, picked
from .marginal import Marginal
from .objective import Failure, Problem

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

Either = TypeVar("Either", bound=Problem | Marginal)


def with_rows(problem: Either, counts: Indices) -> Either:
    """Return the problem with each row of the frame measured so many times, shape (n_row,)."""
    if isinstance(problem, Marginal):
        return replace(problem, inner=with_rows(problem.inner, counts))
    measured = {}
    for column, old in problem.data.measured.items():
        at = np.repeat(np.arange(len(old.row)), counts[old.row])
        starts = np.searchsorted(old.group[at], np.arange(len(old.starts)))
        measured[column] = replace(picked(old, at), starts=starts)
    return replace(problem, data=replace(problem.data, measured=measured))


def with_values(problem: Either, values: Mapping[str, Array]) -> Either:
    """Return the problem with other observations in the same places."""
    if isinstance(problem, Marginal):
        return replace(problem, inner=with_values(problem.inner, values))
    old = problem.data.measured
    measured = {column: replace(old[column], values=each) for column, each in values.items()}
    return replace(problem, data=replace(problem.data, measured=measured))


def drawn(problem: Either, x: Array, rng: np.random.Generator) -> Either | Failure:
    """Return the problem with observations drawn from its own predictions at a point.

    With random values they are of new persons.
    """
    if isinstance(problem, Marginal):
        mean, root = problem.means(x), np.linalg.cholesky(problem.covariance(x))
        own = mean + rng.standard_normal(mean.shape) @ root.T
        inner = drawn(problem.inner, problem.inner_values(x, own), rng)
        return inner if isinstance(inner, Failure) else replace(problem, inner=inner)
    found = problem.quantities(x)
    if isinstance(found, Failure):
        return found
    new = {}
    for column, rows in problem.data.measured.items():
        observation = problem.observed[column]
        try:
            new[column] = observation.draw(rng, rows.known, found[column][rows.row])
        except ValueError:
            return Failure(Status.NO_LIKELIHOOD, f"nothing can be drawn for '{column}'")
        if not np.isfinite(new[column]).all():
            return Failure(Status.NO_LIKELIHOOD, f"nothing can be drawn for '{column}'")
    return with_values(problem, new)


def with_persons(marginal: Marginal, chosen: Sequence[int]) -> Marginal:
    """Return the population of some persons, by their numbers; one may come several times."""
    people = chosen_people(marginal.people, chosen)
    return replace(marginal, inner=people.problem, population=people.population)
