"""Critical orbits at one parameter's value, and how they and other orbits move with the rest.

By the implicit-function theorem on the equations that are solved: one linear solve with a
right-hand side a parameter. Imports the families and critical orbits of this folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...compile import compile
from ...model import Model
from .collocation import PERIOD, Array, Conditions, Direction, Orbit, Problem
from .critical import Critical
from .family import Family, Node, halves

#: Meshes that are tried until the error of interpolation is what it should be.
_RENEWALS = 6


class Isolated(Critical):
    """The critical orbits of one kind along one parameter: single ones, nothing to follow.

    Parameters
    ----------
    kind : {"fold_of_cycles", "period_doubling", "torus"}
    model : Model
    p, u : ndarray, shapes (n_param,) and (n_input,)
    slot : int
        The parameter: its index, or n_param + that of an input.
    span : pair of float
    """

    def __init__(
        self, kind: str, model: Model, p: Array, u: Array, slot: int, span: tuple[float, float]
    ) -> None:
        super().__init__(kind, model, p, u, (slot,), np.array([span], dtype=float))
        self.slot = slot
        self.halves = halves(model)

    def conditions(self, origin: Node, s: float) -> Conditions:
        """Return phase, the vectors' size and angle as conditions; there is no length."""
        rows = self.rows(origin)
        free = np.zeros((len(rows), len(rows)))
        return Conditions(rows, free, np.tensordot(rows, origin.orbit.states, 2))

    def solved(self, family: Family, node: Node) -> Node | None:
        """Return the critical orbit at an orbit of a family that is one, or nearly one."""
        problem = family.problem
        problem.set(node.orbit.free)
        self.problem.p[:-1], self.problem.u[:] = problem.p, problem.u
        first = self.guess(family, node, (node.value,))
        for _ in range(_RENEWALS):
            if first is None:
                return None
            first = self.corrected(first)
            if first is None or self.accurate(first):
                return first
            first = self.remeshed(first)
        return None

    def corrected(self, origin: Node) -> Node | None:
        """Return the critical orbit near one that is given, on its mesh."""
        conditions = self.conditions(origin, 0.0)
        found = self.problem.correct(origin.orbit, conditions, origin.scale, origin.free_scale)
        return None if found is None else replace(origin, orbit=found.orbit)

    def moved(self, node: Node, others: Sequence[int]) -> list[Direction] | None:
        """Return how a critical orbit moves with each of some parameters.

        Parameters
        ----------
        node : Node
        others : sequence of int
            Indices of parameters, or n_param + those of inputs.
        """
        problem = self.problem
        own = len(problem.p) - 1
        problem.set(node.orbit.free)
        slots = [each if each < own else each + 1 for each in others]
        wide = Problem(
            problem.functions, problem.p, problem.u, [*problem.slots, *slots], problem.sign
        )
        return _moved(wide, node.orbit, self.rows(node), len(others))


def orbit_moved(
    model: Model, family: Family, node: Node, others: Sequence[int]
) -> list[Direction] | None:
    """Return how an orbit of a family moves with each of some parameters.

    Parameters
    ----------
    model : Model
    family : Family
    node : Node
    others : sequence of int
        Indices of parameters, or n_param + those of inputs.
    """
    problem = family.problem
    problem.set(node.orbit.free)
    wide = Problem(compile(model).functions, problem.p, problem.u, [PERIOD, *others])
    row, _ = family.phase(node.orbit, node.scale, node.orbit.states)
    return _moved(
        wide, Orbit(node.orbit.mesh, node.orbit.states, node.orbit.free[:1]), row[None], len(others)
    )


def _moved(problem: Problem, orbit: Orbit, rows: Array, count: int) -> list[Direction] | None:
    """Solve for the change of an orbit with each of the last scalars of a problem."""
    own = len(rows)
    k = own + count
    values = [
        problem.p[slot] if slot < len(problem.p) else problem.u[slot - len(problem.p)]
        for slot in problem.slots[own:]
    ]
    every = Orbit(orbit.mesh, orbit.states, np.append(orbit.free, values))
    wide = np.zeros((k, *orbit.states.shape))
    wide[:own] = rows
    free = np.zeros((k, k))
    free[own:, own:] = np.eye(count)
    # The first right-hand side gets the equations' own residual.
    right = np.zeros((count + 1, orbit.states.size + k))
    right[1:, -count:] = np.eye(count)
    solved = problem.solve(every, Conditions(wide, free, np.zeros(k)), right)
    if solved is None:
        return None
    return [Direction(step.states, step.free[:own]) for step in solved.steps[1:]]
