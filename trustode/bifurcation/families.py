"""Every family of periodic orbits that can be reached from Hopf points or by trajectories.

Imports the periodic orbits of this folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SolveError
from ..journal import Journal
from ..model import Model
from .arclength import ArcLength
from .periodic import Cycles, cycles
from .periodic.branch import Start, table
from .periodic.collocation import PERIOD, Problem
from .periodic.family import Family, Node, halves, slot_of
from .periodic.settling import settled
from .periodic.start import halved
from .system import Array, System

if TYPE_CHECKING:
    import pandas as pd

#: Steps as `cycles` takes them, but no more than a picture needs, and of what branches off.
_STEPPER = ArcLength(ds=0.02, ds_max=0.05, max_steps=1000)
_SHORT_STEPPER = ArcLength(ds=0.02, ds_max=0.05, max_steps=300)
#: How often a period is doubled on the way along a cascade.
_DOUBLINGS = 1
#: No further family is followed to where it branches off once there are so many, or so many
#: intervals in the orbits of what branched off: canards of coupled cells branch without end.
MOST_FAMILIES, _MOST_INTERVALS = 20, 200_000
_BRANCHES = ("period_doubling", "branch_point")
#: On the way to a connection families branch off without end. None is followed from an orbit this
#: many times as long as the shortest, within this share of the span from a family's long end.
_LONG, _BESIDE = 2.0, 1e-2
#: No family is followed from a doubling within a step on which multipliers stay above this but for
#: an instant: as folds do, such doublings come in pairs without end near homoclinic orbits.
_STEEP = 1e3
#: A family that fades within this of a Hopf point or a doubling, as a share of the span and of
#: the states' extent, ends there.
_MEETS = 1e-2
#: An orbit this near to a family, in shares of its extent, lies on it.
_SAME = 1e-3
#: ... and one that a trajectory led to, this near.
_NEAR = 1e-2
#: Chords between two orbits of a family.
_CHORDS = 4
#: Extents smaller than this share of the largest value say nothing.
_LEVEL = 1e-3


class Families:
    """Collects families of periodic orbits along one parameter.

    Parameters
    ----------
    model : Model
    parameter : str
    span : pair of float
    params, inputs : dict of str to float
        Values that are held.
    journal : Journal
        Keeps the families.
    advance : callable
        Takes the number of families that were finished.
    """

    def __init__(
        self,
        model: Model,
        parameter: str,
        span: tuple[float, float],
        params: Mapping[str, float],
        inputs: Mapping[str, float],
        journal: Journal,
        advance: Callable[[int], object],
    ) -> None:
        self._model, self._parameter, self._span = model, parameter, span
        self._journal, self._advance = journal, advance
        self._params, self._inputs = params, inputs
        self._switched: list[tuple[str, float, float]] = []
        #: Special points that were not looked at yet, with their family and how often periods have
        #: doubled up to there.
        self._waiting: list[tuple[Cycles, pd.Series, int]] = []
        self._intervals = 0
        self.found: list[Cycles] = []
        #: What could not be followed: the kind and place of the start, and why.
        self.failed: list[str] = []

    def from_hopf(self, row: pd.Series) -> None:
        """Follow the family that is born at a Hopf point."""
        if not self._fades(row, "hopf", lambda end: self._around(end, row)):
            self._follow(row, 0)

    def from_trajectory(self, value: float, starts: Sequence[Array]) -> bool:
        """Follow the family of the cycle that a trajectory settles on, and what branches off.

        Parameters
        ----------
        value : float
            Of the parameter.
        starts : sequence of ndarray, shape (n_state,)
            Where trajectories begin, see `settled`.

        Returns
        -------
        bool
            Whether a family was found.
        """
        system = System(self._model, self._params, self._inputs, "diagram", self._parameter)
        family = self._family(system)
        node = self._journal(
            ("settled", value, *starts), lambda: settled(family, system, value, starts)
        )
        before = len(self.found)
        if node is not None:
            self._from_orbit(node)
            self.branch_off()
        return len(self.found) > before

    def branch_off(self) -> None:
        """Follow what branches off the families that were found, the nearest relations first."""
        left: dict[str, int] = {}
        while self._waiting:
            family, point, doublings = self._waiting.pop(0)
            if approaches(family, point, self._span[1] - self._span[0]) or not self._is_new(point):
                continue
            doubles = point["kind"] == "period_doubling"
            if doubles and (
                doublings == _DOUBLINGS or is_steep(family, point) or self._undoubled(point)
            ):
                continue
            if len(self.found) >= MOST_FAMILIES or self._intervals >= _MOST_INTERVALS:
                kind = str(point["kind"])
                left[kind] = left.get(kind, 0) + 1
                continue
            before = len(self.found)
            self._follow(point, doublings + doubles)
            self._intervals += sum(each.size for each in self.found[before:])
        done = f"{len(self.found)} families were followed"
        self.failed += [
            f"what branches off at {count} further {kind.replace('_', ' ')}"
            f"{'s' if count > 1 else ''}, as {done}; `cycles` goes on from the rows of `special`"
            for kind, count in left.items()
        ]

    def _from_orbit(self, node: Node) -> None:
        """Follow the family of an orbit, unless it is known."""
        if not self._knows(node):
            self._follow({"kind": "cycle", self._parameter: node.value, "orbit": Start(node)}, 0)

    def _knows(self, node: Node) -> bool:
        """Return whether an orbit lies on a family that was found."""
        row = table(self._model, self._parameter, [node], [0])
        return any(_lies_on(family, row, _NEAR) for family in self.found)

    def _halves(self, found: Cycles) -> Iterator[Node]:
        """Yield orbits of half the period next to where a family ends at a doubling.

        Not where it was born, which lies on a family that is known.
        """
        for origin, step in zip(found.origins, (0, -1), strict=True):
            if origin is not None and origin.kind == "period_doubling" and step != found.start:
                value = float(found.points[self._parameter].iloc[step])
                system = System(self._model, self._params, self._inputs, "diagram", self._parameter)
                node = halved(self._family(system), found.orbit(step), value)
                if node is not None:
                    yield node

    def _family(self, system: System) -> Family:
        """Return the curves on which a system's orbits are solved for."""
        slots = [PERIOD, slot_of(self._model, self._parameter)]
        problem = Problem(system.compiled.functions, system.p, system.u, slots)
        return Family(problem, np.array([self._span]), halves(self._model), None)

    def _follow(self, row: Mapping[str, Any] | pd.Series, doublings: int) -> None:
        name = self._parameter
        family = self._journal(("cycles", *self._place(row)), lambda: self._cycles(row))
        if isinstance(family, str):
            kind = str(row["kind"]).replace("_", " ")
            self.failed.append(f"{kind} at {name} = {row[name]:.6g}: {family}")
            return
        if len(family) < 2 or any(_holds(other, family) for other in self.found):
            return
        self.found.append(family)
        if len(self.found) <= MOST_FAMILIES:
            self._advance(1)
        self._waiting += [(family, point, doublings) for _, point in family.special.iterrows()]
        for node in self._halves(family):
            self._from_orbit(node)

    def _cycles(self, row: Mapping[str, Any] | pd.Series) -> Cycles | str:
        """Return a family, or why it could not be followed."""
        try:
            return cycles(
                self._model,
                self._parameter,
                start=row,
                span=self._span,
                params=self._params,
                inputs=self._inputs,
                stepper=_SHORT_STEPPER if row["kind"] in _BRANCHES else _STEPPER,
            )
        except SolveError as error:
            return str(error)

    def _place(self, row: Mapping[str, Any] | pd.Series) -> tuple[object, ...]:
        """Return what tells a start from all others."""
        named = {str(key): value for key, value in row.items()}
        orbit = named.get("orbit")
        states = orbit.node.orbit.states if isinstance(orbit, Start) else None
        rest = [float(named.get(state, np.nan)) for state in self._model.states]
        return named["kind"], float(named[self._parameter]), rest, states

    def _is_new(self, point: pd.Series) -> bool:
        """Return whether another family leaves a point that nobody has left by yet."""
        if point["kind"] not in _BRANCHES or not point["converged"]:
            return False
        place = (str(point["kind"]), float(point[self._parameter]), float(point["period"]))
        width = self._span[1] - self._span[0]
        for kind, value, period in self._switched:
            near = abs(value - place[1]) <= _SAME * width
            if kind == place[0] and near and abs(period - place[2]) <= _SAME * period:
                return False
        self._switched.append(place)
        return True

    def _undoubled(self, point: pd.Series) -> bool:
        """Return whether a family of twice the period ends at a period doubling."""
        return self._fades(
            point,
            "period_doubling",
            lambda end: abs(end["period"] / (2.0 * point["period"]) - 1.0) <= _MEETS,
        )

    def _fades(self, row: pd.Series, kind: str, alike: Callable[[pd.Series], bool]) -> bool:
        """Return whether a family was found that ends at a point."""
        width = self._span[1] - self._span[0]
        for family in self.found:
            for origin, step in zip(family.origins, (0, -1), strict=True):
                if origin is None or origin.kind != kind:
                    continue
                near = abs(origin.value - row[self._parameter]) <= _MEETS * width
                if near and alike(family.points.iloc[step]):
                    return True
        return False

    def _around(self, end: pd.Series, row: pd.Series) -> bool:
        """Return whether an orbit lies around a point."""
        for state in self._model.states:
            low, high = end[f"min_{state}"], end[f"max_{state}"]
            extent = max(
                float(np.ptp(each.points[[f"min_{state}", f"max_{state}"]].to_numpy()))
                for each in self.found
            )
            if abs((low + high) / 2.0 - row[state]) > _MEETS * extent + (high - low):
                return False
        return True


