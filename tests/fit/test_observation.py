"""Every family of observations against scipy's densities, differences and sums."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit, ndtr

import trustode as tr

#: Error of a central difference of order 4 with a step of 1e-3, relative to the largest value.
DIFFERENCE = 1e-8

CUTS = ("-1.0", "0.4", "1.1")
LOCATION = np.array([-2.0, -0.3, 0.0, 0.8, 3.0])


def normal_log10(y: np.ndarray, m: np.ndarray, s: np.ndarray) -> np.ndarray:
    return stats.norm.logpdf(np.log10(y), m, s) - np.log(y * np.log(10.0))


#: Family; quantities of five rows; data; what scipy says of data and quantities.
DENSITIES: dict[str, tuple[Any, np.ndarray, np.ndarray, Any]] = {
    "gaussian": (
        tr.Gaussian("y", sd="s"),
        np.column_stack([LOCATION, [0.5, 1.0, 2.0, 0.3, 1.5]]),
        np.array([-1.0, 0.2, -3.0, 0.9, 8.0]),
        lambda y, q: stats.norm.logpdf(y, q[:, 0], q[:, 1]),
    ),
    "log10": (
        tr.Gaussian("y", sd="s", transform="log10"),
        np.column_stack([LOCATION, [0.5, 1.0, 2.0, 0.3, 1.5]]),
        np.array([0.1, 0.7, 3.0, 5.0, 800.0]),
        lambda y, q: normal_log10(y, q[:, 0], q[:, 1]),
    ),
    "log": (
        tr.Gaussian("y", sd="s", transform="log"),
        np.column_stack([LOCATION, [0.5, 1.0, 2.0, 0.3, 1.5]]),
        np.array([0.1, 0.7, 3.0, 5.0, 80.0]),
        lambda y, q: stats.lognorm.logpdf(y, q[:, 1], scale=np.exp(q[:, 0])),
    ),
    "student": (
        tr.StudentT("y", scale="s", df="nu"),
        np.column_stack([LOCATION, [0.5, 1.0, 2.0, 0.3, 1.5], [1.0, 2.5, 4.0, 9.0, 40.0]]),
        np.array([-1.0, 0.2, -3.0, 0.9, 9.0]),
        lambda y, q: stats.t.logpdf(y, q[:, 2], q[:, 0], q[:, 1]),
    ),
    "laplace": (
        tr.Laplace("y", scale="s"),
        np.column_stack([LOCATION, [0.5, 1.0, 2.0, 0.3, 1.5]]),
        np.array([-1.0, 0.2, -3.0, 0.9, 8.0]),
        lambda y, q: stats.laplace.logpdf(y, q[:, 0], q[:, 1]),
    ),
    "choice": (
        tr.Binomial("y", n="n", link="logit"),
        LOCATION[:, None],
        np.array([0.0, 2.0, 1.0, 3.0, 3.0]),
        lambda y, q: stats.binom.logpmf(y, 3, expit(q[:, 0])),
    ),
    "choice by probit": (
        tr.Binomial("y", n="n", link="probit"),
        LOCATION[:, None],
        np.array([0.0, 2.0, 1.0, 3.0, 3.0]),
        lambda y, q: stats.binom.logpmf(y, 3, ndtr(q[:, 0])),
    ),
    "probability": (
        tr.Binomial("y", n="n"),
        np.array([[0.1], [0.4], [0.5], [0.9], [0.99]]),
        np.array([0.0, 2.0, 1.0, 3.0, 3.0]),
        lambda y, q: stats.binom.logpmf(y, 3, q[:, 0]),
    ),
    "count": (
        tr.Poisson("y"),
        np.array([[0.2], [1.0], [3.0], [8.0], [20.0]]),
        np.array([0.0, 2.0, 1.0, 9.0, 13.0]),
        lambda y, q: stats.poisson.logpmf(y, 2.0 * q[:, 0]),
    ),
    "count by log": (
        tr.Poisson("y", link="log"),
        LOCATION[:, None],
        np.array([0.0, 2.0, 1.0, 9.0, 33.0]),
        lambda y, q: stats.poisson.logpmf(y, 2.0 * np.exp(q[:, 0])),
    ),
    "rating": (
        tr.Ordinal("y", ["a", "b", "c"]),
        np.column_stack([LOCATION, np.ones(5), np.tile([-1.0, 0.4, 1.1], (5, 1))]),
        np.array([0.0, 1.0, 2.0, 3.0, 1.0]),
        lambda y, q: cells(expit, y, q[:, 2:], q[:, :1], q[:, 1:2]),
    ),
    "rating by probit": (
        tr.Ordinal("y", ["a", "b", "c"], link="probit", scale="s"),
        np.column_stack([LOCATION, [0.5, 1.0, 2.0, 0.7, 1.5], np.tile([-1.0, 0.4, 1.1], (5, 1))]),
        np.array([0.0, 1.0, 2.0, 3.0, 1.0]),
        lambda y, q: cells(ndtr, y, q[:, 2:], q[:, :1], q[:, 1:2]),
    ),
    "grid": (
        tr.GridGaussian("y", sd="s", values=[0.0, 1.0, 2.0, 4.0]),
        np.column_stack([LOCATION, [0.5, 1.0, 2.0, 0.7, 1.5]]),
        np.array([0.0, 1.0, 2.0, 1.0, 3.0]),
        lambda y, q: (
            cells(ndtr, y, np.tile([0.5, 1.5, 3.0], (5, 1)), q[:, :1], q[:, 1:2], (-0.5, 5.0))
        ),
    ),
    "grid with collected tails": (
        tr.GridGaussian("y", sd="s", values=[0.0, 1.0, 2.0, 4.0], tails="collected"),
        np.column_stack([LOCATION, [0.5, 1.0, 2.0, 0.7, 1.5]]),
        np.array([0.0, 1.0, 2.0, 1.0, 3.0]),
        lambda y, q: cells(ndtr, y, np.tile([0.5, 1.5, 3.0], (5, 1)), q[:, :1], q[:, 1:2]),
    ),
    "option": (
        tr.Categorical({"stay": "a", "go": "b", "wait": 0}),
        np.column_stack([LOCATION, LOCATION[::-1] ** 2, np.zeros(5)]),
        np.array([0.0, 1.0, 2.0, 1.0, 0.0]),
        lambda y, q: np.log(
            np.exp(q)[np.arange(5), y.astype(int)] / np.exp(q).sum(axis=1)
        ),
    ),
}  # fmt: skip


def cells(cumulative, y, cuts, location, scale, ends=(-np.inf, np.inf)) -> np.ndarray:
    """Return the log-probability of the cell between cut points, within outer ends."""
    low, high = (np.full_like(location, end) for end in ends)
    edges = cumulative((np.hstack([low, cuts, high]) - location) / scale)
    shares = np.diff(edges, axis=1) / (edges[:, -1:] - edges[:, :1])
    return np.log(shares[np.arange(len(y)), y.astype(int)])


def known_of(family: Any, n: int) -> dict[str, np.ndarray]:
    values = {"trials": 3.0, "exposure": 2.0}
    return {role: np.full(n, values[role]) for role in family.columns}


@pytest.mark.parametrize("name", DENSITIES)
def test_density_and_slopes(name: str) -> None:
    family, predicted, observed, log_density = DENSITIES[name]
    known = known_of(family, len(observed))
    prepared, known = family.prepared(observed, known)
    found = family.terms(prepared, known, predicted)
    assert found.nll == pytest.approx(-log_density(observed, predicted), rel=1e-12, abs=1e-12)
    for k in range(predicted.shape[1]):
        step = np.zeros(predicted.shape[1])
        step[k] = 1e-3
        at = [-log_density(observed, predicted + m * step) for m in (-2, -1, 1, 2)]
        slope = (8.0 * (at[2] - at[1]) - (at[3] - at[0])) / 12e-3
        assert found.slope[:, k] == pytest.approx(slope, rel=1e-7, abs=DIFFERENCE * 10)


#: What data can be, with the share of each: values of a discrete family, quantiles of another.
SHARES = (np.arange(4000) + 0.5) / 4000


def mean_of_scores(name: str, predicted: np.ndarray) -> np.ndarray:
    """Return the expected product of the scores of one row."""
    family = DENSITIES[name][0]
    if family.options is not None:
        data = np.arange(float(len(family.options)))
    elif name.startswith(("choice", "prob")):
        data = np.arange(4.0)
    elif name.startswith("count"):
        data = np.arange(200.0)
    else:
        shape = np.tile(predicted[2:], (4000, 1))[:, 0] if len(predicted) > 2 else SHARES
        data = predicted[0] + predicted[1] * family.quantile(SHARES, shape)
    rows = np.tile(predicted, (len(data), 1))
    known = known_of(family, len(data))
    terms = family.terms(data, known, rows)
    discrete = len(data) < 4000
    weight = np.exp(-terms.nll) if discrete else np.full(4000, 1 / 4000)
    return np.einsum("r,ri,rj->ij", weight, terms.slope, terms.slope)


@pytest.mark.parametrize("name", [n for n in DENSITIES if n not in ("log", "log10", "rating")])
def test_information_is_the_mean_of_the_scores_product(name: str) -> None:
    family, predicted, observed, _ = DENSITIES[name]
    found = family.terms(observed, known_of(family, len(observed)), predicted).information
    # Quantiles stand for the tails of a continuous distribution to about a percent.
    rel = 1e-9 if family.options is not None or name[:4] in ("choi", "prob", "coun") else 2e-2
    for row in (1, 2, 3):
        wanted = mean_of_scores(name, predicted[row])
        assert np.abs(found[row] - wanted).max() < rel * np.abs(wanted).max()


def test_information_of_a_rating_is_its_curvature() -> None:
    family, predicted, observed, _ = DENSITIES["rating"]
    found = family.terms(observed, {}, predicted).information
    for k in (0, 2, 3, 4):
        step = np.zeros(5)
        step[k] = 1e-4
        up, down = (family.terms(observed, {}, predicted + s * step).slope for s in (1, -1))
        curvature = (up - down) / 2e-4
        free = [0, 2, 3, 4]
        assert found[:, k, free] == pytest.approx(curvature[:, free], abs=1e-6)


LIMITED = {
    "gaussian": (tr.Gaussian("y", sd="s", lower=-0.5, upper=1.0), stats.norm(), ()),
    "student": (tr.StudentT("y", scale="s", df="nu", lower=-0.5, upper=1.0), stats.t(4.0), (4.0,)),
    "laplace": (tr.Laplace("y", scale="s", lower=-0.5, upper=1.0), stats.laplace(), ()),
}


@pytest.mark.parametrize("name", LIMITED)
def test_detection_limits(name: str) -> None:
    family, standard, shape = LIMITED[name]
    observed = np.array([-0.5, -2.0, 0.3, 1.0, 7.0])
    predicted = np.column_stack([[-3.0, 0.1, 0.2, 0.4, 2.0], [1.0, 0.5, 0.7, 2.0, 0.3]])
    predicted = np.hstack([predicted, np.tile(shape, (5, 1))]) if shape else predicted
    known = {"lower": np.full(5, -0.5), "upper": np.full(5, 1.0)}
    prepared, known = family.prepared(observed, known)

    def by_hand(q: np.ndarray, nu: float = 4.0) -> np.ndarray:
        law = stats.t(nu) if name == "student" else standard
        low, middle, high = ((x - q[:, 0]) / q[:, 1] for x in (-0.5, observed, 1.0))
        seen = -law.logpdf(middle) + np.log(q[:, 1])
        return np.select(
            [observed <= -0.5, observed >= 1.0], [-law.logcdf(low), -law.logsf(high)], seen
        )

    found = family.terms(prepared, known, predicted)
    assert found.nll == pytest.approx(by_hand(predicted), rel=1e-12)
    for k in range(2):
        step = np.eye(predicted.shape[1])[k] * 1e-4
        slope = (by_hand(predicted + step) - by_hand(predicted - step)) / 2e-4
        assert found.slope[:, k] == pytest.approx(slope, rel=1e-6, abs=1e-6)
    if name == "student":
        slope = (by_hand(predicted, 4.001) - by_hand(predicted, 3.999)) / 2e-3
        assert found.slope[:, 2] == pytest.approx(slope, rel=1e-5, abs=1e-7)
    # The information is the mean product of scores over all that may be seen.
    n, share = 4000, SHARES
    for row in (1, 3):
        q = np.tile(predicted[row], (n, 1))
        data = q[:, 0] + q[:, 1] * standard.ppf(share)
        many = {role: np.full(n, limit) for role, limit in (("lower", -0.5), ("upper", 1.0))}
        slopes = family.terms(*family.prepared(data, many), q).slope
        assert np.abs(found.information[row] - slopes.T @ slopes / n).max() < 2e-2


def test_small_probabilities_keep_their_digits() -> None:
    family = tr.Ordinal("y", ["a", "b"], link="probit")
    predicted = np.array([[0.0, 1.0, 20.0, 21.0], [0.0, 1.0, -21.0, -20.0]])
    nll = family.terms(np.array([1.0, 1.0]), {}, predicted).nll
    # log(Q(20) - Q(21)) by the asymptotic series of the normal tail, Q(21) / Q(20) = 1e-9.
    log_tail = -200.0 - np.log(20.0 * np.sqrt(2.0 * np.pi)) + np.log1p(-1 / 400 + 3 / 160000)
    assert nll == pytest.approx(-log_tail, rel=1e-6)
    assert nll[0] == pytest.approx(nll[1], rel=1e-12)


@pytest.mark.parametrize("name", DENSITIES)
def test_residuals_are_standard_normal_if_the_model_is_right(name: str) -> None:
    family, predicted, _, _ = DENSITIES[name]
    rng, n = np.random.default_rng(3), 4000
    q = np.tile(predicted[2], (n, 1))
    known = known_of(family, n)
    if family.options is not None:
        chance = np.exp(family.table(q[:1])[0][0])
        data = rng.choice(len(chance), n, p=chance / chance.sum()).astype(float)
    elif name.startswith(("choice", "prob")):
        data = rng.binomial(3, family.shown(q)).astype(float)
    elif name.startswith("count"):
        data = rng.poisson(2.0 * family.shown(q)).astype(float)
    else:
        shape = q[:, 2] if q.shape[1] > 2 else np.zeros(n)
        data = q[:, 0] + q[:, 1] * family.quantile(rng.random(n), shape)
    found = family.residual(data, known, q, rng.random(n))
    assert stats.kstest(found, "norm").pvalue > 1e-3


def test_what_is_shown() -> None:
    assert DENSITIES["log10"][0].shown(np.array([[2.0, 1.0]])) == pytest.approx([100.0])
    rating = tr.Ordinal("y", [0.0], levels=[0, 10])
    assert rating.shown(np.array([[0.0, 1.0, 0.0]])) == pytest.approx([5.0])
    words = tr.Ordinal("y", [0.0], levels=["no", "yes"])
    assert words.shown(np.array([[1.0, 1.0, 0.0]])).tolist() == ["yes"]
    assert DENSITIES["option"][0].shown(np.array([[0.0, 1.0, 0.5]])).tolist() == ["go"]


BAD = {
    "cut points as text": (lambda: tr.Ordinal("y", "abc"), "cuts must be the cut points in order"),
    "cut points disordered": (lambda: tr.Ordinal("y", [2.0, 1.0]), "2 precedes 1"),
    "levels": (lambda: tr.Ordinal("y", ["a"], levels=[1, 2, 3]), "3 levels need 2 cuts, got 1"),
    "link": (lambda: tr.Ordinal("y", ["a"], link="log"), "link='log' must be 'logit' or 'probit'"),
    "transform": (lambda: tr.Gaussian("y", sd=1.0, transform="ln"), "transform='ln' must be"),
    "limits": (lambda: tr.Gaussian("y", sd=1.0, lower=2, upper=1), "lower=2 is not below upper=1"),
    "df": (lambda: tr.StudentT("y", scale=1.0, df=-1), "df=-1 must be positive"),
    "grid": (lambda: tr.GridGaussian("y", sd=1.0, values=[1, 0]), "increasing numbers"),
    "tails": (lambda: tr.GridGaussian("y", sd=1.0, values=[0, 1], tails="cut"), "tails='cut'"),
    "options": (lambda: tr.Categorical(["a", "b"]), "must map each option to its utility"),
    "one option": (lambda: tr.Categorical({"a": "y"}), "at least 2"),
    "exposure": (lambda: tr.Poisson("y", exposure=0.0), "exposure must be a positive number"),
    "keyword": (lambda: tr.StudentT("y", scale=1.0, dff=3), "did you mean 'df'"),
}


@pytest.mark.parametrize("case", BAD)
def test_families_refuse(case: str) -> None:
    make, message = BAD[case]
    with pytest.raises(tr.OptionError, match=message):
        make()


# ------------------------------------------------------------------ in fits


@pytest.fixture(scope="module")
def ramp() -> tr.Model:
    """Return y' = a, so that a prediction is linear in a and y(0)."""
    return tr.Model("ramp", rhs={"y": "a"}, params={"a": 0.5}, initial={"y": 0.0})


