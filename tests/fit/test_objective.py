"""The gradient against differences, and what happens where the model cannot be solved."""

import numpy as np
import pandas as pd
import pytest

import trustode as tr

#: A central difference of a likelihood solved at 1e-11 is good to about this, relatively.
DIFFERENCE = 1e-6


def test_gradient_agrees_with_differences() -> None:
    model = tr.Model(
        "pair",
        rhs={"x": "a - b * x * z + u", "z": "b * x * z - z / tau"},
        params={"a": 0.4, "b": 1.2, "tau": 1.5, "start": 0.5},
        initial={"x": "start", "z": 0.3},
        inputs={"u": 0.0},
        observables={"ratio": "x / (x + a * z)"},
    )
    rng = np.random.default_rng(1)
    t = np.tile([0.0, 0.4, 1.1, 2.0, 3.5], 3)
    data = pd.DataFrame({"g": np.repeat(["p", "q", "r"], 5), "t": t, "u": rng.normal(0, 0.1, 15)})
    data["y"] = rng.normal(0.6, 0.2, 15)
    data["w"] = rng.normal(0.6, 0.2, 15)
    data["k"] = rng.integers(0, 5, 15)
    data.loc[4, "w"] = np.nan
    vary = {
        "a": tr.Vary(0.5, min=0.1, max=2.0, scale="log"),
        "b": tr.Vary(1.0, min=0.1, max=3.0, per="g"),
        "start": tr.Vary(0.4, min=0.01, max=2.0),
        "z(0)": tr.Vary(0.2, min=0.01, max=1.0, scale="log"),
        "gain": tr.Vary(0.8, min=0.0, max=3.0),
    }
    observed = {
        "y": tr.Gaussian("ratio", sd="a"),
        "w": tr.Gaussian("gain * x**2 + z", sd=0.2),
        "k": tr.Binomial("1 / (1 + exp(-gain * x))", n=4),
    }
    fit = tr.fit(
        model, data, time="t", group="g", inputs={"u": "u"}, observed=observed, vary=vary, starts=1
    )
    problem = fit._problem
    rng = np.random.default_rng(3)
    for _ in range(3):
        x = problem.layout.draw(rng)
        here = problem.evaluate(x)
        h = 1e-5
        for k in range(problem.layout.n_free):
            shift = h * np.eye(len(x))[k]
            difference = (problem.evaluate(x + shift).nll - problem.evaluate(x - shift).nll) / (
                2 * h
            )
            size = np.abs(here.gradient).max()
            assert here.gradient[k] == pytest.approx(difference, abs=DIFFERENCE * size)


def blow_up() -> tuple[tr.Model, pd.DataFrame]:
    # y' = k y**2 from 1 leaves every bound at t = 1/k; the data end at 2.
    model = tr.Model("blow-up", rhs={"y": "k * y**2"}, params={"k": 0.1}, initial={"y": 1.0})
    t = np.linspace(0.0, 2.0, 9)
    return model, pd.DataFrame({"t": t, "y": 1.0 / (1.0 - 0.3 * t)})


def test_failed_solves_are_counted_not_raised() -> None:
    model, data = blow_up()
    fit = tr.fit(
        model,
        data,
        time="t",
        observed={"y": tr.Gaussian("y", sd=0.1)},
        # Above 0.5, nine tenths of the range, the solution blows up before the data end.
        vary={"k": tr.Vary(4.0, min=0.0, max=5.0)},
        starts=8,
        seed=1,
    )
    assert fit.params.loc["k", "value"] == pytest.approx(0.3, rel=1e-8)
    assert fit.starts["n_failed"].sum() > 0
    assert any("evaluations failed" in note for note in fit.notes)
    assert np.isfinite(fit.starts["nll"]).sum() >= 2


def test_all_starts_failing_is_an_error_with_the_commonest_status() -> None:
    model, data = blow_up()
    with pytest.raises(tr.SolveError, match=r"fit\(blow-up\): none of 3 starts") as caught:
        tr.fit(
            model,
            data,
            time="t",
            observed={"y": tr.Gaussian("y", sd=0.1)},
            vary={"k": tr.Vary(4.0, min=3.0, max=5.0)},
            starts=3,
        )
    assert caught.value.status in (tr.Status.DIVERGED, tr.Status.STEP_TOO_SMALL)


