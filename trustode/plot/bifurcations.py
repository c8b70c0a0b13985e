"""Figures of branches, cycles, diagrams, and curves and regimes in two parameters.

Imports what figures share, and what it draws for its types.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError
from .parts import MARKS, axes_of, axis_label, labelled, lines_of, name_label, state_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ..bifurcation import Bands, BifurcationCurve, Branch, Cycles, Diagram
    from ..regime_map import RegimeMap

Array = NDArray[np.float64]

#: How special points of a branch are drawn: mark, face, name in the legend.
_SPECIAL = {
    "fold": ("s", "white", "fold"),
    "hopf": ("o", "black", "Hopf point"),
    "branch_point": ("D", "grey", "branch point"),
    "corner": ("v", "white", "corner of the equations"),
}
#: Mark and name of the special points of a family of periodic orbits.
_SPECIAL_CYCLES = {
    "fold_of_cycles": ("s", "fold of cycles"),
    "period_doubling": ("D", "period doubling"),
    "torus": ("o", "torus"),
    "branch_point": ("^", "branch point of cycles"),
    "homoclinic": ("*", "homoclinic orbit"),
    "saddle_node_homoclinic": ("*", "homoclinic orbit to a saddle-node"),
    "heteroclinic": ("P", "heteroclinic loop"),
}
#: How curves of bifurcations are drawn, and the points on them: name, line; mark, face, name.
#: Curves of bifurcations of periodic orbits, drawn in their colour.
_OF_CYCLES = ("fold_of_cycles", "period_doubling", "torus", "homoclinic", "heteroclinic")
_CURVES: dict[str, tuple[str, Any]] = {
    "fold": ("folds", "-"),
    "hopf": ("Hopf points", "--"),
    "branch_point": ("branch points", ":"),
    "fold_of_cycles": ("folds of cycles", "-"),
    "period_doubling": ("period doublings", "--"),
    "torus": ("torus bifurcations", ":"),
    "homoclinic": ("homoclinic orbits", "-."),
    "heteroclinic": ("heteroclinic loops", (0, (5, 1, 1, 1, 1, 1))),
}
_SPECIAL_2 = {
    "cusp": ("^", "white", "cusp"),
    "bogdanov_takens": ("s", "black", "Bogdanov-Takens"),
    "bautin": ("o", "white", "Bautin"),
    "zero_hopf": ("D", "grey", "zero-Hopf"),
    "hopf_hopf": ("X", "black", "double Hopf"),
    "cusp_of_cycles": ("^", "tab:blue", "cusp of cycles"),
    "fold_flip": ("s", "tab:blue", "fold-flip"),
    "fold_torus": ("D", "tab:blue", "fold-torus"),
    "flip_torus": ("P", "tab:blue", "flip-torus"),
    "generalised_period_doubling": ("o", "tab:blue", "generalised period doubling"),
    "resonance_1_1": ("1", "tab:blue", "1:1 resonance"),
    "resonance_1_2": ("2", "tab:blue", "1:2 resonance"),
    "resonance_1_3": ("3", "tab:blue", "1:3 resonance"),
    "resonance_1_4": ("4", "tab:blue", "1:4 resonance"),
}
#: Fills of regimes, light enough for lines on top, and hatches that tell them apart in grey.
_FILLS = (
    ("#ffffff", ""),
    ("#bdd7ee", ""),
    ("#f4c7ab", "////"),
    ("#cfe8d5", "...."),
    ("#e3d3ea", "\\\\\\\\"),
    ("#fff2b3", "xx"),
    ("#d9d9d9", "--"),
    ("#bfbfbf", "++"),
)


def plot_branch(branch: Branch, state: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw a branch of equilibria over its parameter.

    Stable parts are solid and unstable ones dashed; folds are white squares, Hopf points
    black dots.
    """
    model, parameter = branch.model, branch.parameter
    state = state_of(model, state, "plot_branch")
    ax = axes_of(ax)
    _draw_stability(ax, branch, state, {})
    _mark_special(ax, branch.special, parameter, state)
    return labelled(ax, axis_label(model, parameter, parameter), name_label(model, state))


