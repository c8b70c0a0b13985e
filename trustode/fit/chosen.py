"""A problem of some of its groups or persons, of whom one may come several times.

Imports the data, the objective and the likelihood of each person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from .data import Measured
from .objective import Problem
from .persons import People
from .population import with_labels

Indices = NDArray[np.intp]


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
        measured[column] = replace(picked(old, at), group=group, row=row, starts=starts)
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


def chosen_people(people: People, chosen: Sequence[int]) -> People:
    """Return some persons, by their numbers."""
    pop = people.population
    groups = [np.flatnonzero(pop.person == person) for person in chosen]
    problem = with_groups(people.problem, np.concatenate(groups).tolist())
    person = np.repeat(np.arange(len(chosen)), [len(each) for each in groups])
    labels = tuple(range(len(chosen)))
    layout, shared, owned = with_labels(problem.layout, pop, labels)
    # Where each shared value has gone; those of persons are owned by the copy.
    place = np.full(problem.layout.n_free, -1, dtype=np.intp)
    place[pop.shared] = shared
    index = place[problem.index]
    for k, name in enumerate(pop.names):
        index[:, layout.names.index(name)] = owned[person, k]
    population = replace(
        pop,
        labels=labels,
        person=person.astype(np.intp),
        shared=shared,
        owned=owned,
        weights=pop.weights[list(chosen)],
    )
    return People(replace(problem, layout=layout, index=index), population)


def picked(rows: Measured, at: Indices) -> Measured:
    """Return some observations of a column; `starts` stays to be set."""
    kept = ("starts", "known")
    arrays = {f.name: getattr(rows, f.name)[at] for f in fields(rows) if f.name not in kept}
    known = {role: each[at] for role, each in rows.known.items()}
    return replace(rows, known=known, **arrays)
