"""Locate the points on a curve of bifurcations where a second condition holds.

Test functions are read at the points of a curve. A change of sign, or of the number of
unstable eigenvalues, brackets a point, and Brent's method on exact points of the curve narrows
it to rounding. Imports the tracing and normal forms of this folder.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ..equilibria import ordered_eigenvalues
from ..multilinear import Multilinear
from ..normal_form import hopf_vectors, rounded
from ..system import Array, Complex
from .augmented import Augmented, BranchPoints, Folds, Hopfs
from .codim2_forms import (
    Coefficients,
    bautin_form,
    bogdanov_takens_form,
    cusp_form,
    hopf_hopf_form,
    zero_hopf_form,
)
from .passing import passed
from .second_order import SecondOrder
from .tracing import Point, Stretch, Tracer

#: Halvings of a step in search of its separate events.
_DEPTH = 12
#: Share of a step that Brent's method leaves.
_NARROW = 1e-13
#: Beside a double zero, eigenvalues are read this share of a step away from it.
_ASIDE = 1e-3
#: An imaginary part below this share of the largest eigenvalue is that of a real pair.
_SMALLEST_OMEGA = 1e-6
#: A test function that promises to fall below this share inside a step is looked at there.
_DEEP = 0.3
#: A sign that changes without the value falling below this share of those at the ends is a jump.
_JUMP = 1e-3
#: Where l1 is looked at beside a change of sign, as shares of where that was looked for; and by
#: which share it falls from the farther place to the nearer one where it vanishes between them.
_GROWS, _FALLS = (1e-2, 1e-1), 0.3
#: Two events nearer than this, as a share of where they are looked for, are one.
_AS_ONE = 1e-5
#: The squared frequency touches zero where it falls to this share of those around.
_TOUCHES = 1e-7
#: Places of a step where folds are tried beside branch points; first length of the secant method
#: along those, as a share of the step, and how many steps it takes.
_PLACES, _FIRST, _SECANTS = 9, 1e-2, 20
_GOLDEN = (3.0 - math.sqrt(5.0)) / 2.0
_SEARCHES = 12


@dataclass(frozen=True, eq=False)
class Reading:
    """Test functions at a point of a curve.

    Attributes
    ----------
    signs : dict of str to float
        What changes sign at a kind of point; 0 where it is nothing but rounding.
    others : ndarray of complex
        Eigenvalues that are not on the imaginary axis all along, the largest real part first.
    omega, coefficient : float
        Angular frequency and first Lyapunov coefficient, or quadratic coefficient.
    """

    signs: dict[str, float]
    others: Complex
    omega: float = math.nan
    coefficient: float = math.nan

    @property
    def count(self) -> int:
        """Number of other eigenvalues with a positive real part."""
        return int(np.sum(self.others.real > 0.0))


@dataclass(frozen=True, eq=False)
class Special2:
    """A point of a curve where a second condition holds.

    Attributes
    ----------
    kind : str
    z : ndarray
        Of the curve's unknowns.
    omega, other_omega : float
        Angular frequencies, NaN where there are none.
    coefficients : dict of str to float
    converged : bool
    position : float
        Length from the beginning of its step.
    """

    kind: str
    z: Array
    omega: float
    other_omega: float
    coefficients: Coefficients
    converged: bool
    position: float


class Unfound(Exception):
    """The corrector failed between two points of the curve."""


class Watch(ABC):
    """Reads the test functions of one kind of curve.

    Attributes
    ----------
    sign_kinds : tuple of str
        Kinds found by the sign of a test function.
    stop_kind : str
        Kind of the point where the curve ends at a zero of the extra unknown, if it does.
    """

    sign_kinds: tuple[str, ...] = ()
    stop_kind = ""

    def __init__(self, equations: Augmented) -> None:
        self.equations = equations
        self.functions: SecondOrder = equations.functions

    @abstractmethod
    def read(self, point: Point) -> Reading:
        """Return the test functions at a point."""

    @abstractmethod
    def crossing_kind(self, near: Complex, change: int) -> str:
        """Name what it is when `near`, one or two other eigenvalues, cross the imaginary axis."""

    def jac(self, z: Array) -> Array:
        """Return df/dy in the states' own units."""
        n = self.equations.n
        return self.functions.full(z[: n + 2])[:, :n]


