"""Textbook data: growth of trees with random values, ordered ratings, counts.

Data as in R's packages datasets and MASS.
"""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

import trustode as tr

#: Heights (ft) of 14 pines, ordered by seed source. Kung (1986), Proc. Statist. Comp. Section, ASA.
AGES = (3.0, 5.0, 10.0, 15.0, 20.0, 25.0)
PINES = (
    (4.51, 10.89, 28.72, 41.74, 52.7, 60.92),
    (4.55, 10.92, 29.07, 42.83, 53.88, 63.39),
    (4.79, 11.37, 30.21, 44.4, 55.82, 64.1),
    (3.91, 9.48, 25.66, 39.07, 50.78, 59.07),
    (4.81, 11.2, 28.66, 41.66, 53.31, 63.05),
    (3.88, 9.4, 25.99, 39.55, 51.46, 59.64),
    (4.32, 10.43, 27.16, 40.85, 51.33, 60.07),
    (4.57, 10.57, 27.9, 41.13, 52.43, 60.69),
    (3.77, 9.03, 25.45, 38.98, 49.76, 60.28),
    (4.33, 10.79, 28.97, 42.44, 53.17, 61.62),
    (4.38, 10.48, 27.93, 40.2, 50.06, 58.49),
    (4.12, 9.92, 26.54, 37.82, 48.43, 56.81),
    (3.93, 9.34, 26.08, 37.79, 48.31, 56.43),
    (3.46, 9.05, 25.85, 39.15, 49.12, 59.49),
)

#: Satisfied little, fairly, much: 24 kinds of tenants. Madsen (1976), Scand. J. Stat. 3, 97-106.
TENANTS = (
    (21, 21, 28), (34, 22, 36), (10, 11, 36), (61, 23, 17), (43, 35, 40), (26, 18, 54),
    (13, 9, 10), (8, 8, 12), (6, 7, 9), (18, 6, 7), (15, 13, 13), (7, 5, 11),
    (14, 19, 37), (17, 23, 40), (3, 5, 23), (78, 46, 43), (48, 45, 86), (15, 25, 62),
    (20, 23, 20), (10, 22, 24), (7, 10, 21), (57, 23, 13), (31, 21, 13), (5, 6, 13),
)  # fmt: skip

#: Breaks of yarn: nine looms of each wool and tension. Tippett (1950), Technological Applications.
BREAKS = (
    26, 30, 54, 25, 70, 52, 51, 26, 67, 18, 21, 29, 17, 12, 18, 35, 30, 36,
    36, 21, 24, 18, 10, 43, 28, 15, 26, 27, 14, 29, 19, 29, 31, 41, 20, 44,
    42, 26, 19, 16, 39, 28, 21, 39, 29, 20, 21, 24, 17, 13, 15, 15, 16, 28,
)  # fmt: skip


def pines_alike(values: np.ndarray) -> float:
    """Return the exact log-likelihood of the pines: the asymptote enters linearly."""
    asym, r0, lrc, sd, s = values
    fall = np.exp(-np.exp(lrc) * np.array(AGES))
    spread = sd**2 * np.outer(1.0 - fall, 1.0 - fall) + s**2 * np.eye(len(AGES))
    mean = asym + (r0 - asym) * fall
    return float(multivariate_normal.logpdf(np.array(PINES), mean, spread).sum())


def test_pines_whose_asymptotes_differ() -> None:
    model = tr.Model(
        "pines",
        rhs={"x": "1"},
        params={"Asym": 100.0, "R0": -8.0, "lrc": -3.0},
        initial={"x": AGES[0]},
        observables={"h": "Asym + (R0 - Asym)*exp(-exp(lrc)*x)"},
    )
    data = pd.DataFrame(
        {"tree": np.repeat(np.arange(14), 6), "age": AGES * 14, "height": np.ravel(PINES)}
    )
    given = {
        "time": "age",
        "group": "tree",
        "observed": {"height": tr.Gaussian("h", sd="s")},
        "vary": {
            "Asym": tr.Vary(100.0, random=True),
            "R0": tr.Vary(-8.0),
            "lrc": tr.Vary(-3.0),
            "s": tr.Vary(1.0, scale="log"),
        },
    }
    # Where nlme's example of this model (R, ?nlme) ends, with its log-likelihood -114.743.
    ended = {
        "Asym": 101.4496,
        "R0": -8.62733,
        "lrc": -3.23375,
        "sd(Asym)": 3.650642,
        "s": 0.7188625,
    }
    names = list(ended)
    there = -tr.objective(model, data, **given).nll(ended)
    assert there == pytest.approx(-114.743, abs=5e-4)
    assert there == pytest.approx(pines_alike(np.array(list(ended.values()))), abs=1e-7)
    # It is not quite the best.
    best = minimize(
        lambda x: -pines_alike(np.r_[x[:3], np.exp(x[3:])]),
        [102.0, -8.5, -3.24, 1.3, -0.33],
        method="BFGS",
        options={"gtol": 1e-7},
    )
    fit = tr.fit(model, data, starts=1, **given)
    assert fit.converged
    assert fit.loglik == pytest.approx(-best.fun, abs=1e-6)
    wanted = np.r_[best.x[:3], np.exp(best.x[3:])]
    assert fit.params.loc[names, "value"].to_numpy() == pytest.approx(wanted, rel=1e-4)


