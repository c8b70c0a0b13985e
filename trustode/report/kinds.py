"""What a page says of each kind of result. Imports the results, their figures and the folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..basins import Basins
from ..bifurcation import Bands, BifurcationCurve, Branch, Cycles, Diagram, Equilibria
from ..ensemble import Ensemble
from ..errors import Status
from ..fit.bootstrap import Bootstrap
from ..fit.comparison import Comparison
from ..fit.confusion import Confusion
from ..fit.posterior import Posterior
from ..fit.profile import Profile
from ..fit.ranking import Ranking
from ..fit.recovery import Recovery
from ..fit.result import Fit
from ..orbit_diagram import OrbitDiagram
from ..plot import mean_courses, persons_size, plot_means
from ..regime_map import RegimeMap
from ..scan import Scan
from ..simulate import Solution
from ..sweep import Sweep
from .folder import Folder, sentences
from .page import Link, Picture, Section, Table, Text
from .private import FEWEST, Discretion, spread_values

if TYPE_CHECKING:
    import pandas as pd

Part = Text | Picture | Table | Link
Teller = Callable[[Any, Folder, Discretion], list[Section]]

#: States and values that have a picture of their own on a page.
_MOST_PICTURES = 6

#: Runs of an ensemble that are still drawn as single lines.
_FEW_RUNS = 8

_LONG = ("multipliers", "eigenvalues", "coefficients", "step", "trivial_error")


def teller(result: Any) -> Teller | None:
    """Return what tells a result, or None."""
    return next((TELLERS[kind] for kind in type(result).__mro__ if kind in TELLERS), None)


def _summary(result: Any) -> list[Text]:
    """Return a result's own sentences, or how it prints itself."""
    if hasattr(result, "summary"):
        return sentences(result.summary())
    return sentences(repr(result).replace("<", "", 1).rstrip(">"))


def _of(found: Any, name: str) -> Callable[[Any], Any]:
    """Return what draws the figure of one name."""
    return lambda ax: found.plot(name, ax)


# ------------------------------------------------------------------ runs


def _solution(solution: Solution, into: Folder, _: Discretion) -> list[Section]:
    model = solution.model
    unit = f" {model.time_unit}" if model.time_unit else ""
    span = f"{model.name} from t = {solution.t[0]:g} to {solution.t[-1]:g}{unit}."
    parts: list[Part] = [Text(solution.message if solution.status else span, finding=True)]
    if solution.outside:
        parts.append(Text(f"States that left their bounds: {', '.join(solution.outside)}."))
    parts.append(
        into.picture(
            "states",
            lambda ax: solution.plot(ax=ax),
            "States over time.",
            f"States of {model.name} over time; their extremes are in the table.",
        )
    )
    moving = [name for name in model.inputs if np.ptp(solution.smooth()[name]) > 0.0]
    others = {"observables": [*model.observables], "inputs": moving}
    for name, of in others.items():
        if of:
            parts.append(_drawn_names(solution, into, name, of))
    parts.append(into.table("extremes", solution.extremes(), "Where each begins, goes and ends."))
    parts.append(into.samples("trajectory", solution.to_frame(), "The trajectory."))
    if len(solution.events):
        parts.append(into.table("events", solution.events.to_frame(), "Events that were seen."))
    return [Section("The time course", tuple(parts))]


def _drawn_names(solution: Solution, into: Folder, name: str, of: Sequence[str]) -> Picture:
    return into.picture(
        name,
        lambda ax: solution.plot(list(of), ax),
        f"{name.capitalize()} over time.",
        f"{', '.join(of)} over time.",
    )


def _ensemble(found: Ensemble, into: Folder, may: Discretion) -> list[Section]:
    parts: list[Part] = [*_summary(found)]
    for state in found.saved[:_MOST_PICTURES]:
        parts.append(
            into.picture(
                f"runs-{state}",
                _of(found, state),
                f"{state} in {len(found)} runs"
                + (
                    ": median, middle half and middle 90 %."
                    if len(found) > _FEW_RUNS
                    else ", a line each."
                ),
                f"{state} over time in all runs.",
            )
        )
    if may.personal or found.table.dtypes.map(lambda kind: kind.kind in "fiub").all():
        parts.append(into.table("varied", found.table, "What was varied, a row a run."))
    else:
        parts.append(Text("What was varied holds texts and is left out; personal=True tells it."))
    wrong = found.status[found.status != Status.SUCCESS]
    if wrong.size:
        parts.append(Text(f"{wrong.size} of {len(found)} runs stopped early."))
    return [Section("The runs", tuple(parts))]


def _scan(found: Scan, into: Folder, _: Discretion) -> list[Section]:
    parts: list[Part] = [*_summary(found)]
    varied = [key for names in found.vary for key in names]
    measured = [key for key in found.names if key not in (*varied, "status")]
    if len(found.vary) <= 2:
        for name in measured[:_MOST_PICTURES]:
            parts.append(
                into.picture(
                    f"scan-{name}",
                    _of(found, name),
                    f"{name} over {', '.join(varied)}.",
                    f"{name} over {', '.join(varied)}.",
                )
            )
    parts.append(into.table("scan", found.to_frame(), "What was measured."))
    return [Section("The scan", tuple(parts))]


