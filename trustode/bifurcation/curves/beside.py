"""Starts of curves of cycles and connections beside a point of a Hopf curve.

At a Bautin point a curve of folds of cycles begins, at zero-Hopf and double Hopf points one of
tori, at a Bogdanov-Takens point one of homoclinic orbits. A little off such a point, along the
curve of Hopf points, the cycle that is born is followed until it meets what is looked for: no
coefficients of a normal form are needed, and what is found satisfies its own equations. Imports
the periodic orbits of this folder.

References
----------
Kuznetsov (2004), Elements of Applied Bifurcation Theory, 3rd ed., sections 8.3 to 8.6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...errors import SolveError, Status
from ...model import Model
from ..arclength import ArcLength
from ..periodic import cycles
from ..system import Array
from .bifurcation_curve import CURVES, BifurcationCurve

#: Distances from the meeting point, in spans, at which cycles are looked at.
_DISTANCES = (0.03, 0.1, 0.01, 0.25, 0.003)
#: What is looked for lies no farther from the Hopf point than this many of these distances.
_REACH = 3.0
_STEPPER = ArcLength(ds=0.01, ds_max=0.05, max_steps=80)
#: A connection is approached in more steps.
_LONG_STEPPER = ArcLength(ds=0.01, ds_max=0.05, max_steps=300)
_CONNECTIONS = ("homoclinic", "heteroclinic")


def beside(
    kind: str,
    model: Model,
    parameters: tuple[str, str],
    hopf: BifurcationCurve,
    spans: Array,
    params: Mapping[str, float],
    inputs: Mapping[str, float],
    where: str,
) -> dict[str, Any]:
    """Return a start for a curve of cycles or connections, beside a point of a Hopf curve.

    Parameters
    ----------
    kind : str
        What is looked for.
    model : Model
    parameters : pair of str
    hopf : BifurcationCurve
        The Hopf points through the meeting point, started there.
    spans : ndarray, shape (2, 2)
    params, inputs : mapping of str to float
    where : str
        The call, for messages.

    Returns
    -------
    dict
        kind, orbit and both parameters.

    Raises
    ------
    SolveError
        If no family of cycles that was followed meets one.
    """
    width = spans[:, 1] - spans[:, 0]
    for k, distance in _candidates(hopf, parameters, width):
        row = hopf.points.iloc[k]
        for name in _across(hopf, parameters, width, k):
            found = _met(kind, model, parameters, row, name, spans, params, inputs)
            if found is None:
                continue
            other = parameters[1] if name == parameters[0] else parameters[0]
            away = abs(found[name] - row[name]) / width[parameters.index(name)]
            if away <= _REACH * distance or kind in _CONNECTIONS:
                return {
                    "kind": found["kind"],
                    "orbit": found["orbit"],
                    name: float(found[name]),
                    other: float(row[other]),
                }
    centre = hopf.points.iloc[hopf.start]
    shown = ", ".join(f"{name} = {centre[name]:.6g}" for name in parameters)
    raise SolveError(
        f"{where}: followed the cycles that are born near {shown}, and met no curve of "
        f"{CURVES[kind]}. Start from a row of the special points of tr.cycles",
        Status.MAX_STEPS,
    )


def _candidates(
    hopf: BifurcationCurve, parameters: tuple[str, str], width: Array
) -> Iterator[tuple[int, float]]:
    """Yield steps of a Hopf curve on both sides of its start, with their distance from it."""
    at = hopf.points[list(parameters)].to_numpy(dtype=float) / width
    omega = hopf.points["omega"].to_numpy(dtype=float)
    away = np.linalg.norm(at - at[hopf.start], axis=1)
    seen = set()
    for distance in _DISTANCES:
        for side in (range(hopf.start + 1, len(at)), range(hopf.start - 1, -1, -1)):
            steps = [k for k in side if np.isfinite(omega[k]) and omega[k] > 0.0]
            if not steps:
                continue
            k = next((k for k in steps if away[k] >= distance), steps[-1])
            if k not in seen:
                seen.add(k)
                yield k, float(away[k])


def _across(
    hopf: BifurcationCurve, parameters: tuple[str, str], width: Array, k: int
) -> tuple[str, ...]:
    """Return the parameters, that one first which crosses the Hopf curve more steeply."""
    at = hopf.points[list(parameters)].to_numpy(dtype=float) / width
    along = np.abs(at[min(k + 1, len(at) - 1)] - at[max(k - 1, 0)])
    return parameters if along[0] <= along[1] else parameters[::-1]


def _met(
    kind: str,
    model: Model,
    parameters: tuple[str, str],
    row: Any,
    name: str,
    spans: Array,
    params: Mapping[str, float],
    inputs: Mapping[str, float],
) -> Any:
    """Return the first point of a kind on the family of cycles born at a Hopf point, or None."""
    held = {key: float(row[key]) for key in parameters if key != name}
    start = {key: float(row[key]) for key in (*model.states, name)}
    low, high = spans[parameters.index(name)].tolist()
    sought = _CONNECTIONS if kind in _CONNECTIONS else (kind,)
    try:
        family = cycles(
            model,
            name,
            start=start,
            span=(low, high),
            params={**params, **{k: v for k, v in held.items() if k in model.params}},
            inputs={**inputs, **{k: v for k, v in held.items() if k in model.inputs}},
            stepper=_LONG_STEPPER if kind in _CONNECTIONS else _STEPPER,
        )
    except SolveError:
        return None
    found = family.special[family.special["kind"].isin(sought)]
    found = found[found["converged"].astype(bool)]
    return found.iloc[0] if len(found) else None
