"""The result of following periodic orbits: a family with its special points.

Imports the models, solutions and orbits; plots are drawn elsewhere.
"""

from __future__ import annotations

import numbers
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...compile import compile
from ...engine import Problem
from ...errors import DataError, ModelError, SolveError, Status, checks_keywords
from ...event import EventLog
from ...model import Model
from ...simulate import Solution
from ...solve import Solver, input_tables
from ..followed import Followed
from ..normal_form import criticality
from ..system import has_corners, shown_state
from .collocation import Orbit
from .family import Family, Node
from .follow import Origin
from .sensitivity import critical_derivatives, orbit_derivatives

if TYPE_CHECKING:
    import pandas as pd

#: What a special point is called in a sentence.
CYCLE_NAMES = {
    "fold_of_cycles": "fold of cycles",
    "period_doubling": "period doubling",
    "torus": "torus bifurcation",
    "branch_point": "branch point of cycles",
    "homoclinic": "homoclinic orbit",
    "saddle_node_homoclinic": "homoclinic orbit to a saddle-node",
    "heteroclinic": "heteroclinic loop",
}


#: What is born at a special point: its coefficient's name, and what it is.
_BORN = {
    "period_doubling": ("c", "cycle of twice the period"),
    "torus": ("d", "torus"),
}
#: Special points of one family that are told one by one.
_MOST_TOLD = 12
#: How far from the circle a multiplier is that is not the critical one.
_OFF = 1e-4


def _birth(kind: str, coefficient: float, multipliers: NDArray[np.complex128] | None) -> str:
    """Say what the coefficient of a normal form means, if it has a sentence."""
    if kind not in _BORN or multipliers is None or not np.isfinite(coefficient):
        return ""
    name, born = _BORN[kind]
    # What else is unstable beside the cycle is so beside what is born.
    others = np.abs(multipliers[1:])
    stable = coefficient < 0.0 and not (others > 1.0 + _OFF).any()
    sort = criticality(coefficient)
    article = "a stable" if stable else "an unstable"
    return f": {sort}, {name} = {coefficient:.4g}: {article} {born} is born"


@dataclass(frozen=True, eq=False)
class Start:
    """An orbit that another family can start from, as it stands in `Cycles.special`."""

    node: Node = field(repr=False)

    def __repr__(self) -> str:
        return f"<orbit, period {self.node.orbit.free[0]:.6g}>"


