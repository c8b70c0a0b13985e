"""Random values integrated over all they may be, against integrals made outside."""

from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

import trustode as tr

#: Persons whose likelihood has two hills, one, or its best value where the hills part.
SQUARES = (1.1, 0.8, 0.3, 0.05, 0.02, -0.1)


@pytest.fixture(scope="module")
def square() -> tr.Model:
    """Return a model that shows the square of a value."""
    return tr.Model("square", rhs={"y": "0"}, params={"b": 0.1}, initial={"y": "b**2"})


def study(seen: Any) -> dict[str, Any]:
    """Return the arguments of a fit to persons who are seen once."""
    data = pd.DataFrame({"person": np.arange(len(seen)), "t": 0.0, "y": seen})
    vary = {"b": tr.Vary(0.1, random=True)}
    observed = {"y": tr.Gaussian("y", sd=0.2)}
    return {"data": data, "vary": vary, "time": "t", "group": "person", "observed": observed}


def outside(seen: Any, mean: float, sd: float) -> float:
    """Return the negative log-likelihood of squares by the trapezoidal rule."""
    z = np.linspace(-9.0, 9.0, 6001)
    densities = norm.pdf((mean + sd * z) ** 2, np.asarray(seen)[:, None], 0.2) * norm.pdf(z)
    return -float(np.log(np.trapezoid(densities, z, axis=1)).sum())


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 0.1), (0.02, 0.7), (0.5, 0.35), (-1.0, 1.5)])
def test_a_value_whose_square_is_seen(square: tr.Model, mean: float, sd: float) -> None:
    objective = tr.objective(square, quadrature="adaptive", **study(SQUARES))
    values = {"b": mean, "sd(b)": sd}
    assert objective.nll(values) == pytest.approx(outside(SQUARES, mean, sd), rel=1e-8)
    found, h = objective.gradient(values, scaled=False), 1e-4
    for name, step in (("b", (h, 0.0)), ("sd(b)", (0.0, h))):
        sides = [outside(SQUARES, mean + s * step[0], sd + s * step[1]) for s in (1.0, -1.0)]
        assert found[name] == pytest.approx((sides[0] - sides[1]) / (2.0 * h), rel=1e-5, abs=1e-5)


def test_a_needle_on_a_shoulder_and_persons_far_out() -> None:
    """A person's data may say much within little, and little within much."""
    model = tr.Model(
        "needle",
        rhs={"y": "0"},
        params={"b": 0.0, "k": 50.0},
        initial={"y": "b"},
        observables={"risen": "2*tanh(k*b) - exp(-(k*(b - 0.4))**2)"},
    )
    seen = {0: -2.0, 1: 2.0, 2: 1.0, 3: 0.3}
    data = pd.DataFrame({"person": list(seen), "t": 0.0, "y": list(seen.values())})
    given = {"time": "t", "group": "person", "observed": {"y": tr.Gaussian("risen", sd=0.2)}}
    z = np.linspace(-20.0, 20.0, 400_001)
    for mean, sd in ((0.0, 1.0), (0.3, 0.2), (3.0, 0.3)):
        b = mean + sd * z
        risen = 2.0 * np.tanh(50.0 * b) - np.exp(-((50.0 * (b - 0.4)) ** 2))
        total = 0.0
        for y in seen.values():
            total -= np.log(np.trapezoid(norm.pdf(y, risen, 0.2) * norm.pdf(z), z))
        vary = {"b": tr.Vary(0.1, random=True)}
        objective = tr.objective(model, data, vary=vary, quadrature="adaptive", **given)
        assert objective.nll({"b": mean, "sd(b)": sd}) == pytest.approx(total, rel=1e-7)


