"""Other data for a problem: some of its groups or observations, or new ones drawn from it.

Imports the data, the objective and the population.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import Status
from .data import Measured
from .marginal import Marginal
from .objective import Failure, Problem
from .population import with_labels

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

Either = TypeVar("Either", bound=Problem | Marginal)


def with_groups(problem: Problem, groups: Sequence[int]) -> Problem:
    """Return the problem of some groups, by their numbers; a group may come several times."""
    data = problem.data
    members = [np.flatnonzero(data.group == g) for g in groups]
    rows = np.concatenate(members)
    first = np.concatenate([[0], np.cumsum([len(each) for each in members])])
    measured = {}
    for column, old in data.measured.items():
        pieces = [np.arange(old.starts[g], old.starts[g + 1]) for g in groups]
        at = np.concatenate(pieces)
        group = np.repeat(np.arange(len(groups)), [len(piece) for piece in pieces])
        place = [np.searchsorted(m, old.row[p]) for m, p in zip(members, pieces, strict=True)]
        starts = np.searchsorted(group, np.arange(len(groups) + 1))
        row = np.concatenate(place) + first[group]
        measured[column] = replace(_picked(old, at), group=group, row=row, starts=starts)
    new = replace(
        data,
        labels=tuple(data.labels[g] for g in groups),
        times=tuple(data.times[g] for g in groups),
        tables=tuple(data.tables[g] for g in groups),
        levels={name: tuple(each[g] for g in groups) for name, each in data.levels.items()},
        held={name: each[list(groups)] for name, each in data.held.items()},
        rest=None if data.rest is None else data.rest[list(groups)],
        given={
            column: {k: each[rows] for k, each in quantities.items()}
            for column, quantities in data.given.items()
        },
        measured=measured,
        group=np.repeat(np.arange(len(groups)), np.diff(first)),
        time_index=data.time_index[rows],
        frame=data.frame.iloc[rows],
    )
    return replace(problem, data=new, index=problem.index[list(groups)])


def with_rows(problem: Either, counts: Indices) -> Either:
    """Return the problem with each row of the frame measured so many times, shape (n_row,)."""
    if isinstance(problem, Marginal):
        return replace(problem, inner=with_rows(problem.inner, counts))
    measured = {}
    for column, old in problem.data.measured.items():
        at = np.repeat(np.arange(len(old.row)), counts[old.row])
        starts = np.searchsorted(old.group[at], np.arange(len(old.starts)))
        measured[column] = replace(_picked(old, at), starts=starts)
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
    pop = marginal.population
    groups = [np.flatnonzero(pop.person == person) for person in chosen]
    problem = with_groups(marginal.inner, np.concatenate(groups).tolist())
    person = np.repeat(np.arange(len(chosen)), [len(each) for each in groups])
    labels = tuple(range(len(chosen)))
    layout, shared, owned = with_labels(problem.layout, pop, labels)
    # Where each shared value has gone; those of persons are owned by the copy.
    place = np.full(problem.layout.n_free, -1, dtype=np.intp)
    place[pop.shared] = shared
    index = place[problem.index]
    for k, name in enumerate(pop.names):
        index[:, layout.names.index(name)] = owned[person, k]
    return replace(
        marginal,
        inner=replace(problem, layout=layout, index=index),
        population=replace(
            pop,
            labels=labels,
            person=person.astype(np.intp),
            shared=shared,
            owned=owned,
            weights=pop.weights[list(chosen)],
        ),
    )


def _picked(rows: Measured, at: Indices) -> Measured:
    """Return some observations of a column; `starts` stays to be set."""
    kept = ("starts", "known")
    arrays = {f.name: getattr(rows, f.name)[at] for f in fields(rows) if f.name not in kept}
    known = {role: each[at] for role, each in rows.known.items()}
    return replace(rows, known=known, **arrays)
