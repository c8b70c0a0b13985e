"""Values that differ between persons, against closed forms and published fits."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

import trustode as tr
from trustode.fit import predictor
from trustode.fit.hierarchy import Hierarchy
from trustode.fit.resample import with_persons
from trustode.solve import compare_batch

#: Relative error of second differences, of the closed form and of the fit's own.
DIFFERENCES = 2e-3


@pytest.fixture(scope="module")
def growth() -> pd.DataFrame:
    """Return lines of 14 persons, with starts and slopes drawn from a population."""
    rng = np.random.default_rng(8)
    rows = []
    for person in range(14):
        ill = float(person % 2)
        slope, start = rng.normal(0.5 - 0.4 * ill, 0.3), rng.normal(1.0, 0.5)
        for t in np.linspace(0.0, 3.0, 4 + person % 3):
            y = start + slope * t + rng.normal(0.0, 0.2)
            rows.append({"person": f"p{person}", "t": t, "y": y, "ill": ill})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def line() -> tr.Model:
    return tr.Model("line", rhs={"y": "a"}, params={"a": 0.0}, initial={"y": 0.0})


@pytest.fixture(scope="module")
def arguments() -> dict[str, Any]:
    return {
        "time": "t",
        "group": "person",
        "observed": {"y": tr.Gaussian("y", sd="sigma")},
        "starts": 1,
    }


VARY = {
    "a": tr.Vary(0.2, random=True, covariates=["ill"]),
    "y(0)": tr.Vary(0.5, random=True),
    "sigma": tr.Vary(0.3, scale="log"),
}


@pytest.fixture(scope="module")
def fitted(line: tr.Model, growth: pd.DataFrame, arguments: dict[str, Any]) -> tr.fit:
    return tr.fit(line, growth, vary=VARY, **arguments)


def exact(values: dict[str, float], growth: pd.DataFrame) -> float:
    """Return the marginal log-likelihood of the lines: each person's data are normal."""
    total = 0.0
    person, times, y, ill = (growth[name].to_numpy() for name in ("person", "t", "y", "ill"))
    for one in dict.fromkeys(person):
        mine = person == one
        t = times[mine]
        z = np.stack([t, np.ones_like(t)], axis=1)
        both = np.diag([values["sd(a)"] ** 2, values["sd(y(0))"] ** 2])
        both[0, 1] = both[1, 0] = values.get("corr(a, y(0))", 0.0) * np.sqrt(
            both[0, 0] * both[1, 1]
        )
        slope = values["a"] + values.get("a ~ ill", 0.0) * ill[mine][0]
        covariance = z @ both @ z.T + values["sigma"] ** 2 * np.eye(len(t))
        total += multivariate_normal(slope * t + values["y(0)"], covariance).logpdf(y[mine])
    return total


def test_a_linear_model_is_integrated_exactly(fitted: Any, growth: pd.DataFrame) -> None:
    best = dict(fitted.params["value"])
    assert fitted.converged
    assert fitted.loglik == pytest.approx(exact(best, growth), abs=1e-6)
    # It is the maximum, and the curvature there gives the standard errors.
    names = list(best)
    h = {name: 0.02 * fitted.params.loc[name, "stderr"] for name in names}

    def at(**moved: float) -> float:
        return exact({name: best[name] + h[name] * moved.get(name, 0.0) for name in names}, growth)

    bent = np.empty((len(names), len(names)))
    for i, one in enumerate(names):
        slope = (at(**{one: 1.0}) - at(**{one: -1.0})) / 0.04
        assert abs(slope) < 1e-3
        for j, other in enumerate(names):
            if one == other:
                second = at(**{one: 1.0}) - 2.0 * at() + at(**{one: -1.0})
            else:
                corners = [
                    at(**{one: s, other: r}) * s * r for s in (1.0, -1.0) for r in (1.0, -1.0)
                ]
                second = 0.25 * sum(corners)
            bent[i, j] = -second / (h[one] * h[other])
    wanted = np.sqrt(np.diagonal(np.linalg.inv(bent)))
    np.testing.assert_allclose(fitted.params["stderr"], wanted, rtol=DIFFERENCES)


