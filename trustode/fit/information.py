"""What the information matrix says: covariance, and what the data do not determine.

Imports the objective, the layout of the free values and the search.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError, listed, nearest
from .objective import Evaluation
from .optimise import free_to_move
from .scales import FACTOR, SCALES
from .vary import Layout

Array = NDArray[np.float64]

#: Share of a value's unit vector in undetermined directions from which it counts as such.
UNDETERMINED_SHARE = 1e-4

#: From when on a determined value counts as hardly determined: 95 % limits this factor apart
#: from the value, or a standard error this many times that with all others known.
APART, INFLATED = 10.0, 50.0

#: Power of a factor of 100 beyond which a move is not told: the largest that a double holds.
FURTHEST = 150.0

#: The 97.5 % point of the normal distribution.
NORMAL_975 = 1.959963984540054


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """What the information matrix says, on the scale of the search.

    Attributes
    ----------
    covariance : ndarray, shape (n_free, n_free)
        NaN for values that are undetermined or held at a bound.
    held, undetermined : ndarray of bool, shape (n_free,)
    directions : list of ndarray, each of shape (n_free,)
        Directions along which the data do not change, in units of x.
    """

    covariance: Array
    held: NDArray[np.bool_]
    undetermined: NDArray[np.bool_]
    directions: list[Array]


def uncertainty(point: Evaluation, layout: Layout, rtol: float) -> Uncertainty:
    """Invert the information matrix where it says something.

    Directions whose information, after scaling to a unit diagonal, is within what solver
    errors of relative size `rtol` can fake count as undetermined.
    """
    n = layout.n_free
    free = free_to_move(point, layout)
    diagonal = np.diagonal(point.information)
    reached = free & (diagonal > 0.0)
    scale = np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))[reached]
    block = point.information[np.ix_(reached, reached)] / scale[:, None] / scale
    weights, vectors = np.linalg.eigh(block)
    known = weights > max(1e-13 * len(scale), rtol**2)
    blind = vectors[:, ~known]
    lost = (blind**2).sum(axis=1) > UNDETERMINED_SHARE
    inverse = (vectors[:, known] / weights[known]) @ vectors[:, known].T / scale[:, None] / scale
    inverse[lost, :] = inverse[:, lost] = np.nan
    covariance = np.full((n, n), np.nan)
    covariance[np.ix_(reached, reached)] = inverse
    undetermined = free & ~reached
    undetermined[np.flatnonzero(reached)[lost]] = True
    directions = []
    for vector in blind.T:
        direction = np.zeros(n)
        direction[reached] = vector / scale
        directions.append(direction)
    return Uncertainty(covariance, ~free, undetermined, directions)


def labels(layout: Layout) -> list[str]:
    """Name every free value, as ``"alpha"`` or ``"T(0) [p1]"``."""
    return [
        name if level is None else f"{name} [{level}]"
        for name, levels in zip(layout.names, layout.levels, strict=True)
        for level in levels
    ]


def undetermined_notes(layout: Layout, found: Uncertainty) -> list[str]:
    """Say which values the data do not determine, and along which direction."""
    names = labels(layout)
    blind = np.zeros(layout.n_free, dtype=bool)
    notes = []
    for direction in found.directions:
        share = np.abs(direction) / np.abs(direction).max()
        members = np.flatnonzero(share > 1e-3)
        blind[members] = True
        sizes = direction / direction[np.argmax(np.abs(direction))]
        moves = listed((_move(names[k], layout, int(k), sizes[k]) for k in members), 8)
        notes.append(
            f"to move together by {moves}, or the other way, changes nothing in the data, so these "
            "values are not determined; fix one of them or measure more"
        )
    alone = [names[k] for k in np.flatnonzero(found.undetermined & ~blind)]
    if alone:
        notes.append(f"{listed(alone)} never reaches an observation; fix it or measure more")
    return notes


def lost_note(layout: Layout, found: Uncertainty, given: Uncertainty | None) -> str:
    """Say which values have no effect where a search ended, but had where it was given to begin.

    A search may run into a valley without end, where the gradient vanishes with the effect of
    a value and not because of an optimum. `given` is None if there is nothing to be said of
    the values given. Without such values the text is empty.
    """
    lost = found.undetermined
    if given is not None:
        lost = lost & ~given.undetermined
    if not lost.any():
        return ""
    names = labels(layout)
    return (
        f"{listed([names[k] for k in np.flatnonzero(lost)], 8)} lost its effect on the way: the "
        "search may have run off instead of finding an optimum; give bounds or other values to "
        "begin with, or raise starts"
    )


def sloppy_notes(point: Evaluation, layout: Layout, found: Uncertainty) -> list[str]:
    """Say along which direction values that the data do determine are hardly determined.

    That is where they are many times less certain than if all others were known, or where
    the 95 % interval of a logarithm spans more than a factor `APART` to either side.
    """
    known = np.flatnonzero(np.isfinite(np.diagonal(found.covariance)))
    if not known.size:
        return []
    block = np.ix_(known, known)
    alone = np.sqrt(np.diagonal(point.information)[known])
    error = np.sqrt(np.diagonal(found.covariance)[known])
    scales = [layout.varies[k].scale for k in layout.owner]
    reach = np.array([math.nan if s == "atanh" else SCALES[s].reach for s in scales])[known]
    # A reach is a factor of 100; without one (where scales have none) nothing is wide by itself.
    factors = error / reach * math.log(FACTOR)
    wide = NORMAL_975 * factors > math.log(APART)
    if not (wide.any() or (error * alone > INFLATED).any()):
        return []
    _, vectors = np.linalg.eigh(found.covariance[block] * np.outer(alone, alone))
    # In units of x, of the length at which the log-likelihood falls to the 95 % level.
    direction = vectors[:, -1] / alone
    direction *= NORMAL_975 / np.sqrt(direction @ point.information[block] @ direction)
    direction *= np.sign(direction[np.argmax(np.abs(direction))])
    names = labels(layout)
    members = np.flatnonzero(np.abs(direction) > 0.05 * np.abs(direction).max())
    moves = listed((_move(names[known[k]], layout, known[k], direction[k]) for k in members), 8)
    return [
        f"hardly determined: to move together by {moves}, or the other way, lowers the "
        "log-likelihood by no more than 1.92 as far as the information matrix sees; look at "
        "profiles, fix one of them or measure more"
    ]


def cut_notes(point: Evaluation, layout: Layout, found: Uncertainty) -> list[str]:
    """Say which intervals end at a bound, where the information matrix is a poor guide."""
    reach = NORMAL_975 * np.sqrt(np.diagonal(found.covariance))
    cut = (point.x - reach < layout.lower) | (point.x + reach > layout.upper)
    if not cut.any():
        return []
    names = listed((labels(layout)[k] for k in np.flatnonzero(cut)), 8)
    return [f"the interval by the information matrix is cut off at a bound of {names}; profile it"]


def _move(name: str, layout: Layout, number: int, length: float) -> str:
    """Say how far a value moves."""
    scale = layout.varies[layout.owner[number]].scale
    if scale == "lin":
        return f"{name} {length:+.3g}"
    if scale == "atanh":
        return f"atanh {name} {length:+.3g}"
    of = "the odds of " if scale == "logit" else ""
    # A value that hardly acts may move further than there are numbers.
    power = np.clip(length / SCALES[scale].reach, -FURTHEST, FURTHEST)
    return f"{of}{name} times {FACTOR**power:.3g}"


def chosen(names: Sequence[object], layout: Layout, where: str) -> list[int]:
    """Return the free values that names or labels stand for; all of them without a name.

    Raises
    ------
    OptionError
        If nothing that is varied has such a name.
    """
    every = labels(layout)
    if not names:
        return list(range(layout.n_free))
    found: list[int] = []
    for given in names:
        name = str(getattr(given, "name", given))
        if name in layout.names:
            owner = layout.names.index(name)
            found += np.flatnonzero(layout.owner == owner).tolist()
        elif name in every:
            found.append(every.index(name))
        else:
            known = [*layout.names, *every]
            raise OptionError(
                f"{where}: the fit does not vary {name!r:.60}{nearest(name, known) or '.'} "
                f"It varies {listed(layout.names)}"
            )
    return list(dict.fromkeys(found))
