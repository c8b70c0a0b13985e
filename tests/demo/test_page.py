import pandas as pd
import pytest

from trustode.demo.game import TRUST
from trustode.demo.page import verdicts, write


def table(*rows):
    """Scores of predictors: name, log loss, and the interval of the difference."""
    made = []
    for name, loss, low, high in rows:
        row = {"predictor": name, "log_loss": loss, "accuracy": 0.7, "rmse_dollars": 2.0}
        row |= {"log_loss_difference": rows[0][1] - loss, "log_loss_low": low}
        row |= {"log_loss_high": high}
        for measure in ("accuracy", "rmse_dollars"):
            row |= {f"{measure}_{end}": 0.0 for end in ("difference", "low", "high")}
        made.append(row)
    return pd.DataFrame(made)


def test_a_rival_that_wins_is_said_to_win():
    answer, persistence, delta = verdicts(
        table((TRUST, 0.53, 0, 0), ("persistence", 0.52, 0.005, 0.015), ("delta", 0.54, -0.02, 0))
    )
    assert "does not predict the held-out choices best: persistence wins" in answer
    assert "in favour of persistence; the interval excludes zero" in persistence
    assert "in favour of the trust model; the interval includes zero" in delta


def test_a_model_that_wins_is_said_to_win():
    answer, *_ = verdicts(table((TRUST, 0.50, 0, 0), ("delta", 0.54, -0.05, -0.03)))
    assert "predicts the held-out choices best" in answer
    assert "certain" not in answer


def test_uncertain_differences_are_said_to_be():
    answer, *_ = verdicts(table((TRUST, 0.50, 0, 0), ("delta", 0.51, -0.02, 0.01)))
    assert "every interval includes zero" in answer


@pytest.mark.parametrize("n_missing", [3])
def test_page_says_what_is_missing(tmp_path, n_missing):
    text = write(tmp_path, "my folder", [], 1).read_text()
    assert "This page is not complete: still missing are" in text
    assert "trustode demo my folder" in text
