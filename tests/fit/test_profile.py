"""Profiles against closed forms, and what is said where there is no interval."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq
from scipy.stats import chi2, norm

import trustode as tr
from trustode.fit import Fit

mpl.use("Agg")

WIDE = {"min": -100.0, "max": 100.0}
SIGMA = tr.Vary(1.0, min=1e-6, max=1e6, scale="log")
POSITIVE = {"min": 1e-3, "max": 1e3, "scale": "log"}


@pytest.fixture(scope="module")
def regression(drift: tr.Model) -> Fit:
    """Return an ordinary regression with an unknown standard deviation."""
    rng = np.random.default_rng(4)
    t = np.linspace(0.0, 4.0, 25)
    data = pd.DataFrame({"t": t, "y": 1.0 + 0.7 * t + rng.normal(0.0, 0.3, t.size)})
    return tr.fit(
        drift,
        data,
        time="t",
        observed={"y": tr.Gaussian("y", sd="sigma")},
        vary={"a": tr.Vary(0.0, **WIDE), "y(0)": tr.Vary(0.0, **WIDE), "sigma": SIGMA},
        starts=1,
    )


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_regression_is_the_closed_form(regression: Fit, level: float) -> None:
    found = regression.profile(level=level)
    threshold = chi2.ppf(level, 1)
    assert found.threshold == pytest.approx(threshold, rel=1e-12)
    n, variance = 25, regression.params.loc["sigma", "value"] ** 2
    for name in ("a", "y(0)"):
        # With the variance at its best, twice the fall is n log(1 + z**2 / n), z in errors.
        row, params = found.intervals.loc[name], regression.params.loc[name]
        half = params["stderr"] * np.sqrt(n * np.expm1(threshold / n))
        assert row["high"] - row["value"] == pytest.approx(half, rel=1e-5)
        assert row["value"] - row["low"] == pytest.approx(half, rel=1e-5)

    def excess(log_sd: float) -> float:
        ratio = variance * np.exp(-2.0 * log_sd)
        return float(n * (ratio - 1.0 - np.log(ratio)) - threshold)

    best = 0.5 * np.log(variance)
    row = found.intervals.loc["sigma"]
    assert np.log(row["low"]) == pytest.approx(brentq(excess, best - 2.0, best), abs=1e-6)
    assert np.log(row["high"]) == pytest.approx(brentq(excess, best, best + 2.0), abs=1e-6)
    assert found.intervals["identifiable"].all()
    points = found.to_frame()
    assert (points["excess"] >= -1e-9).all()
    assert points.loc[points["name"] == "a", "value"].is_monotonic_increasing
    assert "interval" in found.summary()


def test_normal_theory_where_the_variance_is_known(drift: tr.Model, line: pd.DataFrame) -> None:
    fit = tr.fit(
        drift,
        line,
        time="t",
        observed={"y": tr.Gaussian("y", sd=0.3)},
        vary={"a": tr.Vary(0.0), "y(0)": tr.Vary(0.0)},
        starts=1,
    )
    found = fit.profile("a")
    half = norm.ppf(0.975) * fit.params.loc["a", "stderr"]
    row = found.intervals.loc["a"]
    assert [row["low"], row["high"]] == pytest.approx(
        [row["value"] - half, row["value"] + half], abs=1e-5 * half
    )
    assert len(found.intervals) == 1


def test_decay_is_the_closed_form(decay: tr.Model) -> None:
    t = np.linspace(0.5, 8.0, 8)
    y = np.exp(-0.4 * t) + np.random.default_rng(3).normal(0.0, 0.2, t.size)
    data = pd.DataFrame({"t": [0.0, *t], "y": [np.nan, *y]})
    fit = tr.fit(
        decay,
        data,
        time="t",
        observed={"y": tr.Gaussian("y", sd=0.2)},
        vary={"k": tr.Vary(0.5, **POSITIVE)},
        starts=1,
    )
    best = float(fit.params.loc["k", "value"])

    def misfit(k: float) -> float:
        return float((((y - np.exp(-k * t)) / 0.2) ** 2).sum())

    def excess(k: float) -> float:
        return misfit(k) - misfit(best) - chi2.ppf(0.95, 1)

    row = fit.profile("k").intervals.loc["k"]
    assert row["low"] == pytest.approx(brentq(excess, 0.1 * best, best), rel=1e-5)
    assert row["high"] == pytest.approx(brentq(excess, best, 10.0 * best), rel=1e-5)


@pytest.mark.filterwarnings("ignore:.*not determined:trustode.FitWarning")
def test_a_product_is_not_identifiable() -> None:
    model = tr.Model(
        "two", rhs={"y": "-k1 * k2 * y"}, params={"k1": 1.0, "k2": 1.0}, initial={"y": 1.0}
    )
    t = np.linspace(0.0, 4.0, 20)
    data = pd.DataFrame({"t": t, "y": np.exp(-0.6 * t)})
    vary = {"k1": tr.Vary(1.0, **POSITIVE), "k2": tr.Vary(1.0, min=1e-9, max=1e9, scale="log")}
    fit = tr.fit(
        model, data, time="t", observed={"y": tr.Gaussian("y", sd=0.02)}, vary=vary, starts=1
    )
    found = fit.profile("k1")
    row = found.intervals.loc["k1"]
    assert (row["low_end"], row["high_end"]) == ("bound", "bound")
    assert (row["low"], row["high"]) == pytest.approx((1e-3, 1e3))
    assert "open (bound 0.001)" in repr(found)
    # A product stays the same if one factor grows as the other falls.
    assert "k1 times 2.72, k2 times 0.368" in str(fit.notes) or (
        "k1 times 0.368, k2 times 2.72" in str(fit.notes)
    )
    assert not row["identifiable"]
    assert "not identifiable" in found.summary()
    assert "k2 falls" in found.summary()
    # Along the profile the product stays where the data put it.
    assert (found.points["k1"] * found.points["k2"]).to_numpy() == pytest.approx(0.6, rel=1e-5)


def test_saturation_that_was_never_reached_is_open_upwards() -> None:
    # Far below saturation only v / K acts: Raue et al. (2009) call this practical.
    model = tr.Model(
        "uptake", rhs={"s": "-v * s / (K + s)"}, params={"v": 1.0, "K": 1.0}, initial={"s": 1.0}
    )
    t = np.linspace(0.0, 2.0, 15)
    truth = tr.simulate(model, t, params={"v": 2.0, "K": 3.0})["s"]
    noise = np.random.default_rng(1).normal(0.0, 0.02, t.size)
    fit = tr.fit(
        model,
        pd.DataFrame({"t": t, "s": truth + noise}),
        time="t",
        observed={"s": tr.Gaussian("s", sd=0.02)},
        vary={"v": tr.Vary(2.0, **POSITIVE), "K": tr.Vary(3.0, **POSITIVE)},
        starts=1,
    )
    found = fit.profile("K")
    row = found.intervals.loc["K"]
    assert (row["low_end"], row["high_end"]) == ("crossing", "bound")
    assert row["fall_high"] < 0.5 * found.threshold
    told = found.summary()
    assert "at least" in told
    assert "upwards practically not identifiable" in told
    assert "v grows" in told


@pytest.mark.filterwarnings("ignore:.*never reaches:trustode.FitWarning")
def test_a_value_that_reaches_no_data_is_flat() -> None:
    model = tr.Model(
        "idle", rhs={"y": "-k * y", "z": "q - z"}, params={"k": 0.5, "q": 1.0},
        initial={"y": 1.0, "z": 0.0},
    )  # fmt: skip
    t = np.linspace(0.0, 4.0, 9)
    fit = tr.fit(
        model,
        pd.DataFrame({"t": t, "y": np.exp(-0.5 * t)}),
        time="t",
        observed={"y": tr.Gaussian("y", sd=0.1)},
        vary={"k": tr.Vary(0.5), "q": tr.Vary(1.0)},
        starts=1,
    )
    found = fit.profile("q")
    assert list(found.intervals.loc["q", ["low_end", "high_end"]]) == ["flat", "flat"]
    assert "the data do not change with it" in found.summary()
    # A table that is printed must not pass what was merely looked at for an interval.
    assert repr(found).count("open (seen to ") == 2


def test_sides_can_be_shared_kept_and_taken_up(regression: Fit, tmp_path: Path) -> None:
    plain = regression.profile("a", "sigma")
    seen: list[tuple[int, int]] = []
    with ThreadPoolExecutor(2) as pool:
        shared = regression.profile(
            "a",
            "sigma",
            executor=pool,
            checkpoint=tmp_path / "sides",
            progress=lambda *s: seen.append(s),
        )
    pd.testing.assert_frame_equal(plain.points, shared.points)
    assert seen[-1] == (4, 4)
    again = regression.profile("a", "sigma", checkpoint=tmp_path / "sides")
    pd.testing.assert_frame_equal(plain.points, again.points)
    with pytest.raises(tr.DataError, match="level"):
        regression.profile("a", "sigma", level=0.9, checkpoint=tmp_path / "sides")


def test_plot_shows_level_and_ends(regression: Fit) -> None:
    ax = regression.profile("sigma").plot()
    assert ax.get_xscale() == "log"
    assert len(ax.lines) == 4
    with pytest.raises(tr.OptionError, match="did you mean 'sigma'"):
        regression.profile("sigma").plot("sgma")


@pytest.mark.parametrize("level", [0.0, 1.0, "high", True])
def test_levels_that_cannot_be_are_refused(regression: Fit, level: object) -> None:
    with pytest.raises(tr.OptionError, match="between 0 and 1"):
        regression.profile("a", level=level)  # type: ignore[arg-type]


def test_a_misspelt_name_is_told(regression: Fit) -> None:
    with pytest.raises(tr.OptionError, match="did you mean 'sigma'"):
        regression.profile("simga")
