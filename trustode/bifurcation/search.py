"""Newton's method from many starts: the search for equilibria.

Imports the system and what is conserved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from .conserved import Sums, conserved_sums
from .system import Array, System

#: Half the width of the region of a state that has no bounds, times max(1, |initial value|).
_REACH = 10.0
#: Every other start lies this much nearer to the initial value in a state without bounds.
_NEAR = 0.1
#: A start is given up when an iterate is this many half widths away from it; farther for
#: models with a state that has no bounds, as then nothing says how large it may be.
_LEASH, _LONG_LEASH = 7.0, 1e4
#: Equilibria that reach no farther than this share of the region's half width are looked for
#: once more where they are.
_SMALL = 1e-3
#: Two roots closer than this, in the size of the states, are one ...
_SAME = 1e-6
#: ... or than this, in half widths of the region.
_FINEST = 1e-9
#: While a root is found less often than this, up to so many times as many starts are made.
_OFTEN, _MOST_TIMES = 5, 8
#: Where roots meet Newton's method creeps: it stops several steps of its last length away.
_CREEP = 16.0
#: A root may lie outside by this share of the half width: an equilibrium on a face.
_EDGE = 1e-9
#: Places at which the equations are looked at: for sums that never change, and how large they are.
_PLACES = 8
#: Equations that are more than this share of what they are elsewhere are not zero.
_ZERO = 1e-3
#: Newton's steps go on to a small root while each is shorter than this share of the last.
_FASTER = 0.1
_EPSILON = float(np.finfo(float).eps)
#: Smallest singular value of a Jacobian with rows of length 1, in roundings, that counts.
_SINGULAR = 64.0


class Roots(NamedTuple):
    """What a search found.

    Attributes
    ----------
    found : list of ndarray
    isolated : bool
        Whether any can be isolated.
    starts : int
        Where Newton's method began, the further starts for rare roots included.
    rare : bool
        Whether some were found so seldom that there may be others.
    """

    found: list[Array]
    isolated: bool
    starts: int
    rare: bool


class Search:
    """Newton's method from many starts, the same ones at each call.

    Parameters
    ----------
    system : System
    region : mapping of state to pair of float, or None
    seed : int
    """

    def __init__(self, system: System, region: Mapping[Any, Any] | None, seed: int) -> None:
        self._system = system
        initial = np.asarray(system.compiled.initial(system.p), dtype=float)
        self._box, kept, free = _regions(system, region, initial)
        self._half = (self._box[:, 1] - self._box[:, 0]) / 2
        self._low, self._high = kept[:, 0] - _EDGE * self._half, kept[:, 1] + _EDGE * self._half
        self._leash = _LEASH if np.isfinite(kept).all() else _LONG_LEASH
        self._free = free
        self._shift = np.random.default_rng(seed).random(system.n)

    def searched(self) -> dict[str, tuple[float, float]]:
        """Return where the starting points lie, by state."""
        pairs = zip(self._system.model.states, self._box.tolist(), strict=True)
        return {name: (low, high) for name, (low, high) in pairs}

    @np.errstate(all="ignore")
    def __call__(self, starts: int, value: float | None = None) -> Roots:
        """Return the equilibria, sorted, and what is known of the search.

        Parameters
        ----------
        starts : int
        value : float, optional
            Of the system's free parameter.
        """
        system, half = self._system, self._half
        tail = [] if value is None else [value]
        if value is not None:
            system.set(np.append(np.zeros(system.n), value))
        initial = np.asarray(system.compiled.initial(system.p), dtype=float)
        points = self._points(initial, starts)
        found, left = self._found(points, tail)
        roots, steps, rare = self._distinct(found, left, initial, half, tail)
        # Where some roots are seldom found there are others that were not found; where most
        # are, they form a line.
        while rare and 2 * len(roots) < len(found) and len(points) < _MOST_TIMES * starts:
            wider = self._points(initial, 2 * len(points))
            more, rest = self._found(wider[len(points) :], tail)
            points, found, left = wider, np.vstack([found, more]), np.append(left, rest)
            roots, steps, rare = self._distinct(found, left, initial, half, tail)
        made = len(points)
        small = self._small(roots, steps, initial)
        if small.any():
            # What is there is too small for starts from all over the region to fall between.
            size = np.abs(np.vstack([*roots, initial])).max(axis=0)
            half = np.where(small, 2.0 * size, half)
            low, high = np.where(small, np.clip([-half, half], *self._box.T), self._box.T)
            more, rest = self._found(self._spread(low, high, starts), tail)
            found, left = np.vstack([found, more]), np.append(left, rest)
            roots, *_ = self._distinct(found, left, initial, half, tail)
            roots = [_polished(system, root, self._half, tail) for root in roots]
        for root in roots:
            root[np.abs(root) <= _EPSILON * half] = 0.0
        roots = self._known(roots, points, tail)
        # Rounded, so that the last bits of an equal component do not decide the order.
        roots.sort(key=lambda y: tuple(np.round(y / half, 7)))
        points = np.hstack([points, np.tile(tail, (len(points), 1))])
        looked = (*(np.append(y, tail) for y in roots), *points)
        return Roots(roots, not all(_singular(system, x) for x in looked), made, rare)

    def _found(self, points: Array, tail: list[float]) -> tuple[Array, Array]:
        """Return what Newton's method finds where it is kept, and its next step's length there."""
        starts = np.hstack([points, np.tile(tail, (len(points), 1))])
        found, left = self._system.kernel.search(starts, self._half, self._leash)
        found = found[:, : self._system.n]
        found[np.abs(found) <= _EPSILON * _FINEST * self._half] = 0.0
        inside = ((found >= self._low) & (found <= self._high)).all(axis=1)
        return found[inside], left[inside]

    def _distinct(
        self, found: Array, left: Array, initial: Array, half: Array, tail: list[float]
    ) -> tuple[list[Array], list[float], bool]:
        """Return each root once, the next step's length at each, and if one was seldom found."""
        # As fine as the states are small, but no finer than Newton's method is.
        size = np.abs(np.vstack([found, initial])).max(axis=0)
        near = np.clip(_SAME * size, _FINEST * half, _SAME * half)
        roots: list[Array] = []
        steps: list[float] = []
        rare = False
        while len(found):
            roots.append(found[0].copy())
            steps.append(float(left[0]))
            others = (np.abs(found - found[0]) > near).any(axis=1)
            rare = rare or len(found) - int(others.sum()) < _OFTEN
            found, left = found[others], left[others]
        # What has settled to rounding creeps nowhere.
        settled = min(_SINGULAR * _EPSILON, float((near / self._half).min()) / _CREEP)
        if max(steps, default=0.0) > settled:
            roots = self._merged(roots, near, tail)
        return roots, steps, rare

    def _known(self, roots: list[Array], points: Array, tail: list[float]) -> list[Array]:
        """Return the roots at which the equations are zero with all that has no size rounded to 0.

        Newton's method also runs into places where equations are 0/0: beside these they take any
        value, and there none, or another one.
        """
        system = self._system
        left = [np.abs(system.rhs(np.append(root, tail))) for root in roots]
        if not any(np.any(each != 0.0) for each in left):
            return roots
        few = [np.abs(system.rhs(np.append(y, tail))) for y in points[:_PLACES]]
        most = _ZERO * np.fmax.reduce(few)
        return [root for root, each in zip(roots, left, strict=True) if np.all(each <= most)]

    def _small(self, roots: list[Array], steps: list[float], initial: Array) -> NDArray[np.bool_]:
        """Return which states are small beside the region wherever something rests."""
        longest = max(steps, default=0.0) * self._half.max()
        # The size of a root that Newton's method creeps to says nothing.
        if not roots or longest > _SAME * max(float(np.abs(root).max()) for root in roots):
            return np.zeros(self._system.n, dtype=bool)
        size = np.abs(np.vstack([*roots, initial])).max(axis=0)
        return np.asarray((size > 0.0) & (size < _SMALL * self._half))

    def conserved(self) -> Sums:
        """Return the sums of states that never change, as far as they are linear."""
        system = self._system
        initial = np.asarray(system.compiled.initial(system.p), dtype=float)
        return conserved_sums(system, list(self._points(initial, _PLACES)))

    def _merged(self, roots: list[Array], near: Array, tail: list[float]) -> list[Array]:
        """Return roots with those taken together that creep towards the same one.

        At a root of multiplicity m Newton's steps shrink by 1 - 1/m only, and the iteration
        stops where rounding hides the rest of the way, somewhere else from each start. Steps
        m times as long go there at once; what they leave is at most a few steps.
        """
        system = self._system
        merged: list[tuple[Array, Array]] = []
        for root in roots:
            y, step = root, _newton_step(system, root, tail)
            # A line of equilibria has no step at all, and each of its points is kept.
            if step is not None and (np.abs(step) > _SINGULAR * _EPSILON * self._half).any():
                y, step = _hurried(system, y, step, tail)
            size = near
            creeps = step is not None and ((_CREEP * np.abs(step) > near).any())
            if creeps or y is not root:
                size = np.maximum(near, 0.0 if step is None else _CREEP * np.abs(step))
            for k, (other, spread) in enumerate(merged):
                # Roots that were left as they were are apart already.
                if size is near and spread is near:
                    continue
                if (np.abs(y - other) <= np.maximum(size, spread)).all():
                    if (size < spread).any():
                        merged[k] = y, size
                    break
            else:
                merged.append((y, size))
        return [y for y, _ in merged]

    def _points(self, initial: Array, starts: int) -> Array:
        """Return the initial value and points spread over the region, (starts, n_state).

        Where nothing says how large a state may be, every other point lies near its initial value.
        """
        low, high = self._box.T
        points = self._spread(low, high, starts - 1)
        near = initial + (points - initial) * _NEAR
        points[1::2] = np.where(self._free, near[1::2], points[1::2])
        return np.vstack([initial, points])

    def _spread(self, low: Array, high: Array, starts: int) -> Array:
        """Return points spread evenly over a region, (starts, n_state).

        A Kronecker sequence with the powers of the generalised golden ratio: Roberts (2018),
        The unreasonable effectiveness of quasirandom sequences.
        """
        ratio = 1.5
        for _ in range(50):
            ratio = (1.0 + ratio) ** (1.0 / (len(low) + 1))
        steps = ratio ** -np.arange(1.0, len(low) + 1.0)
        unit = (self._shift + np.outer(np.arange(starts), steps)) % 1.0
        return np.asarray(low + unit * (high - low))