def test_the_objective_of_a_population(
    line: tr.Model, growth: pd.DataFrame, arguments: dict[str, Any], fitted: Any
) -> None:
    few = {k: arguments[k] for k in ("time", "group", "observed")}
    objective = tr.objective(line, growth, vary=VARY, covariance="full", **few)
    values = {
        "a": 0.4, "a ~ ill": -0.3, "y(0)": 0.9, "sigma": 0.25, "sd(a)": 0.35, "sd(y(0))": 0.6,
        "corr(a, y(0))": 0.3,
    }  # fmt: skip
    assert set(objective.names) == set(values)
    assert objective.nll(values) == pytest.approx(-exact(values, growth), abs=1e-6)
    assert objective.loglik(values) == -objective.nll(values)
    gradient = objective.gradient(values, scaled=False)
    for name, value in values.items():
        up, down = (exact(values | {name: value + h}, growth) for h in (1e-5, -1e-5))
        assert gradient[name] == pytest.approx((down - up) / 2e-5, rel=1e-4, abs=1e-4)
    again = fitted.objective
    assert again.nll() == pytest.approx(-fitted.loglik, abs=1e-8)
    pd.testing.assert_series_equal(again.predict()["y"], fitted.predict()["y"], rtol=1e-6)


@pytest.fixture(scope="module")
def squares() -> tuple[tr.Model, pd.DataFrame, dict[str, Any]]:
    """Return persons of whom the square of a value is seen: many have two best values."""
    model = tr.Model("square", rhs={"y": "0"}, params={"b": 0.1}, initial={"y": "b**2"})
    seen = np.array([1.1, 0.8, 0.3, 0.05, 0.02, -0.1])
    data = pd.DataFrame({"person": np.arange(6), "t": 0.0, "y": seen})
    vary = {"b": tr.Vary(0.1, random=True)}
    given = {"time": "t", "group": "person", "observed": {"y": tr.Gaussian("y", sd=0.2)}}
    return model, data, {"vary": vary, **given}


def test_an_objective_does_not_remember(
    squares: tuple[tr.Model, pd.DataFrame, dict[str, Any]],
) -> None:
    model, data, arguments = squares
    objective = tr.objective(model, data, **arguments)
    here = {"b": 0.02, "sd(b)": 0.7}
    told = []
    for before in ({"b": 1.5, "sd(b)": 0.2}, {"b": -1.5, "sd(b)": 0.2}, here):
        objective.nll(before), objective.gradient(before)
        told.append((objective.nll(here), *objective.gradient(here)))
    told.append((tr.objective(model, data, **arguments).nll(here), *told[0][1:]))
    assert len(set(told)) == 1


def test_a_person_whose_best_values_part(
    squares: tuple[tr.Model, pd.DataFrame, dict[str, Any]],
) -> None:
    """Where one best value becomes two, the curvature is zero and Laplace's density infinite."""
    model, data, arguments = squares
    z = np.linspace(-8.0, 8.0, 4001)
    for person, y in zip(range(3), data["y"], strict=False):
        alone = data[data["person"].isin([person, 5])]
        objective = tr.objective(model, alone, **arguments)
        parted = 0.2 / np.sqrt(2.0 * y)
        for times in (0.97, 1.0, 1.03):
            spread = times * parted
            values = {"b": 0.0, "sd(b)": spread}
            total = 0.0
            for seen in alone["y"]:
                density = norm.pdf((spread * z) ** 2, seen, 0.2) * norm.pdf(z)
                total += np.log(np.trapezoid(density, z))
            # One of two best values alone lacks log(2).
            assert -objective.nll(values) == pytest.approx(total, abs=0.75)
            if times == 1.0:
                continue  # There the curvature has a kink.
            step = 1e-5 * spread
            sides = [objective.nll(values | {"sd(b)": spread + s * step}) for s in (1.0, -1.0)]
            slope = (sides[0] - sides[1]) / (2.0 * step)
            found = objective.gradient(values, scaled=False)["sd(b)"]
            assert found == pytest.approx(slope, rel=1e-2)


