"""Groups that begin in a steady state: closed forms, derivatives, what cannot rest."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import trustode as tr

TIMES = np.array([0.0, 0.5, 1.0, 3.0])


@pytest.fixture(scope="module")
def chain() -> tr.Model:
    """Return a driven decay with a copy that lags behind."""
    return tr.Model(
        "chain",
        rhs={"x": "s + u - k * x", "z": "x - m * z**2"},
        params={"s": 1.0, "k": 0.5, "m": 2.0},
        initial={"x": 0.1, "z": 0.1},
        inputs={"u": 0.0},
    )


def closed(t: np.ndarray, s: float, k: float, before: float, now: float) -> np.ndarray:
    """Return x of `chain` that rests under one input and then gets another."""
    return (s + now) / k + (before - now) / k * np.exp(-k * t)


def data_of(**levels: float) -> pd.DataFrame:
    parts = [pd.DataFrame({"g": g, "t": TIMES, "u": u, "before": 0.3}) for g, u in levels.items()]
    return pd.concat(parts, ignore_index=True).assign(x=1.0)


@pytest.mark.parametrize("initial", ["equilibrium", tr.AtRest(inputs={"u": "before"})])
def test_rest_before_the_data(chain: tr.Model, initial) -> None:
    data = data_of(a=0.0, b=0.7)
    before = 0.0 if initial == "equilibrium" else 0.3
    objective = tr.objective(
        chain,
        data,
        time="t",
        group="g",
        observed={"x": tr.Gaussian("x", sd=0.4)},
        inputs={"u": "u"},
        initial=initial,
        vary={"s": tr.Vary(1.0, scale="log"), "k": tr.Vary(0.5)},
    )

    def by_hand(s: complex, k: complex) -> complex:
        y = np.r_[closed(TIMES, s, k, before, 0.0), closed(TIMES, s, k, before, 0.7)]
        return complex((0.5 * ((1.0 - y) / 0.4) ** 2).sum() + 8 * np.log(0.4 * np.sqrt(2 * np.pi)))

    at = {"s": 1.3, "k": 0.8}
    assert objective.nll(at) == pytest.approx(by_hand(1.3, 0.8).real, rel=1e-10)
    gradient = objective.gradient(at, scaled=False)
    assert gradient["s"] == pytest.approx(by_hand(1.3 + 1e-30j, 0.8).imag / 1e-30, rel=1e-9)
    assert gradient["k"] == pytest.approx(by_hand(1.3, 0.8 + 1e-30j).imag / 1e-30, rel=1e-9)


def test_gradient_through_a_nonlinear_rest(chain: tr.Model) -> None:
    data = data_of(a=0.4).rename(columns={"x": "z"})
    objective = tr.objective(
        chain,
        data,
        time="t",
        group="g",
        observed={"z": tr.Gaussian("z", sd=0.3)},
        inputs={"u": "u"},
        initial=tr.AtRest(then={"x": 2.0}),
        vary={n: tr.Vary(v) for n, v in {"s": 1.0, "k": 0.5, "m": 2.0}.items()},
    )
    assert objective.predict()["z"].iloc[0] == pytest.approx(1.0, rel=1e-12)
    gradient, h = objective.gradient(), 1e-5
    for name, value in objective.start.items():
        up, down = (objective.nll({name: value + s * h}) for s in (1, -1))
        assert gradient[name] == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-7)


def test_conserved_sums_stay_as_they_began() -> None:
    model = tr.Model(
        "exchange",
        rhs={"a": "-k * a + r * b", "b": "k * a - r * b"},
        params={"k": 0.5, "r": 1.5, "total": 2.0},
        initial={"a": "total", "b": 0.0},
    )
    objective = tr.objective(
        model,
        pd.DataFrame({"t": [0.0, 1.0], "a": [1.0, 1.0]}),
        time="t",
        observed={"a": tr.Gaussian("a", sd=1.0)},
        initial="equilibrium",
        vary={"k": tr.Vary(0.5), "total": tr.Vary(2.0)},
    )
    # a rests at total r / (k + r) = 1.5.
    assert objective.predict()["a"].tolist() == pytest.approx([1.5, 1.5], rel=1e-12)
    by_total = 2 * 0.5 * 0.75
    by_k = 2 * 0.5 * (-2.0 * 1.5 / 4.0)
    assert objective.gradient().to_numpy() == pytest.approx([by_k, by_total], rel=1e-9)


def test_what_never_rests_is_a_failed_evaluation() -> None:
    model = tr.models.load("van-der-pol")
    first = model.states[0]
    arguments = {
        "time": "t",
        "observed": {"y": tr.Gaussian(first, sd=1.0)},
        "vary": {model.params[0]: tr.Vary(1.0, min=0.5, max=2.0)},
    }
    data = pd.DataFrame({"t": [0.0, 1.0], "y": [0.0, 0.0]})
    objective = tr.objective(model, data, initial="equilibrium", **arguments)
    with pytest.raises(tr.SolveError, match=r"no steady state was reached by t = .* before the"):
        objective.nll()
    with pytest.raises(
        tr.SolveError, match=r"Look with tr\.simulate whether the model comes to rest"
    ):
        tr.fit(model, data, initial="equilibrium", starts=1, **arguments)
    with pytest.raises(tr.OptionError, match="initial='equilibrum' must be"):
        tr.objective(model, data, initial="equilibrum", **arguments)


def test_rest_needs_equations_without_time() -> None:
    model = tr.Model("clock", rhs={"y": "sin(t) - y"}, params={"a": 1.0}, initial={"y": 0.0})
    with pytest.raises(tr.OptionError, match="dy/dt depends on time, so there is no state of rest"):
        tr.objective(
            model,
            pd.DataFrame({"t": [0.0], "y": [0.0]}),
            time="t",
            observed={"y": tr.Gaussian("a * y", sd=1.0)},
            vary={"a": tr.Vary(1.0)},
            initial="equilibrium",
        )


@pytest.mark.parametrize("name", ["0009", "0017"])
def test_preequilibration_of_the_petab_suite(shared: Path, name: str) -> None:
    yaml = pytest.importorskip("yaml", reason="reads the reference cases, needs pyyaml")
    folder = shared / "cases" / "fitting" / "petab_suite_v1" / name
    about = yaml.safe_load((folder / "model.yaml").read_text(encoding="utf-8"))
    expected = yaml.safe_load((folder / "expected.yaml").read_text(encoding="utf-8"))
    before, now = (each["set"] for each in about["conditions"])
    params = {"a0": 1.0, "b0": 0.0, "k2": 0.6}
    # Case 17 starts from other values in the first condition, and sets A again after it.
    initial = {"A": before.get("A", "a0"), "B": before.get("B", "b0")}
    model = tr.Model(name, rhs=about["rhs"], params=params, initial=initial, inputs={"k1": 0.0})
    table = pd.read_csv(folder / "measurements.csv")
    data = pd.concat(
        [pd.DataFrame({"time": [0.0]}), table.rename(columns={"measurement": "obs_a"})],
        ignore_index=True,
    )
    objective = tr.objective(
        model,
        data,
        time="time",
        observed={"obs_a": tr.Gaussian("A", sd=0.5)},
        vary={"k2": tr.Vary(0.6, min=0.0, max=10.0)},
        inputs={"k1": now["k1"]},
        initial=tr.AtRest(inputs={"k1": before["k1"]}, then={k: now[k] for k in now if k != "k1"}),
    )
    assert objective.nll() == pytest.approx(expected["nllh_nominal"], rel=1e-9)
