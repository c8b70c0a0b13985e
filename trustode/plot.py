"""Figures of results: Axes in, Axes out, readable without colour.

Nothing here shows a window. A function that is given Axes draws there and touches nothing
else; one that is given none makes a figure with pyplot, as other libraries do. Imports the
errors and models, and what it draws for its types; matplotlib when a figure is made.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import OptionError, listed, nearest
from .model import Model

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from .basins import Basins
    from .bifurcation import Bands, BifurcationCurve, Branch, Cycles, Diagram
    from .fit import Fit, Recovery
    from .fit.profile import Profile
    from .fit.sample import Posterior
    from .orbit_diagram import OrbitDiagram
    from .regime_map import RegimeMap
    from .scan import Scan
    from .simulate import Solution
    from .sweep import Sweep

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
_MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
#: How special points of a branch are drawn: mark, face, name in the legend.
_SPECIAL = {
    "fold": ("s", "white", "fold"),
    "hopf": ("o", "black", "Hopf point"),
    "branch_point": ("D", "grey", "branch point"),
}
_LONGEST_MEANING = 48
#: Series that can be told apart in one picture.
_MOST_SERIES = 6


def plot_solution(
    solution: Solution, names: str | Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw states, observables or inputs over time.

    A solution at the solver's own steps is drawn as the curve between them.

    Parameters
    ----------
    solution : Solution
    names : str or sequence of str, optional
        What to draw; all states unless given.
    ax : Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    Axes

    Raises
    ------
    ModelError
        If the solution has no such name.
    """
    model = solution.model
    wanted = _names(names, model.states)
    curve = solution.smooth()
    series = {name: curve[name] for name in wanted}
    ax = _axes(ax)
    for (name, values), (colour, style) in zip(series.items(), _lines(), strict=False):
        ax.plot(curve.t, values, color=colour, linestyle=style, label=name)
    ax.set_xlabel(time_label(model))
    if len(wanted) == 1:
        ax.set_ylabel(name_label(model, wanted[0]))
    else:
        ax.set_ylabel("states" if set(wanted) <= set(model.states) else "values")
        ax.legend()
    ax.margins(x=0)
    return ax


