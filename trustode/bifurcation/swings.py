"""All families of periodic orbits that the Hopf points of a diagram lead to.

Imports the periodic orbits of this folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import SolveError
from ..model import Model
from .periodic import Cycles, cycles

if TYPE_CHECKING:
    import pandas as pd

#: A family's end and a special point nearer than this, as a share of the span, are one ...
_NEAR = 1e-3
#: ... and two located points nearer than this.
_SAME = 1e-6
#: How often a period is doubled in turn, and how many families are followed at most.
_DOUBLINGS, _FAMILIES = 3, 40


class Swings(NamedTuple):
    """Families of periodic orbits, and what could not be followed.

    Attributes
    ----------
    families : list of Cycles
    notes : list of str
    """

    families: list[Cycles]
    notes: list[str]


def swings(
    model: Model,
    parameter: str,
    span: tuple[float, float],
    hopf_points: pd.DataFrame,
    params: Mapping[str, float],
    inputs: Mapping[str, float],
    advance: Callable[[int], object],
) -> Swings:
    """Follow the cycles born at Hopf points, and those that branch off from them.

    Parameters
    ----------
    model : Model
    parameter : str
    span : pair of float
    hopf_points : DataFrame
        Rows of special points of the kind "hopf".
    params, inputs : mapping of name to float
        Values that are held.
    advance : callable
        Told each Hopf point that is done with.

    Returns
    -------
    Swings
        A family between two Hopf points, or two period doublings, stands there once.
    """
    found, depths, notes = Swings([], []), [], []
    width = span[1] - span[0]

    def follow(start: Any, depth: int) -> None:
        if len(found.families) >= _FAMILIES:
            return
        where = f"{parameter} = {float(start[parameter]):.6g}"
        try:
            family = cycles(model, parameter, start=start, span=span, params=params, inputs=inputs)
        except SolveError as error:
            notes.append(f"the cycles at {where} could not be followed: {error}")
            return
        if len(family) > 1:
            found.families.append(family)
            depths.append(depth)

    for _, row in hopf_points.iterrows():
        if not any(_ends_at_hopf(family, row, width) for family in found.families):
            follow(row, 0)
        advance(1)
    done = 0
    while done < len(found.families):
        family, depth = found.families[done], depths[done]
        done += 1
        for _, row in family.special.iterrows():
            if not row["converged"]:
                continue
            if row["kind"] == "period_doubling" and depth < _DOUBLINGS:
                if not any(_ends_at_doubling(each, row, width) for each in found.families):
                    follow(row, depth + 1)
            elif row["kind"] == "branch_point":
                others = [each for each in found.families if each is not family]
                if not any(_passes(each, row, width) for each in others):
                    follow(row, depth)
    found.notes.extend(notes)
    return found


def _ends_at_hopf(family: Cycles, row: pd.Series, width: float) -> bool:
    """Return whether a family begins or ends at a Hopf point."""
    for origin, step in zip(family.origins, (0, -1), strict=True):
        if origin is None or origin.kind != "hopf":
            continue
        if abs(origin.value - row[family.parameter]) > _NEAR * width:
            continue
        orbit = family.points.iloc[step]
        reach = [
            (orbit[f"min_{name}"] - row[name], orbit[f"max_{name}"] - row[name], abs(row[name]))
            for name in family.model.states
        ]
        extent = max(high - low for low, high, _ in reach)
        if all(low <= extent + 1e-6 * y and high >= -extent - 1e-6 * y for low, high, y in reach):
            return True
    return False


def _ends_at_doubling(family: Cycles, row: pd.Series, width: float) -> bool:
    """Return whether a family of twice the period begins or ends at a period doubling."""
    for origin, step in zip(family.origins, (0, -1), strict=True):
        if origin is None or origin.kind != "period_doubling":
            continue
        period = family.points["period"].iloc[step] / 2.0
        near = abs(origin.value - row[family.parameter]) <= _NEAR * width
        if near and abs(period / row["period"] - 1.0) < 0.05:
            return True
    return False


def _passes(family: Cycles, row: pd.Series, width: float) -> bool:
    """Return whether a family has a branch point of cycles among its points, or starts there."""
    places = [
        (point[family.parameter], point["period"])
        for _, point in family.special.iterrows()
        if point["kind"] == "branch_point"
    ]
    first = family.points.iloc[family.start]
    places.append((first[family.parameter], first["period"]))
    here = np.array([row[family.parameter] / width, 1.0])
    return any(
        np.abs(np.array([value / width, period / row["period"]]) - here).max() <= _SAME
        for value, period in places
    )
