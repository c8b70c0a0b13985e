"""Published problems: the objective at their nominal values, its gradient, and estimates.

The numbers stand in the folder of shared cases, each with its source.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import trustode as tr

pytest.importorskip("yaml", reason="reads the reference cases, needs pyyaml")

import yaml
from _fitting_cases import read_case

#: Relative error that an objective and a gradient (of its largest component) may have.
OBJECTIVE, GRADIENT = 1e-6, 1e-4

PETAB = ("0001", "0003", "0005", "0007", "0011", "0013", "0015", "0019")


@pytest.fixture(scope="module")
def cases(shared: Path) -> Path:
    return shared / "cases" / "fitting"


@pytest.mark.parametrize(
    "name", ["Bertozzi_PNAS2020", "Elowitz_Nature2000", "Perelson_Science1996"]
)
def test_published_objectives(cases: Path, name: str) -> None:
    case = read_case(cases / name)
    objective = case.objective()
    expected = case.expected
    assert objective.nll(case.nominal) == pytest.approx(expected["nllh_nominal"], rel=OBJECTIVE)
    gradient = objective.gradient(case.nominal)
    wanted = pd.Series(expected["gradient_nominal"])[gradient.index]
    assert np.abs(gradient - wanted).max() < GRADIENT * wanted.abs().max()


def test_a_stiff_objective(cases: Path) -> None:
    # One rate is 1e5 of the others, so only a solve without sensitivities may go on.
    case = read_case(cases / "Boehm_JProteomeRes2014")
    wanted = case.expected["nllh_nominal"]
    assert case.objective().nll(case.nominal) == pytest.approx(wanted, rel=OBJECTIVE)


@pytest.mark.parametrize("name", PETAB)
def test_odd_cases_of_the_petab_suite(cases: Path, name: str) -> None:
    case = read_case(cases / "petab_suite_v1" / name)
    wanted = case.expected["nllh_nominal"]
    assert case.objective().nll(case.nominal) == pytest.approx(wanted, rel=1e-9)


@pytest.fixture(scope="module")
def wine(cases: Path) -> tuple[pd.DataFrame, dict]:
    folder = cases / "lik_ordinal_wine"
    expected = yaml.safe_load((folder / "expected.yaml").read_text(encoding="utf-8"))
    return pd.read_csv(folder / "measurements.csv"), expected["A"]


def test_ordinal_regression(wine: tuple[pd.DataFrame, dict]) -> None:
    data, expected = wine
    model = tr.Model(
        "taste",
        rhs={"eta": "0"},
        params=dict.fromkeys(("b_warm", "b_yes", "warm", "yes"), 0.0),
        initial={"eta": "b_warm * warm + b_yes * yes"},
    )
    wide, cuts = {"min": -20.0, "max": 20.0}, ["c1", "c2", "c3", "c4"]
    vary = {name: tr.Vary(0.0, **wide) for name in ("b_warm", "b_yes")}
    vary |= {name: tr.Vary(k - 1.5, **wide) for k, name in enumerate(cuts)}
    fit = tr.fit(
        model,
        data,
        time="time",
        group=["participant", "trial"],
        observed={"measurement": tr.Ordinal("eta", cuts, link="logit")},
        params={"warm": "warm", "yes": "yes"},
        vary=vary,
        starts=3,
    )
    assert fit.converged
    assert fit.loglik == pytest.approx(expected["logLik"], abs=1e-9)
    assert fit.aic == pytest.approx(expected["AIC"], abs=5e-3)
    for name in vary:
        value, stderr = expected[name]
        assert fit.params.loc[name, "value"] == pytest.approx(value, abs=1e-6)
        assert fit.params.loc[name, "stderr"] == pytest.approx(stderr, rel=1e-5)