@np.errstate(all="ignore")
def _newton_step(system: System, y: Array, tail: list[float]) -> Array | None:
    """Return a Newton step at `y`, or None if there is none."""
    x = np.append(y, tail)
    try:
        step = np.linalg.solve(system.jac(x), -system.rhs(x))
    except np.linalg.LinAlgError:
        return None
    return np.asarray(step, dtype=float) if np.isfinite(step).all() else None


def _polished(system: System, y: Array, half: Array, tail: list[float]) -> Array:
    """Return a root beside `y` to its own last digits: the search stops at those of the region."""
    step = _newton_step(system, y, tail)
    while step is not None:
        nearer = y + step
        last, step = float(np.abs(step / half).max()), _newton_step(system, nearer, tail)
        if step is None or not float(np.abs(step / half).max()) < _FASTER * last:
            break
        y = nearer
    return y


def _hurried(
    system: System, y: Array, step: Array, tail: list[float]
) -> tuple[Array, Array | None]:
    """Go on from `y` by steps some times as long while that shortens them: a multiple root."""
    for _ in range(20):
        best = None
        for times in (2.0, 3.0, 5.0, 7.0):
            there = y + times * step
            after = _newton_step(system, there, tail)
            if after is None:
                return there, None
            length = float(np.abs(after).max())
            if length < 0.5 * np.abs(step).max() and (best is None or length < best[0]):
                best = length, there, after
        if best is None:
            break
        _, y, step = best
    return y, step


