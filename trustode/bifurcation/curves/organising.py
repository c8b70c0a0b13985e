"""All curves of bifurcations in the plane of two parameters that diagrams lead to.

Imports the diagrams and curves of this folder.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import SolveError
from ...journal import Journal
from ...model import Model
from ..arclength import ArcLength
from ..diagram import drawn
from ..equilibria import whole
from ..families import approaches, is_steep
from ..kept import opened
from ..periodic.branch import Start
from ..periodic.connections import CONNECTIONS
from ..portrait import Diagram, extent_of
from ..search import Search
from ..system import Array, System
from .bifurcation_curve import CURVES, NAMES, BifurcationCurve
from .curve import FOLLOWERS, STEPPER_OF_CYCLES, curve

if TYPE_CHECKING:
    import pandas as pd

#: What may be followed from where curves meet, by the kind of the meeting point.
_ONWARD = {
    "bogdanov_takens": ("fold", "hopf", "homoclinic"),
    "zero_hopf": ("fold", "hopf"),
    "hopf_hopf": ("hopf",),
    "bautin": ("fold_of_cycles",),
    "fold_flip": ("fold_of_cycles", "period_doubling"),
}
#: A point this near to a curve, in spans and extents, lies on it.
_ON = 1e-2
#: Where along a curve it is looked whether it lies on another one, as shares of its points.
_SHARES = (0.15, 0.4, 0.6, 0.85)
#: Two special points nearer than this, in spans and extents, are one.
_SAME = 1e-5
#: Most points to a side of a curve of cycles or connections, which cost far more than others.
_LONGEST = 60
#: Where along the edges diagrams look for curves that only cut a corner, as shares of the span:
#: just inside it, as on an edge itself anything may happen.
_EDGES = (1e-3, 1.0 - 1e-3)
#: Most curves of equilibria that are followed, and most of cycles, which may take seconds each.
_MOST, _MOST_OF_CYCLES = 24, 12


@dataclass(frozen=True, eq=False)
class Organising:
    """The curves over a plane of two parameters.

    Attributes
    ----------
    curves : tuple of BifurcationCurve
    special : DataFrame
        The special points of all curves, each once; curve is an index of `curves`.
    rests, cycles : list of dict of str to float
        A state on each stretch of stable equilibria, and of stable cycles, of the diagrams.
    reach : dict of str to float
        How far each state goes along all branches of the diagrams.
    failed : tuple of str
        What could not be followed, and why.
    """

    curves: tuple[BifurcationCurve, ...]
    special: pd.DataFrame
    rests: list[dict[str, float]]
    cycles: list[dict[str, float]]
    reach: dict[str, float]
    failed: tuple[str, ...]


def organising(
    model: Model,
    parameters: tuple[str, str],
    span: Mapping[str, tuple[float, float]],
    levels: Sequence[float],
    across: Sequence[float],
    *,
    params: Mapping[str, float],
    inputs: Mapping[str, float],
    region: Mapping[Any, tuple[float, float]] | None,
    stepper: ArcLength,
    cycles: bool,
    seed: int,
    checkpoint: str | os.PathLike[str] | None = None,
    advance: Callable[[int], object] = lambda _: None,
) -> Organising:
    """Follow every curve that diagrams along the first parameter lead to.

    Parameters
    ----------
    model : Model
    parameters : pair of str
    span : mapping of parameter to pair of float
    levels : sequence of float
        Values of the second parameter at which diagrams are made.
    across : sequence of float
        Values of the first at which diagrams along the second are made, of equilibria alone:
        they meet the curves that lie along the first.
    params, inputs : mapping of str to float
    region, stepper, cycles, seed, checkpoint
        As in `diagram`.
    advance : callable
        Gets 1 when a diagram is finished, with all curves that it leads to; see `n_diagrams`.

    Returns
    -------
    Organising
    """
    whole("diagram", "seed", seed, 0)
    told = {
        "span": ", ".join(f"{name} from {a!r} to {b!r}" for name, (a, b) in span.items()),
        "levels": repr([*levels, *across]),
        "region": repr({str(name): pair for name, pair in (region or {}).items()}),
        "cycles": str(cycles),
        "seed": str(seed),
    }
    held = {**model.defaults, **params}, {**model.input_defaults, **inputs}
    with opened(checkpoint, "curves", model, *held, stepper, told) as journal:
        search = _Search(model, parameters, span, params, inputs, stepper, journal)
        return _organised(search, levels, across, region, cycles, seed, advance)


def n_diagrams(levels: Sequence[float], across: Sequence[float]) -> int:
    """Return how many diagrams `organising` makes: those at levels once more, with cycles."""
    return 2 * len(levels) + len(across) + 2 * len(_EDGES)


def _organised(
    search: _Search,
    levels: Sequence[float],
    across: Sequence[float],
    region: Mapping[Any, tuple[float, float]] | None,
    cycles: bool,
    seed: int,
    advance: Callable[[int], object],
) -> Organising:
    """Return what diagrams at some levels lead to."""
    model, (first, second) = search.model, search.parameters
    rests: list[dict[str, float]] = []
    swings: list[dict[str, float]] = []
    reach = dict.fromkeys(model.states, 0.0)
    # Curves of equilibria cost next to nothing, and those of cycles may be without end.
    lines = [(first, second, level) for level in levels]
    lines += [(second, first, value) for value in across]
    for along, name in ((first, second), (second, first)):
        low, high = search.span[name]
        lines += [(along, name, low + share * (high - low)) for share in _EDGES]
    for along, name, value in lines:
        at_rest = search.diagram(along, {name: value}, region, seed, cycles=False)
        if at_rest is not None:
            search.follow_rests(at_rest, {name: value})
        advance(1)
    for level in levels:
        found = search.diagram(first, {second: level}, region, seed, cycles=cycles)
        if found is not None:
            search.follow_cycles(found, {second: level})
            rests += _at_rest(found)
            for name in model.states:
                reach[name] = max(reach[name], extent_of(found.branches, name))
            swings += _swinging(found)
        advance(1)
    return Organising(
        tuple(search.curves),
        _gathered(search.curves, search.parameters, model.states, search.span),
        rests,
        swings,
        {name: value or 1.0 for name, value in reach.items()},
        (*dict.fromkeys(search.failed), *search.left()),
    )


def _meeting(point: pd.Series) -> tuple[str, ...]:
    """Return the kinds of curves that run through a special point of a curve."""
    kind = str(point["kind"])
    if kind == "bogdanov_takens" and not point["coefficients"].get("a"):
        # A symmetry keeps branches crossing there, and folds away.
        return ("branch_point",)
    return _ONWARD.get(kind, ())


def sentences(special: pd.DataFrame, parameters: tuple[str, str]) -> Iterator[str]:
    """Yield a sentence on each organising centre."""
    first, second = parameters
    for row in special.to_dict("records"):
        values = ", ".join(f"{k} = {v:.4g}" for k, v in (row["coefficients"] or {}).items())
        text = f"{NAMES[row['kind']]} at {first} = {row[first]:.7g}, {second} = {row[second]:.7g}"
        yield text + (f" ({values})" if values else "")


class _Search:
    """Collects curves, none twice."""

    def __init__(
        self,
        model: Model,
        parameters: tuple[str, str],
        span: Mapping[str, tuple[float, float]],
        params: Mapping[str, float],
        inputs: Mapping[str, float],
        stepper: ArcLength,
        journal: Journal,
    ) -> None:
        self.model, self.parameters, self.span = model, parameters, span
        self.params, self.inputs = params, inputs
        self._stepper, self._journal = stepper, journal
        most = min(stepper.max_steps, _LONGEST)
        own = STEPPER_OF_CYCLES if stepper == ArcLength() else stepper
        self._shorter = replace(own, max_steps=most)
        self._left: dict[str, int] = {}
        self.curves: list[BifurcationCurve] = []
        self.failed: list[str] = []

    def diagram(
        self,
        along: str,
        own: dict[str, float],
        region: Mapping[Any, tuple[float, float]] | None,
        seed: int,
        *,
        cycles: bool,
    ) -> Diagram | None:
        """Return the diagram along one parameter, or None where there is none."""
        params, inputs = (
            {**held, **{name: value for name, value in own.items() if name in known}}
            for held, known in (
                (self.params, self.model.params),
                (self.inputs, self.model.inputs),
            )
        )
        ((name, level),) = own.items()
        system = System(self.model, params, inputs, "diagram", along)
        journal = self._journal.under("diagram", name, level)
        search = Search(system, region, seed)
        try:
            return drawn(
                system, self.span[along], search, ArcLength(), cycles, journal, progress=False
            )
        except SolveError as error:
            self.failed.append(f"the diagram at {name} = {level:.6g}: {error}")
            return None

    def follow_rests(self, found: Diagram, own: Mapping[str, float]) -> None:
        """Follow the curves of equilibria that a diagram meets."""
        for _, row in found.special.iterrows():
            self.follow(row, str(row["kind"]), own)

    def follow_cycles(self, found: Diagram, own: Mapping[str, float]) -> None:
        """Follow the curves of cycles that a diagram meets, connections and short cycles first.

        On the way to a connection folds and doublings come without end: its own curve tells
        where. And doublings that have all but met a fold lie on its curve.
        """
        low, high = self.span[found.parameter]
        rows = [
            row
            for family in found.cycles
            for _, row in family.special.iterrows()
            if row["kind"] in CONNECTIONS
            or not (
                approaches(family, row, high - low)
                or (row["kind"] == "period_doubling" and is_steep(family, row))
            )
        ]
        for row in sorted(rows, key=lambda row: (row["kind"] not in CONNECTIONS, row["period"])):
            self.follow(row, str(row["kind"]), own)

    def left(self) -> list[str]:
        """Say which curves were not followed as there are so many."""
        return [
            f"{CURVES[kind]} from {count} further point{'s' if count > 1 else ''}, as there are "
            "so many curves; `curve` follows them from the special points of a diagram"
            for kind, count in self._left.items()
        ]

    def follow(self, row: pd.Series, kind: str, own: Mapping[str, float]) -> None:
        """Follow a curve from a special point, and all that meet it."""
        if kind not in FOLLOWERS or not row.get("converged", True):
            return
        if self._known(row, kind, own):
            return
        at_rest = kind in _AT_REST
        most = _MOST if at_rest else _MOST_OF_CYCLES
        if sum((each.kind in _AT_REST) == at_rest for each in self.curves) >= most:
            self._left[kind] = self._left.get(kind, 0) + 1
            return
        # A diagram's table has a column for orbits, empty for equilibria.
        of_cycles = not isinstance(row.get("orbit", math.nan), float)
        if kind == "branch_point" and of_cycles:
            return
        start = row if of_cycles else row.drop("orbit", errors="ignore")
        start = start.copy()
        for name, value in own.items():
            start[name] = value
        # A point at the edge of the span may lie outside by a rounding error.
        for name in self.parameters:
            if name in start:
                start[name] = min(max(float(start[name]), self.span[name][0]), self.span[name][1])
        made = self._journal(self._key(start, kind), lambda: self._curve(start, kind))
        if isinstance(made, str):
            place = ", ".join(f"{name} = {start[name]:.6g}" for name in self.parameters)
            # A branch point that a second parameter unfolds is no failure: it has no curve.
            if kind != "branch_point":
                self.failed.append(f"{CURVES[kind]} from {place}: {made}")
            return
        if len(made) < 2 or any(self._holds(each, made) for each in self.curves):
            return
        # Connections end beside what they are followed from, and may be met again from there.
        self.curves = [each for each in self.curves if not self._holds(made, each)] + [made]
        for _, point in made.special.iterrows():
            for onward in _meeting(point):
                if point["kind"] == "hopf_hopf":
                    # The other pair's curve: the point lies on this one, too.
                    omega = float(point["other_omega"])
                    point = point.copy()
                    point["omega"], point["period"] = omega, 2.0 * math.pi / omega
                self.follow(point, onward, {})

    def _curve(self, start: pd.Series, kind: str) -> BifurcationCurve | str:
        """Return a curve, or why it could not be followed."""
        try:
            return curve(
                self.model,
                self.parameters,
                start=start,
                kind=kind,
                span=self.span,
                params=self.params,
                inputs=self.inputs,
                stepper=self._stepper if kind in _AT_REST else self._shorter,
            )
        except SolveError as error:
            return str(error)

    def _key(self, start: pd.Series, kind: str) -> tuple[object, ...]:
        """Return what tells the start of a curve from all others."""
        numbers = [float(value) for value in start.to_numpy() if isinstance(value, float | int)]
        orbit = start.get("orbit")
        states = orbit.node.orbit.states if isinstance(orbit, Start) else None
        return "curve", kind, str(start["kind"]), numbers, states

    def _known(self, row: pd.Series, kind: str, own: Mapping[str, float]) -> bool:
        """Return whether a point lies on a curve of its kind that was found before."""
        values: dict[str, Any] = {str(name): value for name, value in row.items()} | dict(own)
        # Where curves of cycles end their orbits are gone, and only the parameters compare.
        met = row["kind"] != kind and kind not in _AT_REST
        for each in self.curves:
            if each.kind != kind:
                continue
            names = [
                name
                for name in map(str, each.points)
                if (
                    name in self.parameters
                    or (name == "omega" and row["kind"] == "hopf_hopf")
                    or (not met and _is_place(name, self.model))
                )
                and isinstance(values.get(name), float)
                and math.isfinite(values[name])
            ]
            if self._away(each, names, values) <= _ON:
                return True
        return False

    def _holds(self, each: BifurcationCurve, other: BifurcationCurve) -> bool:
        """Return whether a curve lies on another one of its kind."""
        if each.kind != other.kind or each.kind in _AT_REST:
            return False
        names = [
            name
            for name in map(str, each.points)
            if name in self.parameters or _is_place(name, self.model)
        ]
        rows = [other.points.iloc[int(share * (len(other) - 1))] for share in _SHARES]
        return all(self._away(each, names, row) <= _ON for row in rows)

    def _away(self, each: BifurcationCurve, names: list[str], values: Any) -> float:
        """Return how far values are from a curve, in spans and extents."""
        line = each.points[names].to_numpy(dtype=float)
        size = np.maximum(np.ptp(line, axis=0), _ON * np.abs(line).max(axis=0))
        size[size == 0.0] = 1.0
        for k, name in enumerate(names):
            if name in self.span:
                size[k] = self.span[name][1] - self.span[name][0]
        x = np.array([values[name] for name in names], dtype=float)
        return _distance(line / size, x / size)


#: Kinds of bifurcations of equilibria.
_AT_REST = ("fold", "hopf", "branch_point")


def _is_place(name: str, model: Model) -> bool:
    """Return whether a column says where in the space of states a point is."""
    return name in model.states or name.startswith(("min_", "max_"))


def _distance(line: Array, x: Array) -> float:
    """Return how far a point is from a polygon."""
    chord = np.diff(line, axis=0)
    length = np.einsum("ij,ij->i", chord, chord)
    share = np.einsum("ij,ij->i", x - line[:-1], chord) / np.where(length > 0.0, length, 1.0)
    nearest = line[:-1] + np.clip(share, 0.0, 1.0)[:, None] * chord
    return float(np.abs(nearest - x).max(axis=1).min())


def _stretches(stable: Array) -> Iterator[int]:
    """Yield the middle of each stretch of stable points."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], stable.astype(int), [0]])))
    for begin, end in edges.reshape(-1, 2).tolist():
        yield (begin + end) // 2