class FoldWatch(Watch):
    """On a curve of folds: cusp, Bogdanov-Takens and zero-Hopf points."""

    sign_kinds = ("cusp", "bogdanov_takens")

    def read(self, point: Point) -> Reading:
        """Return <p, B(q, q)>, <p, q> and the eigenvalues without the zero one."""
        equations = self.equations
        assert isinstance(equations, Folds)
        n, frame = equations.n, point.frame
        _, full, v, w, _ = equations.null(point.z, frame)
        second = equations.scaled_second(point.z, frame, v)[:, :n]
        across, along = float(w @ v), float(w @ second @ v)
        values = ordered_eigenvalues(full[:, :n] * frame.rate)
        others = np.delete(values, np.argmin(np.abs(values)))
        size = frame.scale[:n]
        length = float(np.linalg.norm(v * size))
        coefficient = abs(along * frame.rate / (2.0 * across * length)) if across else math.inf
        signs = {
            "cusp": rounded(along, float(np.abs(w) @ np.abs(second) @ np.abs(v))),
            "bogdanov_takens": rounded(across, float(np.abs(w) @ np.abs(v))),
        }
        return Reading(signs, others, coefficient=coefficient)

    def crossing_kind(self, near: Complex, change: int) -> str:
        """Name a pair a zero-Hopf point; one alone is told by its sign."""
        return "zero_hopf" if change == 2 else ""


class HopfWatch(Watch):
    """On a curve of Hopf points: Bautin, zero-Hopf and double Hopf points."""

    sign_kinds = ("bautin",)
    stop_kind = "bogdanov_takens"

    def read(self, point: Point) -> Reading:
        """Return l1 times the product of the others: finite at a zero-Hopf point."""
        equations = self.equations
        n, z = equations.n, point.z
        x, size, rate = z[: n + 2], point.frame.scale[:n], point.frame.rate
        scaled = self.jac(z) * size / size[:, None]
        values = ordered_eigenvalues(scaled)
        if z[-1] <= (_SMALLEST_OMEGA * rate) ** 2:
            near = np.argsort(np.abs(values))[:2]
            return Reading({}, np.delete(values, near), omega=0.0)
        omega = math.sqrt(z[-1])
        first = int(np.argmin(np.abs(values - 1j * omega)))
        others = np.delete(values, first)
        others = np.delete(others, np.argmin(np.abs(others + 1j * omega)))
        p, q = hopf_vectors(scaled, omega)
        try:
            l1, noise = self._lyapunov(x, p / size, q * size, omega)
        except np.linalg.LinAlgError:
            # Just on a zero-Hopf point: a value of neither sign.
            return Reading({"bautin": 0.0}, others, omega)
        sign = float(np.prod(others / rate).real)
        return Reading({"bautin": rounded(l1, noise) * sign}, others, omega, l1)

    def _lyapunov(self, x: Array, p: Complex, q: Complex, omega: float) -> tuple[float, float]:
        """Return l1, and the size of the terms that it is the sum of."""
        functions, n = self.functions, self.equations.n
        q = q / np.linalg.norm(q)
        p = p / np.vdot(q, p)
        a, b = np.ascontiguousarray(q.real), np.ascontiguousarray(q.imag)
        jac = functions.full(x)[:, :n]
        form = functions.second(x, a)[:, :n] + 1j * functions.second(x, b)[:, :n]
        steady = np.linalg.solve(jac, (form @ q.conj()).real)
        double = np.linalg.solve(2j * omega * np.eye(n) - jac, form @ q)
        # C(a, a, b) and C(a, b, b) from third derivatives along single directions.
        plus, minus = functions.third(x, a + b), functions.third(x, a - b)
        only_a, only_b = functions.third(x, a), functions.third(x, b)
        aab, abb = (plus - minus - 2.0 * only_b) / 6.0, (plus + minus - 2.0 * only_a) / 6.0
        terms = (
            only_a + abb + 1j * (aab + only_b),
            -2.0 * form @ steady,
            form.conj() @ double,
        )
        parts = [np.vdot(p, term) for term in terms]
        noise = sum(float(np.abs(p) @ np.abs(term)) for term in terms)
        return float(sum(parts).real / (2.0 * omega)), noise / (2.0 * omega)

    def crossing_kind(self, near: Complex, change: int) -> str:
        """Name one a zero-Hopf, a pair a double Hopf point."""
        return "zero_hopf" if change == 1 else "hopf_hopf"