def plot_scan(scan: Scan, name: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw what a scan measured over the one or two axes of its grid.

    Along one axis a number is a line and a regime a row of marks; over two axes a number is
    a grey shading with labelled contours and a regime a grid of marks.

    Parameters
    ----------
    scan : Scan
    name : str, optional
        A column of the scan, or a state: then everything that was measured of it along one
        axis. The period, or else the first measure, unless given.
    ax : Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    Axes

    Raises
    ------
    OptionError
        If the grid has more than two axes, or the scan has no such column.
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
    ax = _axes(ax)
    axes = [(" = ".join(names), names[0]) for names in scan.vary]
    x = scan[axes[0][1]]
    ax.set_xlabel(_axis_label(model, *axes[0]))
    if len(axes) == 1:
        _draw_along(ax, scan, columns, x)
        ax.set_ylabel(_measure_label(model, columns[0] if len(columns) == 1 else name))
        return ax
    y = scan[axes[1][1]]
    ax.set_ylabel(_axis_label(model, *axes[1]))
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
    """Draw where orbits pass in the long run, a dot each, over the parameter.

    Parameters
    ----------
    diagram : OrbitDiagram
    state : str, optional
        The diagram's own unless given.
    ax : Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    Axes
    """
    model = diagram.model
    state = _a_state(model, state or diagram.state, "plot_orbit_diagram")
    ax = _axes(ax)
    frame = diagram.to_frame()
    ax.plot(frame[diagram.name], frame[state], "k,", rasterized=True)
    ax.set_xlabel(name_label(model, diagram.name))
    ax.set_ylabel(name_label(model, state))
    ax.set_title(diagram.section)
    return ax


def plot_basins(basins: Basins, ax: Axes | None = None) -> Axes:
    """Draw the starts over the first two states varied, marked by where they go.

    Parameters
    ----------
    basins : Basins
    ax : Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    Axes
    """
    ax = _axes(ax)
    frame, names = basins.to_frame(), list(basins.region)
    second = names[1] if len(names) > 1 else None
    for name in basins.attractors["name"]:
        part = frame[frame["attractor"] == name]
        y = part[second] if second else np.zeros(len(part))
        ax.plot(part[names[0]], y, linestyle="none", marker="s", markersize=3, label=name)
    ax.set_xlabel(f"{names[0]} at the start")
    if second:
        ax.set_ylabel(f"{second} at the start")
    else:
        ax.set_yticks([])
    ax.legend()
    return ax


def plot_sweep(sweep: Sweep, state: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the extremes of a state on the way up and the way down over the parameter.

    Parameters
    ----------
    sweep : Sweep
    state : str, optional
        The first unless given.
    ax : Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    Axes
    """
    model = sweep.model
    state = _a_state(model, state or model.states[0], "plot_sweep")
    ax = _axes(ax)
    for way, style, label in ((sweep.up, "-", "up"), (sweep.down, "--", "down")):
        for extreme in ("min", "max"):
            ax.plot(
                way[sweep.name],
                way[f"{extreme}_{state}"],
                style,
                color="C0" if label == "up" else "C1",
                label=label if extreme == "min" else None,
            )
    ax.set_xlabel(name_label(model, sweep.name))
    ax.set_ylabel(name_label(model, state))
    ax.legend()
    return ax


def _a_state(model: Model, name: str, where: str) -> str:
    """Return the name of a state, or raise."""
    if name not in model.states:
        raise OptionError(
            f"{where}({model.name}): {name!r:.60} is not a state"
            f"{nearest(str(name), model.states) or '.'} The states are: {', '.join(model.states)}"
        )
    return name


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


def plot_branch(branch: Branch, state: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw a branch of equilibria over its parameter.

    Stable parts are solid and unstable ones dashed; folds are white squares, Hopf points
    black dots.

    Parameters
    ----------
    branch : Branch
    state : str, optional
        The state to draw; the first of the model unless given.
    ax : Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    Axes

    Raises
    ------
    OptionError
        If the model has no such state.
    """
    model, parameter = branch.model, branch.parameter
    state = model.states[0] if state is None else str(getattr(state, "name", state))
    if state not in model.states:
        raise OptionError(
            f"plot_branch({model.name}): there is no state {state!r:.60}"
            f"{nearest(state, model.states)} The states are: {listed(model.states, 40)}"
        )
    ax = _axes(ax)
    _draw_stability(ax, branch, state, {})
    _mark_special(ax, branch.special, parameter, state)
    ax.set_xlabel(_axis_label(model, parameter, parameter))
    ax.set_ylabel(name_label(model, state))
    ax.legend()
    return ax


def plot_diagram(diagram: Diagram, state: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw a state along all branches of a diagram.

    Equilibria are black, cycles blue, at the least and the largest value over a period;
    stable parts are solid and unstable ones dashed.

    Parameters
    ----------
    diagram : Diagram
    state : str, optional
        The state to draw; the first of the model unless given.
    ax : Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    Axes

    Raises
    ------
    OptionError
        If the model has no such state.
    """
    model, parameter = diagram.model, diagram.parameter
    state = model.states[0] if state is None else str(getattr(state, "name", state))
    if state not in model.states:
        raise OptionError(
            f"plot_diagram({model.name}): there is no state {state!r:.60}"
            f"{nearest(state, model.states)} The states are: {listed(model.states, 40)}"
        )
    ax = _axes(ax)
    named: dict[str, None] = {}
    for branch in diagram.equilibria:
        _draw_stability(ax, branch, state, named)
    for family in diagram.cycles:
        _draw_cycles(ax, family, state, named)
    _mark_special(ax, diagram.special, parameter, state)
    ax.set_xlabel(_axis_label(model, parameter, parameter))
    ax.set_ylabel(name_label(model, state))
    if ax.get_legend_handles_labels()[0]:
        ax.legend()
    return ax


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

    Parameters
    ----------
    cycles : Cycles
    state : str
    ax : Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    Axes
    """
    model, parameter = cycles.model, cycles.parameter
    ax = _axes(ax)
    _draw_cycles(ax, cycles, state, {})
    ax.set_xlabel(_axis_label(model, parameter, parameter))
    ax.set_ylabel(name_label(model, state))
    ax.legend()
    return ax


def plot_bands(bands: Bands, ax: Axes | None = None) -> Axes:
    """Draw the shares of parameter sets in which special points lie below each value.

    A line a point, which ends as high as the share of the sets in which it was found; the bar
    below holds 95 % of those, its mark the median.

    Parameters
    ----------
    bands : Bands
    ax : Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    Axes
    """
    ax = _axes(ax)
    count = len(bands.special)
    for point, (colour, style) in zip(range(count), _lines(), strict=False):
        values = np.sort(bands.values(point))
        if not len(values):
            continue
        shares = np.arange(1, len(values) + 1) / len(bands)
        name = bands.name(point).removeprefix("the ")
        ax.step(values, shares, where="post", color=colour, linestyle=style, label=name)
        low, middle, high = np.quantile(values, (0.025, 0.5, 0.975))
        height = -0.04 * (point + 1)
        ax.plot([low, high], [height, height], color=colour, linestyle=style)
        ax.plot([middle], [height], color=colour, marker=_MARKS[point % len(_MARKS)])
    ax.set_ylim(-0.04 * (count + 1), 1.02)
    ax.set_xlabel(_axis_label(bands.model, bands.parameter, bands.parameter))
    ax.set_ylabel("share of parameter sets")
    if ax.get_legend_handles_labels()[0]:
        ax.legend()
    return ax


def _draw_cycles(ax: Axes, cycles: Cycles, state: str, named: dict[str, None]) -> None:
    """Draw a family of cycles and its special points, each name in the legend once."""
    points, parameter = cycles.points, cycles.parameter
    x, stable = (
        points[parameter].to_numpy(dtype=float),
        points["stable"].to_numpy(dtype=bool).copy(),
    )
    ends = [points[f"{end}_{state}"].to_numpy(dtype=float) for end in ("min", "max")]
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
        for end in ("min", "max") if len(found) else ():
            ax.plot(
                found[parameter].to_numpy(dtype=float),
                found[f"{end}_{state}"].to_numpy(dtype=float),
                linestyle="none", marker=mark, markerfacecolor="white", color="tab:blue",
                label=_once(called, named), zorder=3,
            )  # fmt: skip


def _once(called: str, named: dict[str, None]) -> str | None:
    """Return a label the first time it is asked for."""
    if called in named:
        return None
    named[called] = None
    return called


def plot_fit(fit: Fit, ax: Axes | None = None) -> Axes:
    """Draw what was observed and what is predicted over time.

    Marks are observations and lines predictions: of each series, or of the means over all
    groups at each time where there are too many series to tell apart. Levels that are texts
    are drawn as their places, 1, 2, ...

    Parameters
    ----------
    fit : Fit
    ax : Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    Axes
    """
    table = _places(fit)
    series = dict(list(table.groupby(["column", "group"], sort=False)))
    labels = {key: f"{key[0]}, {key[1]}" for key in series}
    if len(series) > _MOST_SERIES:
        series = {(name, ""): part for name, part in table.groupby("column", sort=False)}
        labels = {key: f"{key[0]}, mean of {part['group'].nunique()} groups"
                  for key, part in series.items()}  # fmt: skip
    ax = _axes(ax)
    marks = itertools.cycle(_MARKS)
    for (key, part), (colour, style), mark in zip(series.items(), _lines(), marks, strict=False):
        means = part.groupby("time")[["observed", "predicted"]].mean()
        ax.plot(means.index, means["observed"], mark, color=colour, label=labels[key])
        ax.plot(means.index, means["predicted"], linestyle=style, color=colour)
    columns = list(dict.fromkeys(str(name) for name, _ in series))
    ax.set_xlabel(time_label(fit.model))
    ax.set_ylabel(", ".join(columns))
    ax.legend(title="marks: observed, lines: predicted")
    return ax


def _places(fit: Fit) -> pd.DataFrame:
    """Return a fit's residuals with numbers in the place of texts."""
    table = fit.residuals.copy()
    for side in ("observed", "predicted"):
        values = table[side].astype(object)
        for column, observation in fit.observed.items():
            options = observation.options or ()
            if any(isinstance(option, str) for option in options):
                here = table["column"] == column
                place = {option: k + 1 for k, option in enumerate(options)}
                values[here] = values[here].map(place)
        table[side] = values.astype(float)
    return table


def plot_starts(fit: Fit, ax: Axes | None = None) -> Axes:
    """Draw where the starts of a fit ended, the best first: a waterfall.

    A flat foot means that many starts agree; black marks converged. What failed is counted in
    the title.

    Parameters
    ----------
    fit : Fit
    ax : Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    Axes
    """
    ax = _axes(ax)
    table = fit.starts[np.isfinite(fit.starts["nll"])].sort_values("nll")
    order = np.arange(1, len(table) + 1)
    excess = table["nll"].to_numpy(dtype=float) + fit.loglik
    converged = (table["status"] == "converged").to_numpy(dtype=bool)
    ax.plot(order, excess, color="black", linewidth=0.8)
    for done, face, label in ((True, "black", "converged"), (False, "white", "not converged")):
        if (converged == done).any():
            at = converged == done
            ax.plot(
                order[at], excess[at], "o", markerfacecolor=face, markeredgecolor="black",
                label=label,
            )  # fmt: skip
    # Differences of a thousandth and of a thousand should both be seen.
    ax.set_yscale("symlog", linthresh=1e-2)
    ax.set_xlabel("start, the best first")
    ax.set_ylabel("log-likelihood below the best")
    failed = len(fit.starts) - len(table)
    if failed:
        ax.set_title(f"{failed} of {len(fit.starts)} starts failed")
    ax.legend()
    return ax


def plot_residuals(fit: Fit, ax: Axes | None = None) -> Axes:
    """Draw standardised residuals over time.

    Parameters
    ----------
    fit : Fit
    ax : Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    Axes
    """
    ax = _axes(ax)
    marks = itertools.cycle(_MARKS)
    parts = fit.residuals.groupby("column", sort=False)
    for (column, part), (colour, _), mark in zip(parts, _lines(), marks, strict=False):
        ax.plot(
            part["time"], part["residual"], mark, color=colour, label=str(column), fillstyle="none"
        )
    for height, style in ((-2.0, ":"), (0.0, "-"), (2.0, ":")):
        ax.axhline(height, color="black", linewidth=0.8, linestyle=style)
    ax.set_xlabel(time_label(fit.model))
    ax.set_ylabel("standardised residual")
    ax.legend()
    return ax


def plot_profile(profile: Profile, label: str, ax: Axes | None = None) -> Axes:
    """Draw the profile of one value: the fall of the log-likelihood while the others follow.

    The dotted line is the level; where the curve stays below it, the interval is open.

    Parameters
    ----------
    profile : Profile
    label : str
        The value, as in the index of its intervals.
    ax : Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    Axes
    """
    ax = _axes(ax)
    row: Any = profile.intervals.loc[label]
    points = profile.points
    points = points[(points["name"] == row["name"]) & (points["group"] == row["group"])]
    ax.plot(points["value"], points["excess"], color="black", marker=".")
    percent = f"{100 * profile.level:g} %"
    ax.axhline(profile.threshold, color="black", linestyle=":", label=f"{percent} level")
    for side in ("low", "high"):
        if row[f"{side}_end"] == "crossing":
            ax.axvline(float(row[side]), color="black", linestyle="--", linewidth=0.8)
    if profile.logarithmic[label]:
        ax.set_xscale("log")
    # Without points far outside the interval, so that its ends are seen.
    ax.set_ylim(-0.05 * profile.threshold, 1.6 * profile.threshold)
    ax.set_xlabel(label)
    ax.set_ylabel("twice the fall of the log-likelihood")
    ax.legend()
    return ax


def plot_draws(posterior: Posterior, label: str, ax: Axes | None = None) -> Axes:
    """Draw the distribution of a value's draws, one line a chain.

    Chains that agree lie on each other.

    Parameters
    ----------
    posterior : Posterior
    label : str
        The value, as in the index of its params.
    ax : Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    Axes
    """
    ax = _axes(ax)
    values = posterior.draws[label]
    edges = np.histogram_bin_edges(values, bins=min(40, 5 + len(values) // 50))
    parts = posterior.draws.groupby("chain")[label]
    for (chain, part), (colour, style) in zip(parts, _lines(), strict=False):
        heights, _ = np.histogram(part, bins=edges, density=True)
        ax.stairs(heights, edges, color=colour, linestyle=style, label=f"chain {chain}")
    row: Any = posterior.params.loc[label]
    for end in ("low", "high"):
        ax.axvline(row[end], color="black", linestyle="--", linewidth=0.8)
    ax.set_xlabel(label)
    ax.set_ylabel("posterior density")
    ax.legend()
    return ax


def plot_recovery(recovery: Recovery, label: str, ax: Axes | None = None) -> Axes:
    """Draw estimates of a value over what was true, with the line where both are the same.

    Parameters
    ----------
    recovery : Recovery
    label : str
        The value, as in the index of its table.
    ax : Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    Axes
    """
    ax = _axes(ax)
    true, found = recovery.truths[label], recovery.estimates[label]
    ax.plot(true, found, "o", markerfacecolor="none", markeredgecolor="black", markersize=4)
    ends = [float(true.min()), float(true.max())]
    if ends[0] == ends[1]:
        ends = [float(found.min()), float(found.max())]
    ax.plot(ends, ends, color="black", linestyle="--", linewidth=0.8)
    ax.set_xlabel(f"{label}, true")
    ax.set_ylabel(f"{label}, estimated")
    return ax


def time_label(model: Model) -> str:
    """Return the label of a time axis."""
    return f"time ({model.time_unit})" if model.time_unit else "time"


def name_label(model: Model, name: str) -> str:
    """Return the label of a state, observable or input: its meaning, name and bounds."""
    meaning = model.meanings.get(name, "")
    for mark in (":", ";", "(", ","):
        meaning = meaning.split(mark)[0].strip()
    text = f"{meaning}, {name}" if 0 < len(meaning) <= _LONGEST_MEANING else name
    low, high = model.bounds.get(name, (-np.inf, np.inf))
    return f"{text} ({low:g} to {high:g})" if np.isfinite([low, high]).all() else text


def _axis_label(model: Model, text: str, name: str) -> str:
    """Return the label of an axis along which parameters, starts or inputs vary."""
    unit = model.parameters[name].unit if name in model.parameters else ""
    return f"{text} ({unit})" if unit else text


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


def _axes(ax: Axes | None) -> Axes:
    """Return the given Axes, or those of a new figure."""
    if ax is not None:
        return ax
    from matplotlib import pyplot

    made: Axes = pyplot.subplots(layout="constrained")[1]
    return made


def _lines() -> Iterator[tuple[str, Any]]:
    """Yield a colour and a line style, for ever, no two of 49 alike."""
    styles = [style for _, style in LINES]
    for turn in itertools.count():
        for k, (colour, _) in enumerate(LINES):
            yield colour, styles[(k + turn) % len(styles)]


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
        for column, (colour, style) in zip(columns, _lines(), strict=False):
            label = column.split("_", 1)[0]
            ax.plot(x, scan[column], color=colour, linestyle=style, marker=".", label=label)
        if len(columns) > 1:
            ax.legend()
        return
    values = scan[columns[0]].astype(str)
    kinds = list(dict.fromkeys(values))
    for row, (kind, mark) in enumerate(zip(kinds, itertools.cycle(_MARKS), strict=False)):
        here = x[values == kind]
        ax.plot(here, np.full(len(here), row), linestyle="none", marker=mark, color="black")
    ax.set_yticks(range(len(kinds)), kinds)
    ax.margins(y=0.2)


def _mark(ax: Axes, x: Array, y: Array, values: NDArray[Any]) -> None:
    """Draw a category at each point of a plane."""
    kinds = sorted(set(values.astype(str)))
    for kind, mark, (colour, _) in zip(kinds, itertools.cycle(_MARKS), _lines(), strict=False):
        here = values.astype(str) == kind
        ax.plot(x[here], y[here], linestyle="none", marker=mark, color=colour, label=kind)
    ax.figure.legend(loc="outside right upper")


def _shade(ax: Axes, x: Array, y: Array, values: Array) -> None:
    """Draw a number over a plane: shading, and contours with their values."""
    mesh = ax.pcolormesh(x, y, values, cmap="Greys", shading="nearest")
    ax.figure.colorbar(mesh, ax=ax)
    if min(values.shape) > 1 and np.isfinite(values).all() and np.ptp(values) > 0:
        ax.clabel(ax.contour(x, y, values, colors="#D55E00", linewidths=0.8))


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
    "resonance_1_1": ("1", "tab:blue", "1:1 resonance"),
    "resonance_1_2": ("2", "tab:blue", "1:2 resonance"),
    "resonance_1_3": ("3", "tab:blue", "1:3 resonance"),
    "resonance_1_4": ("4", "tab:blue", "1:4 resonance"),
}


def plot_curve(curve: BifurcationCurve, ax: Axes | None = None) -> Axes:
    """Draw a curve of bifurcations in the plane of its two parameters.

    Folds are solid, Hopf points dashed, branch points dotted; each kind of special point has
    a mark of its own. Curves that share Axes share the legend.

    Parameters
    ----------
    curve : BifurcationCurve
    ax : Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    Axes
    """
    first, second = curve.parameters
    ax = _axes(ax)
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
    ax.set_xlabel(_axis_label(curve.model, first, first))
    ax.set_ylabel(_axis_label(curve.model, second, second))
    ax.legend()
    return ax


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


def plot_regime_map(found: RegimeMap, ax: Axes | None = None) -> Axes:
    """Draw the regimes over two parameters, and the curves of bifurcations on top.

    Each regime has a fill and a hatch of its own; curves are drawn as `plot_curve` does.

    Parameters
    ----------
    found : RegimeMap
    ax : Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    Axes
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    fresh = ax is None
    ax = _axes(ax)
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
    ax.set_xlabel(_axis_label(found.model, first, first))
    ax.set_ylabel(_axis_label(found.model, second, second))
    ax.set_xlim(*found.span[first])
    ax.set_ylim(*found.span[second])
    entries = [*patches, *handles]
    if fresh:
        ax.figure.legend(handles=entries, loc="outside right upper")
    else:
        ax.legend(handles=entries, labels=[*(each.get_label() for each in patches), *labels])
    return ax


def _edges(values: Array) -> Array:
    """Return the edges of the cells around uniform values."""
    half = (values[1] - values[0]) / 2.0
    return np.append(values - half, values[-1] + half)