def table_of(**columns: Any) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    return pd.DataFrame({"t": np.linspace(0.0, 3.0, n), **columns})


def test_cut_points_stay_in_order(ramp: tr.Model) -> None:
    rng = np.random.default_rng(6)
    data = table_of(r=np.zeros(300))
    latent = 1.2 * data["t"] + rng.logistic(size=300)
    data["r"] = np.array(["low", "some", "high"])[np.searchsorted([0.7, 2.5], latent)]
    family = tr.Ordinal("y", ["c1", "c2"], levels=["low", "some", "high"])
    vary = {
        "a": tr.Vary(0.0, min=-9, max=9),
        "c1": tr.Vary(0.0, min=-20, max=20),
        "c2": tr.Vary(0.1, min=-20, max=20),
    }
    fit = tr.fit(ramp, data, time="t", observed={"r": family}, vary=vary, starts=4)
    assert fit.converged
    assert fit.starts["n_failed"].sum() == 0
    for name, truth in {"a": 1.2, "c1": 0.7, "c2": 2.5}.items():
        row = fit.params.loc[name]
        assert abs(row["value"] - truth) < 3.0 * row["stderr"]
    assert set(fit.residuals["observed"]) == {"low", "some", "high"}
    assert fit.residuals["loglik"].sum() == pytest.approx(fit.loglik, rel=1e-10)
    with pytest.raises(tr.OptionError, match="must increase, but 'c2' starts at -1"):
        tr.fit(ramp, data, time="t", observed={"r": family}, vary={**vary, "c2": tr.Vary(-1.0)})


