"""Comparisons whose answers are known: nested regressions, normal theory of what is left out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, f, norm

import trustode as tr
from trustode.fit import Fit

SIGMA = tr.Vary(1.0, min=1e-6, max=1e6, scale="log")


@pytest.fixture(scope="module")
def curve() -> tr.Model:
    """Return y' = a + b t: polynomials of order one and two."""
    return tr.Model("curve", rhs={"y": "a + b * t"}, params={"a": 0.0, "b": 0.0}, initial={"y": 0})


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    """Return six slightly curved series."""
    rng = np.random.default_rng(4)
    t = np.tile(np.linspace(0.0, 4.0, 8), 6)
    y = 1.0 + 0.7 * t + 0.12 * t**2 + rng.normal(0.0, 0.3, t.size)
    return pd.DataFrame({"who": np.repeat(list("abcdef"), 8), "t": t, "y": y})


def polynomial(model: tr.Model, data: pd.DataFrame, *names: str, **options: object) -> Fit:
    """Fit a polynomial with the given values free."""
    vary = {name: tr.Vary(0.0) for name in names} | {"sigma": SIGMA}
    arguments: dict = {"group": "who", **options}
    return tr.fit(
        model,
        data,
        time="t",
        observed={"y": tr.Gaussian("y", sd="sigma")},
        vary=vary,
        starts=1,
        **arguments,
    )


@pytest.fixture(scope="module")
def fits(curve: tr.Model, data: pd.DataFrame) -> dict[str, Fit]:
    """Return a straight and a curved fit."""
    return {
        "line": polynomial(curve, data, "a", "y(0)"),
        "curve": polynomial(curve, data, "a", "b", "y(0)"),
    }


def residual_sd(data: pd.DataFrame, degree: int) -> float:
    """Return the root mean square of a polynomial regression's residuals."""
    fitted = np.polyval(np.polyfit(data["t"], data["y"], degree), data["t"])
    return float(np.sqrt(np.mean((data["y"] - fitted) ** 2)))


def test_criteria_are_those_of_ordinary_regression(
    fits: dict[str, Fit], data: pd.DataFrame
) -> None:
    found = tr.compare(fits)
    table, n = found.to_frame(), 48
    for name, degree in (("line", 1), ("curve", 2)):
        row, k = table.loc[name], degree + 2
        loglik = -0.5 * n * (np.log(2.0 * np.pi * residual_sd(data, degree) ** 2) + 1.0)
        assert row["loglik"] == pytest.approx(loglik, rel=1e-9)
        assert row["aic"] == pytest.approx(2 * k - 2 * loglik, rel=1e-9)
        assert row["aicc"] == pytest.approx(row["aic"] + 2 * k * (k + 1) / (n - k - 1), rel=1e-9)
        assert row["bic"] == pytest.approx(k * np.log(n) - 2 * loglik, rel=1e-9)
    apart = table.loc["line", "aic"] - table.loc["curve", "aic"]
    assert table.loc["curve", "weight"] == pytest.approx(1.0 / (1.0 + np.exp(-0.5 * apart)))
    pair = found.ratios.iloc[0]
    ratio = 2 * n * np.log(residual_sd(data, 1) / residual_sd(data, 2))
    assert pair["statistic"] == pytest.approx(ratio, rel=1e-8)
    assert (pair["null"], pair["alternative"], pair["df"]) == ("line", "curve", 1)
    assert pair["nested"]
    assert pair["p_chi2"] == pytest.approx(chi2.sf(ratio, 1), rel=1e-8)
    assert "prefers" in found.summary()


def test_it_prints_every_column_however_narrow_the_display(fits: dict[str, Fit]) -> None:
    found = tr.compare(fits)
    with pd.option_context("display.width", 20, "display.max_columns", 2):
        shown = repr(found)
    assert "..." not in shown
    assert all(str(column) in shown for column in found.table.columns)
    assert max(map(len, shown.splitlines())) <= 80
    unsure = replace(next(iter(fits.values())), converged=False)
    told = repr(tr.compare({**fits, "unsure": unsure}))
    assert "note: 'unsure' has not converged" in told


def test_bootstrap_of_the_ratio_is_the_exact_test_of_regression(
    curve: tr.Model, data: pd.DataFrame
) -> None:
    # For nested regressions the statistic is a function of F, whatever the values.
    flat = data.assign(y=data["y"] - 0.12 * data["t"] ** 2)
    fits = {
        "line": polynomial(curve, flat, "a", "y(0)"),
        "curve": polynomial(curve, flat, "a", "b", "y(0)"),
    }
    n_draw = 100
    pair = tr.compare(fits, bootstrap=n_draw, seed=2).ratios.iloc[0]

    exact = f.sf(45.0 * np.expm1(pair["statistic"] / 48.0), 1, 45)
    assert pair["n_bootstrap"] == n_draw
    error = np.sqrt(exact * (1.0 - exact) / n_draw)
    assert pair["p_bootstrap"] == pytest.approx(exact, abs=4 * error + 1 / n_draw)


