"""Figures of fits: data, starts, residuals, profiles, draws, and what a design recovers.

Imports what figures share, and what it draws for its types.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .parts import MARKS, axes_of, labelled, lines_of, time_label

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ..fit import Fit, Recovery
    from ..fit.posterior import Posterior
    from ..fit.profile import Profile

Array = NDArray[np.float64]

#: Series that can be told apart in one picture.
_MOST_SERIES = 6
#: Share of the observations that means over enough groups should hold.
_MOST_SHARED = 0.75
#: Difference of log-likelihoods that a picture of starts shows at least.
_LITTLE = 0.1
#: Groups that a mean should be over.
_ENOUGH = 5
#: Numbers of stretches of time that means are tried over.
_STRETCHES = (48, 32, 24, 16, 12, 8, 4)
#: Letters of groups' names that fit side by side.
_ACROSS = 40
#: Groups that are drawn in panels of their own, and the share of its place that a panel takes.
_MOST_PANELS, _PANEL = 36, 0.88
#: Hatches of bands that overlap.
_BANDS = ("", "///", "\\\\\\", "...", "|||", "---")


def plot_fit(fit: Fit, ax: Axes | None = None, groups: Sequence[Hashable] | None = None) -> Axes:
    """Draw what was observed and what is predicted over time, of all groups or of some.

    Marks are observations and lines the predicted courses: of each series, or of `mean_courses`
    where there are too many series to tell apart. Levels that are texts are drawn as their
    places, 1, 2, ...
    """
    seen = _of_groups(_places(fit, fit.residuals), groups)
    if groups is None and seen.groupby(["column", "group"]).ngroups > _MOST_SERIES:
        return plot_means(fit, mean_courses(fit), ax)
    ax = axes_of(ax)
    marks = itertools.cycle(MARKS)
    courses = _places(fit, fit.courses()).groupby(["column", "group"], sort=False)
    whose = dict(list(courses))
    series = seen.groupby(["column", "group"], sort=False)
    several = fit.residuals["group"].nunique() > 1
    for (key, part), (colour, style), mark in zip(series, lines_of(), marks, strict=False):
        label = f"{key[0]}, {key[1]}" if several else str(key[0])
        ax.plot(part["time"], part["observed"], mark, color=colour, label=label)
        ax.plot(whose[key]["time"], whose[key]["predicted"], linestyle=style, color=colour)
    return _fit_axes(fit, seen, ax)


def _of_groups(table: pd.DataFrame, groups: Sequence[Hashable] | None) -> pd.DataFrame:
    """Return the rows of some groups, in their order; of all unless given."""
    if groups is None:
        return table
    return table[[group in groups for group in table["group"]]]


def plot_persons(
    fit: Fit, ax: Axes | None = None, groups: Sequence[Hashable] | None = None
) -> Axes:
    """Draw each group in a panel of its own: marks are observations, lines its predicted course.

    The panels stand inside the Axes and have the same limits. Up to 36 groups are drawn.
    """
    seen = _of_groups(_places(fit, fit.residuals), groups)
    every = list(dict.fromkeys(seen["group"])) if groups is None else list(groups)
    shown = every[:_MOST_PANELS]
    across, up = _panels(len(shown))
    own = ax is None
    ax = axes_of(ax)
    if own:
        ax.figure.set_size_inches(*persons_size(len(shown)))  # type: ignore[union-attr]
    courses = _of_groups(_places(fit, fit.courses()), shown)
    parts = [_of_groups(each, shown) for each in (seen, courses)]
    drawn = {group: [_of_groups(part, [group]) for part in parts] for group in shown}
    values = np.concatenate([parts[0]["observed"], parts[1]["predicted"]])
    times = np.concatenate([part["time"] for part in parts])
    columns = list(dict.fromkeys(seen["column"]))
    for k, (group, (marks, lines)) in enumerate(drawn.items()):
        row, column = divmod(k, across)
        place = (column / across, 1.0 - (row + 1) / up, _PANEL / across, _PANEL / up)
        panel = ax.inset_axes(place)
        styles = zip(columns, lines_of(), itertools.cycle(MARKS), strict=False)
        for name, (colour, style), mark in styles:
            there, course = (part[part["column"] == name] for part in (marks, lines))
            panel.plot(
                there["time"], there["observed"], mark, color=colour, markersize=3, label=str(name)
            )
            panel.plot(course["time"], course["predicted"], linestyle=style, color=colour)
        panel.set_title(str(group), fontsize="small", pad=2)
        panel.set_xlim(_with_margin(times))
        panel.set_ylim(_with_margin(values))
        panel.tick_params(
            labelsize="small", labelleft=column == 0, labelbottom=k + across >= len(shown)
        )
    styles = zip(columns, lines_of(), itertools.cycle(MARKS), strict=False)
    for name, (colour, style), mark in styles if len(columns) > 1 else ():
        ax.plot([], [], mark, color=colour, linestyle=style, label=str(name))
    ax.set(xticks=[], yticks=[], frame_on=False)
    if len(shown) < len(every):
        ax.set_title(f"{len(shown)} of {len(every)} groups; groups= takes others", pad=16)
    ax.xaxis.labelpad, ax.yaxis.labelpad = 18, 30
    return _fit_axes(fit, seen, ax)


def persons_size(groups: int) -> tuple[float, float]:
    """Return the inches that a figure of so many groups in panels needs."""
    across, up = _panels(min(groups, _MOST_PANELS))
    return 1.6 + 1.6 * across, 1.4 + 1.3 * up


def _panels(groups: int) -> tuple[int, int]:
    """Return how many panels stand side by side, and how many rows of them there are."""
    across = math.ceil(math.sqrt(1.2 * groups))
    return across, math.ceil(groups / across)


def _with_margin(values: Array) -> tuple[float, float]:
    """Return the ends of an axis that shows all values."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def mean_courses(fit: Fit, fewest: int = _ENOUGH) -> pd.DataFrame:
    """Tabulate means over groups of what was observed and what is predicted.

    Parameters
    ----------
    fit : Fit
    fewest : int
        Groups that a mean should be over. Where occasions are at so many times of their own
        that most means would be of fewer, means are over stretches of time.

    Returns
    -------
    DataFrame
        column, time, observed, predicted, groups (that the mean is over), stretch (its length;
        0 for a single time).
    """
    import pandas as pd

    parts = []
    for column, rows in _places(fit, fit.residuals).groupby("column", sort=False):
        together, stretch = _together(rows["time"], rows["group"], fewest)
        by = rows.groupby(together)
        means = by[["time", "observed", "predicted"]].mean()
        means = means.assign(column=column, groups=by["group"].nunique(), stretch=stretch)
        parts.append(means)
    whole = pd.concat(parts, ignore_index=True)
    return whole[["column", "time", "observed", "predicted", "groups", "stretch"]]