def test_outliers_do_not_pull_a_heavy_tailed_fit(ramp: tr.Model) -> None:
    rng = np.random.default_rng(2)
    data = table_of(y=np.zeros(200))
    data["y"] = 0.5 * data["t"] + 0.2 * rng.standard_t(2.0, 200)
    data.loc[::40, "y"] += 25.0
    vary = {
        "a": tr.Vary(0.0, min=-9, max=9),
        "s": tr.Vary(0.5, min=1e-3, max=10, scale="log"),
        "nu": tr.Vary(5.0, min=0.3, max=100, scale="log10"),
    }
    observed = {"y": tr.StudentT("y", scale="s", df="nu")}
    fit = tr.fit(ramp, data, time="t", observed=observed, vary=vary, starts=2)
    # scipy's own optimum of the same likelihood.
    x = fit.params["value"]
    law = stats.t(x["nu"], x["a"] * data["t"], x["s"])
    assert fit.loglik == pytest.approx(law.logpdf(data["y"]).sum(), rel=1e-9)
    assert abs(x["a"] - 0.5) < 3 * fit.params.loc["a", "stderr"]
    assert fit.converged


def test_a_laplace_fit_is_the_least_absolute_line(ramp: tr.Model) -> None:
    rng = np.random.default_rng(7)
    # At uneven times, so that no two lines are equally good.
    data = pd.DataFrame({"t": np.r_[0.0, np.sort(rng.uniform(0.0, 3.0, 40))]})
    data["y"] = 0.3 + 0.5 * data["t"] + rng.laplace(0.0, 0.2, 41)
    vary = {
        "a": tr.Vary(0.0, min=-9, max=9),
        "y(0)": tr.Vary(0.0, min=-9, max=9),
        "b": tr.Vary(0.5, min=1e-3, max=10, scale="log"),
    }
    observed = {"y": tr.Laplace("y", scale="b")}
    fit = tr.fit(ramp, data, time="t", observed=observed, vary=vary, starts=3)
    # The line of least absolute residuals goes through two points: try all pairs.
    t, y = data["t"].to_numpy(), data["y"].to_numpy()
    i, j = np.triu_indices(41, 1)
    slope = (y[j] - y[i]) / (t[j] - t[i])
    start = y[i] - slope * t[i]
    least = np.abs(y - start[:, None] - slope[:, None] * t).mean(axis=1)
    best = int(np.argmin(least))
    assert fit.params.loc["a", "value"] == pytest.approx(slope[best], abs=1e-5)
    assert fit.params.loc["b", "value"] == pytest.approx(least[best], rel=1e-5)
    assert fit.loglik == pytest.approx(-41 * (np.log(2 * least[best]) + 1), abs=1e-4)
    # The information of a median is 1 / scale**2, whatever a search used.
    matrix = np.array([[t @ t, t.sum()], [t.sum(), 41.0]]) / least[best] ** 2
    assert fit.params.loc["a", "stderr"] == pytest.approx(
        np.linalg.inv(matrix)[0, 0] ** 0.5, rel=1e-4
    )
    assert fit.converged


