"""Fits of textbooks: regressions, as models whose states stand still, and growth of trees.

Housing: Venables & Ripley (2002), Modern Applied Statistics with S, 7.3 (`polr`), data of
Madsen (1976), Scand. J. Stat. 3, 97-106. Counts: Dobson (1990), An Introduction to Generalized
Linear Models, 93, as in the example of R's `glm`. Orange trees: Draper & Smith (1981), Applied
Regression Analysis, 559; estimates of `nlmer` as printed by its manual (lme4), where the random
value enters linearly, so that Laplace's method is exact.
"""

import pandas as pd
import pytest

import trustode as tr

#: Contact, type and influence by rows, the last fastest; columns: satisfaction.
HOUSING = [
    21, 21, 28, 34, 22, 36, 10, 11, 36, 61, 23, 17, 43, 35, 40, 26, 18, 54, 13, 9, 10, 8, 8, 12,
    6, 7, 9, 18, 6, 7, 15, 13, 13, 7, 5, 11, 14, 19, 37, 17, 23, 40, 3, 5, 23, 78, 46, 43, 48, 45,
    86, 15, 25, 62, 20, 23, 20, 10, 22, 24, 7, 10, 21, 57, 23, 13, 31, 21, 13, 5, 6, 13,
]  # fmt: skip
HOUSING_PUBLISHED = {
    "medium": (0.5664, 0.1047),
    "high": (1.2888, 0.1272),
    "apartment": (-0.5724, 0.1192),
    "atrium": (-0.3662, 0.1552),
    "terrace": (-1.0910, 0.1515),
    "contact": (0.3603, 0.0955),
    "c1": (-0.4961, 0.1248),
    "c2": (0.6907, 0.1255),
}


def linear(name: str, dummies: list[str], more: str = "") -> tr.Model:
    """State a linear predictor: each dummy by a coefficient."""
    terms = [f"b_{each} * {each}" for each in dummies]
    return tr.Model(
        name,
        rhs={"eta": "0"},
        params=dict.fromkeys([*dummies, *(f"b_{each}" for each in dummies), *more.split()], 0.0),
        initial={"eta": " + ".join([*more.split(), *terms])},
    )


def test_satisfaction_with_housing() -> None:
    rows, dummies = [], list(HOUSING_PUBLISHED)[:-2]
    for k, count in enumerate(HOUSING):
        cell, rating = divmod(k, 3)
        contact, kind, influence = cell // 12, cell // 3 % 4, cell % 3
        on = [influence == 1, influence == 2, kind == 1, kind == 2, kind == 3, contact == 1]
        row = {"cell": cell, "time": 0.0, "rating": rating + 1}
        rows += [row | {each: int(is_on) for each, is_on in zip(dummies, on, strict=True)}] * count
    wide = {"min": -10.0, "max": 10.0}
    vary = {f"b_{each}": tr.Vary(0.0, **wide) for each in dummies}
    fit = tr.fit(
        linear("housing", dummies),
        pd.DataFrame(rows),
        time="time",
        group="cell",
        observed={"rating": tr.Ordinal("eta", ["c1", "c2"], link="logit")},
        params={each: each for each in dummies},
        vary=vary | {"c1": tr.Vary(-0.5, **wide), "c2": tr.Vary(0.5, **wide)},
        starts=2,
    )
    assert fit.converged
    assert fit.n_observations == 1681
    assert -2.0 * fit.loglik == pytest.approx(3479.149, abs=5e-4)
    for name, (value, stderr) in HOUSING_PUBLISHED.items():
        row = fit.params.loc[name if name in fit.params.index else f"b_{name}"]
        assert row["value"] == pytest.approx(value, abs=6e-5)
        assert row["stderr"] == pytest.approx(stderr, abs=6e-5)


def test_counts_of_a_trial() -> None:
    counts = [18.0, 17.0, 15.0, 20.0, 10.0, 20.0, 25.0, 13.0, 12.0]
    dummies = ["outcome2", "outcome3", "treatment2", "treatment3"]
    rows = [
        {
            "cell": k,
            "time": 0.0,
            "count": count,
            "outcome2": int(k % 3 == 1),
            "outcome3": int(k % 3 == 2),
            "treatment2": int(k // 3 == 1),
            "treatment3": int(k // 3 == 2),
        }
        for k, count in enumerate(counts)
    ]
    vary = {f"b_{each}": tr.Vary(0.0, min=-9, max=9) for each in dummies}
    fit = tr.fit(
        linear("dobson", dummies, "b_0"),
        pd.DataFrame(rows),
        time="time",
        group="cell",
        observed={"count": tr.Poisson("exp(eta)")},
        params={each: each for each in dummies},
        vary=vary | {"b_0": tr.Vary(1.0, min=-9, max=9)},
        starts=2,
    )
    assert fit.aic == pytest.approx(56.76, abs=5e-3)
    published = {
        "b_0": (3.045, 0.1709),
        "b_outcome2": (-0.4543, 0.2022),
        "b_outcome3": (-0.2930, 0.1927),
        "b_treatment2": (0.0, 0.2000),
        "b_treatment3": (0.0, 0.2000),
    }
    for name, (value, stderr) in published.items():
        assert fit.params.loc[name, "value"] == pytest.approx(value, abs=6e-4)
        assert fit.params.loc[name, "stderr"] == pytest.approx(stderr, abs=6e-5)


def test_growth_of_orange_trees() -> None:
    age = [118, 484, 664, 1004, 1231, 1372, 1582]
    trees = [
        [30, 58, 87, 115, 120, 142, 145],
        [33, 69, 111, 156, 172, 203, 203],
        [30, 51, 75, 108, 115, 139, 140],
        [32, 62, 112, 167, 179, 209, 214],
        [30, 49, 81, 125, 142, 174, 177],
    ]
    rows = [(k, *pair) for k, tree in enumerate(trees) for pair in zip(age, tree, strict=True)]
    model = tr.Model(
        "orange",
        rhs={"girth": "girth * (1 - girth / asymptote) / scale"},
        params={"asymptote": 190.0, "middle": 700.0, "scale": 350.0},
        initial={"girth": "asymptote / (1 + exp((middle - 118) / scale))"},
    )
    fit = tr.fit(
        model,
        pd.DataFrame(rows, columns=["tree", "age", "girth"]),
        time="age",
        group="tree",
        observed={"girth": tr.Gaussian("girth", sd="sigma")},
        vary={
            "asymptote": tr.Vary(190.0, min=1, max=1000, random=True),
            "middle": tr.Vary(700.0, min=1, max=3000),
            "scale": tr.Vary(350.0, min=1, max=3000),
            "sigma": tr.Vary(8.0, min=0.01, max=100, scale="log"),
        },
        starts=1,
    )
    published = {
        "asymptote": 192.05,
        "middle": 727.90,
        "scale": 348.07,
        "sd(asymptote)": 31.65,
        "sigma": 7.843,
    }
    assert fit.loglik == pytest.approx(-131.57, abs=5e-3)
    for name, value in published.items():
        assert fit.params.loc[name, "value"] == pytest.approx(value, rel=2e-4)
