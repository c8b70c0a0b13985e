"""What a checkpoint of a diagram keeps: branches, families of cycles, and curves.

Imports the results of this folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from .. import __version__
from ..checkpoint import digest
from ..journal import Journal, open_journal
from ..model import Model
from .arclength import ArcLength
from .arclength import Node as Point
from .branching import Crossing
from .curves.bifurcation_curve import BifurcationCurve
from .follow import Side
from .periodic import Cycles
from .periodic.branch import Start
from .periodic.collocation import Direction, Orbit
from .periodic.family import FamilyPlan, Node
from .periodic.floquet import Multipliers
from .periodic.follow import Origin
from .special import Special

#: All that pieces consist of.
_CLASSES = (
    *(Point, Crossing, Side, Special),
    *(Cycles, Start, Direction, Orbit, FamilyPlan, Node, Multipliers, Origin),
    BifurcationCurve,
)


@contextmanager
def opened(
    path: str | os.PathLike[str] | None,
    call: str,
    model: Model,
    params: Mapping[str, float],
    inputs: Mapping[str, float],
    stepper: ArcLength,
    told: Mapping[str, str],
) -> Iterator[Journal]:
    """Open the checkpoint of a call, or begin one.

    Parameters
    ----------
    path : path or None
    call : str
    model : Model
    params, inputs : mapping of str to float
        The values that are held.
    stepper : ArcLength
    told : mapping of str to str
        All else that the results depend on, in words.
    """
    parts = {
        "call": (call, ""),
        "version of trustode": (__version__, ""),
        "model": (model.name, digest(model.definition)),
        "params": ("", digest(params)),
        "inputs": ("", digest(inputs)),
        "stepper": (repr(stepper), ""),
        **{name: (words, "") for name, words in told.items()},
    }
    with open_journal(path, parts, model, _CLASSES, f"{call}({model.name})") as journal:
        yield journal