def approaches(family: Cycles, point: pd.Series, width: float) -> bool:
    """Return whether a point of a family lies on its way to orbits without end.

    `width` is that of the parameter's span.
    """
    values, periods = (family.points[name].to_numpy() for name in (family.parameter, "period"))
    longest = _LONG * float(periods.min())
    return bool(point["period"] > longest) and any(
        periods[end] > longest and abs(values[end] - point[family.parameter]) <= _BESIDE * width
        for end in (0, -1)
    )


def is_steep(family: Cycles, point: pd.Series) -> bool:
    """Return whether multipliers swing so far that a doubling and a fold beside it are one."""
    sizes = np.abs(family.multipliers[list(point["bracket"])]).max(axis=1)
    return bool(sizes.min() > _STEEP)


def _holds(family: Cycles, other: Cycles) -> bool:
    """Return whether orbits of one family lie on another.

    Not the middle one alone: it may be where the two cross.
    """
    rows = other.points.iloc[sorted({len(other) // 3, 4 * len(other) // 5})]
    return _lies_on(family, rows, _SAME)


def _lies_on(family: Cycles, orbits: pd.DataFrame, tolerance: float) -> bool:
    """Return whether all of some orbits lie on a family, in shares of its extent."""
    names = [name for name in family.points if str(name).startswith(("min_", "max_"))]
    columns = [family.parameter, "period", *names]
    rows = family.points[columns].to_numpy(dtype=float)
    # What is the same along the whole family differs by rounding.
    size = np.maximum(np.ptp(rows, axis=0), _LEVEL * np.abs(rows).max(axis=0))
    size[size == 0.0] = 1.0
    path = _smoothed(rows / size)
    first, chord = path[:-1], np.diff(path, axis=0)
    length = np.einsum("ij,ij->i", chord, chord)
    for x in orbits[columns].to_numpy(dtype=float) / size:
        offset = x - first
        share = np.einsum("ij,ij->i", offset, chord) / np.where(length > 0.0, length, 1.0)
        nearest = first + np.clip(share, 0.0, 1.0)[:, None] * chord
        if np.abs(nearest - x).max(axis=1).min() > tolerance:
            return False
    return True


def _smoothed(rows: Array) -> Array:
    """Return points along a smooth curve through some, whose chords stay close to it."""
    if len(rows) < 3:
        return rows
    lengths = np.linalg.norm(np.diff(rows, axis=0), axis=1)
    lengths = np.maximum(lengths, np.finfo(float).tiny ** 0.25)
    speeds = np.gradient(rows, np.cumsum([0.0, *lengths]), axis=0)
    t = (np.arange(_CHORDS) / _CHORDS)[:, None, None]
    a, b = speeds[:-1] * lengths[:, None], speeds[1:] * lengths[:, None]
    curve = (
        rows[:-1]
        + t * a
        + t**2 * (3.0 * (rows[1:] - rows[:-1]) - 2.0 * a - b)
        + t**3 * (2.0 * (rows[:-1] - rows[1:]) + a + b)
    )
    return np.vstack([curve.transpose(1, 0, 2).reshape(-1, rows.shape[1]), rows[-1:]])
