import warnings

import numpy as np
import pytest

import trustode as tr
from trustode.demo.game import COVARIATES, TRUST, play, rounds
from trustode.models import trust_forms


@pytest.fixture(scope="module")
def frame():
    return rounds()


def test_rounds_are_the_choices_of_the_data_set(frame):
    # 14,635 rows and 97 persons: SOURCE.md of the data set.
    assert len(frame) == 14_635
    assert frame["subject"].nunique() == 97
    assert set(frame["run"][frame["held_out"]]) == {5}
    assert not (frame["run"][~frame["held_out"]] == 5).any()


def test_outcomes_are_relative_to_what_was_sent(frame):
    trials = tr.data.load("srndna_trust_partners")
    counts = trials["outcome"].value_counts()
    assert (frame["ev"] == 0.5).sum() == counts["recip"]
    assert (frame["ev"] == -1.0).sum() == counts["defect"]
    assert (frame["ev"][frame["invested"] == 0] == 0).all()


def test_days_count_the_rounds_of_a_pair(frame):
    for _, pair in frame.groupby(["subject", "partner"]):
        assert list(pair["day"]) == list(range(len(pair)))
        assert pair["run"].is_monotonic_increasing


def test_readiness_is_of_the_training_runs(frame):
    person = frame[frame["subject"] == frame["subject"][0]]
    chosen = person["chose_high"][person["run"] < 5]
    wanted = np.log((chosen.sum() + 1) / ((1 - chosen).sum() + 1))
    np.testing.assert_allclose(person["readiness"], wanted)


@pytest.fixture(scope="module")
def few(frame):
    """Ten persons, of whom the first five have a held-out run."""
    with_run_5 = frame["subject"][frame["held_out"]].unique()
    without = np.setdiff1d(frame["subject"], with_run_5)
    wanted = [*with_run_5[:5], *without[:5]]
    return frame[frame["subject"].isin(wanted)].reset_index(drop=True)


@pytest.fixture(scope="module")
def game(few):
    with warnings.catch_warnings():
        # Ten persons determine little; what is tested here holds wherever a search ends.
        warnings.simplefilter("ignore", tr.FitWarning)
        return play(few, trust_forms.game(), seed=1, progress=False)


def test_all_predictors_are_scored_on_the_same_rows(game, few):
    assert set(game.probability) == {TRUST, "persistence", "delta rule", "covariates only"}
    assert list(game.held_out["predictor"]) == list(game.training["predictor"])
    for name, p in game.probability.items():
        held = few["held_out"].to_numpy()
        chosen = few["chose_high"].to_numpy(dtype=bool)
        loss = -np.log(np.where(chosen, p, 1 - p))
        row = game.held_out.set_index("predictor").loc[name]
        assert row["log_loss"] == pytest.approx(loss[held].mean())


def test_fit_sees_the_training_rows_only(game, few):
    assert game.fit.n_observations == (~few["held_out"]).sum()
    chosen = few["chose_high"].to_numpy(dtype=bool)
    p = game.probability[TRUST]
    training = -np.log(np.where(chosen, p, 1 - p))[~few["held_out"].to_numpy()].sum()
    assert game.fit.loglik == pytest.approx(-training, rel=1e-6)


def test_free_are_start_learning_and_read_out(game):
    free = game.fit.params
    assert set(free["name"]) == {
        "trust_0", "ups", "om", "b_0", "b_T", *(f"b_{name}" for name in COVARIATES)
    }  # fmt: skip
    starts = free[free["name"] == "trust_0"]
    assert set(starts["group"]) == {"friend", "stranger", "computer"}


def test_prediction_knows_the_past_only(game, few):
    changed = few.copy()
    later = changed["day"] >= 20
    changed.loc[later, "ev"] = -changed.loc[later, "ev"]
    p, q = (game.fit.predict(frame)["chose_high"].to_numpy() for frame in (few, changed))
    # What happens on day 20 acts after that day's choice.
    known = (few["day"] <= 20).to_numpy()
    # Steps end at the same days, but beyond the change they may differ in length.
    np.testing.assert_allclose(p[known], q[known], rtol=1e-3)
    assert np.abs(p - q)[~known].max() > 0.01
