"""The objective against closed forms, differences and numpy, and where it has no value."""

import importlib
import tracemalloc
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

import trustode as tr
from trustode._core import REPORT
from trustode.fit import Objective
from trustode.fit.objective import Problem
from trustode.fit.setup import assembled
from trustode.solve import Solver

door = importlib.import_module("trustode.compile")

#: A central difference of a likelihood solved at 1e-11 is good to about this, relatively.
DIFFERENCE = 1e-6

TIGHT = Solver("auto", rtol=1e-13, atol=1e-14)


def problem_of(model, data, observed, vary, **more):
    """Return what a fit would minimise."""
    arguments = {"group": None, "inputs": None, "params": None, "initial": None} | more
    problem, _ = assembled(model, data, "t", observed, vary, *arguments.values(), "test")
    return replace(problem, solver=TIGHT, threads=1)


# ------------------------------------------------------------------ value and gradient


@dataclass(frozen=True)
class SlowGaussian(tr.Gaussian):
    """A normal distribution that C does not know: its rows are summed in numpy."""

    form = "ROWS"


@dataclass(frozen=True)
class SlowBinomial(tr.Binomial):
    """The same for counts."""

    form = "ROWS"


@st.composite
def cohorts(draw: st.DrawFn) -> tuple[pd.DataFrame, Problem, Problem]:
    """Draw a fit, and the same fit with the rows of most columns summed in numpy."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_group, alike = draw(st.integers(1, 4)), draw(st.booleans())
    frames, t = [], np.sort(rng.uniform(0, 3, 9))
    for g in range(n_group):
        own = t if alike or g == 0 else np.sort(rng.uniform(0, 3, draw(st.integers(1, 7))))
        # Some rows share their time.
        own = np.sort(np.r_[own, own[: draw(st.integers(0, 2))]])
        frames.append(pd.DataFrame({"g": f"g{g}", "t": own}))
    data = pd.concat(frames, ignore_index=True)
    n = len(data)
    data["u"] = data["t"].map(dict(zip(data["t"], rng.normal(0, 0.2, n), strict=True)))
    data["y"], data["w"] = rng.normal(0.6, 0.2, (2, n))
    data["trials"] = rng.integers(1, 5, n)
    data["k"] = rng.binomial(data["trials"], 0.6)
    for column in ("y", "w", "k"):
        first = data.groupby("g").head(1).index
        missing = (rng.random(n) < 0.3) & ~data.index.isin(first)
        data.loc[missing, column] = np.nan
    assume(data[["y", "w", "k"]].notna().to_numpy().sum() >= 12)
    model = tr.Model(
        "pair",
        rhs={"x": "a - b * x * z + u", "z": "b * x * z - z / tau"},
        params={"a": 0.4, "b": 1.2, "tau": 1.5, "start": 0.5},
        initial={"x": "start", "z": 0.3},
        inputs={"u": 0.0},
        observables={"ratio": "x / (x + a * z)"},
    )
    vary = {
        "a": tr.Vary(0.5, min=0.1, max=2.0, scale="log"),
        "b": tr.Vary(1.0, min=0.1, max=3.0, per=draw(st.sampled_from([None, "g"]))),
        "start": tr.Vary(0.4, min=0.01, max=2.0),
        "z(0)": tr.Vary(0.2, min=0.01, max=1.0, scale="log"),
        "gain": tr.Vary(0.8, min=0.0, max=3.0),
        "sd": tr.Vary(0.3, min=0.01, scale="log", per=draw(st.sampled_from([None, "g"]))),
    }
    if draw(st.booleans()):
        del vary["z(0)"]
    sd = [draw(st.sampled_from(["sd", "a", 0.2])) for _ in range(2)]
    if "sd" not in sd:
        del vary["sd"]
    made, mixed = [], draw(st.booleans())
    for gaussian, binomial in ((tr.Gaussian, tr.Binomial), (SlowGaussian, SlowBinomial)):
        observed = {
            "y": gaussian("ratio", sd=sd[0]),
            "w": (tr.Gaussian if mixed else gaussian)("gain * x**2 + z", sd=sd[1]),
            "k": binomial("1 / (1 + exp(-gain * x))", n="trials"),
        }
        made.append(problem_of(model, data, observed, vary, group="g", inputs={"u": "u"}))
    return data, made[0], made[1]


@settings(max_examples=40)
@given(cohorts(), st.integers(0, 100))
def test_sums_in_c_are_those_of_numpy(drawn: tuple[pd.DataFrame, Problem, Problem], seed: int):
    _, fast, slow = drawn
    x = fast.layout.draw(np.random.default_rng(seed))
    here = fast.evaluate(x)
    # Scales that stand alone are moved where C has their sums.
    there = slow.evaluate(here.x)
    assert (here.failure is None) == (there.failure is None)
    assert here.x == pytest.approx(there.x, rel=1e-12, abs=1e-13)
    if here.failure is not None:
        assert here.failure == there.failure
        return
    for name in ("nll", "gradient", "information"):
        one, other = getattr(here, name), getattr(there, name)
        assert np.abs(one - other).max() <= 1e-11 * (1.0 + np.abs(other).max()), name
    again = replace(fast, threads=3).evaluate(x)
    for name in ("x", "nll", "gradient", "information"):
        assert np.array_equal(getattr(again, name), getattr(here, name)), name


def decays(n_group: int = 3) -> tuple[pd.DataFrame, Problem]:
    """Return a fit whose objective has a closed form: y = y0 exp(-k t), by group."""
    model = tr.Model("decay", rhs={"y": "-k * y"}, params={"k": 0.5}, initial={"y": 1.0})
    rng = np.random.default_rng(8)
    parts = [
        pd.DataFrame({"g": g, "t": np.r_[0.0, np.sort(rng.uniform(0, 3, 5 + g))]})
        for g in range(n_group)
    ]
    data = pd.concat(parts, ignore_index=True)
    data["y"] = np.exp(-0.6 * data["t"]) + rng.normal(0, 0.1, len(data))
    data["n"] = rng.integers(1, 6, len(data))
    data["c"] = rng.binomial(data["n"], 0.5)
    vary = {
        "k": tr.Vary(0.5, min=0.01, max=5.0, scale="log", per="g"),
        "y(0)": tr.Vary(1.0, min=0.1, max=3.0),
        "slope": tr.Vary(0.7, min=-2.0, max=2.0),
        "sd": tr.Vary(0.2, min=1e-3, scale="log"),
    }
    observed = {
        "y": tr.Gaussian("y * (1 + sd)", sd="sd"),
        "c": tr.Binomial("1 / (1 + exp(-slope * y))", n="n"),
    }
    return data, problem_of(model, data, observed, vary, group="g")


def by_hand(x: np.ndarray, data: pd.DataFrame) -> complex:
    """Return the negative log-likelihood of `decays` but for what the data alone determine."""
    n_group = data["g"].nunique()
    k, (start, slope) = np.exp(x[:n_group]), x[n_group : n_group + 2]
    sd = np.exp(x[-1])
    y = start * np.exp(-k[data["g"]] * data["t"].to_numpy())
    z = (data["y"].to_numpy() - y * (1 + sd)) / sd
    p = 1 / (1 + np.exp(-slope * y))
    likely = data["c"] * np.log(p) + (data["n"] - data["c"]) * np.log(1 - p)
    return complex((0.5 * z**2 + np.log(sd)).sum() - likely.sum())


def test_gradient_agrees_with_the_complex_step_of_the_closed_form() -> None:
    data, problem = decays()
    rng = np.random.default_rng(5)
    for _ in range(4):
        x = problem.layout.draw(rng)
        here = problem.evaluate(x)
        steps = 1e-30j * np.eye(len(x))
        exact = np.array([by_hand(x + step, data).imag / 1e-30 for step in steps])
        assert np.abs(here.gradient - exact).max() < 1e-9 * np.abs(exact).max()
        start, slope, sd = x[3], x[4], np.exp(x[5])
        y = start * np.exp(-np.exp(x[data["g"]]) * data["t"])
        likely = norm.logpdf(data["y"], y * (1 + sd), sd).sum()
        likely += binom.logpmf(data["c"], data["n"], 1 / (1 + np.exp(-slope * y))).sum()
        assert here.nll == pytest.approx(-likely, rel=1e-11)


def test_models_without_a_compiler_take_the_same_way(request) -> None:
    _, compiled = decays(4)
    x = compiled.layout.draw(np.random.default_rng(6))
    wanted = compiled.evaluate(x)
    request.getfixturevalue("no_compiler")
    with pytest.warns(tr.CompileWarning):
        _, problem = decays(4)
    assert problem.compiled.backend == "numpy"
    for threads in (1, 3):
        found = replace(problem, threads=threads).evaluate(x)
        assert found.nll == pytest.approx(wanted.nll, rel=1e-11)
        assert found.gradient == pytest.approx(wanted.gradient, rel=1e-9)


def test_information_is_the_expected_outer_product() -> None:
    """It is s s' / sd**2 for the slopes s of a mean, n s s' / (p (1 - p)) of a probability."""
    data, problem = decays(1)
    x = problem.layout.draw(np.random.default_rng(2))
    k, start, slope, sd = np.exp(x[0]), x[1], x[2], np.exp(x[3])
    t, n = data["t"].to_numpy(), data["n"].to_numpy()
    y = start * np.exp(-k * t)
    p = 1 / (1 + np.exp(-slope * y))
    none = np.zeros_like(t)
    mean = np.stack([-k * t * y * (1 + sd), np.exp(-k * t) * (1 + sd), none, sd * y])
    logit = np.stack([-k * t * y * slope, np.exp(-k * t) * slope, y, none])
    wanted = mean @ mean.T / sd**2 + (logit * n * p * (1 - p)) @ logit.T
    wanted[3, 3] += 2.0 * len(t)
    assert problem.evaluate(x).information == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("method", ["auto", "taylor", "tsit5"])
def test_any_number_of_threads_gives_the_same_bits(method: str) -> None:
    _, problem = decays(9)
    problem = replace(problem, solver=Solver(method, rtol=1e-6, atol=1e-9))
    x = problem.layout.draw(np.random.default_rng(3))
    one, predicted = problem.evaluate(x), problem.predict(x)
    assert isinstance(predicted, dict)
    for threads in (2, 3, 20):
        more = replace(problem, threads=threads)
        again, likewise = more.evaluate(x), more.predict(x)
        assert (again.nll, again.x.tolist()) == (one.nll, one.x.tolist())
        assert again.gradient.tobytes() == one.gradient.tobytes()
        assert again.information.tobytes() == one.information.tobytes()
        assert isinstance(likewise, dict)
        assert all(likewise[c].tobytes() == predicted[c].tobytes() for c in predicted)


def test_the_first_group_that_fails_is_named_whatever_the_threads() -> None:
    # y' = k y**2 from 1 leaves every bound at t = 1/k.
    model = tr.Model("blow-up", rhs={"y": "k * y**2"}, params={"k": 0.1}, initial={"y": 1.0})
    ends = [2.0, 2.5, 9.0, 1.5, 20.0, 30.0, 2.0]
    data = pd.DataFrame({"g": np.repeat(list("abcdefg"), 2), "y": 1.0})
    data["t"] = [t for end in ends for t in (0.0, end)]
    vary = {"k": tr.Vary(0.2, min=0.0, max=5.0)}
    problem = problem_of(model, data, {"y": tr.Gaussian("y", sd=0.1)}, vary, group="g")
    for threads in (1, 2, 5):
        found = replace(problem, threads=threads).evaluate(np.array([0.2]))
        assert found.failure is not None
        assert "in group 'c'" in found.failure.message
        assert found.nll == np.inf


def test_no_trajectory_is_kept() -> None:
    model = tr.Model("decay", rhs={"y": "-k * y"}, params={"k": 0.5}, initial={"y": 1.0})
    n_group, n_time = 100, 1000
    data = pd.DataFrame({"g": np.repeat(np.arange(n_group), n_time)})
    data["t"] = np.tile(np.linspace(0.0, 3.0, n_time), n_group)
    data["y"] = np.where(data.index % 100 == 99, 0.5, np.nan)
    vary = {"k": tr.Vary(0.5, min=0.1, max=2.0)}
    problem = problem_of(model, data, {"y": tr.Gaussian("y", sd=0.1)}, vary, group="g")
    problem.evaluate(problem.layout.first)
    tracemalloc.start()
    found = problem.evaluate(problem.layout.first)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.failure is None
    assert peak < 0.2 * n_group * n_time * 2 * 8


def test_a_group_of_one_time_needs_no_solve() -> None:
    model = tr.Model("decay", rhs={"y": "-k * y"}, params={"k": 0.5}, initial={"y": 1.0})
    data = pd.DataFrame({"g": ["a", "b", "b"], "t": [1.0, 0.0, 2.0], "y": [0.9, 1.1, 0.4]})
    vary = {"k": tr.Vary(0.5, min=0.1, max=2.0), "y(0)": tr.Vary(1.0, min=0.1, max=2.0)}
    for method in ("auto", "tsit5"):
        made = problem_of(model, data, {"y": tr.Gaussian("y", sd=0.1)}, vary, group="g")
        found = replace(made, solver=Solver(method, rtol=1e-10)).evaluate(np.array([0.5, 1.0]))
        wanted = 0.5 * ((data["y"] - [1.0, 1.0, np.exp(-1.0)]) ** 2).sum() / 0.1**2
        wanted += 3 * np.log(0.1 * np.sqrt(2 * np.pi))
        assert found.nll == pytest.approx(wanted, rel=1e-8)


def test_a_run_of_one_time_takes_no_step(monkeypatch) -> None:
    """A series would look for room of a second time."""
    reports = []
    comparison = importlib.import_module("trustode.solve.comparison")
    sums = comparison.sum_misfit

    def told(*arguments):
        result = sums(*arguments)
        reports.extend(a.copy() for a in arguments if getattr(a, "dtype", None) == REPORT)
        return result

    monkeypatch.setattr(comparison, "sum_misfit", told)
    model = tr.Model("decay", rhs={"y": "-k * y"}, params={"k": 0.5}, initial={"y": 1.0})
    data = pd.DataFrame({"g": ["a", "b", "b"], "t": [0.0, 0.0, 2.0], "y": [0.9, 1.1, 0.4]})
    made = problem_of(
        model, data, {"y": tr.Gaussian("y", sd=0.1)}, {"k": tr.Vary(0.5, min=0.1, max=2.0)},
        group="g",
    )  # fmt: skip
    made.evaluate(np.array([0.5]))
    assert reports[0]["n_rhs"][0] == reports[0]["n_rejected"][0] == 0
    assert reports[0]["n_rhs"][1] > 0


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
    # That one value serves as both is meant here: its gradient has two parts.
    with pytest.warns(tr.FitWarning, match="the scale 'a' of column 'y' is also a parameter"):
        fit = tr.fit(
            model, data, time="t", group="g", inputs={"u": "u"}, observed=observed, vary=vary,
            starts=1,
        )  # fmt: skip
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
    with pytest.warns(tr.FitWarning, match="together by .* changes nothing in the data"):
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


def test_a_jump_whose_moment_varies_is_said(line: pd.DataFrame) -> None:
    """And what is advised instead has the gradient that differences show."""
    k, lag, sd = 0.9, 1.3, 0.3

    def objective(rate: str) -> Objective:
        model = tr.Model("late", rhs={"y": rate}, params={"k": k, "lag": lag}, initial={"y": 1.0})
        vary = {"k": tr.Vary(k, min=0, max=5), "lag": tr.Vary(lag, min=0, max=4)}
        observed = {"y": tr.Gaussian("y", sd=sd)}
        return tr.objective(model, line, time="t", observed=observed, vary=vary)

    def nll(at: float) -> float:
        off = line["y"] - 1.0 - k * np.maximum(line["t"] - at, 0.0)
        return float((0.5 * (off / sd) ** 2 + np.log(sd * np.sqrt(2.0 * np.pi))).sum())

    with pytest.warns(tr.FitWarning, match=r"dy/dt jumps at sign.*with lag: hold .*tanh\("):
        jumping = objective("k*(1 + sign(t - lag))/2")
    assert jumping.nll() == pytest.approx(nll(lag), rel=1e-8)
    smooth = objective("k*(1 + tanh((t - lag)/0.002))/2")
    slope = (nll(lag + 1e-4) - nll(lag - 1e-4)) / 2e-4
    assert smooth.nll() == pytest.approx(nll(lag), rel=1e-5)
    assert smooth.gradient()["lag"] == pytest.approx(slope, rel=1e-3)
    # Where both sides meet there is no jump, and the gradient is exact.
    kink = objective("k*(t - lag)*(1 + sign(t - lag))/2")
    up, down = (kink.nll({"lag": lag + h}) for h in (1e-5, -1e-5))
    assert kink.gradient()["lag"] == pytest.approx((up - down) / 2e-5, rel=1e-5)
