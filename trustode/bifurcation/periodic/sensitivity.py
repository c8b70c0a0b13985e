"""How far a bifurcation of cycles moves when a parameter changes, and any other orbit.

Imports the critical orbits and families of this folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ModelError, SolveError, Status
from ...model import Model
from .collocation import POINTS, Array, Orbit, basis, by_interval, interpolated
from .critical import KINDS
from .family import Family, Node, slot_of
from .isolated import Isolated, orbit_moved

if TYPE_CHECKING:
    import pandas as pd

#: Intervals of the mesh on which an orbit's derivatives are taken, in those that it has.
_FINER = 2


def critical_derivatives(
    model: Model, parameter: str, kind: str, node: Node, family: Family, where: str
) -> pd.DataFrame:
    """Return the derivatives of a critical orbit's location and period by every other parameter.

    Raises
    ------
    ModelError
        If the point is of a kind that does not move smoothly.
    SolveError
        If the location has no derivative, as at a cusp.
    """
    if kind not in KINDS:
        raise ModelError(
            f"{where}: the row is a {kind.replace('_', ' ')}; only folds of cycles, period "
            "doublings and tori move smoothly with every parameter"
        )
    slot = slot_of(model, parameter)
    low, high = family.spans[-1].tolist()
    isolated = Isolated(kind, model, family.problem.p, family.problem.u, slot, (low, high))
    there = isolated.solved(family, node)
    others = [k for k in range(len(model.params) + len(model.inputs)) if k != slot]
    moved = None if there is None else isolated.moved(there, others)
    if moved is None or not all(np.isfinite(each.free).all() for each in moved):
        raise SolveError(
            f"{where}: the location of this {kind.replace('_', ' ')} has no derivative: it is no "
            "longer isolated, as at a cusp",
            Status.SINGULAR,
        )
    columns = {
        "derivative": [float(each.free[-1]) for each in moved],
        "period": [float(each.free[0]) for each in moved],
    }
    values = np.concatenate([family.problem.p, family.problem.u])
    return _table(model, values, others, columns)


def orbit_derivatives(model: Model, node: Node, family: Family, where: str) -> pd.DataFrame:
    """Return the derivatives of an orbit's period and extremes by every parameter.

    Raises
    ------
    SolveError
        If the orbit is not isolated at its parameters, as at a fold.
    """
    finer = family.renewed(node, _FINER * (len(node.orbit.mesh) - 1))
    there = node if finer is None else finer
    # The finer mesh moved it a little along the family.
    back = family.landing(there, there.orbit, node.value)
    there = there if back is None else back
    every = list(range(len(model.params) + len(model.inputs)))
    moved = orbit_moved(model, family, there, every)
    if moved is None or not all(np.isfinite(each.free).all() for each in moved):
        raise SolveError(
            f"{where}: this orbit has no derivative: it is not isolated, as at a fold of cycles",
            Status.SINGULAR,
        )
    columns = {"derivative": [float(each.free[0]) for each in moved]}
    mesh = there.orbit.mesh
    for end, places in zip(("min", "max"), extreme_places(there.orbit), strict=True):
        at = [interpolated(mesh, each.states, places) for each in moved]
        for k, name in enumerate(model.states):
            columns[f"{end}_{name}"] = [float(each[k, k]) for each in at]
    values = np.concatenate([family.problem.p, family.problem.u])
    return _table(model, values, every, columns)


def extreme_places(orbit: Orbit) -> tuple[Array, Array]:
    """Return where each state is least and where it is largest, positions in [0, 1]."""
    blocks, h = by_interval(orbit.states), np.diff(orbit.mesh)
    count = len(blocks)
    found = []
    for sign in (-1.0, 1.0):
        places = []
        for k, column in enumerate((sign * orbit.states).T):
            at = int(np.argmax(column))
            best, place = -np.inf, 0.0
            # At a node between two intervals the extremum may lie in either; the ends are one.
            for j in {at // POINTS % count, (at - 1) // POINTS % count}:
                power = basis().power @ (sign * blocks[j, :, k])
                roots = np.roots((power[1:] * np.arange(1, POINTS + 1))[::-1])
                inside = roots[np.abs(roots.imag) < 1e-6].real
                for s in (0.0, 1.0, *inside[(inside > 0.0) & (inside < 1.0)].tolist()):
                    value = float(np.polyval(power[::-1], s))
                    if value > best:
                        best, place = value, float(orbit.mesh[j] + s * h[j])
            places.append(place)
        found.append(np.array(places))
    return found[0], found[1]


def _table(
    model: Model, values: Array, which: list[int], columns: Mapping[str, Any]
) -> pd.DataFrame:
    """Return a table of derivatives, the strongest first."""
    import pandas as pd

    names = [*model.params, *model.inputs]
    table = pd.DataFrame({"value": values[which]}, index=[names[k] for k in which])
    table.index.name = "parameter"
    table["derivative"] = columns["derivative"]
    table["per_log"] = table["value"] * table["derivative"]
    for name, column in columns.items():
        table[name] = column
    order = np.lexsort((-table["derivative"].abs(), -table["per_log"].abs()))
    return table.iloc[order]
