"""Part one of the demo: one negative episode, and what follows it.

Imports the models, the stimuli, simulation and equilibria.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import models
from ..bifurcation import equilibria
from ..model import Model
from ..simulate import Solution, simulate
from ..stimulus import Episodes

if TYPE_CHECKING:
    import pandas as pd

#: When the episode is, how long it is watched (days), and the sizes that are tried.
PEAK, SPAN = 5.0, 60.0
HEIGHTS = (-1.0, -0.5, -0.25)
_PER_DAY = 200

#: These models have a single equilibrium, found from every start.
_REST_STARTS = 16

#: Long enough for the slowest state (400 days) to forget its start, then what is shown.
_SETTLING, CYCLE_SPAN = 3000.0, 120.0


@dataclass(frozen=True)
class Response:
    """What an episode does to a model at rest.

    Attributes
    ----------
    label : str
        Model and profile.
    height : float
        Size of the episode at its peak.
    solution : Solution
    days_below : float
        Days with T below 0.
    lowest : float
        Least value of T.
    """

    label: str
    height: float
    solution: Solution
    days_below: float
    lowest: float


def cases() -> dict[str, Model]:
    """Return the models that rest until something happens, by model and profile."""
    strict = {"chi": 0.0}
    found = {
        f"{kind}, {profile}": models.load(f"trust-{kind}", profile=profile)
        for kind in ("original", "updated")
        for profile in ("healthy", "bpd-excitable")
    }
    excitable = found["updated, bpd-excitable"]
    return found | {"updated, bpd-excitable, chi = 0": excitable.replace(params=strict)}


def respond(label: str, model: Model) -> list[Response]:
    """Simulate one episode of each size from rest.

    Parameters
    ----------
    label : str
    model : Model
        A trust model that rests.

    Returns
    -------
    list of Response
        One for each of `HEIGHTS`. An episode is a Gaussian in time with a standard deviation
        of .25 days.
    """
    rest = equilibria(model, starts=_REST_STARTS).stable[0]
    t = np.linspace(0.0, SPAN, int(SPAN) * _PER_DAY + 1)
    found = []
    for height in HEIGHTS:
        inputs = {"ev": Episodes([PEAK], height=height)}
        solution = simulate(model, t, initial=rest.state, inputs=inputs)
        trust = solution["T"]
        days_below = float((trust < 0).mean() * SPAN)
        found.append(Response(label, height, solution, days_below, float(trust.min())))
    return found


def cycle(kind: str) -> Solution:
    """Simulate the bpd profile, past its transient, while nothing happens."""
    t = np.concatenate([[0.0], np.linspace(_SETTLING, _SETTLING + CYCLE_SPAN, 2401)])
    return simulate(models.load(f"trust-{kind}", profile="bpd"), t)


def responses_table(responses: list[Response]) -> pd.DataFrame:
    """Tabulate responses: one row a model and profile and size of the episode."""
    import pandas as pd

    return pd.DataFrame(
        {
            "model, profile": [each.label for each in responses],
            "episode": [each.height for each in responses],
            "days with T < 0": [each.days_below for each in responses],
            "lowest T": [each.lowest for each in responses],
        }
    )
