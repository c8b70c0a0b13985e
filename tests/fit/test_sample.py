"""Posteriors that are known: normal ones, cut off at bounds."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.integrate import quad
from scipy.stats import lognorm, norm, truncnorm

import trustode as tr
from trustode.fit import Fit

#: Monte Carlo standard errors within which a mean has to be.
ERRORS = 4.0


@pytest.fixture
def sampler() -> None:
    """Skip where the sampler is not installed."""
    pytest.importorskip("nutpie", reason="needs the extra trustode[sample]")


def line_fit(drift: tr.Model, line: pd.DataFrame, **bounds: float) -> Fit:
    """Fit slope and start of a line with a known standard deviation."""
    return tr.fit(
        drift,
        line,
        time="t",
        observed={"y": tr.Gaussian("y", sd=0.3)},
        vary={"a": tr.Vary(0.7, **bounds), "y(0)": tr.Vary(1.0)},
        starts=1,
    )


@pytest.mark.usefixtures("sampler")
def test_regression_has_a_normal_posterior(drift: tr.Model, line: pd.DataFrame) -> None:
    fit = line_fit(drift, line)
    seen: list[tuple[int, int]] = []
    found = fit.sample(draws=400, chains=2, warmup=200, seed=1, progress=lambda *s: seen.append(s))
    for name, row in found.params.iterrows():
        value, error = fit.params.loc[name, ["value", "stderr"]]
        assert row["mean"] == pytest.approx(value, abs=ERRORS * row["mcse"])
        assert row["sd"] == pytest.approx(error, rel=0.15)
        assert row["mcse"] == pytest.approx(row["sd"] / np.sqrt(row["ess_bulk"]), rel=0.2)
    covariance = fit.covariance.to_numpy()
    wanted = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    assert found.draws[["a", "y(0)"]].corr().iloc[0, 1] == pytest.approx(wanted, abs=0.05)
    assert found.n_divergent == 0
    assert seen[-1] == (1200, 1200)
    assert list(found.draws.columns) == ["chain", "draw", "a", "y(0)"]
    assert found.idata.posterior["a"].shape == (2, 400)
    assert any("flat without end" in note for note in found.notes)
    assert "R-hat" in found.summary()
    again = fit.sample(draws=400, chains=2, warmup=200, seed=1, threads=1)
    pd.testing.assert_frame_equal(found.draws, again.draws)


@pytest.mark.usefixtures("sampler")
@pytest.mark.parametrize("sides", [("min",), ("max",), ("min", "max")])
def test_bounds_cut_the_posterior_off(drift: tr.Model, sides: tuple[str, ...]) -> None:
    data = pd.DataFrame({"t": np.arange(9.0), "y": np.random.default_rng(5).normal(1.0, 0.6, 9)})
    mean, error = data["y"].mean(), 0.6 / 3.0
    # Bounds half a standard error to either side of the mean.
    edges = {"min": mean - 0.5 * error, "max": mean + 0.5 * error}
    fit = tr.fit(
        drift,
        data,
        time="t",
        observed={"y": tr.Gaussian("y", sd=0.6)},
        vary={"y(0)": tr.Vary(mean, **{side: edges[side] for side in sides})},
        starts=1,
    )
    found = fit.sample(draws=400, chains=2, warmup=200).params.loc["y(0)"]
    low = -0.5 if "min" in sides else -np.inf
    high = 0.5 if "max" in sides else np.inf
    known = truncnorm(low, high, loc=mean, scale=error)
    assert found["mean"] == pytest.approx(known.mean(), abs=ERRORS * found["mcse"])
    assert found["sd"] == pytest.approx(known.std(), rel=0.15)


@pytest.mark.usefixtures("sampler")
def test_values_of_persons_have_a_dimension(drift: tr.Model) -> None:
    data = pd.DataFrame({"t": [0.0, 1.0] * 2, "who": list("aabb"), "y": [1.0, 1.1, 2.0, 2.1]})
    fit = tr.fit(
        drift,
        data,
        time="t",
        observed={"y": tr.Gaussian("y", sd=0.5)},
        vary={"y(0)": tr.Vary(0.0, min=-9, max=9, per="who")},
        group="who",
        starts=1,
    )
    found = fit.sample(draws=200, chains=2, warmup=100)
    assert found.idata.posterior["y(0)"].dims == ("chain", "draw", "who")
    ours = found.draws["y(0) [b]"].to_numpy().reshape(2, 200)
    assert ours == pytest.approx(found.idata.posterior["y(0)"].sel(who="b").to_numpy())
    assert found.plot("y(0) [b]").get_xlabel() == "y(0) [b]"


def test_without_the_packages_it_says_what_to_install(
    drift: tr.Model, line: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nutpie", None)
    with pytest.raises(ImportError, match=r"trustode\[sample\]"):
        line_fit(drift, line).sample()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"draws": 0}, "draws=0"),
        ({"chains": 1.5}, "chains=1.5"),
        ({"level": 95}, "between 0 and 1"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_options_that_cannot_be_are_refused(
    drift: tr.Model, line: pd.DataFrame, wrong: dict, told: str
) -> None:
    with pytest.raises(tr.OptionError, match=told):
        line_fit(drift, line).sample(**wrong)


@pytest.mark.usefixtures("sampler")
@pytest.mark.parametrize("scale", ["lin", "log"])
@pytest.mark.parametrize("prior_scale", ["lin", "log10"])
def test_a_prior_is_a_density_of_the_value_on_its_own_scale(
    drift: tr.Model, scale: str, prior_scale: str
) -> None:
    data = pd.DataFrame({"t": np.arange(4.0), "y": [1.1, 0.7, 1.6, 0.9]})
    prior = lognorm(s=0.6, scale=0.8) if prior_scale == "lin" else norm(0.1, 0.2)
    fit = tr.fit(
        drift,
        data,
        time="t",
        observed={"y": tr.Gaussian("y", sd=0.8)},
        vary={"y(0)": tr.Vary(1.0, min=1e-3, scale=scale, prior=prior, prior_scale=prior_scale)},
        starts=1,
    )
    found = fit.sample(draws=500, chains=2, warmup=200, seed=4)

    def density(v: float) -> float:
        # Of the value itself, whatever the prior's scale.
        told = prior.pdf(v) if prior_scale == "lin" else prior.pdf(np.log10(v)) / v
        return float(told * np.exp(-0.5 * np.sum(((data["y"] - v) / 0.8) ** 2)))

    total = quad(density, 1e-3, 9.0)[0]
    mean = quad(lambda v: v * density(v), 1e-3, 9.0)[0] / total
    row = found.params.loc["y(0)"]
    assert row["mean"] == pytest.approx(mean, abs=ERRORS * row["mcse"])
    assert not found.notes


@pytest.mark.usefixtures("sampler")
def test_leaving_out_an_observation(drift: tr.Model, line: pd.DataFrame) -> None:
    fit = line_fit(drift, line)
    found = fit.sample(draws=500, chains=2, warmup=200, seed=3)
    # Ordinary regression with a known standard deviation: what is predicted of a point from the
    # others is normal, with a variance larger by the leverage.
    t, y, sd = line["t"].to_numpy(), line["y"].to_numpy(), 0.3
    design = np.stack([t, np.ones_like(t)], axis=1)
    wanted = np.empty_like(t)
    for k in range(len(t)):
        kept = np.arange(len(t)) != k
        inverse = np.linalg.inv(design[kept].T @ design[kept])
        mean = design[k] @ inverse @ design[kept].T @ y[kept]
        spread = sd * np.sqrt(1.0 + design[k] @ inverse @ design[k])
        wanted[k] = norm(mean, spread).logpdf(y[k])
    one = found.loo()
    np.testing.assert_allclose(one.pointwise["elpd"], wanted, atol=0.12)
    assert one.elpd == pytest.approx(wanted.sum(), abs=0.3)
    assert one.p == pytest.approx(2.0, abs=0.6)
    assert one.n_doubtful == 0
    assert found.waic().elpd == pytest.approx(wanted.sum(), abs=0.4)
    np.testing.assert_array_equal(one.pointwise["time"], t)
    # The whole log-likelihood of a draw is that of its observations together.
    values = {"a": found.draws.loc[7, "a"], "y(0)": found.draws.loc[7, "y(0)"]}
    pointwise = found.idata.log_likelihood["y"].values[0, 7]
    assert pointwise.sum() == pytest.approx(fit.objective.loglik(values), abs=1e-6)
    import arviz

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = arviz.loo(found.idata)
        if hasattr(arviz, "waic"):
            assert one.elpd == pytest.approx(float(theirs.elpd_loo), abs=1e-9)
            waic = float(arviz.waic(found.idata).elpd_waic)
            assert found.waic().elpd == pytest.approx(waic, abs=0.01)
        else:
            # From arviz 1.0 on, which has no WAIC, the figure is called otherwise.
            assert one.elpd == pytest.approx(float(theirs.elpd), abs=1e-9)
    with pytest.raises(tr.OptionError, match="did you mean 'group'"):
        found.loo(by="groups")

    flat = tr.fit(
        drift,
        line,
        time="t",
        observed={"y": tr.Gaussian("y", sd=sd)},
        vary={"y(0)": tr.Vary(1.0)},
        starts=1,
    )
    other = flat.sample(draws=100, chains=2, warmup=100, seed=3)
    fits = {"line": fit, "flat": flat}
    table = tr.compare(fits, samples={"flat": other, "line": found}).table
    assert table["loo"].idxmax() == "line"
    assert table.loc["flat", "loo_d"] == pytest.approx(other.loo().elpd - one.elpd)
    assert table.loc["flat", "loo_d"] < -3.0 * table.loc["flat", "loo_d_se"]
    with pytest.raises(tr.OptionError, match="give one of each"):
        tr.compare(fits, samples={"line": found})


@pytest.mark.slow
@pytest.mark.usefixtures("sampler")
def test_lynx_and_hare(shared: Path) -> None:
    """Compare with the reference draws of posteriordb."""
    folder = shared / "cases" / "fitting" / "bayes_lynx_hare"
    expected = yaml.safe_load((folder / "expected.yaml").read_text(encoding="utf-8"))["posterior"]
    table = pd.read_csv(folder / "measurements.csv")
    data = table.pivot_table(index="time", columns="observable", values="measurement").reset_index()
    model = tr.Model(
        "lynx-hare",
        rhs={"u": "(alpha - beta * v) * u", "v": "(-gamma + delta * u) * v"},
        params={"alpha": 0.55, "beta": 0.028, "gamma": 0.8, "delta": 0.024},
        initial={"u": 34.0, "v": 5.9},
    )

    def truncated(mean: float, sd: float) -> object:
        return truncnorm(-mean / sd, np.inf, loc=mean, scale=sd)

    size, noise = lognorm(s=1.0, scale=10.0), lognorm(s=1.0, scale=np.exp(-1.0))
    priors = {
        "alpha": (0.55, truncated(1.0, 0.5)),
        "beta": (0.028, truncated(0.05, 0.05)),
        "gamma": (0.8, truncated(1.0, 0.5)),
        "delta": (0.024, truncated(0.05, 0.05)),
        "u(0)": (34.0, size),
        "v(0)": (5.9, size),
        "sigma_u": (0.25, noise),
        "sigma_v": (0.25, noise),
    }
    fit = tr.fit(
        model,
        data,
        time="time",
        observed={
            "hare": tr.Gaussian("u", sd="sigma_u", transform="log"),
            "lynx": tr.Gaussian("v", sd="sigma_v", transform="log"),
        },
        vary={
            name: tr.Vary(value, min=1e-5, max=1e3, scale="log", prior=prior)
            for name, (value, prior) in priors.items()
        },
        starts=1,
    )
    found = fit.sample(draws=300, chains=2, warmup=250, seed=1)
    assert found.n_divergent == 0
    for name, row in found.params.iterrows():
        known = expected[{"u(0)": "u0", "v(0)": "v0"}.get(str(name), str(name))]
        error = np.hypot(row["mcse"], known["sd"] / np.sqrt(known["draws"]))
        assert row["mean"] == pytest.approx(known["mean"], abs=ERRORS * error)
        assert row["sd"] == pytest.approx(known["sd"], rel=0.2)
        assert row["rhat"] < 1.03


@pytest.mark.usefixtures("sampler")
def test_new_data_spread_as_a_regression_says(drift: tr.Model, line: pd.DataFrame) -> None:
    """A new observation has the variance of the prediction and that of its error."""
    from matplotlib.figure import Figure

    fit = line_fit(drift, line)
    found = fit.sample(draws=1000, chains=2, warmup=200, seed=1)
    new = found.idata.posterior_predictive["y"].values.reshape(2000, -1)
    t = found.observations["time"].to_numpy()
    slopes = np.column_stack([t, np.ones_like(t)])
    mean = slopes @ fit.params["value"].to_numpy()
    spread = np.sqrt(((slopes @ fit.covariance.to_numpy()) * slopes).sum(axis=1) + 0.3**2)
    # Draws are nearly independent: errors of 2000 of them, at many times at once.
    np.testing.assert_allclose(new.mean(axis=0), mean, atol=5 * spread.max() / np.sqrt(1000))
    np.testing.assert_allclose(new.std(axis=0), spread, rtol=0.12)
    ax = found.plot(kind="predictive", ax=Figure().subplots())
    band = ax.collections[0].get_paths()[0].vertices
    ends = np.quantile(new, [0.025, 0.975], axis=0).ravel()
    assert np.abs(ends[:, None] - band[:, 1]).min(axis=1).max() < 1e-9
    assert ax.lines[0].get_ydata().tolist() == found.idata.observed_data["y"].values.tolist()
    with pytest.raises(tr.OptionError, match="did you mean 'predictive'"):
        found.plot(kind="predictiv")


@pytest.mark.usefixtures("sampler")
def test_new_data_of_levels_are_levels(drift: tr.Model) -> None:
    from matplotlib.figure import Figure

    words = ["low", "high", "low", "high", "high", "high"]
    fit = tr.fit(
        drift,
        pd.DataFrame({"t": np.arange(6.0), "word": words}),
        time="t",
        observed={"word": tr.Ordinal("y", [1.0], levels=["low", "high"])},
        vary={"y(0)": tr.Vary(1.0, min=-4, max=4)},
        params={"a": 0.5},
        starts=1,
    )
    found = fit.sample(draws=40, chains=1, warmup=40)
    assert {*found.idata.posterior_predictive["word"].values.ravel()} == {"low", "high"}
    ax = found.plot(kind="predictive", ax=Figure().subplots())
    assert ax.lines[0].get_ydata().tolist() == [1.0, 2.0, 1.0, 2.0, 2.0, 2.0]
