"""Walk along a curve of bifurcations in two parameters, by pseudo-arclength.

Lengths are in scaled unknowns, as `ArcLength` says: both parameters run over one unit from end
to end of their spans. Imports the augmented systems of this folder.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ..arclength import LARGEST, ArcLength
from ..system import Array
from .augmented import Augmented, Frame

#: The corrector has converged when a step is shorter than this, in scaled unknowns ...
_CLOSE = 1e-10
#: ... or when it is this short and no longer shrinks: rounding.
_ROUNDING_STEP = 1e-6
_CORRECTIONS = 10
#: As `Follower`: how far a step may turn, and how far the corrector may move.
_LEAST_COSINE = 0.95
_LARGEST_CORRECTION = 0.25
_EASY_COSINE = 0.99
_EASY_CORRECTIONS = 5
_GROWTH = 1.5
_CLOSURE = 0.05
_EDGE = 1e-9
_SMALLEST_SHARE = 1e-3
_NOTHING = 1e-12
#: The extra unknown is zero at the start, in units of the squared rate.
_NOWHERE = 1e-12
_ROUNDING = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class Point:
    """A point of a curve of bifurcations.

    Attributes
    ----------
    z : ndarray, shape (n_unknown,)
        States, both parameters, and what the kind adds.
    tangent : ndarray, shape (n_unknown,)
        Unit tangent in scaled unknowns.
    frame : Frame
        What lengths are measured in from here on.
    corrections : int
        Newton steps that were taken to reach it.
    """

    z: Array
    tangent: Array
    frame: Frame
    corrections: int

    def reversed(self) -> Point:
        """Return the same point looking the other way."""
        return replace(self, tangent=-self.tangent)

    def reframed(self, frame: Frame) -> Point:
        """Return the same point measured with another frame."""
        tangent = self.tangent * self.frame.scale / frame.scale
        return replace(self, tangent=tangent / np.linalg.norm(tangent), frame=frame)

    def distance(self, z: Array) -> float:
        """Return the scaled distance to a point."""
        return float(np.linalg.norm((z - self.z) / self.frame.scale))


@dataclass
class Stretch:
    """What was found in one direction: points, and why it ended."""

    points: list[Point]
    end: str = ""
    closed: bool = False
    lengths: list[float] = field(default_factory=list)


class Tracer:
    """Walks along the solutions of an augmented system.

    Parameters
    ----------
    equations : Augmented
    stepper : ArcLength
    spans : ndarray, shape (2, 2)
        Ends of both parameters.
    stop : callable, optional
        Takes a point; where its sign changes the curve ends, and `stop_name` says why.
    """

    def __init__(
        self,
        equations: Augmented,
        stepper: ArcLength,
        spans: Array,
        stop: Callable[[Array], float] | None = None,
        stop_name: str = "",
    ) -> None:
        self.equations, self._stepper, self._spans = equations, stepper, spans
        self._stop, self._stop_name = stop, stop_name
        model = equations.functions.model
        self._names = equations.functions.free
        bounds = [model.bounds.get(name, (-math.inf, math.inf)) for name in model.states]
        self._bounds = np.array(bounds, dtype=float)
        self._states = model.states
        self._half = (self._bounds[:, 1] - self._bounds[:, 0]) / 2.0

    def of(self, equations: Augmented) -> Tracer:
        """Return one for other equations of the same model, in the same spans."""
        return Tracer(equations, self._stepper, self._spans)

    # ------------------------------------------------------------------ points

    def scale(self, z: Array, rate: float, before: Array | None = None) -> Array:
        """Return the size of each unknown at a point, no smaller than before."""
        n = self.equations.n
        size = np.abs(z)
        if before is None:
            system = self.equations.functions.system
            initial = np.asarray(system.compiled.initial(system.p))
            size[:n] = np.maximum(size[:n], np.abs(initial))
            size[size <= _NOTHING] = 1.0
        else:
            size = np.maximum(size, before)
        size[:n] = np.maximum(size[:n], _SMALLEST_SHARE * size[:n].max())
        size[:n] = np.where(np.isfinite(self._half), self._half, size[:n])
        if self.equations.extra:
            size[-1] = self.equations.extra_size(z, rate)
            size[-1] = max(size[-1], before[-1]) if before is not None else size[-1]
        size[n : n + 2] = self._spans[:, 1] - self._spans[:, 0]
        return size

    @np.errstate(all="ignore")
    def start(self, z: Array, rate: float, held: int, before: Array | None = None) -> Point | None:
        """Return the point of the curve nearest to a guess, one unknown held if it can be.

        Its tangent looks towards larger values of the second parameter. Unknowns are no smaller
        than they were before, if that is known.
        """
        scale = self.scale(z, rate, before)
        frame = self.equations.frame(z, scale, rate)
        hold = np.zeros(self.equations.size)
        hold[held] = 1.0
        found = self._corrected(z, frame, hold, 0.0, z) or self._nearest(z, frame)
        if found is None:
            return None
        z, _, count = found
        scale = self.scale(z, rate, scale)
        frame = self.equations.frame(z, scale, rate, frame)
        derivative = self.equations.equations(z, frame)[1]
        if not np.isfinite(derivative).all():
            return None
        sizes, right = np.linalg.svd(derivative)[1:]
        if sizes[-1] <= 1e3 * _ROUNDING * sizes[0]:
            return None
        tangent = right[-1]
        sign = tangent[self.equations.n + 1]
        return Point(z, -tangent if sign < 0.0 else tangent, frame, count)

    @np.errstate(all="ignore")
    def at(self, origin: Point, s: float) -> Point | None:
        """Return the point whose projection on the origin's tangent is at length `s`."""
        guess = origin.z + s * origin.tangent * origin.frame.scale
        return self._solved(origin, guess, origin.tangent, s)

    def _solved(
        self, origin: Point, guess: Array, row: Array, s: float, base: Array | None = None
    ) -> Point | None:
        found = self._corrected(guess, origin.frame, row, s, origin.z if base is None else base)
        if found is None:
            return None
        z, derivative, count = found
        bordered = np.vstack([derivative, origin.tangent])
        unit = np.zeros(len(z))
        unit[-1] = 1.0
        try:
            tangent = np.linalg.solve(bordered, unit)
        except np.linalg.LinAlgError:
            return None
        return Point(z, tangent / np.linalg.norm(tangent), origin.frame, count)

    def _corrected(
        self, z: Array, frame: Frame, row: Array, s: float, base: Array
    ) -> tuple[Array, Array, int] | None:
        """Solve the equations and row . (z - base) = s by Newton's method."""
        size = len(z)
        bordered, right = np.empty((size, size)), np.empty(size)
        bordered[-1] = row
        last = math.inf
        for count in range(1, _CORRECTIONS + 1):
            try:
                value, derivative = self.equations.equations(z, frame)
                bordered[:-1], right[:-1] = derivative, -value
                right[-1] = s - row @ ((z - base) / frame.scale)
                if not (np.isfinite(right).all() and np.isfinite(bordered).all()):
                    return None
                step = np.linalg.solve(bordered, right)
            except np.linalg.LinAlgError:
                return None
            length = float(np.linalg.norm(step))
            stalled = count > 2 and length <= _ROUNDING_STEP and length >= last / 2.0
            if not math.isfinite(length) or (length > 2.0 * last and not stalled):
                return None
            z = z + step * frame.scale
            if length <= _CLOSE or stalled:
                return z, derivative, count
            last = length
        return None

    def _nearest(self, z: Array, frame: Frame) -> tuple[Array, Array, int] | None:
        """Solve the equations with the shortest Newton steps."""
        for count in range(1, 3 * _CORRECTIONS):
            try:
                value, derivative = self.equations.equations(z, frame)
                if not (np.isfinite(value).all() and np.isfinite(derivative).all()):
                    return None
                step = np.linalg.lstsq(derivative, -value, rcond=None)[0]
            except np.linalg.LinAlgError:
                return None
            z = z + step * frame.scale
            if float(np.linalg.norm(step)) <= _CLOSE:
                return z, derivative, count
        return None

    @np.errstate(all="ignore")
    def _landing(self, origin: Point, guess: Array, row: Array, value: float) -> Point | None:
        """Return the point next to a guess at which row . z has a value, in scaled unknowns."""
        return self._solved(origin, guess, row, value, np.zeros(len(guess)))

    # ------------------------------------------------------------------ walk

    def both(self, start: Point) -> tuple[Stretch, Stretch]:
        """Return the two stretches of the curve from a point."""
        if self._stop is not None and abs(start.z[-1]) <= _NOWHERE * start.frame.rate**2:
            # The curve has one side only.
            start.z[-1] = 0.0
            onward = start if start.tangent[-1] > 0.0 else start.reversed()
            return self._walk(onward), Stretch([onward.reversed()], self._stop_name)
        forward = self._walk(start)
        if forward.closed:
            return forward, Stretch([start.reversed()], forward.end)
        return forward, self._walk(start.reversed())

    def _walk(self, start: Point) -> Stretch:
        stepper, stretch = self._stepper, Stretch([start])
        n = self.equations.n
        ds, reason = stepper.ds, ""
        while not stretch.end:
            origin = stretch.points[-1]
            where = ", ".join(
                f"{name} = {value:.6g}"
                for name, value in zip(self._names, origin.z[n : n + 2], strict=True)
            )
            edge = self._leaves(origin)
            if edge:
                stretch.end = f"span reached, {edge}"
            elif len(stretch.points) > stepper.max_steps:
                stretch.end = f"step limit, {stepper.max_steps} at {where}"
            elif origin.frame.scale[:n].max() > LARGEST * start.frame.scale[:n].max():
                stretch.end = f"grows without bound at {where}"
            if stretch.end:
                break
            found, reason, ended = self._step(stretch, origin, ds)
            if found is None:
                if ds < 2.0 * stepper.ds_min:
                    stretch.end = f"{reason} at {where}"
                ds = max(ds / 2.0, stepper.ds_min)
                continue
            scale = self.scale(found.z, found.frame.rate, found.frame.scale)
            frame = self.equations.frame(found.z, scale, found.frame.rate, found.frame)
            if self.equations.has_turned(frame, found.frame) and ds >= 2.0 * stepper.ds_min:
                ds /= 2.0
                continue
            easy = float(found.tangent @ origin.tangent) > _EASY_COSINE
            if easy and found.corrections <= _EASY_CORRECTIONS:
                ds = min(ds * _GROWTH, stepper.ds_max)
            stretch.lengths.append(self._along(origin, found.z))
            if ended == "closed":
                stretch.closed, stretch.end = True, "closed curve: back at the start"
            elif ended:
                stretch.end = ended
            stretch.points.append(found.reframed(frame))
        return stretch

    def _along(self, origin: Point, z: Array) -> float:
        return float(origin.tangent @ ((z - origin.z) / origin.frame.scale))

    def _step(self, stretch: Stretch, origin: Point, ds: float) -> tuple[Point | None, str, str]:
        """Return the next point, or None and what was wrong; and why the curve ends there."""
        point = self.at(origin, ds)
        ended = ""
        if point is not None and self._stop is not None:
            before, after = self._stop(origin.z), self._stop(point.z)
            if after <= 0.0 < before:
                row = np.zeros(len(point.z))
                row[-1] = 1.0
                share = before / (before - after)
                guess = origin.z + share * (point.z - origin.z)
                point = self._landing(origin, guess, row, 0.0)
                ended = self._stop_name
        if point is not None:
            point, ended = self._inside(origin, point, ended)
        if point is None:
            return None, "step floor: Newton's method fails", ""
        if float(point.tangent @ origin.tangent) < _LEAST_COSINE:
            return None, "step floor: the curve has a corner", ""
        length = self._along(origin, point.z)
        predicted = origin.z + length * origin.tangent * origin.frame.scale
        if not 0.0 < length <= 1.01 * ds or origin.distance(
            origin.z + point.z - predicted
        ) > _LARGEST_CORRECTION * max(length, ds / 2.0):
            return None, "step floor: the curve bends too sharply", ""
        outside = self._outside(point)
        if outside:
            return None, f"left the bounds, {outside}", ""
        first = stretch.points[0]
        if len(stretch.points) > 2 and self._passes(first, origin, length):
            return first.reframed(origin.frame), "", "closed"
        return point, "", ended

    def _inside(self, origin: Point, point: Point, ended: str) -> tuple[Point | None, str]:
        """Return the point, moved back to the edge of the spans that it passed."""
        n = self.equations.n
        found: Point | None = point
        for k in range(2):
            if found is None:
                return None, ""
            value, (low, high) = found.z[n + k], self._spans[k]
            if low <= value <= high:
                continue
            edge = low if value < low else high
            if abs(value - edge) <= _ROUNDING * abs(edge):
                continue
            row = np.zeros(len(point.z))
            row[n + k] = 1.0
            share = (edge - origin.z[n + k]) / (value - origin.z[n + k])
            guess = origin.z + share * (found.z - origin.z)
            found = self._landing(origin, guess, row, edge / origin.frame.scale[n + k])
            ended = ""
            if found is not None:
                found.z[n + k] = edge
        return found, ended

    def _leaves(self, point: Point) -> str:
        """Return the parameter at whose edge the curve leaves the spans, or an empty string."""
        n = self.equations.n
        for k in range(2):
            low, high = self._spans[k]
            slope = point.tangent[n + k]
            edge = high if slope > 0.0 else low
            if slope and abs(point.z[n + k] - edge) <= _EDGE * (high - low):
                return f"{self._names[k]} = {edge:.6g}"
        return ""

    def _outside(self, point: Point) -> str:
        """Return the first state that is outside its bounds, in words, or an empty string."""
        n = self.equations.n
        y, margin = point.z[:n], _EDGE * point.frame.scale[:n]
        wrong = (y < self._bounds[:, 0] - margin) | (y > self._bounds[:, 1] + margin)
        if not wrong.any():
            return ""
        k = int(np.argmax(wrong))
        edge = self._bounds[k, 0] if y[k] < self._bounds[k, 0] else self._bounds[k, 1]
        return f"{self._states[k]} = {edge:g}"

    def _passes(self, first: Point, origin: Point, length: float) -> bool:
        """Return whether a step passes the start of the curve, in its direction."""
        along = self._along(origin, first.z)
        if not 0.0 < along <= length:
            return False
        if origin.distance(first.z) > 2.0 * length:
            return False
        there = self.at(origin, along)
        if there is None:
            return False
        way = float(there.tangent @ first.reframed(origin.frame).tangent)
        return way > 0.0 and there.distance(first.z) <= _CLOSURE * length