@dataclass(frozen=True, eq=False, repr=False)
class Cycles(Followed):
    """A family of periodic orbits along one parameter.

    Attributes
    ----------
    model : Model
    parameter : str
        What was varied.
    points : DataFrame
        One row an orbit, in order along the family: step, the parameter, period,
        ``min_<state>`` and ``max_<state>``, stable, n_unstable, multipliers (the one that is 1
        first) and trivial_error, how far that one is from 1: an estimate of the others' error, but
        not of those smaller than 1e-60: with ``intervals`` given they may be percents off, as
        collocation keeps of these three digits of the logarithm.
    special : DataFrame
        One row a special point, in order: kind ("fold_of_cycles", "period_doubling", "torus",
        "branch_point", and at an end "homoclinic", "saddle_node_homoclinic", "heteroclinic"),
        the parameter, period, ``min_<state>``, ``max_<state>``, multipliers, coefficient (of the
        normal form, scaled as Kuznetsov, Govaerts, Doedel & Dhooge 2005 do: b of a fold, c of a
        period doubling, the real part of d of a torus, the last two negative where what is born
        attracts beside the cycle; NaN of others), converged,
        bracket (steps of the orbits around it) and orbit, what `cycles` can start from.
    multipliers : ndarray of complex, shape (n_point, n_state)
    ends : tuple of str
        Why it ends before its first and after its last orbit.
    origins : pair of Origin or None
        Kind ("hopf", "period_doubling") and parameter of the bifurcation at which it begins, and
        of that at which it ends.
    start : int
        Step of the orbit it was started from.
    params, inputs : dict of str to float
        The values that were held.
    """

    model: Model
    parameter: str
    points: pd.DataFrame
    special: pd.DataFrame
    multipliers: NDArray[np.complex128]
    ends: tuple[str, str]
    origins: tuple[Origin | None, Origin | None]
    start: int
    params: dict[str, float]
    inputs: dict[str, float]
    _nodes: tuple[Node, ...] = field(repr=False)
    _family: Family = field(repr=False)

    def __getstate__(self) -> dict[str, Any]:
        # Compiled functions do not travel; the model does, and is compiled where it arrives.
        return self.__dict__ | {"_family": self._family.plan()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        family = Family.of(compile(state["model"]).functions, state["_family"])
        self.__dict__.update(state | {"_family": family})

    @property
    def size(self) -> int:
        """Mesh intervals of all orbits together."""
        return sum(len(node.orbit.mesh) - 1 for node in self._nodes)

    def orbit(self, i: int) -> Solution:
        """Return an orbit as a solution over one period, from t = 0.

        Parameters
        ----------
        i : int
            Its step; negative ones count from the end.

        Raises
        ------
        DataError
            If there is no such step.
        """
        try:
            node = self._nodes[i]
        except (IndexError, TypeError):
            raise DataError(
                f"orbit({self.model.name}): i={i!r:.60}; the family has steps 0 to {len(self) - 1}"
            ) from None
        return as_solution(self.model, node.orbit, self._family, f"orbit({self.model.name})")

    def at(self, value: float) -> pd.DataFrame:
        """Solve for the orbits of the family at a value of the parameter.

        Parameters
        ----------
        value : float

        Returns
        -------
        DataFrame
            As `points`, one row for each time the family passes the value; step is a fraction.
        """
        nodes, steps = [], []
        for k, (a, b) in enumerate(pairwise(self._nodes)):
            low, high = sorted((a.value, b.value))
            if not low <= value <= high or (value == a.value and k):
                continue
            node = self._family.between(a, b, float(value))
            if node is not None:
                nodes.append(node)
                steps.append(
                    k + (value - a.value) / (b.value - a.value) if b.value != a.value else k
                )
        return table(self.model, self.parameter, nodes, steps)

    def sensitivity(self, row: Any) -> pd.DataFrame:
        """Return how a special point, or an orbit, moves with the parameters.

        Parameters
        ----------
        row : int, row of `special`, or row of `points` or `at`
            Which special point, by its number or row; or any orbit, by its row.

        Returns
        -------
        DataFrame
            One row a parameter or input, the strongest first by ``|per_log|``. Of a fold of
            cycles, a period doubling or a torus: value, derivative (of the location, in the
            family's parameter), per_log (value times derivative: the shift for a relative
            change) and period (its derivative at the point as it moves), for every other
            parameter. Of another orbit: value, derivative and per_log of its period, and the
            derivatives of ``min_<state>`` and ``max_<state>``, for every parameter, the family's
            own among them. A parameter whose value is 0 has no relative change: its per_log is
            0, its derivative is not.

        Raises
        ------
        ModelError
            If the row is none of these, or of a kind that does not move smoothly, as a branch
            point.
        SolveError
            If there is no derivative, as of a location at a cusp, or of an orbit at a fold.

        Notes
        -----
        Implicit-function theorem on the collocation equations, at a special point together with
        those of the vector that its linearisation carries around (Kuznetsov 2004, Elements of
        Applied Bifurcation Theory, 3rd ed., section 10.3).
        """
        where = f"sensitivity({self.model.name})"
        row = self._row(row, where, "family")
        named = dict(row.items()) if hasattr(row, "items") else {}
        if isinstance(named.get("orbit"), Start):
            return critical_derivatives(
                self.model,
                self.parameter,
                str(named["kind"]),
                named["orbit"].node,
                self._family,
                where,
            )
        step = named.get("step")
        if not isinstance(step, numbers.Real) or not 0 <= float(step) <= len(self) - 1:
            raise ModelError(
                f"{where}: row={row!r:.40} is neither a number nor a row of `special`, `points` or "
                "`at`"
            )
        before = min(int(float(step)), len(self) - 2)
        node: Node | None = self._nodes[min(round(float(step)), len(self) - 1)]
        if not float(step).is_integer():
            pair = self._nodes[before], self._nodes[before + 1]
            node = self._family.between(*pair, float(named[self.parameter]))
        if node is None:
            raise SolveError(f"{where}: lost the orbit of this row", Status.MAX_STEPS)
        return orbit_derivatives(self.model, node, self._family, where)

    def summary(self) -> str:
        """Describe the family in sentences, one a line.

        Returns
        -------
        str
            Where it was followed, where it is stable, its periods, each special point and why
            it ends.
        """
        values, periods = self.points[self.parameter], self.points["period"]
        unit = f" {self.model.time_unit}" if self.model.time_unit else ""
        lines = [
            f"{self.model.name}: a family of {len(self)} periodic orbits along {self.parameter}, "
            f"from {values.iloc[0]:.6g} to {values.iloc[-1]:.6g}, with periods from "
            f"{periods.min():.5g} to {periods.max():.5g}{unit}."
        ]
        lines += [f"{sentence}." for sentence in (*self._stability(), *self._special_sentences())]
        first, last = (end.removeprefix("ends at ") for end in self.ends)
        lines.append(f"It begins where: {first}; it ends where: {last}.")
        return "\n".join(lines)

    @checks_keywords
    def plot(self, state: str | None = None, ax: Any = None) -> Any:
        """Draw the least and largest value of a state along the family; needs matplotlib.

        Parameters
        ----------
        state : str, optional
            Which state; the first one if not given. "period" draws the period.
        ax : matplotlib Axes, optional
            Where to draw; a new figure if not given.

        Returns
        -------
        matplotlib Axes
        """
        from ...plot import plot_cycles, plot_periods

        if state == "period" and "period" not in self.model.states:
            return plot_periods([self], ax)
        return plot_cycles(self, shown_state(self.model, state), ax)

    # ------------------------------------------------------------------ sentences

    @property
    def _counted(self) -> tuple[str, tuple[str, ...]]:
        return "periodic orbits", (self.parameter,)

    def _stability(self) -> Iterator[str]:
        """Yield a sentence on each stretch of the family between changes of stability."""
        values = self.points[self.parameter].to_numpy()
        counts = self.points["n_unstable"].to_numpy(copy=True)
        stable = self.points["stable"].to_numpy(copy=True)
        if len(counts) > 1:
            # An orbit that is a bifurcation point itself has no stability of its own.
            for origin, at, beside in zip(self.origins, (0, -1), (1, -2), strict=True):
                if origin is not None:
                    counts[at], stable[at] = counts[beside], stable[beside]
        cuts = [0, *(np.flatnonzero(np.diff(counts)) + 1).tolist(), len(values)]
        brackets = zip(self.special["bracket"], self.special[self.parameter], strict=True)
        marks = {after: value for (_, after), value in reversed(list(brackets))}
        told = set()
        for first, last in pairwise(cuts):
            low, high = marks.get(first, values[first]), marks.get(last, values[last - 1])
            if stable[first:last].any() and not counts[first]:
                what = "stable"
            elif counts[first]:
                noun = "direction" if counts[first] == 1 else "directions"
                what = f"unstable in {counts[first]} {noun}"
            else:
                continue
            # The mirror image of a half of a family runs the other way.
            key = what, frozenset((f"{low:.6g}", f"{high:.6g}"))
            if key not in told:
                told.add(key)
                way = _by_way_of(low, high, values[first:last])
                yield f"It is {what} for {self.parameter} from {low:.6g} to {high:.6g}{way}"
        why = ""
        if has_corners(self.model):
            why = ": of equations with corners, as abs, min and max have, an orbit may touch one"
        for k in cuts[1:-1]:
            if k not in marks:
                yield (
                    f"Its stability changes between {self.parameter} = {values[k - 1]:.6g} and "
                    f"{values[k]:.6g}, where no special point was found{why}"
                )

    def _special_sentences(self) -> Iterator[str]:
        """Yield a sentence on each special point, and one on those that come in crowds."""
        unit = f" {self.model.time_unit}" if self.model.time_unit else ""
        told: dict[str, tuple[float, str, str]] = {}
        for _, row in self.special.iterrows():
            place = f"{CYCLE_NAMES[row['kind']]} at {self.parameter} = {row[self.parameter]:.8g}"
            ends = not np.isfinite(row["period"])
            place += "" if ends else f", period {row['period']:.6g}{unit}"
            text = place + _birth(row["kind"], row["coefficient"], row["multipliers"])
            text += "" if row["converged"] else " [not converged]"
            told.setdefault(place, (0.0 if ends else row["period"], row["kind"], text))
        # Near a homoclinic orbit each further turn has its own: what is seen is of short periods.
        by_period = sorted(told, key=lambda place: told[place][0])
        rest = set(by_period[_MOST_TOLD:] if len(told) > _MOST_TOLD + 2 else ())
        yield from (text for place, (_, _, text) in told.items() if place not in rest)
        if rest:
            counts = Counter(CYCLE_NAMES[told[place][1]] for place in rest)
            kinds = ", ".join(f"{name} ({n})" for name, n in counts.items())
            periods = [told[place][0] for place in rest]
            yield (
                f"Of longer periods, {min(periods):.5g} to {max(periods):.5g}{unit}, there are "
                f"{len(rest)} more special points, see `special`: {kinds}"
            )
        if len(told) < len(self.special):
            yield (
                "The others in `special` have the value and period of one of these, as mirror "
                "images have"
            )


def _by_way_of(low: float, high: float, values: NDArray[np.float64]) -> str:
    """Say how far a stretch of a family goes that does not stay between its ends."""
    least, largest = min(low, high, *values), max(low, high, *values)
    outside = [
        each for each in (least, largest) if f"{each:.6g}" not in (f"{low:.6g}", f"{high:.6g}")
    ]
    return f", by way of {' and '.join(f'{each:.6g}' for each in outside)}" if outside else ""


@dataclass(frozen=True, eq=False)
class _Dense:
    """An orbit at any times within its period, as a solution has it."""

    orbit: Orbit
    period: float

    @property
    def begins(self) -> Any:
        """Where each interval of the mesh begins."""
        return self.period * self.orbit.mesh[:-1]

    def __call__(self, times: Any) -> Any:
        at = np.asarray(times, dtype=float)
        return self.orbit.at(at.ravel() / self.period).reshape(*at.shape, -1)


def orbit_columns(
    model: Model, parameter: str, nodes: Sequence[Node], steps: ArrayLike
) -> dict[str, Any]:
    """Return what a table says of orbits: position, parameter, period, extremes and stability."""
    n = len(model.states)
    ends = [node.orbit.extremes for node in nodes]
    least = np.array([low for low, _ in ends]).reshape(-1, n)
    largest = np.array([high for _, high in ends]).reshape(-1, n)
    found = [node.multipliers for node in nodes]
    made: dict[str, Any] = {
        "step": steps,
        parameter: np.array([node.value for node in nodes], dtype=float),
        "period": np.array([node.orbit.free[0] for node in nodes], dtype=float),
    }
    for k, name in enumerate(model.states):
        made[f"min_{name}"], made[f"max_{name}"] = least[:, k], largest[:, k]
    made["stable"] = np.array([each.is_stable for each in found], dtype=bool)
    made["n_unstable"] = np.array([each.n_unstable for each in found], dtype=int)
    made["multipliers"] = objects([each.values for each in found])
    made["trivial_error"] = np.array([each.trivial_error for each in found], dtype=float)
    return made


def objects(values: Sequence[object]) -> NDArray[np.object_]:
    """Return an array of whatever stands in a sequence, arrays included."""
    made = np.empty(len(values), dtype=object)
    for k, value in enumerate(values):
        made[k] = value
    return made


def table(model: Model, parameter: str, nodes: Sequence[Node], steps: ArrayLike) -> pd.DataFrame:
    """Return one row an orbit, see `orbit_columns`."""
    import pandas as pd

    return pd.DataFrame(orbit_columns(model, parameter, nodes, steps))


def as_solution(model: Model, orbit: Orbit, family: Family, where: str) -> Solution:
    """Return an orbit as a solution over one period."""
    problem = family.problem
    period = problem.set(orbit.free)
    compiled = compile(model)
    inputs = dict(zip(compiled.model.inputs, problem.u.tolist(), strict=True))
    t = period * orbit.nodes
    solved = Problem(
        compiled,
        t,
        problem.p.copy(),
        orbit.states[0].copy(),
        (),
        input_tables(compiled, inputs, where),
        Solver(),
        (),
        where,
    )
    return Solution(
        t,
        orbit.states.copy(),
        Status.SUCCESS,
        {"method": "collocation", "backend": compiled.backend, "n_steps": len(orbit.mesh) - 1},
        None,
        "one period of a periodic orbit",
        EventLog.none(compiled.model.states),
        solved,
        _Dense(orbit, period),
    )
