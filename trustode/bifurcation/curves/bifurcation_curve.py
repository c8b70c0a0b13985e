"""The result of `curve`: a curve of bifurcations in two parameters with its special points.

Imports the models; plots are drawn elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import checks_keywords
from ...model import Model
from ..followed import Followed

if TYPE_CHECKING:
    import pandas as pd

#: What a curve, and a point on it, is called in a sentence.
CURVES = {
    "fold": "folds",
    "hopf": "Hopf points",
    "branch_point": "branch points",
    "fold_of_cycles": "folds of cycles",
    "period_doubling": "period doublings",
    "torus": "torus bifurcations",
    "homoclinic": "homoclinic orbits",
    "heteroclinic": "heteroclinic loops",
}
SINGULAR = {"fold": "fold", "hopf": "Hopf point", "branch_point": "branch point"}
NAMES = {
    "cusp": "cusp",
    "bogdanov_takens": "Bogdanov-Takens point",
    "bautin": "Bautin point",
    "zero_hopf": "zero-Hopf point",
    "hopf_hopf": "double Hopf point",
    "cusp_of_cycles": "cusp of cycles",
    "fold_flip": "fold-flip point",
    "fold_torus": "fold-torus point",
    "flip_torus": "flip-torus point",
    "generalised_period_doubling": "generalised period doubling",
    "resonance_1_1": "1:1 resonance",
    "resonance_1_2": "1:2 resonance",
    "resonance_1_3": "1:3 resonance",
    "resonance_1_4": "1:4 resonance",
}
_MEANINGS = {
    "cusp": "two folds meet, and hysteresis begins",
    "bogdanov_takens": "a fold meets a Hopf point, and the period grows without bound towards it",
    "bautin": "the cycle that is born changes from stable to unstable, and a fold of cycles begins",
    "zero_hopf": "a fold meets a Hopf point that goes on",
    "hopf_hopf": "two Hopf points meet",
    "cusp_of_cycles": "two folds of cycles meet",
    "fold_flip": "a fold of cycles meets a period doubling",
    "fold_torus": "a fold of cycles meets a torus bifurcation",
    "flip_torus": "a period doubling meets a torus bifurcation",
    "generalised_period_doubling": "the doubled cycle that is born changes from stable to "
    "unstable, and a fold of doubled cycles begins",
    "resonance_1_1": "a second multiplier passes 1",
    "resonance_1_2": "two multipliers meet at -1",
    "resonance_1_3": "the torus turns by a third at each return",
    "resonance_1_4": "the torus turns by a quarter at each return",
}
#: Coefficients that must not vanish for a point to mean what it does.
_DECISIVE = {
    "cusp": ("c",),
    "bogdanov_takens": ("a", "b"),
    "bautin": ("l2",),
    "zero_hopf": ("b", "c"),
    "hopf_hopf": ("p11", "p22"),
}


@dataclass(frozen=True, eq=False, repr=False)
class BifurcationCurve(Followed):
    """A curve of bifurcations in two parameters.

    Attributes
    ----------
    model : Model
    kind : str
        What the curve consists of: "fold", "hopf" or "branch_point" of equilibria,
        "fold_of_cycles", "period_doubling" or "torus" of periodic orbits; "homoclinic" or
        "heteroclinic".
    parameters : pair of str
        What was varied.
    points : DataFrame
        One row a point, in order along the curve: step, both parameters, the states,
        n_unstable (eigenvalues with a positive real part, without those that the kind keeps on
        the axis), coefficient (quadratic coefficient of a fold, first Lyapunov coefficient
        l1 = Re(c1)/omega of a Hopf point), and for Hopf points omega and period. For periodic
        orbits instead of the states: period, ``min_<state>``, ``max_<state>``, n_unstable,
        multipliers, and angle, by which a torus turns at each return. For connections n_unstable
        and coefficient (the saddle quantity) are those of the saddle, and error estimates how
        far the parameters are off, as a share of their spans.
    special : DataFrame
        One row a point where a second condition holds, in order: kind ("cusp",
        "bogdanov_takens", "bautin", "zero_hopf", "hopf_hopf"; of periodic orbits
        "cusp_of_cycles", "fold_flip", "fold_torus", "flip_torus",
        "generalised_period_doubling", "resonance_1_1" to "resonance_1_4"), both parameters, the
        states, omega, period, other_omega (of a double Hopf point), coefficients (a mapping: c of a
        cusp; a, b of a Bogdanov-Takens point; l2 of a Bautin point; b, c, d, theta of a
        zero-Hopf point; p11, p12, p21, p22, theta, delta of a double Hopf point; see
        `bifurcation.curves.codim2_forms` for the scaling), converged, and bracket, the steps of the
        points before and after it.
    ends : tuple of str
        Why it ends before its first and after its last point.
    start : int
        Step of the point it was started from.
    closed : bool
        Whether it came back to its start.
    params, inputs : dict of str to float
        The values that were held.
    """

    model: Model
    kind: str
    parameters: tuple[str, str]
    points: pd.DataFrame
    special: pd.DataFrame
    ends: tuple[str, str]
    start: int
    closed: bool
    params: dict[str, float]
    inputs: dict[str, float]

    def summary(self) -> str:
        """Describe the curve in sentences, one a line.

        Returns
        -------
        str
            Where it runs, what kind of cycle is born along it, each special point with what
            happens there, and why it ends.
        """
        lines = [
            f"{self.model.name}: a curve of {len(self)} {CURVES[self.kind]}, {self._extent()}."
        ]
        lines += [f"{sentence}." for sentence in (*self._births(), *self._special_sentences())]
        lines += [f"{text[0].upper()}{text[1:]}." for text in self._ending()]
        return "\n".join(lines)

    @checks_keywords
    def plot(self, ax: Any = None) -> Any:
        """Draw the curve in the plane of its two parameters; needs matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure if not given. Several curves can share one.

        Returns
        -------
        matplotlib Axes
        """
        from ...plot import plot_curve

        return plot_curve(self, ax)

    # ------------------------------------------------------------------ sentences

    @property
    def _counted(self) -> tuple[str, tuple[str, ...]]:
        return CURVES[self.kind], self.parameters

    def _ending(self) -> Iterator[str]:
        if self.closed:
            yield "the curve is closed"
        else:
            yield f"it begins where: {self.ends[0]}; it ends where: {self.ends[1]}"

    def _births(self) -> Iterator[str]:
        if self.kind != "hopf":
            return
        l1 = self.points["coefficient"].to_numpy()
        stable, unstable = bool(np.any(l1 < 0.0)), bool(np.any(l1 > 0.0))
        if stable and unstable:
            yield "Along a part of it stable cycles are born, along the rest unstable ones"
        elif stable or unstable:
            yield f"{'Stable' if stable else 'Unstable'} cycles are born all along it"

    def _special_sentences(self) -> Iterator[str]:
        first, second = self.parameters
        for _, row in self.special.iterrows():
            kind = row["kind"]
            found = row["coefficients"]
            least = min(
                (abs(found[key]) for key in _DECISIVE.get(kind, ()) if key in found), default=1.0
            )
            meaning = _MEANINGS[kind] if least else "degenerate"
            text = f"{NAMES[kind]} at {first} = {row[first]:.7g}, {second} = {row[second]:.7g}"
            text += f": {meaning}"
            values = ", ".join(f"{key} = {v:.4g}" for key, v in found.items())
            text += f" ({values})" if values else ""
            yield text if row["converged"] else f"{text} [not converged]"