@np.errstate(all="ignore")
def _singular(system: System, y: Array) -> bool:
    """Return whether the Jacobian is singular to rounding, or has no value."""
    jac = system.jac(y)  # of states, then the free parameter if there is one
    if not np.isfinite(jac).all():
        return True
    # Rows, then columns, of length 1: equations and states may be of any size.
    for axis in (1, 0):
        length = np.linalg.norm(jac, axis=axis, keepdims=True)
        jac = jac / np.where(length > 0.0, length, 1.0)
    sizes = np.linalg.svd(jac, compute_uv=False)
    return bool(sizes[-1] <= _SINGULAR * len(sizes) * _EPSILON * sizes[0])


def _regions(
    system: System, region: Mapping[Any, Any] | None, initial: Array
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return where to start and what to keep, (n_state, 2), and which states nothing limits."""
    model = system.model
    given = model.known(region, "state", model.states)
    box, kept = np.empty((system.n, 2)), np.empty((system.n, 2))
    free = np.zeros(system.n, dtype=bool)
    for i, name in enumerate(model.states):
        width = _REACH * max(1.0, abs(initial[i]))
        box[i] = initial[i] - width, initial[i] + width
        kept[i] = -np.inf, np.inf
        pair = given.get(name, model.bounds.get(name))
        if pair is None:
            free[i] = True
            continue
        try:
            low, high = (float(edge) for edge in pair)
        except (TypeError, ValueError):
            raise ModelError(
                f"{system.where}: region of {name} must be a pair of numbers, got {pair!r:.60}"
            ) from None
        if not low < high:
            raise ModelError(f"{system.where}: region of {name}: {low:g} is not below {high:g}")
        kept[i] = low, high
        box[i] = _finite_box(low, high, box[i])
    return box, kept, free


def _finite_box(low: float, high: float, around: Array) -> tuple[float, float]:
    """Return a region with its infinite ends replaced by those of a finite one."""
    width = float(around[1] - around[0])
    if np.isfinite(low):
        return low, high if np.isfinite(high) else max(low, float(around[0])) + width
    if np.isfinite(high):
        return min(high, float(around[1])) - width, high
    return float(around[0]), float(around[1])
