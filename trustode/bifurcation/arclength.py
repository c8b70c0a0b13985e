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

from .._arclength import EXTRA
from ..errors import OptionError, checks_keywords
from .system import Array, System

_DETERMINANT, _PAIRS, _UNSTABLE, _STABLE, _CORRECTIONS, _ASIDE, _OUTSIDE, _GROWS = (
    EXTRA[name]
    for name in (
        *("determinant", "pairs", "unstable", "stable"),
        *("corrections", "aside", "outside", "grows"),
    )
)
#: Size of a state without bounds is at least this share of the largest state's.
_SMALLEST_SHARE = 1e-3
#: A state without bounds that starts no larger than this has size one.
_NOTHING = 1e-12
#: A state this many times as large as at the start grows without bound.
LARGEST = 1e6


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


@dataclass(eq=False, slots=True)
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
    pairs : float
        Product of the sums of any two eigenvalues, each over their size: zero at a Hopf point.
    eigenvalues : ndarray of complex, shape (n_state,)
        The largest real part first.
    n_unstable : int
    is_stable : bool
        Whether every eigenvalue lies left of the imaginary axis, beyond rounding.
    corrections : int
        Newton steps that were taken to reach it.
    aside : float
        Scaled distance from where it was predicted.
    outside : int
        First state that is outside its bounds, or -1.
    grows : bool
        Whether a state is larger than its scale.
    """

    x: Array
    tangent: Array
    scale: Array
    determinant: float
    pairs: float
    eigenvalues: NDArray[np.complex128]
    n_unstable: int
    is_stable: bool
    corrections: int
    aside: float
    outside: int
    grows: bool

    def reversed(self) -> Node:
        """Return the same point looking the other way."""
        return replace(self, tangent=-self.tangent, determinant=-self.determinant)

    def rescaled(self, scale: Array) -> Node:
        """Return the same point measured with another scale."""
        tangent = self.tangent * (self.scale / scale)
        tangent /= math.sqrt(tangent @ tangent)
        return Node(
            self.x,
            tangent,
            scale,
            self.determinant,
            self.pairs,
            self.eigenvalues,
            self.n_unstable,
            self.is_stable,
            self.corrections,
            self.aside,
            self.outside,
            False,
        )

    @classmethod
    def pointing(cls, x: Array, direction: Array, scale: Array) -> Node:
        """Return a point of which no more than a direction is known."""
        nothing = np.zeros(len(x) - 1, complex)
        direction = np.ascontiguousarray(direction)
        return cls(x, direction, scale, 0.0, 0.0, nothing, 0, False, 0, 0.0, -1, False)

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
        self._kernel = system.kernel
        self._width = width
        half = (system.bounds[:, 1] - system.bounds[:, 0]) / 2
        self._half = half
        self._bounded = np.isfinite(half)

    def scale(self, y: Array, before: Array | None = None) -> Array:
        """Return the size of the states at `y`, no smaller than before, and of the parameter."""
        if before is None:
            initial = np.asarray(self.system.compiled.initial(self.system.p))
            size = np.maximum(np.abs(y), np.abs(initial))
            size[size <= _NOTHING] = 1.0
        else:
            size = np.maximum(np.abs(y), before[:-1])
        scale = np.empty(len(y) + 1)
        np.maximum(size, _SMALLEST_SHARE * size.max(), out=scale[:-1])
        scale[:-1][self._bounded] = self._half[self._bounded]
        scale[-1] = self._width
        return scale

    @np.errstate(all="ignore")
    def start(self, x: Array, scale: Array) -> Node | None:
        """Return the point at an equilibrium, its tangent towards larger parameters."""
        matrix = self.system.full(x) * scale
        if not np.isfinite(matrix).all():
            return None
        tangent = np.linalg.svd(matrix)[2][-1]
        if tangent[-1] < 0.0:
            tangent = -tangent
        return self.node(x, tangent, scale)

    def node(self, x: Array, direction: Array, scale: Array) -> Node | None:
        """Return a solved point, its tangent along a direction."""
        direction = np.ascontiguousarray(direction)
        return self._node(self._kernel.describe(x, direction, scale), scale)

    def at(self, origin: Node, s: float) -> Node | None:
        """Return the point whose projection on the origin's tangent is at length `s`.

        Newton's method on f = 0 with that projection as the last equation; None if it does
        not converge.
        """
        return self._node(self._kernel.at(origin.x, origin.tangent, origin.scale, s), origin.scale)

    def landing(self, origin: Node, beyond: Array, value: float) -> Node | None:
        """Return the point between two at which the parameter has a value."""
        scale = origin.scale
        point = self._kernel.landing(origin.x, beyond, origin.tangent, scale, value)
        return self._node(point, scale)

    def _node(self, point: Array | None, scale: Array) -> Node | None:
        """Return a point of the kernel as a node."""
        if point is None:
            return None
        n = len(scale) - 1
        extra = point[4 * n + 2 :].tolist()
        return Node(
            x=point[: n + 1],
            tangent=point[n + 1 : 2 * n + 2],
            scale=scale,
            determinant=extra[_DETERMINANT],
            pairs=extra[_PAIRS],
            eigenvalues=point[2 * n + 2 : 4 * n + 2].view(np.complex128),
            n_unstable=int(extra[_UNSTABLE]),
            is_stable=extra[_STABLE] != 0.0,
            corrections=int(extra[_CORRECTIONS]),
            aside=extra[_ASIDE],
            outside=int(extra[_OUTSIDE]),
            grows=extra[_GROWS] != 0.0,
        )