class BranchPointWatch(Watch):
    """On a curve of branch points: where another eigenvalue, or a pair, reaches the axis."""

    def read(self, point: Point) -> Reading:
        """Return the eigenvalues without the zero one."""
        values = ordered_eigenvalues(self.jac(point.z))
        return Reading({}, np.delete(values, np.argmin(np.abs(values))))

    def crossing_kind(self, near: Complex, change: int) -> str:
        """Name one a Bogdanov-Takens, a pair a zero-Hopf point."""
        return "bogdanov_takens" if change == 1 else "zero_hopf"


WATCHES: dict[type[Augmented], type[Watch]] = {
    Folds: FoldWatch,
    Hopfs: HopfWatch,
    BranchPoints: BranchPointWatch,
}


@dataclass
class Locator:
    """Finds the special points of a curve.

    Parameters
    ----------
    tracer : Tracer
    watch : Watch
    """

    tracer: Tracer
    watch: Watch
    _origin: Point = field(init=False, repr=False)
    _end: Point = field(init=False, repr=False)
    _length: float = field(init=False, repr=False, default=0.0)

    def read(self, point: Point) -> Reading:
        """Return the test functions at a point."""
        with np.errstate(all="ignore"):
            return self.watch.read(point)

    def along(
        self, stretch: Stretch, readings: list[Reading], before: Reading | None
    ) -> list[tuple[int, Special2]]:
        """Return the special points of a stretch, each with the number of its step.

        Parameters
        ----------
        stretch : Stretch
        readings : list of Reading
            At its points.
        before : Reading, optional
            At the point before the first, on the other side; it says on which side a zero
            just at the start lies.
        """
        found: list[tuple[int, Special2]] = []
        signs = dict(before.signs) if before is not None else {}
        for k, length in enumerate(stretch.lengths):
            self._origin, self._end, self._length = (
                stretch.points[k],
                stretch.points[k + 1],
                length,
            )
            first, last = readings[k], readings[k + 1]
            starting, stopping = self._is_stop(first), self._is_stop(last)
            # Just at a double zero nothing else can be read.
            begin = length * _ASIDE if starting else 0.0
            end = length * (1.0 - _ASIDE) if stopping else length
            first = _continued(self._beside(begin, first) if starting else first, signs)
            last = _continued(self._beside(end, last) if stopping else last, first.signs)
            inside = self._within(k, stretch, readings, (begin, first, end, last))
            if not starting and not stopping:
                inside += self._touching()
            if starting:
                inside.insert(0, self._special(self.watch.stop_kind, self._origin, 0.0))
            if stopping:
                inside.append(self._special(self.watch.stop_kind, self._end, length))
            found += [(k, special) for special in inside]
            signs = dict(last.signs)
        return found

    def _within(
        self,
        k: int,
        stretch: Stretch,
        readings: list[Reading],
        ends: tuple[float, Reading, float, Reading],
    ) -> list[Special2]:
        """Return the special points of a step but those where the curve ends."""
        begin, first, end, last = ends
        cut = self._dip(k, stretch, readings)
        if cut is None or not begin < cut < end:
            return self._between(begin, first, end, last, 0)
        middle = _continued(self._beside(cut, first), first.signs)
        return [
            *self._between(begin, first, cut, middle, 0),
            *self._between(cut, middle, end, last, 0),
        ]

    def _touching(self) -> list[Special2]:
        """Return the double zero of a symmetric system, where the frequency only touches zero."""
        first, last = self._origin, self._end
        if not self.watch.stop_kind or not first.tangent[-1] < 0.0 < last.tangent[-1]:
            return []
        size = max(first.z[-1], last.z[-1])
        found = passed(self._tried, lambda point: float(point.z[-1]), 0.0, self._length, least=True)
        if found is None or not abs(found[1][-1]) <= _TOUCHES * size:
            return []
        s, z = found
        z[-1] = 0.0
        return [self._special(self.watch.stop_kind, replace(first, z=z), s)]

    def _tried(self, s: float) -> Point | None:
        try:
            return self._point(s)
        except (Unfound, np.linalg.LinAlgError):
            return None

    def _is_stop(self, reading: Reading) -> bool:
        return bool(self.watch.stop_kind) and not reading.signs

    def _dip(self, k: int, stretch: Stretch, readings: list[Reading]) -> float | None:
        """Return where a test function has another sign inside a step than at both its ends.

        Where it comes towards zero before the step and goes away after it, its least value
        inside is looked for.
        """
        if not 0 < k < len(stretch.lengths) - 1:
            return None
        around = readings[k - 1 : k + 3]
        steps = stretch.lengths[k - 1 : k + 2]
        for test in (*(_sign_of(kind) for kind in self.watch.sign_kinds), _nearest_pair):
            values = [test(reading) for reading in around]
            if not all(math.isfinite(value) and value * values[1] > 0.0 for value in values):
                continue
            before, first, last, after = (abs(value) for value in values)
            down, up = (first - before) / steps[0], (after - last) / steps[2]
            if down >= 0.0 or up <= 0.0:
                continue
            # Where the two lines meet that go on from either side.
            meet = (last - up * steps[1] - first) / (down - up)
            if first + down * meet > _DEEP * min(first, last):
                continue
            cut = self._searched(test, values[1], readings[k], steps[1])
            if cut is not None:
                return cut
        return None

    def _searched(
        self, test: Callable[[Reading], float], sign: float, end: Reading, length: float
    ) -> float | None:
        """Return a length at which a reading is unlike those at both ends, or None."""
        low, high = 0.0, length
        inner = [low + _GOLDEN * (high - low), high - _GOLDEN * (high - low)]
        try:
            values = [self._reading(s) for s in inner]
            for _ in range(_SEARCHES):
                for s, reading in zip(inner, values, strict=True):
                    if test(reading) * sign <= 0.0 or reading.count != end.count:
                        return s
                if abs(test(values[0])) < abs(test(values[1])):
                    high, inner[1], values[1] = inner[1], inner[0], values[0]
                    inner[0] = low + _GOLDEN * (high - low)
                    values[0] = self._reading(inner[0])
                else:
                    low, inner[0], values[0] = inner[0], inner[1], values[1]
                    inner[1] = high - _GOLDEN * (high - low)
                    values[1] = self._reading(inner[1])
        except Unfound:
            pass
        return None

    def _point(self, s: float) -> Point:
        if s == 0.0:
            return self._origin
        point = self.tracer.at(self._origin, s)
        if point is None:
            raise Unfound
        return point

    def _reading(self, s: float) -> Reading:
        try:
            return self.read(self._point(s))
        except np.linalg.LinAlgError:
            raise Unfound from None

    def _beside(self, s: float, at: Reading) -> Reading:
        """Return the reading at a length, or the one at the end beside it."""
        try:
            return self._reading(s)
        except Unfound:
            return at

    def _between(
        self, a: float, first: Reading, b: float, last: Reading, depth: int
    ) -> list[Special2]:
        """Return the special points between two lengths, in order."""
        kinds = [
            kind
            for kind in self.watch.sign_kinds
            if first.signs.get(kind, 0.0) * last.signs.get(kind, 0.0) < 0.0
        ]
        change = abs(last.count - first.count)
        # A double zero moves an eigenvalue across, or seems to within rounding.
        if "bogdanov_takens" in self.watch.sign_kinds and change <= 1:
            change = 0
        events = len(kinds) + (change > 0) + (change > 2)
        if events == 0:
            return []
        try:
            if events == 1 and kinds == ["bogdanov_takens"]:
                return self._around_double_zero(a, first, b, last)
            if events == 1 and kinds:
                return self._by_sign(kinds[0], a, b)
            if kinds == ["bautin"] and change == 1:
                crossing = self._by_crossing(a, first, b, last, change)
                sign = self._by_sign(kinds[0], a, b)
                if crossing is not None and all(
                    abs(each.position - crossing.position) <= _AS_ONE * (b - a) for each in sign
                ):
                    # l1 times the eigenvalue changes its sign with the eigenvalue: l1 does not.
                    return [crossing]
            if events == 1:
                special = self._by_crossing(a, first, b, last, change)
                if special is not None:
                    return [special] if special.kind else []
            if depth >= _DEPTH:
                return [each for kind in kinds for each in self._by_sign(kind, a, b)]
            cut = (a + b) / 2.0
            middle = _continued(self._reading(cut), first.signs)
            return [
                *self._between(a, first, cut, middle, depth + 1),
                *self._between(cut, middle, b, last, depth + 1),
            ]
        except Unfound:
            return [self._passed(kind, a, b) for kind in kinds]

    def _passed(self, kind: str, a: float, b: float) -> Special2:
        """Return a point that is known to be in a step, and can be read from beside it only."""
        found = self._on_branch_points(a, b) if kind == "cusp" else None
        if found is None:
            found = passed(self._tried, lambda point: self.read(point).signs.get(kind, 0.0), a, b)
        if found is None:
            return Special2(kind, self._origin.z, math.nan, math.nan, {}, False, a)
        s, z = found
        point = replace(self._origin, z=z)
        return self._special(self._kind_at(kind, s, b - a), point, s)

    def _on_branch_points(self, a: float, b: float) -> tuple[float, Array] | None:
        """Return where folds meet branch points whose quadratic coefficient vanishes, or None.

        Where one of two branches that cross has a fold that passes through the crossing, the
        equations of folds are singular, but those of branch points are not.
        """
        tried = ((s, self._tried(s)) for s in np.linspace(a, b, _PLACES))
        near = min(
            ((s, point) for s, point in tried if point is not None),
            key=lambda pair: abs(self.read(pair[1]).signs["cusp"]),
            default=None,
        )
        if near is None:
            return None
        s, beside = near
        n, functions = self.watch.equations.n, self.watch.functions
        tracer = self.tracer.of(BranchPoints(functions))
        sizes = np.append(beside.frame.scale, 1.0)
        start = tracer.start(np.append(beside.z, 0.0), beside.frame.rate, n + 1, sizes)
        if start is None:
            return None
        left, right = start.frame.left, start.frame.right[0, :n]

        def quadratic(point: Point) -> float:
            jac = self.watch.jac(point.z) * point.frame.scale[:n] / point.frame.scale[:n, None]
            ahead, _, across = np.linalg.svd(jac)
            p, q = ahead[:, -1], across[-1] * point.frame.scale[:n]
            p, q = p * np.sign(p @ left), q * np.sign(across[-1] @ right)
            bent = functions.second(point.z[: n + 2], q)[:, :n] @ q
            return float(p / point.frame.scale[:n] @ bent)

        before, last = 0.0, _FIRST * self._length
        found = tracer.at(start, last)
        values = [quadratic(start), math.nan if found is None else quadratic(found)]
        for _ in range(_SECANTS):
            if found is None or not values[1] - values[0]:
                return None
            onward = last - values[1] * (last - before) / (values[1] - values[0])
            if not abs(onward) <= self._length:
                return None
            before, last = last, onward
            found = tracer.at(start, last)
            if found is not None and abs(last - before) <= _NARROW * self._length:
                z = found.z[: n + 2]
                return s + float(beside.tangent @ ((z - beside.z) / beside.frame.scale)), z
            values = [values[1], math.nan if found is None else quadratic(found)]
        return None

    def _kind_at(self, kind: str, s: float, length: float) -> str:
        """Return what a change of the sign of l1 times the others is.

        Where l1 does not come to zero there, another eigenvalue does: a zero-Hopf point.
        """
        if kind != "bautin":
            return kind
        near, far = (
            max(abs(self.read(point).coefficient) for point in self._around(s, share * length))
            for share in _GROWS
        )
        return "zero_hopf" if near > _FALLS * far else kind

    def _around(self, s: float, off: float) -> list[Point]:
        points = (self._tried(s + side * off) for side in (-1.0, 1.0))
        return [point for point in points if point is not None] or [self._origin]

    def _around_double_zero(
        self, a: float, first: Reading, b: float, last: Reading
    ) -> list[Special2]:
        """Return a double zero, and what lies on either side where it cannot hide it."""
        special = self._by_sign("bogdanov_takens", a, b)
        if not special:
            return []
        s, aside = special[0].position, _ASIDE * (b - a)
        found = list(special)
        if s - aside > a:
            left = _continued(self._reading(s - aside), first.signs)
            found = [*self._between(a, first, s - aside, left, 1), *found]
        if s + aside < b:
            right = self._reading(s + aside)
            found += self._between(s + aside, right, b, last, 1)
        return found

    def _root(self, test: Callable[[float], float], a: float, b: float) -> float:
        from scipy.optimize import brentq

        low, high = test(a), test(b)
        if (low > 0.0) == (high > 0.0):
            return a if abs(low) < abs(high) else b
        return float(brentq(test, a, b, xtol=_NARROW * self._length, rtol=1e-14))

    def _by_sign(self, kind: str, a: float, b: float) -> list[Special2]:
        def test(s: float) -> float:
            return self._reading(s).signs.get(kind, 0.0)

        s = self._root(test, a, b)
        if abs(test(s)) > _JUMP * max(abs(test(a)), abs(test(b))):
            # A jump: a second zero eigenvalue with an eigenvector of its own, as symmetry has it.
            return []
        point = self._point(s)
        return [self._special(self._kind_at(kind, s, b - a), point, s)]

    def _by_crossing(
        self, a: float, first: Reading, b: float, last: Reading, change: int
    ) -> Special2 | None:
        """Return where other eigenvalues cross the axis; None if they do not do so together."""
        index = min(first.count, last.count)
        which = slice(index, index + change)
        s = self._root(lambda s: float(self._reading(s).others[which].real.mean()), a, b)
        point = self._point(s)
        reading = self.read(point)
        near = reading.others[which]
        size = float(np.abs(reading.others).max())
        if change == 2 and (
            abs(near[0].imag) <= _SMALLEST_OMEGA * size or near[0] != near[1].conjugate()
        ):
            return None
        kind = self.watch.crossing_kind(near, change)
        other = abs(float(near[0].imag)) if change == 2 else math.nan
        return self._special(kind, point, s, other)

    def _special(self, kind: str, point: Point, s: float, other: float = math.nan) -> Special2:
        """Return a special point with its coefficients."""
        n, z = self.watch.equations.n, point.z.copy()
        z[np.abs(z) <= 1e-15 * point.frame.scale] = 0.0
        functions = self.watch.functions
        jac = self.watch.jac(z)
        forms = Multilinear(functions.model, z[:n], *functions.values(z))
        omega = math.sqrt(z[-1]) if self.watch.stop_kind and z[-1] > 0.0 else math.nan
        if math.isnan(omega):
            omega, other = other, math.nan
        with np.errstate(all="ignore"):
            coefficients = _coefficients(kind, jac, omega, other, forms)
        return Special2(kind, z, omega, other, coefficients, True, s)


