"""Answer `curve` for bifurcations of periodic orbits.

Imports the critical orbits of this folder, and the results of the folder above.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...compile import compile
from ...errors import ModelError, SolveError, Status
from ...model import Model
from ..arclength import ArcLength
from ..curves.bifurcation_curve import BifurcationCurve
from .branch import Start
from .collocation import PERIOD, Array, Problem
from .critical import KINDS, Critical, CriticalFollower
from .family import Family, Node, halves, slot_of
from .follow import Side, joined

__all__ = ["KINDS", "follow"]


def follow(
    model: Model,
    parameters: tuple[str, str],
    start: Mapping[str, Any],
    spans: Array,
    p: Array,
    u: Array,
    stepper: ArcLength,
    where: str,
) -> BifurcationCurve:
    """Follow folds, period doublings or tori of cycles along two parameters.

    Parameters
    ----------
    model : Model
    parameters : pair of str
    start : mapping of str to object
        A row of `Cycles.special`: kind, orbit, and values of the parameters.
    spans : ndarray, shape (2, 2)
    p, u : ndarray, shapes (n_param,) and (n_input,)
        All parameters and inputs.
    stepper : ArcLength
    where : str
        The call, for messages.

    Returns
    -------
    BifurcationCurve

    Raises
    ------
    ModelError
        If the start brings no orbit.
    SolveError
        If there is no bifurcation of this kind near it.
    """
    kind = start["kind"]
    if not isinstance(start.get("orbit"), Start):
        raise ModelError(
            f"{where}: a curve of cycles needs an orbit to start from: give a row of the special "
            "points of tr.cycles"
        )
    slots = [slot_of(model, name) for name in parameters]
    node = start["orbit"].node
    values = (float(start[parameters[0]]), float(start[parameters[1]]))
    plain = Problem(compile(model).functions, p, u, [PERIOD, slots[0]])
    for slot, value in zip(slots, values, strict=True):
        (plain.p if slot < len(p) else plain.u)[slot if slot < len(p) else slot - len(p)] = value
    family = Family(plain, spans[:1], halves(model))
    critical = Critical(kind, model, plain.p, plain.u, (slots[0], slots[1]), spans)
    first = critical.start(family, node, values)
    if first is None:
        shown = ", ".join(f"{k} = {v:.6g}" for k, v in zip(parameters, values, strict=True))
        raise SolveError(
            f"{where}: found no {kind} that can be followed near {shown}. Start from a row of the "
            "special points of tr.cycles, with the params= that it was called with",
            Status.MAX_STEPS,
        )
    follower = CriticalFollower(critical, parameters, stepper)
    forward = follower.side(first, born=False)
    backward = Side([first.reversed()], end=forward.end)
    if not forward.closed:
        backward = follower.side(first.reversed(), born=False)
    held = dict(zip(model.params, plain.p.tolist(), strict=True))
    inputs = dict(zip(model.inputs, plain.u.tolist(), strict=True))
    for name in parameters:
        held.pop(name, None)
        inputs.pop(name, None)
    return _assembled(critical, parameters, forward, backward, held, inputs)


def _assembled(
    critical: Critical,
    parameters: tuple[str, str],
    forward: Side,
    backward: Side,
    params: dict[str, float],
    inputs: dict[str, float],
) -> BifurcationCurve:
    """Join the two sides into one curve."""
    nodes, start, found = joined(backward, forward)
    points = _table(critical, parameters, nodes)
    points.insert(0, "step", np.arange(len(nodes)))
    special = _table(critical, parameters, [each.node for _, each in found])
    special.insert(0, "kind", [each.kind for _, each in found])
    special["coefficients"] = [{} for _ in found]
    special["converged"] = np.array([each.converged for _, each in found], dtype=bool)
    special["bracket"] = [(k, k + 1) for k, _ in found]
    special.attrs = {"params": params, "inputs": inputs}
    return BifurcationCurve(
        critical.model,
        critical.kind,
        parameters,
        points,
        special,
        (backward.end, forward.end),
        start,
        forward.closed,
        params,
        inputs,
    )


def _table(critical: Critical, parameters: tuple[str, str], nodes: list[Node]) -> Any:
    """Return one row a critical orbit: parameters, period, extremes, stability."""
    import pandas as pd

    n, names = critical.n, critical.model.states
    size = len(critical.problem.slots)
    free = np.array([node.orbit.free for node in nodes]).reshape(-1, size)
    columns: dict[str, Any] = {}
    for k, name in enumerate(parameters):
        columns[name] = free[:, k - 2]
    columns["period"] = free[:, 0]
    ends = [critical.orbit_of(node.orbit).extremes for node in nodes]
    for side, label in enumerate(("min", "max")):
        values = np.array([end[side] for end in ends]).reshape(-1, n)
        columns |= {f"{label}_{name}": values[:, k] for k, name in enumerate(names)}
    found = [critical.multipliers_of(node) for node in nodes]
    columns["n_unstable"] = [each.n_unstable for each in found]
    if critical.kind == "torus":
        columns["angle"] = free[:, 0] * free[:, 1]
    made = pd.DataFrame(columns)
    made["multipliers"] = pd.Series([each.values for each in found], dtype=object)
    return made
