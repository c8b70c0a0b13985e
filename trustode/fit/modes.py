"""The values of each person that a population and their own data make likeliest: the modes.

Imports the layout and the likelihood of each person.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import Status
from .objective import Failure
from .persons import STEP, ByPerson, People, form
from .vary import Layout

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Distance to the modes, in standard errors, at which a search for them ends, its most steps, and
#: the steps without progress after which only the solver's errors can be left.
MODE_DISTANCE, MODE_STEPS, MODE_PATIENCE = 1e-7, 100, 4

#: Distance from the modes up to which they count as found.
FOUND = 1e-3

#: Share of its distance that a step must leave to a person for whom the expected information
#: does, and the least curvature, in units of that, by which another is taken.
SLOW, LEAST = 0.3, 1e-4

#: Where a search for modes may begin, beside the mean, in standard deviations of the population.
BESIDE = (-2.0, -1.0, 1.0, 2.0)

#: How far a search that ended between two modes goes on from, in the population's standard
#: deviations, and how often it does.
ASIDE, FLAT_TRIES = 0.1, 3

#: Share of the population's curvature below which a person's own is not taken at its word.
PLAIN = 0.5

#: Steps in a row that a person's model cuts short, after which the mode lies where it ends.
EDGE = 8

#: First steps towards the modes are no longer than this, in terms of the spread that the search
#: for the population begins with; they double while they lead on.
REACH = 5.0


@dataclass(frozen=True, eq=False)
class Modes:
    """Each person's best values, and the curvature there.

    Attributes
    ----------
    outer : ndarray, shape (n_free,)
    own : ndarray, shape (n_person, n_random)
        The values on their scales.
    mean : ndarray, shape (n_person, n_random)
        Means of the population for them.
    covariance : ndarray, shape (n_random, n_random)
    weights : ndarray, shape (n_person, n_random)
        Eigenvalues of the curvature in units of the population's: one where data say nothing,
        below one where the likelihood of the data is least, not largest, along some direction.
    basis : ndarray, shape (n_person, n_random, n_random)
        Columns to these: whole curvature = inv(basis)' diag(weights) inv(basis).
    by_outer : ndarray, shape (n_person, n_random, n_free)
        How the values move with the outer ones; zero where that is not known.
    """

    outer: Array
    own: Array
    mean: Array
    covariance: Array
    weights: Array
    basis: Array
    by_outer: Array

    @property
    def tempered(self) -> Array:
        """The weights, but kept from zero, where a normal distribution would hold all there is.

        The same from `PLAIN` on, and smooth in value and slope.
        """
        small = self.weights < PLAIN
        found: Array = np.where(small, PLAIN**2 / (2.0 * PLAIN - self.weights), self.weights)
        return found

    @cached_property
    def root(self) -> Array:
        """V with V V' the inverse of the whole curvature: a person's own uncertainty."""
        across = np.asarray(np.linalg.inv(self.basis), dtype=float)
        return _root(across.transpose(0, 2, 1) @ (self.tempered[:, :, None] * across))


@dataclass(frozen=True, eq=False)
class ModeSearch:
    """Searches for the modes of all persons at once.

    Parameters
    ----------
    people : People
    layout : Layout
        The outer values.
    """

    people: People
    layout: Layout

    def modes(self, x: Array, last: Modes | None) -> tuple[Modes, ByPerson] | Failure:
        """Find every person's best values at outer values, and the curvature there.

        They are searched from the last, or without these from where a person fares best of a few
        places in the population, so that they depend on the outer values alone.
        """
        pop, values = self.people.population, self.layout.natural(x)
        covariance, _, _ = pop.covariance(values, self.layout.slope(values))
        if not (np.isfinite(covariance).all() and np.linalg.eigvalsh(covariance)[0] > 0.0):
            return Failure(Status.NO_LIKELIHOOD, "the covariance between persons is not positive")
        precision = np.asarray(np.linalg.inv(covariance), dtype=float)
        mean = pop.weights @ x[pop.linear]
        shared = x[pop.outer_shared]
        found: tuple[Array, ByPerson] | Failure | None = None
        if last is not None:
            begin = last.own + last.by_outer @ (x - last.outer)
            found = self._descend(shared, begin, mean, precision)
        if found is None or isinstance(found, Failure):
            begin = self._begin(shared, mean, covariance, precision)
            found = self._descend(shared, begin, mean, precision)
        if isinstance(found, Failure):
            return found
        lower = np.linalg.cholesky(covariance)
        for tries in range(FLAT_TRIES + 1):
            own, persons = found
            bent = self._curvature(shared, own, persons, precision)
            if isinstance(bent, Failure):
                return bent
            weights, vectors = np.linalg.eigh(lower.T @ bent @ lower)
            weights, basis = 1.0 + weights, lower @ vectors
            flat = weights[:, 0] < 0.0
            if not flat.any() or tries == FLAT_TRIES:
                break
            # No best values but those between two: on along the curvature that is negative.
            aside = np.where(flat[:, None], own + ASIDE * basis[:, :, 0], own)
            found = self._descend(shared, aside, mean, precision)
            if isinstance(found, Failure):
                return found
        still = np.zeros((*own.shape, len(x)))
        return Modes(x.copy(), own, mean, covariance, weights, basis, still), persons

    def _begin(self, shared: Array, mean: Array, covariance: Array, precision: Array) -> Array:
        """Return where each person fares best of the mean and places to its sides."""
        columns = np.linalg.cholesky(covariance).T
        places = [mean, *(mean + far * column for far in BESIDE for column in columns)]
        fares = []
        for own in places:
            d = own - mean
            fares.append(self.people.drawn(shared, own, mean) + 0.5 * form(d, precision, d))
        best = np.argmin(np.array(fares), axis=0)
        begin: Array = np.array(places)[best, np.arange(len(mean))]
        return begin

    def _descend(
        self, shared: Array, own: Array, mean: Array, precision: Array
    ) -> tuple[Array, ByPerson] | Failure:
        """Search every person's best values at once: damped Newton or scoring steps."""
        found = self.people.evaluate(shared, own)
        if isinstance(found, Failure):
            return found
        pop = self.people.population
        share, idle = np.ones(len(own)), 0
        before, slow = np.full(len(own), np.inf), np.zeros(len(own), dtype=bool)
        reach, shortened = np.ones(len(own)), np.zeros(len(own), dtype=int)
        for _ in range(MODE_STEPS):
            d = own - mean
            value = found.nll + 0.5 * form(d, precision, d)
            pull = found.by_own + d @ precision
            matrix = found.own + precision
            newton = _solved(matrix, pull)
            left = np.sqrt(np.maximum((pull * newton).sum(axis=1), 0.0))
            going = left > MODE_DISTANCE
            if not going.any() or (idle >= MODE_PATIENCE and left.max() < FOUND):
                return own, found
            if idle >= 5 * MODE_PATIENCE:
                break
            slow |= going & (left > SLOW * before)
            before = left
            if (slow & going).any():
                bent = self._newton(shared, own, found, pull, precision, slow & going)
                if isinstance(bent, Failure):
                    return bent
                newton = np.where((slow & going)[:, None], bent, newton)
            length = np.abs(newton / self._reach).max(axis=1)
            cut = np.minimum(1.0, reach / np.maximum(length, 1e-300))
            step = np.where(going[:, None], cut[:, None] * newton, 0.0)
            tried = self._tried(shared, own, step, share)
            if isinstance(tried, Failure):
                return tried
            new, other, refused = tried
            shortened = np.array([shortened[k] + 1 if k in refused else 0 for k in range(len(own))])
            edge = int(shortened.argmax())
            if shortened[edge] >= EDGE:
                return Failure(
                    Status.NO_LIKELIHOOD,
                    f"the best values of {pop.labels[edge]!r} lie at the edge of what is "
                    f"possible, where a normal distribution has no mode: {refused[edge]}",
                )
            d = new - mean
            reached = other.nll + 0.5 * form(d, precision, d)
            pull = other.by_own + d @ precision
            nearer = (pull * _solved(matrix, pull)).sum(axis=1) < left**2
            # So near, rounding hides what a step gains; the gradient still shows it.
            near = left**2 < 1e-7 * (1.0 + np.abs(value))
            better = going & np.where(near, nearer, reached < value)
            idle = 0 if better.any() else idle + 1
            share = np.where(better | ~going, np.minimum(1.0, 2.0 * share), 0.25 * share)
            reach = np.where(better & (cut < 1.0), 2.0 * reach, reach)
            own = np.where(better[:, None], new, own)
            found = _chosen(better, other, found)
        return Failure(Status.NO_LIKELIHOOD, "no best values were found for some person")

    @cached_property
    def _reach(self) -> Array:
        """How far a search for modes steps at first, shape (n_random,).

        Where a person's data hardly say anything, a whole step would go anywhere.
        """
        owner = self.layout.owner[self.people.population.sd]
        return REACH * np.array([self.layout.varies[k].value for k in owner])

    def _tried(
        self, shared: Array, own: Array, newton: Array, share: Array
    ) -> tuple[Array, ByPerson, dict[int, str]] | Failure:
        """Take a step, shorter for persons whose model cannot be solved there; with the reasons."""
        share, refused, message = share.copy(), dict[int, str](), ""
        for _ in range(20 + len(own)):
            new = own - share[:, None] * newton
            found = self.people.evaluate(shared, new)
            if not isinstance(found, Failure):
                return new, found, refused
            message = found.message
            if not found.groups:
                share *= 0.25
            else:
                person = int(self.people.population.person[found.groups[0]])
                share[person] *= 0.1
                refused[person] = message
        return Failure(Status.NO_LIKELIHOOD, f"no step of some person could be solved: {message}")

    def _newton(
        self,
        shared: Array,
        own: Array,
        persons: ByPerson,
        pull: Array,
        precision: Array,
        some: Mask,
    ) -> Array | Failure:
        """Return the steps of some persons by the curvature itself.

        Where persons do as nobody expects, scoring comes nearer by a few per cent a step. Where
        the curvature is negative the step leads downhill all the same.
        """
        root = _root(persons.own + precision)
        bent = self._bent(shared, own, np.where(some[:, None, None], root, 0.0))
        if isinstance(bent, Failure):
            return bent
        weights, vectors = np.linalg.eigh(root.transpose(0, 2, 1) @ (bent + precision @ root))
        basis = root @ vectors
        size = np.maximum(np.abs(weights), LEAST)
        found: Array = np.einsum("ikj,ij,ilj,il->ik", basis, 1.0 / size, basis, pull)
        return found

    def _bent(self, shared: Array, own: Array, columns: Array) -> Array | Failure:
        """Return the derivatives of each person's gradient along columns."""
        pairs = self.people.along(shared, own, columns)
        if isinstance(pairs, Failure):
            return pairs
        return np.stack([(up.by_own - down.by_own) / (2.0 * STEP) for up, down in pairs], axis=2)

    def _curvature(
        self, shared: Array, own: Array, persons: ByPerson, precision: Array
    ) -> Array | Failure:
        """Return the second derivatives of each person's negative log-likelihood."""
        root = _root(persons.own + precision)
        along = self._bent(shared, own, root)
        if isinstance(along, Failure):
            return along
        bent = along @ np.linalg.inv(root)
        found: Array = 0.5 * (bent + bent.transpose(0, 2, 1))
        return found


def _solved(matrices: Array, right: Array) -> Array:
    """Solve one system a person, for vectors of shape (n_person, n)."""
    solution = np.linalg.solve(matrices, right[..., None])[..., 0]
    return np.asarray(solution, dtype=float)


def _root(matrices: Array) -> Array:
    """Return V with V V' the inverse of each matrix."""
    # Of the inverse of a lower factor L, the transpose: (L L')^-1 = L'^-1 L^-1.
    lower = np.linalg.cholesky(matrices)
    found: Array = np.linalg.inv(lower).transpose(0, 2, 1)
    return found


def _chosen(which: NDArray[np.bool_], first: ByPerson, other: ByPerson) -> ByPerson:
    """Return the first evaluation of some persons, another of the rest."""

    def choose(one: Array, two: Array) -> Array:
        found: Array = np.where(which.reshape(-1, *[1] * (one.ndim - 1)), one, two)
        return found

    names = ("nll", "by_own", "by_shared", "own", "mixed", "shared")
    return ByPerson(*(choose(getattr(first, n), getattr(other, n)) for n in names))
