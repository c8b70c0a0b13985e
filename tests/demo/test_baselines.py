import numpy as np
import pandas as pd
import pytest

from trustode.demo.baselines import covariates_only, delta_rule, log_loss, persistence

COVARIATES = ("size",)


def simulated(n_subject=40, n_day=60, seed=1):
    """Choices by a delta rule, drawn one after the other."""
    rng = np.random.default_rng(seed)
    rows = []
    for subject in range(n_subject):
        for partner, v in (("friend", 0.8), ("stranger", 0.3)):
            for day in range(n_day):
                size = rng.choice([-1.0, 1.0])
                p = 1 / (1 + np.exp(-(-2.0 + 0.5 * size + 4.0 * v)))
                outcome = rng.choice([0.5, -1.0, 0.0], p=[0.45, 0.45, 0.1])
                rows.append((subject, partner, day, size, int(rng.random() < p), outcome))
                v += {0.5: 0.3 * (1 - v), -1.0: -0.15 * v, 0.0: 0.0}[outcome]
    frame = pd.DataFrame(rows, columns=["subject", "partner", "day", "size", "chose_high", "ev"])
    return frame.assign(held_out=frame["day"] >= 50)


@pytest.fixture(scope="module")
def frame():
    return simulated()


def test_log_loss_is_the_negative_log_probability():
    odds = np.array([-3.0, 0.0, 2.0])
    p = 1 / (1 + np.exp(-odds))
    np.testing.assert_allclose(log_loss(np.ones(3), odds), -np.log(p))
    np.testing.assert_allclose(log_loss(np.zeros(3), odds), -np.log(1 - p))


def test_logistic_regression_on_two_groups_is_their_log_odds():
    # With one covariate of two values the maximum is closed: the log odds of each group.
    frame = pd.DataFrame(
        {"size": [0.0] * 10 + [1.0] * 10, "chose_high": [1] * 3 + [0] * 7 + [1] * 8 + [0] * 2}
    ).assign(held_out=False)
    fitted = covariates_only(frame, COVARIATES)
    assert fitted.params["b_0"] == pytest.approx(np.log(3 / 7))
    assert fitted.params["b_size"] == pytest.approx(np.log(8 / 2) - np.log(3 / 7))
    np.testing.assert_allclose(fitted.probability, frame["size"].map({0: 0.3, 1: 0.8}))
    wanted = 3 * np.log(0.3) + 7 * np.log(0.7) + 8 * np.log(0.8) + 2 * np.log(0.2)
    assert fitted.loglik == pytest.approx(wanted)


def test_persistence_uses_the_last_choice_with_the_same_partner(frame):
    # With no covariates the maximum is again closed: the odds after each kind of last choice.
    fitted = persistence(frame, ())
    last = frame.groupby(["subject", "partner"])["chose_high"].shift()
    symmetric = fitted.params["b_0"], fitted.params["b_last"]
    for choice, sign in ((1.0, 1), (0.0, -1)):
        odds = symmetric[0] + sign * symmetric[1]
        np.testing.assert_allclose(fitted.probability[last == choice], 1 / (1 + np.exp(-odds)))
    first = 1 / (1 + np.exp(-symmetric[0]))
    np.testing.assert_allclose(fitted.probability[last.isna()], first)


def test_delta_rule_predicts_as_a_plain_loop(frame):
    fitted = delta_rule(frame, COVARIATES)
    p = fitted.params
    value = {}
    for k, row in enumerate(frame.to_dict("records")):
        pair = row["subject"], row["partner"]
        v = value.get(pair, p[f"V_0 {row['partner']}"])
        odds = p["b_0"] + p["b_size"] * row["size"] + p["b_V"] * v
        assert fitted.probability[k] == pytest.approx(1 / (1 + np.exp(-odds)), rel=1e-9)
        if row["ev"] > 0:
            v += p["rate_up"] * (1 - v)
        elif row["ev"] < 0:
            v -= p["rate_down"] * v
        value[pair] = v
    chosen = frame["chose_high"].to_numpy()
    loss = -np.log(np.where(chosen, fitted.probability, 1 - fitted.probability))
    assert fitted.loglik == pytest.approx(-loss[~frame["held_out"]].sum())


def test_delta_rule_finds_what_the_choices_were_made_with(frame):
    found = delta_rule(frame, COVARIATES).params
    # Three to four standard errors, from refits to 20 other simulated data sets.
    for name, true, close in (
        ("rate_up", 0.3, 0.15),
        ("rate_down", 0.15, 0.1),
        ("b_size", 0.5, 0.15),
        ("b_V", 4.0, 1.2),
    ):
        assert found[name] == pytest.approx(true, abs=close), name


def test_held_out_rows_change_no_parameter(frame):
    flipped = frame.copy()
    flipped.loc[flipped["held_out"], "chose_high"] ^= 1
    for rule in (covariates_only, persistence, delta_rule):
        assert rule(frame, COVARIATES).params == rule(flipped, COVARIATES).params
