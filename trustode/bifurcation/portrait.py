"""The result of a diagram: branches of every kind, their special points, and sentences.

Imports the models and branches; plots are drawn elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import checks_keywords
from ..model import Model
from .branch import Branch
from .followed import WithSpecial
from .periodic import Cycles
from .system import Array, shown_state

if TYPE_CHECKING:
    import pandas as pd

#: Special points nearer than this, relative to their extent, are one.
_SAME = 1e-6
#: Branches in which a state reaches less than this share of its extent say nothing of it.
_SMALL = 1e-8
#: Points that did not converge are taken for a converged one of their kind this near.
_NEAR = 1e-3
#: Stretches shorter than this share of the span are not searched for cycles.
_SHORTEST = 1e-2
#: How far beside a Hopf point stable equilibria are counted, as a share of the span.
_BESIDE = 1e-5
#: Words for small counts.
_COUNTS = {0: "no", 1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}


class Member(Protocol):
    """What a diagram asks of a branch, of equilibria or of cycles.

    `points` has a row a point, with the parameter, stable, and the states or, for cycles,
    min_<state>, max_<state> and period. `special` has kind, the parameter and converged.
    """

    @property
    def model(self) -> Model:
        """What was analysed."""
        ...

    @property
    def parameter(self) -> str:
        """What was varied."""
        ...

    @property
    def points(self) -> pd.DataFrame:
        """One row a point."""
        ...

    @property
    def special(self) -> pd.DataFrame:
        """One row a special point."""
        ...

    def summary(self) -> str:
        """Describe the branch in sentences."""
        ...


def gathered(
    branches: Sequence[Member], parameter: str, states: Sequence[str], width: float
) -> pd.DataFrame:
    """Tabulate the special points of all branches, each once, by the parameter's value."""
    import pandas as pd

    columns = ["kind", parameter, *states, "omega", "period", "coefficient", "type"]
    columns += ["criticality", "converged", "branch"]
    rows = [_rows(each) for each in branches]
    if any("orbit" in each for each in rows):
        columns += [f"{end}_{state}" for state in states for end in ("min", "max")]
        columns.append("orbit")
    # By lists: for a few rows that is many times quicker than joining tables.
    texts = ("kind", "type", "criticality")
    cells: dict[str, list[Any]] = {name: [] for name in columns}
    for k, known in enumerate(rows):
        n = len(known["kind"])
        for name, cell in cells.items() if n else ():
            nothing = k if name == "branch" else "" if name in texts else math.nan
            cell += known.get(name, [nothing] * n)
    # Equilibria have states, cycles their ends: what the other has not is NaN.
    ends = [name for name in columns if name.startswith(("min_", "max_"))]
    compared = [parameter, *states, *ends]
    values = np.array([cells[name] for name in compared], dtype=float).T
    # A branch that runs away says nothing of how far apart its special points are.
    extents = {state: _least_extent(branches, state) for state in states}
    sizes = [extents[name.removeprefix("min_").removeprefix("max_")] for name in ends]
    largest = np.abs(np.nan_to_num(values)).max(axis=0, initial=0.0)
    size = np.maximum(largest, [width, *extents.values(), *sizes])
    size[0] = width
    kinds, converged = cells["kind"], cells["converged"]
    kept: list[int] = []
    for k in sorted(range(len(kinds)), key=lambda k: not converged[k]):
        if not any(
            kinds[k] == kinds[other]
            and _distance(values[k], values[other], size) <= (_SAME if converged[k] else _NEAR)
            for other in kept
        ):
            kept.append(k)
    kept.sort(key=lambda k: (cells[parameter][k], cells["branch"][k]))
    types = dict.fromkeys(texts, object) | {"orbit": object, "converged": bool, "branch": int}
    table: dict[str, Any] = {}
    for name, cell in cells.items():
        column = np.empty(len(kept), dtype=types.get(name, float))
        column[:] = [cell[k] for k in kept]
        table[name] = column
    return pd.DataFrame(table)


def _rows(member: Member) -> dict[str, list[Any]]:
    """Return the columns of a branch's special points as lists."""
    if isinstance(member, Branch):
        return {name: column.tolist() for name, column in member.rows.items()}
    return {str(name): cells for name, cells in member.special.to_dict("list").items()}


def _reached(member: Member, state: str) -> list[Array]:
    """Return the values of a state along a branch, of cycles their ends."""
    if isinstance(member, Branch):
        return [member.columns[state]]
    ends = (f"{end}_{state}" for end in ("min", "max"))
    return [member.points[name].to_numpy() for name in ends if name in member.points]


