"""Values that differ between persons: the likelihood with them integrated out.

A person's random values, on their scales, are normal around a mean that covariates may shift.
Laplace's method integrates them: a search for each person's best values (the modes), and the
curvature there. Gauss-Hermite nodes around the modes refine it. Imports the objective.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from ..errors import Status
from ..solve import Solver
from .data import Data
from .objective import Evaluation, Failure, Problem
from .observation import Observation
from .readout import Readout
from .vary import Layout, Vary

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
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

#: Step of differences of gradients, in standard deviations of a person's values: errors of the
#: second difference are its square, and the solver's over it.
STEP = 0.03

#: Step of differences of the outer gradient, in standard errors.
OUTER_STEP = 0.05

#: Most nodes of a quadrature.
MOST_NODES = 20_000

#: Degrees of freedom of the draws that check the integral: tails above the normal's.
DEGREES = 5.0


@dataclass(frozen=True, eq=False)
class Population:
    """Who the persons are, and which free value is what.

    "Inner" values are those of `Problem`, with one of each random value a person; "outer" ones
    are what is estimated.

    Attributes
    ----------
    labels : tuple
        Persons.
    person : ndarray, shape (n_group,)
        Person of each group.
    names : tuple of str
        Random values.
    shared : ndarray, shape (n_shared,)
        Inner values that do not differ between persons by themselves.
    owned : ndarray, shape (n_person, n_random)
        Inner values that are random.
    outer_shared : ndarray, shape (n_shared,)
        Outer values that they are.
    linear : ndarray, shape (n_linear,)
        Outer values that make the means: means, and coefficients of covariates.
    weights : ndarray, shape (n_person, n_random, n_linear)
        What each adds to a person's mean.
    sd : ndarray, shape (n_random,)
        Outer values that are standard deviations.
    corr : tuple of (int, int, int)
        Two random values, and the outer value that is their correlation.
    factored : bool
        Whether standard deviations and correlations stand for the diagonal and the rest of the
        covariance's lower Cholesky factor, in which a search goes straighter.
    """

    labels: tuple[Hashable, ...]
    person: Indices
    names: tuple[str, ...]
    shared: Indices
    owned: Indices
    outer_shared: Indices
    linear: Indices
    weights: Array
    sd: Indices
    corr: tuple[tuple[int, int, int], ...]
    factored: bool = False

    def covariance(self, values: Array, slope: Array) -> tuple[Array, Indices, Array]:
        """Return the covariance of random values from outer values.

        With it the outer values that it depends on, shape (n_spread,), and its derivatives by
        them on their scales, shape (n_spread, n_random, n_random).
        """
        if self.factored:
            return self._from_factor(values, slope)
        sd = values[self.sd]
        correlation = np.eye(len(sd))
        for k, other, where in self.corr:
            correlation[k, other] = correlation[other, k] = values[where]
        covariance = correlation * np.outer(sd, sd)
        at: list[int] = []
        by: list[Array] = []
        for k, where in enumerate(self.sd.tolist()):
            change = np.zeros_like(covariance)
            change[k] += covariance[k] / sd[k] * slope[where]
            change[:, k] += covariance[:, k] / sd[k] * slope[where]
            at.append(where)
            by.append(change)
        for k, other, where in self.corr:
            change = np.zeros_like(covariance)
            change[k, other] = change[other, k] = sd[k] * sd[other] * slope[where]
            at.append(where)
            by.append(change)
        return covariance, np.array(at, dtype=np.intp), np.array(by)

    def _from_factor(self, values: Array, slope: Array) -> tuple[Array, Indices, Array]:
        places = [(k, k, at) for k, at in enumerate(self.sd.tolist())]
        places += [(other, k, at) for k, other, at in self.corr]
        factor = np.zeros((len(self.sd), len(self.sd)))
        for row, column, at in places:
            factor[row, column] = values[at]
        by = []
        for row, column, at in places:
            change = np.zeros_like(factor)
            change[row] = slope[at] * factor[:, column]
            by.append(change + change.T)
        return factor @ factor.T, np.array([at for *_, at in places], dtype=np.intp), np.array(by)

    def split(self, values: Array, covariance: Array) -> Array:
        """Return outer values with the standard deviations and correlations of a covariance."""
        values, sd = values.copy(), np.sqrt(np.diagonal(covariance))
        values[self.sd] = sd
        for k, other, at in self.corr:
            values[at] = covariance[k, other] / (sd[k] * sd[other])
        return values


@dataclass(frozen=True, eq=False)
class _Persons:
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


def _solved(matrices: Array, right: Array) -> Array:
    """Solve one system a person, for vectors of shape (n_person, n)."""
    solution = np.linalg.solve(matrices, right[..., None])[..., 0]
    return np.asarray(solution, dtype=float)


def _form(left: Array, matrix: Array, right: Array) -> Array:
    """Return left' matrix right of each person, with one matrix for all."""
    found: Array = np.einsum("ik,kl,il->i", left, matrix, right)
    return found


