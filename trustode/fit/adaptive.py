"""Likelihoods of persons with one random value, integrated over all it may be.

By adaptive quadrature, whatever the shape of a person's likelihood: with two hills, a needle on a
shoulder, an edge. So the integral is smooth in the outer values where one around the persons'
modes jumps. Imports the likelihood of each person.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..errors import Status
from .chosen import chosen_people
from .integral import Complete
from .objective import Failure
from .persons import ByPerson, People

Array = NDArray[np.float64]

#: Rule of Kronrod's with 15 nodes, and that of Gauss with 7 within it: nodes from the middle
#: outwards, and both weights. Piessens and others (1983), QUADPACK, Springer.
_NODES = (
    (0.0, 0.209482141084727828, 0.417959183673469388),
    (0.207784955007898468, 0.204432940075298892, 0.0),
    (0.405845151377397167, 0.190350578064785410, 0.381830050505118945),
    (0.586087235467691130, 0.169004726639267903, 0.0),
    (0.741531185599394440, 0.140653259715525919, 0.279705391489276668),
    (0.864864423359769073, 0.104790010322250184, 0.0),
    (0.949107912342758525, 0.063092092629978553, 0.129484966168869693),
    (0.991455371120812640, 0.022935322010529225, 0.0),
)
_half = np.array(_NODES)
RULE = np.concatenate([_half[:0:-1] * [-1.0, 1.0, 1.0], _half])

#: Edges of the panels to begin with, in standard deviations of the population.
EDGES = (-6.0, -2.0, 0.0, 2.0, 6.0)

#: Difference of both rules, as a share of a person's integral, that a panel may have; the error
#: is much smaller.
PANEL_ERROR = 1e-6

#: Logarithm of the share of a person's largest density that may lie at the end of the range, and
#: how often the range is doubled, or a panel halved.
NEGLIGIBLE, ROUNDS = -23.0, 30


@dataclass(frozen=True, eq=False)
class _Panel:
    """One panel of one person, in units of its largest density.

    Attributes
    ----------
    low, high : float
    top : float
        Logarithm of the largest density at its nodes, and of that at its ends.
    ends : tuple of float
    sums : ndarray, shape (2,)
        Integral by both rules.
    score : ndarray, shape (n_free,)
        Integral of the complete data's gradient.
    told : ByPerson
        Integral of what the person's data say.
    """

    low: float
    high: float
    top: float
    ends: tuple[float, float]
    sums: Array
    score: Array
    told: ByPerson


def abreast(people: People) -> People:
    """Return people with each person once for each node of the rule."""
    every = np.arange(len(people.population.labels))
    return chosen_people(people, np.repeat(every, len(RULE)).tolist())


def by_panels(wide: People, complete: Complete) -> tuple[Array, Array, ByPerson] | Failure:
    """Return each person's negative log-likelihood, its gradient, and the posterior's averages.

    From people who are `abreast`. The gradient is the posterior's mean of that with random values
    known (Fisher's identity).
    """
    n_person = len(complete.mean)
    waiting = [list(pairwise(EDGES)) for _ in range(n_person)]
    kept: list[list[_Panel]] = [[] for _ in range(n_person)]
    # Who is not asked stays where they were, and is not solved again.
    own = np.repeat(complete.mean, len(RULE), axis=0)
    for _ in range(ROUNDS):
        while any(waiting):
            taken = {i: ranges.pop() for i, ranges in enumerate(waiting) if ranges}
            found = _panels(wide, complete, own, taken)
            if isinstance(found, Failure):
                return found
            for i, panel in found.items():
                kept[i].append(panel)
        for i, panels in enumerate(kept):
            waiting[i] = _refined(panels)
        if not any(waiting):
            return _summed(kept, complete)
    return Failure(Status.NO_LIKELIHOOD, "the integral over a person's values has no end")


def _panels(
    wide: People, complete: Complete, own: Array, taken: dict[int, tuple[float, float]]
) -> dict[int, _Panel] | Failure:
    """Integrate one panel of each of some persons; their own values move."""
    n = len(RULE)
    at = np.array(list(taken))
    low, high = np.array(list(taken.values())).T
    half = 0.5 * (high - low)
    z = 0.5 * (low + high)[:, None] + half[:, None] * RULE[:, 0]
    spread = math.sqrt(complete.covariance[0, 0])
    own.reshape(-1, n)[at] = complete.mean[at] + spread * z
    safe = np.repeat(complete.mean, n, axis=0)
    found, lost = wide.possible(complete.shared, own, safe)
    # Else they would fail again while other panels are integrated.
    own[lost] = safe[lost]
    if isinstance(found, Failure):
        return found

    def mine(every: Array) -> Array:
        chosen: Array = every.reshape(len(every) // n, n, *every.shape[1:])[at]
        return chosen

    every = mine(np.where(lost, -np.inf, -found.nll)) - 0.5 * z**2
    top = every.max(axis=1)
    density = half[:, None] * np.exp(every - np.where(np.isfinite(top), top, 0.0)[:, None])
    weights = RULE[:, 1] * density
    averages = [
        np.einsum("in,in...->i...", weights, mine(getattr(found, f.name))) for f in fields(ByPerson)
    ]
    score = np.einsum("in,inf->if", weights, mine(complete.scores(found, own)))
    sums = np.stack([weights.sum(axis=1), density @ RULE[:, 2]], axis=1)
    return {
        i: _Panel(
            low=float(low[k]),
            high=float(high[k]),
            top=float(top[k]),
            ends=(float(every[k, 0]), float(every[k, -1])),
            sums=sums[k],
            score=score[k],
            told=ByPerson(*(each[k] for each in averages)),
        )
        for k, i in enumerate(at.tolist())
    }


def _refined(panels: list[_Panel]) -> list[tuple[float, float]]:
    """Take out panels that are too coarse; return their halves, and what lies beyond the ends."""
    top = max(panel.top for panel in panels)
    if not math.isfinite(top):
        return []
    total = sum(panel.sums[0] * math.exp(panel.top - top) for panel in panels)
    wanted: list[tuple[float, float]] = []
    first, last = min(p.low for p in panels), max(p.high for p in panels)
    for panel in list(panels):
        share = math.exp(panel.top - top) / total
        if abs(panel.sums[0] - panel.sums[1]) * share > PANEL_ERROR:
            middle = 0.5 * (panel.low + panel.high)
            wanted += [(panel.low, middle), (middle, panel.high)]
            panels.remove(panel)
        elif panel.low == first and panel.ends[0] > top + NEGLIGIBLE:
            wanted.append((2.0 * first, first))
        elif panel.high == last and panel.ends[1] > top + NEGLIGIBLE:
            wanted.append((last, 2.0 * last))
    return wanted


def _summed(
    kept: list[list[_Panel]], complete: Complete
) -> tuple[Array, Array, ByPerson] | Failure:
    """Bring the panels of each person together."""
    nll, scores, told = [], [], []
    for panels in kept:
        top = max(panel.top for panel in panels)
        shares = np.exp([panel.top - top for panel in panels])
        total = float(sum(s * p.sums[0] for s, p in zip(shares, panels, strict=True)))
        if not (math.isfinite(top) and total > 0.0):
            return Failure(Status.NO_LIKELIHOOD, "the data of a person have no likelihood")
        shares /= total
        nll.append(0.5 * math.log(2.0 * math.pi) - top - math.log(total))
        scores.append(sum(s * p.score for s, p in zip(shares, panels, strict=True)))
        told.append(
            [
                sum(s * getattr(p.told, f.name) for s, p in zip(shares, panels, strict=True))
                for f in fields(ByPerson)
            ]
        )
    averages = ByPerson(*(np.array(each) for each in zip(*told, strict=True)))
    return np.array(nll), np.array(scores) + complete.offset, averages
