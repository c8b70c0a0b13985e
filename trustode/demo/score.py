"""How well held-out choices are predicted, and how sure one can be of a difference.

Imports nothing from trustode.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

#: Resamples of the subjects, and the share of them that an interval leaves out on each side.
RESAMPLES = 10_000
_TAIL = 0.025


def losses(frame: pd.DataFrame, probability: Array) -> dict[str, Array]:
    """Return what each row adds to each score.

    Parameters
    ----------
    frame : DataFrame
        With ``chose_high``, ``low``, ``high`` and ``invested``.
    probability : ndarray, shape (n_row,)
        Of the higher offer.

    Returns
    -------
    dict of str to ndarray, shape (n_row,)
        ``log_loss`` (negative log probability of the choice made), ``accuracy`` (1 where the
        likelier offer was chosen) and ``squared_dollars`` (squared error of the expected
        investment).
    """
    chosen = frame["chose_high"].to_numpy(dtype=bool)
    low, high = (frame[name].to_numpy(dtype=float) for name in ("low", "high"))
    expected = low + probability * (high - low)
    return {
        "log_loss": -np.log(np.where(chosen, probability, 1.0 - probability)),
        "accuracy": ((probability > 0.5) == chosen).astype(float),
        "squared_dollars": (expected - frame["invested"].to_numpy(dtype=float)) ** 2,
    }


def scores(
    frame: pd.DataFrame, probabilities: Mapping[str, Array], reference: str, seed: int
) -> pd.DataFrame:
    """Score predictors on the same rows, and the difference of each from a reference.

    Parameters
    ----------
    frame : DataFrame
        The rows to score, with ``subject`` and what `losses` needs.
    probabilities : mapping of str to ndarray, shape (n_row,)
        Predictions by predictor.
    reference : str
        The predictor that the others are compared with.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    DataFrame
        One row a predictor: ``predictor``, ``log_loss``, ``accuracy``, ``rmse_dollars``, and
        for each of them the reference's minus the predictor's: ``..._difference``, with the
        ends ``..._low`` and ``..._high`` of a 95 % percentile interval. Subjects, not
        trials, are resampled, the same ones for every predictor.

    References
    ----------
    Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    """
    import pandas as pd

    subject, members = np.unique(frame["subject"].to_numpy(), return_inverse=True)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(subject), size=(RESAMPLES, len(subject)))
    times = np.zeros((RESAMPLES, len(subject)))
    np.add.at(times, (np.arange(RESAMPLES)[:, None], drawn), 1.0)
    count = np.bincount(members).astype(float)
    rows, resampled = {}, {}
    for name, probability in probabilities.items():
        sums = {
            key: np.bincount(members, weights=each).astype(float)
            for key, each in losses(frame, probability).items()
        }
        rows[name] = _means(sums, count, np.ones((1, len(subject))))
        resampled[name] = _means(sums, count, times)
    made = []
    for name in probabilities:
        row: dict[str, float | str] = {"predictor": name}
        row |= {key: float(value[0]) for key, value in rows[name].items()}
        for key in rows[name]:
            difference = resampled[reference][key] - resampled[name][key]
            row[f"{key}_difference"] = float(rows[reference][key][0] - rows[name][key][0])
            low, high = np.quantile(difference, [_TAIL, 1.0 - _TAIL])
            row |= {f"{key}_low": float(low), f"{key}_high": float(high)}
        made.append(row)
    return pd.DataFrame(made)


def _means(sums: Mapping[str, Array], count: Array, times: Array) -> dict[str, Array]:
    """Return each score for weighted subjects, shape (n_resample,)."""
    total = times @ count
    return {
        "log_loss": times @ sums["log_loss"] / total,
        "accuracy": times @ sums["accuracy"] / total,
        "rmse_dollars": np.sqrt(times @ sums["squared_dollars"] / total),
    }
