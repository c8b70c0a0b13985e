"""Follow a branch of equilibria along one parameter.

Imports the rest of this folder.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ModelError, OptionError, SolveError, Status, checks_keywords, listed, nearest
from ..model import Model
from ..solve import Solver, initial_vector, input_tables, pack, solve_batch
from .arclength import ArcLength, Curve
from .branch import Branch
from .equilibria import Equilibrium, equilibria
from .follow import Follower, Side
from .reach import Reach
from .special import Special
from .system import Array, System, newton, state_values

_DEFAULT_STEPPER = ArcLength()
#: How far, in state sizes, Newton's method may move from the start it was given.
_REACH = 10.0
#: A trajectory that ends within this of an equilibrium, in state sizes, has reached it.
_SETTLED = 1e-2
_SETTLING_STEPS = 20_000
_SETTLING_TIMES = 1e8


@checks_keywords
def continuation(
    model: Model,
    parameter: str,
    *,
    start: Equilibrium | Mapping[Any, float] | None = None,
    span: tuple[float, float],
    params: Mapping[Any, float] | None = None,
    inputs: Mapping[Any, float] | None = None,
    stepper: ArcLength = _DEFAULT_STEPPER,
) -> Branch:
    """Follow a branch of equilibria by pseudo-arclength, in both directions.

    Parameters
    ----------
    model : Model
        Autonomous: its equations do not hold ``t``.
    parameter : str or Symbol
        The parameter, or input, to vary.
    start : Equilibrium or mapping, optional
        Where to start. An `Equilibrium` brings the parameter values it was found for; a
        mapping gives states near one, and may give `parameter`; states it does not name
        are the model's initial ones; a row of a branch's `points` will do.
        None: the equilibrium that a simulation from the initial state settles on or, if it
        does not settle, the one nearest to that state. Without another word the parameter
        starts at its value in `params` or in the model, or at the end of the span that is
        nearest to it.
    span : pair of float
        Ends of the parameter; also its unit of length, see `ArcLength`.
    params, inputs : mapping of name to float, optional
        Values that differ from the model's defaults (or from those of `start`).
    stepper : ArcLength
        Step lengths, and how many.

    Returns
    -------
    Branch
        In order from one end to the other; the start lies inside. Where branches cross at the
        start, it is the one that changes most with the parameter.

    Raises
    ------
    ModelError
        For an unknown name, a value that is not allowed, or a model that depends on time.
    OptionError
        If `stepper` is not an `ArcLength`.
    SolveError
        If there is no equilibrium near the start.

    Notes
    -----
    A step is repeated at half its length when the tangent turns by more than 18 degrees,
    when the corrector moves far, or when the stability changes in a way that no fold, Hopf
    or branch point inside the step explains; so that the branch is not left for another one
    nearby. Special points satisfy their defining equations to rounding.

    References
    ----------
    Keller (1977), Numerical solution of bifurcation and nonlinear eigenvalue problems;
    Kuznetsov (2004), Elements of Applied Bifurcation Theory, chapter 10.
    """
    if not isinstance(model, Model):
        raise ModelError(
            f"continuation: expected a Model, got {model!r:.60} ({type(model).__name__})"
        )
    if not isinstance(stepper, ArcLength):
        raise OptionError(
            f"continuation({model.name}): stepper={stepper!r:.60} is not an ArcLength; "
            "write stepper=tr.ArcLength(ds=..., ds_max=...)"
        )
    name = free_name(model, parameter, "continuation")
    if isinstance(start, Equilibrium):
        params = start.params | model.known(params, "parameter", model.params)
        inputs = start.inputs | model.known(inputs, "input", model.inputs)
        given: Mapping[Any, Any] = start.state
    else:
        given = start if start is not None else {}
    system = System(model, params, inputs, "continuation", name)
    low, high = span_of(system, span)
    first, value = _start(system, given, low, high, settle=start is None)
    held_params, held_inputs = system.names()
    follower = Follower(system, stepper, low, high)
    x = np.append(first, value)
    try:
        forward, backward = follower.both(x)
    except SolveError:
        # Branches cross at the start: it is passed on the way from a point beside it.
        node = Reach(system, stepper, low, high).beside(x)
        if node is None:
            raise
        forward, backward = follower.both(node.x, node.scale)
    held_params.pop(name, None)
    held_inputs.pop(name, None)
    return assembled(system, forward, backward, held_params, held_inputs)


# ---------------------------------------------------------------------- start


def free_name(model: Model, parameter: object, call: str = "continuation") -> str:
    """Return the name of the parameter or input to vary."""
    name = getattr(parameter, "name", parameter)
    known = [*model.params, *model.inputs]
    if name not in known:
        hint = nearest(str(name), known) or "."
        raise ModelError(
            f"{call}({model.name}): {name!r:.60} is not a parameter{hint} "
            f"The parameters are: {listed(known, 100) or 'none'}"
        )
    return str(name)


def span_of(system: System, span: object) -> tuple[float, float]:
    """Return the two ends of the free parameter."""
    try:
        edges = list(span)  # type: ignore[call-overload]
    except TypeError:
        edges = []
    if len(edges) != 2:
        raise ModelError(f"{system.where}: span must be a pair of numbers, got {span!r:.60}")
    low, high = (system.check_free_range(edge, "span") for edge in edges)
    if not low < high:
        raise ModelError(
            f"{system.where}: span: {low:g} is not below {high:g}; give the lower end first: "
            "branches are followed in both directions"
        )
    return low, high


def _start(
    system: System, given: Mapping[Any, Any], low: float, high: float, *, settle: bool
) -> tuple[Array, float]:
    """Return the states and the parameter of the equilibrium to start from."""
    model, free = system.model, str(system.free)
    if not hasattr(given, "items"):
        raise ModelError(
            f"{system.where}: start={given!r:.60}; give an Equilibrium, a mapping from states to "
            "values, or None"
        )
    named = {getattr(key, "name", key): value for key, value in given.items()}
    if not isinstance(given, Mapping):
        # A row of a table brings more columns than a point has.
        named = {key: named[key] for key in (free, *model.states) if key in named}
    value = min(max(system.value, low), high)
    if free in named:
        value = system.check_free_range(named.pop(free), "start")
        if not low <= value <= high:
            raise ModelError(
                f"{system.where}: start has {free} = {value:g}, outside span ({low:g}, {high:g})"
            )
    elif not low <= system.value <= high and named:
        raise ModelError(
            f"{system.where}: start is at {free} = {system.value:g}, outside span ({low:g}, "
            f"{high:g})"
        )
    system.set(np.append(np.zeros(system.n), value))
    initial = initial_vector(system.compiled, system.p, None, system.where)
    if settle:
        return _settled(system, initial), value
    guess = state_values(model, named, initial, system.where)
    root = newton(system, guess, _sizes(system, guess), _REACH)
    if root is None:
        raise _no_equilibrium(system, f"near {_shown(model, guess)}", value)
    return root, value


def _sizes(system: System, y: Array) -> Array:
    """Return the size of each state, shape (n_state,)."""
    return Curve(system, 1.0).scale(y)[:-1]


def _settled(system: System, initial: Array) -> Array:
    """Return the equilibrium that a trajectory reaches, or else the nearest to its start."""
    size = _sizes(system, initial)
    rate = float(np.abs(system.jac(np.append(initial, system.value))).max())
    unit = 1.0 / rate if 0.0 < rate < math.inf else 1.0
    times = np.concatenate([[0.0], unit * np.geomspace(1.0, _SETTLING_TIMES, 33)])
    params, inputs = system.names()
    stimulus = pack(input_tables(system.compiled, inputs, system.where))
    solver = Solver(max_steps=_SETTLING_STEPS)
    y = solve_batch(system.compiled, times, system.p[None], initial[None], [stimulus], solver).y[0]
    reached = y[np.isfinite(y).all(axis=1)]
    root = newton(system, reached[-1], size, _REACH)
    if root is not None and float(np.abs((root - reached[-1]) / size).max()) < _SETTLED:
        return root
    found = equilibria(system.model, params=params, inputs=inputs)
    if not len(found):
        what = "by simulation from the initial state, nor by a search"
        if not found.isolated:
            raise _no_equilibrium(system, what, system.value, found.conserved.told())
        raise _no_equilibrium(system, what, system.value)
    distances = [float(np.linalg.norm((each.y - initial) / size)) for each in found]
    return found[int(np.argmin(distances))].y


def _shown(model: Model, y: Array) -> str:
    return ", ".join(f"{name} = {value:.5g}" for name, value in zip(model.states, y, strict=True))


def _no_equilibrium(
    system: System,
    what: str,
    value: float,
    advice: str = "Start from one of tr.equilibria(model), or give states nearer to one",
) -> SolveError:
    return SolveError(
        f"{system.where}: found no equilibrium {what}, at {system.free} = {value:g}. {advice}",
        Status.MAX_STEPS,
    )


# ---------------------------------------------------------------------- result


def assembled(
    system: System,
    forward: Side,
    backward: Side,
    params: dict[str, float],
    inputs: dict[str, float],
) -> Branch:
    """Join the two sides into one branch."""
    model, free = system.model, str(system.free)
    nodes = [*backward.nodes[:0:-1], *forward.nodes]
    start = len(backward.nodes) - 1
    points = np.array([node.x for node in nodes])
    eigenvalues = np.array([node.eigenvalues for node in nodes])
    columns: dict[str, Any] = {"step": np.arange(len(nodes)), free: points[:, -1]}
    columns |= {name: points[:, k] for k, name in enumerate(model.states)}
    columns["stable"] = np.array([node.is_stable for node in nodes])
    columns["n_unstable"] = np.array([node.n_unstable for node in nodes])
    columns["leading"] = eigenvalues[:, 0]
    special = [
        *((start - k - 1, each) for k, each in reversed(in_order(backward))),
        *((start + k, each) for k, each in in_order(forward)),
    ]
    # What lies exactly on the edge of the span belongs to the last step before it.
    steps = [min(max(k, 0), max(len(nodes) - 2, 0)) for k, _ in special]
    each = [point for _, point in special]
    x = np.array([point.x for point in each]).reshape(len(each), len(model.states) + 1)
    omega = np.array([point.omega for point in each], dtype=float)
    brackets = np.empty(len(steps), dtype=object)
    brackets[:] = [(k, k + 1) for k in steps]
    rows = {
        "kind": np.array([point.kind for point in each], dtype=object),
        free: x[:, -1],
        **{name: x[:, k] for k, name in enumerate(model.states)},
        "omega": omega,
        "period": 2 * math.pi / omega,
        "coefficient": np.array([point.coefficient for point in each], dtype=float),
        "type": np.array([point.type for point in each], dtype=object),
        "criticality": np.array([point.criticality for point in each], dtype=object),
        "converged": np.array([point.converged for point in each], dtype=bool),
        "bracket": brackets,
    }
    ends = (backward.end, forward.end)
    return Branch(model, free, columns, rows, eigenvalues, ends, start, params, inputs)


def in_order(side: Side) -> list[tuple[int, Special]]:
    """Return the special points of one side in the order of its steps."""
    return sorted(side.special, key=lambda pair: (pair[0], pair[1].position))
