"""The equations of folds, Hopf points and branch points of equilibria in two parameters.

Minimally augmented systems: f = 0, and one or two numbers that vanish where a bordered matrix
says that the Jacobian is singular in the right way. Their derivatives are exact. Govaerts
(2000), Numerical Methods for Bifurcations of Dynamical Equilibria, chapters 3 and 4; Griewank &
Reddien (1984), IMA J. Numer. Anal. 4, 295. Imports the second derivatives of this folder.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from ..system import Array, Complex
from .second_order import SecondOrder

#: Smallest angular frequency, relative to the largest rate, that a complex border is taken at.
_SLOWEST = 1e-9
#: Angular frequencies below this share of the largest rate are measured with it.
_SLOW = 0.1
#: A null vector may turn by acos of this in a step.
_LEAST_COSINE = 0.8


@dataclass(frozen=True, eq=False)
class Frame:
    """What the equations are measured in near one point of a curve.

    Attributes
    ----------
    scale : ndarray, shape (n_unknown,)
        Size of each unknown.
    rate : float
        Size of the Jacobian: the unit of inverse time.
    left, right : ndarray
        Borders, close to the null vectors, so that the bordered matrix is regular.
    """

    scale: Array
    rate: float
    left: Array
    right: Array


class Augmented(ABC):
    """Equations F(z) = 0 whose solutions are a curve of bifurcations.

    z holds the states, the two parameters, and what the kind adds. Everything is returned in
    the frame's units.

    Parameters
    ----------
    functions : SecondOrder

    Attributes
    ----------
    kind : str
    extra : int
        Unknowns beyond states and parameters.
    """

    kind: str
    extra: int

    def __init__(self, functions: SecondOrder) -> None:
        self.functions = functions
        self.n = functions.n
        self.size = self.n + 2 + self.extra

    @abstractmethod
    def extras(self, x: Array, jac: Array, omega: float) -> Array:
        """Return the unknowns beyond states and parameters, near a point."""

    def extra_size(self, z: Array, rate: float) -> float:
        """Return the size of the unknown beyond states and parameters."""
        return 1.0

    @abstractmethod
    def borders(self, z: Array, scale: Array, rate: float) -> tuple[Array, Array]:
        """Return new borders at a point."""

    @abstractmethod
    def equations(self, z: Array, frame: Frame) -> tuple[Array, Array]:
        """Return F, shape (n_unknown - 1,), and dF/dz, with a column an unknown."""

    def frame(self, z: Array, scale: Array, rate: float, before: Frame | None = None) -> Frame:
        """Return a frame at a point, its borders pointing the way of the frame before."""
        left, right = self.borders(z, scale, rate)
        if before is not None:
            left = _aligned(left, before.left)
            right = _aligned(right, before.right)
        return Frame(scale, rate, left, right)

    def has_turned(self, frame: Frame, before: Frame) -> bool:
        """Return whether the null vectors turned so far that their sense may be lost."""
        return False

    def scaled(self, z: Array, frame: Frame) -> tuple[Array, Array]:
        """Return f and df/dx in the frame's units."""
        n, scale = self.n, frame.scale
        x = z[: n + 2]
        rows = scale[:n] * frame.rate
        return (
            self.functions.rhs(x) / rows,
            self.functions.full(x) * scale[: n + 2] / rows[:, None],
        )

    def scaled_second(self, z: Array, frame: Frame, direction: Array) -> Array:
        """Return the second derivative of f in a direction, all in the frame's units."""
        n, scale = self.n, frame.scale
        found = self.functions.second(z[: n + 2], direction * scale[: len(direction)])
        return np.asarray(found * scale[: n + 2] / (scale[:n] * frame.rate)[:, None])