def test_several_families_share_one_model(ramp: tr.Model) -> None:
    rng = np.random.default_rng(0)
    data = table_of(y=np.zeros(400))
    mean = 0.2 + 0.5 * data["t"]
    data["y"] = mean * np.exp(0.1 * rng.normal(size=400))
    data["k"] = rng.poisson(np.exp(mean))
    data["o"] = np.where(rng.random(400) < expit(2 * mean - 1), "stay", "go")
    data["m"] = np.clip(np.round(mean + 0.4 * rng.normal(size=400)), 0, 3)
    data["w"] = np.minimum(mean + 0.3 * rng.normal(size=400), 1.4)
    observed = {
        "y": tr.Gaussian("y", sd="s", transform="log"),
        "k": tr.Poisson("y", link="log"),
        "o": tr.Categorical({"stay": "b * y - 1", "go": 0}),
        "m": tr.GridGaussian("y", sd="s4", values=range(4), tails="collected"),
        "w": tr.Gaussian("y", sd="s5 * (1 + 0 * y)", upper=1.4),
    }
    vary = {
        "a": tr.Vary(0.4, min=-9, max=9),
        "y(0)": tr.Vary(0.3, min=0.01, max=3),
        "b": tr.Vary(1.0, min=-9, max=9),
        "s": tr.Vary(0.2, min=0.01, max=3, scale="log"),
        "s4": tr.Vary(0.2, min=0.01, max=3, scale="log"),
        "s5": tr.Vary(0.2, min=0.01, max=3, scale="log"),
    }
    fit = tr.fit(ramp, data, time="t", observed=observed, vary=vary, starts=2)
    truth = {"a": 0.5, "y(0)": 0.2, "b": 2.0, "s": 0.1, "s4": 0.4, "s5": 0.3}
    error = (fit.params["value"] - pd.Series(truth)) / fit.params["stderr"]
    assert (error.abs() < 3.5).all()
    assert fit.converged
    # The gradient of the whole agrees with differences of the whole.
    objective, at = fit.objective, fit.params["value"] * 1.05
    alone = objective.nll(at)
    gradient = objective.gradient(at, scaled=False)
    assert objective.nll(at) == pytest.approx(alone, rel=1e-10)
    for name in at.index:
        step = 1e-4 * at[name]
        up, down = (
            objective.nll(at + pd.Series({name: s * step}).reindex(at.index, fill_value=0))
            for s in (1, -1)
        )
        assert gradient[name] == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=1e-5)