def _at_rest(found: Diagram) -> list[dict[str, float]]:
    """Return a state on each stretch of stable equilibria."""
    states = list(found.model.states)
    return [
        dict(zip(states, branch.points[states].iloc[k].astype(float).tolist(), strict=True))
        for branch in found.equilibria
        for k in _stretches(branch.points["stable"].to_numpy(dtype=bool))
    ]


def _swinging(found: Diagram) -> list[dict[str, float]]:
    """Return a state on each stretch of stable cycles."""
    states = list(found.model.states)
    made = []
    for family in found.cycles:
        for k in _stretches(family.points["stable"].to_numpy(dtype=bool)):
            solution = family.orbit(k)
            made.append({name: float(solution[name][0]) for name in states})
    return made


def _gathered(
    curves: Sequence[BifurcationCurve],
    parameters: tuple[str, str],
    states: Sequence[str],
    span: Mapping[str, tuple[float, float]],
) -> pd.DataFrame:
    """Tabulate the special points of all curves, each once."""
    import pandas as pd

    columns = ["kind", *parameters, *states, "coefficients", "converged", "curve"]
    rows: list[dict[str, Any]] = []
    for k, each in enumerate(curves):
        for point in each.special.to_dict("records"):
            row = {name: point.get(name, math.nan) for name in columns} | {"curve": k}
            if not any(_is_same(row, other, parameters, states, span) for other in rows):
                rows.append(row)
    rows.sort(key=lambda row: tuple(row[name] for name in parameters))
    return pd.DataFrame(rows, columns=columns)


def _is_same(
    row: Mapping[str, Any],
    other: Mapping[str, Any],
    parameters: tuple[str, str],
    states: Sequence[str],
    span: Mapping[str, tuple[float, float]],
) -> bool:
    """Return whether two rows are the same special point."""
    if row["kind"] != other["kind"]:
        return False
    near = all(
        abs(row[name] - other[name]) <= _SAME * (span[name][1] - span[name][0])
        for name in parameters
    )
    return near and all(
        math.isnan(row[name])
        or abs(row[name] - other[name]) <= 1e-4 * (1e-4 + abs(row[name]) + abs(other[name]))
        for name in states
    )