def _distance(a: Array, b: Array, size: Array) -> float:
    """Return how far two special points are apart; infinite if only one is of cycles."""
    known = ~np.isnan(a)
    if (known == np.isnan(b)).any():
        return math.inf
    return float(np.abs((a[known] - b[known]) / size[known]).max())


def _least_extent(branches: Sequence[Member], state: str) -> float:
    """Return how far a state reaches on the branch where that is least, but not nothing."""
    sizes = [extent_of([each], state, 0.0) for each in branches]
    largest = max(sizes, default=0.0)
    return min((size for size in sizes if size > _SMALL * largest), default=1.0)


def extent_of(branches: Sequence[Member], state: str, nothing: float = 1.0) -> float:
    """Return how far a state reaches over all branches, or `nothing` where it is always zero."""
    sizes = [
        float(np.abs(column).max())
        for each in branches
        for column in _reached(each, state)
        if len(column)
    ]
    return max(sizes, default=0.0) or nothing


@dataclass(frozen=True, eq=False, repr=False)
class Diagram(WithSpecial):
    """A bifurcation diagram of one parameter.

    Attributes
    ----------
    model : Model
    parameter : str
        What was varied.
    span : pair of float
        Its ends.
    branches : tuple of Branch and Cycles
        Each branch once: those of equilibria in the order of where they begin, then the
        families of cycles.
    special : DataFrame
        One row a special point, by the parameter's value; a point where branches cross
        stands there once. Columns: kind ("fold", "hopf", "branch_point", "corner"), the parameter,
        the states, omega, period, coefficient, type, criticality and converged, as in
        `Branch.special`; and branch, an index of `branches`. With cycles also their kinds,
        without states, and their ``min_<state>``, ``max_<state>`` and orbit, as in
        `Cycles.special`; every row can start `cycles` or `curve`.
        Homoclinic orbits that mirror each other have a row each, and so have those
        of more turns, whose values may agree to more digits than are shown.
    params, inputs : dict of str to float
        The values that were held.
    failed : tuple of str
        Families of cycles that could not be followed, and why.
    """

    model: Model
    parameter: str
    span: tuple[float, float]
    branches: tuple[Member, ...]
    special: pd.DataFrame
    params: dict[str, float]
    inputs: dict[str, float]
    failed: tuple[str, ...] = ()

    @property
    def equilibria(self) -> list[Branch]:
        """The branches of equilibria."""
        return [each for each in self.branches if isinstance(each, Branch)]

    @property
    def cycles(self) -> list[Cycles]:
        """The families of periodic orbits."""
        return [each for each in self.branches if isinstance(each, Cycles)]

    def to_frame(self) -> pd.DataFrame:
        """Tabulate the points of all branches.

        Returns
        -------
        DataFrame
            A column branch, an index of `branches`, then those of `Branch.points`.
        """
        import pandas as pd

        frames = [each.points.assign(branch=k) for k, each in enumerate(self.branches)]
        if not frames:
            return pd.DataFrame(columns=["branch", self.parameter, *self.model.states])
        table = pd.concat(frames, ignore_index=True)
        return table[["branch", *(name for name in table if name != "branch")]]

    @checks_keywords
    def plot(self, state: str | None = None, ax: Any = None) -> Any:
        """Draw a state along all branches; needs matplotlib.

        Parameters
        ----------
        state : str, optional
            Which state; the first one if not given. "period" draws the periods of all cycles.
        ax : matplotlib Axes, optional
            Where to draw; a new figure if not given.

        Returns
        -------
        matplotlib Axes
        """
        from ..plot import plot_diagram, plot_periods

        if state == "period" and "period" not in self.model.states:
            return plot_periods(self.cycles, ax)
        return plot_diagram(self, shown_state(self.model, state), ax)

    # ------------------------------------------------------------------ sentences

    def _heading(self) -> str:
        low, high = self.span
        n, m = len(self.branches), len(self.cycles)
        of_cycles = f" ({m} of cycles)" if m else ""
        return (
            f"Diagram of {self.model.name!r}: {self.parameter} from {low:.6g} to {high:.6g}, "
            f"{n} branch{'' if n == 1 else 'es'}{of_cycles}"
        )

    def summary(self) -> str:
        """Describe the diagram in sentences, one a line.

        Returns
        -------
        str
            What was found; for each stretch of the parameter how many equilibria are stable,
            and where; where a swing begins; and each special point with what happens there.
        """
        low, high = self.span
        n = len(self.equilibria)
        lines = [
            f"{self.model.name}: {_COUNTS.get(n, n)} branch{'' if n == 1 else 'es'} of equilibria "
            f"along {self.parameter} from {low:.6g} to {high:.6g}."
        ]
        lines += [
            f"{text[0].upper()}{text[1:]}."
            for text in (
                *self._stretches(),
                *dict.fromkeys(self._swings()),
                *self._sentences_on(Branch),
            )
        ]
        for family in self.cycles:
            lines += family.summary().splitlines()
        lines += [f"Not followed: {text}" for text in self.failed]
        return "\n".join(lines)

    def stable_at(self, value: float) -> list[dict[str, float]]:
        """Return the stable equilibria at a value of the parameter, to the eye's accuracy.

        Parameters
        ----------
        value : float
            Inside the span.

        Returns
        -------
        list of dict of str to float
            States, interpolated along the branches, in their order.
        """
        found = [y for y, stable in self.rests_at(value) if stable]
        return [dict(zip(self.model.states, y.tolist(), strict=True)) for y in found]

    def rests_at(self, value: float) -> list[tuple[Array, bool]]:
        """Return the equilibria at a value of the parameter, to the eye's accuracy.

        Parameters
        ----------
        value : float
            Inside the span.

        Returns
        -------
        list of (ndarray of shape (n_state,), bool)
            States, interpolated along the branches, in their order, and whether stable.
        """
        found = []
        for branch, p, stable, y in self._lines:
            for k in np.flatnonzero((p[:-1] - value) * (p[1:] - value) <= 0.0).tolist():
                if p[k] == p[k + 1] or (k > 0 and p[k] == value):
                    continue
                share = (value - p[k]) / (p[k + 1] - p[k])
                same = stable[k] == stable[k + 1]
                rests = stable[k] if same else self._side(branch, k, value)
                found.append((y[k] + share * (y[k + 1] - y[k]), bool(rests)))
        return sorted(found, key=lambda pair: tuple(pair[0]))

    @cached_property
    def _lines(self) -> list[tuple[Branch, Array, Array, Array]]:
        """Branches of equilibria with their parameter, stability and states as arrays."""
        return [
            (
                branch,
                branch.columns[self.parameter],
                branch.columns["stable"],
                np.column_stack([branch.columns[state] for state in self.model.states]),
            )
            for branch in self.equilibria
        ]

    def restless(self) -> Iterator[float]:
        """Yield values of the parameter at which no equilibrium and no cycle is stable.

        Yields
        ------
        float
            The middle of each such stretch between special points and edges of the span, the
            longest first; then its quarters.
        """
        low, high = self.span
        inside = [v for v in self._marks() if low < v < high]
        pieces = [(b - a, a, b) for a, b in pairwise(sorted({low, high, *inside}))]
        longest = sorted(pieces, key=lambda piece: -piece[0])
        for share in (0.5, 0.25, 0.75):
            for length, first, _ in longest:
                value = first + share * length
                if length > _SHORTEST * (high - low) and not (
                    self._swings_at(value) or self.stable_at(value)
                ):
                    yield value

    def _marks(self) -> list[float]:
        """Return where something may change: at special points, and where a branch ends."""
        ends = [v for each in self.equilibria for v in each.columns[self.parameter][[0, -1]]]
        return [*self.special[self.parameter].astype(float), *map(float, ends)]

    def _side(self, branch: Branch, k: int, value: float) -> bool:
        """Return whether a segment with a change of stability is stable at a value."""
        values, stable = branch.columns[self.parameter], branch.columns["stable"]
        found = branch.rows[self.parameter].tolist(), branch.rows["bracket"].tolist()
        marks = [at for at, (before, _) in zip(*found, strict=True) if before == k]
        mark = marks[0] if marks else (values[k] + values[k + 1]) / 2.0
        before = (value - mark) * (values[k] - mark) > 0.0
        return bool(stable[k if before else k + 1])

    def _stretches(self) -> Iterator[str]:
        """Yield a sentence on each stretch of the parameter with the same stable equilibria."""
        low, high = self.span
        inside = [v for v in self._marks() if low < v < high]
        cuts = sorted({low, high, *inside})
        cuts = [a for a, b in pairwise(cuts) if b - a > _SAME * (high - low)] + [high]
        pieces = []
        for a, b in pairwise(cuts):
            value = (a + b) / 2.0
            rests = [stable for _, stable in self.rests_at(value)]
            pieces.append((a, b, sum(rests), bool(rests), bool(self._swings_at(value))))
        for (count, any_rest, swings), group in groupby(pieces, key=lambda piece: piece[2:]):
            part = list(group)
            a, b = part[0][0], part[-1][1]
            middle = self.stable_at((a + b) / 2.0)
            where = f"For {self.parameter} from {a:.6g} to {b:.6g}"
            if count == 0:
                moving = ": the states swing on a stable cycle" if swings else ""
                if any_rest:
                    yield f"{where} no equilibrium is stable{moving or ': the states keep moving'}"
                else:
                    bounds = " inside the bounds" if self.model.bounds else ""
                    yield f"{where} no equilibrium was found{bounds}{moving}"
                continue
            shown = "; ".join(_shown(each) for each in middle) if len(middle) == count else ""
            near = f", near {shown} half-way" if shown else ""
            near += ", beside a stable cycle" if swings else ""
            if count == 1:
                yield f"{where} one equilibrium is stable{near}"
            else:
                number = _COUNTS.get(count, str(count))
                yield f"{where} {number} stable equilibria coexist{near}"

    def _swings_at(self, value: float) -> list[float]:
        """Return the periods of the stable cycles at a value of the parameter."""
        return [period for period, _, _ in self.cycles_at(value)]

    def cycles_at(self, value: float) -> list[tuple[float, Array, Array]]:
        """Return the stable cycles at a value of the parameter, to the eye's accuracy.

        Parameters
        ----------
        value : float
            Inside the span.

        Returns
        -------
        list of (float, ndarray, ndarray)
            Period, least and largest states, interpolated along the families.
        """
        found = []
        n = len(self.model.states)
        for p, stable, rows in self._rings:
            crossing = (p[:-1] - value) * (p[1:] - value) <= 0.0
            for k in np.flatnonzero(crossing & stable[:-1] & stable[1:]).tolist():
                if k > 0 and p[k] == value:
                    continue
                share = (value - p[k]) / (p[k + 1] - p[k]) if p[k + 1] != p[k] else 0.0
                row = rows[k] + share * (rows[k + 1] - rows[k])
                found.append((float(row[0]), row[1 : n + 1], row[n + 1 :]))
        return found

    @cached_property
    def _rings(self) -> list[tuple[Array, NDArray[np.bool_], Array]]:
        """Families with their parameter, stability, and period and extremes as arrays."""
        states = self.model.states
        names = ["period", *(f"{end}_{state}" for end in ("min", "max") for state in states)]
        return [
            (
                family.points[self.parameter].to_numpy(),
                family.points["stable"].to_numpy(),
                family.points[names].to_numpy(dtype=float),
            )
            for family in self.cycles
        ]

    def _swings(self) -> Iterator[str]:
        """Yield a sentence on each Hopf point at which an equilibrium gains or loses stability."""
        low, high = self.span
        for _, row in self.special[self.special["kind"] == "hopf"].iterrows():
            value, away = float(row[self.parameter]), _BESIDE * (high - low)
            below, above = (len(self.stable_at(value + side)) for side in (-away, away))
            if below == above:
                continue
            unit = f" {self.model.time_unit}" if self.model.time_unit else ""
            side = "above" if below > above else "below"
            where = f"{side} {self.parameter} = {value:.6g}"
            if row["criticality"] == "subcritical":
                # The period at the point is that of the unstable cycle, and not what is seen.
                beyond = value + (away if side == "above" else -away)
                periods = self._swings_at(beyond) if self.stable_at(beyond) == [] else []
                if periods:
                    how = f"a swing that is large at once, with a period of {periods[0]:.4g}{unit}"
                else:
                    how = "a swing that is large at once, or to another equilibrium"
                yield f"{where} rest gives way to {how}"
                continue
            small = ", small at first" if row["criticality"] == "supercritical" else ""
            yield f"{where} a swing begins{small}, with a period of {row['period']:.4g}{unit} there"

    def _special_sentences(self) -> Iterator[str]:
        return self._sentences_on(object)

    def _sentences_on(self, kind: type) -> Iterator[str]:
        """Yield a sentence on each special point, of one kind of branch or of all."""
        for _, row in self.special.iterrows():
            branch = self.branches[row["branch"]]
            if not isinstance(branch, kind):
                continue
            if isinstance(branch, Branch):
                yield branch.sentence(self._along(branch, row))
            else:
                called = str(row["kind"]).replace("_", " ")
                called += " of cycles" if row["kind"] == "branch_point" else ""
                text = f"{called} at {self.parameter} = {row[self.parameter]:.7g}"
                yield text + (f", period {row['period']:.5g}" if row["period"] > 0 else "")

    def _along(self, branch: Branch, row: pd.Series) -> pd.Series:
        """Return the row of a branch's own table that a row of `special` came from."""
        own = branch.special
        named = ["kind", self.parameter, *self.model.states]
        same = own[(own[named] == row[named]).all(axis=1)]
        first: pd.Series = same.iloc[0]
        return first


def _shown(state: dict[str, float]) -> str:
    return ", ".join(f"{name} = {value:.3g}" for name, value in state.items())
