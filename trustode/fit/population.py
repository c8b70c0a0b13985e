"""Who the persons of a population are, and which free value is what.

A person's random values, on their scales, are normal around a mean that covariates may shift.
Imports the layout of the free values.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .vary import Layout

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


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
