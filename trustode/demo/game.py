"""Part three of the demo: a trust model fitted to trust-game rounds, and its rivals.

One round with a partner is one day. What the partner did in a round acts until the next
round with that partner: a share of what was sent, gained or lost. Imports the models, the
data and fits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import data
from ..fit import Binomial, Fit, Vary, fit
from ..model import Model
from ..solve import Solver
from .baselines import Baseline, covariates_only, delta_rule, persistence
from .score import scores

if TYPE_CHECKING:
    import pandas as pd

#: The run of the task that no parameter sees.
HELD_OUT_RUN = 5

#: What a round brings, relative to what was sent: a partner who reciprocates returns half of
#: the tripled amount (1.5 times what was sent), one who defects returns nothing.
RETURNS = {"recip": 0.5, "defect": -1.0}

#: Covariates that every predictor of the choices gets.
COVARIATES = ("low", "high", "readiness")

#: What the trust model is called among the predictors.
TRUST = "updated trust model"

#: Choices need three digits of a probability, not twelve of a state.
_SOLVER = Solver(method="auto", rtol=1e-4, atol=1e-6)

#: The first search begins at the healthy profile, a second somewhere within the bounds.
_STARTS = 2
_FREE = {
    "trust_0": Vary(0.2, min=-1.0, max=1.0, per="partner"),
    "ups": Vary(0.1, min=0.0, max=1.0),
    "om": Vary(0.2, min=-1.0, max=4.0),
    "b_0": Vary(0.4, min=-5.0, max=5.0),
    "b_T": Vary(1.0, min=-5.0, max=5.0),
    "b_low": Vary(0.0, min=-1.0, max=1.0),
    "b_high": Vary(0.0, min=-1.0, max=1.0),
    "b_readiness": Vary(1.0, min=-3.0, max=3.0),
}


@dataclass(frozen=True, eq=False)
class Game:
    """A trust model and its rivals on the same rounds.

    Attributes
    ----------
    frame : DataFrame
        See `rounds`.
    fit : Fit
    rivals : dict of str to Baseline
    probability : dict of str to ndarray, shape (n_row,)
        Of the higher offer, by predictor, held out or not.
    held_out, training : DataFrame
        See `scores`; the reference is the trust model.
    """

    frame: pd.DataFrame
    fit: Fit
    rivals: dict[str, Baseline]
    probability: dict[str, NDArray[np.float64]]
    held_out: pd.DataFrame
    training: pd.DataFrame


def rounds() -> pd.DataFrame:
    """Return the choices in the order in which each pair met.

    Returns
    -------
    DataFrame
        One row a round: ``subject``, ``partner``, ``run``, ``day`` (rounds with this partner
        before it), ``low`` and ``high`` (offers, dollars), ``invested`` (dollars),
        ``chose_high`` (0 or 1), ``ev`` (what the partner did in this round, relative to
        what was sent; 0 if nothing was), ``readiness`` (log odds with which the subject
        chose the high offer in the training runs, one of each choice added) and ``held_out``.
    """
    trials = data.load("srndna_trust_partners")
    frame = trials.sort_values(["subject", "partner", "run", "onset_choice_s"], ignore_index=True)
    frame["day"] = frame.groupby(["subject", "partner"]).cumcount().astype(float)
    frame["chose_high"] = (frame["invested"] == frame["high"]).astype(int)
    frame["ev"] = frame["outcome"].map(RETURNS).fillna(0.0)
    frame["held_out"] = frame["run"] == HELD_OUT_RUN
    training = frame[~frame["held_out"]].groupby("subject")["chose_high"]
    high, every = training.sum() + 1.0, training.count() + 2.0
    frame["readiness"] = frame["subject"].map(np.log(high / (every - high)))
    columns = ["subject", "partner", "run", "day", "low", "high", "invested", "chose_high", "ev"]
    return frame[[*columns, "readiness", "held_out"]]


def fit_game(
    frame: pd.DataFrame,
    model: Model,
    seed: int,
    progress: bool | Callable[[int, int], None] | None,
) -> Fit:
    """Fit the trust model to the training runs.

    Free are trust before the first round with each kind of partner, learning from good
    (``ups``) and from bad (``om``), and the read-out; the rest is the healthy profile.
    """
    return fit(
        model,
        frame[~frame["held_out"]],
        time="day",
        observed={"chose_high": Binomial("choice")},
        group=["subject", "partner"],
        inputs={name: name for name in ("ev", *COVARIATES)},
        vary=_FREE,
        solver=_SOLVER,
        starts=_STARTS,
        seed=seed,
        progress=progress,
    )


def play(
    frame: pd.DataFrame,
    model: Model,
    seed: int,
    progress: bool | Callable[[int, int], None] | None,
) -> Game:
    """Fit the trust model and its rivals to the training runs, and score the rest.

    Parameters
    ----------
    frame : DataFrame
        See `rounds`.
    model : Model
        See `trustode.models.trust_forms.game`.
    seed : int
        Of the fit's starts and of the bootstrap.
    progress : bool, callable or None
        As in `fit`.
    """
    fitted = fit_game(frame, model, seed, progress)
    rivals = {
        "persistence": persistence(frame, COVARIATES),
        "delta rule": delta_rule(frame, COVARIATES),
        "covariates only": covariates_only(frame, COVARIATES),
    }
    # Every prediction knows the outcomes of earlier rounds, held out or not; no parameter does.
    probability = {TRUST: fitted.predict(frame)["chose_high"].to_numpy(dtype=float)}
    probability |= {name: rival.probability for name, rival in rivals.items()}
    held = frame["held_out"].to_numpy()
    tables = [
        scores(frame[rows], {k: p[rows] for k, p in probability.items()}, TRUST, seed)
        for rows in (held, ~held)
    ]
    return Game(frame, fitted, rivals, probability, *tables)
