"""What a model of trust has to beat: simple predictors of the next choice, fitted alike.

Each is logistic in the same covariates and one predictor of its own. Imports nothing from
trustode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

#: Learning rates from which the delta rule's search begins.
_DELTA_STARTS = ((0.1, 0.1), (0.5, 0.5), (0.05, 0.4))
#: Rates and the weight of V trade off along a flat valley: stop late.
_DELTA_PRECISION = 1e-10


@dataclass(frozen=True, eq=False)
class Baseline:
    """A fitted predictor.

    Attributes
    ----------
    params : dict of str to float
    probability : ndarray, shape (n_row,)
        Of the higher offer, in every row, held out or not.
    loglik : float
        Of the training rows.
    """

    params: dict[str, float]
    probability: Array
    loglik: float


def covariates_only(frame: pd.DataFrame, covariates: tuple[str, ...]) -> Baseline:
    """Predict from the offers and the subject's readiness alone: nothing is learned."""
    return _logistic(frame, covariates, {})


def persistence(frame: pd.DataFrame, covariates: tuple[str, ...]) -> Baseline:
    """Predict from the last choice with the same partner: 1 high, -1 low, 0 in round one."""
    last = frame.groupby(["subject", "partner"])["chose_high"].shift()
    signed = (2.0 * last - 1.0).fillna(0.0).to_numpy(dtype=float)
    return _logistic(frame, covariates, {"b_last": signed})


def delta_rule(frame: pd.DataFrame, covariates: tuple[str, ...]) -> Baseline:
    """Predict from an expectation that each outcome moves by a share of its error.

    ``V += rate_up (1 - V)`` after a reciprocated round and ``V += rate_down (0 - V)`` after a
    defection; a round without an outcome changes nothing. V starts at one value for each
    kind of partner.

    References
    ----------
    Rescorla & Wagner (1972), in Black & Prokasy, Classical Conditioning II, 64-99.
    """
    from scipy.optimize import minimize

    partners = sorted(frame["partner"].unique())
    n_start = len(partners)
    pair = frame.groupby(["subject", "partner"]).ngroup().to_numpy()
    day = frame["day"].to_numpy(dtype=int)
    brought = np.zeros((pair.max() + 1, day.max() + 1))
    brought[pair, day] = frame["ev"]
    kind = np.zeros(pair.max() + 1, dtype=int)
    kind[pair] = frame["partner"].map(partners.index)
    training = ~frame["held_out"].to_numpy()
    chosen = frame["chose_high"].to_numpy(dtype=float)
    design = _design(frame, covariates)
    n_rate = n_start + 2

    def log_odds(values: Array) -> tuple[Array, Array]:
        """Return the log odds of the higher offer and their derivatives by the values."""
        weights, weight = values[n_rate:-1], values[-1]
        v, by_start, by_rates = _expectation(
            brought, values[:n_start][kind], values[n_start:n_rate]
        )
        slopes = np.zeros((len(frame), len(values)))
        slopes[np.arange(len(frame)), kind[pair]] = weight * by_start[pair, day]
        slopes[:, n_start:n_rate] = weight * by_rates[pair, day]
        slopes[:, n_rate:-1], slopes[:, -1] = design, v[pair, day]
        return design @ weights + weight * v[pair, day], slopes

    def nll(values: Array) -> tuple[float, Array]:
        """Return the mean negative log-likelihood of the training rows and its gradient."""
        odds, slopes = (each[training] for each in log_odds(values))
        wrong = _logistic_of(odds) - chosen[training]
        return float(log_loss(chosen[training], odds).mean()), wrong @ slopes / len(odds)

    first = covariates_only(frame, covariates)
    limits = [(0.0, 1.0)] * n_rate + [(None, None)] * (design.shape[1] + 1)
    best: Any = None
    for rates in _DELTA_STARTS:
        start = np.array([0.5] * n_start + [*rates, *first.params.values(), 0.5])
        found = minimize(
            nll,
            start,
            jac=True,
            method="SLSQP",
            bounds=limits,
            options={"maxiter": 500, "ftol": _DELTA_PRECISION},
        )
        best = found if best is None or found.fun < best.fun else best
    names = [f"V_0 {partner}" for partner in partners] + ["rate_up", "rate_down"]
    names += [*first.params, "b_V"]
    return Baseline(
        dict(zip(names, best.x.tolist(), strict=True)),
        _logistic_of(log_odds(best.x)[0]),
        -float(best.fun) * int(training.sum()),
    )


def _expectation(brought: Array, start: Array, rates: Array) -> tuple[Array, Array, Array]:
    """Return V before each round, and its derivatives by its start and by the two rates.

    Shapes (n_pair, n_round), the same, and (n_pair, n_round, 2).
    """
    v, by_start = np.empty(brought.shape), np.empty(brought.shape)
    by_rates = np.zeros((*brought.shape, 2))
    v[:, 0], by_start[:, 0] = start, 1.0
    for k in range(brought.shape[1] - 1):
        up, down = brought[:, k] > 0, brought[:, k] < 0
        keep = 1.0 - up * rates[0] - down * rates[1]
        v[:, k + 1] = keep * v[:, k] + up * rates[0]
        by_start[:, k + 1] = keep * by_start[:, k]
        by_rates[:, k + 1] = keep[:, None] * by_rates[:, k]
        by_rates[:, k + 1, 0] += up * (1.0 - v[:, k])
        by_rates[:, k + 1, 1] -= down * v[:, k]
    return v, by_start, by_rates


def log_loss(chosen: Array, log_odds: Array) -> Array:
    """Return the negative log-likelihood of each choice, shape (n_row,)."""
    loss: Array = np.logaddexp(0.0, log_odds) - chosen * log_odds
    return loss


def _design(frame: pd.DataFrame, covariates: tuple[str, ...]) -> Array:
    """Return the intercept and covariates, shape (n_row, 1 + n_covariate)."""
    columns = [np.ones(len(frame)), *(frame[name].to_numpy(dtype=float) for name in covariates)]
    return np.column_stack(columns)


def _logistic_of(log_odds: Array) -> Array:
    probability: Array = 0.5 * (1.0 + np.tanh(0.5 * log_odds))
    return probability


def _logistic(frame: pd.DataFrame, covariates: tuple[str, ...], own: dict[str, Array]) -> Baseline:
    """Fit a logistic regression to the training rows by Newton's method."""
    design = np.column_stack([_design(frame, covariates), *own.values()])
    training = ~frame["held_out"].to_numpy()
    x, chosen = design[training], frame["chose_high"].to_numpy(dtype=float)[training]
    weights = np.zeros(design.shape[1])
    for _ in range(_NEWTON_STEPS):
        p = _logistic_of(x @ weights)
        step = np.linalg.solve(x.T @ (x * (p * (1.0 - p))[:, None]), x.T @ (chosen - p))
        weights = weights + step
        if np.abs(step).max() < _NEWTON_TOLERANCE:
            break
    names = ["b_0", *(f"b_{name}" for name in covariates), *own]
    return Baseline(
        dict(zip(names, weights.tolist(), strict=True)),
        _logistic_of(design @ weights),
        -float(log_loss(chosen, x @ weights).sum()),
    )


#: Newton's method on a concave function from zero; a dozen steps are plenty.
_NEWTON_STEPS, _NEWTON_TOLERANCE = 50, 1e-10