def test_people_may_have_cut_points_of_their_own(ramp: tr.Model) -> None:
    rng = np.random.default_rng(4)
    parts = []
    for person, cuts in {"p": [0.2, 0.9], "q": [1.0, 3.0]}.items():
        part = table_of(r=np.zeros(400)).assign(who=person)
        latent = 0.8 * part["t"] + rng.normal(size=400)
        parts.append(part.assign(r=1.0 + np.searchsorted(cuts, latent)))
    vary = {
        "a": tr.Vary(0.5, min=-9, max=9),
        "c1": tr.Vary(0.0, min=-9, max=9, per="who"),
        "c2": tr.Vary(0.5, min=-9, max=9, per="who"),
    }
    observed = {"r": tr.Ordinal("y", ["c1", "c2"], link="probit")}
    data = pd.concat(parts, ignore_index=True)
    fit = tr.fit(ramp, data, time="t", group="who", observed=observed, vary=vary, starts=2)
    error = (fit.params["value"].to_numpy() - [0.8, 0.2, 1.0, 0.9, 3.0]) / fit.params["stderr"]
    assert (error.abs() < 3.5).all()
    assert fit.converged
    profile = fit.profile("c2 [q]")
    row = profile.intervals.iloc[0]
    assert row["low"] < 3.0 < row["high"]


@pytest.mark.parametrize(("seen", "predicted"), [(1.0, 1.2), (0.0, -0.2), (1.0, -0.2), (0.0, 1.2)])
def test_a_probability_outside_0_to_1_has_no_likelihood(seen: float, predicted: float) -> None:
    terms = tr.Binomial("y").terms(
        np.array([seen]), {"trials": np.ones(1)}, np.array([[predicted]])
    )
    assert terms.nll.tolist() == [np.inf]