class Folds(Augmented):
    """f = 0, g = 0 where A v + g left = 0 and right v = 1: the Jacobian A is singular."""

    kind = "fold"
    extra = 0

    def extras(self, x: Array, jac: Array, omega: float) -> Array:
        """Return nothing."""
        return np.empty(0)

    def borders(self, z: Array, scale: Array, rate: float) -> tuple[Array, Array]:
        """Return the singular vectors of the smallest singular value."""
        n = self.n
        left, _, right = np.linalg.svd(_scaled_jac(self, z, scale, rate)[:, :n])
        return left[:, -1], right[-1]

    def has_turned(self, frame: Frame, before: Frame) -> bool:
        """Return whether the right null vector turned by more than acos of `_LEAST_COSINE`."""
        return bool(frame.right @ before.right < _LEAST_COSINE)

    def null(self, z: Array, frame: Frame) -> tuple[Array, Array, Array, Array, float]:
        """Return f, df/dx, the right and left null vectors, and g.

        The left one is turned so that it goes with the right one: w v^T has the sign of the
        adjugate of the Jacobian, whichever way the borders point.
        """
        n = self.n
        f, full = self.scaled(z, frame)
        matrix = np.zeros((n + 1, n + 1))
        matrix[:n, :n] = full[:, :n]
        matrix[:n, n] = frame.left
        matrix[n, :n] = frame.right
        unit = np.zeros(n + 1)
        unit[n] = 1.0
        inverse = np.linalg.inv(matrix)
        v, w = inverse @ unit, unit @ inverse
        sign = math.copysign(1.0, float(np.linalg.det(matrix)))
        return f, full, v[:n], sign * w[:n], sign * float(v[n])

    def equations(self, z: Array, frame: Frame) -> tuple[Array, Array]:
        """Return f and g, and their derivatives."""
        n = self.n
        f, full, v, w, g = self.null(z, frame)
        derivative = np.empty((n + 1, n + 2))
        derivative[:n] = full
        derivative[n] = -w @ self.scaled_second(z, frame, v)
        return np.append(f, g), derivative


class Hopfs(Augmented):
    """f = 0 and g = h = 0: the Jacobian has eigenvalues with the sum 0 and the product kappa.

    kappa = omega^2 is an unknown; where it is negative, two real eigenvalues are opposite
    (a neutral saddle), and both meet at zero in a Bogdanov-Takens point, where the system is
    as regular as elsewhere:

        A v + kappa w + g left = 0,  -v + A w + h left = 0,  right v = 1,  right w = 0

    so that v + i omega w is the eigenvector.
    """

    kind = "hopf"
    extra = 1

    def extras(self, x: Array, jac: Array, omega: float) -> Array:
        """Return kappa, from the eigenvalue nearest to i omega."""
        values = np.linalg.eigvals(jac)
        if not np.isfinite(omega):
            pairs = values[values.imag > 0.0]
            omega = float(pairs[np.argmin(np.abs(pairs.real))].imag) if len(pairs) else 0.0
        near = values[np.argmin(np.abs(values - 1j * omega))]
        return np.array([float(near.imag) ** 2])

    def extra_size(self, z: Array, rate: float) -> float:
        """Return the size of kappa, not much below the squared rate."""
        return max(abs(float(z[-1])), (_SLOW * rate) ** 2)

    def borders(self, z: Array, scale: Array, rate: float) -> tuple[Array, Array]:
        """Return real vectors close to the complex null vectors, turned to be as real as can be."""
        n = self.n
        omega = np.sqrt(max(float(z[-1]), 0.0)) / rate
        matrix = _scaled_jac(self, z, scale, rate)[:, :n].astype(complex)
        if omega > _SLOWEST:
            matrix -= 1j * omega * np.eye(n)
        left, _, right = np.linalg.svd(matrix)
        return _real_part(left[:, -1]), _real_part(right[-1].conj())

    def null(self, z: Array, frame: Frame) -> tuple[Array, Array, Array, Array]:
        """Return f, df/dx, the solution (v, w, g, h), and the rows that give g and h."""
        n = self.n
        f, full = self.scaled(z, frame)
        kappa = z[-1] / frame.rate**2
        m = 2 * n
        matrix = np.zeros((m + 2, m + 2))
        matrix[:n, :n] = matrix[n:m, n:m] = full[:, :n]
        steps = np.arange(n)
        matrix[steps, n + steps] = kappa
        matrix[n + steps, steps] = -1.0
        matrix[:n, m] = matrix[n:m, m + 1] = frame.left
        matrix[m, :n] = matrix[m + 1, n:m] = frame.right
        inverse = np.linalg.inv(matrix)
        return f, full, np.asarray(inverse[:, m]), np.asarray(inverse[m:])

    def equations(self, z: Array, frame: Frame) -> tuple[Array, Array]:
        """Return f, g and h, and their derivatives."""
        n = self.n
        f, full, solved, rows = self.null(z, frame)
        v, w = solved[:n], solved[n : 2 * n]
        derivative = np.zeros((n + 2, n + 3))
        derivative[:n, : n + 2] = full
        derivative[n:, : n + 2] = -(
            rows[:, :n] @ self.scaled_second(z, frame, v)
            + rows[:, n : 2 * n] @ self.scaled_second(z, frame, w)
        )
        derivative[n:, n + 2] = -rows[:, :n] @ w * frame.scale[-1] / frame.rate**2
        return np.concatenate([f, solved[2 * n :]]), derivative


