"""Recovery where theory tells it: regressions with a known standard deviation."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, ncx2

import trustode as tr

SD = 0.3
TIMES = np.linspace(0.0, 4.0, 12)
N = 80


@pytest.fixture(scope="module")
def curve() -> tr.Model:
    """Return y' = a + b t: polynomials of order one and two."""
    return tr.Model("curve", rhs={"y": "a + b * t"}, params={"a": 0.0, "b": 0.0}, initial={"y": 0})


def recover(model: Any, design: pd.DataFrame, **options: Any) -> Any:
    """Recover slope and start of a line."""
    given: dict[str, Any] = {
        "time": "t",
        "observed": {"y": tr.Gaussian("y", sd=SD)},
        "vary": {"a": tr.Vary(0.7), "y(0)": tr.Vary(1.0)},
        "n": N,
    }
    return tr.recover(model, design, **{**given, **options})


def errors_of_regression(t: np.ndarray, degree: int = 1) -> np.ndarray:
    """Return the standard errors of a polynomial's coefficients, the constant first."""
    design = np.vander(t, degree + 1, increasing=True)
    errors: np.ndarray = SD * np.sqrt(np.diagonal(np.linalg.inv(design.T @ design)))
    return errors


def test_a_line_comes_back_as_regression_theory_says(curve: tr.Model) -> None:
    found = recover(curve, pd.DataFrame({"t": TIMES}))
    start, slope = errors_of_regression(TIMES)
    for name, truth, error in (("a", 0.7, slope), ("y(0)", 1.0, start)):
        row = found.table.loc[name]
        assert row["truth"] == pytest.approx(truth)
        assert row["bias"] == pytest.approx(0.0, abs=4 * error / np.sqrt(N))
        assert row["rmse"] == pytest.approx(error, rel=4 / np.sqrt(2 * N))
        assert row["stderr"] == pytest.approx(error, rel=1e-5)
        assert row["coverage"] == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / N))
        assert row["coverage_low"] < row["coverage"] < row["coverage_high"]
        assert row["no_interval"] == 0.0
        assert np.isnan(row["correlation"])
    wanted = -TIMES.mean() / np.sqrt(np.mean(TIMES**2))
    assert found.correlation.loc["a", "y(0)"] == pytest.approx(wanted, abs=0.1)
    assert "intervals hold the truth" in found.summary()


@pytest.mark.parametrize("n", [2, 6])
def test_standard_errors_are_those_of_the_value_whatever_its_scale(curve: tr.Model, n: int) -> None:
    vary = {"a": tr.Vary(0.7, min=0.1, max=9.0, scale="log"), "y(0)": tr.Vary(1.0)}
    found = recover(curve, pd.DataFrame({"t": TIMES}), vary=vary, n=n)
    # A line's standard errors do not depend on its values.
    start, slope = errors_of_regression(TIMES)
    assert found.stderrs["a"].to_numpy() == pytest.approx(np.full(n, slope), rel=1e-5)
    assert found.stderrs["y(0)"].to_numpy() == pytest.approx(np.full(n, start), rel=1e-5)


def test_truths_that_differ_correlate_with_estimates(curve: tr.Model) -> None:
    _, slope = errors_of_regression(TIMES)
    vary = {"a": tr.Vary(0.7, min=0.6, max=0.8), "y(0)": tr.Vary(1.0, min=-9.0, max=9.0)}
    # Wide bounds for the search, narrow ones for the truth.
    wide = {name: tr.Vary(each.value, min=-99.0, max=99.0) for name, each in vary.items()}
    rng = np.random.default_rng(1)
    truth = pd.DataFrame({"a": rng.uniform(0.6, 0.8, N)})
    found = recover(curve, pd.DataFrame({"t": TIMES}), vary=wide, truth=truth)
    spread = 0.2 / np.sqrt(12.0)
    wanted = spread / np.hypot(spread, slope)
    assert found.table.loc["a", "correlation"] == pytest.approx(wanted, abs=0.08)
    assert found.truths["a"].to_numpy() == pytest.approx(truth["a"].to_numpy())
    drawn = recover(curve, pd.DataFrame({"t": TIMES}), vary=vary, truth="bounds", n=24)
    assert drawn.truths["a"].between(0.6, 0.8).all()
    assert drawn.truths["a"].nunique() == 24
    assert drawn.plot("a").get_xlabel() == "a, true"


def test_only_missing_values_count_of_a_column_that_is_there(curve: tr.Model) -> None:
    half = np.where(np.arange(12) % 2 == 0, 77.0, np.nan)
    found = recover(curve, pd.DataFrame({"t": TIMES, "y": half}), n=3)
    start, slope = errors_of_regression(TIMES[::2])
    assert found.table["stderr"].to_numpy() == pytest.approx([slope, start], rel=1e-5)
    empty = recover(curve, pd.DataFrame({"t": TIMES, "y": np.nan}), n=3)
    start, slope = errors_of_regression(TIMES)
    assert empty.table["stderr"].to_numpy() == pytest.approx([slope, start], rel=1e-5)


