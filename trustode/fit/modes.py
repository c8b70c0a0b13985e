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

#: Distance from the modes up to which they count as found, and from which on what the expected
#: information missed of the curvature at the last modes is trusted.
FOUND, NEAR = 1e-3, 0.5

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
    curvature : ndarray, shape (n_person, n_random, n_random)
        Of the negative log-likelihood, without the population.
    missing : ndarray, shape (n_person, n_random, n_random)
        What of it the expected information does not have.
    root : ndarray, shape (n_person, n_random, n_random)
        V with V V' the inverse of the whole curvature: a person's own uncertainty.
    by_outer : ndarray, shape (n_person, n_random, n_free), or None
        How the values move with the outer ones.
    """

    outer: Array
    own: Array
    mean: Array
    covariance: Array
    curvature: Array
    missing: Array
    root: Array
    by_outer: Array | None = None


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
        """Find every person's best values at outer values from the last, and the curvature."""
        pop, values = self.people.population, self.layout.natural(x)
        covariance, _, _ = pop.covariance(values, self.layout.slope(values))
        if not (np.isfinite(covariance).all() and np.linalg.eigvalsh(covariance)[0] > 0.0):
            return Failure(Status.NO_LIKELIHOOD, "the covariance between persons is not positive")
        precision = np.asarray(np.linalg.inv(covariance), dtype=float)
        mean = pop.weights @ x[pop.linear]
        shared = x[pop.outer_shared]
        begins, missing = [mean], None
        if last is not None:
            missing = last.missing
            begins.insert(0, last.own)
            if last.by_outer is not None:
                begins.insert(0, last.own + last.by_outer @ (x - last.outer))
        found: tuple[Array, ByPerson] | Failure | None = None
        for begin in begins:
            found = self._descend(shared, begin, mean, precision, missing)
            if not isinstance(found, Failure):
                break
        assert found is not None
        if isinstance(found, Failure):
            return found
        own, persons = found
        bent = self._curvature(shared, own, persons, precision)
        if isinstance(bent, Failure):
            return bent
        root = _root(bent + precision)
        return Modes(x.copy(), own, mean, covariance, bent, bent - persons.own, root), persons

    def _descend(
        self, shared: Array, own: Array, mean: Array, precision: Array, missing: Array | None
    ) -> tuple[Array, ByPerson] | Failure:
        """Search every person's best values at once: damped Newton or scoring steps."""
        found = self.people.evaluate(shared, own)
        if isinstance(found, Failure):
            return found
        pop = self.people.population
        share, idle = np.ones(len(own)), 0
        learnt = np.zeros_like(found.own) if missing is None else missing.copy()
        trusted = np.full(len(own), missing is not None)
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
            if trusted.any():
                bent = matrix + learnt
                good = trusted & (left < NEAR) & (share == 1.0)
                good &= np.linalg.eigvalsh(bent)[:, 0] > 0.0
                matrix = np.where(good[:, None, None], bent, matrix)
                newton = _solved(matrix, pull)
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
            learnt, trusted = _learnt(learnt, new - own, precision, found, other, better)
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
            if found.group is None:
                share *= 0.25
            else:
                person = int(self.people.population.person[found.group])
                share[person] *= 0.1
                refused[person] = message
        return Failure(Status.NO_LIKELIHOOD, f"no step of some person could be solved: {message}")

    def _curvature(
        self, shared: Array, own: Array, persons: ByPerson, precision: Array
    ) -> Array | Failure:
        """Return the second derivatives of each person's negative log-likelihood."""
        root = _root(persons.own + precision)
        pairs = self.people.along(shared, own, root)
        if isinstance(pairs, Failure):
            return pairs
        along = [(up.by_own - down.by_own) / (2.0 * STEP) for up, down in pairs]
        bent = np.stack(along, axis=2) @ np.linalg.inv(root)
        bent = 0.5 * (bent + bent.transpose(0, 2, 1))
        # A mode that is no minimum, by rounding or because the search stopped: as expected.
        good = np.linalg.eigvalsh(bent + precision)[:, 0] > 0.0
        found: Array = np.where(good[:, None, None], bent, persons.own)
        return found


def _solved(matrices: Array, right: Array) -> Array:
    """Solve one system a person, for vectors of shape (n_person, n)."""
    solution = np.linalg.solve(matrices, right[..., None])[..., 0]
    return np.asarray(solution, dtype=float)


def _learnt(
    missing: Array, moved: Array, precision: Array, old: ByPerson, new: ByPerson, took: Mask
) -> tuple[Array, Mask]:
    """Learn from a step what the expected information misses of each person's curvature.

    With it whether what was known before foretold the gradient better than nothing. Where
    persons do as nobody expects, scoring alone comes nearer by a few per cent a step.
    References: Dennis, Gay & Welsch (1981), ACM Trans. Math. Softw. 7, 348-368.
    """

    def by(matrices: Array) -> Array:
        found: Array = (matrices @ moved[:, :, None])[..., 0]
        return found

    changed = new.by_own - old.by_own
    plain = changed - by(old.own)
    trusted: Mask = np.all(np.abs(plain - by(missing)) < np.abs(plain), axis=1)
    bent = changed + moved @ precision
    along = (bent * moved).sum(axis=1)
    useful: Mask = took & (along > 0.0)
    along = np.where(useful, along, 1.0)
    wanted = changed - by(new.own)
    now = np.abs((moved * by(missing)).sum(axis=1))
    size = np.abs((moved * wanted).sum(axis=1)) / np.where(now > 0.0, now, 1.0)
    shrunk = np.where(now > 0.0, np.minimum(1.0, size), 1.0)[:, None, None] * missing
    rest = wanted - by(shrunk)
    cross = rest[:, :, None] * bent[:, None, :]
    update = (cross + cross.transpose(0, 2, 1)) / along[:, None, None]
    across = (rest * moved).sum(axis=1) / along**2
    update -= across[:, None, None] * bent[:, :, None] * bent[:, None, :]
    return np.where(useful[:, None, None], shrunk + update, missing), trusted


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
