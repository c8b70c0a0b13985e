"""The joint density of a population and its persons, for a sampler.

Where a person's data say little, the random values are the mean plus the covariance's Cholesky
factor times standard normal numbers, which are what is drawn: not centred, so that a small spread
does not close a funnel. Where they say much, the values themselves are drawn (Betancourt &
Girolami 2015, Hamiltonian Monte Carlo for hierarchical models). Spreads have a flat prior, as have
correlations. Imports the population.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import Status
from .marginal import Marginal
from .objective import Evaluation, Failure
from .readout import Readout
from .vary import Layout, Vary

if TYPE_CHECKING:
    from .data import Data

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

#: Share of the population's variance that a person's data leave, below which they say much.
SAY_MUCH = 0.5


def hierarchy(marginal: Marginal, outer: Array) -> Hierarchy:
    """Return the joint density by what moves most freely at outer values."""
    found = marginal.modes(outer)
    if isinstance(found, Failure):
        return Hierarchy(marginal)
    modes, _ = found
    left = (modes.root**2).sum(axis=2) / np.diagonal(modes.covariance)
    return Hierarchy(marginal, centred=bool(np.median(left) < SAY_MUCH))


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """The objective by outer values and the persons' own, or their standard normal numbers.

    Parameters
    ----------
    marginal : Marginal
    centred : bool
        Whether persons' values are drawn themselves, on their scales.
    """

    marginal: Marginal
    centred: bool = False

    @property
    def readout(self) -> Readout:
        """Predictions as observables."""
        return self.marginal.readout

    @property
    def data(self) -> Data:
        """The data."""
        return self.marginal.data

    @cached_property
    def layout(self) -> Layout:
        """Outer values, then for each random value those, or the numbers, of all persons."""
        from scipy.stats import norm, uniform

        outer, pop = self.marginal.layout, self.marginal.population
        varies = list(outer.varies)
        for at in pop.sd.tolist():
            k = int(outer.owner[at])
            varies[k] = replace(varies[k], prior=uniform(0.0, outer.bounds[k][1]))
        for *_, at in pop.corr:
            k = int(outer.owner[at])
            varies[k] = replace(varies[k], prior=uniform(-1.0, 2.0))
        number = Vary(0.0) if self.centred else Vary(0.0, prior=norm())
        return Layout(
            names=(*outer.names, *(f"z({name})" for name in pop.names)),
            varies=(*varies, *[number] * len(pop.names)),
            levels=(*outer.levels, *[pop.labels] * len(pop.names)),
            bounds=(*outer.bounds, *[(-np.inf, np.inf)] * len(pop.names)),
            chains=outer.chains,
        )

    def _split(self, x: Array) -> tuple[Array, Array]:
        """Return outer values, and the numbers, shape (n_person, n_random)."""
        n, pop = self.marginal.layout.n_free, self.marginal.population
        return x[:n], x[n:].reshape(len(pop.names), len(pop.labels)).T

    def own(self, x: Array) -> Array:
        """Return the persons' values on their scales, shape (n_person, n_random)."""
        outer, z = self._split(x)
        if self.centred:
            return z
        root = np.linalg.cholesky(self.marginal.covariance(outer))
        found: Array = self.marginal.means(outer) + z @ root.T
        return found

    def inner_x(self, x: Array) -> Array:
        """Return the values of the problem with a value for each person."""
        return self.marginal.inner_values(self._split(x)[0], self.own(x))

    def shown(self, x: Array) -> Array:
        """Return the outer values, then for each random value those of all persons."""
        outer, _ = self._split(x)
        pop, inner = self.marginal.population, self.marginal.inner.layout
        persons = inner.natural(self.inner_x(x))[pop.owned.T.ravel()]
        return np.concatenate([self.marginal.layout.natural(outer), persons])

    @property
    def persons(self) -> tuple[tuple[str, ...], tuple[Hashable, ...], str]:
        """Names of random values, labels of persons, and the column that names them."""
        pop, inner = self.marginal.population, self.marginal.inner.layout
        column = inner.varies[inner.names.index(pop.names[0])].per
        assert column is not None
        return pop.names, pop.labels, column

    # ------------------------------------------------------------------ density

    def evaluate(self, x: Array, settle: bool = True) -> Evaluation:
        """Return the objective and its gradient; nothing is settled, nor the information made."""
        penalty, by_prior, _ = self.layout.penalty(x)
        joint = self._centred if self.centred else self._likelihood
        try:
            found = joint(x) if np.isfinite(penalty) else None
        except np.linalg.LinAlgError:
            found = None
        if found is None:
            found = Failure(Status.NO_LIKELIHOOD, "the values have no density")
        n = len(x)
        if isinstance(found, Failure):
            return Evaluation(x, np.inf, np.zeros(n), np.zeros((n, n)), found)
        nll, gradient = found
        return Evaluation(x, nll + penalty, gradient + by_prior, np.zeros((0, 0)), penalty=penalty)

    def _likelihood(self, x: Array) -> tuple[float, Array] | Failure:
        """Return the negative log-likelihood of the data and its gradient."""
        pop, marginal = self.marginal.population, self.marginal
        outer, z = self._split(x)
        root, at, by = self._roots(outer)
        own = marginal.means(outer) + z @ root.T
        found = marginal.inner.by_group(marginal.inner_values(outer, own))
        if isinstance(found, Failure):
            return found
        by_own, by_shared = marginal.people.summed(found.gradient)
        gradient = np.zeros(len(outer))
        gradient[pop.outer_shared] = by_shared
        gradient[pop.linear] = np.einsum("ik,ikj->j", by_own, pop.weights)
        gradient[at] = np.einsum("ik,ski->s", by_own, by @ z.T)
        return float(found.nll.sum()), np.concatenate([gradient, (by_own @ root).T.ravel()])

    def _centred(self, x: Array) -> tuple[float, Array] | Failure:
        """Return the negative logarithm of the joint density of data and persons."""
        pop, marginal = self.marginal.population, self.marginal
        outer, own = self._split(x)
        found = marginal.inner.by_group(marginal.inner_values(outer, own))
        if isinstance(found, Failure):
            return found
        root, precision, at, by = self._spread(outer)
        d = own - marginal.means(outer)
        pull = d @ precision
        by_own, by_shared = marginal.people.summed(found.gradient)
        gradient = np.zeros(len(outer))
        gradient[pop.outer_shared] = by_shared
        gradient[pop.linear] = -np.einsum("ik,ikj->j", pull, pop.weights)
        gradient[at] = 0.5 * np.einsum("skl,kl->s", by, len(own) * precision - pull.T @ pull)
        nll = float(found.nll.sum() + 0.5 * (pull * d).sum())
        nll += len(own) * float(np.log(np.diagonal(root)).sum())
        nll += 0.5 * own.size * np.log(2.0 * np.pi)
        return nll, np.concatenate([gradient, (by_own + pull).T.ravel()])

    def _spread(self, outer: Array) -> tuple[Array, Array, Indices, Array]:
        """Return the covariance's factor and inverse, what it depends on and its derivatives."""
        values = self.marginal.layout.natural(outer)
        slope = self.marginal.layout.slope(values)
        covariance, at, by = self.marginal.population.covariance(values, slope)
        root = np.asarray(np.linalg.cholesky(covariance), dtype=float)
        return root, np.asarray(np.linalg.inv(covariance), dtype=float), at, by

    def _roots(self, outer: Array) -> tuple[Array, Indices, Array]:
        """Return the covariance's Cholesky factor, what it depends on and its derivatives.

        References: Smith (1995), J. Comput. Graph. Stat. 4, 134-147.
        """
        root, _, at, by = self._spread(outer)
        inverse = np.linalg.inv(root)
        inner = np.tril(inverse @ by @ inverse.T)
        k = np.arange(len(root))
        inner[:, k, k] *= 0.5
        return root, at, np.asarray(root @ inner, dtype=float)

    # ------------------------------------------------------------------ where chains begin

    def best(self, outer: Array) -> Evaluation:
        """Return an evaluation at outer values and the persons' modes, with its information.

        The inverse of that has the covariance of the marginal likelihood in its outer block.
        """
        marginal, pop = self.marginal, self.marginal.population
        whole, found = marginal.evaluate(outer), marginal.modes(outer)
        if whole.failure is not None or isinstance(found, Failure):
            return whole
        modes, persons = found
        n, (n_person, q) = len(outer), modes.own.shape
        d, mixed = modes.own - modes.mean, persons.mixed.transpose(0, 2, 1)
        # How each person's values move with the outer ones.
        moves = np.zeros((n_person, q, n))
        moves[:, :, pop.linear] = pop.weights
        if self.centred:
            _, precision, at, by = self._spread(outer)
            z, own = modes.own, persons.own + precision
            moves[:, :, at] = np.einsum("skl,lm,im->iks", by, precision, d)
            cross = np.asarray(-moves.transpose(0, 2, 1) @ precision, dtype=float)
            cross[:, pop.outer_shared] += mixed
        else:
            root, at, by = self._roots(outer)
            z = np.asarray(np.linalg.solve(root, d.T), dtype=float).T
            own = np.asarray(root.T @ persons.own @ root + np.eye(q), dtype=float)
            moves[:, :, at] = np.einsum("skl,il->iks", by, z)
            cross = np.asarray(moves.transpose(0, 2, 1) @ persons.own @ root, dtype=float)
            cross[:, pop.outer_shared] += mixed @ root
        information = np.zeros((n + n_person * q, n + n_person * q))
        information[:n, :n] = whole.information
        for i in range(n_person):
            mine = n + i + n_person * np.arange(q)
            information[np.ix_(mine, mine)] = own[i]
            information[:n, mine] = cross[i]
            information[mine, :n] = cross[i].T
            information[:n, :n] += cross[i] @ np.linalg.solve(own[i], cross[i].T)
        return replace(self.evaluate(np.concatenate([outer, z.T.ravel()])), information=information)
