import numpy as np
import pandas as pd
import pytest

from trustode.demo.score import losses, scores


def rounds(n_subject=50, n_round=20, seed=1):
    rng = np.random.default_rng(seed)
    n = n_subject * n_round
    frame = pd.DataFrame({"subject": np.repeat(np.arange(n_subject), n_round)})
    frame["low"], frame["high"] = 2.0, 8.0
    frame["chose_high"] = (rng.random(n) < 0.7).astype(int)
    frame["invested"] = np.where(frame["chose_high"] == 1, frame["high"], frame["low"])
    return frame


def test_losses_of_one_half_and_of_certainty():
    frame = rounds(2, 3)
    half = losses(frame, np.full(6, 0.5))
    np.testing.assert_allclose(half["log_loss"], np.log(2))
    np.testing.assert_allclose(half["squared_dollars"], 9.0)
    sure = losses(frame, frame["chose_high"].to_numpy(dtype=float))
    np.testing.assert_array_equal(sure["log_loss"], 0.0)
    np.testing.assert_array_equal(sure["accuracy"], 1.0)
    np.testing.assert_array_equal(sure["squared_dollars"], 0.0)


def test_scores_are_means_over_choices():
    frame = rounds(3, 4)
    p = np.linspace(0.1, 0.9, 12)
    row = scores(frame, {"a": p}, "a", seed=1).iloc[0]
    each = losses(frame, p)
    assert row["log_loss"] == pytest.approx(each["log_loss"].mean())
    assert row["rmse_dollars"] == pytest.approx(np.sqrt(each["squared_dollars"].mean()))


def test_equal_predictors_do_not_differ():
    frame = rounds()
    p = np.full(len(frame), 0.6)
    other = scores(frame, {"a": p, "b": p.copy()}, "a", seed=1).iloc[1]
    for measure in ("log_loss", "accuracy", "rmse_dollars"):
        for end in ("difference", "low", "high"):
            assert other[f"{measure}_{end}"] == 0.0


def test_difference_is_reference_minus_predictor():
    frame = rounds()
    good = np.full(len(frame), 0.7)
    poor = np.full(len(frame), 0.5)
    table = scores(frame, {"good": good, "poor": poor}, "good", seed=1).set_index("predictor")
    assert table.loc["poor", "log_loss_difference"] == pytest.approx(
        table.loc["good", "log_loss"] - table.loc["poor", "log_loss"]
    )
    assert table.loc["poor", "log_loss_high"] < 0


def test_interval_is_that_of_a_mean_over_subjects():
    # Subjects of equal size: the bootstrap of a mean has the standard error of subject means.
    frame = rounds(n_subject=200)
    rng = np.random.default_rng(2)
    p = np.clip(rng.normal(0.6, 0.1, len(frame)), 0.05, 0.95)
    q = np.full(len(frame), 0.5)
    row = scores(frame, {"q": q, "p": p}, "q", seed=1).set_index("predictor").loc["p"]
    by_row = losses(frame, q)["log_loss"] - losses(frame, p)["log_loss"]
    means = by_row.reshape(200, 20).mean(axis=1)
    half = 1.96 * means.std() / np.sqrt(200)
    # 10,000 resamples leave about 2 % of noise in a quantile.
    assert row["log_loss_high"] - row["log_loss_low"] == pytest.approx(2 * half, rel=0.06)


def test_seed_decides():
    frame = rounds()
    p = {"a": np.full(len(frame), 0.5), "b": np.linspace(0.2, 0.8, len(frame))}
    pd.testing.assert_frame_equal(scores(frame, p, "a", 1), scores(frame, p, "a", 1))
    assert not scores(frame, p, "a", 1).equals(scores(frame, p, "a", 2))
