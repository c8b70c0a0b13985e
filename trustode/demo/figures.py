"""The demo's pictures: matplotlib figures of its results.

Imports the plots and the other parts of the demo, for what they found; matplotlib when a
figure is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import needs
from ..models.trust_forms import FACTORS
from ..plot import LINES, name_label, plot_branch, plot_solution, time_label
from ..simulate import Solution
from .episode import PEAK, Response
from .game import HELD_OUT_RUN
from .oscillation import AT_PROFILE, Oscillation

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

_PARTNER_MARKS = {"friend": "o", "stranger": "s", "computer": "^"}
_BLACK, _GREY = "#000000", "0.6"


def _figure(height: float) -> Figure:
    """Return an empty figure as wide as a page, and so many inches high."""
    with needs("plot", "demo"):
        from matplotlib.figure import Figure

    return Figure(figsize=(9.0, height), layout="constrained")


def episode_figure(responses: list[Response], cycles: dict[str, Solution]) -> Figure:
    """Draw T through one episode, from rest, and the cycle of the bpd profile, by model."""
    figure = _figure(6.0)
    grid: NDArray[np.object_] = figure.subplots(2, 2, sharey=True)
    for column, (kind, cycle) in enumerate(cycles.items()):
        above, below = grid[0, column], grid[1, column]
        for (colour, style), profile in zip(LINES, ("healthy", "bpd-excitable"), strict=False):
            wanted = f"{kind}, {profile}"
            found = next(r for r in responses if r.label == wanted and r.height == -1.0)
            plot_solution(found.solution, "T", above)
            above.lines[-1].set(color=colour, linestyle=style, label=profile)
        above.set_title(f"{kind} model: one episode, from rest")
        above.axvspan(PEAK - 0.5, PEAK + 0.5, color="0.85")
        above.annotate("episode", (PEAK + 0.7, -0.95), fontsize="small")
        plot_solution(cycle, "T", below)
        below.lines[-1].set(xdata=cycle.t - cycle.t[1], color="black", linestyle="-")
        below.set_xlim(0.0, cycle.t[-1] - cycle.t[1])
        below.set_title(f"{kind} model: bpd profile, nothing happens")
        for ax in (above, below):
            ax.axhline(0.0, color=_GREY, linewidth=0.8)
            ax.set_ylim(-1.02, 1.02)
    for ax in grid[:, 1]:
        ax.set_ylabel("")
    # The highest line of all, healthy, leaves this corner free.
    grid[0, 1].legend(loc="lower right")
    return figure


def oscillation_figure(found: list[Oscillation]) -> Figure:
    """Draw the equilibrium, the extent of the cycle and its period along the load."""
    figure = _figure(6.0)
    grid: NDArray[np.object_] = figure.subplots(2, len(found), sharex=True, sharey="row")
    for (above, below), each in zip(grid.T, found, strict=True):
        load, period = each.scan[FACTORS[0]], each.scan["period"]
        swings = np.isfinite(period)
        for measure, name, mark in (("max_T", "highest", "^"), ("min_T", "lowest", "v")):
            above.plot(
                load[swings], each.scan[measure][swings], linestyle="none", marker=mark,
                color="#0072B2", markersize=4, label=f"{name} T of the cycle",
            )  # fmt: skip
        plot_branch(each.branch, "T", above)
        above.set_xlabel("")
        above.set_title(f"{each.kind} model")
        below.plot(load, period, color="#0072B2", linestyle="none", marker="o", markersize=4)
        onset = each.onset
        below.plot(onset["D"], onset["period"], marker="o", color="black", linestyle="none")
        for ax in (above, below):
            ax.axvline(AT_PROFILE, color=_GREY, linewidth=0.8, linestyle=":")
        below.annotate("bpd profile", (AT_PROFILE + 0.01, 5.0), fontsize="small")
        below.set_ylim(0.0)
        below.set_xlabel("developmental load D (0 to 1)")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    for ax in grid[0]:
        ax.get_legend().remove()
        ax.set_ylabel("")
    model = found[0].scan.model
    grid[0, 0].set_ylabel(name_label(model, "T"))
    grid[1, 0].set_ylabel(time_label(model).replace("time", "period"))
    return figure


def game_figure(frame: pd.DataFrame, probability: Array) -> Figure:
    """Draw what was chosen and what the model predicts, by run and by the last outcome."""
    figure = _figure(3.8)
    by_run, by_outcome = figure.subplots(1, 2, sharey=True)
    shown = frame.assign(predicted=probability)
    last = shown.groupby(["subject", "partner"])["ev"].shift()
    kinds = {-1.0: "defected", 0.0: "nothing\nsent", 0.5: "recipro-\ncated"}
    shown["last"] = last.map({value: k for k, value in enumerate(kinds)})
    for (partner, mark), (colour, style) in zip(_PARTNER_MARKS.items(), LINES, strict=False):
        of_partner = shown[shown["partner"] == partner]
        for ax, by in ((by_run, "run"), (by_outcome, "last")):
            grouped = of_partner.groupby(by)[["chose_high", "predicted"]].mean()
            ax.plot(grouped.index, grouped["chose_high"], mark, color=colour, label=partner)
            ax.plot(grouped.index, grouped["predicted"], linestyle=style, color=colour)
    by_run.axvspan(HELD_OUT_RUN - 0.4, HELD_OUT_RUN + 0.4, color="0.9", zorder=0)
    by_run.annotate("held out", (HELD_OUT_RUN - 0.37, 0.32), fontsize="small")
    by_run.set_xlabel("run of the task")
    by_run.set_ylabel("share of higher offers chosen")
    by_outcome.set_xlabel("what the partner did in the round before")
    by_outcome.set_xticks(range(len(kinds)), list(kinds.values()))
    by_outcome.margins(x=0.15)
    by_run.set_ylim(0.2, 0.85)
    by_run.legend(
        loc="lower left",
        title="marks: chosen, lines: model",
        fontsize="small",
        title_fontsize="small",
    )
    return figure


def scores_figure(table: pd.DataFrame, reference: str) -> Figure:
    """Draw the reference's score minus each other predictor's, with its interval."""
    figure = _figure(2.6)
    axes = figure.subplots(1, 3, sharey=True)
    others = table[table["predictor"] != reference].iloc[::-1]
    names = list(others["predictor"])
    measures = {
        "log_loss": "log loss (nats per choice)\n< 0: the model predicts better",
        "accuracy": "accuracy (share of choices)\n> 0: the model predicts better",
        "rmse_dollars": "error (dollars, root mean square)\n< 0: the model predicts better",
    }
    for ax, (measure, label) in zip(axes, measures.items(), strict=True):
        middle = others[f"{measure}_difference"]
        ends = [middle - others[f"{measure}_low"], others[f"{measure}_high"] - middle]
        ax.errorbar(middle, range(len(names)), xerr=ends, fmt="o", color=_BLACK, capsize=3)
        ax.axvline(0.0, color=_GREY, linewidth=0.8)
        ax.set_xlabel(label, fontsize="small")
        ax.locator_params(axis="x", nbins=4)
        ax.tick_params(axis="x", labelsize="small")
    axes[0].set_yticks(range(len(names)), [f"against {name}" for name in names])
    axes[0].set_ylim(-0.6, len(names) - 0.4)
    return figure