def _together(time: Any, group: Any, fewest: int) -> tuple[NDArray[np.intp], float]:
    """Return which mean each row goes into, in the order of time, and over what stretch."""
    import pandas as pd

    rows = pd.DataFrame({"time": np.asarray(time, dtype=float), "group": np.asarray(group)})
    low, high = rows["time"].min(), rows["time"].max()
    enough = min(fewest, rows["group"].nunique())
    together, stretch = np.unique(rows["time"], return_inverse=True)[1], 0.0
    for n in _STRETCHES:
        groups = rows.groupby(together)["group"].transform("nunique")
        if (groups >= enough).mean() >= _MOST_SHARED or high == low:
            break
        stretch = (high - low) / n
        together = np.minimum((rows["time"] - low) // stretch, n - 1).astype(int)
    return np.unique(together, return_inverse=True)[1], float(stretch)


def plot_means(fit: Fit, means: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw means over groups, observed as marks and predicted as lines."""
    ax = axes_of(ax)
    marks = itertools.cycle(MARKS)
    parts = means.groupby("column", sort=False)
    for (column, part), (colour, style), mark in zip(parts, lines_of(), marks, strict=False):
        groups = fit.residuals.loc[fit.residuals["column"] == column, "group"].nunique()
        label = f"{column}, {_several(groups, part['stretch'].iloc[0], fit.model.time_unit)}"
        ax.plot(part["time"], part["observed"], mark, color=colour, label=label)
        ax.plot(part["time"], part["predicted"], linestyle=style, color=colour)
    return _fit_axes(fit, means, ax)


def _several(groups: int, stretch: float, unit: str) -> str:
    """Say what a mean is over."""
    within = f" in {stretch:.2g} {unit}".rstrip() if stretch else ""
    return f"mean of {groups} groups{within}"


def _fit_axes(fit: Fit, table: pd.DataFrame, ax: Axes) -> Axes:
    """Label the axes of observations and predictions over time."""
    return labelled(
        ax,
        time_label(fit.model),
        ", ".join(dict.fromkeys(map(str, table["column"]))),
        "marks: observed,\nlines: predicted",
    )


def _places(fit: Fit, table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of observations or predictions with numbers in the place of texts."""
    table = table.copy()
    for side in ("observed", "predicted"):
        if side not in table:
            continue
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

    A flat foot means that many starts agree; black marks converged. A cross is where a start
    ended by itself, before it went on from that optimum to a better one. What failed is counted
    in the title.
    """
    from matplotlib.ticker import MaxNLocator

    ax = axes_of(ax)
    table = fit.starts[np.isfinite(fit.starts["nll"])].sort_values("nll")
    order = np.arange(1, len(table) + 1)
    excess = table["nll"].to_numpy(dtype=float) + fit.loglik
    own = table["own_nll"].to_numpy(dtype=float) + fit.loglik
    converged = (table["status"] == "converged").to_numpy(dtype=bool)
    ax.plot(order, excess, color="black", linewidth=0.8)
    for done, face, label in ((True, "black", "converged"), (False, "white", "not converged")):
        if (converged == done).any():
            at = converged == done
            ax.plot(
                order[at], excess[at], "o", markerfacecolor=face, markeredgecolor="black",
                label=label,
            )  # fmt: skip
    onward = np.isfinite(own) & (own > excess + 0.01)
    if onward.any():
        ax.plot(order[onward], own[onward], "x", color="black", label="by itself, before going on")
    # Differences of a thousandth and of a thousand should both be seen, those of rounding not.
    ax.set_yscale("symlog", linthresh=1e-2)
    ax.set_ylim(top=max(_LITTLE, 2.0 * float(np.nanmax([*excess, *own], initial=0.0))))
    ax.set_ylim(bottom=-1e-3)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    failed = len(fit.starts) - len(table)
    if failed:
        ax.set_title(f"{failed} of {len(fit.starts)} starts failed")
    return labelled(ax, "start, the best first", "log-likelihood below the best")


def plot_residuals(fit: Fit, ax: Axes | None = None) -> Axes:
    """Draw standardised residuals over time."""
    ax = axes_of(ax)
    for part, mark, colour, label in _residuals_of_columns(fit):
        ax.plot(part["time"], part["residual"], mark, color=colour, label=label, fillstyle="none")
    return _residual_axes(ax, time_label(fit.model))


def plot_group_residuals(fit: Fit, ax: Axes | None = None) -> Axes:
    """Draw standardised residuals of each group, with their median as a bar.

    A group whose marks lie to one side, or spread beyond the dotted lines, is one that the
    model does not fit.
    """
    ax = axes_of(ax)
    groups = list(dict.fromkeys(fit.residuals["group"]))
    place = {group: k for k, group in enumerate(groups)}
    for part, mark, colour, label in _residuals_of_columns(fit):
        at = part["group"].map(place)
        ax.plot(at, part["residual"], mark, color=colour, label=label, fillstyle="none", alpha=0.5)
    middle = fit.residuals.groupby("group", sort=False)["residual"].median()
    ax.hlines(middle, np.arange(len(middle)) - 0.35, np.arange(len(middle)) + 0.35, color="black")
    turned = sum(len(str(group)) for group in groups) > _ACROSS
    ax.set_xticks(range(len(groups)), [str(group) for group in groups], rotation=90 * turned)
    return _residual_axes(ax, "group")


#: What `Fit.plot` draws, by kind; the first of some groups, too.
GROUP_PLOTS = {"data": plot_fit, "persons": plot_persons}
FIT_PLOTS: dict[str, Callable[..., Axes]] = {
    **GROUP_PLOTS,
    "residuals": plot_residuals,
    "groups": plot_group_residuals,
    "starts": plot_starts,
}


def _residuals_of_columns(fit: Fit) -> Iterator[tuple[pd.DataFrame, str, str, str | None]]:
    """Yield each column's residuals, their mark and colour, and a label if there are several."""
    parts = list(fit.residuals.groupby("column", sort=False))
    for (column, part), (colour, _), mark in zip(
        parts, lines_of(), itertools.cycle(MARKS), strict=False
    ):
        yield part, mark, colour, str(column) if len(parts) > 1 else None


def _residual_axes(ax: Axes, across: str) -> Axes:
    """Draw where residuals should lie, and label the axes."""
    for height, style in ((-2.0, ":"), (0.0, "-"), (2.0, ":")):
        ax.axhline(height, color="black", linewidth=0.8, linestyle=style, zorder=0)
    return labelled(ax, across, "standardised residual")


def plot_profile(profile: Profile, label: str, ax: Axes | None = None) -> Axes:
    """Draw the profile of one value: the fall of the log-likelihood while the others follow.

    The dotted line is the level; where the curve stays below it, the interval is open.

    `label` is as in the index of the intervals.
    """
    from matplotlib.ticker import MaxNLocator, NullLocator

    ax = axes_of(ax)
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
        if points["value"].max() < 10 * points["value"].min():
            # Within a decade, plain numbers: there may be no power of ten to put a mark at.
            ax.xaxis.set_major_locator(MaxNLocator(5))
            ax.xaxis.set_minor_locator(NullLocator())
            ax.xaxis.set_major_formatter("{x:g}")
    # Without points far outside the interval, so that its ends are seen.
    ax.set_ylim(-0.05 * profile.threshold, 1.6 * profile.threshold)
    return labelled(ax, label, "twice the fall of the log-likelihood")


def plot_draws(posterior: Posterior, label: str, ax: Axes | None = None) -> Axes:
    """Draw the distribution of a value's draws, one line a chain.

    Chains that agree lie on each other.

    `label` is as in the index of the posterior's params.
    """
    ax = axes_of(ax)
    values = posterior.draws[label]
    edges = np.histogram_bin_edges(values, bins=min(40, 5 + len(values) // 50))
    parts = posterior.draws.groupby("chain")[label]
    for (chain, part), (colour, style) in zip(parts, lines_of(), strict=False):
        heights, _ = np.histogram(part, bins=edges, density=True)
        ax.stairs(heights, edges, color=colour, linestyle=style, label=f"chain {chain}")
    row: Any = posterior.params.loc[label]
    for end in ("low", "high"):
        ax.axvline(row[end], color="black", linestyle="--", linewidth=0.8)
    return labelled(ax, label, "posterior density")


def plot_predictive(posterior: Posterior, ax: Axes | None = None) -> Axes:
    """Draw data over time, and between which values such data would lie: a predictive check.

    Marks are observations. Lines are the medians, and shaded bands the middle part (95 % unless
    `sample` was asked otherwise), of data that the posterior's draws bring forth: of each
    series, or of the means over all groups, at each time or over stretches of it, where there
    are too many series to tell apart. Levels that are texts are drawn as their places, 1, 2, ...
    """
    ax = axes_of(ax)
    rows = posterior.observations
    marks, many = itertools.cycle(MARKS), rows.groupby(["column", "group"]).ngroups > _MOST_SERIES
    tails = 0.5 * (1.0 - posterior.level)
    styles = zip(lines_of(), marks, _BANDS * len(MARKS), strict=False)
    for column, part in rows.groupby("column", sort=False):
        shown = posterior.idata["observed_data"][column]
        given = np.asarray(shown.values)
        new = np.asarray(posterior.idata["posterior_predictive"][column].values)
        new = new.reshape(-1, new.shape[-1])
        if given.dtype.kind not in "biuf":
            place = {level: k + 1 for k, level in enumerate(shown.attrs["levels"])}
            given, new = (np.vectorize(place.__getitem__)(each) for each in (given, new))
        whose, time = part["group"].to_numpy(), part["time"].to_numpy(dtype=float)
        groups = [None] if many else list(dict.fromkeys(whose))
        for group in groups:
            (colour, style), mark, hatch = next(styles)
            here = np.array([group is None or each == group for each in whose])
            at, stretch = _together(time[here], whose[here], _ENOUGH if many else 1)
            share = np.zeros((here.sum(), at.max() + 1))
            share[np.arange(here.sum()), at] = 1.0 / np.bincount(at)[at]
            times = time[here] @ share
            low, middle, high = np.quantile(new[:, here] @ share, [tails, 0.5, 1 - tails], axis=0)
            several = _several(part["group"].nunique(), stretch, "") if many else str(group)
            ax.plot(times, given[here] @ share, mark, color=colour, label=f"{column}, {several}")
            ax.plot(times, middle, color=colour, linestyle=style)
            ax.fill_between(
                times, low, high, facecolor=colour, alpha=0.18, edgecolor=colour, hatch=hatch,
                linewidth=0.5,
            )  # fmt: skip
    return labelled(
        ax,
        "time",
        ", ".join(dict.fromkeys(str(name) for name in rows["column"])),
        f"marks: observed,\nbands: {100 * posterior.level:g} % of new data",
    )


def plot_recovery(recovery: Recovery, label: str, ax: Axes | None = None) -> Axes:
    """Draw estimates of a value over what was true, with the line where both are the same.

    `label` is as in the index of the table.
    """
    ax = axes_of(ax)
    true, found = recovery.truths[label], recovery.estimates[label]
    ax.plot(true, found, "o", markerfacecolor="none", markeredgecolor="black", markersize=4)
    ends = [float(true.min()), float(true.max())]
    if ends[0] == ends[1]:
        ends = [float(found.min()), float(found.max())]
    ax.plot(ends, ends, color="black", linestyle="--", linewidth=0.8)
    return labelled(ax, f"{label}, true", f"{label}, estimated")
