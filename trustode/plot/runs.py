"""Figures of solutions, scans, and what is found by brute force.

Imports what figures share, and what it draws for its types.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..compile import compile
from ..errors import OptionError, listed, nearest
from ..model import Model
from .parts import (
    MARKS,
    axes_of,
    axis_label,
    labelled,
    legend_label,
    lines_of,
    name_label,
    time_label,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..basins import Basins
    from ..bifurcation import Equilibrium
    from ..ensemble import Ensemble
    from ..orbit_diagram import OrbitDiagram
    from ..scan import Scan
    from ..simulate import Solution
    from ..sweep import Sweep

Array = NDArray[np.float64]

#: Points of a plane along each axis for nullclines, and how many of them to an arrow.
_POINTS, _EVERY = 105, 7
#: Nullclines are never solid, which the course is.
_DASHES = {"-": "--", "--": ":"}
#: Runs of an ensemble that are still drawn as single lines.
_FEW_RUNS = 8
#: Room around what is drawn, of its length.
_ROOM = 0.12


def plot_ensemble(found: Ensemble, name: str, ax: Axes | None = None) -> Axes:
    """Draw a state or observable of all runs over time.

    Up to eight runs are a line each; of more the median is drawn, with the middle half and the
    middle 90 % of those that came so far.
    """
    ax = axes_of(ax)
    y = found[name]
    if len(y) <= _FEW_RUNS:
        for k, (run, (colour, style)) in enumerate(zip(y, lines_of(), strict=False)):
            ax.plot(found.t, run, color=colour, linestyle=style, label=f"run {k}")
    else:
        low, quarter, middle, upper, high = found.quantiles(name, (0.05, 0.25, 0.5, 0.75, 0.95))
        for below, above, shade, label in (
            (low, high, "0.88", "middle 90 %"),
            (quarter, upper, "0.7", "middle half"),
        ):
            ax.fill_between(found.t, below, above, color=shade, linewidth=0.0, label=label)
        ax.plot(found.t, middle, color="black", label=f"median of {len(y)} runs")
    ax.margins(x=0)
    return labelled(ax, time_label(found.model), name_label(found.model, name))


def plot_solution(
    solution: Solution, names: str | Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw states, observables or inputs over time.

    A solution at the solver's own steps is drawn as the curve between them.
    """
    model = solution.model
    wanted = _names(names, model.states)
    curve = solution.smooth()
    series = {name: curve[name] for name in wanted}
    ax = axes_of(ax)
    for (name, values), (colour, style) in zip(series.items(), lines_of(), strict=False):
        label = legend_label(model, name)
        ax.plot(curve.t, values, color=colour, linestyle=style, label=label)
    ax.margins(x=0)
    if len(wanted) > 1:
        up = "states" if set(wanted) <= set(model.states) else "values"
        return labelled(ax, time_label(model), up)
    ax.set_xlabel(time_label(model))
    ax.set_ylabel(name_label(model, wanted[0]))
    return ax


def plot_phase(
    solution: Solution,
    plane: Sequence[Any],
    ax: Axes | None = None,
    *,
    equilibria: Iterable[Equilibrium] = (),
) -> Axes:
    """Draw two states against each other, with the flow and where each of them stands still.

    Arrows have the direction of the flow and no length of it. On a nullcline one of the two
    states does not change; where two of them cross, neither does. Both are drawn for the
    parameters of the solution, and for other states and inputs as they are at its end.

    Equilibria, as `trustode.equilibria` finds them, are marked: filled where stable, open where
    not.
    """
    model, curve = solution.model, solution.smooth()
    pair = [] if isinstance(plane, str) or not isinstance(plane, Sequence) else _names(plane, ())
    if len(set(pair)) != 2 or len(pair) != 2:
        raise OptionError(
            f"plot_phase({model.name}): plane={plane!r:.60} must be two states, as ('T', 'L')"
        )
    across, up = (_a_state(model, name, "plot_phase") for name in pair)
    points = list(equilibria)
    x, y = (
        _ticks(model, name, [*curve[name], *(each.state[name] for each in points)])
        for name in (across, up)
    )
    ax = axes_of(ax)
    dx, dy = _flow(solution, across, up, x, y)
    for rate, name, (colour, style) in zip((dx, dy), (across, up), lines_of(), strict=False):
        if np.nanmin(rate) < 0 < np.nanmax(rate):
            ax.contour(x, y, rate, levels=[0.0], colors=colour, linestyles=[_DASHES[style]])
            ax.plot([], [], color=colour, linestyle=_DASHES[style], label=f"d{name}/dt = 0")
    # Directions as they look: an arrow along a curve is drawn along it.
    some = slice(_EVERY // 2, None, _EVERY)
    width, height = np.ptp(x), np.ptp(y)
    run, rise = dx[some, some] / width, dy[some, some] / height
    length = np.hypot(run, rise)
    length[length == 0] = np.nan
    ax.quiver(
        x[some], y[some], run / length, rise / length, color="0.6", angles="uv", pivot="mid",
        scale=26, width=0.003, headwidth=4, zorder=0,
    )  # fmt: skip
    ax.plot(curve[across], curve[up], color="black", label="course")
    ax.plot(curve[across][0], curve[up][0], "k>", markersize=5, label="start")
    for stable, face, label in ((True, "black", "stable"), (False, "white", "unstable")):
        here = [each.state for each in points if each.stable == stable]
        if here:
            ax.plot(
                [each[across] for each in here], [each[up] for each in here], "o",
                markerfacecolor=face, markeredgecolor="black", label=f"{label} equilibrium",
            )  # fmt: skip
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(y[0], y[-1])
    ax.set_xlabel(name_label(model, across))
    ax.set_ylabel(name_label(model, up))
    if len(model.states) > 2:
        ax.set_title("flow for the other states as they are at the end", fontsize="medium")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=3, frameon=False)
    return ax


