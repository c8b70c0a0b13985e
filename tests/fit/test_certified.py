"""Certified nonlinear regressions, stated as the differential equations they solve.

Values: NIST Statistical Reference Datasets, nonlinear regression, Misra1a and Lanczos3
(https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml), in the public domain.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

import trustode as tr

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


CASES = {
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