def test_what_a_design_tells_of_a_population(line: tr.Model, arguments: dict[str, Any]) -> None:
    # With as many occasions for all, the mean of the mean slope's estimates is exactly normal,
    # with variance (sd^2 + sigma^2 / sum t^2) / n.
    t = np.linspace(0.5, 2.0, 4)
    design = pd.DataFrame({"person": np.repeat(np.arange(20), 4), "t": np.tile(t, 20)})
    start = design.groupby("person").head(1).assign(t=0.0)
    design = pd.concat([start.assign(y=np.nan), design.assign(y=1.0)]).sort_values(["person", "t"])
    few = {k: arguments[k] for k in ("time", "group", "observed")}
    truth = {"a": 0.5, "sd(a)": 0.3, "sigma": 0.2}
    vary = {"a": tr.Vary(0.2, random=True), "sigma": VARY["sigma"]}
    found = tr.recover(line, design, vary=vary, truth=truth, n=12, seed=3, **few)
    row = found.table.loc["a"]
    wanted = np.sqrt((0.3**2 + 0.2**2 / (t @ t)) / 20)
    assert (found.status["status"] == "converged").all()
    assert row["truth"] == 0.5
    assert abs(row["bias"]) < 3.0 * wanted / np.sqrt(12)
    # Standard errors go with estimates of the spread: their mean, over 12 data sets.
    assert row["stderr"] == pytest.approx(wanted, rel=0.15)
    assert 0.6 < row["sd"] / wanted < 1.6
    assert abs(found.table.loc["sd(a)", "bias"]) < 0.05


def test_a_persons_values_are_the_best_linear_prediction(fitted: Any, growth: pd.DataFrame) -> None:
    best = dict(fitted.params["value"])
    rows = growth[growth["person"] == "p3"]
    z = np.stack([rows["t"], np.ones(len(rows))], axis=1)
    precision = np.diag([best["sd(a)"] ** -2, best["sd(y(0))"] ** -2])
    mean = np.array([best["a"] + best["a ~ ill"], best["y(0)"]])
    left = precision + z.T @ z / best["sigma"] ** 2
    wanted = mean + np.linalg.solve(left, z.T @ (rows["y"] - z @ mean) / best["sigma"] ** 2)
    own = fitted.persons[fitted.persons["person"] == "p3"].set_index("name")
    np.testing.assert_allclose(own.loc[["a", "y(0)"], "value"], wanted, rtol=1e-6)
    errors = np.sqrt(np.diagonal(np.linalg.inv(left)))
    np.testing.assert_allclose(own.loc[["a", "y(0)"], "stderr"], errors, rtol=1e-5)
    # Predictions, residuals and group models are with the person's own values.
    model = fitted.group_model("p3")
    assert model.defaults["a"] == pytest.approx(wanted[0], rel=1e-6)
    assert fitted.model.defaults["a"] == pytest.approx(best["a"])
    predicted = fitted.predict()["y"][rows.index]
    np.testing.assert_allclose(predicted, z @ wanted, rtol=1e-6)


def test_importance_sampling_and_quadrature_agree_with_the_integral(
    line: tr.Model, growth: pd.DataFrame, arguments: dict[str, Any], fitted: Any
) -> None:
    assert abs(fitted.mixed.sampled - fitted.loglik) < 4.0 * fitted.mixed.sampled_error
    again = tr.fit(line, growth, vary=VARY, quadrature=3, **arguments)
    assert again.loglik == pytest.approx(fitted.loglik, abs=1e-6)
    np.testing.assert_allclose(again.params["value"], fitted.params["value"], rtol=1e-3)