def plot_scan(scan: Scan, name: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw what a scan measured over the one or two axes of its grid.

    Along one axis a number is a line and a regime a row of marks; over two axes a number is
    a grey shading with labelled contours and a regime a grid of marks.

    `name` is a column of the scan, or a state: then everything that was measured of it along one
    axis. Unless given it is the period, or else the first measure.
    """
    model = scan.model
    varied = [key for names in scan.vary for key in names]
    measured = [key for key in scan.names if key not in (*varied, "status")]
    if len(scan.vary) > 2:
        raise OptionError(
            f"plot_scan({model.name}): the grid has {len(scan.vary)} axes; at most 2 can be "
            "drawn. Draw a slice of scan.to_frame()"
        )
    if name is None:
        name = "period" if "period" in measured else measured[0]
    of_state = [key for key in measured if key.split("_", 1)[-1] == name]
    if name in model.states and of_state and len(scan.vary) == 1:
        columns = of_state
    elif name in scan.names:
        columns = [name]
    else:
        raise OptionError(
            f"plot_scan({model.name}): the scan has no {name!r:.60}{nearest(str(name), measured)} "
            f"It has {listed(measured, 40)}"
        )
    ax = axes_of(ax)
    axes = [(" = ".join(names), names[0]) for names in scan.vary]
    x = scan[axes[0][1]]
    ax.set_xlabel(axis_label(model, *axes[0]))
    if len(axes) == 1:
        _draw_along(ax, scan, columns, x)
        ax.set_ylabel(_measure_label(model, columns[0] if len(columns) == 1 else name))
        return ax
    y = scan[axes[1][1]]
    ax.set_ylabel(axis_label(model, *axes[1]))
    values = scan[columns[0]]
    if values.dtype.kind == "f":
        _shade(ax, x, y, values)
    else:
        _mark(ax, x.ravel(), y.ravel(), values.ravel())
    ax.set_title(_measure_label(model, columns[0]))
    return ax


def plot_orbit_diagram(
    diagram: OrbitDiagram, state: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw where orbits pass in the long run, a dot each, over the parameter."""
    model = diagram.model
    state = _a_state(model, state or diagram.state, "plot_orbit_diagram")
    ax = axes_of(ax)
    frame = diagram.to_frame()
    ax.plot(frame[diagram.name], frame[state], "k,", rasterized=True)
    ax.set_xlabel(name_label(model, diagram.name))
    ax.set_ylabel(name_label(model, state))
    ax.set_title(diagram.section)
    return ax


def plot_basins(basins: Basins, ax: Axes | None = None) -> Axes:
    """Draw the starts over the first two states varied, marked by where they go."""
    ax = axes_of(ax)
    frame, names = basins.to_frame(), list(basins.region)
    second = names[1] if len(names) > 1 else None
    kinds = zip(basins.attractors["name"], itertools.cycle(MARKS), lines_of(), strict=False)
    for k, (name, mark, (colour, _)) in enumerate(kinds):
        part = frame[frame["attractor"] == name]
        y = part[second] if second else np.zeros(len(part))
        # Filled and open by turns: as small as they are, forms alone are hard to tell apart.
        ax.plot(
            part[names[0]], y, linestyle="none", marker=mark, color=colour, markersize=3.5,
            fillstyle="none" if k % 2 else "full", label=name,
        )  # fmt: skip
    ax.set_xlabel(f"{names[0]} at the start")
    if second:
        ax.set_ylabel(f"{second} at the start")
    else:
        ax.set_yticks([])
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False)
    return ax