class BranchPoints(Augmented):
    """f + b left = 0 and g1 = g2 = 0: (A, df/d delta) has a rank one too low.

    b is the unfolding: it stays 0 where branches cross all along the curve. delta goes the way in
    the plane of both parameters that takes the eigenvalue across zero fastest, whichever way the
    curve lies. Both null vectors of (A, df/d delta) are bordered by the first two rows of `right`;
    the third holds the other way in the plane.
    """

    kind = "branch_point"
    extra = 1

    def extras(self, x: Array, jac: Array, omega: float) -> Array:
        """Return an unfolding of nothing."""
        return np.zeros(1)

    def borders(self, z: Array, scale: Array, rate: float) -> tuple[Array, Array]:
        """Return the left null vector, both right ones, and the way across."""
        n = self.n
        full = _scaled_jac(self, z, scale, rate)
        left, sizes, right = np.linalg.svd(full[:, :n])
        p, q = left[:, -1], right[-1]
        # How the equilibrium moves with each parameter, but for its part along q.
        moves = right[:-1].T @ (left[:, :-1].T @ full[:, n:] / -sizes[:-1, None])
        moves = np.vstack([moves, np.eye(2)])
        across = p @ self.scaled_second(z, Frame(scale, rate, p, q), q) @ moves
        size = float(np.linalg.norm(across))
        across = across / size if size > 0.0 else np.array([1.0, 0.0])
        way = moves @ across
        rows = np.zeros((3, n + 2))
        rows[0, :n], rows[1] = q, way / np.linalg.norm(way)
        rows[2, n:] = -across[1], across[0]
        return p, rows

    def equations(self, z: Array, frame: Frame) -> tuple[Array, Array]:
        """Return f + b left, g1 and g2, and their derivatives."""
        n = self.n
        f, full = self.scaled(z, frame)
        matrix = np.zeros((n + 3, n + 3))
        matrix[:n, : n + 2] = full
        matrix[:n, n + 2] = frame.left
        matrix[n:, : n + 2] = frame.right
        inverse = np.linalg.inv(matrix)
        row = inverse[n + 2, :n]
        derivative = np.zeros((n + 2, n + 3))
        derivative[:n, : n + 2] = full
        derivative[:n, n + 2] = frame.left
        for k in range(2):
            vector = np.asarray(inverse[: n + 2, n + k])
            derivative[n + k, : n + 2] = -row @ self.scaled_second(z, frame, vector)
        unfolded = f + z[-1] / frame.scale[-1] * frame.left
        return np.concatenate([unfolded, inverse[n + 2, n : n + 2]]), derivative


def _scaled_jac(system: Augmented, z: Array, scale: Array, rate: float) -> Array:
    n = system.n
    full = system.functions.full(z[: n + 2])
    return np.asarray(full * scale[: n + 2] / (scale[:n] * rate)[:, None])


def _real_part(vector: Complex) -> Array:
    """Return the real part of a complex vector, turned so that it is longest, as a unit vector."""
    square = complex(vector @ vector)
    turned = vector * np.exp(-0.5j * np.angle(square)) if abs(square) > 0.0 else vector
    real = turned.real
    return np.asarray(real / np.linalg.norm(real))


def _aligned(border: Array, before: Array) -> Array:
    """Return a border turned the way of the one before, if it is one vector."""
    return -border if border.ndim == 1 and float(border @ before) < 0.0 else border