@dataclass(frozen=True, eq=False)
class Marginal:
    """The objective with random values integrated out; searched like a `Problem`.

    Parameters
    ----------
    inner : Problem
    layout : Layout
        The outer values.
    population : Population
    quadrature : int
        Nodes for each random value; one is Laplace's approximation.
    threads : int or None
    """

    inner: Problem
    layout: Layout
    population: Population
    quadrature: int = 1
    threads: int | None = None
    #: The last modes, where a search for the next begins.
    _last: dict[str, Modes] = field(default_factory=dict, init=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (
            self.inner, self.layout, self.population, self.quadrature, self.threads
        )  # fmt: skip

    # ------------------------------------------------------------------ as of a problem

    @property
    def smooth(self) -> bool:
        """Whether no likelihood has kinks; one with kinks has no curvature."""
        return self.inner.smooth

    @property
    def readout(self) -> Readout:
        """Predictions as observables."""
        return self.inner.readout

    @property
    def data(self) -> Data:
        """The data."""
        return self.inner.data

    @property
    def observed(self) -> Mapping[str, Observation]:
        """Observation model of each column."""
        return self.inner.observed

    @property
    def solver(self) -> Solver:
        """How the inner problem is solved."""
        return self.inner.solver

    # ------------------------------------------------------------------ values

    def factored(self) -> Marginal:
        """Return the same objective by the covariance's Cholesky factor."""
        varies, bounds = list(self.layout.varies), list(self.layout.bounds)
        for *_, at in self.population.corr:
            k = int(self.layout.owner[at])
            varies[k], bounds[k] = Vary(0.0), (-math.inf, math.inf)
        layout = replace(self.layout, varies=tuple(varies), bounds=tuple(bounds))
        return replace(self, layout=layout, population=replace(self.population, factored=True))

    def unfactored(self, point: Evaluation, layout: Layout) -> Evaluation:
        """Return an evaluation by a Cholesky factor as one by deviations and correlations."""

        def told(x: Array) -> Array:
            values = self.layout.natural(x)
            covariance, _, _ = self.population.covariance(values, values)
            return layout.scaled(self.population.split(values, covariance))

        n, by = len(point.x), np.eye(len(point.x))
        _, at, _ = self.population.covariance(point.x, point.x)
        for k in at.tolist():
            h = 1e-6 * np.eye(n)[k] * max(1e-3, abs(point.x[k]))
            by[:, k] = (told(point.x + h) - told(point.x - h)) / (2.0 * h[k])
        back = np.linalg.inv(by)
        return replace(
            point,
            x=told(point.x),
            gradient=back.T @ point.gradient,
            information=back.T @ point.information @ back,
        )

    def begin(self, pooled: Layout, points: Sequence[Array]) -> Array:
        """Return points to start from: the given values, then those of fits to all persons alike.

        Shape (n, n_free). Spreads, correlations and coefficients all begin alike.
        """
        every = np.tile(self.layout.first, (1 + len(points), 1))
        places = {name: np.flatnonzero(pooled.owner == k) for k, name in enumerate(pooled.names)}
        for k, name in enumerate(self.layout.names):
            if name in places:
                at = np.flatnonzero(self.layout.owner == k)
                for row, point in zip(every[1:], points, strict=True):
                    row[at] = point[places[name]]
        return every

    def evaluate(self, x: Array, settle: bool = True) -> Evaluation:
        """Return the objective at outer values, its gradient and information.

        The gradient is exact up to differences of gradients (Laplace), or that of the integral
        itself (quadrature). Nothing is settled.
        """
        with np.errstate(all="ignore"):
            penalty, by_prior, curvature = self.layout.penalty(x)
            if not np.isfinite(penalty):
                none = "a value has no density under its prior"
                return self._failed(x, Failure(Status.NO_LIKELIHOOD, none))
            found = self.scores(x)
        if isinstance(found, Failure):
            return self._failed(x, found)
        nll, scores, information = found
        information[np.diag_indices_from(information)] += curvature
        gradient = scores.sum(axis=0) + by_prior
        total = float(nll.sum()) + penalty
        finite = all(np.isfinite(each).all() for each in (total, gradient, information))
        if not finite:
            none = "the marginal likelihood is not finite"
            return self._failed(x, Failure(Status.NO_LIKELIHOOD, none))
        return Evaluation(x, total, gradient, information, penalty=penalty)

    def _failed(self, x: Array, failure: Failure) -> Evaluation:
        n = self.layout.n_free
        return Evaluation(x, np.inf, np.zeros(n), np.zeros((n, n)), failure)

    def scores(self, x: Array) -> tuple[Array, Array, Array] | Failure:
        """Return each person's negative log-likelihood and gradient, and the information.

        Shapes (n_person,), (n_person, n_free) and (n_free, n_free).
        """
        try:
            return self._scores(x)
        except np.linalg.LinAlgError:
            return Failure(Status.NO_LIKELIHOOD, "a matrix of some person has no inverse")

    def _scores(self, x: Array) -> tuple[Array, Array, Array] | Failure:
        found = self.modes(x)
        if isinstance(found, Failure):
            return found
        modes, persons = found
        by_nodes = self.quadrature > 1
        told = self._by_nodes(modes) if by_nodes else self._by_laplace(modes, persons)
        if isinstance(told, Failure):
            return told
        return (*told, self._information(modes, persons))

    def inner_x(self, modes: Modes) -> Array:
        """Return the inner values at modes."""
        return self.inner_values(modes.outer, modes.own)

    def inner_values(self, x: Array, own: Array) -> Array:
        """Return the inner values at outer ones and persons' own, of shape (n_person, n_random)."""
        return self._inner(x[self.population.outer_shared], own)

    def means(self, x: Array) -> Array:
        """Return the mean of each person's random values, shape (n_person, n_random)."""
        found: Array = self.population.weights @ x[self.population.linear]
        return found

    def covariance(self, x: Array) -> Array:
        """Return the covariance of random values."""
        values = self.layout.natural(x)
        return self.population.covariance(values, self.layout.slope(values))[0]

    def _inner(self, shared: Array, own: Array) -> Array:
        x = np.zeros(self.inner.layout.n_free)
        x[self.population.shared] = shared
        x[self.population.owned] = own
        return x

    @cached_property
    def _shared_at(self) -> Indices:
        """Where the inner values of each group are among those shared; -1 for random ones."""
        place = np.full(self.inner.layout.n_free, -1, dtype=np.intp)
        place[self.population.shared] = np.arange(len(self.population.shared))
        found: Indices = place[self.inner.index]
        return found

    @cached_property
    def _columns(self) -> tuple[Indices, Indices]:
        """Names of the inner layout that are random, in order, and those that are not."""
        names = self.inner.layout.names
        own = np.array([names.index(name) for name in self.population.names], dtype=np.intp)
        rest = np.setdiff1d(np.arange(len(names)), own)
        return own, rest

    def _persons(self, shared: Array, own: Array) -> _Persons | Failure:
        """Evaluate every person at their own values."""
        found = self.inner.by_group(self._inner(shared, own))
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
        return _Persons(nll, by_own, by_shared, matrix, cross, block)

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

    # ------------------------------------------------------------------ modes

    def modes(self, x: Array) -> tuple[Modes, _Persons] | Failure:
        """Find every person's best values at outer values, and the curvature there."""
        pop, values = self.population, self.layout.natural(x)
        covariance, _, _ = pop.covariance(values, self.layout.slope(values))
        if not (np.isfinite(covariance).all() and np.linalg.eigvalsh(covariance)[0] > 0.0):
            return Failure(Status.NO_LIKELIHOOD, "the covariance between persons is not positive")
        precision = np.asarray(np.linalg.inv(covariance), dtype=float)
        mean = pop.weights @ x[pop.linear]
        shared = x[pop.outer_shared]
        last = self._last.get("modes")
        begins, missing = [mean], None
        if last is not None:
            missing = last.missing
            begins.insert(0, last.own)
            if last.by_outer is not None:
                begins.insert(0, last.own + last.by_outer @ (x - last.outer))
        found: tuple[Array, _Persons] | Failure | None = None
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
        modes = Modes(x.copy(), own, mean, covariance, bent, bent - persons.own, root)
        self._last["modes"] = modes
        return modes, persons

    def _descend(
        self, shared: Array, own: Array, mean: Array, precision: Array, missing: Array | None
    ) -> tuple[Array, _Persons] | Failure:
        """Search every person's best values at once: damped Newton or scoring steps."""
        found = self._persons(shared, own)
        if isinstance(found, Failure):
            return found
        share, idle = np.ones(len(own)), 0
        learnt = np.zeros_like(found.own) if missing is None else missing.copy()
        trusted = np.full(len(own), missing is not None)
        reach, shortened = np.ones(len(own)), np.zeros(len(own), dtype=int)
        for _ in range(MODE_STEPS):
            d = own - mean
            value = found.nll + 0.5 * _form(d, precision, d)
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
                    f"the best values of {self.population.labels[edge]!r} lie at the edge of what "
                    f"is possible, where a normal distribution has no mode: {refused[edge]}",
                )
            d = new - mean
            reached = other.nll + 0.5 * _form(d, precision, d)
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
        owner = self.layout.owner[self.population.sd]
        return REACH * np.array([self.layout.varies[k].value for k in owner])

    def _tried(
        self, shared: Array, own: Array, newton: Array, share: Array
    ) -> tuple[Array, _Persons, dict[int, str]] | Failure:
        """Take a step, shorter for persons whose model cannot be solved there; with the reasons."""
        share, refused, message = share.copy(), dict[int, str](), ""
        for _ in range(20 + len(own)):
            new = own - share[:, None] * newton
            found = self._persons(shared, new)
            if not isinstance(found, Failure):
                return new, found, refused
            message = found.message
            if found.group is None:
                share *= 0.25
            else:
                person = int(self.population.person[found.group])
                share[person] *= 0.1
                refused[person] = message
        return Failure(Status.NO_LIKELIHOOD, f"no step of some person could be solved: {message}")

    def _along(
        self, shared: Array, own: Array, root: Array
    ) -> list[tuple[_Persons, _Persons]] | Failure:
        """Evaluate a step to both sides along each column of a root."""
        pairs = []
        for k in range(own.shape[1]):
            pair = []
            for side in (STEP, -STEP):
                found = self._persons(shared, own + side * root[:, :, k])
                if isinstance(found, Failure):
                    return found
                pair.append(found)
            pairs.append((pair[0], pair[1]))
        return pairs

    def _curvature(
        self, shared: Array, own: Array, persons: _Persons, precision: Array
    ) -> Array | Failure:
        """Return the second derivatives of each person's negative log-likelihood."""
        root = _root(persons.own + precision)
        pairs = self._along(shared, own, root)
        if isinstance(pairs, Failure):
            return pairs
        along = [(up.by_own - down.by_own) / (2.0 * STEP) for up, down in pairs]
        bent = np.stack(along, axis=2) @ np.linalg.inv(root)
        bent = 0.5 * (bent + bent.transpose(0, 2, 1))
        # A mode that is no minimum, by rounding or because the search stopped: as expected.
        good = np.linalg.eigvalsh(bent + precision)[:, 0] > 0.0
        found: Array = np.where(good[:, None, None], bent, persons.own)
        return found

    # ------------------------------------------------------------------ integrals

    def _by_laplace(self, modes: Modes, persons: _Persons) -> tuple[Array, Array] | Failure:
        """Return each person's negative log-likelihood by Laplace's method, and its gradient.

        The modes move with the outer values, and the curvature with both. Its derivative is a
        second difference of the gradient along the columns of `root`.
        """
        pop, layout = self.population, self.layout
        shared = modes.outer[pop.outer_shared]
        pairs = self._along(shared, modes.own, modes.root)
        if isinstance(pairs, Failure):
            return pairs
        bend_own, bend_shared = np.zeros_like(persons.by_own), np.zeros_like(persons.by_shared)
        for up, down in pairs:
            bend_own += (up.by_own - 2.0 * persons.by_own + down.by_own) / STEP**2
            bend_shared += (up.by_shared - 2.0 * persons.by_shared + down.by_shared) / STEP**2
        along = [(up.by_shared - down.by_shared) / (2.0 * STEP) for up, down in pairs]
        cross = np.linalg.inv(modes.root).transpose(0, 2, 1) @ np.stack(along, axis=1)
        values = layout.natural(modes.outer)
        covariance, spread, by_spread = pop.covariance(values, layout.slope(values))
        precision = np.asarray(np.linalg.inv(covariance), dtype=float)
        inverse: Array = modes.root @ modes.root.transpose(0, 2, 1)
        d = modes.own - modes.mean
        whole = modes.curvature + precision
        nll = persons.nll + 0.5 * _form(d, precision, d)
        nll += 0.5 * (np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(whole)[1])
        lean = np.einsum("ikl,il->ik", inverse, bend_own)
        by_mean = -d @ precision + 0.5 * lean @ precision
        by_shared = persons.by_shared + 0.5 * bend_shared
        by_shared -= 0.5 * np.einsum("ikf,ik->if", cross, lean)
        scores = np.zeros((len(nll), layout.n_free))
        scores[:, pop.linear] = np.einsum("ik,ikj->ij", by_mean, pop.weights)
        scores[:, pop.outer_shared] += by_shared
        moves = np.zeros((*modes.own.shape, layout.n_free))
        moves[:, :, pop.linear] = inverse @ precision @ pop.weights
        moves[:, :, pop.outer_shared] = -inverse @ cross
        for at, change in zip(spread, by_spread, strict=True):
            bent: Array = precision @ change @ precision
            scores[:, at] = -0.5 * _form(d, bent, d) + 0.5 * np.trace(precision @ change)
            scores[:, at] += 0.5 * _form(lean, bent, d)
            scores[:, at] -= 0.5 * np.einsum("ikl,lk->i", inverse, bent)
            moves[:, :, at] = np.einsum("ikl,lm,im->ik", inverse, bent, d)
        self._last["modes"] = replace(modes, by_outer=moves)
        return nll, scores

    def _by_nodes(self, modes: Modes) -> tuple[Array, Array] | Failure:
        """Return each person's negative log-likelihood by quadrature around the mode.

        The gradient is the posterior's mean of that with random values known (Fisher's identity).
        References: Pinheiro & Bates (1995), J. Comput. Graph. Stat. 4, 12-35.
        """
        pop, layout = self.population, self.layout
        z, w = np.polynomial.hermite_e.hermegauss(self.quadrature)
        w = np.log(w / math.sqrt(2.0 * math.pi))
        q = len(pop.names)
        values = layout.natural(modes.outer)
        covariance, spread, by_spread = pop.covariance(values, layout.slope(values))
        precision = np.asarray(np.linalg.inv(covariance), dtype=float)
        bent = [precision @ change @ precision for change in by_spread]
        shared = modes.outer[pop.outer_shared]
        logs, scores = [], []
        for node in itertools.product(range(self.quadrature), repeat=q):
            at = z[list(node)]
            own = modes.own + modes.root @ at
            found = self._persons(shared, own)
            if isinstance(found, Failure):
                return found
            d = own - modes.mean
            logs.append(
                w[list(node)].sum() + 0.5 * at @ at - found.nll - 0.5 * _form(d, precision, d)
            )
            score = np.zeros((len(d), layout.n_free))
            score[:, pop.linear] = np.einsum("ik,ikj->ij", -d @ precision, pop.weights)
            score[:, pop.outer_shared] += found.by_shared
            for k, change in enumerate(bent):
                score[:, spread[k]] = -0.5 * _form(d, change, d)
            scores.append(score)
        every = np.array(logs)
        total = logsumexp(every, axis=0)
        share = np.exp(every - total)
        gradient = np.einsum("ji,jif->if", share, np.array(scores))
        for k, change in enumerate(by_spread):
            gradient[:, spread[k]] += 0.5 * np.trace(precision @ change)
        size = np.linalg.slogdet(modes.root)[1]
        return 0.5 * np.linalg.slogdet(covariance)[1] - size - total, gradient

    def _information(self, modes: Modes, persons: _Persons) -> Array:
        """Return the expected information, as if predictions were linear in random values.

        References: Retout & Mentré (2003), J. Biopharm. Stat. 13, 209-227.
        """
        pop, layout = self.population, self.layout
        n_person, q, n_shared = persons.mixed.shape
        n = layout.n_free
        values = layout.natural(modes.outer)
        covariance, spread, by_spread = pop.covariance(values, layout.slope(values))
        inside = np.linalg.inv(persons.own + np.linalg.inv(covariance))
        to_all = np.concatenate([persons.own, persons.mixed], axis=2)
        whole = np.zeros((n_person, q + n_shared, q + n_shared))
        whole[:, :q], whole[:, q:, :q] = to_all, persons.mixed.transpose(0, 2, 1)
        whole[:, q:, q:] = persons.shared
        whole -= to_all.transpose(0, 2, 1) @ inside @ to_all
        chain = np.zeros((n_person, q + n_shared, n))
        chain[:, :q, pop.linear] = pop.weights
        chain[:, q + np.arange(n_shared), pop.outer_shared] = 1.0
        information = np.einsum("iaf,iab,ibg->fg", chain, whole, chain, optimize=True)
        matrix = whole[:, :q, :q]
        for a, one in zip(spread, by_spread, strict=True):
            left = matrix @ one
            for b, other in zip(spread, by_spread, strict=True):
                information[a, b] += 0.5 * np.einsum("ikl,ilk->", left, matrix @ other)
        found: Array = information
        return found

    # ------------------------------------------------------------------ afterwards

    def observed_information(self, point: Evaluation, moving: NDArray[np.bool_]) -> Array | None:
        """Return second differences of the objective at its optimum; None if indefinite."""
        n = len(point.x)
        error = 1.0 / np.sqrt(np.maximum(np.diagonal(point.information), 1e-12))
        matrix = point.information.copy()
        at = np.flatnonzero(moving)
        rows = np.zeros((len(at), n))
        for k, j in enumerate(at):
            h = OUTER_STEP * error[j]
            sides = []
            for side in (h, -h):
                x = point.x.copy()
                x[j] += side
                found = self.evaluate(x)
                if found.failure is not None:
                    return None
                sides.append(found.gradient)
            rows[k] = (sides[0] - sides[1]) / (2.0 * h)
        block = rows[:, at]
        block = 0.5 * (block + block.T)
        scale = np.sqrt(np.abs(np.diagonal(block)))
        if not (np.isfinite(block).all() and (scale > 0.0).all()):
            return None
        if np.linalg.eigvalsh(block / np.outer(scale, scale))[0] <= 0.0:
            return None
        matrix[np.ix_(at, at)] = block
        return matrix

    def sampled(self, modes: Modes, n: int, seed: int) -> tuple[Array, Array, Array]:
        """Return each person's log-likelihood by importance sampling.

        With it the Monte Carlo standard error, and the effective number of draws. Draws are
        from a t distribution around the mode.
        """
        pop, rng = self.population, np.random.default_rng(seed)
        n_person, q = modes.own.shape
        precision = np.asarray(np.linalg.inv(modes.covariance), dtype=float)
        size = np.linalg.slogdet(modes.root)[1]
        constant = (
            gammaln(0.5 * (DEGREES + q))
            - gammaln(0.5 * DEGREES)
            - 0.5 * q * math.log(DEGREES * math.pi)
        )
        prior = -0.5 * (q * math.log(2.0 * math.pi) + np.linalg.slogdet(modes.covariance)[1])
        shared = modes.outer[pop.outer_shared]
        logs = np.empty((n, n_person))
        for row in range(n):
            z = rng.standard_normal((n_person, q))
            z /= np.sqrt(rng.chisquare(DEGREES, n_person) / DEGREES)[:, None]
            own = modes.own + np.einsum("ikl,il->ik", modes.root, z)
            nll = self._drawn(shared, own, modes.own)
            d = own - modes.mean
            proposal = constant - size
            proposal = proposal - 0.5 * (DEGREES + q) * np.log1p((z**2).sum(axis=1) / DEGREES)
            logs[row] = prior - nll - 0.5 * _form(d, precision, d) - proposal
        total = logsumexp(logs, axis=0)
        share = np.exp(logs - total)
        effective = 1.0 / (share**2).sum(axis=0)
        error = np.sqrt(np.maximum(1.0 / effective - 1.0 / n, 0.0))
        return total - math.log(n), error, effective

    def _drawn(self, shared: Array, own: Array, safe: Array) -> Array:
        """Return each person's negative log-likelihood; infinite where it has none."""
        own, lost = own.copy(), np.zeros(len(own), dtype=bool)
        for _ in range(len(own) + 1):
            found = self.inner.nll_by_group(self._inner(shared, own))
            if not isinstance(found, Failure):
                break
            at = slice(None)
            if found.group is not None:
                at = slice(*(self.population.person[found.group] + np.array([0, 1])).tolist())
            own[at], lost[at] = safe[at], True
        if isinstance(found, Failure):
            return np.full(len(own), np.inf)
        nll = np.zeros(len(own))
        np.add.at(nll, self.population.person, found)
        return np.where(lost, np.inf, nll)


