"""Studies in docs: the figures that others published come out of the study's own scores."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

import trustode as tr

STUDIES = Path(__file__).resolve().parents[1] / "docs" / "studies"

#: What the notes beside the data say, to the digits printed there.
PRINTED = 0.005


def study(name: str) -> ModuleType:
    """Return a study's script as a module."""
    spec = importlib.util.spec_from_file_location(name, STUDIES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def king_casas() -> ModuleType:
    return study("king_casas")


@pytest.fixture(scope="module")
def frame(king_casas: ModuleType, shared: Path) -> pd.DataFrame:
    folder = shared / "data" / "kingcasas2008_bpd_trust"
    if not folder.is_dir():
        pytest.skip(f"needs the rounds of King-Casas et al. (2008), {folder} is absent")
    found: pd.DataFrame = king_casas.rounds(folder)
    return found


@pytest.fixture
def made(king_casas: ModuleType, tmp_path: Path) -> pd.DataFrame:
    """Return the rounds of two made-up pairs, who need no file of others."""
    rng = np.random.default_rng(3)
    investment = rng.integers(0, 21, 20)
    investment[4] = 0
    rows = pd.DataFrame(
        {
            "dyad": np.repeat([1, 2], 10),
            "trustee_group": np.repeat(["BPD", "HC"], 10),
            "round": np.tile(np.arange(1, 11), 2),
            "investment": investment,
            "repayment": rng.integers(0, 3 * investment + 1),
        }
    )
    rows.to_csv(tmp_path / "rounds.csv", index=False)
    found: pd.DataFrame = king_casas.rounds(tmp_path)
    return found


def test_published_errors_of_the_next_investment(
    king_casas: ModuleType, frame: pd.DataFrame
) -> None:
    for predict, published in (
        (king_casas.persistence, 5.33),
        (king_casas.group_mean, 5.84),
        (king_casas.regression, 4.32),
    ):
        assert king_casas.rmse(frame, predict(frame)) == pytest.approx(published, abs=PRINTED)


def test_chance_is_ten_times_the_logarithm_of_five(
    king_casas: ModuleType, made: pd.DataFrame
) -> None:
    assert king_casas.mean_nll(made, np.log(1 / 5)) == pytest.approx(10 * np.log(5))


def test_published_likelihoods_have_one_value_a_pair(frame: pd.DataFrame, shared: Path) -> None:
    file = shared / "data" / "kingcasas2008_bpd_trust" / "published_ipomdp_fits.csv"
    published = pd.read_csv(file)
    assert published["dyad"].tolist() == frame["dyad"].unique().tolist()
    for column, printed in (
        ("nll_investor_model_o", 12.956),
        ("nll_investor_model_av", 9.677),
        ("nll_investor_final", 8.400),
    ):
        assert published[column].mean() == pytest.approx(printed, abs=PRINTED / 10)


def test_a_histogram_scores_the_entropy_of_what_was_done(
    king_casas: ModuleType, made: pd.DataFrame
) -> None:
    entropy = []
    for _, mine in made.groupby("dyad"):
        share = mine["level"].value_counts(normalize=True).to_numpy()
        entropy.append(-10 * np.sum(share * np.log(share)))
    scored = king_casas.mean_nll(made, king_casas.histogram(made))
    assert scored == pytest.approx(np.mean(entropy))


def test_levels_are_the_nearest_and_nothing_sent_leaves_no_reply(made: pd.DataFrame) -> None:
    assert (made["level"] - made["investment"]).abs().max() <= 2
    assert made["reply"].isna().equals(made["investment"] == 0)
    assert made["share"].notna().all()


def test_a_prediction_knows_nothing_of_its_own_round(
    king_casas: ModuleType, made: pd.DataFrame
) -> None:
    def predict(frame: pd.DataFrame) -> pd.Series:
        objective = tr.objective(
            king_casas.DYAD,
            frame,
            time="round",
            group="dyad",
            observed={"level": king_casas.LEVEL},
            vary=king_casas.INVESTOR,
            inputs=king_casas.INPUTS,
        )
        predicted: pd.Series = objective.predict()["level"]
        return predicted

    other = made.copy()
    other.loc[other["round"] >= 6, ["sent", "x"]] = 0.9, -0.4
    before, changed = predict(made), predict(other)
    known = made["round"] <= 6
    assert changed[known].to_numpy() == pytest.approx(before[known].to_numpy(), abs=1e-8)
    after = made["round"] == 7
    assert (changed[after] - before[after]).abs().min() > 0.1