def test_what_cannot_be_told_is_said() -> None:
    model = tr.Model(
        "two", rhs={"y": "-k1 * k2 * y"}, params={"k1": 1.0, "k2": 1.0}, initial={"y": 1.0}
    )
    positive = {"min": 1e-2, "max": 1e2, "scale": "log"}
    vary = {"k1": tr.Vary(1.0, **positive), "k2": tr.Vary(0.6, **positive)}
    found = recover(model, pd.DataFrame({"t": TIMES}), vary=vary, n=10)
    assert (found.table["no_interval"] == 1.0).all()
    assert "does not determine k1" in found.summary()


def test_models_are_confused_as_theory_says(curve: tr.Model) -> None:
    line = {"a": tr.Vary(0.7), "y(0)": tr.Vary(1.0)}
    bent = {**line, "b": tr.Vary(0.1)}
    found = recover(
        {"line": curve, "curve": curve},
        pd.DataFrame({"t": TIMES}),
        vary={"line": line, "curve": bent},
        n=40,
    )
    # The gain of the curve is chi-squared; b t**2 / 2 with b = 0.1 moves it off the centre.
    limit = np.log(12.0)
    shift = (0.5 * 0.1 / errors_of_regression(TIMES, 2)[2]) ** 2
    for truth, right in (("line", chi2.cdf(limit, 1)), ("curve", ncx2.sf(limit, 1, shift))):
        error = np.sqrt(right * (1 - right) / 40)
        assert found.matrix.loc[truth, truth] == pytest.approx(right, abs=4 * error)
        assert found.matrix.loc[truth].sum() == pytest.approx(1.0)
    assert len(found.choices) == 80
    assert "taken for its own" in found.summary()


def test_data_sets_can_be_shared_kept_and_taken_up(curve: tr.Model, tmp_path: Path) -> None:
    design = pd.DataFrame({"t": TIMES})
    plain = recover(curve, design, n=8)
    with ThreadPoolExecutor(2) as pool:
        shared = recover(curve, design, n=8, executor=pool, checkpoint=tmp_path / "sets")
    pd.testing.assert_frame_equal(plain.estimates, shared.estimates)
    seen: list[tuple[int, int]] = []
    again = recover(
        curve, design, n=8, checkpoint=tmp_path / "sets", progress=lambda *s: seen.append(s)
    )
    pd.testing.assert_frame_equal(plain.table, again.table)
    assert seen[-1] == (8, 8)


@pytest.mark.parametrize(
    ("wrong", "kind", "told"),
    [
        ({"truth": "prior"}, tr.OptionError, "must be 'bounds'"),
        ({"truth": "bounds"}, tr.OptionError, "a, y.0. has none on a side"),
        ({"truth": {"aa": 1.0}}, tr.OptionError, "did you mean 'a'"),
        ({"truth": pd.DataFrame({"a": [1.0]})}, tr.DataError, "1 rows for n=5"),
        ({"n": 1}, tr.OptionError, "n=1"),
        ({"criterion": "dic"}, tr.OptionError, "'aic' or 'bic'"),
        ({"level": 95}, tr.OptionError, "between 0 and 1"),
        ({"tiem": "t"}, tr.OptionError, "did you mean 'time'"),
    ],
)
def test_arguments_that_cannot_be_are_refused(
    curve: tr.Model, wrong: dict[str, Any], kind: type[Exception], told: str
) -> None:
    with pytest.raises(kind, match=told):
        recover(curve, pd.DataFrame({"t": TIMES}), **{"n": 5, **wrong})


def test_a_design_has_to_be_a_table(curve: tr.Model) -> None:
    with pytest.raises(tr.DataError, match="design must be a pandas DataFrame"):
        recover(curve, {"t": TIMES})  # type: ignore[arg-type]
    with pytest.raises(tr.DataError, match="no column 't'"):
        recover(curve, pd.DataFrame({"time": TIMES}))


@pytest.mark.parametrize(
    "observation",
    [
        tr.Ordinal("y", cuts=[0.5, 1.5, 2.5], levels=["no", "some", "much", "all"]),
        tr.GridGaussian("y", sd=0.8, values=range(6)),
        tr.Categorical({"stay": "y", "leave": 1.0}),
        tr.Poisson("y"),
        tr.StudentT("y", scale=0.5, df=4.0),
        tr.Laplace("y", scale=0.5),
        tr.Gaussian("y", sd=0.2, transform="log"),
        tr.Gaussian("y", sd=0.5, lower=1.5),
    ],
    ids=lambda each: type(each).__name__,
)
def test_every_family_recovers_what_it_drew(curve: tr.Model, observation: Any) -> None:
    design = pd.DataFrame({"t": np.linspace(0.0, 4.0, 60)})
    vary = {"a": tr.Vary(0.4), "y(0)": tr.Vary(1.2)}
    found = recover(curve, design, observed={"y": observation}, vary=vary, n=24)
    table = found.table
    # Errors are of the size that each fit says, and have no bias that 24 fits would show.
    assert (table["sd"] / table["stderr"]).to_numpy() == pytest.approx([1.0, 1.0], abs=0.45)
    assert (table["bias"].abs() < 4.5 * table["bias_se"]).all()
