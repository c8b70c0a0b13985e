"""Fits with random values compared, simulated and foreseen: against normal distributions.

Persons have a level of their own, drawn from a normal population, and normal noise of a known
size, so that every density is multivariate normal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

import trustode as tr

NOISE = 0.5
DIFFER = {"b": tr.Vary(0.8, random=True)}
ALIKE = {"b": tr.Vary(0.8)}


@pytest.fixture(scope="module")
def level() -> tr.Model:
    return tr.Model("level", rhs={"y": "0"}, params={"b": 0.8}, initial={"y": "b"})


@pytest.fixture(scope="module")
def arguments() -> dict[str, Any]:
    observed = {"seen": tr.Gaussian("y", sd=NOISE)}
    return {"time": "t", "group": ["person", "day"], "observed": observed}


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    """Return six persons on two days each."""
    rng, rows = np.random.default_rng(2), []
    for person in range(6):
        own = rng.normal(1.0, 1.2)
        for day in range(2):
            for t in (0.0, 1.0):
                seen = own + rng.normal(0.0, NOISE)
                rows.append({"person": person, "day": day, "t": t, "seen": seen})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def fits(level: tr.Model, data: pd.DataFrame, arguments: dict[str, Any]) -> dict[str, tr.Fit]:
    vary = {"differ": {"b": tr.Vary(0.8, random="person")}, "alike": ALIKE}
    return {
        name: tr.fit(level, data, vary=each, starts=1, **arguments) for name, each in vary.items()
    }


def density(values: Any, seen: np.ndarray) -> float:
    """Return the logarithm of the density of what one person shows."""
    n = len(seen)
    covariance = NOISE**2 * np.eye(n) + values["sd(b)"] ** 2
    return float(multivariate_normal(np.full(n, values["b"]), covariance).logpdf(seen))


def test_a_person_left_out_is_a_new_one(
    level: tr.Model, data: pd.DataFrame, arguments: dict[str, Any], fits: dict[str, tr.Fit]
) -> None:
    found = tr.compare(fits, folds="all")
    assert list(found.by_group.index) == list(range(6))
    out = data["person"] == 4
    vary = {"b": tr.Vary(0.8, random="person")}
    rest = tr.fit(level, data[~out], vary=vary, starts=1, **arguments).params["value"]
    seen = data.loc[out, "seen"].to_numpy()
    assert found.by_group.loc[4, "cv_loglik differ"] == pytest.approx(density(rest, seen), abs=1e-3)
    mean = data.loc[~out, "seen"].mean()
    alike = multivariate_normal(np.full(4, mean), NOISE**2 * np.eye(4)).logpdf(seen)
    assert found.by_group.loc[4, "cv_loglik alike"] == pytest.approx(alike, abs=1e-4)
    assert found.table["cv_loglik"].idxmax() == "differ"


def test_what_comes_is_foretold_from_what_a_person_did(
    level: tr.Model, data: pd.DataFrame, arguments: dict[str, Any], fits: dict[str, tr.Fit]
) -> None:
    found = tr.compare(fits, ahead=0.5)
    early = data["t"] == 0.0
    vary = {"b": tr.Vary(0.8, random="person")}
    known = tr.fit(level, data[early], vary=vary, starts=1, **arguments).params["value"]
    errors = []
    for person, mine in data.groupby("person"):
        before = mine.loc[mine["t"] == 0.0, "seen"].to_numpy()
        every = np.concatenate([before, mine.loc[mine["t"] == 1.0, "seen"].to_numpy()])
        told = density(known, every) - density(known, before)
        assert found.by_group.loc[person, "ahead_loglik differ"] == pytest.approx(told, abs=1e-3)
        # The mean of the level given what came before: Gelman et al. (2013), Bayesian Data
        # Analysis, 5.4.
        share = known["sd(b)"] ** 2 / (known["sd(b)"] ** 2 + NOISE**2 / 2.0)
        guess = known["b"] + share * (before.mean() - known["b"])
        errors.append(every[2:] - guess)
    rmse = np.sqrt(np.mean(np.concatenate(errors) ** 2))
    assert found.table.loc["differ", "ahead_rmse_seen"] == pytest.approx(rmse, rel=1e-3)


def test_whether_persons_differ_at_all(fits: dict[str, tr.Fit]) -> None:
    found = tr.compare(fits, bootstrap=19, seed=1).ratios.iloc[0]
    assert (found["null"], found["alternative"]) == ("alike", "differ")
    assert not found["nested"]
    assert found["n_bootstrap"] == 19
    # No data of persons who are alike speak as strongly.
    assert found["p_bootstrap"] == pytest.approx(1.0 / 20.0)


def test_whether_a_design_tells_that_persons_differ(level: tr.Model, data: pd.DataFrame) -> None:
    observed = {"seen": tr.Gaussian("y", sd=NOISE)}
    design = data[data["day"] == 0].drop(columns="seen")
    found = tr.recover(
        {"differ": level, "alike": level},
        design,
        time="t",
        group="person",
        observed=observed,
        vary={"differ": DIFFER, "alike": ALIKE},
        truth={"differ": {"sd(b)": 1.5}},
        n=6,
        seed=3,
    )
    assert found.matrix.loc["differ", "differ"] == 1.0
    assert found.matrix.loc["alike", "alike"] >= 0.5


def test_persons_or_occasions(level: tr.Model) -> None:
    def design(n: int, m: int) -> pd.DataFrame:
        return pd.DataFrame({"person": np.repeat(np.arange(n), m), "t": np.tile(np.arange(m), n)})

    sizes = {"many persons": (20, 2), "many occasions": (5, 8)}
    spread = 0.9
    found = tr.rank_designs(
        level,
        {name: design(n, m) for name, (n, m) in sizes.items()},
        time="t",
        group="person",
        observed={"seen": tr.Gaussian("y", sd=NOISE)},
        vary=DIFFER,
        truth={"sd(b)": spread},
    )
    for name, (n, m) in sizes.items():
        # A person's mean is normal; its variance and Fisher's information of it in closed form.
        v = spread**2 + NOISE**2 / m
        wanted = np.diag([n / v, 0.5 * n * (2.0 * spread**2 / v) ** 2])
        np.testing.assert_allclose(found.information[name], wanted, rtol=1e-6, atol=1e-9)
    assert found.table.index[0] == "many persons"


def test_criteria_do_not_rank_a_population_against_a_value_for_each(level, arguments, data) -> None:
    fits = {
        "alike": tr.fit(level, data, vary=ALIKE, starts=1, **arguments),
        "mixed": tr.fit(
            level, data, vary={"b": tr.Vary(0.8, random="person")}, starts=1, **arguments
        ),
        "each": tr.fit(level, data, vary={"b": tr.Vary(0.8, per="person")}, starts=1, **arguments),
    }
    found = tr.compare(fits)
    (note,) = found.notes
    assert "AIC and BIC do not weigh 'mixed' against 'each'" in note
    assert "prefers" not in found.summary()
    assert not tr.compare({name: fits[name] for name in ("alike", "mixed")}).notes
    assert "AIC prefers 'each'" in tr.compare({n: fits[n] for n in ("alike", "each")}).summary()
