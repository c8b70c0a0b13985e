"""Coefficients of the normal forms at folds and Hopf points, from exact derivatives.

Kuznetsov (2004), Elements of Applied Bifurcation Theory, 3rd ed., eqs. (5.30) and (5.62).
Imports the multilinear forms of this folder.
"""

from __future__ import annotations

import numpy as np

from .multilinear import Multilinear
from .system import Array, Complex

#: A sum below this share of its terms is rounding: they cancel.
_NOTHING = 1e-10


def rounded(value: float, size: float) -> float:
    """Return a sum, or 0 if it is only the rounding of terms of a size."""
    return value if abs(value) > _NOTHING * size else 0.0


def criticality(cubic: float) -> str:
    """Name what a cubic coefficient says of what is born; empty where it decides nothing."""
    if not abs(cubic) > 0.0:
        return ""
    return "supercritical" if cubic < 0.0 else "subcritical"


def fold_coefficient(jac: Array, forms: Multilinear) -> float:
    """Return the quadratic coefficient a of a fold: w' = b + a w^2.

    a = <p, B(q, q)> / 2 with A q = 0, A^T p = 0, ``|q|`` = 1, <p, q> = 1. Reversing q
    reverses its sign, so that it is given as positive.
    """
    left, _, right = np.linalg.svd(jac)
    q, p = right[-1], left[:, -1]
    return abs(float(p @ forms.B(q, q) / (2.0 * (p @ q))))


def first_lyapunov(jac: Array, omega: float, forms: Multilinear) -> float:
    """Return the first Lyapunov coefficient l1 of a Hopf point: Re(c1) / omega.

    With A q = i omega q, A^T p = -i omega p, <q, q> = 1 and <p, q> = 1. Negative: a stable
    cycle is born (supercritical), 0: its terms cancel. Its size, not its sign, depends on the
    states' units.
    """
    p, q = hopf_vectors(jac, omega)
    bar = q.conj()
    square, mixed, third = forms.first_three(q, q, bar)
    steady = np.linalg.solve(jac, mixed)
    double = np.linalg.solve(2j * omega * np.eye(len(jac)) - jac, square)
    terms = (third, -2.0 * forms.B(q, steady), forms.B(bar, double))
    c1 = sum(np.vdot(p, term) for term in terms) / 2.0
    size = sum(float(np.abs(p) @ np.abs(term)) for term in terms) / 2.0
    return rounded(float(c1.real), size) / omega


def hopf_vectors(jac: Array, omega: float) -> tuple[Complex, Complex]:
    """Return p and q with A^T p = -i omega p, A q = i omega q, ``|q|`` = 1 and <p, q> = 1."""
    left, _, right = np.linalg.svd(jac - 1j * omega * np.eye(len(jac)))
    p, q = left[:, -1], right[-1].conj()
    return p / np.vdot(q, p), q


def null_vector(matrix: Complex) -> Complex:
    """Return the unit vector that a singular matrix maps to zero."""
    return np.asarray(np.linalg.svd(matrix)[2][-1].conj())
