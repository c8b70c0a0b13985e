"""Certified nonlinear regressions, stated as the differential equations they solve.

Values: NIST Statistical Reference Datasets, nonlinear regression, Misra1a, Lanczos3, MGH09,
Thurber and BoxBOD, the last three by a clock and their closed forms
(https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml), in the public domain.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar

import trustode as tr
from trustode.fit import Fit

#: Relative error allowed: eight digits of a value, six of a standard error.
VALUE, ERROR = 5e-9, 5e-7


class Certified(NamedTuple):
    value: float
    stderr: float
    start1: float
    start2: float
    high: float


MISRA1A = {
    "b1": Certified(238.94212918, 2.7070075241, 500.0, 250.0, 5000.0),
    "b2": Certified(5.5015643181e-4, 7.2668688436e-06, 1e-4, 5e-4, 0.0055),
}
MISRA1A_RSS = 0.12455138894
MISRA1A_DATA = {
    "x": [
        77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1,
        760.0,
    ],
    "y": [
        10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47,
        81.78,
    ],
}  # fmt: skip
LANCZOS3 = {
    "b1": Certified(0.086816414977, 0.017197908859, 1.2, 0.5, 12.0),
    "b2": Certified(0.95498101505, 0.097041624475, 0.3, 0.7, 9.55),
    "b3": Certified(0.84400777463, 0.041488663282, 5.6, 3.6, 56.0),
    "b4": Certified(2.9515951832, 0.10766312506, 5.5, 4.2, 55.0),
    "b5": Certified(1.5825685901, 0.058371576281, 6.5, 4.0, 65.0),
    "b6": Certified(4.9863565084, 0.034436403035, 7.6, 6.3, 76.0),
}
LANCZOS3_RSS = 1.6117193594e-08
LANCZOS3_Y = [
    2.5134, 2.0443, 1.6684, 1.3664, 1.1232, 0.9269, 0.7679, 0.6389, 0.5338, 0.4479, 0.3776, 0.3197,
    0.2720, 0.2325, 0.1997, 0.1723, 0.1493, 0.1301, 0.1138, 0.1000, 0.0883, 0.0783, 0.0698, 0.0624,
]  # fmt: skip


MGH09 = {
    "b1": Certified(0.19280693458, 0.011435312227, 25.0, 0.25, np.inf),
    "b2": Certified(0.19128232873, 0.19633220911, 39.0, 0.39, np.inf),
    "b3": Certified(0.12305650693, 0.080842031232, 41.5, 0.415, np.inf),
    "b4": Certified(0.13606233068, 0.090025542308, 39.0, 0.39, np.inf),
}
MGH09_RSS = 3.0750560385e-4
MGH09_DATA = {
    "x": [0.0625, 0.0714, 0.0833, 0.1, 0.125, 0.167, 0.25, 0.5, 1.0, 2.0, 4.0],
    "y": [0.0246, 0.0235, 0.0323, 0.0342, 0.0456, 0.0627, 0.0844, 0.16, 0.1735, 0.1947, 0.1957],
}
THURBER = {
    "b1": Certified(1288.1396800, 4.6647963344, 1000.0, 1300.0, np.inf),
    "b2": Certified(1491.0792535, 39.571156086, 1000.0, 1500.0, np.inf),
    "b3": Certified(583.23836877, 28.698696102, 400.0, 500.0, np.inf),
    "b4": Certified(75.416644291, 5.5675370270, 40.0, 75.0, np.inf),
    "b5": Certified(0.96629502864, 0.031333340687, 0.7, 1.0, np.inf),
    "b6": Certified(0.39797285797, 0.014984928198, 0.3, 0.4, np.inf),
    "b7": Certified(0.049727297349, 0.0065842344623, 0.03, 0.05, np.inf),
}
THURBER_RSS = 5642.7082397
THURBER_DATA = {
    "x": [
        -3.067, -2.981, -2.921, -2.912, -2.840, -2.797, -2.702, -2.699, -2.633, -2.481, -2.363,
        -2.322, -1.501, -1.460, -1.274, -1.212, -1.100, -1.046, -0.915, -0.714, -0.566, -0.545,
        -0.400, -0.309, -0.109, -0.103, 0.010, 0.119, 0.377, 0.790, 0.963, 1.006, 1.115, 1.572,
        1.841, 2.047, 2.200,
    ],
    "y": [
        80.574, 84.248, 87.264, 87.195, 89.076, 89.608, 89.868, 90.101, 92.405, 95.854, 100.696,
        101.060, 401.672, 390.724, 567.534, 635.316, 733.054, 759.087, 894.206, 990.785, 1090.109,
        1080.914, 1122.643, 1178.351, 1260.531, 1273.514, 1288.339, 1327.543, 1353.863, 1414.509,
        1425.208, 1421.384, 1442.962, 1464.350, 1468.705, 1447.894, 1457.628,
    ],
}  # fmt: skip


def misra1a() -> tuple[tr.Model, pd.DataFrame]:
    model = tr.Model(
        "Misra1a",
        rhs={"y": "b2 * (b1 - y)"},
        params={"b1": 100.0, "b2": 0.001},
        initial={"y": 0.0},
    )
    data = pd.DataFrame(MISRA1A_DATA)
    start = pd.DataFrame({"x": [0.0], "y": [np.nan]})
    return model, pd.concat([start, data], ignore_index=True)


def lanczos3() -> tuple[tr.Model, pd.DataFrame]:
    model = tr.Model(
        "Lanczos3",
        rhs={"u": "-b2 * u", "v": "-b4 * v", "w": "-b6 * w"},
        params=dict.fromkeys(LANCZOS3, 1.0),
        initial={"u": "b1", "v": "b3", "w": "b5"},
        observables={"total": "u + v + w"},
    )
    return model, pd.DataFrame({"x": 0.05 * np.arange(24), "y": LANCZOS3_Y})


def closed(
    name: str, curve: str, names: Iterable[str], data: dict[str, list[float]]
) -> tuple[tr.Model, pd.DataFrame]:
    """State a closed form by a clock."""
    model = tr.Model(
        name,
        rhs={"x": "1"},
        params=dict.fromkeys(names, 1.0),
        initial={"x": data["x"][0]},
        observables={"curve": curve},
    )
    return model, pd.DataFrame(data)


def mgh09() -> tuple[tr.Model, pd.DataFrame]:
    return closed("MGH09", "b1 * (x**2 + x * b2) / (x**2 + x * b3 + b4)", MGH09, MGH09_DATA)


def thurber() -> tuple[tr.Model, pd.DataFrame]:
    curve = "(b1 + b2 * x + b3 * x**2 + b4 * x**3) / (1 + b5 * x + b6 * x**2 + b7 * x**3)"
    return closed("Thurber", curve, THURBER, THURBER_DATA)


#: Its search passes where b2 has no effect at all.
BOXBOD = {
    "b1": Certified(213.80940889, 12.354515176, 1.0, 100.0, np.inf),
    "b2": Certified(0.54723748542, 0.10455993237, 1.0, 0.75, np.inf),
}
BOXBOD_RSS = 1168.0088766
BOXBOD_DATA = {
    "x": [1.0, 2.0, 3.0, 5.0, 7.0, 10.0],
    "y": [109.0, 149.0, 149.0, 191.0, 213.0, 224.0],
}


def boxbod() -> tuple[tr.Model, pd.DataFrame]:
    return closed("BoxBOD", "b1 * (1 - exp(-b2 * x))", BOXBOD, BOXBOD_DATA)


CASES = {
    "BoxBOD": (boxbod, BOXBOD, BOXBOD_RSS, "curve"),
    "MGH09": (mgh09, MGH09, MGH09_RSS, "curve"),
    "Thurber": (thurber, THURBER, THURBER_RSS, "curve"),
    "Misra1a": (misra1a, MISRA1A, MISRA1A_RSS, "y"),
    "Lanczos3": (lanczos3, LANCZOS3, LANCZOS3_RSS, "total"),
}


@pytest.mark.parametrize("start", ["start1", "start2"])
@pytest.mark.parametrize("name", CASES)
def test_certified_values(name: str, start: str) -> None:
    make, certified, rss, observable = CASES[name]
    model, data = make()
    vary = {p: tr.Vary(getattr(c, start), min=0.0, max=c.high) for p, c in certified.items()}
    vary["sigma"] = tr.Vary(0.1, min=1e-8, max=1e4, scale="log")
    fit = tr.fit(
        model,
        data,
        time="x",
        observed={"y": tr.Gaussian(observable, sd="sigma")},
        vary=vary,
        starts=1,
    )
    n, k = fit.n_observations, len(certified)
    # NIST divides by the degrees of freedom where maximum likelihood divides by n.
    to_nist = np.sqrt(n / (n - k))
    for parameter, c in certified.items():
        row = fit.params.loc[parameter]
        assert row["value"] == pytest.approx(c.value, rel=VALUE)
        assert row["stderr"] * to_nist == pytest.approx(c.stderr, rel=ERROR)
    assert fit.params.loc["sigma", "value"] == pytest.approx(np.sqrt(rss / n), rel=1e-7)
    loglik = -0.5 * n * (np.log(2.0 * np.pi * rss / n) + 1.0)
    assert fit.loglik == pytest.approx(loglik, rel=1e-8)
    assert fit.converged


def boxbod_within(b2: tr.Vary) -> Fit:
    model, data = boxbod()
    return tr.fit(
        model,
        data,
        time="x",
        observed={"y": tr.Gaussian("curve", sd="sigma")},
        vary={
            "b1": tr.Vary(1.0, min=0.0, max=1e4),
            "b2": b2,
            "sigma": tr.Vary(10.0, min=1e-8, max=1e4, scale="log"),
        },
        starts=1,
    )


def test_wide_bounds_do_not_lead_a_search_astray() -> None:
    fit = boxbod_within(tr.Vary(1.0, min=0.0, max=1e4))
    assert fit.params.loc["b2", "value"] == pytest.approx(BOXBOD["b2"].value, rel=VALUE)
    assert fit.converged


def test_a_valley_without_end_is_no_optimum() -> None:
    # Over orders of magnitude a search may go to where exp(-b2 x) is zero, and its gradient too.
    lost = pytest.warns(tr.FitWarning, match="b2 lost its effect on the way")
    with lost, pytest.warns(tr.FitWarning, match="b2 never reaches an observation"):
        fit = boxbod_within(tr.Vary(1.0, min=1e-6, max=1e6, scale="log10"))
    assert fit.params.loc["b2", "value"] > 100.0
    assert not fit.converged


def test_an_optimum_at_a_bound_is_converged() -> None:
    # Within b1 <= 200 the best b1 is 200: there the gradient still pulls, and the other is free.
    model, data = boxbod()
    fit = tr.fit(
        model,
        data,
        time="x",
        observed={"y": tr.Gaussian("curve", sd="sigma")},
        vary={
            "b1": tr.Vary(100.0, min=0.0, max=200.0),
            "b2": tr.Vary(0.75, min=0.0, max=100.0),
            "sigma": tr.Vary(10.0, min=1e-8, max=1e4, scale="log"),
        },
        starts=1,
    )
    x, y = data["x"].to_numpy(), data["y"].to_numpy()
    best = minimize_scalar(
        lambda b2: ((y - 200.0 * (1.0 - np.exp(-b2 * x))) ** 2).sum(),
        bounds=(0.1, 2.0),
        options={"xatol": 1e-10},
    )
    assert fit.converged
    assert fit.params.loc["b1", "at_bound"]
    assert fit.params.loc["b2", "value"] == pytest.approx(best.x, rel=1e-6)


def test_many_starts_find_the_same_optimum() -> None:
    model, data = misra1a()
    vary = {p: tr.Vary(c.start1, min=0.0, max=c.high) for p, c in MISRA1A.items()}
    vary["sigma"] = tr.Vary(0.1, min=1e-8, scale="log")
    observed = {"y": tr.Gaussian("y", sd="sigma")}
    fit = tr.fit(model, data, time="x", observed=observed, vary=vary, starts=6, seed=3)
    assert len(fit.starts) == 6
    assert (fit.starts["nll"] < -fit.loglik + 0.01).sum() >= 2
    assert fit.converged
    assert fit.params.loc["b1", "value"] == pytest.approx(MISRA1A["b1"].value, rel=VALUE)


def test_equal_optima_keep_the_order_of_the_given_values() -> None:
    # The three exponentials may change places; the given values say which is which.
    model, data = lanczos3()
    vary = {p: tr.Vary(c.start2, min=0.0, max=c.high) for p, c in LANCZOS3.items()}
    vary["sigma"] = tr.Vary(0.1, min=1e-8, scale="log")
    observed = {"y": tr.Gaussian("total", sd="sigma")}
    fit = tr.fit(model, data, time="x", observed=observed, vary=vary, starts=4)
    assert fit.params.loc["b1", "value"] == pytest.approx(LANCZOS3["b1"].value, rel=VALUE)
