"""Scales and priors of free values, values known by group, and the objective as a thing to call."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import trustode as tr
from trustode.fit.prior import log_density, penalty, volume
from trustode.fit.scales import SCALES

PRIORS: dict[str, Any] = {
    "norm": stats.norm(0.3, 0.2),
    "halfnorm": stats.halfnorm(scale=2.0),
    "truncnorm": stats.truncnorm(-2.0, np.inf, loc=1.0, scale=0.5),
    "lognorm": stats.lognorm(0.7, scale=0.4),
    "laplace": stats.laplace(0.2, scale=0.3),
    "uniform": stats.uniform(0.0, 1.0),
    "expon": stats.expon(scale=0.6),
    "gamma": stats.gamma(2.5, scale=0.2),
    "beta": stats.beta(2.0, 3.5),
    "cauchy": stats.cauchy(0.1, 0.5),
    "halfcauchy": stats.halfcauchy(scale=0.7),
    "t": stats.t(4.0, loc=0.4, scale=0.3),
    "weibull_min": stats.weibull_min(1.8, scale=0.6),
}


@pytest.mark.parametrize("name", PRIORS)
def test_priors_agree_with_scipy(name: str) -> None:
    prior, h = PRIORS[name], 1e-4
    w = np.array([0.07, 0.31, 0.55, 0.93])
    value, by, by2 = log_density(prior, w)
    logs = prior.logpdf
    assert value == pytest.approx(logs(w), rel=1e-12, abs=1e-12)
    assert by == pytest.approx((logs(w + h) - logs(w - h)) / (2 * h), rel=1e-5, abs=1e-5)
    second = (logs(w + h) - 2 * logs(w) + logs(w - h)) / h**2
    assert by2 == pytest.approx(second, rel=1e-4, abs=1e-4)
    outside = log_density(prior, np.array([-9.0, 9.0]))[0]
    assert np.array_equal(np.isneginf(outside), np.isneginf(logs([-9.0, 9.0])))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("prior_scale", SCALES)
def test_slopes_of_priors_across_scales(scale: str, prior_scale: str) -> None:
    x, h = SCALES[scale].forward(np.array([0.2, 0.5, 0.8])), 1e-4
    prior = stats.norm(0.1, 0.6)
    value, by, by2 = penalty(prior, prior_scale, scale, x)
    v = SCALES[scale].inverse(x)
    assert value == pytest.approx(-prior.logpdf(SCALES[prior_scale].forward(v)), rel=1e-12)
    up, down = (penalty(prior, prior_scale, scale, x + s * h) for s in (1.0, -1.0))
    assert by == pytest.approx((up[0] - down[0]) / (2 * h), rel=1e-6, abs=1e-6)
    assert by2 == pytest.approx((up[1] - down[1]) / (2 * h), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("prior_scale", SCALES)
def test_a_prior_has_one_probability_on_every_scale(scale: str, prior_scale: str) -> None:
    low, high = 0.1, 0.9
    x = np.linspace(*SCALES[scale].forward(np.array([low, high])), 2001)
    prior = stats.norm(0.1, 0.6)
    log, by = volume(prior_scale, scale, x)
    density = np.exp(log - penalty(prior, prior_scale, scale, x)[0])
    share = np.sum(0.5 * (density[1:] + density[:-1]) * np.diff(x))
    ends = SCALES[prior_scale].forward(np.array([low, high]))
    assert share == pytest.approx(np.diff(prior.cdf(ends))[0], rel=1e-5)
    assert by[1:-1] == pytest.approx(np.gradient(log, x)[1:-1], rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("scale", SCALES)
def test_scales_lead_there_and_back(scale: str) -> None:
    v, h = np.array([0.1, 0.5, 0.97]), 1e-5
    about = SCALES[scale]
    x = about.forward(v)
    assert about.inverse(x) == pytest.approx(v, rel=1e-14)
    assert about.slope(v) == pytest.approx((about.inverse(x + h) - about.inverse(x - h)) / (2 * h))
    bend = (about.slope(about.inverse(x + h)) - about.slope(about.inverse(x - h))) / (2 * h)
    assert about.bend(v) == pytest.approx(bend, rel=1e-8, abs=1e-8)


def test_the_mode_under_a_normal_prior_is_a_weighted_mean(drift: tr.Model) -> None:
    data = pd.DataFrame({"t": np.zeros(8), "y": [0.2, 0.9, 0.4, 1.3, 0.8, 0.5, 0.7, 0.6]})
    prior = stats.norm(2.0, 0.5)
    fit = tr.fit(
        drift,
        data,
        time="t",
        observed={"y": tr.Gaussian("y", sd=0.8)},
        vary={"y(0)": tr.Vary(1.0, min=-9, max=9, prior=prior)},
        starts=2,
    )
    weight = 8 / 0.8**2, 1 / 0.5**2
    mode = (weight[0] * data["y"].mean() + weight[1] * 2.0) / sum(weight)
    assert fit.params.loc["y(0)", "value"] == pytest.approx(mode, rel=1e-9)
    assert fit.params.loc["y(0)", "stderr"] == pytest.approx(sum(weight) ** -0.5, rel=1e-9)
    assert fit.loglik == pytest.approx(stats.norm.logpdf(data["y"], mode, 0.8).sum(), rel=1e-10)
    assert fit.log_prior == pytest.approx(prior.logpdf(mode), rel=1e-10)
    assert "priors" in fit.report()
    assert pickle.loads(pickle.dumps(fit)).objective.nll() == fit.objective.nll()


@pytest.mark.parametrize("scale", ["lin", "log", "log10", "logit"])
def test_the_optimum_does_not_depend_on_the_scale(decay: tr.Model, scale: str) -> None:
    rng = np.random.default_rng(1)
    t = np.linspace(0.0, 4.0, 30)
    data = pd.DataFrame({"t": t, "y": np.exp(-0.6 * t) + rng.normal(0.0, 0.05, 30)})
    fit = tr.fit(
        decay,
        data,
        time="t",
        observed={"y": tr.Gaussian("y", sd=0.05)},
        vary={"k": tr.Vary(0.3, min=0.05, max=0.95, scale=scale, prior=stats.beta(2, 2))},
        starts=2,
    )
    k = fit.params.loc["k", "value"]
    y = np.exp(-k * t)
    # At the mode the slopes of likelihood and prior cancel.
    slope = ((data["y"] - y) / 0.05**2) @ (-t * y) + 1 / k - 1 / (1 - k)
    assert slope == pytest.approx(0.0, abs=1e-4)
    assert fit.converged


@pytest.fixture
def cohort() -> pd.DataFrame:
    frame = pd.DataFrame({"id": np.repeat(["a", "b", "c"], 4), "t": np.tile(np.arange(4.0), 3)})
    frame["age"] = frame["id"].map({"a": 1.0, "b": 2.0, "c": 4.0})
    frame["first"] = frame["id"].map({"a": 0.5, "b": 0.0, "c": -0.5})
    frame["y"] = frame["first"] + 0.3 * frame["age"] * frame["t"]
    return frame


def aging(frame: pd.DataFrame, **more: Any) -> Any:
    model = tr.Model(
        "aging", rhs={"y": "g * age"}, params={"g": 0.1, "age": 1.0}, initial={"y": 0.0}
    )
    arguments = {
        "time": "t",
        "group": "id",
        "observed": {"y": tr.Gaussian("y", sd=0.1)},
        "vary": {"g": tr.Vary(0.1, min=-5, max=5)},
        "params": {"age": "age"},
        "initial": {"y": "first"},
        "starts": 1,
    }
    return tr.fit(model, frame, **{**arguments, **more})


def test_values_known_by_group(cohort: pd.DataFrame) -> None:
    fit = aging(cohort)
    assert fit.params.loc["g", "value"] == pytest.approx(0.3, rel=1e-9)
    assert fit.group_model("c").defaults["age"] == 4.0
    new = pd.DataFrame({"id": "d", "t": [0.0, 2.0], "age": 3.0, "first": 1.0})
    assert fit.predict(new)["y"].tolist() == pytest.approx([1.0, 2.8], rel=1e-9)
    ages = dict(cohort.groupby("id")["age"].first())
    again = aging(cohort, params={"age": ages})
    assert again.params.loc["g", "value"] == fit.params.loc["g", "value"]


def test_rows_may_bring_their_own_standard_deviation(drift: tr.Model) -> None:
    sd = np.array([0.1, 0.2, 0.4, 0.3, 0.2])
    data = pd.DataFrame({"t": np.zeros(5), "y": [1.0, 1.3, 0.2, np.nan, 0.9], "se": sd})
    data.loc[3, "se"] = np.nan
    observed = {"y": tr.Gaussian("y", sd="se")}
    vary = {"y(0)": tr.Vary(0.0, min=-9, max=9)}
    fit = tr.fit(drift, data, time="t", observed=observed, vary=vary, starts=1)
    seen = data.dropna()
    weight = seen["se"] ** -2
    assert fit.params.loc["y(0)", "value"] == pytest.approx(np.average(seen["y"], weights=weight))
    assert fit.params.loc["y(0)", "stderr"] == pytest.approx(weight.sum() ** -0.5)
    assert fit.predict(pd.DataFrame({"t": [0.0]}))["y"][0] == fit.params.loc["y(0)", "value"]
    for bad, message in ((np.nan, "is missing in 1 row .1."), (-0.1, "is not positive")):
        wrong = data.assign(se=[0.1, bad, 0.4, 0.3, 0.2])
        with pytest.raises(tr.DataError, match="column 'se' .sd of 'y'. " + message):
            tr.fit(drift, wrong, time="t", observed=observed, vary=vary, starts=1)


MISTAKES = {
    "changes": (
        lambda d: d.assign(age=d["t"]),
        {},
        "column 'age' .age. must have one value a group, but group 'a' has 0 in row 0 and 1 in",
    ),
    "missing": (
        lambda d: d.assign(age=d["age"].where(d["t"] > 0)),
        {},
        "column 'age' .age. is missing in 3 rows .0, 4, 8.",
    ),
    "column": (lambda d: d, {"params": {"age": "agee"}}, "no column 'agee' .held value age."),
    "group": (
        lambda d: d,
        {"params": {"age": {"a": 1.0, "b": 1.0}}},
        "'age' has nothing for group 'c'",
    ),
    "text": (
        lambda d: d,
        {"params": {"age": {"a": 1.0, "b": 1.0, "c": "old"}}},
        "'age' of group 'c' is 'old', not a finite number",
    ),
    "level": (
        lambda d: d.assign(y=["low", "high", "hi", "low"] * 3),
        {"observed": {"y": tr.Ordinal("y", [0.0], levels=["low", "high"])}},
        "column 'y' has 'hi', which is none of its values in 3 rows .2, 6, 10..*They are 'low', "
        "'high'",
    ),
    "rating": (
        lambda d: d.assign(y=[1, 2, 3, 8] * 3),
        {"observed": {"y": tr.Ordinal("y", [1.5, 2.5])}},
        "column 'y' has 8, which is none of its values in 3 rows .3, 7, 11.",
    ),
    "logarithm": (
        lambda d: d,
        {"observed": {"y": tr.Gaussian("y + 9", sd=0.1, transform="log")}},
        "column 'y' has 0 in row 4 .rows 4, 8.; it has no logarithm",
    ),
    "limits": (
        lambda d: d.assign(lod=2.0),
        {"observed": {"y": tr.Gaussian("y", sd=0.1, lower="lod", upper=1.0)}},
        "its lower= is not below its upper=",
    ),
    "count": (
        lambda d: d,
        {"observed": {"y": tr.Poisson("1 + y**2")}},
        "column 'y' has -0.5 in row 8; counts are not negative",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named(cohort: pd.DataFrame, case: str) -> None:
    change, options, message = MISTAKES[case]
    with pytest.raises(tr.DataError, match=message):
        aging(change(cohort), **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prior": 3.0}, "must be a continuous distribution of scipy.stats"),
        ({"prior": stats.norm}, "must be a continuous distribution of scipy.stats"),
        ({"prior": stats.norm(0.0, -1.0)}, "prior norm has values that cannot be"),
        ({"prior": stats.beta(2, 2)}, "value 1.5 has no density under its prior beta"),
        ({"scale": "logit"}, "value 1.5 has no log-odds"),
        ({"prior_scale": "ln"}, "prior_scale='ln' must be one of"),
        ({"scale": "log", "min": -1}, "min=-1 cannot be reached on scale='log', .* between 0 "),
    ],
)
def test_vary_refuses_what_cannot_be(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(tr.OptionError, match=message):
        tr.Vary(1.5, **arguments)


def test_the_objective_at_any_values(cohort: pd.DataFrame) -> None:
    model = tr.Model("line", rhs={"y": "g"}, params={"g": 0.1}, initial={"y": 0.0})
    objective = tr.objective(
        model,
        cohort,
        time="t",
        group="id",
        observed={"y": tr.Gaussian("y", sd="sd")},
        vary={
            "g": tr.Vary(0.1, scale="log10", per="id"),
            "y(0)": tr.Vary(0.2, prior=stats.norm(0.0, 1.0)),
            "sd": tr.Vary(0.5, min=0.01, scale="log"),
        },
    )
    assert objective.names == ("g [a]", "g [b]", "g [c]", "y(0)", "sd")
    g = cohort["id"].map({"a": 0.4, "b": 0.4, "c": 0.9}).to_numpy()

    def by_hand(g: Any, sd: float) -> float:
        likely = stats.norm.logpdf(cohort["y"], 0.2 + g * cohort["t"], sd)
        return -likely.sum() - stats.norm.logpdf(0.2)

    at = {"g": 0.4, "g [c]": 0.9, "sd": 0.7}
    assert objective.nll(at) == pytest.approx(by_hand(g, 0.7), rel=1e-12)
    assert objective.loglik(at) == pytest.approx(-by_hand(g, 0.7) - stats.norm.logpdf(0.2))
    # Nothing is moved: neither scales nor what was not named.
    assert objective.nll({"sd": 0.9}) == pytest.approx(by_hand(0.1, 0.9), rel=1e-12)
    # With sensitivities the steps differ, the objective hardly.
    alone = objective.nll(at)
    objective.gradient(at)
    assert objective.nll(at) == pytest.approx(alone, rel=1e-10)
    h = 1e-6
    slope = (by_hand(g, 0.7 + h) - by_hand(g, 0.7 - h)) / (2 * h)
    assert objective.gradient(at, scaled=False)["sd"] == pytest.approx(slope, rel=1e-6)
    assert objective.gradient(at)["sd"] == pytest.approx(0.7 * slope, rel=1e-6)
    assert objective.information(at).loc["sd", "sd"] == pytest.approx(2 * 12, rel=1e-9)
    assert objective.predict(at)["y"].iloc[-1] == pytest.approx(0.2 + 3 * 0.9)
    assert "5 free values" in repr(objective)
    for bad, message in (
        ({"gg": 1.0}, "'gg' is no free value; did you mean"),
        ({"sd": "x"}, "'sd' = 'x' is not a finite number"),
        ({"sd": -1.0}, "'sd' = -1 is not possible on its scale 'log'"),
    ):
        with pytest.raises(tr.ModelError, match=message):
            objective.nll(bad)