def test_a_full_covariance(
    line: tr.Model, growth: pd.DataFrame, arguments: dict[str, Any], fitted: Any
) -> None:
    fit = tr.fit(line, growth, vary=VARY, covariance="full", **arguments)
    assert fit.loglik == pytest.approx(exact(dict(fit.params["value"]), growth), abs=1e-6)
    assert fit.loglik > fitted.loglik
    table = tr.compare({"independent": fitted, "correlated": fit}).ratios.iloc[0]
    assert table["nested"]
    assert table["statistic"] == pytest.approx(2.0 * (fit.loglik - fitted.loglik))


def test_a_fit_goes_on_after_a_kill_and_through_pickle(
    line: tr.Model, growth: pd.DataFrame, arguments: dict[str, Any], fitted: Any, tmp_path: Path
) -> None:
    path = tmp_path / "fit"
    first = tr.fit(line, growth, vary=VARY, checkpoint=path, **(arguments | {"starts": 3}))
    second = tr.fit(line, growth, vary=VARY, checkpoint=path, **(arguments | {"starts": 3}))
    assert first.loglik == second.loglik
    assert first.loglik == pytest.approx(fitted.loglik, abs=1e-6)
    again = pickle.loads(pickle.dumps(fitted))
    pd.testing.assert_frame_equal(again.params, fitted.params)
    assert "shrinkage" in fitted.report()


def test_what_cannot_be_is_said(
    line: tr.Model, growth: pd.DataFrame, arguments: dict[str, Any], fitted: Any
) -> None:
    def fit(**changed: Any) -> None:
        tr.fit(line, growth, **{"vary": VARY, **arguments, **changed})

    with pytest.raises(tr.OptionError, match="group= names none"):
        fit(group=None)
    with pytest.raises(tr.OptionError, match="covariance='ful'; did you mean 'full'"):
        fit(covariance="ful")
    with pytest.raises(tr.OptionError, match="take 141 at most"):
        fit(quadrature=200)
    with pytest.raises(
        tr.DataError, match=r"no column 'il' \(covariate of a\); did you mean 'ill'"
    ):
        fit(vary={**VARY, "a": tr.Vary(0.2, random=True, covariates=["il"])})
    with pytest.raises(tr.OptionError, match="only one kind of person"):
        fit(vary={**VARY, "a": tr.Vary(0.2, random="ill")})
    with pytest.raises(tr.OptionError, match="keep one"):
        tr.Vary(1.0, random=True, per="person")
    with pytest.raises(tr.OptionError, match="add random=True"):
        tr.Vary(1.0, covariates=["ill"])
    with pytest.raises(tr.OptionError, match="must be a list of columns"):
        tr.Vary(1.0, random=True, covariates="ill")
    with pytest.raises(tr.OptionError, match="PEtab has no words for random values"):
        tr.write_petab(fitted, "nowhere")
    with pytest.raises(tr.DataError, match=r"no column 'ill' \(covariate of a\)"):
        fitted.predict(pd.DataFrame({"person": ["new"], "t": [1.0]}))
    constant = growth.assign(ill=1.0)
    with pytest.raises(tr.DataError, match="'ill' is 1 for every person"):
        tr.fit(line, constant, vary=VARY, **arguments)


def test_new_persons_are_predicted_by_the_means(fitted: Any) -> None:
    best = fitted.params["value"]
    rows = pd.DataFrame(
        {"person": ["p3", "p3", "n", "n"], "t": [0.0, 2.0, 0.0, 2.0], "ill": [1.0, 1.0, 1.0, 1.0]}
    )
    found = fitted.predict(rows)["y"].to_numpy()
    mean = best["y(0)"] + (best["a"] + best["a ~ ill"]) * np.array([0.0, 2.0])
    np.testing.assert_allclose(found[2:], mean, rtol=1e-9)
    own = fitted.persons[fitted.persons["person"] == "p3"].set_index("name")["value"]
    np.testing.assert_allclose(found[:2], own["y(0)"] + own["a"] * np.array([0.0, 2.0]), rtol=1e-9)


