"""What happens at a branch point: which branches cross, in which directions, and of what type.

Govaerts (2000), Numerical Methods for Bifurcations of Dynamical Equilibria, section 4.5;
Kuznetsov (2004), Elements of Applied Bifurcation Theory, section 8.2. Imports the arclength and
multilinear forms of this folder.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .multilinear import Multilinear
from .normal_form import rounded
from .system import Array, System

#: Singular values below this share of the largest are zero at a located point.
_SINGULAR = 1e-7
#: Step of the central differences of the exact first derivatives, in scaled variables.
_DIFFERENCE = 1e-5
#: A tangent with a smaller share of the parameter is vertical: that branch is a pitchfork's.
_VERTICAL = 1e-4
#: Second derivatives below this share of the first are none.
_FLAT = 1e-7
#: Points at which a line is looked at, in scaled lengths, and what is nothing there.
_ALONG = (-0.3, -0.1, 0.1, 0.3)
_NOTHING = 1e-12
#: Directions in which crossing branches are looked for, where more than two may cross.
_DIRECTIONS = 48


@dataclass(frozen=True, eq=False)
class Crossing:
    """The branches through a branch point.

    Attributes
    ----------
    type : {"transcritical", "pitchfork", ""}
        Empty where neither describes it: more than two branches, or none that cross.
    directions : list of ndarray, shape (n_state + 1,)
        Unit tangents of the branches in scaled variables; guesses if not `simple`.
    simple : bool
        Whether two branches cross there, with these tangents.
    scale : ndarray, shape (n_state + 1,)
        What the scaled variables are measured in.
    line : bool
        Whether a line of equilibria at one value of the parameter crosses.
    """

    type: str
    directions: list[Array]
    simple: bool
    scale: Array
    line: bool = False


@np.errstate(all="ignore")
def crossing(system: System, x: Array, scale: Array) -> Crossing:
    """Solve the algebraic branching equation at a branch point.

    With phi the left null vector of the derivative by (states, parameter) and v1, v2 a basis
    of its null space, tangents a v1 + b v2 of the branches satisfy a^2 h11 + 2 a b h12 +
    b^2 h22 = 0, h_ij = <phi, F''(v_i, v_j)>.
    """
    matrix = system.full(x) * scale / scale[: system.n, None]
    if not np.isfinite(matrix).all():
        return Crossing("", [], False, scale)
    left, sizes, right = np.linalg.svd(matrix)
    kernel = right[np.sum(sizes > _SINGULAR * sizes[0]) :]
    if len(kernel) != 2:
        return Crossing("", _sphere(kernel), False, scale)
    phi = left[:, -1]

    def along(v: Array) -> Array:
        """Return the derivative of phi F'(x) in a direction."""
        step = _DIFFERENCE * v * scale
        change = system.full(x + step) - system.full(x - step)
        return np.asarray(phi @ (change * scale / scale[: system.n, None])) / (2 * _DIFFERENCE)

    first, second = along(kernel[0]), along(kernel[1])
    h11, h12, h22 = first @ kernel[0], first @ kernel[1], second @ kernel[1]
    size = max(abs(h11), abs(h12), abs(h22))
    if not math.isfinite(size):
        return Crossing("", [], False, scale)
    disc = h12 * h12 - h11 * h22
    if not size > _FLAT * sizes[0]:
        return Crossing("", _sphere(kernel), False, scale)
    if disc <= _FLAT * size * size:
        # A double root: branches that touch; complex ones: a point where none passes.
        touching = disc >= -_FLAT * size * size
        return Crossing("", _sphere(kernel) if touching else [], False, scale)
    root = math.copysign(math.sqrt(disc), h12)
    # The two roots a : b of the quadratic, each without cancellation.
    pairs = [(-(h12 + root), h11), (h22, -(h12 + root))]
    directions = [a * kernel[0] + b * kernel[1] for a, b in pairs]
    directions = [each / np.linalg.norm(each) for each in directions]
    vertical = [abs(each[-1]) < _VERTICAL for each in directions]
    if sum(vertical) == 1:
        upright = directions[vertical.index(True)]
        if _is_line(system, x, upright * scale, scale):
            return Crossing("", directions, True, scale, line=True)
        return Crossing("pitchfork", directions, True, scale)
    sort = "" if any(vertical) else "transcritical"
    return Crossing(sort, directions, True, scale)


def _is_line(system: System, x: Array, direction: Array, scale: Array) -> bool:
    """Return whether all points on a line are equilibria to rounding."""
    size = float(np.abs(system.full(x) * scale).max())
    ahead = [x + share * direction for share in _ALONG]
    return all(float(np.abs(system.rhs(each)).max()) <= _NOTHING * size for each in ahead)


def _sphere(kernel: Array) -> list[Array]:
    """Return unit vectors spread over a null space, one of each pair of opposites."""
    if len(kernel) < 2:
        return []
    if len(kernel) == 2:
        angles = np.pi * (np.arange(_DIRECTIONS) + 0.5) / _DIRECTIONS
        return [math.cos(t) * kernel[0] + math.sin(t) * kernel[1] for t in angles]
    draws = np.random.default_rng(0).standard_normal((3 * _DIRECTIONS, len(kernel)))
    return list(draws / np.linalg.norm(draws, axis=1, keepdims=True) @ kernel)


def _null_vectors(jac: Array) -> tuple[Array, Array]:
    """Return q and p with A q = 0, A^T p = 0, |q| = 1, <p, q> = 1."""
    left, _, right = np.linalg.svd(jac)
    q, p = right[-1], left[:, -1]
    return q, p / (p @ q)


def branch_coefficient(system: System, x: Array, sort: str) -> float:
    """Return the coefficient of the normal form at a transcritical point or a pitchfork.

    That of the centre manifold at the point's parameter, with A q = 0, A^T p = 0, ``|q|`` = 1,
    <p, q> = 1: for a transcritical point w' = c w^2, c = <p, B(q, q)> / 2, given as positive as
    its sign is that of q; for a pitchfork w' = c w^3, c = <p, C(q, q, q) - 3 B(q, A^inv B(q, q))>
    / 6, negative for a supercritical one, 0 where its terms cancel. NaN for other points.
    """
    if not sort:
        return math.nan
    n, jac = system.n, system.jac(x)
    forms = Multilinear(system.model, x[:n], system.p, system.u)
    q, p = _null_vectors(jac)
    if sort == "transcritical":
        return abs(float(p @ forms.B(q, q))) / 2.0
    square, _, cubic = forms.first_three(q, q, q)
    # Bordered, as A is singular; <p, h> = 0 picks one solution.
    bordered = np.block([[jac, q[:, None]], [p[None, :], np.zeros((1, 1))]])
    h = np.linalg.solve(bordered, np.append(-square + (p @ square) * q, 0.0))[:n]
    slaved = 3.0 * forms.B(q, h)
    size = float(np.abs(p) @ (np.abs(cubic) + np.abs(slaved)))
    return rounded(float(p @ (cubic + slaved)), size) / 6.0
