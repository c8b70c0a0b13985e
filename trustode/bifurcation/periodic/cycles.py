"""Follow a family of periodic orbits along one parameter.

Imports the rest of this folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import ModelError, OptionError, SolveError, Status, checks_keywords
from ...model import Model
from ...simulate import Solution
from ..arclength import ArcLength
from ..continuation import free_name, span_of
from ..equilibria import Equilibrium
from ..system import System, newton, state_values
from .branch import Cycles, Start, objects, orbit_columns, table
from .collocation import PERIOD, Problem
from .family import Family, Node, halves, slot_of
from .follow import Fading, Follower, Origin, Side, against_half, around_mean, joined, mirrored
from .normal_form import cycle_coefficient
from .settling import beside, settled
from .special import Special
from .start import doubled, from_hopf, from_orbit, from_solution, switched
from .symmetry import reflection

_DEFAULT_STEPPER = ArcLength(ds=0.02, ds_max=0.05)
#: How far, in state sizes, Newton's method may move from the Hopf point it was given.
_REACH = 0.1
#: What may vanish of an orbit: all of it, or its halves' difference.
_FADING: dict[str, Fading] = {"hopf": around_mean, "period_doubling": against_half}


@checks_keywords
def cycles(
    model: Model,
    parameter: str,
    *,
    start: Any = None,
    span: tuple[float, float],
    params: Mapping[Any, float] | None = None,
    inputs: Mapping[Any, float] | None = None,
    stepper: ArcLength = _DEFAULT_STEPPER,
    intervals: int | None = None,
) -> Cycles:
    """Follow a family of periodic orbits by pseudo-arclength.

    Parameters
    ----------
    model : Model
        Autonomous: its equations do not hold ``t``.
    parameter : str or Symbol
        The parameter, or input, to vary.
    start : row of a table, mapping, Solution or None
        A Hopf point: a row of `Branch.special`, or a mapping of states and `parameter`. A row of
        `Cycles.special`: at a period doubling the family of twice the period is followed, at
        a branch point the one that crosses there, at a fold the same family. A `Solution` that
        ends on a cycle. None: a trajectory from the initial state, or from beside it if that is an
        unstable equilibrium, until it is on an attracting cycle.
    span : pair of float
        Ends of the parameter; also its unit of length, see `ArcLength`.
    params, inputs : mapping of name to float, optional
        Values that differ from the model's defaults. A row of a table does not bring them: give
        those again that it was found with.
    stepper : ArcLength
        Step lengths, and how many.
    intervals : int, optional
        Intervals of every mesh. None lets their number (20 to 400) follow the orbit.

    Returns
    -------
    Cycles

    Raises
    ------
    ModelError
        For an unknown name, a value that is not allowed, a model that depends on time, or a
        start that is none.
    OptionError
        For an option that cannot be.
    SolveError
        If there is no periodic orbit near the start.

    Notes
    -----
    Orthogonal collocation with four Gauss points an interval on a mesh that follows the orbit
    (order 8 at the mesh's points), the phase fixed by an integral condition. Folds, period
    doublings, tori and branch points are located on finer and finer meshes until parameter and
    period stay where they are. A family ends at the span, at a Hopf point or period doubling
    where it fades, back at its start, or where its period grows without bound: at a homoclinic
    orbit or a heteroclinic loop.

    References
    ----------
    Doedel, Keller & Kernevez (1991), Int. J. Bifurcation and Chaos 1, 745; Kuznetsov (2004),
    Elements of Applied Bifurcation Theory, 3rd ed., section 10.2.
    """
    if not isinstance(model, Model):
        raise ModelError(f"cycles: expected a Model, got {model!r:.60} ({type(model).__name__})")
    where = f"cycles({model.name})"
    if not isinstance(stepper, ArcLength):
        raise OptionError(
            f"{where}: stepper={stepper!r:.60} is not an ArcLength; "
            "write stepper=tr.ArcLength(ds=..., ds_max=...)"
        )
    whole = isinstance(intervals, int) and not isinstance(intervals, bool)
    if intervals is not None and not (whole and intervals >= 4):
        raise OptionError(f"{where}: intervals={intervals!r:.60} is not a whole number from 4 on")
    name = free_name(model, parameter, "cycles")
    system = System(model, params, inputs, "cycles", name)
    low, high = span_of(system, span)
    slots = [PERIOD, slot_of(model, name)]
    problem = Problem(system.compiled.functions, system.p, system.u, slots)
    family = Family(problem, np.array([[low, high]]), halves(model), intervals)
    begin = _Begin(system, family, low, high)
    first, born = begin.of(start)
    follower = Follower(family, (name,), stepper, _FADING)
    crossing = begin.both and born
    forward = follower.side(first, born=born, crossing=crossing)
    backward = Side([first], end=begin.before, origin=begin.origin)
    if begin.both and not forward.closed:
        turn = reflection(problem, first) if crossing else None
        if turn is None:
            backward = follower.side(first.reversed(), born=born, crossing=crossing)
        else:
            backward = mirrored(first.reversed(), forward, turn)
    elif forward.closed:
        backward.end = forward.end
    if crossing:
        _cross(follower, forward, backward)
    held_params, held_inputs = system.names()
    held_params.pop(name, None)
    held_inputs.pop(name, None)
    return _assembled(model, name, forward, backward, family, held_params, held_inputs)


class _Begin:
    """Makes the first orbit from whatever a user starts with."""

    def __init__(self, system: System, family: Family, low: float, high: float) -> None:
        self._system, self._family = system, family
        self._low, self._high = low, high
        #: Why there is nothing before the first orbit, where only one way leads from it.
        self.before = ""
        self.origin: Origin | None = None
        self.both = True

    def of(self, start: Any) -> tuple[Node, bool]:
        """Return the first orbit, and whether the family is born there."""
        if start is None:
            return self._settled(), False
        if isinstance(start, Solution):
            return self._from_solution(start), False
        if isinstance(start, Equilibrium) or not hasattr(start, "items"):
            raise ModelError(
                f"{self._system.where}: start={start!r:.60}; give a Hopf point (a row of a "
                "branch's special points), a row of a family's special points, a Solution that "
                "ends on a cycle, or None"
            )
        named = {getattr(key, "name", key): value for key, value in start.items()}
        if isinstance(named.get("orbit"), Start):
            return self._from_family(named["kind"], named["orbit"].node)
        kind = named.get("kind", "hopf")
        if kind != "hopf":
            raise ModelError(
                f"{self._system.where}: no cycle is born at a {kind!r:.40}. Start from a row whose "
                "kind is 'hopf'"
            )
        return self._from_hopf(named), True

    def _from_hopf(self, named: Mapping[str, Any]) -> Node:
        system, free = self._system, str(self._system.free)
        value = system.check_free_range(named.get(free, system.value), "start")
        if not self._low <= value <= self._high:
            raise ModelError(
                f"{system.where}: start has {free} = {value:g}, outside span ({self._low:g}, "
                f"{self._high:g})"
            )
        missing = [state for state in system.model.states if state not in named]
        if missing:
            raise ModelError(
                f"{system.where}: start has no value of {missing[0]}; a Hopf point has one of "
                "every state"
            )
        given = {state: named[state] for state in system.model.states}
        guess = state_values(system.model, given, np.zeros(system.n), system.where)
        system.set(np.append(guess, value))
        root = newton(system, guess, self._family.scale(guess[None]), _REACH)
        node = None if root is None else from_hopf(self._family, system, root, value)
        if node is None:
            reason = "no equilibrium" if root is None else "an equilibrium, but no Hopf point"
            raise SolveError(
                f"{system.where}: at the start, {free} = {value:g}, there is {reason}. If it was "
                "found with other parameters than the model's, give them as params= here too",
                Status.MAX_STEPS,
            )
        self.both = False
        self.before = f"a Hopf point at {free} = {value:.8g}"
        self.origin = Origin("hopf", value)
        return node

    def _from_family(self, kind: str, node: Node) -> tuple[Node, bool]:
        family, free = self._family, self._system.free
        if len(node.orbit.states[0]) != self._system.n:
            raise ModelError(f"{self._system.where}: start is an orbit of another model")
        if kind == "period_doubling":
            start = doubled(family, node)
            self.both = False
            self.before = f"a period doubling at {free} = {node.value:.8g}"
            self.origin = Origin("period_doubling", node.value)
        elif kind == "branch_point":
            start = switched(family, node)
        elif kind == "fold_of_cycles":
            return node, False
        else:
            here = from_orbit(family, node.orbit)
            if here is None:
                raise self._no_cycle("near the start")
            return here, False
        if start is None:
            raise self._no_cycle("beside the start")
        return start, True

    def _from_solution(self, solution: Solution) -> Node:
        model = self._system.model
        if solution.model.states != model.states:
            raise ModelError(f"{self._system.where}: start is a solution of another model")
        value = min(max(self._value_of(solution), self._low), self._high)
        orbit = from_solution(self._family, solution, value)
        node = None if orbit is None else from_orbit(self._family, orbit)
        if node is None:
            raise self._no_cycle("at the end of the trajectory")
        return node

    def _value_of(self, solution: Solution) -> float:
        free = str(self._system.free)
        return float(solution.params.get(free, self._system.value))

    def _settled(self) -> Node:
        """Return the cycle that a trajectory from the initial state ends on."""
        system = self._system
        value = min(max(system.value, self._low), self._high)
        system.set(np.append(np.zeros(system.n), value))
        initial = np.array(system.compiled.initial(system.p), dtype=float)
        size = self._family.scale(initial[None])
        at_rest = newton(system, initial, size, _REACH)
        starts = [initial] if at_rest is None else beside(system, at_rest, value, size)
        node = settled(self._family, system, value, starts)
        if node is None:
            raise self._no_cycle("that a trajectory from the initial state settles on")
        return node

    def _no_cycle(self, what: str) -> SolveError:
        return SolveError(
            f"{self._system.where}: found no periodic orbit {what}, {self._system.free} = "
            f"{self._system.value:g}. Start from a Hopf point (tr.continuation finds them), or "
            "from a tr.simulate solution that ends on the cycle",
            Status.MAX_STEPS,
        )


# ---------------------------------------------------------------------- result


def _cross(follower: Follower, forward: Side, backward: Side) -> None:
    """Say on a family that began where it crosses another that the branch point lies there.

    The orbit at the point itself counts as what is behind it.
    """
    first = forward.nodes[0]
    point = 0, Special("branch_point", first, True, 0.0)
    if len(backward.nodes) > 1 and len(forward.nodes) > 1:
        behind = forward.nodes[1]
        backward.special.append(point)
    else:
        # A closed family ends on the point, and has met it there.
        behind = forward.nodes[-2 if forward.closed else -1]
        last = len(forward.nodes) - 2
        forward.special = [
            each
            for each in forward.special
            if not (forward.closed and each[0] == last and follower.same(each[1].node, first))
        ]
        forward.special.append(point)
    count = behind.multipliers.n_unstable
    forward.nodes[0] = first.told(first.multipliers._replace(n_unstable=count))
    if forward.closed:
        forward.nodes[-1] = forward.nodes[0]


def _continued(nodes: list[Node], eventful: set[int]) -> list[Node]:
    """Return orbits whose index is their neighbour's where a multiplier is 1 to rounding.

    As beside a Hopf point at which a family stands almost upright.

    Parameters
    ----------
    nodes : list of Node
    eventful : set of int
        Steps with special points in them.
    """
    nodes = list(nodes)
    n = len(nodes)
    pairs = [(k, k + 1) for k in range(n - 2, -1, -1)] + [(k, k - 1) for k in range(1, n)]
    for k, other in pairs:
        known, count = nodes[k].multipliers, nodes[other].multipliers.n_unstable
        if count == known.n_unstable or min(k, other) in eventful:
            continue
        sizes = np.abs(known.others)
        fewest, most = (int(np.sum(sizes > 1.0 + off)) for off in (known.margin, -known.margin))
        if fewest <= count <= most:
            nodes[k] = nodes[k].told(known._replace(n_unstable=count))
    return nodes


def _assembled(
    model: Model,
    name: str,
    forward: Side,
    backward: Side,
    family: Family,
    params: dict[str, float],
    inputs: dict[str, float],
) -> Cycles:
    """Join the two sides into one family."""
    import pandas as pd

    nodes, start, found = joined(backward, forward)
    nodes = _continued(nodes, {k for k, _ in found})
    points = table(model, name, nodes, np.arange(len(nodes)))
    columns: dict[str, Any] = {"kind": [each.kind for _, each in found]}
    columns |= orbit_columns(model, name, [each.node for _, each in found], [k for k, _ in found])
    for only_of_points in ("step", "stable", "n_unstable", "trivial_error"):
        del columns[only_of_points]
    columns["coefficient"] = np.array(
        [cycle_coefficient(each.kind, family.problem, each.node) for _, each in found], dtype=float
    )
    columns["converged"] = np.array([each.converged for _, each in found], dtype=bool)
    columns["bracket"] = objects([(k, k + 1) for k, _ in found])
    columns["orbit"] = objects([Start(each.node) for _, each in found])
    special = pd.DataFrame(columns)
    for side, step in ((backward, 0), (forward, len(nodes) - 1)):
        if side.limit is not None:
            row = dict.fromkeys(special.columns, np.nan) | {
                "kind": side.limit.kind,
                name: side.limit.value,
                "period": np.inf,
                "converged": True,
                "bracket": (step, step),
                "multipliers": None,
                "orbit": Start(side.nodes[-1]),
            }
            for state in model.states:
                for end in ("min", "max"):
                    row[f"{end}_{state}"] = points[f"{end}_{state}"].iloc[step]
            row_frame = pd.DataFrame([row], columns=special.columns)
            parts = [row_frame, special] if side is backward else [special, row_frame]
            special = pd.concat([each for each in parts if len(each)], ignore_index=True)
    values = np.array([node.multipliers.values for node in nodes])
    ends, origins = (backward.end, forward.end), (backward.origin, forward.origin)
    return Cycles(
        model,
        name,
        points,
        special,
        values,
        ends,
        origins,
        start,
        params,
        inputs,
        tuple(nodes),
        family,
    )
