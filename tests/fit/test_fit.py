"""Fits whose answers are known: closed forms, ordinary and logistic regression."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit

import trustode as tr

WIDE = {"min": -100.0, "max": 100.0}
SIGMA = tr.Vary(1.0, min=1e-6, max=1e6, scale="log")


def test_line_is_ordinary_regression(drift: tr.Model, line: pd.DataFrame) -> None:
    fit = tr.fit(
        drift,
        line,
        time="t",
        observed={"y": tr.Gaussian("y", sd="sigma")},
        vary={"a": tr.Vary(0.0, **WIDE), "y(0)": tr.Vary(0.0, **WIDE), "sigma": SIGMA},
        starts=3,
    )
    design = np.column_stack([line["t"], np.ones(len(line))])
    (slope, start), (rss,), *_ = np.linalg.lstsq(design, line["y"])
    variance = rss / len(line)
    covariance = variance * np.linalg.inv(design.T @ design)
    value, stderr = fit.params["value"], fit.params["stderr"]
    assert value["a"] == pytest.approx(slope, rel=1e-9)
    assert value["y(0)"] == pytest.approx(start, rel=1e-9)
    assert value["sigma"] == pytest.approx(np.sqrt(variance), rel=1e-9)
    assert stderr["a"] == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-8)
    assert stderr["y(0)"] == pytest.approx(np.sqrt(covariance[1, 1]), rel=1e-8)
    # The information of a standard deviation is 2 n / sd**2.
    assert stderr["sigma"] == pytest.approx(value["sigma"] / np.sqrt(2 * len(line)), rel=1e-8)
    assert fit.covariance.loc["a", "y(0)"] == pytest.approx(covariance[0, 1], rel=1e-8)
    loglik = -0.5 * len(line) * (np.log(2 * np.pi * variance) + 1)
    assert fit.loglik == pytest.approx(loglik, rel=1e-10)
    assert fit.aic == pytest.approx(6 - 2 * loglik, rel=1e-10)
    assert fit.bic == pytest.approx(3 * np.log(25) - 2 * loglik, rel=1e-10)
    row = fit.params.loc["a"]
    assert row["high"] - row["value"] == pytest.approx(1.959963984540054 * row["stderr"], rel=1e-9)
    # On the log scale the interval is symmetric in ratios.
    row = fit.params.loc["sigma"]
    assert row["high"] / row["value"] == pytest.approx(row["value"] / row["low"], rel=1e-9)
    residual = fit.residuals["residual"].to_numpy()
    expected = (line["y"] - design @ [slope, start]) / np.sqrt(variance)
    assert residual == pytest.approx(expected.to_numpy(), abs=1e-7)
    assert fit.converged


def test_decay_with_known_sd(decay: tr.Model) -> None:
    rng = np.random.default_rng(2)
    t = np.linspace(0.0, 5.0, 30)
    data = pd.DataFrame({"t": t, "y": 2.0 * np.exp(-0.8 * t) + rng.normal(0.0, 0.05, t.size)})
    fit = tr.fit(
        decay,
        data,
        time="t",
        observed={"y": tr.Gaussian("y", sd=0.05)},
        vary={"k": tr.Vary(0.3, min=0.01, max=10.0), "y(0)": tr.Vary(1.0, min=0.0, max=10.0)},
        starts=1,
    )
    k, y0 = fit.params["value"]
    shape = np.exp(-k * t)
    slopes = np.column_stack([-y0 * t * shape, shape]) / 0.05
    residual = (data["y"] - y0 * shape) / 0.05
    # The normal equations of the closed form hold at the estimate.
    assert slopes.T @ residual == pytest.approx(np.zeros(2), abs=1e-4)
    expected = np.sqrt(np.diagonal(np.linalg.inv(slopes.T @ slopes)))
    assert fit.params["stderr"].to_numpy() == pytest.approx(expected, rel=1e-6)


def test_a_parameter_that_is_only_a_scale_is_searched_as_one(line: pd.DataFrame) -> None:
    # Many programs write standard deviations among the model's parameters; no equation holds it.
    arguments = {
        "time": "t",
        "observed": {"y": tr.Gaussian("y", sd="sigma")},
        "vary": {
            "a": tr.Vary(0.0, min=-9, max=9),
            "y(0)": tr.Vary(0.0, min=-9, max=9),
            "sigma": tr.Vary(1e4, min=1e-5, max=1e5, scale="log10"),
        },
        "starts": 1,
    }
    model = tr.Model("line", rhs={"y": "a"}, params={"a": 0.0, "sigma": 1.0}, initial={"y": 0.0})
    fit = tr.fit(model, line, **arguments)
    residuals = line["y"] - np.polyval(np.polyfit(line["t"], line["y"], 1), line["t"])
    assert fit.params.loc["sigma", "value"] == pytest.approx(np.sqrt((residuals**2).mean()))
    # A line is found in one step, wherever its standard deviation began.
    assert fit.starts["n_evaluations"].sum() <= 4


def test_constant_probability_is_the_share_of_successes(drift: tr.Model) -> None:
    data = pd.DataFrame({"t": np.arange(20.0), "k": [3, 5, 4, 6] * 5, "n": [10, 12, 9, 11] * 5})
    fit = tr.fit(
        drift,
        data,
        time="t",
        observed={"k": tr.Binomial("1 / (1 + exp(-b))", n="n")},
        vary={"b": tr.Vary(0.0, min=-10.0, max=10.0)},
        starts=2,
    )
    successes, trials = data["k"].sum(), data["n"].sum()
    share = successes / trials
    row = fit.params.loc["b"]
    assert row["value"] == pytest.approx(np.log(share / (1 - share)), rel=1e-8)
    assert row["stderr"] == pytest.approx(1 / np.sqrt(trials * share * (1 - share)), rel=1e-8)
    assert fit.predict()["k"].to_numpy() == pytest.approx(np.full(20, share), rel=1e-8)


def test_choices_on_logistic_growth_agree_with_scipy() -> None:
    model = tr.Model("growth", rhs={"y": "r * y * (1 - y)"}, params={"r": 1.0}, initial={"y": 0.1})
    rng = np.random.default_rng(8)
    t = np.linspace(0.0, 6.0, 200)
    start = np.log(0.1 / 0.9)
    choice = (rng.random(t.size) < expit(2.0 * (expit(start + 0.9 * t) - 0.5))).astype(float)

    def nll(x: np.ndarray) -> float:
        p = expit(x[1] * (expit(start + x[0] * t) - 0.5))
        return float(-np.sum(choice * np.log(p) + (1 - choice) * np.log(1 - p)))

    wanted = minimize(
        nll, [1.0, 1.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}
    )
    fit = tr.fit(
        model,
        pd.DataFrame({"t": t, "choice": choice}),
        time="t",
        observed={"choice": tr.Binomial("1 / (1 + exp(-slope * (y - 0.5)))")},
        vary={"r": tr.Vary(0.5, min=0.0, max=5.0), "slope": tr.Vary(1.0, min=-10.0, max=10.0)},
        starts=3,
    )
    assert fit.params["value"].to_numpy() == pytest.approx(wanted.x, rel=1e-5)
    assert fit.loglik == pytest.approx(-wanted.fun, rel=1e-9)


def test_log_and_linear_scale_have_one_optimum(decay: tr.Model) -> None:
    rng = np.random.default_rng(5)
    t = np.linspace(0.0, 4.0, 20)
    data = pd.DataFrame({"t": t, "y": np.exp(-0.6 * t) + rng.normal(0.0, 0.02, t.size)})
    fits = [
        tr.fit(
            decay,
            data,
            time="t",
            observed={"y": tr.Gaussian("y", sd="s")},
            vary={
                "k": tr.Vary(2.0, min=0.01, max=20.0, scale=scale),
                "s": tr.Vary(0.5, min=1e-6, max=10.0, scale=scale),
            },
            starts=1,
        )
        for scale in ("lin", "log")
    ]
    first, second = (fit.params[["value", "stderr"]].to_numpy() for fit in fits)
    assert second == pytest.approx(first, rel=1e-7)


def test_a_value_per_group_equals_separate_fits(drift: tr.Model) -> None:
    rng = np.random.default_rng(6)
    parts = []
    for person, (slope, start) in {
        "ann": (0.5, 1.0),
        "bea": (-0.2, 0.3),
        "cem": (1.5, -2.0),
    }.items():
        t = np.sort(rng.uniform(0.0, 5.0, 12))
        y = start + slope * (t - t[0]) + rng.normal(0.0, 0.2, t.size)
        parts.append(pd.DataFrame({"person": person, "t": t, "y": y}))
    data = pd.concat(parts, ignore_index=True)
    vary = {"a": tr.Vary(0.0, **WIDE), "y(0)": tr.Vary(0.0, **WIDE), "sigma": SIGMA}
    each = {name: tr.Vary(v.value, v.min, v.max, v.scale, per="person") for name, v in vary.items()}
    observed = {"y": tr.Gaussian("y", sd="sigma")}
    together = tr.fit(
        drift, data, time="t", group="person", observed=observed, vary=each, starts=1, threads=2
    )
    total = 0.0
    for part in parts:
        alone = tr.fit(drift, part, time="t", observed=observed, vary=vary, starts=1)
        total += alone.loglik
        rows = together.params[together.params["group"] == part["person"].iloc[0]]
        columns = ["value", "stderr"]
        assert rows[columns].to_numpy() == pytest.approx(alone.params[columns].to_numpy(), rel=1e-7)
    assert together.loglik == pytest.approx(total, rel=1e-9)
    assert together.n_free == 9
    model = together.group_model("bea")
    rows = together.params[together.params["group"] == "bea"]
    assert model.defaults["a"] == pytest.approx(rows.loc["a", "value"])
    assert model.parameters["a"].source == "fitted"
    assert float(model.initial["y"]) == pytest.approx(rows.loc["y(0)", "value"])


def test_a_level_may_be_shared_by_several_groups(drift: tr.Model) -> None:
    rng = np.random.default_rng(9)
    t = np.linspace(0.0, 3.0, 8)
    rows = [
        pd.DataFrame({"who": who, "partner": p, "t": t, "y": a * t + rng.normal(0, 0.1, 8)})
        for p, a in {"friend": 1.0, "stranger": 0.2}.items()
        for who in (1, 2, 3)
    ]
    data = pd.concat(rows, ignore_index=True)
    fit = tr.fit(
        drift,
        data,
        time="t",
        group=["who", "partner"],
        observed={"y": tr.Gaussian("y", sd=0.1)},
        vary={"a": tr.Vary(0.0, **WIDE, per="partner")},
        starts=1,
    )
    assert list(fit.params["group"]) == ["friend", "stranger"]
    for partner, value in zip(fit.params["group"], fit.params["value"], strict=True):
        part = data[data["partner"] == partner]
        # Regression through the origin.
        assert value == pytest.approx((part["t"] @ part["y"]) / (part["t"] @ part["t"]), rel=1e-9)
    assert fit.residuals["group"].iloc[0] == (1, "friend")


def test_missing_values_equal_dropped_rows(drift: tr.Model, line: pd.DataFrame) -> None:
    line.loc[[3, 7, 8], "y"] = np.nan
    options = {
        "time": "t",
        "observed": {"y": tr.Gaussian("y", sd="sigma")},
        "vary": {"a": tr.Vary(0.0, **WIDE), "y(0)": tr.Vary(0.0, **WIDE), "sigma": SIGMA},
        "starts": 1,
    }
    first = tr.fit(drift, line, **options)
    second = tr.fit(drift, line.dropna(), **options)
    assert first.n_observations == 22
    assert first.params["value"].to_numpy() == pytest.approx(
        second.params["value"].to_numpy(), rel=1e-9
    )
    assert list(first.residuals.index) == list(line.dropna().index)


def test_repeated_times_and_several_columns(drift: tr.Model) -> None:
    data = pd.DataFrame(
        {"t": [0.0, 1.0, 1.0, 2.0], "y": [0.1, 1.2, 0.8, 2.1], "z": [np.nan, 2.2, np.nan, 4.3]}
    )
    fit = tr.fit(
        drift,
        data,
        time="t",
        observed={"y": tr.Gaussian("y", sd=1.0), "z": tr.Gaussian("2 * y", sd=1.0)},
        vary={"a": tr.Vary(0.5, **WIDE)},
        starts=1,
    )
    slopes = np.array([0.0, 1.0, 1.0, 2.0, 2.0, 4.0])
    values = np.array([0.1, 1.2, 0.8, 2.1, 2.2, 4.3])
    assert fit.params.loc["a", "value"] == pytest.approx(slopes @ values / (slopes @ slopes))
    assert fit.params.loc["a", "stderr"] == pytest.approx(1 / np.sqrt(slopes @ slopes))


def test_inputs_hold_until_the_next_row() -> None:
    model = tr.Model(
        "sum", rhs={"y": "g * u"}, params={"g": 1.0}, initial={"y": 0}, inputs={"u": 0}
    )
    data = pd.DataFrame({"t": [0.0, 1.0, 3.0, 4.0], "u": [1.0, -2.0, 0.5, 9.0]})
    # The integral of the steps, times 1.7.
    data["y"] = 1.7 * np.array([0.0, 1.0, -3.0, -2.5])
    for inputs in (
        {"u": "u"},
        {"u": tr.Steps(data["t"], data["u"])},
        {"u": lambda _: tr.Steps(data["t"], data["u"])},
        {"u": {"all": tr.Steps(data["t"], data["u"])}},
    ):
        fit = tr.fit(
            model,
            data,
            time="t",
            observed={"y": tr.Gaussian("y", sd=0.1)},
            vary={"g": tr.Vary(0.0, **WIDE)},
            inputs=inputs,
            starts=1,
        )
        assert fit.params.loc["g", "value"] == pytest.approx(1.7, rel=1e-9)


def test_simulated_data_give_the_truth_back() -> None:
    model = tr.models.load("trust-updated", profile="bpd")
    truth = {"eta": 0.3, "w_L": 1.1, "kappa": 0.6}
    rng = np.random.default_rng(12)
    rows = []
    for pair in range(4):
        t = np.arange(0.0, 40.0)
        move = rng.choice([-1.0, 0.0, 1.0], t.size)
        sol = tr.simulate(model, t, params=truth, inputs={"ev": tr.Steps(t, move)})
        rating = sol["rating"] + rng.normal(0.0, 0.3, t.size)
        rows.append(pd.DataFrame({"pair": pair, "day": t, "move": move, "rating": rating}))
    fit = tr.fit(
        model,
        pd.concat(rows, ignore_index=True),
        time="day",
        group="pair",
        inputs={"ev": "move"},
        observed={"rating": tr.Gaussian("rating", sd="sd")},
        vary={
            "eta": tr.Vary(0.1, min=1e-3, max=2.0, scale="log"),
            "w_L": tr.Vary(0.7, min=0.0, max=3.0),
            "kappa": tr.Vary(0.2, min=0.0, max=3.0),
            "sd": tr.Vary(1.0, min=1e-3, scale="log"),
        },
        starts=2,
    )
    for name, value in {**truth, "sd": 0.3}.items():
        row = fit.params.loc[name]
        assert abs(row["value"] - value) < 4 * row["stderr"]
    assert fit.model.defaults["eta"] == fit.params.loc["eta", "value"]


def test_results_print_predict_and_travel(drift: tr.Model, line: pd.DataFrame) -> None:
    fit = tr.fit(
        drift,
        line,
        time="t",
        observed={"y": tr.Gaussian("y", sd="sigma")},
        vary={"a": tr.Vary(0.0, **WIDE), "y(0)": tr.Vary(0.0, **WIDE), "sigma": SIGMA},
        starts=2,
        progress=False,
    )
    report = fit.report()
    for part in ("drift", "25 observations", "log-likelihood", "sigma", "95 %", "converged"):
        assert part in report
    assert "3 free values" in repr(fit)
    slope, start = fit.params.loc["a", "value"], fit.params.loc["y(0)", "value"]
    new = pd.DataFrame({"t": [0.5, 10.0]}, index=["p", "q"])
    predicted = fit.predict(new)
    assert list(predicted.index) == ["p", "q"]
    assert predicted["y"].to_numpy() == pytest.approx(start + slope * new["t"].to_numpy(), rel=1e-8)
    with pytest.raises(tr.DataError, match="starts at t = 0"):
        fit.predict(pd.DataFrame({"t": [-1.0]}))
    again = pickle.loads(pickle.dumps(fit))
    assert again.loglik == fit.loglik
    assert again.predict(new)["y"].tolist() == predicted["y"].tolist()
    assert fit.predict()["y"].tolist() == fit.residuals["predicted"].tolist()
    assert float(fit.model.initial["y"]) == start


def test_same_seed_same_fit(drift: tr.Model, line: pd.DataFrame) -> None:
    def run(threads: int) -> tr.fit:
        return tr.fit(
            drift,
            line,
            time="t",
            observed={"y": tr.Gaussian("y", sd="sigma")},
            vary={"a": tr.Vary(0.0, **WIDE), "sigma": SIGMA},
            starts=4,
            seed=7,
            threads=threads,
        )

    pd.testing.assert_frame_equal(run(1).starts, run(2).starts)


def test_a_stiff_model_is_told_that_its_method_is_explicit() -> None:
    """Robertson's problem: an explicit method needs far more steps than it may take."""
    data = pd.DataFrame({"t": [0.0, 1e5, 2e5], "seen": [1.0, 0.1, 0.05]})
    with pytest.raises(tr.SolveError, match=r"too many steps for a stiff model.*rodas5p"):
        tr.fit(
            tr.models.load("robertson"),
            data,
            time="t",
            observed={"seen": tr.Gaussian("y1", sd=0.1)},
            vary={"k1": tr.Vary(0.04, min=0.03, max=0.05)},
            solver=tr.Solver(method="tsit5", max_steps=1000),
            starts=1,
            progress=False,
        )


