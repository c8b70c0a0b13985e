"""Pseudo-arclength: points of a branch, and the step from one to the next.

Lengths are measured in scaled variables: a state in units of its size, the parameter in
units of its span. Keller (1977), Numerical solution of bifurcation and nonlinear eigenvalue
problems; Govaerts (2000), Numerical Methods for Bifurcations of Dynamical Equilibria, ch. 2.
Imports the systems of this folder.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError, checks_keywords
from .equilibria import ordered_eigenvalues, undecided
from .system import Array, System, at_rounding

#: The corrector stops when a step is shorter than this, in scaled variables.
_CLOSE = 1e-11
_CORRECTIONS = 8
#: Size of a state without bounds is at least this share of the largest state's.
_SMALLEST_SHARE = 1e-3
#: A state without bounds that starts no larger than this has size one.
_NOTHING = 1e-12


@checks_keywords
@dataclass(frozen=True)
class ArcLength:
    """How to step along a branch.

    Lengths are in scaled variables: the parameter runs over one unit from end to end of its
    span; a state with bounds over two from bound to bound; a state without, over one from
    zero to the largest absolute value it has had, its initial value included.

    Parameters
    ----------
    ds : float
        First step.
    ds_min, ds_max : float
        Shortest and longest step.
    max_steps : int
        Most points in each of the two directions.

    Raises
    ------
    OptionError
        Unless 0 < ds_min <= ds <= ds_max and max_steps is a positive whole number.
    """

    ds: float = 0.01
    ds_min: float = 1e-6
    ds_max: float = 0.05
    max_steps: int = 2000

    def __post_init__(self) -> None:
        for name in ("ds", "ds_min", "ds_max"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, numbers.Real):
                raise OptionError(f"ArcLength: {name}={value!r:.60} is not a number")
            if not 0.0 < float(value) < math.inf:
                raise OptionError(f"ArcLength: {name}={value!r} must be positive and finite")
            object.__setattr__(self, name, float(value))
        if not self.ds_min <= self.ds <= self.ds_max:
            raise OptionError(
                f"ArcLength: ds_min={self.ds_min:g}, ds={self.ds:g}, ds_max={self.ds_max:g} must "
                "be in this order"
            )
        steps = self.max_steps
        if isinstance(steps, bool) or not isinstance(steps, numbers.Integral) or steps < 1:
            raise OptionError(f"ArcLength: max_steps={steps!r:.60} is not a positive whole number")
        object.__setattr__(self, "max_steps", int(steps))


@dataclass(frozen=True, eq=False)
class Node:
    """A point of a branch.

    Attributes
    ----------
    x : ndarray, shape (n_state + 1,)
        States, then the parameter.
    tangent : ndarray, shape (n_state + 1,)
        Unit tangent in scaled variables.
    scale : ndarray, shape (n_state + 1,)
        What the scaled variables are measured in.
    determinant : float
        Of the scaled derivative bordered by the tangent; its sign changes at a simple
        branch point and nowhere else.
    eigenvalues : ndarray of complex, shape (n_state,)
        The largest real part first.
    n_unstable : int
    corrections : int
        Newton steps that were taken to reach it.
    """

    x: Array
    tangent: Array
    scale: Array
    determinant: float
    eigenvalues: NDArray[np.complex128]
    n_unstable: int
    corrections: int

    @property
    def is_stable(self) -> bool:
        """Whether every eigenvalue lies left of the imaginary axis, beyond rounding."""
        return bool(self.eigenvalues[0].real < -undecided(self.eigenvalues))

    def reversed(self) -> Node:
        """Return the same point looking the other way."""
        return replace(self, tangent=-self.tangent, determinant=-self.determinant)

    def rescaled(self, scale: Array) -> Node:
        """Return the same point measured with another scale."""
        tangent = self.tangent * self.scale / scale
        return replace(self, tangent=tangent / np.linalg.norm(tangent), scale=scale)

    def distance(self, x: Array) -> float:
        """Return the scaled distance to a point."""
        return float(np.linalg.norm((x - self.x) / self.scale))


class Curve:
    """The set f(y, parameter) = 0, locally a curve.

    Parameters
    ----------
    system : System
        With a free parameter.
    width : float
        The parameter's span.
    """

    def __init__(self, system: System, width: float) -> None:
        self.system = system
        self._width = width
        bounds = system.model.bounds
        self._half = np.array(
            [
                (bounds[name][1] - bounds[name][0]) / 2 if name in bounds else math.inf
                for name in system.model.states
            ]
        )

    def scale(self, y: Array, before: Array | None = None) -> Array:
        """Return the size of the states at `y`, no smaller than before, and of the parameter."""
        if before is None:
            initial = np.asarray(self.system.compiled.initial(self.system.p))
            size = np.maximum(np.abs(y), np.abs(initial))
            size[size <= _NOTHING] = 1.0
        else:
            size = np.maximum(np.abs(y), before[:-1])
        size = np.maximum(size, _SMALLEST_SHARE * size.max())
        return np.append(np.where(np.isfinite(self._half), self._half, size), self._width)

    @np.errstate(all="ignore")
    def start(self, x: Array, scale: Array) -> Node | None:
        """Return the point at an equilibrium, its tangent towards larger parameters."""
        matrix = self.system.full(x) * scale
        if not np.isfinite(matrix).all():
            return None
        tangent = np.linalg.svd(matrix)[2][-1]
        if tangent[-1] < 0.0:
            tangent = -tangent
        return self._node(x, tangent, scale, 0)

    @np.errstate(all="ignore")
    def at(self, origin: Node, s: float) -> Node | None:
        """Return the point whose projection on the origin's tangent is at length `s`.

        Newton's method on f = 0 with that projection as the last equation; None if it does
        not converge.
        """
        scale, direction = origin.scale, origin.tangent
        x = origin.x + s * direction * scale
        system = self.system
        bordered = np.empty((system.n + 1, system.n + 1))
        bordered[-1] = direction
        right = np.empty(system.n + 1)
        last = math.inf
        for count in range(1, _CORRECTIONS + 1):
            derivative = system.full(x)
            bordered[:-1] = derivative * scale
            right[:-1] = -system.rhs(x)
            right[-1] = s - direction @ ((x - origin.x) / scale)
            if not (np.isfinite(right).all() and np.isfinite(bordered).all()):
                return None
            try:
                step = np.linalg.solve(bordered, right)
            except np.linalg.LinAlgError:
                return None
            length = float(np.linalg.norm(step))
            # Rounding near a branch point keeps steps from shrinking; the residual tells.
            done = length <= _CLOSE or (count > 2 and at_rounding(right[:-1], derivative, x))
            if not done and length > last:
                return None
            x = x + step * scale
            last = length
            if done:
                return self._node(x, direction, scale, count)
        return None

    @np.errstate(all="ignore")
    def landing(self, origin: Node, guess: Node, value: float) -> Node | None:
        """Return the point between two at which the parameter has a value."""
        scale = origin.scale
        share = (value - origin.x[-1]) / (guess.x[-1] - origin.x[-1])
        x = origin.x + share * (guess.x - origin.x)
        x[-1] = value
        for count in range(1, 2 * _CORRECTIONS + 1):
            jac, f = self.system.jac(x), self.system.rhs(x)
            if not (np.isfinite(jac).all() and np.isfinite(f).all()):
                return None
            try:
                step = np.linalg.solve(jac, -f)
            except np.linalg.LinAlgError:
                return None
            x[:-1] += step
            if float(np.linalg.norm(step / scale[:-1])) <= _CLOSE or at_rounding(f, jac, x[:-1]):
                return self._node(x, origin.tangent, scale, count)
        return None

    def _node(self, x: Array, direction: Array, scale: Array, count: int) -> Node | None:
        """Return a solved point with its tangent along `direction`."""
        n = self.system.n
        derivative = self.system.full(x)
        if not np.isfinite(derivative).all():
            return None
        bordered = np.vstack([derivative * scale, direction])
        unit = np.zeros(n + 1)
        unit[-1] = 1.0
        try:
            tangent = np.linalg.solve(bordered, unit)
        except np.linalg.LinAlgError:
            return None
        size = np.linalg.norm(tangent)
        # det of the border with the unit tangent: det is linear in its last row.
        determinant = float(np.linalg.det(bordered)) * float(size)
        eigenvalues = ordered_eigenvalues(derivative[:, :-1])
        unstable = int(np.sum(eigenvalues.real > undecided(eigenvalues)))
        return Node(x, tangent / size, scale, determinant, eigenvalues, unstable, count)