def test_values_for_which_a_model_cannot_be_solved() -> None:
    """A solution that ends before its last data has no likelihood."""
    model = tr.Model("g", rhs={"y": "b*y**2"}, params={"b": 0.1}, initial={"y": 1.0})
    t, persons, rng = np.linspace(0.0, 4.0, 6), 12, np.random.default_rng(1)
    seen = 1.0 / (1.0 - rng.uniform(0.0, 0.2, persons)[:, None] * t)
    seen += rng.normal(0.0, 0.3, seen.shape)
    person = np.repeat(np.arange(persons), t.size)
    data = pd.DataFrame({"person": person, "t": np.tile(t, persons), "y": seen.ravel()})
    objective = tr.objective(
        model,
        data,
        time="t",
        group="person",
        observed={"y": tr.Gaussian("y", sd=0.3)},
        vary={"b": tr.Vary(0.1, random=True)},
        quadrature="adaptive",
    )
    z = np.linspace(-9.0, 9.0, 40_001)
    for sd in (0.1, 0.4):
        b = 0.1 + sd * z
        z_kept, b = z[4.0 * b < 1.0], b[4.0 * b < 1.0]
        grown = 1.0 / (1.0 - b[:, None] * t)
        total = 0.0
        for each in seen:
            density = np.exp(norm.logpdf(each, grown, 0.3).sum(axis=1)) * norm.pdf(z_kept)
            total -= float(np.log(np.trapezoid(density, z_kept)))
        assert objective.nll({"b": 0.1, "sd(b)": sd}) == pytest.approx(total, rel=1e-7)


def best_of(seen: Any) -> tuple[float, float]:
    """Return the largest log-likelihood of squares, and where the spread is then."""
    best = minimize(
        lambda x: outside(seen, x[0], np.exp(x[1])), [0.4, -0.7], method="Nelder-Mead", tol=1e-9
    )
    return -float(best.fun), float(np.exp(best.x[1]))


def test_a_fit_by_the_integral_itself(square: tr.Model) -> None:
    rng = np.random.default_rng(6)
    seen = rng.normal(0.6, 0.5, 6) ** 2 + rng.normal(0.0, 0.2, 6)
    loglik, sd = best_of(seen)
    fit = tr.fit(square, starts=1, quadrature="adaptive", **study(seen))
    assert fit.converged
    assert not any("Laplace's method" in note for note in fit.notes)
    assert fit.loglik == pytest.approx(loglik, abs=1e-6)
    assert fit.params.loc["sd(b)", "value"] == pytest.approx(sd, rel=1e-4)
    # The check by draws sees the second hill, too.
    assert abs(fit.mixed.sampled - fit.loglik) < 3.0 * fit.mixed.sampled_error
    around = tr.fit(square, starts=1, quadrature=5, **study(seen))
    told = " ".join(tr.compare({"around": around, "over all": fit}).notes)
    assert "'around' by quadrature with 5 nodes a value, 'over all' by adaptive quadrature" in told


@pytest.mark.slow
def test_a_fit_goes_on_where_laplaces_method_is_rough(square: tr.Model) -> None:
    rng = np.random.default_rng(3)
    seen = rng.normal(0.4, 0.5, 20) ** 2 + rng.normal(0.0, 0.2, 20)
    fit = tr.fit(square, starts=1, **study(seen))
    assert fit.mixed.method == "adaptive quadrature"
    assert fit.converged
    assert fit.loglik == pytest.approx(best_of(seen)[0], abs=1e-6)


def test_what_an_interrupt_leaves_is_by_the_integral_searched_by(
    square: tr.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("trustode.fit.estimate"), "is_rough", lambda *_: True)
    rng, ended = np.random.default_rng(6), []
    seen = rng.normal(0.6, 0.5, 6) ** 2 + rng.normal(0.0, 0.2, 6)

    def interrupt(done: int, total: int) -> None:
        ended.append(done == total == 1)
        if ended[-1] and sum(ended) == 2:
            raise KeyboardInterrupt

    with pytest.raises(tr.Interrupted, match="1 of 1 finished") as caught:
        tr.fit(square, starts=1, progress=interrupt, **study(seen))
    kept = caught.value.partial
    assert kept.mixed.method == "adaptive quadrature"
    assert any("integrated by quadrature='adaptive'" in note for note in kept.notes)
    assert kept.loglik == pytest.approx(best_of(seen)[0], abs=1e-6)


def test_what_cannot_be_integrated_so_is_said(square: tr.Model) -> None:
    given = study(SQUARES)
    with pytest.raises(tr.OptionError, match="'adaptiv'; did you mean 'adaptive'"):
        tr.objective(square, quadrature="adaptiv", **given)
    vary = {**given["vary"], "y(0)": tr.Vary(0.1, random=True)}
    with pytest.raises(tr.OptionError, match="integrates one random value, and 2 are random"):
        tr.objective(square, quadrature="adaptive", **{**given, "vary": vary})