def _one_picture(name: str, title: str, caption: str, tables: Sequence[Any]) -> Teller:
    """Return what tells a result by its words, its one figure and tables.

    A table is its name, what makes it of a result, its caption, and how it is shown.
    """

    def tell(found: Any, into: Folder, _: Discretion) -> list[Section]:
        parts: list[Part] = [*_summary(found)]
        parts.append(into.picture(name, lambda ax: found.plot(ax=ax), caption, caption))
        for file, make, words, shown in tables:
            frame = make(found)
            if len(frame):
                parts.append(shown(into, file, frame, words, hide=_LONG))
        return [Section(title, tuple(parts))]

    return tell


# ------------------------------------------------------------------ bifurcations


def _along(found: Diagram | Branch | Cycles, into: Folder, _: Discretion) -> list[Section]:
    model, kind = found.model, type(found).__name__.lower()
    parts: list[Part] = [*_summary(found)]
    states = model.states[:_MOST_PICTURES]
    pictures = [
        into.picture(
            f"{kind}-{state}",
            _of(found, state),
            f"{state} along {found.parameter}: solid where stable, dashed where not.",
            f"{state} of what was followed along {found.parameter}.",
        )
        for state in states
    ]
    # The answer first, and the picture beside it.
    parts = [*parts[:1], *pictures[:1], *parts[1:], *pictures[1:]]
    if len(found.special):
        parts.append(into.table("special", found.special, "Special points.", hide=_LONG))
    parts.append(
        into.samples(
            "points", found.to_frame(), "Points along the branches.", hide=("leading", *_LONG)
        )
    )
    return [Section(f"The {kind}", tuple(parts))]


def _equilibria(found: Equilibria, into: Folder, _: Discretion) -> list[Section]:
    parts: list[Part] = [*_summary(found)]
    frame = found.to_frame()
    parts.append(into.table("equilibria", frame, "Equilibria.", hide=_LONG))
    return [Section("The equilibria", tuple(parts))]


# ------------------------------------------------------------------ fits


def _fit(fit: Fit, into: Folder, may: Discretion) -> list[Section]:
    head = fit.report().split("\n\n")[0]
    groups = [] if fit.residuals["group"].nunique() < 2 else list(fit.residuals["group"].unique())
    notes = may.lines(fit.notes, groups)
    parts: list[Part] = [*sentences(head), *(Text(f"Note: {note}") for note in notes)]
    parts += _values(fit.params, into, may, "value")
    if may.personal and fit.persons is not None:
        parts.append(into.table("persons", fit.persons, "Each person's own values."))
    sections = [Section("The fit", tuple(parts))]
    looks: list[Part] = []
    if may.personal:
        words = "Observed (marks) and predicted (lines) over time."
        looks.append(into.picture("data", lambda ax: fit.plot("data", ax), words, words))
        if groups:
            words = "Each group: observed (marks) and predicted (lines) over time."
            size = persons_size(len(groups))
            looks.append(
                into.picture("persons", lambda ax: fit.plot("persons", ax), words, words, size)
            )
        looks.append(into.samples("residuals", fit.residuals, "Observations and residuals."))
    else:
        looks += _means(fit, into)
    words = "Standardised residuals: if the model is right, 95 % lie between the dotted lines."
    looks.append(into.picture("residual-plot", lambda ax: fit.plot("residuals", ax), words, words))
    words = "How far each start of the search came, the best first."
    looks.append(into.picture("starts-plot", lambda ax: fit.plot("starts", ax), words, words))
    starts = may.table(fit.starts, groups)
    looks.append(into.table("starts", starts, "The starts of the search."))
    return [*sections, Section("How well it fits", tuple(looks))]


def _values(params: pd.DataFrame, into: Folder, may: Discretion, value: str) -> list[Part]:
    """Return tables of the values: all of them, or without those of single groups."""
    about = "Values, with standard errors and intervals as the result gives them."
    told = np.array([may.may_name(group) for group in params["group"]], dtype=bool)
    shown = may.table(params[told])
    if (shown["group"].astype(str) == "").all():
        shown = shown.drop(columns="group")
    if told.all():
        return [into.table("values", shown, about)]
    parts: list[Part] = []
    if len(shown):
        parts.append(into.table("values", shown, f"Not of single groups. {about}"))
    spread = spread_values(params[~told], value)
    caption = (
        f"How the values of single groups are distributed, from {FEWEST} groups on; "
        "personal=True tells each, named= those that are no persons, such as a diagnosis."
    )
    return [*parts, into.table("values-of-groups", spread, caption)]


