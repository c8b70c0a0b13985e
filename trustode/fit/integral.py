"""Likelihoods of persons with their random values integrated out, around their modes.

By Laplace's method, by Gauss-Hermite nodes, and by importance sampling. Imports the modes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from .modes import PLAIN, Modes
from .objective import Failure
from .persons import STEP, ByPerson, People, form
from .population import Population
from .vary import Layout

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

#: Degrees of freedom of the draws that check the integral: tails above the normal's.
DEGREES = 5.0

#: One draw of so many is from the population.
ANYWHERE = 5

#: Least curvature, in units of the population's, by which modes are taken to move.
LEAST = 1e-3


@dataclass(frozen=True, eq=False)
class Complete:
    """What is likely of persons whose random values are known, at outer values.

    Attributes
    ----------
    population : Population
    n_free : int
    shared : ndarray, shape (n_shared,)
    mean : ndarray, shape (n_person, n_random)
    covariance, precision : ndarray, shape (n_random, n_random)
    at : ndarray, shape (n_spread,)
        Outer values that the covariance depends on.
    bent : ndarray, shape (n_spread, n_random, n_random)
        Minus the precision's derivatives by them.
    offset : ndarray, shape (n_free,)
        What of a gradient does not depend on the random values.
    """

    population: Population
    n_free: int
    shared: Array
    mean: Array
    covariance: Array
    precision: Array
    at: Indices
    bent: Array
    offset: Array

    @classmethod
    def of(cls, population: Population, layout: Layout, x: Array) -> Complete:
        """Return it at outer values."""
        values = layout.natural(x)
        covariance, at, by = population.covariance(values, layout.slope(values))
        precision = np.asarray(np.linalg.inv(covariance), dtype=float)
        offset = np.zeros(layout.n_free)
        offset[at] = 0.5 * np.einsum("kl,slk->s", precision, by)
        shared, mean = x[population.outer_shared], population.weights @ x[population.linear]
        bent = precision @ by @ precision
        n = layout.n_free
        return cls(population, n, shared, mean, covariance, precision, at, bent, offset)

    def scores(self, found: ByPerson, own: Array) -> Array:
        """Return the gradient of each person's part, less the offset, at their own values.

        With persons so many times, one after the other, as there are.
        """
        pop, times = self.population, len(own) // len(self.mean)
        d = own - np.repeat(self.mean, times, axis=0)
        weights = np.repeat(pop.weights, times, axis=0)
        score = np.zeros((len(d), self.n_free))
        score[:, pop.linear] = np.einsum("ik,ikj->ij", -d @ self.precision, weights)
        score[:, pop.outer_shared] += found.by_shared
        score[:, self.at] = -0.5 * np.einsum("ik,skl,il->is", d, self.bent, d)
        return score


def laplace(modes: Modes, persons: ByPerson) -> Array:
    """Return each person's negative log-likelihood by Laplace's method."""
    precision = np.asarray(np.linalg.inv(modes.covariance), dtype=float)
    d = modes.own - modes.mean
    size: Array = np.log(modes.tempered).sum(axis=1)
    nll: Array = persons.nll + 0.5 * form(d, precision, d) + 0.5 * size
    return nll


def by_laplace(
    people: People, layout: Layout, modes: Modes, persons: ByPerson
) -> tuple[Array, Array, Array] | Failure:
    """Return each person's negative log-likelihood by Laplace's method, and its gradient.

    With them how the modes move with the outer values, shape (n_person, n_random, n_free).

    The modes move with the outer values, and the curvature with both. Its derivative is a
    second difference of the gradient along the directions that it depends on.
    """
    pop = people.population
    shared = modes.outer[pop.outer_shared]
    values = layout.natural(modes.outer)
    covariance, spread, by_spread = pop.covariance(values, layout.slope(values))
    precision = np.asarray(np.linalg.inv(covariance), dtype=float)
    # d log(tempered) / d weights.
    share = np.where(modes.weights < PLAIN, 1.0 / (2 * PLAIN - modes.weights), 1.0 / modes.weights)
    columns = modes.basis * np.sqrt(share)[:, None, :]
    # Where the curvature is small the likelihood may bend within less than the standard error.
    expected = persons.own + precision
    size = np.sqrt(np.einsum("ikj,ikl,ilj->ij", columns, expected, columns))
    cut = np.maximum(size, 1.0)
    columns = columns / cut[:, None, :]
    pairs = people.along(shared, modes.own, columns)
    if isinstance(pairs, Failure):
        return pairs
    bend_own, bend_shared = np.zeros_like(persons.by_own), np.zeros_like(persons.by_shared)
    for (up, down), times in zip(pairs, (cut.T**2)[:, :, None], strict=True):
        bend_own += times * (up.by_own - 2.0 * persons.by_own + down.by_own) / STEP**2
        bend_shared += times * (up.by_shared - 2.0 * persons.by_shared + down.by_shared) / STEP**2
    along = [(up.by_shared - down.by_shared) / (2.0 * STEP) for up, down in pairs]
    cross = np.linalg.inv(columns).transpose(0, 2, 1) @ np.stack(along, axis=1)
    d = modes.own - modes.mean
    weighed = modes.basis / np.maximum(modes.weights, LEAST)[:, None, :]
    inverse = weighed @ modes.basis.transpose(0, 2, 1)
    lean = np.einsum("ikl,il->ik", inverse, bend_own)
    scores = np.zeros((len(d), layout.n_free))
    by_mean = -d @ precision + 0.5 * lean @ precision
    scores[:, pop.linear] = np.einsum("ik,ikj->ij", by_mean, pop.weights)
    scores[:, pop.outer_shared] += persons.by_shared + 0.5 * bend_shared
    scores[:, pop.outer_shared] -= 0.5 * np.einsum("ikf,ik->if", cross, lean)
    across = np.linalg.inv(modes.basis)
    stretch = np.einsum("ijk,ij,ijl->ikl", across, (modes.weights - 1.0) * share, across)
    moves = np.zeros((*modes.own.shape, layout.n_free))
    moves[:, :, pop.linear] = inverse @ precision @ pop.weights
    moves[:, :, pop.outer_shared] = -inverse @ cross
    for at, change in zip(spread, by_spread, strict=True):
        bent: Array = precision @ change @ precision
        scores[:, at] = 0.5 * form(lean - d, bent, d)
        scores[:, at] += 0.5 * np.einsum("ikl,lk->i", stretch, change)
        moves[:, :, at] = np.einsum("ikl,lm,im->ik", inverse, bent, d)
    return laplace(modes, persons), scores, moves


def by_nodes(
    people: People, layout: Layout, modes: Modes, n_nodes: int
) -> tuple[Array, Array] | Failure:
    """Return each person's negative log-likelihood by quadrature around the mode.

    The gradient is the posterior's mean of that with random values known (Fisher's identity).
    References: Pinheiro & Bates (1995), J. Comput. Graph. Stat. 4, 12-35.
    """
    complete = Complete.of(people.population, layout, modes.outer)
    z, w = np.polynomial.hermite_e.hermegauss(n_nodes)
    w = np.log(w / math.sqrt(2.0 * math.pi))
    logs, scores = [], []
    for node in itertools.product(range(n_nodes), repeat=modes.own.shape[1]):
        at = z[list(node)]
        own = modes.own + modes.root @ at
        found = people.evaluate(complete.shared, own)
        if isinstance(found, Failure):
            return found
        d = own - modes.mean
        fares = found.nll + 0.5 * form(d, complete.precision, d)
        logs.append(w[list(node)].sum() + 0.5 * at @ at - fares)
        scores.append(complete.scores(found, own))
    every = np.array(logs)
    total = logsumexp(every, axis=0)
    share = np.exp(every - total)
    gradient = np.einsum("ji,jif->if", share, np.array(scores)) + complete.offset
    size = np.linalg.slogdet(modes.root)[1]
    return 0.5 * np.linalg.slogdet(complete.covariance)[1] - size - total, gradient


def expected_information(pop: Population, layout: Layout, x: Array, persons: ByPerson) -> Array:
    """Return the expected information, as if predictions were linear in random values.

    References: Retout & Mentré (2003), J. Biopharm. Stat. 13, 209-227.
    """
    n_person, q, n_shared = persons.mixed.shape
    n = layout.n_free
    values = layout.natural(x)
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


def sampled(
    people: People, modes: Modes, n: int, seed: int, advance: Callable[[int], object]
) -> tuple[Array, Array, Array]:
    """Return each person's log-likelihood by importance sampling.

    With it the Monte Carlo standard error, and the effective number of draws. Draws are
    from a t distribution around the mode, some of them from the population, which sees what lies
    elsewhere; `advance` hears of each. Hesterberg (1995), Technometrics 37, 185-194.
    """
    pop, rng = people.population, np.random.default_rng(seed)
    n_person, q = modes.own.shape
    precision = np.asarray(np.linalg.inv(modes.covariance), dtype=float)
    size = np.linalg.slogdet(modes.root)[1]
    constant = (
        gammaln(0.5 * (DEGREES + q))
        - gammaln(0.5 * DEGREES)
        - 0.5 * q * math.log(DEGREES * math.pi)
    )
    prior = -0.5 * (q * math.log(2.0 * math.pi) + np.linalg.slogdet(modes.covariance)[1])
    shared, lower = modes.outer[pop.outer_shared], np.linalg.cholesky(modes.covariance)
    logs, anywhere = np.empty((n, n_person)), np.arange(n) % ANYWHERE == 0
    share = float(anywhere.mean())
    for row in range(n):
        z = rng.standard_normal((n_person, q))
        z /= np.sqrt(rng.chisquare(DEGREES, n_person) / DEGREES)[:, None]
        own = modes.own + np.einsum("ikl,il->ik", modes.root, z)
        if anywhere[row]:
            own = modes.mean + rng.standard_normal((n_person, q)) @ lower.T
        nll = people.drawn(shared, own, modes.own)
        d = own - modes.mean
        z = np.asarray(np.linalg.solve(modes.root, (own - modes.own)[..., None]))[..., 0]
        around = constant - size
        around = around - 0.5 * (DEGREES + q) * np.log1p((z**2).sum(axis=1) / DEGREES)
        density = prior - 0.5 * form(d, precision, d)
        proposal = np.logaddexp(math.log1p(-share) + around, math.log(share) + density)
        logs[row] = density - nll - proposal
        advance(1)
    total = logsumexp(logs, axis=0)
    weights = np.exp(logs - total)
    # How many are drawn from where is no matter of chance.
    parts = weights[anywhere], weights[~anywhere]
    variance = sum(len(part) * part.var(axis=0) for part in parts)
    return total - math.log(n), np.sqrt(variance), 1.0 / (variance + 1.0 / n)