def test_left_out_groups_are_predicted_by_the_others(
    fits: dict[str, Fit], data: pd.DataFrame
) -> None:
    found = tr.compare({"curve": fits["curve"], "line": fits["line"]}, folds="all")
    total, squares = 0.0, 0.0
    for who in "abcdef":
        kept, out = data[data["who"] != who], data[data["who"] == who]
        mean = np.polyval(np.polyfit(kept["t"], kept["y"], 1), out["t"])
        total += norm.logpdf(out["y"], mean, residual_sd(kept, 1)).sum()
        squares += ((out["y"] - mean) ** 2).sum()
    row = found.table.loc["line"]
    assert row["cv_loglik"] == pytest.approx(total, rel=1e-6)
    assert row["cv_rmse_y"] == pytest.approx(np.sqrt(squares / 48.0), rel=1e-6)
    assert found.by_group["cv_loglik line"].sum() == pytest.approx(total, rel=1e-6)
    apart = found.by_group["cv_loglik line"] - found.by_group["cv_loglik curve"]
    assert row["cv_d"] == pytest.approx(apart.sum())
    assert row["cv_d_se"] == pytest.approx(np.sqrt(6.0) * apart.std())
    # Every observation is left out once: six persons, eight each.
    assert row["cv_n"] == 48
    assert "left out (48 observations)" in found.summary()


def test_later_occasions_are_predicted_from_earlier_ones(
    fits: dict[str, Fit], data: pd.DataFrame
) -> None:
    found = tr.compare(fits, ahead=0.25)
    late = data["t"] > np.linspace(0.0, 4.0, 8)[5]
    assert found.table["ahead_n"].tolist() == [late.sum(), late.sum()] == [12, 12]
    for name, degree in (("line", 1), ("curve", 2)):
        kept, out = data[~late], data[late]
        mean = np.polyval(np.polyfit(kept["t"], kept["y"], degree), out["t"])
        total = norm.logpdf(out["y"], mean, residual_sd(kept, degree)).sum()
        assert found.table.loc[name, "ahead_loglik"] == pytest.approx(total, rel=1e-5)


def test_folds_are_kept(fits: dict[str, Fit], tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    plain = tr.compare(fits, folds=3, checkpoint=tmp_path / "refits")
    again = tr.compare(
        fits, folds=3, checkpoint=tmp_path / "refits", progress=lambda *s: seen.append(s)
    )
    pd.testing.assert_frame_equal(plain.table, again.table)
    # Both kept refits are reported at once, before any is made.
    assert seen[-1] == (6, 6)
    assert [path.name for path in tmp_path.iterdir()] == ["refits-folds"]


def test_other_data_are_refused(fits: dict[str, Fit], curve: tr.Model, data: pd.DataFrame) -> None:
    def refused(other: pd.DataFrame, **options: object) -> str:
        with pytest.raises(tr.DataError) as raised:
            tr.compare({"one": fits["line"], "two": polynomial(curve, other, "a", **options)})
        return str(raised.value)

    assert "48 and 47 observations" in refused(data.iloc[:-1])
    changed = data.copy()
    changed.loc[3, "y"] += 1.0
    assert "in the same row" in refused(changed)
    assert "groups differ" in refused(data.replace({"who": {"a": "z"}}))
    elsewhere = data.copy()
    elsewhere.loc[[2, 9], "y"] = np.nan
    elsewhere2 = data.copy()
    elsewhere2.loc[[3, 9], "y"] = np.nan
    with pytest.raises(tr.DataError, match="missing in different rows"):
        tr.compare(
            {"one": polynomial(curve, elsewhere, "a"), "two": polynomial(curve, elsewhere2, "a")}
        )


def test_a_person_left_out_has_no_value_of_their_own(
    fits: dict[str, Fit], curve: tr.Model, data: pd.DataFrame
) -> None:
    own = tr.fit(
        curve,
        data,
        time="t",
        group="who",
        observed={"y": tr.Gaussian("y", sd="sigma")},
        vary={"a": tr.Vary(0.0, per="who"), "y(0)": tr.Vary(0.0), "sigma": SIGMA},
        starts=1,
    )
    pair = {"line": fits["line"], "own": own}
    with pytest.raises(tr.DataError, match="forwards in time"):
        tr.compare(pair, folds=3)
    found = tr.compare(pair, ahead=0.3)
    assert np.isfinite(found.table["ahead_loglik"]).all()
    assert found.ratios.iloc[0]["nested"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"folds": 1}, "folds=1"),
        ({"folds": 9}, "more than the 6 groups"),
        ({"ahead": 1.0}, "between 0 and 1"),
        ({"bootstrap": -1}, "bootstrap=-1"),
        ({"fold": 3}, "did you mean 'folds'"),
    ],
)
def test_options_that_cannot_be_are_refused(fits: dict[str, Fit], wrong: dict, told: str) -> None:
    with pytest.raises(tr.OptionError, match=told):
        tr.compare(fits, **wrong)


@pytest.mark.parametrize("wrong", [{}, {"one": 3, "two": 4}, [1, 2]])
def test_what_is_not_fits_is_refused(wrong: object) -> None:
    with pytest.raises(tr.OptionError, match="compare"):
        tr.compare(wrong)  # type: ignore[arg-type]


def test_a_density_is_not_compared_with_probabilities(curve: tr.Model) -> None:
    data = pd.DataFrame({"t": np.arange(6.0), "y": [1.0, 2.0, 2.0, 3.0, 4.0, 4.0]})
    vary = {"a": tr.Vary(0.5), "y(0)": tr.Vary(1.0)}
    grid = tr.GridGaussian("y", sd=0.5, values=range(7))
    smooth, rounded = (
        tr.fit(curve, data, time="t", observed={"y": each}, vary=vary, starts=1)
        for each in (tr.Gaussian("y", sd=0.5), grid)
    )
    with pytest.raises(tr.DataError, match="the other a density"):
        tr.compare({"smooth": smooth, "rounded": rounded})
