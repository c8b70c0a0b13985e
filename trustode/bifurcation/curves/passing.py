"""Where a curve of bifurcations meets another one, read from its points on both sides.

Two curves cross where a symmetry, or a plane that nothing leaves, has a bifurcation of its own:
in a double zero of a symmetric system, and in a zero-Hopf point on an invariant plane. The
equations of either curve are singular just there and Newton's method fails, but the curve itself
is smooth: a polynomial through points beside it goes on to there. Imports the tracing of this
folder.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..system import Array
from .tracing import Point

#: Nodes of Chebyshev's on both sides, and how few of them will do.
_NODES, _LEAST = 10, 7
#: The stretch that is interpolated is narrowed to this share of itself, as often as is given.
_NARROWER, _TIMES = 0.1, 3
#: How far two interpolants in a row may be apart, as a share of the step, or the last terms of
#: one alone where too few points can be had of the next.
_AGREE = 1e-7


def passed(
    at: Callable[[float], Point | None],
    test: Callable[[Point], float],
    a: float,
    b: float,
    *,
    least: bool = False,
) -> tuple[float, Array] | None:
    """Return where a test function vanishes between two lengths, and the curve's unknowns there.

    Parameters
    ----------
    at : callable
        Takes a length; returns the curve's point, or None where it cannot be had.
    test : callable
        Takes a point.
    a, b : float
        Lengths between which it is.
    least : bool
        Look for the least value of the test function instead.

    Returns
    -------
    (float, ndarray) or None
        None if too few points can be had or they lie on no smooth curve.
    """
    low, high, last = a, b, None
    whole = b - a
    found = None
    for _ in range(_TIMES):
        middle, half = (low + high) / 2.0, (high - low) / 2.0
        nodes = np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
        known = [(u, point) for u in nodes if (point := at(middle + half * u)) is not None]
        if len(known) < _LEAST:
            break
        u = np.array([each for each, _ in known])
        values = np.polynomial.chebyshev.chebfit(
            u, [[*point.z, test(point)] for _, point in known], len(known) - 1
        )
        wanted = values[:, -1]
        if least:
            wanted = np.polynomial.chebyshev.chebder(wanted)
        roots = np.polynomial.chebyshev.chebroots(wanted)
        roots = roots[(np.abs(roots.imag) <= _AGREE) & (np.abs(roots.real) <= 1.0)].real
        if not len(roots):
            break
        root = float(roots[np.argmin(np.abs(roots))])
        s = middle + half * root
        z = np.polynomial.chebyshev.chebval(root, values[:, :-1])
        tail = np.abs(values[-2:]).max(axis=0)
        settled = bool((tail <= _AGREE * np.abs(values).max(axis=0)).all())
        if settled or (last is not None and abs(s - last) <= _AGREE * whole):
            found = s, np.asarray(z)
        last = s
        reach = _NARROWER * half
        low, high = max(a, s - reach), min(b, s + reach)
    return found