def test_profiles_are_those_of_the_integral(fitted: Any, growth: pd.DataFrame) -> None:
    found = fitted.profile("sd(a)")
    points = found.points[list(fitted.params.index)]
    wanted = [exact(point, growth) for point in points.to_dict("records")]
    np.testing.assert_allclose(found.points["loglik"], wanted, atol=1e-5)
    low, high = found.intervals.loc["sd(a)", ["low", "high"]]
    # The spread of few persons is skewed: further to above than to below.
    assert high - fitted.params.loc["sd(a)", "value"] > fitted.params.loc["sd(a)", "value"] - low
    at = (found.points["value"] - low).abs().idxmin()
    assert found.points.loc[at, "excess"] == pytest.approx(found.threshold, rel=1e-3)


def test_persons_drawn_again(fitted: Any, growth: pd.DataFrame) -> None:
    marginal, x = fitted._marginal
    chosen = [0, 5, 0, 3]
    parts = [growth[growth["person"] == f"p{k}"].assign(person=i) for i, k in enumerate(chosen)]
    wanted = exact(dict(fitted.params["value"]), pd.concat(parts))
    assert -with_persons(marginal, chosen).evaluate(x).nll == pytest.approx(wanted, abs=1e-6)
    found = fitted.bootstrap(24, seed=2)
    assert (found.status["status"] == "converged").all()
    ratio = found.params["stderr"] / fitted.params["stderr"]
    # Of 24 draws: a ratio of standard deviations within .5 to 1.6 with probability .999.
    assert ((ratio > 0.5) & (ratio < 1.6)).all()
    again = fitted.bootstrap(3, kind="case", seed=2)
    assert again.estimates.notna().all(axis=None)


@pytest.mark.parametrize("centred", [False, True])
def test_the_density_of_population_and_persons(
    fitted: Any, growth: pd.DataFrame, centred: bool
) -> None:
    best, rng = dict(fitted.params["value"]), np.random.default_rng(3)
    joint = Hierarchy(fitted._marginal[0], centred)
    z = rng.standard_normal((2, 14))
    ill = growth.groupby("person", sort=False)["ill"].first().to_numpy()
    sd = np.array([[best["sd(a)"]], [best["sd(y(0))"]]])
    mean = np.stack([best["a"] + best["a ~ ill"] * ill, np.full(14, best["y(0)"])])
    x = np.concatenate([fitted._marginal[1], (mean + sd * z if centred else z).ravel()])
    wanted = (norm.logpdf(z) - (np.log(sd) if centred else 0.0)).sum()
    for k, (_, rows) in enumerate(growth.groupby("person", sort=False)):
        slope = best["a"] + best["a ~ ill"] * rows["ill"] + best["sd(a)"] * z[0, k]
        start = best["y(0)"] + best["sd(y(0))"] * z[1, k]
        wanted += norm(start + slope * rows["t"], best["sigma"]).logpdf(rows["y"]).sum()
    # Flat priors of spreads, up to their bounds, are densities as well.
    flat = sum(np.log(joint.layout.bounds[k][1]) for k in (4, 5))
    found = joint.evaluate(x)
    assert -found.nll == pytest.approx(wanted - flat, abs=1e-6)
    for k in rng.choice(len(x), 8, replace=False):
        step = 1e-5 * np.eye(len(x))[k]
        slope = (joint.evaluate(x + step).nll - joint.evaluate(x - step).nll) / 2e-5
        assert found.gradient[k] == pytest.approx(slope, rel=1e-5, abs=1e-4)
    centre = joint.best(fitted._marginal[1])
    marginal = np.linalg.inv(fitted._marginal[0].evaluate(fitted._marginal[1]).information)
    np.testing.assert_allclose(
        np.linalg.inv(centre.information)[:6, :6], marginal, rtol=1e-6, atol=1e-9
    )


