"""The demo's page: what was found, in sentences, with pictures and tables.

Imports the pictures, the explorer, the report and the other parts of the demo, for what they found.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..explore import explore
from ..report import Link, Picture, Section, Table, Text, save_picture, save_table, write_page
from ..simulate import Solution
from ..stimulus import Episodes
from .episode import PEAK, Response, responses_table
from .figures import episode_figure, game_figure, oscillation_figure, scores_figure
from .game import TRUST, Game
from .oscillation import Oscillation

if TYPE_CHECKING:
    import pandas as pd

Part = Text | Picture | Table | Link

#: Titles of all parts, in order; a page says which are still missing.
_TITLES = (
    "One negative episode",
    "Where the oscillation begins",
    "Real rounds of a trust game",
)
_LEAD = (
    "Two verbal theories of trust in borderline personality disorder, the original model "
    "(Preti, Richetin, Poggi & Fertuck 2023, doi:10.1007/s11920-023-01468-y) and its update "
    "(Preti, Fanti, Di Pierro & Frigerio 2026), written as differential equations by this "
    "project and solved. T is the appraisal of one partner, from -1 (devaluation) to 1 "
    "(idealisation); time is in days. The update adds two things: the emotion that mistrust "
    "itself brings, and impulsive behaviour out of that emotion."
)


#: What the page to play with puts first: developmental load, splitting, need, emotion, learning.
_MOVED = "D_ab D_aban D_care kappa beta nu th_E w_E chi eta om".split()


def episode_section(
    folder: Path, responses: list[Response], cycles: dict[str, Solution]
) -> Section:
    """Write the pictures and tables of part one and return what the page says."""
    by = {(each.label, each.height): each for each in responses}
    healthy, original, updated = (
        by[name, -1.0] for name in ("updated, healthy", *_of("bpd-excitable"))
    )
    half = [by[name, -0.5] for name in _of("bpd-excitable")]
    found = (
        "After one disappointment of the size of a cancelled visit, a healthy profile keeps "
        f"trusting (T never falls below {healthy.lowest:.2f}). A vulnerable profile "
        f"(bpd-excitable) spends {original.days_below:.1f} days in mistrust in the original model "
        f"(lowest T {original.lowest:.2f}) and {updated.days_below:.1f} days in the updated one "
        f"(lowest T {updated.lowest:.2f})."
    )
    threshold = (
        f"Half that disappointment leads to {half[0].days_below:.1f} days below zero in the "
        f"original model and {half[1].days_below:.1f} in the updated one; a quarter of it to none "
        "in either. So the response has a threshold, and the emotional consequences of mistrust "
        "lower it: an emotional cascade. With the debated feedback of these consequences on the "
        "next appraisal cut (chi = 0) it lies in between."
    )
    picture = save_picture(
        folder,
        "episode.png",
        episode_figure(responses, cycles),
        "Above: appraisal T from rest through one episode of size -1 (a Gaussian in time with a "
        "standard deviation of 0.25 days, on day 5). Below: the bpd profile, to which nothing "
        "happens at all, never rests: it swings between idealisation and devaluation.",
        "Four panels of T over days, original and updated model: after the episode the healthy "
        "line dips slightly while the bpd-excitable line falls below zero for some days; below, "
        "the bpd profile swings between about -0.9 and 0.9.",
    )
    table = save_table(
        folder,
        "episode.csv",
        responses_table(responses),
        "Response to one negative episode, by model, profile and size of the episode.",
        digits=3,
    )
    for kind, solution in cycles.items():
        solution.to_frame().to_csv(folder / f"cycle-{kind}.csv", index=False)
    explore(
        updated.solution.model,
        folder / "explore.html",
        initial=updated.solution.initial,
        inputs={"ev": Episodes([PEAK], -1.0)},
        show=_MOVED,
        plane=("E", "T"),
    )
    move = Link("explore.html", "Move the vulnerable profile and the episode yourself.")
    return Section(_TITLES[0], (Text(found, finding=True), picture, Text(threshold), table, move))


def oscillation_section(folder: Path, found: list[Oscillation]) -> Section:
    """Write the pictures and tables of part two and return what the page says."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for each in found:
        onset = each.onset
        rows.append(
            {
                "model": each.kind,
                "Hopf point at D": onset["D"],
                "T there": onset["T"],
                "period there (days)": onset["period"],
                "first Lyapunov coefficient": onset["coefficient"],
                "cycle at D = 0.5 (days)": each.at_profile("period"),
                "lowest T": each.at_profile("min_T"),
                "highest T": each.at_profile("max_T"),
            }
        )
        frame = each.scan.to_frame()
        frame.to_csv(folder / f"scan-{each.kind}.csv", index=False)
        each.branch.to_frame().to_csv(folder / f"branch-{each.kind}.csv", index=False)
    original, updated = rows
    sooner = "earlier" if updated["Hopf point at D"] < original["Hopf point at D"] else "later"
    answer = (
        "As the developmental load D (abuse, abandonment and quality of caregiving, moved "
        "together; all else as in the bpd profile) rises from 0 to 1, steady trust gives way to "
        f"an oscillation at a Hopf point: at D = {original['Hopf point at D']:.4f} in the original "
        f"model, with a period of {original['period there (days)']:.1f} days, and {sooner}, at D = "
        f"{updated['Hopf point at D']:.4f} with {updated['period there (days)']:.1f} days, in the "
        "updated one."
    )
    cycle = (
        "At the load of the bpd profile (D = 0.5) the full cycle of idealisation and devaluation "
        f"takes {original['cycle at D = 0.5 (days)']:.1f} days in the original model (T from "
        f"{original['lowest T']:.2f} to {original['highest T']:.2f}) and "
        f"{updated['cycle at D = 0.5 (days)']:.1f} days in the updated one (T from "
        f"{updated['lowest T']:.2f} to {updated['highest T']:.2f})."
    )
    why = (
        "Why it oscillates: trust that has been learned raises what the partner must deliver. In "
        "an idealised relationship ordinary behaviour falls short of the need; emotion rises "
        "within hours and appraisal flips; what was learned collapses over days, and the demand "
        "with it; emotion fades, and the pull to idealise lifts trust again. The length of the "
        "cycle is set by an assumed rate of learning: no quantitative data on it are known to "
        "this project. Whether a small swing is born gently or abruptly (the sign of the first "
        "Lyapunov coefficient) also depends on how sharply learning from good differs from "
        "learning from bad (eps = 0.05)."
    )
    picture = save_picture(
        folder,
        "oscillation.png",
        oscillation_figure(found),
        "Above: the equilibrium (black; solid where it is stable, dashed where it is not, dots "
        "for Hopf points) and the highest and lowest T of the cycle (triangles). Below: the "
        "length of the cycle (blue) and of the swing born at the first Hopf point (black).",
        "For each model, T and period against developmental load: the equilibrium loses "
        "stability near 0.3 and a large cycle takes over.",
    )
    table = save_table(
        folder,
        "oscillation.csv",
        pd.DataFrame(rows),
        "The onset of the oscillation and the cycle of the bpd profile.",
    )
    return Section(_TITLES[1], (Text(answer, finding=True), Text(cycle), picture, table, Text(why)))


