"""Coefficients of the normal forms where a second condition holds at an equilibrium.

In the scaling of Kuznetsov (1999), SIAM J. Numer. Anal. 36, 1104, and Kuznetsov (2004), Elements
of Applied Bifurcation Theory, 3rd ed., chapter 8: eigenvectors of unit length in the states'
own units, adjoint ones with <p, q> = 1. Imports the multilinear forms of this folder.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..multilinear import Multilinear
from ..normal_form import hopf_vectors
from ..system import Array

#: A product below this share of its terms is zero, or below that of both lengths: what rounding
#: of an eigenvector leaves.
_ROUNDING, _TURNED = 1e-13, 2e-14
#: What each kind of point has, in a table's words.
Coefficients = dict[str, float]


def cusp_form(jac: Array, forms: Multilinear) -> Coefficients:
    """Return c of w' = b1 + b2 w + c w^3."""
    p, q = _null_pair(jac)
    square = forms.B(q, q)
    bent = _solved(jac, -square, p, q)
    c = _contracted(p, forms.C(q, q, q) + 3.0 * forms.B(q, bent)) / 6.0
    return {"c": c.real}


def bogdanov_takens_form(jac: Array, forms: Multilinear) -> Coefficients:
    """Return a and b of w0' = w1, w1' = b1 + b2 w1 + a w0^2 + b w0 w1.

    A q0 = 0, A q1 = q0, A^T p1 = 0, A^T p0 = p1, <q0, q0> = 1, <q1, q0> = 0,
    <p0, q0> = <p1, q1> = 1, <p0, q1> = 0. Reversing q0 reverses both; a is given as positive.
    """
    left, _, right = np.linalg.svd(jac)
    p1, q0 = left[:, -1], right[-1]
    n = len(jac)
    bordered = np.zeros((n + 1, n + 1))
    bordered[:n, :n], bordered[:n, n], bordered[n, :n] = jac, p1, q0
    q1 = np.linalg.solve(bordered, np.append(q0, 0.0))[:n]
    p1 = p1 / (p1 @ q1)
    p0 = np.linalg.solve(bordered.T, np.append(p1, 0.0))[:n]
    p0 = p0 - (p0 @ q1) * p1
    square = forms.B(q0, q0)
    a = _contracted(p1, square).real / 2.0
    b = (_contracted(p1, forms.B(q0, q1)) + _contracted(p0, square)).real
    return {"a": -a, "b": -b} if a < 0.0 else {"a": a, "b": b}


