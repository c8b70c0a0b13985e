"""The likelihood of each person at given values, without a population around them.

Imports the objective and the population.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .objective import Failure, Problem
from .population import Population

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]

Told = TypeVar("Told")

#: Step of differences of gradients, in standard deviations of a person's values: errors of the
#: second difference are its square, and the solver's over it.
STEP = 0.03


@dataclass(frozen=True, eq=False)
class ByPerson:
    """The likelihood of each person, a person first: all by values on their scales.

    `by_own` (n_person, n_random) and `by_shared` are gradients; `own`, `mixed` (random, shared)
    and `shared` expected information.
    """

    nll: Array
    by_own: Array
    by_shared: Array
    own: Array
    mixed: Array
    shared: Array


@dataclass(frozen=True, eq=False)
class People:
    """A problem with values for each person, evaluated person by person.

    Parameters
    ----------
    problem : Problem
        The "inner" one, with one of each random value a person.
    population : Population
    """

    problem: Problem
    population: Population

    def x(self, shared: Array, own: Array) -> Array:
        """Return all values from shared ones and persons' own, shape (n_person, n_random)."""
        x = np.zeros(self.problem.layout.n_free)
        x[self.population.shared] = shared
        x[self.population.owned] = own
        return x

    @cached_property
    def _shared_at(self) -> Indices:
        """Where the values of each group are among those shared; -1 for random ones."""
        place = np.full(self.problem.layout.n_free, -1, dtype=np.intp)
        place[self.population.shared] = np.arange(len(self.population.shared))
        found: Indices = place[self.problem.index]
        return found

    @cached_property
    def _columns(self) -> tuple[Indices, Indices]:
        """Names of the layout that are random, in order, and those that are not."""
        names = self.problem.layout.names
        own = np.array([names.index(name) for name in self.population.names], dtype=np.intp)
        rest = np.setdiff1d(np.arange(len(names)), own)
        return own, rest

    def evaluate(self, shared: Array, own: Array, every: bool = False) -> ByPerson | Failure:
        """Evaluate every person at their own values; a failure may be of `every` who fails."""
        found = self.problem.by_group(self.x(shared, own), every)
        if isinstance(found, Failure):
            return found
        n_person, q = own.shape
        n_shared, person = len(shared), self.population.person
        columns, rest = self._columns
        nll, by_own = np.zeros(n_person), np.zeros((n_person, q))
        by_shared = np.zeros((n_person, n_shared))
        matrix, cross = np.zeros((n_person, q, q)), np.zeros((n_person, q, n_shared))
        block = np.zeros((n_person, n_shared, n_shared))
        np.add.at(nll, person, found.nll)
        np.add.at(by_own, person, found.gradient[:, columns])
        np.add.at(matrix, person, found.information[:, columns[:, None], columns])
        for one in rest:
            at = self._shared_at[:, one]
            np.add.at(by_shared, (person, at), found.gradient[:, one])
            for k, column in enumerate(columns):
                np.add.at(cross[:, k], (person, at), found.information[:, column, one])
            for other in rest:
                to = self._shared_at[:, other]
                np.add.at(block, (person, at, to), found.information[:, one, other])
        return ByPerson(nll, by_own, by_shared, matrix, cross, block)

    def summed(self, by_group: Array) -> tuple[Array, Array]:
        """Return derivatives by name in each group as those by persons' and by shared values.

        From shape (n_group, n_name) to (n_person, n_random) and (n_shared,).
        """
        columns, rest = self._columns
        by_own = np.zeros((len(self.population.labels), len(columns)))
        np.add.at(by_own, self.population.person, by_group[:, columns])
        by_shared = np.zeros(len(self.population.shared))
        np.add.at(by_shared, self._shared_at[:, rest], by_group[:, rest])
        return by_own, by_shared

    def along(
        self, shared: Array, own: Array, root: Array
    ) -> list[tuple[ByPerson, ByPerson]] | Failure:
        """Evaluate a step to both sides along each column of a root."""
        pairs = []
        for k in range(own.shape[1]):
            pair = []
            for side in (STEP, -STEP):
                found = self.evaluate(shared, own + side * root[:, :, k])
                if isinstance(found, Failure):
                    return found
                pair.append(found)
            pairs.append((pair[0], pair[1]))
        return pairs

    def drawn(self, shared: Array, own: Array, safe: Array) -> Array:
        """Return each person's negative log-likelihood; infinite where it has none."""
        found, lost = self._possible(
            lambda own: self.problem.nll_by_group(self.x(shared, own)), own, safe
        )
        if isinstance(found, Failure):
            return np.full(len(own), np.inf)
        nll = np.zeros(len(own))
        np.add.at(nll, self.population.person, found)
        return np.where(lost, np.inf, nll)

    def possible(self, shared: Array, own: Array, safe: Array) -> tuple[ByPerson | Failure, Mask]:
        """Evaluate every person at their own values, or where that cannot be at safe ones.

        With it for whom it could not be.
        """
        return self._possible(lambda own: self.evaluate(shared, own, every=True), own, safe)

    def _possible(
        self, call: Callable[[Array], Told | Failure], own: Array, safe: Array
    ) -> tuple[Told | Failure, Mask]:
        """Call with safe values for whom it fails with their own; return for whom that was."""
        own, lost = own.copy(), np.zeros(len(own), dtype=bool)
        found = call(own)
        while isinstance(found, Failure):
            before = int(lost.sum())
            at = self.population.person[list(found.groups)] if found.groups else slice(None)
            own[at], lost[at] = safe[at], True
            if lost.sum() == before:
                # With safe values it fails, too.
                break
            found = call(own)
        return found, lost


def form(left: Array, matrix: Array, right: Array) -> Array:
    """Return left' matrix right of each person, with one matrix for all."""
    found: Array = np.einsum("ik,kl,il->i", left, matrix, right)
    return found