def game_section(folder: Path, game: Game) -> Section:
    """Write the pictures and tables of part three and return what the page says."""
    frame = game.frame
    held = frame[frame["held_out"]]
    about = (
        f"{frame['subject'].nunique()} adults, none recruited as a patient, each played with "
        "a friend, a stranger and a computer: they chose between two amounts to send, the amount "
        "was tripled, and the partner returned half of it or nothing (data: Fareri and others "
        "2021, doi:10.1101/2021.07.29.454071, MIT licence). Which of the two amounts is chosen "
        "is predicted from what the partner did before. Parameters were fitted to runs 1 to 4 "
        f"({len(frame) - len(held)} choices); run 5 ({len(held)} choices of "
        f"{held['subject'].nunique()} persons) was held out."
    )
    how = (
        "One round with a partner counts as one day. A reciprocated round is an episode of +0.5 "
        "on the day after it (the gain relative to what was sent), a defection one of -1, and a "
        "round in which nothing was sent one of 0. The choice is logistic in T. Free are trust "
        "before the first round with each kind of partner, learning from good (ups) and from bad "
        "experience (om), and the read-out; everything else is the healthy profile of the updated "
        "model. Every predictor gets the two offers and the person's readiness to choose the "
        "higher one in the training runs. Persistence adds the last choice with the same partner; "
        "the delta rule an expectation that moves by a share of its error, with one rate for "
        "good, one for bad, and a start for each kind of partner. Within run 5 the trust model "
        "and the delta rule are told the outcomes of earlier rounds, persistence the person's own "
        "earlier choices. No parameter was fitted to run 5."
    )
    answer, *comparisons = verdicts(game.held_out)
    game.held_out.to_csv(folder / "held-out.csv", index=False)
    parts: list[Part] = [
        Text(answer, finding=True),
        Text(about),
        *map(Text, comparisons),
        save_picture(
            folder,
            "scores.png",
            scores_figure(game.held_out, TRUST),
            "The updated trust model against each simpler predictor, on held-out choices: "
            "difference of the scores with a 95 % interval (10,000 bootstrap samples of the "
            "persons). An interval that crosses zero leaves open which of the two is better.",
            "Differences in log loss, accuracy and error in dollars, with intervals.",
        ),
        Table(
            _shown_scores(game.held_out),
            "Scores on held-out choices. Log loss: mean negative log probability of the choice "
            "made, in nats; always saying one half scores 0.693. Error: root mean square of the "
            "expected minus the actual investment.",
            "held-out.csv",
        ),
        Text(how),
        save_picture(
            folder,
            "game.png",
            game_figure(frame, game.probability[TRUST]),
            "Share of higher offers chosen (marks) and predicted by the trust model (lines): by "
            "run, with the held-out run shaded, and by what the partner did in the round before.",
            "Observed and predicted shares of higher offers for friend, stranger and computer.",
        ),
        save_table(
            folder,
            "fit.csv",
            _shown_fit(game.fit.params),
            "Fitted values of the trust model, with standard errors and 95 % intervals from the "
            "information matrix.",
        ),
    ]
    parts += [Text(f"About the fit: {note}.") for note in _doubts(game)]
    game.training.to_csv(folder / "training.csv", index=False)
    frame.assign(**game.probability).to_csv(folder / "predictions.csv", index=False)
    _rivals(game).to_csv(folder / "rivals.csv", index=False)
    return Section(_TITLES[2], tuple(parts))


