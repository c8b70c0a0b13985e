"""The result of a continuation: a branch of equilibria with its special points.

Imports the models and equilibria; plots are drawn elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError, checks_keywords
from ..model import Model
from .followed import Followed
from .normal_form import criticality
from .sensitivity import location_derivatives
from .system import shown_state

if TYPE_CHECKING:
    import pandas as pd

Columns = dict[str, NDArray[Any]]

#: What a value in a sentence is zero below, as a share of the extent.
_NOTHING = 1e-12
#: What a special point is called in a sentence.
SPECIAL_NAMES = {
    "fold": "fold",
    "hopf": "Hopf point",
    "branch_point": "branch point",
    "corner": "corner of the equations",
}


def _passage(values: NDArray[np.float64], first: float, last: float) -> str:
    """Name the ends of a stretch, and where it turns back if that lies beyond both."""
    low, high = min(first, last), max(first, last)
    below, above = low - values.min(), values.max() - high
    turn = values.min() if below >= above else values.max()
    turn = 0.0 if abs(turn) <= _NOTHING * np.ptp(values) else turn
    between = f" by way of {turn:.6g}" if max(below, above) > 1e-3 * np.ptp(values) else ""
    return f"from {first:.6g}{between} to {last:.6g}"


def _birth(coefficient: float) -> str:
    """Say what the first Lyapunov coefficient of a Hopf point means."""
    if math.isnan(coefficient):
        return "equal pairs of eigenvalues reach the axis together, and no l1 tells what is born"
    sort = criticality(coefficient)
    if not sort:
        return "degenerate, l1 = 0 decides nothing"
    born = "a stable" if sort == "supercritical" else "an unstable"
    return f"{sort}, l1 = {coefficient:.4g}: {born} cycle is born"


@dataclass(frozen=True, eq=False, repr=False)
class Branch(Followed):
    """A branch of equilibria along one parameter.

    Attributes
    ----------
    model : Model
    parameter : str
        What was varied.
    points : DataFrame
        One row a point, in order along the branch: step, the parameter, the states, stable,
        n_unstable, and leading, the eigenvalue with the largest real part.
    special : DataFrame
        One row a special point, in order: kind ("fold", "hopf", "branch_point", or "corner":
        where the equations have none of their derivatives and stability or direction change), the
        parameter, the states, omega and period (of a Hopf point, else NaN), coefficient
        (first Lyapunov coefficient l1 = Re(c1)/omega of a Hopf point, NaN where symmetry makes
        equal pairs of eigenvalues reach the axis together; quadratic coefficient
        <p, B(q, q)> / 2 of a fold and of a transcritical branch point, positive as its sign
        is a matter of choice; cubic coefficient of a pitchfork, w' = c w^3, negative if
        supercritical; ``|q|`` = <p, q> = 1), type ("transcritical" or "pitchfork" of a branch
        point, else empty), criticality ("supercritical" or "subcritical" of a Hopf point or
        a pitchfork, else empty), converged, and bracket, the steps of the points before and
        after it.
    columns, rows : dict of str to ndarray
        The columns of `points` and of `special`.
    eigenvalues : ndarray of complex, shape (n_point, n_state)
        The largest real part first.
    ends : tuple of str
        Why it ends before its first and after its last point.
    start : int
        Step of the point it was started from.
    params, inputs : dict of str to float
        The values that were held.
    """

    model: Model
    parameter: str
    columns: Columns = field(repr=False)
    rows: Columns = field(repr=False)
    eigenvalues: NDArray[np.complex128]
    ends: tuple[str, str]
    start: int
    params: dict[str, float]
    inputs: dict[str, float]

    # Tables are made when they are read first: of a diagram's many branches few are.

    @cached_property
    def points(self) -> pd.DataFrame:
        """One row a point."""
        import pandas as pd

        return pd.DataFrame(self.columns)

    @cached_property
    def special(self) -> pd.DataFrame:
        """One row a special point."""
        import pandas as pd

        table = pd.DataFrame(self.rows)
        # What was held travels with each row, so that a row is enough to go on from.
        table.attrs = {"params": self.params, "inputs": self.inputs}
        return table

    def summary(self) -> str:
        """Describe the branch in sentences, one a line.

        Returns
        -------
        str
            Where it was followed, where it is stable, each special point with what happens
            there, and why it ends.
        """
        values = self.points[self.parameter]
        lines = [
            f"{self.model.name}: a branch of {len(self)} equilibria along {self.parameter}, "
            f"{_passage(values.to_numpy(), values.iloc[0], values.iloc[-1])}."
        ]
        lines += [f"{sentence}." for sentence in (*self._stability(), *self._special_sentences())]
        lines.append(f"It begins where: {self.ends[0]}; it ends where: {self.ends[1]}.")
        return "\n".join(lines)

    def sensitivity(self, row: Any) -> pd.DataFrame:
        """Return how a fold or Hopf point moves with every other parameter.

        Parameters
        ----------
        row : int or row of `special`
            Which special point: its number, or its row.

        Returns
        -------
        DataFrame
            One row a parameter or input, the strongest first by ``|per_log|``: value,
            derivative (of the location, in the branch's parameter), per_log (value times
            derivative: the shift for a relative change), and at a Hopf point omega and period
            (their derivatives at the point as it moves). A parameter whose value is 0 has no
            relative change: its per_log is 0, its derivative is not.

        Raises
        ------
        ModelError
            If the point is neither a fold nor a Hopf point.
        SolveError
            If the location has no derivative, as at a cusp.
        """
        where = f"sensitivity({self.model.name})"
        row = self._row(row, where, "branch")
        if not hasattr(row, "items"):
            raise ModelError(f"{where}: row={row!r:.40} is neither a number nor a row of `special`")
        return location_derivatives(
            self.model, self.parameter, row, self.params, self.inputs, where
        )

    @checks_keywords
    def plot(self, state: str | None = None, ax: Any = None) -> Any:
        """Draw a state along the branch; needs matplotlib.

        Parameters
        ----------
        state : str, optional
            Which state; the first one if not given.
        ax : matplotlib Axes, optional
            Where to draw; a new figure if not given.

        Returns
        -------
        matplotlib Axes
        """
        from ..plot import plot_branch

        return plot_branch(self, shown_state(self.model, state), ax)

    # ------------------------------------------------------------------ sentences

    @property
    def _counted(self) -> tuple[str, tuple[str, ...]]:
        return "equilibria", (self.parameter,)

    def _marks(self) -> list[tuple[float, float]]:
        """Return the position along the branch, in steps, and parameter of each special point."""
        return [
            (before + 0.5, value)
            for (before, _), value in zip(
                self.special["bracket"], self.special[self.parameter], strict=True
            )
        ]

    def _stability(self) -> Iterator[str]:
        """Yield a sentence on each stretch of the branch between changes of stability."""
        values = self.points[self.parameter].to_numpy()
        counts = self.points["n_unstable"].to_numpy()
        stable = self.points["stable"].to_numpy()
        cuts = [0, *(np.flatnonzero(np.diff(counts)) + 1).tolist(), len(values)]
        marks = self._marks()
        for first, last in pairwise(cuts):
            low = next((v for at, v in marks if at == first - 0.5), values[first])
            high = next((v for at, v in marks if at == last - 0.5), values[last - 1])
            # A point on an end may be the special point itself, with an eigenvalue on the axis.
            inner = stable[first:last][1:-1] if last - first > 2 else stable[first:last]
            if inner.all():
                what = "stable"
            elif counts[first]:
                noun = "direction" if counts[first] == 1 else "directions"
                what = f"unstable in {counts[first]} {noun}"
            else:
                what = "of undecided stability"
            passage = _passage(values[first:last], low, high)
            yield f"It is {what} for {self.parameter} {passage}"

    def _special_sentences(self) -> Iterator[str]:
        for _, row in self.special.iterrows():
            yield self.sentence(row)

    def sentence(self, row: pd.Series) -> str:
        """Describe a row of `special`."""
        at = ", ".join(f"{name} = {row[name]:.5g}" for name in self.model.states)
        text = (
            f"{SPECIAL_NAMES[row['kind']]} at {self.parameter} = {row[self.parameter]:.7g} ({at})"
        )
        if row["kind"] == "hopf":
            unit = f" {self.model.time_unit}" if self.model.time_unit else ""
            text += f": {_birth(row['coefficient'])}, period {row['period']:.5g}{unit}"
        elif row["kind"] == "fold" or row["type"] == "fold":
            before, after = row["bracket"]
            nearby = self.points[self.parameter].iloc[[before, after]].to_numpy(dtype=float)
            offset = nearby[np.argmax(np.abs(nearby - row[self.parameter]))] - row[self.parameter]
            side = "above" if offset > 0.0 else "below"
            text += f": two equilibria meet; they exist for {self.parameter} {side} it"
        elif row["kind"] == "corner":
            counts = self.points["n_unstable"].iloc[list(row["bracket"])]
            low, high = sorted(counts.tolist())
            noun = "direction" if high == 1 else "directions"
            less = "stable" if low == 0 else f"unstable in {low}"
            text += f": on one side {less}, on the other unstable in {high} {noun}"
        else:
            sort = " ".join(part for part in (row["criticality"], row["type"]) if part)
            text += f": another branch crosses{f', a {sort} point' if sort else ''}"
        return text if row["converged"] else f"{text} [not converged]"