def test_a_posterior_of_persons(line: tr.Model) -> None:
    pytest.importorskip("nutpie", reason="needs the extra trustode[sample]")
    rng, noise = np.random.default_rng(6), 0.4
    rows = [
        {"person": k, "t": t, "y": start + rng.normal(0.0, noise)}
        for k, start in enumerate(rng.normal(1.0, 0.6, 7))
        for t in (0.0, 1.0, 2.0)
    ]
    data = pd.DataFrame(rows)
    fit = tr.fit(
        line,
        data,
        time="t",
        group="person",
        observed={"y": tr.Gaussian("y", sd=noise)},
        vary={"y(0)": tr.Vary(0.8, min=-10.0, max=10.0, random=True)},
        starts=1,
    )
    found = fit.sample(draws=150, chains=2, warmup=100, seed=4)
    # The mean integrated out in closed form: Gelman et al. (2013), Bayesian Data Analysis, 5.4.
    means, own = data.groupby("person")["y"].mean().to_numpy(), noise**2 / 3.0

    def told(tau: float) -> tuple[float, float]:
        each = own + tau**2
        log = -0.5 * (len(means) - 1) * np.log(each) - 0.5 * means.var() * len(means) / each
        return float(np.exp(log)), float(np.exp(log) * tau)

    ends = (1e-4, 20.0)
    total = quad(lambda tau: told(tau)[0], *ends, points=[1.0])[0]
    tau = quad(lambda tau: told(tau)[1], *ends, points=[1.0])[0] / total
    # What is left of a person's distance from the mean of all, and that mean's share.
    kept = quad(lambda t: told(t)[0] * t**2 / (own + t**2), *ends, points=[1.0])[0] / total
    table = found.params
    for label, wanted in (
        ("sd(y(0))", tau),
        ("y(0)", means.mean()),
        ("y(0) [2]", means.mean() + kept * (means[2] - means.mean())),
    ):
        row = table.loc[label]
        assert row["mean"] == pytest.approx(wanted, abs=4.0 * row["mcse"])
    assert found.idata.posterior["y(0) [person]"].dims == ("chain", "draw", "person")
    assert found.idata.log_likelihood["y"].shape == (2, 150, 21)
    assert len(found.loo(by="group").pointwise) == 7


def test_persons_that_do_not_differ(line: tr.Model, arguments: dict[str, Any]) -> None:
    # Every person has the same residuals, so the spread's best value is zero, and the slope is
    # that of ordinary regression.
    t = np.tile(np.arange(5.0), 6)
    y = 0.3 * t + np.tile([0.1, -0.1, 0.1, 0.0, -0.1], 6)
    data = pd.DataFrame({"person": np.repeat(list("abcdef"), 5), "t": t, "y": y})
    vary = {"a": tr.Vary(0.2, random=True), "sigma": tr.Vary(0.3, scale="log")}
    fit = tr.fit(line, data, vary=vary, **arguments)
    assert fit.params.loc["sd(a)", "at_bound"]
    assert fit.params.loc["a", "value"] == pytest.approx((t @ y) / (t @ t), rel=1e-6)
    assert "persons do not differ in a" in fit.report()


@pytest.fixture(scope="module")
def cases(shared: Path) -> Path:
    return shared / "cases" / "fitting"