def verdicts(table: pd.DataFrame) -> list[str]:
    """Say in words how the trust model compares on held-out choices, whatever the figure.

    Parameters
    ----------
    table : DataFrame
        See `trustode.demo.score.scores`; the reference is the trust model.

    Returns
    -------
    list of str
        First the answer, then a sentence for each rival.
    """
    rows = {str(row["predictor"]): row for row in table.to_dict("records")}
    order = sorted(rows, key=lambda name: float(rows[name]["log_loss"]))
    model, ahead = rows.pop(TRUST), order[: order.index(TRUST)]
    if not ahead:
        answer = (
            "The updated trust model predicts the held-out choices best of all predictors "
            f"(log loss {model['log_loss']:.4f} nats per choice)."
        )
    else:
        best = ahead[0]
        answer = (
            f"The updated trust model does not predict the held-out choices best: {best} wins, "
            f"with a log loss of {rows[best]['log_loss']:.4f} nats per choice against "
            f"{model['log_loss']:.4f}."
        )
        if len(ahead) > 1:
            answer += f" Ahead of it are {' and '.join(ahead)}."
    if all(row["log_loss_low"] <= 0.0 <= row["log_loss_high"] for row in rows.values()):
        answer += " None of the differences in log loss is certain: every interval includes zero."
    return [answer, *(_comparison(name, model, row) for name, row in rows.items())]


def _comparison(name: str, model: Mapping[Any, Any], rival: Mapping[Any, Any]) -> str:
    """Say how the trust model compares with one rival."""
    low, high = float(rival["log_loss_low"]), float(rival["log_loss_high"])
    side = "the trust model" if rival["log_loss_difference"] < 0.0 else name
    sure = "includes" if low <= 0.0 <= high else "excludes"
    return (
        f"Against {name}: log loss {rival['log_loss_difference']:+.4f} ({low:+.4f} to "
        f"{high:+.4f}), in favour of {side}; the interval {sure} zero. Accuracy "
        f"{100 * model['accuracy']:.1f} % against {100 * rival['accuracy']:.1f} %: "
        f"{100 * rival['accuracy_difference']:+.1f} points "
        f"({100 * rival['accuracy_low']:+.1f} to {100 * rival['accuracy_high']:+.1f}). Error "
        f"{model['rmse_dollars']:.3f} against {rival['rmse_dollars']:.3f} dollars: "
        f"{rival['rmse_dollars_difference']:+.3f} ({rival['rmse_dollars_low']:+.3f} to "
        f"{rival['rmse_dollars_high']:+.3f})."
    )


def write(
    folder: Path, given: str | os.PathLike[str], sections: Sequence[Section], seed: int
) -> Path:
    """Write the page of the parts that are finished."""
    missing = _TITLES[len(sections) :]
    lead = _LEAD
    if missing:
        lead += f" This page is not complete: still missing are {'; '.join(missing)}."
    return write_page(
        folder,
        "Trust, in two theories that run",
        lead,
        sections,
        call=f"trustode demo {os.fspath(given)}",
        facts={"Seed": str(seed)},
    )


def _of(profile: str) -> tuple[str, str]:
    """Return the labels of a profile in the original and the updated model."""
    return f"original, {profile}", f"updated, {profile}"


def _shown_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Return the scores under headings for readers."""
    headings = {
        "predictor": "predictor",
        "log_loss": "log loss (nats)",
        "accuracy": "accuracy",
        "rmse_dollars": "error (dollars)",
    }
    return table[list(headings)].rename(columns=headings)


def _shown_fit(params: pd.DataFrame) -> pd.DataFrame:
    """Return the fitted values under headings for readers."""
    shown = params.reset_index(drop=True)[["name", "group", "value", "stderr", "low", "high"]]
    shown["at its bound"] = params["at_bound"].map({True: "yes", False: ""}).to_numpy()
    return shown.rename(columns={"group": "partner", "stderr": "standard error"})


def _doubts(game: Game) -> list[str]:
    """Say what deserves a look about the fit."""
    doubts = list(game.fit.notes)
    if game.fit.params["at_bound"].any():
        doubts.append(
            "values at a bound mean that the model, with everything else at the healthy profile "
            "and one round a day, cannot follow these rounds by what was left free; read them as "
            "a misfit and not as traits of the players"
        )
    return doubts


def _rivals(game: Game) -> pd.DataFrame:
    """Tabulate the fitted values of the simpler predictors."""
    import pandas as pd

    return pd.DataFrame(
        [
            {"predictor": name, "name": parameter, "value": value}
            for name, rival in game.rivals.items()
            for parameter, value in rival.params.items()
        ]
    )
