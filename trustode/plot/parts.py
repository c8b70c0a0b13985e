"""What all figures share: axes, labels, and lines that can be told apart without colour.

Imports the errors and models, and what it draws for its types.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError, listed, nearest, needs
from ..model import Model

if TYPE_CHECKING:
    from matplotlib.axes import Axes


Array = NDArray[np.float64]

#: Lines that differ in form first and in colour second: what one cannot see, the other shows.
#: Colours from Okabe & Ito (2008), Color Universal Design.
LINES: tuple[tuple[str, Any], ...] = (
    ("#0072B2", "-"),
    ("#D55E00", "--"),
    ("#009E73", "-."),
    ("#CC79A7", ":"),
    ("#000000", (0, (5, 1, 1, 1, 1, 1))),
    ("#56B4E9", (0, (8, 2))),
    ("#E69F00", (0, (3, 2, 1, 2))),
)
#: Marks of the points that stay apart in print.
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
_LONGEST_MEANING = 48
#: Letters across a legend, which stands beside what it tells of.
_LEGEND_WIDTH = 22


def time_label(model: Model) -> str:
    """Return the label of a time axis."""
    return f"time ({model.time_unit})" if model.time_unit else "time"


def legend_label(model: Model, name: str) -> str:
    """Return the label of a state, observable or input among others: its name and meaning."""
    meaning = _meaning(model, name)
    return textwrap.fill(f"{name}: {meaning}", _LEGEND_WIDTH) if meaning else name


def _meaning(model: Model, name: str) -> str:
    """Return the first words of a meaning, or nothing where it has no short ones."""
    meaning = model.meanings.get(name, "")
    for mark in (":", ";", "(", ","):
        meaning = meaning.split(mark)[0].strip()
    return meaning if len(meaning) <= _LONGEST_MEANING else ""


def name_label(model: Model, name: str) -> str:
    """Return the label of a state, observable or input: its meaning, name and bounds."""
    meaning = _meaning(model, name)
    text = f"{meaning}, {name}" if meaning else name
    low, high = model.bounds.get(name, (-np.inf, np.inf))
    return f"{text} ({low:g} to {high:g})" if np.isfinite([low, high]).all() else text


def axis_label(model: Model, text: str, name: str) -> str:
    """Return the label of an axis along which parameters, starts or inputs vary."""
    unit = model.parameters[name].unit if name in model.parameters else ""
    return f"{text} ({unit})" if unit else text


def axes_of(ax: Axes | None) -> Axes:
    """Return the given Axes, or those of a new figure."""
    if ax is not None:
        return ax
    with needs("plot", "plot"):
        from matplotlib import pyplot

    made: Axes = pyplot.subplots(layout="constrained")[1]
    return made


def labelled(ax: Axes, across: str, up: str, title: str | None = None) -> Axes:
    """Name the axes, show the legend if anything has a label, and return the Axes.

    The legend stands beside the Axes, where it hides nothing, if the figure makes room for it.
    """
    ax.set_xlabel(across)
    ax.set_ylabel(up)
    if ax.get_legend_handles_labels()[0]:
        if ax.figure.get_layout_engine() is not None:
            ax.legend(title=title, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        else:
            ax.legend(title=title)
    return ax


def state_of(model: Model, state: Any, call: str) -> str:
    """Return the name of the state to draw, the first unless given.

    Raises
    ------
    OptionError
        If the model has no such state.
    """
    name = model.states[0] if state is None else str(getattr(state, "name", state))
    if name not in model.states:
        raise OptionError(
            f"{call}({model.name}): there is no state {name!r:.60}"
            f"{nearest(name, model.states)} The states are: {listed(model.states, 40)}"
        )
    return name


def lines_of() -> Iterator[tuple[str, Any]]:
    """Yield a colour and a line style, for ever, no two of 49 alike."""
    styles = [style for _, style in LINES]
    for turn in itertools.count():
        for k, (colour, _) in enumerate(LINES):
            yield colour, styles[(k + turn) % len(styles)]
