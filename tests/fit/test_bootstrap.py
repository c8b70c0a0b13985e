"""Bootstraps whose distribution is known: means, and ordinary regression."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import trustode as tr
from trustode.fit import Fit

#: Refits, and the relative standard error of a standard deviation from so many.
N = 200
SPREAD = 1.0 / np.sqrt(2.0 * N)


def mean_of(drift: tr.Model, data: pd.DataFrame, **options: object) -> Fit:
    """Fit a constant with a known standard deviation: its estimate is the mean."""
    return tr.fit(
        drift,
        data,
        time="t",
        observed={"y": tr.Gaussian("y", sd=0.5)},
        vary={"y(0)": tr.Vary(0.0)},
        starts=1,
        **options,  # type: ignore[arg-type]
    )


def test_parametric_is_the_normal_distribution_of_a_mean(drift: tr.Model) -> None:
    y = np.random.default_rng(0).normal(2.0, 0.5, 20)
    fit = mean_of(drift, pd.DataFrame({"t": np.arange(20.0), "y": y}))
    row = fit.bootstrap(N, seed=1).params.loc["y(0)"]
    error = 0.5 / np.sqrt(20.0)
    assert row["stderr"] == pytest.approx(error, rel=4 * SPREAD)
    assert row["bias"] == pytest.approx(0.0, abs=4 * error / np.sqrt(N))
    # The error of a percentile: sqrt(q (1 - q) / n) / density.
    off = np.sqrt(0.025 * 0.975 / N) / norm.pdf(norm.ppf(0.975)) * error
    assert row["low"] == pytest.approx(y.mean() - 1.96 * error, abs=4 * off)
    assert row["high"] == pytest.approx(y.mean() + 1.96 * error, abs=4 * off)


def test_rows_drawn_again_give_the_spread_of_the_data(drift: tr.Model) -> None:
    # Far from the sd that the fit assumes, which cases do not care about.
    y = np.random.default_rng(0).normal(2.0, 2.0, 30)
    y[4] = np.nan
    fit = mean_of(drift, pd.DataFrame({"t": np.arange(30.0), "y": y}))
    found = fit.bootstrap(N, kind="case", seed=1)
    expected = np.nanstd(y) / np.sqrt(29.0)
    assert found.params.loc["y(0)", "stderr"] == pytest.approx(expected, rel=4 * SPREAD)
    assert "case" in repr(found)


def test_groups_drawn_again_give_the_spread_between_them(drift: tr.Model) -> None:
    rng = np.random.default_rng(0)
    mean = rng.normal(2.0, 1.0, 12)
    data = pd.DataFrame({"t": np.tile(np.arange(5.0), 12), "who": np.repeat(np.arange(12), 5)})
    data["y"] = mean[data["who"]] + rng.normal(0.0, 0.1, 60)
    found = mean_of(drift, data, group="who").bootstrap(N, kind="case", seed=2)
    expected = data.groupby("who")["y"].mean().std(ddof=0) / np.sqrt(12.0)
    assert found.params.loc["y(0)", "stderr"] == pytest.approx(expected, rel=4 * SPREAD)


def test_a_group_that_was_not_drawn_has_no_estimate(drift: tr.Model) -> None:
    data = pd.DataFrame({"t": [0.0, 1.0] * 3, "who": list("aabbcc"), "y": [1.0, 1.1, 2, 2.1, 3, 4]})
    fit = tr.fit(
        drift,
        data,
        time="t",
        observed={"y": tr.Gaussian("y", sd=0.5)},
        vary={"y(0)": tr.Vary(0.0, per="who")},
        group="who",
        starts=1,
    )
    found = fit.bootstrap(60, kind="case")
    share = found.estimates["y(0) [a]"].notna().mean()
    # Drawn at least once in three draws of three: 1 - (2/3)**3.
    assert share == pytest.approx(19 / 27, abs=4 * np.sqrt(19 / 27 * 8 / 27 / 60))
    # Each person's estimate rests on the same data whenever there is one.
    assert found.params.loc["y(0) [a]", "stderr"] == pytest.approx(0.0, abs=1e-6)
    assert found.estimates["y(0) [a]"].max() == pytest.approx(1.05)


def test_counts_are_drawn_from_their_distribution(drift: tr.Model) -> None:
    data = pd.DataFrame({"t": np.arange(10.0), "k": [3, 5, 4, 6, 5] * 2})
    fit = tr.fit(
        drift,
        data,
        time="t",
        observed={"k": tr.Binomial("p", n=10)},
        vary={"p": tr.Vary(0.5, min=0.01, max=0.99)},
        starts=1,
    )
    row = fit.bootstrap(N).params.loc["p"]
    assert row["stderr"] == pytest.approx(np.sqrt(0.46 * 0.54 / 100.0), rel=4 * SPREAD)


def test_refits_can_be_shared_kept_and_taken_up(drift: tr.Model, tmp_path: Path) -> None:
    fit = mean_of(drift, pd.DataFrame({"t": np.arange(5.0), "y": [1.0, 2.0, 0.5, 1.4, 2.2]}))
    plain = fit.bootstrap(20, seed=3)
    with ThreadPoolExecutor(2) as pool:
        shared = fit.bootstrap(20, seed=3, executor=pool, checkpoint=tmp_path / "refits")
    pd.testing.assert_frame_equal(plain.estimates, shared.estimates)
    again = fit.bootstrap(20, seed=3, checkpoint=tmp_path / "refits")
    pd.testing.assert_frame_equal(plain.estimates, again.estimates)
    assert not plain.estimates.equals(fit.bootstrap(20, seed=4).estimates)
    with pytest.raises(tr.DataError, match="seed"):
        fit.bootstrap(20, seed=4, checkpoint=tmp_path / "refits")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"kind": "cases"}, "did you mean 'case'"),
        ({"n": 1}, "n=1 must be a whole number from 2"),
        ({"level": 2}, "between 0 and 1"),
        ({"seed": -1}, "seed=-1"),
        ({"executor": 4}, "not a concurrent.futures.Executor"),
    ],
)
def test_options_that_cannot_be_are_refused(drift: tr.Model, wrong: dict, told: str) -> None:
    fit = mean_of(drift, pd.DataFrame({"t": np.arange(5.0), "y": [1.0, 2.0, 0.5, 1.4, 2.2]}))
    with pytest.raises(tr.OptionError, match=told):
        fit.bootstrap(**{"n": 4, **wrong})