def plot_sweep(sweep: Sweep, state: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the extremes of a state on the way up and the way down over the parameter."""
    model = sweep.model
    state = _a_state(model, state or model.states[0], "plot_sweep")
    ax = axes_of(ax)
    for way, style, label in ((sweep.up, "-", "up"), (sweep.down, "--", "down")):
        for extreme in ("min", "max"):
            ax.plot(
                way[sweep.name],
                way[f"{extreme}_{state}"],
                style,
                color="C0" if label == "up" else "C1",
                label=label if extreme == "min" else None,
            )
    return labelled(ax, name_label(model, sweep.name), name_label(model, state))


def _measure_label(model: Model, name: str) -> str:
    """Return the label of a measure."""
    if name in model.states:
        return name_label(model, name)
    kind, _, state = name.partition("_")
    if state in model.states:
        return f"{kind} of {name_label(model, state)}"
    if name == "period" and model.time_unit:
        return f"period ({model.time_unit})"
    return name.replace("_", " ")


def _names(names: str | Sequence[str] | None, default: Sequence[str]) -> list[str]:
    """Return a list of names from one, several or none."""
    if names is None:
        return list(default)
    if isinstance(names, str) or not isinstance(names, Sequence):
        names = [names]
    return [str(getattr(name, "name", name)) for name in names]


def _draw_along(ax: Axes, scan: Scan, columns: Sequence[str], x: Array) -> None:
    """Draw measures along a single axis."""
    if scan[columns[0]].dtype.kind == "f":
        for column, (colour, style) in zip(columns, lines_of(), strict=False):
            label = column.split("_", 1)[0]
            ax.plot(x, scan[column], color=colour, linestyle=style, marker=".", label=label)
        if len(columns) > 1:
            ax.legend()
        return
    values = scan[columns[0]].astype(str)
    kinds = list(dict.fromkeys(values))
    for row, (kind, mark) in enumerate(zip(kinds, itertools.cycle(MARKS), strict=False)):
        here = x[values == kind]
        ax.plot(here, np.full(len(here), row), linestyle="none", marker=mark, color="black")
    ax.set_yticks(range(len(kinds)), kinds)
    ax.margins(y=0.2)


def _mark(ax: Axes, x: Array, y: Array, values: NDArray[Any]) -> None:
    """Draw a category at each point of a plane."""
    kinds = sorted(set(values.astype(str)))
    for kind, mark, (colour, _) in zip(kinds, itertools.cycle(MARKS), lines_of(), strict=False):
        here = values.astype(str) == kind
        ax.plot(x[here], y[here], linestyle="none", marker=mark, color=colour, label=kind)
    ax.figure.legend(loc="outside right upper")


def _shade(ax: Axes, x: Array, y: Array, values: Array) -> None:
    """Draw a number over a plane: shading, and contours with their values."""
    mesh = ax.pcolormesh(x, y, values, cmap="Greys", shading="nearest")
    ax.figure.colorbar(mesh, ax=ax)
    if min(values.shape) > 1 and np.isfinite(values).all() and np.ptp(values) > 0:
        ax.clabel(ax.contour(x, y, values, colors="#D55E00", linewidths=0.8))


def _ticks(model: Model, name: str, values: Sequence[float]) -> Array:
    """Return evenly spaced values of a state around those that are drawn, within its bounds."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = _ROOM * (high - low) or 0.5 * max(abs(low), 1.0)
    least, most = model.bounds.get(name, (-np.inf, np.inf))
    return np.linspace(min(low, max(low - room, least)), max(high, min(high + room, most)), _POINTS)


def _flow(solution: Solution, across: str, up: str, x: Array, y: Array) -> tuple[Array, Array]:
    """Return the rates of change of two states over their plane, each of shape (n_y, n_x)."""
    model = solution.model
    rhs = compile(model).rhs
    p = np.array([solution.params[name] for name in model.params])
    u = np.array([solution[name][-1] for name in model.inputs])
    state, t = solution.y[-1].copy(), float(solution.t[-1])
    first, second = model.states.index(across), model.states.index(up)
    found = np.empty((2, len(y), len(x)))
    for row, high in enumerate(y):
        for column, wide in enumerate(x):
            state[first], state[second] = wide, high
            rate = rhs(t, state, p, u)
            found[:, row, column] = rate[first], rate[second]
    return found[0], found[1]


def _a_state(model: Model, name: str, where: str) -> str:
    """Return the name of a state, or raise."""
    if name not in model.states:
        raise OptionError(
            f"{where}({model.name}): {name!r:.60} is not a state"
            f"{nearest(str(name), model.states) or '.'} The states are: {', '.join(model.states)}"
        )
    return name