def _coefficients(
    kind: str, jac: Array, omega: float, other: float, forms: Multilinear
) -> Coefficients:
    """Return the normal form of a kind of point, without what is not defined there."""
    try:
        if kind == "cusp":
            return cusp_form(jac, forms)
        if kind == "bogdanov_takens":
            return bogdanov_takens_form(jac, forms)
        if kind == "bautin":
            return bautin_form(jac, omega, forms)
        if kind == "zero_hopf":
            return zero_hopf_form(jac, omega, forms)
        return hopf_hopf_form(jac, omega, other, forms)
    except np.linalg.LinAlgError:
        return {}


def _sign_of(kind: str) -> Callable[[Reading], float]:
    return lambda reading: reading.signs.get(kind, math.nan)


def _nearest_pair(reading: Reading) -> float:
    """Return the real part, by its size, of the complex other eigenvalue nearest to the axis."""
    pairs = reading.others[reading.others.imag > 0.0]
    return float(np.abs(pairs.real).min()) if len(pairs) else math.nan


def _continued(reading: Reading, signs: dict[str, float]) -> Reading:
    """Return a reading whose zeros have the sign of the reading before."""
    if all(reading.signs.values()):
        return reading
    kept = {kind: value or signs.get(kind, 0.0) for kind, value in reading.signs.items()}
    return Reading(kept, reading.others, reading.omega, reading.coefficient)