def test_impossible_probabilities_are_failed_evaluations(drift: tr.Model) -> None:
    data = pd.DataFrame({"t": [0.0, 1.0, 2.0, 3.0], "c": [0, 1, 1, 0]})
    with pytest.raises(tr.SolveError, match="has no likelihood"):
        tr.fit(
            drift,
            data,
            time="t",
            observed={"c": tr.Binomial("y")},
            vary={"a": tr.Vary(0.1, min=0.01, max=0.2)},
            initial={"y": -3.0},
            starts=2,
        )


def test_unidentifiable_pair_is_named() -> None:
    model = tr.Model("product", rhs={"y": "-a * b * y"}, params={"a": 1, "b": 1}, initial={"y": 1})
    t = np.linspace(0.0, 3.0, 12)
    data = pd.DataFrame({"t": t, "y": np.exp(-0.5 * t) + 0.01 * np.cos(9 * t)})
    with pytest.warns(tr.FitWarning, match="do not change along"):
        fit = tr.fit(
            model,
            data,
            time="t",
            observed={"y": tr.Gaussian("y", sd="sd")},
            vary={
                "a": tr.Vary(1.0, min=0.1, max=10.0, scale="log"),
                "b": tr.Vary(1.0, min=0.1, max=10.0, scale="log"),
                "sd": tr.Vary(0.1, min=1e-4, scale="log"),
            },
            starts=2,
        )
    assert fit.params["stderr"].isna().tolist() == [True, True, False]
    value = fit.params["value"]
    # y(3) depends on the product alone, which is determined.
    single = tr.fit(
        model,
        data,
        time="t",
        observed={"y": tr.Gaussian("y", sd="sd")},
        vary={"a": tr.Vary(1.0, min=0.1, max=10.0), "sd": tr.Vary(0.1, min=1e-4, scale="log")},
        starts=1,
    )
    assert value["a"] * value["b"] == pytest.approx(single.params.loc["a", "value"], rel=1e-6)


def test_a_value_that_reaches_no_observation_is_named() -> None:
    model = tr.Model(
        "two", rhs={"y": "-a * y", "z": "-b * z"}, params={"a": 1, "b": 1}, initial={"y": 1, "z": 1}
    )
    data = pd.DataFrame({"t": [0.0, 1.0, 2.0, 3.0], "y": [1.0, 0.6, 0.4, 0.2]})
    with pytest.warns(tr.FitWarning, match="b never reaches an observation"):
        fit = tr.fit(
            model,
            data,
            time="t",
            observed={"y": tr.Gaussian("y", sd=0.1)},
            vary={"a": tr.Vary(1.0, min=0, max=9), "b": tr.Vary(1.0, min=0, max=9)},
            starts=1,
        )
    assert np.isnan(fit.params.loc["b", "stderr"])
    assert np.isfinite(fit.params.loc["a", "stderr"])


def test_a_value_at_its_bound_says_so(drift: tr.Model, line: pd.DataFrame) -> None:
    fit = tr.fit(
        drift,
        line,
        time="t",
        observed={"y": tr.Gaussian("y", sd=0.3)},
        # Starts on one bound; the best slope, 0.7, lies beyond the other.
        vary={"a": tr.Vary(0.0, min=0.0, max=0.5), "y(0)": tr.Vary(0.0, min=-9, max=9)},
        starts=1,
    )
    assert fit.params.loc["a", "value"] == 0.5
    assert fit.params["at_bound"].tolist() == [True, False]
    assert np.isnan(fit.params.loc["a", "stderr"])
    # With the slope held, the start is the mean of what remains.
    start = (line["y"] - 0.5 * line["t"]).mean()
    assert fit.params.loc["y(0)", "value"] == pytest.approx(start, rel=1e-9)
    assert fit.params.loc["y(0)", "stderr"] == pytest.approx(0.3 / 5.0, rel=1e-9)
    assert "at its bound" in fit.report()


def test_perfect_data_stop_at_the_least_sd(drift: tr.Model) -> None:
    data = pd.DataFrame({"t": [0.0, 1.0, 2.0, 3.0], "y": [5.0, 5.0, 5.0, 5.0]})
    fit = tr.fit(
        drift,
        data,
        time="t",
        observed={"y": tr.Gaussian("y", sd="sd")},
        vary={"a": tr.Vary(1.0, min=-9, max=9), "sd": tr.Vary(1.0, min=1e-3, scale="log")},
        initial={"y": 5.0},
        starts=1,
    )
    assert fit.params.loc["a", "value"] == pytest.approx(0.0, abs=1e-9)
    assert fit.params.loc["sd", "value"] == pytest.approx(1e-3)
    assert fit.params["at_bound"].tolist() == [False, True]