def with_labels(
    layout: Layout, population: Population, labels: tuple[Hashable, ...]
) -> tuple[Layout, Indices, Indices]:
    """Return inner values laid out for other persons, and where shared and owned ones are."""
    levels = tuple(
        labels if name in population.names else each
        for name, each in zip(layout.names, layout.levels, strict=True)
    )
    new = replace(layout, levels=levels, chains=())
    begin = np.searchsorted(new.owner, np.arange(len(new.names)))
    owners, old = layout.owner[population.shared], np.searchsorted(layout.owner, layout.owner)
    shared = begin[owners] + population.shared - old[population.shared]
    numbers = [layout.names.index(name) for name in population.names]
    owned = begin[numbers] + np.arange(len(labels))[:, None]
    return new, shared.astype(np.intp), owned.astype(np.intp)


def _learnt(
    missing: Array, moved: Array, precision: Array, old: _Persons, new: _Persons, took: Mask
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


def _chosen(which: NDArray[np.bool_], first: _Persons, other: _Persons) -> _Persons:
    """Return the first evaluation of some persons, another of the rest."""

    def choose(one: Array, two: Array) -> Array:
        found: Array = np.where(which.reshape(-1, *[1] * (one.ndim - 1)), one, two)
        return found

    names = ("nll", "by_own", "by_shared", "own", "mixed", "shared")
    return _Persons(*(choose(getattr(first, n), getattr(other, n)) for n in names))