def bautin_form(jac: Array, omega: float, forms: Multilinear) -> Coefficients:
    """Return l2 of w' = i omega w + c1 w |w|^2 + c2 w |w|^4: the real part of c2.

    As MatCont prints it; with A q = i omega q, <q, q> = <p, q> = 1, and c1 imaginary.
    """
    A, B, C, D = jac, forms.B, forms.C, forms.applied
    p, q = hopf_vectors(jac, omega)
    r = q.conj()
    unit = np.eye(len(A))

    def steady(order: int, right: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(np.linalg.solve(order * 1j * omega * unit - A, right))

    h20, h11 = steady(2, B(q, q)), steady(0, B(q, r))
    h02 = h20.conj()
    cubic = C(q, q, r) + B(r, h20) + 2.0 * B(q, h11)
    g21 = np.vdot(p, cubic)
    h30 = steady(3, C(q, q, q) + 3.0 * B(q, h20))
    h21 = _solved(1j * omega * unit - A, cubic - g21 * q, p, q.conj())
    h21 = h21 - np.vdot(p, h21) * q
    h12 = h21.conj()
    h31 = steady(
        2,
        D(q, q, q, r)
        + 3.0 * (C(q, q, h11) + C(q, r, h20) + B(h20, h11) + B(q, h21) - g21 * h20)
        + B(r, h30),
    )
    h22 = steady(
        0,
        D(q, q, r, r)
        + 4.0 * C(q, r, h11)
        + C(r, r, h20)
        + C(q, q, h02)
        + 2.0 * (B(h11, h11) + B(q, h12) + B(r, h21))
        + B(h02, h20)
        - 2.0 * (g21 + g21.conjugate()) * h11,
    )
    quintic = (
        D(q, q, q, r, r)
        + D(q, q, q, h02)
        + 6.0 * D(q, q, r, h11)
        + 3.0 * D(q, r, r, h20)
        + 3.0 * C(q, h20, h02)
        + 6.0 * C(q, h11, h11)
        + 3.0 * C(q, q, h12)
        + 6.0 * C(q, r, h21)
        + 6.0 * C(r, h20, h11)
        + C(r, r, h30)
        + 3.0 * B(h20, h12)
        + 6.0 * B(h11, h21)
        + 3.0 * B(q, h22)
        + 2.0 * B(r, h31)
        + B(h02, h30)
    )
    return {"l2": _contracted(p, quintic).real / 12.0}


def zero_hopf_form(jac: Array, omega: float, forms: Multilinear) -> Coefficients:
    """Return the quadratic coefficients of w0' and w1' at a zero-Hopf point.

    b of b w0^2 and c of c |w1|^2 in w0', d (the real part) of d w0 w1 in w1': what happens
    nearby is decided by s = sign(b c) and theta = d / b, which stay when w0, w1 and time are
    scaled to x' = x^2 + s |z|^2, z' = i omega z + theta x z: Kuznetsov (2004), section 8.5.
    Reversing q0 reverses b, c and d; b is given as positive.
    """
    p0, q0 = _null_pair(jac)
    p1, q1 = hopf_vectors(jac, omega)
    b = _contracted(p0, forms.B(q0, q0)).real / 2.0
    c = _contracted(p0, forms.B(q1, q1.conj())).real
    d = _contracted(p1, forms.B(q0, q1)).real
    turn = -1.0 if b < 0.0 else 1.0
    return {
        "b": turn * b,
        "c": turn * c,
        "d": turn * d,
        "s": float(np.sign(b * c)),
        "theta": d / b if b else np.nan,
    }


def hopf_hopf_form(jac: Array, omega: float, other: float, forms: Multilinear) -> Coefficients:
    """Return the cubic coefficients at a double Hopf point.

    p11, p12, p21, p22: real parts of those of w1 |w1|^2 and w1 |w2|^2 in w1', of w2 |w1|^2 and
    w2 |w2|^2 in w2'; theta = p12 / p22 and delta = p21 / p11: Kuznetsov (2004), section 8.6.
    """
    B, C = forms.B, forms.C
    unit = np.eye(len(jac))
    pairs = [(w, *hopf_vectors(jac, w)) for w in (omega, other)]
    steady = [np.linalg.solve(-jac, B(q, q.conj()).real) for _, _, q in pairs]
    found = np.empty((2, 2))
    for i, (w, p, q) in enumerate(pairs):
        v, _, s = pairs[1 - i]
        t = s.conj()
        double = np.linalg.solve(2j * w * unit - jac, B(q, q))
        own = C(q, q, q.conj()) + B(q.conj(), double) + 2.0 * B(q, steady[i])
        up = np.linalg.solve(1j * (w + v) * unit - jac, B(q, s))
        down = np.linalg.solve(1j * (w - v) * unit - jac, B(q, t))
        cross = C(q, s, t) + B(q, steady[1 - i]) + B(t, up) + B(s, down)
        found[i, i] = np.vdot(p, own).real / 2.0
        found[i, 1 - i] = np.vdot(p, cross).real
    return {
        "p11": found[0, 0],
        "p12": found[0, 1],
        "p21": found[1, 0],
        "p22": found[1, 1],
        "theta": found[0, 1] / found[1, 1],
        "delta": found[1, 0] / found[0, 0],
    }


def _contracted(p: NDArray[Any], vector: NDArray[Any]) -> complex:
    """Return <p, vector>, or 0 if that is only rounding."""
    value = complex(np.vdot(p, vector))
    noise = max(
        _ROUNDING * float(np.abs(p) @ np.abs(vector)),
        _TURNED * float(np.linalg.norm(p) * np.linalg.norm(vector)),
    )
    return value if abs(value) > noise else 0j


def _null_pair(jac: Array) -> tuple[Array, Array]:
    """Return p and q with A^T p = 0, A q = 0, |q| = 1 and <p, q> = 1."""
    left, _, right = np.linalg.svd(jac)
    p, q = left[:, -1], right[-1]
    return p / (p @ q), q


def _solved(matrix: NDArray[Any], right: NDArray[Any], left: Any, row: Any) -> NDArray[Any]:
    """Solve a singular system on what its left null vector does not see, orthogonal to a row."""
    n = len(matrix)
    bordered = np.zeros((n + 1, n + 1), dtype=np.result_type(matrix, right, left))
    bordered[:n, :n], bordered[:n, n], bordered[n, :n] = matrix, left, row
    return np.asarray(np.linalg.solve(bordered, np.append(right, 0.0))[:n])