@pytest.mark.parametrize("solver", [None, tr.Solver("rodas5p", rtol=1e-10, atol=1e-14)])
def test_a_stiff_model_is_fitted(solver: tr.Solver | None) -> None:
    """Robertson's rates come back from exact data over five decades of time, in two groups."""
    model = tr.models.load("robertson")
    t = np.concatenate([[0.0], np.geomspace(1e-2, 1e3, 12)])
    tight = tr.Solver("rodas5p", rtol=1e-12, atol=1e-18)
    rows = []
    for group, start in (("a", 1.0), ("b", 0.5)):
        y = tr.simulate(model, t, initial={"y1": start}, solver=tight).y
        rows.append(pd.DataFrame({"group": group, "t": t, "a": y[:, 0], "b": 1e4 * y[:, 1]}))
    found = tr.fit(
        model,
        pd.concat(rows),
        time="t",
        group="group",
        observed={"a": tr.Gaussian("y1", sd=0.01), "b": tr.Gaussian("1e4*y2", sd=0.01)},
        vary={
            "k1": tr.Vary(0.1, min=1e-3, max=10.0, scale="log"),
            "k2": tr.Vary(1e7, min=1e5, max=1e9, scale="log"),
            "k3": tr.Vary(3e3, min=1e2, max=1e6, scale="log"),
            "y1(0)": tr.Vary(0.8, min=0.0, max=2.0, per="group"),
        },
        starts=1,
        solver=solver,
        progress=False,
    )
    values = found.params["value"].to_numpy()
    np.testing.assert_allclose(values, [0.04, 3e7, 1e4, 1.0, 0.5], rtol=1e-4)


@pytest.mark.parametrize("bound", [1e-5, 3e-5, 0.007, 1e-7])
def test_a_value_at_a_bound_on_a_log_scale_is_the_bound(bound: float) -> None:
    """Not a rounding error outside of it, where the model would refuse it."""
    k = tr.Param(1.0, min=bound)
    model = tr.Model("decay", {"y": "-k*y"}, params={"k": k}, initial={"y": 1})
    found = tr.fit(
        model,
        pd.DataFrame({"t": [0.0, 1.0, 2.0], "y": [1.0, 1.2, 1.1]}),
        time="t",
        observed={"y": tr.Gaussian("y", sd=0.1)},
        vary={"k": tr.Vary(2 * bound, scale="log")},
        starts=1,
        progress=False,
    )
    assert found.params["value"].tolist() == [bound]
    assert found.model.defaults["k"] == bound