def _means(fit: Fit, into: Folder) -> list[Part]:
    """Draw observed and predicted means over groups."""
    means = mean_courses(fit, FEWEST)
    means = means[means["groups"] >= FEWEST]
    if means.empty:
        return [
            Text(
                f"Means are drawn of {FEWEST} persons or groups at least, which were not observed "
                "together here; personal=True draws the observations themselves."
            )
        ]
    words = (
        f"Means over groups: observed (marks) and predicted (lines), where at least {FEWEST} "
        "groups were observed" + (", over stretches of time." if means["stretch"].any() else ".")
    )

    return [
        into.picture("means-plot", lambda ax: plot_means(fit, means, ax), words, words),
        into.samples("means", means, "The means and how many groups they are over."),
    ]


def _labelled(plots: str, value: str, params: str) -> Teller:
    """Return what tells a result that has a row, and perhaps a figure, for each value."""

    def tell(found: Any, into: Folder, may: Discretion) -> list[Section]:
        frame = getattr(found, params)
        lines = may.lines(found.summary().splitlines(), frame["group"].unique())
        parts: list[Part] = [*sentences("\n".join(lines))]
        labels = [
            str(label)
            for label, group in zip(frame.index, frame["group"], strict=True)
            if may.may_name(group)
        ]
        for k, label in enumerate(labels[:_MOST_PICTURES] if plots else ()):
            parts.append(
                into.picture(
                    f"{plots}-{k + 1}",
                    _of(found, label),
                    f"{label}.",
                    f"{plots} of {label}",
                )
            )
        parts += _values(frame, into, may, value)
        return [Section(type(found).__name__, tuple(parts))]

    return tell


def _comparison(found: Comparison, into: Folder, may: Discretion) -> list[Section]:
    lines = may.lines(found.summary().splitlines(), found.by_group.index)
    parts: list[Part] = [*sentences("\n".join(lines))]
    table = found.to_frame().rename_axis("fit")
    parts.append(into.table("comparison", table, "The fits, a row each."))
    if len(found.ratios):
        parts.append(into.table("ratios", found.ratios, "Likelihood-ratio tests."))
    if may.personal and len(found.by_group):
        parts.append(into.table("by-group", found.by_group, "Log-likelihood of each group."))
    return [Section("The comparison", tuple(parts))]


def _table_only(name: str, caption: str) -> Teller:
    """Return what tells a result by its words and its table."""

    def tell(found: Any, into: Folder, _: Discretion) -> list[Section]:
        table = into.table(name, found.to_frame(), caption)
        return [Section(type(found).__name__, (*_summary(found), table))]

    return tell


#: What tells each kind of result.
TELLERS: dict[type, Teller] = {
    Solution: _solution,
    Ensemble: _ensemble,
    Scan: _scan,
    OrbitDiagram: _one_picture(
        "orbit-diagram", "The orbit diagram", "Where orbits pass in the long run.",
        [("points", OrbitDiagram.to_frame, "Where orbits pass.", Folder.samples)],
    ),
    Basins: _one_picture(
        "basins", "The basins", "Where the starts go.",
        [
            ("attractors", lambda found: found.attractors, "Attractors.", Folder.table),
            ("starts", Basins.to_frame, "Each start.", Folder.samples),
        ],
    ),
    Sweep: _one_picture(
        "sweep", "The sweep", "On the way up and on the way down.",
        [("sweep", Sweep.to_frame, "Both ways.", Folder.samples)],
    ),
    Diagram: _along,
    Branch: _along,
    Cycles: _along,
    Equilibria: _equilibria,
    BifurcationCurve: _one_picture(
        "curve", "The curve", "The curve in the plane of its two parameters.",
        [
            ("special", lambda found: found.special, "Special points.", Folder.table),
            ("points", BifurcationCurve.to_frame, "Points along the curve.", Folder.samples),
        ],
    ),
    RegimeMap: _one_picture(
        "regimes", "The map", "Regimes in the long run, and the curves that bound them.",
        [
            ("borders", RegimeMap.borders, "What lies between regimes that meet.", Folder.table),
            ("special", lambda found: found.special, "Organising centres.", Folder.table),
            ("grid", RegimeMap.to_frame, "Each point.", Folder.samples),
        ],
    ),
    Bands: _one_picture(
        "bands", "The bands", "How the places of special points are distributed.",
        [
            ("quantiles", Bands.quantiles, "Quantiles.", Folder.table),
            ("points", Bands.to_frame, "Each set of values.", Folder.samples),
        ],
    ),
    Fit: _fit,
    Profile: _labelled("profile", "value", "intervals"),
    Posterior: _labelled("draws", "mean", "params"),
    Bootstrap: _labelled("", "value", "params"),
    Recovery: _labelled("recovery", "truth", "table"),
    Comparison: _comparison,
    Confusion: _table_only("confusion", "Rows are true, columns chosen."),
    Ranking: _table_only("ranking", "The designs, the best first."),
}  # fmt: skip