def test_theophylline(cases: Path) -> None:
    yaml = pytest.importorskip("yaml", reason="reads the reference cases, needs pyyaml")
    folder = cases / "pop_theophylline"
    expected = yaml.safe_load((folder / "expected.yaml").read_text(encoding="utf-8"))["A"]
    data = pd.read_csv(folder / "measurements.csv").rename(columns={"measurement": "conc"})
    model = tr.Model(
        "theophylline",
        rhs={"depot": "-exp(lKa) * depot", "centre": "exp(lKa) * depot - exp(lKe) * centre"},
        params={"lKa": 0.5, "lKe": -2.5, "lCl": -3.0, "dose": 4.0},
        initial={"depot": "dose", "centre": 0.0},
    )
    vary = {
        "lKe": tr.Vary(-2.5),
        "lKa": tr.Vary(0.5, random=True),
        "lCl": tr.Vary(-3.0, random=True),
        "sigma": tr.Vary(1.0, scale="log"),
    }
    for nodes, kind in ((1, "laplace_same_code"), (7, "exact_ml_quadrature_9_points_each")):
        fit = tr.fit(
            model,
            data,
            time="time",
            group="participant",
            observed={"conc": tr.Gaussian("centre * exp(lKe) / exp(lCl)", sd="sigma")},
            params={"dose": "dose"},
            vary=vary,
            starts=1,
            quadrature=nodes,
        )
        wanted, found = expected[kind], fit.params["value"]
        assert fit.converged
        assert -2.0 * fit.loglik == pytest.approx(wanted["minus2LL"], abs=5e-3)
        for name in ("lCl", "lKa", "lKe"):
            value = wanted[name][0] if nodes > 1 else wanted[name]
            error = fit.params.loc[name, "stderr"]
            assert found[name] == pytest.approx(value, abs=0.02 * error)
            if nodes > 1:
                assert error == pytest.approx(wanted[name][1], rel=0.03)
        for name in ("lKa", "lCl"):
            assert found[f"sd({name})"] ** 2 == pytest.approx(wanted[f"var_{name}"], rel=0.01)
        assert found["sigma"] ** 2 == pytest.approx(wanted["sigma2"], rel=0.002)


def test_judges_of_wine(cases: Path) -> None:
    yaml = pytest.importorskip("yaml", reason="reads the reference cases, needs pyyaml")
    folder = cases / "lik_ordinal_wine"
    expected = yaml.safe_load((folder / "expected.yaml").read_text(encoding="utf-8"))["B_laplace"]
    data = pd.read_csv(folder / "measurements.csv")
    model = tr.Model(
        "taste",
        rhs={"eta": "0"},
        params=dict.fromkeys(("judge", "b_warm", "b_yes", "warm", "yes"), 0.0),
        initial={"eta": "judge + b_warm * warm + b_yes * yes"},
    )
    cuts = ["c1", "c2", "c3", "c4"]
    # The first cut point is held, and the judges' mean is free in its place.
    vary = {name: tr.Vary(0.0) for name in ("b_warm", "b_yes")}
    vary |= {name: tr.Vary(2.0 * k) for k, name in enumerate(cuts) if k}
    vary["judge"] = tr.Vary(2.0, random="participant")
    fit = tr.fit(
        model,
        data,
        time="time",
        group=["participant", "trial"],
        observed={"measurement": tr.Ordinal("eta", cuts, link="logit")},
        params={"warm": "warm", "yes": "yes", "c1": 0.0},
        vary=vary,
        starts=1,
    )
    assert fit.loglik == pytest.approx(expected["logLik"], abs=1e-3)
    for name in ("b_warm", "b_yes"):
        value, error = expected[name]
        assert fit.params.loc[name, "value"] == pytest.approx(value, abs=5e-3)
        assert fit.params.loc[name, "stderr"] == pytest.approx(error, rel=0.03)
    shift = fit.params.loc["judge", "value"]
    assert -shift == pytest.approx(expected["c1"], abs=5e-3)
    for name in cuts[1:]:
        value = fit.params.loc[name, "value"]
        assert value - shift == pytest.approx(expected[name], abs=5e-3)
    assert fit.params.loc["sd(judge)", "value"] ** 2 == pytest.approx(
        expected["variance"], rel=0.01
    )


@pytest.fixture(scope="module")
def choices() -> dict[str, Any]:
    """Return a model of choices in a trust game, bundled data of six persons, and how to fit."""
    data = tr.data.load("srndna_trust_partners")
    some = data["subject"].unique()[:6]
    data = data[(data["partner"] == "friend") & data["subject"].isin(some)].copy()
    data["trial"] = data.groupby("subject").cumcount()
    data["back"] = data["outcome"].map({"recip": 0.5, "defect": -0.5}).fillna(0.0)
    data["high"] = (data["invested"] == data["high"]).where(data["invested"].notna()).astype(float)
    model = tr.Model(
        "learn",
        rhs={"T": "(back - T)/tau"},
        params={"tau": 5},
        initial={"T": 0},
        inputs={"back": 0},
    )
    return {
        "model": model,
        "data": data,
        "time": "trial",
        "group": "subject",
        "inputs": {"back": "back"},
        "starts": 1,
    }