def test_tenants_and_their_housing() -> None:
    """Venables & Ripley (2002), Modern Applied Statistics with S, 7.3: deviance 3479.15."""
    effects = {"medium": 0.5664, "high": 1.2888, "apartment": -0.5724, "atrium": -0.3662,
               "terrace": -1.0910, "contact": 0.3603}  # fmt: skip
    rows = []
    for k, counts in enumerate(TENANTS):
        contact, kind, influence = k // 12, k // 3 % 4, k % 3
        known = [influence == 1, influence == 2, kind == 1, kind == 2, kind == 3, contact == 1]
        each = dict(zip((f"is_{name}" for name in effects), map(float, known), strict=True))
        for level, count in enumerate(counts, 1):
            rows += [{"kind": k, "t": 0.0, "level": level, **each}] * count
    model = tr.Model(
        "tenants",
        rhs={"z": "0"},
        params=dict.fromkeys([*effects, *(f"is_{name}" for name in effects)], 0.0),
        initial={"z": 0.0},
        observables={"eta": " + ".join(f"{name}*is_{name}" for name in effects)},
    )
    fit = tr.fit(
        model,
        pd.DataFrame(rows),
        time="t",
        group="kind",
        observed={"level": tr.Ordinal("eta", cuts=["c1", "c2"], link="logit")},
        params={f"is_{name}": f"is_{name}" for name in effects},
        vary={**dict.fromkeys(effects, tr.Vary(0.0)), "c1": tr.Vary(-0.5), "c2": tr.Vary(0.5)},
        starts=1,
    )
    assert -2.0 * fit.loglik == pytest.approx(3479.149, abs=5e-4)
    wanted = {**effects, "c1": -0.4961, "c2": 0.6907}
    assert fit.params.loc[list(wanted), "value"].to_numpy() == pytest.approx(
        np.array(list(wanted.values())), abs=6e-5
    )


def test_breaks_of_yarn() -> None:
    """R's example(warpbreaks), summary(glm(breaks ~ wool + tension, poisson)): AIC 493.06."""
    k = np.arange(54)
    data = pd.DataFrame({"kind": k // 9, "t": 0.0, "breaks": BREAKS})
    data["is_B"], data["is_M"] = (k >= 27).astype(float), (k // 9 % 3 == 1).astype(float)
    data["is_H"] = (k // 9 % 3 == 2).astype(float)
    names = ("is_B", "is_M", "is_H")
    model = tr.Model(
        "yarn",
        rhs={"z": "0"},
        params=dict.fromkeys(["a", "B", "M", "H", *names], 0.0),
        initial={"z": 0.0},
        observables={"rate": "exp(a + B*is_B + M*is_M + H*is_H)"},
    )
    fit = tr.fit(
        model,
        data,
        time="t",
        group="kind",
        observed={"breaks": tr.Poisson("rate")},
        params={name: name for name in names},
        vary=dict.fromkeys("aBMH", tr.Vary(0.0)),
        starts=1,
    )
    assert fit.aic == pytest.approx(493.06, abs=5e-3)
    for column, wanted in (
        ("value", [3.69196, -0.20599, -0.32132, -0.51849]),
        ("stderr", [0.04541, 0.05157, 0.06027, 0.06396]),
    ):
        assert fit.params.loc[list("aBMH"), column].to_numpy() == pytest.approx(wanted, abs=6e-6)
