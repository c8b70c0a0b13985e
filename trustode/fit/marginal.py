"""Values that differ between persons: the objective with them integrated out.

Imports the problem, the modes and the integrals around them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Status
from ..solve import Solver
from .adaptive import abreast, by_panels
from .data import Data
from .integral import Complete, by_laplace, by_nodes, expected_information, laplace
from .modes import Modes, ModeSearch
from .objective import Evaluation, Failure, Problem
from .observation import Observation
from .persons import ByPerson, People
from .population import Population
from .readout import Readout
from .vary import Layout, Vary

Array = NDArray[np.float64]

#: Quadrature of one random value over all it may be, as fine as each person's likelihood needs.
ADAPTIVE = "adaptive"

#: Why there is no value.
SINGULAR = "a matrix of some person has no inverse"
NOT_FINITE = "the marginal likelihood is not finite"

#: Step of differences of the outer gradient, in standard errors.
OUTER_STEP = 0.05


@dataclass(frozen=True, eq=False)
class Marginal:
    """The objective with random values integrated out; searched like a `Problem`.

    Parameters
    ----------
    inner : Problem
    layout : Layout
        The outer values.
    population : Population
    quadrature : int or str
        Nodes for each random value; one is Laplace's approximation, or `ADAPTIVE`.
    threads : int or None
    """

    inner: Problem
    layout: Layout
    population: Population
    quadrature: int | str = 1
    threads: int | None = None
    #: With a place for the last modes, where the search for the next begins.
    _last: dict[str, Modes] | None = field(default=None, repr=False)

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

    def solved_by(self, solver: Solver, threads: int | None) -> Marginal:
        """Return the same objective with another solver and so many threads."""
        inner = replace(self.inner, solver=solver, threads=threads)
        return replace(self, inner=inner, threads=threads)

    def following(self) -> Marginal:
        """Return the same objective for one search: modes are searched from the last ones.

        That is quicker, but what is found may depend, in its last digits or where a person has
        several modes, on what came before.
        """
        return replace(self, _last={})

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
            return self._failed(x, Failure(Status.NO_LIKELIHOOD, NOT_FINITE))
        return Evaluation(x, total, gradient, information, penalty=penalty)

    def foreseen(self, x: Array) -> Array | Failure:
        """Return the information expected of persons who all have the population's means."""
        persons = self.people.evaluate(x[self.population.outer_shared], self.means(x))
        if isinstance(persons, Failure):
            return persons
        information = expected_information(self.population, self.layout, x, persons)
        information[np.diag_indices_from(information)] += self.layout.penalty(x)[2]
        return information

    def value(self, x: Array) -> float | Failure:
        """Return the objective alone, or why it has no value."""
        if self.quadrature != 1:
            whole = self.evaluate(x)
            return whole.nll if whole.failure is None else whole.failure
        found = self.modes(x)
        if isinstance(found, Failure):
            return found
        with np.errstate(all="ignore"):
            nll = float(laplace(*found).sum()) + self.layout.penalty(x)[0]
        return nll if np.isfinite(nll) else Failure(Status.NO_LIKELIHOOD, NOT_FINITE)

    def predict(self, x: Array) -> dict[str, NDArray[Any]] | Failure:
        """Return what every row should show at the persons' modes, by observed column."""
        found = self.modes(x)
        if isinstance(found, Failure):
            return found
        return self.inner.predict(self.inner_x(found[0]))

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
            return Failure(Status.NO_LIKELIHOOD, SINGULAR)

    def _scores(self, x: Array) -> tuple[Array, Array, Array] | Failure:
        if self.quadrature == ADAPTIVE:
            integral = by_panels(self._wide, Complete.of(self.population, self.layout, x))
            if isinstance(integral, Failure):
                return integral
            nll, scores, told = integral
            return nll, scores, expected_information(self.population, self.layout, x, told)
        found = self.modes(x)
        if isinstance(found, Failure):
            return found
        modes, persons = found
        information = expected_information(self.population, self.layout, x, persons)
        if isinstance(self.quadrature, int) and self.quadrature > 1:
            summed = by_nodes(self.people, self.layout, modes, self.quadrature)
            return summed if isinstance(summed, Failure) else (*summed, information)
        around = by_laplace(self.people, self.layout, modes, persons)
        if isinstance(around, Failure):
            return around
        nll, scores, moves = around
        if self._last is not None:
            self._last["modes"] = replace(modes, by_outer=moves)
        return nll, scores, information

    def inner_x(self, modes: Modes) -> Array:
        """Return the inner values at modes."""
        return self.inner_values(modes.outer, modes.own)

    def inner_values(self, x: Array, own: Array) -> Array:
        """Return the inner values at outer ones and persons' own, of shape (n_person, n_random)."""
        return self.people.x(x[self.population.outer_shared], own)

    def means(self, x: Array) -> Array:
        """Return the mean of each person's random values, shape (n_person, n_random)."""
        found: Array = self.population.weights @ x[self.population.linear]
        return found

    def covariance(self, x: Array) -> Array:
        """Return the covariance of random values."""
        values = self.layout.natural(x)
        return self.population.covariance(values, self.layout.slope(values))[0]

    # ------------------------------------------------------------------ persons

    @cached_property
    def people(self) -> People:
        """The inner problem, person by person."""
        return People(self.inner, self.population)

    @cached_property
    def _wide(self) -> People:
        """The same, with each person once for each node of a panel."""
        return abreast(self.people)

    def modes(self, x: Array) -> tuple[Modes, ByPerson] | Failure:
        """Find every person's best values at outer values, and the curvature there."""
        last = None if self._last is None else self._last.get("modes")
        with np.errstate(all="ignore"):
            try:
                found = ModeSearch(self.people, self.layout).modes(x, last)
            except np.linalg.LinAlgError:
                return Failure(Status.NO_LIKELIHOOD, SINGULAR)
        if self._last is not None and not isinstance(found, Failure):
            self._last["modes"] = found[0]
        return found

    # ------------------------------------------------------------------ afterwards

    def observed_information(self, point: Evaluation, moving: NDArray[np.bool_]) -> Array | None:
        """Return second differences of the objective at its optimum; None if indefinite."""
        n = len(point.x)
        error = 1.0 / np.sqrt(np.maximum(np.diagonal(point.information), 1e-12))
        matrix = point.information.copy()
        at = np.flatnonzero(moving)
        rows, following = np.zeros((len(at), n)), self.following()
        for k, j in enumerate(at):
            h = OUTER_STEP * error[j]
            sides = []
            for side in (h, -h):
                x = point.x.copy()
                x[j] += side
                found = following.evaluate(x)
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