def test_a_probability_without_a_link_has_no_mode_at_its_edge(choices: dict[str, Any]) -> None:
    """Persons who always choose alike have their best probability at 1, where it ends."""
    vary = {"b_0": tr.Vary(0.5, min=-5, max=5, random=True), "b_T": tr.Vary(0.1, min=-5, max=5)}
    observed = {"high": tr.Binomial("b_0 + b_T*T")}
    with pytest.raises(tr.SolveError, match=r"edge of what is possible.*link='logit'") as caught:
        tr.fit(**choices, observed=observed, vary=vary)
    assert caught.value.status is tr.Status.NO_LIKELIHOOD


def test_persons_whose_choices_hardly_tell(choices: dict[str, Any]) -> None:
    """What carried searches for persons' values away, or made them creep, on the bundled data."""
    vary = {
        "tau": tr.Vary(5, min=0.5, max=100, scale="log", random=True),
        "b_0": tr.Vary(0, min=-5, max=5),
        "b_T": tr.Vary(0.1, min=-10, max=10),
    }
    data, observed = choices["data"], {"high": tr.Binomial("b_0 + b_T*T", link="logit")}
    found = tr.fit(**choices, observed=observed, vary=vary)
    assert found.converged
    values = found.params["value"]
    z, total = np.linspace(-7.0, 7.0, 701), 0.0
    tau = np.exp(np.log(values["tau"]) + values["sd(tau)"] * z)
    for _, mine in data.groupby("subject"):
        trust, loglik = np.zeros_like(z), np.zeros_like(z)
        for back, high in zip(mine["back"], mine["high"], strict=True):
            if not np.isnan(high):
                sign = 1.0 if high else -1.0
                loglik -= np.log1p(np.exp(-sign * (values["b_0"] + values["b_T"] * trust)))
            trust = back + (trust - back) * np.exp(-1.0 / tau)
        total += np.log(np.trapezoid(np.exp(loglik) * norm.pdf(z), z))
    assert found.mixed is not None
    assert found.mixed.sampled == pytest.approx(total, abs=5.0 * found.mixed.sampled_error)
    assert found.loglik == pytest.approx(total, abs=0.5)


def test_a_group_that_stays_is_not_solved_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is kept of it is what solving it gives, to the last bit."""
    frame = pd.DataFrame({"who": np.repeat(["a", "b", "c"], 5), "t": np.tile(np.arange(5.0), 3)})
    frame["y"] = np.cos(np.arange(15.0))
    model = tr.Model("decay", rhs={"y": "-k*y"}, params={"k": 0.3}, initial={"y": 1.0})

    def problem() -> Any:
        return tr.objective(
            model,
            frame,
            time="t",
            group="who",
            observed={"y": tr.Gaussian("y", sd=0.5)},
            vary={"k": tr.Vary(0.3, per="who")},
        )._problem

    solved: list[list[float]] = []

    def counted(compiled: Any, rows: Any, p: Any, *more: Any, **options: Any) -> Any:
        solved.append(p[:, 0].tolist())
        return compare_batch(compiled, rows, p, *more, **options)

    kept, moved = problem(), np.array([0.1, 0.5, 0.3])
    kept.by_group(np.array([0.1, 0.2, 0.3]))
    with monkeypatch.context() as patch:
        patch.setattr(predictor, "compare_batch", counted)
        found = kept.by_group(moved)
    assert solved == [[0.5]]
    fresh = problem().by_group(moved)
    for name in ("nll", "gradient", "information"):
        assert (getattr(found, name) == getattr(fresh, name)).all()
