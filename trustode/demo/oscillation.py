"""Part two of the demo: where the oscillation begins, and how long its cycle is.

Imports the models, scans and continuation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import models
from ..bifurcation import Branch, continuation
from ..models.trust_forms import FACTORS, one_load
from ..scan import Scan, scan

#: Their value in the bpd profile.
AT_PROFILE = 0.5

#: Ten time constants of the slowest state are left out: after five, the period at the bpd
#: profile is still a quarter of a percent short.
_SPAN, _DISCARD = (0.0, 5000.0), 4000.0
_N_LEVEL = 41


@dataclass(frozen=True)
class Oscillation:
    """How a model behaves along the developmental load.

    Attributes
    ----------
    kind : str
        "original" or "updated".
    scan : Scan
        Long-run least and greatest value of each state, and the period.
    branch : Branch
        The equilibrium, followed through its Hopf points.
    """

    kind: str
    scan: Scan
    branch: Branch

    @property
    def onset(self) -> dict[str, float]:
        """Load ``D``, ``T``, ``period`` (days) and ``coefficient`` of the first Hopf point."""
        hopf = self.branch.special[self.branch.special["kind"] == "hopf"]
        first = hopf.sort_values("D").iloc[0]
        return {name: float(first[name]) for name in ("D", "T", "period", "coefficient")}

    def at_profile(self, name: str) -> float:
        """Return what was measured at the load of the bpd profile."""
        at = int(np.argmin(np.abs(self.scan[FACTORS[0]] - AT_PROFILE)))
        return float(self.scan[name][at])


def oscillation(kind: str, progress: bool | Callable[[int, int], None] | None) -> Oscillation:
    """Scan the load and follow the equilibrium along it.

    Parameters
    ----------
    kind : {"original", "updated"}
    progress : bool, callable or None
        As in `scan`.
    """
    found = scan(
        models.load(f"trust-{kind}", profile="bpd"),
        vary={FACTORS: np.linspace(0.0, 1.0, _N_LEVEL)},
        t=_SPAN,
        discard=_DISCARD,
        measure=("min", "max", "period"),
        progress=progress,
    )
    return Oscillation(kind, found, continuation(one_load(f"trust-{kind}"), "D", span=(0.0, 1.0)))