def plot_diagram(diagram: Diagram, state: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw a state along all branches of a diagram.

    Equilibria are black, cycles blue, at the least and the largest value over a period;
    stable parts are solid and unstable ones dashed.
    """
    model, parameter = diagram.model, diagram.parameter
    state = state_of(model, state, "plot_diagram")
    ax = axes_of(ax)
    named: dict[str, None] = {}
    for branch in diagram.equilibria:
        _draw_stability(ax, branch, state, named)
    for family in diagram.cycles:
        _draw_cycles(ax, family, _extremes(state), named)
    _mark_special(ax, diagram.special, parameter, state)
    return labelled(ax, axis_label(model, parameter, parameter), name_label(model, state))


def _draw_stability(ax: Axes, branch: Branch, state: str, named: dict[str, None]) -> None:
    """Draw a branch of equilibria: stable parts solid, unstable ones dashed."""
    points = branch.points
    x, y = (points[name].to_numpy(dtype=float) for name in (branch.parameter, state))
    stable = points["stable"].to_numpy(dtype=bool)
    # A part reaches to the first point of the next, so that the line has no gap.
    edges = [0, *(np.flatnonzero(np.diff(stable)) + 1), len(x)]
    for first, last in itertools.pairwise(edges):
        kind = bool(stable[first])
        label = _once("stable" if kind else "unstable", named)
        part = slice(first, last + 1)
        ax.plot(x[part], y[part], color="black", linestyle="-" if kind else "--", label=label)


def _mark_special(ax: Axes, special: pd.DataFrame, parameter: str, state: str) -> None:
    """Mark the special points of equilibria."""
    for sort, (mark, face, called) in _SPECIAL.items():
        # Points of cycles have no value of a state.
        found = special[(special["kind"] == sort) & special[state].notna()]
        if len(found):
            ax.plot(
                found[parameter].to_numpy(dtype=float),
                found[state].to_numpy(dtype=float),
                linestyle="none", marker=mark, markerfacecolor=face, markeredgecolor="black",
                label=called, zorder=3,
            )  # fmt: skip


def plot_cycles(cycles: Cycles, state: str, ax: Axes | None = None) -> Axes:
    """Draw the least and the largest value of a state along a family of periodic orbits.

    Stable parts are solid and unstable ones dashed, in blue; special points are marked.
    """
    model, parameter = cycles.model, cycles.parameter
    ax = axes_of(ax)
    _draw_cycles(ax, cycles, _extremes(state), {})
    return labelled(ax, axis_label(model, parameter, parameter), name_label(model, state))


def plot_periods(families: Sequence[Cycles], ax: Axes | None = None) -> Axes:
    """Draw the periods of families of periodic orbits.

    Stable parts are solid and unstable ones dashed, in blue; special points are marked.

    They are of one model, along one parameter.
    """
    if not families:
        raise OptionError(
            "plot('period'): the diagram has no cycles, so there is no period to draw"
        )
    model, parameter = families[0].model, families[0].parameter
    ax = axes_of(ax)
    named: dict[str, None] = {}
    for family in families:
        _draw_cycles(ax, family, ["period"], named)
    unit = f" ({model.time_unit})" if model.time_unit else ""
    return labelled(ax, axis_label(model, parameter, parameter), f"period{unit}")


def plot_bands(bands: Bands, ax: Axes | None = None) -> Axes:
    """Draw the shares of parameter sets in which special points lie below each value.

    A line a point, which ends as high as `Bands.share`; the bar below holds 95 % of those sets,
    its mark the median.
    """
    ax = axes_of(ax)
    count = len(bands.special)
    for point, (colour, style) in zip(range(count), lines_of(), strict=False):
        values = np.sort(bands.values(point))
        if not len(values):
            continue
        shares = np.arange(1, len(values) + 1) / len(bands)
        name = bands.name(point).removeprefix("the ")
        ax.step(values, shares, where="post", color=colour, linestyle=style, label=name)
        low, middle, high = np.quantile(values, (0.025, 0.5, 0.975))
        height = -0.04 * (point + 1)
        ax.plot([low, high], [height, height], color=colour, linestyle=style)
        ax.plot([middle], [height], color=colour, marker=MARKS[point % len(MARKS)])
    ax.set_ylim(-0.04 * (count + 1), 1.02)
    return labelled(
        ax, axis_label(bands.model, bands.parameter, bands.parameter), "share of parameter sets"
    )


def _extremes(state: str) -> list[str]:
    """Return the columns with the least and the largest value of a state over a period."""
    return [f"min_{state}", f"max_{state}"]


def _draw_cycles(ax: Axes, cycles: Cycles, drawn: Sequence[str], named: dict[str, None]) -> None:
    """Draw columns of a family of cycles and its special points, each name in the legend once."""
    points, parameter = cycles.points, cycles.parameter
    x, stable = (
        points[parameter].to_numpy(dtype=float),
        points["stable"].to_numpy(dtype=bool).copy(),
    )
    ends = [points[name].to_numpy(dtype=float) for name in drawn]
    # The orbit of no size at a Hopf point is neither; it is drawn as its neighbour.
    neither = ~stable & (points["n_unstable"].to_numpy() == 0)
    for k, beside in ((0, 1), (-1, -2)):
        if len(x) > 1 and neither[k]:
            stable[k] = stable[beside]
    edges = [0, *(np.flatnonzero(np.diff(stable)) + 1), len(x)]
    for first, last in itertools.pairwise(edges):
        called = "stable cycle" if stable[first] else "unstable cycle"
        part = slice(first, last + 1)
        for y in ends:
            ax.plot(
                x[part], y[part], color="tab:blue", linestyle="-" if stable[first] else "--",
                label=_once(called, named),
            )  # fmt: skip
    for sort, (mark, called) in _SPECIAL_CYCLES.items():
        found = cycles.special[cycles.special["kind"] == sort]
        for name in drawn if len(found) else ():
            ax.plot(
                found[parameter].to_numpy(dtype=float),
                found[name].to_numpy(dtype=float),
                linestyle="none", marker=mark, markerfacecolor="white", color="tab:blue",
                label=_once(called, named), zorder=3,
            )  # fmt: skip


def plot_curve(curve: BifurcationCurve, ax: Axes | None = None) -> Axes:
    """Draw a curve of bifurcations in the plane of its two parameters.

    Folds are solid, Hopf points dashed, branch points dotted; each kind of special point has
    a mark of its own. Curves that share Axes share the legend.
    """
    first, second = curve.parameters
    ax = axes_of(ax)
    known = set(ax.get_legend_handles_labels()[1])
    name, style = _CURVES[curve.kind]
    points, special = curve.points, curve.special
    ax.plot(
        points[first].to_numpy(dtype=float),
        points[second].to_numpy(dtype=float),
        color="tab:blue" if curve.kind in _OF_CYCLES else "black",
        linestyle=style,
        label=None if name in known else name,
    )
    for kind, (mark, face, called) in _SPECIAL_2.items():
        found = special[special["kind"] == kind]
        if len(found):
            ax.plot(
                found[first].to_numpy(dtype=float),
                found[second].to_numpy(dtype=float),
                linestyle="none",
                marker=mark,
                markerfacecolor=face,
                markeredgecolor="black",
                label=None if called in known else called,
            )
    return labelled(
        ax, axis_label(curve.model, first, first), axis_label(curve.model, second, second)
    )


def plot_regime_map(found: RegimeMap, ax: Axes | None = None) -> Axes:
    """Draw the regimes over two parameters, and the curves of bifurcations on top.

    Each regime has a fill and a hatch of its own; curves are drawn as `plot_curve` does.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    fresh = ax is None
    ax = axes_of(ax)
    first, second = found.parameters
    x, y = (np.unique(found.grid[name].to_numpy(dtype=float)) for name in (first, second))
    regime = found.grid["regime"].to_numpy(dtype=str).reshape(found.shape)
    patches = []
    for name, (colour, hatch) in zip(found.share, itertools.cycle(_FILLS), strict=False):
        here = np.ma.masked_not_equal((regime == name).astype(float), 1.0)
        # Hatches run on from cell to cell, since they are measured on the page.
        ax.pcolor(
            _edges(x), _edges(y), here.T, cmap=ListedColormap([colour]), edgecolors="0.6",
            linewidth=0.0, hatch=hatch, zorder=0,
        )  # fmt: skip
        patches.append(Patch(facecolor=colour, edgecolor="0.6", hatch=hatch, label=name))
    for curve in found.curves:
        plot_curve(curve, ax)
    handles, labels = ax.get_legend_handles_labels()
    # Its entries stand in the legend of all.
    legend = ax.get_legend()
    if legend is not None:
        legend.remove()
    ax.set_xlabel(axis_label(found.model, first, first))
    ax.set_ylabel(axis_label(found.model, second, second))
    ax.set_xlim(*found.span[first])
    ax.set_ylim(*found.span[second])
    entries = [*patches, *handles]
    if fresh:
        ax.figure.legend(handles=entries, loc="outside right upper")
    else:
        ax.legend(handles=entries, labels=[*(each.get_label() for each in patches), *labels])
    return ax


def _once(called: str, named: dict[str, None]) -> str | None:
    """Return a label the first time it is asked for."""
    if called in named:
        return None
    named[called] = None
    return called


def _edges(values: Array) -> Array:
    """Return the edges of the cells around uniform values."""
    half = (values[1] - values[0]) / 2.0
    return np.append(values - half, values[-1] + half)
